"""Health checks: the manager alone probes; three strikes and out (one for who never passed), two passes and back."""

import json
import os
import socket
import statistics
import threading
import time

import pytest

import origins as o
from rawhttp import Client, wait_until

FAST = {"type": "http", "path": "/health", "interval_ms": 200, "fast_interval_ms": 100, "timeout_ms": 1000}
PATIENT = {**FAST, "timeout_ms": 60000}


class Script:
    """Health by the number of the probe: 'p' passes, 'f' fails, the last letter stays."""

    def __init__(self, letters):
        self.letters, self.probes = letters, 0

    def __call__(self, lane, seen):
        if seen.target != "/health":
            o.hello(lane, seen)
            return
        letter = self.letters[min(self.probes, len(self.letters) - 1)]
        self.probes += 1
        o.answer(200 if letter == "p" else 500, b"probe")(lane, seen)


class Steps(Script):
    """A Script in which each probe waits for its answer until the test wants to go on."""

    def __init__(self, letters):
        super().__init__(letters)
        self.go_on = threading.Semaphore(0)

    def __call__(self, lane, seen):
        if seen.target == "/health":
            self.probes += 1
            assert self.go_on.acquire(timeout=o.DEADLINE_S)
            self.probes -= 1
        super().__call__(lane, seen)

    def states(self, weldr, origin):
        """The state of the server before the first result, and after each."""
        seen = []
        for number in range(len(self.letters) + 1):
            wait_until(lambda n=number: self.probes > n, 15, "the next probe")
            seen.append(weldr.state(origin))
            self.go_on.release()
        return seen


def probes(origin):
    return origin.seen("/health")


def wait_probes_elsewhere(lab, weldr, count):
    """So many checks of another server, one each 100 ms: what was to be checked meanwhile has been."""
    other = lab.origin()
    weldr.add(other, check={**FAST, "interval_ms": 100})
    wait_until(lambda: len(probes(other)) >= count, 20, f"{count} checks of another server")


@pytest.mark.smoke
def test_dead_origin_leaves_and_returns(lab):
    """Must hold 4: out after 3 failed probes, back after 2 passes, in GET /servers and in every worker."""
    weldr = lab.weldr(workers=4)
    health = o.Health(then=o.named("sick"))
    sick, well = lab.origin(health), lab.origin(o.Health(then=o.named("well")))
    weldr.add(sick, check=FAST)
    weldr.add(well, check=FAST)
    clients = [weldr.connect() for _ in range(24)]
    assert weldr.state(sick) == "active"
    health.status = 500
    weldr.wait_state(sick, "down")
    entry = weldr.server(sick)
    assert entry["reason"] and entry["last_check"]["ok"] is False and entry["last_check"]["status"] == 500

    def answers():
        return [sorted(c.ask().text for _ in range(2)) for c in clients]
    wait_until(lambda: answers() == [["well", "well"]] * 24, 5, "no worker asks it any more")
    health.status = 200
    weldr.wait_state(sick, "active")
    wait_until(lambda: answers() == [["sick", "well"]] * 24, 5, "each worker alternates again")


def test_killed_and_restarted_origin(lab):
    """H09: a refused connect counts as a failure."""
    weldr = lab.weldr(workers=2)
    weldr.patch_pool({"fail_open": False})
    origin = lab.origin(o.Health())
    weldr.add(origin, check=FAST)
    wait_until(lambda: probes(origin), 5, "a first probe")
    origin.stop()
    weldr.wait_state(origin, "down")
    last = weldr.server(origin)["last_check"]
    assert last["ok"] is False and last["error"], last
    wait_until(lambda: weldr.ask().status == 503, 5, "the workers have been told")
    origin.restart()
    weldr.wait_state(origin, "active")
    wait_until(lambda: weldr.ask().status == 200, 5, "the workers have been told")


def test_exactly_three_failures_and_two_passes(lab):
    """H05, H06: two failures are not enough, nor is one pass, once it has passed."""
    weldr = lab.weldr()
    steps = Steps("ppffp" + "fff" + "pf" + "pp")
    origin = lab.origin(steps)
    weldr.add(origin, check=PATIENT)
    assert steps.states(weldr, origin) == ["active"] * 8 + ["down"] * 4 + ["active"]


