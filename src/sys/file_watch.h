/* file_watch.h - inotify, in the terms of coil/file_watch.h. Nothing here blocks; the call that
 * adds a watch, which may, is in sys/file.h. */
#ifndef COIL__SYS_FILE_WATCH_H
#define COIL__SYS_FILE_WATCH_H

#include <coil/file_watch.h>

/* Room for any event. */
enum { COIL__FILE_WATCH_BATCH = 4096 };

/* A non-blocking descriptor, or -errno. */
int coil__os_watch_open(void);
int coil__os_watch_remove(int fd, int id);
/* enum coil_file_change as the system's mask. */
int coil__os_watch_mask(unsigned changes);
/* One event of what was read into buf + at. Returns the place of the next one. */
size_t coil__os_watch_event(const char *buf, size_t at, struct coil_file_event *ret_event);

#endif
