/* Stacks that libgcc's unwinder cannot be asked about: of a place in this thread, of a thread that
 * waits in the kernel, of one that computes. */
#include "harness.h"

#include "sys/backtrace.h"
#include "sys/observe.h"
#include "sys/sample.h"
#include "sys/symbols.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { FRAMES = 64, LEVELS = 5 };

/* The tables of symbols are read once, before the tests' processes are forked: it takes a while. */
__attribute__((constructor)) static void read_symbols(void)
{
    struct coil_frame frame;

    coil__symbols_find((const char *)(uintptr_t)coil__walk_all + 1, &frame, 1);
}

static bool can_walk(void)
{
#if defined(__x86_64__) || defined(__aarch64__)
    return true;
#else
    return false;
#endif
}

static bool has_pc(void *const *pcs, size_t count, const void *pc)
{
    for (size_t i = 0; i < count; i++) {
        if (pcs[i] == pc) {
            return true;
        }
    }
    return false;
}

static struct coil__stack_view view_of(const struct coil__observed *thread)
{
    return (struct coil__stack_view){.low = thread->stack_low,
                                     .high = thread->stack_high,
                                     .memory = (const char *)thread->stack_low};
}

/* --- this thread --- */

static void *returns[LEVELS];

static __attribute__((noinline)) int descend(int level, int (*fn)(void))
{
    volatile int below;
    /* A frame that only a frame pointer can measure. */
    volatile char *room = __builtin_alloca(64 * ((size_t)level + 1));

    room[0] = 0;
    if (level == LEVELS) {
        return fn();
    }
    returns[level] = __builtin_return_address(0);
    below = descend(level + 1, fn);
    return below + 1 + room[0];
}

static int walk_here(void)
{
    struct coil__observed self;
    struct coil__stack_view view;
    struct coil__place place;
    void *expected[FRAMES];
    void *pcs[FRAMES];
    ucontext_t context;
    size_t expected_count;
    size_t count;

    coil__observe_self(&self);
    view = view_of(&self);
    CHECK_INT(getcontext(&context), ==, 0);
    coil__place_of_signal(&context, &place);
    count = coil__walk_all(&place, &view, pcs, FRAMES);
    expected_count = coil__backtrace_here(expected, FRAMES);
    CHECK_INT(count, >, LEVELS);
    for (int i = 0; i < LEVELS; i++) {
        CHECK(has_pc(pcs, count, returns[i]));
    }
    /* All but the innermost one, which is at another line: libgcc's unwinder says the same. */
    for (size_t i = 1; i < count && i < expected_count; i++) {
        CHECK_PTR(pcs[i], ==, expected[i]);
    }
    return 0;
}

COIL_TEST(walk_finds_what_libgcc_finds)
{
    if (!can_walk()) {
        test_skip("no walk on this machine");
    }
    CHECK_INT(descend(0, walk_here), ==, LEVELS);
}

static int walk_without_fp(void)
{
    struct coil__observed self;
    struct coil__stack_view view;
    struct coil__place place;
    void *pcs[FRAMES];
    ucontext_t context;
    size_t count;

    coil__observe_self(&self);
    view = view_of(&self);
    CHECK_INT(getcontext(&context), ==, 0);
    coil__place_of_signal(&context, &place);
    place.has_fp = false;
    place.fp = 0;
    count = coil__walk_all(&place, &view, pcs, FRAMES);
    CHECK(has_pc(pcs, count, returns[0]));
    return 0;
}

COIL_TEST(walk_finds_the_frame_pointer)
{
    if (!can_walk()) {
        test_skip("no walk on this machine");
    }
    /* A prologue of clang's or of a sanitizer does not say how large its frame is, and then the
     * context that is asked for, with all registers, stands where the frame pointer is searched. */
#if defined(__clang__)
    test_skip("a guess that frames of clang's mislead");
#endif
    if (test_has_asan() || test_has_tsan()) {
        test_skip("a guess that frames of a sanitizer's mislead");
    }
    CHECK_INT(descend(0, walk_without_fp), ==, LEVELS);
}

static int walk_in_a_part(void)
{
    struct coil__observed self;
    struct coil__stack_view view;
    struct coil__place place;
    void *pcs[FRAMES];
    ucontext_t context;
    size_t whole;

    coil__observe_self(&self);
    view = view_of(&self);
    CHECK_INT(getcontext(&context), ==, 0);
    coil__place_of_signal(&context, &place);
    whole = coil__walk_all(&place, &view, pcs, FRAMES);
    for (uintptr_t high = place.sp; high < place.sp + 4096; high += 8) {
        view.high = high;
        CHECK_INT(coil__walk_all(&place, &view, pcs, FRAMES), <=, whole);
    }
    view.low = place.sp + 64;
    view.high = place.sp + 64;
    CHECK_INT(coil__walk_all(&place, &view, pcs, FRAMES), <=, 1);
    return 0;
}

