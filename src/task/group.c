/* group.c - structured concurrency.
 *
 * A group is a scope of its body's task plus a list of the children. The body is whatever runs
 * between open and close; cancelling the group's scope is what stops it. Children are owned by
 * the group: each tells it of its end, and the last one wakes close.
 *
 * Why the scope was cancelled decides what close returns: a child's failure (the error is kept),
 * coil_group_cancel (0), or something outside (the reason is passed on by the outer scope).
 */
#include "task/task.h"

#include <coil/group.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct closer {
    struct coil__wait wait;
    struct coil_group *group;
};

static struct coil_group *group_of(struct coil__owner *owner)
{
    return COIL__CONTAINER(owner, struct coil_group, owner_);
}

static void cancel_children(struct coil_group *group, const struct coil_site *site,
                            const char *reason)
{
    group->is_aborting_ = true;
    COIL__LIST_FOREACH_SAFE(&group->children_, link) {
        coil__task_cancel(COIL__CONTAINER(link, struct coil_task, owner_link), site, reason);
    }
}

void coil__group_scope_cancelled(struct coil_scope *scope)
{
    struct coil_group *group = COIL__CONTAINER(scope, struct coil_group, scope_);

    cancel_children(group, scope->origin_, "the scope around its group was cancelled");
}

/* The group's memory is about to go, and nobody has waited for its children. */
void coil__group_abandon(struct coil_scope *scope)
{
    struct coil_group *group = COIL__CONTAINER(scope, struct coil_group, scope_);
    struct coil__list *link;

    group->is_aborting_ = true;
    while ((link = coil__list_pop_head(&group->children_))) {
        struct coil_task *task = COIL__CONTAINER(link, struct coil_task, owner_link);

        task->owner_kind = COIL__OWNED_BY_NOBODY;
        coil__task_cancel(task, NULL, "its group was left without being closed");
    }
    group->child_count_ = 0;
    group->task_ = NULL;
}

static void abort_group(struct coil_group *group, const struct coil_site *site, const char *reason)
{
    if (!group->is_aborting_) {
        cancel_children(group, site, reason);
        coil__scope_cancel(&group->scope_, -ECANCELED, site, reason);
    }
}

static void keep_error(struct coil_group *group, int error, const char *name)
{
    size_t index = group->error_count_++;

    if (index < COIL_GROUP_ERRORS) {
        struct coil_group_error *kept = &group->errors_[index];

        kept->error = error;
        snprintf(kept->task_name, sizeof kept->task_name, "%s", name);
    } else {
        struct coil_report report = {.message = "one more error in a group that keeps only the "
                                                "first few",
                                     .error = error,
                                     .task_name = name};

        coil__loop_report(group->task_->loop, &report);
    }
}

static void child_done(struct coil__owner *owner, struct coil_task *task)
{
    struct coil_group *group = group_of(owner);

    coil__list_remove(&task->owner_link);
    group->child_count_--;
    if (task->rc < 0 && task->rc != -ECANCELED) {
        keep_error(group, task->rc, coil_task_name(coil__task_handle(task)));
        abort_group(group, task->site, "a sibling in its group failed");
    }
    if (group->child_count_ == 0 && group->closer_) {
        coil__task_wake(group->closer_);
        group->closer_ = NULL;
    }
}

int coil_group_open(struct coil_group *group)
{
    struct coil_task *self = coil__thread.task;

    if (!group || (self && coil__scope_is_open(self, &group->scope_))) {
        return coil__misuse_told(-EINVAL, "a group was opened that is NULL, or open already");
    }
    memset(group, 0, sizeof *group);
    if (!self) {
        return coil__no_task();
    }
    coil__scope_push(self, &group->scope_, COIL__SCOPE_GROUP);
    coil__list_init(&group->children_);
    group->task_ = self;
    group->owner_ = (struct coil__owner){.child_done = child_done, .leader = self};
    return 0;
}

