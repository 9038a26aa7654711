"""Who has an address: the addresses of all hosts, looked at each 10 ms, and a client that asks at one of them."""

import contextlib
import errno
import socket
import struct
import time

from node import PROXY_PORT
from writers import Crew

STEP_S = 0.01
RTM_NEWADDR, RTM_GETADDR = 20, 22
NLMSG_DONE = 3
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
IFA_ADDRESS, IFA_LOCAL = 1, 2
HEAD, ADDRESS_HEAD, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBBBI"), struct.Struct("=HH")


def align(n):
    return (n + 3) & ~3


def attributes(data):
    at = 0
    while at + ATTRIBUTE.size <= len(data):
        size, kind = ATTRIBUTE.unpack_from(data, at)
        yield kind, data[at + ATTRIBUTE.size:at + size]
        at += align(size)


def address_in(payload):
    family, _, _, _, _ = ADDRESS_HEAD.unpack_from(payload)
    found = dict(attributes(payload[ADDRESS_HEAD.size:]))
    return socket.inet_ntop(family, found.get(IFA_LOCAL) or found[IFA_ADDRESS])


class Eye:
    """The addresses of one host."""

    def __init__(self, host):
        self.sock = host.namespace.run_inside(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self.sock.settimeout(20)

    def look(self):
        self.sock.send(HEAD.pack(HEAD.size + ADDRESS_HEAD.size, RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 0, 0) + ADDRESS_HEAD.pack(0, 0, 0, 0, 0))
        found = set()
        while True:
            data, at = self.sock.recv(1 << 16), 0
            while at + HEAD.size <= len(data):
                size, kind, *_ = HEAD.unpack_from(data, at)
                if kind == NLMSG_DONE:
                    return found
                assert kind == RTM_NEWADDR, kind
                found.add(address_in(data[at + HEAD.size:at + size]))
                at += align(size)


class Watch(Crew):
    """Notes who holds each of the addresses, and when two do. Two: the first one still had it when the second one was seen with it."""

    def __init__(self, nodes, addresses):
        super().__init__()
        self.eyes, self.addresses = {node: Eye(node.host) for node in nodes}, list(addresses)
        self.holders = {address: frozenset() for address in addresses}
        self.log, self.both, self.looks_n = [], [], 0
        self.spawn(self.watch)

    def watch(self):
        while not self.is_over.is_set():
            self.look()
            self.is_over.wait(STEP_S)

    def look(self):
        seen = {node: eye.look() for node, eye in self.eyes.items()}
        now = time.monotonic()
        self.looks_n += 1
        for address in self.addresses:
            holders = frozenset(node for node in seen if address in seen[node])
            if len(holders) > 1 and all(address in self.eyes[node].look() for node in holders):
                self.both.append((now, address, holders))
            if holders != self.holders[address]:
                self.log.append((now, address, holders))
                self.holders[address] = holders

    def holder(self, address):
        """The one that has it, or None."""
        holders = self.holders[address]
        return next(iter(holders)) if len(holders) == 1 else None

    def seconds_until(self, is_so, since):
        """From then until what was seen was so for good: {address: its holders}; None: it is not."""
        holders, bad_until = {address: frozenset() for address in self.addresses}, None
        for now, address, seen in [*self.log, (time.monotonic(), None, None)]:
            if now > since and not is_so(holders):
                bad_until = now
            if address is not None:
                holders[address] = seen
        if not is_so(holders):
            return None
        return 0.0 if bad_until is None else bad_until - since

    def stop(self):
        super().stop()
        for eye in self.eyes.values():
            eye.sock.close()
        assert self.looks_n and not self.both, self.both[:3]


class Client(Crew):
    """A new connection and one request each 20 ms, from another host, each with patience_s to succeed. Outages: from the last success on."""

    def __init__(self, host, address, path="/", patience_s=0.1):
        super().__init__()
        self.host, self.address, self.path, self.patience_s = host, address, path, patience_s
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.longest_s, self.last, self.asked_n, self.failed_n = 0.0, None, 0, 0
        self.spawn(self.ask_on)

    def ask(self):
        with contextlib.closing(self.host.socket(self.family)) as sock:
            sock.settimeout(self.patience_s)
            try:
                sock.connect((self.address, PROXY_PORT))
                sock.sendall(f"GET {self.path} HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n".encode())
                return sock.recv(4096).startswith(b"HTTP/1.1 200")
            except OSError as error:
                assert error.errno in (None, errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.EPIPE), error
                return False

    def ask_on(self):
        while not self.is_over.is_set():
            begin = time.monotonic()
            is_fine = self.ask()
            self.asked_n += 1
            self.failed_n += not is_fine
            if is_fine:
                if self.last is not None:
                    self.longest_s = max(self.longest_s, time.monotonic() - self.last)
                self.last = time.monotonic()
            self.is_over.wait(max(0.0, 0.02 - (time.monotonic() - begin)))

    def begin(self):
        """A new measurement."""
        self.longest_s = 0.0

    def has_asked_since(self, moment):
        return self.last is not None and self.last > moment
