/* https that is HTTP/2 where the server chooses that (RFC 9113, section 3.2): with a server of this
 * library, through a proxy, with nginx; and without memory. */
#include "../tls/certificates.h"
#include "client_talk.h"

#include "fault.h"

#include <coil/group.h>
#include <coil/process.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct cast cast;
static struct coil_tls_context *server_context;
static struct coil_tls_context *client_context;
static struct coil_http_server *server;

static int serve(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    return coil_http_reply(exchange, 200, "text/plain", "hello", 5);
}

static void ignore(const struct coil_report *report, void *user)
{
    (void)report;
    (void)user;
}

static void make_contexts(void)
{
    struct coil_tls_context_options for_server = {.is_server = true, .alpn = COIL_HTTP_ALPN};
    struct coil_tls_context_options for_client = {0};

    coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
    make_cast(&cast);
    for_server.certificate = cast.server.certificate_pem;
    for_server.key = cast.server.key_pem;
    for_client.ca = cast.authority.certificate_pem;
    CHECK_OK(coil_tls_context_new(&for_server, &server_context));
    CHECK_OK(coil_tls_context_new(&for_client, &client_context));
}

static void free_contexts(void)
{
    coil_tls_context_free(server_context);
    coil_tls_context_free(client_context);
    free_cast(&cast);
}

static void open_secure(bool no_http2)
{
    struct coil_http_server_options server_options = {0};
    struct coil_http_session_options options = {.no_http2 = no_http2};

    make_contexts();
    server_options.tls = server_context;
    options.tls = client_context;
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, &server_options, serve, NULL, &server));
    snprintf(site.url, sizeof site.url, "https://127.0.0.1:%d", coil_http_server_get_port(server));
    open_session(&options);
}

static void close_secure(void)
{
    coil_http_session_close(session);
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    free_contexts();
}

static int version_of(const char *url)
{
    struct coil_http_response *response;
    int version;

    CHECK_OK(coil_http_get(session, url, &response));
    CHECK_INT(coil_http_response_status(response), ==, 200);
    version = coil_http_response_version(response);
    coil_http_response_close(response);
    return version;
}

static int ask_one(void *arg)
{
    CHECK_INT(version_of(url_of("/")), ==, *(int *)arg);
    return 0;
}

static void ask_many(int count, int version)
{
    struct coil_group group = {0};

    CHECK_OK(coil_group_open(&group));
    for (int i = 0; i < count; i++) {
        CHECK_OK(coil_group_spawn(&group, ask_one, &version));
    }
    CHECK_OK(coil_group_close(&group));
}

TASK_TEST(http2_by_alpn)
{
    open_secure(false);
    ask_many(20, 20);
    CHECK_INT(usage().opened, ==, 1);
    close_secure();
    return 0;
}

TASK_TEST(http2_is_turned_off)
{
    open_secure(true);
    CHECK_INT(version_of(url_of("/")), ==, 11);
    ask_many(5, 11);
    CHECK_INT(usage().opened, >, 1);
    close_secure();
    return 0;
}

/* --- inside of a tunnel (RFC 9110, section 9.3.6) --- */

static int tunnel(struct coil_stream *stream, void *user)
{
    static const char yes[] = "HTTP/1.1 200 Connected\r\n\r\n";
    struct coil_stream *secure;

    (void)user;
    if (hear_until(&site, stream, "\r\n\r\n") < 0) {
        return 0;
    }
    coil_stream_write(stream, yes, sizeof yes - 1);
    if (coil_tls_start(stream, server_context, NULL, &secure) == 0) {
        coil_http_serve_stream(secure, NULL, serve, NULL);
        coil_stream_close(secure);
    }
    return 0;
}

TASK_TEST(http2_in_a_tunnel)
{
    struct coil_http_session_options options = {0};

    make_contexts();
    open_site_with(&site, NULL, 0, tunnel, NULL);
    options.proxy = site.url;
    options.tls = client_context;
    open_session(&options);
    CHECK_INT(version_of("https://localhost:8443/"), ==, 20);
    CHECK_INT(version_of("https://localhost:8443/x"), ==, 20);
    CHECK_CONTAINS(site.heard, "CONNECT localhost:8443 HTTP/1.1\r\n");
    CHECK_INT(usage().opened, ==, 1);
    close_all();
    free_contexts();
    return 0;
}

/* --- nginx --- */

static char directory[64];

static void write_file(const char *name, const char *text, size_t size)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "w");
    CHECK(file && fwrite(text, 1, size, file) == size);
    fclose(file);
}

static void write_all_files(uint16_t port)
{
    static char large[1000000];
    char text[2048];
    int size = snprintf(
        text, sizeof text,
        "daemon off; error_log stderr crit; pid %s/pid; worker_processes 1;\n"
        "events { worker_connections 64; }\n"
        "http { access_log off; http2_max_concurrent_streams 5; client_body_temp_path %s/body;\n"
        " proxy_temp_path %s/p; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path "
        "%s/s;\n"
        " server { listen 127.0.0.1:%u ssl http2; ssl_certificate %s/cert; ssl_certificate_key "
        "%s/key;\n root %s; client_max_body_size 10k; } }\n",
        directory, directory, directory, directory, directory, directory, port, directory,
        directory, directory);

    memset(large, 'n', sizeof large);
    write_file("conf", text, (size_t)size);
    write_file("cert", cast.server.certificate_pem, strlen(cast.server.certificate_pem));
    write_file("key", cast.server.key_pem, strlen(cast.server.key_pem));
    write_file("hello", "hello", 5);
    write_file("large", large, sizeof large);
}

