/* test_negotiate.c - Accept, Accept-Encoding and Accept-Language (RFC 9110, section 12.5). */
#include "wire/negotiate.h"

#include "harness.h"

#include <errno.h>

enum { NONE = -ENOENT };

struct example {
    const char *field;
    int best;
};

COIL_TEST(accept_media)
{
    static const char *const offers[] = {"application/json", "text/html",
                                         "text/plain;format=flowed", "image/png"};
    static const struct example examples[] = {
        {NULL, 0},
        {"", 0},
        {" , ,", 0},
        {"*/*", 0},
        {"text/html", 1},
        {"TEXT/HTML", 1},
        {"text/*", 1},
        {"image/*", 3},
        {"text/html;q=0.5, application/json;q=0.4", 1},
        {"text/html;q=0.5, application/json;q=0.5", 0},
        {"text/html; q=0.5 , */* ; Q=0.1", 1},
        {"text/plain", 2},
        {"text/plain;format=flowed, text/html", 1},
        {"text/plain;format=FLOWED, text/html;q=0.9", 2},
        {"text/plain;format=\"flowed\", text/html;q=0.9", 2},
        {"text/plain;format=fixed, text/html;q=0.9", 1},
        /* section 12.5.1: the most specific counts, wherever it stands */
        {"text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, */*;q=0.5", 2},
        {"*/*, application/json;q=0", 1},
        {"application/json;q=0, */*", 1},
        {"text/*, text/html;q=0.1, image/png;q=0.5", 2},
        {"text/plain;q=1, text/plain;format=flowed;q=0, image/png;q=0.1", 3},
        {"image/png;q=0.001", 3},
        /* 406 */
        {"application/xml", NONE},
        {"*/*;q=0", NONE},
        {"application/json;q=0", NONE},
        {"text/html;level=1", NONE},
        /* malformed elements are passed over */
        {"text/html;q=2, image/png;q=0.1", 3},
        {"text/html;q=, image/png;q=0.1", 3},
        {"text/html;q=0.1234", NONE},
        {"text", NONE},
        {"text/", NONE},
        {"/*", NONE},
        {"*", NONE},
        {"*/html", NONE},
        {";q=1", NONE},
        {"text/html;q=0.5;q=1, application/json;q=0.6", 0}, /* behind q: accept-ext */
        {"text/html;a=\"x,y;q=0\", image/png", 3},
    };

    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        CHECK_MSG(coil__accept_media(coil__slice_of(examples[i].field), offers, 4) ==
                      examples[i].best,
                  "%s: %d", examples[i].field,
                  coil__accept_media(coil__slice_of(examples[i].field), offers, 4));
    }
    CHECK_INT(coil__accept_media(coil__slice_of("*/*"), offers, 0), ==, NONE);
    CHECK_INT(coil__accept_media(coil__slice_of(NULL), offers, 0), ==, NONE);
}

/* Section 12.5.3. */
COIL_TEST(accept_encoding)
{
    static const char *const offers[] = {"br", "gzip", "identity"};
    static const struct example examples[] = {
        {NULL, 2},
        {"", 2},
        {"gzip", 1},
        {"GZIP", 1},
        {"x-gzip", 1},
        {"gzip, br", 0},
        {"gzip, deflate, br;q=0.9", 1},
        {"gzip;q=0.5, identity;q=0.6", 2},
        {"gzip;q=0.001", 1},
        {"*", 0},
        {"*;q=0.5, gzip", 1},
        {"br;q=0, *", 1},
        {"deflate", 2},
        {"gzip;q=0", 2},
        {"identity;q=0, gzip", 1},
        {"identity;q=0", NONE},
        {"*;q=0", NONE},
        {"*;q=0, identity", 2},
        {"*;q=0, gzip;q=0.1", 1},
        {"gzip;q=x", 2},
    };

    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        CHECK_MSG(coil__accept_encoding(coil__slice_of(examples[i].field), offers, 3) ==
                      examples[i].best,
                  "%s: %d", examples[i].field,
                  coil__accept_encoding(coil__slice_of(examples[i].field), offers, 3));
    }
    CHECK_INT(coil__accept_encoding(coil__slice_of("deflate"), offers, 2), ==, NONE);
    CHECK_INT(coil__accept_encoding(coil__slice_of(NULL), offers, 2), ==, NONE);
}

/* Section 12.5.4; RFC 4647. */
COIL_TEST(accept_language)
{
    static const char *const offers[] = {"en", "de", "pt-BR", "zh-Hant-TW"};
    static const struct example examples[] = {
        {NULL, 0},
        {"", 0},
        {"de", 1},
        {"DE", 1},
        {"da, en-gb;q=0.8, en;q=0.7", 0},
        {"de;q=0.5, en;q=0.4", 1},
        {"*", 0},
        {"*, en;q=0.1", 1},
        {"pt", 2},
        {"zh", 3},
        {"zh-Hant", 3},
        {"zh-hant-tw", 3},
        {"p", NONE},
        {"pt-PT", NONE},
        {"den", NONE},
        /* lookup (RFC 4647, section 3.4) */
        {"de-AT", 1},
        {"de-AT, en;q=0.5", 1},
        {"en-US;q=0.1, en;q=0.9, de;q=0.5", 0},
        {"en-US;q=0, de;q=0.5", 1},
        {"en-US;q=0, en;q=0.6, de;q=0.5", 0},
        {"fr", NONE},
        {"en;q=0", NONE},
        {"*;q=0", NONE},
        {"-", NONE},
        {"en-", 0},
    };

    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        CHECK_MSG(coil__accept_language(coil__slice_of(examples[i].field), offers, 4) ==
                      examples[i].best,
                  "%s: %d", examples[i].field,
                  coil__accept_language(coil__slice_of(examples[i].field), offers, 4));
    }
}
