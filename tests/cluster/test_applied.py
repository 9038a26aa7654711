"""Prefer: wait=applied: the response comes when the workers of all nodes in reach have the change."""

import pytest
from node import find_leader

WANTED = {"Prefer": "wait=applied"}


def missing(answer):
    return [part.strip() for part in (answer.get("X-Weldr-Not-Applied") or "").split(",") if part.strip()]


@pytest.mark.smoke
def test_all_workers_have_it_when_it_is_answered(town):
    nodes = town.cluster(3)
    for turn in range(30):
        node = nodes[turn % 3]
        answer = node.api("PATCH", "/pools/default", {"drain_ms": 1000 + turn}, WANTED)
        assert answer.status == 200 and answer.get("Preference-Applied") == "wait=applied" and not missing(answer), answer
        made = int(answer.get("X-Weldr-Revision"))
        shown = set().union(*(other.digests() for other in nodes))  # at once
        assert {revision for revision, _ in shown} == {made} and len(shown) == 1, (turn, shown)

    leader = find_leader(nodes)
    gone, left = [node for node in nodes if node is not leader]
    gone_id = gone.id
    gone.kill()
    for node in (leader, left):
        answer = node.api("PATCH", "/pools/default", {"drain_ms": 2000}, WANTED)
        assert answer.status == 200 and answer.get("Preference-Applied") == "wait=applied", answer
        assert missing(answer) == [gone_id], "who is out of reach is named, and not waited for"
        assert leader.digests() == left.digests()
    told = left.command("server", "add", "http://192.0.2.1:1", "check.type=none", "--wait")
    assert told.returncode == 0 and gone_id in told.stderr and "192.0.2.1" in told.stdout, told
