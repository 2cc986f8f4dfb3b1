/* json.h - what the files of JSON share: the reader of a text, and the writer of one.
 *
 * A reader goes over the text once, and puts what it finds straight into the struct; there is no
 * tree in between. Its functions return false when it must stop: `rc` says why. A wrong value does
 * not stop it (it is noted in `parsed`, and the rest is looked at), wrong JSON does.
 *
 * Why not jansson, which is at hand: it refuses integers above 2^63 - 1, stops at the first field
 * that comes twice without saying where, goes down to 2048 levels by recursion (more than a task's
 * stack of 64 KiB has room for), makes 80 MB of heap of 1 MiB of empty objects, and has an
 * allocator and a hash seed for the whole process. The tests compare with it.
 *
 * Why debug/json.h does not serve: it mends what is no UTF-8, which here is an error, knows no
 * doubles, and sees where a comma is due from what was written, which a text that is handed on in
 * pieces does not have any more.
 */
#ifndef COIL__HTTP_JSON_H
#define COIL__HTTP_JSON_H

#include "wire/slice.h"

#include <coil/error.h>
#include <coil/json.h>

#include <errno.h>

enum {
    COIL__JSON_MOST_DEPTH = 128,
    COIL__JSON_MOST_FIELDS = 256, /* of a type */
    COIL__JSON_DOUBLE_SIZE = 32,  /* room for the text of a double */
    COIL__JSON_TIME_SIZE = 36,    /* and for that of a time */
};

/* Where the reader is: a field, or an item (name.start NULL). On the stack. */
struct coil__json_place {
    const struct coil__json_place *parent; /* NULL: of the document itself */
    struct coil__slice name;
    size_t index;
};

struct coil__json_reader {
    const char *start;
    const char *next;
    const char *end;
    struct coil_json_parsed *parsed;
    const struct coil__json_place *place; /* NULL: the document itself */
    size_t memory_left;                   /* of what may be made */
    unsigned depth;                       /* of objects and arrays that are open */
    unsigned max_depth;
    size_t max_errors;
    int rc; /* 0: go on */
    /* How far lines were counted. */
    const char *counted;
    const char *line_start;
    size_t line;
};

/* A string of the text, or of a table. */
struct coil__json_string {
    const char *start; /* behind the quote */
    size_t size;       /* as it stands there */
    size_t characters; /* code points of what it means */
    bool has_escapes;
    bool has_nul;
};

/* A number of the text. Its value is mantissa * 10^exponent, if is_exact. */
struct coil__json_number {
    const char *start;
    size_t size;
    uint64_t mantissa;
    int64_t exponent;
    bool is_negative;
    bool is_exact; /* the mantissa holds all digits */
};

/* What stands in a string as it is, as one byte. */
static inline bool coil__json_is_plain(char byte)
{
    return (unsigned char)byte >= 0x20 && (unsigned char)byte < 0x80 && byte != '"' && byte != '\\';
}

/* --- json_scan.c: what stands in the text --- */

void coil__json_blanks(struct coil__json_reader *reader);
/* Whether the next byte is `byte`; then it is taken. */
bool coil__json_take(struct coil__json_reader *reader, char byte);
/* The string that begins here. */
bool coil__json_scan_string(struct coil__json_reader *reader, struct coil__json_string *ret_string);
bool coil__json_scan_number(struct coil__json_reader *reader, struct coil__json_number *ret_number);
/* true, false, null: the word that must stand here. */
bool coil__json_scan_word(struct coil__json_reader *reader, const char *word);
/* Any value. Without recursion. */
bool coil__json_skip(struct coil__json_reader *reader);
/* Begins an object or array whose bracket is next. */
bool coil__json_enter(struct coil__json_reader *reader);
/* Behind a value in an object or array: true if another one follows, whose comma was taken; false:
 * the bracket was taken, or the reader has stopped. */
bool coil__json_goes_on(struct coil__json_reader *reader, char closing);
/* What kind of value begins here: "a string", "null"... */
const char *coil__json_what(const struct coil__json_reader *reader);
/* What it means, at most string->size bytes. Returns how many. */
size_t coil__json_unescape(const struct coil__json_string *string, char *to);

/* --- json_memory.c --- */

/* NULL: the reader has stopped. alignment: a power of 2. */
void *coil__json_allocate(struct coil__json_reader *reader, size_t size, size_t alignment);
/* The same outside of the bound: for what is said of errors. */
void *coil__json_allocate_freely(struct coil__json_reader *reader, size_t size, size_t alignment);
/* The string in memory of its own, with a NUL behind it. ret_size: may be NULL. */
char *coil__json_keep(struct coil__json_reader *reader, const struct coil__json_string *string,
                      size_t *ret_size);

/* --- json_errors.c --- */

