/* The context switch by itself: what lives across it, and who can walk the stacks it leaves. */
#include "in_task.h"

#include "sys/context.h"
#include "task/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

/* Where the first frame of a context returns to; the portable switch has none. */
extern const char coil__context_root[] __attribute__((weak));

enum { STACK = 256 * 1024, MANY = 500 };

/* A coroutine of the test's, which gives control back to whoever resumed it last. */
struct routine {
    struct coil__coro coro; /* first: the entry function gets it */
    struct coil__coro *back;
    char *memory;
    void (*fn)(struct routine *self);
    uint64_t seed;
    int steps;
    bool has_ended;
};

static void enter(struct coil__context *context)
{
    struct routine *self = (struct routine *)(void *)context;

    coil__coro_entered(&self->coro);
    self->fn(self);
    self->has_ended = true;
    coil__coro_finish(&self->coro, self->back);
}

static void open_routine(struct routine *self, void (*fn)(struct routine *), uint64_t seed)
{
    *self = (struct routine){.fn = fn, .seed = seed};
    self->memory = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_PTR(self->memory, !=, MAP_FAILED);
    coil__coro_init(&self->coro, self->memory, self->memory + STACK, enter);
}

static void close_routine(struct routine *self)
{
    CHECK(self->has_ended);
    coil__coro_deinit(&self->coro);
    CHECK_INT(munmap(self->memory, STACK), ==, 0);
}

static __attribute__((noinline)) void resume(struct routine *self, struct coil__coro *from)
{
    self->back = from;
    coil__coro_switch(from, &self->coro);
}

static __attribute__((noinline)) void give_back(struct routine *self)
{
    self->steps++;
    coil__coro_switch(&self->coro, self->back);
}

/* More integers and doubles alive at once than there are registers, around every switch. */
#define LIVE(i, x)                                                                                 \
    uint64_t n##i = (x) * (2 * (i) + 1);                                                           \
    double d##i = (double)(x) / ((i) + 1.0);
#define GROW(i)                                                                                    \
    n##i = n##i * 3 + (i);                                                                         \
    d##i = d##i * 1.5 + (i);
#define SUM(i)                                                                                     \
    sum += n##i;                                                                                   \
    real += d##i * ((i) + 1);
#define EACH(F)                                                                                    \
    F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14) F(15)
#define LIVE_SEED(i) LIVE(i, seed)

static inline __attribute__((always_inline)) uint64_t work(uint64_t seed, int rounds,
                                                           void (*between)(void *), void *arg)
{
    uint64_t sum = 0;
    double real = 0;
    long double wide = (long double)seed / 3;

    EACH(LIVE_SEED)
    for (int round = 0; round < rounds; round++) {
        EACH(GROW)
        wide = wide * 0.75L + round;
        if (between) {
            between(arg);
        }
    }
    EACH(SUM)
    real += (double)wide;
    return sum ^ (uint64_t)(int64_t)real;
}

static __attribute__((noinline)) uint64_t work_undisturbed(uint64_t seed, int rounds)
{
    return work(seed, rounds, NULL, NULL);
}

static void between_in_routine(void *arg)
{
    give_back(arg);
}

static uint64_t outcomes[MANY];

static void compute(struct routine *self)
{
    outcomes[self->seed] = work(self->seed, 10, between_in_routine, self);
}

struct resumer {
    struct routine *routine;
    struct coil__coro *own;
};

static void between_in_thread(void *arg)
{
    const struct resumer *resumer = arg;

    resume(resumer->routine, resumer->own);
}

COIL_TEST(context_keeps_registers_on_both_sides)
{
    struct coil__coro own = {0};
    struct routine routine;
    struct resumer resumer = {.routine = &routine, .own = &own};
    uint64_t here;

    coil__fiber_init_thread(&own.fiber);
    open_routine(&routine, compute, 7);
    here = work(1234567, 10, between_in_thread, &resumer);
    CHECK_INT(here, ==, work_undisturbed(1234567, 10));
    resume(&routine, &own);
    CHECK_INT(routine.steps, ==, 10);
    CHECK_INT(outcomes[7], ==, work_undisturbed(7, 10));
    close_routine(&routine);
    coil__fiber_deinit(&own.fiber);
}

