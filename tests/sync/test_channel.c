/* Channels: items from task to task, in order, none lost and none twice. */
#include "fault.h"
#include "in_task.h"

#include <coil/channel.h>

#include <pthread.h>

struct end {
    struct coil_channel *channel;
    int first;
    int count;
    int rc;
    int64_t sum;
};

static int send_numbers(void *arg)
{
    struct end *end = arg;

    for (int i = 0; i < end->count; i++) {
        int number = end->first + i;

        end->rc = coil_channel_send(end->channel, &number);
        if (end->rc < 0) {
            return end->rc;
        }
        end->sum += number;
    }
    return 0;
}

/* Receives until the channel is closed. */
static int receive_all(void *arg)
{
    struct end *end = arg;
    int number;

    while ((end->rc = coil_channel_recv(end->channel, &number)) == 0) {
        end->sum += number;
        end->count++;
    }
    return end->rc == -COIL_ECLOSED ? 0 : end->rc;
}

static int send_one(void *arg)
{
    const struct end *end = arg;

    return coil_channel_send(end->channel, &end->first);
}

static int receive_one(void *arg)
{
    struct end *end = arg;

    end->rc = coil_channel_recv(end->channel, &end->first);
    return end->rc;
}

/* --- passing items on --- */

static int pass_in_order(void *arg)
{
    struct coil_channel channel;
    struct end sender = {.channel = &channel, .count = 1000};
    struct coil_task *task;
    int number = -1;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), *(size_t *)arg));
    task = coil_create_task(send_numbers, &sender);
    for (int i = 0; i < 1000; i++) {
        CHECK_OK(coil_channel_recv(&channel, &number));
        CHECK_INT(number, ==, i);
    }
    CHECK_OK(coil_await(task));
    CHECK_INT(coil_channel_count(&channel), ==, 0);
    coil_channel_deinit(&channel);
    return 0;
}

TASK_TEST(channel_rendezvous_keeps_order)
{
    return pass_in_order(&(size_t){0});
}

TASK_TEST(channel_of_one_keeps_order)
{
    return pass_in_order(&(size_t){1});
}

TASK_TEST(channel_of_many_keeps_order)
{
    return pass_in_order(&(size_t){7});
}

/* A rendezvous: the send returns when the item was received. */
TASK_TEST(channel_rendezvous_waits_for_the_receiver)
{
    struct coil_channel channel;
    struct end sender = {.channel = &channel, .first = 5};
    struct coil_task *task;
    int number = 0;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 0));
    task = coil_create_task(send_one, &sender);
    yield_times(3);
    CHECK(!coil_task_is_done(task));
    CHECK_OK(coil_channel_recv(&channel, &number));
    CHECK_INT(number, ==, 5);
    CHECK_OK(coil_await(task));
    coil_channel_deinit(&channel);
    return 0;
}

TASK_TEST(channel_full_makes_senders_wait)
{
    struct coil_channel channel;
    struct end sender = {.channel = &channel, .count = 10};
    struct coil_task *task;
    int number;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 3));
    task = coil_create_task(send_numbers, &sender);
    yield_times(5);
    CHECK_INT(coil_channel_count(&channel), ==, 3);
    CHECK_INT(sender.sum, ==, 0 + 1 + 2);
    CHECK_OK(coil_channel_recv(&channel, &number));
    CHECK_INT(coil_channel_count(&channel), ==, 3); /* the waiting item moved up */
    CHECK_OK(coil_channel_close(&channel));
    CHECK_ERR(coil_await(task), -COIL_ECLOSED);
    coil_channel_deinit(&channel);
    return 0;
}

struct large {
    char text[100];
    int number;
};

static int send_large(void *arg)
{
    for (int i = 0; i < 20; i++) {
        struct large item = {.text = "large", .number = i};

        CHECK_OK(coil_channel_send(arg, &item));
        memset(&item, 0, sizeof item);
    }
    return coil_channel_close(arg);
}

TASK_TEST(channel_of_large_items)
{
    struct coil_channel channel;
    struct coil_task *task;
    struct large item;

    CHECK_OK(coil_channel_init(&channel, sizeof item, 3));
    task = coil_create_task(send_large, &channel);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(coil_channel_recv(&channel, &item));
        CHECK_STR(item.text, "large");
        CHECK_INT(item.number, ==, i);
    }
    CHECK_ERR(coil_channel_recv(&channel, &item), -COIL_ECLOSED);
    coil_channel_deinit(&channel);
    return coil_await(task);
}

static int signal_thrice(void *arg)
{
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_channel_send(arg, NULL));
    }
    return 0;
}

