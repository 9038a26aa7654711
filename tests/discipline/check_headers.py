#!/usr/bin/env python3
"""check_headers.py ROOT: every header compiles alone and opens with a comment on what it is for."""
import re
import subprocess
import sys

import common

GUARD_LINES = re.compile(r"^\s*(#\s*(ifndef|define|pragma)[^\n]*\s*)*")


def compile_alone(tree, header):
    """The complaint of the compiler, or an empty string."""
    command = [
        "gcc", "-std=gnu11", "-D_GNU_SOURCE", '-DWELDR_VERSION="0"', "-Wall", "-Wextra", "-Werror",
        "-Wno-unused-function", "-fsyntax-only", "-I", tree.path("src"), "-x", "c", "-",
    ]
    source = f'#include "{header[len("src/"):]}"\n'
    result = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return result.stderr if result.returncode != 0 else ""


def has_essay(text):
    text = text[GUARD_LINES.match(text).end():]
    return text.startswith("/*")


def find_problems(tree):
    headers = tree.files("src", endings=(".h",))
    problems = [] if headers else ["no header found"]
    for header in headers:
        complaint = compile_alone(tree, header)
        if complaint:
            problems.append(f"{header}: does not compile alone\n{complaint}")
        if not has_essay(tree.read(header)):
            problems.append(f"{header}: no opening comment on what it is for")
    return problems


if __name__ == "__main__":
    common.report(find_problems(common.Tree(sys.argv[1])))
