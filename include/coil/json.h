/* coil/json.h - JSON (RFC 8259) that is described once, by a table of fields, and is a C struct.
 *
 *     struct note {
 *         char *title;
 *         int64_t stars;
 *         char **tags;
 *         size_t tag_count;
 *     };
 *     static const struct coil_json_field note_fields[] = {
 *         COIL_JSON_STRING(struct note, title, .required = true, .max_length = 200),
 *         COIL_JSON_INT(struct note, stars, COIL_JSON_RANGE(0, 5), .default_value = "3"),
 *         COIL_JSON_ARRAY_OF_STRINGS(struct note, tags, tag_count, .max_items = 10),
 *     };
 *     static const struct coil_json_type note_type =
 *         COIL_JSON_TYPE("Note", struct note, note_fields);
 *     ...
 *     struct coil_json_parsed parsed = {0};
 *     struct coil_json_buffer answer = {0};
 *     struct note note;
 *     int rc = coil_json_parse(&note_type, text, size, NULL, &note, &parsed);
 *
 *     if (rc == -EBADMSG) {
 *         rc = coil_json_errors_write(&parsed, &answer);   // what is wrong, field by field
 *     } else if (rc >= 0) {
 *         rc = coil_json_write(&note_type, &note, &answer);
 *     }
 *     ...
 *     coil_json_parsed_deinit(&parsed);                    // the note's strings and arrays too
 *     coil_json_buffer_deinit(&answer);
 *
 * Nothing here needs a loop or a task; all calls may be made from any thread, and tables may be
 * shared between threads. Tables are data: nothing is registered, compiled or kept anywhere.
 *
 * The reader is strict: UTF-8 is checked, a half of a surrogate pair, a byte order mark, NaN and
 * trailing commas are no JSON, a field that comes twice is an error, integers are exact or refused.
 * All that is wrong with a document is told at once. What a hostile text can cost is bounded: its
 * size, its depth, and the memory of what is made of it (struct coil_json_options).
 *
 * Counterpart: pydantic, as FastAPI uses it. The macros are for C; types and functions for C++ too.
 * Library: coil-http.
 */
#ifndef COIL_JSON_H
#define COIL_JSON_H

#include <coil/base.h>

/* What a member of a struct holds. Chosen by the macros. */
enum coil_json_kind {
    COIL_JSON_KIND_STRING = 1, /* char *: UTF-8 with a NUL behind it; NULL: absent */
    COIL_JSON_KIND_SIGNED,     /* a signed integer of 1 to 8 bytes */
    COIL_JSON_KIND_UNSIGNED,
    COIL_JSON_KIND_DOUBLE,
    COIL_JSON_KIND_BOOL,
    COIL_JSON_KIND_ENUM,   /* a C enum: one of a list of strings in the document */
    COIL_JSON_KIND_TIME,   /* int64_t: nanoseconds since 1970, UTC; RFC 3339 in the document */
    COIL_JSON_KIND_RAW,    /* struct coil_json_raw: any JSON, as it stands there */
    COIL_JSON_KIND_OBJECT, /* a struct, or a pointer to one */
    COIL_JSON_KIND_MAP,    /* struct coil_json_member *: an object with any names */
};

/* How a string must look. The checks are simple ones: an address that passes may not exist. */
enum coil_json_format {
    COIL_JSON_FORMAT_NONE,
    COIL_JSON_FORMAT_EMAIL,     /* local@domain (RFC 5321's dot-strings, in ASCII) */
    COIL_JSON_FORMAT_URI,       /* scheme:rest, of the characters of RFC 3986 */
    COIL_JSON_FORMAT_UUID,      /* RFC 9562, either case */
    COIL_JSON_FORMAT_DATE,      /* RFC 3339 full-date: 2024-02-29 */
    COIL_JSON_FORMAT_DATE_TIME, /* RFC 3339, kept as the string it is */
};