TASK_TEST(channel_of_mere_signals)
{
    struct coil_channel channel;
    struct coil_task *task;

    for (size_t capacity = 0; capacity < 3; capacity++) {
        CHECK_OK(coil_channel_init(&channel, 0, capacity));
        task = coil_create_task(signal_thrice, &channel);
        for (int i = 0; i < 3; i++) {
            CHECK_OK(coil_channel_recv(&channel, NULL));
        }
        CHECK_OK(coil_await(task));
        coil_channel_deinit(&channel);
    }
    return 0;
}

/* --- who is served --- */

TASK_TEST(channel_serves_receivers_in_order)
{
    struct coil_channel channel;
    struct end ends[4];
    struct coil_task *tasks[4];

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 2));
    for (int i = 0; i < 4; i++) {
        ends[i] = (struct end){.channel = &channel, .first = -1};
        tasks[i] = coil_create_task(receive_one, &ends[i]);
        yield_times(1);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_OK(coil_channel_send(&channel, &i));
    }
    CHECK_OK(coil_gather(tasks, 4, NULL));
    for (int i = 0; i < 4; i++) {
        CHECK_INT(ends[i].first, ==, i);
    }
    coil_channel_deinit(&channel);
    return 0;
}

/* No barging: who comes later gets nothing of what was meant for who waited. */
TASK_TEST(channel_lets_nobody_push_in)
{
    struct coil_channel channel;
    struct end early = {.channel = &channel, .first = -1};
    struct coil_task *task;
    int number = 9;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 1));
    task = coil_create_task(receive_one, &early);
    yield_times(1);
    CHECK_OK(coil_channel_try_send(&channel, &number));
    CHECK_ERR(coil_channel_try_recv(&channel, &number), -EAGAIN); /* it is the early one's */
    CHECK_OK(coil_await(task));
    CHECK_INT(early.first, ==, 9);
    coil_channel_deinit(&channel);
    return 0;
}

TASK_TEST(channel_lets_no_sender_push_in)
{
    struct coil_channel channel;
    struct end waiting = {.channel = &channel, .first = 2};
    struct coil_task *task;
    int number = 1;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 1));
    CHECK_OK(coil_channel_try_send(&channel, &number));
    task = coil_create_task(send_one, &waiting);
    yield_times(1);
    CHECK_OK(coil_channel_try_recv(&channel, &number));
    CHECK_INT(number, ==, 1);
    CHECK_ERR(coil_channel_try_send(&channel, &number), -EAGAIN); /* the room is taken */
    CHECK_OK(coil_channel_try_recv(&channel, &number));
    CHECK_INT(number, ==, 2);
    CHECK_OK(coil_await(task));
    coil_channel_deinit(&channel);
    return 0;
}

TASK_TEST(channel_try_does_not_wait)
{
    struct coil_channel channel;
    int number = 1;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 2));
    CHECK_ERR(coil_channel_try_recv(&channel, &number), -EAGAIN);
    CHECK_OK(coil_channel_try_send(&channel, &number));
    CHECK_OK(coil_channel_try_send(&channel, &number));
    CHECK_ERR(coil_channel_try_send(&channel, &number), -EAGAIN);
    coil_channel_deinit(&channel);
    CHECK_OK(coil_channel_init(&channel, sizeof(int), 0));
    CHECK_ERR(coil_channel_try_send(&channel, &number), -EAGAIN);
    CHECK_ERR(coil_channel_try_recv(&channel, &number), -EAGAIN);
    coil_channel_deinit(&channel);
    return 0;
}

/* --- closing --- */

TASK_TEST(channel_closed_is_drained_first)
{
    struct coil_channel channel;
    int number = 1;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 4));
    CHECK_OK(coil_channel_send(&channel, &number));
    CHECK_OK(coil_channel_send(&channel, &(int){2}));
    CHECK_OK(coil_channel_close(&channel));
    CHECK_OK(coil_channel_close(&channel));
    CHECK_ERR(coil_channel_send(&channel, &number), -COIL_ECLOSED);
    CHECK_ERR(coil_channel_try_send(&channel, &number), -COIL_ECLOSED);
    CHECK_OK(coil_channel_recv(&channel, &number));
    CHECK_INT(number, ==, 1);
    CHECK_OK(coil_channel_try_recv(&channel, &number));
    CHECK_INT(number, ==, 2);
    CHECK_ERR(coil_channel_recv(&channel, &number), -COIL_ECLOSED);
    CHECK_ERR(coil_channel_try_recv(&channel, &number), -COIL_ECLOSED);
    CHECK_INT(number, ==, 2); /* untouched */
    coil_channel_deinit(&channel);
    return 0;
}

