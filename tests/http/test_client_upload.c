/* Bodies that are sent: by readers, from files, as forms; asked for, refused, cut off. */
#include "client_talk.h"

#include <fcntl.h>
#include <unistd.h>

#define HELLO OK_HEAD("5") "hello"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

enum { LARGE = 300 * 1000 };

static char *make_large(void)
{
    char *data = malloc(LARGE + 1);

    CHECK(data != NULL);
    for (size_t i = 0; i < LARGE; i++) {
        data[i] = (char)('a' + i % 23);
    }
    data[LARGE] = '\0';
    return data;
}

static const char *heard_body(void)
{
    const char *end = strstr(site.heard, "\r\n\r\n");

    return end ? end + 4 : "";
}

/* --- bytes --- */

TASK_TEST(upload_of_bytes)
{
    static const struct act acts[] = {{.say = HELLO}};
    static const size_t sizes[] = {0, 1, 16 * 1024, 16 * 1024 + 1, 65536, LARGE};
    char *data = make_large();

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct coil_http_request request = {.body = data, .body_size = sizes[i]};

        OPEN_SITE(acts);
        open_session(NULL);
        request.url = url_of("/");
        CHECK_ERR(ask_with(request, "hello"), 200);
        CHECK_INT(strlen(heard_body()), ==, sizes[i]);
        CHECK(memcmp(heard_body(), data, sizes[i]) == 0);
        CHECK_INT(usage().idle, ==, 1);
        close_all();
    }
    free(data);
    return 0;
}

/* --- readers --- */

struct source {
    const char *data;
    size_t size;
    size_t at;
    size_t step;
    int error; /* at the end */
};

static ssize_t give(void *user, void *buf, size_t size)
{
    struct source *source = user;
    size_t left = source->size - source->at;
    size_t count = left < source->step ? left : source->step;

    count = count < size ? count : size;
    coil_yield();
    if (count == 0) {
        return source->error;
    }
    memcpy(buf, source->data + source->at, count);
    source->at += count;
    return (ssize_t)count;
}

static int give_again(void *user)
{
    ((struct source *)user)->at = 0;
    return 0;
}

static struct coil_http_request request_of(struct source *source)
{
    return (struct coil_http_request){
        .url = url_of("/"), .reader = give, .rewinder = give_again, .reader_user = source};
}

TASK_TEST(upload_by_a_reader)
{
    static const struct act acts[] = {{.say = HELLO}, {.say = HELLO}, {.say = HELLO}};
    struct source source = {.data = "abcdefghij", .size = 10, .step = 4};
    struct coil_http_request request;

    OPEN_SITE(acts);
    open_session(NULL);
    request = request_of(&source);
    CHECK_ERR(ask_with(request, "hello"), 200);
    CHECK_CONTAINS(site.heard, "Transfer-Encoding: chunked\r\n\r\n");
    CHECK_STR(heard_body(), "4\r\nabcd\r\n4\r\nefgh\r\n2\r\nij\r\n0\r\n\r\n");
    site.size = 0;
    source.at = 0;
    request.reader_size = 10;
    CHECK_ERR(ask_with(request, "hello"), 200);
    CHECK_CONTAINS(site.heard, "Content-Length: 10\r\n\r\nabcdefghij");
    /* No byte at all. */
    site.size = 0;
    source.at = 0;
    source.size = 0;
    request.reader_size = 0;
    CHECK_ERR(ask_with(request, "hello"), 200);
    CHECK_STR(heard_body(), "0\r\n\r\n");
    CHECK_INT(site.connections, ==, 1);
    close_all();
    return 0;
}

TASK_TEST(upload_by_a_large_reader)
{
    static const struct act acts[] = {{.say = HELLO}};
    char *data = make_large();
    struct source source = {.data = data, .size = LARGE, .step = 50000};
    struct coil_http_request request;

    OPEN_SITE(acts);
    open_session(NULL);
    request = request_of(&source);
    request.reader_size = LARGE;
    CHECK_ERR(ask_with(request, "hello"), 200);
    CHECK(strcmp(heard_body(), data) == 0);
    close_all();
    free(data);
    return 0;
}

static ssize_t give_too_much(void *user, void *buf, size_t size)
{
    (void)user;
    (void)buf;
    return (ssize_t)size + 1;
}

