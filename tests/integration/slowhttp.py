"""slowhttptest, the attacker of the slow tests: many connections that send or read as slowly as they can."""

import re
import subprocess

# What each mode does to its target; the rest of the flags says how many and how long.
MODES = {
    "header": ["-H", "-x", "24", "-i", "3"],
    "body": ["-B", "-x", "10", "-s", "8192", "-t", "POST", "-i", "3"],
    "read": ["-X", "-w", "64", "-y", "512", "-z", "16", "-n", "3", "-k", "5"],
}


class Attack:
    """One running slowhttptest; ends by itself after `seconds`, or at stop()."""

    def __init__(self, mode, address, connections, seconds, target="/large", niceness=0):
        url = "http://%s:%d%s" % (*address, target)
        self.process = subprocess.Popen(
            ["nice", "-n", str(niceness), "slowhttptest", *MODES[mode], "-c", str(connections), "-r", str(max(connections // 8, 50)), "-l",
             str(seconds), "-p", "30", "-u", url],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.output = ""

    @property
    def is_running(self):
        return self.process.poll() is None

    def stop(self):
        """Returns how it says that it went: {"pending": …, "connected": …, "error": …, "closed": …}."""
        if self.is_running:
            self.process.terminate()
        return self.wait()

    def wait(self, timeout_s=120):
        self.output += self.process.communicate(timeout=timeout_s)[0]
        plain = re.sub(r"\x1b\[[0-9;]*m", "", self.output)
        return {name: int(value) for name, value in
                re.findall(r"^(initializing|pending|connected|error|closed):\s+(\d+)", plain, re.MULTILINE)}
