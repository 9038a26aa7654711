"""A small, strict HTTP/1 client on a bare socket.

It sends exactly the bytes it is told to and keeps exactly the bytes it receives, so that a test can speak of framing,
field order and closings, which a polite HTTP library hides. Every read has a deadline; nothing here ever sleeps.
"""

import re
import socket
import struct
import time

from sides import HOST
from tls_socket import ask_server

REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^ \r\n]+) HTTP/1\.[01]\r?$", re.MULTILINE)  # a body may stand before it
SENT_MAX = 65536
DEADLINE_S = 20.0


def judge(method, target, status, fields, text):
    """What every whole response is shown to; weldr.py puts the contract of the API in its place."""


class Closed(Exception):
    """The peer closed (or reset) the connection before the message was whole."""


class Response:
    """One answer: the parsed head, the body without framing, and the bytes as they came."""

    def __init__(self, head):
        lines = head.split(b"\r\n")
        version, status, reason = (lines[0].split(b" ", 2) + [b""])[:3]
        self.head = head
        self.version = version.decode()
        self.status = int(status)
        self.reason = reason.decode("latin-1")
        self.fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            assert colon, f"field line without a colon: {line!r}"
            assert name and name == name.strip(), f"white space around a field name: {line!r}"
            self.fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
        self.body = b""
        self.raw_body = b""
        self.trailers = b""

    def get(self, name, default=None):
        values = self.all(name)
        return values[0] if values else default

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def has(self, name):
        return bool(self.all(name))

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def __repr__(self):
        return f"<Response {self.status} {self.fields} {self.body[:80]!r}>"


class Client:
    """One connection. `address` is (host, port), and says whether TLS is spoken there (sides.Address); `make_socket` may bring a
    socket of another network namespace. first: sent before anything else, in clear. name: asked for in the handshake; session: of
    an earlier one."""

    def __init__(self, address, source=None, deadline_s=DEADLINE_S, make_socket=None, receive_bytes=None, first=b"", name=HOST,
                 session=None):
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.sock = make_socket(family) if make_socket else socket.socket(family, socket.SOCK_STREAM)
        self.deadline_s = deadline_s
        self.sock.settimeout(deadline_s)
        if receive_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect(address)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(first)
        context = getattr(address, "context", None)
        if context:
            self.sock = ask_server(self.sock, context, name, session)
        self.buffer = b""
        self.sent, self.whole_n = b"", 0  # the first that was sent; whole responses
        self.asked, self.looked = [], 0  # requests found in it so far, and up to where

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    # ---- writing

    def send(self, data):
        data = data.encode("latin-1") if isinstance(data, str) else data
        self.sent += data[:SENT_MAX - len(self.sent)]
        self.sock.sendall(data)
        return self

    def request(self, method="GET", target="/", fields=(), body=b"", version="HTTP/1.1", host=HOST):
        lines = [f"{method} {target} {version}"]
        if host is not None:
            lines.append(f"Host: {host}")
        lines += [f"{n}: {v}" for n, v in fields]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
        return self

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)
        return self

    # ---- reading

    def fill(self, limit=65536):
        try:
            data = self.sock.recv(limit)
        except ConnectionError as error:
            raise Closed(f"reset, {len(self.buffer)} bytes pending: {error}") from error
        if not data:
            raise Closed(f"closed, pending {self.buffer[:200]!r}")
        self.buffer += data
        return len(data)

    def until(self, mark):
        while mark not in self.buffer:
            self.fill()
        data, _, self.buffer = self.buffer.partition(mark)
        return data

    def exactly(self, count):
        parts = [self.buffer[:count]]
        self.buffer = self.buffer[count:]
        missing = count - len(parts[0])
        while missing > 0:
            self.fill(min(missing, 1 << 20))
            parts.append(self.buffer[:missing])
            self.buffer = self.buffer[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def to_close(self):
        try:
            while True:
                self.fill(1 << 20)
        except Closed as closed:
            if "reset" in str(closed):
                raise
        data, self.buffer = self.buffer, b""
        return data

    def head(self):
        return Response(self.until(b"\r\n\r\n"))

    def chunked(self, response):
        while True:
            line = self.until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            response.raw_body += line + b"\r\n"
            if size == 0:
                break
            data = self.exactly(size + 2)
            assert data.endswith(b"\r\n"), "chunk without its line end"
            response.body += data[:-2]
            response.raw_body += data
        while True:
            line = self.until(b"\r\n")
            response.raw_body += line + b"\r\n"
            if not line:
                return
            response.trailers += line + b"\r\n"

    def body(self, response, method="GET"):
        if response.status >= 200:
            self.read_body(response, method)
            self.whole_n += 1
            self.judge(response)
        return response

    def judge(self, response):
        """Which request it is of is known from what was sent, unless that was long or malformed."""
        if not response.has("X-Weldr-Revision"):
            judge(None, None, response.status, response.get, response.text)
            return
        while len(self.asked) < self.whole_n and (line := REQUEST_LINE.search(self.sent, self.looked)):
            self.asked.append(line.groups())
            self.looked = line.end()
        found = self.asked[self.whole_n - 1] if len(self.asked) >= self.whole_n else (b"", b"")
        method, target = [word.decode("latin-1") or None for word in found]
        judge(method, target, response.status, response.get, response.text)

    def read_body(self, response, method):
        if method == "HEAD" or response.status in (204, 304):
            return
        coding = response.get("Transfer-Encoding")
        if coding:
            assert coding.lower() == "chunked", coding
            self.chunked(response)
        elif response.has("Content-Length"):
            response.body = response.raw_body = self.exactly(int(response.get("Content-Length")))
        else:
            response.body = response.raw_body = self.to_close()

    def response(self, method="GET", keep_interim=False):
        response = self.head()
        while response.status < 200 and not keep_interim:
            response = self.head()
        return self.body(response, method)

    def ask(self, method="GET", target="/", **more):
        self.request(method, target, **more)
        return self.response(method)

    # ---- endings

    def is_closed(self, within_s=5.0):
        """True when the peer closes within the time; unexpected data is an error of the test."""
        self.sock.settimeout(within_s)
        try:
            data = self.sock.recv(65536)
            assert not data, f"expected a close, got {data[:200]!r}"
            return True
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        finally:
            self.sock.settimeout(self.deadline_s)

    def stays_silent(self, for_s):
        """True when nothing arrives and nothing is closed during that time."""
        self.sock.settimeout(for_s)
        try:
            self.fill()
            return False
        except TimeoutError:
            return True
        except Closed:
            return False
        finally:
            self.sock.settimeout(self.deadline_s)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


def wait_until(predicate, timeout_s=15.0, what=None, step_s=0.02):
    """Polls until predicate() is true; its last value is returned. A deadline, not a sleep."""
    end = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s} s: {what or predicate}; last value {value!r}")
        time.sleep(step_s)
