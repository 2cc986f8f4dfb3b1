/* client_place.c - URLs: parsed, checked, normalized, so that those which mean the same server look
 * the same, and resolved against the one before. */
#include "http/client.h"

#include "base/memory.h"
#include "wire/percent.h"

#include <errno.h>

/* Whether a request can go there (RFC 9110, section 4.2). */
static int check(const struct coil__url *url)
{
    int rc = coil__url_check_http(url);

    if (rc == 0 && !coil__slice_is_like(url->scheme, "http") &&
        !coil__slice_is_like(url->scheme, "https")) {
        rc = -COIL__EURL_NOT_HTTP;
    }
    return rc;
}

/* Makes the block: the URL, and the host behind it. */
static int settle(struct coil__client_place *place, const struct coil__url *url, size_t room)
{
    char *block = coil__malloc(2 * room + 2);
    struct coil__url parts;
    ssize_t size;

    if (!block) {
        return -ENOMEM;
    }
    size = coil__url_normalize(url, block, room, &parts);
    if (size < 0) {
        coil__free(block);
        return (int)size;
    }
    memcpy(block + size + 1, parts.host.start, parts.host.size);
    block[(size_t)size + 1 + parts.host.size] = '\0';
    *place = (struct coil__client_place){
        .url = block,
        .parts = parts,
        .host = block + size + 1,
        .port = (uint16_t)coil__url_port(&parts),
        .is_https = coil__slice_is(parts.scheme, "https"),
    };
    return 0;
}

/* scratch: room for the reference resolved, and encoded. */
static int make(struct coil__client_place *place, const struct coil__client_place *base,
                struct coil__slice text, char *scratch, size_t room)
{
    ssize_t size = coil__percent_encode(text, COIL__PERCENT_URL, scratch, room);
    struct coil__url url;
    int rc;

    if (size < 0) {
        return (int)size;
    }
    rc = coil__url_parse(coil__slice_between(scratch, scratch + size), COIL__URL_BROWSER, &url);
    if (rc == 0 && base) {
        char *resolved = scratch + size + 1;
        struct coil__url reference = url;
        ssize_t length =
            coil__url_resolve(&base->parts, &reference, resolved, room - (size_t)size - 1, &url);

        rc = length < 0 ? (int)length : 0;
    }
    if (rc == 0) {
        rc = check(&url);
    }
    url.fragment = (struct coil__slice){NULL, 0};
    return rc < 0 ? rc : settle(place, &url, room);
}

int coil__client_place_make(struct coil__client_place *place, const struct coil__client_place *base,
                            const char *text, struct coil_http_failure *failure)
{
    struct coil__slice slice = coil__slice_of(text);
    size_t room;
    char *scratch;
    int rc;

    if (!text) {
        return coil__client_fail(failure, -COIL_EURL, "there is no URL");
    }
    if (slice.size > COIL__CLIENT_MAX_URL) {
        return coil__client_fail(failure, -COIL_EURL, "the URL is longer than %d bytes",
                                 COIL__CLIENT_MAX_URL);
    }
    /* Each byte may become three, twice; and the base stands before it. */
    room = 8 * slice.size + 64 + (base ? 4 * strlen(base->url) : 0);
    scratch = coil__malloc(room);
    rc = scratch ? make(place, base, slice, scratch, room) : -ENOMEM;
    coil__free(scratch);
    if (rc < 0 && rc != -ENOMEM) {
        return coil__client_fail(failure, -COIL_EURL, "'%.200s': %s", text,
                                 rc == -COIL__EURL_NOT_HTTP
                                     ? "the URL's scheme is neither http nor https"
                                     : coil__url_strerror(rc));
    }
    return rc < 0 ? coil__client_fail_plainly(failure, rc) : 0;
}

void coil__client_place_free(struct coil__client_place *place)
{
    coil__free(place->url);
    *place = (struct coil__client_place){0};
}

bool coil__client_is_same_origin(const struct coil__client_place *a,
                                 const struct coil__client_place *b)
{
    return coil__url_is_same_origin(&a->parts, &b->parts);
}
