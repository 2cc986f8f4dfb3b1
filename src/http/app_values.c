/* app_values.c - parameters of the query, headers, cookies and fields of forms: read and checked.
 *
 * All that is wrong is told at once (422, with a list of errors in the problem document), so that a
 * client need not guess its way through. What a client sends besides is ignored. A parameter that
 * is given twice is an error, unless it is a list: which of the two counts would be a matter of
 * taste.
 */
#include "http/app.h"

#include "base/text.h"
#include "wire/query.h"

#include <errno.h>
#include <stdio.h>

/* --- one value --- */

/* What is wrong with one: the code of a JSON body's errors, and a sentence. */
struct complaint {
    const char *code; /* NULL: nothing */
    char message[160];
};

static bool parse_bool(const char *text, int64_t *ret_value)
{
    static const char *const words[] = {"false", "true", "0", "1", "off", "on", "no", "yes"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *ret_value = i % 2;
            return true;
        }
    }
    return false;
}

static bool is_clean_text(const char *text, size_t size)
{
    uint32_t code;

    if (strlen(text) != size) {
        return false;
    }
    while (*text) {
        size_t length = coil__text_character(text, &code);

        if (length == 0) {
            return false;
        }
        text += length;
    }
    return true;
}

static bool is_chosen(const struct coil_app_param *param, const char *text)
{
    const char *const *choice = param->choices;

    while (choice && *choice && strcmp(*choice, text) != 0) {
        choice++;
    }
    return !choice || *choice;
}

static void check_choice(const struct coil_app_param *param, const char *text,
                         struct complaint *complaint)
{
    struct coil__text message = {complaint->message, sizeof complaint->message, 0};

    if (is_chosen(param, text)) {
        return;
    }
    complaint->code = "enum";
    coil__text_add(&message, "must be one of");
    for (size_t i = 0; param->choices[i]; i++) {
        coil__text_add(&message, "%s %s", i > 0 ? "," : "", param->choices[i]);
    }
}

static void check_bounds(const struct coil_app_param *param, const struct coil_app_value *value,
                         size_t size, struct complaint *complaint)
{
    bool is_text = param->kind == COIL_APP_TEXT || param->kind == COIL_APP_FILE;
    bool is_number = param->kind == COIL_APP_NUMBER;
    int64_t whole = is_text ? (int64_t)size : value->integer;
    bool is_low = is_number ? value->number < (double)param->min : whole < param->min;
    bool is_high = is_number ? value->number > (double)param->max : whole > param->max;

    if (!param->is_bounded || param->kind == COIL_APP_BOOL || (!is_low && !is_high)) {
        return;
    }
    complaint->code = is_text ? "length" : "range";
    snprintf(complaint->message, sizeof complaint->message, "must %s at %s %lld%s",
             is_text ? "have" : "be", is_low ? "least" : "most",
             (long long)(is_low ? param->min : param->max), is_text ? " bytes" : "");
}

/* text: ends with a NUL, and has none before. */
static void parse_value(const struct coil_app_param *param, const char *text, size_t size,
                        struct coil_app_value *value, struct complaint *complaint)
{
    static const char *const wanted[] = {
        [COIL_APP_TEXT] = "must be text in UTF-8", [COIL_APP_INT] = "must be an integer",
        [COIL_APP_NUMBER] = "must be a number",    [COIL_APP_BOOL] = "must be true or false",
        [COIL_APP_FILE] = "must be a file",
    };
    bool is_file = value->file.filename != NULL;
    bool is_good =
        is_file == (param->kind == COIL_APP_FILE) && (is_file || is_clean_text(text, size));

    switch (is_good ? param->kind : COIL_APP_TEXT) {
    case COIL_APP_INT:
        is_good = coil__app_parse_int(text, size, &value->integer);
        break;
    case COIL_APP_NUMBER:
        is_good = coil__app_parse_number(text, size, &value->number);
        break;
    case COIL_APP_BOOL:
        is_good = parse_bool(text, &value->integer);
        break;
    default:
        break;
    }
    value->text = text;
    complaint->code = NULL;
    if (!is_good) {
        complaint->code = "type";
        snprintf(complaint->message, sizeof complaint->message, "%s", wanted[param->kind]);
        return;
    }
    check_bounds(param, value, size, complaint);
    if (!complaint->code) {
        check_choice(param, text, complaint);
    }
}

/* --- declarations --- */

const char *const coil__app_place_names[COIL__APP_PLACES] = {"query", "header", "cookie", "form"};

/* Headers and cookies have names that can be sent (RFC 9110, section 5.1; RFC 6265, section 4.1.1).
 */
