"""Loops over several Weldrs: each is a server of the next one's pool."""

import json

import pytest

import origins as o
from rawhttp import wait_until


@pytest.fixture
def row(lab):
    """A row of Weldrs, each with the next one for a server; the last one with none. In the end all let go of each other."""
    weldrs = []

    def make(count):
        weldrs.extend(lab.weldr() for _ in range(count))
        for here, there in zip(weldrs, weldrs[1:]):
            here.add(url_of(there))
        return weldrs
    yield make
    for weldr in weldrs:
        for server in weldr.servers():
            assert weldr.api("DELETE", f"/servers/{server['id']}?drain=0").status == 200


@pytest.fixture
def ring(row):
    """The last one has the first one for a server."""
    def make(count):
        weldrs = row(count)
        weldrs[-1].add(url_of(weldrs[0]))
        return weldrs
    return make


def url_of(weldr):
    return "http://%s:%d" % weldr.address


def requests_n(weldrs):
    return sum(weldr.stats()["requests"] for weldr in weldrs)


@pytest.mark.parametrize("count", (2, 3))
def test_loop_ends_with_508(ring, count):
    """I1: one request became 2,962."""
    weldrs = ring(count)
    response = weldrs[0].ask("GET", "/round")
    assert (response.status, response.reason, response.get("Weldr-Error")) == (508, "Loop Detected", "loop")
    assert len(response.get("Via").split(",")) == 10  # of those that passed the answer back
    wait_until(lambda: requests_n(weldrs) == 11, 10, "eleven requests in all")
    assert sum(weldr.stats()["results"]["loop"] for weldr in weldrs) == 1
    assert all(server["ejections"] == 0 for weldr in weldrs for server in weldr.servers())


def test_hops_is_a_setting(ring):
    weldrs = ring(2)
    for weldr in weldrs:
        weldr.patch_listener({"limits": {"hops": 3}})
    assert weldrs[0].ask().status == 508
    wait_until(lambda: requests_n(weldrs) == 4, 10, "four requests in all")
    for wrong in (0, 101, -1, "3"):
        answer = weldrs[0].api("PATCH", "/listeners/default", {"limits": {"hops": wrong}})
        assert answer.status == 422 and answer.json["field"] == "limits.hops", answer


def test_a_post_is_not_sent_round_again(ring):
    weldrs = ring(2)
    response = weldrs[0].ask("POST", "/", body=b"x" * 1000)
    assert response.status == 508
    wait_until(lambda: requests_n(weldrs) == 11, 10, "eleven requests in all")


def test_a_row_of_weldrs_is_no_loop(lab, row):
    """As many as the limit allows, each before the next."""
    origin = lab.origin(o.hello)
    weldrs = row(4)
    for weldr in weldrs[:-1]:
        weldr.patch_listener({"limits": {"hops": 3}})
    weldrs[-1].patch_listener({"limits": {"hops": 4}})
    weldrs[-1].add(origin)
    assert weldrs[0].ask().status == 200
    assert origin.last().all("Via") == [", ".join(["1.1 weldr"] * 4)]


def test_loop_in_the_access_log(lab, tmp_path):
    log = tmp_path / "access.log"
    weldr = lab.weldr("--access-log", str(log))
    weldr.add(lab.origin(o.hello))
    assert weldr.ask(fields=[("Via", "1.1 weldr")] * 10).status == 508
    wait_until(lambda: log.exists() and log.read_text(), 10, "a line")
    line = json.loads(log.read_text())
    assert (line["status"], line["result"], line["origin"], line["attempts"]) == (508, "loop", None, [])
