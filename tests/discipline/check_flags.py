#!/usr/bin/env python3
"""check_flags.py ROOT: flags are facts, and few; and how often a bug would be noticed where it is made.

Counted are the enumerators of an enum of flags and the bool members (or members of one bit) of a struct. Phases are states with one
setter: what grows beyond its limit has a phase among its flags. MUSTs are counted a thousand lines of a folder.
"""
import re
import sys

import common

# object: (limit, [(file, "enum" or "struct", name)])
OBJECTS = {
    "exchange": (6, [("src/worker/exchange.h", "enum", "ex_flag"), ("src/worker/exchange.h", "struct", "exchange")]),
    "conn": (8, [("src/net/conn.h", "enum", "conn_flag"), ("src/net/conn.h", "struct", "conn")]),
    "client": (2, [("src/worker/client.h", "struct", "client"), ("src/worker/caller.h", "struct", "caller")]),
    "lane": (0, [("src/worker/lanes.h", "struct", "lane")]),
    "origin": (5, [("src/worker/origin.h", "struct", "origin")]),
    "origin_conn": (1, [("src/worker/origin_conn.h", "struct", "origin_conn")]),
    "stream": (1, [("src/worker/stream.h", "struct", "stream")]),
}
MUSTS_A_THOUSAND = {"worker": 8, "net": 0, "manager": 8}


def body_of(text, kind, name):
    found = re.search(rf"^{kind} {name} \{{\n(.*?)^\}};", text, re.MULTILINE | re.DOTALL)
    return re.sub(r"/\*.*?\*/", "", found[1], flags=re.DOTALL) if found else None


def count_in(text, kind, name):
    body = body_of(text, kind, name)
    if body is None:
        return None
    if kind == "enum":
        return len(re.findall(r"\b1U << \d+", body))
    return len(re.findall(r"^\s+bool\b(?![^;]*\()", body, re.MULTILINE)) + len(re.findall(r":\s*1\s*;", body))


def flag_problems(tree, objects):
    problems = []
    for name, (limit, places) in objects.items():
        counts = [count_in(tree.read(path), kind, what) for path, kind, what in places]
        if None in counts:
            problems.append(f"{name}: {places[counts.index(None)]} is not there")
            continue
        print(f"flags of {name}: {sum(counts)}, {limit} allowed")
        if sum(counts) > limit:
            problems.append(f"{name}: {sum(counts)} flags, {limit} allowed")
    return problems


def must_problems(tree, least):
    problems = []
    for folder, limit in least.items():
        text = "".join(tree.read(path) for path in tree.files(f"src/{folder}", endings=(".c", ".h")))
        rate = 1000 * len(re.findall(r"\bMUST\(", text)) / max(text.count("\n"), 1)
        print(f"MUST in {folder}: {rate:.1f} a thousand lines, at least {limit}")
        if rate < limit:
            problems.append(f"src/{folder}: {rate:.1f} MUST a thousand lines, {limit} wanted")
    return problems


def find_problems(tree, objects=None, least=None):
    return (flag_problems(tree, OBJECTS if objects is None else objects)
            + must_problems(tree, MUSTS_A_THOUSAND if least is None else least))


if __name__ == "__main__":
    common.report(find_problems(common.Tree(sys.argv[1])))