/* The switch where it is inlined into the computing function itself. */
static void compute_inlined(struct routine *self)
{
    uint64_t seed = self->seed;
    uint64_t sum = 0;
    double real = 0;
    long double wide = (long double)seed;

    EACH(LIVE_SEED)
    for (int round = 0; round < 10; round++) {
        EACH(GROW)
        wide = wide * 1.25L + round;
        coil__coro_switch(&self->coro, self->back);
    }
    EACH(SUM)
    outcomes[seed] = sum ^ (uint64_t)(int64_t)real ^ (uint64_t)wide;
}

static __attribute__((noinline)) uint64_t compute_undisturbed(uint64_t seed)
{
    uint64_t sum = 0;
    double real = 0;
    long double wide = (long double)seed;

    EACH(LIVE_SEED)
    for (int round = 0; round < 10; round++) {
        EACH(GROW)
        wide = wide * 1.25L + round;
    }
    EACH(SUM)
    return sum ^ (uint64_t)(int64_t)real ^ (uint64_t)wide;
}

COIL_TEST(context_keeps_registers_where_it_is_inlined)
{
    struct coil__coro own = {0};
    struct routine routine;

    coil__fiber_init_thread(&own.fiber);
    open_routine(&routine, compute_inlined, 3);
    while (!routine.has_ended) {
        resume(&routine, &own);
    }
    CHECK_INT(outcomes[3], ==, compute_undisturbed(3));
    close_routine(&routine);
    coil__fiber_deinit(&own.fiber);
}

COIL_TEST(context_many_interleaved)
{
    static struct routine routines[MANY];
    struct coil__coro own = {0};
    int count = test_has_tsan() || test_has_valgrind() ? 50 : MANY;

    coil__fiber_init_thread(&own.fiber);
    for (int i = 0; i < count; i++) {
        open_routine(&routines[i], compute, (uint64_t)i);
    }
    for (int round = 0; round <= 10; round++) {
        for (int i = 0; i < count; i++) {
            resume(&routines[i], &own);
        }
    }
    for (int i = 0; i < count; i++) {
        CHECK_INT(outcomes[i], ==, work_undisturbed((uint64_t)i, 10));
        close_routine(&routines[i]);
    }
    coil__fiber_deinit(&own.fiber);
}

/* --- deep stacks --- */

static __attribute__((noinline)) uint64_t descend(struct routine *self, int depth)
{
    volatile char filler[128];
    uint64_t below;

    memset((char *)(uintptr_t)filler, depth, sizeof filler);
    if (depth == 0) {
        give_back(self);
        return 1;
    }
    below = descend(self, depth - 1);
    for (size_t i = 0; i < sizeof filler; i++) {
        CHECK_INT(filler[i], ==, (char)depth);
    }
    return below + 1;
}

static void dive(struct routine *self)
{
    outcomes[0] = descend(self, 300);
}

COIL_TEST(context_suspended_deep_in_calls)
{
    struct coil__coro own = {0};
    struct routine a;
    struct routine b;

    coil__fiber_init_thread(&own.fiber);
    open_routine(&a, dive, 0);
    open_routine(&b, dive, 0);
    resume(&a, &own);
    resume(&b, &own);
    resume(&a, &own);
    CHECK_INT(outcomes[0], ==, 301);
    resume(&b, &own);
    close_routine(&a);
    close_routine(&b);
    coil__fiber_deinit(&own.fiber);
}

/* The ABI wants 16 bytes, at any colour of the stack's top. */
static void look_at_alignment(struct routine *self)
{
    _Alignas(16) volatile char aligned[16];

    outcomes[self->seed] = (uintptr_t)aligned % 16;
}

COIL_TEST(context_stack_is_aligned)
{
    struct coil__coro own = {0};

    coil__fiber_init_thread(&own.fiber);
    for (uint64_t i = 0; i < 16; i++) {
        struct routine routine;

        open_routine(&routine, look_at_alignment, i);
        coil__coro_deinit(&routine.coro);
        coil__coro_init(&routine.coro, routine.memory, routine.memory + STACK - i * 8, enter);
        resume(&routine, &own);
        CHECK_INT(outcomes[i], ==, 0);
        close_routine(&routine);
    }
    coil__fiber_deinit(&own.fiber);
}

/* --- unwinding, from inside --- */

enum { LEVELS = 6, FRAMES = 64 };

