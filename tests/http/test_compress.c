/* Responses that are compressed: which, what their head says, and that the body is the same. */
#include "http/coding.h"

#include "fault.h"
#include "http_talk.h"

#include <coil/http_compress.h>

enum { BODY_ROOM = 2 * 1024 * 1024 };

static char text[BODY_ROOM];
static char body[BODY_ROOM];

/* What a handler below answers with. */
static struct {
    struct coil_http_compress_options options;
    unsigned status;
    const char *type;
    size_t size;
    int64_t announced;     /* by begin; -2: in one reply */
    size_t step;           /* of a write */
    const char *fields[4]; /* names and values */
} plan;

static void fill_text(void)
{
    for (size_t i = 0; i < BODY_ROOM; i++) {
        text[i] = "compressible "[i % 13];
    }
    for (size_t i = 0; i < BODY_ROOM; i += 97) {
        text[i] = (char)('0' + i / 97 % 10);
    }
}

static void make_plan(size_t size)
{
    fill_text();
    memset(&plan, 0, sizeof plan);
    plan.status = 200;
    plan.type = "text/plain";
    plan.size = size;
    plan.announced = -2;
    plan.step = 1000;
}

static int answer(struct coil_http_exchange *exchange, void *user)
{
    ssize_t rc;

    (void)user;
    for (int i = 0; i < 4 && plan.fields[i]; i += 2) {
        CHECK_OK(coil_http_add_field(exchange, plan.fields[i], plan.fields[i + 1]));
    }
    CHECK_OK(coil_http_compress(exchange, &plan.options));
    if (plan.announced == -2) {
        return coil_http_reply(exchange, plan.status, plan.type, text, plan.size);
    }
    rc = coil_http_begin(exchange, plan.status, plan.type, plan.announced);
    for (size_t at = 0; rc >= 0 && at < plan.size; at += plan.step) {
        size_t left = plan.size - at;

        rc = coil_http_write(exchange, text + at, left < plan.step ? left : plan.step);
    }
    return rc < 0 ? (int)rc : 0;
}

/* --- the client's side --- */

/* As drop_dates, where bodies have NULs in them. */
static void drop_date(void)
{
    char *line = strstr(talk.answer, "\r\nDate: ");
    size_t size = strlen("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT");

    CHECK(line);
    memmove(line, line + size, talk.size - (size_t)(line - talk.answer) - size + 1);
    talk.size -= size;
}

/* Asks, and hears all of the answer. accepts: lines of the request. */
static void ask_with(const char *method, const char *version, const char *accepts)
{
    char request[1024];

    snprintf(request, sizeof request, "%s / HTTP/%s\r\nHost: a\r\n%sConnection: close\r\n\r\n",
             method, version, accepts);
    open_talk(answer);
    say(request);
    hear_answer(ANSWER_ROOM - 1);
    drop_date();
    close_talk();
    CHECK_ERR(talk.rc, 0);
}

static void ask(const char *accepts)
{
    ask_with("GET", "1.1", accepts);
}

static bool head_has(const char *line)
{
    const char *end = strstr(talk.answer, "\r\n\r\n");
    const char *at = strstr(talk.answer, line);

    CHECK(end);
    return at && at < end;
}

/* The body, without chunks: its size; it replaces the answer's. */
static size_t take_body(void)
{
    char *at = strstr(talk.answer, "\r\n\r\n") + 4;
    char *end = talk.answer + talk.size;
    size_t size = 0;

    if (!head_has("Transfer-Encoding: chunked")) {
        size = (size_t)(end - at);
        memmove(body, at, size);
        return size;
    }
    while (at < end) {
        size_t chunk = 0;

        for (; *at != '\r'; at++) {
            chunk = chunk * 16 + (size_t)(*at <= '9' ? *at - '0' : (*at | 32) - 'a' + 10);
        }
        at += 2;
        memcpy(body + size, at, chunk);
        size += chunk;
        at += chunk + 2;
        if (chunk == 0) {
            CHECK(at == end);
        }
    }
    return size;
}

static void check_decoded(enum coil__coding coding, size_t size, size_t expected)
{
    static char out[BODY_ROOM];
    struct coil__decoder decoder = {0};
    struct coil__coding_buffers buffers = {body, size, out, sizeof out};

    CHECK_OK(coil__decoder_init(&decoder, coding, BODY_ROOM - 1));
    CHECK_INT(coil__decoder_step(&decoder, &buffers), >=, 0);
    CHECK_OK(coil__decoder_finish(&decoder));
    coil__decoder_deinit(&decoder);
    CHECK_INT(sizeof out - buffers.out_size, ==, (int64_t)expected);
    CHECK(memcmp(out, text, expected) == 0);
}

