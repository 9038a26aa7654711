"""Upgrades of a running weldr (weldr.Weldr) from outside: which process serves, and programs that fail as successors."""

import ctypes
import os
import stat
import time

from rawhttp import wait_until
from weldr import is_alive, sockets_of

PR_SET_CHILD_SUBREAPER = 36

# What a successor that is written in Python needs of the protocol (src/manager/succession.h). The first line is the interpreter's.
HEAD = '''#!/usr/bin/python3
import array, os, socket, sys, time
sock = socket.socket(fileno=int(os.environ["WELDR_SUCCESSION"]))
sock.setblocking(True)
def hello(protocol=1):
    sock.send(bytes([0]) + protocol.to_bytes(4, "little") + (4).to_bytes(4, "little") + b"fake")
def read_to_go():
    while True:
        data, fds, *_ = socket.recv_fds(sock, 1024, 4)
        for fd in fds:
            os.close(fd)
        if not data or data[0] == 7:
            return bool(data)
def ready():
    sock.send(bytes([8]))
'''


class Successor:
    """The manager of a later generation, as subprocess.Popen shows a process: this one is whom its orphans go to."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            except ChildProcessError:  # its parent lives still
                pass
        return self.returncode

    def wait(self, timeout=None):
        wait_until(lambda: self.poll() is not None, timeout or 30, f"the end of process {self.pid}")
        return self.returncode


def take_orphans():
    assert ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def program(folder, text, name="successor"):
    """An executable file with this behaviour (HEAD goes before it)."""
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEAD + text)
    os.chmod(path, stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    return path


def follow(weldr, pid):
    """The harness goes on with this generation. Returns the process before."""
    before, weldr.process, weldr.pid = weldr.process, Successor(pid), pid
    weldr.socket_counts = {}
    return before


def end_of(process):
    """The exit code of a generation that has been upgraded."""
    code = process.wait(30)
    assert not is_alive(process.pid)
    return code


def upgrade(weldr, binary=None, waits=True):
    """By the API. Returns the answer; waits: until the process of before has ended."""
    answer = weldr.api("POST", "/upgrade", {"binary": binary} if binary else None)
    assert answer.status == 200, answer
    before = follow(weldr, answer.json["pid"])
    if waits:
        assert end_of(before) == 0
        wait_until(lambda: not owes_predecessor(weldr), 10, "the successor to hear of that")
    return answer


def owes_predecessor(weldr):
    return len(weldr.lines(msg="the weldr that was here before has ended")) < len(weldr.lines(msg="took over from the weldr that was here before"))


def descriptors(pid):
    """What each open descriptor is, without numbers that differ from process to process."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}").split(":")[0])
        except OSError:
            pass
    return sorted(found)


def failures(weldr):
    return [event["reason"] for event in weldr.api("GET", "/events?kind=upgrade_failed").json["events"]]


def settle_sockets(pid):
    """No connection of the API is open any more."""
    counts = []
    while len(counts) < 3 or len(set(counts[-3:])) > 1:
        counts.append(sockets_of(pid))
        time.sleep(0.05)


def zombies(session):
    """Processes of the session that have ended and that nobody has collected."""
    found = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                parts = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if parts[3] == str(session) and parts[0] == "Z":
            found.append(int(name))
    return found
