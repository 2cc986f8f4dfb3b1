/* http2_heads.c - how long a request's head has been coming.
 *
 * A head may come in several frames, and each of them slowly, so it has a time (RFC 9113, section
 * 10.5). nghttp2 does not say when a head has ended that it leaves unread, as those of streams that
 * are refused or were reset before. So the frames are told apart here as well: their first nine
 * bytes say all that is needed (section 4.1).
 */
#include "http/http2.h"

#include <coil/loop.h>

enum { PREFACE_SIZE = 24 }; /* section 3.4 */

/* The first bytes of a frame are there. */
static void begin_frame(struct coil__http2_frame *frame)
{
    const unsigned char *head = frame->head;

    frame->left = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
    frame->is_of_head = head[3] == NGHTTP2_HEADERS || head[3] == NGHTTP2_CONTINUATION;
    frame->is_last = (head[4] & NGHTTP2_FLAG_END_HEADERS) != 0;
}

static size_t take(struct coil__http2_frame *frame, const char *data, size_t size)
{
    size_t step = sizeof frame->head - frame->have;

    if (frame->have < sizeof frame->head) {
        step = step < size ? step : size;
        memcpy(frame->head + frame->have, data, step);
        frame->have += (unsigned)step;
        if (frame->have == sizeof frame->head) {
            begin_frame(frame);
        }
        return step;
    }
    step = frame->left < size ? frame->left : size;
    frame->left -= (uint32_t)step;
    return step;
}

void coil__http2_watch_heads(struct coil__http2_connection *h2, const char *data, size_t size)
{
    struct coil__http2_frame *frame = &h2->frame;
    size_t step = PREFACE_SIZE - h2->preface;
    bool is_coming = h2->head_at > 0;

    step = step < size ? step : size;
    h2->preface += (unsigned)step;
    while (step < size) {
        step += take(frame, data + step, size - step);
        if (frame->have == sizeof frame->head) {
            is_coming = frame->is_of_head && (frame->left > 0 || !frame->is_last);
            h2->head_at = is_coming ? h2->head_at : 0;
            frame->have = frame->left > 0 ? frame->have : 0;
        }
    }
    if (is_coming && h2->head_at == 0) {
        h2->head_at = coil_now();
    }
}
