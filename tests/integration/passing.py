"""Listening sockets of the tests that a weldr is given, as systemd gives those of a socket unit: the protocol of sd_listen_fds(3)."""

import fcntl
import socket

FIRST = 3
ABOVE = 300  # of what is free here: beyond the numbers at which the program finds them

# Puts them there and says so, within the process that becomes the program.
LAUNCHER = """
import os, sys
fds = [int(word) for word in sys.argv[1].split(",")]
for number, fd in enumerate(fds, 3):
    if fd < 0:
        continue
    os.dup2(fd, number)
    os.close(fd)
os.environ.setdefault("LISTEN_PID", str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""


def listener(host="127.0.0.1", port=0, make_socket=socket.socket, siblings=False):
    """A TCP socket that listens; siblings: others may have the same address."""
    sock = make_socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if siblings:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    sock.listen(100)
    return sock


def text_of(sock):
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Passed:
    """These sockets (None: a descriptor that is not open), which stay ours too. names: None for no names at all."""

    def __init__(self, *sockets, names=()):
        self.copies = [sock and fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, ABOVE) for sock in sockets]
        self.fds = tuple(fd for fd in self.copies if fd is not None)
        self.environment = {"LISTEN_FDS": str(len(sockets))}
        if names is not None:
            self.environment["LISTEN_FDNAMES"] = ":".join(names or ["web"] * len(sockets))

    def command(self, command):
        return ["/usr/bin/python3", "-ISc", LAUNCHER, ",".join(str(-1 if fd is None else fd) for fd in self.copies), *command]
