/* coil/group.h - structured concurrency: a group owns its tasks, closing it waits for all.
 *
 *     struct coil_group group;
 *     coil_group_open(&group);
 *     coil_group_spawn(&group, fetch, "a");
 *     coil_group_spawn(&group, fetch, "b");
 *     rc = coil_group_close(&group);          // waits for both
 *
 * The first child that fails cancels its siblings and the body (the code between open and close):
 * its suspending calls return -ECANCELED. A child that was cancelled has not failed. Every error
 * is kept. A cancel of the task that opened the group, or of a scope around it, reaches the
 * children too.
 *
 * asyncio's counterpart: TaskGroup; `start` is Trio's.
 */
#ifndef COIL_GROUP_H
#define COIL_GROUP_H

#include <coil/base.h>
#include <coil/scope.h>
#include <coil/task.h>

enum { COIL_GROUP_ERRORS = 8 };

/* What one child failed with. */
struct coil_group_error {
    int error;
    char task_name[32];
};

/* Embedded; must not move while open. All-zero: not open. */
struct coil_group {
    struct coil_scope scope_;
    struct coil__list children_;
    struct coil_task *task_;   /* whose body it is, while open */
    struct coil_task *closer_; /* the same, while it waits in close */
    struct coil_group_error errors_[COIL_GROUP_ERRORS];
    size_t error_count_; /* also those that found no room above */
    size_t child_count_;
    bool is_aborting_;
    struct coil__owner owner_; /* how children find the group */
};

COIL_BEGIN_DECLS

/* Opens a group of the calling task. 0; -EINVAL, -COIL_ENOTASK. */
COIL_EXPORT int coil_group_open(struct coil_group *group);

/* Starts fn(arg) in the group; from the body, from children, also while close waits. 0;
 * -ENOMEM (and the group is cancelled by it, with that error kept), -COIL_ECLOSED (not open, or
 * being cancelled). */
COIL_EXPORT int coil_group_spawn_at(const struct coil_site *site, struct coil_group *group,
                                    coil_task_fn fn, void *arg);
#define coil_group_spawn(group, fn, arg) coil_group_spawn_at(COIL_HERE, (group), (fn), (arg))

/* The same; options may be NULL; ret_task (may be NULL): a handle to look at or to cancel. */
COIL_EXPORT int coil_group_create_task(struct coil_group *group,
                                       const struct coil_task_options *options, coil_task_fn fn,
                                       void *arg, struct coil_task **ret_task);

/* Gives a task of the caller's to the group. Consumes the handle. -COIL_ESTALE, -ENOMEM (NULL),
 * -COIL_ECLOSED (and then the task is cancelled and detached). Not consumed: -EDEADLK (the group's
 * own body), -EINVAL (group NULL), -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_group_adopt(struct coil_group *group, struct coil_task *task);

/* Starts fn(arg) in the group and waits until it calls coil_task_ready(value): returns that value
 * (>= 0). If it ends before: its error, or -COIL_ENOTREADY. Cancel: the child is cancelled and
 * waited for. */
COIL_EXPORT COIL_SUSPENDS int coil_group_start_at(const struct coil_site *site,
                                                  struct coil_group *group, coil_task_fn fn,
                                                  void *arg);
#define coil_group_start(group, fn, arg) coil_group_start_at(COIL_HERE, (group), (fn), (arg))

/* Called by a task that was started by coil_group_start: lets start return value (>= 0). 0;
 * -COIL_EINVALIDSTATE when nobody waits for it. */
COIL_EXPORT int coil_task_ready(int value);

/* Cancels the children and the body; close then returns 0 unless a child failed. May be called
 * again, and after close, when it does nothing. 0; -COIL_ECLOSED for a group (all-zero) that was
 * never opened: unlike asyncio's, it cannot be cancelled ahead. */
COIL_EXPORT int coil_group_cancel_at(const struct coil_site *site, struct coil_group *group);
#define coil_group_cancel(group) coil_group_cancel_at(COIL_HERE, (group))

/* Says that the body has failed: cancels the children; close returns this error. */
COIL_EXPORT int coil_group_fail(struct coil_group *group, int error);

/* Waits for all children, then leaves the group. 0; the first error of a child or of the body; else
 * the reason of a cancel from outside. -EINVAL when the caller has not opened it, or has opened
 * scopes inside that are still open. Cancel: children are cancelled, and still waited for. */
COIL_EXPORT COIL_SUSPENDS int coil_group_close(struct coil_group *group);

/* After close: how many children failed, and what the first COIL_GROUP_ERRORS of them failed
 * with; errors beyond those went to the error handler. NULL for an index out of range. */
COIL_EXPORT size_t coil_group_error_count(const struct coil_group *group);
COIL_EXPORT const struct coil_group_error *coil_group_error_at(const struct coil_group *group,
                                                               size_t index);

COIL_END_DECLS

#endif
