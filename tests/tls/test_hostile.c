/* Peers that are slow, mad or bad: one byte at a time, a handshake cut at each byte, garbage,
 * renegotiation, floods of key updates (E15). */
#include "raw_peer.h"

/* --- a pipe in the middle --- */

/* Hands on from one stream to the other: in pieces, and only so much. */
struct pipe {
    struct coil_stream *from, *to;
    size_t piece;
    size_t limit; /* then the end */
    size_t total;
    unsigned char *copy; /* of the first MOST_SENT bytes; NULL: none */
};

enum { MOST_SENT = 5000 }; /* by one side in a handshake */

static int run_pipe(void *arg)
{
    struct pipe *pipe = arg;
    char buf[4096];
    ssize_t n = 1;

    while (n > 0 && pipe->total < pipe->limit) {
        size_t left = pipe->limit - pipe->total;
        size_t size = left < pipe->piece ? left : pipe->piece;

        n = coil_stream_read(pipe->from, buf, size < sizeof buf ? size : sizeof buf);
        if (n > 0 && coil_stream_write(pipe->to, buf, (size_t)n) < 0) {
            n = -1;
        }
        if (n > 0 && coil_stream_flush(pipe->to) < 0) {
            n = -1;
        }
        if (n > 0 && pipe->copy && pipe->total + (size_t)n <= MOST_SENT) {
            memcpy(pipe->copy + pipe->total, buf, (size_t)n);
        }
        pipe->total += n > 0 ? (size_t)n : 0;
    }
    coil_stream_write_eof(pipe->to);
    return 0;
}

/* Two ends, and the pipes between them in both directions. */
struct middle {
    struct end ends[2];
    struct coil_stream *mine[2];
    struct pipe pipes[2]; /* from the client, from the server */
    struct coil_task *tasks[2];
};

/* contexts: stay the caller's. */
static void open_middle(struct middle *m, struct coil_tls_context *const contexts[2], size_t piece,
                        const size_t limits[2])
{
    struct coil_stream *left[2], *right[2];

    open_streams(NULL, left);
    open_streams(NULL, right);
    m->ends[CLIENT] = (struct end){.lower = left[0], .context = contexts[CLIENT]};
    m->ends[SERVER] = (struct end){.lower = right[0], .context = contexts[SERVER]};
    m->ends[CLIENT].options.server_name = "localhost";
    m->mine[0] = left[1];
    m->mine[1] = right[1];
    for (int i = 0; i < 2; i++) {
        m->pipes[i] = (struct pipe){
            .from = m->mine[i], .to = m->mine[1 - i], .piece = piece, .limit = limits[i]};
        m->tasks[i] = coil_create_task(run_pipe, &m->pipes[i]);
    }
}

static void close_middle(struct middle *m)
{
    for (int i = 0; i < 2; i++) {
        coil_cancel(m->tasks[i]);
        coil_await(m->tasks[i]);
        coil_stream_abort(m->mine[i]);
    }
}

/* Each handshake is a full one. */
static void make_contexts(const struct cast *cast, struct coil_tls_context *ret_contexts[2])
{
    const struct coil_tls_context_options full = {.no_resumption = true};

    ret_contexts[CLIENT] = client_context(cast, &full);
    ret_contexts[SERVER] = server_context(cast, NULL);
}

TASK_TEST(hostile_one_byte_at_a_time)
{
    struct coil_tls_context *contexts[2];
    struct middle m;
    struct cast cast;

    make_cast(&cast);
    make_contexts(&cast, contexts);
    for (size_t piece = 1; piece < 10; piece += 4) {
        open_middle(&m, contexts, piece, (const size_t[2]){SIZE_MAX, SIZE_MAX});
        meet(m.ends);
        CHECK_OK(m.ends[CLIENT].rc);
        CHECK_OK(m.ends[SERVER].rc);
        check_talk(m.ends[CLIENT].stream, m.ends[SERVER].stream);
        check_talk(m.ends[SERVER].stream, m.ends[CLIENT].stream);
        close_ends(m.ends);
        close_middle(&m);
    }
    coil_tls_context_free(contexts[CLIENT]);
    coil_tls_context_free(contexts[SERVER]);
    free_cast(&cast);
    return 0;
}

