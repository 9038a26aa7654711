"""The history of changes is the same on each node, and each of them can go back."""

import pytest
from node import find_leader, settle
from rawhttp import wait_until
from writers import agree


def told(node):
    """All but the links, which say nothing."""
    return [{key: value for key, value in entry.items() if key != "links"} for entry in node.get("/history?limit=1000")["history"]]


def assert_same(nodes):
    agree(nodes)
    first, *others = [told(node) for node in nodes]
    for other in others:
        assert other == first
    return first


@pytest.mark.smoke
def test_a_change_on_any_node_is_told_on_each_and_undone_on_another(town):
    nodes = town.cluster(3)
    leader = find_leader(nodes)
    one, other = [node for node in nodes if node is not leader]
    made = int(one.change("POST", "/servers", {"url": "http://192.0.2.1:1", "check": {"type": "none"}}).get("X-Weldr-Revision"))
    entry = assert_same(nodes)[0]
    assert entry["revision"] == made and entry["node"] == one.id and entry["request"] == "POST /servers", entry
    with_it = other.urls()
    leader.change("DELETE", "/servers/192.0.2.1/1")
    one.change("POST", "/pools", {"name": "green"})
    back = other.change("POST", f"/history/{made}/restore").json
    assert back["node"] == other.id and back["restored"] == made, back
    newest, pool, removal = assert_same(nodes)[:3]
    assert (newest["node"], pool["node"], removal["node"]) == (other.id, one.id, leader.id)
    for node in nodes:
        assert node.urls() == with_it and "green" not in {p["name"] for p in node.get("/pools")["pools"]}
    for node in nodes:
        node.kill()
    for node in nodes:
        node.start()
    settle(nodes)
    assert assert_same(nodes)[0] == newest


def test_who_comes_late_has_it_too(town):
    """By snapshot: more changes than the log keeps behind one."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    leader = find_leader(nodes)
    late = next(node for node in nodes if node is not leader)
    rest = [node for node in nodes if node is not late]
    made = int(leader.change("POST", "/servers", {"url": "http://192.0.2.1:1", "check": {"type": "none"}}).get("X-Weldr-Revision"))
    late.kill()
    for i in range(2200):
        leader.change("PATCH", "/servers/192.0.2.1/1", {"weight": 2 + i % 2})
    agree(rest)
    late.start()
    settle(nodes)
    wait_until(lambda: late.revision() == leader.revision(), 60, "it to have all")
    entries = assert_same(nodes)
    assert len(entries) == 1000 and entries[-1]["revision"] > made
    oldest = entries[-1]["revision"]
    weight = 2 if late.get(f"/history/{oldest}")["objects"][0]["before"]["weight"] == 3 else 3
    late.change("POST", f"/history/{oldest}/restore")
    agree(nodes)
    for node in nodes:
        assert node.get("/servers")["servers"][0]["weight"] == weight
    assert_same(nodes)
