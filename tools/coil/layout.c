/* layout.c - see layout.h. An ELF file says in its program headers where its notes are, and those
 * are loaded with it: so all is read from the process's memory, and none from the file, which may
 * be in another container, or have been replaced by an update. */
#include "layout.h"

#include "base/memory.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

enum { MAX_HEADERS = 128, MAX_NOTES = 64 * 1024, MAX_OFFSET = 64 * 1024, PAGE = 4096 };

static const char note_name[5] = "coil";

/* Offsets of fields of at most 16 bytes, which stand in the layout from one to the other. */
static bool are_below(const uint32_t *first, const uint32_t *last, uint32_t size)
{
    for (const uint32_t *offset = first; offset <= last; offset++) {
        if (*offset + 16 > size) {
            return false;
        }
    }
    return true;
}

static bool has_sane_offsets(const struct coil__layout *layout)
{
    const struct coil__context_layout *context = &layout->context;

    return are_below(&layout->loop_backend, &layout->loop_mark, layout->loop_size) &&
           are_below(&layout->task_context, &layout->task_since, layout->task_size) &&
           layout->task_name + layout->name_size <= layout->task_size && context->sp <= 4096 &&
           context->fp <= 4096 && context->pc <= 4096 &&
           layout->task_context + context->sp + 8 <= layout->task_size &&
           layout->task_context + context->fp + 8 <= layout->task_size &&
           layout->task_context + context->pc + 8 <= layout->task_size;
}

bool layout_is_sane(const struct coil__layout *layout)
{
    size_t begin = offsetof(struct coil__layout, max_loops) / sizeof(uint32_t);
    size_t end = sizeof *layout / sizeof(uint32_t);
    uint32_t words[sizeof *layout / sizeof(uint32_t)];

    memcpy(words, layout, sizeof words);
    for (size_t i = begin; i < end; i++) {
        if (words[i] > MAX_OFFSET) {
            return false;
        }
    }
    return memcmp(layout->magic, COIL__LAYOUT_MAGIC, sizeof layout->magic) == 0 &&
           layout->version == COIL__LAYOUT_VERSION && layout->size == sizeof *layout &&
           layout->name_size > 0 && layout->name_size <= COIL__TASK_NAME &&
           layout->task_size >= 64 && layout->task_size % 64 == 0 && layout->loop_size >= 64 &&
           has_sane_offsets(layout);
}

static int take(const struct memory *memory, uint64_t address, uint32_t version,
                struct layout_finding *finding)
{
    struct coil__layout layout;
    int rc;

    if (version != COIL__LAYOUT_VERSION) {
        finding->other_version = version;
        return 0;
    }
    rc = memory_read(memory, address, &layout, sizeof layout);
    if (rc < 0) {
        return rc;
    }
    if (!layout_is_sane(&layout)) {
        finding->other_version = version;
    } else if (finding->count < finding->max) {
        finding->layouts[finding->count++] = layout;
    }
    return 0;
}

/* notes: a copy of those that are at `address`. */
static int look_through(const struct memory *memory, const char *notes, size_t size,
                        uint64_t address, size_t align, struct layout_finding *finding)
{
    size_t at = 0;
    ElfW(Nhdr) header;

    while (size - at >= sizeof header) {
        size_t name = at + sizeof header;
        size_t contents, end;

        memcpy(&header, notes + at, sizeof header);
        contents = (name + header.n_namesz + align - 1) & ~(align - 1);
        end = (contents + header.n_descsz + align - 1) & ~(align - 1);
        if (header.n_namesz > size || header.n_descsz > size || contents + header.n_descsz > size) {
            return 0;
        }
        if (header.n_namesz == sizeof note_name && header.n_type == 1 && header.n_descsz == 8 &&
            memcmp(notes + name, note_name, sizeof note_name) == 0) {
            uint32_t version;
            int32_t distance;

            memcpy(&version, notes + contents, sizeof version);
            memcpy(&distance, notes + contents + 4, sizeof distance);
            return take(memory, address + contents + 4 + (uint64_t)(int64_t)distance, version,
                        finding);
        }
        if (end >= size) {
            return 0;
        }
        at = end;
    }
    return 0;
}

static int read_notes(const struct memory *memory, uint64_t address, const ElfW(Phdr) * header,
                      struct layout_finding *finding)
{
    size_t size = header->p_memsz;
    char *notes;
    int rc;

    if (size < sizeof(ElfW(Nhdr)) || size > MAX_NOTES) {
        return 0;
    }
    notes = coil__malloc(size);
    if (!notes) {
        return -ENOMEM;
    }
    rc = memory_read(memory, address, notes, size);
    if (rc == 0) {
        rc = look_through(memory, notes, size, address, header->p_align == 8 ? 8 : 4, finding);
    }
    coil__free(notes);
    return rc;
}

static int look_at_headers(const struct memory *memory, uint64_t start, const ElfW(Phdr) * headers,
                           size_t count, struct layout_finding *finding)
{
    uint64_t base = start;
    int rc = 0;

    for (size_t i = 0; i < count; i++) {
        if (headers[i].p_type == PT_LOAD) {
            base = start - (headers[i].p_vaddr & ~(uint64_t)(PAGE - 1));
            break;
        }
    }
    for (size_t i = 0; i < count && rc == 0; i++) {
        if (headers[i].p_type == PT_NOTE) {
            rc = read_notes(memory, base + headers[i].p_vaddr, &headers[i], finding);
        }
    }
    return rc;
}

int layout_find(const struct memory *memory, uint64_t start, struct layout_finding *finding)
{
    ElfW(Phdr) headers[MAX_HEADERS];
    ElfW(Ehdr) file;
    int rc = memory_read(memory, start, &file, sizeof file);

    if (rc < 0 || memcmp(file.e_ident, ELFMAG, SELFMAG) != 0 ||
        file.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
        file.e_phentsize != sizeof headers[0] || file.e_phnum > MAX_HEADERS) {
        return rc < 0 ? rc : 0;
    }
    rc = memory_read(memory, start + file.e_phoff, headers, file.e_phnum * sizeof headers[0]);
    return rc < 0 ? rc : look_at_headers(memory, start, headers, file.e_phnum, finding);
}
