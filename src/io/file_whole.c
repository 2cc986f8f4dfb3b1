/* file_whole.c - reading and replacing whole files.
 *
 * Each is one job in one thread, which looks between two pieces whether it was asked to stop. What
 * it has opened, allocated or created is gone again when it fails.
 */
#include "base/memory.h"
#include "io/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 1024 * 1024, FIRST_SIZE = 4096, NAME_SIZE = 32, NAME_TRIES = 16 };

/* --- reading --- */

struct read_job {
    const char *path;
    size_t limit;
    atomic_bool stop;
    char *data; /* room for `capacity` bytes and one more */
    size_t capacity;
    size_t size;
};

static int grow(struct read_job *job, size_t capacity)
{
    char *data;

    capacity = capacity < job->limit ? capacity : job->limit;
    data = coil__realloc_array(job->data, capacity + 1, 1);
    if (!data) {
        return -ENOMEM;
    }
    job->data = data;
    job->capacity = capacity;
    return 0;
}

/* Reads to the end. The byte that would hold the NUL shows whether there is more. */
static int read_on(struct read_job *job, int fd)
{
    for (;;) {
        size_t room = job->capacity + 1 - job->size;
        struct coil_op op = {.kind_ = COIL__OP_READ, .fd_ = fd, .offset_ = -1};
        ssize_t count;

        if (job->stop) {
            return -ECANCELED;
        }
        if (room == 0) {
            int rc = job->capacity == job->limit ? -COIL_ELIMIT : grow(job, job->capacity * 2);

            if (rc < 0) {
                return rc;
            }
            continue;
        }
        op.buf_ = job->data + job->size;
        op.size_ = room < PIECE ? room : PIECE;
        count = coil__os_call(&op);
        if (count <= 0) {
            return (int)count;
        }
        job->size += (size_t)count;
    }
}

static int read_open(struct read_job *job, int fd)
{
    struct stat status = {.st_size = 0};
    struct coil__file_call call = {.kind = COIL__FILE_FSTAT, .fd = fd, .status = &status};
    int rc = (int)coil__os_file_call(&call);

    if (rc < 0) {
        return rc;
    }
    if (!S_ISREG(status.st_mode)) {
        return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
    }
    if ((uint64_t)status.st_size > job->limit) {
        return -COIL_ELIMIT;
    }
    /* The files of /proc have no size. */
    rc = grow(job, status.st_size > 0 ? (size_t)status.st_size : FIRST_SIZE);
    return rc < 0 ? rc : read_on(job, fd);
}

static int run_read(void *arg)
{
    struct read_job *job = arg;
    struct coil__file_call call = {
        .kind = COIL__FILE_OPEN,
        .fd = AT_FDCWD,
        .path = job->path,
        .flags = O_RDONLY | O_NONBLOCK, /* the open of a FIFO would wait for its peer */
    };
    int fd = (int)coil__os_file_call(&call);
    int rc;

    if (fd < 0) {
        return fd;
    }
    rc = read_open(job, fd);
    coil__os_close(fd);
    if (rc < 0) {
        coil__free(job->data);
        return rc;
    }
    job->data[job->size] = '\0';
    return 0;
}

int coil_file_read(const char *path, size_t limit, char **ret_data, size_t *ret_size)
{
    struct read_job job = {.path = path, .limit = limit < SSIZE_MAX ? limit : SSIZE_MAX - 1};
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!path || !ret_data) {
        return -EINVAL;
    }
    rc = coil__thread_wait(self, run_read, &job, &job.stop, "file read");
    rc = (int)coil__cancel_reason(self, rc);
    if (rc < 0) {
        return rc;
    }
    *ret_data = job.data;
    if (ret_size) {
        *ret_size = job.size;
    }
    return 0;
}

void coil_file_free(char *data)
{
    coil__free(data);
}

/* --- replacing --- */

struct write_job {
    const char *path;
    const char *data;
    size_t size;
    unsigned mode;
    atomic_bool stop;
    int folder;           /* all names below start from it */
    const char *name;     /* the last part of path */
    char temp[NAME_SIZE]; /* the file beside it */
};

