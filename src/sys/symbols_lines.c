/* symbols_lines.c - by libbacktrace, which comes with gcc.
 *
 * Its tables are read when they are first asked for. There is no way to give them back, so they are
 * kept for the process: one of the few things that are. It has its memory from mmap, not malloc,
 * and locks nothing: two threads that come first both read, and one of them keeps what it has.
 */
#include "sys/symbols.h"

#include "sys/fiber.h"

#include <backtrace.h>
#include <stdatomic.h>

static _Atomic(struct backtrace_state *) tables;

struct finding {
    struct coil_frame *frames;
    size_t count;
    size_t max;
};

static void ignore(void *user, const char *message, int error)
{
    (void)user;
    (void)message;
    (void)error;
}

static struct backtrace_state *get_tables(void)
{
    struct backtrace_state *found = atomic_load(&tables);
    struct backtrace_state *made;

    if (found) {
        return found;
    }
    made = backtrace_create_state(NULL, 1, ignore, NULL);
    return made && atomic_compare_exchange_strong(&tables, &found, made) ? made : found;
}

static int note_line(void *user, uintptr_t pc, const char *file, int line, const char *function)
{
    struct finding *finding = user;

    (void)pc;
    if (!file && !function) {
        return 0;
    }
    finding->frames[finding->count++] =
        (struct coil_frame){.function = function, .file = file, .line = file ? line : 0};
    return finding->count == finding->max;
}

static void note_symbol(void *user, uintptr_t pc, const char *name, uintptr_t value, uintptr_t size)
{
    struct finding *finding = user;

    (void)pc;
    (void)value;
    (void)size;
    if (name && finding->count == 0) {
        finding->frames[finding->count++].function = name;
    }
}

/* TSan sees what libbacktrace reads and writes by memcpy and the like, but not the atomics that put
 * it in order: those are not built with TSan. */
#if defined(COIL__TSAN)
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

static void look_away(void)
{
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

static void look_again(void)
{
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}
#else
static void look_away(void)
{
}
static void look_again(void)
{
}
#endif

size_t coil__symbols_find_lines(uintptr_t pc, struct coil_frame *ret_frames, size_t max)
{
    struct finding finding = {.frames = ret_frames, .max = max};
    struct backtrace_state *state = get_tables();

    if (state) {
        look_away();
        backtrace_pcinfo(state, pc, note_line, ignore, &finding);
        if (finding.count == 0) {
            backtrace_syminfo(state, pc, note_symbol, ignore, &finding);
        }
        look_again();
    }
    return finding.count;
}
