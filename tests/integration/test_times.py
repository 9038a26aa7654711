"""Who is waited for, and for how long: further attempts, peers that take little by little, clients that leave."""

import socket
import threading
import time

import pytest

import origins as o
from rawhttp import Closed, wait_until
from weldr import sockets_of

pytestmark = pytest.mark.tls  # with TLS on both sides, too
LARGE = b"x" * 12_000_000  # far more than the kernel keeps for a peer that takes nothing


def set_timeouts(weldr, **timeouts):
    weldr.set_timeouts(**timeouts)


def sockets(weldr):
    return sum(sockets_of(pid) for pid in weldr.worker_pids())


def black_hole(lab, fillers):
    """An origin of which nothing is heard: its accept queue is full, so the kernel drops who knocks."""
    full = lab.origin(listen=False)
    full.listener.listen(0)
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.1", full.port))
        fillers.append(filler)
    return full


# ---- a retry has its own time


@pytest.mark.smoke
@pytest.mark.parametrize("has_waited", [False, True], ids=["fresh-client", "client-that-waited"])
@pytest.mark.parametrize("after_s", [0.05, 0.3], ids=["at-once", "after-a-while"])
def test_retry_ends_within_connect_ms(lab, after_s, has_waited):
    """The first server resets, nothing is heard of the second: 504 when connect_ms is over, whatever was waited for before."""
    fillers, met = [], []

    def reset_late(lane, seen):
        if seen.target == "/":
            return o.hello(lane, seen)
        lane.sock.settimeout(after_s)
        try:
            lane.sock.recv(1)
        except TimeoutError:
            pass
        met.append(time.monotonic())
        return lane.reset()

    weldr, _ = lab.run(reset_late)
    set_timeouts(weldr, connect_ms=2000, response_head_ms=20000)
    clients = [weldr.connect() for _ in range(2)]
    if has_waited:
        assert all(client.ask().status == 200 for client in clients)
    weldr.add(black_hole(lab, fillers).url)
    for client in clients:  # whose turn it is, is not known: one of both meets the black hole second
        answer = client.ask(target="/bad")
        waited_s = time.monotonic() - met[-1]
        if answer.status == 504:
            break
    assert (answer.status, answer.get("Weldr-Error")) == (504, "connect_timeout"), answer
    assert 1.9 < waited_s < 3.9, waited_s  # not less for what was waited before, and not twice
    for filler in fillers:
        filler.close()


@pytest.mark.smoke
def test_one_lost_syn_is_no_failure(lab):
    """The kernel sends a SYN again after 1 s: by default that is waited for."""
    fillers = []
    full = black_hole(lab, fillers)
    weldr = lab.weldr()
    weldr.add(full.url)
    client = weldr.connect().request()
    wait_until(lambda: weldr.servers()[0]["in_flight"] == 1, 5, "connecting")
    full.listen()
    assert client.response().status == 200
    for filler in fillers:
        filler.close()


# ---- who takes nothing is to blame for it


