/* One file as a response: conditions, parts, pieces of a body (RFC 9110, sections 13 and 14). */
#include "fault.h"
#include "files_talk.h"

enum { SIZE = 100000 }; /* more than is read and written in one piece */

static char fields_room[4096];

/* Fields of a request, made with the tag of the last answer. */
static const char *with_tag(const char *before, const char *tag, const char *after)
{
    snprintf(fields_room, sizeof fields_room, "%s%s%s\r\n", before, tag, after);
    return fields_room;
}

static struct path make_site(void)
{
    struct path tag;

    put_folder("site");
    make_file("site/data", SIZE);
    change_time(path_of("site/data"), CHANGED);
    put_text("site/empty", "");
    open_site(NULL);
    get("/data");
    CHECK_STATUS(200);
    CHECK_INT(answered_size(), ==, SIZE);
    CHECK(is_content(answered_body(), SIZE, 0));
    tag = answered_tag();
    CHECK(strlen(tag.text) > 4 && tag.text[0] == '"');
    return tag;
}

static void check_status(const char *fields, int status)
{
    ask("GET", "/data", fields);
    CHECK_MSG(answered_status() == status, "%s is not %d: %.200s", fields, status, talk.answer);
}

/* --- conditions --- */

/* Sections 13.1.2 and 15.4.5. */
TASK_TEST(file_if_none_match)
{
    struct path tag = make_site();

    check_status(with_tag("If-None-Match: ", tag.text, ""), 304);
    CHECK_BODY("");
    CHECK_STR(answered_tag().text, tag.text);
    CHECK_LINE("Last-Modified: " CHANGED_TEXT);
    CHECK(!has_field("Content-Type") && !has_field("Content-Length"));
    check_status(with_tag("If-None-Match: \"x\", W/", tag.text, ""), 304);
    check_status(with_tag("If-None-Match: \"x\"\r\nIf-None-Match: ", tag.text, ""), 304);
    check_status("If-None-Match: *\r\n", 304);
    check_status("If-None-Match: \"x\"\r\n", 200);
    ask("HEAD", "/data", with_tag("If-None-Match: ", tag.text, ""));
    CHECK_STATUS(304);
    /* It stands above the date (section 13.2.2). */
    check_status("If-None-Match: \"x\"\r\nIf-Modified-Since: " CHANGED_TEXT "\r\n", 200);
    close_site();
    return 0;
}

/* Section 13.1.3. */
TASK_TEST(file_if_modified_since)
{
    make_site();
    check_status("If-Modified-Since: " CHANGED_TEXT "\r\n", 304);
    check_status("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 200);
    check_status("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n", 304);
    check_status("If-Modified-Since: nonsense\r\n", 200);
    close_site();
    return 0;
}

/* Sections 13.1.1, 13.1.4 and 15.5.13. */
TASK_TEST(file_if_match)
{
    struct path tag = make_site();

    check_status(with_tag("If-Match: ", tag.text, ""), 200);
    check_status("If-Match: *\r\n", 200);
    check_status("If-Match: \"x\"\r\n", 412);
    CHECK_BODY("Precondition Failed\n");
    check_status(with_tag("If-Match: W/", tag.text, ""), 412); /* the comparison is strong */
    check_status("If-Unmodified-Since: " CHANGED_TEXT "\r\n", 200);
    check_status("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\r\n", 412);
    close_site();
    return 0;
}

/* Another file has another tag: of another size, of another time, or of the same. */
TASK_TEST(file_tags)
{
    struct path tag = make_site();
    struct path other;

    change_time(path_of("site/data"), CHANGED + 1);
    get("/data");
    other = answered_tag();
    CHECK(strcmp(tag.text, other.text) != 0);
    change_time(path_of("site/data"), CHANGED);
    get("/data");
    CHECK_STR(answered_tag().text, tag.text);
    CHECK_INT(truncate(path_of("site/data").text, SIZE - 1), ==, 0);
    change_time(path_of("site/data"), CHANGED);
    get("/data");
    CHECK(strcmp(answered_tag().text, tag.text) != 0);
    make_file("site/new", SIZE);
    change_time(path_of("site/new"), CHANGED);
    CHECK_INT(rename(path_of("site/new").text, path_of("site/data").text), ==, 0);
    get("/data");
    CHECK(strcmp(answered_tag().text, tag.text) != 0);
    close_site();
    return 0;
}

/* --- parts --- */

static void check_part(const char *range, size_t first, size_t size)
{
    char line[100];

    snprintf(line, sizeof line, "Range: bytes=%s\r\n", range);
    check_status(line, 206);
    CHECK_INT(answered_size(), ==, size);
    CHECK(is_content(answered_body(), size, first));
    snprintf(line, sizeof line, "Content-Range: bytes %zu-%zu/%d", first, first + size - 1, SIZE);
    CHECK_LINE(line);
    snprintf(line, sizeof line, "Content-Length: %zu", size);
    CHECK_LINE(line);
    CHECK_LINE("Accept-Ranges: bytes");
    CHECK_LINE("Content-Type: application/octet-stream");
}

/* Sections 14.1.2 and 15.3.7. */
TASK_TEST(file_one_part)
{
    make_site();
    check_part("0-0", 0, 1);
    check_part("10-19", 10, 10);
    check_part("99999-", SIZE - 1, 1);
    check_part("-1", SIZE - 1, 1);
    check_part("-200000", 0, SIZE);
    check_part("1-", 1, SIZE - 1);
    check_part("5-500000", 5, SIZE - 5);
    check_part("0-9,10-19", 0, 20); /* they touch */
    close_site();
    return 0;
}

/* Section 14.2: what is no range of bytes is as if it were not there. */
TASK_TEST(file_ranges_that_are_none)
{
    static const char *const ranges[] = {"bytes=",
                                         "bytes=a-b",
                                         "bytes=5-4",
                                         "lines=1-2",
                                         "bytes 1-2",
                                         "bytes=--1",
                                         "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,"
                                         "1000-1000,2000-2000,3000-3000,4000-4000,5000-5000,"
                                         "6000-6000,7000-7000,8000-8000,9000-9000,10000-10000,"
                                         "11000-11000,12000-12000,13000-13000,14000-14000"};
    char line[400];

    make_site();
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        snprintf(line, sizeof line, "Range: %s\r\n", ranges[i]);
        check_status(line, 200);
        CHECK_INT(answered_size(), ==, SIZE);
    }
    ask("GET", "/empty", "Range: bytes=0-0\r\n");
    CHECK_STATUS(200);
    CHECK_BODY("");
    close_site();
    return 0;
}