/* Notes that the value at `at` is wrong. False: there was no memory. */
bool coil__json_wrong(struct coil__json_reader *reader, const char *at, enum coil_json_code code,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Stops the reader: what stands next is no JSON, or too much. All that was noted is dropped. Always
 * false. */
bool coil__json_stop(struct coil__json_reader *reader, enum coil_json_code code,
                     const char *message);
/* Stops the reader with an error that is not of the text. Always false. */
bool coil__json_give_up(struct coil__json_reader *reader, int rc);

/* --- json_number.c --- */

/* The number as an integer of 64 bits with a sign apart; false: it is none, or too large
 * (ret_is_whole says which). */
bool coil__json_to_integer(const struct coil__json_number *number, uint64_t *ret_magnitude,
                           bool *ret_is_whole);
/* 0; -ERANGE: it is too large; -ENOMEM. */
int coil__json_to_double(const struct coil__json_number *number, double *ret_value);
/* The shortest text that reads as the same. value: finite. The size; -ENOMEM. */
int coil__json_double_text(double value, char ret_text[COIL__JSON_DOUBLE_SIZE]);

/* --- json_format.c --- */

bool coil__json_has_format(struct coil__slice text, enum coil_json_format format);
/* "an e-mail address"; and the name in a schema. */
const char *coil__json_format_noun(enum coil_json_format format);
const char *coil__json_format_name(enum coil_json_format format);
/* 0; -EBADMSG: no date-time; -ERANGE: outside of what 64 bits of nanoseconds hold. */
int coil__json_to_time(struct coil__slice text, int64_t *ret_ns);
size_t coil__json_time_text(int64_t ns, char ret_text[COIL__JSON_TIME_SIZE]);

/* --- json_pattern.c --- */

/* 1: it matches; 0; -EINVAL: the pattern is none. text: UTF-8. */
int coil__json_matches(const char *pattern, struct coil__slice text);

/* --- json_check.c: the limits of a field. False: there was no memory. --- */

bool coil__json_check_string(struct coil__json_reader *reader, const struct coil_json_field *field,
                             const char *at, struct coil__slice text, size_t characters);
bool coil__json_check_count(struct coil__json_reader *reader, const struct coil_json_field *field,
                            const char *at, size_t count);
/* Whether an integer, its sign apart, is within the limits of the table and the member; and the
 * sentence if it is not. */
bool coil__json_integer_fits(const struct coil_json_field *field, bool is_negative,
                             uint64_t magnitude);
bool coil__json_wrong_integer(struct coil__json_reader *reader, const struct coil_json_field *field,
                              const char *at, bool is_negative);
bool coil__json_check_double(struct coil__json_reader *reader, const struct coil_json_field *field,
                             const char *at, double value);
bool coil__json_check_time(struct coil__json_reader *reader, const struct coil_json_field *field,
                           const char *at, int64_t ns);

/* --- json_value.c --- */

/* Reads one value, an item of an array or a member that is none, to the all-zero place at `to`. */
bool coil__json_read_value(struct coil__json_reader *reader, const struct coil_json_field *field,
                           void *to);
/* Reads what a field has, into the all-zero member of the struct at `value`. */
bool coil__json_read_member(struct coil__json_reader *reader, const struct coil_json_field *field,
                            void *value);
/* The same with the field's default. A table that is wrong stops the reader with -EINVAL. */
bool coil__json_read_default(struct coil__json_reader *reader, const struct coil_json_field *field,
                             void *value);

/* --- json_object.c: objects, arrays, maps --- */

bool coil__json_read_object(struct coil__json_reader *reader, const struct coil_json_type *type,
                            void *value);
/* The items of an array; ret_items: a pointer of any type. field: of an item. */
bool coil__json_read_items(struct coil__json_reader *reader, const struct coil_json_field *field,
                           void *ret_items, size_t *ret_count);
bool coil__json_read_map(struct coil__json_reader *reader, const struct coil_json_field *field,
                         struct coil_json_member **ret_members, size_t *ret_count);
/* --- json_text.c: the writer --- */

/* Writes into buffer; with a sink, what has come together there is given to that. */
struct coil__json_writer {
    struct coil_json_buffer *buffer;
    coil_json_sink sink; /* NULL: none */
    void *user;
    unsigned depth;
    int rc; /* 0, or the first error: all that follows is dropped */
};

void coil__json_put(struct coil__json_writer *writer, const char *bytes, size_t size);
void coil__json_put_text(struct coil__json_writer *writer, const char *text);
/* With its quotes; refuses what is no UTF-8. */
void coil__json_put_string(struct coil__json_writer *writer, const char *text, size_t size);
void coil__json_put_signed(struct coil__json_writer *writer, int64_t number);
void coil__json_put_unsigned(struct coil__json_writer *writer, uint64_t number);
void coil__json_put_double(struct coil__json_writer *writer, double number);
/* `,"name":`, without the comma if *is_first, which becomes false. */
void coil__json_put_key(struct coil__json_writer *writer, const char *name, bool *is_first);
/* Ends the writing into a buffer: on failure it has again the size it had. Returns writer->rc. */
int coil__json_put_end(struct coil__json_writer *writer, size_t size_before);

/* --- json_table.c --- */

static inline const char *coil__json_name(const struct coil_json_field *field)
{
    return field->name ? field->name : field->member_;
}

/* Whether a type can be used at all: -EINVAL. What each use of it looks at; the rest is looked at
 * by coil_json_type_check. */
static inline bool coil__json_type_is_usable(const struct coil_json_type *type)
{
    return type && type->size > 0 && type->field_count <= COIL__JSON_MOST_FIELDS &&
           (type->fields || type->field_count == 0);
}

/* The count of an array or map. */
static inline size_t *coil__json_count(const struct coil_json_field *field, const void *value)
{
    return (size_t *)((char *)value + field->count_offset_);
}

/* Integers of 1 to 8 bytes; negative ones as two's complement in 64 bits. */
void coil__json_store(void *to, size_t size, uint64_t value);
uint64_t coil__json_load(const void *from, size_t size, bool is_signed);

#endif
