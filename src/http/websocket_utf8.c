/* websocket_utf8.c - RFC 3629, section 4: after some first bytes the second one has a narrower
 * range than the others, which rules out overlong forms, surrogates and what is above U+10FFFF. */
#include "http/websocket_utf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Bytes at the beginning that are ASCII, in steps of 16. */
static size_t skip_ascii(const uint8_t *data, size_t size)
{
    size_t done = 0;
    uint64_t words[2];

    for (; size - done >= sizeof words; done += sizeof words) {
        memcpy(words, data + done, sizeof words);
        if ((words[0] | words[1]) & HIGH_BITS) {
            break;
        }
    }
    return done;
}

/* The first byte of a character beyond ASCII. */
static bool begin(struct coil__websocket_utf8 *utf8, uint8_t byte)
{
    if (byte < 0xC2 || byte > 0xF4) {
        return false;
    }
    utf8->left = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    utf8->low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    utf8->high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    return true;
}

bool coil__websocket_utf8_add(struct coil__websocket_utf8 *utf8, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    size_t at = 0;

    while (at < size) {
        uint8_t byte = bytes[at];

        if (utf8->left > 0) {
            if (byte < utf8->low || byte > utf8->high) {
                return false;
            }
            utf8->left--;
            utf8->low = 0x80;
            utf8->high = 0xBF;
        } else if (byte < 0x80) {
            at += skip_ascii(bytes + at, size - at);
            while (at < size && bytes[at] < 0x80) {
                at++;
            }
            continue;
        } else if (!begin(utf8, byte)) {
            return false;
        }
        at++;
    }
    return true;
}
