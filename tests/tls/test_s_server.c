/* Clients of ours and a server of another maker's: `openssl s_server` (E15). What s_client says to
 * servers of ours is in tests/examples/test_tls_proxy.py. */
#include "s_server.h"

static const enum coil_tls_version versions[] = {COIL_TLS_1_2, COIL_TLS_1_3};
static const char *const version_options[] = {"-tls1_2", "-tls1_3"};

/* Of what is done with both versions one is enough, unless there is time. */
static bool is_left_out(int i, enum coil_tls_version usual)
{
    return !test_is_thorough() && versions[i] != usual;
}

/* --- clients --- */

/* context: is used up. */
static struct coil_stream *join(struct s_server *s, struct coil_tls_context *context)
{
    struct coil_tls_failure failure;
    struct coil_tls_options options = {.server_name = "localhost", .ret_failure = &failure};
    struct coil_stream *stream = NULL;
    int rc = -ETIMEDOUT;

    coil_timeout(PATIENCE) {
        rc = coil_tls_connect("127.0.0.1", s->port, context, &options, &stream);
    }
    CHECK_MSG(rc == 0, "%s: %s; s_server: %s", coil_errname(rc), failure.text, s->text);
    coil_tls_context_free(context);
    return stream;
}

static struct coil_tls_context *trusting(const struct s_server *s)
{
    return client_context(&s->cast, NULL);
}

/* A line to s_server -rev and back. */
static void check_reversed(struct coil_stream *stream, size_t size)
{
    static char line[10 * 1024], answer[10 * 1024];

    CHECK_INT(size, <, sizeof line);
    fill_bytes(line, size);
    line[size - 1] = '\n';
    coil_timeout(PATIENCE) {
        CHECK_INT(coil_stream_write(stream, line, size), ==, (int64_t)size);
        CHECK_INT(coil_stream_read_exactly(stream, answer, size, NULL), ==, (int64_t)size);
    }
    for (size_t i = 0; i < size - 1; i++) {
        CHECK_INT(answer[i], ==, line[size - 2 - i]);
    }
}

static void leave(struct coil_stream *stream)
{
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_stream_close(stream));
    }
}

/* --- what works --- */

TASK_TEST(s_server_echoes)
{
    static const char *const alpn[] = {"h2", "http/1.1", NULL};
    struct coil_tls_certificate *certificate = NULL;
    struct coil_tls_info info;
    static struct s_server s;

    for (int i = 0; i < 2; i++) {
        struct coil_tls_context_options options = {.alpn = alpn};
        struct coil_stream *stream;

        if (is_left_out(i, COIL_TLS_1_3)) {
            continue;
        }
        open_s_server(&s, (const char *[]){"-rev", version_options[i], "-alpn", "http/1.1", NULL});
        stream = join(&s, client_context(&s.cast, &options));
        CHECK_OK(coil_tls_get_info(stream, &info));
        CHECK_INT(info.version, ==, versions[i]);
        CHECK_STR(info.alpn, "http/1.1");
        CHECK(!info.is_resumed);
        CHECK_OK(coil_tls_get_certificate(stream, &certificate));
        CHECK_STR(certificate->common_name, "localhost");
        coil_tls_certificate_free(certificate);
        for (int times = 0; times < 20; times++) {
            check_reversed(stream, times == 0 ? 2 : (size_t)times * 500);
        }
        leave(stream);
        close_s_server(&s);
    }
    return 0;
}

/* Each version of the protocol is kept to by either side, and the better one taken. */
TASK_TEST(s_server_of_another_version)
{
    struct coil_tls_context_options options[] = {{.max_version = COIL_TLS_1_2},
                                                 {.min_version = COIL_TLS_1_3},
                                                 {.min_version = COIL_TLS_1_3}};
    struct coil_tls_failure failure;
    struct coil_tls_info info;
    struct coil_stream *stream;
    static struct s_server s;

    for (int i = 0; i < 3; i++) {
        struct coil_tls_options own = {.server_name = "localhost", .ret_failure = &failure};
        struct coil_tls_context *context;
        int rc;

        open_s_server(&s, (const char *[]){"-rev", i == 2 ? "-tls1_2" : NULL, NULL});
        context = client_context(&s.cast, &options[i]);
        rc = coil_tls_connect("127.0.0.1", s.port, context, &own, &stream);
        coil_tls_context_free(context);
        CHECK_ERR(rc, i == 2 ? -COIL_ETLSALERT : 0);
        if (rc == 0) {
            CHECK_OK(coil_tls_get_info(stream, &info));
            CHECK_INT(info.version, ==, versions[i]);
            check_reversed(stream, 100);
            leave(stream);
        } else {
            CHECK_STR(failure.text, "the peer has refused: alert \"protocol version\" (70)");
        }
        close_s_server(&s);
    }
    return 0;
}

