/* task.h - the inside of a task, and how tasks wait and are woken.
 *
 * The struct stands at the top of the task's own stack, so that a task that waits costs one page.
 * Stack memory stays mapped as long as the loop lives: a stale handle (base/handle.h) can be looked
 * at safely.
 */
#ifndef COIL__TASK_TASK_H
#define COIL__TASK_TASK_H

#include "base/handle.h"
#include "loop/loop.h"

#include <coil/scope.h>
#include <coil/task.h>

#include <errno.h>
#include <stdatomic.h>

enum { COIL__TASK_NAME = 32 };

/* The name of a task that was given none; COIL__TASK_NAME bytes. */
void coil__task_usual_name(char *name, uint64_t id);

enum coil__task_state {
    COIL__TASK_FREE, /* zeroed memory, or ended and given back */
    COIL__TASK_NEW,  /* has not run yet */
    COIL__TASK_LIVE, /* runs, is ready, or waits (then `wait` is set) */
    COIL__TASK_ENDING,
    COIL__TASK_DONE, /* ended, and somebody still holds the handle */
};

enum coil__task_owner {
    COIL__OWNED_BY_USER,   /* the handle was not consumed */
    COIL__OWNED_BY_AWAIT,  /* at least one task awaits it */
    COIL__OWNED_BY_NOBODY, /* detached */
    COIL__OWNED_BY_OBJECT, /* `owner` is told of its end */
};

/* What a suspended task waits for; on its stack. */
struct coil__wait {
    /* Called when the task is cancelled: makes the wait end, now or soon, by coil__task_wake.
     * NULL: the wait cannot be cut short. */
    void (*interrupt)(struct coil_task *task, struct coil__wait *wait);
    const char *what; /* "sleep", "recv", ... for reports */
};

/* Told when a task has ended; in the task's waiters. */
struct coil__waiter {
    struct coil__list link;
    void (*notify)(struct coil__waiter *waiter, struct coil_task *task);
    struct coil_task *const *waiting; /* for reports: who waits by it (may be NULL); or NULL */
};

/* A task that awaits another one; on its stack. */
struct coil__awaiter {
    struct coil__list link; /* in the awaited task's `awaiters`, but for the first one */
    struct coil__wait wait;
    struct coil_task *self;
    struct coil_task *target; /* NULL once it has ended */
    int rc;                   /* the target's result, valid once target is NULL */
    bool is_shielded;
    bool has_cancelled; /* was interrupted; either waits for the target's end, or has left */
};

/* Why the end of a task takes more than to tell the one who awaits it. */
enum coil__task_mark {
    COIL__TASK_QUIET = 1,  /* nobody reports its error when it ends unawaited */
    COIL__TASK_MARKED = 2, /* cancelled, named, has locals, further waiters or a stack of its own
                              size: something is to be tidied up */
};

struct coil__locals;

struct coil_task {
    /* What every switch and every wait touches: one cache line. */
    struct coil__coro coro;
    struct coil__ready ready; /* in the loop's queues while ready to run */
    struct coil_loop *loop;
    struct coil_scope *scope; /* the innermost open one; at least &root */
    uint8_t state;            /* enum coil__task_state */
    uint8_t generation;       /* the low bits of handles; counts uses of this memory */
    uint8_t owner_kind;       /* enum coil__task_owner */
    uint8_t marks;            /* of enum coil__task_mark */
    int rc;                   /* what fn returned; valid from ENDING on */
    coil_task_fn fn;
    void *arg;
    uint64_t id;
    const struct coil_site *site;
    struct coil__stack stack;    /* kept while FREE */
    struct coil_task *next_free; /* while in loop->free_tasks */
    struct coil__owner *owner;   /* valid while OWNED_BY_OBJECT */
    size_t owner_index;          /* free for the owner's use */
    /* From here to the first byte of the name: zero while FREE, and as the task begins. */
    struct coil_scope *cancel;     /* the scope whose error suspending calls return; or NULL */
    struct coil__wait *wait;       /* while suspended, except in coil_yield */
    struct coil__awaiter *awaiter; /* the first one that awaits the task: mostly there is one */
    struct coil__list awaiters;    /* of coil__awaiter, further ones; next == NULL: never had any */
    struct coil__list waiters;     /* of coil__waiter; next == NULL: never had any */
    struct coil__locals *locals;   /* NULL: nothing was ever set */
    struct coil__list owner_link;  /* free for the owner's use */
    void *started;                 /* group.c: who waits for coil_task_ready */
    char name[COIL__TASK_NAME];    /* "" until it is given or asked for */
    struct coil_scope root;        /* cleared too; only a cancel changes it */
    int64_t since;                 /* in debug mode, while `wait` is set: when that began */
    int64_t ready_at; /* while that is metered: since when it is ready; 0: is not, or not noted */
} __attribute__((aligned(COIL__HANDLE_ALIGN)));

