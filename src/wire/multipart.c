/* multipart.c - see multipart.h. Reading; multipart_write.c writes.
 *
 * A delimiter begins with CR, and has no other one in it: so where a match breaks off, none of its
 * bytes can begin another match, and the search never goes back. What was matched in earlier
 * pieces, and turns out to be data, is given out from the parser's own copy of the delimiter.
 */
#include "wire/multipart.h"

#include "wire/media_type.h"

#include <errno.h>

enum state {
    PREAMBLE,  /* what stands before the first delimiter (RFC 2046, section 5.1.1) */
    DELIMITED, /* behind a delimiter */
    DASH,      /* behind a delimiter and '-' */
    PADDING,   /* behind a delimiter and a blank */
    LINE_END,  /* behind a delimiter and CR */
    HEAD,
    DATA,
    EPILOGUE,
};

static int fail(struct coil__multipart *parser, int error)
{
    parser->failure = -error;
    return -error;
}

/* Section 5.1.1: bchars, and no blank at the end. */
static bool is_boundary(struct coil__slice boundary)
{
    for (size_t i = 0; i < boundary.size; i++) {
        char c = boundary.start[i];

        if (!coil__is_letter(c) && !coil__is_digit(c) &&
            (c == '\0' || !strchr("'()+_,-./:=? ", c))) {
            return false;
        }
    }
    return boundary.size > 0 && boundary.size <= COIL__MULTIPART_BOUNDARY &&
           boundary.start[boundary.size - 1] != ' ';
}

ssize_t coil__multipart_boundary(struct coil__slice content_type, char *buf, size_t buf_size)
{
    struct coil__valued type;
    struct coil__slice value;
    ssize_t length;

    if (coil__media_type_parse(content_type, &type) < 0 ||
        !coil__slice_is_like(type.value, "multipart/form-data") ||
        coil__parameter_find(type.parameters, "boundary", &value) <= 0) {
        return -COIL__EMULTIPART_TYPE;
    }
    length = coil__parameter_unquote(value, buf, buf_size);
    if (length < 0 || !is_boundary((struct coil__slice){buf, (size_t)length})) {
        return -COIL__EMULTIPART_BOUNDARY;
    }
    return length;
}

int coil__multipart_init(struct coil__multipart *parser, struct coil__slice boundary, char *head,
                         size_t head_size, size_t max_parts)
{
    if (!is_boundary(boundary)) {
        return -COIL__EMULTIPART_BOUNDARY;
    }
    *parser = (struct coil__multipart){
        .head = head, .head_size = head_size, .parts_left = max_parts, .state = PREAMBLE};
    memcpy(parser->delimiter, "\r\n--", 4);
    memcpy(parser->delimiter + 4, boundary.start, boundary.size);
    parser->delimiter_size = 4 + boundary.size;
    parser->matched = 2; /* the first delimiter may be the first line */
    parser->not_data = 2;
    return 0;
}

static void use(struct coil__slice *input, size_t size)
{
    input->start += size;
    input->size -= size;
}

/* --- data --- */

enum found { NOTHING, SOME_DATA, A_DELIMITER };

/* How many bytes of the input are data for sure: those before a delimiter, or before the beginning
 * of one at the input's end. */
static size_t data_size(const struct coil__multipart *parser, const struct coil__slice *input)
{
    size_t at = 0;

    while (at < input->size) {
        const char *cr = memchr(input->start + at, '\r', input->size - at);
        size_t matched = 0;

        if (!cr) {
            return input->size;
        }
        at = (size_t)(cr - input->start);
        while (matched < parser->delimiter_size && at + matched < input->size &&
               input->start[at + matched] == parser->delimiter[matched]) {
            matched++;
        }
        if (matched == parser->delimiter_size || at + matched == input->size) {
            return at;
        }
        at += matched;
    }
    return at;
}

static enum found search(struct coil__multipart *parser, struct coil__slice *input,
                         struct coil__slice *ret_data)
{
    size_t matched = parser->matched;
    size_t at = 0;

