/* http1_fields.c - field lines (RFC 9112, section 5), up to the empty line. */
#include "wire/http1_internal.h"

int coil__http1_field_trouble(const char *line, const char *end)
{
    const char *colon = coil__http1_skip(line, end, COIL__HTTP1_TCHAR);
    const char *stop = coil__http1_skip_text(line, end);
    int trouble = coil__http1_end_trouble(stop, end, 0);

    if (coil__http1_is_blank(*line)) {
        return -COIL__HTTP1_EFOLD; /* section 5.2, and before the first field section 2.2 */
    }
    if (colon < stop && *colon != ':') {
        bool is_blank = coil__http1_is_blank(*colon) && colon > line;

        return is_blank ? -COIL__HTTP1_EBLANK : -COIL__HTTP1_ENAME; /* section 5.1 */
    }
    if (trouble < 0) {
        return trouble;
    }
    if (colon == stop) { /* where the line ends, or a control character stands */
        return *stop == '\r' ? -COIL__HTTP1_ENOCOLON : -COIL__HTTP1_ENAME;
    }
    return colon == line ? -COIL__HTTP1_ENAME : -COIL__HTTP1_EVALUE;
}

/* The four first letters, all small, of the names that coil__http1_note_field knows, by size. */
static const char beginnings[32][4] = {
    [4] = {'h', 'o', 's', 't'},  /* Host */
    [6] = {'e', 'x', 'p', 'e'},  /* Expect */
    [7] = {'u', 'p', 'g', 'r'},  /* Upgrade */
    [10] = {'c', 'o', 'n', 'n'}, /* Connection */
    [14] = {'c', 'o', 'n', 't'}, /* Content-Length */
    [17] = {'t', 'r', 'a', 'n'}, /* Transfer-Encoding */
};

/* False for nearly all that note_field has no interest in. A line has at least four bytes. */
static inline bool may_be_known(const struct coil__http1_field *field)
{
    return (coil__http1_load32(field->name.start) | 0x20202020) ==
           coil__http1_load32(beginnings[field->name.size % 32]);
}

/* An empty line, or one that is not good or not whole: the head's size, 0, or negative. */
static int end_fields(struct coil__http1_head *head, const char *data, size_t size)
{
    const char *line = data + head->at_;
    const char *end = data + size;
    size_t next = head->at_ + 2;
    int rc;

    if (coil__http1_is_line_end(line, end) && next <= head->limits_.head) {
        return (int)next;
    }
    rc = coil__http1_settle(head, data, size, 1);
    return rc > 0 ? coil__http1_field_trouble(line, end) : rc;
}

/* Whether a line that was read is within its bounds. */
static bool is_bounded(const struct coil__http1_head *head, const char *data, const char *line,
                       const char *next)
{
    return (size_t)(next - line) - 2 <= head->limits_.field &&
           (size_t)(next - data) <= head->limits_.head;
}

/* Notes how far the fields were read. */
static void stop_at(struct coil__http1_head *head, const char *data, const char *line,
                    const struct coil__http1_field *field)
{
    head->at_ = (uint32_t)(line - data);
    head->field_count = (size_t)(field - head->fields);
}

int coil__http1_parse_fields(struct coil__http1_head *head, const char *data, size_t size)
{
    const char *end = data + size;
    const char *line = data + head->at_;
    const char *loads_end = coil__http1_loads_end(line, end);
    struct coil__http1_field *field = head->fields + head->field_count;
    struct coil__http1_field *last = head->fields + head->capacity_;
    struct coil__http1_field spare;
    /* What ends before this is within all bounds. */
    size_t least =
        head->limits_.field < head->limits_.head ? head->limits_.field : head->limits_.head;
    const char *bound = least < size ? data + least : end;

    for (;;) {
        const char *next =
            coil__http1_read_field(line, loads_end, end, field < last ? field : &spare);
        int rc = 0;

        if (COIL__UNLIKELY(!next)) {
            stop_at(head, data, line, field);
            return end_fields(head, data, size);
        }
        if (COIL__UNLIKELY(next > bound) && !is_bounded(head, data, line, next)) {
            stop_at(head, data, line, field);
            return coil__http1_settle(head, data, size, -COIL__HTTP1_ELONGFIELD);
        }
        if (COIL__UNLIKELY(field == last)) {
            return -COIL__HTTP1_EFIELDS;
        }
        if (may_be_known(field)) {
            rc = coil__http1_note_field(head, field);
        }
        if (COIL__UNLIKELY(rc < 0)) {
            return rc;
        }
        field++;
        line = next;
    }
}

const struct coil__http1_field *coil__http1_find(const struct coil__http1_head *head, size_t from,
                                                 struct coil__slice name)
{
    for (size_t i = from; i < head->field_count; i++) {
        if (coil__slice_is_similar(head->fields[i].name, name)) {
            return &head->fields[i];
        }
    }
    return NULL;
}