/* Any JSON value as text. What was parsed has a NUL behind it. text NULL: absent. */
struct coil_json_raw {
    const char *text;
    size_t size;
};

/* An entry of a map. name: UTF-8 with a NUL behind it. */
struct coil_json_member {
    const char *name;
    struct coil_json_raw value;
};

struct coil_json_type;

/* One field of a document, and the member it becomes. Written by the macros below; what stands
 * before the private part may be given to them as options: `.required = true`. All-zero: an
 * optional field without limits. Limits of a value (length, range, pattern, format) are for each
 * item of an array. */
struct coil_json_field {
    const char *name;          /* in the document; NULL: the member's */
    const char *description;   /* for the schema; NULL: none */
    const char *default_value; /* of an absent field; NULL: the member is zero then. For strings,
                                * enums and times the text itself ("draft"), else JSON ("3") */
    bool required;             /* its absence is an error */
    bool nullable;             /* null is allowed, and leaves the member zero; an absent value is
                                * written as null and not left out */
    size_t min_length;         /* of a string, in characters (code points) */
    size_t max_length;         /* 0: no limit */
    size_t min_items;          /* of an array or a map */
    size_t max_items;          /* 0: no limit */
    const char *pattern;       /* of a string; see "Patterns"; NULL: any */
    enum coil_json_format format;
    bool has_min; /* these by COIL_JSON_MIN, COIL_JSON_MAX, COIL_JSON_RANGE */
    bool has_max;
    int64_t min;
    int64_t max;
    double min_double;
    double max_double;
    /* Private: what the macros fill in. */
    const char *member_;
    enum coil_json_kind kind_;
    bool is_array_;
    bool is_pointer_;
    size_t offset_;
    size_t item_size_;    /* of a value, which an array's member points to */
    size_t count_offset_; /* of arrays and maps: a size_t */
    size_t has_offset_;   /* 1 + offset of a bool; 0: none */
    const struct coil_json_type *type_;
    const char *const *names_;
    size_t name_count_;
};

/* A document that is an object, and its struct; written by COIL_JSON_TYPE. */
struct coil_json_type {
    const char *name; /* in the schema: letters, digits, '.', '-', '_' */
    const struct coil_json_field *fields;
    size_t field_count; /* 256 at most */
    size_t size;        /* of the struct */
    /* May be given to COIL_JSON_TYPE as options: */
    const char *description;
    bool allow_unknown; /* fields that are not in the table are skipped; else they are errors */
    /* What no single field can tell. Called when all fields are right. Returns NULL, or what is
     * wrong: a sentence that lives as long as the result. */
    const char *(*check)(const void *value);
};

/* Patterns. A pattern is a regular expression of the part that ECMA-262 (whose dialect JSON Schema
 * takes) and POSIX have in common: characters, `.`, `[a-z]`, `[^a-z]`, `\d \w \s \D \W \S`, `\` and
 * a sign, `( )`, `|`, `* + ?`, `{2}`, `{2,}`, `{2,5}`, and `^` and `$` at the two ends of the whole
 * (beside a `|` only around a group: `^(a|b)$`). Without these it may match anywhere in the string.
 * It works on code points, needs no compiling, and its time is linear in the string. It has room
 * for 128 characters and classes, repetitions written out: `[0-9a-f]{40}` counts 40. */

/* --- the table --- */

#ifndef __cplusplus

/* struct coil_json_field's for a member of TYPE; the member's type is checked by the compiler.
 * Options follow: COIL_JSON_STRING(struct note, title, .required = true). */

/* char * or const char *. */
#define COIL_JSON_STRING(...) COIL__JSON_STRING(__VA_ARGS__, )
/* Any integer of 1 to 8 bytes: int, int32_t, uint64_t... 1.0 and 1e2 are integers too. */
#define COIL_JSON_INT(...) COIL__JSON_INT(__VA_ARGS__, )
#define COIL_JSON_DOUBLE(...) COIL__JSON_DOUBLE(__VA_ARGS__, )
#define COIL_JSON_BOOL(...) COIL__JSON_BOOL(__VA_ARGS__, )
/* COIL_JSON_ENUM(struct note, state, state_names): an enum (or int), and an array of its strings,
 * by value; NULL where a value has none. */
