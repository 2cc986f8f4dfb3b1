"""Rules that need only the text of the files. Each is a function: tree -> list of findings."""
import os
import re
import shutil
import subprocess

MAX_FILE = 800
MAX_FUNCTION = 70
MAX_COLUMNS = 100

# What a layer may include beside itself and the public headers.
LAYERS = {
    'base': [],
    'sys': ['base'],
    'loop': ['base', 'sys'],
    'task': ['base', 'sys', 'loop'],
    'sync': ['base', 'sys', 'loop', 'task'],
    'io': ['base', 'sys', 'loop', 'task', 'sync'],
    'debug': ['base', 'sys', 'loop', 'task', 'sync', 'io'],
    'tls': ['base'],  # a library of its own: of the core it has what is public
    'wire': ['base'],
    'http': ['base', 'sys', 'loop', 'task', 'sync', 'io', 'tls', 'wire'],
    'db': ['base', 'sys', 'loop', 'task', 'sync', 'io', 'tls', 'wire'],
}

# Longer than MAX_FUNCTION for a reason: flat dispatch or data. 'path:function': reason.
LONG_FUNCTIONS = {
}

# OS, CPU, compiler and build-time capability.
PLATFORM = re.compile(
    r'\b(__linux__|__gnu_linux__|__unix__|__APPLE__|__FreeBSD__|_WIN32|__ANDROID__|__GLIBC__|'
    r'__x86_64__|__amd64__|__i386__|__aarch64__|__arm__|__riscv|__powerpc__|__s390x__|__CET__|'
    r'__BYTE_ORDER__|__SANITIZE_\w+__|__has_feature|__has_include|__clang__|__GNUC__|'
    r'COIL__HAVE_\w+)')

# Calls that have their place. group: (names, places where they are allowed, what to use instead)
BANNED = {
    'memory': (
        'malloc calloc realloc reallocarray free aligned_alloc posix_memalign memalign strdup '
        'strndup asprintf vasprintf',
        ['src/base/memory.c'], 'coil__malloc and its kin'),
    'system': (
        'socket socketpair bind listen accept accept4 connect shutdown recv recvfrom recvmsg '
        'recvmmsg send sendto sendmsg sendmmsg sendfile splice read write readv writev pread '
        'pwrite preadv pwritev open openat close fcntl ioctl poll ppoll select pselect '
        'epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd '
        'timerfd_create timerfd_settime signalfd pipe pipe2 dup dup2 dup3 getsockopt setsockopt '
        'getsockname getpeername mmap munmap mremap mprotect madvise mincore prctl syscall fork '
        'vfork waitpid waitid kill raise tgkill sigaction signal sigprocmask pthread_sigmask '
        'sigaltstack clock_gettime gettimeofday time nanosleep clock_nanosleep usleep sleep '
        'getrandom getpid gettid unlink stat fstat lstat fsync getenv secure_getenv setenv '
        'fopen fdopen fclose popen system',
        ['src/sys/'], 'a function of src/sys'),
    'unsafe': (
        'strtol strtoll strtoul strtoull strtod atoi atol atoll atof sprintf vsprintf strcpy '
        'strncpy strcat strncat strtok gets scanf sscanf fscanf rand srand random alloca '
        'strerror localtime gmtime asctime ctime setlocale longjmp setjmp',
        [], 'the bounded or checked counterpart'),
    'ending': (
        'exit _exit _Exit quick_exit abort assert',
        ['src/base/check.c', 'src/sys/'], 'an error, or COIL_CHECK'),
    'printing': (
        'printf fprintf vprintf vfprintf dprintf vdprintf puts fputs putchar fputc putc fwrite '
        'perror psignal',
        ['src/base/check.c', 'src/loop/report.c', 'src/debug/'], 'the error handler'),
    'signals and io_uring': (
        'io_uring_\\w+ pthread_kill sigtimedwait sigwaitinfo sigwait sigqueue',
        ['src/sys/'], 'the backend'),
}


def layers(tree):
    found = []
    for source in tree.under('src', kinds=('.c', '.h', '.S')):
        allowed = LAYERS.get(source.layer)
        if allowed is None:
            found.append('%s: no layer is called %s' % (source.path, source.layer))
            continue
        for i, line in enumerate(source.lines, 1):
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not match or match.group(1).startswith('coil/'):
                continue
            layer = match.group(1).split('/')[0]
            if '/' not in match.group(1) or layer == source.layer or layer in allowed:
                continue
            found.append('%s:%d: %s must not include %s' % (source.path, i, source.layer,
                                                            match.group(1)))
    for source in tree.under('include'):
        for i, line in enumerate(source.lines, 1):
            if re.match(r'\s*#\s*include\s+"', line):
                found.append('%s:%d: a public header includes by <>' % (source.path, i))
    return found


