"""Passive ejection: a server that fails request after request is left alone for a while."""

import os
import signal

import pytest

import origins as o
from rawhttp import wait_until
from weldr import now

OUT_MS = 600
QUICK = {"eject": {"errors": 3, "base_ms": OUT_MS, "max_ms": 5000}}
LONG = {"eject": {"errors": 3, "base_ms": 60000}}


def texts(weldr, count=10):
    return {weldr.ask().text for _ in range(count)}


@pytest.mark.tls("clear-tls")
@pytest.mark.smoke
def test_refused_connections_eject(lab):
    """No health check: only the requests themselves tell. No client sees an error."""
    weldr, dead, well = lab.run(o.named("dead"), o.named("well"))
    weldr.patch_pool({"eject": {"base_ms": 60000}})
    dead.stop()
    assert {weldr.ask().status for _ in range(30)} == {200}
    server = weldr.server(dead)
    assert (server["ejected"], server["ejections"], server["failed"]) == (1, 1, 5)
    assert server["state"] == "ejected" and "ejected by 1 of 1 workers" in server["reason"]
    assert weldr.lines(level="warn", server=dead.authority, errors="5")
    assert weldr.server(well)["ejections"] == 0
    dead.restart()
    assert texts(weldr) == {"well"}


@pytest.mark.parametrize("status", [502, 503, 504])
def test_gateway_errors_eject(lab, status):
    weldr, sick, _ = lab.run(o.answer(status, b"sick"), o.named("well"))
    weldr.patch_pool(LONG)
    answers = [weldr.ask().status for _ in range(30)]
    assert answers.count(status) == 3
    assert weldr.server(sick)["ejected"] == 1


@pytest.mark.tls("clear-tls")
def test_ejected_server_comes_back(lab):
    """It gets nothing for as long as was said, and its share again after that."""
    state = {"status": 503}

    def moody(lane, seen):
        o.answer(state["status"], b"moody")(lane, seen)
    weldr, sick, _ = lab.run(moody, o.named("well"))
    weldr.patch_pool(QUICK)
    errors_n = 0
    while errors_n < 3:
        before = now()
        errors_n += weldr.ask().status == 503
    state["status"] = 200
    wait_until(lambda: weldr.ask().text == "moody", 10, "tried again")
    assert now() - before >= (OUT_MS - 1) / 1000, "its clock has milliseconds"
    wait_until(lambda: weldr.server(sick)["ejected"] == 0, 5, "not ejected any more")
    assert weldr.server(sick)["reason"] is None and weldr.server(sick)["ejections"] == 1
    assert texts(weldr) == {"moody", "well"}


def test_other_errors_do_not(lab):
    weldr, sick, _ = lab.run(o.answer(500, b"sick"), o.named("well"))
    weldr.patch_pool(QUICK)
    assert texts(weldr, 30) == {"sick", "well"}
    assert weldr.server(sick)["ejections"] == 0


def test_the_last_one_stays(lab):
    weldr, first, second = lab.run(o.answer(503, b"a"), o.answer(503, b"b"))
    weldr.patch_pool({"eject": {"errors": 3, "base_ms": 60000, "max_percent": 100}})
    assert {weldr.ask().status for _ in range(40)} == {503}
    assert weldr.server(first)["ejected"] + weldr.server(second)["ejected"] == 1
    assert weldr.ask().get("Weldr-Error") is None


def test_at_most_half(lab):
    weldr, *sick = lab.run(*[o.answer(503, b"x") for _ in range(4)])
    weldr.patch_pool({"eject": {"errors": 2, "base_ms": 60000}})
    for _ in range(60):
        weldr.ask()
    assert sum(weldr.server(s)["ejected"] for s in sick) == 2


def test_off(lab):
    weldr, sick, _ = lab.run(o.answer(503, b"sick"), o.named("well"))
    weldr.patch_pool({"eject": {"errors": 0}})
    assert texts(weldr, 30) == {"sick", "well"}
    assert weldr.server(sick)["ejections"] == 0


@pytest.mark.tls("clear-tls")
def test_a_dead_worker_ejects_no_more(lab):
    weldr, sick, _ = lab.run(o.answer(503, b"sick"), o.named("well"))
    weldr.patch_pool({"eject": {"errors": 2, "base_ms": 600000, "max_ms": 600000}})
    for _ in range(10):
        weldr.ask()
    assert weldr.server(sick)["ejected"] == 1
    old = weldr.worker_pids()
    os.kill(old[0], signal.SIGKILL)
    weldr.wait_workers(1, not_pids=old)
    assert (weldr.server(sick)["ejected"], weldr.server(sick)["ejections"]) == (0, 1)