/* Section 15.5.17. */
TASK_TEST(file_ranges_beyond_it)
{
    make_site();
    check_status("Range: bytes=100000-\r\n", 416);
    CHECK_LINE("Content-Range: bytes */100000");
    CHECK_BODY("Range Not Satisfiable\n");
    check_status("Range: bytes=-0\r\n", 416);
    check_status("Range: bytes=999999-9999999\r\n", 416);
    close_site();
    return 0;
}

/* Section 13.1.5. */
TASK_TEST(file_if_range)
{
    struct path tag = make_site();

    check_status(with_tag("Range: bytes=0-9\r\nIf-Range: ", tag.text, ""), 206);
    check_status("Range: bytes=0-9\r\nIf-Range: \"x\"\r\n", 200);
    check_status(with_tag("Range: bytes=0-9\r\nIf-Range: W/", tag.text, ""), 200);
    check_status("Range: bytes=0-9\r\nIf-Range: " CHANGED_TEXT "\r\n", 206);
    check_status("Range: bytes=0-9\r\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\r\n", 200);
    close_site();
    return 0;
}

/* Section 14.6; each part is read back. */
static void check_parts(const char *range, const size_t (*expected)[2], size_t count)
{
    const char *at;
    char boundary[80] = "";
    char line[400];

    snprintf(line, sizeof line, "Range: bytes=%s\r\n", range);
    check_status(line, 206);
    CHECK(!has_field("Content-Range"));
    snprintf(line, sizeof line, "Content-Length: %zu", answered_size());
    CHECK_LINE(line);
    at = strstr(talk.answer, "\r\nContent-Type: multipart/byteranges; boundary=");
    CHECK(at && sscanf(strstr(at, "boundary="), "boundary=%79[^\r]", boundary) == 1);
    at = answered_body();
    for (size_t i = 0; i < count; i++) {
        size_t size = expected[i][1] - expected[i][0] + 1;
        int length = snprintf(line, sizeof line,
                              "\r\n--%s\r\nContent-Type: application/octet-stream\r\n"
                              "Content-Range: bytes %zu-%zu/%d\r\n\r\n",
                              boundary, expected[i][0], expected[i][1], SIZE);

        CHECK_MSG(memcmp(at, line, (size_t)length) == 0, "part %zu is not\n%s\nbut %.200s", i, line,
                  at);
        at += length;
        CHECK(is_content(at, size, expected[i][0]));
        at += size;
    }
    snprintf(line, sizeof line, "\r\n--%s--\r\n", boundary);
    CHECK_STR(at, line);
}

