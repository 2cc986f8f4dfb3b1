/* app_docs.c - the routes of the documents, and the page that shows them.
 *
 * The page is in the library (docs/, by scripts/embed.py), asks for nothing from elsewhere, and is
 * told to the browser to do so. Its parts are the same path with a query: "?css", "?js",
 * "?openapi"; so it works wherever it is mounted.
 */
#include "http/app_pages.h"

#include "http/app.h"

#include <errno.h>

/* The paths of a mounted app begin behind what the outer ones took of the path, as it was sent:
 * `servers` says so (OpenAPI 3.1, section 4.8.5). FastAPI: root_path. */
static int reply_mounted(const struct coil__app_request *request, const char *document)
{
    struct coil__app_text text = {0};
    char *prefix = coil_app_alloc(request->exchange, request->mounted + 1);
    int rc;

    if (!prefix) {
        return -ENOMEM;
    }
    memcpy(prefix, request->path, request->mounted);
    prefix[request->mounted] = '\0';
    coil__app_text_add(&text, "{\"servers\":[{\"url\":");
    coil__app_text_string(&text, prefix);
    coil__app_text_add(&text, "}],");
    coil__app_text_add(&text, document + 1);
    rc = text.has_failed
             ? -ENOMEM
             : coil_http_reply(request->exchange, 200, "application/json", text.data, text.size);
    coil__app_text_deinit(&text);
    return rc;
}

static int reply_openapi(struct coil_http_exchange *exchange, void *user)
{
    const struct coil__app_request *request = coil__app_of(exchange);
    const char *document = coil_app_openapi(user);

    if (!document) {
        return -ENOMEM;
    }
    return request->mounted > 0
               ? reply_mounted(request, document)
               : coil_http_reply(exchange, 200, "application/json", document, strlen(document));
}

static int reply_part(struct coil_http_exchange *exchange, const char *type,
                      const struct coil__file_text *part)
{
    return coil_http_reply(exchange, 200, type, part->bytes, part->size);
}

static int reply_docs(struct coil_http_exchange *exchange, void *user)
{
    static const char policy[] =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'";
    const char *query = coil_http_query(exchange);
    int rc = coil_http_add_field(exchange, "X-Content-Type-Options", "nosniff");

    if (rc < 0) {
        return rc;
    }
    if (query && strcmp(query, "openapi") == 0) {
        return reply_openapi(exchange, user);
    }
    if (query && strcmp(query, "css") == 0) {
        return reply_part(exchange, "text/css; charset=utf-8", &coil__docs_css);
    }
    if (query && strcmp(query, "js") == 0) {
        return reply_part(exchange, "text/javascript; charset=utf-8", &coil__docs_js);
    }
    rc = coil_http_add_field(exchange, "Content-Security-Policy", policy);
    return rc < 0 ? rc : reply_part(exchange, "text/html; charset=utf-8", &coil__docs_html);
}

int coil__app_add_documents(struct coil_app *app)
{
    struct coil_app_route openapi = {
        .method = "GET", .path = app->openapi_path, .handler = reply_openapi, .is_hidden = true};
    struct coil_app_route docs = {
        .method = "GET", .path = app->docs_path, .handler = reply_docs, .is_hidden = true};
    int rc = 0;

    if (*app->openapi_path) {
        rc = coil__app_add_route(app, &openapi, app);
    }
    if (rc == 0 && *app->docs_path) {
        rc = coil__app_add_route(app, &docs, app);
    }
    return rc;
}
