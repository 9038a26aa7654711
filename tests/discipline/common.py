"""What the discipline tests share: walking the tree, the exceptions file and the report.

Every check is a module check_*.py with a function `find_problems(tree, ...)` that returns a list of
sentences, one a problem. self_test.py feeds each of them a tree that breaks the rule.
"""
import os
import re
import sys

FLOOR0 = ("base",)
FLOOR1 = ("http", "codec", "pool", "balance", "health", "wire", "config", "route")
SKIPPED_FOLDERS = {".git", "__pycache__", ".pytest_cache", "corpus"}


class Tree:
    """The repository, or the pretended one of a self-test."""

    def __init__(self, root):
        self.root = root
        self.exceptions = self._read_exceptions()
        self.used_exceptions = set()

    def _read_exceptions(self):
        path = os.path.join(self.root, "tools", "exceptions.txt")
        found = {}
        if os.path.exists(path):
            for line in open(path, encoding="utf-8"):
                words = line.split(None, 2)
                if words and not words[0].startswith("#"):
                    found[(words[0], words[1])] = words[2].strip() if len(words) > 2 else ""
        return found

    def is_excepted(self, check, subject):
        key = (check, subject)
        if key not in self.exceptions:
            return False
        self.used_exceptions.add(key)
        return True

    def exception_problems(self, check):
        """Exceptions of this check without a reason or without a use. Call it last."""
        problems = []
        for (name, subject), reason in self.exceptions.items():
            if name != check:
                continue
            if not reason:
                problems.append(f"tools/exceptions.txt: {check} {subject}: no reason given")
            if (name, subject) not in self.used_exceptions:
                problems.append(f"tools/exceptions.txt: {check} {subject}: matches nothing")
        return problems

    def path(self, relative):
        return os.path.join(self.root, relative)

    def read(self, relative):
        with open(self.path(relative), encoding="utf-8", errors="replace") as file:
            return file.read()

    def files(self, *tops, endings=None):
        """Relative paths below the tops, sorted; build folders and corpora left out."""
        found = []
        for top in tops:
            if os.path.isfile(self.path(top)):
                found.append(top)
            for folder, folders, names in os.walk(self.path(top)):
                folders[:] = [
                    name
                    for name in folders
                    if name not in SKIPPED_FOLDERS and not re.match(r"build(-|$)", name)
                ]
                for name in names:
                    if endings is None or name.endswith(endings):
                        found.append(os.path.relpath(os.path.join(folder, name), self.root))
        return sorted(found)


def room_of(relative):
    """src/http/msg.c -> http, src/main.c -> main."""
    parts = relative.split(os.sep)
    return parts[1] if len(parts) > 2 else os.path.splitext(parts[1])[0]


def report(problems):
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    sys.exit(1 if problems else 0)