struct trace {
    uintptr_t frames[FRAMES];
    int count;
};

static struct trace trace;
static uintptr_t returns[LEVELS + 1];

static _Unwind_Reason_Code note_frame(struct _Unwind_Context *context, void *user)
{
    struct trace *to = user;

    if (to->count == FRAMES || _Unwind_GetIP(context) == 0) {
        return _URC_END_OF_STACK; /* 0: what the root says is its caller */
    }
    to->frames[to->count++] = _Unwind_GetIP(context);
    return _URC_NO_REASON;
}

static __attribute__((noinline)) int walk(int level)
{
    volatile int below;

    returns[level] = (uintptr_t)__builtin_return_address(0);
    if (level == LEVELS) {
        coil_yield(); /* a stack that was left and come back to */
        trace.count = 0;
        _Unwind_Backtrace(note_frame, &trace);
        return 0;
    }
    below = walk(level + 1);
    return below + 1;
}

static int walk_in_task(__attribute__((unused)) void *arg)
{
    volatile int rc = walk(0);

    CHECK_INT(rc, ==, LEVELS);
    return 0;
}

/* All the return addresses, innermost first, and nothing beyond the root. */
static void check_trace(void)
{
    int found = LEVELS;

    CHECK_INT(trace.count, <, FRAMES);
    for (int i = 0; i < trace.count && found >= 0; i++) {
        found -= trace.frames[i] == returns[found];
    }
    CHECK_INT(found, ==, -1);
    if (coil__context_root) {
        uintptr_t root = (uintptr_t)coil__context_root;
        uintptr_t last = trace.frames[trace.count - 1];

        CHECK_INT(last, >=, root);
        CHECK_INT(last, <=, root + 8);
    }
}

COIL_TEST(context_unwinds_to_the_root_in_the_first_task)
{
    CHECK_ERR(coil_run(walk_in_task, NULL), 0);
    check_trace();
}

static int walk_in_child(__attribute__((unused)) void *arg)
{
    static const char copied[40] = "arguments on the stack move its top";
    struct coil_task *task = coil_create_task_copy(walk_in_task, copied, sizeof copied);

    CHECK_ERR(coil_await(task), 0);
    check_trace();
    return 0;
}

COIL_TEST(context_unwinds_to_the_root_in_a_task_with_a_copy)
{
    CHECK_ERR(coil_run(walk_in_child, NULL), 0);
}

/* --- unwinding, by gdb --- */

/* What the debugger looks at. */
void *volatile context_of_sleeper;
void context_stop_here(void);

__attribute__((noinline)) void context_stop_here(void)
{
    __asm__ volatile("");
}

static __attribute__((noinline)) int context_sleeper_inner(void)
{
    volatile int rc = coil_sleep(COIL_MINUTE);

    return rc;
}

static __attribute__((noinline)) int context_sleeper(__attribute__((unused)) void *arg)
{
    volatile int rc = context_sleeper_inner();

    return rc;
}

static __attribute__((noinline)) int context_yielder(__attribute__((unused)) void *arg)
{
    for (int i = 0; i < 4; i++) {
        volatile int rc = coil_yield();

        (void)rc;
    }
    return 0;
}

static __attribute__((noinline)) int context_program_main(__attribute__((unused)) void *arg)
{
    struct coil_task *sleeper = coil_create_task(context_sleeper, NULL);
    struct coil_task *yielder = coil_create_task(context_yielder, NULL);
    struct coil_task *task;

    coil_yield();
    CHECK_OK(coil__task_find(sleeper, &task));
    context_of_sleeper = &task->coro.context;
    context_stop_here();
    coil_yield();
    context_stop_here();
    coil_cancel(sleeper);
    coil_await(sleeper);
    return coil_await(yielder);
}

COIL_TEST(context_program)
{
    CHECK_ERR(coil_run(context_program_main, NULL), 0);
}

/* Not in torture: gdb runs this very program in a process of its own, where nothing fails. */
static bool can_run_gdb(void)
{
    struct utsname name;

    return !test_has_asan() && !test_has_tsan() && !test_has_valgrind() && !test_is_emulated() &&
           !test_is_torture() && coil__context_root && uname(&name) == 0 &&
           strcmp(name.machine, "x86_64") == 0 && access("/usr/bin/gdb", X_OK) == 0;
}

