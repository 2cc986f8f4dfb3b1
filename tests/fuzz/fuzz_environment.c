/* COIL_* variables: numbers as a reference with wide arithmetic has them, and a loop that is made
 * with any text in them. */
#include "fuzz.h"

#include "sys/environment.h"

static uint64_t number_of(const char *text, uint64_t fallback)
{
    unsigned __int128 value = 0;

    if (*text == '\0') {
        return fallback;
    }
    for (; *text; text++) {
        if (*text < '0' || *text > '9') {
            return fallback;
        }
        value = value * 10 + (unsigned)(*text - '0');
        if (value > UINT64_MAX) {
            return fallback;
        }
    }
    return (uint64_t)value;
}

static bool is_backend(const char *text)
{
    static const char *const names[] = {"", "uring", "epoll", "sim"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct coil_loop_options options = {.backend = "sim"};
    struct coil_loop *loop = NULL;
    unsigned name = take_below(&in, 3);
    char text[100];

    take_text(&in, text, sizeof text);
    setenv("COIL_FUZZ", text, 1);
    FUZZ_CHECK(coil__environment_number("COIL_FUZZ", 7) == number_of(text, 7));
    FUZZ_CHECK(coil__environment_flag("COIL_FUZZ") == (*text && strcmp(text, "0") != 0));
    FUZZ_CHECK(!coil__environment_text("COIL_FUZZ") == !*text);
    FUZZ_CHECK(!coil__environment_text("COIL_FUZZ_NONE"));
    setenv("COIL_SEED", name == 0 ? text : "", 1);
    setenv("COIL_DEBUG", name == 1 ? text : "", 1);
    FUZZ_CHECK(coil_loop_new(&options, &loop) == 0);
    FUZZ_CHECK(coil_loop_free(loop) == 0);
    if (name == 2 && !is_backend(text)) {
        setenv("COIL_BACKEND", text, 1);
        FUZZ_CHECK(coil_loop_new(NULL, &loop) == -COIL_EBACKEND);
        unsetenv("COIL_BACKEND");
    }
    return 0;
}
