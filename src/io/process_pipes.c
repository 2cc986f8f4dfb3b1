/* process_pipes.c - our ends of a child's pipes. A process is looked up anew after each wait: it
 * may have been closed meanwhile. */
#include "io/process.h"

#include "sys/pipe.h"
#include "sys/process.h"

#include <coil/fd.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>

static int get_end(const struct coil_process *handle, int end)
{
    struct coil_process *process = NULL;
    int rc = coil__process_find(handle, &process);

    if (rc < 0) {
        return rc;
    }
    return process->fds[end] >= 0 ? process->fds[end] : -EBADF;
}

int coil_process_stdin(const struct coil_process *handle)
{
    return get_end(handle, 0);
}

int coil_process_stdout(const struct coil_process *handle)
{
    return get_end(handle, 1);
}

int coil_process_stderr(const struct coil_process *handle)
{
    return get_end(handle, 2);
}

int coil_process_close_stdin(struct coil_process *handle)
{
    struct coil_process *process = NULL;
    int rc = coil__process_find(handle, &process);

    if (rc < 0) {
        return rc;
    }
    coil__process_close_end(process, 0);
    return process->had_stdin ? 0 : -EBADF;
}

/* One write, after a wait if need be. */
static ssize_t write_some(struct coil_process *handle, const char *buf, size_t size)
{
    for (;;) {
        int fd = get_end(handle, 0);
        ssize_t rc = fd < 0 ? fd : coil__pipe_write_quietly(fd, buf, size);

        if (rc != -EAGAIN) {
            return rc;
        }
        rc = coil_poll(fd, POLLOUT);
        if (rc < 0) {
            return rc;
        }
    }
}

ssize_t coil_process_write(struct coil_process *handle, const void *buf, size_t size)
{
    struct coil_task *self;
    size_t written = 0;
    ssize_t rc = coil__begin(&self);

    rc = rc < 0 ? rc : get_end(handle, 0);
    if (rc < 0) {
        return rc;
    }
    if ((!buf && size > 0) || size > SSIZE_MAX) {
        return -EINVAL;
    }
    while (written < size) {
        rc = coil_check_cancel();
        rc = rc < 0 ? rc : write_some(handle, (const char *)buf + written, size - written);
        if (rc < 0) {
            return written > 0 ? (ssize_t)written : rc;
        }
        written += (size_t)rc;
    }
    coil__spend(self);
    return (ssize_t)written;
}
