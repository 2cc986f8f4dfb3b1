/* Fault injection: wrappers of the system calls in fault_table.h, counters, and the decision.
 *
 * What is armed is the process's, the count its run's; all of it is relaxed atomics, so that
 * ThreadSanitizer sees no order between threads that the library did not make.
 */
#include "fault.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "fault_internal.h"
#include "internal.h"

const char *const fault_kind_names[FAULT_KINDS] = {"none", "alloc", "alloc-forever", "syscall"};

struct entry {
    const char *name;
    int error;
};

/* clang-format off */
static const struct entry entries[] = {
#define FAULT_ENTRY(name, type, error, ...) [FAULT_##name] = {#name, error},
    FAULT_TABLE(FAULT_ENTRY, FAULT_ENTRY, FAULT_ENTRY)
    FAULT_TABLE_URING(FAULT_ENTRY)
};
/* clang-format on */

static atomic_int armed;             /* enum fault_kind */
static atomic_bool is_torture;       /* this run is one of a torture's */
static atomic_int only = -1;         /* index of the one function meant; -1: any */
static atomic_int only_error;        /* the errno for it; 0: the table's */
static atomic_uint_fast64_t fail_at; /* 0: never */
static atomic_uint_fast64_t calls[FAULT_FUNCTIONS];
static struct fault_state own_state;
static struct fault_state *state = &own_state;

#define LOAD(var) atomic_load_explicit(&(var), memory_order_relaxed)
#define STORE(var, value) atomic_store_explicit(&(var), (value), memory_order_relaxed)

void fault_set_state(struct fault_state *of_run)
{
    state = of_run;
}

static void arm(enum fault_kind kind, uint64_t n, int index, int error)
{
    STORE(armed, FAULT_NONE);
    STORE(only, index);
    STORE(only_error, error);
    STORE(fail_at, n);
    STORE(state->seen, 0);
    STORE(state->injected, NULL);
    STORE(armed, (int)kind);
}

void fault_arm(enum fault_kind kind, uint64_t n)
{
    STORE(is_torture, kind != FAULT_NONE);
    arm(kind, n, -1, 0);
}

bool test_is_torture(void)
{
    return LOAD(is_torture);
}

void fault_leave_torture(void)
{
    if (LOAD(is_torture)) {
        test_skip("has faults of its own");
    }
}

/* A test that arms faults itself would never let a torture's come: it is not tortured. */
static void arm_by_test(enum fault_kind kind, uint64_t n, int index, int error)
{
    fault_leave_torture();
    arm(kind, n, index, error);
}

void fault_alloc_at(uint64_t n)
{
    arm_by_test(FAULT_ALLOC, n, -1, 0);
}

void fault_alloc_from(uint64_t n)
{
    arm_by_test(FAULT_ALLOC_FOREVER, n, -1, 0);
}

void fault_syscall_at(uint64_t n)
{
    arm_by_test(FAULT_SYSCALL, n, -1, 0);
}

static int find(const char *name)
{
    for (int i = 0; i < FAULT_FUNCTIONS; i++) {
        if (strcmp(entries[i].name, name) == 0) {
            return i;
        }
    }
    test_fail(__FILE__, __LINE__, "%s is not in fault_table.h", name);
}

/* One function under its two names: with large files, <fcntl.h> calls the one that ends in 64. */
static bool is_alias(int index, int other)
{
    size_t len = strlen(entries[index].name);

    return strncmp(entries[index].name, entries[other].name, len) == 0 &&
           strcmp(entries[other].name + len, "64") == 0;
}

void fault_syscall_named(const char *name, uint64_t n, int error)
{
    arm_by_test(FAULT_SYSCALL, n, find(name), error);
}

void fault_off(void)
{
    STORE(armed, FAULT_NONE);
}

uint64_t fault_count(void)
{
    return LOAD(state->seen);
}

bool fault_was_injected(void)
{
    return LOAD(state->injected) != NULL;
}

const char *fault_injected_into(void)
{
    return LOAD(state->injected);
}

uint64_t fault_calls(const char *name)
{
    int index = find(name);
    uint64_t sum = LOAD(calls[index]);

    for (int i = 0; i < FAULT_FUNCTIONS; i++) {
        sum += is_alias(index, i) ? LOAD(calls[i]) : 0;
    }
    return sum;
}

uint64_t fault_calls_total(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < FAULT_FUNCTIONS; i++) {
        sum += LOAD(calls[i]);
    }
    return sum;
}

/* Counts a call of the armed kind; true if it is the one that fails. */
static bool strike(bool forever, const char *name)
{
    uint64_t n = 1 + atomic_fetch_add_explicit(&state->seen, 1, memory_order_relaxed);
    uint64_t at = LOAD(fail_at);

    if (at == 0 || (forever ? n < at : n != at)) {
        return false;
    }
    STORE(state->injected, name);
    return true;
}

int fault_gate_alloc(const char *name)
{
    int kind = LOAD(armed);

    if (kind != FAULT_ALLOC && kind != FAULT_ALLOC_FOREVER) {
        return 0;
    }
    return strike(kind == FAULT_ALLOC_FOREVER, name) ? ENOMEM : 0;
}

int fault_gate(unsigned index)
{
    int wanted = LOAD(only);

    atomic_fetch_add_explicit(&calls[index], 1, memory_order_relaxed);
    if (LOAD(armed) != FAULT_SYSCALL) {
        return 0;
    }
    if (wanted >= 0 && wanted != (int)index && !is_alias(wanted, (int)index)) {
        return 0;
    }
    if (!strike(false, entries[index].name)) {
        return 0;
    }
    int error = LOAD(only_error);
    return error ? error : entries[index].error;
}

/* clang-format off */
#define WRAP_SYS(name, type, error, params, args) \
    type __real_##name params; \
    type __wrap_##name params; \
    type __wrap_##name params \
    { \
        int fault = fault_gate(FAULT_##name); \
        if (fault) { \
            errno = fault; \
            return (type)-1; \
        } \
        return __real_##name args; \
    }
#define WRAP_POS(name, type, error, params, args) \
    type __real_##name params; \
    type __wrap_##name params; \
    type __wrap_##name params \
    { \
        int fault = fault_gate(FAULT_##name); \
        return fault ? fault : __real_##name args; \
    }
#define WRAP_OWN(...)
/* clang-format on */

FAULT_TABLE(WRAP_SYS, WRAP_POS, WRAP_OWN)
