/* loop.h - the inside of an event loop, for the layers above.
 *
 * What is ready stands in two queues: `ready`, filled at any time, and `current`, what this
 * iteration runs. A suspending task takes the next one from `current` itself and switches to it
 * directly (task/suspend.c); the loop's own stack is entered only for callbacks and for I/O.
 */
#ifndef COIL__LOOP_LOOP_H
#define COIL__LOOP_LOOP_H

#include "base/check.h"
#include "base/handle.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/queue.h"
#include "sys/altstack.h"
#include "sys/backend.h"
#include "sys/context.h"
#include "sys/counter.h"
#include "sys/probe.h"
#include "sys/stack.h"
#include "sys/ticks.h"

#include <coil/error.h>
#include <coil/loop.h>

#include <errno.h>
#include <stdatomic.h>

struct coil__meter;
struct coil__pool;
struct coil__ledger;

/* What the end of a loop must see to, of a layer above. Neither may fail. */
struct coil__closer {
    struct coil__list link; /* in loop->closers or observers, until it is called */
    /* In coil_loop_free: no task and no operation is left. May push to the inbox, for the last
     * time. */
    void (*end)(struct coil__closer *closer);
    void (*forget)(struct coil__closer *closer); /* in the copy that a forked child has */
};

struct coil__wait;

/* What the layer of locks knows of tasks that wait, for reports and for the end of a deadlock. */
struct coil__lock_class {
    /* True for a wait for a lock; then also whose handle has it (a stale one, when that has ended;
     * NULL: a callback has it). */
    bool (*get_holder)(const struct coil__wait *wait, struct coil_task **ret_holder);
    /* Takes the lock from its holder, for whoever waits longest. False: it is no lock. */
    bool (*release)(const struct coil__wait *wait);
    /* How get_holder does it, for those who look from outside (task/layout.h). */
    const char *what; /* of a wait for a lock: this very address */
    size_t list;      /* from such a wait, the pointer to a list; */
    size_t holder;    /* from that list, the handle */
};

