/* client_cookies.c - the jar: cookies that servers have set, and which of them go where (RFC 6265,
 * sections 5.3 and 5.4).
 *
 * It is searched from one end to the other; a bound keeps it small. The oldest cookies stand first,
 * and go first where there are too many, of the domain or in all. It knows no list of public
 * suffixes: domains of one label and addresses are refused, "co.uk" is not.
 */
#include "http/client.h"

#include "base/memory.h"

#include <errno.h>

/* The strings follow the struct. */
struct cookie {
    struct coil__list link;
    struct coil__slice name;
    struct coil__slice value;
    struct coil__slice domain;
    struct coil__slice path;
    int64_t ends; /* seconds since 1970; INT64_MAX: with the session */
    bool is_host_only;
    bool is_secure;
    char text[];
};

void coil__client_jar_init(struct coil__client_jar *jar, size_t max)
{
    coil__list_init(&jar->cookies);
    jar->count = 0;
    jar->max = max;
}

static struct cookie *cookie_at(struct coil__list *node)
{
    return COIL__CONTAINER(node, struct cookie, link);
}

static void remove_cookie(struct coil__client_jar *jar, struct cookie *cookie)
{
    coil__list_remove(&cookie->link);
    coil__free(cookie);
    jar->count--;
}

void coil__client_jar_clear(struct coil__client_jar *jar)
{
    COIL__LIST_FOREACH_SAFE(&jar->cookies, node) {
        remove_cookie(jar, cookie_at(node));
    }
}

/* --- taking --- */

static struct coil__slice keep(char **to, struct coil__slice slice, bool is_lower)
{
    struct coil__slice kept = {*to, slice.size};

    for (size_t i = 0; i < slice.size; i++) {
        (*to)[i] = is_lower ? coil__to_lower(slice.start[i]) : slice.start[i];
    }
    *to += slice.size;
    return kept;
}

static struct cookie *new_cookie(const struct coil__set_cookie *set, struct coil__slice domain,
                                 struct coil__slice path)
{
    struct cookie *cookie =
        coil__malloc(sizeof *cookie + set->name.size + set->value.size + domain.size + path.size);
    char *to;

    if (cookie) {
        *cookie = (struct cookie){.is_secure = set->is_secure, .is_host_only = !set->domain.start};
        to = cookie->text;
        cookie->name = keep(&to, set->name, false);
        cookie->value = keep(&to, set->value, false);
        cookie->domain = keep(&to, domain, true);
        cookie->path = keep(&to, path, false);
    }
    return cookie;
}

/* The one that a new one replaces: name, domain and path are the same (section 5.3, step 11). */
static struct cookie *find_same(struct coil__client_jar *jar, const struct cookie *cookie)
{
    COIL__LIST_FOREACH(&jar->cookies, node) {
        struct cookie *other = cookie_at(node);

        if (coil__slice_is_equal(other->name, cookie->name) &&
            coil__slice_is_equal(other->domain, cookie->domain) &&
            coil__slice_is_equal(other->path, cookie->path)) {
            return other;
        }
    }
    return NULL;
}

/* An insecure place may not set what would hide a secure cookie (6265bis, section 5.7, step 16). */
static bool hides_secure(struct coil__client_jar *jar, const struct cookie *cookie)
{
    COIL__LIST_FOREACH(&jar->cookies, node) {
        struct cookie *other = cookie_at(node);

        if (other->is_secure && coil__slice_is_equal(other->name, cookie->name) &&
            (coil__cookie_domain_matches(cookie->domain, other->domain) ||
             coil__cookie_domain_matches(other->domain, cookie->domain)) &&
            coil__cookie_path_matches(cookie->path, other->path)) {
            return true;
        }
    }
    return false;
}

/* Those that are over go first, then the oldest of the domain, then the oldest (section 5.3). */
static void make_room(struct coil__client_jar *jar, struct coil__slice domain, int64_t now)
{
    struct cookie *oldest = NULL;
    size_t count = 0;

    COIL__LIST_FOREACH_SAFE(&jar->cookies, node) {
        struct cookie *cookie = cookie_at(node);

        if (cookie->ends <= now) {
            remove_cookie(jar, cookie);
        } else if (coil__slice_is_equal(cookie->domain, domain)) {
            oldest = oldest ? oldest : cookie;
            count++;
        }
    }
    if (count >= COIL__CLIENT_COOKIES_PER_DOMAIN) {
        remove_cookie(jar, oldest);
    }
    if (jar->count >= jar->max && jar->count > 0) {
        remove_cookie(jar, cookie_at(jar->cookies.next));
    }
}

