/* local.c - task-local values: a table of bindings, one for each key, shared from the point of a
 * task's creation on. It counts the tasks that have it. Who sets a value in a table that others
 * have too gets a copy of its own first: so there are never more tables than tasks, and none is
 * longer than there are keys. */
#include "task/task.h"

#include "base/memory.h"

#include <coil/local.h>

#include <errno.h>
#include <string.h>

enum { FIRST_CAPACITY = 4 };

struct binding {
    const struct coil_local *key;
    void *value;
};

struct coil__locals {
    size_t uses;
    size_t count;
    size_t capacity;
    struct binding bindings[];
};

struct coil__locals *coil__locals_share(struct coil__locals *locals)
{
    locals->uses++;
    return locals;
}

void coil__locals_drop(struct coil__locals *locals)
{
    if (locals && --locals->uses == 0) {
        coil__free(locals);
    }
}

static struct binding *find(struct coil__locals *locals, const struct coil_local *key)
{
    for (size_t i = 0; locals && i < locals->count; i++) {
        if (locals->bindings[i].key == key) {
            return &locals->bindings[i];
        }
    }
    return NULL;
}

/* A copy (of nothing, for NULL) with room for so many bindings; NULL when out of memory. */
static struct coil__locals *copy(const struct coil__locals *locals, size_t capacity)
{
    struct coil__locals *made = coil__malloc(sizeof *made + capacity * sizeof *made->bindings);

    if (!made) {
        return NULL;
    }
    made->uses = 1;
    made->count = locals ? locals->count : 0;
    made->capacity = capacity;
    if (locals) {
        memcpy(made->bindings, locals->bindings, locals->count * sizeof *locals->bindings);
    }
    return made;
}

/* Makes the table the task's own, with room for `extra` more bindings. */
static int make_own(struct coil_task *self, size_t extra)
{
    struct coil__locals *locals = self->locals;
    size_t needed = (locals ? locals->count : 0) + extra;
    size_t capacity = locals ? locals->capacity : FIRST_CAPACITY;

    if (locals && locals->uses == 1 && needed <= capacity) {
        return 0;
    }
    locals = copy(locals, needed <= capacity ? capacity : capacity * 2);
    if (!locals) {
        return -ENOMEM;
    }
    coil__locals_drop(self->locals);
    self->locals = locals;
    self->marks |= COIL__TASK_MARKED;
    return 0;
}

int coil_local_set(const struct coil_local *key, void *value)
{
    struct coil_task *self = coil__thread.task;
    struct coil__locals *locals;
    struct binding *binding;
    int rc;

    if (!key || !self) {
        return key ? coil__no_task() : -EINVAL;
    }
    rc = make_own(self, find(self->locals, key) ? 0 : 1);
    if (rc < 0) {
        return rc;
    }
    locals = self->locals;
    binding = find(locals, key);
    if (!binding) {
        binding = &locals->bindings[locals->count++];
    }
    *binding = (struct binding){.key = key, .value = value};
    return 0;
}

void *coil_local_get(const struct coil_local *key)
{
    struct coil_task *self = coil__thread.task;
    const struct binding *binding = self ? find(self->locals, key) : NULL;

    if (binding) {
        return binding->value;
    }
    return key ? key->default_value : NULL;
}
