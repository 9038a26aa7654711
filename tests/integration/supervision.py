"""A supervisor of the tests: the socket of sd_notify(3), read as systemd reads it with NotifyAccess=main."""

import os
import socket
import struct
import threading
import time

from rawhttp import wait_until
from weldr import status_field

SO_PASSCRED = 16
CREDENTIALS = struct.Struct("3i")


class Message:
    def __init__(self, text, sender):
        self.text, self.sender, self.at_s = text, sender, time.monotonic()
        self.fields = dict(line.split("=", 1) for line in text.splitlines())

    def __repr__(self):
        return f"<{self.sender}: {self.text!r}>"


class Supervisor:
    """`main` is the main process as the messages say, and `strangers` those that were no child of ours when they were named: systemd
    never takes them for its own. What others send is in `refused`: systemd hears nobody else."""

    def __init__(self, path):
        self.path, self.main, self.messages, self.refused, self.strangers = path, None, [], [], []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_PASSCRED, 1)
        self.sock.bind("\0" + path[1:] if path[0] == "@" else path)
        self.is_over = False
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def environment(self, **more):
        return {"NOTIFY_SOCKET": self.path, **more}

    def read(self):
        while not self.is_over:
            data, ancillary, *_ = self.sock.recvmsg(4096, socket.CMSG_SPACE(CREDENTIALS.size))
            if not data:
                continue
            self.hear(Message(data.decode(), CREDENTIALS.unpack(ancillary[0][2])[0]))

    def hear(self, message):
        self.main = self.main or message.sender  # the first one is who was started
        if message.sender != self.main:
            self.refused.append(message)
            return
        self.main = int(message.fields.get("MAINPID", self.main))
        if "MAINPID" in message.fields and status_field(self.main, "PPid") != str(os.getpid()):
            self.strangers.append(message)
        self.messages.append(message)

    def said(self, name, value=None):
        return [m for m in self.messages if name in m.fields and value in (None, m.fields[name])]

    def wait(self, name, value=None, count=1, timeout_s=20.0):
        return wait_until(lambda: len(self.said(name, value)) >= count and self.said(name, value), timeout_s,
                          f"{name}={value} {count} times, of {self.messages}")

    def order(self):
        """What was said of the state of the service, and of who it is, in order."""
        names = ("READY", "RELOADING", "STOPPING", "MAINPID")
        return [name for m in self.messages for name in names
                if name in m.fields and not (name == "MAINPID" and "READY" in m.fields)]

    def close(self):
        self.is_over = True
        end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        end.sendto(b"", self.sock.getsockname())
        end.close()
        self.thread.join(10)
        self.sock.close()
        if self.path[0] != "@":
            os.unlink(self.path)
