"""The access log: a line for each exchange, whole whatever clients send, and none lost by rotation."""

import json
import os
import re
import signal
import threading

import pytest

import origins as o
from rawhttp import Client, wait_until
from weldr import IS_ASAN, is_alive, run_weldr

KEYS = ["time", "worker", "client", "method", "target", "version", "host", "status", "result", "origin", "retries",
        "bytes_in", "bytes_out", "wait_us", "queue_us", "connect_us", "first_byte_us", "total_us",
        "added_us", "request_id", "user_agent", "referer", "listener", "rule", "pool", "attempts"]
COMBINED = re.compile(r'(\S+) - - \[(\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "([^"]*)" (\d{3}) (\d+) "([^"]*)" "([^"]*)"')


def entries(*paths):
    """Every line parsed; a line that is not whole is an error."""
    found = []
    for path in paths:
        if os.path.exists(path):
            with open(path, encoding="ascii", newline="\n") as file:
                found += [json.loads(line) for line in file.read().split("\n") if line]
    return found


def wait_entries(path, count, timeout_s=10.0):
    def enough():
        with open(path, "rb") as file:
            return file.read().count(b"\n") >= count
    wait_until(enough, timeout_s, f"{count} lines")
    found = entries(path)
    assert len(found) == count, found
    return found


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "access.log")


@pytest.fixture
def run(lab, path):
    def start(*behaviours, **more):
        flags = more.pop("flags", ())
        weldr = lab.weldr("--access-log", path, *flags, **more)
        origins = [lab.origin(b) for b in behaviours]
        for origin in origins:
            weldr.add(origin)
        return (weldr, *origins)
    return start


def tried(entry):
    assert all(0 <= attempt["ms"] < 10_000 for attempt in entry["attempts"])
    return [(attempt["server"], attempt["result"]) for attempt in entry["attempts"]]


# ---- what a line says

@pytest.mark.smoke
def test_every_key(run, path):
    weldr, origin = run(o.echo)
    client = weldr.connect()
    port = client.sock.getsockname()[1]
    answer = client.ask("POST", "/a%20b?c=d", body=b"12345", fields=[
        ("Content-Length", "5"), ("User-Agent", "test/1"), ("Referer", "http://from/"), ("X-Request-Id", "mine")])
    assert answer.status == 200
    client.ask("GET", "/second", fields=[("Connection", "User-Agent"), ("User-Agent", "hidden")])
    first, second = wait_entries(path, 2)
    assert list(first) == KEYS
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"])
    wanted = {"worker": 0, "client": f"127.0.0.1:{port}", "method": "POST", "target": "/a%20b?c=d", "version": "1.1",
              "host": "test.example", "status": 200, "result": "ok", "origin": origin.url, "retries": 0,
              "bytes_in": 5, "bytes_out": len(answer.body), "request_id": "mine", "user_agent": "test/1",
              "referer": "http://from/", "listener": "default", "rule": None, "pool": "default"}
    assert {k: first[k] for k in wanted} == wanted
    for key in ("wait_us", "queue_us", "connect_us", "first_byte_us", "total_us", "added_us"):
        assert 0 <= first[key] < 10_000_000, key
    assert first["wait_us"] + first["connect_us"] + first["first_byte_us"] <= first["total_us"]
    assert second["connect_us"] == 0, "an idle connection was there"
    assert second["user_agent"] == "hidden" and second["referer"] is None
    assert second["request_id"] == origin.seen()[1].get("X-Request-Id")


def test_every_attempt_is_told(lab, run, path):
    """Each with its server, how it ended and how long it took; of very many the first and the last."""
    weldr, = run()
    weldr.patch_pool({"retry": {"attempts": 2}})
    resets = [lab.origin(o.reset) for _ in range(2)]
    for origin in resets:
        weldr.add(origin)
    assert weldr.ask().status == 502
    entry = wait_entries(path, 1)[0]
    assert sorted(tried(entry)) == sorted((origin.url, "origin_reset") for origin in resets)
    assert entry["origin"] == entry["attempts"][-1]["server"] and entry["retries"] == 1
    for origin in resets:
        weldr.delete(origin)
    dead = [lab.dead_origin() for _ in range(12)]
    for origin in dead:
        weldr.add(origin)
    assert weldr.ask().status == 502
    entry = wait_entries(path, 2)[1]
    assert entry["retries"] == 11 and entry["origin"] == entry["attempts"][-1]["server"]
    told = tried(entry)
    assert len(set(told)) == 8 and {result for _, result in told} == {"connect_refused"}


