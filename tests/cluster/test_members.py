"""Members that are told to go, that come with nothing, that give the lead away."""

import http.client
import os
import shutil

import pytest

from node import CLUSTER_PORT, find_leader, settle
from rawhttp import wait_until
from writers import Visitors, Writers, agree


def test_a_removed_node_is_told_and_takes_no_writes(town):
    first, second, third = town.cluster(3, "--cluster-profile", "fast")
    gone_id = third.id
    first.change("DELETE", f"/cluster/members/{gone_id}")
    rest = [first, second]
    wait_until(lambda: gone_id not in [m["id"] for m in first.cluster()["members"]], 30, "it to be gone")

    def is_refused():
        try:
            return third.api("POST", "/servers", Writers.probe()).status != 201
        except (OSError, http.client.HTTPException):
            return True
    wait_until(is_refused, 30, "the removed node to refuse writes")
    first.add("http://192.0.2.1:80")
    agree(rest)
    third.kill()
    third.start(wait=False)  # it finds that it belongs nowhere; the others do not hear it
    settle(rest)
    first.add("http://192.0.2.2:80")
    agree(rest)
    third.kill()


@pytest.mark.parametrize("which", ["leader", "follower"])
def test_a_node_that_was_cut_off_when_it_was_removed_hears_of_it(town, which):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    leader = find_leader(nodes)
    gone = leader if which == "leader" else next(node for node in nodes if node is not leader)
    rest, gone_id = [node for node in nodes if node is not gone], gone.id
    gone.host.cut()
    find_leader(rest)
    rest[0].change("DELETE", f"/cluster/members/{gone_id}")
    wait_until(lambda: gone_id not in [m["id"] for m in rest[1].cluster()["members"]], 30, "it to be gone")
    assert gone.cluster()["role"] != "removed"
    gone.host.mend()

    def assert_is_out():
        wait_until(lambda: gone.cluster()["role"] == "removed", 30, "it to hear of that")
        refused = gone.api("POST", "/servers", Writers.probe())
        assert refused.status == 503 and refused.json["code"] == "no_quorum", refused
        assert gone.weldr.lines(level="error", next="start it again with --join and a new token")
        assert gone.ask() == 200, "requests are served"
        assert not gone.cluster()["quorum"]["has"]
    assert_is_out()
    told = gone.get("/events?kind=member_removed")["events"]
    assert [event["member"] for event in told] == [gone_id], told
    settle(rest)
    term, own_term = rest[0].cluster()["term"], gone.cluster()["term"]
    rest[0].add("http://192.0.2.1:80")
    gone.restart()  # what its own log says of that has not changed
    assert_is_out()
    assert gone.cluster()["term"] == own_term, "it asks for no votes"
    rest[1].add("http://192.0.2.2:80")
    settle(rest)
    assert rest[0].cluster()["term"] == term
    agree(rest)


@pytest.mark.parametrize("how", ["leave", "remove"])
def test_who_has_left_joins_again_as_a_new_node(town, how):
    nodes = first, *_ = town.cluster(3, "--cluster-profile", "fast")
    leader = find_leader(nodes)
    gone = leader if how == "leave" else next(node for node in nodes if node not in (leader, first))
    rest = [node for node in nodes if node is not gone]
    old_id, token = gone.id, rest[0].token()
    if how == "leave":
        gone.change("POST", "/cluster/leave")
        gone.kill()  # at once: that it has left is kept
        assert os.path.exists(os.path.join(gone.folder, "removed"))
    else:
        rest[0].change("DELETE", f"/cluster/members/{old_id}")
        wait_until(lambda: gone.cluster()["role"] == "removed", 30, "it to hear of that")
        gone.stop()
    wait_until(lambda: old_id not in [m["id"] for m in rest[0].cluster()["members"]], 30, "it to be gone")
    rest[0].add("http://192.0.2.1:80")
    gone.start()  # without a join it is what it was
    wait_until(lambda: gone.cluster()["role"] == "removed", 30, "it to know that")
    gone.stop()
    gone.join(rest[0], token)
    settle(nodes)
    agree(nodes)
    assert gone.id != old_id
    old = kept(gone)
    assert len(old) == 1 and os.path.exists(os.path.join(gone.folder, old[0], "identity")), old
    # Its token stays in a unit file, and moves nothing when the node is removed once more.
    rest[0].change("DELETE", f"/cluster/members/{gone.id}")
    wait_until(lambda: gone.cluster()["role"] == "removed", 30, "it to hear of that")
    gone.stop()
    gone.join(rest[0], token)
    wait_until(lambda: gone.cluster()["role"] == "removed", 30, "it to know that")
    assert gone.ask() == 200 and kept(gone) == old
    assert gone.weldr.lines(msg="--join plays no part: the directory has a node already")


def kept(node):
    """What was moved aside in its directory."""
    return [name for name in os.listdir(node.folder) if name.startswith("old-")]


