/* coil/app.h - an API on top of coil/http_server.h: routes, parameters, middleware, documents.
 *
 *     static int get_note(struct coil_http_exchange *exchange, void *user)
 *     {
 *         int64_t id;
 *
 *         coil_app_get_int(exchange, "id", &id);
 *         return coil_app_reply_text(exchange, 200, notes[id % NOTES]);
 *     }
 *
 *     static const struct coil_app_route routes[] = {
 *         COIL_APP_GET("/notes/{id:int}", get_note, .summary = "One note"),
 *         {0},
 *     };
 *     ...
 *     coil_app_new(NULL, &app);
 *     coil_app_add(app, routes, NULL);
 *     rc = coil_app_serve(app, "0.0.0.0", 8080, NULL);   // until it is cancelled
 *
 * A request's way: its path finds a route; the middleware of the route's groups runs, outermost
 * first; what the route declares is read and checked; then its handler is called. What a client
 * does wrong is answered before that: 400 (no such path is possible), 404, 405, 413, 415, 422. An
 * answer to an error is a problem document (RFC 9457).
 *
 * GET answers HEAD too, and OPTIONS is answered with what is allowed, unless a route says else.
 * /openapi.json describes the routes (OpenAPI 3.1), and /docs shows that as a page.
 *
 * The exchange stays what it is: all of coil/http_server.h works in a handler, and streams and
 * protocols go through it. An app is made, and serves, in one thread; several loops have an app
 * each. Neighbours: FastAPI, Sanic, Quart. Library: coil-http.
 */
#ifndef COIL_APP_H
#define COIL_APP_H

#include <coil/http_server.h>
#include <coil/json.h>

struct coil_app;
struct coil_app_chain;

/* What a parameter's text is read as. */
enum coil_app_kind {
    COIL_APP_TEXT,   /* UTF-8 without a NUL */
    COIL_APP_INT,    /* an int64_t in decimal digits */
    COIL_APP_NUMBER, /* a finite double */
    COIL_APP_BOOL,   /* true, false, 1, 0, on, off, yes, no */
    COIL_APP_FILE,   /* a file: in a form alone, which is then multipart/form-data */
};

/* A file that came in a form. All of it is valid until the request is over. */
struct coil_app_file {
    const char *filename; /* as of struct coil_http_part: never NULL, "" if it cannot be used */
    const char *type;     /* the media type that the client says it is of */
    const char *data;     /* a NUL follows, which does not count */
    size_t size;          /* in bytes */
};

/* A parameter of the query, a header, a cookie, or a field of a form. All of it stays the caller's
 * and must live as long as the app. */
struct coil_app_param {
    const char *name; /* of a header it is found in any case: "X-Api-Version" */
    enum coil_app_kind kind;
    bool is_required;
    const char *default_text; /* what counts if it is not given; NULL: nothing does */
    bool is_bounded;          /* min and max count: for numbers, and for a text's or file's bytes */
    int64_t min;              /* both are allowed values themselves */
    int64_t max;
    const char *const *choices; /* the texts that are allowed, up to a NULL; NULL: all are. A file
                                   has neither these nor a default */
    const char *description;    /* for the documents; may be NULL */
    bool is_list; /* may be given several times, and has no default: coil_app_get_list. In a query
                     or a form. FastAPI: List[int] = Query() */
};

/* One value of such a parameter. What is not of its kind is zero. */
struct coil_app_value {
    const char *text;          /* decoded, but else as it was sent; of a file its data */
    int64_t integer;           /* COIL_APP_INT; of COIL_APP_BOOL 0 or 1 */
    double number;             /* COIL_APP_NUMBER */
    struct coil_app_file file; /* COIL_APP_FILE */
};

/* A route. What is not said is zero. The struct and its path are copied; all else it points to is
 * the caller's and must live as long as the app.
 *
 * path: segments behind slashes. A segment is plain text, or a parameter of its own: "{id:int}" (a
 * number in digits, with no zero in front), "{id:uuid}", "{name}" (any one segment), and at the end
 * "{rest:path}" (all that follows, slashes and empty text too). Where several fit, plain text comes
 * first, then int, uuid, any segment, path. A slash at the end counts: "/notes/" and "/notes" are
 * two paths, each of which needs a route to be found, and nobody is redirected from one to the
 * other.
 *
 * headers: text that comes in several fields is one list with commas (RFC 9110, section 5.3); of
 * other kinds there may be one field. cookies: as they were sent, not decoded, and quotes are
 * theirs. Of several with one name the first one counts: browsers put the one with the longest path
 * there. */
