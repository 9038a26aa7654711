"""Issue 15, must hold 6: what a supervisor that speaks sd_notify(3) hears, at the start, a reload, an upgrade, the end, and in a hang."""

import os
import signal
import tempfile
import time

import pytest

import heirs
import origins as o
from supervision import Supervisor
from weldr import run_weldr

OFTEN = {"WATCHDOG_USEC": "200000"}


@pytest.fixture(name="short")
def make_short():
    """The name of a socket may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="weldr-notify-") as folder:
        os.chmod(folder, 0o755)
        yield folder


@pytest.fixture(name="supervisor")
def make_supervisor(short):
    supervisor = Supervisor(os.path.join(short, "notify"))
    yield supervisor
    supervisor.close()
    assert not supervisor.refused


def environment_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return dict(entry.split(b"=", 1) for entry in file.read().split(b"\0") if b"=" in entry)


def test_start_reload_and_stop(lab, supervisor, short):
    log = os.path.join(short, "log")
    weldr = lab.weldr("--access-log", log, env=supervisor.environment())
    ready = supervisor.wait("READY", "1")[0]
    assert ready.fields["MAINPID"] == str(weldr.pid) == str(ready.sender)
    assert ready.fields["STATUS"] == "serves with 1 workers"
    assert "EXTEND_TIMEOUT_USEC" in supervisor.messages[0].fields, supervisor.messages
    before_us = time.monotonic_ns() // 1000
    os.rename(log, log + ".1")
    weldr.signal(signal.SIGHUP)
    supervisor.wait("READY", "1", count=2)
    assert os.path.exists(log), "it was reloaded when it said so"
    reloading = supervisor.said("RELOADING", "1")[0]
    assert before_us <= int(reloading.fields["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    weldr.stop()
    supervisor.wait("STOPPING", "1")
    assert supervisor.order() == ["READY", "RELOADING", "READY", "STOPPING"]
    assert not supervisor.said("WATCHDOG"), "nobody asked for it"


def test_a_name_in_no_file_system(lab, short):
    supervisor = Supervisor("@" + short)
    try:
        lab.weldr(env=supervisor.environment())
        supervisor.wait("READY", "1")
    finally:
        supervisor.close()


def test_ready_is_said_when_weldr_serves(lab, supervisor):
    weldr = lab.weldr(workers=2, env=supervisor.environment(), wait=False)
    supervisor.wait("READY", "1")
    assert weldr.lines(msg="ready"), "not before"
    weldr.wait_ready()
    assert weldr.api("GET", "/ready").status == 200


def test_what_is_started_does_not_find_the_socket(lab, supervisor):
    """A worker reads what strangers send: it may not say that it is the main process."""
    weldr = lab.weldr(env=supervisor.environment(**OFTEN))
    for pid in weldr.worker_pids():
        assert not {b"NOTIFY_SOCKET", b"WATCHDOG_USEC", b"WATCHDOG_PID"} & environment_of(pid).keys()
    supervisor.wait("WATCHDOG", "1")


def test_signs_of_life_end_with_the_manager(lab, supervisor):
    weldr = lab.weldr(env=supervisor.environment(**OFTEN))
    supervisor.wait("WATCHDOG", "1", count=5)
    weldr.signal(signal.SIGSTOP)
    time.sleep(0.2)  # what it had sent by then has arrived
    count = len(supervisor.messages)
    time.sleep(1)
    assert len(supervisor.messages) == count
    weldr.signal(signal.SIGCONT)
    supervisor.wait("WATCHDOG", "1", count=count + 3)


def test_signs_of_life_end_while_no_worker_lives(lab, supervisor):
    """The only one hangs: after two seconds it counts as one that does not serve, after five another takes its place."""
    weldr = lab.weldr(env=supervisor.environment(**OFTEN))
    supervisor.wait("WATCHDOG", "1", count=3)
    worker = weldr.worker_pids()[0]
    os.kill(worker, signal.SIGSTOP)
    stopped_s = time.monotonic()
    weldr.wait_workers(1, not_pids=[worker])
    count = len(supervisor.messages)
    supervisor.wait("WATCHDOG", "1", count=count + 3)
    heard = [m.at_s for m in supervisor.said("WATCHDOG") if m.at_s > stopped_s]
    assert max(b - a for a, b in zip(heard, heard[1:])) > 1, "while it hung"


def test_one_of_two_workers_is_no_reason(lab, supervisor):
    weldr = lab.weldr(workers=2, env=supervisor.environment(**OFTEN))
    supervisor.wait("WATCHDOG", "1", count=3)
    worker = weldr.worker_pids()[0]
    os.kill(worker, signal.SIGSTOP)
    weldr.wait_workers(2, not_pids=[worker])
    heard = [m.at_s for m in supervisor.said("WATCHDOG")]
    assert max(b - a for a, b in zip(heard, heard[1:])) < 1


def test_a_watchdog_of_another_process(lab, supervisor):
    weldr = lab.weldr(env=supervisor.environment(**OFTEN, WATCHDOG_PID="1"))
    supervisor.wait("READY", "1")
    time.sleep(0.5)
    weldr.stop()
    assert not supervisor.said("WATCHDOG")


def test_an_upgrade_names_the_next_main_process(lab, supervisor):
    """Twice, by whoever is the main process then; nobody else says a word, and the name comes before its sender ends."""
    heirs.take_orphans()
    weldr = lab.weldr(env=supervisor.environment(**OFTEN), workers=2)
    weldr.add(lab.origin(o.hello))
    supervisor.wait("READY", "1")
    pids = [weldr.pid]
    for _ in range(2):
        heirs.upgrade(weldr)
        named = supervisor.wait("MAINPID", str(weldr.pid))[0]
        assert named.sender == pids[-1] and supervisor.main == weldr.pid
        pids.append(weldr.pid)
        beats = len(supervisor.said("WATCHDOG"))
        supervisor.wait("WATCHDOG", "1", count=beats + 3)
        assert supervisor.messages[-1].sender == weldr.pid
    heard = [m.at_s for m in supervisor.said("WATCHDOG")]
    assert max(b - a for a, b in zip(heard, heard[1:])) < 2, "no sign of life was missing"
    assert weldr.ask().status == 200
    weldr.stop()
    supervisor.wait("STOPPING", "1")
    assert supervisor.order() == ["READY", "MAINPID", "MAINPID", "STOPPING"]
    assert supervisor.messages[-1].sender == pids[-1]


def test_who_is_named_is_the_supervisors_child(lab, supervisor):
    """Also while the one of before has requests to finish: systemd stops a service whose main process is a stranger by SIGKILL."""
    heirs.take_orphans()
    gate = o.BodyGate()
    weldr = lab.weldr(env=supervisor.environment())
    weldr.add(lab.origin(gate))
    slow = weldr.connect().request()
    head = slow.head()
    before = heirs.upgrade(weldr, waits=False) and weldr.pid
    supervisor.wait("MAINPID", str(weldr.pid))
    assert not supervisor.strangers
    gate.open()
    slow.body(head)
    slow.close()
    assert weldr.pid == before and weldr.api("GET", "/ready").status == 200
    weldr.wait_log(msg="the weldr that was here before has ended")


def test_a_successor_that_fails_is_never_named(lab, supervisor, short):
    """It ends before it has said that it is a Weldr, so nothing was given up."""
    heirs.take_orphans()
    weldr = lab.weldr(env=supervisor.environment(**OFTEN))
    bad = heirs.program(short, "sys.exit(7)\n")
    assert weldr.api("POST", "/upgrade", {"binary": bad}).status == 409
    beats = len(supervisor.said("WATCHDOG"))
    supervisor.wait("WATCHDOG", "1", count=beats + 3)
    assert supervisor.order() == ["READY"] and supervisor.main == weldr.pid


def test_who_makes_up_for_a_failure_is_named(lab, supervisor, short):
    """The successor ends when it has been given all: one of the old one's own program follows, and that is the main process."""
    heirs.take_orphans()
    weldr = lab.weldr(env=supervisor.environment(**OFTEN))
    bad = heirs.program(short, "hello()\nread_to_go()\nsys.exit(7)\n")
    assert weldr.api("POST", "/upgrade", {"binary": bad}).status == 409
    named = supervisor.wait("MAINPID", count=2)[-1]
    assert named.sender == weldr.pid
    assert heirs.end_of(heirs.follow(weldr, int(named.fields["MAINPID"]))) == 0
    beats = len(supervisor.said("WATCHDOG"))
    supervisor.wait("WATCHDOG", "1", count=beats + 3)
    assert supervisor.order() == ["READY", "MAINPID"]


