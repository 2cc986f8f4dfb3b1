/* serve.c - `coil serve`: the files of a folder over HTTP. */
#include "command.h"
#include "failure.h"

#include <coil.h>
#include <coil/http_files.h>
#include <coil/http_log_file.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PORT = 8000, MAX_PORT = 65535, GRACE_S = 3, LINE_ROOM = 1024 };

struct options {
    const char *folder;
    const char *host;
    const char *log; /* NULL: none */
    long port;
    long max_age;
    bool is_quiet;
    struct coil_http_files_options files;
};

static int run(const struct command *command, int argc, char **argv);

const struct command command_serve = {
    .name = "serve",
    .usage = "[FOLDER]",
    .line = "the files of a folder over HTTP",
    .help =
        "Serves the files below a folder (by default the current one) over HTTP until Ctrl-C, and\n"
        "prints the address to open. Folders without an index.html are listed. Parts of files,\n"
        "caching and compressed files beside others (name.br, name.zst, name.gz) are as with any\n"
        "server. Nothing outside of the folder is sent, whatever is asked for.\n"
        "\n"
        "  --port PORT          which port; by default 8000; 0: one that is free\n"
        "  --host HOST          on which address; by default 127.0.0.1, which only this computer\n"
        "                       reaches; 0.0.0.0: on all of them\n"
        "  --max-age SECONDS    how long a client may keep a file without asking; by default it\n"
        "                       always asks\n"
        "  --no-list            folders are not listed\n"
        "  --hidden             files whose names begin with a dot too\n"
        "  --follow-links       symbolic links may lead out of the folder\n"
        "  --log FILE           appends a line for each request to a file (combined format); "
        "SIGHUP\n"
        "                       opens it anew, for who has renamed it\n"
        "  --quiet              no line for each request on standard error\n"
        "  --help               this\n"
        "\n"
        "For each request a line goes to standard error: who, what, the status, bytes sent.\n"
        "\n"
        "exit status: 0 after Ctrl-C, 2 wrong usage, 3 no permission, 6 something else went "
        "wrong\n",
    .run = run,
};

/* --- the command line --- */

static int take_number(const struct command *command, const char *name, const char *text,
                       long largest, long *ret_number)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || number > largest) {
        return command_misused(command, "--%s takes a number up to %ld, and '%s' is none", name,
                               largest, text);
    }
    *ret_number = number;
    return STATUS_OK;
}

/* Options with a value. */
static int take_value(const struct command *command, const char *name, const char *value,
                      struct options *options)
{
    if (strcmp(name, "port") == 0) {
        return take_number(command, name, value, MAX_PORT, &options->port);
    }
    if (strcmp(name, "max-age") == 0) {
        return take_number(command, name, value, 1000000000, &options->max_age);
    }
    if (*value == '\0') {
        return command_misused(command, "--%s takes %s", name,
                               strcmp(name, "log") == 0 ? "a file" : "an address");
    }
    if (strcmp(name, "log") == 0) {
        options->log = value;
    } else {
        options->host = value;
    }
    return STATUS_OK;
}

static bool take_switch(const char *name, struct options *options)
{
    const struct {
        const char *name;
        bool *place;
        bool value;
    } switches[] = {
        {"no-list", &options->files.lists_folders, false},
        {"hidden", &options->files.shows_hidden, true},
        {"follow-links", &options->files.follows_links, true},
        {"quiet", &options->is_quiet, true},
    };

    for (size_t i = 0; i < sizeof switches / sizeof *switches; i++) {
        if (strcmp(switches[i].name, name) == 0) {
            *switches[i].place = switches[i].value;
            return true;
        }
    }
    return false;
}

/* One option, at argv[*at], which is moved on to its last word. */
static int take_option(const struct command *command, char **argv, int *at, struct options *options)
{
    static const char *const names[] = {"port", "host", "max-age", "log"};
    const char *word = argv[*at];

    if (strcmp(word, "-p") == 0) {
        word = "--port";
    }
    for (size_t i = 0; i < sizeof names / sizeof *names && strncmp(word, "--", 2) == 0; i++) {
        size_t size = strlen(names[i]);

        if (strncmp(word + 2, names[i], size) != 0) {
            continue;
        }
        if (word[2 + size] == '=') {
            return take_value(command, names[i], word + 2 + size + 1, options);
        }
        if (word[2 + size] == '\0' && argv[*at + 1]) {
            *at += 1;
            return take_value(command, names[i], argv[*at], options);
        }
        if (word[2 + size] == '\0') {
            return command_misused(command, "the value of --%s is missing", names[i]);
        }
    }
    if (strncmp(word, "--", 2) == 0 && take_switch(word + 2, options)) {
        return STATUS_OK;
    }
    return command_misused(command, "there is no option '%s'", word);
}

static int parse(const struct command *command, int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            int rc = take_option(command, argv, &i, options);

            if (rc != STATUS_OK) {
                return rc;
            }
        } else if (options->folder) {
            return command_misused(command, "'%s' is one folder too many", argv[i]);
        } else {
            options->folder = argv[i];
        }
    }
    options->folder = options->folder ? options->folder : ".";
    options->files.max_age_s = options->max_age > 0 ? options->max_age : -1;
    return STATUS_OK;
}

/* --- serving --- */

struct site {
    const struct options *options;
    struct coil_http_files *files;
    struct coil_http_log_writer *log; /* or NULL */
    struct failure failure;
};

