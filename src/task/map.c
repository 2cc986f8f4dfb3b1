/* map.c - one function over many items, a bounded number at once. Each item has a task of its own:
 * what it sets (name, task-local values, scopes) does not reach the next one. */
#include "task/crew.h"

#include <coil/gather.h>

#include <errno.h>

struct map {
    struct coil__crew crew;
    int error; /* of the first that failed */
};

static void ended(struct coil__crew *crew, size_t index, int rc)
{
    struct map *map = COIL__CONTAINER(crew, struct map, crew);

    (void)index;
    if (rc < 0 && map->error == 0 && !crew->is_cancelled) {
        map->error = rc;
    }
}

/* False: not all were started. */
static bool run_all(struct map *map, coil_task_fn fn, char *items, size_t count, size_t item_size,
                    size_t limit)
{
    struct coil__crew *crew = &map->crew;

    for (size_t i = 0; i < count; i++) {
        while (crew->running_count == limit && map->error == 0 && !crew->is_cancelled) {
            coil__crew_wait(crew);
        }
        if (map->error < 0 || crew->is_cancelled || crew->self->cancel) {
            return false;
        }
        map->error = coil__crew_start(crew, fn, items + i * item_size, i);
    }
    return true;
}

int coil_map(coil_task_fn fn, void *items, size_t count, size_t item_size, size_t limit)
{
    struct map map = {.error = 0};
    struct coil_task *self;
    bool has_all;
    int rc = coil__begin(&self);

    if (rc < 0) {
        return rc;
    }
    if (!fn || (!items && count > 0) || item_size == 0 || limit == 0) {
        return -EINVAL;
    }
    coil__crew_init(&map.crew, self, "map", ended);
    has_all = run_all(&map, fn, items, count, item_size, limit);
    while (map.crew.running_count > 0) {
        if (map.error < 0 && !map.crew.is_cancelled) {
            coil__crew_cancel(&map.crew, NULL, "another item of its map failed");
        }
        coil__crew_wait(&map.crew);
    }
    if (map.error < 0) {
        return map.error;
    }
    return has_all && !map.crew.is_cancelled ? 0 : coil__cancel_error(self);
}
