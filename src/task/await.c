/* await.c - waiting for the end of one task, or of some of several.
 *
 * A waiter is a small struct on the waiting task's stack, linked into the awaited task; when that
 * ends it copies the result over and wakes. After that the awaited task may be gone: a consumed
 * handle's memory is given back as soon as the task has ended.
 */
#include "task/switch.h"

#include "base/memory.h"

#include <coil/gather.h>

#include <errno.h>

/* Several tasks await one: the first stands in the task itself, the others in its list. */
static inline void join(struct coil_task *target, struct coil__awaiter *awaiter)
{
    if (COIL__LIKELY(!target->awaiter)) {
        target->awaiter = awaiter;
        return;
    }
    if (!target->awaiters.next) {
        coil__list_init(&target->awaiters);
        target->marks |= COIL__TASK_MARKED;
    }
    coil__list_push_tail(&target->awaiters, &awaiter->link);
}

/* Whether nobody but `awaiter`, which has joined, awaits the task. */
static bool is_only(const struct coil_task *target, const struct coil__awaiter *awaiter)
{
    const struct coil__list *others = &target->awaiters;

    if (target->awaiter == awaiter) {
        return !others->next || coil__list_is_empty(others);
    }
    return !target->awaiter && others->next->next == others;
}

static void part(struct coil_task *target, struct coil__awaiter *awaiter)
{
    if (is_only(target, awaiter)) {
        target->owner_kind = COIL__OWNED_BY_NOBODY;
    }
    if (target->awaiter == awaiter) {
        target->awaiter = NULL;
    } else {
        coil__list_remove(&awaiter->link);
    }
}

/* The waiting task was cancelled: leaves the target to others, or ends it too. */
static void abandon(struct coil__awaiter *awaiter)
{
    struct coil_task *target = awaiter->target;
    const struct coil_scope *cause = awaiter->self->cancel;

    if (awaiter->has_cancelled && !awaiter->self->loop->is_breaking) {
        return;
    }
    if (!awaiter->has_cancelled && !awaiter->is_shielded && is_only(target, awaiter)) {
        awaiter->has_cancelled = true;
        coil__task_cancel(target, cause->origin_, "the task that awaits it was cancelled");
        return;
    }
    awaiter->has_cancelled = true;
    part(target, awaiter);
    awaiter->target = NULL;
    awaiter->rc = -ECANCELED;
    if (awaiter->self->wait == &awaiter->wait) {
        coil__task_wake(awaiter->self);
    }
}

static void interrupt_await(struct coil_task *task, struct coil__wait *wait)
{
    (void)task;
    abandon(COIL__CONTAINER(wait, struct coil__awaiter, wait));
}

/* The `what` of every await, and how one is recognised. */
static const char await_wait[] = "await";

/* Whether the task awaits `self`, or one that does, and so on. */
static __attribute__((noinline)) bool awaits(const struct coil_task *task,
                                             const struct coil_task *self)
{
    while (task && task != self && task->wait && task->wait->what == await_wait) {
        task = COIL__CONTAINER(task->wait, const struct coil__awaiter, wait)->target;
    }
    return task == self;
}

static inline __attribute__((always_inline)) int wait_for_end(struct coil_task *self,
                                                              struct coil_task *target,
                                                              bool is_shielded)
{
    struct coil__awaiter awaiter;

    awaiter.wait.interrupt = interrupt_await;
    awaiter.wait.what = await_wait;
    awaiter.self = self;
    awaiter.target = target;
    awaiter.is_shielded = is_shielded;
    awaiter.has_cancelled = false;
    target->owner_kind = COIL__OWNED_BY_AWAIT;
    join(target, &awaiter);
    if (COIL__UNLIKELY(self->cancel != NULL)) {
        abandon(&awaiter);
    }
    while (awaiter.target) {
        coil__suspend_here(self, &awaiter.wait);
    }
    if (COIL__UNLIKELY(awaiter.has_cancelled && awaiter.rc == -ECANCELED && self->cancel)) {
        return coil__cancel_error(self);
    }
    return awaiter.rc;
}

