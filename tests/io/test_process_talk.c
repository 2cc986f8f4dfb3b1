/* Child processes: what they are given and what they say, also when they have ended (E12). */
#include "child.h"
#include "harness.h"

static const char *const count_argv[] = {"wc", "-c", NULL};

/* --- input --- */

/* Nothing is something else than no input: the child reads its end at once. */
TASK_TEST(process_reads_an_empty_input)
{
    struct coil_process_output out = {.data = NULL};

    CHECK_INT(coil_process_run(NULL, count_argv, "", 0, &out, NULL), ==, 0);
    CHECK_INT(out.data ? atoi(out.data) : -1, ==, 0);
    coil_process_output_deinit(&out);
    return 0;
}

/* The child may open its input once more, by its name. */
TASK_TEST(process_opens_its_input_by_name)
{
    const char *argv[] = {"sh", "-c", "wc -c </dev/stdin", NULL};
    struct coil_process_output out = {.data = NULL};
    struct coil_process_output err = {.data = NULL};

    CHECK_INT(coil_process_run(NULL, argv, "abc", 3, &out, &err), ==, 0);
    CHECK_INT(out.data ? atoi(out.data) : -1, ==, 3);
    CHECK_INT(err.size, ==, 0);
    coil_process_output_deinit(&out);
    coil_process_output_deinit(&err);
    return 0;
}

/* Each of the three can be nothing at all while the others are pipes. */
TASK_TEST(process_with_one_end_nowhere)
{
    for (int nowhere = 0; nowhere < 3; nowhere++) {
        struct coil_process_options options = {
            .in = nowhere == 0 ? COIL_PROCESS_NULL : COIL_PROCESS_PIPE,
            .out = nowhere == 1 ? COIL_PROCESS_NULL : COIL_PROCESS_PIPE,
            .err = nowhere == 2 ? COIL_PROCESS_NULL : COIL_PROCESS_PIPE,
        };
        struct coil_process_output out = {.data = NULL};
        struct coil_process_output err = {.data = NULL};
        struct coil_process *process = start_shell(&options, "wc -c; echo x >&2");

        CHECK_INT(coil_process_communicate(process, nowhere == 0 ? NULL : "abc",
                                           nowhere == 0 ? 0 : 3, &out, &err),
                  ==, 0);
        CHECK_INT(out.data ? atoi(out.data) : -1, ==, nowhere == 0 ? 0 : nowhere == 1 ? -1 : 3);
        CHECK_INT(err.size, ==, nowhere == 2 ? 0 : 2);
        CHECK_INT(coil_process_close(process), ==, 0);
        coil_process_output_deinit(&out);
        coil_process_output_deinit(&err);
    }
    return 0;
}

/* The child reads a little and ends: who writes is told, and no signal comes. */
TASK_TEST(process_ends_before_it_has_read_all)
{
    static char much[1 << 20];
    struct coil_process_options options = {.in = COIL_PROCESS_PIPE};
    struct coil_process *process = start_shell(&options, "head -c 1 >/dev/null; exit 6");
    ssize_t rc = coil_process_write(process, much, sizeof much);

    CHECK_INT(rc, <, (int64_t)sizeof much);
    CHECK(rc > 0 || rc == -EPIPE);
    CHECK_ERR(coil_process_write(process, much, 1), -EPIPE);
    CHECK_INT(coil_process_wait(process), ==, 6);
    CHECK_INT(coil_process_close(process), ==, 6);
    return 0;
}

/* --- output --- */

/* More than a pipe holds, read slowly: it is all there, the last of it after the child's end. */
TASK_TEST(process_output_is_read_after_its_end)
{
    enum { OUTPUT = 262144, LAST = 4096 }; /* that much fits into the smallest pipe */
    static char buf[65536];
    struct coil_process_options options = {.out = COIL_PROCESS_PIPE};
    struct coil_process *process = start_shell(&options, "head -c 262144 /dev/zero; exit 1");
    size_t total = 0;
    ssize_t n;

    do {
        size_t left = total < OUTPUT - LAST ? OUTPUT - LAST - total : LAST;

        n = coil_read(coil_process_stdout(process), buf, left < sizeof buf ? left : sizeof buf);
        total += n > 0 ? (size_t)n : 0;
        if (total == OUTPUT - LAST) {
            CHECK_INT(coil_process_wait(process), ==, 1);
        }
        CHECK_OK(coil_sleep(COIL_MSEC));
    } while (n > 0);
    CHECK_OK(n);
    CHECK_INT(total, ==, OUTPUT);
    CHECK_INT(coil_process_close(process), ==, 1);
    return 0;
}

