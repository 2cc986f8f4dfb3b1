/* Select: exactly one case takes effect, and no item is lost or doubled. */
#include "fault.h"
#include "in_task.h"

#include <coil/select.h>

static int received;

#define RECV(c)                                                                                    \
    {                                                                                              \
        .kind = COIL_SELECT_RECV, .channel = (c), .ret_item = &received                            \
    }
#define SEND(c, i)                                                                                 \
    {                                                                                              \
        .kind = COIL_SELECT_SEND, .channel = (c), .item = (i)                                      \
    }

static void open_all(struct coil_channel *channels, int count, size_t capacity)
{
    received = -1;
    for (int i = 0; i < count; i++) {
        CHECK_OK(coil_channel_init(&channels[i], sizeof(int), capacity));
    }
}

static void close_all(struct coil_channel *channels, int count)
{
    for (int i = 0; i < count; i++) {
        coil_channel_deinit(&channels[i]);
    }
}

struct selector {
    struct coil_select_case cases[3];
    ssize_t rc;
};

static int select_once(void *arg)
{
    struct selector *selector = arg;

    selector->rc = coil_select(selector->cases, 3, COIL_NEVER);
    return selector->rc < 0 ? (int)selector->rc : 0;
}

TASK_TEST(select_takes_what_is_ready)
{
    struct coil_channel c[2];
    int number = 5;

    open_all(c, 2, 1);
    {
        struct coil_select_case cases[] = {RECV(&c[0]), RECV(&c[1])};

        CHECK_ERR(coil_select(cases, 2, 0), -EAGAIN);
        CHECK_OK(coil_channel_send(&c[1], &number));
        CHECK_INT(coil_select(cases, 2, COIL_NEVER), ==, 1);
        CHECK_OK(cases[1].rc);
        CHECK_INT(received, ==, 5);
        for (int i = 0; i < 2; i++) {
            CHECK_OK(coil_channel_send(&c[i], &i));
        }
        CHECK_INT(coil_select(cases, 2, COIL_NEVER), ==, 0); /* the first in the array */
        CHECK_INT(received, ==, 0);
        CHECK_INT(coil_channel_count(&c[1]), ==, 1);
    }
    close_all(c, 2);
    return 0;
}

TASK_TEST(select_waits_for_the_first)
{
    struct coil_channel c[2];
    int number = 6;
    struct selector selector = {.cases = {RECV(&c[0]), RECV(&c[1]), {0}}};
    struct coil_task *task;

    open_all(c, 2, 0);
    task = coil_create_task(select_once, &selector);
    yield_times(1);
    CHECK_OK(coil_channel_send(&c[1], &number));               /* a rendezvous: it is there */
    CHECK_ERR(coil_channel_try_send(&c[0], &number), -EAGAIN); /* it waits there no more */
    CHECK_OK(coil_await(task));
    CHECK_INT(selector.rc, ==, 1);
    CHECK_INT(received, ==, 6);
    close_all(c, 2);
    return 0;
}

TASK_TEST(select_sends)
{
    struct coil_channel c[2];
    int number = 7;
    int other = 0;
    struct selector selector = {.cases = {RECV(&c[0]), SEND(&c[1], &number), {0}}};
    struct coil_task *task;

    open_all(c, 2, 0);
    task = coil_create_task(select_once, &selector);
    yield_times(1);
    CHECK_OK(coil_channel_recv(&c[1], &other));
    CHECK_INT(other, ==, 7);
    CHECK_ERR(coil_channel_try_recv(&c[1], &other), -EAGAIN);
    CHECK_OK(coil_await(task));
    CHECK_INT(selector.rc, ==, 1);
    CHECK_INT(received, ==, -1);
    close_all(c, 2);
    return 0;
}

/* Two that wait for each other by select meet; nobody meets himself. */
TASK_TEST(select_meets_select)
{
    struct coil_channel c[1];
    int numbers[2] = {1, 2};
    int got[2] = {0, 0};
    struct selector selectors[2];
    struct coil_task *tasks[2];

    open_all(c, 1, 0);
    for (int i = 0; i < 2; i++) {
        selectors[i] = (struct selector){.cases = {RECV(&c[0]), SEND(&c[0], &numbers[i]), {0}}};
        selectors[i].cases[0].ret_item = &got[i];
        tasks[i] = coil_create_task(select_once, &selectors[i]);
        yield_times(1);
        CHECK(i > 0 || !coil_task_is_done(tasks[0])); /* nobody there but himself */
    }
    CHECK_OK(coil_gather(tasks, 2, NULL));
    CHECK_INT(selectors[0].rc + selectors[1].rc, ==, 1);
    CHECK_INT(got[0] + got[1], ==, got[0] ? 2 : 1);
    CHECK_ERR(coil_channel_try_recv(&c[0], &got[0]), -EAGAIN);
    CHECK_ERR(coil_channel_try_send(&c[0], &got[0]), -EAGAIN);
    close_all(c, 1);
    return 0;
}

