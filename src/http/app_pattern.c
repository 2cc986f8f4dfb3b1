/* app_pattern.c - the paths of routes: "/notes/{id:int}/files/{rest:path}". */
#include "http/app.h"

#include "wire/percent.h"

#include <errno.h>

static const struct {
    const char *name;
    enum coil__app_segment_kind kind;
} kinds[] = {
    {"int", COIL__APP_INT},
    {"uuid", COIL__APP_UUID},
    {"str", COIL__APP_ANY},
    {"path", COIL__APP_REST},
};

/* In C, and in the documents, it is a name. */
static bool is_name(struct coil__slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (!coil__is_letter(name.start[i]) && name.start[i] != '_' &&
            (i == 0 || !coil__is_digit(name.start[i]))) {
            return false;
        }
    }
    return name.size > 0;
}

/* What stands between the braces. NULL, or what is wrong. */
static const char *parse_parameter(struct coil__slice text, struct coil__app_piece *ret_piece)
{
    const char *colon = memchr(text.start, ':', text.size);
    struct coil__slice name = text;

    ret_piece->kind = COIL__APP_ANY;
    if (colon) {
        struct coil__slice kind = coil__slice_between(colon + 1, text.start + text.size);
        size_t i = 0;

        while (i < sizeof kinds / sizeof *kinds && !coil__slice_is(kind, kinds[i].name)) {
            i++;
        }
        if (i == sizeof kinds / sizeof *kinds) {
            return "a parameter is int, uuid, str or path";
        }
        ret_piece->kind = kinds[i].kind;
        name = coil__slice_between(text.start, colon);
    }
    if (!is_name(name)) {
        return "a parameter's name is made of letters, digits and '_'";
    }
    ret_piece->text = name.start;
    ret_piece->size = name.size;
    return NULL;
}

/* NULL, or what is wrong. */
static const char *parse_segment(struct coil__slice text, struct coil__app_piece *ret_piece)
{
    if (text.size > 1 && text.start[0] == '{' && text.start[text.size - 1] == '}') {
        return parse_parameter((struct coil__slice){text.start + 1, text.size - 2}, ret_piece);
    }
    for (size_t i = 0; i < text.size; i++) {
        char c = text.start[i];

        if (c == '{' || c == '}') {
            return "a parameter is a whole segment: \"/{name}\"";
        }
        /* It is compared with what was decoded: so it may have letters of any language. */
        if (!coil__percent_has(COIL__PERCENT_SEGMENT, c) && c != ' ' && (unsigned char)c < 0x80) {
            return "a character that no path has (a pattern is not percent-encoded)";
        }
    }
    if (coil__slice_is(text, ".") || coil__slice_is(text, "..")) {
        return "no client asks for \".\" or \"..\"";
    }
    *ret_piece =
        (struct coil__app_piece){.kind = COIL__APP_LITERAL, .text = text.start, .size = text.size};
    return NULL;
}

/* NULL, or what is wrong with the pattern as a whole. */
static const char *check_pieces(const struct coil__app_pattern *pattern, bool is_prefix)
{
    size_t names = 0;

    for (size_t i = 0; i < pattern->count; i++) {
        const struct coil__app_piece *piece = &pattern->pieces[i];

        if (piece->kind == COIL__APP_REST && (is_prefix || i + 1 < pattern->count)) {
            return "{name:path} takes all that follows, so it stands at the end";
        }
        if (piece->kind == COIL__APP_LITERAL && piece->size == 0 &&
            (is_prefix || i + 1 < pattern->count)) {
            return is_prefix ? "a prefix does not end in a slash, and has none in a row"
                             : "two slashes in a row";
        }
        for (size_t j = 0; j < i && piece->kind != COIL__APP_LITERAL; j++) {
            const struct coil__app_piece *other = &pattern->pieces[j];

            if (other->kind != COIL__APP_LITERAL && other->size == piece->size &&
                memcmp(other->text, piece->text, piece->size) == 0) {
                return "two parameters of one name";
            }
        }
        names += piece->kind != COIL__APP_LITERAL;
    }
    return names > COIL__APP_NAMES ? "" : NULL;
}

int coil__app_parse_pattern(struct coil_app *app, const char *text, bool is_prefix,
                            struct coil__app_pattern *ret_pattern)
{
    const char *at = text;
    const char *wrong = *text == '/' || (is_prefix && *text == '\0') ? NULL : "it needs a '/'";

    ret_pattern->count = 0;
    while (!wrong && *at == '/') {
        const char *end = strchrnul(at + 1, '/');

        if (ret_pattern->count == COIL__APP_SEGMENTS) {
            return coil__app_fail(app, -COIL_ELIMIT, "\"%.120s\": more than %d segments", text,
                                  COIL__APP_SEGMENTS);
        }
        wrong = parse_segment(coil__slice_between(at + 1, end),
                              &ret_pattern->pieces[ret_pattern->count++]);
        at = end;
    }
    wrong = wrong ? wrong : check_pieces(ret_pattern, is_prefix);
    if (wrong && !*wrong) {
        return coil__app_fail(app, -COIL_ELIMIT, "\"%.120s\": more than %d parameters", text,
                              COIL__APP_NAMES);
    }
    return wrong ? coil__app_fail(app, -EINVAL, "\"%.120s\": %s", text, wrong) : 0;
}
