/* The test harness: what a test file includes.
 *
 *     #include "harness.h"
 *
 *     COIL_TEST(list_push_keeps_order)
 *     {
 *         CHECK_INT(2 + 2, ==, 4);
 *     }
 *
 * main() is in the harness. Each test runs in a child process of its own, with a time limit, and
 * fails if it dies, hangs, exits early or leaves behind a descriptor, a thread, a mapping or memory
 * that was allocated by the library or the test. Its output is shown only if it fails.
 *
 * A failed check prints where and what, and ends the process at once: it may stand in a coroutine,
 * where a longjmp out is not an option.
 *
 *     test_x             all tests of the file             test_x -l       list them
 *     test_x NAME...     these                             test_x -v       show all output
 *     test_x --no-fork NAME      one, in this process (for gdb, valgrind, callgrind)
 *     test_x --torture [NAME...] each test again and again, failing its 1st, 2nd, ... allocation
 *                                and system call (see fault.h)
 *     test_x --torture-soft      the same, but failed checks do not end a run that saw a fault; if
 *                                it then hangs, it gets a SIGINT (-v shows those that break)
 *     test_x --fault alloc:3 [--no-fork] NAME    one run of a torture, to look at
 *     test_x --trace NAME        leaks with the call stack of each allocation
 *     COIL_TEST_TIMEOUT_FACTOR=5 multiplies the limits (emulators, loaded machines)
 */
#ifndef COIL_TESTS_HARNESS_H
#define COIL_TESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Seconds a test may take unless it says otherwise. */
#define TEST_TIME_LIMIT 20

struct test_case {
    const char *name;
    const char *file;
    int line;
    int time_limit; /* seconds */
    void (*fn)(void);
    struct test_case *next;
};

/* Defines a test: COIL_TEST(subject_behaviour) { ... }. Tests run in the order of the file. */
#define COIL_TEST(name) COIL_TEST_LIMIT(name, TEST_TIME_LIMIT)

