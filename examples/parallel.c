/* parallel.c - runs commands, some of them at a time, and shows what they say in their order.
 *
 *     parallel [-j N] [-m MIB] [COMMAND...]
 *
 *     -j N       so many at a time, 1 to 1000; 4
 *     -m MIB     the most that is kept of what one says, 1 to 1000000; 16. Who says more is ended
 *     COMMAND    is given to a shell; without commands: one a line from standard input
 *
 * What a command says, errors included, is shown when it and all before it have ended; then a table
 * of how they ended, on standard error. Exit status: 0 when all were successful, 1 when one was
 * not, 2 when the options are wrong. SIGINT (Ctrl-C) and SIGTERM end all that run, with what they
 * have started, and show what there is, up to their last words.
 */
#include <coil.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum state { WAITS, RUNS, ENDED };

struct job {
    const char *command;
    struct coil_process_output output;
    int64_t took_ns;
    int status; /* once it has ended: as of coil_process_wait, or an error */
    enum state state;
};

/* One set of jobs; a task of each job's finds it here. */
static struct {
    struct job *jobs;
    size_t count;
    size_t limit;
    size_t max_output; /* of one of them, in bytes */
    size_t shown;      /* jobs whose output was printed: always the first ones */
    bool has_terminal;
} all;

static size_t count_of(enum state state)
{
    size_t count = 0;

    for (size_t i = 0; i < all.count; i++) {
        count += all.jobs[i].state == state;
    }
    return count;
}

static void show_progress(void)
{
    if (all.has_terminal) {
        fprintf(stderr, "\r%zu of %zu done, %zu running\033[K", count_of(ENDED), all.count,
                count_of(RUNS));
    }
}

static void hide_progress(void)
{
    if (all.has_terminal) {
        fprintf(stderr, "\r\033[K");
    }
}

/* Prints the output of a job that has ended. */
static void show_output(struct job *job)
{
    if (job->output.size > 0) {
        hide_progress();
        fwrite(job->output.data, 1, job->output.size, stdout);
        fflush(stdout);
    }
    if (job->status == -COIL_ELIMIT) {
        hide_progress();
        fprintf(stderr, "parallel: it says more than %zu MiB (see -m) and was ended: %s\n",
                all.max_output >> 20, job->command);
    }
    coil_process_output_deinit(&job->output);
}

static void show_what_is_next(void)
{
    while (all.shown < all.count && all.jobs[all.shown].state == ENDED) {
        show_output(&all.jobs[all.shown++]);
    }
    show_progress();
}

/* One job, in a task of its own. A session of its own makes a whole group of it, which is ended
 * together, and keeps the terminal's Ctrl-C for this program alone. */
static int run_job(void *arg)
{
    static const struct coil_process_options options = {
        .in = COIL_PROCESS_NULL, .err = COIL_PROCESS_MERGE, .new_session = true};
    struct job *job = arg;
    const char *argv[] = {"/bin/sh", "-c", job->command, NULL};
    int64_t start = coil_now();

    job->state = RUNS;
    job->output.max = all.max_output;
    show_progress();
    job->status = coil_process_run(&options, argv, NULL, 0, &job->output, NULL);
    job->took_ns = coil_now() - start;
    job->state = ENDED;
    show_what_is_next();
    return 0; /* a command that fails does not keep the others from running */
}

/* SIGTERM does what coil_run does by itself when SIGINT comes. */
static void on_sigterm(int signum, void *user)
{
    (void)signum;
    coil_cancel_because(user, "SIGTERM");
}

static int amain(void *arg)
{
    struct coil_signal_watch watch = {0};
    int rc =
        coil_signal_start(coil_loop_current(), &watch, SIGTERM, on_sigterm, coil_current_task());

    (void)arg;
    if (rc == 0) {
        rc = coil_map(run_job, all.jobs, all.count, sizeof *all.jobs, all.limit);
        coil_signal_stop(&watch);
    }
    return rc;
}

/* --- the summary --- */

static bool has_failed(const struct job *job)
{
    return job->state != ENDED || job->status != 0;
}

