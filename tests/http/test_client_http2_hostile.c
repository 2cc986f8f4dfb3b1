/* The client over HTTP/2, and servers that do as they like: frames written by hand. */
#include "client_talk.h"

#include <nghttp2/nghttp2.h>

/* :status 200, 100, 204 and 101 in HPACK (RFC 7541, appendix A), and a literal field "x: y". */
#define STATUS_200 "\x88"
#define STATUS_204 "\x89"
#define STATUS_100                                                                                 \
    "\x08\x03"                                                                                     \
    "100"
#define STATUS_101                                                                                 \
    "\x08\x03"                                                                                     \
    "101"
#define FIELD_X "\x00\x01x\x01y"

enum { END = 1, END_HEAD = 4, ACK = 1, PAYLOAD = 20000 };

struct frame {
    unsigned type;
    unsigned flags;
    uint32_t id;
    size_t size;
    unsigned char data[PAYLOAD];
};

typedef void (*act)(struct coil_stream *stream, uint32_t id);

static act acts[8]; /* one for each connection; the last again */
static size_t act_count;
static struct frame frame;
static uint32_t reset_code; /* of the last RST_STREAM that came; 0xff: none */
static int64_t goodbye;     /* the last GOAWAY's; -1: none */
static unsigned requests;

static void say_frame(struct coil_stream *stream, unsigned type, unsigned flags, uint32_t id,
                      const void *data, size_t size)
{
    unsigned char head[9] = {
        (unsigned char)(size >> 16), (unsigned char)(size >> 8), (unsigned char)size,
        (unsigned char)type,         (unsigned char)flags,       (unsigned char)(id >> 24),
        (unsigned char)(id >> 16),   (unsigned char)(id >> 8),   (unsigned char)id};
    struct iovec iov[2] = {{head, sizeof head}, {(void *)(uintptr_t)data, size}};

    coil_stream_writev(stream, iov, size > 0 ? 2 : 1);
}
#define SAY(stream, type, flags, id, text)                                                         \
    say_frame(stream, type, flags, id, text, sizeof(text) - 1)

