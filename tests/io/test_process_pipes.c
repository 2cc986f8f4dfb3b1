/* Child processes: their pipes, what is given to them and what they say: E12. */
#include "child.h"
#include "harness.h"

#include <stdlib.h>

enum { MUCH = 300000 };

static const char *const cat[] = {"cat", NULL};

static char *make_much(void)
{
    char *text = malloc(MUCH);

    for (int i = 0; test_made(text) && i < MUCH; i++) {
        text[i] = (char)('a' + (i * 7 + i / 251) % 26);
    }
    return text;
}

/* --- run and communicate --- */

TASK_TEST(process_run_feeds_and_reads)
{
    const char *argv[] = {"sort", NULL};
    struct coil_process_output out = {.data = NULL};

    CHECK_INT(coil_process_run(NULL, argv, "b\na\n", 4, &out, NULL), ==, 0);
    CHECK_INT(out.size, ==, 4);
    CHECK_STR(out.data, "a\nb\n");
    CHECK_INT(coil_process_run(NULL, argv, "c\n", 2, &out, NULL), ==, 0); /* is added */
    CHECK_STR(out.data, "a\nb\nc\n");
    coil_process_output_deinit(&out);
    coil_process_output_deinit(&out);
    coil_process_output_deinit(NULL);
    CHECK_PTR(out.data, ==, NULL);
    check_no_children();
    return 0;
}

/* More than all pipes hold, in both directions and to two outputs. */
TASK_TEST(process_communicate_feeds_and_drains_at_once)
{
    const char *argv[] = {"sh", "-c", "tee /dev/stderr", NULL};
    struct coil_process_output out = {.data = NULL};
    struct coil_process_output err = {.data = NULL};
    char *text = make_much();

    if (text) {
        CHECK_INT(coil_process_run(NULL, argv, text, MUCH, &out, &err), ==, 0);
        CHECK_INT(out.size, ==, MUCH);
        CHECK_INT(err.size, ==, MUCH);
        CHECK_MEM(out.data, text, MUCH);
        CHECK_MEM(err.data, text, MUCH);
    }
    coil_process_output_deinit(&out);
    coil_process_output_deinit(&err);
    free(text);
    return 0;
}

/* The child does not read what it is given: neither an error, nor a SIGPIPE. */
TASK_TEST(process_communicate_ignores_that_nobody_reads)
{
    const char *argv[] = {"sh", "-c", "exec <&-; echo done; exit 4", NULL};
    struct coil_process_output out = {.data = NULL};
    char *text = make_much();

    if (text) {
        CHECK_INT(coil_process_run(NULL, argv, text, MUCH, &out, NULL), ==, 4);
        CHECK_STR(out.data, "done\n");
    }
    coil_process_output_deinit(&out);
    free(text);
    return 0;
}

TASK_TEST(process_output_that_nobody_wants_is_drained)
{
    struct coil_process_options options = {.out = COIL_PROCESS_PIPE, .err = COIL_PROCESS_PIPE};
    struct coil_process *process =
        start_shell(&options, "head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2; exit 2");

    CHECK_INT(coil_process_communicate(process, NULL, 0, NULL, NULL), ==, 2);
    coil_process_close(process);
    return 0;
}

TASK_TEST(process_output_has_a_limit)
{
    const char *argv[] = {"sh", "-c", "printf 1234567890; sleep 100", NULL};
    const char *fits[] = {"printf", "12345", NULL};
    const char *silent[] = {"true", NULL};
    struct coil_process_options options = {.new_session = true};
    struct coil_process_output out = {.max = 5};

    CHECK_ERR(coil_process_run(&options, argv, NULL, 0, &out, NULL), -COIL_ELIMIT);
    CHECK_INT(out.size, ==, 5);
    CHECK_STR(out.data, "12345");
    check_no_children();
    coil_process_output_deinit(&out);
    CHECK_INT(coil_process_run(NULL, fits, NULL, 0, &out, NULL), ==, 0);
    CHECK_STR(out.data, "12345");
    CHECK_INT(coil_process_run(NULL, silent, NULL, 0, &out, NULL), ==, 0); /* full, and no more */
    CHECK_INT(out.size, ==, 5);
    coil_process_output_deinit(&out);
    return 0;
}

/* --- cancels and deadlines --- */

struct cut {
    const struct coil_process_options *options;
    const char *const *argv;
    struct coil_process_output *out;
};

static int run_cut(void *arg)
{
    struct cut *cut = arg;

    return coil_process_run(cut->options, cut->argv, "x", 1, cut->out, NULL);
}

