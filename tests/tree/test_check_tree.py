#!/usr/bin/env python3
"""Test of the tree test: bad snippets in, findings out; and good ones that must pass."""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rules_symbols  # noqa: E402
import rules_text  # noqa: E402
import source  # noqa: E402

LONG_FUNCTION = '/* x */\nvoid f(void)\n{\n' + '    x();\n' * 80 + '}\n'

# (rule, path, text, a piece of the finding; None: there must be none)
SNIPPETS = [
    ('layers', 'src/base/a.c', '/* x */\n#include "sys/clock.h"\n', 'base must not include'),
    ('layers', 'src/task/a.c', '/* x */\n#include "loop/loop.h"\n#include <coil/io.h>\n', None),
    ('layers', 'src/task/a.c', '/* x */\n#include "io/stream.h"\n', 'a.c:2: task must not'),
    ('layers', 'src/wire/a.c', '/* x */\n#include "sys/clock.h"\n', 'wire must not include'),
    ('layers', 'src/odd/a.c', '/* x */\n', 'no layer is called odd'),
    ('layers', 'include/coil/a.h', '/* x */\n#include "coil/b.h"\n', 'includes by <>'),
    ('file-size', 'src/base/a.c', '/* x */\n' + '\n' * 801, 'a.c: 802 lines'),
    ('function-size', 'src/base/a.c', LONG_FUNCTION, 'f has 82 lines'),
    ('function-size', 'src/base/a.c', '/* x */\nint f(void)\n{\n    return 0;\n}\n', None),
    ('conditionals', 'src/task/a.c', '#ifdef __linux__\n#endif\n', 'outside src/sys'),
    ('conditionals', 'src/task/a.c', '#if defined(__x86_64__)\n#endif\n', 'outside src/sys'),
    ('conditionals', 'src/task/a.c', '#if COIL__HAVE_URING\n#endif\n', 'outside src/sys'),
    ('conditionals', 'src/sys/a.c', '#ifdef __linux__\n#endif\n', None),
    ('conditionals', 'src/task/a.c', '/*\n#ifdef __linux__\n*/\n', None),
    ('conditionals', 'src/task/a.c', '#ifdef A\n#endif\n' * 4, 'choose files'),
    ('conditionals', 'include/coil/a.h', '#ifndef A\n#ifdef __cplusplus\n#endif\n#endif\n', None),
    ('calls', 'src/task/a.c', 'p = malloc(3);', 'malloc() (memory)'),
    ('calls', 'src/task/a.c', 'p = coil__malloc(3); ops->read(x); ops.close(y);', None),
    ('calls', 'src/task/a.c', '/* malloc(3) */ const char *s = "free(x)";', None),
    ('calls', 'src/base/memory.c', 'p = malloc(3);', None),
    ('calls', 'src/io/a.c', 'n = read(fd, buf, 3);', 'read() (system)'),
    ('calls', 'src/io/a.c', 'io_uring_submit(ring);', 'io_uring_submit()'),
    ('calls', 'src/sys/a.c', 'n = read(fd, buf, 3);', None),
    ('calls', 'src/sys/a.c', 'n = atoi(text);', 'atoi() (unsafe)'),
    ('calls', 'src/io/a.c', 'exit(1);', 'exit() (ending)'),
    ('calls', 'src/io/a.c', 'fprintf(stderr, "x");', 'fprintf() (printing)'),
    ('errno', 'src/io/a.c', '#include <errno.h>\nint x = -errno;', 'a.c:2: errno'),
    ('errno', 'src/io/a.c', '#include <errno.h>\nreturn -ENOMEM; /* errno */', None),
    ('errno', 'src/sys/a.c', 'return -errno;', None),
    ('typedefs', 'src/io/a.h', 'typedef struct a a;', 'something else'),
    ('typedefs', 'src/io/a.h', 'typedef int (*fn)(void);\ntypedef int fn2(void);', None),
    ('braces', 'src/io/a.c', 'if (a)\n    b();\n', 'if without'),
    ('braces', 'src/io/a.c', 'if (a) {\n} else\n    b();\n', 'else without'),
    ('braces', 'src/io/a.c', 'if (a) {\n} else if (f(b)) {\n} else {\n}\n', None),
    ('braces', 'src/io/a.c', 'do {\n} while (a);\nwhile (b) {\n}\n', None),
    ('braces', 'src/io/a.c', 'COIL__LIST_FOREACH(a, b)\n    c();\n', 'FOREACH without'),
    ('goto', 'src/io/a.c', 'int f(void)\n{\n    goto out;\nout:\n    return 0;\n}\n', None),
    ('goto', 'src/io/a.c', 'int f(void)\n{\nout:\n    goto out;\n}\n', 'goes back'),
    ('goto', 'src/io/a.c', 'int f(void)\n{\n    goto a;\n    goto b;\na:\nb:\n}\n', 'more than'),
    ('form', 'src/io/a.c', 'int x;\n', 'does not open with a comment'),
    ('form', 'src/io/a.c', '/* x */\n' + 'x' * 101 + '\n', '101 columns'),
    ('form', 'src/io/a.c', '/* x */\n\tx\n', 'a tab'),
    ('form', 'src/io/a.c', '/* x */\nx \n', 'blanks at the end'),
    ('form', 'src/io/a.c', '/* x */\nx', 'no newline'),
    ('listed', 'src/io/a.c', '/* x */\n', 'not in src/io/meson.build'),
    ('listed', 'tests/io/test_a.c', '/* x */\n', 'not in tests/meson.build'),
    ('listed', 'include/coil/a.h', '/* x */\n', 'not included by'),
    ('listed', 'examples/a.c', '/* x */\n', 'not in examples/meson.build'),
    ('version', 'include/coil/base.h', '#define COIL_VERSION_MAJOR 7\n', 'says 7, meson.build'),
]

