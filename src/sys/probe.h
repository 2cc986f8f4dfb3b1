/* probe.h - places where a tracer (bpftrace, perf, gdb, SystemTap) may look in from outside: USDT.
 *
 * A probe is one instruction that does nothing, and a note in the file that says where it stands
 * and in which registers or memory its arguments are. Arguments are what is at hand anyway, so that
 * nothing is computed for them. Without sys/sdt.h at build time there are no probes; nor with
 * clang, unless they are asked for, as it loads into registers what gcc leaves in memory.
 *
 * docs/debugging.md lists them with their arguments. All belong to the provider "coil".
 */
#ifndef COIL__SYS_PROBE_H
#define COIL__SYS_PROBE_H

#ifdef COIL__HAVE_SDT
#ifdef __clang__
#define STAP_SDT_ARG_CONSTRAINT nr /* given the choice, clang copies to the stack */
#endif
#include <sys/sdt.h>

#define COIL__PROBE2(name, a, b) STAP_PROBE2(coil, name, a, b)
#define COIL__PROBE3(name, a, b, c) STAP_PROBE3(coil, name, a, b, c)
#define COIL__PROBE4(name, a, b, c, d) STAP_PROBE4(coil, name, a, b, c, d)
#else
/* Mentions the arguments, for the compiler's peace; computes nothing. */
#define COIL__PROBE2(name, a, b) ((void)sizeof(a), (void)sizeof(b))
#define COIL__PROBE3(name, a, b, c) (COIL__PROBE2(name, a, b), (void)sizeof(c))
#define COIL__PROBE4(name, a, b, c, d) (COIL__PROBE3(name, a, b, c), (void)sizeof(d))
#endif

#endif