struct coil_app_route {
    const char *method; /* "GET"; a NULL ends a list */
    const char *path;   /* "/notes/{id:int}" */
    coil_http_handler handler;
    const char *summary; /* for the documents, as the next three */
    const char *description;
    const char *tag;
    const char *operation;                 /* the name that made clients have for it; NULL: of the
                                              method and the path, "get_notes_id" */
    const struct coil_app_param *query;    /* up to one without a name; NULL: none */
    const struct coil_app_param *headers;  /* likewise, as the next two. FastAPI: Header() */
    const struct coil_app_param *cookies;  /* FastAPI: Cookie() */
    const struct coil_app_param *form;     /* of a body that is a form, of either encoding, kept in
                                              memory as a whole: for more, coil/http_multipart.h */
    const struct coil_json_type *body;     /* of a body that is JSON; NULL: none is expected */
    bool body_is_array;                    /* an array of those */
    const struct coil_json_type *response; /* of a good response, for the documents */
    bool response_is_array;
    unsigned status;   /* of a good response, for the documents; 0: 200 */
    uint64_t max_body; /* bytes; 0: as the server has it */
    bool is_hidden;    /* not in the documents */
    bool is_deprecated;
};

#ifndef __cplusplus

/* The initialiser of a route; what else it has may follow:
 * COIL_APP_GET("/notes/{id:int}", get_note, .summary = "One note"). FastAPI: @app.get(...). */
#define COIL_APP_GET(...) COIL__APP_ROUTE("GET", __VA_ARGS__, )
#define COIL_APP_POST(...) COIL__APP_ROUTE("POST", __VA_ARGS__, )
#define COIL_APP_PUT(...) COIL__APP_ROUTE("PUT", __VA_ARGS__, )
#define COIL_APP_PATCH(...) COIL__APP_ROUTE("PATCH", __VA_ARGS__, )
#define COIL_APP_DELETE(...) COIL__APP_ROUTE("DELETE", __VA_ARGS__, )

/* Internal. The comma at the end of each call gives `...` an argument, as ISO C wants it. */
#define COIL__APP_ROUTE(name, pattern, function, ...)                                              \
    {                                                                                              \
        .method = (name), .path = (pattern), .handler = (function), __VA_ARGS__                    \
    }

#endif

/* Told of a handler's error before the client is answered with 500; it may answer otherwise. */
typedef void (*coil_app_error_fn)(struct coil_http_exchange *exchange, int error, void *user);

/* All-zero is the default of everything. The strings are copied. */
struct coil_app_options {
    const char *title;          /* of the documents; NULL: "API" */
    const char *version;        /* of the API; NULL: "0.1.0" */
    const char *description;    /* NULL: none */
    const char *openapi_path;   /* NULL: "/openapi.json"; "": no documents */
    const char *docs_path;      /* NULL: "/docs"; "": no page */
    bool debug;                 /* a 500 says which error it was */
    void *state;                /* coil_app_state gives it to handlers; stays the caller's */
    coil_app_error_fn on_error; /* may be NULL */
    void *error_user;           /* for on_error */
};

COIL_BEGIN_DECLS

/* --- an app --- */

/* Makes an app. options: may be NULL. ret_app: the caller's, who frees it. 0; -EINVAL (a path of
 * the documents that is none); -ENOMEM. */
COIL_EXPORT int coil_app_new(const struct coil_app_options *options, struct coil_app **ret_app);

/* Frees an app and its groups. It must not serve any more. NULL, and a group: does nothing. */
COIL_EXPORT void coil_app_free(struct coil_app *app);

