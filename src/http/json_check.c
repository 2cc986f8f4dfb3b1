/* json_check.c - the limits that a table sets: what is outside of them, in a sentence. */
#include "http/json.h"

#include <inttypes.h>
#include <stdio.h>

enum { LIMIT_SIZE = 40 };

/* --- what has a size --- */

static bool wrong_size(struct coil__json_reader *reader, const char *at, size_t least, size_t most,
                       const char *noun)
{
    if (most == 0) {
        return coil__json_wrong(reader, at, COIL_JSON_WRONG_LENGTH, "must have at least %zu %s%s",
                                least, noun, least == 1 ? "" : "s");
    }
    if (least == 0) {
        return coil__json_wrong(reader, at, COIL_JSON_WRONG_LENGTH, "must have at most %zu %s%s",
                                most, noun, most == 1 ? "" : "s");
    }
    return coil__json_wrong(reader, at, COIL_JSON_WRONG_LENGTH, "must have %zu to %zu %ss", least,
                            most, noun);
}

static bool is_between(size_t size, size_t least, size_t most)
{
    return size >= least && (most == 0 || size <= most);
}

bool coil__json_check_string(struct coil__json_reader *reader, const struct coil_json_field *field,
                             const char *at, struct coil__slice text, size_t characters)
{
    if (!is_between(characters, field->min_length, field->max_length)) {
        return wrong_size(reader, at, field->min_length, field->max_length, "character");
    }
    if (field->pattern) {
        int rc = coil__json_matches(field->pattern, text);

        if (rc < 0) {
            return coil__json_give_up(reader, rc);
        }
        if (rc == 0) {
            return coil__json_wrong(reader, at, COIL_JSON_NO_MATCH, "must match %s",
                                    field->pattern);
        }
    }
    if (!coil__json_has_format(text, field->format)) {
        return coil__json_wrong(reader, at, COIL_JSON_WRONG_FORMAT, "must be %s",
                                coil__json_format_noun(field->format));
    }
    return true;
}

bool coil__json_check_count(struct coil__json_reader *reader, const struct coil_json_field *field,
                            const char *at, size_t count)
{
    return is_between(count, field->min_items, field->max_items) ||
           wrong_size(reader, at, field->min_items, field->max_items, "item");
}

/* --- numbers --- */

/* least, greatest: as text; has_...: whether the table says so. */
static bool out_of_range(struct coil__json_reader *reader, const char *at, bool has_least,
                         const char *least, bool has_greatest, const char *greatest)
{
    if (has_least && has_greatest) {
        return coil__json_wrong(reader, at, COIL_JSON_OUT_OF_RANGE, "must be from %s to %s", least,
                                greatest);
    }
    return coil__json_wrong(reader, at, COIL_JSON_OUT_OF_RANGE, "must be at %s %s",
                            has_least ? "least" : "most", has_least ? least : greatest);
}

/* The greatest magnitude of a member, by its sign. */
static uint64_t greatest_of(const struct coil_json_field *field, bool is_negative)
{
    unsigned bits = (unsigned)field->item_size_ * 8;
    uint64_t all = UINT64_MAX >> (64 - bits);

    if (field->kind_ == COIL_JSON_KIND_UNSIGNED) {
        return is_negative ? 0 : all;
    }
    return is_negative ? all / 2 + 1 : all / 2;
}

/* Whether the number is below a limit. */
static bool is_less(bool is_negative, uint64_t magnitude, int64_t limit)
{
    if (is_negative && magnitude > 0) {
        return limit >= 0 || magnitude > -(uint64_t)limit;
    }
    return limit > 0 && magnitude < (uint64_t)limit;
}

static bool is_greater(bool is_negative, uint64_t magnitude, int64_t limit)
{
    if (is_negative && magnitude > 0) {
        return limit < 0 && magnitude < -(uint64_t)limit;
    }
    return limit < 0 || magnitude > (uint64_t)limit;
}

bool coil__json_integer_fits(const struct coil_json_field *field, bool is_negative,
                             uint64_t magnitude)
{
    return magnitude <= greatest_of(field, is_negative) &&
           !(field->has_min && is_less(is_negative, magnitude, field->min)) &&
           !(field->has_max && is_greater(is_negative, magnitude, field->max));
}

/* Says the range: a side of which the table says nothing is that of the member's type, if the
 * number is beyond that. */
bool coil__json_wrong_integer(struct coil__json_reader *reader, const struct coil_json_field *field,
                              const char *at, bool is_negative)
{
    bool is_signed = field->kind_ == COIL_JSON_KIND_SIGNED;
    bool has_least = field->has_min || is_negative || !field->has_max;
    bool has_greatest = field->has_max || !is_negative || !field->has_min;
    uint64_t lowest = greatest_of(field, true);
    char least[LIMIT_SIZE];
    char greatest[LIMIT_SIZE];

    if (field->has_min && (is_signed || field->min > 0)) {
        snprintf(least, sizeof least, "%" PRId64, field->min);
    } else {
        snprintf(least, sizeof least, "%s%" PRIu64, is_signed ? "-" : "", lowest);
    }
    if (field->has_max) {
        snprintf(greatest, sizeof greatest, "%" PRId64, field->max);
    } else {
        snprintf(greatest, sizeof greatest, "%" PRIu64, greatest_of(field, false));
    }
    return out_of_range(reader, at, has_least, least, has_greatest, greatest);
}

bool coil__json_check_double(struct coil__json_reader *reader, const struct coil_json_field *field,
                             const char *at, double value)
{
    char least[COIL__JSON_DOUBLE_SIZE];
    char greatest[COIL__JSON_DOUBLE_SIZE];

    if (!(field->has_min && value < field->min_double) &&
        !(field->has_max && value > field->max_double)) {
        return true;
    }
    if (coil__json_double_text(field->min_double, least) < 0 ||
        coil__json_double_text(field->max_double, greatest) < 0) {
        return coil__json_give_up(reader, -ENOMEM);
    }
    return out_of_range(reader, at, field->has_min, least, field->has_max, greatest);
}

bool coil__json_check_time(struct coil__json_reader *reader, const struct coil_json_field *field,
                           const char *at, int64_t ns)
{
    char least[COIL__JSON_TIME_SIZE];
    char greatest[COIL__JSON_TIME_SIZE];

    if (!(field->has_min && ns < field->min) && !(field->has_max && ns > field->max)) {
        return true;
    }
    coil__json_time_text(field->min, least);
    coil__json_time_text(field->max, greatest);
    return out_of_range(reader, at, field->has_min, least, field->has_max, greatest);
}
