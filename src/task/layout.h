/* layout.h - where things are in memory, for programs that look from outside: `coil ps`, gdb.
 *
 * Such a program knows nothing but the process's memory, and its own copy of this header. It finds
 * an ELF note (name "coil", type 1) in what is loaded, which survives strip and needs no export:
 * two words, COIL__LAYOUT_VERSION and how far from the second one coil__layout is. That leads to
 * the loops of the process and has the offset of every field that is read. A change of this
 * struct, or of what a field means, is another version.
 *
 * tools/gdb/libcoil-gdb.py reads it too, word by word: keep its list of names as this one.
 */
#ifndef COIL__TASK_LAYOUT_H
#define COIL__TASK_LAYOUT_H

#include "loop/loops.h"
#include "task/task.h"

enum { COIL__LAYOUT_VERSION = 1 };

#define COIL__LAYOUT_MAGIC "coil-map"

struct coil__layout {
    char magic[8];
    uint32_t version;
    uint32_t size;       /* of this struct */
    uint32_t library[4]; /* its version: major, minor, patch, 0 */
    const struct coil__loops *loops;
    const struct coil__stack_layout *stacks;
    const struct coil__wait_layout *waits;
    struct coil__context_layout context;
    uint32_t max_loops; /* slots in *loops */
    uint32_t loop_size;
    uint32_t loop_backend;
    uint32_t loop_owner;
    uint32_t loop_process;
    uint32_t loop_debug;
    uint32_t loop_polled_at;
    uint32_t loop_task_count;
    uint32_t loop_stacks;
    uint32_t loop_locks;
    uint32_t loop_mark;
    uint32_t backend_class;
    uint32_t backend_is_simulated;
    uint32_t class_name;
    uint32_t thread_loop;
    uint32_t thread_task;
    uint32_t lock_what;
    uint32_t lock_list;
    uint32_t lock_holder;
    uint32_t task_size;
    uint32_t task_context;
    uint32_t task_loop;
    uint32_t task_scope;
    uint32_t task_state;
    uint32_t task_generation;
    uint32_t task_owner_kind;
    uint32_t task_fn;
    uint32_t task_id;
    uint32_t task_site;
    uint32_t task_owner;
    uint32_t task_cancel;
    uint32_t task_wait;
    uint32_t task_awaiter;
    uint32_t task_awaiters;
    uint32_t task_waiters;
    uint32_t task_name;
    uint32_t task_since;
    uint32_t name_size;
    uint32_t state_new; /* of enum coil__task_state */
    uint32_t state_live;
    uint32_t owned_by_object;
    uint32_t wait_interrupt;
    uint32_t wait_what;
    uint32_t awaiter_link;
    uint32_t awaiter_self;
    uint32_t waiter_link;
    uint32_t waiter_waiting;
    uint32_t owner_leader;
    uint32_t owner_is_awaited;
    uint32_t scope_parent;
    uint32_t scope_origin;
    uint32_t scope_reason;
    uint32_t scope_error;
    uint32_t site_file;
    uint32_t site_func;
    uint32_t site_line;
};

extern const struct coil__layout coil__layout;

/* Lists the loop, which gets its first task, in coil__loops. */
void coil__layout_show(struct coil_loop *loop) __attribute__((cold));

#endif
