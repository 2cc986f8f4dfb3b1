/* The reading calls of streams, on the simulated backend, against a reference that has all bytes at
 * hand: whatever pieces they arrive in, and with two streams that compete for the loop's buffer.
 *
 * Input: per stream a scale, a limit, the calls to be made, and the bytes with the pauses of their
 * sender. At the large scale buffers grow and move.
 */
#include "fuzz.h"

enum { STREAMS = 2, LARGE = 32, MAX_BYTES = 800 * LARGE, MAX_CALLS = 64, MAX_PIECES = 64 };
enum { LARGEST_CALL = 256 * LARGE };

struct piece {
    size_t size;
    unsigned pause; /* 0: none; 1: a yield; else microseconds */
};

struct call {
    unsigned what;
    size_t size;
    unsigned extra;
};

struct side {
    char bytes[MAX_BYTES];
    size_t size; /* of bytes */
    size_t at;   /* what the reader has taken */
    size_t limit;
    struct piece pieces[MAX_PIECES];
    size_t piece_count;
    struct call calls[MAX_CALLS];
    size_t call_count;
    struct coil_stream *writer;
    struct coil_stream *reader;
    char buf[LARGEST_CALL]; /* the reader's */
};

/* --- the reference --- */

/* Where the separator ends, counted from what is next; 0: it does not come. */
static size_t find(const struct side *side, const char *sep, size_t sep_size)
{
    for (size_t end = side->at + sep_size; end <= side->size; end++) {
        if (memcmp(side->bytes + end - sep_size, sep, sep_size) == 0) {
            return end - side->at;
        }
    }
    return 0;
}

/* Where the first of them ends. */
static size_t find_any(const struct side *side, const struct coil_separator *seps, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        size_t one = find(side, seps[i].data, seps[i].size);

        found = one > 0 && (found == 0 || one < found) ? one : found;
    }
    return found;
}

static ssize_t expect_until(const struct side *side, const struct coil_separator *seps,
                            size_t count, size_t max)
{
    size_t found = find_any(side, seps, count);
    size_t left = side->size - side->at;
    size_t limit = max < side->limit ? max : side->limit;

    if (found > 0) {
        return found <= limit ? (ssize_t)found : -COIL_ELIMIT;
    }
    return left >= limit ? -COIL_ELIMIT : -COIL_EINCOMPLETE;
}

static void take(struct side *side, const char *buf, ssize_t size)
{
    FUZZ_CHECK(size >= 0 && (size_t)size <= side->size - side->at);
    FUZZ_CHECK(memcmp(buf, side->bytes + side->at, (size_t)size) == 0);
    side->at += (size_t)size;
}

/* --- the calls --- */

static void do_read(struct side *side, size_t size)
{
    size_t left = side->size - side->at;
    ssize_t rc = coil_stream_read(side->reader, side->buf, size);

    FUZZ_CHECK(rc >= 0 && (size_t)rc <= size);
    FUZZ_CHECK((rc > 0) == (size > 0 && left > 0));
    take(side, side->buf, rc);
}

static void do_read_exactly(struct side *side, size_t size)
{
    size_t left = side->size - side->at;
    size_t got = SIZE_MAX;
    ssize_t rc = coil_stream_read_exactly(side->reader, side->buf, size, &got);

    FUZZ_CHECK(rc == (left >= size ? (ssize_t)size : -COIL_EINCOMPLETE));
    FUZZ_CHECK(got == (left >= size ? size : left));
    take(side, side->buf, (ssize_t)got);
}

static void do_read_until(struct side *side, size_t size, unsigned extra)
{
    static const char seps[] = "\n\r\n\n\naab";
    const struct coil_separator given[] = {{seps + extra % 4, 1 + extra / 4 % 4},
                                           {seps + extra / 2 % 6, 1 + extra / 8 % 3}};
    size_t count = 1 + extra / 64 % 2;
    ssize_t expected = expect_until(side, given, count, size);
    size_t which = 0;
    ssize_t rc =
        count == 1
            ? coil_stream_read_until(side->reader, given[0].data, given[0].size, side->buf, size)
            : coil_stream_read_until_any(side->reader, given, count, side->buf, size, &which);

    FUZZ_CHECK(rc == expected);
    FUZZ_CHECK(rc < 0 || memcmp(side->buf + (size_t)rc - given[which].size, given[which].data,
                                given[which].size) == 0);
    take(side, side->buf, rc > 0 ? rc : 0);
}

static void do_read_line(struct side *side, size_t size)
{
    const struct coil_separator newline = {"\n", 1};
    ssize_t expected;
    ssize_t rc;

    size = size < 2 ? 2 : size;
    expected = expect_until(side, &newline, 1, size - 1);
    if (expected == -COIL_EINCOMPLETE) {
        expected = (ssize_t)(side->size - side->at);
    }
    rc = coil_stream_read_line(side->reader, side->buf, size);
    FUZZ_CHECK(rc == expected);
    FUZZ_CHECK(rc < 0 || side->buf[rc] == '\0');
    take(side, side->buf, rc > 0 ? rc : 0);
}

