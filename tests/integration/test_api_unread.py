"""What a caller of the API sends and does not read, or begins and does not end, costs a bounded amount, and shuts nobody out."""

import socket
import time

import origins as o
import pytest
from rawhttp import Client, wait_until
from weldr import IS_ASAN, cpu_ticks, rss_bytes

CROWD = 150
GROWTH_BYTES = (192 if IS_ASAN else 48) * 1024 * 1024  # of freed memory ASan keeps a part
REQUEST = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = 1024 * 1024


def answers(weldr):
    assert weldr.api("GET", "/stats").status == 200
    body = {"url": "http://127.0.0.1:9", "check": {"type": "none"}}
    assert weldr.api("POST", "/servers", body).status in (200, 201)


def answers_at_once(weldr):
    started = time.monotonic()
    answers(weldr)
    return time.monotonic() - started < 4  # a place that is not given is waited for for 5 s


def is_at_rest(weldr):
    before = cpu_ticks(weldr.pid)
    time.sleep(0.2)
    return cpu_ticks(weldr.pid) - before <= 1


def begin(weldr, data):
    """Sends as much of it as is taken, and reads nothing."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.connect(weldr.admin)
    peer.settimeout(0.05)
    try:
        peer.sendall(data)
    except TimeoutError:
        pass
    return peer


def leave(crowd):
    for peer in crowd:
        peer.close()


@pytest.mark.smoke
@pytest.mark.parametrize("path, n", [(b"/stats", 1000), (b"/servers", 300), (b"/health", 8000)])
def test_requests_whose_answers_nobody_reads(lab, path, n):
    weldr = lab.weldr(nofile=4096)
    for port in range(1, 31):
        weldr.add(f"http://127.0.0.1:{port}")
    before = rss_bytes(weldr.pid)
    crowd = [begin(weldr, REQUEST % path * n) for _ in range(CROWD)]
    answers(weldr)
    wait_until(lambda: is_at_rest(weldr), 60, "all is answered that there is room for")
    assert all(answers_at_once(weldr) for _ in range(5))
    assert rss_bytes(weldr.pid) - before < GROWTH_BYTES
    leave(crowd)


def test_pipelined_requests_are_all_answered_when_they_are_read(lab):
    weldr = lab.weldr()
    with Client(weldr.admin, receive_bytes=4096) as client:
        client.sock.settimeout(20)
        client.send(REQUEST % b"/stats" * 500)
        for _ in range(500):
            assert client.response().status == 200


@pytest.mark.smoke
def test_bodies_that_do_not_end(lab):
    """Long ones share a budget; a usual one is taken beside them."""
    weldr = lab.weldr(nofile=4096)
    before = rss_bytes(weldr.pid)
    data = b"POST /servers HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % BODY + b" " * (BODY - 1)
    crowd = [begin(weldr, data) for _ in range(CROWD)]
    assert all(answers_at_once(weldr) for _ in range(5))
    assert rss_bytes(weldr.pid) - before < GROWTH_BYTES
    refused = weldr.api("POST", "/servers", b" " * (BODY - 1))
    assert refused.status == 503 and refused.json["code"] == "busy", refused
    leave(crowd)
    wait_until(lambda: weldr.api("POST", "/servers", b" " * (BODY - 1)).status == 400, 10, "room again")


def test_an_idle_connection_keeps_no_body(lab):
    weldr = lab.weldr(nofile=4096)
    crowd = []
    for _ in range(40):
        client = Client(weldr.admin)
        head = b"POST /servers HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % BODY
        client.send(head + b" " * BODY)
        assert client.response().status == 400
        crowd.append(client)
    for client in crowd:
        assert client.ask(target="/health").status == 200
        client.close()


@pytest.mark.smoke
def test_those_who_wait_leave_places_to_others(lab):
    """So many wait for a server to drain; to all further ones it is said at once that it has not."""
    weldr, origin = lab.run(o.stall, nofile=4096)
    with weldr.connect() as client:
        client.request()
        wait_until(lambda: weldr.stats()["in_flight"] == 1, 5, "the request is in flight")
        ask = b"POST %s/drain?wait=drained&timeout=60s HTTP/1.1\r\nHost: localhost\r\n\r\n" % origin.path.encode()
        crowd = [begin(weldr, ask) for _ in range(1100)]
        assert all(answers_at_once(weldr) for _ in range(10))
        with Client(weldr.admin) as late:
            late.send(ask)
            assert late.response().status == 504
        leave(crowd)
        client.reset()
