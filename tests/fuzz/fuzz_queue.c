/* Queues of the three orders against a model: what is in them, who waits, and whom each call
 * serves. After each step of the input everybody has run, and all is compared. */
#include "fuzz.h"

enum { MAX_TASKS = 48, MAX_ITEMS = 256, NOT_DONE = 1 };

enum order { FIFO, LIFO, PRIORITY };

struct item {
    int key;
    int number;
};

/* A put or a get in a task of its own; `expected` is the model's. */
struct waiter {
    struct coil_queue *queue;
    struct coil_task *task;
    bool is_put;
    struct item item;
    int rc;
    int expected;
    struct item expected_item;
};

struct model {
    enum order order;
    size_t max; /* 0: no bound */
    struct item items[MAX_ITEMS];
    size_t count;
    size_t unfinished;
    bool is_shut_down;
    struct waiter waiters[MAX_TASKS];
    int waiter_count;
};

static struct coil_queue queue;

/* --- the model --- */

static struct item remove_at(struct model *m, size_t index)
{
    struct item item = m->items[index];

    m->count--;
    memmove(&m->items[index], &m->items[index + 1], (m->count - index) * sizeof item);
    return item;
}

static struct item take_next(struct model *m)
{
    size_t best = m->order == LIFO ? m->count - 1 : 0;

    for (size_t i = 1; m->order == PRIORITY && i < m->count; i++) {
        if (m->items[i].key < m->items[best].key) {
            best = i;
        }
    }
    return remove_at(m, best);
}

static void add(struct model *m, struct item item)
{
    FUZZ_CHECK(m->count < MAX_ITEMS);
    m->items[m->count++] = item;
    m->unfinished++;
}

static bool is_full(const struct model *m)
{
    return m->max > 0 && m->count >= m->max;
}

/* Those that wait are served in the order in which they came. */
static struct waiter *first_waiting(struct model *m, bool is_put)
{
    for (int i = 0; i < m->waiter_count; i++) {
        struct waiter *waiter = &m->waiters[i];

        if (waiter->expected == NOT_DONE && waiter->is_put == is_put) {
            return waiter;
        }
    }
    return NULL;
}

static void settle(struct model *m)
{
    struct waiter *put;
    struct waiter *get;

    for (;;) {
        put = first_waiting(m, true);
        get = first_waiting(m, false);
        if (get && m->count > 0) {
            get->expected_item = take_next(m);
            get->expected = 0;
        } else if (put && m->is_shut_down) {
            put->expected = -COIL_ECLOSED;
        } else if (put && !is_full(m)) {
            add(m, put->item);
            put->expected = 0;
        } else if (get && m->is_shut_down) {
            get->expected = -COIL_ECLOSED;
        } else {
            return;
        }
    }
}

/* --- steps --- */

static int compare(const void *a, const void *b, void *user)
{
    const struct item *x = a;
    const struct item *y = b;

    (void)user;
    return (x->key > y->key) - (x->key < y->key);
}

static int wait_in_queue(void *arg)
{
    struct waiter *waiter = arg;

    waiter->rc = waiter->is_put ? coil_queue_put(waiter->queue, &waiter->item)
                                : coil_queue_get(waiter->queue, &waiter->item);
    return 0;
}

static void start(struct model *m, bool is_put, struct item item)
{
    struct waiter *waiter;

    if (m->waiter_count == MAX_TASKS) {
        return;
    }
    waiter = &m->waiters[m->waiter_count++];
    *waiter = (struct waiter){
        .queue = &queue, .is_put = is_put, .item = item, .rc = NOT_DONE, .expected = NOT_DONE};
    waiter->task = coil_create_task(wait_in_queue, waiter);
    FUZZ_CHECK(waiter->task != NULL);
}

static void try_get(struct model *m)
{
    struct item item = {0};
    int rc = coil_queue_try_get(&queue, &item);

    if (m->count == 0) {
        FUZZ_CHECK(rc == (m->is_shut_down ? -COIL_ECLOSED : -EAGAIN));
    } else {
        struct item expected = take_next(m);

        FUZZ_CHECK(rc == 0 && item.key == expected.key && item.number == expected.number);
    }
}

