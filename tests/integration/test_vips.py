"""/vips: addresses that one node at a time holds, as objects of the description; listeners at them; /ready by role."""

import json
import subprocess

import pytest

import origins as o
from failures import is_problem
from rawhttp import Client, wait_until
from test_cli_commands import columns, good
from test_cli_commands import run as run_command
from test_data_dir import end
from test_listeners_health import change_address, told
from weldr import run_weldr

V4, V6, HERE = "192.0.2.10", "2001:db8::10", "10.77.0.1"
MEMBER = "00000000000000a1"
# On the machine itself no test may hold one (weldr.forbid_addresses).
SEEN = {"state": "unassigned", "holder": None, "is_self": False, "since": None, "epoch": 1, "lease_ms": None,
        "announcements": 0}
ENGINES = [{}, {"WELDR_TEST_ENGINE": "delayed:seed=3,delay=4,refuse=3,lose=3,restore=8"}]


def put(weldr, address, body=None, status=(200, 201)):
    answer = weldr.api("PUT", f"/vips/{address}", body or {})
    assert answer.status in status, answer
    return answer.json


def vips(weldr):
    answer = weldr.api("GET", "/vips")
    assert answer.status == 200, answer
    return answer.json["vips"]


def addresses(weldr):
    return [vip["address"] for vip in vips(weldr)]


@pytest.mark.smoke
def test_life_of_a_vip(weldr):
    answer = weldr.api("PUT", f"/vips/{V4}", {"interface": "eth0"})
    assert (answer.status, answer.get("Location")) == (201, f"/vips/{V4}")
    shown = answer.json
    assert {key: shown[key] for key in SEEN} == SEEN and "not permitted" in shown["why"]
    described = {key: shown[key] for key in ("address", "interface", "prefix", "conflict", "nodes")}
    assert described == {"address": V4, "interface": "eth0", "prefix": 32, "conflict": "hold", "nodes": {}}
    assert shown["id"].startswith("v-")
    again = weldr.api("PUT", f"/vips/{V4}", {"prefix": 24})
    assert (again.status, again.json["id"]) == (200, shown["id"])
    assert (again.json["interface"], again.json["prefix"]) == (None, 24), "PUT gives the rest its default"
    changed = weldr.api("PATCH", f"/vips/{V4}", {"nodes": {MEMBER: "bond0"}, "conflict": "back_off"}).json
    assert (changed["nodes"], changed["conflict"], changed["prefix"]) == ({MEMBER: "bond0"}, "back_off", 24)
    assert weldr.api("POST", "/vips", {"address": V6}).json["prefix"] == 128
    assert addresses(weldr) == [V4, V6]
    assert weldr.api("DELETE", f"/vips/{V4}").json == {"removed": f"/vips/{V4}"}
    assert addresses(weldr) == [V6]
    for method in ("GET", "DELETE"):
        is_problem(weldr.api(method, f"/vips/{V4}"), 404, "not_found")


def test_one_address_has_one_name(weldr):
    """However it is written."""
    put(weldr, "2001:DB8:0:0::10")
    assert weldr.api("GET", "/vips/2001:db8::0010").json["address"] == V6
    put(weldr, "::ffff:192.0.2.10")
    assert addresses(weldr) == [V6, V4]
    is_problem(weldr.api("POST", "/vips", {"address": V6}), 409, "exists", "address")
    is_problem(weldr.api("GET", "/vips/nonsense"), 404, "not_found")


@pytest.mark.parametrize("address, reason", [
    ("0.0.0.0", "unspecified"), ("::", "unspecified"), ("127.0.0.2", "loopback"), ("::1", "loopback"),
    ("224.0.0.5", "multicast"), ("ff02::2", "multicast"), ("255.255.255.255", "broadcast"),
    ("169.254.1.1", "link-local"), ("fe80::1", "link-local"), ("192.0.2.10:80", "without a port"), ("name", "IPv4 or IPv6")])
def test_addresses_that_nobody_can_hold(weldr, address, reason):
    assert reason in is_problem(weldr.api("PUT", f"/vips/{address}", {}), 422, "invalid_value", "address")["detail"]
    assert vips(weldr) == []


