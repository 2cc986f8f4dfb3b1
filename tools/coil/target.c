/* target.c - see target.h. */
#include "target.h"

#include "layout.h"
#include "strings.h"

#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum status fail(struct failure *failure, enum status status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(failure->text, sizeof failure->text, format, args);
    va_end(args);
    failure->status = status;
    return status;
}

/* --- memory --- */

static int read_by_file(struct target *target, uint64_t address, void *to, size_t size)
{
    ssize_t n;

    if (target->file < 0) {
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/mem", target->pid);
        target->file = open(path, O_RDONLY | O_CLOEXEC);
        if (target->file < 0) {
            return -errno;
        }
    }
    if (address > INT64_MAX) {
        return -EFAULT;
    }
    n = pread(target->file, to, size, (off_t)address);
    if (n < 0) {
        return errno == EIO ? -EFAULT : -errno;
    }
    return n == (ssize_t)size ? 0 : n == 0 ? -ESRCH : -EFAULT;
}

/* The system call may be forbidden where the file is not: a container's filter of calls. */
static int read_memory(void *user, uint64_t address, void *to, size_t size)
{
    struct target *target = user;
    struct iovec here = {.iov_base = to, .iov_len = size};
    struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    ssize_t n;

    if (target->file >= 0) {
        return read_by_file(target, address, to, size);
    }
    n = process_vm_readv(target->pid, &here, 1, &there, 1, 0);
    if (n < 0 && (errno == EPERM || errno == ENOSYS)) {
        return read_by_file(target, address, to, size);
    }
    return n < 0 ? -errno : n == (ssize_t)size ? 0 : -EFAULT;
}

static size_t read_many(void *user, const struct pieces *pieces, void *to)
{
    struct target *target = user;
    struct iovec here = {.iov_base = to, .iov_len = pieces->count * pieces->size};
    struct iovec there[IOV_MAX];
    ssize_t n;

    if (target->file >= 0 || pieces->count > IOV_MAX) {
        return 0;
    }
    for (size_t i = 0; i < pieces->count; i++) {
        there[i].iov_base = (void *)(uintptr_t)pieces->addresses[i];
        there[i].iov_len = pieces->size;
    }
    n = process_vm_readv(target->pid, &here, 1, there, pieces->count, 0);
    return n > 0 ? (size_t)n / pieces->size : 0;
}

/* --- what /proc says --- */

static FILE *open_proc(const struct target *target, const char *name)
{
    char path[80];

    snprintf(path, sizeof path, "/proc/%d/%s", target->pid, name);
    return fopen(path, "re");
}

static bool is_line(const char *line, const char *key, const char **ret_value)
{
    size_t size = strlen(key);

    *ret_value = line + size + strspn(line + size, " \t");
    return strncmp(line, key, size) == 0;
}

static void take_line(struct target *target, const char *line)
{
    const char *value;

    if (is_line(line, "Name:", &value)) {
        snprintf(target->name, sizeof target->name, "%.*s", (int)strcspn(value, "\n"), value);
        strings_clean(target->name);
    } else if (is_line(line, "State:", &value)) {
        target->state = *value;
    } else if (is_line(line, "TracerPid:", &value)) {
        target->tracer = (int)strtol(value, NULL, 10);
    } else if (is_line(line, "Uid:", &value)) {
        target->uid = (unsigned)strtoul(value, NULL, 10);
    } else if (is_line(line, "NSpid:", &value)) {
        const char *last = value + strcspn(value, "\n");

        while (last > value && last[-1] >= '0' && last[-1] <= '9') {
            last--;
        }
        target->inner_pid = (int)strtol(last, NULL, 10);
    }
}

static enum status gone(const struct target *target, struct failure *failure)
{
    return fail(failure, STATUS_GONE, "%s (%d) has ended", target->name, target->pid);
}

enum status target_refresh(struct target *target, struct failure *failure)
{
    FILE *file = open_proc(target, "status");
    char line[512];

