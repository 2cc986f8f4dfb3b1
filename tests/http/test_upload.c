/* multipart/form-data as a stream in a handler: parts, names, bounds, what is malformed. */
#include "fault.h"
#include "http_talk.h"

#include <coil/http_multipart.h>

#define TYPE "multipart/form-data; boundary=XX"
#define PART(disposition, data)                                                                    \
    "--XX\r\nContent-Disposition: form-data; " disposition "\r\n\r\n" data "\r\n"
#define FILE_PART(disposition, type, data)                                                         \
    "--XX\r\nContent-Disposition: form-data; " disposition "\r\nContent-Type: " type               \
    "\r\nX-Other: 1\r\n\r\n" data "\r\n"
#define END "--XX--\r\n"
#define REFUSAL(status, reason, length) REFUSED(status, reason, length)
#define BAD REFUSAL("400", "Bad Request", "12")
#define TOO_LARGE REFUSAL("413", "Content Too Large", "18")
#define WRONG_TYPE REFUSAL("415", "Unsupported Media Type", "23")

static struct coil_http_multipart_options options;
static size_t step = 64;
static int last_rc;

/* Answers with all parts: name|filename|type|data; */
static int list_parts(struct coil_http_exchange *exchange, void *user)
{
    struct coil_http_multipart *multipart = NULL;
    struct coil_http_part part;
    static char text[ANSWER_ROOM];
    char buf[64];
    size_t size = 0;
    int rc = coil_http_multipart_open(exchange, &options, &multipart);

    while (rc >= 0 && (rc = coil_http_multipart_next(multipart, &part)) > 0) {
        ssize_t count = 1;

        size += (size_t)snprintf(text + size, sizeof text - size, "%s|%s|%s|", part.name,
                                 part.filename ? part.filename : "-", part.type);
        while (!user && (count = coil_http_multipart_read(multipart, buf, step)) > 0) {
            memcpy(text + size, buf, (size_t)count);
            size += (size_t)count;
        }
        text[size++] = ';';
        rc = count < 0 ? (int)count : rc;
    }
    if (rc == 0) {
        CHECK_ERR(coil_http_multipart_next(multipart, &part), 0);
        CHECK_ERR(coil_http_multipart_read(multipart, buf, step), 0);
    } else if (multipart && rc != -ENOMEM) { /* it stays so */
        CHECK_ERR(coil_http_multipart_next(multipart, &part), rc);
        CHECK_ERR(coil_http_multipart_read(multipart, buf, step), rc);
    }
    coil_http_multipart_close(multipart);
    last_rc = rc;
    return rc < 0 ? rc : coil_http_reply(exchange, 200, NULL, text, size);
}

static const char *request_of(const char *type, const char *body, bool is_chunked)
{
    static char text[ANSWER_ROOM];
    int size = snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: a\r\n");

    if (type) {
        size += snprintf(text + size, sizeof text - (size_t)size, "Content-Type: %s\r\n", type);
    }
    if (is_chunked) {
        snprintf(text + size, sizeof text - (size_t)size,
                 "Transfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n", strlen(body), body);
    } else {
        snprintf(text + size, sizeof text - (size_t)size, "Content-Length: %zu\r\n\r\n%s",
                 strlen(body), body);
    }
    return text;
}

static const char *ok_of(const char *body)
{
    static char text[ANSWER_ROOM];

    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(body),
             body);
    return text;
}

/* Whole and byte by byte, with a known size and in chunks, in large and small reads. */
static void check_parts(const char *body, const char *parts)
{
    for (int i = 0; i < 4; i++) {
        step = i / 2 ? 1 : 64;
        check_answer(list_parts, request_of(TYPE, body, i % 2), ok_of(parts));
        CHECK_ERR(last_rc, 0);
        CHECK_INT(talk.heard.count, ==, 0);
    }
    step = 64;
}

TASK_TEST(upload_of_parts)
{
    check_parts(PART("name=\"a\"", "one") PART("name=b", "") END,
                "a|-|text/plain|one;b|-|text/plain|;");
    check_parts("before\r\n" FILE_PART("name=\"f\"; filename=\"a b.png\"", "image/png",
                                       "\r\n--X\r\r\n--XY") END "behind",
                "f|a b.png|image/png|\r\n--X\r\r\n--XY;");
    check_parts(END, "");
    /* A browser without a file; RFC 7578, section 4.4: no type. */
    check_parts(FILE_PART("name=\"f\"; filename=\"\"", "application/octet-stream", "") END,
                "f||application/octet-stream|;");
    return 0;
}