static void check_coded(const char *name)
{
    char line[64];
    size_t size;

    snprintf(line, sizeof line, "\r\nContent-Encoding: %s\r\n", name);
    CHECK_MSG(head_has(line), "%.400s", talk.answer);
    CHECK(head_has("\r\nVary: Accept-Encoding\r\n"));
    size = take_body();
    CHECK_INT(size, <, (int64_t)plan.size);
    check_decoded((enum coil__coding)coil__coding_find(coil__slice_of(name)), size, plan.size);
}

static void check_plain(bool varies)
{
    CHECK_MSG(!head_has("Content-Encoding: "), "%.400s", talk.answer);
    CHECK_MSG(head_has("Vary: ") == varies, "%.400s", talk.answer);
    CHECK_INT(take_body(), ==, (int64_t)plan.size);
    CHECK(memcmp(body, text, plan.size) == 0);
}

/* --- which coding --- */

TASK_TEST(compress_as_the_client_likes)
{
    for (int64_t announced = -2; announced <= 20000; announced += announced < -1 ? 1 : 20001) {
        make_plan(20000);
        plan.announced = announced;
        ask("Accept-Encoding: gzip\r\n");
        check_coded("gzip");
        ask("Accept-Encoding: deflate, gzip, br\r\n");
        check_coded("br");
        ask("Accept-Encoding: gzip, deflate, br, zstd\r\n");
        check_coded("zstd");
        ask("Accept-Encoding: *\r\n");
        check_coded("zstd");
        ask("Accept-Encoding: zstd;q=0.5, gzip;q=0.8, br;q=0\r\n");
        check_coded("gzip");
        ask("Accept-Encoding: br;q=0.1\r\nAccept-Encoding: gzip\r\n");
        check_coded("gzip");
        ask("");
        check_plain(true);
        ask("Accept-Encoding: \r\n");
        check_plain(true);
        ask("Accept-Encoding: compress, identity\r\n");
        check_plain(true);
        ask("Accept-Encoding: gzip;q=0, *;q=0\r\n");
        check_plain(true);
    }
    return 0;
}

TASK_TEST(compress_with_what_is_offered)
{
    make_plan(20000);
    plan.options.zstd_level = -1;
    ask("Accept-Encoding: *\r\n");
    check_coded("br");
    plan.options.brotli_level = -1;
    plan.options.gzip_level = 99;
    ask("Accept-Encoding: *\r\n");
    check_coded("gzip");
    plan.options.gzip_level = -1;
    ask("Accept-Encoding: *\r\n");
    check_plain(true);
    return 0;
}

/* --- which responses --- */

TASK_TEST(compress_only_what_is_worth_it)
{
    make_plan(999);
    ask("Accept-Encoding: gzip\r\n");
    check_plain(false);
    make_plan(1000);
    ask("Accept-Encoding: gzip\r\n");
    check_coded("gzip");
    plan.options.min_size = 1001;
    ask("Accept-Encoding: gzip\r\n");
    check_plain(false);
    make_plan(5000);
    plan.type = "image/png";
    ask("Accept-Encoding: gzip\r\n");
    check_plain(false);
    plan.type = NULL;
    ask("Accept-Encoding: gzip\r\n");
    check_plain(false);
    plan.options.any_type = true;
    ask("Accept-Encoding: gzip\r\n");
    check_coded("gzip");
    plan.type = "application/json";
    plan.options.any_type = false;
    ask("Accept-Encoding: gzip\r\n");
    check_coded("gzip");
    return 0;
}

/* What grows is sent as it is. */
TASK_TEST(compress_what_cannot_be)
{
    uint32_t state = 5;

    make_plan(3000);
    for (size_t i = 0; i < plan.size; i++) {
        state = state * 1664525 + 1013904223;
        text[i] = (char)(state >> 24);
    }
    ask("Accept-Encoding: gzip\r\n");
    check_plain(true);
    CHECK(head_has("Content-Length: 3000\r\n"));
    return 0;
}

/* RFC 9110, section 14.4, and RFC 9111, section 5.2.2.6. */
TASK_TEST(compress_not_what_must_stay)
{
    static const char *const fields[][2] = {
        {"Content-Encoding", "x-own"},
        {"Content-Range", "bytes 0-4999/10000"},
        {"Cache-Control", "private, No-Transform"},
    };

    for (int i = 0; i < 3; i++) {
        make_plan(5000);
        plan.fields[0] = fields[i][0];
        plan.fields[1] = fields[i][1];
        ask("Accept-Encoding: gzip\r\n");
        CHECK(!head_has("Content-Encoding: gzip"));
        CHECK(!head_has("Vary"));
        CHECK_INT(take_body(), ==, 5000);
    }
    make_plan(5000);
    plan.status = 206;
    ask("Accept-Encoding: gzip\r\n");
    check_plain(false);
    make_plan(0);
    plan.status = 204;
    ask("Accept-Encoding: gzip\r\n");
    check_plain(false);
    plan.announced = -1;
    ask("Accept-Encoding: gzip\r\n");
    check_plain(false);
    return 0;
}

