/* layout.c - see layout.h. The first task of a loop makes it visible; so whoever has tasks has
 * this file, and with it the note, in a static program too. */
#include "task/layout.h"

#include "sys/note.h"

#define TASK(field) offsetof(struct coil_task, field)
#define LOOP(field) offsetof(struct coil_loop, field)

__attribute__((used)) const struct coil__layout coil__layout = {
    .magic = {'c', 'o', 'i', 'l', '-', 'm', 'a', 'p'},
    .version = COIL__LAYOUT_VERSION,
    .size = sizeof(struct coil__layout),
    .library = {COIL_VERSION_MAJOR, COIL_VERSION_MINOR, COIL_VERSION_PATCH},
    .loops = &coil__loops,
    .stacks = &coil__stack_layout,
    .waits = &coil__wait_layout,
    .context = COIL__CONTEXT_LAYOUT,
    .max_loops = COIL__MAX_LISTED,
    .loop_size = sizeof(struct coil_loop),
    .loop_backend = LOOP(backend),
    .loop_owner = LOOP(owner),
    .loop_process = LOOP(process),
    .loop_debug = LOOP(debug),
    .loop_polled_at = LOOP(polled_at),
    .loop_task_count = LOOP(task_count),
    .loop_stacks = LOOP(stacks),
    .loop_locks = LOOP(locks),
    .loop_mark = LOOP(mark),
    .backend_class = offsetof(struct coil__backend, class),
    .backend_is_simulated = offsetof(struct coil__backend, is_simulated),
    .class_name = offsetof(struct coil__backend_class, name),
    .thread_loop = offsetof(struct coil__thread, loop),
    .thread_task = offsetof(struct coil__thread, task),
    .lock_what = offsetof(struct coil__lock_class, what),
    .lock_list = offsetof(struct coil__lock_class, list),
    .lock_holder = offsetof(struct coil__lock_class, holder),
    .task_size = sizeof(struct coil_task),
    .task_context = TASK(coro) + offsetof(struct coil__coro, context),
    .task_loop = TASK(loop),
    .task_scope = TASK(scope),
    .task_state = TASK(state),
    .task_generation = TASK(generation),
    .task_owner_kind = TASK(owner_kind),
    .task_fn = TASK(fn),
    .task_id = TASK(id),
    .task_site = TASK(site),
    .task_owner = TASK(owner),
    .task_cancel = TASK(cancel),
    .task_wait = TASK(wait),
    .task_awaiter = TASK(awaiter),
    .task_awaiters = TASK(awaiters),
    .task_waiters = TASK(waiters),
    .task_name = TASK(name),
    .task_since = TASK(since),
    .name_size = COIL__TASK_NAME,
    .state_new = COIL__TASK_NEW,
    .state_live = COIL__TASK_LIVE,
    .owned_by_object = COIL__OWNED_BY_OBJECT,
    .wait_interrupt = offsetof(struct coil__wait, interrupt),
    .wait_what = offsetof(struct coil__wait, what),
    .awaiter_link = offsetof(struct coil__awaiter, link),
    .awaiter_self = offsetof(struct coil__awaiter, self),
    .waiter_link = offsetof(struct coil__waiter, link),
    .waiter_waiting = offsetof(struct coil__waiter, waiting),
    .owner_leader = offsetof(struct coil__owner, leader),
    .owner_is_awaited = offsetof(struct coil__owner, is_awaited),
    .scope_parent = offsetof(struct coil_scope, parent_),
    .scope_origin = offsetof(struct coil_scope, origin_),
    .scope_reason = offsetof(struct coil_scope, reason_),
    .scope_error = offsetof(struct coil_scope, error_),
    .site_file = offsetof(struct coil_site, file),
    .site_func = offsetof(struct coil_site, func),
    .site_line = offsetof(struct coil_site, line),
};

COIL__ELF_NOTE("coil", "1", coil__layout);
_Static_assert(COIL__LAYOUT_VERSION == 1, "the note says so too");

void coil__layout_show(struct coil_loop *loop)
{
    coil__loops_add(loop);
}
