/* How a TLS stream ends: half-close, close_notify, truncation, resets, aborts, cancels (E15). */
#include "raw_peer.h"

/* One end of ours, which met a raw one. */
static void meet_raw(const struct cast *cast, bool raw_is_server,
                     const struct coil_tls_context_options *more,
                     const struct coil_tls_options *options, struct end *end, struct raw *raw)
{
    struct coil_stream *lower[2];
    struct coil_task *task;

    open_streams(NULL, lower);
    raw_init(raw, lower[1], raw_is_server, raw_is_server ? &cast->server : NULL);
    *end = (struct end){.lower = lower[0]};
    end->context = raw_is_server ? client_context(cast, more) : server_context(cast, more);
    if (options) {
        end->options = *options;
    }
    end->options.server_name = "localhost";
    task = coil_create_task(run_end, end);
    CHECK_INT(raw_handshake(raw), ==, 1);
    CHECK_OK(coil_await(task));
    CHECK_MSG(end->rc == 0, "%s", end->failure.text);
}

static void part(struct end *end, struct raw *raw)
{
    coil_tls_context_free(end->context);
    coil_stream_abort(raw->stream);
    raw_deinit(raw);
}

/* --- half-close --- */

TASK_TEST(end_write_eof_and_reading_goes_on)
{
    for (int version = COIL_TLS_1_2; version <= COIL_TLS_1_3; version++) {
        struct coil_tls_context_options options = {.max_version = (enum coil_tls_version)version};
        struct cast cast;
        struct end ends[2];
        char buf[8] = "";

        make_cast(&cast);
        open_pair(&cast, &options, NULL, ends);
        for (int i = 0; i < 2; i++) {
            struct coil_stream *one = ends[i].stream, *two = ends[1 - i].stream;

            CHECK_INT(coil_stream_write(one, "bye", 3), ==, 3);
            CHECK_OK(coil_stream_write_eof(one));
            CHECK_OK(coil_stream_write_eof(one));
            CHECK_ERR(coil_stream_write(one, "x", 1), -COIL_ECLOSED);
            CHECK_INT(coil_stream_read_exactly(two, buf, 3, NULL), ==, 3);
            CHECK_INT(coil_stream_read(two, buf, 8), ==, 0);
            CHECK(coil_stream_at_eof(two));
            CHECK_INT(coil_stream_read(two, buf, 8), ==, 0);
            CHECK_INT(coil_stream_write(two, i == 0 ? "more" : "", i == 0 ? 4 : 0), ==,
                      i == 0 ? 4 : -COIL_ECLOSED);
            if (i == 0) {
                CHECK_INT(coil_stream_read_exactly(one, buf, 4, NULL), ==, 4);
                CHECK_MEM(buf, "more", 4);
            }
        }
        close_pair(ends);
        free_cast(&cast);
    }
    return 0;
}

/* --- close --- */

/* What was written arrives, then close_notify; the peer's is waited for. */
TASK_TEST(end_close_says_so)
{
    struct coil_task *task;
    struct cast cast;
    struct end end;
    struct raw raw;
    char buf[16];

    make_cast(&cast);
    for (int is_server = 0; is_server < 2; is_server++) {
        meet_raw(&cast, is_server, NULL, NULL, &end, &raw);
        CHECK_INT(coil_stream_write(end.stream, "the last", 8), ==, 8);
        task = coil_create_task(run_close, end.stream);
        CHECK_INT(raw_read(&raw, buf, sizeof buf), ==, 8);
        CHECK_INT(raw_read(&raw, buf, sizeof buf), ==, 0);
        CHECK_INT(raw.error, ==, SSL_ERROR_ZERO_RETURN);
        CHECK(!coil_task_is_done(task));
        CHECK_INT(raw_write(&raw, "too late"), ==, 8); /* is read and dropped */
        raw_shutdown(&raw);
        CHECK_OK(coil_await(task));
        part(&end, &raw);
    }
    free_cast(&cast);
    return 0;
}

