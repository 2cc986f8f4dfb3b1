/* Forms: the pairs stand in the text in their order, and are the same when they were decoded,
 * written, and read again. */
#include "fuzz.h"

#include "wire/query.h"

#include <coil/error.h>

enum { MOST = 1000 };

static void check_pair(const struct coil__pair *pair)
{
    char *name = malloc(pair->name.size + 1);
    char *value = malloc(pair->value.size + 1);
    char written[6 * MOST + 8];
    struct coil__out out = {.start = written, .size = sizeof written};
    struct coil__slice plain_name = {name, 0};
    struct coil__slice plain_value = {value, 0};
    struct coil__pair again;
    ssize_t length;

    FUZZ_CHECK(name && value);
    length = coil__form_decode(pair->name, name, pair->name.size + 1);
    FUZZ_CHECK(length >= 0 && length <= (ssize_t)pair->name.size);
    plain_name.size = (size_t)length;
    length = coil__form_decode(pair->value, value, pair->value.size + 1);
    FUZZ_CHECK(length >= 0);
    plain_value.size = (size_t)length;
    FUZZ_CHECK(coil__form_is(pair->name, plain_name) && coil__form_is(pair->value, plain_value));
    coil__query_add(&out, plain_name, plain_value);
    length = coil__out_end(&out);
    FUZZ_CHECK(length > 0);
    FUZZ_CHECK(coil__query_find((struct coil__slice){written, (size_t)length}, plain_name, 1,
                                &again) == 1);
    FUZZ_CHECK(coil__form_is(again.value, plain_value));
    free(name);
    free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size < MOST ? size : MOST};
    size_t max = take_byte(&in);
    struct coil__slice text = {(const char *)in.data, in.size};
    const char *last = text.start;
    struct coil__query query;
    struct coil__pair pair;
    size_t count = 0;
    int rc;

    coil__query_init(&query, text, max);
    while ((rc = coil__query_next(&query, &pair)) > 0) {
        FUZZ_CHECK(pair.name.start >= last);
        FUZZ_CHECK(pair.value.start + pair.value.size <= text.start + text.size);
        FUZZ_CHECK(pair.name.size == 0 || !memchr(pair.name.start, '=', pair.name.size));
        last = pair.value.start + pair.value.size;
        count++;
        check_pair(&pair);
    }
    FUZZ_CHECK(rc == 0 ? count <= max : rc == -COIL_ELIMIT && count == max);
    return 0;
}