static void store(struct coil__client_jar *jar, struct cookie *cookie, int64_t now)
{
    struct cookie *same = find_same(jar, cookie);

    if (same) { /* its place in time is kept (section 5.3, step 11.3) */
        coil__list_push_head(&same->link, &cookie->link);
        jar->count++;
        remove_cookie(jar, same);
        if (cookie->ends <= now) {
            remove_cookie(jar, cookie);
        }
    } else if (cookie->ends <= now) {
        coil__free(cookie);
    } else {
        make_room(jar, cookie->domain, now);
        coil__list_push_tail(&jar->cookies, &cookie->link);
        jar->count++;
    }
}

/* A domain that is one label, a public suffix, or an address is the host itself, or refused
 * (section 5.3, step 5). */
static int settle_domain(struct coil__set_cookie *set, const struct coil__client_place *place)
{
    bool is_wide = place->parts.host_kind == COIL__HOST_NAME && set->domain.size > 0 &&
                   memchr(set->domain.start, '.', set->domain.size);

    if (set->domain.size > 0 && !is_wide &&
        !coil__slice_is_similar(set->domain, coil__slice_of(place->host))) {
        return -COIL__ECOOKIE_DOMAIN;
    }
    set->domain.start = is_wide ? set->domain.start : NULL;
    return 0;
}

int coil__client_jar_set(struct coil__client_jar *jar, const struct coil__client_place *place,
                         struct coil__slice field, int64_t now)
{
    struct coil__slice host = coil__slice_of(place->host);
    struct coil__set_cookie set;
    struct coil__slice domain;
    struct coil__slice path;
    struct cookie *cookie;
    int rc = coil__set_cookie_parse(field, &set);

    if (rc == 0) {
        rc = coil__set_cookie_check(&set, host, place->is_https);
    }
    if (rc < 0) {
        return rc;
    }
    rc = settle_domain(&set, place);
    if (rc < 0) {
        return rc;
    }
    domain = set.domain.start ? set.domain : host;
    path = set.path.start ? set.path : coil__cookie_default_path(place->parts.path);
    cookie = new_cookie(&set, domain, path);
    if (!cookie) {
        return -ENOMEM;
    }
    cookie->ends = coil__set_cookie_end(&set, now);
    if (!place->is_https && hides_secure(jar, cookie)) {
        coil__free(cookie);
        return -COIL__ECOOKIE_SECURE;
    }
    store(jar, cookie, now);
    return 0;
}

/* --- giving --- */

static bool goes_to(const struct cookie *cookie, const struct coil__client_place *place,
                    int64_t now)
{
    struct coil__slice host = coil__slice_of(place->host);

    return cookie->ends > now && (place->is_https || !cookie->is_secure) &&
           (cookie->is_host_only ? coil__slice_is_similar(host, cookie->domain)
                                 : coil__cookie_domain_matches(host, cookie->domain)) &&
           coil__cookie_path_matches(place->parts.path, cookie->path);
}

static int add(struct coil__http_buffer *buffer, const struct cookie *cookie, bool is_first)
{
    int rc = coil__http_reserve(buffer, cookie->name.size + cookie->value.size + 3);
    char *to = buffer->data + buffer->end;

    if (rc < 0) {
        return rc;
    }
    if (!is_first) {
        *to++ = ';';
        *to++ = ' ';
    }
    memcpy(to, cookie->name.start, cookie->name.size);
    to += cookie->name.size;
    if (cookie->name.size > 0) { /* one without a name is its value (section 5.4) */
        *to++ = '=';
    }
    memcpy(to, cookie->value.start, cookie->value.size);
    buffer->end = (size_t)(to + cookie->value.size - buffer->data);
    return 0;
}

/* The longest path of a cookie that is shorter than `below` and goes there; 0: none. */
static size_t next_length(const struct coil__client_jar *jar,
                          const struct coil__client_place *place, int64_t now, size_t below)
{
    size_t longest = 0;

    COIL__LIST_FOREACH(&jar->cookies, node) {
        const struct cookie *cookie = cookie_at(node);

        if (cookie->path.size < below && cookie->path.size > longest &&
            goes_to(cookie, place, now)) {
            longest = cookie->path.size;
        }
    }
    return longest;
}

/* Longer paths go first, then older ones (section 5.4, step 2). */
int coil__client_jar_get(struct coil__client_jar *jar, const struct coil__client_place *place,
                         int64_t now, struct coil__http_buffer *buffer)
{
    size_t begin = buffer->end;
    size_t length = SIZE_MAX;

    while (jar->count > 0 && (length = next_length(jar, place, now, length)) > 0) {
        COIL__LIST_FOREACH(&jar->cookies, node) {
            const struct cookie *cookie = cookie_at(node);

            if (cookie->path.size == length && goes_to(cookie, place, now)) {
                int rc = add(buffer, cookie, buffer->end == begin);

                if (rc < 0) {
                    return rc;
                }
            }
        }
    }
    return 0;
}
