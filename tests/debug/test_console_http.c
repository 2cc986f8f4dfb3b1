/* Requests to the console as bytes: what is understood, what is turned away, and who may ask. And
 * the JSON that is the answer. */
#include "harness.h"

#include "debug/console_http.h"
#include "debug/json.h"

#include <stdio.h>
#include <stdlib.h>

#define TOKEN "0123456789abcdef"

static char text[16384];
static struct coil__request request;

/* The verdict on a head; at a place of just its size, so that a sanitizer sees what goes beyond. */
static int parse_bytes(const char *head, size_t size)
{
    static char *copy;

    free(copy);
    copy = test_made(malloc(size > 0 ? size : 1));
    memcpy(copy, head, size);
    request = (struct coil__request){0};
    return coil__request_parse(copy, size, &request);
}

static int parse(const char *head)
{
    return parse_bytes(head, strlen(head));
}

COIL_TEST(request_get)
{
    test_allow_leaks();
    CHECK_INT(parse("GET /state.json?seen=7&x HTTP/1.1\r\nHost: localhost:80\r\n"
                    "Accept:*/*\r\nCookie: \t a=b; c=d  \r\nauthorization: Bearer x\r\n\r\n"),
              ==, 0);
    CHECK(!request.is_head);
    CHECK_STR(request.path, "/state.json");
    CHECK_STR(request.query, "seen=7&x");
    CHECK_STR(request.host, "localhost:80");
    CHECK_STR(request.cookie, "a=b; c=d");
    CHECK_STR(request.authorization, "Bearer x");
}

COIL_TEST(request_with_little)
{
    test_allow_leaks();
    CHECK_INT(parse("HEAD / HTTP/1.0\r\n\r\n"), ==, 0);
    CHECK(request.is_head);
    CHECK_STR(request.path, "/");
    CHECK_STR(request.query, "");
    CHECK_PTR(request.host, ==, NULL);
    CHECK_PTR(request.cookie, ==, NULL);
    CHECK_INT(parse("GET /? HTTP/1.1\r\nContent-Length: 0\r\n\r\n"), ==, 0);
    CHECK_STR(request.query, "");
    CHECK_INT(parse("GET /a??b?c HTTP/1.1\r\n\r\n"), ==, 0);
    CHECK_STR(request.query, "?b?c");
}

COIL_TEST(request_that_is_turned_away)
{
    static const struct {
        int status;
        const char *head;
    } cases[] = {
        {400, ""},
        {400, "\r\n\r\n"},
        {400, "GET\r\n\r\n"},
        {400, "GET / HTTP/1.1"},
        {400, "GET / HTTP/1.1\r\n"},
        {400, "GET / HTTP/1.1\n\n"},
        {400, "GET  / HTTP/1.1\r\n\r\n"},
        {400, " GET / HTTP/1.1\r\n\r\n"},
        {400, "GET /\r\n\r\n"},
        {400, "GET / HTTP/1.1 \r\n\r\n"},
        {400, "GET / http/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.10\r\n\r\n"},
        {400, "GET x HTTP/1.1\r\n\r\n"},
        {400, "GET http://localhost/ HTTP/1.1\r\n\r\n"},
        {400, "GET /a#b HTTP/1.1\r\n\r\n"},
        {400, "GET /\x80 HTTP/1.1\r\n\r\n"},
        {400, "GET /\x01 HTTP/1.1\r\n\r\n"},
        {400, "GET /\tHTTP/1.1\r\n\r\n"},
        {400, "G\"T / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nno colon\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n: no name\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost : x\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nX: \x7f\r\n\r\n"},
        {405, "POST / HTTP/1.1\r\n\r\n"},
        {405, "get / HTTP/1.1\r\n\r\n"},
        {405, "OPTIONS * HTTP/1.1\r\n\r\n"},
        {413, "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n"},
        {413, "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\n\r\n"},
    };

    test_allow_leaks();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_MSG(parse(cases[i].head) == cases[i].status, "not %d: %s", cases[i].status,
                  cases[i].head);
        CHECK_PTR(request.path, ==, NULL);
    }
    CHECK_INT(parse_bytes("GET /\0 HTTP/1.1\r\n\r\n", 19), ==, 400);
}

/* --- who may ask --- */

