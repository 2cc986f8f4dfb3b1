/* coil/base.h - what every other public header stands on: visibility, markers, time units.
 *
 * Conventions that hold in all headers (they are not repeated there):
 *   - a function that can fail returns a negative error (see coil/error.h), never through errno;
 *   - outputs are named ret_x and are untouched on failure;
 *   - time is int64_t nanoseconds of the monotonic clock; a point in time is named `when`,
 *     a span of time ends in `_ns`;
 *   - unless a function says "any thread", it belongs to the thread that runs the loop;
 *   - COIL_SUSPENDS marks a function that may let other tasks run before it returns. Such a
 *     function must be called from a task; it fails at once in a cancelled task or scope.
 *   - fields that end in an underscore are private.
 */
#ifndef COIL_BASE_H
#define COIL_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
#define COIL_BEGIN_DECLS extern "C" {
#define COIL_END_DECLS }
#else
#define COIL_BEGIN_DECLS
#define COIL_END_DECLS
#endif

#define COIL_EXPORT __attribute__((visibility("default")))

/* The function may suspend the calling task. */
#define COIL_SUSPENDS

/* Library version, for #if. At run time: coil_version(). */
#define COIL_VERSION_MAJOR 0
#define COIL_VERSION_MINOR 1
#define COIL_VERSION_PATCH 0

/* Spans of time in nanoseconds. `2 * COIL_SEC` is two seconds. */
#define COIL_NSEC INT64_C(1)
#define COIL_USEC (1000 * COIL_NSEC)
#define COIL_MSEC (1000 * COIL_USEC)
#define COIL_SEC (1000 * COIL_MSEC)
#define COIL_MINUTE (60 * COIL_SEC)

/* "No deadline": later than every point in time. */
#define COIL_NEVER INT64_MAX

/* A place in the source. Kept by tasks (where they were created) and by cancels (who asked). */
struct coil_site {
    const char *file;
    const char *func;
    int line;
};

/* The place where this macro stands; a pointer to static storage. */
#define COIL_HERE                                                                                  \
    (__extension__({                                                                               \
        static const struct coil_site coil_here_ = {__FILE__, __func__, __LINE__};                 \
        /* Through a variable: in an initialiser clang drops the values otherwise. */              \
        const struct coil_site *coil_site_ = &coil_here_;                                          \
        coil_site_;                                                                                \
    }))

/* Internal: links that public structs embed. All-zero: linked nowhere. */
struct coil__list {
    struct coil__list *next;
    struct coil__list *prev;
};

struct coil__heap_node {
    uint64_t seq;   /* order of insertion, breaks ties; valid while in the heap */
    uint32_t place; /* 1 + index in the array; 0: in no heap */
};

/* Internal: something that the loop runs once, in the next iteration. */
struct coil__ready {
    struct coil__ready *next; /* in a queue of the loop's */
    void (*run)(struct coil__ready *ready);
};

/* Internal: something that happens at a point in time. */
struct coil__timer {
    struct coil__heap_node node;
    int64_t when; /* valid while in the heap */
    void (*fire)(struct coil__timer *timer);
};

struct coil_task;

/* Internal: what a group or a gather is to its tasks; told when one has ended, before it goes. */
struct coil__owner {
    void (*child_done)(struct coil__owner *owner, struct coil_task *task);
    struct coil_task *leader; /* for reports: who waits for them, or will; NULL: no task does */
    bool is_awaited;          /* the leader waits for their ends now */
};

/* Internal: the initialiser of an all-zero struct. */
#ifdef __cplusplus
#define COIL__ZERO                                                                                 \
    {                                                                                              \
    }
#else
#define COIL__ZERO                                                                                 \
    {                                                                                              \
        0                                                                                          \
    }
#endif

/* Internal: a name that is unique on its line, for the block macros. */
#define COIL__CONCAT2(a, b) a##b
#define COIL__CONCAT(a, b) COIL__CONCAT2(a, b)
#define COIL__UNIQUE(name) COIL__CONCAT(name, __LINE__)

COIL_BEGIN_DECLS

/* The version of the running library, as "MAJOR.MINOR.PATCH"; static storage. Any thread. */
COIL_EXPORT const char *coil_version(void);

COIL_END_DECLS

#endif
