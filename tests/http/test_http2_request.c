/* Requests over HTTP/2 (RFC 9113): what reaches the handler, and what is refused before it. */
#include "http2_talk.h"

static void check_get(struct answer *answer, const char *status, const char *body)
{
    CHECK_STR(answer->status, status);
    CHECK_STR(answer->body ? answer->body : "", body);
    CHECK(answer->is_ended);
    CHECK_INT(answer->error, ==, 0);
}

TASK_TEST(http2_request_and_answer)
{
    open_peer(NULL, NULL, 0, false);
    check_get(get("/a%20b?c=d"), "200", "GET /a%20b ?c=d @example.org");
    check_get(get("/"), "200", "GET / ?- @example.org");
    CHECK_STR(answer_of(1)->fields, "content-length: 28\n");
    check_get(wait_answer(ask("OPTIONS", "*", NULL, NULL)), "200", "OPTIONS * ?- @example.org");
    close_peer();
    CHECK_INT(talk.rc, ==, 0);
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* RFC 9113, section 3.4: by prior knowledge, however the bytes come. */
TASK_TEST(http2_preface_in_single_bytes)
{
    static const char bytes[] = PREFACE "\0\0\0\4\0\0\0\0\0"
                                        "\0\0\6\1\5\0\0\0\1" RAW_GET;

    open_talk(NULL);
    for (size_t i = 0; i < sizeof bytes - 1; i++) {
        say_bytes(bytes + i, 1);
        coil_yield();
    }
    CHECK(hear_frame(NGHTTP2_DATA));
    talk.answer[talk.size] = '\0';
    CHECK_STR(talk.answer, "GET / ?- @a");
    coil_stream_write_eof(talk.client);
    close_talk();
    return 0;
}

/* Only a connection's first bytes are its preface. */
TASK_TEST(http2_preface_that_comes_too_late)
{
    open_talk(NULL);
    say("GET / HTTP/1.1\r\nHost: a\r\n\r\n" PREFACE);
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer,
              OK("11") "GET / ?- @a" REFUSED("505", "HTTP Version Not Supported", "27"));
    close_talk();
    return 0;
}

/* And must be whole. */
TASK_TEST(http2_preface_that_goes_wrong)
{
    open_talk(NULL);
    say("PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n");
    while (hear_frame(NGHTTP2_SETTINGS)) {
    }
    close_talk();
    CHECK_INT(talk.rc, ==, -ECONNABORTED);
    return 0;
}

static int tell_fields(struct coil_http_exchange *exchange, void *user)
{
    char text[1024] = "";
    size_t count, size = 0;
    const struct coil_http_field *fields = coil_http_get_fields(exchange, &count);

    (void)user;
    for (size_t i = 0; i < count; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%s=%s|", fields[i].name,
                                 fields[i].value);
    }
    return coil_http_reply(exchange, 200, NULL, text, size);
}

TASK_TEST(http2_fields)
{
    static const char *const some[] = {"x-one", "1", "x-two", "", NULL};
    /* RFC 9113, section 8.2.3 */
    static const char *const cookies[] = {"cookie", "a=1",    "x",   "y", "cookie",
                                          "b=2",    "cookie", "c=3", NULL};
    static const char *const host[] = {"host", "b:80", NULL};

    open_peer(tell_fields, NULL, 0, false);
    check_get(wait_answer(ask("GET", "/", some, NULL)), "200", "x-one=1|x-two=|host=example.org|");
    check_get(wait_answer(ask("GET", "/", cookies, NULL)), "200",
              "cookie=a=1; b=2; c=3|x=y|host=example.org|");
    check_get(wait_answer(ask("GET", "/", host, NULL)), "200", "host=b:80|");
    close_peer();
    return 0;
}

/* --- bodies --- */

TASK_TEST(http2_body)
{
    static const char *const length[] = {"content-length", "5", NULL};
    static const char *const none[] = {"content-length", "0", NULL};
    struct upload known = {.data = "hello", .size = 5};
    struct upload unknown = {.data = "hello again", .size = 11};
    struct upload empty = {.data = "", .size = 0};
    struct upload nothing = {.data = "", .size = 0};

    open_peer(echo, NULL, 0, false);
    check_get(wait_answer(ask("POST", "/", length, &known)), "200", "hello");
    check_get(wait_answer(ask("POST", "/", NULL, &unknown)), "200", "hello again");
    check_get(wait_answer(ask("POST", "/", NULL, &empty)), "200", "");
    check_get(wait_answer(ask("POST", "/", none, &nothing)), "200", "");
    close_peer();
    return 0;
}

