/* http1_head.c - heads: the start line, and what happens when bytes come in pieces.
 *
 * A head is read line by line. A line is read at one go, from its first byte to its CRLF; if that
 * does not succeed, coil__http1_settle looks where the line stops: at its end, at a character that
 * no line has, or where the bytes end. In the last case nothing is said of it, however wrong it
 * begins: so the answer depends on the line alone, and not on how much of it had come. Where the
 * bytes ended is remembered (scanned_), and the line is not read again before it has an end. So
 * each byte is looked at three times at most, also when it comes alone.
 *
 * at_ is the first byte of the first line that was not read. The slices of the lines before it
 * move with the bytes, if these lie elsewhere in the next call.
 */
#include "wire/http1_internal.h"

#include <limits.h>

_Static_assert((uint32_t)COIL__HTTP1_MAX_HEAD < INT_MAX, "a head's size is returned as an int");

/* --- beginning --- */

static uint32_t limit_of(uint32_t given, uint32_t usual)
{
    uint32_t limit = given > 0 ? given : usual;

    return limit < COIL__HTTP1_MAX_HEAD ? limit : COIL__HTTP1_MAX_HEAD;
}

void coil__http1_head_init(struct coil__http1_head *head, struct coil__http1_field *fields,
                           size_t capacity, const struct coil__http1_limits *limits)
{
    static const struct coil__http1_limits none;

    limits = limits ? limits : &none;
    *head = (struct coil__http1_head){
        .fields = fields,
        .capacity_ = capacity,
        .limits_.head = limit_of(limits->head, COIL__HTTP1_DEFAULT_HEAD),
        .limits_.start_line = limit_of(limits->start_line, COIL__HTTP1_DEFAULT_START_LINE),
        .limits_.field = limit_of(limits->field, COIL__HTTP1_DEFAULT_FIELD),
    };
}

void coil__http1_head_reset(struct coil__http1_head *head)
{
    *head = (struct coil__http1_head){
        .fields = head->fields,
        .capacity_ = head->capacity_,
        .limits_ = head->limits_,
    };
}

/* --- in pieces --- */

static void move_slice(struct coil__slice *slice, uintptr_t from, const char *to)
{
    if (slice->start) {
        slice->start = to + ((uintptr_t)slice->start - from);
    }
}

/* The bytes lie elsewhere now. */
static void move(struct coil__http1_head *head, const char *data)
{
    uintptr_t from = head->base_;

    move_slice(&head->method_name, from, data);
    move_slice(&head->target, from, data);
    move_slice(&head->host, from, data);
    move_slice(&head->reason, from, data);
    move_slice(&head->upgrade, from, data);
    for (size_t i = 0; i < head->field_count; i++) {
        move_slice(&head->fields[i].name, from, data);
        move_slice(&head->fields[i].value, from, data);
    }
}

int coil__http1_settle(struct coil__http1_head *head, const char *data, size_t size, int error)
{
    bool is_start = head->phase_ == COIL__HTTP1_START_LINE;
    uint32_t most = is_start ? head->limits_.start_line : head->limits_.field;
    uint32_t from = head->scanned_ > head->at_ ? head->scanned_ : head->at_;
    const char *stop = coil__http1_skip_text(data + from, data + size);
    size_t offset = (size_t)(stop - data);
    /* The first places where the line's end would be too far away, with room for CRLF in the head.
     * The nearer one decides: it is met first, when bytes come one by one. */
    uint64_t line_end = (uint64_t)head->at_ + most + 1;
    uint64_t head_end = head->limits_.head > 1 ? head->limits_.head - 1 : 0;

    if (offset >= line_end && line_end <= head_end) {
        return is_start ? -COIL__HTTP1_ELONGLINE : -COIL__HTTP1_ELONGFIELD;
    }
    if (offset >= head_end) {
        return -COIL__HTTP1_EHEAD;
    }
    if (coil__http1_is_open(stop, data + size)) {
        head->scanned_ = (uint32_t)offset;
        return 0;
    }
    return error;
}

