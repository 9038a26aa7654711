"""Any node takes a change, also of what it has not heard of yet."""

from node import find_leader
from weldr import NO_CHECK
from writers import agree

TURNS = 20


def test_a_follower_is_asked_at_once_about_what_the_leader_has_just_made(town):
    nodes = town.cluster(3)
    leader = find_leader(nodes)
    follower = next(node for node in nodes if node is not leader)
    for turn in range(TURNS):
        path = f"/servers/192.0.2.1/{turn + 1}"
        made = leader.api("POST", "/servers", {"url": f"http://192.0.2.1:{turn + 1}", "check": NO_CHECK})
        assert made.status == 201, made
        changed = follower.api("PATCH", path, {"weight": 2})
        assert changed.status == 200, (turn, changed)
        tag = leader.api("GET", path).get("ETag")
        again = leader.api("PATCH", path, {"weight": 3}, {"If-Match": tag})
        assert again.status == 200, (turn, again)
        tag = leader.api("GET", path).get("ETag")
        changed = follower.api("PATCH", path, {"weight": 4}, {"If-Match": tag})
        assert changed.status == 200, (turn, changed)
        refused = follower.api("PATCH", path, {"weight": 5}, {"If-Match": tag})
        assert refused.status == 412, (turn, refused)
    missing = follower.api("PATCH", "/servers/s-999999", {"weight": 2})
    assert missing.status == 404 and missing.json["code"] == "not_found", missing
    agree(nodes)
