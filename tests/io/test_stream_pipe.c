/* Streams over pipes, terminals, devices and files (E11). */
#include "fault.h"
#include "harness.h"
#include "in_task.h"
#include "write_side.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

/* A body with an end to its patience. Simulated time would pass before a terminal has answered. */
#define PIPE_TEST(name)                                                                            \
    static int patient_##name(void);                                                               \
    TASK_TEST(name)                                                                                \
    {                                                                                              \
        int rc = 0;                                                                                \
                                                                                                   \
        coil_timeout(test_backend_is("sim") ? COIL_NEVER : PATIENCE) {                             \
            rc = patient_##name();                                                                 \
        }                                                                                          \
        return rc;                                                                                 \
    }                                                                                              \
    static int patient_##name(void)

static void open_pipe(int ret_fds[2])
{
    CHECK_INT(pipe2(ret_fds, O_CLOEXEC), ==, 0);
}

/* s[1] reads what s[0] writes. */
static void open_ends(struct coil_stream *s[2])
{
    int fds[2] = {-1, -1};

    s[0] = s[1] = NULL;
    fill_bytes(big, BIG);
    open_pipe(fds);
    CHECK_OK(coil_stream_open(fds[1], NULL, &s[0]));
    CHECK_OK(coil_stream_open(fds[0], NULL, &s[1]));
}

static bool is_nonblocking(int fd)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* --- pipes --- */

PIPE_TEST(pipe_carries_lines)
{
    struct coil_stream *s[2];
    char line[32];

    open_ends(s);
    CHECK_INT(coil_stream_write(s[0], "one\ntwo\nrest", 12), ==, 12);
    CHECK_INT(coil_stream_read_line(s[1], line, sizeof line), ==, 4);
    CHECK_STR(line, "one\n");
    CHECK_OK(coil_stream_flush(s[0]));
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_INT(coil_stream_read_line(s[1], line, sizeof line), ==, 4);
    CHECK_INT(coil_stream_read_line(s[1], line, sizeof line), ==, 4);
    CHECK_STR(line, "rest");
    CHECK_INT(coil_stream_read_line(s[1], line, sizeof line), ==, 0);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

/* The open files are shared with others, who have not asked for O_NONBLOCK. */
static void move_much(bool is_old_kernel)
{
    struct coil_stream *s[2];
    struct coil_task *tasks[2];
    struct sink sink;
    struct job job;
    int copies[2];
    char byte;

    open_ends(s);
    for (int i = 0; i < 2; i++) {
        copies[i] = dup(coil_stream_get_fd(s[i]));
        CHECK_OK(copies[i]);
    }
    if (is_old_kernel) { /* as before 6.4: neither reads nor writes can be asked not to wait */
        fault_syscall_named("preadv64v2", 1, EOPNOTSUPP);
        CHECK_ERR(coil_stream_try_read(s[1], &byte, 1), -EAGAIN);
        for (int i = 0; i < 2; i++) {
            fault_syscall_named("pwritev64v2", i == 0 ? 1 : 2, EOPNOTSUPP);
            CHECK_INT(coil_stream_write(s[0], big + i, 1), ==, 1);
        }
        fault_off();
    }
    tasks[0] = start(&job, s[0], WRITE);
    job.data += is_old_kernel ? 2 : 0;
    job.size -= is_old_kernel ? 2 : 0;
    yield_times(3);
    tasks[1] = start_sink(&sink, s[1]);
    CHECK_OK(coil_await(tasks[0]));
    CHECK_INT(job.rc, ==, (int64_t)job.size);
    CHECK(!is_nonblocking(copies[0]));
    CHECK(!is_nonblocking(copies[1]));
    close(copies[0]);
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_OK(coil_await(tasks[1]));
    CHECK_INT(sink.rc, ==, 0);
    CHECK_INT(sink.count, ==, BIG);
    CHECK_OK(coil_stream_close(s[1]));
    close(copies[1]);
}

PIPE_TEST(pipe_carries_much_and_stays_blocking_for_others)
{
    move_much(false);
    return 0;
}

PIPE_TEST(pipe_of_an_old_kernel)
{
    move_much(true);
    return 0;
}

PIPE_TEST(pipe_that_is_nonblocking_stays_so)
{
    struct coil_stream *s[2];
    int fds[2] = {-1, -1};
    char buf[8];

    CHECK_INT(pipe2(fds, O_CLOEXEC | O_NONBLOCK), ==, 0);
    CHECK_OK(coil_stream_open(fds[1], NULL, &s[0]));
    CHECK_OK(coil_stream_open(fds[0], NULL, &s[1]));
    CHECK_ERR(coil_stream_try_read(s[1], buf, sizeof buf), -EAGAIN);
    CHECK_INT(coil_stream_write(s[0], "abc", 3), ==, 3);
    CHECK_INT(coil_stream_read(s[1], buf, sizeof buf), ==, 3);
    CHECK(is_nonblocking(fds[0]));
    close_streams(s);
    return 0;
}

/* --- the other end goes --- */

PIPE_TEST(pipe_without_a_reader_gives_an_error_and_no_signal)
{
    for (int old = 0; old < 2; old++) {
        struct coil_stream *s[2];

        open_ends(s);
        CHECK_OK(coil_stream_close(s[1]));
        if (old) {
            fault_syscall_named("pwritev64v2", 1, EOPNOTSUPP);
        }
        CHECK_ERR(coil_stream_write(s[0], "x", 1), -EPIPE);
        fault_off();
        CHECK_ERR(coil_stream_write(s[0], "x", 1), -EPIPE);
        CHECK_ERR(coil_stream_close(s[0]), -EPIPE);
    }
    return 0;
}

/* A SIGPIPE that somebody else has coming is left to him. */
PIPE_TEST(pipe_leaves_a_pending_signal_alone)
{
    struct coil_stream *s[2];
    sigset_t pipe;
    sigset_t pending;
    int signum = 0;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    pthread_kill(pthread_self(), SIGPIPE);
    open_ends(s);
    CHECK_OK(coil_stream_close(s[1]));
    fault_syscall_named("pwritev64v2", 1, EOPNOTSUPP);
    CHECK_ERR(coil_stream_write(s[0], "x", 1), -EPIPE);
    fault_off();
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGPIPE));
    CHECK_INT(sigwait(&pipe, &signum), ==, 0);
    pthread_sigmask(SIG_UNBLOCK, &pipe, NULL);
    coil_stream_abort(s[0]);
    return 0;
}

