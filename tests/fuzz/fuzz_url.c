/* URLs: what is cut is put together again as it was; what is resolved and normalised is a URL, and
 * the same when it is done again; no path of a file leads out of its folder. */
#include "fuzz.h"

#include "wire/percent.h"
#include "wire/url.h"

enum { MOST = 4096 };

static void check_same(const struct coil__url *a, const struct coil__url *b)
{
    FUZZ_CHECK(coil__slice_is_equal(a->scheme, b->scheme));
    FUZZ_CHECK(coil__slice_is_equal(a->userinfo, b->userinfo));
    FUZZ_CHECK(coil__slice_is_equal(a->host, b->host) && a->host_kind == b->host_kind);
    FUZZ_CHECK(coil__slice_is_equal(a->path, b->path));
    FUZZ_CHECK(coil__slice_is_equal(a->query, b->query));
    FUZZ_CHECK(coil__slice_is_equal(a->fragment, b->fragment));
    FUZZ_CHECK(a->port == b->port && !a->host.start == !b->host.start);
    FUZZ_CHECK(!a->query.start == !b->query.start && !a->fragment.start == !b->fragment.start);
}

/* What was written is what the parts say. */
static void check_written(const char *buf, ssize_t length, const struct coil__url *parts)
{
    struct coil__url url;

    FUZZ_CHECK(length >= 0 && strlen(buf) == (size_t)length);
    FUZZ_CHECK(coil__url_parse(coil__slice_of(buf), COIL__URL_BROWSER, &url) == 0);
    check_same(&url, parts);
}

static void check_normal(const struct coil__url *url)
{
    char first[MOST];
    char second[MOST];
    struct coil__url normal;
    struct coil__url again;

    if (url->scheme.start) {
        ssize_t length = coil__url_normalize(url, first, sizeof first, &normal);

        check_written(first, length, &normal);
        FUZZ_CHECK(coil__url_port(url) == coil__url_port(&normal));
        FUZZ_CHECK(coil__url_normalize(&normal, second, sizeof second, &again) == length);
        FUZZ_CHECK(strcmp(first, second) == 0);
    }
}

static void check_resolve(const struct coil__url *base, const struct coil__url *reference,
                          size_t size)
{
    struct coil__url url;
    struct coil__url again;
    char *buf = malloc(size + 4);
    char second[MOST];
    ssize_t length;

    FUZZ_CHECK(buf != NULL);
    length = coil__url_resolve(base, reference, buf, size + 4, &url);
    if (!base->scheme.start) {
        FUZZ_CHECK(length == -EINVAL);
    } else {
        check_written(buf, length, &url);
        FUZZ_CHECK(coil__url_resolve(&url, &url, second, sizeof second, &again) >= 0);
        FUZZ_CHECK(coil__url_resolve(base, reference, second, (size_t)length, &again) == -ENOSPC);
    }
    free(buf);
}

static bool has_dots(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/')) {
        size_t size;

        part += *part == '/';
        size = strcspn(part, "/");
        if ((size == 1 && part[0] == '.') || (size == 2 && memcmp(part, "..", 2) == 0)) {
            return true;
        }
    }
    return false;
}

static void check_file_path(struct coil__slice path, unsigned flags)
{
    char *buf = malloc(path.size > 0 ? path.size : 1);
    ssize_t length;

    FUZZ_CHECK(buf != NULL);
    length = coil__url_file_path(path, flags, buf, path.size);
    FUZZ_CHECK(length != -ENOSPC);
    if (length >= 0) {
        FUZZ_CHECK(strlen(buf) == (size_t)length && buf[0] != '/');
        FUZZ_CHECK(!has_dots(buf) && !strstr(buf, "//"));
        FUZZ_CHECK(!(flags & COIL__FILE_PATH_NO_BACKSLASH) || !strchr(buf, '\\'));
        FUZZ_CHECK(!(flags & COIL__FILE_PATH_NO_HIDDEN) || (buf[0] != '.' && !strstr(buf, "/.")));
    }
    free(buf);
}

static void check_percent(struct coil__slice text, unsigned set)
{
    char encoded[3 * MOST + 1];
    char *decoded = malloc(text.size + 1);
    ssize_t length =
        coil__percent_encode(text, (enum coil__percent_set)set, encoded, sizeof encoded);

    FUZZ_CHECK(decoded != NULL && length >= 0);
    if (set != COIL__PERCENT_URL) {
        ssize_t back = coil__percent_decode((struct coil__slice){encoded, (size_t)length}, decoded,
                                            text.size + 1);

        FUZZ_CHECK(back == (ssize_t)text.size);
        FUZZ_CHECK(text.size == 0 || memcmp(decoded, text.start, text.size) == 0);
    }
    free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size < 1000 ? size : 1000};
    unsigned flags = take_byte(&in);
    size_t first_size = take_byte(&in);
    struct coil__slice all = {(const char *)in.data, in.size};
    struct coil__slice first = {all.start, first_size < all.size ? first_size : all.size};
    struct coil__slice second = {all.start + first.size, all.size - first.size};
    struct coil__url base;
    struct coil__url reference;
    struct coil__url target;
    char buf[MOST];

    check_percent(all, flags % (COIL__PERCENT_URL + 1));
    check_file_path(all, flags % 8);
    if (coil__url_parse_target(all, flags & 1, &target) == 0) {
        FUZZ_CHECK(coil__url_format(&target, buf, sizeof buf) >= 0);
        check_file_path(target.path, flags % 8);
    }
    if (coil__url_parse_host(all, &target) == 0) {
        coil__url_check_http(&target);
    }
    if (coil__url_parse(first, flags & 1, &base) < 0) {
        return 0;
    }
    coil__url_check_http(&base);
    FUZZ_CHECK(coil__url_format(&base, buf, sizeof buf) >= 0);
    check_written(buf, (ssize_t)strlen(buf), &base);
    check_normal(&base);
    if (coil__url_parse(second, flags & 1, &reference) == 0) {
        check_resolve(&base, &reference, all.size);
    }
    return 0;
}
