/* Faults on demand: the n-th allocation or system call from now fails.
 *
 * The linker sends each call of the functions in fault_table.h to a wrapper (--wrap), in the
 * library's archive and in the test alike; glibc's own calls among themselves are not seen.
 * The count is that of the test with all its threads and forked processes: a fault may hit any.
 *
 *     fault_alloc_at(3);               the third allocation from now returns NULL
 *     fault_syscall_at(1);             the next wrapped system call fails, once
 *     fault_syscall_named("recv", 2, ECONNRESET);
 *     fault_off();                     and count no more
 *
 * Torture (`test_x --torture`) runs each test over and over with n = 1, 2, 3... until it sees no
 * fault. A run that fails a check has noticed the fault, which is fine; it must not crash or hang,
 * and if it ends normally it must have leaked nothing. As a failed check ends the process, the
 * leak check is reached only in runs whose checks all hold; `--torture-soft` lets a run that saw a
 * fault go on after a failed check, and checks for leaks at the end. If it then waits for what the
 * fault has kept from coming, a SIGINT cancels its first task; a crash or a hang after a failed
 * check proves nothing and is forgiven (-v shows them). A hang without one is a hang: so a test
 * looks at what it makes and calls, or bounds its waits (PATIENCE in in_task.h). torture() below is
 * for work that was written to tolerate faults. A test that arms faults itself, or calls torture(),
 * is left out.
 */
#ifndef COIL_TESTS_FAULT_H
#define COIL_TESTS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* The n-th allocation (1: the next one) from now fails, once. */
void fault_alloc_at(uint64_t n);

/* The n-th allocation from now fails, and all that follow. */
void fault_alloc_from(uint64_t n);

/* The n-th wrapped system call from now fails, once, with the error the table gives it. */
void fault_syscall_at(uint64_t n);

/* The n-th call of the function of this name from now fails with that errno. */
void fault_syscall_named(const char *name, uint64_t n, int error);

/* Neither fails nor counts from now on. */
void fault_off(void);

/* How many calls of the armed kind were seen since it was armed. */
uint64_t fault_count(void);

/* Whether a fault was injected since it was armed, and into which function (NULL: none). */
bool fault_was_injected(void);
const char *fault_injected_into(void);

/* Calls of the function of this name since the process began: what a path costs in system
 * calls. Only functions of the table are counted. */
uint64_t fault_calls(const char *name);

/* All system calls of the table since the process began. */
uint64_t fault_calls_total(void);

/* Runs fn(arg) in fresh processes with the 1st, 2nd, ... allocation failing, then the same for
 * system calls, until a run sees no fault. fn may fail, and returns; what it must not do is crash,
 * hang, or leak: then the running test fails. */
void torture(void (*fn)(void *arg), void *arg);

#endif
