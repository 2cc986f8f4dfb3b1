#!/usr/bin/env python3
"""JSON of the tables (json_echo) against Python's json module, and its schemas against jsonschema
(Debian: python3-jsonschema), where that is installed.

    test_json.py JSON_ECHO ROOT COMPILER
"""
import json
import os
import random
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import Skipped, check, check_equal, run_all  # noqa: E402

ECHO = sys.argv[1]


def ask(documents):
    """The answers to documents (str or bytes, a line each)."""
    lines = [d.encode('utf-8') if isinstance(d, str) else d for d in documents]
    done = subprocess.run([ECHO], input=b''.join(line + b'\n' for line in lines),
                          capture_output=True, check=True)
    answers = [json.loads(line) for line in done.stdout.decode('utf-8').split('\n')[:-1]]
    check_equal(len(answers), len(documents))
    return answers


def good(document):
    """A document whose other fields are right."""
    return json.dumps(dict({'title': 'x'}, **document))


def random_text(rand):
    ranges = [(0x1, 0x20), (0x20, 0x7f), (0x7f, 0xff), (0x100, 0x7ff), (0x800, 0xd7ff),
              (0xe000, 0xffff), (0x10000, 0x10ffff)]
    return ''.join(chr(rand.randint(*rand.choice(ranges))) for _ in range(rand.randint(1, 20)))


def test_strings():
    rand = random.Random(1)
    texts = [random_text(rand) for _ in range(2000)]
    documents = [json.dumps({'title': t}, ensure_ascii=i % 2 == 0).replace('\x7f', '\\u007f')
                 for i, t in enumerate(texts)]
    for text, answer in zip(texts, ask(documents)):
        check('ok' in answer, repr(text), answer)
        check_equal(answer['ok']['title'], text)


def test_integers():
    numbers = [0, 1, 2**63 - 1, 2**64 - 1, 2**53 + 1, 10**19]
    for number, answer in zip(numbers, ask([good({'big': n}) for n in numbers])):
        check_equal(answer['ok']['big'], number)
    answer = ask([good({'big': 2**64})])[0]
    check_equal(answer['wrong']['errors'], [{
        'field': 'big', 'code': 'range', 'message': 'must be from 0 to 18446744073709551615'}])


def test_doubles():
    """The very same double, and no text is longer than Python's, which is the shortest."""
    rand = random.Random(2)
    numbers = [0.1, 1e22, 1e23, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1 / 3,
               123456789.125, -1e-7, 4.35, 9007199254740993.0]
    numbers += [rand.uniform(-1, 1) * 10.0 ** rand.randint(-320, 300) for _ in range(3000)]
    answers = ask([good({'doubles': [n]}) for n in numbers])
    for number, answer in zip(numbers, answers):
        check_equal(answer['ok']['doubles'][0], number)
    raw = subprocess.run([ECHO], input='\n'.join(good({'doubles': [n]}) for n in numbers) + '\n',
                         capture_output=True, text=True, check=True).stdout
    for number, line in zip(numbers, raw.split('\n')):
        digits = line.split('"doubles":[')[1].split(']')[0].split('e')[0]
        shortest = repr(number).split('e')[0]
        count = [len(text.replace('-', '').replace('.', '').strip('0'))
                 for text in (digits, shortest)]
        check(count[0] <= count[1], number, digits, shortest)


def test_raw_values():
    rand = random.Random(3)

    def value(depth):
        kind = rand.randint(0, 8 if depth < 5 else 5)
        if kind > 5:
            return ([value(depth + 1) for _ in range(rand.randint(0, 4))] if kind == 6 else
                    {random_text(rand): value(depth + 1) for _ in range(rand.randint(0, 4))})
        return [None, True, False, rand.randint(-2**70, 2**70), rand.uniform(-1e9, 1e9),
                random_text(rand)][kind]

    values = [value(0) for _ in range(500)]
    for expected, answer in zip(values, ask([good({'extra': v}) for v in values])):
        check_equal(answer['ok']['extra'], expected)


def test_what_is_json():
    """Mutations of a document: what Python takes for JSON and we do not, and the other way round.
    Python takes NaN, Infinity and halves of surrogate pairs."""
    rand = random.Random(4)
    seed = good({'extra': [1.5e3, -0, 'a\u20ac\n', {'b': None}], 'labels': {'c': [True, False]}})
    signs = '{}[]",:\\0123456789.eE+-tfnu \t\x01'
    documents = []
    for _ in range(5000):
        text = list(seed)
        for _ in range(rand.randint(1, 3)):
            at = rand.randrange(len(text))
            text[at:at + rand.randint(0, 2)] = rand.choice(signs)
        documents.append(''.join(text))
    for text, answer in zip(documents, ask(documents)):
        is_json = 'ok' in answer or answer['wrong']['status'] != 400
        try:
            json.loads(text)
            theirs = True
        except ValueError:
            theirs = False
        check_equal(is_json, theirs, repr(text), answer)