/* Cuts one direction after so many bytes; the other one goes on. */
static bool cut_at(struct coil_tls_context *const contexts[2], int who, size_t place)
{
    size_t limits[2] = {SIZE_MAX, SIZE_MAX};
    bool is_through;
    struct middle m;

    limits[who] = place;
    open_middle(&m, contexts, 1000, limits);
    meet(m.ends);
    for (int i = 0; i < 2; i++) {
        int rc = m.ends[i].rc;

        CHECK_MSG(rc == 0 || rc == -COIL_ETLSTRUNCATED || rc == -COIL_ETLSALERT ||
                      rc == -ECONNRESET || rc == -EPIPE,
                  "cut %d at %zu: %d: %s", who, place, i, m.ends[i].failure.text);
        CHECK((rc == 0) == (m.ends[i].stream != NULL));
    }
    is_through = m.ends[CLIENT].rc == 0 && m.ends[SERVER].rc == 0;
    CHECK(is_through || m.ends[1 - who].rc < 0);
    coil_stream_abort(m.ends[CLIENT].stream);
    coil_stream_abort(m.ends[SERVER].stream);
    close_middle(&m);
    return is_through;
}

/* Where each record begins that one side sends, by its head (RFC 8446, 5.1), after a look at a
 * handshake that is not cut. Those of others are as long, give or take a byte of a signature. */
static size_t find_records(struct coil_tls_context *const contexts[2], int who, size_t *starts,
                           size_t most)
{
    static unsigned char copy[MOST_SENT];
    size_t count = 0, at = 0;
    struct middle m;

    open_middle(&m, contexts, 1000, (const size_t[2]){SIZE_MAX, SIZE_MAX});
    m.pipes[who].copy = copy;
    meet(m.ends);
    CHECK_INT(m.pipes[who].total, <=, MOST_SENT);
    while (count < most && at + 5 <= m.pipes[who].total) {
        starts[count++] = at;
        at += 5 + ((size_t)copy[at + 3] << 8) + copy[at + 4];
    }
    coil_stream_abort(m.ends[CLIENT].stream);
    coil_stream_abort(m.ends[SERVER].stream);
    close_middle(&m);
    return count;
}

/* The first record, which nothing protects, counts byte for byte, and so do the heads of the
 * others with what is around them. Elsewhere a cut is as good as the one beside it: every
 * eleventh is tried, so that each remainder by any power of two comes. */
static size_t next_place(size_t place, const size_t *starts, size_t count)
{
    const size_t stride = test_is_thorough() ? 1 : 11;

    if (test_has_valgrind()) {
        return place + 37;
    }
    for (size_t to = place + 1; to < place + stride; to++) {
        if (count > 1 && to < starts[1]) {
            return to;
        }
        for (size_t i = 1; i < count; i++) {
            if (to + 1 >= starts[i] && to <= starts[i] + 6) {
                return to;
            }
        }
    }
    return place + stride;
}

/* Everywhere, in the stage of the torture (test_is_thorough). */
static int cut_anywhere(void *arg)
{
    struct coil_tls_context *contexts[2];
    struct cast cast;

    (void)arg;
    make_cast(&cast);
    make_contexts(&cast, contexts);
    for (int who = 0; who < 2; who++) {
        size_t starts[16];
        size_t count = find_records(contexts, who, starts, 16);
        size_t place = 0;

        CHECK_INT(count, >=, 2);
        while (!cut_at(contexts, who, place)) {
            place = next_place(place, starts, count);
            CHECK_INT(place, <, MOST_SENT);
        }
        CHECK_INT(place, >, 100);
    }
    coil_tls_context_free(contexts[CLIENT]);
    coil_tls_context_free(contexts[SERVER]);
    free_cast(&cast);
    return 0;
}