/* Adds routes up to one without a method. user: for their handlers. 0; -EINVAL: a route that cannot
 * be (a malformed path, a parameter that is there twice, a form and JSON at once, a default that
 * does not fit its own bounds...); -EEXIST: there is such a route, or operation; -COIL_ELIMIT: more
 * than 32 segments or 16 parameters in a path, or than 64 in a query, of headers, of cookies or in
 * a form; -ENOMEM. What was wrong is kept: coil_app_error says it, and the app does not serve.
 * Routes before the wrong one are added. FastAPI: @app.get(...). */
COIL_EXPORT int coil_app_add(struct coil_app *app, const struct coil_app_route *routes, void *user);

/* A part of the app: its routes' paths begin with the prefix, and its middleware runs for them and
 * for paths below the prefix that lead nowhere. app: the app, or another group. prefix: "/api", no
 * slash at the end, and parameters only of one segment; "" for a group by its middleware alone.
 * Returns the group, which belongs to the app and is used like it; NULL: coil_app_error says why.
 * FastAPI: APIRouter. */
COIL_EXPORT struct coil_app *coil_app_group(struct coil_app *app, const char *prefix);

/* Gives all that is below a prefix to another handler, whatever the method: to another app
 * (coil_app_handle and it), or to files. Meanwhile coil_http_path begins behind the prefix, with a
 * slash. Routes of this app that fit come first. Errors as coil_app_add. FastAPI: app.mount. */
COIL_EXPORT int coil_app_mount(struct coil_app *app, const char *prefix, coil_http_handler handler,
                               void *user);

/* Why the first of the calls above has failed, as a sentence with the route in it; NULL: none has.
 * Valid as long as the app. */
COIL_EXPORT const char *coil_app_error(const struct coil_app *app);

/* A coil_http_handler that answers by the app's routes. app: a struct coil_app. Returns as a
 * handler does; the error of a registration that has failed (the client gets 500); -EINVAL for
 * NULL. */
COIL_EXPORT COIL_SUSPENDS int coil_app_handle(struct coil_http_exchange *exchange, void *app);

/* As coil_http_serve with that. Fails at once with the error of a registration that has failed. */
COIL_EXPORT COIL_SUSPENDS int coil_app_serve(struct coil_app *app, const char *host, uint16_t port,
                                             const struct coil_http_server_options *options);

/* The OpenAPI document, as it is served (where the app is mounted, `servers` is added, with the
 * prefix that was asked for): a string of the app's, valid until something is added. NULL: -ENOMEM.
 */
COIL_EXPORT const char *coil_app_openapi(struct coil_app *app);

/* --- what was asked for: in a handler --- */

/* A parameter of the path or the query, a header, a cookie or a field of the form, by the name that
 * the route gives it. 1: `*ret_value` is set, by the client or by its default; 0: it was not
 * given. -EINVAL: the route declares no such parameter (of that kind; any kind but a file is had as
 * text), or one that is a list; outside of an app. Text is valid until the request is over. */
COIL_EXPORT int coil_app_get_int(const struct coil_http_exchange *exchange, const char *name,
                                 int64_t *ret_value);
COIL_EXPORT int coil_app_get_number(const struct coil_http_exchange *exchange, const char *name,
                                    double *ret_value);
COIL_EXPORT int coil_app_get_bool(const struct coil_http_exchange *exchange, const char *name,
                                  bool *ret_value);
COIL_EXPORT int coil_app_get_text(const struct coil_http_exchange *exchange, const char *name,
                                  const char **ret_value);

/* The same of a file in a form. */
COIL_EXPORT int coil_app_get_file(const struct coil_http_exchange *exchange, const char *name,
                                  struct coil_app_file *ret_file);

/* All that was given of a parameter that is a list, in its order: `*ret_count` values, none if it
 * was not given. 0, -EINVAL as above. Valid until the request is over. */
COIL_EXPORT int coil_app_get_list(const struct coil_http_exchange *exchange, const char *name,
                                  const struct coil_app_value **ret_values, size_t *ret_count);

/* The same as the first ones, of a text that is wanted or not: NULL for 0 and for errors. */
COIL_EXPORT const char *coil_app_text(const struct coil_http_exchange *exchange, const char *name);

/* What the JSON of the body has become: a struct of the route's `body`, that lives, with all it
 * points to, until the request is over; the handler may change it. NULL: the route has none, or an
 * array; outside of an app. FastAPI: a parameter that is a model. */
