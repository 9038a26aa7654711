"""A terminal of a test's own: tmux, with a server and a socket of its own, in which one command runs.

What it shows is read as text (`lines`), so a test compares screens as a person sees them.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time

from rawhttp import wait_until
from weldr import clean_environment


def family(pid):
    """This process and all that came of it."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            children = [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []
    return [pid, *(one for child in children for one in family(child))]


class Terminal:
    """`command`: a list, or a line for sh. It is started by sh, and what it leaves on standard error is in `errors`."""

    def __init__(self, folder, command, columns=80, rows=24, env=None, term="screen-256color"):
        self.sockets = tempfile.mkdtemp(prefix="tmux-")  # short: the path of a socket has 107 bytes
        self.socket, self.error_file = os.path.join(self.sockets, "socket"), os.path.join(str(folder), "errors.txt")
        line = command if isinstance(command, str) else "exec " + " ".join(f"'{word}'" for word in command)
        environment = {k: v for k, v in clean_environment(env).items() if not k.startswith(("TMUX", "LC_", "LANG"))}
        environment.update({"LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm-256color", **(env or {})})
        settings = os.path.join(str(folder), "tmux.conf")
        with open(settings, "w", encoding="ascii") as file:
            file.write("set -g remain-on-exit on\nset -g history-limit 0\n")
        self.tmux("-f", settings, "-u", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  "sh", "-c", f"exec 2>'{self.error_file}'; TERM={term}; {line}", env=environment)

    def tmux(self, *arguments, env=None):
        return subprocess.run(["tmux", "-S", self.socket, *arguments], check=True, capture_output=True, text=True, timeout=20,
                              env=env, stdin=subprocess.DEVNULL).stdout

    def value(self, name):
        return self.tmux("display-message", "-p", "#{%s}" % name).strip()

    @property
    def pid(self):
        return int(self.value("pane_pid"))

    @property
    def text(self):
        return self.tmux("capture-pane", "-p")

    @property
    def lines(self):
        return self.text.split("\n")

    @property
    def errors(self):
        try:
            with open(self.error_file, encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""  # sh has not begun yet

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def wait(self, predicate, what, timeout_s=20.0):
        """Until what is shown is so; it is shown when it is not."""
        try:
            return wait_until(lambda: predicate(self.text), timeout_s, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text}\n{self.errors}") from None

    def wait_text(self, *texts, timeout_s=20.0):
        self.wait(lambda shown: all(text in shown for text in texts), f"{texts} on the screen", timeout_s)

    def stands_still(self, text, for_s=2.2):
        """Is this what is shown all that time?"""
        end = time.monotonic() + for_s
        while self.text == text:
            if time.monotonic() > end:
                return True
            time.sleep(0.05)
        return False

    def close(self):
        """Nothing of it goes on: script(1), for one, stays when its terminal is gone, and a top in it would ask for ever."""
        started = family(self.pid) if self.value("pane_dead") != "1" else []
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], check=False, capture_output=True, timeout=20)
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.sockets)
