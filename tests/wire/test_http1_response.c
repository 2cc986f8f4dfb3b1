/* test_http1_response.c - heads of responses: what is found in good ones, and what is refused. */
#include "http1_check.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define END "\r\n"

static void check_all(const struct head_case *cases, size_t count, enum coil__http1_method request)
{
    for (size_t i = 0; i < count; i++) {
        check_head(&cases[i], &request, NULL);
    }
}

COIL_TEST(response_status_lines_are_taken)
{
    static const struct head_case cases[] = {
        {"4", OK END, "200 OK 1.1 close"},
        {"4", OK END "body", "200 OK 1.1 close", .rest = 4},
        {"4: no reason", "HTTP/1.1 204 \r\n" END, "204  1.1 none keep"},
        {"4: no blank either", "HTTP/1.1 204\r\n" END, "204  1.1 none keep"},
        {"4", "HTTP/1.1 404 Nicht da: \xc3\xa4\t!\r\n" END, "404 Nicht da: \xc3\xa4\t! 1.1 close"},
        {"4", "HTTP/1.1 404  x \r\n" END, "404  x  1.1 close"},
        {"2.3", "HTTP/1.0 200 OK\r\n" END, "200 OK 1.0 close"},
        {"RFC 9110, 2.5", "HTTP/1.2 200 OK\r\n" END, "200 OK 1.1 close"},
        {"RFC 9110, 15: above 599", "HTTP/1.1 999 x\r\n" END, "999 x 1.1 close"},
        {"4", "HTTP/1.1 200 OK\r", NULL, 0},
        {"4", "HTTP/1.1 200", NULL, 0},
    };

    check_all(cases, sizeof cases / sizeof *cases, COIL__HTTP1_GET);
}

COIL_TEST(response_status_lines_are_refused)
{
    static const struct head_case cases[] = {
        {"2.2: requests only", "\r\n" OK, NULL, COIL__HTTP1_EVERSION},
        {"2.2", "HTTP/1.1 200 OK\n" END, NULL, COIL__HTTP1_EBARELF},
        {"2.2", "HTTP/1.1 200\n" END, NULL, COIL__HTTP1_EBARELF},
        {"2.2", "\n" OK, NULL, COIL__HTTP1_EBARELF},
        {"2.2", "HTTP/1.1 200 O\rK\r\n" END, NULL, COIL__HTTP1_EBARECR},
        {"4", "HTTP/1.1 200 O\x01K\r\n" END, NULL, COIL__HTTP1_EREASON},
        {"4", "HTTP/1.1 200 \x7f\r\n" END, NULL, COIL__HTTP1_EREASON},
        {"4", "HTTP/1.1 200 \0\r\n", NULL, COIL__HTTP1_EREASON, .size = 16},
        {"4", "HTTP/1.1  200 OK\r\n" END, NULL, COIL__HTTP1_ESTATUS},
        {"4", "HTTP/1.1\t200 OK\r\n" END, NULL, COIL__HTTP1_EVERSION},
        {"4", "HTTP/1.1 20 OK\r\n" END, NULL, COIL__HTTP1_ESTATUS},
        {"4", "HTTP/1.1 2000 OK\r\n" END, NULL, COIL__HTTP1_ESTATUS},
        {"4", "HTTP/1.1 200OK\r\n" END, NULL, COIL__HTTP1_ESTATUS},
        {"4", "HTTP/1.1 200\tOK\r\n" END, NULL, COIL__HTTP1_ESTATUS},
        {"4", "HTTP/1.1 +20 OK\r\n" END, NULL, COIL__HTTP1_ESTATUS},
        {"4", "HTTP/1.1 2x0 OK\r\n" END, NULL, COIL__HTTP1_ESTATUS},
        {"4", "HTTP/1.1 20x OK\r\n" END, NULL, COIL__HTTP1_ESTATUS},
        {"RFC 9110, 15", "HTTP/1.1 099 OK\r\n" END, NULL, COIL__HTTP1_ESTATUS},
        {"4", "HTTP/1.1 \r\n" END, NULL, COIL__HTTP1_ESTATUS},
        {"4", "HTTP/1.1\r\n" END, NULL, COIL__HTTP1_EVERSION},
        {"2.3", "http/1.1 200 OK\r\n" END, NULL, COIL__HTTP1_EVERSION},
        {"2.3", "HTTP/1.x 200 OK\r\n" END, NULL, COIL__HTTP1_EVERSION},
        {"2.3", "ICY 200 OK\r\n" END, NULL, COIL__HTTP1_EVERSION},
        {"2.3", "HTTP/2.0 200 OK\r\n" END, NULL, COIL__HTTP1_EMAJOR, 505},
        {"5.2: obs-fold", OK "A: b\r\n c\r\n" END, NULL, COIL__HTTP1_EFOLD},
        {"5.1", OK "A : b\r\n" END, NULL, COIL__HTTP1_EBLANK},
        {"2.2", OK "A: b\n" END, NULL, COIL__HTTP1_EBARELF},
    };

    check_all(cases, sizeof cases / sizeof *cases, COIL__HTTP1_GET);
}

