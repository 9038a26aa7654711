"""The figures of tools/perf-check: reading and writing figures.txt, and judging counts by them."""
import collections
import re

LIMIT = 0.03
HEAD = """# Instructions that a worker spends on a request, by level of the scanner and row of the script (rows.py), each with
# the reason of its last change. Written by: make perf-check PERF_FLAGS='--update "reason"'
"""

Figure = collections.namedtuple("Figure", "count reason")
Verdict = collections.namedtuple("Verdict", "is_good key text")


class Figures:
    """(level, row) -> Figure, and by which compiler they came about."""

    def __init__(self, by_key=None, compiler=""):
        self.by_key = dict(by_key or {})
        self.compiler = compiler


def parse(text):
    figures = Figures()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split(None, 3)
        if not words or line.startswith("#"):
            continue
        if words[0] == "compiler":
            figures.compiler = line.partition(" ")[2].strip()
        elif len(words) == 4 and words[2].isdigit() and int(words[2]) > 0:
            figures.by_key[words[0], words[1]] = Figure(int(words[2]), words[3])
        else:
            raise ValueError(f"line {number} of the figures is not LEVEL ROW INSTRUCTIONS REASON: {line!r}")
    return figures


def print_out(figures):
    lines = [f"compiler {figures.compiler}\n"]
    for (level, row), figure in figures.by_key.items():
        lines.append(f"{level:7} {row:19} {figure.count:6} {figure.reason}\n")
    return HEAD + "".join(lines)


def major_of(compiler):
    found = re.search(r"\) (\d+)\.", compiler)
    return int(found[1]) if found else None


def is_comparable(figures, compiler):
    """Each major version of a compiler has its own idea of the same code: its counts say nothing about a change of ours."""
    ours, theirs = major_of(compiler), major_of(figures.compiler)
    return ours is None or theirs is None or ours == theirs


def judge_count(key, figure, count):
    if figure is None:
        return Verdict(False, key, f"no figure, measured {count:,} instructions a request")
    change = count / figure.count - 1
    text = f"{figure.count:,} -> {count:,} instructions a request, {count - figure.count:+,} ({change:+.1%})"
    return Verdict(abs(change) <= LIMIT, key, text)


def judge(figures, level, counts):
    """A verdict for each row that was measured at this level or has a figure of it."""
    verdicts = [judge_count((level, row), figures.by_key.get((level, row)), count) for row, count in counts.items()]
    for key in figures.by_key:
        if key[0] == level and key[1] not in counts:
            verdicts.append(Verdict(False, key, "a figure of a row that is no longer measured"))
    return verdicts


def update(figures, level, counts, reason):
    """Takes over what judge finds bad, and only that: small changes add up against the old figure until they show."""
    changed = [verdict for verdict in judge(figures, level, counts) if not verdict.is_good]
    for verdict in changed:
        if verdict.key[1] in counts:
            figures.by_key[verdict.key] = Figure(counts[verdict.key[1]], reason)
        else:
            del figures.by_key[verdict.key]
    return changed
