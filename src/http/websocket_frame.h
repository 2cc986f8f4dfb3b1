/* websocket_frame.h - headers of frames (RFC 6455, section 5.2), read and written by wslay; masks.
 *
 * wslay sees headers only. Its frame context holds 4 KiB and takes payloads through that, byte by
 * byte where they are masked; so one is made for each header and given back at once (0.2 us),
 * an idle connection has none, and payloads go straight to where they belong.
 */
#ifndef COIL__HTTP_WEBSOCKET_FRAME_H
#define COIL__HTTP_WEBSOCKET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 6455, section 11.8. */
enum {
    COIL__WEBSOCKET_CONTINUATION = 0,
    COIL__WEBSOCKET_TEXT = 1,
    COIL__WEBSOCKET_BINARY = 2,
    COIL__WEBSOCKET_CLOSE = 8,
    COIL__WEBSOCKET_PING = 9,
    COIL__WEBSOCKET_PONG = 10,
};

enum {
    COIL__WEBSOCKET_RSV1 = 4,         /* of `reserved` (RFC 7692, section 6) */
    COIL__WEBSOCKET_HEADER_ROOM = 14, /* bytes of the longest header */
};

struct coil__websocket_header {
    uint64_t size; /* of the payload */
    uint8_t opcode;
    uint8_t reserved; /* the three bits */
    bool is_final;
    bool is_masked;
    uint8_t key[4]; /* is_masked */
};

/* Reads the header at the beginning of the bytes. Its size; 0: it has not come as a whole;
 * -EPROTO: a control frame that is too long or fragmented, or a length that is not written as short
 * as it could be; -ENOMEM. */
int coil__websocket_read_header(const void *data, size_t size,
                                struct coil__websocket_header *ret_header);

/* Writes one. Its size; -EINVAL, -ENOMEM. */
int coil__websocket_write_header(const struct coil__websocket_header *header,
                                 uint8_t room[COIL__WEBSOCKET_HEADER_ROOM]);

/* Masks, or unmasks (section 5.3). to: may be from. at: how many bytes of the payload stand before
 * these. */
void coil__websocket_mask(void *to, const void *from, size_t size, const uint8_t key[4],
                          uint64_t at);

#endif
