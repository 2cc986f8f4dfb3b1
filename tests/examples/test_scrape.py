#!/usr/bin/env python3
"""Has Prometheus' own parser read what coil_metrics_write_prometheus writes.

    test_scrape.py PROGRAM [TEST...]
"""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from runner import Skipped, check, check_equal, environment, run_all, tests_of  # noqa: E402

PROGRAM = sys.argv[1]
LABELS = [{'loop': 'the "first" \\one\\\nof two', 'backend': 'sim'},
          {'loop': '1', 'backend': 'epoll'}]


def text():
    env = environment(None)
    env.pop('COIL_METRICS', None)
    done = subprocess.run([PROGRAM], env=env, capture_output=True, text=True, timeout=60,
                          check=False)
    check_equal(done.returncode, 0, done.stderr)
    return done.stdout


def families():
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        raise Skipped('the parser is not installed (python3-prometheus-client)') from None
    return {family.name: family for family in text_string_to_metric_families(text())}


def labels_of(sample, *others):
    return {key: value for key, value in sample.labels.items() if key not in others}


def test_types_and_labels():
    """Every family has its type, a sentence, and a sample for each loop."""
    found = families()
    types = {name: family.type for name, family in found.items()}
    check_equal(types, {
        'coil_iterations': 'counter', 'coil_polls': 'counter', 'coil_tasks_created': 'counter',
        'coil_tasks': 'gauge', 'coil_operations': 'gauge', 'coil_stacks': 'gauge',
        'coil_stack_bytes': 'gauge', 'coil_stack_mapped_bytes': 'gauge',
        'coil_pool_jobs': 'counter', 'coil_pool_queued_jobs': 'gauge',
        'coil_pool_threads': 'gauge', 'coil_pool_idle_threads': 'gauge',
        'coil_is_timed': 'gauge', 'coil_step_seconds': 'histogram',
        'coil_ready_wait_seconds': 'histogram', 'coil_io_wait_seconds': 'histogram',
        'coil_timer_late_seconds': 'histogram'})
    for family in found.values():
        check(family.documentation.endswith('.'), family.name, 'has no sentence')
        for sample in family.samples:
            check(labels_of(sample, 'le', 'pool') in LABELS, sample)


def values(family, suffix=''):
    """By loop: the only sample."""
    found = [[s.value for s in family.samples
              if s.name == family.name + suffix and labels_of(s, 'pool') == labels]
             for labels in LABELS]
    check(all(len(one) == 1 for one in found), family.name, found)
    return [one[0] for one in found]


def test_values():
    found = families()
    check_equal(values(found['coil_tasks_created'], '_total'), [11, 11])
    check_equal(values(found['coil_tasks']), [1, 1])
    check_equal(values(found['coil_is_timed']), [1, 0])
    check_equal(values(found['coil_timer_late_seconds'], '_count'), [40, 0])


def test_histograms():
    """Cumulative buckets in rising order, of which the last is the count."""
    for family in families().values():
        if family.type != 'histogram':
            continue
        for labels in LABELS:
            mine = [s for s in family.samples if labels_of(s, 'le') == labels]
            buckets = [(float(s.labels['le']), s.value) for s in mine
                       if s.name == family.name + '_bucket']
            check_equal(len(buckets), 26)
            check_equal(buckets, sorted(buckets))
            counts = [count for _, count in buckets]
            check_equal(counts, sorted(counts))
            check_equal(buckets[0][0], 1e-6)
            check_equal(buckets[24][0], 16.777216)
            check_equal(buckets[25][0], float('inf'))
            count = [s.value for s in mine if s.name == family.name + '_count']
            check_equal(count, counts[-1:])
            total = [s.value for s in mine if s.name == family.name + '_sum']
            check(total[0] >= 0 and (total[0] > 0 or family.name != 'coil_io_wait_seconds'
                                     or labels != LABELS[0]), total)


if __name__ == '__main__':
    sys.exit(run_all(tests_of(globals(), sys.argv[2:])))
