/* task.c - a task's life: created on top of its stack, run, ended, given back.
 *
 * Who owns a task's memory: the loop, until the handle is consumed and the task has ended; then
 * it goes back to the stack pool at once, still hot. A task that ends gives back the very stack it
 * runs on: nothing is taken from the pool until it has switched away.
 *
 * The memory above `high`, from the top down: struct coil_task, the copied argument, the frames.
 */
#include "task/task.h"

#include "sys/valgrind.h"
#include "task/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ended tasks that are kept with their stacks, for the next ones. */
enum { MAX_FREE_TASKS = 256 };

static struct coil_task *task_of(struct coil__ready *ready)
{
    return COIL__CONTAINER(ready, struct coil_task, ready);
}

/* The loop of this thread that has made a handle, or NULL: another thread's loop has, or one that
 * has ended, and its memory with it. Wild pointers are not looked at either. */
static struct coil_loop *loop_of(const struct coil_task *handle, void **ret_object)
{
    struct coil_loop *loop = coil__thread.loops;

    while (loop && !(coil__handle_open(handle, loop->mark, ret_object) &&
                     coil__stack_pool_has(&loop->stacks, *ret_object))) {
        loop = loop->next_of_thread;
    }
    return loop;
}

int coil__task_check(struct coil_task *handle, struct coil_task **ret_task)
{
    struct coil_task *task;
    void *object;

    *ret_task = NULL;
    if (!handle) {
        return -ENOMEM;
    }
    if (!coil__thread.loop && coil__thread.is_forked) {
        return -COIL_EFORKED;
    }
    if (!loop_of(handle, &object)) {
        return -COIL_EWRONGTHREAD;
    }
    task = object;
    *ret_task = task;
    if (task->state == COIL__TASK_FREE || !coil__handle_is_of(handle, task->generation)) {
        return -COIL_ESTALE;
    }
    return 0;
}

int coil__task_look_owned(struct coil_task *handle, struct coil_task **ret_task)
{
    int rc = coil__task_look(handle, ret_task);

    return rc == 0 && (*ret_task)->owner_kind != COIL__OWNED_BY_USER ? -COIL_ESTALE : rc;
}

int coil__task_find_owned(struct coil_task *handle, struct coil_task **ret_task)
{
    int rc = coil__task_look_owned(handle, ret_task);

    return COIL__UNLIKELY(rc < 0) ? coil__task_refuse(rc, handle) : 0;
}

/* To the pool. It remembers the generation, as the pages may be gone when they are used again. */
static void give_back(struct coil_loop *loop, const struct coil_task *task)
{
    coil__stack_set_generation(&task->stack, task->generation);
    coil__stack_free(&loop->stacks, task->stack.slab, task->stack.index);
}

static void clear_root(struct coil_task *task)
{
    memset(&task->root, 0, sizeof task->root);
    task->root.task_ = task;
}

/* Makes the struct as the next task is to find it. In two pieces: one of this length would become
 * a slow `rep stos`. */
static void clear(struct coil_task *task)
{
    memset(&task->cancel, 0,
           offsetof(struct coil_task, waiters) - offsetof(struct coil_task, cancel));
    memset(&task->waiters, 0,
           offsetof(struct coil_task, name) + 1 - offsetof(struct coil_task, waiters));
    if (COIL__UNLIKELY(task->root.error_ | task->root.requests_)) {
        clear_root(task);
    }
    task->owner_kind = COIL__OWNED_BY_USER;
    task->marks = 0;
}

/* Hands a cleared task's memory back: a few stay at hand with their stacks, the rest go to the
 * pool. Writes only to the struct, so a task may do this to itself as long as it takes none. */
static inline __attribute__((always_inline)) void recycle(struct coil_loop *loop,
                                                          struct coil_task *task)
{
    task->state = COIL__TASK_FREE;
    task->generation++;
    if (COIL__LIKELY(loop->free_task_count < MAX_FREE_TASKS)) {
        task->next_free = loop->free_tasks;
        loop->free_tasks = task;
        loop->free_task_count++;
    } else {
        give_back(loop, task);
    }
}

/* The same for any ended task. */
static void clear_and_recycle(struct coil_loop *loop, struct coil_task *task)
{
    clear(task);
    if (COIL__LIKELY(task->stack.size == loop->stack_size)) {
        recycle(loop, task);
    } else {
        task->state = COIL__TASK_FREE;
        task->generation++;
        give_back(loop, task);
    }
}

