/* Forms with files: however the body is cut, the events are the same; what is written is read as it
 * was; and the data are what a simple search for the delimiter finds. */
#include "fuzz.h"

#include "wire/multipart.h"

enum { MOST = 2000, HEAD = 200 };

struct record {
    char data[2 * MOST + 64];
    size_t length;
    int result;
};

static void add(struct record *record, char what, struct coil__slice slice)
{
    FUZZ_CHECK(record->length + slice.size + 2 < sizeof record->data);
    if (what != '\0') {
        record->data[record->length++] = what;
    }
    if (slice.size > 0) {
        memcpy(record->data + record->length, slice.start, slice.size);
    }
    record->length += slice.size;
}

static void note(struct record *record, int event, const struct coil__multipart_item *item)
{
    static const struct coil__slice none;

    switch (event) {
    case COIL__MULTIPART_PART:
        add(record, '[', item->name);
        add(record, '|', item->filename);
        add(record, '|', item->content_type);
        add(record, ':', none);
        break;
    case COIL__MULTIPART_DATA:
        FUZZ_CHECK(item->data.size > 0);
        add(record, '\0', item->data);
        break;
    default:
        add(record, event == COIL__MULTIPART_END ? '.' : ']', none);
    }
}

/* step: bytes of a piece. */
static void parse(struct coil__slice body, size_t step, struct record *record)
{
    char head[HEAD];
    struct coil__multipart parser;
    struct coil__multipart_item item;
    int event = 0;

    record->length = 0;
    FUZZ_CHECK(coil__multipart_init(&parser, coil__slice_of("B-"), head, sizeof head, 20) == 0);
    for (size_t at = 0; at < body.size && event == 0; at += step) {
        size_t size = body.size - at < step ? body.size - at : step;
        char *piece = malloc(size);
        struct coil__slice input = {piece, size};

        FUZZ_CHECK(piece != NULL);
        memcpy(piece, body.start + at, size);
        while ((event = coil__multipart_next(&parser, &input, &item)) > 0) {
            note(record, event, &item);
        }
        free(piece);
    }
    record->result = coil__multipart_finish(&parser);
    FUZZ_CHECK(record->result <= 0 && coil__multipart_strerror(record->result));
}

/* One part with any name and data that have no delimiter. */
static void check_there_and_back(struct coil__slice name, struct coil__slice data)
{
    struct coil__slice boundary = coil__slice_of("B-");
    struct coil__multipart_item part = {.name = name, .filename = name};
    struct coil__multipart_item item = {{0}, {0}, {0}, {0}};
    struct coil__multipart parser;
    char head[1024];
    char body[MOST + 1200];
    struct coil__slice input;
    ssize_t length = coil__multipart_write_part(boundary, true, &part, body, sizeof body);
    size_t at;
    size_t got = 0;

    FUZZ_CHECK(length > 0);
    at = (size_t)length;
    if (data.size > 0) {
        memcpy(body + at, data.start, data.size);
    }
    at += data.size;
    length = coil__multipart_write_end(boundary, false, body + at, sizeof body - at);
    FUZZ_CHECK(length > 0);
    input = (struct coil__slice){body, at + (size_t)length};
    FUZZ_CHECK(coil__multipart_init(&parser, boundary, head, sizeof head, 1) == 0);
    FUZZ_CHECK(coil__multipart_next(&parser, &input, &item) == COIL__MULTIPART_PART);
    FUZZ_CHECK(coil__slice_is_equal(item.name, name) && coil__slice_is_equal(item.filename, name));
    while (coil__multipart_next(&parser, &input, &item) == COIL__MULTIPART_DATA) {
        FUZZ_CHECK(got + item.data.size <= data.size);
        FUZZ_CHECK(memcmp(data.start + got, item.data.start, item.data.size) == 0);
        got += item.data.size;
    }
    FUZZ_CHECK(got == data.size);
    FUZZ_CHECK(coil__multipart_next(&parser, &input, &item) == COIL__MULTIPART_END);
    FUZZ_CHECK(coil__multipart_finish(&parser) == 0);
}

static bool is_plain(struct coil__slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        if ((unsigned char)name.start[i] < ' ' || name.start[i] == 0x7f || name.start[i] == '\\' ||
            name.start[i] == '%') {
            return false;
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct record whole;
    static struct record pieces;
    struct fuzz_input in = {data, size < MOST ? size : MOST};
    size_t step = 1 + take_below(&in, 80);
    struct coil__slice body = {(const char *)in.data, in.size};
    struct coil__slice name = {body.start, body.size < step ? body.size : step};

    parse(body, body.size + 1, &whole);
    parse(body, step, &pieces);
    FUZZ_CHECK(whole.result == pieces.result && whole.length == pieces.length);
    FUZZ_CHECK(memcmp(whole.data, pieces.data, whole.length) == 0);
    if (is_plain(name) && !memmem(body.start, body.size, "--B-", 4)) {
        check_there_and_back(name, body);
    }
    return 0;
}
