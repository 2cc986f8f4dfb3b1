/* The format of event streams: HTML standard, sections 9.2.5 and 9.2.6; among them its examples. */
#include "fault.h"
#include "harness.h"

#include "http/event_stream.h"

#include <errno.h>
#include <stdio.h>

static char told[4096];

/* What comes out goes into told, as "type/data/id|...". piece: bytes at a time. 0, or an error. */
static int feed(struct coil__event_stream *stream, const char *text, size_t size, size_t piece)
{
    int rc = 0;

    for (size_t at = 0; rc == 0 && at < size; at += piece) {
        size_t count = size - at < piece ? size - at : piece;

        CHECK_OK(coil__http_reserve(&stream->in, count));
        coil__http_put(&stream->in, text + at, count);
        while ((rc = coil__event_stream_next(stream)) > 0) {
            size_t length = strlen(told);

            snprintf(told + length, sizeof told - length, "%s/%s/%s|", stream->type.data,
                     stream->data.data, stream->last_id.data);
        }
    }
    return rc;
}

static void check_sized(const char *text, size_t size, const char *expected)
{
    static const size_t pieces[] = {1, 2, 3, 7, 4096};

    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        struct coil__event_stream stream = {.max_line = 100, .max_event = 100};

        told[0] = '\0';
        CHECK_OK(feed(&stream, text, size, pieces[i]));
        CHECK_STR(told, expected);
        coil__event_stream_deinit(&stream);
    }
}

static void check(const char *text, const char *expected)
{
    check_sized(text, strlen(text), expected);
}

COIL_TEST(stream_of_the_standards_examples)
{
    check("data: This is the first message.\n\n"
          "data: This is the second message, it\ndata: has two lines.\n\n"
          "data: This is the third message.\n\n",
          "/This is the first message./|/This is the second message, it\nhas two lines./|"
          "/This is the third message./|");
    check("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
          "add/73857293/|remove/2153/|");
    check("data: YHOO\ndata: +2\ndata: 10\n\n", "/YHOO\n+2\n10/|");
    check(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
          "data:  third event\n",
          "/first event/1|/second event/|");
    check("data\n\ndata\ndata\n\ndata:", "//|/\n/|");
    check("data:test\n\ndata: test\n\n", "/test/|/test/|");
}

COIL_TEST(stream_of_all_ends_of_lines)
{
    check("data: a\rdata: b\r\rdata: c\r\n\r\ndata: d\n\n", "/a\nb/|/c/|/d/|");
    check("data: a\n\r\ndata: b\r\n\rdata: c\r\r\n\n\n", "/a/|/b/|/c/|");
}

/* One mark is taken, at the beginning only. */
COIL_TEST(stream_with_a_mark)
{
    check("\xef\xbb\xbf"
          "data: a\n\n\xef\xbb\xbf"
          "data: b\n\n",
          "/a/|");
    check("\xef\xbb\xbf\xef\xbb\xbf"
          "data: a\n\ndata: b\n\n",
          "/b/|");
    check("\xef\xbb\xbf\n\ndata: b\n\n", "/b/|");
}

COIL_TEST(stream_of_fields)
{
    check("Data: a\ndata : b\n data: c\nfoo: d\nfoo\n\n", "");
    check("event: a\n\ndata: b\n\n", "/b/|"); /* without data, the type is forgotten */
    check("event: a\nevent: b\ndata: c\n\n", "b/c/|");
    check("event: a\nevent\ndata: c\n\n", "/c/|");
    check("data: a:b: c\n\n", "/a:b: c/|");
}

COIL_TEST(stream_of_ids)
{
    check("id: 1\n\ndata: a\n\nid: 2\ndata: b\n\ndata: c\n\nid:\ndata: d\n\n",
          "/a/1|/b/2|/c/2|/d/|");
    check_sized("id: 1\nid: 2\0003\ndata: a\n\n", 23, "/a/1|"); /* a NUL: it is ignored */
}

static void check_retry(const char *text, bool has_retry, uint64_t ms)
{
    struct coil__event_stream stream = {.max_line = 100, .max_event = 100};

    CHECK_OK(coil__http_reserve(&stream.in, strlen(text)));
    coil__http_put(&stream.in, text, strlen(text));
    CHECK_OK(coil__event_stream_next(&stream));
    CHECK(stream.has_retry == has_retry);
    CHECK(stream.retry_ms == ms);
    coil__event_stream_deinit(&stream);
}

COIL_TEST(stream_of_retries)
{
    check_retry("retry: 1500\n", true, 1500);
    check_retry("retry:0\n", true, 0);
    check_retry("retry: 99999999999999999999999\n", true, UINT64_MAX);
    check_retry("retry: 99999999999999999999999x\n", false, 0);
    check_retry("retry: -1\n", false, 0);
    check_retry("retry: 1.5\n", false, 0);
    check_retry("retry\n", false, 0);
    check_retry("retry:  1\n", false, 0);
}

COIL_TEST(stream_has_bounds)
{
    static char text[300];
    struct coil__event_stream stream = {.max_line = 100, .max_event = 150};

    memset(text, 'a', sizeof text);
    CHECK_ERR(feed(&stream, text, 101, 10), -COIL_ELIMIT);
    coil__event_stream_deinit(&stream);

    stream = (struct coil__event_stream){.max_line = 100, .max_event = 150};
    text[100] = '\n';
    CHECK_ERR(feed(&stream, text, 102, 4096), 0);
    coil__event_stream_deinit(&stream);

    stream = (struct coil__event_stream){.max_line = 100, .max_event = 150};
    memcpy(text, "data:", 5);
    memcpy(text + 101, text, 101);
    CHECK_ERR(feed(&stream, text, 202, 4096), -COIL_ELIMIT);
    coil__event_stream_deinit(&stream);
}

COIL_TEST(stream_begins_anew)
{
    static const char first[] = "id: 1\ndata: a\n\nid: 2\nevent: x\ndata: lost\nda";
    static const char second[] = "ta: b\n\ndata: c\n\n";
    struct coil__event_stream stream = {.max_line = 100, .max_event = 100};

    told[0] = '\0';
    CHECK_ERR(feed(&stream, first, sizeof first - 1, 5), 0);
    coil__event_stream_restart(&stream);
    CHECK_ERR(feed(&stream, second, sizeof second - 1, 5), 0);
    CHECK_STR(told, "/a/1|/c/1|");
    coil__event_stream_deinit(&stream);
}

/* Whoever has no memory asks again, and nothing is lost. */
COIL_TEST(stream_without_memory)
{
    static const char text[] = "event: x\nid: 1\ndata: a\ndata: b\n\n";

    for (uint64_t n = 1; n < 10; n++) {
        struct coil__event_stream stream = {.max_line = 100, .max_event = 100};
        int rc;

        CHECK_OK(coil__http_reserve(&stream.in, sizeof text));
        coil__http_put(&stream.in, text, sizeof text - 1);
        fault_alloc_at(n);
        rc = coil__event_stream_next(&stream);
        fault_off();
        if (rc < 0) {
            CHECK_ERR(rc, -ENOMEM);
            rc = coil__event_stream_next(&stream);
        }
        CHECK_INT(rc, ==, 1);
        CHECK_STR(stream.data.data, "a\nb");
        CHECK_STR(stream.type.data, "x");
        CHECK_STR(stream.last_id.data, "1");
        coil__event_stream_deinit(&stream);
    }
}
