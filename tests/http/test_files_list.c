/* Lists of folders: HTML and JSON. */
#include "fault.h"
#include "files_talk.h"

static void make_site(void)
{
    put_folder("site");
    put_folder("site/folder");
    put_folder("site/folder/deeper");
    put_text("site/folder/b.txt", "12345");
    put_text("site/folder/a.txt", "1");
    put_text("site/folder/.hidden", "1");
    change_time(path_of("site/folder/deeper"), CHANGED);
    CHECK_INT(mkfifo(path_of("site/folder/fifo").text, 0600), ==, 0);
    CHECK_INT(symlink("/etc/passwd", path_of("site/folder/out").text), ==, 0);
    CHECK_INT(symlink("b.txt", path_of("site/folder/within").text), ==, 0);
    CHECK_INT(symlink("nowhere", path_of("site/folder/broken").text), ==, 0);
    open_site(&(struct coil_http_files_options){.lists_folders = true});
}

static size_t count_of(const char *text)
{
    size_t count = 0;

    for (const char *at = talk.answer; (at = strstr(at, text)); at++) {
        count++;
    }
    return count;
}

TASK_TEST(list_as_html)
{
    if (!system_knows_openat2()) {
        test_skip("there is no openat2");
    }
    make_site();
    get("/folder/");
    CHECK_STATUS(200);
    CHECK_LINE("Content-Type: text/html; charset=utf-8");
    CHECK_LINE("Vary: Accept");
    CHECK_LINE("X-Content-Type-Options: nosniff");
    CHECK(strstr(talk.answer, "<h1>/folder/</h1>"));
    CHECK(strstr(talk.answer, "<tr><td><a href=\"../\">../</a><td><td>\n"
                              "<tr><td><a href=\"deeper/\">deeper/</a><td><td>1994-11-06 08:49\n"
                              "<tr><td><a href=\"a.txt\">a.txt</a><td>1<td>1994-11-06 08:49\n"
                              "<tr><td><a href=\"b.txt\">b.txt</a><td>5<td>1994-11-06 08:49\n"
                              "<tr><td><a href=\"within\">within</a><td>5<td>1994-11-06 08:49\n"
                              "</table>\n"));
    get("/");
    CHECK(!strstr(talk.answer, "\"../\""));
    CHECK(strstr(talk.answer, "href=\"folder/\""));
    ask("HEAD", "/folder/", "");
    CHECK_STATUS(200);
    CHECK_BODY("");
    /* An index comes first, and a folder without the slash is told of it. */
    put_text("site/folder/index.html", "index");
    get("/folder/");
    CHECK_BODY("index");
    check_path("/folder", 301);
    check_path("/folder/deeper/nothing/", 404);
    close_site();
    return 0;
}

/* Without HTTP/1.1's chunks the body is what was written. */
static void list_old(const char *path, const char *accept)
{
    open_talk(coil_http_files_handle);
    say("GET ");
    say(path);
    say(" HTTP/1.0\r\n");
    say(accept);
    say("\r\n");
    hear_answer(ANSWER_ROOM - 1);
    close_talk();
}

TASK_TEST(list_as_json)
{
    if (!system_knows_openat2()) {
        test_skip("there is no openat2");
    }
    make_site();
    list_old("/folder/", "Accept: application/json\r\n");
    CHECK_LINE("Content-Type: application/json");
    CHECK_LINE("Vary: Accept");
    CHECK_BODY("[\n"
               "{\"name\": \"deeper\", \"type\": \"directory\", "
               "\"modified\": \"1994-11-06T08:49:37Z\"},\n"
               "{\"name\": \"a.txt\", \"type\": \"file\", \"size\": 1, "
               "\"modified\": \"1994-11-06T08:49:37Z\"},\n"
               "{\"name\": \"b.txt\", \"type\": \"file\", \"size\": 5, "
               "\"modified\": \"1994-11-06T08:49:37Z\"},\n"
               "{\"name\": \"within\", \"type\": \"file\", \"size\": 5, "
               "\"modified\": \"1994-11-06T08:49:37Z\"}\n"
               "]\n");
    list_old("/folder/deeper/", "Accept: text/html;q=0.5, application/json\r\n");
    CHECK_BODY("[\n]\n");
    list_old("/folder/", "Accept: text/html, application/json;q=0.5\r\n");
    CHECK_LINE("Content-Type: text/html; charset=utf-8");
    list_old("/folder/", "Accept: image/png\r\n");
    CHECK_LINE("Content-Type: text/html; charset=utf-8");
    close_site();
    return 0;
}

