/* The pool of stacks: sizes, reuse, colours, guards, trimming, the limit of mappings. */
#include "fault.h"
#include "in_task.h"

#include "sys/stack.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, KIB = 1024 };

static struct coil__stack_pool pool;

static struct coil__stack take(size_t size)
{
    struct coil__stack stack;

    CHECK_OK(coil__stack_alloc(&pool, size, &stack));
    return stack;
}

static void give(const struct coil__stack *stack)
{
    coil__stack_free(&pool, stack->slab, stack->index);
}

/* --- sizes --- */

COIL_TEST(stack_round_goes_up_to_powers_of_two)
{
    CHECK_INT(coil__stack_round(0), ==, 16 * KIB);
    CHECK_INT(coil__stack_round(1), ==, 16 * KIB);
    CHECK_INT(coil__stack_round(16 * KIB), ==, 16 * KIB);
    CHECK_INT(coil__stack_round(16 * KIB + 1), ==, 32 * KIB);
    CHECK_INT(coil__stack_round(65536), ==, 65536);
    CHECK_INT(coil__stack_round((size_t)1 << 30), ==, (size_t)1 << 30);
    CHECK_INT(coil__stack_round(((size_t)1 << 30) + 1), ==, 0);
    CHECK_INT(coil__stack_round(SIZE_MAX), ==, 0);
}

COIL_TEST(stack_of_every_size_can_be_used_to_its_ends)
{
    for (int log2 = COIL__STACK_MIN_LOG2; log2 <= 24; log2++) {
        size_t size = (size_t)1 << log2;
        struct coil__stack stack = take(size);

        CHECK_INT(stack.size, ==, size);
        CHECK_INT((uintptr_t)stack.low % PAGE, ==, 0);
        CHECK_INT((uintptr_t)stack.high % 64, ==, 0);
        CHECK_INT(stack.high - stack.low, <=, size - PAGE);
        CHECK_INT(stack.high - stack.low, >, size - 2 * PAGE);
        *(volatile char *)stack.low = 1;
        *(volatile char *)(stack.high - 1) = 1;
        give(&stack);
    }
    coil__stack_pool_deinit(&pool);
}

COIL_TEST(stack_size_out_of_range)
{
    struct coil__stack stack;

    CHECK_ERR(coil__stack_alloc(&pool, ((size_t)1 << 30) + 1, &stack), -EINVAL);
    CHECK_ERR(coil__stack_alloc(&pool, SIZE_MAX, &stack), -EINVAL);
    coil__stack_pool_deinit(&pool);
}

COIL_TEST(stack_largest_size)
{
    struct coil__stack stack;
    int rc = coil__stack_alloc(&pool, (size_t)1 << 30, &stack);

    if (rc == -ENOMEM) {
        test_skip("no room for a stack of 1 GiB");
    }
    CHECK_OK(rc);
    *(volatile char *)(stack.high - 1) = 1;
    give(&stack);
    coil__stack_pool_deinit(&pool);
}

/* --- reuse --- */

COIL_TEST(stack_reuse_is_last_in_first_out)
{
    struct coil__stack stacks[8];

    for (int i = 0; i < 8; i++) {
        stacks[i] = take(65536);
    }
    for (int i = 0; i < 8; i++) {
        give(&stacks[i]);
    }
    CHECK_INT(coil__counter_get(&pool.used), ==, 0);
    for (int i = 7; i >= 0; i--) {
        CHECK_PTR(take(65536).low, ==, stacks[i].low);
    }
    CHECK_INT(coil__counter_get(&pool.used), ==, 8);
    coil__stack_pool_deinit(&pool);
}

COIL_TEST(stack_classes_do_not_mix)
{
    struct coil__stack small = take(16 * KIB);
    struct coil__stack large = take(128 * KIB);

    give(&small);
    give(&large);
    CHECK_PTR(take(100 * KIB).low, ==, large.low);
    CHECK_PTR(take(10 * KIB).low, ==, small.low);
    coil__stack_pool_deinit(&pool);
}

/* A slab that was full is used again as soon as it has room. */
COIL_TEST(stack_of_a_full_slab_is_reused)
{
    enum { COUNT = 200 }; /* three slabs and a bit */
    static struct coil__stack stacks[COUNT];

    for (int i = 0; i < COUNT; i++) {
        stacks[i] = take(65536);
    }
    for (int i = 0; i < COUNT; i += 7) {
        give(&stacks[i]);
        CHECK_PTR(take(65536).low, ==, stacks[i].low);
    }
    coil__stack_pool_deinit(&pool);
}

