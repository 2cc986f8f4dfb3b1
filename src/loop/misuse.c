/* misuse.c - in debug mode, sentences about what was used where it must not be.
 *
 * The memory of a loop that is not this thread's is not looked at: it may be gone. Such a loop has
 * no name here, but for where the program has just handed it over itself.
 */
#include "loop/ledger.h"

#include "base/text.h"
#include "sys/environment.h"
#include "sys/thread.h"

enum { TEXT_SIZE = 512 };

/* The same, if it is one of this thread's loops. */
static const struct coil_loop *known(const struct coil_loop *loop)
{
    const struct coil_loop *mine = coil__thread.loops;

    while (mine && mine != loop) {
        mine = mine->next_of_thread;
    }
    return mine;
}

static const struct coil_loop *maker_of(const void *handle)
{
    const struct coil_loop *loop = coil__thread.loops;
    void *object;

    while (loop && !coil__handle_open(handle, loop->mark, &object)) {
        loop = loop->next_of_thread;
    }
    return loop;
}

bool coil__misuse_is_told(void)
{
    return coil__thread.loop ? coil__thread.loop->debug : coil__environment_flag("COIL_DEBUG");
}

void coil__misuse_add_owner(struct coil__text *text, const struct coil_loop *loop)
{
    loop = known(loop);
    if (loop) {
        coil__text_add(text, "loop %u of this thread", loop->number);
    } else {
        coil__text_add(text, "another thread's loop, or an ended one,");
    }
}

void coil__misuse_add_here(struct coil__text *text)
{
    const struct coil_loop *loop = coil__thread.loop;

    if (loop) {
        coil__text_add(text, "loop %u of ", loop->number);
    }
    coil__text_add(text, "thread %d", coil__os_thread_number());
}

int coil__misuse_null(const char *what)
{
    char buf[TEXT_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};

    if (!coil__misuse_is_told()) {
        return -EINVAL;
    }
    coil__text_add(&text, "%s is NULL", what);
    return coil__misuse_told(-EINVAL, buf);
}

/* The loop that was handed over may be in debug mode although nothing here says so. */
int coil__misuse_thread(const struct coil_loop *loop)
{
    char buf[TEXT_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};
    struct coil_report report = {.message = buf, .error = -COIL_EWRONGTHREAD};

    if (!loop->debug && !coil__misuse_is_told()) {
        return -COIL_EWRONGTHREAD;
    }
    coil__text_add(&text, "loop %u of thread %d was used in ", loop->number, loop->thread);
    coil__misuse_add_here(&text);
    coil__text_add(&text, ": from there use coil_call_soon_threadsafe or coil_thread_call_start");
    if (coil__misuse_is_told()) {
        return coil__misuse_told(-COIL_EWRONGTHREAD, buf);
    }
    coil__report_print(&report);
    return -COIL_EWRONGTHREAD;
}

int coil__misuse_loop(const char *what, const struct coil_loop *loop)
{
    char buf[TEXT_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};

    if (coil__thread.is_forked) {
        return coil__misuse(-COIL_EFORKED);
    }
    if (!coil__misuse_is_told()) {
        return -COIL_EWRONGTHREAD;
    }
    coil__text_add(&text, "%s that belongs to ", what);
    coil__misuse_add_owner(&text, loop);
    coil__text_add(&text, " was used in ");
    coil__misuse_add_here(&text);
    coil__text_add(&text, known(loop) ? ": it stays with the loop that has used it first"
                                      : ": from a thread use coil_call_soon_threadsafe");
    return coil__misuse_told(-COIL_EWRONGTHREAD, buf);
}

static void add_place(struct coil__text *text, const struct coil_loop *loop, const void *handle,
                      enum coil__opened kind)
{
    const struct coil__trace *trace = NULL;
    struct coil_site site;
    void *object;

    if (loop && coil__handle_open(handle, loop->mark, &object)) {
        trace = coil__ledger_find(loop->ledger, kind, object);
    }
    if (trace && coil__trace_site(trace, &site)) {
        coil__text_add(text, "\n  it was opened at %s:%d in %s", coil__text_base_name(site.file),
                       site.line, site.func);
    }
}

int coil__object_refuse(int rc, const void *handle, const struct coil__object_class *class)
{
    char buf[TEXT_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};
    const struct coil_loop *loop;

    if (rc == -EINVAL) {
        coil__text_add(&text, "%s is NULL: look at what the call that opens it returns",
                       class->name);
    } else if (!coil__misuse_is_told() || !coil__thread.loop) {
        return rc; /* without a loop coil__no_task has told */
    } else if (rc == -COIL_ECLOSED) {
        coil__text_add(&text, "%s was used that is closed: its handle is gone with %s", class->name,
                       class->enders);
    } else {
        loop = maker_of(handle);
        coil__text_add(&text, "%s of ", class->name);
        coil__misuse_add_owner(&text, loop);
        coil__text_add(&text, " was used in ");
        coil__misuse_add_here(&text);
        coil__text_add(&text, ": use it in its own one, while that runs");
        add_place(&text, loop, handle, class->kind);
    }
    return coil__misuse_told(rc, buf);
}
