/* Helpers: surroundings, temporary directories, sockets, processes within a test. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef HARNESS_HAVE_VALGRIND
#include <valgrind/valgrind.h>
#endif

#include "internal.h"

static char temp_dir[64];

/* Faults are for the library: what a test needs to begin with does not fail. */
int __real_sigaction(int number, const struct sigaction *action, struct sigaction *ret_old);
int __real_socket(int domain, int type, int protocol);
int __real_socketpair(int domain, int type, int protocol, int ret_fds[2]);
int __real_bind(int fd, const struct sockaddr *addr, socklen_t size);
int __real_listen(int fd, int backlog);
int __real_getsockname(int fd, struct sockaddr *addr, socklen_t *size);
int __real_pipe2(int ret_fds[2], int flags);
int __real_fcntl64(int fd, int command, ...);
ssize_t __real_read(int fd, void *buf, size_t size);
int __real_close(int fd);

const char *test_backend(void)
{
    const char *name = getenv("COIL_BACKEND");

    return name ? name : "";
}

bool test_backend_is(const char *name)
{
    return strcmp(test_backend(), name) == 0;
}

bool test_has_asan(void)
{
    return HARNESS_ASAN;
}

bool test_has_tsan(void)
{
    return HARNESS_TSAN;
}

bool test_has_valgrind(void)
{
#ifdef HARNESS_HAVE_VALGRIND
    return RUNNING_ON_VALGRIND != 0;
#else
    return false;
#endif
}

/* qemu-user shows the CPU of the machine below it. */
bool test_is_emulated(void)
{
#ifdef __x86_64__
    return false;
#else
    static int known = -1;
    if (known < 0) {
        char line[256];
        FILE *file = fopen("/proc/cpuinfo", "re");
        known = 0;
        while (file && fgets(line, sizeof line, file)) {
            if (strncmp(line, "vendor_id", 9) == 0) {
                known = 1;
            }
        }
        if (file) {
            fclose(file);
        }
    }
    return known;
#endif
}

int64_t test_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool test_is_thorough(void)
{
    return getenv("COIL_TEST_THOROUGH") != NULL;
}

int64_t test_moment_ns(void)
{
    if (test_backend_is("sim")) {
        return 1000000;
    }
    return test_has_valgrind() ? 50000000 : 20000000;
}

const char *test_temp_dir(void)
{
    if (!temp_dir[0]) {
        strcpy(temp_dir, "/tmp/coil-test-XXXXXX");
        if (!mkdtemp(temp_dir)) {
            test_fail(__FILE__, __LINE__, "mkdtemp: %s", strerror(errno));
        }
    }
    return temp_dir;
}

void test_temp_path(char *path, size_t path_size, const char *name)
{
    int len = snprintf(path, path_size, "%s/%s", test_temp_dir(), name);

    if (len < 0 || (size_t)len >= path_size) {
        test_fail(__FILE__, __LINE__, "%s: the path is too long", name);
    }
}

void test_raise_sigint(void)
{
    struct sigaction action;

    if (__real_sigaction(SIGINT, NULL, &action) < 0 || action.sa_handler == SIG_DFL) {
        test_check_failed(__FILE__, __LINE__, "nobody has caught SIGINT");
        return;
    }
    raise(SIGINT);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

void helpers_cleanup(void)
{
    if (temp_dir[0]) {
        nftw(temp_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        temp_dir[0] = '\0';
    }
}

void test_socket_pair(int ret_fds[2])
{
    if (__real_socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ret_fds) < 0) {
        test_fail(__FILE__, __LINE__, "socketpair: %s", strerror(errno));
    }
}

int test_listen_tcp(uint16_t *ret_port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof addr;
    int fd = __real_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || __real_bind(fd, (struct sockaddr *)&addr, size) < 0 ||
        __real_listen(fd, 128) < 0 || __real_getsockname(fd, (struct sockaddr *)&addr, &size) < 0) {
        test_fail(__FILE__, __LINE__, "a listening socket: %s", strerror(errno));
    }
    *ret_port = ntohs(addr.sin_port);
    return fd;
}

uint16_t test_free_port(void)
{
    uint16_t port;
    int fd = test_listen_tcp(&port);

    __real_close(fd);
    return port;
}

/* ---- a process within a test ---- */

/* Reads until the end or the deadline; false if it is still open then. */
static bool collect(int fd, double deadline, char *text, size_t text_size)
{
    size_t used = 0;
    char rest[512];

    for (;;) {
        bool full = used + 1 >= text_size;
        ssize_t got = full ? __real_read(fd, rest, sizeof rest)
                           : __real_read(fd, text + used, text_size - 1 - used);
        if (got == 0) {
            return true;
        }
        if (got > 0) {
            used += full ? 0 : (size_t)got;
            text[used] = '\0';
        } else if (errno != EAGAIN && errno != EINTR) {
            return true;
        } else if (now_seconds() > deadline) {
            return false;
        } else {
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        }
    }
}

void test_run_child(int (*fn)(void *arg), void *arg, struct test_child *ret_child)
{
    int fds[2];
    int status;

    memset(ret_child, 0, sizeof *ret_child);
    if (__real_pipe2(fds, O_CLOEXEC) < 0) {
        test_fail(__FILE__, __LINE__, "pipe2: %s", strerror(errno));
    }
    __real_fcntl64(fds[0], F_SETFL, O_NONBLOCK);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        test_fail(__FILE__, __LINE__, "fork: %s", strerror(errno));
    }
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        dup2(fds[1], STDERR_FILENO);
        __real_close(fds[0]);
        __real_close(fds[1]);
        int code = fn(arg);
        fflush(NULL);
        _exit(code);
    }
    __real_close(fds[1]);
    double deadline = now_seconds() + TEST_TIME_LIMIT * time_factor() / 2;
    bool ended = collect(fds[0], deadline, ret_child->output, sizeof ret_child->output);
    __real_close(fds[0]);
    if (!ended) {
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        continue;
    }
    if (!ended) {
        test_fail(__FILE__, __LINE__, "the child of the test hangs; it wrote:\n%s",
                  ret_child->output);
    }
    ret_child->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ret_child->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
