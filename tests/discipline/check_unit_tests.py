#!/usr/bin/env python3
"""check_unit_tests.py ROOT: every source of floors 0-1 has tests/unit/ROOM/test_UNIT.c, and it is built.

Several sources may share a test: an exception "unit-test SOURCE tests/unit/ROOM/test_OTHER.c ..." in
tools/exceptions.txt starts its reason with the test that covers the source, which must exist.
"""
import os
import re
import sys

import common


def is_listed(tree, test):
    """Whether the meson.build beside the test names its unit."""
    build = os.path.join(os.path.dirname(test), "meson.build")
    unit = re.sub(r"^test_|\.c$", "", os.path.basename(test))
    return os.path.exists(tree.path(build)) and re.search(
        rf"'(test_)?{unit}(\.c)?'", tree.read(build)
    )


def problems_of_source(tree, source):
    room = common.room_of(source)
    unit = os.path.splitext(os.path.basename(source))[0]
    test = f"tests/unit/{room}/test_{unit}.c"
    if not os.path.exists(tree.path(test)):
        if not tree.is_excepted("unit-test", source):
            return [f"{source}: no {test}"]
        cover = (tree.exceptions[("unit-test", source)] + " ").split()[0]
        if cover.startswith("tests/") and not os.path.exists(tree.path(cover)):
            return [f"{source}: excepted for {cover}, which does not exist"]
        return []
    if not is_listed(tree, test):
        return [f"{test}: not in the meson.build beside it"]
    return []


def find_problems(tree):
    sources = []
    for room in common.FLOOR0 + common.FLOOR1:
        sources += tree.files(f"src/{room}", endings=(".c",))
    problems = [] if sources else ["no source of floors 0-1 found"]
    for source in sources:
        problems += problems_of_source(tree, source)
    for test in tree.files("tests/unit", endings=(".c",)):
        if os.path.basename(test).startswith("test_") and not is_listed(tree, test):
            problems.append(f"{test}: not in the meson.build beside it")
    return sorted(set(problems)) + tree.exception_problems("unit-test")


if __name__ == "__main__":
    common.report(find_problems(common.Tree(sys.argv[1])))
