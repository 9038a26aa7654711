"""Origins that behave, and origins that misbehave on purpose.

An Origin listens on a port of the kernel's choice and serves each connection in a thread of its own. What it does with a
request is a behaviour: a function of the Lane (one accepted connection) and the Seen head. Everything that was received
is kept byte for byte. A Lane returns from the behaviour to read the next request, or closes.
"""

import contextlib
import socket
import struct
import threading
import time

from sides import secure
from tls_socket import ask_server, serve_client

DEADLINE_S = 60.0


class Gone(Exception):
    """The proxy closed the connection."""


class Seen:
    """One request as the origin received it."""

    def __init__(self, head, lane_id):
        self.head = head
        self.lane_id = lane_id
        lines = head.split(b"\r\n")
        self.line = lines[0]
        self.method, self.target, self.version = (p.decode("latin-1") for p in lines[0].split(b" ", 2))
        self.fields = []
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            self.fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
        self.body = b""
        self.raw_body = b""
        self.trailers = b""
        self.has_body = False
        self.at = time.monotonic()

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def has(self, name):
        return bool(self.all(name))


class Lane:
    """One accepted connection."""

    def __init__(self, origin, sock, lane_id, peer):
        self.origin, self.sock, self.id, self.peer = origin, sock, lane_id, peer
        self.served = 0
        self.buffer = b""
        sock.settimeout(DEADLINE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def fill(self, limit=65536):
        try:
            data = self.sock.recv(limit)
        except OSError as error:
            raise Gone(str(error)) from error
        if not data:
            raise Gone("closed")
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.fill()
        data, _, self.buffer = self.buffer.partition(mark)
        return data

    def exactly(self, count):
        parts, missing = [], count
        while True:
            parts.append(self.buffer[:missing])
            self.buffer = self.buffer[missing:]
            missing -= len(parts[-1])
            if missing == 0:
                return b"".join(parts)
            self.fill(min(missing, 1 << 20))

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Gone(str(error)) from error

    def read_head(self):
        seen = Seen(self.until(b"\r\n\r\n"), self.id)
        self.origin.note(seen)
        return seen

    def read_body(self, seen):
        if seen.has_body:
            return seen.body
        seen.has_body = True
        if seen.has("Transfer-Encoding"):
            self.read_chunked(seen)
        else:
            seen.body = seen.raw_body = self.exactly(int(seen.get("Content-Length", "0")))
        return seen.body

    def read_chunked(self, seen):
        while True:
            line = self.until(b"\r\n")
            seen.raw_body += line + b"\r\n"
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            data = self.exactly(size + 2)
            seen.raw_body += data
            seen.body += data[:-2]
        while True:
            line = self.until(b"\r\n")
            seen.raw_body += line + b"\r\n"
            if not line:
                return
            seen.trailers += line + b"\r\n"

    def read_to_end(self):
        """Reads until the proxy closes; returns all bytes."""
        try:
            while True:
                self.fill()
        except Gone:
            return self.buffer

    def wait_gone(self):
        """Blocks until the proxy has closed this connection; the stalling behaviours end here."""
        self.read_to_end()
        raise Gone("closed")

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()
        raise Gone("we reset")

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass


class Origin:
    """A listening origin. `behave(lane, seen)` handles each request; `greet(lane)` runs right after accept.

    Its port is its own to the end(): when it does not listen, connects are refused. tls: a server's ssl.SSLContext; what `greet`
    does comes before the handshake; those that fail are in tls_errors.
    """

    def __init__(self, behave=None, host="127.0.0.1", port=0, greet=None, listen=True, receive_bytes=None, tls=None):
        self.behave, self.greet, self.host, self.tls = behave or hello, greet, host, tls
        self.tls_errors, self.tls_resumed = [], 0
        self.lock = threading.Lock()
        self.requests, self.lanes = [], {}
        self.accepted = 0
        self.receive_bytes = receive_bytes
        # Bound and never listening: others, who take any free port, do not get this one while we are stopped.
        self.keeper = self.bind(port)
        self.port = self.keeper.getsockname()[1]
        self.listener = self.bind(self.port)
        self.thread = None
        if listen:
            self.listen()

    def bind(self, port):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.receive_bytes:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_bytes)
        listener.bind((self.host, port))
        return listener

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def path(self):
        """Where the management API has it."""
        return f"/servers/{self.authority.removesuffix(f':{self.port}')}/{self.port}"

    @property
    def authority(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def listen(self):
        self.listener.listen(1024)
        self.thread = threading.Thread(target=self.accept_all, args=(self.listener,), daemon=True)
        self.thread.start()

    def accept_all(self, listener):
        while True:
            try:
                sock, peer = listener.accept()
            except OSError:
                return
            if self.tls:
                sock = serve_client(sock, self.tls)
            with self.lock:
                self.accepted += 1
                lane = Lane(self, sock, self.accepted, peer)
                self.lanes[lane.id] = lane
            threading.Thread(target=self.serve, args=(lane,), daemon=True).start()

    def secure(self, lane):
        try:
            lane.sock.handshake()
        except OSError as error:
            with self.lock:
                self.tls_errors.append(str(error))
            raise Gone("handshake") from error
        with self.lock:
            self.tls_resumed += lane.sock.is_resumed

    def serve(self, lane):
        try:
            if self.greet:
                self.greet(lane)
            if self.tls:
                self.secure(lane)
            while True:
                seen = lane.read_head()
                lane.served += 1
                self.behave(lane, seen)
        except Gone:
            pass
        finally:
            lane.close()
            with self.lock:
                self.lanes.pop(lane.id, None)

    def note(self, seen):
        with self.lock:
            self.requests.append(seen)

    @property
    def open_lanes(self):
        with self.lock:
            return len(self.lanes)

    def seen(self, target=None, method=None):
        with self.lock:
            return [r for r in self.requests
                    if (target is None or r.target == target) and (method is None or r.method == method)]

    def last(self, target=None):
        return self.seen(target)[-1]

    def catch_up(self):
        """Returns when all that was sent to it before, on connections that are closed now, has been seen."""
        last = socket.create_connection((self.host, self.port), DEADLINE_S)
        if self.tls:
            last = ask_server(last, secure().client, self.host)
        with contextlib.closing(last):
            last.sendall(b"GET /catch-up HTTP/1.1\r\nHost: a\r\n\r\n")
            assert last.recv(1), "an answer"
        end = time.monotonic() + DEADLINE_S
        while self.open_lanes:
            assert time.monotonic() < end, "connections stay"
            time.sleep(0.001)

    def stop(self):
        """Closes the listener and all connections; new connects are refused from now on."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        if self.thread:
            self.thread.join(5)
            self.thread = None
        with self.lock:
            lanes = list(self.lanes.values())
        for lane in lanes:
            try:
                lane.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def end(self):
        self.stop()
        self.keeper.close()

    def restart(self):
        """Listens again on the same port."""
        self.listener = self.bind(self.port)
        self.listen()


# ---- behaviours

def answer(status=200, body=b"hello", fields=(), reason="OK"):
    """A good answer with a length."""
    def behave(lane, seen):
        lane.read_body(seen)
        head = [f"HTTP/1.1 {status} {reason}"] + [f"{n}: {v}" for n, v in fields]
        if status not in (204, 304) and status >= 200:
            head.append(f"Content-Length: {len(body)}")
        lane.send(("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + (b"" if seen.method == "HEAD" else body))
    return behave


hello = answer()


def named(name):
    return answer(body=name.encode())


def raw(data, close=False):
    """Exactly these bytes as the answer."""
    def behave(lane, seen):
        lane.read_body(seen)
        lane.send(data)
        if close:
            raise Gone("as planned")
    return behave


def pieces(parts, gap_s=0.01, close=False):
    """The answer in odd pieces: each in a write of its own, with a little time between (a slow drip)."""
    def behave(lane, seen):
        lane.read_body(seen)
        for part in parts:
            lane.send(part)
            time.sleep(gap_s)
        if close:
            raise Gone("as planned")
    return behave


def echo(lane, seen):
    """Sends the request's body back in the framing it came in."""
    lane.read_body(seen)
    if seen.has("Transfer-Encoding"):
        lane.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + seen.raw_body)
    else:
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(seen.body) + seen.body)


