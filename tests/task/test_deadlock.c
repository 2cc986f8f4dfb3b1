/* When every task waits and nothing can wake any of them: a report, and the end of the run. And
 * what is no deadlock. */
#include "in_task.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* The tables of symbols are read once, before the tests' processes are forked: it takes a while. */
__attribute__((constructor)) static void read_symbols(void)
{
    struct coil_frame frame;

    coil_frame_lines((const char *)(uintptr_t)coil_run + 1, &frame, 1);
    coil_frame_lines((const char *)(uintptr_t)read_symbols + 1, &frame, 1);
}

static struct coil_task *start(const char *name, coil_task_fn fn, void *arg)
{
    struct coil_task_options options = {.name = name, .site = COIL_HERE};

    return test_made(coil_task_create(&options, fn, arg));
}

static int wait_for_event(void *arg)
{
    return coil_event_wait(arg);
}

static int run_it(void *arg)
{
    coil_task_fn *body = arg;

    return coil_run(*body, NULL) == -EDEADLK ? 0 : 1;
}

/* Runs it in a process of its own, which must find the deadlock and say so, with these pieces. */
static void check_deadlock(coil_task_fn body, const char *const *pieces)
{
    struct test_child child;

    test_run_child(run_it, &body, &child);
    CHECK_CONTAINS(child.output, "coil: deadlock: every task waits, and nothing can wake any of "
                                 "them");
    for (; *pieces; pieces++) {
        CHECK_CONTAINS(child.output, *pieces);
    }
    CHECK_INT(child.exit_code, ==, 0);
}

/* --- deadlocks --- */

static struct coil_event never;

static int wait_alone(__attribute__((unused)) void *arg)
{
    int rc = coil_event_wait(&never);

    CHECK_ERR(rc, -ECANCELED);
    CHECK_CONTAINS(coil_cancel_reason(), "deadlock");
    return rc;
}

COIL_TEST(deadlock_of_one)
{
    const char *const pieces[] = {"\n  main (1) waits: event", NULL};

    check_deadlock(wait_alone, pieces);
}

static int take_both(void *arg)
{
    struct coil_lock **locks = arg;
    int rc;

    CHECK_OK(coil_lock_acquire(locks[0]));
    yield_times(2);
    rc = coil_lock_acquire(locks[1]);
    coil_lock_release(locks[0]);
    return rc;
}

static int lock_in_two_orders(__attribute__((unused)) void *arg)
{
    struct coil_lock a = {0};
    struct coil_lock b = {0};
    struct coil_lock *ab[2] = {&a, &b};
    struct coil_lock *ba[2] = {&b, &a};
    struct coil_task *tasks[2] = {start("one", take_both, ab), start("two", take_both, ba)};

    return coil_gather(tasks, 2, NULL);
}

COIL_TEST(deadlock_of_locks_names_the_cycle)
{
    const char *const pieces[] = {"main (1) waits: gather",
                                  "one (2) waits: lock, held by two (3); created at test_deadlock",
                                  "two (3) waits: lock, held by one (2); created",
                                  "the cycle: ",
                                  " -> ",
                                  NULL};

    check_deadlock(lock_in_two_orders, pieces);
}

static int take_and_end(void *arg)
{
    return coil_lock_acquire(arg);
}

static int lose_a_lock(__attribute__((unused)) void *arg)
{
    struct coil_lock lock = {0};

    CHECK_OK(coil_await(start("loser", take_and_end, &lock)));
    return coil_await(start("waiter", take_and_end, &lock));
}

COIL_TEST(deadlock_by_a_lock_that_was_lost)
{
    const char *const pieces[] = {
        "waiter (3) waits: lock, held by a task that has ended without releasing it", NULL};

    check_deadlock(lose_a_lock, pieces);
}

/* The cancel does not reach into shields, and one who must have its lock back waits on: both are
 * brought to an end all the same. */
static int wait_in_shield(void *arg)
{
    int rc = 0;

    coil_shield {
        rc = coil_event_wait(arg);
    }
    return rc;
}

static int shield_itself(__attribute__((unused)) void *arg)
{
    return coil_await(start("shielded", wait_in_shield, &never));
}

COIL_TEST(deadlock_behind_a_shield)
{
    const char *const pieces[] = {"shielded (2) waits: event", NULL};

    check_deadlock(shield_itself, pieces);
}

struct watched {
    struct coil_lock lock;
    struct coil_condition condition;
};

static int wait_for_condition(void *arg)
{
    struct watched *watched = arg;
    int rc;

    CHECK_OK(coil_lock_acquire(&watched->lock));
    rc = coil_condition_wait(&watched->condition);
    CHECK(coil_lock_is_locked(&watched->lock));
    CHECK_OK(coil_lock_release(&watched->lock));
    return rc;
}

static int lose_the_condition(__attribute__((unused)) void *arg)
{
    struct watched watched = {0};
    struct coil_task *tasks[2];

    CHECK_OK(coil_condition_init(&watched.condition, &watched.lock));
    tasks[0] = start("waiter", wait_for_condition, &watched);
    tasks[1] = start("other", wait_for_condition, &watched);
    yield_times(4);
    CHECK_OK(coil_lock_acquire(&watched.lock));
    return coil_gather(tasks, 2, NULL); /* with the lock */
}