/* Before a head is read on: 1, or the answer to give at once. */
static int begin(struct coil__http1_head *head, const char *data, size_t *size)
{
    if (head->phase_ == COIL__HTTP1_OVER || *size < head->at_ || *size < head->scanned_) {
        return -COIL__HTTP1_EINVALID;
    }
    if (*size == 0) {
        return 0;
    }
    /* No more than this is ever read; so all numbers fit. */
    if (*size > COIL__HTTP1_MAX_HEAD) {
        *size = COIL__HTTP1_MAX_HEAD;
    }
    if (head->base_ != (uintptr_t)data) {
        if (head->at_ > 0) {
            move(head, data);
        }
        head->base_ = (uintptr_t)data;
    }
    return head->scanned_ > head->at_ ? coil__http1_settle(head, data, *size, 1) : 1;
}

/* --- start lines --- */

int coil__http1_end_trouble(const char *stop, const char *end, int otherwise)
{
    if (stop < end && *stop == '\n') {
        return -COIL__HTTP1_EBARELF;
    }
    if (end - stop >= 2 && *stop == '\r' && stop[1] != '\n') {
        return -COIL__HTTP1_EBARECR;
    }
    return otherwise;
}

/* "HTTP/1.1": 0 or 1, or negative (RFC 9112, section 2.3; RFC 9110, section 2.5). */
static int read_version(const char *at)
{
    if (memcmp(at, "HTTP/", 5) != 0 || !coil__is_digit(at[5]) || at[6] != '.' ||
        !coil__is_digit(at[7])) {
        return -COIL__HTTP1_EVERSION;
    }
    if (at[5] != '1') {
        return -COIL__HTTP1_EMAJOR;
    }
    return at[7] > '0';
}

static int fail_at(struct coil__http1_head *head, const char *data, size_t size, const char *at,
                   int error)
{
    return coil__http1_settle(head, data, size, coil__http1_end_trouble(at, data + size, error));
}

/* 1, 0, or negative. */
static int skip_empty_lines(struct coil__http1_head *head, const char *data, size_t size)
{
    while (head->at_ < size && data[head->at_] == '\r') {
        if (size - head->at_ < 2 || data[head->at_ + 1] != '\n') {
            return coil__http1_settle(head, data, size, -COIL__HTTP1_EBARECR);
        }
        if (++head->empty_lines_ > COIL__HTTP1_MAX_EMPTY_LINES) {
            return coil__http1_settle(head, data, size, -COIL__HTTP1_EEMPTYLINES);
        }
        head->at_ += 2;
    }
    return 1;
}

/* The start line is good up to `line_end`, where its CRLF stands: 1, or negative. */
static int end_start_line(struct coil__http1_head *head, const char *data, size_t size,
                          const char *line_end)
{
    size_t next = (size_t)(line_end - data) + 2;

    if (COIL__UNLIKELY(next - 2 - head->at_ > head->limits_.start_line ||
                       next > head->limits_.head)) {
        return coil__http1_settle(head, data, size, -COIL__HTTP1_ELONGLINE);
    }
    head->at_ = (uint32_t)next;
    head->phase_ = COIL__HTTP1_FIELDS;
    return 1;
}