def test_a_wiped_directory_is_somebody_else(town):
    first, second, third = nodes = town.cluster(3)
    old_id = third.id
    third.kill()
    shutil.rmtree(third.folder)
    first.add("http://192.0.2.1:80")
    first.change("DELETE", f"/cluster/members/{old_id}")
    third.join(first)
    settle(nodes)
    agree(nodes)
    assert third.id != old_id


def move(node):
    """It starts where nobody looks for it."""
    node.kill()
    node.cluster_ip = f"{node.host.ip}:{CLUSTER_PORT + 1}"
    node.start()


def addresses(node):
    return {member["address"] for member in node.cluster()["members"]}


@pytest.mark.parametrize("who", ["follower", "leader"])
def test_a_node_starts_at_another_address(town, who):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    leader = find_leader(nodes)
    node = leader if who == "leader" else next(n for n in nodes if n is not leader)
    move(node)
    settle(nodes)
    wait_until(lambda: all(node.cluster_ip in addresses(n) for n in nodes), 30, "all to know the new address")
    node.add("http://192.0.2.1:80")
    agree(nodes)


def test_a_standby_starts_at_another_address(town):
    """Nobody calls it, and it elects nobody."""
    nodes = first, second = town.cluster(2)
    move(second)
    wait_until(lambda: second.cluster_ip in addresses(first), 30, "the other to know the new address")
    second.add("http://192.0.2.1:80")
    agree(nodes)


def test_the_quorum_needs_one_that_moved(town):
    """The roster can't be changed before it is found."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    leader = find_leader(nodes)
    dead, moved = (n for n in nodes if n is not leader)
    dead.kill()
    move(moved)
    rest = [leader, moved]
    wait_until(lambda: all(moved.cluster_ip in addresses(n) for n in rest), 30, "both to know the new address")
    leader.add("http://192.0.2.1:80")
    agree(rest)
    dead.start()
    agree(nodes)


def test_an_operator_says_where_a_member_is(town):
    """Behind a NAT: what it tells is true, and of no use to the others."""
    nodes = first, second, third = town.cluster(3, "--cluster-profile", "fast")
    old, moved_id, port = third.cluster_ip, third.id, CLUSTER_PORT + 1
    third.kill()
    find_leader([first, second])
    inside, outside = f"{third.host.hide_behind(port)}:{port}", f"{third.host.ip}:{port}"
    third.cluster_ip = inside
    third.start()
    wait_until(lambda: inside in addresses(first), 30, "what it tells to be noted")
    refused = first.command("cluster", "set-address", moved_id, second.cluster_ip)
    assert refused.returncode == 1 and "(address_in_use)" in refused.stderr, refused
    assert first.change("PATCH", f"/cluster/members/{moved_id}", {"address": outside}).json["address"] == outside
    settle(nodes)
    assert third.cluster()["address"] == inside
    # One dies: of the two that are left one has to find the other, and hears from it where it is not.
    leader = find_leader(nodes)
    if leader is third:
        leader.change("POST", "/cluster/transfer", {"to": first.id})
        leader = first
        wait_until(lambda: find_leader(nodes) is leader, 30, "another one to lead")
    leader.kill()
    rest = [node for node in nodes if node is not leader]
    rest[0].add("http://192.0.2.1:80")
    agree(rest)
    leader.start()
    settle(nodes)
    agree(nodes)
    for node in nodes:
        assert outside in addresses(node) and inside not in addresses(node)
    told = [(event["member"], event["from"], event["to"]) for event in rest[0].get("/events?kind=member_moved")["events"]]
    assert told == [(moved_id, old, inside), (moved_id, inside, outside)]


def has_passed(node, old, term):
    """It knows a later leader: another one, unless the machine was so busy that there were more elections than this one."""
    view = node.cluster()
    return view["leader"] and view["term"] > term and (view["leader"]["id"] != old or view["term"] > term + 1)


def test_the_lead_is_given_away_under_load(town):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    with Writers(nodes) as writers, Visitors(nodes):
        for _ in range(3):
            writers.wait_more()
            leader = find_leader(nodes)
            old, term = leader.id, leader.cluster()["term"]
            leader.change("POST", "/cluster/transfer", {})
            wait_until(lambda old=old, term=term: has_passed(nodes[0], old, term), 20, "another one to lead")
        writers.wait_more()
    writers.judge()


def test_any_member_is_asked_to_have_another_one_lead(town):
    """A follower says that it is done: the leader that it asks is none any more when that is so."""
    nodes = town.cluster(3)
    for to_asked in True, False, False:
        leader = find_leader(nodes)
        asked, other = [node for node in nodes if node is not leader]
        body = {"to": (asked if to_asked else other).id}
        for wanted in body, {}:
            old = find_leader(nodes)
            answer = next(node for node in nodes if node is not old).api("POST", "/cluster/transfer", wanted)
            assert answer.status == 200, answer
            assert answer.json["leader"]["id"] != old.id
