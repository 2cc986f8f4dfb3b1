/* stacks_dw.c - see stacks.h; by libdw, of elfutils.
 *
 * libdw finds the rule for an address (.eh_frame): where the caller's stack pointer is, and where
 * the return address and the frame pointer were saved. What it comes to is kept, by address: a
 * hundred thousand tasks stand at a few places. All other registers are dead where a task is
 * suspended (sys/context.h), so these three lead all the way up. The stack is the copy that the
 * caller has: nothing is asked of the process.
 */
#include "stacks.h"
#include "strings.h"

#include "base/memory.h"
#include "sys/symbols.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RULES = 8192, LINES = 1024, MAX_INLINED = 8, NO_REGISTER = -1 };

enum where {
    SAME,    /* as it was */
    SAVED,   /* at the offset from the caller's stack pointer */
    NOWHERE, /* there is none */
};

struct rule {
    uint64_t pc; /* 0: the place is empty */
    bool is_known;
    bool is_by_fp;    /* the base is the frame pointer, else the stack pointer */
    bool is_indirect; /* the caller's stack pointer is stored there */
    int64_t offset;
    enum where fp;
    enum where ra;
    int64_t fp_offset;
    int64_t ra_offset;
};

struct lines {
    uint64_t pc; /* 0: the place is empty */
    size_t count;
    struct coil_frame frames[MAX_INLINED];
};

struct stacks {
    Dwfl *dwfl;
    int sp; /* numbers of registers in DWARF; NO_REGISTER: a machine that is not known */
    int fp;
    uint64_t address_mask; /* the bits of a return address that are address */
    const char *nameless;
    struct rule rules[RULES];
    struct lines lines[LINES];
};

static struct stacks *current;

static char *debug_path; /* NULL: where the distribution puts them */

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .debuginfo_path = &debug_path,
};

bool stacks_are_there(void)
{
    return true;
}

static int note_machine(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr start,
                        void *arg)
{
    struct stacks *stacks = arg;
    GElf_Addr bias;
    Elf *elf = dwfl_module_getelf(module, &bias);
    GElf_Ehdr header;

    (void)user;
    (void)name;
    (void)start;
    if (!elf || !gelf_getehdr(elf, &header)) {
        return DWARF_CB_OK;
    }
    if (header.e_machine == EM_X86_64) {
        stacks->fp = 6;
        stacks->sp = 7;
    } else if (header.e_machine == EM_AARCH64) {
        stacks->fp = 29;
        stacks->sp = 31;
        stacks->address_mask = (UINT64_C(1) << 48) - 1; /* above that it may be signed */
    }
    return DWARF_CB_ABORT;
}

int stacks_open(int pid, struct stacks **ret_stacks)
{
    struct stacks *stacks = coil__calloc(1, sizeof *stacks);

    if (!stacks) {
        return -ENOMEM;
    }
    stacks->sp = NO_REGISTER;
    stacks->address_mask = UINT64_MAX;
    unsetenv("DEBUGINFOD_URLS"); /* or libdw would ask servers in the network */
    stacks->dwfl = dwfl_begin(&callbacks);
    if (!stacks->dwfl || dwfl_linux_proc_report(stacks->dwfl, pid) != 0 ||
        dwfl_report_end(stacks->dwfl, NULL, NULL) != 0) {
        stacks_close(stacks);
        return -ENOTSUP;
    }
    dwfl_getmodules(stacks->dwfl, note_machine, stacks, 0);
    current = stacks;
    *ret_stacks = stacks;
    return 0;
}

void stacks_close(struct stacks *stacks)
{
    if (stacks) {
        current = current == stacks ? NULL : current;
        dwfl_end(stacks->dwfl);
        coil__free(stacks);
    }
}

const char *stacks_nameless(const struct stacks *stacks)
{
    return stacks ? stacks->nameless : NULL;
}

/* --- walking --- */

static bool is_base(const Dwarf_Op *op, int *ret_register, int64_t *ret_offset)
{
    if (op->atom == DW_OP_bregx) {
        *ret_register = (int)op->number;
        *ret_offset = (int64_t)op->number2;
    } else if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31) {
        *ret_register = op->atom - DW_OP_breg0;
        *ret_offset = (int64_t)op->number;
    } else {
        return false;
    }
    return true;
}

static bool take_base(const struct stacks *stacks, Dwarf_Frame *frame, struct rule *rule)
{
    Dwarf_Op *ops;
    size_t count;
    int number;

    if (dwarf_frame_cfa(frame, &ops, &count) != 0 || count < 1 || count > 2 ||
        !is_base(&ops[0], &number, &rule->offset) || (count == 2 && ops[1].atom != DW_OP_deref)) {
        return false;
    }
    rule->is_by_fp = number == stacks->fp;
    rule->is_indirect = count == 2;
    return rule->is_by_fp || number == stacks->sp;
}