/* 0 for an open group of this thread. */
static int check_there(const struct coil_group *group)
{
    if (!group) {
        return coil__misuse_told(-EINVAL, "a group is NULL: open one by coil_group_open");
    }
    return group->task_ ? coil__loop_check(group->task_->loop) : -COIL_ECLOSED;
}

/* 0, or why the group takes no task now. */
static int check_open(const struct coil_group *group)
{
    int rc = check_there(group);

    if (rc == -COIL_ECLOSED) {
        return coil__misuse_told(rc, "a group is closed, or was never opened: it takes no task");
    }
    return rc == 0 && group->is_aborting_ ? -COIL_ECLOSED : rc;
}

static int adopt(struct coil_group *group, struct coil_task *handle)
{
    struct coil_task *task;
    int rc = coil__task_find_owned(handle, &task);

    if (rc < 0) {
        return rc;
    }
    if (task == group->task_) {
        return coil__task_refuse(-EDEADLK, handle);
    }
    if (task->loop != group->task_->loop) {
        return coil__task_refuse(-COIL_EWRONGTHREAD, handle);
    }
    group->child_count_++;
    coil__list_push_tail(&group->children_, &task->owner_link);
    return coil__task_adopt(handle, &group->owner_, 0);
}

int coil_group_create_task(struct coil_group *group, const struct coil_task_options *options,
                           coil_task_fn fn, void *arg, struct coil_task **ret_task)
{
    struct coil_task *task;
    int rc = check_open(group);

    if (rc < 0) {
        return rc;
    }
    if (!fn) {
        return -EINVAL;
    }
    if (coil__thread.loop && coil__thread.loop != group->task_->loop) {
        return coil__misuse_loop("a group", group->task_->loop);
    }
    task = coil_task_create(options, fn, arg);
    if (!task) {
        keep_error(group, -ENOMEM, "");
        abort_group(group, options ? options->site : NULL, "no memory for a task of the group");
        return -ENOMEM;
    }
    rc = adopt(group, task);
    if (rc == 0 && group->is_aborting_) {
        /* It ran eagerly, and has itself ended the group. */
        coil_cancel_at(group->scope_.origin_, task, "its group was ended");
    }
    if (rc == 0 && ret_task) {
        *ret_task = task;
    }
    return rc;
}

int coil_group_spawn_at(const struct coil_site *site, struct coil_group *group, coil_task_fn fn,
                        void *arg)
{
    struct coil_task_options options = {.site = site};

    return coil_group_create_task(group, &options, fn, arg, NULL);
}

int coil_group_adopt(struct coil_group *group, struct coil_task *task)
{
    int rc = check_open(group);

    if (rc == 0) {
        return adopt(group, task);
    }
    if (rc == -COIL_ECLOSED) {
        coil_cancel_because(task, "its group takes no more tasks");
        coil_detach(task);
    }
    return rc;
}

/* --- start --- */

struct starter {
    struct coil__waiter waiter; /* told if the child ends before it is ready */
    struct coil__wait wait;
    struct coil_task *self;
    struct coil_task *child; /* NULL when it has said that it is ready, or has ended */
    int rc;
};

static void settle(struct starter *starter, int rc)
{
    starter->child->started = NULL;
    starter->child = NULL;
    starter->rc = rc;
    if (starter->self->wait == &starter->wait) {
        coil__task_wake(starter->self);
    }
}

static void on_early_end(struct coil__waiter *waiter, struct coil_task *task)
{
    struct starter *starter = COIL__CONTAINER(waiter, struct starter, waiter);

    settle(starter, task->rc < 0 ? task->rc : -COIL_ENOTREADY);
}

static void interrupt_start(struct coil_task *task, struct coil__wait *wait)
{
    struct starter *starter = COIL__CONTAINER(wait, struct starter, wait);

    wait->interrupt = NULL;
    coil__task_cancel(starter->child, task->cancel->origin_, "its start was cancelled");
}

