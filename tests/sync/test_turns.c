/* Whose turn it is with locks and semaphores, step by step, while waiters are cancelled: D1, D4. */
#include "in_task.h"

struct turn {
    struct coil_lock *lock;
    struct coil_semaphore *semaphore;
    struct coil_future *blocker; /* held until this is set */
    int *order;
    int *count;
    int number;
};

/* Takes it and keeps it. */
static int take(void *arg)
{
    struct turn *turn = arg;
    int rc = turn->lock ? coil_lock_acquire(turn->lock) : coil_semaphore_acquire(turn->semaphore);

    if (rc == 0) {
        turn->order[(*turn->count)++] = turn->number;
    }
    return rc;
}

static int take_and_release(void *arg)
{
    struct turn *turn = arg;
    int rc = take(arg);

    if (rc == 0 && turn->blocker) {
        coil_future_wait(turn->blocker);
    }
    return rc < 0 ? rc : coil_lock_release(turn->lock);
}

struct play {
    struct coil_lock lock;
    struct coil_semaphore semaphore;
    struct turn turns[6];
    struct coil_task *tasks[6];
    int order[12];
    int count;
};

/* What those who enter now wait for before they release. */
static struct coil_future *blocked_by;

static struct coil_task *enter(struct play *play, int number, coil_task_fn fn)
{
    struct turn *turn = &play->turns[number];

    *turn = (struct turn){
        .blocker = blocked_by, .order = play->order, .count = &play->count, .number = number};
    if (play->semaphore.max_ > 0) {
        turn->semaphore = &play->semaphore;
    } else {
        turn->lock = &play->lock;
    }
    play->tasks[number] = coil_create_task(fn, turn);
    yield_times(1);
    return play->tasks[number];
}

/* --- locks --- */

/* D1: each release lets exactly one in, the one that waits longest. */
TASK_TEST(lock_lets_one_in_with_each_release)
{
    struct play play = {.count = 0};

    CHECK_OK(coil_lock_acquire(&play.lock));
    enter(&play, 0, take);
    enter(&play, 1, take);
    CHECK_INT(play.count, ==, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_lock_release(&play.lock));
        yield_times(2);
        CHECK_INT(play.count, ==, i + 1);
        CHECK(order_is_free() || play.order[i] == i);
        if (i == 0) {
            enter(&play, 2, take); /* one that comes late */
            CHECK_INT(play.count, ==, 1);
        }
    }
    CHECK(coil_lock_is_locked(&play.lock));
    CHECK_OK(coil_lock_release(&play.lock));
    CHECK(!coil_lock_is_locked(&play.lock));
    return coil_gather(play.tasks, 3, NULL);
}

TASK_TEST(lock_waiter_that_was_cancelled_leaves_no_trace)
{
    struct play play = {.count = 0};

    CHECK_OK(coil_lock_acquire(&play.lock));
    CHECK_INT(coil_cancel(enter(&play, 0, take)), ==, 1);
    CHECK_ERR(coil_await(play.tasks[0]), -ECANCELED);
    CHECK_OK(coil_lock_release(&play.lock));
    CHECK(!coil_lock_is_locked(&play.lock));
    return 0;
}

/* The holder is told to go on, and the first waiter is cancelled in the same moment. */
TASK_TEST(lock_holder_goes_on_while_a_waiter_is_cancelled)
{
    struct coil_future blocker = {0};
    struct play play = {.count = 0};

    blocked_by = &blocker;
    enter(&play, 0, take_and_release);
    blocked_by = NULL;
    enter(&play, 1, take_and_release);
    enter(&play, 2, take_and_release);
    CHECK_OK(coil_future_set(&blocker, 0));
    CHECK_INT(coil_cancel(play.tasks[1]), ==, 1);
    CHECK_OK(coil_await(play.tasks[0]));
    CHECK_ERR(coil_await(play.tasks[1]), -ECANCELED);
    CHECK_OK(coil_await(play.tasks[2]));
    CHECK(!coil_lock_is_locked(&play.lock));
    return 0;
}

static void cancel_and_release(void *user)
{
    struct play *play = user;

    CHECK_INT(coil_cancel(play->tasks[0]), ==, 1);
    CHECK_OK(coil_lock_release(&play->lock));
}

/* A callback cancels the first waiter and releases: one of the others gets it, not two. */
TASK_TEST(lock_cancel_and_release_let_one_in)
{
    struct coil_handle handle = {0};
    struct play play = {.count = 0};

    CHECK_OK(coil_lock_acquire(&play.lock));
    for (int i = 0; i < 3; i++) {
        enter(&play, i, take);
    }
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, cancel_and_release, &play));
    CHECK_ERR(coil_await(play.tasks[0]), -ECANCELED);
    CHECK_OK(coil_await(play.tasks[1]));
    yield_times(2);
    CHECK_INT(play.count, ==, 1);
    CHECK(!coil_task_is_done(play.tasks[2]));
    CHECK_INT(coil_cancel(play.tasks[2]), ==, 1);
    CHECK_ERR(coil_await(play.tasks[2]), -ECANCELED);
    return coil_lock_release(&play.lock);
}

