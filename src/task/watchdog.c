/* watchdog.c - the thread that notices who holds a loop up. See coil/watchdog.h.
 *
 * A loop does not know that it is watched. What it keeps anyway tells one step from the next: which
 * task runs; what is left of this iteration (`current`), which every step shortens; and which
 * iteration it is (the time stamp of the last poll, and how many may still pass before the next).
 * As long as all four are the same, it is the same step. They are read without any order: a look
 * that meets a switch sees something new, and that is what it is.
 *
 * The loop's thread takes the mutex only to change the limit or the handler, the watchdog has it
 * all the time but while it sleeps. A report takes nothing else, and nothing from the heap.
 *
 * Time stands still while the process does: a sleep that has lasted much too long was not this
 * thread's doing, and is not counted for the step either, but for what that has computed in it.
 */
#include "task/stall.h"

#include "base/memory.h"
#include "sys/clock.h"
#include "sys/crash.h"
#include "sys/observe.h"
#include "sys/sample.h"
#include "sys/thread.h"
#include "sys/unchecked.h"
#include "task/inspect.h"

#include <errno.h>
#include <string.h>

#define MIN_LIMIT COIL_MSEC
#define MAX_PERIOD (20 * COIL_MSEC)
#define MIN_PERIOD COIL_MSEC
#define WATCHED_PERIOD (5 * COIL_MSEC) /* at most, while a step that was reported goes on */
#define OVERSLEPT (100 * COIL_MSEC)

enum { COPY_SIZE = 64 * 1024, LOOKS_IN_LIMIT = 5 };

/* What the loop's thread is doing. */
struct glimpse {
    const struct coil_task *task; /* NULL: it is on the loop's own stack */
    const struct coil__ready *current;
    uint64_t polled_ticks;
    int64_t polled_at; /* the same, by the loop's clock */
    unsigned elisions_left;
    bool is_running; /* and what takes long is not a report of ours */
    bool may_sleep;  /* it waits for the kernel, or will, or has just done so */
};

struct coil__watchdog {
    struct coil__closer closer;
    struct coil_loop *loop;
    const struct coil__thread *thread; /* the loop's */
    struct coil__observed observed;    /* the same for the kernel */
    struct coil__os_thread own;
    bool is_lent;          /* only somebody's who listens has asked for it; the loop's thread's */
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t cond;   /* signalled when is_ending is set */
    bool is_ending;
    int64_t limit;
    coil_stall_handler handler;
    void *user;
    coil_stall_handler listener; /* is told as well; or NULL */
    void *listener_user;
    int64_t stood_still; /* so long in all, as far as it was noticed */
    int64_t looked_at;   /* when the last look was */
    /* The step that runs; valid while has_step: */
    bool has_step;
    bool is_prepared; /* debug information was read */
    bool has_sampler; /* the handler for samples is installed */
    struct glimpse step;
    int64_t seen; /* when that was first so, */
    int64_t seen_last;
    int64_t began;    /* and when it may have begun: at most one period before */
    int64_t next;     /* for how long it is to be seen until it is reported again */
    unsigned reports; /* so many were made */
    /* The loop sleeps, as the kernel has said when its thread had computed for so long; else -1. */
    int64_t slept_at;
    struct coil__stall stall; /* what is being said, or was last about this step */
    char copy[COPY_SIZE] __attribute__((aligned(16)));
};

/* --- looking --- */

static COIL__UNCHECKED void look(const struct coil__watchdog *dog, struct glimpse *ret_glimpse)
{
    const volatile struct coil_loop *loop = dog->loop;
    const volatile struct coil__thread *thread = dog->thread;

    ret_glimpse->is_running = loop->is_running && !loop->is_reporting;
    ret_glimpse->task = thread->task;
    ret_glimpse->current = loop->current;
    ret_glimpse->polled_ticks = loop->polled_ticks;
    ret_glimpse->polled_at = loop->polled_at;
    ret_glimpse->elisions_left = loop->elisions_left;
    ret_glimpse->may_sleep = atomic_load(&dog->loop->is_asleep);
}

