/* crash.h - SIGSEGV and SIGBUS, for who can explain some of them.
 *
 * Nothing is cured: after the explanation what was there before happens, a handler of the program's
 * or the end of the process.
 */
#ifndef COIL__SYS_CRASH_H
#define COIL__SYS_CRASH_H

#include "sys/walk.h"

struct coil__crash {
    uintptr_t address; /* that was not to be had */
    struct coil__place place;
    bool has_room; /* on the stack of the handler, to walk another one */
};

/* Has explain called in the handler, in the thread that has crashed: async-signal-safe. All callers
 * must name the same function. 0, or -EINVAL. */
int coil__crash_catch(void (*explain)(const struct coil__crash *crash));
/* Undoes that: the last one puts back what was there. */
void coil__crash_release(void);
/* In the child of a fork: nobody explains any more. */
void coil__crash_forget(void);

/* Writes to stderr, past stdio; in a handler, or while a thread may have stdio's lock. */
void coil__stderr_write(const char *text, size_t size);

#endif
