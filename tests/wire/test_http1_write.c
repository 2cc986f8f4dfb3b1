/* test_http1_write.c - what is written, what is refused, and that it is read back as it was. */
#include "harness.h"
#include "http1_feed.h"

#include <stdio.h>

enum { ROOM = 4096 };

/* What was written, as a string, if it is what was counted. */
static const char *written(struct coil__http1_writer *writer)
{
    int64_t size = coil__http1_writer_end(writer);

    CHECK_INT(size, >=, 0);
    CHECK_INT(size, <, writer->size);
    writer->buf[size] = '\0';
    return writer->buf;
}

static struct coil__slice text(const char *string)
{
    return coil__slice_of(string);
}

static void write_status(struct coil__http1_writer *writer, unsigned status, const char *reason)
{
    coil__http1_write_status(writer, status, text(reason));
}

COIL_TEST(write_status_lines)
{
    static const struct {
        unsigned status;
        const char *reason;
        const char *line;
    } cases[] = {
        {200, NULL, "HTTP/1.1 200 OK\r\n"},
        {204, NULL, "HTTP/1.1 204 No Content\r\n"},
        {304, NULL, "HTTP/1.1 304 Not Modified\r\n"},
        {404, NULL, "HTTP/1.1 404 Not Found\r\n"},
        {101, NULL, "HTTP/1.1 101 Switching Protocols\r\n"},
        {503, NULL, "HTTP/1.1 503 Service Unavailable\r\n"},
        {200, "Fine", "HTTP/1.1 200 Fine\r\n"},
        {200, "", "HTTP/1.1 200 \r\n"},
        {299, NULL, "HTTP/1.1 299 \r\n"},
        {999, "x\ty \xc3\xa4", "HTTP/1.1 999 x\ty \xc3\xa4\r\n"},
    };
    char buf[ROOM];
    struct coil__http1_writer writer;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        coil__http1_writer_init(&writer, buf, sizeof buf);
        write_status(&writer, cases[i].status, cases[i].reason);
        CHECK_STR(written(&writer), cases[i].line);
    }
}

COIL_TEST(write_head_of_a_response)
{
    char buf[ROOM];
    struct coil__http1_writer writer;

    coil__http1_writer_init(&writer, buf, sizeof buf);
    write_status(&writer, 200, NULL);
    coil__http1_write_field(&writer, text("Content-Type"), text("text/plain"));
    coil__http1_write_number(&writer, text("Content-Length"), 0);
    coil__http1_write_number(&writer, text("X"), UINT64_MAX);
    coil__http1_write_field(&writer, text("Empty"), (struct coil__slice){0});
    coil__http1_write_line_end(&writer);
    CHECK_STR(written(&writer), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                "Content-Length: 0\r\nX: 18446744073709551615\r\nEmpty: \r\n\r\n");
}

COIL_TEST(write_chunks)
{
    char buf[ROOM];
    struct coil__http1_writer writer;

    coil__http1_writer_init(&writer, buf, sizeof buf);
    coil__http1_write_chunk(&writer, 1);
    coil__http1_write_chunk(&writer, 16);
    coil__http1_write_chunk(&writer, 0xabcdef);
    coil__http1_write_chunk(&writer, UINT64_MAX);
    coil__http1_write_line_end(&writer);
    coil__http1_write_last_chunk(&writer);
    CHECK_STR(written(&writer), "1\r\n10\r\nabcdef\r\nffffffffffffffff\r\n\r\n0\r\n");
    coil__http1_writer_init(&writer, buf, COIL__HTTP1_CHUNK_ROOM);
    coil__http1_write_chunk(&writer, UINT64_MAX);
    CHECK_INT(coil__http1_writer_end(&writer), ==, COIL__HTTP1_CHUNK_ROOM);
    coil__http1_write_chunk(&writer, 0);
    CHECK_INT(coil__http1_writer_end(&writer), ==, -COIL__HTTP1_EINVALID);
}

/* RFC 9110, sections 5.1, 5.5 and 9.1; RFC 9112, sections 3.2 and 4: what would split the message,
 * or be read as something else. The first error stays. */
