/* The thread pool: bounded, in order, cancelled jobs, threads that end or cannot be had. */
#include "fault.h"
#include "harness.h"

#include "loop/pool.h"

#include <coil/error.h>
#include <coil/loop.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

enum { MANY = 24 };

struct work {
    struct coil__job job;
    pthread_t thread; /* that did the work */
    sem_t *wait_for;  /* or NULL */
    atomic_bool began;
    int order; /* of its beginning, from 1 */
    int done_count;
    bool was_cancelled;
    atomic_bool is_dropped;
};

static atomic_int begun;
static atomic_int running;
static atomic_int most_running;

static struct work *work_of(struct coil__job *job)
{
    return COIL__CONTAINER(job, struct work, job);
}

static void do_work(struct coil__job *job)
{
    struct work *work = work_of(job);
    int now = atomic_fetch_add(&running, 1) + 1;
    int most = atomic_load(&most_running);

    work->thread = pthread_self();
    work->order = atomic_fetch_add(&begun, 1) + 1;
    while (now > most && !atomic_compare_exchange_weak(&most_running, &most, now)) {
        continue;
    }
    atomic_store(&work->began, true);
    if (work->wait_for) {
        sem_wait(work->wait_for);
    }
    atomic_fetch_sub(&running, 1);
}

static void work_done(struct coil__job *job)
{
    work_of(job)->done_count++;
    work_of(job)->was_cancelled = job->is_cancelled;
}

static void work_dropped(struct coil__job *job)
{
    atomic_store(&work_of(job)->is_dropped, true);
}

static void set_up(struct work *work, sem_t *wait_for)
{
    *work = (struct work){.job = {.work = do_work, .done = work_done}, .wait_for = wait_for};
}

static void submit(struct coil__pool *pool, struct work *work)
{
    CHECK_OK(coil__pool_submit(pool, &work->job));
}

static struct coil_loop *new_loop(void)
{
    struct coil_loop *loop;

    if (coil_loop_new(NULL, &loop) < 0) {
        test_fail(__FILE__, __LINE__, "no loop");
    }
    return loop;
}

static struct coil__pool *get_pool(struct coil_loop *loop, unsigned max_threads)
{
    struct coil__pool *pool;

    if (coil__pool_get(loop, &loop->workers, max_threads, &pool) < 0) {
        test_fail(__FILE__, __LINE__, "no pool");
    }
    CHECK_PTR(pool, ==, loop->workers);
    return pool;
}

static void run_until(struct coil_loop *loop, const int *count, int wanted)
{
    while (*count < wanted && loop->external > 0) {
        if (coil_loop_run_once(loop, COIL_NEVER) < 0) {
            break;
        }
    }
    CHECK_INT(*count, >=, wanted);
}

/* False after a second, or sooner if that is no wonder. */
static bool wait_until(const atomic_bool *flag)
{
    int64_t deadline = test_now_ns() + COIL_SEC;

    while (!atomic_load(flag) && test_now_ns() < deadline && !test_has_noticed()) {
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    return atomic_load(flag);
}

/* Where a thread could not be had, a job does not begin: then the gate opens, for all to end. */
static void wait_until_begun(struct work *work)
{
    if (!wait_until(&work->began)) {
        for (int i = 0; work->wait_for && i < MANY; i++) {
            sem_post(work->wait_for);
        }
        CHECK_MSG(false, "a job does not begin");
    }
}

COIL_TEST(pool_runs_a_job_in_another_thread)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 4);
    struct work work;

    set_up(&work, NULL);
    submit(pool, &work);
    CHECK_INT(loop->external, ==, 1);
    CHECK_INT(loop->backend->external, ==, 1);
    CHECK(!coil__loop_is_idle(loop));
    run_until(loop, &work.done_count, 1);
    CHECK(!pthread_equal(work.thread, pthread_self()));
    CHECK(!work.was_cancelled);
    CHECK_INT(loop->external, ==, 0);
    CHECK_INT(loop->backend->external, ==, 0);
    CHECK_PTR(get_pool(loop, 4), ==, pool);
    CHECK_OK(coil_loop_free(loop));
    CHECK_INT(work.done_count, ==, 1);
}

