/* frames.h - captured stacks as lines of the source, without what is inside of the library.
 *
 * Many tasks stand at the same places, so what was found is kept: a table by address, in which a
 * newer entry takes the place of an older one.
 */
#ifndef COIL__TASK_FRAMES_H
#define COIL__TASK_FRAMES_H

#include "base/text.h"
#include "sys/symbols.h"

enum { COIL__MAX_INLINED = 8 };

/* The lines of one return address. */
struct coil__lines {
    const void *pc; /* NULL: the place is empty */
    size_t count;
    struct coil_frame frames[COIL__MAX_INLINED]; /* innermost first */
};

struct coil__line_cache;

/* -ENOMEM; freed by coil__free. */
int coil__line_cache_new(struct coil__line_cache **ret_cache);
/* Valid until the next call. */
const struct coil__lines *coil__lines_get(struct coil__line_cache *cache, const void *pc);
/* The public function of the library that these lines are of, or NULL. */
const char *coil__lines_call(const struct coil__lines *lines);
/* How many of the innermost frames are inside of the library. The first of the others may be that
 * of the public call that the task is in. */
size_t coil__frames_skip(struct coil__line_cache *cache, const struct coil_task_info *info);
/* Whether there is no frame outside of the library: the task has not begun, or its function has
 * ended with a call that replaces its frame. Then info->fn says what it is. */
bool coil__frames_lack_fn(struct coil__line_cache *cache, const struct coil_task_info *info);

#endif
