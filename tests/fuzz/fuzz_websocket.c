/* Frames of a peer: whatever comes, and in whatever pieces, the messages are the same, none is
 * larger than it may be, text is UTF-8, and the connection ends with a code that may be sent. */
#include "fuzz.h"

#include "base/text.h"
#include "http/websocket.h"

enum { MAX_MESSAGE = 4096, MAX_FRAMES = 16384, MESSAGES = 64 };

/* What was found in one run. */
struct found {
    size_t count;
    size_t sizes[MESSAGES];
    uint64_t sums[MESSAGES];
    int error;
    unsigned code;
};

struct run {
    struct fuzz_input *input;
    uint8_t flags;
    size_t size;
    uint8_t frames[MAX_FRAMES];
    struct coil_stream *peer;
    size_t step; /* bytes that are written at a time */
    struct found found[2];
};

/* --- what the peer sends --- */

enum { IS_RAW = 1, IS_CLIENT = 2, HAS_DEFLATE = 4, HAS_CONTEXT = 8 };

/* Frames whose headers are good: a first byte, a size, and so many bytes. */
static void make_frames(struct run *run)
{
    struct fuzz_input *in = run->input;
    bool is_masked = !(run->flags & IS_CLIENT);
    size_t at = 0;

    while (in->size > 0 && at + 300 < MAX_FRAMES) {
        uint8_t first = take_byte(in);
        size_t size = take_byte(in);
        uint8_t key[4] = {1, 2, 3, first};

        run->frames[at++] = first;
        if (size < 126) {
            run->frames[at++] = (uint8_t)(size | (is_masked ? 0x80 : 0));
        } else {
            run->frames[at++] = 126 | (is_masked ? 0x80 : 0);
            run->frames[at++] = 0;
            run->frames[at++] = (uint8_t)size;
        }
        if (is_masked) {
            memcpy(run->frames + at, key, 4);
            at += 4;
        }
        for (size_t i = 0; i < size; i++) {
            run->frames[at++] = (uint8_t)(take_byte(in) ^ (is_masked ? key[i % 4] : 0));
        }
    }
    run->size = at;
}

static void make_input(struct run *run)
{
    run->flags = take_byte(run->input);
    if (run->flags & IS_RAW) {
        run->size = run->input->size < MAX_FRAMES ? run->input->size : MAX_FRAMES;
        if (run->size > 0) {
            memcpy(run->frames, run->input->data, run->size);
        }
    } else {
        make_frames(run);
    }
}

static int send_all(void *arg)
{
    struct run *run = arg;

    for (size_t at = 0; at < run->size; at += run->step) {
        size_t size = at + run->step < run->size ? run->step : run->size - at;

        if (coil_stream_write(run->peer, run->frames + at, size) < 0) {
            break;
        }
        coil_yield();
    }
    return coil_stream_write_eof(run->peer);
}

/* --- what is found --- */

static void check_text(const char *text, size_t size)
{
    uint32_t code;

    for (size_t at = 0; at < size;) {
        size_t length = text[at] ? coil__text_character(text + at, &code) : 1;

        FUZZ_CHECK(length > 0 && at + length <= size);
        at += length;
    }
}

static int receive_all(struct coil_websocket *ws, struct found *found)
{
    struct coil_websocket_message message;
    int rc;

    while ((rc = coil_websocket_receive(ws, &message)) > 0) {
        uint64_t sum = message.is_text;

        FUZZ_CHECK(message.size <= MAX_MESSAGE && message.data[message.size] == '\0');
        for (size_t i = 0; i < message.size; i++) {
            sum = sum * 31 + (uint8_t)message.data[i];
        }
        if (message.is_text) {
            check_text(message.data, message.size);
        }
        if (found->count < MESSAGES) {
            found->sizes[found->count] = message.size;
            found->sums[found->count++] = sum;
        }
    }
    return rc;
}

/* What comes back are small frames, and at most one close, behind which is nothing. */
static void check_answer(struct run *run)
{
    static uint8_t answer[4 * MAX_FRAMES];
    size_t head = run->flags & IS_CLIENT ? 6 : 2; /* with the mask */
    size_t size = 0;
    size_t at = 0;
    bool is_closed = false;

    coil_stream_read_exactly(run->peer, answer, sizeof answer, &size);
    coil_stream_abort(run->peer);
    while (at + head <= size) {
        uint8_t opcode = answer[at];

        FUZZ_CHECK(!is_closed && (opcode == 0x88 || opcode == 0x8A));
        FUZZ_CHECK((answer[at + 1] & 0x7F) <= 125 && (answer[at + 1] >> 7) == (head == 6));
        is_closed = opcode == 0x88;
        at += head + (answer[at + 1] & 0x7F);
    }
    FUZZ_CHECK(at == size || size == sizeof answer);
}

static void run_once(struct run *run, size_t step, struct found *found)
{
    struct coil_websocket_options options = {.max_message = MAX_MESSAGE};
    struct coil__websocket_carrier carrier = {.class_ = &coil__websocket_stream_class,
                                              .is_owned = true};
    struct coil_stream *streams[2];
    struct coil_websocket *ws;
    struct coil_task *task;

    FUZZ_CHECK(coil_stream_pair(NULL, streams) == 0);
    carrier.stream = streams[0];
    run->peer = streams[1];
    run->step = step;
    ws = coil__websocket_new(&carrier, &options, run->flags & IS_CLIENT);
    FUZZ_CHECK(ws != NULL);
    if (run->flags & HAS_DEFLATE) {
        FUZZ_CHECK(coil__websocket_take_offer(coil__slice_of("permessage-deflate"),
                                              run->flags & HAS_CONTEXT, &ws->deflate));
    }
    task = coil_create_task(send_all, run);
    found->error = receive_all(ws, found);
    found->code = coil_websocket_get_close_code(ws);
    coil__websocket_free(ws);
    coil_await(task);
    check_answer(run);
}

static int check(void *arg)
{
    static struct run run;

    memset(&run, 0, sizeof run);
    run.input = arg;
    make_input(&run);
    run_once(&run, run.size > 0 ? run.size : 1, &run.found[0]);
    run_once(&run, 1 + run.size / 64, &run.found[1]);
    FUZZ_CHECK(run.found[0].count == run.found[1].count);
    FUZZ_CHECK(run.found[0].error == run.found[1].error);
    FUZZ_CHECK(run.found[0].code == run.found[1].code);
    for (size_t i = 0; i < run.found[0].count; i++) {
        FUZZ_CHECK(run.found[0].sizes[i] == run.found[1].sizes[i]);
        FUZZ_CHECK(run.found[0].sums[i] == run.found[1].sums[i]);
    }
    FUZZ_CHECK(run.found[0].error <= 0 && run.found[0].code >= 1000);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};

    run_simulated(check, &in);
    return 0;
}
