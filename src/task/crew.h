/* crew.h - tasks that one task starts over items, and waits for: what coil_map and
 * coil_staggered_race have in common.
 *
 * The crew stands on the stack of the task that leads it, and owns its tasks. Each tells it of its
 * end; the leader is woken, and decides what is next. A cancel of the leader cancels the crew,
 * which is still waited for.
 */
#ifndef COIL__TASK_CREW_H
#define COIL__TASK_CREW_H

#include "task/task.h"

struct coil__crew {
    struct coil__owner owner;
    struct coil__wait wait;
    struct coil__list running; /* of coil_task.owner_link; the item's index is owner_index */
    struct coil_task *self;    /* the leader */
    size_t running_count;
    bool is_cancelled; /* its tasks were asked to end; no more are started */
    /* Called when a task has ended, before the leader is woken. Must not start another. */
    void (*ended)(struct coil__crew *crew, size_t index, int rc);
};

void coil__crew_init(struct coil__crew *crew, struct coil_task *self, const char *what,
                     void (*ended)(struct coil__crew *crew, size_t index, int rc));

/* Starts fn(item). 0 or -ENOMEM. */
int coil__crew_start(struct coil__crew *crew, coil_task_fn fn, void *item, size_t index);

/* Asks all that run to end. */
void coil__crew_cancel(struct coil__crew *crew, const struct coil_site *site, const char *reason);

/* Waits until one has ended, or coil__crew_wake. Cancels the crew if the leader is cancelled. At
 * least one must run, or a wake be sure to come. */
void coil__crew_wait(struct coil__crew *crew);
void coil__crew_wake(struct coil__crew *crew);

/* Waits until all have ended. */
void coil__crew_join(struct coil__crew *crew);

#endif
