/* http1_frame.c - the fields that decide where a message ends and what becomes of the connection.
 *
 * Each is judged as it comes; what they say together is decided behind the last one, when all of
 * them have been seen (RFC 9112, sections 6.3 and 9.3).
 */
#include "wire/http1_internal.h"

static inline __attribute__((always_inline)) bool is_slice(struct coil__slice slice,
                                                           const char *word)
{
    return coil__http1_is_word(slice, word, strlen(word));
}

/* Takes the next element of a list that may have empty ones (RFC 9110, section 5.6.1), without the
 * blanks around it. False: there is none left. */
static bool take_element(struct coil__slice *list, struct coil__slice *ret_element)
{
    const char *start = list->start;
    const char *end;
    size_t size;

    if (!start) {
        return false;
    }
    end = list->size > 0 ? memchr(start, ',', list->size) : NULL;
    size = end ? (size_t)(end - start) : list->size;
    *list = end ? (struct coil__slice){end + 1, list->size - size - 1} : (struct coil__slice){0};
    end = start + size;
    while (start < end && coil__http1_is_blank(*start)) {
        start++;
    }
    while (start < end && coil__http1_is_blank(end[-1])) {
        end--;
    }
    *ret_element = coil__slice_between(start, end);
    return true;
}

/* --- each --- */

static int note_host(struct coil__http1_head *head, struct coil__slice value)
{
    if (!(head->seen_ & COIL__HTTP1_IS_REQUEST)) {
        return 0;
    }
    if (head->seen_ & COIL__HTTP1_SEEN_HOST) {
        return -COIL__HTTP1_EHOSTS;
    }
    head->seen_ |= COIL__HTTP1_SEEN_HOST;
    /* An empty one is sent where a target has no authority (RFC 9112, section 3.2). */
    if (value.size > 0 && !coil__http1_is_host(value, false)) {
        return -COIL__HTTP1_EHOST;
    }
    if (!head->host.start) {
        head->host = value;
    }
    return 0;
}

/* RFC 9110, section 8.6, where equal values may be refused or taken for one: refused. */
static int note_length(struct coil__http1_head *head, struct coil__slice value)
{
    uint64_t length = 0;

    if (head->seen_ & COIL__HTTP1_SEEN_LENGTH) {
        return -COIL__HTTP1_ELENGTHS;
    }
    head->seen_ |= COIL__HTTP1_SEEN_LENGTH;
    if (value.size == 0 || value.size > 19) {
        return -COIL__HTTP1_ELENGTH;
    }
    for (size_t i = 0; i < value.size; i++) {
        unsigned digit = (unsigned char)value.start[i] - (unsigned)'0';

        if (digit > 9) {
            return -COIL__HTTP1_ELENGTH;
        }
        length = length * 10 + digit;
    }
    head->content_length = length;
    return length <= INT64_MAX ? 0 : -COIL__HTTP1_ELENGTH;
}

/* RFC 9112, sections 6.1 and 6.3: "chunked", and that only. Another coding before it is one that
 * we do not know; chunked elsewhere, or not at all, leaves the end of the body open. */
static int note_coding(struct coil__http1_head *head, struct coil__slice value)
{
    struct coil__slice element;
    unsigned count = 0;
    bool is_last = false;
    bool is_empty = false;

    if (head->seen_ & COIL__HTTP1_SEEN_CHUNKED) {
        return -COIL__HTTP1_ECODING;
    }
    if (is_slice(value, "chunked")) {
        head->seen_ |= COIL__HTTP1_SEEN_CHUNKED;
        return 0;
    }
    while (take_element(&value, &element)) {
        is_last = is_slice(element, "chunked");
        count += is_last;
        is_empty = is_empty || element.size == 0;
    }
    return is_last && count == 1 && !is_empty ? -COIL__HTTP1_EUNKNOWN : -COIL__HTTP1_ECODING;
}

/* RFC 9110, section 7.6.1. */
static int note_connection(struct coil__http1_head *head, struct coil__slice value)
{
    struct coil__slice option;

    if (is_slice(value, "keep-alive")) { /* mostly */
        head->seen_ |= COIL__HTTP1_SEEN_KEEP_ALIVE;
        return 0;
    }
    while (take_element(&value, &option)) {
        const char *end = option.start + option.size;

        if (coil__http1_skip_name(option.start, end) != end) {
            return -COIL__HTTP1_ECONNECTION;
        }
        if (is_slice(option, "close")) {
            head->seen_ |= COIL__HTTP1_SEEN_CLOSE;
        } else if (is_slice(option, "keep-alive")) {
            head->seen_ |= COIL__HTTP1_SEEN_KEEP_ALIVE;
        } else if (is_slice(option, "upgrade")) {
            head->seen_ |= COIL__HTTP1_SEEN_UPGRADE_OPTION;
        }
    }
    return 0;
}

