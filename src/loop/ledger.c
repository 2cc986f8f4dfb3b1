/* ledger.c - see ledger.h. A hash table of entries, which also stand in the order of their coming.
 *
 * Descriptors may be closed by others, and their numbers used again: what was open there is noted
 * as well, and nothing told if that has changed.
 */
#include "loop/ledger.h"

#include "base/memory.h"
#include "sys/file.h"

#include <errno.h>
#include <string.h>

enum { FIRST_SLOTS = 64, TOLD = 8, TEXT_SIZE = 2048 };

struct entry {
    struct coil__list link; /* in all */
    struct entry *next;     /* in its slot */
    const void *object;
    enum coil__opened kind;
    int error;
    uint64_t identity[2]; /* of a file */
    struct coil__trace trace;
};

struct coil__ledger {
    struct coil__list all; /* oldest first */
    struct entry **slots;
    size_t slot_count; /* a power of two */
    size_t count;
};

/* What is said of one, and the name of many. */
static const struct {
    const char *sentence;
    const char *plural;
} words[COIL__OPENED_KINDS] = {
    [COIL__OPENED_CALLBACK] = {"a callback is still to be called when its loop ends: take it back "
                               "by coil_handle_cancel",
                               "callbacks"},
    [COIL__OPENED_OP] = {"an operation is still submitted when its loop ends: cancel it and wait "
                         "for its callback",
                         "operations"},
    [COIL__OPENED_WATCH] = {"a descriptor is still watched when its loop ends: coil_watch_stop "
                            "ends that",
                            "descriptors"},
    [COIL__OPENED_SIGNALS] = {"signals are still watched when their loop ends: coil_signal_close "
                              "ends that",
                              "watches of signals"},
    [COIL__OPENED_FILE_WATCH] = {"files are still watched when their loop ends: "
                                 "coil_file_watch_close ends that",
                                 "watches of files"},
    [COIL__OPENED_FILE] = {"a file is still open when its loop ends: close it by coil_close",
                           "files"},
    [COIL__OPENED_DIRECTORY] = {"a directory is still open when its loop ends: close it by "
                                "coil_dir_close",
                                "directories"},
    [COIL__OPENED_STREAM] = {"a stream is still open when its loop ends: close it by "
                             "coil_stream_close",
                             "streams"},
    [COIL__OPENED_DATAGRAM] = {"a datagram endpoint is still open when its loop ends: close it by "
                               "coil_datagram_close",
                               "datagram endpoints"},
    [COIL__OPENED_SERVER] = {"a server is still open when its loop ends: close it by "
                             "coil_server_close",
                             "servers"},
    [COIL__OPENED_PROCESS] = {"a child process is still open when its loop ends: close it by "
                              "coil_process_close",
                              "child processes"},
    [COIL__OPENED_ERROR] = {"error of a future that nobody has read", "errors of futures"},
};

static struct entry **slot_of(const struct coil__ledger *ledger, const void *object)
{
    uint64_t hash = (uint64_t)(uintptr_t)object * UINT64_C(0x9E3779B97F4A7C15) >> 32;

    return &ledger->slots[hash & (ledger->slot_count - 1)];
}

/* Where the pointer to the entry stands, or would. */
static struct entry **find(const struct coil__ledger *ledger, enum coil__opened kind,
                           const void *object)
{
    struct entry **place = slot_of(ledger, object);

    while (*place && ((*place)->object != object || (*place)->kind != kind)) {
        place = &(*place)->next;
    }
    return place;
}

/* False: nothing is open there. */
static bool identify(const void *object, uint64_t ret_identity[2])
{
    return coil__os_identify((int)((uintptr_t)object - 1), ret_identity);
}

/* A file that was closed without our doing. */
static bool is_gone(const struct entry *entry)
{
    uint64_t identity[2];

    return entry->kind == COIL__OPENED_FILE &&
           (!identify(entry->object, identity) || identity[0] != entry->identity[0] ||
            identity[1] != entry->identity[1]);
}

/* Without memory the table stays as it is. */
static void grow(struct coil__ledger *ledger)
{
    size_t count = ledger->slot_count * 2;
    struct entry **slots = coil__calloc(count, sizeof *slots);

    if (!slots) {
        return;
    }
    coil__free(ledger->slots);
    ledger->slots = slots;
    ledger->slot_count = count;
    COIL__LIST_FOREACH(&ledger->all, link) {
        struct entry *entry = COIL__CONTAINER(link, struct entry, link);
        struct entry **place = slot_of(ledger, entry->object);

        entry->next = *place;
        *place = entry;
    }
}

