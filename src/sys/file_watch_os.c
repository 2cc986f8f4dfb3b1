/* file_watch_os.c - inotify. The two sets of bits, ours and the system's, differ because nothing of
 * the system's stands in the public header. */
#include "sys/file_watch.h"

#include <errno.h>
#include <sys/inotify.h>

struct bit {
    unsigned ours;
    uint32_t system;
};

static const struct bit bits[] = {
    {COIL_FILE_CREATED, IN_CREATE},       {COIL_FILE_MODIFIED, IN_MODIFY},
    {COIL_FILE_WRITTEN, IN_CLOSE_WRITE},  {COIL_FILE_ATTRIBUTES, IN_ATTRIB},
    {COIL_FILE_DELETED, IN_DELETE},       {COIL_FILE_MOVED_FROM, IN_MOVED_FROM},
    {COIL_FILE_MOVED_TO, IN_MOVED_TO},    {COIL_FILE_SELF_DELETED, IN_DELETE_SELF},
    {COIL_FILE_SELF_MOVED, IN_MOVE_SELF}, {COIL_FILE_GONE, IN_IGNORED | IN_UNMOUNT},
    {COIL_FILE_OVERFLOW, IN_Q_OVERFLOW},  {COIL_FILE_IS_DIRECTORY, IN_ISDIR},
};

int coil__os_watch_open(void)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int coil__os_watch_remove(int fd, int id)
{
    return inotify_rm_watch(fd, id) < 0 ? -errno : 0;
}

int coil__os_watch_mask(unsigned changes)
{
    uint32_t mask = 0;

    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        mask |= changes & COIL_FILE_ALL_CHANGES & bits[i].ours ? bits[i].system : 0;
    }
    return (int)mask;
}

size_t coil__os_watch_event(const char *buf, size_t at, struct coil_file_event *ret_event)
{
    const struct inotify_event *event = (const struct inotify_event *)(const void *)(buf + at);
    unsigned changes = 0;

    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        changes |= event->mask & bits[i].system ? bits[i].ours : 0;
    }
    *ret_event = (struct coil_file_event){
        .id = event->wd,
        .changes = changes,
        .cookie = event->cookie,
        .name = event->len > 0 ? event->name : "",
    };
    return at + sizeof *event + event->len;
}
