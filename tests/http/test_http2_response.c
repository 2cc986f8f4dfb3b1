/* Responses over HTTP/2: whole and piece by piece, with windows that open late. */
#include "http2_talk.h"

static int describe(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_OK(coil_http_add_field(exchange, "X-Name", "Value"));
    CHECK_OK(coil_http_add_field(exchange, "Keep-Alive", "timeout=5"));
    CHECK_OK(coil_http_add_field(exchange, "Upgrade", "h2c"));
    return coil_http_reply(exchange, 201, "text/plain", "created", 7);
}

/* RFC 9113, sections 8.2.1 and 8.2.2. */
TASK_TEST(http2_response_fields)
{
    open_peer(describe, NULL, 0, false);
    CHECK_STR(get("/")->status, "201");
    CHECK_STR(answer_of(1)->fields, "content-type: text/plain\nx-name: Value\ncontent-length: 7\n");
    CHECK_STR(answer_of(1)->body, "created");
    /* RFC 9110, section 9.3.2 */
    CHECK_STR(wait_answer(ask("HEAD", "/", NULL, NULL))->fields,
              "content-type: text/plain\nx-name: Value\ncontent-length: 7\n");
    CHECK_INT(answer_of(3)->size, ==, 0);
    CHECK(answer_of(3)->is_ended);
    close_peer();
    return 0;
}

static int add_many(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    for (int i = 0; i < 60; i++) {
        CHECK_OK(coil_http_add_field(exchange, "A", "b"));
    }
    return coil_http_reply(exchange, 200, NULL, NULL, 0);
}

TASK_TEST(http2_response_with_many_fields)
{
    open_peer(add_many, NULL, 0, false);
    CHECK_STR(get("/")->status, "200");
    CHECK_INT(answer_of(1)->field_size, ==, 60 * 5 + strlen("content-length: 0\n"));
    close_peer();
    return 0;
}

static int reply_status(struct coil_http_exchange *exchange, void *user)
{
    unsigned status = (unsigned)atoi(coil_http_path(exchange) + 1);

    (void)user;
    return coil_http_reply(exchange, status, NULL, "text", 4);
}

/* RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5. */
TASK_TEST(http2_response_without_body)
{
    open_peer(reply_status, NULL, 0, false);
    CHECK_STR(get("/204")->fields, "");
    CHECK_STR(get("/304")->fields, "");
    CHECK_STR(get("/205")->fields, "content-length: 0\n");
    for (int i = 0; i < 3; i++) {
        CHECK_INT(peer.answers[i].size, ==, 0);
        CHECK(peer.answers[i].is_ended);
        CHECK_INT(peer.answers[i].error, ==, 0);
    }
    close_peer();
    return 0;
}

/* --- piece by piece --- */

static int write_pieces(struct coil_http_exchange *exchange, void *user)
{
    int64_t size = strcmp(coil_http_path(exchange), "/known") == 0 ? 9 : -1;

    (void)user;
    CHECK_OK(coil_http_begin(exchange, 200, NULL, size));
    for (int i = 0; i < 3; i++) {
        CHECK_INT(coil_http_write(exchange, "one", 3), ==, 3);
        CHECK_OK(i == 1 ? coil_http_flush(exchange) : coil_yield());
    }
    if (size > 0) {
        CHECK_ERR((int)coil_http_write(exchange, "x", 1), -COIL_EINVALIDSTATE);
    }
    return 0;
}

