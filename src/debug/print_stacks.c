/* print_stacks.c - the high-water marks of stacks as a table. */
#include "task/frames.h"

#include "base/memory.h"

#include <coil/stack.h>

#include <errno.h>
#include <stdio.h>

enum { NAME_SIZE = 256 };

static void print_row(FILE *out, const struct coil_stack_use *usage)
{
    char name[NAME_SIZE];
    struct coil__text text = {.start = name, .size = sizeof name};
    struct coil_frame frame;

    /* In the manner of return addresses: the function is one byte before. */
    coil_frame_lines((const char *)(uintptr_t)usage->fn + 1, &frame, 1);
    coil__frame_text(&text, &frame);
    fprintf(out, "%10zu %10zu %10llu  %s\n", usage->max_used, usage->size,
            (unsigned long long)usage->tasks, name);
}

int coil_print_stack_usage(FILE *out)
{
    ssize_t count = coil_stack_usage(NULL, 0);
    struct coil_stack_use *usage;

    if (!out || count < 0) {
        return out ? (int)count : -EINVAL;
    }
    usage = coil__calloc((size_t)count + 1, sizeof *usage);
    if (!usage) {
        return -ENOMEM;
    }
    count = coil_stack_usage(usage, (size_t)count);
    if (count >= 0) {
        fprintf(out, "stack used         of      tasks  function\n");
    }
    for (ssize_t i = 0; i < count; i++) {
        print_row(out, &usage[i]);
    }
    coil__free(usage);
    return count < 0 ? (int)count : fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
