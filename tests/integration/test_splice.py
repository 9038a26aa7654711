"""Large bodies of known length go from socket to socket unseen (net/conn_splice.c): what stands around them is seen."""

import socket

import pytest

import origins as o

LARGE = 512 * 1024
POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"


def too_much(lane, seen):
    """A large answer and, right behind its end, another one that nobody has asked for."""
    lane.read_body(seen)
    if seen.target == "/large":
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE + b"x" * LARGE + POISON)
    else:
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")


@pytest.mark.smoke
def test_more_than_was_announced_answers_nobody(lab):
    """What an origin sends behind a large answer must not be taken for the answer to the next request."""
    weldr, _ = lab.run(too_much)
    for _ in range(20):
        client = weldr.connect()
        client.send(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\nGET /small HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.response().body == b"x" * LARGE
        assert client.response().body == b"good"
        client.close()


def answers_early(lane, seen):
    """Begins its answer before it has the body: the client's connection closes behind it."""
    lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
    lane.read_body(seen)
    lane.send(b"x" * LARGE)


@pytest.mark.smoke
def test_request_behind_the_last_one_costs_no_answer(lab):
    """A client that sends another request before it has read that the connection closes: the reset that unread bytes
    would make takes nothing of the answer away."""
    weldr, _ = lab.run(answers_early)
    for _ in range(5):
        client = weldr.connect(receive_bytes=4096)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % LARGE)
        client.fill(1)
        client.send(b"y" * LARGE + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        response = client.response()
        assert response.get("Connection") == "close"
        assert response.body == b"x" * LARGE
        client.close()


def takes_all(lane, seen):
    lane.read_body(seen)
    lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")


@pytest.mark.smoke
def test_urgent_data_stops_nothing(lab):
    """A splice does not come past TCP's urgent byte, a read leaves it out: the body goes on behind it."""
    weldr, origin = lab.run(takes_all)
    half = LARGE // 2
    client = weldr.connect()
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % LARGE + b"x" * half)
    client.sock.send(b"!", socket.MSG_OOB)
    client.send(b"y" * half)
    assert client.response().body == b"good"
    assert origin.last().body == b"x" * half + b"y" * half
