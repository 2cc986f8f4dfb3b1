/* set_cookie.c - Set-Cookie as clients read it: the algorithms of RFC 6265, sections 5.1.1 and 5.2,
 * step by step, because servers rely on each of their oddities. */
#include "wire/cookie.h"

#include "wire/http_date.h"

#include <errno.h>

enum { MAX_PAIR = 4096, MAX_ATTRIBUTE = 1024 };

#define MAX_AGE (INT64_C(400) * 86400)

/* --- dates (section 5.1.1) --- */

static bool is_delimiter(char c)
{
    return c == '\t' || (c >= 0x20 && c <= 0x2f) || (c >= 0x3b && c <= 0x40) ||
           (c >= 0x5b && c <= 0x60) || (c >= 0x7b && c <= 0x7e);
}

/* min to max digits, behind which no further digit stands. */
static bool take_number(struct coil__slice *token, size_t min, size_t max, int *ret_number)
{
    size_t size = 0;
    int number = 0;

    while (size < token->size && size <= max && coil__is_digit(token->start[size])) {
        number = number * 10 + (token->start[size++] - '0');
    }
    if (size < min || size > max) {
        return false;
    }
    token->start += size;
    token->size -= size;
    *ret_number = number;
    return true;
}

static bool take_colon(struct coil__slice *token)
{
    if (token->size == 0 || token->start[0] != ':') {
        return false;
    }
    token->start++;
    token->size--;
    return true;
}

/* hms-time; what follows it in the token does not matter. */
static bool parse_time(struct coil__slice token, struct coil__calendar *calendar)
{
    struct coil__calendar time = *calendar;

    if (!take_number(&token, 1, 2, &time.hour) || !take_colon(&token) ||
        !take_number(&token, 1, 2, &time.minute) || !take_colon(&token) ||
        !take_number(&token, 1, 2, &time.second)) {
        return false;
    }
    *calendar = time;
    return true;
}

struct found {
    bool time;
    bool day;
    bool month;
    bool year;
};

/* Each token is what it can be first and was not found yet. */
static void use_token(struct coil__slice token, struct found *found,
                      struct coil__calendar *calendar)
{
    struct coil__slice start = {token.start, token.size < 3 ? token.size : 3};
    struct coil__slice rest = token;

    if (!found->time && parse_time(token, calendar)) {
        found->time = true;
    } else if (!found->day && take_number(&rest, 1, 2, &calendar->day)) {
        found->day = true;
    } else if (!found->month && coil__month_of(start) > 0) {
        calendar->month = coil__month_of(start);
        found->month = true;
    } else if (!found->year && take_number(&rest, 2, 4, &calendar->year)) {
        found->year = true;
    }
}

int coil__cookie_date_parse(struct coil__slice text, int64_t *ret_seconds)
{
    struct coil__calendar calendar = {0};
    struct found found = {false, false, false, false};
    size_t at = 0;

    while (at < text.size) {
        size_t start = at;

        while (at < text.size && !is_delimiter(text.start[at])) {
            at++;
        }
        if (at > start) {
            use_token((struct coil__slice){text.start + start, at - start}, &found, &calendar);
        }
        at++;
    }
    if (!found.time || !found.day || !found.month || !found.year) {
        return -EBADMSG;
    }
    calendar.year += calendar.year < 70 ? 2000 : calendar.year < 100 ? 1900 : 0;
    if (calendar.year < 1601 || calendar.second > 59) {
        return -EBADMSG;
    }
    return coil__calendar_to_seconds(&calendar, ret_seconds);
}

/* --- attributes (sections 5.2.1 to 5.2.6; 6265bis, 5.6.7) --- */

static void use_max_age(struct coil__slice value, struct coil__set_cookie *cookie)
{
    bool is_negative = value.size > 0 && value.start[0] == '-';
    uint64_t number = 0;
    int rc;

    if (is_negative) {
        value.start++;
        value.size--;
    }
    for (size_t i = 0; i < value.size; i++) {
        if (!coil__is_digit(value.start[i])) {
            return;
        }
    }
    rc = coil__slice_take_number(&value, &number);
    if (rc == -EBADMSG) {
        return;
    }
    cookie->has_max_age = true;
    cookie->max_age = is_negative ? 0 : rc < 0 || number > MAX_AGE ? MAX_AGE : (int64_t)number;
}