COIL_TEST(pool_uses_an_idle_thread_again)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 4);

    for (int i = 0; i < 50; i++) {
        struct work work;

        set_up(&work, NULL);
        submit(pool, &work);
        run_until(loop, &work.done_count, 1);
    }
    CHECK_INT(coil__pool_thread_count(pool), ==, 1);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(pool_runs_at_most_so_many_at_once)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 3);
    struct work works[MANY];
    sem_t gate;

    sem_init(&gate, 0, 0);
    for (int i = 0; i < MANY; i++) {
        set_up(&works[i], &gate);
        submit(pool, &works[i]);
    }
    for (int i = 0; i < 3; i++) {
        wait_until_begun(&works[i]);
    }
    CHECK_INT(coil__pool_thread_count(pool), ==, 3);
    for (int i = 0; i < MANY; i++) {
        sem_post(&gate);
    }
    for (int i = 0; i < MANY; i++) {
        run_until(loop, &works[i].done_count, 1);
    }
    CHECK_INT(atomic_load(&most_running), ==, 3);
    CHECK_OK(coil_loop_free(loop));
    sem_destroy(&gate);
}

COIL_TEST(pool_takes_waiting_jobs_in_order)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 1);
    struct work works[MANY];

    for (int i = 0; i < MANY; i++) {
        set_up(&works[i], NULL);
        submit(pool, &works[i]);
    }
    run_until(loop, &works[MANY - 1].done_count, 1);
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(works[i].order, ==, i + 1);
        CHECK_INT(works[i].done_count, ==, 1);
    }
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(pool_cancel_takes_back_a_waiting_job)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 1);
    struct work works[3];
    sem_t gate;

    sem_init(&gate, 0, 0);
    for (int i = 0; i < 3; i++) {
        set_up(&works[i], &gate);
        submit(pool, &works[i]);
    }
    wait_until_begun(&works[0]);
    CHECK(!coil__pool_cancel(&works[0].job));
    CHECK(coil__pool_cancel(&works[1].job));
    CHECK(coil__pool_cancel(&works[1].job));
    CHECK_INT(works[1].done_count, ==, 0);
    run_until(loop, &works[1].done_count, 1);
    CHECK(works[1].was_cancelled);
    CHECK(!atomic_load(&works[1].began));
    CHECK_INT(works[0].done_count, ==, 0);
    sem_post(&gate);
    sem_post(&gate);
    run_until(loop, &works[2].done_count, 1);
    CHECK_INT(works[0].done_count, ==, 1);
    CHECK_INT(works[1].done_count, ==, 1);
    CHECK(!works[0].was_cancelled);
    CHECK(!coil__pool_cancel(&works[0].job));
    CHECK_INT(loop->external, ==, 0);
    CHECK_OK(coil_loop_free(loop));
    sem_destroy(&gate);
}

static void *open_later(void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    sem_post(arg);
    return NULL;
}

COIL_TEST(pool_free_waits_for_running_jobs_and_cancels_waiting_ones)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 1);
    struct work works[2];
    pthread_t opener;
    bool has_opener;
    sem_t gate;

    sem_init(&gate, 0, 0);
    for (int i = 0; i < 2; i++) {
        set_up(&works[i], &gate);
        submit(pool, &works[i]);
    }
    wait_until_begun(&works[0]);
    has_opener = pthread_create(&opener, NULL, open_later, &gate) == 0;
    if (!has_opener) { /* both jobs may end before they are cancelled */
        CHECK_MSG(false, "nobody opens the gate in time");
        sem_post(&gate);
        sem_post(&gate);
    }
    CHECK_OK(coil_loop_free(loop));
    CHECK_INT(works[0].done_count, ==, 1);
    CHECK(!works[0].was_cancelled);
    CHECK_INT(works[1].done_count, ==, 1);
    CHECK(works[1].was_cancelled);
    if (has_opener) {
        pthread_join(opener, NULL);
    }
    sem_destroy(&gate);
}