/* The handle is bad, or of another loop of this thread. */
static __attribute__((cold, noinline)) int refuse_elsewhere(struct coil_task *handle)
{
    struct coil_task *target;
    int rc = coil__task_check(handle, &target);

    return coil__task_refuse(rc < 0 ? rc : -COIL_EWRONGTHREAD, handle);
}

static inline __attribute__((always_inline)) int await(struct coil_task *handle, bool is_shielded)
{
    struct coil_task *self = coil__thread.task;
    struct coil_task *target;
    int rc;

    if (COIL__UNLIKELY(!self)) {
        return coil__no_task();
    }
    if (COIL__UNLIKELY(!coil__task_is_in(handle, self->loop, &target))) {
        return refuse_elsewhere(handle);
    }
    if (COIL__UNLIKELY(target == self)) {
        return coil__task_refuse(-EDEADLK, handle);
    }
    if (COIL__UNLIKELY(target->owner_kind != COIL__OWNED_BY_USER &&
                       target->owner_kind != COIL__OWNED_BY_AWAIT)) {
        return coil__task_refuse(-COIL_ESTALE, handle);
    }
    if (target->state != COIL__TASK_NEW) {
        if (target->state == COIL__TASK_DONE) {
            rc = target->rc;
            coil__task_free(target);
            coil__spend(self);
            return rc;
        }
        if ((self->awaiter || self->awaiters.next) && awaits(target, self)) {
            return coil__task_refuse(-EDEADLK, handle);
        }
    }
    return wait_for_end(self, target, is_shielded);
}

int coil_await(struct coil_task *handle)
{
    return await(handle, false);
}

int coil_await_shielded(struct coil_task *handle)
{
    return await(handle, true);
}

int coil_wait_for(struct coil_task *handle, int64_t timeout_ns)
{
    struct coil_scope scope;
    struct coil_task *task;
    int rc = coil_scope_open_timeout(&scope, timeout_ns);
    int close_rc;

    if (rc == -COIL_ENOTASK || rc == -COIL_ENOLOOP || rc == -COIL_EFORKED) {
        return rc;
    }
    if (timeout_ns <= 0 && coil__task_look_owned(handle, &task) == 0 &&
        task->state < COIL__TASK_ENDING) {
        coil__scope_cancel(&scope, -ETIMEDOUT, COIL_HERE, "no time to wait");
    }
    rc = coil_await(handle);
    close_rc = coil_scope_close(&scope);
    return rc == close_rc || close_rc == 0 ? rc : rc == -ECANCELED ? close_rc : rc;
}

/* --- wait --- */

struct wait_slot {
    struct coil__waiter waiter;
    struct wait_set *set;
};

struct wait_set {
    struct coil__wait wait;
    struct coil__timer timer;
    struct coil_task *self;
    enum coil_wait_until until;
    size_t missing; /* ends still to come before the wait is over */
    int rc;         /* -ECANCELED after an interrupt */
};

static void wake_set(struct wait_set *set)
{
    if (set->self->wait == &set->wait) {
        coil__task_wake(set->self);
    }
}

static void on_member_end(struct coil__waiter *waiter, struct coil_task *task)
{
    struct wait_set *set = COIL__CONTAINER(waiter, struct wait_slot, waiter)->set;
    bool has_failed = task->rc < 0 && task->rc != -ECANCELED;

    if (set->missing == 0) {
        return; /* it is over already, and has not run yet */
    }
    set->missing--;
    if (set->missing == 0 || set->until == COIL_FIRST_COMPLETED ||
        (set->until == COIL_FIRST_ERROR && has_failed)) {
        set->missing = 0;
        wake_set(set);
    }
}

static void on_wait_timeout(struct coil__timer *timer)
{
    struct wait_set *set = COIL__CONTAINER(timer, struct wait_set, timer);

    set->missing = 0;
    wake_set(set);
}

