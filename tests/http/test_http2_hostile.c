/* Clients of HTTP/2 that mean harm: floods, bombs, windows that never open (RFC 9113, section
 * 10.5). Each is bounded, and the connection ends with the error that says why. */
#include "http2_talk.h"

static int handled;
static int begun;

static int count(struct coil_http_exchange *exchange, void *user)
{
    handled++;
    return tell(exchange, user);
}

static int wait_forever(struct coil_http_exchange *exchange, void *user)
{
    int rc;

    (void)exchange;
    (void)user;
    handled++;
    begun++;
    rc = coil_sleep(COIL_NEVER);
    handled--;
    return rc;
}

static void say_get(uint32_t id)
{
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, id, RAW_GET,
              sizeof RAW_GET - 1);
}

static void say_reset(uint32_t id)
{
    say_frame(NGHTTP2_RST_STREAM, 0, id, "\0\0\0\x08", 4);
}

static void end_raw(void)
{
    coil_stream_write_eof(talk.client);
    close_talk();
}

/* CVE-2023-44487: requests that are taken back at once. */
TASK_TEST(http2_rapid_reset)
{
    open_raw(wait_forever);
    for (uint32_t id = 1; id < 2 * 2000; id += 2) {
        say_get(id);
        say_reset(id);
    }
    CHECK_INT(hear_goodbye(), ==, NGHTTP2_ENHANCE_YOUR_CALM);
    end_raw();
    CHECK_INT(handled, ==, 0);
    CHECK_INT(talk.rc, ==, 0);
    return 0;
}

/* The same with errors that the server has to answer (CVE-2025-8671): windows of 0. */
TASK_TEST(http2_made_to_reset)
{
    open_raw(wait_forever);
    for (uint32_t id = 1; id < 2 * 2000; id += 2) {
        say_get(id);
        say_frame(NGHTTP2_WINDOW_UPDATE, 0, id, "\0\0\0\0", 4);
    }
    CHECK_INT(hear_goodbye(), >, 0);
    end_raw();
    CHECK_INT(handled, ==, 0);
    return 0;
}

/* The same without an error: it is no less a request that was taken back. */
TASK_TEST(http2_rapid_reset_without_an_error)
{
    open_raw(wait_forever);
    for (uint32_t id = 1; id < 2 * 2000; id += 2) {
        say_get(id);
        say_frame(NGHTTP2_RST_STREAM, 0, id, "\0\0\0\0", 4);
        if (id % 32 == 1) {
            yield_times(3); /* each is begun, and gone before the next ones */
        }
    }
    CHECK_INT(hear_goodbye(), ==, NGHTTP2_ENHANCE_YOUR_CALM);
    end_raw();
    CHECK_INT(handled, ==, 0);
    CHECK_INT(begun, <, 1000);
    return 0;
}

/* RFC 9113, section 5.4.2: whatever the reset says, nobody waits for the response. */
TASK_TEST(http2_reset_without_an_error_cancels_the_handler)
{
    open_raw(wait_forever);
    say_get(1);
    yield_times(10);
    CHECK_INT(handled, ==, 1);
    say_frame(NGHTTP2_RST_STREAM, 0, 1, "\0\0\0\0", 4);
    yield_times(10);
    CHECK_INT(handled, ==, 0);
    end_raw();
    return 0;
}