def test_flapping_server_is_never_marked(lab):
    """H07: the counters are strictly consecutive; a flap resets them."""
    weldr = lab.weldr()
    script = Script("pff" * 6 + "p")
    origin = lab.origin(script)
    weldr.add(origin, check={**FAST, "interval_ms": 100})
    seen = set()

    def watch():
        seen.add(weldr.state(origin))
        return script.probes >= 18
    wait_until(watch, 20, "18 probes")
    assert seen == {"active"}


def test_own_failures_and_passes_limits(lab):
    weldr = lab.weldr()
    steps = Steps("p" + "f" + "p")
    origin = lab.origin(steps)
    weldr.add(origin, check={**PATIENT, "failures": 1, "passes": 1})
    assert steps.states(weldr, origin) == ["active", "active", "down", "active"]


@pytest.mark.smoke
def test_first_probe_at_once_and_last_result_shown(lab):
    """H16: no waiting for the first interval; the last result shows in GET /servers."""
    weldr = lab.weldr()
    origin = lab.origin()
    weldr.add(origin, check={"path": "/health"})
    wait_until(lambda: probes(origin), 3, "a probe right after the add")
    server = wait_until(lambda: (weldr.server(origin) or {}).get("last_check") and weldr.server(origin), 3)
    last = server["last_check"]
    assert last["ok"] is True and last["status"] == 200 and last["ms"] >= 0 and not last.get("error")
    assert isinstance(last["at"], str) and last["at"][:2] == "20"
    check = server["check"]
    assert (check["interval_ms"], check["fast_interval_ms"], check["timeout_ms"]) == (30000, 2000, 5000)
    assert (check["failures"], check["passes"], check["expect"], check["type"]) == (3, 2, "200-299", "http")
    assert check["path"] == "/health"


def test_default_probe_is_get_slash(lab):
    """H03."""
    weldr = lab.weldr()
    origin = lab.origin()
    weldr.add(origin, check=None)
    wait_until(lambda: origin.seen("/"), 3, "a probe")
    probe = origin.last("/")
    assert (probe.method, probe.version) == ("GET", "HTTP/1.1")
    assert probe.get("Host") == origin.authority


def test_new_server_counts_as_active(lab):
    """Q07: it gets requests before its first check is through."""
    weldr = lab.weldr()
    origin = lab.origin(o.by_target({"/health": o.stall}))
    weldr.add(origin, check={**FAST, "timeout_ms": 30000})
    assert weldr.state(origin) == "active"
    assert weldr.ask().status == 200


WAITING = {**PATIENT, "initial": "down"}


def test_initial_down_waits_for_a_pass(lab):
    """B5: nothing is sent to it before, whatever fail_open says; one pass is enough, and failures change nothing."""
    weldr = lab.weldr(workers=2)
    steps = Steps("ffp" + "ffp")
    origin = lab.origin(steps)
    added = weldr.add(origin, check=WAITING)["servers"][0]
    assert (added["state"], added["reason"]) == ("initial", "waits for its first check")
    assert added["check"]["initial"] == "down"
    assert weldr.ask().status == 503 and not weldr.stats()["fail_open"]
    assert steps.states(weldr, origin) == ["initial"] * 3 + ["active"] * 4
    wait_until(lambda: weldr.ask().status == 200, 5, "the workers have been told")
    assert weldr.server(origin)["reason"] is None


def test_initial_down_of_the_pool(lab):
    """Also for a server that goes down afterwards: fail_open holds for it as for all."""
    weldr = lab.weldr()
    weldr.patch_pool({"check": {**FAST, "initial": "down"}})
    health = o.Health(500)
    origin = lab.origin(health)
    assert weldr.add(origin, check=None)["servers"][0]["state"] == "initial"
    wait_until(lambda: "failed check" in weldr.server(origin)["reason"], 5, "the reason is what the check says")
    assert weldr.ask().status == 503
    health.status = 200
    weldr.wait_state(origin, "active")
    health.status = 500
    weldr.wait_state(origin, "down")
    wait_until(lambda: weldr.stats()["fail_open"], 5, "fail open")
    wait_until(lambda: weldr.ask().status == 200, 5, "the workers have been told")