static void try_put(struct model *m, struct item item)
{
    int rc = coil_queue_try_put(&queue, &item);

    if (m->is_shut_down) {
        FUZZ_CHECK(rc == -COIL_ECLOSED);
    } else if (is_full(m)) {
        FUZZ_CHECK(rc == -EAGAIN);
    } else {
        FUZZ_CHECK(rc == 0);
        add(m, item);
    }
}

static void cancel_one(struct model *m, unsigned number)
{
    struct waiter *waiter;

    if (m->waiter_count == 0) {
        return;
    }
    waiter = &m->waiters[number % (unsigned)m->waiter_count];
    FUZZ_CHECK(coil_cancel(waiter->task) == (waiter->expected == NOT_DONE));
    if (waiter->expected == NOT_DONE) {
        waiter->expected = -ECANCELED;
    }
}

static void shut_down(struct model *m, bool immediate)
{
    FUZZ_CHECK(coil_queue_shutdown(&queue, immediate) == 0);
    m->is_shut_down = true;
    if (immediate) {
        m->unfinished -= m->count;
        m->count = 0;
    }
}

static void say_done(struct model *m)
{
    FUZZ_CHECK(coil_queue_task_done(&queue) == (m->unfinished ? 0 : -COIL_EINVALIDSTATE));
    m->unfinished -= m->unfinished > 0;
}

static void make_step(struct model *m, struct fuzz_input *in, int number)
{
    unsigned what = take_byte(in);
    struct item item = {.key = (int)take_below(in, 8), .number = number};

    switch (what % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
        start(m, true, item);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        start(m, false, (struct item){0});
        break;
    case 8:
    case 9:
        try_put(m, item);
        break;
    case 10:
    case 11:
        try_get(m);
        break;
    case 12:
    case 13:
        cancel_one(m, (unsigned)item.key);
        break;
    case 14:
        say_done(m);
        break;
    default:
        if (item.key == 0) {
            shut_down(m, what & 16);
        }
        break;
    }
}

static void compare_all(struct model *m)
{
    settle(m);
    for (int i = 0; i < 4; i++) {
        FUZZ_CHECK(coil_yield() == 0);
    }
    FUZZ_CHECK(coil_queue_count(&queue) == m->count);
    FUZZ_CHECK(coil_queue_is_full(&queue) == is_full(m));
    for (int i = 0; i < m->waiter_count; i++) {
        struct waiter *waiter = &m->waiters[i];

        FUZZ_CHECK(waiter->rc == waiter->expected);
        FUZZ_CHECK(coil_task_is_done(waiter->task) == (waiter->rc != NOT_DONE));
        if (!waiter->is_put && waiter->rc == 0) {
            FUZZ_CHECK(waiter->item.key == waiter->expected_item.key);
            FUZZ_CHECK(waiter->item.number == waiter->expected_item.number);
        }
    }
}

static int run(void *arg)
{
    struct fuzz_input *in = arg;
    struct model *m = calloc(1, sizeof *m);
    int rc;

    FUZZ_CHECK(m != NULL);
    m->order = (enum order)take_below(in, 3);
    m->max = take_below(in, 4);
    rc = m->order == FIFO ? coil_queue_init(&queue, sizeof(struct item), m->max)
         : m->order == LIFO
             ? coil_lifo_queue_init(&queue, sizeof(struct item), m->max)
             : coil_priority_queue_init(&queue, sizeof(struct item), m->max, compare, NULL);
    FUZZ_CHECK(rc == 0);
    for (int i = 0; in->size > 0 && i < 200; i++) {
        make_step(m, in, i);
        compare_all(m);
    }
    for (int i = 0; i < m->waiter_count; i++) {
        coil_cancel(m->waiters[i].task);
        coil_await(m->waiters[i].task);
    }
    coil_queue_deinit(&queue);
    free(m);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};

    run_simulated(run, &in);
    return 0;
}
