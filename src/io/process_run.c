/* process_run.c - feeding a child and draining it at the same time.
 *
 * Each pipe has a task of its own in a group, so none of them can hold up another one: a child that
 * waits for room in its output while we wait for room in its input is what this is for.
 */
#include "io/process.h"

#include "base/memory.h"

#include <coil/fd.h>
#include <coil/group.h>

#include <errno.h>

#define DEFAULT_MAX ((size_t)16 * 1024 * 1024)

enum {
    FIRST_CAPACITY = 4096,
    SCRATCH = 4096,
    MAX_PIPE = 1024 * 1024, /* what a pipe may hold: nobody who goes on writing keeps us longer */
};

struct feeding {
    struct coil_process *process;
    const char *input;
    size_t size;
};

struct draining {
    int fd;
    struct coil_process_output *output; /* NULL: nobody wants it */
};

/* A child that does not read to the end has its reasons. */
static int feed(void *arg)
{
    struct feeding *feeding = arg;
    ssize_t rc = coil_process_write(feeding->process, feeding->input, feeding->size);

    if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET) {
        return (int)rc;
    }
    rc = coil_check_cancel();
    return rc < 0 ? (int)rc : coil_process_close_stdin(feeding->process);
}

/* Room for some more and the '\0'. -COIL_ELIMIT: it is full. */
static int make_room(struct coil_process_output *output)
{
    size_t max = output->max ? output->max : DEFAULT_MAX;
    size_t capacity = output->capacity_ ? output->capacity_ * 2 : FIRST_CAPACITY;
    char *data;

    if (output->size >= max) {
        return -COIL_ELIMIT;
    }
    if (output->size + 1 < output->capacity_) {
        return 0;
    }
    capacity = capacity < max ? capacity : max + 1;
    data = coil__realloc_array(output->data, capacity, 1);
    if (!data) {
        return -ENOMEM;
    }
    output->data = data;
    output->capacity_ = capacity;
    return 0;
}

static size_t room_of(const struct coil_process_output *output)
{
    size_t max = output->max ? output->max : DEFAULT_MAX;
    size_t room = output->capacity_ - 1 - output->size;

    return room < max - output->size ? room : max - output->size;
}

/* Reads what is there: how much it was; 0 at the end. */
static ssize_t drain_some(int fd, struct coil_process_output *output)
{
    char scratch[SCRATCH];
    ssize_t rc;
    int full = output ? make_room(output) : -COIL_ELIMIT;

    if (full == -ENOMEM) {
        return full;
    }
    if (full < 0) { /* nobody wants it, or nothing may come any more */
        rc = coil_read(fd, scratch, output ? 1 : sizeof scratch);
        return rc > 0 && output ? full : rc;
    }
    rc = coil_read(fd, output->data + output->size, room_of(output));
    if (rc > 0) {
        output->size += (size_t)rc;
        output->data[output->size] = '\0';
    }
    return rc;
}

/* Adds what stands in a pipe; does not wait. */
static void collect_end(int fd, struct coil_process_output *output)
{
    size_t before = output ? output->size : 0;
    ssize_t rc = 1;

    while (output && fd >= 0 && rc > 0 && output->size - before < MAX_PIPE &&
           make_room(output) == 0) {
        struct coil_op op = {.kind_ = COIL__OP_READ,
                             .fd_ = fd,
                             .buf_ = output->data + output->size,
                             .size_ = room_of(output),
                             .offset_ = -1};

        rc = coil__net_os.attempt(NULL, &op);
        output->size += rc > 0 ? (size_t)rc : 0;
        output->data[output->size] = '\0';
    }
}

/* What has come and was not looked at yet: a cancel may have been first, or the child has had
 * something to say about its end. */
static void collect(const struct coil_process *process, struct coil_process_output *out,
                    struct coil_process_output *err)
{
    collect_end(process->fds[1], out);
    collect_end(process->fds[2], err);
}

static int drain(void *arg)
{
    struct draining *draining = arg;
    ssize_t rc;

    do {
        rc = drain_some(draining->fd, draining->output);
    } while (rc > 0);
    return (int)rc;
}

/* Once the pipes' tasks have ended, with rc. It may have been closed meanwhile. */
static int finish(struct coil_process *handle, int rc, struct coil_process_output *out,
                  struct coil_process_output *err)
{
    struct coil_process *process = NULL;
    int found = coil__process_find(handle, &process);

    if (found == 0 && rc < 0) {
        collect(process, out, err);
    }
    if (found == 0 && rc == 0 && process->is_reaped) {
        return process->status; /* even if a cancel has come just now */
    }
    return rc < 0 ? rc : coil_process_wait(handle);
}

int coil_process_communicate(struct coil_process *handle, const void *input, size_t size,
                             struct coil_process_output *out, struct coil_process_output *err)
{
    struct feeding feeding = {.process = handle, .input = input, .size = size};
    struct draining outs[2] = {{.output = out}, {.output = err}};
    struct coil_process *process = NULL;
    struct coil_group group = {.child_count_ = 0};
    int rc = coil_check_cancel();

    rc = rc < 0 ? rc : coil__process_find(handle, &process);
    if (rc < 0) {
        return rc;
    }
    if ((!input && size > 0) || (size > 0 && process->fds[0] < 0) || (out && out == err)) {
        return -EINVAL;
    }
    outs[0].fd = process->fds[1];
    outs[1].fd = process->fds[2];
    rc = coil_group_open(&group);
    if (rc < 0) {
        return rc;
    }
    if (process->fds[0] >= 0) {
        coil_group_spawn(&group, feed, &feeding); /* a failure is the group's own, and kept */
    }
    for (int i = 0; i < 2; i++) {
        if (outs[i].fd >= 0) {
            coil_group_spawn(&group, drain, &outs[i]);
        }
    }
    rc = coil_group_close(&group);
    return finish(handle, rc, out, err);
}

int coil_process_run(const struct coil_process_options *options, const char *const *argv,
                     const void *input, size_t size, struct coil_process_output *out,
                     struct coil_process_output *err)
{
    struct coil_process_options own = {.env = NULL};
    struct coil_process *process;
    struct coil_process *handle;
    int rc = coil_check_cancel();

    if (rc < 0) {
        return rc;
    }
    own = options ? *options : own;
    own.in = input ? COIL_PROCESS_PIPE : own.in;
    own.out = out ? COIL_PROCESS_PIPE : own.out;
    own.err = err && own.err != COIL_PROCESS_MERGE ? COIL_PROCESS_PIPE : own.err;
    rc = coil_process_spawn(&own, argv, &handle);
    if (rc < 0) {
        return rc;
    }
    rc = coil_process_communicate(handle, input, size, out, err);
    if (coil__process_end(handle, &process) == 0) {
        if (rc < 0) {
            collect(process, out, err);
        }
        coil__process_give_up(process);
    }
    return rc;
}

void coil_process_output_deinit(struct coil_process_output *output)
{
    if (output) {
        coil__free(output->data);
        *output = (struct coil_process_output){.max = output->max};
    }
}
