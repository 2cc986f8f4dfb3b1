/* http.c - what a server of HTTP does; linked with libcoil-http.
 *
 *     coil_bench_http hello PORT                        "Hello, World!"; HTTP/2 too
 *     coil_bench_http hello-tls PORT CERTIFICATE        the same over TLS
 *     coil_bench_http file PORT FILE                    the files of its folder
 *     coil_bench_http file-tls PORT FILE CERTIFICATE    the same over TLS
 *     coil_bench_http json PORT                         PUT /notes/{id}: a body that is checked
 *     coil_bench_http websocket PORT                    echoes messages
 *
 * All serve on 127.0.0.1, and print "ready". CERTIFICATE: a file with the key, too. Written as a
 * user would: public headers only, the default options.
 */
#include <coil.h>
#include <coil/app.h>
#include <coil/http_files.h>
#include <coil/http_server.h>
#include <coil/tls.h>
#include <coil/websocket.h>

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct note {
    int64_t id;
    char *title;
    char *text;
    int64_t stars;
    bool done;
    char **tags;
    size_t tag_count;
};

static const struct coil_json_field body_fields[] = {
    COIL_JSON_STRING(struct note, title, .required = true, .min_length = 1, .max_length = 100),
    COIL_JSON_STRING(struct note, text, .max_length = 1000),
    COIL_JSON_INT(struct note, stars, COIL_JSON_RANGE(0, 5)),
    COIL_JSON_BOOL(struct note, done),
    COIL_JSON_ARRAY_OF_STRINGS(struct note, tags, tag_count, .max_items = 10),
};
static const struct coil_json_type body_type = COIL_JSON_TYPE("Body", struct note, body_fields);

static const struct coil_json_field note_fields[] = {
    COIL_JSON_INT(struct note, id),      COIL_JSON_STRING(struct note, title),
    COIL_JSON_STRING(struct note, text), COIL_JSON_INT(struct note, stars),
    COIL_JSON_BOOL(struct note, done),   COIL_JSON_ARRAY_OF_STRINGS(struct note, tags, tag_count),
};
static const struct coil_json_type note_type = COIL_JSON_TYPE("Note", struct note, note_fields);

struct job {
    const char *item;
    uint16_t port;
    const char *file;
    const char *certificate;
};

/* --- handlers --- */

static int hello(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    return coil_http_reply(exchange, 200, "text/plain", "Hello, World!", 13);
}

static int put_note(struct coil_http_exchange *exchange, void *user)
{
    struct note *note = coil_app_body(exchange);

    (void)user;
    coil_app_get_int(exchange, "id", &note->id);
    return coil_app_reply_json(exchange, 200, &note_type, note);
}

static const struct coil_app_route routes[] = {
    COIL_APP_PUT("/notes/{id:int}", put_note, .body = &body_type, .response = &note_type),
    {0},
};

static int echo(struct coil_http_exchange *exchange, void *user)
{
    struct coil_websocket *ws;
    struct coil_websocket_message message;
    int rc = coil_websocket_accept(exchange, NULL, &ws);

    (void)user;
    while (rc > 0 && (rc = coil_websocket_receive(ws, &message)) > 0) {
        rc = coil_websocket_send(ws, &message) < 0 ? -ECONNRESET : 1;
    }
    return rc;
}

/* --- the server --- */

static int run_server(const struct job *job, coil_http_handler handler, void *user)
{
    struct coil_http_server_options options = {.server.backlog = 4096};
    struct coil_tls_context_options tls = {
        .is_server = true, .certificate_file = job->certificate, .alpn = COIL_HTTP_ALPN};
    struct coil_http_server *server;
    int rc = job->certificate ? coil_tls_context_new(&tls, &options.tls) : 0;

    rc = rc < 0 ? rc
                : coil_http_server_start("127.0.0.1", job->port, &options, handler, user, &server);
    if (rc < 0) {
        return rc;
    }
    printf("ready\n");
    fflush(stdout);
    coil_sleep(COIL_NEVER);
    coil_shield {
        rc = coil_http_server_close(server, 0);
    }
    coil_tls_context_free(options.tls);
    return rc;
}

static int serve_files(const struct job *job)
{
    char folder[512];
    struct coil_http_files *files;
    int rc;

    snprintf(folder, sizeof folder, "%s", job->file);
    rc = coil_http_files_open(dirname(folder), NULL, &files);
    if (rc < 0) {
        return rc;
    }
    rc = run_server(job, coil_http_files_handle, files);
    coil_http_files_close(files);
    return rc;
}

static int serve_notes(const struct job *job)
{
    struct coil_app *app;
    int rc = coil_app_new(NULL, &app);

    if (rc < 0) {
        return rc;
    }
    rc = coil_app_add(app, routes, NULL);
    rc = rc < 0 ? rc : run_server(job, coil_app_handle, app);
    coil_app_free(app);
    return rc;
}

static int serve(void *arg)
{
    const struct job *job = arg;

    if (job->file) {
        return serve_files(job);
    }
    return strcmp(job->item, "json") == 0        ? serve_notes(job)
           : strcmp(job->item, "websocket") == 0 ? run_server(job, echo, NULL)
                                                 : run_server(job, hello, NULL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        bool has_file;
        bool has_tls;
    } items[] = {{"hello", false, false},  {"hello-tls", false, true}, {"file", true, false},
                 {"file-tls", true, true}, {"json", false, false},     {"websocket", false, false}};

    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        if (argc == 3 + items[i].has_file + items[i].has_tls &&
            strcmp(argv[1], items[i].name) == 0) {
            struct job job = {.item = argv[1],
                              .port = (uint16_t)strtoul(argv[2], NULL, 10),
                              .file = items[i].has_file ? argv[3] : NULL,
                              .certificate = items[i].has_tls ? argv[argc - 1] : NULL};

            return coil_run(serve, &job) < 0;
        }
    }
    fprintf(stderr,
            "usage: coil_bench_http hello|json|websocket PORT | hello-tls PORT CERTIFICATE |\n"
            "       file PORT FILE | file-tls PORT FILE CERTIFICATE\n");
    return 2;
}