void coil__task_free(struct coil_task *task)
{
    coil__coro_deinit(&task->coro);
    clear_and_recycle(task->loop, task);
}

struct visit {
    void (*fn)(struct coil_task *task, void *user);
    void *user;
};

static void visit_stack(char *high, void *user)
{
    const struct visit *visit = user;
    struct coil_task *task = (struct coil_task *)(void *)(high - sizeof *task);

    if (task->state != COIL__TASK_FREE) {
        visit->fn(task, visit->user);
    }
}

void coil__tasks_each(struct coil_loop *loop, void (*fn)(struct coil_task *task, void *user),
                      void *user)
{
    struct visit visit = {.fn = fn, .user = user};

    coil__stack_each(&loop->stacks, visit_stack, &visit);
}

/* In debug mode no task is kept at hand: so coil_create_task_at finds none, and each is created
 * where its trace is taken. */
static void keep_none(struct coil_loop *loop)
{
    if (loop->debug) {
        loop->free_task_count = MAX_FREE_TASKS;
    }
}

/* Called on the loop's own stack, when a slab of stacks is free but for those at hand here. */
static void trim(struct coil_loop *loop)
{
    struct coil_task *task;

    while ((task = loop->free_tasks)) {
        loop->free_tasks = task->next_free;
        loop->free_task_count--;
        give_back(loop, task);
    }
    coil__stack_pool_trim(&loop->stacks);
}

static const char nobody_awaits[] = "error of a task that nobody awaits";

static inline __attribute__((always_inline)) void tell(struct coil__awaiter *awaiter, int rc)
{
    awaiter->rc = rc;
    awaiter->target = NULL;
    if (awaiter->self->wait == &awaiter->wait) {
        coil__task_wake(awaiter->self);
    }
}

static void tell_the_rest(struct coil_task *task)
{
    struct coil__list *link;

    while (task->awaiters.next && (link = coil__list_pop_head(&task->awaiters))) {
        tell(COIL__CONTAINER(link, struct coil__awaiter, link), task->rc);
    }
    while (task->waiters.next && (link = coil__list_pop_head(&task->waiters))) {
        struct coil__waiter *waiter = COIL__CONTAINER(link, struct coil__waiter, link);

        waiter->notify(waiter, task);
    }
}

/* Where the stack may be used again, below all scopes that the function left open. */
static inline __attribute__((always_inline)) char *below_scopes(const struct coil_task *task)
{
    char *lowest = (char *)(uintptr_t)task - coil__task_trace_size(task->loop);

    for (struct coil_scope *s = task->scope; s != &task->root; s = s->parent_) {
        if ((char *)s < lowest && (char *)s >= task->stack.low) {
            lowest = (char *)s;
        }
    }
    return lowest;
}

/* Scopes and groups that the function left open must not fire any more. */
static __attribute__((noinline)) void abandon_scopes(struct coil_task *task)
{
    while (task->scope != &task->root) {
        coil__scope_abandon(task);
    }
    coil__task_report(task, "a task ended with a scope or a group left open", 0);
}

/* What is seldom there to be tidied up at a task's end. */
static void tidy(struct coil_task *task)
{
    if (task->scope != &task->root) {
        abandon_scopes(task);
    }
    if (task->locals) {
        coil__locals_drop(task->locals);
        task->locals = NULL;
    }
    if (COIL__UNLIKELY(task->loop->usage != NULL)) {
        coil__usage_end(task);
    }
    if (task->loop->is_forked) { /* the parent's task goes on there; this copy ends the loop */
        coil__coro_finish(&task->coro, &task->loop->own);
    }
}

/* The end of a task that is not simply awaited by one other. `rc` is set. */
static __attribute__((noinline)) void end_slowly(struct coil_task *task)
{
    coil__thread.task = NULL; /* what an error handler does, the task does no more */
    tidy(task);
    task->state = COIL__TASK_ENDING;
    coil__counter_add(&task->loop->task_count, -1);
    COIL__PROBE3(task_end, task->id, task->rc, task->fn);
    if (task->awaiter) {
        tell(task->awaiter, task->rc);
    }
    tell_the_rest(task);
    if (task->owner_kind == COIL__OWNED_BY_USER) {
        task->state = COIL__TASK_DONE;
        return;
    }
    if (task->owner_kind == COIL__OWNED_BY_OBJECT) {
        task->owner->child_done(task->owner, task);
    } else if (task->owner_kind == COIL__OWNED_BY_NOBODY && task->rc < 0 &&
               task->rc != -ECANCELED && !(task->marks & COIL__TASK_QUIET)) {
        coil__task_report(task, nobody_awaits, task->rc);
    }
    clear_and_recycle(task->loop, task);
}