COIL_EXPORT void *coil_app_body(const struct coil_http_exchange *exchange);

/* The same for an array. ret_values: a pointer to the first one is stored there, by *(struct note
 * **)ret_values; NULL if there are none. ret_count: how many. 0, -EINVAL. */
COIL_EXPORT int coil_app_body_array(const struct coil_http_exchange *exchange, void *ret_values,
                                    size_t *ret_count);

/* The route that was found: "/api/notes/{id:int}", with its prefixes; NULL: none was. */
COIL_EXPORT const char *coil_app_route_path(const struct coil_http_exchange *exchange);

/* The `state` of the options; NULL: none, or outside of an app. FastAPI: app.state. */
COIL_EXPORT void *coil_app_state(const struct coil_http_exchange *exchange);

/* --- what the request holds --- */

/* Memory that is freed when the request is over. NULL: -ENOMEM, or outside of an app. */
COIL_EXPORT void *coil_app_alloc(struct coil_http_exchange *exchange, size_t size);

typedef void (*coil_app_release_fn)(void *arg);

/* Has fn(arg) called when the request is over, however it ends: answered, failed, cancelled, its
 * client gone. Last in, first out; in the task of the handler and under a shield, so fn may
 * suspend, and should bound that. 0; on failure fn(arg) was called: -ENOMEM, -EINVAL (outside of an
 * app). FastAPI: what follows `yield` in a dependency. */
COIL_EXPORT COIL_SUSPENDS int coil_app_defer(struct coil_http_exchange *exchange,
                                             coil_app_release_fn fn, void *arg);

/* Something that a request needs once: a connection of a pool, who asks. Lives as long as the app.
 */
struct coil_app_resource {
    /* Gets it. 0 and `*ret_value`, or an error. */
    int (*acquire)(struct coil_http_exchange *exchange, void *user, void **ret_value);
    void (*release)(void *value, void *user); /* may be NULL */
    void *user;
};

/* The resource's value in this request: acquired by the first call, handed out again by the next
 * ones, released as by coil_app_defer. 0; the error of `acquire`; -ENOMEM; -EINVAL. FastAPI:
 * Depends. */
COIL_EXPORT COIL_SUSPENDS int coil_app_acquire(struct coil_http_exchange *exchange,
                                               const struct coil_app_resource *resource,
                                               void **ret_value);

/* --- replies --- */

/* Replies with a string as text/plain; charset=utf-8. Errors as coil_http_reply. */
COIL_EXPORT COIL_SUSPENDS int coil_app_reply_text(struct coil_http_exchange *exchange,
                                                  unsigned status, const char *text);

/* Replies with a struct, or `count` structs, as application/json. Errors as coil_json_write and
 * coil_http_reply; nothing is answered if the writing fails. */
COIL_EXPORT COIL_SUSPENDS int coil_app_reply_json(struct coil_http_exchange *exchange,
                                                  unsigned status,
                                                  const struct coil_json_type *type,
                                                  const void *value);
COIL_EXPORT COIL_SUSPENDS int coil_app_reply_json_array(struct coil_http_exchange *exchange,
                                                        unsigned status,
                                                        const struct coil_json_type *type,
                                                        const void *values, size_t count);

/* Sends the client elsewhere. status: 301, 302, 303, 307, 308. location: a URL or a reference; it
 * must not come from a client unchecked. Errors as coil_http_reply; -EINVAL for another status. */
COIL_EXPORT COIL_SUSPENDS int coil_app_redirect(struct coil_http_exchange *exchange,
                                                unsigned status, const char *location);

/* Replies with a problem document, application/problem+json (RFC 9457). title: NULL for the usual
 * phrase of the status. detail: what went wrong this time, for the client to read; NULL: nothing.
 * Errors as coil_http_reply, -ENOMEM. */
COIL_EXPORT COIL_SUSPENDS int coil_app_problem(struct coil_http_exchange *exchange, unsigned status,
                                               const char *title, const char *detail);

/* --- middleware --- */

/* Runs around the handlers of an app or a group: does something, calls coil_app_next or answers
 * itself, does something. Returns as a handler does. */
