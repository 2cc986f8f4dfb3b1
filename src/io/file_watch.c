/* file_watch.c - events of inotify, one by one.
 *
 * What was read stands in the buffer before the call looks at any cancel, and the place in it moves
 * only when an event is handed out: so none is lost. While events stand in the buffer nothing is
 * read; the system's queue is the bound, and tells when it was not enough.
 */
#include "base/memory.h"
#include "io/file.h"
#include "loop/ledger.h"
#include "sys/file_watch.h"

#include <coil/fd.h>

#include <errno.h>

int coil_file_watch_open(struct coil_file_watch *watch)
{
    char *buf;
    int fd;

    if (!watch) {
        return -EINVAL;
    }
    if (watch->buf_) {
        return -EBUSY;
    }
    buf = coil__malloc(COIL__FILE_WATCH_BATCH);
    if (!buf) {
        return -ENOMEM;
    }
    fd = coil__os_watch_open();
    if (fd < 0) {
        coil__free(buf);
        return fd;
    }
    *watch = (struct coil_file_watch){.buf_ = buf, .fd_ = fd};
    if (coil__thread.loop) {
        coil__note_open(coil__thread.loop, COIL__OPENED_FILE_WATCH, watch);
    }
    return 0;
}

int coil_file_watch_add(struct coil_file_watch *watch, const char *path, unsigned changes)
{
    struct coil__file_call call = {.kind = COIL__FILE_WATCH, .path = path};
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!watch || !path || !(changes & COIL_FILE_ALL_CHANGES) ||
        changes & ~(unsigned)COIL_FILE_ALL_CHANGES) {
        return -EINVAL;
    }
    if (!watch->buf_) {
        return -COIL_ECLOSED;
    }
    call.fd = watch->fd_;
    call.flags = coil__os_watch_mask(changes);
    watch->users_++;
    rc = (int)coil__file_call(self, &call, "file watch add");
    watch->users_--;
    return rc;
}

int coil_file_watch_remove(struct coil_file_watch *watch, int id)
{
    if (!watch) {
        return -EINVAL;
    }
    return watch->buf_ ? coil__os_watch_remove(watch->fd_, id) : -COIL_ECLOSED;
}

static int read_batch(struct coil_file_watch *watch)
{
    ssize_t count;

    watch->is_reading_ = true;
    watch->users_++;
    count = coil_read(watch->fd_, watch->buf_, COIL__FILE_WATCH_BATCH);
    watch->users_--;
    watch->is_reading_ = false;
    if (count <= 0) {
        return count < 0 ? (int)count : -EIO; /* it has no end */
    }
    watch->at_ = 0;
    watch->end_ = (size_t)count;
    return 0;
}

int coil_file_watch_next(struct coil_file_watch *watch, struct coil_file_event *ret_event)
{
    struct coil_task *self;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!watch || !ret_event) {
        return -EINVAL;
    }
    if (!watch->buf_ || watch->is_reading_) {
        return watch->buf_ ? -COIL_ECONCURRENT : -COIL_ECLOSED;
    }
    if (watch->at_ == watch->end_) {
        rc = read_batch(watch);
        if (rc < 0) {
            return rc;
        }
    }
    watch->at_ = coil__os_watch_event(watch->buf_, watch->at_, ret_event);
    coil__spend(self);
    return 0;
}

int coil_file_watch_close(struct coil_file_watch *watch)
{
    if (!watch) {
        return -EINVAL;
    }
    if (watch->users_ > 0) {
        return -EBUSY;
    }
    if (watch->buf_) {
        coil__os_close(watch->fd_);
        coil__free(watch->buf_);
        coil__note_closed_somewhere(COIL__OPENED_FILE_WATCH, watch);
        *watch = (struct coil_file_watch){.buf_ = NULL};
    }
    return 0;
}
