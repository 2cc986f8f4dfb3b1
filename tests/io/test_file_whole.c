/* Whole files: read at once, replaced at once; and directories. */
#include "fault.h"
#include "files.h"
#include "harness.h"
#include "in_task.h"

#include <signal.h>

/* The folder holds these names and no others (at most two). */
static void check_names(struct path folder, const char *first, const char *second)
{
    struct coil_dir_entry entry;
    struct coil_dir dir = {0};
    int count = 0;

    CHECK_OK(coil_dir_open(&dir, folder.text));
    while (coil_dir_next(&dir, &entry) == 1) {
        CHECK((first && strcmp(entry.name, first) == 0) ||
              (second && strcmp(entry.name, second) == 0));
        count++;
    }
    CHECK_INT(count, ==, (first != NULL) + (second != NULL));
    CHECK_OK(coil_dir_close(&dir));
}

static struct path make_folder(const char *name)
{
    struct path path = path_of(name);

    CHECK_INT(mkdir(path.text, 0700), ==, 0);
    return path;
}

/* --- reading --- */

TASK_TEST(file_read_gives_all_of_it)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 3000000};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct path path = make_file("file", sizes[i]);
        char *data = NULL;
        size_t size = 7;

        CHECK_OK(coil_file_read(path.text, sizes[i], &data, &size));
        CHECK_INT(size, ==, sizes[i]);
        CHECK(is_content(data, size, 0));
        CHECK_INT(data[size], ==, '\0');
        coil_file_free(data);
        data = NULL;
        CHECK_OK(coil_file_read(path.text, SIZE_MAX, &data, NULL));
        coil_file_free(data);
        if (sizes[i] > 0) {
            data = NULL;
            CHECK_ERR(coil_file_read(path.text, sizes[i] - 1, &data, &size), -COIL_ELIMIT);
            CHECK_PTR(data, ==, NULL);
            CHECK_INT(size, ==, sizes[i]);
        }
    }
    coil_file_free(NULL);
    return 0;
}

/* Files of the system's that do not know how long they are. */
TASK_TEST(file_read_without_a_size)
{
    char *data = NULL;
    size_t size;

    CHECK_OK(coil_file_read("/proc/self/status", 100000, &data, &size));
    CHECK_INT(strlen(data), ==, size);
    CHECK_CONTAINS(data, "Name:");
    coil_file_free(data);
    CHECK_ERR(coil_file_read("/proc/self/status", 10, &data, &size), -COIL_ELIMIT);
    return 0;
}

TASK_TEST(file_read_errors)
{
    struct path fifo = path_of("fifo");
    struct path folder = make_folder("folder");
    char *data = NULL;

    CHECK_INT(mkfifo(fifo.text, 0600), ==, 0);
    CHECK_ERR(coil_file_read(path_of("absent").text, 10, &data, NULL), -ENOENT);
    CHECK_ERR(coil_file_read(folder.text, 10, &data, NULL), -EISDIR);
    CHECK_ERR(coil_file_read(fifo.text, 10, &data, NULL), -EINVAL); /* and does not wait */
    CHECK_ERR(coil_file_read(NULL, 10, &data, NULL), -EINVAL);
    CHECK_ERR(coil_file_read("/", 10, NULL, NULL), -EINVAL);
    CHECK_PTR(data, ==, NULL);
    return 0;
}

/* --- replacing --- */

TASK_TEST(file_write_replaces_as_a_whole)
{
    struct path folder = make_folder("folder");
    struct path path = path_of("folder/config");
    static char big[3000000];
    struct stat status;
    char *data;
    size_t size;
    int old;

    CHECK_OK(coil_file_write(path.text, "old", 3, 0640));
    CHECK_OK(coil_stat(path.text, &status));
    CHECK_INT(status.st_mode & 0777 & ~(mode_t)0640, ==, 0);
    check_text(path, "old");
    old = open(path.text, O_RDONLY);
    CHECK_OK(coil_file_write(path.text, big, sizeof big, 0600));
    CHECK_INT(coil_pread(old, big, sizeof big, 0), ==, 3); /* who had it open keeps it */
    close(old);
    CHECK_OK(coil_file_read(path.text, SIZE_MAX, &data, &size));
    CHECK_INT(size, ==, sizeof big);
    coil_file_free(data);
    CHECK_OK(coil_file_write(path.text, NULL, 0, 0600));
    check_text(path, "");
    check_names(folder, "config", NULL);
    return 0;
}

