/* environment.c - see environment.h. */
#include "sys/environment.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

const char *coil__environment_text(const char *name)
{
    const char *text = secure_getenv(name);

    return text && *text ? text : NULL;
}

bool coil__environment_flag(const char *name)
{
    const char *text = coil__environment_text(name);

    return text && strcmp(text, "0") != 0;
}

bool coil__environment_has(const char *name, const char *word)
{
    const char *text = coil__environment_text(name);
    size_t size = strlen(word);

    while (text) {
        if (strncmp(text, word, size) == 0 && (text[size] == ',' || text[size] == '\0')) {
            return true;
        }
        text = strchr(text, ',');
        text = text ? text + 1 : NULL;
    }
    return false;
}

uint64_t coil__environment_number(const char *name, uint64_t fallback)
{
    const char *text = coil__environment_text(name);
    uint64_t value = 0;

    if (!text) {
        return fallback;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value)) {
            return fallback;
        }
    }
    return *text == '\0' ? value : fallback;
}

const char *coil__environment_program(void)
{
    return program_invocation_name;
}

unsigned coil__environment_cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return count > 0 ? (unsigned)count : 1;
}
