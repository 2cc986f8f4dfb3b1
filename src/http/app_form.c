/* app_form.c - the fields and files of a form, in either of its encodings. The body is in memory as
 * a whole: it was bounded before. Of multipart/form-data (RFC 7578) all that is wanted is copied
 * into one room, which is as large as the body and a NUL for each string. */
#include "http/app.h"
#include "http/upload.h"

#include <errno.h>

/* A part that is read. */
struct part {
    struct coil__app_reading *reading;
    size_t index;     /* of its parameter; the count: nobody wants it */
    bool is_unnamed;  /* a file without a name: a browser that has none to send */
    char *at;         /* where the room goes on */
    char *data;       /* in it */
    const char *type; /* of a file */
    const char *filename;
};

static char *copy_string(struct part *part, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = part->at;

    memcpy(copy, text, size);
    part->at += size;
    return copy;
}

static void begin_part(struct part *part, const struct coil__multipart_item *item, char *head)
{
    struct coil__app_reading *reading = part->reading;
    const char *filename;
    const char *type;

    part->index = 0;
    while (part->index < reading->count &&
           !coil__slice_is(item->name, reading->params[part->index].name)) {
        part->index++;
    }
    part->filename = NULL;
    part->is_unnamed = item->filename.start && item->filename.size == 0;
    if (part->index < reading->count && coil__app_wants(reading, part->index)) {
        filename = coil__upload_filename(head, item->filename);
        type = coil__upload_string(head, item->content_type);
        if (filename) {
            part->filename = copy_string(part, filename);
            part->type = type && *type ? copy_string(part, type) : "text/plain";
        }
    }
    part->data = part->at;
}

static void end_part(struct part *part)
{
    struct coil__app_reading *reading = part->reading;
    struct coil_app_file file = {.filename = part->filename,
                                 .type = part->type,
                                 .data = part->data,
                                 .size = (size_t)(part->at - part->data)};

    if (part->index == reading->count || (part->is_unnamed && file.size == 0)) {
        return;
    }
    if (coil__app_wants(reading, part->index)) {
        *part->at++ = '\0';
    }
    coil__app_take_value(reading, part->index, part->data, file.size,
                         part->filename ? &file : NULL);
}

/* Those that are wanted: there is room for them. */
static void add_data(struct part *part, struct coil__slice data)
{
    if (part->index < part->reading->count && coil__app_wants(part->reading, part->index)) {
        memcpy(part->at, data.start, data.size);
        part->at += data.size;
    }
}

/* 0; -COIL_ELIMIT; or a -COIL__EMULTIPART_. */
static int read_events(struct part *part, struct coil__multipart *parser, struct coil__slice body)
{
    struct coil__multipart_item item;
    int event;

    while ((event = coil__multipart_next(parser, &body, &item)) > 0) {
        switch (event) {
        case COIL__MULTIPART_PART:
            begin_part(part, &item, parser->head);
            break;
        case COIL__MULTIPART_DATA:
            add_data(part, item.data);
            break;
        case COIL__MULTIPART_PART_END:
            end_part(part);
            break;
        default:
            break;
        }
    }
    return event == -COIL__EMULTIPART_PARTS ? -COIL_ELIMIT : coil__multipart_finish(parser);
}

/* 1; 0: it is answered; or an error. */
static int read_parts(struct coil__app_reading *reading, struct coil__slice body)
{
    struct coil_http_exchange *exchange = reading->request->exchange;
    const char *type = coil_http_get_field(exchange, "Content-Type");
    char head[COIL__UPLOAD_HEAD];
    char boundary[COIL__MULTIPART_BOUNDARY + 1];
    struct coil__multipart parser;
    struct part part = {.reading = reading};
    ssize_t length = coil__multipart_boundary(coil__slice_of(type), boundary, sizeof boundary);
    int rc = (int)length;

    if (length >= 0) {
        part.at = coil_app_alloc(exchange, body.size + (size_t)3 * COIL__APP_FIELDS);
        if (!part.at) {
            return -ENOMEM;
        }
        coil__multipart_init(&parser, (struct coil__slice){boundary, (size_t)length}, head,
                             sizeof head, COIL__APP_PAIRS);
        rc = read_events(&part, &parser, body);
    }
    if (rc == -COIL_ELIMIT) {
        return rc;
    }
    if (rc < 0) {
        return coil_app_problem(exchange, 400, NULL, coil__multipart_strerror(rc));
    }
    coil__app_fill_in(reading);
    return 1;
}

static bool is_multipart(const struct coil_http_exchange *exchange)
{
    static const char type[] = "multipart/";
    const char *field = coil_http_get_field(exchange, "Content-Type");

    return field && strlen(field) >= sizeof type - 1 &&
           coil__slice_is_like((struct coil__slice){field, sizeof type - 1}, type);
}

int coil__app_read_form(struct coil__app_reading *reading)
{
    static const char *const types[] = {"application/x-www-form-urlencoded", "multipart/form-data",
                                        NULL};
    struct coil__app_request *request = reading->request;
    const char *body;
    size_t size;
    int rc;

    rc = coil__app_read_body(request, types, &body, &size);
    if (rc != 1) {
        return rc;
    }
    if (size > 0 && is_multipart(request->exchange)) {
        return read_parts(reading, (struct coil__slice){body, size});
    }
    rc = coil__app_read_pairs(reading, body, size);
    return rc < 0 ? rc : 1;
}
