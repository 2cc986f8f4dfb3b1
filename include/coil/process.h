/* coil/process.h - child processes: starting, feeding, reading, ending and reaping them.
 *
 *     const char *argv[] = {"sort", "-u", NULL};
 *     struct coil_process_output out = {0};
 *     int status = coil_process_run(NULL, argv, "b\na\nb\n", 6, &out, NULL);
 *
 *     printf("%.*s", (int)out.size, out.data);       // a b
 *     coil_process_output_deinit(&out);
 *
 * How a child ended is one number, never negative: its exit status (0 to 255), or
 * COIL_PROCESS_KILLED plus the signal that killed it.
 *
 * A child is reaped as soon as it has ended, by its own pid: SIGCHLD is left alone, and so are
 * children that others have started. None is left behind: closing a process ends it if it lives,
 * and so does, without mercy, the end of the loop. Starting one holds the loop up until the child
 * has done its exec, mostly below a millisecond.
 *
 * A child has its signals at their defaults, none blocked, and no descriptors but 0, 1 and 2.
 *
 * asyncio's counterparts: create_subprocess_exec, create_subprocess_shell, Process.
 */
#ifndef COIL_PROCESS_H
#define COIL_PROCESS_H

#include <coil/base.h>

struct coil_process;

/* From here on the status of a child is that of one that was killed by a signal. */
enum { COIL_PROCESS_KILLED = 256 };

/* What a standard descriptor of the child's is. */
enum coil_process_end {
    COIL_PROCESS_INHERIT, /* the same as ours */
    COIL_PROCESS_PIPE,    /* a pipe, whose other end we have */
    COIL_PROCESS_NULL,    /* /dev/null */
    COIL_PROCESS_FD,      /* a descriptor of the caller's, who goes on owning it */
    COIL_PROCESS_MERGE,   /* of err only: whatever out is */
};

/* All-zero is the default of everything. The strings are not kept. */
struct coil_process_options {
    const char *const *env; /* "NAME=value" each, then NULL; NULL: the caller's */
    const char *cwd;        /* NULL: the caller's */
    enum coil_process_end in;
    enum coil_process_end out;
    enum coil_process_end err;
    int in_fd; /* where that is COIL_PROCESS_FD */
    int out_fd;
    int err_fd;
    bool new_session; /* setsid(2); then signals, those of close too, reach all of its group */
    int64_t grace_ns; /* from SIGTERM to SIGKILL in close; 0: 2 s; below 0: SIGKILL at once */
};

/* What was read from a child. All-zero is empty, with a max of 16 MiB. */
struct coil_process_output {
    char *data;  /* size bytes, and a '\0' behind them; NULL as long as nothing was read */
    size_t size; /* in bytes */
    size_t max;  /* most bytes that may be in it; 0: 16 MiB */
    size_t capacity_;
};

COIL_BEGIN_DECLS

/* Starts a program. options: may be NULL. argv: its arguments, then NULL; argv[0] is its name,
 * looked for in the caller's PATH unless there is a slash in it. ret_process: owned by the caller,
 * who closes it. 0; the error of exec: -ENOENT (no such program, or cwd), -EACCES, -E2BIG,
 * -ENOEXEC; -EAGAIN, -EMFILE, -ENOMEM; -EBADF (a given descriptor), -EINVAL; -COIL_ENOLOOP,
 * -COIL_ECLOSED (the loop ends). Does not suspend. asyncio: create_subprocess_exec. */
COIL_EXPORT int coil_process_spawn(const struct coil_process_options *options,
                                   const char *const *argv, struct coil_process **ret_process);

/* The same with "/bin/sh -c command". Nothing in the command is quoted or checked. asyncio:
 * create_subprocess_shell. */
COIL_EXPORT int coil_process_shell(const struct coil_process_options *options, const char *command,
                                   struct coil_process **ret_process);

/* The child's pid, also after it has ended. -EINVAL (NULL), -COIL_ECLOSED, -COIL_EWRONGTHREAD,
 * -COIL_ENOLOOP. */
COIL_EXPORT int coil_process_pid(const struct coil_process *process);

/* How the child ended; -EAGAIN while it lives; -ECHILD when that cannot be known, because the
 * program ignores SIGCHLD or has reaped it by itself. Errors as coil_process_pid. */
COIL_EXPORT int coil_process_returncode(const struct coil_process *process);

