/* Content codings (RFC 9110, section 8.4): decoded as they come, bounded, refused. */
#include "client_talk.h"

#include "http/coding.h"

enum { PLAIN = 100 * 1000, CODED = PLAIN + 1000 };

static char plain[PLAIN + 1];
static char coded[CODED];
static size_t coded_size;

static void code(enum coil__coding coding, size_t size)
{
    struct coil__encoder encoder = {0};
    struct coil__coding_buffers buffers = {plain, size, coded, sizeof coded};

    for (size_t i = 0; i < size; i++) {
        plain[i] = (char)('a' + i * i / 7 % 26);
    }
    plain[size] = '\0';
    CHECK_OK(coil__encoder_init(&encoder, coding, 0, size));
    CHECK_INT(coil__encoder_step(&encoder, &buffers, COIL__CODING_END), ==, 1);
    coded_size = sizeof coded - buffers.out_size;
    coil__encoder_deinit(&encoder);
}

struct sender {
    const char *name;
    size_t step;
    bool is_chunked;
};

/* Sends `coded`, in pieces. */
static int send_coded(struct coil_stream *stream, void *user)
{
    const struct sender *sender = user;
    char head[256];

    while (hear_until(&site, stream, "\r\n\r\n") > 0) {
        snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\n%s: %.*u%s\r\n\r\n",
                 sender->name, sender->is_chunked ? "Transfer-Encoding" : "Content-Length",
                 sender->is_chunked ? 0 : 1, sender->is_chunked ? 0 : (unsigned)coded_size,
                 sender->is_chunked ? "chunked" : "");
        coil_stream_write(stream, head, strlen(head));
        for (size_t at = 0; at < coded_size; at += sender->step) {
            size_t left = coded_size - at;
            size_t size = left < sender->step ? left : sender->step;

            snprintf(head, sizeof head, "%zx\r\n", size);
            coil_stream_write(stream, head, sender->is_chunked ? strlen(head) : 0);
            coil_stream_write(stream, coded + at, size);
            coil_stream_write(stream, "\r\n", sender->is_chunked ? 2 : 0);
            coil_yield();
        }
        coil_stream_write(stream, "0\r\n\r\n", sender->is_chunked ? 5 : 0);
    }
    return 0;
}

TASK_TEST(coded_bodies_are_decoded)
{
    static const struct {
        enum coil__coding coding;
        const char *name;
    } codings[] = {
        {COIL__CODING_GZIP, "gzip"}, {COIL__CODING_BROTLI, "br"}, {COIL__CODING_ZSTD, "ZSTD"}};
    static const size_t steps[] = {7, 1000, CODED};

    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            struct sender sender = {codings[i].name, steps[j], j == 1};

            code(codings[i].coding, j == 0 ? 3000 : PLAIN);
            open_site_with(&site, NULL, 0, send_coded, &sender);
            open_session(NULL);
            CHECK_ERR(ask("/", plain), 200);
            CHECK_ERR(ask("/", plain), 200);
            CHECK_INT(site.connections, <=, 1 + (unsigned)test_backend_is("sim"));
            close_all();
        }
    }
    CHECK_CONTAINS(site.heard, "Accept-Encoding: gzip, deflate, br, zstd\r\n");
    return 0;
}

TASK_TEST(coded_bodies_in_parts)
{
    struct sender sender = {"gzip", CODED, false};
    struct coil_http_request request = {0};
    struct coil_http_response *response;
    char buf[10];
    ssize_t n;
    size_t at = 0;

    code(COIL__CODING_GZIP, 3000);
    open_site_with(&site, NULL, 0, send_coded, &sender);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    CHECK_INT(coil_http_response_body_size(response), ==, -1);
    while ((n = coil_http_response_read(response, buf, sizeof buf)) > 0) {
        CHECK(memcmp(plain + at, buf, (size_t)n) == 0);
        at += (size_t)n;
    }
    CHECK_INT(n, ==, 0);
    CHECK_INT(at, ==, 3000);
    CHECK_INT(coil_http_response_read(response, buf, sizeof buf), ==, 0);
    coil_http_response_close(response);
    close_all();
    return 0;
}

/* --- not decoded --- */

TASK_TEST(coded_bodies_as_they_are)
{
    static const struct act acts[] = {
        {.say = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"}};
    static const struct act others[] = {
        {.say = "HTTP/1.1 200 OK\r\nContent-Encoding: x-own\r\nContent-Length: 3\r\n\r\nabc"}};
    static const struct act twice[] = {
        {.say = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\ncontent-encoding: br\r\n"
                "Content-Length: 3\r\n\r\nabc"}};
    static const struct act empty[] = {
        {.say = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"}};
    static const struct coil_http_field own[] = {{"Accept-Encoding", "gzip"}};
    static const struct coil_http_field range[] = {{"Range", "bytes=0-2"}};
    struct coil_http_request request = {.fields = own, .field_count = 1};

    OPEN_SITE(acts);
    site.again = true;
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, "abc"), 200);
    request.fields = range;
    CHECK_ERR(ask_with(request, "abc"), 200);
    request.field_count = 0;
    request.no_decoding = true;
    site.size = 0;
    CHECK_ERR(ask_with(request, "abc"), 200);
    CHECK(!strstr(site.heard, "Accept-Encoding"));
    request.no_decoding = false;
    site.acts = others;
    CHECK_ERR(ask_with(request, "abc"), 200);
    site.acts = twice;
    CHECK_ERR(ask_with(request, "abc"), 200);
    site.acts = empty;
    CHECK_ERR(ask_with(request, ""), 200);
    close_all();
    return 0;
}

/* --- hostile --- */

TASK_TEST(coded_bodies_that_are_none)
{
    static const struct act acts[] = {
        {.say = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nnonsense"}};
    struct sender sender = {"br", CODED, false};

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask("/", NULL), -COIL_EPROTOCOL);
    CHECK_CONTAINS(failure.text, "not coded");
    close_all();
    code(COIL__CODING_BROTLI, 3000);
    coded_size -= 5;
    open_site_with(&site, NULL, 0, send_coded, &sender);
    open_session(NULL);
    CHECK_ERR(ask("/", NULL), -COIL_EINCOMPLETE);
    CHECK_CONTAINS(failure.text, "coded body ends");
    close_all();
    return 0;
}

/* A few bytes that become very many. */
TASK_TEST(coded_body_is_a_bomb)
{
    static char zeros[PLAIN];
    struct coil_http_session_options options = {.max_body = 1000 * 1000};
    struct sender sender = {"gzip", CODED, false};
    struct coil__encoder encoder = {0};
    struct coil__coding_buffers buffers = {NULL, 0, coded, sizeof coded};

    CHECK_OK(coil__encoder_init(&encoder, COIL__CODING_GZIP, 9, 0));
    for (int i = 0; i < 500; i++) { /* 50 MB */
        buffers.in = zeros;
        buffers.in_size = sizeof zeros;
        CHECK_INT(coil__encoder_step(&encoder, &buffers, COIL__CODING_RUN), ==, 1);
    }
    CHECK_INT(coil__encoder_step(&encoder, &buffers, COIL__CODING_END), ==, 1);
    coded_size = sizeof coded - buffers.out_size;
    coil__encoder_deinit(&encoder);
    open_site_with(&site, NULL, 0, send_coded, &sender);
    open_session(&options);
    CHECK_ERR(ask("/", NULL), -COIL_ELIMIT);
    CHECK_CONTAINS(failure.text, "larger than the 1000000 bytes");
    close_all();
    return 0;
}