static void interrupt_set(struct coil_task *task, struct coil__wait *wait)
{
    struct wait_set *set = COIL__CONTAINER(wait, struct wait_set, wait);

    (void)task;
    set->rc = -ECANCELED;
    set->missing = 0;
    wake_set(set);
}

/* has_waited: handles may have been consumed meanwhile, by tasks that have thus ended. */
static ssize_t count_done(struct coil_task *const *tasks, size_t count, bool has_waited,
                          bool *ret_has_failed)
{
    ssize_t done = 0;

    for (size_t i = 0; i < count; i++) {
        struct coil_task *task;
        int rc = coil__task_look(tasks[i], &task);

        if (rc == -COIL_ESTALE && has_waited) {
            done++;
            continue;
        }
        if (rc < 0) {
            return coil__task_refuse(rc, tasks[i]);
        }
        if (task->state >= COIL__TASK_ENDING) {
            done++;
            *ret_has_failed |= task->rc < 0 && task->rc != -ECANCELED;
        }
    }
    return done;
}

/* Links a slot into each task that still runs; duplicates get one each. */
static size_t link_slots(struct wait_set *set, struct wait_slot *slots,
                         struct coil_task *const *tasks, size_t count)
{
    size_t linked = 0;

    for (size_t i = 0; i < count; i++) {
        struct coil_task *task;

        if (coil__task_find(tasks[i], &task) < 0 || task->state >= COIL__TASK_ENDING) {
            continue;
        }
        slots[linked] = (struct wait_slot){
            .waiter = {.notify = on_member_end, .waiting = &set->self}, .set = set};
        coil__task_add_waiter(task, &slots[linked].waiter);
        linked++;
    }
    return linked;
}

static int wait_for_members(struct coil_task *self, struct coil_task *const *tasks, size_t count,
                            enum coil_wait_until until, int64_t timeout_ns)
{
    struct wait_set set = {
        .wait = {.interrupt = interrupt_set, .what = "wait"},
        .timer.fire = on_wait_timeout,
        .self = self,
        .until = until,
    };
    struct wait_slot *slots = coil__malloc(count * sizeof *slots);
    size_t linked;
    int rc;

    if (!slots) {
        return -ENOMEM;
    }
    rc = coil__timer_arm(self->loop, &set.timer,
                         coil__time_after(coil_loop_now(self->loop), timeout_ns));
    if (rc == 0) {
        linked = link_slots(&set, slots, tasks, count);
        set.missing = linked;
        while (set.missing > 0) {
            coil__suspend(self, &set.wait);
        }
        for (size_t i = 0; i < linked; i++) {
            coil__list_remove(&slots[i].waiter.link);
        }
        coil__timer_disarm(self->loop, &set.timer);
        rc = set.rc < 0 && self->cancel ? coil__cancel_error(self) : set.rc;
    }
    coil__free(slots);
    return rc;
}

ssize_t coil_wait(struct coil_task *const *tasks, size_t count, enum coil_wait_until until,
                  int64_t timeout_ns)
{
    struct coil_task *self;
    bool has_failed = false;
    ssize_t done;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!tasks || count == 0 || until > COIL_FIRST_ERROR) {
        return coil__misuse_told(-EINVAL, "coil_wait was given no tasks, or an unknown condition");
    }
    done = count_done(tasks, count, false, &has_failed);
    if (done < 0 || (size_t)done == count || timeout_ns <= 0 ||
        (done > 0 && until == COIL_FIRST_COMPLETED) || (has_failed && until == COIL_FIRST_ERROR)) {
        coil__spend(self);
        return done;
    }
    for (size_t i = 0; i < count; i++) {
        struct coil_task *task;

        if (coil__task_find(tasks[i], &task) == 0 && task == self) {
            return coil__task_refuse(-EDEADLK, tasks[i]);
        }
        if (task->loop != self->loop) {
            return coil__task_refuse(-COIL_EWRONGTHREAD, tasks[i]);
        }
    }
    rc = wait_for_members(self, tasks, count, until, timeout_ns);
    return rc < 0 ? rc : count_done(tasks, count, true, &has_failed);
}