/* RFC 7578, section 4.2: a name is not to be trusted, and filename* not to be looked at. */
TASK_TEST(upload_of_names)
{
    check_parts(PART("name=\"a\"; filename=\"../../etc/passwd\"", "x") END,
                "a|passwd|text/plain|x;");
    check_parts(PART("name=\"a\"; filename=\"C:\\\\temp\\\\x.txt\"", "x") END,
                "a|x.txt|text/plain|x;");
    check_parts(PART("name=\"a\"; filename=\"..\"", "x") END, "a||text/plain|x;");
    check_parts(PART("name=\"a\"; filename=\"a%0D%0Ab\"", "x") END, "a||text/plain|x;");
    check_parts(PART("name=\"a\"; filename=\"a\xFF\"", "x") END, "a||text/plain|x;");
    check_parts(PART("name=\"a%22b\"; filename=\"\xC3\xA9\"", "x") END,
                "a\"b|\xC3\xA9|text/plain|x;");
    check_parts(PART("name=a;filename=b", "x") END, "a|b|text/plain|x;");
    check_parts(PART("name=\"a\"; filename*=UTF-8''b", "x") END, "a|-|text/plain|x;");
    return 0;
}

/* What is not read is skipped. */
TASK_TEST(upload_that_is_skipped)
{
    static int skip = 1;
    const char *body = PART("name=a", "one\r\n--XY\r\n") PART("name=b", "two") END;

    for (int i = 0; i < 2; i++) {
        talk.user = &skip;
        check_answer(list_parts, request_of(TYPE, body, i),
                     ok_of("a|-|text/plain|;b|-|text/plain|;"));
        talk.user = NULL;
    }
    return 0;
}

static const struct {
    const char *type;
    const char *body;
    const char *answer;
} refused[] = {
    /* RFC 7578, section 4.1: a boundary is needed. */
    {NULL, END, WRONG_TYPE},
    {"text/plain", END, WRONG_TYPE},
    {"multipart/mixed; boundary=XX", END, WRONG_TYPE},
    {"multipart/form-data", END, WRONG_TYPE},
    {"multipart/form-data; boundary=\"X\\\"X\"", END, BAD},
    {TYPE, "", BAD},
    /* RFC 2046, section 5.1.1: the last delimiter is needed. */
    {TYPE, PART("name=a", "x"), BAD},
    {TYPE, "--XX\r\n", BAD},
    {TYPE, "--XXY\r\n" END, BAD},
    {TYPE, "--XX-\r\n" END, BAD},
    /* RFC 7578, section 4.2: each part has a name. */
    {TYPE, "--XX\r\n\r\nx\r\n" END, BAD},
    {TYPE, "--XX\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n" END, BAD},
    {TYPE, PART("filename=a", "x") END, BAD},
    {TYPE, "--XX\r\nno field\r\n\r\nx\r\n" END, BAD},
};

TASK_TEST(upload_that_is_refused)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
            const char *request = request_of(refused[i].type, refused[i].body, is_chunked);

            check_answer(list_parts, request, refused[i].answer);
            CHECK_ERR(last_rc, -COIL_EPROTOCOL);
            CHECK_INT(talk.heard.count, ==, 0);
        }
    }
    return 0;
}

TASK_TEST(upload_that_is_too_large)
{
    const char *body = PART("name=a", "four") PART("name=b", "") END;

    options = (struct coil_http_multipart_options){.max_parts = 2, .max_part = 4};
    check_parts(body, "a|-|text/plain|four;b|-|text/plain|;");
    options.max_parts = 1;
    check_answer(list_parts, request_of(TYPE, body, false), TOO_LARGE);
    CHECK_ERR(last_rc, -COIL_ELIMIT);
    options = (struct coil_http_multipart_options){.max_part = 3};
    check_answer(list_parts, request_of(TYPE, body, false), TOO_LARGE);
    CHECK_ERR(last_rc, -COIL_ELIMIT);
    options = (struct coil_http_multipart_options){.max_head = 42};
    check_parts(body, "a|-|text/plain|four;b|-|text/plain|;");
    options.max_head = 41;
    check_answer(list_parts, request_of(TYPE, body, false), TOO_LARGE);
    CHECK_ERR(last_rc, -COIL_ELIMIT);
    options = (struct coil_http_multipart_options){0};
    talk.options.max_body = 20;
    check_exact(list_parts, request_of(TYPE, body, true), 0, TOO_LARGE);
    CHECK_ERR(last_rc, -COIL_ELIMIT);
    return 0;
}

