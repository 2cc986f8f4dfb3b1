/* What a peer does wrong, byte by byte: RFC 6455, and which close code it has for that. */
#include "websocket_talk.h"

#include <zlib.h>

/* The server is told `size` bytes, closes with `code`, and its handler gets `error`. */
static void check_fault(const void *data, size_t size, unsigned code, int error)
{
    open_raw("");
    say(data, size);
    check_close(code);
    coil_stream_write_eof(talk.client);
    check_end();
    close_raw();
    CHECK_ERR(talk.end, error);
    CHECK_INT(talk.heard.count, ==, 0);
}

static void check_frame_fault(unsigned first, const void *data, size_t size, unsigned code)
{
    unsigned char frame[1024];

    check_fault(frame, make_frame(frame, first, data, size), code, -COIL_EPROTOCOL);
}

/* RFC 6455, section 5.1. */
TASK_TEST(websocket_fault_unmasked_frame)
{
    check_fault("\x81\x02hi", 4, 1002, -COIL_EPROTOCOL);
    return 0;
}

/* Section 5.2: RSV1, RSV2, RSV3 without an extension. */
TASK_TEST(websocket_fault_reserved_bits)
{
    check_frame_fault(0xC1, "hi", 2, 1002);
    check_frame_fault(0xA1, "hi", 2, 1002);
    check_frame_fault(0x91, "hi", 2, 1002);
    check_frame_fault(0xC9, "hi", 2, 1002);
    return 0;
}

/* Section 5.2: opcodes 3 to 7 and 11 to 15. */
TASK_TEST(websocket_fault_reserved_opcodes)
{
    for (unsigned opcode = 3; opcode < 16; opcode++) {
        if (opcode < 8 || opcode > 10) {
            check_frame_fault(0x80 | opcode, "hi", 2, 1002);
        }
    }
    return 0;
}

/* Section 5.2: the shortest form of the length, and no highest bit. */
TASK_TEST(websocket_fault_lengths)
{
    check_fault("\x82\xfe\x00\x7d"
                "abcd",
                8, 1002, -COIL_EPROTOCOL);
    check_fault("\x82\xff\0\0\0\0\0\0\xff\xff"
                "abcd",
                14, 1002, -COIL_EPROTOCOL);
    check_fault("\x82\xff\x80\0\0\0\0\1\0\0"
                "abcd",
                14, 1002, -COIL_EPROTOCOL);
    return 0;
}

/* Section 5.5: 125 bytes at most, in one frame. */
TASK_TEST(websocket_fault_control_frames)
{
    char data[126] = "";

    check_frame_fault(0x89, data, 126, 1002);
    check_frame_fault(0x88, data, 126, 1002);
    check_frame_fault(0x09, data, 1, 1002);
    check_frame_fault(0x08, data, 0, 1002);
    return 0;
}

/* Section 5.4: a continuation of nothing, and a message within a message. */
TASK_TEST(websocket_fault_fragments_out_of_order)
{
    unsigned char frames[64];
    size_t size = make_frame(frames, 0x01, "a", 1);

    check_frame_fault(0x80, "hi", 2, 1002);
    check_frame_fault(0x00, "hi", 2, 1002);
    size += make_frame(frames + size, 0x81, "b", 1);
    check_fault(frames, size, 1002, -COIL_EPROTOCOL);
    return 0;
}

/* Fragments, with control frames between them (section 5.5), whole and byte by byte. */
TASK_TEST(websocket_fragments_are_put_together)
{
    unsigned char frames[256];
    size_t size = make_frame(frames, 0x01, "H", 1);

    size += make_frame(frames + size, 0x89, "ping", 4);
    size += make_frame(frames + size, 0x00, "", 0);
    size += make_frame(frames + size, 0x00, "el", 2);
    size += make_frame(frames + size, 0x8A, "unasked", 7);
    size += make_frame(frames + size, 0x80, "lo", 2);
    size += make_frame(frames + size, 0x82, "next", 4);
    for (size_t step = 1; step <= size; step = step < 8 ? step + 1 : size * (1 + (step == size))) {
        open_raw("");
        for (size_t at = 0; at < size; at += step) {
            say(frames + at, at + step < size ? step : size - at);
            coil_yield();
        }
        check_frame(0x8A, "ping");
        check_frame(0x81, "Hello");
        check_frame(0x82, "next");
        say_frame(0x88, "\x03\xe8", 2);
        check_close(1000);
        check_end();
        close_raw();
        CHECK_INT(talk.end, ==, 0);
    }
    return 0;
}

static void check_text_fault(const char *text, size_t size, bool is_refused)
{
    char bytes[16];

    for (size_t cut = 0; cut <= size; cut++) { /* in one frame, and in two */
        unsigned char frames[64];
        size_t length = make_frame(frames, cut < size ? 0x01 : 0x81, text, cut);

        if (cut < size) {
            length += make_frame(frames + length, 0x80, text + cut, size - cut);
        }
        if (is_refused) {
            check_fault(frames, length, 1007, -COIL_EPROTOCOL);
        } else {
            memcpy(bytes, text, size);
            bytes[size] = '\0';
            open_raw("");
            say(frames, length);
            check_frame(0x81, bytes);
            close_raw();
        }
    }
}

