/* media_type.c - see media_type.h. The table of extensions stands in media_types.c. */
#include "wire/media_type.h"

#include "wire/out.h"
#include "wire/percent.h"

#include "base/text.h"

/* --- cutting --- */

/* What stands before the first ';', and what behind it. */
static struct coil__valued cut(struct coil__slice field)
{
    struct coil__valued valued = {{0}, {0}};
    const char *end;
    const char *semicolon = field.size > 0 ? memchr(field.start, ';', field.size) : NULL;

    if (field.size == 0) {
        return valued;
    }
    end = field.start + field.size;
    valued.value = coil__slice_trim(coil__slice_between(field.start, semicolon ? semicolon : end));
    if (semicolon) {
        valued.parameters = coil__slice_between(semicolon + 1, end);
    }
    return valued;
}

int coil__media_type_parse(struct coil__slice field, struct coil__valued *ret_type)
{
    struct coil__valued type = cut(field);
    const char *slash = type.value.size > 0 ? memchr(type.value.start, '/', type.value.size) : NULL;

    if (!slash || !coil__slice_is_token(coil__slice_between(type.value.start, slash)) ||
        !coil__slice_is_token(coil__slice_between(slash + 1, type.value.start + type.value.size))) {
        return -EBADMSG;
    }
    *ret_type = type;
    return 0;
}

int coil__disposition_parse(struct coil__slice field, struct coil__valued *ret_disposition)
{
    struct coil__valued disposition = cut(field);

    if (!coil__slice_is_token(disposition.value)) {
        return -EBADMSG;
    }
    *ret_disposition = disposition;
    return 0;
}

/* --- parameters --- */

/* Bytes of the token or quoted-string at the beginning; 0: there is none, or no end of it (RFC
 * 9110, section 5.6.4). */
static size_t value_size(struct coil__slice text)
{
    size_t i = 0;

    if (text.size == 0 || text.start[0] != '"') {
        while (i < text.size && coil__is_token_character(text.start[i])) {
            i++;
        }
        return i;
    }
    for (i = 1; i < text.size && text.start[i] != '"'; i++) {
        char c = text.start[i];

        if (coil__is_control(c) && c != '\t') {
            return 0;
        }
        i += c == '\\';
    }
    return i < text.size ? i + 1 : 0;
}

/* Takes "name=value". False: malformed. */
static bool take_parameter(struct coil__slice *rest, struct coil__parameter *parameter)
{
    size_t size = 0;

    while (size < rest->size && coil__is_token_character(rest->start[size])) {
        size++;
    }
    if (size == 0 || size == rest->size || rest->start[size] != '=') {
        return false;
    }
    parameter->name = (struct coil__slice){rest->start, size};
    *rest = (struct coil__slice){rest->start + size + 1, rest->size - size - 1};
    size = value_size(*rest);
    parameter->value = (struct coil__slice){rest->start, size};
    *rest = coil__slice_trim((struct coil__slice){rest->start + size, rest->size - size});
    return size > 0 && (rest->size == 0 || rest->start[0] == ';');
}

int coil__parameter_next(struct coil__slice *parameters, struct coil__parameter *ret_parameter)
{
    struct coil__slice rest = coil__slice_trim(*parameters);
    struct coil__parameter parameter;

    while (rest.size > 0 && rest.start[0] == ';') {
        rest = coil__slice_trim((struct coil__slice){rest.start + 1, rest.size - 1});
    }
    *parameters = (struct coil__slice){0};
    if (rest.size == 0) {
        return 0;
    }
    if (!take_parameter(&rest, &parameter)) {
        return -EBADMSG;
    }
    *parameters = rest;
    *ret_parameter = parameter;
    return 1;
}

int coil__parameter_find(struct coil__slice parameters, const char *name,
                         struct coil__slice *ret_value)
{
    struct coil__slice value = {0};
    struct coil__parameter parameter;
    int rc;

    while ((rc = coil__parameter_next(&parameters, &parameter)) > 0) {
        if (coil__slice_is_like(parameter.name, name)) {
            if (value.start) {
                return -EBADMSG;
            }
            value = parameter.value;
        }
    }
    if (rc == 0 && value.start) {
        *ret_value = value;
        rc = 1;
    }
    return rc;
}

ssize_t coil__parameter_unquote(struct coil__slice value, char *buf, size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};
    bool is_quoted = value.size >= 2 && value.start[0] == '"';
    size_t end = is_quoted ? value.size - 1 : value.size;

    for (size_t i = is_quoted; i < end; i++) {
        if (is_quoted && value.start[i] == '\\' && i + 1 < end) {
            i++;
        }
        coil__out_byte(&out, value.start[i]);
    }
    return coil__out_end(&out);
}

/* --- extended values (RFC 8187) --- */

static struct coil__slice take_until_quote(struct coil__slice *rest)
{
    const char *quote = rest->size > 0 ? memchr(rest->start, '\'', rest->size) : NULL;
    struct coil__slice taken = {0};

