/* handle.c - callbacks to be called once: soon, at a time, from another thread.
 *
 * A handle is in one state: idle; SOON, in the ready list; TIMED, in the heap (and SOON when it
 * becomes due); LISTED, in a list of some other object, whose event will make it SOON; HANDED_OVER,
 * on its way through the inbox. It is idle again before its callback
 * is entered, so a callback may use its handle anew.
 */
#include "loop/ledger.h"

#include <errno.h>

enum state { IDLE, SOON, TIMED, LISTED, HANDED_OVER };

static struct coil_handle *handle_of(struct coil__ready *ready)
{
    return COIL__CONTAINER(ready, struct coil_handle, ready_);
}

void coil__handle_run(struct coil__ready *ready)
{
    struct coil_handle *handle = handle_of(ready);

    coil__note_closed(handle->loop_, COIL__OPENED_CALLBACK, handle);
    handle->state_ = IDLE;
    handle->loop_ = NULL;
    handle->callback_(handle->user_);
}

static void arrive(struct coil__ready *ready)
{
    struct coil_handle *handle = handle_of(ready);

    handle->ready_.run = coil__handle_run;
    handle->state_ = SOON;
    coil__loop_push(handle->loop_, &handle->ready_);
}

static void fire(struct coil__timer *timer)
{
    struct coil_handle *handle = COIL__CONTAINER(timer, struct coil_handle, timer_);

    handle->state_ = SOON;
    coil__loop_push(handle->loop_, &handle->ready_);
}

static int prepare(struct coil_loop *loop, struct coil_handle *handle, coil_callback callback,
                   void *user)
{
    if (!loop || !handle || !callback) {
        return coil__misuse_told(-EINVAL, "a callback was to be called later, but its loop, its "
                                          "handle or its function is NULL");
    }
    if (handle->state_ != IDLE) {
        return coil__misuse_told(-EINVAL, "a coil_handle was used again while it is pending: each "
                                          "call that is to come needs a handle of its own");
    }
    handle->loop_ = loop;
    handle->callback_ = callback;
    handle->user_ = user;
    handle->ready_.run = coil__handle_run;
    handle->timer_.fire = fire;
    handle->timer_.when = 0;
    return 0;
}

int coil__handle_list(struct coil_loop *loop, struct coil_handle *handle, coil_callback callback,
                      void *user, struct coil__list *list)
{
    int rc = coil__loop_check(loop);

    rc = rc < 0 ? rc : prepare(loop, handle, callback, user);
    if (rc == 0) {
        handle->state_ = LISTED;
        coil__list_push_tail(list, &handle->link_);
        coil__note_open(loop, COIL__OPENED_CALLBACK, handle);
    }
    return rc;
}

void coil__handle_release(struct coil_handle *handle)
{
    coil__list_remove(&handle->link_);
    handle->state_ = SOON;
    coil__loop_push(handle->loop_, &handle->ready_);
}

int coil_call_soon(struct coil_loop *loop, struct coil_handle *handle, coil_callback callback,
                   void *user)
{
    int rc = coil__loop_check(loop);

    rc = rc < 0 ? rc : prepare(loop, handle, callback, user);
    if (rc == 0) {
        handle->state_ = SOON;
        coil__loop_push(loop, &handle->ready_);
        coil__note_open(loop, COIL__OPENED_CALLBACK, handle);
    }
    return rc;
}

int coil_call_at(struct coil_loop *loop, struct coil_handle *handle, int64_t when,
                 coil_callback callback, void *user)
{
    int rc = coil__loop_check(loop);

    rc = rc < 0 ? rc : prepare(loop, handle, callback, user);
    if (rc < 0) {
        return rc;
    }
    rc = coil__timer_arm(loop, &handle->timer_, when);
    if (rc < 0) {
        handle->loop_ = NULL;
        return rc;
    }
    handle->state_ = TIMED;
    coil__note_open(loop, COIL__OPENED_CALLBACK, handle);
    return 0;
}

int coil_call_later(struct coil_loop *loop, struct coil_handle *handle, int64_t delay_ns,
                    coil_callback callback, void *user)
{
    int64_t when = loop ? coil__time_after(coil_loop_now(loop), delay_ns) : 0;

    return coil_call_at(loop, handle, when, callback, user);
}

int coil_call_soon_threadsafe(struct coil_loop *loop, struct coil_handle *handle,
                              coil_callback callback, void *user)
{
    bool is_copy = loop && coil__loop_is_copy(loop);
    int rc = is_copy ? -COIL_EFORKED : prepare(loop, handle, callback, user);

    if (rc == 0) {
        handle->state_ = HANDED_OVER;
        handle->ready_.run = arrive;
        coil__inbox_push(loop, &handle->ready_);
    }
    return rc;
}

bool coil_handle_cancel(struct coil_handle *handle)
{
    if (!handle || handle->state_ == IDLE || handle->state_ == HANDED_OVER) {
        return false;
    }
    if (handle->loop_->owner != &coil__thread) {
        coil__misuse_thread(handle->loop_);
        return false;
    }
    if (handle->state_ == SOON) {
        coil__loop_remove(handle->loop_, &handle->ready_);
    }
    coil__list_remove(&handle->link_);
    coil__timer_disarm(handle->loop_, &handle->timer_);
    coil__note_closed(handle->loop_, COIL__OPENED_CALLBACK, handle);
    handle->state_ = IDLE;
    handle->loop_ = NULL;
    return true;
}

bool coil_handle_is_pending(const struct coil_handle *handle)
{
    return handle && handle->state_ != IDLE;
}

int64_t coil_handle_when(const struct coil_handle *handle)
{
    return handle ? handle->timer_.when : 0;
}