struct coil_loop {
    struct coil__ready *current; /* a chain: the rest of this iteration */
    struct coil__queue ready;    /* for the next iteration */
    struct coil__ready *aside; /* a chain: what of `current` waits for an eager task's first step */
    unsigned elisions_left;    /* iterations that may still pass before the kernel is asked */
    unsigned elisions;         /* what elisions_left starts from, adapted to their length */
    struct coil__counter elided; /* iterations that have not asked the kernel */
    unsigned budget;             /* immediate completions a task may have before it must yield */
    uintptr_t mark;              /* in the handles of what it has (base/handle.h) */
    struct coil__coro own;       /* the loop's own stack, while a task runs */
    struct coil__backend *backend;
    struct coil__heap timers;
    struct coil__list outgoing;     /* of coil__outgoing: run before the kernel is asked */
    struct coil__list user_ops;     /* of coil_op.user_link_: submitted by the program */
    struct coil__list done_ops;     /* of coil_op.link_: done at once, callback not yet called */
    struct coil__ready done_runner; /* in `ready` while done_ops is not empty */
    _Atomic(struct coil__ready *) inbox; /* from other threads, newest first, linked by next */
    atomic_bool is_asleep;               /* a push to the inbox must wake the backend */
    atomic_bool is_interrupted;          /* SIGINT came */
    _Atomic(const void *) owner; /* the thread, by its coil__thread's address; NULL: none yet */
    struct coil_loop *next_of_thread; /* in the list of its loops */
    int process;                      /* that made it: in a forked child there is only a copy */
    bool is_running;
    bool is_stopping;
    bool is_forked; /* this is the copy in a child process */
    bool is_closing;
    bool is_shuffled; /* simulated, with a seed: who is ready runs in an order of the seed's */
    bool is_metered;  /* the times of coil/metrics.h are taken */
    bool is_special;  /* one of these two */
    bool debug;
    bool is_reporting;    /* symbols are looked up for a report: a long step, on purpose */
    bool measures_stacks; /* keeps high-water marks, */
    bool prints_stacks;   /* and coil_run prints them when it ends */
    bool in_error_handler;
    bool is_handed_out;    /* the program has had its address: another thread may have it too */
    bool hears_signals;    /* a watch of signals is open */
    bool is_deadlocked;    /* task/deadlock.c has found and reported that, in this run */
    bool is_breaking;      /* it interrupts once more who waits for what was cancelled */
    int64_t polled_at;     /* time after the last wait */
    uint64_t polled_ticks; /* the same, by the cheap clock */
    uint64_t slow_ticks;   /* about SLOW_NS of it; 0: not measured yet */
    struct coil__counter polls; /* iterations that have asked the kernel */
    struct coil__meter *meter;  /* NULL: was never on. Other threads read it too */
    coil_callback before_wait;
    coil_callback after_wait;
    void *wait_hook_user;
    coil_callback on_interrupt; /* called on the loop's stack after SIGINT */
    void *on_interrupt_user;
    /* Called before a wait that nothing in sight will end; may make something ready. */
    void (*on_idle)(struct coil_loop *loop);
    coil_error_handler error_handler;
    void *error_handler_user;
    /* The task layer's. */
    int (*end_tasks)(struct coil_loop *loop); /* cancels and awaits all; NULL: never had any */
    void (*trim)(struct coil_loop *loop);     /* gives memory of ended tasks back */
    void (*describe_task)(struct coil_task *task, struct coil_report *report); /* name and site */
    size_t (*get_room)(const struct coil_task *task); /* bytes left on its stack, on which we are */
    struct coil_task *free_tasks; /* ended, their stacks at hand: hottest first */
    unsigned free_task_count;
    struct coil__counter task_count;   /* tasks that have not ended; the stacks lead to them */
    struct coil_task *cancelled_tasks; /* whom the cancel that spreads has still to reach */
    struct coil_task *last_cancelled;  /* of them; valid while there are any */
    bool is_cancelling;
    struct coil__counter next_task_id;
    void (*meter_switched)(struct coil_loop *loop); /* it is on, or off, from now on */
    /* Where a task keeps when it was made ready, while that is metered; 0: not noted. NULL for what
     * is no task. */
    int64_t *(*ready_stamp)(struct coil__ready *ready);
    unsigned endless_sleeps; /* tasks that wait for nothing but a cancel, on purpose */
    struct coil__stack_pool stacks;
    size_t stack_size;
    struct coil__usage *usage;            /* task/usage.c; NULL: nothing was measured */
    struct coil__watchdog *watchdog;      /* task/watchdog.c; NULL: there is none */
    const struct coil__lock_class *locks; /* sync/lock.c's; NULL: nobody has waited for one */
    /* The stream layer's, made with the first stream. */
    struct coil__io *io;
    void (*end_io)(struct coil_loop *loop);    /* closes all streams, frees `io` */
    void (*forget_io)(struct coil_loop *loop); /* the same in the copy that a forked child has */
    struct coil__list observers;               /* of coil__closer: who looks at it from elsewhere */
    struct coil__list closers;                 /* of coil__closer: what else there is */
    struct coil__signals *signals;             /* io/signal.c; NULL: never had a watch */
    struct coil__processes *processes;         /* io/process.c; NULL: never had a child */
    struct coil__names *names;                 /* io/names.c; NULL: never asked for one */
    struct coil__process_pool *process_pool;   /* io/process_pool.c; NULL: never had one */
    int positions_fd;                          /* io/file.c: was read from at a position, */
    int64_t positions_at;                      /* after the poll at that time */
    /* Threads, made on first use (pool.c). */
    struct coil__pool *workers;
    struct coil__pool *resolvers;
    unsigned max_threads;
    unsigned max_resolvers;
    unsigned max_processes;
    unsigned external; /* jobs in threads, and child processes, that will make themselves heard */
    /* In debug mode only. */
    struct coil__ledger *ledger;  /* ledger.c: what is open; NULL: no debug mode, or closing */
    struct coil_task *timed_task; /* that runs, or was the last to */
    int thread;                   /* the owner's number, once there is an owner */
    unsigned number;              /* how many loops the owner had had with this one */
};

/* What the calling thread is doing: the only mutable state outside of loops. */
struct coil__thread {
    struct coil_loop *loop;  /* that runs now, or NULL */
    struct coil_task *task;  /* that runs now, or NULL: on the loop's stack, or no loop */
    struct coil_loop *loops; /* all of this thread's, linked by next_of_thread */
    int process;             /* the calling one, once it was asked for; else 0 */
    unsigned first_mark;     /* of the first loop this thread has had (base/handle.h) */
    unsigned marks_used;     /* as many loops it has had */
    bool is_forked;          /* in a child process, until it runs a loop of its own */
    struct coil__altstack altstack;
};

