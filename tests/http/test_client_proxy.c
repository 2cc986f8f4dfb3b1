/* Proxies: asked with the whole URL, or for a tunnel; and who is asked directly. */
#include "../tls/certificates.h"
#include "client_talk.h"

#include <stdlib.h>

#define HELLO OK_HEAD("5") "hello"

static char proxy_url[128];

static void open_proxied(const struct coil_http_session_options *more, const char *user)
{
    struct coil_http_session_options options = *more;

    snprintf(proxy_url, sizeof proxy_url, "http://%s127.0.0.1:%u", user, site.port);
    options.proxy = proxy_url;
    open_session(&options);
}

static int get(const char *url, const char *body)
{
    return ask_with((struct coil_http_request){.url = url}, body);
}

/* RFC 9112, section 3.2.2. */
TASK_TEST(proxy_gets_the_whole_url)
{
    static const struct act acts[] = {{.say = HELLO}};

    OPEN_SITE(acts);
    site.again = true;
    open_proxied(&(struct coil_http_session_options){0}, "me:p%40ss@");
    CHECK_ERR(get("http://example.org/a?b#c", "hello"), 200);
    CHECK_CONTAINS(site.heard, "GET http://example.org/a?b HTTP/1.1\r\nHost: example.org\r\n");
    CHECK_CONTAINS(site.heard, "Proxy-Authorization: Basic bWU6cEBzcw==\r\n");
    CHECK_ERR(get("http://example.com:8080/", "hello"), 200);
    CHECK_CONTAINS(site.heard, "GET http://example.com:8080/ HTTP/1.1\r\nHost: example.com:8080");
    close_all();
    return 0;
}

/* --- tunnels (RFC 9110, section 9.3.6) --- */

static struct cast cast;
static struct coil_tls_context *server_context;
static struct coil_tls_context *client_context;
static const char *tunnel_answer;

/* A proxy that is the server, too. */
static int tunnel(struct coil_stream *stream, void *user)
{
    struct coil_stream *secure;
    int rc;

    if (hear_until(&site, stream, "\r\n\r\n") < 0) {
        return 0;
    }
    coil_stream_write(stream, tunnel_answer, strlen(tunnel_answer));
    if (strncmp(tunnel_answer, "HTTP/1.1 200 ", 13) != 0) {
        return 0;
    }
    rc = coil_tls_start(stream, server_context, NULL, &secure);
    if (rc == 0) {
        play_client(secure, user);
        coil_stream_close(secure);
    }
    return 0;
}

static void open_tunnel(const struct act *acts, size_t count, const char *answer)
{
    struct coil_tls_context_options server = {.is_server = true};
    struct coil_tls_context_options client = {0};

    make_cast(&cast);
    server.certificate = cast.server.certificate_pem;
    server.key = cast.server.key_pem;
    client.ca = cast.authority.certificate_pem;
    CHECK_OK(coil_tls_context_new(&server, &server_context));
    CHECK_OK(coil_tls_context_new(&client, &client_context));
    tunnel_answer = answer;
    open_site_with(&site, acts, count, tunnel, &site);
    open_proxied(&(struct coil_http_session_options){.tls = client_context}, "me:you@");
}

static void close_tunnel(void)
{
    close_all();
    coil_tls_context_free(server_context);
    coil_tls_context_free(client_context);
    free_cast(&cast);
}

TASK_TEST(proxy_makes_a_tunnel)
{
    static const struct act acts[] = {{.say = HELLO}};
    const char *inner;

    open_tunnel(acts, 1, "HTTP/1.1 200 Connected\r\n\r\n");
    site.again = true;
    CHECK_ERR(get("https://localhost:8443/a", "hello"), 200);
    CHECK_ERR(get("https://localhost:8443/b", "hello"), 200);
    CHECK_INT(site.connections, ==, 1);
    CHECK_CONTAINS(site.heard, "CONNECT localhost:8443 HTTP/1.1\r\nHost: localhost:8443\r\n");
    CHECK_CONTAINS(site.heard, "Proxy-Authorization: Basic bWU6eW91\r\n");
    inner = strstr(site.heard, "GET /a HTTP/1.1\r\n");
    CHECK(inner && !strstr(inner, "Proxy-"));
    close_tunnel();
    return 0;
}

