/* files_list.c - a list of what is in a folder: HTML, or JSON. Folders stand before files, each in
 * the order of their names' bytes. Names that no URL can have here (no UTF-8) and what is not
 * served (devices, what is hidden, links that lead out) are left out. The list is of one moment,
 * but for what changes while it is made; it has a bound, and says so when it was reached. */
#include "http/http.h"

#include "http/files.h"

#include "base/memory.h"
#include "base/text.h"
#include "wire/http_date.h"
#include "wire/negotiate.h"
#include "wire/percent.h"

#include <coil/fd.h>
#include <coil/file.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_ENTRIES = 10000, PIECE = 16 * 1024, NAME_ROOM = 256 };

/* Room for a line with the longest name, each byte of which becomes six, twice. */
enum { LINE_ROOM = 2 * 6 * NAME_ROOM + 200 };

struct entry {
    char *name;
    int64_t size;
    int64_t modified; /* seconds */
    bool is_folder;
};

struct list {
    struct entry *entries;
    size_t count;
    size_t room;
    bool is_cut; /* there are more */
};

/* --- what is there --- */

static int add(struct list *list, const char *name, const struct stat *status)
{
    size_t size = strlen(name) + 1;
    struct entry *entry;
    char *copy;

    if (list->count == list->room) {
        size_t room = list->room > 0 ? list->room * 2 : 64;
        struct entry *entries = coil__realloc_array(list->entries, room, sizeof *entries);

        if (!entries) {
            return -ENOMEM;
        }
        list->entries = entries;
        list->room = room;
    }
    copy = coil__malloc(size);
    if (!copy) {
        return -ENOMEM;
    }
    memcpy(copy, name, size);
    entry = &list->entries[list->count++];
    *entry = (struct entry){
        .name = copy,
        .size = status->st_size,
        .modified = status->st_mtim.tv_sec,
        .is_folder = S_ISDIR(status->st_mode),
    };
    return 0;
}

static int look_at(const struct coil_http_files *files, struct list *list, int folder,
                   const char *name)
{
    struct stat status;
    int fd;

    if ((name[0] == '.' && !files->shows_hidden) || !coil__text_is_utf8(name) ||
        strlen(name) >= NAME_ROOM) {
        return 0;
    }
    fd = coil__http_files_look(files, folder, name, O_PATH, &status);
    if (fd < 0) {
        return fd == -ENOMEM || fd == -EMFILE || fd == -ENFILE || fd == -ECANCELED ||
                       fd == -ETIMEDOUT
                   ? fd
                   : 0;
    }
    coil_close(fd);
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
        return 0;
    }
    if (list->count == MAX_ENTRIES) {
        list->is_cut = true;
        return 0;
    }
    return add(list, name, &status);
}

static int compare(const void *a, const void *b)
{
    const struct entry *first = a;
    const struct entry *second = b;

    if (first->is_folder != second->is_folder) {
        return first->is_folder ? -1 : 1;
    }
    return strcmp(first->name, second->name);
}

/* fd: is closed. */
static int read_folder(const struct coil_http_files *files, int fd, struct list *list)
{
    struct coil_dir dir = {0};
    struct coil_dir_entry entry;
    int rc = coil_dir_adopt(&dir, fd);

    if (rc < 0) {
        coil_close(fd);
        return rc;
    }
    while (!list->is_cut && (rc = coil_dir_next(&dir, &entry)) > 0) {
        rc = look_at(files, list, fd, entry.name);
        if (rc < 0) {
            break;
        }
    }
    coil_dir_close(&dir);
    if (list->count > 1) {
        qsort(list->entries, list->count, sizeof *list->entries, compare);
    }
    return rc < 0 ? rc : 0;
}

static void free_list(struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        coil__free(list->entries[i].name);
    }
    coil__free(list->entries);
}

/* --- how it is written --- */

/* Bytes for the body, written when there are enough of them. */
struct writer {
    struct coil_http_exchange *exchange;
    struct coil__text text;
    int rc;
};

static void write_out(struct writer *writer)
{
    ssize_t n = writer->rc < 0
                    ? writer->rc
                    : coil_http_write(writer->exchange, writer->text.start, writer->text.length);

    writer->rc = n < 0 ? (int)n : 0;
    writer->text.length = 0;
}

/* Sees that there is room for a line. */
static void begin_line(struct writer *writer)
{
    if (writer->text.size - writer->text.length < LINE_ROOM) {
        write_out(writer);
    }
}

static void put_html(struct coil__text *text, const char *string)
{
    for (; *string; string++) {
        if (strchr("<>&\"'", *string)) {
            coil__text_add(text, "&#%d;", *string);
        } else {
            coil__text_add(text, "%c", coil__is_control(*string) ? '?' : *string);
        }
    }
}

/* RFC 8259, section 7. */
static void put_json(struct coil__text *text, const char *string)
{
    for (; *string; string++) {
        if (coil__is_control(*string)) {
            coil__text_add(text, "\\u%04x", *string);
        } else {
            coil__text_add(text, "%s%c", *string == '"' || *string == '\\' ? "\\" : "", *string);
        }
    }
}

/* "2026-11-23" and "19:00:00" of an HTTP date, which has all of it. */
static void put_date(struct coil__text *text, const char date[COIL__HTTP_DATE_SIZE])
{
    coil__text_add(text, "%.4s-%02d-%.2s", date + 12,
                   coil__month_of((struct coil__slice){date + 8, 3}), date + 5);
}

