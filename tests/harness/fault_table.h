/* The system calls that can be counted and made to fail; the build reads its --wrap options from
 * here, so a line added is all it takes.
 *
 *   SYS(name, type, error, parameters, arguments)   fails with -1 and errno
 *   POS(...)                                        fails with the error as result
 *   OWN(name, type, error, ...)                     as SYS, with its wrapper written out by hand
 *   NEG(...)  in the second table                   fails with the negative error (liburing)
 *
 * Variadic functions are given with as many words as they can take: on the ABIs we build for, that
 * is the same call. The names that end in 64 are what <fcntl.h> and <sys/mman.h> really call.
 */
#ifndef COIL_TESTS_FAULT_TABLE_H
#define COIL_TESTS_FAULT_TABLE_H

/* clang-format off */
#define FAULT_TABLE(SYS, POS, OWN) \
    SYS(socket, int, EMFILE, (int a, int b, int c), (a, b, c)) \
    SYS(socketpair, int, EMFILE, (int a, int b, int c, int *d), (a, b, c, d)) \
    SYS(bind, int, EADDRINUSE, (int a, const void *b, socklen_t c), (a, b, c)) \
    SYS(listen, int, EADDRINUSE, (int a, int b), (a, b)) \
    SYS(accept4, int, EMFILE, (int a, void *b, socklen_t *c, int d), (a, b, c, d)) \
    SYS(connect, int, ECONNREFUSED, (int a, const void *b, socklen_t c), (a, b, c)) \
    SYS(shutdown, int, ENOTCONN, (int a, int b), (a, b)) \
    SYS(recv, ssize_t, ECONNRESET, (int a, void *b, size_t c, int d), (a, b, c, d)) \
    SYS(recvfrom, ssize_t, ECONNRESET, \
        (int a, void *b, size_t c, int d, void *e, socklen_t *f), (a, b, c, d, e, f)) \
    SYS(recvmsg, ssize_t, ECONNRESET, (int a, struct msghdr *b, int c), (a, b, c)) \
    SYS(send, ssize_t, EPIPE, (int a, const void *b, size_t c, int d), (a, b, c, d)) \
    SYS(sendto, ssize_t, EPIPE, \
        (int a, const void *b, size_t c, int d, const void *e, socklen_t f), (a, b, c, d, e, f)) \
    SYS(sendmsg, ssize_t, EPIPE, (int a, const struct msghdr *b, int c), (a, b, c)) \
    SYS(recvmmsg, int, ECONNRESET, \
        (int a, struct mmsghdr *b, unsigned c, int d, struct timespec *e), (a, b, c, d, e)) \
    SYS(sendmmsg, int, EPIPE, (int a, struct mmsghdr *b, unsigned c, int d), (a, b, c, d)) \
    SYS(read, ssize_t, EIO, (int a, void *b, size_t c), (a, b, c)) \
    SYS(write, ssize_t, EIO, (int a, const void *b, size_t c), (a, b, c)) \
    SYS(readv, ssize_t, EIO, (int a, const struct iovec *b, int c), (a, b, c)) \
    SYS(writev, ssize_t, EIO, (int a, const struct iovec *b, int c), (a, b, c)) \
    SYS(pread64, ssize_t, EIO, (int a, void *b, size_t c, off64_t d), (a, b, c, d)) \
    SYS(pwrite64, ssize_t, EIO, (int a, const void *b, size_t c, off64_t d), (a, b, c, d)) \
    SYS(preadv64, ssize_t, EIO, (int a, const struct iovec *b, int c, off64_t d), (a, b, c, d)) \
    SYS(pwritev64, ssize_t, EIO, (int a, const struct iovec *b, int c, off64_t d), (a, b, c, d)) \
    SYS(pwritev64v2, ssize_t, EIO, \
        (int a, const struct iovec *b, int c, off64_t d, int e), (a, b, c, d, e)) \
    SYS(fstat64, int, EIO, (int a, void *b), (a, b)) \
    SYS(preadv64v2, ssize_t, EAGAIN, \
        (int a, const struct iovec *b, int c, off64_t d, int e), (a, b, c, d, e)) \
    SYS(fstatat64, int, EIO, (int a, const char *b, void *c, int d), (a, b, c, d)) \
    SYS(lseek64, off64_t, EIO, (int a, off64_t b, int c), (a, b, c)) \
    SYS(fsync, int, EIO, (int a), (a)) \
    SYS(fdatasync, int, EIO, (int a), (a)) \
    SYS(ftruncate64, int, EIO, (int a, off64_t b), (a, b)) \
    SYS(renameat, int, EIO, (int a, const char *b, int c, const char *d), (a, b, c, d)) \
    SYS(getdents64, ssize_t, EIO, (int a, void *b, size_t c), (a, b, c)) \
    SYS(sendfile64, ssize_t, EIO, (int a, int b, off64_t *c, size_t d), (a, b, c, d)) \
    SYS(splice, ssize_t, EIO, \
        (int a, off64_t *b, int c, off64_t *d, size_t e, unsigned f), (a, b, c, d, e, f)) \
    SYS(inotify_init1, int, EMFILE, (int a), (a)) \
    SYS(inotify_add_watch, int, ENOSPC, (int a, const char *b, uint32_t c), (a, b, c)) \
    SYS(getsockopt, int, ENOPROTOOPT, \
        (int a, int b, int c, void *d, socklen_t *e), (a, b, c, d, e)) \
    SYS(setsockopt, int, ENOPROTOOPT, \
        (int a, int b, int c, const void *d, socklen_t e), (a, b, c, d, e)) \
    SYS(getsockname, int, ENOBUFS, (int a, void *b, socklen_t *c), (a, b, c)) \
    SYS(getpeername, int, ENOTCONN, (int a, void *b, socklen_t *c), (a, b, c)) \
    SYS(poll, int, ENOMEM, (struct pollfd *a, nfds_t b, int c), (a, b, c)) \
    SYS(ppoll, int, EINTR, \
        (struct pollfd *a, nfds_t b, const struct timespec *c, const sigset_t *d), (a, b, c, d)) \
    SYS(epoll_create1, int, EMFILE, (int a), (a)) \
    SYS(epoll_ctl, int, ENOMEM, (int a, int b, int c, void *d), (a, b, c, d)) \
    SYS(epoll_wait, int, EINTR, (int a, void *b, int c, int d), (a, b, c, d)) \
    SYS(epoll_pwait, int, EINTR, \
        (int a, void *b, int c, int d, const sigset_t *e), (a, b, c, d, e)) \
    SYS(epoll_pwait2, int, EINTR, \
        (int a, void *b, int c, const struct timespec *d, const sigset_t *e), (a, b, c, d, e)) \
    SYS(eventfd, int, EMFILE, (unsigned a, int b), (a, b)) \
    SYS(timerfd_create, int, EMFILE, (int a, int b), (a, b)) \
    SYS(timerfd_settime, int, EINVAL, \
        (int a, int b, const struct itimerspec *c, struct itimerspec *d), (a, b, c, d)) \
    SYS(signalfd, int, EMFILE, (int a, const sigset_t *b, int c), (a, b, c)) \
    SYS(sigaction, int, EINVAL, \
        (int a, const struct sigaction *b, struct sigaction *c), (a, b, c)) \
    SYS(sigaltstack, int, ENOMEM, (const stack_t *a, stack_t *b), (a, b)) \
    SYS(pipe2, int, EMFILE, (int *a, int b), (a, b)) \
    SYS(open, int, EMFILE, (const char *a, int b, long c), (a, b, c)) \
    SYS(open64, int, EMFILE, (const char *a, int b, long c), (a, b, c)) \
    SYS(openat, int, EMFILE, (int a, const char *b, int c, long d), (a, b, c, d)) \
    SYS(openat64, int, EMFILE, (int a, const char *b, int c, long d), (a, b, c, d)) \
    SYS(fcntl, int, EINVAL, (int a, int b, long c), (a, b, c)) \
    SYS(fcntl64, int, EINVAL, (int a, int b, long c), (a, b, c)) \
    SYS(ioctl, int, EINVAL, (int a, unsigned long b, long c), (a, b, c)) \
    SYS(dup3, int, EMFILE, (int a, int b, int c), (a, b, c)) \
    SYS(mprotect, int, ENOMEM, (void *a, size_t b, int c), (a, b, c)) \
    SYS(madvise, int, EINVAL, (void *a, size_t b, int c), (a, b, c)) \
    SYS(syscall, long, ENOSYS, \
        (long n, long a, long b, long c, long d, long e, long f), (n, a, b, c, d, e, f)) \
    SYS(sched_getaffinity, int, EINVAL, (pid_t a, size_t b, void *c), (a, b, c)) \
    SYS(fork, pid_t, EAGAIN, (void), ()) \
    SYS(waitid, int, EINTR, (idtype_t a, id_t b, siginfo_t *c, int d), (a, b, c, d)) \
    POS(posix_spawnp, int, EAGAIN, \
        (pid_t *a, const char *b, const void *c, const void *d, char *const *e, char *const *f), \
        (a, b, c, d, e, f)) \
    POS(getaddrinfo, int, EAI_MEMORY, \
        (const char *a, const char *b, const void *c, void *d), (a, b, c, d)) \
    POS(getnameinfo, int, EAI_MEMORY, \
        (const void *a, socklen_t b, char *c, socklen_t d, char *e, socklen_t f, int g), \
        (a, b, c, d, e, f, g)) \
    POS(pthread_atfork, int, ENOMEM, \
        (void (*a)(void), void (*b)(void), void (*c)(void)), (a, b, c)) \
    POS(pthread_attr_init, int, ENOMEM, (pthread_attr_t *a), (a)) \
    POS(pthread_attr_setstacksize, int, EINVAL, (pthread_attr_t *a, size_t b), (a, b)) \
    POS(pthread_condattr_init, int, ENOMEM, (pthread_condattr_t *a), (a)) \
    POS(pthread_condattr_setclock, int, EINVAL, (pthread_condattr_t *a, clockid_t b), (a, b)) \
    POS(pthread_cond_init, int, EAGAIN, \
        (pthread_cond_t *a, const pthread_condattr_t *b), (a, b)) \
    POS(pthread_mutex_init, int, EAGAIN, \
        (pthread_mutex_t *a, const pthread_mutexattr_t *b), (a, b)) \
    POS(pthread_create, int, EAGAIN, \
        (pthread_t *a, const pthread_attr_t *b, void *(*c)(void *), void *d), (a, b, c, d)) \
    OWN(close, int, EIO) \
    OWN(mmap, void *, ENOMEM) \
    OWN(mmap64, void *, ENOMEM)