TASK_TEST(channel_close_wakes_who_waits)
{
    struct coil_channel full;
    struct coil_channel empty;
    struct end sender = {.channel = &full, .first = 1};
    struct end receiver = {.channel = &empty};
    struct coil_task *tasks[2];
    int results[2];

    CHECK_OK(coil_channel_init(&full, sizeof(int), 0));
    CHECK_OK(coil_channel_init(&empty, sizeof(int), 3));
    tasks[0] = coil_create_task(send_one, &sender);
    tasks[1] = coil_create_task(receive_one, &receiver);
    yield_times(1);
    CHECK_OK(coil_channel_close(&full));
    coil_channel_deinit(&empty); /* closes as well */
    coil_channel_deinit(&full);
    CHECK_OK(coil_gather(tasks, 2, results));
    CHECK_ERR(results[0], -COIL_ECLOSED);
    CHECK_ERR(results[1], -COIL_ECLOSED);
    coil_channel_deinit(&full);
    return 0;
}

/* --- cancelling --- */

TASK_TEST(channel_receiver_cancelled_takes_nothing)
{
    struct coil_channel channel;
    struct end ends[2] = {{.channel = &channel}, {.channel = &channel}};
    struct coil_task *tasks[2];
    int number = 3;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 0));
    tasks[0] = coil_create_task(receive_one, &ends[0]);
    tasks[1] = coil_create_task(receive_one, &ends[1]);
    yield_times(1);
    coil_cancel(tasks[0]);
    CHECK_OK(coil_channel_send(&channel, &number)); /* the next one gets it */
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK_OK(coil_await(tasks[1]));
    CHECK_INT(ends[1].first, ==, 3);
    coil_channel_deinit(&channel);
    return 0;
}

/* Completed wins: the item was handed over before the cancel. */
TASK_TEST(channel_receiver_cancelled_too_late)
{
    struct coil_channel channel;
    struct end end = {.channel = &channel};
    struct coil_task *task;
    int number = 3;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 0));
    task = coil_create_task(receive_one, &end);
    yield_times(1);
    CHECK_OK(coil_channel_send(&channel, &number));
    coil_cancel(task);
    CHECK_OK(coil_await(task));
    CHECK_INT(end.first, ==, 3);
    coil_channel_deinit(&channel);
    return 0;
}

TASK_TEST(channel_sender_cancelled_sends_nothing)
{
    struct coil_channel channel;
    struct end ends[2] = {{.channel = &channel, .first = 1}, {.channel = &channel, .first = 2}};
    struct coil_task *tasks[2];
    int number = 0;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 0));
    tasks[0] = coil_create_task(send_one, &ends[0]);
    tasks[1] = coil_create_task(send_one, &ends[1]);
    yield_times(1);
    coil_cancel(tasks[0]);
    CHECK_OK(coil_channel_recv(&channel, &number));
    CHECK_INT(number, ==, 2);
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK_OK(coil_await(tasks[1]));
    coil_channel_deinit(&channel);
    return 0;
}

TASK_TEST(channel_sender_cancelled_too_late)
{
    struct coil_channel channel;
    struct end end = {.channel = &channel, .first = 8};
    struct coil_task *task;
    int number = 0;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 0));
    task = coil_create_task(send_one, &end);
    yield_times(1);
    CHECK_OK(coil_channel_recv(&channel, &number));
    coil_cancel(task);
    CHECK_INT(number, ==, 8);
    CHECK_OK(coil_await(task));
    coil_channel_deinit(&channel);
    return 0;
}

TASK_TEST(channel_calls_in_a_cancelled_task)
{
    struct coil_channel channel;
    struct coil_task *self = coil_current_task();
    int number = 4;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 2));
    coil_cancel(self);
    CHECK_ERR(coil_channel_send(&channel, &number), -ECANCELED);
    CHECK_INT(coil_channel_count(&channel), ==, 0);
    CHECK_OK(coil_channel_try_send(&channel, &number));
    CHECK_ERR(coil_channel_recv(&channel, &number), -ECANCELED);
    CHECK_INT(coil_channel_count(&channel), ==, 1);
    CHECK_OK(coil_uncancel(self));
    coil_timeout(COIL_MSEC) {
        CHECK_OK(coil_channel_recv(&channel, &number));
        CHECK_ERR(coil_channel_recv(&channel, &number), -ETIMEDOUT);
    }
    coil_channel_deinit(&channel);
    return 0;
}