/* The same with a time limit of its own, in seconds. */
#define COIL_TEST_LIMIT(name, seconds)                                                             \
    static void test_##name(void);                                                                 \
    __attribute__((constructor)) static void register_##name(void)                                 \
    {                                                                                              \
        static struct test_case self = {#name, __FILE__, __LINE__, seconds, test_##name, NULL};    \
        test_register(&self);                                                                      \
    }                                                                                              \
    static void test_##name(void)

void test_register(struct test_case *self);

/* Ends the running test as skipped; printed with the summary. */
_Noreturn void test_skip(const char *why);

/* Ends the running test as failed. */
_Noreturn void test_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- checks: a failed one ends the process (all but in --torture-soft) ---- */

#define CHECK(cond) ((cond) ? (void)0 : test_check_failed(__FILE__, __LINE__, "%s", #cond))

#define CHECK_MSG(cond, ...) ((cond) ? (void)0 : test_check_failed(__FILE__, __LINE__, __VA_ARGS__))

/* CHECK_INT(actual, ==, expected): any integers up to 64 bits; prints both values. */
#define CHECK_INT(actual, op, expected)                                                            \
    do {                                                                                           \
        const int64_t actual_ = (int64_t)(actual);                                                 \
        const int64_t expected_ = (int64_t)(expected);                                             \
        if (!(actual_ op expected_)) {                                                             \
            test_check_int(__FILE__, __LINE__, #actual " " #op " " #expected, actual_, expected_); \
        }                                                                                          \
    } while (0)

#define CHECK_PTR(actual, op, expected)                                                            \
    do {                                                                                           \
        const void *actual_ = (actual);                                                            \
        const void *expected_ = (expected);                                                        \
        if (!(actual_ op expected_)) {                                                             \
            test_check_failed(__FILE__, __LINE__, "%s: %p, %p", #actual " " #op " " #expected,     \
                              actual_, expected_);                                                 \
        }                                                                                          \
    } while (0)

#define CHECK_STR(actual, expected)                                                                \
    test_check_str(__FILE__, __LINE__, #actual " is " #expected, actual, expected)

/* The text contains the piece. */
#define CHECK_CONTAINS(text, piece)                                                                \
    test_check_contains(__FILE__, __LINE__, #text " contains " #piece, text, piece)

#define CHECK_MEM(actual, expected, size)                                                          \
    test_check_mem(__FILE__, __LINE__, #actual " is " #expected, actual, expected, size)

/* A result of the library: a value or a negative error, printed with its sentence. */
#define CHECK_ERR(expr, error)                                                                     \
    test_check_err(__FILE__, __LINE__, #expr " is " #error, (int64_t)(expr), error)

/* The call succeeded (>= 0). */
#define CHECK_OK(expr) test_check_ok(__FILE__, __LINE__, #expr, (int64_t)(expr))

void test_check_failed(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void test_check_int(const char *file, int line, const char *what, int64_t actual, int64_t expected);
void test_check_str(const char *file, int line, const char *what, const char *actual,
                    const char *expected);
void test_check_contains(const char *file, int line, const char *what, const char *text,
                         const char *piece);
void test_check_mem(const char *file, int line, const char *what, const void *actual,
                    const void *expected, size_t size);
void test_check_err(const char *file, int line, const char *what, int64_t actual, int64_t error);
void test_check_ok(const char *file, int line, const char *what, int64_t actual);

/* Returns what it is given; NULL, or an error, after a fault counts as a failed check: for what a
 * test makes or calls and need not look at. */
void *test_made(void *ptr);
int64_t test_done(int64_t rc);

/* True if a check has failed and the run goes on (--torture-soft): a loop that waits need not wait
 * for what a fault has kept from coming. */
bool test_has_noticed(void);

/* In a run of a torture, which are many: less will do. */
bool test_is_torture(void);

/* Takes the time to try all of what is else tried at every k-th place, or fewer times
 * (COIL_TEST_THOROUGH=1: in the stage of the torture). */
bool test_is_thorough(void);

/* ---- where the test runs ---- */

/* The backend that was asked for (COIL_BACKEND): "uring", "epoll", "sim", or "" if none was. */
const char *test_backend(void);
bool test_backend_is(const char *name);

/* Slow or intrusive surroundings, for tests that must do less there or ask for more stack. */
bool test_has_asan(void);
bool test_has_tsan(void);
bool test_has_valgrind(void);
bool test_is_emulated(void); /* under qemu-user */

/* ---- what a test may leave behind, if it must ---- */

void test_allow_leaks(void);     /* memory, mappings */
void test_allow_open_fds(void);  /* descriptors */
void test_allow_threads(void);   /* running threads */
void test_allow_bad_close(void); /* close() of a descriptor that is not open */

/* Bytes and blocks that are allocated through malloc and its kin now, by library and test. */
size_t test_live_bytes(void);
size_t test_live_blocks(void);

/* Allocations made so far: two readings show that a path allocates nothing. */
uint64_t test_alloc_count(void);

/* ---- a process within a test ---- */

/* How a child ended, and what it wrote. */
struct test_child {
    int exit_code;     /* -1 if it was killed */
    int signal;        /* 0 if it exited */
    char output[8192]; /* stdout and stderr, NUL-terminated, cut at the end */
};

/* Runs fn(arg) in a forked process (which exits with what fn returns) and waits for it: for what
 * must end the process, or must write a sentence. A child still there after the time limit of the
 * test fails the test. */
void test_run_child(int (*fn)(void *arg), void *arg, struct test_child *ret_child);

/* ---- small helpers ---- */

/* A fresh directory, removed with all it holds when the test ends. Valid for the test's life. */
const char *test_temp_dir(void);

/* Writes "<temp dir>/<name>" to path. */
void test_temp_path(char *path, size_t path_size, const char *name);

/* A connected pair of non-blocking AF_UNIX stream sockets; the caller closes both. */
void test_socket_pair(int ret_fds[2]);

/* A listening non-blocking TCP socket on 127.0.0.1 and its port. */
int test_listen_tcp(uint16_t *ret_port);

/* A TCP port on 127.0.0.1 on which nothing listens just now. */
uint16_t test_free_port(void);

/* Sends SIGINT to the calling thread. Where nobody has caught it, a fault has kept a loop from
 * doing so: a failed check, after which the process is not ended. */
void test_raise_sigint(void);

/* Real monotonic time in nanoseconds, whatever the backend's clock says. */
int64_t test_now_ns(void);

/* A span on the loop's clock, in nanoseconds, in which a few steps of a test are surely done: a
 * millisecond, or many where everything is slow and time is real. */
int64_t test_moment_ns(void);

#endif
