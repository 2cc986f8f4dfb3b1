/* The simulated backend: clock, wake-ups, cancels, seeds, faults, real descriptors, memory. */
#include "sys/sim.h"

#include "sim_calls.h"

#include "fault.h"

#include <pthread.h>
#include <unistd.h>

/* ---- clock ---- */

COIL_TEST(clock_begins_at_one_second)
{
    open_sim();
    CHECK_INT(now(), ==, COIL_SEC);
    CHECK(backend->is_simulated);
    CHECK_STR(backend->class->name, "sim");
    CHECK_ERR(backend->class->get_fd(backend), -ENOTSUP);
    close_sim();
}

COIL_TEST(clock_jumps_by_the_limit)
{
    int64_t begin = test_now_ns();

    open_sim();
    pass(0);
    CHECK_INT(now(), ==, COIL_SEC);
    pass(1);
    CHECK_INT(now(), ==, COIL_SEC + 1);
    pass(48 * 60 * COIL_MINUTE);
    CHECK_INT(now(), ==, COIL_SEC + 1 + 48 * 60 * COIL_MINUTE);
    CHECK_INT(test_now_ns() - begin, <, 10 * COIL_SEC);
    close_sim();
}

COIL_TEST(clock_stands_while_there_is_work)
{
    int fds[2];
    struct call call = {0};
    char byte;

    open_sim();
    make_pair(fds);
    submit(&call, COIL__OP_RECV, fds[0], &byte, 1, 0);
    CHECK_INT(try_send(fds[1], "x", 1), ==, 1);
    pass(COIL_SEC);
    CHECK(call.is_done);
    CHECK_INT(now(), ==, COIL_SEC);
    close_sim();
}

struct waker {
    struct coil__backend *backend;
    int64_t delay_ns;
};

static void *wake_later(void *arg)
{
    const struct waker *waker = arg;

    usleep((useconds_t)(waker->delay_ns / 1000));
    waker->backend->class->wake(waker->backend);
    return NULL;
}

COIL_TEST(wake_ends_a_wait_without_limit)
{
    struct waker waker = {.delay_ns = 20 * COIL_MSEC};
    pthread_t thread;

    open_sim();
    waker.backend = backend;
    CHECK_INT(pthread_create(&thread, NULL, wake_later, &waker), ==, 0);
    pass(COIL_NEVER);
    CHECK_INT(now(), ==, COIL_SEC); /* nobody said that there is a thread */
    pthread_join(thread, NULL);
    close_sim();
}

COIL_TEST(wake_is_kept_for_the_next_wait)
{
    open_sim();
    backend->class->wake(backend);
    backend->class->wake(backend);
    pass(COIL_NEVER);
    CHECK_INT(now(), ==, COIL_SEC);
    pass(COIL_SEC);
    CHECK_INT(now(), ==, 2 * COIL_SEC);
    close_sim();
}

COIL_TEST(external_work_is_waited_for_in_real_time)
{
    struct waker waker = {.delay_ns = 30 * COIL_MSEC};
    int64_t begin = test_now_ns();
    int64_t passed;
    pthread_t thread;

    open_sim();
    waker.backend = backend;
    backend->external = 1;
    CHECK_INT(pthread_create(&thread, NULL, wake_later, &waker), ==, 0);
    pass(100 * COIL_SEC);
    passed = now() - COIL_SEC;
    CHECK_INT(passed, >=, 1 * COIL_MSEC);
    CHECK_INT(passed, <=, test_now_ns() - begin);
    pthread_join(thread, NULL);
    pass(5 * COIL_MSEC); /* nobody wakes: the limit, exactly */
    CHECK_INT(now(), ==, COIL_SEC + passed + 5 * COIL_MSEC);
    backend->external = 0;
    pass(100 * COIL_SEC);
    CHECK_INT(now(), >=, 101 * COIL_SEC);
    close_sim();
}

/* ---- cancel ---- */

COIL_TEST(cancel_ends_with_ecanceled)
{
    struct call call = {0};
    char byte;
    int fds[2];

    open_sim();
    make_pair(fds);
    submit(&call, COIL__OP_RECV, fds[0], &byte, 1, 0);
    backend->class->cancel(backend, &call.op);
    backend->class->cancel(backend, &call.op);
    CHECK(!call.is_done);
    pass(COIL_NEVER);
    CHECK_ERR(call.op.result, -ECANCELED);
    CHECK_INT(try_send(fds[1], "x", 1), ==, 1);
    CHECK_INT(try_recv(fds[0], &byte, 1), ==, 1); /* no byte is lost */
    close_sim();
}

