"""wrk as a second kind of client: so many requests of mixed methods (mixed.lua), and what it thinks of the answers."""

import json
import pathlib
import signal
import subprocess
import tempfile
import threading

SCRIPT = str(pathlib.Path(__file__).with_name("mixed.lua"))
TROUBLE = ("not_2xx", "wrong_body", "connect_errors", "read_errors", "write_errors", "timeout_errors")


class Wrk:
    """Runs until `total` answers are there and let_end() was called, or for limit_s. join() gives the counts of mixed.lua."""

    def __init__(self, address, methods, total, limit_s, connections=8, url="http://%s:%d/"):
        self.total, self.connections, self.counts, self.text = total, connections, None, ""
        self.hold = tempfile.NamedTemporaryFile(prefix="weldr-wrk-")
        self.process = subprocess.Popen(
            ["wrk", "-t", "1", "-c", str(connections), "-d", f"{int(limit_s)}s", "--timeout", f"{int(limit_s)}s",
             "-s", SCRIPT, url % address, "--", str(total), self.hold.name, *methods],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.text += line
            if line == "over\n":
                self.process.send_signal(signal.SIGINT)
            elif line.startswith("{"):
                self.counts = json.loads(line)
        self.process.wait()

    def let_end(self):
        self.hold.close()

    @property
    def is_over(self):
        return not self.thread.is_alive()

    def stop(self):
        """For the end of a failed test."""
        self.process.kill()
        self.thread.join()
        self.hold.close()

    def join(self):
        self.thread.join()
        assert self.counts, self.text
        return self.counts

    def assert_none_failed(self):
        counts = self.join()
        assert not any(counts[name] for name in TROUBLE), counts
        assert counts["asked"] == counts["answered"] >= self.total, counts
