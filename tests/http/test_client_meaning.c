/* What fields of a response mean, bodies of which a part is wanted, and whose timeout it was. */
#include "client_talk.h"

#include "fault.h"

#include <coil/http_url.h>

/* A response with such a field and no body. */
static struct coil_http_response *get_with(const char *field)
{
    static char text[400];
    static struct act act;
    struct coil_http_response *response = NULL;

    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n", field);
    act = (struct act){.say = text};
    open_site(&act, 1);
    open_session(NULL);
    CHECK_OK(coil_http_get(session, url_of("/a/b?c"), &response));
    return response;
}

static void end(struct coil_http_response *response)
{
    coil_http_response_close(response);
    close_all();
}

/* RFC 9110, section 10.2.2. */
TASK_TEST(meaning_of_a_location)
{
    struct coil_http_response *response = get_with("");
    struct coil_http_url *url = NULL;

    CHECK_OK(coil_http_response_resolve(response, "../d#e", &url));
    CHECK_STR(url->target, "/d");
    CHECK_STR(url->fragment, "e");
    CHECK_STR(url->origin, site.url);
    coil_http_url_free(url);
    url = NULL;
    CHECK_ERR(coil_http_response_resolve(response, "mailto:a@b", &url), -EPROTONOSUPPORT);
    CHECK_ERR(coil_http_response_resolve(response, "http://", &url), -COIL_EURL);
    CHECK_ERR(coil_http_response_resolve(response, NULL, &url), -EINVAL);
    CHECK_ERR(coil_http_response_resolve(NULL, "a", &url), -EINVAL);
    CHECK_ERR(coil_http_response_resolve(response, "a", NULL), -EINVAL);
    for (uint64_t n = 1; n <= 2; n++) {
        fault_alloc_at(n);
        CHECK_ERR(coil_http_response_resolve(response, "a", &url), -ENOMEM);
        fault_off();
    }
    CHECK(url == NULL);
    end(response);
    return 0;
}

static int64_t time_of(const char *field)
{
    struct coil_http_response *response = get_with(field);
    int64_t time = coil_http_response_retry_after(response);

    end(response);
    return time;
}

