/* What a handler gets to know of a request, and which requests it never sees. */
#include "http_talk.h"

/* --- good requests --- */

static const struct {
    const char *request;
    const char *answer;
} good[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK("11") "GET / ?- @a"},
    {"GET /x/y%20z?a=b&c HTTP/1.1\r\nHost: a:80\r\n\r\n", OK("25") "GET /x/y%20z ?a=b&c @a:80"},
    {"GET /? HTTP/1.1\r\nHost: a\r\n\r\n", OK("10") "GET / ? @a"},
    {"GET /a?b?c HTTP/1.1\r\nHost:\ta \r\n\r\n", OK("14") "GET /a ?b?c @a"},
    {"FROB / HTTP/1.1\r\nHost: a\r\n\r\n", OK("12") "FROB / ?- @a"},
    {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", OK("11") "GET / ?- @a"},
    /* RFC 9112, section 3.2.2: the target says who is meant. */
    {"GET http://b:8/p?q HTTP/1.1\r\nHost: a\r\n\r\n", OK("14") "GET /p ?q @b:8"},
    {"GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", OK("11") "GET / ?- @b"},
    {"GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n", OK("11") "GET / ?q @b"},
    {"GET http://b/ HTTP/1.1\r\nHost: b\r\n\r\n", OK("11") "GET / ?- @b"},
    /* Sections 3.2.4 and 3.2.2. */
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", OK("15") "OPTIONS * ?- @a"},
    {"OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n", OK("15") "OPTIONS * ?- @b"},
    {"OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", OK("15") "OPTIONS / ?- @b"},
    {"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", OK("13") "TRACE / ?- @a"},
    {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", OK("12")},
    /* HTTP/1.0 closes, unless it is asked not to (section 9.3). */
    {"GET / HTTP/1.0\r\n\r\n", OK_CLOSE("11") "GET / ?- @-"},
    {"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: keep-alive\r\n\r\nGET / ?- @a"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", OK_CLOSE("11") "GET / ?- @a"},
    /* Two at once; a part of a third. */
    {"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HT",
     OK("12") "GET /1 ?- @a" OK("12") "GET /2 ?- @a"},
    /* What follows a Connection: close is not looked at. */
    {"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
     OK_CLOSE("12") "GET /1 ?- @a"},
    {"", ""},
    {"\r\n", ""},
};

TASK_TEST(request_is_told_to_the_handler)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        check_answer(NULL, good[i].request, good[i].answer);
        CHECK_ERR(talk.rc, 0);
        CHECK_INT(talk.heard.count, ==, 0);
    }
    return 0;
}

/* --- fields --- */

static int look_at_fields(struct coil_http_exchange *exchange, void *user)
{
    size_t count = 0;
    const struct coil_http_field *fields = coil_http_get_fields(exchange, &count);

    (void)user;
    CHECK_INT(count, ==, 5);
    CHECK_STR(fields[0].name, "Host");
    CHECK_STR(fields[0].value, "a");
    CHECK_STR(fields[1].name, "X-eMPTY");
    CHECK_STR(fields[1].value, "");
    CHECK_STR(fields[2].value, "b, c  d");
    CHECK_STR(fields[4].value, "last");
    CHECK_STR(coil_http_get_field(exchange, "x-empty"), "");
    CHECK_STR(coil_http_get_field(exchange, "X-LIST"), "b, c  d");
    CHECK_PTR(coil_http_get_field(exchange, "x-lis"), ==, NULL);
    CHECK_PTR(coil_http_get_field(exchange, "x-list2"), ==, NULL);
    CHECK_PTR(coil_http_get_field(exchange, ""), ==, NULL);
    CHECK_STR(coil_http_host(exchange), "a");
    CHECK_INT(coil_http_body_size(exchange), ==, 0);
    return coil_http_reply(exchange, 204, NULL, NULL, 0);
}

TASK_TEST(request_fields_in_their_order)
{
    check_answer(look_at_fields,
                 "GET / HTTP/1.1\r\nHost: a\r\nX-eMPTY:\r\nX-List:  b, c  d \t\r\n"
                 "x-list: second\r\nz:last\r\n\r\n",
                 "HTTP/1.1 204 No Content\r\n\r\n");
    return 0;
}

TASK_TEST(request_has_many_fields)
{
    char request[8192] = "GET / HTTP/1.1\r\nHost: a\r\n";
    size_t size = strlen(request);

    for (int i = 1; i < 100; i++) {
        size += (size_t)snprintf(request + size, sizeof request - size, "X-%d: %d\r\n", i, i);
    }
    snprintf(request + size, sizeof request - size, "\r\n");
    check_answer(NULL, request, OK("11") "GET / ?- @a");
    snprintf(request + size, sizeof request - size, "X-100: one too many\r\n\r\n");
    check_answer(NULL, request, REFUSED("431", "Request Header Fields Too Large", "32"));
    talk.options.max_fields = 101;
    check_answer(NULL, request, OK("11") "GET / ?- @a");
    return 0;
}

/* --- what is refused --- */