static bool can_be(const struct coil_app_param *param, enum coil__app_place place)
{
    bool is_token = place == COIL__APP_HEADER || place == COIL__APP_COOKIE;

    return param->kind >= COIL_APP_TEXT &&
           param->kind <= (place == COIL__APP_FORM ? COIL_APP_FILE : COIL_APP_BOOL) &&
           *param->name && (!is_token || coil__slice_is_token(coil__slice_of(param->name))) &&
           !(param->kind == COIL_APP_FILE && param->choices) &&
           !(param->is_list &&
             (param->default_text || (place != COIL__APP_QUERY && place != COIL__APP_FORM))) &&
           !(param->is_bounded && param->min > param->max);
}

int coil__app_check_params(struct coil_app *app, const char *where, enum coil__app_place place,
                           const struct coil_app_param *params, size_t *ret_count)
{
    size_t count = 0;

    for (; params && params[count].name; count++) {
        const struct coil_app_param *param = &params[count];
        const char *text = param->default_text;
        struct coil_app_value value = {0};
        struct complaint complaint = {.code = NULL};

        if (count == COIL__APP_FIELDS) {
            return coil__app_fail(app, -COIL_ELIMIT, "\"%s\": more than %d parameters", where,
                                  COIL__APP_FIELDS);
        }
        if (!can_be(param, place)) {
            return coil__app_fail(app, -EINVAL, "\"%s\": parameter \"%s\" is of no kind that is",
                                  where, param->name);
        }
        if (text) {
            parse_value(param, text, strlen(text), &value, &complaint);
        }
        if (complaint.code) {
            return coil__app_fail(app, -EINVAL, "\"%s\": the default of \"%s\" %s", where,
                                  param->name, complaint.message);
        }
    }
    *ret_count = count;
    return 0;
}

/* --- reading --- */

void coil__app_complain(struct coil__app_text *text, const char *where, const char *name,
                        const char *code, const char *message)
{
    if (text->size == 0) {
        coil__app_begin_problem(text, 422, NULL, "What was sent is not what is wanted.");
        coil__app_text_key(text, "errors");
        coil__app_text_add(text, "[");
    }
    coil__app_text_next(text);
    coil__app_text_add(text, "{");
    coil__app_text_member(text, "in", where);
    coil__app_text_member(text, "field", name);
    coil__app_text_member(text, "code", code);
    coil__app_text_member(text, "message", message);
    coil__app_text_add(text, "}");
}

static void complain(struct coil__app_reading *reading, const char *name, const char *code,
                     const char *message)
{
    if (++reading->errors <= COIL__APP_ERRORS) {
        coil__app_complain(reading->text, reading->where, name, code, message);
    }
}

void coil__app_take_twin(struct coil__app_reading *reading, size_t index)
{
    complain(reading, reading->params[index].name, "duplicate", "must be given once");
}

bool coil__app_wants(const struct coil__app_reading *reading, size_t index)
{
    return reading->params[index].is_list || !(reading->given >> index & 1);
}

/* Where the next value goes. NULL: no memory. A list that has grown leaves its old place to the
 * request, which is bounded as it is. */
static struct coil_app_value *make_place(struct coil__app_reading *reading, size_t index)
{
    struct coil__app_value *value = &reading->values[index];
    struct coil_app_value *list;
    size_t room;

    if (!reading->params[index].is_list) {
        return &value->one;
    }
    if (value->count == value->room) {
        room = value->room > 0 ? 2 * value->room : 4;
        list = coil_app_alloc(reading->request->exchange, room * sizeof *list);
        if (!list) {
            return NULL;
        }
        if (value->count > 0) {
            memcpy(list, value->list, value->count * sizeof *list);
        }
        value->list = list;
        value->room = room;
    }
    list = &value->list[value->count++];
    *list = (struct coil_app_value){0};
    return list;
}

/* With its place, in a list. */
static void complain_of(struct coil__app_reading *reading, size_t index,
                        const struct complaint *complaint)
{
    const struct coil_app_param *param = &reading->params[index];
    struct coil__app_text name = {0};

    if (!complaint->code) {
        return;
    }
    coil__app_text_add(&name, param->name);
    if (param->is_list) {
        coil__app_text_add(&name, "[");
        coil__app_text_number(&name, (int64_t)reading->values[index].count - 1);
        coil__app_text_add(&name, "]");
    }
    complain(reading, name.has_failed ? param->name : name.data, complaint->code,
             complaint->message);
    coil__app_text_deinit(&name);
}

