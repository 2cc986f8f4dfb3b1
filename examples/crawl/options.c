/* options.c - the command line. */
#include "crawl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: crawl [OPTION]... URL\n"
    "Visits the pages of a web site and reports broken links. Keeps to robots.txt, as "
    "\"" CRAWL_PRODUCT "\".\n"
    "\n"
    "  -d, --depth N         follow links up to N pages away from URL (5)\n"
    "  -n, --pages N         ask for N pages at most (1000)\n"
    "  -j, --jobs N          ask for N pages at once (16)\n"
    "      --per-host N      and for N of one host (4)\n"
    "      --delay SECONDS   at least that long between two requests to a host (0)\n"
    "      --max-wait SECONDS  the longest that a server may ask to wait (60)\n"
    "  -t, --timeout SECONDS give up on a page after that time (30)\n"
    "      --max-body BYTES  read no more of a page (2097152)\n"
    "      --span-hosts      follow links to other hosts too\n"
    "      --user-agent TEXT what to say who asks\n"
    "      --json FILE       write the report as JSON; \"-\" for standard output\n"
    "  -q, --quiet           print no table\n"
    "      --progress        show a progress line (by itself only on a terminal)\n"
    "      --help            print this\n"
    "\n"
    "Exit status: 0 if all is well, 1 if links are broken, 2 if something else went wrong.\n";

enum { MAX_DEPTH = 1000, MAX_PAGES = 1000000, MAX_JOBS = 1000, MAX_SECONDS = 86400 };
enum { MAX_BODY = 64 * 1024 * 1024 };
enum {
    OPTION_PER_HOST = 256,
    OPTION_DELAY,
    OPTION_MAX_WAIT,
    OPTION_MAX_BODY,
    OPTION_SPAN,
    OPTION_AGENT,
    OPTION_JSON,
    OPTION_PROGRESS,
    OPTION_HELP
};

/* Says what is wrong with an argument. */
static int complain(const char *argument, const char *problem)
{
    fprintf(stderr, "crawl: %s: %s\n", argument, problem);
    return -1;
}

static int read_number(const char *text, long min, long max, size_t *ret_number)
{
    char *end;
    long value = strtol(text, &end, 10);

    if (end == text || *end != '\0' || value < min || value > max) {
        fprintf(stderr, "crawl: %s: not a number from %ld to %ld\n", text, min, max);
        return -1;
    }
    *ret_number = (size_t)value;
    return 0;
}

static int read_seconds(const char *text, int64_t min_ns, int64_t *ret_ns)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= 0 && value <= MAX_SECONDS) ||
        value * COIL_SEC < (double)min_ns) {
        return complain(text, "not a number of seconds");
    }
    *ret_ns = (int64_t)(value * COIL_SEC);
    return 0;
}

static int read_option(struct options *options, int letter)
{
    switch (letter) {
    case 'd':
        return read_number(optarg, 0, MAX_DEPTH, &options->max_depth);
    case 'n':
        return read_number(optarg, 1, MAX_PAGES, &options->max_pages);
    case 'j':
        return read_number(optarg, 1, MAX_JOBS, &options->limit);
    case OPTION_PER_HOST:
        return read_number(optarg, 1, MAX_JOBS, &options->host_limit);
    case OPTION_MAX_BODY:
        return read_number(optarg, 1, MAX_BODY, &options->max_body);
    case OPTION_DELAY:
        return read_seconds(optarg, 0, &options->delay_ns);
    case OPTION_MAX_WAIT:
        return read_seconds(optarg, 0, &options->max_wait_ns);
    case 't':
        return read_seconds(optarg, COIL_MSEC, &options->timeout_ns);
    case OPTION_SPAN:
        options->spans_hosts = true;
        return 0;
    case OPTION_AGENT:
        options->user_agent = optarg;
        return 0;
    case OPTION_JSON:
        options->json_path = optarg;
        return 0;
    case 'q':
        options->is_quiet = true;
        return 0;
    case OPTION_PROGRESS:
        options->has_progress = true;
        return 0;
    case OPTION_HELP:
        printf("%s", usage);
        return 1;
    default:
        fprintf(stderr, "Try crawl --help.\n");
        return -1;
    }
}

int options_read(struct options *options, int argc, char **argv)
{
    static const struct option long_options[] = {
        {"depth", required_argument, NULL, 'd'},
        {"pages", required_argument, NULL, 'n'},
        {"jobs", required_argument, NULL, 'j'},
        {"per-host", required_argument, NULL, OPTION_PER_HOST},
        {"delay", required_argument, NULL, OPTION_DELAY},
        {"max-wait", required_argument, NULL, OPTION_MAX_WAIT},
        {"timeout", required_argument, NULL, 't'},
        {"max-body", required_argument, NULL, OPTION_MAX_BODY},
        {"span-hosts", no_argument, NULL, OPTION_SPAN},
        {"user-agent", required_argument, NULL, OPTION_AGENT},
        {"json", required_argument, NULL, OPTION_JSON},
        {"quiet", no_argument, NULL, 'q'},
        {"progress", no_argument, NULL, OPTION_PROGRESS},
        {"help", no_argument, NULL, OPTION_HELP},
        {NULL, 0, NULL, 0},
    };
    int letter;
    int rc = 0;

    *options = (struct options){
        .limit = 16,
        .host_limit = 4,
        .max_depth = 5,
        .max_pages = 1000,
        .max_body = 2 * 1024 * 1024,
        .timeout_ns = 30 * COIL_SEC,
        .max_wait_ns = COIL_MINUTE,
        .user_agent = CRAWL_PRODUCT "/0.1",
        .has_progress = isatty(STDERR_FILENO),
    };
    while (rc == 0 && (letter = getopt_long(argc, argv, "d:n:j:t:q", long_options, NULL)) >= 0) {
        rc = read_option(options, letter);
    }
    if (rc == 0 && optind + 1 != argc) {
        rc = complain(optind < argc ? "more than one URL" : "no URL is given", "try crawl --help");
    }
    options->start = rc == 0 ? argv[optind] : NULL;
    return rc;
}