#define COIL_JSON_ENUM(...) COIL__JSON_ENUM(__VA_ARGS__, )
/* int64_t. */
#define COIL_JSON_TIME(...) COIL__JSON_TIME(__VA_ARGS__, )
/* struct coil_json_raw. */
#define COIL_JSON_RAW(...) COIL__JSON_RAW(__VA_ARGS__, )
/* COIL_JSON_OBJECT(struct note, author, author_type): a struct inside of this one. Absent without a
 * default: all-zero, and it is written nevertheless, unless it has a COIL_JSON_HAS. */
#define COIL_JSON_OBJECT(...) COIL__JSON_OBJECT(__VA_ARGS__, )
/* The same for a pointer to a struct; NULL: absent. A type may point to itself. */
#define COIL_JSON_OBJECT_POINTER(...) COIL__JSON_OBJECT_POINTER(__VA_ARGS__, )
/* COIL_JSON_MAP(struct note, labels, label_count): struct coil_json_member * and a size_t. Which of
 * two equal names is meant is never asked: they are an error. */
#define COIL_JSON_MAP(...) COIL__JSON_MAP(__VA_ARGS__, )

/* Arrays: COIL_JSON_ARRAY_OF_INTS(struct note, numbers, number_count), a pointer to the items and a
 * size_t. OF_ENUMS and OF_OBJECTS take the names, or the type, next. */
#define COIL_JSON_ARRAY_OF_STRINGS(...) COIL__JSON_STRINGS(__VA_ARGS__, )
#define COIL_JSON_ARRAY_OF_INTS(...) COIL__JSON_INTS(__VA_ARGS__, )
#define COIL_JSON_ARRAY_OF_DOUBLES(...) COIL__JSON_DOUBLES(__VA_ARGS__, )
#define COIL_JSON_ARRAY_OF_BOOLS(...) COIL__JSON_BOOLS(__VA_ARGS__, )
#define COIL_JSON_ARRAY_OF_ENUMS(...) COIL__JSON_ENUMS(__VA_ARGS__, )
#define COIL_JSON_ARRAY_OF_TIMES(...) COIL__JSON_TIMES(__VA_ARGS__, )
#define COIL_JSON_ARRAY_OF_RAWS(...) COIL__JSON_RAWS(__VA_ARGS__, )
#define COIL_JSON_ARRAY_OF_OBJECTS(...) COIL__JSON_OBJECTS(__VA_ARGS__, )

/* Options: the least and the greatest value of a number, both allowed. Constants; of times, the
 * nanoseconds. */
#define COIL_JSON_MIN(least)                                                                       \
    .has_min = true, .min = COIL__JSON_WHOLE(least), .min_double = (double)(least)
#define COIL_JSON_MAX(greatest)                                                                    \
    .has_max = true, .max = COIL__JSON_WHOLE(greatest), .max_double = (double)(greatest)
#define COIL_JSON_RANGE(least, greatest) COIL_JSON_MIN(least), COIL_JSON_MAX(greatest)

/* Option: a bool of the struct that says whether there is a value: it came and was not null, or
 * is the default. When it is written, whether it is. */
#define COIL_JSON_HAS(type, flag)                                                                  \
    .has_offset_ = 1 + offsetof(type, flag) + COIL__JSON_IS(type, flag, bool *)

/* The initialiser of a struct coil_json_type; options may follow. */
#define COIL_JSON_TYPE(...) COIL__JSON_TYPE(__VA_ARGS__, )

/* Internal: what the macros above are made of. The comma at the end of each call gives `...` a
 * (possibly empty) argument, as ISO C wants it. A member is known by its address: an array is no
 * pointer there. */