static const struct {
    const char *request;
    const char *answer;
} bad[] = {
    {"GET / HTTP/1.1\r\n\r\n", REFUSED("400", "Bad Request", "12")},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", REFUSED("400", "Bad Request", "12")},
    {"GET / HTTP/1.1\nHost: a\n\n", REFUSED("400", "Bad Request", "12")},
    {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", REFUSED("400", "Bad Request", "12")},
    {"GET / HTTP/1.1\r\nHost: a\r\n fold: b\r\n\r\n", REFUSED("400", "Bad Request", "12")},
    {"GET x HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED("400", "Bad Request", "12")},
    {"\x16\x03\x01\r\n\r\n", REFUSED("400", "Bad Request", "12")},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
     REFUSED("400", "Bad Request", "12")},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n",
     REFUSED("400", "Bad Request", "12")},
    {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
     REFUSED("400", "Bad Request", "12")},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
     REFUSED("501", "Not Implemented", "16")},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", REFUSED("505", "HTTP Version Not Supported", "27")},
    {"PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED("505", "HTTP Version Not Supported", "27")},
    {"POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx",
     REFUSED("417", "Expectation Failed", "19")},
    {"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", REFUSED("501", "Not Implemented", "16")},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n",
     REFUSED("413", "Content Too Large", "18")},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n",
     REFUSED("413", "Content Too Large", "18")},
    /* What was good before it is answered first. */
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET\r\n\r\n",
     OK("11") "GET / ?- @a" REFUSED("400", "Bad Request", "12")},
};

TASK_TEST(request_refused_with_a_status)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_answer(NULL, bad[i].request, bad[i].answer);
        CHECK_ERR(talk.rc, 0);
        CHECK_INT(talk.heard.count, ==, 0);
    }
    return 0;
}

/* With `length` zeros between the two. */
static void check_long(const char *before, int length, const char *after, const char *answer)
{
    static char request[128 * 1024];

    snprintf(request, sizeof request, "%s%0*d%s", before, length, 0, after);
    check_exact(NULL, request, 0, answer);
    check_exact(NULL, request, 1000, answer);
}

TASK_TEST(request_with_too_long_a_head)
{
    const char *field = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const char *end = " HTTP/1.1\r\nHost: a\r\n\r\n";

    check_long(field, 15000, "\r\n\r\n", OK("11") "GET / ?- @a");
    check_long(field, 17000, "\r\n\r\n", REFUSED("431", "Request Header Fields Too Large", "32"));
    check_long("GET /", 8300, end, REFUSED("414", "URI Too Long", "13"));
    talk.options.max_head = 2000;
    check_long(field, 3000, "\r\n\r\n", REFUSED("431", "Request Header Fields Too Large", "32"));
    return 0;
}

/* A client that goes on sending for a while gets the answer nevertheless: the connection is not
 * reset while it does. */
TASK_TEST(request_refused_while_more_comes)
{
    open_talk(NULL);
    say("GET\r\n\r\n");
    hear_answer(10);
    for (int i = 0; i < 20; i++) {
        say("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        coil_yield();
    }
    CHECK_OK(coil_stream_write_eof(talk.client));
    hear_answer(ANSWER_ROOM - 1);
    drop_dates();
    CHECK_STR(talk.answer, REFUSED("400", "Bad Request", "12"));
    close_talk();
    CHECK_ERR(talk.rc, 0);
    return 0;
}

/* --- the same connection --- */

TASK_TEST(requests_up_to_a_number)
{
    talk.options.max_requests = 2;
    check_answer(NULL,
                 "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                 "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
                 OK("12") "GET /1 ?- @a" OK_CLOSE("12") "GET /2 ?- @a");
    return 0;
}

/* The steady state: nothing is allocated for a request. */
TASK_TEST(requests_need_no_memory_of_their_own)
{
    const char *request =
        "GET /abc?d HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n";
    uint64_t before = 0;

    open_talk(NULL);
    for (int i = 0; i < 60; i++) {
        if (i == 10) {
            before = test_alloc_count();
        }
        say(request);
        talk.size = 0;
        hear_answer(1);
    }
    /* Memory of the pair itself: two buffers a round. */
    CHECK_INT(test_alloc_count() - before, <=, 100);
    CHECK_OK(coil_stream_write_eof(talk.client));
    hear_answer(ANSWER_ROOM - 1);
    close_talk();
    return 0;
}

TASK_TEST(request_calls_with_nothing)
{
    size_t count = 7;

    CHECK_STR(coil_http_method(NULL), "");
    CHECK_STR(coil_http_path(NULL), "");
    CHECK_PTR(coil_http_query(NULL), ==, NULL);
    CHECK_PTR(coil_http_host(NULL), ==, NULL);
    CHECK_PTR(coil_http_get_field(NULL, "Host"), ==, NULL);
    CHECK_PTR(coil_http_get_fields(NULL, &count), ==, NULL);
    CHECK_INT(count, ==, 0);
    CHECK_INT(coil_http_body_size(NULL), ==, 0);
    CHECK_ERR(coil_http_read(NULL, NULL, 0), -EINVAL);
    CHECK_ERR(coil_http_read_all(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_add_field(NULL, "A", "b"), -EINVAL);
    CHECK_ERR(coil_http_reply(NULL, 200, NULL, NULL, 0), -EINVAL);
    CHECK_ERR(coil_http_begin(NULL, 200, NULL, 0), -EINVAL);
    CHECK_ERR(coil_http_write(NULL, "", 0), -EINVAL);
    CHECK_ERR(coil_http_flush(NULL), -EINVAL);
    CHECK(!coil_http_is_begun(NULL));
    return 0;
}