/* Whatever the seed says, the byte goes to the operation or stays where it is. */
COIL_TEST(cancel_races_with_completion)
{
    int wins = 0;

    for (uint64_t seed = 0; seed < 100; seed++) {
        struct call call = {0};
        char byte = 0;
        int fds[2];

        open_with(seed, NULL);
        make_pair(fds);
        submit(&call, COIL__OP_RECV, fds[0], &byte, 1, 0);
        CHECK_INT(try_send(fds[1], "x", 1), ==, 1);
        backend->class->cancel(backend, &call.op);
        if (finish(&call) == 1) {
            CHECK_ERR(try_recv(fds[0], &byte, 1), -EAGAIN);
            wins++;
        } else {
            CHECK_ERR(call.op.result, -ECANCELED);
            CHECK_INT(try_recv(fds[0], &byte, 1), ==, 1);
        }
        CHECK_INT(byte, ==, 'x');
        close_sim();
    }
    CHECK_INT(wins, >, 10);
    CHECK_INT(wins, <, 90);
}

static struct call *victim;

static void cancel_victim(struct call *call)
{
    (void)call;
    if (!victim->is_done) {
        backend->class->cancel(backend, &victim->op);
    }
}

COIL_TEST(cancel_from_a_callback_comes_too_late)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct call a = {.then = cancel_victim};
        struct call b = {0};
        char bytes[2];
        int fds[2];

        open_with(seed, NULL);
        make_pair(fds);
        victim = &b;
        submit(&a, COIL__OP_RECV, fds[0], &bytes[0], 1, 0);
        submit(&b, COIL__OP_RECV, fds[0], &bytes[1], 1, 0);
        CHECK_INT(try_send(fds[1], "xy", 2), ==, 2);
        pass(0);
        CHECK_INT(finish(&a), ==, 1);
        CHECK_INT(finish(&b), ==, 1); /* both were done when the callback ran */
        close_sim();
    }
}

/* ---- order and seeds ---- */

/* The order in which five connections' receives are completed, as a number. */
static unsigned order_of_completions(uint64_t seed)
{
    struct call calls[5] = {0};
    char bytes[5];
    unsigned order = 0;
    int fds[5][2];

    open_with(seed, NULL);
    for (int i = 0; i < 5; i++) {
        make_pair(fds[i]);
        submit(&calls[i], COIL__OP_RECV, fds[i][0], &bytes[i], 1, 0);
    }
    turns = 0;
    for (int i = 0; i < 5; i++) {
        CHECK_INT(try_send(fds[i][1], "x", 1), ==, 1);
    }
    pass(0);
    for (int i = 0; i < 5; i++) {
        CHECK(calls[i].is_done);
        order = order * 5 + (unsigned)calls[i].turn;
    }
    close_sim();
    return order;
}

COIL_TEST(order_is_the_seeds)
{
    unsigned seen[50];
    int distinct = 0;

    for (uint64_t seed = 0; seed < 50; seed++) {
        bool is_new = true;

        seen[seed] = order_of_completions(seed);
        CHECK_INT(order_of_completions(seed), ==, seen[seed]);
        for (uint64_t i = 0; i < seed; i++) {
            is_new = is_new && seen[i] != seen[seed];
        }
        distinct += is_new;
    }
    CHECK_INT(distinct, >, 25); /* of 120 possible */
}

COIL_TEST(draw_is_the_seeds)
{
    uint64_t first[10];

    open_with(7, NULL);
    for (int i = 0; i < 10; i++) {
        first[i] = backend->draw(backend, 1000);
        CHECK(first[i] < 1000);
    }
    CHECK_INT(backend->draw(backend, 1), ==, 0);
    close_sim();
    open_with(7, NULL);
    for (int i = 0; i < 10; i++) {
        CHECK_INT(backend->draw(backend, 1000), ==, first[i]);
    }
    close_sim();
}

/* ---- faults ---- */

static const struct coil__sim_faults slow = {
    .latency_min_ns = 10 * COIL_MSEC,
    .latency_max_ns = 10 * COIL_MSEC,
};