/* The first waiter is cancelled and has not run yet when the lock is released: the next has it. */
TASK_TEST(lock_passes_by_a_waiter_that_is_cancelled)
{
    struct play play = {.count = 0};

    CHECK_OK(coil_lock_acquire(&play.lock));
    enter(&play, 0, take);
    enter(&play, 1, take);
    coil_cancel(play.tasks[0]);
    CHECK_OK(coil_lock_release(&play.lock));
    CHECK(coil_lock_is_locked(&play.lock));
    CHECK_ERR(coil_await(play.tasks[0]), -ECANCELED);
    CHECK_OK(coil_await(play.tasks[1]));
    return coil_lock_release(&play.lock);
}

/* --- semaphores --- */

static void open_play(struct play *play, size_t permits)
{
    *play = (struct play){.count = 0};
    CHECK_OK(coil_semaphore_init(&play->semaphore, permits));
}

static void end_others(struct play *play, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        coil_cancel(play->tasks[i]);
        coil_await(play->tasks[i]);
    }
}

/* D4: permits that are released go to those who wait, and nobody else finds one meanwhile. */
TASK_TEST(semaphore_hands_permits_to_those_who_wait)
{
    struct play play;

    open_play(&play, 3);
    CHECK_OK(coil_semaphore_acquire(&play.semaphore));
    CHECK_OK(coil_semaphore_acquire(&play.semaphore));
    CHECK_INT(coil_semaphore_permits(&play.semaphore), ==, 1);
    for (int i = 0; i < 4; i++) {
        enter(&play, i, take);
    }
    CHECK_INT(play.count, ==, 1);
    CHECK_OK(coil_semaphore_release(&play.semaphore));
    CHECK_OK(coil_semaphore_release(&play.semaphore));
    CHECK_INT(coil_semaphore_permits(&play.semaphore), ==, 0);
    CHECK_ERR(coil_semaphore_try_acquire(&play.semaphore), -EAGAIN);
    yield_times(1);
    CHECK_INT(play.count, ==, 3);
    CHECK_OK(coil_semaphore_release(&play.semaphore));
    CHECK_OK(coil_gather(play.tasks, 4, NULL));
    CHECK_INT(coil_semaphore_permits(&play.semaphore), ==, 0);
    for (int i = 0; i < 4 && !order_is_free(); i++) {
        CHECK_INT(play.order[i], ==, i);
    }
    return 0;
}

/* Two of four are cancelled and have not run yet: one permit lets the third one in, only that. */
TASK_TEST(semaphore_passes_by_waiters_that_are_cancelled)
{
    struct play play;

    open_play(&play, 0);
    for (int i = 0; i < 4; i++) {
        enter(&play, i, take);
    }
    coil_cancel(play.tasks[0]);
    coil_cancel(play.tasks[1]);
    CHECK_OK(coil_semaphore_release(&play.semaphore));
    yield_times(2);
    CHECK_INT(play.count, ==, 1);
    CHECK_INT(coil_task_is_done(play.tasks[2]) + coil_task_is_done(play.tasks[3]), ==, 1);
    CHECK(order_is_free() || play.order[0] == 2);
    CHECK_INT(coil_semaphore_permits(&play.semaphore), ==, 0);
    end_others(&play, 0, 4);
    return 0;
}

/* The same with two: the one that is left does not wait for ever. */
TASK_TEST(semaphore_wakes_the_one_behind_a_cancelled_waiter)
{
    struct play play;

    open_play(&play, 0);
    enter(&play, 0, take);
    enter(&play, 1, take);
    coil_cancel(play.tasks[0]);
    CHECK_OK(coil_semaphore_release(&play.semaphore));
    CHECK_OK(coil_await(play.tasks[1]));
    CHECK_INT(coil_semaphore_permits(&play.semaphore), ==, 0);
    CHECK_ERR(coil_await(play.tasks[0]), -ECANCELED);
    return 0;
}

/* First cancelled, and only then two permits: the two that are left, in order. */
TASK_TEST(semaphore_keeps_the_order_after_a_cancel)
{
    struct play play;

    open_play(&play, 0);
    for (int i = 0; i < 3; i++) {
        enter(&play, i, take);
    }
    coil_cancel(play.tasks[0]);
    CHECK_ERR(coil_await(play.tasks[0]), -ECANCELED);
    CHECK_OK(coil_semaphore_release(&play.semaphore));
    CHECK_OK(coil_semaphore_release(&play.semaphore));
    CHECK_OK(coil_gather(play.tasks + 1, 2, NULL));
    CHECK(order_is_free() || (play.order[0] == 1 && play.order[1] == 2));
    return 0;
}