static int admit(const struct coil__access *access, const char *fields, const char *query,
                 bool *ret_by_query)
{
    snprintf(text, sizeof text, "GET /?%s HTTP/1.1\r\n%s\r\n", query, fields);
    CHECK_INT(parse(text), ==, 0);
    return coil__request_admit(access, &request, ret_by_query);
}

COIL_TEST(host_of_this_machine)
{
    static const char *const good[] = {"localhost", "localhost:8080", "LocalHost:1",
                                       "127.0.0.1", "127.0.0.1:8080", "127.1.2.3:5",
                                       "[::1]",     "[::1]:8080"};
    static const char *const bad[] = {"evil.example",
                                      "localhost.evil.example",
                                      "127.0.0.1.evil.example",
                                      "localhost:",
                                      "localhost:x",
                                      "localhost:80:80",
                                      "10.0.0.1:80",
                                      "::1",
                                      "[::2]:80",
                                      "[::1",
                                      "[::1]x",
                                      "[localhost]:80",
                                      "[127.0.0.1]:80",
                                      "0.0.0.0:80",
                                      "",
                                      "localhost:99999",
                                      "0127.0.0.1:80"};
    struct coil__access access = {.is_host_checked = true};
    char field[200];
    bool is_by_query;

    test_allow_leaks();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(field, sizeof field, "Host: %s\r\n", good[i]);
        CHECK_MSG(admit(&access, field, "", &is_by_query) == 0, "refused: %s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(field, sizeof field, "Host: %s\r\n", bad[i]);
        CHECK_MSG(admit(&access, field, "", &is_by_query) == 403, "let in: %s", bad[i]);
    }
    CHECK_INT(admit(&access, "", "", &is_by_query), ==, 403);
    access.is_host_checked = false;
    CHECK_INT(admit(&access, "", "", &is_by_query), ==, 0);
    CHECK_INT(admit(&access, "Host: evil.example\r\n", "", &is_by_query), ==, 0);
}

COIL_TEST(token_in_field_cookie_or_query)
{
    struct coil__access access = {.token = TOKEN, .cookie = "coil_console_80"};
    bool is_by_query;

    test_allow_leaks();
    CHECK_INT(admit(&access, "Authorization: Bearer " TOKEN "\r\n", "", &is_by_query), ==, 0);
    CHECK_INT(admit(&access, "authorization: bearer " TOKEN "\r\n", "", &is_by_query), ==, 0);
    CHECK_INT(admit(&access, "Cookie: coil_console_80=" TOKEN "\r\n", "", &is_by_query), ==, 0);
    CHECK_INT(admit(&access, "Cookie: a=b; coil_console_80=" TOKEN "; c=d\r\n", "", &is_by_query),
              ==, 0);
    CHECK(!is_by_query);
    CHECK_INT(admit(&access, "", "token=" TOKEN, &is_by_query), ==, 0);
    CHECK(is_by_query);
    CHECK_INT(admit(&access, "", "a=b&token=" TOKEN "&c", &is_by_query), ==, 0);
    CHECK(is_by_query);
}

COIL_TEST(token_that_is_wrong)
{
    static const char *const fields[] = {
        "",
        "Authorization: Bearer " TOKEN "0\r\n",
        "Authorization: Bearer 0123456789abcde\r\n",
        "Authorization: Bearer 0123456789abcdeF\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Basic " TOKEN "\r\n",
        "Authorization: " TOKEN "\r\n",
        "Cookie: coil_console_81=" TOKEN "\r\n",
        "Cookie: xcoil_console_80=" TOKEN "\r\n",
        "Cookie: coil_console_80=\r\n",
        "Cookie: coil_console_80\r\n",
    };
    struct coil__access access = {.token = TOKEN, .cookie = "coil_console_80"};
    bool is_by_query = true;

    test_allow_leaks();
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        CHECK_MSG(admit(&access, fields[i], "", &is_by_query) == 401, "let in: %s", fields[i]);
    }
    CHECK_INT(admit(&access, "", "token=", &is_by_query), ==, 401);
    CHECK_INT(admit(&access, "", "token", &is_by_query), ==, 401);
    CHECK_INT(admit(&access, "", "xtoken=" TOKEN, &is_by_query), ==, 401);
    CHECK(!is_by_query);
}

