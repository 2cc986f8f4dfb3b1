/* process_pool.c - the parent's side of worker processes; see coil/process_pool.h.
 *
 * A worker is in the pool's list of idle ones, or with the task that has a job for it. `slots`
 * counts how many more there may be of both kinds, so whoever has a permit finds an idle worker or
 * may make one. A worker that has not answered is never used again: it is killed and reaped.
 *
 * The server process is started on the loop's own stack, not on a task's: the work is done there.
 */
#include "task/task.h"

#include "base/memory.h"
#include "sys/environment.h"
#include "sys/worker.h"

#include <coil/fd.h>
#include <coil/process.h>
#include <coil/process_pool.h>
#include <coil/semaphore.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>

/* How long the end of a worker that was killed is waited for before the loop has to stand still. */
#define KILL_PATIENCE (1 * COIL_SEC)

struct worker {
    struct coil__list link; /* in pool->idle while idle */
    pid_t pid;
    unsigned server; /* the number of the one that has made it */
    int fd;
};

/* A loop's, made on first use. */
struct coil__process_pool {
    struct coil__closer closer;
    struct coil_loop *loop;
    struct coil__worker_server server;
    struct coil_semaphore slots;
    struct coil__list idle;
};

static struct worker *worker_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct worker, link);
}

/* --- the pool --- */

/* A server that was replaced has taken its workers with it, and their pids may be others' by now:
 * also workers' of the new one. */
static bool is_known(const struct coil__process_pool *pool, const struct worker *worker)
{
    return worker->server == pool->server.number;
}

static int reap(struct coil__process_pool *pool, const struct worker *worker)
{
    return is_known(pool, worker) ? coil__worker_reap(&pool->server, worker->pid) : -EPIPE;
}

static void close_and_free(struct coil__process_pool *pool, struct worker *worker)
{
    pool->loop->backend->net->close(pool->loop->backend, worker->fd);
    coil__free(worker);
}

/* All tasks have ended: all workers are idle. */
static void end(struct coil__closer *closer)
{
    struct coil__process_pool *pool = COIL__CONTAINER(closer, struct coil__process_pool, closer);
    struct coil__list *link;

    while ((link = coil__list_pop_head(&pool->idle))) {
        reap(pool, worker_of(link));
        close_and_free(pool, worker_of(link));
    }
    coil__worker_server_end(&pool->server);
    pool->loop->process_pool = NULL;
    coil__free(pool);
}

/* The processes are the parent's. */
static void forget(struct coil__closer *closer)
{
    struct coil__process_pool *pool = COIL__CONTAINER(closer, struct coil__process_pool, closer);
    struct coil__list *link;

    while ((link = coil__list_pop_head(&pool->idle))) {
        close_and_free(pool, worker_of(link));
    }
    if (pool->server.fd >= 0) {
        pool->loop->backend->net->close(pool->loop->backend, pool->server.fd);
    }
    coil__free(pool);
}

static int get(struct coil_loop *loop, struct coil__process_pool **ret_pool)
{
    struct coil__process_pool *pool = loop->process_pool;

    if (loop->backend->is_simulated) {
        return -ENOTSUP;
    }
    if (!pool) {
        pool = coil__calloc(1, sizeof *pool);
        if (!pool) {
            return -ENOMEM;
        }
        pool->closer = (struct coil__closer){.end = end, .forget = forget};
        pool->loop = loop;
        pool->server.fd = -1;
        coil_semaphore_init(&pool->slots,
                            loop->max_processes ? loop->max_processes : coil__environment_cores());
        coil__list_init(&pool->idle);
        coil__list_push_tail(&loop->closers, &pool->closer.link);
        loop->process_pool = pool;
    }
    *ret_pool = pool;
    return 0;
}

/* --- the server --- */

/* A task that waits for the loop to fork; on its stack. */
struct start {
    struct coil__ready ready;
    struct coil__wait wait;
    struct coil_task *self;
    struct coil__process_pool *pool;
    int rc;
};