def test_slow_attempt_shows(lab, run, path):
    weldr, = run()
    weldr.patch_pool({"timeouts": {"response_head_ms": 200}, "retry": {"attempts": 2}})
    weldr.add(lab.origin(o.stall))
    assert weldr.ask().status == 504
    attempt, = wait_entries(path, 1)[0]["attempts"]
    assert attempt["result"] == "origin_timeout" and attempt["ms"] >= 199


def test_reason_of_a_malformed_request(run, path):
    weldr, = run()
    weldr.connect().send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").response()
    weldr.ask()
    bad, other = wait_entries(path, 2)
    assert bad["result"] == "bad_request" and "host" in bad["reason"].lower()
    assert "reason" not in other


def test_times_are_told_apart(run, path):
    gate = o.Gate()
    weldr, origin = run(gate)
    client = weldr.connect().request()
    wait_until(lambda: gate.entered == 1, 5, "in flight")
    assert client.stays_silent(1.0)
    gate.open()
    client.response()
    entry = wait_entries(path, 1)[0]
    assert entry["first_byte_us"] >= 1_000_000
    assert entry["total_us"] >= entry["first_byte_us"]
    assert entry["added_us"] < 500_000, "waiting for the origin is not ours"


def test_answers_by_weldr(lab, run, path):
    weldr, = run()
    dead = lab.dead_origin()
    weldr.ask(fields=[("X-Request-Id", "x")])
    weldr.connect().send("GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n").response()
    weldr.add(dead)
    weldr.ask()
    none, bad, refused = wait_entries(path, 3)
    assert (none["status"], none["result"], none["origin"], none["attempts"]) == (503, "no_server", None, [])
    assert none["wait_us"] is None and none["bytes_out"] > 0 and none["request_id"] == "x"
    assert (bad["status"], bad["result"], bad["method"], bad["target"], bad["version"]) == \
        (400, "bad_request", None, None, None)
    assert (refused["status"], refused["result"], refused["origin"]) == (502, "connect_refused", dead.url)
    assert refused["connect_us"] is None and refused["first_byte_us"] is None


def test_hints_are_no_answer(run, path):
    """A server that sends 103 after 103 and nothing else has not answered."""
    weldr, origin = run(o.pieces([b"HTTP/1.1 103 Early Hints\r\n\r\n"] * 1000, gap_s=0.02))
    weldr.patch_pool({"timeouts": {"response_head_ms": 300}})
    assert weldr.ask().status == 504
    entry = wait_entries(path, 1)[0]
    assert (entry["status"], entry["result"], entry["origin"]) == (504, "origin_timeout", origin.url)
    assert entry["first_byte_us"] is None and entry["total_us"] >= 299_000  # timers count whole ms


def test_client_that_waits_for_100_for_ever(run, path):
    """It need not wait (RFC 9110 section 10.1.1): the server that says nothing is not to blame, nor put aside."""
    weldr, origin = run(o.stall)
    weldr.set_timeouts(response_head_ms=200, client_body_ms=200)
    weldr.patch_pool({"eject": {"errors": 1}})
    fields = [("Content-Length", "4"), ("Expect", "100-continue")]
    answer = weldr.connect().request("POST", fields=fields).response()
    assert (answer.status, answer.get("Weldr-Error")) == (408, "client_timeout")
    entry = wait_entries(path, 1)[0]
    assert (entry["status"], entry["result"], entry["origin"]) == (408, "client_timeout", origin.url)
    assert (weldr.servers()[0]["failed"], weldr.servers()[0]["ejections"]) == (0, 0)