/* Where a register of the caller's is. False: by a rule that is too much for us. */
static bool take_register(Dwarf_Frame *frame, int number, enum where *ret_where,
                          int64_t *ret_offset)
{
    Dwarf_Op memory[3];
    Dwarf_Op *ops = NULL;
    size_t count = 0;

    if (dwarf_frame_register(frame, number, memory, &ops, &count) != 0) {
        return false;
    }
    if (count == 0) {
        *ret_where = ops ? NOWHERE : SAME; /* as libdw.h says */
        return true;
    }
    *ret_where = SAVED;
    *ret_offset = 0;
    if (count == 2 && ops[1].atom == DW_OP_plus_uconst) {
        *ret_offset = (int64_t)ops[1].number;
    }
    return ops[0].atom == DW_OP_call_frame_cfa &&
           (count == 1 || (count == 2 && ops[1].atom == DW_OP_plus_uconst));
}

static void fill_rule(const struct stacks *stacks, Dwarf_CFI *cfi, Dwarf_Addr address,
                      struct rule *rule)
{
    Dwarf_Frame *frame;
    int return_register;

    if (!cfi || dwarf_cfi_addrframe(cfi, address, &frame) != 0) {
        return;
    }
    return_register = dwarf_frame_info(frame, NULL, NULL, NULL);
    rule->is_known = return_register >= 0 && take_base(stacks, frame, rule) &&
                     take_register(frame, return_register, &rule->ra, &rule->ra_offset);
    if (rule->is_known && !take_register(frame, stacks->fp, &rule->fp, &rule->fp_offset)) {
        rule->fp = NOWHERE;
    }
    free(frame);
}

static const struct rule *find_rule(struct stacks *stacks, uint64_t pc)
{
    struct rule *rule = &stacks->rules[(pc * UINT64_C(0x9E3779B97F4A7C15) >> 40) % RULES];
    Dwfl_Module *module;
    Dwarf_Addr bias;
    Dwarf_CFI *cfi;

    if (rule->pc == pc) {
        return rule;
    }
    *rule = (struct rule){.pc = pc};
    module = dwfl_addrmodule(stacks->dwfl, pc - 1);
    if (module) {
        cfi = dwfl_module_eh_cfi(module, &bias);
        fill_rule(stacks, cfi, pc - 1 - bias, rule);
        if (!rule->is_known) {
            cfi = dwfl_module_dwarf_cfi(module, &bias);
            fill_rule(stacks, cfi, pc - 1 - bias, rule);
        }
    }
    return rule;
}

static bool load(const struct stack_copy *copy, uint64_t address, uint64_t *ret_word)
{
    uint64_t offset = address - copy->address;

    if (offset >= copy->size || copy->size - offset < sizeof *ret_word) {
        return false;
    }
    memcpy(ret_word, copy->bytes + offset, sizeof *ret_word);
    return true;
}

size_t stacks_walk(struct stacks *stacks, const struct stack_copy *copy, uint64_t sp, uint64_t fp,
                   uint64_t pc, uint64_t root, void **ret_pcs, size_t max)
{
    size_t count = 0;

    while (pc != 0 && stacks->sp != NO_REGISTER) {
        const struct rule *rule;
        uint64_t base;

        if (pc - root <= 8) {
            return count > 0 ? count - 1 : 0; /* the last one is how every task begins */
        }
        if (count == max) {
            return count;
        }
        ret_pcs[count++] = (void *)(uintptr_t)pc;
        rule = find_rule(stacks, pc);
        if (!rule->is_known || rule->ra != SAVED) {
            return count;
        }
        base = (rule->is_by_fp ? fp : sp) + (uint64_t)rule->offset;
        if ((rule->is_indirect && !load(copy, base, &base)) || base <= sp ||
            !load(copy, base + (uint64_t)rule->ra_offset, &pc) ||
            (rule->fp == SAVED && !load(copy, base + (uint64_t)rule->fp_offset, &fp))) {
            return count;
        }
        pc &= stacks->address_mask;
        sp = base;
    }
    return count;
}

/* --- names --- */

static const char *name_of(Dwarf_Die *die)
{
    Dwarf_Attribute attribute;

    return dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
}

/* -1: there is no such attribute. */
static int number_of(Dwarf_Die *die, unsigned attribute_name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word number;

    if (dwarf_formudata(dwarf_attr(die, attribute_name, &attribute), &number) != 0) {
        return -1;
    }
    return (int)number;
}

/* Where an inlined function was called. The file 0 is the unit's own from DWARF 5 on. */
static void take_call(Dwarf_Die *unit, Dwarf_Die *inlined, const char **ret_file, int *ret_line)
{
    Dwarf_Files *files;
    size_t count;
    int file = number_of(inlined, DW_AT_call_file);
    int line = number_of(inlined, DW_AT_call_line);

    *ret_file = NULL;
    *ret_line = 0;
    if (file >= 0 && line > 0 && dwarf_getsrcfiles(unit, &files, &count) == 0 &&
        (size_t)file < count) {
        *ret_file = dwarf_filesrc(files, (size_t)file, NULL, NULL);
        *ret_line = line;
    }
}

