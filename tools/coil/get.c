/* get.c - `coil get`: the command line, and what is told at the end. */
#include "get.h"

#include "command.h"
#include "failure.h"

#include <coil/error.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARALLEL = 256, DEFAULT_PARALLEL = 8, DEFAULT_REDIRECTS = 10 };

static int run(const struct command *command, int argc, char **argv);

const struct command command_get = {
    .name = "get",
    .usage = "URL...",
    .line = "fetch URLs by HTTP, several at once",
    .help =
        "Fetches URLs (http, https), several at once, and writes their bodies to standard\n"
        "output, one after the other in the order of the command line, or to files.\n"
        "\n"
        "  -o FILE              the body goes there; the first -o is for the first URL, ...\n"
        "  -i, --include        the head of the response goes before the body\n"
        "  -I, --head           asks for the head alone, and shows it\n"
        "  -H 'NAME: VALUE'     one more field of the request\n"
        "  -d, --data DATA      sends it, by POST; @FILE: what is in that file\n"
        "  -X, --request METHOD another method\n"
        "  -L                   follows redirects, at most 10: it does so anyway\n"
        "  --no-redirects       does not\n"
        "  --max-redirects N    another limit\n"
        "  --insecure           takes any certificate for the right one\n"
        "  --timeout SECONDS    for each URL, from its beginning to its end\n"
        "  --parallel N         at most so many at once; 8\n"
        "  -s, --silent         no progress, no summary\n"
        "  --help               this\n"
        "\n"
        "Proxies are those of the variables http_proxy, https_proxy and no_proxy. Content that\n"
        "is sent in gzip, deflate, br or zstd is decoded.\n"
        "\n"
        "exit status:\n"
        "  0  all were fetched, with a status below 400\n"
        "  2  wrong usage\n"
        "  6  one at least was not\n",
    .run = run,
};

/* --- the command line --- */

struct parsing {
    const struct command *command;
    struct get_options *options;
    int argc;
    char **argv;
    int at;
    size_t files; /* -o so far */
    const char **outputs;
    bool is_help;
};

/* What follows the option. 0 or STATUS_USAGE. */
static int take_value(struct parsing *parsing, const char **ret_value)
{
    if (parsing->at + 1 >= parsing->argc) {
        return command_misused(parsing->command, "something must follow %s",
                               parsing->argv[parsing->at]);
    }
    *ret_value = parsing->argv[++parsing->at];
    return 0;
}

static int take_number(struct parsing *parsing, double least, double most, double *ret_number)
{
    const char *name = parsing->argv[parsing->at];
    const char *text = NULL;
    char *end;
    int rc = take_value(parsing, &text);

    if (rc != 0) {
        return rc;
    }
    *ret_number = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !isfinite(*ret_number) || *ret_number < least ||
        *ret_number > most) {
        return command_misused(parsing->command, "%s takes a number from %g to %g, not '%s'", name,
                               least, most, text);
    }
    return 0;
}

/* "Name: value" is cut where it stands. */
static int take_field(struct parsing *parsing)
{
    struct get_options *options = parsing->options;
    const char *text = NULL;
    char *colon;
    int rc = take_value(parsing, &text);

    if (rc != 0) {
        return rc;
    }
    colon = strchr(parsing->argv[parsing->at], ':');
    if (!colon || colon == text) {
        return command_misused(parsing->command, "'%s' is no field: 'Name: value'", text);
    }
    *colon = '\0';
    options->fields[options->field_count].name = text;
    options->fields[options->field_count++].value = colon + 1 + strspn(colon + 1, " \t");
    return 0;
}

static int take_data(struct parsing *parsing)
{
    const char *text = NULL;
    int rc = take_value(parsing, &text);

    if (rc != 0) {
        return rc;
    }
    if (parsing->options->data || parsing->options->data_file) {
        return command_misused(parsing->command, "there is one -d already");
    }
    if (text[0] == '@') {
        parsing->options->data_file = text + 1;
    } else {
        parsing->options->data = text;
    }
    return 0;
}

static bool is(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || (b && strcmp(word, b) == 0);
}

/* 1: it is no flag; 0. */
static int take_flag(struct parsing *parsing, const char *word)
{
    struct get_options *options = parsing->options;

    if (is(word, "-i", "--include")) {
        options->with_head = true;
    } else if (is(word, "-I", "--head")) {
        options->only_head = true;
    } else if (is(word, "-L", "--location")) {
        options->no_redirects = false;
    } else if (is(word, "--no-redirects", NULL)) {
        options->no_redirects = true;
    } else if (is(word, "-k", "--insecure")) {
        options->is_insecure = true;
    } else if (is(word, "-s", "--silent")) {
        options->is_quiet = true;
    } else if (is(word, "-h", "--help")) {
        parsing->is_help = true;
    } else {
        return 1;
    }
    return 0;
}

