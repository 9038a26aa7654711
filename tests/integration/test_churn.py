"""Must hold 3: under load everything changes and dies, and only what was in flight on a killed process fails."""

import contextlib
import os
import signal
import time

import pytest

import origins as o
from load import Load
from rawhttp import Client, Closed, wait_until
from weldr import is_alive


@contextlib.contextmanager
def noted(kills):
    """Something dies within, and is dead at the end."""
    begin = time.monotonic()
    yield
    kills.append((begin, time.monotonic()))


def has_met(failure, kills):
    """Whether that request was under way, or its connection there, when something was killed."""
    return any(begin <= failure[1] and failure[0] <= end for begin, end in kills)


def totals(weldr):
    stats = weldr.stats()
    return stats["client"]["success"], stats["client"]["failed"]


@pytest.mark.tls
@pytest.mark.slow
@pytest.mark.smoke
def test_pool_changes_lose_nothing(lab):
    """Adding and deleting origins (that live) under load: not a single failure."""
    weldr, _ = lab.run(o.hello, workers=2)
    others = [lab.origin() for _ in range(4)]
    load = Load(weldr)
    end = time.monotonic() + 4
    while time.monotonic() < end:
        for origin in others:
            weldr.add(origin)
        for origin in others:
            weldr.delete(origin)
            wait_until(lambda p=origin: weldr.server(p) is None, 10, "drained")
    load.end()
    assert load.bad == [] and load.cut == [] and load.good > 100
    assert all(origin.seen("/load") for origin in others), "the changes took effect under load"
    wait_until(lambda: totals(weldr) == (load.good, 0), 5, f"{load.good} successes, have {totals(weldr)}")


@pytest.mark.tls
@pytest.mark.slow
@pytest.mark.smoke
def test_everything_dies_under_load(lab):
    """Workers killed in turn, origins killed and restarted, servers added and deleted."""
    weldr, _ = lab.run(o.hello, workers=2)
    weldr.patch_pool({"eject": {"errors": 0}})  # else the origins would be left alone after their first deaths
    mortal = [lab.origin() for _ in range(2)]
    guest = lab.origin()
    for origin in mortal:
        weldr.add(origin)
    load = Load(weldr)
    kills = []
    end = time.monotonic() + 8
    turn = 0
    while time.monotonic() < end:
        victim = weldr.workers()[turn % 2]["pid"]
        with noted(kills):
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda pid=victim: not is_alive(pid), 5, "the worker is dead", step_s=0.001)
        weldr.add(guest)
        with noted(kills):
            mortal[turn % 2].stop()
        weldr.wait_workers(2, not_pids=[victim])
        mortal[turn % 2].restart()
        weldr.delete(guest)
        wait_until(lambda: weldr.server(guest) is None, 10, "the guest is gone")
        turn += 1
    load.end()
    assert turn >= 2 and load.good > 100
    unexplained = [f for f in load.bad + load.cut if not has_met(f, kills)]
    assert not unexplained, unexplained[:5]
    assert len(load.bad) + len(load.cut) <= 2 * turn * len(load.threads), "one in flight for each client and kill"
    workers = weldr.wait_workers(2)
    assert len({(w["applied_index"], w["digest"]) for w in workers}) == 1
    assert all(is_alive(w["pid"]) for w in workers)
    assert {s["url"] for s in weldr.servers()} == {origin.url for origin in weldr.origins if origin is not guest}
    for _ in range(30):
        assert weldr.ask().status == 200
    given = load.good + len(load.bad) + 30

    def adds_up():
        success, failed = totals(weldr)
        return abs(success + failed - given) <= len(load.cut)
    wait_until(adds_up, 5, f"answers given {given}, cut {len(load.cut)}, counted {totals(weldr)}")


@pytest.mark.slow
def test_dead_origin_under_load_costs_nothing_but_its_own(lab):
    """An origin that dies with its connections: clients of idle connections notice nothing; the retry hides the rest."""
    weldr, _, mortal = lab.run(o.hello, o.hello, workers=2)
    weldr.patch_pool({"eject": {"errors": 0}})  # else it would be left alone after its first death
    load = Load(weldr)

    def failed():
        return next(d["failed"] for d in weldr.detail() if d["port"] == str(mortal.port))
    for _ in range(4):
        before = len(mortal.seen("/load"))
        wait_until(lambda n=before: len(mortal.seen("/load")) >= n + 50, 20, "the origin has its share")
        before = failed()
        assert mortal.open_lanes > 0, "it dies with connections"
        mortal.stop()
        wait_until(lambda n=before: failed() >= n + 10, 20, "requests meet the dead origin")
        mortal.restart()
    load.end()
    assert load.cut == [] and load.bad == [], (load.cut[:5], load.bad[:5])
    assert weldr.stats()["retries"] >= 40
