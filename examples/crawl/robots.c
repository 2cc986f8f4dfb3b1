/* robots.c - see robots.h.
 *
 * A file has groups: one or more User-agent lines, then rules. Those of the crawler's own groups
 * are put together, and so are those of "*" (section 2.2.1); which of the two counts is known only
 * at the end of the file.
 */
#include "robots.h"

#include <coil.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_RULES = 10000, MAX_DELAY = 3600 };

struct reader {
    const char *product;
    struct robots own;
    struct robots any;
    bool has_own;
    bool is_for_own; /* of the group that is read */
    bool is_for_any;
    bool is_head; /* in its User-agent lines */
};

/* --- comparing --- */

static int hex_value(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c | 0x20) : NULL;

    return found ? (int)(found - digits) : -1;
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c));
}

static char *put_percent(char *to, unsigned char c)
{
    static const char digits[] = "0123456789ABCDEF";

    *to++ = '%';
    *to++ = digits[c >> 4];
    *to++ = digits[c & 15];
    return to;
}

/* Section 2.2.2: the same octets look the same, encoded or not. A pattern's '*' and '$' have a
 * meaning; a target's are encoded, as a pattern has them that means the characters. Owned by the
 * caller; NULL: no memory. */
static char *comparable(const char *text, size_t size, bool is_pattern)
{
    char *made = malloc(3 * size + 1);
    char *to = made;

    for (size_t i = 0; made && i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_encoded =
            c == '%' && size - i > 2 && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
        bool is_special = c == '*' || (c == '$' && i + 1 == size);

        if (is_encoded) {
            c = (unsigned char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
            i += 2;
        }
        if (is_unreserved(c) || (is_pattern && is_special)) {
            *to++ = (char)c;
        } else if (is_encoded || c <= ' ' || c >= 0x7f || c == '*' || c == '$' || c == '%') {
            to = put_percent(to, c);
        } else {
            *to++ = (char)c;
        }
    }
    if (made) {
        *to = '\0';
    }
    return made;
}

/* Whether the pattern fits the beginning of the target (section 2.2.3). After a '*' the shortest
 * stretch is tried first; only the last '*' is ever tried again. */
static bool fits(const char *pattern, const char *target)
{
    const char *star = NULL;
    const char *mark = NULL;

    for (;;) {
        if (*pattern == '*') {
            star = ++pattern;
            mark = target;
        } else if (*pattern == '\0' || (*pattern == '$' && *target == '\0')) {
            return true;
        } else if (*target != '\0' && *pattern == *target) {
            pattern++;
            target++;
        } else if (star && *target != '\0') {
            pattern = star;
            target = ++mark;
        } else {
            return false;
        }
    }
}

bool robots_allow(const struct robots *robots, const char *target)
{
    bool is_allowed = true;
    size_t longest = 0;
    char *text;

    if (strcmp(target, "/robots.txt") == 0 || robots->count == 0) {
        return true;
    }
    text = comparable(target, strlen(target), false);
    for (size_t i = 0; text && i < robots->count; i++) {
        const struct robots_rule *rule = &robots->rules[i];
        size_t length = strlen(rule->pattern);

        if (length >= longest && fits(rule->pattern, text)) {
            is_allowed = rule->is_allow || (length == longest && is_allowed && longest > 0);
            longest = length;
        }
    }
    free(text);
    return text && is_allowed; /* not asked for rather than asked for wrongly */
}

/* --- reading --- */

static int add_rule(struct robots *robots, const char *text, size_t size, bool is_allow)
{
    struct robots_rule *rules = robots->rules;
    size_t count = robots->count;

    if (count >= MAX_RULES) {
        return 0;
    }
    if ((count & (count - 1)) == 0) { /* full at each power of two */
        rules = realloc(rules, (count > 0 ? 2 * count : 1) * sizeof *rules);
        if (!rules) {
            return -ENOMEM;
        }
        robots->rules = rules;
    }
    rules[count].pattern = comparable(text, size, true);
    rules[count].is_allow = is_allow;
    if (!rules[count].pattern) {
        return -ENOMEM;
    }
    robots->count++;
    return 0;
}

/* Section 2.2.1: "ExampleBot/1.0" is the crawler ExampleBot. */
static void read_agent(struct reader *reader, const char *value, size_t size)
{
    size_t length = 0;

    if (!reader->is_head) {
        reader->is_head = true;
        reader->is_for_own = false;
        reader->is_for_any = false;
    }
    while (length < size && (is_unreserved((unsigned char)value[length]))) {
        length++;
    }
    if (length == strlen(reader->product) && strncasecmp(value, reader->product, length) == 0) {
        reader->is_for_own = true;
        reader->has_own = true;
    } else if (size > 0 && value[0] == '*') {
        reader->is_for_any = true;
    }
}

static int read_rule(struct reader *reader, const char *value, size_t size, bool is_allow)
{
    int rc = 0;

    reader->is_head = false;
    if (size == 0 || (value[0] != '/' && value[0] != '*')) {
        return 0; /* "Disallow:" forbids nothing */
    }
    if (reader->is_for_own) {
        rc = add_rule(&reader->own, value, size, is_allow);
    }
    if (rc == 0 && reader->is_for_any) {
        rc = add_rule(&reader->any, value, size, is_allow);
    }
    return rc;
}

static void read_delay(struct reader *reader, const char *value, size_t size)
{
    char text[32] = "";
    double seconds;

    reader->is_head = false;
    memcpy(text, value, size < sizeof text ? size : sizeof text - 1);
    seconds = strtod(text, NULL);
    if (!(seconds > 0)) {
        return;
    }
    seconds = seconds < MAX_DELAY ? seconds : MAX_DELAY;
    if (reader->is_for_own) {
        reader->own.delay_ns = (int64_t)(seconds * COIL_SEC);
    }
    if (reader->is_for_any) {
        reader->any.delay_ns = (int64_t)(seconds * COIL_SEC);
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void trim(const char **text, size_t *size)
{
    while (*size > 0 && is_blank(**text)) {
        (*text)++;
        (*size)--;
    }
    while (*size > 0 && is_blank((*text)[*size - 1])) {
        (*size)--;
    }
}

static bool is_key(const char *key, size_t size, const char *name)
{
    return size == strlen(name) && strncasecmp(key, name, size) == 0;
}

/* A line without its end; other keys, Sitemap among them, are not ours and end nothing. */
static int read_line(struct reader *reader, const char *line, size_t size)
{
    const char *comment = memchr(line, '#', size);
    const char *colon;
    const char *value;
    size_t key_size;
    size_t value_size;

    size = comment ? (size_t)(comment - line) : size;
    colon = memchr(line, ':', size);
    if (!colon) {
        return 0;
    }
    key_size = (size_t)(colon - line);
    value = colon + 1;
    value_size = size - key_size - 1;
    trim(&line, &key_size);
    trim(&value, &value_size);
    if (is_key(line, key_size, "user-agent")) {
        read_agent(reader, value, value_size);
    } else if (is_key(line, key_size, "allow")) {
        return read_rule(reader, value, value_size, true);
    } else if (is_key(line, key_size, "disallow")) {
        return read_rule(reader, value, value_size, false);
    } else if (is_key(line, key_size, "crawl-delay")) {
        read_delay(reader, value, value_size);
    }
    return 0;
}

int robots_parse(struct robots *robots, const char *text, size_t size, const char *product)
{
    struct reader reader = {.product = product};
    const char *end = text + size;
    int rc = 0;

    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* a byte order mark */
    }
    while (rc == 0 && text < end) {
        size_t length = 0;

        while (text + length < end && text[length] != '\r' && text[length] != '\n') {
            length++;
        }
        rc = read_line(&reader, text, length);
        text += length + 1;
    }
    if (rc == 0) {
        *robots = reader.has_own ? reader.own : reader.any;
        robots_deinit(reader.has_own ? &reader.any : &reader.own);
    } else {
        robots_deinit(&reader.own);
        robots_deinit(&reader.any);
    }
    return rc;
}

void robots_deinit(struct robots *robots)
{
    for (size_t i = 0; i < robots->count; i++) {
        free(robots->rules[i].pattern);
    }
    free(robots->rules);
    *robots = (struct robots){0};
}