/* A file larger than all buffers comes through as it is. */
static int count_bytes(struct coil_http_exchange *exchange, void *user)
{
    struct coil_http_multipart *multipart;
    struct coil_http_part part;
    static char buf[5000];
    char name[16];
    size_t *total = user;
    ssize_t count;

    CHECK_OK(coil_http_multipart_open(exchange, NULL, &multipart));
    CHECK_ERR(coil_http_multipart_read(multipart, buf, 1), -COIL_EINVALIDSTATE);
    CHECK_ERR(coil_http_multipart_next(multipart, &part), 1);
    CHECK_INT(coil_http_multipart_read_text(multipart, name, sizeof name), ==, 3);
    CHECK_STR(name, "tom");
    CHECK_ERR(coil_http_multipart_next(multipart, &part), 1);
    while ((count = coil_http_multipart_read(multipart, buf, sizeof buf)) > 0) {
        for (ssize_t i = 0; i < count; i++, ++*total) {
            CHECK_INT(buf[i], ==, "\r\n--Xab"[*total % 7]);
        }
    }
    CHECK_ERR((int)count, 0);
    CHECK_ERR(coil_http_multipart_next(multipart, &part), 0);
    coil_http_multipart_close(multipart);
    return coil_http_reply(exchange, 200, NULL, NULL, 0);
}

TASK_TEST(upload_of_a_large_file)
{
    enum { SIZE = 140000 };
    static char body[SIZE + 1000];
    size_t total = 0;
    int size = snprintf(body, sizeof body, "%s",
                        PART("name=who", "tom") "--XX\r\nContent-Disposition: form-data; name=f; "
                                                "filename=f\r\n\r\n");

    for (size_t i = 0; i < SIZE; i++) {
        body[size++] = "\r\n--Xab"[i % 7];
    }
    memcpy(body + size, "\r\n" END, sizeof "\r\n" END);
    talk.user = &total;
    for (int i = 0; i < 2; i++) {
        total = 0;
        check_exact(count_bytes, request_of(TYPE, body, i), 1000, OK("0"));
        CHECK_INT(total, ==, SIZE);
    }
    return 0;
}

/* A text that does not fit. */
static int read_short(struct coil_http_exchange *exchange, void *user)
{
    struct coil_http_multipart *multipart;
    struct coil_http_part part;
    char buf[4];
    int rc;

    (void)user;
    CHECK_OK(coil_http_multipart_open(exchange, NULL, &multipart));
    CHECK_ERR(coil_http_multipart_next(multipart, &part), 1);
    rc = (int)coil_http_multipart_read_text(multipart, buf, sizeof buf);
    coil_http_multipart_close(multipart);
    return rc < 0 ? rc : coil_http_reply(exchange, 200, NULL, buf, (size_t)rc);
}

TASK_TEST(upload_of_a_long_text)
{
    check_answer(read_short, request_of(TYPE, PART("name=a", "abc") END, false), OK("3") "abc");
    check_answer(read_short, request_of(TYPE, PART("name=a", "abcd") END, false), TOO_LARGE);
    return 0;
}