TASK_TEST(file_several_parts)
{
    static const size_t two[][2] = {{0, 0}, {99999, 99999}};
    static const size_t three[][2] = {{50000, 50009}, {0, 39999}, {99990, 99999}};

    make_site();
    check_parts("0-0,-1", two, 2);
    check_parts("50000-50009, 0-39999,99990-200000", three, 3);
    check_parts("0-0,500000-600000,-1", two, 2);
    close_site();
    return 0;
}

/* --- files that the program knows --- */

static struct coil_http_file_options file_options;
static int reply_rc;

static int reply_data(struct coil_http_exchange *exchange, void *user)
{
    reply_rc = coil_http_reply_file(exchange, path_of("site/data").text, user);
    return reply_rc;
}

TASK_TEST(file_with_options)
{
    make_site();
    talk.user = NULL;
    ask_with(reply_data, "GET", "/", "");
    CHECK_LINE("Content-Type: application/octet-stream");
    CHECK(!has_field("Content-Disposition"));
    file_options = (struct coil_http_file_options){
        .type = "text/csv", .download = "r\xc3\xa9sum\xc3\xa9.csv", .cache = "no-store"};
    talk.user = &file_options;
    ask_with(reply_data, "GET", "/", "");
    CHECK_LINE("Content-Type: text/csv");
    CHECK_LINE("Cache-Control: no-store");
    CHECK(strstr(talk.answer, "\r\nContent-Disposition: attachment; filename="));
    CHECK(strstr(talk.answer, "filename*=UTF-8''r%C3%A9sum%C3%A9.csv\r\n"));
    /* Another method has no conditions and no parts (RFC 9110, sections 13.2.1 and 14.2). */
    ask_with(reply_data, "POST", "/", "If-None-Match: *\r\nRange: bytes=0-0\r\n");
    CHECK_STATUS(200);
    CHECK_INT(answered_size(), ==, SIZE);
    ask_with(reply_data, "GET", "/", "Range: bytes=0-0\r\n");
    CHECK_STATUS(206);
    file_options = (struct coil_http_file_options){.download = "a\nb"};
    ask_with(reply_data, "GET", "/", "");
    CHECK_STATUS(500);
    CHECK_ERR(reply_rc, -EINVAL);
    file_options = (struct coil_http_file_options){.cache = "a\r\nb: c"};
    ask_with(reply_data, "GET", "/", "");
    CHECK_STATUS(500);
    CHECK_ERR(reply_rc, -EINVAL);
    close_site();
    return 0;
}

