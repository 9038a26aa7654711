"""Proxying: methods, versions, keep-alive, pipelining, balancing, and every way a client can fail."""

import ctypes
import os
import socket
from collections import Counter

import pytest

import origins as o
from failures import is_refused
from rawhttp import Client, wait_until

pytestmark = pytest.mark.tls  # with TLS on both sides, too
SYS_PIDFD_GETFD = 438


# ---- methods, targets, versions

@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH", "OPTIONS", "POST", "PUT", "TRACE", "PURGE", "REPORT"])
def test_method_passes(lab, method):
    weldr, origin = lab.run(o.method_echo)
    response = weldr.ask(method, "/m")
    assert (response.status, response.text) == (200, method)
    assert origin.last().method == method


def test_methods_with_body_pass(lab):
    weldr, origin = lab.run(o.echo)
    client = weldr.connect()
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "GET"):
        response = client.ask(method, "/m", fields=[("Content-Length", "4")], body=b"body")
        assert (response.status, response.body) == (200, b"body"), method
        assert origin.last().method == method


@pytest.mark.smoke
def test_head_has_no_body_and_keeps_length(lab):
    weldr, origin = lab.run(o.answer(body=b"x" * 5000))
    client = weldr.connect()
    head = client.ask("HEAD", "/h")
    assert (head.status, head.get("Content-Length")) == (200, "5000")
    assert len(client.ask("GET", "/h").body) == 5000
    assert client.buffer == b""
    assert [r.method for r in origin.seen("/h")] == ["HEAD", "GET"]


def test_head_of_chunked_answer(lab):
    weldr, _ = lab.run(o.in_turn(o.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), o.hello))
    client = weldr.connect()
    assert client.ask("HEAD").status == 200
    assert client.ask().body == b"hello"


@pytest.mark.smoke
def test_connect_is_405(lab):
    """D9: a reverse proxy has no use for CONNECT."""
    weldr, origin = lab.run(o.hello)
    client = weldr.connect()
    client.send("CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")
    response = client.response()
    is_refused(response, 405, "method_not_allowed")
    assert "GET" in response.get("Allow", "") and "CONNECT" not in response.get("Allow")
    assert response.get("Connection") == "close"
    assert client.is_closed()
    assert origin.seen(method="CONNECT") == []


@pytest.mark.parametrize("target", [
    "/", "/?", "/a?", "/a?b=c&d", "/a//b/../c/./d", "/%41%7e%2f%2F", "/a?b?c??", "/;x=1,2!$&'()*+:@-._~", "/%00",
    "/q?x=http://other.example/&y=[1]", "//double", "/" + "long" * 500,
])
def test_target_passes_byte_for_byte(lab, target):
    """X15: not even a bare `?` is added or lost."""
    weldr, origin = lab.run(o.hello)
    assert weldr.ask(target=target).status == 200
    assert origin.last().target == target


def test_asterisk_target_passes(lab):
    weldr, origin = lab.run(o.method_echo)
    assert weldr.ask("OPTIONS", "*").status == 200
    assert origin.last().target == "*"


@pytest.mark.smoke
def test_http_1_0_client(lab):
    """X07: our own version to the origin; without keep-alive the connection closes after the answer."""
    weldr, origin = lab.run(o.hello)
    client = weldr.connect()
    client.request(version="HTTP/1.0", target="/old")
    response = client.response()
    assert response.body == b"hello" and response.version == "HTTP/1.1"
    assert client.is_closed()
    assert origin.last().version == "HTTP/1.1"
    assert origin.last().all("Via") == ["1.0 weldr"]


def test_http_1_0_client_without_host(lab):
    weldr, origin = lab.run(o.hello)
    client = weldr.connect()
    client.send("GET /no-host HTTP/1.0\r\n\r\n")
    assert client.response().status == 200
    assert origin.last().version == "HTTP/1.1"


def test_http_1_0_keep_alive(lab):
    weldr, origin = lab.run(o.hello)
    client = weldr.connect()
    for _ in range(3):
        client.request(version="HTTP/1.0", fields=[("Connection", "keep-alive")])
        response = client.response()
        assert response.body == b"hello"
        assert response.get("Connection", "").lower() == "keep-alive"
    assert len(origin.seen()) == 3


def test_http_1_0_client_gets_no_chunks(lab):
    weldr, _ = lab.run(o.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
    client = weldr.connect()
    client.request(version="HTTP/1.0")
    response = client.head()
    assert not response.has("Transfer-Encoding")
    assert client.to_close() == b"hello"


# ---- keep-alive and pipelining

@pytest.mark.smoke
def test_keep_alive_both_sides(lab):
    """X23: 200 requests, one client connection, one origin connection."""
    weldr, origin = lab.run(o.hello)
    client = weldr.connect()
    for _ in range(200):
        assert client.ask().body == b"hello"
    assert origin.accepted == 1


def test_origin_connections_are_shared_by_clients(lab):
    weldr, origin = lab.run(o.hello)
    for _ in range(30):
        assert weldr.ask().status == 200
    assert origin.accepted == 1


def test_connection_close_is_honoured(lab):
    weldr, origin = lab.run(o.hello)
    client = weldr.connect()
    response = client.ask(fields=[("Connection", "close")])
    assert response.body == b"hello" and response.get("Connection", "").lower() == "close"
    assert client.is_closed()
    assert weldr.ask().status == 200
    assert origin.accepted == 1, "the client's close must not end the origin connection"


def test_last_answer_is_whole_whatever_follows_the_request(lab):
    """What the client sends behind its last request is not read, so the kernel resets the connection in the end: only
    behind answer and FIN."""
    weldr, _ = lab.run(o.answer(body=b"y" * 3000))
    for _ in range(20):
        with Client(weldr.address) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + b"x" * 30000)
            response = client.response()
            assert (response.status, len(response.body)) == (200, 3000)


