/* json_scan.c - the grammar of RFC 8259: what stands in the text, and where it is none of that.
 *
 * Bytes are looked at one by one with a check for the end before each: the text needs no NUL. */
#include "http/json.h"

#include "base/text.h"

/* Bytes of a string that mean themselves. */
void coil__json_blanks(struct coil__json_reader *reader)
{
    const char *at = reader->next;

    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
        at++;
    }
    reader->next = at;
}

bool coil__json_take(struct coil__json_reader *reader, char byte)
{
    if (reader->next < reader->end && *reader->next == byte) {
        reader->next++;
        return true;
    }
    return false;
}

static bool expected(struct coil__json_reader *reader, const char *message)
{
    if (reader->next >= reader->end) {
        message = "the text ends too early";
    }
    return coil__json_stop(reader, COIL_JSON_SYNTAX, message);
}

/* --- strings --- */

/* Four digits behind "\u"; -1. */
static int32_t hex_of(const char *at, const char *end)
{
    int32_t code = 0;

    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        char c = coil__to_lower(at[i]);

        if (!coil__is_digit(c) && (c < 'a' || c > 'f')) {
            return -1;
        }
        code = code << 4 | (coil__is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return code;
}

/* The code point of an escape that begins at its backslash, and its size in *ret_size; -1: it is
 * none. Two of them, if they are a surrogate pair (RFC 8259, section 7). */
static int32_t escape_of(const char *at, const char *end, size_t *ret_size)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter;
    int32_t code;
    int32_t low;

    if (end - at < 2) {
        return -1;
    }
    *ret_size = 2;
    if (at[1] != 'u') {
        letter = at[1] ? strchr(letters, at[1]) : NULL;
        return letter ? meanings[letter - letters] : -1;
    }
    *ret_size = 6;
    code = hex_of(at + 2, end);
    if (code < 0xD800 || code > 0xDFFF) {
        return code;
    }
    if (code > 0xDBFF || end - at < 12 || at[6] != '\\' || at[7] != 'u') {
        return -1;
    }
    low = hex_of(at + 8, end);
    if (low < 0xDC00 || low > 0xDFFF) {
        return -1;
    }
    *ret_size = 12;
    return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
}

/* Bytes of the character of several bytes that begins here; 0: it is none. */
static size_t character_at(const char *at, const char *end)
{
    char last[5] = {0}; /* so that nothing is read behind the end */
    uint32_t code;

    if (end - at < 4) {
        memcpy(last, at, (size_t)(end - at));
        at = last;
    }
    return coil__text_character(at, &code);
}

static bool scan_odd(struct coil__json_reader *reader, struct coil__json_string *string)
{
    size_t size = 0;
    int32_t code;

    if (*reader->next == '\\') {
        code = escape_of(reader->next, reader->end, &size);
        if (code < 0) {
            return expected(reader, "no such escape");
        }
        string->has_escapes = true;
        string->has_nul = string->has_nul || code == 0;
    } else if ((unsigned char)*reader->next < 0x20) {
        return expected(reader, "a control character in a string");
    } else {
        size = character_at(reader->next, reader->end);
        if (size == 0) {
            return expected(reader, "bytes that are no UTF-8");
        }
    }
    reader->next += size;
    string->characters++;
    return true;
}

bool coil__json_scan_string(struct coil__json_reader *reader, struct coil__json_string *ret_string)
{
    struct coil__json_string string = {0};

    if (!coil__json_take(reader, '"')) {
        return expected(reader, "a string was expected");
    }
    string.start = reader->next;
    while (true) {
        const char *at = reader->next;

        while (at < reader->end && coil__json_is_plain(*at)) {
            at++;
        }
        string.characters += (size_t)(at - reader->next);
        reader->next = at;
        if (at == reader->end) {
            return expected(reader, NULL);
        }
        if (*at == '"') {
            break;
        }
        if (!scan_odd(reader, &string)) {
            return false;
        }
    }
    string.size = (size_t)(reader->next - string.start);
    reader->next++;
    *ret_string = string;
    return true;
}