/* Names are text, whatever they look like, and a link leads to the file and nowhere else. */
TASK_TEST(list_hostile_names)
{
    static const char *const names[] = {
        "<script>alert(1)<", "a\"b'c&d", "javascript:alert(1)", "a b%20c", "new\nline\x01", "http:",
        "\xff\xfe",          "\xc3\xa9", "back\\slash",
    };
    char name[100];

    put_folder("site");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "site/%s", names[i]);
        put_text(name, "x");
    }
    open_site(&(struct coil_http_files_options){.lists_folders = true});
    list_old("/", "");
    CHECK(!strstr(talk.answer, "<script") && !strstr(talk.answer, "href=\"javascript:"));
    CHECK(strstr(talk.answer, "<a href=\"%3Cscript%3Ealert%281%29%3C\">&#60;script&#62;alert(1)"));
    CHECK(strstr(talk.answer, "<a href=\"a%22b%27c%26d\">a&#34;b&#39;c&#38;d</a>"));
    CHECK(strstr(talk.answer, "<a href=\"javascript%3Aalert%281%29\">"));
    CHECK(strstr(talk.answer, "<a href=\"a%20b%2520c\">a b%20c</a>"));
    CHECK(strstr(talk.answer, "<a href=\"new%0Aline%01\">new?line?</a>"));
    CHECK(strstr(talk.answer, "<a href=\"%C3%A9\">\xc3\xa9</a>"));
    CHECK(!strstr(talk.answer, "\xff") && !strstr(talk.answer, "%FF")); /* no URL has it */
    list_old("/", "Accept: application/json\r\n");
    CHECK(strstr(talk.answer, "\"name\": \"a\\\"b'c&d\""));
    CHECK(strstr(talk.answer, "\"name\": \"new\\u000aline\\u0001\""));
    CHECK(strstr(talk.answer, "\"name\": \"back\\\\slash\""));
    CHECK(!strstr(talk.answer, "\xff"));
    list_old("/%3Cb%3E/../", "");
    CHECK(!strstr(talk.answer, "<b>") && strstr(talk.answer, "&#60;b&#62;"));
    close_site();
    return 0;
}

/* Longer than one piece. */
TASK_TEST(list_of_many)
{
    enum { COUNT = 400 };
    char name[300];

    put_folder("site");
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "site/%03d%0150d", i, 0);
        put_text(name, "");
    }
    open_site(&(struct coil_http_files_options){.lists_folders = true});
    list_old("/", "");
    CHECK_INT(count_of("<tr>"), ==, COUNT);
    CHECK(strstr(talk.answer, "399") && strstr(talk.answer, "</table>\n"));
    CHECK(!strstr(talk.answer, "more than can be listed"));
    close_site();
    return 0;
}

/* There is a bound. */
static int list_too_many(void *arg)
{
    struct path first;
    char name[32];
    size_t lines = 0;
    ssize_t n;

    (void)arg;
    put_folder("site");
    first = put_text("file", "");
    for (int i = 0; i < 10001; i++) {
        snprintf(name, sizeof name, "site/%d", i);
        CHECK_INT(link(first.text, path_of(name).text), ==, 0);
    }
    open_site(&(struct coil_http_files_options){.lists_folders = true});
    open_talk(coil_http_files_handle);
    say("GET / HTTP/1.0\r\n\r\n");
    while ((n = coil_stream_read(talk.client, talk.answer, ANSWER_ROOM - 1)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            lines += talk.answer[i] == '\n';
        }
        talk.answer[n] = '\0';
    }
    CHECK(strstr(talk.answer, "There is more than can be listed."));
    CHECK(lines > 10000 && lines < 10030); /* one each, and those around them */
    close_talk();
    close_site();
    return 0;
}

COIL_TEST_LIMIT(list_of_too_many, 300)
{
    if (test_is_torture() || !test_backend_is("epoll")) {
        test_skip("it takes a while, and does the same everywhere");
    }
    CHECK_OK(coil_run(list_too_many, NULL));
}

TASK_TEST(list_of_a_folder_that_may_not_be_read)
{
    make_site();
    CHECK_INT(chmod(path_of("site/folder").text, 0), ==, 0);
    if (access(path_of("site/folder").text, R_OK) == 0) {
        test_skip("root may read anything");
    }
    check_path("/folder/", 403);
    close_site();
    return 0;
}

/* --- faults --- */

static int list_all(void *arg)
{
    struct coil_http_files_options options = {.lists_folders = true};
    struct coil_http_files *files = NULL;

    if (coil_http_files_open(arg, &options, &files) == 0) {
        struct coil_stream *streams[2] = {NULL, NULL};

        coil_loop_set_error_handler(coil_loop_current(), hear, &talk.heard);
        if (coil_stream_pair(NULL, streams) == 0) {
            static const char request[] = "GET /folder/ HTTP/1.1\r\nHost: a\r\n\r\n"
                                          "GET /folder/ HTTP/1.0\r\nAccept: a/b\r\n"
                                          "Accept: application/json\r\n\r\n";

            coil_stream_write(streams[0], request, sizeof request - 1);
            coil_http_serve_stream(streams[1], NULL, coil_http_files_handle, files);
            coil_stream_abort(streams[1]);
            coil_stream_abort(streams[0]);
        }
        coil_http_files_close(files);
    }
    return 0;
}

static void run_list(void *arg)
{
    coil_run(list_all, arg);
}

static int make_only(void *arg)
{
    (void)arg;
    make_site();
    close_site();
    return 0;
}

COIL_TEST_LIMIT(list_under_faults, 300)
{
    CHECK_OK(coil_run(make_only, NULL));
    torture(run_list, path_of("site").text);
}
