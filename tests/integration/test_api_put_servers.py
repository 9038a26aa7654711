"""PUT /servers: the whole list in one change."""

import pytest
from failures import is_problem

NONE = {"type": "none"}
ENGINES = [{}, {"WELDR_TEST_ENGINE": "delayed"}]


def url(i):
    return f"http://127.0.0.1:{20000 + i}"


def item(i, **more):
    return {"url": url(i), "check": NONE, **more}


def put(weldr, items, query="", path="/servers", **more):
    return weldr.api("PUT", path + query, {"servers": items}, **more)


def revision(weldr):
    return int(weldr.api("GET", "/").get("X-Weldr-Revision"))


def told(weldr):
    return {s["url"]: s for s in weldr.servers()}


@pytest.mark.smoke
@pytest.mark.parametrize("env", ENGINES)
def test_the_whole_list_is_one_change(lab, env):
    weldr = lab.weldr(env=env, workers=2)
    before = revision(weldr)
    made = put(weldr, [item(i) for i in range(10)])
    assert (made.status, made.json["total"], made.json["servers"]) == (200, 10, []), made
    assert revision(weldr) == before + 1
    assert list(told(weldr)) == [url(i) for i in range(10)]
    old = told(weldr)
    assert put(weldr, [item(i, weight=i) for i in range(5, 15)]).json["total"] == 10
    new = told(weldr)
    assert revision(weldr) == before + 2
    assert sorted(new) == [url(i) for i in range(5, 15)]
    for i in range(5, 15):
        assert new[url(i)]["weight"] == i
        assert (url(i) in old) == (i < 10) and (i >= 10 or new[url(i)]["id"] == old[url(i)]["id"])
    assert len({s["id"] for s in new.values()}) == 10
    assert len({w["digest"] for w in weldr.workers()}) == 1
    same = put(weldr, [item(i, weight=i) for i in reversed(range(5, 15))])
    assert same.status == 200 and revision(weldr) == before + 2, "nothing has changed"
    assert put(weldr, []).json["total"] == 0 and weldr.servers() == []


def test_what_get_prints_is_accepted(weldr):
    assert put(weldr, [item(1, weight=3, meta={"a": "1"}), {"url": url(2)}, item(3)]).status == 200
    assert weldr.api("POST", f"/servers/127.0.0.1:{20003}/maintenance").status == 200
    document = weldr.api("GET", "/servers")
    before = revision(weldr)
    answer = weldr.api("PUT", "/servers", document.json)
    assert answer.status == 200 and revision(weldr) == before, "the check is inherited as before"
    assert answer.get("ETag") == document.get("ETag")
    assert told(weldr)[url(3)]["state"] == "maintenance"
    weldr.patch_pool({"check": {"failures": 7}})
    assert told(weldr)[url(2)]["check"]["failures"] == 7
    assert put(weldr, []).status == 200
    assert weldr.api("PUT", "/servers", document.json).json["total"] == 3
    one = document.json["servers"][0]
    assert weldr.api("DELETE", f"/servers/127.0.0.1/{20001}").status == 200
    assert weldr.api("POST", "/servers", one).status == 201
    assert told(weldr)[url(1)]["meta"] == {"a": "1"}


def test_a_dry_run_says_exactly_what_would_be(weldr):
    put(weldr, [item(1, weight=1), item(2, weight=1), item(3, weight=2)])
    before = revision(weldr)
    plan = put(weldr, [item(1, weight=1), item(3, weight=1), item(4, weight=2)], "?dry_run=true")
    assert plan.status == 200 and plan.json == {
        "dry_run": True, "change": "set servers", "added": [url(4)], "changed": [url(3)], "removed": [url(2)],
        "traffic_moved_percent": 50.00, "total": 3}, plan
    nothing = put(weldr, [item(1, weight=1), item(2, weight=1), item(3, weight=2)], "?dry_run=true").json
    assert (nothing["added"], nothing["changed"], nothing["removed"], nothing["traffic_moved_percent"]) == ([], [], [], 0)
    assert put(weldr, [], "?dry_run=true").json["traffic_moved_percent"] == 100
    assert revision(weldr) == before and len(weldr.servers()) == 3


def test_refusals(lab):
    weldr = lab.weldr()
    put(weldr, [item(1), item(2)])
    before = revision(weldr)
    is_problem(put(weldr, [item(1), item(2, weight=999)]), 422, "invalid_value", "servers[1].weight")
    is_problem(put(weldr, [item(1), {"url": "x"}]), 422, "invalid_url", "servers[1].url")
    is_problem(put(weldr, [item(1), {"colour": 1}]), 422, "unknown_key", "servers[1].colour")
    is_problem(put(weldr, [item(1), 5]), 422, "invalid_value", "servers[1]")
    is_problem(put(weldr, [item(1), {}]), 422, "missing_field", "servers[1].url")
    is_problem(put(weldr, [item(1), item(2), item(1)]), 409, "exists", "servers")
    is_problem(put(weldr, {}), 422, "invalid_value", "servers")
    is_problem(weldr.api("PUT", "/servers", {}), 422, "missing_field", "servers")
    is_problem(weldr.api("PUT", "/servers", {"servers": [], "x": 1}), 422, "unknown_key", "x")
    is_problem(put(weldr, [{"url": f"http://127.0.0.1:{weldr.address[1]}"}]), 422, "own_address")
    is_problem(put(weldr, [], path="/pools/none/servers"), 404, "not_found")
    is_problem(put(weldr, [item(1)], headers={"If-Match": '"0000000000000001"'}), 412, "precondition_failed")
    assert revision(weldr) == before
    weldr.patch_pool({"min_active": 2})
    is_problem(put(weldr, [item(1)]), 409, "would_empty_pool")
    assert put(weldr, [item(3), item(4)], headers={"If-Match": weldr.api("GET", "/servers").get("ETag")}).status == 200
    assert put(weldr, [item(1)], "?force=true").status == 200


def too_long():
    """Within what a body may have, and more than the 6 MiB of an entry in the log."""
    meta = {f"key-{i}": "x" * 256 for i in range(32)}
    return [item(i, meta=meta) for i in range(900)]


def test_a_list_that_is_too_long_for_the_log(lab, tmp_path):
    weldr = lab.weldr("--data-dir", str(tmp_path / "data"))
    assert put(weldr, [item(1)]).status == 200
    before = revision(weldr)
    refused = is_problem(put(weldr, too_long()), 413, "too_large")
    assert "6 MiB" in refused["detail"]
    assert revision(weldr) == before and set(told(weldr)) == {url(1)}
    assert put(weldr, too_long()[:2]).json["total"] == 2


@pytest.mark.timeout(300)
def test_ten_thousand_servers_are_one_revision(lab):
    weldr = lab.weldr(workers=2)
    before = revision(weldr)
    items = [{"url": f"http://127.{i >> 16}.{i >> 8 & 255}.{i & 255}:80", "check": NONE} for i in range(1, 10001)]
    assert put(weldr, items).json["total"] == 10000
    assert revision(weldr) == before + 1
    document = weldr.api("GET", "/servers").json
    assert len(document["servers"]) == document["total"] == 10000
    assert weldr.api("PUT", "/servers", document).status == 200 and revision(weldr) == before + 1
    assert put(weldr, items[:1]).json["total"] == 1
