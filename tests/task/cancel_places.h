/* Where a task can stand when it is cancelled: rows 2 to 25 and 61 to 68 of docs/cancellation.md,
 * each a function that goes there and returns what the call returned. See test_cancel.c, and
 * cancel_places_io.h for the rows after those. */
#ifndef COIL_TESTS_CANCEL_PLACES_H
#define COIL_TESTS_CANCEL_PLACES_H

#include "in_task.h"

#include <stdatomic.h>
#include <unistd.h>

enum { RESULT = 77, UNTOUCHED = 1 };

struct place;
struct cause;

struct trial {
    const struct place *place;
    const struct cause *cause;
    struct coil_task *victim;
    struct coil_scope scope; /* the victim's, for causes that need one */
    atomic_bool is_there;
    atomic_bool has_happened;
    atomic_bool is_occupied; /* the only thread */
    atomic_bool is_free;     /* and may be given back */
    bool has_run;
    int child_rcs[3];
    int rc;         /* what the call returned */
    int next_rc;    /* and the one after it */
    int between_rc; /* after the inner scope, inside the outer one */
    int close_rc;   /* the scope's */
    int after_rc;   /* after all scopes */
    char reason[80];
};

static struct trial trial;

struct place {
    int row;
    int (*go)(struct trial *t);
    int gives;      /* what the call returns in spite of all; -1: the reason */
    bool is_real;   /* the simulated backend cannot go there */
    bool is_thread; /* nor io_uring, which does it without one */
};

struct cause {
    int row;
    int error;
    int scopes; /* that the victim opens around its place */
    coil_task_fn play;
    bool is_interrupt; /* the victim is the first task */
    bool ends_all;     /* it reaches not only the victim */
};

/* --- small parts --- */

static int note_forever(void *arg)
{
    int *rc = arg;

    *rc = coil_sleep(COIL_NEVER);
    return *rc;
}

static int be_stubborn(void *arg)
{
    (void)arg;
    coil_sleep(COIL_NEVER);
    return RESULT;
}

static int await_it(void *arg)
{
    return coil_await(*(struct coil_task **)arg);
}

static struct coil_task *child(struct trial *t, int number)
{
    return coil_create_task(note_forever, &t->child_rcs[number]);
}

static void end(struct coil_task *task)
{
    coil_cancel(task);
    coil_shield {
        coil_await(task);
    }
}

/* --- where the task stands --- */

static int in_yield(struct trial *t)
{
    int rc;

    t->is_there = true;
    while ((rc = coil_yield()) == 0) {
    }
    return rc;
}

static int in_sleep(struct trial *t)
{
    int64_t before = coil_now();
    int rc;

    t->is_there = true;
    rc = coil_sleep(COIL_MINUTE);
    CHECK_INT(coil_now() - before, <, COIL_MINUTE);
    return rc;
}

static int in_await(struct trial *t)
{
    struct coil_task *task = child(t, 0);
    int rc;

    t->is_there = true;
    rc = coil_await(task);
    CHECK_ERR(t->child_rcs[0], -ECANCELED);
    CHECK_ERR(coil_await(task), -COIL_ESTALE);
    return rc;
}

static int in_shared_await(struct trial *t)
{
    struct coil_task *task = child(t, 0);
    struct coil_task *other = coil_create_task(await_it, &task);
    int rc;

    yield_times(2);
    t->is_there = true;
    rc = coil_await(task);
    if (!t->cause->ends_all) {
        CHECK(!coil_task_is_done(task));
        CHECK_INT(coil_cancelling(task), ==, 0);
    }
    end(other);
    return rc;
}

static int in_shielded_await(struct trial *t)
{
    struct coil_task *task = child(t, 0);
    int rc;

    t->is_there = true;
    rc = coil_await_shielded(task);
    if (!t->cause->ends_all) {
        CHECK_INT(coil_cancelling(task), ==, 0);
        CHECK_ERR(coil_detach(task), -COIL_ESTALE);
    }
    coil_cancel(task);
    return rc;
}

