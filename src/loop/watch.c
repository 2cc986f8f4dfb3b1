/* watch.c - level-triggered watches: a poll operation that is submitted again after each callback.
 *
 * A poll that is asked anew reports what is there now, so the level is kept on every backend. The
 * operation is pending whenever the watch is started and not inside its callback; a stop cancels
 * it, and its completion is the last callback.
 */
#include "loop/ledger.h"

#include <coil/watch.h>

#include <errno.h>

static void on_event(struct coil_op *op);

static int arm(struct coil_watch *watch)
{
    coil_op_poll(&watch->op_, watch->fd_, watch->events_);
    return coil__op_submit(watch->loop_, &watch->op_, on_event);
}

/* The last callback. The watch is idle before it, and may be gone after it. */
static void finish(struct coil_watch *watch, int error)
{
    coil__note_closed(watch->loop_, COIL__OPENED_WATCH, watch);
    watch->loop_ = NULL;
    watch->callback_(watch, error);
}

static void on_event(struct coil_op *op)
{
    struct coil_watch *watch = COIL__CONTAINER(op, struct coil_watch, op_);
    int rc = (int)op->result;

    if (!watch->is_stopping_ && rc >= 0) {
        watch->is_in_callback_ = true;
        watch->callback_(watch, rc);
        watch->is_in_callback_ = false;
        rc = watch->is_stopping_ ? -ECANCELED : arm(watch);
        if (rc == 0) {
            return;
        }
    }
    finish(watch, watch->is_stopping_ ? -ECANCELED : rc);
}

int coil_watch_start(struct coil_loop *loop, struct coil_watch *watch, int fd, short events,
                     coil_watch_callback callback)
{
    int rc = coil__loop_check(loop);

    if (rc < 0) {
        return rc;
    }
    if (!watch || !callback || watch->loop_) {
        return coil__misuse_told(-EINVAL, "a watch was started that is NULL or started already, or "
                                          "that has no callback");
    }
    *watch =
        (struct coil_watch){.loop_ = loop, .callback_ = callback, .fd_ = fd, .events_ = events};
    rc = arm(watch);
    if (rc < 0) {
        watch->loop_ = NULL;
        return rc;
    }
    coil__note_open(loop, COIL__OPENED_WATCH, watch);
    return 0;
}

int coil_watch_stop(struct coil_watch *watch)
{
    if (!watch) {
        return -EINVAL;
    }
    if (!watch->loop_) {
        return -COIL_EINVALIDSTATE;
    }
    watch->is_stopping_ = true;
    return watch->is_in_callback_ ? 0 : coil_op_cancel(&watch->op_);
}

bool coil_watch_is_started(const struct coil_watch *watch)
{
    return watch && watch->loop_;
}
