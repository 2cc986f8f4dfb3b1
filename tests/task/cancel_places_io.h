/* Where a task can stand when it is cancelled: the rows of docs/cancellation.md from 69 on, those
 * of I/O. As cancel_places.h. */
#ifndef COIL_TESTS_CANCEL_PLACES_IO_H
#define COIL_TESTS_CANCEL_PLACES_IO_H

#include "cancel_places.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

/* --- signals, child processes --- */

static int in_signal_next(struct trial *t)
{
    struct coil_signal_watch watch = {.loop_ = NULL};
    int rc;

    CHECK_OK(coil_signal_open(&watch, (const int[]){SIGUSR1}, 1));
    t->is_there = true;
    rc = coil_signal_next(&watch);
    raise(SIGUSR1);
    coil_shield {
        CHECK_INT(coil_signal_next(&watch), ==, SIGUSR1);
    }
    CHECK_OK(coil_signal_close(&watch));
    return rc;
}

/* A child that lives as long as its input is open. */
static struct coil_process *start_cat(void)
{
    static const char *const argv[] = {"cat", NULL};
    struct coil_process_options options = {.in = COIL_PROCESS_PIPE, .out = COIL_PROCESS_PIPE};
    struct coil_process *process = NULL;

    CHECK_OK(coil_process_spawn(&options, argv, &process));
    return process;
}

/* It was left alone, and ends well when it is let go. */
static void check_lives_on(struct coil_process *process)
{
    CHECK_ERR(coil_process_returncode(process), -EAGAIN);
    CHECK_OK(coil_process_close_stdin(process));
    coil_shield {
        CHECK_INT(coil_process_wait(process), ==, 0);
    }
    CHECK_INT(coil_process_close(process), ==, 0);
}

static int in_process_wait(struct trial *t)
{
    struct coil_process *process = start_cat();
    int rc;

    t->is_there = true;
    rc = coil_process_wait(process);
    check_lives_on(process);
    return rc;
}

/* What was read stands in the output. */
static int in_process_communicate(struct trial *t)
{
    struct coil_process_options options = {.in = COIL_PROCESS_PIPE, .out = COIL_PROCESS_PIPE};
    struct coil_process_output output = {.data = NULL};
    struct coil_process *process = NULL;
    char rest[8] = "";
    ssize_t size = 0;
    int rc;

    CHECK_OK(coil_process_shell(&options, "echo one; cat; exec sleep 100", &process));
    t->is_there = true;
    rc = coil_process_communicate(process, "two", 3, &output, NULL);
    CHECK_ERR(coil_process_returncode(process), -EAGAIN);
    if (output.size < 4) {
        coil_shield {
            size = coil_read(coil_process_stdout(process), rest, sizeof rest);
        }
        CHECK_INT(size, >=, 4);
    } else {
        CHECK_MEM(output.data, "one\n", 4);
    }
    coil_process_output_deinit(&output);
    coil_process_close(process);
    return rc;
}

static int in_process_read(struct trial *t)
{
    struct coil_process *process = start_cat();
    char byte = 'a';
    int rc;

    t->is_there = true;
    rc = (int)coil_read(coil_process_stdout(process), &byte, 1);
    CHECK_INT(byte, ==, 'a');
    coil_shield {
        CHECK_INT(coil_process_write(process, "b", 1), ==, 1);
        CHECK_INT(coil_read(coil_process_stdout(process), &byte, 1), ==, 1);
    }
    CHECK_INT(byte, ==, 'b');
    check_lives_on(process);
    return rc;
}

/* The child does not read, and its pipe is full. */
static int in_process_write(struct trial *t)
{
    static const char *const argv[] = {"sleep", "100", NULL};
    static const char zeros[4096];
    struct coil_process_options options = {.in = COIL_PROCESS_PIPE};
    struct coil_process *process = NULL;
    int room;
    int rc;

    CHECK_OK(coil_process_spawn(&options, argv, &process));
    room = fcntl(coil_process_stdin(process), F_GETPIPE_SZ);
    for (; room > 0; room -= (int)sizeof zeros) {
        CHECK_INT(coil_process_write(process, zeros, sizeof zeros), ==, sizeof zeros);
    }
    t->is_there = true;
    rc = (int)coil_process_write(process, zeros, sizeof zeros);
    CHECK_ERR(coil_process_returncode(process), -EAGAIN);
    coil_process_close(process);
    return rc;
}

