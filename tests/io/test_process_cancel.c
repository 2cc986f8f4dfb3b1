/* What a cancel or a deadline leaves of a child: all that it has said, and nobody of its group. */
#include "child.h"
#include "harness.h"

#include <time.h>

/* --- what it has said --- */

enum { MUCH = 10000 }; /* more than is read at once, less than the smallest pipe holds */

struct running {
    struct coil_process_options options;
    const char *command;
    int64_t timeout_ns;
    struct coil_process_output out;
    struct coil_process_output err;
};

static int run_command(void *arg)
{
    struct running *running = arg;
    const char *argv[] = {"sh", "-c", running->command, NULL};

    coil_timeout(running->timeout_ns) {
        return coil_process_run(&running->options, argv, NULL, 0, &running->out, &running->err);
    }
    return -ETIMEDOUT;
}

static void free_outputs(struct running *running)
{
    coil_process_output_deinit(&running->out);
    coil_process_output_deinit(&running->err);
}

/* Waits for the file that the task's child makes, without letting the loop run. */
static void stand_still_until(const char *path, struct coil_task *task)
{
    int64_t end = test_now_ns() + PATIENCE;

    while (access(path, F_OK) < 0 && test_now_ns() < end && !coil_task_is_done(task)) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    CHECK_INT(access(path, F_OK), ==, 0);
    CHECK_INT(unlink(path), ==, 0);
}

/* The bytes stand in the pipes, and the loop has not looked since. */
TASK_TEST(process_run_keeps_what_stood_in_the_pipes)
{
    char command[700];
    char path[256];

    test_temp_path(path, sizeof path, "said");
    snprintf(command, sizeof command, "head -c %d /dev/zero; echo oh >&2; touch %s; exec sleep 100",
             MUCH, path);
    for (int i = 0; i < 2; i++) {
        struct running running = {.command = command, .timeout_ns = COIL_NEVER};
        struct coil_task *task;

        running.timeout_ns = i == 0 ? COIL_NEVER : COIL_MSEC;
        task = coil_create_task(run_command, &running);
        yield_times(i == 0 ? 5 : 1);
        stand_still_until(path, task);
        if (i == 0) { /* else the deadline is over */
            coil_cancel(task);
        }
        CHECK_ERR(coil_await(task), i == 0 ? -ECANCELED : -ETIMEDOUT);
        CHECK_INT(running.out.size, ==, MUCH);
        CHECK_INT(running.err.size, ==, 3);
        CHECK_STR(running.err.data ? running.err.data : "", "oh\n");
        free_outputs(&running);
        check_no_children();
    }
    return 0;
}

/* What it says about its end is heard, too. */
TASK_TEST(process_run_keeps_its_last_words)
{
    struct running running = {
        .options = {.new_session = true, .err = COIL_PROCESS_MERGE},
        .timeout_ns = COIL_NEVER,
    };
    struct coil_task *task;
    char command[700];
    char path[256];

    test_temp_path(path, sizeof path, "said");
    snprintf(command, sizeof command,
             "exec 2>/dev/null; trap 'echo bye; exit 3' TERM; echo hello; touch %s; "
             "while :; do sleep 100 & wait $!; done",
             path);
    running.command = command;
    task = coil_create_task(run_command, &running);
    yield_times(5);
    stand_still_until(path, task);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_STR(running.out.data ? running.out.data : "", "hello\nbye\n");
    free_outputs(&running);
    check_no_children();
    return 0;
}

/* No more than was asked for. */
TASK_TEST(process_run_keeps_to_the_limit)
{
    struct running running = {.out.max = 5000, .timeout_ns = COIL_NEVER};
    struct coil_task *task;
    char command[700];
    char path[256];

    test_temp_path(path, sizeof path, "said");
    snprintf(command, sizeof command, "head -c %d /dev/zero; touch %s; exec sleep 100", MUCH, path);
    running.command = command;
    task = coil_create_task(run_command, &running);
    yield_times(1); /* nobody has read yet */
    stand_still_until(path, task);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_INT(running.out.size, ==, 5000);
    free_outputs(&running);
    return 0;
}

struct talking {
    struct coil_process *process;
    struct coil_process_output out;
};

static int talk(void *arg)
{
    struct talking *talking = arg;

    return coil_process_communicate(talking->process, NULL, 0, &talking->out, NULL);
}

/* communicate leaves the child alone; it can be called again for the rest. */
TASK_TEST(process_communicate_goes_on_after_a_cancel)
{
    struct coil_process_options options = {.in = COIL_PROCESS_PIPE, .out = COIL_PROCESS_PIPE};
    struct talking talking = {.process = NULL};
    struct coil_task *task;
    char command[700];
    char path[256];
    int fd;

    test_temp_path(path, sizeof path, "said");
    snprintf(command, sizeof command,
             "head -c %d /dev/zero; touch %s; while ! test -e %s.2; do sleep 0.01; done; echo rest",
             MUCH, path, path);
    talking.process = start_shell(&options, command);
    task = coil_create_task(talk, &talking);
    yield_times(5);
    stand_still_until(path, task);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK_INT(talking.out.size, ==, MUCH);
    CHECK_ERR(coil_process_returncode(talking.process), -EAGAIN);
    test_temp_path(path, sizeof path, "said.2");
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CHECK_INT(fd, >=, 0);
    close(fd);
    coil_timeout(PATIENCE) {
        CHECK_INT(talk(&talking), ==, 0);
    }
    CHECK_INT(talking.out.size, ==, MUCH + 5);
    CHECK_STR(talking.out.size > MUCH ? talking.out.data + MUCH : "", "rest\n");
    CHECK_INT(coil_process_close(talking.process), ==, 0);
    coil_process_output_deinit(&talking.out);
    CHECK_INT(unlink(path), ==, 0);
    return 0;
}