def test_initial_changes_at_run_time(lab):
    """It holds for who was not judged yet; who was keeps the verdict."""
    weldr = lab.weldr()
    new, old = lab.origin(o.by_target({"/health": o.stall})), lab.origin()
    weldr.add(new, check=PATIENT)
    weldr.add(old, check=FAST)
    wait_until(lambda: weldr.server(old)["last_check"], 5, "a verdict")
    for origin in new, old:
        assert weldr.api("PATCH", origin.path, {"check": {"initial": "down"}}).status == 200
    assert (weldr.state(new), weldr.state(old)) == ("initial", "active")
    assert weldr.api("PATCH", new.path, {"check": {"initial": None}}).status == 200
    assert weldr.state(new) == "active"
    for origin in new, old:
        assert weldr.api("PATCH", origin.path, {"check": {"type": "none", "initial": "down"}}).status == 200
        assert weldr.state(origin) == "active", "there is nothing to wait for"
    assert weldr.api("PATCH", new.path, {"check": {"type": "http"}}).status == 200
    assert weldr.state(new) == "active", "it has served meanwhile"


def test_new_worker_knows_who_waits(lab):
    weldr = lab.weldr()
    weldr.add(lab.origin(o.by_target({"/health": o.stall})), check=WAITING)
    old = weldr.worker_pids()
    os.kill(old[0], 9)
    weldr.wait_workers(1, not_pids=old)
    assert weldr.ask().status == 503


@pytest.mark.parametrize("status,expect,passes", [
    (200, None, True), (204, None, True), (299, None, True), (300, None, False), (404, None, False),
    (500, None, False), (301, "200-399", True), (404, "200,404", True), (200, "404", False),
], ids=str)
def test_which_status_passes(lab, status, expect, passes):
    """H04: any 2xx, or what `expect` says."""
    weldr = lab.weldr()
    origin = lab.origin(o.Health(status))
    check = dict(FAST)
    if expect:
        check["expect"] = expect
    weldr.add(origin, check=check)

    def result():
        return (weldr.server(origin) or {}).get("last_check")
    last = wait_until(result, 5, "a result")
    assert (last["ok"], last["status"]) == (passes, status)


@pytest.mark.parametrize("behave", [o.stall, o.close_silently, o.reset, o.raw(b"garbage\r\n\r\n", close=True)],
                         ids=["stall", "close", "reset", "garbage"])
def test_broken_probes_fail(lab, behave):
    """H12: a probe has a time limit; whatever breaks is a failure with its error told."""
    weldr = lab.weldr()
    origin = lab.origin(o.by_target({"/health": behave}))
    weldr.add(origin, check={**FAST, "timeout_ms": 200})
    weldr.wait_state(origin, "down")
    server = weldr.server(origin)
    assert server["last_check"]["ok"] is False and server["last_check"]["error"]
    assert server["reason"]


def test_one_probe_in_flight(lab):
    """H12: checks of a server never overlap, however slow it is."""
    running, most = [0], [0]
    lock = threading.Lock()

    def slow(lane, seen):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.35)
        with lock:
            running[0] -= 1
        o.hello(lane, seen)
    weldr = lab.weldr(workers=2)
    origin = lab.origin(slow)
    weldr.add(origin, check={**FAST, "interval_ms": 100, "timeout_ms": 5000})
    wait_until(lambda: len(probes(origin)) >= 5, 15, "5 probes")
    assert most[0] == 1


def test_manager_alone_probes_with_jitter(lab):
    """M04, ±10 %: one prober at the set interval, however many workers; own connections, never the traffic's."""
    weldr = lab.weldr(workers=4)
    origin = lab.origin()
    weldr.add(origin, check={**FAST, "interval_ms": 300})
    for _ in range(30):
        weldr.ask(target="/traffic")
    wait_until(lambda: len(probes(origin)) >= 12, 20, "12 probes")
    times = [p.at for p in probes(origin)][2:]
    usual = statistics.median(later - earlier for earlier, later in zip(times, times[1:]))
    assert usual > 0.25, f"one prober: usual interval {usual}"
    assert not {p.lane_id for p in probes(origin)} & {t.lane_id for t in origin.seen("/traffic")}


def test_never_passed_is_out_with_the_first_failure(lab):
    """B5: nobody knows yet that it ever worked. Back it comes as everybody, after two passes."""
    weldr = lab.weldr()
    steps = Steps("f" + "pf" + "pp" + "ff")
    origin = lab.origin(steps)
    weldr.add(origin, check=PATIENT)
    assert steps.states(weldr, origin) == ["active"] + ["down"] * 4 + ["active"] * 3


def test_first_failure_of_a_dead_server(lab):
    weldr = lab.weldr()
    origin = lab.dead_origin()
    weldr.add(origin, check={"interval_ms": 600000, "fast_interval_ms": 600000})
    weldr.wait_state(origin, "down")
    assert weldr.server(origin)["reason"] == "1 failed check: connection refused"


