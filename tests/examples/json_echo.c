/* json_echo.c - for test_json.py: reads lines, each a document, and answers each with a line.
 *
 *     json_echo            {"ok": the document written again} or {"wrong": what the peer is told}
 *     json_echo schema     the schemas of all types, as OpenAPI has them
 */
#include "../http/json_note.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put_answer(const char *key, const struct coil_json_buffer *text)
{
    return printf("{\"%s\":%.*s}\n", key, (int)text->size, text->data) < 0 ? -EIO : 0;
}

static int answer(const char *line, size_t size)
{
    struct coil_json_parsed parsed = {0};
    struct coil_json_buffer text = {0};
    struct note note;
    int rc = coil_json_parse(&note_type, line, size, NULL, &note, &parsed);
    bool is_wrong = rc == -EBADMSG;

    if (is_wrong) {
        rc = coil_json_errors_write(&parsed, &text);
    } else if (rc >= 0) {
        rc = coil_json_write(&note_type, &note, &text);
    }
    if (rc >= 0) {
        rc = put_answer(is_wrong ? "wrong" : "ok", &text);
    }
    coil_json_buffer_deinit(&text);
    coil_json_parsed_deinit(&parsed);
    return rc;
}

static int put_schemas(void)
{
    const struct coil_json_type *types[8];
    struct coil_json_buffer text = {0};
    size_t count = 0;
    int rc = coil_json_type_list(&note_type, types, 8, &count);

    rc = rc < 0 ? rc : coil_json_add(&text, "{", 1);
    for (size_t i = 0; rc >= 0 && i < count; i++) {
        rc = i > 0 ? coil_json_add(&text, ",", 1) : 0;
        rc = rc < 0 ? rc : coil_json_add_string(&text, types[i]->name);
        rc = rc < 0 ? rc : coil_json_add(&text, ":", 1);
        rc = rc < 0 ? rc : coil_json_schema_write(types[i], &text);
    }
    rc = rc < 0 ? rc : coil_json_add(&text, "}", 1);
    rc = rc < 0 ? rc : put_answer("schemas", &text);
    coil_json_buffer_deinit(&text);
    return rc;
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    int rc = 0;

    if (argc > 1 && strcmp(argv[1], "schema") == 0) {
        return put_schemas() < 0;
    }
    while (rc >= 0 && (size = getline(&line, &room, stdin)) > 0) {
        rc = answer(line, (size_t)size - (line[size - 1] == '\n'));
    }
    free(line);
    return rc < 0;
}
