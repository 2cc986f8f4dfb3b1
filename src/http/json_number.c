/* json_number.c - numbers: decimal text and what the processor has. No locale has a say in it.
 *
 * Most doubles of real documents are a mantissa and a power of ten that are both exact, so that one
 * division or multiplication rounds correctly. libc does the others: its strtod and printf are
 * exact, if slow. */
#include "http/json.h"

#include "base/memory.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXACT_POWERS = 22, SHORT_NUMBER = 64 };

bool coil__json_to_integer(const struct coil__json_number *number, uint64_t *ret_magnitude,
                           bool *ret_is_whole)
{
    uint64_t magnitude = number->mantissa;
    int64_t exponent = magnitude == 0 ? 0 : number->exponent;

    *ret_is_whole = true;
    if (!number->is_exact) {
        *ret_is_whole = !memchr(number->start, '.', number->size);
        return false;
    }
    for (; exponent < 0; exponent++) {
        if (magnitude % 10 != 0) {
            *ret_is_whole = false;
            return false;
        }
        magnitude /= 10;
    }
    for (; exponent > 0; exponent--) { /* 20 times at most: it is not 0 */
        if (__builtin_mul_overflow(magnitude, 10, &magnitude)) {
            return false;
        }
    }
    *ret_magnitude = magnitude;
    return true;
}

/* By libc, which wants a NUL at the end. */
static int convert(const struct coil__json_number *number, double *ret_value)
{
    locale_t locale = newlocale(LC_ALL_MASK, "C", NULL); /* libc's own, not a new one */
    char room[SHORT_NUMBER];
    char *text = number->size < sizeof room ? room : coil__malloc(number->size + 1);

    if (!text || !locale) {
        return -ENOMEM;
    }
    memcpy(text, number->start, number->size);
    text[number->size] = '\0';
    *ret_value = strtod_l(text, NULL, locale);
    if (text != room) {
        coil__free(text);
    }
    return 0;
}

int coil__json_to_double(const struct coil__json_number *number, double *ret_value)
{
    static const double powers[EXACT_POWERS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double value;
    int rc;

    /* Where the processor computes with more digits than a double has, it would round twice. */
    if (sizeof(double_t) == sizeof(double) && number->is_exact &&
        number->mantissa <= UINT64_C(1) << 53 && number->exponent >= -EXACT_POWERS &&
        number->exponent <= EXACT_POWERS) {
        value = (double)number->mantissa;
        value = number->exponent < 0 ? value / powers[-number->exponent]
                                     : value * powers[number->exponent];
        *ret_value = number->is_negative ? -value : value;
        return 0;
    }
    rc = convert(number, &value);
    if (rc < 0) {
        return rc;
    }
    if (isinf(value)) {
        return -ERANGE;
    }
    *ret_value = value;
    return 0;
}

int coil__json_double_text(double value, char ret_text[COIL__JSON_DOUBLE_SIZE])
{
    locale_t locale = newlocale(LC_ALL_MASK, "C", NULL);
    locale_t before;
    int size = 0;

    if (fabs(value) < 1e15 && value == (double)(int64_t)value) {
        bool is_minus_zero = value == 0 && signbit(value);

        return snprintf(ret_text, COIL__JSON_DOUBLE_SIZE, is_minus_zero ? "-0.0" : "%lld",
                        (long long)value);
    }
    if (!locale) {
        return -ENOMEM;
    }
    before = uselocale(locale);
    /* Of up to 15 digits each number is another double; denormal ones have fewer. */
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        size = snprintf(ret_text, COIL__JSON_DOUBLE_SIZE, "%.*g", digits, value);
        if (strtod_l(ret_text, NULL, locale) == value) {
            break;
        }
    }
    uselocale(before);
    return size;
}

void coil__json_store(void *to, size_t size, uint64_t value)
{
    uint8_t one = (uint8_t)value;
    uint16_t two = (uint16_t)value;
    uint32_t four = (uint32_t)value;

    memcpy(to,
           size == 1   ? (void *)&one
           : size == 2 ? (void *)&two
           : size == 4 ? &four
                       : (void *)&value,
           size);
}

uint64_t coil__json_load(const void *from, size_t size, bool is_signed)
{
    uint8_t one;
    uint16_t two;
    uint32_t four;
    uint64_t eight;

    switch (size) {
    case 1:
        memcpy(&one, from, size);
        return is_signed ? (uint64_t)(int8_t)one : one;
    case 2:
        memcpy(&two, from, size);
        return is_signed ? (uint64_t)(int16_t)two : two;
    case 4:
        memcpy(&four, from, size);
        return is_signed ? (uint64_t)(int32_t)four : four;
    default:
        memcpy(&eight, from, size);
        return eight;
    }
}
