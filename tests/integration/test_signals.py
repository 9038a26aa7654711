"""Signals that mean nothing to weldr, and shortages that are told by their names."""

import os
import signal

import pytest

import origins as o
from rawhttp import wait_until
from weldr import Weldr, is_alive, status_field

MEANINGLESS = {"ALRM": signal.SIGALRM, "VTALRM": signal.SIGVTALRM, "PROF": signal.SIGPROF,
               "POLL": signal.SIGIO, "PWR": signal.SIGPWR, "RTMIN": signal.SIGRTMIN}


@pytest.mark.smoke
def test_meaningless_signals(lab):
    """G6: they ended manager or worker; they are logged and ignored."""
    weldr, _ = lab.run(o.hello, workers=2)
    workers = weldr.worker_pids()
    client = weldr.connect()
    assert client.ask().status == 200
    for number in MEANINGLESS.values():
        for pid in [weldr.pid, *workers]:
            os.kill(pid, number)
    for name, number in MEANINGLESS.items():
        lines = wait_until(lambda n=number: len(weldr.lines(msg="signal is ignored", signal=str(int(n)))) == 3, 10, name)
        assert lines
    assert weldr.lines(msg="signal is ignored", name="ALRM", role="manager")
    assert client.ask().status == 200
    assert weldr.worker_pids() == workers


def test_signals_with_a_meaning_keep_it(lab):
    """The neighbours: USR1 tells how things stand; HUP without an access log means nothing."""
    weldr, _ = lab.run(o.hello, workers=1)
    pid = weldr.worker_pids()[0]
    weldr.signal(signal.SIGUSR1)
    weldr.wait_log(msg="manager state")
    weldr.wait_log(msg="dump worker")
    weldr.wait_log(msg="dump pool", pool="default")
    assert not weldr.lines(msg="signal is ignored")
    weldr.signal(signal.SIGHUP)
    weldr.wait_log(msg="signal is ignored", name="HUP", role="manager")
    assert is_alive(pid) and weldr.ask().status == 200


def test_hup_with_an_access_log_is_no_ignored_one(lab, tmp_path):
    weldr = lab.weldr("--access-log", str(tmp_path / "log"))
    os.rename(tmp_path / "log", tmp_path / "old")
    weldr.signal(signal.SIGHUP)
    wait_until((tmp_path / "log").exists, 10, "it is open anew")
    assert not weldr.lines(msg="signal is ignored")


def test_no_signal_stays_blocked(lab):
    """Whoever starts weldr may hold signals back, and weldr does so while a worker starts: SIGABRT stayed pending in workers for ever."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGABRT, signal.SIGTERM, signal.SIGQUIT})
    try:
        weldr, _ = lab.run(o.hello, workers=2)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
    pids = [weldr.pid, *weldr.worker_pids()]
    assert {pid: int(status_field(pid, "SigBlk"), 16) for pid in pids} == dict.fromkeys(pids, 0)
    os.kill(pids[1], signal.SIGABRT)
    wait_until(lambda: not is_alive(pids[1]), 10, "the worker has ended")
    weldr.wait_workers(2, not_pids=pids[1:2])
    assert weldr.lines(msg="worker was killed", signal="6")
    weldr.socket_counts = {}  # of a worker that is no more


@pytest.mark.parametrize("nofile", range(6, 40, 3))
def test_a_start_without_descriptors_says_so(nofile):
    """Whichever descriptor is the one too many: exit code 4, and the log names what is short."""
    weldr = Weldr(workers=2, nofile=nofile, wait=False)
    try:
        wait_until(lambda: weldr.process.poll() is not None or weldr.lines(msg="ready"), 30, "an end or a start")
        if weldr.process.poll() is None:
            weldr.signal(signal.SIGTERM)
            assert weldr.wait_exit() == 0
        else:
            assert weldr.process.returncode == 4, weldr.log
            assert "descriptors" in weldr.log and "memory" not in weldr.log, weldr.log
    finally:
        weldr.kill()


def test_an_end_that_was_asked_for_before(monkeypatch):
    """The harness: weldr told to end by a test may be past its API when the test's own end comes (CI met it once)."""
    weldr = Weldr()
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit() == 0
    with monkeypatch.context() as patch:
        patch.setattr(weldr.process, "poll", lambda: None)
        weldr.stop()
    assert weldr.stopped