/* RFC 9112, section 3: 1, 0, or negative. */
static int parse_request_line(struct coil__http1_head *head, const char *data, size_t size)
{
    int rc = skip_empty_lines(head, data, size);
    const char *line = data + head->at_;
    const char *end = data + size;
    const char *method_end;
    const char *target_end;

    if (rc <= 0) {
        return rc;
    }
    method_end = coil__http1_skip(line, end, COIL__HTTP1_TCHAR);
    if (method_end == end || method_end == line || *method_end != ' ') {
        return fail_at(head, data, size, method_end, -COIL__HTTP1_EMETHOD);
    }
    if (method_end - line > COIL__HTTP1_MAX_METHOD) {
        return coil__http1_settle(head, data, size, -COIL__HTTP1_ELONGMETHOD);
    }
    target_end = coil__http1_skip_target(method_end + 1, end);
    if (target_end == end || target_end == method_end + 1 || *target_end != ' ') {
        return fail_at(head, data, size, target_end, -COIL__HTTP1_ETARGET);
    }
    if (!(end - target_end >= 11 && coil__http1_is_line_end(target_end + 9, end) &&
          (rc = read_version(target_end + 1)) >= 0)) {
        const char *stop = coil__http1_skip_text(target_end, end);

        return fail_at(head, data, size, stop,
                       rc == -COIL__HTTP1_EMAJOR ? rc : -COIL__HTTP1_EVERSION);
    }
    head->minor_version = (uint8_t)rc;
    head->method_name = coil__slice_between(line, method_end);
    head->method = coil__http1_method_of(head->method_name);
    head->target = coil__slice_between(method_end + 1, target_end);
    rc = coil__http1_check_target(head);
    if (rc < 0) {
        return coil__http1_settle(head, data, size, rc);
    }
    return end_start_line(head, data, size, target_end + 9);
}

/* "200", from 100 on; -1: it is none. */
static int read_status(const char *at)
{
    if (at[0] < '1' || !coil__is_digit(at[0]) || !coil__is_digit(at[1]) || !coil__is_digit(at[2])) {
        return -1;
    }
    return (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0');
}

/* RFC 9112, section 4: 1, 0, or negative. A client of the world as it is must do without the blank
 * behind the status, which many servers leave out with the reason. */
static int parse_status_line(struct coil__http1_head *head, const char *data, size_t size)
{
    enum { STATUS = 9, REASON = 12 };
    const char *line = data + head->at_;
    const char *end = data + size;
    const char *stop = coil__http1_skip_text(line, end);
    int version;
    int status;

    if (!coil__http1_is_line_end(stop, end)) {
        return fail_at(head, data, size, stop, -COIL__HTTP1_EREASON);
    }
    version = stop - line >= STATUS && line[STATUS - 1] == ' ' ? read_version(line)
                                                               : -COIL__HTTP1_EVERSION;
    if (version < 0) {
        return coil__http1_settle(head, data, size, version);
    }
    status = stop - line >= REASON ? read_status(line + STATUS) : -1;
    if (status < 0 || (stop - line > REASON && line[REASON] != ' ')) {
        return coil__http1_settle(head, data, size, -COIL__HTTP1_ESTATUS);
    }
    head->minor_version = (uint8_t)version;
    head->status = (unsigned)status;
    head->reason = coil__slice_between(stop - line > REASON ? line + REASON + 1 : stop, stop);
    return end_start_line(head, data, size, stop);
}

/* --- the whole --- */

/* size: what the fields have led to; rc: what they say together. */
static int finish(struct coil__http1_head *head, int size, int rc)
{
    head->phase_ = size == 0 ? head->phase_ : COIL__HTTP1_OVER;
    return rc < 0 ? rc : size;
}

int coil__http1_parse_request(struct coil__http1_head *head, const char *data, size_t size)
{
    int rc = begin(head, data, &size);

    head->seen_ |= COIL__HTTP1_IS_REQUEST;
    if (rc > 0 && head->phase_ == COIL__HTTP1_START_LINE) {
        rc = parse_request_line(head, data, size);
    }
    if (rc > 0) {
        rc = coil__http1_parse_fields(head, data, size);
    }
    return finish(head, rc, rc > 0 ? coil__http1_frame_request(head) : rc);
}

int coil__http1_parse_response(struct coil__http1_head *head, enum coil__http1_method request,
                               const char *data, size_t size)
{
    int rc = begin(head, data, &size);

    if (rc > 0 && head->phase_ == COIL__HTTP1_START_LINE) {
        rc = parse_status_line(head, data, size);
    }
    if (rc > 0) {
        rc = coil__http1_parse_fields(head, data, size);
    }
    return finish(head, rc, rc > 0 ? coil__http1_frame_response(head, request) : rc);
}
