/* The watchdog's own life: begun, changed and ended, beside other threads, forks and stops; and
 * what it says by itself. */
#include "ears.h"

#include "fault.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- without a handler --- */

static int stall_once(void *arg)
{
    struct timespec ts = {.tv_nsec = 100000000};

    (void)arg;
    nanosleep(&ts, NULL);
    return 0;
}

static int run_plain(void *arg)
{
    const struct coil_run_options *options = arg;

    return coil_run_with(options, stall_once, NULL);
}

COIL_TEST(watchdog_writes_to_stderr)
{
    struct coil_run_options options = {.stall_limit_ns = LIMIT};
    struct test_child child;

    test_run_child(run_plain, &options, &child);
    CHECK_INT(child.exit_code, ==, 0);
    CHECK_CONTAINS(child.output, "coil: stall: task main (1) holds up the loop, for ");
    CHECK_CONTAINS(child.output, "\ncoil: stall: task main (1) has held up the loop for ");
    CHECK_CONTAINS(child.output, " ms, until now\n");
}

static int stall_for_debug(void *arg)
{
    struct timespec ts = {.tv_nsec = 300000000};

    (void)arg;
    nanosleep(&ts, NULL);
    return coil_loop_stall_limit(coil_loop_current()) == 100 * COIL_MSEC ? 0 : 1;
}

static int run_in_debug_mode(void *arg)
{
    struct coil_run_options options = {.loop.debug = true};

    (void)arg;
    return coil_run_with(&options, stall_for_debug, NULL);
}

COIL_TEST(watchdog_is_there_in_debug_mode)
{
    struct test_child child;

    if (test_is_torture()) {
        test_skip("too long for a torture");
    }
    test_run_child(run_in_debug_mode, NULL, &child);
    CHECK_INT(child.exit_code, ==, 0);
    CHECK_CONTAINS(child.output, "coil: stall: task main (1) holds up the loop, for ");
}

static int count_threads(void)
{
    int64_t threads = 0;
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");

    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "Threads:", 8) == 0) {
            for (const char *c = line + 8; *c; c++) {
                threads = *c >= '0' && *c <= '9' ? threads * 10 + *c - '0' : threads;
            }
        }
    }
    if (file) {
        fclose(file);
    }
    return (int)threads;
}

static int no_thread(void *arg)
{
    int *threads = arg;

    *threads = count_threads();
    CHECK_INT(coil_loop_stall_limit(coil_loop_current()), ==, COIL_NEVER);
    CHECK_ERR(coil_loop_set_stall_handler(coil_loop_current(), listen_to, NULL),
              -COIL_EINVALIDSTATE);
    return 0;
}

COIL_TEST(watchdog_is_not_there_unless_asked_for)
{
    struct coil_run_options options = {.loop.debug = true, .stall_limit_ns = COIL_NEVER};
    int before = count_threads();
    int threads = 0;

    unsetenv("COIL_DEBUG");
    CHECK_ERR(coil_run(no_thread, &threads), 0);
    CHECK_INT(threads, ==, before);
    CHECK_ERR(coil_run_with(&options, no_thread, &threads), 0);
    CHECK_INT(threads, ==, before);
}

/* --- its life --- */

static int change(void *arg)
{
    struct ears *ears = arg;
    struct coil_loop *loop = coil_loop_current();

    CHECK_ERR(coil_loop_set_stall_limit(loop, COIL_MSEC - 1), -EINVAL);
    CHECK_ERR(coil_loop_set_stall_limit(loop, -1), -EINVAL);
    CHECK_ERR(coil_loop_set_stall_limit(NULL, COIL_SEC), -EINVAL);
    CHECK_ERR(coil_loop_set_stall_handler(NULL, listen_to, NULL), -EINVAL);
    CHECK_INT(coil_loop_stall_limit(NULL), ==, COIL_NEVER);
    CHECK_INT(coil_loop_stall_limit(loop), ==, COIL_NEVER);
    CHECK_OK(coil_loop_set_stall_limit(loop, COIL_NEVER)); /* there is none: fine */
    CHECK_OK(coil_loop_set_stall_limit(loop, COIL_MINUTE));
    CHECK_OK(coil_loop_set_stall_handler(loop, listen_to, ears));
    CHECK_INT(coil_loop_stall_limit(loop), ==, COIL_MINUTE);
    CHECK_OK(coil_yield());
    CHECK_OK(coil_loop_set_stall_limit(loop, LIMIT));
    CHECK_OK(coil_yield());
    spin_until(ears, 1);
    CHECK_INT(ears->reports, >=, 1);
    CHECK_OK(coil_loop_set_stall_limit(loop, COIL_NEVER)); /* ends it, and says the total */
    CHECK_INT(ears->ends, >=, 1);
    CHECK_INT(coil_loop_stall_limit(loop), ==, COIL_NEVER);
    CHECK_OK(coil_loop_set_stall_limit(loop, COIL_SEC)); /* the end of the loop ends this one */
    return 0;
}

