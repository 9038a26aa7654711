"""What connections cost, and that nothing grows."""

import resource
import socket
import time

import pytest

import origins as o
from rawhttp import Client, wait_until
from weldr import IS_ASAN, rss_bytes, session_members

CONNECTIONS = 2000 if IS_ASAN else 10000


@pytest.fixture
def many_descriptors():
    """Room for all client sockets in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(hard, CONNECTIONS + 4096)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    yield wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, wanted))


def read_answer(sock):
    """One small answer, in however many pieces it comes."""
    data = b""
    while not data.endswith(b"\r\n\r\nhello"):
        piece = sock.recv(4096)
        assert piece, data
        data += piece
    return data


@pytest.mark.smoke
@pytest.mark.slow
def test_ten_thousand_idle_connections(lab, many_descriptors):
    """Must hold 6: under 500 bytes of worker RSS each; all still answer; all are gone when they leave."""
    weldr = lab.weldr(workers=1, nofile=many_descriptors)
    weldr.add(lab.origin())
    pid = weldr.worker_pids()[0]
    for _ in range(20):
        weldr.ask()
    before = rss_bytes(pid)
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    socks = []
    for number in range(CONNECTIONS):
        sock = socket.socket()
        sock.bind((f"127.0.0.{2 + number % 8}", 0))
        sock.connect(weldr.address)
        sock.settimeout(20)
        sock.sendall(request)
        socks.append(sock)
        if number % 100 == 99:
            for waiting in socks[-100:]:
                assert read_answer(waiting).endswith(b"hello")
    wait_until(lambda: weldr.workers()[0]["connections"] == CONNECTIONS, 10, f"{CONNECTIONS} connections")
    each = (rss_bytes(pid) - before) / CONNECTIONS
    if not IS_ASAN:
        assert each < 500, f"{each} bytes a connection"
    for sock in socks[::97]:
        sock.sendall(request)
        assert read_answer(sock).endswith(b"hello")
    for sock in socks:
        sock.close()
    wait_until(lambda: weldr.workers()[0]["connections"] == 0, 20, "all gone")


@pytest.mark.smoke
@pytest.mark.slow
def test_memory_comes_back_after_a_burst(lab, many_descriptors):
    """Thousands of connections, each with half a large head or with a request in flight: when they have gone, so has
    what they took, but for a small reserve. One connection lives on through it, as in real life."""
    weldr = lab.weldr(workers=1, nofile=many_descriptors, env={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    weldr.patch_node({"limits": {"queue_bytes": 1 << 30}})  # whose default would turn some away
    weldr.add(lab.origin(o.by_target({"/stall": o.stall}, o.hello)))
    pid = weldr.worker_pids()[0]
    keeper = weldr.connect()
    for _ in range(20):
        assert keeper.ask().status == 200
    before = rss_bytes(pid)
    half = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"c" * 9000
    whole = b"GET /stall HTTP/1.1\r\nHost: a\r\nCookie: " + b"c" * 9000 + b"\r\n\r\n"
    for _ in range(2):
        clients = []
        for number in range(CONNECTIONS // 2):
            client = weldr.connect(source=f"127.0.0.{2 + number % 8}")
            clients.append(client.send(whole if number % 25 == 0 else half))
        wait_until(lambda: weldr.workers()[0]["connections"] > CONNECTIONS // 2, 20, "all are there")
        wait_until(lambda: weldr.workers()[0]["in_flight"] == CONNECTIONS // 50, 20, "all that asked are served")
        peak = rss_bytes(pid)
        assert peak - before > CONNECTIONS // 2 * 9000, "it was a burst"
        for client in clients:
            client.reset()
            weldr.clients.remove(client)
        wait_until(lambda: weldr.workers()[0]["connections"] == 1, 20, "all gone")
        if not IS_ASAN:  # whose allocator gives nothing back
            wait_until(lambda: rss_bytes(pid) - before < 4 << 20, 30,
                       f"back to {before >> 10} KiB; the peak was {peak >> 10} KiB")
        assert keeper.ask().status == 200


def test_requests_leave_no_memory_behind(lab):
    """No malloc per request after warm-up: the size after 1000 requests is the size after 6000."""
    weldr, _ = lab.run(o.hello)

    def burst(count):
        with Client(weldr.address) as client:
            for _ in range(count // 50):
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Some: field\r\n\r\n" * 50)
                for _ in range(50):
                    assert client.response().status == 200
    burst(1000)
    pid = weldr.worker_pids()[0]
    before = rss_bytes(pid)
    burst(5000)
    assert rss_bytes(pid) - before < (4 << 20 if IS_ASAN else 256 << 10)


def test_connections_leave_no_memory_behind(lab):
    weldr, _ = lab.run(o.answer(fields=[("Connection", "close")]))

    def burst(count):
        for _ in range(count):
            with Client(weldr.address) as client:
                assert client.ask(fields=[("Connection", "close")]).status == 200
    burst(200)
    pid = weldr.worker_pids()[0]
    before = rss_bytes(pid)
    burst(800)
    assert rss_bytes(pid) - before < (8 << 20 if IS_ASAN else 256 << 10)


def events_bytes(weldr, since):
    total = 0
    while True:
        page = weldr.api("GET", f"/events?since={since}&limit=1000")
        if not page.json["events"]:
            return total
        total += len(page.data)
        since = page.json["next"]


def test_pool_changes_leave_no_memory_behind(lab):
    weldr = lab.weldr(env={"ASAN_OPTIONS": "quarantine_size_mb=1"})

    def burst(count):
        for _ in range(count):
            weldr.add("http://127.0.0.1:12345", meta={"a": "b" * 200})
            assert weldr.api("DELETE", "/servers/127.0.0.1/12345").status == 200
    burst(100)
    last = weldr.api("GET", "/events").json["next"]
    before = {pid: rss_bytes(pid) for pid in session_members(weldr.pid)}
    burst(400)
    told = events_bytes(weldr, last)
    for pid, start in before.items():
        kept = told if pid == weldr.pid else 0  # until newer ones take their place
        assert rss_bytes(pid) - start < (12 << 20 if IS_ASAN else 512 << 10) + kept


@pytest.mark.slow
def test_many_connections_at_once(lab):
    """A burst far above the worker's pace is queued, not refused."""
    weldr, _ = lab.run(o.hello, workers=2)
    clients = [weldr.connect() for _ in range(500)]
    for client in clients:
        client.request()
    for client in clients:
        assert client.response().body == b"hello"
    start = time.monotonic()
    for client in clients:
        client.reset()
    wait_until(lambda: sum(w["connections"] for w in weldr.workers()) == 0, 10, "all gone")
    assert time.monotonic() - start < 10
