/* test_multipart.c - forms with files (RFC 7578; RFC 2046, 5.1), in pieces cut everywhere. */
#include "wire/media_type.h"
#include "wire/multipart.h"

#include "harness.h"

#include <coil/error.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PART(name) "--B\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"

enum { HEAD_SIZE = 128, MAX_PARTS = 3 };

/* What has come: "[name|filename|type:data]", "." for the end, or the error. */
struct record {
    char text[1024];
    size_t length;
};

static void add(struct record *record, struct coil__slice slice)
{
    CHECK(record->length + slice.size < sizeof record->text);
    if (slice.size > 0) {
        memcpy(record->text + record->length, slice.start, slice.size);
    }
    record->length += slice.size;
    record->text[record->length] = '\0';
}

static void add_string(struct record *record, const char *string)
{
    add(record, coil__slice_of(string));
}

/* A piece stands in memory of just its size, so that a sanitizer sees what goes beyond. */
static int feed(struct coil__multipart *parser, struct coil__slice piece, struct record *record)
{
    char *copy = test_made(malloc(piece.size > 0 ? piece.size : 1));
    struct coil__slice input = {copy, piece.size};
    struct coil__multipart_item item;
    int event;

    memcpy(copy, piece.start, piece.size);
    while ((event = coil__multipart_next(parser, &input, &item)) > 0) {
        if (event == COIL__MULTIPART_PART) {
            add_string(record, "[");
            add(record, item.name);
            add_string(record, "|");
            add(record, item.filename.start ? item.filename : coil__slice_of("-"));
            add_string(record, "|");
            add(record, item.content_type.start ? item.content_type : coil__slice_of("-"));
            add_string(record, ":");
        } else if (event == COIL__MULTIPART_DATA) {
            CHECK(item.data.size > 0);
            add(record, item.data);
        } else {
            add_string(record, event == COIL__MULTIPART_PART_END ? "]" : ".");
        }
    }
    CHECK(event < 0 || input.size == 0);
    CHECK(event == 0 || coil__multipart_next(parser, &input, &item) == event);
    free(copy);
    return event;
}

/* The body in three pieces, cut at both places. */
static const char *parse_in_pieces(struct coil__slice body, size_t first, size_t second)
{
    static struct record record;
    struct coil__slice pieces[] = {{body.start, first},
                                   {body.start + first, second - first},
                                   {body.start + second, body.size - second}};
    char *head = test_made(malloc(HEAD_SIZE));
    struct coil__multipart parser;
    int rc = coil__multipart_init(&parser, coil__slice_of("B"), head, HEAD_SIZE, MAX_PARTS);

    CHECK_INT(rc, ==, 0);
    record.length = 0;
    record.text[0] = '\0';
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = feed(&parser, pieces[i], &record);
    }
    CHECK(rc == 0 || coil__multipart_finish(&parser) == rc);
    rc = coil__multipart_finish(&parser);
    if (rc < 0) {
        add_string(&record, coil__multipart_strerror(rc));
    }
    free(head);
    return record.text;
}

/* Byte by byte. */
static const char *parse_bytes(struct coil__slice body)
{
    static struct record record;
    char head[HEAD_SIZE];
    struct coil__multipart parser;
    int rc = coil__multipart_init(&parser, coil__slice_of("B"), head, HEAD_SIZE, MAX_PARTS);

    record.length = 0;
    record.text[0] = '\0';
    for (size_t i = 0; i < body.size && rc == 0; i++) {
        rc = feed(&parser, (struct coil__slice){body.start + i, 1}, &record);
    }
    rc = coil__multipart_finish(&parser);
    if (rc < 0) {
        add_string(&record, coil__multipart_strerror(rc));
    }
    return record.text;
}

struct example {
    const char *body;
    const char *events;
};

static void check_examples(const struct example *examples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct coil__slice body = coil__slice_of(examples[i].body);
        size_t step = test_has_valgrind() ? 7 : 1;

        CHECK_STR(parse_bytes(body), examples[i].events);
        for (size_t first = 0; first <= body.size; first += step) {
            for (size_t second = first; second <= body.size; second += step) {
                CHECK_STR(parse_in_pieces(body, first, second), examples[i].events);
            }
        }
    }
}