def test_values_that_are_refused(weldr):
    put(weldr, V4)
    for body, field in [({"prefix": 0}, "prefix"), ({"prefix": 33}, "prefix"), ({"prefix": "24"}, "prefix"),
                        ({"interface": "a-name-too-long-"}, "interface"), ({"interface": "a/b"}, "interface"),
                        ({"interface": "eth0:1"}, "interface"), ({"conflict": "fight"}, "conflict"),
                        ({"nodes": {"a1": "eth0"}}, "nodes.a1"), ({"nodes": {MEMBER: "a b"}}, f"nodes.{MEMBER}"),
                        ({"nodes": [MEMBER]}, "nodes")]:
        for method in ("PUT", "PATCH"):
            is_problem(weldr.api(method, f"/vips/{V4}", body), 422, "invalid_value", field)
    is_problem(weldr.api("PATCH", f"/vips/{V4}", {"port": 80}), 422, "unknown_key", "port")
    is_problem(weldr.api("PATCH", f"/vips/{V4}", {"address": V6}), 422, "read_only", "address")
    is_problem(weldr.api("PUT", "/vips/192.0.2.11", {"address": V4}), 422, "invalid_value", "address")
    is_problem(weldr.api("POST", "/vips", {}), 422, "missing_field", "address")
    assert len(vips(weldr)) == 1


def test_no_more_than_64(weldr):
    for i in range(64):
        put(weldr, f"10.9.0.{i + 1}", status=(201,))
    is_problem(weldr.api("PUT", "/vips/10.9.1.1", {}), 409, "too_many")
    put(weldr, "10.9.0.1", {"prefix": 24}, status=(200,))


def test_what_get_showed_may_be_sent_back(weldr):
    put(weldr, V4, {"interface": "eth0", "nodes": {MEMBER: "bond0"}})
    shown = weldr.api("GET", f"/vips/{V4}")
    assert weldr.api("PUT", f"/vips/{V4}", shown.json).json == shown.json
    edited = weldr.api("PATCH", f"/vips/{V4}", dict(shown.json, prefix=24)).json
    assert (edited["prefix"], edited["interface"]) == (24, "eth0")


def test_tags_and_dry_runs(weldr):
    first = weldr.api("PUT", f"/vips/{V4}", {}, {"If-None-Match": "*"})
    assert first.status == 201
    is_problem(weldr.api("PUT", f"/vips/{V4}", {}, {"If-None-Match": "*"}), 412, "precondition_failed")
    tag = first.get("ETag")
    assert weldr.api("GET", f"/vips/{V4}").get("ETag") == tag
    assert weldr.api("PATCH", f"/vips/{V4}", {"prefix": 24}, {"If-Match": tag}).status == 200
    is_problem(weldr.api("PATCH", f"/vips/{V4}", {"prefix": 25}, {"If-Match": tag}), 412, "precondition_failed")
    is_problem(weldr.api("DELETE", f"/vips/{V4}", None, {"If-Match": tag}), 412, "precondition_failed")
    listed = weldr.api("GET", "/vips").get("ETag")
    assert weldr.api("PUT", f"/vips/{V6}?dry_run=true", {}).json == {"dry_run": True, "change": "add VIP"}
    assert weldr.api("DELETE", f"/vips/{V4}?dry_run=true").json == {"dry_run": True, "change": "remove VIP"}
    assert weldr.api("GET", "/vips").get("ETag") == listed and addresses(weldr) == [V4]


def test_move_without_anybody_else(weldr):
    put(weldr, V4)
    for body in None, {}:
        is_problem(weldr.api("POST", f"/vips/{V4}/move", body), 503, "vip_no_holder")
    is_problem(weldr.api("POST", f"/vips/{V4}/move", {"to": MEMBER}), 404, "not_found")
    is_problem(weldr.api("POST", f"/vips/{V4}/move", {"to": "x"}), 422, "invalid_value", "to")
    is_problem(weldr.api("POST", f"/vips/{V6}/move", {}), 404, "not_found")


