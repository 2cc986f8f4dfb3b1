/* What the kernel writes into a buffer, one record after the other: events of inotify and entries
 * of directories. The records are made here, and must come out as they were. */
#include "fuzz.h"

#include "sys/file.h"
#include "sys/file_watch.h"

#include <dirent.h>
#include <stddef.h>
#include <sys/inotify.h>

enum { BUFFER = 4096, MAX_NAME = 255 };

/* A name of some bytes, none of them a NUL or a slash. */
static size_t take_name(struct fuzz_input *in, char name[MAX_NAME + 1])
{
    size_t size = take_byte(in);

    for (size_t i = 0; i < size; i++) {
        uint8_t byte = take_byte(in);

        name[i] = byte == 0 || byte == '/' ? 'x' : (char)byte;
    }
    name[size] = '\0';
    return size;
}

/* One bit of ours for each of the system's, written down once more. */
static unsigned changes_of(uint32_t mask)
{
    return (mask & IN_CREATE ? COIL_FILE_CREATED : 0u) |
           (mask & IN_MODIFY ? COIL_FILE_MODIFIED : 0u) |
           (mask & IN_CLOSE_WRITE ? COIL_FILE_WRITTEN : 0u) |
           (mask & IN_ATTRIB ? COIL_FILE_ATTRIBUTES : 0u) |
           (mask & IN_DELETE ? COIL_FILE_DELETED : 0u) |
           (mask & IN_MOVED_FROM ? COIL_FILE_MOVED_FROM : 0u) |
           (mask & IN_MOVED_TO ? COIL_FILE_MOVED_TO : 0u) |
           (mask & IN_DELETE_SELF ? COIL_FILE_SELF_DELETED : 0u) |
           (mask & IN_MOVE_SELF ? COIL_FILE_SELF_MOVED : 0u) |
           (mask & (IN_IGNORED | IN_UNMOUNT) ? COIL_FILE_GONE : 0u) |
           (mask & IN_Q_OVERFLOW ? COIL_FILE_OVERFLOW : 0u) |
           (mask & IN_ISDIR ? COIL_FILE_IS_DIRECTORY : 0u);
}

static void check_events(struct fuzz_input *in)
{
    struct fuzz_input again = *in;
    _Alignas(struct inotify_event) char buf[BUFFER];
    char name[MAX_NAME + 1];
    size_t end = 0;
    size_t at = 0;

    while (in->size > 0) {
        struct inotify_event event = {.wd = (int)take_byte(in) - 1};
        size_t size;

        event.mask = take_u32(in);
        event.cookie = take_u16(in);
        size = take_name(in, name);
        event.len = size > 0 ? (uint32_t)((size + 16) & ~(size_t)15) : 0;
        if (end + sizeof event + event.len > sizeof buf) {
            break;
        }
        memcpy(buf + end, &event, sizeof event);
        memset(buf + end + sizeof event, 0, event.len);
        memcpy(buf + end + sizeof event, name, size);
        end += sizeof event + event.len;
    }
    while (at < end) {
        struct coil_file_event event;

        at = coil__os_watch_event(buf, at, &event);
        FUZZ_CHECK(at <= end);
        FUZZ_CHECK(event.id == (int)take_byte(&again) - 1);
        FUZZ_CHECK(event.changes == changes_of(take_u32(&again)));
        FUZZ_CHECK(event.cookie == take_u16(&again));
        take_name(&again, name);
        FUZZ_CHECK(strcmp(event.name, name) == 0);
    }
    FUZZ_CHECK(at == end);
}

static enum coil_file_type type_of(unsigned type)
{
    return type == DT_UNKNOWN ? COIL_FILE_UNKNOWN
           : type == DT_REG   ? COIL_FILE_REGULAR
           : type == DT_DIR   ? COIL_FILE_DIRECTORY
           : type == DT_LNK   ? COIL_FILE_SYMLINK
                              : COIL_FILE_OTHER;
}

static void check_entries(struct fuzz_input *in)
{
    struct fuzz_input again = *in;
    _Alignas(struct dirent64) char buf[BUFFER];
    char name[MAX_NAME + 1];
    size_t end = 0;
    size_t at = 0;

    while (in->size > 0) {
        const size_t head = offsetof(struct dirent64, d_name);
        struct dirent64 entry = {.d_type = take_byte(in)};
        size_t size;
        size_t length;

        entry.d_ino = take_u32(in);
        size = take_name(in, name);
        length = (head + size + 8) & ~(size_t)7;
        if (end + length > sizeof buf) {
            break;
        }
        entry.d_reclen = (unsigned short)length;
        memset(buf + end, 0, length);
        memcpy(buf + end, &entry, head);
        memcpy(buf + end + head, name, size);
        end += length;
    }
    while (at < end) {
        struct coil_dir_entry entry;

        at = coil__os_dir_entry(buf, at, &entry);
        FUZZ_CHECK(at <= end);
        FUZZ_CHECK(entry.type == type_of(take_byte(&again)));
        FUZZ_CHECK(entry.inode == take_u32(&again));
        take_name(&again, name);
        FUZZ_CHECK(strcmp(entry.name, name) == 0);
    }
    FUZZ_CHECK(at == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};

    if (take_byte(&in) % 2) {
        check_entries(&in);
    } else {
        check_events(&in);
    }
    return 0;
}