static int tell_size(struct coil_http_exchange *exchange, void *user)
{
    char text[64];
    char buf[1000];
    ssize_t n;
    size_t sum = 0;

    (void)user;
    while ((n = coil_http_read(exchange, buf, sizeof buf)) > 0) {
        sum += (size_t)n;
    }
    CHECK_INT(coil_http_read(exchange, buf, sizeof buf), ==, n);
    snprintf(text, sizeof text, "%d of %d", (int)sum, (int)coil_http_body_size(exchange));
    return n < 0 ? (int)n : coil_http_reply(exchange, 200, NULL, text, strlen(text));
}

/* More than both windows. */
TASK_TEST(http2_body_larger_than_the_windows)
{
    enum { SIZE = 3 * 1024 * 1024 };
    static char data[SIZE];
    struct upload upload = {.data = data, .size = SIZE};

    talk.options.max_body = SIZE;
    open_peer(tell_size, NULL, 0, false);
    check_get(wait_answer(ask("POST", "/", NULL, &upload)), "200", "3145728 of -1");
    close_peer();
    return 0;
}

/* A handler that does not read holds up its own client's body, and nobody else. */
static struct coil_event may_read;

static int read_later(struct coil_http_exchange *exchange, void *user)
{
    int rc = strcmp(coil_http_path(exchange), "/slow") == 0 ? coil_event_wait(&may_read) : 0;

    return rc < 0 ? rc : tell_size(exchange, user);
}

TASK_TEST(http2_body_waits_for_its_reader)
{
    enum { SIZE = 900 * 1024 };
    static char data[SIZE];
    struct upload slow = {.data = data, .size = SIZE};
    struct upload quick = {.data = data, .size = 300 * 1024};
    int32_t id;

    open_peer(read_later, NULL, 0, false);
    id = ask("POST", "/slow", NULL, &slow);
    check_get(wait_answer(ask("POST", "/quick", NULL, &quick)), "200", "307200 of -1");
    CHECK_INT(slow.size, >=, SIZE - 256 * 1024); /* no more than its window */
    coil_event_set(&may_read);
    check_get(wait_answer(id), "200", "921600 of -1");
    close_peer();
    return 0;
}

/* RFC 9113, section 8.1: trailers end a body, and nobody looks at them. */
TASK_TEST(http2_body_with_trailers)
{
    open_raw(echo);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
              "\x83\x86\x84\x41\x01"
              "a",
              6);
    say_frame(NGHTTP2_DATA, 0, 1, "abc", 3);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, "\0\1x\1y",
              5);
    CHECK(hear_frame(NGHTTP2_DATA));
    CHECK_INT(talk.size, ==, 3);
    coil_stream_write_eof(talk.client);
    close_talk();
    return 0;
}

/* RFC 9110, section 10.1.1. */
TASK_TEST(http2_body_that_waits_to_be_asked)
{
    static const char *const expect[] = {"expect", "100-continue", NULL};
    static const char *const tea[] = {"expect", "tea", NULL};
    struct upload upload = {.data = "hello", .size = 5, .is_held = true};
    struct upload other = {.data = "hello", .size = 5};
    int32_t id;

    open_peer(echo, NULL, 0, false);
    id = ask("POST", "/", expect, &upload);
    peer_send();
    while (!answer_of(id)->was_continued && !peer.is_over) {
        peer_receive();
        peer_send();
    }
    upload.is_held = false;
    CHECK_INT(nghttp2_session_resume_data(peer.session, id), ==, 0);
    check_get(wait_answer(id), "200", "hello");
    CHECK_STR(wait_answer(ask("POST", "/", tea, &other))->status, "417");
    close_peer();
    return 0;
}

static int ignore_body(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    return coil_http_reply(exchange, 200, NULL, "enough", 6);
}

/* RFC 9113, section 8.1: RST_STREAM with NO_ERROR, behind the response. */
TASK_TEST(http2_body_that_nobody_reads)
{
    struct upload upload = {.data = "", .is_held = true};

    open_peer(ignore_body, NULL, 0, false);
    check_get(wait_answer(ask("POST", "/", NULL, &upload)), "200", "enough");
    check_get(get("/"), "200", "enough");
    close_peer();
    return 0;
}

