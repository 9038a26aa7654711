"""A worker is alive or replaced; what is told of it; who serves while a slot has none."""

import os
import signal
import threading
import time

import pytest

import origins as o
from rawhttp import Closed, wait_until
from weldr import child_pids, is_alive


def replaced_after(weldr, pid, limit_s):
    """Seconds until this worker is given up; then another one runs in its place."""
    start = time.monotonic()
    wait_until(lambda: weldr.lines(msg="worker is replaced", pid=str(pid)), limit_s, f"worker {pid} is given up")
    took_s = time.monotonic() - start

    def is_replaced():
        workers = weldr.workers()
        return pid not in [w["pid"] for w in workers] and all(w["state"] == "running" for w in workers)
    wait_until(is_replaced, 30, f"worker {pid} is replaced")
    return took_s


@pytest.mark.smoke
def test_hung_worker_is_replaced(lab):
    """F1: no change of the pool is needed to find one that does not answer."""
    weldr, _ = lab.run(o.hello, workers=2)
    old = weldr.worker_pids()
    os.kill(old[0], signal.SIGSTOP)
    took_s = replaced_after(weldr, old[0], 20)  # seconds in which the manager itself was late are not counted
    print(f"given up after {took_s:.2f} s")
    assert took_s > 4
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
    replaced_after(weldr, old, 20)
    assert waiting.response().status == 200


def test_worker_that_hangs_while_it_drains(lab):
    """The neighbour: the shutdown does not wait for it until the drain's limit."""
    gate = o.BodyGate()
    weldr, _ = lab.run(gate, workers=2, drain_timeout="30s")
    client = weldr.connect().request()
    client.head()
    busy = wait_until(lambda: [w for w in weldr.workers() if w["in_flight"]], 10, "the busy one")
    weldr.signal(signal.SIGTERM)
    weldr.wait_log(msg="draining", worker=str(busy[0]["id"]))
    os.kill(busy[0]["pid"], signal.SIGSTOP)
    assert weldr.wait_exit(25) == 0, "not after the limit of the drain"
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


class Killer:
    """Kills the worker of slot 0 as soon as it is there, again and again."""

    def __init__(self, weldr, spared):
        self.weldr, self.spared = weldr, set(spared)
        self.kills, self.stop = 0, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.is_set():
            for pid in child_pids(self.weldr.pid):
                if pid not in self.spared and is_alive(pid):
                    os.kill(pid, signal.SIGKILL)
                    self.kills += 1
            time.sleep(0.002)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


def ask_many(weldr, count):
    """(seconds of each connection from its first packet to its answer, how many got none)."""
    took, lost = [], 0
    for _ in range(count):
        start = time.monotonic()
        try:
            assert weldr.ask().status == 200
            took.append(time.monotonic() - start)
        except (Closed, OSError):
            lost += 1
    return took, lost


@pytest.mark.smoke
def test_crash_loop_of_one_of_two(lab):
    """F2: what the kernel gives to the slot without a worker is served by the other one."""
    count = int(os.environ.get("CRASH_CONNECTIONS", "300"))
    weldr, _ = lab.run(o.hello, workers=2)
    doomed, other = weldr.worker_pids()
    with Killer(weldr, [other]) as killer:
        wait_until(lambda: not is_alive(doomed), 5, "the first death")
        took, lost, end = [], 0, time.monotonic() + 60
        while len(took) < count or killer.kills < 3:
            assert time.monotonic() < end
            more, gone = ask_many(weldr, 50)
            took, lost = took + more, lost + gone
    print(f"{len(took)} served, {killer.kills} kills, {lost} lost, slowest {max(took) * 1000:.0f} ms")
    assert max(took) < 1.0
    waited = sum(s > 0.3 for s in took)  # half of them would, if they waited for the worker's successor
    assert waited <= 0.02 * len(took)
    assert lost <= 0.05 * len(took)
    weldr.wait_workers(2)
    assert other in weldr.worker_pids()


