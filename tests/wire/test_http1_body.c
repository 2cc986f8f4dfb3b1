/* test_http1_body.c - bodies: of a known length, in chunks, until the end. */
#include "harness.h"
#include "http1_feed.h"

#include <stdio.h>

struct body_case {
    const char *section; /* of RFC 9112, unless it says more */
    const char *input;
    const char *text; /* its data, and " | Name=value" for each trailer */
    int error;        /* positive */
    size_t rest;      /* bytes that follow the body */
    size_t size;      /* 0: up to the first NUL */
};

struct body_kind {
    enum coil__http1_framing framing;
    uint64_t length;
    uint64_t limit;
};

static const struct body_kind chunked = {COIL__HTTP1_CHUNKED, 0, UINT64_MAX};

static void check_pieces(const struct body_case *c, const struct body_kind *kind,
                         struct pieces pieces)
{
    size_t size = c->size > 0 ? c->size : strlen(c->input);
    struct coil__http1_body body;
    struct coil__http1_piece piece;
    struct fed fed;

    CHECK_INT(coil__http1_body_init(&body, kind->framing, kind->length, kind->limit), ==, 0);
    feed_body(&body, c->input, size, pieces, &fed);
    CHECK_MSG(fed.rc == (c->error ? -c->error : COIL__HTTP1_END), "%s: %s: %zu, then %zu: %d (%s)",
              c->section, c->input, pieces.first, pieces.step, fed.rc,
              coil__http1_error_text(fed.rc));
    CHECK_MSG(fed.is_sound, "%s: %s: a slice beyond the bytes", c->section, c->input);
    CHECK_STR(fed.text, c->text);
    if (c->error) {
        CHECK(!coil__http1_body_is_done(&body));
        CHECK_INT(coil__http1_error_status(fed.rc), ==, c->error == COIL__HTTP1_EBODY ? 413 : 400);
    } else {
        CHECK_INT(fed.size, ==, size - c->rest);
        CHECK(coil__http1_body_is_done(&body));
        CHECK_INT(coil__http1_body_next(&body, c->input, size, &piece), ==, COIL__HTTP1_END);
        CHECK_INT(piece.consumed, ==, 0);
        CHECK_INT(coil__http1_body_end(&body), ==, 0);
    }
}

static void check_body(const struct body_case *c, const struct body_kind *kind)
{
    size_t size = c->size > 0 ? c->size : strlen(c->input);
    size_t stride = size > 600 ? size / 97 : 1;

    check_pieces(c, kind, (struct pieces){size, 0});
    check_pieces(c, kind, (struct pieces){0, 1});
    check_pieces(c, kind, (struct pieces){1, 3});
    for (size_t place = 1; place < size; place += stride) {
        check_pieces(c, kind, (struct pieces){place, size});
    }
}

static void check_all(const struct body_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_body(&cases[i], &chunked);
    }
}

