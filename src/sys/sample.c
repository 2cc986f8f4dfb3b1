/* sample.c - see sample.h.
 *
 * The handler only copies the stack. It is walked by who has asked: to look for the rules of a
 * frame may take a lock of libgcc's, which the thread that is asked may have.
 *
 * A handler gets no argument, so the question is process-wide, and one at a time. It is never
 * freed: a handler that comes late finds that nothing is asked, or not of it.
 *
 * The handler stays as long as somebody may ask. When it is taken out, a signal that is still on
 * its way would end the process: so it is ignored first, which drops those that are pending.
 */
#include "sys/sample.h"

#include "sys/spin.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { IDLE, ASKED, TAKEN, ANSWERED };
enum { PATIENCE_MS = 30, TURN_NS = 200000, MSEC_NS = 1000000 };
enum { COPIED = 64 * 1024 };

static struct {
    atomic_flag lock;
    unsigned users;
    int signum; /* 0: there is no handler */
    /* The question. */
    atomic_int state;
    atomic_int thread;
    struct coil__stack_view stacks[2]; /* as they are: no copies */
    /* The answer. */
    struct coil__place place;
    struct coil__stack_view view; /* of the copy; empty: it is on neither stack */
    char copy[COPIED] __attribute__((aligned(sizeof(uintptr_t))));
} sampler = {.lock = ATOMIC_FLAG_INIT};

static void on_sample(int signum, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    int asked = ASKED;

    (void)signum;
    (void)info;
    if (atomic_load(&sampler.thread) == gettid() &&
        atomic_compare_exchange_strong(&sampler.state, &asked, TAKEN)) {
        const struct coil__stack_view *view = &sampler.stacks[0];

        uintptr_t sp;

        coil__place_of_signal(context, &sampler.place);
        sp = sampler.place.sp;
        if (sp < view->low || sp >= view->high) {
            view = &sampler.stacks[1];
        }
        sampler.view = (struct coil__stack_view){.low = 0};
        if (sp >= view->low && sp < view->high) {
            coil__stack_copy(sp, view->high, sampler.copy, sizeof sampler.copy, &sampler.view);
        }
        atomic_store(&sampler.state, ANSWERED);
    }
    errno = saved_errno;
}

static int install(void)
{
    struct sigaction action = {.sa_sigaction = on_sample,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    struct sigaction now;

    sigfillset(&action.sa_mask);
    for (int signum = SIGRTMAX; signum >= SIGRTMIN; signum--) {
        if (sigaction(signum, NULL, &now) == 0 && now.sa_handler == SIG_DFL &&
            sigaction(signum, &action, NULL) == 0) {
            sampler.signum = signum;
            return 0;
        }
    }
    return -EAGAIN;
}

/* The program may have taken the signal for itself since, or have set all of them to their default,
 * by which it would end the process. */
static bool is_ours(void)
{
    struct sigaction now;

    return sigaction(sampler.signum, NULL, &now) == 0 && now.sa_sigaction == on_sample;
}

/* A handler that the program has put over ours stays. */
static void take_out(void)
{
    if (is_ours()) {
        struct sigaction action = {.sa_handler = SIG_IGN};

        sigemptyset(&action.sa_mask);
        if (sigaction(sampler.signum, &action, NULL) == 0) {
            action.sa_handler = SIG_DFL;
            sigaction(sampler.signum, &action, NULL);
        }
    }
    sampler.signum = 0;
}

int coil__sample_open(void)
{
    int rc = 0;

    coil__spin_lock(&sampler.lock);
    if (sampler.users == 0) {
        rc = install();
    }
    sampler.users += rc == 0;
    coil__spin_unlock(&sampler.lock);
    return rc;
}

void coil__sample_close(void)
{
    coil__spin_lock(&sampler.lock);
    if (--sampler.users == 0) {
        take_out();
    }
    coil__spin_unlock(&sampler.lock);
}

static void wait_a_turn(void)
{
    struct timespec ts = {.tv_nsec = TURN_NS};

    nanosleep(&ts, NULL);
}

/* True: the answer is there. False: nobody will answer any more. */
static bool await_answer(void)
{
    int asked = ASKED;

    for (int i = 0; i < PATIENCE_MS * (MSEC_NS / TURN_NS); i++) {
        if (atomic_load(&sampler.state) == ANSWERED) {
            return true;
        }
        wait_a_turn();
    }
    if (atomic_compare_exchange_strong(&sampler.state, &asked, IDLE)) {
        return false;
    }
    while (atomic_load(&sampler.state) != ANSWERED) {
        wait_a_turn();
    }
    return true;
}

size_t coil__sample_take(const struct coil__observed *thread, const struct coil__stack_view *stack,
                         void **ret_pcs)
{
    size_t count = 0;

    coil__spin_lock(&sampler.lock);
    sampler.stacks[0] = *stack;
    sampler.stacks[1] = (struct coil__stack_view){.low = thread->stack_low,
                                                  .high = thread->stack_high,
                                                  .memory = (const char *)thread->stack_low};
    atomic_store(&sampler.thread, thread->id);
    atomic_store(&sampler.state, ASKED);
    if (!is_ours() || syscall(SYS_tgkill, getpid(), thread->id, sampler.signum) < 0) {
        atomic_store(&sampler.state, IDLE);
    } else if (await_answer()) {
        count = sampler.view.high == 0
                    ? 0
                    : coil__walk_all(&sampler.place, &sampler.view, ret_pcs, COIL__SAMPLE_MAX);
    }
    atomic_store(&sampler.state, IDLE);
    coil__spin_unlock(&sampler.lock);
    return count;
}

bool coil__sample_is_handler(void (*handler)(int number))
{
    return handler == (void (*)(int))(void (*)(void))on_sample;
}

void coil__sample_forget(void)
{
    if (sampler.signum != 0) {
        take_out();
    }
    sampler.users = 0;
    atomic_store(&sampler.state, IDLE);
    coil__spin_unlock(&sampler.lock); /* another thread may have had it */
}