/* What a task does last, its memory handed back: goes to whoever is next. */
static inline __attribute__((always_inline, noreturn)) void leave(struct coil_task *task,
                                                                  struct coil_loop *loop)
{
    struct coil__ready *next = coil__loop_peek(loop);

    if (COIL__LIKELY(next && next->run == coil__task_run)) {
        loop->current = next->next;
        coil__thread.task = task_of(next);
        COIL__PROBE2(task_switch, task->id, task_of(next)->id);
        coil__coro_finish(&task->coro, &task_of(next)->coro);
    }
    coil__thread.task = NULL;
    COIL__PROBE2(task_switch, task->id, (uint64_t)0);
    coil__coro_finish(&task->coro, &loop->own);
}

static struct coil_task *task_of_context(struct coil__context *context)
{
    struct coil__coro *coro = COIL__CONTAINER(context, struct coil__coro, context);

    return COIL__CONTAINER(coro, struct coil_task, coro);
}

/* Where a task goes on whose function has returned with scopes open. */
static void end_below(struct coil__context *context)
{
    struct coil_task *task = task_of_context(context);
    const char *here = __builtin_frame_address(0);

    coil__valgrind_trust(here, (size_t)((char *)task - here)); /* the frames with the scopes */
    end_slowly(task);
    leave(task, task->loop);
}

static void task_main(struct coil__context *context)
{
    struct coil_task *task = task_of_context(context);
    struct coil_loop *loop;

    coil__coro_entered(&task->coro);
    if (COIL__UNLIKELY(task->root.error_ != 0)) {
        task->rc = coil__cancel_error(task); /* before the first step: the body never runs */
    } else {
        task->state = COIL__TASK_LIVE;
        task->rc = task->fn(task->arg);
    }
    loop = task->loop;
    if (COIL__UNLIKELY(task->scope != &task->root)) {
        /* They lie in frames that have been left: call nothing that would write there. */
        coil__coro_restart(&task->coro, below_scopes(task), end_below);
    }
    if (COIL__LIKELY(task->owner_kind == COIL__OWNED_BY_AWAIT && task->marks == 0 &&
                     !loop->is_forked)) {
        coil__counter_add(&loop->task_count, -1);
        COIL__PROBE3(task_end, task->id, task->rc, task->fn);
        tell(task->awaiter, task->rc);
        task->awaiter = NULL;
        task->owner_kind = COIL__OWNED_BY_USER;
        recycle(loop, task);
    } else {
        end_slowly(task);
    }
    leave(task, loop);
}

void coil__task_run(struct coil__ready *ready)
{
    struct coil_task *task = task_of(ready);
    struct coil_loop *loop = task->loop;

    coil__thread.task = task;
    loop->budget = COIL__BUDGET;
    COIL__PROBE2(task_switch, (uint64_t)0, task->id);
    coil__coro_switch(&loop->own, &task->coro);
}

/* In debug mode: a task that waits is to say since when. */
static void note_time(struct coil_task *task)
{
    struct coil_loop *loop = task->loop;

    if (task->state == COIL__TASK_LIVE && task->wait) {
        bool is_late = coil__ticks() - loop->polled_ticks > loop->slow_ticks;

        task->since = is_late ? coil_loop_now(loop) : loop->polled_at;
    }
}

/* The same in debug mode. The fast paths do not know this function: so what gives way to such a
 * task asks coil__task_next, and what comes back to the loop comes back to here. */
static void run_timed(struct coil__ready *ready)
{
    struct coil_loop *loop = task_of(ready)->loop;

    loop->timed_task = task_of(ready);
    coil__task_run(ready);
    note_time(loop->timed_task);
}

struct coil__coro *coil__task_next(struct coil_task *self, struct coil__ready *next)
{
    struct coil_loop *loop = self->loop;

