/* signals.h - deliveries of signals, counted by a handler for whoever wants to know.
 *
 * A signal's disposition is the process's, so what is caught here is shared by all loops: each has
 * a target, and a delivery counts in every target that listens to that signal. A signal is caught
 * while at least one target listens, and what was there before is put back after that.
 */
#ifndef COIL__SYS_SIGNALS_H
#define COIL__SYS_SIGNALS_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { COIL__SIGNALS = 64 }; /* numbered from 1 */

/* The bit of a signal in a mask. */
#define COIL__SIGNAL_BIT(signum) (UINT64_C(1) << ((signum)-1))

/* All-zero, but for notify, before the first listen. */
struct coil__signal_target {
    _Atomic(struct coil__signal_target *) next;         /* in the process's list while listening */
    void (*notify)(struct coil__signal_target *target); /* in the handler: async-signal-safe */
    _Atomic uint64_t mask;                              /* what it listens to */
    _Atomic uint64_t pending;                           /* what may have counts below */
    _Atomic uint32_t counts[COIL__SIGNALS]; /* deliveries not yet taken, by number - 1 */
};

/* Whether a handler of ours can do anything sensible for it. */
bool coil__signal_is_good(int signum);
/* Whether nobody but us has caught it: its disposition is the default, or our handler. */
bool coil__signal_is_free(int signum);
/* Has the signals of the mask, and no others, counted for the target. 0 or -EINVAL (it cannot be
 * caught), and then all is as it was. Any thread. After a mask of 0 no handler refers to the target
 * any more. */
int coil__signal_listen(struct coil__signal_target *target, uint64_t mask);
/* Takes the deliveries of one signal. */
uint32_t coil__signal_take(struct coil__signal_target *target, int signum);
/* If the signal is caught here, and what will be put back after that has the handler `from`: it
 * will be `to`. False: it is not caught. */
bool coil__signal_replace_saved(int signum, void (*from)(int number), void (*to)(int number));
/* In the child of a fork: nobody listens any more. */
void coil__signals_forget(void);

#endif