def method_echo(lane, seen):
    lane.read_body(seen)
    body = seen.method.encode()
    lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + (b"" if seen.method == "HEAD" else body))


def stall(lane, seen):
    """Reads the request and never answers."""
    lane.wait_gone()


def stall_in_body(lane, seen):
    lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    lane.wait_gone()


def reset(lane, seen=None):
    """Resets instead of answering; as `greet` it resets right after accept."""
    lane.reset()


def close_silently(lane, seen=None):
    raise Gone("as planned")


def reset_in_body(lane, seen):
    lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    time.sleep(0.1)
    lane.reset()


def truncated(lane, seen):
    lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    raise Gone("as planned")


def truncated_chunks(lane, seen):
    lane.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    raise Gone("as planned")


def early_answer(lane, seen):
    """Answers before the body is read, then swallows what comes."""
    lane.send(b"HTTP/1.1 413 Too Big\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
    lane.read_to_end()
    raise Gone("as planned")


def until_close(body):
    def behave(lane, seen):
        lane.read_body(seen)
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body)
        raise Gone("as planned")
    return behave


def closes_after(count, then=hello):
    """Keep-alive that ends without a word after `count` answers on a connection."""
    def behave(lane, seen):
        if lane.served > count:
            raise Gone("as planned")
        then(lane, seen)
    return behave