    if (next->run != run_timed || loop->is_metered) { /* steps are metered from there */
        coil__thread.task = NULL;
        COIL__PROBE2(task_switch, self->id, (uint64_t)0);
        return &loop->own;
    }
    loop->current = next->next;
    if (task_of(next) == self) {
        loop->budget = COIL__BUDGET;
        return NULL;
    }
    note_time(self);
    loop->timed_task = task_of(next);
    coil__thread.task = task_of(next);
    COIL__PROBE2(task_switch, self->id, task_of(next)->id);
    return &task_of(next)->coro;
}

/* The same while steps are metered: the fast paths do not know this one either. */
static void run_metered(struct coil__ready *ready)
{
    coil__task_run(ready);
}

static void set_run(struct coil_task *task, __attribute__((unused)) void *user)
{
    const struct coil_loop *loop = task->loop;

    task->ready.run = loop->debug ? run_timed : loop->is_metered ? run_metered : coil__task_run;
    task->ready_at = 0; /* what was noted before may be long past */
}

/* For all tasks, and for those that will be made of what is at hand. */
static void meter_switched(struct coil_loop *loop)
{
    coil__tasks_each(loop, set_run, NULL);
    for (struct coil_task *task = loop->free_tasks; task; task = task->next_free) {
        set_run(task, NULL);
    }
}

static int64_t *ready_stamp(struct coil__ready *ready)
{
    bool is_task =
        ready->run == coil__task_run || ready->run == run_metered || ready->run == run_timed;

    return is_task ? &task_of(ready)->ready_at : NULL;
}

/* Runs a new task right now, until it first waits; the caller goes on after that. */
static void run_eagerly(struct coil_task *task)
{
    struct coil_task *self = coil__thread.task;
    struct coil_loop *loop = task->loop;

    if (!self) {
        /* Nobody else may run inside the callback: the rest of the iteration is put aside. */
        loop->aside = loop->current;
        loop->current = NULL;
        loop->elisions_left = 0;
        task->ready.run(&task->ready);
        loop->current = loop->aside;
        loop->aside = NULL;
        return;
    }
    self->ready.next = loop->current;
    loop->current = &self->ready;
    loop->timed_task = task;
    coil__thread.task = task;
    COIL__PROBE2(task_switch, self->id, task->id);
    coil__coro_switch(&self->coro, &task->coro);
}

static void set_name(struct coil_task *task, const char *name)
{
    size_t size = strnlen(name, sizeof task->name - 1);

    memcpy(task->name, name, size);
    task->name[size] = '\0';
    task->marks |= COIL__TASK_MARKED;
    COIL__PROBE2(task_name, task->id, task->name);
}

/* Memory for a task with a stack of `size` bytes, or NULL. It is cleared; and what is the same for
 * every task that lives there is set once: stack, generation, loop, ready.run, scope, root. */
static inline struct coil_task *allocate(struct coil_loop *loop, size_t size)
{
    struct coil_task *task = loop->free_tasks;
    struct coil__stack stack;

    if (COIL__LIKELY(task && size == loop->stack_size)) {
        loop->free_tasks = task->next_free;
        loop->free_task_count--;
        return task;
    }
    if (coil__stack_alloc(&loop->stacks, size, &stack) < 0) {
        return NULL;
    }
    task = (struct coil_task *)(void *)(stack.high - sizeof *task);
    task->stack = stack;
    task->generation = coil__stack_get_generation(&stack);
    task->loop = loop;
    set_run(task, NULL);
    task->scope = &task->root;
    clear_root(task);
    clear(task);
    if (size != loop->stack_size) {
        task->marks = COIL__TASK_MARKED;
    }
    if (COIL__UNLIKELY(loop->measures_stacks)) {
        coil__usage_begin(task);
    }
    return task;
}

/* What differs from task to task. */
static inline void init(struct coil_task *task, struct coil_loop *loop, coil_task_fn fn, void *arg)
{
    task->fn = fn;
    task->arg = arg;
    task->state = COIL__TASK_NEW;
    task->id = coil__counter_get(&loop->next_task_id) + 1;
    coil__counter_set(&loop->next_task_id, task->id);
    coil__counter_add(&loop->task_count, 1);
}

static void inherit_locals(struct coil_task *task)
{
    const struct coil_task *parent = coil__thread.task;

    if (parent && parent->locals) {
        task->locals = coil__locals_share(parent->locals);
        task->marks |= COIL__TASK_MARKED;
    }
}

