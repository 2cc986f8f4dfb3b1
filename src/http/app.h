/* app.h - what the files of the API layer share: the app, its groups and tree of routes, and the
 * request that is under way.
 *
 * An app is the group around all others. Routes stand in one tree, a node for each segment of their
 * paths, so that finding one looks at each segment once. A segment's place in the path is its
 * node's depth: what a parameter stands for is found there afterwards, and nothing is noted on the
 * way.
 *
 * A request lives on the stack of coil_app_handle, with room for the decoded path. The exchange
 * points to it meanwhile.
 */
#ifndef COIL__HTTP_APP_H
#define COIL__HTTP_APP_H

#include "http/app_text.h"
#include "http/http.h"

#include <coil/app.h>

enum {
    COIL__APP_SEGMENTS = 32, /* of a path */
    COIL__APP_NAMES = 16,    /* parameters in a path */
    COIL__APP_FIELDS = 64,   /* parameters in a query, or another table */
    COIL__APP_DEPTH = 16,    /* groups in each other */
    COIL__APP_PAIRS = 256,   /* that a client may send in a query, a form or a Cookie field */
    COIL__APP_ROOM = 512,    /* bytes of a path that need no memory */
    COIL__APP_ERRORS = 32,   /* that one answer lists */
};

/* What a segment of a pattern takes, in the order in which they are tried. */
enum coil__app_segment_kind {
    COIL__APP_LITERAL,
    COIL__APP_INT,
    COIL__APP_UUID,
    COIL__APP_ANY,
    COIL__APP_REST,
    COIL__APP_KINDS,
};

/* A segment of a pattern. */
struct coil__app_piece {
    enum coil__app_segment_kind kind;
    const char *text; /* of a literal; else the parameter's name. Not ended by a NUL */
    size_t size;
};

/* A pattern, cut. Points into its text. */
struct coil__app_pattern {
    struct coil__app_piece pieces[COIL__APP_SEGMENTS];
    size_t count;
};

/* A parameter in a path. */
struct coil__app_name {
    const char *text;
    uint8_t place; /* which segment */
    uint8_t kind;  /* enum coil__app_segment_kind */
};

/* Where parameters come from that a route has tables of; errors are told in this order. */
enum coil__app_place {
    COIL__APP_QUERY,
    COIL__APP_HEADER,
    COIL__APP_COOKIE,
    COIL__APP_FORM,
    COIL__APP_PLACES,
};

/* Such a table. */
struct coil__app_list {
    const struct coil_app_param *params; /* up to one without a name; or NULL */
    size_t count;
    size_t first; /* its values stand from here on among the request's */
};

/* A route, as it was added; or a mount, which has no method. */
struct coil__app_endpoint {
    struct coil__app_endpoint *next;   /* of the app, in the order of registration */
    struct coil__app_endpoint *beside; /* of the same node, for another method */
    struct coil_app_route route;       /* without a method: a mount */
    struct coil_app *group;
    void *user;
    char *path;      /* with the prefixes */
    char *label;     /* the same, as the documents have it: "/notes/{id}" */
    char *operation; /* what they call it; NULL: a mount */
    struct coil__app_name *names;
    char *name_text; /* in which those stand */
    size_t name_count;
    struct coil__app_list lists[COIL__APP_PLACES];
    size_t value_count; /* of all of them */
    size_t depth;       /* segments */
};

struct coil__app_node {
    const char *text; /* of a literal: points into an endpoint's path, or a group's prefix */
    size_t size;
    struct coil__app_node **literals; /* sorted by size, then by bytes */
    size_t literal_count;
    struct coil__app_node *others[COIL__APP_KINDS]; /* by kind; [COIL__APP_LITERAL] is unused */
    struct coil__app_endpoint *endpoints;           /* by `beside` */
    struct coil__app_endpoint *mount;               /* NULL: none */
    struct coil_app *group;                         /* whose prefix ends here; or NULL */
};

struct coil__app_use {
    coil_app_middleware fn;
    void *user;
};

