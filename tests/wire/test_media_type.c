/* test_media_type.c - Content-Type and Content-Disposition, and the types of files. */
#include "wire/media_type.h"

#include "harness.h"

#include <errno.h>
#include <stdio.h>

/* "value;name=value..." or "bad". */
static const char *parts_of(const char *field)
{
    static char buf[256];
    struct coil__valued type;
    struct coil__parameter parameter;
    size_t length;
    int rc = coil__media_type_parse(coil__slice_of(field), &type);

    if (rc < 0) {
        CHECK_INT(rc, ==, -EBADMSG);
        return "bad";
    }
    length = (size_t)snprintf(buf, sizeof buf, "%.*s", (int)type.value.size, type.value.start);
    while ((rc = coil__parameter_next(&type.parameters, &parameter)) > 0) {
        length += (size_t)snprintf(buf + length, sizeof buf - length, ";%.*s=%.*s",
                                   (int)parameter.name.size, parameter.name.start,
                                   (int)parameter.value.size, parameter.value.start);
    }
    CHECK(!type.parameters.start);
    CHECK_INT(coil__parameter_next(&type.parameters, &parameter), ==, 0);
    return rc < 0 ? "bad parameter" : buf;
}

/* RFC 9110, sections 5.6.6 and 8.3.1. */
COIL_TEST(media_type_parsed)
{
    static const struct {
        const char *field;
        const char *parts;
    } cases[] = {
        {"text/html", "text/html"},
        {" text/html ;charset=utf-8 ", "text/html;charset=utf-8"},
        {"Text/HTML;Charset=\"utf-8\"", "Text/HTML;Charset=\"utf-8\""},
        {"a/b+c;x=1;y=\"a;b\\\"c\"; z=3", "a/b+c;x=1;y=\"a;b\\\"c\";z=3"},
        {"a/b;", "a/b"},
        {"a/b; ;;x=1;", "a/b;x=1"},
        {"a/b;x=\"\"", "a/b;x=\"\""},
        {"", "bad"},
        {NULL, "bad"},
        {"text", "bad"},
        {"text/", "bad"},
        {"/html", "bad"},
        {"a/b/c", "bad"},
        {"a b/c", "bad"},
        {"a/b c", "bad"},
        {"a/b, c/d", "bad"},
        {";a/b", "bad"},
        {"a/b;x", "bad parameter"},
        {"a/b;x=", "bad parameter"},
        {"a/b;=1", "bad parameter"},
        {"a/b;x =1", "bad parameter"},
        {"a/b;x= 1", "bad parameter"},
        {"a/b;x=\"1", "bad parameter"},
        {"a/b;x=\"1\\\"", "bad parameter"},
        {"a/b;x=\"1\"2", "bad parameter"},
        {"a/b;x=\"\n\"", "bad parameter"},
        {"a/b;x=1 2", "bad parameter"},
        {"a/b;x=1,y=2", "bad parameter"},
        {"a/b;x=\xc3\xa4", "bad parameter"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_STR(parts_of(cases[i].field), cases[i].parts);
    }
}

COIL_TEST(parameter_found)
{
    struct coil__slice value = coil__slice_of("none");
    char buf[16] = "\"a\\\"b\\\\\"";

    CHECK_INT(coil__parameter_find(coil__slice_of("a=1;B=2"), "b", &value), ==, 1);
    CHECK(coil__slice_is(value, "2"));
    CHECK_INT(coil__parameter_find(coil__slice_of("a=1"), "b", &value), ==, 0);
    CHECK_INT(coil__parameter_find(coil__slice_of(NULL), "b", &value), ==, 0);
    CHECK_INT(coil__parameter_find(coil__slice_of("b=1;b=1"), "b", &value), ==, -EBADMSG);
    CHECK_INT(coil__parameter_find(coil__slice_of("b=1;c"), "b", &value), ==, -EBADMSG);
    CHECK(coil__slice_is(value, "2"));
    CHECK_INT(coil__parameter_unquote(coil__slice_of(buf), buf, sizeof buf), ==, 4);
    CHECK_STR(buf, "a\"b\\");
    CHECK_INT(coil__parameter_unquote(coil__slice_of("ab"), buf, sizeof buf), ==, 2);
    CHECK_STR(buf, "ab");
    CHECK_INT(coil__parameter_unquote(coil__slice_of("\"\""), buf, 1), ==, 0);
    CHECK_INT(coil__parameter_unquote(coil__slice_of("\"ab\""), buf, 2), ==, -ENOSPC);
}

/* RFC 8187, section 3.2. */
COIL_TEST(parameter_extended)
{
    static const struct {
        const char *value;
        const char *text; /* NULL: refused */
    } cases[] = {
        {"UTF-8''%c2%a3%20and%20%e2%82%ac%20rates", "\xc2\xa3 and \xe2\x82\xac rates"},
        {"iso-8859-1'en'%A3%20rates", "\xc2\xa3 rates"},
        {"utf-8'de'a!#$&+-.^_`|~", "a!#$&+-.^_`|~"},
        {"UTF-8''", ""},
        {"UTF-8'x", NULL},
        {"abc", NULL},
        {"''abc", NULL},
        {"koi8-r''abc", NULL},
        {"UTF-8''a b", NULL},
        {"UTF-8''a'b", NULL},
        {"UTF-8''\xc3\xa4", NULL},
        {"UTF-8''%", NULL},
        {"UTF-8''%4", NULL},
        {"UTF-8''%00", NULL},
        {"UTF-8''%c0%ae", NULL},
        {"UTF-8''%ff", NULL},
        {"iso-8859-1''%00", NULL},
    };
    char buf[64];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ssize_t rc = coil__parameter_decode(coil__slice_of(cases[i].value), buf, sizeof buf);

        CHECK_MSG((rc >= 0) == (cases[i].text != NULL), "%s: %zd", cases[i].value, rc);
        if (cases[i].text) {
            CHECK_STR(buf, cases[i].text);
            CHECK_INT(coil__parameter_decode(coil__slice_of(cases[i].value), buf, (size_t)rc), ==,
                      -ENOSPC);
        } else {
            CHECK_INT(rc, ==, -EBADMSG);
        }
    }
    CHECK_OK(coil__parameter_encode(coil__slice_of("\xe2\x82\xac 1'2"), buf, sizeof buf));
    CHECK_STR(buf, "UTF-8''%E2%82%AC%201%272");
    CHECK_INT(coil__parameter_encode(coil__slice_of("a"), buf, 8), ==, -ENOSPC);
}