COIL_TEST_LIMIT(hostile_handshake_cut_anywhere, 120)
{
    CHECK_ERR(coil_run(cut_anywhere, NULL), 0);
}

/* --- garbage --- */

/* What is sent instead of a hello, to a server or a client. */
static int send_instead(const struct cast *cast, bool to_server, const char *data, size_t size,
                        struct coil_tls_failure *ret_failure)
{
    struct coil_stream *lower[2];
    struct coil_task *task;
    struct end end;
    char buf[512];

    open_streams(NULL, lower);
    end = (struct end){.lower = lower[0]};
    end.context = to_server ? server_context(cast, NULL) : client_context(cast, NULL);
    end.options.server_name = "localhost";
    task = coil_create_task(run_end, &end);
    coil_stream_write(lower[1], data, size);
    coil_stream_write_eof(lower[1]);
    coil_timeout(PATIENCE) {
        while (coil_stream_read(lower[1], buf, sizeof buf) > 0) {
        }
    }
    CHECK_OK(coil_await(task));
    coil_stream_abort(lower[1]);
    coil_tls_context_free(end.context);
    *ret_failure = end.failure;
    return end.rc;
}

TASK_TEST(hostile_garbage)
{
    static const struct {
        const char *data;
        size_t size;
        const char *piece; /* of a server's sentence */
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18, "the peer speaks plain HTTP, not TLS"},
        {"SSH-2.0-OpenSSH_9.2\r\n", 21, "what the peer has sent is not TLS"},
        {"\x16\x03\x01\xff\xff aaaaaaaaaaaaaaaaaaaa", 26, ""},
        {"\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00 more", 15, "unexpected message"},
        {"\x15\x03\x01\x00\x02\x02\x28", 7, ""},
        {"\x17\x03\x03\x00\x05hello", 10, ""},
    };
    struct coil_tls_failure failure;
    struct cast cast;

    make_cast(&cast);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int to_server = 0; to_server < 2; to_server++) {
            int rc = send_instead(&cast, to_server, cases[i].data, cases[i].size, &failure);

            CHECK_MSG(rc == -COIL_ETLSPROTOCOL || (i == 4 && rc == -COIL_ETLSALERT), "%zu: %s: %s",
                      i, coil_errname(rc), failure.text);
            if (to_server) {
                CHECK_CONTAINS(failure.text, cases[i].piece);
            }
        }
    }
    free_cast(&cast);
    return 0;
}

TASK_TEST(hostile_random_bytes)
{
    struct coil_tls_failure failure;
    struct cast cast;
    char data[300];

    make_cast(&cast);
    for (int i = 0; i < (test_has_valgrind() ? 10 : 200); i++) {
        int rc;

        CHECK(RAND_bytes((unsigned char *)data, sizeof data) > 0);
        if (i % 2) { /* a record that looks right, with nonsense in it */
            memcpy(data, "\x16\x03\x01\x01\x20\x01\x00\x01\x1c\x03\x03", 11);
        }
        rc = send_instead(&cast, i % 3, data, sizeof data, &failure);
        CHECK_INT(rc, <, 0);
        CHECK(failure.text[0] != '\0');
    }
    free_cast(&cast);
    return 0;
}

/* --- OpenSSL by hand --- */

/* One end of ours, a server's, which met a raw client. */
static void meet_raw_over(const struct cast *cast, enum coil_tls_version version,
                          struct coil_stream *const lower[2], struct end *end, struct raw *raw)
{
    struct coil_task *task;

    raw_init(raw, lower[1], false, NULL);
    *end = (struct end){.lower = lower[0]};
    end->context = server_context(cast, &(struct coil_tls_context_options){.max_version = version});
    task = coil_create_task(run_end, end);
    CHECK_INT(raw_handshake(raw), ==, 1);
    CHECK_OK(coil_await(task));
    CHECK_MSG(end->rc == 0, "%s", end->failure.text);
}

