#!/usr/bin/env python3
"""check_rooms.py ROOT [FOLDER ARCHIVE]...: the rooms inside a folder of src/ use each other downward only.

FOLDER_rooms.txt beside this file names them. Three things are looked at: what files include, what the functions of the archive
call (so that nobody declares in a lower room what a higher one defines), and that headers include each other in no circle,
nor functions call each other in one from file to file: what goes upward goes by a table, which is data.
"""
import collections
import os
import re
import subprocess
import sys

import common
from check_circles import find_circles
from check_includes import INCLUDE

Room = collections.namedtuple("Room", "lower files never")


def read_rooms(text):
    rooms = {}
    for line in text.splitlines():
        line = line.split("#")[0].rstrip()
        if not line:
            continue
        if ">" in line and not line.startswith(" "):
            name, _, lower = line.partition(">")
            room = rooms[name.strip()] = Room(lower.split(), [], [])
        elif line.split()[0] == "never":
            room.never.extend(line.split()[1:])
        else:
            room.files.extend(line.split())
    return rooms


def room_of(rooms, name):
    stem = os.path.splitext(name)[0]
    for wanted in (name, stem):
        for room, facts in rooms.items():
            if wanted in facts.files:
                return room
    return None


def table_problems(rooms):
    """Below is what stands before: so the table has no circle."""
    problems, seen = [], set()
    for name, facts in rooms.items():
        problems += [f"room {name}: {lower} does not stand before it" for lower in facts.lower if lower not in seen]
        seen.add(name)
    return problems


def may_use(rooms, user, used):
    return user == used or used in rooms[user].lower


def include_problems(tree, folder, rooms):
    problems = []
    for path in tree.files(f"src/{folder}", endings=(".c", ".h", ".def")):
        room = room_of(rooms, os.path.basename(path))
        if room is None:
            problems.append(f"{path}: in no room of {folder}_rooms.txt")
            continue
        text = tree.read(path)
        for word in rooms[room].never:
            if found := re.search(word, text):
                problems.append(f"{path}: room {room} must not know {found[0]}")
        for _, name in INCLUDE.findall(text):
            other = room_of(rooms, os.path.basename(name)) if name.startswith(folder + "/") else None
            if other and not may_use(rooms, room, other):
                problems.append(f"{path}: room {room} must not include {name} of room {other}")
    return problems


def symbols_of(archive):
    """{symbol: (unit that defines it, its kind)}, [(unit, symbol that it uses)]."""
    defined, used = {}, []
    output = subprocess.run(["nm", "-A", archive], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        m = re.match(r".*?([\w]+)\.c\.o:\s*[0-9a-f]*\s+([A-Za-z])\s+(\w+)$", line)
        if m and m[2] == "U":
            used.append((m[1], m[3]))
        elif m and m[2].isupper():
            defined[m[3]] = (m[1], m[2])
    return defined, used


def call_problems(archive, rooms):
    defined, used = symbols_of(archive)
    if not defined:
        return [f"{archive}: no symbols found"]
    problems = []
    calls = collections.defaultdict(set)
    for unit, symbol in used:
        other, kind = defined.get(symbol, (None, None))
        if other is None:
            continue
        if kind == "T":
            calls[unit].add(other)
        here, there = room_of(rooms, unit + ".c"), room_of(rooms, other + ".c")
        if here and there and not may_use(rooms, here, there):
            problems.append(f"{unit}.c: room {here} must not use {symbol} of room {there} ({other}.c)")
    for circle in find_circles(calls):
        problems.append(f"{os.path.basename(archive)}: {len(circle)} files call each other in a circle: {' '.join(circle)}")
    return problems


def circle_problems(tree, folder):
    """Headers that include each other."""
    graph = {}
    for path in tree.files(f"src/{folder}", endings=(".h",)):
        names = [name for _, name in INCLUDE.findall(tree.read(path)) if name.startswith(folder + "/")]
        graph[path[len("src/"):]] = names
    problems, done = [], set()

    def walk(name, way):
        if name in way:
            problems.append("circle of headers: " + " -> ".join([*way[way.index(name):], name]))
        elif name not in done:
            for other in graph.get(name, ()):
                walk(other, [*way, name])
            done.add(name)

    for name in graph:
        walk(name, [])
    return problems


def find_problems(tree, folder, table_text, archive):
    rooms = read_rooms(table_text)
    return (table_problems(rooms) + include_problems(tree, folder, rooms) + circle_problems(tree, folder)
            + call_problems(archive, rooms))


def main():
    tree = common.Tree(sys.argv[1])
    here = os.path.dirname(os.path.abspath(__file__))
    problems = []
    for folder, archive in zip(sys.argv[2::2], sys.argv[3::2]):
        with open(os.path.join(here, folder + "_rooms.txt"), encoding="utf-8") as file:
            text = file.read()
        for name, room in read_rooms(text).items():
            print(f"{folder}/{name}: {len(room.files)} units, above {', '.join(room.lower) or 'nothing'}")
        problems += find_problems(tree, folder, text, archive)
    common.report(problems)


if __name__ == "__main__":
    main()
