"""libcoil-gdb.py - commands for gdb: the tasks of the process that is debugged, or of a core file.

    coil tasks          all tasks: what each waits for
    coil bt TASK        the stack of a suspended task, by its id or name; `coil bt all`: of all
    coil switch TASK    goes to that stack: up, down, info locals and bt work there
    coil back           goes back; so does every continue or step

gdb loads this file by itself when it is installed where gdb looks (docs/debugging.md); otherwise:
source libcoil-gdb.py. It reads memory and changes nothing, no register either: a task's stack is
made to look like the caller of the frame in which the thread stands, by an unwinder of gdb's.

Where things are in memory is found as src/task/layout.h says, by a note in the ELF file; so neither
symbols nor debug information of libcoil are needed. NAMES is the list of that header.
"""
import re
import struct

import gdb
import gdb.unwinder

VERSION = 1
MAGIC = b'coil-map'
NAMES = '''
max_loops loop_size loop_backend loop_owner loop_process loop_debug loop_polled_at loop_task_count
loop_stacks loop_locks loop_mark backend_class backend_is_simulated class_name thread_loop
thread_task lock_what lock_list lock_holder task_size task_context task_loop task_scope task_state
task_generation task_owner_kind task_fn task_id task_site task_owner task_cancel task_wait
task_awaiter task_awaiters task_waiters task_name task_since name_size state_new state_live
owned_by_object wait_interrupt wait_what awaiter_link awaiter_self waiter_link waiter_waiting
owner_leader owner_is_awaited scope_parent scope_origin scope_reason scope_error site_file
site_func site_line
'''.split()
STACK_NAMES = 'pool_all base stride count fresh next_all slab_size guard line colours'.split()
WORDS_AT = 80  # where max_loops is in the layout
REGISTERS = {'i386:x86-64': ('rsp', 'rbp', 'rip'), 'aarch64': ('sp', 'x29', 'pc')}
MANY = 1 << 20


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def word(address):
    return struct.unpack('<Q', read(address, 8))[0]


def number(address):
    return struct.unpack('<I', read(address, 4))[0]


def text(address):
    """The text there, '?' if there is none."""
    try:
        found = b''
        while b'\0' not in found and len(found) < 256:
            found += read(address + len(found), 16 - (address + len(found)) % 16)
        return found.split(b'\0')[0].decode('utf-8', 'replace')
    except gdb.MemoryError:
        return '?'


class Layout:
    """Where things are, for one libcoil in the process."""

    def __init__(self, note):
        version, distance = struct.unpack('<Ii', read(note + 20, 8))
        if version != VERSION:
            raise gdb.GdbError('another version of libcoil (layout %d; these commands know %d): use'
                               ' those that were installed with it' % (version, VERSION))
        address = note + 24 + distance
        magic, version, size = struct.unpack('<8sII', read(address, 16))
        count = (size - WORDS_AT) // 4
        if magic != MAGIC or count not in (len(NAMES), len(NAMES) + 1):
            raise gdb.GdbError('libcoil is not running yet, or is another version')
        whole = read(address, size)
        self.loops, stacks, self.waits, self.root = struct.unpack_from('<4Q', whole, 32)
        self.sp, self.fp, self.pc = struct.unpack_from('<3I', whole, 64)
        for name, value in zip(NAMES, struct.unpack_from('<%dI' % len(NAMES), whole, WORDS_AT)):
            setattr(self, name, value)
        for name, value in zip(STACK_NAMES, struct.unpack('<10I', read(stacks, 40))):
            setattr(self, 'stack_' + name, value)


def layouts():
    """One for each .note.coil among the sections that are loaded."""
    notes = re.findall(r'(0x[0-9a-f]+) - 0x[0-9a-f]+ is \.note\.coil\b',
                       gdb.execute('info files', to_string=True))
    if not notes:
        raise gdb.GdbError('there is no libcoil in this program')
    try:
        return [Layout(int(note, 16)) for note in notes]
    except gdb.MemoryError:
        raise gdb.GdbError('the program is not running') from None


