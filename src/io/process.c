/* process.c - the life of a child process: started, watched, ended, reaped; see coil/process.h.
 *
 * Its end is learned from a pidfd, polled by an operation from spawn on; where there is none, from
 * a thread that waits for that one pid. Either way the child is reaped here, in the loop's thread:
 * until then its pid is nobody else's, and signals are sent only until then.
 *
 * An operation or job that is under way refers to the struct; both are over once the child is
 * reaped, and a process is not freed before that. When the loop is freed the operations are
 * cancelled, which kills the child; what still lives after that has a thread that waits.
 */
#include "io/process.h"

#include "base/memory.h"
#include "loop/ledger.h"
#include "sync/waitlist.h"
#include "sys/process.h"

#include <coil/thread.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#define DEFAULT_GRACE (2 * COIL_SEC)

/* Pauses between two looks at who is left of a group. */
#define FIRST_LOOK (1 * COIL_MSEC)
#define LAST_LOOK (64 * COIL_MSEC)

enum { MAX_THREADS = 4096 };

/* A loop's, made with its first child. */
struct coil__processes {
    struct coil__closer closer;
    struct coil_loop *loop;
    struct coil__list open; /* of coil_process.link */
    struct coil__list free;
    struct coil__pool *pool; /* NULL as long as each child has a pidfd */
};

static const struct coil__object_class handles = {
    .name = "a process", .enders = "coil_process_close", .kind = COIL__OPENED_PROCESS};

static struct coil_process *process_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct coil_process, link);
}

static struct coil_process *handle_of(struct coil_process *process)
{
    return coil__handle_make(process, process->generation, process->loop->mark);
}

static void close_fd(struct coil_loop *loop, int *fd)
{
    if (*fd >= 0) {
        loop->backend->net->close(loop->backend, *fd);
        *fd = -1;
    }
}

void coil__process_close_end(struct coil_process *process, int end)
{
    close_fd(process->loop, &process->fds[end]);
}

int coil__process_find(const struct coil_process *handle, struct coil_process **ret_process)
{
    struct coil_process *process = NULL;
    void *object = NULL;
    int rc = coil__object_find(handle, &object);

    if (rc == 0) {
        process = object;
        rc = coil__object_check(handle, process->loop, process->is_closing, process->generation);
    }
    if (COIL__UNLIKELY(rc < 0)) {
        return coil__object_refuse(rc, handle, &handles);
    }
    *ret_process = process;
    return 0;
}

/* --- the end of a child --- */

/* It was reaped, or cannot be. */
static void settle(struct coil_process *process, int status)
{
    process->status = status;
    process->is_reaped = true;
    close_fd(process->loop, &process->pidfd);
    coil__loop_count_external(process->loop, -1);
    coil__waitlist_wake_all(&process->waiters, status);
}

/* False: it lives. A leader that is being closed is left unreaped, and who closes it is told: as
 * long as the rest of its group lives, signals are sent to that by the leader's number. */
static bool reap(struct coil_process *process)
{
    int rc =
        process->is_kept ? coil__process_has_ended(process->pid) : coil__process_reap(process->pid);

    if (rc == -EAGAIN) {
        return false;
    }
    process->has_ended = process->is_kept && rc == 0;
    if (!process->has_ended) {
        settle(process, rc);
    }
    coil__waitlist_wake_all(&process->closer, 0);
    return true;
}

/* Nobody can be found to watch it: it ends here and now. */
static void destroy(struct coil_process *process)
{
    int rc = coil__process_kill(process->pid, process->is_leader, SIGKILL);

    if (rc < 0 && rc != -ESRCH) {
        settle(process, rc); /* it has become another user's */
        return;
    }
    coil__process_await(process->pid);
    if (!reap(process)) {
        settle(process, -ECHILD);
    }
}

static void await_in_thread(struct coil__job *job)
{
    coil__process_await(COIL__CONTAINER(job, struct coil_process, job)->pid);
}

static void on_job_done(struct coil__job *job)
{
    struct coil_process *process = COIL__CONTAINER(job, struct coil_process, job);

    if (!reap(process)) {
        destroy(process);
    }
}

static int watch_by_thread(struct coil_process *process)
{
    struct coil__processes *processes = process->loop->processes;
    struct coil__pool *pool;
    int rc = coil__pool_get(process->loop, &processes->pool, MAX_THREADS, &pool);

    process->job = (struct coil__job){.work = await_in_thread, .done = on_job_done};
    return rc < 0 ? rc : coil__pool_submit(pool, &process->job);
}

static void on_pidfd(struct coil_op *op);

