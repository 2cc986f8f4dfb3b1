/* Misuse of every public call that takes an object or needs a task: outside of any loop, from
 * another thread, with NULLs, from a callback, on what has ended. A named error comes back, no
 * crash.
 *
 * One table: the call, and what it answers in each of those places. */
#include "in_task.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* What the calls below are made with; NULL for the tests of NULLs. */
static struct {
    struct coil_loop *loop;
    struct coil_task *task;
    struct coil_scope *scope;
    struct coil_group *group;
    struct coil_event *event;
    struct coil_future *future;
    struct coil_channel *channel;
    struct coil_handle *handle;
    struct coil_op *op;
    struct coil_as_completed *completed;
    struct coil_thread_call *call;
    struct coil_stream *stream;
    struct coil_server *server;
    const struct coil_local *key;
    coil_task_fn fn;
    coil_callback callback;
    coil_op_callback op_callback;
    coil_client_fn client;
    void *buf;
    const char *text;
    const struct coil_address *address;
    int fd;
} w;

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void nothing_soon(void *user)
{
    (void)user;
}

static void nothing_done(struct coil_op *op)
{
    (void)op;
}

static int nobody(struct coil_stream *stream, void *user)
{
    (void)stream;
    (void)user;
    return 0;
}

static char scratch[1];

/* Answers: 0 stands for any that is no error, ANY for any named error or none. */
enum { ANY = 1 };

#define NOLOOP -COIL_ENOLOOP
#define NOTASK -COIL_ENOTASK
#define WRONG -COIL_EWRONGTHREAD
#define STALE -COIL_ESTALE
#define STATE -COIL_EINVALIDSTATE
#define CLOSED -COIL_ECLOSED
#define INVAL -EINVAL

/* X(name, call, outside of loops with NULLs, in a task with NULLs, in another thread, in a
 *   callback, in a task on what has ended). Objects are live in the last but two and the last
 *   but one. */