extern _Thread_local struct coil__thread coil__thread;

enum { COIL__BUDGET = 128, COIL__MAX_ELISIONS = 127, COIL__LOOK_EVERY = 16 };

/* The error for a call that needs a task and finds none. */
int coil__no_task(void);
/* 0, or why the calling thread may not use the loop. One that no thread has used yet becomes the
 * calling thread's. */
int coil__loop_check(struct coil_loop *loop);

/* The object behind a handle that is used in the running loop, in two steps. First its address, if
 * it is this loop's: -EINVAL (NULL), -COIL_ENOTASK and the like; -COIL_EWRONGTHREAD: another
 * loop's, whose memory may be gone. */
static inline int coil__object_find(const void *handle, void **ret_object)
{
    if (COIL__UNLIKELY(!handle)) {
        return -EINVAL;
    }
    if (COIL__UNLIKELY(!coil__thread.loop)) {
        return coil__no_task();
    }
    return coil__handle_open(handle, coil__thread.loop->mark, ret_object) ? 0 : -COIL_EWRONGTHREAD;
}

/* Then whether it is still what the handle was made for: 0, -COIL_ECLOSED, -COIL_EWRONGTHREAD.
 * loop: the object's; NULL while it is free. */
static inline int coil__object_check(const void *handle, const struct coil_loop *loop,
                                     bool is_closing, uint8_t generation)
{
    if (COIL__UNLIKELY(loop != coil__thread.loop)) {
        return loop ? -COIL_EWRONGTHREAD : -COIL_ECLOSED;
    }
    return is_closing || !coil__handle_is_of(handle, generation) ? -COIL_ECLOSED : 0;
}

/* Passes on what either has said; in debug mode with a sentence. */
struct coil__object_class;
int coil__object_refuse(int rc, const void *handle, const struct coil__object_class *class)
    __attribute__((cold));

static inline void coil__loop_push(struct coil_loop *loop, struct coil__ready *ready)
{
    coil__queue_push(&loop->ready, ready);
}

/* Takes one out that is in one of the queues. */
void coil__loop_remove(struct coil_loop *loop, struct coil__ready *ready);

/* The next one of this iteration, still in its queue. With none left, begins the next iteration
 * if the kernel need not be asked before it. NULL: back to the loop's own stack. */
static inline __attribute__((always_inline)) struct coil__ready *coil__loop_peek(
    struct coil_loop *loop)
{
    struct coil__ready *next = loop->current;

    if (!next && loop->elisions_left > 0) {
        if (loop->elisions_left-- % COIL__LOOK_EVERY == 0 &&
            coil__ticks() - loop->polled_ticks > loop->slow_ticks) {
            loop->elisions_left = 0; /* the tasks have become slow */
            return NULL;
        }
        next = coil__queue_take_all(&loop->ready);
        loop->current = next;
        if (next) {
            coil__counter_add(&loop->elided, 1);
        }
    }
    return next;
}

/* Puts what is ready into an order drawn from the seed; callbacks keep theirs among themselves. */
void coil__loop_shuffle(struct coil_loop *loop);

/* As coil_loop_new, with the backend of `config`: options->backend and ->seed are not looked at. */
int coil__loop_new_on(const struct coil_loop_options *options,
                      const struct coil__backend_config *config, struct coil_loop **ret_loop);

/* One iteration; see coil/loop.h. The loop must not be running. */
int coil__loop_iterate(struct coil_loop *loop, int64_t max_wait_ns);
/* Makes `loop` the running one of this thread: 0, -COIL_ENESTED, ... Undone by leave. */
int coil__loop_enter(struct coil_loop *loop);
void coil__loop_leave(struct coil_loop *loop);
/* True when a wait without limit could never end. */
bool coil__loop_is_idle(const struct coil_loop *loop);

/* Timers. `when` COIL_NEVER: is not armed. -ENOMEM. Arming an armed timer moves it. */
int coil__timer_arm(struct coil_loop *loop, struct coil__timer *timer, int64_t when);
void coil__timer_disarm(struct coil_loop *loop, struct coil__timer *timer);
/* now + span, COIL_NEVER on overflow; spans below 0 count as 0. */
int64_t coil__time_after(int64_t now, int64_t span_ns);

