/* System calls on files, for tasks. */
#include "fault.h"
#include "files.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <sys/resource.h>
#include <sys/mount.h>
#include <signal.h>

/* --- every call, by number --- */

enum how {
    PREAD,
    PWRITE,
    PREADV,
    PWRITEV,
    FSYNC,
    FDATASYNC,
    FTRUNCATE,
    FSTAT,
    STAT,
    LSTAT,
    OPEN,
    RENAME,
    UNLINK,
    MKDIR,
    RMDIR,
    SYMLINK,
    READLINK,
    READ_FILE,
    WRITE_FILE,
    DIR_OPEN,
    SENDFILE,
    HOWS,
};

struct job {
    enum how how;
    int fd;
    struct path path;
    struct path other;
    struct stat status;
    char buf[64];
    ssize_t rc;
};

static ssize_t call_path(struct job *job)
{
    struct coil_dir dir = {0};
    char *data = NULL;
    ssize_t rc;

    switch (job->how) {
    case OPEN:
        rc = coil_open(job->path.text, O_RDONLY, 0);
        return rc < 0 ? rc : close((int)rc);
    case RENAME:
        return coil_rename(job->path.text, job->other.text);
    case UNLINK:
        return coil_unlink(job->path.text);
    case MKDIR:
        return coil_mkdir(job->path.text, 0700);
    case RMDIR:
        return coil_rmdir(job->path.text);
    case SYMLINK:
        return coil_symlink("target", job->path.text);
    case READLINK:
        return coil_readlink(job->path.text, job->buf, sizeof job->buf);
    case READ_FILE:
        rc = coil_file_read(job->path.text, 100, &data, NULL);
        coil_file_free(data);
        return rc;
    case WRITE_FILE:
        return coil_file_write(job->path.text, "abc", 3, 0600);
    case DIR_OPEN:
        rc = coil_dir_open(&dir, job->path.text);
        CHECK_OK(coil_dir_close(&dir));
        return rc;
    default:
        return coil_sendfile(-1, job->fd, &(int64_t){0}, 1);
    }
}

static ssize_t call(struct job *job)
{
    struct iovec iov[2] = {{job->buf, 2}, {job->buf + 2, 3}};

    switch (job->how) {
    case PREAD:
        return coil_pread(job->fd, job->buf, 5, 1);
    case PWRITE:
        return coil_pwrite(job->fd, "hello", 5, 1);
    case PREADV:
        return coil_preadv(job->fd, iov, 2, 1);
    case PWRITEV:
        return coil_pwritev(job->fd, iov, 2, 1);
    case FSYNC:
        return coil_fsync(job->fd);
    case FDATASYNC:
        return coil_fdatasync(job->fd);
    case FTRUNCATE:
        return coil_ftruncate(job->fd, 6);
    case FSTAT:
        return coil_fstat(job->fd, &job->status);
    case STAT:
        return coil_stat(job->path.text, &job->status);
    case LSTAT:
        return coil_lstat(job->path.text, &job->status);
    default:
        return call_path(job);
    }
}

static int run_job(void *arg)
{
    struct job *job = arg;

    job->rc = call(job);
    return 0;
}

static struct coil_task *start(struct job *job, enum how how, int fd)
{
    *job = (struct job){.how = how, .fd = fd, .path = path_of("job"), .other = path_of("other")};
    return coil_create_task(run_job, job);
}

/* --- success --- */