TASK_TEST(http2_body_that_is_too_large)
{
    static const char *const length[] = {"content-length", "1001", NULL};
    char data[1001] = "";
    struct upload known = {.data = data, .size = sizeof data};
    struct upload unknown = {.data = data, .size = sizeof data};
    struct upload fits = {.data = data, .size = 1000};

    talk.options.max_body = 1000;
    open_peer(tell_size, NULL, 0, false);
    CHECK_STR(wait_answer(ask("POST", "/", length, &known))->status, "413");
    CHECK_STR(wait_answer(ask("POST", "/", NULL, &unknown))->status, "413");
    check_get(wait_answer(ask("POST", "/", NULL, &fits)), "200", "1000 of -1");
    close_peer();
    return 0;
}

TASK_TEST(http2_body_that_does_not_come)
{
    struct upload upload = {.data = "", .is_held = true};

    talk.options.body_timeout_ns = 30 * COIL_MSEC;
    open_peer(tell_size, NULL, 0, false);
    CHECK_STR(wait_answer(ask("POST", "/", NULL, &upload))->status, "408");
    CHECK_STR(get("/")->status, "200");
    close_peer();
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* --- what is refused --- */

/* The answer to a head, in raw HPACK, that is one whole request; "": the stream is reset. */
static void check_raw(const char *head, size_t size, int64_t error, const char *status)
{
    open_raw(NULL);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, head, size);
    if (*status) {
        CHECK(hear_frame(NGHTTP2_HEADERS));
        talk.answer[talk.size] = '\0';
        /* A literal of the table's :status, or one of its own (RFC 7541, section 6). */
        CHECK_MSG(strstr(talk.answer, status) || (unsigned char)talk.answer[0] == 0x8c,
                  "another status");
    } else {
        CHECK(hear_frame(NGHTTP2_RST_STREAM));
        CHECK_INT(talk.answer[3], ==, error);
    }
    coil_stream_write_eof(talk.client);
    close_talk();
}

#define CHECK_RAW(head, error, status) check_raw(head, sizeof(head) - 1, error, status)

TASK_TEST(http2_malformed_requests)
{
    /* RFC 9113, section 8.3.1: a pseudo-field is missing, or comes twice, or late, or is unknown */
    CHECK_RAW("\x82\x86\x84", NGHTTP2_PROTOCOL_ERROR, "");
    CHECK_RAW("\x82\x84\x41\x01"
              "a",
              NGHTTP2_PROTOCOL_ERROR, "");
    CHECK_RAW("\x82\x82\x86\x84\x41\x01"
              "a",
              NGHTTP2_PROTOCOL_ERROR, "");
    CHECK_RAW("\x82\x86\x41\x01"
              "a\0\1x\1y\x84",
              NGHTTP2_PROTOCOL_ERROR, "");
    CHECK_RAW(RAW_GET "\0\2:x\1y", NGHTTP2_PROTOCOL_ERROR, "");
    /* section 8.2.2: what belongs to a connection of HTTP/1.1 */
    CHECK_RAW(RAW_GET "\0\x0a"
                      "connection\5close",
              NGHTTP2_PROTOCOL_ERROR, "");
    CHECK_RAW(RAW_GET "\0\x11"
                      "transfer-encoding\7chunked",
              NGHTTP2_PROTOCOL_ERROR, "");
    CHECK_RAW(RAW_GET "\0\2te\4gzip", NGHTTP2_PROTOCOL_ERROR, "");
    /* section 8.1.1: a length that is not the body's */
    CHECK_RAW(RAW_GET "\0\x0e"
                      "content-length\1"
                      "5",
              NGHTTP2_PROTOCOL_ERROR, "");
    /* section 8.2.1: upper case, control characters */
    CHECK_RAW(RAW_GET "\0\1X\1y", NGHTTP2_PROTOCOL_ERROR, "");
    CHECK_RAW(RAW_GET "\0\1x\3a\nb", 0, "400");
    CHECK_RAW(RAW_GET "\0\1x\3a\0b", 0, "400");
    return 0;
}

TASK_TEST(http2_refused_with_a_status)
{
    /* RFC 9113, section 8.3.1 */
    static const char *const other_host[] = {"x", "y", "host", "b", NULL};
    static const char *const same_host[] = {"x", "y", "host", "EXAMPLE.org", NULL};
    static const char *const bad_host[] = {"host", "a@b", NULL};

    open_peer(NULL, NULL, 0, false);
    CHECK_STR(wait_answer(ask("GET", "/", other_host, NULL))->status, "400");
    CHECK_STR(wait_answer(ask("GET", "/", same_host, NULL))->status, "200");
    CHECK_STR(wait_answer(ask("GET", "/", bad_host, NULL))->status, "400");
    CHECK_STR(get("/a#b")->status, "400");
    CHECK_STR(get("/")->status, "200");
    close_peer();
    return 0;
}