def hangs_up_after_answer(lane, seen):
    """Answers as if the connection would stay and then closes it: the idle connection dies under the proxy."""
    hello(lane, seen)
    raise Gone("as planned")


def wants_continue(lane, seen):
    """Sends 100 Continue before it reads the body."""
    if seen.get("Expect", "").lower() == "100-continue":
        lane.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    echo(lane, seen)


def in_turn(*behaviours):
    """The n-th request of this origin gets the n-th behaviour; the last one stays."""
    lock, turn = threading.Lock(), [0]

    def behave(lane, seen):
        with lock:
            number = min(turn[0], len(behaviours) - 1)
            turn[0] += 1
        behaviours[number](lane, seen)
    return behave


def by_target(table, otherwise=None):
    """A behaviour for each request target."""
    def behave(lane, seen):
        (table.get(seen.target) or otherwise or hello)(lane, seen)
    return behave


class Gate:
    """A behaviour that holds the answer until the test opens the gate; `entered` counts those who came."""

    def __init__(self, then=hello):
        self.then, self.opened, self.entered = then, threading.Event(), 0
        self.lock = threading.Lock()

    def __call__(self, lane, seen):
        with self.lock:
            self.entered += 1
        if not self.opened.wait(DEADLINE_S):
            raise Gone("nobody opened the gate")
        self.then(lane, seen)

    def open(self):
        self.opened.set()


class BodyGate:
    """Sends head and first part, holds, then sends the rest when opened."""

    def __init__(self, first=b"first", rest=b"-rest"):
        self.first, self.rest, self.opened, self.entered = first, rest, threading.Event(), 0

    def __call__(self, lane, seen):
        lane.read_body(seen)
        total = len(self.first) + len(self.rest)
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total + self.first)
        self.entered += 1
        if not self.opened.wait(DEADLINE_S):
            raise Gone("nobody opened the gate")
        lane.send(self.rest)

    def open(self):
        self.opened.set()


class Health:
    """A behaviour whose health a test sets: `status` for `path`, everything else is answered by `then`."""

    def __init__(self, status=200, path="/health", then=hello):
        self.status, self.path, self.then, self.probes = status, path, then, 0

    def __call__(self, lane, seen):
        if seen.target != self.path:
            self.then(lane, seen)
            return
        self.probes += 1
        answer(self.status, b"state", reason="Probe")(lane, seen)
