#!/usr/bin/env python3
"""check_symbols.py ROOT ARCHIVE...: no symbol of ours has a prefix that a library linked statically uses."""
import re
import sys

import check_purity
import common

TAKEN = re.compile(r"^(tls|err|conf|hashtable|strbuffer|utf8|uv|raft|json|jsonp|XXH|ssl|SSL)_")


def find_problems(tree, archives):
    problems = [] if archives else ["no archive given"]
    owners = {}
    for archive in archives:
        for name in sorted(check_purity.symbols(archive, "--defined-only", "--extern-only")):
            if name.startswith(("__", "_")):
                continue
            if TAKEN.match(name) and not tree.is_excepted("symbol", name):
                problems.append(f"{archive}: {name} has a prefix that a library uses")
            if name in owners:
                problems.append(f"{archive}: {name} is also defined by {owners[name]}")
            owners[name] = archive
    return problems + tree.exception_problems("symbol")


if __name__ == "__main__":
    common.report(find_problems(common.Tree(sys.argv[1]), sys.argv[2:]))
