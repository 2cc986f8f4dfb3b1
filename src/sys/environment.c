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

uint64_t coil__environment_number(const char *name, uint64_t fallback)
{
    const char *text = coil__environment_text(name);
    unsigned long long value;
    char *end;

    if (!text) {
        return fallback;
    }
    errno = 0;
    value = strtoull(text, &end, 0);
    return errno == 0 && *end == '\0' ? value : fallback;
}

unsigned coil__environment_cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return count > 0 ? (unsigned)count : 1;
}
