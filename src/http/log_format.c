/* log_format.c - lines of the access log. Whatever a client has sent is escaped, byte by byte, so
 * that it ends neither the line nor the string that it stands in. */
#include "http/log_file.h"
#include "wire/slice.h"

#include <coil/http_log.h>

#include <errno.h>
#include <stdio.h>
#include <time.h>

struct line {
    char *buf;
    size_t size;
    size_t length; /* may be more than fits */
    bool is_json;
};

static void put_char(struct line *line, char c)
{
    if (line->length < line->size) {
        line->buf[line->length] = c;
    }
    line->length++;
}

static void put(struct line *line, const char *text)
{
    for (; *text; text++) {
        put_char(line, *text);
    }
}

/* NULL: "-". */
static void put_value(struct line *line, const char *text)
{
    static const char digits[] = "0123456789abcdef";

    text = text ? text : "-";
    for (size_t i = 0; text[i] && i < COIL_HTTP_LOG_VALUE; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
            put_char(line, (char)c);
            continue;
        }
        put(line, line->is_json ? "\\u00" : "\\x");
        put_char(line, digits[c >> 4]);
        put_char(line, digits[c & 15]);
    }
}

static void put_number(struct line *line, uint64_t number)
{
    char room[COIL__DIGITS];
    struct coil__slice digits = coil__slice_of_number(number, room);

    for (size_t i = 0; i < digits.size; i++) {
        put_char(line, digits.start[i]);
    }
}

static struct tm parts_of(int64_t time_ns)
{
    time_t seconds = (time_t)(time_ns / COIL_SEC);
    struct tm parts = {0};

    gmtime_r(&seconds, &parts);
    return parts;
}

/* [10/Oct/2000:13:55:36 +0000] */
static void put_common_time(struct line *line, int64_t time_ns)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm parts = parts_of(time_ns);
    char text[64];

    snprintf(text, sizeof text, "[%02d/%s/%d:%02d:%02d:%02d +0000]", parts.tm_mday,
             months[parts.tm_mon % 12], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
             parts.tm_sec);
    put(line, text);
}

/* RFC 3339. */
static void put_json_time(struct line *line, int64_t time_ns)
{
    struct tm parts = parts_of(time_ns);
    char text[96];

    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", parts.tm_year + 1900,
             parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
             (int)(time_ns % COIL_SEC / COIL_USEC));
    put(line, text);
}

static void put_target(struct line *line, const struct coil_http_record *record)
{
    put_value(line, record->path);
    if (record->query) {
        put(line, "?");
        put_value(line, record->query);
    }
}

static void put_common(struct line *line, const struct coil_http_record *record)
{
    put_value(line, record->peer);
    put(line, " - - ");
    put_common_time(line, record->time_ns);
    put(line, " \"");
    if (record->method) {
        put_value(line, record->method);
        put(line, " ");
        put_target(line, record);
        put(line, " ");
        put_value(line, record->version);
    } else {
        put(line, "-");
    }
    put(line, "\" ");
    put_number(line, record->status);
    put(line, " ");
    put_number(line, record->body_size);
}

static void put_combined(struct line *line, const struct coil_http_record *record)
{
    put_common(line, record);
    put(line, " \"");
    put_value(line, record->referer);
    put(line, "\" \"");
    put_value(line, record->user_agent);
    put(line, "\"");
}

/* --- JSON --- */

static void put_name(struct line *line, const char *name)
{
    put(line, ",\"");
    put(line, name);
    put(line, "\":");
}

static void put_string(struct line *line, const char *name, const char *value)
{
    if (value) {
        put_name(line, name);
        put(line, "\"");
        put_value(line, value);
        put(line, "\"");
    }
}

static void put_json(struct line *line, const struct coil_http_record *record)
{
    line->is_json = true;
    put(line, "{\"time\":\"");
    put_json_time(line, record->time_ns);
    put(line, "\"");
    put_string(line, "peer", record->peer);
    put_string(line, "method", record->method);
    if (record->path) {
        put_name(line, "target");
        put(line, "\"");
        put_target(line, record);
        put(line, "\"");
    }
    put_string(line, "version", record->version);
    put_name(line, "status");
    put_number(line, record->status);
    put_name(line, "bytes");
    put_number(line, record->body_size);
    put_name(line, "whole");
    put(line, record->is_whole ? "true" : "false");
    put_name(line, "duration_us");
    put_number(line, (uint64_t)(record->duration_ns > 0 ? record->duration_ns / COIL_USEC : 0));
    put_string(line, "user_agent", record->user_agent);
    put_string(line, "referer", record->referer);
    put_string(line, "request_id", record->request_id);
    put(line, "}");
}

ssize_t coil_http_log_format(const struct coil_http_record *record,
                             enum coil_http_log_format format, char *buf, size_t size)
{
    struct line line = {.buf = buf, .size = size};

    if (!record || !buf || (unsigned)format > COIL_HTTP_LOG_JSON || record->time_ns < 0) {
        return -EINVAL;
    }
    if (format == COIL_HTTP_LOG_COMMON) {
        put_common(&line, record);
    } else if (format == COIL_HTTP_LOG_COMBINED) {
        put_combined(&line, record);
    } else {
        put_json(&line, record);
    }
    put_char(&line, '\n');
    put_char(&line, '\0');
    return line.length <= size ? (ssize_t)line.length - 1 : -ENOSPC;
}

size_t coil__http_log_note(enum coil_http_log_format format, int64_t time_ns, uint64_t count,
                           char room[COIL__HTTP_LOG_NOTE])
{
    struct line line = {.buf = room, .size = COIL__HTTP_LOG_NOTE};

    if (format == COIL_HTTP_LOG_JSON) {
        put(&line, "{\"time\":\"");
        put_json_time(&line, time_ns);
        put(&line, "\",\"dropped\":");
        put_number(&line, count);
        put(&line, "}\n");
    } else {
        put(&line, "# ");
        put_common_time(&line, time_ns);
        put(&line, " ");
        put_number(&line, count);
        put(&line, count == 1 ? " line was dropped\n" : " lines were dropped\n");
    }
    return line.length;
}
