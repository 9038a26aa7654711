"""The history of changes is the same on each node, and each of them can go back."""

import pytest
from asker import DONE, Asker
from node import find_leader, settle
from test_join import SNAPSHOT_AFTER
from writers import Crew, agree


# More than the 6 MiB of an entry in the log.
TOO_LONG = {"servers": [{"url": f"http://192.0.2.1:{port}", "meta": {f"key-{i}": "x" * 256 for i in range(32)}} for port in range(1, 901)]}


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
    refused = one.api("PUT", "/servers", TOO_LONG)
    assert refused.status == 413 and refused.json["code"] == "too_large", refused
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
    first, late = [town.node(host) for host in town.build(2)]
    first.start()

    def change(number):
        asker = Asker(first)
        for turn in range(SNAPSHOT_AFTER // 4 + 1):
            assert asker.write("PATCH", f"/servers/192.0.2.{number + 1}/80", {"weight": 2 + turn % 2}) == DONE
        asker.close()
    with Crew() as crew:
        for number in range(4):
            first.add(f"http://192.0.2.{number + 1}:80")
        for number in range(4):
            crew.spawn(change, number)
        crew.wait()
    late.join(first)
    settle([first, late])
    entries = assert_same([first, late])
    assert len(entries) == 1000 and entries[0]["node"] == first.id
    oldest = late.get(f"/history/{entries[-1]['revision']}")["objects"][0]
    back = late.change("POST", f"/history/{entries[-1]['revision']}/restore").json
    assert back["node"] == late.id, back
    for node in (first, late):
        assert node.get(f"/servers/{oldest['id']}")["weight"] == 5 - oldest["before"]["weight"]
    assert assert_same([first, late])[0]["restored"] == entries[-1]["revision"]
