/* What a test leaves behind: memory, mappings, descriptors, threads.
 *
 * Allocations of the library and the test go through the wrappers below into a hash set of live
 * blocks; a free of a block that is not in it (glibc made it) is passed on and ignored. Mappings
 * are counted in bytes. Under ThreadSanitizer the blocks are not recorded, because the set's lock
 * would order threads that the library does not order, and so hide races.
 */
#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "fault_internal.h"
#include "internal.h"

#define TRACE_DEPTH 12
#define MAX_FDS 65536

struct block {
    uintptr_t hidden; /* ~address, so that no leak checker takes it for a reference; 0: free */
    size_t size;
    uint64_t number;         /* the how manieth allocation it was */
    void *site[TRACE_DEPTH]; /* its call stack, if traced */
};

/* Open addressing, linear probing, at most half full. */
static struct {
    pthread_mutex_t lock;
    struct block *slots;
    size_t capacity; /* a power of two */
    size_t count;
    size_t bytes;
    atomic_bool enabled; /* threads that a loop left behind may look at it at any time */
    bool trace;
} set = {.lock = PTHREAD_MUTEX_INITIALIZER};

static atomic_uint_fast64_t alloc_count;
static atomic_llong mapped_bytes;
static atomic_int bad_close_fd = -1;
static atomic_bool bad_close;

static struct {
    bool leaks, fds, threads, bad_close;
} allowed;

static struct {
    unsigned char fds[MAX_FDS / 8]; /* open when the test began */
    int threads;
} before;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__real_reallocarray(void *ptr, size_t count, size_t size);
void __real_free(void *ptr);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **ret_ptr, size_t alignment, size_t size);
void *__real_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
void *__real_mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *addr, size_t size);
int __real_close(int fd);
struct coil_frame;
size_t __real_coil__symbols_find_lines(uintptr_t pc, struct coil_frame *ret_frames, size_t max);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void *__wrap_reallocarray(void *ptr, size_t count, size_t size);
void __wrap_free(void *ptr);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret_ptr, size_t alignment, size_t size);
void *__wrap_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *addr, size_t size);
int __wrap_close(int fd);
size_t __wrap_coil__symbols_find_lines(uintptr_t pc, struct coil_frame *ret_frames, size_t max);

/* The calling thread reads tables of symbols, which are kept for the process: no leak. */
static _Thread_local bool reads_symbols;

void test_allow_leaks(void)
{
    allowed.leaks = true;
}

void test_allow_open_fds(void)
{
    allowed.fds = true;
}

void test_allow_threads(void)
{
    allowed.threads = true;
}

void test_allow_bad_close(void)
{
    allowed.bad_close = true;
}

/* ---- the set ---- */

static size_t slot_of(uintptr_t hidden)
{
    return (size_t)((hidden >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (set.capacity - 1);
}

static struct block *lookup(uintptr_t hidden)
{
    for (size_t i = slot_of(hidden);; i = (i + 1) & (set.capacity - 1)) {
        if (set.slots[i].hidden == hidden || set.slots[i].hidden == 0) {
            return &set.slots[i];
        }
    }
}

static void grow(void)
{
    struct block *old = set.slots;
    size_t old_capacity = set.capacity;

    set.capacity = old_capacity ? 2 * old_capacity : 4096;
    set.slots = __real_mmap(NULL, set.capacity * sizeof *set.slots, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (set.slots == MAP_FAILED) {
        fprintf(stderr, "harness: no memory to record allocations\n");
        abort();
    }
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].hidden) {
            *lookup(old[i].hidden) = old[i];
        }
    }
    if (old) {
        __real_munmap(old, old_capacity * sizeof *old);
    }
}

static void record(void *ptr, size_t size)
{
    uint64_t number = 1 + atomic_fetch_add_explicit(&alloc_count, 1, memory_order_relaxed);
    struct block block = {.hidden = ~(uintptr_t)ptr, .size = size, .number = number};

    if (!ptr || !atomic_load_explicit(&set.enabled, memory_order_relaxed)) {
        return;
    }
    if (set.trace) {
        backtrace(block.site, TRACE_DEPTH);
    }
    pthread_mutex_lock(&set.lock);
    if (2 * (set.count + 1) > set.capacity) {
        grow();
    }
    *lookup(block.hidden) = block;
    set.count++;
    set.bytes += size;
    pthread_mutex_unlock(&set.lock);
}

/* Takes the block out, and moves those behind it up that would not be found any more. */
static void forget(void *ptr)
{
    if (!ptr || !atomic_load_explicit(&set.enabled, memory_order_relaxed)) {
        return;
    }
    pthread_mutex_lock(&set.lock);
    struct block *hole = set.capacity ? lookup(~(uintptr_t)ptr) : NULL;
    if (hole && hole->hidden) {
        set.count--;
        set.bytes -= hole->size;
        hole->hidden = 0;
        size_t at = (size_t)(hole - set.slots);
        for (size_t i = (at + 1) & (set.capacity - 1); set.slots[i].hidden;
             i = (i + 1) & (set.capacity - 1)) {
            size_t home = slot_of(set.slots[i].hidden);
            if (((i - home) & (set.capacity - 1)) >= ((i - at) & (set.capacity - 1))) {
                set.slots[at] = set.slots[i];
                set.slots[i].hidden = 0;
                at = i;
            }
        }
    }
    pthread_mutex_unlock(&set.lock);
}