static int call_on(int kind, int fd)
{
    return (int)coil__os_file_call(
        &(struct coil__file_call){.kind = (enum coil__file_call_kind)kind, .fd = fd});
}

/* Opens the folder, and finds the name in it. */
static int open_folder(struct write_job *job)
{
    const char *slash = strrchr(job->path, '/');
    struct coil__file_call call = {
        .kind = COIL__FILE_OPEN, .fd = AT_FDCWD, .path = ".", .flags = O_RDONLY | O_DIRECTORY};
    char *folder = NULL;
    int rc;

    job->name = slash ? slash + 1 : job->path;
    if (*job->name == '\0') {
        return slash ? -EISDIR : -ENOENT;
    }
    if (slash) {
        size_t length = (size_t)(job->name - job->path);

        folder = coil__calloc(length + 1, 1);
        if (!folder) {
            return -ENOMEM;
        }
        memcpy(folder, job->path, length);
        call.path = folder;
    }
    rc = (int)coil__os_file_call(&call);
    coil__free(folder);
    if (rc >= 0) {
        job->folder = rc;
    }
    return rc;
}

static int create_temp(struct write_job *job)
{
    struct coil__file_call call = {.kind = COIL__FILE_OPEN,
                                   .fd = job->folder,
                                   .path = job->temp,
                                   .flags = O_WRONLY | O_CREAT | O_EXCL,
                                   .mode = job->mode};
    int rc = -EEXIST;

    for (int tries = 0; tries < NAME_TRIES && rc == -EEXIST; tries++) {
        snprintf(job->temp, sizeof job->temp, ".coil-%016llx.tmp",
                 (unsigned long long)coil__os_random());
        rc = (int)coil__os_file_call(&call);
    }
    return rc;
}

static int write_content(struct write_job *job, int fd)
{
    size_t done = 0;

    while (done < job->size && !job->stop) {
        size_t left = job->size - done;
        struct coil_op op = {.kind_ = COIL__OP_WRITE,
                             .fd_ = fd,
                             .buf_ = (void *)(uintptr_t)(job->data + done),
                             .size_ = left < PIECE ? left : PIECE,
                             .offset_ = -1};
        ssize_t count = coil__os_call(&op);

        if (count <= 0) {
            return count < 0 ? (int)count : -EIO;
        }
        done += (size_t)count;
    }
    return job->stop ? -ECANCELED : call_on(COIL__FILE_FSYNC, fd);
}

/* Puts the content beside the file, and then in its place. */
static int replace(struct write_job *job)
{
    struct coil__file_call call = {
        .kind = COIL__FILE_RENAME, .fd = job->folder, .path = job->temp, .to = job->name};
    int fd = create_temp(job);
    int close_rc;
    int rc;

    if (fd < 0) {
        return fd;
    }
    rc = write_content(job, fd);
    close_rc = coil__os_close(fd);
    rc = rc < 0 ? rc : close_rc;
    if (rc == 0) {
        rc = job->stop ? -ECANCELED : (int)coil__os_file_call(&call);
    }
    if (rc < 0) {
        call.kind = COIL__FILE_UNLINK;
        coil__os_file_call(&call);
        return rc;
    }
    return call_on(COIL__FILE_FSYNC, job->folder);
}

static int run_write(void *arg)
{
    struct write_job *job = arg;
    int rc = open_folder(job);

    if (rc < 0) {
        return rc;
    }
    rc = replace(job);
    coil__os_close(job->folder);
    return rc;
}

int coil_file_write(const char *path, const void *data, size_t size, unsigned mode)
{
    struct write_job job = {.path = path, .data = data, .size = size, .mode = mode};
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!path || (!data && size > 0)) {
        return -EINVAL;
    }
    rc = coil__thread_wait(self, run_write, &job, &job.stop, "file write");
    return (int)coil__cancel_reason(self, rc);
}
