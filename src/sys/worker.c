/* worker.c - see worker.h.
 *
 * A fork of a process with threads must be careful: any lock may be held by a thread that the copy
 * does not have. The server keeps to calls that are safe in spite of that (it takes no lock and
 * allocates nothing); it is forked early, and forks the workers, so these are copies of that early
 * time, whenever they are made. What a worker then does is up to its work.
 *
 * Who dies with whom: the server ends when its socket does, that is with the process that has made
 * it; the workers get SIGKILL from the kernel when the server ends. A worker is reaped by the
 * server alone, and only when it is told to: until then its pid is nobody else's.
 */
#include "sys/worker.h"

#include "base/memory.h"
#include "sys/process.h"
#include "sys/retry.h"

#include <coil/error.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum request_kind { START = 1, KILL, REAP };

struct request {
    enum request_kind kind;
    pid_t pid;
};

/* Where the server has its socket, as its only descriptor beside 0, 1 and 2. */
enum { CONTROL = 3 };

/* --- whole messages, blocking --- */

static bool receive_all(int fd, void *buf, size_t size)
{
    char *to = buf;

    while (size > 0) {
        ssize_t rc = RETRY(recv(fd, to, size, 0));

        if (rc <= 0) {
            return false;
        }
        to += rc;
        size -= (size_t)rc;
    }
    return true;
}

static bool send_all(int fd, const void *buf, size_t size)
{
    const char *from = buf;

    while (size > 0) {
        ssize_t rc = RETRY(send(fd, from, size, MSG_NOSIGNAL));

        if (rc < 0) {
            return false;
        }
        from += rc;
        size -= (size_t)rc;
    }
    return true;
}

/* --- in a worker --- */

static bool skip(int fd, size_t size)
{
    char buf[4096];

    while (size > 0) {
        size_t part = size < sizeof buf ? size : sizeof buf;

        if (!receive_all(fd, buf, part)) {
            return false;
        }
        size -= part;
    }
    return true;
}

/* False: nobody is there any more. */
static bool do_job(int fd, const struct coil__worker_job *job)
{
    void *arg = coil__malloc(job->arg_size > 0 ? job->arg_size : 1);
    void *result = coil__malloc(job->result_size > 0 ? job->result_size : 1);
    struct coil__worker_reply reply = {.rc = -ENOMEM};
    bool is_there;

    if (arg && result) {
        is_there = receive_all(fd, arg, job->arg_size);
        if (is_there) {
            reply.rc = job->fn(arg, job->arg_size, result, job->result_size);
        }
        if (reply.rc > 0 && (size_t)reply.rc > job->result_size) {
            reply.rc = -COIL_ELIMIT;
        }
    } else {
        is_there = skip(fd, job->arg_size);
    }
    is_there = is_there && send_all(fd, &reply, sizeof reply) &&
               (reply.rc <= 0 || send_all(fd, result, (size_t)reply.rc));
    coil__free(arg);
    coil__free(result);
    return is_there;
}

static _Noreturn void work(int fd, pid_t server)
{
    struct coil__worker_job job;
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != server) {
        _exit(0); /* it has ended before that */
    }
    prctl(PR_SET_NAME, "coil-worker");
    close(CONTROL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    while (receive_all(fd, &job, sizeof job) && do_job(fd, &job)) {
    }
    _exit(0);
}

/* --- in the server --- */

/* Those of a crash stay with whoever explains crashes. */
static void reset_signals(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

    for (int number = 1; number < NSIG; number++) {
        bool is_crash = false;

        for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++) {
            is_crash = is_crash || crashes[i] == number;
        }
        if (!is_crash) {
            signal(number, number == SIGINT ? SIG_IGN : SIG_DFL); /* fails for SIGKILL, e.g. */
        }
    }
}

/* Receives a request, and the descriptor that comes with START; else -1. False: the end. */
static bool receive_request(struct request *ret_request, int *ret_fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec iov = {.iov_base = ret_request, .iov_len = sizeof *ret_request};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *header;
    ssize_t rc;

    rc = RETRY(recvmsg(CONTROL, &message, MSG_CMSG_CLOEXEC));
    if (rc != (ssize_t)sizeof *ret_request) {
        return false;
    }
    *ret_fd = -1;
    header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) {
        memcpy(ret_fd, CMSG_DATA(header), sizeof *ret_fd);
    }
    return true;
}