COIL_TEST(deadlock_of_those_that_must_have_a_lock_back)
{
    const char *const pieces[] = {"waiter (2) waits: condition", NULL};

    check_deadlock(lose_the_condition, pieces);
}

static int give_cancel_back(__attribute__((unused)) void *arg)
{
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(coil_event_wait(&never), -ECANCELED);
        coil_uncancel(coil_current_task());
    }
    return 7;
}

COIL_TEST(deadlock_again_and_again)
{
    const char *const pieces[] = {"main (1) waits: event", NULL};

    check_deadlock(give_cancel_back, pieces);
}

static int leave_one_behind(__attribute__((unused)) void *arg)
{
    CHECK_OK(coil_detach(start("shielded", wait_in_shield, &never)));
    yield_times(2);
    return 5;
}

COIL_TEST(deadlock_at_the_end)
{
    const char *const pieces[] = {"shielded (2) waits: event; to be cancelled after a shield",
                                  NULL};

    check_deadlock(leave_one_behind, pieces);
}

/* A child that awaits its parent, which waits in a group: no await is refused there. */
static int await_parent(void *arg)
{
    return coil_await(*(struct coil_task **)arg);
}

static int group_with_child(void *arg)
{
    struct coil_group group;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, await_parent, arg));
    return coil_group_close(&group);
}

static int await_grouper(__attribute__((unused)) void *arg)
{
    struct coil_task *parent = start("parent", group_with_child, &parent);

    coil_yield();
    return coil_sleep(COIL_NSEC) < 0 ? -EIO : coil_event_wait(&never);
}

COIL_TEST(deadlock_of_a_child_that_awaits_its_parent)
{
    const char *const pieces[] = {"parent (2) waits: group", "task-3 waits: await",
                                  "the cycle: parent (2) -> task-3 -> parent (2)", NULL};

    check_deadlock(await_grouper, pieces);
}

struct hens {
    struct coil_task *tasks[2];
};

static int gather_first(void *arg)
{
    return coil_gather(((struct hens *)arg)->tasks, 1, NULL);
}

static int gather_second(void *arg)
{
    int results[1] = {1};
    int rc = coil_gather(((struct hens *)arg)->tasks + 1, 1, results);

    CHECK_ERR(results[0], -ECANCELED);
    return rc;
}

static int gather_each_other(__attribute__((unused)) void *arg)
{
    struct hens hens;

    hens.tasks[0] = start("hen", gather_second, &hens);
    hens.tasks[1] = start("egg", gather_first, &hens);
    return coil_event_wait(&never);
}

COIL_TEST(deadlock_of_gathers)
{
    const char *const pieces[] = {"hen (2) waits: gather", "the cycle: hen (2) -> egg (3) -> hen",
                                  NULL};

    check_deadlock(gather_each_other, pieces);
}

/* A loop that was handed out: only when nobody else could call it. */
static int hear_deadlock(void *arg)
{
    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, arg));
    return coil_event_wait(&never);
}

COIL_TEST(deadlock_reaches_the_error_handler)
{
    struct heard heard = {0};

    if (test_has_tsan() || test_is_emulated()) {
        test_skip("there are other threads");
    }
    if (test_is_torture()) {
        test_skip("a signal that cannot be asked about may have a handler: then it waits");
    }
    CHECK_ERR(coil_run(hear_deadlock, &heard), -EDEADLK);
    CHECK_INT(heard.count, ==, 1);
    CHECK_ERR(heard.error, -EDEADLK);
    CHECK_CONTAINS(heard.message, "deadlock: every task waits");
}

/* --- no deadlocks --- */

static atomic_bool is_asleep;

/* A sleep without an end is there to be cancelled. */
static int sleep_forever(__attribute__((unused)) void *arg)
{
    struct coil_task *task = coil_create_task(wait_for_event, &never);

    coil_detach(task);
    atomic_store(&is_asleep, true);
    return coil_sleep(COIL_NEVER);
}

static void *interrupt_soon(void *arg)
{
    pthread_t *thread = arg;

    while (!atomic_load(&is_asleep)) {
        usleep(1000);
    }
    usleep(10000);
    pthread_kill(*thread, SIGINT);
    return NULL;
}

COIL_TEST(deadlock_is_not_a_sleep_without_end)
{
    pthread_t self = pthread_self();
    pthread_t thread;

    if (test_is_torture()) {
        test_skip("the signal that is to end it may not be caught");
    }
    CHECK_INT(pthread_create(&thread, NULL, interrupt_soon, &self), ==, 0);
    CHECK_ERR(coil_run(sleep_forever, NULL), -EINTR);
    pthread_join(thread, NULL);
}

struct post {
    struct coil_loop *loop;
    struct coil_handle handle;
    struct coil_event event;
};

static void set_event(void *user)
{
    coil_event_set(user);
}