/* --- its group --- */

/* A zombie, which nobody in a container may reap, does not count. */
static bool lives(int pid)
{
    char path[64];
    char stat[256] = "";
    const char *state;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        CHECK_INT(read(fd, stat, sizeof stat - 1), >=, 0);
        close(fd);
    }
    state = strrchr(stat, ')');
    return state && state[2] != 'Z' && state[2] != 'X';
}

static void check_end_of(int pid)
{
    coil_timeout(PATIENCE) {
        while (lives(pid) && coil_sleep(COIL_MSEC) == 0) {
        }
    }
    CHECK_MSG(!lives(pid), "%d has outlived its group", pid);
}

/* Two that tell their pids: the leader, and one that does not care for SIGTERM. */
static struct coil_process *start_group(const char *member, const char *leader, int64_t grace_ns,
                                        int *ret_member)
{
    struct coil_process_options options = {
        .out = COIL_PROCESS_PIPE, .new_session = true, .grace_ns = grace_ns};
    struct coil_process *process;
    char command[700];
    char line[32] = "";
    size_t size = 0;

    snprintf(command, sizeof command, "sh -c '%s' & exec sh -c '%s'", member, leader);
    process = start_shell(&options, command);
    coil_timeout(PATIENCE) {
        while (!strchr(line, '\n') && size < sizeof line - 1) {
            ssize_t n = coil_read(coil_process_stdout(process), line + size, 1);

            if (n <= 0) {
                break;
            }
            size += (size_t)n;
        }
    }
    *ret_member = atoi(line);
    CHECK_INT(*ret_member, >, 1);
    return process;
}

TASK_TEST(process_close_ends_who_outlives_the_leader)
{
    struct coil_process *process;
    int member = 0;

    process = start_group("trap \"\" TERM; echo $$; exec sleep 100", "exec sleep 100",
                          50 * COIL_MSEC, &member);
    CHECK_INT(coil_process_close(process), ==, COIL_PROCESS_KILLED + SIGTERM);
    check_end_of(member);
    check_no_children();
    return 0;
}

/* The time of grace is the group's, not the leader's alone; and it ends with the group. */
TASK_TEST(process_close_gives_the_group_its_time)
{
    struct coil_process *process;
    int64_t before = test_now_ns();
    char member_does[400];
    char path[256];
    int member = 0;

    test_temp_path(path, sizeof path, "clean");
    snprintf(member_does, sizeof member_does,
             "trap \"sleep 0.05; touch %s; exit\" TERM; echo $$; while :; do sleep 0.01; done",
             path);
    process = start_group(member_does, "exec sleep 100", COIL_MINUTE, &member);
    CHECK_INT(coil_process_close(process), ==, COIL_PROCESS_KILLED + SIGTERM);
    CHECK_INT(access(path, F_OK), ==, 0);
    CHECK_INT(unlink(path), ==, 0);
    CHECK(!lives(member));
    CHECK_INT(test_now_ns() - before, <, 50 * COIL_SEC);
    check_no_children();
    return 0;
}

/* Where nobody can look who is left, those left are ended with the leader. */
TASK_TEST(process_close_without_a_thread_to_look)
{
    struct coil_process *process;
    int member = 0;

    if (test_is_torture()) {
        test_skip("has a fault of its own");
    }
    process = start_group("trap \"\" TERM; echo $$; exec sleep 100", "exec sleep 100", COIL_MINUTE,
                          &member);
    fault_syscall_named("pthread_create", 1, EAGAIN);
    CHECK_INT(coil_process_close(process), ==, COIL_PROCESS_KILLED + SIGTERM);
    fault_off();
    check_end_of(member);
    check_no_children();
    return 0;
}

static int wait_for_it(void *arg)
{
    return coil_process_wait(arg);
}

/* Who waits for the leader hears of its end when it is reaped: after its group's. */
TASK_TEST(process_waited_for_while_its_group_is_closed)
{
    struct coil_process *process;
    struct coil_task *task;
    int member = 0;

    process = start_group("trap \"\" TERM; echo $$; exec sleep 100", "exec sleep 100",
                          50 * COIL_MSEC, &member);
    task = coil_create_task(wait_for_it, process);
    yield_times(2);
    CHECK_INT(coil_process_close(process), ==, COIL_PROCESS_KILLED + SIGTERM);
    CHECK_INT(coil_await(task), ==, COIL_PROCESS_KILLED + SIGTERM);
    check_end_of(member);
    return 0;
}