static int in_await_of_a_stubborn_task(struct trial *t)
{
    struct coil_task *task = coil_create_task(be_stubborn, NULL);

    t->is_there = true;
    return coil_await(task);
}

static int in_gather(struct trial *t)
{
    struct coil_task *tasks[2] = {child(t, 0), child(t, 1)};
    int rc;

    t->is_there = true;
    rc = coil_gather(tasks, 2, NULL);
    CHECK_ERR(t->child_rcs[0], -ECANCELED);
    CHECK_ERR(t->child_rcs[1], -ECANCELED);
    CHECK_ERR(coil_await(tasks[1]), -COIL_ESTALE);
    return rc;
}

static int in_wait(struct trial *t)
{
    struct coil_task *tasks[2] = {child(t, 0), child(t, 1)};
    int rc;

    t->is_there = true;
    rc = (int)coil_wait(tasks, 2, COIL_ALL_COMPLETED, COIL_NEVER);
    if (!t->cause->ends_all) {
        CHECK_INT(coil_cancelling(tasks[0]), ==, 0);
        CHECK_INT(coil_cancelling(tasks[1]), ==, 0);
    }
    end(tasks[0]);
    end(tasks[1]);
    return rc;
}

static int in_wait_for(struct trial *t)
{
    struct coil_task *task = child(t, 0);
    int rc;

    t->is_there = true;
    rc = coil_wait_for(task, COIL_MINUTE);
    CHECK_ERR(t->child_rcs[0], -ECANCELED);
    return rc;
}

static int in_as_completed(struct trial *t)
{
    struct coil_task *tasks[2] = {child(t, 0), child(t, 1)};
    struct coil_as_completed completed;
    int rc;

    CHECK_OK(coil_as_completed_open(&completed, tasks, 2));
    t->is_there = true;
    rc = (int)coil_as_completed_next(&completed, NULL);
    coil_cancel(tasks[1]);
    coil_shield {
        CHECK_INT(coil_as_completed_next(&completed, NULL), >=, 0);
    }
    coil_as_completed_close(&completed);
    end(tasks[0]);
    end(tasks[1]);
    return rc;
}

static int in_group_close(struct trial *t)
{
    struct coil_group group;
    int rc;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, note_forever, &t->child_rcs[0]));
    t->is_there = true;
    rc = coil_group_close(&group);
    CHECK_ERR(t->child_rcs[0], -ECANCELED);
    return rc;
}

static int in_group_body(struct trial *t)
{
    struct coil_group group;
    int rc;

    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_group_spawn(&group, note_forever, &t->child_rcs[0]));
    t->is_there = true;
    rc = coil_sleep(COIL_MINUTE);
    coil_shield {
        yield_times(2);
        CHECK_ERR(t->child_rcs[0], -ECANCELED); /* at once, not only at the close */
    }
    CHECK_ERR(coil_group_close(&group), rc);
    return rc;
}

static int in_group_start(struct trial *t)
{
    struct coil_group group;
    int rc;

    CHECK_OK(coil_group_open(&group));
    t->is_there = true;
    rc = coil_group_start(&group, note_forever, &t->child_rcs[0]);
    CHECK_ERR(t->child_rcs[0], -ECANCELED);
    CHECK_ERR(coil_group_close(&group), rc);
    return rc;
}

static int in_map(struct trial *t)
{
    int rc;

    t->is_there = true;
    rc = coil_map(note_forever, t->child_rcs, 3, sizeof(int), 2);
    CHECK_ERR(t->child_rcs[0], -ECANCELED);
    CHECK_ERR(t->child_rcs[1], -ECANCELED);
    CHECK_INT(t->child_rcs[2], ==, UNTOUCHED);
    return rc;
}

static int in_race(struct trial *t)
{
    int rc;

    t->is_there = true;
    rc = coil_staggered_race(note_forever, t->child_rcs, 3, sizeof(int), COIL_NEVER, NULL);
    CHECK_ERR(t->child_rcs[0], -ECANCELED);
    CHECK_INT(t->child_rcs[1], ==, UNTOUCHED);
    return rc;
}

