/* store.c - the notes, in a SQLite database. See store.h. */
#include "store.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct store {
    sqlite3 *db;
    struct coil_lock lock; /* around each use of db */
};

/* What a thread is to do. */
struct job {
    struct store *store;
    int (*run)(struct job *job);
    const char *path;
    const struct filter *filter;
    struct note *note;
    struct notes *notes;
};

/* --- in the thread --- */

static int fail(const struct store *store, int rc)
{
    if (rc == SQLITE_NOMEM) {
        return -ENOMEM;
    }
    fprintf(stderr, "api: the database: %s\n", sqlite3_errmsg(store->db));
    return -EIO;
}

static int prepare(const struct store *store, const char *sql, sqlite3_stmt **ret_statement)
{
    int rc = sqlite3_prepare_v2(store->db, sql, -1, ret_statement, NULL);

    return rc == SQLITE_OK ? 0 : fail(store, rc);
}

/* Runs a statement that gives no rows. How many rows it has changed. */
static int finish(const struct store *store, sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);

    rc = rc == SQLITE_DONE ? sqlite3_changes(store->db) : fail(store, rc);
    sqlite3_finalize(statement);
    return rc;
}

/* 0, or -ENOMEM. The columns are id, title, text, done, created. */
static int read_note(sqlite3_stmt *row, struct note *ret_note)
{
    const char *title = (const char *)sqlite3_column_text(row, 1);
    const char *text = (const char *)sqlite3_column_text(row, 2);
    struct note note = {
        .id = sqlite3_column_int64(row, 0),
        .title = strdup(title ? title : ""),
        .text = text ? strdup(text) : NULL,
        .done = sqlite3_column_int(row, 3) != 0,
        .created = sqlite3_column_int64(row, 4),
    };

    if (!note.title || (text && !note.text)) {
        store_free_note(&note);
        return -ENOMEM;
    }
    *ret_note = note;
    return 0;
}

static void bind_note(sqlite3_stmt *statement, const struct note *note)
{
    sqlite3_bind_int64(statement, 1, note->id);
    sqlite3_bind_text(statement, 2, note->title, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, note->text, -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 4, note->done);
}

