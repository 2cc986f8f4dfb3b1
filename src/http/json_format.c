/* json_format.c - how strings must look, and times. */
#include "http/json.h"

#include "wire/http_date.h"

#include <stdio.h>

enum {
    MOST_EMAIL = 254, /* RFC 5321, section 4.5.3.1.3, without the brackets */
    MOST_LOCAL = 64,
    MOST_LABEL = 63,
    DATE_SIZE = 10,
    NS_DIGITS = 9,
};

static bool is_one_of(char c, const char *signs)
{
    return c != '\0' && strchr(signs, c) != NULL;
}

/* --- addresses --- */

/* Parts between dots, of which none is empty or too long. */
static bool is_dotted(struct coil__slice text, bool (*is_part)(struct coil__slice part))
{
    size_t start = 0;

    for (size_t i = 0; i <= text.size; i++) {
        if (i == text.size || text.start[i] == '.') {
            if (i == start || !is_part((struct coil__slice){text.start + start, i - start})) {
                return false;
            }
            start = i + 1;
        }
    }
    return true;
}

/* RFC 5322, section 3.2.3: an atom. */
static bool is_atom(struct coil__slice part)
{
    for (size_t i = 0; i < part.size; i++) {
        char c = part.start[i];

        if (!coil__is_digit(c) && !coil__is_letter(c) && !is_one_of(c, "!#$%&'*+-/=?^_`{|}~")) {
            return false;
        }
    }
    return true;
}

/* RFC 1123, section 2.1. */
static bool is_label(struct coil__slice part)
{
    for (size_t i = 0; i < part.size; i++) {
        char c = part.start[i];

        if (!coil__is_digit(c) && !coil__is_letter(c) &&
            (c != '-' || i == 0 || i == part.size - 1)) {
            return false;
        }
    }
    return part.size <= MOST_LABEL;
}

static bool is_email(struct coil__slice text)
{
    const char *sign = text.size <= MOST_EMAIL ? memchr(text.start, '@', text.size) : NULL;

    return sign && sign - text.start <= MOST_LOCAL &&
           is_dotted(coil__slice_between(text.start, sign), is_atom) &&
           is_dotted(coil__slice_between(sign + 1, text.start + text.size), is_label);
}

/* RFC 3986, section 3: a scheme, and the characters that may follow. */
static bool is_uri(struct coil__slice text)
{
    size_t i = 0;

    if (text.size == 0 || !coil__is_letter(text.start[0])) {
        return false;
    }
    while (i < text.size && (coil__is_letter(text.start[i]) || coil__is_digit(text.start[i]) ||
                             is_one_of(text.start[i], "+-."))) {
        i++;
    }
    if (i + 1 >= text.size || text.start[i] != ':') {
        return false;
    }
    for (i++; i < text.size; i++) {
        char c = text.start[i];

        if (c == '%') {
            if (text.size - i < 3 || coil__hex_value(text.start[i + 1]) < 0 ||
                coil__hex_value(text.start[i + 2]) < 0) {
                return false;
            }
        } else if (!coil__is_letter(c) && !coil__is_digit(c) &&
                   !is_one_of(c, "-._~:/?#[]@!$&'()*+,;=")) {
            return false;
        }
    }
    return true;
}

/* --- times --- */

/* Digits at *at, which moves behind them. False: there are not that many. */
static bool take_digits(struct coil__slice *rest, size_t count, int *ret_number)
{
    int number = 0;

    if (rest->size < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!coil__is_digit(rest->start[i])) {
            return false;
        }
        number = number * 10 + (rest->start[i] - '0');
    }
    rest->start += count;
    rest->size -= count;
    *ret_number = number;
    return true;
}

static bool take_sign(struct coil__slice *rest, const char *signs)
{
    if (rest->size == 0 || !is_one_of(rest->start[0], signs)) {
        return false;
    }
    rest->start++;
    rest->size--;
    return true;
}

static bool take_date(struct coil__slice *rest, struct coil__calendar *calendar)
{
    return take_digits(rest, 4, &calendar->year) && take_sign(rest, "-") &&
           take_digits(rest, 2, &calendar->month) && take_sign(rest, "-") &&
           take_digits(rest, 2, &calendar->day);
}

/* What follows the point: digits beyond a nanosecond are dropped. */
static bool take_fraction(struct coil__slice *rest, int64_t *ret_ns)
{
    size_t count = 0;
    int64_t ns = 0;

    for (; count < rest->size && coil__is_digit(rest->start[count]); count++) {
        ns = count < NS_DIGITS ? ns * 10 + (rest->start[count] - '0') : ns;
    }
    rest->start += count;
    rest->size -= count;
    for (size_t i = count; i < NS_DIGITS; i++) {
        ns *= 10;
    }
    *ret_ns = ns;
    return count > 0;
}

