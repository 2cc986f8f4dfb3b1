/* snapshot.c - see snapshot.h. From the list of loops to the slabs of stacks of each, to the
 * stacks, to the task at the top of each. */
#include "loop.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIES = 5,
    MAX_FRAMES = 64,
    STACK_MAX = 256 * 1024, /* of what is in use; deeper ones are cut */
    NEAR = 1024,            /* of the stack is read along with the task: mostly that is all */
    CHUNK = 128,            /* tasks that are read with one call */
    MAX_SLABS = 1 << 16,
    LINKS_EACH = 16, /* what is followed of lists: so many for each task, and some more */
    LINKS_MORE = 1000000,
    MAX_STACKS = 1 << 23,
    MAX_SCOPES = 256,
};

/* A context and a wait, as words of the task. */
struct place {
    uint64_t sp;
    uint64_t fp;
    uint64_t pc;
};

/* --- one task --- */

/* What lies in the copy of the stack is taken from there: it belongs to the same moment. */
static int fetch(const struct reading *reading, const struct stack_copy *copy, uint64_t address,
                 void *to, size_t size)
{
    uint64_t offset = address - copy->address;

    if (offset < copy->size && size <= copy->size - offset) {
        memcpy(to, copy->bytes + offset, size);
        return 0;
    }
    return memory_read(reading->memory, address, to, size);
}

static uint64_t fetch_word(const struct reading *reading, const struct stack_copy *copy,
                           uint64_t address)
{
    void *word = NULL;

    return fetch(reading, copy, address, &word, sizeof word) < 0 ? 0 : (uintptr_t)word;
}

static struct place context_of(const struct reading *reading)
{
    const struct coil__layout *layout = reading->layout;
    const char *context = reading->task + layout->task_context;

    return (struct place){
        .sp = word_at(context, layout->context.sp),
        .fp = word_at(context, layout->context.fp),
        .pc = word_at(context, layout->context.pc),
    };
}

static bool has_stack(const struct reading *reading, uint64_t address)
{
    return (unsigned char)reading->task[reading->layout->task_state] ==
               reading->layout->state_live &&
           address != reading->running && reading->layout->context.root;
}

/* A stack of which the task is at the top. */
struct spot {
    uint64_t low;     /* where the stack begins */
    uint64_t address; /* of the task */
    size_t near;      /* bytes below it that are read along */
    const char *seen; /* both, as they were read before, and the task as it was read once more; */
    const char *seen_again; /* or NULL */
};

/* Reads the task and what is near of its stack to where `end` is, behind the stack. */
static int read_near(const struct reading *reading, const struct spot *spot, char *end)
{
    size_t size = spot->near + reading->layout->task_size;

    if (spot->seen) {
        memcpy(end - spot->near, spot->seen, size);
        return 0;
    }
    return memory_read(reading->memory, spot->address - spot->near, end - spot->near, size);
}

static int read_again(const struct reading *reading, const struct spot *spot, bool is_whole)
{
    if (spot->seen && is_whole) {
        memcpy(reading->again, spot->seen_again, reading->layout->task_size);
        return 0;
    }
    return memory_read(reading->memory, spot->address, reading->again, reading->layout->task_size);
}

static bool is_task(const struct reading *reading)
{
    const struct coil__layout *layout = reading->layout;
    unsigned char state = (unsigned char)reading->task[layout->task_state];

    return (state == layout->state_new || state == layout->state_live) &&
           word_at(reading->task, layout->task_loop) == reading->address;
}

/* Copies the task, and its stack if it has one that is of the same moment. 0; 1: there is no task;
 * 2: it has changed meanwhile, and the copy is the task's alone. */
