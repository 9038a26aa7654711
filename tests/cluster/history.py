"""Records what clients see of registers, for linear.py. A register is a server, its value a word in the server's meta."""

import http.client
import itertools
import random
import time

from asker import DONE, REFUSED, Asker
from linear import READ, UNKNOWN, WRITE, Op, check
from writers import Crew

KEY = "value"
FIRST = "first"  # what each register has before the history begins


def path_of(number):
    return f"/servers/192.0.2.{number + 1}/80"


class Recorder(Crew):
    """writers_n threads write and readers_n read with consistent=true, at any node each time."""

    def __init__(self, nodes, registers_n=3, writers_n=4, readers_n=4, seed=1, pause_s=0.02):
        super().__init__()
        self.nodes, self.pause_s = nodes, pause_s
        self.ops = [[] for _ in range(registers_n)]
        self.values = itertools.count()
        for number in range(registers_n):
            nodes[0].add(f"http://192.0.2.{number + 1}:80", meta={KEY: FIRST})
        for number in range(writers_n + readers_n):
            name = f"{'writer' if number < writers_n else 'reader'} {number}"
            self.spawn(self.write if number < writers_n else self.read, random.Random(seed * 1000 + number), name)

    def turns(self, chance):
        """(register, asker) until the end."""
        askers = [Asker(node) for node in self.nodes]
        while not self.is_over.is_set():
            yield chance.randrange(len(self.ops)), chance.choice(askers)
            self.is_over.wait(self.pause_s * 2 * chance.random())
        for asker in askers:
            asker.close()

    def write(self, chance, name):
        for register, asker in self.turns(chance):
            value = f"v{next(self.values)}"
            begin = time.monotonic()
            outcome = asker.write("PATCH", path_of(register), {"meta": {KEY: value}})
            if outcome != REFUSED:
                end = time.monotonic() if outcome == DONE else UNKNOWN
                self.ops[register].append(Op(WRITE, value, begin, end, f"{name} at {asker.node}"))

    def read(self, chance, name):
        for register, asker in self.turns(chance):
            begin = time.monotonic()
            try:
                answer = asker.ask("GET", path_of(register) + "?consistent=true")
            except (OSError, http.client.HTTPException):
                continue
            if answer.status == 503:
                continue
            assert answer.status == 200, answer
            self.ops[register].append(Op(READ, answer.json["meta"][KEY], begin, time.monotonic(), f"{name} at {asker.node}"))

    def counts(self):
        """(reads, writes, writes whose end is not known)."""
        ops = [op for register in self.ops for op in register]
        return (sum(op.kind == READ for op in ops), sum(op.kind == WRITE for op in ops), sum(op.end == UNKNOWN for op in ops))

    def judge(self):
        """After stop()."""
        for register in self.ops:
            check(register, FIRST)