/* A reset takes the request from its handler. */
TASK_TEST(http2_reset_cancels_the_handler)
{
    open_raw(wait_forever);
    say_get(1);
    say_get(3);
    yield_times(10);
    CHECK_INT(handled, ==, 2);
    say_reset(1);
    yield_times(10);
    CHECK_INT(handled, ==, 1);
    end_raw();
    CHECK_INT(handled, ==, 0);
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* RFC 9113, section 10.5.1; CVE-2024-28182: a head that never ends. */
TASK_TEST(http2_continuation_flood)
{
    open_raw(count);
    say_frame(NGHTTP2_HEADERS, 0, 1, RAW_GET, sizeof RAW_GET - 1);
    for (int i = 0; i < 1000; i++) {
        say_frame(NGHTTP2_CONTINUATION, 0, 1, "\0\1x\1y", 5);
    }
    while (hear_frame(NGHTTP2_GOAWAY)) {
    }
    end_raw();
    CHECK_INT(handled, ==, 0);
    return 0;
}

/* One field in the table, of 4,000 bytes, meant 16,000 times: 64 MB (RFC 7541, section 7.3). */
TASK_TEST(http2_header_bomb)
{
    static char block[16000];
    size_t size = sizeof RAW_GET - 1;

    memcpy(block, RAW_GET, size);
    memcpy(block + size, "\x40\1x\x7f\xa1\x1e", 6); /* a value of 127 + 33 + 30 * 128 bytes */
    size += 6;
    memset(block + size, 'v', 4000);
    size += 4000;
    memset(block + size, 0xbe, sizeof block - size);
    open_raw(count);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block,
              sizeof block);
    CHECK(hear_frame(NGHTTP2_DATA));
    CHECK(memcmp(talk.answer, "Request Header Fields Too Large\n", talk.size) == 0);
    say_get(3);
    CHECK(hear_frame(NGHTTP2_DATA));
    end_raw();
    CHECK_INT(handled, ==, 1);
    return 0;
}

/* CVE-2019-9515 */
TASK_TEST(http2_settings_flood)
{
    open_raw(count);
    for (int i = 0; i < 3000; i++) {
        say_frame(NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    }
    CHECK_INT(hear_goodbye(), ==, NGHTTP2_ENHANCE_YOUR_CALM);
    end_raw();
    return 0;
}

/* CVE-2019-9518 */
TASK_TEST(http2_flood_of_empty_frames)
{
    open_raw(wait_forever);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
              "\x83\x86\x84\x41\x01"
              "a",
              6);
    for (int i = 0; i < 3000; i++) {
        say_frame(NGHTTP2_DATA, 0, 1, NULL, 0);
    }
    CHECK_INT(hear_goodbye(), ==, NGHTTP2_ENHANCE_YOUR_CALM);
    end_raw();
    CHECK_INT(handled, ==, 0);
    return 0;
}

/* CVE-2019-9512: PINGs whose answers nobody reads. */
TASK_TEST(http2_ping_flood)
{
    talk.stream_options.high_water = 4096;
    open_raw(count);
    for (int i = 0; i < 100000 && !coil_task_is_done(talk.task); i++) {
        say_frame(NGHTTP2_PING, 0, 0, "12345678", 8);
    }
    CHECK(coil_task_is_done(talk.task));
    close_talk();
    CHECK_INT(talk.rc, ==, -ECONNABORTED);
    return 0;
}

/* The same, and they are read. */
TASK_TEST(http2_pings_without_end)
{
    bool is_told = false;

    open_raw(count);
    for (int i = 0; i < 300 && !is_told; i++) {
        for (int j = 0; j < 100 && !is_told; j++) {
            say_frame(NGHTTP2_PING, 0, 0, "12345678", 8);
        }
        for (int j = 0; j < 100 && !is_told; j++) {
            is_told = !hear_frame(NGHTTP2_PING);
        }
    }
    CHECK(is_told);
    CHECK_INT(talk.size, ==, 8); /* the last frame was a GOAWAY */
    CHECK_INT(talk.answer[7], ==, NGHTTP2_ENHANCE_YOUR_CALM);
    end_raw();
    return 0;
}

/* RFC 9113, section 5.1.2: those that are too many are refused, or end the connection. */
TASK_TEST(http2_too_many_streams)
{
    talk.options.max_streams = 3;
    open_raw(wait_forever);
    for (uint32_t id = 1; id < 2 * 10; id += 2) {
        say_get(id);
    }
    CHECK(hear_frame(NGHTTP2_RST_STREAM));
    CHECK_INT(talk.answer[3], ==, NGHTTP2_REFUSED_STREAM);
    CHECK_INT(handled, ==, 3);
    end_raw();
    CHECK_INT(handled, ==, 0);
    return 0;
}

