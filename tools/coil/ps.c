/* ps.c - `coil ps` and `coil pstree`: look at a process, once or again and again. */
#include "command.h"
#include "failure.h"
#include "show.h"
#include "stacks.h"
#include "target.h"

#include <coil/base.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { TAKES = 3, DEFAULT_SECONDS = 2, NICER = 5 };

struct options {
    int pid;
    bool is_json;
    bool is_tree;
    double watch; /* seconds; 0: once */
};

#define OPTIONS_HELP                                                                               \
    "  --json               for programs: one object on one line\n"                                \
    "  --watch [SECONDS]    again and again, every 2 seconds or as given, until Ctrl-C\n"          \
    "  --help               this\n"                                                                \
    "\n"                                                                                           \
    "The process needs no preparation and no debug mode: any program linked with libcoil can be\n" \
    "looked at, a release build too. It is neither stopped nor written to. Function names need\n"  \
    "symbols, lines need debug information (-g), in the file or in its debug package. How long "   \
    "a\n"                                                                                          \
    "task has waited is known in debug mode only (COIL_DEBUG=1). It takes the permission to\n"     \
    "debug the process: your own, or root's.\n"                                                    \
    "\n"                                                                                           \
    "exit status:\n"                                                                               \
    "  0  all is well            4  no libcoil in it\n"                                            \
    "  1  no such process, or    5  another version of libcoil in it\n"                            \
    "     it has ended           6  something else went wrong\n"                                   \
    "  2  wrong usage\n"                                                                           \
    "  3  no permission\n"

static int run(const struct command *command, int argc, char **argv);

const struct command command_ps = {
    .name = "ps",
    .usage = "PID",
    .line = "the tasks of a running process, as a table",
    .help = "Shows the tasks of a running process as a table, oldest first, those of each of its\n"
            "event loops: what each waits for, who awaits it, where it stands, where it was\n"
            "created. `coil pstree` has their stacks, too.\n"
            "\n" OPTIONS_HELP,
    .run = run,
};

const struct command command_pstree = {
    .name = "pstree",
    .usage = "PID",
    .line = "the same as a tree of who awaits whom, with stacks",
    .help =
        "Shows the tasks of a running process as a tree: below each task those that it awaits,\n"
        "with the calls in which each is suspended. It is what coil_print_tasks prints.\n"
        "\n" OPTIONS_HELP,
    .run = run,
};

/* --- the command line --- */

static bool is_number(const char *text, double *ret_number)
{
    char *end;

    *ret_number = strtod(text, &end);
    return *text != '\0' && *end == '\0' && *text != '-' && *text != '+';
}

static int take_pid(const struct command *command, const char *text, struct options *options)
{
    char *end;
    long pid;

    errno = 0;
    pid = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || errno != 0 || pid <= 0 || pid > INT_MAX) {
        return command_misused(command, "'%s' is no process id", text);
    }
    options->pid = (int)pid;
    return STATUS_OK;
}

static int take_seconds(const struct command *command, const char *text, struct options *options)
{
    if (!is_number(text, &options->watch) || !(options->watch >= 0.1) || options->watch > 1e6) {
        return command_misused(command, "'%s' is no number of seconds from 0.1 on", text);
    }
    return STATUS_OK;
}

/* What stands alone is the pid; of two numbers, the one behind --watch is the seconds. */
static int parse(const struct command *command, int argc, char **argv, struct options *options)
{
    const char *alone[2];
    int count = 0;
    int seconds = -1; /* the index of the word directly behind --watch */

    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];

        if (strcmp(word, "--json") == 0) {
            options->is_json = true;
        } else if (strcmp(word, "--watch") == 0) {
            options->watch = DEFAULT_SECONDS;
            seconds = i + 1 < argc && argv[i + 1][0] != '-' ? count : -1;
        } else if (strncmp(word, "--watch=", 8) == 0) {
            if (take_seconds(command, word + 8, options) != STATUS_OK) {
                return STATUS_USAGE;
            }
        } else if (word[0] == '-') {
            return command_misused(command, "there is no option '%s'", word);
        } else if (count == 2) {
            return command_misused(command, "'%s' is one too many", word);
        } else {
            alone[count++] = word;
        }
    }
    if (count == 0) {
        return command_misused(command, "which process? A process id is missing");
    }
    if (count == 2 && seconds < 0) {
        return command_misused(command, "'%s' is one too many", alone[1]);
    }
    if (count == 2 && take_seconds(command, alone[seconds], options) != STATUS_OK) {
        return STATUS_USAGE;
    }
    return take_pid(command, alone[count == 2 ? 1 - seconds : 0], options);
}

/* --- looking --- */

struct look {
    struct target target;
    struct coil__layout layouts[MAX_LAYOUTS];
    struct snapshot *snapshots[MAX_LAYOUTS];
    size_t count;
    struct stacks *stacks;
};

static size_t changing_in(const struct snapshot *snapshot)
{
    size_t sum = 0;

    for (size_t i = 0; i < snapshot->count; i++) {
        sum += snapshot->loops[i].changing;
    }
    return sum;
}

/* Where tasks change while they are read, once more may do better. */
static int take(struct look *look, size_t n)
{
    struct snapshot *best = NULL;
    int rc = 0;

    for (int i = 0; i < TAKES && (!best || changing_in(best) > 0); i++) {
        struct snapshot *next;

        rc = snapshot_take(&look->target.memory, &look->layouts[n], look->target.inner_pid,
                           look->stacks, &next);
        if (rc == 0 && best && changing_in(next) >= changing_in(best)) {
            snapshot_free(next);
        } else if (rc == 0) {
            snapshot_free(best);
            best = next;
        }
    }
    look->snapshots[n] = best;
    return best ? 0 : rc;
}

