"""Endings: of the whole program by signal, and of one server by DELETE."""

import os
import signal
import time

import pytest

import origins as o
from rawhttp import Client, Closed, wait_until
from weldr import is_alive

pytestmark = pytest.mark.tls  # with TLS on both sides, too


def refuses(address):
    try:
        Client(address, deadline_s=2).close()
        return False
    except OSError:
        return True


# ---- the program

@pytest.mark.smoke
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_with_0(lab, number):
    weldr = lab.weldr(workers=2)
    workers = weldr.worker_pids()
    weldr.signal(number)
    assert weldr.wait_exit(10) == 0
    assert not any(is_alive(pid) for pid in workers)


@pytest.mark.smoke
def test_in_flight_finishes(lab):
    """M14: stop accepting, finish what is in flight, exit 0."""
    gate = o.Gate(o.named("finished"))
    weldr, _ = lab.run(gate, workers=2, drain_timeout="20")
    clients = [weldr.connect().request() for _ in range(6)]
    wait_until(lambda: gate.entered == 6, 5, "six in flight")
    weldr.signal(signal.SIGTERM)
    wait_until(lambda: refuses(weldr.address), 5, "new connects are refused")
    assert weldr.process.poll() is None
    gate.open()
    for client in clients:
        response = client.response()
        assert response.text == "finished" and response.get("Connection", "").lower() == "close"
        assert client.is_closed()
    assert weldr.wait_exit(15) == 0


def test_body_in_flight_finishes(lab):
    gate = o.BodyGate()
    weldr, _ = lab.run(gate, drain_timeout="20")
    client = weldr.connect().request()
    response = client.head()
    weldr.signal(signal.SIGTERM)
    wait_until(lambda: refuses(weldr.address), 5, "new connects are refused")
    gate.open()
    assert client.body(response).body == b"first-rest"
    assert weldr.wait_exit(15) == 0


def test_upload_in_flight_finishes(lab):
    weldr, _ = lab.run(o.echo, drain_timeout="20")
    client = weldr.connect().request("POST", fields=[("Content-Length", "8")], body=b"half")
    wait_until(lambda: weldr.servers()[0]["in_flight"] == 1, 5, "in flight")
    weldr.signal(signal.SIGTERM)
    wait_until(lambda: refuses(weldr.address), 5, "new connects are refused")
    client.send(b"half")
    assert client.response().body == b"halfhalf"
    assert weldr.wait_exit(15) == 0


def test_idle_connections_do_not_hold_the_end(lab):
    weldr, _ = lab.run(o.hello, workers=2, drain_timeout="20")
    clients = [weldr.connect() for _ in range(20)]
    for client in clients:
        client.ask()
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(15) == 0, "not after the limit of the drain"
    for client in clients:
        assert client.is_closed(2)


@pytest.mark.in_clear("of the management API alone")
def test_idle_api_connections_do_not_hold_the_end(lab):
    weldr = lab.weldr(drain_timeout="20")
    client = Client(weldr.admin)
    client.ask(target="/servers")
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(15) == 0, "not after the limit of the drain"
    client.close()


@pytest.mark.smoke
def test_drain_timeout_limits_the_wait(lab):
    weldr, origin = lab.run(o.stall, drain_timeout="1")
    client = weldr.connect().request()
    wait_until(origin.seen, 5, "in flight")
    start = time.monotonic()
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(10) == 0
    assert 0.7 < time.monotonic() - start
    with pytest.raises((Closed, AssertionError)):
        assert client.response().status < 500


@pytest.mark.smoke
def test_second_signal_ends_at_once(lab):
    weldr, origin = lab.run(o.stall, workers=2, drain_timeout="60")
    weldr.connect().request()
    wait_until(origin.seen, 5, "in flight")
    workers = weldr.worker_pids()
    weldr.signal(signal.SIGTERM)
    wait_until(lambda: refuses(weldr.address), 5, "draining")
    weldr.signal(signal.SIGTERM)
    weldr.wait_exit(30)
    wait_until(lambda: not any(is_alive(pid) for pid in workers), 15, "no worker left")
    weldr.stop(exit_code=None)


def test_second_signal_of_the_other_kind(lab):
    weldr, origin = lab.run(o.stall, drain_timeout="60")
    weldr.connect().request()
    wait_until(origin.seen, 5, "in flight")
    weldr.signal(signal.SIGINT)
    wait_until(lambda: refuses(weldr.address), 5, "draining")
    weldr.signal(signal.SIGTERM)
    weldr.wait_exit(30)
    weldr.stop(exit_code=None)


def test_signal_to_the_whole_group(lab):
    """Ctrl-C in a terminal reaches manager and workers alike: still a graceful end."""
    gate = o.Gate()
    weldr, _ = lab.run(gate, workers=2, drain_timeout="20")
    client = weldr.connect().request()
    wait_until(lambda: gate.entered == 1, 5, "in flight")
    os.killpg(weldr.pid, signal.SIGINT)
    wait_until(lambda: refuses(weldr.address), 5, "draining")
    gate.open()
    assert client.response().status == 200
    assert weldr.wait_exit(15) == 0