TASK_TEST(http2_response_in_pieces)
{
    open_peer(write_pieces, NULL, 0, false);
    CHECK_STR(get("/")->body, "oneoneone");
    CHECK_STR(answer_of(1)->fields, "");
    CHECK_STR(get("/known")->body, "oneoneone");
    CHECK_STR(answer_of(3)->fields, "content-length: 9\n");
    CHECK_INT(wait_answer(ask("HEAD", "/", NULL, NULL))->size, ==, 0);
    for (int i = 0; i < 3; i++) {
        CHECK(peer.answers[i].is_ended);
        CHECK_INT(peer.answers[i].error, ==, 0);
    }
    close_peer();
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

enum { LARGE = 3 * 1024 * 1024 };
static char large[LARGE];
static size_t written;

static int write_large(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    if (strcmp(coil_http_path(exchange), "/reply") == 0) {
        return coil_http_reply(exchange, 200, NULL, large, LARGE);
    }
    CHECK_OK(coil_http_begin(exchange, 200, NULL, -1));
    for (size_t step = 1; written < LARGE; step = step * 2 + 1) {
        size_t size = step < LARGE - written ? step : LARGE - written;
        ssize_t n = coil_http_write(exchange, large + written, size);

        if (n < 0) {
            return (int)n;
        }
        written += size;
    }
    return 0;
}

static void check_large(const struct answer *answer)
{
    CHECK_INT(answer->size, ==, LARGE);
    CHECK(memcmp(answer->body, large, LARGE) == 0);
    CHECK(answer->is_ended);
}

/* Two large ones share the connection. */
TASK_TEST(http2_response_larger_than_the_windows)
{
    int32_t id;

    for (size_t i = 0; i < LARGE; i++) {
        large[i] = (char)(i * 7 + i / 1000);
    }
    open_peer(write_large, NULL, 0, false);
    id = ask("GET", "/reply", NULL, NULL);
    check_large(get("/pieces"));
    check_large(wait_answer(id));
    close_peer();
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}

/* RFC 9113, section 5.2: the handler waits for the client's window. */
TASK_TEST(http2_response_waits_for_the_window)
{
    int32_t id;

    open_peer(write_large, NULL, 0, true);
    id = ask("GET", "/pieces", NULL, NULL);
    peer_send();
    while (answer_of(id)->size < 65535 && !peer.is_over) {
        peer_receive();
        peer_send();
    }
    yield_times(20);
    CHECK_INT(answer_of(id)->size, ==, 65535);
    CHECK_INT(written, <=, 65535 + 16 * 1024);
    while (!answer_of(id)->is_closed && !peer.is_over) {
        size_t before = answer_of(id)->size;

        CHECK_INT(nghttp2_submit_window_update(peer.session, 0, id, 60000), ==, 0);
        CHECK_INT(nghttp2_submit_window_update(peer.session, 0, 0, 60000), ==, 0);
        peer_send();
        while (answer_of(id)->size == before && !answer_of(id)->is_closed && !peer.is_over) {
            peer_receive();
            peer_send();
        }
    }
    check_large(answer_of(id));
    close_peer();
    return 0;
}

/* The stream below is full: nothing is asked of nghttp2 until it has room. */
TASK_TEST(http2_response_waits_for_the_stream)
{
    static const nghttp2_settings_entry wide[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 8 * 1024 * 1024}};
    int32_t id;

    talk.stream_options.high_water = 20000;
    open_peer(write_large, wide, 1, false);
    CHECK_INT(nghttp2_session_set_local_window_size(peer.session, 0, 0, 8 * 1024 * 1024), ==, 0);
    id = ask("GET", "/pieces", NULL, NULL);
    peer_send();
    yield_times(50);
    CHECK_INT(written, <, 512 * 1024);
    check_large(wait_answer(id));
    close_peer();
    return 0;
}

/* --- what goes wrong --- */

static int go_wrong(struct coil_http_exchange *exchange, void *user)
{
    const char *path = coil_http_path(exchange);

    (void)user;
    if (strcmp(path, "/error") == 0) {
        return -EIO;
    }
    if (strcmp(path, "/nothing") == 0) {
        return 0;
    }
    CHECK_OK(coil_http_begin(exchange, 200, NULL, 10));
    CHECK_INT(coil_http_write(exchange, "part", 4), ==, 4);
    return strcmp(path, "/short") == 0 ? 0 : -EIO;
}

/* The stream ends with an error, and the others go on. */
TASK_TEST(http2_response_of_a_handler_that_fails)
{
    open_peer(go_wrong, NULL, 0, false);
    CHECK_STR(get("/error")->status, "500");
    CHECK_STR(get("/nothing")->status, "500");
    CHECK_INT(get("/short")->error, ==, NGHTTP2_INTERNAL_ERROR);
    CHECK_INT(get("/later")->error, ==, NGHTTP2_INTERNAL_ERROR);
    CHECK_STR(get("/error")->status, "500");
    close_peer();
    CHECK_INT(talk.heard.count, ==, 5);
    CHECK_INT(talk.rc, ==, 0);
    return 0;
}

static int calls;

static int misuse(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    calls++;
    CHECK_ERR(coil_http_flush(exchange), -COIL_EINVALIDSTATE);
    CHECK_ERR((int)coil_http_write(exchange, "x", 1), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_reply(exchange, 100, NULL, NULL, 0), -EINVAL);
    CHECK_OK(coil_http_reply(exchange, 200, NULL, "x", 1));
    CHECK_ERR(coil_http_reply(exchange, 200, NULL, "x", 1), -COIL_EINVALIDSTATE);
    CHECK_OK(coil_http_flush(exchange));
    CHECK(coil_http_is_begun(exchange));
    return 0;
}

TASK_TEST(http2_response_misuse)
{
    open_peer(misuse, NULL, 0, false);
    CHECK_STR(get("/")->body, "x");
    CHECK_STR(wait_answer(ask("HEAD", "/", NULL, NULL))->status, "200");
    CHECK_INT(calls, ==, 2);
    close_peer();
    return 0;
}
