/* client_proxy.c - which proxy is asked, if any. Proxies are asked by http alone; who talks https
 * through them is not heard by them (CONNECT).
 *
 * The variables of the environment have no standard; these are curl's rules.
 */
#include "http/client.h"

#include "base/memory.h"
#include "sys/environment.h"
#include "wire/percent.h"

#include <errno.h>

enum { MAX_PROXY = 2048 };

/* --- making them --- */

/* "user:password", percent-encoded (RFC 3986, section 3.2.1). buf: MAX_PROXY. */
static int read_userinfo(struct coil__slice userinfo, char *buf, char **ret_authorization)
{
    const char *colon = memchr(userinfo.start, ':', userinfo.size);
    size_t user_size = colon ? (size_t)(colon - userinfo.start) : userinfo.size;
    struct coil__slice password = {NULL, 0};
    char *second = buf + user_size + 1;

    if (colon) {
        password = (struct coil__slice){colon + 1, userinfo.size - user_size - 1};
    }
    if (coil__percent_decode((struct coil__slice){userinfo.start, user_size}, buf, user_size + 1) <
            0 ||
        coil__percent_decode(password, second, password.size + 1) < 0) {
        return -EINVAL;
    }
    return coil__client_basic(buf, second, ret_authorization);
}

/* text: may lack "http://". buf: 2 * MAX_PROXY. */
static int parse(struct coil__client_proxy *proxy, const char *text, char *buf)
{
    static const char scheme[] = "http://";
    size_t size = strlen(text);
    size_t at = strstr(text, "://") ? 0 : sizeof scheme - 1;
    struct coil__url url;
    ssize_t length;
    int rc;

    memcpy(buf, scheme, at);
    memcpy(buf + at, text, size + 1);
    rc = coil__url_parse(coil__slice_of(buf), 0, &url);
    if (rc < 0 || !coil__slice_is_like(url.scheme, "http")) {
        return -EINVAL;
    }
    if (url.userinfo.start) {
        rc = read_userinfo(url.userinfo, buf + MAX_PROXY, &proxy->authorization);
        if (rc < 0) {
            return rc;
        }
    }
    url.userinfo = (struct coil__slice){NULL, 0};
    url.query = (struct coil__slice){NULL, 0};
    url.path = coil__slice_of("/");
    length = coil__url_format(&url, buf + MAX_PROXY, MAX_PROXY);
    rc = length < 0 ? -EINVAL : coil__client_place_make(&proxy->place, NULL, buf + MAX_PROXY, NULL);
    return rc == -COIL_EURL ? -EINVAL : rc;
}

static int make(struct coil__client_proxy *proxy, const char *text)
{
    char *buf;
    int rc;

    if (!text || text[0] == '\0') {
        return 0;
    }
    if (strlen(text) > MAX_PROXY - 16) {
        return -EINVAL;
    }
    buf = coil__malloc(2 * MAX_PROXY);
    rc = buf ? parse(proxy, text, buf) : -ENOMEM;
    coil__free(buf);
    return rc;
}

static const char *from_environment(const char *small, const char *large)
{
    const char *text = coil__environment_text(small);

    return text || !large ? text : coil__environment_text(large);
}

int coil__client_proxies_init(struct coil__client_proxies *proxies,
                              const struct coil_http_session_options *options)
{
    bool use_environment = options->use_environment && !options->proxy;
    const char *for_http = use_environment ? from_environment("http_proxy", NULL) : options->proxy;
    const char *for_https =
        use_environment ? from_environment("https_proxy", "HTTPS_PROXY") : options->proxy;
    const char *exceptions = options->no_proxy;
    int rc = make(&proxies->for_http, for_http);

    if (rc == 0) {
        rc = make(&proxies->for_https, for_https);
    }
    if (rc == 0 && !exceptions && use_environment) {
        exceptions = from_environment("no_proxy", "NO_PROXY");
    }
    if (rc == 0 && exceptions) {
        size_t size = strlen(exceptions) + 1;

        proxies->exceptions = coil__malloc(size);
        rc = proxies->exceptions ? 0 : -ENOMEM;
        if (rc == 0) {
            memcpy(proxies->exceptions, exceptions, size);
        }
    }
    if (rc < 0) {
        coil__client_proxies_deinit(proxies);
    }
    return rc;
}

void coil__client_proxies_deinit(struct coil__client_proxies *proxies)
{
    coil__client_place_free(&proxies->for_http.place);
    coil__client_place_free(&proxies->for_https.place);
    coil__free(proxies->for_http.authorization);
    coil__free(proxies->for_https.authorization);
    coil__free(proxies->exceptions);
    *proxies = (struct coil__client_proxies){0};
}

/* --- choosing --- */

/* "example.org", ".example.org", "*.example.org", "192.0.2.1", "[::1]", each with ":port". */
static bool is_exception(struct coil__slice entry, const struct coil__client_place *place)
{
    struct coil__slice host = coil__slice_of(place->host);
    struct coil__url url;

    if (coil__slice_is(entry, "*")) {
        return true;
    }
    if (entry.size > 1 && entry.start[0] == '*' && entry.start[1] == '.') {
        entry = (struct coil__slice){entry.start + 1, entry.size - 1};
    }
    if (entry.size > 1 && entry.start[0] == '.') {
        entry = (struct coil__slice){entry.start + 1, entry.size - 1};
    }
    if (coil__slice_is_similar(entry, host)) { /* an IPv6 address without brackets, too */
        return true;
    }
    if (coil__url_parse_host(entry, &url) < 0 || url.host.size == 0 ||
        (url.port >= 0 && url.port != place->port)) {
        return false;
    }
    return coil__cookie_domain_matches(host, url.host);
}

static bool is_excepted(const char *exceptions, const struct coil__client_place *place)
{
    const char *at = exceptions;

    while (at && *at != '\0') {
        size_t size = strcspn(at, ", \t");

        if (size > 0 && is_exception((struct coil__slice){at, size}, place)) {
            return true;
        }
        at += size;
        at += strspn(at, ", \t");
    }
    return false;
}

const struct coil__client_proxy *coil__client_proxy_for(const struct coil__client_proxies *proxies,
                                                        const struct coil__client_place *place)
{
    const struct coil__client_proxy *proxy =
        place->is_https ? &proxies->for_https : &proxies->for_http;

    return !proxy->place.url || is_excepted(proxies->exceptions, place) ? NULL : proxy;
}
