/* Disks that are full, and disks that are slow. */
#include "files.h"
#include "harness.h"
#include "in_task.h"
#include "pair.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

/* --- a disk that is full --- */

static void write_until_full(const char *path)
{
    static char block[65536];
    ssize_t rc = 0;
    int64_t at = 0;
    int fd = coil_open(path, O_WRONLY | O_CREAT, 0600);

    CHECK_OK(fd);
    while (at < 1 << 22 && (rc = coil_pwrite(fd, block, sizeof block, at)) > 0) {
        at += rc;
    }
    CHECK(rc == -ENOSPC || rc == -EFBIG);
    CHECK_INT(at, >, 0);
    CHECK_OK(coil_close(fd));
}

TASK_TEST(file_size_limit)
{
    struct rlimit limit;
    struct rlimit small = {1 << 20, 1 << 20};
    struct path path = make_text("config", "old");
    static char big[2 << 20];

    CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    small.rlim_max = limit.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &small), ==, 0);
    write_until_full(path_of("big").text);
    CHECK_ERR(coil_file_write(path.text, big, sizeof big, 0600), -EFBIG);
    check_text(path, "old");
    CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    return 0;
}

TASK_TEST(file_system_full)
{
    struct path mount_point = path_of("mount");
    struct path path = path_of("mount/config");
    struct coil_dir_entry entry;
    struct coil_dir dir = {0};
    static char big[2 << 20];

    CHECK_OK(coil_mkdir(mount_point.text, 0700));
    if (mount("none", mount_point.text, "tmpfs", 0, "size=1m") != 0) {
        test_skip("may not mount a file system");
    }
    CHECK_OK(coil_file_write(path.text, "old", 3, 0600));
    CHECK_ERR(coil_file_write(path.text, big, sizeof big, 0600), -ENOSPC);
    check_text(path, "old");
    CHECK_OK(coil_dir_open(&dir, mount_point.text));
    CHECK_INT(coil_dir_next(&dir, &entry), ==, 1);
    CHECK_STR(entry.name, "config");
    CHECK_INT(coil_dir_next(&dir, &entry), ==, 0); /* nothing is left behind */
    CHECK_OK(coil_dir_close(&dir));
    write_until_full(path_of("mount/big").text);
    /* Lazily: the kernel may still be about to let go of a file that io_uring has closed. */
    CHECK_INT(umount2(mount_point.text, MNT_DETACH), ==, 0);
    return 0;
}

/* --- a disk that is slow --- */

static int open_fifo(void *arg)
{
    struct path *path = arg;
    int fd = coil_open(path->text, O_RDONLY, 0);

    return fd < 0 ? fd : coil_close(fd);
}

static int read_link(void *arg)
{
    struct path *path = arg;
    char buf[16];

    return (int)coil_readlink(path->text, buf, sizeof buf);
}

static int echo(void *arg)
{
    int fd = *(int *)arg;
    char byte;

    while (coil_recv(fd, &byte, 1, 0) == 1 && coil_send_all(fd, &byte, 1) == 1) {
    }
    return 0;
}

/* Each opens a FIFO that nobody writes to, which stands for a disk that does not answer: more than
 * there are threads, the pool's and the kernel's. */
enum { STUCK = 40 };

static void wait_for_stuck(struct path *fifo, int *ret_peer)
{
    while ((*ret_peer = open(fifo->text, O_WRONLY | O_NONBLOCK)) < 0 && !test_has_noticed()) {
        CHECK_OK(coil_yield()); /* no thread is there yet */
    }
}