/* The scopes around the innermost one, from inside to outside, inlined functions included: those
 * that dwarf_getscopes gives go on with where an inlined function was written. */
static int get_scopes(Dwarf_Die *unit, Dwarf_Addr address, Dwarf_Die **ret_scopes)
{
    Dwarf_Die *scopes = NULL;
    Dwarf_Die innermost;
    int count = dwarf_getscopes(unit, address, &scopes);

    if (count <= 0) {
        return 0;
    }
    innermost = scopes[0];
    free(scopes);
    return dwarf_getscopes_die(&innermost, ret_scopes);
}

/* The compilation unit. gcc writes a table of their addresses; clang does not, so all are asked. */
static Dwarf_Die *find_unit(Dwfl_Module *module, Dwarf_Addr call, Dwarf_Addr *ret_bias)
{
    Dwarf_Die *unit = dwfl_module_addrdie(module, call, ret_bias);

    if (!unit) {
        while ((unit = dwfl_module_nextcu(module, unit, ret_bias))) {
            if (dwarf_haspc(unit, call - *ret_bias) > 0) {
                break;
            }
        }
    }
    return unit;
}

static void take_line(Dwarf_Die *unit, Dwarf_Addr address, const char **ret_file, int *ret_line)
{
    Dwarf_Line *line = dwarf_getsrc_die(unit, address);

    *ret_file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
    *ret_line = 0;
    if (line && dwarf_lineno(line, ret_line) != 0) {
        *ret_line = 0;
    }
}

static size_t find_lines(Dwfl_Module *module, uint64_t call, struct coil_frame *frames, size_t max)
{
    Dwarf_Addr bias;
    Dwarf_Die *unit = find_unit(module, call, &bias);
    Dwarf_Die *scopes = NULL;
    const char *file;
    int scope_count, line;
    size_t count = 0;

    if (!unit) {
        return 0;
    }
    take_line(unit, call - bias, &file, &line);
    scope_count = get_scopes(unit, call - bias, &scopes);
    for (int i = 0; i < scope_count && count < max; i++) {
        int tag = dwarf_tag(&scopes[i]);

        if (tag != DW_TAG_subprogram && tag != DW_TAG_inlined_subroutine) {
            continue;
        }
        frames[count++] =
            (struct coil_frame){.function = name_of(&scopes[i]), .file = file, .line = line};
        if (tag == DW_TAG_subprogram) {
            break;
        }
        take_call(unit, &scopes[i], &file, &line);
    }
    if (scope_count > 0) {
        free(scopes);
    }
    if (count == 0 && file) {
        frames[count++] = (struct coil_frame){.file = file, .line = line};
    }
    return count;
}

/* Names are the file's: somebody else may have put into them what is for terminals. */
static const char *printable(const char *name)
{
    return !name || strings_are_clean(name) ? name : "(unprintable)";
}

static void find(struct stacks *stacks, uint64_t call, struct lines *lines)
{
    Dwfl_Module *module = dwfl_addrmodule(stacks->dwfl, call);
    const char *symbol, *object;
    Dwarf_Addr start;

    lines->count = 1;
    if (!module) {
        return;
    }
    lines->count = find_lines(module, call, lines->frames, MAX_INLINED);
    symbol = dwfl_module_addrname(module, call);
    object = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
    lines->count = lines->count > 0 ? lines->count : 1;
    if (!lines->frames[lines->count - 1].function) {
        lines->frames[lines->count - 1].function = symbol;
    }
    if (!lines->frames[lines->count - 1].function && !stacks->nameless) {
        stacks->nameless = object;
    }
    for (size_t i = 0; i < lines->count; i++) {
        lines->frames[i].function = printable(lines->frames[i].function);
        lines->frames[i].file = printable(lines->frames[i].file);
        lines->frames[i].object = printable(object);
        lines->frames[i].offset = (size_t)(call - start);
    }
}

size_t coil__symbols_find(const void *pc, struct coil_frame *ret_frames, size_t max)
{
    uint64_t address = (uintptr_t)pc;
    struct lines *lines;
    size_t count;

    memset(ret_frames, 0, max * sizeof *ret_frames);
    if (!current) {
        return 1;
    }
    lines = &current->lines[(address * UINT64_C(0x9E3779B97F4A7C15) >> 40) % LINES];
    if (lines->pc != address) {
        memset(lines, 0, sizeof *lines);
        lines->pc = address;
        find(current, address - 1, lines);
    }
    count = lines->count < max ? lines->count : max;
    memcpy(ret_frames, lines->frames, count * sizeof *ret_frames);
    return count;
}
