/* coil/stack.h - how much stack tasks need: overflows explained, and high-water marks.
 *
 * A task's stack has a fixed size (64 KiB, guard included, unless an option says otherwise). Below
 * it lies a guard page. A task that runs into it dies by SIGSEGV, and so does the process; where
 * overflows are reported (options.report_overflow of coil_run_with; in debug mode always), stderr
 * says first which task it was, in which function, and how to give it more:
 *
 *     coil: stack overflow in task parse (2): its stack has 65536 bytes; created at json.c:80 in
 *     amain
 *       more: stack_size in struct coil_task_options, or in struct coil_loop_options for all tasks
 *         at descend, json.c:31
 *         at descend, json.c:33 (and 1021 more times)
 *
 * For that SIGSEGV and SIGBUS have a handler, on an alternate signal stack, while coil_run runs.
 * After the report, what was there before happens: the handler of the program's, or a core dump.
 * All other faults go there at once. A function whose frame is larger than a page can step over the
 * guard; compile with -fstack-clash-protection where that may be.
 *
 * High-water marks are kept on request (options.measure_stacks of a loop, or COIL_DEBUG=stacks,
 * which also prints them when coil_run ends): for each function of tasks, how many bytes of its
 * stack the deepest of its tasks has used. A stack is clean when a task begins, so what is not zero
 * was used; a task's end then costs a look at its stack. Not asked for, it costs nothing.
 *
 * asyncio has no counterpart.
 */
#ifndef COIL_STACK_H
#define COIL_STACK_H

#include <coil/base.h>
#include <coil/task.h>

#include <stdio.h>

/* What the tasks of one function and one stack size have used. */
struct coil_stack_use {
    coil_task_fn fn;
    uint64_t tasks;  /* that have begun; those that live are looked at as they are now */
    size_t max_used; /* bytes of the deepest one; some hundred are the library's */
    size_t size;     /* bytes that there are, without the guard page */
};

COIL_BEGIN_DECLS

/* The high-water marks of the running loop's tasks, the largest first: stores at most max, and
 * returns how many there are. -ENOTSUP: they are not kept (measure_stacks); -EINVAL (NULL with
 * max > 0), -ENOMEM, -COIL_ENOLOOP. */
COIL_EXPORT ssize_t coil_stack_usage(struct coil_stack_use *ret_usage, size_t max);

/* Prints them as a table. out: stays the caller's. Blocks as `out` does. 0; -EIO (out has an
 * error), -EINVAL (NULL), and those of coil_stack_usage. */
COIL_EXPORT int coil_print_stack_usage(FILE *out);

COIL_END_DECLS

#endif