static int misuse_reply(struct coil_http_exchange *exchange, void *user)
{
    int pipe_ends[2];

    CHECK_ERR(coil_http_reply_file(NULL, "x", NULL), -EINVAL);
    CHECK_ERR(coil_http_reply_file(exchange, NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_reply_file(exchange, path_of("nothing").text, NULL), -ENOENT);
    CHECK_ERR(coil_http_reply_file(exchange, path_of("site").text, NULL), -EISDIR);
    CHECK_ERR(coil_http_reply_fd(NULL, 0, NULL), -EINVAL);
    CHECK_ERR(coil_http_reply_fd(exchange, 1000, NULL), -EBADF);
    CHECK_INT(pipe(pipe_ends), ==, 0);
    CHECK_ERR(coil_http_reply_fd(exchange, pipe_ends[0], NULL), -EINVAL);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    CHECK(!coil_http_is_begun(exchange));
    CHECK_OK(coil_http_reply_fd(exchange, *(int *)user, NULL));
    CHECK_ERR(coil_http_reply_fd(exchange, *(int *)user, NULL), -COIL_EINVALIDSTATE);
    return 0;
}

/* The position is not moved. */
TASK_TEST(file_by_its_descriptor)
{
    int file;

    make_site();
    file = open(path_of("site/data").text, O_RDONLY);
    CHECK_INT(lseek(file, 7, SEEK_SET), ==, 7);
    talk.user = &file;
    ask_with(misuse_reply, "GET", "/", "");
    CHECK_STATUS(200);
    CHECK(is_content(answered_body(), SIZE, 0));
    CHECK_INT(lseek(file, 0, SEEK_CUR), ==, 7);
    close(file);
    close_site();
    return 0;
}

/* --- pieces of a body --- */

static int write_pieces(struct coil_http_exchange *exchange, void *user)
{
    int fd = *(int *)user;
    bool is_known = coil_http_query(exchange) == NULL;

    CHECK_ERR(coil_http_write_file(exchange, fd, 0, 1), -COIL_EINVALIDSTATE);
    CHECK_OK(coil_http_begin(exchange, 200, NULL, is_known ? SIZE + 12 : -1));
    CHECK_ERR(coil_http_write_file(NULL, fd, 0, 1), -EINVAL);
    CHECK_ERR(coil_http_write_file(exchange, -1, 0, 1), -EINVAL);
    CHECK_ERR(coil_http_write_file(exchange, fd, -1, 1), -EINVAL);
    CHECK_ERR(coil_http_write_file(exchange, fd, 1, INT64_MAX), -EINVAL);
    if (is_known) {
        CHECK_ERR(coil_http_write_file(exchange, fd, 0, SIZE + 13), -EINVAL);
    }
    CHECK_INT(coil_http_write(exchange, "<", 1), ==, 1);
    CHECK_OK(coil_http_write_file(exchange, fd, 0, 0));
    CHECK_OK(coil_http_write_file(exchange, fd, 10, 10));
    CHECK_OK(coil_http_write_file(exchange, fd, 0, SIZE));
    CHECK_INT(coil_http_write(exchange, ">", 1), ==, 1);
    if (is_known) {
        CHECK_ERR(coil_http_write_file(exchange, fd, 0, 1), -COIL_EINVALIDSTATE);
    }
    return 0;
}

static void check_pieces(void)
{
    CHECK_STATUS(200);
    CHECK_INT(answered_size(), ==, SIZE + 12);
    CHECK(answered_body()[0] == '<' && answered_body()[SIZE + 11] == '>');
    CHECK(is_content(answered_body() + 1, 10, 10));
    CHECK(is_content(answered_body() + 11, SIZE, 0));
}

TASK_TEST(file_as_a_piece_of_a_body)
{
    int file;

    make_site();
    file = open(path_of("site/data").text, O_RDONLY);
    talk.user = &file;
    ask_with(write_pieces, "GET", "/", "");
    check_pieces();
    ask_with(write_pieces, "HEAD", "/", "");
    CHECK_LINE("Content-Length: 100012");
    CHECK_BODY("");
    /* In chunks (RFC 9112, section 7.1). */
    ask_with(write_pieces, "GET", "/?chunks", "");
    CHECK_LINE("Transfer-Encoding: chunked");
    CHECK(strncmp(answered_body(), "1\r\n<\r\na\r\n", 9) == 0);
    CHECK_STR(talk.answer + talk.size - 13, "\r\n1\r\n>\r\n0\r\n\r\n");
    /* To HTTP/1.0, which ends with the connection. */
    open_talk(write_pieces);
    say("GET /?chunks HTTP/1.0\r\n\r\n");
    hear_answer(ANSWER_ROOM - 1);
    close_talk();
    check_pieces();
    close(file);
    close_site();
    return 0;
}

/* --- over sockets, and one request behind the other --- */

static void check_socket(struct coil_http_server *server, const char *paths, int count)
{
    size_t at = 0;
    uint16_t port = (uint16_t)coil_http_server_get_port(server);

    CHECK_OK(coil_open_connection("127.0.0.1", port, NULL, &talk.client));
    for (int i = 0; i < count; i++) {
        say("GET /");
        say(paths);
        say(" HTTP/1.1\r\nHost: a\r\n");
        say(i + 1 < count ? "\r\n" : "Connection: close\r\n\r\n");
    }
    talk.size = 0;
    hear_answer(ANSWER_ROOM - 1);
    for (int i = 0; i < count; i++) {
        const char *body = strstr(talk.answer + at, "\r\n\r\n");

        CHECK(body != NULL);
        at = body ? (size_t)(body + 4 - talk.answer) : at;
        CHECK(is_content(talk.answer + at, SIZE, 0));
        at += SIZE;
    }
    CHECK_INT(talk.size, ==, at);
    CHECK_OK(coil_stream_close(talk.client));
}

TASK_TEST(file_over_a_socket)
{
    struct coil_http_server *server = NULL;

    make_site();
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, coil_http_files_handle, site, &server));
    check_socket(server, "data", 1);
    check_socket(server, "data", 2);
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    close_site();
    return 0;
}

/* What is not known to be in memory is sent by a thread. */
TASK_TEST(file_over_a_socket_by_a_thread)
{
    struct coil_http_server *server = NULL;

    if (test_backend_is("sim")) {
        test_skip("simulated sockets know no sendfile");
    }
    make_site();
    CHECK_OK(coil_http_server_start("127.0.0.1", 0, NULL, coil_http_files_handle, site, &server));
    fault_syscall_named("preadv64v2", 1, EAGAIN);
    check_socket(server, "data", 1);
    fault_off();
    CHECK_OK(coil_http_server_close(server, PATIENCE));
    close_site();
    return 0;
}
