"""Plays one row: a client, the real Weldr, and an origin that does as the row says.

Client and origin live in one thread and one selector, so that nothing waits without need and the order of what the origin
receives is certain. After each row a further request shows that Weldr is well and that nothing of the row is still to come.
"""

import re
import selectors
import socket
import struct
import time
from collections import deque

from conform.table import ALL, BROKEN, CLOSED, CUT, KEPT, OK, Abort, Answer, HalfClose, Hangup, Vanish, Wait, pattern
from tls_socket import Cut, TlsSocket, ask_server

DEADLINE_S = 20.0
GAP_S = 0.004
PROBE = re.compile(rb"GET /probe-\d+ ")
GOT_PROBE = re.compile(rb"HTTP/1\.1 200 OK\r\n[^\0]*?\r\n\r\nok")
OWN_ANSWER = re.compile(rb"Weldr-Error: [^\0]*?Content-Length: (\d+)\r\n(?:Connection: [a-z-]+\r\n)?\r\n([^\r\n]*\n)")
PLAIN = Answer((OK,))


class Garbage(Exception):
    """What the origin received is not a message."""


def message_end(data):
    """(end of the head, end of the message) in strict reading; None for what is not there yet."""
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return None, None
    head_end += 4
    fields = re.findall(rb"\r\n([^:\r\n]+): ?([^\r\n]*)", data[:head_end - 2])
    lengths = [v for n, v in fields if n.lower() == b"content-length"]
    codings = [v for n, v in fields if n.lower() == b"transfer-encoding"]
    if len(lengths) + len(codings) > 1 or any(not re.fullmatch(rb"0|[1-9]\d*", v) for v in lengths):
        raise Garbage(data[:head_end])
    if codings:
        if codings != [b"chunked"]:
            raise Garbage(data[:head_end])
        return head_end, chunked_end(data, head_end)
    end = head_end + (int(lengths[0]) if lengths else 0)
    return head_end, end if len(data) >= end else None


def chunked_end(data, at):
    while True:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            return None
        if not re.fullmatch(rb"0|[1-9a-f][0-9a-f]*", data[at:line_end]):
            raise Garbage(data[at:line_end])
        size = int(data[at:line_end], 16)
        if size == 0:
            end = data.find(b"\r\n\r\n", line_end)
            return end + 4 if end >= 0 else None
        at = line_end + 2 + size + 2
        if len(data) < at:
            return None
        if data[at - 2:at] != b"\r\n":
            raise Garbage(data[line_end:at])


def take(sock):
    """(bytes that came, perhaps none; is this the end?)"""
    if isinstance(sock, TlsSocket):
        return sock.take()
    data = sock.recv(1 << 18)
    return data, not data


class Lane:
    """A connection that Weldr made to the origin."""

    def __init__(self, stage, sock, number):
        sock.settimeout(DEADLINE_S)
        if stage.of_servers:
            sock = TlsSocket(sock, stage.of_servers.server, is_server=True)
        self.stage, self.sock, self.number = stage, sock, number
        self.buffer = b""
        self.todo = deque()
        self.due = 0.0
        self.answer = None
        self.is_open = True
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def on_readable(self):
        try:
            data, is_end = take(self.sock)
        except ConnectionError:
            data, is_end = b"", True
        self.buffer += data
        self.read()
        if is_end:
            self.close()

    def read(self):
        while self.is_open and self.buffer:
            head_end, end = message_end(self.buffer)
            if head_end and not self.answer:
                self.answer = self.stage.next_answer(self)
                self.say(self.answer.on_head)
            if end is None:
                return
            message, self.buffer = self.buffer[:end], self.buffer[end:]
            self.stage.note(self, message)
            self.say(self.answer.pieces)
            self.answer = None

    def say(self, parts):
        self.todo.extend(parts)
        if self.due <= time.monotonic():
            self.go_on()

    def go_on(self):
        if self.todo and isinstance(self.todo[0], Wait):
            if self.todo[0].mark not in self.stage.peer.received:
                self.due = time.monotonic() + GAP_S
                return
            self.todo.popleft()
        part = self.todo.popleft() if self.todo and self.is_open else None
        try:
            if isinstance(part, bytes):
                self.sock.sendall(part)
            elif part is Abort:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close()
            elif part is Hangup:
                self.close()
            elif part is Vanish:
                self.sock.bye_s = None
                self.close()
        except ConnectionError:
            self.close()
        self.due = time.monotonic() + GAP_S if self.todo else 0.0

    def close(self):
        self.todo.clear()
        if self.is_open:
            self.is_open = False
            self.stage.selector.unregister(self.sock)
            self.sock.close()


