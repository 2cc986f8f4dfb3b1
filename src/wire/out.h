/* out.h - text that is written into a buffer of the caller's, or does not fit. Unlike base/text.h
 * nothing is ever cut: what is cut on the wire means something else. */
#ifndef COIL__WIRE_OUT_H
#define COIL__WIRE_OUT_H

#include "wire/slice.h"

#include <errno.h>
#include <sys/types.h>

/* start and size: given by the user. */
struct coil__out {
    char *start;
    size_t size;
    size_t length;   /* what was written */
    bool is_too_big; /* something did not fit: all that follows is dropped */
};

static inline void coil__out_byte(struct coil__out *out, char byte)
{
    if (out->length < out->size) {
        out->start[out->length++] = byte;
    } else {
        out->is_too_big = true;
    }
}

/* What is written may stand in the buffer itself, further behind. */
static inline void coil__out_slice(struct coil__out *out, struct coil__slice slice)
{
    if (slice.size > out->size - out->length) {
        out->is_too_big = true;
        out->size = out->length;
    } else if (slice.size > 0) {
        memmove(out->start + out->length, slice.start, slice.size);
        out->length += slice.size;
    }
}

static inline void coil__out_string(struct coil__out *out, const char *string)
{
    coil__out_slice(out, coil__slice_of(string));
}

static inline void coil__out_number(struct coil__out *out, uint64_t number)
{
    char room[COIL__DIGITS];

    coil__out_slice(out, coil__slice_of_number(number, room));
}

/* "%2F" for '/'. */
static inline void coil__out_percent(struct coil__out *out, char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    char text[3] = {'%', digits[(unsigned char)byte >> 4], digits[(unsigned char)byte & 15]};

    coil__out_slice(out, (struct coil__slice){text, sizeof text});
}

/* Adds a NUL. The length without it, or -ENOSPC: something, or the NUL, did not fit. */
static inline ssize_t coil__out_end(struct coil__out *out)
{
    if (out->is_too_big || out->length >= out->size) {
        return -ENOSPC;
    }
    out->start[out->length] = '\0';
    return (ssize_t)out->length;
}

#endif