def file_size(tree):
    return ['%s: %d lines, more than %d' % (s.path, len(s.lines) - 1, MAX_FILE)
            for s in tree.sources if len(s.lines) - 1 > MAX_FILE]


def function_size(tree):
    found = []
    for source in tree.under('src', 'include', 'tests', 'examples', 'tools', 'bench/coil'):
        for function in source.functions():
            key = '%s:%s' % (source.path, function.name)
            if function.size > MAX_FUNCTION and key not in LONG_FUNCTIONS:
                found.append('%s:%d: %s has %d lines, more than %d' % (
                    source.path, function.line, function.name, function.size, MAX_FUNCTION))
    return found


def conditionals(tree):
    """OS and CPU only in src/sys; and few of any kind elsewhere."""
    found = []
    count = lines = 0
    for source in tree.under('src', 'include', kinds=('.c', '.h', '.S')):
        guard = None
        in_sys = source.layer == 'sys'
        lines += 0 if in_sys else len(source.lines)
        for i, line in enumerate(source.code.split('\n'), 1):
            match = re.match(r'\s*#\s*(if|ifdef|ifndef|elif)\b(.*)', line)
            if not match or in_sys:
                continue
            if PLATFORM.search(match.group(2)):
                found.append('%s:%d: a conditional on the platform outside src/sys: %s' % (
                    source.path, i, line.strip()))
            if guard is None and match.group(1) == 'ifndef' and source.path.endswith('.h'):
                guard = match.group(2)
            elif '__cplusplus' not in match.group(2):
                count += 1
    if count > 2 + lines / 1000:
        found.append('%d conditionals in %d lines outside src/sys: choose files, not branches' % (
            count, lines))
    return found


def calls(tree):
    found = []
    for group, (names, places, instead) in BANNED.items():
        pattern = re.compile(r'(?<![\w.>])(?:%s)\s*\(' % '|'.join(names.split()))
        for source in tree.under('src'):
            if source.path.startswith(tuple(places)) and places:
                continue
            for match in pattern.finditer(source.bare):
                found.append('%s: %s() (%s): use %s' % (
                    source.at(match.start()), match.group(0).rstrip('( '), group, instead))
    return found


def errno_use(tree):
    found = []
    for source in tree.under('src'):
        if source.layer != 'sys':
            for match in re.finditer(r'\berrno\b', source.bare):
                found.append('%s: errno outside src/sys' % source.at(match.start()))
    return found


def typedefs(tree):
    """Only function pointers and function types."""
    found = []
    for source in tree.under('src', 'include'):
        for match in re.finditer(r'\btypedef\b([^;]*);', source.bare):
            if '(' not in match.group(1):
                found.append('%s: a typedef of something else than a function' %
                             source.at(match.start()))
    return found