static int in_process_run(struct trial *t)
{
    static const char *const argv[] = {"sleep", "100", NULL};
    siginfo_t info;
    int rc;

    t->is_there = true;
    rc = coil_process_run(NULL, argv, NULL, 0, NULL, NULL);
    CHECK_INT(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), ==, -1);
    return rc;
}

/* --- files, while the only thread is occupied --- */

static struct coil_task *occupy_pool(struct trial *t)
{
    struct coil_task *occupier = coil_create_task(occupy_thread, t);

    while (!t->is_occupied && !test_has_noticed()) {
        CHECK_OK(coil_yield());
    }
    return occupier;
}

static void leave_pool(struct trial *t, struct coil_task *occupier)
{
    t->is_free = true;
    end(occupier);
}

static int make_file_of(const char *name, const char *text, char path[256])
{
    int fd;

    test_temp_path(path, 256, name);
    unlink(path);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK_INT(write(fd, text, strlen(text)), ==, (int64_t)strlen(text));
    return fd;
}

static void check_file(const char *path, const char *text)
{
    char buf[16] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    CHECK_INT(read(fd, buf, sizeof buf - 1), ==, (int64_t)strlen(text));
    CHECK_STR(buf, text);
    close(fd);
}

/* Of a FIFO that nobody writes to: it lasts, on a thread and in the kernel. */
static int in_open(struct trial *t)
{
    struct coil_task *occupier = occupy_pool(t);
    char path[256];
    int rc;

    test_temp_path(path, sizeof path, "fifo");
    unlink(path);
    CHECK_OK(mkfifo(path, 0600));
    t->is_there = true;
    rc = coil_open(path, O_RDONLY, 0);
    leave_pool(t, occupier);
    CHECK_INT(open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC), ==, -1); /* nobody has it open */
    return rc;
}

static int in_fsync(struct trial *t)
{
    struct coil_task *occupier = occupy_pool(t);
    char path[256];
    int fd = make_file_of("file", "text", path);
    int rc;

    t->is_there = true;
    rc = coil_fsync(fd);
    leave_pool(t, occupier);
    close(fd);
    return rc;
}

static int in_file_write(struct trial *t)
{
    struct coil_task *occupier = occupy_pool(t);
    char path[256];
    int fd = make_file_of("file", "old", path);
    int rc;

    close(fd);
    t->is_there = true;
    rc = coil_file_write(path, "new", 3, 0600);
    leave_pool(t, occupier);
    check_file(path, "old");
    return rc;
}

/* No entry is skipped. */
static int in_dir_next(struct trial *t)
{
    struct coil_dir dir = {.buf_ = NULL};
    struct coil_dir_entry entry;
    struct coil_task *occupier;
    char path[256];
    int count = 0;
    int rc;

    close(make_file_of("one", "", path));
    close(make_file_of("two", "", path));
    CHECK_OK(coil_dir_open(&dir, test_temp_dir()));
    occupier = occupy_pool(t);
    t->is_there = true;
    rc = coil_dir_next(&dir, &entry);
    leave_pool(t, occupier);
    coil_shield {
        while (coil_dir_next(&dir, &entry) == 1) {
            count += strcmp(entry.name, "one") == 0 || strcmp(entry.name, "two") == 0;
        }
    }
    CHECK_INT(count, ==, 2);
    CHECK_OK(coil_dir_close(&dir));
    return rc;
}

/* --- files --- */

static int in_sendfile(struct trial *t)
{
    char buf[4096];
    char path[256];
    int fd = make_file_of("file", "text", path);
    int64_t offset = 0;
    size_t filled = 0;
    size_t got = 0;
    int fds[2];
    ssize_t n;
    int rc;

    test_socket_pair(fds);
    memset(buf, 'x', sizeof buf);
    while ((n = send(fds[0], buf, sizeof buf, MSG_DONTWAIT)) > 0) {
        filled += (size_t)n;
    }
    t->is_there = true;
    rc = (int)coil_sendfile(fds[0], fd, &offset, 4);
    CHECK_INT(offset, ==, 0);
    while ((n = recv(fds[1], buf, sizeof buf, MSG_DONTWAIT)) > 0) {
        got += (size_t)n;
    }
    CHECK_INT(got, ==, (int64_t)filled);
    close(fd);
    close(fds[0]);
    close(fds[1]);
    return rc;
}

