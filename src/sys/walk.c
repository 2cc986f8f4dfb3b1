/* walk.c - see walk.h.
 *
 * Of a thread that is in a system call the kernel tells where it is and where its stack begins, but
 * not the frame pointer. Mostly that is found again soon: the functions of the C library that it
 * goes through have saved it, or need none. If the first function that needs it comes before that,
 * it is computed from the size of that function's frame, which stands in its first instructions;
 * where these say nothing, the nearest word is taken that looks like a saved frame pointer.
 */
#include "sys/walk.h"

#include "sys/context.h"
#include "sys/frame_rules.h"
#include "sys/unchecked.h"

#include <string.h>
#include <ucontext.h>

enum { WORD = sizeof(uintptr_t), SEARCHED = 4096 };

static COIL__UNCHECKED bool read_word(const struct coil__stack_view *view, uintptr_t address,
                                      uintptr_t *ret_word)
{
    if (address < view->low || address > view->high - WORD || address % WORD != 0) {
        return false;
    }
    *ret_word = *(const volatile uintptr_t *)(const void *)(view->memory + (address - view->low));
    return true;
}

/* --- what differs between processors --- */

#if defined(__x86_64__)

/* A call stands before it. */
static bool is_after_call(const uint8_t *pc)
{
    return pc[-5] == 0xe8 || (pc[-2] == 0xff && (pc[-1] & 0xf8) == 0xd0) ||
           (pc[-3] == 0xff && ((pc[-2] & 0xf8) == 0x50 || pc[-2] == 0x14)) ||
           (pc[-6] == 0xff && ((pc[-5] & 0xf8) == 0x90 || pc[-5] == 0x15));
}

/* The call that stands before it names this function. */
static bool is_after_call_of(const uint8_t *pc, uintptr_t function)
{
    int32_t distance;

    memcpy(&distance, pc - 4, sizeof distance);
    return pc[-5] == 0xe8 && (uintptr_t)pc + (uintptr_t)(intptr_t)distance == function;
}

/* A move from register to register is this long; else 0. */
static size_t move_size(const uint8_t *code)
{
    size_t prefix = (code[0] & 0xf0) == 0x40;

    return (code[prefix] == 0x89 || code[prefix] == 0x8b) && code[prefix + 1] >= 0xc0 ? prefix + 2
                                                                                      : 0;
}

/* A push of a register, likewise. */
static size_t push_size(const uint8_t *code)
{
    size_t prefix = code[0] == 0x41;

    return (code[prefix] & 0xf8) == 0x50 ? prefix + 1 : 0;
}

/* How far the stack pointer is below the frame pointer while the function calls others, by
 *     endbr64; push %rbp; mov %rsp,%rbp; push ...; sub $n,%rsp
 * with moves between registers in between. */
static bool find_frame_size(uintptr_t function, uintptr_t *ret_size)
{
    static const uint8_t begin[] = {0x55, 0x48, 0x89, 0xe5};
    const uint8_t *code = (const uint8_t *)function;
    uintptr_t size = 0;
    size_t length;

    code += memcmp(code, "\xf3\x0f\x1e\xfa", 4) == 0 ? 4 : 0;
    if (memcmp(code, begin, sizeof begin) != 0) {
        return false;
    }
    code += sizeof begin;
    while ((length = push_size(code) + move_size(code)) > 0) {
        size += push_size(code) > 0 ? WORD : 0;
        code += length;
    }
    if (memcmp(code, "\x48\x83\xec", 3) == 0) {
        size += code[3];
    } else if (memcmp(code, "\x48\x81\xec", 3) == 0) {
        size += code[3] | (uintptr_t)code[4] << 8 | (uintptr_t)code[5] << 16;
    }
    *ret_size = size;
    return true;
}

static uintptr_t strip(uintptr_t pc)
{
    return pc;
}

void coil__place_of_signal(const void *context, struct coil__place *ret_place)
{
    const greg_t *registers = ((const ucontext_t *)context)->uc_mcontext.gregs;

    *ret_place = (struct coil__place){
        .pc = (uintptr_t)registers[REG_RIP],
        .sp = (uintptr_t)registers[REG_RSP],
        .fp = (uintptr_t)registers[REG_RBP],
        .has_fp = true,
    };
}

#elif defined(__aarch64__)

static bool is_after_call(const uint8_t *pc)
{
    uint32_t code;

    memcpy(&code, pc - 4, sizeof code);
    return (code & 0xfc000000) == 0x94000000 || (code & 0xfffffc1f) == 0xd63f0000;
}

static bool is_after_call_of(const uint8_t *pc, uintptr_t function)
{
    uint32_t code;

    memcpy(&code, pc - 4, sizeof code);
    return (code & 0xfc000000) == 0x94000000 &&
           (uintptr_t)pc - 4 + (uintptr_t)(intptr_t)((int32_t)(code << 6) >> 4) == function;
}

static bool find_frame_size(uintptr_t function, uintptr_t *ret_size)
{
    (void)function;
    (void)ret_size;
    return false;
}

/* Without the signature that it may have been given. */
static uintptr_t strip(uintptr_t pc)
{
    return pc & ((UINT64_C(1) << 48) - 1);
}

void coil__place_of_signal(const void *context, struct coil__place *ret_place)
{
    const mcontext_t *registers = &((const ucontext_t *)context)->uc_mcontext;

    *ret_place = (struct coil__place){
        .pc = registers->pc,
        .sp = registers->sp,
        .fp = registers->regs[29],
        .link = registers->regs[30],
        .has_fp = true,
        .has_link = true,
    };
}

#else

static bool is_after_call(const uint8_t *pc)
{
    (void)pc;
    return false;
}

