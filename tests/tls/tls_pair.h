/* Two TLS streams that talk to each other, for the tests of this folder. */
#ifndef COIL_TESTS_TLS_PAIR_H
#define COIL_TESTS_TLS_PAIR_H

#include "../io/pair.h"
#include "certificates.h"

/* --- contexts --- */

/* more: what differs from the usual; its certificate, key and authority count when they are set. */
static inline struct coil_tls_context *make_context(const struct coil_tls_context_options *more)
{
    struct coil_tls_context *context = NULL;
    struct coil_tls_failure failure;
    struct coil_tls_context_options options = *more;
    int rc;

    options.ret_failure = &failure;
    rc = coil_tls_context_new(&options, &context);
    CHECK_MSG(rc == 0, "%s: %s", coil_errname(rc), failure.text);
    return context;
}

static inline struct coil_tls_context *server_context(const struct cast *cast,
                                                      const struct coil_tls_context_options *more)
{
    struct coil_tls_context_options options = {0};

    options = more ? *more : options;
    options.is_server = true;
    if (!options.certificate) {
        options.certificate = cast->server.certificate_pem;
        options.key = cast->server.key_pem;
    }
    if (options.verify && !options.ca) {
        options.ca = cast->authority.certificate_pem;
    }
    return make_context(&options);
}

static inline struct coil_tls_context *client_context(const struct cast *cast,
                                                      const struct coil_tls_context_options *more)
{
    struct coil_tls_context_options options = {0};

    options = more ? *more : options;
    if (!options.ca && !options.ca_file && !options.ca_dir) {
        options.ca = cast->authority.certificate_pem;
    }
    return make_context(&options);
}

/* --- the two ends --- */

enum { CLIENT, SERVER };

/* One end's handshake, in a task of its own. */
struct end {
    struct coil_stream *lower;
    struct coil_tls_context *context;
    struct coil_tls_options options;
    struct coil_stream *stream; /* NULL: it has failed */
    int rc;
    struct coil_tls_failure failure;
};

static inline int run_end(void *arg)
{
    struct end *end = (struct end *)arg;

    end->options.ret_failure = &end->failure;
    end->rc = coil_tls_start(end->lower, end->context, &end->options, &end->stream);
    return 0;
}

/* Both handshakes at once. ends: with lower, context and options filled in. */
static inline void meet(struct end ends[2])
{
    struct coil_task *task = coil_create_task(run_end, &ends[SERVER]);

    coil_timeout(PATIENCE) {
        run_end(&ends[CLIENT]);
    }
    CHECK_OK(coil_await(task));
}

/* The contexts are used up: they go with the connections. */
static inline void open_ends(struct coil_tls_context *client, struct coil_tls_context *server,
                             struct end ret_ends[2])
{
    struct coil_stream *lower[2];

    open_streams(NULL, lower);
    for (int i = 0; i < 2; i++) {
        ret_ends[i] = (struct end){.lower = lower[i], .context = i == CLIENT ? client : server};
    }
    ret_ends[CLIENT].options.server_name = "localhost";
}

static inline void free_contexts(struct end ends[2])
{
    coil_tls_context_free(ends[CLIENT].context);
    coil_tls_context_free(ends[SERVER].context);
}

static inline int run_close(void *arg)
{
    return coil_stream_close((struct coil_stream *)arg);
}

/* Each waits for the other's close_notify, so they close at the same time. */
static inline void close_ends(struct end ends[2])
{
    struct coil_task *task =
        ends[SERVER].stream ? coil_create_task(run_close, ends[SERVER].stream) : NULL;

    coil_timeout(PATIENCE) {
        CHECK_OK(coil_stream_close(ends[CLIENT].stream));
    }
    if (task) {
        CHECK_OK(coil_await(task));
    }
    ends[CLIENT].stream = NULL;
    ends[SERVER].stream = NULL;
}

/* Two ends that have met, with these contexts' options (may be NULL). */
static inline void open_pair(const struct cast *cast, const struct coil_tls_context_options *client,
                             const struct coil_tls_context_options *server, struct end ret_ends[2])
{
    open_ends(client_context(cast, client), server_context(cast, server), ret_ends);
    meet(ret_ends);
    for (int i = 0; i < 2; i++) {
        CHECK_MSG(ret_ends[i].rc == 0, "%d: %s", i, ret_ends[i].failure.text);
    }
}

static inline void close_pair(struct end ends[2])
{
    close_ends(ends);
    free_contexts(ends);
}

/* A few bytes there and back. */
static inline void check_talk(struct coil_stream *from, struct coil_stream *to)
{
    char buf[8] = "";

    CHECK_INT(coil_stream_write(from, "hello", 5), ==, 5);
    CHECK_INT(coil_stream_read_exactly(to, buf, 5, NULL), ==, 5);
    CHECK_MEM(buf, "hello", 5);
    CHECK_INT(coil_stream_write(to, "world", 5), ==, 5);
    CHECK_INT(coil_stream_read_exactly(from, buf, 5, NULL), ==, 5);
    CHECK_MEM(buf, "world", 5);
}

#endif
