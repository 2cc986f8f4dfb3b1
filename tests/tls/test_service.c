/* Servers and clients by the short way: coil_tls_client under a server, coil_tls_connect, sessions
 * that are resumed, certificates that are exchanged while it runs (E15). */
#include "tls_pair.h"

/* --- a server that echoes --- */

struct house {
    struct cast cast;
    struct coil_tls_service service;
    struct coil_server *server;
    uint16_t port;
    int served;
    int failures;
    struct coil_tls_failure last;
};

static int echo(struct coil_stream *stream, void *user)
{
    struct house *house = user;
    char buf[256];
    ssize_t n;

    house->served++;
    while ((n = coil_stream_read(stream, buf, sizeof buf)) > 0) {
        n = coil_stream_write(stream, buf, (size_t)n);
        if (n < 0) {
            break;
        }
    }
    return (int)n;
}

static void note_failure(const struct coil_address *peer, const struct coil_tls_failure *failure,
                         void *user)
{
    struct house *house = user;

    CHECK_INT(peer->size, >, 0);
    house->failures++;
    house->last = *failure;
}

static void open_house(struct house *house, const struct coil_tls_context_options *more)
{
    *house = (struct house){0};
    make_cast(&house->cast);
    house->service = (struct coil_tls_service){.context = server_context(&house->cast, more),
                                               .client = echo,
                                               .user = house,
                                               .on_failure = note_failure};
    CHECK_OK(
        coil_start_server("127.0.0.1", 0, NULL, coil_tls_client, &house->service, &house->server));
    house->port = (uint16_t)coil_server_get_port(house->server);
}

static void close_house(struct house *house)
{
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_server_close(house->server));
    }
    coil_tls_context_free(house->service.context);
    free_cast(&house->cast);
}

static void say(struct coil_stream *stream)
{
    char buf[8] = "";

    CHECK_INT(coil_stream_write(stream, "hello", 5), ==, 5);
    CHECK_INT(coil_stream_read_exactly(stream, buf, 5, NULL), ==, 5);
    CHECK_MEM(buf, "hello", 5);
}

static struct coil_stream *join(struct house *house, struct coil_tls_context *context,
                                const struct coil_tls_options *more)
{
    struct coil_tls_options options = {0};
    struct coil_tls_failure failure;
    struct coil_stream *stream = NULL;
    int rc;

    options = more ? *more : options;
    options.ret_failure = &failure;
    rc = coil_tls_connect("127.0.0.1", house->port, context, &options, &stream);
    CHECK_MSG(rc == 0, "%s: %s", coil_errname(rc), failure.text);
    return stream;
}

TASK_TEST(service_serves)
{
    struct coil_tls_context *context;
    struct coil_stream *streams[5];
    struct house house;

    open_house(&house, NULL);
    context = client_context(&house.cast, NULL);
    for (int i = 0; i < 5; i++) {
        streams[i] = join(&house, context, NULL);
    }
    for (int i = 4; i >= 0; i--) {
        say(streams[i]);
        say(streams[i]);
        CHECK_OK(coil_stream_close(streams[i]));
    }
    CHECK_INT(house.served, ==, 5);
    CHECK_INT(house.failures, ==, 0);
    coil_tls_context_free(context);
    close_house(&house);
    return 0;
}

static int do_nothing(struct coil_stream *stream, void *user)
{
    struct house *house = user;

    CHECK_INT(coil_stream_write(stream, "hello", 5), ==, 5);
    house->served++;
    return coil_sleep(COIL_NEVER);
}

/* Clients that read, that do nothing, and that are in their handshake still: the first two are told
 * of the end by a close, and by an abort they are not. */
