"""Rules on symbols: what the library exports, declares, tests and keeps as state.

The tools' output is parsed here by functions of their own, so that the self-test can feed them.
"""
import os
import re
import subprocess

# Mutable state of the process that the library may have, and why, as 'object file:name'. The
# thread-local "current loop and task" is not meant here; it is the one thread-local allowed.
STATE = {
    'src_sys_interrupt.c:target': 'a signal handler finds the loop to wake by it',
    'src_sys_interrupt.c:current': 'a signal handler finds the loop to wake by it',
    'src_sys_interrupt.c:running': 'a release waits for the signal handlers that run',
    'src_sys_signals.c:caught': 'dispositions and their handler are the process\'s',
    'src_sys_sample.c:sampler': 'the question that a signal handler answers, and its signal',
    'src_sys_crash.c:crashes': 'dispositions are the process\'s, and who explains a crash',
    'src_sys_symbols_lines.c:tables': 'libbacktrace never gives back what it has read',
    'src_loop_loops.c:coil__loops': 'who looks from outside begins with what lies at a known place',
    'src_sys_fork.c:is_registered': 'pthread_atfork cannot be undone: once for the process',
}


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError('%s: %s' % (' '.join(command), done.stderr.strip()))
    return done.stdout


def parse_nm(text):
    """Names of the defined symbols in the output of nm, without versions."""
    names = re.findall(r'^[0-9a-f]+ ([A-Zi]) ([\w.]+)', text, re.M)
    return {name for kind, name in names if kind not in 'AU'}


def parse_objdump(text):
    """(member, section, name) of each data object in the output of objdump -t."""
    found = set()
    member = ''
    for line in text.splitlines():
        header = re.match(r'(\S+?)(?:\.o)?:\s+file format', line)
        symbol = re.match(r'[0-9a-f]+ .{6}[O ]\s*(\S+)\s+[0-9a-f]+\s+(?:\.hidden )?(\S+)$', line)
        if header:
            member = header.group(1)
        elif symbol:
            found.add((member, symbol.group(1), symbol.group(2)))
    return found


def state_findings(objects):
    found = []
    locals_ = set()
    for member, section, name in sorted(objects):
        key = '%s:%s' % (member, re.sub(r'\.\d+$', '', name))
        if name.startswith('.') or section.startswith('.data.rel.ro'):
            continue
        if section.startswith(('.tbss', '.tdata')):
            locals_.add(key)
        elif section.startswith(('.data', '.bss', '*COM*')) and key not in STATE:
            found.append('%s: mutable state of the process (%s)' % (key, section))
    if len(locals_) > 1:
        found.append('more than one thread-local: %s' % ', '.join(sorted(locals_)))
    return found


class Declaration:
    def __init__(self, name, place, exported, documented):
        self.name = name
        self.place = place
        self.exported = exported      # carries COIL_EXPORT
        self.documented = documented  # a comment stands above


def declarations(headers):
    """The functions that the public headers declare or define inline."""
    found = []
    pattern = re.compile(
        r'^(?!typedef\b|struct\s+\w+\s*\{|enum\b|return\b)((?:COIL_\w+[ \t]+)*[a-z][\w \t\n*]*?'
        r'[\s*])(coil_\w+)\s*\((?!\*)', re.M)
    for source in headers:
        for match in pattern.finditer(source.bare):
            line = source.line_of(match.start())
            inline = 'static' in match.group(1)
            found.append(Declaration(match.group(2), '%s:%d' % (source.path, line),
                                     inline or 'COIL_EXPORT' in match.group(1),
                                     _has_comment(source, line)))
    return found


def _has_comment(source, line):
    """Twins may stand under one comment, without a blank line between them."""
    for above in reversed(source.lines[:line - 1]):
        if above.rstrip().endswith('*/'):
            return True
        if not above.strip() or not re.search(r'[;,(]\s*$', above):
            return False
    return False


