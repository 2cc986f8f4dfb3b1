/* JSON: what is JSON, jansson says too; what fits the table of the tests is written, read again,
 * and written as the same text. An input that begins with '~' is a pattern, and below it a text for
 * it: it is one or not, and matches or not. */
#include "fuzz.h"

#include "../http/json_note.h"
#include "http/json.h"

#include <jansson.h>

enum { MOST = 4096 };

/* What jansson cannot hold and we can: numbers that are too large, names with U+0000. */
static bool is_beyond_jansson(const json_error_t *error)
{
    return json_error_code(error) == json_error_numeric_overflow ||
           json_error_code(error) == json_error_null_byte_in_key;
}

static void check_syntax(const char *text, size_t size, const struct coil_json_parsed *parsed)
{
    enum coil_json_code code = parsed->error_count > 0 ? parsed->errors[0].code : 0;
    json_error_t error;
    json_t *tree = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (code == COIL_JSON_SYNTAX) {
        FUZZ_CHECK(!tree || memchr(text, '\0', size)); /* which it takes for the end */
    } else if (code != COIL_JSON_TOO_DEEP && code != COIL_JSON_TOO_LARGE) {
        FUZZ_CHECK(tree || is_beyond_jansson(&error));
    }
    json_decref(tree);
}

static void check_errors(const struct coil_json_parsed *parsed, size_t size)
{
    struct coil_json_buffer buffer = {0};
    json_t *tree;

    for (size_t i = 0; i < parsed->error_count; i++) {
        const struct coil_json_error *error = &parsed->errors[i];

        FUZZ_CHECK(error->offset <= size && error->line >= 1 && error->column >= 1);
        FUZZ_CHECK(error->column <= error->offset + 1 && error->line <= error->offset + 1);
        FUZZ_CHECK(*coil_json_code_name(error->code) != '\0');
    }
    FUZZ_CHECK(coil_json_errors_write(parsed, &buffer) == 0);
    tree = json_loadb(buffer.data, buffer.size, JSON_REJECT_DUPLICATES, NULL);
    FUZZ_CHECK(tree && json_is_array(json_object_get(tree, "errors")));
    json_decref(tree);
    coil_json_buffer_deinit(&buffer);
}

static void check_same(const struct note *note)
{
    struct coil_json_buffer first = {0};
    struct coil_json_buffer second = {0};
    struct coil_json_parsed parsed = {0};
    struct note again;

    FUZZ_CHECK(coil_json_write(&note_type, note, &first) == 0);
    FUZZ_CHECK(coil_json_parse(&note_type, first.data, first.size, NULL, &again, &parsed) == 0);
    FUZZ_CHECK(coil_json_write(&note_type, &again, &second) == 0);
    FUZZ_CHECK(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
    coil_json_buffer_deinit(&first);
    coil_json_buffer_deinit(&second);
    coil_json_parsed_deinit(&parsed);
}

static void check_pattern(struct fuzz_input *in)
{
    char pattern[200];
    char text[200];
    char *end;
    int rc;

    take_text(in, pattern, sizeof pattern);
    end = strchr(pattern, '\n');
    snprintf(text, sizeof text, "%s", end ? end + 1 : "");
    if (end) {
        *end = '\0';
    }
    rc = coil__json_matches(pattern, coil__slice_of(text));
    FUZZ_CHECK(rc == 0 || rc == 1 || rc == -EINVAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size < MOST ? size : MOST};
    struct coil_json_parsed parsed = {0};
    struct note note;
    int rc;

    if (in.size > 0 && in.data[0] == '~') {
        take_byte(&in);
        check_pattern(&in);
        return 0;
    }
    rc = coil_json_parse(&note_type, (const char *)in.data, in.size, NULL, &note, &parsed);
    FUZZ_CHECK(rc == 0 || rc == -EBADMSG);
    check_syntax((const char *)in.data, in.size, &parsed);
    if (rc == 0) {
        check_same(&note);
    } else {
        check_errors(&parsed, in.size);
    }
    coil_json_parsed_deinit(&parsed);
    return 0;
}
