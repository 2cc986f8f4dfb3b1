/* process.c - see process.h.
 *
 * posix_spawn does what a fork cannot do well in a large process: the parent is not copied, and an
 * error of exec comes back as the call's own. A child that was not reaped keeps its pid, so as long
 * as only coil__process_reap reaps it, a signal cannot hit anybody else.
 */
#include "sys/process.h"

#include <coil/process.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int init_attributes(posix_spawnattr_t *attr, const struct coil__spawn *spawn)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t signals;
    int rc = posix_spawnattr_init(attr);

    if (rc != 0) {
        return rc;
    }
    if (spawn->new_session) {
        flags |= POSIX_SPAWN_SETSID;
    }
    sigfillset(&signals);
    rc = posix_spawnattr_setsigdefault(attr, &signals);
    sigemptyset(&signals);
    rc = rc ? rc : posix_spawnattr_setsigmask(attr, &signals);
    rc = rc ? rc : posix_spawnattr_setflags(attr, flags);
    if (rc != 0) {
        posix_spawnattr_destroy(attr);
    }
    return rc;
}

static int add_fd(posix_spawn_file_actions_t *actions, int fd, int target)
{
    switch (fd) {
    case COIL__SPAWN_INHERIT:
        return 0;
    case COIL__SPAWN_NULL:
        return posix_spawn_file_actions_addopen(actions, target, "/dev/null", O_RDWR, 0);
    case COIL__SPAWN_MERGE:
        return posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, target);
    default:
        return posix_spawn_file_actions_adddup2(actions, fd, target);
    }
}

static int init_actions(posix_spawn_file_actions_t *actions, const struct coil__spawn *spawn)
{
    int rc = posix_spawn_file_actions_init(actions);

    if (rc != 0) {
        return rc;
    }
    for (int target = 0; target < 3 && rc == 0; target++) {
        rc = add_fd(actions, spawn->fds[target], target);
    }
    rc = rc ? rc : posix_spawn_file_actions_addclosefrom_np(actions, 3);
    if (spawn->cwd) {
        rc = rc ? rc : posix_spawn_file_actions_addchdir_np(actions, spawn->cwd);
    }
    if (rc != 0) {
        posix_spawn_file_actions_destroy(actions);
    }
    return rc;
}

/* exec takes its strings as if it changed them; it does not. */
static char *const *strings(const char *const *list)
{
    return (char *const *)(uintptr_t)list;
}

pid_t coil__process_spawn(const struct coil__spawn *spawn)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    pid_t pid = 0;
    int rc = init_attributes(&attr, spawn);

    if (rc != 0) {
        return -rc;
    }
    rc = init_actions(&actions, spawn);
    if (rc == 0) {
        rc = posix_spawnp(&pid, spawn->file, &actions, &attr, strings(spawn->argv),
                          spawn->env ? strings(spawn->env) : environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attr);
    return rc == 0 ? pid : -rc;
}

int coil__process_open_pidfd(pid_t pid)
{
    long fd = syscall(SYS_pidfd_open, pid, 0);

    return fd < 0 ? -errno : (int)fd;
}

static int wait_for(pid_t pid, siginfo_t *info, int options)
{
    int rc;

    do {
        info->si_pid = 0;
        rc = waitid(P_PID, (id_t)pid, info, options);
    } while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

int coil__process_await(pid_t pid)
{
    siginfo_t info;

    return wait_for(pid, &info, WEXITED | WNOWAIT);
}

int coil__process_reap(pid_t pid)
{
    siginfo_t info;
    int rc = wait_for(pid, &info, WEXITED | WNOHANG);

    if (rc < 0) {
        return rc;
    }
    if (info.si_pid == 0) {
        return -EAGAIN;
    }
    return info.si_code == CLD_EXITED ? info.si_status & 0xff
                                      : COIL_PROCESS_KILLED + info.si_status;
}

int coil__process_has_ended(pid_t pid)
{
    siginfo_t info;
    int rc = wait_for(pid, &info, WEXITED | WNOHANG | WNOWAIT);

    if (rc < 0) {
        return rc;
    }
    return info.si_pid == 0 ? -EAGAIN : 0;
}

/* Of "/proc/PID/stat": the pid, the name in brackets (in which there may be anything), the state,
 * the parent, the group. */
static bool lives_in_group(const char *stat, pid_t group)
{
    const char *at = strrchr(stat, ')');
    pid_t its_group = 0;

    if (!at || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X') {
        return false;
    }
    at += 3;
    at += strspn(at, " ");
    at += strspn(at, "0123456789");
    at += strspn(at, " ");
    while (*at >= '0' && *at <= '9') {
        its_group = its_group * 10 + (*at++ - '0');
    }
    return its_group == group;
}

static bool is_in_group(const char *pid, pid_t group)
{
    char path[32];
    char stat[512];
    ssize_t size;
    int fd;

    snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false; /* it has just gone */
    }
    size = read(fd, stat, sizeof stat - 1);
    close(fd);
    stat[size > 0 ? size : 0] = '\0';
    return lives_in_group(stat, group);
}

bool coil__process_group_lives(pid_t group)
{
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    bool lives = false;

    while (folder && !lives && (entry = readdir(folder))) {
        lives =
            entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && is_in_group(entry->d_name, group);
    }
    if (folder) {
        closedir(folder);
    }
    return lives;
}

int coil__process_kill(pid_t pid, bool whole_group, int signum)
{
    return kill(whole_group ? -pid : pid, signum) < 0 ? -errno : 0;
}

int coil__process_pipe(int ret_fds[2])
{
    return pipe2(ret_fds, O_CLOEXEC) < 0 ? -errno : 0;
}

int coil__process_lift(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return copy < 0 ? -errno : copy;
}
