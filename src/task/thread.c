/* thread.c - blocking work in threads, and tasks for other threads.
 *
 * A coil_to_thread is a job on the waiting task's stack; the task does not go on before the job
 * has come back, so the stack stays.
 *
 * A coil_thread_call is shared by two threads, under its lock. It goes through the inbox to the
 * loop, which makes the task and is told of its end; a cancel goes the same way. The end is told
 * to the waiting thread only when neither of the two is on its way any more, because from then on
 * the struct may be gone. Both are pushed with the lock held, and the loop takes the lock when
 * they arrive: so a loop cannot be gone while a push to it is still going on.
 */
#include "task/task.h"

#include "loop/pool.h"
#include "sys/clock.h"
#include "sys/environment.h"
#include "sys/thread.h"

#include <coil/thread.h>

#include <errno.h>

enum { MAX_THREADS = 32, SPARE_THREADS = 4 };

/* --- out of the loop --- */

struct thread_wait {
    struct coil__job job;
    struct coil__wait wait;
    struct coil_task *self;
    int (*fn)(void *arg);
    void *arg;
    int rc;
    atomic_bool *stop; /* tells fn of a cancel; or NULL */
};

static void run_job(struct coil__job *job)
{
    struct thread_wait *tw = COIL__CONTAINER(job, struct thread_wait, job);

    tw->rc = tw->fn(tw->arg);
}

static void job_done(struct coil__job *job)
{
    coil__task_wake(COIL__CONTAINER(job, struct thread_wait, job)->self);
}

/* Taken back or not, the job comes back by itself. */
static void interrupt_job(struct coil_task *task, struct coil__wait *wait)
{
    struct thread_wait *tw = COIL__CONTAINER(wait, struct thread_wait, wait);

    (void)task;
    if (!coil__pool_cancel(&tw->job) && tw->stop) {
        *tw->stop = true;
    }
}

static unsigned default_threads(void)
{
    unsigned count = coil__environment_cores() + SPARE_THREADS;

    return count < MAX_THREADS ? count : MAX_THREADS;
}

int coil__thread_wait(struct coil_task *self, int (*fn)(void *arg), void *arg, atomic_bool *stop,
                      const char *what)
{
    struct thread_wait tw = {
        .job = {.work = run_job, .done = job_done},
        .wait = {.interrupt = interrupt_job, .what = what},
        .self = self,
        .fn = fn,
        .arg = arg,
        .stop = stop,
    };
    struct coil_loop *loop = self->loop;
    struct coil__pool *pool;
    int rc;

    if (self->cancel) {
        return coil__cancel_error(self); /* cancelled since the call began */
    }
    rc = coil__pool_get(loop, &loop->workers,
                        loop->max_threads ? loop->max_threads : default_threads(), &pool);
    rc = rc < 0 ? rc : coil__pool_submit(pool, &tw.job);
    if (rc < 0) {
        return rc;
    }
    coil__suspend(self, &tw.wait);
    if (!tw.job.is_cancelled) {
        return tw.rc;
    }
    return self->cancel ? coil__cancel_error(self) : -ECANCELED;
}

int coil_to_thread(int (*fn)(void *arg), void *arg)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    return fn ? coil__thread_wait(self, fn, arg, NULL, "to_thread") : -EINVAL;
}

/* --- into the loop --- */

/* The task, if there was one, has ended. Locked. */
static void tell_end(struct coil_thread_call *call)
{
    if (call->has_ended_ && !call->is_cancelling_) {
        coil__cond_broadcast(&call->changed_);
    }
}

static void end_call(struct coil_thread_call *call, int rc)
{
    coil__mutex_lock(&call->lock_);
    call->rc_ = rc;
    call->task_ = NULL;
    call->has_ended_ = true;
    tell_end(call);
    coil__mutex_unlock(&call->lock_);
}

static void task_ended(struct coil__owner *owner, struct coil_task *task)
{
    end_call(COIL__CONTAINER(owner, struct coil_thread_call, owner_), task->rc);
}

static int create_task(struct coil_thread_call *call)
{
    struct coil_task_options options = {.site = call->site_};
    struct coil_task *task = coil__task_create_in(call->loop_, &options, call->fn_, call->arg_);

    if (!task) {
        return -ENOMEM;
    }
    call->task_ = task;
    call->owner_ = (struct coil__owner){.child_done = task_ended};
    return coil__task_adopt(task, &call->owner_, 0);
}

static void arrive(struct coil__ready *ready)
{
    struct coil_thread_call *call = COIL__CONTAINER(ready, struct coil_thread_call, start_);
    bool is_cancelled;
    int rc;

    coil__mutex_lock(&call->lock_);
    is_cancelled = call->is_cancelled_;
    coil__mutex_unlock(&call->lock_);
    if (call->loop_->is_closing) {
        rc = -COIL_ECLOSED;
    } else if (is_cancelled) {
        rc = -ECANCELED;
    } else {
        rc = create_task(call);
    }
    if (rc < 0) {
        end_call(call, rc);
    }
}

