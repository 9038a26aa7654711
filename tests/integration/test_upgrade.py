"""Upgrade to another protocol through Weldr, byte for byte (RFC 9110 section 7.8).

TUNNEL_BYTES (environment) says how much goes through a tunnel each way; the default is 20 MB. test_websocket.py has a
real library at both ends.
"""

import hashlib
import os
import random
import socket
import threading

import pytest

import origins as o
from rawhttp import wait_until

pytestmark = pytest.mark.tls  # with TLS on both sides, too
TUNNEL_BYTES = int(os.environ.get("TUNNEL_BYTES", "20000000"))
LIMIT_S = 30 + TUNNEL_BYTES / 1e6
UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "echo")]
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"


def tunnel(lane, seen):
    """Switches and sends back what comes, to its end."""
    lane.send(SWITCH)
    pending, lane.buffer = lane.buffer, b""
    while True:
        if pending:
            lane.send(pending)
        pending = lane.sock.recv(1 << 16)
        if not pending:
            raise o.Gone("the other side has said all")


def gather(client, digest):
    while True:
        data = client.sock.recv(1 << 20)
        if not data:
            return
        digest.update(data)


@pytest.mark.smoke
@pytest.mark.timeout(LIMIT_S + 60)
def test_tunnel_is_byte_exact_with_half_close(lab):
    """Both ways at once; the client says all and shuts, the echo still arrives whole."""
    weldr, origin = lab.run(tunnel)
    client = weldr.connect()
    client.request(fields=UPGRADE)
    head = client.head()
    assert (head.status, head.get("Upgrade"), head.get("Connection")) == (101, "echo", "upgrade")
    assert origin.last().get("Upgrade") == "echo"
    blob = random.Random(1).randbytes(TUNNEL_BYTES)
    got = hashlib.sha256(client.buffer)
    reader = threading.Thread(target=gather, args=(client, got))
    reader.start()
    client.send(blob)
    client.finish()
    reader.join(LIMIT_S)
    assert not reader.is_alive() and got.digest() == hashlib.sha256(blob).digest()
    client.close()


@pytest.mark.smoke
@pytest.mark.timeout(LIMIT_S + 60)
def test_tunnel_stays_open_when_the_origin_has_said_all(lab):
    """The other half: the origin shuts first, and what the client says from then on still arrives, to its end."""
    there, back = random.Random(2).randbytes(TUNNEL_BYTES), random.Random(3).randbytes(TUNNEL_BYTES)
    heard, ended = hashlib.sha256(), []

    def listen(lane):
        while True:
            heard.update(lane.buffer)
            lane.buffer = b""
            lane.fill()

    def serve(lane, seen):
        lane.send(SWITCH + back)
        lane.sock.shutdown(socket.SHUT_WR)
        try:
            listen(lane)
        except o.Gone as gone:
            ended.append(str(gone))
            raise

    weldr, _ = lab.run(serve)
    client = weldr.connect()
    client.request(fields=UPGRADE)
    assert client.head().status == 101
    client.send(there[:1000])
    got = hashlib.sha256(client.buffer)
    gather(client, got)
    assert got.digest() == hashlib.sha256(back).digest()
    assert ended == []
    client.send(there[1000:])
    client.finish()
    wait_until(lambda: ended, LIMIT_S, "the end of what the client says")
    assert ended == ["closed"] and heard.digest() == hashlib.sha256(there).digest()


def test_early_bytes_belong_to_the_tunnel(lab):
    weldr, _ = lab.run(tunnel)
    client = weldr.connect()
    client.request(fields=UPGRADE, body=b"GET / HTTP/1.1\r\n\r\n")
    assert client.head().status == 101
    assert client.exactly(18) == b"GET / HTTP/1.1\r\n\r\n"


def test_101_to_who_did_not_ask_is_502(lab):
    weldr, _ = lab.run(o.raw(SWITCH + b"smuggled"))
    for fields in ([], [("Upgrade", "echo")], [("Connection", "Upgrade")],
                   [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")]):
        response = weldr.ask(fields=fields)
        assert response.status == 502 and response.get("Weldr-Error") == "origin_bad_answer"
        assert b"smuggled" not in response.body
