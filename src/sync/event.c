/* event.c - a sticky flag and the tasks that wait for it. While the flag is set nobody waits. */
#include "sync/waitlist.h"

#include <coil/event.h>

#include <errno.h>

static inline int check(const struct coil_event *event)
{
    return event ? coil__waitlist_check(event->loop_, "an event") : coil__misuse_null("an event");
}

int coil_event_set(struct coil_event *event)
{
    int rc = check(event);

    if (rc == 0) {
        event->is_set_ = true;
        coil__waitlist_wake_all(&event->waiters_, 0);
    }
    return rc;
}

int coil_event_clear(struct coil_event *event)
{
    int rc = check(event);

    if (rc == 0) {
        event->is_set_ = false;
    }
    return rc;
}

bool coil_event_is_set(const struct coil_event *event)
{
    return event && event->is_set_;
}

int coil_event_wait(struct coil_event *event)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    rc = check(event);
    if (rc < 0) {
        return rc;
    }
    if (event->is_set_) {
        coil__spend(self);
        return 0;
    }
    event->loop_ = self->loop;
    return coil__waitlist_wait(self, &event->waiters_, "event");
}
