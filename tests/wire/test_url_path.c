/* test_url_path.c - paths of requests as paths of files: nothing gets out of the folder. */
#include "wire/url.h"

#include "harness.h"

#include <errno.h>
#include <stdio.h>

static char buf[256];

COIL_TEST(file_path_accepted)
{
    static const struct {
        const char *path;
        const char *file;
    } cases[] = {
        {"/", ""},
        {"//", ""},
        {"/.", ""},
        {"/./", ""},
        {"/a", "a"},
        {"/a/", "a/"},
        {"/a/b.html", "a/b.html"},
        {"//etc/passwd", "etc/passwd"}, /* never absolute */
        {"/a//b///", "a/b/"},
        {"/%2Fetc/passwd", "etc/passwd"},
        {"/a%2fb", "a/b"},
        {"/a/./b/.", "a/b/"},
        {"/a/..", ""},
        {"/a/../b", "b"},
        {"/a/b/..", "a/"},
        {"/a/b/../", "a/"},
        {"/a/b/%2e%2E/c", "a/c"},
        {"/a/%2e/b", "a/b"},
        {"/a%2f..%2fb", "b"},
        {"/...", "..."},
        {"/..a/b..", "..a/b.."},
        {"/%252e%252e/x", "%2e%2e/x"}, /* decoded once */
        {"/a%20b+c", "a b+c"},
        {"/%e2%82%ac/\xc3\xa4", "\xe2\x82\xac/\xc3\xa4"},
        {"/%F0%9F%8D%B2", "\xf0\x9f\x8d\xb2"},
        {"/a\\b%5c..", "a\\b\\.."},
        {"/.git/x", ".git/x"},
        {"/a;b=c", "a;b=c"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__slice path = coil__slice_of(cases[i].path);
        ssize_t length = coil__url_file_path(path, 0, buf, path.size);

        CHECK_MSG(length >= 0, "%s: %zd", cases[i].path, length);
        CHECK_STR(buf, cases[i].file);
        CHECK_INT(length, ==, strlen(cases[i].file));
    }
}

COIL_TEST(file_path_refused)
{
    static const struct {
        const char *path;
        int error;
    } cases[] = {
        {"", COIL__EURL_PATH},
        {"a", COIL__EURL_PATH},
        {"*", COIL__EURL_PATH},
        {"/..", COIL__EURL_OUTSIDE},
        {"/../", COIL__EURL_OUTSIDE},
        {"/../a", COIL__EURL_OUTSIDE},
        {"/a/../..", COIL__EURL_OUTSIDE},
        {"/a/../../a", COIL__EURL_OUTSIDE},
        {"/./../a", COIL__EURL_OUTSIDE},
        {"//../a", COIL__EURL_OUTSIDE},
        {"/a//../../b", COIL__EURL_OUTSIDE},
        {"/%2e%2e/a", COIL__EURL_OUTSIDE},
        {"/.%2E/a", COIL__EURL_OUTSIDE},
        {"/..%2fa", COIL__EURL_OUTSIDE},
        {"/%2f..%2f..%2fetc", COIL__EURL_OUTSIDE},
        {"/a%00.html", COIL__EURL_NUL},
        {"/%00", COIL__EURL_NUL},
        {"/%", COIL__EURL_PERCENT},
        {"/%2", COIL__EURL_PERCENT},
        {"/%c0%ae%c0%ae/", COIL__EURL_UTF8}, /* overlong ".." */
        {"/%c0%af", COIL__EURL_UTF8},        /* overlong '/' */
        {"/%e0%80%af", COIL__EURL_UTF8},
        {"/%f0%80%80%af", COIL__EURL_UTF8},
        {"/%c0%80", COIL__EURL_UTF8},    /* overlong NUL */
        {"/%ed%a0%80", COIL__EURL_UTF8}, /* a surrogate */
        {"/%f4%90%80%80", COIL__EURL_UTF8},
        {"/%80", COIL__EURL_UTF8},
        {"/a%e2%82", COIL__EURL_UTF8},
        {"/%e2%82/%ac", COIL__EURL_UTF8},
        {"/\xff", COIL__EURL_UTF8},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ssize_t rc = coil__url_file_path(coil__slice_of(cases[i].path), 0, buf, sizeof buf);

        CHECK_MSG(rc == -cases[i].error, "%s: %zd", cases[i].path, rc);
    }
    CHECK_INT(coil__url_file_path((struct coil__slice){"/a\0b", 4}, 0, buf, sizeof buf), ==,
              -COIL__EURL_NUL);
}

COIL_TEST(file_path_refused_where_asked)
{
    static const struct {
        const char *path;
        unsigned flags;
        int rc;
    } cases[] = {
        {"/a%2Fb", COIL__FILE_PATH_NO_SLASH, -COIL__EURL_SLASH},
        {"/a%2fb", COIL__FILE_PATH_NO_SLASH, -COIL__EURL_SLASH},
        {"/a/b", COIL__FILE_PATH_NO_SLASH, 3},
        {"/a%5Cb", COIL__FILE_PATH_NO_BACKSLASH, -COIL__EURL_BACKSLASH},
        {"/a\\b", COIL__FILE_PATH_NO_BACKSLASH, -COIL__EURL_BACKSLASH},
        {"/..%5c..", COIL__FILE_PATH_NO_BACKSLASH, -COIL__EURL_BACKSLASH},
        {"/.git/config", COIL__FILE_PATH_NO_HIDDEN, -COIL__EURL_HIDDEN},
        {"/a/%2ehtpasswd", COIL__FILE_PATH_NO_HIDDEN, -COIL__EURL_HIDDEN},
        {"/a/...", COIL__FILE_PATH_NO_HIDDEN, -COIL__EURL_HIDDEN},
        {"/a/./b/../c.d", COIL__FILE_PATH_NO_HIDDEN, 5},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ssize_t rc =
            coil__url_file_path(coil__slice_of(cases[i].path), cases[i].flags, buf, sizeof buf);

        CHECK_MSG(rc == cases[i].rc, "%s: %zd", cases[i].path, rc);
    }
}

/* A part that does not fit is not taken for the dots that are left of it. */
COIL_TEST(file_path_without_room)
{
    static const char *const cases[] = {"/abc/d", "/...x", "/a/...", "/%e2%82%ac"};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct coil__slice path = coil__slice_of(cases[i]);
        ssize_t length = coil__url_file_path(path, 0, buf, sizeof buf);

        for (ssize_t size = 0; size <= length; size++) {
            CHECK_INT(coil__url_file_path(path, 0, buf, (size_t)size), ==, -ENOSPC);
        }
        CHECK_INT(coil__url_file_path(path, 0, buf, (size_t)length + 1), ==, length);
    }
}