static bool is_same(const struct glimpse *a, const struct glimpse *b)
{
    return a->task == b->task && a->current == b->current && a->polled_ticks == b->polled_ticks &&
           a->elisions_left == b->elisions_left;
}

/* Whether the loop waits for the kernel. What says that it is about to is also set while callbacks
 * run that the wait has brought, so the kernel is asked: again only if the thread has computed. */
static bool is_asleep(struct coil__watchdog *dog, const struct glimpse *glimpse)
{
    struct coil__sight sight;
    int64_t cpu;

    if (glimpse->task || !glimpse->may_sleep) {
        dog->slept_at = -1;
        return false;
    }
    cpu = coil__observe_cpu(&dog->observed);
    if (cpu >= 0 && cpu == dog->slept_at) {
        return true;
    }
    coil__observe(&dog->observed, &sight);
    dog->slept_at = -1;
    if (sight.state == COIL__SIGHT_WAITS && sight.waits_for_events) {
        dog->slept_at = cpu;
        return true;
    }
    return sight.state == COIL__SIGHT_UNKNOWN;
}

static COIL__UNCHECKED void copy_name(const volatile char *name, char *ret_name)
{
    for (int i = 0; i < COIL__TASK_NAME; i++) {
        ret_name[i] = name[i];
    }
    ret_name[COIL__TASK_NAME - 1] = '\0';
}

/* The memory of tasks stays as long as the loop; what stands there may be another one's by now,
 * which is found out afterwards. */
static COIL__UNCHECKED void look_at_task(const struct coil_task *task, struct coil__stall *stall)
{
    const volatile struct coil_task *seen = task;

    stall->public.task_name = NULL;
    stall->public.task_id = 0;
    stall->public.site = NULL;
    if (task) {
        copy_name(seen->name, stall->name);
        stall->public.task_id = seen->id;
        stall->public.site = seen->site;
        if (stall->name[0] == '\0') {
            coil__task_usual_name(stall->name, stall->public.task_id);
        }
        stall->public.task_name = stall->name;
    }
}

static COIL__UNCHECKED void find_stack(const struct coil__watchdog *dog,
                                       const struct coil_task *task,
                                       struct coil__stack_view *ret_view)
{
    const volatile struct coil_task *seen = task;

    *ret_view =
        (struct coil__stack_view){.low = dog->observed.stack_low, .high = dog->observed.stack_high};
    if (task) {
        ret_view->low = (uintptr_t)seen->stack.low;
        ret_view->high = (uintptr_t)task;
    }
    ret_view->memory = (const char *)ret_view->low;
}

/* The frames of a thread that waits: of a copy of its stack, if it has not moved meanwhile. */
static size_t walk_waiting(struct coil__watchdog *dog, const struct coil__sight *sight,
                           const struct coil__stack_view *stack)
{
    struct coil__stack_view view;
    struct coil__sight after;

    if (!sight->has_place || sight->place.sp < stack->low || sight->place.sp >= stack->high) {
        return 0;
    }
    coil__stack_copy(sight->place.sp, stack->high, dog->copy, sizeof dog->copy, &view);
    coil__observe(&dog->observed, &after);
    if (!after.has_place || after.place.sp != sight->place.sp ||
        after.place.pc != sight->place.pc) {
        return 0;
    }
    return coil__walk_all(&sight->place, &view, dog->stall.frames, COIL__STALL_FRAMES);
}

static size_t walk_running(struct coil__watchdog *dog, const struct coil__stack_view *stack)
{
    if (!dog->has_sampler) {
        dog->has_sampler = coil__sample_open() == 0;
    }
    return dog->has_sampler ? coil__sample_take(&dog->observed, stack, dog->stall.frames) : 0;
}