/* The peer does not answer, or just hangs up. */
TASK_TEST(end_close_in_time)
{
    struct coil_tls_options options = {.shutdown_timeout_ns = 20 * COIL_MSEC};
    struct coil_task *task;
    struct cast cast;
    struct end end;
    struct raw raw;
    int64_t start;

    make_cast(&cast);
    meet_raw(&cast, true, NULL, &options, &end, &raw);
    start = coil_now();
    CHECK_ERR(coil_stream_close(end.stream), -ETIMEDOUT);
    CHECK_INT(coil_now() - start, >=, 20 * COIL_MSEC);
    part(&end, &raw);

    meet_raw(&cast, true, NULL, NULL, &end, &raw);
    task = coil_create_task(run_close, end.stream);
    yield_times(3);
    CHECK_OK(coil_stream_close(raw.stream));
    CHECK_OK(coil_await(task));
    part(&end, &raw);

    options.shutdown_timeout_ns = -1; /* does not wait at all */
    meet_raw(&cast, true, NULL, &options, &end, &raw);
    CHECK_OK(coil_stream_close(end.stream));
    part(&end, &raw);
    free_cast(&cast);
    return 0;
}

/* --- truncation --- */

TASK_TEST(end_without_a_word_is_an_error)
{
    struct cast cast;
    struct end end;
    struct raw raw;
    char buf[16];

    make_cast(&cast);
    for (int version = COIL_TLS_1_2; version <= COIL_TLS_1_3; version++) {
        struct coil_tls_context_options options = {.max_version = (enum coil_tls_version)version};

        meet_raw(&cast, true, &options, NULL, &end, &raw);
        CHECK_INT(raw_write(&raw, "half a mes"), ==, 10);
        CHECK_OK(coil_stream_write_eof(raw.stream));
        CHECK_INT(coil_stream_read_exactly(end.stream, buf, 10, NULL), ==, 10);
        CHECK_ERR(coil_stream_read(end.stream, buf, 16), -COIL_ETLSTRUNCATED);
        CHECK_ERR(coil_stream_read(end.stream, buf, 16), -COIL_ETLSTRUNCATED);
        CHECK(!coil_stream_at_eof(end.stream));
        CHECK_STR(coil_tls_error_text(end.stream),
                  "the connection has ended, and the peer has not said that it is done");
        CHECK_OK(coil_stream_close(end.stream));
        part(&end, &raw);
    }
    free_cast(&cast);
    return 0;
}

/* In the middle of a record. */
TASK_TEST(end_within_a_record)
{
    struct cast cast;
    struct end end;
    struct raw raw;
    char buf[16], *data;

    make_cast(&cast);
    meet_raw(&cast, true, NULL, NULL, &end, &raw);
    CHECK_INT(SSL_write(raw.ssl, "hello", 5), ==, 5);
    CHECK_INT(BIO_get_mem_data(raw.out, &data), >, 20);
    CHECK_INT(coil_stream_write(raw.stream, data, 20), ==, 20);
    CHECK_OK(coil_stream_write_eof(raw.stream));
    CHECK_ERR(coil_stream_read(end.stream, buf, 16), -COIL_ETLSTRUNCATED);
    coil_stream_abort(end.stream);
    part(&end, &raw);
    free_cast(&cast);
    return 0;
}

TASK_TEST(end_by_a_reset)
{
    struct cast cast;
    struct end ends[2];
    char buf[16];
    ssize_t rc;

    make_cast(&cast);
    open_pair(&cast, NULL, NULL, ends);
    CHECK_INT(coil_stream_write(ends[CLIENT].stream, "unread", 6), ==, 6);
    CHECK_OK(coil_stream_flush(ends[CLIENT].stream));
    yield_times(3);
    coil_stream_abort(ends[SERVER].stream);
    rc = coil_stream_read(ends[CLIENT].stream, buf, sizeof buf);
    CHECK(rc == -ECONNRESET || rc == -COIL_ETLSTRUNCATED);
    CHECK_CONTAINS(coil_tls_error_text(ends[CLIENT].stream), "the connection has ");
    CHECK_ERR(coil_stream_write(ends[CLIENT].stream, "x", 1), rc);
    CHECK_ERR(coil_stream_close(ends[CLIENT].stream), rc);
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}