COIL_TEST(body_chunks_are_taken)
{
    static const struct body_case cases[] = {
        {"7.1", "0\r\n\r\n", ""},
        {"7.1", "3\r\nabc\r\n0\r\n\r\n", "abc"},
        {"7.1", "3\r\nabc\r\n0\r\n\r\nGET /", "abc", .rest = 5},
        {"7.1", "3\r\nabc\r\n4\r\ndefg\r\n1\r\n\n\r\n0\r\n\r\n", "abcdefg\n"},
        {"7.1", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
        {"7.1", "0003\r\nabc\r\n000\r\n\r\n", "abc"},
        {"7.1", "0000000000000003\r\nabc\r\n0\r\n\r\n", "abc"},
        {"7.1", "5\r\n\r\n0\r\n\r\n0\r\n\r\n", "\r\n0\r\n"},
        {"7.1.1", "3;a\r\nabc\r\n0;b=c;d=\"e;f \xc3\xa4\"\r\n\r\n", "abc"},
        {"7.1.1", "3;\r\nabc\r\n0\r\n\r\n", "abc"},
        {"7.1.1: BWS", "3 \t;\ta = b\r\nabc\r\n0\r\n\r\n", "abc"},
        {"7.1.2", "0\r\nA: b\r\nSignature:\tx \r\n\r\n", " | A=b | Signature=x"},
        {"7.1.2", "1\r\nx\r\n0\r\nEmpty:\r\n\r\nrest", "x | Empty=", .rest = 4},
        {"RFC 9110, 6.5.1: left out",
         "1\r\nx\r\n0\r\nSet-Cookie: a\r\nA: b\r\nAUTHORIZATION: c\r\nCache-Control: d\r\n"
         "Content-Type: e\r\nTrailer: f\r\n\r\n",
         "x | A=b"},
        {"RFC 9110, 6.5.1: names that resemble", "0\r\nDates: a\r\nDat: b\r\nDat^: c\r\n\r\n",
         " | Dates=a | Dat=b | Dat^=c"},
    };

    check_all(cases, sizeof cases / sizeof *cases);
}

COIL_TEST(body_chunks_are_refused)
{
    static const struct body_case cases[] = {
        {"7.1: no size", "\r\n", "", COIL__HTTP1_ECHUNK},
        {"7.1: no size", ";a\r\n", "", COIL__HTTP1_ECHUNK},
        {"7.1: no size", " 3\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1: no size", "x\r\n", "", COIL__HTTP1_ECHUNK},
        {"7.1: a sign", "+3\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1: a sign", "-3\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1", "0x3\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1", "3g\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1", "3_3\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1", "3.\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1", "\xff\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1", "3\0\r\nabc", "", COIL__HTTP1_ECHUNK, .size = 7},
        {"7.1: a blank", "3 \r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1: a blank", "3 3\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1: bare LF", "3\nabc\r\n", "", COIL__HTTP1_ECHUNK},
        {"7.1: bare CR", "3\rabc\r\n", "", COIL__HTTP1_ECHUNK},
        {"7.1: overflow", "8000000000000000\r\n", "", COIL__HTTP1_ECHUNK},
        {"7.1: overflow", "10000000000000003\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1: digits", "00000000000000003\r\nabc", "", COIL__HTTP1_ECHUNK},
        {"7.1.1: bare LF", "3;a\nabc\r\n", "", COIL__HTTP1_ECHUNK},
        {"7.1.1: bare CR", "3;a\rb\r\nabc\r\n", "", COIL__HTTP1_ECHUNK},
        {"7.1.1: a control", "3;a\x01\r\nabc\r\n", "", COIL__HTTP1_ECHUNK},
        {"7.1.1: in quotes too", "3;a=\"\n\"\r\nabc\r\n", "", COIL__HTTP1_ECHUNK},
        {"7.1: longer than it says", "3\r\nabcd\r\n0\r\n\r\n", "abc", COIL__HTTP1_ECHUNKEND},
        {"7.1: bare LF", "3\r\nabc\n0\r\n\r\n", "abc", COIL__HTTP1_ECHUNKEND},
        {"7.1: bare CR", "3\r\nabc\r0\r\n\r\n", "abc", COIL__HTTP1_ECHUNKEND},
        {"7.1: shorter than it says", "5\r\nabc\r\n0\r\n\r\n", "abc\r\n", COIL__HTTP1_ECHUNKEND},
        {"7.1.2: obs-fold", "0\r\nA: b\r\n c\r\n\r\n", " | A=b", COIL__HTTP1_EFOLD},
        {"7.1.2", "0\r\n A: b\r\n\r\n", "", COIL__HTTP1_EFOLD},
        {"7.1.2", "0\r\nA : b\r\n\r\n", "", COIL__HTTP1_EBLANK},
        {"7.1.2", "0\r\nA\r\n\r\n", "", COIL__HTTP1_ENOCOLON},
        {"7.1.2", "0\r\n: b\r\n\r\n", "", COIL__HTTP1_ENAME},
        {"7.1.2", "0\r\nA: b\x01\r\n\r\n", "", COIL__HTTP1_EVALUE},
        {"7.1.2", "0\r\nA: b\n\r\n", "", COIL__HTTP1_EBARELF},
        {"7.1.2", "0\r\n\n", "", COIL__HTTP1_EBARELF},
        {"7.1.2", "0\r\n\rX", "", COIL__HTTP1_EBARECR},
        {"RFC 9110, 6.5.1", "0\r\nContent-Length: 3\r\n\r\n", "", COIL__HTTP1_ETRAILER},
        {"RFC 9110, 6.5.1", "0\r\ntransfer-encoding: chunked\r\n\r\n", "", COIL__HTTP1_ETRAILER},
        {"RFC 9110, 6.5.1", "0\r\nA: b\r\nHOST: b\r\n\r\n", " | A=b", COIL__HTTP1_ETRAILER},
        {"8: cut off", "3\r\nab", "ab", COIL__HTTP1_EEND},
        {"8: cut off", "3\r\nabc\r\n", "abc", COIL__HTTP1_EEND},
        {"8: cut off", "3\r\nabc\r\n0\r\n", "abc", COIL__HTTP1_EEND},
        {"8: cut off", "3\r\nabc\r\n0\r\n\r", "abc", COIL__HTTP1_EEND},
        {"8: cut off", "0\r\nA: b\r\nC: d", " | A=b", COIL__HTTP1_EEND},
        {"8: cut off", "3", "", COIL__HTTP1_EEND},
    };

    check_all(cases, sizeof cases / sizeof *cases);
}

COIL_TEST(body_of_a_length)
{
    static const struct body_kind none = {COIL__HTTP1_NO_BODY, 0, 0};
    static const struct body_kind zero = {COIL__HTTP1_LENGTH, 0, 0};
    static const struct body_kind five = {COIL__HTTP1_LENGTH, 5, 5};
    static const struct body_kind tunnel = {COIL__HTTP1_TUNNEL, 0, UINT64_MAX};
    static const struct body_case nothing = {"6.3", "GET /", "", .rest = 5};
    static const struct body_case exact = {"6.3, 6", "12345", "12345"};
    static const struct body_case more = {"6.3, 6", "12345GET /", "12345", .rest = 5};
    static const struct body_case less = {"8", "1234", "1234", COIL__HTTP1_EEND};

    check_body(&nothing, &none);
    check_body(&nothing, &zero);
    check_body(&nothing, &tunnel);
    check_body(&exact, &five);
    check_body(&more, &five);
    check_body(&less, &five);
}

COIL_TEST(body_until_close)
{
    static const struct body_kind kind = {COIL__HTTP1_UNTIL_CLOSE, 0, 10};
    static const struct body_case some = {"6.3, 8", "0\r\n\r\nHTTP/", "0\r\n\r\nHTTP/"};
    static const struct body_case nothing = {"6.3, 8", "", ""};
    static const struct body_case more = {"6.3, 8", "0123456789x", "0123456789", COIL__HTTP1_EBODY};
    struct coil__http1_piece piece;
    struct coil__http1_body body;

    check_body(&some, &kind);
    check_body(&nothing, &kind);
    check_body(&more, &kind);
    CHECK_INT(coil__http1_body_init(&body, COIL__HTTP1_UNTIL_CLOSE, 0, 10), ==, 0);
    CHECK_INT(coil__http1_body_next(&body, "", 0, &piece), ==, COIL__HTTP1_MORE);
    CHECK(!coil__http1_body_is_done(&body));
}

COIL_TEST(body_limits)
{
    static const struct body_kind six = {COIL__HTTP1_CHUNKED, 0, 6};
    static const struct body_case exact = {"6", "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", "abcdef"};
    static const struct body_case more = {"6", "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", "abc",
                                          COIL__HTTP1_EBODY};
    static const struct body_case huge = {"6", "7fffffffffffffff\r\n", "", COIL__HTTP1_EBODY};
    static const struct body_case large = {"6", "7fffffffffffffff\r\nabc", "abc", COIL__HTTP1_EEND};
    struct coil__http1_body body;

    check_body(&exact, &six);
    check_body(&more, &six);
    check_body(&huge, &six);
    check_body(&large, &chunked);
    CHECK_INT(coil__http1_body_init(&body, COIL__HTTP1_LENGTH, 6, 5), ==, -COIL__HTTP1_EBODY);
    CHECK_INT(coil__http1_body_init(&body, COIL__HTTP1_LENGTH, UINT64_MAX, 5), ==,
              -COIL__HTTP1_EBODY);
}

/* Chunks of one byte with an extension each: as much as there may be, and one more. */
COIL_TEST(body_extensions_are_bounded)
{
    enum { LONGEST = COIL__HTTP1_MAX_EXTENSION, EACH = 20, ROOM = 40000 };
    char *input = malloc(ROOM);
    char *data = malloc(ROOM);
    struct body_case c = {"7.1.1", input, "abc"};
    char extension[LONGEST + 2];
    size_t chunks = 0;
    size_t end = 0;

    memset(extension, 'x', sizeof extension);
    extension[0] = ';';
    snprintf(input, ROOM, "3%.*s\r\nabc\r\n0\r\n\r\n", LONGEST, extension);
    check_body(&c, &chunked);
    snprintf(input, ROOM, "3%.*s\r\nabc\r\n0\r\n\r\n", LONGEST + 1, extension);
    c.text = "";
    c.error = COIL__HTTP1_EOVERHEAD;
    check_body(&c, &chunked);
    /* Each adds EACH bytes, and takes off one. */
    for (; (chunks + 1) * (EACH - 1) + 1 <= COIL__HTTP1_MAX_OVERHEAD; chunks++) {
        end += (size_t)snprintf(input + end, ROOM - end, "1%.*s\r\na\r\n", EACH, extension);
    }
    memset(data, 'a', chunks);
    data[chunks] = '\0';
    c.text = data;
    snprintf(input + end, ROOM - end, "1%.*s\r\na\r\n0\r\n\r\n", EACH, extension);
    check_pieces(&c, &chunked, (struct pieces){ROOM, 0});
    check_pieces(&c, &chunked, (struct pieces){0, 7});
    snprintf(input + end, ROOM - end, "0\r\n\r\n");
    c.error = 0;
    check_pieces(&c, &chunked, (struct pieces){ROOM, 0});
    check_pieces(&c, &chunked, (struct pieces){0, 7});
    free(data);
    free(input);
}

COIL_TEST(body_trailers_are_bounded)
{
    enum { LONGEST = COIL__HTTP1_MAX_TRAILER, ROOM = 2 * COIL__HTTP1_MAX_TRAILERS };
    char *input = malloc(ROOM);
    struct body_case c = {"7.1.2", input, "", COIL__HTTP1_EOVERHEAD};
    struct coil__http1_body body;
    struct coil__http1_piece piece;
    char *line = input + 3;

    /* One byte too much, without an end. */
    memcpy(input, "0\r\nA:", 5);
    memset(input + 5, 'a', ROOM - 5);
    c.size = 3 + LONGEST + 1;
    check_body(&c, &chunked);
    /* A line of just the length, and then another; a third is too much. */
    for (int i = 0; i < 3; i++) {
        memset(line, 'a', LONGEST);
        line[1] = ':';
        memcpy(line + LONGEST, "\r\n", 2);
        line += LONGEST + 2;
    }
    CHECK_INT(coil__http1_body_init(&body, COIL__HTTP1_CHUNKED, 0, 0), ==, 0);
    CHECK_INT(coil__http1_body_next(&body, input, ROOM, &piece), ==, COIL__HTTP1_TRAILER);
    CHECK_INT(piece.consumed, ==, 3 + LONGEST + 2);
    CHECK_INT(piece.trailer.value.size, ==, LONGEST - 2);
    CHECK_INT(coil__http1_body_next(&body, input + 3, ROOM - 3, &piece), ==, COIL__HTTP1_TRAILER);
    CHECK_INT(coil__http1_body_next(&body, input + 3, ROOM - 3, &piece), ==,
              -COIL__HTTP1_EOVERHEAD);
    CHECK_INT(coil__http1_body_next(&body, input + 3, ROOM - 3, &piece), ==, -COIL__HTTP1_EINVALID);
    free(input);
}

/* The beginning of a trailer is not consumed, and not looked at again either. */
COIL_TEST(body_trailer_in_bytes)
{
    static const char input[] = "0\r\nName: value\r\n\r\n";
    struct coil__http1_body body;
    struct coil__http1_piece piece;

    CHECK_INT(coil__http1_body_init(&body, COIL__HTTP1_CHUNKED, 0, 0), ==, 0);
    CHECK_INT(coil__http1_body_next(&body, input, 8, &piece), ==, COIL__HTTP1_MORE);
    CHECK_INT(piece.consumed, ==, 3);
    CHECK_INT(body.scanned_, ==, 5);
    CHECK_INT(coil__http1_body_next(&body, input + 3, 12, &piece), ==, COIL__HTTP1_MORE);
    CHECK_INT(piece.consumed, ==, 0);
    CHECK_INT(body.scanned_, ==, 11);
    CHECK_INT(coil__http1_body_next(&body, input + 3, 13, &piece), ==, COIL__HTTP1_TRAILER);
    CHECK_INT(piece.consumed, ==, 13);
    CHECK_MEM(piece.trailer.name.start, "Name", 4);
    CHECK_INT(coil__http1_body_end(&body), ==, -COIL__HTTP1_EEND);
    CHECK_INT(coil__http1_body_next(&body, NULL, 0, &piece), ==, COIL__HTTP1_MORE);
    CHECK_INT(coil__http1_body_next(&body, input + 16, 2, &piece), ==, COIL__HTTP1_END);
    CHECK_INT(piece.consumed, ==, 2);
}
