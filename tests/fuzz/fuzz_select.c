/* Channels and select against a model: which call is served, by which case, with which item. After
 * each step of the input everybody has run, and all is compared. */
#include "fuzz.h"

enum { CHANNELS = 3, CASES = 3, MAX_WAITERS = 48, MAX_BUFFER = 3, NOT_DONE = -1000 };

/* A send, a recv or a select in a task of its own; what is `expected` is the model's. */
struct waiter {
    struct coil_task *task;
    struct coil_select_case cases[CASES];
    int case_count; /* a select's; 0: the call is the one of cases[0] */
    int items[CASES];
    ssize_t rc; /* the index of a case, or an error */
    ssize_t expected;
    int expected_rc; /* of that case */
    int expected_item;
};

/* A case that waits. */
struct place {
    struct waiter *waiter;
    int index;
};

struct model {
    int buffers[CHANNELS][MAX_BUFFER];
    size_t counts[CHANNELS];
    size_t capacities[CHANNELS];
    bool is_closed[CHANNELS];
    struct waiter waiters[MAX_WAITERS];
    int waiter_count;
};

static struct coil_channel channels[CHANNELS];

/* --- the model --- */

static bool find_first(struct model *m, enum coil_select_kind kind, long channel,
                       struct place *ret_place)
{
    for (int i = 0; i < m->waiter_count; i++) {
        struct waiter *waiter = &m->waiters[i];

        for (int j = 0; waiter->expected == NOT_DONE && j < CASES; j++) {
            const struct coil_select_case *c = &waiter->cases[j];

            if (c->kind == kind && c->channel == &channels[channel]) {
                *ret_place = (struct place){waiter, j};
                return true;
            }
        }
    }
    return false;
}

static void serve(const struct place *place, int rc)
{
    place->waiter->expected = place->index;
    place->waiter->expected_rc = rc;
}

static int pop(struct model *m, long channel)
{
    int item = m->buffers[channel][0];

    m->counts[channel]--;
    memmove(m->buffers[channel], m->buffers[channel] + 1, m->counts[channel] * sizeof item);
    return item;
}

static int model_send(struct model *m, long channel, int item)
{
    struct place receiver;

    if (find_first(m, COIL_SELECT_RECV, channel, &receiver)) {
        receiver.waiter->expected_item = item;
        serve(&receiver, 0);
        return 0;
    }
    if (m->is_closed[channel]) {
        return -COIL_ECLOSED;
    }
    if (m->counts[channel] == m->capacities[channel]) {
        return -EAGAIN;
    }
    m->buffers[channel][m->counts[channel]++] = item;
    return 0;
}

static int model_recv(struct model *m, long channel, int *ret_item)
{
    struct place sender = {NULL, 0};
    bool is_waiting = find_first(m, COIL_SELECT_SEND, channel, &sender);
    int sent = is_waiting ? sender.waiter->items[sender.index] : 0;

    if (m->counts[channel] > 0) {
        *ret_item = pop(m, channel);
        if (is_waiting) {
            m->buffers[channel][m->counts[channel]++] = sent;
        }
    } else if (is_waiting) {
        *ret_item = sent;
    } else {
        return m->is_closed[channel] ? -COIL_ECLOSED : -EAGAIN;
    }
    if (is_waiting) {
        serve(&sender, 0);
    }
    return 0;
}

/* Its cases in their order; it must not be among those that wait yet. */
static void model_begin(struct model *m, struct waiter *waiter)
{
    waiter->expected = NOT_DONE - 1;
    for (int i = 0; i < CASES; i++) {
        const struct coil_select_case *c = &waiter->cases[i];
        int rc = -EAGAIN;

        if (c->kind == COIL_SELECT_RECV) {
            rc = model_recv(m, c->channel - channels, &waiter->expected_item);
        } else if (c->kind == COIL_SELECT_SEND) {
            rc = model_send(m, c->channel - channels, waiter->items[i]);
        }
        if (rc != -EAGAIN) {
            serve(&(struct place){waiter, i}, rc);
            return;
        }
    }
    waiter->expected = NOT_DONE;
}

/* --- steps --- */

static int call(void *arg)
{
    struct waiter *waiter = arg;
    struct coil_select_case *c = &waiter->cases[0];
    int rc;

    if (waiter->case_count > 0) {
        waiter->rc = coil_select(waiter->cases, (size_t)waiter->case_count, COIL_NEVER);
        return 0;
    }
    rc = c->kind == COIL_SELECT_SEND ? coil_channel_send(c->channel, c->item)
                                     : coil_channel_recv(c->channel, c->ret_item);
    c->rc = rc;
    waiter->rc = rc == -ECANCELED ? rc : 0;
    return 0;
}

