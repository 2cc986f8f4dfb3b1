/* alone.h - whether anything in the process could act while the calling thread sleeps. */
#ifndef COIL__SYS_ALONE_H
#define COIL__SYS_ALONE_H

#include <stdbool.h>

/* True when the process has no other thread and no signal handler but ours (and those for faults of
 * the program's own): then nobody can call anything while the calling thread sleeps. False also
 * where that is not known, as in a process that has had other threads. own_threads: so many are
 * ours and call nothing; then it counts how many there are now. */
bool coil__is_alone(unsigned own_threads);

#endif