static int misuse(struct coil_http_exchange *exchange, void *user)
{
    struct coil_http_multipart_options large = {.max_head = SIZE_MAX};
    struct coil_http_multipart *multipart = NULL;
    struct coil_http_part part;
    char buf[4];

    (void)user;
    CHECK_ERR(coil_http_multipart_open(NULL, NULL, &multipart), -EINVAL);
    CHECK_ERR(coil_http_multipart_open(exchange, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_multipart_open(exchange, &large, &multipart), -EINVAL);
    CHECK(multipart == NULL);
    CHECK_OK(coil_http_multipart_open(exchange, NULL, &multipart));
    CHECK_ERR(coil_http_multipart_next(NULL, &part), -EINVAL);
    CHECK_ERR(coil_http_multipart_next(multipart, NULL), -EINVAL);
    CHECK_ERR((int)coil_http_multipart_read(NULL, buf, 1), -EINVAL);
    CHECK_ERR((int)coil_http_multipart_read(multipart, NULL, 1), -EINVAL);
    CHECK_ERR((int)coil_http_multipart_read_text(NULL, buf, 1), -EINVAL);
    CHECK_ERR((int)coil_http_multipart_read_text(multipart, NULL, 1), -EINVAL);
    CHECK_ERR((int)coil_http_multipart_read_text(multipart, buf, 0), -EINVAL);
    coil_http_multipart_close(multipart);
    coil_http_multipart_close(NULL);
    return coil_http_reply(exchange, 200, NULL, NULL, 0);
}

TASK_TEST(upload_misuse)
{
    check_exact(misuse, request_of(TYPE, END, false), 0, OK("0"));
    return 0;
}

/* --- cancels, vanished clients, no memory --- */

static int waited_rc;

/* The first wait is cut short by a deadline; what comes then is whole. */
static int wait_twice(struct coil_http_exchange *exchange, void *user)
{
    struct coil_http_multipart *multipart;
    struct coil_http_part part = {.name = "untouched"};
    char buf[16];

    (void)user;
    CHECK_OK(coil_http_multipart_open(exchange, NULL, &multipart));
    waited_rc = 0;
    coil_timeout(1000000) {
        waited_rc = coil_http_multipart_next(multipart, &part);
    }
    CHECK_STR(part.name, "untouched");
    CHECK_INT(coil_stream_write(talk.client, "name=a\r\n\r\nab", 12), ==, 12);
    CHECK_ERR(coil_http_multipart_next(multipart, &part), 1);
    CHECK_INT(coil_http_multipart_read(multipart, buf, sizeof buf), ==, 2);
    coil_timeout(1000000) {
        CHECK_ERR((int)coil_http_multipart_read(multipart, buf, sizeof buf), -ETIMEDOUT);
    }
    CHECK_INT(coil_stream_write(talk.client, "cd\r\n" END, 4 + sizeof END - 1), ==, 12);
    CHECK_INT(coil_http_multipart_read_text(multipart, buf, sizeof buf), ==, 2);
    CHECK_STR(buf, "cd");
    CHECK_ERR(coil_http_multipart_next(multipart, &part), 0);
    coil_http_multipart_close(multipart);
    return coil_http_reply(exchange, 200, NULL, NULL, 0);
}

TASK_TEST(upload_that_waits)
{
    const char *whole = "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nabcd\r\n" END;
    char head[256];

    snprintf(head, sizeof head,
             "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: " TYPE "\r\nContent-Length: %zu\r\n\r\n"
             "--XX\r\nContent-Disposition: form-data; ",
             strlen(whole));
    open_talk(wait_twice);
    say(head);
    hear_answer(20);
    CHECK_ERR(waited_rc, -ETIMEDOUT);
    coil_stream_write_eof(talk.client);
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, OK("0"));
    close_talk();
    return 0;
}

/* Wherever the client goes. */
TASK_TEST(upload_from_a_client_that_vanishes)
{
    const char *request = request_of(TYPE, PART("name=a", "abc") PART("name=b", "") END, false);
    size_t head = (size_t)(strstr(request, "\r\n\r\n") - request) + 4;

    for (size_t size = head; size + 2 < strlen(request); size++) {
        open_talk(list_parts);
        say_bytes(request, size);
        coil_stream_write_eof(talk.client);
        hear_answer(ANSWER_ROOM - 1);
        CHECK_STR(talk.answer, "");
        close_talk();
        CHECK_ERR(last_rc, -COIL_EINCOMPLETE);
        CHECK_INT(talk.heard.count, ==, 0);
    }
    return 0;
}

TASK_TEST(upload_without_memory)
{
    const char *request = request_of(TYPE, PART("name=a", "abc") END, false);

    for (unsigned n = 1; n < 100; n++) {
        bool was_injected;

        open_talk(list_parts);
        fault_alloc_at(n);
        (void)coil_stream_write(talk.client, request, strlen(request)); /* memory for that too */
        coil_stream_write_eof(talk.client);
        hear_answer(ANSWER_ROOM - 1);
        was_injected = fault_was_injected();
        fault_off();
        close_talk();
        if (!was_injected) {
            drop_dates();
            CHECK_STR(talk.answer, ok_of("a|-|text/plain|abc;"));
            return 0;
        }
    }
    CHECK(false);
    return 0;
}