/* RFC 9110, section 10.2.3. */
TASK_TEST(meaning_of_retry_after)
{
    CHECK_INT(time_of(""), ==, -1);
    CHECK_INT(time_of("Retry-After: 120\r\n"), ==, 120 * COIL_SEC);
    CHECK_INT(time_of("Retry-After: 0\r\n"), ==, 0);
    CHECK_INT(time_of("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), ==, 0);
    CHECK_INT(time_of("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n"), ==, COIL_NEVER);
    CHECK_INT(time_of("Retry-After: 99999999999999999999999\r\n"), ==, COIL_NEVER);
    CHECK_INT(time_of("Retry-After: 5000000000\r\n"), ==, COIL_NEVER);
    CHECK_INT(time_of("Retry-After: -1\r\n"), ==, -1);
    CHECK_INT(time_of("Retry-After: 1.5\r\n"), ==, -1);
    CHECK_INT(time_of("Retry-After: soon\r\n"), ==, -1);
    CHECK_INT(coil_http_response_retry_after(NULL), ==, -1);
    return 0;
}

static void check_type(const char *field, const char *type, const char *charset)
{
    struct coil_http_response *response = get_with(field);
    char buf[40];

    CHECK_INT(coil_http_response_media_type(response, buf, sizeof buf), ==, (int)strlen(type));
    CHECK_STR(buf, type);
    CHECK_INT(coil_http_response_charset(response, buf, sizeof buf), ==, (int)strlen(charset));
    CHECK_STR(buf, charset);
    end(response);
}

/* RFC 9110, section 8.3. */
TASK_TEST(meaning_of_content_type)
{
    struct coil_http_response *response;
    char buf[10];

    check_type("", "", "");
    check_type("Content-Type: Text/HTML;Charset=\"utf-8\"\r\n", "text/html", "utf-8");
    check_type("Content-Type: text/html; a=b; charset=ISO-8859-1\r\n", "text/html", "iso-8859-1");
    check_type("Content-Type: image/png\r\n", "image/png", "");
    check_type("Content-Type: nonsense\r\n", "", "");
    check_type("Content-Type: text/html; charset = x\r\n", "text/html", "");

    response = get_with("Content-Type: text/plain; charset=iso-8859-15\r\n");
    CHECK_ERR(coil_http_response_media_type(response, buf, 10), -ENOSPC);
    CHECK_ERR(coil_http_response_charset(response, buf, 10), -ENOSPC);
    CHECK_ERR(coil_http_response_media_type(response, buf, 0), -EINVAL);
    CHECK_ERR(coil_http_response_media_type(response, NULL, 1), -EINVAL);
    CHECK_ERR(coil_http_response_media_type(NULL, buf, 1), -EINVAL);
    CHECK_ERR(coil_http_response_charset(NULL, buf, 1), -EINVAL);
    end(response);
    return 0;
}

/* --- a part of a body --- */

static struct coil_http_response *request(void)
{
    struct coil_http_request asked = {.url = url_of("/"), .max_body = 2};
    struct coil_http_response *response = NULL;

    CHECK_OK(coil_http_session_request(session, &asked, &response));
    return response;
}

static void check_part(const char *answer, size_t max, const char *expected, bool expected_cut)
{
    struct act act = {.say = answer};
    struct coil_http_response *response;
    const char *body = NULL;
    bool is_cut = !expected_cut;
    char c;

    open_site(&act, 1);
    open_session(NULL);
    response = request();
    for (int i = 0; i < 2; i++) {
        CHECK_INT(coil_http_response_read_up_to(response, max, &body, &is_cut), ==,
                  (int)strlen(expected));
        CHECK_STR(body, expected);
        CHECK(is_cut == expected_cut);
    }
    CHECK_INT(coil_http_response_read_all(response, NULL), ==, (int)strlen(expected));
    CHECK_INT(coil_http_response_read(response, &c, 1), ==, 0);
    CHECK_INT(coil_http_response_read_up_to(response, max + 9, NULL, NULL), ==,
              (int)strlen(expected));
    coil_http_response_close(response);
    if (!expected_cut) {
        CHECK_INT(usage().idle, ==, 1);
    }
    CHECK_INT(usage().connections, ==, usage().idle);
    close_all();
}

TASK_TEST(part_of_a_body)
{
#define CHUNKS                                                                                     \
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    check_part(OK_HEAD("5") "hello", 5, "hello", false);
    check_part(OK_HEAD("5") "hello", 9, "hello", false);
    check_part(OK_HEAD("5") "hello", 4, "hell", true);
    check_part(OK_HEAD("5") "hello", 0, "", true);
    check_part(OK_HEAD("0"), 0, "", false);
    check_part(OK_HEAD("9999999") "hello", 3, "hel", true);
    check_part(CHUNKS, 5, "hello", false);
    check_part(CHUNKS, 4, "hell", true);
    check_part(CHUNKS, 2, "he", true);
    return 0;
}

TASK_TEST(part_of_a_body_that_breaks)
{
    struct act act = {.say = OK_HEAD("9") "hello", .close = true};
    struct coil_http_response *response;

    open_site(&act, 1);
    open_session(NULL);
    response = request();
    CHECK_ERR(coil_http_response_read_up_to(NULL, 1, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_response_read_up_to(response, SIZE_MAX, NULL, NULL), -EINVAL);
    fault_alloc_at(1);
    CHECK_ERR(coil_http_response_read_up_to(response, 9, NULL, NULL), -ENOMEM);
    fault_off();
    CHECK_ERR(coil_http_response_read_up_to(response, 9, NULL, NULL), -COIL_EINCOMPLETE);
    CHECK_ERR(coil_http_response_read_up_to(response, 9, NULL, NULL), -COIL_EINCOMPLETE);
    coil_http_response_close(response);
    close_all();
    return 0;
}

TASK_TEST(part_of_a_body_after_a_cancel)
{
    struct act act = {.say = OK_HEAD("9") "hell", .then = "o you"};
    struct coil_http_response *response;
    const char *body = NULL;
    bool is_cut;

    open_site(&act, 1);
    open_session(NULL);
    response = request();
    coil_timeout(10 * COIL_MSEC) {
        CHECK_ERR(coil_http_response_read_up_to(response, 7, NULL, NULL), -ETIMEDOUT);
        CHECK_ERR(coil_check_cancel(), -ETIMEDOUT); /* it was our own time */
    }
    coil_event_set(&site.go_on);
    CHECK_INT(coil_http_response_read_up_to(response, 7, &body, &is_cut), ==, 7);
    CHECK_STR(body, "hello y");
    CHECK(is_cut);
    coil_http_response_close(response);
    close_all();
    return 0;
}

/* --- whose time it was --- */

TASK_TEST(timeout_of_the_servers)
{
    static const struct act acts[] = {{0}, {0}};
    struct coil_http_request request = {.url = NULL, .read_timeout_ns = 10 * COIL_MSEC};

    OPEN_SITE(acts);
    open_session(NULL);
    request.url = url_of("/");
    coil_timeout(PATIENCE) {
        CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
        CHECK_OK(coil_check_cancel());
    }
    request.read_timeout_ns = COIL_NEVER;
    coil_timeout(10 * COIL_MSEC) {
        CHECK_ERR(ask_with(request, NULL), -ETIMEDOUT);
        CHECK_ERR(coil_check_cancel(), -ETIMEDOUT);
    }
    close_all();
    return 0;
}

/* The wait for a connection counts as a part of the whole time, and of no other. */
TASK_TEST(timeout_in_a_full_pool)
{
    static const struct act acts[] = {{.say = OK_HEAD("5") "hell", .then = "o"}};
    struct coil_http_session_options options = {
        .max_connections = 1, .connect_timeout_ns = COIL_MSEC, .read_timeout_ns = COIL_MSEC};
    struct coil_http_request first = {.connect_timeout_ns = COIL_MINUTE,
                                      .read_timeout_ns = COIL_MINUTE};
    struct coil_http_request second = {.total_timeout_ns = 50 * COIL_MSEC};
    struct coil_http_response *response = NULL;
    int64_t began;

    OPEN_SITE(acts);
    open_session(&options);
    first.url = url_of("/1");
    second.url = url_of("/2");
    CHECK_OK(coil_http_session_request(session, &first, &response));
    began = coil_now();
    CHECK_ERR(ask_with(second, NULL), -ETIMEDOUT);
    CHECK_OK(coil_check_cancel());
    CHECK_INT(coil_now() - began, >=, 50 * COIL_MSEC);
    CHECK_CONTAINS(failure.text, "whole time");
    CHECK_INT(usage().waiters, ==, 0);
    coil_http_response_close(response);
    close_all();
    return 0;
}
