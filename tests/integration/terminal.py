"""A weldr command on a terminal of its own (pty), as a person starts it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from weldr import BIN, clean_environment

ERASE = "\x1b[K"


def on_screen(text):
    """The lines that a terminal shows in the end: `text` with CR, LF and "erase to the end of the line" done."""
    lines, column = [""], 0
    for piece in re.findall(r"\r|\n|\x1b\[K|[^\r\n\x1b]+|\x1b", text):
        if piece == "\n":
            lines.append("")
        elif piece == "\r":
            column = 0
        elif piece == ERASE:
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column].ljust(column) + piece + lines[-1][column + len(piece):]
            column += len(piece)
        if piece == "\n":
            column = 0
    return [line.rstrip() for line in lines if line.strip()]


def drawn(text):
    """What stood in the line that is written anew, one after the other."""
    return [line for line in re.findall(r"\r([^\r\n\x1b]+)\x1b\[K", text)]


def take_terminal():
    """As a shell of that terminal starts a program: who has started the tests may have switched Ctrl-C off."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in signal.SIGINT, signal.SIGQUIT:
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    """`stdout`: goes to the terminal as well, or is kept apart (stdout=True: `printed` has it). Standard error is the terminal."""

    def __init__(self, *words, api=None, columns=100, term="xterm", stdout=False, env=None):
        self.text, self.printed = "", None
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        environment = {**clean_environment(env), "TERM": term}
        if api:
            environment["WELDR_API"] = "http://{}:{}".format(*api)
        self.process = subprocess.Popen([BIN, *words], stdin=slave, stdout=subprocess.PIPE if stdout else slave, stderr=slave, env=environment,
                                        start_new_session=True, preexec_fn=take_terminal)
        os.close(slave)

    def read(self, within_s=0.0):
        """More of it; False: nothing came, or nothing will."""
        ready, _, _ = select.select([self.master], [], [], within_s)
        try:
            got = os.read(self.master, 65536) if ready else b""
        except OSError:  # all have closed it
            return False
        self.text += got.decode("utf-8", "replace")
        return bool(got)

    def wait(self, pattern, within_s=30.0):
        """Until a drawn line, or one that stays, has this."""
        end = time.monotonic() + within_s
        while not re.search(pattern, self.text):
            assert time.monotonic() < end, f"no {pattern!r} within {within_s} s: {self.text!r}"
            self.read(0.1)
        return re.search(pattern, self.text)

    def press(self, keys):
        os.write(self.master, keys.encode())

    def end(self, within_s=30.0):
        """Its exit code, once it has ended; all that it has printed is in `text`."""
        end = time.monotonic() + within_s
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it does not end: {self.text!r}"
            self.read(0.05)
        while self.read(0.05):
            pass
        if self.process.stdout:
            self.printed = self.process.stdout.read().decode()
            self.process.stdout.close()
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)

    @property
    def screen(self):
        return on_screen(self.text)

    @property
    def drawn(self):
        return drawn(self.text)
