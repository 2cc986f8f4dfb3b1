/* suspend.c - how a task gives way and how it is woken.
 *
 * A suspending task takes whoever is next in this iteration and switches to it directly; the
 * loop's own stack is entered only when a callback is next or the kernel must be asked.
 */
#include "task/switch.h"

#include <errno.h>

void coil__suspend(struct coil_task *self, struct coil__wait *wait)
{
    coil__suspend_here(self, wait);
}

void coil__reschedule(struct coil_task *self)
{
    coil__loop_push(self->loop, &self->ready);
    coil__give_way(self);
}

int coil_yield(void)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    coil__loop_push(self->loop, &self->ready);
    coil__give_way(self);
    return COIL__UNLIKELY(self->cancel != NULL) ? coil__cancel_error(self) : 0;
}

/* --- sleep --- */

struct sleeper {
    struct coil__wait wait;
    struct coil__timer timer;
    struct coil_task *task;
    int rc;
};

static void on_time(struct coil__timer *timer)
{
    struct sleeper *sleeper = COIL__CONTAINER(timer, struct sleeper, timer);

    coil__task_wake(sleeper->task);
}

static void interrupt_sleep(struct coil_task *task, struct coil__wait *wait)
{
    struct sleeper *sleeper = COIL__CONTAINER(wait, struct sleeper, wait);

    coil__timer_disarm(task->loop, &sleeper->timer);
    sleeper->rc = -ECANCELED;
    coil__task_wake(task);
}

/* Inlined, so that a stack has the name of the call, and not of this, in its place. */
static inline __attribute__((always_inline)) int sleep_until(struct coil_task *self, int64_t when)
{
    struct sleeper sleeper = {
        .wait = {.interrupt = interrupt_sleep, .what = "sleep"},
        .timer = {.fire = on_time, .when = when},
        .task = self,
    };
    int rc = coil__timer_arm(self->loop, &sleeper.timer, when);

    if (rc < 0) {
        return rc;
    }
    self->loop->endless_sleeps += when == COIL_NEVER;
    coil__suspend(self, &sleeper.wait);
    self->loop->endless_sleeps -= when == COIL_NEVER;
    return sleeper.rc < 0 && self->cancel ? coil__cancel_error(self) : sleeper.rc;
}

int64_t coil__wait_until(const struct coil__wait *wait)
{
    return wait->interrupt == interrupt_sleep
               ? COIL__CONTAINER(wait, const struct sleeper, wait)->timer.when
               : COIL_NEVER;
}

int coil_sleep(int64_t span_ns)
{
    struct coil_task *self;
    int rc;

    if (span_ns <= 0) {
        return coil_yield();
    }
    rc = coil__begin(&self);
    if (rc < 0) {
        return rc;
    }
    return sleep_until(self, coil__time_after(coil_loop_now(self->loop), span_ns));
}

int coil_sleep_until(int64_t when)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    return rc < 0 ? rc : sleep_until(self, when);
}

/* --- operations --- */

struct op_wait {
    struct coil__wait wait;
    struct coil_op *op;
};

static void on_completion(struct coil_op *op)
{
    coil__task_wake(op->task_);
}

static void interrupt_op(struct coil_task *task, struct coil__wait *wait)
{
    struct op_wait *op_wait = COIL__CONTAINER(wait, struct op_wait, wait);

    (void)task;
    coil__op_request_cancel(op_wait->op);
}

int coil__wait_fd(const struct coil__wait *wait)
{
    const struct coil_op *op;

    if (wait->interrupt != interrupt_op) {
        return -1;
    }
    op = COIL__CONTAINER(wait, const struct op_wait, wait)->op;
    return op->kind_ == COIL__OP_FILE ? -1 : op->fd_;
}

const struct coil__wait_layout coil__wait_layout = {
    .sleep = interrupt_sleep,
    .op = interrupt_op,
    .sleep_when = offsetof(struct sleeper, timer) + offsetof(struct coil__timer, when) -
                  offsetof(struct sleeper, wait),
    .op_pointer = offsetof(struct op_wait, op) - offsetof(struct op_wait, wait),
    .op_fd = offsetof(struct coil_op, fd_),
    .op_kind = offsetof(struct coil_op, kind_),
    .kind_file = COIL__OP_FILE,
};

/* The stack of the task after the next one is fetched while the next one runs: among thousands of
 * connections none of it is in the cache. Here and not in every switch: tasks that only talk to
 * each other are few, and quick. */
static inline void fetch_ahead(const struct coil_loop *loop)
{
    const struct coil__ready *next = loop->current ? loop->current->next : NULL;

    if (next && next->run == coil__task_run) {
        coil__context_fetch(&COIL__CONTAINER(next, const struct coil_task, ready)->coro.context);
    }
}

ssize_t coil__op_wait(struct coil_task *self, struct coil_op *op, const char *what)
{
    struct op_wait op_wait = {.wait = {.interrupt = interrupt_op, .what = what}, .op = op};
    int rc;

    if (COIL__UNLIKELY(self->cancel != NULL)) {
        return coil__cancel_error(self); /* cancelled since the call began */
    }
    op->task_ = self;
    rc = coil__op_start(self->loop, op, on_completion);
    if (rc == 0) {
        fetch_ahead(self->loop);
        coil__suspend(self, &op_wait.wait);
    } else if (rc < 0) {
        return rc;
    } else {
        coil__spend(self);
    }
    return coil__cancel_reason(self, op->result);
}
