/* Test of the harness: runs the tests of test_failing.c and checks what is said of each. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "harness.h"

static void *volatile sink;

static int exec_shell(void *command)
{
    execl("/bin/sh", "sh", "-c", (const char *)command, (char *)NULL);
    return 127;
}

static void run_failing(const char *args, struct test_child *ret_child)
{
    const char *program = getenv("COIL_TEST_FAILING");
    char command[1024];

    if (!program) {
        test_skip("COIL_TEST_FAILING does not name the program");
    }
    snprintf(command, sizeof command, "%s %s", program, args);
    test_run_child(exec_shell, command, ret_child);
}

/* The test of that name fails, for that reason, and this stands in its output. */
static void expect_failure(const char *args, const char *why, const char *detail)
{
    struct test_child child;

    run_failing(args, &child);
    CHECK_CONTAINS(child.output, "not ok ");
    CHECK_CONTAINS(child.output, why);
    CHECK_CONTAINS(child.output, detail);
    CHECK_CONTAINS(child.output, "0 passed, 1 failed, 0 skipped\n");
    CHECK_INT(child.exit_code, ==, 1);
}

static void expect_success(const char *args, const char *line)
{
    struct test_child child;

    run_failing(args, &child);
    CHECK_CONTAINS(child.output, line);
    CHECK_CONTAINS(child.output, " 0 failed, ");
    CHECK_INT(child.exit_code, ==, 0);
}

COIL_TEST(harness_passes_silently)
{
    struct test_child child;

    run_failing("passes", &child);
    CHECK_CONTAINS(child.output, "ok passes (");
    CHECK_CONTAINS(child.output, "1 passed, 0 failed, 0 skipped\n");
    CHECK(!strstr(child.output, "this is not seen"));
    CHECK_INT(child.exit_code, ==, 0);
}

COIL_TEST(harness_shows_output_of_failed)
{
    expect_failure("fails_check", "a check failed", "output of a failed test");
}

COIL_TEST(harness_check_names_place_and_values)
{
    expect_failure("fails_check", "a check failed", "test_failing.c:29: 2 + 2 == 5");
    expect_failure("fails_int", "a check failed", "2 + 2 == 5: 4, 5");
    expect_failure("fails_str", "a check failed", "\"expected\"");
    expect_failure("fails_mem", "a check failed", "byte 2 of 4 is 0x63, not 0x58");
    expect_failure("fails_err", "a check failed", "-ECONNRESET is -EPIPE: -104 (");
    expect_failure("fails_ok", "a check failed", "-ENOMEM: -12 (");
}

COIL_TEST(harness_sees_crash)
{
    bool caught = test_has_asan() || test_has_tsan();

    expect_failure("crashes", caught ? "the process ended early" : "killed by SIGSEGV", "");
}

COIL_TEST(harness_sees_early_exit)
{
    expect_failure("exits_early", "the process ended early, with code 0", "");
}

COIL_TEST(harness_ends_what_hangs)
{
    expect_failure("hangs", "still running after ", "");
}

COIL_TEST(harness_sees_leaked_memory)
{
    if (test_has_tsan()) {
        test_skip("allocations are not recorded under ThreadSanitizer");
    }
    expect_failure("leaks_memory", "left something behind", "leak: 123 bytes in 1 alloc");
    expect_failure("leaks_memory_of_many", "left something behind", "leak: 4322 bytes in 1 alloc");
}

COIL_TEST(harness_traces_leaked_memory)
{
    if (test_has_tsan()) {
        test_skip("allocations are not recorded under ThreadSanitizer");
    }
    expect_failure("--trace leaks_memory", "left something behind", "test_leaks_memory at ");
}

COIL_TEST(harness_sees_leaked_mapping)
{
    expect_failure("leaks_mapping", "left something behind", "leak: 12288 bytes of mappings");
}

COIL_TEST(harness_sees_leaked_fd)
{
    expect_failure("leaks_fd", "left something behind", "is still open: /dev/null");
}

COIL_TEST(harness_sees_leaked_thread)
{
    if (test_has_tsan()) {
        test_skip("ThreadSanitizer has threads of its own");
    }
    expect_failure("leaks_thread", "left something behind", "1 threads are still running");
}

COIL_TEST(harness_sees_double_close)
{
    expect_failure("closes_twice", "left something behind", "a descriptor that was not open");
}

