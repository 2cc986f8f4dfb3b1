/* coil/future.h - a result that somebody will have later: what a callback hands to a task.
 *
 *     struct coil_future reply = {0};         // pending
 *
 *     start_request(&reply);                  // some callback: coil_future_set(&reply, 0)
 *     rc = coil_future_wait(&reply);          // what was set
 *
 * A future is pending until it is set or cancelled, once and for all. It belongs to the loop of
 * its first wait or callback. From another thread: coil_call_soon_threadsafe a callback that
 * sets it. In debug mode an error that nobody has waited for or read is reported when the loop
 * ends.
 *
 * asyncio's counterpart: Future.
 */
#ifndef COIL_FUTURE_H
#define COIL_FUTURE_H

#include <coil/base.h>
#include <coil/loop.h>

/* Embedded; all-zero is a valid pending future. Must neither move nor go away while it is pending
 * and somebody waits for it; needs no deinit. Zero it to use it again. */
struct coil_future {
    struct coil__list waiters_;   /* tasks, in the order in which they came */
    struct coil__list callbacks_; /* of coil_handle.link_, in the order of on_done */
    struct coil_loop *loop_;      /* of the first wait or callback; NULL before it */
    void *value_;                 /* valid once done */
    int result_;                  /* valid once done */
    bool is_done_;
};

COIL_BEGIN_DECLS

/* Ends it with a result: >= 0 or a negative error; set_value with a value beside it, which is not
 * owned. Wakes all who wait, and has the callbacks called in the next iteration. From tasks and
 * callbacks. 0; -COIL_EINVALIDSTATE when it is done already, -EINVAL (NULL), -COIL_EWRONGTHREAD.
 * asyncio: set_result, set_exception. */
COIL_EXPORT int coil_future_set(struct coil_future *future, int result);
COIL_EXPORT int coil_future_set_value(struct coil_future *future, int result, void *value);

/* Ends it with -ECANCELED: nobody will have the result. Errors as coil_future_set. */
COIL_EXPORT int coil_future_cancel(struct coil_future *future);

/* Waits until it is done, and returns its result; any number of tasks may. Errors of its own:
 * -EINVAL (NULL), -COIL_EWRONGTHREAD, -COIL_ENOTASK; the reason of a cancel of the caller, which
 * leaves the future alone. */
COIL_EXPORT COIL_SUSPENDS int coil_future_wait(struct coil_future *future);

/* True once it was set or cancelled. */
COIL_EXPORT bool coil_future_is_done(const struct coil_future *future);

/* The result; -COIL_EINVALIDSTATE while it is pending. */
COIL_EXPORT int coil_future_result(const struct coil_future *future);

/* The value it was set with; NULL while it is pending or when there is none. */
COIL_EXPORT void *coil_future_value(const struct coil_future *future);

/* Has callback(user) called once it is done: in the next iteration, never from inside this call or
 * set. handle: idle, stays until the call; coil_handle_cancel takes it back. 0; -EINVAL (NULL,
 * handle pending), -COIL_ENOLOOP, -COIL_EWRONGTHREAD. asyncio: add_done_callback. */
COIL_EXPORT int coil_future_on_done(struct coil_future *future, struct coil_handle *handle,
                                    coil_callback callback, void *user);

COIL_END_DECLS

#endif
