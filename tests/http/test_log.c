/* The access log: what is recorded of a response, and the lines that are made of it. */
#include "http_talk.h"

#include <coil/http_log.h>

/* --- lines --- */

static const struct coil_http_record usual = {
    .peer = "127.0.0.1",
    .time_ns = 971186136 * COIL_SEC + 123456789,
    .duration_ns = 1500 * COIL_USEC + 700,
    .method = "GET",
    .path = "/a%20b",
    .query = "x=1",
    .version = "HTTP/1.1",
    .status = 200,
    .body_size = 2326,
    .is_whole = true,
    .user_agent = "Mozilla/4.08",
    .referer = "http://example.com/",
    .request_id = "r-1",
};

static void check_line(const struct coil_http_record *record, enum coil_http_log_format format,
                       const char *expected)
{
    char line[COIL_HTTP_LOG_LINE];
    size_t size = strlen(expected);

    CHECK_INT(coil_http_log_format(record, format, line, sizeof line), ==, (int64_t)size);
    CHECK_STR(line, expected);
    CHECK_INT(coil_http_log_format(record, format, line, size + 1), ==, (int64_t)size);
    CHECK_ERR((int)coil_http_log_format(record, format, line, size), -ENOSPC);
}

TASK_TEST(log_lines)
{
    check_line(&usual, COIL_HTTP_LOG_COMMON,
               "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"GET /a%20b?x=1 HTTP/1.1\" 200 2326\n");
    check_line(&usual, COIL_HTTP_LOG_COMBINED,
               "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"GET /a%20b?x=1 HTTP/1.1\" 200 2326 "
               "\"http://example.com/\" \"Mozilla/4.08\"\n");
    check_line(&usual, COIL_HTTP_LOG_JSON,
               "{\"time\":\"2000-10-10T13:55:36.123456Z\",\"peer\":\"127.0.0.1\","
               "\"method\":\"GET\",\"target\":\"/a%20b?x=1\",\"version\":\"HTTP/1.1\","
               "\"status\":200,\"bytes\":2326,\"whole\":true,\"duration_us\":1500,"
               "\"user_agent\":\"Mozilla/4.08\",\"referer\":\"http://example.com/\","
               "\"request_id\":\"r-1\"}\n");
    return 0;
}

TASK_TEST(log_lines_with_nothing_known)
{
    struct coil_http_record none = {.version = "HTTP/1.1", .status = 400};

    check_line(&none, COIL_HTTP_LOG_COMBINED,
               "- - - [01/Jan/1970:00:00:00 +0000] \"-\" 400 0 \"-\" \"-\"\n");
    check_line(&none, COIL_HTTP_LOG_JSON,
               "{\"time\":\"1970-01-01T00:00:00.000000Z\",\"version\":\"HTTP/1.1\","
               "\"status\":400,\"bytes\":0,\"whole\":false,\"duration_us\":0}\n");
    return 0;
}

/* Whatever the client says: one line, and no string ends before its end. */
TASK_TEST(log_lines_with_hostile_bytes)
{
    char line[COIL_HTTP_LOG_LINE];
    struct coil_http_record record = usual;

    record.user_agent = "a\"b\\c\nd\re\x1b[31m\x7f\xc3\xa9";
    CHECK_INT(coil_http_log_format(&record, COIL_HTTP_LOG_COMBINED, line, sizeof line), >, 0);
    CHECK(strstr(line, " \"a\\x22b\\x5cc\\x0ad\\x0de\\x1b[31m\\x7f\\xc3\\xa9\"\n"));
    CHECK_INT(coil_http_log_format(&record, COIL_HTTP_LOG_JSON, line, sizeof line), >, 0);
    CHECK(strstr(line, "\"a\\u0022b\\u005cc\\u000ad\\u000de\\u001b[31m\\u007f\\u00c3\\u00a9\""));
    return 0;
}

/* Every value at its worst: there is still room. */
TASK_TEST(log_lines_that_are_long)
{
    static char value[4000];
    char line[COIL_HTTP_LOG_LINE];
    struct coil_http_record record = {.time_ns = INT64_MAX,
                                      .duration_ns = INT64_MAX,
                                      .status = UINT32_MAX,
                                      .body_size = UINT64_MAX};

    memset(value, 1, sizeof value - 1);
    record.peer = record.method = record.path = record.query = record.version = value;
    record.user_agent = record.referer = record.request_id = value;
    record.peer = "fe80::1234:5678:9abc:def0%interface0";
    record.version = "HTTP/1.1";
    for (int format = 0; format <= COIL_HTTP_LOG_JSON; format++) {
        CHECK_INT(
            coil_http_log_format(&record, (enum coil_http_log_format)format, line, sizeof line), >,
            2 * 4 * COIL_HTTP_LOG_VALUE);
    }
    record.peer = record.method = record.version = value;
    for (int format = 0; format <= COIL_HTTP_LOG_JSON; format++) {
        CHECK_INT(
            coil_http_log_format(&record, (enum coil_http_log_format)format, line, sizeof line), !=,
            -EINVAL);
    }
    CHECK_ERR((int)coil_http_log_format(NULL, COIL_HTTP_LOG_JSON, line, sizeof line), -EINVAL);
    CHECK_ERR((int)coil_http_log_format(&usual, COIL_HTTP_LOG_JSON, NULL, 0), -EINVAL);
    CHECK_ERR((int)coil_http_log_format(&usual, (enum coil_http_log_format)9, line, sizeof line),
              -EINVAL);
    return 0;
}

/* --- records --- */