HEADER = '''/* x */
/* Does a. */
COIL_EXPORT int coil_a(void);

COIL_EXPORT struct coil_x *coil_b(const char *name,
                                  int (*fn)(void *arg));
/* Does c. */
int coil_c(void);
COIL_EXPORT int coil_c2(int a,
                        int b);
/* A callback. */
typedef int (*coil_fn)(void *arg);
struct coil_x {
    int (*coil_member)(void);
};
/* Does d. */
static inline int coil_d(void)
{
    return coil_a();
}
/* Does e. */
COIL_EXPORT COIL_SUSPENDS ssize_t coil_e(int fd);
'''

NM = '''0000000000001570 T coil_a@@COIL_0
0000000000000000 A COIL_0
0000000000001580 T coil__secret@@COIL_0
                 U malloc
'''

OBJDUMP = '''
task.c.o:     file format elf64-x86-64

SYMBOL TABLE:
0000000000000000 l    df *ABS*\t0000000000000000 task.c
0000000000000000 l    d  .bss\t0000000000000000 .bss
0000000000000000 l     O .bss\t0000000000000004 counter.0
0000000000000000 l     O .data.rel.ro.local\t0000000000000010 table
0000000000000000 l     O .rodata\t0000000000000010 names
0000000000000000 g     O .tbss\t0000000000000008 .hidden coil__current
0000000000000000 l     O .tbss\t0000000000000008 another
0000000000000000 g     F .text\t0000000000000008 coil_a
'''


def run_snippet(rule, path, text):
    with tempfile.TemporaryDirectory() as root:
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full))
        with open(full, 'w', encoding='utf-8') as file:
            file.write(text)
        return rules_text.RULES[rule](source.Tree(root))


def snippet_problem(rule, path, text, piece):
    findings = run_snippet(rule, path, text)
    if piece is None:
        return 'found %s' % findings if findings else None
    if len([f for f in findings if piece in f]) >= 1:
        return None
    return 'did not find "%s" but %s' % (piece, findings)


def symbol_problems():
    """(what, got, expected) of each comparison."""
    declared = rules_symbols.declarations([source.Source('include/coil/a.h', HEADER)])
    names = [d.name for d in declared]
    macros = source.Source('include/coil/b.h',
                           '#define coil_m(a) coil_n(a)\n#define coil_n(b) \\\n    coil_o(b)\n')
    return [
        ('declarations', names, ['coil_a', 'coil_b', 'coil_c', 'coil_c2', 'coil_d', 'coil_e']),
        ('nm', rules_symbols.parse_nm(NM), {'coil_a', 'coil__secret'}),
        ('exports', rules_symbols.export_findings({'coil_a', 'coil__secret', 'coil_f'}, declared),
         ['coil__secret is exported',
          'coil_f is exported, and no public header declares it',
          'include/coil/a.h:8: coil_c does not carry COIL_EXPORT']),
        ('undefined', rules_symbols.undefined_findings({'coil_a', 'coil_b', 'coil_c'}, declared,
                                                       {'coil_c2', 'coil_d'}),
         ['include/coil/a.h:22: coil_e is declared and not exported']),
        ('documented', rules_symbols.documented_findings(declared),
         ['include/coil/a.h:5: no comment stands above coil_b']),
        ('tested', rules_symbols.tested_findings(declared[:2], {'coil_a'}),
         ['include/coil/a.h:5: no test mentions coil_b']),
        ('macros', rules_symbols.through_macros({'coil_m', 'x'}, [macros]),
         {'coil_m', 'x', 'a', 'coil_n', 'coil_o', 'b'}),
        ('global-names', rules_symbols.global_findings({'coil_a', 'coil__x', 'helper'}, {'coil_a'}),
         ['helper is global, and neither public nor coil__*']),
        ('state', rules_symbols.state_findings(rules_symbols.parse_objdump(OBJDUMP)),
         ['task.c:counter: mutable state of the process (.bss)',
          'more than one thread-local: task.c:another, task.c:coil__current']),
    ]


def main():
    passed = failed = 0
    problems = [('%s %s %d' % (rule, path, i), snippet_problem(rule, path, text, piece))
                for i, (rule, path, text, piece) in enumerate(SNIPPETS)]
    problems += [(what, None if got == expected else 'got %s, not %s' % (got, expected))
                 for what, got, expected in symbol_problems()]
    for what, problem in problems:
        if problem:
            failed += 1
            print('not ok %s: %s' % (what, problem))
        else:
            passed += 1
            print('ok %s' % what)
    print('%d passed, %d failed, 0 skipped' % (passed, failed))
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