/* A port that was free a moment ago. */
static uint16_t find_port(void)
{
    struct coil_http_server *other;
    int port;

    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, serve, NULL, &other));
    port = coil_http_server_get_port(other);
    CHECK_OK(coil_http_server_close(other, PATIENCE));
    return (uint16_t)port;
}

static int fetch_large(void *arg)
{
    struct coil_http_response *response;

    (void)arg;
    CHECK_OK(coil_http_get(session, url_of("/large"), &response));
    CHECK_INT(coil_http_response_version(response), ==, 20);
    CHECK_INT(coil_http_response_read_all(response, NULL), ==, 1000000);
    coil_http_response_close(response);
    return 0;
}

static void talk_to_nginx(void)
{
    static char body[300000];
    struct coil_http_request request = {.body = body, .body_size = sizeof body};
    struct coil_http_response *response;
    struct coil_group group = {0};

    CHECK_INT(version_of(url_of("/hello")), ==, 20);
    CHECK_OK(coil_group_open(&group));
    for (int i = 0; i < 20; i++) { /* more than it allows at once */
        CHECK_OK(coil_group_spawn(&group, fetch_large, NULL));
    }
    CHECK_OK(coil_group_close(&group));
    request.url = url_of("/hello");
    CHECK_ERR(ask_with(request, NULL), 413);
    request = (struct coil_http_request){.url = url_of("/large")};
    CHECK_OK(coil_http_session_request(session, &request, &response));
    CHECK_INT(coil_http_response_read(response, body, 10), ==, 10);
    coil_http_response_close(response);
    CHECK_ERR(ask("/hello", "hello"), 200);
    CHECK_ERR(ask("/none", NULL), 404);
    CHECK_ERR(ask_with((struct coil_http_request){.method = "HEAD", .url = url_of("/large")}, ""),
              200);
    CHECK_INT(usage().opened, <=, 2);
}

TASK_TEST(http2_with_nginx)
{
    const char *argv[] = {"/usr/sbin/nginx", "-c", NULL, NULL};
    struct coil_http_session_options options = {.max_connections_per_host = 2};
    struct coil_process *nginx = NULL;
    uint16_t port;
    char conf[128];
    const char *const rm[] = {"rm", "-r", directory, NULL};
    int rc = -1;

    if (test_backend_is("sim") || access("/usr/sbin/nginx", X_OK) != 0) {
        test_skip("no nginx, or no network for it");
    }
    make_contexts();
    strcpy(directory, "/tmp/coil-nginx-XXXXXX");
    CHECK(mkdtemp(directory) != NULL && chmod(directory, 0755) == 0); /* its workers are others */
    port = find_port();
    write_all_files(port);
    snprintf(conf, sizeof conf, "%s/conf", directory);
    argv[2] = conf;
    CHECK_OK(coil_process_spawn(NULL, argv, &nginx));
    snprintf(site.url, sizeof site.url, "https://127.0.0.1:%u", port);
    options.tls = client_context;
    open_session(&options);
    for (int i = 0; i < 500 && rc < 0; i++) { /* until it listens */
        rc = ask("/hello", "hello");
        coil_sleep(rc < 0 ? 10 * COIL_MSEC : 0);
    }
    CHECK_ERR(rc, 200);
    talk_to_nginx();
    coil_http_session_close(session);
    coil_process_terminate(nginx);
    coil_process_close(nginx);
    CHECK_OK(coil_process_run(NULL, rm, NULL, 0, NULL, NULL));
    free_contexts();
    return 0;
}

/* --- faults --- */

static ssize_t give(void *user, void *buf, size_t size)
{
    int *left = user;

    (void)size;
    if (*left == 0) {
        return 0;
    }
    (*left)--;
    memcpy(buf, "abc", 3);
    return 3;
}

/* One by one, inside one loop; without TLS, whose memory is not ours. */
TASK_TEST(http2_faults_of_memory)
{
    struct coil_http_session_options options = {.prior_http2 = true};
    uint64_t n = 0;
    int rc;

    coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, serve, NULL, &server));
    snprintf(site.url, sizeof site.url, "http://127.0.0.1:%d", coil_http_server_get_port(server));
    do {
        int left = 3;
        struct coil_http_request request = {.url = url_of("/"),
                                            .reader = give,
                                            .reader_user = &left,
                                            .read_timeout_ns = COIL_SEC,
                                            .ret_failure = &failure};
        struct coil_http_response *response = NULL;

        open_session(&options);
        fault_alloc_at(++n);
        rc = coil_http_fetch(session, &request, &response);
        rc = fault_was_injected() ? (rc < 0 ? rc : 1) : 0;
        fault_off();
        coil_http_response_close(response);
        coil_http_session_close(session);
    } while (rc != 0 && n < 1000);
    CHECK_INT(n, >, 10);
    open_session(&options);
    CHECK_ERR(ask("/", "hello"), 200);
    coil_http_session_close(session);
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    return 0;
}
