/* overflow.c - a recursion that goes deeper than the task's stack.
 *
 * The guard page below the stack ends the process before anything else is written over. The last
 * words say which task it was, where, and how to give it more.
 */
#include <coil.h>
#include <stdio.h>

struct folder {
    const char *name;
    const struct folder *child;
};

struct path {
    const struct path *parent;
    char name[120];
};

static int list(const struct folder *folder, const struct path *parent)
{
    struct path here = {.parent = parent};

    if (!folder) {
        for (; parent; parent = parent->parent) {
            puts(parent->name);
        }
        return 0;
    }
    for (int i = 0; folder->name[i] && i < 119; i++) {
        here.name[i] = folder->name[i];
    }
    return list(folder->child, &here);
}

static int find(void *arg)
{
    int rc = list(arg, NULL);

    return rc < 0 ? rc : 0;
}

static int amain(void *arg)
{
    struct folder root = {.name = "root", .child = &root}; /* a link to itself: no end */
    struct coil_task *task = coil_create_task(find, &root);

    (void)arg;
    coil_task_set_name(task, "find");
    return coil_await(task);
}

int main(void)
{
    struct coil_run_options options = {.report_overflow = true};

    return coil_run_with(&options, amain, NULL) < 0;
}