/* The `run` of a task's ready node, and how it is recognised. */
void coil__task_run(struct coil__ready *ready);

/* For a task that gives way, to what is no task or one in debug mode: where to go. NULL: the task
 * itself is next. */
struct coil__coro *coil__task_next(struct coil_task *self, struct coil__ready *next);

static inline struct coil_task *coil__task_handle(struct coil_task *task)
{
    return coil__handle_make(task, task->generation, task->loop->mark);
}

/* As coil__task_look, for all cases. -COIL_ESTALE: *ret_task can be looked at nevertheless. */
int coil__task_check(struct coil_task *handle, struct coil_task **ret_task);
/* Passes on why the handle cannot be used, or not for this; in debug mode with a sentence. */
int coil__task_refuse(int rc, struct coil_task *handle) __attribute__((cold));

/* True for a handle that is good, and of a task of `loop`. */
static inline bool coil__task_is_in(struct coil_task *handle, const struct coil_loop *loop,
                                    struct coil_task **ret_task)
{
    struct coil_task *task;
    void *object;

    if (COIL__UNLIKELY(!coil__handle_open(handle, loop->mark, &object))) {
        return false;
    }
    task = object;
    *ret_task = task;
    return task->state != COIL__TASK_FREE && coil__handle_is_of(handle, task->generation) &&
           task->loop == loop;
}

/* The task behind a handle: 0, -ENOMEM for NULL, -COIL_ESTALE, -COIL_EWRONGTHREAD. look: where
 * those are no misuse, but to be expected. */
static inline int coil__task_look(struct coil_task *handle, struct coil_task **ret_task)
{
    if (COIL__LIKELY(coil__thread.loop && coil__task_is_in(handle, coil__thread.loop, ret_task))) {
        return 0;
    }
    return coil__task_check(handle, ret_task);
}

static inline int coil__task_find(struct coil_task *handle, struct coil_task **ret_task)
{
    int rc = coil__task_look(handle, ret_task);

    return COIL__UNLIKELY(rc < 0) ? coil__task_refuse(rc, handle) : 0;
}

/* Has the waiter told when the task ends, after those that came before it. */
static inline void coil__task_add_waiter(struct coil_task *task, struct coil__waiter *waiter)
{
    if (COIL__LIKELY(!task->waiters.next)) {
        coil__list_init(&task->waiters);
        task->marks |= COIL__TASK_MARKED;
    }
    coil__list_push_tail(&task->waiters, &waiter->link);
}

/* Calls fn for every task that has not been given back, ended ones included. fn may free it. */
void coil__tasks_each(struct coil_loop *loop, void (*fn)(struct coil_task *task, void *user),
                      void *user);

/* As look and find, and the handle must not be consumed yet. */
int coil__task_look_owned(struct coil_task *handle, struct coil_task **ret_task);
int coil__task_find_owned(struct coil_task *handle, struct coil_task **ret_task);

/* Hands a handle over to `owner`; see coil__task_find_owned for the errors. If the task has
 * already ended, child_done is called at once. */
int coil__task_adopt(struct coil_task *handle, struct coil__owner *owner, size_t index);

/* The error and provenance by which `self` is cancelled; marks it as delivered. */
int coil__cancel_error(struct coil_task *self);

/* What a wait has given; the cancel's reason, if it was cut short (-ECANCELED). */
static inline ssize_t coil__cancel_reason(struct coil_task *self, ssize_t rc)
{
    return COIL__UNLIKELY(rc == -ECANCELED && self->cancel) ? coil__cancel_error(self) : rc;
}

/* 0 and the calling task; or why no suspending call is possible here: no task, or cancelled. A task
 * that ignores its cancel in a loop is made to yield now and then. */
static inline int coil__begin(struct coil_task **ret_self)
{
    struct coil_task *self = coil__thread.task;

    *ret_self = self;
    if (COIL__UNLIKELY(!self)) {
        return coil__no_task();
    }
    return COIL__UNLIKELY(self->cancel != NULL) ? coil__cancel_error(self) : 0;
}

/* Suspends the calling task until coil__task_wake; `wait` stays valid until then. */
void coil__suspend(struct coil_task *self, struct coil__wait *wait);
/* Puts the calling task behind everybody who is ready. */
void coil__reschedule(struct coil_task *self);
/* Makes a suspended task ready; once per suspend. */
static inline void coil__task_wake(struct coil_task *task)
{
    task->wait = NULL;
    coil__loop_push(task->loop, &task->ready);
}

