/* event_stream.c - lines, their fields, and the events that these make.
 *
 * A line stays in `in` until all of what it says is done: who has no memory just then finds it
 * there again.
 */
#include "http/event_stream.h"

#include <errno.h>

static void clear(struct coil__http_buffer *buffer)
{
    buffer->start = 0;
    buffer->end = 0;
}

static struct coil__slice text_of(const struct coil__http_buffer *buffer)
{
    return (struct coil__slice){buffer->data + buffer->start, coil__http_size(buffer)};
}

/* In place of what is there; a NUL follows, which does not count. */
static int set(struct coil__http_buffer *buffer, struct coil__slice text)
{
    if (coil__http_reserve(buffer, text.size + 1) < 0) {
        return -ENOMEM;
    }
    clear(buffer);
    if (text.size > 0) {
        coil__http_put(buffer, text.start, text.size);
    }
    buffer->data[buffer->end] = '\0';
    return 0;
}

/* --- fields --- */

static int add_data(struct coil__event_stream *stream, struct coil__slice value)
{
    if (value.size + coil__http_size(&stream->data) > stream->max_event) {
        return -COIL_ELIMIT;
    }
    if (coil__http_reserve(&stream->data, value.size + 1) < 0) {
        return -ENOMEM;
    }
    coil__http_put(&stream->data, value.start, value.size);
    coil__http_put(&stream->data, "\n", 1);
    return 0;
}

/* Digits only; else it is ignored. */
static void set_retry(struct coil__event_stream *stream, struct coil__slice value)
{
    uint64_t number = UINT64_MAX;
    int rc = coil__slice_take_number(&value, &number);

    for (size_t i = 0; rc == -ERANGE && i < value.size; i++) {
        rc = coil__is_digit(value.start[i]) ? rc : -EBADMSG;
    }
    if (rc == -ERANGE || (rc == 0 && value.size == 0)) {
        stream->has_retry = true;
        stream->retry_ms = rc == 0 ? number : UINT64_MAX;
    }
}

static int take_field(struct coil__event_stream *stream, struct coil__slice name,
                      struct coil__slice value)
{
    if (coil__slice_is(name, "data")) {
        return add_data(stream, value);
    }
    if (coil__slice_is(name, "event")) {
        return set(&stream->type, value);
    }
    if (coil__slice_is(name, "id") && !memchr(value.start, '\0', value.size)) {
        return set(&stream->id, value);
    }
    if (coil__slice_is(name, "retry")) {
        set_retry(stream, value);
    }
    return 0;
}

/* --- lines --- */

/* An empty line ends an event. Without data there is none, but for its id. */
static int end_event(struct coil__event_stream *stream)
{
    int rc = set(&stream->last_id, text_of(&stream->id));

    if (rc == 0) { /* that of the end: so that both are there to be lent */
        rc = coil__http_reserve(&stream->type, 1);
    }
    if (rc < 0) {
        return rc;
    }
    if (coil__http_size(&stream->data) == 0) {
        clear(&stream->type);
        return 0;
    }
    stream->type.data[stream->type.end] = '\0';
    stream->data.data[--stream->data.end] = '\0'; /* the last LF does not count */
    stream->is_told = true;
    return 1;
}

static int take_line(struct coil__event_stream *stream, struct coil__slice line)
{
    const char *colon;
    struct coil__slice value;

    if (line.size == 0) {
        return end_event(stream);
    }
    colon = memchr(line.start, ':', line.size);
    if (!colon) {
        return take_field(stream, line, (struct coil__slice){line.start, 0});
    }
    value = coil__slice_between(colon + 1, line.start + line.size);
    if (value.size > 0 && value.start[0] == ' ') {
        value.start++;
        value.size--;
    }
    return take_field(stream, coil__slice_between(line.start, colon), value);
}

/* The next line, without its end, which stands behind it. False: more is needed. */
static bool find_line(struct coil__event_stream *stream, struct coil__slice *ret_line)
{
    struct coil__http_buffer *in = &stream->in;
    const char *start = in->data + in->start;
    size_t size = coil__http_size(in);

    if (size > 0 && stream->has_cr) {
        stream->has_cr = false;
        if (*start == '\n') {
            in->start++;
            start++;
            size--;
        }
    }
    while (stream->scanned < size) {
        char c = start[stream->scanned];

        if (c == '\n' || c == '\r') {
            *ret_line = (struct coil__slice){start, stream->scanned};
            return true;
        }
        stream->scanned++;
    }
    return false;
}

/* A mark of UTF-8 before the first line is no part of it. */
static struct coil__slice without_mark(const struct coil__event_stream *stream,
                                       struct coil__slice line)
{
    static const char mark[] = "\xef\xbb\xbf";

    if (!stream->is_begun && line.size >= 3 && memcmp(line.start, mark, 3) == 0) {
        line.start += 3;
        line.size -= 3;
    }
    return line;
}

int coil__event_stream_next(struct coil__event_stream *stream)
{
    struct coil__slice line;

    if (stream->is_told) {
        clear(&stream->data);
        clear(&stream->type);
        stream->is_told = false;
    }
    while (find_line(stream, &line)) {
        int rc = line.size > stream->max_line ? -COIL_ELIMIT
                                              : take_line(stream, without_mark(stream, line));

        if (rc < 0) {
            return rc;
        }
        stream->has_cr = line.start[line.size] == '\r';
        stream->in.start += line.size + 1;
        stream->scanned = 0;
        stream->is_begun = true;
        if (rc > 0) {
            return rc;
        }
    }
    if (coil__http_size(&stream->in) == 0) {
        clear(&stream->in);
    }
    return coil__http_size(&stream->in) > stream->max_line ? -COIL_ELIMIT : 0;
}

void coil__event_stream_restart(struct coil__event_stream *stream)
{
    clear(&stream->in);
    clear(&stream->data);
    clear(&stream->type);
    stream->scanned = 0;
    stream->is_begun = false;
    stream->has_cr = false;
    stream->is_told = false;
    /* What the last whole event has said holds on; its room is there, as it was made first. */
    clear(&stream->id);
    if (coil__http_size(&stream->last_id) > 0) {
        coil__http_put(&stream->id, stream->last_id.data, coil__http_size(&stream->last_id));
    }
}

int coil__event_stream_set_last_id(struct coil__event_stream *stream, struct coil__slice id)
{
    int rc = set(&stream->id, id);

    return rc == 0 ? set(&stream->last_id, id) : rc;
}

void coil__event_stream_deinit(struct coil__event_stream *stream)
{
    coil__http_buffer_free(&stream->in);
    coil__http_buffer_free(&stream->data);
    coil__http_buffer_free(&stream->type);
    coil__http_buffer_free(&stream->id);
    coil__http_buffer_free(&stream->last_id);
}
