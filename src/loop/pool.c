/* pool.c - threads for work that blocks.
 *
 * Everything in the pool is under its lock, but for fields that only the loop's thread sees. A job
 * is in one place: in `queue`; taken by a worker (worker->job); or on its way back through the
 * loop's inbox. `queue` has jobs only while there are threads to take them.
 *
 * A worker's memory and thread belong to the pool: a worker that ends by itself moves to `ended`,
 * and is joined by the next submit. The exception is a worker that coil__pool_free leaves behind
 * (its job has a `drop`): it owns itself from then on, and the last of those who hold the pool
 * frees it.
 */
#include "loop/pool.h"

#include "base/memory.h"
#include "sys/clock.h"
#include "sys/thread.h"

#include <errno.h>

#define IDLE_TIME (10 * COIL_SEC)

struct worker {
    struct coil__list link; /* in pool->workers or pool->ended */
    struct coil__os_thread thread;
    struct coil__pool *pool;
    struct coil__job *job; /* the one it runs, until that is on its way back */
    bool is_left_behind;   /* owns itself: nobody joins it */
};

struct coil__pool {
    pthread_mutex_t lock;
    pthread_cond_t has_work; /* a job was queued, or the pool closes */
    struct coil__list queue; /* of coil__job.link */
    struct coil__list workers;
    struct coil__list ended;
    /* Changed under the lock too, and read by anybody. */
    struct coil__counter jobs; /* submitted, ever */
    struct coil__counter queued;
    struct coil__counter threads; /* those in `workers` */
    struct coil__counter idle;    /* of them: have no job, and will look at the queue */
    unsigned max_threads;
    unsigned holders; /* the owner, and workers left behind */
    bool is_closing;
    int64_t idle_ns;
    struct coil_loop *loop; /* the loop's thread, and the threads that it waits for */
};

static struct worker *worker_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct worker, link);
}

static struct coil__job *job_of(struct coil__list *link)
{
    return COIL__CONTAINER(link, struct coil__job, link);
}

static void destroy(struct coil__pool *pool)
{
    coil__cond_deinit(&pool->has_work);
    coil__mutex_deinit(&pool->lock);
    coil__free(pool);
}

static void release(struct coil__pool *pool)
{
    bool is_last;

    coil__mutex_lock(&pool->lock);
    is_last = --pool->holders == 0;
    coil__mutex_unlock(&pool->lock);
    if (is_last) {
        destroy(pool);
    }
}

int coil__pool_get(struct coil_loop *loop, struct coil__pool **slot, unsigned max_threads,
                   struct coil__pool **ret_pool)
{
    struct coil__pool *pool = *slot;
    int rc;

    if (pool) {
        *ret_pool = pool;
        return 0;
    }
    pool = coil__calloc(1, sizeof *pool);
    if (!pool) {
        return -ENOMEM;
    }
    rc = coil__mutex_init(&pool->lock);
    if (rc < 0) {
        coil__free(pool);
        return rc;
    }
    rc = coil__cond_init(&pool->has_work);
    if (rc < 0) {
        coil__mutex_deinit(&pool->lock);
        coil__free(pool);
        return rc;
    }
    coil__list_init(&pool->queue);
    coil__list_init(&pool->workers);
    coil__list_init(&pool->ended);
    pool->max_threads = max_threads;
    pool->holders = 1;
    pool->idle_ns = IDLE_TIME;
    pool->loop = loop;
    *ret_pool = pool;
    __atomic_store_n(slot, pool, __ATOMIC_RELEASE); /* for who reads its numbers */
    return 0;
}

/* --- in the threads --- */

/* The next job, for a worker that is idle until then; NULL: there was none for a while, or the pool
 * closes. Locked. */
static struct coil__job *take(struct coil__pool *pool)
{
    int64_t deadline = coil__time_after(coil__clock_now(), pool->idle_ns);
    bool in_time = true;
    struct coil__list *link;