COIL_TEST_LIMIT(multipart_read, 120)
{
    static const struct example examples[] = {
        {PART("a") "1\r\n" PART("b") "2\r\n--B--\r\n", "[a|-|-:1][b|-|-:2]."},
        {"--B--\r\n", "."},
        {"--B--", "."},
        {"preamble\r\n" PART("a") "1\r\n--B--epilogue\r\n--B\r\n", "[a|-|-:1]."},
        {"--Xpreamble\r\n--B--", "."},
        {"\r\n--B--", "."},
        {PART("a") "\r\n--B--", "[a|-|-:]."},
        /* section 5.1.1: the line end before a delimiter is its own */
        {PART("a") "--B--", "[a|-|-:]."},
        {PART("a") "\r\n\r\n--B--", "[a|-|-:\r\n]."},
        {PART("a") "-\r\n--B--", "[a|-|-:-]."},
        {PART("a") "--X\r\n--B--", "[a|-|-:--X]."},
        {PART("a") "\r\r\n\r\n--\r\n-\r\n--\r\r\n\r\n--B--",
         "[a|-|-:\r\r\n\r\n--\r\n-\r\n--\r\r\n]."},
        {PART("a") "x--B--\n--B--\r\n--B \t\r\nContent-Disposition: form-data; name=b\r\n\r\n2"
                   "\r\n--B-- more",
         "[a|-|-:x--B--\n--B--][b|-|-:2]."},
    };

    check_examples(examples, sizeof examples / sizeof *examples);
}

COIL_TEST_LIMIT(multipart_heads, 120)
{
    static const struct example examples[] = {
        {"--B\r\ncontent-type: text/plain\r\nX-Other: what\r\nCONTENT-DISPOSITION:form-data ; "
         "NAME=a;filename=\"b.txt\"\r\n\r\n1\r\n--B--",
         "[a|b.txt|text/plain:1]."},
        {"--B\r\nContent-Disposition: form-data; name=\"\"; filename=\"\"\r\n\r\n\r\n--B--",
         "[||-:]."},
        {"--B\r\nContent-Disposition: form-data; name=\"a%22b%0D%0A%41\"\r\n\r\n\r\n--B--",
         "[a\"b\r\n%41|-|-:]."},
        {"--B\r\nContent-Disposition: form-data; name=\"a\\\"b\\\\\"; filename=\"c\\d\"\r\n\r\n"
         "\r\n--B--",
         "[a\"b\\|c\\d|-:]."},
        {"--B\r\nContent-Disposition: form-data; name=\"\xc3\xa4;\"; filename*=x\r\n\r\n\r\n--B--",
         "[\xc3\xa4;|-|-:]."},
    };

    check_examples(examples, sizeof examples / sizeof *examples);
}

#define DELIMITER "something stands behind a boundary on its line"
#define HEAD "the head of a part is malformed"
#define NAME "a part has no Content-Disposition with form-data and a name"
#define INCOMPLETE "the body ended before its last boundary"

COIL_TEST_LIMIT(multipart_refused, 120)
{
    static const struct example examples[] = {
        {"--BX\r\n", DELIMITER}, /* RFC 2046, section 5.1.1 */
        {"--B-\r\n", DELIMITER},
        {"--B\n", DELIMITER},
        {"--B\rX", DELIMITER},
        {"--B --", DELIMITER},
        {"--B\r\nno colon\r\n\r\n", HEAD},
        {"--B\r\n: x\r\n\r\n", HEAD},
        {"--B\r\nA : x\r\n\r\n", HEAD},
        {"--B\r\nA: x\r\n folded\r\n\r\n", HEAD},
        {"--B\r\nA: x\ry\r\n\r\n", HEAD},
        {"--B\r\nA: x\nB: y\r\n\r\n", HEAD},
        {"--B\r\nA: \x01\r\n\r\n", HEAD},
        {"--B\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n", HEAD},
        {PART("a") "\r\n--B\r\nContent-Disposition: form-data; name=b\r\n"
                   "Content-Disposition: form-data; name=b\r\n\r\n",
         "[a|-|-:]" HEAD},
        {"--B\r\n\r\n", NAME}, /* RFC 7578, section 4.2 */
        {"--B\r\nContent-Type: text/plain\r\n\r\n", NAME},
        {"--B\r\nContent-Disposition: form-data\r\n\r\n", NAME},
        {"--B\r\nContent-Disposition: attachment; name=a\r\n\r\n", NAME},
        {"--B\r\nContent-Disposition: form-data; name=\"a\r\n\r\n", NAME},
        {"--B\r\nContent-Disposition: form-data; name=a b\r\n\r\n", NAME},
        {"--B\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n", NAME},
        {"--B\r\nContent-Disposition: form-data; name=a; filename=b; filename=c\r\n\r\n", NAME},
        {"", INCOMPLETE},
        {"preamble", INCOMPLETE},
        {"--B", INCOMPLETE},
        {"--B-", INCOMPLETE},
        {"--B\r\nContent-Dis", INCOMPLETE},
        {PART("a") "1\r\n--", "[a|-|-:1" INCOMPLETE},
        {PART("a") "\r\n" PART("b") "\r\n" PART("c") "\r\n" PART("d"),
         "[a|-|-:][b|-|-:][c|-|-:]there are too many parts"},
    };

    check_examples(examples, sizeof examples / sizeof *examples);
}

