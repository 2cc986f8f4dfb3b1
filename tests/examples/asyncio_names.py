"""asyncio_names.py - what asyncio calls its public things, on Linux, version by version.

The names of 3.11 are asyncio.__all__ and what its documentation has beside it; a later version is
that with something added and something removed. Methods stand by the class that first has them;
`loop` is AbstractEventLoop. Windows' own names are in a list of their own.
"""
NAMES_3_11 = '''
    ALL_COMPLETED AbstractChildWatcher AbstractEventLoop AbstractEventLoopPolicy AbstractServer
    Barrier BaseEventLoop BaseProtocol BaseTransport BoundedSemaphore BrokenBarrierError
    BufferedProtocol CancelledError Condition DatagramProtocol DatagramTransport
    DefaultEventLoopPolicy Event FIRST_COMPLETED FIRST_EXCEPTION FastChildWatcher Future Handle
    IncompleteReadError InvalidStateError LifoQueue LimitOverrunError Lock MultiLoopChildWatcher
    PidfdChildWatcher PriorityQueue Protocol Queue QueueEmpty QueueFull ReadTransport Runner
    SafeChildWatcher SelectorEventLoop Semaphore SendfileNotAvailableError Server StreamReader
    StreamReaderProtocol StreamWriter SubprocessProtocol SubprocessTransport Task TaskGroup
    ThreadedChildWatcher Timeout TimeoutError TimerHandle Transport WriteTransport _enter_task
    _get_running_loop _leave_task _register_task _set_running_loop _unregister_task all_tasks
    as_completed create_subprocess_exec create_subprocess_shell create_task current_task
    ensure_future gather get_child_watcher get_event_loop get_event_loop_policy get_running_loop
    iscoroutine iscoroutinefunction isfuture new_event_loop open_connection open_unix_connection
    run run_coroutine_threadsafe set_child_watcher set_event_loop set_event_loop_policy shield
    sleep start_server start_unix_server timeout timeout_at to_thread wait wait_for wrap_future
    staggered.staggered_race subprocess.PIPE subprocess.STDOUT subprocess.DEVNULL
    subprocess.Process subprocess.SubprocessStreamProtocol
'''

# version: (added, removed)
CHANGES = {
    '3.12': ('create_eager_task_factory eager_task_factory', ''),
    '3.13': ('EventLoop QueueShutDown', ''),
    '3.14': ('''
        FrameCallGraphEntry FutureCallGraph capture_call_graph format_call_graph print_call_graph
        future_add_to_awaited_by future_discard_from_awaited_by _AbstractEventLoopPolicy
        _DefaultEventLoopPolicy _get_event_loop_policy _set_event_loop_policy
    ''', '''
        AbstractChildWatcher AbstractEventLoopPolicy DefaultEventLoopPolicy FastChildWatcher
        MultiLoopChildWatcher PidfdChildWatcher SafeChildWatcher ThreadedChildWatcher
        get_child_watcher set_child_watcher
    '''),
}

WINDOWS = '''
    IocpProactor ProactorEventLoop WindowsProactorEventLoopPolicy WindowsSelectorEventLoopPolicy
    _WindowsProactorEventLoopPolicy _WindowsSelectorEventLoopPolicy
'''