COIL_TEST(token_what_it_is_made_of)
{
    char longest[130];

    memset(longest, 'a', sizeof longest);
    longest[128] = '\0';
    CHECK(coil__token_is_good(TOKEN));
    CHECK(coil__token_is_good("ABCxyz019-._~ABCxyz"));
    CHECK(coil__token_is_good(longest));
    longest[128] = 'a';
    longest[129] = '\0';
    CHECK(!coil__token_is_good(longest));
    CHECK(!coil__token_is_good(""));
    CHECK(!coil__token_is_good("0123456789abcde"));
    CHECK(!coil__token_is_good("0123456789abcde "));
    CHECK(!coil__token_is_good("0123456789abcde\n"));
    CHECK(!coil__token_is_good("0123456789abcde;"));
    CHECK(!coil__token_is_good("0123456789abcde\x80"));
}

COIL_TEST(query_parameters)
{
    size_t size = 0;
    const char *found;

    test_allow_leaks();
    CHECK_INT(parse("GET /?seen=12&a=&b HTTP/1.1\r\n\r\n"), ==, 0);
    found = coil__request_query(&request, "seen", &size);
    CHECK_INT(size, ==, 2);
    CHECK_MEM(found, "12", 2);
    CHECK_PTR(coil__request_query(&request, "a", &size), !=, NULL);
    CHECK_INT(size, ==, 0);
    CHECK_PTR(coil__request_query(&request, "b", &size), ==, NULL);
    CHECK_PTR(coil__request_query(&request, "see", &size), ==, NULL);
}

COIL_TEST(status_texts)
{
    CHECK_STR(coil__status_text(200), "OK");
    CHECK_STR(coil__status_text(431), "Request Header Fields Too Large");
    CHECK_STR(coil__status_text(299), "Error");
}

/* --- JSON --- */

static const char *string_of(const char *value)
{
    struct coil__json json = {0};

    coil__json_string(&json, value);
    CHECK(!json.has_failed);
    snprintf(text, sizeof text, "%.*s", (int)json.length, json.text);
    coil__json_deinit(&json);
    return text;
}

COIL_TEST(json_strings)
{
    CHECK_STR(string_of(NULL), "null");
    CHECK_STR(string_of(""), "\"\"");
    CHECK_STR(string_of("soup 1/2"), "\"soup 1/2\"");
    CHECK_STR(string_of("<script>&\"\\"), "\"\\u003cscript\\u003e\\u0026\\u0022\\u005c\"");
    CHECK_STR(string_of("a\n\t\x7f\x01"), "\"a\\u000a\\u0009\\u007f\\u0001\"");
    CHECK_STR(string_of("\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\xb2"),
              "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\xb2\"");
}

COIL_TEST(json_strings_that_are_no_utf8)
{
    static const char *const bad[] = {
        "\x80",         "\xc3", "\xc0\xaf",         "\xe0\x80\x80",
        "\xed\xa0\x80", "\xf5", "\xf4\x90\x80\x80", "\xf0\x8f\xbf\xbf",
        "\xe2\x82",     "\xff",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        string_of(bad[i]);
        CHECK_MEM(text, "\"\\ufffd", 7);
        for (const char *c = text; *c; c++) {
            CHECK_MSG((unsigned char)*c < 0x80, "case %zu: %s", i, text);
        }
    }
    CHECK_STR(string_of("a\xe2(b"), "\"a\\ufffd(b\"");
}

COIL_TEST(json_objects)
{
    struct coil__json json = {0};

    coil__json_add(&json, "{");
    coil__json_number(&json, "n", -5);
    coil__json_bool(&json, "b", true);
    coil__json_text(&json, "t", "x");
    coil__json_key(&json, "a");
    coil__json_add(&json, "[");
    coil__json_next(&json);
    coil__json_add(&json, "1");
    coil__json_next(&json);
    coil__json_append(&json, "2", 1);
    coil__json_append(&json, NULL, 0);
    coil__json_add(&json, "]}");
    CHECK_INT(json.length, ==, 35);
    CHECK_MEM(json.text, "{\"n\":-5,\"b\":true,\"t\":\"x\",\"a\":[1,2]}", 35);
    coil__json_deinit(&json);
    CHECK_PTR(json.text, ==, NULL);
    coil__json_deinit(&json);
}
