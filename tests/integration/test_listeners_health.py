"""/health and /ready tell of addresses of listeners that clients can't reach: which, and why."""

import subprocess

import origins as o
import pytest
from rawhttp import wait_until
from test_listeners import add_listener

ONE, TWO = "10.77.0.1", "10.77.0.2"
TOKEN = "correct-horse-battery-staple"


def change_address(namespace, verb, address):
    namespace.run_inside(lambda: subprocess.run(["ip", "addr", verb, f"{address}/32", "dev", "lo"], check=True))


@pytest.fixture
def namespace(lab):
    return lab.namespace(ONE, TWO)


def told(weldr, path="/health", **more):
    answer = weldr.api("GET", path, **more)
    return answer.status, answer.json["status"], answer.json["addresses"]


@pytest.mark.smoke
def test_all_is_well(lab):
    weldr, _ = lab.run(o.hello)
    assert told(weldr) == (200, "ok", {"open": 1, "of": 1, "missing": []})
    assert told(weldr, "/ready") == (200, "ready", {"open": 1, "of": 1, "missing": []})


def test_a_lost_address(lab, namespace):
    weldr = lab.weldr(ip=f"{ONE}:80", namespace=namespace)
    add_listener(weldr, "two", f"{TWO}:81")
    assert told(weldr) == (200, "ok", {"open": 2, "of": 2, "missing": []})
    change_address(namespace, "del", TWO)
    lost = {"listener": "two", "address": f"{TWO}:81", "state": "lost", "reason": "this host has the address no more"}
    degraded = (200, "degraded", {"open": 1, "of": 2, "missing": [lost]})
    wait_until(lambda: told(weldr) == degraded, 5, "it is told")
    assert told(weldr, "/ready") == degraded
    assert weldr.api("GET", "/listeners/two").json["bound"] == [
        {"address": lost["address"], "state": "lost", "error": lost["reason"]}]
    assert weldr.wait_log(level="error", msg="an address of a listener is lost", address=lost["address"])
    change_address(namespace, "del", ONE)
    wait_until(lambda: told(weldr)[:2] == (503, "no_address"), 5, "nobody can come")
    assert told(weldr, "/ready")[:2] == (503, "no_address")
    for address in (ONE, TWO):
        change_address(namespace, "add", address)
    wait_until(lambda: told(weldr) == (200, "ok", {"open": 2, "of": 2, "missing": []}), 5, "all is well again")


def test_strangers_hear_how_many(lab, namespace):
    weldr = lab.weldr(ip=f"{ONE}:80", admin_ip=f"{ONE}:0", namespace=namespace, env={"WELDR_ADMIN_TOKEN": TOKEN})
    own = {"Authorization": f"Bearer {TOKEN}"}
    body = {"name": "two", "addresses": [f"{TWO}:81"]}
    assert weldr.api("POST", "/listeners", body, own).status == 201
    change_address(namespace, "del", TWO)
    wait_until(lambda: told(weldr)[:2] == (200, "degraded"), 5, "it is told")
    assert told(weldr)[2] == {"open": 1, "of": 2, "missing": []}
    assert told(weldr, headers=own)[2]["missing"][0]["listener"] == "two"