def test_a_drain_asks_for_patience(lab, supervisor):
    gate = o.BodyGate()
    weldr = lab.weldr(env=supervisor.environment(), drain_timeout="60s")
    weldr.add(lab.origin(gate))
    slow = weldr.connect().request()
    slow.head()
    weldr.signal(signal.SIGTERM)
    stopping = supervisor.wait("STOPPING", "1")[0]
    assert int(stopping.fields["EXTEND_TIMEOUT_USEC"]) >= 10_000_000
    more = supervisor.wait("EXTEND_TIMEOUT_USEC", count=len(supervisor.said("EXTEND_TIMEOUT_USEC")) + 1)
    assert more[-1].fields["STATUS"] == "finishes requests"
    gate.open()
    weldr.stop()


def test_no_address_is_no_reason_not_to_start(lab):
    weldr = lab.weldr(env={"NOTIFY_SOCKET": "vsock:2:1234"})
    assert weldr.lines(variable="NOTIFY_SOCKET", value="vsock:2:1234")


def test_nobody_listens(lab, short):
    weldr = lab.weldr(env={"NOTIFY_SOCKET": os.path.join(short, "none")})
    assert len(weldr.lines(variable="NOTIFY_SOCKET")) == 1


def test_a_refused_flag_tells_nothing(supervisor):
    assert run_weldr("--ip", "nowhere", env=supervisor.environment()).returncode == 2
    assert not supervisor.messages
