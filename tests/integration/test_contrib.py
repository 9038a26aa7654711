"""What contrib/ has for the machine around Weldr: the unit of systemd, the rotation of the access log, a saved state."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import heirs
import origins as o
import pytest
import weldr as harness
from ports import Port
from rawhttp import wait_until
from weldr import BIN, IS_ASAN

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
CONTRIB = os.path.join(ROOT, "contrib")
STATE = os.path.join(CONTRIB, "weldr-state")


def read(name):
    with open(os.path.join(CONTRIB, name), encoding="utf-8") as file:
        return file.read()


def run(*arguments, **more):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, **more)


def tool(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    assert found, f"there is no {name}: run tools/deps test"
    return found


# ---- the unit

def place(tmp_path, unit, drop_in=None):
    """The unit as a file, with the programs of the build, and perhaps with a drop-in."""
    path = tmp_path / "weldr.service"
    path.write_text(unit.replace("/usr/local/sbin/weldr", os.path.abspath(BIN)), encoding="utf-8")
    if drop_in:
        folder = tmp_path / "weldr.service.d"
        folder.mkdir(exist_ok=True)
        (folder / "more.conf").write_text(drop_in, encoding="utf-8")
    return str(path)


def verify(tmp_path, unit, drop_in=None):
    return run(tool("systemd-analyze"), "verify", "--man=no", place(tmp_path, unit, drop_in))


@pytest.mark.parametrize("drop_in", [None, "weldr-vips.conf"])
def test_systemd_has_no_complaint_of_the_unit(tmp_path, drop_in):
    more = drop_in and read(drop_in)
    checked = verify(tmp_path, read("weldr.service"), more)
    assert checked.returncode == 0 and "weldr.service" not in checked.stderr, checked
    wrong = verify(tmp_path, read("weldr.service").replace("KillMode=mixed", "KillMode=some"), more)
    assert "weldr.service" in wrong.stderr, wrong


def test_systemd_has_no_complaint_of_the_socket_unit(tmp_path):
    place(tmp_path, read("weldr.service"))
    path = tmp_path / "weldr.socket"
    path.write_text(read("weldr.socket"), encoding="utf-8")
    checked = run(tool("systemd-analyze"), "verify", "--man=no", str(path))
    assert checked.returncode == 0 and "weldr.socket" not in checked.stderr, checked
    path.write_text(read("weldr.socket").replace("Backlog=4096", "Backlog=some"), encoding="utf-8")
    assert "weldr.socket" in run(tool("systemd-analyze"), "verify", "--man=no", str(path)).stderr


@pytest.mark.parametrize("drop_in", [None, "weldr-vips.conf"])
def test_the_unit_is_closed(tmp_path, drop_in):
    """Of 10 for a service that may do all, at most 2.0; --threshold takes tenths."""
    path = place(tmp_path, read("weldr.service"), drop_in and read(drop_in))
    rated = run(tool("systemd-analyze"), "security", "--offline=true", "--no-pager", "--threshold=20", path)
    assert rated.returncode == 0 and "Overall exposure level" in rated.stdout, rated


def values(unit, name):
    return [value for value in re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)]


def calls_of(name):
    """The system calls of a set, or the one of that name."""
    if not name.startswith("@"):
        return {name}
    listed = run(tool("systemd-analyze"), "syscall-filter", "--no-pager", name)
    assert listed.returncode == 0, listed
    names = [line.strip() for line in listed.stdout.splitlines()[1:]]
    return set().union(*(calls_of(one) for one in names if one and not one.startswith("#")))


def allowed_calls(unit):
    """As systemd merges the lines: the first one says what may be called, the others add to that and take away."""
    allowed = set()
    for value in values(unit, "SystemCallFilter"):
        named = set().union(*(calls_of(name) for name in value.lstrip("~").split()))
        allowed = allowed - named if value.startswith("~") else allowed | named
    return allowed


AS_IN_THE_UNIT = """#!/bin/sh
exec strace -D -f -qq -o {trace} setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \\
    --bounding-set -all,{capabilities} --inh-caps -all,{capabilities} --ambient-caps -all,{capabilities} {program} "$@"
