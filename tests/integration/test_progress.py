"""The line that says what a command waits for: on a terminal it comes and goes, elsewhere there is not one byte of it."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import heirs
import origins as o
import pytest
from ports import Port
from rawhttp import wait_until
from terminal import Terminal, on_screen
from weldr import BIN, clean_environment

ESCAPE = "\x1b"


@pytest.fixture
def terminal():
    """Makes terminals, and ends what runs there."""
    with contextlib.ExitStack() as stack:
        def make(*words, **more):
            made = Terminal(*words, **more)
            stack.callback(made.close)
            return made
        yield make


@contextlib.contextmanager
def busy(lab):
    """A server with one request in flight until the gate is opened: (weldr, its name, the gate)."""
    gate = o.Gate()
    weldr, origin = lab.run(gate)
    client = weldr.connect().request()
    wait_until(lambda: gate.entered == 1, 10, "the request to be there")
    yield weldr, f"127.0.0.1:{origin.port}", gate
    gate.open()
    client.close()


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_drain(lab, terminal):
    with busy(lab) as (weldr, name, gate):
        shown = terminal("server", "drain", name, "--wait", "--timeout", "30s", api=weldr.admin)
        shown.wait(rf"\rdraining {name}: 1 request in flight, 1 s of at most 30 s\x1b\[K")
        gate.open()
        assert shown.end() == 0
    assert len(shown.screen) == 1 and shown.screen[0].endswith("draining  drained"), shown.screen


def test_standard_output_stays_clean(lab, terminal):
    with busy(lab) as (weldr, name, gate):
        shown = terminal("server", "rm", name, "--wait", api=weldr.admin, stdout=True)
        shown.wait(f"\rremoving {name}: 1 request in flight, [0-9]+ s of at most 60 s")
        gate.open()
        assert shown.end() == 0
    assert shown.printed == f"removed  {name}\n" and shown.screen == []


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_in_a_pipe_there_is_none(lab, terminal, more):
    """Nor where the answer is asked for as JSON, whatever standard error is."""
    with busy(lab) as (weldr, name, gate):
        words = ["server", "drain", name, "--wait", *more]
        env = {**clean_environment(), "WELDR_API": "http://{}:{}".format(*weldr.admin), "TERM": "xterm"}
        shown = terminal(*words, api=weldr.admin) if more else None
        piped = subprocess.Popen([BIN, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)  # in which a line would have come
        gate.open()
        out, err = piped.communicate(timeout=30)
        assert piped.returncode == 0 and err == "" and ESCAPE not in out and "\r" not in out
        if shown:
            assert shown.end() == 0 and ESCAPE not in shown.text and shown.text.startswith("{")


def test_what_is_quick_shows_nothing(lab, terminal):
    weldr = lab.weldr()
    shown = terminal("pool", "add", "web", api=weldr.admin)
    assert shown.end() == 0
    assert shown.drawn == [] or any("1 s" in line or "0 s" in line for line in shown.drawn)  # of a machine that takes half a second
    assert shown.screen[0].endswith("web") and len(shown.screen) == 1


def test_a_narrow_terminal(lab, terminal):
    with busy(lab) as (weldr, name, gate):
        shown = terminal("server", "drain", name, "--wait", api=weldr.admin, columns=24)
        shown.wait(r"\.\.\.\x1b\[K")
        gate.open()
        assert shown.end() == 0
    assert shown.drawn and all(len(line) <= 23 for line in shown.drawn), shown.drawn
    assert len(shown.screen) == 1, shown.screen


def test_a_dumb_terminal(lab, terminal):
    with busy(lab) as (weldr, name, gate):
        shown = terminal("server", "drain", name, "--wait", api=weldr.admin, term="dumb")
        shown.wait("1 request in flight")
        time.sleep(1)  # in which the same state would be told again
        gate.open()
        assert shown.end() == 0
    assert ESCAPE not in shown.text and "\r" not in shown.text.replace("\r\n", "")
    assert 2 <= len(shown.screen) <= 3 and shown.screen[-2] == f"draining {name}: 1 request in flight", shown.screen


@pytest.mark.parametrize("how", ["key", "terminate"])
def test_who_breaks_it_off_finds_a_clean_line(lab, terminal, how):
    with busy(lab) as (weldr, name, _):
        shown = terminal("server", "drain", name, "--wait", api=weldr.admin)
        shown.wait("\rdraining")
        if how == "key":
            shown.press("\x03")
        else:
            shown.process.terminate()
        assert shown.end() == -(signal.SIGINT if how == "key" else signal.SIGTERM)
    assert shown.screen == [], shown.text


def test_an_api_that_hangs(lab, terminal):
    """A read has nothing to ask meanwhile, and goes on when the API does."""
    weldr = lab.weldr()
    with stopped(weldr.pid):
        shown = terminal("server", "ls", api=weldr.admin)
        shown.wait(rf"\rwaiting for the API at http://127.0.0.1:{weldr.admin[1]}, 1 s\x1b\[K")
    assert shown.end() == 0
    assert shown.screen == ["ID  URL  STATE  REASON  WEIGHT  IN_FLIGHT  SUCCESS  FAILED"]


def test_a_change_that_workers_do_not_have_yet(lab, terminal, tmp_path):
    weldr = lab.weldr(workers=1)
    with stopped(weldr.worker_pids()[0]):
        shown = terminal("pool", "add", "web", "--wait", api=weldr.admin)
        shown.wait(r"\rwaiting until all nodes serve by it, [0-9]+ s")
    assert shown.end() == 0 and len(shown.screen) == 1
    file = tmp_path / "whole.json"
    file.write_text('{"pools": [{"name": "default"}, {"name": "more"}]}')
    with stopped(weldr.worker_pids()[0]):
        shown = terminal("apply", str(file), api=weldr.admin)
        shown.wait(r"\rapplying by the API at http://[0-9.:]+: change 1, pool more, [0-9]+ s")
    assert shown.end() == 0
    assert shown.screen == ["+ pool more", "- pool web"]
    revision = weldr.api("GET", "/history?limit=2").json["history"][1]["revision"]
    with stopped(weldr.worker_pids()[0]):
        shown = terminal("history", "restore", str(revision), api=weldr.admin)
        shown.wait(rf"\rgoing back to revision {revision}, [0-9]+ s")
    assert shown.end() == 0 and not any("going back" in line for line in shown.screen)


def test_an_upgrade_that_comes_to_nothing(lab, terminal, tmp_path):
    weldr = lab.weldr()
    slow = heirs.program(str(tmp_path), "time.sleep(2)\nsys.exit(7)\n")
    shown = terminal("upgrade", slow, api=weldr.admin)
    shown.wait(r"\rupgrading: the new one starts, [0-9]+ s\x1b\[K")
    assert shown.end() == 1
    assert len(shown.screen) == 1 and shown.screen[0].startswith("error: "), shown.screen


def test_an_upgrade_of_all_nodes(lab, terminal, folder, tmp_path):
    """Of one: the steps stay, the line goes."""
    heirs.take_orphans()
    weldr = lab.weldr("--data-dir", folder)
    slow = tmp_path / "slow"
    slow.write_text(f'#!/bin/sh\nsleep 1.5\nexec {os.path.abspath(BIN)} "$@"\n')
    slow.chmod(0o755)
    shown = terminal("cluster", "upgrade", "--binary", str(slow), "--again", api=weldr.admin)
    shown.wait(r"\rlooking at all nodes, [0-9]+ s\x1b\[K")
    shown.wait(r"\rnode [0-9a-f]{16}: the new one starts, [0-9]+ s of at most 120 s\x1b\[K")
    assert shown.end() == 0
    assert len(shown.screen) == 4 and all(re.match("weldr |1/1  node |     weldr ", line) for line in shown.screen), shown.screen
    assert heirs.end_of(heirs.follow(weldr, int(re.search("process ([0-9]+)", shown.text).group(1)))) == 0
    wait_until(lambda: not heirs.owes_predecessor(weldr), 10, "the successor to hear of the end")


def test_a_join_that_nobody_answers(lab, terminal, folder, tmp_path):
    """The log goes above the line; at the end of it all the line is gone."""
    weldr = lab.weldr("--data-dir", folder, "--cluster-ip", Port().text)
    token = weldr.api("POST", "/cluster/tokens").json["token"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        at = f"127.0.0.1:{silent.getsockname()[1]}"
        shown = terminal("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0", "--data-dir", str(tmp_path / "two"),
                         "--cluster-ip", Port().text, "--join", at, "--token", token, env={"WELDR_EPHEMERAL": "no"})
        shown.wait(rf"\rjoining the cluster at {at}: asking a member to take this node in, 1 s\x1b\[K")
        shown.process.terminate()
        assert shown.end() == 0
    assert not any("joining the cluster at" in line for line in shown.screen), shown.screen
    assert any("shutting down" in line for line in shown.screen)
    assert all(re.match(r"[0-9:.]{12} \x1b?", line) for line in shown.screen)


def test_the_screen_of_these_tests():
    assert on_screen("abc\rx\x1b[K\r\x1b[Kdone\r\n") == ["done"]
    assert on_screen("one\r\ntwo\rT\r\n") == ["one", "Two"]
