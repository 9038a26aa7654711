"""More handshakes at once than a worker takes on: some are in progress, some wait in line, the others are refused and counted."""

import socket
import ssl

import pytest

import origins as o
import tls_files as t
from rawhttp import wait_until
from test_tls_listeners import NAME, add_listener, anybody, ask, failures, post, shake

QUEUE_BYTES = 8 << 20
HANDSHAKE_BYTES = 48 << 10
IN_PROGRESS = -(-QUEUE_BYTES // 2 // HANDSHAKE_BYTES)  # hold half of the budget
IN_LINE = 1024
REFUSED = 40


def hello():
    """A ClientHello of nobody in particular."""
    outgoing = ssl.MemoryBIO()
    engine = anybody().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=NAME)
    with pytest.raises(ssl.SSLWantReadError):
        engine.do_handshake()
    return outgoing.read()


@pytest.fixture
def front(lab):
    weldr, _ = lab.run(o.hello)
    post(weldr, t.authority().issue(NAME), "a")
    weldr.port = add_listener(weldr, "https", handshake_ms=60000)
    weldr.patch_node({"limits": {"queue_bytes": QUEUE_BYTES}})
    return weldr


def test_line_is_full(front):
    first, crowd = hello(), []
    try:
        with shake(front.port) as before:
            for _ in range(IN_PROGRESS + IN_LINE + REFUSED):
                crowd.append(socket.create_connection(front.port.address, timeout=10))
                crowd[-1].sendall(first)
            wait_until(lambda: failures(front).get("refused", 0) >= REFUSED, what="the last ones are refused")
            assert ask(before).startswith("HTTP/1.1 200 ")
            assert failures(front) == {"refused": REFUSED}
            assert front.stats()["listeners"]["https"]["tls_failed"] == REFUSED
    finally:
        for client in crowd:
            client.close()
    with shake(front.port) as after:
        assert ask(after).startswith("HTTP/1.1 200 ")
    wait_until(lambda: front.stats()["listeners"]["https"]["tls_failed"] == len(crowd), what="each of them is counted")