class Task:
    """A task that has not ended."""

    def __init__(self, layout, loop, address, running):
        self.layout = layout
        self.address = address
        self.loop = loop
        self.is_running = address == running
        self.bytes = read(address, layout.task_size)
        self.state = self.bytes[layout.task_state]
        self.id = self.word(layout.task_id)
        name = self.bytes[layout.task_name:layout.task_name + layout.name_size].split(b'\0')[0]
        self.name = name.decode('utf-8', 'replace') or 'task-%d' % self.id

    def word(self, offset):
        return struct.unpack_from('<Q', self.bytes, offset)[0]

    def is_there(self):
        states = (self.layout.state_new, self.layout.state_live)
        return self.state in states and self.word(self.layout.task_loop) == self.loop

    def context(self):
        """Stack pointer, frame pointer and address; None: it has none that could be walked."""
        layout = self.layout
        if self.is_running or self.state != layout.state_live or not layout.root:
            return None
        return tuple(self.word(layout.task_context + offset)
                     for offset in (layout.sp, layout.fp, layout.pc))

    def what(self):
        if self.is_running:
            return 'runs'
        if self.state == self.layout.state_new:
            return 'has not begun'
        wait = self.word(self.layout.task_wait)
        if not wait:
            return 'is ready'
        try:
            return 'waits: %s%s' % (text(word(wait + self.layout.wait_what)), self.lock(wait))
        except gdb.MemoryError:
            return 'waits'

    def lock(self, wait):
        layout = self.layout
        locks = word(self.loop + layout.loop_locks)
        if not locks or word(wait + layout.wait_what) != word(locks + layout.lock_what):
            return ''
        list_of = word(wait + word(locks + layout.lock_list))
        handle = word(list_of + word(locks + layout.lock_holder))
        if not handle:
            return ', held by a callback'
        address = (handle ^ word(self.loop + layout.loop_mark)) & ~63
        try:
            holder = Task(layout, self.loop, address, 0)
        except gdb.MemoryError:
            holder = None
        if not holder or not holder.is_there() or (handle ^ holder.generation()) & 63:
            return ', held by a task that has ended without releasing it'
        return ', held by ' + holder.label()

    def generation(self):
        return self.bytes[self.layout.task_generation]

    def label(self):
        return self.name if self.name == 'task-%d' % self.id else '%s (%d)' % (self.name, self.id)

    def site(self):
        site = self.word(self.layout.task_site)
        if not site:
            return ''
        file = text(word(site + self.layout.site_file)).split('/')[-1]
        return '; created at %s:%d in %s' % (file, number(site + self.layout.site_line),
                                             text(word(site + self.layout.site_func)))

    def __str__(self):
        return '%s %s%s' % (self.label(), self.what(), self.site())


def slabs_of(layout, loop):
    slab = word(loop + layout.loop_stacks + layout.stack_pool_all)
    for _ in range(MANY):
        if not slab:
            return
        yield (word(slab + layout.stack_base), word(slab + layout.stack_stride),
               number(slab + layout.stack_fresh))
        slab = word(slab + layout.stack_next_all)


def tasks_of(layout, loop):
    thread = word(loop + layout.loop_owner)
    running = 0
    if thread and word(thread + layout.thread_loop) == loop:
        running = word(thread + layout.thread_task)
    found = []
    for base, stride, fresh in slabs_of(layout, loop):
        for i in range(min(fresh, MANY)):
            high = base + (i + 1) * stride - i % layout.stack_colours * layout.stack_line
            try:
                task = Task(layout, loop, high - layout.task_size, running)
            except gdb.MemoryError:
                continue
            if task.is_there():
                found.append(task)
    return sorted(found, key=lambda task: task.id)


def loops():
    """The tasks of each loop."""
    found = []
    for layout in layouts():
        slots = read(layout.loops, 8 * layout.max_loops)
        for loop in struct.unpack('<%dQ' % layout.max_loops, slots):
            if loop:
                found.append(tasks_of(layout, loop))
    return found


def find_task(argument):
    if not argument:
        raise gdb.GdbError('which task? By id or name; `coil tasks` lists them')
    tasks = [task for loop in loops() for task in loop]
    found = [task for task in tasks if argument in (str(task.id), task.name)]
    if not found:
        raise gdb.GdbError('no task has the id or name %s' % argument)
    if len(found) > 1:
        raise gdb.GdbError('%d tasks are called %s: use an id' % (len(found), argument))
    return found[0]


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class Switch(gdb.unwinder.Unwinder):
    """Makes a suspended context the caller of the innermost frame of the selected thread."""

    def __init__(self):
        super().__init__('coil task')
        self.context = None
        self.place = None

    def names(self):
        name = gdb.selected_inferior().architecture().name()
        if name not in REGISTERS:
            raise gdb.GdbError('the stacks of tasks cannot be walked on %s' % name)
        return REGISTERS[name]

    def go(self, context):
        sp, _, pc = self.names()
        self.leave()
        frame = gdb.newest_frame()
        self.place = (int(frame.read_register(sp)), int(frame.read_register(pc)))
        self.context = context
        gdb.invalidate_cached_frames()

    def leave(self):
        if self.context:
            self.context = None
            gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if not self.context:
            return None
        names = self.names()
        here = [pending.read_register(name) for name in names]
        if (int(here[0]), int(here[2])) != self.place:
            return None
        below = gdb.Value(self.context[0] - 16).cast(here[0].type)
        info = pending.create_unwind_info(FrameId(below, here[2]))
        for name, old, new in zip(names, here, self.context):
            info.add_saved_register(name, gdb.Value(new).cast(old.type))
        return info


