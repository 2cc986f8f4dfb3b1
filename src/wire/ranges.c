/* ranges.c - see ranges.h. */
#include "wire/ranges.h"

#include "wire/out.h"

static bool take(struct coil__slice *rest, char c)
{
    if (rest->size == 0 || rest->start[0] != c) {
        return false;
    }
    rest->start++;
    rest->size--;
    return true;
}

/* --- Range --- */

/* A number that does not fit is larger than any length. */
static int take_position(struct coil__slice *rest, uint64_t *ret_position)
{
    int rc = coil__slice_take_number(rest, ret_position);

    if (rc == -ERANGE) {
        while (rest->size > 0 && coil__is_digit(rest->start[0])) {
            take(rest, rest->start[0]);
        }
        *ret_position = UINT64_MAX;
        rc = 0;
    }
    return rc;
}

/* "500-999", "500-" or "-500" (section 14.1.2). 1; 0: not within the length; -EBADMSG. */
static int parse_spec(struct coil__slice spec, uint64_t length, struct coil__range *ret_range)
{
    struct coil__range range = {0, UINT64_MAX};
    uint64_t suffix;

    if (take(&spec, '-')) {
        if (take_position(&spec, &suffix) < 0 || spec.size > 0) {
            return -EBADMSG;
        }
        *ret_range = (struct coil__range){suffix < length ? length - suffix : 0, length - 1};
        return suffix > 0;
    }
    if (take_position(&spec, &range.first) < 0 || !take(&spec, '-')) {
        return -EBADMSG;
    }
    if (spec.size > 0 && (take_position(&spec, &range.last) < 0 || spec.size > 0)) {
        return -EBADMSG;
    }
    if (range.last < range.first) {
        return -EBADMSG;
    }
    if (range.first >= length) {
        return 0;
    }
    range.last = range.last < length ? range.last : length - 1;
    *ret_range = range;
    return 1;
}

static bool overlap(const struct coil__range *a, const struct coil__range *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Section 14.2: a range that is asked for three times and more is no honest request. */
static bool is_excessive(const struct coil__range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;

        for (size_t j = 0; j < count; j++) {
            same += overlap(&ranges[i], &ranges[j]);
        }
        if (same > 2) {
            return true;
        }
    }
    return false;
}

static bool nearly_touch(const struct coil__range *a, const struct coil__range *b)
{
    const struct coil__range *low = a->first <= b->first ? a : b;
    const struct coil__range *high = low == a ? b : a;

    return high->first <= low->last || high->first - low->last - 1 < COIL__RANGES_GAP;
}

/* Joins into the earlier one of the field, again and again: a joined one may reach further. The new
 * count. */
static size_t join(struct coil__range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t j = i + 1;

        while (j < count) {
            if (!nearly_touch(&ranges[i], &ranges[j])) {
                j++;
                continue;
            }
            if (ranges[j].first < ranges[i].first) {
                ranges[i].first = ranges[j].first;
            }
            if (ranges[j].last > ranges[i].last) {
                ranges[i].last = ranges[j].last;
            }
            memmove(&ranges[j], &ranges[j + 1], (count - j - 1) * sizeof *ranges);
            count--;
            j = i + 1;
        }
    }
    return count;
}

int coil__ranges_parse(struct coil__slice field, uint64_t length, struct coil__range *ret_ranges,
                       size_t max)
{
    struct coil__range ranges[COIL__RANGES_MAX];
    struct coil__slice rest = coil__slice_trim(field);
    struct coil__slice spec;
    size_t asked = 0;
    size_t count = 0;

    if (max == 0 || max > COIL__RANGES_MAX) {
        return -EINVAL;
    }
    if (length == 0 || rest.size < 6 ||
        !coil__slice_is_like((struct coil__slice){rest.start, 6}, "bytes=")) {
        return 0;
    }
    rest = (struct coil__slice){rest.start + 6, rest.size - 6};
    while (coil__slice_take_element(&rest, &spec)) {
        int rc = asked++ < max ? parse_spec(spec, length, &ranges[count]) : -EBADMSG;

        if (rc < 0) {
            return 0;
        }
        count += (size_t)rc;
    }
    if (asked == 0 || is_excessive(ranges, count)) {
        return 0;
    }
    if (count == 0) {
        return -ERANGE;
    }
    count = join(ranges, count);
    memcpy(ret_ranges, ranges, count * sizeof *ranges);
    return (int)count;
}

/* --- Content-Range --- */

ssize_t coil__content_range_format(const struct coil__range *range, uint64_t length, char *buf,
                                   size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};

    coil__out_string(&out, "bytes ");
    if (range) {
        coil__out_number(&out, range->first);
        coil__out_byte(&out, '-');
        coil__out_number(&out, range->last);
    } else {
        coil__out_byte(&out, '*');
    }
    coil__out_byte(&out, '/');
    coil__out_number(&out, length);
    return coil__out_end(&out);
}

int coil__content_range_parse(struct coil__slice field, struct coil__content_range *ret_range)
{
    struct coil__content_range range = {.has_length = true};
    struct coil__slice rest = coil__slice_trim(field);

    if (rest.size < 6 || !coil__slice_is_like((struct coil__slice){rest.start, 6}, "bytes ")) {
        return -EBADMSG;
    }
    rest = (struct coil__slice){rest.start + 6, rest.size - 6};
    if (!take(&rest, '*')) {
        range.is_satisfied = true;
        if (coil__slice_take_number(&rest, &range.range.first) < 0 || !take(&rest, '-') ||
            coil__slice_take_number(&rest, &range.range.last) < 0) {
            return -EBADMSG;
        }
    }
    if (!take(&rest, '/')) {
        return -EBADMSG;
    }
    if (range.is_satisfied && take(&rest, '*')) {
        range.has_length = false;
    } else if (coil__slice_take_number(&rest, &range.length) < 0) {
        return -EBADMSG;
    }
    if (rest.size > 0 || range.range.last < range.range.first ||
        (range.is_satisfied && range.has_length && range.range.last >= range.length)) {
        return -EBADMSG;
    }
    *ret_range = range;
    return 0;
}