/* RFC 9113, section 8.5: no tunnels here. */
TASK_TEST(http2_connect)
{
    open_raw(NULL);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\x02\7CONNECT\x01\3a:1", 14);
    CHECK(hear_frame(NGHTTP2_HEADERS));
    talk.answer[talk.size] = '\0';
    CHECK(hear_frame(NGHTTP2_DATA));
    talk.answer[talk.size] = '\0';
    CHECK_STR(talk.answer, "Not Implemented\n");
    coil_stream_write_eof(talk.client);
    close_talk();
    return 0;
}

/* RFC 9113, section 10.5.1: with 431, and the connection goes on. */
TASK_TEST(http2_head_that_is_too_large)
{
    static char value[40000];
    const char *large[] = {"x", value, NULL};
    const char *many[120 * 2 + 1] = {NULL};

    memset(value, 'v', 33000);
    for (int i = 0; i < 120 * 2; i++) {
        many[i] = "x";
    }
    open_peer(NULL, NULL, 0, false);
    CHECK_STR(wait_answer(ask("GET", "/", large, NULL))->status, "431");
    CHECK_STR(wait_answer(ask("GET", "/", many, NULL))->status, "431");
    CHECK_STR(get("/")->status, "200");
    close_peer();
    return 0;
}

/* --- several at once --- */

static struct coil_event gate;

static int wait_at_gate(struct coil_http_exchange *exchange, void *user)
{
    int rc = strcmp(coil_http_path(exchange), "/first") == 0 ? coil_event_wait(&gate) : 0;

    coil_event_set(&gate);
    return rc < 0 ? rc : tell(exchange, user);
}

TASK_TEST(http2_streams_beside_one_another)
{
    int32_t first;
    int32_t ids[40];

    open_peer(wait_at_gate, NULL, 0, false);
    first = ask("GET", "/first", NULL, NULL);
    check_get(get("/second"), "200", "GET /second ?- @example.org");
    check_get(wait_answer(first), "200", "GET /first ?- @example.org");
    for (int i = 0; i < 40; i++) {
        ids[i] = ask("GET", "/many", NULL, NULL);
    }
    for (int i = 0; i < 40; i++) {
        check_get(wait_answer(ids[i]), "200", "GET /many ?- @example.org");
    }
    close_peer();
    return 0;
}

/* GOAWAY behind the last one (RFC 9113, section 6.8). */
TASK_TEST(http2_requests_up_to_a_number)
{
    talk.options.max_requests = 2;
    open_peer(NULL, NULL, 0, false);
    CHECK_STR(get("/")->status, "200");
    CHECK(!peer.has_goaway);
    CHECK_STR(get("/")->status, "200");
    wait_over();
    CHECK(peer.has_goaway);
    CHECK_INT(peer.goaway, ==, NGHTTP2_NO_ERROR);
    close_peer();
    CHECK_INT(talk.rc, ==, 0);
    return 0;
}

/* RFC 8441, section 3: offered, unless the server refuses. What becomes of it is tested in
 * test_http2_tunnel.c. */
TASK_TEST(http2_extended_connect)
{
    static const char head[] = "\x02\7CONNECT\x86\x04\5/chat\x41\x01"
                               "a\0\x09:protocol\x09websocket";

    open_raw(NULL);
    CHECK(hear_frame(NGHTTP2_SETTINGS));
    CHECK(memmem(talk.answer, talk.size, "\0\x08\0\0\0\1", 6));
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, head, sizeof head - 1);
    CHECK(hear_frame(NGHTTP2_HEADERS));
    CHECK(hear_frame(NGHTTP2_DATA));
    CHECK_MEM(talk.answer, "GET /chat ?- @a", talk.size);
    CHECK(hear_frame(NGHTTP2_RST_STREAM));
    CHECK_INT(talk.answer[3], ==, NGHTTP2_NO_ERROR);
    coil_stream_write_eof(talk.client);
    close_talk();
    CHECK_INT(talk.rc, ==, 0);

    talk.options.refuse_connect = true;
    open_raw(NULL);
    CHECK(hear_frame(NGHTTP2_SETTINGS));
    CHECK(!memmem(talk.answer, talk.size, "\0\x08\0\0\0\1", 6));
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, head, sizeof head - 1);
    CHECK(hear_frame(NGHTTP2_RST_STREAM));
    CHECK_INT(talk.answer[3], ==, NGHTTP2_PROTOCOL_ERROR);
    coil_stream_write_eof(talk.client);
    close_talk();
    return 0;
}
