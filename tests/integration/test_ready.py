"""How weldr itself leaves: /ready turns first, then it drains, and idle clients go one by one."""

import select
import signal
import socket
import time

import pytest

import origins as o
from rawhttp import Client, Closed, wait_until
from weldr import borrow_sockets


def ready(weldr):
    return weldr.api("GET", "/ready").status


@pytest.mark.smoke
def test_ready_turns_first(lab):
    weldr, _ = lab.run(o.hello)
    assert ready(weldr) == 200 and weldr.api("GET", "/ready").json["status"] == "ready"
    assert weldr.api("HEAD", "/ready").status == 200


def test_ready_delay(lab):
    """It lasts as long as was said, and then Weldr drains and ends."""
    weldr = lab.weldr("--ready-delay", "700ms", drain_timeout="5")
    weldr.add(lab.origin())
    client = weldr.connect()
    client.ask()
    start = time.monotonic()
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(15) == 0
    assert time.monotonic() - start >= 0.699, "its clock has milliseconds"


def test_all_is_served_during_the_ready_delay(lab):
    """/ready is 503 for a while, in which everything is still served."""
    weldr = lab.weldr("--ready-delay", "60s", drain_timeout="5")
    weldr.add(lab.origin())
    client = weldr.connect()
    client.ask()
    weldr.signal(signal.SIGTERM)
    wait_until(lambda: ready(weldr) == 503, 5, "/ready is 503")
    assert weldr.api("GET", "/health").status == 200
    assert weldr.ask().status == 200
    response = client.ask()
    assert response.status == 200 and response.get("Connection", "").lower() != "close"
    assert weldr.process.poll() is None
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(30) == 1
    weldr.stop(exit_code=None)


def defers(weldr):
    """For each listener of the proxy: is a client accepted only when it has spoken?"""
    return [sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT) > 0
            for pid in weldr.worker_pids() for sock in borrow_sockets(pid)
            if sock.family != socket.AF_UNIX and sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]


def test_who_connects_before_the_end_need_not_speak(lab):
    """Whom the kernel keeps until it speaks is reset when the listeners close; there is time to accept such ones before."""
    weldr = lab.weldr("--ready-delay", "60s", workers=2)
    assert defers(weldr) == [True, True]
    weldr.signal(signal.SIGTERM)
    wait_until(lambda: ready(weldr) == 503, 5, "/ready is 503")
    assert defers(weldr) == [False, False]
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(30) == 1
    weldr.stop(exit_code=None)


def test_second_signal_during_the_ready_delay(lab):
    weldr = lab.weldr("--ready-delay", "60s")
    weldr.signal(signal.SIGTERM)
    wait_until(lambda: ready(weldr) == 503, 5, "/ready is 503")
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(30) == 1
    weldr.stop(exit_code=None)


def test_ready_while_draining(lab):
    gate = o.Gate()
    weldr, _ = lab.run(gate, drain_timeout="20")
    client = weldr.connect().request()
    wait_until(lambda: gate.entered == 1, 5, "in flight")
    with Client(weldr.admin) as asking:
        assert asking.ask(target="/ready").status == 200
        weldr.signal(signal.SIGTERM)
        wait_until(lambda: asking.ask(target="/ready").status == 503, 5, "/ready is 503")
    wait_until(lambda: weldr.lines(msg="draining"), 5, "the worker has heard of it too")
    gate.open()
    assert client.response().get("Connection", "").lower() == "close"
    assert weldr.wait_exit(15) == 0


def test_idle_clients_go_one_by_one(lab):
    """Within a second, not all at once, each without a reset; who asks before is served and told to close."""
    weldr, _ = lab.run(o.hello, drain_timeout="20")
    clients = [weldr.connect() for _ in range(60)]
    for client in clients:
        client.ask()
    still_open = {client.sock: client for client in clients}
    start = time.monotonic()
    weldr.signal(signal.SIGTERM)
    closed_at, told = [], 0
    while still_open and time.monotonic() - start < 5:
        for sock in select.select(list(still_open), [], [], 0.5)[0]:
            assert sock.recv(1) == b"", "without a reset"
            closed_at.append(time.monotonic() - start)
            del still_open[sock]
        if closed_at and still_open and told < 5:
            client = still_open.popitem()[1]
            try:
                told += client.ask().get("Connection", "").lower() == "close"
            except (Closed, OSError):
                pass
            client.close()
    assert not still_open and told >= 1
    assert max(closed_at) - min(closed_at) > 0.3 and max(closed_at) < 3
    for client in clients:
        client.close()
    assert weldr.wait_exit(10) == 0
