/* scope.c - scopes, and everything about being cancelled.
 *
 * A task has a chain of open scopes, from the innermost (task->scope) to its root. task->cancel
 * is the outermost cancelled scope this side of the nearest shield, NULL if there is none: the
 * one whose error every suspending call returns. It is recomputed whenever a scope is opened
 * in a shield, closed, cancelled or un-cancelled; calls only look at it.
 *
 * A cancel wakes the task if it waits; if it is ready, its next suspending call fails; if it never
 * ran, it never will (task.c).
 */
#include "task/task.h"

#include <errno.h>

static struct coil_scope *find_cancel(const struct coil_task *task)
{
    struct coil_scope *found = NULL;

    for (struct coil_scope *s = task->scope; s && s->kind_ != COIL__SCOPE_SHIELD; s = s->parent_) {
        if (s->error_ != 0) {
            found = s;
        }
    }
    return found;
}

void coil__scope_update(struct coil_task *task)
{
    struct coil__wait *wait = task->wait;

    task->cancel = find_cancel(task);
    if (task->cancel && wait && wait->interrupt) {
        wait->interrupt(task, wait);
    }
}

int coil__cancel_error(struct coil_task *self)
{
    struct coil_scope *scope = self->cancel;
    int error = -ECANCELED; /* of a cancel that was taken back after it had taken effect */

    if (scope) {
        error = scope->error_;
        scope->was_delivered_ = true;
    }
    /* A loop that ignores the error would never come to an end: let others run now and then. */
    if (self->state == COIL__TASK_LIVE && --self->loop->budget == 0) {
        coil__reschedule(self);
    }
    return error;
}

/* Tasks of groups that were opened inside the cancelled scope belong to it, unless there is a
 * shield between the two. */
static void cancel_groups_inside(struct coil_task *task, const struct coil_scope *outer)
{
    struct coil_scope *first = task->scope;

    for (struct coil_scope *s = task->scope; s && s != outer; s = s->parent_) {
        if (s->kind_ == COIL__SCOPE_SHIELD) {
            first = s->parent_;
        }
    }
    for (struct coil_scope *s = first; s && s != outer; s = s->parent_) {
        if (s->kind_ == COIL__SCOPE_GROUP) {
            coil__group_scope_cancelled(s);
        }
    }
}

void coil__scope_cancel(struct coil_scope *scope, int error, const struct coil_site *site,
                        const char *reason)
{
    struct coil_task *task = scope->task_;

    if (scope->error_ != 0) {
        return; /* the first reason is kept */
    }
    scope->error_ = error;
    scope->origin_ = site;
    scope->reason_ = reason;
    if (task->state < COIL__TASK_ENDING) {
        coil__scope_update(task);
        cancel_groups_inside(task, scope);
    }
}

static void on_deadline(struct coil__timer *timer)
{
    struct coil_scope *scope = COIL__CONTAINER(timer, struct coil_scope, timer_);

    coil__scope_cancel(scope, -ETIMEDOUT, NULL, "the deadline has passed");
}

void coil__scope_push(struct coil_task *task, struct coil_scope *scope, int kind)
{
    *scope = (struct coil_scope){
        .parent_ = task->scope,
        .task_ = task,
        .timer_.fire = on_deadline,
        .deadline_ = COIL_NEVER,
        .kind_ = (uint8_t)kind,
    };
    task->scope = scope;
    if (kind == COIL__SCOPE_SHIELD) {
        coil__scope_update(task);
    }
}

static int set_deadline(struct coil_scope *scope, int64_t when)
{
    int rc = coil__timer_arm(scope->task_->loop, &scope->timer_, when);

    if (rc == 0) {
        scope->deadline_ = when;
    }
    return rc;
}

bool coil__scope_is_open(const struct coil_task *task, const struct coil_scope *scope)
{
    const struct coil_scope *s = task->scope;

    while (s && s != scope) {
        s = s->parent_;
    }
    return s != NULL;
}

static int open_scope(struct coil_scope *scope, int kind, int64_t when)
{
    struct coil_task *self = coil__thread.task;
    int rc;

    if (!scope || (self && coil__scope_is_open(self, scope))) {
        return coil__misuse_told(-EINVAL, "a scope was opened that is NULL, or open already");
    }
    if (!self) {
        *scope = (struct coil_scope){0};
        return coil__no_task();
    }
    coil__scope_push(self, scope, kind);
    rc = kind == COIL__SCOPE_SHIELD ? 0 : set_deadline(scope, when);
    if (rc < 0) {
        coil__scope_cancel(scope, rc, NULL, "no memory for the deadline");
    }
    return rc;
}

int coil_scope_open_timeout(struct coil_scope *scope, int64_t span_ns)
{
    return open_scope(scope, COIL__SCOPE_TIMEOUT, coil__time_after(coil_now(), span_ns));
}

int coil_scope_open_deadline(struct coil_scope *scope, int64_t when)
{
    return open_scope(scope, COIL__SCOPE_DEADLINE, when);
}

int coil_scope_open_shield(struct coil_scope *scope)
{
    return open_scope(scope, COIL__SCOPE_SHIELD, COIL_NEVER);
}

int coil_scope_close(struct coil_scope *scope)
{
    struct coil_task *self = coil__thread.task;

    if (!scope || !self || self->scope != scope || scope == &self->root) {
        return coil__misuse_told(-EINVAL, "a scope was closed that is not the innermost open one "
                                          "of its task: close those inside it first");
    }
    coil__timer_disarm(self->loop, &scope->timer_);
    self->scope = scope->parent_;
    scope->parent_ = NULL;
    scope->task_ = NULL;
    if (self->cancel || scope->kind_ == COIL__SCOPE_SHIELD) {
        coil__scope_update(self);
    }
    return scope->was_delivered_ ? scope->error_ : 0;
}

