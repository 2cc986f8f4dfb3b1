/* A loop of the caller's that is run again and again, and interrupted (A9). */
#include "in_task.h"

#include <signal.h>

static int store_and_return(void *arg)
{
    CHECK_OK(coil_yield());
    return *(int *)arg;
}

/* A run that failed does no harm to the next one. */
COIL_TEST(runner_goes_on_after_a_failed_run)
{
    struct coil_loop *loop;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_ERR(coil_run_in(loop, NULL, store_and_return, &(int){-EIO}), -EIO);
    CHECK_INT(coil_run_in(loop, NULL, store_and_return, &(int){8}), ==, 8);
    CHECK_OK(coil_loop_free(loop));
}

static int note_end(void *arg)
{
    int rc = coil_sleep(COIL_NEVER);

    ++*(int *)arg;
    return rc;
}

static int leave_one(void *arg)
{
    CHECK_OK(coil_detach(coil_create_task(note_end, arg)));
    CHECK_OK(coil_yield());
    return *(int *)arg;
}

/* What a run leaves over ends with it, not with the loop. */
COIL_TEST(runner_ends_what_each_run_leaves)
{
    struct coil_loop *loop;
    int ended = 0;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_INT(coil_run_in(loop, NULL, leave_one, &ended), ==, 0);
    CHECK_INT(ended, ==, 1);
    CHECK_INT(coil_run_in(loop, NULL, leave_one, &ended), ==, 1);
    CHECK_INT(ended, ==, 2);
    CHECK_OK(coil_loop_free(loop));
    CHECK_INT(ended, ==, 2);
}

static int value;
static const struct coil_local local = {0};

static int set_local(void *arg)
{
    (void)arg;
    CHECK_PTR(coil_local_get(&local), ==, NULL);
    CHECK_OK(coil_yield());
    return coil_local_set(&local, &value);
}

/* Other than asyncio's Runner: each first task begins without values. */
COIL_TEST(runner_keeps_no_local_values)
{
    struct coil_loop *loop;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_OK(coil_run_in(loop, NULL, set_local, NULL));
    CHECK_OK(coil_run_in(loop, NULL, set_local, NULL));
    CHECK_OK(coil_loop_free(loop));
}

/* --- SIGINT --- */

static void interrupt(void *user)
{
    (void)user;
    test_raise_sigint();
}

static int yield_until_cancelled(void *arg)
{
    struct coil_handle handle = {0};
    int rc = 0;

    (void)arg;
    CHECK_OK(coil_call_soon(coil_loop_current(), &handle, interrupt, NULL));
    while (rc == 0 && !test_has_noticed()) {
        rc = coil_yield();
    }
    coil_handle_cancel(&handle);
    return rc;
}

/* It reaches a task that never waits for anything, and only yields. */
COIL_TEST(runner_interrupt_of_a_task_that_yields)
{
    struct coil_loop *loop;

    CHECK_OK(coil_loop_new(NULL, &loop));
    CHECK_ERR(coil_run_in(loop, NULL, yield_until_cancelled, NULL), -EINTR);
    CHECK_INT(coil_run_in(loop, NULL, store_and_return, &(int){8}), ==, 8); /* it is forgotten */
    CHECK_OK(coil_loop_free(loop));
}

static int wait_until_cancelled(void *arg)
{
    struct coil_handle handle = {0};
    int rc;

    CHECK_OK(coil_call_later(coil_loop_current(), &handle, COIL_MSEC, interrupt, NULL));
    rc = coil_future_wait(arg);
    coil_handle_cancel(&handle);
    return rc;
}

/* And one that waits for a future, which stays as it is. */
COIL_TEST(runner_interrupt_of_a_task_that_waits)
{
    struct coil_future future = {0};

    CHECK_ERR(coil_run(wait_until_cancelled, &future), -EINTR);
    CHECK(!coil_future_is_done(&future));
}

static int cancel_and_interrupt(void *arg)
{
    CHECK_INT(coil_cancel(arg), ==, 1);
    test_raise_sigint();
    return 0;
}

static int be_cancelled_and_interrupted(void *arg)
{
    (void)arg;
    CHECK_OK(coil_detach(coil_create_task(cancel_and_interrupt, coil_current_task())));
    return coil_sleep(COIL_MINUTE);
}

/* A9: somebody else has cancelled it as well: that is what it ended by. */
COIL_TEST(runner_interrupt_of_a_task_that_is_cancelled)
{
    CHECK_ERR(coil_run(be_cancelled_and_interrupted, NULL), -ECANCELED);
}
