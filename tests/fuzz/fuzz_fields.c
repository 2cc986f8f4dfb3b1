/* Values of fields, which one the first byte says: ranges, conditions, negotiation, cookies, dates,
 * types with parameters. What is accepted keeps what its header promises. */
#include "fuzz.h"

#include "wire/conditions.h"
#include "wire/cookie.h"
#include "wire/http_date.h"
#include "wire/media_type.h"
#include "wire/negotiate.h"

enum { MOST = 2000 };

static void check_ranges(struct fuzz_input *in)
{
    struct coil__range ranges[COIL__RANGES_MAX];
    size_t max = 1 + take_below(in, COIL__RANGES_MAX);
    uint64_t length = take_byte(in) & 1 ? take_u16(in) : (uint64_t)take_u32(in) << 32;
    struct coil__slice field = {(const char *)in->data, in->size};
    struct coil__content_range content;
    char buf[COIL__CONTENT_RANGE_SIZE];
    int count = coil__ranges_parse(field, length, ranges, max);

    FUZZ_CHECK(count <= (int)max && (count >= 0 || count == -ERANGE));
    for (int i = 0; i < count; i++) {
        FUZZ_CHECK(ranges[i].first <= ranges[i].last && ranges[i].last < length);
        for (int j = 0; j < i; j++) {
            FUZZ_CHECK(ranges[i].last < ranges[j].first || ranges[j].last < ranges[i].first);
        }
        FUZZ_CHECK(coil__content_range_format(&ranges[i], length, buf, sizeof buf) > 0);
        FUZZ_CHECK(coil__content_range_parse(coil__slice_of(buf), &content) == 0);
        FUZZ_CHECK(content.range.first == ranges[i].first && content.length == length);
    }
    if (coil__content_range_parse(field, &content) == 0 && content.is_satisfied) {
        FUZZ_CHECK(content.range.first <= content.range.last);
        FUZZ_CHECK(!content.has_length || content.range.last < content.length);
    }
}

/* The next piece, up to a NUL; absent if it is empty. */
static struct coil__slice take_field(struct fuzz_input *in)
{
    struct coil__slice field = {(const char *)in->data, 0};

    while (field.size < in->size && field.start[field.size] != '\0') {
        field.size++;
    }
    in->data += field.size;
    in->size -= field.size;
    take_byte(in);
    return field.size > 0 ? field : (struct coil__slice){0};
}

static void check_conditions(struct fuzz_input *in)
{
    unsigned bits = take_byte(in);
    struct coil__etag etag = {coil__slice_of("a"), (bits & 1) != 0};
    struct coil__representation what = {(bits & 2) != 0, etag,      (bits & 4) != 0,
                                        784111777,       784111778, take_byte(in)};
    struct coil__conditions conditions;
    struct coil__range ranges[4];
    size_t count = 0;
    int status;
    char buf[MOST + 8];

    conditions.if_match = take_field(in);
    conditions.if_none_match = take_field(in);
    conditions.if_modified_since = take_field(in);
    conditions.if_unmodified_since = take_field(in);
    conditions.if_range = take_field(in);
    conditions.range = take_field(in);
    if (coil__etag_parse(conditions.if_match, &etag) == 0) {
        FUZZ_CHECK(coil__etag_format(&etag, buf, sizeof buf) > 0);
        FUZZ_CHECK(coil__slice_is(conditions.if_match, buf));
        FUZZ_CHECK(coil__etags_have(conditions.if_match, &etag, !etag.is_weak));
    }
    status = coil__conditions_evaluate(&conditions, (enum coil__condition_method)(bits >> 3) % 3,
                                       &what, ranges, 4, &count);
    FUZZ_CHECK(status == 200 || status == 206 || status == 304 || status == 412 || status == 416);
    FUZZ_CHECK((status == 206) == (count > 0) && count <= 4);
    FUZZ_CHECK(status != 206 || (what.exists && conditions.range.start));
}

static void check_negotiation(struct fuzz_input *in)
{
    static const char *const media[] = {"text/html", "text/plain;format=flowed", "image/png"};
    static const char *const codings[] = {"br", "gzip", "identity"};
    static const char *const languages[] = {"en", "de-AT", "zh-Hant-TW"};
    struct coil__slice field = {(const char *)in->data, in->size};
    int best = coil__accept_media(field, media, 3);

    FUZZ_CHECK(best == -ENOENT || (best >= 0 && best < 3));
    best = coil__accept_encoding(field, codings, 3);
    FUZZ_CHECK(best == -ENOENT || (best >= 0 && best < 3));
    best = coil__accept_language(field, languages, 3);
    FUZZ_CHECK(best == -ENOENT || (best >= 0 && best < 3));
}