static int in_channel_recv(struct trial *t)
{
    struct coil_channel channel;
    int number = 5;
    int rc;

    CHECK_OK(coil_channel_init(&channel, sizeof number, 1));
    t->is_there = true;
    rc = coil_channel_recv(&channel, &number);
    CHECK_INT(number, ==, 5);
    CHECK_OK(coil_channel_try_send(&channel, &number)); /* nobody is there to take it */
    CHECK_INT(coil_channel_count(&channel), ==, 1);
    coil_channel_deinit(&channel);
    return rc;
}

static int in_channel_send(struct trial *t)
{
    struct coil_channel channel;
    int number = 5;
    int rc;

    CHECK_OK(coil_channel_init(&channel, sizeof number, 0));
    t->is_there = true;
    rc = coil_channel_send(&channel, &number);
    CHECK_ERR(coil_channel_try_recv(&channel, &number), -EAGAIN);
    coil_channel_deinit(&channel);
    return rc;
}

static int in_event_wait(struct trial *t)
{
    struct coil_event event = {0};
    int rc;

    t->is_there = true;
    rc = coil_event_wait(&event);
    CHECK(!coil_event_is_set(&event));
    CHECK_OK(coil_event_set(&event));
    return rc;
}

static int in_future_wait(struct trial *t)
{
    struct coil_future future = {0};
    int rc;

    t->is_there = true;
    rc = coil_future_wait(&future);
    CHECK(!coil_future_is_done(&future));
    CHECK_OK(coil_future_set(&future, 1));
    return rc;
}

static int in_recv(struct trial *t)
{
    char byte = 'a';
    int fds[2];
    int rc;

    test_socket_pair(fds);
    t->is_there = true;
    rc = (int)coil_recv(fds[0], &byte, 1, 0);
    CHECK_INT(byte, ==, 'a');
    CHECK_INT(write(fds[1], "b", 1), ==, 1);
    coil_shield {
        CHECK_INT(coil_recv(fds[0], &byte, 1, 0), ==, 1);
    }
    CHECK_INT(byte, ==, 'b');
    close(fds[0]);
    close(fds[1]);
    return rc;
}

static void wait_until(const atomic_bool *flag)
{
    for (int i = 0; !*flag && i < 10000 && !test_has_noticed(); i++) {
        usleep(200);
    }
}

static int work(void *arg)
{
    struct trial *t = arg;

    t->is_there = true;
    wait_until(&t->has_happened);
    return RESULT;
}

static int in_thread(struct trial *t)
{
    return coil_to_thread(work, t);
}

static int occupy(void *arg)
{
    struct trial *t = arg;

    t->is_occupied = true;
    wait_until(&t->is_free);
    return 0;
}

static int occupy_thread(void *arg)
{
    int rc = coil_to_thread(occupy, arg);

    CHECK_OK(rc);
    return rc;
}

static int never_work(void *arg)
{
    ((struct trial *)arg)->has_run = true;
    return 0;
}

/* The loop has one thread only. */
static int in_the_queue_for_a_thread(struct trial *t)
{
    struct coil_task *occupier = coil_create_task(occupy_thread, t);
    int rc;

    while (!t->is_occupied && !test_has_noticed()) {
        CHECK_OK(coil_yield());
    }
    t->is_there = true;
    rc = coil_to_thread(never_work, t);
    CHECK(!t->has_run);
    t->is_free = true;
    end(occupier);
    CHECK(!t->has_run);
    return rc;
}

static int in_lock(struct trial *t)
{
    struct coil_lock lock = {0};
    int rc;

    CHECK_OK(coil_lock_try_acquire(&lock));
    lock.holder_ = NULL; /* as if a callback had taken it */
    t->is_there = true;
    rc = coil_lock_acquire(&lock);
    CHECK_OK(coil_lock_release(&lock));
    CHECK(!coil_lock_is_locked(&lock));
    return rc;
}

