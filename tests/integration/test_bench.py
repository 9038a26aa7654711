"""The programs of `make bench` do what its figures rest on, and every workload can be played."""

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

import pytest

from rawhttp import wait_until
from weldr import BIN, clean_environment

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(BIN)), "bench")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BENCH = os.path.join(ROOT, "bench", "bench.py")
sys.path.append(os.path.join(ROOT, "bench"))

import chart  # noqa: E402 (from bench/)
import contestants  # noqa: E402
import report  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

BULK_BYTES = 20_000_000  # more than the kernel keeps for one that does not read
WIDE_CONNECTIONS = 200


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


@pytest.fixture
def free_port():
    """Gives ports on which nobody listens, nor anybody but one of our programs will."""
    keepers = []

    def keep_port():
        keepers.append(socket.socket())
        keepers[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the programs do
        keepers[-1].bind(("127.0.0.1", 0))
        return keepers[-1].getsockname()[1]
    yield keep_port
    for keeper in keepers:
        keeper.close()


@pytest.fixture
def start(free_port):
    """Starts one of the programs on a free port, which it returns."""
    processes = []

    def start_program(name, **words):
        port = free_port()
        command = [os.path.join(PROGRAMS, name), f"port={port}", *(f"{k}={v}" for k, v in words.items())]
        processes.append(subprocess.Popen(command))
        wait_until(lambda: is_open(port), 30.0, f"{name} listens")
        return port
    yield start_program
    for process in processes:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        process.kill()
        process.wait()


def run_load(**words):
    command = [os.path.join(PROGRAMS, "load"), *(f"{k}={v}" for k, v in words.items())]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    return json.loads(result.stdout)


class Listener:
    """Serves each connection in a thread of its own."""

    def __init__(self, serve):
        self.serve = serve
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()


def read_all(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def wait_for_end(connection):
    """The load generator ends its connections with a reset."""
    with contextlib.suppress(ConnectionResetError):
        read_all(connection)


def move(sender, receiver, data):
    """All of it at once against a receiver that first takes nothing, so that the relay has to keep some; then a FIN."""
    def send():
        sender.sendall(data)
        sender.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=send)
    thread.start()
    thread.join(0.3)
    assert read_all(receiver) == data
    thread.join()


def test_relay_moves_every_byte_both_ways_and_passes_fins(start):
    with socket.create_server(("127.0.0.1", 0)) as origin:
        relay = start("relay", origin=origin.getsockname()[1])
        origin.accept()[0].close()  # from the look whether the relay listens
        with socket.create_connection(("127.0.0.1", relay), 60) as client, origin.accept()[0] as server:
            server.settimeout(60)
            move(client, server, random.Random(1).randbytes(BULK_BYTES))
            move(server, client, random.Random(2).randbytes(BULK_BYTES))


def test_relay_closes_the_client_whose_origin_is_not_there(start, free_port):
    relay = start("relay", origin=free_port())
    with socket.create_connection(("127.0.0.1", relay), 30) as client:
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""


def test_origin_waits_for_the_body_of_a_request_however_it_comes(start):
    port = start("origin", answer=5)
    request = b"POST / HTTP/1.1\r\nHost: a\r\nCONTENT-length: 12\r\n\r\n\r\n\r\n\r\n\r\n1234"
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nxxxxx"
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(request) - 1):
            client.sendall(request[i:i + 1])
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)
        client.settimeout(30)
        client.sendall(request[-1:] + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == answer * 3


def test_load_counts_wrong_answers(start):
    result = run_load(port=start("origin", answer=12), connections=4, seconds=0.1, answer=13)
    assert result["bad"] > 0 and result["reason"] == "a wrong answer"


@pytest.mark.parametrize("answer, reason", [
    (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nok", "a wrong answer"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", "a wrong answer"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", "a connection broke"),
], ids=["status", "too-long", "too-short"])
def test_load_takes_no_other_answer(answer, reason):
    def serve(connection):
        connection.recv(4096)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_WR)
        wait_for_end(connection)
    result = run_load(port=Listener(serve).port, connections=1, seconds=0.1, answer=2)
    assert result["bad"] == 1 and result["reason"] == reason


def test_load_at_a_rate_counts_what_a_standstill_kept_from_being_sent():
    """One answer, then none: 1000 requests come due in the second, and half are older than its half.

    What came due while the load generator itself did not run is younger: it is told when it runs again.
    """
    def serve(connection):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        wait_for_end(connection)
    result = run_load(port=Listener(serve).port, connections=1, seconds=1, answer=2, rate=1000)
    assert (result["bad"], result["requests"]) == (0, 0)
    assert result["p50_us"] > 200_000


def read_some(connection):
    """Nothing when the load generator has ended, which resets its connections."""
    with contextlib.suppress(ConnectionResetError):
        return connection.recv(4096)
    return b""


def serve_but_stand_still(seen, still_seconds, requests_n):
    """serve(connection) for a Listener: each request is answered at once, but for one, and a connection whose request says so closed."""
    def serve(connection):
        with connection:
            while request := read_some(connection):
                seen.append(request)
                if len(seen) == requests_n:
                    threading.Event().wait(still_seconds)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                if b"Connection: close" in request:
                    return
    return serve


@pytest.mark.parametrize("words", [{}, {"close": 1}], ids=["keep-alive", "close"])
def test_load_at_a_rate_does_not_make_up_for_a_standstill(words):
    """300 of 800 requests come due while the only connection waits: they are told, not sent in a burst.

    A machine that stands still itself makes it more of them.
    """
    seen = []
    listener = Listener(serve_but_stand_still(seen, 0.3, 5))
    result = run_load(port=listener.port, connections=1, seconds=0.8, answer=2, rate=1000, **words)
    assert result["bad"] == 0, result
    assert result["missed"] > 250, result
    first = 0 if words else 1  # before the window
    assert 0 < result["requests"] <= len(seen) - first <= result["due"] - result["missed"], (result, len(seen))
    assert result["p99_us"] > 200_000, result  # who missed it waited, too


def test_load_opens_connections_at_its_rate():
    seen, began = [], time.monotonic()
    listener = Listener(serve_but_stand_still(seen, 0, 0))
    result = run_load(port=listener.port, connections=8, seconds=0.5, answer=2, rate=100, close=1)
    assert result["bad"] == 0 and 0 < result["requests"] <= len(seen) <= result["due"], (result, len(seen))
    assert 50 <= result["due"] <= 100 * (time.monotonic() - began) + 1, result


class Bench(subprocess.Popen):
    """bench.py, which is told to end when its time is over: to kill it leaves what it has started, in sessions of their own."""

    def __init__(self, *flags):
        super().__init__([sys.executable, BENCH, "--build", os.path.dirname(PROGRAMS), *flags], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True, env=clean_environment())

    def __exit__(self, kind, *more):
        if kind is not None and self.poll() is None:
            self.terminate()
        super().__exit__(kind, *more)


def run_bench(*flags, timeout_s):
    """Its exit code and what it wrote."""
    with Bench(*flags) as bench:
        out, err = bench.communicate(timeout=timeout_s)
        return bench.returncode, out, err


def play(tmp_path, *flags):
    code, out, err = run_bench("--output", str(tmp_path), "--rounds", "1", "--seconds", "0.2", "--warm-up", "0",
                               "--connections", str(WIDE_CONNECTIONS), *flags, timeout_s=430)
    assert code == 0, out + err
    return json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["workloads"]


def check_sample(name, sample):
    assert sample["errors"] == 0 and sample["requests"] > 0, (name, sample)
    if WORKLOADS[name].is_idle:
        assert sample["requests"] == WIDE_CONNECTIONS and sample["base_bytes"] > 0, sample
    else:
        assert 0 < sample["cpu_us"] and 0 <= sample["p50_us"] <= sample["p99_us"] <= sample["p999_us"], (name, sample)


@pytest.mark.timeout(450)
def test_every_workload_can_be_played(tmp_path):
    names = [name for name in contestants.CONTESTANTS if name not in ("nginx", "haproxy")]
    results = play(tmp_path, "--proxy", ",".join(names))
    assert list(results) == list(WORKLOADS)
    for name, workload in WORKLOADS.items():
        found = results[name]["contestants"]
        assert list(found) == [who for who in workload.contestants if who in names]
        for row in found.values():
            check_sample(name, row["samples"][0])
        picture = xml.etree.ElementTree.parse(tmp_path / "bench" / f"{name}.svg")
        assert workload.title in picture.findtext(".//{*}title")


@pytest.mark.timeout(240)
def test_another_build_is_measured_beside(tmp_path):
    other = tmp_path / "weldr"
    shutil.copy(os.path.join(os.path.dirname(PROGRAMS), "weldr"), other)
    results = play(tmp_path, "--workload", "W1,W1-log", "--proxy", "weldr,weldr-log", "--before", str(other))
    assert list(results["W1"]["contestants"]) == ["weldr", "weldr-before"]
    assert list(results["W1-log"]["contestants"]) == ["weldr", "weldr-log", "weldr-before"]
    check_sample("W1", results["W1"]["contestants"]["weldr-before"]["samples"][0])


@pytest.mark.timeout(240)
def test_peers_that_are_installed_take_part(tmp_path):
    results = play(tmp_path, "--workload", "W1,w6")
    present = [name for name in WORKLOADS["W1"].contestants if contestants.is_installed(name)]
    for name in ("W1", "W6"):
        assert list(results[name]["contestants"]) == present
        for row in results[name]["contestants"].values():
            check_sample(name, row["samples"][0])


def timed_row(cpu_us, p99_us=100, rate=30000):
    return {"cpu_us": cpu_us, "p99_us": p99_us, "requests_per_s": rate}


def verdicts(name, **samples):
    result = report.make(WORKLOADS[name], samples, 64)
    return {(row["metric"], row["against"]): row["verdict"] for row in result["comparisons"] if row["limit"] is not None}


def test_a_limit_is_met_or_missed_or_not_measured():
    found = verdicts("W1", weldr=[timed_row(9), timed_row(7.8), timed_row(1)], nginx=[timed_row(10)],
                     haproxy=[timed_row(9.9)])
    assert found == {("cpu_us", "nginx"): "ok", ("cpu_us", "haproxy"): "above", ("cpu_us", "relay"): "not measured"}


def test_memory_over_tls_is_compared_with_the_peers():
    found = verdicts("W8t", weldr=[{"bytes": 13_600}], nginx=[{"bytes": 14_000}], haproxy=[{"bytes": 15_000}])
    assert found == {("bytes", "nginx"): "above", ("bytes", "haproxy"): "ok"}


def test_p99_may_not_be_above_a_peer():
    found = verdicts("L2", weldr=[timed_row(1, 101)], nginx=[timed_row(2, 100)], haproxy=[timed_row(2, 101)])
    assert found["p99_us", "nginx"] == "above" and found["p99_us", "haproxy"] == "ok"


def test_own_limits_compare_with_own_w1():
    found = verdicts("W1-log", **{"weldr": [timed_row(10)], "weldr-log": [timed_row(10.7)]})
    assert found == {("cpu_us", "weldr"): "above"}


def test_who_does_not_keep_up_is_named():
    result = report.make(WORKLOADS["L2"], {"weldr": [timed_row(1)], "nginx": [timed_row(1, rate=29000)]}, 64)
    assert [note.split()[0] for note in result["notes"]] == ["nginx"]


def test_what_was_not_sent_in_time_is_told():
    samples = {"weldr": [{**timed_row(1), "missed": 7}], "nginx": [{**timed_row(1), "missed": 0}]}
    notes = report.make(WORKLOADS["L2"], samples, 64)["notes"]
    assert len(notes) == 1 and "weldr 7" in notes[0] and "nginx" not in notes[0]


def test_chart_of_anything_is_well_formed():
    picture = chart.draw("<a & b>", "", "µs", [("weldr", 0.031, 0.03), ("nginx", 1234.5, None)], ("weldr", 2000))
    assert xml.etree.ElementTree.fromstring(picture).findtext(".//{*}title") == "<a & b>"


def test_list_and_check(tmp_path):
    def run(*flags):
        return run_bench("--output", str(tmp_path), "--seconds", "0.1", "--warm-up", "0", "--rounds", "1", *flags, timeout_s=60)
    assert [line.split()[0] for line in run("--list")[1].splitlines()[::2]] == list(WORKLOADS)
    code, _, err = run("--check", "--workload", "W1", "--proxy", "weldr")
    assert code == 1 and "3 limits missed or not measured" in err, err
    assert "is no program" in run("--before", str(tmp_path / "none"))[2]
    code, _, err = run("--workload", "W99")
    assert code == 2 and "no workload 'W99'" in err


def programs_below(folder):
    """The processes whose working directory lies in it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd").startswith(str(folder)):
                found.append(int(pid))
    return found


def test_what_was_started_ends_with_the_test(tmp_path, monkeypatch):
    """A time-out in the middle of a measurement: neither proxy nor origin is left."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(TimeoutError), Bench("--output", str(tmp_path / "out"), "--workload", "W1", "--proxy", "weldr",
                                            "--seconds", "60", "--warm-up", "0", "--rounds", "1"):
        wait_until(lambda: len(programs_below(tmp_path)) >= 3, 60, "origin, manager and worker")
        raise TimeoutError
    assert programs_below(tmp_path) == []