TASK_TEST(upload_by_a_reader_that_fails)
{
    static const struct act acts[] = {{.say = HELLO}};
    struct source source = {.data = "abc", .size = 3, .step = 3, .error = -EIO};
    struct coil_http_request request;

    OPEN_SITE(acts);
    site.again = true;
    open_session(NULL);
    request = request_of(&source);
    CHECK_ERR(ask_with(request, NULL), -EIO);
    CHECK_INT(usage().connections, ==, 0);
    source = (struct source){.data = "abc", .size = 3, .step = 3};
    request.reader_size = 4;
    CHECK_ERR(ask_with(request, NULL), -EINVAL);
    CHECK_CONTAINS(failure.text, "ended 1 bytes before");
    request.reader = give_too_much;
    CHECK_ERR(ask_with(request, NULL), -EINVAL);
    request.reader_size = -1;
    CHECK_ERR(ask_with(request, NULL), -EINVAL);
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

static unsigned times_broken;

static ssize_t give_broken(void *user, void *buf, size_t size)
{
    (void)buf;
    (void)size;
    times_broken++;
    return *(const int *)user;
}

static int give_broken_again(void *user)
{
    (void)user;
    return 0;
}

/* What its own connections say is not what this one says: nobody waits for a response to half of a
 * request, nor is another connection tried. */
TASK_TEST(upload_by_a_reader_whose_source_breaks)
{
    static const struct act acts[] = {{.say = HELLO}, {.wait = true, .say = HELLO}};
    static const int errors[] = {-ECONNRESET, -EPIPE, -COIL_EINCOMPLETE, -ECONNABORTED};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct coil_http_request request = {
            .reader = give_broken,
            .rewinder = give_broken_again,
            .reader_user = (void *)(uintptr_t)&errors[i],
            .reader_size = 10,
            .method = "PUT",
            .retry = {.attempts = 3},
        };
        int64_t start;

        OPEN_SITE(acts);
        open_session(NULL);
        CHECK_ERR(ask("/", "hello"), 200);
        CHECK_OK(coil_sleep(10 * COIL_MSEC));
        request.url = url_of("/");
        times_broken = 0;
        start = coil_now();
        CHECK_ERR(ask_with(request, NULL), errors[i]);
        CHECK_INT(coil_now() - start, <, 5 * COIL_SEC);
        CHECK_INT(times_broken, ==, 1);
        close_all();
    }
    return 0;
}

/* --- files and forms --- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    fputs(text, file);
    fclose(file);
}

TASK_TEST(upload_of_a_file)
{
    static const struct act acts[] = {{.say = HELLO}};
    char path[128];
    struct coil_http_request request = {.file = path, .method = "PUT"};

    test_temp_path(path, sizeof path, "upload.html");
    write_file(path, "<p>hello");
    OPEN_SITE(acts);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, "hello"), 200);
    CHECK_CONTAINS(site.heard, "Content-Type: text/html; charset=utf-8\r\nContent-Length: 8\r\n");
    CHECK_STR(heard_body(), "<p>hello");
    close_all();
    unlink(path);
    return 0;
}

TASK_TEST(upload_of_a_form_with_files)
{
    static const struct act acts[] = {{.say = HELLO}};
    char path[128];
    const struct coil_http_part parts[] = {
        {.name = "a", .data = "1", .size = 1},
        {.name = "file", .path = path},
        {.name = "q\"", .filename = "x.png", .data = "png", .size = 3},
        {.name = "empty"},
    };
    struct coil_http_request request = {.parts = parts, .part_count = 4};
    char boundary[80] = "";
    char expected[1024];
    const char *mark;

    test_temp_path(path, sizeof path, "upload.txt");
    write_file(path, "text\n");
    OPEN_SITE(acts);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, "hello"), 200);
    mark = strstr(site.heard, "Content-Type: multipart/form-data; boundary=");
    CHECK(mark != NULL);
    snprintf(boundary, sizeof boundary, "%.32s", mark + 44);
    snprintf(expected, sizeof expected,
             "--%s\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
             "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"upload.txt\"\r\n"
             "Content-Type: text/plain; charset=utf-8\r\n\r\ntext\n\r\n"
             "--%s\r\nContent-Disposition: form-data; name=\"q%%22\"; filename=\"x.png\"\r\n"
             "Content-Type: image/png\r\n\r\npng\r\n"
             "--%s\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--%s--\r\n",
             boundary, boundary, boundary, boundary, boundary);
    CHECK_STR(heard_body(), expected);
    close_all();
    unlink(path);
    return 0;
}

TASK_TEST(upload_of_parts_that_are_none)
{
    struct coil_http_part part = {.name = NULL};
    struct coil_http_request request = {
        .url = "http://127.0.0.1:1/", .parts = &part, .part_count = 1};

    open_session(NULL);
    CHECK_ERR(ask_with(request, NULL), -EINVAL);
    part = (struct coil_http_part){.name = "a", .path = "/nowhere/at/all"};
    CHECK_ERR(ask_with(request, NULL), -ENOENT);
    part = (struct coil_http_part){.name = "a", .path = "/"};
    CHECK_ERR(ask_with(request, NULL), -EISDIR);
    part = (struct coil_http_part){.name = "a", .type = "a\r\nb"};
    CHECK_ERR(ask_with(request, NULL), -EINVAL);
    part = (struct coil_http_part){.name = "a", .size = 5};
    CHECK_ERR(ask_with(request, NULL), -EINVAL);
    request.parts = NULL;
    CHECK_ERR(ask_with(request, NULL), -EINVAL);
    request.part_count = 0;
    request.form_count = 1;
    CHECK_ERR(ask_with(request, NULL), -EINVAL);
    coil_http_session_close(session);
    return 0;
}

/* --- 100-continue (RFC 9110, section 10.1.1) --- */

static struct coil_http_request patient(void)
{
    return (struct coil_http_request){
        .url = url_of("/"), .body = "body", .body_size = 4, .expect_continue = true};
}

