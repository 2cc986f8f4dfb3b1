/* The access log in a file: when it is written, what happens when it cannot be, and how it is
 * rotated. */
#include "../io/files.h"
#include "fault.h"
#include "in_task.h"

#include <coil/http_log_file.h>
#include <coil/http_server.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 1024 * 1024 };

#define LINE(n) "10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"GET /" n " HTTP/1.1\" 200 5\n"

static struct coil_http_log_writer *writer;
static char text[ROOM];

static void log_one(const char *path)
{
    struct coil_http_record record = {.peer = "10.0.0.1",
                                      .time_ns = 971186136 * COIL_SEC,
                                      .method = "GET",
                                      .path = path,
                                      .version = "HTTP/1.1",
                                      .status = 200,
                                      .body_size = 5,
                                      .is_whole = true};

    coil_http_log_write(&record, writer);
}

static struct coil_http_log_usage usage(void)
{
    struct coil_http_log_usage now = {0};

    CHECK_OK(coil_http_log_get_usage(writer, &now));
    return now;
}

static const char *read_file(const char *name)
{
    FILE *file = fopen(path_of(name).text, "r");
    size_t size;

    CHECK(file);
    size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    fclose(file);
    return text;
}

static void open_log(struct coil_http_log_options options)
{
    struct path path = path_of("log");

    if (!options.path && options.fd == 0) {
        options.path = path.text;
    }
    CHECK_OK(coil_http_log_open(&options, &writer));
}

/* --- writing --- */

TASK_TEST(log_file_is_written)
{
    struct stat status;

    umask(022);
    open_log((struct coil_http_log_options){0});
    CHECK_INT(stat(path_of("log").text, &status), ==, 0);
    CHECK_INT(status.st_mode & 0777, ==, 0640);
    log_one("/a");
    log_one("/b");
    CHECK_STR(read_file("log"), "");
    CHECK_INT(usage().waiting, >, 0);
    CHECK_OK(coil_http_log_flush(writer));
    CHECK_STR(read_file("log"), LINE("a") LINE("b"));
    CHECK_INT(usage().waiting, ==, 0);
    CHECK_INT(usage().written, ==, 2);
    CHECK_OK(coil_http_log_flush(writer));
    log_one("/c");
    CHECK_OK(coil_http_log_close(writer));
    CHECK_STR(read_file("log"), LINE("a") LINE("b") LINE("c"));
    /* It is appended to. */
    open_log((struct coil_http_log_options){0});
    log_one("/d");
    CHECK_OK(coil_http_log_close(writer));
    CHECK_STR(read_file("log"), LINE("a") LINE("b") LINE("c") LINE("d"));
    return 0;
}

TASK_TEST(log_file_formats)
{
    open_log((struct coil_http_log_options){.format = COIL_HTTP_LOG_COMBINED});
    log_one("/a");
    CHECK_OK(coil_http_log_close(writer));
    CHECK_CONTAINS(read_file("log"), "\" 200 5 \"-\" \"-\"\n");
    open_log((struct coil_http_log_options){.format = COIL_HTTP_LOG_JSON});
    log_one("/b");
    CHECK_OK(coil_http_log_close(writer));
    CHECK_CONTAINS(read_file("log"), "\n{\"time\":\"2000-10-10T13:55:36.000000Z\",");
    return 0;
}

/* Enough lines, or enough time. */
TASK_TEST(log_file_is_written_by_itself)
{
    open_log((struct coil_http_log_options){.flush_ns = 20 * COIL_MSEC});
    log_one("/a");
    coil_timeout(PATIENCE) {
        while (usage().written == 0) {
            CHECK_OK(coil_sleep(5 * COIL_MSEC));
        }
    }
    CHECK_STR(read_file("log"), LINE("a"));
    CHECK_OK(coil_http_log_close(writer));
    open_log((struct coil_http_log_options){.flush_ns = COIL_NEVER, .flush_size = 1000});
    for (int i = 0; i < 20; i++) {
        log_one("/b");
    }
    coil_timeout(PATIENCE) {
        while (usage().written == 0) {
            CHECK_OK(coil_sleep(COIL_MSEC));
        }
    }
    CHECK_OK(coil_http_log_close(writer));
    return 0;
}

