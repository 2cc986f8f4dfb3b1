/* frame_rules.c - see frame_rules.h.
 *
 * The format is DWARF's call frame information (DWARF 5, section 6.4) as it is in .eh_frame (Linux
 * Standard Base, 10.6.1). A table (FDE) refers to what it has in common with others (CIE); both
 * hold a program that is run up to the place asked for. Of the registers only two are followed: the
 * frame pointer and the return address. libgcc has a search for the table, without a lock since
 * glibc 2.35, but no way to read one that does not also read the stack.
 */
#include "sys/frame_rules.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
enum { FP = 6, SP = 7, RETURN = 16 };
#elif defined(__aarch64__)
enum { FP = 29, SP = 31, RETURN = 30 };
#else
enum { FP = -1, SP = -1, RETURN = -1 };
#endif

/* libgcc's, of its inner header unwind-dw2-fde.h. */
struct dwarf_eh_bases {
    void *tbase;
    void *dbase;
    void *func;
};
extern const void *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *bases);

enum { SAVED = 4 };

enum { /* encodings of pointers: the low bits are the size, with a sign or without */
       SIZE_MASK = 0x07,
       SIZE_ADDRESS = 0,
       SIZE_2 = 2,
       SIZE_4 = 3,
       SIZE_8 = 4,
};

enum { /* the first two bits of an instruction, and then all of it where they are zero */
       ADVANCE_LOC = 0x40,
       OFFSET = 0x80,
       RESTORE = 0xc0,
       NOP = 0x00,
       ADVANCE_LOC1 = 0x02,
       ADVANCE_LOC2 = 0x03,
       ADVANCE_LOC4 = 0x04,
       OFFSET_EXTENDED = 0x05,
       RESTORE_EXTENDED = 0x06,
       UNDEFINED = 0x07,
       SAME_VALUE = 0x08,
       REGISTER = 0x09,
       REMEMBER_STATE = 0x0a,
       RESTORE_STATE = 0x0b,
       DEF_CFA = 0x0c,
       DEF_CFA_REGISTER = 0x0d,
       DEF_CFA_OFFSET = 0x0e,
       DEF_CFA_EXPRESSION = 0x0f,
       EXPRESSION = 0x10,
       OFFSET_EXTENDED_SF = 0x11,
       DEF_CFA_SF = 0x12,
       DEF_CFA_OFFSET_SF = 0x13,
       VAL_OFFSET = 0x14,
       VAL_OFFSET_SF = 0x15,
       VAL_EXPRESSION = 0x16,
       NEGATE_RA_STATE = 0x2d, /* aarch64: return addresses are signed */
       GNU_ARGS_SIZE = 0x2e,
};

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool is_bad; /* it went beyond the end, or met what it does not know */
};

static uint64_t read_fixed(struct reader *reader, size_t size)
{
    uint64_t value = 0;

    if ((size_t)(reader->end - reader->at) < size) {
        reader->is_bad = true;
        return 0;
    }
    for (size_t i = 0; i < size; i++) { /* both kinds of machine are little-endian */
        value |= (uint64_t)reader->at[i] << 8 * i;
    }
    reader->at += size;
    return value;
}

static uint64_t read_uleb(struct reader *reader)
{
    uint64_t value = 0;
    uint64_t byte;
    unsigned shift = 0;

    do {
        byte = read_fixed(reader, 1);
        if (shift < 64) {
            value |= (byte & 0x7f) << shift;
        }
        shift += 7;
    } while (byte & 0x80);
    return value;
}

static int64_t read_sleb(struct reader *reader)
{
    const uint8_t *start = reader->at;
    uint64_t value = read_uleb(reader);
    unsigned shift = 7 * (unsigned)(reader->at - start);

    if (!reader->is_bad && shift < 64 && (reader->at[-1] & 0x40)) {
        value |= ~UINT64_C(0) << shift;
    }
    return (int64_t)value;
}

static void skip(struct reader *reader, uint64_t size)
{
    if (size > (uint64_t)(reader->end - reader->at)) {
        reader->is_bad = true;
        return;
    }
    reader->at += size;
}

static void skip_pointer(struct reader *reader, unsigned encoding)
{
    switch (encoding & SIZE_MASK) {
    case SIZE_ADDRESS:
        skip(reader, sizeof(void *));
        break;
    case SIZE_2:
        skip(reader, 2);
        break;
    case SIZE_4:
        skip(reader, 4);
        break;
    case SIZE_8:
        skip(reader, 8);
        break;
    default:
        reader->is_bad = true;
    }
}

/* What stands in a CIE. */
struct common {
    uint64_t code_align;
    int64_t data_align;
    uint64_t return_register;
    unsigned pointer_encoding;
    bool has_sizes; /* FDEs have a counted block of further data */
    struct reader program;
};