/* Says what it wants before it has heard the body. */
static int ask_for_body(struct coil_stream *stream, void *user)
{
    hear_until(&site, stream, "\r\n\r\n");
    coil_stream_write(stream, user, strlen(user));
    if (hear_exactly(&site, stream, 4) > 0) {
        coil_stream_write(stream, HELLO, strlen(HELLO));
    }
    return 0;
}

TASK_TEST(upload_that_is_asked_for)
{
    open_site_with(&site, NULL, 0, ask_for_body, (void *)(uintptr_t)CONTINUE);
    open_session(NULL);
    CHECK_ERR(ask_with(patient(), "hello"), 200);
    CHECK_CONTAINS(site.heard, "Expect: 100-continue\r\n\r\nbody");
    close_all();
    return 0;
}

TASK_TEST(upload_that_is_not_wanted)
{
    open_site_with(&site, NULL, 0, ask_for_body,
                   (void *)(uintptr_t) "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
    open_session(NULL);
    CHECK_ERR(ask_with(patient(), "no"), 403);
    CHECK_STR(heard_body(), "");
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

/* A server that does not know of it (RFC 9110, section 10.1.1: no indefinite wait). */
TASK_TEST(upload_that_nobody_asks_for)
{
    static const struct act acts[] = {{.say = HELLO}};

    OPEN_SITE(acts);
    open_session(NULL);
    CHECK_ERR(ask_with(patient(), "hello"), 200);
    CHECK_STR(heard_body(), "body");
    close_all();
    return 0;
}

/* --- refused on the way --- */

/* Reads a little, says no, and reads no more. */
static int refuse(struct coil_stream *stream, void *user)
{
    hear_until(&site, stream, "\r\n\r\n");
    coil_stream_write(stream, user, strlen(user));
    coil_event_wait(&site.go_on);
    return 0;
}

/* Without an end. */
static ssize_t give_for_ever(void *user, void *buf, size_t size)
{
    (void)user;
    memset(buf, 'x', size);
    return (ssize_t)size;
}

/* RFC 9112, section 9.5: who sends sees it, and stops. */
TASK_TEST(upload_refused_in_the_middle)
{
    struct coil_http_request request = {.reader = give_for_ever};

    open_site_with(&site, NULL, 0, refuse,
                   (void *)(uintptr_t) "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, "big"), 413);
    CHECK_INT(usage().connections, ==, 0);
    coil_event_set(&site.go_on);
    close_all();
    return 0;
}

/* An early "fine" does not end it. */
static int agree(struct coil_stream *stream, void *user)
{
    (void)user;
    hear_until(&site, stream, "\r\n\r\n");
    coil_stream_write(stream, HELLO, strlen(HELLO));
    coil_stream_flush(stream);
    coil_sleep(10 * COIL_MSEC);
    hear_exactly(&site, stream, LARGE);
    coil_event_set(&site.has_heard);
    return 0;
}

TASK_TEST(upload_answered_in_the_middle)
{
    char *data = make_large();
    struct coil_http_request request = {.body = data, .body_size = LARGE};

    open_site_with(&site, NULL, 0, agree, NULL);
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, "hello"), 200);
    coil_timeout(PATIENCE) {
        CHECK_OK(coil_event_wait(&site.has_heard));
    }
    CHECK(strcmp(heard_body(), data) == 0);
    close_all();
    free(data);
    return 0;
}

/* The server neither reads nor speaks. */
TASK_TEST(upload_that_nobody_reads)
{
    struct coil_http_request request = {.reader = give_for_ever, .read_timeout_ns = 30 * COIL_MSEC};

    open_site_with(&site, NULL, 0, refuse, (void *)(uintptr_t) "");
    open_session(NULL);
    request.url = url_of("/");
    CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    CHECK_CONTAINS(failure.text, "taken nothing");
    coil_event_set(&site.go_on);
    close_all();
    return 0;
}

static int vanish(struct coil_stream *stream, void *user)
{
    (void)user;
    hear_until(&site, stream, "\r\n\r\n");
    coil_stream_abort(stream);
    return 0;
}

TASK_TEST(upload_and_the_server_vanishes)
{
    struct coil_http_request request = {.reader = give_for_ever};
    int rc;

    open_site_with(&site, NULL, 0, vanish, NULL);
    open_session(NULL);
    request.url = url_of("/");
    rc = ask_with(request, NULL);
    CHECK(rc == -ECONNRESET || rc == -EPIPE || rc == -COIL_EINCOMPLETE);
    CHECK_INT(usage().connections, ==, 0);
    close_all();
    return 0;
}

TASK_TEST(upload_cancelled)
{
    struct coil_http_request request = {.reader = give_for_ever};

    open_site_with(&site, NULL, 0, refuse, (void *)(uintptr_t) "");
    open_session(NULL);
    request.url = url_of("/");
    coil_timeout(30 * COIL_MSEC) {
        CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
    }
    CHECK_INT(usage().connections, ==, 0);
    coil_event_set(&site.go_on);
    close_all();
    return 0;
}
