/* environment.h - the few environment variables that the library reads. */
#ifndef COIL__SYS_ENVIRONMENT_H
#define COIL__SYS_ENVIRONMENT_H

#include <stdbool.h>
#include <stdint.h>

/* NULL when unset or empty, and in set-uid programs. */
const char *coil__environment_text(const char *name);
/* True for "1", and for anything else that is neither empty nor "0". */
bool coil__environment_flag(const char *name);
/* True when the word stands in the list, which has commas in between. */
bool coil__environment_has(const char *name, const char *word);
/* A decimal number; `fallback` when unset or no number. */
uint64_t coil__environment_number(const char *name, uint64_t fallback);
/* By which name this program was called: "./test". */
const char *coil__environment_program(void);
/* Processors this process may run on, at least 1. */
unsigned coil__environment_cores(void);

#endif