def export_findings(exported, declared):
    found = []
    known = {d.name for d in declared}
    for name in sorted(exported):
        if not name.startswith('coil_') or name.startswith('coil__'):
            found.append('%s is exported' % name)
        elif name not in known:
            found.append('%s is exported, and no public header declares it' % name)
    for declaration in declared:
        if not declaration.exported:
            found.append('%s: %s does not carry COIL_EXPORT' % (declaration.place,
                                                                declaration.name))
    return found


def undefined_findings(exported, declared, inline):
    return ['%s: %s is declared and not exported' % (d.place, d.name)
            for d in declared if d.name not in exported and d.name not in inline]


def global_findings(names, exported):
    """Probes (sys/probe.h) bring a hidden symbol of their own, the same in every program."""
    return ['%s is global, and neither public nor coil__*' % name for name in sorted(names)
            if name not in exported and not name.startswith('coil__')
            and name != '_.stapsdt.base']


def documented_findings(declared):
    return ['%s: no comment stands above %s' % (d.place, d.name)
            for d in declared if not d.documented]


def tested_findings(declared, words):
    """A name that ends in an underscore is the inside of a macro; the macro is what is used."""
    return ['%s: no test mentions %s' % (d.place, d.name)
            for d in declared if d.name not in words and not d.name.endswith('_')]


def through_macros(words, headers):
    """The words, and what the public macros among them expand to."""
    bodies = {}
    for source in headers:
        for name, body in re.findall(r'^#define (\w+)\b((?:[^\n\\]|\\\n|\\.)*)', source.code, re.M):
            bodies[name] = set(re.findall(r'\w+', body))
    known, fresh = set(), set(words)
    while fresh:
        known |= fresh
        fresh = set().union(*(bodies.get(word, ()) for word in fresh)) - known
    return known


# The core, and libraries beside it, which are there if what they need is; with the names they own.
LIBRARIES = {
    'libcoil': (),
    'libcoil-http': ('coil_app_', 'coil_http_', 'coil_json_', 'coil_websocket_'),
    'libcoil-tls': ('coil_tls_',),
}


class Symbols:
    """The rules, bound to a build folder. Empty where there is no library yet."""

    def __init__(self, tree, build):
        self.tree = tree
        self.declared = declarations(tree.headers())
        self.exported = set()
        self.globals = set()
        self.objects = set()
        for name, own in LIBRARIES.items():
            self.add(os.path.join(build, name + '.so'), os.path.join(build, name + '.a'))
            if own and not os.path.exists(os.path.join(build, name + '.so')):
                self.declared = [d for d in self.declared if not d.name.startswith(own)]

    def add(self, shared, archive):
        if os.path.exists(shared) and os.path.exists(archive):
            self.exported |= parse_nm(_run('nm', '-D', '--defined-only', shared))
            self.globals |= parse_nm(_run('nm', '-g', '--defined-only', archive))
            self.objects |= parse_objdump(_run('objdump', '-t', archive))

    def exports(self, _tree):
        inline = {d.name for d in self.declared
                  if any(re.search(r'\bstatic inline\b[^;{]*\b%s\s*\(' % d.name, s.bare)
                         for s in self.tree.headers())}
        return (export_findings(self.exported, self.declared)
                + undefined_findings(self.exported, self.declared, inline))

    def global_names(self, _tree):
        return global_findings(self.globals, self.exported)

    def state(self, _tree):
        return state_findings(self.objects)

    def documented(self, _tree):
        return documented_findings(self.declared)

    def tested(self, tree):
        words = set()
        for source in tree.under('tests', kinds=('.c', '.h')):
            words.update(re.findall(r'\b(?:coil|COIL)_\w+', source.code))
        return tested_findings(self.declared, through_macros(words, tree.headers()))

    def rules(self):
        return {
            'exports': self.exports,
            'global-names': self.global_names,
            'state': self.state,
            'documented': self.documented,
            'tested': self.tested,
        }
