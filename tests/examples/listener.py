"""listener.py - a program of ours that serves, and says its port in the first line it prints."""
import re
import signal
import subprocess

from runner import check_equal, environment

LIMIT = 60


class Listener:
    def __init__(self, backend, *argv):
        self.backend = backend
        self.argv = argv
        self.is_ending = False

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, text=True, env=environment(self.backend),
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.port = int(re.search(r'port (\d+)', self.process.stdout.readline()).group(1))
        self.url = 'http://127.0.0.1:%d' % self.port
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def interrupt(self):
        """Ctrl-C."""
        self.is_ending = True
        self.process.send_signal(signal.SIGINT)

    def end(self):
        """It ends well, and has no more to say."""
        if not self.is_ending:
            self.interrupt()
        check_equal(self.process.wait(timeout=LIMIT), 0)
        check_equal(self.process.stdout.read(), '')
