/* Awaiting a task without passing one's own cancel on (C5). */
#include "in_task.h"

struct proof {
    struct coil_future future;
    int *sum;
};

/* Waits for its future, and adds its result to the sum. */
static int add_later(void *arg)
{
    struct proof *proof = arg;
    int rc = coil_future_wait(&proof->future);

    if (rc >= 0) {
        *proof->sum += rc;
    }
    return rc;
}

static int await_shielded(void *arg)
{
    return coil_await_shielded(*(struct coil_task **)arg);
}

TASK_TEST(shield_returns_the_result)
{
    struct coil_task *ended = coil_create_task(task_return, &(int){42});

    yield_times(1);
    CHECK(coil_task_is_done(ended));
    CHECK_INT(coil_await_shielded(ended), ==, 42); /* at once */
    CHECK_ERR(coil_await_shielded(ended), -COIL_ESTALE);
    CHECK_INT(coil_await_shielded(coil_create_task(task_return, &(int){43})), ==, 43);
    CHECK_ERR(coil_await_shielded(coil_create_task(task_return, &(int){-EIO})), -EIO);
    return 0;
}

/* The awaited task is cancelled by somebody else: that is its result, and no cancel of ours. */
TASK_TEST(shield_of_a_task_that_others_cancel)
{
    struct coil_task *inner = coil_create_task(task_forever, NULL);
    struct coil_task *outer = coil_create_task(await_shielded, &inner);

    yield_times(2);
    CHECK_INT(coil_cancel(inner), ==, 1);
    CHECK_ERR(coil_await(outer), -ECANCELED);
    CHECK_OK(coil_check_cancel());
    return 0;
}

/* C5: the caller's cancel returns at once; the task runs on to its end. */
TASK_TEST(shield_lets_the_task_run_to_its_end)
{
    int sum = 0;
    struct proof proof = {.sum = &sum};
    struct coil_task *inner = coil_create_task(add_later, &proof);
    struct coil_task *outer = coil_create_task(await_shielded, &inner);

    yield_times(2);
    CHECK_INT(coil_cancel(outer), ==, 1);
    CHECK_ERR(coil_await(outer), -ECANCELED);
    CHECK(!coil_task_is_done(inner));
    CHECK_INT(coil_cancelling(inner), ==, 0);
    CHECK_OK(coil_future_set(&proof.future, 1));
    yield_times(2);
    CHECK_INT(sum, ==, 1);
    return 0;
}

/* C5: it fails after its caller has left: nobody else will hear of it, so it is reported. */
TASK_TEST(shield_reports_an_error_that_comes_late)
{
    int sum = 0;
    struct proof proof = {.sum = &sum};
    struct heard heard = {0};
    struct coil_task *inner = coil_create_task(add_later, &proof);
    struct coil_task *outer = coil_create_task(await_shielded, &inner);

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
    yield_times(2);
    coil_cancel(outer);
    CHECK_ERR(coil_await(outer), -ECANCELED);
    CHECK_OK(coil_future_set(&proof.future, -EPIPE));
    yield_times(2);
    CHECK_INT(heard.count, ==, 1);
    CHECK_ERR(heard.error, -EPIPE);
    return coil_loop_set_error_handler(coil_loop_current(), NULL, NULL);
}

struct family {
    struct proof proofs[2];
    struct coil_task *children[2];
    int results[2];
};

static int gather_family(void *arg)
{
    struct family *family = arg;

    return coil_gather(family->children, 2, family->results);
}

static void start_family(struct family *family, int *sum)
{
    for (int i = 0; i < 2; i++) {
        family->proofs[i] = (struct proof){.sum = sum};
        family->children[i] = coil_create_task(add_later, &family->proofs[i]);
        family->results[i] = -1;
    }
}

/* A gather behind a shield goes on with all its children. */
TASK_TEST(shield_around_a_gather)
{
    int sum = 0;
    struct family family;
    struct coil_task *parent;
    struct coil_task *outer;

    start_family(&family, &sum);
    parent = coil_create_task(gather_family, &family);
    outer = coil_create_task(await_shielded, &parent);
    yield_times(3);
    coil_cancel(outer);
    CHECK_ERR(coil_await(outer), -ECANCELED);
    CHECK_OK(coil_future_set(&family.proofs[0].future, 1));
    CHECK_OK(coil_future_set(&family.proofs[1].future, 2));
    yield_times(3);
    CHECK_INT(family.results[0], ==, 1);
    CHECK_INT(family.results[1], ==, 2);
    return 0;
}

/* A gather of shields: its cancel ends the shields, not what is behind them. */
TASK_TEST(shield_inside_a_gather)
{
    int sum = 0;
    struct family family;
    struct coil_task *inner[2];
    struct coil_task *parent;

    start_family(&family, &sum);
    for (int i = 0; i < 2; i++) {
        inner[i] = family.children[i];
        family.children[i] = coil_create_task(await_shielded, &inner[i]);
    }
    parent = coil_create_task(gather_family, &family);
    yield_times(3);
    coil_cancel(parent);
    CHECK_ERR(coil_await(parent), -ECANCELED);
    CHECK_ERR(family.results[0], -ECANCELED);
    CHECK_ERR(family.results[1], -ECANCELED);
    CHECK_OK(coil_future_set(&family.proofs[0].future, 1));
    CHECK_OK(coil_future_set(&family.proofs[1].future, 2));
    yield_times(2);
    CHECK_INT(sum, ==, 3);
    return 0;
}