TASK_TEST(service_closes_its_clients)
{
    for (int i = 0; i < 4; i++) {
        bool is_abort = i / 2 == 1;
        struct coil_tls_context *context;
        struct coil_stream *silent = NULL;
        struct heard heard = {0};
        struct coil_stream *stream;
        struct house house;
        char buf[8] = "";

        open_house(&house, NULL);
        house.service.client = i % 2 == 0 ? echo : do_nothing;
        house.service.on_failure = NULL; /* the silent one may be gone before it has begun */
        CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &heard));
        context = client_context(&house.cast, NULL);
        stream = join(&house, context, NULL);
        CHECK_OK(coil_open_connection("127.0.0.1", house.port, NULL, &silent));
        if (i % 2 == 0) {
            say(stream);
        }
        for (int ms = 0; ms < 5000 && !test_has_noticed() &&
                         (coil_server_client_count(house.server) < 2 || house.served < 1);
             ms++) {
            CHECK_OK(coil_sleep(COIL_MSEC));
        }
        CHECK_INT(house.served, ==, 1);
        (is_abort ? coil_server_abort_clients : coil_server_close_clients)(house.server);
        if (!is_abort) {
            coil_server_close_clients(house.server); /* twice: no harm */
        }
        coil_timeout(PATIENCE) {
            ssize_t n;

            if (i == 1) { /* what was written comes first */
                CHECK_INT(coil_stream_read_exactly(stream, buf, 5, NULL), ==, 5);
            }
            do {
                n = coil_stream_read(stream, buf, sizeof buf);
            } while (n > 0);
            CHECK_MSG(is_abort ? n == -COIL_ETLSTRUNCATED || n == -ECONNRESET : n == 0, "%s",
                      coil_errname((int)n));
            if (is_abort) {
                coil_stream_abort(stream);
            } else {
                CHECK_OK(coil_stream_close(stream));
            }
            n = coil_stream_read(silent, buf, sizeof buf);
            CHECK(n == 0 || n == -ECONNRESET);
        }
        coil_stream_abort(silent);
        coil_tls_context_free(context);
        coil_server_cancel_clients(house.server);
        close_house(&house);
    }
    return 0;
}

/* There the host says nothing about who is expected. */
TASK_TEST(service_on_a_unix_socket)
{
    struct coil_tls_options options = {.server_name = "localhost"};
    struct coil_stream *stream = NULL;
    struct coil_tls_context *context;
    struct coil_server *server = NULL;
    struct house house;
    char path[256], host[300];

    open_house(&house, NULL);
    house.service.on_failure = NULL; /* nobody has an address here */
    test_temp_path(path, sizeof path, "socket");
    snprintf(host, sizeof host, "unix:%s", path);
    CHECK_OK(coil_start_server(host, 0, NULL, coil_tls_client, &house.service, &server));
    context = client_context(&house.cast, NULL);
    CHECK_OK(coil_tls_connect(host, 0, context, &options, &stream));
    say(stream);
    CHECK_OK(coil_stream_close(stream));
    CHECK_ERR(coil_tls_connect(host, 0, context, NULL, &stream), -EINVAL);
    coil_tls_context_free(context);
    coil_loop_set_error_handler(coil_loop_current(), hear, &(struct heard){0});
    CHECK_OK(coil_server_close(server));
    close_house(&house);
    return 0;
}