def test_events_and_history(weldr):
    put(weldr, V4)
    put(weldr, V4, {"prefix": 24})
    weldr.api("DELETE", f"/vips/{V4}")
    events = [event for event in weldr.api("GET", "/events?since=0").json["events"] if event["kind"].startswith("vip_")]
    assert [(event["kind"], event["address"]) for event in events] == [
        ("vip_added", V4), ("vip_changed", V4), ("vip_removed", V4)]
    removed, changed, added = weldr.api("GET", "/history?limit=3").json["history"]
    assert [entry["summary"] for entry in (added, changed, removed)] == [f"add VIP {V4}", f"add VIP {V4}", f"remove VIP {V4}"]
    whole = weldr.api("GET", f"/history/{removed['revision']}").json["objects"]
    assert [(one["kind"], one["name"], one["change"], one["before"]["prefix"]) for one in whole] == [
        ("vip", V4, "removed", 24)]
    assert weldr.api("POST", f"/history/{changed['revision']}/restore").status == 200
    assert [(vip["address"], vip["prefix"]) for vip in vips(weldr)] == [(V4, 24)]
    assert weldr.api("POST", f"/history/{added['revision']}/restore").status == 200
    assert [(vip["address"], vip["prefix"]) for vip in vips(weldr)] == [(V4, 32)]


@pytest.mark.parametrize("env", ENGINES)
def test_all_workers_agree(lab, env):
    weldr = lab.weldr(workers=2, env=env)
    for i in range(4):
        put(weldr, V4, {"prefix": 20 + i, "nodes": {MEMBER: f"bond{i}"}})
        put(weldr, V6, {"conflict": "back_off"})
        weldr.api("DELETE", f"/vips/{V6}")
    wait_until(lambda: len({worker["digest"] for worker in weldr.workers()}) == 1, 10, "one digest")
    assert addresses(weldr) == [V4]


def test_kept_over_a_restart(lab, tmp_path):
    weldr = lab.weldr("--data-dir", str(tmp_path / "data"))
    put(weldr, V4, {"interface": "eth0", "nodes": {MEMBER: "bond0"}})
    before = {key: value for key, value in vips(weldr)[0].items() if key != "revision"}
    end(weldr)
    weldr = lab.weldr("--data-dir", str(tmp_path / "data"))
    assert {key: value for key, value in vips(weldr)[0].items() if key != "revision"} == before


def test_commands(weldr):
    assert good(weldr, "vip", "add", V4, "interface=eth0").split()[1:] == [V4, "unassigned"]
    assert good(weldr, "vip", "set", V4, "prefix=24", "conflict=back_off").split()[1] == V4
    good(weldr, "vip", "add", V6)
    table = columns(good(weldr, "vip", "ls"))
    assert [(row["ADDRESS"], row["INTERFACE"], row["PREFIX"], row["STATE"]) for row in table] == [
        (V4, "eth0", "24", "unassigned"), (V6, "-", "128", "unassigned")]
    assert json.loads(good(weldr, "vip", "ls", "--json"))["vips"][0]["address"] == V4
    assert "conflict" in good(weldr, "vip", "show", V4)
    for words in (["vip", "move", V4], ["vip", "move", V4, MEMBER]):
        failed = run_command(weldr, *words)
        assert failed.returncode == 1 and ("vip_no_holder" in failed.stderr or "not_found" in failed.stderr), failed
    assert good(weldr, "vip", "rm", V6) == f"/vips/{V6}\n"
    assert run_command(weldr, "vip", "add", "127.0.0.1").returncode == 1
    assert run_command(weldr, "vip", "add").returncode == 2


def test_the_whole_description_has_them(weldr, tmp_path):
    """Before the listeners that listen at them, and removed after those."""
    put(weldr, V4, {"interface": "eth0"})
    weldr.api("POST", "/listeners", {"name": "shop", "addresses": [f"{V4}:8099"]})
    file = tmp_path / "whole.json"
    file.write_text(good(weldr, "export"), encoding="utf-8")
    whole = json.loads(file.read_text(encoding="utf-8"))
    assert whole["vips"] == [{"address": V4, "interface": "eth0", "prefix": 32, "conflict": "hold", "nodes": {}}]
    assert good(weldr, "apply", str(file)) == ""
    empty = dict(whole, vips=[], listeners=[one for one in whole["listeners"] if one["name"] != "shop"])
    other = tmp_path / "empty.json"
    other.write_text(json.dumps(empty), encoding="utf-8")
    assert good(weldr, "apply", str(other)).splitlines() == ["- listener shop", f"- vip {V4}"]
    assert good(weldr, "apply", str(file)).splitlines() == [f"+ vip {V4}", "+ listener shop"]
    whole["vips"][0]["prefix"] = 24
    file.write_text(json.dumps(whole), encoding="utf-8")
    assert good(weldr, "apply", str(file)) == f"~ vip {V4}: prefix 32 -> 24\n"


