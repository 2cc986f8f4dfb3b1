/* https: checked by default, by a context of the caller's, resumed. */
#include "../tls/certificates.h"
#include "client_talk.h"

#define HELLO OK_HEAD("5") "hello"

static struct cast cast;
static struct coil_tls_context *server_context;
static struct coil_tls_context *client_context;
static struct coil_tls_service service;
static char ports[64];
static int resumed;

static int play_tls(struct coil_stream *stream, void *user)
{
    struct coil_tls_info info;

    CHECK_OK(coil_tls_get_info(stream, &info));
    resumed += info.is_resumed;
    return play_client(stream, user);
}

static void open_tls_site(const struct act *acts, size_t count)
{
    struct coil_tls_context_options server = {
        .is_server = true, .certificate = cast.server.certificate_pem, .key = cast.server.key_pem};
    struct coil_tls_context_options client = {.ca = cast.authority.certificate_pem};

    make_cast(&cast);
    server.certificate = cast.server.certificate_pem;
    CHECK_OK(coil_tls_context_new(&server, &server_context));
    CHECK_OK(coil_tls_context_new(&client, &client_context));
    service =
        (struct coil_tls_service){.context = server_context, .client = play_tls, .user = &site};
    open_site_with(&site, acts, count, coil_tls_client, &service);
    snprintf(site.url, sizeof site.url, "https://127.0.0.1:%u", site.port);
    resumed = 0;
}

static void close_tls_site(void)
{
    close_all();
    coil_tls_context_free(server_context);
    coil_tls_context_free(client_context);
    free_cast(&cast);
}

static void ignore(const struct coil_report *report, void *user)
{
    (void)report;
    (void)user;
}

TASK_TEST(https_with_an_authority)
{
    static const struct act acts[] = {{.say = HELLO}};
    struct coil_http_session_options options = {0};

    open_tls_site(acts, 1);
    site.again = true;
    options.tls = client_context;
    open_session(&options);
    for (int i = 0; i < 3; i++) {
        CHECK_ERR(ask("/", "hello"), 200);
    }
    CHECK_INT(site.connections, ==, 1);
    coil_http_session_close_idle(session);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(site.connections, ==, 2);
    CHECK_INT(resumed, ==, 1);
    snprintf(ports, sizeof ports, "Host: 127.0.0.1:%u\r\n", site.port);
    CHECK_CONTAINS(site.heard, ports);
    close_tls_site();
    return 0;
}

TASK_TEST(https_of_a_stranger)
{
    static const struct act acts[] = {{.say = HELLO}};
    struct coil_tls_context_options careless = {.verify = COIL_TLS_VERIFY_NONE};
    struct coil_http_session_options options = {0};

    coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
    open_tls_site(acts, 1);
    open_session(NULL);
    CHECK_ERR(ask("/", NULL), -COIL_ETLSUNTRUSTED);
    CHECK_CONTAINS(failure.text, "127.0.0.1: ");
    CHECK_INT(usage().connections, ==, 0);
    CHECK_STR(site.heard, "");
    coil_http_session_close(session);
    coil_tls_context_free(client_context);
    CHECK_OK(coil_tls_context_new(&careless, &client_context));
    options.tls = client_context;
    open_session(&options);
    CHECK_ERR(ask("/", "hello"), 200);
    close_tls_site();
    return 0;
}

/* Somebody listens, and says nothing: the time to connect counts. */
TASK_TEST(https_without_a_word)
{
    static const struct act acts[] = {{0}, {0}};
    struct coil_http_request request = {.connect_timeout_ns = 20 * COIL_MSEC};

    OPEN_SITE(acts);
    snprintf(site.url, sizeof site.url, "https://127.0.0.1:%u", site.port);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    CHECK_CONTAINS(failure.text, "no connection to 127.0.0.1 within 0.02 s");
    CHECK_INT(usage().connections, ==, 0);
    coil_timeout(20 * COIL_MSEC) {
        request.connect_timeout_ns = 0;
        CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    }
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

/* The end of a body must be said by the server, and by nobody else. */
static int cut_off(struct coil_stream *stream, void *user)
{
    (void)user;
    hear_until(&site, stream, "\r\n\r\n");
    coil_stream_write(stream, "HTTP/1.1 200 OK\r\n\r\nhalf", 23);
    coil_stream_flush(stream);
    coil_stream_abort(stream);
    return 0;
}

TASK_TEST(https_cut_off)
{
    struct coil_http_session_options options = {0};
    int rc;

    coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
    open_tls_site(NULL, 0);
    service.client = cut_off;
    options.tls = client_context;
    open_session(&options);
    rc = ask("/", NULL);
    CHECK(rc == -COIL_ETLSTRUNCATED || rc == -ECONNRESET);
    close_tls_site();
    return 0;
}

/* --- redirects between the two --- */

#define TO(location) "HTTP/1.1 302 x\r\nLocation: " location "\r\nContent-Length: 0\r\n\r\n"

TASK_TEST(https_leads_to_http)
{
    char answer[128];
    struct act acts[] = {{.say = answer}};
    static const struct act others[] = {{.say = HELLO}};
    struct site *other = calloc(1, sizeof *other);
    struct coil_http_session_options options = {0};

    CHECK(other != NULL);
    open_tls_site(acts, 1);
    site.again = true;
    open_site_with(other, others, 1, play_client, other);
    snprintf(answer, sizeof answer, TO("%s"), other->url);
    options.tls = client_context;
    open_session(&options);
    CHECK_ERR(ask("/", NULL), -COIL_EREDIRECT);
    CHECK_CONTAINS(failure.text, "leads from https to 'http://");
    coil_http_session_close(session);
    options.allow_downgrade = true;
    open_session(&options);
    CHECK_ERR(ask("/", "hello"), 200);
    close_tls_site();
    coil_server_shutdown(other->server, 0);
    free(other);
    return 0;
}

/* A context may offer what is not spoken here. */
TASK_TEST(https_with_another_protocol)
{
    static const char *const h2[] = {"h2", NULL};
    struct coil_tls_context_options server = {.is_server = true, .alpn = h2};
    struct coil_tls_context_options client = {.alpn = h2};
    struct coil_http_session_options options = {0};

    coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
    open_tls_site(NULL, 0);
    coil_tls_context_free(server_context);
    coil_tls_context_free(client_context);
    server.certificate = cast.server.certificate_pem;
    server.key = cast.server.key_pem;
    client.ca = cast.authority.certificate_pem;
    CHECK_OK(coil_tls_context_new(&server, &server_context));
    CHECK_OK(coil_tls_context_new(&client, &client_context));
    service.context = server_context;
    options.tls = client_context;
    options.no_http2 = true;
    open_session(&options);
    CHECK_ERR(ask("/", NULL), -COIL_EPROTOCOL);
    CHECK_CONTAINS(failure.text, "'h2'");
    close_tls_site();
    return 0;
}