static int watch_by_pidfd(struct coil_process *process)
{
    coil_op_poll(&process->op, process->pidfd, POLLIN);
    return coil__op_submit(process->loop, &process->op, on_pidfd);
}

static int watch(struct coil_process *process)
{
    int rc = process->pidfd < 0 ? process->pidfd : watch_by_pidfd(process);

    if (rc < 0) {
        close_fd(process->loop, &process->pidfd);
        process->pidfd = -1;
        rc = watch_by_thread(process);
    }
    return rc;
}

static void on_pidfd(struct coil_op *op)
{
    struct coil_process *process = COIL__CONTAINER(op, struct coil_process, op);

    if (process->loop->is_closing) {
        if (!reap(process)) {
            destroy(process);
        }
    } else if (!reap(process) && watch(process) < 0) {
        destroy(process);
    }
}

/* --- what a loop has of them --- */

static void free_list(struct coil__list *list)
{
    struct coil__list *link;

    while ((link = coil__list_pop_head(list))) {
        struct coil_process *process = process_of(link);

        for (int end = 0; end < 3 && process->loop; end++) {
            coil__process_close_end(process, end);
        }
        if (process->loop) {
            close_fd(process->loop, &process->pidfd);
        }
        coil__free(process->memory);
    }
}

static void free_processes(struct coil__processes *processes)
{
    free_list(&processes->open);
    free_list(&processes->free);
    coil__free(processes);
}

/* What still lives has a thread that waits for it. */
static void end(struct coil__closer *closer)
{
    struct coil__processes *processes = COIL__CONTAINER(closer, struct coil__processes, closer);

    COIL__LIST_FOREACH(&processes->open, link) {
        struct coil_process *process = process_of(link);

        if (!process->is_reaped) {
            coil__process_kill(process->pid, process->is_leader, SIGKILL);
        }
    }
    coil__pool_free(processes->pool);
    processes->loop->processes = NULL;
    free_processes(processes);
}

/* The children are the parent's. */
static void forget(struct coil__closer *closer)
{
    struct coil__processes *processes = COIL__CONTAINER(closer, struct coil__processes, closer);

    coil__pool_free_after_fork(processes->pool);
    free_processes(processes);
}

static int get(struct coil_loop *loop, struct coil__processes **ret_processes)
{
    struct coil__processes *processes = loop->processes;

    if (!processes) {
        processes = coil__calloc(1, sizeof *processes);
        if (!processes) {
            return -ENOMEM;
        }
        processes->closer = (struct coil__closer){.end = end, .forget = forget};
        processes->loop = loop;
        coil__list_init(&processes->open);
        coil__list_init(&processes->free);
        coil__list_push_tail(&loop->closers, &processes->closer.link);
        loop->processes = processes;
    }
    *ret_processes = processes;
    return 0;
}

static struct coil_process *make(void)
{
    char *memory = coil__calloc(1, sizeof(struct coil_process) + COIL__HANDLE_ALIGN);
    struct coil_process *process = NULL;

    if (!memory) {
        return NULL;
    }
    process = (struct coil_process *)(((uintptr_t)memory + COIL__HANDLE_ALIGN - 1) &
                                      ~(uintptr_t)(COIL__HANDLE_ALIGN - 1));
    process->memory = memory;
    return process;
}

/* An idle one, in no list. */
static struct coil_process *take(struct coil__processes *processes)
{
    struct coil__list *link = coil__list_pop_head(&processes->free);

    return link ? process_of(link) : make();
}

static void give_back(struct coil_process *process)
{
    struct coil__processes *processes = process->loop->processes;

    for (int i = 0; i < 3; i++) {
        coil__process_close_end(process, i);
    }
    coil__list_remove(&process->link);
    coil__note_closed(process->loop, COIL__OPENED_PROCESS, process);
    process->loop = NULL;
    process->generation++;
    coil__list_push_tail(&processes->free, &process->link);
}

/* --- spawn --- */

/* The descriptors of a child that is to be started. */
struct ends {
    int ours[3];   /* of pipes; else -1 */
    int theirs[3]; /* descriptors, or COIL__SPAWN_* */
    int lent[3];   /* those of theirs that are closed once it has started; else -1 */
};

static int open_pipe(struct coil_loop *loop, struct ends *ends, int end)
{
    int fds[2];
    int rc = coil__process_pipe(fds);

    if (rc < 0) {
        return rc;
    }
    ends->ours[end] = fds[end == 0];
    ends->lent[end] = ends->theirs[end] = fds[end != 0];
    return loop->backend->net->set_nonblocking(loop->backend, ends->ours[end]);
}

