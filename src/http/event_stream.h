/* event_stream.h - the parser of text/event-stream (HTML standard, section 9.2.6). It gets bytes as
 * they come, and knows no connection.
 *
 *     do {
 *         ...                                   // bytes are put into stream.in
 *     } while ((rc = coil__event_stream_next(&stream)) == 0);
 */
#ifndef COIL__HTTP_EVENT_STREAM_H
#define COIL__HTTP_EVENT_STREAM_H

#include "http/http.h"

/* All-zero but for the bounds: at the beginning of a stream. */
struct coil__event_stream {
    struct coil__http_buffer in; /* lines that were not looked at yet */
    size_t scanned;              /* bytes of `in` that have no line's end */
    size_t max_line;             /* bytes without its end */
    size_t max_event;            /* bytes of its data */
    struct coil__http_buffer data;
    struct coil__http_buffer type;
    struct coil__http_buffer id;      /* of the event that is read, or of one before it */
    struct coil__http_buffer last_id; /* of the last event that was whole; a NUL ends it */
    bool is_begun;                    /* the first line is over, which may have a mark */
    bool has_cr;                      /* an LF now would belong to the end of the last line */
    bool is_told;                     /* data and type are those of an event that was handed out */
    bool has_retry;
    uint64_t retry_ms; /* the last one that was said, if has_retry */
};

/* Looks for the next event. 1: it stands in data and type ("": "message"), both with a NUL behind,
 * and last_id; valid until the next call. 0: more bytes are needed. -ENOMEM: nothing is lost;
 * -COIL_ELIMIT: a line or an event is too large. */
int coil__event_stream_next(struct coil__event_stream *stream);

/* Begins anew, with another connection: an event that was not whole is forgotten. */
void coil__event_stream_restart(struct coil__event_stream *stream);

/* 0, -ENOMEM. */
int coil__event_stream_set_last_id(struct coil__event_stream *stream, struct coil__slice id);

void coil__event_stream_deinit(struct coil__event_stream *stream);

#endif
