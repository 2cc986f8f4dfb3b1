/* switch.h - the switch itself, inlined into the calls where its cost shows: a wait that is one
 * call deep saves its registers once and returns where the return predictor expects it. All others
 * call coil__suspend. */
#ifndef COIL__TASK_SWITCH_H
#define COIL__TASK_SWITCH_H

#include "task/task.h"

/* Goes on with whoever is next; returns when `self` is run again. */
static inline __attribute__((always_inline)) void coil__give_way(struct coil_task *self)
{
    struct coil_loop *loop = self->loop;
    struct coil__ready *next = coil__loop_peek(loop);
    struct coil__coro *target;

    if (COIL__LIKELY(next && next->run == coil__task_run)) {
        struct coil_task *task = COIL__CONTAINER(next, struct coil_task, ready);

        loop->current = next->next;
        if (task == self) {
            loop->budget = COIL__BUDGET;
            return;
        }
        coil__thread.task = task;
        COIL__PROBE2(task_switch, self->id, task->id);
        target = &task->coro;
    } else if (COIL__UNLIKELY(next != NULL)) {
        target = coil__task_next(self, next);
        if (!target) {
            return;
        }
    } else {
        coil__thread.task = NULL;
        COIL__PROBE2(task_switch, self->id, (uint64_t)0);
        target = &loop->own;
    }
    loop->budget = COIL__BUDGET;
    coil__coro_switch(&self->coro, target);
}

/* As coil__suspend. */
static inline __attribute__((always_inline)) void coil__suspend_here(struct coil_task *self,
                                                                     struct coil__wait *wait)
{
    self->wait = wait;
    coil__give_way(self);
}

#endif
