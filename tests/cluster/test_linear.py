"""The checker of histories (linear.py) takes what is right and refuses what is not."""

import itertools
import random

import pytest
from linear import READ, UNKNOWN, WRITE, Op, Violation, check


def history(*rows):
    """Rows "w 1 0 2": write of 1 from 0 to 2; "r - 3 4": nothing was there yet; an end of "?" is unknown."""
    ops = []
    for row in rows:
        kind, value, begin, end = row.split()
        ops.append(Op(READ if kind == "r" else WRITE, None if value == "-" else value, float(begin), UNKNOWN if end == "?" else float(end)))
    return ops


GOOD = {
    "nothing": [],
    "one after the other": ["r - 0 1", "w a 2 3", "r a 4 5", "w b 6 7", "r b 8 9"],
    "old value while it is written": ["w a 0 1", "w b 2 9", "r a 3 4", "r b 5 6"],
    "new value before the writer hears": ["w a 0 9", "r a 1 2"],
    "two writers at once, either way": ["w a 0 5", "w b 0 5", "r a 6 7", "r a 8 9"],
    "two writers at once, the other way": ["w a 0 5", "w b 0 5", "r b 6 7"],
    "unknown and never done": ["w a 0 1", "w b 2 ?", "r a 3 4", "r a 9 10"],
    "unknown and done late": ["w a 0 1", "w b 2 ?", "r a 3 4", "r b 9 10", "r b 11 12"],
    "unknown and done at once": ["w a 0 1", "w b 2 ?", "w c 5 6", "r c 7 8"],
    "ends that touch": ["w a 0 1", "r - 1 2"],
}
BAD = {
    "what nobody wrote": ["w a 0 1", "r b 2 3"],
    "stale": ["w a 0 1", "w b 2 3", "r a 4 5"],
    "lost": ["w a 0 1", "r - 2 3"],
    "back again": ["w a 0 1", "w b 2 9", "r b 3 4", "r a 5 6"],
    "two readers disagree": ["w a 0 9", "w b 0 9", "r a 10 11", "r b 12 13"],
    "read before it was asked for": ["r a 0 1", "w a 2 3"],
    "unknown, read before it was asked for": ["r a 0 1", "w a 2 ?"],
    "unknown, done and undone": ["w a 0 1", "w b 2 ?", "r b 3 4", "r a 5 6"],
    "refused yet done": ["w a 0 1", "r z 2 3", "r a 4 5"],
}


@pytest.mark.parametrize("name", GOOD)
def test_right(name):
    check(history(*GOOD[name]))


@pytest.mark.parametrize("name", BAD)
def test_wrong(name):
    with pytest.raises(Violation):
        check(history(*BAD[name]))


def is_explained(ops):
    """The same question without any cleverness: every order of all of them."""
    for order in itertools.permutations(ops):
        state, latest = None, -1.0
        for op in order:
            latest = max(latest, op.begin)
            if op.end < latest or (op.kind == READ and op.value != state):
                break
            state = op.value if op.kind == WRITE else state
        else:
            return True
    return False


def random_history(chance):
    times = chance.sample(range(100), 10)
    spans = [sorted(times[i:i + 2]) for i in range(0, 10, 2)]
    values = iter("abcde")
    ops, written = [], [None]
    for begin, end in spans:
        if chance.random() < 0.5:
            written.append(next(values))
            ops.append(Op(WRITE, written[-1], begin, end))
        else:
            ops.append(Op(READ, None, begin, end))
    return [Op(READ, chance.choice(written), op.begin, op.end) if op.kind == READ else op for op in ops]


def test_as_trying_every_order_says():
    chance, found = random.Random(29), {True: 0, False: 0}
    for _ in range(1500):
        ops = random_history(chance)
        try:
            check(ops)
            answer = True
        except Violation:
            answer = False
        assert answer == is_explained(ops), ops
        found[answer] += 1
    assert min(found.values()) > 200, found


def long_history(chance, count):
    """What eight clients may see of a register that is right."""
    ops, now, state, free = [], 0.0, None, [0.0] * 8
    for number in range(count):
        client = free.index(min(free))
        begin = free[client] + chance.random()
        now = max(now, begin) + chance.random() * 0.1
        end = now + chance.random()
        kind = chance.choice([READ, WRITE])
        if kind == WRITE:
            state = number
        lost = kind == WRITE and chance.random() < 0.05
        ops.append(Op(kind, state, begin, UNKNOWN if lost else end, f"client {client}"))
        free[client] = end
    return ops


def test_thousands_of_operations():
    ops = long_history(random.Random(5), 3000)
    check(ops)
    last = max((op for op in ops if op.kind == READ), key=lambda op: op.begin)
    old = next(op.value for op in ops if op.kind == WRITE)
    with pytest.raises(Violation):
        check([*ops, Op(READ, old, last.end + 10, last.end + 11)])