/* --- windows --- */

/* RFC 9113, section 6.9.1 */
TASK_TEST(http2_window_that_overflows)
{
    open_raw(wait_forever);
    say_get(1);
    say_frame(NGHTTP2_WINDOW_UPDATE, 0, 1, "\x7f\xff\xff\xff", 4);
    CHECK(hear_frame(NGHTTP2_RST_STREAM));
    CHECK_INT(talk.answer[3], ==, NGHTTP2_FLOW_CONTROL_ERROR);
    say_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "\x7f\xff\xff\xff", 4);
    CHECK_INT(hear_goodbye(), ==, NGHTTP2_FLOW_CONTROL_ERROR);
    end_raw();
    return 0;
}

/* Windows that are opened byte by byte though nothing goes out through them. */
TASK_TEST(http2_window_updates_without_end)
{
    bool is_told = false;

    open_raw(wait_forever);
    say_get(1);
    for (int i = 0; i < 100 && !is_told; i++) {
        for (int j = 0; j < 100; j++) {
            say_frame(NGHTTP2_WINDOW_UPDATE, 0, j % 2, "\0\0\0\1", 4);
        }
        say_frame(NGHTTP2_PING, 0, 0, "12345678", 8);
        is_told = !hear_frame(NGHTTP2_PING);
    }
    CHECK(is_told);
    CHECK_INT(talk.answer[7], ==, NGHTTP2_ENHANCE_YOUR_CALM);
    end_raw();
    CHECK_INT(handled, ==, 0);
    return 0;
}

/* More of a body than the windows allow. */
TASK_TEST(http2_window_that_is_not_kept)
{
    static char data[16384];

    talk.options.max_body = UINT64_MAX / 4;
    open_raw(wait_forever);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1,
              "\x83\x86\x84\x41\x01"
              "a",
              6);
    for (int i = 0; i < 20; i++) {
        say_frame(NGHTTP2_DATA, 0, 1, data, sizeof data);
    }
    CHECK(hear_frame(NGHTTP2_RST_STREAM));
    CHECK_INT(talk.answer[3], ==, NGHTTP2_FLOW_CONTROL_ERROR);
    end_raw();
    CHECK_INT(handled, ==, 0);
    return 0;
}

static int call_rc;

static int write_much(struct coil_http_exchange *exchange, void *user)
{
    static char much[100000];

    (void)user;
    call_rc = coil_http_reply(exchange, 200, NULL, much, sizeof much);
    return call_rc;
}

#define NO_WINDOW "\0\4\0\0\0\0"

/* A window of 0 for ever: the handler waits no longer than the time to write. */
TASK_TEST(http2_window_that_never_opens)
{
    talk.options.write_timeout_ns = 50 * COIL_MSEC;
    open_raw(write_much);
    say_frame(NGHTTP2_SETTINGS, 0, 0, NO_WINDOW, 6);
    say_get(1);
    CHECK(hear_frame(NGHTTP2_RST_STREAM));
    CHECK_INT(call_rc, ==, -ETIMEDOUT);
    end_raw();
    CHECK_INT(talk.rc, ==, 0);
    return 0;
}

/* Nor does a small response whose handler has gone stay. */
TASK_TEST(http2_window_that_never_opens_for_a_small_one)
{
    talk.options.write_timeout_ns = 50 * COIL_MSEC;
    open_raw(count);
    say_frame(NGHTTP2_SETTINGS, 0, 0, NO_WINDOW, 6);
    say_get(1);
    CHECK(hear_frame(NGHTTP2_RST_STREAM));
    CHECK_INT(talk.answer[3], ==, NGHTTP2_CANCEL);
    end_raw();
    CHECK_INT(handled, ==, 1);
    CHECK_INT(talk.rc, ==, 0);
    return 0;
}