static int try_copy(struct reading *reading, const struct spot *spot, struct stack_copy *ret_copy)
{
    char *end = reading->stack + STACK_MAX;
    size_t task_size = reading->layout->task_size;
    uint64_t sp, size;
    int rc = read_near(reading, spot, end);

    *ret_copy = (struct stack_copy){.address = spot->address, .bytes = end, .size = task_size};
    if (rc < 0) {
        return rc;
    }
    memcpy(reading->task, end, task_size);
    if (!is_task(reading) || !has_stack(reading, spot->address)) {
        return is_task(reading) ? 0 : 1;
    }
    sp = context_of(reading).sp;
    size = sp >= spot->low && sp < spot->address ? spot->address - sp : 0;
    size = size <= STACK_MAX ? size : 0;
    if (size > spot->near) {
        rc = memory_read(reading->memory, sp, end - size, (size_t)(size - spot->near));
    }
    if (rc == 0) {
        rc = read_again(reading, spot, size <= spot->near);
    }
    if (rc < 0) {
        return rc;
    }
    if (memcmp(reading->task, reading->again, task_size) != 0) {
        return 2;
    }
    *ret_copy = (struct stack_copy){
        .address = spot->address - size, .bytes = end - size, .size = (size_t)size + task_size};
    return 0;
}

static int copy_task(struct reading *reading, struct spot *spot, struct stack_copy *ret_copy)
{
    int rc = try_copy(reading, spot, ret_copy);

    for (int i = 1; i < TRIES && rc == 2; i++) {
        spot->seen = NULL;
        rc = try_copy(reading, spot, ret_copy);
    }
    return rc;
}

static void describe_wait(struct reading *reading, const struct stack_copy *copy,
                          struct found *found, struct coil_task_info *info)
{
    const struct coil__layout *layout = reading->layout;
    const struct coil__wait_layout *waits = &reading->wait_layout;
    uint64_t wait = word_at(reading->task, layout->task_wait);
    uint64_t interrupt = fetch_word(reading, copy, wait + layout->wait_interrupt);
    uint64_t what = fetch_word(reading, copy, wait + layout->wait_what);

    info->state = COIL_TASK_WAITING;
    info->what = strings_text(reading->strings, what);
    info->what = info->what ? info->what : "?";
    if (reading->lock_what != 0 && what == reading->lock_what) {
        found->lock_wait = wait;
    }
    if (interrupt != 0 && interrupt == (uintptr_t)waits->sleep) {
        int64_t when;

        if (fetch(reading, copy, wait + waits->sleep_when, &when, sizeof when) == 0 &&
            when != COIL_NEVER) {
            /* The clocks of two processes are one, but for a simulated one. */
            info->until = reading->now != 0 ? coil_now() + (when - reading->now) : when;
        }
    } else if (interrupt != 0 && interrupt == (uintptr_t)waits->op) {
        uint64_t op = fetch_word(reading, copy, wait + waits->op_pointer);
        unsigned char kind;
        int fd;

        if (fetch(reading, copy, op + waits->op_kind, &kind, 1) == 0 && kind != waits->kind_file &&
            fetch(reading, copy, op + waits->op_fd, &fd, sizeof fd) == 0) {
            info->fd = fd;
        }
    }
}

static void describe_state(struct reading *reading, const struct stack_copy *copy,
                           struct found *found, struct coil_task_info *info)
{
    const struct coil__layout *layout = reading->layout;

    info->state = COIL_TASK_READY;
    if ((unsigned char)reading->task[layout->task_state] == layout->state_new) {
        info->state = COIL_TASK_NEW;
    } else if (found->address == reading->running) {
        info->state = COIL_TASK_RUNNING;
    } else if (word_at(reading->task, layout->task_wait) != 0) {
        describe_wait(reading, copy, found, info);
        if (reading->debug) {
            int64_t since, span;

            memcpy(&since, reading->task + layout->task_since, sizeof since);
            span = (reading->now != 0 ? reading->now : coil_now()) - since;
            info->waited_ns = span > 0 ? span : 0;
        }
    }
}

/* As describe_cancel in src/task/capture.c. */
static void describe_cancel(struct reading *reading, const struct stack_copy *copy,
                            struct coil_task_info *info)
{
    const struct coil__layout *layout = reading->layout;
    uint64_t cancel = word_at(reading->task, layout->task_cancel);
    uint64_t cause = cancel;
    uint64_t scope = word_at(reading->task, layout->task_scope);
    int32_t error = 0;