@pytest.mark.smoke
def test_deaf_clients_that_pipeline_blame_no_server(lab):
    """Answers of Weldr's own fill what the kernel takes, and the request behind them is asked of a server that is well."""
    own = b"OPTIONS / HTTP/1.1\r\nHost: h\r\nMax-Forwards: 0\r\n\r\n"
    large, small = (b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n" % target for target in (b"/large", b"/small"))
    weldr, _ = lab.run(o.by_target({"/large": o.answer(body=b"x" * 30000)}, o.hello))
    set_timeouts(weldr, response_head_ms=500, client_write_ms=1500)
    rounds = (large, own * 20 + small, large + small) * 8
    for round_ in rounds:
        client = weldr.connect(receive_bytes=4096)
        client.sock.settimeout(0.1)
        try:
            client.send(round_ * 2000)
        except (TimeoutError, ConnectionError):
            pass  # no more goes in, since nothing comes out
    wait_until(lambda: weldr.stats()["connections"]["client"] == len(rounds), 30, "all are accepted")
    wait_until(lambda: weldr.stats()["connections"]["client_open"] == 0, 30, "all are cut")
    stats = weldr.stats()
    assert (stats["results"]["origin_timeout"], stats["server"]["failed"]) == (0, 0)
    assert stats["results"]["client_write_timeout"] > 0
    assert weldr.servers()[0]["state"] == "active"


# ---- who takes something is never cut

PIECE = {False: 1000, True: 3000}  # of a tenth of a second; a record of TLS is taken whole, and its bytes last for a while


def sip(client, seconds, piece, per_s=10):
    """Takes so much a second for so long; False: it was cut off."""
    end = time.monotonic() + seconds
    turn = time.monotonic()
    while turn < end:
        try:
            if client.fill(piece) == 0:
                return False
        except Closed:
            return False
        turn += 1 / per_s
        time.sleep(max(0, turn - time.monotonic()))  # the pace of a slow reader
    return True


@pytest.mark.smoke
@pytest.mark.parametrize("fields, version", [((), "HTTP/1.1"), ((("Connection", "close"),), "HTTP/1.1"), ((), "HTTP/1.0")],
                         ids=["keep-alive", "close", "1.0"])
def test_slow_reader_is_not_cut(lab, fields, version):
    """10 KB a second is far less than the kernel tells of within client_write_ms; who stops is cut then."""
    weldr, _ = lab.run(o.answer(body=LARGE))
    set_timeouts(weldr, client_write_ms=1500)
    client = weldr.connect(receive_bytes=4096)
    client.request(fields=fields, version=version)
    assert sip(client, 8, PIECE[bool(lab.of_clients)])
    assert weldr.stats()["in_flight"] == 1 and weldr.stats()["results"]["client_write_timeout"] == 0
    wait_until(lambda: weldr.stats()["results"]["client_write_timeout"] == 1, 6, "who stops is cut")
    assert weldr.stats()["server"]["failed"] == 0


@pytest.mark.smoke
def test_slow_server_is_not_cut(lab):
    """The same for what a server takes of an upload, before and after Weldr has handed on all of it."""
    def sipping(lane, seen):
        left = int(seen.get("Content-Length")) - len(lane.buffer)
        turn = time.monotonic()
        end = turn + 6
        while left > 0:
            left -= len(lane.sock.recv(min(left, PIECE[bool(lab.of_servers)] if turn < end else 1 << 20)))
            if turn < end:
                turn += 0.1
                time.sleep(max(0, turn - time.monotonic()))  # the pace of a slow server
        lane.buffer = b""
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    weldr = lab.weldr()
    weldr.add(lab.origin(sipping, receive_bytes=4096))
    set_timeouts(weldr, idle_ms=1500, response_head_ms=1500)
    for length in (12_000_000, 200_000):
        answer = weldr.ask("POST", fields=[("Content-Length", str(length))], body=b"x" * length)
        assert (answer.status, answer.body) == (200, b"ok"), length


# ---- clients that leave


@pytest.mark.smoke
@pytest.mark.parametrize("body", [b"", b"hello", b"he"], ids=["get", "post", "half-a-post"])
def test_reset_while_connecting(lab, body):
    """Nothing is heard of the server, and the client resets: both connections are free at once."""
    fillers = []
    weldr = lab.weldr()
    set_timeouts(weldr, connect_ms=60000)
    weldr.add(black_hole(lab, fillers).url)
    before = sockets(weldr)
    client = weldr.connect()
    client.request(*(("POST",) if body else ()), fields=[("Content-Length", "5")] if body else (), body=body)
    wait_until(lambda: sockets(weldr) == before + 2, 5, "connecting")
    client.reset()
    wait_until(lambda: sockets(weldr) == before, 15, "both are free, long before any time limit")
    stats = weldr.stats()
    assert (stats["in_flight"], stats["results"]["client_abort"], stats["server"]["failed"]) == (0, 1, 0)
    for filler in fillers:
        filler.close()


@pytest.mark.smoke
def test_reset_under_back_pressure(lab):
    """The server takes nothing of an upload, and the client resets: both connections are free at once."""
    def deaf(lane, seen):
        lane.origin.gate.wait(30)

    weldr = lab.weldr()
    origin = lab.origin(deaf, receive_bytes=4096)
    origin.gate = threading.Event()
    weldr.add(origin)
    before = sockets(weldr)
    client = weldr.connect()
    client.request("POST", fields=[("Content-Length", "50000000")])
    client.sock.settimeout(0.5)
    try:
        while True:
            client.sock.send(b"x" * (1 << 20))
    except TimeoutError:
        pass  # nothing more goes in
    assert sockets(weldr) == before + 2
    client.reset()
    wait_until(lambda: sockets(weldr) == before, 15, "both are free, long before any time limit")
    stats = weldr.stats()
    assert (stats["in_flight"], stats["results"]["client_abort"], stats["server"]["failed"]) == (0, 1, 0)
    origin.gate.set()


@pytest.mark.smoke
@pytest.mark.parametrize("is_on", [False, True], ids=["off", "on"])
@pytest.mark.parametrize("has_waited", [False, True], ids=["fresh-client", "client-that-waited"])
def test_fin_while_waiting(lab, is_on, has_waited):
    """client_abort_on_fin: the server's work ends with its connection; else half a close is answered."""
    gate = o.Gate()
    weldr, origin = lab.run(o.by_target({"/slow": gate}, o.hello))
    weldr.patch_listener({"client_abort_on_fin": is_on})
    client = weldr.connect()
    if has_waited:
        assert client.ask().status == 200
    client.request(target="/slow")
    wait_until(lambda: origin.seen("/slow"), 5, "the request")
    client.finish()
    if is_on:
        assert client.to_close() == b""
        wait_until(lambda: weldr.stats()["in_flight"] == 0, 15, "nothing in flight")
        stats = weldr.stats()
        assert (stats["results"]["client_abort"], stats["server"]["failed"]) == (1, 0)
    gate.open()
    if not is_on:
        assert client.response().status == 200
        assert weldr.stats()["results"]["client_abort"] == 0