/* A record that was changed on its way. */
TASK_TEST(end_by_a_forged_record)
{
    struct cast cast;
    struct end end;
    struct raw raw;
    char buf[64], *data;
    long size;

    make_cast(&cast);
    meet_raw(&cast, true, NULL, NULL, &end, &raw);
    CHECK_INT(SSL_write(raw.ssl, "hello", 5), ==, 5);
    size = BIO_get_mem_data(raw.out, &data);
    data[size - 1] ^= 1;
    CHECK_INT(coil_stream_write(raw.stream, data, (size_t)size), ==, size);
    (void)BIO_reset(raw.out);
    CHECK_ERR(coil_stream_read(end.stream, buf, sizeof buf), -COIL_ETLSPROTOCOL);
    CHECK_CONTAINS(coil_tls_error_text(end.stream), "bad record mac");
    CHECK_INT(raw_read(&raw, buf, sizeof buf), <=, 0); /* the alert */
    CHECK_INT(raw.error, ==, SSL_ERROR_SSL);
    CHECK_OK(coil_stream_close(end.stream));
    part(&end, &raw);
    free_cast(&cast);
    return 0;
}

/* --- others wait in it --- */

struct waiting {
    struct coil_stream *stream;
    ssize_t rc;
};

static int read_one(void *arg)
{
    struct waiting *w = arg;
    char byte;

    w->rc = coil_stream_read(w->stream, &byte, 1);
    return 0;
}

static int write_much(void *arg)
{
    enum { MUCH = 8000000 };
    struct waiting *w = arg;
    char *much = test_made(calloc(1, MUCH));

    w->rc = much ? coil_stream_write(w->stream, much, MUCH) : -ENOMEM;
    free(much);
    return 0;
}

TASK_TEST(end_while_others_wait_in_it)
{
    struct waiting reader, writer;
    struct coil_task *tasks[2];
    struct cast cast;
    struct end ends[2];
    char byte;

    make_cast(&cast);
    for (int i = 0; i < 2; i++) {
        open_pair(&cast, NULL, NULL, ends);
        reader = (struct waiting){.stream = ends[CLIENT].stream};
        writer = (struct waiting){.stream = ends[CLIENT].stream};
        tasks[0] = coil_create_task(read_one, &reader);
        tasks[1] = i == 0 ? coil_create_task(write_much, &writer) : NULL;
        CHECK_OK(coil_sleep(5 * COIL_MSEC));
        CHECK_ERR(coil_stream_read(ends[CLIENT].stream, &byte, 1), -COIL_ECONCURRENT);
        if (i == 0) {
            coil_stream_abort(ends[CLIENT].stream);
            CHECK_OK(coil_await(tasks[1]));
            CHECK_INT(writer.rc, <, 8000000);
            CHECK_INT(writer.rc, >, 0);
            coil_stream_abort(ends[SERVER].stream);
        } else {
            CHECK_OK(coil_stream_close(ends[CLIENT].stream));
            CHECK_INT(coil_stream_read(ends[SERVER].stream, &byte, 1), ==, 0);
            CHECK_OK(coil_stream_close(ends[SERVER].stream));
        }
        CHECK_OK(coil_await(tasks[0]));
        CHECK_ERR(reader.rc, -COIL_ECLOSED);
        free_contexts(ends);
    }
    free_cast(&cast);
    return 0;
}

/* --- cancels and deadlines --- */

TASK_TEST(end_deadline_of_a_read_loses_nothing)
{
    struct cast cast;
    struct end ends[2];
    char buf[8];
    ssize_t rc = 0;

    make_cast(&cast);
    open_pair(&cast, NULL, NULL, ends);
    for (int i = 0; i < 5; i++) {
        coil_timeout(COIL_MSEC) {
            rc = coil_stream_read(ends[CLIENT].stream, buf, sizeof buf);
        }
        CHECK_ERR(rc, -ETIMEDOUT);
        check_talk(ends[CLIENT].stream, ends[SERVER].stream);
        check_talk(ends[SERVER].stream, ends[CLIENT].stream);
    }
    close_pair(ends);
    free_cast(&cast);
    return 0;
}

/* A write that is cut off says how much was accepted; what was arrives, and the stream goes on. */
TASK_TEST(end_deadline_of_a_write_keeps_the_count)
{
    struct coil_task *task;
    char *big = test_made(malloc(4000000));
    size_t total = 0, place = 0;
    struct cast cast;
    struct end ends[2];
    char buf[1000];
    ssize_t rc = 0;

    if (!big) {
        return 0;
    }
    fill_bytes(big, 4000000);
    make_cast(&cast);
    open_pair(&cast, NULL, NULL, ends);
    for (int i = 0; i < 3; i++) {
        coil_timeout(10 * COIL_MSEC) {
            rc = coil_stream_write(ends[CLIENT].stream, big + total, 4000000 - total);
        }
        CHECK(rc > 0 || rc == -ETIMEDOUT);
        total += rc > 0 ? (size_t)rc : 0;
    }
    CHECK_INT(total, <, 4000000);
    task = coil_create_task(run_close, ends[CLIENT].stream);
    while (place < total) {
        rc = coil_stream_read(ends[SERVER].stream, buf, sizeof buf);
        CHECK_INT(rc, >, 0);
        for (ssize_t n = 0; n < rc; n++) {
            CHECK_INT(buf[n], ==, byte_at(place + (size_t)n));
        }
        if (rc <= 0) {
            break;
        }
        place += (size_t)rc;
    }
    CHECK_INT(place, ==, (int64_t)total);
    CHECK_INT(coil_stream_read(ends[SERVER].stream, buf, sizeof buf), ==, 0);
    CHECK_OK(coil_stream_close(ends[SERVER].stream));
    CHECK_OK(coil_await(task));
    free(big);
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}