static int open_end(struct coil_loop *loop, struct ends *ends, int end, enum coil_process_end kind,
                    int fd)
{
    switch (kind) {
    case COIL_PROCESS_INHERIT:
        return 0;
    case COIL_PROCESS_NULL:
        ends->theirs[end] = COIL__SPAWN_NULL;
        return 0;
    case COIL_PROCESS_MERGE:
        ends->theirs[end] = COIL__SPAWN_MERGE;
        return end == 2 ? 0 : -EINVAL;
    case COIL_PROCESS_FD:
        ends->theirs[end] = fd;
        return fd >= 0 ? 0 : -EBADF;
    case COIL_PROCESS_PIPE:
        return open_pipe(loop, ends, end);
    default:
        return -EINVAL;
    }
}

/* 0, 1 and 2 are overwritten one by one in the child: what is to become one of them stands above
 * them. */
static int lift(struct coil_loop *loop, struct ends *ends, int end)
{
    int copy;

    if (ends->theirs[end] < 0 || ends->theirs[end] > 2) {
        return 0;
    }
    copy = coil__process_lift(ends->theirs[end]);
    if (copy < 0) {
        return copy;
    }
    close_fd(loop, &ends->lent[end]);
    ends->theirs[end] = ends->lent[end] = copy;
    return 0;
}

static void close_ends(struct coil_loop *loop, int fds[3])
{
    for (int i = 0; i < 3; i++) {
        close_fd(loop, &fds[i]);
    }
}

static int open_ends(struct coil_loop *loop, const struct coil_process_options *options,
                     struct ends *ends)
{
    const enum coil_process_end kinds[3] = {options->in, options->out, options->err};
    const int fds[3] = {options->in_fd, options->out_fd, options->err_fd};
    int rc = 0;

    *ends = (struct ends){
        .ours = {-1, -1, -1},
        .theirs = {COIL__SPAWN_INHERIT, COIL__SPAWN_INHERIT, COIL__SPAWN_INHERIT},
        .lent = {-1, -1, -1},
    };
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = open_end(loop, ends, i, kinds[i], fds[i]);
        rc = rc < 0 ? rc : lift(loop, ends, i);
    }
    if (rc < 0) {
        close_ends(loop, ends->lent);
        close_ends(loop, ends->ours);
    }
    return rc;
}

/* The child runs: whatever happens now, somebody will reap it. */
static int adopt(struct coil_process *process, struct coil__processes *processes, pid_t pid,
                 const struct ends *ends, const struct coil_process_options *options)
{
    struct coil_loop *loop = processes->loop;
    int rc;

    process->loop = loop;
    process->pid = pid;
    process->pidfd = coil__process_open_pidfd(pid);
    process->is_leader = options->new_session;
    process->is_reaped = false;
    process->is_closing = false;
    process->is_kept = false;
    process->has_ended = false;
    process->had_stdin = ends->ours[0] >= 0;
    process->grace_ns = options->grace_ns ? options->grace_ns : DEFAULT_GRACE;
    for (int i = 0; i < 3; i++) {
        process->fds[i] = ends->ours[i];
    }
    coil__list_push_tail(&processes->open, &process->link);
    coil__loop_count_external(loop, 1);
    rc = watch(process);
    if (rc < 0) {
        destroy(process);
        give_back(process);
        return rc;
    }
    coil__note_open(loop, COIL__OPENED_PROCESS, process);
    return 0;
}

static int start(struct coil_loop *loop, const struct coil_process_options *options,
                 const struct coil__spawn *what, struct coil_process **ret_process)
{
    struct coil__spawn spawn = *what;
    struct coil__processes *processes;
    struct coil_process *process = NULL;
    struct ends ends;
    pid_t pid;
    int rc = get(loop, &processes);

    rc = rc < 0 ? rc : open_ends(loop, options, &ends);
    if (rc < 0) {
        return rc;
    }
    process = take(processes);
    memcpy(spawn.fds, ends.theirs, sizeof spawn.fds);
    pid = process ? coil__process_spawn(&spawn) : -ENOMEM;
    close_ends(loop, ends.lent);
    if (pid < 0) {
        close_ends(loop, ends.ours);
        if (process) {
            coil__list_push_tail(&processes->free, &process->link);
        }
        return pid;
    }
    rc = adopt(process, processes, pid, &ends, options);
    if (rc == 0) {
        *ret_process = handle_of(process);
    }
    return rc;
}

static int spawn_file(const struct coil_process_options *options, const char *file,
                      const char *const *argv, struct coil_process **ret_process)
{
    static const struct coil_process_options defaults = {.env = NULL};
    struct coil_loop *loop = coil__thread.loop;
    struct coil__spawn spawn = {.file = file, .argv = argv};

    if (!loop) {
        return coil__no_task();
    }
    if (loop->is_closing) {
        return -COIL_ECLOSED;
    }
    options = options ? options : &defaults;
    spawn.env = options->env;
    spawn.cwd = options->cwd;
    spawn.new_session = options->new_session;
    return start(loop, options, &spawn, ret_process);
}