static void describe(const struct job *job, char *buf, size_t size)
{
    if (job->state != ENDED) {
        snprintf(buf, size, "not run");
    } else if (job->status == -ECANCELED) {
        snprintf(buf, size, "ended");
    } else if (job->status == -COIL_ELIMIT) {
        snprintf(buf, size, "too long");
    } else if (job->status < 0) {
        snprintf(buf, size, "%s", coil_errname(job->status));
    } else if (job->status >= COIL_PROCESS_KILLED) {
        const char *name = sigabbrev_np(job->status - COIL_PROCESS_KILLED);

        snprintf(buf, size, "SIG%s", name ? name : "?");
    } else {
        snprintf(buf, size, "%d", job->status);
    }
}

/* Returns how many have failed. */
static size_t show_summary(int64_t took_ns)
{
    size_t failed = 0;
    int64_t sum = 0;

    hide_progress();
    fprintf(stderr, "   status  seconds  command\n");
    for (size_t i = 0; i < all.count; i++) {
        const struct job *job = &all.jobs[i];
        char status[32];

        describe(job, status, sizeof status);
        fprintf(stderr, "%9s %8.2f  %s\n", status, (double)job->took_ns / COIL_SEC, job->command);
        failed += has_failed(job);
        sum += job->took_ns;
    }
    fprintf(stderr, "%zu commands, %zu failed, %.2f s; one by one %.2f s\n", all.count, failed,
            (double)took_ns / COIL_SEC, (double)sum / COIL_SEC);
    return failed;
}

/* --- the commands --- */

static bool add_job(const char *command)
{
    struct job *jobs = realloc(all.jobs, (all.count + 1) * sizeof *jobs);

    if (!jobs) {
        return false;
    }
    all.jobs = jobs;
    all.jobs[all.count++] = (struct job){.command = command};
    return true;
}

static bool read_jobs(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    bool ok = true;

    while (ok && (length = getline(&line, &size, stdin)) > 0) {
        length -= line[length - 1] == '\n';
        if (length > 0) {
            char *command = strndup(line, (size_t)length);

            ok = command && add_job(command);
        }
    }
    free(line);
    return ok;
}

static int usage(FILE *out)
{
    fprintf(out, "usage: parallel [-j N] [-m MIB] [COMMAND...]\n"
                 "\n"
                 "Runs commands, one a line from standard input if none is given, and shows what\n"
                 "they say in their order.\n"
                 "\n"
                 "  -j N      so many at a time; 4\n"
                 "  -m MIB    the most that is kept of what one says; 16\n"
                 "  --help    says this\n");
    return out == stdout ? 0 : 2;
}

static bool take_number(const char *text, unsigned long max, size_t *ret_number)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (end == text || *end || number < 1 || number > max) {
        return false;
    }
    *ret_number = number;
    return true;
}

/* -1: go on; else the exit status. */
static int take_options(int argc, char **argv)
{
    static const struct option options[] = {{.name = "help", .val = 'h'}, {.name = NULL}};
    size_t mib = 16;
    bool is_good = true;
    int option;

    all.limit = 4;
    while (is_good && (option = getopt_long(argc, argv, "+j:m:h", options, NULL)) != -1) {
        switch (option) {
        case 'j':
            is_good = take_number(optarg, 1000, &all.limit);
            break;
        case 'm':
            is_good = take_number(optarg, 1000000, &mib);
            break;
        case 'h':
            return usage(stdout);
        default:
            is_good = false;
        }
    }
    all.max_output = mib << 20;
    return is_good ? -1 : usage(stderr);
}

int main(int argc, char **argv)
{
    int64_t start = coil_now();
    int rc = take_options(argc, argv);
    bool ok = true;

    if (rc >= 0) {
        return rc;
    }
    for (int i = optind; i < argc && ok; i++) {
        ok = add_job(argv[i]);
    }
    if (!ok || (optind == argc && !read_jobs())) {
        fprintf(stderr, "parallel: no memory\n");
        return 1;
    }
    all.has_terminal = isatty(STDERR_FILENO);
    rc = all.count > 0 ? coil_run(amain, NULL) : 0;
    for (; all.shown < all.count; all.shown++) { /* after a signal there may be gaps */
        show_output(&all.jobs[all.shown]);
    }
    if (rc < 0 && rc != -EINTR && rc != -ECANCELED) {
        fprintf(stderr, "parallel: %s\n", coil_strerror(rc));
        return 1;
    }
    return show_summary(coil_now() - start) > 0 || rc < 0;
}