TASK_TEST(file_write_into_the_working_directory)
{
    struct path folder = make_folder("folder");
    char before[1024];

    CHECK(getcwd(before, sizeof before) != NULL);
    CHECK_INT(chdir(folder.text), ==, 0);
    CHECK_OK(coil_file_write("name", "abc", 3, 0600));
    check_text(path_of("folder/name"), "abc");
    CHECK_INT(chdir(before), ==, 0);
    return 0;
}

TASK_TEST(file_write_replaces_a_link)
{
    struct path folder = make_folder("folder");
    struct path target = make_text("target", "target");
    struct path link = path_of("folder/link");

    CHECK_OK(coil_symlink(target.text, link.text));
    CHECK_OK(coil_file_write(link.text, "new", 3, 0600));
    check_text(target, "target");
    check_text(link, "new");
    check_names(folder, "link", NULL);
    return 0;
}

TASK_TEST(file_write_errors_leave_nothing_behind)
{
    struct path folder = make_folder("folder");
    struct path below = make_folder("folder/below");
    char long_name[600];

    snprintf(long_name, sizeof long_name, "%s/%0255d", folder.text, 0);
    CHECK_ERR(coil_file_write(below.text, "x", 1, 0600), -EISDIR);
    CHECK_ERR(coil_file_write(path_of("folder/").text, "x", 1, 0600), -EISDIR);
    CHECK_ERR(coil_file_write(path_of("absent/x").text, "x", 1, 0600), -ENOENT);
    CHECK_ERR(coil_file_write("", "x", 1, 0600), -ENOENT);
    CHECK_ERR(coil_file_write(NULL, "x", 1, 0600), -EINVAL);
    CHECK_ERR(coil_file_write(below.text, NULL, 1, 0600), -EINVAL);
    long_name[strlen(folder.text) + 1] = 'x';
    CHECK_OK(coil_file_write(long_name, "x", 1, 0600)); /* 255 bytes are allowed */
    CHECK_INT(unlink(long_name), ==, 0);
    strcat(long_name, "y");
    CHECK_ERR(coil_file_write(long_name, "x", 1, 0600), -ENAMETOOLONG);
    check_names(folder, "below", NULL);
    return 0;
}

/* Each step fails once: the old file stays, or the new one is in place. */
TASK_TEST(file_write_survives_each_failing_step)
{
    static const struct {
        const char *name;
        uint64_t n;
        int error;
        bool is_done;
    } steps[] = {
        {"openat64", 1, EMFILE, false}, /* the folder */
        {"openat64", 2, ENOSPC, false}, /* the file beside it */
        {"write", 1, ENOSPC, false},    {"fsync", 1, EIO, false}, {"close", 1, EIO, false},
        {"renameat", 1, EIO, false},    {"fsync", 2, EIO, true},
    };
    struct path folder = make_folder("folder");
    struct path path = path_of("folder/config");

    CHECK_OK(coil_to_thread(task_return, &(int){0})); /* a thread is there */
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        int rc;

        CHECK_OK(coil_file_write(path.text, "old", 3, 0600));
        fault_syscall_named(steps[i].name, steps[i].n, steps[i].error);
        rc = coil_file_write(path.text, "new", 3, 0600);
        CHECK_MSG(fault_was_injected(), "%s was not called", steps[i].name);
        fault_off();
        CHECK_ERR(rc, -steps[i].error);
        check_text(path, steps[i].is_done ? "new" : "old");
        check_names(folder, "config", NULL);
    }
    return 0;
}

/* --- cancel --- */

struct job {
    struct path path;
    const char *data;
    size_t size;
    int rc;
};

static int write_file(void *arg)
{
    struct job *job = arg;

    job->rc = coil_file_write(job->path.text, job->data, job->size, 0600);
    return 0;
}