def test_retry_and_client_abort(lab, run, path):
    weldr, good = run(o.by_target({"/stall": o.stall}))
    dead = lab.dead_origin()
    weldr.add(dead)
    for _ in range(2):
        assert weldr.ask().status == 200
    retried = [e for e in wait_entries(path, 2) if e["retries"]]
    assert [(tried(e), e["retries"], e["origin"], e["result"]) for e in retried] == [([
        (dead.url, "connect_refused"), (good.url, "ok")], 1, good.url, "ok")]
    weldr.delete(dead)
    client = weldr.connect().request(target="/stall")
    wait_until(lambda: any(s.target == "/stall" for s in good.seen()), 5, "in flight")
    client.reset()
    gone = wait_entries(path, 3)[2]
    assert (gone["status"], gone["result"], gone["origin"]) == (0, "client_abort", good.url)


def test_origin_that_was_deleted_is_told_by_id(run, path):
    gate = o.Gate()
    weldr, origin = run(gate)
    number = weldr.server(origin)["id"]
    client = weldr.connect().request()
    wait_until(lambda: gate.entered == 1, 5, "in flight")
    weldr.delete(origin)
    gate.open()
    assert client.response().status == 200
    assert wait_entries(path, 1)[0]["origin"] == number


NASTY = ['/"', '/","status":999,"x":"', "/\\", "/\\u000a", "/%0a%22", "/{}[]", "/'--", "/" + "x" * 5000, '/"' * 2000]


@pytest.mark.parametrize("layout", ["json", "combined"])
def test_nothing_forges_a_line(run, path, layout):
    weldr, _ = run(o.hello, flags=("--access-log-format", layout))
    agents = ["a\"b", "\x80\xff", "\xe2\x80\xa8", "tab\there", "\xc2\x9b31m", "x" * 3000]
    client = weldr.connect()
    for target in NASTY:
        for agent in agents:
            assert client.ask(target=target, fields=[("User-Agent", agent), ("Referer", agent)]).status == 200
    count = len(NASTY) * len(agents)
    if layout == "json":
        found = wait_entries(path, count)
        for entry, (target, agent) in zip(found, [(t, a) for t in NASTY for a in agents]):
            assert list(entry)[:len(KEYS)] == KEYS and entry["status"] == 200
            if "truncated" not in entry:
                assert entry["target"] == target
                assert entry["user_agent"] == agent.encode("latin-1").decode("utf-8", "replace")
            else:
                assert len(target) > 890 or len(agent) > 380
        return
    wait_until(lambda: open(path, "rb").read().count(b"\n") == count, 10, "all lines")
    for line in open(path, encoding="ascii", newline="\n").read().split("\n")[:-1]:
        match = COMBINED.fullmatch(line)
        assert match and match[1] == "127.0.0.1" and match[4] == "200" and match[5] == "5", line
        assert match[3].startswith("GET /") and match[3].endswith(" HTTP/1.1")


# ---- where lines go

def test_off_by_default(lab, tmp_path):
    weldr, _ = lab.run(o.hello)
    assert weldr.ask().status == 200
    assert weldr.stats()["access_log_lost"] == 0


def test_relative_path_and_environment(lab, path, monkeypatch):
    monkeypatch.chdir(os.path.dirname(path))
    weldr = lab.weldr(env={"WELDR_ACCESS_LOG": "access.log", "WELDR_ACCESS_LOG_FORMAT": "combined"})
    weldr.ask()
    wait_until(lambda: os.path.getsize(path) > 0, 5, "a line")
    assert COMBINED.fullmatch(open(path, encoding="ascii").read().rstrip("\n"))
    assert os.stat(path).st_mode & 0o137 == 0


def test_flag_off_wins_over_the_environment(lab, path):
    weldr = lab.weldr("--access-log", "off", env={"WELDR_ACCESS_LOG": path})
    weldr.ask()
    weldr.stop()
    assert not os.path.exists(path)


@pytest.mark.parametrize("flags,words", [
    (("--access-log", "/nowhere/at/all"), "/nowhere/at/all"), (("--access-log", ""), "--access-log"),
    (("--access-log-format", "xml"), "json or combined")])
def test_bad_settings(flags, words):
    ended = run_weldr("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0", *flags)
    assert ended.returncode == 2 and words in ended.stderr


