/* http_date.h - the dates of HTTP (RFC 9110, section 5.6.7), without libc's locale and time zone.
 * Times are seconds since 1970-01-01 00:00:00 UTC, without leap seconds, as time() has them. */
#ifndef COIL__WIRE_HTTP_DATE_H
#define COIL__WIRE_HTTP_DATE_H

#include "wire/slice.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL. */
enum { COIL__HTTP_DATE_SIZE = 30 };

/* The span that has a date: the years 0 to 9999. */
#define COIL__HTTP_DATE_MIN INT64_C(-62167219200)
#define COIL__HTTP_DATE_MAX INT64_C(253402300799)

/* A point in time in UTC, in parts. */
struct coil__calendar {
    int year;   /* 0 to 9999 */
    int month;  /* 1 to 12 */
    int day;    /* 1 to 31 */
    int hour;   /* 0 to 23 */
    int minute; /* 0 to 59 */
    int second; /* 0 to 60: a leap second counts as the next minute's first */
};

/* Writes an IMF-fixdate. A time outside of the span above is written as the nearest one in it. */
void coil__http_date_format(int64_t seconds, char ret_text[COIL__HTTP_DATE_SIZE]);

/* Reads an IMF-fixdate, and the obsolete dates of RFC 850 ("Sunday, 06-Nov-94 08:49:37 GMT") and of
 * asctime ("Sun Nov  6 08:49:37 1994"). Strict, upper and lower case included, but for the day of
 * the week, which need not be the right one. now: the time, for the two digits of RFC 850: such a
 * year is at most 50 years ahead. 0, or -EBADMSG: it is none of them, or no such day exists. */
int coil__http_date_parse(struct coil__slice text, int64_t now, int64_t *ret_seconds);

/* 0, or -EBADMSG: there is no such time. */
int coil__calendar_to_seconds(const struct coil__calendar *calendar, int64_t *ret_seconds);

/* The other way round. seconds: of the span above. */
struct coil__calendar coil__calendar_of_seconds(int64_t seconds);

/* 1 to 12 for "Jan" to "Dec", in any case of letters; 0. */
int coil__month_of(struct coil__slice name);

#endif