static int by_address(const void *a, const void *b)
{
    const struct coil__stack *x = a;
    const struct coil__stack *y = b;

    return (x->low > y->low) - (x->low < y->low);
}

COIL_TEST(stacks_never_overlap)
{
    enum { COUNT = 300 };
    static struct coil__stack stacks[COUNT];

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            stacks[i] = take((size_t)(16 * KIB) << (i * 7 + round) % 4);
        }
        qsort(stacks, COUNT, sizeof *stacks, by_address);
        for (int i = 1; i < COUNT; i++) {
            CHECK_INT((uintptr_t)stacks[i].low, >=, (uintptr_t)stacks[i - 1].high + PAGE);
        }
        for (int i = 0; i < COUNT; i++) {
            give(&stacks[(i * 7) % COUNT]);
        }
        CHECK_INT(coil__counter_get(&pool.used), ==, 0);
    }
    coil__stack_pool_deinit(&pool);
}

/* Tops fall into many different lines of a page, and neighbours into different ones. */
COIL_TEST(stack_tops_are_coloured)
{
    bool seen[64] = {false};
    int colours = 0;
    uintptr_t last = 1;

    for (int i = 0; i < 100; i++) {
        uintptr_t offset = (uintptr_t)take(65536).high % PAGE;

        CHECK_INT(offset % 64, ==, 0);
        CHECK_INT(offset, !=, last);
        last = offset;
        colours += !seen[offset / 64];
        seen[offset / 64] = true;
    }
    CHECK_INT(colours, >=, 16);
    coil__stack_pool_deinit(&pool);
}

struct visited {
    size_t count;
    char *highs[64];
};

static void visit(char *high, void *user)
{
    struct visited *visited = user;

    visited->highs[visited->count++] = high;
}

COIL_TEST(stack_each_visits_all_that_were_handed_out)
{
    struct visited visited = {0};
    struct coil__stack a = take(65536);
    struct coil__stack b = take(65536);
    struct coil__stack c = take(16 * KIB);
    int found = 0;

    give(&b);
    coil__stack_each(&pool, visit, &visited);
    CHECK_INT(visited.count, ==, 3);
    for (int i = 0; i < 3; i++) {
        found += visited.highs[i] == a.high;
        found += visited.highs[i] == b.high;
        found += visited.highs[i] == c.high;
    }
    CHECK_INT(found, ==, 3);
    coil__stack_pool_deinit(&pool);
}

/* --- guards --- */

static int touch_guard(void *arg)
{
    struct coil__stack stack;
    bool use_mprotect = *(bool *)arg;

    fault_off();              /* a fault in here would not be seen by the test */
    signal(SIGSEGV, SIG_DFL); /* the sanitizers have handlers of their own */
    if (use_mprotect) {
        coil__stack_pool_force_mprotect(&pool);
    }
    for (int i = 0; i < 20; i++) {
        stack = take(65536);
        *(volatile char *)stack.low = 1;
    }
    printf("at the guard\n");
    fflush(stdout);
    *(volatile char *)(stack.low - 1) = 1;
    return 0;
}

static void check_guard(bool use_mprotect)
{
    struct test_child child;

    test_run_child(touch_guard, &use_mprotect, &child);
    CHECK_INT(child.signal, ==, SIGSEGV);
    CHECK_CONTAINS(child.output, "at the guard");
}

COIL_TEST(stack_guard_faults)
{
    if (test_is_emulated()) {
        test_skip("the emulator says yes to guard regions and has none");
    }
    check_guard(false);
}

COIL_TEST(stack_guard_faults_with_mprotect)
{
    check_guard(true);
}

/* A guard outlives the pages below it being given back. */
static int touch_guard_after_trim(void *arg)
{
    struct coil__stack stacks[20];

    fault_off();
    signal(SIGSEGV, SIG_DFL);
    if (*(bool *)arg) {
        coil__stack_pool_force_mprotect(&pool);
    }
    pool.keep_free = 1;
    for (int i = 0; i < 20; i++) {
        stacks[i] = take(65536);
        memset(stacks[i].low, 1, (size_t)(stacks[i].high - stacks[i].low));
    }
    for (int i = 0; i < 20; i++) {
        give(&stacks[i]);
    }
    coil__stack_pool_trim(&pool);
    printf("%d\n", *(volatile char *)stacks[19].low);
    fflush(stdout);
    *(volatile char *)(stacks[19].low - 1) = 1;
    return 0;
}