def test_slot_without_a_worker_is_served(lab):
    """The neighbour: connections that wait, those in its inbox too, while it can't be started for seconds."""
    weldr, _ = lab.run(o.hello, workers=3)
    doomed, *others = weldr.worker_pids()
    with Killer(weldr, others) as killer:
        wait_until(lambda: killer.kills >= 4, 20, "a pause of seconds before the next start")
        clients = [weldr.connect().request() for _ in range(60)]
        start = time.monotonic()
        assert all(client.response().status == 200 for client in clients)
        assert time.monotonic() - start < 2
        listed = {w["id"]: w for w in weldr.workers()}
        assert listed[0]["state"] != "running"
        wait_until(lambda: sum(w["connections"] for w in weldr.workers() if w["id"]) == 60, 5, "60 connections")
        numbers = [w["connections"] for w in weldr.workers() if w["id"]]
        assert min(numbers) >= 20, numbers
    assert doomed not in weldr.worker_pids()
    assert len(weldr.wait_workers(3, 30)) == 3
    wait_until(lambda: weldr.ask().status == 200, 5, "service")


def test_connections_of_a_hung_worker_wait_less_long(lab):
    """The neighbour: a worker that is silent gets no more connections before it is replaced."""
    weldr, _ = lab.run(o.hello, workers=2)
    hung = weldr.worker_pids()[0]
    os.kill(hung, signal.SIGSTOP)
    clients = [weldr.connect().request() for _ in range(40)]
    for client in clients:
        assert client.response().status == 200
        client.close()
    assert is_alive(hung), "all of that happened before it was replaced"
    os.kill(hung, signal.SIGCONT)
    weldr.wait_log(msg="worker serves again", id="0")
    wait_until(lambda: all(w["connections"] == 0 for w in weldr.workers()), 5, "quiet")
    assert weldr.worker_pids()[0] == hung
    clients = [weldr.connect() for _ in range(40)]
    for client in clients:
        assert client.ask().status == 200
    wait_until(lambda: min(w["connections"] for w in weldr.workers()) >= 10, 5, "it takes its share again")


@pytest.mark.smoke
def test_descriptors_for_a_restart_are_reserved(lab):
    """F2: clients of the API that have taken all the others keep no worker from being started again."""
    weldr, _ = lab.run(o.hello, workers=2, nofile=80)
    crowd = [weldr.connect(address=weldr.admin) for _ in range(120)]
    weldr.wait_log(msg="accepting pauses", role="manager")
    for _ in range(3):
        for pid in child_pids(weldr.pid):
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda p=pid: not is_alive(p), 5, "the worker is dead")
            wait_until(lambda: len([p for p in child_pids(weldr.pid) if is_alive(p)]) == 2, 15, "its successor")
            took, _ = ask_many(weldr, 10)
            assert len(took) >= 8
    assert not weldr.lines(msg="can't start worker")
    for client in crowd:
        client.close()
    weldr.wait_workers(2)


def health(weldr, path="/health"):
    answer = weldr.api("GET", path)
    return answer.status, answer.json["status"], answer.json["workers"], answer.json["of"]


@pytest.mark.smoke
def test_health_tells_who_serves(lab):
    """F3: 200 with one of two, since it serves for both; how many is told."""
    weldr, _ = lab.run(o.hello, workers=2)
    assert health(weldr) == (200, "ok", 2, 2)
    assert health(weldr, "/ready") == (200, "ready", 2, 2)
    doomed, other = weldr.worker_pids()
    with Killer(weldr, [other]) as killer:
        wait_until(lambda: killer.kills >= 3, 10, "a pause before the next start")
        wait_until(lambda: health(weldr) == (200, "ok", 1, 2), 5, "one of two")
        assert health(weldr, "/ready") == (200, "ready", 1, 2)
        os.kill(other, signal.SIGKILL)
        killer.spared.clear()
        wait_until(lambda: health(weldr) == (503, "no_worker", 0, 2), 5, "nobody serves")
        assert health(weldr, "/ready") == (503, "no_worker", 0, 2)
    wait_until(lambda: health(weldr) == (200, "ok", 2, 2), 30, "both are back")
    assert not is_alive(doomed)


def test_health_tells_of_a_hung_worker(lab):
    """The neighbour: it is there, and does not serve; a load balancer hears of that before it is replaced."""
    weldr, _ = lab.run(o.hello, workers=1)
    pid = weldr.worker_pids()[0]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: health(weldr) == (503, "no_worker", 0, 1), 20, "nobody serves")
    assert health(weldr, "/ready")[0] == 503
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: health(weldr) == (200, "ok", 1, 1), 15, "it serves again")
    assert weldr.worker_pids() == [pid]