ONE_THREAD_TEST(file_slow_disk_does_not_stall_a_socket)
{
    struct path fifo = path_of("fifo");
    struct path file = make_text("file", "hello");
    struct coil_task *stuck[STUCK];
    struct coil_task *queued;
    struct coil_task *echoing;
    char byte = 'x';
    int fds[2];
    int peer;

    if (test_is_torture()) {
        test_skip("it talks to a task that a fault may have ended");
    }
    CHECK_INT(mkfifo(fifo.text, 0600), ==, 0);
    open_fds(fds);
    for (int i = 0; i < STUCK; i++) {
        stuck[i] = coil_create_task(open_fifo, &fifo);
    }
    yield_times(2); /* the threads are theirs, before anybody else asks */
    queued = coil_create_task(read_link, &file);
    echoing = coil_create_task(echo, &fds[1]);
    for (int i = 0; i < 100; i++) {
        CHECK_INT(coil_send_all(fds[0], &byte, 1), ==, 1);
        CHECK_INT(coil_recv(fds[0], &byte, 1, 0), ==, 1);
    }
    for (int i = 0; i < STUCK; i++) {
        CHECK(!coil_task_is_done(stuck[i]));
    }
    CHECK(!coil_task_is_done(queued) || test_backend_is("uring"));
    wait_for_stuck(&fifo, &peer);
    for (int i = 0; i < STUCK; i++) {
        CHECK_OK(coil_await(stuck[i])); /* those that come later find the peer there */
    }
    CHECK_ERR(coil_await(queued), -EINVAL); /* it is no link */
    close(peer);
    CHECK_OK(coil_close(fds[0]));
    CHECK_OK(coil_await(echoing));
    CHECK_OK(coil_close(fds[1]));
    return 0;
}

struct load {
    struct path path;
    int fd;
    bool is_direct;
    char *block;
};

enum { BLOCK = 1 << 20, BLOCKS = 16 };

/* Fills a file and has it written to the disk, again and again. */
static int write_much(void *arg)
{
    struct load *load = arg;
    int flags = O_WRONLY | O_CREAT | (load->is_direct ? O_DIRECT : 0);
    int rc = 0;

    load->fd = coil_open(load->path.text, flags, 0600);
    if (load->fd == -EINVAL && load->is_direct) {
        return 0; /* not on this file system */
    }
    CHECK_OK(load->fd);
    for (int i = 0; i < BLOCKS && rc == 0; i++) {
        rc = coil_pwrite(load->fd, load->block, BLOCK, (int64_t)i * BLOCK) == BLOCK ? 0 : -EIO;
        if (rc == 0 && i % 4 == 3) {
            rc = coil_fsync(load->fd);
        }
    }
    coil_shield {
        CHECK_OK(coil_close(load->fd));
        coil_unlink(load->path.text);
    }
    return rc;
}

/* Dirty pages, direct writes and syncs, and an echo that goes on: however long the disk takes, an
 * echo takes a moment. (The bound is for machines that do a hundred other things.) */
TASK_TEST(file_busy_disk_does_not_stall_a_socket)
{
    struct load loads[4];
    struct coil_task *tasks[4];
    struct coil_task *echoing;
    int64_t longest = 0;
    char byte = 'x';
    int fds[2];

    if (test_backend_is("sim")) {
        test_skip("its time is not the disk's");
    }
    if (test_is_torture()) {
        test_skip("it talks to a task that a fault may have ended");
    }
    open_fds(fds);
    echoing = coil_create_task(echo, &fds[1]);
    for (int i = 0; i < 4; i++) {
        loads[i] = (struct load){.path = path_of((char[]){(char)('a' + i), 0}), .is_direct = i % 2};
        CHECK_INT(posix_memalign((void **)&loads[i].block, 4096, BLOCK), ==, 0);
        memset(loads[i].block, i, BLOCK);
        tasks[i] = coil_create_task(write_much, &loads[i]);
    }
    for (int i = 0; i < 4; i++) {
        while (!coil_task_is_done(tasks[i])) {
            int64_t start = coil_now();

            CHECK_INT(coil_send_all(fds[0], &byte, 1), ==, 1);
            CHECK_INT(coil_recv(fds[0], &byte, 1, 0), ==, 1);
            longest = coil_now() - start > longest ? coil_now() - start : longest;
        }
        CHECK_OK(coil_await(tasks[i]));
        free(loads[i].block);
    }
    CHECK_INT(longest, <, 5 * COIL_SEC);
    CHECK_OK(coil_close(fds[0]));
    CHECK_OK(coil_await(echoing));
    CHECK_OK(coil_close(fds[1]));
    return 0;
}
