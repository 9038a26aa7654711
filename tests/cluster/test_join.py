"""Nodes join: a second, a third and more, one by one and at once, early and late; and what a join leaves when it comes to nothing."""

import socket

import pytest
from asker import DONE, Asker
from node import CLUSTER_PORT, ORIGIN_URL, settle
from rawhttp import wait_until
from writers import Crew, agree

STANDBY = "this node is a standby: it has no vote and does not take over"
SNAPSHOT_AFTER = 2200  # entries: a snapshot comes after 1,024, and 1,024 stay behind it


def write_on_each(nodes, turn):
    """One server on each, and all of them on all in the end."""
    urls = {f"http://192.0.2.{node.host.number + 1}:{turn}" for node in nodes}
    for node, url in zip(nodes, sorted(urls)):
        node.add(url)
        assert url in node.urls(), "who has acknowledged it shows it"
    agree(nodes)
    for node in nodes:
        assert urls <= node.urls() and node.ask() == 200


@pytest.mark.smoke
def test_three_nodes(town):
    first, second, third = nodes = [town.node(host, workers=2) for host in town.build(3)]
    for node in nodes:
        node.run_origin()
    first.start()
    first.add(ORIGIN_URL)
    alone = first.cluster()
    assert alone["role"] == "leader" and alone["quorum"] == {"voters": 1, "needed": 1, "has": True}
    second.join(first)
    settle([first, second])
    pair = second.cluster()
    assert pair["role"] == "standby" and pair["warning"] and pair["leader"]["id"] == first.id, pair
    wait_until(lambda: f'msg="{STANDBY}"' in second.weldr.log, 20, "it to be told why")
    assert "a third member" in second.weldr.log and STANDBY not in first.weldr.log
    for node, change in (first, ("POST", "/cluster/transfer", {})), (first, ("POST", "/cluster/transfer", {"to": second.id})), \
            (first, ("POST", "/cluster/leave")), (first, ("DELETE", f"/cluster/members/{first.id}")), (second, ("DELETE", f"/cluster/members/{first.id}")):
        refused = node.api(*change)
        assert refused.status == 409 and refused.json["code"] == "no_vote", refused
    write_on_each([first, second], 1)
    third.join(second)  # any member takes one in
    settle(nodes)
    three = third.cluster()
    wait_until(lambda: "no standby any more" in second.weldr.log, 20, "it to be told that it votes")
    assert STANDBY not in third.weldr.log, "it would not stay so"
    assert three["quorum"] == {"voters": 3, "needed": 2, "has": True} and not three["warning"], three
    assert len({node.cluster()["id"] for node in nodes}) == 1 and len({node.id for node in nodes}) == 3
    write_on_each(nodes, 2)
    revisions = {node.revision() for node in nodes}
    assert len(revisions) == 1, "the revision is the same on each"
    for node in nodes:
        node.kill()
    for node in nodes:
        node.start()
    settle(nodes)
    agree(nodes)
    write_on_each(nodes, 3)
    assert {node.revision() for node in nodes} > revisions or min(node.revision() for node in nodes) > max(revisions)


def test_where_a_newcomer_is_reached(town):
    """Without --cluster-ip: at the address that it calls from, and at no other one of its machine."""
    first, second = nodes = [town.node(host) for host in town.build(2)]
    first.start()
    second.cluster_ip = None
    for begin in lambda: second.join(first), second.restart:
        begin()
        settle(nodes)
        here = next(member for member in first.cluster()["members"] if member["id"] == second.id)
        assert here["address"] == f"{second.host.ip}:{CLUSTER_PORT}", here
        with second.host.socket(socket.AF_INET) as sock, pytest.raises(ConnectionRefusedError):
            sock.connect(("127.0.0.1", CLUSTER_PORT))
        with second.host.socket(socket.AF_INET) as sock:
            sock.connect((second.host.ip, CLUSTER_PORT))


def test_five_nodes_two_at_once(town):
    nodes = [town.node(host) for host in town.build(5)]
    for node in nodes:
        node.run_origin()
    nodes[0].start()
    nodes[0].add(ORIGIN_URL)
    for pair in nodes[1:3], nodes[3:5]:
        tokens = [nodes[0].token() for _ in pair]
        for node, token in zip(pair, tokens):
            node.join(nodes[0], token, wait=False)
        for node in pair:
            node.weldr.wait_ready()
        settle(nodes[:nodes.index(pair[-1]) + 1])
    write_on_each(nodes, 1)


def test_a_late_one_joins_by_snapshot(town):
    """The log does not go back to the beginning any more."""
    first, late = (town.node(host) for host in town.build(2))
    first.run_origin()
    late.run_origin()
    first.start()
    first.add(ORIGIN_URL)

    def change(number):
        asker = Asker(first)
        for turn in range(SNAPSHOT_AFTER // 4 + 1):
            assert asker.write("PATCH", f"/servers/192.0.2.{number + 1}/80", {"meta": {"turn": str(turn)}}) == DONE
        asker.close()
    with Crew() as crew:
        for number in range(4):
            first.add(f"http://192.0.2.{number + 1}:80")
            crew.spawn(change, number)
        crew.wait()
    late.join(first)
    settle([first, late])
    agree([first, late])
    for number in range(4):
        assert late.get(f"/servers/192.0.2.{number + 1}/80")["meta"] == {"turn": str(SNAPSHOT_AFTER // 4)}
    assert late.ask() == 200
    late.restart()
    settle([first, late])
    agree([first, late])


def test_a_joiner_that_is_gone_half_way_leaves_nothing(town):
    first, second, gone = (town.node(host) for host in town.build(3))
    first.start()
    token = first.token()
    gone.join(first, token, wait=False)
    wait_until(lambda: len(first.cluster()["members"]) > 1 or gone.weldr.lines(msg="ready"), 20, "it to be admitted", step_s=0.001)
    gone.host.cut()
    gone.kill()
    wait_until(lambda: [member["is_self"] for member in first.cluster()["members"]] == [True], 60, "it to be forgotten", step_s=0.1)
    first.add("http://192.0.2.1:80")
    second.join(first)
    settle([first, second])
    agree([first, second])