COIL_TEST(watchdog_can_be_changed)
{
    struct ears ears = {0};

    unsetenv("COIL_DEBUG");
    CHECK_ERR(coil_run(change, &ears), 0);
}

static int wrong_thread(void *arg)
{
    struct coil_loop *loop = arg;

    CHECK_ERR(coil_loop_set_stall_limit(loop, COIL_SEC), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_loop_set_stall_handler(loop, NULL, NULL), -COIL_EWRONGTHREAD);
    return 0;
}

static int use_from_thread(__attribute__((unused)) void *arg)
{
    return coil_to_thread(wrong_thread, coil_loop_current());
}

COIL_TEST(watchdog_is_of_the_loops_thread)
{
    unsetenv("COIL_DEBUG");
    CHECK_ERR(coil_run(use_from_thread, NULL), 0);
}

static void spin_in_callback(void *user)
{
    spin_until(user, 1);
}

/* A loop without tasks, that somebody else runs step by step. */
COIL_TEST(watchdog_of_an_embedded_loop)
{
    struct ears ears = {0};
    struct coil_handle handle = {0};
    struct coil_loop *loop;
    struct timespec ts = {.tv_nsec = LARGE_LIMIT + 100 * COIL_MSEC};

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_OK(coil_loop_set_stall_limit(loop, LARGE_LIMIT));
    CHECK_OK(coil_loop_set_stall_handler(loop, listen_to, &ears));
    CHECK_OK(coil_loop_run_once(loop, 0));
    nanosleep(&ts, NULL); /* it does not run: nobody holds it up */
    CHECK_INT(ears.reports, ==, 0);
    CHECK_OK(coil_call_soon(loop, &handle, spin_in_callback, &ears));
    CHECK_OK(coil_loop_run_once(loop, 0));
    CHECK_INT(ears.reports, >=, 1);
    CHECK_OK(coil_loop_free(loop));
    CHECK_INT(ears.ends, ==, 1);
}

struct party {
    pthread_t thread;
    struct ears ears;
    char name[16];
};

static int spin_with_name(void *arg)
{
    struct party *party = arg;

    CHECK_OK(coil_task_set_name(coil_current_task(), party->name));
    return spin_until(&party->ears, 2);
}

static void *run_party(void *arg)
{
    struct party *party = arg;

    struct coil_run_options options = {
        .stall_limit_ns = LIMIT, .stall_handler = listen_to, .stall_user = &party->ears};

    party->ears.only = party->name;
    CHECK_ERR(coil_run_with(&options, spin_with_name, party), 0);
    return NULL;
}

COIL_TEST(watchdogs_of_several_threads)
{
    static struct party parties[3];
    /* TSan does not see how libbacktrace shares its tables among threads. */
    int count = test_has_tsan() ? 1 : 3;

    for (int i = 0; i < count; i++) {
        snprintf(parties[i].name, sizeof parties[i].name, "party%hhu", (unsigned char)i);
        CHECK_INT(pthread_create(&parties[i].thread, NULL, run_party, &parties[i]), ==, 0);
    }
    for (int i = 0; i < count; i++) {
        CHECK_INT(pthread_join(parties[i].thread, NULL), ==, 0);
        CHECK_INT(parties[i].ears.reports, >=, 2);
        CHECK_INT(parties[i].ears.ends, ==, 1);
        CHECK_STR(parties[i].ears.name, parties[i].name);
    }
}

static int spin(void *arg)
{
    return spin_until(arg, 3);
}

/* The child has a copy of the loop and no watchdog; it may have one for a loop of its own. */
static int spin_in_child(void *arg)
{
    struct ears ears = {0};

    (void)arg;
    CHECK_ERR(run_heard(&ears, spin, &ears), 0);
    CHECK_INT(ears.reports, >=, 3);
    return 0;
}

static int fork_now(void *arg)
{
    struct ears *ears = arg;
    int status;
    pid_t pid;

    spin_until(ears, 1); /* so that the handler is there */
    pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        return 7;
    }
    CHECK_INT(waitpid(pid, &status, 0), ==, pid);
    CHECK_INT(status, ==, 0);
    return 0;
}

