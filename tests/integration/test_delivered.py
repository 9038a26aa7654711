"""An answer that has reached Weldr is delivered, whatever its server does behind it, and an early answer blames nobody.

DELIVERED_TRIES (environment) says how often; the default is small, with 1,000 the loss that these tests forbid would show
even if it were rare.
"""

import concurrent.futures
import fcntl
import os
import socket
import struct
import termios
import threading
import time

import pytest

import origins as o
from rawhttp import Client, Closed, wait_until

pytestmark = pytest.mark.tls  # with TLS on both sides, too
TRIES = int(os.environ.get("DELIVERED_TRIES", "40"))
AT_ONCE = 10
UPLOADS = 30  # at once
BODY = bytes(i * 31 % 251 for i in range(1000)) * 1500
UPLOAD = b"u" * 5_000_000
UNREAD = b"r" * 200_000
SIOCOUTQ = termios.TIOCOUTQ
TCP_CLOSE = 7  # of linux/tcp_states.h


def queued(sock, request):
    """Bytes that the kernel holds: TIOCOUTQ what the peer's kernel has not acknowledged, FIONREAD what we have not read."""
    return struct.unpack("i", fcntl.ioctl(sock, request, b"\0" * 4))[0]


def is_reset(sock):
    """What it had queued is never acknowledged."""
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_CLOSE


def wait_queued(sock, request, is_good):
    end = time.monotonic() + o.DEADLINE_S
    while not is_good(queued(sock, request)):
        assert time.monotonic() < end
        time.sleep(0.001)


class Resetting:
    """Sends its whole answer, waits until Weldr's kernel has all of it, and resets. `is_over` tells the client so."""

    def __init__(self, head, body, closes_unread=False):
        self.bytes, self.closes_unread = head + body, closes_unread
        self.over, self.lock = {}, threading.Lock()

    def is_over(self, target):
        with self.lock:
            return self.over.setdefault(target, threading.Event())

    def __call__(self, lane, seen):
        lane.send(self.bytes)
        wait_queued(lane.sock, SIOCOUTQ, lambda n: n == 0)
        if self.closes_unread:
            wait_queued(lane.sock, termios.FIONREAD, lambda n: n > 0)
            lane.close()  # with a reset, for what was not read
        else:
            self.abort(lane)
        self.is_over(seen.target).set()
        raise o.Gone("as planned")

    @staticmethod
    def abort(lane):
        lane.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        lane.close()


def read_slowly(client, is_over):
    """A little at a time until the server has reset, then the rest."""
    end = time.monotonic() + o.DEADLINE_S
    while not is_over.wait(0.0005):
        assert time.monotonic() < end
        client.sock.settimeout(0.001)
        try:
            client.buffer += client.sock.recv(8192)
        except TimeoutError:
            pass
    client.sock.settimeout(client.deadline_s)
    return client.response()


def chunked(body, piece):
    parts = [body[at:at + piece] for at in range(0, len(body), piece)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CASES = {
    "sized": (Resetting(SIZED, BODY), b""),
    "chunked": (Resetting(CHUNKED, chunked(BODY, 10_000)), b""),
    "post": (Resetting(SIZED, BODY, closes_unread=True), UNREAD),
}


def count_lost(tries, one, at_once=AT_ONCE):
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        lost = [why for why in pool.map(one, range(tries)) if why]
    print(f"lost {len(lost)} of {tries}: {lost[:3]}")
    return len(lost)


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("case", CASES)
def test_answer_before_a_reset_is_whole(lab, case):
    """A server sends all of its answer and resets while the client is slow: the client gets all of it."""
    resetting, upload = CASES[case]
    weldr, _ = lab.run(resetting)

    def one(number):
        target = f"/{number}"
        with Client(weldr.address, receive_bytes=8192) as client:
            fields = [("Content-Length", str(len(upload)))] if upload else []
            try:
                client.request("POST" if upload else "GET", target, fields)
                if upload:
                    client.send(upload)
                response = read_slowly(client, resetting.is_over(target))
            except (Closed, ConnectionError) as error:
                return str(error)
            return None if response.body == BODY else f"{response.status}, {len(response.body)} bytes"

    assert count_lost(TRIES, one) == 0
    wait_until(lambda: weldr.stats()["in_flight"] == 0, 10, "nothing in flight")
    assert [d["failed"] for d in weldr.detail()] == [0]
    assert weldr.stats()["client"]["failed"] == 0


def too_big(lane, seen):
    """Answers when it has the head, and closes without reading the body: its kernel resets."""
    lane.send(b"HTTP/1.1 413 Too Big\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig")
    wait_queued(lane.sock, SIOCOUTQ, lambda n: n == 0 or is_reset(lane.sock))
    lane.close()
    raise o.Gone("as planned")


def upload(address, fields, body):
    with Client(address) as client:
        try:
            client.request("POST", "/upload", fields, body)
        except OSError:
            pass  # the answer is there although the body was not wanted
        try:
            response = client.response()
        except (Closed, ConnectionError) as error:
            return str(error)
        return None if (response.status, response.body) == (413, b"big") else f"{response.status} {response.fields}"


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_early_answer_to_an_upload_arrives(lab, framing):
    """A server refuses a large upload with 413, unread: every client hears of it, and the server is not blamed."""
    weldr, _ = lab.run(too_big)
    fields, body = [("Content-Length", str(len(UPLOAD)))], UPLOAD
    if framing == "chunked":
        fields, body = [("Transfer-Encoding", "chunked")], chunked(UPLOAD, 50_000)
    assert count_lost(TRIES, lambda _: upload(weldr.address, fields, body), UPLOADS) == 0
    wait_until(lambda: weldr.stats()["in_flight"] == 0, 10, "nothing in flight")
    assert [(d["success"], d["failed"]) for d in weldr.detail()] == [(TRIES, 0)]
    assert weldr.stats()["results"].get("origin_reset", 0) == 0


def test_check_of_a_server_that_resets_passes(lab):
    """A check's answer counts, though its server resets behind it: at once, or for a part of the request it has not read."""
    def resets(lane, seen):
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        wait_queued(lane.sock, SIOCOUTQ, lambda n: n == 0)
        Resetting.abort(lane)
        raise o.Gone("as planned")

    def unread(lane):
        wait_queued(lane.sock, termios.FIONREAD, lambda n: n > 0)
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        wait_queued(lane.sock, SIOCOUTQ, lambda n: n == 0)
        lane.close()
        raise o.Gone("as planned")

    weldr = lab.weldr()
    for origin in (lab.origin(resets), lab.origin(greet=unread)):
        weldr.add(origin, check={"interval_ms": 100, "timeout_ms": 5000, "failures": 1, "passes": 1})
        wait_until(lambda: origin.accepted >= 30, 30, "30 checks")
        assert weldr.state(origin) == "active"
    assert not weldr.lines(msg="server is down")


@pytest.mark.in_clear("of the management API alone")
def test_api_request_before_a_reset_counts(lab):
    """A change that reached the API whole is made, though its client resets right behind it."""
    weldr = lab.weldr()
    origins = [lab.origin() for _ in range(5)]
    for origin in origins:
        body = b'{"url": "%s", "check": {"type": "none"}}' % origin.url.encode()
        client = Client(weldr.admin)
        client.request("POST", "/servers", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))], body)
        wait_queued(client.sock, SIOCOUTQ, lambda n: n == 0)
        client.reset()
    wait_until(lambda: len(weldr.servers()) == len(origins), 10, "all servers")
