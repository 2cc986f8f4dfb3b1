/* Opening what strangers ask for, below a folder. */
#include "fault.h"
#include "files.h"

static struct path root;
static int folder;

/* root/file, root/sub/file, and links that stay below it or lead out; and "outside" beside it. */
static void make_tree(void)
{
    static const struct {
        const char *target;
        const char *name;
    } links[] = {
        {"file", "root/to_file"},          {"sub", "root/to_sub"},
        {"../file", "root/sub/up"},        {"../outside", "root/out"},
        {"/etc/passwd", "root/absolute"},  {"loop", "root/loop"},
        {"/proc/self/root", "root/magic"}, {"nowhere", "root/broken"},
    };

    root = path_of("root");
    CHECK_INT(mkdir(root.text, 0700), ==, 0);
    CHECK_INT(mkdir(path_of("root/sub").text, 0700), ==, 0);
    make_text("root/file", "file");
    make_text("root/sub/file", "sub");
    make_text("outside", "secret");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        CHECK_INT(symlink(links[i].target, path_of(links[i].name).text), ==, 0);
    }
    CHECK_INT(mkfifo(path_of("root/fifo").text, 0600), ==, 0);
    folder = open(root.text, O_RDONLY | O_DIRECTORY);
    CHECK_INT(folder, >=, 0);
}

/* What the path opens by the first byte of its text; or the error. */
static int look(const char *path, int flags, enum coil_links links)
{
    struct stat status = {.st_size = -1};
    int fd = coil_open_below(folder, path, O_RDONLY | flags, links, &status);
    char byte = '\0';

    if (fd < 0) {
        CHECK_INT(status.st_size, ==, -1);
        return fd;
    }
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    if (S_ISREG(status.st_mode)) {
        CHECK_INT(pread(fd, &byte, 1, 0), ==, 1);
    } else {
        byte = S_ISDIR(status.st_mode) ? 'd' : '?';
    }
    CHECK_OK(coil_close(fd));
    return byte;
}

static void check_look(const char *path, enum coil_links links, int expected)
{
    CHECK_MSG(look(path, O_NONBLOCK, links) == expected, "%s is not %d", path, expected);
    CHECK_MSG(look(path, O_NONBLOCK, links) == expected, "%s is not %d again", path, expected);
    if (expected != '?') {
        CHECK_MSG(look(path, 0, links) == expected, "%s in a thread is not %d", path, expected);
    }
}

static void check_plain(enum coil_links links)
{
    check_look("file", links, 'f');
    check_look("./sub//file", links, 's');
    check_look(".", links, 'd');
    check_look("sub/", links, 'd');
    check_look("fifo", links, '?');
    check_look("file/", links, -ENOTDIR);
    check_look("file/x", links, -ENOTDIR);
    check_look("nothing", links, -ENOENT);
    check_look("", links, -ENOENT);
    check_look("..", links, -EXDEV);
    check_look("../outside", links, -EXDEV);
    check_look("sub/../file", links, -EXDEV);
    check_look("sub/..", links, -EXDEV);
    check_look("/etc/passwd", links, -EXDEV);
}

TASK_TEST(open_below_a_folder)
{
    make_tree();
    for (int links = COIL_LINKS_BELOW; links <= COIL_LINKS_ALL; links++) {
        check_plain((enum coil_links)links);
    }
    close(folder);
    return 0;
}

TASK_TEST(open_below_and_links)
{
    if (!system_knows_openat2()) {
        test_skip("there is no openat2");
    }
    make_tree();
    check_look("to_file", COIL_LINKS_BELOW, 'f');
    check_look("to_sub/file", COIL_LINKS_BELOW, 's');
    check_look("sub/up", COIL_LINKS_BELOW, 'f');
    check_look("out", COIL_LINKS_BELOW, -EXDEV);
    check_look("absolute", COIL_LINKS_BELOW, -EXDEV);
    check_look("magic/etc/passwd", COIL_LINKS_BELOW, -EXDEV);
    check_look("loop", COIL_LINKS_BELOW, -ELOOP);
    check_look("broken", COIL_LINKS_BELOW, -ENOENT);
    check_look("to_file", COIL_LINKS_NONE, -ELOOP);
    check_look("to_sub/file", COIL_LINKS_NONE, -ELOOP);
    check_look("out", COIL_LINKS_ALL, 's');
    check_look("absolute", COIL_LINKS_ALL, 'r');
    check_look("to_sub/file", COIL_LINKS_ALL, 's');
    close(folder);
    return 0;
}

/* Where the system has no openat2, or a filter of system calls does not know it. */
TASK_TEST(open_below_without_the_system_call)
{
    static const int errors[] = {ENOSYS, EPERM};

    make_tree();
    for (size_t i = 0; i < 2; i++) {
        fault_syscall_named("syscall", 1, errors[i]);
        CHECK_INT(look("sub/file", 0, COIL_LINKS_BELOW), ==, 's');
        fault_syscall_named("syscall", 1, errors[i]);
        CHECK_INT(look(".", 0, COIL_LINKS_BELOW), ==, 'd');
        fault_syscall_named("syscall", 1, errors[i]);
        CHECK_ERR(look("file/", 0, COIL_LINKS_BELOW), -ENOTDIR);
        fault_syscall_named("syscall", 1, errors[i]);
        CHECK_ERR(look("to_file", 0, COIL_LINKS_BELOW), -ELOOP);
        fault_syscall_named("syscall", 1, errors[i]);
        CHECK_ERR(look("to_sub/file", 0, COIL_LINKS_NONE), -ENOTDIR);
        fault_syscall_named("syscall", 1, errors[i]);
        CHECK_ERR(look("out", 0, COIL_LINKS_BELOW), -ELOOP);
        fault_syscall_named("syscall", 1, errors[i]);
        CHECK_INT(look("out", 0, COIL_LINKS_ALL), ==, 's');
        fault_syscall_named("syscall", 1, errors[i]); /* of the first try: a thread goes on */
        CHECK_INT(look("sub/file", O_NONBLOCK, COIL_LINKS_BELOW), ==, 's');
    }
    fault_off();
    close(folder);
    return 0;
}