COIL_TEST(pool_free_leaves_jobs_behind_that_want_it)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 3);
    struct work works[3];
    sem_t gate;

    sem_init(&gate, 0, 0);
    for (int i = 0; i < 3; i++) {
        set_up(&works[i], i == 2 ? NULL : &gate);
        works[i].job.drop = work_dropped;
        submit(pool, &works[i]);
        wait_until_begun(&works[i]);
    }
    run_until(loop, &works[2].done_count, 1);
    CHECK_OK(coil_loop_free(loop));
    sem_post(&gate);
    sem_post(&gate);
    for (int i = 0; i < 2; i++) {
        CHECK(wait_until(&works[i].is_dropped));
        CHECK_INT(works[i].done_count, ==, 0);
    }
    CHECK(!atomic_load(&works[2].is_dropped));
    for (int i = 0; i < 1000 && test_live_blocks() > 0; i++) { /* what the threads free last */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    sem_destroy(&gate);
}

COIL_TEST(pool_ends_threads_without_work)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 2);

    coil__pool_set_idle_time(pool, 1 * COIL_MSEC);
    for (int round = 0; round < 3; round++) {
        struct work work;

        set_up(&work, NULL);
        submit(pool, &work);
        run_until(loop, &work.done_count, 1);
        while (coil__pool_thread_count(pool) > 0) {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(pool_without_any_thread_refuses_a_job)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 2);
    struct work work;

    set_up(&work, NULL);
    fault_syscall_named("pthread_create", 1, EAGAIN);
    CHECK_ERR(coil__pool_submit(pool, &work.job), -EAGAIN);
    CHECK_INT(loop->external, ==, 0);
    fault_alloc_at(1);
    CHECK_ERR(coil__pool_submit(pool, &work.job), -ENOMEM);
    fault_off();
    CHECK_INT(work.done_count, ==, 0);
    submit(pool, &work);
    run_until(loop, &work.done_count, 1);
    CHECK_OK(coil_loop_free(loop));
}

COIL_TEST(pool_makes_do_with_fewer_threads)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 2);
    struct work works[2];
    sem_t gate;

    sem_init(&gate, 0, 0);
    set_up(&works[0], &gate);
    submit(pool, &works[0]);
    wait_until_begun(&works[0]);
    fault_syscall_named("pthread_create", 1, EAGAIN);
    set_up(&works[1], NULL);
    submit(pool, &works[1]);
    CHECK(fault_was_injected());
    fault_off();
    CHECK_INT(coil__pool_thread_count(pool), ==, 1);
    sem_post(&gate);
    run_until(loop, &works[1].done_count, 1);
    CHECK(pthread_equal(works[0].thread, works[1].thread));
    CHECK_OK(coil_loop_free(loop));
    sem_destroy(&gate);
}

static void look_at_signals(struct coil__job *job)
{
    sigset_t set;

    pthread_sigmask(SIG_SETMASK, NULL, &set);
    atomic_store(&work_of(job)->began, sigismember(&set, SIGINT) && sigismember(&set, SIGTERM) &&
                                           sigismember(&set, SIGCHLD));
}

COIL_TEST(pool_threads_block_signals)
{
    struct coil_loop *loop = new_loop();
    struct coil__pool *pool = get_pool(loop, 1);
    struct work work;
    sigset_t set;

    set_up(&work, NULL);
    work.job.work = look_at_signals;
    submit(pool, &work);
    run_until(loop, &work.done_count, 1);
    CHECK(atomic_load(&work.began));
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    CHECK(!sigismember(&set, SIGINT));
    CHECK_OK(coil_loop_free(loop));
}

/* Each job that was accepted comes back, whatever fails meanwhile. */
static void use_pool(void *arg)
{
    struct coil_loop *loop;
    struct coil__pool *pool;
    struct work works[4];
    int accepted[4] = {0};

    (void)arg;
    if (coil_loop_new(NULL, &loop) < 0) {
        return;
    }
    if (coil__pool_get(loop, &loop->workers, 2, &pool) == 0) {
        for (int i = 0; i < 4; i++) {
            set_up(&works[i], NULL);
            accepted[i] = coil__pool_submit(pool, &works[i].job) == 0;
        }
        if (accepted[3]) {
            coil__pool_cancel(&works[3].job);
        }
        while (loop->external > 0) {
            coil_loop_run_once(loop, COIL_NEVER);
        }
        for (int i = 0; i < 4; i++) {
            CHECK_INT(works[i].done_count, ==, accepted[i]);
        }
    }
    coil_loop_free(loop);
}

COIL_TEST_LIMIT(pool_survives_every_fault, 120)
{
    torture(use_pool, NULL);
}
