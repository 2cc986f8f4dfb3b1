/* Checks: a failed one prints where and what it saw, and ends the process at once. */
#include <coil/error.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fault.h"
#include "internal.h"

enum { SHOWN_CHECKS = 20 };

__attribute__((format(printf, 3, 0))) static void print_failure(const char *file, int line,
                                                                const char *format, va_list args)
{
    static atomic_int shown; /* a run that goes on may fail the same check a million times */

    if (atomic_fetch_add_explicit(&shown, 1, memory_order_relaxed) >= SHOWN_CHECKS) {
        return;
    }
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    fflush(NULL);
}

/* Ends the process, unless the run is a soft one and has seen its fault. */
static void end_failed(void)
{
    current_report()->check_failed = true;
    if (current_is_soft() && fault_was_injected()) {
        return;
    }
    _exit(1);
}

void *test_made(void *ptr)
{
    if (!ptr && fault_was_injected()) {
        end_failed();
    }
    return ptr;
}

int64_t test_done(int64_t rc)
{
    if (rc < 0 && fault_was_injected()) {
        end_failed();
    }
    return rc;
}

bool test_has_noticed(void)
{
    return current_report()->check_failed;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_failure(file, line, format, args);
    va_end(args);
    current_report()->check_failed = true;
    _exit(1);
}

void test_check_failed(const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_failure(file, line, format, args);
    va_end(args);
    end_failed();
}

void test_check_int(const char *file, int line, const char *what, int64_t actual, int64_t expected)
{
    test_check_failed(file, line, "%s: %" PRId64 ", %" PRId64, what, actual, expected);
}

void test_check_str(const char *file, int line, const char *what, const char *actual,
                    const char *expected)
{
    if (!actual || !expected) {
        if (actual != expected) {
            test_check_failed(file, line, "%s: %s, %s", what, actual ? actual : "NULL",
                              expected ? expected : "NULL");
        }
        return;
    }
    if (strcmp(actual, expected) != 0) {
        test_check_failed(file, line, "%s:\n  \"%s\"\n  \"%s\"", what, actual, expected);
    }
}

void test_check_contains(const char *file, int line, const char *what, const char *text,
                         const char *piece)
{
    if (!text || !strstr(text, piece)) {
        test_check_failed(file, line, "%s:\n  \"%s\"\n  \"%s\"", what, text ? text : "NULL", piece);
    }
}

void test_check_mem(const char *file, int line, const char *what, const void *actual,
                    const void *expected, size_t size)
{
    const unsigned char *a = actual;
    const unsigned char *e = expected;

    for (size_t i = 0; i < size; i++) {
        if (a[i] != e[i]) {
            test_check_failed(file, line, "%s: byte %zu of %zu is 0x%02x, not 0x%02x", what, i,
                              size, a[i], e[i]);
            return;
        }
    }
}

static const char *describe(int64_t value)
{
    return value < 0 && value >= INT32_MIN ? coil_strerror((int)value) : "no error";
}

void test_check_err(const char *file, int line, const char *what, int64_t actual, int64_t error)
{
    if (actual != error) {
        test_check_failed(file, line, "%s: %" PRId64 " (%s), %" PRId64 " (%s)", what, actual,
                          describe(actual), error, describe(error));
    }
}

void test_check_ok(const char *file, int line, const char *what, int64_t actual)
{
    if (actual < 0) {
        test_check_failed(file, line, "%s: %" PRId64 " (%s)", what, actual, describe(actual));
    }
}

void test_skip(const char *why)
{
    struct report *report = current_report();

    snprintf(report->skip_reason, sizeof report->skip_reason, "%s", why);
    report->skipped = true;
    helpers_cleanup();
    fflush(NULL);
    _exit(77);
}