static enum status take_all(struct look *look, struct failure *failure)
{
    enum status status = target_find_layouts(&look->target, look->layouts, &look->count, failure);
    size_t n = 0;
    int rc = 0;

    if (status != STATUS_OK) {
        look->count = 0;
        return status;
    }
    if (stacks_are_there()) {
        (void)stacks_open(look->target.pid, &look->stacks); /* without, there are no names */
    }
    while (n < look->count && rc == 0) {
        rc = take(look, n);
        n += rc == 0;
    }
    look->count = n;
    return rc < 0 ? target_explain(&look->target, rc, failure) : STATUS_OK;
}

static void say_more(const struct look *look)
{
    const struct target *target = &look->target;
    size_t changing = 0;
    bool has_more = false;

    for (size_t i = 0; i < look->count; i++) {
        changing += changing_in(look->snapshots[i]);
        has_more |= look->snapshots[i]->has_more_loops;
    }
    if (target->tracer != 0) {
        fprintf(stderr, "coil: %s (%d) is being traced by process %d%s\n", target->name,
                target->pid, target->tracer, target->state == 't' ? ", which has stopped it" : "");
    } else if (target->state == 'T') {
        fprintf(stderr, "coil: %s (%d) is stopped\n", target->name, target->pid);
    }
    if (changing > 0) {
        fprintf(stderr,
                "coil: %zu task%s changed while being read, %d times in a row: shown as ready, "
                "without a stack\n",
                changing, changing == 1 ? "" : "s", TAKES);
    }
    if (has_more) {
        fprintf(stderr, "coil: there are more loops than can be seen from outside\n");
    }
    if (!stacks_are_there()) {
        fprintf(stderr, "coil: this coil was built without libdw: no stacks, no function names\n");
    } else if (!look->stacks) {
        fprintf(stderr, "coil: the files of %s could not be opened: no stacks, no function names\n",
                target->name);
    } else if (look->count > 0 && !look->layouts[0].context.root) {
        fprintf(stderr, "coil: libcoil in %s was built with -Dcontext=ucontext: no stacks\n",
                target->name);
    } else if (stacks_nameless(look->stacks)) {
        fprintf(stderr,
                "coil: %s has no symbols: some function names are missing (it is stripped; its "
                "debug package, if there is one, has them)\n",
                stacks_nameless(look->stacks));
    }
}

static int show(const struct look *look, const struct options *options)
{
    struct view view = {
        .target = &look->target, .snapshots = look->snapshots, .count = look->count};
    int rc;

    if (options->is_json) {
        rc = show_json(stdout, &view);
    } else if (view_count(&view) == 0) {
        printf("%s (%d): no event loop that has had a task\n", look->target.name, look->target.pid);
        rc = 0;
    } else {
        rc = options->is_tree ? show_tree(stdout, &view) : show_table(stdout, &view);
    }
    return rc == 0 && (fflush(stdout) != 0 || ferror(stdout)) ? -EIO : rc;
}

static void look_away(struct look *look)
{
    for (size_t i = 0; i < look->count; i++) {
        snapshot_free(look->snapshots[i]);
    }
    stacks_close(look->stacks);
    target_close(&look->target);
}

static enum status look_once(const struct options *options, bool is_first)
{
    struct look look = {.count = 0};
    struct failure failure = {.status = STATUS_OK};
    enum status status = target_open(&look.target, options->pid, &failure);

    if (status == STATUS_OK) {
        status = take_all(&look, &failure);
    }
    if (status == STATUS_OK) {
        int rc;

        if (options->watch > 0 && isatty(STDOUT_FILENO) && !options->is_json) {
            fputs("\033[H\033[J", stdout);
        } else if (!is_first && !options->is_json) {
            putchar('\n');
        }
        rc = show(&look, options);
        if (rc < 0) {
            status = fail(&failure, STATUS_FAILED, "%s",
                          rc == -ENOMEM ? "there is not enough memory" : "the output is broken");
        } else {
            say_more(&look);
        }
    }
    look_away(&look);
    if (status != STATUS_OK) {
        fprintf(stderr, "coil: %s\n", failure.text);
    }
    return status;
}

/* Waits for that long, or until the process has ended: then its number may be another one's. */
static enum status pause_for(double seconds, int process, int pid)
{
    struct pollfd end = {.fd = process, .events = POLLIN};
    struct timespec span = {.tv_sec = (time_t)seconds};

    span.tv_nsec = (long)((seconds - (double)span.tv_sec) * 1e9);
    if (ppoll(&end, 1, &span, NULL) <= 0) {
        return STATUS_OK;
    }
    fprintf(stderr, "coil: process %d has ended\n", pid);
    return STATUS_GONE;
}

/* Looks again and again. */
static enum status watch(const struct options *options)
{
    int process = pidfd_open(options->pid, 0); /* -1: an old kernel; a look notices its end, too */
    enum status status = look_once(options, true);

    while (status == STATUS_OK) {
        status = pause_for(options->watch, process, options->pid);
        if (status == STATUS_OK) {
            status = look_once(options, false);
        }
    }
    if (process >= 0) {
        close(process);
    }
    return status;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct options options = {.is_tree = command == &command_pstree};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            command_help(command);
            return STATUS_OK;
        }
    }
    if (parse(command, argc, argv, &options) != STATUS_OK) {
        return STATUS_USAGE;
    }
    /* Where they share a processor, the process goes first. */
    (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICER);
    return options.watch > 0 ? watch(&options) : look_once(&options, true);
}
