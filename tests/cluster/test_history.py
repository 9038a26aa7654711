"""What clients read and write through any node is linearizable, whatever the nemesis does meanwhile (issue 13, 5 and 9).

Short here; `make nemesis` runs the same for as long as NEMESIS_SECONDS says.
"""

import os
import random
import signal
import time

from history import Recorder
from node import settle
from writers import Visitors, Writers

SECONDS = float(os.environ.get("NEMESIS_SECONDS", "8"))
SEED = int(os.environ.get("NEMESIS_SEED", "13"))
PAUSE_S = (0.3, 1.5)
FREEZE_S = (0.2, 3.0)


class Nemesis:
    """Does one harm after the other, some of which overlap, and mends all now and then."""

    def __init__(self, town, nodes, seed=SEED):
        self.town, self.nodes, self.chance = town, nodes, random.Random(seed)
        self.harms = [self.cut, self.mute, self.deafen, self.split, self.lose, self.delay, self.heal, self.heal, self.transfer,
                      self.freeze, self.kill, self.kill_all]
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

    def freeze(self):
        """One whose manager stands still for longer than the others wait for it, and then goes on as if nothing had been."""
        pid = self.one().weldr.pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.chance.uniform(*FREEZE_S))
        os.kill(pid, signal.SIGCONT)

    def kill(self):
        for node in self.chance.sample(self.nodes, self.chance.choice([1, 1, 2])):
            node.restart()

    def kill_all(self):
        for node in self.nodes:
            node.kill()
        for node in self.nodes:
            node.start()

    def rage(self, seconds, *crews):
        """Until one of the crews has failed, at the longest."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not any(crew.failures for crew in crews):
            harm = self.chance.choice(self.harms)
            self.done.append(harm.__name__)
            harm()
            time.sleep(self.chance.uniform(*PAUSE_S))
        self.heal()


def test_linearizable(town):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    nemesis = Nemesis(town, nodes)
    with Recorder(nodes, seed=SEED) as recorder:
        nemesis.rage(SECONDS, recorder)
        settle(nodes)
    reads_n, writes_n, unknown_n = recorder.counts()
    print(f"\n{reads_n} reads, {writes_n} writes ({unknown_n} with an unknown end), nemesis: {' '.join(nemesis.done)}")
    assert reads_n > SECONDS and writes_n > SECONDS
    recorder.judge()


def test_nothing_is_lost_and_nobody_waits(town):
    """No request to any of the proxies fails, but to who is dead."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    nemesis = Nemesis(town, nodes, SEED + 1)
    with Writers(nodes) as writers, Visitors(nodes) as visitors:
        nemesis.rage(SECONDS, writers, visitors)
        settle(nodes)
        writers.wait_more()
    writers.judge()
    counts = ", ".join(f"{len(urls)} {outcome}" for outcome, urls in writers.told.items())
    print(f"\nwrites: {counts}; {sum(visitors.answered.values())} requests; nemesis: {' '.join(nemesis.done)}")
