"""Which servers were down is known again after a kill -9: no request is tried on them before a check passes."""

import os
import signal
import threading

import pytest

import origins as o
from rawhttp import wait_until

CHECK = {"type": "http", "path": "/health", "interval_ms": 200, "fast_interval_ms": 100, "timeout_ms": 60000}
REASON = "was down before the restart, not checked since"


class Held(o.Health):
    """Health that fails; while it is held a check has no answer."""

    def __init__(self):
        super().__init__(500)
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, lane, seen):
        if seen.target == self.path:
            assert self.go_on.wait(o.DEADLINE_S)
        super().__call__(lane, seen)


def kill(weldr):
    weldr.signal(signal.SIGKILL)
    assert weldr.wait_exit(20) == -signal.SIGKILL
    weldr.stopped = True


def wait_noted(folder):
    return wait_until(lambda: os.path.exists(os.path.join(folder, "health")), 20, "the file with what is down")


def requests(origin):
    return [seen for seen in origin.seen() if seen.target != "/health"]


@pytest.fixture
def pair(lab, folder):
    """A node that was killed when one of its two servers was down: the health of that one, it, and the other one."""
    health = Held()
    sick, well = lab.origin(health), lab.origin(o.Health())
    weldr = lab.weldr("--data-dir", folder)
    for origin in (sick, well):
        weldr.add(origin, check=CHECK)
    weldr.wait_state(sick, "down")
    wait_noted(folder)
    kill(weldr)
    return health, sick, well


def test_down_stays_down_until_a_check_passes(lab, folder, pair):
    health, sick, well = pair
    health.go_on.clear()
    before = len(requests(sick))
    weldr = lab.weldr("--data-dir", folder)
    server = weldr.server(sick)
    assert (server["state"], server["reason"]) == ("down", REASON) and weldr.state(well) == "active"
    assert [weldr.ask().status for _ in range(20)] == [200] * 20
    assert len(requests(sick)) == before, "not one"
    assert weldr.lines(msg="servers that were down before the restart stay down until a check passes", servers="1")
    assert weldr.lines(msg="server is down", server=sick.url, reason=REASON)
    health.status = 200
    health.go_on.set()
    weldr.wait_state(sick, "active")
    wait_until(lambda: weldr.ask().status == 200 and len(requests(sick)) > before, 20, "its share")
    wait_until(lambda: not os.path.exists(os.path.join(folder, "health")), 20, "none is down: no file")


def test_no_hint(lab, folder, pair):
    """A damaged file is none, said in the log; other settings of the check are another check."""
    health, sick, _ = pair
    health.go_on.clear()
    path = os.path.join(folder, "health")
    with open(path, "rb") as file:
        good = file.read()
    with open(path, "wb") as file:
        file.write(good[:-9] + b"x" + good[-8:])
    weldr = lab.weldr("--data-dir", folder)
    assert weldr.state(sick) == "active"
    assert weldr.lines(level="warn", file="health")
    answer = weldr.api("PATCH", "/servers/" + sick.url.removeprefix("http://").replace(":", "/"), {"check": {"path": "/other"}})
    assert answer.status == 200, answer
    kill(weldr)
    with open(path, "wb") as file:
        file.write(good)
    weldr = lab.weldr("--data-dir", folder)
    assert weldr.state(sick) == "active"
    assert weldr.lines(file="health") == []
    health.go_on.set()
