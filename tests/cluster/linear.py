"""Is a history of a register linearizable? The search of Wing and Gong, with the memory of Lowe's for what was tried before.

A history is a list of Op. Each write has a value of its own, so what can't be known (did a write whose response never came take
place?) is settled beforehand: nobody has read its value, then it plays no part; or somebody has, then it was done by the time
that the first such read had ended. Without that each such write would double the search.
"""

import dataclasses
import math

READ, WRITE = "read", "write"
UNKNOWN = math.inf  # end of a write that may have been done, or may be done later, or never


@dataclasses.dataclass(frozen=True)
class Op:
    kind: str
    value: object
    begin: float
    end: float
    who: str = ""


class Violation(AssertionError):
    """No order explains what was seen."""


def settle(ops, initial):
    """The same history without unknown ends."""
    written = {op.value for op in ops if op.kind == WRITE}
    assert len(written) == sum(op.kind == WRITE for op in ops) and initial not in written, "each write has a value of its own"
    first_read = {}
    for op in ops:
        if op.kind == READ:
            if op.value != initial and op.value not in written:
                raise Violation(f"nobody wrote what was read: {op}")
            first_read[op.value] = min(op.end, first_read.get(op.value, math.inf))
    settled = []
    for op in ops:
        if op.kind == WRITE and op.end == UNKNOWN:
            if op.value not in first_read:
                continue
            op = dataclasses.replace(op, end=first_read[op.value])
            if op.end < op.begin:
                raise Violation(f"read before it was asked for: {op}")
        settled.append(op)
    return settled


class Events:
    """Begins and ends in the order of time, as a ring that entries leave and come back to at their old places."""

    HEAD = -1

    def __init__(self, ops):
        order = sorted([(op.begin, 0, i) for i, op in enumerate(ops)] + [(op.end, 1, i) for i, op in enumerate(ops)])
        self.op = [i for _, _, i in order]
        self.is_end = [bool(kind) for _, kind, _ in order]
        self.end_of = {i: n for n, (_, kind, i) in enumerate(order) if kind}
        count = len(order)
        self.after = [n + 1 for n in range(count)] + [0]  # the last place is the head's
        self.before = [n - 1 for n in range(count)] + [count - 1]
        if count:
            self.after[count - 1] = self.before[0] = self.HEAD
        else:
            self.after[self.HEAD] = self.HEAD

    @property
    def first(self):
        return self.after[self.HEAD]

    def take_out(self, begin):
        for n in (begin, self.end_of[self.op[begin]]):
            self.after[self.before[n]], self.before[self.after[n]] = self.after[n], self.before[n]

    def put_back(self, begin):
        for n in (self.end_of[self.op[begin]], begin):
            self.after[self.before[n]] = self.before[self.after[n]] = n


def step(state, op):
    """(possible, the register after it)."""
    return (True, op.value) if op.kind == WRITE else (op.value == state, state)


def check(ops, initial=None):
    """Raises Violation, with the operation that the search never got past."""
    ops = settle(ops, initial)
    events = Events(ops)
    state, done, tried, path = initial, 0, set(), []
    deepest, stuck = -1, None
    at = events.first
    while events.first != Events.HEAD:
        if not events.is_end[at]:
            number = events.op[at]
            possible, then = step(state, ops[number])
            key = (done | 1 << number, then)
            if possible and key not in tried:
                tried.add(key)
                path.append((at, state, done))
                done, state = key
                events.take_out(at)
                at = events.first
            else:
                at = events.after[at]
            continue
        if len(path) > deepest:
            deepest, stuck = len(path), ops[events.op[at]]
        if not path:
            raise Violation(f"no order of {len(ops)} operations explains them; {deepest} could be put in order, then: {stuck}")
        at, state, done = path.pop()
        events.put_back(at)
        at = events.after[at]