def test_schemas():
    """What the validator says of documents, we say too."""
    try:
        import jsonschema
    except ImportError:
        raise Skipped('python3-jsonschema is not installed')
    done = subprocess.run([ECHO, 'schema'], capture_output=True, check=True)
    schemas = json.loads(done.stdout)['schemas']
    whole = {'$ref': '#/components/schemas/Note', 'components': {'schemas': schemas}}
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(whole)
    documents = [
        {}, {'title': ''}, {'title': 'x' * 20}, {'title': 'x' * 21}, {'title': '\U0001d11e' * 20},
        {'title': None}, {'title': 'x', 'stars': 5}, {'title': 'x', 'stars': 6},
        {'title': 'x', 'stars': 1.0}, {'title': 'x', 'stars': 1.5}, {'title': 'x', 'stars': '1'},
        {'title': 'x', 'done': 1}, {'title': 'x', 'tags': ['a'] * 3},
        {'title': 'x', 'tags': ['a'] * 4}, {'title': 'x', 'tags': ['123456789']},
        {'title': 'x', 'author': {}}, {'title': 'x', 'author': {'email': 'a@b'}},
        {'title': 'x', 'author': {'email': 'a@b', 'homepage': None}},
        {'title': 'x', 'author': {'email': 'a@b', 'age': -1}}, {'title': 'x', 'author': None},
        {'title': 'x', 'editor': None}, {'title': 'x', 'editor': {'email': 1}},
        {'title': 'x', 'state': 'gone'}, {'title': 'x', 'state': 'old'},
        {'title': 'x', 'state': None}, {'title': 'x', 'weight': None},
        {'title': 'x', 'weight': 1000}, {'title': 'x', 'weight': 1000.5}, {'title': 'x', 'big': -1},
        {'title': 'x', 'extra': None}, {'title': 'x', 'extra': [1]}, {'title': 'x', 'labels': {}},
        {'title': 'x', 'labels': {k: 1 for k in 'abcde'}}, {'title': 'x', 'labels': []},
        {'title': 'x', 'readers': [{'email': 'a@b'}]}, {'title': 'x', 'readers': [{}]},
        {'title': 'x', 'numbers': [-2]}, {'title': 'x', 'numbers': [-3]},
        {'title': 'x', 'doubles': []}, {'title': 'x', 'doubles': [1]},
        {'title': 'x', 'flags': [True, 0]}, {'title': 'x', 'states': ['draft']},
        {'title': 'x', 'states': ['']}, {'title': 'x', 'the code': 'ab-1'},
        {'title': 'x', 'the code': 'ab-'}, {'title': 'x', 'other': 1},
        {'title': 'x', 'parent': {'title': 'y'}}, {'title': 'x', 'parent': {}},
    ]
    for document, answer in zip(documents, ask([json.dumps(d) for d in documents])):
        check_equal('ok' in answer, validator.is_valid(document), document, answer)


def compiles(field):
    program = '''#include <coil/json.h>
enum state { ONE, TWO };
const char *const names[] = {"one", "two"};
struct part { int x; };
static const struct coil_json_field part_fields[] = {COIL_JSON_INT(struct part, x)};
const struct coil_json_type part_type = COIL_JSON_TYPE("Part", struct part, part_fields);
struct whole {
    char *text; char room[8]; int number; double real; float single; bool flag; enum state state;
    int64_t time; char **texts; size_t count; int odd_count; struct part part;
};
const struct coil_json_field fields[] = {%s};
'''
    done = subprocess.run(
        sys.argv[3].split() + ['-std=c11', '-pedantic', '-Wall', '-Wextra', '-Werror',
                               '-I' + os.path.join(sys.argv[2], 'include'), '-fsyntax-only', '-x',
                               'c', '-'],
        input=program % field, capture_output=True, text=True, check=False)
    return done.returncode == 0


def test_members():
    """A member that is not of the macro's type is an error of the compiler's."""
    right = ['STRING(struct whole, text)', 'STRING(struct whole, text, .required = true)',
             'INT(struct whole, number, COIL_JSON_RANGE(-1, 1))', 'DOUBLE(struct whole, real)',
             'BOOL(struct whole, flag)', 'ENUM(struct whole, state, names)',
             'TIME(struct whole, time)', 'ARRAY_OF_STRINGS(struct whole, texts, count)',
             'OBJECT(struct whole, part, part_type)',
             'INT(struct whole, number, COIL_JSON_HAS(struct whole, flag))']
    wrong = ['STRING(struct whole, room)', 'STRING(struct whole, number)',
             'INT(struct whole, real)', 'INT(struct whole, flag)', 'DOUBLE(struct whole, single)',
             'BOOL(struct whole, number)', 'ENUM(struct whole, flag, names)',
             'TIME(struct whole, number)', 'ARRAY_OF_STRINGS(struct whole, text, count)',
             'ARRAY_OF_STRINGS(struct whole, texts, odd_count)', 'RAW(struct whole, text)',
             'ARRAY_OF_INTS(struct whole, texts, count)', 'MAP(struct whole, texts, count)',
             'INT(struct whole, number, COIL_JSON_HAS(struct whole, number))',
             'STRING(struct whole, nothing)']
    for field in right:
        check(compiles('COIL_JSON_' + field), field, 'does not compile')
    for field in wrong:
        check(not compiles('COIL_JSON_' + field), field, 'compiles')


def main():
    return run_all([(name[5:], value) for name, value in list(globals().items())
                    if name.startswith('test_')])


if __name__ == '__main__':
    sys.exit(main())