static int in_semaphore(struct trial *t)
{
    struct coil_semaphore semaphore;
    int rc;

    CHECK_OK(coil_semaphore_init(&semaphore, 0));
    t->is_there = true;
    rc = coil_semaphore_acquire(&semaphore);
    CHECK_OK(coil_semaphore_release(&semaphore));
    CHECK_INT(coil_semaphore_permits(&semaphore), ==, 1);
    return rc;
}

static int in_condition(struct trial *t)
{
    struct coil_condition condition;
    struct coil_lock lock = {0};
    int rc;

    CHECK_OK(coil_condition_init(&condition, &lock));
    CHECK_OK(coil_lock_acquire(&lock));
    t->is_there = true;
    rc = coil_condition_wait(&condition);
    CHECK(coil_lock_is_locked(&lock));
    CHECK_OK(coil_condition_notify(&condition, 1));
    CHECK_OK(coil_lock_release(&lock));
    return rc;
}

static int in_barrier(struct trial *t)
{
    struct coil_barrier barrier;
    int rc;

    CHECK_OK(coil_barrier_init(&barrier, 2));
    t->is_there = true;
    rc = (int)coil_barrier_wait(&barrier);
    CHECK_INT(coil_barrier_waiting(&barrier), ==, 0);
    CHECK(!coil_barrier_is_broken(&barrier));
    return rc;
}

static int in_queue_get(struct trial *t)
{
    struct coil_queue queue;
    int number = 5;
    int rc;

    CHECK_OK(coil_queue_init(&queue, sizeof number, 1));
    t->is_there = true;
    rc = coil_queue_get(&queue, &number);
    CHECK_INT(number, ==, 5);
    CHECK_OK(coil_queue_try_put(&queue, &number)); /* and nobody takes it */
    CHECK_INT(coil_queue_count(&queue), ==, 1);
    coil_queue_deinit(&queue);
    return rc;
}

static int in_queue_put(struct trial *t)
{
    struct coil_queue queue;
    int number = 5;
    int rc;

    CHECK_OK(coil_queue_init(&queue, sizeof number, 1));
    CHECK_OK(coil_queue_try_put(&queue, &number));
    t->is_there = true;
    rc = coil_queue_put(&queue, &number);
    CHECK_OK(coil_queue_try_get(&queue, &number));
    CHECK_INT(coil_queue_count(&queue), ==, 0);
    coil_queue_deinit(&queue);
    return rc;
}

static int in_queue_join(struct trial *t)
{
    struct coil_queue queue;
    int number = 5;
    int rc;

    CHECK_OK(coil_queue_init(&queue, sizeof number, 1));
    CHECK_OK(coil_queue_try_put(&queue, &number));
    t->is_there = true;
    rc = coil_queue_join(&queue);
    CHECK_OK(coil_queue_task_done(&queue));
    coil_queue_deinit(&queue);
    return rc;
}

static int in_select(struct trial *t)
{
    struct coil_channel channel;
    int number = 5;
    struct coil_select_case cases[2] = {
        {.kind = COIL_SELECT_RECV, .channel = &channel, .ret_item = &number},
        {.kind = COIL_SELECT_SEND, .channel = &channel, .item = &number},
    };
    int rc;

    CHECK_OK(coil_channel_init(&channel, sizeof number, 0));
    t->is_there = true;
    rc = (int)coil_select(cases, 2, COIL_NEVER);
    CHECK_ERR(coil_channel_try_recv(&channel, &number), -EAGAIN);
    CHECK_ERR(coil_channel_try_send(&channel, &number), -EAGAIN);
    coil_channel_deinit(&channel);
    return rc;
}

static int in_shield(struct trial *t)
{
    coil_shield {
        t->is_there = true;
        while (!t->has_happened && !test_has_noticed()) {
            CHECK_OK(coil_yield());
        }
        for (int i = 0; i < 5; i++) {
            CHECK_OK(coil_sleep(10 * COIL_USEC));
        }
    }
    return 0;
}

#endif