COIL_TEST(latency_delays_connect_and_bytes)
{
    int64_t begin;
    char got[8];
    int fds[2];

    open_with(1, &slow);
    begin = now();
    make_pair(fds);
    CHECK_INT(now() - begin, ==, 20 * COIL_MSEC);
    begin = now();
    CHECK_INT(try_send(fds[0], "abc", 3), ==, 3);
    CHECK_ERR(try_recv(fds[1], got, sizeof got), -EAGAIN);
    CHECK_INT(events(fds[1]), ==, POLLOUT);
    CHECK_INT(do_op(COIL__OP_RECV, fds[1], got, sizeof got, 0), ==, 3);
    CHECK_INT(now() - begin, ==, 10 * COIL_MSEC);
    CHECK_INT(try_send(fds[0], "abc", 3), ==, 3);
    CHECK_OK(close_fd(fds[0]));
    pass(5 * COIL_MSEC);
    CHECK_ERR(try_recv(fds[1], got, sizeof got), -EAGAIN);
    CHECK_INT(do_op(COIL__OP_RECV, fds[1], got, sizeof got, 0), ==, 3);
    CHECK_INT(do_op(COIL__OP_RECV, fds[1], got, sizeof got, 0), ==, 0);
    begin = now();
    CHECK_INT(try_send(fds[1], "x", 1), ==, 1);
    CHECK_INT(try_send(fds[1], "x", 1), ==, 1);
    pass(20 * COIL_MSEC);
    CHECK_ERR(try_send(fds[1], "x", 1), -EPIPE);
    close_sim();
}

COIL_TEST(latency_delays_refusal)
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    int64_t begin;

    open_with(1, &slow);
    begin = now();
    CHECK_ERR(do_op(COIL__OP_CONNECT, new_socket(), &to, sizeof to, 0), -ECONNREFUSED);
    CHECK_INT(now() - begin, ==, 20 * COIL_MSEC);
    close_sim();
}

COIL_TEST(latency_and_cancel_of_connect)
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    struct call call = {0};
    int fd;

    open_with(1, &slow);
    new_listener(PORT, 1);
    fd = new_socket();
    submit(&call, COIL__OP_CONNECT, fd, &to, sizeof to, 0);
    pass(15 * COIL_MSEC);
    CHECK(!call.is_done);
    backend->class->cancel(backend, &call.op);
    CHECK_ERR(finish(&call), -ECANCELED);
    CHECK_OK(close_fd(fd));
    pass(COIL_SEC);
    close_sim();
}

/* A cable that is cut while a connection stands: who sends is told after Linux's fifteen tries, who
 * receives hears nothing. */
COIL_TEST(loss_of_everything_ends_in_a_timeout)
{
    struct call receiving = {0};
    struct call sending = {0};
    int64_t begin;
    char got[8];
    int fds[2];

    open_with(1, &slow);
    make_pair(fds);
    coil__sim_of(backend)->faults.losses = 1000000;
    submit(&receiving, COIL__OP_RECV, fds[1], got, sizeof got, 0);
    CHECK_INT(try_send(fds[0], "abc", 3), ==, 3);
    begin = now();
    submit(&sending, COIL__OP_RECV, fds[0], got, sizeof got, 0);
    while (!sending.is_done) {
        pass(COIL_MINUTE);
    }
    CHECK_ERR(sending.op.result, -ETIMEDOUT);
    CHECK_INT(now() - begin, ==, 924600 * COIL_MSEC + 10 * COIL_MSEC);
    CHECK_INT(backend->counts->losses, ==, 16);
    CHECK_ERR(try_send(fds[0], "x", 1), -EPIPE);
    pass(60 * COIL_MINUTE);
    CHECK(!receiving.is_done);
    backend->class->cancel(backend, &receiving.op);
    CHECK_ERR(finish(&receiving), -ECANCELED);
    CHECK_OK(close_fd(fds[0]));
    CHECK_OK(close_fd(fds[1]));
    close_sim();
}