/* What a terminal shows as it is. */
static void put_word(char *line, size_t *length, const char *word)
{
    for (; *word && *length < LINE_ROOM - 64; word++) {
        line[(*length)++] = *word > ' ' && *word < 0x7f ? *word : '?';
    }
}

static void note(const struct coil_http_record *record)
{
    char line[LINE_ROOM];
    size_t length =
        (size_t)snprintf(line, sizeof line, "%.100s ", record->peer ? record->peer : "-");

    put_word(line, &length, record->method ? record->method : "-");
    line[length++] = ' ';
    put_word(line, &length, record->path ? record->path : "-");
    if (record->query) {
        line[length++] = '?';
        put_word(line, &length, record->query);
    }
    fprintf(stderr, "%.*s %u %llu%s\n", (int)length, line, record->status,
            (unsigned long long)record->body_size, record->is_whole ? "" : " (broken off)");
}

static void log_one(const struct coil_http_record *record, void *user)
{
    const struct site *site = user;

    coil_http_log_write(record, site->log);
    if (!site->options->is_quiet) {
        note(record);
    }
}

static int answer(struct coil_http_exchange *exchange, void *user)
{
    const struct site *site = user;

    return coil_http_files_handle(exchange, site->files);
}

static enum status explain_folder(struct site *site, int rc)
{
    const char *folder = site->options->folder;

    switch (rc) {
    case -ENOENT:
        return fail(&site->failure, STATUS_FAILED, "there is no folder '%s'", folder);
    case -ENOTDIR:
        return fail(&site->failure, STATUS_FAILED, "'%s' is no folder", folder);
    case -EACCES:
        return fail(&site->failure, STATUS_REFUSED, "no permission to read the folder '%s'",
                    folder);
    default:
        return fail(&site->failure, STATUS_FAILED, "the folder '%s' cannot be opened: %s", folder,
                    coil_strerror(rc));
    }
}

static enum status explain_address(struct site *site, int rc)
{
    const char *host = site->options->host;
    long port = site->options->port;

    switch (rc) {
    case -EADDRINUSE:
        return fail(&site->failure, STATUS_FAILED,
                    "port %ld is in use; another one is given by --port, and --port 0 takes any",
                    port);
    case -EACCES:
        return fail(&site->failure, STATUS_REFUSED,
                    "no permission to listen on port %ld; those from 1024 on need none", port);
    case -EADDRNOTAVAIL:
        return fail(&site->failure, STATUS_FAILED, "this computer has no address '%s'", host);
    default:
        return fail(&site->failure, STATUS_FAILED, "cannot listen on '%s', port %ld: %s", host,
                    port, coil_strerror(rc));
    }
}

static void announce(const struct site *site, int port)
{
    const char *host = site->options->host;
    bool is_any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    bool has_colon = strchr(host, ':') != NULL && !is_any;

    printf("Serving %s at http://%s%s%s:%d/%s\n", site->options->folder, has_colon ? "[" : "",
           is_any ? "localhost" : host, has_colon ? "]" : "", port,
           is_any ? ", and at all addresses of this computer" : "");
    printf("Ctrl-C ends it.\n");
    fflush(stdout);
}

static int listen_and_wait(struct site *site)
{
    static const int endings[] = {SIGINT, SIGTERM};
    struct coil_http_server_options options = {.log = log_one, .log_user = site};
    struct coil_http_server *server;
    int rc = coil_http_server_start(site->options->host, (uint16_t)site->options->port, &options,
                                    answer, site, &server);

    if (rc < 0) {
        return explain_address(site, rc);
    }
    announce(site, coil_http_server_get_port(server));
    coil_signal_wait(endings, sizeof endings / sizeof *endings);
    coil_http_server_close(server, GRACE_S * COIL_SEC);
    return STATUS_OK;
}

static int serve_logged(struct site *site)
{
    struct coil_http_log_options options = {
        .path = site->options->log, .format = COIL_HTTP_LOG_COMBINED, .reopen_signal = SIGHUP};
    int rc = site->options->log ? coil_http_log_open(&options, &site->log) : 0;

    if (rc < 0) {
        return fail(&site->failure, rc == -EACCES ? STATUS_REFUSED : STATUS_FAILED,
                    "the log '%s' cannot be opened: %s", site->options->log, coil_strerror(rc));
    }
    rc = listen_and_wait(site);
    if (coil_http_log_close(site->log) < 0 && rc == STATUS_OK) {
        rc = fail(&site->failure, STATUS_FAILED, "the log '%s' cannot be written to the end",
                  site->options->log);
    }
    return rc;
}

static int serve(void *arg)
{
    struct site *site = arg;
    int rc = coil_http_files_open(site->options->folder, &site->options->files, &site->files);

    if (rc < 0) {
        return explain_folder(site, rc);
    }
    rc = serve_logged(site);
    coil_http_files_close(site->files);
    return rc;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct options options = {
        .host = "127.0.0.1", .port = DEFAULT_PORT, .files.lists_folders = true};
    struct site site = {.options = &options};
    int rc;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            command_help(command);
            return STATUS_OK;
        }
    }
    rc = parse(command, argc, argv, &options);
    if (rc != STATUS_OK) {
        return rc;
    }
    rc = coil_run(serve, &site);
    if (rc < 0) {
        rc = fail(&site.failure, STATUS_FAILED, "%s", coil_strerror(rc));
    }
    if (rc != STATUS_OK) {
        fprintf(stderr, "coil: %s\n", site.failure.text);
    }
    return rc;
}
