/* observe.c - see observe.h. */
#include "sys/observe.h"

#include "sys/retry.h"
#include "sys/unchecked.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE = 512, ARGUMENTS = 6 };

void coil__observe_self(struct coil__observed *ret_thread)
{
    pthread_attr_t attr;
    void *low;
    size_t size;

    *ret_thread = (struct coil__observed){.id = gettid()};
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        if (pthread_attr_getstack(&attr, &low, &size) == 0) {
            ret_thread->stack_low = (uintptr_t)low;
            ret_thread->stack_high = (uintptr_t)low + size;
        }
        pthread_attr_destroy(&attr);
    }
    ret_thread->has_cpu_clock = pthread_getcpuclockid(pthread_self(), &ret_thread->cpu_clock) == 0;
}

int64_t coil__observe_cpu(const struct coil__observed *thread)
{
    struct timespec ts;

    if (!thread->has_cpu_clock || clock_gettime(thread->cpu_clock, &ts) < 0) {
        return -1;
    }
    return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* The first bytes of one of the thread's files; empty: not to be had. */
static void read_file(const struct coil__observed *thread, const char *name, char text[LINE])
{
    char path[64];
    ssize_t size;
    int fd;

    text[0] = '\0';
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", thread->id, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    size = RETRY(read(fd, text, LINE - 1));
    text[size > 0 ? size : 0] = '\0';
    close(fd);
}

/* The letter behind the name, which stands in parentheses and may have some itself. */
static char read_state(const struct coil__observed *thread)
{
    char text[LINE];
    const char *end;

    read_file(thread, "stat", text);
    end = strrchr(text, ')');
    return end && end[1] == ' ' ? end[2] : '\0';
}

static bool is_event_wait(long number)
{
    switch (number) {
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
#ifdef SYS_poll
    case SYS_poll:
#endif
#ifdef SYS_epoll_pwait2
    case SYS_epoll_pwait2:
#endif
    case SYS_epoll_pwait:
    case SYS_ppoll:
    case SYS_io_uring_enter:
        return true;
    default:
        return false;
    }
}

/* The next number, decimal or, behind 0x, hexadecimal; 0 where there is none. */
static uint64_t read_number(const char **at)
{
    const char *text = *at + strspn(*at, " ");
    unsigned base = strncmp(text, "0x", 2) == 0 ? 16 : 10;
    uint64_t value = 0;

    text += base == 16 ? 2 : 0;
    for (; (*text >= '0' && *text <= '9') || (base == 16 && *text >= 'a' && *text <= 'f'); text++) {
        value = value * base + (uint64_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    }
    *at = text;
    return value;
}

/* "NUMBER ARGUMENT... SP PC"; outside of a call, "-1 SP PC". */
static void read_call(const char *text, struct coil__sight *sight)
{
    bool is_call = text[0] != '-';

    if (is_call) {
        sight->waits_for_events = is_event_wait((long)read_number(&text));
    } else {
        text += strcspn(text, " ");
    }
    for (int i = 0; is_call && i < ARGUMENTS; i++) {
        read_number(&text);
    }
    sight->place.sp = (uintptr_t)read_number(&text);
    sight->place.pc = (uintptr_t)read_number(&text);
    sight->has_place = sight->place.sp != 0 && sight->place.pc != 0;
}

void coil__observe(const struct coil__observed *thread, struct coil__sight *ret_sight)
{
    char text[LINE];

    *ret_sight = (struct coil__sight){0};
    switch (read_state(thread)) {
    case '\0':
        return;
    case 'T':
    case 't':
        ret_sight->state = COIL__SIGHT_STOPPED;
        return;
    case 'R':
        ret_sight->state = COIL__SIGHT_RUNS;
        return;
    default:
        read_file(thread, "syscall", text);
        if (text[0] == '\0') {
            return; /* it is not for us to read: a process that has changed its user */
        }
        if (strncmp(text, "running", 7) == 0) {
            ret_sight->state = COIL__SIGHT_RUNS;
            return;
        }
        ret_sight->state = COIL__SIGHT_WAITS;
        read_call(text, ret_sight);
    }
}

COIL__UNCHECKED void coil__stack_copy(uintptr_t low, uintptr_t high, char *copy, size_t size,
                                      struct coil__stack_view *ret_view)
{
    const volatile uintptr_t *from;
    uintptr_t *to = (uintptr_t *)(void *)copy;

    low &= ~(uintptr_t)(sizeof *from - 1);
    from = (const volatile uintptr_t *)low;
    if (high - low > size) {
        high = low + size;
    }
    for (size_t i = 0; i < (high - low) / sizeof *from; i++) {
        to[i] = from[i];
    }
    *ret_view = (struct coil__stack_view){.low = low, .high = high, .memory = copy};
}
