/* Misuse in debug mode: the error, and a sentence that says what was done by which task.
 *
 *     TOLD_TEST(await_of_null)
 *     {
 *         CHECK_TOLD(coil_await(NULL), -ENOMEM, "NULL");
 *         return 0;
 *     }
 *
 * The body is the task "main" of a loop in debug mode, whose reports are heard. It runs once more
 * without debug mode: then there must be the same errors, and no sentence. */
#ifndef COIL_TESTS_TOLD_H
#define COIL_TESTS_TOLD_H

#include "in_task.h"

#include <string.h>

static struct {
    struct heard heard;
    bool is_debug;
} told;

#define CHECK_TOLD(call, expected, text)                                                           \
    do {                                                                                           \
        memset(&told.heard, 0, sizeof told.heard);                                                 \
        CHECK_ERR((int)(call), expected);                                                          \
        check_told(expected, text);                                                                \
    } while (0)

/* Calls that are right, or whose error is no misuse. */
#define CHECK_NOT_TOLD() CHECK_INT(told.heard.count, ==, 0)

static inline void check_told(int error, const char *text)
{
    CHECK_INT(told.heard.count, ==, told.is_debug ? 1 : 0);
    if (told.heard.count > 0) {
        CHECK_ERR(told.heard.error, error);
        CHECK_CONTAINS(told.heard.message, text);
        CHECK_STR(told.heard.task_name, "main");
    }
}

static inline int hear_body(void *arg)
{
    int (*body)(void *arg) = *(int (**)(void *))arg;

    CHECK_OK(coil_loop_set_error_handler(coil_loop_current(), hear, &told.heard));
    return body(NULL);
}

static inline void run_told(int (*body)(void *arg))
{
    for (int i = 0; i < 2; i++) {
        struct coil_run_options options = {.loop.debug = i == 0};

        memset(&told, 0, sizeof told);
        told.is_debug = i == 0;
        CHECK_ERR(coil_run_with(&options, hear_body, &body), 0);
    }
}

#define TOLD_TEST(name)                                                                            \
    static int body_of_##name(void *arg);                                                          \
    COIL_TEST(name)                                                                                \
    {                                                                                              \
        unsetenv("COIL_DEBUG");                                                                    \
        run_told(body_of_##name);                                                                  \
    }                                                                                              \
    static int body_of_##name(__attribute__((unused)) void *arg)

#endif
