/* api.c - an API for notes: a REST service with a database, validation, documents, and WebSockets
 * that tell who listens what has changed.
 *
 *     api [PORT [DATABASE]]      8000 and notes.db; port 0 picks one, ":memory:" forgets
 *
 *     curl -s localhost:8000/notes -H 'Content-Type: application/json' -d '{"title": "Milk"}'
 *     curl -s 'localhost:8000/notes?done=false&search=milk'
 *
 * /docs shows what there is and lets one try it, /openapi.json says it to programs, and / is a page
 * that uses it. Ctrl-C or SIGTERM lets requests under way finish.
 *
 * How it hangs together: the table note_fields says once how a note looks in JSON, for what comes
 * in, what goes out, and the documents. routes says who answers what. store.c keeps the notes,
 * live.c tells the listeners.
 */
#include "live.h"
#include "page.h"
#include "store.h"

#include <coil/app.h>
#include <coil/json.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct api {
    struct store *store;
    struct live live;
};

/* --- how a note looks in JSON --- */

static const struct coil_json_field note_fields[] = {
    COIL_JSON_INT(struct note, id, .description = "given by the server"),
    COIL_JSON_STRING(struct note, title, .required = true, .min_length = 1, .max_length = 200),
    COIL_JSON_STRING(struct note, text, .max_length = 10000),
    COIL_JSON_BOOL(struct note, done),
    COIL_JSON_TIME(struct note, created, .description = "set by the server"),
};
static const struct coil_json_type note_type =
    COIL_JSON_TYPE("Note", struct note, note_fields, .description = "Something to remember");

/* What a client sends: the same without what is the server's. */
static const struct coil_json_field draft_fields[] = {
    COIL_JSON_STRING(struct note, title, .required = true, .min_length = 1, .max_length = 200),
    COIL_JSON_STRING(struct note, text, .max_length = 10000),
    COIL_JSON_BOOL(struct note, done),
};
static const struct coil_json_type draft_type =
    COIL_JSON_TYPE("Draft", struct note, draft_fields, .description = "A note to be written");

static const struct coil_app_param list_query[] = {
    {.name = "search", .description = "in title and text"},
    {.name = "done", .kind = COIL_APP_BOOL},
    {.name = "limit",
     .kind = COIL_APP_INT,
     .default_text = "20",
     .is_bounded = true,
     .min = 1,
     .max = 100},
    {.name = "offset",
     .kind = COIL_APP_INT,
     .default_text = "0",
     .is_bounded = true,
     .max = 1000000000},
    {0},
};

/* --- answers --- */

static int no_such_note(struct coil_http_exchange *exchange)
{
    return coil_app_problem(exchange, 404, NULL, "there is no such note");
}

/* {"event": NAME, "note": NOTE}, to all who listen. */
static int tell(struct api *api, const char *event, const struct note *note)
{
    struct coil_json_buffer text = {0};
    int rc = coil_json_add(&text, "{\"event\":", 9);

    rc = rc < 0 ? rc : coil_json_add_string(&text, event);
    rc = rc < 0 ? rc : coil_json_add(&text, ",\"note\":", 8);
    rc = rc < 0 ? rc : coil_json_write(&note_type, note, &text);
    rc = rc < 0 ? rc : coil_json_add(&text, "}", 1);
    if (rc >= 0) {
        live_tell(&api->live, text.data, text.size);
    }
    coil_json_buffer_deinit(&text);
    return rc;
}

static int list_notes(struct coil_http_exchange *exchange, void *user)
{
    struct api *api = user;
    struct filter filter = {.search = coil_app_text(exchange, "search"), .done = -1};
    struct notes notes = {0};
    bool done;
    int rc;

    if (coil_app_get_bool(exchange, "done", &done) > 0) {
        filter.done = done;
    }
    coil_app_get_int(exchange, "limit", &filter.limit);
    coil_app_get_int(exchange, "offset", &filter.offset);
    rc = store_list(api->store, &filter, &notes);
    if (rc == 0) {
        rc = coil_app_reply_json_array(exchange, 200, &note_type, notes.items, notes.count);
    }
    store_free_notes(&notes);
    return rc;
}

static int get_note(struct coil_http_exchange *exchange, void *user)
{
    struct api *api = user;
    struct note note = {0};
    int64_t id = 0;
    int rc;

    coil_app_get_int(exchange, "id", &id);
    rc = store_get(api->store, id, &note);
    if (rc == -ENOENT) {
        return no_such_note(exchange);
    }
    if (rc == 0) {
        rc = coil_app_reply_json(exchange, 200, &note_type, &note);
    }
    store_free_note(&note);
    return rc;
}

static int add_note(struct coil_http_exchange *exchange, void *user)
{
    struct api *api = user;
    struct note *note = coil_app_body(exchange);
    char location[64];
    int rc = store_add(api->store, note);

    if (rc < 0) {
        return rc;
    }
    tell(api, "added", note);
    snprintf(location, sizeof location, "/notes/%lld", (long long)note->id);
    coil_http_add_field(exchange, "Location", location);
    return coil_app_reply_json(exchange, 201, &note_type, note);
}

