/* waitlist.h - tasks that wait for the same thing, in the order in which they came.
 *
 * The head is a struct coil__list embedded in a public struct: all-zero is an empty one, set up on
 * first use. An entry stands on the waiting task's stack. Whoever wakes an entry takes it out and
 * gives it its result; so a task that was woken has what it waited for, whatever happens to it or
 * to the object before it runs (completed wins), and the object may be gone by then.
 *
 * An object belongs to the loop of its first wait: coil__waitlist_check.
 */
#ifndef COIL__SYNC_WAITLIST_H
#define COIL__SYNC_WAITLIST_H

#include "task/task.h"

struct coil__waitlist_entry {
    struct coil__wait wait;
    struct coil__list link;  /* in the object's list, until it is woken */
    struct coil__list *list; /* that one */
    struct coil_task *task;
    int rc; /* what the wait returns; valid once woken */
};

/* 0, or -COIL_EWRONGTHREAD (-COIL_EFORKED) when an object of `loop` is used elsewhere. NULL: it
 * belongs to no loop yet. what: "a lock", for a sentence. */
int coil__waitlist_check(const struct coil_loop *loop, const char *what);

/* Waits at the end of the list. The result given by whoever woke it, or the reason of a cancel. */
int coil__waitlist_wait(struct coil_task *self, struct coil__list *list, const char *what);

/* The same, but a cancel does not cut it short; so there is nothing to be returned. */
void coil__waitlist_wait_through(struct coil_task *self, struct coil__list *list, const char *what);

/* The task that waits longest. The list must not be empty. */
struct coil_task *coil__waitlist_first(const struct coil__list *list);

/* Wakes the first one, or all that wait now, with this result. False: nobody waited. */
bool coil__waitlist_wake_first(struct coil__list *list, int rc);
void coil__waitlist_wake_all(struct coil__list *list, int rc);

#endif