COIL_TEST(loss_delays_what_comes_behind_it)
{
    char got[8];
    int64_t begin;
    int fds[2];

    open_sim();
    make_pair(fds);
    begin = now();
    coil__sim_of(backend)->faults.losses = 500000;
    do { /* until one is late */
        CHECK_INT(try_send(fds[0], "a", 1), ==, 1);
    } while (backend->counts->losses == 0 && !test_has_noticed());
    coil__sim_of(backend)->faults.losses = 0;
    CHECK_INT(try_send(fds[0], "b", 1), ==, 1);
    while (try_recv(fds[1], got, 1) == 1) {
        CHECK_INT(got[0], ==, 'a');
    }
    CHECK_INT(do_op(COIL__OP_RECV, fds[1], got, sizeof got, 0), ==, 2);
    CHECK_MEM(got, "ab", 2);
    CHECK_INT(now() - begin, >=, 200 * COIL_MSEC);
    close_sim();
}

/* One side sends a numbered stream, the other reads it, under the given faults. Returns a digest
 * of everything that happened; -1 in *ret_error when the connection broke. */
static uint64_t run_stream(uint64_t seed, const struct coil__sim_faults *faults, int *ret_error)
{
    enum { TOTAL = 200000 };
    static char out[4096];
    static char in[4096];
    struct call sending = {.is_done = true};
    struct call receiving = {.is_done = true};
    size_t sent = 0;
    size_t got = 0;
    uint64_t digest = 0;
    int fds[2];

    *ret_error = 0;
    open_with(seed, faults);
    make_pair(fds);
    while (got < TOTAL && *ret_error == 0 && !test_has_noticed()) {
        if (sending.is_done && sent < TOTAL) {
            for (size_t i = 0; i < sizeof out; i++) {
                out[i] = (char)((sent + i) % 253);
            }
            submit(&sending, COIL__OP_SEND, fds[0], out, sizeof out, 0);
        }
        if (receiving.is_done) {
            submit(&receiving, COIL__OP_RECV, fds[1], in, sizeof in, 0);
        }
        if (!sending.is_done || !receiving.is_done) {
            pass(COIL_SEC);
        }
        if (sending.is_done && sent < TOTAL) {
            ssize_t rc = sending.op.result;

            *ret_error = rc < 0 ? (int)rc : *ret_error;
            sent += rc > 0 ? (size_t)rc : 0;
            digest = digest * 31 + (uint64_t)rc + (uint64_t)sending.turn;
        }
        if (receiving.is_done) {
            ssize_t rc = receiving.op.result;

            *ret_error = rc <= 0 ? -1 : *ret_error;
            for (ssize_t i = 0; i < rc; i++) {
                CHECK_INT(in[i], ==, (char)((got + (size_t)i) % 253));
            }
            got += rc > 0 ? (size_t)rc : 0;
            digest = digest * 37 + (uint64_t)rc + (uint64_t)now();
        }
    }
    close_sim();
    return digest;
}

static const struct coil__sim_faults rough = {
    .latency_min_ns = 1 * COIL_USEC,
    .latency_max_ns = 5 * COIL_MSEC,
    .short_transfers = 610000,
    .spurious_again = 305000,
};

COIL_TEST(faults_keep_the_stream_whole)
{
    uint64_t first = 0;
    uint64_t seeds = test_is_torture() ? 2 : 30;
    uint64_t changes = 0;
    int error;

    for (uint64_t seed = 0; seed < seeds && !test_has_noticed(); seed++) {
        uint64_t digest = run_stream(seed, &rough, &error);

        CHECK_INT(error, ==, 0);
        CHECK(run_stream(seed, &rough, &error) == digest);
        changes += seed > 0 && digest != first;
        first = seed == 0 ? digest : first;
    }
    CHECK_INT(changes, ==, seeds - 1);
}

COIL_TEST(faults_of_reset_break_the_stream)
{
    struct coil__sim_faults faults = rough;
    int breaks = 0;
    int error;

    faults.resets = 6100;
    for (uint64_t seed = 0; seed < (test_is_torture() ? 4 : 30) && !test_has_noticed(); seed++) {
        run_stream(seed, &faults, &error);
        breaks += error != 0;
    }
    CHECK_INT(breaks, >, test_is_torture() ? 0 : 10);
}