    for (int i = 0; i < MAX_SCOPES && cancel == 0 && scope != 0; i++) {
        if (fetch(reading, copy, scope + layout->scope_error, &error, sizeof error) < 0) {
            break;
        }
        cause = error != 0 ? scope : cause;
        scope = fetch_word(reading, copy, scope + layout->scope_parent);
    }
    if (cause != 0 &&
        fetch(reading, copy, cause + layout->scope_error, &error, sizeof error) == 0) {
        info->cancel_error = error;
        info->cancel_reason =
            strings_text(reading->strings, fetch_word(reading, copy, cause + layout->scope_reason));
        info->cancel_site =
            strings_site(reading->strings, fetch_word(reading, copy, cause + layout->scope_origin));
        info->is_cancel_shielded = cancel == 0;
    }
}

static int add_frames(struct reading *reading, const struct stack_copy *copy,
                      const struct place *place, struct coil_task_info *info)
{
    struct coil__graph *graph = reading->result->graph;
    size_t count;

    if (reading->frame_count + MAX_FRAMES > reading->frame_max) {
        size_t max = 2 * reading->frame_max + MAX_FRAMES;
        void **grown = coil__realloc_array(graph->frames, max, sizeof *grown);

        if (!grown) {
            return -ENOMEM;
        }
        graph->frames = grown;
        reading->frame_max = max;
    }
    count = stacks_walk(reading->stacks, copy, place->sp, place->fp, place->pc,
                        (uintptr_t)reading->layout->context.root,
                        graph->frames + reading->frame_count, MAX_FRAMES);
    info->frame_count = count;
    reading->frame_count += count;
    return 0;
}

/* One that runs has its frames told if it is in a system call, and so does not run after all: it
 * blocks the loop. */
static int add_running_frames(struct reading *reading, const struct found *found,
                              struct coil_task_info *info)
{
    const struct memory *memory = reading->memory;
    struct place place = {.fp = 0}; /* nobody tells that one: it can be found on the way, or not */
    struct place again;
    uint64_t high = found->address;
    uint64_t low = high - found->low < STACK_MAX ? found->low : high - STACK_MAX;
    uint64_t size;
    struct stack_copy copy;

    if (!memory->find_thread ||
        !memory->find_thread(memory->user, low, high, &place.sp, &place.pc)) {
        return 0;
    }
    size = high - place.sp;
    copy = (struct stack_copy){.address = place.sp, .bytes = reading->stack, .size = (size_t)size};
    if (memory_read(memory, place.sp, reading->stack, (size_t)size) < 0 ||
        !memory->find_thread(memory->user, low, high, &again.sp, &again.pc) ||
        again.sp != place.sp || again.pc != place.pc) {
        return 0;
    }
    return add_frames(reading, &copy, &place, info);
}

/* Of a task that is suspended, or blocks. */
static int describe_stack(struct reading *reading, const struct stack_copy *copy,
                          const struct found *found, struct coil_task_info *info)
{
    struct place place = context_of(reading);

    if (!reading->stacks) {
        return 0;
    }
    if (info->state == COIL_TASK_RUNNING) {
        return add_running_frames(reading, found, info);
    }
    return copy->address < found->address ? add_frames(reading, copy, &place, info) : 0;
}

static void describe_name(const struct reading *reading, struct coil_task_info *info)
{
    const struct coil__layout *layout = reading->layout;

    memcpy(&info->id, reading->task + layout->task_id, sizeof info->id);
    memcpy(info->name, reading->task + layout->task_name, layout->name_size);
    info->name[sizeof info->name - 1] = '\0';
    strings_clean(info->name);
    if (info->name[0] == '\0') {
        coil__task_usual_name(info->name, info->id);
    }
}