static int start_here(struct coil__process_pool *pool)
{
    return pool->server.fd >= 0 ? 0 : coil__worker_server_start(&pool->server);
}

static void start_on_loop(struct coil__ready *ready)
{
    struct start *start = COIL__CONTAINER(ready, struct start, ready);

    start->rc = start_here(start->pool);
    coil__task_wake(start->self);
}

static int start_server(struct coil_task *self, struct coil__process_pool *pool)
{
    struct start start = {
        .ready.run = start_on_loop,
        .wait.what = "process pool start",
        .self = self,
        .pool = pool,
    };

    if (pool->server.fd >= 0) {
        return 0;
    }
    coil__loop_push(pool->loop, &start.ready);
    coil__suspend(self, &start.wait);
    return start.rc;
}

int coil_process_pool_start(struct coil_loop *loop)
{
    struct coil__process_pool *pool;
    struct coil_task *self = coil__thread.task;
    int rc;

    loop = loop ? loop : coil__thread.loop;
    if (!loop) {
        return coil__no_task();
    }
    rc = coil__loop_check(loop);
    rc = rc < 0 ? rc : get(loop, &pool);
    if (rc < 0) {
        return rc;
    }
    if (!self) {
        return start_here(pool);
    }
    rc = coil__begin(&self);
    return rc < 0 ? rc : start_server(self, pool);
}

/* --- workers --- */

/* One that has died while it was idle is no loss. */
static bool is_alive(struct coil__process_pool *pool, const struct worker *worker)
{
    char byte;
    struct coil_op op = {.kind_ = COIL__OP_RECV, .fd_ = worker->fd, .buf_ = &byte, .size_ = 1};

    return pool->loop->backend->net->attempt(pool->loop->backend, &op) == -EAGAIN;
}

static struct worker *take_idle(struct coil__process_pool *pool)
{
    struct coil__list *link;

    while ((link = coil__list_pop_head(&pool->idle))) {
        struct worker *worker = worker_of(link);

        if (is_alive(pool, worker)) {
            return worker;
        }
        reap(pool, worker);
        close_and_free(pool, worker);
    }
    return NULL;
}

static int make(struct coil_task *self, struct coil__process_pool *pool, struct worker **ret_worker)
{
    struct worker *worker = coil__calloc(1, sizeof *worker);
    pid_t pid = -EPIPE;

    if (!worker) {
        return -ENOMEM;
    }
    /* A server that was killed is noticed only when it is asked. */
    for (int attempt = 0; attempt < 2 && pid == -EPIPE; attempt++) {
        int rc = start_server(self, pool);

        pid = rc < 0 ? rc : coil__worker_start(&pool->server, &worker->fd);
    }
    if (pid < 0) {
        coil__free(worker);
        return pid == -EPIPE ? -EAGAIN : pid;
    }
    worker->pid = pid;
    worker->server = pool->server.number;
    *ret_worker = worker;
    return 0;
}

/* Ends and reaps a worker, without holding up the loop for as long as it takes to die. How it
 * ended. */
static int destroy(struct coil__process_pool *pool, struct worker *worker)
{
    char byte;
    int status;

    if (is_known(pool, worker)) {
        coil__worker_kill(&pool->server, worker->pid);
    }
    coil_shield {
        coil_timeout(KILL_PATIENCE) {
            while (coil_recv(worker->fd, &byte, 1, 0) > 0) {
            }
        }
    }
    status = reap(pool, worker);
    close_and_free(pool, worker);
    return status >= 0 ? status : COIL_PROCESS_KILLED + SIGKILL; /* together with the server */
}

/* --- jobs --- */

struct job {
    struct coil__worker_job head;
    const void *arg;
    void *result;
};

/* 0; -EPIPE: the worker has closed its end; or why it is given up. */
static int send_all(int fd, const void *buf, size_t size)
{
    const char *from = buf;

    while (size > 0) {
        ssize_t rc = coil_send(fd, from, size, 0);

        if (rc < 0) {
            return rc == -ECONNRESET ? -EPIPE : (int)rc;
        }
        from += rc;
        size -= (size_t)rc;
    }
    return 0;
}