static int take_option(struct parsing *parsing, const char *word)
{
    struct get_options *options = parsing->options;
    double number = 0;
    int rc = take_flag(parsing, word);

    if (rc == 0) {
        return 0;
    }
    if (is(word, "-o", "--output")) {
        rc = take_value(parsing, &parsing->outputs[parsing->files]);
        parsing->files++;
    } else if (is(word, "-H", "--field")) {
        rc = take_field(parsing);
    } else if (is(word, "-d", "--data")) {
        rc = take_data(parsing);
    } else if (is(word, "-X", "--request")) {
        rc = take_value(parsing, &options->method);
    } else if (is(word, "--max-redirects", NULL)) {
        rc = take_number(parsing, 1, 1000, &number);
        options->max_redirects = (unsigned)number;
    } else if (is(word, "--timeout", NULL)) {
        rc = take_number(parsing, 0.001, 1e6, &number);
        options->timeout_ns = (int64_t)(number * (double)COIL_SEC);
    } else if (is(word, "--parallel", NULL)) {
        rc = take_number(parsing, 1, MAX_PARALLEL, &number);
        options->parallel = (unsigned)number;
    } else {
        rc = command_misused(parsing->command, "there is no option '%s'", word);
    }
    return rc;
}

static int check(const struct parsing *parsing)
{
    const struct get_options *options = parsing->options;

    if (options->count == 0) {
        return command_misused(parsing->command, "there is no URL");
    }
    if (parsing->files > options->count) {
        return command_misused(parsing->command, "there are more -o than URLs");
    }
    if (options->only_head && (options->data || options->data_file || options->method)) {
        return command_misused(parsing->command, "--head sends nothing, and has its own method");
    }
    return 0;
}

static int parse(struct parsing *parsing)
{
    struct get_options *options = parsing->options;
    bool is_over = false; /* "--": no options any more */
    int rc = 0;

    for (parsing->at = 1; rc == 0 && parsing->at < parsing->argc; parsing->at++) {
        const char *word = parsing->argv[parsing->at];

        if (!is_over && strcmp(word, "--") == 0) {
            is_over = true;
        } else if (!is_over && word[0] == '-' && word[1] != '\0') {
            rc = take_option(parsing, word);
        } else {
            options->jobs[options->count++].url = word;
        }
    }
    if (rc != 0 || parsing->is_help) {
        return rc;
    }
    for (size_t i = 0; i < parsing->files && i < options->count; i++) {
        options->jobs[i].file = parsing->outputs[i];
    }
    return check(parsing);
}

/* --- the end --- */

static void print_size(FILE *out, int64_t size)
{
    if (size < 10 * 1000) {
        fprintf(out, "%8lld B ", (long long)size);
    } else if (size < 10 * 1000 * 1000) {
        fprintf(out, "%8.1f kB", (double)size / 1e3);
    } else {
        fprintf(out, "%8.1f MB", (double)size / 1e6);
    }
}

static void print_job(const struct get_job *job)
{
    if (job->error < 0) {
        fprintf(stderr, "coil get: %s: %s\n", job->url,
                job->failure.text[0] ? job->failure.text : coil_strerror(job->error));
    }
}

static int tell(const struct get_options *options)
{
    int status = STATUS_OK;

    for (size_t i = 0; i < options->count; i++) {
        const struct get_job *job = &options->jobs[i];

        print_job(job);
        if (job->error == 0 && !options->is_quiet) {
            fprintf(stderr, "%u ", job->status);
            print_size(stderr, job->size);
            fprintf(stderr, " %8.3f s  %s\n", (double)job->span_ns / (double)COIL_SEC, job->url);
        }
        if (job->error < 0 || job->status >= 400) {
            status = STATUS_FAILED;
        }
    }
    return status;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct get_options options = {.parallel = DEFAULT_PARALLEL, .max_redirects = DEFAULT_REDIRECTS};
    struct parsing parsing = {.command = command, .options = &options, .argc = argc, .argv = argv};
    size_t count = (size_t)argc;
    int status = STATUS_FAILED;
    int rc;

    options.jobs = calloc(count, sizeof *options.jobs);
    options.fields = calloc(count, sizeof *options.fields);
    parsing.outputs = calloc(count, sizeof *parsing.outputs);
    if (options.jobs && options.fields && parsing.outputs) {
        status = parse(&parsing);
        if (status == STATUS_OK && parsing.is_help) {
            command_help(command);
        } else if (status == STATUS_OK) {
            rc = get_all(&options);
            if (rc < 0) {
                fprintf(stderr, "coil get: %s\n", coil_strerror(rc));
            }
            status = rc < 0 ? STATUS_FAILED : tell(&options);
        }
    } else {
        fputs("coil get: no memory\n", stderr);
    }
    free(options.jobs);
    free(options.fields);
    free(parsing.outputs);
    return status;
}
