/* Heads and bodies of HTTP/1.1: whatever comes, in pieces it leads to what it leads to whole, no
 * slice lies beyond the bytes that were given, and what was taken is taken again when it is
 * written anew. */
#include "fuzz.h"

#include "../wire/http1_feed.h"

#include <strings.h>

/* Sizes of the pieces, and what else the first bytes decide. */
struct plan {
    struct pieces pieces;
    enum coil__http1_method request;
    struct coil__http1_limits limits;
    uint64_t most; /* of a body */
};

static void take_plan(struct fuzz_input *in, struct plan *plan)
{
    unsigned byte = take_byte(in);

    plan->pieces.first = take_byte(in);
    plan->pieces.step = take_byte(in) % 64u + 1;
    plan->request = (enum coil__http1_method)(byte % (COIL__HTTP1_PATCH + 1));
    plan->limits = (struct coil__http1_limits){0};
    plan->most = UINT64_MAX;
    if (byte & 0x80) { /* narrow bounds, so that all of them are met */
        plan->limits.head = take_byte(in);
        plan->limits.start_line = take_byte(in) % 64u;
        plan->limits.field = take_byte(in) % 64u;
        plan->most = take_byte(in);
    }
}

static void check_same(const struct fed *whole, const struct fed *pieces)
{
    FUZZ_CHECK(whole->is_sound && pieces->is_sound);
    FUZZ_CHECK(whole->rc == pieces->rc);
    FUZZ_CHECK(strcmp(whole->text, pieces->text) == 0);
}

/* --- what is taken is safe, by other means than the parser's --- */

/* How many lines begin so. */
static unsigned count_lines(const char *data, size_t size, const char *beginning)
{
    size_t length = strlen(beginning);
    unsigned count = 0;

    for (size_t i = 2; i + length <= size; i++) {
        count += data[i - 2] == '\r' && strncasecmp(data + i, beginning, length) == 0;
    }
    return count;
}

/* A head that was taken has no character that another parser could take for something else, ends
 * at the first empty line, and says at most once how long the body is. */
static void check_safe(const char *data, size_t size, bool is_response, bool is_old)
{
    unsigned lines = 0;

    while (data[0] == '\r') {
        FUZZ_CHECK(size > 2 && data[1] == '\n');
        data += 2;
        size -= 2;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)data[i];

        FUZZ_CHECK(byte >= ' ' || byte == '\t' || byte == '\r' || byte == '\n');
        FUZZ_CHECK(byte != 0x7f);
        FUZZ_CHECK(byte != '\r' || (i + 1 < size && data[i + 1] == '\n'));
        if (byte == '\n') {
            FUZZ_CHECK(i > 0 && data[i - 1] == '\r');
            FUZZ_CHECK(i + 1 == size || (data[i + 1] != ' ' && data[i + 1] != '\t'));
            FUZZ_CHECK((i + 1 == size) == (i >= 3 && data[i - 2] == '\n'));
            lines++;
        }
    }
    FUZZ_CHECK(lines >= 2);
    FUZZ_CHECK(count_lines(data, size, "content-length:") +
                   count_lines(data, size, "transfer-encoding:") <=
               1);
    FUZZ_CHECK(!is_old || count_lines(data, size, "transfer-encoding:") == 0);
    FUZZ_CHECK(is_response || count_lines(data, size, "host:") == 1 ||
               (is_old && count_lines(data, size, "host:") == 0));
}

/* Writes what was read, and reads it again. */
static void check_again(const char *data, size_t size, const enum coil__http1_method *request)
{
    struct coil__http1_field fields[FEED_FIELDS];
    struct coil__http1_head head;
    struct coil__http1_writer writer;
    char buf[8192];
    static struct fed first;
    static struct fed second;
    int64_t length;

    coil__http1_head_init(&head, fields, FEED_FIELDS, NULL);
    FUZZ_CHECK((request ? coil__http1_parse_response(&head, *request, data, size)
                        : coil__http1_parse_request(&head, data, size)) > 0);
    check_safe(data, size, request != NULL, head.minor_version == 0);
    if (head.minor_version == 0) {
        return; /* only HTTP/1.1 is written */
    }
    coil__http1_writer_init(&writer, buf, sizeof buf);
    if (request) {
        coil__http1_write_status(&writer, head.status, head.reason);
    } else {
        coil__http1_write_request(&writer, head.method_name, head.target);
    }
    for (size_t i = 0; i < head.field_count; i++) {
        coil__http1_write_field(&writer, head.fields[i].name, head.fields[i].value);
    }
    coil__http1_write_line_end(&writer);
    length = coil__http1_writer_end(&writer);
    FUZZ_CHECK(length > 0);
    if (length <= (int64_t)sizeof buf) {
        feed_head(data, size, (struct pieces){size, 0}, request, NULL, &first);
        feed_head(buf, (size_t)length, (struct pieces){(size_t)length, 0}, request, NULL, &second);
        FUZZ_CHECK(second.rc == length);
        FUZZ_CHECK(strcmp(first.text, second.text) == 0);
    }
}

static void check_head(struct fuzz_input *in, bool is_response)
{
    static struct fed whole;
    static struct fed pieces;
    const struct pieces at_once = {SIZE_MAX, 0};
    struct plan plan;
    const enum coil__http1_method *request = is_response ? &plan.request : NULL;
    const char *data;

    take_plan(in, &plan);
    data = (const char *)in->data;
    feed_head(data, in->size, at_once, request, &plan.limits, &whole);
    feed_head(data, in->size, plan.pieces, request, &plan.limits, &pieces);
    check_same(&whole, &pieces);
    if (in->size < 256) {
        feed_head(data, in->size, (struct pieces){0, 1}, request, &plan.limits, &pieces);
        check_same(&whole, &pieces);
    }
    FUZZ_CHECK(whole.rc >= 0 || coil__http1_error_status(whole.rc) < 500 ||
               coil__http1_error_status(whole.rc) == 501 ||
               coil__http1_error_status(whole.rc) == 505);
    if (whole.rc > 0) {
        check_again(data, (size_t)whole.rc, request);
    }
}

static void check_body(struct fuzz_input *in)
{
    static struct fed whole;
    static struct fed pieces;
    static const enum coil__http1_framing framings[] = {
        COIL__HTTP1_CHUNKED, COIL__HTTP1_CHUNKED, COIL__HTTP1_LENGTH, COIL__HTTP1_UNTIL_CLOSE};
    struct plan plan;
    enum coil__http1_framing framing = framings[take_byte(in) % 4];
    uint64_t length = take_byte(in);
    struct coil__http1_body body;

    take_plan(in, &plan);
    if (coil__http1_body_init(&body, framing, length, plan.most) < 0) {
        FUZZ_CHECK(framing == COIL__HTTP1_LENGTH && length > plan.most);
        return;
    }
    feed_body(&body, (const char *)in->data, in->size, (struct pieces){SIZE_MAX, 0}, &whole);
    FUZZ_CHECK(coil__http1_body_init(&body, framing, length, plan.most) == 0);
    feed_body(&body, (const char *)in->data, in->size, plan.pieces, &pieces);
    check_same(&whole, &pieces);
    FUZZ_CHECK(whole.rc != COIL__HTTP1_END || whole.size == pieces.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};

    switch (take_byte(&in) % 3) {
    case 0:
        check_head(&in, false);
        break;
    case 1:
        check_head(&in, true);
        break;
    default:
        check_body(&in);
        break;
    }
    return 0;
}
