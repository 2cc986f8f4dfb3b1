/* The stacks of suspended contexts, walked from outside; and names for what is found there. */
#include "in_task.h"

#include "sys/backtrace.h"
#include "sys/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Where the first frame of a context returns to; the portable switch has none, and no frames. */
extern const char coil__context_root[] __attribute__((weak));

enum { STACK = 256 * 1024, LEVELS = 6, FRAMES = 64 };

/* The tables of symbols are read once, before the tests' processes are forked: it takes a while. */
__attribute__((constructor)) static void read_symbols(void)
{
    struct coil_frame frame;

    coil_frame_lines((const char *)(uintptr_t)coil_run + 1, &frame, 1);
    coil_frame_lines((const char *)(uintptr_t)read_symbols + 1, &frame, 1);
}

struct routine {
    struct coil__coro coro; /* first: the entry function gets it */
    struct coil__coro own;
    char *memory;
    int levels;
    void *returns[LEVELS + 1]; /* of each call on the way down */
    void *seen[FRAMES];        /* by itself */
    size_t seen_count;
    bool has_ended;
};

static __attribute__((noinline)) int backtrace_descend(struct routine *self, int level)
{
    volatile int below;

    self->returns[level] = __builtin_return_address(0);
    if (level < self->levels) {
        below = backtrace_descend(self, level + 1);
        return below + 1;
    }
    self->seen_count = coil__backtrace_here(self->seen, FRAMES);
    coil__coro_switch(&self->coro, &self->own);
    return 0;
}

static __attribute__((noinline)) void backtrace_body(struct routine *self)
{
    volatile int rc = backtrace_descend(self, 0);

    CHECK_INT(rc, ==, self->levels);
}

static void enter(struct coil__context *context)
{
    struct routine *self = (struct routine *)(void *)context;

    coil__coro_entered(&self->coro);
    backtrace_body(self);
    self->has_ended = true;
    coil__coro_finish(&self->coro, &self->own);
}

static void suspend_at(struct routine *self, int levels)
{
    *self = (struct routine){.levels = levels};
    self->memory = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_PTR(self->memory, !=, MAP_FAILED);
    coil__fiber_init_thread(&self->own.fiber);
    coil__coro_init(&self->coro, self->memory, self->memory + STACK, enter);
    coil__coro_switch(&self->own, &self->coro);
}

static void finish(struct routine *self)
{
    coil__coro_switch(&self->own, &self->coro);
    CHECK(self->has_ended);
    coil__coro_deinit(&self->coro);
    coil__fiber_deinit(&self->own.fiber);
    CHECK_INT(munmap(self->memory, STACK), ==, 0);
}

/* The frames are the calls, innermost first, and end with what the entry function has called. */
static void check_frames(const struct routine *self, void *const *frames, size_t count)
{
    CHECK_INT(count, ==, (size_t)self->levels + 2);
    for (int i = 0; i <= self->levels; i++) {
        CHECK_PTR(frames[1 + i], ==, self->returns[self->levels - i]);
    }
}

COIL_TEST(backtrace_of_a_suspended_context)
{
    void *frames[FRAMES];
    struct routine routine;

    for (int levels = 0; levels <= LEVELS; levels++) {
        size_t count;

        suspend_at(&routine, levels);
        count = coil__backtrace_of(&routine.coro.context, frames, FRAMES);
        if (coil__context_root) {
            check_frames(&routine, frames, count);
        } else {
            CHECK_INT(count, ==, 0);
        }
        finish(&routine);
    }
}

COIL_TEST(backtrace_of_the_calling_stack)
{
    struct routine routine;

    if (!coil__context_root) {
        test_skip("the portable context switch has no root");
    }
    suspend_at(&routine, 3);
    check_frames(&routine, routine.seen, routine.seen_count);
    finish(&routine);
}

COIL_TEST(backtrace_stores_no_more_than_asked_for)
{
    void *frames[4] = {NULL, NULL, NULL, &frames};
    struct routine routine;

    suspend_at(&routine, LEVELS);
    CHECK_INT(coil__backtrace_of(&routine.coro.context, frames, 3), ==, coil__context_root ? 3 : 0);
    CHECK_PTR(frames[3], ==, &frames);
    CHECK_INT(coil__backtrace_here(frames, 1), ==, 1);
    finish(&routine);
}

/* Nothing is executed on the other stack, and nothing written. */
COIL_TEST(backtrace_leaves_the_stack_as_it_was)
{
    static char before[STACK];
    void *frames[FRAMES];
    struct routine routine;

    if (test_has_asan() || test_has_valgrind()) {
        test_skip("the unused part of a stack may not be read");
    }
    suspend_at(&routine, LEVELS);
    memcpy(before, routine.memory, STACK);
    for (int i = 0; i < 100; i++) {
        coil__backtrace_of(&routine.coro.context, frames, FRAMES);
    }
    CHECK_MEM(routine.memory, before, STACK);
    finish(&routine);
}

/* --- names --- */

COIL_TEST(symbols_of_a_function_of_the_library)
{
    struct coil_frame symbols[4];
    size_t count;

    count = coil__symbols_find((const char *)(uintptr_t)coil_strerror + 1, symbols, 4);
    CHECK_INT(count, >=, 1);
    CHECK_INT(count, <=, 4);
    if (symbols[count - 1].function) { /* neither without libbacktrace nor in a stripped program */
        CHECK_STR(symbols[count - 1].function, "coil_strerror");
    }
    if (symbols[count - 1].file) {
        CHECK_CONTAINS(symbols[count - 1].file, "error.c");
        CHECK_INT(symbols[count - 1].line, >, 0);
    }
}

COIL_TEST(symbols_of_what_is_no_code)
{
    struct coil_frame symbol;

    CHECK_INT(coil__symbols_find(NULL, &symbol, 1), ==, 1);
    CHECK_PTR(symbol.function, ==, NULL);
    CHECK_INT(coil__symbols_find((const void *)(uintptr_t)64, &symbol, 1), ==, 1);
    CHECK_INT(symbol.line, ==, 0);
}

COIL_TEST(symbols_of_a_suspended_stack)
{
    void *frames[FRAMES];
    struct routine routine;
    struct coil_frame symbols[8];
    size_t count;

    if (!coil__context_root) {
        test_skip("the portable context switch has no frames");
    }
    suspend_at(&routine, 2);
    CHECK_INT(coil__backtrace_of(&routine.coro.context, frames, FRAMES), ==, 4);
    count = coil__symbols_find(frames[2], symbols, 8);
    if (symbols[count - 1].function) {
        CHECK_STR(symbols[count - 1].function, "backtrace_descend");
    }
    finish(&routine);
}
