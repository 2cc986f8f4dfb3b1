/* coil/event.h - a flag that tasks can wait for.
 *
 *     static struct coil_event is_ready;      // all-zero: not set, nobody waits
 *
 *     coil_event_wait(&is_ready);             // in any number of tasks
 *     coil_event_set(&is_ready);              // lets all of them go on
 *
 * The flag sticks: a wait on an event that is set does not wait. An event belongs to the loop of
 * its first wait. From another thread: coil_call_soon_threadsafe a callback that sets it.
 *
 * asyncio's counterpart: Event.
 */
#ifndef COIL_EVENT_H
#define COIL_EVENT_H

#include <coil/base.h>

struct coil_loop;

/* Embedded; all-zero is a valid event that is not set. Must neither move nor go away while a task
 * waits for it; needs no deinit. */
struct coil_event {
    struct coil__list waiters_; /* in the order in which they came */
    struct coil_loop *loop_;    /* of the first wait; NULL before it */
    bool is_set_;
};

COIL_BEGIN_DECLS

/* Sets the flag and wakes all that wait now, in the order in which they came: they have had their
 * event, also if it is cleared before they run. From tasks and callbacks. 0, also when it was set;
 * -EINVAL (NULL), -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_event_set(struct coil_event *event);

/* Clears the flag; wakes nobody. 0, also when it was not set; errors as coil_event_set. */
COIL_EXPORT int coil_event_clear(struct coil_event *event);

/* True when the flag is set. */
COIL_EXPORT bool coil_event_is_set(const struct coil_event *event);

/* Waits until the flag is set; does not wait when it is. 0; -EINVAL (NULL), -COIL_EWRONGTHREAD,
 * -COIL_ENOTASK; the reason of a cancel, which leaves the event alone. */
COIL_EXPORT COIL_SUSPENDS int coil_event_wait(struct coil_event *event);

COIL_END_DECLS

#endif
