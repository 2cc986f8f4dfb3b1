/* coil/watch.h - level-triggered readiness of a descriptor, by callback: for adapters of libraries
 * that want to be told "readable" and "writable" and do the calls themselves.
 *
 * A watch is embedded by its owner, one per direction or one for both. While it is started its
 * callback comes once per iteration in which one of its events is there. A stop is confirmed by one
 * last callback: only after that may the descriptor be closed and the struct released, because
 * the kernel holds on to the file as long as it is being polled.
 *
 * asyncio's counterparts: add_reader, add_writer, remove_reader, remove_writer.
 */
#ifndef COIL_WATCH_H
#define COIL_WATCH_H

#include <coil/base.h>
#include <coil/op.h>

struct coil_watch;

/* events: those that are there (POLLIN, POLLOUT, POLLERR, POLLHUP...); or a negative error, after
 * which the watch is stopped and this was its last callback: -ECANCELED after coil_watch_stop,
 * otherwise what the system says of the descriptor (-EBADF). */
typedef void (*coil_watch_callback)(struct coil_watch *watch, int events);

/* All-zero is idle. Must neither move nor go away until the last callback is entered. */
struct coil_watch {
    struct coil_op op_;
    struct coil_loop *loop_; /* while started */
    coil_watch_callback callback_;
    int fd_;
    short events_;
    bool is_stopping_;
    bool is_in_callback_;
};

COIL_BEGIN_DECLS

/* Starts to watch. fd: open until the last callback; events: POLLIN, POLLOUT, POLLPRI, POLLRDHUP.
 * 0; -EINVAL (NULL, already started), -ENOMEM, -COIL_EWRONGTHREAD. */
COIL_EXPORT int coil_watch_start(struct coil_loop *loop, struct coil_watch *watch, int fd,
                                 short events, coil_watch_callback callback);

/* Asks for the last callback, which comes with -ECANCELED in this iteration or the next, never from
 * inside this call. 0, also when it was asked before; -COIL_EINVALIDSTATE when not started. */
COIL_EXPORT int coil_watch_stop(struct coil_watch *watch);

/* True from start until the last callback is entered. */
COIL_EXPORT bool coil_watch_is_started(const struct coil_watch *watch);

COIL_END_DECLS

#endif