static struct {
    int count;
    char text[4096]; /* of all, in short */
    int64_t duration_ns;
} logged;

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void note(const struct coil_http_record *record, void *user)
{
    size_t length = strlen(logged.text);

    CHECK(user == &logged);
    snprintf(logged.text + length, sizeof logged.text - length, "%s %s ?%s %s %u %u %s ua=%s\n",
             or_dash(record->method), or_dash(record->path), or_dash(record->query),
             record->version, record->status, (unsigned)record->body_size,
             record->is_whole ? "whole" : "broken", or_dash(record->user_agent));
    CHECK_INT(record->time_ns, >, 1000000000 * COIL_SEC);
    logged.duration_ns = record->duration_ns;
    logged.count++;
}

static void check_log(coil_http_handler handler, const char *request, const char *expected)
{
    memset(&logged, 0, sizeof logged);
    talk.options.log = note;
    talk.options.log_user = &logged;
    open_talk(handler);
    coil_stream_write(talk.client, request, strlen(request));
    coil_stream_write_eof(talk.client);
    hear_answer(ANSWER_ROOM - 1);
    close_talk();
    CHECK_STR(logged.text, expected);
}

static int write_some(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_begin(exchange, 201, "text/plain", -1));
    CHECK_INT(coil_http_write(exchange, "ab", 2), ==, 2);
    CHECK_INT(coil_http_write(exchange, "cde", 3), ==, 3);
    return 0;
}

static int write_too_little(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, "text/plain", 10));
    CHECK_INT(coil_http_write(exchange, "ab", 2), ==, 2);
    return 0;
}

static int fail(struct coil_http_exchange *exchange, void *user)
{
    (void)exchange;
    (void)user;
    return -EIO;
}

static int take_time(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_sleep(5 * COIL_MSEC));
    return coil_http_reply(exchange, 200, NULL, NULL, 0);
}

TASK_TEST(log_of_responses)
{
    check_log(NULL,
              "GET /a?b=c HTTP/1.1\r\nHost: a\r\nUser-Agent: me\r\n\r\n"
              "HEAD / HTTP/1.0\r\n\r\n",
              "GET /a ?b=c HTTP/1.1 200 14 whole ua=me\n"
              "HEAD / ?- HTTP/1.0 200 0 whole ua=-\n");
    check_log(write_some, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
              "GET / ?- HTTP/1.1 201 5 whole ua=-\n");
    check_log(fail, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / ?- HTTP/1.1 500 22 whole ua=-\n");
    check_log(write_too_little, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
              "GET / ?- HTTP/1.1 200 2 broken ua=-\n");
    check_log(take_time, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
              "GET / ?- HTTP/1.1 200 0 whole ua=-\n");
    CHECK_INT(logged.duration_ns, >=, 5 * COIL_MSEC);
    return 0;
}

/* RFC 9112, sections 3 and 3.2; RFC 9110, sections 15.5.14 and 15.6.2: refused before a handler
 * sees them, and logged all the same. */
TASK_TEST(log_of_heads_that_are_none)
{
    check_log(NULL, "nonsense\r\n\r\n", "- - ?- HTTP/1.1 400 12 whole ua=-\n");
    check_log(NULL, "GET / HTTP/1.1\r\nUser-Agent: me\r\n\r\n",
              "- - ?- HTTP/1.1 400 12 whole ua=-\n");
    check_log(NULL, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n",
              "- - ?- HTTP/1.1 413 18 whole ua=-\n");
    check_log(NULL, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
              "- - ?- HTTP/1.1 501 16 whole ua=-\n");
    return 0;
}

TASK_TEST(log_of_a_slow_head)
{
    memset(&logged, 0, sizeof logged);
    talk.options.log = note;
    talk.options.log_user = &logged;
    talk.options.head_timeout_ns = 20 * COIL_MSEC;
    open_talk(NULL);
    say("GET / HT");
    hear_answer(ANSWER_ROOM - 1);
    coil_stream_write_eof(talk.client);
    close_talk();
    CHECK_STR(logged.text, "- - ?- HTTP/1.1 408 16 whole ua=-\n");
    return 0;
}

/* A connection on which nothing is asked says nothing. */
TASK_TEST(log_of_nothing)
{
    check_log(NULL, "", "");
    return 0;
}

/* --- over sockets --- */

static void note_peer(const struct coil_http_record *record, void *user)
{
    snprintf(user, 64, "%s", or_dash(record->peer));
}

static void check_peer(const char *host, const char *expected)
{
    struct coil_http_server_options options = {.log = note_peer};
    struct coil_http_server *server = NULL;
    struct coil_stream *stream = NULL;
    char peer[64] = "";
    char buf[512];
    int rc;

    options.log_user = peer;
    rc = coil_http_server_start(host, 0, &options, tell, NULL, &server);
    if (rc < 0 && strchr(host, ':')) {
        return; /* no IPv6 here */
    }
    CHECK_OK(rc);
    CHECK_OK(
        coil_open_connection(host, (uint16_t)coil_http_server_get_port(server), NULL, &stream));
    CHECK_INT(coil_stream_write(stream, "GET / HTTP/1.0\r\n\r\n", 18), ==, 18);
    coil_timeout(PATIENCE) {
        while (coil_stream_read(stream, buf, sizeof buf) > 0) {
        }
    }
    coil_stream_close(stream);
    CHECK_OK(coil_http_server_close(server, COIL_SEC));
    CHECK_STR(peer, expected);
}

TASK_TEST(log_of_the_peer)
{
    check_peer("127.0.0.1", "127.0.0.1");
    check_peer("::1", "::1");
    return 0;
}