    if (!file) {
        return target->name[0] ? gone(target, failure)
                               : fail(failure, STATUS_GONE, "there is no process %d", target->pid);
    }
    target->inner_pid = target->pid;
    while (fgets(line, sizeof line, file)) {
        take_line(target, line);
    }
    fclose(file);
    if (target->state == 'Z' || target->state == 'X') {
        return gone(target, failure);
    }
    return STATUS_OK;
}

/* The kernel tells this only of a thread that sleeps: nothing is stopped for it. */
static bool read_place(const struct target *target, long thread, uint64_t *ret_sp, uint64_t *ret_pc)
{
    char name[40];
    char line[512] = "";
    const char *word;
    FILE *file;

    snprintf(name, sizeof name, "task/%ld/syscall", thread);
    file = open_proc(target, name);
    if (!file) {
        return false;
    }
    word = fgets(line, sizeof line, file);
    fclose(file);
    for (int i = 0; i < 7 && word; i++) { /* the number of the call, and six arguments */
        word = strchr(word, ' ');
        word = word ? word + 1 : NULL;
    }
    return word && sscanf(word, "%" SCNx64 " %" SCNx64, ret_sp, ret_pc) == 2;
}

static bool find_thread(void *user, uint64_t low, uint64_t high, uint64_t *ret_sp, uint64_t *ret_pc)
{
    const struct target *target = user;
    char path[64];
    DIR *folder;
    const struct dirent *entry;
    bool is_found = false;

    snprintf(path, sizeof path, "/proc/%d/task", target->pid);
    folder = opendir(path);
    while (folder && !is_found && (entry = readdir(folder))) {
        long thread = strtol(entry->d_name, NULL, 10);
        uint64_t sp, pc;

        if (thread > 0 && read_place(target, thread, &sp, &pc) && sp >= low && sp < high) {
            *ret_sp = sp;
            *ret_pc = pc;
            is_found = true;
        }
    }
    if (folder) {
        closedir(folder);
    }
    return is_found;
}

/* --- why not --- */

static int ptrace_scope(void)
{
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    int scope = 0;

    if (file) {
        scope = fgetc(file) - '0';
        fclose(file);
    }
    return scope;
}

static enum status refuse(const struct target *target, struct failure *failure)
{
    int scope = ptrace_scope();

    if (geteuid() != 0 && target->uid != geteuid()) {
        return fail(failure, STATUS_REFUSED,
                    "%s (%d) belongs to another user (%u): only that user, or root, may look at "
                    "it; try sudo",
                    target->name, target->pid, target->uid);
    }
    if (scope == 3) {
        return fail(failure, STATUS_REFUSED,
                    "nobody may look into %s (%d): kernel.yama.ptrace_scope is 3, and only a "
                    "reboot changes that",
                    target->name, target->pid);
    }
    if (geteuid() != 0 && scope > 0) {
        return fail(failure, STATUS_REFUSED,
                    "no permission to look into %s (%d): kernel.yama.ptrace_scope is %d; try "
                    "sudo%s",
                    target->name, target->pid, scope,
                    scope == 1 ? ", or, until the next boot, sysctl kernel.yama.ptrace_scope=0"
                               : "");
    }
    return fail(failure, STATUS_REFUSED, "no permission to look into %s (%d): %s", target->name,
                target->pid,
                geteuid() == 0 ? "in a container, it takes CAP_SYS_PTRACE"
                               : "it has more rights than its user, or forbids it; try sudo");
}

enum status target_explain(struct target *target, int error, struct failure *failure)
{
    enum status status = target_refresh(target, failure);

    if (status != STATUS_OK) {
        return status;
    }
    if (error == -EPERM || error == -EACCES) {
        return refuse(target, failure);
    }
    if (error == -ESRCH) {
        return fail(failure, STATUS_GONE, "%s (%d) is ending", target->name, target->pid);
    }
    if (error == -ENOMEM) {
        return fail(failure, STATUS_FAILED, "there is not enough memory");
    }
    return fail(failure, STATUS_FAILED,
                "%s (%d) changes faster than it can be read, or its memory "
                "is damaged: try again",
                target->name, target->pid);
}

