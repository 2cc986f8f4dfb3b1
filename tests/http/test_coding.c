/* Content codings: there and back in pieces of all sizes, and what is no coding at all. */
#include "http/coding.h"

#include "fault.h"
#include "in_task.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum { LARGE = 300 * 1000, ROOM = 512 * 1024 };

static const enum coil__coding encoded[] = {COIL__CODING_IDENTITY, COIL__CODING_GZIP,
                                            COIL__CODING_BROTLI, COIL__CODING_ZSTD};
enum { ENCODED = sizeof encoded / sizeof *encoded };

static char plain[LARGE];
static char coded[ROOM];
static char again[ROOM];

/* --- content --- */

static uint32_t next_number(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Words, with some numbers in between. */
static void fill_with_text(char *to, size_t size)
{
    static const char *const words[] = {"{\"name\": ", "\"value\"", ", ", "true", "\n", "null"};
    uint32_t state = 1;
    size_t at = 0;

    while (at < size) {
        const char *word = words[next_number(&state) % 6];

        for (; *word && at < size; word++) {
            to[at++] = *word;
        }
        if (at < size) {
            to[at++] = (char)('0' + next_number(&state) % 10);
        }
    }
}

static void fill_with_noise(char *to, size_t size)
{
    uint32_t state = 7;

    for (size_t i = 0; i < size; i++) {
        to[i] = (char)next_number(&state);
    }
}

/* --- there and back --- */

/* In steps of so many bytes on both sides; 0: as many as there are. */
static size_t encode(enum coil__coding coding, int level, uint64_t hint, size_t size, size_t step)
{
    struct coil__encoder encoder = {0};
    size_t in = 0;
    size_t out = 0;
    int rc = 0;

    CHECK_OK(coil__encoder_init(&encoder, coding, level, hint));
    while (rc == 0 || in < size) {
        size_t in_size = step > 0 && step < size - in ? step : size - in;
        size_t out_size = step > 0 && step < ROOM - out ? step : ROOM - out;
        struct coil__coding_buffers buffers = {plain + in, in_size, coded + out, out_size};
        bool is_last = in + in_size == size;

        rc = coil__encoder_step(&encoder, &buffers, is_last ? COIL__CODING_END : COIL__CODING_RUN);
        CHECK_MSG(rc >= 0, "%s: %d", coil__coding_name(coding), rc);
        CHECK(rc == 0 || buffers.in_size == 0);
        in += in_size - buffers.in_size;
        out += out_size - buffers.out_size;
        CHECK(out < ROOM);
    }
    coil__encoder_deinit(&encoder);
    return out;
}

/* As above. ret_size: what came out. Returns what finish says, or the error of a step. */
static int decode(enum coil__coding coding, const char *data, size_t size, size_t step,
                  uint64_t max_size, size_t *ret_size)
{
    struct coil__decoder decoder = {0};
    size_t in = 0;
    size_t out = 0;
    int rc = 0;
    bool is_full = false;

    CHECK_OK(coil__decoder_init(&decoder, coding, max_size));
    while (rc >= 0 && (in < size || is_full)) {
        size_t in_size = step > 0 && step < size - in ? step : size - in;
        size_t out_size = step > 0 && step < ROOM - out ? step : ROOM - out;
        struct coil__coding_buffers buffers = {data + in, in_size, again + out, out_size};

        rc = coil__decoder_step(&decoder, &buffers);
        CHECK(rc != 0 || buffers.in_size == 0 || buffers.out_size == 0);
        is_full = buffers.out_size == 0;
        in += in_size - buffers.in_size;
        out += out_size - buffers.out_size;
        CHECK(out < ROOM && out <= max_size);
    }
    if (rc < 0) {
        struct coil__coding_buffers none = {data, 0, again + out, 1};

        CHECK_ERR(coil__decoder_step(&decoder, &none), rc);
    }
    rc = coil__decoder_finish(&decoder);
    coil__decoder_deinit(&decoder);
    *ret_size = out;
    return rc;
}

static void check_round(enum coil__coding coding, int level, uint64_t hint, size_t size,
                        size_t step)
{
    size_t coded_size = encode(coding, level, hint, size, step);
    size_t came = 0;

    CHECK_INT(coded_size, <=, (int64_t)coil__encoder_bound(coding, size));
    CHECK_OK(decode(coding, coded, coded_size, step, size, &came));
    CHECK_INT(came, ==, (int64_t)size);
    CHECK(memcmp(again, plain, size) == 0);
}

TASK_TEST(coding_there_and_back)
{
    static const size_t sizes[] = {0, 1, 2, 100, 5000, 65536, LARGE};
    size_t count = test_is_torture() ? 4 : sizeof sizes / sizeof *sizes;

    for (size_t i = 0; i < ENCODED; i++) {
        for (size_t j = 0; j < count; j++) {
            size_t size = sizes[j];

            fill_with_text(plain, size);
            check_round(encoded[i], 0, 0, size, 0);
            check_round(encoded[i], 0, size, size, 0);
            check_round(encoded[i], 0, size, size, 1000);
            if (size <= 5000) {
                check_round(encoded[i], 0, 0, size, 1);
            }
            fill_with_noise(plain, size);
            check_round(encoded[i], 0, size, size, 0);
            check_round(encoded[i], 0, 0, size, 4096);
        }
    }
    return 0;
}

TASK_TEST(coding_at_all_levels)
{
    fill_with_text(plain, LARGE);
    for (size_t i = 0; i < ENCODED; i++) {
        for (int level = -1; level <= 20; level += test_is_torture() ? 5 : 1) {
            check_round(encoded[i], level, 0, test_is_torture() ? 500 : 50000, 0);
        }
    }
    return 0;
}

/* A hint that is wrong costs compression, nothing else. */
TASK_TEST(coding_with_a_wrong_size)
{
    fill_with_text(plain, LARGE);
    for (size_t i = 0; i < ENCODED; i++) {
        check_round(encoded[i], 0, 10, LARGE, 0);
        check_round(encoded[i], 0, UINT64_MAX, 1000, 0);
    }
    return 0;
}

TASK_TEST(coding_makes_text_small)
{
    fill_with_text(plain, LARGE);
    for (size_t i = 1; i < ENCODED; i++) {
        CHECK_INT(encode(encoded[i], 0, 0, LARGE, 0), <, LARGE / 3);
    }
    return 0;
}

/* After each flush, all that was put in comes out. */
TASK_TEST(coding_flush_shows_everything)
{
    fill_with_text(plain, LARGE);
    for (size_t i = 0; i < ENCODED; i++) {
        struct coil__encoder encoder = {0};
        struct coil__decoder decoder = {0};
        size_t out = 0;

        CHECK_OK(coil__encoder_init(&encoder, encoded[i], 0, 0));
        CHECK_OK(coil__decoder_init(&decoder, encoded[i], UINT64_MAX));
        for (size_t in = 0; in < 3000; in += 30) {
            char part[7];
            struct coil__coding_buffers buffers = {plain + in, 30, part, sizeof part};
            int rc = 0;

            while (rc == 0) {
                struct coil__coding_buffers back = {part, 0, again + out, ROOM - out};

                rc = coil__encoder_step(&encoder, &buffers, COIL__CODING_FLUSH);
                back.in_size = sizeof part - buffers.out_size;
                CHECK_INT(coil__decoder_step(&decoder, &back), >=, 0);
                out = ROOM - back.out_size;
                buffers.out = part;
                buffers.out_size = sizeof part;
            }
            CHECK_INT(rc, ==, 1);
            CHECK_INT(out, ==, (int64_t)in + 30);
            CHECK(memcmp(plain, again, out) == 0);
        }
        coil__encoder_deinit(&encoder);
        coil__decoder_deinit(&decoder);
    }
    return 0;
}

TASK_TEST(coding_ends_once)
{
    for (size_t i = 0; i < ENCODED; i++) {
        struct coil__encoder encoder = {0};
        struct coil__coding_buffers buffers = {"abc", 3, coded, ROOM};

        CHECK_OK(coil__encoder_init(&encoder, encoded[i], 0, 0));
        CHECK_INT(coil__encoder_step(&encoder, &buffers, COIL__CODING_END), ==, 1);
        CHECK_INT(coil__encoder_step(&encoder, &buffers, COIL__CODING_END), ==, 1);
        buffers.in_size = 1;
        CHECK_ERR(coil__encoder_step(&encoder, &buffers, COIL__CODING_RUN), -EINVAL);
        coil__encoder_deinit(&encoder);
        coil__encoder_deinit(&encoder);
    }
    return 0;
}

/* --- names --- */

TASK_TEST(coding_names)
{
    static const struct {
        const char *name;
        int coding;
    } cases[] = {
        {"gzip", COIL__CODING_GZIP},
        {"GZip", COIL__CODING_GZIP},
        {"x-gzip", COIL__CODING_GZIP},
        {"deflate", COIL__CODING_DEFLATE},
        {"br", COIL__CODING_BROTLI},
        {"zstd", COIL__CODING_ZSTD},
        {"", COIL__CODING_IDENTITY},
        {"identity", COIL__CODING_IDENTITY},
        {"compress", -ENOENT},
        {"gzip, br", -ENOENT},
        {"*", -ENOENT},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_INT(coil__coding_find(coil__slice_of(cases[i].name)), ==, cases[i].coding);
    }
    CHECK_STR(coil__coding_name(COIL__CODING_GZIP), "gzip");
    CHECK_STR(coil__coding_name(COIL__CODING_BROTLI), "br");
    CHECK_STR(coil__coding_name(COIL__CODING_IDENTITY), "identity");
    CHECK_STR(coil__coding_name((enum coil__coding)77), "identity");
    return 0;
}

TASK_TEST(coding_that_is_none)
{
    struct coil__encoder encoder = {0};
    struct coil__decoder decoder = {0};

    CHECK_ERR(coil__encoder_init(&encoder, COIL__CODING_DEFLATE, 0, 0), -EINVAL);
    CHECK_ERR(coil__encoder_init(&encoder, COIL__CODING_COUNT, 0, 0), -EINVAL);
    CHECK_ERR(coil__decoder_init(&decoder, COIL__CODING_COUNT, 0), -EINVAL);
    coil__encoder_deinit(&encoder);
    coil__decoder_deinit(&decoder);
    return 0;
}

/* --- decoding what others have made --- */

static size_t deflate_with(int bits, size_t size)
{
    z_stream stream = {0};

    CHECK_INT(deflateInit2(&stream, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), ==, Z_OK);
    stream.next_in = (unsigned char *)plain;
    stream.avail_in = (unsigned)size;
    stream.next_out = (unsigned char *)coded;
    stream.avail_out = ROOM;
    CHECK_INT(deflate(&stream, Z_FINISH), ==, Z_STREAM_END);
    size = stream.total_out;
    deflateEnd(&stream);
    return size;
}

/* RFC 9110, section 8.4.1.2: with the frame of zlib, and as some send it, without. */
TASK_TEST(coding_deflate_in_both_ways)
{
    fill_with_text(plain, 20000);
    for (int bits = 9; bits <= 15; bits++) {
        for (size_t step = 0; step < 3; step++) {
            size_t came;

            CHECK_OK(
                decode(COIL__CODING_DEFLATE, coded, deflate_with(bits, 20000), step, ROOM, &came));
            CHECK_INT(came, ==, 20000);
            CHECK_OK(
                decode(COIL__CODING_DEFLATE, coded, deflate_with(-bits, 20000), step, ROOM, &came));
            CHECK_INT(came, ==, 20000);
            CHECK(memcmp(again, plain, 20000) == 0);
        }
    }
    return 0;
}

/* RFC 1952, section 2.2, and RFC 8878, section 3.1. */
TASK_TEST(coding_in_several_members)
{
    static const enum coil__coding codings[] = {COIL__CODING_GZIP, COIL__CODING_ZSTD};

    fill_with_text(plain, 1000);
    for (size_t i = 0; i < 2; i++) {
        for (size_t step = 0; step < 3; step++) {
            size_t size = encode(codings[i], 0, 0, 1000, 0);
            size_t came;

            memcpy(coded + size, coded, size);
            CHECK_OK(decode(codings[i], coded, 2 * size, step, ROOM, &came));
            CHECK_INT(came, ==, 2000);
            CHECK(memcmp(again + 1000, plain, 1000) == 0);
            CHECK_ERR(decode(codings[i], coded, 2 * size - 1, step, ROOM, &came),
                      -COIL_EINCOMPLETE);
        }
    }
    return 0;
}

TASK_TEST(coding_with_nothing_at_all)
{
    size_t came;

    for (int i = 0; i < COIL__CODING_COUNT; i++) {
        struct coil__decoder decoder = {0};
        struct coil__coding_buffers buffers = {"", 0, again, ROOM};

        CHECK_OK(decode((enum coil__coding)i, "", 0, 0, ROOM, &came));
        CHECK_INT(came, ==, 0);
        CHECK_OK(coil__decoder_init(&decoder, (enum coil__coding)i, ROOM));
        CHECK_INT(coil__decoder_step(&decoder, &buffers), ==, 0);
        CHECK_OK(coil__decoder_finish(&decoder));
        coil__decoder_deinit(&decoder);
    }
    return 0;
}

/* --- what is cut off, too much, or no coding --- */

TASK_TEST(coding_that_is_cut_off)
{
    fill_with_text(plain, 2000);
    for (size_t i = 1; i < ENCODED; i++) {
        size_t size = encode(encoded[i], 0, 0, 2000, 0);

        for (size_t cut = 1; cut < size; cut++) {
            size_t came;

            CHECK_ERR(decode(encoded[i], coded, cut, 0, ROOM, &came), -COIL_EINCOMPLETE);
        }
    }
    return 0;
}

TASK_TEST(coding_with_something_behind_it)
{
    fill_with_text(plain, 2000);
    for (size_t i = 1; i < ENCODED; i++) {
        for (size_t step = 0; step < 3; step++) {
            size_t size = encode(encoded[i], 0, 0, 2000, 0);
            size_t came;

            memcpy(coded + size, "garbage!", 8);
            CHECK_ERR(decode(encoded[i], coded, size + 8, step, ROOM, &came), -EBADMSG);
            CHECK_INT(came, ==, 2000);
        }
    }
    return 0;
}

/* Up to the bound and no byte further, wherever that falls. */
TASK_TEST(coding_that_is_a_bomb)
{
    memset(plain, 0, LARGE);
    for (size_t i = 0; i < ENCODED; i++) {
        size_t size = encode(encoded[i], 0, 0, LARGE, 0);

        for (size_t step = 0; step < 3000; step += 700) {
            size_t came;

            CHECK_OK(decode(encoded[i], coded, size, step, LARGE, &came));
            CHECK_ERR(decode(encoded[i], coded, size, step, LARGE - 1, &came), -COIL_ELIMIT);
            CHECK_INT(came, ==, LARGE - 1);
            CHECK_ERR(decode(encoded[i], coded, size, step, 1000, &came), -COIL_ELIMIT);
            CHECK_INT(came, ==, 1000);
            CHECK_ERR(decode(encoded[i], coded, size, step, 0, &came), -COIL_ELIMIT);
        }
    }
    return 0;
}

/* RFC 9659: a window of 8 MiB at most. */
TASK_TEST(coding_with_too_large_a_window)
{
    static const char usual[] = "\x28\xb5\x2f\xfd\x00\x68\x01\x00\x00"; /* 8 MiB; nothing in it */
    static const char large[] = "\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00"; /* 16 MiB */
    size_t came;

    CHECK_OK(decode(COIL__CODING_ZSTD, usual, 9, 0, ROOM, &came));
    CHECK_ERR(decode(COIL__CODING_ZSTD, large, 9, 0, ROOM, &came), -COIL_ELIMIT);
    CHECK_ERR(decode(COIL__CODING_ZSTD, large, 9, 1, ROOM, &came), -COIL_ELIMIT);
    return 0;
}

/* Nothing of what is broken makes it crash, hang or write too far. */
TASK_TEST(coding_that_is_broken)
{
    uint32_t state = 3;

    fill_with_text(plain, 3000);
    for (int i = 0; i < COIL__CODING_COUNT; i++) {
        enum coil__coding coding = (enum coil__coding)i;
        bool is_deflate = coding == COIL__CODING_DEFLATE;
        size_t size = is_deflate ? deflate_with(15, 3000) : encode(coding, 0, 0, 3000, 0);
        char whole[8192];
        size_t came;

        CHECK(size < sizeof whole);
        memcpy(whole, coded, size);
        for (int round = 0; round < 1000; round++) {
            memcpy(coded, whole, size);
            for (int j = 0; j < 1 + round % 3; j++) {
                coded[next_number(&state) % size] ^= (char)(1 << next_number(&state) % 8);
            }
            decode(coding, coded, size, round % 2 == 0 ? 0 : 50, 10000, &came);
        }
        fill_with_noise(coded, 1000);
        CHECK(coding == COIL__CODING_IDENTITY || decode(coding, coded, 1000, 0, ROOM, &came) < 0);
    }
    return 0;
}

/* --- memory --- */

/* True when the n-th allocation was not reached. zstd's are its own. */
static bool survive(enum coil__coding coding, int level, uint64_t n, size_t size)
{
    struct coil__encoder encoder = {0};
    struct coil__decoder decoder = {0};
    struct coil__coding_buffers there = {plain, LARGE, again, ROOM};
    struct coil__coding_buffers back = {coded, size, again, ROOM};
    bool was_reached;
    int rc[2];

    CHECK_OK(coil__encoder_init(&encoder, coding, level, 0));
    CHECK_OK(coil__decoder_init(&decoder, coding, ROOM));
    fault_alloc_from(n);
    rc[0] = coil__encoder_step(&encoder, &there, COIL__CODING_END);
    rc[1] = coil__decoder_step(&decoder, &back);
    was_reached = fault_was_injected();
    fault_off();
    if (was_reached) {
        CHECK_MSG(rc[0] == -ENOMEM || (rc[0] == 1 && rc[1] == -ENOMEM), "%s, allocation %d: %d, %d",
                  coil__coding_name(coding), (int)n, rc[0], rc[1]);
    } else {
        CHECK(rc[0] == 1 && rc[1] == 1);
    }
    coil__encoder_deinit(&encoder);
    coil__decoder_deinit(&decoder);
    return !was_reached;
}

static void check_memory(enum coil__coding coding, int level)
{
    size_t size = encode(coding, level, 0, 5000, 0);
    uint64_t n = 1;

    while (!survive(coding, level, n, size)) {
        n++;
    }
    CHECK_INT(n, >, 3);
}

/* From the n-th allocation on there is none, and the heaviest level has to live with it too. */
TASK_TEST(coding_without_memory)
{
    static const enum coil__coding codings[] = {COIL__CODING_GZIP, COIL__CODING_BROTLI};

    for (size_t i = 0; i < 2; i++) {
        fill_with_text(plain, LARGE);
        check_memory(codings[i], 0);
        check_memory(codings[i], 9);
        fill_with_noise(plain, LARGE);
        check_memory(codings[i], 9);
    }
    return 0;
}