TASK_TEST(log_file_misuse)
{
    static const struct coil_http_log_options bad[] = {
        {.flush_ns = -1},
        {.close_timeout_ns = -1},
        {.fd = -1},
        {.max_waiting = 100},
        {.keep = 1001},
        {.max_size = 1},
        {.follows = true},
        {.format = (enum coil_http_log_format)9},
        {.reopen_signal = SIGKILL},
    };
    struct coil_http_log_options missing = {.path = "/nowhere/at/all"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_ERR(coil_http_log_open(&bad[i], &writer), -EINVAL);
    }
    CHECK_ERR(coil_http_log_open(NULL, NULL), -EINVAL);
    CHECK_ERR(coil_http_log_open(&missing, &writer), -ENOENT);
    missing.path = "/";
    CHECK_ERR(coil_http_log_open(&missing, &writer), -EISDIR);
    CHECK_OK(coil_http_log_close(NULL));
    CHECK_ERR(coil_http_log_flush(NULL), -EINVAL);
    CHECK_ERR(coil_http_log_reopen(NULL), -EINVAL);
    CHECK_ERR(coil_http_log_get_usage(NULL, NULL), -EINVAL);
    writer = NULL;
    log_one("/a");
    open_log((struct coil_http_log_options){0});
    coil_http_log_write(NULL, writer);
    CHECK_INT(usage().waiting, ==, 0);
    CHECK_OK(coil_http_log_close(writer));
    return 0;
}

COIL_TEST(log_file_without_a_loop)
{
    CHECK_ERR(coil_http_log_open(NULL, &writer), -COIL_ENOLOOP);
}

/* --- what is slow, or full --- */

static void open_pipe(int fds[2], struct coil_http_log_options options)
{
    CHECK_INT(pipe2(fds, O_CLOEXEC | O_NONBLOCK), ==, 0);
    options.fd = fds[1];
    open_log(options);
}

/* The sum of what the notes say. */
static uint64_t told(void)
{
    uint64_t sum = 0;

    for (const char *at = text; (at = strstr(at, "\n# [")); at++) {
        const char *number = strchr(at, ']') + 2;

        sum += strtoul(number, NULL, 10);
        CHECK(strstr(number, " dropped\n"));
    }
    return sum;
}

/* More than a pipe takes: nobody waits, and what is lost is told. */
TASK_TEST(log_file_that_is_slow)
{
    struct coil_http_log_options options = {.max_waiting = COIL_HTTP_LOG_LINE, .flush_size = 1};
    struct coil_http_log_usage last;
    size_t size = 0;
    ssize_t n;
    int fds[2];

    open_pipe(fds, options);
    for (int i = 0; i < 100; i++) {
        for (int j = 0; j < 100; j++) {
            log_one("/a");
        }
        coil_yield();
    }
    CHECK_INT(usage().dropped, >, 0);
    CHECK_INT(usage().waiting, >, 0);
    CHECK_INT(usage().waiting, <=, COIL_HTTP_LOG_LINE);
    coil_timeout(PATIENCE) {
        while (usage().waiting > 0) {
            n = coil_read(fds[0], text + size, sizeof text - 1 - size);
            CHECK_INT(n, >, 0);
            size += (size_t)n;
            coil_sleep(COIL_MSEC);
        }
    }
    last = usage();
    CHECK_INT(last.written + last.dropped, ==, 10000);
    CHECK_OK(coil_http_log_close(writer));
    close(fds[1]);
    while ((n = read(fds[0], text + size, sizeof text - 1 - size)) > 0) {
        size += (size_t)n;
    }
    text[size] = '\0';
    close(fds[0]);
    CHECK(strncmp(text, LINE("a"), strlen(LINE("a"))) == 0);
    CHECK_INT(told(), ==, last.dropped);
    return 0;
}

TASK_TEST(log_file_that_takes_nothing_at_the_end)
{
    struct coil_http_log_options options = {.close_timeout_ns = 10 * COIL_MSEC};
    static const char fill[1024 * 1024];
    int fds[2];

    open_pipe(fds, options);
    while (write(fds[1], fill, sizeof fill) > 0) {
    }
    log_one("/a");
    CHECK_ERR(coil_http_log_close(writer), -ETIMEDOUT);
    close(fds[0]);
    close(fds[1]);
    return 0;
}

