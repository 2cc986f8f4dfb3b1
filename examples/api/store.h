/* store.h - the notes, in a SQLite database.
 *
 * SQLite blocks, so each call runs in a thread, one at a time; the loop goes on meanwhile. Errors:
 * -ENOENT (there is no such note), -ENOMEM, -EIO (what SQLite says is written to standard error),
 * and the reason of a cancel, if the call had not begun.
 */
#ifndef STORE_H
#define STORE_H

#include <coil.h>

struct note {
    int64_t id;
    char *title;
    char *text; /* NULL: none */
    bool done;
    int64_t created; /* ns since 1970 */
};

struct notes {
    struct note *items;
    size_t count;
};

/* Which notes are listed. */
struct filter {
    const char *search; /* in title and text; NULL: all */
    int done;           /* 1, 0; -1: both */
    int64_t offset;
    int64_t limit;
};

struct store;

/* Opens the database, and makes it if there is none. path: ":memory:" for one that is forgotten. */
COIL_SUSPENDS int store_open(const char *path, struct store **ret_store);
COIL_SUSPENDS void store_close(struct store *store);

/* Newest first. ret_notes: for store_free_notes. */
COIL_SUSPENDS int store_list(struct store *store, const struct filter *filter,
                             struct notes *ret_notes);

/* ret_note: its strings are for store_free_note. */
COIL_SUSPENDS int store_get(struct store *store, int64_t id, struct note *ret_note);

/* Fills in id and created. */
COIL_SUSPENDS int store_add(struct store *store, struct note *note);

/* All but `created`, which is filled in. */
COIL_SUSPENDS int store_change(struct store *store, struct note *note);

/* ret_note: what it was, for store_free_note. */
COIL_SUSPENDS int store_remove(struct store *store, int64_t id, struct note *ret_note);

void store_free_note(struct note *note);
void store_free_notes(struct notes *notes);

#endif
