/* strings.h - texts that lie in another process's memory, each read once: many tasks have the same.
 */
#ifndef COIL_TOOLS_STRINGS_H
#define COIL_TOOLS_STRINGS_H

#include "memory.h"

#include "task/layout.h"

struct strings;

int strings_new(const struct memory *memory, const struct coil__layout *layout,
                struct strings **ret_strings);
void strings_free(struct strings *strings);

/* The text at the address, made printable; NULL: there is none, or no memory for it. Valid until
 * strings_free. */
const char *strings_text(struct strings *strings, uint64_t address);
/* The struct coil_site at the address; NULL likewise. */
const struct coil_site *strings_site(struct strings *strings, uint64_t address);

/* Replaces, in place, what must neither reach a terminal nor stand in JSON: control characters and
 * what is no UTF-8. */
void strings_clean(char *text);
bool strings_are_clean(const char *text);

#endif