/* Waits until the child has ended; not for its pipes, which its own children may still have. Many
 * tasks may wait. Returns what coil_process_returncode does; -COIL_ENOTASK. Cancel: the reason, at
 * once; the child is left alone. */
COIL_EXPORT COIL_SUSPENDS int coil_process_wait(struct coil_process *process);

/* Sends SIGTERM, SIGKILL, or another signal. 0; -ESRCH when the child has ended, -EINVAL, -EPERM
 * (it has changed its user); errors as coil_process_pid. */
COIL_EXPORT int coil_process_terminate(struct coil_process *process);
COIL_EXPORT int coil_process_kill(struct coil_process *process);
COIL_EXPORT int coil_process_send_signal(struct coil_process *process, int signum);

/* Our ends of the pipes to the child's standard input and from its output: non-blocking, for
 * coil_read and coil_poll; they stay the process's, and go with it. (coil_write to the input may
 * raise SIGPIPE: coil_process_write does not.) -EBADF when there is none; errors as
 * coil_process_pid. */
COIL_EXPORT int coil_process_stdin(const struct coil_process *process);
COIL_EXPORT int coil_process_stdout(const struct coil_process *process);
COIL_EXPORT int coil_process_stderr(const struct coil_process *process);

/* Writes all of it to the child's input, waiting as the child reads. Returns size; or less, when a
 * cancel or an error came after a part was written; or the error when nothing was: -EPIPE (nobody
 * reads), -EBADF (no pipe, or closed), -EINVAL; errors as coil_process_pid. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_process_write(struct coil_process *process, const void *buf,
                                                     size_t size);

/* Closes the pipe to the child's input, which then reads the end. No task may be writing. 0, also
 * when it was closed already; -EBADF when there never was one; errors as coil_process_pid. */
COIL_EXPORT int coil_process_close_stdin(struct coil_process *process);

/* Writes the input and closes it, reads output and errors until their ends, all at once, and waits
 * for the child. input: size bytes, NULL with 0 for none; used only where there is a pipe; a child
 * that does not read all of it is no error. out, err: what is read is added to them; NULL: it is
 * read and dropped. Returns what coil_process_wait does; -COIL_ELIMIT (more than max came),
 * -ENOMEM; -EINVAL (input without a pipe). On failure and cancel, all that had come by then stands
 * in out and err, also what was still in the pipes; the child is left alone, and communicate may be
 * called again, without the input, to add the rest. */
COIL_EXPORT COIL_SUSPENDS int coil_process_communicate(struct coil_process *process,
                                                       const void *input, size_t size,
                                                       struct coil_process_output *out,
                                                       struct coil_process_output *err);

/* Ends the child if it lives (SIGTERM; after the grace time SIGKILL), waits until it is reaped,
 * closes our ends of its pipes, on which no task may be waiting, and frees the process in any case.
 * With new_session all of its group gets both, also who outlives the child: the time of grace is
 * over when nobody of the group lives (without /proc, when the child has ended). Who has left the
 * group, and the group of a child that had ended before, is left alone. Tasks that wait for it get
 * their result. Returns what coil_process_returncode does; 0 for NULL;
 * -COIL_ENOTASK, and then it is not closed; errors as coil_process_pid. Cancel: has no effect on
 * it; it takes the grace time at most. */
COIL_EXPORT COIL_SUSPENDS int coil_process_close(struct coil_process *process);

/* Spawn, communicate and close in one. in, out and err of options (may be NULL) count where no
 * input (NULL), out or err is given; those given get a pipe, but for an err that is merged.
 * Returns how the child ended; else the errors of the three. Cancel: the child is ended, as by
 * close, then the reason is returned. All that it has said stands in out and err then, up to its
 * end: of what it says only when it is ended, as much as a pipe holds (64 KiB). asyncio: none;
 * subprocess.run, whose TimeoutExpired has the output. */
COIL_EXPORT COIL_SUSPENDS int coil_process_run(const struct coil_process_options *options,
                                               const char *const *argv, const void *input,
                                               size_t size, struct coil_process_output *out,
                                               struct coil_process_output *err);

/* Frees what was read; empty from then on, its max is kept. NULL, or twice: does nothing. */
COIL_EXPORT void coil_process_output_deinit(struct coil_process_output *output);

COIL_END_DECLS

#endif