/* False: the process is being debugged, and the step is not to blame. */
static bool look_at_stack(struct coil__watchdog *dog)
{
    struct coil_stall *stall = &dog->stall.public;
    struct coil__stack_view stack;
    struct coil__sight sight;

    find_stack(dog, dog->step.task, &stack);
    stall->frame_count = 0;
    for (int tries = 0; tries < 3 && stall->frame_count == 0; tries++) {
        coil__observe(&dog->observed, &sight);
        if (sight.state == COIL__SIGHT_STOPPED) {
            return false;
        }
        stall->is_in_syscall = sight.state == COIL__SIGHT_WAITS;
        if (sight.state == COIL__SIGHT_WAITS) {
            stall->frame_count = walk_waiting(dog, &sight, &stack);
        } else if (sight.state == COIL__SIGHT_RUNS) {
            stall->frame_count = walk_running(dog, &stack);
        }
    }
    stall->frames = (const void *const *)dog->stall.frames;
    return true;
}

/* --- saying --- */

static int64_t now_of(const struct coil__watchdog *dog)
{
    return coil__clock_now() - dog->stood_still;
}

/* The sentence is out before symbols are looked for: that may take a while. */
static void write_out(struct coil__stall *stall)
{
    size_t length = coil__stall_put_sentence(stall);

    coil__stderr_write(stall->text, length);
    coil__stderr_write("\n", 1);
    if (stall->public.frame_count > 0) {
        size_t end = coil__stall_put_frames(stall);

        coil__stderr_write(stall->text + length + 1, end - length - 1); /* without a newline */
        coil__stderr_write("\n", 1);
    }
}

static void say(struct coil__watchdog *dog)
{
    struct coil__stall *stall = &dog->stall;

    stall->public.number = ++dog->reports;
    if (dog->handler) {
        coil__stall_put_sentence(stall);
        coil__stall_put_frames(stall);
        dog->handler(&stall->public, dog->user);
    } else {
        write_out(stall);
    }
    if (dog->listener) {
        dog->listener(&stall->public, dog->listener_user);
    }
}

static void report(struct coil__watchdog *dog)
{
    struct glimpse after;
    int64_t now;

    look_at_task(dog->step.task, &dog->stall);
    if (!look_at_stack(dog)) {
        return;
    }
    look(dog, &after);
    if (!after.is_running || !is_same(&after, &dog->step)) {
        return; /* it has just ended: what was seen may be of the next one */
    }
    dog->stall.public.has_ended = false;
    now = now_of(dog);
    dog->seen_last = now;
    dog->stall.public.span_ns = now - dog->began;
    say(dog);
    while (dog->next <= now - dog->seen) {
        dog->next *= 2;
    }
}

/* The total, of a step that was reported. */
static void end_step(struct coil__watchdog *dog, int64_t now)
{
    if (dog->has_step && dog->reports > 0) {
        dog->stall.public.has_ended = true;
        dog->stall.public.is_in_syscall = false;
        dog->stall.public.frame_count = 0;
        dog->stall.public.span_ns = now - dog->began;
        dog->stall.least_ns = dog->seen_last - dog->began;
        say(dog);
    }
    dog->has_step = false;
}

/* If the kernel was asked since the last look, the step has begun after that, mostly at once: what
 * comes first in an iteration is what has waited for it. */
static void begin_step(struct coil__watchdog *dog, const struct glimpse *glimpse, int64_t now)
{
    int64_t polled_at = glimpse->polled_at - dog->stood_still;
    bool is_known = !dog->loop->backend->is_simulated && polled_at > dog->looked_at;

    dog->has_step = true;
    dog->step = *glimpse;
    dog->seen = now;
    dog->seen_last = now;
    dog->began = is_known && polled_at < now ? polled_at : now;
    dog->next = dog->limit;
    dog->reports = 0;
}

/* The step was seen twice: it may become a report. One to a handler comes in one piece, and is to
 * come in time. */