static void check_cookies(struct fuzz_input *in)
{
    size_t max = take_byte(in);
    struct coil__slice field = {(const char *)in->data, in->size};
    struct coil__cookies cookies;
    struct coil__slice name;
    struct coil__slice value;
    size_t count = 0;

    coil__cookies_init(&cookies, field, max);
    while (coil__cookies_next(&cookies, &name, &value) > 0) {
        FUZZ_CHECK(name.size > 0 && !memchr(name.start, ';', name.size));
        FUZZ_CHECK(value.start + value.size <= field.start + field.size);
        count++;
    }
    FUZZ_CHECK(count <= max);
}

static void check_set_cookie(struct fuzz_input *in)
{
    struct coil__slice field = {(const char *)in->data, in->size};
    struct coil__set_cookie cookie;
    struct coil__set_cookie again;
    char buf[3 * MOST];

    if (coil__set_cookie_parse(field, &cookie) < 0) {
        return;
    }
    FUZZ_CHECK(cookie.name.size + cookie.value.size > 0);
    FUZZ_CHECK(!cookie.path.start || cookie.path.start[0] == '/');
    coil__set_cookie_end(&cookie, 1000);
    coil__set_cookie_check(&cookie, coil__slice_of("www.example.com"), true);
    if (coil__set_cookie_format(&cookie, buf, sizeof buf) < 0) {
        return;
    }
    FUZZ_CHECK(coil__set_cookie_parse(coil__slice_of(buf), &again) == 0);
    FUZZ_CHECK(coil__slice_is_equal(cookie.name, again.name));
    FUZZ_CHECK(coil__slice_is_equal(cookie.value, again.value));
    FUZZ_CHECK(coil__slice_is_equal(cookie.domain, again.domain));
    FUZZ_CHECK(coil__slice_is_equal(cookie.path, again.path));
    FUZZ_CHECK(cookie.has_max_age == again.has_max_age && cookie.has_expires == again.has_expires);
    FUZZ_CHECK(!cookie.has_expires || cookie.expires == again.expires);
    FUZZ_CHECK(cookie.is_secure == again.is_secure && cookie.same_site == again.same_site);
}

static void check_dates(struct fuzz_input *in)
{
    struct coil__slice field = {(const char *)in->data, in->size};
    char text[COIL__HTTP_DATE_SIZE];
    int64_t seconds;
    int64_t again;

    if (coil__http_date_parse(field, 1790000000, &seconds) == 0) {
        coil__http_date_format(seconds, text);
        FUZZ_CHECK(coil__http_date_parse(coil__slice_of(text), 0, &again) == 0);
        FUZZ_CHECK(again == seconds || seconds == COIL__HTTP_DATE_MAX + 1); /* a leap second */
    }
    if (coil__cookie_date_parse(field, &seconds) == 0) {
        coil__http_date_format(seconds, text);
        FUZZ_CHECK(coil__cookie_date_parse(coil__slice_of(text), &again) == 0);
        FUZZ_CHECK(again == seconds);
    }
}

static void check_types(struct fuzz_input *in)
{
    struct coil__slice field = {(const char *)in->data, in->size};
    struct coil__valued valued;
    struct coil__parameter parameter;
    char buf[2 * MOST + 1];

    coil__media_type_of(field);
    coil__media_type_is_text(field);
    if (coil__disposition_parse(field, &valued) == 0) {
        ssize_t length = coil__disposition_filename(&valued, buf, sizeof buf);

        FUZZ_CHECK(length <= 0 || (!strchr(buf, '/') && !strchr(buf, '\\')));
        FUZZ_CHECK(length <= 0 || (strlen(buf) == (size_t)length && strcmp(buf, "..") != 0));
    }
    if (coil__media_type_parse(field, &valued) == 0) {
        while (coil__parameter_next(&valued.parameters, &parameter) > 0) {
            FUZZ_CHECK(coil__slice_is_token(parameter.name) && parameter.value.size > 0);
            FUZZ_CHECK(coil__parameter_unquote(parameter.value, buf, parameter.value.size + 1) >=
                       0);
            coil__parameter_decode(parameter.value, buf, sizeof buf);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct fuzz_input * in) = {
        check_ranges,     check_conditions, check_negotiation, check_cookies,
        check_set_cookie, check_dates,      check_types,
    };
    struct fuzz_input in = {data, size < MOST ? size : MOST};

    checks[take_below(&in, sizeof checks / sizeof *checks)](&in);
    return 0;
}
