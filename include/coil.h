/* coil.h - the whole core in one include: loop, tasks, cancellation, groups, synchronisation.
 *
 * Each header below stands alone as well. TLS, HTTP and the databases are libraries of their own,
 * with headers of their own.
 */
#ifndef COIL_H
#define COIL_H

#include <coil/base.h>
#include <coil/error.h>
#include <coil/loop.h>
#include <coil/op.h>
#include <coil/task.h>
#include <coil/scope.h>
#include <coil/run.h>
#include <coil/gather.h>
#include <coil/group.h>
#include <coil/local.h>

#endif