static void arrive_cancel(struct coil__ready *ready)
{
    struct coil_thread_call *call = COIL__CONTAINER(ready, struct coil_thread_call, cancel_);
    struct coil_task *task;

    if (coil__task_look(call->task_, &task) == 0) {
        coil__task_cancel(task, call->cancel_site_, "another thread asked for it");
    }
    coil__mutex_lock(&call->lock_);
    call->is_cancelling_ = false;
    tell_end(call);
    coil__mutex_unlock(&call->lock_);
}

/* In the child of a fork: there is no thread that would end it, and its lock may be held. */
static bool is_the_parents(const struct coil_thread_call *call)
{
    return call->process_ != coil__process(); /* the loop may be gone */
}

static void make_idle(struct coil_thread_call *call)
{
    coil__cond_deinit(&call->changed_);
    coil__mutex_deinit(&call->lock_);
    call->is_started_ = false;
}

int coil_thread_call_start_at(const struct coil_site *site, struct coil_loop *loop,
                              struct coil_thread_call *call, coil_task_fn fn, void *arg)
{
    int rc;

    if (!loop || !call || !fn || call->is_started_) {
        return -EINVAL;
    }
    if (coil__loop_is_copy(loop)) {
        return -COIL_EFORKED;
    }
    *call = (struct coil_thread_call){
        .start_.run = arrive,
        .cancel_.run = arrive_cancel,
        .loop_ = loop,
        .fn_ = fn,
        .arg_ = arg,
        .site_ = site,
        .process_ = coil__process(),
    };
    rc = coil__mutex_init(&call->lock_);
    if (rc < 0) {
        return rc;
    }
    rc = coil__cond_init(&call->changed_);
    if (rc < 0) {
        coil__mutex_deinit(&call->lock_);
        return rc;
    }
    call->is_started_ = true;
    coil__mutex_lock(&call->lock_);
    coil__inbox_push(loop, &call->start_);
    coil__mutex_unlock(&call->lock_);
    return 0;
}

/* Waits for the end. True: it has come, and nobody refers to the call any more. */
static bool wait_for_end(struct coil_thread_call *call, int64_t timeout_ns)
{
    int64_t deadline = coil__time_after(coil__clock_now(), timeout_ns);
    bool in_time = timeout_ns > 0;

    while ((!call->has_ended_ || call->is_cancelling_) && in_time) {
        in_time = coil__cond_wait(&call->changed_, &call->lock_, deadline);
    }
    return call->has_ended_ && !call->is_cancelling_;
}

int coil_thread_call_wait(struct coil_thread_call *call, int64_t timeout_ns)
{
    int rc = -ETIMEDOUT;
    bool has_ended;

    if (!call) {
        return -EINVAL;
    }
    if (!call->is_started_) {
        return -COIL_EINVALIDSTATE;
    }
    if (is_the_parents(call)) {
        return -COIL_EFORKED;
    }
    coil__mutex_lock(&call->lock_);
    has_ended = call->has_ended_ && !call->is_cancelling_;
    if (!has_ended && call->loop_->owner == &coil__thread) {
        rc = -EDEADLK;
    } else {
        has_ended = wait_for_end(call, timeout_ns);
    }
    coil__mutex_unlock(&call->lock_);
    if (has_ended) {
        rc = call->rc_;
        make_idle(call);
    }
    return rc;
}

int coil_thread_call_cancel_at(const struct coil_site *site, struct coil_thread_call *call)
{
    int rc = 0;

    if (!call) {
        return -EINVAL;
    }
    if (!call->is_started_) {
        return -COIL_EINVALIDSTATE;
    }
    if (is_the_parents(call)) {
        return -COIL_EFORKED;
    }
    coil__mutex_lock(&call->lock_);
    if (!call->has_ended_) {
        rc = 1;
        if (!call->is_cancelled_) {
            call->is_cancelled_ = true;
            call->is_cancelling_ = true;
            call->cancel_site_ = site;
            coil__inbox_push(call->loop_, &call->cancel_);
        }
    }
    coil__mutex_unlock(&call->lock_);
    return rc;
}

bool coil_thread_call_is_pending(const struct coil_thread_call *call)
{
    return call && call->is_started_;
}

int coil_run_threadsafe_at(const struct coil_site *site, struct coil_loop *loop, coil_task_fn fn,
                           void *arg)
{
    struct coil_thread_call call = COIL__ZERO;
    int rc;

    if (!loop) {
        return -EINVAL;
    }
    if (loop->owner == &coil__thread && !coil__loop_is_copy(loop)) {
        return -EDEADLK;
    }
    rc = coil_thread_call_start_at(site, loop, &call, fn, arg);
    return rc < 0 ? rc : coil_thread_call_wait(&call, COIL_NEVER);
}