COIL_TEST(response_framing)
{
    static const struct head_case cases[] = {
        {"6.3, 6", OK "Content-Length: 5\r\n" END "12345",
         "200 OK 1.1 length 5 keep | Content-Length=5", .rest = 5},
        {"6.3, 6", OK "Content-Length: 0\r\n" END, "200 OK 1.1 length 0 keep | Content-Length=0"},
        {"6.3, 4", OK "Transfer-Encoding: chunked\r\n" END,
         "200 OK 1.1 chunked keep | Transfer-Encoding=chunked"},
        {"6.3, 8", OK END, "200 OK 1.1 close"},
        {"6.3, 8", OK "Connection: keep-alive\r\n" END, "200 OK 1.1 close | Connection=keep-alive"},
        {"6.3, 1", "HTTP/1.1 204 No Content\r\n" END, "204 No Content 1.1 none keep"},
        {"6.3, 1", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n" END,
         "204 No Content 1.1 none 0 keep | Content-Length=0"},
        {"6.3, 1", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n" END,
         "304 Not Modified 1.1 none 7 keep | Content-Length=7"},
        {"6.3, 1", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n" END,
         "304 Not Modified 1.1 none keep | Transfer-Encoding=chunked"},
        {"6.3, 1", "HTTP/1.1 100 Continue\r\n" END OK, "100 Continue 1.1 none keep", .rest = 17},
        {"6.3, 1", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n" END,
         "103 Early Hints 1.1 none keep | Link=</a>"},
        {"RFC 9110, 7.8",
         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" END,
         "101 Switching Protocols 1.1 tunnel upgrade=websocket | Upgrade=websocket | "
         "Connection=upgrade"},
        {"RFC 9110, 7.8: may be offered", OK "Upgrade: h2c\r\nContent-Length: 1\r\n" END,
         "200 OK 1.1 length 1 keep | Upgrade=h2c | Content-Length=1"},
        {"9.3", OK "Content-Length: 1\r\nConnection: close\r\n" END,
         "200 OK 1.1 length 1 | Content-Length=1 | Connection=close"},
        {"9.3", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n" END,
         "200 OK 1.0 length 1 | Content-Length=1"},
        {"9.3", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n" END,
         "200 OK 1.0 length 1 keep | Content-Length=1 | Connection=keep-alive"},
        {"3.2: Host means nothing here", OK "Host: a b\r\nHost: c\r\nContent-Length: 1\r\n" END,
         "200 OK 1.1 length 1 keep | Host=a b | Host=c | Content-Length=1"},
        {"RFC 9110, 10.1.1: nor does Expect", OK "Expect: x\r\nContent-Length: 1\r\n" END,
         "200 OK 1.1 length 1 keep | Expect=x | Content-Length=1"},
        {"6.3, 5", OK "Content-Length: x\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5", OK "Content-Length: 5, 5\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5", OK "Content-Length: 5\r\nContent-Length: 6\r\n" END, NULL, COIL__HTTP1_ELENGTHS},
        {"6.3, 5", OK "Content-Length: 5\r\nContent-Length: 5\r\n" END, NULL, COIL__HTTP1_ELENGTHS},
        {"6.3, 3", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END, NULL,
         COIL__HTTP1_ETWO},
        {"6.3, 4", OK "Transfer-Encoding: gzip\r\n" END, NULL, COIL__HTTP1_ECODING},
        {"6.3, 4", OK "Transfer-Encoding: gzip, chunked\r\n" END, NULL, COIL__HTTP1_EUNKNOWN, 501},
        {"6.3, 4", OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END, NULL,
         COIL__HTTP1_ECODING},
        {"6.1", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n" END, NULL, COIL__HTTP1_EOLD},
        {"6.3: also where no body follows", "HTTP/1.1 204 x\r\nContent-Length: x\r\n" END, NULL,
         COIL__HTTP1_ELENGTH},
    };

    check_all(cases, sizeof cases / sizeof *cases, COIL__HTTP1_GET);
    check_all(cases, sizeof cases / sizeof *cases, COIL__HTTP1_OTHER);
}

COIL_TEST(response_to_head)
{
    static const struct head_case cases[] = {
        {"6.3, 1", OK "Content-Length: 5\r\n" END, "200 OK 1.1 none 5 keep | Content-Length=5"},
        {"6.3, 1", OK "Transfer-Encoding: chunked\r\n" END,
         "200 OK 1.1 none keep | Transfer-Encoding=chunked"},
        {"6.3, 1", OK END, "200 OK 1.1 none keep"},
        {"6.3, 1", "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n" END,
         "404 Not Found 1.1 none 5 keep | Content-Length=5"},
        {"6.3, 3", OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END, NULL,
         COIL__HTTP1_ETWO},
    };

    check_all(cases, sizeof cases / sizeof *cases, COIL__HTTP1_HEAD);
}

COIL_TEST(response_to_connect)
{
    static const struct head_case cases[] = {
        {"6.3, 2", "HTTP/1.1 200 Connection established\r\n" END "\x16",
         "200 Connection established 1.1 tunnel", .rest = 1},
        {"6.3, 2", "HTTP/1.1 204 x\r\n" END, "204 x 1.1 tunnel"},
        {"6.3, 2", OK "Content-Length: 5\r\n" END, "200 OK 1.1 tunnel 5 | Content-Length=5"},
        {"6.3, 6", "HTTP/1.1 407 x\r\nContent-Length: 5\r\n" END,
         "407 x 1.1 length 5 keep | Content-Length=5"},
        {"6.3, 1", "HTTP/1.1 100 Continue\r\n" END, "100 Continue 1.1 none keep"},
    };

    check_all(cases, sizeof cases / sizeof *cases, COIL__HTTP1_CONNECT);
}

COIL_TEST(response_bounds)
{
    static const enum coil__http1_method request = COIL__HTTP1_GET;
    static const struct coil__http1_limits limits = {.head = 50, .start_line = 20, .field = 10};
    static const struct head_case cases[] = {
        {"4: 20 bytes", "HTTP/1.1 200 3456789\r\n" END, "200 3456789 1.1 close"},
        {"4: 21 bytes", "HTTP/1.1 200 34567890\r\n" END, NULL, COIL__HTTP1_ELONGLINE, 414},
        {"4: without an end", "HTTP/1.1 200 34567890", NULL, COIL__HTTP1_ELONGLINE, 414},
        {"5: 10 bytes", OK "A: 4567890\r\n" END, "200 OK 1.1 close | A=4567890"},
        {"5: 11 bytes", OK "A: 45678901\r\n" END, NULL, COIL__HTTP1_ELONGFIELD, 431},
        {"in all", OK "A: 4567890\r\nA: 4567890\r\nA: 4567890\r\n" END, NULL, COIL__HTTP1_EHEAD,
         431},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_head(&cases[i], &request, &limits);
    }
}

COIL_TEST(response_reasons)
{
    CHECK_STR(coil__http1_reason(100), "Continue");
    CHECK_STR(coil__http1_reason(200), "OK");
    CHECK_STR(coil__http1_reason(226), "IM Used");
    CHECK_STR(coil__http1_reason(308), "Permanent Redirect");
    CHECK_STR(coil__http1_reason(404), "Not Found");
    CHECK_STR(coil__http1_reason(413), "Content Too Large");
    CHECK_STR(coil__http1_reason(451), "Unavailable For Legal Reasons");
    CHECK_STR(coil__http1_reason(511), "Network Authentication Required");
    CHECK_STR(coil__http1_reason(306), ""); /* reserved */
    CHECK_STR(coil__http1_reason(418), "");
    CHECK_STR(coil__http1_reason(99), "");
    CHECK_STR(coil__http1_reason(0), "");
    CHECK_STR(coil__http1_reason(600), "");
    CHECK_STR(coil__http1_reason(UINT32_MAX), "");
}

/* Every error has a sentence of its own, and a status that a server may answer with. */
COIL_TEST(response_errors_have_sentences)
{
    for (int error = COIL__HTTP1_ENOERROR + 1; error < COIL__HTTP1_ERROR_END; error++) {
        const char *text = coil__http1_error_text(-error);
        unsigned status = coil__http1_error_status(-error);

        CHECK(text && *text && text[strlen(text) - 1] != '.');
        CHECK(coil__http1_reason(status)[0] != '\0' && status >= 400);
        for (int other = COIL__HTTP1_ENOERROR; other < error; other++) {
            CHECK(strcmp(coil__http1_error_text(-other), text) != 0);
        }
    }
    CHECK_STR(coil__http1_error_text(0), "no error");
    CHECK_STR(coil__http1_error_text(INT32_MIN), "no error");
    CHECK_STR(coil__http1_error_text(-COIL__HTTP1_ERROR_END), "no error");
    CHECK_INT(coil__http1_error_status(1), ==, 500);
}