static enum coil__same_site same_site_of(struct coil__slice value)
{
    return coil__slice_is_like(value, "None")     ? COIL__SAME_SITE_NONE
           : coil__slice_is_like(value, "Lax")    ? COIL__SAME_SITE_LAX
           : coil__slice_is_like(value, "Strict") ? COIL__SAME_SITE_STRICT
                                                  : COIL__SAME_SITE_DEFAULT;
}

static void use_attribute(struct coil__slice name, struct coil__slice value,
                          struct coil__set_cookie *cookie)
{
    if (value.size > MAX_ATTRIBUTE) {
        return;
    }
    if (coil__slice_is_like(name, "Expires")) {
        cookie->has_expires =
            coil__cookie_date_parse(value, &cookie->expires) == 0 || cookie->has_expires;
    } else if (coil__slice_is_like(name, "Max-Age")) {
        use_max_age(value, cookie);
    } else if (coil__slice_is_like(name, "Domain")) {
        if (value.size > 0 && value.start[0] == '.') {
            value.start++;
            value.size--;
        }
        cookie->domain = value.size > 0 ? value : (struct coil__slice){0};
    } else if (coil__slice_is_like(name, "Path")) {
        bool is_path = value.size > 0 && value.start[0] == '/';

        cookie->path = is_path ? value : (struct coil__slice){0};
    } else if (coil__slice_is_like(name, "Secure")) {
        cookie->is_secure = true;
    } else if (coil__slice_is_like(name, "HttpOnly")) {
        cookie->is_http_only = true;
    } else if (coil__slice_is_like(name, "SameSite")) {
        cookie->same_site = same_site_of(value);
    }
}

/* --- the field (section 5.2; 6265bis, 5.6) --- */

static struct coil__slice take_part(struct coil__slice *rest)
{
    const char *end = rest->start + rest->size;
    const char *semicolon = rest->size > 0 ? memchr(rest->start, ';', rest->size) : NULL;
    struct coil__slice part = coil__slice_between(rest->start, semicolon ? semicolon : end);

    *rest = coil__slice_between(semicolon ? semicolon + 1 : end, end);
    return part;
}

static void split(struct coil__slice part, struct coil__slice *ret_name,
                  struct coil__slice *ret_value)
{
    const char *end = part.start + part.size;
    const char *equals = part.size > 0 ? memchr(part.start, '=', part.size) : NULL;

    *ret_name = coil__slice_trim(equals ? coil__slice_between(part.start, equals) : part);
    *ret_value = equals ? coil__slice_trim(coil__slice_between(equals + 1, end))
                        : (struct coil__slice){"", 0};
}

int coil__set_cookie_parse(struct coil__slice field, struct coil__set_cookie *ret_cookie)
{
    struct coil__set_cookie cookie = {.same_site = COIL__SAME_SITE_DEFAULT};
    struct coil__slice rest = {field.start ? field.start : "", field.size};
    struct coil__slice pair;

    for (size_t i = 0; i < rest.size; i++) {
        char c = rest.start[i];

        if (coil__is_control(c) && c != '\t') {
            return -COIL__ECOOKIE_CONTROL;
        }
    }
    pair = take_part(&rest);
    if (pair.size > 0 && memchr(pair.start, '=', pair.size)) {
        split(pair, &cookie.name, &cookie.value);
    } else {
        cookie.name = (struct coil__slice){pair.start, 0};
        cookie.value = coil__slice_trim(pair);
    }
    if (cookie.name.size + cookie.value.size == 0) {
        return -COIL__ECOOKIE_EMPTY;
    }
    if (cookie.name.size + cookie.value.size > MAX_PAIR) {
        return -COIL__ECOOKIE_SIZE;
    }
    while (rest.size > 0) {
        struct coil__slice name;
        struct coil__slice value;

        split(take_part(&rest), &name, &value);
        use_attribute(name, value, &cookie);
    }
    *ret_cookie = cookie;
    return 0;
}

int64_t coil__set_cookie_end(const struct coil__set_cookie *cookie, int64_t now)
{
    if (cookie->has_max_age) {
        int64_t age = cookie->max_age < MAX_AGE ? cookie->max_age : MAX_AGE;

        return age <= 0 ? INT64_MIN : now + age;
    }
    if (cookie->has_expires) {
        return cookie->expires < now + MAX_AGE ? cookie->expires : now + MAX_AGE;
    }
    return INT64_MAX;
}