COIL_TEST(faults_of_again_end)
{
    struct coil__sim_faults faults = {.spurious_again = 500000};
    int refused = 0;
    int fds[2];

    open_with(1, &faults);
    make_pair(fds);
    for (int i = 0; i < 100; i++) {
        ssize_t rc = try_send(fds[0], "x", 1);

        CHECK(rc == 1 || rc == -EAGAIN);
        refused += rc == -EAGAIN;
    }
    CHECK_INT(refused, >, 20);
    CHECK_INT(refused, <, 80);
    close_sim();
}

/* ---- real descriptors ---- */

COIL_TEST(real_descriptors_work)
{
    struct call call = {0};
    char got[8] = {0};
    int fds[2];

    open_sim();
    CHECK_INT(pipe(fds), ==, 0); /* blocking ones */
    submit(&call, COIL__OP_READ, fds[0], got, sizeof got, 0);
    pass(0);
    CHECK(!call.is_done);
    CHECK_INT(do_op(COIL__OP_WRITE, fds[1], got, 3, 0), ==, 3);
    CHECK_INT(finish(&call), ==, 3);
    CHECK_INT(do_op(COIL__OP_POLL, fds[1], NULL, 0, POLLOUT), ==, POLLOUT);
    CHECK_INT(now(), ==, COIL_SEC);
    CHECK_OK(close_fd(fds[0]));
    CHECK_OK(close_fd(fds[1]));
    close_sim();
}

COIL_TEST(real_descriptors_two_readers_do_not_block)
{
    struct call a = {0};
    struct call b = {0};
    char got[8];
    int fds[2];

    open_sim();
    CHECK_INT(pipe(fds), ==, 0);
    submit(&a, COIL__OP_READ, fds[0], got, 4, 0);
    submit(&b, COIL__OP_READ, fds[0], got, 4, 0);
    CHECK_INT(write(fds[1], "x", 1), ==, 1);
    pass(0);
    CHECK(a.is_done && !b.is_done);
    backend->class->cancel(backend, &b.op);
    pass(COIL_NEVER);
    CHECK_ERR(finish(&b), -ECANCELED);
    CHECK_INT(coil__counter_get(&backend->in_flight), ==, 0);
    close(fds[0]);
    close(fds[1]);
    close_sim();
}

static void *write_later(void *arg)
{
    usleep(20000);
    for (int tries = 0; tries < 2; tries++) { /* the first may be failed by a torture */
        if (write(*(int *)arg, "x", 1) > 0) {
            return NULL;
        }
    }
    return arg;
}

COIL_TEST(real_descriptors_are_waited_for)
{
    struct call call = {0};
    pthread_t thread;
    char byte;
    int fds[2];

    open_sim();
    CHECK_INT(pipe(fds), ==, 0);
    CHECK_INT(pthread_create(&thread, NULL, write_later, &fds[1]), ==, 0);
    submit(&call, COIL__OP_READ, fds[0], &byte, 1, 0);
    pass(COIL_NEVER);
    CHECK(call.is_done);
    CHECK_INT(now(), ==, COIL_SEC);
    pthread_join(thread, NULL);
    submit(&call, COIL__OP_READ, fds[0], &byte, 1, 0);
    pass(COIL_SEC); /* a limit passes at once */
    CHECK(!call.is_done);
    CHECK_INT(now(), ==, 2 * COIL_SEC);
    close(fds[1]);
    CHECK_INT(finish(&call), ==, 0);
    close(fds[0]);
    close_sim();
}