static int wait_for_the_end(void *arg)
{
    char byte;

    return (int)coil_stream_read(arg, &byte, 1);
}

/* E11: a reading call on an end that is only written to waits for that. */
PIPE_TEST(pipe_tells_that_its_reader_has_gone)
{
    struct coil_stream *s[2];
    struct coil_task *task;

    open_ends(s);
    task = coil_create_task(wait_for_the_end, s[0]);
    yield_times(3);
    CHECK_INT(coil_stream_write(s[0], "x", 1), ==, 1);
    CHECK(!coil_task_is_done(task));
    CHECK_OK(coil_stream_close(s[1]));
    CHECK_ERR(coil_await(task), 0);
    CHECK_ERR(coil_stream_write(s[0], "x", 1), -EPIPE);
    coil_stream_abort(s[0]);
    return 0;
}

/* And who waits for that hears of the end of the writing as well. */
PIPE_TEST(pipe_write_eof_closes_the_writing_end)
{
    for (int is_watched = 0; is_watched < 2; is_watched++) {
        struct coil_stream *s[2];
        struct coil_task *task = NULL;
        char buf[8];

        open_ends(s);
        if (is_watched) {
            task = coil_create_task(wait_for_the_end, s[0]);
            yield_times(3);
        }
        CHECK_INT(coil_stream_write(s[0], "last", 4), ==, 4);
        CHECK_OK(coil_stream_write_eof(s[0]));
        CHECK_INT(coil_stream_read_exactly(s[1], buf, 4, NULL), ==, 4);
        CHECK_INT(coil_stream_read(s[1], buf, sizeof buf), ==, 0);
        if (is_watched) {
            CHECK_ERR(coil_await(task), 0);
        }
        CHECK_INT(coil_stream_read(s[0], buf, sizeof buf), ==, 0);
        CHECK_ERR(coil_stream_get_fd(s[0]), -EBADF);
        close_streams(s);
    }
    return 0;
}

/* --- two pipes, one stream --- */