#define FAULT_TABLE_URING(NEG) \
    NEG(io_uring_queue_init, int, ENOMEM, \
        (unsigned a, struct io_uring *b, unsigned c), (a, b, c)) \
    NEG(io_uring_queue_init_params, int, ENOMEM, \
        (unsigned a, struct io_uring *b, struct io_uring_params *c), (a, b, c)) \
    NEG(io_uring_submit, int, EINTR, (struct io_uring *a), (a)) \
    NEG(io_uring_submit_and_wait, int, EINTR, (struct io_uring *a, unsigned b), (a, b)) \
    NEG(io_uring_submit_and_wait_timeout, int, EINTR, \
        (struct io_uring *a, struct io_uring_cqe **b, unsigned c, struct __kernel_timespec *d, \
         sigset_t *e), (a, b, c, d, e)) \
    NEG(io_uring_submit_and_get_events, int, EINTR, (struct io_uring *a), (a)) \
    NEG(io_uring_get_events, int, EINTR, (struct io_uring *a), (a)) \
    NEG(io_uring_wait_cqes, int, EINTR, \
        (struct io_uring *a, struct io_uring_cqe **b, unsigned c, struct __kernel_timespec *d, \
         sigset_t *e), (a, b, c, d, e)) \
    NEG(io_uring_wait_cqe_timeout, int, EINTR, \
        (struct io_uring *a, struct io_uring_cqe **b, struct __kernel_timespec *c), (a, b, c)) \
    NEG(io_uring_enter, int, EINTR, \
        (unsigned a, unsigned b, unsigned c, unsigned d, sigset_t *e), (a, b, c, d, e)) \
    NEG(io_uring_register_probe, int, ENOMEM, \
        (struct io_uring *a, struct io_uring_probe *b, unsigned c), (a, b, c)) \
    NEG(io_uring_register_ring_fd, int, ENOMEM, (struct io_uring *a), (a)) \
    NEG(io_uring_register_buf_ring, int, ENOMEM, \
        (struct io_uring *a, struct io_uring_buf_reg *b, unsigned c), (a, b, c)) \
    NEG(io_uring_register_eventfd, int, ENOMEM, (struct io_uring *a, int b), (a, b))
/* clang-format on */

#endif
