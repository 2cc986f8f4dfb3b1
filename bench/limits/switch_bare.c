/*
 * bench/limits/switch_bare.c - the limit for pure scheduling: an assembly switch and a bare FIFO.
 *
 * No cancellation, no names, no errors, no fairness: what is left when a coroutine scheduler does
 * nothing but schedule. A task's control block sits at the top of its own stack; a ready task hangs
 * in a singly linked FIFO; a task that waits pops the next ready one and switches to it directly.
 *
 *     switch_bare yield [ops]      two tasks yield in turn; ns per yield
 *     switch_bare create [ops]     create, run and await one task at a time, stack from a LIFO pool
 *     switch_bare handover [ops]   ints through a one-slot channel; ns per one-way hand-over
 *     switch_bare queue [ops]      the same, under the name of the work item that is held against it
 *     switch_bare sleep N          N tasks each sleep 1 s in a timer heap, all awaited; wall and RSS
 *
 * Stacks stand 64 KiB apart in slabs of 64 MiB, each with a guard page: MADV_GUARD_INSTALL where
 * the kernel has it (6.13), else mprotect until vm.max_map_count stops it (guards= says how many
 * are guarded). Stack tops are coloured, so that hot lines do not share one cache set.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "raw.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#define STACK_SIZE ((size_t)64 * 1024)
#define SLAB_STACKS ((size_t)1024)
#define PAGE_SIZE ((size_t)4096)
#define COLOURS 16
#define NSEC_PER_SEC INT64_C(1000000000)

struct task {
    void *sp;
    struct task *next; /* in the run queue, or in the pool */
    void (*fn)(void *arg);
    void *arg;
    struct task *waiter; /* who awaits it */
    int is_done;
};

struct timer {
    int64_t deadline_ns;
    struct task *task;
};

struct channel {
    int value;
    int is_full;
    struct task *sender;   /* parked until the slot is free */
    struct task *receiver; /* parked until the slot is full */
};

void bare_switch(void **save_sp, void *to_sp);
void bare_entry(void);
void bare_main(struct task *task);

static struct task *current;
static struct task *ready_head;
static struct task **ready_tail = &ready_head;
static struct task *pool;
static char *slab_next, *slab_end;
static size_t stack_count, guard_count;
static int guard_mode; /* 0: MADV_GUARD_INSTALL, 1: mprotect, 2: none left */
static struct timer *timers;
static size_t timer_count;

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "switch_bare: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

static void guard_install(char *page)
{
    if (guard_mode == 0) {
        if (!madvise(page, PAGE_SIZE, MADV_GUARD_INSTALL)) {
            guard_count++;
            return;
        }
        guard_mode = 1;
    }
    if (guard_mode == 1) {
        if (!mprotect(page, PAGE_SIZE, PROT_NONE)) {
            guard_count++;
            return;
        }
        guard_mode = 2;
    }
}

static void slab_open(void)
{
    size_t size = SLAB_STACKS * STACK_SIZE;

    slab_next = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (slab_next == MAP_FAILED) {
        die("mmap");
    }
    slab_end = slab_next + size;
    (void)madvise(slab_next, size, MADV_NOHUGEPAGE);
}

static __attribute__((noinline)) struct task *stack_carve(void)
{
    size_t colour = (stack_count++ % COLOURS) * 128;
    char *stack;

    if (slab_next == slab_end) {
        slab_open();
    }
    stack = slab_next;
    slab_next += STACK_SIZE;
    guard_install(stack);
    return (struct task *)(stack + STACK_SIZE - colour - 64);
}

/* ---- the scheduler --------------------------------------------------------------------------- */

static inline void make_ready(struct task *task)
{
    task->next = NULL;
    *ready_tail = task;
    ready_tail = &task->next;
}

static void timers_wait(void);

static inline struct task *ready_pop(void)
{
    struct task *task;

    while (__builtin_expect(!ready_head, 0)) {
        timers_wait();
    }
    task = ready_head;
    ready_head = task->next;
    if (!ready_head) {
        ready_tail = &ready_head;
    }
    return task;
}

static inline void park(void)
{
    struct task *self = current;
    struct task *to = ready_pop();

    if (__builtin_expect(to != self, 1)) {
        current = to;
        bare_switch(&self->sp, to->sp);
    }
}

static inline void yield(void)
{
    make_ready(current);
    park();
}

static inline struct task *create(void (*fn)(void *), void *arg)
{
    struct task *task = pool;
    void **frame;

    if (__builtin_expect(task != NULL, 1)) {
        pool = task->next;
    } else {
        task = stack_carve();
    }
    task->fn = fn;
    task->arg = arg;
    task->waiter = NULL;
    task->is_done = 0;
    frame = (void **)task - 8; /* r15 r14 r13 r12 rbx rbp rip pad */
    frame[4] = task;
    frame[5] = NULL;
    frame[6] = (void *)bare_entry;
    task->sp = frame;
    make_ready(task);
    return task;
}

static inline void await(struct task *task)
{
    if (!task->is_done) {
        task->waiter = current;
        park();
    }
    task->next = pool;
    pool = task;
}

__attribute__((noreturn)) void bare_main(struct task *task)
{
    task->fn(task->arg);
    task->is_done = 1;
    if (task->waiter) {
        make_ready(task->waiter);
    }
    park();
    __builtin_unreachable();
}

/* ---- timers: a 4-ary heap -------------------------------------------------------------------- */

