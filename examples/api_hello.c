/* api_hello.c - a small API: notes in memory, checked by tables, described at /docs.
 *
 *     api_hello [PORT]          8080; 0 picks one
 *
 *     curl localhost:8080/notes -d '{"title":"Milk"}' -H 'Content-Type: application/json'
 *     curl 'localhost:8080/notes?limit=2'
 *     curl localhost:8080/notes/1
 *
 * With a browser: http://localhost:8080/docs
 */
#include <coil.h>
#include <coil/app.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTES = 100, TITLE = 80 };

/* What clients send and get. */
struct note {
    int64_t id;
    const char *title;
    int64_t stars;
};

static const struct coil_json_field new_note_fields[] = {
    COIL_JSON_STRING(struct note, title, .required = true, .min_length = 1, .max_length = 20),
    COIL_JSON_INT(struct note, stars, COIL_JSON_RANGE(0, 5), .default_value = "3"),
};
static const struct coil_json_type new_note_type =
    COIL_JSON_TYPE("NewNote", struct note, new_note_fields);

static const struct coil_json_field note_fields[] = {
    COIL_JSON_INT(struct note, id),
    COIL_JSON_STRING(struct note, title),
    COIL_JSON_INT(struct note, stars),
};
static const struct coil_json_type note_type = COIL_JSON_TYPE("Note", struct note, note_fields);

/* What is kept. */
static struct note notes[NOTES];
static char titles[NOTES][TITLE + 1];
static int64_t note_count;

static int list_notes(struct coil_http_exchange *exchange, void *user)
{
    int64_t limit = 0;

    (void)user;
    coil_app_get_int(exchange, "limit", &limit);
    return coil_app_reply_json_array(exchange, 200, &note_type, notes,
                                     (size_t)(limit < note_count ? limit : note_count));
}

static int add_note(struct coil_http_exchange *exchange, void *user)
{
    const struct note *given = coil_app_body(exchange);
    struct note *note;

    (void)user;
    if (note_count == NOTES) {
        return coil_app_problem(exchange, 507, NULL, "There is no room for more notes.");
    }
    note = &notes[note_count];
    snprintf(titles[note_count], sizeof titles[0], "%s", given->title);
    *note = (struct note){note_count + 1, titles[note_count], given->stars};
    note_count++;
    return coil_app_reply_json(exchange, 201, &note_type, note);
}

static int get_note(struct coil_http_exchange *exchange, void *user)
{
    int64_t id = 0;

    (void)user;
    coil_app_get_int(exchange, "id", &id);
    if (id < 1 || id > note_count) {
        return coil_app_problem(exchange, 404, NULL, "There is no such note.");
    }
    return coil_app_reply_json(exchange, 200, &note_type, &notes[id - 1]);
}

static const struct coil_app_param list_query[] = {
    {"limit", COIL_APP_INT, .default_text = "20", .is_bounded = true, .min = 1, .max = 100,
     .description = "How many at most"},
    {0},
};

static const struct coil_app_route routes[] = {
    COIL_APP_GET("/notes", list_notes, .summary = "All notes", .query = list_query,
                 .response = &note_type, .response_is_array = true),
    COIL_APP_POST("/notes", add_note, .summary = "A new note", .body = &new_note_type,
                  .response = &note_type, .status = 201),
    COIL_APP_GET("/notes/{id:int}", get_note, .summary = "One note", .response = &note_type),
    {0},
};

static int serve(void *arg)
{
    const struct coil_app_options options = {.title = "Notes", .version = "1.0"};
    struct coil_http_server *server = NULL;
    struct coil_app *app = NULL;
    int rc = coil_app_new(&options, &app);

    if (rc == 0) {
        coil_app_use(app, coil_app_request_id, NULL);
        coil_app_use(app, coil_app_security_headers, NULL);
        rc = coil_app_add(app, routes, NULL);
    }
    if (rc == 0) {
        rc = coil_http_server_start(NULL, *(const uint16_t *)arg, NULL, coil_app_handle, app,
                                    &server);
    }
    if (rc < 0) {
        const char *why = coil_app_error(app);

        fprintf(stderr, "api_hello: %s\n", why ? why : coil_strerror(rc));
        coil_app_free(app);
        return rc;
    }
    printf("listening on port %d\n", coil_http_server_get_port(server));
    fflush(stdout);
    coil_sleep(COIL_NEVER); /* until SIGINT cancels it */
    coil_shield {
        rc = coil_http_server_close(server, 5 * COIL_SEC);
    }
    coil_app_free(app);
    return rc;
}

int main(int argc, char **argv)
{
    uint16_t port = argc > 1 ? (uint16_t)strtoul(argv[1], NULL, 10) : 8080;

    return coil_run(serve, &port) < 0;
}
