"""What clients read and write through any node is linearizable, whatever the nemesis does meanwhile (issue 13, 5 and 9).

Short here; `make nemesis` runs the same for as long as NEMESIS_SECONDS says.
"""

import os
import random
import time

from history import Recorder
from node import settle
from writers import Visitors, Writers

SECONDS = float(os.environ.get("NEMESIS_SECONDS", "8"))
SEED = int(os.environ.get("NEMESIS_SEED", "13"))
PAUSE_S = (0.3, 1.5)


class Nemesis:
    """Does one harm after the other, some of which overlap, and mends all now and then. is_deadly: kills too."""

    def __init__(self, town, nodes, seed=SEED, is_deadly=True):
        self.town, self.nodes, self.chance = town, nodes, random.Random(seed)
        self.harms = [self.cut, self.mute, self.deafen, self.split, self.lose, self.delay, self.heal, self.heal, self.transfer]
        if is_deadly:
            self.harms += [self.kill, self.kill_all]
        self.done = []

    def one(self):
        return self.chance.choice(self.nodes)

    def cut(self):
        self.one().host.cut()

    def mute(self):
        self.one().host.mute()

    def deafen(self):
        self.one().host.deafen()

    def split(self):
        one, other = self.chance.sample(self.nodes, 2)
        one.host.cut_from(other.host)

    def lose(self):
        self.one().host.rough(loss=0.2)

    def delay(self):
        self.one().host.rough(delay_s=0.1)

    def heal(self):
        self.town.fabric.heal()

    def transfer(self):
        self.one().api("POST", "/cluster/transfer", {})

    def kill(self):
        for node in self.chance.sample(self.nodes, self.chance.choice([1, 1, 2])):
            node.restart()

    def kill_all(self):
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.start()

    def rage(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            harm = self.chance.choice(self.harms)
            self.done.append(harm.__name__)
            harm()
            time.sleep(self.chance.uniform(*PAUSE_S))
        self.heal()


def test_linearizable(town):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    nemesis = Nemesis(town, nodes)
    with Recorder(nodes, seed=SEED) as recorder:
        nemesis.rage(SECONDS)
        settle(nodes)
    reads_n, writes_n, unknown_n = recorder.counts()
    print(f"\n{reads_n} reads, {writes_n} writes ({unknown_n} with an unknown end), nemesis: {' '.join(nemesis.done)}")
    assert reads_n > SECONDS and writes_n > SECONDS
    recorder.judge()


def test_nothing_is_lost_and_nobody_waits(town):
    """Every harm but death: no request to any of the proxies fails."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    nemesis = Nemesis(town, nodes, SEED + 1, is_deadly=False)
    with Writers(nodes) as writers, Visitors(nodes):
        nemesis.rage(SECONDS)
        settle(nodes)
        writers.wait_more()
    writers.judge()