static int describe(struct reading *reading, const struct stack_copy *copy, bool is_stable,
                    struct found *found, struct coil_task_info *info)
{
    const struct coil__layout *layout = reading->layout;
    const char *task = reading->task;

    *info = (struct coil_task_info){.fd = -1, .until = COIL_NEVER, .waited_ns = -1};
    describe_name(reading, info);
    info->site = strings_site(reading->strings, word_at(task, layout->task_site));
    info->fn = (const void *)(uintptr_t)word_at(task, layout->task_fn);
    found->awaiter = word_at(task, layout->task_awaiter);
    found->awaiters_next = word_at(task, layout->task_awaiters + offsetof(struct coil__list, next));
    found->waiters_next = word_at(task, layout->task_waiters + offsetof(struct coil__list, next));
    found->generation = (uint8_t)task[layout->task_generation];
    if ((unsigned char)task[layout->task_owner_kind] == layout->owned_by_object) {
        found->owner = word_at(task, layout->task_owner);
    }
    if (!is_stable) {
        info->state = COIL_TASK_READY;
        return 0;
    }
    describe_state(reading, copy, found, info);
    describe_cancel(reading, copy, info);
    return describe_stack(reading, copy, found, info);
}

static int grow(struct reading *reading)
{
    struct coil__graph *graph = reading->result->graph;
    size_t max = 2 * reading->max + 64;
    struct coil_task_info *infos;
    struct found *found;

    if (reading->count < reading->max) {
        return 0;
    }
    infos = coil__realloc_array(graph->infos, max, sizeof *infos);
    graph->infos = infos ? infos : graph->infos;
    found = infos ? coil__realloc_array(reading->found, max, sizeof *found) : NULL;
    if (!found) {
        return -ENOMEM;
    }
    reading->found = found;
    reading->max = max;
    return 0;
}

static int take_task(struct reading *reading, struct spot *spot)
{
    struct stack_copy copy;
    int rc = copy_task(reading, spot, &copy);
    struct found *found;

    if (rc == 1 || rc == -EFAULT) {
        return 0;
    }
    if (rc < 0) {
        return rc;
    }
    reading->result->changing += rc == 2;
    if (grow(reading) < 0) {
        return -ENOMEM;
    }
    found = &reading->found[reading->count];
    *found = (struct found){.address = spot->address, .low = spot->low, .index = reading->count};
    rc = describe(reading, &copy, rc == 0, found, &reading->result->graph->infos[reading->count]);
    reading->count += rc == 0;
    return rc;
}

/* --- all of a loop --- */

/* Reads many tasks with two calls, all of them once and once more. How many of them. */
static size_t look_ahead(struct reading *reading, struct spot *spots, size_t count)
{
    size_t task_size = reading->layout->task_size;
    size_t near = spots[0].near;
    uint64_t addresses[CHUNK];
    struct pieces pieces = {.addresses = addresses, .count = count, .size = near + task_size};
    char *again = reading->ahead + CHUNK * (NEAR + task_size);

    if (!reading->memory->read_many) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        addresses[i] = spots[i].address - near;
    }
    pieces.count = reading->memory->read_many(reading->memory->user, &pieces, reading->ahead);
    pieces.size = task_size;
    for (size_t i = 0; i < pieces.count; i++) {
        addresses[i] = spots[i].address;
    }
    if (pieces.count > 0) {
        pieces.count = reading->memory->read_many(reading->memory->user, &pieces, again);
    }
    for (size_t i = 0; i < pieces.count; i++) {
        spots[i].seen = reading->ahead + i * (near + task_size);
        spots[i].seen_again = again + i * task_size;
    }
    return pieces.count;
}

struct slab {
    uint64_t base;
    uint64_t stride;
    uint32_t fresh;
};