struct coil_scope *coil_scope_enter_(struct coil_scope *scope, int kind, int64_t time)
{
    int64_t when = kind == COIL__SCOPE_TIMEOUT ? coil__time_after(coil_now(), time) : time;

    open_scope(scope, kind, when);
    return scope;
}

/* A goto out of several blocks runs this for each, innermost first; a scope that never opened
 * (no task), or whose task has ended meanwhile, is left alone. */
void coil_scope_leave_(struct coil_scope *scope)
{
    struct coil_task *self = coil__thread.task;

    if (!scope->task_ || scope->task_ != self) {
        return;
    }
    while (self->scope != scope && self->scope != &self->root) {
        coil__scope_abandon(self); /* opened inside by hand, and forgotten */
    }
    coil_scope_close(scope);
}

void coil__scope_abandon(struct coil_task *task)
{
    struct coil_scope *scope = task->scope;

    coil__timer_disarm(task->loop, &scope->timer_);
    task->scope = scope->parent_;
    scope->task_ = NULL;
    if (scope->kind_ == COIL__SCOPE_GROUP) {
        coil__group_abandon(scope);
    }
    task->cancel = find_cancel(task);
}

int coil_scope_reschedule(struct coil_scope *scope, int64_t when)
{
    int rc;

    if (!scope) {
        return coil__misuse_null("a scope");
    }
    if (!scope->task_ || scope->error_ != 0 || scope->kind_ == COIL__SCOPE_SHIELD) {
        return -COIL_EINVALIDSTATE;
    }
    rc = coil__loop_check(scope->task_->loop);
    return rc < 0 ? rc : set_deadline(scope, when);
}

int coil_scope_cancel_at(const struct coil_site *site, struct coil_scope *scope, const char *reason)
{
    int rc;

    if (!scope) {
        return coil__misuse_null("a scope");
    }
    if (!scope->task_ || scope->kind_ == COIL__SCOPE_SHIELD) {
        return -COIL_EINVALIDSTATE;
    }
    rc = coil__loop_check(scope->task_->loop);
    if (rc == 0) {
        coil__scope_cancel(scope, -ECANCELED, site, reason);
    }
    return rc;
}

bool coil_scope_is_expired(const struct coil_scope *scope)
{
    return scope && scope->error_ == -ETIMEDOUT;
}

int64_t coil_scope_when(const struct coil_scope *scope)
{
    return scope && scope->timer_.fire ? scope->deadline_ : COIL_NEVER;
}

/* A cancel spreads from task to task: whom it awaits, the children of its groups. What is met on
 * the way is queued, and dealt with here one by one, so that a long chain needs no deep stack. */
static void spread_cancels(struct coil_loop *loop)
{
    struct coil_task *task;

    loop->is_cancelling = true;
    while ((task = loop->cancelled_tasks)) {
        loop->cancelled_tasks = task->next_free;
        coil__scope_update(task);
        cancel_groups_inside(task, &task->root);
    }
    loop->is_cancelling = false;
}

void coil__task_cancel(struct coil_task *task, const struct coil_site *site, const char *reason)
{
    struct coil_loop *loop = task->loop;

    if (task->root.requests_ < UINT16_MAX) {
        task->root.requests_++;
    }
    if (task->root.error_ != 0) {
        return; /* the first reason is kept */
    }
    task->marks |= COIL__TASK_MARKED;
    task->root.error_ = -ECANCELED;
    task->root.origin_ = site;
    task->root.reason_ = reason;
    if (task->state >= COIL__TASK_ENDING) {
        return;
    }
    task->next_free = NULL;
    if (loop->cancelled_tasks) {
        loop->last_cancelled->next_free = task;
    } else {
        loop->cancelled_tasks = task;
    }
    loop->last_cancelled = task;
    if (!loop->is_cancelling) {
        spread_cancels(loop);
    }
}

int coil_cancel_at(const struct coil_site *site, struct coil_task *handle, const char *reason)
{
    struct coil_task *task;
    int rc = coil__task_find(handle, &task);

    if (rc < 0) {
        return rc;
    }
    if (task->state >= COIL__TASK_ENDING) {
        return 0;
    }
    coil__task_cancel(task, site, reason);
    return 1;
}

int coil_uncancel(struct coil_task *handle)
{
    struct coil_task *task;
    int rc = coil__task_find(handle, &task);

    if (rc < 0) {
        return rc;
    }
    if (task->root.requests_ > 0 && --task->root.requests_ == 0) {
        task->root.error_ = 0;
        task->root.was_delivered_ = false;
        task->root.origin_ = NULL;
        task->root.reason_ = NULL;
        task->cancel = find_cancel(task);
    }
    return task->root.requests_;
}

int coil_cancelling(struct coil_task *handle)
{
    struct coil_task *task;
    int rc = coil__task_find(handle, &task);

    return rc < 0 ? rc : task->root.requests_;
}

int coil_check_cancel(void)
{
    struct coil_task *self;

    return coil__begin(&self);
}

const struct coil_site *coil_cancel_origin(void)
{
    struct coil_task *self = coil__thread.task;

    return self && self->cancel ? self->cancel->origin_ : NULL;
}

const char *coil_cancel_reason(void)
{
    struct coil_task *self = coil__thread.task;

    return self && self->cancel ? self->cancel->reason_ : NULL;
}