/* False: the end. */
static bool hear_frame(struct coil_stream *stream)
{
    unsigned char head[9];

    if (coil_stream_read_exactly(stream, head, sizeof head, NULL) < 0) {
        return false;
    }
    frame.size = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
    frame.type = head[3];
    frame.flags = head[4];
    frame.id = (uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 | (uint32_t)head[7] << 8 | head[8];
    CHECK_INT(frame.size, <=, PAYLOAD);
    if (frame.size > 0 && coil_stream_read_exactly(stream, frame.data, frame.size, NULL) < 0) {
        return false;
    }
    if (frame.type == NGHTTP2_RST_STREAM) {
        reset_code = frame.data[3];
    } else if (frame.type == NGHTTP2_GOAWAY) {
        goodbye = frame.data[7];
    }
    return true;
}

/* Each request gets the act of its connection. */
static int play_http2(struct coil_stream *stream, void *user)
{
    act mine = acts[site.connections < act_count ? site.connections : act_count - 1];
    char preface[24];

    (void)user;
    site.connections++;
    if (coil_stream_read_exactly(stream, preface, sizeof preface, NULL) < 0) {
        return 0;
    }
    if (memcmp(preface, "GET / HTTP/1.1", 14) == 0) {
        coil_stream_write(stream, OK_HEAD("5") "hello", sizeof OK_HEAD("5") "hello" - 1);
        return 0;
    }
    CHECK_INT(memcmp(preface, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24), ==, 0);
    say_frame(stream, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    while (hear_frame(stream)) {
        if (frame.type == NGHTTP2_SETTINGS && frame.flags == 0) {
            say_frame(stream, NGHTTP2_SETTINGS, ACK, 0, NULL, 0);
        } else if (frame.type == NGHTTP2_HEADERS) {
            requests++;
            coil_event_set(&site.has_heard);
            mine(stream, frame.id);
        }
    }
    return 0;
}

static void ignore(const struct coil_report *report, void *user)
{
    (void)report;
    (void)user;
}

static void open_hostile(act first, act second)
{
    struct coil_http_session_options options = {
        .prior_http2 = true, .max_head = 4096, .max_fields = 20};

    coil_loop_set_error_handler(coil_loop_current(), ignore, NULL);
    acts[0] = first;
    acts[1] = second;
    act_count = second ? 2 : 1;
    reset_code = 0xff;
    goodbye = -1;
    requests = 0;
    open_site_with(&site, NULL, 0, play_http2, NULL);
    open_session(&options);
}

/* --- acts --- */

static void answer(struct coil_stream *stream, uint32_t id)
{
    SAY(stream, NGHTTP2_HEADERS, END_HEAD, id, STATUS_200 FIELD_X);
    SAY(stream, NGHTTP2_DATA, END, id, "hello");
}

/* The first request gets something else than those behind it, on the same connection. */
#define FIRST_ELSE_ANSWER(name)                                                                    \
    static void name##_first(struct coil_stream *stream, uint32_t id)                              \
    {                                                                                              \
        if (requests == 1) {                                                                       \
            name(stream, id);                                                                      \
        } else {                                                                                   \
            answer(stream, id);                                                                    \
        }                                                                                          \
    }

static void reset_with(struct coil_stream *stream, uint32_t id, unsigned code)
{
    const unsigned char data[4] = {0, 0, 0, (unsigned char)code};

    say_frame(stream, NGHTTP2_RST_STREAM, 0, id, data, 4);
}

static void goaway_with(struct coil_stream *stream, uint32_t last, unsigned code)
{
    const unsigned char data[8] = {0, 0, 0, (unsigned char)last, 0, 0, 0, (unsigned char)code};

    say_frame(stream, NGHTTP2_GOAWAY, 0, 0, data, 8);
}

static void refuse(struct coil_stream *stream, uint32_t id)
{
    reset_with(stream, id, NGHTTP2_REFUSED_STREAM);
}
FIRST_ELSE_ANSWER(refuse)

static void fail_inside(struct coil_stream *stream, uint32_t id)
{
    reset_with(stream, id, NGHTTP2_INTERNAL_ERROR);
}
FIRST_ELSE_ANSWER(fail_inside)

static void want_http1(struct coil_stream *stream, uint32_t id)
{
    reset_with(stream, id, NGHTTP2_HTTP_1_1_REQUIRED);
}

static void go_away(struct coil_stream *stream, uint32_t id)
{
    (void)id;
    goaway_with(stream, 0, NGHTTP2_NO_ERROR);
}

static void go_away_behind_this(struct coil_stream *stream, uint32_t id)
{
    goaway_with(stream, id, NGHTTP2_NO_ERROR);
    answer(stream, id);
}

static void vanish(struct coil_stream *stream, uint32_t id)
{
    (void)id;
    coil_stream_write_eof(stream);
}

static void vanish_in_body(struct coil_stream *stream, uint32_t id)
{
    SAY(stream, NGHTTP2_HEADERS, END_HEAD, id, STATUS_200);
    SAY(stream, NGHTTP2_DATA, 0, id, "half");
    coil_stream_write_eof(stream);
}

static void reset_in_body(struct coil_stream *stream, uint32_t id)
{
    SAY(stream, NGHTTP2_HEADERS, END_HEAD, id, STATUS_200);
    SAY(stream, NGHTTP2_DATA, 0, id, "half");
    reset_with(stream, id, NGHTTP2_INTERNAL_ERROR);
}
FIRST_ELSE_ANSWER(reset_in_body)

static void answer_with_interim(struct coil_stream *stream, uint32_t id)
{
    SAY(stream, NGHTTP2_HEADERS, END_HEAD, id, STATUS_100);
    SAY(stream, NGHTTP2_HEADERS, END_HEAD, id,
        "\x08\x03"
        "103" FIELD_X);
    SAY(stream, NGHTTP2_HEADERS, END_HEAD, id, STATUS_200);
    SAY(stream, NGHTTP2_DATA, 0, id, "hel");
    SAY(stream, NGHTTP2_DATA, 0, id, "lo");
    SAY(stream, NGHTTP2_HEADERS, END_HEAD | END, id, FIELD_X); /* trailers */
}

static void answer_interim_only(struct coil_stream *stream, uint32_t id)
{
    for (int i = 0; i < 40; i++) {
        SAY(stream, NGHTTP2_HEADERS, END_HEAD, id, STATUS_100);
    }
}
FIRST_ELSE_ANSWER(answer_interim_only)

static void switch_protocols(struct coil_stream *stream, uint32_t id)
{
    SAY(stream, NGHTTP2_HEADERS, END_HEAD, id, STATUS_101);
}
FIRST_ELSE_ANSWER(switch_protocols)

static void answer_head(struct coil_stream *stream, uint32_t id, const char *head, size_t size)
{
    say_frame(stream, NGHTTP2_HEADERS, END_HEAD | END, id, head, size);
}

static void answer_without_status(struct coil_stream *stream, uint32_t id)
{
    answer_head(stream, id, FIELD_X, sizeof FIELD_X - 1);
}
FIRST_ELSE_ANSWER(answer_without_status)

static void answer_with_connection(struct coil_stream *stream, uint32_t id)
{
    static const char head[] = STATUS_200 "\x00\x0a"
                                          "connection"
                                          "\x05"
                                          "close";

    answer_head(stream, id, head, sizeof head - 1);
}
FIRST_ELSE_ANSWER(answer_with_connection)

static void answer_in_capitals(struct coil_stream *stream, uint32_t id)
{
    static const char head[] = STATUS_200 "\x00\x01"
                                          "X"
                                          "\x01"
                                          "y";

    answer_head(stream, id, head, sizeof head - 1);
}
FIRST_ELSE_ANSWER(answer_in_capitals)

static void answer_as_request(struct coil_stream *stream, uint32_t id)
{
    answer_head(stream, id, STATUS_200 "\x82", 2); /* :method: GET */
}
FIRST_ELSE_ANSWER(answer_as_request)

static void answer_with_line_end(struct coil_stream *stream, uint32_t id)
{
    static const char head[] = STATUS_200 "\x00\x01x\x03"
                                          "a\nb";

    answer_head(stream, id, head, sizeof head - 1);
}
FIRST_ELSE_ANSWER(answer_with_line_end)

static void answer_another_length(struct coil_stream *stream, uint32_t id)
{
    static const char head[] = STATUS_200 "\x0f\x0d\x01"
                                          "9"; /* content-length */

    say_frame(stream, NGHTTP2_HEADERS, END_HEAD, id, head, sizeof head - 1);
    SAY(stream, NGHTTP2_DATA, END, id, "four");
}
FIRST_ELSE_ANSWER(answer_another_length)

static void answer_many_fields(struct coil_stream *stream, uint32_t id)
{
    char head[1 + 30 * 5] = STATUS_200;

    for (int i = 0; i < 30; i++) {
        memcpy(head + 1 + 5 * i, FIELD_X, 5);
    }
    answer_head(stream, id, head, sizeof head);
}
FIRST_ELSE_ANSWER(answer_many_fields)

/* RFC 7541, section 4.1: a large field in the table, then one byte for each of it. */
static void bomb(struct coil_stream *stream, uint32_t id)
{
    static char head[3000];
    size_t size = 0;

    head[size++] = '\x88';
    memcpy(head + size, "\x40\x01x\x7f\xd1\x0e", 6); /* a value of 2000 bytes: 127 + 1873 */
    size += 6;
    memset(head + size, 'b', 2000);
    size += 2000;
    memset(head + size, '\xbe', 900);
    size += 900;
    answer_head(stream, id, head, size);
}
FIRST_ELSE_ANSWER(bomb)

/* --- what is safe to be sent again (RFC 9113, section 8.7) --- */

static int post(const char *expected)
{
    struct coil_http_request request = {.url = url_of("/"), .body = "body", .body_size = 4};

    return ask_with(request, expected);
}

TASK_TEST(http2_refused_stream_goes_again)
{
    open_hostile(refuse_first, NULL);
    CHECK_ERR(post("hello"), 200);
    CHECK_INT(requests, ==, 2);
    CHECK_INT(usage().opened, ==, 1);
    close_all();
    open_hostile(refuse, NULL);
    CHECK_ERR(post(NULL), -ECONNRESET);
    CHECK_CONTAINS(failure.text, "the server has reset the stream: REFUSED_STREAM");
    CHECK_INT(requests, ==, 2);
    close_all();
    return 0;
}

/* RFC 9113, section 6.8. */
TASK_TEST(http2_goaway_goes_again_elsewhere)
{
    open_hostile(go_away, answer);
    CHECK_ERR(post("hello"), 200);
    CHECK_INT(usage().opened, ==, 2);
    CHECK_INT(site.connections, ==, 2);
    close_all();
    return 0;
}

TASK_TEST(http2_goaway_lets_streams_finish)
{
    open_hostile(go_away_behind_this, answer);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(usage().opened, ==, 1);
    CHECK_ERR(post("hello"), 200);
    CHECK_INT(usage().opened, ==, 2);
    close_all();
    return 0;
}

/* What may have been done is not done twice. */
TASK_TEST(http2_reset_does_not_go_again)
{
    open_hostile(fail_inside_first, NULL);
    CHECK_ERR(post(NULL), -ECONNRESET);
    CHECK_CONTAINS(failure.text, "INTERNAL_ERROR");
    CHECK_INT(requests, ==, 1);
    CHECK_ERR(post("hello"), 200);
    CHECK_INT(usage().opened, ==, 1);
    close_all();
    return 0;
}

/* A connection that was used before, and ends without a word, as in HTTP/1.1. */
TASK_TEST(http2_stale_connection)
{
    open_hostile(answer, answer);
    CHECK_ERR(ask("/", "hello"), 200);
    acts[0] = vanish;
    close_all();
    open_hostile(vanish, answer);
    CHECK_ERR(ask("/", NULL), -COIL_EINCOMPLETE);
    CHECK_CONTAINS(failure.text, "the server has closed the connection");
    CHECK_ERR(ask("/", "hello"), 200);
    close_all();
    return 0;
}

/* RFC 9113, section 7: HTTP_1_1_REQUIRED. */
TASK_TEST(http2_server_that_wants_http1)
{
    open_hostile(want_http1, NULL);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(site.connections, ==, 2);
    CHECK_INT(requests, ==, 1);
    close_all();
    return 0;
}

/* --- ends in the middle --- */

static void read_half(int expected)
{
    struct coil_http_request request = {.url = url_of("/")};
    struct coil_http_response *response;
    char buf[16];

    CHECK_OK(coil_http_session_request(session, &request, &response));
    CHECK_INT(coil_http_response_read(response, buf, sizeof buf), ==, 4);
    CHECK_ERR(coil_http_response_read(response, buf, sizeof buf), expected);
    CHECK_ERR(coil_http_response_read(response, buf, sizeof buf), expected);
    CHECK(coil_http_response_error_text(response)[0] != '\0');
    coil_http_response_close(response);
}

TASK_TEST(http2_end_in_a_body)
{
    open_hostile(vanish_in_body, answer);
    read_half(-COIL_EINCOMPLETE);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(usage().opened, ==, 2);
    close_all();
    return 0;
}

TASK_TEST(http2_reset_in_a_body)
{
    open_hostile(reset_in_body_first, NULL);
    read_half(-ECONNRESET);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(usage().opened, ==, 1);
    close_all();
    return 0;
}

/* --- heads --- */

TASK_TEST(http2_interim_and_trailers)
{
    open_hostile(answer_with_interim, NULL);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(usage().opened, ==, 1);
    close_all();
    return 0;
}

/* What is wrong with one response ends its stream, and no other. */
static void check_stream_error(act bad, int error)
{
    open_hostile(bad, NULL);
    CHECK_ERR(ask("/", NULL), error);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(usage().opened, ==, 1);
    CHECK_INT(reset_code, !=, 0xff);
    close_all();
}

/* RFC 9113, section 8.1.1. */
TASK_TEST(http2_malformed_responses)
{
    check_stream_error(answer_without_status_first, -COIL_EPROTOCOL);  /* section 8.3.2 */
    check_stream_error(answer_with_connection_first, -COIL_EPROTOCOL); /* section 8.2.2 */
    check_stream_error(answer_in_capitals_first, -COIL_EPROTOCOL);     /* section 8.2.1 */
    check_stream_error(answer_as_request_first, -COIL_EPROTOCOL);      /* section 8.3 */
    check_stream_error(answer_with_line_end_first, -COIL_EPROTOCOL);   /* section 8.2.1 */
    check_stream_error(answer_another_length_first, -COIL_EPROTOCOL);  /* section 8.1.1 */
    check_stream_error(switch_protocols_first, -COIL_EPROTOCOL);       /* section 8.6 */
    check_stream_error(answer_interim_only_first, -COIL_EPROTOCOL);
    return 0;
}

/* RFC 9113, section 10.5.1. */
TASK_TEST(http2_heads_that_are_too_large)
{
    check_stream_error(answer_many_fields_first, -COIL_ELIMIT);
    check_stream_error(bomb_first, -COIL_ELIMIT);
    return 0;
}

/* --- connections --- */

/* RFC 9113, sections 5.1, 6.9.1, 4.2 and 3.4: the connection's error. */
static void break_rules(struct coil_stream *stream, uint32_t id)
{
    (void)id;
    SAY(stream, NGHTTP2_DATA, 0, 99, "on a stream that is none");
}

static void break_window(struct coil_stream *stream, uint32_t id)
{
    static char data[16384];

    SAY(stream, NGHTTP2_HEADERS, END_HEAD, id, STATUS_200);
    for (int i = 0; i < 40; i++) { /* 640 KiB */
        say_frame(stream, NGHTTP2_DATA, 0, id, data, sizeof data);
    }
}

static void speak_http1(struct coil_stream *stream, uint32_t id)
{
    (void)id;
    coil_stream_write(stream, OK_HEAD("5") "hello", sizeof OK_HEAD("5") "hello" - 1);
}

static void flood_settings(struct coil_stream *stream, uint32_t id)
{
    (void)id;
    for (int i = 0; i < 3000; i++) {
        say_frame(stream, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    }
}

static void flood_pings(struct coil_stream *stream, uint32_t id)
{
    (void)id;
    for (int i = 0; i < 3000; i++) {
        SAY(stream, NGHTTP2_PING, 0, 0, "12345678");
    }
}

static void flood_nothing(struct coil_stream *stream, uint32_t id)
{
    SAY(stream, NGHTTP2_HEADERS, END_HEAD, id, STATUS_200);
    for (int i = 0; i < 3000; i++) {
        say_frame(stream, NGHTTP2_DATA, 0, id, NULL, 0);
    }
}

static void push(struct coil_stream *stream, uint32_t id)
{
    SAY(stream, NGHTTP2_PUSH_PROMISE, END_HEAD, id,
        "\x00\x00\x00\x02\x82\x84\x86\x41\x01"
        "a");
}

static void check_connection_error(act bad)
{
    struct coil_http_response *response;
    int rc;

    open_hostile(bad, answer);
    rc = coil_http_get(session, url_of("/"), &response);
    CHECK_ERR(rc, -COIL_EPROTOCOL);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(usage().opened, ==, 2);
    close_all();
}

TASK_TEST(http2_broken_connections)
{
    check_connection_error(break_rules);
    check_connection_error(speak_http1);
    check_connection_error(push); /* section 6.6: it was forbidden */
    return 0;
}

/* RFC 9113, section 10.5. */
TASK_TEST(http2_floods)
{
    check_connection_error(flood_settings);
    check_connection_error(flood_pings);
    check_connection_error(flood_nothing);
    return 0;
}

/* RFC 9113, section 6.9.1: what nobody reads is bounded by the window, and who goes beyond it is
 * stopped. */
TASK_TEST(http2_window_overrun)
{
    struct coil_http_request request = {.url = NULL};
    struct coil_http_response *response;
    char *body = malloc(1 << 20);
    ssize_t n;

    CHECK(body != NULL);
    open_hostile(break_window, answer);
    request.url = url_of("/");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    while (reset_code == 0xff && goodbye < 0) {
        CHECK_OK(coil_sleep(COIL_MSEC));
    }
    while ((n = coil_http_response_read(response, body, 1 << 20)) > 0) {
    }
    CHECK_ERR(n, -COIL_EPROTOCOL);
    coil_http_response_close(response);
    free(body);
    close_all();
    return 0;
}

/* --- what is left behind --- */

static void answer_head_only(struct coil_stream *stream, uint32_t id)
{
    SAY(stream, NGHTTP2_HEADERS, END_HEAD, id, STATUS_200);
    SAY(stream, NGHTTP2_DATA, 0, id, "half");
}
FIRST_ELSE_ANSWER(answer_head_only)

/* A response that is closed early resets its stream with CANCEL (RFC 9113, section 5.4.2). */
TASK_TEST(http2_response_closed_early)
{
    struct coil_http_request request = {.url = NULL};
    struct coil_http_response *response;
    char buf[16];

    open_hostile(answer_head_only_first, NULL);
    request.url = url_of("/");
    CHECK_OK(coil_http_session_request(session, &request, &response));
    CHECK_INT(coil_http_response_read(response, buf, sizeof buf), ==, 4);
    coil_timeout(5 * COIL_MSEC) {
        CHECK_ERR(coil_http_response_read(response, buf, sizeof buf), -ETIMEDOUT);
    }
    CHECK_INT(reset_code, ==, 0xff); /* one may go on */
    coil_http_response_close(response);
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(reset_code, ==, NGHTTP2_CANCEL);
    CHECK_INT(usage().opened, ==, 1);
    close_all();
    return 0;
}

static void fall_silent(struct coil_stream *stream, uint32_t id)
{
    if (requests == 1) {
        answer(stream, id);
    }
}

/* A server that has fallen silent gets no more requests on that connection. */
TASK_TEST(http2_silent_server)
{
    struct coil_http_request request = {.read_timeout_ns = 30 * COIL_MSEC};

    open_hostile(fall_silent, answer);
    CHECK_ERR(ask("/", "hello"), 200);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    CHECK_CONTAINS(failure.text, "no response within 0.03 s");
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_INT(usage().opened, ==, 2);
    close_all();
    return 0;
}