PIPE_TEST(pipes_both_ways)
{
    struct coil_stream *s[2];
    int there[2] = {-1, -1};
    int back[2] = {-1, -1};
    char buf[16];

    open_pipe(there);
    open_pipe(back);
    CHECK_OK(coil_stream_open_pipes(back[0], there[1], NULL, &s[0]));
    CHECK_OK(coil_stream_open_pipes(there[0], back[1], NULL, &s[1]));
    CHECK_INT(coil_stream_get_fd(s[0]), ==, back[0]);
    CHECK_INT(coil_stream_write(s[0], "ping", 4), ==, 4);
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_INT(coil_stream_read(s[1], buf, sizeof buf), ==, 4);
    CHECK_INT(coil_stream_read(s[1], buf, sizeof buf), ==, 0);
    CHECK_INT(coil_stream_write(s[1], "pong", 4), ==, 4); /* the other half lives on */
    CHECK_INT(coil_stream_read(s[0], buf, sizeof buf), ==, 4);
    CHECK_MEM(buf, "pong", 4);
    close_streams(s);
    return 0;
}

/* Somebody's standard input may be a socket, too; and both may be one. */
PIPE_TEST(pipes_of_sockets)
{
    struct coil_stream *s[2];
    int fds[2] = {-1, -1};
    char buf[16];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    CHECK_OK(coil_stream_open_pipes(fds[0], fds[0], NULL, &s[0]));
    CHECK_OK(coil_stream_open_pipes(fds[1], dup(fds[1]), NULL, &s[1]));
    CHECK_INT(coil_stream_write(s[0], "ping", 4), ==, 4);
    CHECK_OK(coil_stream_write_eof(s[0]));
    CHECK_INT(coil_stream_read(s[1], buf, sizeof buf), ==, 4);
    CHECK_INT(coil_stream_read(s[1], buf, sizeof buf), ==, 0);
    CHECK_INT(coil_stream_write(s[1], "pong", 4), ==, 4);
    CHECK_OK(coil_stream_write_eof(s[1]));
    CHECK_INT(coil_stream_read(s[0], buf, sizeof buf), ==, 4);
    CHECK_INT(coil_stream_read(s[0], buf, sizeof buf), ==, 0);
    CHECK(!is_nonblocking(fds[0]));
    close_streams(s);
    return 0;
}

PIPE_TEST(pipe_in_the_wrong_direction)
{
    struct coil_stream *stream = NULL;
    int fds[2] = {-1, -1};
    char byte;

    open_pipe(fds);
    CHECK_ERR(coil_stream_open_pipes(fds[1], fds[0], NULL, &stream), -EBADF);
    open_pipe(fds); /* they are closed: the numbers are free */
    CHECK_OK(coil_stream_open_pipes(fds[0], -1, NULL, &stream));
    CHECK_ERR(coil_stream_write(stream, "x", 1), -EBADF);
    coil_stream_abort(stream);
    CHECK_OK(coil_stream_open_pipes(-1, fds[1], NULL, &stream));
    CHECK_INT(coil_stream_read(stream, &byte, 1), ==, 0);
    coil_stream_abort(stream);
    return 0;
}

PIPE_TEST(pipes_misuse)
{
    struct coil_stream_options options = {.high_water = 10, .low_water = 11};
    struct coil_stream *stream = NULL;
    int fds[2] = {-1, -1};
    int fd;

    test_allow_bad_close(); /* of 9999, when a fault keeps its being closed from being seen */
    CHECK_ERR(coil_stream_open_pipes(-1, -1, NULL, &stream), -EINVAL);
    CHECK_ERR(coil_stream_open_pipes(9999, -1, NULL, &stream), -EBADF);
    open_pipe(fds);
    CHECK_ERR(coil_stream_open_pipes(fds[0], 9999, NULL, &stream), -EBADF);
    CHECK_ERR(coil_stream_open_pipes(-1, fds[1], &options, &stream), -EINVAL);
    open_pipe(fds);
    CHECK_ERR(coil_stream_open_pipes(fds[0], fds[1], NULL, NULL), -EINVAL);
    fd = eventfd(0, EFD_CLOEXEC);
    CHECK_ERR(coil_stream_open(fd, NULL, &stream), -EINVAL);
    fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_ERR(coil_stream_open(fd, NULL, &stream), -EISDIR);
    CHECK_PTR(stream, ==, NULL);
    return 0;
}

COIL_TEST(pipes_without_a_loop)
{
    struct coil_stream *stream = NULL;
    int fds[2] = {-1, -1};

    open_pipe(fds);
    CHECK_ERR(coil_stream_open_pipes(fds[0], fds[1], NULL, &stream), -COIL_ENOLOOP);
    CHECK_ERR(coil_stream_open_stdio(NULL, &stream), -COIL_ENOLOOP);
}

