/* The condition (D3): the lock is there on return, whatever happened. */
#include "in_task.h"

#include <coil/condition.h>

struct shop {
    struct coil_lock lock;
    struct coil_condition changed;
    int stock;
    int waiting;
    int order[8];
    int served;
};

struct customer {
    struct shop *shop;
    int number;
    int rc;
};

static void open_shop(struct shop *shop)
{
    *shop = (struct shop){0};
    CHECK_OK(coil_condition_init(&shop->changed, &shop->lock));
}

static int buy(void *arg)
{
    struct customer *customer = arg;
    struct shop *shop = customer->shop;

    CHECK_OK(coil_lock_acquire(&shop->lock));
    shop->waiting++;
    customer->rc = 0;
    while (customer->rc == 0 && shop->stock == 0) {
        customer->rc = coil_condition_wait(&shop->changed);
        CHECK(coil_lock_is_locked(&shop->lock));
        CHECK_PTR(shop->lock.holder_, ==, coil_current_task());
    }
    if (customer->rc == 0) {
        shop->stock--;
        shop->order[shop->served++] = customer->number;
    }
    shop->waiting--;
    CHECK_OK(coil_lock_release(&shop->lock));
    return customer->rc;
}

static void start(struct shop *shop, struct customer *customers, struct coil_task **tasks,
                  int count)
{
    for (int i = 0; i < count; i++) {
        customers[i] = (struct customer){shop, i, -1};
        tasks[i] = coil_create_task(buy, &customers[i]);
        yield_times(1);
    }
    CHECK_INT(shop->waiting, ==, count);
}

static void deliver(struct shop *shop, int stock, size_t notified)
{
    CHECK_OK(coil_lock_acquire(&shop->lock));
    shop->stock += stock;
    CHECK_OK(coil_condition_notify(&shop->changed, notified));
    CHECK_OK(coil_lock_release(&shop->lock));
}

TASK_TEST(condition_notifies_in_order)
{
    struct shop shop;
    struct customer customers[5];
    struct coil_task *tasks[5];

    open_shop(&shop);
    start(&shop, customers, tasks, 5);
    deliver(&shop, 2, 2);
    yield_times(4);
    CHECK_INT(shop.served, ==, 2);
    CHECK_INT(shop.waiting, ==, 3);
    CHECK_OK(coil_lock_acquire(&shop.lock));
    shop.stock = 3;
    CHECK_OK(coil_condition_notify_all(&shop.changed));
    CHECK_OK(coil_lock_release(&shop.lock));
    CHECK_OK(coil_gather(tasks, 5, NULL));
    for (int i = 0; i < 5 && !order_is_free(); i++) {
        CHECK_INT(shop.order[i], ==, i);
    }
    CHECK(!coil_lock_is_locked(&shop.lock));
    return 0;
}

/* Nobody is notified who comes later, and a notification that nobody waits for is gone. */
TASK_TEST(condition_does_not_remember)
{
    struct shop shop;

    open_shop(&shop);
    deliver(&shop, 0, 5);
    CHECK_OK(coil_lock_acquire(&shop.lock));
    coil_timeout(COIL_MSEC) {
        CHECK_ERR(coil_condition_wait(&shop.changed), -ETIMEDOUT);
        CHECK(coil_lock_is_locked(&shop.lock));
    }
    CHECK_OK(coil_lock_release(&shop.lock));
    return 0;
}

/* A cancelled waiter has the lock again before it is told, though somebody else held it. */
TASK_TEST(condition_waiter_is_cancelled_while_the_lock_is_taken)
{
    struct shop shop;
    struct customer customers[2];
    struct coil_task *tasks[2];

    open_shop(&shop);
    start(&shop, customers, tasks, 2);
    CHECK_OK(coil_lock_acquire(&shop.lock));
    CHECK_INT(coil_cancel(tasks[0]), ==, 1);
    yield_times(3);
    CHECK_INT(shop.waiting, ==, 2); /* it waits for the lock */
    CHECK_OK(coil_lock_release(&shop.lock));
    CHECK_ERR(coil_await(tasks[0]), -ECANCELED);
    CHECK_INT(shop.waiting, ==, 1);
    deliver(&shop, 1, 1); /* the one that is left gets it */
    CHECK_OK(coil_await(tasks[1]));
    CHECK_INT(shop.served, ==, 1);
    return 0;
}

/* Notified first, cancelled afterwards: the notification counts, and is not lost to the others. */
TASK_TEST(condition_notified_and_then_cancelled)
{
    struct shop shop;
    struct customer customers[2];
    struct coil_task *tasks[2];

    open_shop(&shop);
    start(&shop, customers, tasks, 2);
    CHECK_OK(coil_lock_acquire(&shop.lock));
    shop.stock = 1;
    CHECK_OK(coil_condition_notify(&shop.changed, 1));
    CHECK_INT(coil_cancel(tasks[0]), ==, 1);
    CHECK_OK(coil_lock_release(&shop.lock));
    CHECK_OK(coil_await(tasks[0]));
    CHECK_INT(shop.served, ==, 1);
    deliver(&shop, 1, 1);
    CHECK_OK(coil_await(tasks[1]));
    return 0;
}

static bool has_stock(void *user)
{
    return ((struct shop *)user)->stock > 1;
}

static int wait_for_stock(void *arg)
{
    struct shop *shop = arg;
    int rc = 0;

    coil_with_lock(&shop->lock)
    {
        rc = coil_condition_wait_for(&shop->changed, has_stock, shop);
        CHECK(rc < 0 || shop->stock > 1);
    }
    return rc;
}

TASK_TEST(condition_wait_for_a_predicate)
{
    struct shop shop;
    struct coil_task *task;

    open_shop(&shop);
    task = coil_create_task(wait_for_stock, &shop);
    yield_times(1);
    deliver(&shop, 1, 1);
    yield_times(3);
    CHECK(!coil_task_is_done(task));
    deliver(&shop, 1, 1);
    CHECK_OK(coil_await(task));
    CHECK_OK(wait_for_stock(&shop)); /* true already: does not wait */
    shop.stock = 0;
    task = coil_create_task(wait_for_stock, &shop);
    yield_times(1);
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    CHECK(!coil_lock_is_locked(&shop.lock));
    return 0;
}

TASK_TEST(condition_misuse_is_named)
{
    struct shop shop;
    struct coil_condition none = {0};

    open_shop(&shop);
    CHECK_ERR(coil_condition_init(NULL, &shop.lock), -EINVAL);
    CHECK_ERR(coil_condition_init(&none, NULL), -EINVAL);
    CHECK_ERR(coil_condition_wait(NULL), -EINVAL);
    CHECK_ERR(coil_condition_wait(&none), -EINVAL);
    CHECK_ERR(coil_condition_wait_for(&shop.changed, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_condition_wait(&shop.changed), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_condition_wait_for(&shop.changed, has_stock, &shop), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_condition_notify(&shop.changed, 1), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_condition_notify_all(&shop.changed), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_condition_notify(NULL, 1), -EINVAL);
    CHECK_ERR(coil_condition_notify_all(NULL), -EINVAL);
    return 0;
}
