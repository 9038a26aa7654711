"""Large bodies of known length go from socket to socket unseen (net/conn_splice.c): what stands around them is seen."""

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