static void do_peek(struct side *side, size_t min, unsigned extra)
{
    const char *data = NULL;
    size_t left = side->size - side->at;
    ssize_t rc = coil_stream_peek(side->reader, min, &data);
    size_t count;

    if (min > side->limit) {
        FUZZ_CHECK(rc == -COIL_ELIMIT);
        return;
    }
    FUZZ_CHECK(rc >= 0 && (size_t)rc <= left);
    FUZZ_CHECK((size_t)rc == left || ((size_t)rc >= min && rc > 0));
    FUZZ_CHECK(data && memcmp(data, side->bytes + side->at, (size_t)rc) == 0);
    FUZZ_CHECK(coil_stream_consume(side->reader, (size_t)rc + 1) == -EINVAL);
    count = rc > 0 ? extra % ((size_t)rc + 1) : 0;
    FUZZ_CHECK(coil_stream_consume(side->reader, count) == 0);
    side->at += count;
}

static void make_call(struct side *side, const struct call *call)
{
    switch (call->what % 6) {
    case 0:
        do_read(side, call->size);
        break;
    case 1:
        do_read_exactly(side, call->size);
        break;
    case 2:
        do_read_until(side, call->size, call->extra);
        break;
    case 3:
        do_read_line(side, call->size);
        break;
    case 4:
        do_peek(side, call->size, call->extra);
        break;
    default:
        FUZZ_CHECK(coil_sleep((int64_t)call->size * COIL_USEC) == 0);
        break;
    }
}

static int read_side(void *arg)
{
    struct side *side = arg;

    for (size_t i = 0; i < side->call_count; i++) {
        make_call(side, &side->calls[i]);
    }
    while (side->at < side->size) {
        do_read(side, LARGEST_CALL);
    }
    do_read(side, 1);
    return 0;
}

static int write_side(void *arg)
{
    struct side *side = arg;
    size_t done = 0;

    for (size_t i = 0; i < side->piece_count; i++) {
        const struct piece *piece = &side->pieces[i];

        if (piece->size > 0) {
            ssize_t rc = coil_stream_write(side->writer, side->bytes + done, piece->size);

            FUZZ_CHECK(rc == (ssize_t)piece->size);
        }
        done += piece->size;
        if (piece->pause > 0) {
            FUZZ_CHECK(coil_sleep((piece->pause - 1) * COIL_USEC) == 0);
        }
    }
    FUZZ_CHECK(coil_stream_write_eof(side->writer) == 0);
    return 0;
}

/* --- from the input --- */

/* Few different ones, so that separators come; at the large scale, in lines of some length. */
static char make_byte(struct fuzz_input *in, size_t place, size_t scale)
{
    size_t mixed = place * 2654435761 % 4093;

    if (scale == 1) {
        return "ab\r\n"[take_byte(in) % 4];
    }
    return mixed < 2 ? '\n' : (char)('a' + mixed % 17);
}

static void describe(struct side *side, struct fuzz_input *in)
{
    size_t scale = take_byte(in) % 2 ? LARGE : 1;

    side->limit = (1 + (size_t)take_byte(in)) * scale;
    side->call_count = take_below(in, MAX_CALLS);
    for (size_t i = 0; i < side->call_count; i++) {
        struct call *call = &side->calls[i];

        call->what = take_byte(in);
        call->size = take_byte(in) * scale;
        call->extra = take_byte(in);
    }
    side->piece_count = take_below(in, MAX_PIECES);
    for (size_t i = 0; i < side->piece_count; i++) {
        size_t size = take_byte(in) * scale;
        size_t room = sizeof side->bytes - side->size;

        size = size < room ? size : room;
        side->pieces[i] = (struct piece){.size = size, .pause = take_below(in, 8)};
        for (; size > 0; size--) {
            side->bytes[side->size] = make_byte(in, side->size, scale);
            side->size++;
        }
    }
}

static void connect_pair(struct side *side)
{
    struct coil_stream_options options = {.limit = side->limit};
    struct coil_address address;
    int listener;
    int fds[2];

    FUZZ_CHECK(coil_address_from_ip("127.0.0.1", 0, &address) == 0);
    listener = coil_listen_address(&address, NULL);
    FUZZ_CHECK(listener >= 0 && coil_socket_address(listener, &address) == 0);
    fds[0] = coil_dial_address(&address, NULL);
    fds[1] = coil_accept(listener, NULL);
    FUZZ_CHECK(fds[0] >= 0 && fds[1] >= 0 && coil_close(listener) == 0);
    FUZZ_CHECK(coil_stream_open(fds[0], NULL, &side->writer) == 0);
    FUZZ_CHECK(coil_stream_open(fds[1], &options, &side->reader) == 0);
}

static int run(void *arg)
{
    struct side *sides = calloc(STREAMS, sizeof *sides);
    struct coil_task *tasks[2 * STREAMS];

    FUZZ_CHECK(sides != NULL);
    for (int i = 0; i < STREAMS; i++) {
        describe(&sides[i], arg);
        connect_pair(&sides[i]);
        tasks[2 * i] = coil_create_task(read_side, &sides[i]);
        tasks[2 * i + 1] = coil_create_task(write_side, &sides[i]);
    }
    FUZZ_CHECK(coil_gather(tasks, 2 * STREAMS, NULL) == 0);
    for (int i = 0; i < STREAMS; i++) {
        FUZZ_CHECK(coil_stream_close(sides[i].reader) == 0);
        FUZZ_CHECK(coil_stream_close(sides[i].writer) == 0);
    }
    free(sides);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};

    run_simulated(run, &in);
    return 0;
}