typedef int (*coil_app_middleware)(struct coil_http_exchange *exchange, struct coil_app_chain *next,
                                   void *user);

/* Adds middleware: those added first run first. app: the app or a group. user: for fn; the ready
 * ones below say what. Errors as coil_app_add. */
COIL_EXPORT int coil_app_use(struct coil_app *app, coil_app_middleware fn, void *user);

/* Calls the rest of the chain: the next middleware, and in the end the handler. Returns what it has
 * returned. At most once; -COIL_EINVALIDSTATE the second time. -EINVAL for NULL. */
COIL_EXPORT COIL_SUSPENDS int coil_app_next(struct coil_http_exchange *exchange,
                                            struct coil_app_chain *next);

/* Cross-origin requests (Fetch, section 3.2; RFC 6454). All-zero allows nobody. */
struct coil_app_cors_options {
    const char *const *origins; /* "https://example.org", up to a NULL; "*": everybody */
    const char *const *methods; /* up to a NULL; NULL: those of the route */
    const char *const *headers; /* that may be sent, up to a NULL; NULL: those that are asked for;
                                     none with "*" in origins and credentials */
    const char *const *exposed; /* that a script may see, up to a NULL; NULL: none */
    bool with_credentials;      /* cookies and authorization go along; an error with "*" */
    int64_t max_age_s;          /* how long a preflight's answer holds; 0: 600; -1: not at all */
};

/* Answers preflights and lets the origins named read the responses. user: a struct
 * coil_app_cors_options that lives as long as the app. Whoever comes from elsewhere gets the
 * response without those fields: it is the browser that refuses. */
COIL_EXPORT COIL_SUSPENDS int coil_app_cors(struct coil_http_exchange *exchange,
                                            struct coil_app_chain *next, void *user);

/* Who may come in. All of it lives as long as the app. */
struct coil_app_auth {
    /* Looks at a token, or at a name and a password (a string each). Returns 1: come in; 0: no
     * (401); -EACCES: known, and not allowed (403); another error (500). May suspend. */
    int (*check)(struct coil_http_exchange *exchange, const char *name, const char *secret,
                 void *user);
    void *user;
    const char *realm; /* NULL: "api" */
};

/* Lets in who shows a good bearer token (RFC 6750), or a name and password (RFC 7617); others get
 * 401 with WWW-Authenticate. user: a struct coil_app_auth; of a bearer token the name is NULL. The
 * documents say so of the routes inside. Credentials need TLS around them. */
COIL_EXPORT COIL_SUSPENDS int coil_app_bearer_auth(struct coil_http_exchange *exchange,
                                                   struct coil_app_chain *next, void *user);
COIL_EXPORT COIL_SUSPENDS int coil_app_basic_auth(struct coil_http_exchange *exchange,
                                                  struct coil_app_chain *next, void *user);

/* Whether two strings are equal, in a time that depends on the length of `given` alone: for
 * secrets. False if one is NULL. Any thread. */
COIL_EXPORT bool coil_app_secret_is(const char *secret, const char *given);

/* Gives each request an id: that of the client's X-Request-Id if it is a sane one (at most 128
 * letters, digits, "-._~:/+="), else 32 random hexadecimal digits. The response says it too. user:
 * not looked at. */
COIL_EXPORT COIL_SUSPENDS int coil_app_request_id(struct coil_http_exchange *exchange,
                                                  struct coil_app_chain *next, void *user);

/* The id; NULL without that middleware. Valid until the request is over. */
COIL_EXPORT const char *coil_app_get_request_id(const struct coil_http_exchange *exchange);

/* How much each client may ask for. All-zero is the default of everything. */
struct coil_app_rate_options {
    double per_second;  /* requests in the long run; 0: 10 */
    unsigned burst;     /* requests at once; 0: 20 */
    size_t max_clients; /* remembered at once; 0: 10,000; who has used least is forgotten first */
    /* Who asks. buf: size bytes for the answer, a string. 0, or an error: the request is not
     * counted. NULL: the address of the peer (an IPv6 client is its /64); without a socket all are
     * one, and behind a proxy too. */
    int (*key)(struct coil_http_exchange *exchange, char *buf, size_t size, void *user);
    void *user;
};

