"""An upgrade asked for by a request that has a body, as `docker exec` does it (RFC 9110 section 7.8)."""

import random

import pytest

import origins as o
from rawhttp import Closed

pytestmark = pytest.mark.tls  # with TLS on both sides, too
UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "tcp")]
SWITCH = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
BODIES = {
    "length": ([("Content-Length", "16")], b'{"Detach":false}', b'{"Detach":false}'),
    "chunked": ([("Transfer-Encoding", "chunked")], b'5\r\n{"Det\r\nb\r\nach":false}\r\n0\r\n\r\n', b'{"Detach":false}'),
    "trailers": ([("Transfer-Encoding", "chunked")], b"2\r\n{}\r\n0\r\nX-T: 1\r\n\r\n", b"{}"),
    "empty": ([("Content-Length", "0")], b"", b""),
    "empty-chunked": ([("Transfer-Encoding", "chunked")], b"0\r\n\r\n", b""),
}


def echo(lane):
    """Sends back what comes, to its end."""
    while True:
        if lane.buffer:
            data, lane.buffer = lane.buffer, b""
            lane.send(data)
        lane.fill()


def switch_behind_the_body(lane, seen):
    lane.read_body(seen)
    lane.send(SWITCH)
    echo(lane)


def switch_before_the_body(lane, seen):
    lane.send(SWITCH + b"early ")
    lane.read_body(seen)
    echo(lane)


@pytest.mark.smoke
@pytest.mark.parametrize("framing, sent, body", BODIES.values(), ids=BODIES)
def test_upgrade_passes_with_a_body(lab, framing, sent, body):
    """H3."""
    weldr, origin = lab.run(switch_behind_the_body)
    client = weldr.connect()
    client.request("POST", "/exec/1/start", UPGRADE + framing, sent)
    head = client.head()
    assert (head.status, head.reason, head.get("Upgrade"), head.get("Connection")) == (101, "UPGRADED", "tcp", "upgrade")
    seen = origin.last()
    assert seen.get("Upgrade") == "tcp" and seen.get("Connection") == "upgrade" and seen.body == body
    client.send(b"ls\n")
    assert client.exactly(3) == b"ls\n"
    client.finish()
    assert client.to_close() == b""


@pytest.mark.parametrize("framing, sent, body", BODIES.values(), ids=BODIES)
def test_bytes_behind_the_body_are_the_tunnels(lab, framing, sent, body):
    weldr, origin = lab.run(switch_behind_the_body)
    client = weldr.connect()
    client.request("POST", "/", UPGRADE + framing, sent + b"GET / HTTP/1.1\r\n\r\n")
    assert client.head().status == 101
    assert client.exactly(18) == b"GET / HTTP/1.1\r\n\r\n"
    assert origin.last().body == body and len(origin.seen()) == 1


@pytest.mark.parametrize("name", ("length", "chunked", "trailers"))
def test_switched_before_the_body_has_ended(lab, name):
    """The server may be quick: its bytes come at once, the client's body ends first and then its bytes are the tunnel's."""
    framing, sent, body = BODIES[name]
    weldr, origin = lab.run(switch_before_the_body)
    client = weldr.connect()
    client.request("POST", "/", UPGRADE + framing, sent[:4])
    assert client.head().status == 101 and client.exactly(6) == b"early "
    client.send(sent[4:-1])
    client.send(sent[-1:] + b"behind")
    assert client.exactly(6) == b"behind"
    assert origin.last().body == body
    assert (b"X-T: 1\r\n" in origin.last().trailers) == (name == "trailers")
    client.finish()
    assert client.to_close() == b""


def test_large_body_behind_an_early_switch(lab):
    weldr, origin = lab.run(switch_before_the_body)
    blob = random.Random(4).randbytes(3_000_000)
    client = weldr.connect()
    client.request("POST", "/", UPGRADE + [("Content-Length", str(len(blob)))], blob + b"tunnel")
    assert client.head().status == 101 and client.exactly(6) == b"early "
    assert client.exactly(6) == b"tunnel"
    assert origin.last().body == blob


def test_body_that_breaks_behind_an_early_switch(lab):
    """What is no chunk must not get into the tunnel, nor be answered within it."""
    weldr, origin = lab.run(switch_before_the_body)
    client = weldr.connect()
    client.request("POST", "/", UPGRADE + [("Transfer-Encoding", "chunked")], b"2\r\nab\r\n")
    assert client.head().status == 101 and client.exactly(6) == b"early "
    client.send(b"x\r\nGET /smuggled HTTP/1.1\r\n\r\n")
    with pytest.raises(Closed):
        client.fill()
    again = weldr.connect()
    again.request(target="/next", fields=UPGRADE)
    assert again.head().status == 101
    assert [seen.target for seen in origin.seen()] == ["/", "/next"]


def test_body_that_is_too_large_behind_an_early_switch(lab):
    weldr, _ = lab.run(switch_before_the_body)
    weldr.patch_listener({"limits": {"body_bytes": 10}})
    client = weldr.connect()
    client.request("POST", "/", UPGRADE + [("Transfer-Encoding", "chunked")], b"2\r\nab\r\n")
    assert client.head().status == 101 and client.exactly(6) == b"early "
    client.send(b"9\r\nabcdefghi\r\n")
    with pytest.raises(Closed):
        client.fill()


@pytest.mark.parametrize("name", ("length", "chunked"))
def test_upgrade_with_a_body_that_is_not_taken(lab, name):
    """A server that answers as if nothing had been asked: the connections go on."""
    framing, sent, body = BODIES[name]
    weldr, origin = lab.run(o.echo)
    client = weldr.connect()
    for _ in range(2):
        client.request("PUT", "/", UPGRADE + framing, sent)
        response = client.response()
        assert (response.status, response.body) == (200, body)
    assert len({seen.lane_id for seen in origin.seen()}) == 1


def test_h2c_with_a_body_is_not_asked_for(lab):
    weldr, origin = lab.run(o.echo)
    assert weldr.ask("POST", fields=[("Connection", "Upgrade"), ("Upgrade", "h2c")], body=b"x").status == 200
    assert not origin.last().has("Upgrade")