    while (coil__list_is_empty(&pool->queue) && !pool->is_closing && in_time) {
        in_time = coil__cond_wait(&pool->has_work, &pool->lock, deadline);
    }
    coil__counter_add(&pool->idle, -1);
    link = coil__list_pop_head(&pool->queue);
    if (!link) {
        return NULL;
    }
    coil__counter_add(&pool->queued, -1);
    return job_of(link);
}

/* The pool's owner did not wait: the job, the worker and perhaps the pool end here. */
static void end_alone(struct worker *worker)
{
    struct coil__pool *pool = worker->pool;

    worker->job->drop(worker->job);
    coil__free(worker);
    release(pool);
}

static void *run_worker(void *arg)
{
    struct worker *worker = arg;
    struct coil__pool *pool = worker->pool;
    struct coil__job *job;

    coil__mutex_lock(&pool->lock);
    while ((job = take(pool))) {
        worker->job = job;
        coil__mutex_unlock(&pool->lock);
        job->work(job);
        coil__mutex_lock(&pool->lock);
        if (worker->is_left_behind) {
            coil__mutex_unlock(&pool->lock);
            end_alone(worker);
            return NULL;
        }
        worker->job = NULL; /* from here on the owner waits for this thread */
        /* Before `done` can submit the next job: no new thread for that. */
        coil__counter_add(&pool->idle, 1);
        coil__mutex_unlock(&pool->lock);
        coil__inbox_push(pool->loop, &job->ready);
        coil__mutex_lock(&pool->lock);
    }
    if (!pool->is_closing) {
        coil__list_remove(&worker->link);
        coil__list_push_tail(&pool->ended, &worker->link);
        coil__counter_add(&pool->threads, -1);
    }
    coil__mutex_unlock(&pool->lock);
    return NULL;
}

/* --- in the loop's thread --- */

static void run_done(struct coil__ready *ready)
{
    struct coil__job *job = COIL__CONTAINER(ready, struct coil__job, ready);

    coil__loop_count_external(job->pool->loop, -1);
    job->pool = NULL;
    job->done(job);
}

static void join_all(struct coil__list *workers)
{
    struct coil__list *link;

    while ((link = coil__list_pop_head(workers))) {
        struct worker *worker = worker_of(link);

        coil__os_thread_join(&worker->thread);
        coil__free(worker);
    }
}

static void join_ended(struct coil__pool *pool)
{
    struct coil__list list;

    coil__list_init(&list);
    coil__mutex_lock(&pool->lock);
    coil__list_splice_tail(&list, &pool->ended);
    coil__mutex_unlock(&pool->lock);
    join_all(&list);
}

/* One more thread. Locked. */
static int start_worker(struct coil__pool *pool)
{
    struct worker *worker = coil__calloc(1, sizeof *worker);
    int rc;

    if (!worker) {
        return -ENOMEM;
    }
    worker->pool = pool;
    rc = coil__os_thread_start(&worker->thread, COIL__THREAD_STACK, run_worker, worker);
    if (rc < 0) {
        coil__free(worker);
        return rc;
    }
    coil__list_push_tail(&pool->workers, &worker->link);
    coil__counter_add(&pool->threads, 1);
    coil__counter_add(&pool->idle, 1);
    return 0;
}

/* Sees to it that somebody takes what is queued. Locked. With fewer threads than there could be
 * the jobs wait a little longer: only to have none is a failure. */
static int call_worker(struct coil__pool *pool)
{
    bool is_short = coil__counter_get(&pool->idle) < coil__counter_get(&pool->queued);
    int rc = 0;

    if (is_short && coil__counter_get(&pool->threads) < pool->max_threads) {
        rc = start_worker(pool);
    }
    coil__cond_signal(&pool->has_work);
    return coil__counter_get(&pool->threads) > 0 ? 0 : rc;
}