"""


def called(trace):
    """Names of the calls that Weldr made: from where setpriv has become Weldr."""
    with open(trace, encoding="utf-8", errors="replace") as file:
        lines = file.read().splitlines()
    begin = [n for n, line in enumerate(lines) if re.match(rf'\d+\s+execve\("{os.path.abspath(BIN)}"', line)][0]
    found = [re.match(r"\d+\s+(?:<\.\.\. )?(\w+)[( ]", line) for line in lines[begin:]]
    return {match.group(1) for match in found if match}


@pytest.mark.smoke
def test_the_unit_leaves_what_weldr_needs(lab, tmp_path, monkeypatch):
    """With its capabilities alone; no system call of a start, a request, a reload, an upgrade and an end is outside of its filter."""
    unit = read("weldr.service")
    names = values(unit, "CapabilityBoundingSet")[0].split()
    assert values(unit, "AmbientCapabilities")[0].split() == names
    wrapper, trace = tmp_path / "weldr", tmp_path / "trace"
    wrapper.write_text(AS_IN_THE_UNIT.format(trace=trace, program=os.path.abspath(BIN), capabilities=",".join(
        "+" + name.removeprefix("CAP_").lower() for name in names)), encoding="ascii")
    wrapper.chmod(0o755)
    monkeypatch.setattr(harness, "BIN", str(wrapper))
    heirs.take_orphans()
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=0")  # it can't look where strace does; also of one that judges responses
    with tempfile.TemporaryDirectory(prefix="weldr-unit-") as folder:
        os.chmod(folder, 0o777)
        weldr = lab.weldr("--access-log", os.path.join(folder, "log"), "--admin-socket", os.path.join(folder, "api"), "--data-dir",
                          os.path.join(folder, "node"),
                          env={"WELDR_EPHEMERAL": "", "ASAN_OPTIONS": "detect_leaks=0"}, namespace=lab.namespace(), ip="127.0.0.1:80")
        weldr.signal(signal.SIGHUP)
        assert weldr.ask().status == 503
        heirs.upgrade(weldr)
        assert weldr.api("GET", "/ready").status == 200
        weldr.stop()
    made = called(trace)
    assert {"accept4"} <= made, sorted(made)
    # The run time of a sanitizer calls more, and has no filter.
    assert IS_ASAN or ({"capset", "seccomp"} <= made and not made - allowed_calls(unit)), sorted(made)


# ---- the access log

def test_logrotate_loses_no_line(lab, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir(mode=0o755)
    log = folder / "access.log"
    weldr = lab.weldr("--access-log", str(log), workers=2)
    weldr.add(lab.origin(o.hello))
    rotation = read("weldr.logrotate").replace("/var/log/weldr", str(folder))
    rotation = rotation.replace("systemctl try-reload-or-restart weldr.service", f"kill -HUP {weldr.pid}")
    assert f"kill -HUP {weldr.pid}" in rotation
    config = tmp_path / "weldr.logrotate"
    config.write_text(rotation, encoding="utf-8")
    config.chmod(0o644)

    def rotate(*flags):
        done = run(tool("logrotate"), *flags, "--state", str(tmp_path / "state"), str(config))
        assert done.returncode == 0 and "error" not in done.stderr, done

    def lines_n():
        return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in folder.iterdir())

    rotate("--debug")
    for _ in range(20):
        assert weldr.ask().status == 200
    wait_until(lambda: lines_n() == 20, 10, "20 lines")
    rotate("--force")
    wait_until(log.exists, 10, "the new file is there")
    for _ in range(20):
        assert weldr.ask().status == 200
    wait_until(lambda: lines_n() == 40, 10, "40 lines")
    assert log.read_text(encoding="utf-8") and len(list(folder.iterdir())) == 2


# ---- the state

def state(weldr, verb, path):
    """weldr-state at the API's unix socket."""
    return run(STATE, verb, str(path), "--unix-socket", weldr.socket)