/* The app, or a group. */
struct coil_app {
    struct coil_app *root;
    struct coil_app *next_group;                /* of the root's list */
    struct coil_app *line[COIL__APP_DEPTH + 1]; /* from the root to this one */
    size_t depth;                               /* its place in that */
    char *prefix;                               /* with those around it */
    struct coil__app_use *uses;
    size_t use_count;
    /* The root's alone. */
    struct coil__app_node tree;
    struct coil_app *groups; /* to be freed with it */
    struct coil__app_endpoint *endpoints;
    struct coil__app_endpoint *last_endpoint;
    int error; /* the first of a registration; 0: none */
    char error_text[256];
    char *title;
    char *version;
    char *description;
    char *openapi_path; /* "": none */
    char *docs_path;
    bool debug;
    void *state;
    coil_app_error_fn on_error;
    void *error_user;
    const struct coil_json_type **types; /* those of the documents */
    size_t type_count;
    size_t type_room;
    struct coil__app_text openapi; /* made when it is first asked for; has_failed: not yet */
};

/* A parameter that was read. */
struct coil__app_value {
    struct coil_app_value one;   /* its text is NULL: not given; it is a list */
    struct coil_app_value *list; /* NULL: not given; it is none */
    size_t count;                /* in the list */
    size_t room;                 /* for so many */
};

/* A table's parameters, while they are read. */
struct coil__app_reading {
    struct coil__app_request *request;
    const char *where; /* coil__app_place_names */
    const struct coil_app_param *params;
    struct coil__app_value *values;
    size_t count;
    uint64_t given; /* a bit for each */
    size_t errors;
    struct coil__app_text *text; /* the problem document */
};

/* Something to be done when the request is over; or memory of its. */
struct coil__app_release {
    struct coil__app_release *next;
    coil_app_release_fn fn; /* NULL: only memory */
    void *arg;
    const struct coil_app_resource *resource; /* whose value `arg` is; or NULL */
    max_align_t memory[];
};

struct coil__app_segment {
    char *text; /* decoded, ends with a NUL */
    uint32_t size;
    uint32_t raw; /* where it begins in the path as it was sent */
};

struct coil__app_request {
    struct coil_http_exchange *exchange;
    struct coil_app *app;
    struct coil__app_request *outer;     /* of the app in which this one is mounted; or NULL */
    const char *path;                    /* that was asked of the outermost one */
    size_t mounted;                      /* bytes of it that the outer ones took */
    size_t below;                        /* of the path at hand, while a mounted handler runs */
    struct coil__app_endpoint *endpoint; /* NULL: none was found, `status` says why */
    struct coil_app *group;              /* whose middleware runs */
    unsigned status;                     /* 0; 200: OPTIONS; 400, 404, 405, 500 */
    uint64_t max_body;                   /* of middleware; UINT64_MAX: none */
    struct coil__app_release *releases;  /* the last one first */
    struct coil__app_value *values;      /* those of the endpoint's tables */
    const char *id;                      /* of coil_app_request_id; or NULL */
    void *body;                          /* what JSON was made into; or NULL */
    bool is_parsed;                      /* the next two are valid */
    size_t body_count;                   /* of an array */
    size_t segment_count;
    const char *allowed[COIL__APP_SEGMENTS]; /* methods, of 405 and OPTIONS */
    size_t allowed_count;
    struct coil__app_segment segments[COIL__APP_SEGMENTS];
    char room[COIL__APP_ROOM];
};

/* --- app.c --- */