static int take_chunk(struct reading *reading, const struct slab *slab, uint32_t first,
                      size_t count)
{
    const struct coil__stack_layout *layout = &reading->stack_layout;
    struct spot spots[CHUNK];
    int rc = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t n = first + (uint32_t)i;
        uint64_t start = slab->base + n * slab->stride;
        uint64_t high = start + slab->stride - (uint64_t)(n % layout->colours) * layout->line;
        uint64_t size = slab->stride - layout->guard - reading->layout->task_size -
                        (uint64_t)layout->colours * layout->line;

        spots[i] = (struct spot){
            .low = start + layout->guard,
            .address = high - reading->layout->task_size,
            .near = size < NEAR ? 0 : NEAR,
        };
    }
    look_ahead(reading, spots, count);
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = take_task(reading, &spots[i]);
    }
    return rc;
}

static int take_slab(struct reading *reading, const char *bytes)
{
    const struct coil__stack_layout *layout = &reading->stack_layout;
    struct slab slab = {
        .base = word_at(bytes, layout->base),
        .stride = word_at(bytes, layout->stride),
    };
    uint32_t count;
    int rc = 0;

    memcpy(&count, bytes + layout->count, sizeof count);
    memcpy(&slab.fresh, bytes + layout->fresh, sizeof slab.fresh);
    if (slab.stride < (UINT64_C(1) << COIL__STACK_MIN_LOG2) ||
        slab.stride > (UINT64_C(1) << COIL__STACK_MAX_LOG2) || slab.fresh > count ||
        count > (UINT64_C(1) << COIL__STACK_MAX_LOG2) / slab.stride) {
        return 0; /* none, or no longer */
    }
    for (uint32_t i = 0; i < slab.fresh && rc == 0 && reading->stacks_left > 0; i += CHUNK) {
        size_t next = slab.fresh - i < CHUNK ? slab.fresh - i : CHUNK;

        next = next < reading->stacks_left ? next : reading->stacks_left;
        reading->stacks_left -= next;
        rc = take_chunk(reading, &slab, i, next);
    }
    return rc;
}

static int take_slabs(struct reading *reading)
{
    const struct coil__stack_layout *layout = &reading->stack_layout;
    uint64_t address = word_at(reading->loop, reading->layout->loop_stacks + layout->pool_all);
    char *slab = coil__malloc(layout->slab_size);
    uint64_t seen = 0; /* a list that is damaged may be a ring (Brent, 1980) */
    int rc = slab ? 0 : -ENOMEM;

    for (int i = 0; i < MAX_SLABS && address != 0 && address != seen && rc == 0; i++) {
        seen = (i & (i - 1)) == 0 ? address : seen;
        rc = memory_read(reading->memory, address, slab, layout->slab_size);
        if (rc == 0) {
            rc = take_slab(reading, slab);
            address = word_at(slab, layout->next_all);
        }
    }
    coil__free(slab);
    return rc == -EFAULT ? 0 : rc;
}

static void look_at_thread(struct reading *reading)
{
    const struct coil__layout *layout = reading->layout;
    uint64_t thread = word_at(reading->loop, layout->loop_owner);

    if (thread != 0 &&
        read_word(reading->memory, thread + layout->thread_loop) == reading->address) {
        reading->running = read_word(reading->memory, thread + layout->thread_task);
    }
}

static void look_at_backend(struct reading *reading)
{
    const struct coil__layout *layout = reading->layout;
    uint64_t backend = word_at(reading->loop, layout->loop_backend);
    uint64_t class = read_word(reading->memory, backend + layout->backend_class);
    const char *name =
        strings_text(reading->strings, read_word(reading->memory, class + layout->class_name));
    unsigned char is_simulated = 0;
    size_t size = sizeof reading->result->backend - 1;

    if (name) {
        memcpy(reading->result->backend, name, strnlen(name, size));
    }
    (void)memory_read(reading->memory, backend + layout->backend_is_simulated, &is_simulated, 1);
    if (is_simulated) {
        memcpy(&reading->now, reading->loop + layout->loop_polled_at, sizeof reading->now);
    }
}

