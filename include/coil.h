/* coil.h - the whole core in one include: loop, tasks, cancellation, groups, synchronisation,
 * descriptors and streams.
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
#include <coil/watch.h>
#include <coil/task.h>
#include <coil/scope.h>
#include <coil/run.h>
#include <coil/gather.h>
#include <coil/group.h>
#include <coil/local.h>
#include <coil/inspect.h>
#include <coil/console.h>
#include <coil/metrics.h>
#include <coil/stack.h>
#include <coil/watchdog.h>
#include <coil/future.h>
#include <coil/event.h>
#include <coil/lock.h>
#include <coil/condition.h>
#include <coil/semaphore.h>
#include <coil/barrier.h>
#include <coil/channel.h>
#include <coil/select.h>
#include <coil/queue.h>
#include <coil/shared_queue.h>
#include <coil/thread.h>
#include <coil/address.h>
#include <coil/dns.h>
#include <coil/net.h>
#include <coil/datagram.h>
#include <coil/fd.h>
#include <coil/file.h>
#include <coil/file_watch.h>
#include <coil/stream.h>
#include <coil/transport.h>
#include <coil/server.h>
#include <coil/signal.h>
#include <coil/process.h>
#include <coil/process_pool.h>
#include <coil/workers.h>

#endif