class Peer:
    """The client's connection."""

    def __init__(self, stage, clear_n=0):
        self.stage, self.clear_n = stage, clear_n if stage.of_clients else ALL
        self.sock = socket.create_connection(stage.address, DEADLINE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.ending = None
        stage.selector.register(self.sock, selectors.EVENT_READ, self.on_readable)
        self.send(b"")

    def on_readable(self):
        try:
            data, is_end = take(self.sock)
        except Cut:
            self.end("cut")
        except ConnectionError:
            self.end("reset")
        else:
            self.received += data
            if is_end:
                self.end("closed")

    def end(self, how):
        if not self.ending:
            self.ending = how
            self.stage.selector.unregister(self.sock)

    def begin_tls(self):
        """The selector has the descriptor, which stays."""
        self.sock = ask_server(self.sock, self.stage.of_clients.client, "a")

    def send(self, data):
        """What goes before TLS goes in clear."""
        first, rest = data[:self.clear_n], data[self.clear_n:]
        self.clear_n -= len(first)
        self.push(first)
        if self.clear_n == 0 and not isinstance(self.sock, TlsSocket):
            self.begin_tls()
        self.push(rest)

    def push(self, data):
        try:
            if data:
                self.sock.sendall(data)
        except ConnectionError:
            pass

    def end_half(self):
        """In TLS close_notify says it, without a FIN."""
        if isinstance(self.sock, TlsSocket):
            self.sock.say_bye()
        else:
            self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.end("by us")
        self.sock.close()


class Stage:
    """An origin of its own, and the address of a Weldr that has it in its pool."""

    def __init__(self, address, header=b"", of_clients=None, of_servers=None):
        self.address, self.header, self.of_clients, self.of_servers = address, header, of_clients, of_servers
        self.proto = b"https" if of_clients else b"http"
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.authority = b"127.0.0.1:%d" % self.port
        self.selector.register(self.listener, selectors.EVENT_READ, self.on_accept)
        self.lanes, self.lane_n, self.probe_n = [], 0, 0
        self.begin(())

    def begin(self, answers):
        self.answers = deque(answers)
        self.messages, self.used, self.probe_lane, self.garbage = [], [], None, []

    # ---- the origin

    def on_accept(self):
        self.lane_n += 1
        lane = Lane(self, self.listener.accept()[0], self.lane_n)
        self.lanes.append(lane)
        self.selector.register(lane.sock, selectors.EVENT_READ, lane.on_readable)

    def next_answer(self, lane):
        if PROBE.match(lane.buffer):
            return PLAIN
        self.used.append(lane)
        return self.answers.popleft() if self.answers else PLAIN

    def note(self, lane, message):
        if PROBE.match(message):
            self.probe_lane = lane
        else:
            self.messages.append(message)

    # ---- time

    def turn(self, timeout_s):
        for key, _ in self.selector.select(timeout_s):
            try:
                key.data()
            except Garbage as garbage:
                self.garbage.append(garbage.args[0])
                key.data.__self__.close()
        now = time.monotonic()
        for lane in self.lanes:
            if lane.todo and lane.is_open and lane.due <= now:
                lane.go_on()
        self.lanes = [lane for lane in self.lanes if lane.is_open]

    def run_until(self, is_done, what):
        end = time.monotonic() + DEADLINE_S
        while not is_done():
            is_speaking = any(lane.todo for lane in self.lanes)
            self.turn(GAP_S if is_speaking else 0.5)
            assert time.monotonic() < end, f"not within {DEADLINE_S} s: {what()}; the origin has {self.messages!r}"

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn(max(0.0, end - time.monotonic()))

    # ---- the client

    def play(self, peer, parts):
        for number, part in enumerate(parts):
            if isinstance(part, bytes):
                peer.send(part)
                if number + 1 < len(parts):
                    self.run_for(GAP_S / 4)
            elif isinstance(part, Wait):
                self.run_until(lambda p=part: p.mark in peer.received or peer.ending,
                               lambda p=part: f"{p.mark!r} in {peer.received!r}")
            elif part is HalfClose:
                peer.end_half()

    def probe(self, peer):
        """A request behind the row: answered whole, on this connection."""
        before = len(peer.received)
        self.probe_n += 1
        peer.send(b"GET /probe-%d HTTP/1.1\r\nHost: probe\r\n\r\n" % self.probe_n)
        self.run_until(lambda: GOT_PROBE.fullmatch(peer.received, before) or peer.ending,
                       lambda: f"an answer to the probe; there is {peer.received[before:]!r}")
        assert not peer.ending, f"{peer.ending} instead of an answer to the probe: {peer.received[before:]!r}"

    def run(self, case):
        self.begin(case.answers)
        peer = self.peer = Peer(self, case.clear_n)
        others = []
        try:
            self.play(peer, case.send)
            self.check_client(case, peer)
            self.run_until(lambda: not any(lane.todo for lane in self.lanes), lambda: "the origin has said all")
            if case.end != KEPT:
                others.append(Peer(self, len(self.header)))
                others[0].send(self.header)
            self.probe((others or [peer])[0])
            self.turn(0)
            self.check_origin(case)
        except BaseException:
            for lane in self.lanes:
                lane.close()
            raise
        finally:
            for one in (peer, *others):
                one.close()

    # ---- the verdict

    def check_client(self, case, peer):
        expected = pattern(b"".join(case.got), self.authority, self.proto)
        if case.end == KEPT:
            self.run_until(lambda: expected.fullmatch(peer.received) or peer.ending,
                           lambda: f"{case.got!r}, got {peer.received!r}")
            assert not peer.ending, f"the connection is {peer.ending} after {peer.received!r}"
        else:
            self.run_until(lambda: peer.ending, lambda: f"a close after {peer.received!r}")
            assert (peer.ending == "closed") is (case.end == CLOSED) or case.end == CUT, \
                f"the connection is {peer.ending} after {peer.received!r}"
        assert expected.fullmatch(peer.received), f"the client got {peer.received!r}, not {case.got!r}"
        for length, body in OWN_ANSWER.findall(peer.received):
            assert int(length) == len(body), f"{body!r} has another length than {length!r}"

    def check_origin(self, case):
        assert not self.garbage, f"the origin received what is not canonical: {self.garbage!r}"
        assert len(self.messages) == len(case.seen), f"the origin received {len(self.messages)}: {self.messages!r}"
        for message, expected in zip(self.messages, case.seen):
            assert pattern(expected, self.authority, self.proto).fullmatch(message), \
                f"the origin received {message!r}, not {expected!r}"
        if case.lane == CLOSED:
            self.run_until(lambda: not any(lane.is_open for lane in self.used), lambda: "the origin connection closed")
        elif case.lane == KEPT:
            assert self.used[-1] is self.probe_lane, "another origin connection was used for the next request"
        for lane in self.lanes:
            assert not lane.buffer, f"the origin received half a message: {lane.buffer!r}"
        if not case.partial:
            assert len(self.used) == len(case.seen), "the origin received a message that was broken off"

    def close(self):
        for lane in self.lanes:
            lane.close()
        self.selector.close()
        self.listener.close()
