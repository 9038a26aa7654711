#!/usr/bin/env python3
"""check_words.py ROOT: no note of unfinished work, no path of somebody's machine, no forbidden synonym."""
import re
import sys

import common

# Written in pieces, so that this file does not match itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE_PATH = re.compile(r"(?<![\w.\-$}])/(wor" r"k|hom" r"e|roo" r"t|User" r"s)/[\w.]")
# One word per concept, in names only: prose may speak of other programs' words, and libuv has its own.
SYNONYM = re.compile(r"\b(?!uv_)\w*(up" r"stream|down" r"stream|back" r"end|front" r"end)\w*\b")
TOPS = ("src", "tests", "tools", "packaging", "bench", "man", "docs", ".ci", "Makefile", "meson.build")
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")


def problems_of_line(path, number, line):
    problems = []
    for pattern, what in ((UNFINISHED, "unfinished work"), (MACHINE_PATH, "a machine's path")):
        match = pattern.search(line)
        if match:
            problems.append(f"{path}:{number}: {what}: {match.group(0)}")
    if path.startswith("src/") and SYNONYM.search(line):
        problems.append(f"{path}:{number}: forbidden word {SYNONYM.search(line).group(0)}")
    return problems


def find_problems(tree):
    files = tree.files(*TOPS, *DOCUMENTS)
    problems = [] if files else ["no file found"]
    for path in files:
        for number, line in enumerate(tree.read(path).splitlines(), 1):
            problems += problems_of_line(path, number, line)
    return problems


if __name__ == "__main__":
    common.report(find_problems(common.Tree(sys.argv[1])))
