/* target.h - a process that is looked at: what /proc says of it, and its memory. It is never
 * stopped, and never written to. */
#ifndef COIL_TOOLS_TARGET_H
#define COIL_TOOLS_TARGET_H

#include "failure.h"
#include "memory.h"

#include "task/layout.h"

#include <stdbool.h>

enum { MAX_LAYOUTS = 8 };

/* Something that is loaded from a file, at the address where the file begins. */
struct object {
    uint64_t start;
    char *path;
};

struct target {
    int pid;
    int inner_pid; /* what the process itself takes for its pid: another one in a container */
    int tracer;    /* the pid of who traces it, or 0 */
    char state;    /* R, S, D, T, t, Z, ... */
    char name[32]; /* of the program, at most 15 characters */
    unsigned uid;
    int file; /* /proc/PID/mem, once the system call was refused; else -1 */
    struct memory memory;
    struct object *objects;
    size_t object_count;
};

/* Opens a process; target: the caller's memory, closed by target_close, also after a failure. */
enum status target_open(struct target *target, int pid, struct failure *failure);
void target_close(struct target *target);

/* Asks /proc again. STATUS_GONE when it has ended, also when it is a zombie. */
enum status target_refresh(struct target *target, struct failure *failure);

/* A read has failed: says why, as far as /proc knows. */
enum status target_explain(struct target *target, int error, struct failure *failure);

/* The layouts of the libcoils in it, at most MAX_LAYOUTS: the library's, and those of programs that
 * are linked statically. */
enum status target_find_layouts(struct target *target, struct coil__layout *ret_layouts,
                                size_t *ret_count, struct failure *failure);

#endif