TASK_TEST(file_is_written_and_read_at_positions)
{
    struct path path = path_of("file");
    struct iovec iov[2] = {{(char[]){'x', 'y'}, 2}, {(char[]){'z'}, 1}};
    char buf[16] = "";
    int fd = coil_open(path.text, O_RDWR | O_CREAT | O_EXCL, 0600);

    CHECK_OK(fd);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(coil_pwrite(fd, "hello", 5, 3), ==, 5);
    CHECK_INT(coil_pwritev(fd, iov, 2, 0), ==, 3);
    CHECK_INT(coil_pread(fd, buf, 16, 0), ==, 8);
    CHECK_MEM(buf, "xyzhello", 8);
    CHECK_INT(coil_pread(fd, buf, 2, 3), ==, 2);
    CHECK_MEM(buf, "he", 2);
    CHECK_INT(coil_preadv(fd, iov, 2, 5), ==, 3);
    CHECK_MEM(iov[0].iov_base, "ll", 2);
    CHECK_MEM(iov[1].iov_base, "o", 1);
    CHECK_INT(coil_preadv(fd, iov, 2, 7), ==, 1); /* short: the end */
    CHECK_INT(coil_pread(fd, buf, 16, 8), ==, 0);
    CHECK_INT(coil_pread(fd, buf, 16, INT64_MAX / 2), ==, 0);
    CHECK_INT(coil_pread(fd, buf, 0, 0), ==, 0);
    CHECK_INT(coil_pread(fd, NULL, 0, 0), ==, 0);
    CHECK_INT(lseek(fd, 0, SEEK_CUR), ==, 0); /* was left alone */
    CHECK_OK(coil_fsync(fd));
    CHECK_OK(coil_fdatasync(fd));
    CHECK_OK(coil_ftruncate(fd, 4));
    CHECK_INT(coil_pread(fd, buf, 16, 0), ==, 4);
    CHECK_OK(coil_close(fd));
    CHECK_ERR(coil_open(path.text, O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
    return 0;
}

TASK_TEST(file_is_read_and_written_at_the_current_position)
{
    struct path path = make_file("file", 100000);
    struct iovec iov = {(char[]){'z'}, 1};
    char buf[1000];
    size_t sum = 0;
    ssize_t n;
    int fd = coil_open(path.text, O_RDWR, 0);

    while ((n = coil_read(fd, buf, sizeof buf)) > 0) {
        CHECK(is_content(buf, (size_t)n, sum));
        sum += (size_t)n;
    }
    CHECK_INT(n, ==, 0);
    CHECK_INT(sum, ==, 100000);
    CHECK_INT(coil_write(fd, "xy", 2), ==, 2);
    CHECK_INT(coil_writev(fd, &iov, 1), ==, 1);
    CHECK_INT(coil_pread(fd, buf, 10, 100000), ==, 3);
    CHECK_MEM(buf, "xyz", 3);
    CHECK_ERR(coil_read(fd, NULL, 1), -EINVAL);
    CHECK_OK(coil_close(fd));
    return 0;
}

TASK_TEST(file_names_and_status)
{
    struct path file = make_text("file", "hello");
    struct path folder = path_of("folder");
    struct path link = path_of("link");
    struct path other = path_of("other");
    struct stat status;
    char buf[16];
    int fd = coil_open(file.text, O_RDONLY, 0);

    CHECK_OK(coil_fstat(fd, &status));
    CHECK_INT(status.st_size, ==, 5);
    CHECK_OK(coil_close(fd));
    CHECK_OK(coil_mkdir(folder.text, 0700));
    CHECK_OK(coil_stat(folder.text, &status));
    CHECK_INT(status.st_mode, ==, S_IFDIR | 0700);
    CHECK_OK(coil_symlink("file", link.text));
    CHECK_OK(coil_stat(link.text, &status));
    CHECK_INT(status.st_size, ==, 5);
    CHECK_OK(coil_lstat(link.text, &status));
    CHECK(S_ISLNK(status.st_mode));
    CHECK_INT(coil_readlink(link.text, buf, 5), ==, 4);
    CHECK_STR(buf, "file");
    CHECK_ERR(coil_readlink(link.text, buf, 4), -COIL_ELIMIT);
    CHECK_OK(coil_rename(file.text, other.text));
    CHECK_ERR(coil_stat(file.text, &status), -ENOENT);
    CHECK(S_ISLNK(status.st_mode)); /* untouched */
    CHECK_OK(coil_unlink(other.text));
    CHECK_OK(coil_rmdir(folder.text));
    return 0;
}

/* What is in memory is read in place: no thread, no trip through the kernel's queue. */
TASK_TEST(file_warm_read_is_one_system_call)
{
    struct path path = make_file("file", 5000);
    char buf[5000];
    char byte;
    struct iovec iov = {&byte, 1};
    int fd = open(path.text, O_RDONLY);
    uint64_t calls;

    CHECK_INT(read(fd, buf, sizeof buf), ==, 5000);
    if (preadv2(fd, &iov, 1, 0, RWF_NOWAIT) != 1) {
        close(fd);
        test_skip("the file system does not read without waiting");
    }
    calls = fault_calls_total();
    CHECK_INT(coil_pread(fd, buf, 4000, 1000), ==, 4000);
    CHECK_INT(fault_calls_total() - calls, ==, 1);
    CHECK(is_content(buf, 4000, 1000));
    close(fd);
    return 0;
}

/* --- errors --- */

TASK_TEST(file_errors)
{
    struct path path = make_text("file", "hello");
    struct path folder = path_of("folder");
    struct path below = path_of("file/below");
    struct stat status;
    char buf[8] = "?";
    int pipes[2];
    int fd;

    CHECK_OK(coil_mkdir(folder.text, 0700));
    CHECK_ERR(coil_mkdir(folder.text, 0700), -EEXIST);
    CHECK_ERR(coil_open(path_of("absent").text, O_RDONLY, 0), -ENOENT);
    CHECK_ERR(coil_open(below.text, O_RDONLY, 0), -ENOTDIR);
    CHECK_ERR(coil_open(folder.text, O_WRONLY, 0), -EISDIR);
    CHECK_ERR(coil_stat(below.text, &status), -ENOTDIR);
    CHECK_ERR(coil_unlink(folder.text), -EISDIR);
    CHECK_ERR(coil_rmdir(path.text), -ENOTDIR);
    CHECK_ERR(coil_rename(path_of("absent").text, path.text), -ENOENT);
    CHECK_ERR(coil_rename(path.text, folder.text), -EISDIR);
    CHECK_ERR(coil_symlink("x", path.text), -EEXIST);
    CHECK_ERR(coil_readlink(path.text, buf, 8), -EINVAL);
    fd = coil_open(folder.text, O_RDONLY, 0);
    CHECK_ERR(coil_pread(fd, buf, 8, 0), -EISDIR);
    CHECK_OK(coil_close(fd));
    fd = coil_open(path.text, O_RDONLY, 0);
    CHECK_ERR(coil_pwrite(fd, "x", 1, 0), -EBADF);
    CHECK_ERR(coil_ftruncate(fd, 0), -EINVAL);
    CHECK_OK(coil_close(fd));
    CHECK_INT(pipe(pipes), ==, 0);
    CHECK_ERR(coil_pread(pipes[0], buf, 8, 0), -ESPIPE);
    CHECK_ERR(coil_pwrite(pipes[1], "x", 1, 0), -ESPIPE);
    close(pipes[0]);
    close(pipes[1]);
    CHECK_STR(buf, "?");
    return 0;
}

/* An unreadable file; root may read it in spite of that. */
TASK_TEST(file_unreadable)
{
    struct path path = make_text("file", "hello");
    char *data = NULL;

    if (geteuid() == 0) {
        test_skip("root may read everything");
    }
    CHECK_INT(chmod(path.text, 0), ==, 0);
    CHECK_ERR(coil_open(path.text, O_RDONLY, 0), -EACCES);
    CHECK_ERR(coil_file_read(path.text, 100, &data, NULL), -EACCES);
    return 0;
}

TASK_TEST(file_misuse_is_named)
{
    struct iovec iov = {NULL, 0};
    struct stat status;
    char buf[8];

    for (enum how how = PREAD; how <= FSTAT; how++) {
        struct job job = {.how = how, .fd = -1};

        CHECK_ERR(call(&job), -EBADF);
        job.fd = 0x3fffff;
        CHECK_ERR(call(&job), -EBADF);
    }
    CHECK_ERR(coil_pread(0, NULL, 1, 0), -EINVAL);
    CHECK_ERR(coil_pread(0, buf, 1, -1), -EINVAL);
    CHECK_ERR(coil_pread(0, buf, SIZE_MAX, 0), -EINVAL);
    CHECK_ERR(coil_pwrite(0, NULL, 1, 0), -EINVAL);
    CHECK_ERR(coil_preadv(0, &iov, -1, 0), -EINVAL);
    CHECK_ERR(coil_preadv(0, NULL, 1, 0), -EINVAL);
    CHECK_ERR(coil_pwritev(0, &iov, 100000, 0), -EINVAL);
    CHECK_ERR(coil_open(NULL, O_RDONLY, 0), -EINVAL);
    CHECK_ERR(coil_stat(NULL, &status), -EINVAL);
    CHECK_ERR(coil_stat("/", NULL), -EINVAL);
    CHECK_ERR(coil_lstat("/", NULL), -EINVAL);
    CHECK_ERR(coil_fstat(0, NULL), -EINVAL);
    CHECK_ERR(coil_rename("a", NULL), -EINVAL);
    CHECK_ERR(coil_rename(NULL, "a"), -EINVAL);
    CHECK_ERR(coil_unlink(NULL), -EINVAL);
    CHECK_ERR(coil_mkdir(NULL, 0), -EINVAL);
    CHECK_ERR(coil_rmdir(NULL), -EINVAL);
    CHECK_ERR(coil_symlink(NULL, "a"), -EINVAL);
    CHECK_ERR(coil_readlink("a", NULL, 1), -EINVAL);
    CHECK_ERR(coil_readlink("a", buf, 0), -EINVAL);
    CHECK_ERR(coil_ftruncate(0, -1), -EINVAL);
    return 0;
}

COIL_TEST(file_outside_of_a_loop)
{
    for (enum how how = PREAD; how < HOWS; how++) {
        struct job job = {.how = how};

        CHECK_ERR(call(&job), -COIL_ENOLOOP);
    }
}

/* --- a disk that is full --- */

static void write_until_full(const char *path)
{
    static char block[65536];
    ssize_t rc = 0;
    int64_t at = 0;
    int fd = coil_open(path, O_WRONLY | O_CREAT, 0600);

    CHECK_OK(fd);
    while (at < 1 << 22 && (rc = coil_pwrite(fd, block, sizeof block, at)) > 0) {
        at += rc;
    }
    CHECK(rc == -ENOSPC || rc == -EFBIG);
    CHECK_INT(at, >, 0);
    CHECK_OK(coil_close(fd));
}

TASK_TEST(file_size_limit)
{
    struct rlimit limit;
    struct rlimit small = {1 << 20, 1 << 20};
    struct path path = make_text("config", "old");
    static char big[2 << 20];

    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    small.rlim_max = limit.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
    write_until_full(path_of("big").text);
    CHECK_ERR(coil_file_write(path.text, big, sizeof big, 0600), -EFBIG);
    check_text(path, "old");
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    return 0;
}

TASK_TEST(file_system_full)
{
    struct path mount_point = path_of("mount");
    struct path path = path_of("mount/config");
    struct coil_dir_entry entry;
    struct coil_dir dir = {0};
    static char big[2 << 20];

    CHECK_OK(coil_mkdir(mount_point.text, 0700));
    if (mount("none", mount_point.text, "tmpfs", 0, "size=1m") != 0) {
        test_skip("may not mount a file system");
    }
    CHECK_OK(coil_file_write(path.text, "old", 3, 0600));
    CHECK_ERR(coil_file_write(path.text, big, sizeof big, 0600), -ENOSPC);
    check_text(path, "old");
    CHECK_OK(coil_dir_open(&dir, mount_point.text));
    CHECK_INT(coil_dir_next(&dir, &entry), ==, 1);
    CHECK_STR(entry.name, "config");
    CHECK_INT(coil_dir_next(&dir, &entry), ==, 0); /* nothing is left behind */
    CHECK_OK(coil_dir_close(&dir));
    write_until_full(path_of("mount/big").text);
    CHECK_INT(umount(mount_point.text), ==, 0);
    return 0;
}

/* --- a disk that is slow, a pool that is full --- */

static int open_fifo(void *arg)
{
    struct path *path = arg;
    int fd = coil_open(path->text, O_RDONLY, 0);

    return fd < 0 ? fd : coil_close(fd);
}

static int echo(void *arg)
{
    int fd = *(int *)arg;
    char byte;

    while (coil_recv(fd, &byte, 1, 0) == 1 && coil_send_all(fd, &byte, 1) == 1) {
    }
    return 0;
}

/* The open of a FIFO without a peer stands for a disk that does not answer. */
ONE_THREAD_TEST(file_slow_disk_does_not_stall_a_socket)
{
    struct path fifo = path_of("fifo");
    struct path file = make_text("file", "hello");
    struct coil_task *slow;
    struct coil_task *queued;
    struct coil_task *echoing;
    struct job job;
    char byte = 'x';
    int fds[2];
    int peer;

    CHECK_INT(mkfifo(fifo.text, 0600), ==, 0);
    open_fds(fds);
    slow = coil_create_task(open_fifo, &fifo);
    yield_times(2); /* the thread is its, before anybody else asks */
    queued = start(&job, STAT, -1);
    job.path = file;
    echoing = coil_create_task(echo, &fds[1]);
    for (int i = 0; i < 100; i++) {
        CHECK_INT(coil_send_all(fds[0], &byte, 1), ==, 1);
        CHECK_INT(coil_recv(fds[0], &byte, 1, 0), ==, 1);
    }
    CHECK(!coil_task_is_done(slow));
    CHECK(!coil_task_is_done(queued));
    while ((peer = open(fifo.text, O_WRONLY | O_NONBLOCK)) < 0 && !test_has_noticed()) {
        CHECK_OK(coil_yield()); /* the thread is not there yet */
    }
    CHECK_OK(coil_await(slow));
    CHECK_OK(coil_await(queued));
    CHECK_OK(job.rc);
    close(peer);
    CHECK_OK(coil_close(fds[0]));
    CHECK_OK(coil_await(echoing));
    CHECK_OK(coil_close(fds[1]));
    return 0;
}

/* Whether a call needs a thread: what does not depends on the backend. */
static bool always_needs_thread(enum how how)
{
    return how > PWRITEV && how != SENDFILE;
}

ONE_THREAD_TEST(file_cancelled_while_the_pool_is_full)
{
    struct holder holder;
    struct path path = make_text("job", "hello");

    hold_pool(&holder);
    for (enum how how = FSYNC; how < HOWS; how++) {
        struct coil_task *task;
        ssize_t rc = 0;
        struct job job;

        if (!always_needs_thread(how)) {
            continue;
        }
        task = start(&job, how, 0);
        CHECK_OK(coil_yield());
        CHECK_OK(coil_yield());
        CHECK(!coil_task_is_done(task));
        coil_cancel(task);
        coil_await(task);
        CHECK_ERR(job.rc, -ECANCELED);
        coil_timeout(COIL_MSEC) {
            rc = call(&job);
        }
        CHECK_ERR(rc, -ETIMEDOUT);
    }
    check_text(path, "hello"); /* neither renamed nor deleted nor written */
    free_pool(&holder);
    return 0;
}

TASK_TEST(file_cancelled_before)
{
    struct coil_task *self = coil_current_task();
    struct path path = make_text("job", "hello");

    for (enum how how = PREAD; how < HOWS; how++) {
        struct job job = {.how = how, .path = path};

        coil_cancel(self);
        CHECK_ERR(call(&job), -ECANCELED);
        CHECK_INT(coil_uncancel(self), ==, 0);
    }
    check_text(path, "hello");
    return 0;
}

/* What a thread has begun is waited for, and its result is kept. */
ONE_THREAD_TEST(file_open_that_was_cancelled_late_returns_its_descriptor)
{
    struct path fifo = path_of("fifo");
    struct coil_task *task;
    int peer;
    int rc;

    CHECK_INT(mkfifo(fifo.text, 0600), ==, 0);
    task = coil_create_task(open_fifo, &fifo);
    /* There is a peer as soon as the thread waits for one. */
    while ((peer = open(fifo.text, O_WRONLY | O_NONBLOCK)) < 0 && !test_has_noticed()) {
        CHECK_OK(coil_yield());
    }
    coil_cancel(task); /* the open has begun: it succeeds, and close needs no leave */
    rc = coil_await(task);
    CHECK(rc == 0);
    close(peer);
    return 0;
}

TASK_TEST(file_cancel_race)
{
    struct path path = make_file("file", 3000);
    int fd = open(path.text, O_RDWR);

    for (int i = 0; i < 400; i++) {
        struct job job;
        struct coil_task *task = start(&job, (enum how)(i % (FSTAT + 1)), fd);

        yield_times(i / 8 % 6);
        coil_cancel(task);
        coil_await(task);
        CHECK(job.rc >= 0 || job.rc == -ECANCELED);
    }
    close(fd);
    return 0;
}

/* --- faults --- */

static int use_files(void *arg)
{
    struct path path = path_of("torture");
    struct stat status;
    char buf[16];
    int fd = coil_open(path.text, O_RDWR | O_CREAT, 0600);

    (void)arg;
    if (fd >= 0) {
        coil_pwrite(fd, "hello", 5, 0);
        coil_pread(fd, buf, sizeof buf, 0);
        coil_fsync(fd);
        coil_fstat(fd, &status);
        coil_close(fd);
    }
    coil_unlink(path.text);
    return 0;
}

static void run_use_files(void *arg)
{
    coil_run(use_files, arg);
}

COIL_TEST_LIMIT(file_torture, 120)
{
    test_temp_dir();
    torture(run_use_files, NULL);
}

TASK_TEST(file_without_threads)
{
    struct path path = make_text("job", "hello");
    struct stat status;

    fault_syscall_named("pthread_create", 1, EAGAIN);
    CHECK_ERR(coil_stat(path.text, &status), -EAGAIN);
    fault_off();
    CHECK_OK(coil_stat(path.text, &status));
    return 0;
}