def test_a_server_that_is_not_up_yet_is_asked_soon(lab):
    """Added a moment before it listens: out at once, but looked at again in fast intervals, not after the long one."""
    weldr = lab.weldr()
    origin = lab.origin(Script("ffpp"))
    weldr.add(origin, check={"path": "/health", "interval_ms": 600000, "fast_interval_ms": 100})
    weldr.wait_state(origin, "down")
    weldr.wait_state(origin, "active", 5)


def test_fast_interval_between_states(lab):
    """Every 30 s in peace, but quickly while a server is between states."""
    weldr = lab.weldr()
    health = o.Health(500)
    origin = lab.origin(health)
    weldr.add(origin, check={"path": "/health", "interval_ms": 600000, "fast_interval_ms": 100, "timeout_ms": 1000})
    wait_until(lambda: health.probes >= 3, 5, "three checks")


def test_steady_interval_in_peace(lab):
    weldr = lab.weldr()
    health = o.Health(200)
    origin = lab.origin(health)
    weldr.add(origin, check={"path": "/health", "interval_ms": 600000, "fast_interval_ms": 100})
    wait_until(lambda: health.probes >= 1, 5, "the first probe")
    wait_probes_elsewhere(lab, weldr, 10)
    assert health.probes <= 3, "no fast probing of a server that is fine"


def test_tcp_check(lab):
    """P16: a connect is enough, nothing is sent."""
    weldr = lab.weldr()
    origin = lab.origin()
    weldr.add(origin, check={**FAST, "type": "tcp"})
    wait_until(lambda: origin.accepted >= 3, 5, "three connects")
    assert origin.seen() == []
    assert weldr.state(origin) == "active"
    origin.stop()
    weldr.wait_state(origin, "down")
    origin.restart()
    weldr.wait_state(origin, "active")


class Greeter:
    """Speaks first to whoever connects, and never closes."""

    def __init__(self):
        self.listener = socket.create_server(("0.0.0.0", 0), backlog=1024)
        self.lanes = []
        threading.Thread(target=self.greet_all, daemon=True).start()

    def greet_all(self):
        while True:
            try:
                lane, _ = self.listener.accept()
                self.lanes.append(lane)
                lane.send(b"220 ready\r\n")
            except OSError:
                if self.listener.fileno() < 0:
                    return

    def urls(self, n):
        port = self.listener.getsockname()[1]
        return [f"http://127.0.1.{i + 1}:{port}" for i in range(n)]

    def close(self):
        for sock in [self.listener, *self.lanes]:
            sock.close()


@pytest.mark.parametrize("proxy_protocol", [0, 2])
def test_tcp_check_ends_when_connected(lab, proxy_protocol):
    """Also with a server that speaks first and never closes: no connection is kept for it, and the manager ends as
    ever."""
    weldr, greeter, n = lab.weldr(), Greeter(), 100
    for url in greeter.urls(n):
        weldr.add(url, check={**FAST, "type": "tcp"}, proxy_protocol=proxy_protocol)
    seen = len(greeter.lanes)
    wait_until(lambda: len(greeter.lanes) >= seen + 3 * n, 30, "three checks of each")
    weldr.stop()
    greeter.close()


def test_no_check(lab):
    weldr = lab.weldr()
    weldr.add(lab.dead_origin(), check={"type": "none"})
    silent = lab.origin()
    weldr.add(silent, check={"type": "none"})
    wait_probes_elsewhere(lab, weldr, 5)
    assert silent.accepted == 0
    assert {s["state"] for s in weldr.servers()} == {"active"}


def test_probe_host_and_path(lab):
    weldr = lab.weldr()
    origin = lab.origin()
    weldr.add(origin, check={**FAST, "path": "/deep/check?full=1", "host": "probe.example"})
    wait_until(lambda: origin.seen("/deep/check?full=1"), 5, "a probe")
    assert origin.last("/deep/check?full=1").get("Host") == "probe.example"


@pytest.mark.smoke
def test_check_changes_at_run_time(lab):
    """H13, H14: by PATCH on the server; null takes an override away."""
    weldr = lab.weldr()
    origin = lab.origin(o.by_target({"/bad": o.answer(500, b"bad")}))
    weldr.add(origin, check=FAST)
    wait_until(lambda: probes(origin), 5, "a probe")
    assert weldr.api("PATCH", origin.path, {"check": {"path": "/bad"}}).status == 200
    weldr.wait_state(origin, "down")
    assert weldr.api("PATCH", origin.path, {"check": {"path": "/good"}}).status == 200
    weldr.wait_state(origin, "active")
    assert weldr.api("PATCH", origin.path, {"check": {"path": None}}).status == 200
    assert weldr.server(origin)["check"]["path"] == "/"
    assert weldr.api("PATCH", origin.path, {"check": {"type": "none"}}).status == 200
    assert weldr.server(origin)["check"]["type"] == "none"


