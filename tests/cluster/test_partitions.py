"""Cables that are pulled, half broken and slow: no acknowledged write is lost, and proxying stops nowhere."""

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from node import find_leader, settle
from rawhttp import wait_until
from writers import Visitors, Writers, agree

FLAPS = int(os.environ.get("FLAPS", "3"))
FLAP_S = 0.5
ROUGH_S = float(os.environ.get("ROUGH_S", "4"))


@contextlib.contextmanager
def under_load(town, nodes):
    """Writers and visitors at every node meanwhile; then all is mended, and judged."""
    with Writers(nodes) as writers, Visitors(nodes):
        writers.wait_more()
        yield writers
        town.fabric.heal()
        settle(nodes)
        writers.wait_more()
    writers.judge()


def sides(nodes):
    leader = find_leader(nodes)
    return leader, [node for node in nodes if node is not leader]


def refuses(node):
    """It takes no writes: there is nobody to agree with."""
    answer = node.api("POST", "/servers", Writers.probe())
    return answer.status in (503, 504)


def test_the_leader_is_cut_off(town):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    with under_load(town, nodes) as writers:
        leader, rest = sides(nodes)
        leader.host.cut()
        wait_until(lambda: refuses(leader), 30, "the stale leader to refuse")
        find_leader(rest)
        writers.wait_more()
        assert leader.ask() == 200 and leader.cluster()["role"] != "leader" and not leader.cluster()["quorum"]["has"]


@pytest.mark.parametrize("place", ["leader", "follower"])
def test_who_is_cut_off_answers_whoever_wants_to_change_members(town, place):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    leader, rest = sides(nodes)
    node, other = (leader, rest[0]) if place == "leader" else (rest[0], rest[1])
    wishes = [("POST", "/cluster/transfer", {"to": other.id}), ("POST", "/cluster/transfer", {}), ("POST", "/cluster/tokens", {}),
              ("PATCH", f"/cluster/members/{other.id}", {"address": "auto"})]
    with under_load(town, nodes), ThreadPoolExecutor(len(wishes)) as pool:
        node.host.cut()
        answers = [pool.submit(node.api, *wish) for wish in wishes]
        told = [(wish[1], answer.result().status, answer.result().json["code"]) for wish, answer in zip(wishes, answers)]
        assert all(status in (503, 504) for _, status, _ in told), told


def test_a_follower_is_cut_off_and_one_way(town):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    with under_load(town, nodes) as writers:
        for pull in "cut", "mute", "deafen":
            leader, rest = sides(nodes)
            getattr(rest[0].host, pull)()
            writers.wait_more(10)
            wait_until(lambda leader=leader, other=rest[1]: not refuses(other), 30, "the majority to go on")
            town.fabric.heal()
            settle(nodes)


@pytest.mark.parametrize("pull", ["mute", "deafen"])
def test_the_leader_one_way(town, pull):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    with under_load(town, nodes) as writers:
        leader, rest = sides(nodes)
        getattr(leader.host, pull)()
        wait_until(lambda: any(not refuses(node) for node in rest), 30, "the others to go on")
        writers.wait_more(10)


def test_a_cable_that_comes_and_goes(town):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    with under_load(town, nodes):
        for _ in range(FLAPS):
            leader, _ = sides(nodes)
            for change in leader.host.cut, leader.host.mend:
                change()
                time.sleep(FLAP_S)  # the rhythm is what this is about


@pytest.mark.parametrize("loss,delay_s", [(0.2, 0.0), (0.0, 0.1)])
def test_loss_and_delay(town, loss, delay_s):
    """Of each frame that any node sends, and is sent: two in ten are lost, or it takes 200 ms from node to node."""
    nodes = town.cluster(3)
    with under_load(town, nodes) as writers:
        for node in nodes:
            node.host.rough(loss / 2, delay_s)
        end = time.monotonic() + ROUGH_S
        while time.monotonic() < end:
            writers.wait_more(1)


def test_nobody_has_a_majority(town):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    with under_load(town, nodes):
        for node in nodes:
            node.host.cut()
        for node in nodes:
            wait_until(lambda node=node: refuses(node), 30, f"{node} to refuse")
            assert node.ask() == 200 and node.get("/servers")["servers"]
        town.fabric.heal()
    agree(nodes)
