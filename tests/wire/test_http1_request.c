/* test_http1_request.c - heads of requests: what is found in good ones, and what is refused. */
#include "http1_check.h"

#include <stdio.h>

#define GET "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END "\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

static void check_all(const struct head_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_head(&cases[i], NULL, NULL);
    }
}

COIL_TEST(request_start_lines_are_taken)
{
    static const struct head_case cases[] = {
        {"3", GET HOST END, "GET / origin a 1.1 none keep | Host=a"},
        {"3", GET HOST END "GET /2", "GET / origin a 1.1 none keep | Host=a", .rest = 6},
        {"3.1", "M-SEARCH / HTTP/1.1\r\n" HOST END, "M-SEARCH / origin a 1.1 none keep | Host=a"},
        {"3.1", "get / HTTP/1.1\r\n" HOST END, "get / origin a 1.1 none keep | Host=a"},
        {"3.1", "!#$%&'*+-.^_`|~09 / HTTP/1.1\r\n" HOST END,
         "!#$%&'*+-.^_`|~09 / origin a 1.1 none keep | Host=a"},
        {"3.2.1", "GET /a/b%20c?x=1&y=%2F/?%3f HTTP/1.1\r\n" HOST END,
         "GET /a/b%20c?x=1&y=%2F/?%3f origin a 1.1 none keep | Host=a"},
        {"3.2.1", "GET /?a|b^c\"{d}[e]\\<f>` HTTP/1.1\r\n" HOST END,
         "GET /?a|b^c\"{d}[e]\\<f>` origin a 1.1 none keep | Host=a"},
        {"3.2.1", "GET //evil.example/ HTTP/1.1\r\n" HOST END,
         "GET //evil.example/ origin a 1.1 none keep | Host=a"},
        {"3.2.2", "GET http://b.example:8080/x?y HTTP/1.1\r\n" HOST END,
         "GET http://b.example:8080/x?y absolute b.example:8080 1.1 none keep | Host=a"},
        {"3.2.2", "GET https://b?y HTTP/1.1\r\nHost:\r\n" END,
         "GET https://b?y absolute b 1.1 none keep | Host="},
        {"3.2.2", "GET a1+-.://[::1]:/ HTTP/1.1\r\n" HOST END,
         "GET a1+-.://[::1]:/ absolute [::1]: 1.1 none keep | Host=a"},
        {"3.2.3", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n" END,
         "CONNECT a.example:443 authority a.example:443 1.1 none keep | Host=a.example:443"},
        {"3.2.3", "CONNECT [2001:db8::1]:80 HTTP/1.1\r\n" HOST END,
         "CONNECT [2001:db8::1]:80 authority [2001:db8::1]:80 1.1 none keep | Host=a"},
        {"3.2.4", "OPTIONS * HTTP/1.1\r\n" HOST END, "OPTIONS * asterisk a 1.1 none keep | Host=a"},
        {"3.2.4", "OPTIONS /x HTTP/1.1\r\n" HOST END, "OPTIONS /x origin a 1.1 none keep | Host=a"},
        {"2.2: empty lines", "\r\n" GET HOST END, "GET / origin a 1.1 none keep | Host=a"},
        {"2.2: empty lines", "\r\n\r\n\r\n\r\n" GET HOST END,
         "GET / origin a 1.1 none keep | Host=a"},
        {"2.3", "GET / HTTP/1.0\r\n" END, "GET / origin  1.0 none"},
        {"RFC 9110, 2.5: as the highest one that is known", "GET / HTTP/1.9\r\n" HOST END,
         "GET / origin a 1.1 none keep | Host=a"},
    };

    check_all(cases, sizeof cases / sizeof *cases);
}