    if (matched == 0) {
        size_t size = data_size(parser, input);

        if (size > 0) {
            *ret_data = (struct coil__slice){input->start, size};
            use(input, size);
            return SOME_DATA;
        }
    }
    while (at < input->size && matched < parser->delimiter_size &&
           input->start[at] == parser->delimiter[matched]) {
        at++;
        matched++;
    }
    if (matched == parser->delimiter_size) {
        use(input, at);
        parser->matched = 0;
        parser->not_data = 0;
        return A_DELIMITER;
    }
    if (at == input->size) {
        use(input, at);
        parser->matched = matched;
        return NOTHING;
    }
    /* It breaks off. What this piece has of it is looked at again: no CR is in it. */
    *ret_data = coil__slice_between(parser->delimiter + parser->not_data,
                                    parser->delimiter + parser->matched);
    parser->matched = 0;
    parser->not_data = 0;
    return ret_data->size > 0 ? SOME_DATA : search(parser, input, ret_data);
}

/* --- heads --- */

/* The hexadecimal digits of what browsers escape; 0: nothing is escaped here. */
static char escaped_byte(struct coil__slice text)
{
    static const struct {
        const char *text;
        char byte;
    } escapes[] = {{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}, {"\\\"", '"'}, {"\\\\", '\\'}};

    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        size_t size = strlen(escapes[i].text);

        if (text.size >= size && memcmp(text.start, escapes[i].text, size) == 0) {
            return escapes[i].byte;
        }
    }
    return '\0';
}

/* In place, in the head. Backslashes that escape nothing stand for themselves: browsers send the
 * names of files without escaping them. */
static struct coil__slice unescape(struct coil__multipart *parser, struct coil__slice value)
{
    char *start = parser->head + (value.start - parser->head);
    size_t length = 0;

    if (value.size < 2 || value.start[0] != '"') {
        return value;
    }
    for (size_t i = 1; i + 1 < value.size; i++) {
        char byte = escaped_byte((struct coil__slice){start + i, value.size - 1 - i});

        if (byte != '\0') {
            i += start[i] == '%' ? 2 : 1;
        }
        start[length++] = byte != '\0' ? byte : start[i];
    }
    return (struct coil__slice){start, length};
}

/* RFC 7578, section 4.2. */
static int use_disposition(struct coil__multipart *parser, struct coil__slice value,
                           struct coil__multipart_item *item)
{
    struct coil__valued disposition;
    struct coil__slice filename = {0};
    struct coil__slice name;

    if (item->name.start) {
        return -COIL__EMULTIPART_HEAD;
    }
    if (coil__disposition_parse(value, &disposition) < 0 ||
        !coil__slice_is_like(disposition.value, "form-data") ||
        coil__parameter_find(disposition.parameters, "name", &name) <= 0 ||
        coil__parameter_find(disposition.parameters, "filename", &filename) < 0) {
        return -COIL__EMULTIPART_NAME;
    }
    item->name = unescape(parser, name);
    item->filename = filename.start ? unescape(parser, filename) : filename;
    return 0;
}

static int use_line(struct coil__multipart *parser, struct coil__slice line,
                    struct coil__multipart_item *item)
{
    const char *colon = memchr(line.start, ':', line.size);
    struct coil__slice name;
    struct coil__slice value;

    if (!colon) {
        return -COIL__EMULTIPART_HEAD;
    }
    name = coil__slice_between(line.start, colon);
    value = coil__slice_trim(coil__slice_between(colon + 1, line.start + line.size));
    if (!coil__slice_is_token(name)) {
        return -COIL__EMULTIPART_HEAD; /* a folded line too */
    }
    for (size_t i = 0; i < value.size; i++) {
        if (coil__is_control(value.start[i]) && value.start[i] != '\t') {
            return -COIL__EMULTIPART_HEAD;
        }
    }
    if (coil__slice_is_like(name, "Content-Disposition")) {
        return use_disposition(parser, value, item);
    }
    if (coil__slice_is_like(name, "Content-Type")) {
        if (item->content_type.start) {
            return -COIL__EMULTIPART_HEAD;
        }
        item->content_type = value;
    }
    return 0; /* others are passed over (RFC 7578, section 4.8) */
}

