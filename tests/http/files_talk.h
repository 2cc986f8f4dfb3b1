/* A folder with files in it, served to a client that asks for one thing and looks at the answer. */
#ifndef COIL_TESTS_HTTP_FILES_TALK_H
#define COIL_TESTS_HTTP_FILES_TALK_H

#include "../io/files.h"
#include "http_talk.h"

#include <coil/http_files.h>

/* When all files were last changed: "Sun, 06 Nov 1994 08:49:37 GMT". */
enum { CHANGED = 784111777 };
#define CHANGED_TEXT "Sun, 06 Nov 1994 08:49:37 GMT"

static struct coil_http_files *site;

static inline void change_time(struct path path, time_t seconds)
{
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    CHECK_INT(utimensat(AT_FDCWD, path.text, times, AT_SYMLINK_NOFOLLOW), ==, 0);
}

static inline struct path put_text(const char *name, const char *text)
{
    struct path path = make_text(name, text);

    change_time(path, CHANGED);
    return path;
}

static inline void put_folder(const char *name)
{
    CHECK_INT(mkdir(path_of(name).text, 0700), ==, 0);
}

/* Opens the folder "site" for serving. */
static inline void open_site(const struct coil_http_files_options *options)
{
    CHECK_OK(coil_http_files_open(path_of("site").text, options, &site));
    talk.user = site;
}

static inline void close_site(void)
{
    coil_http_files_close(site);
    site = NULL;
}

/* Of an answer whose body is any bytes. */
static inline void drop_date(void)
{
    size_t size = strlen("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT");
    char *line = strstr(talk.answer, "\r\nDate: ");

    if (line) {
        memmove(line, line + size, talk.size + 1 - (size_t)(line + size - talk.answer));
        talk.size -= size;
    }
}

/* The answer to one request, in talk.answer, without its Date. */
static inline void ask_with(coil_http_handler handler, const char *method, const char *path,
                            const char *fields)
{
    open_talk(handler);
    say(method);
    say(" ");
    say(path);
    say(" HTTP/1.1\r\nHost: a\r\n");
    say(fields);
    say("\r\n");
    coil_stream_write_eof(talk.client);
    hear_answer(ANSWER_ROOM - 1);
    close_talk();
    drop_date();
}

static inline void ask(const char *method, const char *path, const char *fields)
{
    ask_with(coil_http_files_handle, method, path, fields);
}

static inline void get(const char *path)
{
    ask("GET", path, "");
}

static inline int answered_status(void)
{
    int status = 0;

    return sscanf(talk.answer, "HTTP/1.1 %d ", &status) == 1 ? status : -1;
}

static inline const char *answered_body(void)
{
    const char *end = strstr(talk.answer, "\r\n\r\n");

    return end ? end + 4 : "";
}

static inline size_t answered_size(void)
{
    return talk.size - (size_t)(answered_body() - talk.answer);
}

/* Whether the head has a line. */
static inline bool has_line(const char *line)
{
    const char *found = strstr(talk.answer, line);
    const char *end = strstr(talk.answer, "\r\n\r\n");

    return found && found > talk.answer && found[-1] == '\n' && found < end &&
           memcmp(found + strlen(line), "\r\n", 2) == 0;
}

static inline bool has_field(const char *name)
{
    char start[64];
    const char *found;

    snprintf(start, sizeof start, "\r\n%s: ", name);
    found = strstr(talk.answer, start);
    return found && found < answered_body();
}

/* Of the last answer, in quotes. */
static inline struct path answered_tag(void)
{
    struct path tag = {""};
    const char *found = strstr(talk.answer, "\r\nETag: ");

    if (found) {
        sscanf(found, "\r\nETag: %255s", tag.text);
    }
    return tag;
}

#define CHECK_STATUS(status)                                                                       \
    CHECK_MSG(answered_status() == (status), "not %d: %.300s", (status), talk.answer)
#define CHECK_LINE(line) CHECK_MSG(has_line(line), "no \"%s\": %.500s", (line), talk.answer)
#define CHECK_BODY(text) CHECK_STR(answered_body(), (text))

/* One that asks for a path, and gets a status. */
static inline void check_path(const char *path, int status)
{
    get(path);
    CHECK_MSG(answered_status() == status, "%s is not %d: %.100s", path, status, talk.answer);
}

#endif