/* A length, and a reader of what it counts. */
static struct reader open_entry(const uint8_t *entry)
{
    struct reader reader = {.at = entry, .end = entry + 4};
    uint64_t length = read_fixed(&reader, 4);

    if (length == 0xffffffff || length == 0) {
        reader.is_bad = true;
        return reader;
    }
    reader.end = entry + 4 + length;
    return reader;
}

static void read_augmentation(struct reader *reader, const char *letters, struct common *common)
{
    const uint8_t *end;
    uint64_t size;

    if (*letters != 'z') {
        reader->is_bad |= *letters != '\0';
        return;
    }
    common->has_sizes = true;
    size = read_uleb(reader);
    end = reader->at + size;
    for (letters++; *letters && !reader->is_bad; letters++) {
        switch (*letters) {
        case 'R':
            common->pointer_encoding = (unsigned)read_fixed(reader, 1);
            break;
        case 'P':
            skip_pointer(reader, (unsigned)read_fixed(reader, 1));
            break;
        case 'L':
            skip(reader, 1);
            break;
        default: /* 'S', 'B' and their like have no data */
            break;
        }
    }
    if (!reader->is_bad && end <= reader->end) {
        reader->at = end;
    }
}

static bool read_common(const uint8_t *entry, struct common *ret_common)
{
    struct reader reader = open_entry(entry);
    const char *letters;
    uint64_t version;

    *ret_common = (struct common){0};
    skip(&reader, 4); /* 0: it is a CIE */
    version = read_fixed(&reader, 1);
    letters = (const char *)reader.at;
    while (!reader.is_bad && read_fixed(&reader, 1) != 0) {
    }
    if (version != 1 && version != 3) {
        return false;
    }
    ret_common->code_align = read_uleb(&reader);
    ret_common->data_align = read_sleb(&reader);
    ret_common->return_register = version == 1 ? read_fixed(&reader, 1) : read_uleb(&reader);
    if (!reader.is_bad) {
        read_augmentation(&reader, letters, ret_common);
    }
    ret_common->program = reader;
    return !reader.is_bad;
}

/* --- the programs --- */

struct row {
    uint64_t cfa_register;
    int64_t cfa_offset;
    bool is_cfa_known;
    struct coil__rule fp;
    struct coil__rule pc;
};

struct machine {
    const struct common *common;
    struct row row;
    struct row initial; /* what the CIE's program has left */
    struct row saved[SAVED];
    unsigned depth;
    uintptr_t location;
    uintptr_t target;
};

static void set_rule(struct machine *machine, uint64_t number, enum coil__rule_kind kind,
                     int64_t offset)
{
    struct coil__rule rule = {.kind = kind, .offset = offset};

    if (number == (uint64_t)FP) {
        machine->row.fp = rule;
    } else if (number == machine->common->return_register) {
        machine->row.pc = rule;
    }
}

static void restore_rule(struct machine *machine, uint64_t number)
{
    if (number == (uint64_t)FP) {
        machine->row.fp = machine->initial.fp;
    } else if (number == machine->common->return_register) {
        machine->row.pc = machine->initial.pc;
    }
}

static void define_cfa(struct machine *machine, uint64_t number, int64_t offset)
{
    machine->row.cfa_register = number;
    machine->row.cfa_offset = offset;
    machine->row.is_cfa_known = true;
}

static void keep_state(struct machine *machine, struct reader *reader)
{
    if (machine->depth == SAVED) {
        reader->is_bad = true;
        return;
    }
    machine->saved[machine->depth++] = machine->row;
}

static void take_state(struct machine *machine, struct reader *reader)
{
    if (machine->depth == 0) {
        reader->is_bad = true;
        return;
    }
    machine->row = machine->saved[--machine->depth];
}

static void advance(struct machine *machine, uint64_t delta)
{
    machine->location += (uintptr_t)(delta * machine->common->code_align);
}

/* Those that say where the end of the frame is. False: it is another one. */
static bool run_cfa(struct machine *machine, struct reader *reader, uint64_t code)
{
    int64_t scale = machine->common->data_align;
    uint64_t number;

    switch (code) {
    case DEF_CFA:
        number = read_uleb(reader);
        define_cfa(machine, number, (int64_t)read_uleb(reader));
        return true;
    case DEF_CFA_SF:
        number = read_uleb(reader);
        define_cfa(machine, number, read_sleb(reader) * scale);
        return true;
    case DEF_CFA_REGISTER:
        machine->row.cfa_register = read_uleb(reader);
        return true;
    case DEF_CFA_OFFSET:
        machine->row.cfa_offset = (int64_t)read_uleb(reader);
        return true;
    case DEF_CFA_OFFSET_SF:
        machine->row.cfa_offset = read_sleb(reader) * scale;
        return true;
    case DEF_CFA_EXPRESSION:
        machine->row.is_cfa_known = false;
        skip(reader, read_uleb(reader));
        return true;
    default:
        return false;
    }
}