int coil_process_spawn(const struct coil_process_options *options, const char *const *argv,
                       struct coil_process **ret_process)
{
    if (!argv || !argv[0] || !ret_process) {
        return -EINVAL;
    }
    return spawn_file(options, argv[0], argv, ret_process);
}

int coil_process_shell(const struct coil_process_options *options, const char *command,
                       struct coil_process **ret_process)
{
    const char *const argv[] = {"sh", "-c", command, NULL};

    return command && ret_process ? spawn_file(options, "/bin/sh", argv, ret_process) : -EINVAL;
}

/* --- looking, waiting, signalling --- */

int coil_process_pid(const struct coil_process *handle)
{
    struct coil_process *process = NULL;
    int rc = coil__process_find(handle, &process);

    return rc < 0 ? rc : process->pid;
}

int coil_process_returncode(const struct coil_process *handle)
{
    struct coil_process *process = NULL;
    int rc = coil__process_find(handle, &process);

    if (rc < 0) {
        return rc;
    }
    return process->is_reaped ? process->status : -EAGAIN;
}

int coil_process_wait(struct coil_process *handle)
{
    struct coil_process *process = NULL;
    struct coil_task *self;
    int rc = coil__begin(&self);

    rc = rc < 0 ? rc : coil__process_find(handle, &process);
    if (rc < 0) {
        return rc;
    }
    if (!process->is_reaped) {
        return coil__waitlist_wait(self, &process->waiters, "process");
    }
    rc = process->status; /* the process may be closed while others run */
    coil__spend(self);
    return rc;
}

static int send_signal(struct coil_process *process, int signum)
{
    if (process->is_reaped) {
        return -ESRCH;
    }
    return coil__process_kill(process->pid, process->is_leader, signum);
}

int coil_process_send_signal(struct coil_process *handle, int signum)
{
    struct coil_process *process = NULL;
    int rc = coil__process_find(handle, &process);

    return rc < 0 ? rc : send_signal(process, signum);
}

int coil_process_terminate(struct coil_process *handle)
{
    return coil_process_send_signal(handle, SIGTERM);
}

int coil_process_kill(struct coil_process *handle)
{
    return coil_process_send_signal(handle, SIGKILL);
}

/* --- close --- */

static int look_for_group(void *arg)
{
    return coil__process_group_lives(*(const pid_t *)arg);
}

/* The leader has ended: the others may have some time, too. Who is in the group stands in /proc,
 * which takes a while to read. */
static void wait_for_group(struct coil_process *process)
{
    int64_t pause = FIRST_LOOK;

    while (coil_to_thread(look_for_group, &process->pid) > 0 && coil_sleep(pause) == 0) {
        pause = pause * 2 < LAST_LOOK ? pause * 2 : LAST_LOOK;
    }
}

/* SIGTERM, and some time to obey it. */
static void end_gently(struct coil_process *process)
{
    struct coil_task *self;

    send_signal(process, SIGTERM);
    coil_timeout(process->grace_ns) {
        if (coil__begin(&self) == 0) {
            coil__waitlist_wait(self, &process->closer, "process close");
        }
        if (process->has_ended) {
            wait_for_group(process);
        }
    }
}

int coil__process_end(struct coil_process *handle, struct coil_process **ret_process)
{
    struct coil_task *self = coil__thread.task;
    struct coil_process *process = NULL;
    int rc = coil__process_find(handle, &process);

    if (rc < 0) {
        return rc;
    }
    if (!self) {
        return coil__no_task();
    }
    process->is_closing = true;
    coil__process_close_end(process, 0);
    if (!process->is_reaped && process->grace_ns > 0) {
        process->is_kept = process->is_leader;
        coil_shield {
            end_gently(process);
        }
        process->is_kept = false;
    }
    if (!process->is_reaped) {
        send_signal(process, SIGKILL);
        if (!process->has_ended || !reap(process)) {
            coil__waitlist_wait_through(self, &process->waiters, "process close");
        }
    }
    *ret_process = process;
    return 0;
}

int coil__process_give_up(struct coil_process *process)
{
    int status = process->status;

    give_back(process);
    return status;
}

int coil_process_close(struct coil_process *handle)
{
    struct coil_process *process;
    int rc = handle ? coil__process_end(handle, &process) : 0;

    return handle && rc == 0 ? coil__process_give_up(process) : rc;
}
