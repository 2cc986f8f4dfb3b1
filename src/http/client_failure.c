/* client_failure.c - why a request has failed, in words. */
#include "http/client.h"

#include <stdarg.h>
#include <stdio.h>

int coil__client_fail(struct coil_http_failure *failure, int error, const char *format, ...)
{
    va_list args;

    if (failure) {
        failure->error = error;
        va_start(args, format);
        vsnprintf(failure->text, sizeof failure->text, format, args);
        va_end(args);
    }
    return error;
}

int coil__client_fail_plainly(struct coil_http_failure *failure, int error)
{
    if (failure && failure->error == error && failure->text[0] != '\0') {
        return error;
    }
    return coil__client_fail(failure, error, "%s", coil_strerror(error));
}
