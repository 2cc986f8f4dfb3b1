"""wrk as a client that is measured: `wrk.py PORT` prints what one of its requests costs.

wrk counts in seconds and not in requests, and tells nothing of its own time; the system does.
"""
import re
import resource
import subprocess
import sys
import time

begin = time.monotonic()
run = subprocess.run(['wrk', '-t1', '-c64', '-d2', 'http://127.0.0.1:%s/' % sys.argv[1]],
                     capture_output=True, text=True, check=True)
wall = time.monotonic() - begin
count = int(re.search(r'(\d+) requests in', run.stdout).group(1))
used = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = used.ru_utime + used.ru_stime
print('item=client cpu_us=%.3f wall_us=%.3f rps=%.0f' % (
    cpu * 1e6 / count, wall * 1e6 / count, count / wall))