TASK_TEST(s_server_resumes)
{
    struct coil_tls_info info;
    static struct s_server s;

    for (int i = 0; i < 2; i++) {
        struct coil_tls_context *context;

        if (is_left_out(i, COIL_TLS_1_3)) {
            continue;
        }
        open_s_server(&s, (const char *[]){"-rev", version_options[i], NULL});
        context = trusting(&s);
        for (int times = 0; times < 4; times++) {
            struct coil_stream *stream = join(&s, coil_tls_context_hold(context));

            CHECK_OK(coil_tls_get_info(stream, &info));
            CHECK_INT(info.is_resumed, ==, times > 0);
            CHECK(info.has_certificate);
            check_reversed(stream, 100); /* the tickets of TLS 1.3 come with it */
            leave(stream);
        }
        coil_tls_context_free(context);
        close_s_server(&s);
    }
    return 0;
}

/* Two certificates: the name that is asked for decides. */
TASK_TEST(s_server_has_two_names)
{
    static const char *const names[] = {"localhost", "other.example"};
    struct coil_tls_certificate *certificate = NULL;
    struct coil_stream *stream;
    struct identity other;
    static struct s_server s;
    char path[256], both[2 * PEM_SIZE];

    make_identity(&(struct recipe){.common_name = "other", .names = "DNS:other.example"}, &other);
    snprintf(both, sizeof both, "%s%s", other.certificate_pem, other.key_pem);
    test_temp_path(path, sizeof path, "other.pem");
    write_text(path, both);
    open_s_server(
        &s, (const char *[]){"-rev", "-servername", "other.example", "-cert2", "other.pem", NULL});
    snprintf(both, sizeof both, "%s%s", other.certificate_pem, s.cast.authority.certificate_pem);
    for (int i = 0; i < 2; i++) {
        struct coil_tls_options options = {.server_name = names[i]};
        struct coil_tls_context *context =
            client_context(&s.cast, &(struct coil_tls_context_options){.ca = both});

        CHECK_OK(coil_tls_connect("127.0.0.1", s.port, context, &options, &stream));
        coil_tls_context_free(context);
        CHECK_OK(coil_tls_get_certificate(stream, &certificate));
        CHECK_STR(certificate->common_name, i == 0 ? "localhost" : "other");
        coil_tls_certificate_free(certificate);
        leave(stream);
    }
    close_s_server(&s);
    free_identity(&other);
    return 0;
}

/* Asks for a page and reads it to the end of the connection. */
static size_t fetch(struct s_server *s, const char *request, char *page, size_t room)
{
    struct coil_stream *stream = join(s, trusting(s));
    size_t size = 0;
    ssize_t n = 1;

    CHECK_INT(coil_stream_write(stream, request, strlen(request)), ==, (int64_t)strlen(request));
    coil_timeout(PATIENCE) {
        while (n > 0 && size < room - 1) {
            n = coil_stream_read(stream, page + size, room - 1 - size);
            size += n > 0 ? (size_t)n : 0;
        }
    }
    CHECK_ERR(n, 0);
    page[size] = '\0';
    leave(stream);
    return size;
}

TASK_TEST(s_server_serves_pages)
{
    enum { FILE_SIZE = 1000 * 1000, HEAD_SIZE = 1000 };
    static char page[FILE_SIZE + HEAD_SIZE], content[FILE_SIZE + 1];
    static struct s_server s;
    char path[256];

    fill_bytes(content, FILE_SIZE);
    test_temp_path(path, sizeof path, "large.txt");
    write_text(path, content);
    for (int i = 0; i < 2; i++) {
        size_t size;

        if (is_left_out(i, COIL_TLS_1_2)) {
            continue;
        }
        open_s_server(&s, (const char *[]){"-WWW", version_options[i], NULL});
        for (int times = 0; times < 2; times++) {
            size = fetch(&s, "GET /large.txt HTTP/1.0\r\n\r\n", page, sizeof page);
            CHECK_CONTAINS(page, "HTTP/1.0 200 ok");
            CHECK_INT(size, >, FILE_SIZE);
            CHECK_MEM(page + size - FILE_SIZE, content, FILE_SIZE);
        }
        fetch(&s, "GET /missing HTTP/1.0\r\n\r\n", page, sizeof page);
        CHECK_CONTAINS(page, "Error opening 'missing'");
        close_s_server(&s);
        open_s_server(&s, (const char *[]){"-www", version_options[i], NULL});
        fetch(&s, "GET / HTTP/1.0\r\n\r\n", page, sizeof page);
        CHECK_CONTAINS(page, "s_server -accept 127.0.0.1:0");
        CHECK_CONTAINS(page, i == 0 ? "TLSv1.2" : "TLSv1.3");
        close_s_server(&s);
    }
    return 0;
}

