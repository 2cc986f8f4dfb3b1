/* System calls on files, for tasks. */
#include "fault.h"
#include "files.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"

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
    int flags; /* of OPEN */
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
        rc = coil_open(job->path.text, job->flags, 0600);
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
    fd = coil_open(path.text, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK_ERR(fd, -EEXIST);
    if (fd >= 0) {
        close(fd);
    }
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
    if (!test_is_torture()) { /* which has the look at it fail that keeps it from waiting */
        CHECK_ERR(coil_pread(pipes[0], buf, 8, 0), -ESPIPE);
    }
    CHECK_ERR(coil_pwrite(pipes[1], "x", 1, 0), -ESPIPE);
    close(pipes[0]);
    close(pipes[1]);
    CHECK_STR(buf, "?");
    return 0;
}

/* Who is not alone goes to io_uring at once, which reads from a pipe wherever it is asked to. */
TASK_TEST(file_errors_in_company)
{
    struct job jobs[4];
    struct coil_task *tasks[4];
    char buf[8];
    int pipes[2];

    CHECK_INT(pipe(pipes), ==, 0);
    CHECK_INT(write(pipes[1], "abcdefgh", 8), ==, 8);
    for (int i = 0; i < 4; i++) {
        tasks[i] = start(&jobs[i], i % 2 ? PREADV : PREAD, pipes[0]);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_OK(coil_await(tasks[i]));
        CHECK_ERR(jobs[i].rc, -ESPIPE);
    }
    CHECK_INT(read(pipes[0], buf, sizeof buf), ==, 8); /* all is still there */
    close(pipes[0]);
    close(pipes[1]);
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

/* --- a pool that is full --- */

static int open_fifo(void *arg)
{
    struct path *path = arg;
    int fd = coil_open(path->text, O_RDONLY, 0);

    CHECK(fd >= 0 || fd == -ECANCELED); /* else somebody waits for it in vain */
    return fd < 0 ? fd : coil_close(fd);
}

/* Whether a call needs a thread: what does not depends on the backend. */
static bool always_needs_thread(enum how how)
{
    if (test_backend_is("uring")) { /* and on the kernel, for others */
        return how == FTRUNCATE || how == READLINK || how == READ_FILE || how == WRITE_FILE;
    }
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

/* What a thread has begun is waited for, and its result is kept; io_uring breaks it off, unless it
 * was first. Either way no descriptor is lost, or the test would find one left over. */
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
    CHECK(rc == 0 || (rc == -ECANCELED && test_backend_is("uring")));
    close(peer);
    return 0;
}

/* Nobody will ever come to that FIFO. */
TASK_TEST(file_open_that_never_ends_is_broken_off)
{
    struct path fifo = path_of("fifo");
    struct coil_task *task;

    if (!test_backend_is("uring")) {
        test_skip("a thread that waits cannot be reached");
    }
    CHECK_INT(mkfifo(fifo.text, 0600), ==, 0);
    for (int i = 0; i < 20; i++) {
        task = coil_create_task(open_fifo, &fifo);
        CHECK_OK(coil_sleep(i * COIL_MSEC / 10));
        coil_cancel(task);
        CHECK_ERR(coil_await(task), -ECANCELED);
    }
    return 0;
}

/* An open that is cancelled while it is done: whichever is first, the descriptor is the task's, or
 * there is none. */
TASK_TEST(file_open_cancel_race_loses_no_descriptor)
{
    struct path path = make_text("file", "hello");
    struct path made = path_of("made");
    int opened = 0;

    for (int i = 0; i < 400; i++) {
        struct job job;
        struct coil_task *task = start(&job, OPEN, -1);

        job.path = i % 2 ? path : made;
        job.flags = i % 2 ? O_RDONLY : O_RDWR | O_CREAT | O_TRUNC;
        yield_times(i / 2 % 20);
        coil_cancel(task);
        coil_await(task);
        CHECK(job.rc == 0 || job.rc == -ECANCELED);
        opened += job.rc == 0;
    }
    CHECK_INT(opened, >, 0);
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

static void check_same_status(const struct stat *a, const struct stat *b)
{
    CHECK_INT(a->st_dev, ==, b->st_dev);
    CHECK_INT(a->st_ino, ==, b->st_ino);
    CHECK_INT(a->st_mode, ==, b->st_mode);
    CHECK_INT(a->st_nlink, ==, b->st_nlink);
    CHECK_INT(a->st_uid, ==, b->st_uid);
    CHECK_INT(a->st_gid, ==, b->st_gid);
    CHECK_INT(a->st_rdev, ==, b->st_rdev);
    CHECK_INT(a->st_size, ==, b->st_size);
    CHECK_INT(a->st_blksize, ==, b->st_blksize);
    CHECK_INT(a->st_blocks, ==, b->st_blocks);
    CHECK_INT(a->st_mtim.tv_sec, ==, b->st_mtim.tv_sec);
    CHECK_INT(a->st_mtim.tv_nsec, ==, b->st_mtim.tv_nsec);
    CHECK_INT(a->st_ctim.tv_nsec, ==, b->st_ctim.tv_nsec);
}

TASK_TEST(file_without_threads)
{
    struct path path = make_text("job", "hello");
    struct stat status;
    char buf[16];

    fault_syscall_named("pthread_create", 1, EAGAIN);
    if (test_backend_is("uring")) {
        CHECK_OK(coil_stat(path.text, &status)); /* needs none */
        CHECK_ERR(coil_readlink(path.text, buf, sizeof buf), -EAGAIN);
    } else {
        CHECK_ERR(coil_stat(path.text, &status), -EAGAIN);
    }
    fault_off();
    CHECK_OK(coil_stat(path.text, &status));
    return 0;
}

/* --- io_uring and the system's own calls say the same --- */

TASK_TEST(file_status_is_that_of_the_system)
{
    static const char *const paths[] = {"/", "/dev/null", "/proc/self/exe", "/proc/self/fd/0"};
    struct path file = make_file("file", 12345);
    struct stat ours;
    struct stat theirs;

    for (size_t i = 0; i <= sizeof paths / sizeof *paths; i++) {
        const char *path = i < sizeof paths / sizeof *paths ? paths[i] : file.text;

        CHECK_OK(coil_stat(path, &ours));
        CHECK_INT(stat(path, &theirs), ==, 0);
        check_same_status(&ours, &theirs);
        CHECK_OK(coil_lstat(path, &ours));
        CHECK_INT(lstat(path, &theirs), ==, 0);
        check_same_status(&ours, &theirs);
    }
    CHECK_OK(coil_fstat(0, &ours));
    CHECK_INT(fstat(0, &theirs), ==, 0);
    check_same_status(&ours, &theirs);
    return 0;
}

/* Threads of the kernel have the umask and the working directory of the process. */
TASK_TEST(file_umask_and_working_directory)
{
    struct path path = path_of("made");
    mode_t mask = umask(027);
    struct stat status;
    char *before = getcwd(NULL, 0);
    int fd;

    CHECK(before && chdir(test_temp_dir()) == 0);
    fd = coil_open("made", O_RDWR | O_CREAT, 0666);
    CHECK_OK(fd);
    CHECK_OK(coil_close(fd));
    CHECK_OK(coil_mkdir("folder", 0777));
    CHECK_OK(coil_stat(path.text, &status));
    CHECK_INT(status.st_mode & 07777, ==, 0640);
    CHECK_OK(coil_stat("folder", &status));
    CHECK_INT(status.st_mode & 07777, ==, 0750);
    CHECK_INT(before ? chdir(before) : 0, ==, 0);
    free(before);
    umask(mask);
    return 0;
}
