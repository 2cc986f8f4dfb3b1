/* coil/select.h - waiting for the first of several channels.
 *
 *     struct coil_select_case cases[] = {
 *         {.kind = COIL_SELECT_RECV, .channel = &jobs, .ret_item = &job},
 *         {.kind = COIL_SELECT_SEND, .channel = &results, .item = &result},
 *     };
 *     switch (coil_select(cases, 2, COIL_SEC)) {
 *     case 0: ...                              // a job has come
 *     case 1: ...                              // the result was taken
 *     case -ETIMEDOUT: ...
 *     }
 *
 * Exactly one case takes effect. asyncio has no counterpart (its wait over getters may lose an
 * item); Go's is select.
 */
#ifndef COIL_SELECT_H
#define COIL_SELECT_H

#include <coil/channel.h>

enum coil_select_kind {
    COIL_SELECT_NONE, /* never ready: switches a case off */
    COIL_SELECT_RECV,
    COIL_SELECT_SEND,
};

struct coil_select_case {
    enum coil_select_kind kind;
    struct coil_channel *channel;
    const void *item; /* SEND: what is sent */
    void *ret_item;   /* RECV: where it goes; untouched if another case takes effect */
    int rc;           /* output, of the case that took effect: 0, or -COIL_ECLOSED */
};

COIL_BEGIN_DECLS

/* Waits until one of the cases can go on, does it, and returns its index; its rc says how it went.
 * If several can, the first in the array is taken: put what matters first. A closed channel counts
 * as ready, with -COIL_ECLOSED in rc. span_ns: how long it may wait; 0: not at all (-EAGAIN when
 * none can); COIL_NEVER. Also -ETIMEDOUT, -EINVAL (no cases, or a bad one), -ENOMEM (more than a
 * few cases need memory), -COIL_EWRONGTHREAD, -COIL_ENOTASK; the reason of a cancel: no case took
 * effect. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_select(struct coil_select_case *cases, size_t count,
                                              int64_t span_ns);

COIL_END_DECLS

#endif
