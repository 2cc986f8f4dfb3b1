/* coil/file_watch.h - to be told when files change: inotify(7).
 *
 *     struct coil_file_watch watch = {0};
 *     struct coil_file_event event;
 *     coil_file_watch_open(&watch);
 *     id = coil_file_watch_add(&watch, "/etc/app", COIL_FILE_CREATED | COIL_FILE_MODIFIED);
 *     while ((rc = coil_file_watch_next(&watch, &event)) >= 0) { ... event.name ... }
 *     coil_file_watch_close(&watch);
 *
 * One object watches any number of files and directories (not what is below a directory's
 * subdirectories). Memory is bounded: the system queues fs.inotify.max_queued_events of them and
 * then says COIL_FILE_OVERFLOW once; here one batch of 4 KiB is kept.
 *
 * asyncio has no counterpart.
 */
#ifndef COIL_FILE_WATCH_H
#define COIL_FILE_WATCH_H

#include <coil/base.h>

/* What happened, and what to watch for. The names after SELF and from GONE on are only told. */
enum coil_file_change {
    COIL_FILE_CREATED = 1 << 0,      /* in a watched directory, also by a link */
    COIL_FILE_MODIFIED = 1 << 1,     /* written to or truncated */
    COIL_FILE_WRITTEN = 1 << 2,      /* one that was open for writing was closed */
    COIL_FILE_ATTRIBUTES = 1 << 3,   /* permissions, times, owner, link count */
    COIL_FILE_DELETED = 1 << 4,      /* from a watched directory */
    COIL_FILE_MOVED_FROM = 1 << 5,   /* out of a watched directory, or renamed in it */
    COIL_FILE_MOVED_TO = 1 << 6,     /* the other half; both have the same cookie */
    COIL_FILE_SELF_DELETED = 1 << 7, /* what is watched */
    COIL_FILE_SELF_MOVED = 1 << 8,
    COIL_FILE_ALL_CHANGES = (1 << 9) - 1,
    COIL_FILE_GONE = 1 << 9,          /* the watch has ended: removed, deleted or unmounted */
    COIL_FILE_OVERFLOW = 1 << 10,     /* events were lost: look at everything anew; id is -1 */
    COIL_FILE_IS_DIRECTORY = 1 << 11, /* in addition: it happened to a directory */
};

struct coil_file_event {
    int id;           /* what coil_file_watch_add returned */
    unsigned changes; /* of enum coil_file_change */
    uint32_t cookie;  /* joins MOVED_FROM and MOVED_TO; else 0 */
    const char *name; /* in a watched directory; "" for what is watched itself. Valid until the next
                         call on the coil_file_watch */
};

/* All-zero is closed. Must not move while open. */
struct coil_file_watch {
    char *buf_; /* a batch of events as the system gives them; NULL: closed */
    size_t at_; /* of the next event; there are end_ bytes */
    size_t end_;
    int fd_; /* valid while buf_ is */
    unsigned users_;
    bool is_reading_;
};

COIL_BEGIN_DECLS

/* Opens it. 0; -ENOMEM, -EMFILE (also: fs.inotify.max_user_instances), -EINVAL (NULL), -EBUSY (is
 * open). Does not suspend. */
COIL_EXPORT int coil_file_watch_open(struct coil_file_watch *watch);

/* Watches a file or a directory from now on. changes: those to be told of, of enum
 * coil_file_change. What is watched already keeps its id and gets the new set. The path is looked
 * up in a thread of the pool. Returns an id, >= 0; -ENOENT, -EACCES, -ENOSPC
 * (fs.inotify.max_user_watches), -EINVAL, -COIL_ECLOSED; -EAGAIN, -ENOMEM: there is no thread.
 * Cancel: what has begun is waited for, and its id returned. */
COIL_EXPORT COIL_SUSPENDS int coil_file_watch_add(struct coil_file_watch *watch, const char *path,
                                                  unsigned changes);

/* Ends one watch. Events that came before are still told, then COIL_FILE_GONE. 0; -EINVAL (there is
 * no such id), -COIL_ECLOSED. Does not suspend. */
COIL_EXPORT int coil_file_watch_remove(struct coil_file_watch *watch, int id);

/* Waits for the next event. ret_event: filled in on success. 0; -COIL_ECONCURRENT (another task
 * waits here), -COIL_ECLOSED, -EINVAL. Cancel: no event is lost. */
COIL_EXPORT COIL_SUSPENDS int coil_file_watch_next(struct coil_file_watch *watch,
                                                   struct coil_file_event *ret_event);

/* Closes it. Twice: does nothing. 0; -EBUSY while a task is in a call on it; -EINVAL. Does not
 * suspend. */
COIL_EXPORT int coil_file_watch_close(struct coil_file_watch *watch);

COIL_END_DECLS

#endif