    if (quote) {
        taken = coil__slice_between(rest->start, quote);
        *rest = coil__slice_between(quote + 1, rest->start + rest->size);
    }
    return taken;
}

static void put_latin1(struct coil__out *out, unsigned char byte)
{
    if (byte < 0x80) {
        coil__out_byte(out, (char)byte);
    } else {
        coil__out_byte(out, (char)(0xc0 | byte >> 6));
        coil__out_byte(out, (char)(0x80 | (byte & 0x3f)));
    }
}

ssize_t coil__parameter_decode(struct coil__slice value, char *buf, size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};
    struct coil__slice rest = value;
    struct coil__slice charset = take_until_quote(&rest);
    struct coil__slice language = take_until_quote(&rest);
    bool is_latin1 = coil__slice_is_like(charset, "iso-8859-1");
    ssize_t length;

    if (!language.start || (!is_latin1 && !coil__slice_is_like(charset, "utf-8"))) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < rest.size; i++) {
        struct coil__slice left = {rest.start + i, rest.size - i};
        int byte = coil__percent_byte(left);

        if (byte == 0 || (byte < 0 && !coil__percent_has(COIL__PERCENT_ATTRIBUTE, left.start[0]))) {
            return -EBADMSG;
        }
        i += byte < 0 ? 0 : 2;
        byte = byte < 0 ? left.start[0] : byte;
        if (is_latin1) {
            put_latin1(&out, (unsigned char)byte);
        } else {
            coil__out_byte(&out, (char)byte);
        }
    }
    length = coil__out_end(&out);
    return length >= 0 && !coil__text_is_utf8(buf) ? -EBADMSG : length;
}

static void put_extended(struct coil__out *out, struct coil__slice text)
{
    coil__out_string(out, "UTF-8''");
    for (size_t i = 0; i < text.size; i++) {
        if (coil__percent_has(COIL__PERCENT_ATTRIBUTE, text.start[i])) {
            coil__out_byte(out, text.start[i]);
        } else {
            coil__out_percent(out, text.start[i]);
        }
    }
}

ssize_t coil__parameter_encode(struct coil__slice text, char *buf, size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};

    put_extended(&out, text);
    return coil__out_end(&out);
}

/* --- names of files --- */

struct coil__slice coil__filename_base(struct coil__slice name)
{
    struct coil__slice base = {name.start, 0};

    for (size_t i = 0; i < name.size; i++) {
        if (coil__is_control(name.start[i])) {
            return (struct coil__slice){0};
        }
    }
    while (base.size < name.size && name.start[name.size - base.size - 1] != '/' &&
           name.start[name.size - base.size - 1] != '\\') {
        base.size++;
    }
    if (base.size > 0) {
        base.start = name.start + (name.size - base.size);
    }
    if (base.size == 0 || coil__slice_is(base, ".") || coil__slice_is(base, "..")) {
        return (struct coil__slice){0};
    }
    return base;
}

/* The last part, moved to the beginning of buf. */
static ssize_t keep_base(char *buf, ssize_t length)
{
    struct coil__slice base = coil__filename_base((struct coil__slice){buf, (size_t)length});

    if (!base.start) {
        return -EBADMSG;
    }
    memmove(buf, base.start, base.size + 1);
    return (ssize_t)base.size;
}

ssize_t coil__disposition_filename(const struct coil__valued *disposition, char *buf,
                                   size_t buf_size)
{
    struct coil__slice value;
    ssize_t length;
    int rc = coil__parameter_find(disposition->parameters, "filename*", &value);

    if (rc > 0) {
        length = coil__parameter_decode(value, buf, buf_size);
        if (length != -EBADMSG) {
            return length < 0 ? length : keep_base(buf, length);
        }
    }
    rc = rc < 0 ? rc : coil__parameter_find(disposition->parameters, "filename", &value);
    if (rc <= 0) {
        return rc;
    }
    length = coil__parameter_unquote(value, buf, buf_size);
    return length < 0 ? length : keep_base(buf, length);
}

ssize_t coil__disposition_format(const char *type, struct coil__slice filename, char *buf,
                                 size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};
    bool is_plain = true;

    if (!coil__slice_is_token(coil__slice_of(type))) {
        return -EINVAL;
    }
    coil__out_string(&out, type);
    if (!filename.start) {
        return coil__out_end(&out);
    }
    coil__out_string(&out, "; filename=\"");
    for (size_t i = 0; i < filename.size; i++) {
        char c = filename.start[i];

        if (coil__is_control(c)) {
            return -EINVAL;
        }
        if (c == '"' || c == '\\') {
            coil__out_byte(&out, '\\');
        }
        is_plain = is_plain && (unsigned char)c < 0x80 && c != '%';
        coil__out_byte(&out, (unsigned char)c < 0x80 ? c : '_');
    }
    coil__out_byte(&out, '"');
    if (!is_plain) {
        coil__out_string(&out, "; filename*=");
        put_extended(&out, filename);
    }
    return coil__out_end(&out);
}