#define COIL__JSON_AT(type, member) (&((type *)0)->member)
#define COIL__JSON_ONE(pointer, wanted, kind) _Generic((pointer), wanted : kind)
#define COIL__JSON_EITHER(pointer, wanted, other, kind)                                            \
    _Generic((pointer), wanted : kind, other : kind)
#define COIL__JSON_IS(type, member, wanted)                                                        \
    (0 * COIL__JSON_ONE(COIL__JSON_AT(type, member), wanted, 0))
#define COIL__JSON_WHOLE(number)                                                                   \
    ((int64_t) _Generic((number), float : 0, double : 0, default : (number)))
/* clang-format off */
#define COIL__JSON_WHOLE_KIND(pointer)                                                             \
    _Generic((pointer),                                                                            \
        signed char *: COIL_JSON_KIND_SIGNED, unsigned char *: COIL_JSON_KIND_UNSIGNED,            \
        short *: COIL_JSON_KIND_SIGNED, unsigned short *: COIL_JSON_KIND_UNSIGNED,                 \
        int *: COIL_JSON_KIND_SIGNED, unsigned *: COIL_JSON_KIND_UNSIGNED,                         \
        long *: COIL_JSON_KIND_SIGNED, unsigned long *: COIL_JSON_KIND_UNSIGNED,                   \
        long long *: COIL_JSON_KIND_SIGNED, unsigned long long *: COIL_JSON_KIND_UNSIGNED)

#define COIL__JSON_VALUE(type, member, kind)                                                       \
    .member_ = #member, .kind_ = (kind), .offset_ = offsetof(type, member),                        \
    .item_size_ = sizeof(((type *)0)->member)
#define COIL__JSON_LIST(type, member, count, kind)                                                 \
    .member_ = #member, .kind_ = (kind), .is_array_ = true, .offset_ = offsetof(type, member),     \
    .item_size_ = sizeof(*((type *)0)->member),                                                    \
    .count_offset_ = offsetof(type, count) + COIL__JSON_IS(type, count, size_t *)
#define COIL__JSON_NAMES(names) .names_ = (names), .name_count_ = sizeof(names) / sizeof *(names)
#define COIL__JSON_ONLY(type, member, wanted, kind)                                                \
    COIL__JSON_VALUE(type, member, COIL__JSON_ONE(COIL__JSON_AT(type, member), wanted, kind))
#define COIL__JSON_LIST_OF(type, member, count, wanted, kind)                                      \
    COIL__JSON_LIST(type, member, count, COIL__JSON_ONE(COIL__JSON_AT(type, member), wanted, kind))

#define COIL__JSON_STRING(type, member, ...)                                                       \
    { COIL__JSON_VALUE(type, member, COIL__JSON_EITHER(COIL__JSON_AT(type, member), char **,       \
          const char **, COIL_JSON_KIND_STRING)), __VA_ARGS__ }
#define COIL__JSON_INT(type, member, ...)                                                          \
    { COIL__JSON_VALUE(type, member, COIL__JSON_WHOLE_KIND(COIL__JSON_AT(type, member))),          \
      __VA_ARGS__ }
#define COIL__JSON_DOUBLE(type, member, ...)                                                       \
    { COIL__JSON_ONLY(type, member, double *, COIL_JSON_KIND_DOUBLE), __VA_ARGS__ }
#define COIL__JSON_BOOL(type, member, ...)                                                         \
    { COIL__JSON_ONLY(type, member, bool *, COIL_JSON_KIND_BOOL), __VA_ARGS__ }
#define COIL__JSON_ENUM(type, member, names, ...)                                                  \
    { COIL__JSON_VALUE(type, member, COIL__JSON_EITHER(COIL__JSON_AT(type, member), int *,         \
          unsigned *, COIL_JSON_KIND_ENUM)), COIL__JSON_NAMES(names), __VA_ARGS__ }