/* For a report about what the task has done. */
static void describe(struct coil_task *task, struct coil_report *report)
{
    report->task_name = coil_task_name(coil__task_handle(task));
    report->site = task->site;
}

struct coil_task *coil__task_create_in(struct coil_loop *loop,
                                       const struct coil_task_options *options, coil_task_fn fn,
                                       void *arg)
{
    size_t size = options->stack_size ? options->stack_size : loop->stack_size;
    size_t copy_size = (options->copy_size + 15) & ~(size_t)15;
    size_t trace_size = coil__task_trace_size(loop);
    struct coil_task *task;
    struct coil_task *handle;
    char *high;

    if (!fn || options->copy_size > size / 4 || (copy_size > 0 && !arg) || loop->is_closing) {
        return NULL;
    }
    if (!loop->end_tasks) {
        coil__layout_show(loop);
    }
    loop->end_tasks = coil__tasks_end;
    loop->trim = trim;
    loop->describe_task = describe;
    loop->meter_switched = meter_switched;
    loop->ready_stamp = ready_stamp;
    loop->get_room = coil__task_get_room;
    keep_none(loop);
    task = allocate(loop, size);
    if (!task) {
        coil__task_explain_failure(loop);
        return NULL;
    }
    high = (char *)task - trace_size - copy_size;
    init(task, loop, fn, copy_size > 0 ? memcpy(high, arg, options->copy_size) : arg);
    inherit_locals(task);
    coil__coro_init(&task->coro, task->stack.low, high, task_main);
    task->site = options->site;
    COIL__PROBE3(task_create, task->id, task->fn, task->site);
    if (trace_size > 0) {
        coil__task_trace(task);
    }
    if (options->name) {
        set_name(task, options->name);
    }
    handle = coil__task_handle(task); /* it may be over, and its memory used again, on return */
    if (options->eager) {
        run_eagerly(task);
    } else {
        coil__loop_push(loop, &task->ready);
    }
    return handle;
}

struct coil_task *coil_task_create(const struct coil_task_options *options, coil_task_fn fn,
                                   void *arg)
{
    static const struct coil_task_options defaults = {0};
    struct coil_loop *loop = coil__thread.loop;

    return loop ? coil__task_create_in(loop, options ? options : &defaults, fn, arg) : NULL;
}

static __attribute__((noinline)) struct coil_task *create_slowly(const struct coil_site *site,
                                                                 coil_task_fn fn, void *arg)
{
    struct coil_task_options options = {.site = site};

    return coil_task_create(&options, fn, arg);
}

/* The short way, without options: most tasks are made here. Calls nothing, so it saves nothing. */
struct coil_task *coil_create_task_at(const struct coil_site *site, coil_task_fn fn, void *arg)
{
    struct coil_loop *loop = coil__thread.loop;
    const struct coil_task *parent = coil__thread.task;
    struct coil_task *task;

    if (COIL__UNLIKELY(!loop || !loop->free_tasks || !fn || (parent && parent->locals))) {
        return create_slowly(site, fn, arg);
    }
    task = __builtin_assume_aligned(loop->free_tasks, COIL__HANDLE_ALIGN);
    loop->free_tasks = task->next_free;
    loop->free_task_count--;
    init(task, loop, fn, arg);
    coil__coro_init(&task->coro, task->stack.low, (char *)task, task_main);
    task->site = site;
    COIL__PROBE3(task_create, task->id, fn, site);
    coil__loop_push(loop, &task->ready);
    return coil__task_handle(task);
}

struct coil_task *coil_create_task_copy_at(const struct coil_site *site, coil_task_fn fn,
                                           const void *arg, size_t size)
{
    struct coil_task_options options = {.site = site, .copy_size = size};

    return coil_task_create(&options, fn, (void *)(uintptr_t)arg);
}

int coil__task_adopt(struct coil_task *handle, struct coil__owner *owner, size_t index)
{
    struct coil_task *task;
    int rc = coil__task_find_owned(handle, &task);

    if (rc < 0) {
        return rc;
    }
    task->owner_kind = COIL__OWNED_BY_OBJECT;
    task->owner = owner;
    task->owner_index = index;
    if (task->state == COIL__TASK_DONE) {
        owner->child_done(owner, task);
        coil__task_free(task);
    }
    return 0;
}