TASK_TEST(open_below_misuse)
{
    struct stat status;

    make_tree();
    CHECK_ERR(coil_open_below(folder, NULL, O_RDONLY, COIL_LINKS_BELOW, &status), -EINVAL);
    CHECK_ERR(coil_open_below(-1, "file", O_RDONLY, COIL_LINKS_BELOW, &status), -EINVAL);
    CHECK_ERR(coil_open_below(folder, "file", O_RDONLY, (enum coil_links)3, NULL), -EINVAL);
    CHECK_ERR(coil_open_below(folder, "x", O_WRONLY | O_CREAT, COIL_LINKS_BELOW, NULL), -EINVAL);
    CHECK_ERR(coil_open_below(folder, ".", O_RDWR | O_TMPFILE, COIL_LINKS_BELOW, NULL), -EINVAL);
    CHECK_ERR(coil_open_below(1000, "file", O_RDONLY, COIL_LINKS_BELOW, NULL), -EBADF);
    coil_cancel(coil_current_task());
    CHECK_ERR(coil_open_below(folder, "file", O_RDONLY, COIL_LINKS_BELOW, &status), -ECANCELED);
    CHECK_INT(coil_uncancel(coil_current_task()), ==, 0);
    close(folder);
    return 0;
}

/* What is open that way can be looked at, and listed. */
TASK_TEST(open_below_to_look_and_to_list)
{
    struct coil_dir dir = {0};
    struct coil_dir_entry entry;
    struct stat status;
    int fd;

    make_tree();
    fd = coil_open_below(folder, "fifo", O_PATH, COIL_LINKS_BELOW, &status);
    CHECK_INT(fd, >=, 0);
    CHECK(S_ISFIFO(status.st_mode));
    CHECK_OK(coil_close(fd));
    fd = coil_open_below(folder, "out", O_PATH | O_NOFOLLOW, COIL_LINKS_BELOW, &status);
    CHECK(S_ISLNK(status.st_mode));
    CHECK_ERR(coil_dir_adopt(NULL, fd), -EINVAL);
    CHECK_ERR(coil_dir_adopt(&dir, -1), -EINVAL);
    CHECK_OK(coil_dir_adopt(&dir, fd));
    CHECK_ERR(coil_dir_adopt(&dir, fd), -EINVAL);
    CHECK_ERR(coil_dir_next(&dir, &entry), -EBADF);
    CHECK_OK(coil_dir_close(&dir));
    fd = coil_open_below(folder, "sub", O_RDONLY | O_NONBLOCK, COIL_LINKS_BELOW, NULL);
    fault_alloc_at(1);
    CHECK_ERR(coil_dir_adopt(&dir, fd), -ENOMEM);
    fault_off();
    CHECK_OK(coil_dir_adopt(&dir, fd));
    CHECK_INT(coil_dir_next(&dir, &entry), ==, 1);
    CHECK_OK(coil_dir_close(&dir));
    CHECK_ERR(fcntl(fd, F_GETFD), -1);
    close(folder);
    return 0;
}

COIL_TEST(open_below_needs_a_loop)
{
    CHECK_ERR(coil_open_below(0, "file", O_RDONLY, COIL_LINKS_BELOW, NULL), -COIL_ENOLOOP);
}

/* Taken back while it waits for a thread. */
ONE_THREAD_TEST(open_below_cancel)
{
    struct holder holder;
    int rc = 0;

    make_tree();
    hold_pool(&holder);
    coil_timeout(COIL_MSEC) {
        rc = coil_open_below(folder, "file", O_RDONLY, COIL_LINKS_BELOW, NULL);
    }
    CHECK_ERR(rc, -ETIMEDOUT);
    if (rc >= 0) { /* a fault let it through */
        close(rc);
    }
    free_pool(&holder);
    close(folder);
    return 0;
}

static int open_some(void *arg)
{
    (void)arg;
    for (int links = COIL_LINKS_BELOW; links <= COIL_LINKS_ALL; links++) {
        for (int flags = 0; flags <= O_NONBLOCK; flags += O_NONBLOCK) {
            struct stat status;
            int fd = coil_open_below(folder, "sub/file", O_RDONLY | flags, (enum coil_links)links,
                                     &status);

            if (fd >= 0) {
                close(fd); /* a close of ours must not fail here */
            }
        }
    }
    return 0;
}

static void run_some(void *arg)
{
    coil_run(open_some, arg);
}

COIL_TEST_LIMIT(open_below_torture, 300)
{
    make_tree();
    torture(run_some, NULL);
    close(folder);
}