/* A disk that is full, and then is not. */
TASK_TEST(log_file_that_is_full)
{
    struct coil_http_log_options options = {
        .format = COIL_HTTP_LOG_JSON, .max_waiting = COIL_HTTP_LOG_LINE, .flush_ns = COIL_MINUTE};
    struct path path = path_of("log");

    CHECK_INT(symlink("/dev/full", path.text), ==, 0);
    open_log(options);
    for (int i = 0; i < 300; i++) {
        log_one("/a");
    }
    CHECK_ERR(coil_http_log_flush(writer), -ENOSPC);
    CHECK_ERR(coil_http_log_flush(writer), -ENOSPC);
    CHECK_ERR(usage().error, -ENOSPC);
    CHECK_INT(usage().written, ==, 0);
    CHECK_INT(usage().dropped, >, 0);
    CHECK_INT(unlink(path.text), ==, 0);
    CHECK_OK(coil_http_log_reopen(writer));
    CHECK_OK(coil_http_log_flush(writer));
    CHECK_ERR(usage().error, 0);
    CHECK_INT(usage().written, ==, 300 - usage().dropped);
    log_one("/b");
    CHECK_OK(coil_http_log_close(writer));
    CHECK_CONTAINS(read_file("log"), "\",\"dropped\":");
    CHECK_CONTAINS(text, "\"target\":\"/b\"");
    /* To the end. */
    unlink(path.text);
    CHECK_INT(symlink("/dev/full", path.text), ==, 0);
    open_log(options);
    log_one("/a");
    CHECK_ERR(coil_http_log_close(writer), -ENOSPC);
    return 0;
}

/* --- other names --- */

TASK_TEST(log_file_is_reopened)
{
    open_log((struct coil_http_log_options){.reopen_signal = SIGHUP});
    log_one("/a");
    CHECK_OK(coil_http_log_flush(writer));
    CHECK_INT(rename(path_of("log").text, path_of("log.old").text), ==, 0);
    log_one("/b");
    CHECK_OK(coil_http_log_flush(writer));
    CHECK_INT(kill(getpid(), SIGHUP), ==, 0);
    coil_timeout(PATIENCE) {
        while (access(path_of("log").text, F_OK) != 0) {
            CHECK_OK(coil_sleep(COIL_MSEC));
        }
    }
    log_one("/c");
    CHECK_OK(coil_http_log_close(writer));
    CHECK_STR(read_file("log.old"), LINE("a") LINE("b"));
    CHECK_STR(read_file("log"), LINE("c"));
    return 0;
}

/* What cannot be opened anew is written to as before. */
TASK_TEST(log_file_is_not_reopened)
{
    open_log((struct coil_http_log_options){0});
    CHECK_INT(rename(path_of("log").text, path_of("old").text), ==, 0);
    CHECK_INT(mkdir(path_of("log").text, 0700), ==, 0);
    CHECK_OK(coil_http_log_reopen(writer));
    log_one("/a");
    CHECK_OK(coil_http_log_flush(writer));
    CHECK_ERR(usage().error, -EISDIR);
    CHECK_OK(coil_http_log_close(writer));
    CHECK_STR(read_file("old"), LINE("a"));
    return 0;
}

TASK_TEST(log_file_follows)
{
    open_log((struct coil_http_log_options){.follows = true});
    log_one("/a");
    CHECK_OK(coil_http_log_flush(writer));
    CHECK_INT(rename(path_of("log").text, path_of("old").text), ==, 0);
    CHECK_OK(coil_sleep(1100 * COIL_MSEC));
    log_one("/b");
    CHECK_OK(coil_http_log_close(writer));
    CHECK_STR(read_file("log"), LINE("b"));
    CHECK_STR(read_file("old"), LINE("a"));
    return 0;
}

TASK_TEST(log_file_is_rotated)
{
    open_log((struct coil_http_log_options){.max_size = 1, .keep = 2});
    for (const char *path = "/a\0/b\0/c\0/d\0/e\0"; *path; path += 3) {
        log_one(path);
        CHECK_OK(coil_http_log_flush(writer));
    }
    CHECK_INT(usage().rotations, ==, 4);
    CHECK_OK(coil_http_log_close(writer));
    CHECK_STR(read_file("log"), LINE("e"));
    CHECK_STR(read_file("log.1"), LINE("d"));
    CHECK_STR(read_file("log.2"), LINE("c"));
    CHECK(access(path_of("log.3").text, F_OK) != 0);
    return 0;
}

/* --- cancels --- */

static int close_it(void *arg)
{
    (void)arg;
    return coil_http_log_close(writer);
}

static int flush_it(void *arg)
{
    (void)arg;
    return coil_http_log_flush(writer);
}