#define CALLS(X)                                                                                   \
    X(await, coil_await(w.task), NOLOOP, -ENOMEM, NOLOOP, NOTASK, STALE)                           \
    X(await_shielded, coil_await_shielded(w.task), NOLOOP, -ENOMEM, NOLOOP, NOTASK, STALE)         \
    X(wait_for, coil_wait_for(w.task, 1), NOLOOP, -ENOMEM, NOLOOP, NOTASK, STALE)                  \
    X(wait, coil_wait(&w.task, 1, COIL_ALL_COMPLETED, 1), NOLOOP, -ENOMEM, NOLOOP, NOTASK, STALE)  \
    X(wait_null, coil_wait(NULL, 1, COIL_ALL_COMPLETED, 1), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)  \
    X(wait_none, coil_wait(&w.task, 0, COIL_ALL_COMPLETED, 1), NOLOOP, INVAL, NOLOOP, NOTASK,      \
      INVAL)                                                                                       \
    X(gather, coil_gather(&w.task, 1, NULL), NOLOOP, -ENOMEM, NOLOOP, NOTASK, STALE)               \
    X(gather_null, coil_gather(NULL, 1, NULL), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)               \
    X(detach, coil_detach(w.task), -ENOMEM, -ENOMEM, WRONG, ANY, STALE)                            \
    X(cancel, coil_cancel(w.task), -ENOMEM, -ENOMEM, WRONG, ANY, STALE)                            \
    X(uncancel, coil_uncancel(w.task), -ENOMEM, -ENOMEM, WRONG, ANY, STALE)                        \
    X(cancelling, coil_cancelling(w.task), -ENOMEM, -ENOMEM, WRONG, ANY, STALE)                    \
    X(task_result, coil_task_result(w.task), -ENOMEM, -ENOMEM, WRONG, STATE, STALE)                \
    X(task_is_done, coil_task_is_done(w.task), 0, 0, 0, 0, 0)                                      \
    X(task_name, strlen(coil_task_name(w.task)), 0, 0, 0, 0, 0)                                    \
    X(task_set_name, coil_task_set_name(w.task, w.text), -ENOMEM, -ENOMEM, WRONG, 0, STALE)        \
    X(task_site, coil_task_site(w.task) != NULL, 0, 0, 0, 0, 0)                                    \
    X(task_ready, coil_task_ready(1), NOLOOP, STATE, NOLOOP, NOTASK, STATE)                        \
    X(create_task, -(w.fn == NULL && coil_create_task(w.fn, NULL) == NULL) * EINVAL, INVAL, INVAL, \
      0, 0, INVAL)                                                                                 \
    X(all_tasks, coil_all_tasks(NULL, 3), NOLOOP, INVAL, NOLOOP, INVAL, INVAL)                     \
    X(current_task, coil_current_task() == NULL, 0, 0, 0, 0, 0)                                    \
    X(sleep, coil_sleep(1), NOLOOP, 0, NOLOOP, NOTASK, 0)                                          \
    X(sleep_until, coil_sleep_until(1), NOLOOP, 0, NOLOOP, NOTASK, 0)                              \
    X(yield, coil_yield(), NOLOOP, 0, NOLOOP, NOTASK, 0)                                           \
    X(as_completed_open, coil_as_completed_open(w.completed, &w.task, 1), INVAL, INVAL, ANY, ANY,  \
      ANY)                                                                                         \
    X(as_completed_next, coil_as_completed_next(w.completed, NULL), NOLOOP, INVAL, NOLOOP, NOTASK, \
      ANY)                                                                                         \
    X(as_completed_close, (coil_as_completed_close(w.completed), 0), 0, 0, 0, 0, 0)                \
    X(map, coil_map(w.fn, NULL, 1, 1, 1), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                    \
    X(race, coil_staggered_race(w.fn, NULL, 1, 1, 1, NULL), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)  \
    X(group_open, coil_group_open(NULL), INVAL, INVAL, INVAL, INVAL, INVAL)                        \
    X(group_spawn, coil_group_spawn(w.group, w.fn, NULL), INVAL, INVAL, WRONG, ANY, CLOSED)        \
    X(group_spawn_null, coil_group_spawn(w.group, NULL, NULL), INVAL, INVAL, WRONG, INVAL, CLOSED) \
    X(group_adopt, coil_group_adopt(w.group, NULL), INVAL, INVAL, WRONG, -ENOMEM, ANY)             \
    X(group_start, coil_group_start(w.group, w.fn, NULL), ANY, INVAL, ANY, NOTASK, CLOSED)         \
    X(group_cancel, coil_group_cancel(w.group), INVAL, INVAL, WRONG, ANY, ANY)                     \
    X(group_fail, coil_group_fail(w.group, -EIO), INVAL, INVAL, WRONG, ANY, CLOSED)                \
    X(group_fail_ok, coil_group_fail(w.group, 0), INVAL, INVAL, INVAL, INVAL, INVAL)               \
    X(group_close, coil_group_close(w.group), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                \
    X(group_error_count, coil_group_error_count(w.group), 0, 0, 0, 0, 0)                           \
    X(group_error_at, coil_group_error_at(w.group, 99) == NULL, 0, 0, 0, 0, 0)                     \
    X(scope_open, coil_scope_open_timeout(NULL, 1), INVAL, INVAL, INVAL, INVAL, INVAL)             \
    X(scope_open_at, coil_scope_open_deadline(NULL, 1), INVAL, INVAL, INVAL, INVAL, INVAL)         \
    X(scope_shield, coil_scope_open_shield(NULL), INVAL, INVAL, INVAL, INVAL, INVAL)               \
    X(scope_close, coil_scope_close(w.scope), INVAL, INVAL, INVAL, INVAL, INVAL)                   \
    X(scope_reschedule, coil_scope_reschedule(w.scope, COIL_NEVER), INVAL, INVAL, WRONG, 0, STATE) \
    X(scope_cancel, coil_scope_cancel(w.scope), INVAL, INVAL, WRONG, 0, STATE)                     \
    X(scope_is_expired, coil_scope_is_expired(w.scope), 0, 0, 0, 0, 0)                             \
    X(scope_when, coil_scope_when(w.scope), 0, 0, 0, 0, 0)                                         \
    X(check_cancel, coil_check_cancel(), NOLOOP, 0, NOLOOP, NOTASK, 0)                             \
    X(cancel_origin, coil_cancel_origin() == NULL, 0, 0, 0, 0, 0)                                  \
    X(cancel_reason, coil_cancel_reason() == NULL, 0, 0, 0, 0, 0)                                  \
    X(local_set, coil_local_set(w.key, NULL), INVAL, INVAL, NOLOOP, NOTASK, ANY)                   \
    X(local_get, coil_local_get(w.key) == NULL, 0, 0, 0, 0, 0)                                     \
    X(event_set, coil_event_set(w.event), INVAL, INVAL, WRONG, 0, 0)                               \
    X(event_is_set, coil_event_is_set(w.event), 0, 0, 0, 0, 0)                                     \
    X(event_wait, coil_event_wait(w.event), NOLOOP, INVAL, NOLOOP, NOTASK, ANY)                    \
    X(event_clear, coil_event_clear(w.event), INVAL, INVAL, WRONG, 0, 0)                           \
    X(future_set, coil_future_set(w.future, 0), INVAL, INVAL, WRONG, ANY, STATE)                   \
    X(future_set_value, coil_future_set_value(w.future, 0, NULL), INVAL, INVAL, WRONG, STATE,      \
      STATE)                                                                                       \
    X(future_cancel, coil_future_cancel(w.future), INVAL, INVAL, WRONG, STATE, STATE)              \
    X(future_wait, coil_future_wait(w.future), NOLOOP, INVAL, NOLOOP, NOTASK, ANY)                 \
    X(future_is_done, coil_future_is_done(w.future), 0, 0, 0, 0, 0)                                \
    X(future_result, coil_future_result(w.future), ANY, ANY, ANY, ANY, ANY)                        \
    X(future_value, coil_future_value(w.future) == NULL, 0, 0, 0, 0, 0)                            \
    X(future_on_done, coil_future_on_done(w.future, NULL, NULL, NULL), ANY, INVAL, ANY, INVAL,     \
      INVAL)                                                                                       \
    X(channel_init, coil_channel_init(NULL, 1, 1), INVAL, INVAL, INVAL, INVAL, INVAL)              \
    X(channel_send, coil_channel_send(w.channel, w.buf), ANY, INVAL, ANY, NOTASK, CLOSED)          \
    X(channel_recv, coil_channel_recv(w.channel, w.buf), ANY, INVAL, ANY, NOTASK, CLOSED)          \
    X(channel_try_send, coil_channel_try_send(w.channel, w.buf), INVAL, INVAL, ANY, ANY, CLOSED)   \
    X(channel_try_recv, coil_channel_try_recv(w.channel, w.buf), INVAL, INVAL, ANY, ANY, CLOSED)   \
    X(channel_close, coil_channel_close(w.channel), INVAL, INVAL, WRONG, ANY, 0)                   \
    X(channel_count, coil_channel_count(w.channel), 0, 0, 0, 0, 0)                                 \
    X(to_thread, coil_to_thread(w.fn, NULL), ANY, INVAL, NOLOOP, NOTASK, ANY)                      \
    X(thread_call_start, coil_thread_call_start(w.loop, NULL, w.fn, NULL), INVAL, INVAL, INVAL,    \
      INVAL, INVAL)                                                                                \
    X(thread_call_wait, coil_thread_call_wait(w.call, 0), INVAL, INVAL, STATE, STATE, STATE)       \
    X(thread_call_cancel, coil_thread_call_cancel(w.call), INVAL, INVAL, STATE, STATE, STATE)      \
    X(thread_call_is_pending, coil_thread_call_is_pending(w.call), 0, 0, 0, 0, 0)                  \
    X(run_threadsafe, coil_run_threadsafe(w.loop, NULL, NULL), INVAL, INVAL, INVAL, -EDEADLK, ANY) \
    X(loop_new, coil_loop_new(NULL, NULL), INVAL, INVAL, INVAL, INVAL, INVAL)                      \
    X(loop_free, coil_loop_free(w.loop), 0, 0, WRONG, STATE, 0)                                    \
    X(loop_run, coil_loop_run(w.loop), INVAL, INVAL, WRONG, -COIL_ENESTED, INVAL)                  \
    X(loop_run_once, coil_loop_run_once(w.loop, 0), INVAL, INVAL, WRONG, -COIL_ENESTED, INVAL)     \
    X(loop_stop, -(w.loop != NULL) * EINVAL + coil_loop_stop(NULL), ANY, ANY, ANY, ANY, ANY)       \
    X(loop_get_fd, coil_loop_get_fd(w.loop), INVAL, INVAL, WRONG, ANY, INVAL)                      \
    X(loop_next_deadline, coil_loop_next_deadline(NULL), 0, 0, 0, 0, 0)                            \
    X(loop_set_wait_hooks, coil_loop_set_wait_hooks(w.loop, NULL, NULL, NULL), INVAL, INVAL,       \
      WRONG, 0, INVAL)                                                                             \
    X(loop_set_error_handler, coil_loop_set_error_handler(w.loop, NULL, NULL), INVAL, INVAL,       \
      WRONG, 0, INVAL)                                                                             \
    X(loop_wake, coil_loop_wake(w.loop), INVAL, INVAL, 0, 0, INVAL)                                \
    X(loop_now, coil_loop_now(w.loop), 0, 0, 0, 0, 0)                                              \
    X(loop_backend, coil_loop_backend(w.loop) == NULL, 0, 0, 0, 0, 0)                              \
    X(loop_free_after_fork, coil_loop_free_after_fork(w.loop), 0, 0, STATE, STATE, 0)              \
    X(run, coil_run(NULL, NULL), INVAL, INVAL, INVAL, INVAL, INVAL)                                \
    X(run_nested, coil_loop_current() ? coil_run(nothing, NULL) : 0, 0, -COIL_ENESTED, 0,          \
      -COIL_ENESTED, -COIL_ENESTED)                                                                \
    X(run_in, coil_run_in(w.loop, NULL, nothing, NULL), INVAL, INVAL, WRONG, -COIL_ENESTED, INVAL) \
    X(call_soon, coil_call_soon(w.loop, NULL, w.callback, NULL), INVAL, INVAL, WRONG, INVAL,       \
      INVAL)                                                                                       \
    X(call_later, coil_call_later(w.loop, NULL, 1, w.callback, NULL), INVAL, INVAL, WRONG, INVAL,  \
      INVAL)                                                                                       \
    X(call_at, coil_call_at(w.loop, NULL, 1, w.callback, NULL), INVAL, INVAL, WRONG, INVAL, INVAL) \
    X(call_threadsafe, coil_call_soon_threadsafe(w.loop, NULL, w.callback, NULL), INVAL, INVAL,    \
      INVAL, INVAL, INVAL)                                                                         \
    X(handle_cancel, coil_handle_cancel(w.handle), 0, 0, 0, 0, 0)                                  \
    X(handle_is_pending, coil_handle_is_pending(w.handle), 0, 0, 0, 0, 0)                          \
    X(handle_when, coil_handle_when(w.handle), 0, 0, 0, 0, 0)                                      \
    X(op_submit, coil_op_submit(w.loop, w.op, w.op_callback), INVAL, INVAL, WRONG, INVAL, INVAL)   \
    X(op_cancel, coil_op_cancel(w.op), INVAL, INVAL, STATE, STATE, STATE)                          \
    X(op_is_pending, coil_op_is_pending(w.op), 0, 0, 0, 0, 0)                                      \
    X(op_prepare,                                                                                  \
      (coil_op_poll(NULL, 0, 0), coil_op_read(NULL, 0, NULL, 1, 0),                                \
       coil_op_write(NULL, 0, NULL, 1, 0), coil_op_readv(NULL, 0, NULL, 1, 0),                     \
       coil_op_writev(NULL, 0, NULL, 1, 0), coil_op_recv(NULL, 0, NULL, 1, 0),                     \
       coil_op_send(NULL, 0, NULL, 1, 0), coil_op_recvmsg(NULL, 0, NULL, 0),                       \
       coil_op_sendmsg(NULL, 0, NULL, 0), coil_op_accept(NULL, 0, NULL, NULL, 0),                  \
       coil_op_connect(NULL, 0, NULL, 0), 0),                                                      \
      0, 0, 0, 0, 0)                                                                               \
    X(poll, coil_poll(w.fd, POLLIN), NOLOOP, -EBADF, NOLOOP, NOTASK, -EBADF)                       \
    X(read, coil_read(w.fd, NULL, 1), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                        \
    X(read_fd, coil_read(w.fd, NULL, 0), NOLOOP, -EBADF, NOLOOP, NOTASK, -EBADF)                   \
    X(write, coil_write(w.fd, NULL, 1), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                      \
    X(readv, coil_readv(w.fd, NULL, 1), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                      \
    X(readv_count, coil_readv(w.fd, NULL, -1), INVAL, INVAL, INVAL, INVAL, INVAL)                  \
    X(writev, coil_writev(w.fd, NULL, 1), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                    \
    X(recv, coil_recv(w.fd, NULL, 1, 0), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                     \
    X(recv_fd, coil_recv(w.fd, scratch, 0, 0), NOLOOP, -EBADF, NOLOOP, NOTASK, -EBADF)             \
    X(recv_size, coil_recv(w.fd, scratch, SIZE_MAX, 0), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)      \
    X(send, coil_send(w.fd, NULL, 1, 0), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                     \
    X(send_all, coil_send_all(w.fd, NULL, 1), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                \
    X(recvmsg, coil_recvmsg(w.fd, NULL, 0), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                  \
    X(sendmsg, coil_sendmsg(w.fd, NULL, 0), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)                  \
    X(connect, coil_connect(w.fd, NULL, 0), INVAL, INVAL, INVAL, INVAL, INVAL)                     \
    X(close, coil_close(w.fd), -EBADF, -EBADF, -EBADF, -EBADF, -EBADF)                             \
    X(accept, coil_accept(w.fd, NULL), NOLOOP, -EBADF, NOLOOP, NOTASK, -EBADF)                     \
    X(dial, coil_dial(NULL, 1, NULL), ANY, INVAL, ANY, ANY, INVAL)                                 \
    X(dial_address, coil_dial_address(w.address, NULL), ANY, INVAL, ANY, ANY, INVAL)               \
    X(listen, coil_listen(NULL, 1, NULL, NULL, 0), ANY, INVAL, ANY, ANY, INVAL)                    \
    X(listen_address, coil_listen_address(w.address, NULL), ANY, INVAL, ANY, INVAL, INVAL)         \
    X(socket_address, coil_socket_address(w.fd, NULL), ANY, INVAL, ANY, INVAL, INVAL)              \
    X(socket_peer, coil_socket_peer(w.fd, NULL), ANY, INVAL, ANY, INVAL, INVAL)                    \
    X(resolve, coil_resolve(w.text, w.text, NULL, NULL, NULL), ANY, INVAL, ANY, ANY, INVAL)        \
    X(resolve_free, (coil_resolve_free(NULL), 0), 0, 0, 0, 0, 0)                                   \
    X(address_parse, coil_address_parse(w.text, NULL), INVAL, INVAL, INVAL, INVAL, INVAL)          \
    X(address_from_ip, coil_address_from_ip(NULL, 1, NULL), INVAL, INVAL, INVAL, INVAL, INVAL)     \
    X(address_format, coil_address_format(w.address, NULL, 1), INVAL, INVAL, INVAL, INVAL, INVAL)  \
    X(address_get_port, coil_address_get_port(NULL), INVAL, INVAL, INVAL, INVAL, INVAL)            \
    X(address_set_port, coil_address_set_port(NULL, 1), INVAL, INVAL, INVAL, INVAL, INVAL)         \
    X(open_connection, coil_open_connection(NULL, 1, NULL, NULL), ANY, INVAL, ANY, ANY, INVAL)     \
    X(stream_open, coil_stream_open(-1, NULL, NULL), ANY, ANY, ANY, ANY, ANY)                      \
    X(stream_read, coil_stream_read(w.stream, NULL, 1), INVAL, INVAL, INVAL, INVAL, INVAL)         \
    X(stream_read_exactly, coil_stream_read_exactly(w.stream, NULL, 1, NULL), INVAL, INVAL, INVAL, \
      INVAL, INVAL)                                                                                \
    X(stream_read_until, coil_stream_read_until(w.stream, NULL, 1, NULL, 1), INVAL, INVAL, INVAL,  \
      INVAL, INVAL)                                                                                \
    X(stream_read_until_any, coil_stream_read_until_any(w.stream, NULL, 1, NULL, 1, NULL), INVAL,  \
      INVAL, INVAL, INVAL, INVAL)                                                                  \
    X(stream_read_line, coil_stream_read_line(w.stream, NULL, 1), INVAL, INVAL, INVAL, INVAL,      \
      INVAL)                                                                                       \
    X(stream_peek, coil_stream_peek(w.stream, 1, NULL), INVAL, INVAL, INVAL, INVAL, INVAL)         \
    X(stream_consume, coil_stream_consume(w.stream, 1), INVAL, INVAL, ANY, ANY, INVAL)             \
    X(stream_at_eof, coil_stream_at_eof(w.stream), 0, 0, 0, 0, 0)                                  \
    X(stream_write, coil_stream_write(w.stream, NULL, 1), INVAL, INVAL, INVAL, INVAL, INVAL)       \
    X(stream_drain, coil_stream_drain(w.stream), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)             \
    X(stream_flush, coil_stream_flush(w.stream), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)             \
    X(stream_write_eof, coil_stream_write_eof(w.stream), NOLOOP, INVAL, NOLOOP, NOTASK, INVAL)     \
    X(stream_close, coil_stream_close(w.stream), 0, 0, 0, 0, 0)                                    \
    X(stream_buffer_size, coil_stream_get_write_buffer_size(w.stream), 0, 0, 0, 0, 0)              \
    X(stream_get_fd, coil_stream_get_fd(w.stream), ANY, ANY, ANY, ANY, ANY)                        \
    X(start_server, coil_start_server(NULL, 0, NULL, NULL, NULL, NULL), ANY, INVAL, ANY, ANY,      \
      INVAL)                                                                                       \
    X(serve, coil_serve(NULL, 0, NULL, NULL, NULL), ANY, INVAL, ANY, ANY, INVAL)                   \
    X(server_get_port, coil_server_get_port(w.server), INVAL, INVAL, ANY, ANY, ANY)                \
    X(server_client_count, coil_server_client_count(w.server), 0, 0, 0, 0, 0)                      \
    X(server_stop, (coil_server_stop(w.server), 0), 0, 0, 0, 0, 0)                                 \
    X(server_cancel_clients, (coil_server_cancel_clients(w.server), 0), 0, 0, 0, 0, 0)             \
    X(serve_forever, coil_serve_forever(w.server), INVAL, INVAL, ANY, ANY, ANY)                    \
    X(server_close, coil_server_close(w.server), 0, 0, ANY, ANY, ANY)                              \
    X(strerror, strlen(coil_strerror(-99999)), 0, 0, 0, 0, 0)                                      \
    X(errname, strlen(coil_errname(-99999)), 0, 0, 0, 0, 0)                                        \
    X(watch_start, coil_watch_start(w.loop, NULL, w.fd, POLLIN, NULL), INVAL, INVAL, WRONG, INVAL, \
      INVAL)                                                                                       \
    X(watch_stop, coil_watch_stop(NULL), INVAL, INVAL, INVAL, INVAL, INVAL)                        \
    X(watch_is_started, coil_watch_is_started(NULL), 0, 0, 0, 0, 0)

enum place { OUTSIDE, NULLS, THREAD, CALLBACK, ENDED, PLACES };

static const char *const place_names[PLACES] = {"outside of loops", "in a task with NULLs",
                                                "in another thread", "in a callback",
                                                "on what has ended"};

#define DEFINE(name, expr, ...)                                                                    \
    static int64_t call_##name(void)                                                               \
    {                                                                                              \
        return (int64_t)(expr);                                                                    \
    }
CALLS(DEFINE)

#define ENTRY(name, expr, ...) {#name, call_##name, {__VA_ARGS__}},
static const struct {
    const char *name;
    int64_t (*call)(void);
    int expected[PLACES];
} calls[] = {CALLS(ENTRY)};

static void call_all(enum place place)
{
    int wrong = 0;

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int expected = calls[i].expected[place];
        int64_t rc = calls[i].call();
        bool is_right = expected == ANY || (expected == 0 ? rc >= 0 : rc == expected);

        if (rc < 0 && strcmp(coil_errname((int)rc), "-E?") == 0) {
            is_right = false;
        }
        if (!is_right) {
            fprintf(stderr, "%s %s: %s, not %s\n", calls[i].name, place_names[place],
                    coil_errname((int)rc), coil_errname(expected));
            wrong++;
        }
    }
    CHECK_INT(wrong, ==, 0);
}

COIL_TEST(misuse_outside_of_loops)
{
    w.fd = -1;
    call_all(OUTSIDE);
}

static int call_with_nulls(void *arg)
{
    (void)arg;
    w.fd = -1;
    call_all(NULLS);
    return 0;
}

COIL_TEST(misuse_with_nulls)
{
    CHECK_ERR(coil_run(call_with_nulls, NULL), 0);
}

/* --- live objects --- */

static struct coil_scope scope;
static struct coil_group group;
static struct coil_event event;
static struct coil_future future;
static struct coil_channel channel;
static struct coil_handle handle;
static struct coil_op op;
static struct coil_as_completed completed;
static struct coil_thread_call call;
static const struct coil_local key;
static char buf[16];

static int wait_for_event(void *arg)
{
    return coil_event_wait(arg);
}

static int wait_for_future(void *arg)
{
    return coil_future_wait(arg);
}

/* All objects live and belong to the loop, but for the stream and the server: those are opaque. */
static void make_live(void)
{
    w.loop = coil_loop_current();
    w.task = coil_create_task(task_forever, NULL);
    CHECK_OK(coil_group_open(&group));
    CHECK_OK(coil_scope_open_timeout(&scope, COIL_MINUTE));
    CHECK_OK(coil_channel_init(&channel, 1, 4));
    CHECK_OK(coil_channel_try_send(&channel, ""));
    CHECK_OK(coil_detach(coil_create_task(wait_for_event, &event)));
    CHECK_OK(coil_detach(coil_create_task(wait_for_future, &future)));
    yield_times(2);
    w.scope = &scope;
    w.group = &group;
    w.event = &event;
    w.future = &future;
    w.channel = &channel;
    w.handle = &handle;
    w.op = &op;
    w.completed = &completed;
    w.call = &call;
    w.key = &key;
    w.buf = buf;
    w.text = "text";
    w.fn = nothing;
    w.callback = nothing_soon;
    w.op_callback = nothing_done;
    w.client = nobody;
    w.fd = -1;
}

static void end_all(void)
{
    coil_scope_close(&scope);
    coil_cancel(w.task);
    coil_group_close(&group);
    coil_event_set(&event);
    coil_future_set(&future, 0);
    coil_channel_close(&channel);
}

static bool is_called;

static void *call_in_thread(void *arg)
{
    call_all(THREAD);
    is_called = true;
    return arg;
}

static int call_from_a_thread(void *arg)
{
    pthread_t thread;

    (void)arg;
    make_live();
    CHECK_INT(pthread_create(&thread, NULL, call_in_thread, NULL), ==, 0);
    CHECK_INT(pthread_join(thread, NULL), ==, 0);
    CHECK(is_called);
    end_all();
    CHECK_ERR(coil_await(w.task), -ECANCELED);
    coil_channel_deinit(&channel);
    return 0;
}

COIL_TEST(misuse_from_another_thread)
{
    CHECK_ERR(coil_run(call_from_a_thread, NULL), 0);
}

static void call_in_callback(void *user)
{
    call_all(CALLBACK);
    *(bool *)user = true;
}

static int call_from_a_callback(void *arg)
{
    struct coil_handle soon = {0};

    (void)arg;
    make_live();
    CHECK_OK(coil_call_soon(w.loop, &soon, call_in_callback, &is_called));
    while (!is_called) {
        coil_yield(); /* the scope and the group are cancelled from there */
    }
    coil_as_completed_close(&completed);
    end_all();
    coil_channel_deinit(&channel);
    return 0;
}

COIL_TEST(misuse_from_a_callback)
{
    CHECK_ERR(coil_run(call_from_a_callback, NULL), 0);
}

static int call_on_what_has_ended(void *arg)
{
    (void)arg;
    make_live();
    end_all();
    CHECK_ERR(coil_await(w.task), -ECANCELED);
    w.loop = NULL;
    w.fn = NULL;
    CHECK_INT(coil_channel_try_recv(&channel, buf), ==, 0);
    call_all(ENDED);
    coil_channel_deinit(&channel);
    return 0;
}

COIL_TEST(misuse_of_what_has_ended)
{
    CHECK_ERR(coil_run(call_on_what_has_ended, NULL), 0);
}

/* A handle that has outlived its loop. */
COIL_TEST(misuse_of_a_handle_after_its_loop)
{
    CHECK_ERR(coil_run(call_on_what_has_ended, NULL), 0);
    CHECK_ERR(coil_await(w.task), -COIL_ENOLOOP);
    CHECK_ERR(coil_cancel(w.task), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_detach(w.task), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_task_result(w.task), -COIL_EWRONGTHREAD);
    CHECK(coil_task_is_done(w.task));
    CHECK_STR(coil_task_name(w.task), "");
}

static struct {
    struct coil_stream *stream;
    struct coil_datagram *datagram;
    struct coil_process *process;
} gone;

static int leave_handles(void *arg)
{
    static const char *const nop[] = {"true", NULL};
    struct coil_address local;
    struct coil_stream *pair[2];

    (void)arg;
    w.task = coil_create_task(nothing, NULL);
    CHECK_OK(coil_stream_pair(NULL, pair));
    gone.stream = pair[0];
    if (!test_backend_is("sim")) { /* it has no datagrams */
        CHECK_OK(coil_address_parse("127.0.0.1:0", &local));
        CHECK_OK(coil_datagram_open(&local, NULL, NULL, &gone.datagram));
    }
    CHECK_OK(coil_process_spawn(NULL, nop, &gone.process));
    CHECK_OK(coil_process_wait(gone.process));
    return 0;
}

static int use_handles_that_are_gone(void *arg)
{
    struct coil_task *again = coil_create_task(nothing, NULL);
    struct coil_group members;
    char byte[1];

    (void)arg;
    CHECK(again != w.task);
    CHECK_ERR(coil_await(w.task), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_gather(&w.task, 1, NULL), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_wait_for(w.task, 1), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_cancel(w.task), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_detach(w.task), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_task_result(w.task), -COIL_EWRONGTHREAD);
    CHECK(coil_task_is_done(w.task));
    CHECK_STR(coil_task_name(w.task), "");
    CHECK_OK(coil_group_open(&members));
    CHECK_ERR(coil_group_adopt(&members, w.task), -COIL_EWRONGTHREAD);
    CHECK_OK(coil_group_close(&members));
    CHECK_ERR(coil_stream_write(gone.stream, "x", 1), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_stream_read(gone.stream, byte, 1), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_stream_get_fd(gone.stream), -COIL_EWRONGTHREAD);
    CHECK_ERR(coil_datagram_send(gone.datagram, "x", 1),
              gone.datagram ? -COIL_EWRONGTHREAD : -EINVAL);
    CHECK_ERR(coil_process_pid(gone.process), -COIL_EWRONGTHREAD);
    coil_stream_abort(gone.stream);
    coil_datagram_close(gone.datagram);
    coil_process_close(gone.process);
    return coil_await(again);
}

/* Handles that were left from a loop that has ended, in the next ones: its memory is gone. */
COIL_TEST(misuse_of_handles_in_the_next_loop)
{
    CHECK_OK(coil_run(leave_handles, NULL));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(coil_run(use_handles_that_are_gone, NULL));
    }
}

static int use_in_another_thread(void *arg)
{
    CHECK_INT(coil_run(use_handles_that_are_gone, NULL), ==, 0);
    return arg != NULL;
}

/* The same in a thread with a loop of its own, while the first one lives. */
static int share_handles(void *arg)
{
    CHECK_OK(leave_handles(arg));
    CHECK_INT(coil_to_thread(use_in_another_thread, NULL), ==, 0);
    coil_stream_abort(gone.stream);
    coil_datagram_close(gone.datagram);
    CHECK_OK(coil_process_close(gone.process));
    return coil_await(w.task);
}

COIL_TEST(misuse_of_handles_in_another_threads_loop)
{
    CHECK_OK(coil_run(share_handles, NULL));
}

/* Every wild number for enums and sizes. */
TASK_TEST(misuse_of_numbers)
{
    struct coil_task *task = coil_create_task(nothing, NULL);
    struct coil_task_options huge_stack = {.stack_size = SIZE_MAX};
    struct coil_task_options huge_copy = {.copy_size = SIZE_MAX};
    struct coil_task_options no_arg = {.copy_size = 8};
    struct coil_channel wide = {0};

    CHECK_ERR(coil_wait(&task, 1, (enum coil_wait_until)77, 1), -EINVAL);
    CHECK_PTR(coil_task_create(&huge_stack, nothing, NULL), ==, NULL);
    CHECK_PTR(coil_task_create(&huge_copy, nothing, buf), ==, NULL);
    CHECK_PTR(coil_task_create(&no_arg, nothing, NULL), ==, NULL);
    CHECK_PTR(coil_create_task_copy(nothing, buf, (size_t)1 << 40), ==, NULL);
    CHECK_ERR(coil_channel_init(&wide, SIZE_MAX, 2), -ENOMEM);
    CHECK_ERR(coil_channel_init(&wide, 2, SIZE_MAX), -ENOMEM);
    CHECK_ERR(coil_map(nothing, buf, SIZE_MAX, 1, 0), -EINVAL);
    CHECK_OK(coil_sleep(INT64_MIN));
    CHECK_OK(coil_sleep_until(INT64_MIN));
    CHECK_OK(coil_await(task));
    return 0;
}