/* --- whom it serves --- */

/* Hears that the other side does not like its certificate: at once, or with TLS 1.3, where it is
 * done before the server has looked, when it reads. */
static void check_client_refused(struct s_server *s, struct coil_tls_context *context,
                                 const char *sentence)
{
    struct coil_tls_failure failure;
    struct coil_tls_options options = {.server_name = "localhost", .ret_failure = &failure};
    struct coil_stream *stream = NULL;
    char byte;
    ssize_t rc = coil_tls_connect("127.0.0.1", s->port, context, &options, &stream);

    if (rc == 0) {
        rc = -ETIMEDOUT;
        coil_timeout(PATIENCE) {
            rc = coil_stream_read(stream, &byte, 1);
        }
        snprintf(failure.text, sizeof failure.text, "%s", coil_tls_error_text(stream));
        coil_stream_abort(stream);
    }
    CHECK_ERR(rc, -COIL_ETLSALERT);
    CHECK_CONTAINS(failure.text, sentence);
    coil_tls_context_free(context);
}

TASK_TEST(s_server_demands_a_certificate)
{
    struct coil_tls_context_options options;
    struct coil_stream *stream;
    struct identity stranger;
    static struct s_server s;

    make_identity(&(struct recipe){.common_name = "mallory"}, &stranger);
    for (int i = 0; i < 2; i++) {
        if (is_left_out(i, COIL_TLS_1_3)) {
            continue;
        }
        open_s_server(&s, (const char *[]){"-rev", version_options[i], "-Verify", "2", "-CAfile",
                                           "ca.pem", "-verify_return_error", NULL});
        check_client_refused(&s, trusting(&s),
                             i == 0 ? "alert \"handshake failure\" (40)" : "(116)");
        await_text(&s, "peer did not return a certificate");
        options = (struct coil_tls_context_options){.certificate = stranger.certificate_pem,
                                                    .key = stranger.key_pem};
        check_client_refused(&s, client_context(&s.cast, &options), "alert \"unknown CA\" (48)");
        await_text(&s, "certificate verify failed");
        options.certificate = s.cast.client.certificate_pem;
        options.key = s.cast.client.key_pem;
        for (int times = 0; times < 2; times++) { /* the second time by its session */
            stream = join(&s, client_context(&s.cast, &options));
            check_reversed(stream, 100);
            leave(stream);
            await_text(&s, "CN = alice");
        }
        close_s_server(&s);
    }
    free_identity(&stranger);
    return 0;
}

/* --- who is not served --- */

/* s_server shows a certificate of this recipe. Our client refuses it and says why: to the caller in
 * a sentence, to the server by an alert. Who does not look at it is served. */
static void refuse(struct s_server *s, const char *server_name, const struct recipe *recipe,
                   int error, const char *sentence, const char *alert)
{
    struct coil_tls_failure failure;
    struct coil_tls_options options = {.server_name = server_name, .ret_failure = &failure};
    struct coil_tls_context *context;
    struct coil_stream *stream = NULL;
    struct identity server;
    char path[256], both[2 * PEM_SIZE];

    make_identity(recipe, &server);
    snprintf(both, sizeof both, "%s%s", server.certificate_pem, server.key_pem);
    test_temp_path(path, sizeof path, "bad.pem");
    write_text(path, both);
    for (int i = 0; i < 2; i++) {
        if (is_left_out(i, recipe->issuer ? COIL_TLS_1_3 : COIL_TLS_1_2)) {
            continue;
        }
        start_s_server(s, (const char *[]){"-rev", "-cert", "bad.pem", version_options[i], NULL});
        context = trusting(s);
        for (int times = 0; times < 2; times++) {
            CHECK_ERR(coil_tls_connect("127.0.0.1", s->port, context, &options, &stream), error);
            CHECK_ERR(failure.error, error);
            CHECK_CONTAINS(failure.text, sentence);
            await_text(s, alert);
        }
        coil_tls_context_free(context);
        context = client_context(
            &s->cast, &(struct coil_tls_context_options){.verify = COIL_TLS_VERIFY_NONE});
        stream = join(s, context);
        check_reversed(stream, 100);
        leave(stream);
        CHECK_INT(coil_process_close(s->process), ==, COIL_PROCESS_KILLED + SIGKILL);
    }
    free_identity(&server);
}