def _closing(text, start):
    """The offset after the parenthesis that closes the one at start."""
    depth = 0
    for i in range(start, len(text)):
        depth += {'(': 1, ')': -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    return len(text)


def braces(tree):
    """if, else, for, while and the FOREACH macros have braces, always."""
    found = []
    pattern = re.compile(r'\b(if|for|while|else|do|\w*FOREACH\w*)\b')
    for source in tree.under('src', 'include', 'tests', 'examples', 'tools', 'bench/coil'):
        code = source.bare
        for match in pattern.finditer(code):
            end = match.end()
            word = match.group(1)
            if word not in ('else', 'do'):
                paren = re.match(r'\s*\(', code[end:])
                if not paren:
                    continue
                end = _closing(code, end + paren.end() - 1)
            rest = code[end:end + 400].lstrip()
            ends_do = word == 'while' and re.search(r'}\s*$', code[:match.start()])
            if rest.startswith('{') or (word == 'else' and re.match(r'if\b', rest)) or ends_do:
                continue
            found.append('%s: %s without braces' % (source.at(match.start()), word))
    return found


def gotos(tree):
    """Forward only, to one label."""
    found = []
    for source in tree.under('src', 'tests', 'examples', 'tools', 'bench/coil'):
        for function in source.functions():
            labels = {m.group(1): m.start() for m in re.finditer(
                r'^ *(\w+):(?!:)\s*$', function.body, re.M) if m.group(1) != 'default'}
            jumps = list(re.finditer(r'\bgoto\s+(\w+)\s*;', function.body))
            if len({m.group(1) for m in jumps}) > 1:
                found.append('%s:%d: %s has more than one exit label' % (
                    source.path, function.line, function.name))
            for jump in jumps:
                if labels.get(jump.group(1), len(function.body)) < jump.start():
                    found.append('%s:%d: %s goes back by goto' % (
                        source.path, function.line, function.name))
    return found


def form(tree):
    found = []
    comment = {'.c': '/*', '.h': '/*', '.S': '/*', '.py': ('#!', '"""'), '.sh': '#!',
               '.build': '#'}
    for source in tree.sources:
        if not source.text.startswith(comment[os.path.splitext(source.path)[1]]):
            found.append('%s:1: the file does not open with a comment' % source.path)
        if source.text and not source.text.endswith('\n'):
            found.append('%s: no newline at the end' % source.path)
        for i, line in enumerate(source.lines, 1):
            if len(line) > MAX_COLUMNS:
                found.append('%s:%d: %d columns' % (source.path, i, len(line)))
            if '\t' in line:
                found.append('%s:%d: a tab' % (source.path, i))
            if line != line.rstrip():
                found.append('%s:%d: blanks at the end' % (source.path, i))
    return found


def listed(tree):
    """No file is forgotten by the build, no core header by coil.h."""
    found = []
    not_core = ('testing', 'tls', 'http', 'websocket', 'app', 'json', 'redis', 'pg', 'mongo',
                'curl')
    tests = tree.read('tests/meson.build')
    core = tree.read('include/coil.h')
    for source in tree.under('src', kinds=('.c', '.S')):
        build = tree.read('src/%s/meson.build' % source.layer)
        name = source.path.split('/')[-1]
        if name not in build:
            found.append('%s: not in src/%s/meson.build' % (source.path, source.layer))
    for source in tree.under('tests', kinds=('.c',)):
        match = re.match(r'tests/(\w+)/test_(\w+)\.c$', source.path)
        if match and match.group(1) in LAYERS and "'%s'" % match.group(2) not in tests:
            found.append('%s: not in tests/meson.build' % source.path)
    for source in tree.under('include/coil'):
        name = source.path[len('include/'):]
        if '<%s>' % name not in core and not name[len('coil/'):].startswith(not_core):
            found.append('%s: not included by include/coil.h' % source.path)
    for source in tree.under('examples', kinds=('.c',)):
        name = source.path.split('/')[-1][:-2]
        if "'%s'" % name not in tree.read('examples/meson.build'):
            found.append('%s: not in examples/meson.build' % source.path)
    for source in tree.under('bench/coil', kinds=('.c',)):
        if "'%s'" % source.path[len('bench/'):] not in tree.read('bench/meson.build'):
            found.append('%s: not in bench/meson.build' % source.path)
    return found


def version(tree):
    """The header says the version that meson says."""
    header = tree.read('include/coil/base.h')
    parts = re.findall(r'#define COIL_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)', header)
    built = re.search(r"version: '([\d.]+)'", tree.read('meson.build'))
    if not built or '.'.join(parts) != built.group(1):
        return ['include/coil/base.h says %s, meson.build %s' % (
            '.'.join(parts), built.group(1) if built else 'nothing')]
    return []


def formatting(tree):
    """As clang-format 14 has it; other releases differ, and are not asked. None: not to be had."""
    tool = shutil.which('clang-format-14') or shutil.which('clang-format')
    if not tool or ' 14.' not in subprocess.run([tool, '--version'], capture_output=True,
                                                text=True, check=False).stdout:
        return None
    paths = [s.path for s in tree.under('src', 'include', 'tests', 'examples', 'tools',
                                        'bench/coil')]
    if not paths:
        return []
    done = subprocess.run([tool, '--dry-run', '-Werror'] + paths, cwd=tree.root,
                          capture_output=True, text=True, check=False)
    lines = re.findall(r'^(\S+?:\d+):\d+: error', done.stderr, re.M)
    return ['%s: not as clang-format has it (make fmt)' % line for line in dict.fromkeys(lines)]


RULES = {
    'layers': layers,
    'file-size': file_size,
    'function-size': function_size,
    'conditionals': conditionals,
    'calls': calls,
    'errno': errno_use,
    'typedefs': typedefs,
    'braces': braces,
    'goto': gotos,
    'form': form,
    'listed': listed,
    'version': version,
    'formatting': formatting,
}
