/* coil/scope.h - scopes: stretches of a task with a deadline, or that a cancel can or cannot reach.
 *
 *     coil_timeout (2 * COIL_SEC) {
 *         rc = coil_sleep(1 * COIL_MINUTE);      // -ETIMEDOUT after two seconds
 *     }
 *
 * A scope bounds everything inside: when its deadline passes, or when it is cancelled, the call
 * that waits fails with the scope's reason (-ETIMEDOUT, -ECANCELED), and every suspending call
 * after it, until the scope is left. Scopes nest; if several are cancelled, the outermost one's
 * reason is returned. The block forms are left safely by break, return and goto.
 *
 * asyncio's counterparts: timeout, timeout_at, Timeout.reschedule, shield (as a stretch of code).
 */
#ifndef COIL_SCOPE_H
#define COIL_SCOPE_H

#include <coil/base.h>

struct coil_task;

/* Embedded, usually on the task's stack. All-zero: not open. Must not move while open. */
struct coil_scope {
    struct coil_scope *parent_; /* the one around it, while open */
    struct coil_task *task_;    /* whose scope it is, while open; NULL otherwise */
    struct coil__timer timer_;
    const struct coil_site *origin_; /* where the cancel came from */
    const char *reason_;             /* why, in the words of who cancelled; or NULL */
    int64_t deadline_;
    int32_t error_;      /* 0, or what the calls inside return */
    uint16_t requests_;  /* cancels made and not taken back */
    uint8_t kind_;       /* enum coil__scope_kind */
    bool was_delivered_; /* a call inside has returned the error */
};

COIL_BEGIN_DECLS

/* Opens a scope of the calling task with a deadline, by span or point in time (COIL_NEVER: none
 * yet; a past one expires in the next iteration). Close it in the same task, innermost first.
 * 0; -EINVAL (NULL, already open), -COIL_ENOTASK; -ENOMEM, and then the scope is open and every
 * call inside fails with -ENOMEM, so that no deadline is silently missing. */
COIL_EXPORT int coil_scope_open_timeout(struct coil_scope *scope, int64_t span_ns);
COIL_EXPORT int coil_scope_open_deadline(struct coil_scope *scope, int64_t when);

/* Opens a stretch that cancels and deadlines from outside do not reach: for cleanup. They are
 * delivered at the first suspending call after it. Scopes opened inside work as ever. */
COIL_EXPORT int coil_scope_open_shield(struct coil_scope *scope);

/* Leaves the scope. 0; or the scope's own error when a call inside was ended by it; later calls
 * are not affected any more. -EINVAL when it is not the innermost open scope of the caller. */
COIL_EXPORT int coil_scope_close(struct coil_scope *scope);

/* Moves the deadline of an open scope that has not expired. 0, -COIL_EINVALIDSTATE, -ENOMEM. */
COIL_EXPORT int coil_scope_reschedule(struct coil_scope *scope, int64_t when);

/* Cancels what runs in the scope, with -ECANCELED; from any task or callback of the loop.
 * 0, -COIL_EINVALIDSTATE (not open, or a shield). */
COIL_EXPORT int coil_scope_cancel_at(const struct coil_site *site, struct coil_scope *scope,
                                     const char *reason);
#define coil_scope_cancel(scope) coil_scope_cancel_at(COIL_HERE, (scope), NULL)

/* True once the deadline has passed while the scope was open; stays readable after it is left. */
COIL_EXPORT bool coil_scope_is_expired(const struct coil_scope *scope);

/* The deadline; COIL_NEVER when there is none. */
COIL_EXPORT int64_t coil_scope_when(const struct coil_scope *scope);

/* What a suspending call of this task would fail with now: 0 or a negative reason; for loops that
 * compute and never wait. asyncio has none. */
COIL_EXPORT int coil_check_cancel(void);

/* Who asked for the cancel that the calling task is under, and in what words. NULL: nobody did, or
 * it was not said. */
COIL_EXPORT const struct coil_site *coil_cancel_origin(void);
COIL_EXPORT const char *coil_cancel_reason(void);

/* For the block forms. */
COIL_EXPORT struct coil_scope *coil_scope_enter_(struct coil_scope *scope, int kind, int64_t time);
COIL_EXPORT void coil_scope_leave_(struct coil_scope *scope);

enum coil__scope_kind {
    COIL__SCOPE_ROOT,
    COIL__SCOPE_TIMEOUT,
    COIL__SCOPE_DEADLINE,
    COIL__SCOPE_SHIELD,
    COIL__SCOPE_GROUP,
};

COIL_END_DECLS

#define COIL__SCOPED(kind, time)                                                                   \
    for (struct coil_scope COIL__UNIQUE(coil_scope_)                                               \
             __attribute__((cleanup(coil_scope_leave_))) = COIL__ZERO,                             \
             *COIL__UNIQUE(coil_once_) =                                                           \
                 coil_scope_enter_(&COIL__UNIQUE(coil_scope_), (kind), (time));                    \
         COIL__UNIQUE(coil_once_); COIL__UNIQUE(coil_once_) = NULL)

/* `coil_timeout (span) { ... }`: bounds the block. Outside a task the block runs unbounded, and
 * its suspending calls fail by themselves. `break` and `continue` leave the block. */
#define coil_timeout(span_ns) COIL__SCOPED(COIL__SCOPE_TIMEOUT, span_ns)

/* The same with a point in time. */
#define coil_timeout_at(when) COIL__SCOPED(COIL__SCOPE_DEADLINE, when)

/* `coil_shield { ... }`: cancels from outside wait until the block is left. */
#define coil_shield COIL__SCOPED(COIL__SCOPE_SHIELD, COIL_NEVER)

#endif