TASK_TEST(select_sees_a_channel_close)
{
    struct coil_channel c[2];
    struct selector selector = {.cases = {RECV(&c[0]), RECV(&c[1]), {0}}};
    struct coil_task *task;

    open_all(c, 2, 0);
    task = coil_create_task(select_once, &selector);
    yield_times(1);
    CHECK_OK(coil_channel_close(&c[0]));
    CHECK_OK(coil_await(task));
    CHECK_INT(selector.rc, ==, 0);
    CHECK_ERR(selector.cases[0].rc, -COIL_ECLOSED);
    CHECK_INT(coil_select(selector.cases, 3, COIL_NEVER), ==, 0); /* stays so */
    selector.cases[0].kind = COIL_SELECT_NONE;                    /* until it is switched off */
    CHECK_ERR(coil_select(selector.cases, 3, COIL_MSEC), -ETIMEDOUT);
    close_all(c, 2);
    return 0;
}

TASK_TEST(select_deadline_and_cancel_leave_nothing_behind)
{
    struct coil_channel c[2];
    int number = 1;
    struct selector selector = {.cases = {RECV(&c[0]), RECV(&c[1]), {0}}};
    struct coil_task *task;

    open_all(c, 2, 0);
    CHECK_ERR(coil_select(selector.cases, 3, COIL_MSEC), -ETIMEDOUT);
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_select(selector.cases, 3, COIL_NEVER), -ETIMEDOUT);
    }
    task = coil_create_task(select_once, &selector);
    yield_times(1);
    coil_cancel(task);
    CHECK_ERR(coil_channel_try_send(&c[0], &number), -EAGAIN);
    CHECK_ERR(coil_channel_try_send(&c[1], &number), -EAGAIN);
    CHECK_ERR(coil_await(task), -ECANCELED);
    /* Served first, cancelled afterwards: completed wins. */
    task = coil_create_task(select_once, &selector);
    yield_times(1);
    CHECK_OK(coil_channel_try_send(&c[1], &number));
    coil_cancel(task);
    CHECK_OK(coil_await(task));
    CHECK_INT(selector.rc, ==, 1);
    CHECK_INT(received, ==, 1);
    close_all(c, 2);
    return 0;
}

TASK_TEST(select_over_many)
{
    enum { MANY = 40 };
    struct coil_channel c[MANY];
    struct coil_select_case cases[MANY];
    int number = 3;

    open_all(c, MANY, 1);
    for (int i = 0; i < MANY; i++) {
        cases[i] = (struct coil_select_case)RECV(&c[i]);
    }
    CHECK_ERR(coil_select(cases, MANY, COIL_MSEC), -ETIMEDOUT);
    fault_alloc_at(1);
    CHECK_ERR(coil_select(cases, MANY, COIL_MSEC), -ENOMEM);
    fault_off();
    CHECK_OK(coil_channel_send(&c[33], &number));
    CHECK_INT(coil_select(cases, MANY, COIL_NEVER), ==, 33);
    close_all(c, MANY);
    return 0;
}

struct worker {
    struct coil_channel *channels;
    long sum;
};

static int work(void *arg)
{
    struct worker *worker = arg;
    int item = 0;
    struct coil_select_case cases[2] = {
        {.kind = COIL_SELECT_RECV, .channel = &worker->channels[0], .ret_item = &item},
        {.kind = COIL_SELECT_RECV, .channel = &worker->channels[1], .ret_item = &item},
    };
    int open = 2;

    while (open > 0) {
        ssize_t i = coil_select(cases, 2, COIL_NEVER);

        CHECK(i >= 0);
        if (cases[i].rc == 0) {
            worker->sum += item;
        } else {
            cases[i].kind = COIL_SELECT_NONE;
            open--;
        }
    }
    return 0;
}

/* What is sent is received once, by several selects over the same channels. */
TASK_TEST(select_by_several_loses_nothing)
{
    struct coil_channel c[2];
    struct worker workers[3];
    struct coil_task *tasks[3];
    long sum = 0;

    open_all(c, 2, 2);
    for (int i = 0; i < 3; i++) {
        workers[i] = (struct worker){.channels = c};
        tasks[i] = coil_create_task(work, &workers[i]);
    }
    for (int i = 1; i <= 1000; i++) {
        CHECK_OK(coil_channel_send(&c[i % 2], &i));
        sum += i;
    }
    CHECK_OK(coil_channel_close(&c[0]));
    CHECK_OK(coil_channel_close(&c[1]));
    CHECK_OK(coil_gather(tasks, 3, NULL));
    CHECK_INT(workers[0].sum + workers[1].sum + workers[2].sum, ==, sum);
    close_all(c, 2);
    return 0;
}

TASK_TEST(select_misuse_is_named)
{
    struct coil_channel none = {0};
    struct coil_select_case cases[1] = {RECV(&none)};

    CHECK_ERR(coil_select(NULL, 1, 0), -EINVAL);
    CHECK_ERR(coil_select(cases, 0, 0), -EINVAL);
    CHECK_ERR(coil_select(cases, 1, COIL_NEVER), -EINVAL);
    cases[0].kind = (enum coil_select_kind)9;
    CHECK_ERR(coil_select(cases, 1, COIL_NEVER), -EINVAL);
    return 0;
}