int coil__pool_submit(struct coil__pool *pool, struct coil__job *job)
{
    int rc;

    job->pool = pool;
    job->ready.run = run_done;
    job->is_cancelled = false;
    join_ended(pool);
    coil__mutex_lock(&pool->lock);
    coil__list_push_tail(&pool->queue, &job->link);
    coil__counter_add(&pool->queued, 1);
    rc = call_worker(pool);
    if (rc < 0) {
        coil__list_remove(&job->link);
        coil__counter_add(&pool->queued, -1);
    } else {
        coil__counter_add(&pool->jobs, 1);
    }
    coil__mutex_unlock(&pool->lock);
    if (rc < 0) {
        job->pool = NULL;
        return rc;
    }
    coil__loop_count_external(pool->loop, 1);
    return 0;
}

bool coil__pool_cancel(struct coil__job *job)
{
    struct coil__pool *pool = job->pool;
    bool is_taken_back;

    if (!pool || job->is_cancelled) {
        return job->is_cancelled;
    }
    coil__mutex_lock(&pool->lock);
    is_taken_back = coil__list_is_linked(&job->link);
    if (is_taken_back) {
        coil__list_remove(&job->link);
        coil__counter_add(&pool->queued, -1);
    }
    coil__mutex_unlock(&pool->lock);
    if (is_taken_back) {
        job->is_cancelled = true;
        coil__inbox_push(pool->loop, &job->ready);
    }
    return is_taken_back;
}

void coil__pool_set_idle_time(struct coil__pool *pool, int64_t idle_ns)
{
    coil__mutex_lock(&pool->lock);
    pool->idle_ns = idle_ns;
    coil__mutex_unlock(&pool->lock);
}

unsigned coil__pool_thread_count(struct coil__pool *pool)
{
    unsigned count;

    coil__mutex_lock(&pool->lock);
    count = (unsigned)coil__counter_get(&pool->threads);
    coil__mutex_unlock(&pool->lock);
    return count;
}

void coil__pool_read(const struct coil__pool *pool, struct coil_pool_metrics *ret_metrics)
{
    if (!pool) {
        *ret_metrics = (struct coil_pool_metrics){0};
        return;
    }
    ret_metrics->jobs = coil__counter_get(&pool->jobs);
    ret_metrics->queued = coil__counter_get(&pool->queued);
    ret_metrics->threads = coil__counter_get(&pool->threads);
    ret_metrics->idle = coil__counter_get(&pool->idle);
}

/* Lets go of the workers whose jobs need not be waited for, and moves the others to `to_join`.
 * Locked. */
static void part_workers(struct coil__pool *pool, struct coil__list *to_join)
{
    COIL__LIST_FOREACH_SAFE(&pool->workers, link) {
        struct worker *worker = worker_of(link);

        if (worker->job && worker->job->drop) {
            coil__list_remove(link);
            worker->is_left_behind = true;
            pool->holders++;
            coil__os_thread_detach(&worker->thread);
            coil__loop_count_external(pool->loop, -1);
        }
    }
    coil__list_splice_tail(to_join, &pool->workers);
    coil__list_splice_tail(to_join, &pool->ended);
}

void coil__pool_free(struct coil__pool *pool)
{
    struct coil__list workers;
    struct coil__list *link;

    if (!pool) {
        return;
    }
    coil__list_init(&workers);
    coil__mutex_lock(&pool->lock);
    pool->is_closing = true;
    while ((link = coil__list_pop_head(&pool->queue))) {
        coil__counter_add(&pool->queued, -1);
        job_of(link)->is_cancelled = true;
        coil__inbox_push(pool->loop, &job_of(link)->ready);
    }
    part_workers(pool, &workers);
    coil__cond_broadcast(&pool->has_work);
    coil__mutex_unlock(&pool->lock);
    join_all(&workers);
    coil__inbox_drain(pool->loop);
    release(pool);
}

void coil__pool_free_after_fork(struct coil__pool *pool)
{
    struct coil__list *link;

    if (!pool) {
        return;
    }
    coil__list_splice_tail(&pool->workers, &pool->ended);
    while ((link = coil__list_pop_head(&pool->workers))) {
        coil__free(worker_of(link));
    }
    coil__free(pool);
}