static int in_file_watch(struct trial *t)
{
    struct coil_file_watch watch = {.buf_ = NULL};
    struct coil_file_event event = {.name = ""};
    char path[256];
    int rc;

    test_temp_path(path, sizeof path, "made");
    unlink(path);
    CHECK_OK(coil_file_watch_open(&watch));
    CHECK_OK(coil_file_watch_add(&watch, test_temp_dir(), COIL_FILE_CREATED));
    t->is_there = true;
    rc = coil_file_watch_next(&watch, &event);
    close(make_file_of("made", "", path));
    coil_shield {
        CHECK_OK(coil_file_watch_next(&watch, &event));
        CHECK_STR(event.name, "made");
    }
    CHECK_OK(coil_file_watch_close(&watch));
    return rc;
}

/* --- files, in a race --- */

enum file_call { PREAD, PWRITE, OPEN, FSYNC, FILE_WRITE, FILE_READ, FILE_CALLS };

struct file_race {
    enum file_call call;
    int fd; /* of path */
    char path[256];
    char new_path[256]; /* there is no such file */
    char buf[4];
    char *data;
    int rc;
};

static int run_file_call(void *arg)
{
    struct file_race *race = arg;

    switch (race->call) {
    case PREAD:
        race->rc = (int)coil_pread(race->fd, race->buf, 4, 0);
        break;
    case PWRITE:
        race->rc = (int)coil_pwrite(race->fd, "new!", 4, 0);
        break;
    case OPEN:
        race->rc = coil_open(race->new_path, O_WRONLY | O_CREAT | O_EXCL, 0600);
        break;
    case FSYNC:
        race->rc = coil_fsync(race->fd);
        break;
    case FILE_WRITE:
        race->rc = coil_file_write(race->path, "new!", 4, 0600);
        break;
    default:
        race->rc = coil_file_read(race->path, 100, &race->data, NULL);
        break;
    }
    while (coil_yield() == 0) { /* until it is cancelled, if that comes only now */
    }
    return 0;
}

static void race_file_call(enum file_call call, int head_start)
{
    struct file_race race = {.call = call, .buf = "old?", .rc = -ECANCELED};
    struct coil_task *task;
    bool is_done;

    race.fd = make_file_of("file", "old!", race.path);
    test_temp_path(race.new_path, sizeof race.new_path, "new");
    task = coil_create_task(run_file_call, &race);
    yield_times(head_start);
    CHECK_INT(coil_cancel(task), ==, 1);
    CHECK_OK(coil_await(task));
    is_done = race.rc >= 0;
    if (!is_done) {
        CHECK_ERR(race.rc, -ECANCELED);
    }
    CHECK_MEM(race.buf, call == PREAD && is_done ? "old!" : "old?", 4);
    check_file(race.path, (call == PWRITE || call == FILE_WRITE) && is_done ? "new!" : "old!");
    CHECK_INT(unlink(race.new_path), ==, call == OPEN && is_done ? 0 : -1);
    CHECK(!race.data == !(call == FILE_READ && is_done));
    coil_file_free(race.data);
    if (call == OPEN && is_done) {
        close(race.rc);
    }
    close(race.fd);
}

/* --- datagrams --- */

static struct coil_datagram *open_datagram(const char *text, const struct coil_address *remote,
                                           struct coil_address *ret_address)
{
    struct coil_datagram *datagram = NULL;
    struct coil_address local;

    CHECK_OK(coil_address_parse(text, &local));
    CHECK_OK(coil_datagram_open(&local, remote, NULL, &datagram));
    CHECK_OK(coil_datagram_get_address(datagram, ret_address));
    return datagram;
}

