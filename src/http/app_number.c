/* app_number.c - a number with a fraction, in the grammar of JSON (RFC 8259, section 6), by the
 * reader that JSON has.
 */
#include "http/app.h"

#include <coil/json.h>

struct number {
    double value;
};

static const struct coil_json_field fields[] = {COIL_JSON_DOUBLE(struct number, value)};
static const struct coil_json_type type = COIL_JSON_TYPE("Number", struct number, fields);

enum { MAX_SIZE = 512 };

bool coil__app_parse_number(const char *text, size_t size, double *ret_value)
{
    static const char begin[] = "{\"value\":";
    char document[MAX_SIZE + sizeof begin + 1];
    struct coil_json_parsed parsed = {0};
    struct number number = {0};
    int rc;

    if (size == 0 || size > MAX_SIZE || strspn(text, "0123456789+-.eE") != size) {
        return false;
    }
    memcpy(document, begin, sizeof begin - 1);
    memcpy(document + sizeof begin - 1, text, size);
    document[sizeof begin - 1 + size] = '}';
    rc = coil_json_parse(&type, document, sizeof begin + size, NULL, &number, &parsed);
    coil_json_parsed_deinit(&parsed);
    if (rc >= 0) {
        *ret_value = number.value;
    }
    return rc >= 0;
}