/* Many of both, cancelled at random: what was sent is what was received. */
static void torment(size_t capacity)
{
    enum { ENDS = 8 };
    struct coil_channel channel;
    struct end senders[ENDS];
    struct end receivers[ENDS];
    struct coil_task *tasks[2 * ENDS];
    int64_t sent = 0;
    int64_t received = 0;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), capacity));
    for (int i = 0; i < ENDS; i++) {
        senders[i] = (struct end){.channel = &channel, .first = i * 1000, .count = 100 + i};
        receivers[i] = (struct end){.channel = &channel};
        tasks[i] = coil_create_task(send_numbers, &senders[i]);
        tasks[ENDS + i] = coil_create_task(receive_all, &receivers[i]);
    }
    for (int i = 0; i < ENDS; i += 2) {
        yield_times(3);
        coil_cancel(tasks[i]);
        coil_cancel(tasks[ENDS + i]);
    }
    CHECK_OK(coil_gather(tasks, ENDS, (int[ENDS]){0}));
    CHECK_OK(coil_channel_close(&channel));
    CHECK_OK(coil_gather(tasks + ENDS, ENDS, (int[ENDS]){0}));
    for (int i = 0; i < ENDS; i++) {
        sent += senders[i].sum;
        received += receivers[i].sum;
    }
    CHECK_INT(sent, ==, received);
    CHECK_INT(sent, >, 0);
    coil_channel_deinit(&channel);
}

TASK_TEST(channel_loses_nothing)
{
    torment(0);
    torment(1);
    torment(5);
    return 0;
}

/* A task that always finds an item still lets others run. */
static int count_rounds(void *arg)
{
    struct end *end = arg;

    while (end->rc == 0) {
        end->count++;
        coil_yield();
    }
    return 0;
}

TASK_TEST(channel_is_fair_to_others)
{
    struct coil_channel channel;
    struct end rounds = {0};
    struct coil_task *task = coil_create_task(count_rounds, &rounds);
    int number = 0;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 1));
    for (int i = 0; i < 2000; i++) {
        CHECK_OK(coil_channel_send(&channel, &i));
        CHECK_OK(coil_channel_recv(&channel, &number));
    }
    CHECK_INT(rounds.count, >, 5);
    rounds.rc = 1;
    coil_channel_deinit(&channel);
    return coil_await(task);
}

/* --- misuse --- */

static void *use_elsewhere(void *arg)
{
    int number = 1;

    CHECK_ERR(coil_channel_try_send(arg, &number), -COIL_ENOLOOP);
    CHECK_ERR(coil_channel_close(arg), -COIL_EWRONGTHREAD);
    return NULL;
}

/* A6 */
TASK_TEST(channel_of_another_thread_is_named)
{
    struct coil_channel channel;
    pthread_t thread;
    int number = 1;

    CHECK_OK(coil_channel_init(&channel, sizeof(int), 1));
    CHECK_OK(coil_channel_send(&channel, &number));
    CHECK_INT(pthread_create(&thread, NULL, use_elsewhere, &channel), ==, 0);
    pthread_join(thread, NULL);
    coil_channel_deinit(&channel);
    return 0;
}

TASK_TEST(channel_misuse_is_named)
{
    struct coil_channel channel = {0};
    int number = 1;

    CHECK_ERR(coil_channel_send(&channel, &number), -EINVAL);
    CHECK_ERR(coil_channel_recv(&channel, &number), -EINVAL);
    CHECK_ERR(coil_channel_try_send(NULL, &number), -EINVAL);
    CHECK_ERR(coil_channel_try_recv(NULL, &number), -EINVAL);
    CHECK_ERR(coil_channel_close(&channel), -EINVAL);
    CHECK_ERR(coil_channel_close(NULL), -EINVAL);
    CHECK_ERR(coil_channel_init(NULL, 1, 1), -EINVAL);
    CHECK_ERR(coil_channel_init(&channel, SIZE_MAX, 2), -ENOMEM);
    CHECK_INT(coil_channel_count(NULL), ==, 0);
    coil_channel_deinit(&channel);
    coil_channel_deinit(NULL);
    CHECK_OK(coil_channel_init(&channel, sizeof(int), 1));
    CHECK_ERR(coil_channel_send(&channel, NULL), -EINVAL);
    CHECK_ERR(coil_channel_recv(&channel, NULL), -EINVAL);
    coil_channel_deinit(&channel);
    return 0;
}

COIL_TEST(channel_without_a_loop)
{
    struct coil_channel channel;
    int number = 1;

    fault_alloc_at(1);
    CHECK_ERR(coil_channel_init(&channel, 8, 8), -ENOMEM);
    fault_off();
    CHECK_OK(coil_channel_init(&channel, sizeof(int), 1));
    CHECK_ERR(coil_channel_send(&channel, &number), -COIL_ENOLOOP);
    CHECK_ERR(coil_channel_try_send(&channel, &number), -COIL_ENOLOOP);
    CHECK_OK(coil_channel_close(&channel));
    coil_channel_deinit(&channel);
}