static int close_it(void *arg)
{
    struct waiting *w = arg;

    w->rc = coil_stream_close(w->stream);
    return 0;
}

TASK_TEST(end_close_cancelled)
{
    struct waiting closer;
    struct coil_task *task;
    struct cast cast;
    struct end ends[2];

    make_cast(&cast);
    for (int i = 0; i < 3; i++) { /* before it runs, at its first step, while it waits */
        open_pair(&cast, NULL, NULL, ends);
        closer = (struct waiting){.stream = ends[CLIENT].stream, .rc = 1};
        task = coil_create_task(close_it, &closer);
        yield_times(i == 2 ? 5 : i);
        coil_cancel(task);
        CHECK_ERR(coil_await(task), i == 0 ? -ECANCELED : 0);
        if (i == 0) {
            coil_stream_abort(ends[CLIENT].stream);
        } else {
            CHECK_ERR(closer.rc, -ECANCELED);
        }
        CHECK_ERR(coil_stream_close(ends[CLIENT].stream), -COIL_ECLOSED);
        coil_stream_abort(ends[SERVER].stream);
        free_contexts(ends);
    }
    free_cast(&cast);
    return 0;
}

/* --- the loop ends, and everything stands open --- */

static int leave_open(void *arg)
{
    struct end *ends = arg;
    struct cast cast;

    make_cast(&cast);
    open_pair(&cast, NULL, NULL, ends);
    CHECK_INT(coil_stream_write(ends[CLIENT].stream, "unread", 6), ==, 6);
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}

COIL_TEST(end_of_the_loop)
{
    struct end ends[2];

    CHECK_ERR(coil_run(leave_open, ends), 0);
}

/* --- a message of TLS's own in pieces --- */

static int make_large(SSL *ssl, void *user)
{
    static const char much[3000];

    (void)user;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), much, sizeof much);
}

static SSL_TICKET_RETURN take_any(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                  size_t name_size, SSL_TICKET_STATUS status, void *user)
{
    (void)ssl;
    (void)session;
    (void)name;
    (void)name_size;
    (void)status;
    (void)user;
    return SSL_TICKET_RETURN_USE;
}

/* A ticket in several records, in two parts. */
struct ticket {
    char data[8192];
    size_t size;
    size_t sent;
};

static void make_ticket(struct raw *raw, struct ticket *ticket)
{
    int size;

    SSL_CTX_set_session_ticket_cb(raw->ssl_ctx, make_large, take_any, NULL);
    CHECK(SSL_set_max_send_fragment(raw->ssl, 512) > 0);
    CHECK(SSL_new_session_ticket(raw->ssl) > 0);
    CHECK(SSL_do_handshake(raw->ssl) > 0);
    size = BIO_read(raw->out, ticket->data, sizeof ticket->data);
    CHECK_INT(size, >, 3000);
    CHECK_INT(size, <, (int)sizeof ticket->data);
    ticket->size = size > 0 ? (size_t)size : 0;
    ticket->sent = 0;
}

static void send_part(struct raw *raw, struct ticket *ticket, size_t size)
{
    CHECK_INT(coil_stream_write(raw->stream, ticket->data + ticket->sent, size), ==, (int64_t)size);
    CHECK_OK(coil_stream_flush(raw->stream));
    ticket->sent += size;
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
}

static int read_world(void *stream)
{
    char buf[8] = "";

    CHECK_INT(coil_stream_read_exactly(stream, buf, 5, NULL), ==, 5);
    CHECK_MEM(buf, "world", 5);
    return 0;
}