#define COIL__JSON_TIME(type, member, ...)                                                         \
    { COIL__JSON_ONLY(type, member, int64_t *, COIL_JSON_KIND_TIME), __VA_ARGS__ }
#define COIL__JSON_RAW(type, member, ...)                                                          \
    { COIL__JSON_ONLY(type, member, struct coil_json_raw *, COIL_JSON_KIND_RAW), __VA_ARGS__ }
#define COIL__JSON_OBJECT(type, member, nested, ...)                                               \
    { COIL__JSON_VALUE(type, member, COIL_JSON_KIND_OBJECT), .type_ = &(nested), __VA_ARGS__ }
#define COIL__JSON_OBJECT_POINTER(type, member, nested, ...)                                       \
    { .member_ = #member, .kind_ = COIL_JSON_KIND_OBJECT, .is_pointer_ = true,                     \
      .offset_ = offsetof(type, member), .item_size_ = sizeof(*((type *)0)->member),               \
      .type_ = &(nested), __VA_ARGS__ }
#define COIL__JSON_MAP(type, member, count, ...)                                                   \
    { COIL__JSON_LIST_OF(type, member, count, struct coil_json_member **, COIL_JSON_KIND_MAP),     \
      __VA_ARGS__ }

#define COIL__JSON_STRINGS(type, member, count, ...)                                               \
    { COIL__JSON_LIST(type, member, count, COIL__JSON_EITHER(COIL__JSON_AT(type, member),          \
          char ***, const char ***, COIL_JSON_KIND_STRING)), __VA_ARGS__ }
#define COIL__JSON_INTS(type, member, count, ...)                                                  \
    { COIL__JSON_LIST(type, member, count, COIL__JSON_WHOLE_KIND(((type *)0)->member)),            \
      __VA_ARGS__ }
#define COIL__JSON_DOUBLES(type, member, count, ...)                                               \
    { COIL__JSON_LIST_OF(type, member, count, double **, COIL_JSON_KIND_DOUBLE), __VA_ARGS__ }
#define COIL__JSON_BOOLS(type, member, count, ...)                                                 \
    { COIL__JSON_LIST_OF(type, member, count, bool **, COIL_JSON_KIND_BOOL), __VA_ARGS__ }
#define COIL__JSON_ENUMS(type, member, count, names, ...)                                          \
    { COIL__JSON_LIST(type, member, count, COIL__JSON_EITHER(((type *)0)->member, int *,           \
          unsigned *, COIL_JSON_KIND_ENUM)), COIL__JSON_NAMES(names), __VA_ARGS__ }
#define COIL__JSON_TIMES(type, member, count, ...)                                                 \
    { COIL__JSON_LIST_OF(type, member, count, int64_t **, COIL_JSON_KIND_TIME), __VA_ARGS__ }
#define COIL__JSON_RAWS(type, member, count, ...)                                                  \
    { COIL__JSON_LIST_OF(type, member, count, struct coil_json_raw **, COIL_JSON_KIND_RAW),        \
      __VA_ARGS__ }
#define COIL__JSON_OBJECTS(type, member, count, nested, ...)                                       \
    { COIL__JSON_LIST(type, member, count, COIL_JSON_KIND_OBJECT), .type_ = &(nested),             \
      __VA_ARGS__ }
#define COIL__JSON_TYPE(type_name, type, table, ...)                                               \
    { .name = (type_name), .fields = (table), .field_count = sizeof(table) / sizeof *(table),      \
      .size = sizeof(type), __VA_ARGS__ }
/* clang-format on */

#endif

/* --- what is wrong --- */