/* Nothing outside of the view is read, and what stands there ends the walk. */
COIL_TEST(walk_ends_where_the_stack_does)
{
    if (!can_walk()) {
        test_skip("no walk on this machine");
    }
    CHECK_INT(descend(0, walk_in_a_part), ==, LEVELS);
}

/* Whatever the words on the stack are: an end, and no crash. */
COIL_TEST(walk_of_rubbish_ends)
{
    static uintptr_t words[1024];
    uint64_t random = 1;
    void *pcs[FRAMES];

    for (int round = 0; round < 2000; round++) {
        struct coil__stack_view view = {.low = (uintptr_t)words,
                                        .high = (uintptr_t)(words + 1024),
                                        .memory = (const char *)words};
        struct coil__place place = {.sp = (uintptr_t)words, .has_fp = round % 2 == 0};

        for (int i = 0; i < 1024; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            words[i] = random >> 60 < 4   ? (uintptr_t)words + (random >> 40) % sizeof words
                       : random >> 60 < 8 ? (uintptr_t)walk_here + (random >> 40) % 200
                       : random >> 60 < 9 ? (uintptr_t)coil__walk_all + (random >> 40) % 300
                                          : (uintptr_t)random;
        }
        place.fp = words[0];
        place.pc = (uintptr_t)walk_in_a_part + (random >> 33) % 200;
        CHECK_INT(coil__walk_all(&place, &view, pcs, FRAMES), <=, FRAMES);
    }
}

/* --- another thread --- */

struct other {
    struct coil__observed observed;
    atomic_bool is_there;
    atomic_bool is_over;
    int fds[2];
    int rc;
    struct timespec left;
};

static __attribute__((noinline)) void *sleep_there(void *arg)
{
    struct other *other = arg;
    struct timespec ts = {.tv_nsec = 300000000};

    coil__observe_self(&other->observed);
    atomic_store(&other->is_there, true);
    other->rc = nanosleep(&ts, &other->left);
    atomic_store(&other->is_over, true);
    return NULL;
}

static __attribute__((noinline)) void *read_there(void *arg)
{
    struct other *other = arg;
    char byte;

    coil__observe_self(&other->observed);
    atomic_store(&other->is_there, true);
    other->rc = (int)read(other->fds[0], &byte, 1);
    return NULL;
}

static __attribute__((noinline)) void *spin_there(void *arg)
{
    struct other *other = arg;

    coil__observe_self(&other->observed);
    atomic_store(&other->is_there, true);
    while (!atomic_load(&other->is_over)) {
    }
    return NULL;
}

static void start(struct other *other, pthread_t *thread, void *(*fn)(void *arg))
{
    CHECK_INT(pthread_create(thread, NULL, fn, other), ==, 0);
    while (!atomic_load(&other->is_there)) {
        sched_yield();
    }
}

/* Looks until it is in the state; false: it never is. */
static bool await_state(const struct other *other, enum coil__sight_state state,
                        struct coil__sight *ret_sight)
{
    int64_t end = test_now_ns() + INT64_C(10000000000);

    do {
        coil__observe(&other->observed, ret_sight);
        if (ret_sight->state == COIL__SIGHT_UNKNOWN) {
            test_skip("no /proc");
        }
    } while (ret_sight->state != state && test_now_ns() < end);
    return ret_sight->state == state;
}

static bool is_in(void *const *pcs, size_t count, const void *function)
{
    uintptr_t begin = (uintptr_t)function;

    for (size_t i = 0; i < count; i++) {
        if ((uintptr_t)pcs[i] > begin &&
            (uintptr_t)pcs[i] < begin + (test_has_asan() ? 8000 : 600)) {
            return true;
        }
    }
    return false;
}

static void walk_other(const struct other *other, const struct coil__sight *sight,
                       const void *function)
{
    static char copy[65536] __attribute__((aligned(16)));
    struct coil__stack_view view;
    void *pcs[FRAMES];
    size_t count;

    if (test_has_valgrind() || test_has_tsan() || !can_walk()) {
        return; /* there the system calls are made by others */
    }
    CHECK(sight->has_place);
    CHECK_INT(sight->place.sp, >=, other->observed.stack_low);
    CHECK_INT(sight->place.sp, <, other->observed.stack_high);
    coil__stack_copy(sight->place.sp, other->observed.stack_high, copy, sizeof copy, &view);
    count = coil__walk_all(&sight->place, &view, pcs, FRAMES);
    CHECK_INT(count, >=, 2);
    CHECK(is_in(pcs, count, function));
}