static void *post_soon(void *arg)
{
    struct post *post = arg;

    usleep(30000);
    coil_call_soon_threadsafe(post->loop, &post->handle, set_event, &post->event);
    return NULL;
}

static int wait_for_post(void *arg)
{
    struct post *post = arg;
    pthread_t thread;
    int rc;

    post->loop = coil_loop_current();
    CHECK_INT(pthread_create(&thread, NULL, post_soon, post), ==, 0);
    rc = coil_event_wait(&post->event);
    pthread_join(thread, NULL);
    return rc;
}

COIL_TEST(deadlock_is_not_a_wait_for_a_thread)
{
    struct post post = {.loop = NULL};

    CHECK_ERR(coil_run(wait_for_post, &post), 0);
}

static void post_from_handler(int signum)
{
    extern struct post *handler_post;

    (void)signum;
    coil_call_soon_threadsafe(handler_post->loop, &handler_post->handle, set_event,
                              &handler_post->event);
}

struct post *handler_post;

static int wait_for_handler(void *arg)
{
    struct post *post = arg;

    post->loop = coil_loop_current();
    signal(SIGALRM, post_from_handler);
    ualarm(30000, 0);
    return coil_event_wait(&post->event);
}

COIL_TEST(deadlock_is_not_a_wait_for_a_signal_handler)
{
    struct post post = {.loop = NULL};

    handler_post = &post;
    CHECK_ERR(coil_run(wait_for_handler, &post), 0);
    signal(SIGALRM, SIG_DFL);
}

static int wait_for_signal(__attribute__((unused)) void *arg)
{
    struct coil_signal_watch watch = {0};
    int signum = SIGALRM;
    int rc;

    CHECK_OK(coil_signal_open(&watch, &signum, 1));
    ualarm(30000, 0);
    rc = coil_signal_next(&watch);
    coil_signal_close(&watch);
    return rc == SIGALRM ? 0 : -EIO;
}

COIL_TEST(deadlock_is_not_a_wait_for_a_signal)
{
    CHECK_ERR(coil_run(wait_for_signal, NULL), 0);
}

static int block(__attribute__((unused)) void *arg)
{
    usleep(30000);
    return 3;
}

static int wait_for_worker(__attribute__((unused)) void *arg)
{
    return coil_to_thread(block, NULL);
}

COIL_TEST(deadlock_is_not_a_job_in_a_thread)
{
    CHECK_ERR(coil_run(wait_for_worker, NULL), 3);
}

/* What the hooks of an embedder do cannot be known. */
static int wait_with_hooks(void *arg)
{
    CHECK_OK(coil_loop_set_wait_hooks(coil_loop_current(), set_event, NULL, arg));
    return coil_event_wait(arg);
}

COIL_TEST(deadlock_is_not_known_with_hooks)
{
    struct coil_event event = {0};

    CHECK_ERR(coil_run(wait_with_hooks, &event), 0);
}

/* --- cycles of joins --- */

struct ring {
    struct coil_task *tasks[3];
    int rcs[3];
    size_t count;
};

static int await_next(struct ring *ring, size_t index)
{
    ring->rcs[index] = coil_await(ring->tasks[(index + 1) % ring->count]);
    return ring->rcs[index];
}

static int await_from_0(void *arg)
{
    return await_next(arg, 0);
}

static int await_from_1(void *arg)
{
    return await_next(arg, 1);
}

static int await_from_2(void *arg)
{
    return await_next(arg, 2);
}

static void check_ring(size_t count)
{
    static const coil_task_fn fns[] = {await_from_0, await_from_1, await_from_2};
    struct ring ring = {.count = count};
    size_t refused = 0;

    for (size_t i = 0; i < count; i++) {
        ring.tasks[i] = coil_create_task(fns[i], &ring);
    }
    yield_times(5);
    for (size_t i = 0; i < count; i++) {
        CHECK_ERR(ring.rcs[i], -EDEADLK); /* of the last one, and passed on by the others */
        refused += coil_await(ring.tasks[i]) == -EDEADLK;
    }
    CHECK_INT(refused, ==, 1); /* the one whose await was refused, nobody has awaited */
}

TASK_TEST(deadlock_of_awaits_is_refused)
{
    check_ring(2);
    check_ring(3);
    return 0;
}

static int await_what_awaits_me(void *arg)
{
    struct coil_task **awaiter = arg;

    coil_yield();
    coil_yield();
    CHECK_ERR(coil_await(*awaiter), -EDEADLK);
    CHECK_ERR(coil_await_shielded(*awaiter), -EDEADLK);
    CHECK_ERR(coil_wait_for(*awaiter, COIL_MINUTE), -EDEADLK);
    return 4;
}

static int await_child(void *arg)
{
    return coil_await(coil_create_task(await_what_awaits_me, arg));
}

/* It is not consumed by that. */
TASK_TEST(deadlock_refused_awaits_do_no_harm)
{
    struct coil_task *middle = coil_create_task(await_child, &middle);

    coil_yield();
    CHECK_ERR(coil_await(middle), 4);
    return 0;
}