int coil__ledger_new(struct coil__ledger **ret_ledger)
{
    struct coil__ledger *ledger = coil__calloc(1, sizeof *ledger);

    if (!ledger) {
        return -ENOMEM;
    }
    ledger->slots = coil__calloc(FIRST_SLOTS, sizeof(struct entry *));
    if (!ledger->slots) {
        coil__free(ledger);
        return -ENOMEM;
    }
    ledger->slot_count = FIRST_SLOTS;
    coil__list_init(&ledger->all);
    *ret_ledger = ledger;
    return 0;
}

static struct entry *pop(struct coil__ledger *ledger)
{
    struct coil__list *link = coil__list_pop_head(&ledger->all);

    return link ? COIL__CONTAINER(link, struct entry, link) : NULL;
}

void coil__ledger_free(struct coil__ledger *ledger)
{
    struct entry *entry;

    if (!ledger) {
        return;
    }
    while ((entry = pop(ledger))) {
        coil__free(entry);
    }
    coil__free(ledger->slots);
    coil__free(ledger);
}

void coil__ledger_add(struct coil__ledger *ledger, enum coil__opened kind, const void *object,
                      int error)
{
    struct entry *entry;

    coil__ledger_remove(ledger, kind, object);
    entry = coil__malloc(sizeof *entry);
    if (!entry) {
        return;
    }
    if (ledger->count >= ledger->slot_count) {
        grow(ledger);
    }
    *entry = (struct entry){.object = object, .kind = kind, .error = error};
    if (kind == COIL__OPENED_FILE) {
        identify(object, entry->identity);
    }
    coil__trace_take(&entry->trace);
    entry->next = *slot_of(ledger, object);
    *slot_of(ledger, object) = entry;
    coil__list_push_tail(&ledger->all, &entry->link);
    ledger->count++;
}

void coil__ledger_remove(struct coil__ledger *ledger, enum coil__opened kind, const void *object)
{
    struct entry **place = find(ledger, kind, object);
    struct entry *entry = *place;

    if (entry) {
        *place = entry->next;
        coil__list_remove(&entry->link);
        ledger->count--;
        coil__free(entry);
    }
}

const struct coil__trace *coil__ledger_find(const struct coil__ledger *ledger,
                                            enum coil__opened kind, const void *object)
{
    const struct entry *entry = ledger ? *find(ledger, kind, object) : NULL;

    return entry ? &entry->trace : NULL;
}

/* --- the report --- */

static void tell(struct coil_loop *loop, const struct entry *entry)
{
    char buf[TEXT_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};
    struct coil_report report = {.message = buf, .error = entry->error};
    struct coil_site site;

    coil__text_add(&text, "%s", words[entry->kind].sentence);
    if (coil__trace_site(&entry->trace, &site)) {
        report.site = &site;
    }
    coil__trace_tell(&text, &entry->trace);
    coil__loop_report(loop, &report);
}

static void tell_count(struct coil_loop *loop, enum coil__opened kind, size_t count)
{
    char text[100];
    struct coil_report report = {.message = text};
    struct coil__text sentence = {.start = text, .size = sizeof text};

    coil__text_add(&sentence, "and %zu more %s", count, words[kind].plural);
    coil__loop_report(loop, &report);
}

/* The handler may call what it likes: nobody finds the ledger any more, and no entry is kept. */
void coil__ledger_close(struct coil_loop *loop)
{
    struct coil__ledger *ledger = loop->ledger;
    size_t counts[COIL__OPENED_KINDS] = {0};
    struct entry *entry;

    if (!ledger) {
        return;
    }
    loop->ledger = NULL;
    while ((entry = pop(ledger))) {
        if (!is_gone(entry) && ++counts[entry->kind] <= TOLD) {
            tell(loop, entry);
        }
        coil__free(entry);
    }
    for (size_t kind = 0; kind < COIL__OPENED_KINDS; kind++) {
        if (counts[kind] > TOLD) {
            tell_count(loop, kind, counts[kind] - TOLD);
        }
    }
    coil__ledger_free(ledger);
}