/* The sleep is not cut short by the look, and gives no EINTR. */
COIL_TEST(observe_thread_that_sleeps)
{
    struct other other = {.rc = -1};
    struct coil__sight sight;
    pthread_t thread;
    int64_t before = test_now_ns();

    if (test_is_emulated()) {
        test_skip("the emulator's threads are others");
    }
    start(&other, &thread, sleep_there);
    CHECK(await_state(&other, COIL__SIGHT_WAITS, &sight));
    CHECK(!sight.waits_for_events);
    walk_other(&other, &sight, sleep_there);
    while (!atomic_load(&other.is_over)) {
        coil__observe(&other.observed, &sight);
    }
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    CHECK_INT(other.rc, ==, 0);
    CHECK_INT(test_now_ns() - before, >=, 300000000);
}

COIL_TEST(observe_thread_that_reads)
{
    struct other other = {.rc = -1};
    struct coil__sight sight;
    pthread_t thread;

    if (test_is_emulated()) {
        test_skip("the emulator's threads are others");
    }
    CHECK_INT(pipe(other.fds), ==, 0);
    start(&other, &thread, read_there);
    CHECK(await_state(&other, COIL__SIGHT_WAITS, &sight));
    walk_other(&other, &sight, read_there);
    CHECK_INT(write(other.fds[1], "x", 1), ==, 1);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    CHECK_INT(other.rc, ==, 1);
    close(other.fds[0]);
    close(other.fds[1]);
}

COIL_TEST(sample_thread_that_computes)
{
    struct other other = {0};
    struct coil__sight sight;
    struct coil__stack_view none = {0};
    void *pcs[FRAMES];
    pthread_t thread;
    size_t count;

    if (test_is_emulated()) {
        test_skip("the emulator's threads are others");
    }
    start(&other, &thread, spin_there);
    CHECK(await_state(&other, COIL__SIGHT_RUNS, &sight));
    CHECK_INT(coil__sample_open(), ==, 0);
    CHECK_INT(coil__sample_open(), ==, 0);
    count = coil__sample_take(&other.observed, &none, pcs);
    CHECK_INT(coil__observe_cpu(&other.observed), >, 0);
    atomic_store(&other.is_over, true);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    if (can_walk() && !test_has_tsan() && !test_has_valgrind()) {
        CHECK_INT(count, >=, 1);
        CHECK(is_in(pcs, count, spin_there));
    }
    coil__sample_close();
    coil__sample_close();
}

static int signals_caught(void)
{
    int count = 0;

    for (int signum = SIGRTMIN; signum <= SIGRTMAX; signum++) {
        struct sigaction now;

        count += sigaction(signum, NULL, &now) == 0 && now.sa_handler != SIG_DFL;
    }
    return count;
}

/* A thread that has all signals blocked does not answer; and what is pending then does no harm. */
static void *spin_deaf(void *arg)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    spin_there(arg);
    sigemptyset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    return NULL;
}

COIL_TEST(sample_thread_that_is_deaf)
{
    struct other other = {0};
    struct coil__stack_view none = {0};
    void *pcs[FRAMES];
    pthread_t thread;
    int before = signals_caught();

    start(&other, &thread, spin_deaf);
    CHECK_INT(coil__sample_open(), ==, 0);
    CHECK_INT(signals_caught(), ==, before + 1);
    CHECK_INT(coil__sample_take(&other.observed, &none, pcs), ==, 0);
    coil__sample_close();
    CHECK_INT(signals_caught(), ==, before);
    atomic_store(&other.is_over, true);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
}

/* --- names, without a lock --- */

COIL_TEST(symbols_found_quietly)
{
    struct coil_frame frame;
    uintptr_t base = 0;
    const char *object = coil__symbols_find_object((uintptr_t)can_walk, &base);

    CHECK_INT(coil__symbols_find_quietly((const char *)(uintptr_t)can_walk + 1, &frame, 1), ==, 1);
    if (object) {
        CHECK_CONTAINS(object, "test_sys_walk");
        CHECK_INT(base, <, (uintptr_t)can_walk);
        CHECK_STR(frame.object, object);
    }
    if (frame.function) {
        CHECK_STR(frame.function, "can_walk");
    }
    CHECK_INT(coil__symbols_find_quietly((const void *)64, &frame, 1), ==, 1);
    CHECK_PTR(frame.function, ==, NULL);
}
