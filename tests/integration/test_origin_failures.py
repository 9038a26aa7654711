"""Every way an origin can fail, and what becomes of the request."""

import socket
import threading
import time
from collections import Counter

import pytest

import origins as o
from failures import is_refused
from rawhttp import Client, Closed, wait_until

pytestmark = pytest.mark.tls  # with TLS on both sides, too


def set_timeouts(weldr, **timeouts):
    weldr.set_timeouts(**timeouts)


@pytest.mark.smoke
def test_empty_pool_is_503_and_the_connection_stays(weldr):
    """Q03, X19."""
    client = weldr.connect()
    for _ in range(3):
        is_refused(client.ask(), 503, "no_server")
    head = client.ask("HEAD")
    assert (head.status, head.body) == (503, b"")
    assert client.ask("POST", fields=[("Content-Length", "4")], body=b"body").status == 503


@pytest.mark.smoke
def test_refused_connect_is_502(lab):
    weldr = lab.weldr()
    weldr.add(lab.dead_origin())
    client = weldr.connect()
    for _ in range(3):
        is_refused(client.ask(), 502, "connect_refused")


def test_refused_connect_is_tried_once_elsewhere(lab):
    """D6: one retry on another server: no client sees the dead one."""
    weldr = lab.weldr()
    good = lab.origin(o.named("good"))
    weldr.add(lab.dead_origin())
    weldr.add(good)
    client = weldr.connect()
    for _ in range(20):
        assert client.ask().text == "good"
    response = client.ask("POST", fields=[("Content-Length", "4")], body=b"body")
    assert response.text == "good", "nothing was sent, so even a POST may go elsewhere"
    assert good.last().body == b"body"


def test_connect_timeout_is_504(lab):
    """An origin that takes no connection: its accept queue is full."""
    full = lab.origin(listen=False)
    full.listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", full.port))
        fillers.append(filler)
    weldr = lab.weldr()
    set_timeouts(weldr, connect_ms=300)
    weldr.add(full.url)
    is_refused(weldr.ask(), 504, "connect_timeout")
    for filler in fillers:
        filler.close()


def test_reset_after_accept_is_502(lab):
    """With TLS the reset may come in the handshake, too."""
    weldr = lab.weldr()
    words = ["origin_reset", "connect_refused", "connect_failed"] + (["origin_tls_failed"] if lab.of_servers else [])
    weldr.add(lab.origin(greet=o.reset))
    client = weldr.connect()
    for _ in range(3):
        response = client.ask()
        assert response.status == 502 and response.get("Weldr-Error") in words, response


@pytest.mark.parametrize("behave", [o.reset, o.close_silently], ids=["reset", "close"])
def test_origin_that_dies_before_its_answer_is_502(lab, behave):
    """Never a bare close before an answer; a GET is tried twice, a POST once."""
    weldr, origin = lab.run(behave)
    client = weldr.connect()
    is_refused(client.ask(), 502, "origin_reset")
    assert len(origin.seen(method="GET")) == 2
    is_refused(client.ask("POST", fields=[("Content-Length", "4")], body=b"body"), 502, "origin_reset")
    assert len(origin.seen(method="POST")) == 1


@pytest.mark.parametrize("data", [
    b"garbage\r\n\r\n", b"HTTP/1.1 OK\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n", b"\x16\x03\x01\x00\x00\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nbad name: x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 400000 + b"\r\nContent-Length: 0\r\n\r\n",
], ids=["no-http", "no-status", "bad-status", "tls", "two-lengths", "negative-length", "bad-name", "huge-head"])
def test_garbage_answer_is_502(lab, data):
    weldr, _ = lab.run(o.raw(data, close=True))
    client = weldr.connect()
    is_refused(client.ask(), 502, "origin_bad_answer")
    is_refused(client.ask(), 502, "origin_bad_answer")


@pytest.mark.smoke
def test_stalled_head_is_504(lab):
    weldr, origin = lab.run(o.stall)
    set_timeouts(weldr, response_head_ms=300)
    client = weldr.connect()
    is_refused(client.ask(), 504, "origin_timeout")
    wait_until(lambda: origin.open_lanes == 0, 5, "the stalled origin connection is closed")
    is_refused(client.ask(), 504, "origin_timeout")


def test_half_a_head_is_504(lab):
    weldr, _ = lab.run(o.pieces([b"HTTP/1.1 200 OK\r\nContent-"], gap_s=5))
    set_timeouts(weldr, response_head_ms=300)
    is_refused(weldr.ask(), 504, "origin_timeout")


def test_stalled_body_ends_by_idle_timeout(lab):
    """The head is out, so the end can only be a cut: not a whole message, not for ever."""
    weldr, _ = lab.run(o.stall_in_body)
    set_timeouts(weldr, idle_ms=400)
    client = weldr.connect().request()
    response = client.head()
    assert response.status == 200
    with pytest.raises(Closed):
        client.body(response)


@pytest.mark.parametrize("behave", [o.truncated, o.reset_in_body, o.truncated_chunks],
                         ids=["truncated", "reset", "chunks"])