COIL_TEST(stack_guard_outlives_trimming)
{
    for (int use_mprotect = test_is_emulated(); use_mprotect <= 1; use_mprotect++) {
        bool arg = use_mprotect;
        struct test_child child;

        test_run_child(touch_guard_after_trim, &arg, &child);
        CHECK_INT(child.signal, ==, SIGSEGV);
        CHECK_CONTAINS(child.output, "0\n");
    }
}

static __attribute__((noinline)) int recurse(int depth)
{
    volatile char filler[512];

    filler[0] = (char)depth;
    return depth == 0 ? 0 : recurse(depth - 1) + filler[0];
}

static int overflow(__attribute__((unused)) void *arg)
{
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    return recurse(1000000);
}

static int run_overflow(void *arg)
{
    struct coil_run_options options = {.loop.no_guard_regions = *(bool *)arg};

    fault_off();
    return coil_run_with(&options, overflow, NULL) != 0;
}

COIL_TEST(stack_overflow_of_a_task_ends_the_process)
{
    for (int use_mprotect = 0; use_mprotect <= 1; use_mprotect++) {
        bool arg = use_mprotect;
        struct test_child child;

        test_run_child(run_overflow, &arg, &child);
        CHECK(child.signal == SIGSEGV || child.exit_code > 0);
    }
}

/* --- trimming --- */