static int write_hello(void *stream)
{
    return (int)coil_stream_write(stream, "hello", 5);
}

/* Nobody reads but for a moment, in which the first part is taken. */
static void look_in(struct coil_stream *stream)
{
    char byte;

    coil_timeout(5 * COIL_MSEC) {
        CHECK_ERR(coil_stream_read(stream, &byte, 1), -ETIMEDOUT);
    }
}

TASK_TEST(end_of_a_ticket_is_waited_for_by_writers)
{
    struct cast cast;
    struct end end;
    struct raw raw;
    char buf[8];

    make_cast(&cast);
    meet_raw(&cast, true, NULL, NULL, &end, &raw);
    for (int has_reader = 0; has_reader < 3; has_reader++) { /* 2: it comes after the writer */
        struct coil_task *reader =
            has_reader == 1 ? coil_create_task(read_world, end.stream) : NULL;
        struct coil_task *writer;
        struct ticket ticket;

        make_ticket(&raw, &ticket);
        send_part(&raw, &ticket, 1000);
        if (has_reader != 1) {
            look_in(end.stream);
        }
        writer = coil_create_task(write_hello, end.stream);
        CHECK_OK(coil_sleep(5 * COIL_MSEC));
        if (has_reader == 2) {
            reader = coil_create_task(read_world, end.stream);
        }
        send_part(&raw, &ticket, 1000);
        send_part(&raw, &ticket, ticket.size - ticket.sent);
        coil_timeout(PATIENCE) {
            CHECK_INT(coil_await(writer), ==, 5);
            CHECK_INT(raw_read(&raw, buf, sizeof buf), ==, 5);
            CHECK_INT(raw_write(&raw, "world"), ==, 5);
            CHECK_OK(reader ? coil_await(reader) : read_world(end.stream));
        }
    }
    coil_stream_abort(end.stream);
    part(&end, &raw);
    free_cast(&cast);
    return 0;
}

/* The end is said as soon as that can be. */
TASK_TEST(end_of_a_ticket_is_waited_for_by_close)
{
    for (int closes = 0; closes < 2; closes++) {
        struct coil_task *task = NULL;
        struct ticket ticket;
        struct cast cast;
        struct end end;
        struct raw raw;
        char buf[8];

        make_cast(&cast);
        meet_raw(&cast, true, NULL, NULL, &end, &raw);
        make_ticket(&raw, &ticket);
        send_part(&raw, &ticket, 1000);
        look_in(end.stream);
        if (closes) {
            task = coil_create_task(run_close, end.stream);
        } else {
            CHECK_OK(coil_stream_write_eof(end.stream));
            task = coil_create_task(read_world, end.stream);
        }
        send_part(&raw, &ticket, ticket.size - ticket.sent);
        CHECK_INT(raw_read(&raw, buf, sizeof buf), ==, 0);
        CHECK_INT(raw.error, ==, SSL_ERROR_ZERO_RETURN);
        if (closes) {
            raw_shutdown(&raw);
        } else {
            CHECK_INT(raw_write(&raw, "world"), ==, 5);
        }
        coil_timeout(PATIENCE) {
            CHECK_OK(coil_await(task));
        }
        coil_stream_abort(closes ? NULL : end.stream);
        part(&end, &raw);
        free_cast(&cast);
    }
    return 0;
}

/* What the lower stream has no room for is handed on by a task, which the loop's end cancels before
 * anybody has waited: nothing stays behind. */
TASK_TEST(end_of_the_loop_before_all_is_handed_on)
{
    static const char much[4000];
    struct coil_stream *lower[2];
    struct cast cast;
    struct end ends[2] = {0};

    make_cast(&cast);
    CHECK_OK(coil_stream_pair(&(struct coil_stream_options){.high_water = 500}, lower));
    for (int i = 0; i < 2; i++) {
        ends[i].lower = lower[i];
        ends[i].context = i == CLIENT ? client_context(&cast, NULL) : server_context(&cast, NULL);
    }
    ends[CLIENT].options.server_name = "localhost";
    meet(ends);
    CHECK_OK(ends[CLIENT].rc);
    CHECK_OK(ends[SERVER].rc);
    CHECK_OK(coil_stream_try_write(ends[CLIENT].stream, much, sizeof much));
    coil_stream_abort(ends[CLIENT].stream);
    coil_stream_abort(ends[SERVER].stream);
    free_contexts(ends);
    free_cast(&cast);
    return 0;
}