/* Section 8.1, and RFC 3629. */
TASK_TEST(websocket_fault_text_that_is_no_utf8)
{
    check_text_fault("\xff", 1, true);
    check_text_fault("a\x80", 2, true);
    check_text_fault("\xc0\xaf", 2, true);         /* overlong */
    check_text_fault("\xe0\x9f\xbf", 3, true);     /* overlong */
    check_text_fault("\xed\xa0\x80", 3, true);     /* a surrogate */
    check_text_fault("\xf0\x8f\xbf\xbf", 4, true); /* overlong */
    check_text_fault("\xf4\x90\x80\x80", 4, true); /* above U+10FFFF */
    check_text_fault("\xe2\x82", 2, true);         /* not whole */
    check_text_fault("\xe2\x82\xac", 3, false);
    check_text_fault("\xf4\x8f\xbf\xbf", 4, false);
    check_text_fault("\xed\x9f\xbf\xee\x80\x80", 6, false);
    return 0;
}

/* Section 7.4: which codes a close may have, and section 5.5.1 of its reason. */
TASK_TEST(websocket_fault_close_frames)
{
    static const unsigned bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};
    static const unsigned good[] = {1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned char data[2] = {(unsigned char)(bad[i] >> 8), (unsigned char)bad[i]};

        check_frame_fault(0x88, data, 2, 1002);
    }
    check_frame_fault(0x88, "\x03", 1, 1002);
    check_frame_fault(0x88, "\x03\xe8\xff", 3, 1002);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        unsigned char data[4] = {(unsigned char)(good[i] >> 8), (unsigned char)good[i], 'o', 'k'};

        open_raw("");
        say_frame(0x88, data, 4);
        check_close(good[i]);
        check_end();
        close_raw();
        CHECK_INT(talk.end, ==, 0);
        CHECK_INT(talk.code, ==, good[i]);
        CHECK_STR(talk.reason, "ok");
    }
    open_raw("");
    say_frame(0x88, "", 0);
    CHECK_INT(hear_frame(), ==, 0x88);
    CHECK_INT(talk.size, ==, 0);
    check_end();
    close_raw();
    CHECK_INT(talk.code, ==, 1005);
    return 0;
}

/* --- bounds --- */

TASK_TEST(websocket_bound_of_a_message)
{
    unsigned char frames[64];
    size_t size;

    talk.options.max_message = 10;
    open_raw("");
    say_text(0x81, "0123456789");
    check_frame(0x81, "0123456789");
    close_raw();
    /* Told by the header, before the payload has come. */
    check_fault("\x82\x8b"
                "abcd",
                6, 1009, -COIL_ELIMIT);
    size = make_frame(frames, 0x01, "01234", 5);
    size += make_frame(frames + size, 0x00, "01234", 5);
    size += make_frame(frames + size, 0x00, "5", 1); /* fragments without end */
    check_fault(frames, size, 1009, -COIL_ELIMIT);
    talk.options.max_message = 0;
    talk.options.max_frame = 10;
    check_fault("\x82\x8b"
                "abcd",
                6, 1009, -COIL_ELIMIT);
    return 0;
}

TASK_TEST(websocket_bound_of_empty_fragments)
{
    unsigned char frames[1024];
    size_t size = make_frame(frames, 0x01, "a", 1);

    for (int i = 0; i < 65; i++) {
        size += make_frame(frames + size, 0x00, "", 0);
    }
    check_fault(frames, size, 1008, -COIL_EPROTOCOL);
    return 0;
}

/* --- compression (RFC 7692) --- */

#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate\r\n"

/* A message as a peer would compress it; the four bytes of the tail are left out. */
static size_t compress_message(const void *data, size_t size, unsigned char *to, size_t room)
{
    z_stream out = {0};
    size_t length;

    CHECK_INT(deflateInit2(&out, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), ==, Z_OK);
    out.next_in = (unsigned char *)(uintptr_t)data;
    out.avail_in = (unsigned)size;
    out.next_out = to;
    out.avail_out = (unsigned)room;
    CHECK_INT(deflate(&out, Z_SYNC_FLUSH), ==, Z_OK);
    length = room - out.avail_out;
    deflateEnd(&out);
    CHECK_INT(length, >, 4);
    return length - 4;
}

static void check_deflate_fault(const void *data, size_t size, unsigned code, int error)
{
    open_raw(DEFLATE);
    say_frame(0xC1, data, size);
    check_close(code);
    coil_stream_write_eof(talk.client);
    check_end();
    close_raw();
    CHECK_ERR(talk.end, error);
}