static void write_html_line(struct writer *writer, const struct entry *entry)
{
    struct coil__text *text = &writer->text;
    const char *slash = entry->is_folder ? "/" : "";
    char date[COIL__HTTP_DATE_SIZE];
    char link[3 * NAME_ROOM];

    /* No colon stays, which would make the first part a scheme. */
    coil__percent_encode(coil__slice_of(entry->name), COIL__PERCENT_UNRESERVED, link, sizeof link);
    coil__text_add(text, "<tr><td><a href=\"%s%s\">", link, slash);
    put_html(text, entry->name);
    coil__text_add(text, "%s</a><td>", slash);
    if (!entry->is_folder) {
        coil__text_add(text, "%lld", (long long)entry->size);
    }
    coil__http_date_format(entry->modified, date);
    coil__text_add(text, "<td>");
    put_date(text, date);
    coil__text_add(text, " %.5s\n", date + 17);
}

static void write_html(struct writer *writer, const struct list *list, const char *path)
{
    begin_line(writer);
    coil__text_add(&writer->text, "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n"
                                  "<meta name=\"viewport\" content=\"width=device-width\">\n"
                                  "<title>");
    put_html(&writer->text, path);
    coil__text_add(&writer->text, "</title>\n<style>body{font-family:sans-serif;margin:2em}"
                                  "td{padding:.1em 1.5em .1em 0}td+td{text-align:right;color:#666;"
                                  "font-variant-numeric:tabular-nums}</style>\n<h1>");
    put_html(&writer->text, path);
    coil__text_add(&writer->text, "</h1>\n<table>\n");
    if (strcmp(path, "/") != 0) {
        coil__text_add(&writer->text, "<tr><td><a href=\"../\">../</a><td><td>\n");
    }
    for (size_t i = 0; i < list->count && writer->rc == 0; i++) {
        begin_line(writer);
        write_html_line(writer, &list->entries[i]);
    }
    begin_line(writer);
    coil__text_add(&writer->text, "</table>\n%s",
                   list->is_cut ? "<p>There is more than can be listed.\n" : "");
}

static void write_json(struct writer *writer, const struct list *list)
{
    struct coil__text *text = &writer->text;
    char date[COIL__HTTP_DATE_SIZE];

    coil__text_add(text, "[");
    for (size_t i = 0; i < list->count && writer->rc == 0; i++) {
        const struct entry *entry = &list->entries[i];

        begin_line(writer);
        coil__text_add(text, "%s\n{\"name\": \"", i > 0 ? "," : "");
        put_json(text, entry->name);
        coil__text_add(text, "\", \"type\": \"%s\", ", entry->is_folder ? "directory" : "file");
        if (!entry->is_folder) {
            coil__text_add(text, "\"size\": %lld, ", (long long)entry->size);
        }
        coil__http_date_format(entry->modified, date);
        coil__text_add(text, "\"modified\": \"");
        put_date(text, date);
        coil__text_add(text, "T%.8sZ\"}", date + 17);
    }
    begin_line(writer);
    coil__text_add(text, "\n]\n");
}

/* The path as one reads it, for the heading. One that is too long is cut. */
static void make_title(const struct coil_http_exchange *exchange, char title[NAME_ROOM])
{
    struct coil__slice path = coil__slice_of(coil_http_path(exchange));

    if (coil__percent_decode(path, title, NAME_ROOM) < 0 || !coil__text_is_utf8(title)) {
        snprintf(title, NAME_ROOM, "%s", path.start);
    }
}

static int write_list(struct coil_http_exchange *exchange, const struct list *list, bool is_json)
{
    struct writer writer = {.exchange = exchange,
                            .text = {.start = coil__malloc(PIECE), .size = PIECE}};
    char title[NAME_ROOM];

    if (!writer.text.start) {
        return -ENOMEM;
    }
    writer.rc = coil_http_begin(exchange, 200,
                                is_json ? "application/json" : "text/html; charset=utf-8", -1);
    if (is_json) {
        write_json(&writer, list);
    } else {
        make_title(exchange, title);
        write_html(&writer, list, title);
    }
    write_out(&writer);
    coil__free(writer.text.start);
    return writer.rc;
}

int coil__http_files_list(struct coil_http_files *files, struct coil_http_exchange *exchange,
                          int fd)
{
    static const char *const types[] = {"text/html", "application/json"};
    struct list list = {.count = 0};
    struct coil__slice accepted;
    char *memory = NULL;
    bool is_json;
    int rc = read_folder(files, fd, &list);

    if (rc == 0 && !coil__http_file_field(exchange, "Accept", &accepted, &memory)) {
        rc = -ENOMEM;
    }
    rc = rc < 0 ? rc : coil_http_add_field(exchange, "Vary", "Accept");
    rc = rc < 0 ? rc : coil_http_add_field(exchange, "Cache-Control", "no-cache");
    rc = rc < 0 ? rc : coil_http_add_field(exchange, "X-Content-Type-Options", "nosniff");
    if (rc == 0) {
        is_json = coil__accept_media(accepted, types, 2) == 1;
        rc = write_list(exchange, &list, is_json);
    }
    coil__free(memory);
    free_list(&list);
    return rc;
}