static void look_at_locks(struct reading *reading)
{
    const struct coil__layout *layout = reading->layout;
    uint64_t class = word_at(reading->loop, layout->loop_locks);

    if (class != 0) {
        reading->lock_what = read_word(reading->memory, class + layout->lock_what);
        reading->lock_list = read_word(reading->memory, class + layout->lock_list);
        reading->lock_holder = read_word(reading->memory, class + layout->lock_holder);
    }
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = ((const struct coil_task_info *)a)->id;
    uint64_t y = ((const struct coil_task_info *)b)->id;

    return (x > y) - (x < y);
}

/* The infos in the order of their ids. As nobody points to them yet they can be moved, if those who
 * know them by their place are told: `fn` is where the place is kept meanwhile. */
static int sort_infos(struct reading *reading)
{
    struct coil_task_info *infos = reading->result->graph->infos;
    const void **fns = coil__calloc(reading->count + 1, sizeof *fns);

    if (!fns) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < reading->count; i++) {
        fns[i] = infos[i].fn;
        infos[i].fn = (const void *)(uintptr_t)i;
    }
    if (reading->count > 0) {
        qsort(infos, reading->count, sizeof *infos, compare_ids);
    }
    for (size_t i = 0; i < reading->count; i++) {
        size_t place = (uintptr_t)infos[i].fn;

        reading->found[place].index = i;
        infos[i].fn = fns[place];
    }
    coil__free(fns);
    return 0;
}

static int take_tasks(struct reading *reading)
{
    struct coil__graph *graph = reading->result->graph;
    int rc = take_slabs(reading);

    if (rc < 0 || grow(reading) < 0) {
        return rc < 0 ? rc : -ENOMEM;
    }
    graph->public.tasks = graph->infos;
    graph->public.count = reading->count;
    coil__graph_point_to_frames(graph);
    reading->links_left = LINKS_EACH * reading->count + LINKS_MORE;
    rc = sort_infos(reading);
    return rc < 0 ? rc : read_edges(reading);
}

/* Says where the reading's memory is; `task`, `again` and `stack` are of one piece, with room for
 * a task behind the stack. */
static int prepare(struct reading *reading)
{
    const struct coil__layout *layout = reading->layout;

    reading->result->graph = coil__calloc(1, sizeof *reading->result->graph);
    reading->loop = coil__malloc(layout->loop_size);
    reading->stack = coil__malloc(STACK_MAX + 3 * (size_t)layout->task_size);
    reading->ahead = coil__malloc(CHUNK * (NEAR + 2 * (size_t)layout->task_size));
    if (!reading->result->graph || !reading->loop || !reading->stack || !reading->ahead) {
        return -ENOMEM;
    }
    reading->task = reading->stack + STACK_MAX + layout->task_size;
    reading->again = reading->task + layout->task_size;
    return memory_read(reading->memory, reading->address, reading->loop, layout->loop_size);
}

static void release(struct reading *reading)
{
    coil__free(reading->loop);
    coil__free(reading->stack);
    coil__free(reading->ahead);
    coil__free(reading->found);
    coil__free(reading->edges);
}

static bool is_of(const struct reading *reading, int process)
{
    int made_by;

    memcpy(&made_by, reading->loop + reading->layout->loop_process, sizeof made_by);
    return process == 0 || made_by == process;
}

/* 1: it is the copy of a loop of the process that has forked this one. */
static int take_loop(struct reading *reading, int process)
{
    const struct coil__layout *layout = reading->layout;
    int rc = prepare(reading);

    if (rc < 0 || !is_of(reading, process)) {
        return rc < 0 ? rc : 1;
    }
    reading->debug = reading->loop[layout->loop_debug] != 0;
    reading->mark = word_at(reading->loop, layout->loop_mark);
    reading->result->expected = (size_t)word_at(reading->loop, layout->loop_task_count);
    look_at_thread(reading);
    look_at_backend(reading);
    look_at_locks(reading);
    return take_tasks(reading);
}

/* --- all of them --- */