struct saying {
    char word[16];
    struct coil_process_output out;
    int rc;
};

static int say(void *arg)
{
    struct saying *saying = arg;
    const char *argv[] = {"echo", saying->word, NULL};

    saying->rc = coil_process_run(NULL, argv, NULL, 0, &saying->out, NULL);
    return saying->rc;
}

/* Ten at once, each with its own output. */
TASK_TEST(process_many_say_something_at_once)
{
    struct saying sayings[10] = {0};
    char expected[20];

    for (int i = 0; i < 10; i++) {
        snprintf(sayings[i].word, sizeof sayings[i].word, "foo%d", i);
    }
    CHECK_OK(coil_map(say, sayings, 10, sizeof *sayings, 10));
    for (int i = 0; i < 10; i++) {
        snprintf(expected, sizeof expected, "foo%d\n", i);
        CHECK_STR(sayings[i].out.data ? sayings[i].out.data : "", expected);
        coil_process_output_deinit(&sayings[i].out);
    }
    check_no_children();
    return 0;
}

/* --- signals and the end --- */

/* What we ignore is not ignored by the child. */
TASK_TEST(process_dies_of_a_signal_that_we_ignore)
{
    struct coil_process_options options = {.out = COIL_PROCESS_PIPE};
    struct coil_process *process;
    char buf[16];

    signal(SIGHUP, SIG_IGN);
    process = start_shell(&options, "echo sleeping; exec sleep 100");
    CHECK_INT(coil_read(coil_process_stdout(process), buf, sizeof buf), ==, 9);
    CHECK_MEM(buf, "sleeping\n", 9);
    CHECK_OK(coil_process_send_signal(process, SIGHUP));
    CHECK_INT(coil_process_wait(process), ==, COIL_PROCESS_KILLED + SIGHUP);
    coil_process_close(process);
    signal(SIGHUP, SIG_DFL);
    return 0;
}

/* A shell that has a child of its own is killed, and waited for no longer than that takes. */
TASK_TEST(process_shell_is_killed_while_its_child_runs)
{
    struct coil_process_options options = {.out = COIL_PROCESS_PIPE, .new_session = true};
    struct coil_process *process = start_shell(&options, "echo; sleep 100; sleep 100");
    int64_t before = test_now_ns();
    char byte;

    CHECK_INT(coil_read(coil_process_stdout(process), &byte, 1), ==, 1);
    CHECK_OK(coil_process_kill(process));
    CHECK_INT(coil_process_wait(process), ==, COIL_PROCESS_KILLED + SIGKILL);
    CHECK_INT(test_now_ns() - before, <, 50 * COIL_SEC);
    coil_process_close(process);
    return 0;
}

/* It has ended, and the loop has not noticed yet: its close tells how, and sends no signal. */
TASK_TEST(process_close_of_one_that_has_just_ended)
{
    struct coil_process_options options = {.grace_ns = -1};
    struct coil_process *process = start_shell(&options, "exit 5");
    siginfo_t info;

    CHECK_INT(waitid(P_PID, (id_t)coil_process_pid(process), &info, WEXITED | WNOWAIT), ==, 0);
    CHECK_INT(coil_process_close(process), ==, 5);
    check_no_children();
    return 0;
}

static int wait_for_it(void *arg)
{
    return coil_process_wait(arg);
}

/* A wait that was cancelled, twice; the next one gets the result. */
TASK_TEST(process_is_waited_for_again_after_a_cancel)
{
    struct coil_process *process = start_patient("");
    struct coil_task *task = coil_create_task(wait_for_it, process);

    yield_times(2);
    coil_cancel(task);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_ERR(coil_process_returncode(process), -EAGAIN);
    CHECK_OK(coil_process_kill(process));
    CHECK_INT(coil_process_wait(process), ==, COIL_PROCESS_KILLED + SIGKILL);
    coil_process_close(process);
    return 0;
}
