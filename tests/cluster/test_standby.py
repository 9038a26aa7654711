"""A voter that is silent for long is replaced by a standby that is there."""

import pytest
from node import SETTLE_S, find_leader, settle
from rawhttp import wait_until
from writers import Visitors, Writers

SILENT_S = 60  # src/cluster/raft_steward.c: DEAD_MS


def roles(node):
    return {member["id"]: member["role"] for member in node.cluster()["members"]}


@pytest.mark.timeout(SILENT_S + 4 * SETTLE_S)
def test_a_silent_voter_is_replaced(town):
    nodes = town.cluster(4, "--cluster-profile", "fast")
    leader = find_leader(nodes)
    before, ids = roles(leader), {node: node.id for node in nodes}
    standby = next(node for node in nodes if before[ids[node]] == "standby")
    dead, other = [node for node in nodes if node not in (leader, standby)]
    assert before[ids[dead]] == before[ids[other]] == "follower", before
    with Visitors([leader, standby]):
        dead.kill()
        leader.change("POST", "/servers", Writers.probe())
        assert roles(leader) == before, "not at once: it may be about to come back"
        # The leader may be another one by now, and what it has seen counts from then on.
        wait_until(lambda: roles(standby)[ids[dead]] == "standby", 2 * SILENT_S, "it to be replaced", step_s=0.2)
        after = roles(standby)
        assert after[ids[standby]] in ("follower", "leader") and standby.cluster()["quorum"]["voters"] == 3, after
        # Its vote counts: of the three that vote now, one more goes.
        with Writers([leader, standby]) as writers:
            other.kill()
            writers.wait_more()
            dead.start()
            wait_until(lambda: dead.cluster()["role"] == "standby", SETTLE_S, "who comes back to be a standby")
            writers.wait_more()
    other.start()
    settle(nodes)
    writers.judge(nodes)
