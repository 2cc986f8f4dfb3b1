/* stall.h - a step that takes long, as the watchdog has seen it, and the words for it. */
#ifndef COIL__TASK_STALL_H
#define COIL__TASK_STALL_H

#include "base/text.h"
#include "task/task.h"

#include <coil/watchdog.h>

enum { COIL__STALL_FRAMES = 64, COIL__STALL_TEXT = 8192 };

/* Copies: the task may be gone when they are looked at. */
struct coil__stall {
    struct coil_stall public; /* first: it is what a handler gets */
    char name[COIL__TASK_NAME];
    int64_t least_ns; /* for how long it was seen; less than span_ns if nobody has looked since */
    void *frames[COIL__STALL_FRAMES];
    char text[COIL__STALL_TEXT];
};

/* The text in two parts, first who and for how long, then where. Takes no lock that a stuck task
 * may have, and allocates nothing from the heap; the second part reads debug information the first
 * time, which takes a while. Both return where the text ends. */
size_t coil__stall_put_sentence(struct coil__stall *stall);
size_t coil__stall_put_frames(struct coil__stall *stall);
/* Reads that before it is needed. */
void coil__stall_prepare(void);

/* Has a listener told of stalls, whoever else is; NULL: none. There is one at most. On return the
 * former one does not run any more. (watchdog.c) */
void coil__watchdog_listen(struct coil_loop *loop, coil_stall_handler listener, void *user);
/* A watchdog for a listener, where there is none: it says nothing itself. It becomes the program's
 * when that asks for one. Errors as coil_loop_set_stall_limit. */
int coil__watchdog_lend(struct coil_loop *loop, int64_t limit_ns);
/* Stops it, if it has not become the program's. */
void coil__watchdog_take_back(struct coil_loop *loop);

#endif