TASK_TEST(s_server_is_refused)
{
    static struct s_server s;
    struct recipe recipe = {.common_name = "localhost",
                            .names = "DNS:localhost,IP:127.0.0.1",
                            .issuer = &s.cast.authority};

    open_s_server(&s, (const char *[]){"-rev", NULL});
    CHECK_INT(coil_process_close(s.process), ==, COIL_PROCESS_KILLED + SIGKILL);
    refuse(&s, "example.org", &recipe, -COIL_ETLSHOSTNAME,
           "the certificate of example.org (CN=localhost; issuer CN=Test Authority) is not for "
           "that host, but for DNS:localhost, IP:127.0.0.1",
           "alert bad certificate");
    recipe.issuer = NULL;
    refuse(&s, "localhost", &recipe, -COIL_ETLSUNTRUSTED,
           "the certificate of localhost (CN=localhost; issuer CN=localhost) is self-signed, and "
           "not one that is trusted",
           "alert unknown ca");
    recipe.issuer = &s.cast.authority;
    recipe.not_before = -30;
    recipe.not_after = -10;
    refuse(&s, "localhost", &recipe, -COIL_ETLSEXPIRED, "expired on 20",
           "alert certificate expired");
    free_cast(&s.cast);
    return 0;
}

/* --- while they talk --- */

static void check_line(struct coil_stream *stream, const char *expected)
{
    char line[100] = "";

    coil_timeout(PATIENCE) {
        CHECK_OK(coil_stream_read_line(stream, line, sizeof line));
    }
    CHECK_STR(line, expected);
}

/* New keys, asked for by the other side, without an answer ("k") and with one ("K"). */
TASK_TEST(s_server_renews_its_keys)
{
    struct coil_stream *stream;
    static struct s_server s;
    char text[32];

    open_s_server(&s, (const char *[]){"-tls1_3", NULL});
    stream = join(&s, trusting(&s));
    for (int i = 0; i < 10; i++) {
        type_line(&s, i % 2 ? "K\n" : "k\n");
        type_line(&s, "one line\n");
        check_line(stream, "one line\n");
        snprintf(text, sizeof text, "line number %d\n", i);
        CHECK_INT(coil_stream_write(stream, text, strlen(text)), ==, (int64_t)strlen(text));
        await_text(&s, text);
    }
    leave(stream);
    close_s_server(&s);
    return 0;
}

/* It asks for a renegotiation, is refused, and breaks off, or the line goes on. */
TASK_TEST(s_server_does_not_get_a_renegotiation)
{
    struct coil_stream *stream;
    static struct s_server s;
    ssize_t rc = -ETIMEDOUT;
    char byte;

    open_s_server(&s, (const char *[]){"-tls1_2", NULL});
    stream = join(&s, trusting(&s));
    CHECK_INT(coil_stream_write(stream, "hello\n", 6), ==, 6);
    await_text(&s, "hello\n");
    type_line(&s, "r\n");
    coil_timeout(PATIENCE) {
        rc = coil_stream_read(stream, &byte, 1);
    }
    CHECK_MSG(rc == 0 || rc == -COIL_ETLSALERT || rc == -COIL_ETLSTRUNCATED, "%s",
              coil_errname((int)rc));
    await_text(&s, "no renegotiation");
    coil_stream_abort(stream);
    close_s_server(&s);
    return 0;
}