COIL_TEST(write_refuses)
{
    static const struct {
        int error;
        const char *method;
        const char *target;
        const char *reason;
        const char *name;
        const char *value;
    } cases[] = {
        {COIL__HTTP1_EMETHOD, .method = "", .target = "/"},
        {COIL__HTTP1_EMETHOD, .method = "G T", .target = "/"},
        {COIL__HTTP1_EMETHOD, .method = "GET\r\n", .target = " "},
        {COIL__HTTP1_ETARGET, .method = "GET", .target = ""},
        {COIL__HTTP1_ETARGET, .method = "GET", .target = "/ HTTP/1.1\r\nX: y"},
        {COIL__HTTP1_ETARGET, .method = "GET", .target = "/a b"},
        {COIL__HTTP1_ETARGET, .method = "GET", .target = "/a#b"},
        {COIL__HTTP1_ETARGET, .method = "GET", .target = "/a\xff"},
        {COIL__HTTP1_EREASON, .reason = "x\r\nY: z"},
        {COIL__HTTP1_EREASON, .reason = "x\n"},
        {COIL__HTTP1_ENAME, .name = "", .value = "x"},
        {COIL__HTTP1_ENAME, .name = "a b", .value = "x"},
        {COIL__HTTP1_ENAME, .name = "a:", .value = "x"},
        {COIL__HTTP1_ENAME, .name = "a\r\nb", .value = "x"},
        {COIL__HTTP1_ENAME, .name = "a\n", .value = "x"},
        {COIL__HTTP1_ENAME, .name = "a\xff", .value = "x"},
        {COIL__HTTP1_EVALUE, .name = "a", .value = "x\r\nb: c"},
        {COIL__HTTP1_EVALUE, .name = "a", .value = "x\r"},
        {COIL__HTTP1_EVALUE, .name = "a", .value = "\n"},
        {COIL__HTTP1_EVALUE, .name = "a", .value = "0123456789abcdef\n"},
        {COIL__HTTP1_EVALUE, .name = "a", .value = "\x7f"},
        {COIL__HTTP1_EVALUE, .name = "a", .value = "\x1b[0m"},
    };
    char buf[ROOM];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__http1_writer writer;

        coil__http1_writer_init(&writer, buf, sizeof buf);
        if (cases[i].method) {
            coil__http1_write_request(&writer, text(cases[i].method), text(cases[i].target));
        } else if (cases[i].name) {
            coil__http1_write_field(&writer, text(cases[i].name), text(cases[i].value));
        } else {
            write_status(&writer, 200, cases[i].reason);
        }
        CHECK_MSG(coil__http1_writer_end(&writer) == -cases[i].error, "case %zu: %s", i,
                  coil__http1_error_text((int)coil__http1_writer_end(&writer)));
        coil__http1_write_chunk(&writer, 0);
        CHECK_INT(coil__http1_writer_end(&writer), ==, -cases[i].error);
    }
}

COIL_TEST(write_refuses_nul_and_odd_statuses)
{
    static const unsigned statuses[] = {0, 99, 1000, UINT32_MAX};
    char buf[ROOM];
    struct coil__http1_writer writer;

    coil__http1_writer_init(&writer, buf, sizeof buf);
    coil__http1_write_field(&writer, text("a"), (struct coil__slice){"x\0y", 3});
    CHECK_INT(coil__http1_writer_end(&writer), ==, -COIL__HTTP1_EVALUE);
    coil__http1_writer_init(&writer, buf, sizeof buf);
    coil__http1_write_field(&writer, (struct coil__slice){"x\0y", 3}, text("a"));
    CHECK_INT(coil__http1_writer_end(&writer), ==, -COIL__HTTP1_ENAME);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        coil__http1_writer_init(&writer, buf, sizeof buf);
        write_status(&writer, statuses[i], NULL);
        CHECK_INT(coil__http1_writer_end(&writer), ==, -COIL__HTTP1_ESTATUS);
    }
}

