/* lost.c - what is said of tasks that nobody has asked for: their errors, and in debug mode that
 * they were never awaited; and why a task could not be made.
 *
 * In debug mode a task's trace stands on its own stack, below its struct: it costs no allocation,
 * and is gone with the task.
 */
#include "task/task.h"

#include "loop/trace.h"

enum { TEXT_SIZE = 2048 };

size_t coil__task_trace_size(const struct coil_loop *loop)
{
    return loop->debug ? (sizeof(struct coil__trace) + 15) & ~(size_t)15 : 0;
}

static struct coil__trace *trace_of(const struct coil_task *task)
{
    char *base = (char *)(uintptr_t)task;

    return (struct coil__trace *)(void *)(base - coil__task_trace_size(task->loop));
}

void coil__task_trace(struct coil_task *task)
{
    coil__trace_take(trace_of(task));
}

size_t coil__task_get_room(const struct coil_task *task)
{
    const char *here = __builtin_frame_address(0);

    return here > task->stack.low && here < (const char *)task ? (size_t)(here - task->stack.low)
                                                               : SIZE_MAX;
}

/* Noinline: the text takes room only where there is some. */
static __attribute__((noinline)) void report_traced(struct coil_task *task,
                                                    struct coil_report *report)
{
    char buf[TEXT_SIZE];
    struct coil__text text = {.start = buf, .size = sizeof buf};
    struct coil_site site;

    coil__text_add(&text, "%s", report->message);
    report->message = buf;
    if (!report->site && coil__trace_site(trace_of(task), &site)) {
        report->site = &site;
    }
    coil__trace_tell(&text, trace_of(task));
    coil__loop_report(task->loop, report);
}

void coil__task_report(struct coil_task *task, const char *message, int error)
{
    struct coil_report report = {
        .message = message,
        .error = error,
        .task_name = coil_task_name(coil__task_handle(task)),
        .site = task->site,
        .origin = error < 0 ? task->root.origin_ : NULL,
    };

    if (task->loop->debug && coil__task_get_room(task) >= COIL__TRACE_ROOM &&
        coil__trace_has_room()) {
        report_traced(task, &report);
    } else {
        coil__loop_report(task->loop, &report);
    }
}

void coil__task_report_unclaimed(struct coil_task *task)
{
    if (task->rc < 0 && task->rc != -ECANCELED) {
        coil__task_report(task, "error of a task that was never awaited", task->rc);
    } else if (task->loop->debug) {
        coil__task_report(task, "a task was never awaited, detached or given to a group", 0);
    }
}

void coil__task_explain_failure(struct coil_loop *loop)
{
    struct coil_report report = {
        .message = "no more stacks: their guard pages have reached vm.max_map_count; raise it "
                   "(sysctl vm.max_map_count), or use a kernel with guard regions (6.13)",
        .error = -ENOMEM,
    };

    if (loop->stacks.is_at_map_limit) {
        loop->stacks.is_at_map_limit = false;
        coil__loop_report(loop, &report);
    }
}