/* RFC 9110, section 8.8.1: the bytes differ, so the tag cannot be strong. */
TASK_TEST(compress_makes_the_tag_weak)
{
    for (int64_t announced = -2; announced <= -1; announced++) {
        make_plan(5000);
        plan.announced = announced;
        plan.fields[0] = "etag";
        plan.fields[1] = "\"abc\"";
        plan.fields[2] = "X";
        plan.fields[3] = "y";
        ask("Accept-Encoding: gzip\r\n");
        CHECK(head_has("\r\netag: W/\"abc\"\r\nX: y\r\n"));
        check_coded("gzip");
        ask("");
        CHECK(head_has("\r\netag: \"abc\"\r\nX: y\r\n"));
        check_plain(true);
        plan.fields[1] = "W/\"abc\"";
        ask("Accept-Encoding: gzip\r\n");
        CHECK(head_has("\r\netag: W/\"abc\"\r\nX: y\r\n"));
        check_coded("gzip");
    }
    return 0;
}

/* RFC 9110, section 15.4.5: with the fields that the 200 would have had. */
TASK_TEST(compress_of_a_304)
{
    for (int64_t announced = -2; announced <= -1; announced++) {
        make_plan(0);
        plan.announced = announced;
        plan.status = 304;
        plan.fields[0] = "ETag";
        plan.fields[1] = "\"abc\"";
        ask("Accept-Encoding: gzip\r\n");
        CHECK_STR(talk.answer, "HTTP/1.1 304 Not Modified\r\nContent-Type: text/plain\r\n"
                               "ETag: W/\"abc\"\r\nVary: Accept-Encoding\r\n"
                               "Connection: close\r\n\r\n");
        ask("");
        CHECK(head_has("ETag: \"abc\"\r\nVary: Accept-Encoding\r\n"));
    }
    return 0;
}

TASK_TEST(compress_says_vary_once)
{
    make_plan(5000);
    plan.fields[0] = "Vary";
    plan.fields[1] = "Origin, accept-encoding";
    ask("Accept-Encoding: gzip\r\n");
    CHECK(head_has("\r\nVary: Origin, accept-encoding\r\n"));
    CHECK(!head_has("Vary: Accept-Encoding"));
    plan.fields[1] = "Origin";
    ask("Accept-Encoding: gzip\r\n");
    CHECK(head_has("\r\nVary: Origin\r\nVary: Accept-Encoding\r\n"));
    return 0;
}

/* --- HEAD, old clients, large bodies --- */

/* As for GET, and nothing behind it (RFC 9110, section 9.3.2). */
TASK_TEST(compress_for_head)
{
    for (int64_t announced = -2; announced <= -1; announced++) {
        static char head[4096];
        const char *end;

        make_plan(5000);
        plan.announced = announced;
        ask("Accept-Encoding: gzip\r\n");
        end = strstr(talk.answer, "\r\n\r\n") + 4;
        snprintf(head, sizeof head, "%.*s", (int)(end - talk.answer), talk.answer);
        ask_with("HEAD", "1.1", "Accept-Encoding: gzip\r\n");
        CHECK_STR(talk.answer, head);
    }
    return 0;
}

/* No chunks: the connection's end is the body's. */
TASK_TEST(compress_for_http_1_0)
{
    make_plan(5000);
    ask_with("GET", "1.0", "Accept-Encoding: gzip\r\n");
    CHECK(head_has("Content-Length: "));
    check_coded("gzip");
    plan.announced = 5000;
    ask_with("GET", "1.0", "Accept-Encoding: gzip\r\n");
    CHECK(!head_has("Content-Length: ") && !head_has("Transfer-Encoding"));
    check_coded("gzip");
    return 0;
}

/* Above 1 MiB a reply goes out in chunks. */
TASK_TEST(compress_of_large_bodies)
{
    static const char *const codings[] = {"gzip", "br", "zstd"};

    for (int i = 0; i < 3; i++) {
        char line[64];

        snprintf(line, sizeof line, "Accept-Encoding: %s\r\n", codings[i]);
        make_plan(1024 * 1024);
        ask(line);
        CHECK(head_has("Content-Length: "));
        check_coded(codings[i]);
        make_plan(1024 * 1024 + 1);
        ask(line);
        CHECK(head_has("Transfer-Encoding: chunked"));
        check_coded(codings[i]);
        plan.announced = (int64_t)plan.size;
        plan.step = 300 * 1000;
        ask(line);
        check_coded(codings[i]);
    }
    return 0;
}