SWITCH = Switch()
gdb.unwinder.register_unwinder(None, SWITCH, replace=True)


def frames_of(task):
    """The frames of the task, innermost first; the unwinder is in place."""
    frame = gdb.newest_frame().older()
    while frame is not None and not 0 <= frame.pc() - task.layout.root <= 8:
        yield frame
        frame = frame.older()


def object_of(frame):
    return gdb.solib_name(frame.pc())


def own_frame(frames):
    """The innermost one that is not the library's; the innermost of all where that is linked in."""
    for frame in frames:
        if object_of(frame) != object_of(frames[0]):
            return frame
    return frames[0]


def line_of(frame):
    """As bt has it after `coil switch`."""
    place = frame.find_sal()
    line = '#%-2d %s' % (frame.level(), frame.name() or '0x%x' % frame.pc())
    if place.symtab:
        line += ' at %s:%d' % (place.symtab.filename.split('/')[-1], place.line)
    return line


def print_stack(task):
    print(task)
    context = task.context()
    if not context:
        print('    it runs: see the threads' if task.is_running else '    it has no stack to show')
        return
    before = SWITCH.context
    try:
        SWITCH.go(context)
        for frame in frames_of(task):
            print('    ' + line_of(frame))
    finally:
        SWITCH.leave()
        if before:
            SWITCH.go(before)


class Coil(gdb.Command):
    """Tasks of libcoil: coil tasks, coil bt TASK, coil switch TASK, coil back."""

    def __init__(self):
        super().__init__('coil', gdb.COMMAND_STACK, prefix=True)


class Tasks(gdb.Command):
    """Lists the tasks of all event loops: id, name, what each waits for, where it was created."""

    def __init__(self):
        super().__init__('coil tasks', gdb.COMMAND_STACK)

    def invoke(self, argument, _):
        found = loops()
        for n, tasks in enumerate(found):
            if len(found) > 1:
                print('loop %d of %d:' % (n + 1, len(found)))
            for task in tasks:
                print(task)
        print('%d tasks' % sum(map(len, found)))


class Backtrace(gdb.Command):
    """Shows the stack of a suspended task: coil bt ID, coil bt NAME, coil bt all."""

    def __init__(self):
        super().__init__('coil bt', gdb.COMMAND_STACK)

    def invoke(self, argument, _):
        if argument == 'all':
            for tasks in loops():
                for task in tasks:
                    print_stack(task)
        else:
            print_stack(find_task(argument))


class SwitchTo(gdb.Command):
    """Goes to the stack of a suspended task: coil switch ID, coil switch NAME. Frame 0 stays the
thread's own, the task's begin at 1; selected is the first that is not of the library. `coil back`
returns; so does every continue or step."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_STACK)

    def invoke(self, argument, _):
        task = find_task(argument)
        context = task.context()
        if not context:
            raise gdb.GdbError('%s %s: it has no suspended stack' % (task.label(), task.what()))
        SWITCH.go(context)
        frames = list(frames_of(task))
        if not frames:
            SWITCH.leave()
            raise gdb.GdbError('the stack of %s cannot be walked' % task.label())
        own_frame(frames).select()
        print('on the stack of %s, which %s' % (task.label(), task.what()))
        gdb.execute('frame')


class Back(gdb.Command):
    """Goes back from a task's stack to where the thread stands."""

    def __init__(self):
        super().__init__('coil back', gdb.COMMAND_STACK)

    def invoke(self, argument, _):
        SWITCH.leave()
        gdb.newest_frame().select()
        gdb.execute('frame')


gdb.events.cont.connect(lambda event: SWITCH.leave())
Coil()
Tasks()
Backtrace()
SwitchTo('coil switch')
SwitchTo('coil frame')
Back()
