#!/usr/bin/env python3
"""check_sizes.py ROOT: files to 600 lines, functions to 45; exceptions in tools/exceptions.txt."""
import re
import subprocess
import sys

import common

FILE_LINES = 600
FUNCTION_LINES = 45
TOPS = ("src", "tests", "tools", "bench")


def file_problems(tree):
    problems = []
    for path in tree.files(*TOPS, endings=(".c", ".h", ".py", ".def")):
        lines = tree.read(path).count("\n")
        if lines > FILE_LINES and not tree.is_excepted("file-size", path):
            problems.append(f"{path}: {lines} lines, {FILE_LINES} allowed")
    return problems


def list_functions(tree, paths):
    """(path, function, lines) of every function, by ctags."""
    output = subprocess.run(
        ["ctags", "--languages=C", "--kinds-C=f", "--fields=+ne", "--excmd=number", "-f", "-", *paths],
        cwd=tree.root, check=True, capture_output=True, text=True,
    ).stdout
    for line in output.splitlines():
        if line.startswith("!"):
            continue
        name, path, _ = line.split("\t")[:3]
        first = re.search(r"\tline:(\d+)", line)
        last = re.search(r"\tend:(\d+)", line)
        if first and last:
            yield path, name, int(last.group(1)) - int(first.group(1)) + 1


def function_problems(tree):
    paths = tree.files(*TOPS, endings=(".c", ".h"))
    if not paths:
        return ["no source file found"]
    problems = []
    found_n = 0
    for path, name, lines in list_functions(tree, paths):
        found_n += 1
        subject = f"{path}:{name}"
        if lines > FUNCTION_LINES and not tree.is_excepted("function-size", subject):
            problems.append(f"{subject}: {lines} lines, {FUNCTION_LINES} allowed")
    if found_n == 0:
        problems.append("ctags found no function")
    return problems


def find_problems(tree):
    problems = file_problems(tree) + function_problems(tree)
    for check in ("file-size", "function-size"):
        problems += tree.exception_problems(check)
    return problems


if __name__ == "__main__":
    common.report(find_problems(common.Tree(sys.argv[1])))
