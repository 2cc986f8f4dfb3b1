/* as_completed.c - tasks in the order of their ends.
 *
 * One slot per task, allocated together, each waiting for its task's end. A task that has ended
 * leaves its result in its slot, and the slot goes to the list of those that next has still to
 * return. The handles stay the caller's until then; if somebody else consumes one, the result is
 * here all the same.
 */
#include "task/task.h"

#include "base/memory.h"

#include <coil/gather.h>

#include <errno.h>

struct coil_as_completed_slot_ {
    struct coil__waiter waiter;  /* in the task's list until it ends */
    struct coil__list done_link; /* in completed->done_ until it is returned */
    struct coil_as_completed *completed;
    struct coil_task *handle;
    size_t index;
    int rc; /* valid once the task has ended */
};

struct next_wait {
    struct coil__wait wait;
    struct coil_as_completed *completed;
    int rc;
};

static void wake(struct coil_as_completed *completed)
{
    struct coil_task *task = completed->waiting_;

    if (task) {
        completed->waiting_ = NULL;
        coil__task_wake(task);
    }
}

static void finish_slot(struct coil_as_completed_slot_ *slot, int rc)
{
    slot->rc = rc;
    coil__list_push_tail(&slot->completed->done_, &slot->done_link);
    wake(slot->completed);
}

static void on_end(struct coil__waiter *waiter, struct coil_task *task)
{
    finish_slot(COIL__CONTAINER(waiter, struct coil_as_completed_slot_, waiter), task->rc);
}

/* The task may be among the others: 0, or why not. NULL stands for one that could not be made. */
static int check(struct coil_task *handle)
{
    struct coil_task *task;
    int rc = coil__task_look_owned(handle, &task);

    if (!handle) {
        return 0;
    }
    if (handle == coil_current_task()) {
        rc = -EDEADLK;
    } else if (rc == 0 && task->loop != coil__thread.loop) {
        rc = -COIL_EWRONGTHREAD;
    }
    return rc < 0 ? coil__task_refuse(rc, handle) : 0;
}

static void open_slot(struct coil_as_completed_slot_ *slot)
{
    struct coil_task *task;
    int rc = coil__task_look(slot->handle, &task);

    slot->waiter.notify = on_end;
    slot->waiter.waiting = &slot->completed->waiting_;
    if (rc < 0) {
        finish_slot(slot, rc);
    } else if (task->state >= COIL__TASK_ENDING) {
        finish_slot(slot, task->rc);
    } else {
        coil__task_add_waiter(task, &slot->waiter);
    }
}

int coil_as_completed_open(struct coil_as_completed *completed, struct coil_task *const *tasks,
                           size_t count)
{
    struct coil_as_completed_slot_ *slots;

    if (!completed || (!tasks && count > 0)) {
        return coil__misuse_told(-EINVAL, "coil_as_completed_open was given NULL");
    }
    if (!coil__thread.loop) {
        return coil__no_task();
    }
    for (size_t i = 0; i < count; i++) {
        int rc = check(tasks[i]);

        if (rc < 0) {
            return rc;
        }
    }
    slots = coil__calloc(count > 0 ? count : 1, sizeof *slots);
    if (!slots) {
        return -ENOMEM;
    }
    *completed = (struct coil_as_completed){.slots_ = slots, .count_ = count, .left_ = count};
    coil__list_init(&completed->done_);
    for (size_t i = 0; i < count; i++) {
        slots[i].completed = completed;
        slots[i].handle = tasks[i];
        slots[i].index = i;
        open_slot(&slots[i]);
    }
    return 0;
}

static void interrupt(struct coil_task *task, struct coil__wait *wait)
{
    struct next_wait *next = COIL__CONTAINER(wait, struct next_wait, wait);

    next->rc = -ECANCELED;
    next->completed->waiting_ = NULL;
    coil__task_wake(task);
}

/* 0 when there is one in the list of the ended; else why there is none. */
static int wait_for_next(struct coil_task *self, struct coil_as_completed *completed)
{
    struct next_wait next = {
        .wait = {.interrupt = interrupt, .what = "as_completed"},
        .completed = completed,
    };

    while (completed->left_ > 0 && coil__list_is_empty(&completed->done_)) {
        if (completed->waiting_) {
            return -COIL_ECONCURRENT;
        }
        if (self->cancel) {
            return coil__cancel_error(self);
        }
        completed->waiting_ = self;
        coil__suspend(self, &next.wait);
        if (next.rc < 0) {
            return self->cancel ? coil__cancel_error(self) : next.rc;
        }
    }
    return completed->left_ > 0 ? 0 : -ENODATA;
}

static ssize_t take_first(struct coil_as_completed *completed, int *ret_result)
{
    struct coil__list *link = coil__list_pop_head(&completed->done_);
    struct coil_as_completed_slot_ *slot =
        COIL__CONTAINER(link, struct coil_as_completed_slot_, done_link);
    struct coil_task *task;

    completed->left_--;
    if (coil__task_look_owned(slot->handle, &task) == 0) {
        coil__task_free(task); /* it has ended: the slot would not be here otherwise */
    }
    if (ret_result) {
        *ret_result = slot->rc;
    }
    return (ssize_t)slot->index;
}

ssize_t coil_as_completed_next(struct coil_as_completed *completed, int *ret_result)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!completed) {
        return -EINVAL;
    }
    rc = wait_for_next(self, completed);
    return rc < 0 ? rc : take_first(completed, ret_result);
}

void coil_as_completed_close(struct coil_as_completed *completed)
{
    struct coil_as_completed_slot_ *slots;

    if (!completed || !completed->slots_) {
        return;
    }
    slots = completed->slots_;
    for (size_t i = 0; i < completed->count_; i++) {
        coil__list_remove(&slots[i].waiter.link);
    }
    completed->slots_ = NULL;
    completed->count_ = 0;
    completed->left_ = 0;
    wake(completed);
    coil__free(slots);
}
