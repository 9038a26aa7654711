"""Issue 15, must hold 3: the program for arm64 works. qemu-user runs it, on the machine that has built it (foreign.py).

qemu-user has no filter of system calls, and the program says so: it goes without, as on a kernel that has none. So what the filter
would say is found out in another way: qemu notes each call that a worker makes, and the table of the filter has to have it.
"""

import glob
import json
import os
import re
import signal
import subprocess
import tempfile

import pytest

from foreign import Foreign, out
from machine import ROOT, run, wait_until

PROXY, ADMIN, SERVER = "127.0.0.1:8080", "127.0.0.1:8687", "127.0.0.1:9101"
# Files of tests/integration. Not those that need what qemu-user 7.2 has not: asynchronous I/O (io_setup), without which there is no
# data directory and no cluster, the filter of system calls, filters at groups of sockets, or the names of processes in /proc.
SMOKE = """
access_log admin_host api api_errors api_odd auth bodies drain events explain fields forwarded half_close health leaving
listeners metrics names origin_failures places pools proxy proxy_protocol request_id rules signals splice states stats
tls_listeners tls_servers ui websocket
"""
SMOKE_MIN_N = 200
NOT_UNDER_QEMU = ["test_signals.py::test_meaningless_signals"]  # real-time signals have other numbers outside of qemu-user
# qemu writes its notes to a descriptor among those of the program, and a child of the program closes it: its number must be one
# that is given to nothing else then. Whoever keeps virtual IPs closes it, too, and stays: without these capabilities there is none.
BEFORE_NOTES = """
for fd in {3..60}; do eval "exec $fd</dev/null"; done
exec setpriv --bounding-set=-net_admin,-net_raw "$@"
"""
ANSWERS = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.answer(b"ok\\n")
    def do_POST(self):
        self.answer(b"%d\\n" % len(self.rfile.read(int(self.headers["Content-Length"]))))
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 9101), Handler)
print("up", flush=True)
server.serve_forever()
"""


@pytest.fixture(name="weldr", scope="session")
def unpack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arm64")
    (tar,) = glob.glob(os.path.join(out("arm64"), "weldr-*-arm64.tar.gz"))
    run("tar", "-x", "-C", str(folder), "--strip-components=1", "-f", tar)
    return str(folder / "weldr")


@pytest.fixture(name="box")
def make_box():
    box = Foreign()
    yield box
    box.close()


class Node:
    """A manager with two workers, and an origin."""

    def __init__(self, box, program, before=(), **more):
        self.box, self.program = box, program
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = box.start(*before, program, "--ephemeral", "--workers", "2", "--ip", PROXY, "--drain-timeout", "5",
                                 stdout=self.log, stderr=self.log, **more)
        origin = box.start("/usr/bin/python3", "-c", ANSWERS, stdout=subprocess.PIPE)
        assert origin.stdout.readline() == "up\n"
        wait_until(lambda: box.try_run("curl", "-sf", f"http://{ADMIN}/ready").returncode == 0, 120, "weldr to be ready")

    def ask(self, *words):
        return self.box.run(self.program, *words)

    def get(self, *more, at=PROXY, path="/"):
        return self.box.run("curl", "-sf", "--max-time", "30", *more, f"http://{at}{path}")

    def stop(self):
        """By SIGTERM to the manager, which is what nsenter has started."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as file:
            os.kill(int(file.read()), signal.SIGTERM)
        assert self.process.wait(timeout=120) == 0
        self.log.seek(0)
        return self.log.read()


def test_versions(box, weldr):
    kind = run("readelf", "-hl", weldr)
    assert "AArch64" in kind and "DYN (" in kind and "INTERP" not in kind, "a static PIE"
    told = box.run(weldr, "--version", "--verbose")
    assert re.match(r"weldr \d+\.\d+", told)
    for name in ("openssl 3.", "libraft ", "libuv ", "glibc 2.", "chart.js "):
        assert name in told, told


def test_serves_drains_and_stops(box, weldr):
    node = Node(box, weldr)
    assert "active" in node.ask("server", "add", f"http://{SERVER}")
    assert {node.get() for _ in range(50)} == {"ok\n"}
    assert node.get("-d", "x" * 100_000) == "100000\n"
    stats = json.loads(node.get(at=ADMIN, path="/stats"))
    assert stats["client"]["success"] >= 50 and stats["client"]["failed"] == 0, stats
    assert "drained" in node.ask("server", "drain", SERVER, "--wait")
    assert box.try_run("curl", "-sf", f"http://{PROXY}/").returncode == 22
    log = node.stop()
    assert "level=error" not in log and log.count("workers go without") == 2, log


def caged_calls(notes):
    """What a process calls behind its last attempt to filter its calls."""
    calls = re.findall(r"^\d+ (\w+)\(", notes, re.MULTILINE)
    return set(calls[len(calls) - calls[::-1].index("seccomp"):])


def test_calls_of_workers_are_in_the_filter(box, weldr, tmp_path):
    """On arm64 the C library takes other calls than on amd64, such as epoll_pwait and ppoll."""
    node = Node(box, weldr, before=["bash", "-c", BEFORE_NOTES, "bash"],
                env={**os.environ, "QEMU_STRACE": "1", "QEMU_LOG_FILENAME": str(tmp_path / "%d")})
    node.ask("server", "add", f"http://{SERVER}")
    for _ in range(20):
        assert node.get() == "ok\n" and node.get("-d", "x" * 50_000) == "50000\n"
    node.ask("server", "drain", SERVER, "--wait")
    pids = re.findall(r'msg="worker has ended" id=\d pid=(\d+)', node.stop())
    with open(os.path.join(ROOT, "src", "cage", "filter_calls.def"), encoding="utf-8") as file:
        allowed = set(re.findall(r"^CALL(?:_IF)?\((\w+)", file.read(), re.MULTILINE)) | {"mmap"}
    assert len(pids) == 2
    for pid in pids:
        calls = caged_calls((tmp_path / pid).read_text(errors="replace"))
        assert {"epoll_pwait", "accept4", "exit_group"} <= calls <= allowed, calls - allowed


def test_smoke(box, weldr, tmp_path):
    """The smoke part of tests/integration, as `make test` runs it on the program for amd64. Origins and clients are this system's."""
    server = str(tmp_path / "test-server")
    run("gcc", "-O1", "-D_GNU_SOURCE", "-o", server, os.path.join(ROOT, "tools", "test-server", "test_server.c"))
    env = {**os.environ, "WELDR_BIN": weldr, "WELDR_TEST_SERVER": server, "WELDR_BUILD": "release"}
    files = [os.path.join(ROOT, "tests", "integration", f"test_{name}.py") for name in SMOKE.split()]
    left_out = [word for name in NOT_UNDER_QEMU for word in ("--deselect", name)]
    result = box.try_run("/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-n", "4", "-m", "smoke", "--timeout", "600",
                         "--tb=short", *left_out, *files, env=env, timeout=3500)
    assert result.returncode == 0, result.stdout[-20000:]
    assert int(re.search(r"(\d+) passed", result.stdout).group(1)) >= SMOKE_MIN_N, result.stdout[-500:]