@pytest.fixture
def start(lab):
    """Starts a weldr at the same addresses each time. The name of a socket may have 107 bytes, so it is in a short folder."""
    proxy = Port()
    with tempfile.TemporaryDirectory(prefix="weldr-") as folder:
        def start():
            weldr = lab.weldr("--admin-socket", os.path.join(folder, "api"), ip=proxy.text)
            weldr.socket = os.path.join(folder, "api")
            return weldr
        yield start


def end(weldr, number=signal.SIGTERM):
    weldr.signal(number)
    assert weldr.wait_exit(20) == (0 if number == signal.SIGTERM else -number)
    weldr.stopped = True


def fill(weldr, origin, address):
    """Something of everything, and settings that differ from the defaults."""
    weldr.add(origin, weight=3, meta={"version": "1.4", "quoted": 'a "b" \\ $c ä'}, check={"interval_ms": 1234})
    for path, body in (
            ("/pools", {"name": "a.b_c-D", "drain_ms": 1000, "check": {"type": "none"}}),
            ("/pools/a.b_c-D/servers", {"url": "http://192.0.2.1:8080", "max_requests": 7}),
            ("/listeners", {"name": "two", "addresses": [address], "default_action": {"forward": [{"pool": "a.b_c-D"}]}}),
            ("/listeners/default/rules", {"priority": 10, "name": "a b", "conditions": {"path_prefix": "/a"},
                                          "action": {"forward": [{"pool": "a.b_c-D", "weight": 9}, {"pool": "default"}]}}),
            ("/listeners/default/rules", {"priority": 2, "conditions": {"host": "old.example"},
                                          "action": {"redirect": {"status": 301, "host": "new.example"}}})):
        answer = weldr.api("POST", path, body)
        assert answer.status == 201, answer
    for port, verb, drain_ms in ((81, "maintenance", 4321), (82, "drain", 0)):
        weldr.add(f"http://192.0.2.2:{port}")
        assert weldr.api("POST", f"/servers/192.0.2.2/{port}/{verb}", {"drain_ms": drain_ms}).status == 200


def test_a_saved_state_comes_back(lab, start, tmp_path):
    first = start()
    two = Port()
    fill(first, lab.origin(o.hello), two.text)
    assert state(first, "save", tmp_path / "saved").returncode == 0
    end(first)
    second = start()
    done = state(second, "restore", tmp_path / "saved")
    assert done.returncode == 0, done
    assert second.ask().status == 200
    assert state(second, "save", tmp_path / "again").returncode == 0
    saved = (tmp_path / "saved").read_text(encoding="utf-8")
    assert (tmp_path / "again").read_text(encoding="utf-8") == saved
    assert len(saved.splitlines()) == 10 and all(json.loads(line)["path"] for line in saved.splitlines())


def test_a_state_is_saved_whole_or_not_at_all(start, tmp_path):
    weldr = start()
    file = tmp_path / "saved"
    assert state(weldr, "save", file).returncode == 0
    before = file.read_text(encoding="utf-8")
    end(weldr, signal.SIGKILL)
    done = state(weldr, "save", file)
    assert done.returncode != 0 and "curl" in done.stderr
    assert file.read_text(encoding="utf-8") == before


def test_restore_says_what_is_refused(start, tmp_path):
    weldr = start()
    file = tmp_path / "saved"
    assert state(weldr, "restore", file).returncode == 0, "without a file there is nothing to do"
    file.write_text('{"method":"PUT","path":"/pools/x","body":{"colour":1}}\n', encoding="utf-8")
    done = state(weldr, "restore", file)
    assert done.returncode == 1 and "PUT /pools/x" in done.stderr and "colour" in done.stderr
