"""A join token lets one node in, once, for its time, into its own cluster."""

import re
import time

import pytest
from node import settle
from rawhttp import wait_until


def refuse(joiner, member, token, *words):
    """The joiner ends and says why, and the cluster has not noticed it."""
    before = [m["id"] for m in member.cluster()["members"]]
    joiner.join(member, token, wait=False)
    code = joiner.wait_end()
    log = joiner.past[-1].log
    assert code != 0 and code < 128, (code, log)
    assert any(word in log for word in words), log
    assert [m["id"] for m in member.cluster()["members"]] == before


def test_once_and_only_once(town):
    first, second, third = (town.node(host) for host in town.build(3))
    first.start()
    token = first.token()
    assert re.fullmatch(r"weldr1\.[A-Za-z0-9_-]+", token)
    second.join(first, token)
    settle([first, second])
    refuse(third, first, token, "used")
    third.join(first)
    settle([first, second, third])


def test_not_after_its_time(town):
    first, second = (town.node(host) for host in town.build(2))
    first.start()
    token = first.token(lifetime_s=1)
    token, made = first.token(lifetime_s=1), time.time()
    wait_until(lambda: time.time() > made + 1.5, 20, "its time to be over")
    refuse(second, first, token, "expired", "over")


def test_not_for_another_cluster(town):
    """Who is sent to the wrong one learns it, tells it nothing, and goes to the members that the token names."""
    one, other, joiner = (town.node(host) for host in town.build(3))
    one.start()
    other.start()
    joiner.join(other, one.token())
    assert joiner.weldr.lines(why="it is of another cluster than the token")
    settle([one, joiner])
    assert len(other.cluster()["members"]) == 1


@pytest.mark.parametrize("spoil", ["cut", "changed", "other"])
def test_not_when_it_is_damaged(town, spoil):
    first, second = (town.node(host) for host in town.build(2))
    first.start()
    token = first.token()
    token = {"cut": token[:-3], "changed": token[:20] + ("B" if token[20] != "B" else "C") + token[21:], "other": "weldr1.abc"}[spoil]
    refuse(second, first, token, "token")
    second.join(first)  # it has not become part of anything, and may be tried again
    settle([first, second])