static int receive_datagram(struct trial *t, bool in_batch)
{
    struct coil_address address = {.size = 0};
    struct coil_address own = {.size = 0};
    struct coil_datagram *receiver = open_datagram("127.0.0.1:0", NULL, &address);
    struct coil_datagram *sender = open_datagram("127.0.0.1:0", &address, &own);
    char byte = 'a';
    struct coil_datagram_message message = {.buf = &byte, .size = 1, .length = 7};
    int rc;

    t->is_there = true;
    rc = in_batch ? coil_datagram_recv_batch(receiver, &message, 1)
                  : (int)coil_datagram_recv(receiver, &byte, 1);
    CHECK_INT(byte, ==, 'a');
    CHECK_INT(message.length, ==, 7);
    coil_shield {
        CHECK_INT(coil_datagram_send(sender, "b", 1), ==, 1);
        CHECK_INT(coil_datagram_recv(receiver, &byte, 1), ==, 1);
    }
    CHECK_INT(byte, ==, 'b');
    coil_datagram_close(sender);
    coil_datagram_close(receiver);
    return rc;
}

static int in_datagram_recv(struct trial *t)
{
    return receive_datagram(t, false);
}

static int in_datagram_recv_batch(struct trial *t)
{
    return receive_datagram(t, true);
}

/* To a unix socket that is full: how many it held then is how many it holds at the end. */
static int send_datagram(struct trial *t, bool in_batch)
{
    struct coil_datagram *receiver = NULL;
    struct coil_datagram *sender = NULL;
    struct coil_datagram_message message = {.buf = (char[]){'x'}, .size = 1};
    struct coil_address address;
    char path[256];
    char text[300];
    char byte;
    int left = 0;
    int rc;

    test_temp_path(path, sizeof path, "receiver");
    snprintf(text, sizeof text, "unix:%s", path);
    receiver = open_datagram(text, NULL, &address);
    CHECK_OK(coil_datagram_open(NULL, &address, NULL, &sender));
    while (send(coil_datagram_get_fd(sender), &byte, 0, MSG_DONTWAIT) == 0) {
        left++;
    }
    t->is_there = true;
    rc = in_batch ? coil_datagram_send_batch(sender, &message, 1)
                  : (int)coil_datagram_send(sender, "x", 1);
    while (recv(coil_datagram_get_fd(receiver), &byte, 1, MSG_DONTWAIT) == 0) {
        left--;
    }
    CHECK_INT(left, ==, 0);
    coil_datagram_close(sender);
    coil_datagram_close(receiver);
    return rc;
}

static int in_datagram_send(struct trial *t)
{
    return send_datagram(t, false);
}

static int in_datagram_send_batch(struct trial *t)
{
    return send_datagram(t, true);
}

/* --- servers --- */

static int serve_forever(struct coil_stream *stream, void *user)
{
    int *rc = user;

    (void)stream;
    *rc = coil_sleep(COIL_NEVER);
    return *rc;
}

static int wait_for_server(struct trial *t, int (*call)(struct coil_server *server))
{
    struct coil_server *server = NULL;
    struct coil_stream *stream = NULL;
    bool goes_on = call == coil_serve_forever && !t->cause->ends_all;
    char path[256];
    char host[300];
    int rc;

    test_temp_path(path, sizeof path, "server");
    snprintf(host, sizeof host, "unix:%s", path); /* no latency under the simulated backend */
    t->child_rcs[0] = UNTOUCHED;
    CHECK_OK(coil_start_server(host, 0, NULL, serve_forever, &t->child_rcs[0], &server));
    CHECK_OK(coil_open_connection(host, 0, NULL, &stream));
    for (int i = 0; i < 100000 && coil_server_client_count(server) == 0; i++) {
        CHECK_OK(coil_yield()); /* a fault may have turned it away */
    }
    t->is_there = true;
    rc = call(server);
    if (goes_on) {
        CHECK_INT(coil_server_client_count(server), ==, 1);
        CHECK_INT(t->child_rcs[0], ==, UNTOUCHED);
    }
    if (call == coil_serve_forever) {
        coil_server_close(server);
    }
    CHECK_ERR(coil_server_get_port(server), -COIL_ECLOSED);
    CHECK_ERR(t->child_rcs[0], -ECANCELED);
    coil_shield {
        coil_stream_close(stream);
    }
    return rc;
}

static int in_serve_forever(struct trial *t)
{
    return wait_for_server(t, coil_serve_forever);
}

static int in_server_close(struct trial *t)
{
    return wait_for_server(t, coil_server_close);
}

static int shut_down(struct coil_server *server)
{
    return coil_server_shutdown(server, 60 * COIL_MINUTE);
}

static int in_server_shutdown(struct trial *t)
{
    return wait_for_server(t, shut_down);
}

#endif
