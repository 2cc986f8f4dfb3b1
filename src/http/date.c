/* date.c - the Date of responses, which changes once a second. */
#include "http/http.h"

#include "sys/clock.h"

#include <coil/loop.h>

#include <stdio.h>
#include <time.h>

enum { TEXT_SIZE = sizeof "Sun, 06 Nov 1994 08:49:37 GMT" - 1 };

/* RFC 9110, section 5.6.7. The names are English everywhere. */
static void print(char *buf, size_t size, time_t seconds)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm = {0};

    gmtime_r(&seconds, &tm);
    snprintf(buf, size, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + tm.tm_wday * 3,
             tm.tm_mday % 100, months + tm.tm_mon * 3, (tm.tm_year + 1900) % 10000,
             tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
}

void coil__http_refresh_date(struct coil__http_service *service)
{
    int64_t now = coil_now();
    char text[48];
    int64_t wall;

    if (now < service->date_ends) {
        return;
    }
    wall = coil__clock_wall();
    service->date_ends = now + COIL_SEC - wall % COIL_SEC;
    print(text, sizeof text, (time_t)(wall / COIL_SEC));
    memcpy(service->lines + sizeof "Date: " - 1, text, TEXT_SIZE);
}
