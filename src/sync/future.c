/* future.c - a result, the tasks that wait for it and the callbacks that want to know.
 *
 * A callback's handle is pending from on_done on, linked into the future instead of into the
 * loop; when the future is done the handles move to the loop's ready list. Waiting tasks are given
 * the result as they are woken. A future that is done has neither.
 */
#include "loop/ledger.h"
#include "sync/waitlist.h"

#include <coil/future.h>

#include <errno.h>

static inline int check(const struct coil_future *future)
{
    return future ? coil__waitlist_check(future->loop_, "a future") : coil__misuse_null("a future");
}

static void call_soon(struct coil_future *future)
{
    while (future->callbacks_.next && !coil__list_is_empty(&future->callbacks_)) {
        coil__handle_release(COIL__CONTAINER(future->callbacks_.next, struct coil_handle, link_));
    }
}

/* In debug mode, an error that nobody waits for: somebody has to read it until the loop ends. */
static void note_error(const struct coil_future *future)
{
    struct coil_loop *loop = coil__thread.loop;
    bool has_waiters = future->waiters_.next && !coil__list_is_empty(&future->waiters_);

    if (loop && loop->ledger && !has_waiters && future->result_ != -ECANCELED) {
        coil__ledger_add(loop->ledger, COIL__OPENED_ERROR, future, future->result_);
    }
}

static void note_read(const struct coil_future *future)
{
    if (future->result_ < 0) {
        coil__note_closed_somewhere(COIL__OPENED_ERROR, future);
    }
}

int coil_future_set_value(struct coil_future *future, int result, void *value)
{
    int rc = check(future);

    if (rc < 0) {
        return rc;
    }
    if (future->is_done_) {
        return coil__misuse_told(-COIL_EINVALIDSTATE, "a future was set that is done: it is set "
                                                      "or cancelled once");
    }
    future->is_done_ = true;
    future->result_ = result;
    future->value_ = value;
    if (result < 0) {
        note_error(future);
    }
    coil__waitlist_wake_all(&future->waiters_, result);
    call_soon(future);
    return 0;
}

int coil_future_set(struct coil_future *future, int result)
{
    return coil_future_set_value(future, result, NULL);
}

int coil_future_cancel(struct coil_future *future)
{
    return coil_future_set_value(future, -ECANCELED, NULL);
}

int coil_future_wait(struct coil_future *future)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    rc = check(future);
    if (rc < 0) {
        return rc;
    }
    if (future->is_done_) {
        int result = future->result_;

        note_read(future);
        coil__spend(self);
        return result;
    }
    future->loop_ = self->loop;
    return coil__waitlist_wait(self, &future->waiters_, "future");
}

bool coil_future_is_done(const struct coil_future *future)
{
    return future && future->is_done_;
}

int coil_future_result(const struct coil_future *future)
{
    if (!future || !future->is_done_) {
        return future ? -COIL_EINVALIDSTATE : -EINVAL;
    }
    note_read(future);
    return future->result_;
}

void *coil_future_value(const struct coil_future *future)
{
    return future && future->is_done_ ? future->value_ : NULL;
}

int coil_future_on_done(struct coil_future *future, struct coil_handle *handle,
                        coil_callback callback, void *user)
{
    struct coil_loop *loop = coil__thread.loop;
    int rc = check(future);

    if (rc < 0) {
        return rc;
    }
    if (!loop) {
        return coil__no_task();
    }
    if (future->is_done_) {
        return coil_call_soon(loop, handle, callback, user);
    }
    if (!future->callbacks_.next) {
        coil__list_init(&future->callbacks_);
    }
    rc = coil__handle_list(loop, handle, callback, user, &future->callbacks_);
    if (rc == 0) {
        future->loop_ = loop;
    }
    return rc;
}