/* The head ends with an empty line. */
static int parse_head(struct coil__multipart *parser, struct coil__multipart_item *ret_item)
{
    struct coil__multipart_item item = {{0}, {0}, {0}, {0}};
    const char *at = parser->head;
    const char *end = parser->head + parser->head_length - 2;

    while (at < end) {
        const char *cr = memchr(at, '\r', (size_t)(end - at));
        int rc;

        if (!cr || cr == at || cr[1] != '\n') {
            return -COIL__EMULTIPART_HEAD;
        }
        rc = use_line(parser, coil__slice_between(at, cr), &item);
        if (rc < 0) {
            return rc;
        }
        at = cr + 2;
    }
    if (!item.name.start) {
        return -COIL__EMULTIPART_NAME;
    }
    *ret_item = item;
    return 0;
}

static bool is_head_whole(const struct coil__multipart *parser)
{
    size_t length = parser->head_length;
    const char *end = parser->head + length;

    return length == 2 ? memcmp(parser->head, "\r\n", 2) == 0
                       : length >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0;
}

static int next_of_head(struct coil__multipart *parser, struct coil__slice *input,
                        struct coil__multipart_item *ret_item)
{
    while (input->size > 0) {
        if (parser->head_length == parser->head_size) {
            return fail(parser, COIL__EMULTIPART_HEAD_SIZE);
        }
        parser->head[parser->head_length++] = input->start[0];
        use(input, 1);
        if (is_head_whole(parser)) {
            int rc = parse_head(parser, ret_item);

            parser->state = DATA;
            parser->matched = 2; /* a delimiter may follow at once: that part has no data */
            parser->not_data = 2;
            return rc < 0 ? fail(parser, -rc) : COIL__MULTIPART_PART;
        }
    }
    return COIL__MULTIPART_MORE;
}

/* --- what follows a delimiter on its line --- */

static int next_of_line(struct coil__multipart *parser, struct coil__slice *input)
{
    while (input->size > 0 && parser->state != HEAD) {
        char c = input->start[0];

        use(input, 1);
        if (parser->state == DASH) {
            if (c == '-') {
                parser->state = EPILOGUE;
                return COIL__MULTIPART_END;
            }
            return fail(parser, COIL__EMULTIPART_DELIMITER);
        }
        if (parser->state == DELIMITED && c == '-') {
            parser->state = DASH;
        } else if (parser->state == LINE_END && c == '\n') {
            if (parser->parts_left == 0) {
                return fail(parser, COIL__EMULTIPART_PARTS);
            }
            parser->parts_left--;
            parser->head_length = 0;
            parser->state = HEAD;
        } else if (parser->state != LINE_END && c == '\r') {
            parser->state = LINE_END;
        } else if (parser->state != LINE_END && (c == ' ' || c == '\t')) {
            parser->state = PADDING;
        } else {
            return fail(parser, COIL__EMULTIPART_DELIMITER);
        }
    }
    return COIL__MULTIPART_MORE;
}

/* --- the whole --- */

int coil__multipart_next(struct coil__multipart *parser, struct coil__slice *input,
                         struct coil__multipart_item *ret_item)
{
    struct coil__slice data = {0};
    int event;

    while (parser->failure == 0 && input->size > 0) {
        switch (parser->state) {
        case PREAMBLE:
            if (search(parser, input, &data) == A_DELIMITER) {
                parser->state = DELIMITED;
            }
            break;
        case DATA:
            switch (search(parser, input, &data)) {
            case SOME_DATA:
                *ret_item = (struct coil__multipart_item){.data = data};
                return COIL__MULTIPART_DATA;
            case A_DELIMITER:
                parser->state = DELIMITED;
                return COIL__MULTIPART_PART_END;
            case NOTHING:
                break;
            }
            break;
        case EPILOGUE:
            use(input, input->size);
            break;
        default:
            event = parser->state == HEAD ? next_of_head(parser, input, ret_item)
                                          : next_of_line(parser, input);
            if (event != COIL__MULTIPART_MORE) {
                return event;
            }
        }
    }
    return parser->failure;
}

int coil__multipart_finish(const struct coil__multipart *parser)
{
    if (parser->failure != 0) {
        return parser->failure;
    }
    return parser->state == EPILOGUE ? 0 : -COIL__EMULTIPART_INCOMPLETE;
}