/* --- what is loaded --- */

static void forget_objects(struct target *target)
{
    for (size_t i = 0; i < target->object_count; i++) {
        coil__free(target->objects[i].path);
    }
    coil__free(target->objects);
    target->objects = NULL;
    target->object_count = 0;
}

static int add_object(struct target *target, uint64_t start, const char *path)
{
    struct object *grown =
        coil__realloc_array(target->objects, target->object_count + 1, sizeof *grown);
    size_t size = strcspn(path, "\n") + 1;

    if (!grown) {
        return -ENOMEM;
    }
    target->objects = grown;
    grown[target->object_count].path = coil__calloc(1, size);
    if (!grown[target->object_count].path) {
        return -ENOMEM;
    }
    memcpy(grown[target->object_count].path, path, size - 1);
    grown[target->object_count++].start = start;
    return 0;
}

/* Of a file, its first mapping is at offset 0: there are its headers. */
static int read_maps(struct target *target)
{
    FILE *file = open_proc(target, "maps");
    char *line = NULL;
    size_t size = 0;
    int rc = file ? 0 : -errno;

    forget_objects(target);
    while (rc == 0 && getline(&line, &size, file) > 0) {
        uint64_t start, offset;
        int path = 0;

        if (sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64 " %*s %*s %n", &start, &offset, &path) ==
                2 &&
            offset == 0 && path > 0 && line[path] == '/') {
            rc = add_object(target, start, line + path);
        }
    }
    free(line);
    if (file) {
        fclose(file);
    }
    return rc;
}

enum status target_open(struct target *target, int pid, struct failure *failure)
{
    enum status status;

    *target = (struct target){.pid = pid, .file = -1};
    target->memory = (struct memory){
        .read = read_memory, .read_many = read_many, .find_thread = find_thread, .user = target};
    status = target_refresh(target, failure);
    return status;
}

void target_close(struct target *target)
{
    if (target->file >= 0) {
        close(target->file);
    }
    target->file = -1;
    forget_objects(target);
}

/* A process without a program is one of the kernel's, or it is ending: that takes a moment. */
static enum status explain_emptiness(struct target *target, struct failure *failure)
{
    const struct timespec moment = {.tv_nsec = 2 * 1000 * 1000};

    for (int i = 0; i < 100; i++) {
        enum status status = target_refresh(target, failure);

        if (status != STATUS_OK) {
            return status;
        }
        nanosleep(&moment, NULL);
    }
    return fail(failure, STATUS_NO_COIL,
                "%s (%d) has no program in memory: it belongs to the kernel, or does not come to "
                "its end",
                target->name, target->pid);
}

enum status target_find_layouts(struct target *target, struct coil__layout *ret_layouts,
                                size_t *ret_count, struct failure *failure)
{
    int rc = read_maps(target);
    struct layout_finding finding = {.layouts = ret_layouts, .max = MAX_LAYOUTS};

    if (rc == 0 && target->object_count == 0) {
        return explain_emptiness(target, failure);
    }
    for (size_t i = 0; i < target->object_count && rc == 0; i++) {
        rc = layout_find(&target->memory, target->objects[i].start, &finding);
        rc = rc == -EFAULT ? 0 : rc; /* a file of data, or one that has just been unmapped */
    }
    if (rc < 0) {
        return target_explain(target, rc, failure);
    }
    *ret_count = finding.count;
    if (finding.count > 0) {
        return STATUS_OK;
    }
    if (finding.other_version != 0) {
        return fail(failure, STATUS_OTHER_VERSION,
                    "%s (%d) has another version of libcoil (layout %u; this program knows %u): "
                    "use the coil that was installed with it",
                    target->name, target->pid, finding.other_version,
                    (unsigned)COIL__LAYOUT_VERSION);
    }
    return fail(failure, STATUS_NO_COIL,
                "there is no libcoil in %s (%d), or only one from before version 0.1", target->name,
                target->pid);
}