TASK_TEST(log_file_is_closed_by_a_task_that_is_cancelled)
{
    struct coil_task *task;

    open_log((struct coil_http_log_options){0});
    log_one("/a");
    task = coil_create_task(flush_it, NULL);
    coil_yield();
    coil_cancel(task);
    CHECK(coil_await(task) <= 0);
    log_one("/b");
    task = coil_create_task(close_it, NULL);
    coil_yield();
    coil_cancel(task);
    CHECK_OK(coil_await(task));
    CHECK_STR(read_file("log"), LINE("a") LINE("b"));
    return 0;
}

static int open_it(void *arg)
{
    struct coil_http_log_options options = {.path = arg};

    return coil_http_log_open(&options, &writer);
}

TASK_TEST(log_file_is_not_opened_by_a_cancelled_task)
{
    struct path path = path_of("log");
    struct coil_task *task = coil_create_task(open_it, path.text);

    coil_yield();
    coil_cancel(task);
    if (coil_await(task) == 0) {
        CHECK_OK(coil_http_log_close(writer));
    }
    return 0;
}

/* --- a server's --- */

static int handle(struct coil_http_exchange *exchange, void *user)
{
    (void)user;
    return coil_http_reply(exchange, 200, NULL, "hello", 5);
}

TASK_TEST(log_file_of_a_server)
{
    struct coil_http_server_options options = {.log = coil_http_log_write};
    struct coil_stream *ends[2];

    open_log((struct coil_http_log_options){0});
    options.log_user = writer;
    CHECK_OK(coil_stream_pair(NULL, ends));
    CHECK_INT(coil_stream_write(ends[0], "GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 28), ==, 28);
    CHECK_OK(coil_stream_write_eof(ends[0]));
    CHECK_OK(coil_http_serve_stream(ends[1], &options, handle, NULL));
    coil_stream_abort(ends[0]);
    coil_stream_abort(ends[1]);
    CHECK_OK(coil_http_log_close(writer));
    CHECK_CONTAINS(read_file("log"), "\"GET /x HTTP/1.1\" 200 5\n");
    return 0;
}

/* Each with a writer of its own on one path: no line is torn by another's. */
enum { WORKERS = 3, LINES = 2000 };

static int work(unsigned number, void *arg)
{
    struct coil_http_log_options options = {.path = arg, .flush_size = 500};
    struct coil_http_log_writer *own;
    struct coil_http_record record = {.path = "/", .method = "GET", .version = "HTTP/1.1"};
    int rc = coil_http_log_open(&options, &own);

    record.status = 200 + number;
    for (int i = 0; rc == 0 && i < LINES; i++) {
        coil_http_log_write(&record, own);
        if (i % 10 == 0) {
            coil_yield();
        }
    }
    return rc < 0 ? rc : coil_http_log_close(own);
}

COIL_TEST(log_file_of_workers)
{
    struct coil_workers_options options = {.count = WORKERS, .ignore_signals = true};
    struct path path = path_of("log");
    int counts[WORKERS] = {0};
    const char *line;

    if (test_backend_is("sim")) {
        test_skip("its loops are each in a world of their own");
    }
    CHECK_OK(coil_run_workers(&options, work, path.text));
    for (line = read_file("log"); *line; line = strchr(line, '\n') + 1) {
        static const char begin[] = "- - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 20";
        int number = line[sizeof begin - 1] - '0';

        CHECK(strncmp(line, begin, sizeof begin - 1) == 0 && number >= 0 && number < WORKERS);
        CHECK(strncmp(line + sizeof begin, " 0\n", 3) == 0);
        counts[number]++;
    }
    for (int i = 0; i < WORKERS; i++) {
        CHECK_INT(counts[i], ==, LINES);
    }
}

/* --- without memory --- */

static int use_all(void *arg)
{
    struct coil_http_log_options options = {
        .path = arg, .max_size = 100, .keep = 2, .follows = true, .flush_ns = COIL_MSEC};

    if (coil_http_log_open(&options, &writer) == 0) {
        for (int i = 0; i < 4; i++) {
            log_one("/a");
            coil_http_log_flush(writer);
        }
        coil_http_log_reopen(writer);
        log_one("/b");
        coil_http_log_close(writer);
    }
    return 0;
}

static void run_all(void *arg)
{
    coil_run(use_all, arg);
}

COIL_TEST(log_file_survives_faults)
{
    struct path path = path_of("log");

    torture(run_all, path.text);
}
