/* layout.h - finding the layout that libcoil has in a process (src/task/layout.h). */
#ifndef COIL_TOOLS_LAYOUT_H
#define COIL_TOOLS_LAYOUT_H

#include "memory.h"

#include "task/layout.h"

struct layout_finding {
    struct coil__layout *layouts; /* the caller's, with room for max */
    size_t max;
    size_t count;
    unsigned other_version; /* one that was found and is not ours, or 0 */
};

/* Looks at the ELF file whose headers are loaded at `start`. 0, also if there is none; -EFAULT, ...
 */
int layout_find(const struct memory *memory, uint64_t start, struct layout_finding *finding);

/* Whether its numbers can be true. */
bool layout_is_sane(const struct coil__layout *layout);

#endif