/* Those that say where a register is. False: it is another one. */
static bool run_register(struct machine *machine, struct reader *reader, uint64_t code)
{
    int64_t scale = machine->common->data_align;
    uint64_t number;

    switch (code) {
    case OFFSET_EXTENDED:
        number = read_uleb(reader);
        set_rule(machine, number, COIL__RULE_AT_CFA, (int64_t)read_uleb(reader) * scale);
        return true;
    case OFFSET_EXTENDED_SF:
        number = read_uleb(reader);
        set_rule(machine, number, COIL__RULE_AT_CFA, read_sleb(reader) * scale);
        return true;
    case RESTORE_EXTENDED:
        restore_rule(machine, read_uleb(reader));
        return true;
    case SAME_VALUE:
        set_rule(machine, read_uleb(reader), COIL__RULE_SAME, 0);
        return true;
    case UNDEFINED:
        set_rule(machine, read_uleb(reader), COIL__RULE_LOST, 0);
        return true;
    case REGISTER:
    case VAL_OFFSET:
    case VAL_OFFSET_SF:
        set_rule(machine, read_uleb(reader), COIL__RULE_LOST, 0);
        read_uleb(reader);
        return true;
    case EXPRESSION:
    case VAL_EXPRESSION:
        set_rule(machine, read_uleb(reader), COIL__RULE_LOST, 0);
        skip(reader, read_uleb(reader));
        return true;
    default:
        return false;
    }
}

static void run_other(struct machine *machine, struct reader *reader, uint64_t code)
{
    switch (code) {
    case NOP:
    case NEGATE_RA_STATE:
        break;
    case ADVANCE_LOC1:
        advance(machine, read_fixed(reader, 1));
        break;
    case ADVANCE_LOC2:
        advance(machine, read_fixed(reader, 2));
        break;
    case ADVANCE_LOC4:
        advance(machine, read_fixed(reader, 4));
        break;
    case REMEMBER_STATE:
        keep_state(machine, reader);
        break;
    case RESTORE_STATE:
        take_state(machine, reader);
        break;
    case GNU_ARGS_SIZE:
        read_uleb(reader);
        break;
    default:
        reader->is_bad = true;
    }
}

/* Up to the row that holds at the target. */
static bool run(struct machine *machine, struct reader reader)
{
    while (reader.at < reader.end && !reader.is_bad) {
        uint64_t code = read_fixed(&reader, 1);
        uint64_t low = code & 0x3f;
        struct row before = machine->row;

        switch (code & 0xc0) {
        case ADVANCE_LOC:
            advance(machine, low);
            break;
        case OFFSET:
            set_rule(machine, low, COIL__RULE_AT_CFA,
                     (int64_t)read_uleb(&reader) * machine->common->data_align);
            break;
        case RESTORE:
            restore_rule(machine, low);
            break;
        default:
            if (!run_cfa(machine, &reader, code) && !run_register(machine, &reader, code)) {
                run_other(machine, &reader, code);
            }
        }
        if (machine->location > machine->target) {
            machine->row = before;
            break;
        }
    }
    return !reader.is_bad;
}

static bool translate(const struct row *row, struct coil__frame_rules *ret_rules)
{
    if (!row->is_cfa_known ||
        (row->cfa_register != (uint64_t)SP && row->cfa_register != (uint64_t)FP)) {
        return false;
    }
    ret_rules->is_by_fp = row->cfa_register == (uint64_t)FP;
    ret_rules->cfa_offset = row->cfa_offset;
    ret_rules->fp = row->fp;
    ret_rules->pc = row->pc;
    return true;
}

bool coil__frame_rules_find(uintptr_t pc, struct coil__frame_rules *ret_rules)
{
    struct dwarf_eh_bases bases = {0};
    struct common common;
    struct machine machine = {.common = &common, .target = pc};
    const uint8_t *entry = FP < 0 ? NULL : _Unwind_Find_FDE((void *)pc, &bases);
    struct reader reader;
    int32_t back;

    if (!entry) {
        return false;
    }
    reader = open_entry(entry);
    back = (int32_t)read_fixed(&reader, 4);
    if (reader.is_bad || !read_common(entry + 4 - back, &common) ||
        common.return_register != (uint64_t)RETURN) {
        return false;
    }
    skip_pointer(&reader, common.pointer_encoding); /* where it begins, */
    skip_pointer(&reader, common.pointer_encoding); /* and how much it covers */
    if (common.has_sizes) {
        skip(&reader, read_uleb(&reader));
    }
    machine.location = (uintptr_t)bases.func;
    ret_rules->function = (uintptr_t)bases.func;
    if (reader.is_bad || !run(&machine, common.program)) {
        return false;
    }
    machine.initial = machine.row;
    return run(&machine, reader) && translate(&machine.row, ret_rules);
}