int coil_group_start_at(const struct coil_site *site, struct coil_group *group, coil_task_fn fn,
                        void *arg)
{
    struct starter starter = {
        .waiter.notify = on_early_end,
        .waiter.waiting = &starter.self,
        .wait = {.interrupt = interrupt_start, .what = "start"},
    };
    struct coil_task_options options = {.site = site};
    struct coil_task *handle;
    int rc = coil__begin(&starter.self);

    rc = rc < 0 ? rc : coil_group_create_task(group, &options, fn, arg, &handle);
    rc = rc < 0 ? rc : coil__task_find(handle, &starter.child);
    if (rc < 0) {
        return rc;
    }
    starter.child->started = &starter;
    coil__task_add_waiter(starter.child, &starter.waiter);
    while (starter.child) {
        coil__suspend(starter.self, &starter.wait);
    }
    return (int)coil__cancel_reason(starter.self, starter.rc);
}

int coil_task_ready(int value)
{
    struct coil_task *self = coil__thread.task;
    struct starter *starter;

    if (!self) {
        return coil__no_task();
    }
    starter = self->started;
    if (!starter || value < 0) {
        return starter ? -EINVAL : -COIL_EINVALIDSTATE;
    }
    coil__list_remove(&starter->waiter.link);
    settle(starter, value);
    return 0;
}

/* --- the end --- */

int coil_group_cancel_at(const struct coil_site *site, struct coil_group *group)
{
    int rc = check_there(group);

    if (rc == 0) {
        abort_group(group, site, "its group was cancelled");
    }
    /* A group that is closed has nothing left to be cancelled. */
    return rc == -COIL_ECLOSED && group->owner_.child_done ? 0 : rc;
}

int coil_group_fail(struct coil_group *group, int error)
{
    int rc = error < 0 ? check_there(group) : -EINVAL;

    if (rc < 0) {
        return rc;
    }
    keep_error(group, error, coil_task_name(coil__task_handle(group->task_)));
    abort_group(group, NULL, "the body of its group failed");
    return 0;
}

static void interrupt_close(struct coil_task *task, struct coil__wait *wait)
{
    struct coil_group *group = COIL__CONTAINER(wait, struct closer, wait)->group;

    wait->interrupt = NULL;
    cancel_children(group, task->cancel->origin_, "the close of its group was cancelled");
}

static __attribute__((cold)) int refuse_close(const struct coil_task *self,
                                              const struct coil_group *group)
{
    const char *why = "a group was closed that is not open";

    if (!group) {
        why = "a group is NULL: close the one that coil_group_open has opened";
    } else if (group->task_ == self) {
        why = "a group was closed with a scope or a group still open inside it: close that one "
              "first";
    } else if (group->task_) {
        why = "a group was closed by another task: close it in the one that has opened it";
    }
    return coil__misuse_told(-EINVAL, why);
}

int coil_group_close(struct coil_group *group)
{
    struct coil_task *self = coil__thread.task;
    struct closer closer = {.wait = {.interrupt = interrupt_close, .what = "group"},
                            .group = group};

    if (!self) {
        return coil__no_task();
    }
    if (!group || group->task_ != self || self->scope != &group->scope_) {
        return refuse_close(self, group);
    }
    if (self->cancel && !group->is_aborting_) {
        cancel_children(group, self->cancel->origin_, "the close of its group was cancelled");
    }
    if (group->is_aborting_) {
        closer.wait.interrupt = NULL;
    }
    group->owner_.is_awaited = true;
    while (group->child_count_ > 0) {
        group->closer_ = self;
        coil__suspend(self, &closer.wait);
    }
    group->task_ = NULL;
    coil_scope_close(&group->scope_);
    if (group->error_count_ > 0) {
        return group->errors_[0].error;
    }
    return self->cancel ? coil__cancel_error(self) : 0;
}

size_t coil_group_error_count(const struct coil_group *group)
{
    return group ? group->error_count_ : 0;
}

const struct coil_group_error *coil_group_error_at(const struct coil_group *group, size_t index)
{
    if (!group || index >= group->error_count_ || index >= COIL_GROUP_ERRORS) {
        return NULL;
    }
    return &group->errors_[index];
}
