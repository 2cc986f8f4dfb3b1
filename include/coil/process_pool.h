/* coil/process_pool.h - work in processes: for what computes, and for what may crash.
 *
 *     static ssize_t square(const void *arg, size_t arg_size, void *ret_result, size_t size)
 *     {
 *         long n = *(const long *)arg * *(const long *)arg;
 *
 *         memcpy(ret_result, &n, sizeof n);      // arg and result are copies, for it alone
 *         return sizeof n;
 *     }
 *
 *     rc = coil_to_process(square, &n, sizeof n, &result, sizeof result, NULL);
 *
 * A worker process is taken from the loop's pool, or made; there are at most max_processes (struct
 * coil_loop_options), and calls beyond that wait in order. A worker may crash, leak, exit or be
 * killed: the loop and the other workers go on, and the next call gets another one. Idle workers
 * are used again; none outlives the loop, nor the process that has made it.
 *
 * Workers are copies (fork(2)) of a small process that the loop makes with its first use, or by
 * coil_process_pool_start. So fn finds the program's variables as they were at that time; what it
 * changes there is the worker's own, and stays for its next job. The copy has one thread: a lock
 * that another thread of the program held at that time stays locked for ever. A program with
 * threads therefore starts the pool before it starts those. Of the program's descriptors a worker
 * has 0, 1 and 2. Should fn fork a child and the worker die before that, its death is noticed only
 * when the child ends as well: the child has the connection too. Signals are at their defaults in
 * it, but those of crashes (SIGSEGV, SIGABRT...) keep their handlers, and SIGINT is ignored: what a
 * Ctrl-C means is decided here.
 *
 * Not under the simulated backend. asyncio's counterpart: run_in_executor with a
 * ProcessPoolExecutor (and the context "forkserver").
 */
#ifndef COIL_PROCESS_POOL_H
#define COIL_PROCESS_POOL_H

#include <coil/base.h>

struct coil_loop;

/* Work for a process. arg: arg_size bytes, aligned for any type; ret_result: room for result_size
 * bytes. Returns how many bytes of result it has stored, or a negative error. */
typedef ssize_t (*coil_process_fn)(const void *arg, size_t arg_size, void *ret_result,
                                   size_t result_size);

COIL_BEGIN_DECLS

/* Starts the pool, if it does not run: from here on fn sees the program as it is now. loop: of this
 * thread, need not run yet; NULL: the one that runs. In a task it suspends, for one iteration. Not
 * needed, but see above. Holds the loop up while the process is copied, as fork(2) does. 0;
 * -ENOTSUP (simulated backend), -EAGAIN, -ENOMEM, -EMFILE; -COIL_ENOLOOP, -COIL_EWRONGTHREAD. */
COIL_EXPORT COIL_SUSPENDS int coil_process_pool_start(struct coil_loop *loop);

/* Runs fn in a worker process and waits for it. fn: a function of the program, or of a library that
 * was loaded when the pool started. arg: arg_size bytes, copied to the worker; NULL with 0.
 * ret_result: room for result_size bytes; NULL with 0; after a failure its content is undefined.
 * ret_status: may be NULL; see -COIL_EWORKERDIED.
 * Returns what fn returned: the size of the result, or fn's error. Errors of its own:
 * -COIL_EWORKERDIED: the worker ended before it had returned; *ret_status tells how, as
 * coil_process_wait does: its exit status, or COIL_PROCESS_KILLED plus the signal (in debug mode
 * it is reported as well). -COIL_ELIMIT: fn returned more than result_size. -EAGAIN, -ENOMEM,
 * -EMFILE: no process is to be had, or the worker has no room for arg or result; -ENOTSUP
 * (simulated backend), -EINVAL; -COIL_ENOTASK.
 * Cancel: while it waits for a worker, the reason at once. When fn has begun, its worker is killed
 * (it is isolated, so nobody else suffers) and reaped, then the reason is returned; a result that
 * has arrived is returned first. asyncio: run_in_executor, which cannot do that. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_to_process(coil_process_fn fn, const void *arg,
                                                  size_t arg_size, void *ret_result,
                                                  size_t result_size, int *ret_status);

COIL_END_DECLS

#endif