int coil_detach(struct coil_task *handle)
{
    struct coil_task *task;
    int rc = coil__task_find_owned(handle, &task);

    if (rc < 0) {
        return rc;
    }
    task->owner_kind = COIL__OWNED_BY_NOBODY;
    if (task->state == COIL__TASK_DONE) {
        if (task->rc < 0 && task->rc != -ECANCELED) {
            coil__task_report(task, nobody_awaits, task->rc);
        }
        coil__task_free(task);
    }
    return 0;
}

bool coil_task_is_done(struct coil_task *handle)
{
    struct coil_task *task;

    return coil__task_find(handle, &task) < 0 || task->state >= COIL__TASK_ENDING;
}

int coil_task_result(struct coil_task *handle)
{
    struct coil_task *task;
    int rc = coil__task_find(handle, &task);

    if (rc < 0) {
        return rc;
    }
    return task->state >= COIL__TASK_ENDING ? task->rc : -COIL_EINVALIDSTATE;
}

struct coil_task *coil_current_task(void)
{
    return coil__thread.task ? coil__task_handle(coil__thread.task) : NULL;
}

struct collector {
    struct coil_task **tasks;
    size_t count;
    size_t max;
};

static uint64_t id_of(struct coil_task *handle)
{
    struct coil_task *task;

    return coil__task_find(handle, &task) < 0 ? 0 : task->id;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = id_of(*(struct coil_task *const *)a);
    uint64_t y = id_of(*(struct coil_task *const *)b);

    return (x > y) - (x < y);
}

static int compare_ids_backwards(const void *a, const void *b)
{
    return compare_ids(b, a);
}

/* The array is full, and a heap with the youngest on top (backwards sorted is one, too): that goes
 * if the task is older. */
static void keep_if_older(struct collector *to, struct coil_task *task)
{
    size_t place = 0;
    size_t child;

    if (task->id >= id_of(to->tasks[0])) {
        return;
    }
    while ((child = 2 * place + 1) < to->max) {
        if (child + 1 < to->max && id_of(to->tasks[child + 1]) > id_of(to->tasks[child])) {
            child++;
        }
        if (id_of(to->tasks[child]) <= task->id) {
            break;
        }
        to->tasks[place] = to->tasks[child];
        place = child;
    }
    to->tasks[place] = coil__task_handle(task);
}

static void collect(struct coil_task *task, void *user)
{
    struct collector *to = user;

    if (task->state >= COIL__TASK_ENDING) {
        return;
    }
    if (to->count < to->max) {
        to->tasks[to->count] = coil__task_handle(task);
    } else if (to->max > 0) {
        if (to->count == to->max) {
            qsort(to->tasks, to->max, sizeof *to->tasks, compare_ids_backwards);
        }
        keep_if_older(to, task);
    }
    to->count++;
}

ssize_t coil_all_tasks(struct coil_task **ret_tasks, size_t max)
{
    struct coil_loop *loop = coil__thread.loop;
    struct collector collector = {.tasks = ret_tasks, .max = max};

    if (!loop) {
        return coil__no_task();
    }
    if (!ret_tasks && max > 0) {
        return -EINVAL;
    }
    coil__tasks_each(loop, collect, &collector);
    if (max > 0) {
        qsort(ret_tasks, collector.count < max ? collector.count : max, sizeof *ret_tasks,
              compare_ids);
    }
    return (ssize_t)collector.count;
}

void coil__task_usual_name(char *name, uint64_t id)
{
    snprintf(name, COIL__TASK_NAME, "task-%llu", (unsigned long long)id);
}

const char *coil_task_name(struct coil_task *handle)
{
    struct coil_task *task;

    if (coil__task_find(handle, &task) < 0) {
        return "";
    }
    if (task->name[0] == '\0') {
        coil__task_usual_name(task->name, task->id);
        task->marks |= COIL__TASK_MARKED;
    }
    return task->name;
}

int coil_task_set_name(struct coil_task *handle, const char *name)
{
    struct coil_task *task;
    int rc = coil__task_find(handle, &task);

    if (rc < 0 || !name) {
        return rc < 0 ? rc : -EINVAL;
    }
    set_name(task, name);
    return 0;
}

const struct coil_site *coil_task_site(struct coil_task *handle)
{
    struct coil_task *task;

    return coil__task_find(handle, &task) < 0 ? NULL : task->site;
}