static void lock_set(void)
{
    pthread_mutex_lock(&set.lock);
}

static void unlock_set(void)
{
    pthread_mutex_unlock(&set.lock);
}

size_t test_live_bytes(void)
{
    lock_set();
    size_t bytes = set.bytes;
    unlock_set();
    return bytes;
}

size_t test_live_blocks(void)
{
    lock_set();
    size_t count = set.count;
    unlock_set();
    return count;
}

uint64_t test_alloc_count(void)
{
    return atomic_load_explicit(&alloc_count, memory_order_relaxed);
}

/* ---- allocators ---- */

void *__wrap_malloc(size_t size)
{
    if (fault_gate_alloc("malloc")) {
        errno = ENOMEM;
        return NULL;
    }
    void *ptr = __real_malloc(size);
    record(ptr, size);
    return ptr;
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (fault_gate_alloc("calloc")) {
        errno = ENOMEM;
        return NULL;
    }
    void *ptr = __real_calloc(count, size);
    record(ptr, count * size);
    return ptr;
}

void *__wrap_realloc(void *ptr, size_t size)
{
    if (fault_gate_alloc("realloc")) {
        errno = ENOMEM;
        return NULL;
    }
    uintptr_t old = (uintptr_t)ptr;
    forget(ptr);
    void *grown = __real_realloc(ptr, size);
    record(grown || size == 0 ? grown : (void *)old, size);
    return grown;
}

void *__wrap_reallocarray(void *ptr, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return __wrap_realloc(ptr, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    if (fault_gate_alloc("aligned_alloc")) {
        errno = ENOMEM;
        return NULL;
    }
    void *ptr = __real_aligned_alloc(alignment, size);
    record(ptr, size);
    return ptr;
}

int __wrap_posix_memalign(void **ret_ptr, size_t alignment, size_t size)
{
    int error = fault_gate_alloc("posix_memalign");

    if (!error) {
        error = __real_posix_memalign(ret_ptr, alignment, size);
    }
    if (!error) {
        record(*ret_ptr, size);
    }
    return error;
}

void __wrap_free(void *ptr)
{
    forget(ptr);
    __real_free(ptr);
}

/* ---- mappings and descriptors ---- */

static long long whole_pages(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (long long)((size + page - 1) / page * page);
}

static void *map(void *addr, size_t size, int prot, int flags, int fd, off_t offset, int index)
{
    int fault = fault_gate((unsigned)index);
    if (fault) {
        errno = fault;
        return MAP_FAILED;
    }
    void *ptr = __real_mmap64(addr, size, prot, flags, fd, offset);
    /* What is mapped over something replaces it, byte for byte. */
    if (ptr != MAP_FAILED && !(flags & MAP_FIXED) && !reads_symbols) {
        atomic_fetch_add_explicit(&mapped_bytes, whole_pages(size), memory_order_relaxed);
    }
    return ptr;
}

void *__wrap_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
    return map(addr, size, prot, flags, fd, offset, FAULT_mmap);
}

void *__wrap_mmap64(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
    return map(addr, size, prot, flags, fd, offset, FAULT_mmap64);
}

int __wrap_munmap(void *addr, size_t size)
{
    int rc = __real_munmap(addr, size);

    if (rc == 0 && !reads_symbols) {
        atomic_fetch_sub_explicit(&mapped_bytes, whole_pages(size), memory_order_relaxed);
    }
    return rc;
}

int __wrap_close(int fd)
{
    int rc = __real_close(fd);

    /* A negative number is no mistake of a test that goes on after a fault. */
    if (rc < 0 && errno == EBADF && (fd >= 0 || !fault_was_injected())) {
        atomic_store_explicit(&bad_close_fd, fd, memory_order_relaxed);
        atomic_store_explicit(&bad_close, true, memory_order_relaxed);
    }
    /* libbacktrace closes once more what it was told it could not close. */
    int fault = rc < 0 || reads_symbols ? 0 : fault_gate(FAULT_close);
    if (fault) { /* it is closed in spite of that, as on Linux */
        errno = fault;
        return -1;
    }
    return rc;
}

size_t __wrap_coil__symbols_find_lines(uintptr_t pc, struct coil_frame *ret_frames, size_t max)
{
    size_t count;

    reads_symbols = true;
    count = __real_coil__symbols_find_lines(pc, ret_frames, max);
    reads_symbols = false;
    return count;
}

/* ---- before and after ---- */

/* Calls fn for each number that is a name in the directory. */
static void for_each_number(const char *path, void (*fn)(int number, void *user), void *user)
{
    DIR *dir = opendir(path);

    if (!dir) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char *end;
        long number = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && *end == '\0' && number != dirfd(dir)) {
            fn((int)number, user);
        }
    }
    closedir(dir);
}