/* Keeps what is wrong, if it is the first. Returns the error. */
int coil__app_fail(struct coil_app *app, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A copy; NULL: no memory. */
char *coil__app_copy(const char *text);

/* --- app_pattern.c --- */

/* Cuts a path or prefix. 0; or an error that was kept. what: for that, what is wrong with which
 * text. is_prefix: "" is allowed, and nothing that takes more than one segment. */
int coil__app_parse_pattern(struct coil_app *app, const char *text, bool is_prefix,
                            struct coil__app_pattern *ret_pattern);

/* --- app_tree.c --- */

/* The node for a pattern, which is made if it is not there. NULL: no memory. */
struct coil__app_node *coil__app_grow(struct coil__app_node *tree,
                                      const struct coil__app_pattern *pattern);
void coil__app_tree_deinit(struct coil__app_node *node);

/* The child for that literal; NULL: there is none. */
struct coil__app_node *coil__app_find_literal(const struct coil__app_node *node, const char *text,
                                              size_t size);

/* --- app_route.c --- */

/* As coil_app_add, one of them; without a method it is a mount. */
int coil__app_add_route(struct coil_app *group, const struct coil_app_route *route, void *user);
void coil__app_endpoint_free(struct coil__app_endpoint *endpoint);

/* --- app_operation.c --- */

/* Finds the endpoint a name. 0, or an error that was kept: -EEXIST, -ENOMEM. */
int coil__app_name_operation(struct coil__app_endpoint *endpoint);

/* --- app_match.c --- */

/* Finds the request's endpoint, or why there is none: fills in what is known of it. */
void coil__app_match(struct coil__app_request *request);

/* Digits, with no zero in front; -0 is none. */
bool coil__app_parse_int(const char *text, size_t size, int64_t *ret_value);

/* --- app_number.c --- */

/* A finite number, as JSON has it. */
bool coil__app_parse_number(const char *text, size_t size, double *ret_value);

/* --- app_request.c --- */

struct coil__app_request *coil__app_of(const struct coil_http_exchange *exchange);
void coil__app_release_all(struct coil__app_request *request);

/* --- app_values.c --- */

/* "query", "header", "cookie", "form". */
extern const char *const coil__app_place_names[COIL__APP_PLACES];

/* Reads all that the endpoint declares. 1; 0: it is answered already; or an error. */
int coil__app_read_values(struct coil__app_request *request);

/* Checks a declaration, and counts it. 0, or an error that was kept. where: the route's path. */
int coil__app_check_params(struct coil_app *app, const char *where, enum coil__app_place place,
                           const struct coil_app_param *params, size_t *ret_count);

/* All of a text of pairs. 0; -COIL_ELIMIT, -ENOMEM. */
int coil__app_read_pairs(struct coil__app_reading *reading, const char *text, size_t size);

/* Whether there may be one more of that parameter. */
bool coil__app_wants(const struct coil__app_reading *reading, size_t index);

/* What the parameter is, as the client gave it: text ends with a NUL. Complains if it is wrong, or
 * there twice, unless it is a list. file: what is known of it, if it is one; or NULL. */
void coil__app_take_value(struct coil__app_reading *reading, size_t index, const char *text,
                          size_t size, const struct coil_app_file *file);

/* Adds an error to the problem document, which it begins if it is the first. */
void coil__app_complain(struct coil__app_text *text, const char *where, const char *name,
                        const char *code, const char *message);

/* Complains of a parameter that is there twice. */
void coil__app_take_twin(struct coil__app_reading *reading, size_t index);

/* Takes defaults for what was not given, and complains of what is missing. */
void coil__app_fill_in(struct coil__app_reading *reading);

/* --- app_fields.c --- */

/* Read the headers, the cookies. 0; -COIL_ELIMIT, -ENOMEM. */
int coil__app_read_headers(struct coil__app_reading *reading);
int coil__app_read_cookies(struct coil__app_reading *reading);

/* --- app_form.c --- */

/* Reads the form. 1; 0: it is answered; or an error. */
int coil__app_read_form(struct coil__app_reading *reading);

/* --- app_body.c --- */

/* Reads a body as a whole. 1; 0: it is answered already (413, 415); or an error. media_types: what
 * it may be, up to a NULL; "+json" types pass for JSON. */
int coil__app_read_body(struct coil__app_request *request, const char *const *media_types,
                        const char **ret_body, size_t *ret_size);

/* --- app_json.c --- */

/* Reads what the endpoint declares of JSON. 1: what is wrong with the fields stands in the text; 0:
 * it is answered already; or an error. */
int coil__app_read_json(struct coil__app_request *request, struct coil__app_text *text);

/* Checks a table, and notes it for the documents; NULL is fine. 0, or an error that was kept. */
int coil__app_check_type(struct coil_app *app, const char *where,
                         const struct coil_json_type *type);

/* --- app_problem.c --- */

/* Replies with a text as a problem document, and frees it. */
int coil__app_reply_problem(struct coil_http_exchange *exchange, unsigned status,
                            struct coil__app_text *text);

/* Begins one, up to where more members may follow: "{"type":...,"detail":...". */
void coil__app_begin_problem(struct coil__app_text *text, unsigned status, const char *title,
                             const char *detail);

/* --- app_openapi.c, app_docs.c --- */

/* The route of the documents, if the options want them. 0, or an error. */
int coil__app_add_documents(struct coil_app *app);

#endif
