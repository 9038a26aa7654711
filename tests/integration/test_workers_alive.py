"""A worker is alive or replaced; what is told of it; who serves while a slot has none."""

import os
import signal
import time

import pytest

import origins as o
from rawhttp import wait_until
from weldr import is_alive


def replaced_after(weldr, pid, limit_s):
    """Seconds until another worker runs in the place of this one."""
    start = time.monotonic()

    def is_replaced():
        workers = weldr.workers()
        return pid not in [w["pid"] for w in workers] and all(w["state"] == "running" for w in workers)
    wait_until(is_replaced, limit_s, f"worker {pid} is replaced")
    return time.monotonic() - start


@pytest.mark.smoke
def test_hung_worker_is_replaced(lab):
    """F1: no change of the pool is needed to find one that does not answer."""
    weldr, _ = lab.run(o.hello, workers=2)
    old = weldr.worker_pids()
    os.kill(old[0], signal.SIGSTOP)
    took_s = replaced_after(weldr, old[0], 20)
    print(f"replaced after {took_s:.2f} s")
    assert 4 < took_s < 7
    assert weldr.lines(msg="worker is replaced", reason="does not answer", id="0")
    assert weldr.worker_pids()[1] == old[1], "the other one has nothing to do with it"
    for _ in range(20):
        assert weldr.ask().status == 200


def test_hung_only_worker_is_replaced(lab):
    """The neighbour: connections that came meanwhile are served by the successor."""
    weldr, _ = lab.run(o.hello, workers=1)
    old = weldr.worker_pids()[0]
    os.kill(old, signal.SIGSTOP)
    waiting = weldr.connect().request()
    assert replaced_after(weldr, old, 20) < 7
    assert waiting.response().status == 200


def test_worker_that_hangs_while_it_drains(lab):
    """The neighbour: the shutdown does not wait for it until the drain's limit."""
    gate = o.BodyGate()
    weldr, _ = lab.run(gate, workers=2, drain_timeout="30s")
    client = weldr.connect().request()
    client.head()
    weldr.signal(signal.SIGTERM)
    weldr.wait_log(msg="draining")
    busy = wait_until(lambda: [w for w in weldr.workers() if w["state"] == "draining" and w["in_flight"]], 10, "the busy one")
    os.kill(busy[0]["pid"], signal.SIGSTOP)
    start = time.monotonic()
    assert weldr.wait_exit(25) == 0
    assert time.monotonic() - start < 8
    weldr.stopped = True
    weldr.assert_no_dirt()


def test_a_slow_worker_is_no_hung_one(lab):
    """Still for less than 5 s."""
    weldr, _ = lab.run(o.hello, workers=2)
    old = weldr.worker_pids()
    for pid in old:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(3)
        os.kill(pid, signal.SIGCONT)
    assert weldr.ask().status == 200
    weldr.tell_workers()
    assert weldr.worker_pids() == old
    assert not weldr.lines(msg="worker is replaced")


def test_a_machine_that_stood_still(lab):
    """All stop for longer than a worker may be silent: nobody is blamed for that."""
    weldr, _ = lab.run(o.hello, workers=2)
    old = weldr.worker_pids()
    for pid in [weldr.pid, *old]:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(8)
    os.kill(weldr.pid, signal.SIGCONT)
    time.sleep(2.5)
    for pid in old:
        os.kill(pid, signal.SIGCONT)
    assert weldr.ask().status == 200
    weldr.tell_workers()
    assert weldr.worker_pids() == old
    assert not weldr.lines(msg="worker is replaced")


@pytest.mark.smoke
def test_flight_recorder(lab):
    """F1: the last events of a worker that was killed are in the log, the last one last."""
    weldr, origin = lab.run(o.hello, workers=1)
    client = weldr.connect()
    for _ in range(30):
        assert client.ask().status == 200
    weldr.ask()
    pid = weldr.worker_pids()[0]
    os.kill(pid, signal.SIGKILL)
    weldr.wait_workers(1, not_pids=[pid])
    lines = weldr.lines(msg="last event of the worker", pid=str(pid))
    assert 15 <= len(lines) <= 30
    assert lines[-1]["event"] == "request ends" and lines[-1]["end"] == "ok"
    assert [line["event"] for line in lines[-3:]] == ["request begins", "attempt at a server", "request ends"]
    ages = [int(line["ms_ago"]) for line in lines]
    assert ages == sorted(ages, reverse=True) and ages[-1] < 20000
    assert lines[-3]["client_port"].isdigit() and origin.requests


def test_flight_recorder_of_a_hung_worker(lab):
    weldr, _ = lab.run(o.hello, workers=1)
    weldr.tell_workers()
    pid = weldr.worker_pids()[0]
    os.kill(pid, signal.SIGSTOP)
    replaced_after(weldr, pid, 20)
    lines = weldr.lines(msg="last event of the worker", pid=str(pid))
    assert lines and lines[-1]["event"] == "frame of the manager", lines
    assert not is_alive(pid)


def test_flight_recorder_is_silent_at_a_good_end(lab):
    weldr, _ = lab.run(o.hello, workers=2)
    weldr.ask()
    weldr.stop()
    assert not weldr.lines(msg="last event of the worker")
