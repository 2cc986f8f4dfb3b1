/* frames.c - see frames.h; and the public face of symbols. */
#include "task/frames.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

enum { SLOTS = 256, WITHOUT_PREFIX = 2 };

struct coil__line_cache {
    struct coil__lines slots[SLOTS];
};

int coil__line_cache_new(struct coil__line_cache **ret_cache)
{
    *ret_cache = coil__calloc(1, sizeof **ret_cache);
    return *ret_cache ? 0 : -ENOMEM;
}

const struct coil__lines *coil__lines_get(struct coil__line_cache *cache, const void *pc)
{
    size_t place = (size_t)((uintptr_t)pc * UINT64_C(0x9E3779B97F4A7C15) >> 56) % SLOTS;
    struct coil__lines *lines = &cache->slots[place];

    if (lines->pc != pc) {
        lines->pc = pc;
        lines->count = coil__symbols_find(pc, lines->frames, COIL__MAX_INLINED);
    }
    return lines;
}

/* The outermost of the functions: what the others are inlined into. */
static const char *outermost(const struct coil__lines *lines)
{
    return lines->frames[lines->count - 1].function;
}

const char *coil__lines_call(const struct coil__lines *lines)
{
    const char *function = outermost(lines);

    return function && strncmp(function, "coil_", 5) == 0 && function[5] != '_' ? function : NULL;
}

/* The file that the address is in, or NULL. */
static const char *object_of(struct coil__line_cache *cache, const void *pc)
{
    return coil__lines_get(cache, pc)->frames[0].object;
}

/* How many of the innermost frames are in the library's own file: 0 where that is the program's
 * too. */
static size_t count_in_library(struct coil__line_cache *cache, const struct coil_task_info *info)
{
    const char *program = object_of(cache, (const char *)info->fn + 1);
    const char *library = info->frame_count > 0 ? object_of(cache, info->frames[0]) : NULL;
    size_t count = 0;

    if (!program || !library || strcmp(program, library) == 0) {
        return 0;
    }
    while (count < info->frame_count) {
        const char *object = object_of(cache, info->frames[count]);

        if (!object || strcmp(object, library) != 0) {
            break;
        }
        count++;
    }
    return count;
}

/* A call that is the last thing a public function does replaces its frame. So what counts is the
 * prefix alone, public or not, and functions without it are the library's too if one with it has
 * called them; or if they are in its file. */
size_t coil__frames_skip(struct coil__line_cache *cache, const struct coil_task_info *info)
{
    size_t end = 0;
    size_t last = 0;
    size_t inside;

    for (size_t i = 0; i < info->frame_count && i <= end + WITHOUT_PREFIX; i++) {
        const char *function = outermost(coil__lines_get(cache, info->frames[i]));

        if (function && strncmp(function, "coil_", 5) == 0) {
            end = i + 1;
            last = i;
        }
    }
    inside = end > 0 ? count_in_library(cache, info) : 0;
    if (inside > end) {
        return inside; /* static functions, called at the end of a public one */
    }
    return end > 0 && coil__lines_call(coil__lines_get(cache, info->frames[last])) ? last : end;
}

bool coil__frames_lack_fn(struct coil__line_cache *cache, const struct coil_task_info *info)
{
    size_t skip = coil__frames_skip(cache, info);
    bool is_call = skip < info->frame_count &&
                   coil__lines_call(coil__lines_get(cache, info->frames[skip])) != NULL;

    return skip + is_call == info->frame_count;
}

ssize_t coil_frame_lines(const void *frame, struct coil_frame *ret_frames, size_t max)
{
    if (!frame || !ret_frames || max == 0) {
        return -EINVAL;
    }
    max = max < COIL__MAX_INLINED ? max : COIL__MAX_INLINED;
    return (ssize_t)coil__symbols_find(frame, ret_frames, max);
}