COIL_TEST(request_start_lines_are_refused)
{
    static const struct head_case cases[] = {
        {"2.2: bounded", "\r\n\r\n\r\n\r\n\r\n" GET, NULL, COIL__HTTP1_EEMPTYLINES},
        {"2.2", "\n" GET, NULL, COIL__HTTP1_EBARELF},
        {"2.2", "\r" GET, NULL, COIL__HTTP1_EBARECR},
        {"2.2", "\r\n\rGET", NULL, COIL__HTTP1_EBARECR},
        {"2.2", "GET / HTTP/1.1\n" HOST, NULL, COIL__HTTP1_EBARELF},
        {"2.2", "GET / HTTP/1.1\rHost: a\r\n", NULL, COIL__HTTP1_EBARECR},
        {"2.2", "GET\n", NULL, COIL__HTTP1_EBARELF},
        {"2.2", "GET /\n", NULL, COIL__HTTP1_EBARELF},
        {"2.2", "GET /\rHTTP/1.1\r\n", NULL, COIL__HTTP1_EBARECR},
        {"3.1", " / HTTP/1.1\r\n", NULL, COIL__HTTP1_EMETHOD},
        {"3.1", " GET / HTTP/1.1\r\n", NULL, COIL__HTTP1_EMETHOD},
        {"3.1", "G(T / HTTP/1.1\r\n", NULL, COIL__HTTP1_EMETHOD},
        {"3.1", "GET:/ HTTP/1.1\r\n", NULL, COIL__HTTP1_EMETHOD},
        {"3.1", "G\xc3\x84T / HTTP/1.1\r\n", NULL, COIL__HTTP1_EMETHOD},
        {"3.1", "GET\t/ HTTP/1.1\r\n", NULL, COIL__HTTP1_EMETHOD},
        {"3.1", "G\0T / HTTP/1.1\r\n", NULL, COIL__HTTP1_EMETHOD, .size = 16},
        {"3.1", "GET\r\n", NULL, COIL__HTTP1_EMETHOD},
        {"3.1", "A23456789012345678901234567890123 / HTTP/1.1\r\n", NULL, COIL__HTTP1_ELONGMETHOD,
         501},
        {"3", "GET  / HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3", "GET \t/ HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3", "GET /\tHTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3", "GET / x HTTP/1.1\r\n", NULL, COIL__HTTP1_EVERSION},
        {"3", "GET /  HTTP/1.1\r\n", NULL, COIL__HTTP1_EVERSION},
        {"3", "GET / HTTP/1.1 \r\n", NULL, COIL__HTTP1_EVERSION},
        {"3: no HTTP/0.9", "GET /\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.1", "GET /a#b HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.1", "GET /0123456789abcdef#b HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.1", "GET /\x7f HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.1", "GET /0123456789abcdef\x7f HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.1", "GET /\xc3\xa4 HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.1", "GET /0123456789abcdef\xff HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.1", "GET /\0 HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET, .size = 17},
        {"3.2.1", "GET /0123456789abcdef\0 HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET, .size = 33},
        {"3.2", "GET a HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.2", "GET http:/a HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.2", "GET http:// HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"RFC 9110, 4.2.1: no empty host", "GET http:///x HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"RFC 9110, 4.2.1: no empty host", "GET http://:80/ HTTP/1.1\r\n", NULL,
         COIL__HTTP1_ETARGET},
        {"RFC 9110, 4.2.4: no userinfo", "GET http://u@a/ HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.2", "GET 1http://a/ HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.2", "GET ht_tp://a/ HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.3", "GET a.example:443 HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.3", "CONNECT / HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.3", "CONNECT http://a:80/ HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"RFC 9110, 9.3.6: a port", "CONNECT a.example HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"RFC 9110, 9.3.6: a port", "CONNECT a.example: HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"RFC 9110, 9.3.6: a port", "CONNECT a:65536 HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.3", "CONNECT :80 HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.4", "GET * HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"3.2.4", "OPTIONS *x HTTP/1.1\r\n", NULL, COIL__HTTP1_ETARGET},
        {"2.3: case-sensitive", "GET / http/1.1\r\n", NULL, COIL__HTTP1_EVERSION},
        {"2.3", "GET / HTTP/1.\r\n", NULL, COIL__HTTP1_EVERSION},
        {"2.3", "GET / HTTP/1.10\r\n", NULL, COIL__HTTP1_EVERSION},
        {"2.3", "GET / HTTP/a.1\r\n", NULL, COIL__HTTP1_EVERSION},
        {"2.3", "GET / HTTP/1,1\r\n", NULL, COIL__HTTP1_EVERSION},
        {"2.3", "GET / HTTP/1.x\r\n", NULL, COIL__HTTP1_EVERSION},
        {"2.3", "GET / \r\n", NULL, COIL__HTTP1_EVERSION},
        {"RFC 9110, 15.6.6", "PRI * HTTP/2.0\r\n", NULL, COIL__HTTP1_EMAJOR, 505},
        {"RFC 9110, 15.6.6", "GET / HTTP/0.9\r\n", NULL, COIL__HTTP1_EMAJOR, 505},
    };

    check_all(cases, sizeof cases / sizeof *cases);
}

COIL_TEST(request_fields_are_taken)
{
    static const struct head_case cases[] = {
        {"5", GET HOST "A:1\r\nB:\r\nc: \t x \t \r\nD: \r\n" END,
         "GET / origin a 1.1 none keep | Host=a | A=1 | B= | c=x | D="},
        {"5", GET HOST "X: a: b, \"c\"\td\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | X=a: b, \"c\"\td"},
        {"RFC 9110, 5.5: obs-text", GET HOST "X: \xc3\xa4\xff!\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | X=\xc3\xa4\xff!"},
        {"RFC 9110, 5.5: obs-text",
         GET HOST "X: 0123456789abcdef\xc3\xa4\t0123456789abcdef\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | X=0123456789abcdef\xc3\xa4\t0123456789abcdef"},
        {"RFC 9110, 5.6.2: token", GET HOST "!#$%&'*+-.^_`|~09azAZ: x\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | !#$%&'*+-.^_`|~09azAZ=x"},
        {"RFC 9110, 5.3: order is kept", GET HOST "A: 1\r\na: 2\r\nA: 1\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | A=1 | a=2 | A=1"},
        {"5", GET "hOsT: a\r\n" END, "GET / origin a 1.1 none keep | hOsT=a"},
        {"5: names that resemble", GET HOST "Hosts: b\r\nHost-: c\r\nContent-Lengtn: x\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | Hosts=b | Host-=c | Content-Lengtn=x"},
        {"5: a name of 36 bytes", GET HOST "Hostxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: b\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | Hostxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=b"},
        {"5", GET "Host: a", NULL, 0},
        {"5", GET HOST, NULL, 0},
        {"5", GET HOST "\r", NULL, 0},
        {"5", "G", NULL, 0},
        {"5: what is wrong so far is not told before the line's end", GET "Ho st: a", NULL, 0},
    };

    check_all(cases, sizeof cases / sizeof *cases);
}

COIL_TEST(request_fields_are_refused)
{
    static const struct head_case cases[] = {
        {"2.2", GET "Host: a\n\r\n", NULL, COIL__HTTP1_EBARELF},
        {"2.2", GET "Host: a\n", NULL, COIL__HTTP1_EBARELF},
        {"2.2", GET HOST "\n", NULL, COIL__HTTP1_EBARELF},
        {"2.2", GET HOST "\rX", NULL, COIL__HTTP1_EBARECR},
        {"2.2", GET HOST "A: b\rC: d\r\n", NULL, COIL__HTTP1_EBARECR},
        {"2.2", GET HOST "A: b\r\r\n", NULL, COIL__HTTP1_EBARECR},
        {"2.2", GET HOST "A: 0123456789abcdef\nB: c\r\n", NULL, COIL__HTTP1_EBARELF},
        {"2.2: blanks before the first field", GET " " HOST END, NULL, COIL__HTTP1_EFOLD},
        {"5.2: obs-fold", GET HOST "A: b\r\n c\r\n" END, NULL, COIL__HTTP1_EFOLD},
        {"5.2: obs-fold", GET HOST "A: b\r\n\tc: d\r\n" END, NULL, COIL__HTTP1_EFOLD},
        {"5.2: obs-fold", GET HOST "A: b\r\n \r\n" END, NULL, COIL__HTTP1_EFOLD},
        {"5.1", GET "Host : a\r\n" END, NULL, COIL__HTTP1_EBLANK},
        {"5.1", GET "Host\t: a\r\n" END, NULL, COIL__HTTP1_EBLANK},
        {"5.1", GET HOST "Transfer-Encoding : chunked\r\n", NULL, COIL__HTTP1_EBLANK},
        {"5.1", GET HOST "A b: c\r\n", NULL, COIL__HTTP1_EBLANK},
        {"5", GET HOST ": b\r\n", NULL, COIL__HTTP1_ENAME},
        {"5", GET HOST "A\r\n", NULL, COIL__HTTP1_ENOCOLON},
        {"RFC 9110, 5.6.2", GET HOST "A(: b\r\n", NULL, COIL__HTTP1_ENAME},
        {"RFC 9110, 5.6.2", GET HOST "A/b: c\r\n", NULL, COIL__HTTP1_ENAME},
        {"RFC 9110, 5.6.2", GET HOST "\"A\": c\r\n", NULL, COIL__HTTP1_ENAME},
        {"RFC 9110, 5.6.2", GET HOST "Content-Length\xff: c\r\n", NULL, COIL__HTTP1_ENAME},
        {"RFC 9110, 5.6.2", GET HOST "A\x01: c\r\n", NULL, COIL__HTTP1_ENAME},
        {"RFC 9110, 5.6.2", GET "A\0: c\r\n", NULL, COIL__HTTP1_ENAME, .size = 23},
        {"RFC 9110, 5.5", GET "A: b\0c\r\n", NULL, COIL__HTTP1_EVALUE, .size = 24},
        {"RFC 9110, 5.5", GET HOST "A: b\x01\r\n", NULL, COIL__HTTP1_EVALUE},
        {"RFC 9110, 5.5", GET HOST "A: b\x1f\r\n", NULL, COIL__HTTP1_EVALUE},
        {"RFC 9110, 5.5", GET HOST "A: b\x7f\r\n", NULL, COIL__HTTP1_EVALUE},
        {"RFC 9110, 5.5", GET HOST "A: 0123456789abcdef\x7f\r\n", NULL, COIL__HTTP1_EVALUE},
        {"RFC 9110, 5.5", GET HOST "A: 0123456789abcdef\x0b\r\n", NULL, COIL__HTTP1_EVALUE},
        {"RFC 9110, 5.5", GET HOST "A: \x08\r\n", NULL, COIL__HTTP1_EVALUE},
    };

    check_all(cases, sizeof cases / sizeof *cases);
}

COIL_TEST(request_host)
{
    static const struct head_case cases[] = {
        {"3.2", GET "Host: a.example:8080\r\n" END,
         "GET / origin a.example:8080 1.1 none keep | Host=a.example:8080"},
        {"3.2", GET "Host: [::1]:8080\r\n" END,
         "GET / origin [::1]:8080 1.1 none keep | Host=[::1]:8080"},
        {"3.2: no authority", GET "Host:\r\n" END, "GET / origin  1.1 none keep | Host="},
        {"RFC 3986, 3.2.2", GET "Host: a%2Db_c~!$&'()*+,;=\r\n" END,
         "GET / origin a%2Db_c~!$&'()*+,;= 1.1 none keep | Host=a%2Db_c~!$&'()*+,;="},
        {"RFC 3986, 3.2.3", GET "Host: a:\r\n" END, "GET / origin a: 1.1 none keep | Host=a:"},
        {"RFC 3986, 3.2.3", GET "Host: a:0065535\r\n" END,
         "GET / origin a:0065535 1.1 none keep | Host=a:0065535"},
        {"3.2: not needed in HTTP/1.0", "GET / HTTP/1.0\r\nHost: b\r\n" END,
         "GET / origin b 1.0 none | Host=b"},
        {"3.2: missing", GET END, NULL, COIL__HTTP1_ENOHOST},
        {"3.2: missing", "GET http://a/ HTTP/1.1\r\n" END, NULL, COIL__HTTP1_ENOHOST},
        {"3.2: missing", "CONNECT a:80 HTTP/1.1\r\n" END, NULL, COIL__HTTP1_ENOHOST},
        {"3.2: double", GET HOST HOST END, NULL, COIL__HTTP1_EHOSTS},
        {"3.2: double", GET HOST "X: y\r\nHOST: b\r\n" END, NULL, COIL__HTTP1_EHOSTS},
        {"3.2: double", "GET / HTTP/1.0\r\n" HOST HOST END, NULL, COIL__HTTP1_EHOSTS},
        {"3.2: malformed", GET "Host: a b\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a/b\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a@b\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a?b\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: http://a\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a:b\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a:80:90\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a:65536\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a:99999999999999999999\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a:-1\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: :80\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a%2\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a%:.\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a%zz\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: [::1\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: []\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: [abcd]\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: [::g]\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: [::1]x\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: [::1%25e]\r\n" END, NULL, COIL__HTTP1_EHOST},
        {"3.2: malformed", GET "Host: a\xff\r\n" END, NULL, COIL__HTTP1_EHOST},
    };

    check_all(cases, sizeof cases / sizeof *cases);
}

COIL_TEST(request_framing)
{
    static const struct head_case cases[] = {
        {"6.3, 6", POST "Content-Length: 5\r\n" END "12345",
         "POST / origin a 1.1 length 5 keep | Host=a | Content-Length=5", .rest = 5},
        {"6.3, 6", POST "content-length:0\r\n" END,
         "POST / origin a 1.1 length 0 keep | Host=a | content-length=0"},
        {"6.3, 6", "GET / HTTP/1.1\r\nContent-Length: 0012\r\n" HOST END,
         "GET / origin a 1.1 length 12 keep | Content-Length=0012 | Host=a"},
        {"6.3, 6", POST "Content-Length: 9223372036854775807\r\n" END,
         "POST / origin a 1.1 length 9223372036854775807 keep | Host=a | "
         "Content-Length=9223372036854775807"},
        {"6.3, 7", POST END, "POST / origin a 1.1 none keep | Host=a"},
        {"6.3, 4", POST "Transfer-Encoding: chunked\r\n" END,
         "POST / origin a 1.1 chunked keep | Host=a | Transfer-Encoding=chunked"},
        {"7: names of codings have no case", POST "TRANSFER-ENCODING:\tChUnKeD \r\n" END,
         "POST / origin a 1.1 chunked keep | Host=a | TRANSFER-ENCODING=ChUnKeD"},
        {"6.2", "POST / HTTP/1.0\r\nContent-Length: 1\r\n" END,
         "POST / origin  1.0 length 1 | Content-Length=1"},
        {"6.3, 5: empty", POST "Content-Length:\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5: a sign", POST "Content-Length: +5\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5: a sign", POST "Content-Length: -5\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5", POST "Content-Length: 5 5\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5", POST "Content-Length: 0x5\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5", POST "Content-Length: 5.0\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5", POST "Content-Length: 1e3\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5", POST "Content-Length: \xb2\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"RFC 9110, 8.6: a list", POST "Content-Length: 5, 5\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5: a list", POST "Content-Length: 5,6\r\n" END, NULL, COIL__HTTP1_ELENGTH},
        {"6.3, 5: overflow", POST "Content-Length: 9223372036854775808\r\n" END, NULL,
         COIL__HTTP1_ELENGTH},
        {"6.3, 5: overflow", POST "Content-Length: 18446744073709551621\r\n" END, NULL,
         COIL__HTTP1_ELENGTH},
        {"6.3, 5: digits", POST "Content-Length: 00000000000000000005\r\n" END, NULL,
         COIL__HTTP1_ELENGTH},
        {"6.3, 5: two", POST "Content-Length: 5\r\nContent-Length: 6\r\n" END, NULL,
         COIL__HTTP1_ELENGTHS},
        {"RFC 9110, 8.6: two, equal", POST "Content-Length: 5\r\nContent-Length: 5\r\n" END, NULL,
         COIL__HTTP1_ELENGTHS},
        {"6.3, 3: both", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" END, NULL,
         COIL__HTTP1_ETWO},
        {"6.3, 3: both", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n" END, NULL,
         COIL__HTTP1_ETWO},
        {"6.1: HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END, NULL,
         COIL__HTTP1_EOLD},
        {"6.1: unknown", POST "Transfer-Encoding: gzip, chunked\r\n" END, NULL,
         COIL__HTTP1_EUNKNOWN, 501},
        {"6.3, 4: not last", POST "Transfer-Encoding: chunked, gzip\r\n" END, NULL,
         COIL__HTTP1_ECODING},
        {"6.3, 4: not there", POST "Transfer-Encoding: gzip\r\n" END, NULL, COIL__HTTP1_ECODING},
        {"6.3, 4: not there", POST "Transfer-Encoding: identity\r\n" END, NULL,
         COIL__HTTP1_ECODING},
        {"6.3, 4: empty", POST "Transfer-Encoding:\r\n" END, NULL, COIL__HTTP1_ECODING},
        {"6.1: twice", POST "Transfer-Encoding: chunked, chunked\r\n" END, NULL,
         COIL__HTTP1_ECODING},
        {"6.1: twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END,
         NULL, COIL__HTTP1_ECODING},
        {"6.1: twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" END,
         NULL, COIL__HTTP1_ECODING},
        {"7", POST "Transfer-Encoding: chunked;q=1\r\n" END, NULL, COIL__HTTP1_ECODING},
        {"7", POST "Transfer-Encoding: xchunked\r\n" END, NULL, COIL__HTTP1_ECODING},
        {"7", POST "Transfer-Encoding: chunkedx\r\n" END, NULL, COIL__HTTP1_ECODING},
        {"7", POST "Transfer-Encoding: \"chunked\"\r\n" END, NULL, COIL__HTTP1_ECODING},
        {"7", POST "Transfer-Encoding: ,chunked\r\n" END, NULL, COIL__HTTP1_ECODING},
        {"7", POST "Transfer-Encoding: chunked,\r\n" END, NULL, COIL__HTTP1_ECODING},
        {"7", POST "Transfer-Encoding: chunked\x0b\r\n" END, NULL, COIL__HTTP1_EVALUE},
    };

    check_all(cases, sizeof cases / sizeof *cases);
}

COIL_TEST(request_connection)
{
    static const struct head_case cases[] = {
        {"9.3", GET HOST "Connection: close\r\n" END,
         "GET / origin a 1.1 none | Host=a | Connection=close"},
        {"9.3", GET HOST "Connection: Keep-Alive\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | Connection=Keep-Alive"},
        {"9.3: close wins", GET HOST "Connection: keep-alive\r\nConnection: x, CLOSE\r\n" END,
         "GET / origin a 1.1 none | Host=a | Connection=keep-alive | Connection=x, CLOSE"},
        {"9.3", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n" END,
         "GET / origin  1.0 none keep | Connection=keep-alive"},
        {"9.3", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n" END,
         "GET / origin  1.0 none | Connection=keep-alive, close"},
        {"RFC 9110, 5.6.1: empty elements", GET HOST "Connection: , ,close ,\r\n" END,
         "GET / origin a 1.1 none | Host=a | Connection=, ,close ,"},
        {"RFC 9110, 7.6.1", GET HOST "Connection:\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | Connection="},
        {"RFC 9110, 7.6.1", GET HOST "Connection: closed, close-\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | Connection=closed, close-"},
        {"RFC 9110, 7.6.1", GET HOST "Connection: a b\r\n" END, NULL, COIL__HTTP1_ECONNECTION},
        {"RFC 9110, 7.6.1", GET HOST "Connection: close;x\r\n" END, NULL, COIL__HTTP1_ECONNECTION},
        {"RFC 9110, 7.8", GET HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n" END,
         "GET / origin a 1.1 none keep upgrade=websocket | Host=a | Upgrade=websocket | "
         "Connection=Upgrade"},
        {"RFC 9110, 7.8",
         GET HOST "Connection: keep-alive, upgrade\r\nUpgrade: a/1\r\nUpgrade: b\r\n" END,
         "GET / origin a 1.1 none keep upgrade=a/1 | Host=a | Connection=keep-alive, upgrade | "
         "Upgrade=a/1 | Upgrade=b"},
        {"RFC 9110, 7.8: Connection must name it", GET HOST "Upgrade: websocket\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | Upgrade=websocket"},
        {"RFC 9110, 7.8", GET HOST "Connection: upgrade\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | Connection=upgrade"},
        {"RFC 9110, 7.8: not in HTTP/1.0",
         "GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" END,
         "GET / origin  1.0 none | Upgrade=websocket | Connection=upgrade"},
        {"RFC 9110, 10.1.1", POST "Expect: 100-Continue\r\nContent-Length: 1\r\n" END,
         "POST / origin a 1.1 length 1 keep continue | Host=a | Expect=100-Continue | "
         "Content-Length=1"},
        {"RFC 9110, 10.1.1", POST "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n" END,
         "POST / origin a 1.1 chunked keep continue | Host=a | Expect=100-continue | "
         "Transfer-Encoding=chunked"},
        {"RFC 9110, 10.1.1: nothing to wait for", GET HOST "Expect: 100-continue\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | Expect=100-continue"},
        {"RFC 9110, 10.1.1: not in HTTP/1.0",
         "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n" END,
         "POST / origin  1.0 length 1 | Expect=100-continue | Content-Length=1"},
        {"RFC 9110, 10.1.1", GET HOST "Expect: 200-ok\r\n" END, NULL, COIL__HTTP1_EEXPECT, 417},
        {"RFC 9110, 10.1.1", GET HOST "Expect: 100-continue, x\r\n" END, NULL, COIL__HTTP1_EEXPECT,
         417},
        {"RFC 9110, 10.1.1", GET HOST "Expect:\r\n" END, NULL, COIL__HTTP1_EEXPECT, 417},
    };

    check_all(cases, sizeof cases / sizeof *cases);
}

/* At each bound what is as large as it may be is taken, and one byte more is not: wherever the
 * bytes are cut. */
COIL_TEST(request_bounds)
{
    static const struct coil__http1_limits limits = {.head = 60, .start_line = 20, .field = 24};
    static const struct head_case cases[] = {
        {"3: 20 bytes", "GET /23456 HTTP/1.1\r\n" HOST END,
         "GET /23456 origin a 1.1 none keep | Host=a"},
        {"3: 20 bytes", "GET /234567 HTTP/1.1\r\n" HOST END,
         "GET /234567 origin a 1.1 none keep | Host=a"},
        {"3: 21 bytes", "GET /2345678 HTTP/1.1\r\n" HOST END, NULL, COIL__HTTP1_ELONGLINE, 414},
        {"3: longer before it is wrong", "GET /2345678901234567890\n", NULL, COIL__HTTP1_ELONGLINE,
         414},
        {"3: without an end", "GET /2345678901234567", NULL, COIL__HTTP1_ELONGLINE, 414},
        {"3: wrong before it is too long", "GET /\n23456789012345678901234", NULL,
         COIL__HTTP1_EBARELF},
        {"5: 24 bytes", GET HOST "A: 456789012345678901234\r\n" END,
         "GET / origin a 1.1 none keep | Host=a | A=456789012345678901234"},
        {"5: 25 bytes", GET HOST "A: 4567890123456789012345\r\n" END, NULL, COIL__HTTP1_ELONGFIELD,
         431},
        {"5: 25 bytes", GET HOST "A: 4567890123456789012345", NULL, COIL__HTTP1_ELONGFIELD, 431},
        {"5: 25 bytes, in a name", GET HOST "A234567890123456789012345", NULL,
         COIL__HTTP1_ELONGFIELD, 431},
        {"5: longer before it is wrong", GET HOST "A 4567890123456789012345\r\n", NULL,
         COIL__HTTP1_EBLANK},
        {"5: longer before it is wrong", GET HOST "A 45678901234567890123456\r\n", NULL,
         COIL__HTTP1_ELONGFIELD, 431},
        {"in all", GET HOST "A: 456789012345678\r\nB: 4567890123456\r\n" END, NULL,
         COIL__HTTP1_EHEAD, 431},
        {"in all, without an end", GET HOST "A: 456789012345678\r\nB: 4567890123456789", NULL,
         COIL__HTTP1_EHEAD, 431},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_head(&cases[i], NULL, &limits);
    }
}

COIL_TEST(request_head_of_just_the_size)
{
    static const char input[] = GET HOST "A: 456789012345\r\nB: 4567890123\r\n" END;
    struct head_case c = {"in all", input,
                          "GET / origin a 1.1 none keep | Host=a | A=456789012345 | B=4567890123"};
    struct coil__http1_limits limits = {.head = sizeof input - 1};

    check_head(&c, NULL, &limits);
    for (limits.head = 1; limits.head < sizeof input - 1; limits.head++) {
        c = (struct head_case){"in all", input, NULL, COIL__HTTP1_EHEAD, 431};
        check_head(&c, NULL, &limits);
    }
}

COIL_TEST(request_default_bounds)
{
    enum { MOST = COIL__HTTP1_DEFAULT_HEAD + 100 };
    char *input = malloc(MOST);
    struct head_case c = {"3", input, NULL, COIL__HTTP1_ELONGLINE, 414};
    int line = snprintf(input, MOST, GET HOST "A: ");

    c.size = MOST;
    memset(input + line, 'a', (size_t)(MOST - line));
    c.error = COIL__HTTP1_ELONGFIELD;
    c.status = 431;
    check_head(&c, NULL, NULL);
    memset(input, 'a', MOST);
    memcpy(input, "GET /", 5);
    c.error = COIL__HTTP1_ELONGLINE;
    c.status = 414;
    check_head(&c, NULL, NULL);
    memcpy(input, GET HOST, sizeof GET HOST - 1);
    for (size_t at = sizeof GET HOST - 1; at + 1002 <= MOST; at += 1002) {
        memcpy(input + at, "A:", 2);
        memcpy(input + at + 1000, "\r\n", 2);
    }
    c.error = COIL__HTTP1_EHEAD;
    c.status = 431;
    check_head(&c, NULL, NULL);
    free(input);
}

COIL_TEST(request_has_as_many_fields_as_there_is_room_for)
{
    static const char input[] = GET HOST "A: 1\r\nB: 2\r\n" END;
    struct coil__http1_field fields[3];
    struct coil__http1_head head;

    coil__http1_head_init(&head, fields, 3, NULL);
    CHECK_INT(coil__http1_parse_request(&head, input, sizeof input - 1), ==, sizeof input - 1);
    CHECK_INT(head.field_count, ==, 3);
    for (size_t capacity = 0; capacity < 3; capacity++) {
        coil__http1_head_init(&head, capacity > 0 ? fields : NULL, capacity, NULL);
        CHECK_INT(coil__http1_parse_request(&head, input, sizeof input - 1), ==,
                  -COIL__HTTP1_EFIELDS);
    }
    CHECK_INT(coil__http1_error_status(-COIL__HTTP1_EFIELDS), ==, 431);
    coil__http1_head_init(&head, NULL, 0, NULL);
    CHECK_INT(coil__http1_parse_request(&head, "GET / HTTP/1.0\r\n\r\n", 18), ==, 18);
}

/* However few bytes a call brings, those that were there before are not looked at again. */
COIL_TEST(request_in_bytes_is_not_quadratic)
{
    enum { SIZE = 12000 };
    char *input = malloc(SIZE);
    struct coil__http1_field fields[4];
    struct coil__http1_head head;

    memset(input, 'a', SIZE);
    memcpy(input, GET HOST "A: ", sizeof GET HOST "A: " - 1);
    memcpy(input + SIZE - 4, "\r\n\r\n", 4);
    coil__http1_head_init(&head, fields, 4, NULL);
    for (size_t size = 0; size < SIZE; size++) {
        CHECK_INT(coil__http1_parse_request(&head, input, size), ==, 0);
        CHECK(head.scanned_ + 1 >= size || head.at_ + 1 >= size);
    }
    CHECK_INT(coil__http1_parse_request(&head, input, SIZE), ==, SIZE);
    free(input);
}

COIL_TEST(request_parse_twice_is_refused)
{
    static const char input[] = GET HOST END;
    struct coil__http1_field fields[4];
    struct coil__http1_head head;

    coil__http1_head_init(&head, fields, 4, NULL);
    CHECK_INT(coil__http1_parse_request(&head, NULL, 0), ==, 0);
    CHECK_INT(coil__http1_parse_request(&head, input, 20), ==, 0);
    CHECK_INT(coil__http1_parse_request(&head, input, 10), ==, -COIL__HTTP1_EINVALID);
    CHECK_INT(coil__http1_parse_request(&head, input, 20), ==, -COIL__HTTP1_EINVALID);
    CHECK_INT(coil__http1_error_status(-COIL__HTTP1_EINVALID), ==, 500);
    coil__http1_head_reset(&head);
    CHECK_INT(coil__http1_parse_request(&head, input, sizeof input - 1), ==, sizeof input - 1);
    CHECK_INT(coil__http1_parse_request(&head, input, sizeof input - 1), ==, -COIL__HTTP1_EINVALID);
}

COIL_TEST(request_fields_are_found)
{
    static const char input[] = GET HOST "Accept: x\r\nCookie: 1\r\ncookie: 2\r\nA^: 3\r\n" END;
    struct coil__http1_field fields[8];
    struct coil__http1_head head;
    const struct coil__http1_field *found;

    coil__http1_head_init(&head, fields, 8, NULL);
    CHECK_INT(coil__http1_parse_request(&head, input, sizeof input - 1), ==, sizeof input - 1);
    found = coil__http1_find(&head, 0, coil__slice_of("COOKIE"));
    CHECK(found == &fields[2]);
    found = coil__http1_find(&head, (size_t)(found - fields) + 1, coil__slice_of("COOKIE"));
    CHECK(found == &fields[3]);
    CHECK(!coil__http1_find(&head, 4, coil__slice_of("Cookie")));
    CHECK(!coil__http1_find(&head, 0, coil__slice_of("Cook")));
    CHECK(!coil__http1_find(&head, 0, coil__slice_of("A~"))); /* differs by the letters' bit */
    CHECK(coil__http1_find(&head, 0, coil__slice_of("a^")) == &fields[4]);
}

COIL_TEST(request_methods)
{
    for (int method = COIL__HTTP1_GET; method <= COIL__HTTP1_PATCH; method++) {
        const char *name = coil__http1_method_name((enum coil__http1_method)method);
        char other[16];

        CHECK_INT(coil__http1_method_of(coil__slice_of(name)), ==, method);
        for (size_t i = 0; i < strlen(name); i++) {
            memcpy(other, name, strlen(name) + 1);
            other[i] = (char)(other[i] | 0x20);
            CHECK_INT(coil__http1_method_of(coil__slice_of(other)), ==, COIL__HTTP1_OTHER);
        }
    }
    CHECK_STR(coil__http1_method_name(COIL__HTTP1_OTHER), "");
    CHECK_STR(coil__http1_method_name((enum coil__http1_method)100), "");
    CHECK_INT(coil__http1_method_of(coil__slice_of("")), ==, COIL__HTTP1_OTHER);
    CHECK_INT(coil__http1_method_of(coil__slice_of("PROPFIND")), ==, COIL__HTTP1_OTHER);
}