TASK_TEST(process_run_that_is_cut_short_leaves_nobody_behind)
{
    char path[256];
    char script[512];
    const char *argv[] = {"sh", "-c", script, NULL};
    struct coil_process_options options = {.new_session = true};
    struct coil_process_output out = {.data = NULL};
    struct cut cut = {.options = &options, .argv = argv, .out = &out};
    struct coil_task *task;

    test_temp_path(path, sizeof path, "begun");
    snprintf(script, sizeof script, "printf begun; : > %s; sleep 100", path);
    task = coil_create_task(run_cut, &cut);
    while (access(path, F_OK) < 0 && !test_has_noticed() && !coil_task_is_done(task)) {
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    CHECK_OK(coil_sleep(test_moment_ns())); /* it was written: now it is read */
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_STR(out.data ? out.data : "", "begun"); /* what was read is not lost */
    coil_process_output_deinit(&out);
    check_no_children();
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_process_run(&options, argv, NULL, 0, &out, NULL), -ECANCELED);
    coil_uncancel(coil_current_task());
    check_no_children();
    return 0;
}

TASK_TEST(process_write_that_is_cut_short_tells_how_much)
{
    struct coil_process_options options = {.in = COIL_PROCESS_PIPE};
    struct coil_process *process = start_shell(&options, "read x; exec sleep 100");
    char *text = make_much();
    ssize_t rc = 0;

    if (text) {
        coil_timeout(20 * COIL_MSEC) {
            rc = coil_process_write(process, text, MUCH);
            CHECK_ERR(coil_process_write(process, text, 1), -ETIMEDOUT);
        }
        CHECK_INT(rc, >=, 4096);
        CHECK_INT(rc, <, MUCH);
    }
    coil_process_close(process);
    free(text);
    return 0;
}

/* --- by hand --- */

TASK_TEST(process_is_talked_to_line_by_line)
{
    struct coil_process_options options = {.in = COIL_PROCESS_PIPE, .out = COIL_PROCESS_PIPE};
    struct coil_process *process =
        start_shell(&options, "while read x; do echo \"got $x\"; done; echo end");
    char buf[64];

    for (int i = 0; i < 3; i++) {
        CHECK_INT(coil_process_write(process, "ping\n", 5), ==, 5);
        CHECK_INT(coil_read(coil_process_stdout(process), buf, sizeof buf), ==, 9);
        CHECK_MEM(buf, "got ping\n", 9);
    }
    CHECK_INT(coil_process_stdin(process), >=, 0);
    CHECK_INT(coil_process_write(process, NULL, 0), ==, 0);
    CHECK_ERR(coil_process_write(process, NULL, 1), -EINVAL);
    CHECK_OK(coil_process_close_stdin(process));
    CHECK_OK(coil_process_close_stdin(process));
    CHECK_ERR(coil_process_write(process, "x", 1), -EBADF);
    CHECK_INT(coil_read(coil_process_stdout(process), buf, sizeof buf), ==, 4);
    CHECK_INT(coil_read(coil_process_stdout(process), buf, sizeof buf), ==, 0);
    CHECK_ERR(coil_process_stderr(process), -EBADF);
    CHECK_INT(coil_process_wait(process), ==, 0);
    coil_process_close(process);
    return 0;
}

TASK_TEST(process_write_to_a_child_that_is_gone)
{
    struct coil_process_options options = {.in = COIL_PROCESS_PIPE};
    struct coil_process *process = start_shell(&options, "exit 0");
    sigset_t pending;

    CHECK_INT(coil_process_wait(process), ==, 0);
    CHECK_ERR(coil_process_write(process, "x", 1), -EPIPE);
    sigpending(&pending);
    CHECK(!sigismember(&pending, SIGPIPE));
    coil_process_close(process);
    return 0;
}

/* --- what its descriptors are --- */

TASK_TEST(process_errors_merge_into_the_output)
{
    const char *argv[] = {"sh", "-c", "echo one; echo two >&2; echo three", NULL};
    struct coil_process_options options = {.err = COIL_PROCESS_MERGE};
    struct coil_process_output out = {.data = NULL};
    struct coil_process_output err = {.data = NULL};

    CHECK_INT(coil_process_run(&options, argv, NULL, 0, &out, &err), ==, 0);
    CHECK_STR(out.data, "one\ntwo\nthree\n");
    CHECK_PTR(err.data, ==, NULL);
    coil_process_output_deinit(&out);
    return 0;
}

TASK_TEST(process_null_and_given_descriptors)
{
    struct coil_process_options options = {.in = COIL_PROCESS_NULL, .out = COIL_PROCESS_FD};
    char path[256];
    char text[32] = "";
    int fd;

    test_temp_path(path, sizeof path, "output");
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    options.out_fd = fd;
    CHECK_INT(coil_process_run(&options, cat, NULL, 0, NULL, NULL), ==, 0); /* the end at once */
    {
        const char *argv[] = {"sh", "-c", "cat; echo text", NULL};

        CHECK_INT(coil_process_run(&options, argv, NULL, 0, NULL, NULL), ==, 0);
    }
    CHECK_INT(pread(fd, text, sizeof text - 1, 0), ==, 5);
    CHECK_STR(text, "text\n");
    close(fd);
    return 0;
}

