/* json_note.h - the table of the tests: a struct that has every kind of member. */
#ifndef COIL_TESTS_JSON_NOTE_H
#define COIL_TESTS_JSON_NOTE_H

#include <coil/json.h>

enum state { DRAFT, PUBLISHED, GONE_ = 3 };

struct author {
    const char *email;
    const char *homepage;
    int32_t age;
};

struct note {
    const char *title;
    int64_t stars;
    bool done;
    const char **tags;
    size_t tag_count;
    struct author author;
    struct author *editor;
    enum state state;
    double weight;
    bool has_weight;
    uint64_t big;
    int8_t tiny;
    uint8_t byte;
    int64_t created;
    struct coil_json_raw extra;
    struct coil_json_member *labels;
    size_t label_count;
    struct author *readers;
    size_t reader_count;
    int *numbers;
    size_t number_count;
    double *doubles;
    size_t double_count;
    bool *flags;
    size_t flag_count;
    enum state *states;
    size_t state_count;
    int64_t *times;
    size_t time_count;
    struct coil_json_raw *raws;
    size_t raw_count;
    const char *code;
    struct note *parent;
};

static const char *const state_names[] = {
    [DRAFT] = "draft",
    [PUBLISHED] = "published",
    [GONE_] = "gone",
};

static const struct coil_json_field author_fields[] = {
    COIL_JSON_STRING(struct author, email, .required = true, .format = COIL_JSON_FORMAT_EMAIL),
    COIL_JSON_STRING(struct author, homepage, .nullable = true, .format = COIL_JSON_FORMAT_URI),
    COIL_JSON_INT(struct author, age, COIL_JSON_MIN(0)),
};

static const struct coil_json_type author_type =
    COIL_JSON_TYPE("Author", struct author, author_fields, .description = "Who wrote it");

static const struct coil_json_type note_type;

static const struct coil_json_field note_fields[] = {
    COIL_JSON_STRING(struct note, title, .required = true, .min_length = 1, .max_length = 20),
    COIL_JSON_INT(struct note, stars, COIL_JSON_RANGE(0, 5), .default_value = "3"),
    COIL_JSON_BOOL(struct note, done),
    COIL_JSON_ARRAY_OF_STRINGS(struct note, tags, tag_count, .max_items = 3, .max_length = 8),
    COIL_JSON_OBJECT(struct note, author, author_type, .default_value = "{\"email\":\"a@b.c\"}"),
    COIL_JSON_OBJECT_POINTER(struct note, editor, author_type, .nullable = true),
    COIL_JSON_ENUM(struct note, state, state_names, .default_value = "published"),
    COIL_JSON_DOUBLE(struct note, weight, COIL_JSON_MAX(1e3),
                     COIL_JSON_HAS(struct note, has_weight), .nullable = true),
    COIL_JSON_INT(struct note, big),
    COIL_JSON_INT(struct note, tiny),
    COIL_JSON_INT(struct note, byte),
    COIL_JSON_TIME(struct note, created, .description = "When"),
    COIL_JSON_RAW(struct note, extra),
    COIL_JSON_MAP(struct note, labels, label_count, .max_items = 4),
    COIL_JSON_ARRAY_OF_OBJECTS(struct note, readers, reader_count, author_type),
    COIL_JSON_ARRAY_OF_INTS(struct note, numbers, number_count, COIL_JSON_MIN(-2)),
    COIL_JSON_ARRAY_OF_DOUBLES(struct note, doubles, double_count, .min_items = 1),
    COIL_JSON_ARRAY_OF_BOOLS(struct note, flags, flag_count),
    COIL_JSON_ARRAY_OF_ENUMS(struct note, states, state_count, state_names),
    COIL_JSON_ARRAY_OF_TIMES(struct note, times, time_count),
    COIL_JSON_ARRAY_OF_RAWS(struct note, raws, raw_count),
    COIL_JSON_STRING(struct note, code, .name = "the code", .pattern = "^[a-z]{2}-\\d+$"),
    COIL_JSON_OBJECT_POINTER(struct note, parent, note_type),
};

static const struct coil_json_type note_type = COIL_JSON_TYPE("Note", struct note, note_fields);

#endif