static const struct {
    const char *answer;
    int error;
    const char *text;
} tunnels[] = {
    {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", -COIL_EPROXY,
     "407 Proxy Authentication Required"},
    {"HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", -COIL_EPROXY, "refuses"},
    {"nonsense\r\n\r\n", -COIL_EPROTOCOL, "no good HTTP"},
    {"HTTP/1.1 ", -COIL_EINCOMPLETE, "in the middle"},
    /* Nobody has spoken yet: it is the proxy's. */
    {"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", -COIL_EPROXY, "before the server's first"},
};

TASK_TEST(proxy_makes_no_tunnel)
{
    for (size_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++) {
        if (i == 4 && test_backend_is("sim")) {
            continue; /* which cuts it where it likes */
        }
        open_tunnel(NULL, 0, tunnels[i].answer);
        CHECK_ERR(get("https://localhost:8443/", NULL), tunnels[i].error);
        CHECK_CONTAINS(failure.text, tunnels[i].text);
        CHECK_INT(usage().connections, ==, 0);
        close_tunnel();
    }
    return 0;
}

/* --- who is asked directly --- */

static const struct {
    const char *exceptions;
    bool is_direct; /* 127.0.0.1 at the site's port */
} exceptions[] = {
    {"", false},
    {"*", true},
    {"127.0.0.1", true},
    {"a, 127.0.0.1", true},
    {"127.0.0.1:%", true},
    {"127.0.0.1:1", false},
    {"0.0.1", false},
    {".0.0.1", false},
    {"example.org", false},
    {"x 127.0.0.1,", true},
    {",,", false},
};

TASK_TEST(proxy_is_passed_by)
{
    static const struct act acts[] = {{.say = HELLO}};

    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
        char list[64];
        char whole[128];
        const char *mark = strchr(exceptions[i].exceptions, '%');

        OPEN_SITE(acts);
        snprintf(list, sizeof list, "%s", exceptions[i].exceptions);
        if (mark) {
            snprintf(list, sizeof list, "127.0.0.1:%u", site.port);
        }
        snprintf(whole, sizeof whole, "GET %s/ HTTP", site.url);
        open_proxied(&(struct coil_http_session_options){.no_proxy = list}, "");
        CHECK_ERR(ask("/", "hello"), 200);
        CHECK_INT(strstr(site.heard, whole) == NULL, ==, exceptions[i].is_direct);
        close_all();
    }
    return 0;
}

/* Names below a name, with or without dots before it. */
TASK_TEST(proxy_is_passed_by_for_names)
{
    static const struct act acts[] = {{.say = HELLO}};

    OPEN_SITE(acts);
    site.again = true;
    open_proxied(
        &(struct coil_http_session_options){.no_proxy = "xample.org, .example.com.invalid"}, "");
    CHECK_ERR(get("http://example.org/", "hello"), 200); /* not below xample.org */
    CHECK_ERR(get("http://example.com/", "hello"), 200);
    close_all();
    return 0;
}

TASK_TEST(proxy_of_the_environment)
{
    static const struct act acts[] = {{.say = HELLO}};
    struct coil_http_session_options options = {.use_environment = true};

    OPEN_SITE(acts);
    site.again = true;
    snprintf(proxy_url, sizeof proxy_url, "127.0.0.1:%u", site.port);
    setenv("http_proxy", proxy_url, 1);
    setenv("no_proxy", "127.0.0.1", 1);
    open_session(&options);
    CHECK_ERR(get("http://example.org/", "hello"), 200);
    CHECK_CONTAINS(site.heard, "GET http://example.org/ HTTP");
    CHECK_ERR(ask("/direct", "hello"), 200);
    CHECK_CONTAINS(site.heard, "GET /direct HTTP");
    coil_http_session_close(session);
    /* Not unless it is asked for. */
    setenv("no_proxy", "", 1);
    open_session(NULL);
    site.size = 0;
    CHECK_ERR(ask("/", "hello"), 200);
    CHECK_CONTAINS(site.heard, "GET / HTTP");
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    close_all();
    return 0;
}

TASK_TEST(proxy_that_is_none)
{
    static const char *const texts[] = {"socks5://a", "https://a",     "http://",
                                        "http://a:x", "http://a%zz@b", "http://a%3Ab:c@d"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct coil_http_session_options options = {.proxy = texts[i]};

        CHECK_ERR(coil_http_session_new(&options, &session), -EINVAL);
    }
    return 0;
}