TASK_TEST(connect_misuse)
{
    struct coil_stream *stream = NULL;
    struct coil_tls_failure failure;
    struct coil_tls_options options = {.ret_failure = &failure};
    struct coil_tls_context *context;
    struct house house;

    open_house(&house, NULL);
    context = client_context(&house.cast, NULL);
    CHECK_ERR(coil_tls_connect(NULL, 1, context, NULL, &stream), -EINVAL);
    CHECK_ERR(coil_tls_connect("localhost", 1, NULL, NULL, &stream), -EINVAL);
    CHECK_ERR(coil_tls_connect("localhost", 1, context, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_tls_connect("127.0.0.1", 1, house.service.context, NULL, &stream), -EINVAL);
    CHECK_ERR(coil_tls_connect("127.0.0.1", 1, context, &options, &stream), -ECONNREFUSED);
    CHECK_ERR(failure.error, -ECONNREFUSED);
    CHECK_STR(failure.text, "Connection refused");
    CHECK_ERR(coil_tls_start(NULL, context, NULL, &stream), -EINVAL);
    CHECK_PTR(stream, ==, NULL);
    CHECK_ERR(coil_tls_client(NULL, NULL), -EINVAL);
    coil_tls_context_free(context);
    close_house(&house);
    return 0;
}

/* Those that do not speak TLS are told so, and disturb nobody. */
TASK_TEST(service_and_strangers)
{
    static const char *const hellos[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                         "EHLO mail.example.org\r\n",
                                         "CONNECT x:443 HTTP/1.1\r\n\r\n", ""};
    struct coil_tls_context *context;
    struct coil_stream *good, *bad = NULL;
    struct house house;
    char buf[64];

    open_house(&house, NULL);
    context = client_context(&house.cast, NULL);
    good = join(&house, context, NULL);
    for (int i = 0; i < 4; i++) {
        CHECK_OK(coil_open_connection("127.0.0.1", house.port, NULL, &bad));
        CHECK_OK(coil_stream_write(bad, hellos[i], strlen(hellos[i])));
        CHECK_OK(coil_stream_write_eof(bad));
        coil_timeout(PATIENCE) {
            while (coil_stream_read(bad, buf, sizeof buf) > 0) {
            }
        }
        CHECK_OK(coil_stream_close(bad));
        for (int tries = 0; tries < 1000 && house.failures <= i; tries++) {
            coil_sleep(COIL_MSEC);
        }
        CHECK_INT(house.failures, ==, i + 1);
        CHECK_ERR(house.last.error, i == 3 ? -COIL_ETLSTRUNCATED : -COIL_ETLSPROTOCOL);
        if (i == 0) {
            CHECK_STR(house.last.text, "the peer speaks plain HTTP, not TLS");
        }
        say(good);
    }
    CHECK_OK(coil_stream_close(good));
    coil_tls_context_free(context);
    close_house(&house);
    return 0;
}

/* Without somebody to be told, the error is the client's, and is reported. */
TASK_TEST(service_reports_failures)
{
    struct coil_stream *bad = NULL;
    struct heard heard = {0};
    struct house house;
    char byte;

    open_house(&house, NULL);
    house.service.on_failure = NULL;
    coil_loop_set_error_handler(coil_loop_current(), hear, &heard);
    CHECK_OK(coil_open_connection("127.0.0.1", house.port, NULL, &bad));
    CHECK_OK(coil_stream_write(bad, "hello, hello\r\n", 14));
    CHECK_OK(coil_stream_write_eof(bad));
    coil_timeout(PATIENCE) {
        while (coil_stream_read(bad, &byte, 1) > 0) {
        }
    }
    CHECK_OK(coil_stream_close(bad));
    close_house(&house);
    CHECK_INT(heard.count, ==, 1);
    CHECK_ERR(heard.error, -COIL_ETLSPROTOCOL);
    return 0;
}

/* A client that says nothing holds up nobody, and is dropped in time. */
TASK_TEST(service_and_a_silent_client)
{
    struct coil_tls_context *context;
    struct coil_stream *good, *silent = NULL;
    struct house house;
    char byte;

    open_house(&house, NULL);
    house.service.options.handshake_timeout_ns = 50 * COIL_MSEC + test_moment_ns();
    context = client_context(&house.cast, NULL);
    CHECK_OK(coil_open_connection("127.0.0.1", house.port, NULL, &silent));
    for (int i = 0; i < 1000 && coil_server_client_count(house.server) == 0; i++) {
        coil_sleep(COIL_MSEC);
    }
    yield_times(2);
    house.service.options.handshake_timeout_ns = 0; /* those that come later have time */
    good = join(&house, context, NULL);
    say(good);
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_stream_read(silent, &byte, 1), <=, 0);
    }
    CHECK_INT(house.failures, ==, 1);
    CHECK_ERR(house.last.error, -ETIMEDOUT);
    CHECK_STR(house.last.text, "the TLS handshake was not done in time");
    say(good);
    coil_stream_abort(silent);
    CHECK_OK(coil_stream_close(good));
    coil_tls_context_free(context);
    close_house(&house);
    return 0;
}

/* --- sessions --- */

static bool is_resumed(struct house *house, struct coil_tls_context *context,
                       const struct coil_tls_options *options)
{
    struct coil_stream *stream = join(house, context, options);
    struct coil_tls_info info = {0};

    say(stream); /* the tickets of TLS 1.3 come with it */
    CHECK_OK(coil_tls_get_info(stream, &info));
    CHECK(info.has_certificate);
    CHECK_OK(coil_stream_close(stream));
    return info.is_resumed;
}

TASK_TEST(sessions_are_resumed)
{
    struct coil_tls_options other = {.server_name = "localhost"};
    struct coil_tls_options unchecked = {.no_name_check = true};

    for (int version = COIL_TLS_1_2; version <= COIL_TLS_1_3; version++) {
        struct coil_tls_context_options client = {.max_version = (enum coil_tls_version)version};
        struct coil_tls_context *context;
        struct house house;

        open_house(&house, NULL);
        context = client_context(&house.cast, &client);
        CHECK(!is_resumed(&house, context, NULL));
        for (int i = 0; i < 5; i++) {
            CHECK(is_resumed(&house, context, NULL));
        }
        CHECK(!is_resumed(&house, context, &other)); /* nothing is shared between names */
        CHECK(is_resumed(&house, context, &other));
        CHECK(!is_resumed(&house, context, &unchecked)); /* nor between checks */
        CHECK(is_resumed(&house, context, NULL));
        coil_tls_context_free(context);
        close_house(&house);
    }
    return 0;
}

