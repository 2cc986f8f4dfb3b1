/* strings.c - see strings.h. A table by address, which grows; what an address has led to stays. */
#include "strings.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { FIRST_SIZE = 256, MAX_TEXT = 256, CHUNK = 64 };

struct entry {
    uint64_t address; /* 0: the place is empty */
    bool is_site;
    void *value; /* a text or a struct coil_site, owned; NULL: there is none */
};

struct strings {
    const struct memory *memory;
    const struct coil__layout *layout;
    struct entry *entries;
    size_t size; /* a power of two, more than twice count */
    size_t count;
};

int strings_new(const struct memory *memory, const struct coil__layout *layout,
                struct strings **ret_strings)
{
    struct strings *strings = coil__calloc(1, sizeof *strings);

    if (strings) {
        *strings = (struct strings){.memory = memory, .layout = layout, .size = FIRST_SIZE};
        strings->entries = coil__calloc(strings->size, sizeof *strings->entries);
    }
    if (!strings || !strings->entries) {
        coil__free(strings);
        return -ENOMEM;
    }
    *ret_strings = strings;
    return 0;
}

void strings_free(struct strings *strings)
{
    if (strings) {
        for (size_t i = 0; i < strings->size; i++) {
            coil__free(strings->entries[i].value);
        }
        coil__free(strings->entries);
        coil__free(strings);
    }
}

/* The entry of the address, or the empty one where it belongs. */
static struct entry *place_of(struct entry *entries, size_t size, uint64_t address, bool is_site)
{
    size_t place = (size_t)(address * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (size - 1);

    while (entries[place].address != 0 &&
           (entries[place].address != address || entries[place].is_site != is_site)) {
        place = (place + 1) & (size - 1);
    }
    return &entries[place];
}

static bool grow(struct strings *strings)
{
    size_t size = 2 * strings->size;
    struct entry *grown;

    if (2 * strings->count + 2 <= strings->size) {
        return true;
    }
    grown = coil__calloc(size, sizeof *grown);
    if (!grown) {
        return false;
    }
    for (size_t i = 0; i < strings->size; i++) {
        const struct entry *entry = &strings->entries[i];

        if (entry->address != 0) {
            *place_of(grown, size, entry->address, entry->is_site) = *entry;
        }
    }
    coil__free(strings->entries);
    strings->entries = grown;
    strings->size = size;
    return true;
}

/* --- texts --- */

/* How long the character is that begins here; 0: it is none, or a control character. */
static size_t character(const char *text)
{
    uint32_t code;
    size_t size = coil__text_character(text, &code);

    return size > 0 && (code < 0x20 || (code >= 0x7F && code < 0xA0)) ? 0 : size;
}

void strings_clean(char *text)
{
    while (*text) {
        size_t size = character(text);

        if (size == 0) {
            *text++ = '?';
        } else {
            text += size;
        }
    }
}

bool strings_are_clean(const char *text)
{
    size_t size = 1;

    for (; *text && size > 0; text += size) {
        size = character(text);
    }
    return *text == '\0' && size > 0;
}

/* Piece by piece, none of which reaches into another page: the text may end before that. */
static char *read_text(const struct memory *memory, uint64_t address)
{
    char buf[MAX_TEXT + 1];
    size_t size = 0;
    char *text;

    while (size < MAX_TEXT) {
        size_t piece = CHUNK - (size_t)((address + size) % CHUNK);

        piece = piece < MAX_TEXT - size ? piece : MAX_TEXT - size;
        if (memory_read(memory, address + size, buf + size, piece) < 0) {
            return NULL;
        }
        if (memchr(buf + size, '\0', piece)) {
            break;
        }
        size += piece;
    }
    buf[MAX_TEXT] = '\0';
    size = strlen(buf) + 1;
    text = coil__malloc(size);
    if (text) {
        memcpy(text, buf, size);
        strings_clean(text);
    }
    return text;
}

const char *strings_text(struct strings *strings, uint64_t address)
{
    struct entry *entry;

    if (address == 0 || !grow(strings)) {
        return NULL;
    }
    entry = place_of(strings->entries, strings->size, address, false);
    if (entry->address == 0) {
        *entry = (struct entry){.address = address, .value = read_text(strings->memory, address)};
        strings->count++;
    }
    return entry->value;
}

/* --- sites --- */

static struct coil_site *read_site(struct strings *strings, uint64_t address)
{
    const struct coil__layout *layout = strings->layout;
    uint64_t file = 0, func = 0;
    int line = 0;
    struct coil_site *site;

    if (memory_read(strings->memory, address + layout->site_file, &file, sizeof(void *)) < 0 ||
        memory_read(strings->memory, address + layout->site_func, &func, sizeof(void *)) < 0 ||
        memory_read(strings->memory, address + layout->site_line, &line, sizeof line) < 0) {
        return NULL;
    }
    site = coil__calloc(1, sizeof *site);
    if (site) {
        site->file = strings_text(strings, file);
        site->func = strings_text(strings, func);
        site->line = line;
    }
    if (site && (!site->file || !site->func)) {
        coil__free(site);
        return NULL;
    }
    return site;
}

const struct coil_site *strings_site(struct strings *strings, uint64_t address)
{
    struct entry *entry;
    struct coil_site *site;

    if (address == 0) {
        return NULL;
    }
    entry = place_of(strings->entries, strings->size, address, true);
    if (entry->address != 0) {
        return entry->value;
    }
    site = read_site(strings, address); /* adds texts, and so may move the table */
    if (!grow(strings)) {
        coil__free(site);
        return NULL;
    }
    entry = place_of(strings->entries, strings->size, address, true);
    *entry = (struct entry){.address = address, .is_site = true, .value = site};
    strings->count++;
    return site;
}
