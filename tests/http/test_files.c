/* Serving a folder: which path leads to which file, and which to none. */
#include "files_talk.h"

static void make_site(void)
{
    put_folder("site");
    put_folder("site/sub");
    put_folder("site/bare");
    put_folder("site/.well-known");
    put_text("site/index.html", "home");
    put_text("site/a b.txt", "blank");
    put_text("site/\xc3\xa9.txt", "accent");
    put_text("site/back\\slash.txt", "backslash");
    put_text("site/100%25.txt", "once");
    put_text("site/data.bin", "data");
    put_text("site/noextension", "plain");
    put_text("site/sub/index.html", "sub");
    put_text("site/sub/page.HTML", "page");
    put_text("site/.secret", "secret");
    put_text("site/.well-known/known", "known");
    put_text("site/.well-known/.secret", "secret");
    put_text("outside", "outside");
}

TASK_TEST(files_are_served)
{
    make_site();
    open_site(NULL);
    get("/data.bin");
    CHECK_STATUS(200);
    CHECK_LINE("Content-Type: application/octet-stream");
    CHECK_LINE("Content-Length: 4");
    CHECK_LINE("Last-Modified: " CHANGED_TEXT);
    CHECK_LINE("Accept-Ranges: bytes");
    CHECK(has_field("ETag"));
    CHECK(!has_field("Cache-Control"));
    CHECK(!has_field("Vary"));
    CHECK_BODY("data");
    get("/sub/page.HTML?query");
    CHECK_LINE("Content-Type: text/html; charset=utf-8");
    CHECK_LINE("Vary: Accept-Encoding");
    CHECK_BODY("page");
    get("/noextension");
    CHECK_LINE("Content-Type: application/octet-stream");
    CHECK_BODY("plain");
    close_site();
    return 0;
}

/* RFC 9110, section 9.3.2. */
TASK_TEST(files_head_has_the_fields_and_no_body)
{
    make_site();
    open_site(NULL);
    ask("HEAD", "/data.bin", "");
    CHECK_STATUS(200);
    CHECK_LINE("Content-Length: 4");
    CHECK_LINE("Last-Modified: " CHANGED_TEXT);
    CHECK_BODY("");
    /* Range is for GET alone (section 14.2). */
    ask("HEAD", "/data.bin", "Range: bytes=1-2\r\n");
    CHECK_STATUS(200);
    CHECK_LINE("Content-Length: 4");
    close_site();
    return 0;
}

/* RFC 9110, section 15.5.6. */
TASK_TEST(files_other_methods_are_refused)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"};

    make_site();
    open_site(NULL);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        ask(methods[i], "/data.bin", "");
        CHECK_STATUS(405);
        CHECK_LINE("Allow: GET, HEAD");
    }
    close_site();
    return 0;
}

/* Decoded once, and no more (RFC 3986, section 2.4). */
TASK_TEST(files_paths_are_decoded_once)
{
    static const struct {
        const char *path;
        const char *text;
    } found[] = {
        {"/a%20b.txt", "blank"},
        {"/%61%20%62.txt", "blank"},
        {"/%C3%A9.txt", "accent"},
        {"/%c3%a9.txt", "accent"},
        {"/back%5Cslash.txt", "backslash"},
        {"/100%2525.txt", "once"},
        {"/./sub/../data.bin", "data"},
        {"//data.bin", "data"},
        {"/sub/.%2e/data.bin", "data"},
        {"/sub//", "sub"},
        {"/sub/.", "sub"},
        {"/.well-known/known", "known"},
    };

    make_site();
    open_site(NULL);
    for (size_t i = 0; i < sizeof found / sizeof *found; i++) {
        get(found[i].path);
        CHECK_MSG(strcmp(answered_body(), found[i].text) == 0, "%s is not %s: %s", found[i].path,
                  found[i].text, talk.answer);
    }
    check_path("/100%25.txt", 404);
    close_site();
    return 0;
}

