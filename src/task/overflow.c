/* overflow.c - the last words of a task whose stack has overflowed.
 *
 * They are said in a signal handler, by a thread that may have any lock, so they are put together
 * without the C library's help and written past stdio; the first part is out before the stack is
 * walked and symbols are looked for. libbacktrace, which does that, has its memory from mmap.
 */
#include "base/text.h"
#include "sys/crash.h"
#include "sys/symbols.h"
#include "task/inspect.h"

#include <string.h>

enum { TEXT_SIZE = 1024, FIRST_TOLD = 12, LAST_TOLD = 4, BELOW_SP = 1024, LARGEST_FRAME = 1 << 20 };

/* Calls from the same place, one inside of the other. */
struct group {
    uintptr_t pc;
    size_t count;
};

struct frames {
    struct group first[FIRST_TOLD];
    struct group last[LAST_TOLD]; /* a ring: of all that come after those */
    size_t group_count;
    size_t frame_count;
};

static struct group *group_at(struct frames *frames, size_t index)
{
    return index < FIRST_TOLD ? &frames->first[index]
                              : &frames->last[(index - FIRST_TOLD) % LAST_TOLD];
}

static void add_frame(struct frames *frames, uintptr_t pc)
{
    struct group *group =
        frames->group_count > 0 ? group_at(frames, frames->group_count - 1) : NULL;

    frames->frame_count++;
    if (group && group->pc == pc) {
        group->count++;
    } else {
        *group_at(frames, frames->group_count++) = (struct group){.pc = pc, .count = 1};
    }
}

static void put_place(struct coil__text *text, const struct coil_frame *frame)
{
    if (frame->function) {
        coil__text_put(text, frame->function);
    } else if (frame->object) {
        coil__text_put(text, coil__text_base_name(frame->object));
        coil__text_put(text, "+0x");
        coil__text_put_number(text, frame->offset, 16);
    } else {
        coil__text_put(text, "an unknown place");
    }
    if (frame->file) {
        coil__text_put(text, ", ");
        coil__text_put(text, coil__text_base_name(frame->file));
        coil__text_put(text, ":");
        coil__text_put_number(text, (uint64_t)frame->line, 10);
    }
}

static void write_group(const struct group *group)
{
    char buf[TEXT_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};
    struct coil_frame lines[4];
    size_t count = coil__symbols_find_quietly((const void *)group->pc, lines, 4);

    for (size_t i = 0; i < count; i++) {
        coil__text_put(&text, "    at ");
        put_place(&text, &lines[i]);
        if (group->count > 1) {
            coil__text_put(&text, " (and ");
            coil__text_put_number(&text, group->count - 1, 10);
            coil__text_put(&text, group->count > 2 ? " more times)" : " more time)");
        }
        coil__text_put(&text, "\n");
    }
    coil__stderr_write(text.start, text.length);
}

static void write_gap(size_t count)
{
    char buf[TEXT_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};

    coil__text_put(&text, "    ... ");
    coil__text_put_number(&text, count, 10);
    coil__text_put(&text, " more calls ...\n");
    coil__stderr_write(text.start, text.length);
}

static void write_frames(struct frames *frames)
{
    size_t told = FIRST_TOLD + LAST_TOLD;
    size_t gap = frames->frame_count;

    for (size_t i = 0; i < frames->group_count && i < told; i++) {
        gap -= group_at(frames, frames->group_count <= told || i < FIRST_TOLD
                                    ? i
                                    : frames->group_count - told + i)
                   ->count;
    }
    for (size_t i = 0; i < frames->group_count; i++) {
        if (i == FIRST_TOLD && frames->group_count > told) {
            write_gap(gap);
            i = frames->group_count - LAST_TOLD;
        }
        write_group(group_at(frames, i));
    }
}

static void put_task(struct coil__text *text, const struct coil_task *task)
{
    coil__text_put(text, "task ");
    if (task->name[0] != '\0') {
        coil__text_put(text, task->name);
        coil__text_put(text, " (");
        coil__text_put_number(text, task->id, 10);
        coil__text_put(text, ")");
    } else {
        coil__text_put(text, "task-");
        coil__text_put_number(text, task->id, 10);
    }
}

/* As coil_run makes it. */
static bool is_main(const struct coil_task *task)
{
    return !task->site && strcmp(task->name, "main") == 0;
}

static void write_head(const struct coil_task *task)
{
    char buf[TEXT_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};

    coil__text_put(&text, "coil: stack overflow in ");
    put_task(&text, task);
    coil__text_put(&text, ": its stack has ");
    coil__text_put_number(&text, task->stack.size, 10);
    coil__text_put(&text, " bytes");
    if (task->site) {
        coil__text_put(&text, "; created at ");
        coil__text_put(&text, coil__text_base_name(task->site->file));
        coil__text_put(&text, ":");
        coil__text_put_number(&text, (uint64_t)task->site->line, 10);
        coil__text_put(&text, " in ");
        coil__text_put(&text, task->site->func);
    }
    coil__text_put(&text, is_main(task)
                              ? "\n  more: main_stack_size in struct coil_run_options\n"
                              : "\n  more: stack_size in struct coil_task_options, or in struct "
                                "coil_loop_options for all tasks\n");
    coil__stderr_write(text.start, text.length);
}

static void explain(const struct coil__crash *crash)
{
    struct coil__stack stack;
    const struct coil_loop *loop = coil__thread.loops;
    uintptr_t sp = crash->place.sp;

    while (loop && !coil__stack_find_guard(&loop->stacks, crash->address, &stack)) {
        loop = loop->next_of_thread;
    }
    /* A wild pointer may hit a guard, too; then the stack pointer is somewhere else. A little below
     * it is the red zone, and where it goes by the store itself (aarch64). */
    if (!loop ||
        (sp != 0 && (sp > crash->address + BELOW_SP || sp + LARGEST_FRAME < crash->address))) {
        return;
    }
    write_head((const struct coil_task *)(const void *)(stack.high - sizeof(struct coil_task)));
    if (sp != 0 && crash->has_room) {
        struct coil__stack_view view = {
            .low = (uintptr_t)stack.low, .high = (uintptr_t)stack.high, .memory = stack.low};
        struct coil__walk walk;
        struct frames frames = {.frame_count = 0};
        uintptr_t pc;

        coil__walk_begin(&walk, &crash->place, &view);
        while (coil__walk_next(&walk, &pc)) {
            add_frame(&frames, pc);
        }
        if (coil__walk_is_at_root(&walk) && frames.group_count > 1) {
            frames.group_count--;
            frames.frame_count--;
        }
        write_frames(&frames);
    }
}

int coil__overflow_catch(void)
{
    return coil__crash_catch(explain);
}