def test_stdout_pipe_that_nobody_reads(lab):
    """Never blocking: requests go on, lines are counted as lost, and come again when there is a reader."""
    read_end, write_end = os.pipe()
    weldr = lab.weldr("--access-log", "stdout", stdout=write_end)
    client = weldr.connect()
    for _ in range(600):
        assert client.ask(target="/" + "x" * 600).status == 503
    wait_until(lambda: weldr.stats()["access_log_lost"] > 0, 5, "lost lines are counted")
    assert weldr.wait_log(msg="access log lines are lost")
    assert os.get_blocking(write_end), "the pipe's flags are those of whoever made it"
    os.set_blocking(read_end, False)
    data = b""

    def read_more():
        nonlocal data
        try:
            data += os.read(read_end, 1 << 20)
        except BlockingIOError:
            pass
        return data.count(b"\n") + weldr.stats()["access_log_lost"] == 600
    wait_until(read_more, 10, "all that was not lost")
    assert {len(json.loads(line)["target"]) for line in data.splitlines()} == {601}
    os.close(read_end)
    os.close(write_end)


def test_full_disk(lab):
    weldr = lab.weldr("--access-log", "/dev/full")
    client = weldr.connect()
    for _ in range(400):
        assert client.ask(target="/" + "x" * 600).status == 503
    wait_until(lambda: weldr.stats()["access_log_lost"] > 0, 5, "lost lines are counted")
    line, = weldr.wait_log(msg="access log lines are lost")
    assert "No space" in line["error"]


# ---- rotation and endings

@pytest.mark.smoke
def test_flushed_at_the_end(run, path):
    weldr, _ = run(o.hello, workers=2)
    for _ in range(50):
        weldr.ask()
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(20) == 0
    assert len(entries(path)) == 50


def test_what_drains_is_logged(run, path):
    gate = o.Gate()
    weldr, _ = run(gate, drain_timeout="20")
    client = weldr.connect().request(target="/slow")
    wait_until(lambda: gate.entered == 1, 5, "in flight")
    weldr.signal(signal.SIGTERM)
    weldr.wait_log(msg="draining")
    gate.open()
    assert client.response().status == 200
    assert weldr.wait_exit(20) == 0
    assert [e["target"] for e in entries(path)] == ["/slow"]


@pytest.mark.smoke
def test_rotation_loses_no_line(run, path):
    """Four workers write to one file, which is renamed again and again under load; SIGHUP to the manager."""
    weldr, _ = run(o.hello, workers=4)
    per_client, clients, rounds = (40 if IS_ASAN else 150), 8, 5

    def ask(number):
        for i in range(per_client):
            with Client(weldr.address) as client:
                assert client.ask(target=f"/{number}/{i}").status == 200

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    old = []
    for number in range(rounds):
        old.append(f"{path}.{number}")
        os.rename(path, old[-1])
        weldr.signal(signal.SIGHUP)
        wait_until(lambda: os.path.exists(path), 5, "a new file")
        wait_until(lambda: not any(holds(pid, old[-1]) for pid in weldr.worker_pids()), 5, "the old one is let go")
    for thread in threads:
        thread.join()
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(20) == 0
    found = entries(path, *old)
    assert sorted(e["target"] for e in found) == sorted(f"/{n}/{i}" for n in range(clients) for i in range(per_client))
    assert len({e["worker"] for e in found}) > 1


def holds(pid, name):
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}") == name for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return True


def test_killed_worker_leaves_whole_lines(run, path):
    weldr, _ = run(o.hello, workers=2)
    for _ in range(20):
        weldr.ask()
    wait_entries(path, 20)
    old = weldr.worker_pids()
    os.kill(old[0], signal.SIGKILL)
    weldr.signal(signal.SIGHUP)  # to one that is starting, perhaps
    weldr.wait_workers(2, not_pids=old[:1])
    assert is_alive(old[1])
    for _ in range(20):
        weldr.ask()
    wait_entries(path, 40)


def test_manager_killed_lines_are_written(run, path):
    weldr, _ = run(o.hello, workers=2)
    workers = weldr.worker_pids()
    for _ in range(20):
        weldr.ask()
    os.kill(weldr.pid, signal.SIGKILL)
    weldr.wait_exit()
    wait_until(lambda: not any(is_alive(pid) for pid in workers), 10, "workers have ended")
    assert len(entries(path)) == 20
    weldr.stop(exit_code=None)