/* Minutes east of UTC. */
static bool take_zone(struct coil__slice *rest, int *ret_minutes)
{
    bool is_west = rest->size > 0 && rest->start[0] == '-';
    int hour;
    int minute;

    *ret_minutes = 0;
    if (take_sign(rest, "Zz")) {
        return true;
    }
    if (!take_sign(rest, "+-") || !take_digits(rest, 2, &hour) || !take_sign(rest, ":") ||
        !take_digits(rest, 2, &minute) || hour > 23 || minute > 59) {
        return false;
    }
    *ret_minutes = (hour * 60 + minute) * (is_west ? -1 : 1);
    return true;
}

/* RFC 3339, section 5.6. *ret_seconds is UTC. */
static bool read_time(struct coil__slice rest, int64_t *ret_seconds, int64_t *ret_ns)
{
    struct coil__calendar calendar;
    int zone;

    *ret_ns = 0;
    if (!take_date(&rest, &calendar) || !take_sign(&rest, "Tt") ||
        !take_digits(&rest, 2, &calendar.hour) || !take_sign(&rest, ":") ||
        !take_digits(&rest, 2, &calendar.minute) || !take_sign(&rest, ":") ||
        !take_digits(&rest, 2, &calendar.second) ||
        (take_sign(&rest, ".") && !take_fraction(&rest, ret_ns)) || !take_zone(&rest, &zone) ||
        rest.size > 0 || coil__calendar_to_seconds(&calendar, ret_seconds) < 0) {
        return false;
    }
    *ret_seconds -= zone * 60;
    /* Section 5.7: a leap second is the last one of a day in UTC. */
    return calendar.second < 60 || *ret_seconds % 86400 == 0;
}

int coil__json_to_time(struct coil__slice text, int64_t *ret_ns)
{
    int64_t seconds;
    int64_t ns;

    if (!read_time(text, &seconds, &ns)) {
        return -EBADMSG;
    }
    if (seconds < 0 && ns > 0) { /* both of one sign, so that the least time is in reach */
        seconds++;
        ns -= COIL_SEC;
    }
    if (__builtin_mul_overflow(seconds, COIL_SEC, &seconds) ||
        __builtin_add_overflow(seconds, ns, &ns)) {
        return -ERANGE;
    }
    *ret_ns = ns;
    return 0;
}

size_t coil__json_time_text(int64_t ns, char ret_text[COIL__JSON_TIME_SIZE])
{
    int64_t seconds = ns / COIL_SEC - (ns % COIL_SEC < 0);
    int fraction = (int)(ns % COIL_SEC + (ns % COIL_SEC < 0 ? COIL_SEC : 0));
    struct coil__calendar c = coil__calendar_of_seconds(seconds);
    int size = snprintf(ret_text, COIL__JSON_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u",
                        (unsigned)c.year % 10000, (unsigned)c.month % 100, (unsigned)c.day % 100,
                        (unsigned)c.hour % 100, (unsigned)c.minute % 100, (unsigned)c.second % 100);

    if (fraction > 0) {
        size += snprintf(ret_text + size, COIL__JSON_TIME_SIZE - (size_t)size, ".%09d", fraction);
        while (ret_text[size - 1] == '0') {
            size--;
        }
    }
    ret_text[size++] = 'Z';
    ret_text[size] = '\0';
    return (size_t)size;
}

/* --- formats --- */

static bool is_date(struct coil__slice text)
{
    struct coil__calendar calendar = {0};
    int64_t seconds;

    return text.size == DATE_SIZE && take_date(&text, &calendar) &&
           coil__calendar_to_seconds(&calendar, &seconds) == 0;
}

bool coil__json_has_format(struct coil__slice text, enum coil_json_format format)
{
    int64_t seconds;
    int64_t ns;

    switch (format) {
    case COIL_JSON_FORMAT_EMAIL:
        return is_email(text);
    case COIL_JSON_FORMAT_URI:
        return is_uri(text);
    case COIL_JSON_FORMAT_UUID:
        return coil__slice_is_uuid(text);
    case COIL_JSON_FORMAT_DATE:
        return is_date(text);
    case COIL_JSON_FORMAT_DATE_TIME:
        return read_time(text, &seconds, &ns);
    default:
        return true;
    }
}

const char *coil__json_format_noun(enum coil_json_format format)
{
    static const char *const nouns[] = {
        [COIL_JSON_FORMAT_EMAIL] = "an e-mail address",
        [COIL_JSON_FORMAT_URI] = "a URI",
        [COIL_JSON_FORMAT_UUID] = "a UUID",
        [COIL_JSON_FORMAT_DATE] = "a date, as 2024-02-29",
        [COIL_JSON_FORMAT_DATE_TIME] = "a date and time, as 2024-02-29T12:30:00Z",
    };

    return nouns[format];
}

const char *coil__json_format_name(enum coil_json_format format)
{
    static const char *const names[] = {
        [COIL_JSON_FORMAT_EMAIL] = "email",         [COIL_JSON_FORMAT_URI] = "uri",
        [COIL_JSON_FORMAT_UUID] = "uuid",           [COIL_JSON_FORMAT_DATE] = "date",
        [COIL_JSON_FORMAT_DATE_TIME] = "date-time",
    };

    return (unsigned)format < sizeof names / sizeof *names ? names[format] : NULL;
}