def test_cut_body_is_cut_for_the_client_too(lab, behave):
    """What was not whole must not look whole."""
    weldr, _ = lab.run(behave)
    client = weldr.connect().request()
    response = client.head()
    assert response.status == 200
    with pytest.raises(Closed):
        client.body(response)
    assert weldr.connect().request().head().status == 200, "the worker lives on"


def test_origin_that_closes_after_n_requests(lab):
    """A reused idle connection that closes under us: a bodyless idempotent request is tried again."""
    weldr, origin = lab.run(o.closes_after(3))
    client = weldr.connect()
    for number in range(20):
        response = client.ask(target=f"/{number}")
        assert (response.status, response.body) == (200, b"hello"), number
    assert origin.accepted > 3


def test_idle_connection_that_hung_up_is_not_used(lab):
    weldr, origin = lab.run(o.hangs_up_after_answer)
    client = weldr.connect()
    for number in range(20):
        assert client.ask(target=f"/{number}").status == 200
    assert origin.accepted == 20


def test_post_is_never_sent_twice(lab):
    """A POST that may have been acted upon is not repeated; a PUT is, with its body."""
    weldr, origin = lab.run(o.in_turn(o.hello, o.close_silently, o.close_silently, o.echo))
    client = weldr.connect()
    assert client.ask().status == 200
    response = client.ask("POST", "/once", fields=[("Content-Length", "4")], body=b"body")
    is_refused(response, 502, "origin_reset")
    assert len(origin.seen("/once")) == 1
    response = client.ask("PUT", "/twice", fields=[("Content-Length", "4")], body=b"body")
    assert (response.status, response.body, len(origin.seen("/twice"))) == (200, b"body", 2)


def test_post_after_a_sudden_close_is_not_lost(lab):
    """An origin that has ended a connection without a word gets no POST on an idle one."""
    weldr, origin = lab.run(o.closes_after(3))
    client = weldr.connect()
    for _ in range(4):
        assert client.ask().status == 200
    assert origin.accepted == 2, "the first connection has ended under the fourth request"
    for number in range(40):
        method = "POST" if number % 4 == 3 else "GET"
        body = b"body" if method == "POST" else b""
        fields = [("Content-Length", "4")] if body else []
        assert client.ask(method, fields=fields, body=body).status == 200, number
    assert len(origin.seen(method="POST")) == 10


def test_posts_after_a_sudden_close_leave_no_heap_of_idle_connections(lab):
    """Each has a new one, and the one that has been idle for longest goes."""
    weldr, origin = lab.run(o.closes_after(3))
    client = weldr.connect()
    for _ in range(4):
        assert client.ask().status == 200
    for number in range(40):
        assert client.ask("POST", fields=[("Content-Length", "4")], body=b"body").status == 200, number
    assert origin.accepted == 42
    wait_until(lambda: weldr.stats()["connections"]["server_idle"] <= 2, 5, "two are idle at most")
    wait_until(lambda: origin.open_lanes <= 2, 5, "two are open at most")


def test_unasked_bytes_from_an_idle_origin_are_dropped(lab):
    """Bytes after an answer are never the answer to the next request."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    weldr, _ = lab.run(o.raw(evil))
    client = weldr.connect()
    for _ in range(5):
        response = client.ask()
        assert (response.status, response.body) in ((200, b"hello"), (502, response.body)), response
        assert response.body != b"evil"


def test_client_that_leaves_frees_the_origin(lab):
    """A client that goes away while the origin works: the origin connection is closed, not leaked."""
    weldr, origin = lab.run(o.stall)
    for number in range(1, 9):
        client = weldr.connect().request()
        wait_until(lambda n=number: len(origin.seen()) == n, 5, "the origin has the request", step_s=0.001)
        time.sleep(0.01 * number)
        client.reset()
        wait_until(lambda: origin.open_lanes == 0, 5, f"the origin connection of client {number} is closed")


def test_idle_origin_connection_is_closed_after_the_idle_timeout(lab):
    weldr, origin = lab.run(o.hello)
    set_timeouts(weldr, idle_ms=400)
    client = weldr.connect()
    assert client.ask().status == 200
    wait_until(lambda: origin.open_lanes == 0, 5, "the idle origin connection is closed")
    assert client.ask().status == 200
    assert origin.accepted == 2


def test_many_failures_leave_the_worker_clean(lab):
    """All the misbehaviours at once, from many clients: the fixture's end looks for leaks."""
    behaviours = [o.reset, o.close_silently, o.truncated, o.reset_in_body, o.raw(b"garbage\r\n\r\n"), o.hello,
                  o.truncated_chunks, o.early_answer, o.closes_after(2), o.until_close(b"body")]
    weldr, *_ = lab.run(*behaviours, workers=2)
    outcomes = Counter()
    lock = threading.Lock()

    def load():
        for _ in range(40):
            with Client(weldr.address) as client:
                try:
                    outcome = client.ask().status
                except Closed:
                    outcome = "cut"
                with lock:
                    outcomes[outcome] += 1
    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(outcomes.values()) == 320
    assert set(outcomes) == {200, 413, 502, "cut"}, outcomes