static bool has_sane_parts(const struct reading *reading)
{
    const struct coil__stack_layout *stacks = &reading->stack_layout;
    const struct coil__wait_layout *waits = &reading->wait_layout;

    return stacks->slab_size >= 64 && stacks->slab_size <= 4096 && stacks->colours > 0 &&
           stacks->base <= stacks->slab_size - 8 && stacks->stride <= stacks->slab_size - 8 &&
           stacks->count <= stacks->slab_size - 8 && stacks->fresh <= stacks->slab_size - 8 &&
           stacks->next_all <= stacks->slab_size - 8 && stacks->guard <= 1 << 16 &&
           reading->layout->loop_stacks + stacks->pool_all + 8 <= reading->layout->loop_size &&
           stacks->pool_all <= 4096 && waits->sleep_when <= 4096 && waits->op_pointer <= 4096 &&
           (uint64_t)stacks->colours * stacks->line <= 1 << 13;
}

static int read_parts(struct reading *reading)
{
    const struct coil__layout *layout = reading->layout;
    int rc = memory_read(reading->memory, (uintptr_t)layout->stacks, &reading->stack_layout,
                         sizeof reading->stack_layout);

    if (rc == 0) {
        rc = memory_read(reading->memory, (uintptr_t)layout->waits, &reading->wait_layout,
                         sizeof reading->wait_layout);
    }
    return rc == 0 && !has_sane_parts(reading) ? -EFAULT : rc;
}

static int add_loop(struct snapshot *snapshot, const struct reading *parts, uint64_t address,
                    int process)
{
    struct snapshot_loop result = {0};
    struct snapshot_loop *grown =
        coil__realloc_array(snapshot->loops, snapshot->count + 1, sizeof *grown);
    struct reading reading = *parts;
    int rc;

    if (!grown) {
        return -ENOMEM;
    }
    snapshot->loops = grown;
    reading.address = address;
    reading.result = &result;
    reading.stacks_left = MAX_STACKS;
    rc = take_loop(&reading, process);
    release(&reading);
    if (rc == 0) {
        snapshot->loops[snapshot->count++] = result;
        return 0;
    }
    coil_task_graph_free(result.graph ? &result.graph->public : NULL);
    return rc == 1 || rc == -EFAULT ? 0 : rc; /* it has ended meanwhile */
}

static int take_all(struct snapshot *snapshot, struct reading *parts, int process)
{
    size_t max =
        parts->layout->max_loops < COIL__MAX_LISTED ? parts->layout->max_loops : COIL__MAX_LISTED;
    void *slots[COIL__MAX_LISTED];
    size_t used = 0;
    int rc =
        memory_read(parts->memory, (uintptr_t)parts->layout->loops, slots, max * sizeof *slots);

    for (size_t i = 0; i < max && rc == 0; i++) {
        if (slots[i]) {
            used++;
            rc = add_loop(snapshot, parts, (uintptr_t)slots[i], process);
        }
    }
    snapshot->has_more_loops = used == max;
    return rc;
}

int snapshot_take(const struct memory *memory, const struct coil__layout *layout, int process,
                  struct stacks *stacks, struct snapshot **ret_snapshot)
{
    struct reading parts = {.memory = memory, .layout = layout, .stacks = stacks};
    struct snapshot *snapshot = coil__calloc(1, sizeof *snapshot);
    int rc = snapshot ? strings_new(memory, layout, &snapshot->strings) : -ENOMEM;

    if (rc == 0) {
        parts.strings = snapshot->strings;
        rc = read_parts(&parts);
    }
    if (rc == 0) {
        rc = take_all(snapshot, &parts, process);
    }
    if (rc < 0) {
        snapshot_free(snapshot);
        return rc;
    }
    *ret_snapshot = snapshot;
    return 0;
}

void snapshot_free(struct snapshot *snapshot)
{
    if (snapshot) {
        for (size_t i = 0; i < snapshot->count; i++) {
            coil_task_graph_free(&snapshot->loops[i].graph->public);
        }
        coil__free(snapshot->loops);
        strings_free(snapshot->strings);
        coil__free(snapshot);
    }
}
