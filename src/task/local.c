/* local.c - task-local values: a list of bindings, newest first, shared from the point of a task's
 * creation on. Each binding counts who points to it. Setting a key again replaces the binding in
 * place when nobody else can see it, so a task that sets in a loop does not grow. */
#include "task/task.h"

#include "base/memory.h"

#include <coil/local.h>

#include <errno.h>

struct coil__local {
    const struct coil_local *key;
    void *value;
    struct coil__local *next;
    size_t uses;
};

struct coil__local *coil__locals_share(struct coil__local *locals)
{
    locals->uses++;
    return locals;
}

void coil__locals_drop(struct coil__local *locals)
{
    while (locals && --locals->uses == 0) {
        struct coil__local *next = locals->next;

        coil__free(locals);
        locals = next;
    }
}

int coil_local_set(const struct coil_local *key, void *value)
{
    struct coil_task *self = coil__thread.task;
    struct coil__local *binding;

    if (!key || !self) {
        return key ? coil__no_task() : -EINVAL;
    }
    for (binding = self->locals; binding && binding->uses == 1; binding = binding->next) {
        if (binding->key == key) {
            binding->value = value;
            return 0;
        }
    }
    binding = coil__malloc(sizeof *binding);
    if (!binding) {
        return -ENOMEM;
    }
    *binding = (struct coil__local){.key = key, .value = value, .next = self->locals, .uses = 1};
    self->locals = binding;
    self->marks |= COIL__TASK_MARKED;
    return 0;
}

void *coil_local_get(const struct coil_local *key)
{
    struct coil_task *self = coil__thread.task;

    for (struct coil__local *b = self ? self->locals : NULL; b; b = b->next) {
        if (b->key == key) {
            return b->value;
        }
    }
    return key ? key->default_value : NULL;
}