/* Something to be sent: run once, on the loop's stack, before the kernel is asked next. */
struct coil__outgoing {
    struct coil__list link;
    void (*run)(struct coil__outgoing *outgoing);
};

static inline void coil__loop_push_outgoing(struct coil_loop *loop, struct coil__outgoing *outgoing)
{
    coil__list_push_tail(&loop->outgoing, &outgoing->link);
    loop->elisions_left = 0;
}

/* The `run` of every handle that is ready. */
void coil__handle_run(struct coil__ready *ready);
/* A handle that becomes ready when something happens to another object: it stands in that object's
 * list until release. Errors as coil_call_soon. */
int coil__handle_list(struct coil_loop *loop, struct coil_handle *handle, coil_callback callback,
                      void *user, struct coil__list *list);
void coil__handle_release(struct coil_handle *handle);

/* From any thread: has `ready` run in the next iteration. */
void coil__inbox_push(struct coil_loop *loop, struct coil__ready *ready);
void coil__inbox_drain(struct coil_loop *loop);

/* Things that go on outside, in real time, keep a simulated clock from running ahead of them. */
static inline void coil__loop_count_external(struct coil_loop *loop, int change)
{
    loop->external += (unsigned)change;
    loop->backend->external = loop->external;
}

/* Once per process: has fork() noticed. 0 or -ENOMEM. */
int coil__fork_watch(void);
/* The calling process, as coil__fork_process, but without a system call each time. */
int coil__process(void);
/* True in the child of a fork, whichever thread made that: nothing will ever take what is pushed
 * to the inbox, and what a wake would reach is the parent. Any thread. */
bool coil__loop_is_copy(const struct coil_loop *loop);

/* Passes a misuse's error on; in debug mode it is reported as well, with the name of the calling
 * task, and the error's own sentence. told: with one that says what was done, and what to do. */
int coil__misuse(int rc) __attribute__((cold));
int coil__misuse_told(int rc, const char *sentence) __attribute__((cold));
/* The same for "%s is NULL"; returns -EINVAL. what: "a lock". */
int coil__misuse_null(const char *what) __attribute__((cold));
/* The same for a loop that is another thread's; returns -COIL_EWRONGTHREAD. */
int coil__misuse_thread(const struct coil_loop *loop) __attribute__((cold));
/* The same for something that is used in another loop than its own, which may be gone. */
int coil__misuse_loop(const char *what, const struct coil_loop *loop) __attribute__((cold));
/* True when a misuse in the calling thread is told. */
bool coil__misuse_is_told(void);
/* Two loops, as a sentence names them: the one that `loop` is, which may be NULL or gone, and the
 * one that runs here. */
struct coil__text;
void coil__misuse_add_owner(struct coil__text *text, const struct coil_loop *loop);
void coil__misuse_add_here(struct coil__text *text);

void coil__loop_report(struct coil_loop *loop, const struct coil_report *report);
/* As the report is without an error handler: to stderr. Any thread. */
void coil__report_print(const struct coil_report *report);

/* Op submission for callers that are known to be right: as coil_op_submit, but returns 1 when the
 * operation was done at once: then the result stands in op->result, no callback comes. */
static inline int coil__op_start(struct coil_loop *loop, struct coil_op *op,
                                 coil_op_callback callback)
{
    int rc;

    op->callback_ = callback;
    op->loop_ = loop;
    COIL__PROBE3(op_submit, op, op->kind_, op->fd_);
    rc = loop->backend->class->submit(loop->backend, op);
    if (rc != 0) {
        op->loop_ = NULL;
        COIL__PROBE4(op_complete, op, op->kind_, op->fd_, rc > 0 ? op->result : rc);
    }
    return rc;
}

/* As coil_op_submit, for what belongs to something else that is open. */
int coil__op_submit(struct coil_loop *loop, struct coil_op *op, coil_op_callback callback);
/* The end of the loop: cancels what programs have submitted, and delivers the callbacks. */
void coil__ops_end(struct coil_loop *loop);

static inline void coil__op_request_cancel(struct coil_op *op)
{
    op->loop_->backend->class->cancel(op->loop_->backend, op);
}

/* The same for one that may be over already, or not be there. */
static inline void coil__op_interrupt(struct coil_op *op)
{
    if (op && op->loop_) {
        coil__op_request_cancel(op);
    }
}

#endif