/* What is shorter than announced is not whole, coded or not. */
TASK_TEST(compress_of_too_little)
{
    make_plan(5000);
    plan.announced = 5001;
    open_talk(answer);
    say("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    close_talk();
    CHECK_ERR(talk.rc, -ECONNABORTED);
    CHECK_ERR(talk.heard.error, -COIL_EINCOMPLETE);
    return 0;
}

/* --- liveness --- */

static int send_events(struct coil_http_exchange *exchange, void *user)
{
    struct coil_event *go = user;

    CHECK_OK(coil_http_compress(exchange, NULL));
    CHECK_OK(coil_http_begin(exchange, 200, "text/event-stream", -1));
    CHECK_OK(coil_http_flush(exchange));
    for (int i = 0; i < 3; i++) {
        CHECK_INT(coil_http_write(exchange, text + i * 13, 13), ==, 13);
        CHECK_OK(coil_http_flush(exchange));
        CHECK_OK(coil_event_wait(go));
        coil_event_clear(go);
    }
    return 0;
}

/* Each event can be decoded before the next one is made. */
TASK_TEST(compress_lets_a_flush_through)
{
    struct coil_event go = {0};

    make_plan(0);
    open_talk(send_events);
    talk.user = &go;
    say("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    for (size_t i = 1; i <= 3; i++) {
        size_t came = 0;

        while (came < i * 13) {
            struct coil__decoder decoder = {0};
            struct coil__coding_buffers buffers = {.out = text + 1000, .out_size = 1000};

            size_t before = talk.size;

            hear_answer(talk.size + 1);
            if (talk.size == before) {
                break; /* that was the end */
            }
            if (strstr(talk.answer, "\r\n\r\n") && talk.answer[talk.size - 1] == '\n') {
                buffers.in_size = take_body();
                buffers.in = body;
                CHECK_OK(coil__decoder_init(&decoder, COIL__CODING_GZIP, 1000));
                CHECK_INT(coil__decoder_step(&decoder, &buffers), ==, 0);
                came = 1000 - buffers.out_size;
                coil__decoder_deinit(&decoder);
            }
        }
        CHECK_INT(came, ==, (int64_t)i * 13);
        CHECK(memcmp(text, text + 1000, came) == 0);
        coil_event_set(&go);
    }
    hear_answer(ANSWER_ROOM - 1);
    close_talk();
    return 0;
}

/* --- misuse, failure --- */

static int misuse(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    CHECK_ERR(coil_http_compress(NULL, NULL), -EINVAL);
    CHECK_OK(coil_http_compress(exchange, NULL));
    CHECK_OK(coil_http_compress(exchange, &plan.options));
    CHECK_OK(coil_http_begin(exchange, 200, "text/plain", -1));
    CHECK_ERR(coil_http_compress(exchange, NULL), -COIL_EINVALIDSTATE);
    return -EIO; /* the answer is the server's then, and is not coded */
}

TASK_TEST(compress_misused)
{
    make_plan(5000);
    open_talk(misuse);
    say("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, REFUSED("500", "Internal Server Error", "22"));
    close_talk();
    return 0;
}

static int answer_with_fault(struct coil_http_exchange *exchange, void *user)
{
    int rc;

    fault_alloc_at(*(const uint64_t *)user);
    rc = coil_http_compress(exchange, NULL);
    if (rc == 0) {
        rc = plan.announced == -2 ? coil_http_reply(exchange, 200, "text/plain", text, plan.size)
                                  : coil_http_begin(exchange, 200, "text/plain", -1);
    }
    if (rc == 0 && plan.announced == -1) {
        rc = (int)coil_http_write(exchange, text, plan.size);
        rc = rc < 0 ? rc : coil_http_flush(exchange);
        rc = rc < 0 ? rc : (int)coil_http_write(exchange, text, plan.size);
    }
    return rc < 0 ? rc : 0;
}

/* Whole, as it is or coded; or 500; or visibly not whole. */
TASK_TEST(compress_without_memory)
{
    for (int64_t announced = -2; announced <= -1; announced++) {
        uint64_t n = 0;
        bool was_reached = true;

        while (was_reached) {
            make_plan(5000);
            plan.announced = announced;
            n++;
            open_talk(answer_with_fault);
            talk.user = &n;
            say("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\nConnection: close\r\n\r\n");
            hear_answer(ANSWER_ROOM - 1);
            was_reached = fault_was_injected();
            fault_off();
            close_talk();
            CHECK(talk.rc == 0 || was_reached);
        }
        CHECK_INT(n, >, 3);
    }
    return 0;
}