/* What is there already is taken in a cancelled task, too. */
static ssize_t receive(int fd, void *buf, size_t size)
{
    struct coil__backend *backend = coil__thread.loop->backend;
    struct coil_op op = {.kind_ = COIL__OP_RECV, .fd_ = fd, .buf_ = buf, .size_ = size};
    ssize_t rc = coil_recv(fd, buf, size, 0);
    ssize_t more = rc < 0 && coil_check_cancel() < 0 ? backend->net->attempt(backend, &op) : rc;

    return more > 0 ? more : rc;
}

static int receive_all(int fd, void *buf, size_t size)
{
    char *to = buf;

    while (size > 0) {
        ssize_t rc = receive(fd, to, size);

        if (rc <= 0) {
            return rc == 0 || rc == -ECONNRESET ? -EPIPE : (int)rc;
        }
        to += rc;
        size -= (size_t)rc;
    }
    return 0;
}

/* 0, and *ret_rc is what fn returned; else the worker is of no use any more. */
static int exchange(const struct worker *worker, const struct job *job, ssize_t *ret_rc)
{
    struct coil__worker_reply reply = {.rc = 0};
    int rc = send_all(worker->fd, &job->head, sizeof job->head);

    rc = rc < 0 ? rc : send_all(worker->fd, job->arg, job->head.arg_size);
    rc = rc < 0 ? rc : receive_all(worker->fd, &reply, sizeof reply);
    if (rc == 0 && reply.rc > 0) {
        rc = receive_all(worker->fd, job->result, (size_t)reply.rc);
    }
    if (rc == 0) {
        *ret_rc = (ssize_t)reply.rc;
    }
    return rc;
}

static void report_death(struct coil_loop *loop, int status)
{
    bool was_killed = status >= COIL_PROCESS_KILLED;
    char text[80];
    struct coil_report report = {
        .message = text,
        .error = -COIL_EWORKERDIED,
        .task_name = coil_task_name(coil_current_task()),
    };

    snprintf(text, sizeof text, "a worker process %s %d",
             was_killed ? "was killed by signal" : "has ended by itself, with status",
             was_killed ? status - COIL_PROCESS_KILLED : status);
    coil__loop_report(loop, &report);
}

static ssize_t run(struct coil_task *self, struct coil__process_pool *pool, const struct job *job,
                   int *ret_status)
{
    struct worker *worker = take_idle(pool);
    int rc = worker ? 0 : make(self, pool, &worker);
    ssize_t result = 0;
    int status;

    if (rc < 0) {
        return rc;
    }
    if (self->cancel) { /* cancelled since the call began; the worker knows of nothing */
        coil__list_push_head(&pool->idle, &worker->link);
        return coil__cancel_error(self);
    }
    rc = exchange(worker, job, &result);
    if (rc == 0) {
        coil__list_push_head(&pool->idle, &worker->link); /* its memory is the warmest */
        return result;
    }
    status = destroy(pool, worker);
    if (rc != -EPIPE) {
        return rc;
    }
    if (pool->loop->debug) {
        report_death(pool->loop, status);
    }
    if (ret_status) {
        *ret_status = status;
    }
    return -COIL_EWORKERDIED;
}

ssize_t coil_to_process(coil_process_fn fn, const void *arg, size_t arg_size, void *ret_result,
                        size_t result_size, int *ret_status)
{
    struct job job = {{fn, arg_size, result_size}, arg, ret_result};
    struct coil__process_pool *pool;
    struct coil_task *self;
    ssize_t rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!fn || (!arg && arg_size > 0) || (!ret_result && result_size > 0) || arg_size > SSIZE_MAX ||
        result_size > SSIZE_MAX) {
        return -EINVAL;
    }
    rc = get(self->loop, &pool);
    rc = rc < 0 ? rc : coil_semaphore_acquire(&pool->slots);
    if (rc < 0) {
        return rc;
    }
    rc = run(self, pool, &job, ret_status);
    coil_semaphore_release(&pool->slots);
    return rc;
}
