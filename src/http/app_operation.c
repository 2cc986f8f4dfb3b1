/* app_operation.c - what a route is called in the documents: OpenAPI's operationId, of which the
 * clients that are made from a document make the names of their functions. No two are the same. */
#include "http/app.h"

#include "base/memory.h"

#include <errno.h>

static bool is_taken(const struct coil_app *root, const char *name)
{
    for (const struct coil__app_endpoint *at = root->endpoints; at; at = at->next) {
        if (at->operation && strcmp(at->operation, name) == 0) {
            return true;
        }
    }
    return false;
}

/* "get_notes_id", for GET /notes/{id}: what stands between letters and digits becomes a '_'. */
static void add_words(struct coil__app_text *text, const char *words)
{
    bool is_gap = text->size > 0;

    for (; *words; words++) {
        char c = coil__to_lower(*words);

        if (!coil__is_letter(c) && !coil__is_digit(c)) {
            is_gap = true;
            continue;
        }
        coil__app_text_add(text, is_gap ? "_" : "");
        coil__app_text_bytes(text, text->has_failed ? "" : &c, 1);
        is_gap = false;
    }
}

int coil__app_name_operation(struct coil__app_endpoint *endpoint)
{
    const struct coil_app_route *route = &endpoint->route;
    const struct coil_app *root = endpoint->group->root;
    struct coil__app_text text = {0};
    int number = 1;

    if (!route->method) {
        return 0;
    }
    if (route->operation && is_taken(root, route->operation)) {
        return coil__app_fail(endpoint->group, -EEXIST, "%s \"%s\": an operation \"%s\" is there",
                              route->method, endpoint->path, route->operation);
    }
    do {
        coil__app_text_deinit(&text);
        if (route->operation) {
            coil__app_text_add(&text, route->operation);
        } else {
            add_words(&text, route->method);
            add_words(&text, endpoint->label);
        }
        if (number > 1) {
            coil__app_text_add(&text, "_");
            coil__app_text_number(&text, number);
        }
        number++;
    } while (!text.has_failed && is_taken(root, text.data ? text.data : ""));
    if (text.has_failed) {
        coil__app_text_deinit(&text);
        return coil__app_fail(endpoint->group, -ENOMEM, "\"%s\": no memory", endpoint->path);
    }
    endpoint->operation = text.data;
    return 0;
}