static bool is_after_call_of(const uint8_t *pc, uintptr_t function)
{
    (void)pc;
    (void)function;
    return false;
}

static bool find_frame_size(uintptr_t function, uintptr_t *ret_size)
{
    (void)function;
    (void)ret_size;
    return false;
}

static uintptr_t strip(uintptr_t pc)
{
    return pc;
}

void coil__place_of_signal(const void *context, struct coil__place *ret_place)
{
    (void)context;
    *ret_place = (struct coil__place){0};
}

#endif

/* --- a frame pointer that is not known --- */

static bool is_return_address(uintptr_t pc)
{
    struct coil__frame_rules rules;

    return coil__context_is_root(pc) ||
           (coil__frame_rules_find(pc - 1, &rules) && is_after_call((const uint8_t *)pc));
}

/* A saved frame pointer stands here, and the return address above it. */
static bool read_frame(const struct coil__walk *walk, uintptr_t at, uintptr_t *ret_saved,
                       uintptr_t *ret_pc)
{
    if (!read_word(walk->view, at, ret_saved) || !read_word(walk->view, at + WORD, ret_pc)) {
        return false;
    }
    *ret_pc = strip(*ret_pc);
    return is_return_address(*ret_pc);
}

/* How sure it is that this is the frame of the function: 3, it returns behind a call of that; 2, it
 * leads on to a frame further out; 1, at least it returns behind a call; 0, it is none. */
static int judge_frame(const struct coil__walk *walk, uintptr_t at, uintptr_t function)
{
    uintptr_t saved;
    uintptr_t pc;
    uintptr_t ignored;

    if (!read_frame(walk, at, &saved, &pc)) {
        return 0;
    }
    if (!coil__context_is_root(pc) && is_after_call_of((const uint8_t *)pc, function)) {
        return 3;
    }
    return saved == 0 || (saved > at && read_frame(walk, saved, &ignored, &pc)) ? 2 : 1;
}

/* The best one on the stack; of those that are as good, the nearest. */
static bool search_fp(struct coil__walk *walk, uintptr_t function)
{
    uintptr_t at = (walk->place.sp + WORD - 1) & ~(uintptr_t)(WORD - 1);
    int best = 1; /* which is not good enough here */

    for (int i = 0; i < SEARCHED && best < 3; i++, at += WORD) {
        int judgement = judge_frame(walk, at, function);

        if (judgement > best) {
            best = judgement;
            walk->place.fp = at;
            walk->place.has_fp = true;
        }
    }
    return best > 1;
}

static bool find_fp(struct coil__walk *walk, uintptr_t function)
{
    uintptr_t size;

    if (walk->is_first || !find_frame_size(function, &size) ||
        judge_frame(walk, walk->place.sp + size, function) == 0) {
        return search_fp(walk, function);
    }
    walk->place.fp = walk->place.sp + size;
    walk->place.has_fp = true;
    return true;
}

/* --- the walk --- */

/* Whom the function returns to. */
static bool find_caller(const struct coil__walk *walk, const struct coil__rule *rule, uintptr_t end,
                        uintptr_t *ret_pc)
{
    switch (rule->kind) {
    case COIL__RULE_AT_CFA:
        return read_word(walk->view, end + (uintptr_t)rule->offset, ret_pc);
    case COIL__RULE_SAME:
        *ret_pc = walk->place.link;
        return walk->place.has_link;
    default:
        return false;
    }
}

/* From a function to its caller. */
static bool step(struct coil__walk *walk)
{
    struct coil__place *place = &walk->place;
    struct coil__frame_rules rules;
    struct coil__place caller = {0};

    if (!coil__frame_rules_find(walk->is_first ? place->pc : place->pc - 1, &rules) ||
        (rules.is_by_fp && !place->has_fp && !find_fp(walk, rules.function))) {
        return false;
    }
    caller.sp = (rules.is_by_fp ? place->fp : place->sp) + (uintptr_t)rules.cfa_offset;
    if (caller.sp > walk->view->high || caller.sp < place->sp ||
        (caller.sp == place->sp && !walk->is_first) ||
        !find_caller(walk, &rules.pc, caller.sp, &caller.pc)) {
        return false;
    }
    caller.pc = strip(caller.pc);
    caller.fp = place->fp;
    caller.has_fp = rules.fp.kind == COIL__RULE_SAME && place->has_fp;
    if (rules.fp.kind == COIL__RULE_AT_CFA) {
        caller.has_fp = read_word(walk->view, caller.sp + (uintptr_t)rules.fp.offset, &caller.fp);
    }
    *place = caller;
    walk->is_first = false;
    return true;
}

void coil__walk_begin(struct coil__walk *walk, const struct coil__place *place,
                      const struct coil__stack_view *view)
{
    *walk = (struct coil__walk){.place = *place, .view = view, .is_first = true};
}

bool coil__walk_next(struct coil__walk *walk, uintptr_t *ret_pc)
{
    uintptr_t pc = walk->place.pc + walk->is_first;

    if (walk->is_over || walk->place.pc == 0 || coil__context_is_root(pc)) {
        return false;
    }
    *ret_pc = pc;
    walk->is_over = !step(walk);
    return true;
}

bool coil__walk_is_at_root(const struct coil__walk *walk)
{
    return coil__context_is_root(walk->place.pc);
}

size_t coil__walk_all(const struct coil__place *place, const struct coil__stack_view *view,
                      void **ret_pcs, size_t max)
{
    struct coil__walk walk;
    uintptr_t pc;
    size_t count = 0;

    coil__walk_begin(&walk, place, view);
    while (count < max && coil__walk_next(&walk, &pc)) {
        ret_pcs[count++] = (void *)pc;
    }
    return count > 1 && coil__walk_is_at_root(&walk) ? count - 1 : count;
}