def test_pool_defaults_change_at_run_time(lab):
    weldr = lab.weldr()
    origin, own = lab.origin(), lab.origin()
    weldr.patch_pool({"check": {"path": "/one", "interval_ms": 200, "fast_interval_ms": 100}})
    weldr.add(origin, check=None)
    weldr.add(own, check={"path": "/own"})
    wait_until(lambda: origin.seen("/one") and own.seen("/own"), 5, "probes of the defaults")
    weldr.patch_pool({"check": {"path": "/two"}})
    wait_until(lambda: origin.seen("/two"), 5, "probes of the new defaults")
    assert weldr.server(origin)["check"]["path"] == "/two"
    assert weldr.server(own)["check"]["path"] == "/own"
    assert weldr.server(own)["check"]["interval_ms"] == 200


def test_all_down_is_503(lab):
    """Q02: all down gives none, in a pool that does not fail open."""
    weldr = lab.weldr()
    weldr.patch_pool({"fail_open": False})
    for _ in range(2):
        weldr.add(lab.dead_origin(), check=FAST)
    wait_until(lambda: {s["state"] for s in weldr.servers()} == {"down"}, 10, "both down")
    weldr.tell_workers()
    response = weldr.ask()
    assert (response.status, response.get("Weldr-Error")) == (503, "no_server")


def test_down_server_stays_down_for_a_new_worker(lab):
    """A replaced worker gets the health of all servers with its snapshot."""
    weldr = lab.weldr(workers=2)
    health = o.Health(500, then=o.named("sick"))
    sick = lab.origin(health)
    weldr.add(sick, check=FAST)
    weldr.add(lab.origin(o.named("well")))
    weldr.wait_state(sick, "down")
    old = weldr.worker_pids()
    for pid in old:
        os.kill(pid, 9)
    weldr.wait_workers(2, not_pids=old)
    assert {weldr.ask().text for _ in range(20)} == {"well"}


def test_deleted_server_is_probed_no_more(lab):
    weldr = lab.weldr()
    origin = lab.origin()
    weldr.add(origin, check={**FAST, "interval_ms": 100})
    wait_until(lambda: len(probes(origin)) > 2, 5, "some probes")
    weldr.delete(origin)
    wait_until(lambda: weldr.servers() == [], 5, "an empty list")
    count = len(probes(origin))
    wait_probes_elsewhere(lab, weldr, 6)
    assert len(probes(origin)) <= count + 1


def test_health_of_a_removed_server_is_forgotten(lab):
    """Added anew it counts as active again."""
    weldr = lab.weldr()
    origin = lab.origin(o.Health(500))
    weldr.add(origin, check=FAST)
    weldr.wait_state(origin, "down")
    weldr.delete(origin)
    wait_until(lambda: weldr.servers() == [], 5, "an empty list")
    added = weldr.add(origin)
    assert added["servers"][0]["state"] == "active"
    assert weldr.ask().status == 200


def test_own_shortage_is_no_failure(lab):
    """A manager without a descriptor to spare can't probe; that says nothing about the server."""
    weldr = lab.weldr(nofile=48)
    origin = lab.origin()
    weldr.add(origin, check={**FAST, "failures": 1})
    with Client(weldr.admin) as asking:
        assert asking.ask(target="/health").status == 200
        crowd = [Client(weldr.admin) for _ in range(60)]
        wait_until(lambda: weldr.lines(msg="health check put off", reason="out of descriptors"), 20, "a shortage")
        server = json.loads(asking.ask(target="/servers").body)["servers"][0]
        assert server["state"] == "active", server
        for client in crowd:
            client.close()
    count = len(probes(origin))
    wait_until(lambda: len(probes(origin)) > count, 20, "probes after the shortage")


def test_many_servers_are_all_probed(lab):
    weldr = lab.weldr()
    origins = [lab.origin() for _ in range(30)]
    for origin in origins:
        weldr.add(origin, check={**FAST, "interval_ms": 500})
    wait_until(lambda: all(len(probes(origin)) >= 2 for origin in origins), 20, "two probes for each")
    assert {s["state"] for s in weldr.servers()} == {"active"}