METHODS_3_11 = {
    'loop': '''
        add_reader add_signal_handler add_writer call_at call_exception_handler call_later
        call_soon call_soon_threadsafe close connect_accepted_socket connect_read_pipe
        connect_write_pipe create_connection create_datagram_endpoint create_future create_server
        create_task create_unix_connection create_unix_server default_exception_handler get_debug
        get_exception_handler get_task_factory getaddrinfo getnameinfo is_closed is_running
        remove_reader remove_signal_handler remove_writer run_forever run_in_executor
        run_until_complete sendfile set_debug set_default_executor set_exception_handler
        set_task_factory shutdown_asyncgens shutdown_default_executor slow_callback_duration
        sock_accept sock_connect sock_recv sock_recv_into sock_recvfrom sock_recvfrom_into
        sock_sendall sock_sendfile sock_sendto start_tls stop subprocess_exec subprocess_shell
        time
    ''',
    'AbstractEventLoopPolicy': '''
        get_child_watcher get_event_loop new_event_loop set_child_watcher set_event_loop
    ''',
    'AbstractChildWatcher': 'add_child_handler attach_loop close is_active remove_child_handler',
    'Runner': 'close get_loop run',
    'Handle': 'cancel cancelled',
    'TimerHandle': 'when',
    'Future': '''
        add_done_callback cancel cancelled done exception get_loop remove_done_callback result
        set_exception set_result
    ''',
    'Task': '''
        add_done_callback cancel cancelled cancelling done exception get_coro get_loop get_name
        get_stack print_stack remove_done_callback result set_exception set_name set_result
        uncancel
    ''',
    'TaskGroup': 'create_task',
    'Timeout': 'expired reschedule when',
    'Lock': 'acquire locked release',
    'Event': 'clear is_set set wait',
    'Condition': 'acquire locked notify notify_all release wait wait_for',
    'Semaphore': 'acquire locked release',
    'Barrier': 'abort broken n_waiting parties reset wait',
    'Queue': '''
        empty full get get_nowait join maxsize put put_nowait qsize task_done
    ''',
    'IncompleteReadError': 'expected partial',
    'LimitOverrunError': 'consumed',
    'StreamReader': '''
        at_eof exception feed_data feed_eof read readexactly readline readuntil set_exception
        set_transport
    ''',
    'StreamWriter': '''
        can_write_eof close drain get_extra_info is_closing start_tls transport wait_closed write
        write_eof writelines
    ''',
    'AbstractServer': '''
        close get_loop is_serving serve_forever start_serving wait_closed
    ''',
    'Server': 'close get_loop is_serving serve_forever sockets start_serving wait_closed',
    'BaseProtocol': 'connection_lost connection_made pause_writing resume_writing',
    'Protocol': 'data_received eof_received',
    'BufferedProtocol': 'buffer_updated eof_received get_buffer',
    'DatagramProtocol': 'datagram_received error_received',
    'SubprocessProtocol': 'pipe_connection_lost pipe_data_received process_exited',
    'BaseTransport': 'close get_extra_info get_protocol is_closing set_protocol',
    'ReadTransport': 'is_reading pause_reading resume_reading',
    'WriteTransport': '''
        abort can_write_eof get_write_buffer_limits get_write_buffer_size
        set_write_buffer_limits write write_eof writelines
    ''',
    'DatagramTransport': 'abort sendto',
    'SubprocessTransport': '''
        close get_pid get_pipe_transport get_returncode kill send_signal terminate
    ''',
    'Process': '''
        communicate kill pid returncode send_signal stderr stdin stdout terminate wait
    ''',
}

# version: {class: added}
METHOD_CHANGES = {
    '3.12': {'Handle': 'get_context', 'Task': 'get_context'},
    '3.13': {
        'AbstractServer': 'abort_clients close_clients',
        'Queue': 'shutdown',
        'Server': 'abort_clients close_clients',
    },
    '3.14': {},
}

VERSIONS = ['3.11'] + list(CHANGES)


def names_of(version):
    """All names that a version has, with those that its subclasses and methods are known by."""
    names = set(NAMES_3_11.split()) | set(WINDOWS.split())
    methods = {'%s.%s' % (owner, name) for owner, text in METHODS_3_11.items()
               for name in text.split()}
    for later in VERSIONS[1:VERSIONS.index(version) + 1]:
        added, removed = CHANGES[later]
        names = (names | set(added.split())) - set(removed.split())
        methods |= {'%s.%s' % (owner, name) for owner, text in METHOD_CHANGES[later].items()
                    for name in text.split()}
    return names | methods