/* Whatever a client writes, nothing outside of the folder is sent. */
TASK_TEST(files_hostile_paths)
{
    static const struct {
        const char *path;
        int status;
    } paths[] = {
        {"/../outside", 400},
        {"/..", 400},
        {"/%2e%2e/outside", 400},
        {"/%2E./outside", 400},
        {"/sub/../../outside", 400},
        {"/sub/%2e%2e/%2e%2e/outside", 400},
        {"/..%2foutside", 404}, /* no name has a slash */
        {"/sub%2findex.html", 404},
        {"/%252e%252e/outside", 404}, /* decoded once, it is a name */
        {"/..%5coutside", 404},       /* a backslash is a letter here */
        {"/..%5c..%5coutside", 404},
        {"/%c0%ae%c0%ae/outside", 400}, /* overlong (RFC 3629, section 3) */
        {"/%c0%afoutside", 400},
        {"/%e0%80%af", 400},
        {"/%ff", 400},
        {"/%ed%a0%80", 400}, /* a surrogate */
        {"/data.bin%00", 400},
        {"/data.bin%00.html", 400},
        {"/%", 400},
        {"/%4", 400},
        {"/%zz", 400},
        {"/.secret", 404},
        {"/%2esecret", 404},
        {"/.well-known/.secret", 404},
        {"/sub/.well-known/known", 404},
        {"/...", 404},
        {"/data.bin/", 404},
        {"/data.bin/x", 404},
        {"/nothing", 404},
        {"/sub/nothing", 404},
    };

    make_site();
    open_site(NULL);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        check_path(paths[i].path, paths[i].status);
        CHECK(!strstr(talk.answer, "outside") && !strstr(talk.answer, "secret"));
    }
    CHECK_INT(talk.heard.count, ==, 0);
    close_site();
    return 0;
}

TASK_TEST(files_very_long_paths)
{
    static char path[8000];
    static const size_t sizes[] = {254, 255, 256, 3000, 3840, 3841, 4095, 4096, 4097, 7999};

    make_site();
    open_site(NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        memset(path, 'x', sizes[i]);
        path[0] = '/';
        path[sizes[i]] = '\0';
        check_path(path, 404);
        for (size_t at = 2; at < sizes[i]; at += 2) {
            path[at] = '/';
        }
        check_path(path, 404);
    }
    close_site();
    return 0;
}

TASK_TEST(files_links_stay_below)
{
    struct coil_http_files_options options = {.follows_links = true};

    if (!system_knows_openat2()) {
        test_skip("there is no openat2");
    }
    make_site();
    CHECK_INT(symlink("data.bin", path_of("site/inside").text), ==, 0);
    CHECK_INT(symlink("../outside", path_of("site/out").text), ==, 0);
    CHECK_INT(symlink("/etc", path_of("site/etc").text), ==, 0);
    CHECK_INT(symlink("loop", path_of("site/loop").text), ==, 0);
    open_site(NULL);
    get("/inside");
    CHECK_BODY("data");
    check_path("/out", 404);
    check_path("/etc/passwd", 404);
    check_path("/etc/", 404);
    check_path("/loop", 404);
    close_site();
    open_site(&options);
    get("/out");
    CHECK_BODY("outside");
    check_path("/etc/passwd", 200);
    check_path("/loop", 404);
    check_path("/../outside", 400);
    close_site();
    return 0;
}

/* Nobody waits for a FIFO's peer. */
TASK_TEST(files_that_are_no_files)
{
    make_site();
    CHECK_INT(mkfifo(path_of("site/fifo").text, 0600), ==, 0);
    CHECK_INT(symlink("/dev/zero", path_of("site/zero").text), ==, 0);
    open_site(&(struct coil_http_files_options){.follows_links = true});
    check_path("/fifo", 404);
    check_path("/zero", 404);
    close_site();
    return 0;
}

TASK_TEST(files_that_may_not_be_read)
{
    make_site();
    CHECK_INT(chmod(path_of("site/data.bin").text, 0), ==, 0);
    if (access(path_of("site/data.bin").text, R_OK) == 0) {
        test_skip("root may read anything");
    }
    open_site(NULL);
    check_path("/data.bin", 403);
    close_site();
    return 0;
}

