/* conditions.c - see conditions.h. */
#include "wire/conditions.h"

#include "wire/http_date.h"
#include "wire/out.h"

enum {
    OK = 200,
    PARTIAL_CONTENT = 206,
    NOT_MODIFIED = 304,
    PRECONDITION_FAILED = 412,
    RANGE_NOT_SATISFIABLE = 416,
};

/* --- tags --- */

/* Section 8.8.3, etagc: visible characters but the quote, and bytes beyond ASCII. */
static bool is_etag_character(char c)
{
    return (unsigned char)c > 0x20 && c != '"' && c != 0x7f;
}

/* Takes a tag from the beginning of a list. */
static bool take_etag(struct coil__slice *rest, struct coil__etag *etag)
{
    const char *end;
    size_t prefix;

    etag->is_weak = rest->size >= 2 && memcmp(rest->start, "W/", 2) == 0;
    prefix = etag->is_weak ? 3 : 1;
    if (rest->size <= prefix || rest->start[prefix - 1] != '"') {
        return false;
    }
    end = memchr(rest->start + prefix, '"', rest->size - prefix);
    if (!end) {
        return false;
    }
    etag->opaque = coil__slice_between(rest->start + prefix, end);
    for (size_t i = 0; i < etag->opaque.size; i++) {
        if (!is_etag_character(etag->opaque.start[i])) {
            return false;
        }
    }
    *rest = coil__slice_between(end + 1, rest->start + rest->size);
    return true;
}

int coil__etag_parse(struct coil__slice text, struct coil__etag *ret_etag)
{
    struct coil__etag etag;

    if (!take_etag(&text, &etag) || text.size > 0) {
        return -EBADMSG;
    }
    *ret_etag = etag;
    return 0;
}

ssize_t coil__etag_format(const struct coil__etag *etag, char *buf, size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};

    for (size_t i = 0; i < etag->opaque.size; i++) {
        if (!is_etag_character(etag->opaque.start[i])) {
            return -EINVAL;
        }
    }
    coil__out_string(&out, etag->is_weak ? "W/\"" : "\"");
    coil__out_slice(&out, etag->opaque);
    coil__out_byte(&out, '"');
    return coil__out_end(&out);
}

bool coil__etag_matches_weakly(const struct coil__etag *a, const struct coil__etag *b)
{
    return a->opaque.start && b->opaque.start && coil__slice_is_equal(a->opaque, b->opaque);
}

bool coil__etag_matches_strongly(const struct coil__etag *a, const struct coil__etag *b)
{
    return !a->is_weak && !b->is_weak && coil__etag_matches_weakly(a, b);
}

/* Blanks, tabs and commas. */
static size_t skip_separators(struct coil__slice *rest)
{
    size_t commas = 0;

    while (rest->size > 0 &&
           (rest->start[0] == ' ' || rest->start[0] == '\t' || rest->start[0] == ',')) {
        commas += rest->start[0] == ',';
        rest->start++;
        rest->size--;
    }
    return commas;
}

/* Not by coil__slice_take_element: in a tag a backslash is nothing special. */
bool coil__etags_have(struct coil__slice list, const struct coil__etag *etag, bool is_strong)
{
    bool has_match = false;
    size_t count = 0;

    for (;;) {
        struct coil__etag other;
        size_t commas = skip_separators(&list);

        if (list.size == 0) {
            return has_match;
        }
        if ((count++ > 0 && commas == 0) || !take_etag(&list, &other)) {
            return false;
        }
        has_match = has_match || (is_strong ? coil__etag_matches_strongly(etag, &other)
                                            : coil__etag_matches_weakly(etag, &other));
    }
}

/* --- conditions --- */

/* Of If-Match and If-None-Match. */
static bool has_tag(struct coil__slice list, const struct coil__representation *representation,
                    bool is_strong)
{
    if (coil__slice_is(coil__slice_trim(list), "*")) {
        return representation->exists;
    }
    return representation->exists && coil__etags_have(list, &representation->etag, is_strong);
}

/* Whether the date can be compared with that of the representation: `ret_date`. */
static bool read_date(struct coil__slice field, const struct coil__representation *representation,
                      int64_t *ret_date)
{
    return field.start && representation->has_modified &&
           coil__http_date_parse(coil__slice_trim(field), representation->now, ret_date) == 0;
}

/* Steps 1 to 4 of section 13.2.2: OK to go on. */
static int check_preconditions(const struct coil__conditions *conditions, bool is_reading,
                               const struct coil__representation *representation)
{
    int64_t date;

    if (conditions->if_match.start) {
        if (!has_tag(conditions->if_match, representation, true)) {
            return PRECONDITION_FAILED;
        }
    } else if (read_date(conditions->if_unmodified_since, representation, &date)) {
        if (representation->modified > date) {
            return PRECONDITION_FAILED;
        }
    }
    if (conditions->if_none_match.start) {
        if (has_tag(conditions->if_none_match, representation, false)) {
            return is_reading ? NOT_MODIFIED : PRECONDITION_FAILED;
        }
    } else if (is_reading && read_date(conditions->if_modified_since, representation, &date)) {
        if (representation->modified <= date) {
            return NOT_MODIFIED;
        }
    }
    return OK;
}

/* Section 13.1.5. */
static bool is_range_valid(struct coil__slice if_range,
                           const struct coil__representation *representation)
{
    struct coil__etag etag;
    int64_t date;

    if (!if_range.start) {
        return true;
    }
    if (coil__etag_parse(coil__slice_trim(if_range), &etag) == 0) {
        return coil__etag_matches_strongly(&etag, &representation->etag);
    }
    return read_date(if_range, representation, &date) && date == representation->modified &&
           representation->now > representation->modified;
}

int coil__conditions_evaluate(const struct coil__conditions *conditions,
                              enum coil__condition_method method,
                              const struct coil__representation *representation,
                              struct coil__range *ret_ranges, size_t max, size_t *ret_count)
{
    bool is_reading = method != COIL__CONDITION_OTHER;
    int status = check_preconditions(conditions, is_reading, representation);
    int count;

    if (max > COIL__RANGES_MAX) {
        return -EINVAL;
    }
    if (status != OK || method != COIL__CONDITION_GET || max == 0 || !conditions->range.start ||
        !representation->exists || !is_range_valid(conditions->if_range, representation)) {
        return status;
    }
    count = coil__ranges_parse(conditions->range, representation->length, ret_ranges, max);
    if (count == 0) {
        return OK;
    }
    if (count < 0) {
        return RANGE_NOT_SATISFIABLE;
    }
    *ret_count = (size_t)count;
    return PARTIAL_CONTENT;
}