/* One that opens slowly is not too slow. */
TASK_TEST(http2_window_that_opens_slowly)
{
    size_t size = 0;

    talk.options.write_timeout_ns = COIL_SEC;
    open_raw(write_much);
    say_frame(NGHTTP2_SETTINGS, 0, 0, NO_WINDOW, 6);
    say_get(1);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(coil_sleep(150 * COIL_MSEC));
        say_frame(NGHTTP2_WINDOW_UPDATE, 0, 1, "\0\0\x27\x10", 4);
        say_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\x27\x10", 4);
        CHECK(hear_frame(NGHTTP2_DATA));
        size += talk.size;
    }
    CHECK_INT(size, ==, 100000);
    CHECK_INT(call_rc, ==, 0);
    end_raw();
    return 0;
}

/* The client reads nothing at all. */
TASK_TEST(http2_client_that_does_not_read)
{
    talk.options.write_timeout_ns = 50 * COIL_MSEC;
    talk.stream_options.high_water = 4096;
    open_raw(write_much);
    for (uint32_t id = 1; id < 2 * 20; id += 2) {
        say_get(id);
    }
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_await(talk.task));
    }
    CHECK_INT(talk.rc, ==, -ETIMEDOUT);
    CHECK_INT(call_rc, <, 0);
    coil_stream_close(talk.client);
    return 0;
}

/* --- time --- */

TASK_TEST(http2_idle_connection)
{
    talk.options.idle_timeout_ns = 50 * COIL_MSEC;
    open_raw(count);
    CHECK_INT(hear_goodbye(), ==, NGHTTP2_NO_ERROR);
    close_talk();
    CHECK_INT(talk.rc, ==, 0);
    return 0;
}

/* PINGs do not keep it open; a request does. */
TASK_TEST(http2_idle_connection_with_pings)
{
    talk.options.idle_timeout_ns = 300 * COIL_MSEC;
    open_raw(wait_forever);
    say_get(1);
    for (int i = 0; i < 10; i++) {
        CHECK_OK(coil_sleep(50 * COIL_MSEC));
        say_frame(NGHTTP2_PING, 0, 0, "12345678", 8);
    }
    CHECK_INT(handled, ==, 1);
    say_reset(1);
    for (int i = 0; i < 100 && !coil_task_is_done(talk.task); i++) {
        coil_sleep(20 * COIL_MSEC);
        say_frame(NGHTTP2_PING, 0, 0, "12345678", 8);
    }
    CHECK_INT(hear_goodbye(), ==, NGHTTP2_NO_ERROR);
    close_talk();
    return 0;
}

/* Slow-loris in a head: begun in time, and not ended. */
TASK_TEST(http2_head_that_does_not_end)
{
    talk.options.head_timeout_ns = 50 * COIL_MSEC;
    open_raw(count);
    say_frame(NGHTTP2_HEADERS, 0, 1, RAW_GET, sizeof RAW_GET - 1);
    CHECK_INT(hear_goodbye(), ==, NGHTTP2_ENHANCE_YOUR_CALM);
    end_raw();
    CHECK_INT(handled, ==, 0);
    return 0;
}

/* A head that nobody reads is over as well: what is left of the connection is left alone. */
TASK_TEST(http2_head_that_is_refused)
{
    talk.options.head_timeout_ns = 50 * COIL_MSEC;
    talk.options.max_streams = 1;
    open_raw(wait_forever);
    say_get(1);
    say_get(3); /* before the settings are acknowledged: RFC 9113, section 5.1.2 */
    CHECK(hear_frame(NGHTTP2_RST_STREAM));
    CHECK_INT(talk.answer[3], ==, NGHTTP2_REFUSED_STREAM);
    CHECK_OK(coil_sleep(200 * COIL_MSEC));
    CHECK_INT(handled, ==, 1);
    CHECK(!coil_task_is_done(talk.task));
    end_raw();
    CHECK_INT(handled, ==, 0);
    return 0;
}

