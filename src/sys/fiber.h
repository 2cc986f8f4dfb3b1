/* fiber.h - what ASan and TSan are told about coroutines; nothing, in other builds.
 *
 * Both follow a thread's stack by its bounds or its calls, so each switch is announced before it
 * happens and confirmed after it. Valgrind needs the stacks only (see stack.c).
 */
#ifndef COIL__SYS_FIBER_H
#define COIL__SYS_FIBER_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define COIL__ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COIL__ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define COIL__TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COIL__TSAN 1
#endif
#endif

#if defined(COIL__ASAN)

#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

struct coil__fiber {
    void *fake_stack;
    const void *low; /* a thread's own stack: NULL until it was first left */
    size_t size;
};

static inline void coil__fiber_init(struct coil__fiber *fiber, char *low, size_t size)
{
    fiber->fake_stack = NULL;
    fiber->low = low;
    fiber->size = size;
    /* A task that ended here left the marks of its last frames: they never returned. */
    __asan_unpoison_memory_region(low, size);
}

static inline void coil__fiber_init_thread(struct coil__fiber *fiber)
{
    pthread_attr_t attr;
    void *low;

    fiber->fake_stack = NULL;
    fiber->low = NULL;
    fiber->size = 0;
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstack(&attr, &low, &fiber->size);
        fiber->low = low;
        pthread_attr_destroy(&attr);
    }
}

static inline void coil__fiber_deinit(struct coil__fiber *fiber)
{
    __asan_unpoison_memory_region(fiber->low, fiber->size);
}

static inline void coil__fiber_leave(struct coil__fiber *from, struct coil__fiber *to)
{
    __sanitizer_start_switch_fiber(&from->fake_stack, to->low, to->size);
}

static inline void coil__fiber_finish(struct coil__fiber *from, struct coil__fiber *to)
{
    (void)from;
    __sanitizer_start_switch_fiber(NULL, to->low, to->size);
}

static inline void coil__fiber_arrived(struct coil__fiber *self)
{
    __sanitizer_finish_switch_fiber(self->fake_stack, NULL, NULL);
}

#elif defined(COIL__TSAN)

#include <sanitizer/tsan_interface.h>
#include <stdbool.h>

struct coil__fiber {
    void *handle;
    void *dead;     /* of the coroutine that ended by a switch to this one: to be destroyed */
    bool is_thread; /* the thread's own, not ours to destroy */
};

static inline void coil__fiber_init(struct coil__fiber *fiber, char *low, size_t size)
{
    (void)low;
    (void)size;
    fiber->handle = __tsan_create_fiber(0);
    fiber->dead = NULL;
    fiber->is_thread = false;
}

static inline void coil__fiber_init_thread(struct coil__fiber *fiber)
{
    fiber->handle = __tsan_get_current_fiber();
    fiber->dead = NULL;
    fiber->is_thread = true;
}

static inline void coil__fiber_deinit(struct coil__fiber *fiber)
{
    if (!fiber->is_thread && fiber->handle) {
        __tsan_destroy_fiber(fiber->handle);
        fiber->handle = NULL;
    }
}

static inline __attribute__((always_inline)) void coil__fiber_leave(struct coil__fiber *from,
                                                                    struct coil__fiber *to)
{
    (void)from;
    __tsan_switch_to_fiber(to->handle, 0);
}

/* A fiber cannot be destroyed while it runs: whoever comes next does it. */
static inline __attribute__((always_inline)) void coil__fiber_finish(struct coil__fiber *from,
                                                                     struct coil__fiber *to)
{
    to->dead = from->handle;
    from->handle = NULL;
    __tsan_switch_to_fiber(to->handle, 0);
}

static inline void coil__fiber_arrived(struct coil__fiber *self)
{
    if (self->dead) {
        __tsan_destroy_fiber(self->dead);
        self->dead = NULL;
    }
}

#else

struct coil__fiber {
    /* nothing to tell anybody */
};

static inline void coil__fiber_init(struct coil__fiber *fiber, char *low, size_t size)
{
    (void)fiber;
    (void)low;
    (void)size;
}

static inline void coil__fiber_init_thread(struct coil__fiber *fiber)
{
    (void)fiber;
}

static inline void coil__fiber_deinit(struct coil__fiber *fiber)
{
    (void)fiber;
}

static inline void coil__fiber_leave(struct coil__fiber *from, struct coil__fiber *to)
{
    (void)from;
    (void)to;
}

static inline void coil__fiber_finish(struct coil__fiber *from, struct coil__fiber *to)
{
    (void)from;
    (void)to;
}

static inline void coil__fiber_arrived(struct coil__fiber *self)
{
    (void)self;
}

#endif

#endif