static int read_file(void *arg)
{
    struct job *job = arg;
    char *data = NULL;

    job->rc = coil_file_read(job->path.text, SIZE_MAX, &data, &job->size);
    CHECK(job->rc == 0 ? data != NULL : data == NULL);
    coil_file_free(data);
    return 0;
}

/* At whatever moment the cancel comes: all of the old, or all of the new. */
TASK_TEST(file_write_cancel_race)
{
    struct path folder = make_folder("folder");
    struct path path = path_of("folder/config");
    static char big[4 << 20];
    bool was_cancelled = false;

    for (int i = 0; i < 40; i++) {
        struct job job = {.path = path, .data = big, .size = sizeof big};
        struct coil_task *task;
        struct stat status;

        CHECK_OK(coil_file_write(path.text, "old", 3, 0600));
        task = coil_create_task(write_file, &job);
        yield_times(1);
        if (i > 0) {
            CHECK_OK(coil_sleep(i * 50 * COIL_USEC));
        }
        coil_cancel(task);
        coil_await(task);
        CHECK_INT(stat(path.text, &status), ==, 0);
        CHECK_INT(status.st_size, ==, job.rc == 0 ? sizeof big : 3);
        CHECK(job.rc == 0 || job.rc == -ECANCELED);
        was_cancelled = was_cancelled || job.rc < 0;
        check_names(folder, "config", NULL);
    }
    CHECK(was_cancelled);
    return 0;
}