COIL_TEST(multipart_head_bound)
{
    char body[HEAD_SIZE + 8];
    static const char start[] = "--B\r\nContent-Disposition: form-data; name=\"";

    for (size_t size = 100; size <= HEAD_SIZE; size++) {
        struct coil__slice all = {body, 5 + size};

        memset(body, 'x', sizeof body);
        memcpy(body, start, sizeof start - 1);
        memcpy(body + 5 + size - 5, "\"\r\n\r\n", 5);
        CHECK_MEM(parse_in_pieces(all, 0, 0), "[xxx", 4);
    }
    memset(body, 'x', sizeof body);
    memcpy(body, start, sizeof start - 1);
    CHECK_STR(parse_in_pieces((struct coil__slice){body, 5 + HEAD_SIZE}, 0, 0), INCOMPLETE);
    CHECK_STR(parse_in_pieces((struct coil__slice){body, 6 + HEAD_SIZE}, 0, 0),
              "the head of a part is too large");
}

/* Much that looks like the beginning of a delimiter: time in proportion to it. */
COIL_TEST(multipart_hostile_data)
{
    enum { COUNT = 100000, MOST = 70 };
    char boundary[MOST];
    char near_miss[4 + MOST];
    char head[HEAD_SIZE];
    char *body = test_made(malloc((size_t)COUNT * sizeof near_miss));
    struct coil__multipart parser;
    struct coil__multipart_item item;
    struct coil__slice input;
    size_t size = 0;
    uint64_t got = 0;
    int event;

    memset(boundary, '-', sizeof boundary);
    CHECK_INT(
        coil__multipart_init(&parser, (struct coil__slice){boundary, MOST}, head, HEAD_SIZE, 1), ==,
        0);
    memcpy(near_miss, "\r\n", 2);
    memset(near_miss + 2, '-', sizeof near_miss - 2);
    near_miss[sizeof near_miss - 1] = '\r';
    input = (struct coil__slice){near_miss + 2, MOST + 1};
    CHECK_INT(coil__multipart_next(&parser, &input, &item), ==, 0);
    input = coil__slice_of("-\r\nContent-Disposition: form-data; name=a\r\n\r\n");
    CHECK_INT(coil__multipart_next(&parser, &input, &item), ==, COIL__MULTIPART_PART);
    while (size < (size_t)COUNT * sizeof near_miss) {
        memcpy(body + size, near_miss, sizeof near_miss);
        size += sizeof near_miss;
    }
    input = (struct coil__slice){body, size};
    while ((event = coil__multipart_next(&parser, &input, &item)) > 0) {
        CHECK_INT(event, ==, COIL__MULTIPART_DATA);
        got += item.data.size;
    }
    CHECK_INT(event, ==, 0);
    CHECK_INT(got, ==, size - 1); /* the last CR may begin one */
    free(body);
}

#define SEVENTY "1234567890123456789012345678901234567890123456789012345678901234567890"

