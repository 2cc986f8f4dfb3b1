/* trace.h - in debug mode: by which calls, and in which task, something was created.
 *
 * What is kept are return addresses; functions and lines are looked up only when a report needs
 * them. The innermost calls are the library's own: those are left out of what is told.
 */
#ifndef COIL__LOOP_TRACE_H
#define COIL__LOOP_TRACE_H

#include "base/text.h"

#include <coil/base.h>

/* Ten calls of the program's (as asyncio's debug mode), and some of the library's before them. */
enum { COIL__TRACE_DEPTH = 17, COIL__TRACE_TOLD = 10, COIL__TRACE_NAME = 32 };

/* Bytes of stack that looking up lines may take. */
enum { COIL__TRACE_ROOM = 24 * 1024 };

struct coil__trace {
    void *pcs[COIL__TRACE_DEPTH]; /* innermost first */
    size_t count;
    char task_name[COIL__TRACE_NAME]; /* "": in no task */
};

/* Notes who calls now. Allocates nothing. */
void coil__trace_take(struct coil__trace *trace) __attribute__((cold));

/* Whether the calling task's stack has that. The two below do nothing without it. */
bool coil__trace_has_room(void);

/* The program's own call: false where lines are not known. The texts stay valid as long as the
 * object that they are of is loaded. */
bool coil__trace_site(const struct coil__trace *trace, struct coil_site *ret_site);

/* Adds a line for each call that led there, and one for the task. */
void coil__trace_tell(struct coil__text *text, const struct coil__trace *trace);

#endif
