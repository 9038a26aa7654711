"""What has reached Weldr of a message that breaks off is delivered, and then the break is seen: it does not look whole.

DELIVERED_TRIES (environment) says how often, as in test_delivered.py.
"""

import threading
import time

import pytest

import origins as o
from rawhttp import Client, wait_until
from test_delivered import AT_ONCE, BODY, SIOCOUTQ, TRIES, Resetting, chunked, count_lost, wait_queued
from test_upgrade import SWITCH, UPGRADE

pytestmark = pytest.mark.tls  # with TLS on both sides, too
PART = BODY[:1_000_000]
RECEIVE_BYTES = 8192

SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_END = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
CASES = {
    "sized": (SIZED, PART),
    "chunked": (CHUNKED, chunked(PART, 10_000)[:-len(b"0\r\n\r\n")]),
    "until the end": (UNTIL_END, PART),
}


def read_to_the_break(sock, is_over, got):
    """A little at a time until the other side has broken off, then the rest. Returns whether it ends in a reset."""
    end = time.monotonic() + o.DEADLINE_S
    sock.settimeout(o.DEADLINE_S)
    try:
        while data := sock.recv(RECEIVE_BYTES if is_over.is_set() else 4096):
            got += data
            assert time.monotonic() < end
            is_over.wait(0.0005)
    except ConnectionResetError:
        return True
    return False


def dechunk(text):
    """The bytes that are there, of a last chunk too."""
    body = b""
    while text:
        size, _, text = text.partition(b"\r\n")
        assert size != b"0", "a good end"
        body += text[:int(size, 16)]
        text = text[int(size, 16) + 2:]
    return body


def judge(got, is_reset, want):
    if not is_reset:
        return f"ended well after {len(got)} bytes"
    return None if got == want else f"{len(got)} bytes of {len(want)}"


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("case", CASES)
def test_part_of_an_answer_arrives_before_the_reset(lab, case):
    """A server resets in the middle of its answer while the client is slow: the client gets what the server sent, and a reset."""
    resetting = Resetting(*CASES[case])
    weldr, _ = lab.run(resetting)

    def one(number):
        with Client(weldr.address, receive_bytes=RECEIVE_BYTES) as client:
            client.request("GET", f"/{number}")
            got = bytearray()
            is_reset = read_to_the_break(client.sock, resetting.is_over(f"/{number}"), got)
        head, _, body = bytes(got).partition(b"\r\n\r\n")
        return judge(dechunk(body) if b"chunked" in head else body, is_reset, PART)

    assert count_lost(TRIES, one) == 0
    wait_until(lambda: weldr.stats()["in_flight"] == 0 and weldr.stats()["connections"]["client_open"] == 0, 10, "nothing is open")
    assert weldr.stats()["results"]["origin_reset"] == TRIES


@pytest.mark.slow
@pytest.mark.smoke
def test_server_resets_a_tunnel(lab):
    """What the server has said in a tunnel before it resets reaches the client."""
    resetting = Resetting(SWITCH, PART)
    weldr, _ = lab.run(resetting)

    def one(number):
        with Client(weldr.address, receive_bytes=RECEIVE_BYTES) as client:
            client.request("GET", f"/{number}", UPGRADE)
            got = bytearray()
            is_reset = read_to_the_break(client.sock, resetting.is_over(f"/{number}"), got)
        return judge(bytes(got).partition(b"\r\n\r\n")[2], is_reset, PART)

    assert count_lost(TRIES, one) == 0
    wait_until(lambda: weldr.stats()["connections"]["client_open"] == 0, 10, "nothing is open")


@pytest.mark.slow
@pytest.mark.smoke
def test_client_resets_a_tunnel(lab):
    """… and the other way, to a slow server."""
    heard, lock = {}, threading.Lock()
    over = {f"/{number}": threading.Event() for number in range(TRIES)}

    def serve(lane, seen):
        lane.send(SWITCH)
        got = bytearray(lane.buffer)
        is_reset = read_to_the_break(lane.sock, over[seen.target], got)
        with lock:
            heard[seen.target] = judge(bytes(got), is_reset, PART)
        raise o.Gone("as planned")

    weldr = lab.weldr()
    weldr.add(lab.origin(serve, receive_bytes=RECEIVE_BYTES))

    def one(number):
        target = f"/{number}"
        with Client(weldr.address) as client:
            client.request("GET", target, UPGRADE)
            assert client.head().status == 101
            client.send(PART)
            wait_queued(client.sock, SIOCOUTQ, lambda n: n == 0)
            client.reset()
        over[target].set()
        wait_until(lambda: target in heard, o.DEADLINE_S, "the server's end")
        return heard[target]

    assert count_lost(TRIES, one) == 0


@pytest.mark.slow
def test_who_takes_nothing_is_reset_in_time(lab):
    """A client that takes nothing of its broken answer is held for client_write_ms; one that leaves, not at all."""
    weldr, _ = lab.run(Resetting(SIZED, BODY[:30_000]))  # the kernel takes it, the client's does not
    weldr.set_timeouts(client_write_ms=8000)
    clients = [Client(weldr.address, receive_bytes=RECEIVE_BYTES) for _ in range(AT_ONCE)]
    begun = time.monotonic()
    for number, client in enumerate(clients):
        client.request("GET", f"/{number}")
    wait_until(lambda: weldr.stats()["results"].get("origin_reset") == AT_ONCE, 8, "all broken off")
    assert weldr.stats()["connections"]["client_open"] == AT_ONCE
    for client in clients[1:]:
        client.reset()
    wait_until(lambda: weldr.stats()["connections"]["client_open"] == 1, 8, "those that left are gone")
    assert time.monotonic() - begun < 8, "before their time was over"
    wait_until(lambda: weldr.stats()["connections"]["client_open"] == 0, 15, "the last one too")
    assert time.monotonic() - begun >= 8
    got = bytearray()
    over = threading.Event()
    over.set()
    assert read_to_the_break(clients[0].sock, over, got)
