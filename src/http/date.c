/* date.c - the Date of responses, which changes once a second. */
#include "http/http.h"

#include "sys/clock.h"
#include "wire/http_date.h"

#include <coil/loop.h>

void coil__http_refresh_date(struct coil__http_service *service)
{
    int64_t now = coil_now();
    char text[COIL__HTTP_DATE_SIZE];
    int64_t wall;

    if (now < service->date_ends) {
        return;
    }
    wall = coil__clock_wall();
    service->date_ends = now + COIL_SEC - wall % COIL_SEC;
    coil__http_date_format(wall / COIL_SEC, text);
    memcpy(service->lines + sizeof "Date: " - 1, text, sizeof text - 1);
}