/* RFC 6266, section 4.3. */
COIL_TEST(disposition_filename)
{
    static const struct {
        const char *field;
        const char *name; /* NULL: none, "!": refused */
    } cases[] = {
        {"attachment", NULL},
        {"Attachment; filename=example.html", "example.html"},
        {"INLINE; FILENAME= \"an example.html\"", "!"}, /* a blank behind the '=' */
        {"inline; filename=\"an example.html\"", "an example.html"},
        {"attachment; filename*=UTF-8''%e2%82%ac%20rates", "\xe2\x82\xac rates"},
        {"attachment; filename=\"EURO rates\"; filename*=utf-8''%e2%82%ac", "\xe2\x82\xac"},
        {"attachment; filename*=koi8-r''x; filename=y", "y"},
        {"attachment; filename=\"/etc/passwd\"", "passwd"},
        {"attachment; filename=\"..\\\\..\\\\a.exe\"", "a.exe"},
        {"attachment; filename*=UTF-8''..%2F..%2Fa", "a"},
        {"attachment; filename=\"..\"", "!"},
        {"attachment; filename=.", "!"},
        {"attachment; filename=\"\"", "!"},
        {"attachment; filename=\"a/\"", "!"},
        {"attachment; filename*=UTF-8''a%0Ab", "!"},
        {"attachment; filename=a; filename=b", "!"},
        {"attachment; filename", "!"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__valued disposition;
        char buf[64] = "";
        ssize_t rc;

        CHECK_INT(coil__disposition_parse(coil__slice_of(cases[i].field), &disposition), ==, 0);
        rc = coil__disposition_filename(&disposition, buf, sizeof buf);
        if (!cases[i].name) {
            CHECK_INT(rc, ==, 0);
        } else if (cases[i].name[0] == '!') {
            CHECK_MSG(rc == -EBADMSG, "%s: %zd", cases[i].field, rc);
        } else {
            CHECK_INT(rc, ==, strlen(cases[i].name));
            CHECK_STR(buf, cases[i].name);
        }
    }
    CHECK_INT(coil__disposition_parse(coil__slice_of("a b"), &(struct coil__valued){{0}, {0}}), ==,
              -EBADMSG);
    CHECK_INT(coil__disposition_parse(coil__slice_of(""), &(struct coil__valued){{0}, {0}}), ==,
              -EBADMSG);
    CHECK(!coil__filename_base(coil__slice_of("a\tb")).start);
    CHECK(coil__slice_is(coil__filename_base(coil__slice_of("C:\\x\\y.z")), "y.z"));
}

COIL_TEST(disposition_written)
{
    char buf[128];

    CHECK_OK(coil__disposition_format("inline", coil__slice_of(NULL), buf, sizeof buf));
    CHECK_STR(buf, "inline");
    CHECK_OK(
        coil__disposition_format("attachment", coil__slice_of("a \"b\\.txt"), buf, sizeof buf));
    CHECK_STR(buf, "attachment; filename=\"a \\\"b\\\\.txt\"");
    CHECK_OK(coil__disposition_format("attachment", coil__slice_of("\xe2\x82\xac.txt"), buf,
                                      sizeof buf));
    CHECK_STR(buf, "attachment; filename=\"___.txt\"; filename*=UTF-8''%E2%82%AC.txt");
    CHECK_OK(coil__disposition_format("attachment", coil__slice_of("a%41"), buf, sizeof buf));
    CHECK_STR(buf, "attachment; filename=\"a%41\"; filename*=UTF-8''a%2541");
    CHECK_INT(coil__disposition_format("attachment", coil__slice_of("a\r\nb"), buf, sizeof buf), ==,
              -EINVAL);
    CHECK_INT(coil__disposition_format("a b", coil__slice_of("a"), buf, sizeof buf), ==, -EINVAL);
    CHECK_INT(coil__disposition_format("inline", coil__slice_of("a"), buf, 20), ==, -ENOSPC);
}

COIL_TEST(media_type_by_extension)
{
    static const char *const cases[][2] = {
        {"index.html", "text/html; charset=utf-8"},
        {"/a.b/INDEX.HTML", "text/html; charset=utf-8"},
        {"a.7z", "application/x-7z-compressed"},
        {"a.zst", "application/zstd"},
        {"a.woff", "font/woff"},
        {"a.woff2", "font/woff2"},
        {"a.tar.gz", "application/gzip"},
        {"a.js", "text/javascript; charset=utf-8"},
        {"a.webmanifest", "application/manifest+json"},
        {".html", "text/html; charset=utf-8"},
        {"", "application/octet-stream"},
        {"html", "application/octet-stream"},
        {"a.", "application/octet-stream"},
        {"a.html/b", "application/octet-stream"},
        {"a.htmlx", "application/octet-stream"},
        {"a.webmanifestx", "application/octet-stream"},
        {"a.what", "application/octet-stream"},
        {"a.ht ml", "application/octet-stream"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_STR(coil__media_type_of(coil__slice_of(cases[i][0])), cases[i][1]);
    }
    CHECK_STR(coil__media_type_of((struct coil__slice){"a.js\0", 5}), "application/octet-stream");
}

COIL_TEST(media_type_that_is_text)
{
    static const char *const yes[] = {
        "text/html",     "Text/Plain; charset=x",         "application/json",
        "image/svg+xml", "application/problem+json; a=b", "application/wasm"};
    static const char *const no[] = {
        "",         "text/", "image/png", "application/zip", "video/mp4", "application/epub+zip",
        "textile/x"};

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        CHECK_MSG(coil__media_type_is_text(coil__slice_of(yes[i])), "%s", yes[i]);
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        CHECK_MSG(!coil__media_type_is_text(coil__slice_of(no[i])), "%s", no[i]);
    }
    CHECK(!coil__media_type_is_text(coil__slice_of(NULL)));
}
