"""Nobody keeps the operator out of the management API by connecting: places are given to whoever asks."""

import contextlib
import socket
import threading
import time

import origins as o
import pytest
from rawhttp import Client, wait_until

CROWD = 1024
OUTSIDE = "10.77.0.1"
TOKEN = {"Authorization": "Bearer secret"}


def join(weldr, n, first=b"G", make_socket=None):
    """n connections that have sent no more than this."""
    crowd = []
    for _ in range(n):
        peer = make_socket() if make_socket else socket.socket()
        peer.settimeout(5)
        peer.connect(weldr.admin)
        peer.sendall(first)
        crowd.append(peer)
    return crowd


def leave(crowd):
    for peer in crowd:
        peer.close()


def connections(weldr):
    """Of the API: those that Weldr has not closed, whether the client has or not."""
    with open(f"/proc/{weldr.pid}/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file][1:]
    return sum(int(row[1].split(":")[1], 16) == weldr.admin[1] and row[3] in ("01", "08") for row in rows)


def answers_at_once(weldr, **more):
    def ask(path):
        started = time.monotonic()
        assert weldr.api("GET", path, **more).status == 200
        return time.monotonic() - started
    return max(ask("/health"), ask("/servers")) < 4.8  # a place that is not given is waited for for 5 s


@pytest.mark.smoke
@pytest.mark.parametrize("first", [b"G", b"", b"GET /servers HTTP/1.1\r\nHost: localhost\r\n",
                                   b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"],
                         ids=["a byte", "silent", "half a head", "idle"])
def test_a_crowd_on_this_machine_shuts_nobody_out(lab, first):
    weldr = lab.weldr(nofile=4096)
    crowd = join(weldr, CROWD + 100, first)
    assert all(answers_at_once(weldr) for _ in range(20))
    leave(crowd)


@pytest.mark.smoke
def test_strangers_leave_places_to_those_who_are_known(lab):
    namespace = lab.namespace(OUTSIDE)
    weldr = lab.weldr(admin_ip=f"{OUTSIDE}:0", namespace=namespace, env={"WELDR_ADMIN_TOKEN": "secret"}, nofile=4096)
    known = [Client(weldr.admin, make_socket=namespace.socket) for _ in range(3)]
    for one in known:
        assert one.ask(target="/servers", fields=list(TOKEN.items())).status == 200
    crowd = join(weldr, CROWD + 100, make_socket=lambda: namespace.socket(socket.AF_INET))
    assert all(answers_at_once(weldr, headers=TOKEN) for _ in range(20))
    for one in known:
        assert one.ask(target="/servers", fields=list(TOKEN.items())).status == 200, "it kept its place"
        one.close()
    leave(crowd)


@pytest.mark.smoke
def test_a_crowd_that_comes_again_and_again(lab):
    weldr = lab.weldr(nofile=4096)
    stop = threading.Event()

    def attack():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                leave(join(weldr, 200))

    attackers = [threading.Thread(target=attack) for _ in range(2)]
    for attacker in attackers:
        attacker.start()
    try:
        assert all(answers_at_once(weldr) for _ in range(30))
    finally:
        stop.set()
        for attacker in attackers:
            attacker.join()


def test_half_a_head_has_five_seconds(lab):
    weldr = lab.weldr()
    started = time.monotonic()
    fresh, = join(weldr, 1, b"GET / HT")
    idle, = join(weldr, 1, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"200 OK" in idle.recv(4096)
    idle.sendall(b"GET")
    for peer in (fresh, idle):
        peer.settimeout(15)
        assert peer.recv(100) == b""
        assert 4.9 < time.monotonic() - started
        peer.close()


def test_whoever_waits_for_a_server_to_drain_and_leaves_frees_its_place(lab):
    """Not after the time that it wanted to wait, but at once; whoever stays gets its answer."""
    weldr, origin = lab.run(o.stall)
    with weldr.connect() as client:
        client.request()
        wait_until(lambda: weldr.stats()["in_flight"] == 1, 5, "the request is in flight")
        wait_until(lambda: connections(weldr) == 0, 5, "nobody else asks")
        waiting = [Client(weldr.admin) for _ in range(5)]
        for one in waiting:
            one.send(b"POST %s/drain?wait=drained&timeout=60s HTTP/1.1\r\nHost: localhost\r\n\r\n" % origin.path.encode())
        wait_until(lambda: connections(weldr) == 5, 5, "all wait")
        weldr.wait_log(msg="server is draining")
        for one in waiting[2:]:
            one.close()
        waiting[1].reset()
        wait_until(lambda: connections(weldr) == 1, 5, "those that left are gone")
        client.reset()
    assert waiting[0].response().status == 200
    waiting[0].close()
