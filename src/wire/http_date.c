/* http_date.c - see http_date.h. Days are counted by the proleptic Gregorian calendar, in years
 * that begin in March: the leap day is then the last one of its year. */
#include "wire/http_date.h"

#include <errno.h>

enum { DAY = 86400 };

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const weekdays[7] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                        "Monday",   "Tuesday", "Wednesday"};

/* --- the calendar --- */

/* From 1970-01-01; year >= 0. */
static int64_t days_of(int year, int month, int day)
{
    int shifted = month <= 2 ? year + 399 : year + 400; /* never negative */
    int in_year = (153 * (month <= 2 ? month + 9 : month - 3) + 2) / 5 + day - 1;

    return (int64_t)shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + in_year - 719468 -
           146097;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

int coil__calendar_to_seconds(const struct coil__calendar *c, int64_t *ret_seconds)
{
    if (c->year < 0 || c->year > 9999 || c->month < 1 || c->month > 12 || c->day < 1 ||
        c->day > days_in(c->year, c->month) || c->hour < 0 || c->hour > 23 || c->minute < 0 ||
        c->minute > 59 || c->second < 0 || c->second > 60) {
        return -EBADMSG;
    }
    *ret_seconds =
        days_of(c->year, c->month, c->day) * DAY + c->hour * 3600 + c->minute * 60 + c->second;
    return 0;
}

/* days: from 1970-01-01. */
static void set_day(struct coil__calendar *calendar, int64_t days)
{
    int64_t shifted = days + 719468 + 146097; /* from the 1st of March 400 years before year 0 */
    int era = (int)(shifted / 146097);        /* of 400 years */
    int in_era = (int)(shifted % 146097);
    int year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int in_year = in_era - (365 * year + year / 4 - year / 100);
    int month = (5 * in_year + 2) / 153; /* from March */

    calendar->day = in_year - (153 * month + 2) / 5 + 1;
    calendar->month = month < 10 ? month + 3 : month - 9;
    calendar->year = era * 400 + year - 400 + (calendar->month <= 2);
}

struct coil__calendar coil__calendar_of_seconds(int64_t seconds)
{
    int64_t days = seconds >= 0 ? seconds / DAY : -((DAY - 1 - seconds) / DAY);
    int in_day = (int)(seconds - days * DAY);
    struct coil__calendar calendar = {
        .hour = in_day / 3600, .minute = in_day / 60 % 60, .second = in_day % 60};

    set_day(&calendar, days);
    return calendar;
}

/* --- writing --- */

static char *put_digits(char *at, int number, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    return at + count;
}

static char *put(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

void coil__http_date_format(int64_t seconds, char ret_text[COIL__HTTP_DATE_SIZE])
{
    struct coil__calendar calendar;
    char *at = ret_text;
    int64_t days;
    int in_day;

    seconds = seconds < COIL__HTTP_DATE_MIN ? COIL__HTTP_DATE_MIN : seconds;
    seconds = seconds > COIL__HTTP_DATE_MAX ? COIL__HTTP_DATE_MAX : seconds;
    days = seconds >= 0 ? seconds / DAY : -((DAY - 1 - seconds) / DAY);
    in_day = (int)(seconds - days * DAY);
    set_day(&calendar, days);
    at = put(at, weekdays[(days % 7 + 7) % 7], 3);
    at = put(at, ", ", 2);
    at = put_digits(at, calendar.day, 2);
    *at++ = ' ';
    at = put(at, months[calendar.month - 1], 3);
    *at++ = ' ';
    at = put_digits(at, calendar.year, 4);
    *at++ = ' ';
    at = put_digits(at, in_day / 3600, 2);
    *at++ = ':';
    at = put_digits(at, in_day / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, in_day % 60, 2);
    put(at, " GMT", 5);
}

/* --- reading --- */

int coil__month_of(struct coil__slice name)
{
    for (int i = 0; i < 12; i++) {
        if (coil__slice_is_like(name, months[i])) {
            return i + 1;
        }
    }
    return 0;
}

static bool take_text(struct coil__slice *rest, const char *text)
{
    size_t size = strlen(text);

    if (rest->size < size || memcmp(rest->start, text, size) != 0) {
        return false;
    }
    rest->start += size;
    rest->size -= size;
    return true;
}

/* Just so many digits. */
static bool take_digits(struct coil__slice *rest, int count, int *ret_number)
{
    int number = 0;

    if (rest->size < (size_t)count) {
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (!coil__is_digit(rest->start[i])) {
            return false;
        }
        number = number * 10 + (rest->start[i] - '0');
    }
    rest->start += count;
    rest->size -= (size_t)count;
    *ret_number = number;
    return true;
}

static bool take_month(struct coil__slice *rest, int *ret_month)
{
    for (int i = 0; i < 12; i++) {
        if (take_text(rest, months[i])) {
            *ret_month = i + 1;
            return true;
        }
    }
    return false;
}

/* hh:mm:ss */
static bool take_time(struct coil__slice *rest, struct coil__calendar *calendar)
{
    return take_digits(rest, 2, &calendar->hour) && take_text(rest, ":") &&
           take_digits(rest, 2, &calendar->minute) && take_text(rest, ":") &&
           take_digits(rest, 2, &calendar->second);
}

/* "06 Nov 1994 08:49:37 GMT" */
static bool take_fixdate(struct coil__slice *rest, struct coil__calendar *calendar)
{
    return take_digits(rest, 2, &calendar->day) && take_text(rest, " ") &&
           take_month(rest, &calendar->month) && take_text(rest, " ") &&
           take_digits(rest, 4, &calendar->year) && take_text(rest, " ") &&
           take_time(rest, calendar) && take_text(rest, " GMT");
}

/* "Nov  6 08:49:37 1994"; the day has a blank for a zero. */
static bool take_asctime(struct coil__slice *rest, struct coil__calendar *calendar)
{
    if (!take_month(rest, &calendar->month) || !take_text(rest, " ")) {
        return false;
    }
    if (!(take_text(rest, " ") ? take_digits(rest, 1, &calendar->day)
                               : take_digits(rest, 2, &calendar->day))) {
        return false;
    }
    return take_text(rest, " ") && take_time(rest, calendar) && take_text(rest, " ") &&
           take_digits(rest, 4, &calendar->year);
}

/* "06-Nov-94 08:49:37 GMT" */
static bool take_rfc850(struct coil__slice *rest, struct coil__calendar *calendar)
{
    return take_digits(rest, 2, &calendar->day) && take_text(rest, "-") &&
           take_month(rest, &calendar->month) && take_text(rest, "-") &&
           take_digits(rest, 2, &calendar->year) && take_text(rest, " ") &&
           take_time(rest, calendar) && take_text(rest, " GMT");
}

/* A year that seems to be more than 50 years ahead was in the century before. */
static void set_century(struct coil__calendar *calendar, int64_t now)
{
    struct coil__calendar today = {0};
    int year;

    now = now < 0 ? 0 : now > COIL__HTTP_DATE_MAX ? COIL__HTTP_DATE_MAX : now;
    set_day(&today, now / DAY);
    year = today.year - today.year % 100 + calendar->year;
    year += year <= today.year - 50 ? 100 : year > today.year + 50 ? -100 : 0;
    calendar->year = year;
}

int coil__http_date_parse(struct coil__slice text, int64_t now, int64_t *ret_seconds)
{
    struct coil__calendar calendar = {0};
    bool is_date = false;

    for (int i = 0; i < 7 && !is_date; i++) {
        char abbreviated[4] = {weekdays[i][0], weekdays[i][1], weekdays[i][2], '\0'};
        struct coil__slice rest = text;

        if (!take_text(&rest, abbreviated)) {
            continue;
        }
        if (take_text(&rest, ", ")) {
            is_date = take_fixdate(&rest, &calendar);
        } else if (take_text(&rest, " ")) {
            is_date = take_asctime(&rest, &calendar);
        } else if (take_text(&rest, weekdays[i] + 3) && take_text(&rest, ", ")) {
            is_date = take_rfc850(&rest, &calendar);
            set_century(&calendar, now);
        }
        is_date = is_date && rest.size == 0;
    }
    return is_date ? coil__calendar_to_seconds(&calendar, ret_seconds) : -EBADMSG;
}