void coil__app_take_value(struct coil__app_reading *reading, size_t index, const char *text,
                          size_t size, const struct coil_app_file *file)
{
    struct coil_app_value *value;
    struct complaint complaint;

    if (!coil__app_wants(reading, index)) {
        coil__app_take_twin(reading, index);
        return;
    }
    value = make_place(reading, index);
    if (!value) {
        reading->text->has_failed = true;
        return;
    }
    reading->given |= UINT64_C(1) << index;
    if (file) {
        value->file = *file;
    }
    parse_value(&reading->params[index], text, size, value, &complaint);
    complain_of(reading, index, &complaint);
}

static void take_pair(struct coil__app_reading *reading, const struct coil__pair *pair, char **at)
{
    for (size_t i = 0; i < reading->count; i++) {
        char *text = *at;
        ssize_t size = 0;

        if (!coil__form_is(pair->name, coil__slice_of(reading->params[i].name))) {
            continue;
        }
        if (coil__app_wants(reading, i)) { /* there is room for all of them */
            size = coil__form_decode(pair->value, text, pair->value.size + 1);
            *at += size + 1;
        }
        coil__app_take_value(reading, i, text, (size_t)size, NULL);
        return;
    }
}

void coil__app_fill_in(struct coil__app_reading *reading)
{
    for (size_t i = 0; i < reading->count; i++) {
        const struct coil_app_param *param = &reading->params[i];
        struct complaint complaint;

        if (reading->given >> i & 1) {
            continue;
        }
        if (param->default_text) {
            parse_value(param, param->default_text, strlen(param->default_text),
                        &reading->values[i].one, &complaint);
        } else if (param->is_required) {
            complain(reading, param->name, "missing", "must be given");
        }
    }
}

int coil__app_read_pairs(struct coil__app_reading *reading, const char *text, size_t size)
{
    struct coil__query query;
    struct coil__pair pair;
    char *room = coil_app_alloc(reading->request->exchange, size + COIL__APP_FIELDS + 1);
    int rc;

    if (!room) {
        return -ENOMEM;
    }
    coil__query_init(&query, (struct coil__slice){text, size}, COIL__APP_PAIRS);
    while ((rc = coil__query_next(&query, &pair)) > 0) {
        take_pair(reading, &pair, &room);
    }
    if (rc == 0) {
        coil__app_fill_in(reading);
    }
    return rc;
}

/* 1; 0: it is answered already; or an error. */
static int read_list(struct coil__app_request *request, enum coil__app_place place,
                     struct coil__app_text *text)
{
    const struct coil__app_list *list = &request->endpoint->lists[place];
    const char *query = coil_http_query(request->exchange);
    struct coil__app_reading reading = {
        .request = request,
        .where = coil__app_place_names[place],
        .params = list->params,
        .values = request->values + list->first,
        .count = list->count,
        .text = text,
    };
    int rc;

    if (list->count == 0) {
        return 1;
    }
    switch (place) {
    case COIL__APP_QUERY:
        rc = coil__app_read_pairs(&reading, query ? query : "", query ? strlen(query) : 0);
        break;
    case COIL__APP_HEADER:
        rc = coil__app_read_headers(&reading);
        break;
    case COIL__APP_COOKIE:
        rc = coil__app_read_cookies(&reading);
        break;
    default:
        return coil__app_read_form(&reading);
    }
    return rc < 0 ? rc : 1;
}

int coil__app_read_values(struct coil__app_request *request)
{
    const struct coil__app_endpoint *endpoint = request->endpoint;
    size_t size = endpoint->value_count * sizeof *request->values;
    struct coil__app_text text = {0};
    int rc = 1;

    if (size == 0 && !endpoint->route.body) {
        return 1;
    }
    request->values = coil_app_alloc(request->exchange, size);
    if (!request->values) {
        return -ENOMEM;
    }
    memset(request->values, 0, size);
    for (int place = 0; rc == 1 && place < COIL__APP_PLACES; place++) {
        rc = read_list(request, (enum coil__app_place)place, &text);
    }
    rc = rc == 1 ? coil__app_read_json(request, &text) : rc;
    if (rc == 1 && text.size > 0) {
        coil__app_text_add(&text, "]}");
        return coil__app_reply_problem(request->exchange, 422, &text);
    }
    if (rc == 1 && text.has_failed) {
        rc = -ENOMEM;
    }
    coil__app_text_deinit(&text);
    return rc == -COIL_ELIMIT && !coil_http_is_begun(request->exchange) &&
                   request->exchange->body_error == 0
               ? coil_app_problem(request->exchange, 400, NULL, "There are too many parameters.")
               : rc;
}