COIL_TEST(real_sockets_connect)
{
    struct sockaddr_in to;
    uint16_t port;
    int listener = test_listen_tcp(&port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    open_sim();
    to = v4("127.0.0.1", port);
    CHECK_OK(do_op(COIL__OP_CONNECT, fd, &to, sizeof to, 0));
    CHECK_INT(port_of(fd, true), ==, port);
    CHECK_OK(close_fd(fd));
    CHECK_OK(close_fd(listener));
    CHECK_ERR(do_op(COIL__OP_READ, listener, &to, 1, 0), -EBADF);
    close_sim();
}

/* ---- misuse and memory ---- */

COIL_TEST(submit_checks_the_descriptor)
{
    struct call call = {0};
    char byte;

    open_sim();
    submit(&call, COIL__OP_RECV, FIRST_FD + 3, &byte, 1, 0);
    CHECK_ERR(call.op.result, -EBADF);
    submit(&call, COIL__OP_RECV, -1, &byte, 1, 0);
    CHECK_ERR(call.op.result, -EBADF);
    call.op.offset_ = 5;
    call.op.fd_ = new_socket();
    call.op.kind_ = COIL__OP_READ;
    CHECK_ERR(backend->net->attempt(backend, &call.op), -ESPIPE);
    close_sim();
}

COIL_TEST(open_checks_the_faults)
{
    struct coil__backend_config config = {.faults.latency_min_ns = -1};

    CHECK_ERR(coil__sim_open(&config, &backend), -EINVAL);
}

COIL_TEST(close_frees_what_was_leaked)
{
    struct sockaddr_in to = v4("127.0.0.1", PORT);
    struct call calls[5] = {0};
    int fds[2];

    open_with(1, &slow);
    make_pair(fds);
    CHECK_INT(try_send(fds[0], "under way", 9), ==, 9);
    new_listener(PORT, 1);
    for (int i = 0; i < 4; i++) { /* one in the backlog, the others knock */
        submit(&calls[i], COIL__OP_CONNECT, new_socket(), &to, sizeof to, 0);
    }
    pass(15 * COIL_MSEC);
    submit(&calls[4], COIL__OP_CONNECT, new_socket(), &to, sizeof to, 0);
    close_sim();
}

COIL_TEST(close_in_a_forked_child)
{
    int fds[2];

    open_sim();
    make_pair(fds);
    CHECK_INT(try_send(fds[0], "x", 1), ==, 1);
    backend->class->close(backend, true);
}

/* A whole conversation in which any allocation or system call may fail: it may end early, but
 * neither crash nor leak nor hang. */
static void converse(void *arg)
{
    struct coil__backend_config config = {.name = "sim", .seed = 3};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct call accepted = {.is_done = true};
    struct call connected = {.is_done = true};
    struct call received = {.is_done = true};
    static char bytes[20000];
    int listener;
    int fd;

    config.faults = *(const struct coil__sim_faults *)arg;
    if (coil__sim_open(&config, &backend) < 0) {
        return;
    }
    listener = backend->net->socket(backend, AF_INET, SOCK_STREAM, 0);
    fd = backend->net->socket(backend, AF_INET, SOCK_STREAM, 0);
    bind_to(listener, to);
    backend->net->listen(backend, listener, 1);
    submit(&accepted, COIL__OP_ACCEPT, listener, NULL, 0, 0);
    submit(&connected, COIL__OP_CONNECT, fd, &to, sizeof to, 0);
    for (int i = 0; i < 5; i++) {
        backend->class->wait(backend, COIL_SEC);
    }
    try_send(fd, bytes, 3000);
    try_send(fd, bytes, sizeof bytes);
    if (accepted.is_done && accepted.op.result >= 0) {
        submit(&received, COIL__OP_RECV, (int)accepted.op.result, bytes, 10, 0);
    }
    backend->class->wait(backend, COIL_SEC);
    close_fd(fd);
    backend->class->wait(backend, COIL_SEC);
    close_sim();
}

COIL_TEST(memory_may_run_out)
{
    static const struct coil__sim_faults none;

    torture(converse, (void *)(uintptr_t)&none);
}

COIL_TEST(memory_may_run_out_under_latency)
{
    torture(converse, (void *)(uintptr_t)&slow);
}

COIL_TEST(memory_out_is_told)
{
    int fds[2];

    open_with(1, &slow);
    make_pair(fds);
    if (test_is_torture()) { /* it fails what it likes by itself */
        close_sim();
        return;
    }
    fault_alloc_at(1);
    CHECK_ERR(try_send(fds[0], "x", 1), -ENOMEM); /* the buffer */
    fault_off();
    fault_alloc_at(2);
    CHECK_ERR(try_send(fds[0], "x", 1), -ENOMEM); /* the packet */
    fault_off();
    CHECK_INT(try_send(fds[0], "y", 1), ==, 1);
    fault_alloc_from(1);
    CHECK_ERR(backend->net->socket(backend, AF_INET, SOCK_STREAM, 0), -ENOMEM);
    CHECK_OK(close_fd(fds[0])); /* needs none: the end comes at once, but after the byte */
    fault_off();
    CHECK_ERR(try_recv(fds[1], fds, 1), -EAGAIN);
    CHECK_INT(do_op(COIL__OP_RECV, fds[1], fds, 1, 0), ==, 1);
    close_sim();
}