static int change_note(struct coil_http_exchange *exchange, void *user)
{
    struct api *api = user;
    struct note *note = coil_app_body(exchange);
    int rc;

    coil_app_get_int(exchange, "id", &note->id);
    rc = store_change(api->store, note);
    if (rc == -ENOENT) {
        return no_such_note(exchange);
    }
    if (rc < 0) {
        return rc;
    }
    tell(api, "changed", note);
    return coil_app_reply_json(exchange, 200, &note_type, note);
}

static int remove_note(struct coil_http_exchange *exchange, void *user)
{
    struct api *api = user;
    struct note note = {0};
    int64_t id = 0;
    int rc;

    coil_app_get_int(exchange, "id", &id);
    rc = store_remove(api->store, id, &note);
    if (rc == -ENOENT) {
        return no_such_note(exchange);
    }
    if (rc < 0) {
        return rc;
    }
    tell(api, "removed", &note);
    store_free_note(&note);
    return coil_http_reply(exchange, 204, NULL, NULL, 0);
}

static int follow_notes(struct coil_http_exchange *exchange, void *user)
{
    struct api *api = user;

    return live_serve(&api->live, exchange);
}

static int show_page(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    return coil_http_reply(exchange, 200, "text/html; charset=utf-8", page, strlen(page));
}

static const struct coil_app_route routes[] = {
    COIL_APP_GET("/notes", list_notes, .summary = "The notes, newest first", .query = list_query,
                 .response = &note_type, .response_is_array = true),
    COIL_APP_POST("/notes", add_note, .summary = "Write a note", .body = &draft_type,
                  .response = &note_type, .status = 201),
    COIL_APP_GET("/notes/{id:int}", get_note, .summary = "One note", .response = &note_type),
    COIL_APP_PUT("/notes/{id:int}", change_note, .summary = "Write a note anew",
                 .body = &draft_type, .response = &note_type),
    COIL_APP_DELETE("/notes/{id:int}", remove_note, .summary = "Remove a note", .status = 204),
    COIL_APP_GET("/live", follow_notes, .summary = "What happens, by WebSocket",
                 .description =
                     "Each message is an object: event is added, changed or removed, and "
                     "note is the note."),
    COIL_APP_GET("/", show_page, .is_hidden = true),
    {0},
};

/* --- the program --- */

static int make_app(struct api *api, struct coil_app_rate *rate, struct coil_app **ret_app)
{
    static const struct coil_app_options options = {
        .title = "Notes", .version = "1.0.0", .description = "An example of coil/app.h"};
    struct coil_app *app;
    int rc = coil_app_new(&options, &app);

    if (rc < 0) {
        return rc;
    }
    coil_app_use(app, coil_app_request_id, NULL);
    coil_app_use(app, coil_app_security_headers, NULL);
    coil_app_use(app, coil_app_rate_limit, rate);
    rc = coil_app_add(app, routes, api);
    if (rc < 0) {
        fprintf(stderr, "api: %s\n", coil_app_error(app));
        coil_app_free(app);
        return rc;
    }
    *ret_app = app;
    return 0;
}

/* Until SIGINT or SIGTERM comes; requests under way have a few seconds then. */
static int serve(struct coil_app *app, uint16_t port)
{
    static const int endings[] = {SIGINT, SIGTERM};
    struct coil_signal_watch watch = {0};
    struct coil_http_server *server;
    int rc = coil_http_server_start("localhost", port, NULL, coil_app_handle, app, &server);

    if (rc < 0) {
        fprintf(stderr, "api: port %u: %s\n", port, coil_strerror(rc));
        return rc;
    }
    printf("listening on http://localhost:%d/ (documents: /docs)\n",
           coil_http_server_get_port(server));
    fflush(stdout);
    rc = coil_signal_open(&watch, endings, 2);
    if (rc == 0) {
        coil_signal_next(&watch);
        coil_signal_close(&watch);
    }
    coil_shield {
        rc = coil_http_server_close(server, 5 * COIL_SEC);
    }
    return rc == -ETIMEDOUT ? 0 : rc;
}

struct arguments {
    uint16_t port;
    const char *database;
};

static int amain(void *arg)
{
    const struct arguments *arguments = arg;
    static const struct coil_app_rate_options rate_options = {.per_second = 1000, .burst = 2000};
    struct coil_app_rate *rate = NULL;
    struct coil_app *app = NULL;
    struct api api = {0};
    int rc = store_open(arguments->database, &api.store);

    if (rc < 0) {
        return rc;
    }
    rc = coil_app_rate_new(&rate_options, &rate);
    rc = rc < 0 ? rc : make_app(&api, rate, &app);
    rc = rc < 0 ? rc : serve(app, arguments->port);
    coil_app_free(app);
    coil_app_rate_free(rate);
    store_close(api.store);
    return rc;
}

int main(int argc, char **argv)
{
    const char *port = argc > 1 ? argv[1] : "8000";
    char *end;
    long number = strtol(port, &end, 10);
    struct arguments arguments = {.port = (uint16_t)number,
                                  .database = argc > 2 ? argv[2] : "notes.db"};

    if (argc > 3 || end == port || *end || number < 0 || number > 65535) {
        fprintf(stderr, "usage: api [PORT [DATABASE]]\n");
        return 2;
    }
    return coil_run(amain, &arguments) < 0;
}
