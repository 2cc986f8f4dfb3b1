/* future.c - a result, the tasks that wait for it and the callbacks that want to know.
 *
 * A callback's handle is pending from on_done on, linked into the future instead of into the
 * loop; when the future is done the handles move to the loop's ready list. Waiting tasks are given
 * the result as they are woken. A future that is done has neither.
 */
#include "sync/waitlist.h"

#include <coil/future.h>

#include <errno.h>

static void call_soon(struct coil_future *future)
{
    while (future->callbacks_.next && !coil__list_is_empty(&future->callbacks_)) {
        coil__handle_release(COIL__CONTAINER(future->callbacks_.next, struct coil_handle, link_));
    }
}

int coil_future_set_value(struct coil_future *future, int result, void *value)
{
    int rc = future ? coil__waitlist_check(future->loop_) : -EINVAL;

    if (rc < 0) {
        return rc;
    }
    if (future->is_done_) {
        return -COIL_EINVALIDSTATE;
    }
    future->is_done_ = true;
    future->result_ = result;
    future->value_ = value;
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
    rc = future ? coil__waitlist_check(future->loop_) : -EINVAL;
    if (rc < 0) {
        return rc;
    }
    if (future->is_done_) {
        int result = future->result_;

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
    if (!future) {
        return -EINVAL;
    }
    return future->is_done_ ? future->result_ : -COIL_EINVALIDSTATE;
}

void *coil_future_value(const struct coil_future *future)
{
    return future && future->is_done_ ? future->value_ : NULL;
}

int coil_future_on_done(struct coil_future *future, struct coil_handle *handle,
                        coil_callback callback, void *user)
{
    struct coil_loop *loop = coil__thread.loop;
    int rc = future ? coil__waitlist_check(future->loop_) : -EINVAL;

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