/* RFC 9110, section 10.1.1: in a request of HTTP/1.0 it is not heard. */
static int note_expect(struct coil__http1_head *head, struct coil__slice value)
{
    if (!(head->seen_ & COIL__HTTP1_IS_REQUEST) || head->minor_version == 0) {
        return 0;
    }
    if (!is_slice(value, "100-continue")) {
        return -COIL__HTTP1_EEXPECT;
    }
    head->seen_ |= COIL__HTTP1_SEEN_CONTINUE;
    return 0;
}

static int note_upgrade(struct coil__http1_head *head, struct coil__slice value)
{
    if (!(head->seen_ & COIL__HTTP1_SEEN_UPGRADE)) {
        head->upgrade = value;
    }
    head->seen_ |= COIL__HTTP1_SEEN_UPGRADE;
    return 0;
}

int coil__http1_note_field(struct coil__http1_head *head, const struct coil__http1_field *field)
{
    switch (field->name.size) {
    case 4:
        return is_slice(field->name, "host") ? note_host(head, field->value) : 0;
    case 6:
        return is_slice(field->name, "expect") ? note_expect(head, field->value) : 0;
    case 7:
        return is_slice(field->name, "upgrade") ? note_upgrade(head, field->value) : 0;
    case 10:
        return is_slice(field->name, "connection") ? note_connection(head, field->value) : 0;
    case 14:
        return is_slice(field->name, "content-length") ? note_length(head, field->value) : 0;
    case 17:
        return is_slice(field->name, "transfer-encoding") ? note_coding(head, field->value) : 0;
    default:
        return 0;
    }
}

/* --- together --- */

static bool has(const struct coil__http1_head *head, unsigned bits)
{
    return (head->seen_ & bits) == bits;
}

/* What requests and responses have in common; *ret_framing is UNTIL_CLOSE where nothing is said. */
static int frame(struct coil__http1_head *head, enum coil__http1_framing *ret_framing)
{
    bool is_chunked = has(head, COIL__HTTP1_SEEN_CHUNKED);

    if (is_chunked && head->minor_version == 0) {
        return -COIL__HTTP1_EOLD;
    }
    if (is_chunked && has(head, COIL__HTTP1_SEEN_LENGTH)) {
        return -COIL__HTTP1_ETWO;
    }
    head->has_content_length = has(head, COIL__HTTP1_SEEN_LENGTH);
    *ret_framing = is_chunked                 ? COIL__HTTP1_CHUNKED
                   : head->has_content_length ? COIL__HTTP1_LENGTH
                                              : COIL__HTTP1_UNTIL_CLOSE;
    /* RFC 9112, section 9.3. */
    head->keep_alive = !has(head, COIL__HTTP1_SEEN_CLOSE) &&
                       (head->minor_version > 0 || has(head, COIL__HTTP1_SEEN_KEEP_ALIVE));
    /* RFC 9110, section 7.8: not in HTTP/1.0. */
    head->has_upgrade = head->minor_version > 0 &&
                        has(head, COIL__HTTP1_SEEN_UPGRADE | COIL__HTTP1_SEEN_UPGRADE_OPTION);
    return 0;
}

int coil__http1_frame_request(struct coil__http1_head *head)
{
    enum coil__http1_framing framing;
    int rc = frame(head, &framing);

    if (rc < 0) {
        return rc;
    }
    if (head->minor_version > 0 && !has(head, COIL__HTTP1_SEEN_HOST)) {
        return -COIL__HTTP1_ENOHOST;
    }
    head->framing = framing == COIL__HTTP1_UNTIL_CLOSE ? COIL__HTTP1_NO_BODY : framing;
    head->expects_continue = has(head, COIL__HTTP1_SEEN_CONTINUE) &&
                             (framing == COIL__HTTP1_CHUNKED || head->content_length > 0);
    return 0;
}

int coil__http1_frame_response(struct coil__http1_head *head, enum coil__http1_method request)
{
    enum coil__http1_framing framing;
    int rc = frame(head, &framing);
    unsigned status = head->status;

    if (rc < 0) {
        return rc;
    }
    if (status == 101 || (request == COIL__HTTP1_CONNECT && status / 100 == 2)) {
        framing = COIL__HTTP1_TUNNEL;
    } else if (request == COIL__HTTP1_HEAD || status / 100 == 1 || status == 204 || status == 304) {
        framing = COIL__HTTP1_NO_BODY;
    }
    head->framing = framing;
    head->keep_alive =
        head->keep_alive && framing != COIL__HTTP1_UNTIL_CLOSE && framing != COIL__HTTP1_TUNNEL;
    return 0;
}