/* --- cancel, abort --- */

PIPE_TEST(pipe_waits_can_be_cut_short)
{
    struct coil_stream *s[2];
    struct sink sink;
    struct coil_task *task;
    ssize_t rc = 0;
    size_t total;
    char byte;

    open_ends(s);
    coil_timeout(test_moment_ns()) {
        rc = coil_stream_read(s[1], &byte, 1);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    total = choke(s[0]);
    CHECK_INT(total, >, 0);
    task = start_sink(&sink, s[1]);
    CHECK_INT(coil_stream_write(s[0], big + total, 100), ==, 100);
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, (int64_t)total + 100);
    CHECK_OK(coil_stream_close(s[1]));
    return 0;
}

PIPE_TEST(pipe_aborted_or_closed_while_tasks_wait)
{
    for (int i = 0; i < 4; i++) {
        struct coil_stream *s[2];
        struct coil_task *tasks[3];
        struct job job;
        struct sink sink;

        open_ends(s);
        tasks[0] = start(&job, s[0], WRITE);
        tasks[1] = start_sink(&sink, i < 2 ? s[0] : s[1]);
        if (i >= 2) {
            CHECK_OK(coil_await(tasks[0])); /* it is read */
            CHECK_INT(job.rc, ==, BIG);
        }
        yield_times(2); /* it has begun */
        CHECK_OK(coil_sleep(test_backend_is("sim") ? 0 : COIL_MSEC));
        if (i % 2) {
            coil_stream_abort(i < 2 ? s[0] : s[1]);
        } else {
            CHECK_OK(coil_stream_close(i < 2 ? s[0] : s[1]));
        }
        if (i < 2) {
            CHECK_OK(coil_await(tasks[0]));
            CHECK_INT(job.rc, >, 0);
            CHECK_INT(job.rc, <, BIG);
        }
        CHECK_OK(coil_await(tasks[1]));
        CHECK_ERR(sink.rc, -COIL_ECLOSED);
        coil_stream_abort(i < 2 ? s[1] : s[0]);
    }
    return 0;
}

/* --- terminals --- */

/* A terminal as a shell leaves it to a program; ret_master is the user. */
static int open_terminal(int *ret_master)
{
    struct termios termios;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    int slave = -1;
    char name[64];

    *ret_master = master;
    if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 &&
        ptsname_r(master, name, sizeof name) == 0) {
        slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    }
    if (slave >= 0 && tcgetattr(slave, &termios) == 0) {
        termios.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(slave, TCSANOW, &termios);
    }
    return slave;
}

PIPE_TEST(terminal_is_not_made_nonblocking_for_the_shell)
{
    struct coil_stream *user = NULL;
    struct coil_stream *program = NULL;
    int master = -1;
    int shell = open_terminal(&master);
    char line[32];

    if (shell < 0) {
        test_skip("there are no terminals here");
    }
    CHECK_OK(coil_stream_open(dup(shell), NULL, &program));
    CHECK_OK(coil_stream_open(master, NULL, &user));
    CHECK_INT(coil_stream_write(user, "hello\nwor", 9), ==, 9);
    CHECK_INT(coil_stream_read_line(program, line, sizeof line), ==, 6);
    CHECK_STR(line, "hello\n");
    CHECK_INT(coil_stream_write(program, "hi\n", 3), ==, 3);
    CHECK_INT(coil_stream_read_line(user, line, sizeof line), ==, 4);
    CHECK_STR(line, "hi\r\n");
    CHECK_OK(coil_stream_write_eof(program)); /* which a terminal does not know */
    CHECK_INT(coil_stream_write(user, "ld\n", 3), ==, 3);
    CHECK_INT(coil_stream_read_line(program, line, sizeof line), ==, 6);
    CHECK_STR(line, "world\n");
    CHECK(!is_nonblocking(shell));
    CHECK(!is_nonblocking(master));
    CHECK_OK(coil_stream_close(program));
    CHECK(!is_nonblocking(shell));
    close(shell);
    CHECK_INT(coil_stream_read(user, line, sizeof line), ==, 0); /* it has hung up */
    CHECK_OK(coil_stream_close(user));
    return 0;
}

