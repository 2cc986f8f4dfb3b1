/* options.c - the command line, and the list of URLs. All of this happens before the loop runs, so
 * it may simply read files. */
#include "fetch.h"

#include <coil.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEFAULT_LIMIT = 64, MAX_LIMIT = 10000, DEFAULT_TIMEOUT = 30, MAX_TIMEOUT = 86400 };

static const char usage[] =
    "usage: fetch [OPTION]... URL...\n"
    "Fetches web pages over HTTP/1.1, many at once. \"-\" stands for a list on standard input.\n"
    "\n"
    "  -f FILE      also fetch the URLs in FILE, one a line ('#' begins a comment)\n"
    "  -j N         at most N at once (64)\n"
    "  -1           one by one\n"
    "  -t SECONDS   give up on a page after that time (30)\n"
    "  -q           print the totals only\n"
    "  --progress   show a progress line (by itself only on a terminal)\n"
    "  --help       print this\n"
    "\n"
    "Exit status: 0 if all pages came, 1 if not, 2 if this was not understood.\n";

static int add_url(struct options *options, const char *url)
{
    size_t count = options->page_count;
    struct page *pages = options->pages;

    if ((count & (count - 1)) == 0) { /* full at each power of two */
        pages = realloc(pages, (count > 0 ? 2 * count : 1) * sizeof *pages);
        if (!pages) {
            return -ENOMEM;
        }
        options->pages = pages;
    }
    pages[count] = (struct page){.url = strdup(url), .options = options};
    if (!pages[count].url) {
        return -ENOMEM;
    }
    options->page_count++;
    return 0;
}

static int add_list(struct options *options, FILE *file)
{
    char *line = NULL;
    size_t size = 0;
    int rc = 0;

    while (rc == 0 && getline(&line, &size, file) >= 0) {
        char *url = line + strspn(line, " \t");

        url[strcspn(url, " \t\r\n")] = '\0';
        if (url[0] != '\0' && url[0] != '#') {
            rc = add_url(options, url);
        }
    }
    if (rc == 0 && ferror(file)) {
        rc = -EIO;
    }
    free(line);
    return rc;
}

static int add_file(struct options *options, const char *path)
{
    FILE *file = fopen(path, "re");
    int rc;

    if (!file) {
        return -errno;
    }
    rc = add_list(options, file);
    fclose(file);
    return rc;
}

/* Says what is wrong with an argument. */
static int complain(const char *argument, const char *problem)
{
    fprintf(stderr, "fetch: %s: %s\n", argument, problem);
    return -1;
}

static int read_limit(struct options *options, const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < 1 || value > MAX_LIMIT) {
        return complain(text, "not a number from 1 to 10000");
    }
    options->limit = (size_t)value;
    return 0;
}

static int read_timeout(struct options *options, const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value > 0 && value <= MAX_TIMEOUT)) {
        return complain(text, "not a number of seconds");
    }
    options->timeout_ns = (int64_t)(value * COIL_SEC);
    return 0;
}

static int read_option(struct options *options, int letter)
{
    int rc;

    switch (letter) {
    case 'f':
        rc = add_file(options, optarg);
        return rc < 0 ? complain(optarg, coil_strerror(rc)) : 0;
    case 'j':
        return read_limit(options, optarg);
    case '1':
        options->limit = 1;
        return 0;
    case 't':
        return read_timeout(options, optarg);
    case 'q':
        options->is_quiet = true;
        return 0;
    case 'p':
        options->has_progress = true;
        return 0;
    case 'h':
        printf("%s", usage);
        return 1;
    default:
        fprintf(stderr, "Try fetch --help.\n");
        return -1;
    }
}

int options_read(struct options *options, int argc, char **argv)
{
    static const struct option long_options[] = {
        {"progress", no_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int letter;
    int rc = 0;

    *options = (struct options){.limit = DEFAULT_LIMIT,
                                .timeout_ns = DEFAULT_TIMEOUT * COIL_SEC,
                                .has_progress = isatty(STDERR_FILENO)};
    while (rc == 0 && (letter = getopt_long(argc, argv, "f:j:1t:q", long_options, NULL)) >= 0) {
        rc = read_option(options, letter);
    }
    for (int i = optind; rc == 0 && i < argc; i++) {
        rc = strcmp(argv[i], "-") == 0 ? add_list(options, stdin) : add_url(options, argv[i]);
        if (rc < 0) {
            complain(argv[i], coil_strerror(rc));
        }
    }
    if (rc == 0 && options->page_count == 0) {
        rc = complain("no URL is given", "try fetch --help");
    }
    if (rc != 0) {
        options_free(options);
    }
    return rc;
}

void options_free(struct options *options)
{
    for (size_t i = 0; i < options->page_count; i++) {
        free(options->pages[i].url);
    }
    free(options->pages);
    options->pages = NULL;
    options->page_count = 0;
}