TASK_TEST(file_write_deadline)
{
    struct path folder = make_folder("folder");
    struct path path = path_of("folder/config");
    int rc = 0;

    coil_timeout(0) {
        rc = coil_file_write(path.text, "new", 3, 0600);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    check_names(folder, NULL, NULL);
    return 0;
}

TASK_TEST(file_read_cancel_race)
{
    struct path path = make_file("file", 3000000);

    for (int i = 0; i < 40; i++) {
        struct job job = {.path = path};
        struct coil_task *task = coil_create_task(read_file, &job);

        yield_times(1);
        if (i > 0) {
            CHECK_OK(coil_sleep(i * 50 * COIL_USEC));
        }
        coil_cancel(task);
        coil_await(task);
        CHECK(job.rc == 0 ? job.size == 3000000 : job.rc == -ECANCELED);
    }
    return 0;
}

/* --- directories --- */

TASK_TEST(dir_lists_every_entry_once)
{
    struct path folder = make_folder("folder");
    static bool is_seen[300]; /* with such names more than the buffer has room for */
    int total = test_is_torture() ? 30 : 300;
    struct coil_dir_entry entry;
    struct coil_dir dir = {0};
    int count = 0;

    for (int i = 0; i < total; i++) {
        char name[256];

        snprintf(name, sizeof name, "folder/%0200d-%d", 0, i);
        close(open(path_of(name).text, O_WRONLY | O_CREAT, 0600));
    }
    CHECK_OK(coil_dir_open(&dir, folder.text));
    while (coil_dir_next(&dir, &entry) == 1) {
        int number = (int)strtol(strrchr(entry.name, '-') + 1, NULL, 10);

        CHECK(entry.type == COIL_FILE_REGULAR || entry.type == COIL_FILE_UNKNOWN);
        CHECK_INT(entry.inode, !=, 0);
        CHECK(!is_seen[number]);
        is_seen[number] = true;
        count++;
    }
    CHECK_INT(count, ==, total);
    CHECK_INT(coil_dir_next(&dir, &entry), ==, 0);
    CHECK_OK(coil_dir_close(&dir));
    CHECK_OK(coil_dir_close(&dir));
    CHECK_ERR(coil_dir_next(&dir, &entry), -COIL_ECLOSED);
    return 0;
}

TASK_TEST(dir_types)
{
    struct path folder = make_folder("folder");
    struct coil_dir_entry entry;
    struct coil_dir dir = {0};

    make_folder("folder/d");
    make_text("folder/f", "");
    CHECK_INT(symlink("x", path_of("folder/l").text), ==, 0);
    CHECK_INT(mkfifo(path_of("folder/o").text, 0600), ==, 0);
    CHECK_OK(coil_dir_open(&dir, folder.text));
    while (coil_dir_next(&dir, &entry) == 1 && entry.type != COIL_FILE_UNKNOWN) {
        CHECK_INT(entry.type, ==,
                  entry.name[0] == 'd'   ? COIL_FILE_DIRECTORY
                  : entry.name[0] == 'f' ? COIL_FILE_REGULAR
                  : entry.name[0] == 'l' ? COIL_FILE_SYMLINK
                                         : COIL_FILE_OTHER);
    }
    CHECK_OK(coil_dir_close(&dir));
    return 0;
}

TASK_TEST(dir_errors)
{
    struct path file = make_text("file", "");
    struct coil_dir_entry entry;
    struct coil_dir dir = {0};

    CHECK_ERR(coil_dir_open(&dir, file.text), -ENOTDIR);
    CHECK_ERR(coil_dir_open(&dir, path_of("absent").text), -ENOENT);
    CHECK_ERR(coil_dir_open(&dir, NULL), -EINVAL);
    CHECK_ERR(coil_dir_open(NULL, "/"), -EINVAL);
    CHECK_ERR(coil_dir_next(NULL, &entry), -EINVAL);
    CHECK_ERR(coil_dir_next(&dir, NULL), -EINVAL);
    CHECK_ERR(coil_dir_next(&dir, &entry), -COIL_ECLOSED);
    CHECK_ERR(coil_dir_close(NULL), -EINVAL);
    CHECK_OK(coil_dir_close(&dir));
    CHECK_OK(coil_dir_open(&dir, "/"));
    CHECK_ERR(coil_dir_open(&dir, "/"), -EINVAL);
    fault_syscall_named("getdents64", 1, EIO);
    CHECK_ERR(coil_dir_next(&dir, &entry), -EIO);
    fault_off();
    CHECK_INT(coil_dir_next(&dir, &entry), ==, 1);
    CHECK_OK(coil_dir_close(&dir));
    return 0;
}

struct lister {
    struct coil_dir dir;
    struct coil_dir_entry entry;
    int rc;
};

static int list_one(void *arg)
{
    struct lister *lister = arg;

    lister->rc = coil_dir_next(&lister->dir, &lister->entry);
    return 0;
}

ONE_THREAD_TEST(dir_next_is_for_one_task_and_loses_nothing)
{
    struct path folder = make_folder("folder");
    struct lister lister = {.rc = 0};
    struct coil_dir_entry entry;
    struct coil_task *task;
    struct holder holder;

    make_text("folder/name", "");
    CHECK_OK(coil_dir_open(&lister.dir, folder.text));
    hold_pool(&holder);
    task = coil_create_task(list_one, &lister);
    CHECK_OK(coil_yield());
    CHECK_OK(coil_yield());
    CHECK_ERR(coil_dir_next(&lister.dir, &entry), -COIL_ECONCURRENT);
    CHECK_ERR(coil_dir_close(&lister.dir), -EBUSY);
    coil_cancel(task);
    coil_await(task);
    CHECK_ERR(lister.rc, -ECANCELED);
    free_pool(&holder);
    CHECK_INT(coil_dir_next(&lister.dir, &entry), ==, 1);
    CHECK_STR(entry.name, "name");
    CHECK_INT(coil_dir_next(&lister.dir, &entry), ==, 0);
    CHECK_OK(coil_dir_close(&lister.dir));
    return 0;
}

/* --- faults --- */

static int use_whole_files(void *arg)
{
    struct path path = path_of("torture");
    struct coil_dir_entry entry;
    struct coil_dir dir = {0};
    char *data = NULL;

    (void)arg;
    coil_file_write(path.text, "hello", 5, 0600);
    coil_file_read(path.text, 100, &data, NULL);
    coil_file_free(data);
    if (coil_dir_open(&dir, test_temp_dir()) == 0) {
        while (coil_dir_next(&dir, &entry) == 1) {
        }
    }
    CHECK_OK(coil_dir_close(&dir));
    return 0;
}

static void run_use_whole_files(void *arg)
{
    coil_run(use_whole_files, arg);
}

COIL_TEST_LIMIT(file_whole_torture, 120)
{
    test_temp_dir();
    torture(run_use_whole_files, NULL);
}
