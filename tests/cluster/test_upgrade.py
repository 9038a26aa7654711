"""One node of three is upgraded in place: it comes back as the same member, and the others have lost nobody."""

import pytest

import heirs
from fabric import DEVICE
from holders import Client, Watch
from node import ORIGIN_URL, find_leader, settle
from rawhttp import wait_until
from writers import Visitors, Writers, agree


@pytest.fixture(autouse=True)
def orphans():
    heirs.take_orphans()


def upgrade(node):
    """By the command; returns when the process of before has ended."""
    result = node.command("upgrade")
    assert result.returncode == 0 and result.stdout.startswith("weldr "), result
    before = heirs.follow(node.weldr, int(result.stdout.split()[-1]))
    node.host.fabric.drop(before.pid)
    node.host.fabric.keep(node.weldr.pid)
    assert heirs.end_of(before) == 0
    wait_until(lambda: not heirs.owes_predecessor(node.weldr), 20, "the successor to hear of the end")


@pytest.mark.parametrize("which", ["leader", "follower"])
def test_the_same_member_comes_back(town, which):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    leader = find_leader(nodes)
    node = leader if which == "leader" else next(node for node in nodes if node is not leader)
    rest = [other for other in nodes if other is not node]
    before, members = node.id, sorted(member["id"] for member in rest[0].cluster()["members"])
    upgrade(node)
    settle(nodes)
    assert node.id == before
    if which == "leader":
        assert find_leader(nodes) in rest or node.weldr.lines(msg="another node leads, since this one ends")
    assert sorted(member["id"] for member in rest[0].cluster()["members"]) == members
    for other in nodes:
        assert other.get("/events?kind=member_removed")["events"] == []
    node.add("http://192.0.2.1:80")
    agree(nodes)


def test_all_of_them_under_load(town):
    """Writers and clients go on while one after the other is upgraded; no request fails, no write is lost."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    with Writers(nodes) as writers, Visitors(nodes):
        for node in nodes:
            writers.wait_more()
            upgrade(node)
            settle(nodes)
        writers.wait_more()
    writers.judge()
    agree(nodes)


def test_a_node_without_the_others(town):
    """Nobody leads: it serves with what it has stored, before and after."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    alone = nodes[2]
    for node in nodes[:2]:
        node.kill()
    urls = alone.urls()
    upgrade(alone)
    assert alone.urls() == urls and alone.ask() == 200
    for node in nodes[:2]:
        node.start()
    settle(nodes)
    alone.add("http://192.0.2.1:80")
    agree(nodes)


VIP = "10.77.0.100"


def test_a_node_alone_keeps_its_address(town):
    """The helper is handed over: the address is not away for a moment, and can be let go afterwards."""
    node = town.node(town.build(2)[0])
    node.run_origin()
    node.start()
    node.add(ORIGIN_URL)
    node.change("PUT", f"/vips/{VIP}", {"interface": DEVICE})
    with Watch([node], [VIP]) as watch, Client(town.fabric.hosts[1], VIP) as client:
        wait_until(lambda: watch.holder(VIP) and client.last, 30, "it to be held", step_s=0.01)
        changes_n, failed_n = len(watch.log), client.failed_n
        for _ in range(2):
            upgrade(node)
            wait_until(lambda: node.get(f"/vips/{VIP}")["state"] == "held", 30, "the successor to hold it")
        asked_n = client.asked_n
        wait_until(lambda: client.asked_n > asked_n, 30, "the client to go on")
        assert len(watch.log) == changes_n and client.failed_n == failed_n, (watch.log, client.failed_n)
        node.change("DELETE", f"/vips/{VIP}")
        wait_until(lambda: not watch.holders[VIP], 30, "it to be gone")


def test_an_address_of_three(town):
    """It is held by one node at a time, whoever that is, and by one in the end."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    nodes[0].change("PUT", f"/vips/{VIP}", {"interface": DEVICE})
    with Watch(nodes, [VIP]) as watch:
        for _ in nodes:
            holder = wait_until(lambda: watch.holder(VIP), 30, "it to be held", step_s=0.01)
            upgrade(holder)
            settle(nodes)
        wait_until(lambda: watch.holder(VIP) and [node.get(f"/vips/{VIP}")["state"] for node in nodes].count("held") == 1, 30, "one to hold it")
