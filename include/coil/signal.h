/* coil/signal.h - signals of the system, for tasks and callbacks.
 *
 *     static const int endings[] = {SIGTERM, SIGINT};
 *     rc = coil_signal_wait(endings, 2);            // once: SIGTERM or SIGINT
 *
 *     struct coil_signal_watch hangups = {0};       // or again and again
 *     coil_signal_open(&hangups, (const int[]){SIGHUP}, 1);
 *     while (coil_signal_next(&hangups) > 0) {
 *         reload();
 *     }
 *
 * A watch counts the deliveries from open to close, so that none is lost while its task does
 * something else. (The system itself makes one of several that come while it has not delivered the
 * first.) Tasks and callbacks are told by their loop, never inside of a signal handler.
 *
 * What a signal does is the whole process's: while anybody watches one, in whatever loop or thread,
 * its former effect is off, and it is put back when the last watch of it is closed. Each watch, of
 * each loop, gets every delivery. System calls are restarted where the system can (SA_RESTART). No
 * signal is blocked, and child processes begin with everything at its default. A watch of SIGINT
 * takes it from coil_run: it cancels nothing until the watch is closed. In a forked child nothing
 * is watched.
 *
 * asyncio's counterparts: add_signal_handler, remove_signal_handler.
 */
#ifndef COIL_SIGNAL_H
#define COIL_SIGNAL_H

#include <coil/base.h>

struct coil_loop;

enum { COIL_SIGNAL_MAX = 64 };

/* Called in the loop, once for each delivery. May stop the watch. */
typedef void (*coil_signal_callback)(int signum, void *user);

/* Embedded; all-zero is closed. Must neither move nor go away while open. */
struct coil_signal_watch {
    struct coil__list link_; /* in the loop's list of watches, while open */
    struct coil__list waiters_;
    struct coil__ready ready_; /* in the loop's queue while is_ready_ */
    struct coil_loop *loop_;   /* NULL: closed */
    coil_signal_callback callback_;
    void *user_;
    uint64_t signals_; /* a bit for each, from 1 */
    uint64_t pending_; /* those of them that are counted below */
    uint32_t counts_[COIL_SIGNAL_MAX];
    bool is_ready_;
};

COIL_BEGIN_DECLS

/* Opens a watch of the running loop's. signums: count (at least 1) signals; not kept. 0; -EINVAL
 * (NULL, already open, or a signal that cannot be watched: SIGKILL, SIGSTOP, those of faults,
 * SIGSEGV, SIGBUS, SIGFPE and SIGILL, and numbers that are none); -ENOMEM; -COIL_ENOLOOP. */
COIL_EXPORT int coil_signal_open(struct coil_signal_watch *watch, const int *signums, size_t count);

/* Waits for the next delivery, or takes one that has come since the watch was opened; of several
 * signals the lowest number first. Many tasks may wait: each delivery goes to one, in the order in
 * which they came. Returns the signal's number. -EINVAL (NULL, closed, has a callback),
 * -COIL_ECLOSED (closed while it waited), -COIL_EWRONGTHREAD, -COIL_ENOTASK. Cancel: no delivery
 * is lost; one that was given to the caller is returned first. */
COIL_EXPORT COIL_SUSPENDS int coil_signal_next(struct coil_signal_watch *watch);

/* Closes the watch: deliveries that nobody has taken are dropped, tasks that wait get
 * -COIL_ECLOSED. 0, also when it was closed (all-zero) already; -EINVAL (NULL),
 * -COIL_EWRONGTHREAD, -COIL_EFORKED. */
COIL_EXPORT int coil_signal_close(struct coil_signal_watch *watch);

/* Waits for one of count signals, once: open, next, close. What came before the call is not seen.
 * Returns the number; errors and cancel as those three. */
COIL_EXPORT COIL_SUSPENDS int coil_signal_wait(const int *signums, size_t count);

/* Has the callback called in the loop, once for each delivery, one per iteration. user: passed on.
 * 0; errors as coil_signal_open, and -COIL_EWRONGTHREAD. asyncio: add_signal_handler. */
COIL_EXPORT int coil_signal_start(struct coil_loop *loop, struct coil_signal_watch *watch,
                                  int signum, coil_signal_callback callback, void *user);

/* The callback comes no more, also not for what was delivered already; the watch may go away at
 * once. Returns and errors as coil_signal_close. asyncio: remove_signal_handler. */
COIL_EXPORT int coil_signal_stop(struct coil_signal_watch *watch);

COIL_END_DECLS

#endif