static int make_worker(int fd)
{
    pid_t self = getpid();
    pid_t pid;
    int rc;

    if (fd < 0) {
        return -EMFILE; /* there was no room for it */
    }
    pid = fork();
    if (pid == 0) {
        work(fd, self);
    }
    rc = pid < 0 ? -errno : pid;
    close(fd);
    return rc;
}

static int end_worker(pid_t pid)
{
    coil__process_kill(pid, false, SIGKILL);
    coil__process_await(pid);
    return coil__process_reap(pid);
}

static _Noreturn void serve(int fd)
{
    struct request request;
    int passed;

    if (fd != CONTROL && dup3(fd, CONTROL, O_CLOEXEC) < 0) {
        _exit(1);
    }
    closefrom(CONTROL + 1);
    reset_signals();
    prctl(PR_SET_NAME, "coil-forkserver");
    while (receive_request(&request, &passed)) {
        int answer;

        if (request.kind == KILL) {
            coil__process_kill(request.pid, false, SIGKILL);
            continue;
        }
        answer = request.kind == START ? make_worker(passed) : end_worker(request.pid);
        if (!send_all(CONTROL, &answer, sizeof answer)) {
            break;
        }
    }
    _exit(0);
}

/* --- in the process that uses them --- */

/* No signal is delivered in the child before its handlers are taken out. */
static pid_t fork_quietly(void)
{
    sigset_t all;
    sigset_t before;
    pid_t pid;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    error = errno;
    if (pid != 0) {
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    return pid < 0 ? -error : pid;
}

int coil__worker_server_start(struct coil__worker_server *server)
{
    int fds[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
        return -errno;
    }
    pid = fork_quietly();
    if (pid == 0) {
        serve(fds[1]);
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return pid;
    }
    *server = (struct coil__worker_server){.pid = pid, .fd = fds[0], .number = server->number + 1};
    return 0;
}

void coil__worker_server_end(struct coil__worker_server *server)
{
    if (server->fd < 0) {
        return;
    }
    close(server->fd);
    server->fd = -1;
    coil__process_kill(server->pid, false, SIGKILL);
    coil__process_await(server->pid);
    coil__process_reap(server->pid);
}

static bool send_request(struct coil__worker_server *server, struct request request, int passed)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    struct iovec iov = {.iov_base = &request, .iov_len = sizeof request};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    if (passed >= 0) {
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof passed);
        memcpy(CMSG_DATA(&control.header), &passed, sizeof passed);
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
    }
    return RETRY(sendmsg(server->fd, &message, MSG_NOSIGNAL)) >= 0;
}

/* The server's answer; or -EPIPE, and then it is no more. */
static int ask(struct coil__worker_server *server, struct request request, int passed)
{
    int answer;

    if (server->fd < 0) {
        return -EPIPE;
    }
    if (!send_request(server, request, passed) ||
        !receive_all(server->fd, &answer, sizeof answer)) {
        coil__worker_server_end(server);
        return -EPIPE;
    }
    return answer;
}

pid_t coil__worker_start(struct coil__worker_server *server, int *ret_fd)
{
    int fds[2];
    int rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        return -errno;
    }
    rc = ask(server, (struct request){.kind = START}, fds[1]);
    close(fds[1]);
    if (rc < 0) {
        close(fds[0]);
        return rc;
    }
    *ret_fd = fds[0];
    return rc;
}

void coil__worker_kill(struct coil__worker_server *server, pid_t pid)
{
    if (server->fd >= 0 && !send_request(server, (struct request){.kind = KILL, .pid = pid}, -1)) {
        coil__worker_server_end(server);
    }
}

int coil__worker_reap(struct coil__worker_server *server, pid_t pid)
{
    return ask(server, (struct request){.kind = REAP, .pid = pid}, -1);
}