/* "q" closes the socket, and nothing is said. (With -www it says that it is done.) */
TASK_TEST(s_server_leaves_without_a_word)
{
    struct coil_stream *stream;
    static struct s_server s;
    char byte;

    for (int i = 0; i < 2; i++) {
        if (is_left_out(i, COIL_TLS_1_2)) {
            continue;
        }
        open_s_server(&s, (const char *[]){version_options[i], NULL});
        stream = join(&s, trusting(&s));
        CHECK_INT(coil_stream_write(stream, "hello\n", 6), ==, 6);
        await_text(&s, "hello\n");
        type_line(&s, "the last line\n");
        check_line(stream, "the last line\n");
        type_line(&s, "q\n");
        coil_timeout(PATIENCE) {
            CHECK_ERR(coil_stream_read(stream, &byte, 1), -COIL_ETLSTRUNCATED);
        }
        coil_stream_abort(stream);
        close_s_server(&s);
    }
    return 0;
}

/* --- it is killed --- */

static void kill_s_server(struct s_server *s)
{
    CHECK_OK(coil_process_kill(s->process));
    CHECK_INT(coil_process_wait(s->process), ==, COIL_PROCESS_KILLED + SIGKILL);
}

/* Nobody has said that this is the end. */
TASK_TEST(s_server_killed_while_it_is_read_from)
{
    struct coil_stream *stream;
    static struct s_server s;
    char byte;

    for (int i = 0; i < 2; i++) {
        if (is_left_out(i, COIL_TLS_1_3)) {
            continue;
        }
        open_s_server(&s, (const char *[]){"-rev", version_options[i], NULL});
        stream = join(&s, trusting(&s));
        check_reversed(stream, 100);
        kill_s_server(&s);
        coil_timeout(PATIENCE) {
            CHECK_ERR(coil_stream_read(stream, &byte, 1), -COIL_ETLSTRUNCATED);
        }
        CHECK_STR(coil_tls_error_text(stream),
                  "the connection has ended, and the peer has not said that it is done");
        coil_stream_abort(stream);
        close_s_server(&s);
    }
    return 0;
}

static int write_on(void *arg)
{
    static char much[64 * 1024];
    ssize_t rc = 1;

    while (rc > 0) {
        rc = coil_stream_write(arg, much, sizeof much);
        rc = rc > 0 && rc < (ssize_t)sizeof much ? coil_stream_drain(arg) : rc;
        rc = rc == 0 ? 1 : rc;
    }
    return (int)rc;
}

/* It stands still, so that the writer has to wait; then it is gone. */
TASK_TEST(s_server_killed_while_it_is_written_to)
{
    struct coil_stream *stream;
    struct coil_task *task;
    static struct s_server s;
    size_t before = 0;

    open_s_server(&s, (const char *[]){"-rev", NULL});
    stream = join(&s, trusting(&s));
    check_reversed(stream, 100);
    CHECK_OK(coil_process_send_signal(s.process, SIGSTOP));
    task = coil_create_task(write_on, stream);
    while (!coil_task_is_done(task) && coil_stream_get_write_buffer_size(stream) <= 16 * 1024) {
        coil_yield();
    }
    while (before != coil_stream_get_write_buffer_size(stream)) {
        before = coil_stream_get_write_buffer_size(stream);
        coil_yield();
    }
    kill_s_server(&s);
    coil_timeout(PATIENCE) {
        int rc = coil_await(task);

        CHECK_MSG(rc == -ECONNRESET || rc == -EPIPE, "%s", coil_errname(rc));
    }
    coil_stream_abort(stream);
    close_s_server(&s);
    return 0;
}

/* The kernel has taken the connection; s_server, which stands still, never sees it. */
TASK_TEST(s_server_killed_during_the_handshake)
{
    struct coil_task *task;
    static struct s_server s;
    struct end end;

    open_s_server(&s, (const char *[]){"-rev", NULL});
    CHECK_OK(coil_process_send_signal(s.process, SIGSTOP));
    end = (struct end){.context = trusting(&s), .options = {.server_name = "localhost"}};
    CHECK_OK(coil_open_connection("127.0.0.1", s.port, NULL, &end.lower));
    task = coil_create_task(run_end, &end);
    yield_times(10); /* the hello is on its way */
    CHECK(!coil_task_is_done(task));
    kill_s_server(&s);
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_await(task));
    }
    CHECK_MSG(end.rc == -ECONNRESET || end.rc == -COIL_ETLSTRUNCATED, "%s: %s",
              coil_errname(end.rc), end.failure.text);
    CHECK_CONTAINS(end.failure.text, end.rc == -ECONNRESET
                                         ? "the connection has failed: Connection reset by peer"
                                         : "the connection has ended during the TLS handshake");
    coil_tls_context_free(end.context);
    close_s_server(&s);
    return 0;
}
