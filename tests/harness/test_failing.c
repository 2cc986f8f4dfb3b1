/* Tests that go wrong in each way there is. test_harness.c runs this program and looks on. */
#include <coil/error.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "harness.h"

static void *volatile sink;

COIL_TEST(passes)
{
    puts("this is not seen");
    CHECK(true);
}

COIL_TEST(fails_check)
{
    puts("output of a failed test");
    CHECK(2 + 2 == 5);
}

COIL_TEST(fails_int)
{
    CHECK_INT(2 + 2, ==, 5);
}

COIL_TEST(fails_str)
{
    CHECK_STR("actual", "expected");
}

COIL_TEST(fails_mem)
{
    CHECK_MEM("abcd", "abXd", 4);
}

COIL_TEST(fails_err)
{
    CHECK_ERR(-ECONNRESET, -EPIPE);
}

COIL_TEST(fails_ok)
{
    CHECK_OK(-ENOMEM);
}

COIL_TEST(crashes)
{
    raise(SIGSEGV);
}

COIL_TEST(exits_early)
{
    exit(0);
}

COIL_TEST_LIMIT(hangs, 1)
{
    for (;;) {
        pause();
    }
}

COIL_TEST(leaks_memory)
{
    sink = malloc(123);
    sink = NULL;
}

COIL_TEST(leaks_memory_of_many)
{
    enum { COUNT = 20000 };
    void **ptrs = calloc(COUNT, sizeof *ptrs);

    for (int i = 0; i < COUNT; i++) {
        ptrs[i] = malloc((size_t)i + 1);
    }
    for (int i = 0; i < COUNT; i++) {
        if (i != 4321) {
            free(ptrs[i]);
        }
    }
    free(ptrs);
}

COIL_TEST(leaks_mapping)
{
    sink = mmap(NULL, 10000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

COIL_TEST(leaks_fd)
{
    CHECK_INT(open("/dev/null", O_RDONLY), >=, 0);
}

static void *sleep_long(void *arg)
{
    sleep(100);
    return arg;
}

COIL_TEST(leaks_thread)
{
    pthread_t thread;

    CHECK_INT(pthread_create(&thread, NULL, sleep_long, NULL), ==, 0);
    pthread_detach(thread);
}

COIL_TEST(closes_twice)
{
    int fd = open("/dev/null", O_RDONLY);

    close(fd);
    close(fd);
}

COIL_TEST(skips)
{
    test_skip("there is a reason");
}

/* ---- under torture: one that stands it and three that do not ---- */

COIL_TEST(torture_stands)
{
    char *a = malloc(10);
    char *b = malloc(20);
    int fd = open("/dev/null", O_RDONLY);
    char byte;

    sink = a;
    sink = b;
    if (fd >= 0 && a && b) {
        (void)!read(fd, &byte, 1);
    }
    free(a);
    free(b);
    if (fd >= 0) {
        close(fd);
    }
}

COIL_TEST(torture_crashes)
{
    char *ptr = malloc(10);

    sink = ptr;
    ((volatile char *)ptr)[0] = 'x';
    free(ptr);
}

COIL_TEST(torture_leaks)
{
    int fd = open("/dev/null", O_RDONLY);
    char byte;

    if (fd < 0 || read(fd, &byte, 1) < 0) {
        return;
    }
    close(fd);
}

COIL_TEST(torture_leaks_after_check)
{
    char *a = malloc(10);
    char *b = malloc(20);

    sink = a;
    sink = b;
    CHECK(a != NULL);
    CHECK(b != NULL);
    if (a && !b) {
        return;
    }
    free(a);
    free(b);
}

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Waits for what does not come, until a SIGINT lets it go on to its end. */
COIL_TEST(torture_waits_after_check)
{
    char *ptr = malloc(10);

    sink = ptr;
    signal(SIGINT, note_interrupt);
    CHECK(ptr != NULL);
    while (!ptr && !interrupted) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    free(ptr);
    if (!ptr) {
        sink = malloc(5);
    }
}

/* Its one allocation is a forked process's. */
COIL_TEST(torture_forks)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        char *ptr = malloc(10);

        sink = ptr;
        _exit(!ptr);
    }
    CHECK_INT(waitpid(pid, &status, 0), ==, pid);
    CHECK_INT(status, ==, 0);
}

COIL_TEST_LIMIT(torture_hangs, 1)
{
    char *ptr = malloc(10);

    sink = ptr;
    while (!ptr) {
        pause();
    }
    free(ptr);
}