/* Our 0, 1 and 2 are what the child gets, crosswise. */
TASK_TEST(process_given_descriptors_may_be_the_standard_ones)
{
    struct coil_process_options options = {
        .in = COIL_PROCESS_FD, .out = COIL_PROCESS_FD, .err = COIL_PROCESS_FD};
    const char *argv[] = {"sh", "-c", "read x; echo \"out $x\"; echo \"err $x\" >&2", NULL};
    int kept[3];
    int ins[2] = {-1, -1};
    int outs[2] = {-1, -1};
    int errs[2] = {-1, -1};
    char buf[32];

    CHECK_INT(pipe2(ins, O_CLOEXEC) | pipe2(outs, O_CLOEXEC) | pipe2(errs, O_CLOEXEC), ==, 0);
    for (int i = 0; i < 3; i++) {
        kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
    }
    dup2(errs[1], 0);
    dup2(ins[0], 1);
    dup2(outs[1], 2);
    options.in_fd = 1;
    options.out_fd = 2;
    options.err_fd = 0;
    CHECK_INT(write(ins[1], "word\n", 5), ==, 5);
    CHECK_INT(coil_process_run(&options, argv, NULL, 0, NULL, NULL), ==, 0);
    for (int i = 0; i < 3; i++) {
        dup2(kept[i], i);
        close(kept[i]);
    }
    CHECK_INT(read(outs[0], buf, sizeof buf), ==, 9);
    CHECK_MEM(buf, "out word\n", 9);
    CHECK_INT(read(errs[0], buf, sizeof buf), ==, 9);
    CHECK_MEM(buf, "err word\n", 9);
    for (int i = 0; i < 2; i++) {
        close(ins[i]);
        close(outs[i]);
        close(errs[i]);
    }
    return 0;
}

/* Where our own standard descriptors are closed, pipes get their numbers. */
TASK_TEST(process_pipes_may_have_standard_numbers)
{
    struct coil_process_output out = {.data = NULL};
    struct coil_process_output err = {.data = NULL};
    const char *argv[] = {"sh", "-c", "cat; echo err >&2", NULL};
    int kept[2];

    for (int i = 0; i < 2; i++) {
        kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        close(i);
    }
    CHECK_INT(coil_process_run(NULL, argv, "in", 2, &out, &err), ==, 0);
    for (int i = 0; i < 2; i++) {
        dup2(kept[i], i);
        close(kept[i]);
    }
    CHECK_STR(out.data ? out.data : "", "in");
    CHECK_STR(err.data ? err.data : "", "err\n");
    coil_process_output_deinit(&out);
    coil_process_output_deinit(&err);
    return 0;
}

/* --- failures --- */

TASK_TEST(process_run_reports_what_fails)
{
    struct coil_process_output out = {.data = NULL};
    siginfo_t info;

    fault_syscall_named("pipe2", 2, EMFILE);
    CHECK_ERR(coil_process_run(NULL, cat, "x", 1, &out, NULL), -EMFILE);
    fault_off();
    fault_syscall_named("posix_spawnp", 1, EAGAIN);
    CHECK_ERR(coil_process_run(NULL, cat, "x", 1, &out, NULL), -EAGAIN);
    fault_off();
    fault_syscall_named("waitid", 1, EINTR);
    CHECK_INT(coil_process_run(NULL, cat, "x", 1, &out, NULL), ==, 0);
    fault_off();
    CHECK_STR(out.data, "x");
    coil_process_output_deinit(&out);
    CHECK_INT(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), ==, -1);
    return 0;
}

static int run_once(void *arg)
{
    struct coil_process_output out = {.data = NULL};
    struct coil_process_output err = {.data = NULL};
    const char *argv[] = {"sh", "-c", "cat; echo err >&2", NULL};
    int rc = coil_process_run(NULL, argv, "hello", 5, &out, &err);

    (void)arg;
    if (rc == 0 && !fault_was_injected()) {
        CHECK_STR(out.data, "hello");
        CHECK_STR(err.data, "err\n");
    }
    coil_process_output_deinit(&out);
    coil_process_output_deinit(&err);
    return 0;
}

static void run_in_torture(void *arg)
{
    siginfo_t info;

    coil_run(run_once, arg);
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0) {
        test_fail(__FILE__, __LINE__, "a child was left behind");
    }
}

COIL_TEST_LIMIT(process_run_torture, 120)
{
    torture(run_in_torture, NULL);
}
