#!/usr/bin/env python3
"""check_architecture.py ROOT: what ARCHITECTURE.md names between back-ticks exists; its lines fit into 100 columns.

Also checked are lines of its figures: "    file.c   words" names a file (or a folder), and each word with an underscore among
its words stands in the code of a file of that line, or of its header.

Checked are files and folders (from the root, from src/, or by their last part alone), names in the
sense of C (a function, type, member, macro, setting, or a file without its ending), each part of a
dotted name, and flags. Words in comments don't count. Anything else between back-ticks, such as a
path of the API, is not looked at.
"""
import os
import re
import sys

import common

PAGE = "ARCHITECTURE.md"
COLUMNS = 100
TOPS = ("src", "tests", "tools", "packaging", "bench", "man")
SPAN = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"[\w./-]+\.(c|h|def|py|txt|md|8)|[\w-]+(/[\w-]+)+/?|[\w-]+/")
NAME = re.compile(r"\w*[A-Za-z_]\w*(\.\w+)*(\(\))?")
FLAG = re.compile(r"--[a-z][a-z-]+")
WORD = re.compile(r"[A-Za-z_]\w*")
FIGURE = re.compile(r" {4,}(\w+\.[ch]|\w+/) +(\S.*)")
FIGURE_FILE = re.compile(r"\b(\w+)\.(?:c|h|def)\b")
FIGURE_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b(?!\.)")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


class Known:
    """All that may be named."""

    def __init__(self, tree):
        files = tree.files(*TOPS, "Makefile", "README.md", "CONTRIBUTING.md", "SECURITY.md")
        self.paths = set()
        for path in files:
            parts = path.split("/")
            self.paths |= {"/".join(parts[first:last + 1]) for first in range(len(parts)) for last in range(first, len(parts))}
        self.words = {os.path.splitext(os.path.basename(path))[0] for path in files}
        self.text = ""
        for path in tree.files("src", endings=(".c", ".h", ".def")):
            self.text += COMMENT.sub(" ", tree.read(path))
        self.words |= set(WORD.findall(self.text))
        self.words_of = {}
        for path in tree.files("src", endings=(".c", ".h", ".def")):
            stem = os.path.splitext(os.path.basename(path))[0]
            self.words_of.setdefault(stem, set()).update(WORD.findall(COMMENT.sub(" ", tree.read(path))))

    def has_name(self, name):
        parts = name.removesuffix("()").split(".")
        return all(part in self.words or part.isdigit() for part in parts)


def problem_of_span(known, span):
    if FILE.fullmatch(span):
        return None if span.rstrip("/") in known.paths else f"no file {span}"
    if FLAG.fullmatch(span):
        return None if f'"{span}"' in known.text else f"no flag {span}"
    if NAME.fullmatch(span):
        return None if known.has_name(span) else f"nothing of the name {span}"
    return None


def spans_of(text):
    """(line number, what stands between back-ticks)."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in SPAN.finditer(line):
            yield number, match.group(1)


def problems_of_figure(known, line):
    """Of a line "    file.c   words"."""
    match = FIGURE.fullmatch(line)
    if not match:
        return []
    subject, words = match.groups()
    if subject.rstrip("/") not in known.paths:
        return [f"no file {subject}"]
    stems = FIGURE_FILE.findall(line)
    names = FIGURE_NAME.findall(words) if stems else []
    return [f"{' '.join(stems)}: nothing of the name {name}" for name in names
            if not any(name in known.words_of.get(stem, ()) for stem in stems)]


def find_problems(tree):
    text = tree.read(PAGE)
    known = Known(tree)
    problems = []
    found_n = 0
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > COLUMNS:
            problems.append(f"{PAGE}:{number}: {len(line)} columns, {COLUMNS} allowed")
        problems += [f"{PAGE}:{number}: {problem}" for problem in problems_of_figure(known, line)]
        if line.count("`") % 2:
            problems.append(f"{PAGE}:{number}: a back-tick without its other one in the line")
    for number, span in spans_of(text):
        found_n += 1
        problem = problem_of_span(known, span)
        if problem:
            problems.append(f"{PAGE}:{number}: {problem}")
    if found_n == 0:
        problems.append(f"{PAGE}: names nothing")
    return problems


if __name__ == "__main__":
    common.report(find_problems(common.Tree(sys.argv[1])))