/* What gdb prints when it runs the program above under a script. */
static char *run_gdb(const char *script)
{
    static char output[256 * 1024];
    char command[1024];
    char path[256];
    char exe[256] = {0};
    size_t size;
    FILE *file;

    CHECK_INT(readlink("/proc/self/exe", exe, sizeof exe - 1), >, 0);
    test_temp_path(path, sizeof path, "script.gdb");
    file = fopen(path, "w");
    CHECK(file != NULL);
    fputs("set pagination off\nset confirm off\nset width 0\nset debuginfod enabled off\n"
          "set print address off\nset print frame-arguments none\n"
          "set environment COIL_BACKEND epoll\n"
          "break context_stop_here\nrun\n",
          file);
    fputs(script, file);
    fputs("kill\nquit\n", file);
    fclose(file);
    snprintf(command, sizeof command,
             "/usr/bin/gdb -nx -batch -x %s --args %s --no-fork context_program 2>&1 </dev/null",
             path, exe);
    file = popen(command, "r");
    CHECK(file != NULL);
    size = fread(output, 1, sizeof output - 1, file);
    output[size] = '\0';
    pclose(file);
    if (!strstr(output, "Breakpoint 1, ")) {
        test_skip("gdb cannot debug here");
    }
    return output;
}

/* The names stand in this order. */
static void check_order(const char *text, const char *const *names, size_t count)
{
    const char *at = text;

    for (size_t i = 0; i < count; i++) {
        at = strstr(at, names[i]);
        CHECK_MSG(at != NULL, "no %s in its place in:\n%s", names[i], text);
    }
}

COIL_TEST_LIMIT(context_gdb_walks_the_running_task, 60)
{
    static const char *const names[] = {"context_stop_here", "context_program_main", "task_main",
                                        "context_root"};
    const char *output;

    if (!can_run_gdb()) {
        test_skip("no gdb for this build");
    }
    output = run_gdb("echo BEGIN\\n\nbt\necho END\\n\n");
    check_order(strstr(output, "BEGIN"), names, 4);
    CHECK(!strstr(output, "Backtrace stopped"));
    CHECK(!strstr(output, "??"));
}

COIL_TEST_LIMIT(context_gdb_walks_a_suspended_task, 60)
{
    static const char *const names[] = {"coil__suspend", "context_sleeper_inner", "context_sleeper",
                                        "task_main", "context_root"};
    const char *output;

    if (!can_run_gdb()) {
        test_skip("no gdb for this build");
    }
    output = run_gdb("set $words = (unsigned long *)context_of_sleeper\n"
                     "set $rsp = $words[0]\nset $rbp = $words[1]\nset $rip = $words[2]\n"
                     "echo BEGIN\\n\nbt\necho END\\n\n");
    check_order(strstr(output, "BEGIN"), names, 5);
    CHECK(!strstr(output, "Backtrace stopped"));
    CHECK(!strstr(output, "??"));
}

/* At every instruction from one task into the next one the walk ends soon; it ends at the root, or
 * at main for the loop's own stack, but where the stack pointer is already the other one's: at the
 * jump itself, and where the frame pointer has a use, one before. */
COIL_TEST_LIMIT(context_gdb_walks_at_every_instruction_of_a_switch, 120)
{
    char *output;
    char *step;
    int lost = 0;
    int switches = 0;
    int steps = 0;

    if (!can_run_gdb()) {
        test_skip("no gdb for this build");
    }
    output = run_gdb("break coil_yield\ncontinue\nset $i = 0\nwhile $i < 150\n"
                     "  echo STEP\\n\n  bt 30\n  x/i $pc\n  stepi\n  set $i = $i + 1\nend\n");
    step = strstr(output, "STEP\n");
    CHECK(!strstr(output, "(More stack frames follow...)"));
    while (step) {
        char *next = strstr(step + 1, "STEP\n");

        if (next) {
            next[-1] = '\0';
        }
        steps++;
        lost += !strstr(step, "context_root") && !strstr(step, " main (");
        switches += strstr(step, "jmp    *%rcx") != NULL;
        step = next;
    }
    CHECK_INT(steps, ==, 150);
    CHECK_INT(switches, >=, 1);
    CHECK_INT(lost, <=, 2 * switches);
}