COIL_TEST(watchdog_and_fork)
{
    struct ears ears = {0};
    int rc;

    if (test_has_tsan() || test_is_emulated()) {
        test_skip("no new threads after a fork");
    }
    rc = run_heard(&ears, fork_now, &ears);
    if (rc == -COIL_EFORKED) {
        _exit(spin_in_child(NULL));
    }
    CHECK_ERR(rc, 0);
}

/* The process stands still for a while: nobody is to blame for that. */
static int stop_for_a_while(void *arg)
{
    int fd = *(int *)arg;

    CHECK_INT(write(fd, "x", 1), ==, 1);
    return 0;
}

static int be_stopped(void *arg)
{
    struct ears ears = {0};
    struct coil_run_options options = {
        .stall_limit_ns = 200 * COIL_MSEC, .stall_handler = listen_to, .stall_user = &ears};

    CHECK_ERR(coil_run_with(&options, stop_for_a_while, arg), 0);
    return ears.reports;
}

static int yield_while_stopped(void *arg)
{
    int fd = *(int *)arg;
    int64_t end = test_now_ns() + 900 * COIL_MSEC;

    CHECK_INT(write(fd, "x", 1), ==, 1);
    while (test_now_ns() < end) {
    }
    return 0;
}

static int run_while_stopped(void *arg)
{
    struct ears ears = {0};
    struct coil_run_options options = {
        .stall_limit_ns = 600 * COIL_MSEC, .stall_handler = listen_to, .stall_user = &ears};

    CHECK_ERR(coil_run_with(&options, yield_while_stopped, arg), 0);
    return ears.reports;
}

COIL_TEST(watchdog_does_not_count_a_stop)
{
    struct timespec ts = {.tv_nsec = 800000000};
    int status;
    int fds[2];
    char byte;
    pid_t pid;

    if (test_is_torture()) {
        test_skip("too long for a torture");
    }
    CHECK_INT(pipe(fds), ==, 0);
    pid = fork();
    CHECK_INT(pid, >=, 0);
    if (pid == 0) {
        _exit(be_stopped(&fds[1]) + run_while_stopped(&fds[1]));
    }
    for (int i = 0; i < 2; i++) {
        CHECK_INT(read(fds[0], &byte, 1), ==, 1);
    }
    kill(pid, SIGSTOP); /* in the second run, which takes 900 ms with these 800 */
    nanosleep(&ts, NULL);
    kill(pid, SIGCONT);
    CHECK_INT(waitpid(pid, &status, 0), ==, pid);
    CHECK_INT(status, ==, 0);
    close(fds[0]);
    close(fds[1]);
}

/* Its thread does not keep a deadlock from being certain. */
static int wait_for_nothing(void *arg)
{
    struct coil_event never = {0};

    (void)arg;
    CHECK_PTR(coil_loop_current(), !=, NULL); /* the program has the loop's address now */
    return coil_event_wait(&never);
}

static int run_into_deadlock(void *arg)
{
    struct coil_run_options options = {.stall_limit_ns = COIL_SEC};

    (void)arg;
    return coil_run_with(&options, wait_for_nothing, NULL) == -EDEADLK ? 0 : 1;
}

COIL_TEST(watchdog_and_deadlock)
{
    struct test_child child;

    if (test_has_tsan() || test_is_emulated() || test_is_torture()) {
        test_skip("there is a thread of the tool's, or no time for many hangs");
    }
    test_run_child(run_into_deadlock, NULL, &child);
    CHECK_CONTAINS(child.output, "coil: deadlock");
    CHECK_INT(child.exit_code, ==, 0);
}

/* --- faults --- */

static int nothing(__attribute__((unused)) void *arg)
{
    return 0;
}

COIL_TEST(watchdog_without_a_thread)
{
    struct coil_run_options asked = {.stall_limit_ns = COIL_SEC};
    struct coil_run_options debug = {.loop.debug = true};

    fault_syscall_named("pthread_create", 1, EAGAIN);
    CHECK_ERR(coil_run_with(&asked, nothing, NULL), -EAGAIN);
    fault_off();
    fault_syscall_named("pthread_create", 1, EAGAIN);
    CHECK_ERR(coil_run_with(&debug, nothing, NULL), 0); /* without it, then */
    fault_off();
}

static void run_asked(void *arg)
{
    struct coil_run_options asked = {.stall_limit_ns = COIL_SEC, .report_overflow = true};

    (void)arg;
    coil_run_with(&asked, nothing, NULL);
    asked.loop.debug = true;
    asked.stall_limit_ns = 0;
    coil_run_with(&asked, nothing, NULL);
}

COIL_TEST_LIMIT(watchdog_torture, 120)
{
    torture(run_asked, NULL);
}
