/* test_crawl_parts.c - what the crawler (examples/crawl) makes of robots.txt and of HTML. */
#include "../../examples/crawl/links.h"
#include "../../examples/crawl/robots.h"

#include "harness.h"

#include <coil.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- robots.txt (RFC 9309) --- */

static bool allows(const char *text, const char *target)
{
    struct robots robots = {0};
    bool is_allowed;

    CHECK_ERR(robots_parse(&robots, text, strlen(text), "coil-crawl"), 0);
    is_allowed = robots_allow(&robots, target);
    robots_deinit(&robots);
    return is_allowed;
}

COIL_TEST(robots_groups)
{
    static const struct {
        const char *text;
        const char *target;
        bool is_allowed;
    } cases[] = {
        {"", "/a", true},
        {"User-agent: *\nDisallow: /a\n", "/a", false},
        {"User-agent: *\nDisallow: /a\n", "/b", true},
        {"User-agent: *\nDisallow: /\n", "/robots.txt", true}, /* section 2.2.2 */
        {"User-agent: *\nDisallow:\n", "/a", true},
        {"User-agent: *\nDisallow", "/a", true},
        {"user-AGENT:*\rDISallow :/a\r\r", "/a", false}, /* section 2.2: cases, line ends */
        {"\xef\xbb\xbfUser-agent: *\r\nDisallow: /a # not here\r\n", "/a", false},
        /* Section 2.2.1: the own group counts, and that of all others does not. */
        {"User-agent: *\nDisallow: /\nUser-agent: coil-crawl\nDisallow: /a\n", "/b", true},
        {"User-agent: *\nDisallow: /\nUser-agent: Coil-CRAWL/1.0 x\nDisallow: /a\n", "/a", false},
        {"User-agent: coil-crawler\nDisallow: /\n", "/a", true},
        {"User-agent: coil\nDisallow: /\n", "/a", true},
        {"User-agent: x\nUser-agent: coil-crawl\nDisallow: /a\n", "/a", false},
        {"User-agent: coil-crawl\nUser-agent: x\nDisallow: /a\n", "/a", false},
        {"User-agent: coil-crawl\nDisallow: /a\nUser-agent: x\nDisallow: /b\n", "/b", true},
        /* Those of the same crawler are one. */
        {"User-agent: coil-crawl\nDisallow: /a\nUser-agent: x\nDisallow: /c\n\n"
         "User-agent: coil-crawl\nDisallow: /b\n",
         "/b", false},
        {"User-agent: coil-crawl\nDisallow: /a\nUser-agent: x\nDisallow: /c\n\n"
         "User-agent: coil-crawl\nDisallow: /b\n",
         "/a", false},
        {"User-agent: coil-crawl\nAllow: /a\nUser-agent: *\nDisallow: /\n", "/b", true},
        /* Section 2.2.4: other lines end nothing. */
        {"User-agent: *\nSitemap: http://a/s\nFoo: bar\nnonsense\n\nDisallow: /a\n", "/a", false},
        {"Disallow: /a\n", "/a", true}, /* of no group */
        {"User-agent: *\nDisallow: a\n", "/a", true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_MSG(allows(cases[i].text, cases[i].target) == cases[i].is_allowed, "case %zu", i);
    }
}

/* Section 2.2.2 and 2.2.3. */
COIL_TEST(robots_patterns)
{
    static const struct {
        const char *rules; /* '+' allow and '-' disallow, separated by blanks */
        const char *target;
        bool is_allowed;
    } cases[] = {
        {"-/a +/a/b", "/a/b/c", true},
        {"+/a/b -/a", "/a/b/c", true},
        {"+/a/b -/a", "/a/c", false},
        {"-/a +/a", "/a", true}, /* as long: allow */
        {"+/a -/a", "/a", true},
        {"-/a +/a -/a", "/a", true},
        {"-/A", "/a", true},
        {"-/*.gif", "/x/y.gif?z", false},
        {"-/*.gif$", "/x/y.gif?z", true},
        {"-/*.gif$", "/x/y.gif.gif", false},
        {"-*.gif$", "/a.gif", false},
        {"-/a*b*c", "/a1b2c3", false},
        {"-/a*b*c", "/a1c2b3", true},
        {"-/$", "/", false},
        {"-/$", "/a", true},
        {"-/a$b", "/a$b", false}, /* not at the end: itself */
        {"-/*/x", "//x", false},
        {"-/a%2A", "/a*", false},
        {"-/a%2a", "/a%2A", false},
        {"-/a%24", "/a$", false},
        {"-/a%24", "/a", true},
        {"-/%61", "/a", false},
        {"-/a%2fb", "/a/b", true},
        {"-/\xe3\x83\x84", "/%E3%83%84", false},
        {"-/%e3%83%84", "/%E3%83%84/x", false},
        {"-/*", "/", false},
        {"-/?q", "/?q=1", false},
        {"-/%", "/%25", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256] = "User-agent: *\n";
        const char *rest = cases[i].rules;

        while (*rest != '\0') {
            size_t size = strcspn(rest, " ");

            strcat(text, *rest == '+' ? "Allow: " : "Disallow: ");
            strncat(text, rest + 1, size - 1);
            strcat(text, "\n");
            rest += size + strspn(rest + size, " ");
        }
        CHECK_MSG(allows(text, cases[i].target) == cases[i].is_allowed, "case %zu", i);
    }
}

COIL_TEST(robots_delay)
{
    static const struct {
        const char *text;
        int64_t delay_ns;
    } cases[] = {
        {"User-agent: *\nCrawl-delay: 2\n", 2 * COIL_SEC},
        {"User-agent: *\nCrawl-delay: 0.5\nDisallow: /a", COIL_SEC / 2},
        {"User-agent: *\nCrawl-delay: -1\n", 0},
        {"User-agent: *\nCrawl-delay: nan\n", 0},
        {"User-agent: *\nCrawl-delay: inf\n", 3600 * COIL_SEC},
        {"User-agent: *\nCrawl-delay: 9\nUser-agent: coil-crawl\nCrawl-delay: 1\n", COIL_SEC},
        {"User-agent: x\nCrawl-delay: 2\n", 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct robots robots = {0};

        CHECK_ERR(robots_parse(&robots, cases[i].text, strlen(cases[i].text), "coil-crawl"), 0);
        CHECK_INT(robots.delay_ns, ==, cases[i].delay_ns);
        robots_deinit(&robots);
    }
}

/* Files that are no robots.txt, and rules that are to take long. */
COIL_TEST(robots_hostile)
{
    enum { SIZE = 500 * 1024 };
    char *text = malloc(SIZE);
    struct robots robots = {0};
    char target[2048];

    for (size_t i = 0; i < SIZE; i++) {
        text[i] = (char)(i * 7919 >> 3);
    }
    CHECK_ERR(robots_parse(&robots, text, SIZE, "coil-crawl"), 0);
    robots_deinit(&robots);
    memset(text, '*', SIZE);
    memcpy(text, "User-agent:*\nAllow:/", 20);
    CHECK_ERR(robots_parse(&robots, text, SIZE, "coil-crawl"), 0);
    CHECK(robots_allow(&robots, "/a"));
    robots_deinit(&robots);
    strcpy(text, "User-agent: *\nDisallow: /");
    for (int i = 0; i < 500; i++) {
        strcat(text, "*a");
    }
    strcat(text, "b$\n");
    memset(target, 'a', sizeof target);
    target[0] = '/';
    target[sizeof target - 1] = '\0';
    CHECK(allows(text, target));
    free(text);
}

/* --- links --- */

/* Those of a page at http://h/d/p, one a line. */
static const char *links_of(const char *html)
{
    static char text[4096];
    struct coil_http_url *page;
    struct links links;

    text[0] = '\0';
    CHECK_ERR(coil_http_url_parse("http://h/d/p", &page), 0);
    CHECK_ERR(links_read(&links, page, html, strlen(html), "coil-crawl", 100), 0);
    for (size_t i = 0; i < links.count; i++) {
        strcat(text, links.urls[i]->text);
        strcat(text, "\n");
    }
    if (links.malformed > 0) {
        strcat(text, "malformed");
    }
    links_deinit(&links);
    links_deinit(&links);
    coil_http_url_free(page);
    return text;
}

COIL_TEST(links_of_pages)
{
    static const struct {
        const char *html;
        const char *links;
    } cases[] = {
        {"", ""},
        {"<a href=x>", "http://h/d/x\n"},
        {"<A HREF='/x y#z'>a</A>", "http://h/x%20y\n"},
        {"<a href='?a=1&amp;b=2'>", "http://h/d/p?a=1&b=2\n"},
        {"<a href=\" x\n\">", "http://h/d/x\n"},
        {"<a href=''>", "http://h/d/p\n"},
        {"<a name=x>", ""},
        {"<a href=mailto:a@b><a href='javascript:void(0)'><a href=tel:1>", ""},
        {"<a href=http://u@b/><a href=x>", "http://h/d/x\nmalformed"},
        {"<a href=x rel='noopener NoFollow'><a href=y rel=next>", "http://h/d/y\n"},
        {"<link rel=stylesheet href=s.css><link rel=preconnect href=//x>", "http://h/d/s.css\n"},
        {"<img src=i.png><script src=s.js></script><iframe src=f.html></iframe>",
         "http://h/d/i.png\nhttp://h/d/s.js\nhttp://h/d/f.html\n"},
        {"<map><area href=x></map>", "http://h/d/x\n"},
        {"<frameset><frame src=x></frameset>", "http://h/d/x\n"},
        {"<base href=/b/><base href=/c/><a href=x>", "http://h/b/x\n"},
        {"<a href=x><base href=//other/>", "http://other/x\n"},
        {"<base href=mailto:x><a href=x>", "http://h/d/x\n"},
        {"<meta name=robots content='noindex, nofollow'><a href=x>", ""},
        {"<meta name=ROBOTS content=None><a href=x>", ""},
        {"<meta name=coil-crawl content=nofollow><a href=x>", ""},
        {"<meta name=other content=nofollow><a href=x>", "http://h/d/x\n"},
        {"<meta name=robots content=noindex><a href=x>", "http://h/d/x\n"},
        {"<!-- <a href=x> --><script>'<a href=y>'</script>", ""},
        {"<table><a href=x><td></b></i><a href=y", "http://h/d/x\n"},
        {"<p><b><i><a href=1>x</i></b></a></p></div>z<td><p><a href=2 href=3", "http://h/d/1\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_STR(links_of(cases[i].html), cases[i].links);
    }
}

static char *repeated(const char *piece, size_t count)
{
    size_t size = strlen(piece);
    char *text = malloc(size * count + 1);

    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * size, piece, size);
    }
    text[size * count] = '\0';
    return text;
}

static int read_in_task(void *arg)
{
    struct links links;
    struct coil_http_url *page;
    const char *html = arg;
    int rc;

    CHECK_ERR(coil_http_url_parse("http://h/", &page), 0);
    rc = links_read(&links, page, html, strlen(html), "coil-crawl", 100);
    CHECK_ERR(rc, 0);
    CHECK(links.count <= 100);
    rc = links.is_too_large ? 2 : links.is_cut;
    links_deinit(&links);
    coil_http_url_free(page);
    return rc;
}

static int in_thread(void *arg)
{
    return coil_to_thread(read_in_task, arg);
}

/* Deep, and large: on the stack of a thread, and within bounds of memory and time. */
COIL_TEST(links_of_hostile_pages)
{
    char *html = repeated("<a href=x>", 1000);
    char *deep;

    CHECK_INT(coil_run(in_thread, html), ==, 1); /* cut */
    free(html);
    deep = repeated("<b><i><span>", 2500);
    CHECK_OK(coil_run(in_thread, deep));
    free(deep);
    html = repeated("<div>", 400 * 1024);
    CHECK_OK(coil_run(in_thread, html));
    free(html);
    html = malloc(2 * 1024 * 1024);
    html[0] = '\0';
    deep = html;
    for (int i = 0; i < 20000; i++) { /* each paragraph makes all of them anew */
        deep += snprintf(deep, 64, "<font size=%d><p>", i);
    }
    CHECK_INT(coil_run(in_thread, html), ==, 2);
    free(html);
}