def test_signal_while_a_worker_is_being_replaced(lab):
    weldr = lab.weldr(workers=2)
    for pid in weldr.worker_pids():
        os.kill(pid, signal.SIGKILL)
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(10) == 0


def test_signal_right_after_the_start(lab):
    weldr = lab.weldr(workers=2, wait=False)
    wait_until(lambda: weldr.lines(msg="proxy listens") or weldr.process.poll() is not None, 20, "a first line")
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(10) == 0
    weldr.stopped = True
    weldr.assert_no_dirt()


def test_ports_are_free_after_the_end(lab):
    namespace = lab.namespace()  # in which nobody else takes a port meanwhile
    weldr = lab.weldr(namespace=namespace)
    proxy, admin = weldr.address, weldr.admin
    weldr.stop()
    again = lab.weldr(ip="%s:%d" % proxy, admin_ip="%s:%d" % admin, namespace=namespace)
    assert again.address == proxy and again.admin == admin


# ---- one server

@pytest.mark.smoke
def test_deleted_server_drains(lab):
    """D8: out of rotation at once, listed as draining until what is in flight is finished."""
    gate = o.Gate(o.named("old"))
    weldr, old = lab.run(gate, workers=2)
    clients = [weldr.connect().request() for _ in range(4)]
    wait_until(lambda: gate.entered == 4, 5, "four in flight")
    listed = weldr.delete(old, expect=202)["servers"]
    assert [(s["url"], s["state"]) for s in listed] == [(old.url, "draining")]
    new = lab.origin(o.named("new"))
    assert weldr.ask().status == 503
    weldr.add(new)
    assert {weldr.ask().text for _ in range(10)} == {"new"}
    assert weldr.state(old) == "draining"
    gate.open()
    assert {client.response().text for client in clients} == {"old"}
    wait_until(lambda: weldr.server(old) is None, 5, "the drained server is gone")
    assert old.seen()[-1].at < new.seen()[0].at


def test_delete_without_traffic_is_immediate(lab):
    weldr, origin = lab.run(o.hello, workers=2)
    for _ in range(10):
        weldr.ask()
    assert weldr.delete(origin, expect=200)["servers"] == []
    wait_until(lambda: origin.open_lanes == 0, 5, "idle origin connections are closed")


def test_delete_drain_0_is_now(lab):
    """D8."""
    weldr, origin = lab.run(o.stall)
    client = weldr.connect().request()
    wait_until(origin.seen, 5, "in flight")
    assert weldr.delete(origin, expect=200, query="?drain=0")["servers"] == []
    try:
        assert client.response().status >= 500
    except Closed:
        pass
    wait_until(lambda: origin.open_lanes == 0, 5, "the origin connection is closed")


def test_other_servers_are_not_touched(lab):
    """Pool changes never touch unrelated connections."""
    weldr, stays, goes = lab.run(o.hello, o.hello)
    client = weldr.connect()
    for _ in range(4):
        client.ask()
    assert (stays.accepted, goes.accepted) == (1, 1)
    weldr.delete(goes)
    for _ in range(10):
        assert client.ask().status == 200
    assert stays.accepted == 1


def test_delete_of_a_draining_server(lab):
    gate = o.Gate()
    weldr, origin = lab.run(gate)
    client = weldr.connect().request()
    wait_until(lambda: gate.entered == 1, 5, "in flight")
    weldr.delete(origin)
    answer = weldr.api("DELETE", origin.path)
    assert answer.status in (200, 404)
    assert weldr.state(origin) == "draining"
    gate.open()
    assert client.response().status == 200
    wait_until(lambda: weldr.servers() == [], 5, "gone")


def test_add_again_while_draining(lab):
    """It comes back as an active server; what was in flight still finishes."""
    gate = o.Gate()
    weldr, origin = lab.run(o.by_target({"/slow": gate}))
    client = weldr.connect().request(target="/slow")
    wait_until(lambda: gate.entered == 1, 5, "in flight")
    weldr.delete(origin)
    answer = weldr.api("POST", "/servers", {"url": origin.url, "check": {"type": "none"}})
    assert answer.status in (200, 201)
    assert weldr.ask().status == 200
    gate.open()
    assert client.response().status == 200
    wait_until(lambda: [s["state"] for s in weldr.servers()] == ["active"], 5, "one active server")


def test_drained_while_a_worker_dies(lab):
    """What was in flight on a killed worker is over: the server does not drain for ever."""
    weldr, origin = lab.run(o.stall, workers=1)
    weldr.connect().request()
    wait_until(origin.seen, 5, "in flight")
    weldr.delete(origin)
    assert weldr.state(origin) == "draining"
    old = weldr.worker_pids()[0]
    os.kill(old, signal.SIGKILL)
    weldr.wait_workers(1, not_pids=[old])
    wait_until(lambda: weldr.servers() == [], 5, "gone")