COIL_TEST(multipart_boundaries)
{
    static const char *const bad[] = {"", "a ", "a\"", "a\r\nb", "a;b", "\xc3\xa4", SEVENTY "1"};
    struct coil__multipart parser;
    char buf[COIL__MULTIPART_BOUNDARY + 1];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_INT(coil__multipart_init(&parser, coil__slice_of(bad[i]), buf, 1, 1), ==,
                  -COIL__EMULTIPART_BOUNDARY);
    }
    CHECK_INT(coil__multipart_init(&parser, coil__slice_of("a b'()+_,-./:=?"), buf, 1, 1), ==, 0);
    CHECK_INT(
        coil__multipart_boundary(
            coil__slice_of("Multipart/Form-Data; charset=x; BOUNDARY=\"a\\b c\""), buf, sizeof buf),
        ==, 4);
    CHECK_STR(buf, "ab c");
    CHECK_INT(coil__multipart_boundary(coil__slice_of("multipart/form-data"), buf, sizeof buf), ==,
              -COIL__EMULTIPART_TYPE);
    CHECK_INT(
        coil__multipart_boundary(coil__slice_of("multipart/mixed; boundary=a"), buf, sizeof buf),
        ==, -COIL__EMULTIPART_TYPE);
    CHECK_INT(coil__multipart_boundary(coil__slice_of(NULL), buf, sizeof buf), ==,
              -COIL__EMULTIPART_TYPE);
    CHECK_INT(coil__multipart_boundary(
                  coil__slice_of("multipart/form-data; boundary=a; boundary=b"), buf, sizeof buf),
              ==, -COIL__EMULTIPART_TYPE);
    CHECK_INT(coil__multipart_boundary(coil__slice_of("multipart/form-data; boundary=\"a \""), buf,
                                       sizeof buf),
              ==, -COIL__EMULTIPART_BOUNDARY);
    CHECK_INT(coil__multipart_boundary(coil__slice_of("multipart/form-data; boundary=" SEVENTY "1"),
                                       buf, sizeof buf),
              ==, -COIL__EMULTIPART_BOUNDARY);
}

COIL_TEST(multipart_written)
{
    struct coil__slice boundary = coil__slice_of("B");
    struct coil__multipart_item part = {.name = coil__slice_of("a\"\r\nb\\"),
                                        .filename = coil__slice_of("c%22;d"),
                                        .content_type = coil__slice_of("text/plain")};
    char body[256];
    size_t length;

    length =
        (size_t)test_done(coil__multipart_write_part(boundary, true, &part, body, sizeof body));
    memcpy(body + length, "1", 1);
    length++;
    part = (struct coil__multipart_item){.name = coil__slice_of("e")};
    length += (size_t)test_done(
        coil__multipart_write_part(boundary, false, &part, body + length, sizeof body - length));
    length += (size_t)test_done(
        coil__multipart_write_end(boundary, false, body + length, sizeof body - length));
    CHECK_STR(body, "--B\r\nContent-Disposition: form-data; name=\"a%22%0D%0Ab\\\"; "
                    "filename=\"c%22;d\"\r\nContent-Type: text/plain\r\n\r\n1\r\n"
                    "--B\r\nContent-Disposition: form-data; name=\"e\"\r\n\r\n\r\n--B--\r\n");
    CHECK_INT(coil__multipart_write_end(boundary, true, body, 8), ==, 7);
    CHECK_STR(body, "--B--\r\n");
    CHECK_INT(coil__multipart_write_end(boundary, true, body, 7), ==, -ENOSPC);
    CHECK_INT(coil__multipart_write_part(boundary, true, &part, body, 49), ==, -ENOSPC);
    part.content_type = coil__slice_of("a\r\nb");
    CHECK_INT(coil__multipart_write_part(boundary, true, &part, body, sizeof body), ==, -EINVAL);
    boundary = coil__slice_of("");
    CHECK_INT(coil__multipart_write_part(boundary, true, &part, body, sizeof body), ==,
              -COIL__EMULTIPART_BOUNDARY);
    CHECK_INT(coil__multipart_write_end(boundary, true, body, sizeof body), ==,
              -COIL__EMULTIPART_BOUNDARY);
    CHECK_OK(coil__multipart_content_type(coil__slice_of("a:b"), body, sizeof body));
    CHECK_STR(body, "multipart/form-data; boundary=\"a:b\"");
    CHECK_OK(coil__multipart_content_type(coil__slice_of("ab"), body, sizeof body));
    CHECK_STR(body, "multipart/form-data; boundary=ab");
    CHECK_INT(coil__multipart_content_type(boundary, body, sizeof body), ==,
              -COIL__EMULTIPART_BOUNDARY);
    CHECK_INT(coil__multipart_content_type(coil__slice_of("ab"), body, 32), ==, -ENOSPC);
    CHECK_STR(coil__multipart_strerror(-ENOSPC), coil_strerror(-ENOSPC));
}
