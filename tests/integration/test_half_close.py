"""A client of the management API that ends its side may read on (RFC 9112 section 9.6): it gets the response it waits for."""

import json
import socket

import origins as o
import pytest
from rawhttp import Client, wait_until
from test_leaving import start_slow

pytestmark = pytest.mark.tls  # with TLS on both sides, too


def ask_and_end(weldr, origin, version="HTTP/1.1"):
    """DELETE that waits; its sender says that no more comes."""
    asker = Client(weldr.admin)
    asker.send(f"DELETE {origin.path}?wait=drained&timeout=60s {version}\r\nHost: localhost\r\n\r\n".encode())
    wait_until(lambda: weldr.state(origin) == "draining", 5, "draining")
    asker.sock.shutdown(socket.SHUT_WR)
    return asker


@pytest.mark.smoke
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_response_comes_when_the_server_has_drained(lab, version):
    gate = o.Gate()
    weldr, origin = lab.run(gate)
    client, = start_slow(weldr, gate)
    with ask_and_end(weldr, origin, version) as asker:
        wait_until(lambda: weldr.stats()["in_flight"] == 1, 5, "still in flight")
        gate.open()
        answer = asker.response()
        assert (answer.status, json.loads(answer.text)["servers"]) == (200, []), answer
        assert asker.to_close() == b""
    assert client.response().status == 200


def test_end_and_request_at_once(lab):
    gate = o.Gate()
    weldr, origin = lab.run(gate)
    client, = start_slow(weldr, gate)
    with Client(weldr.admin) as asker:
        asker.send(f"POST {origin.path}/drain?wait=drained&timeout=60s HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        asker.sock.shutdown(socket.SHUT_WR)
        wait_until(lambda: weldr.state(origin) == "draining", 5, "draining")
        gate.open()
        assert asker.response().status == 200
    assert client.response().status == 200