/* Reasons; their names (coil_json_code_name) stay what they are. */
enum coil_json_code {
    COIL_JSON_MISSING = 1,   /* "missing": a required field is not there */
    COIL_JSON_WRONG_TYPE,    /* "type": a string where a number must be */
    COIL_JSON_OUT_OF_RANGE,  /* "range": a number or a time */
    COIL_JSON_WRONG_LENGTH,  /* "length": of a string, or the items of an array or a map */
    COIL_JSON_NO_MATCH,      /* "pattern" */
    COIL_JSON_WRONG_FORMAT,  /* "format": or U+0000 in a string */
    COIL_JSON_NOT_IN_ENUM,   /* "enum" */
    COIL_JSON_UNKNOWN_FIELD, /* "unknown_field" */
    COIL_JSON_DUPLICATE,     /* "duplicate": the second one of a name */
    COIL_JSON_NOT_VALID,     /* "invalid": the type's check says so */
    COIL_JSON_SYNTAX,        /* "syntax": no JSON; the only error then */
    COIL_JSON_TOO_DEEP,      /* "depth": the only error then */
    COIL_JSON_TOO_LARGE,     /* "size": the text, or what is made of it; the only error then */
};

/* One thing that is wrong. Strings: UTF-8, of the result's memory. */
struct coil_json_error {
    const char *field; /* "author.email", "tags[3]"; "": the document as a whole */
    enum coil_json_code code;
    const char *message; /* "must have 1 to 200 characters" */
    size_t offset;       /* in the text, in bytes */
    size_t line;         /* from 1 */
    size_t column;       /* from 1, in bytes */
};

/* What a parse has made: the memory of the struct's strings and arrays, or what is wrong. All-zero:
 * nothing. Not to be copied. */
struct coil_json_parsed {
    struct coil_json_error *errors; /* in the order of the text; valid until the deinit */
    size_t error_count;
    bool has_more_errors; /* than max_errors, which were not kept */
    void *blocks_;
};

/* Bounds. All-zero is the default of everything. */
struct coil_json_options {
    size_t max_size;     /* bytes of the text; 0: 1 MiB */
    unsigned max_depth;  /* objects and arrays in each other; 0: 32; at most 128. A type that points
                          * to itself takes some 300 bytes of stack for each */
    size_t max_memory;   /* bytes of what is made of it; 0: 8 MiB */
    unsigned max_errors; /* 0: 20 */
};

/* Text that grows. All-zero: empty. */
struct coil_json_buffer {
    char *data; /* no NUL behind it; NULL: empty */
    size_t size;
    size_t capacity_;
};

/* Takes the next bytes of a text. Returns >= 0, or a negative error, which ends the writing. */
typedef int (*coil_json_sink)(const char *bytes, size_t size, void *user);

COIL_BEGIN_DECLS

/* Parses an object. type: the table. text, size: not changed, and not needed any more afterwards.
 * options: may be NULL. ret_value: a struct as the type says; its strings and arrays belong to
 * parsed. parsed: all-zero, or of an earlier parse, which is released first. Errors: -EBADMSG (the
 * text is wrong; parsed says how), -EINVAL (arguments, or the table: see coil_json_type_check),
 * -ENOMEM. Counterpart: pydantic's model_validate_json. Any thread. */
COIL_EXPORT int coil_json_parse(const struct coil_json_type *type, const char *text, size_t size,
                                const struct coil_json_options *options, void *ret_value,
                                struct coil_json_parsed *parsed);

/* The same for an array of such objects. ret_values: a pointer to the first one is stored there, by
 * *(struct note **)ret_values; NULL if there are none. ret_count: how many. Any thread. */
COIL_EXPORT int coil_json_parse_array(const struct coil_json_type *type, const char *text,
                                      size_t size, const struct coil_json_options *options,
                                      void *ret_values, size_t *ret_count,
                                      struct coil_json_parsed *parsed);

/* Releases all that a parse has made; all-zero again. NULL: does nothing. Any thread. */
COIL_EXPORT void coil_json_parsed_deinit(struct coil_json_parsed *parsed);

/* "missing", "type"...; "" for what is no code. Static storage. Any thread. */
COIL_EXPORT const char *coil_json_code_name(enum coil_json_code code);

