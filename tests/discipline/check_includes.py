#!/usr/bin/env python3
"""check_includes.py ROOT: includes go downward only, as include_table.txt says."""
import os
import re
import sys

import common

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)


def read_table(text):
    table = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            room, _, allowed = line.partition(":")
            table[room.strip()] = set(allowed.split())
    return table


def problems_of_file(tree, path, table):
    room = common.room_of(path)
    if room not in table:
        return [f"{path}: room {room} is not in include_table.txt"]
    problems = []
    for kind, name in INCLUDE.findall(tree.read(path)):
        if kind == "<":
            continue
        if not os.path.exists(tree.path(os.path.join("src", name))):
            problems.append(f'{path}: "{name}" is not a path from src/')
            continue
        other = common.room_of(os.path.join("src", name))
        if other != room and other not in table[room]:
            problems.append(f"{path}: {room} must not include {other} ({name})")
    return problems


def find_problems(tree, table_text):
    table = read_table(table_text)
    files = tree.files("src", endings=(".c", ".h", ".def"))
    problems = [] if files else ["no source file found"]
    for path in files:
        problems += problems_of_file(tree, path, table)
    return problems


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "include_table.txt"), encoding="utf-8") as table_file:
        common.report(find_problems(common.Tree(sys.argv[1]), table_file.read()))