static void prepare(struct coil__watchdog *dog)
{
    if (dog->handler && !dog->is_prepared) {
        dog->is_prepared = true;
        coil__stall_prepare();
    }
}

static void watch_step(struct coil__watchdog *dog)
{
    int64_t now = now_of(dog);
    struct glimpse glimpse;

    look(dog, &glimpse);
    if (!glimpse.is_running || is_asleep(dog, &glimpse)) {
        end_step(dog, now);
    } else if (!dog->has_step || !is_same(&glimpse, &dog->step)) {
        end_step(dog, now);
        begin_step(dog, &glimpse, now);
    } else if (now - dog->seen >= dog->next) {
        report(dog);
    } else {
        dog->seen_last = now;
        prepare(dog);
    }
    dog->looked_at = now;
}

/* --- the thread --- */

static int64_t period_of(const struct coil__watchdog *dog)
{
    int64_t period = dog->limit / LOOKS_IN_LIMIT;
    int64_t longest = dog->has_step && dog->reports > 0 ? WATCHED_PERIOD : MAX_PERIOD;

    period = period < longest ? period : longest;
    return period > MIN_PERIOD ? period : MIN_PERIOD;
}

/* How much of a wait's lateness nobody is to answer for: nothing of what the loop's thread has
 * computed meanwhile, as it may while this thread gets no processor. */
static int64_t standstill(const struct coil__watchdog *dog, int64_t late, int64_t cpu_before)
{
    int64_t cpu;

    if (late <= OVERSLEPT) {
        return 0;
    }
    cpu = coil__observe_cpu(&dog->observed);
    if (cpu < 0 || cpu_before < 0) {
        return late;
    }
    return late > cpu - cpu_before ? late - (cpu - cpu_before) : 0;
}

static void *watch(void *arg)
{
    struct coil__watchdog *dog = arg;

    coil__mutex_lock(&dog->mutex);
    while (!dog->is_ending) {
        int64_t until = coil__clock_now() + period_of(dog);
        int64_t cpu = coil__observe_cpu(&dog->observed);

        coil__cond_wait(&dog->cond, &dog->mutex, until);
        dog->stood_still += standstill(dog, coil__clock_now() - until, cpu);
        if (!dog->is_ending) {
            watch_step(dog);
        }
    }
    end_step(dog, now_of(dog));
    if (dog->has_sampler) {
        coil__sample_close();
    }
    coil__mutex_unlock(&dog->mutex);
    return NULL;
}

/* --- its life, in the loop's thread --- */

/* In the child of a fork there is no thread, and the mutex may be locked. */
static void forget(struct coil__closer *closer)
{
    struct coil__watchdog *dog = COIL__CONTAINER(closer, struct coil__watchdog, closer);

    coil__altstack_release(&coil__thread.altstack);
    dog->loop->watchdog = NULL;
    coil__free(dog);
}

static void end(struct coil__closer *closer)
{
    struct coil__watchdog *dog = COIL__CONTAINER(closer, struct coil__watchdog, closer);

    coil__mutex_lock(&dog->mutex);
    dog->is_ending = true;
    coil__cond_signal(&dog->cond);
    coil__mutex_unlock(&dog->mutex);
    coil__os_thread_join(&dog->own);
    coil__cond_deinit(&dog->cond);
    coil__mutex_deinit(&dog->mutex);
    forget(closer);
}

static int start_thread(struct coil__watchdog *dog)
{
    int rc = coil__mutex_init(&dog->mutex);

    if (rc < 0) {
        return rc;
    }
    rc = coil__cond_init(&dog->cond);
    if (rc == 0) {
        rc = coil__os_thread_start(&dog->own, COIL__THREAD_STACK, watch, dog);
        if (rc == 0) {
            return 0;
        }
        coil__cond_deinit(&dog->cond);
    }
    coil__mutex_deinit(&dog->mutex);
    return rc;
}

