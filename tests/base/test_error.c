/* test_error.c - names and sentences of errors, and the version. */
#include "harness.h"

#include <coil/error.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

COIL_TEST(errors_have_names_and_sentences)
{
    CHECK_STR(coil_errname(-ECONNRESET), "-ECONNRESET");
    CHECK_STR(coil_errname(-COIL_ESTALE), "-COIL_ESTALE");
    CHECK_STR(coil_errname(0), "0");
    CHECK_STR(coil_errname(17), "0");
    CHECK_STR(coil_errname(-4000), "-E?");
    CHECK_STR(coil_errname(INT32_MIN), "-E?");
    CHECK_STR(coil_strerror(-ECONNRESET), "Connection reset by peer");
    CHECK_STR(coil_strerror(ECONNRESET), "Connection reset by peer");
    CHECK_STR(coil_strerror(INT32_MIN), "unknown error");
    for (int error = COIL_ENOTASK; error < COIL_ERROR_END_; error++) {
        CHECK_CONTAINS(coil_errname(-error), "-COIL_E");
        CHECK(coil_strerror(-error)[0] != '\0');
    }
}

COIL_TEST(version_is_that_of_the_header)
{
    char expected[32];

    snprintf(expected, sizeof expected, "%d.%d.%d", COIL_VERSION_MAJOR, COIL_VERSION_MINOR,
             COIL_VERSION_PATCH);
    CHECK_STR(coil_version(), expected);
}