COIL_TEST(harness_counts_skips)
{
    expect_success("skips", "skip skips: there is a reason\n0 passed, 0 failed, 1 skipped");
}

COIL_TEST(harness_runs_without_fork)
{
    struct test_child child;

    run_failing("--no-fork passes", &child);
    CHECK_CONTAINS(child.output, "this is not seen");
    CHECK_INT(child.exit_code, ==, 0);
}

COIL_TEST(harness_lists)
{
    struct test_child child;

    run_failing("-l", &child);
    CHECK_CONTAINS(child.output, "passes\nfails_check\nfails_int\n");
    CHECK_INT(child.exit_code, ==, 0);
}

COIL_TEST(harness_refuses_unknown_names)
{
    struct test_child child;

    run_failing("no_such_test", &child);
    CHECK_CONTAINS(child.output, "no test is called no_such_test");
    CHECK_INT(child.exit_code, ==, 2);
}

/* ---- torture ---- */

COIL_TEST(torture_lets_sound_code_pass)
{
    expect_success("--torture torture_stands", "ok torture_stands");
    expect_success("--torture-soft torture_stands", "ok torture_stands");
}

COIL_TEST(torture_finds_crash)
{
    expect_failure("--torture torture_crashes",
                   "fault alloc:1 in malloc: ", "--fault alloc:1 torture_crashes");
}

COIL_TEST(torture_finds_leak)
{
    expect_failure("--torture torture_leaks", "fault syscall:2 in read: ", "is still open");
}

COIL_TEST(torture_finds_hang)
{
    expect_failure("--torture torture_hangs", "fault alloc:1 in malloc: still running after ", "");
}

COIL_TEST(torture_takes_failed_check_for_notice)
{
    expect_success("--torture torture_leaks_after_check", "ok torture_leaks_after_check");
}

COIL_TEST(torture_soft_finds_leak_after_check)
{
    if (test_has_tsan()) {
        test_skip("allocations are not recorded under ThreadSanitizer");
    }
    expect_failure("--torture-soft torture_leaks_after_check",
                   "fault alloc:2 in malloc: ", "leak: 10 bytes");
}

COIL_TEST(torture_soft_ends_a_wait_after_check)
{
    if (test_has_tsan()) {
        test_skip("allocations are not recorded under ThreadSanitizer");
    }
    expect_failure("--torture-soft torture_waits_after_check",
                   "fault alloc:1 in malloc: ", "leak: 5 bytes");
}

COIL_TEST(torture_reaches_forked_processes)
{
    /* of both kinds of allocation: count, n = 1, n = 2 untouched; of system calls three */
    expect_success("--torture-soft torture_forks", "ok torture_forks (9 runs, ");
}

COIL_TEST(torture_says_who_is_skipped)
{
    expect_success("--torture skips", "skip skips: there is a reason\n0 passed, 0 failed, 1 skip");
}

static void work_that_tolerates(void *arg)
{
    int *runs = arg;
    void *ptr = malloc(10);
    int fd = open("/dev/null", O_RDONLY);

    ++*runs;
    sink = ptr;
    free(ptr);
    if (fd >= 0) {
        close(fd);
    }
}