/* The status of the response to such a document (RFC 9110, section 15.5): 400 for no JSON, 413 for
 * too much, 422 for one that says the wrong things; 200 if nothing is wrong. Any thread. */
COIL_EXPORT int coil_json_errors_status(const struct coil_json_parsed *parsed);

/* Adds a problem document (RFC 9457, application/problem+json): type, title, status, detail, and
 * `errors`, a list of {field, code, message}, to which syntax errors add line, column and offset.
 * buffer: as it was on failure. Errors: -EINVAL (there are none), -ENOMEM. Any thread. */
COIL_EXPORT int coil_json_errors_write(const struct coil_json_parsed *parsed,
                                       struct coil_json_buffer *buffer);

/* Adds the object that stands in the struct at `value`. Integers are exact, doubles the shortest
 * text that reads as the same. Absent values are left out, or null if they are nullable. Limits
 * (range, length...) are not looked at. buffer: as it was on failure. Errors: -EILSEQ (a string is
 * no UTF-8), -EDOM (a double is infinite or no number), -EBADMSG (a raw value is no JSON), -EINVAL
 * (an enum's value has no name, a required string or pointer is NULL, arguments, the table),
 * -COIL_ELIMIT (deeper than 128: a cycle), -ENOMEM. Any thread. */
COIL_EXPORT int coil_json_write(const struct coil_json_type *type, const void *value,
                                struct coil_json_buffer *buffer);

/* The same for an array of `count` structs at `values`. Any thread. */
COIL_EXPORT int coil_json_write_array(const struct coil_json_type *type, const void *values,
                                      size_t count, struct coil_json_buffer *buffer);

/* The same as coil_json_write in pieces of some KiB, which sink(bytes, size, user) takes one after
 * the other; it suspends if the sink does. After an error the sink may have taken the beginning.
 * Errors: the sink's too. */
COIL_EXPORT COIL_SUSPENDS int coil_json_write_to(const struct coil_json_type *type,
                                                 const void *value, coil_json_sink sink,
                                                 void *user);

/* Adds bytes as they are: for a document of which the tables know a part only. -ENOMEM. Any
 * thread. */
COIL_EXPORT int coil_json_add(struct coil_json_buffer *buffer, const char *bytes, size_t size);

/* Adds a string with its quotes; "null" for NULL. Errors: -EILSEQ, -ENOMEM. Any thread. */
COIL_EXPORT int coil_json_add_string(struct coil_json_buffer *buffer, const char *string);

/* Frees the text; empty again. NULL: does nothing. Any thread. */
COIL_EXPORT void coil_json_buffer_deinit(struct coil_json_buffer *buffer);

/* Adds the type's schema, of JSON Schema 2020-12 as OpenAPI 3.1 takes it; other types are referred
 * to as "#/components/schemas/NAME". buffer: as it was on failure. Errors: -EINVAL (the table),
 * -EILSEQ, -ENOMEM. Any thread. */
COIL_EXPORT int coil_json_schema_write(const struct coil_json_type *type,
                                       struct coil_json_buffer *buffer);

/* Adds a type and all that it refers to, at any depth, to a list that has no type twice: what a
 * document with schemas must define. types: the caller's, with room for capacity. count: in and
 * out; begin with 0. Errors: -ENOSPC (the list is full and stays so), -EINVAL (two different types
 * have one name; arguments). Any thread. */
COIL_EXPORT int coil_json_type_list(const struct coil_json_type *type,
                                    const struct coil_json_type **types, size_t capacity,
                                    size_t *count);

/* Checks a table and those that it refers to: for a test, or the start of a program. -EINVAL: too
 * many fields, two of one name, a nested type of another size than its member, a pattern that is
 * none, a default that is wrong, no names in an enum; -ENOMEM. ret_field: the field's name, of the
 * table; may be NULL. Any thread. */
COIL_EXPORT int coil_json_type_check(const struct coil_json_type *type, const char **ret_field);

COIL_END_DECLS

#endif