static size_t encode(uint32_t code, char *to)
{
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (size_t i = size; i-- > 1;) {
        to[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    to[0] = (char)(first[size] | code);
    return size;
}

size_t coil__json_unescape(const struct coil__json_string *string, char *to)
{
    const char *at = string->start;
    const char *end = at + string->size;
    char *start = to;

    while (at < end) {
        size_t size = 1;

        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        to += encode((uint32_t)escape_of(at, end, &size), to);
        at += size;
    }
    return (size_t)(to - start);
}

/* --- numbers and words --- */

/* Digits, of which the mantissa takes what it has room for; `places` is 1 behind the point. Returns
 * how many there were. */
static size_t scan_digits(struct coil__json_reader *reader, struct coil__json_number *number,
                          int places)
{
    const char *start = reader->next;
    const char *at = start;

    for (; at < reader->end && coil__is_digit(*at); at++) {
        unsigned digit = (unsigned)(*at - '0');

        if (!number->is_exact || number->mantissa > (UINT64_MAX - digit) / 10) {
            /* Zeros at the end of a fraction say nothing. What follows one finds no room either. */
            number->is_exact = number->is_exact && digit == 0 && places == 1;
            continue;
        }
        number->mantissa = number->mantissa * 10 + digit;
        number->exponent -= places;
    }
    reader->next = at;
    return (size_t)(at - start);
}

static bool scan_exponent(struct coil__json_reader *reader, struct coil__json_number *number)
{
    struct coil__json_number exponent = {.is_exact = true};
    bool is_negative;

    reader->next++;
    is_negative = coil__json_take(reader, '-');
    if (!is_negative) {
        coil__json_take(reader, '+');
    }
    if (scan_digits(reader, &exponent, 0) == 0) {
        return expected(reader, "a digit was expected");
    }
    /* What is larger means nothing or infinity whatever the mantissa is, for it has a size. */
    if (exponent.mantissa > INT32_MAX) {
        exponent.mantissa = INT32_MAX;
    }
    number->exponent += is_negative ? -(int64_t)exponent.mantissa : (int64_t)exponent.mantissa;
    return true;
}

bool coil__json_scan_number(struct coil__json_reader *reader, struct coil__json_number *ret_number)
{
    struct coil__json_number number = {.start = reader->next, .is_exact = true};

    number.is_negative = coil__json_take(reader, '-');
    if (!coil__json_take(reader, '0')) {
        if (scan_digits(reader, &number, 0) == 0) {
            return expected(reader, "a digit was expected");
        }
    } else if (reader->next < reader->end && coil__is_digit(*reader->next)) {
        return expected(reader, "a zero before a number");
    }
    if (coil__json_take(reader, '.') && scan_digits(reader, &number, 1) == 0) {
        return expected(reader, "a digit was expected");
    }
    if (reader->next < reader->end && (*reader->next == 'e' || *reader->next == 'E') &&
        !scan_exponent(reader, &number)) {
        return false;
    }
    number.size = (size_t)(reader->next - number.start);
    *ret_number = number;
    return true;
}

bool coil__json_scan_word(struct coil__json_reader *reader, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(reader->end - reader->next) < size || memcmp(reader->next, word, size) != 0) {
        return expected(reader, "a value was expected");
    }
    reader->next += size;
    return true;
}

/* --- values --- */

const char *coil__json_what(const struct coil__json_reader *reader)
{
    switch (reader->next < reader->end ? *reader->next : '\0') {
    case '"':
        return "a string";
    case '{':
        return "an object";
    case '[':
        return "an array";
    case 't':
    case 'f':
        return "a boolean";
    case 'n':
        return "null";
    default:
        return "a number";
    }
}

bool coil__json_enter(struct coil__json_reader *reader)
{
    if (reader->depth >= reader->max_depth) {
        return coil__json_stop(reader, COIL_JSON_TOO_DEEP, "is nested too deeply");
    }
    reader->depth++;
    reader->next++;
    coil__json_blanks(reader);
    return true;
}

bool coil__json_goes_on(struct coil__json_reader *reader, char closing)
{
    coil__json_blanks(reader);
    if (coil__json_take(reader, ',')) {
        coil__json_blanks(reader);
        return true;
    }
    if (!coil__json_take(reader, closing)) {
        return expected(reader, closing == '}' ? "a comma or '}' was expected"
                                               : "a comma or ']' was expected");
    }
    reader->depth--;
    return false;
}

static bool skip_scalar(struct coil__json_reader *reader)
{
    struct coil__json_string string;
    struct coil__json_number number;

    switch (reader->next < reader->end ? *reader->next : '\0') {
    case '"':
        return coil__json_scan_string(reader, &string);
    case 't':
        return coil__json_scan_word(reader, "true");
    case 'f':
        return coil__json_scan_word(reader, "false");
    case 'n':
        return coil__json_scan_word(reader, "null");
    case '-':
    case '0' ... '9':
        return coil__json_scan_number(reader, &number);
    default:
        return expected(reader, "a value was expected");
    }
}

/* A name and its colon. */
static bool skip_name(struct coil__json_reader *reader)
{
    struct coil__json_string name;

    if (!coil__json_scan_string(reader, &name)) {
        return false;
    }
    coil__json_blanks(reader);
    if (!coil__json_take(reader, ':')) {
        return expected(reader, "a colon was expected");
    }
    coil__json_blanks(reader);
    return true;
}

/* A scalar, an empty object or array, or the beginning of one up to its first value: *ret_opens. */
static bool skip_one(struct coil__json_reader *reader, bool *is_object, bool *ret_opens)
{
    char byte = reader->next < reader->end ? *reader->next : '\0';

    *ret_opens = false;
    if (byte != '{' && byte != '[') {
        return skip_scalar(reader);
    }
    if (!coil__json_enter(reader)) {
        return false;
    }
    is_object[reader->depth] = byte == '{';
    if (coil__json_take(reader, byte == '{' ? '}' : ']')) {
        reader->depth--;
        return true;
    }
    *ret_opens = true;
    return byte == '[' || skip_name(reader);
}

/* Closes what ends here, down to the depth `outside`. True: another value follows. */
static bool skip_ends(struct coil__json_reader *reader, const bool *is_object, unsigned outside)
{
    while (reader->depth > outside && reader->rc == 0) {
        bool is_in_object = is_object[reader->depth];

        if (coil__json_goes_on(reader, is_in_object ? '}' : ']')) {
            return !is_in_object || skip_name(reader);
        }
    }
    return false;
}

bool coil__json_skip(struct coil__json_reader *reader)
{
    bool is_object[COIL__JSON_MOST_DEPTH + 1]; /* by depth */
    unsigned outside = reader->depth;
    bool opens;

    do {
        if (!skip_one(reader, is_object, &opens)) {
            return false;
        }
    } while (opens || skip_ends(reader, is_object, outside));
    return reader->rc == 0;
}
