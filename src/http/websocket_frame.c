/* websocket_frame.c - headers of frames by wslay, masks by words. */
#include "http/websocket_frame.h"

#include <errno.h>
#include <string.h>
#include <wslay/wslay.h>

/* What wslay is given, or gives. */
struct exchange_of_bytes {
    const uint8_t *data;
    size_t size;
    bool has_payload;
    uint8_t *to;
    size_t written;
    const uint8_t *key;
};

/* --- reading --- */

/* RFC 6455, section 5.2: the second byte says how long the header is. */
static size_t header_size(const uint8_t *data)
{
    unsigned length = data[1] & 0x7FU;
    size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;

    return 2 + extended + (data[1] & 0x80U ? 4 : 0);
}

/* The header; and then one byte for the payload, because wslay tells of a frame only when it has
 * some of it. */
static ssize_t give(uint8_t *buf, size_t size, int flags, void *user)
{
    struct exchange_of_bytes *bytes = user;
    size_t count = bytes->size < size ? bytes->size : size;

    (void)flags;
    if (count > 0) {
        memcpy(buf, bytes->data, count);
        bytes->data += count;
        bytes->size -= count;
        return (ssize_t)count;
    }
    buf[0] = 0;
    return 1;
}

int coil__websocket_read_header(const void *data, size_t size,
                                struct coil__websocket_header *ret_header)
{
    static const struct wslay_frame_callbacks callbacks = {.recv_callback = give};
    struct exchange_of_bytes bytes = {.data = data};
    struct wslay_frame_iocb frame;
    wslay_frame_context_ptr context;
    ssize_t rc;

    if (size < 2 || size < header_size(data)) {
        return 0;
    }
    size = header_size(data);
    bytes.size = size;
    if (wslay_frame_context_init(&context, &callbacks, &bytes) < 0) {
        return -ENOMEM;
    }
    rc = wslay_frame_recv(context, &frame);
    wslay_frame_context_free(context);
    if (rc < 0) {
        return -EPROTO;
    }
    *ret_header = (struct coil__websocket_header){
        .size = frame.payload_length,
        .opcode = frame.opcode,
        .reserved = frame.rsv,
        .is_final = frame.fin,
        .is_masked = frame.mask,
    };
    if (frame.mask) {
        memcpy(ret_header->key, (const uint8_t *)data + size - 4, 4);
    }
    return (int)size;
}

/* --- writing --- */

static ssize_t take(const uint8_t *data, size_t size, int flags, void *user)
{
    struct exchange_of_bytes *bytes = user;

    (void)flags;
    if (size > COIL__WEBSOCKET_HEADER_ROOM) {
        return -1;
    }
    memcpy(bytes->to, data, size);
    bytes->written = size;
    return (ssize_t)size;
}

static int give_key(uint8_t *buf, size_t size, void *user)
{
    const struct exchange_of_bytes *bytes = user;

    memcpy(buf, bytes->key, size);
    return 0;
}

int coil__websocket_write_header(const struct coil__websocket_header *header,
                                 uint8_t room[COIL__WEBSOCKET_HEADER_ROOM])
{
    static const struct wslay_frame_callbacks callbacks = {.send_callback = take,
                                                           .genmask_callback = give_key};
    struct exchange_of_bytes bytes = {.to = room, .key = header->key};
    struct wslay_frame_iocb frame = {
        .fin = header->is_final,
        .rsv = header->reserved,
        .opcode = header->opcode,
        .payload_length = header->size,
        .mask = header->is_masked,
    };
    wslay_frame_context_ptr context;
    ssize_t rc;

    if (wslay_frame_context_init(&context, &callbacks, &bytes) < 0) {
        return -ENOMEM;
    }
    rc = wslay_frame_send(context, &frame);
    wslay_frame_context_free(context);
    return rc < 0 || bytes.written == 0 ? -EINVAL : (int)bytes.written;
}

/* --- masks --- */

void coil__websocket_mask(void *to, const void *from, size_t size, const uint8_t key[4],
                          uint64_t at)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    uint8_t turned[8];
    uint64_t word;
    size_t done = 0;

    for (size_t i = 0; i < sizeof turned; i++) {
        turned[i] = key[(at + i) & 3];
    }
    memcpy(&word, turned, sizeof word);
    for (; size - done >= 4 * sizeof word; done += 4 * sizeof word) {
        uint64_t words[4];

        memcpy(words, in + done, sizeof words);
        words[0] ^= word;
        words[1] ^= word;
        words[2] ^= word;
        words[3] ^= word;
        memcpy(out + done, words, sizeof words);
    }
    for (; done < size; done++) {
        out[done] = in[done] ^ turned[done & 7];
    }
}