TASK_TEST(sessions_can_be_done_without)
{
    for (int i = 0; i < 4; i++) {
        struct coil_tls_context_options options = {.no_resumption = true};
        struct coil_tls_context *context;
        struct house house;

        options.max_version = i < 2 ? COIL_TLS_1_3 : COIL_TLS_1_2;
        open_house(&house, i % 2 ? &options : NULL);
        context = client_context(&house.cast, i % 2 ? NULL : &options);
        for (int times = 0; times < 3; times++) {
            CHECK(!is_resumed(&house, context, NULL));
        }
        coil_tls_context_free(context);
        close_house(&house);
    }
    return 0;
}

/* Clients that were known by their certificate still are. */
TASK_TEST(sessions_keep_the_clients_certificate)
{
    for (int version = COIL_TLS_1_2; version <= COIL_TLS_1_3; version++) {
        struct coil_tls_context_options server = {.verify = COIL_TLS_VERIFY_REQUIRED};
        struct coil_tls_context_options client = {.max_version = (enum coil_tls_version)version};
        struct coil_tls_context *context;
        struct house house;

        open_house(&house, &server);
        client.certificate = house.cast.client.certificate_pem;
        client.key = house.cast.client.key_pem;
        context = client_context(&house.cast, &client);
        CHECK(!is_resumed(&house, context, NULL));
        CHECK(is_resumed(&house, context, NULL));
        coil_tls_context_free(context);
        close_house(&house);
    }
    return 0;
}

/* Few are kept: the oldest go. */
TASK_TEST(sessions_are_bounded)
{
    struct coil_tls_context_options client = {.max_sessions = 2};
    struct coil_tls_options other = {.server_name = "localhost"};
    struct coil_tls_context *context;
    struct house house;

    open_house(&house, NULL);
    context = client_context(&house.cast, &client);
    CHECK(!is_resumed(&house, context, NULL));   /* two tickets came */
    CHECK(!is_resumed(&house, context, &other)); /* two others drove them out */
    CHECK(!is_resumed(&house, context, NULL));
    coil_tls_context_free(context);
    close_house(&house);
    return 0;
}

/* --- other certificates while it runs --- */

TASK_TEST(service_changes_its_certificate)
{
    struct coil_tls_certificate *certificate = NULL;
    struct coil_tls_context *context, *old;
    struct coil_stream *before, *after;
    struct identity fresh;
    struct house house;

    open_house(&house, NULL);
    context = client_context(&house.cast, NULL);
    before = join(&house, context, NULL);
    make_identity(&(struct recipe){.common_name = "fresh",
                                   .names = "IP:127.0.0.1",
                                   .issuer = &house.cast.authority},
                  &fresh);
    old = house.service.context;
    house.service.context = server_context(
        &house.cast, &(struct coil_tls_context_options){.certificate = fresh.certificate_pem,
                                                        .key = fresh.key_pem});
    coil_tls_context_free(old); /* the connection holds it */
    after = join(&house, context, NULL);
    say(before);
    say(after);
    CHECK_OK(coil_tls_get_certificate(after, &certificate));
    CHECK_STR(certificate->common_name, "fresh");
    coil_tls_certificate_free(certificate);
    CHECK_OK(coil_stream_close(before));
    CHECK_OK(coil_stream_close(after));
    free_identity(&fresh);
    coil_tls_context_free(context);
    close_house(&house);
    return 0;
}

/* --- one context, two loops --- */

struct visitor {
    struct house *house;
    struct coil_tls_context *context;
    int times;
};

static int visit(void *arg)
{
    struct visitor *visitor = arg;

    for (int i = 0; i < visitor->times; i++) {
        is_resumed(visitor->house, visitor->context, NULL);
    }
    return 0;
}

/* The sessions of both meet in the context. */
TASK_TEST(context_is_shared_by_loops)
{
    struct coil_tls_context *context;
    struct coil_task *task;
    struct house house;

    if (test_backend_is("sim")) {
        test_skip("loops of the simulated backend have a network of their own each");
    }
    open_house(&house, NULL);
    context = client_context(&house.cast, NULL);
    task = coil_create_task(visit, &((struct visitor){&house, context, 20}));
    CHECK_OK(run_elsewhere(visit, &((struct visitor){&house, context, 20})));
    CHECK_OK(coil_await(task));
    CHECK_INT(house.served, ==, 40);
    coil_tls_context_free(context);
    close_house(&house);
    return 0;
}