TASK_TEST(files_folders)
{
    make_site();
    open_site(NULL);
    get("/");
    CHECK_BODY("home");
    CHECK_LINE("Content-Type: text/html; charset=utf-8");
    get("/sub/");
    CHECK_BODY("sub");
    check_path("/bare/", 404);
    check_path("/bare", 301);
    /* From the last part on: "//sub" is no host (RFC 3986, section 4.2). */
    check_path("/sub", 301);
    CHECK_LINE("Location: ./sub/");
    check_path("//sub", 301);
    CHECK_LINE("Location: ./sub/");
    check_path("/%73ub?a=b&c", 301);
    CHECK_LINE("Location: ./%73ub/?a=b&c");
    close_site();
    return 0;
}

TASK_TEST(files_index_of_another_name)
{
    make_site();
    open_site(&(struct coil_http_files_options){.index = "data.bin"});
    get("/");
    CHECK_BODY("data");
    check_path("/sub/", 404);
    close_site();
    open_site(&(struct coil_http_files_options){.index = ""});
    check_path("/", 404);
    close_site();
    /* A folder of that name is none. */
    open_site(&(struct coil_http_files_options){.index = "sub"});
    check_path("/", 404);
    close_site();
    return 0;
}

TASK_TEST(files_hidden_on_request)
{
    make_site();
    open_site(&(struct coil_http_files_options){.shows_hidden = true});
    get("/.secret");
    CHECK_BODY("secret");
    close_site();
    return 0;
}

TASK_TEST(files_cache_control)
{
    make_site();
    open_site(&(struct coil_http_files_options){.max_age_s = 3600});
    get("/data.bin");
    CHECK_LINE("Cache-Control: max-age=3600");
    close_site();
    open_site(&(struct coil_http_files_options){.max_age_s = -1});
    get("/data.bin");
    CHECK_LINE("Cache-Control: no-cache");
    close_site();
    return 0;
}

/* --- compressed beside it --- */

TASK_TEST(files_compressed_beside_them)
{
    static const struct {
        const char *accepted;
        const char *text;
    } choices[] = {
        {"", "plain"},
        {"Accept-Encoding: gzip\r\n", "gz"},
        {"Accept-Encoding: gzip, deflate, br, zstd\r\n", "br"},
        {"Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n", "br"},
        {"Accept-Encoding: gzip, br;q=0.5\r\n", "gz"},
        {"Accept-Encoding: zstd, gzip;q=0.1\r\n", "gz"}, /* there is no .zst */
        {"Accept-Encoding: zstd\r\n", "plain"},
        {"Accept-Encoding: *\r\n", "br"},
        {"Accept-Encoding: br;q=0\r\n", "plain"},
        {"Accept-Encoding: identity, gzip;q=0\r\n", "plain"},
        {"Accept-Encoding: nonsense\r\n", "plain"},
        {"Accept-Encoding: identity;q=0\r\n", "plain"},
    };

    put_folder("site");
    put_text("site/a.js", "plain");
    put_text("site/a.js.gz", "gz");
    put_text("site/a.js.br", "br");
    put_text("site/a.bin", "plain");
    put_text("site/a.bin.gz", "gz");
    open_site(NULL);
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        ask("GET", "/a.js", choices[i].accepted);
        CHECK_STATUS(200);
        CHECK_LINE("Content-Type: text/javascript; charset=utf-8");
        CHECK_LINE("Vary: Accept-Encoding");
        CHECK_MSG(strcmp(answered_body(), choices[i].text) == 0, "%s is %s", choices[i].accepted,
                  answered_body());
        CHECK(has_field("Content-Encoding") == (strcmp(choices[i].text, "plain") != 0));
    }
    ask("GET", "/a.js", "Accept-Encoding: gzip\r\n");
    CHECK_LINE("Content-Encoding: gzip");
    /* What is not made of text is not looked for. */
    ask("GET", "/a.bin", "Accept-Encoding: gzip\r\n");
    CHECK_BODY("plain");
    CHECK(!has_field("Vary"));
    close_site();
    open_site(&(struct coil_http_files_options){.ignores_compressed = true});
    ask("GET", "/a.js", "Accept-Encoding: gzip\r\n");
    CHECK_BODY("plain");
    CHECK(!has_field("Vary"));
    close_site();
    return 0;
}