def test_origin_close_does_not_end_the_client(lab):
    weldr, origin = lab.run(o.answer(fields=[("Connection", "close")]))
    client = weldr.connect()
    for _ in range(3):
        response = client.ask()
        assert response.body == b"hello" and response.get("Connection", "").lower() != "close"


def test_client_half_close_still_gets_its_answer(lab):
    weldr, _ = lab.run(o.hello)
    client = weldr.connect().request().finish()
    assert client.response().body == b"hello"


@pytest.mark.smoke
def test_pipelining_16_deep_in_order(lab):
    """X22: answers in the order of the requests, whatever the servers' speed."""
    slow = o.pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"slow"], gap_s=0.05)
    weldr, *_ = lab.run(slow, o.named("fast"), workers=1)
    client = weldr.connect()
    batch = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(16))
    client.send(batch)
    bodies = [client.response().body for _ in range(16)]
    assert sorted(bodies) == [b"fast"] * 8 + [b"slow"] * 8
    assert client.buffer == b""


def test_pipelined_answers_match_their_requests(lab):
    def target_echo(lane, seen):
        body = seen.target.encode()
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + (b"" if seen.method == "HEAD" else body))
    weldr, *_ = lab.run(target_echo, target_echo)
    client = weldr.connect()
    methods = ["GET", "HEAD", "GET", "GET", "HEAD"] * 20
    client.send("".join(f"{m} /n{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n, m in enumerate(methods)))
    for number, method in enumerate(methods):
        response = client.response(method)
        assert response.body == (b"" if method == "HEAD" else b"/n%d" % number)


def test_pipelined_bodies(lab):
    weldr, origin = lab.run(o.echo)
    client = weldr.connect()
    one = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none"
    two = b"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
    client.send(one + two + b"GET /3 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert [client.response().body for _ in range(3)] == [b"one", b"two", b""]
    assert [s.target for s in origin.seen()] == ["/1", "/2", "/3"]


def test_pipelined_byte_by_byte(lab):
    weldr, _ = lab.run(o.echo)
    client = weldr.connect()
    for byte in b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\noneGET /2 HTTP/1.1\r\nHost: a\r\n\r\n":
        client.send(bytes([byte]))
    assert [client.response().body for _ in range(2)] == [b"one", b""]


def test_pipelined_requests_with_empty_pool(weldr):
    """Every request has its answer, the connection stays."""
    client = weldr.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 16)
    for _ in range(16):
        is_refused(client.response(), 503, "no_server")
    assert client.ask().status == 503


def test_nodelay_on_both_sides(lab):
    """M13: no Nagle on client and origin sockets of the worker."""
    weldr, _ = lab.run(o.hello)
    client = weldr.connect()
    client.ask()
    pid = weldr.worker_pids()[0]
    connected = connected_sockets(pid)
    assert len(connected) == 2
    for sock in connected:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1, sock
        sock.close()


def connected_sockets(pid):
    """Copies of the connected TCP sockets of another process."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                continue
        except OSError:
            continue
        copy = libc.syscall(SYS_PIDFD_GETFD, pidfd, int(name), 0)
        assert copy >= 0, os.strerror(ctypes.get_errno())
        sock = socket.socket(fileno=copy)
        try:
            sock.getpeername()
            is_tcp = sock.family in (socket.AF_INET, socket.AF_INET6)
        except OSError:
            is_tcp = False
        found.append(sock) if is_tcp else sock.close()
    os.close(pidfd)
    return found


# ---- balancing

@pytest.mark.smoke
def test_two_equal_servers_alternate_strictly(lab):
    """Q01."""
    weldr, *_ = lab.run(o.named("a"), o.named("b"))
    client = weldr.connect()
    names = "".join(client.ask().text for _ in range(40))
    assert names in ("ab" * 20, "ba" * 20)


def test_alternation_across_connections(lab):
    weldr, *_ = lab.run(o.named("a"), o.named("b"))
    names = "".join(weldr.ask().text for _ in range(20))
    assert names in ("ab" * 10, "ba" * 10)


def test_three_servers_take_turns(lab):
    weldr, *_ = lab.run(o.named("a"), o.named("b"), o.named("c"))
    client = weldr.connect()
    names = "".join(client.ask().text for _ in range(30))
    assert names[:3] * 10 == names and set(names) == set("abc")


def test_weights_share_the_requests(lab):
    weldr = lab.weldr()
    weldr.add(lab.origin(o.named("a")), weight=3)
    weldr.add(lab.origin(o.named("b")), weight=1)
    client = weldr.connect()
    names = "".join(client.ask().text for _ in range(80))
    assert Counter(names) == {"a": 60, "b": 20}
    assert "bb" not in names, "a smooth share, not bursts"


def test_weight_zero_gets_nothing(lab):
    weldr = lab.weldr()
    resting = lab.origin(o.named("a"))
    weldr.add(resting, weight=0)
    weldr.add(lab.origin(o.named("b")), weight=256)
    assert {weldr.ask().text for _ in range(20)} == {"b"}
    assert resting.seen() == []


def test_weight_changes_at_run_time(lab):
    """P06: blue/green by weights: one call moves the share."""
    weldr = lab.weldr()
    blue, green = lab.origin(o.named("b")), lab.origin(o.named("g"))
    weldr.add(blue)
    weldr.add(green, weight=0)
    client = weldr.connect()
    assert {client.ask().text for _ in range(10)} == {"b"}
    assert weldr.api("PATCH", green.path, {"weight": 1}).status == 200
    assert weldr.api("PATCH", blue.path, {"weight": 0}).status == 200
    assert {client.ask().text for _ in range(10)} == {"g"}


def test_workers_start_at_different_offsets(lab):
    """The first request of each of two workers goes to a different server."""
    weldr, *_ = lab.run(o.named("a"), o.named("b"), workers=2)
    firsts = {}
    for _ in range(200):
        before = {w["id"]: w["connections"] for w in weldr.workers()}
        client = weldr.connect().send("GET / HT")
        owner = wait_until(lambda b=before: new_owner(weldr, b), 5, "a worker took the connection")
        if owner not in firsts:
            firsts[owner] = client.send("TP/1.1\r\nHost: a\r\n\r\n").response().text
        if len(firsts) == 2:
            break
    assert sorted(firsts.values()) == ["a", "b"]


def new_owner(weldr, before):
    for worker in weldr.workers():
        if worker["connections"] > before[worker["id"]]:
            return str(worker["id"])
    return None


# ---- failures of clients

@pytest.mark.parametrize("data", [
    b"garbage\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nbad name: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
], ids=["garbage", "no-host", "two-hosts", "space-colon", "bad-name", "folded", "nul", "two-lengths", "bad-length",
        "negative-length", "length-and-chunked", "space-in-target"])
def test_bad_request_is_400_and_closes(lab, data):
    """X06 and the first smuggling rules: refused with an answer, then closed; the origin sees nothing."""
    weldr, origin = lab.run(o.hello)
    client = weldr.connect().send(data)
    response = client.response()
    is_refused(response, 400, "bad_request")
    client.buffer = b""
    assert client.is_closed()
    assert origin.seen() == []


def test_bad_chunk_in_request(lab):
    """The request has begun, so the origin may have seen its head; the client gets an answer or a close, no 200."""
    weldr, _ = lab.run(o.echo)
    client = weldr.connect()
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")
    assert client.response().status == 400
    assert client.is_closed()


def test_huge_head_is_refused(lab):
    weldr, origin = lab.run(o.hello)
    client = weldr.connect()
    try:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 1_000_000 + b"\r\n\r\n")
    except ConnectionError:
        pass
    assert client.head().status in (400, 431)
    assert origin.seen() == []


def test_unknown_version_and_coding_are_refused(lab):
    weldr, origin = lab.run(o.hello)
    client = weldr.connect().send(b"GET / HTTP/2.0\r\nHost: a\r\n\r\n")
    assert client.response().status == 505
    client = weldr.connect().send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n")
    assert client.response().status in (400, 501)
    assert origin.seen() == []


def test_good_request_before_a_bad_one_is_answered(lab):
    weldr, _ = lab.run(o.hello)
    client = weldr.connect().send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\ngarbage\r\n\r\n")
    assert client.response().status == 200
    assert client.response().status == 400


def test_client_that_leaves_in_mid_request(lab):
    weldr, _ = lab.run(o.echo)
    for data in (b"GE", b"GET / HTTP/1.1\r\nHos", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"):
        weldr.connect().send(data).close()
        weldr.connect().send(data).reset()
    assert weldr.ask().status == 200


# ---- kinds of origins

def test_origin_on_ipv6(lab):
    weldr = lab.weldr()
    origin = lab.origin(o.named("six"), host="::1")
    weldr.add(origin)
    assert weldr.ask().text == "six"


def test_origin_that_closes_keep_alive_as_1_0(lab):
    weldr, _ = lab.run(o.raw(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", close=True))
    client = weldr.connect()
    for _ in range(3):
        response = client.ask()
        assert (response.status, response.body, response.version) == (200, b"hello", "HTTP/1.1")


def test_upgrade_is_offered_and_answered_normally(lab):
    weldr, origin = lab.run(o.hello)
    response = weldr.ask(fields=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
    assert response.status == 200
    assert origin.last().get("Upgrade") == "websocket" and origin.last().get("Connection") == "upgrade"
    assert not response.has("Upgrade") and not response.has("Connection")