def add_shop(weldr, address=V4):
    answer = weldr.api("POST", "/listeners", {"name": "shop", "addresses": [f"{address}:80"]})
    assert answer.status == 201, answer
    return answer.json


@pytest.mark.parametrize("address", [V4, V6])
def test_a_listener_waits_for_its_vip(lab, address):
    """It starts without the address, serves as soon as that is there, and is not touched when it goes and comes."""
    namespace = lab.namespace(HERE)
    weldr = lab.weldr(ip=f"{HERE}:80", namespace=namespace)
    text = f"[{address}]" if ":" in address else address
    is_problem(weldr.api("POST", "/listeners", {"name": "shop", "addresses": [f"{text}:80"]}), 422,
               "address_not_available", "addresses[0]")
    put(weldr, address)
    shown = add_shop(weldr, text)
    assert shown["bound"] == [{"address": f"{text}:80", "state": "open", "error": None}]
    assert told(weldr) == (200, "ok", {"open": 2, "of": 2, "missing": []})

    def is_served():
        try:
            with Client((address, 80), make_socket=namespace.socket) as client:
                return client.ask().status == 503
        except OSError:
            return False
    assert not is_served()
    bits = "128" if ":" in address else "32"
    for verb in ("add", "del", "add"):
        namespace.run_inside(lambda verb=verb: subprocess.run(
            ["ip", "addr", verb, f"{address}/{bits}", "dev", "lo"], check=True))
        assert is_served() == (verb == "add")
        assert told(weldr) == (200, "ok", {"open": 2, "of": 2, "missing": []})
    assert len(weldr.lines(msg="proxy listens", listener="shop")) == 1


def test_a_listener_that_was_first(lab):
    """Described when the address was there; its VIP then lets that go."""
    namespace = lab.namespace(HERE, V4)
    weldr = lab.weldr(ip=f"{HERE}:80", namespace=namespace)
    add_shop(weldr)
    change_address(namespace, "del", V4)
    wait_until(lambda: told(weldr)[1] == "degraded", 5, "the address is lost")
    put(weldr, V4)
    wait_until(lambda: told(weldr)[1] == "ok", 5, "a VIP counts as there")
    weldr.api("PATCH", "/node", {"workers": 3})  # another socket at the address that is not there
    weldr.wait_workers(3)
    assert told(weldr) == (200, "ok", {"open": 2, "of": 2, "missing": []})
    weldr.api("DELETE", f"/vips/{V4}")
    wait_until(lambda: told(weldr)[1] == "degraded", 5, "an address like any other")


def test_ready_by_role(lab):
    weldr, _ = lab.run(o.hello)
    assert told(weldr, "/ready?role=active")[:2] == (200, "ready"), "without VIPs every node is active"
    put(weldr, V4)
    assert told(weldr, "/ready?role=active")[:2] == (503, "passive")
    assert told(weldr, "/ready")[:2] == (200, "ready")
    assert told(weldr, "/ready?whatever=they&like=x")[:2] == (200, "ready")
    assert told(weldr, "/health")[:2] == (200, "ok")
    is_problem(weldr.api("GET", "/ready?role=leader"), 422, "invalid_value", "role")
    weldr.api("DELETE", f"/vips/{V4}")
    assert told(weldr, "/ready?role=active")[:2] == (200, "ready")


def test_ready_passive(lab):
    weldr, _ = lab.run(o.hello)
    end(weldr)
    weldr = lab.weldr("--ready-passive", "503")
    assert told(weldr, "/ready")[:2] == (200, "ready")
    put(weldr, V4)
    assert told(weldr, "/ready")[:2] == (503, "passive")
    assert weldr.api("GET", "/health").status == 200
    refused = run_weldr("--ready-passive", "404")
    assert refused.returncode == 2 and "must be 200 or 503" in refused.stderr


def test_metrics(weldr):
    put(weldr, V4)
    text = weldr.api("GET", "/metrics").text
    assert f'\nweldr_vip_held{{vip="{V4}"}} 0\n' in text
    assert "\nweldr_vip_conflicts_total 0\n" in text
    assert "\n# TYPE weldr_vip_moves_total counter\n" in text
