/* ledger.h - in debug mode: what is open in a loop, and where that was opened.
 *
 * The things themselves are never looked at, their addresses only compared; so what is told of them
 * is right also when their memory has gone. A thing that there was no memory to note is not told.
 * Without debug mode a loop has no ledger, and each of these calls is one comparison.
 */
#ifndef COIL__LOOP_LEDGER_H
#define COIL__LOOP_LEDGER_H

#include "loop/loop.h"
#include "loop/trace.h"

enum coil__opened {
    COIL__OPENED_CALLBACK, /* a pending coil_handle */
    COIL__OPENED_OP,
    COIL__OPENED_WATCH,
    COIL__OPENED_SIGNALS,
    COIL__OPENED_FILE_WATCH,
    COIL__OPENED_FILE, /* a descriptor of coil_open's: coil__ledger_fd */
    COIL__OPENED_DIRECTORY,
    COIL__OPENED_STREAM,
    COIL__OPENED_DATAGRAM,
    COIL__OPENED_SERVER,
    COIL__OPENED_PROCESS,
    COIL__OPENED_ERROR, /* of a future, not read yet */
    COIL__OPENED_KINDS,
};

/* What a handle is to be of, for sentences. */
struct coil__object_class {
    const char *name;   /* "a stream" */
    const char *enders; /* the calls that the handle does not outlive */
    enum coil__opened kind;
};

/* -ENOMEM. */
int coil__ledger_new(struct coil__ledger **ret_ledger);
void coil__ledger_free(struct coil__ledger *ledger);

/* error: that of a future, else 0. What is noted already is noted anew. */
void coil__ledger_add(struct coil__ledger *ledger, enum coil__opened kind, const void *object,
                      int error) __attribute__((cold));
void coil__ledger_remove(struct coil__ledger *ledger, enum coil__opened kind, const void *object)
    __attribute__((cold));
/* Where something was opened, or NULL. */
const struct coil__trace *coil__ledger_find(const struct coil__ledger *ledger,
                                            enum coil__opened kind, const void *object);

/* The end of the loop: reports what is open, and frees the ledger. */
void coil__ledger_close(struct coil_loop *loop);

/* What stands for a descriptor. */
static inline const void *coil__ledger_fd(int fd)
{
    return (const void *)((uintptr_t)fd + 1);
}

static inline void coil__note_open(struct coil_loop *loop, enum coil__opened kind,
                                   const void *object)
{
    if (COIL__UNLIKELY(loop->ledger != NULL)) {
        coil__ledger_add(loop->ledger, kind, object, 0);
    }
}

static inline void coil__note_closed(struct coil_loop *loop, enum coil__opened kind,
                                     const void *object)
{
    if (COIL__UNLIKELY(loop->ledger != NULL)) {
        coil__ledger_remove(loop->ledger, kind, object);
    }
}

/* Of what does not know its loop, and can be closed while that does not run. */
static inline void coil__note_closed_somewhere(enum coil__opened kind, const void *object)
{
    for (struct coil_loop *loop = coil__thread.loops; loop; loop = loop->next_of_thread) {
        coil__note_closed(loop, kind, object);
    }
}

#endif