static void start(struct model *m, struct fuzz_input *in, bool is_select, int number)
{
    struct waiter *waiter;
    int count = is_select ? 1 + (int)take_below(in, CASES) : 1;

    if (m->waiter_count == MAX_WAITERS) {
        return;
    }
    waiter = &m->waiters[m->waiter_count];
    *waiter = (struct waiter){.case_count = is_select ? count : 0, .rc = NOT_DONE};
    for (int i = 0; i < count; i++) {
        unsigned what = take_byte(in);
        struct coil_select_case *c = &waiter->cases[i];

        waiter->items[i] = number * CASES + i;
        c->kind = is_select && what >= 240 ? COIL_SELECT_NONE
                  : what % 2               ? COIL_SELECT_SEND
                                           : COIL_SELECT_RECV;
        c->channel = &channels[what / 2 % CHANNELS];
        c->item = &waiter->items[i];
        c->ret_item = &waiter->items[i];
    }
    model_begin(m, waiter);
    m->waiter_count++;
    waiter->task = coil_create_task(call, waiter);
    FUZZ_CHECK(waiter->task != NULL);
}

static void try_one(struct model *m, unsigned channel, bool is_send, int number)
{
    int item = number * CASES;
    int expected_item = 0;

    if (is_send) {
        int expected = model_send(m, channel, item);

        FUZZ_CHECK(coil_channel_try_send(&channels[channel], &item) == expected);
    } else {
        int expected = model_recv(m, channel, &expected_item);

        FUZZ_CHECK(coil_channel_try_recv(&channels[channel], &item) == expected);
        FUZZ_CHECK(expected < 0 || item == expected_item);
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

static void close_one(struct model *m, unsigned channel)
{
    struct place place;

    FUZZ_CHECK(coil_channel_close(&channels[channel]) == 0);
    m->is_closed[channel] = true;
    while (find_first(m, COIL_SELECT_SEND, channel, &place) ||
           find_first(m, COIL_SELECT_RECV, channel, &place)) {
        serve(&place, -COIL_ECLOSED);
    }
}

static void make_step(struct model *m, struct fuzz_input *in, int number)
{
    unsigned what = take_byte(in);
    unsigned channel = what / 16 % CHANNELS;

    switch (what % 16) {
    case 8:
    case 9:
        try_one(m, channel, what % 2, number);
        break;
    case 10:
    case 11:
    case 12:
        cancel_one(m, take_byte(in));
        break;
    case 13:
        if (take_byte(in) % 8 == 0) {
            close_one(m, channel);
        }
        break;
    default:
        start(m, in, what % 4 != 0, number);
        break;
    }
}

static void compare_one(const struct waiter *waiter)
{
    FUZZ_CHECK(waiter->rc == waiter->expected);
    FUZZ_CHECK(coil_task_is_done(waiter->task) == (waiter->rc != NOT_DONE));
    if (waiter->rc < 0) {
        return;
    }
    FUZZ_CHECK(waiter->cases[waiter->rc].rc == waiter->expected_rc);
    if (waiter->cases[waiter->rc].kind == COIL_SELECT_RECV && waiter->expected_rc == 0) {
        FUZZ_CHECK(waiter->items[waiter->rc] == waiter->expected_item);
    }
}

static void compare_all(struct model *m)
{
    for (int i = 0; i < 4; i++) {
        FUZZ_CHECK(coil_yield() == 0);
    }
    for (int i = 0; i < CHANNELS; i++) {
        FUZZ_CHECK(coil_channel_count(&channels[i]) == m->counts[i]);
    }
    for (int i = 0; i < m->waiter_count; i++) {
        compare_one(&m->waiters[i]);
    }
}

static int run(void *arg)
{
    struct fuzz_input *in = arg;
    struct model *m = calloc(1, sizeof *m);

    FUZZ_CHECK(m != NULL);
    for (int i = 0; i < CHANNELS; i++) {
        m->capacities[i] = take_below(in, MAX_BUFFER + 1);
        FUZZ_CHECK(coil_channel_init(&channels[i], sizeof(int), m->capacities[i]) == 0);
    }
    for (int i = 0; in->size > 0 && i < 200; i++) {
        make_step(m, in, i);
        compare_all(m);
    }
    for (int i = 0; i < m->waiter_count; i++) {
        coil_cancel(m->waiters[i].task);
        coil_await(m->waiters[i].task);
    }
    for (int i = 0; i < CHANNELS; i++) {
        coil_channel_deinit(&channels[i]);
    }
    free(m);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};

    run_simulated(run, &in);
    return 0;
}