/* For calls that succeeded without waiting: yields when the task has had its share. */
static inline void coil__spend(struct coil_task *self)
{
    if (COIL__UNLIKELY(--self->loop->budget == 0)) {
        coil__reschedule(self);
    }
}

/* The descriptor of the operation that a wait is for, or -1; when the sleep ends that it is, or
 * COIL_NEVER. */
int coil__wait_fd(const struct coil__wait *wait);
int64_t coil__wait_until(const struct coil__wait *wait);

/* How the two tell, for those who look from outside (task/layout.h): offsets are from the struct
 * coil__wait whose interrupt is that one. */
struct coil__wait_layout {
    void (*sleep)(struct coil_task *task, struct coil__wait *wait);
    void (*op)(struct coil_task *task, struct coil__wait *wait);
    uint32_t sleep_when;
    uint32_t op_pointer; /* to a struct coil_op, */
    uint32_t op_fd;      /* in which these are */
    uint32_t op_kind;
    uint32_t kind_file; /* the kind that has no descriptor */
};

extern const struct coil__wait_layout coil__wait_layout;

/* Starts `op` and waits for it; returns its result. On a cancel the operation is cancelled and
 * waited for; -ECANCELED from the operation becomes the reason of the cancel. */
ssize_t coil__op_wait(struct coil_task *self, struct coil_op *op, const char *what);

/* Runs fn(arg) in a thread of the loop's pool and waits for it, as coil_to_thread does. stop: NULL,
 * or set when a cancel comes while fn runs, which may look at it and end early. Returns what fn
 * returned; or why it did not run: the cancel's reason, -EAGAIN, -ENOMEM. */
int coil__thread_wait(struct coil_task *self, int (*fn)(void *arg), void *arg, atomic_bool *stop,
                      const char *what);

/* Cancels one scope and everything inside it. error: -ECANCELED, -ETIMEDOUT, ... */
void coil__scope_cancel(struct coil_scope *scope, int error, const struct coil_site *site,
                        const char *reason);
/* After a change of scopes: which one cancels the task now. Interrupts its wait if need be. */
void coil__scope_update(struct coil_task *task);
void coil__scope_push(struct coil_task *task, struct coil_scope *scope, int kind);
/* True when the task has opened the scope and not closed it. */
bool coil__scope_is_open(const struct coil_task *task, const struct coil_scope *scope);
/* Takes out the innermost scope, which its task has forgotten to close. */
void coil__scope_abandon(struct coil_task *task);
/* Cancels the children of a group scope; leaves them to themselves, cancelled (group.c). */
void coil__group_scope_cancelled(struct coil_scope *scope);
void coil__group_abandon(struct coil_scope *scope);

/* Cancels a task that is known to live. */
void coil__task_cancel(struct coil_task *task, const struct coil_site *site, const char *reason);

/* As coil_task_create, on a loop of this thread that need not be running. */
struct coil_task *coil__task_create_in(struct coil_loop *loop,
                                       const struct coil_task_options *options, coil_task_fn fn,
                                       void *arg);

/* lost.c: reports about a task, in debug mode with the calls that have created it. error: 0 or that
 * of the task. */
void coil__task_report(struct coil_task *task, const char *message, int error)
    __attribute__((cold));
/* What is to be said of a task that has ended and that nobody has awaited. */
void coil__task_report_unclaimed(struct coil_task *task);
/* A task could not be made: out of memory, or of mappings, which is worth a sentence. */
void coil__task_explain_failure(struct coil_loop *loop);
/* Room for the trace below the struct: 0 without debug mode. */
size_t coil__task_trace_size(const struct coil_loop *loop);
void coil__task_trace(struct coil_task *task);
/* Bytes left on the task's stack, where we are on that; else SIZE_MAX. */
size_t coil__task_get_room(const struct coil_task *task);

/* Gives a DONE task's memory back. */
void coil__task_free(struct coil_task *task);

/* Cancels all tasks of the loop but `except` (may be NULL) and runs the loop until they ended. */
int coil__tasks_end(struct coil_loop *loop);

/* Where stacks are measured (usage.c): the task's memory is new to it; its function is over. */
void coil__usage_begin(struct coil_task *task);
void coil__usage_end(struct coil_task *task);

/* One more task has them; one less. */
struct coil__locals *coil__locals_share(struct coil__locals *locals);
void coil__locals_drop(struct coil__locals *locals);

#endif