COIL_TEST(torture_runs_function)
{
    int *runs = mmap(NULL, sizeof *runs, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    torture(work_that_tolerates, runs);
    /* count, n = 1, n = 2 untouched; of two system calls, one more */
    CHECK_INT(*runs, ==, 10);
    munmap(runs, sizeof *runs);
}

/* ---- faults ---- */

COIL_TEST(fault_fails_nth_allocation)
{
    fault_alloc_at(2);
    void *a = malloc(1);
    sink = a;
    void *b = malloc(1);
    sink = b;
    void *c = malloc(1);
    sink = c;
    CHECK_INT(fault_count(), ==, 3);
    CHECK(fault_was_injected());
    fault_off();
    CHECK(a && !b && c);
    free(a);
    free(c);
}

COIL_TEST(fault_fails_all_allocations_from)
{
    fault_alloc_from(2);
    void *a = malloc(1);
    sink = a;
    void *b = calloc(1, 1);
    sink = b;
    void *c = realloc(NULL, 10);
    sink = c;
    fault_off();
    CHECK(a && !b && !c);
    free(a);
}

COIL_TEST(fault_fails_nth_syscall)
{
    fault_syscall_at(2);
    int fd = open("/dev/null", O_RDONLY);
    char byte;
    ssize_t got = read(fd, &byte, 1);
    int error = errno;
    CHECK_STR(fault_injected_into(), "read");
    fault_off();
    CHECK_INT(got, ==, -1);
    CHECK_INT(error, ==, EIO);
    close(fd);
}

COIL_TEST(fault_fails_named_syscall)
{
    fault_syscall_named("fcntl", 1, EPERM);
    int fd = open("/dev/null", O_RDONLY);
    CHECK_INT(fd, >=, 0);
    CHECK_INT(fcntl(fd, F_GETFL), ==, -1);
    CHECK_INT(errno, ==, EPERM);
    CHECK_INT(fcntl(fd, F_GETFL), >=, 0);
    close(fd);
}

COIL_TEST(fault_counts_calls)
{
    uint64_t before = fault_calls("read");
    uint64_t before_total = fault_calls_total();
    int fd = open("/dev/null", O_RDONLY);
    char byte;

    CHECK_INT(read(fd, &byte, 1), ==, 0);
    close(fd);
    CHECK_INT(fault_calls("read") - before, ==, 1);
    CHECK_INT(fault_calls("open") + fault_calls("openat"), >=, 1);
    CHECK_INT(fault_calls_total() - before_total, ==, 3);
}

/* ---- the rest ---- */

COIL_TEST(live_blocks_are_counted)
{
    if (test_has_tsan()) {
        test_skip("allocations are not recorded under ThreadSanitizer");
    }
    size_t blocks = test_live_blocks();
    size_t bytes = test_live_bytes();
    uint64_t count = test_alloc_count();
    char *a = malloc(100);
    sink = a;
    char *b = realloc(a, 300);
    sink = b;
    char *c = strdup("glibc allocates this one");

    CHECK_INT(test_live_blocks() - blocks, ==, 1);
    CHECK_INT(test_live_bytes() - bytes, ==, 300);
    CHECK_INT(test_alloc_count() - count, ==, 2);
    free(b);
    free(c);
    CHECK_INT(test_live_blocks() - blocks, ==, 0);
}

COIL_TEST(allowed_leftovers_are_left)
{
    test_allow_leaks();
    test_allow_open_fds();
    test_allow_bad_close();
    CHECK_INT(open("/dev/null", O_RDONLY), >=, 0);
    close(9999);
    sink = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int write_and_return(void *arg)
{
    printf("to stdout\n");
    fprintf(stderr, "to stderr\n");
    return *(int *)arg;
}

static int die(void *arg)
{
    (void)arg;
    signal(SIGTERM, SIG_DFL);
    raise(SIGTERM);
    return 0;
}

COIL_TEST(child_is_run_and_heard)
{
    struct test_child child;
    int code = 7;

    test_run_child(write_and_return, &code, &child);
    CHECK_INT(child.exit_code, ==, 7);
    CHECK_INT(child.signal, ==, 0);
    CHECK_CONTAINS(child.output, "to stdout\n");
    CHECK_CONTAINS(child.output, "to stderr\n");
    test_run_child(die, NULL, &child);
    CHECK_INT(child.exit_code, ==, -1);
    CHECK_INT(child.signal, ==, SIGTERM);
}

static int print_temp_dir(void *arg)
{
    struct stat info;
    FILE *file;
    char path[128];

    (void)arg;
    test_temp_path(path, sizeof path, "file");
    file = fopen(path, "w");
    CHECK(file != NULL);
    fclose(file);
    CHECK_INT(stat(path, &info), ==, 0);
    return 0;
}

COIL_TEST(temp_dir_is_made)
{
    CHECK_INT(print_temp_dir(NULL), ==, 0);
    CHECK_STR(test_temp_dir(), test_temp_dir());
}

COIL_TEST(sockets_are_made)
{
    int fds[2];
    uint16_t port;
    char byte = 'x';

    test_socket_pair(fds);
    CHECK_INT(write(fds[0], &byte, 1), ==, 1);
    CHECK_INT(read(fds[1], &byte, 1), ==, 1);
    CHECK_INT(read(fds[1], &byte, 1), ==, -1);
    close(fds[0]);
    close(fds[1]);
    int fd = test_listen_tcp(&port);
    CHECK_INT(port, !=, 0);
    close(fd);
    CHECK_INT(test_free_port(), !=, 0);
}