PIPE_TEST(terminal_hangs_up)
{
    struct coil_stream *program = NULL;
    int master = -1;
    int shell = open_terminal(&master);
    struct coil_task *task;

    if (shell < 0) {
        test_skip("there are no terminals here");
    }
    CHECK_OK(coil_stream_open(shell, NULL, &program));
    task = coil_create_task(wait_for_the_end, program);
    yield_times(3);
    close(master);
    CHECK_ERR(coil_await(task), 0);
    coil_stream_abort(program);
    return 0;
}

/* --- devices and files --- */

PIPE_TEST(devices_that_are_always_ready)
{
    struct coil_stream *stream = NULL;
    char buf[64];

    CHECK_OK(coil_stream_open(open("/dev/null", O_RDWR | O_CLOEXEC), NULL, &stream));
    CHECK_INT(coil_stream_read(stream, buf, sizeof buf), ==, 0);
    CHECK_INT(coil_stream_write(stream, big, BIG), ==, BIG);
    CHECK_OK(coil_stream_close(stream));
    CHECK_OK(coil_stream_open(open("/dev/zero", O_RDONLY | O_CLOEXEC), NULL, &stream));
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(coil_stream_read_exactly(stream, buf, sizeof buf, NULL), ==, sizeof buf);
    }
    CHECK_INT(buf[0], ==, 0);
    CHECK_OK(coil_stream_close(stream));
    return 0;
}

static int open_file(const char *name, int flags)
{
    char path[256];
    int fd;

    test_temp_path(path, sizeof path, name);
    fd = open(path, flags | O_CLOEXEC, 0600);
    CHECK_OK(fd);
    return fd;
}

/* prog < file > file */
PIPE_TEST(files_are_copied)
{
    struct coil_stream *s = NULL;
    int from = open_file("from", O_RDWR | O_CREAT);
    int to = open_file("to", O_WRONLY | O_CREAT);
    int copy = dup(to);
    static char got[BIG + 8];
    static char buf[3000];
    ssize_t n;

    fill_bytes(big, BIG);
    CHECK_INT(write(from, big, BIG), ==, BIG);
    CHECK_INT(lseek(from, 1, SEEK_SET), ==, 1); /* from the current position on */
    CHECK_INT(write(to, "@", 1), ==, 1);
    CHECK_OK(coil_stream_open_pipes(from, to, NULL, &s));
    CHECK_INT(coil_stream_read_exactly(s, buf, 1000, NULL), ==, 1000);
    CHECK_INT(coil_stream_write(s, buf, 1000), ==, 1000);
    while ((n = coil_stream_read(s, buf, sizeof buf)) > 0) {
        CHECK_INT(coil_stream_write(s, buf, (size_t)n), ==, n);
    }
    CHECK_ERR(n, 0);
    CHECK_INT(coil_stream_read(s, buf, sizeof buf), ==, 0);
    CHECK_INT(coil_stream_try_write(s, "end", 3), ==, 3);
    CHECK_OK(coil_stream_flush(s));
    CHECK_OK(coil_stream_close(s));
    CHECK_INT(write(copy, "!", 1), ==, 1); /* who wrote before goes on behind it */
    close(copy);
    from = open_file("to", O_RDONLY);
    CHECK_INT(read(from, got, sizeof got), ==, BIG + 4);
    CHECK_INT(got[0], ==, '@');
    CHECK_MEM(got + 1, big + 1, BIG - 1);
    CHECK_MEM(got + BIG, "end!", 4);
    close(from);
    return 0;
}

PIPE_TEST(file_that_is_only_written)
{
    struct coil_stream *s = NULL;
    const char *data;
    char byte;

    CHECK_OK(coil_stream_open(open_file("out", O_WRONLY | O_CREAT | O_APPEND), NULL, &s));
    CHECK_ERR(coil_stream_read(s, &byte, 1), -EBADF);
    CHECK_INT(coil_stream_write(s, "a line\n", 7), ==, 7);
    CHECK_OK(coil_stream_write_eof(s));
    CHECK_OK(coil_stream_close(s));
    CHECK_OK(coil_stream_open(open_file("out", O_RDWR), NULL, &s));
    CHECK_INT(coil_stream_peek(s, 7, &data), ==, 7);
    CHECK_INT(coil_stream_write(s, data, 7), ==, 7); /* lent bytes, at the position behind them */
    CHECK_OK(coil_stream_close(s));
    CHECK_OK(coil_stream_open(open_file("out", O_RDONLY), NULL, &s));
    CHECK_INT(coil_stream_peek(s, 100, &data), ==, 14);
    CHECK_MEM(data, "a line\na line\n", 14);
    CHECK_OK(coil_stream_close(s));
    return 0;
}