static void timer_add(int64_t deadline_ns, struct task *task)
{
    size_t i = timer_count++;

    while (i > 0 && timers[(i - 1) / 4].deadline_ns > deadline_ns) {
        timers[i] = timers[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    timers[i] = (struct timer){deadline_ns, task};
}

static struct task *timer_pop(void)
{
    struct task *task = timers[0].task;
    struct timer last = timers[--timer_count];
    size_t i = 0;

    for (;;) {
        size_t child = 4 * i + 1, least = child, end = child + 4;

        if (child >= timer_count) {
            break;
        }
        if (end > timer_count) {
            end = timer_count;
        }
        for (size_t c = child + 1; c < end; c++) {
            if (timers[c].deadline_ns < timers[least].deadline_ns) {
                least = c;
            }
        }
        if (timers[least].deadline_ns >= last.deadline_ns) {
            break;
        }
        timers[i] = timers[least];
        i = least;
    }
    timers[i] = last;
    return task;
}

static __attribute__((noinline)) void timers_wait(void)
{
    int64_t now = now_ns();

    if (!timer_count) {
        fprintf(stderr, "switch_bare: nothing can run\n");
        exit(1);
    }
    if (timers[0].deadline_ns > now) {
        struct timespec ts = {.tv_sec = timers[0].deadline_ns / NSEC_PER_SEC,
                              .tv_nsec = timers[0].deadline_ns % NSEC_PER_SEC};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
        now = now_ns();
    }
    while (timer_count && timers[0].deadline_ns <= now) {
        make_ready(timer_pop());
    }
}

/* ---- the work items -------------------------------------------------------------------------- */

/* Nothing is done before the work: all CPU time is its. */
static void report(const char *item, int64_t start_ns, long ops)
{
    printf("item=%s ns=%.3f cpu_ns=%.3f\n", item, (double)(now_ns() - start_ns) / (double)ops,
           (double)cpu_now_ns() / (double)ops);
}

static void yield_loop(void *arg)
{
    for (long n = *(long *)arg; n > 0; n--) {
        yield();
    }
}

static void item_yield(long ops)
{
    long each = ops / 2;
    int64_t start = now_ns();
    struct task *a = create(yield_loop, &each), *b = create(yield_loop, &each);

    await(a);
    await(b);
    report("yield", start, each * 2);
}

static void count_one(void *arg)
{
    ++*(long *)arg;
}

static void item_create(long ops)
{
    long count = 0;
    int64_t start = now_ns();

    for (long i = 0; i < ops; i++) {
        await(create(count_one, &count));
    }
    report("create", start, ops);
    if (count != ops) {
        exit(1);
    }
}

static inline void channel_send(struct channel *channel, int value)
{
    if (channel->is_full) {
        channel->sender = current;
        park();
    }
    channel->value = value;
    channel->is_full = 1;
    if (channel->receiver) {
        make_ready(channel->receiver);
        channel->receiver = NULL;
    }
}

static inline int channel_receive(struct channel *channel)
{
    if (!channel->is_full) {
        channel->receiver = current;
        park();
    }
    channel->is_full = 0;
    if (channel->sender) {
        make_ready(channel->sender);
        channel->sender = NULL;
    }
    return channel->value;
}

static struct channel pipe_channel;

static void handover_send(void *arg)
{
    for (long i = 0, n = *(long *)arg; i < n; i++) {
        channel_send(&pipe_channel, (int)i);
    }
}

static void handover_receive(void *arg)
{
    for (long i = 0, n = *(long *)arg; i < n; i++) {
        if (channel_receive(&pipe_channel) != (int)i) {
            abort();
        }
    }
}

static void item_handover(const char *item, long ops)
{
    int64_t start = now_ns();
    struct task *a = create(handover_send, &ops), *b = create(handover_receive, &ops);

    await(a);
    await(b);
    report(item, start, ops);
}

static void sleep_one(void *arg)
{
    (void)arg;
    timer_add(now_ns() + NSEC_PER_SEC, current);
    park();
}

static void item_sleep(long n)
{
    struct task **tasks = malloc((size_t)n * sizeof *tasks);
    struct rusage usage;
    int64_t start, wall;

    timers = malloc((size_t)n * sizeof *timers);
    if (!tasks || !timers) {
        die("malloc");
    }
    start = now_ns();
    for (long i = 0; i < n; i++) {
        tasks[i] = create(sleep_one, NULL);
    }
    for (long i = 0; i < n; i++) {
        await(tasks[i]);
    }
    wall = now_ns() - start;
    getrusage(RUSAGE_SELF, &usage);
    printf("item=sleep n=%ld wall_s=%.3f rss_kib=%ld bytes_per_task=%.0f guards=%zu\n", n,
           (double)wall / 1e9, usage.ru_maxrss, (double)usage.ru_maxrss * 1024.0 / (double)n,
           guard_count);
}

int main(int argc, char **argv)
{
    static struct task main_task;
    const char *item = argc > 1 ? argv[1] : "";
    long ops = argc > 2 ? atol(argv[2]) : 0;

    current = &main_task;
    if (!strcmp(item, "yield")) {
        item_yield(ops > 0 ? ops : 200000000);
    } else if (!strcmp(item, "create")) {
        item_create(ops > 0 ? ops : 50000000);
    } else if (!strcmp(item, "handover") || !strcmp(item, "queue")) {
        item_handover(item, ops > 0 ? ops : 100000000);
    } else if (!strcmp(item, "sleep")) {
        item_sleep(ops > 0 ? ops : 100000);
    } else {
        fprintf(stderr, "usage: switch_bare yield|create|handover|queue|sleep [count]\n");
        return 2;
    }
    return 0;
}
