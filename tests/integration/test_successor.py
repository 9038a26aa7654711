"""A new weldr at the addresses of one that leaves, or whose manager has died."""

import os
import signal
import time

import origins as o
import pytest
from ports import Port
from rawhttp import Client, wait_until
from weldr import ask_http, is_alive, parse_line, run_weldr, session_members


@pytest.fixture
def start(lab):
    """Starts a weldr at the same addresses each time, which nobody else gets in between."""
    proxy, api = Port(), Port()

    def start(**more):
        return lab.weldr(ip=proxy.text, admin_ip=api.text, workers=2, **more)
    return start


def test_successor_starts_while_it_drains(lab, start):
    """J8: the API's port is let go when accepting stops; the long request ends well; open API connections go on."""
    gate = o.BodyGate()
    first, origin = start(drain_timeout="30s"), lab.origin(gate)
    first.add(origin)
    client = first.connect().request()
    response = client.head()
    with Client(first.admin) as watching:
        assert watching.ask(target="/health").status == 200
        first.signal(signal.SIGTERM)
        second = start()
        second.add(lab.origin(o.named("second")))
        for _ in range(20):
            assert second.ask().text == "second"
        for _ in range(3):
            answer = watching.ask(target="/health")
            assert (answer.status, b"draining" in answer.body) == (503, True)
        assert is_alive(first.pid)
    gate.open()
    assert client.body(response).body == b"first-rest"
    client.close()
    origin.stop()
    assert first.wait_exit(20) == 0
    first.stopped = True
    first.assert_no_dirt()
    assert second.ask().text == "second"


def test_ready_delay_keeps_the_port(lab):
    """The neighbour: before accepting stops the API takes connections."""
    weldr = lab.weldr("--ready-delay", "1s")
    weldr.signal(signal.SIGTERM)
    wait_until(lambda: weldr.api("GET", "/ready").status == 503, 5, "/ready is 503")
    assert weldr.api("GET", "/health").status == 200
    weldr.wait_log(msg="draining")
    assert weldr.wait_exit(15) == 0
    weldr.stopped = True


def test_a_change_that_waits_is_answered(lab):
    """The neighbour: who waits for a server to have drained hears of it after SIGTERM."""
    gate = o.BodyGate()
    weldr, origin = lab.run(gate, workers=1, drain_timeout="30s")
    client = weldr.connect().request()
    response = client.head()
    with Client(weldr.admin) as waiting:
        waiting.request("DELETE", origin.path + "?wait=drained&timeout=20s")
        wait_until(lambda: weldr.state(origin) in (None, "draining"), 5, "it is on its way out")
        weldr.signal(signal.SIGTERM)
        weldr.wait_log(msg="draining")
        gate.open()
        assert client.body(response).body == b"first-rest"
        assert waiting.response().status == 200
    assert weldr.wait_exit(20) == 0
    weldr.stopped = True


def kill_manager(weldr):
    weldr.signal(signal.SIGKILL)
    weldr.wait_exit()
    weldr.stopped = True


def test_orphaned_stopped_workers_do_not_block_a_start(lab, start):
    """F4: they held the listening sockets for ever."""
    first = start()
    first.add(lab.origin())
    workers = first.worker_pids()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    kill_manager(first)
    begin = time.monotonic()
    second = start()
    assert time.monotonic() - begin < 15
    second.add(lab.origin(o.named("second")))
    for _ in range(40):
        assert second.ask().text == "second"
    wait_until(lambda: not any(is_alive(pid) for pid in workers), 15, "the orphans have gone")
    first.assert_no_dirt()


def test_orphaned_workers_do_not_block_a_start(lab, start):
    """The neighbour: they are busy, and go on with what they have."""
    gate = o.BodyGate()
    first = start(drain_timeout="20s")
    first.add(lab.origin(gate))
    client = first.connect().request()
    response = client.head()
    kill_manager(first)
    second = start()
    second.add(lab.origin(o.named("second")))
    for _ in range(40):
        assert second.ask().text == "second"
    gate.open()
    assert client.body(response).body == b"first-rest"
    client.close()
    wait_until(lambda: session_members(first.pid) == [], 15, "the orphans have gone")


def test_the_log_says_who_holds_an_address(lab):
    """F4: what can be told is told, and the start ends soon."""
    holder = lab.weldr(workers=1)
    start = time.monotonic()
    result = run_weldr("--ip", "%s:%d" % holder.address, "--admin-ip", "127.0.0.1:0")
    assert result.returncode == 3 and time.monotonic() - start < 10
    line = next(line for line in result.stderr.splitlines() if "can't listen" in line)
    assert "address in use" in line and "weldr" in line, line
    assert int(parse_line(line)["held_by_pid"]) in session_members(holder.pid)
    assert ask_http(holder.admin, "GET", "/health").status == 200