struct coil_app_rate;

/* Makes a limiter. options: may be NULL; copied. ret_rate: the caller's; must outlive the app. 0,
 * -EINVAL (a negative rate, more than 10 million clients), -ENOMEM: all its memory is taken here.
 */
COIL_EXPORT int coil_app_rate_new(const struct coil_app_rate_options *options,
                                  struct coil_app_rate **ret_rate);
COIL_EXPORT void coil_app_rate_free(struct coil_app_rate *rate);

/* Answers 429 with Retry-After (RFC 6585, section 4) to who asks too much. user: a struct
 * coil_app_rate. */
COIL_EXPORT COIL_SUSPENDS int coil_app_rate_limit(struct coil_http_exchange *exchange,
                                                  struct coil_app_chain *next, void *user);

/* Ends what takes too long: the call that waits fails with -ETIMEDOUT, and the client gets 503 if
 * the response has not begun. user: an int64_t, the nanoseconds. */
COIL_EXPORT COIL_SUSPENDS int coil_app_timeout(struct coil_http_exchange *exchange,
                                               struct coil_app_chain *next, void *user);

/* Adds what keeps browsers from guessing, framing and telling: X-Content-Type-Options,
 * X-Frame-Options, Referrer-Policy, Cross-Origin-Opener-Policy, and a Content-Security-Policy.
 * user: the latter's text; NULL: "frame-ancestors 'none'"; "": none. */
COIL_EXPORT COIL_SUSPENDS int coil_app_security_headers(struct coil_http_exchange *exchange,
                                                        struct coil_app_chain *next, void *user);

/* Has responses compressed where it is worth it and the client likes it: coil_http_compress for
 * each. user: a struct coil_http_compress_options (coil/http_compress.h) that lives as long as the
 * app; NULL: the usual ones. Without memory for it a response is sent as it is. */
COIL_EXPORT COIL_SUSPENDS int coil_app_compress(struct coil_http_exchange *exchange,
                                                struct coil_app_chain *next, void *user);

/* Refuses bodies of more bytes with 413: at once if the head says so, else when they come. user: a
 * uint64_t, above 0. */
COIL_EXPORT COIL_SUSPENDS int coil_app_body_limit(struct coil_http_exchange *exchange,
                                                  struct coil_app_chain *next, void *user);

/* --- testing --- */

/* A request to be made. All-zero but for the target: GET. */
struct coil_app_request {
    const char *method;                   /* NULL: "GET" */
    const char *target;                   /* "/notes?limit=2" */
    const struct coil_http_field *fields; /* without a Host among them it is "test" */
    size_t field_count;
    const void *body;
    size_t size; /* of the body, in bytes */
};

/* What came back. All-zero is empty. */
struct coil_app_response {
    unsigned status;
    const struct coil_http_field *fields;
    size_t field_count;
    const char *body; /* a NUL follows, which does not count */
    size_t size;
    char *memory_; /* in which all of it stands */
};

/* Makes a request of the app and waits for the response, without a socket: for tests; works on the
 * simulated backend. All goes the way that it goes in a server. ret_response: the caller's, for
 * coil_app_response_deinit. 0; -EINVAL; -COIL_EINCOMPLETE (the handler has broken its response
 * off), -ENOMEM, the reason of a cancel. Starlette: TestClient. */
COIL_EXPORT COIL_SUSPENDS int coil_app_call(struct coil_app *app,
                                            const struct coil_app_request *request,
                                            struct coil_app_response *ret_response);

/* The same in short. body: a string, sent as application/json; NULL: none. */
COIL_EXPORT COIL_SUSPENDS int coil_app_test(struct coil_app *app, const char *method,
                                            const char *target, const char *body,
                                            struct coil_app_response *ret_response);

/* The value of a response's first field of that name; NULL: there is none. */
COIL_EXPORT const char *coil_app_response_field(const struct coil_app_response *response,
                                                const char *name);

/* Frees what a response holds; it is empty then. */
COIL_EXPORT void coil_app_response_deinit(struct coil_app_response *response);

COIL_END_DECLS

#endif