/* Nor are the trailers of a request that was reset long ago (section 5.1) a head without end. */
TASK_TEST(http2_head_that_comes_too_late)
{
    talk.options.head_timeout_ns = 50 * COIL_MSEC;
    open_raw(wait_forever);
    say_get(1);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 3, RAW_GET, sizeof RAW_GET - 1);
    yield_times(10);
    CHECK_INT(handled, ==, 2);
    say_reset(3);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3, "\0\1x\1y",
              5);
    yield_times(10);
    CHECK_OK(coil_sleep(200 * COIL_MSEC));
    CHECK_INT(handled, ==, 1);
    CHECK(!coil_task_is_done(talk.task));
    end_raw();
    CHECK_INT(handled, ==, 0);
    return 0;
}

/* Slow-loris in the last part of one. */
TASK_TEST(http2_head_that_ends_slowly)
{
    talk.options.head_timeout_ns = 50 * COIL_MSEC;
    open_raw(count);
    say_frame(NGHTTP2_HEADERS, 0, 1, RAW_GET, sizeof RAW_GET - 1);
    CHECK_OK(coil_stream_write(talk.client, "\0\0\x09\x09\4\0\0\0\1\0\1x", 12));
    CHECK_INT(hear_goodbye(), ==, NGHTTP2_ENHANCE_YOUR_CALM);
    end_raw();
    CHECK_INT(handled, ==, 0);
    return 0;
}

/* --- what is no HTTP/2 --- */

static void check_goodbye(unsigned type, unsigned flags, uint32_t id, const char *data, size_t size,
                          int64_t error)
{
    open_raw(wait_forever);
    say_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, RAW_GET, sizeof RAW_GET - 1);
    say_frame(type, flags, id, data, size);
    CHECK_INT(hear_goodbye(), ==, error);
    end_raw();
    CHECK_INT(handled, ==, 0);
    CHECK_INT(talk.rc, ==, 0);
}

TASK_TEST(http2_frames_that_are_wrong)
{
    static char data[16385];

    /* RFC 9113, section 4.2 */
    check_goodbye(NGHTTP2_DATA, 0, 1, data, sizeof data, NGHTTP2_FRAME_SIZE_ERROR);
    check_goodbye(NGHTTP2_PING, 0, 0, data, 7, NGHTTP2_FRAME_SIZE_ERROR);
    /* section 5.1: a stream that is idle */
    check_goodbye(NGHTTP2_DATA, 0, 3, data, 1, NGHTTP2_PROTOCOL_ERROR);
    check_goodbye(NGHTTP2_RST_STREAM, 0, 3, data, 4, NGHTTP2_PROTOCOL_ERROR);
    /* section 5.1.1: a client's streams are odd, and grow */
    check_goodbye(NGHTTP2_HEADERS, 5, 2, RAW_GET, sizeof RAW_GET - 1, NGHTTP2_PROTOCOL_ERROR);
    /* section 6.1: no padding longer than the frame */
    check_goodbye(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\x09x", 2, NGHTTP2_PROTOCOL_ERROR);
    /* section 6.5 */
    check_goodbye(NGHTTP2_SETTINGS, 0, 1, data, 6, NGHTTP2_PROTOCOL_ERROR);
    /* section 6.6: only servers push */
    check_goodbye(NGHTTP2_PUSH_PROMISE, 4, 1, data, 10, NGHTTP2_PROTOCOL_ERROR);
    /* section 6.10: CONTINUATION without HEADERS */
    check_goodbye(NGHTTP2_CONTINUATION, 4, 1, RAW_GET, sizeof RAW_GET - 1, NGHTTP2_PROTOCOL_ERROR);
    /* RFC 7541, section 2.3.3: no such entry in the table */
    check_goodbye(NGHTTP2_HEADERS, 5, 3, "\xff\xff\x01", 3, NGHTTP2_COMPRESSION_ERROR);
    return 0;
}
