"""kill -9 of who leads, and of whoever: writes go on at the others, and what was acknowledged stays."""

import os
import random
import time

from node import find_leader, settle
from writers import Writers, agree

LEADER_KILLS = int(os.environ.get("LEADER_KILLS", "2"))
NODE_KILLS = int(os.environ.get("NODE_KILLS", "4"))
PROFILE = os.environ.get("CLUSTER_PROFILE", "fast")


def time_to_write(node):
    """Seconds until a change is acknowledged there."""
    begin = time.monotonic()
    node.change("POST", "/servers", Writers.probe())
    return time.monotonic() - begin


def test_kill_of_the_leader(town):
    nodes = town.cluster(3, "--cluster-profile", PROFILE)
    times = []
    with Writers(nodes) as writers:
        for _ in range(LEADER_KILLS):
            writers.wait_more()
            leader = find_leader(nodes)
            rest = [node for node in nodes if node is not leader]
            leader.kill()
            times.append(time_to_write(rest[0]))
            leader.start()
            settle(nodes)
    writers.judge()
    times.sort()
    print(f"\n{PROFILE}: next committed write after {' '.join(f'{t:.2f}' for t in times)} s")


def test_kill_of_anyone_and_of_all_at_once(town):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    chance = random.Random(13)
    with Writers(nodes) as writers:
        for turn in range(NODE_KILLS):
            writers.wait_more()
            dead = nodes if turn % 4 == 3 else chance.sample(nodes, chance.choice([1, 1, 2]))
            for node in dead:
                node.kill()
            for node in dead:
                node.start()
            settle(nodes)
        writers.wait_more()
    writers.judge()


def test_a_leader_that_is_stopped_gives_the_lead_away(town):
    """Nobody waits for an election: who leads next does so before it has ended."""
    nodes = town.cluster(3)
    leader = find_leader(nodes)
    rest = [node for node in nodes if node is not leader]
    leader.stop()
    _, end = leader.past[-1].log.split('msg="shutting down"')
    # It steps down, and hears who was elected if the machine is not too busy.
    assert 'msg="no leader is known"' in end or 'msg="another member leads"' in end, end
    rest[0].add("http://192.0.2.1:80")
    leader.start()
    settle(nodes)
    agree(nodes)