PIPE_TEST(file_that_is_full)
{
    struct coil_stream *s = NULL;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    if (fd < 0) {
        test_skip("there is no /dev/full");
    }
    CHECK_OK(coil_stream_open(fd, NULL, &s));
    CHECK_ERR(coil_stream_write(s, "x", 1), -ENOSPC);
    CHECK_ERR(coil_stream_close(s), -ENOSPC);
    return 0;
}

PIPE_TEST(pipe_takes_a_file)
{
    struct coil_stream *s[2];
    struct coil_task *task;
    struct sink sink;
    int fd = open_file("file", O_RDWR | O_CREAT);
    int64_t offset = 0;

    open_ends(s);
    CHECK_INT(write(fd, big, BIG), ==, BIG);
    task = start_sink(&sink, s[1]);
    CHECK_INT(coil_stream_sendfile(s[0], fd, &offset, SIZE_MAX), ==, BIG);
    CHECK_OK(coil_stream_close(s[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(sink.count, ==, BIG);
    CHECK_OK(coil_stream_close(s[1]));
    close(fd);
    return 0;
}

/* --- standard input and output --- */

static int shout(void *arg)
{
    struct coil_stream *stream = NULL;
    char line[64];
    ssize_t n;
    int rc = coil_stream_open_stdio(NULL, &stream);

    (void)arg;
    if (rc < 0) {
        return rc;
    }
    while ((n = coil_stream_read_line(stream, line, sizeof line)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            line[i] = line[i] >= 'a' && line[i] <= 'z' ? (char)(line[i] - 32) : line[i];
        }
        if (coil_stream_write(stream, line, (size_t)n) != n) {
            break;
        }
    }
    rc = coil_stream_close(stream);
    return n < 0 ? (int)n : rc;
}

static int filter(void *arg)
{
    int rc;

    CHECK_INT(dup2(*(int *)arg, 0), ==, 0);
    rc = coil_run(shout, NULL);
    printf("%d\n", rc); /* the descriptor is still there */
    fflush(stdout);
    return 0;
}

COIL_TEST(stdio_in_a_pipeline)
{
    struct test_child child;
    int fds[2] = {-1, -1};
    int fd;

    open_pipe(fds);
    CHECK_INT(write(fds[1], "hello\nworld", 11), ==, 11);
    close(fds[1]);
    test_run_child(filter, &fds[0], &child);
    close(fds[0]);
    CHECK_STR(child.output, "HELLO\nWORLD0\n");
    CHECK_INT(child.exit_code, ==, 0);
    fd = open_file("input", O_RDWR | O_CREAT); /* prog < file */
    CHECK_INT(write(fd, "hello\n", 6), ==, 6);
    CHECK_INT(lseek(fd, 0, SEEK_SET), ==, 0);
    test_run_child(filter, &fd, &child);
    close(fd);
    CHECK_STR(child.output, "HELLO\n0\n");
}

static int filter_closed(void *arg)
{
    close(*(int *)arg);
    printf("%d\n", coil_run(shout, NULL));
    fflush(stdout);
    return 0;
}

COIL_TEST(stdio_that_is_closed)
{
    struct test_child child;
    int fd = 0;

    test_run_child(filter_closed, &fd, &child);
    /* By now the number may be one of the loop's own, which is no pipe. */
    CHECK_MSG(strcmp(child.output, "-22\n") == 0 || strcmp(child.output, "-9\n") == 0, "%s",
              child.output);
}

/* --- out of memory, and failing calls --- */

static int use_with_faults(void *arg)
{
    struct coil_stream *stream = NULL;
    int fds[2];
    char buf[8];
    int rc;

    (void)arg;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return -errno;
    }
    rc = coil_stream_open_pipes(fds[0], fds[1], NULL, &stream);
    if (rc < 0) {
        CHECK_PTR(stream, ==, NULL);
        return rc;
    }
    coil_timeout(2 * COIL_SEC) {
        rc = (int)coil_stream_write(stream, "abc\n", 4);
        rc = rc == 4 ? (int)coil_stream_read_line(stream, buf, sizeof buf) : rc;
        CHECK(rc == 4 || rc < 0);
    }
    coil_stream_close(stream);
    return 0;
}

static void run_with_faults(void *arg)
{
    coil_run(use_with_faults, arg);
}

COIL_TEST(pipes_out_of_memory)
{
    torture(run_with_faults, NULL);
}