static void meet_raw(const struct cast *cast, enum coil_tls_version version, struct end *end,
                     struct raw *raw)
{
    struct coil_stream *lower[2];

    open_streams(NULL, lower);
    meet_raw_over(cast, version, lower, end, raw);
}

static void part(struct end *end, struct raw *raw)
{
    coil_stream_abort(end->stream);
    coil_tls_context_free(end->context);
    coil_stream_abort(raw->stream);
    raw_deinit(raw);
}

/* The answer to a key update is written while reading; both sides use their new keys then. */
TASK_TEST(hostile_key_updates)
{
    struct cast cast;
    struct end end;
    struct raw raw;
    char buf[16];

    make_cast(&cast);
    meet_raw(&cast, COIL_TLS_1_3, &end, &raw);
    for (int i = 0; i < 20; i++) {
        CHECK(SSL_key_update(raw.ssl,
                             i % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) > 0);
        CHECK_INT(raw_write(&raw, "hello"), ==, 5);
        CHECK_INT(coil_stream_read_exactly(end.stream, buf, 5, NULL), ==, 5);
        CHECK_MEM(buf, "hello", 5);
        CHECK_INT(coil_stream_write(end.stream, "world", 5), ==, 5);
        CHECK_INT(raw_read(&raw, buf, sizeof buf), ==, 5);
        CHECK_MEM(buf, "world", 5);
    }
    part(&end, &raw);
    free_cast(&cast);
    return 0;
}

static int read_on(void *arg)
{
    char byte;

    return (int)coil_stream_read(arg, &byte, 1);
}

/* A flood of requests whose answers nobody reads: memory stays bounded, because no more of them are
 * taken. */
TASK_TEST(hostile_flood_of_key_updates)
{
    const struct coil_stream_options small = {.high_water = 2000};
    struct coil_stream *lower[2];
    struct coil_task *task;
    struct cast cast;
    struct end end;
    struct raw raw;
    ssize_t rc = 0;
    int count;

    make_cast(&cast);
    CHECK_OK(coil_stream_pair(&small, lower));
    meet_raw_over(&cast, COIL_TLS_1_3, lower, &end, &raw);
    task = coil_create_task(read_on, end.stream);
    for (count = 0; rc >= 0 && count < 2000; count++) {
        CHECK(SSL_key_update(raw.ssl, SSL_KEY_UPDATE_REQUESTED) > 0);
        CHECK(SSL_do_handshake(raw.ssl) > 0);
        rc = -ETIMEDOUT;
        coil_timeout(100 * COIL_MSEC) {
            rc = raw_send(&raw);
        }
        CHECK_INT(coil_stream_get_write_buffer_size(end.stream), <, 10000);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    CHECK_INT(count, <, 1000);
    CHECK(!coil_task_is_done(task));
    coil_cancel(task);
    CHECK_ERR(coil_await(task), -ECANCELED);
    part(&end, &raw);
    free_cast(&cast);
    return 0;
}

TASK_TEST(hostile_renegotiation_is_refused)
{
    struct cast cast;
    struct end end;
    struct raw raw;
    char buf[16];

    make_cast(&cast);
    meet_raw(&cast, COIL_TLS_1_2, &end, &raw);
    CHECK(SSL_renegotiate(raw.ssl) > 0);
    CHECK_INT(SSL_do_handshake(raw.ssl), ==, -1);
    CHECK_OK(raw_send(&raw));
    CHECK_INT(coil_stream_write(end.stream, "still here", 10), ==, 10);
    coil_timeout(20 * COIL_MSEC) {
        CHECK_ERR(coil_stream_read(end.stream, buf, sizeof buf), -ETIMEDOUT);
    }
    CHECK_INT(raw_handshake(&raw), <=, 0);
    CHECK_INT(raw.error, ==, SSL_ERROR_SSL); /* "no renegotiation" */
    part(&end, &raw);
    free_cast(&cast);
    return 0;
}