struct rounds {
    struct coil_semaphore *semaphore;
    int *order;
    int *count;
    int number;
};

static int go_round(void *arg)
{
    struct rounds *rounds = arg;

    for (int i = 0; i < 2; i++) {
        int rc = coil_semaphore_acquire(rounds->semaphore);

        if (rc < 0) {
            return rc;
        }
        rounds->order[(*rounds->count)++] = 10 * i + rounds->number;
        CHECK_OK(coil_sleep(COIL_MSEC));
        CHECK_OK(coil_semaphore_release(rounds->semaphore));
    }
    return 0;
}

/* Who releases and acquires again stands behind those who wait already. */
TASK_TEST(semaphore_goes_round_in_order)
{
    static const int expected[6] = {0, 1, 2, 10, 11, 12};
    struct coil_semaphore semaphore;
    struct coil_task *tasks[3];
    struct rounds rounds[3];
    int order[6] = {0};
    int count = 0;

    CHECK_OK(coil_semaphore_init(&semaphore, 0));
    for (int i = 0; i < 3; i++) {
        rounds[i] = (struct rounds){&semaphore, order, &count, i};
        tasks[i] = coil_create_task(go_round, &rounds[i]);
        yield_times(1);
    }
    CHECK_OK(coil_semaphore_release(&semaphore)); /* all of them wait by now */
    CHECK_OK(coil_gather(tasks, 3, NULL));
    CHECK_INT(count, ==, 6);
    for (int i = 0; i < 6 && !order_is_free(); i++) {
        CHECK_INT(order[i], ==, expected[i]);
    }
    return 0;
}

static int take_twice(void *arg)
{
    struct turn *turn = arg;
    int rc = take(arg);

    if (rc == 0) {
        CHECK_OK(coil_semaphore_release(turn->semaphore));
        turn->number = 3;
        rc = take(arg);
    }
    return rc;
}

/* One that releases to the one behind it gets its second turn only after that. */
TASK_TEST(semaphore_second_turn_comes_last)
{
    struct play play;

    open_play(&play, 1);
    enter(&play, 0, take);
    enter(&play, 1, take_twice);
    enter(&play, 2, take);
    CHECK_OK(coil_semaphore_release(&play.semaphore));
    yield_times(3);
    CHECK_INT(play.count, ==, 3);
    CHECK_OK(coil_semaphore_release(&play.semaphore));
    CHECK_OK(coil_gather(play.tasks, 3, NULL));
    CHECK_INT(play.count, ==, 4);
    for (int i = 0; i < 4 && !order_is_free(); i++) {
        CHECK_INT(play.order[i], ==, i);
    }
    return 0;
}

/* The one inside cancels the one outside, and leaves: the permit is there for the next. */
TASK_TEST(semaphore_is_free_after_its_waiter_was_cancelled)
{
    struct play play;

    open_play(&play, 1);
    CHECK_OK(coil_semaphore_acquire(&play.semaphore));
    enter(&play, 0, take);
    CHECK_OK(coil_semaphore_release(&play.semaphore)); /* to the waiter, which keeps it */
    coil_cancel(play.tasks[0]);
    CHECK_OK(coil_await(play.tasks[0]));
    CHECK_OK(coil_semaphore_release(&play.semaphore));
    coil_timeout(COIL_SEC) {
        CHECK_OK(coil_semaphore_acquire(&play.semaphore));
    }
    return 0;
}

/* --- of another loop (A6) --- */

static struct play shared;
static struct coil_condition condition;

static int wait_once(void *arg)
{
    (void)arg;
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_semaphore_acquire(&shared.semaphore), -ETIMEDOUT);
    }
    CHECK_OK(coil_lock_acquire(&shared.lock));
    return 0;
}

static int use_foreign(void *arg)
{
    (void)arg;
    CHECK_ERR(coil_lock_acquire(&shared.lock), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_lock_release(&shared.lock), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_condition_wait(&condition), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_condition_notify_all(&condition), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_semaphore_acquire(&shared.semaphore), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_semaphore_release(&shared.semaphore), -COIL_EWRONGTHREAD);
    return 0;
}

/* What has waited in one loop belongs to it, also where both are in one thread. */
COIL_TEST(locks_of_another_loop_are_named)
{
    struct coil_loop *loops[2];

    open_play(&shared, 0);
    CHECK_OK(coil_condition_init(&condition, &shared.lock));
    CHECK_OK(coil_loop_new(NULL, &loops[0]));
    CHECK_OK(coil_loop_new(NULL, &loops[1]));
    CHECK_OK(coil_run_in(loops[0], NULL, wait_once, NULL));
    CHECK_OK(coil_run_in(loops[1], NULL, use_foreign, NULL));
    CHECK_OK(coil_loop_free(loops[1]));
    CHECK_OK(coil_loop_free(loops[0]));
}
