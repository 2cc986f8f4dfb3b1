/* percent.c - see percent.h. The sets are named by what they hold beside letters and digits. */
#include "wire/percent.h"

#include "wire/out.h"

#define UNRESERVED "-._~"
#define SUB_DELIMS "!$&'()*+,;="

static const char *const extras[] = {
    [COIL__PERCENT_UNRESERVED] = UNRESERVED,
    [COIL__PERCENT_SEGMENT] = UNRESERVED SUB_DELIMS ":@",
    [COIL__PERCENT_PATH] = UNRESERVED SUB_DELIMS ":@/",
    [COIL__PERCENT_QUERY] = UNRESERVED SUB_DELIMS ":@/?",
    [COIL__PERCENT_QUERY_COMPONENT] = UNRESERVED "!$'()*,:@/?",
    [COIL__PERCENT_USERINFO] = UNRESERVED SUB_DELIMS,
    [COIL__PERCENT_FORM] = "*-._",
    [COIL__PERCENT_ATTRIBUTE] = "!#$&+-.^_`|~",
    [COIL__PERCENT_URL] = UNRESERVED SUB_DELIMS ":@/?#[]%",
};

bool coil__percent_has(enum coil__percent_set set, char c)
{
    return coil__is_letter(c) || coil__is_digit(c) || (c != '\0' && strchr(extras[set], c));
}

ssize_t coil__percent_encode(struct coil__slice text, enum coil__percent_set set, char *buf,
                             size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};

    for (size_t i = 0; i < text.size; i++) {
        if (coil__percent_has(set, text.start[i])) {
            coil__out_byte(&out, text.start[i]);
        } else {
            coil__out_percent(&out, text.start[i]);
        }
    }
    return coil__out_end(&out);
}

int coil__percent_byte(struct coil__slice text)
{
    int high;
    int low;

    if (text.size < 3 || text.start[0] != '%') {
        return -1;
    }
    high = coil__hex_value(text.start[1]);
    low = coil__hex_value(text.start[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

ssize_t coil__percent_decode(struct coil__slice text, char *buf, size_t buf_size)
{
    struct coil__out out = {.start = buf, .size = buf_size};

    for (size_t i = 0; i < text.size; i++) {
        int byte = (unsigned char)text.start[i];

        if (byte == '%') {
            byte = coil__percent_byte((struct coil__slice){text.start + i, text.size - i});
            if (byte < 0) {
                return -EBADMSG;
            }
            i += 2;
        }
        coil__out_byte(&out, (char)byte);
    }
    return coil__out_end(&out);
}