static int start(struct coil_loop *loop, int64_t limit_ns)
{
    struct coil__watchdog *dog = coil__calloc(1, sizeof *dog);
    int rc;

    if (!dog) {
        return -ENOMEM;
    }
    dog->closer.end = end;
    dog->closer.forget = forget;
    dog->loop = loop;
    dog->thread = &coil__thread;
    dog->limit = limit_ns;
    dog->slept_at = -1;
    coil__observe_self(&dog->observed);
    rc = coil__altstack_hold(&coil__thread.altstack);
    if (rc == 0) {
        rc = start_thread(dog);
        if (rc < 0) {
            coil__altstack_release(&coil__thread.altstack);
        }
    }
    if (rc < 0) {
        coil__free(dog);
        return rc;
    }
    coil__list_push_tail(&loop->closers, &dog->closer.link);
    loop->watchdog = dog;
    return 0;
}

int coil_loop_set_stall_limit(struct coil_loop *loop, int64_t limit_ns)
{
    int rc = coil__loop_check(loop);

    if (rc < 0 || limit_ns < MIN_LIMIT) {
        return rc < 0 ? rc : -EINVAL;
    }
    if (limit_ns == COIL_NEVER) {
        coil__watchdog_stop(loop);
        return 0;
    }
    if (!loop->watchdog) {
        return start(loop, limit_ns);
    }
    coil__mutex_lock(&loop->watchdog->mutex);
    if (loop->watchdog->is_lent) {
        loop->watchdog->is_lent = false;
        loop->watchdog->handler = NULL;
    }
    loop->watchdog->limit = limit_ns;
    coil__cond_signal(&loop->watchdog->cond);
    coil__mutex_unlock(&loop->watchdog->mutex);
    return 0;
}

/* Only the loop's own thread writes the limit, so it may read it without the mutex. */
int64_t coil_loop_stall_limit(const struct coil_loop *loop)
{
    return loop && loop->watchdog ? loop->watchdog->limit : COIL_NEVER;
}

int coil_loop_set_stall_handler(struct coil_loop *loop, coil_stall_handler handler, void *user)
{
    int rc = coil__loop_check(loop);

    if (rc < 0 || !loop->watchdog) {
        return rc < 0 ? rc : -COIL_EINVALIDSTATE;
    }
    coil__mutex_lock(&loop->watchdog->mutex);
    loop->watchdog->is_lent = false;
    loop->watchdog->handler = handler;
    loop->watchdog->user = user;
    coil__mutex_unlock(&loop->watchdog->mutex);
    return 0;
}

/* The program has not asked to be told. */
static void ignore_stall(const struct coil_stall *stall, void *user)
{
    (void)stall;
    (void)user;
}

int coil__watchdog_lend(struct coil_loop *loop, int64_t limit_ns)
{
    int rc = coil_loop_set_stall_limit(loop, limit_ns);

    if (rc == 0 && loop->watchdog) {
        coil_loop_set_stall_handler(loop, ignore_stall, NULL);
        loop->watchdog->is_lent = true;
    }
    return rc;
}

void coil__watchdog_take_back(struct coil_loop *loop)
{
    if (loop->watchdog && loop->watchdog->is_lent) {
        coil__watchdog_stop(loop);
    }
}

void coil__watchdog_listen(struct coil_loop *loop, coil_stall_handler listener, void *user)
{
    if (loop->watchdog) {
        coil__mutex_lock(&loop->watchdog->mutex);
        loop->watchdog->listener = listener;
        loop->watchdog->listener_user = user;
        coil__mutex_unlock(&loop->watchdog->mutex);
    }
}

void coil__watchdog_stop(struct coil_loop *loop)
{
    struct coil__watchdog *dog = loop->watchdog;

    if (dog) {
        coil__list_remove(&dog->closer.link);
        end(&dog->closer);
    }
}
