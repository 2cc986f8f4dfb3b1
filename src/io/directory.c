/* directory.c - listing a directory, by batches that a thread reads.
 *
 * A batch that was read is in the buffer before the call looks at any cancel, and the place in it
 * moves only when an entry is handed out: so no entry is skipped.
 */
#include "base/memory.h"
#include "io/file.h"
#include "loop/ledger.h"

#include <errno.h>
#include <string.h>

enum { BATCH = 16 * 1024 };

int coil_dir_open(struct coil_dir *dir, const char *path)
{
    struct coil__file_call call = {
        .kind = COIL__FILE_OPEN, .fd = AT_FDCWD, .flags = O_RDONLY | O_DIRECTORY, .path = path};
    struct coil_task *self;
    char *buf;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!dir || !path || dir->buf_) {
        return -EINVAL;
    }
    buf = coil__malloc(BATCH);
    if (!buf) {
        return -ENOMEM;
    }
    rc = (int)coil__file_call(self, &call, "dir open");
    if (rc < 0) {
        coil__free(buf);
        return rc;
    }
    *dir = (struct coil_dir){.buf_ = buf, .fd_ = rc};
    coil__note_open(self->loop, COIL__OPENED_DIRECTORY, dir);
    return 0;
}

int coil_dir_adopt(struct coil_dir *dir, int fd)
{
    struct coil_loop *loop = coil__thread.loop;
    char *buf;

    if (!dir || dir->buf_ || fd < 0) {
        return -EINVAL;
    }
    buf = coil__malloc(BATCH);
    if (!buf) {
        return -ENOMEM;
    }
    *dir = (struct coil_dir){.buf_ = buf, .fd_ = fd};
    if (loop) {
        coil__note_closed(loop, COIL__OPENED_FILE, coil__ledger_fd(fd)); /* the dir's now */
        coil__note_open(loop, COIL__OPENED_DIRECTORY, dir);
    }
    return 0;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int read_batch(struct coil_dir *dir, struct coil_task *self)
{
    struct coil__file_call call = {
        .kind = COIL__FILE_LIST, .fd = dir->fd_, .buf = dir->buf_, .size = BATCH};
    ssize_t rc;

    dir->is_busy_ = true;
    rc = coil__file_call(self, &call, "dir next");
    dir->is_busy_ = false;
    if (rc >= 0) {
        dir->at_ = 0;
        dir->end_ = (size_t)rc;
    }
    return (int)rc;
}

int coil_dir_next(struct coil_dir *dir, struct coil_dir_entry *ret_entry)
{
    struct coil_dir_entry entry;
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!dir || !ret_entry) {
        return -EINVAL;
    }
    if (!dir->buf_ || dir->is_busy_) {
        return dir->buf_ ? -COIL_ECONCURRENT : -COIL_ECLOSED;
    }
    do {
        if (dir->at_ == dir->end_) {
            rc = read_batch(dir, self);
            if (rc <= 0) {
                return rc;
            }
        }
        dir->at_ = coil__os_dir_entry(dir->buf_, dir->at_, &entry);
    } while (is_dots(entry.name));
    *ret_entry = entry;
    coil__spend(self);
    return 1;
}

int coil_dir_close(struct coil_dir *dir)
{
    if (!dir) {
        return -EINVAL;
    }
    if (dir->is_busy_) {
        return -EBUSY;
    }
    if (dir->buf_) {
        coil__os_close(dir->fd_);
        coil__free(dir->buf_);
        coil__note_closed_somewhere(COIL__OPENED_DIRECTORY, dir);
        *dir = (struct coil_dir){.buf_ = NULL};
    }
    return 0;
}
