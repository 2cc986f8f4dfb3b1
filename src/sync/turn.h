/* turn.h - a task that waits for its turn to hand an item over, or to get one: what channels and
 * queues share. A turn stands on the waiting task's stack; whoever serves it copies the item, takes
 * the turn out and wakes the task: then the item has changed hands for good. A cancel takes the
 * turn out before that and leaves no trace.
 */
#ifndef COIL__SYNC_TURN_H
#define COIL__SYNC_TURN_H

#include "task/switch.h"

#include <errno.h>
#include <string.h>

/* Several turns of one task, of which one is to be served; see select.c. */
struct coil__selection;

struct coil__turn {
    struct coil__wait wait;
    struct coil__list link; /* in a list of the object's, until served */
    struct coil_task *task;
    char *item;                        /* the giver's, read only; or where the taker wants it */
    struct coil__selection *selection; /* NULL: the task waits for this turn alone */
    int rc;                            /* valid once served */
};

static inline struct coil__turn *coil__turn_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct coil__turn, link);
}

/* Pointers and ints are what is handed over most: no call for them. */
static inline void coil__item_copy(char *to, const char *from, size_t size)
{
    if (size == sizeof(uint64_t)) {
        memcpy(to, from, sizeof(uint64_t));
    } else if (size == sizeof(uint32_t)) {
        memcpy(to, from, sizeof(uint32_t));
    } else if (size > 0) {
        memcpy(to, from, size);
    }
}

/* One of several turns was served: the others are taken out (select.c). */
void coil__selection_served(struct coil__turn *turn);

/* Takes the first turn of the list out; its task goes on with rc. */
static inline void coil__turn_serve(struct coil__list *list, struct coil__turn *turn, int rc)
{
    coil__list_take_head(list, &turn->link);
    turn->rc = rc;
    if (COIL__UNLIKELY(turn->selection != NULL)) {
        coil__selection_served(turn);
    }
    coil__task_wake(turn->task);
}

static inline void coil__turn_serve_all(struct coil__list *list, int rc)
{
    while (!coil__list_is_empty(list)) {
        coil__turn_serve(list, coil__turn_of(list->next), rc);
    }
}

static inline void coil__turn_interrupt(struct coil_task *task, struct coil__wait *wait)
{
    struct coil__turn *turn = COIL__CONTAINER(wait, struct coil__turn, wait);

    coil__list_remove(&turn->link);
    turn->rc = -ECANCELED;
    coil__task_wake(task);
}

/* Waits at the end of the list until it is served: its rc, or the reason of a cancel. */
static inline __attribute__((always_inline)) int coil__turn_wait(struct coil_task *self,
                                                                 struct coil__list *list,
                                                                 char *item, const char *what)
{
    struct coil__turn turn;

    turn.wait.interrupt = coil__turn_interrupt;
    turn.wait.what = what;
    turn.task = self;
    turn.item = item;
    turn.selection = NULL;
    coil__list_push_tail(list, &turn.link);
    coil__suspend_here(self, &turn.wait);
    return (int)coil__cancel_reason(self, turn.rc);
}

#endif