static int run_open(struct job *job)
{
    static const char schema[] = "PRAGMA journal_mode = WAL;"
                                 "PRAGMA busy_timeout = 2000;"
                                 "CREATE TABLE IF NOT EXISTS notes ("
                                 " id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL,"
                                 " text TEXT, done INTEGER NOT NULL, created INTEGER NOT NULL);";
    struct store *store = job->store;
    int rc = sqlite3_open(job->path, &store->db);

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(store->db, schema, NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? 0 : fail(store, rc);
}

static int run_close(struct job *job)
{
    sqlite3_close(job->store->db);
    return 0;
}

static int run_list(struct job *job)
{
    static const char sql[] = "SELECT id, title, text, done, created FROM notes"
                              " WHERE (?1 < 0 OR done = ?1)"
                              " AND (?2 IS NULL OR instr(lower(title), lower(?2))"
                              "  OR instr(lower(coalesce(text, '')), lower(?2)))"
                              " ORDER BY id DESC LIMIT ?3 OFFSET ?4";
    const struct filter *filter = job->filter;
    struct notes notes = {0};
    sqlite3_stmt *statement;
    int step = SQLITE_DONE;
    int rc = prepare(job->store, sql, &statement);

    if (rc < 0) {
        return rc;
    }
    notes.items = calloc((size_t)filter->limit, sizeof *notes.items);
    rc = notes.items ? 0 : -ENOMEM;
    sqlite3_bind_int(statement, 1, filter->done);
    sqlite3_bind_text(statement, 2, filter->search, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, filter->limit);
    sqlite3_bind_int64(statement, 4, filter->offset);
    while (rc == 0 && (step = sqlite3_step(statement)) == SQLITE_ROW) {
        rc = read_note(statement, &notes.items[notes.count]);
        notes.count += rc == 0;
    }
    if (rc == 0 && step != SQLITE_DONE) {
        rc = fail(job->store, step);
    }
    sqlite3_finalize(statement);
    if (rc < 0) {
        store_free_notes(&notes);
        return rc;
    }
    *job->notes = notes;
    return 0;
}

/* Runs a statement with the note's id, which gives that note. */
static int run_one(struct job *job, const char *sql)
{
    sqlite3_stmt *statement;
    int rc = prepare(job->store, sql, &statement);

    if (rc < 0) {
        return rc;
    }
    sqlite3_bind_int64(statement, 1, job->note->id);
    rc = sqlite3_step(statement);
    rc = rc == SQLITE_ROW    ? read_note(statement, job->note)
         : rc == SQLITE_DONE ? -ENOENT
                             : fail(job->store, rc);
    sqlite3_finalize(statement);
    return rc;
}

static int run_get(struct job *job)
{
    return run_one(job, "SELECT id, title, text, done, created FROM notes WHERE id = ?");
}

static int run_remove(struct job *job)
{
    return run_one(job, "DELETE FROM notes WHERE id = ? RETURNING id, title, text, done, created");
}

static int run_add(struct job *job)
{
    struct timespec now;
    sqlite3_stmt *statement;
    int rc = prepare(job->store,
                     "INSERT INTO notes (title, text, done, created) VALUES (?2, ?3, ?4, ?5)",
                     &statement);

    if (rc < 0) {
        return rc;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    job->note->created = now.tv_sec * COIL_SEC + now.tv_nsec;
    bind_note(statement, job->note);
    sqlite3_bind_int64(statement, 5, job->note->created);
    rc = finish(job->store, statement);
    job->note->id = sqlite3_last_insert_rowid(job->store->db);
    return rc < 0 ? rc : 0;
}

static int run_change(struct job *job)
{
    sqlite3_stmt *statement;
    int rc = prepare(job->store,
                     "UPDATE notes SET title = ?2, text = ?3, done = ?4 WHERE id = ?1"
                     " RETURNING created",
                     &statement);

    if (rc < 0) {
        return rc;
    }
    bind_note(statement, job->note);
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        job->note->created = sqlite3_column_int64(statement, 0);
        rc = sqlite3_step(statement); /* it is done only at the end of the rows */
        rc = rc == SQLITE_DONE ? 0 : fail(job->store, rc);
    } else {
        rc = rc == SQLITE_DONE ? -ENOENT : fail(job->store, rc);
    }
    sqlite3_finalize(statement);
    return rc;
}

static int run_job(void *arg)
{
    struct job *job = arg;

    return job->run(job);
}

/* --- in the loop --- */

static int do_job(struct job job)
{
    int rc = coil_lock_acquire(&job.store->lock);

    if (rc == 0) {
        rc = coil_to_thread(run_job, &job);
        coil_lock_release(&job.store->lock);
    }
    return rc;
}

int store_open(const char *path, struct store **ret_store)
{
    struct store *store = calloc(1, sizeof *store);
    int rc;

    if (!store) {
        return -ENOMEM;
    }
    rc = do_job((struct job){.store = store, .run = run_open, .path = path});
    if (rc < 0) {
        store_close(store);
        return rc;
    }
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    coil_shield {
        do_job((struct job){.store = store, .run = run_close});
    }
    free(store);
}

int store_list(struct store *store, const struct filter *filter, struct notes *ret_notes)
{
    return do_job(
        (struct job){.store = store, .run = run_list, .filter = filter, .notes = ret_notes});
}

static int do_job_on(struct store *store, int (*run)(struct job *job), int64_t id,
                     struct note *ret_note)
{
    struct note note = {.id = id};
    int rc = do_job((struct job){.store = store, .run = run, .note = &note});

    if (rc == 0) {
        *ret_note = note;
    }
    return rc;
}

int store_get(struct store *store, int64_t id, struct note *ret_note)
{
    return do_job_on(store, run_get, id, ret_note);
}

int store_remove(struct store *store, int64_t id, struct note *ret_note)
{
    return do_job_on(store, run_remove, id, ret_note);
}

int store_add(struct store *store, struct note *note)
{
    return do_job((struct job){.store = store, .run = run_add, .note = note});
}

int store_change(struct store *store, struct note *note)
{
    return do_job((struct job){.store = store, .run = run_change, .note = note});
}

void store_free_note(struct note *note)
{
    free(note->title);
    free(note->text);
    note->title = NULL;
    note->text = NULL;
}

void store_free_notes(struct notes *notes)
{
    for (size_t i = 0; i < notes->count; i++) {
        store_free_note(&notes->items[i]);
    }
    free(notes->items);
    *notes = (struct notes){0};
}