static void note_fd(int fd, void *user)
{
    (void)user;
    if (fd < MAX_FDS) {
        before.fds[fd / 8] |= (unsigned char)(1 << fd % 8);
    }
}

static void count_one(int number, void *user)
{
    (void)number;
    ++*(int *)user;
}

static int count_threads(void)
{
    int count = 0;

    for_each_number("/proc/self/task", count_one, &count);
    return count;
}

void leak_begin(bool trace)
{
    static bool atfork_set;

    if (!atfork_set) {
        pthread_atfork(lock_set, unlock_set, unlock_set);
        atfork_set = true;
    }
    if (trace) {
        void *frame[1];
        backtrace(frame, 1); /* it allocates the first time */
    }
    memset(&before, 0, sizeof before);
    memset(&allowed, 0, sizeof allowed);
    for_each_number("/proc/self/fd", note_fd, NULL);
    before.threads = count_threads();
    set.trace = trace;
    if (set.slots) {
        memset(set.slots, 0, set.capacity * sizeof *set.slots);
    }
    set.count = 0;
    set.bytes = 0;
    atomic_store_explicit(&set.enabled, !HARNESS_TSAN, memory_order_relaxed);
    atomic_store(&mapped_bytes, 0);
    atomic_store(&bad_close, false);
}

static void report_fd(int fd, void *user)
{
    char link[64];
    char target[256] = "";

    if (fd >= MAX_FDS || before.fds[fd / 8] & (1 << fd % 8)) {
        return;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, target, sizeof target - 1) < 0) {
        snprintf(target, sizeof target, "?");
    }
    fprintf(stderr, "leak: descriptor %d is still open: %s\n", fd, target);
    *(bool *)user = true;
}

/* The program's own image, as the linker calls its start. */
extern const char __executable_start[];
extern const char etext[];

static void print_stack(const struct block *block)
{
    char command[TRACE_DEPTH * 20 + 64];
    int len = snprintf(command, sizeof command, "addr2line -fpsie /proc/%d/exe", (int)getpid());

    /* The first two frames are ours; each is a return address, and so one too far. */
    for (int i = 2; i < TRACE_DEPTH && block->site[i]; i++) {
        const char *at = (const char *)block->site[i] - 1;
        if (at >= __executable_start && at < etext) {
            len += snprintf(command + len, sizeof command - (size_t)len, " %#zx",
                            (size_t)(at - __executable_start));
        }
    }
    fflush(NULL);
    if (block->site[2] && system(command) != 0) {
        backtrace_symbols_fd((void *const *)block->site + 2, TRACE_DEPTH - 2, STDERR_FILENO);
    }
}

static bool report_blocks(void)
{
    int shown = 0;

    if (set.count == 0) {
        return false;
    }
    fprintf(stderr, "leak: %zu bytes in %zu allocations are still there\n", set.bytes, set.count);
    for (size_t i = 0; i < set.capacity && shown < 10; i++) {
        const struct block *block = &set.slots[i];
        if (block->hidden) {
            fprintf(stderr, "  %zu bytes, allocation number %llu, at %p\n", block->size,
                    (unsigned long long)block->number, (void *)~block->hidden);
            print_stack(block);
            shown++;
        }
    }
    if (!set.trace) {
        fprintf(stderr, "  (--trace shows where they were allocated)\n");
    }
    return true;
}

/* A thread that was joined may be seen for a moment longer. */
static bool report_threads(void)
{
    int now = count_threads();

    for (int i = 0; i < 1000 && now > before.threads; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        now = count_threads();
    }
    if (now > before.threads) {
        fprintf(stderr, "leak: %d threads are still running\n", now - before.threads);
    }
    return now > before.threads;
}

/* LeakSanitizer, where it is linked in. */
__attribute__((weak)) int __lsan_do_recoverable_leak_check(void);

bool leak_end(void)
{
    bool found = false;

    /* ThreadSanitizer starts threads of its own when it likes. */
    if (!allowed.threads && !HARNESS_TSAN) {
        found |= report_threads();
    }
    atomic_store_explicit(&set.enabled, false, memory_order_relaxed);
    if (!allowed.fds) {
        for_each_number("/proc/self/fd", report_fd, &found);
    }
    if (!allowed.leaks) {
        found |= report_blocks();
        long long mapped = atomic_load(&mapped_bytes);
        if (mapped != 0) {
            fprintf(stderr, "leak: %lld bytes of mappings are still there\n", mapped);
            found = true;
        }
        if (HARNESS_ASAN && __lsan_do_recoverable_leak_check) {
            found |= __lsan_do_recoverable_leak_check() != 0;
        }
    }
    if (!allowed.bad_close && atomic_load(&bad_close)) {
        fprintf(stderr, "close(%d): a descriptor that was not open was closed\n",
                atomic_load(&bad_close_fd));
        found = true;
    }
    return found;
}