/* Each has a tag of its own (RFC 9110, section 8.8.3.3); one that is older is of another file. */
TASK_TEST(files_compressed_are_others)
{
    struct path plain, gz;

    put_folder("site");
    put_text("site/a.js", "plain");
    put_text("site/a.js.gz", "gz");
    put_folder("site/a.js.br");
    open_site(NULL);
    get("/a.js");
    plain = answered_tag();
    ask("GET", "/a.js", "Accept-Encoding: br, gzip\r\n");
    CHECK_BODY("gz");
    gz = answered_tag();
    CHECK(strcmp(plain.text, gz.text) != 0);
    change_time(path_of("site/a.js"), CHANGED + 1);
    ask("GET", "/a.js", "Accept-Encoding: gzip\r\n");
    CHECK_BODY("plain");
    close_site();
    return 0;
}

/* --- below a prefix, and in another handler --- */

static int serve_below(struct coil_http_exchange *exchange, void *user)
{
    const char *path = coil_http_path(exchange);

    if (strncmp(path, "/static", 7) != 0) {
        return coil_http_reply(exchange, 404, NULL, NULL, 0);
    }
    return coil_http_files_serve(user, exchange, path + 7);
}

TASK_TEST(files_below_a_prefix)
{
    make_site();
    open_site(NULL);
    ask_with(serve_below, "GET", "/static/data.bin", "");
    CHECK_BODY("data");
    ask_with(serve_below, "GET", "/static/", "");
    CHECK_BODY("home");
    ask_with(serve_below, "GET", "/static", "");
    CHECK_STATUS(301);
    CHECK_LINE("Location: ./static/");
    ask_with(serve_below, "GET", "/static/sub", "");
    CHECK_LINE("Location: ./sub/");
    ask_with(serve_below, "GET", "/staticdata.bin", "");
    CHECK_STATUS(400); /* no path */
    close_site();
    return 0;
}

TASK_TEST(files_misuse)
{
    struct coil_http_files *files = NULL;
    struct coil_http_files_options options = {.index = "a/b"};
    static char long_name[300];

    put_folder("site");
    CHECK_ERR(coil_http_files_open(NULL, NULL, &files), -EINVAL);
    CHECK_ERR(coil_http_files_open("/", NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_files_open("/", &options, &files), -EINVAL);
    memset(long_name, 'x', sizeof long_name - 1);
    options = (struct coil_http_files_options){.index = long_name};
    CHECK_ERR(coil_http_files_open("/", &options, &files), -EINVAL);
    options = (struct coil_http_files_options){.max_age_s = -2};
    CHECK_ERR(coil_http_files_open("/", &options, &files), -EINVAL);
    CHECK_ERR(coil_http_files_open("/nowhere/at/all", NULL, &files), -ENOENT);
    CHECK_ERR(coil_http_files_open("/etc/passwd", NULL, &files), -ENOTDIR);
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_http_files_open("/", NULL, &files), -ECANCELED);
    CHECK_INT(coil_uncancel(coil_current_task()), ==, 0);
    CHECK(files == NULL);
    coil_http_files_close(NULL);
    CHECK_ERR(coil_http_files_serve(NULL, NULL, "/"), -EINVAL);
    CHECK_ERR(coil_http_files_handle(NULL, NULL), -EINVAL);
    return 0;
}

/* It stays the folder that was opened. */
TASK_TEST(files_of_a_folder_that_is_renamed)
{
    make_site();
    open_site(NULL);
    CHECK_INT(rename(path_of("site").text, path_of("moved").text), ==, 0);
    get("/data.bin");
    CHECK_BODY("data");
    close_site();
    return 0;
}