/* In any room: the size is the same, and nothing behind the room is touched. */
COIL_TEST(write_says_how_much_is_needed)
{
    static const char whole[] = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n";

    for (size_t room = 0; room < sizeof whole + 2; room++) {
        char *buf = malloc(room > 0 ? room : 1);
        struct coil__http1_writer writer;

        coil__http1_writer_init(&writer, buf, room);
        coil__http1_write_request(&writer, text("GET"), text("/a"));
        coil__http1_write_field(&writer, text("Host"), text("b"));
        coil__http1_write_line_end(&writer);
        CHECK_INT(coil__http1_writer_end(&writer), ==, sizeof whole - 1);
        if (room >= sizeof whole - 1) {
            CHECK_MEM(buf, whole, sizeof whole - 1);
        }
        free(buf);
    }
}

COIL_TEST(write_and_read_a_request)
{
    char buf[ROOM];
    struct coil__http1_writer writer;
    struct fed fed;
    size_t size;

    coil__http1_writer_init(&writer, buf, sizeof buf);
    coil__http1_write_request(&writer, text("PATCH"), text("/a?b=c"));
    coil__http1_write_field(&writer, text("Host"), text("a.example:81"));
    coil__http1_write_field(&writer, text("Transfer-Encoding"), text("chunked"));
    coil__http1_write_field(&writer, text("X-Long"), text("0123456789\tabcdef \xc3\xa4"));
    coil__http1_write_line_end(&writer);
    size = strlen(written(&writer));
    feed_head(buf, size, (struct pieces){size, 0}, NULL, NULL, &fed);
    CHECK_INT(fed.rc, ==, size);
    CHECK_STR(fed.text, "PATCH /a?b=c origin a.example:81 1.1 chunked keep | Host=a.example:81 | "
                        "Transfer-Encoding=chunked | X-Long=0123456789\tabcdef \xc3\xa4");
}

COIL_TEST(write_and_read_every_status)
{
    static const enum coil__http1_method request = COIL__HTTP1_GET;
    char buf[ROOM];
    char expected[ROOM];

    for (unsigned status = 100; status < 1000; status++) {
        struct coil__http1_writer writer;
        struct fed fed;
        size_t size;
        bool has_body = status >= 200 && status != 204 && status != 304;

        coil__http1_writer_init(&writer, buf, sizeof buf);
        write_status(&writer, status, NULL);
        coil__http1_write_number(&writer, text("Content-Length"), status);
        coil__http1_write_line_end(&writer);
        size = strlen(written(&writer));
        feed_head(buf, size, (struct pieces){0, 1}, &request, NULL, &fed);
        snprintf(expected, sizeof expected, "%u %s 1.1 %s %u%s | Content-Length=%u", status,
                 coil__http1_reason(status),
                 status == 101 ? "tunnel"
                 : has_body    ? "length"
                               : "none",
                 status, status == 101 ? "" : " keep", status);
        CHECK_STR(fed.text, expected);
    }
}

COIL_TEST(write_and_read_chunks)
{
    static const char data[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char buf[ROOM];
    struct coil__http1_writer writer;
    struct coil__http1_body body;
    struct fed fed;
    size_t at = 0;
    size_t size;

    coil__http1_writer_init(&writer, buf, sizeof buf);
    for (size_t count = 1; at + count < sizeof data; at += count++) {
        coil__http1_write_chunk(&writer, count);
        memcpy(buf + writer.length, data + at, count);
        writer.length += count;
        coil__http1_write_line_end(&writer);
    }
    coil__http1_write_last_chunk(&writer);
    coil__http1_write_field(&writer, text("Digest"), text("x"));
    coil__http1_write_line_end(&writer);
    size = strlen(written(&writer));
    for (size_t step = 1; step < 9; step++) {
        CHECK_INT(coil__http1_body_init(&body, COIL__HTTP1_CHUNKED, 0, at), ==, 0);
        feed_body(&body, buf, size, (struct pieces){0, step}, &fed);
        CHECK_INT(fed.rc, ==, COIL__HTTP1_END);
        CHECK_INT(strncmp(fed.text, data, at), ==, 0);
        CHECK_STR(fed.text + at, " | Digest=x");
    }
}