/* Pages of the stack that are in memory. */
static int resident(const struct coil__stack *stack)
{
    static unsigned char map[4096];
    char *end = (char *)((uintptr_t)(stack->high + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    int count = 0;

    CHECK_INT(mincore(stack->low, (size_t)(end - stack->low), map), ==, 0);
    for (size_t i = 0; i < (size_t)(end - stack->low) / PAGE; i++) {
        count += map[i] & 1;
    }
    return count;
}

COIL_TEST(stack_trim_gives_pages_back)
{
    struct coil__stack stacks[40];

    if (test_is_emulated()) {
        test_skip("mincore of an emulator");
    }
    pool.keep_free = 4;
    for (int i = 0; i < 40; i++) {
        stacks[i] = take(65536);
        memset(stacks[i].low, 1, (size_t)(stacks[i].high - stacks[i].low));
    }
    CHECK_INT(resident(&stacks[0]), ==, 15);
    for (int i = 0; i < 39; i++) {
        give(&stacks[i]);
    }
    CHECK(pool.wants_trim); /* the first two slabs are free */
    coil__stack_pool_trim(&pool);
    CHECK(!pool.wants_trim);
    CHECK_INT(resident(&stacks[39]), ==, 15);
    CHECK_INT(resident(&stacks[0]), ==, 0);
    give(&stacks[39]);
    CHECK_INT(take(65536).low[100], <=, 1);
    coil__stack_pool_deinit(&pool);
}

COIL_TEST(stack_trim_keeps_a_few_hot)
{
    struct coil__stack stacks[16];

    for (int i = 0; i < 16; i++) {
        stacks[i] = take(65536);
        *(volatile char *)stacks[i].low = 5;
    }
    for (int i = 0; i < 16; i++) {
        give(&stacks[i]);
    }
    coil__stack_pool_trim(&pool);
    CHECK_INT(*(volatile char *)stacks[0].low, ==, 5);
    coil__stack_pool_deinit(&pool);
}

/* What a loop has used at its peak goes back when it comes to rest. */
static size_t resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    CHECK(file && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return (size_t)pages * PAGE;
}

static int touch_much(__attribute__((unused)) void *arg)
{
    volatile char filler[16 * KIB];

    memset((char *)(uintptr_t)filler, 1, sizeof filler);
    return coil_sleep(COIL_MSEC) + filler[5] - 1;
}

static int peak(__attribute__((unused)) void *arg)
{
    enum { COUNT = 4000, FEWER = 2500 }; /* a thousand keep their pages */
    static struct coil_task *tasks[COUNT];
    int count = test_is_torture() ? FEWER : COUNT;
    size_t before = resident_bytes();
    size_t at_peak;

    for (int i = 0; i < count; i++) {
        tasks[i] = coil_create_task(touch_much, NULL);
    }
    coil_yield();
    at_peak = resident_bytes() - before;
    CHECK_OK(coil_gather(tasks, (size_t)count, NULL));
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    CHECK_INT(resident_bytes() - before, <, at_peak / 2);
    return 0;
}

COIL_TEST_LIMIT(stack_memory_of_a_peak_is_given_back, 60)
{
    if (test_has_asan() || test_has_tsan() || test_has_valgrind() || test_is_emulated()) {
        test_skip("their memory is their own");
    }
    CHECK_ERR(coil_run(peak, NULL), 0);
}

/* --- limits and failures --- */

struct mapped_out {
    size_t created;
    struct heard heard;
};

static int create_many(void *arg)
{
    enum { COUNT = 40000 };
    static struct coil_task *tasks[COUNT];
    struct mapped_out *out = arg;
    int rc;

    coil_loop_set_error_handler(coil_loop_current(), hear, &out->heard);
    while (out->created < COUNT) {
        tasks[out->created] = coil_create_task(task_forever, NULL);
        if (!tasks[out->created]) {
            break;
        }
        out->created++;
    }
    rc = coil_await(out->created < COUNT ? tasks[out->created] : NULL);
    coil_yield();
    for (size_t i = 0; i < out->created; i++) {
        CHECK_OK(coil_cancel(tasks[i]));
        CHECK_OK(coil_detach(tasks[i]));
    }
    return rc;
}

COIL_TEST_LIMIT(stack_limit_of_mappings_is_a_sentence, 120)
{
    struct coil_run_options options = {.loop.no_guard_regions = true, .loop.stack_size = 16 * KIB};
    struct mapped_out out = {0};
    long limit = 0;
    FILE *file = fopen("/proc/sys/vm/max_map_count", "r");

    if (file) {
        CHECK_INT(fscanf(file, "%ld", &limit), ==, 1);
        fclose(file);
    }
    if (limit == 0 || limit > 70000) {
        test_skip("vm.max_map_count is not what it is everywhere");
    }
    if (test_has_asan() || test_has_tsan() || test_has_valgrind() || test_is_emulated()) {
        test_skip("they need mappings themselves");
    }
    if (test_is_torture()) {
        test_skip("it uses up all mappings there are, each time");
    }
    CHECK_ERR(coil_run_with(&options, create_many, &out), -ENOMEM);
    CHECK_INT(out.created, >, limit / 2 - 1000);
    CHECK_INT(out.created, <, limit / 2 + 1000);
    CHECK_INT(out.heard.count, ==, 1);
    CHECK_ERR(out.heard.error, -ENOMEM);
    CHECK_CONTAINS(out.heard.message, "vm.max_map_count");
}

COIL_TEST(stack_out_of_memory)
{
    struct coil__stack stack;

    fault_alloc_at(1);
    CHECK_ERR(coil__stack_alloc(&pool, 65536, &stack), -ENOMEM);
    CHECK(fault_was_injected());
    fault_syscall_named("mmap", 1, ENOMEM);
    CHECK_ERR(coil__stack_alloc(&pool, 65536, &stack), -ENOMEM);
    fault_off();
    CHECK_INT(coil__counter_get(&pool.used), ==, 0);
    stack = take(65536);
    give(&stack);
    coil__stack_pool_deinit(&pool);
}

/* No huge pages to refuse: fine. No guard: no stack. */
COIL_TEST(stack_guard_cannot_be_installed)
{
    struct coil__stack stack;

    coil__stack_pool_force_mprotect(&pool);
    fault_syscall_named("mprotect", 1, ENOMEM);
    CHECK_ERR(coil__stack_alloc(&pool, 65536, &stack), -ENOMEM);
    CHECK(pool.is_at_map_limit);
    fault_off();
    CHECK_INT(coil__counter_get(&pool.used), ==, 0);
    stack = take(65536);
    give(&stack);
    coil__stack_pool_deinit(&pool);
}

/* A kernel without guard regions: the first refusal decides for all. */
COIL_TEST(stack_without_guard_regions_falls_back)
{
    uint64_t calls;
    struct coil__stack stack;

    fault_syscall_named("madvise", 2, EINVAL); /* the first one is about huge pages */
    calls = fault_calls("mprotect");
    stack = take(65536);
    CHECK(fault_was_injected());
    fault_off();
    CHECK_INT(fault_calls("mprotect"), ==, calls + 1);
    give(&stack);
    for (int i = 0; i < 3; i++) {
        take(65536);
    }
    CHECK_INT(fault_calls("mprotect"), ==, calls + 3);
    coil__stack_pool_deinit(&pool);
}

COIL_TEST(stack_pool_deinit_twice_and_empty)
{
    coil__stack_pool_deinit(&pool);
    take(65536);
    coil__stack_pool_deinit(&pool);
    coil__stack_pool_deinit(&pool);
    CHECK_INT(coil__counter_get(&pool.used), ==, 0);
}