/* RFC 7692, section 7.2.3.1: "Hello", as it stands there, and fragmented. */
TASK_TEST(websocket_deflate_example)
{
    static const char hello[] = "\xf2\x48\xcd\xc9\xc9\x07\x00";
    static const char stored[] = "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00";      /* 7.2.3.3 */
    static const char last[] = "\xf3\x48\xcd\xc9\xc9\x07\x00\x00";                    /* 7.2.3.4 */
    static const char two[] = "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"; /* 7.2.3.5 */

    open_raw(DEFLATE);
    CHECK(strstr((char *)talk.frame, "permessage-deflate; server_no_context_takeover; "
                                     "client_no_context_takeover\r\n"));
    say_frame(0xC1, hello, 7);
    check_frame(0x81, "Hello");
    say_frame(0x41, hello, 3);
    say_frame(0x80, hello + 3, 4);
    check_frame(0x81, "Hello");
    say_frame(0xC1, stored, 11);
    check_frame(0x81, "Hello");
    say_frame(0xC1, last, 8);
    check_frame(0x81, "Hello");
    say_frame(0xC1, two, 13);
    check_frame(0x81, "Hello");
    say_frame(0xC1, "\x00", 1); /* section 7.2.3.6: an empty message */
    check_frame(0x81, "");
    say_text(0x81, "plain");
    check_frame(0x81, "plain");
    close_raw();
    return 0;
}

/* Section 6.1: RSV1 on the first frame only, and not on a control frame. */
TASK_TEST(websocket_fault_deflate_bits)
{
    open_raw(DEFLATE);
    say_text(0x01, "a");
    say_text(0xC0, "b");
    check_close(1002);
    close_raw();
    open_raw(DEFLATE);
    say_text(0xC9, "a");
    check_close(1002);
    close_raw();
    return 0;
}

TASK_TEST(websocket_fault_deflate_data)
{
    check_deflate_fault("\xff\xff\xff", 3, 1007, -COIL_EPROTOCOL);
    check_deflate_fault("\xf2\x48\xcd", 3, 1007, -COIL_EPROTOCOL); /* in the middle of a block */
    check_deflate_fault("\x00\x10\x00\xef\xff"
                        "abc",
                        8, 1007, -COIL_EPROTOCOL);
    return 0;
}

/* Section 8.1 of RFC 6455: what counts is the text after inflation. */
TASK_TEST(websocket_fault_deflated_text)
{
    unsigned char packed[64];
    size_t size = compress_message("abc\xff", 4, packed, sizeof packed);

    check_deflate_fault(packed, size, 1007, -COIL_EPROTOCOL);
    size = compress_message("abc\xe2\x82", 5, packed, sizeof packed);
    check_deflate_fault(packed, size, 1007, -COIL_EPROTOCOL);
    return 0;
}

/* Broken text that then grows too large is told the same whether it comes at once or not. */
TASK_TEST(websocket_fault_deflated_text_and_bound)
{
    static const char zeros[5000];
    unsigned char packed[128] = "\x00\x05\x00\xfa\xff"
                                "abc\xff ";
    size_t broken = 10;
    size_t size = broken + compress_message(zeros, sizeof zeros, packed + broken, 100);

    talk.options.max_message = 1000;
    check_deflate_fault(packed, size, 1007, -COIL_EPROTOCOL);
    open_raw(DEFLATE);
    say_frame(0x41, packed, broken);
    check_close(1007);
    close_raw();
    CHECK_ERR(talk.end, -COIL_EPROTOCOL);
    return 0;
}

/* A megabyte in a kilobyte; and the largest message there may be. */
TASK_TEST(websocket_fault_deflate_bomb)
{
    size_t size = 16 * 1024 * 1024;
    char *data = calloc(1, size);
    unsigned char *packed = malloc(size / 100);
    size_t length;

    CHECK(data && packed);
    length = compress_message(data, size, packed, size / 100);
    check_deflate_fault(packed, length, 1009, -COIL_ELIMIT);
    talk.options.max_message = 1000;
    length = compress_message(data, 1001, packed, size / 100);
    check_deflate_fault(packed, length, 1009, -COIL_ELIMIT);
    length = compress_message(data, 1000, packed, size / 100);
    open_raw(DEFLATE);
    say_frame(0xC2, packed, length);
    CHECK_INT(hear_frame() & 0x8F, ==, 0x82);
    close_raw();
    free(data);
    free(packed);
    return 0;
}

/* --- peers that vanish --- */

TASK_TEST(websocket_peer_vanishes)
{
    open_raw("");
    close_raw();
    CHECK_ERR(talk.end, -ECONNRESET);
    CHECK_INT(talk.code, ==, 1006);
    open_raw("");
    say("\x81", 1);
    coil_stream_write_eof(talk.client);
    check_end();
    close_raw();
    CHECK_ERR(talk.end, -COIL_EINCOMPLETE);
    CHECK_INT(talk.code, ==, 1006);
    open_raw("");
    say("\x82\xff\0\0\0\0\0\1\0\0"
        "abcdefgh",
        18);
    coil_stream_write_eof(talk.client);
    check_end();
    close_raw();
    CHECK_ERR(talk.end, -COIL_EINCOMPLETE);
    CHECK_INT(talk.heard.count, ==, 0);
    return 0;
}
