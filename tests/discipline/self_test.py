#!/usr/bin/env python3
"""self_test.py: each discipline check passes a good tree and fails one that breaks its rule.

A check that can't fail proves nothing. Prints its cases in the way of cmocka, so that they are
counted one by one.
"""
import os
import subprocess
import sys
import tempfile

import check_architecture
import check_circles
import check_doors
import check_flags
import check_headers
import check_includes
import check_purity
import check_rooms
import check_sizes
import check_symbols
import check_unit_tests
import check_words
import common

TABLE = "base:\nhttp: base\nworker: base http\nmanager: base http\n"
ROOMS = "low >\n    span span2\nhigh > low\n    view\n    never conn_[a-z]+\n"
ESSAY = "/*\n * What this is for.\n * Who calls it.\n */\n#pragma once\n"
GOOD = {
    "src/base/span.h": ESSAY + "int span_a(void);\n",
    "src/base/span.c": '#include "base/span.h"\nint span_a(void)\n{\n    return 1;\n}\n',
    "src/http/msg.h": ESSAY + '#include "base/span.h"\nint msg_a(int fd);\n',
    "src/http/msg.c": '#include "http/msg.h"\nint msg_a(int fd)\n{\n    return fd + span_a();\n}\n',
    "tests/unit/base/test_span.c": "int main(void)\n{\n    return 0;\n}\n",
    "tests/unit/base/meson.build": "foreach t : ['span']\n",
    "tests/unit/http/test_msg.c": "int main(void)\n{\n    return 0;\n}\n",
    "tests/unit/http/meson.build": "foreach t : ['msg']\n",
    "tools/exceptions.txt": "# none\n",
    "ARCHITECTURE.md": "`src/base/span.c`, `base/span.h`, `span.h`, `http/` and `tests/unit`: `span_a`, `msg_a()`\n",
}


def make_tree(folder, changes):
    for path, text in {**GOOD, **changes}.items():
        if text is None:
            continue
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
    return common.Tree(folder)


def archive(tree, room):
    """The room as a static library, as the build makes it."""
    library = tree.path(f"lib{room}.a")
    for source in tree.files(f"src/{room}", endings=(".c",)):
        subprocess.run(
            ["gcc", "-w", "-D_GNU_SOURCE", "-I", tree.path("src"), "-c", tree.path(source), "-o",
             tree.path(source) + ".o"], check=True)
        subprocess.run(["ar", "rcs", library, tree.path(source) + ".o"], check=True)
    return library


def purity(tree):
    return check_purity.find_problems([archive(tree, "http")], [archive(tree, "base")])


def symbol_clashes(tree):
    return check_symbols.find_problems(tree, [archive(tree, "base"), archive(tree, "http")])


def includes(tree):
    return check_includes.find_problems(tree, TABLE)


def rooms(tree, table=ROOMS):
    return check_rooms.find_problems(tree, "base", table, archive(tree, "base"))


def rooms_in_a_circle(tree):
    return rooms(tree, ROOMS.replace("low >", "low > high"))


VIEW = {"src/base/view.h": ESSAY + "int view_a(void);\n", "src/base/view.c": "int view_a(void)\n{\n    return 1;\n}\n"}
MESSAGE = "enum msg_flag {\n    MSG_A = 1U << 0, /* a fact */\n    MSG_B = 1U << 1\n};\nstruct msg {\n    bool is_c;\n    unsigned d : 1;\n};\n"


def flags(tree):
    where = "src/http/msg.h"
    return check_flags.flag_problems(tree, {"msg": (3, [(where, "enum", "msg_flag"), (where, "struct", "msg")])})


def musts(tree):
    return check_flags.must_problems(tree, {"http": 50})


def impure(call, declared=""):
    body = '#include "http/msg.h"\n#include <stdio.h>\n#include <stdlib.h>\n#include <time.h>\n'
    body += "#include <unistd.h>\n#include <sys/socket.h>\n#include <sys/random.h>\n"
    return {"src/http/msg.c": body + declared + f"int msg_a(int fd)\n{{\n    char b[8];\n    return (int){call} + b[0];\n}}\n"}


LONG_FUNCTION = "int span_a(void)\n{\n" + "    span_a();\n" * 42 + "    return 1;\n}\n"

# name, check, changes to the good tree, a word that the problem must contain
CASES = [
    ("includes: upward", includes, {"src/base/span.c": '#include "http/msg.h"\n'}, "must not include"),
    ("includes: worker takes manager", includes,
     {"src/worker/w.c": '#include "manager/m.h"\n', "src/manager/m.h": ESSAY}, "must not include"),
    ("includes: unknown room", includes, {"src/cellar/c.c": ""}, "not in include_table"),
    ("includes: not from src", includes, {"src/http/msg.c": '#include "msg.h"\n'}, "not a path"),
    ("rooms: upward", rooms, {**VIEW, "src/base/span.c": '#include "base/view.h"\n'}, "must not include"),
    ("rooms: upward by a call", rooms,
     {**VIEW, "src/base/span.c": "int view_a(void);\nint span_a(void)\n{\n    return view_a();\n}\n"}, "must not use view_a"),
    ("rooms: circle of calls", rooms,
     {"src/base/span.c": "int span_b(void);\nint span_a(void)\n{\n    return span_b();\n}\n",
      "src/base/span2.c": "int span_a(void);\nint span_b(void)\n{\n    return span_a();\n}\n"}, "call each other in a circle: span span2"),
    ("rooms: no room", rooms, {"src/base/cellar.c": "int cellar_a;\n"}, "in no room"),
    ("rooms: forbidden word", rooms, {**VIEW, "src/base/view.h": ESSAY + "int conn_view(void);\n"}, "must not know conn_view"),
    ("rooms: circle of headers", rooms,
     {"src/base/view.h": ESSAY + '#include "base/view2.h"\n', "src/base/view2.h": ESSAY + '#include "base/view.h"\n'},
     "circle of headers"),
    ("rooms: circle of rooms", rooms_in_a_circle, {}, "does not stand before"),
    ("flags: too many", flags, {"src/http/msg.h": ESSAY + MESSAGE}, "4 flags, 3 allowed"),
    ("flags: nothing to count", flags, {}, "is not there"),
    ("flags: few MUSTs", musts, {}, "MUST a thousand lines"),
    ("purity: socket", purity, impure("socket(1, 1, 0)"), "socket"),
    ("purity: read", purity, impure("read(fd, b, 8)"), "read"),
    ("purity: write", purity, impure("write(fd, b, 8)"), "write"),
    ("purity: clock", purity, impure("clock_gettime(0, NULL)"), "clock_gettime"),
    ("purity: time", purity, impure("time(NULL)"), "time"),
    ("purity: random", purity, impure("getrandom(b, 8, 0)"), "getrandom"),
    ("purity: rand", purity, impure("rand()"), "rand"),
    ("purity: printf", purity, impure('printf("%d", fd)'), "printf"),
    ("purity: clock of base", purity,
     {**impure("clock_now_us()", "int clock_now_us(void);\n"), "src/base/clock.c": "int clock_now_us(void)\n{\n    return 1;\n}\n"},
     "clock_now_us"),
    ("sizes: file", check_sizes.find_problems, {"src/base/span.h": ESSAY + "\n" * 596}, "601 lines, 600 allowed"),
    ("sizes: function", check_sizes.find_problems, {"src/base/span.c": LONG_FUNCTION}, "46 lines, 45 allowed"),
    ("sizes: stale exception", check_sizes.find_problems,
     {"tools/exceptions.txt": "file-size src/base/gone.c long table\n"}, "matches nothing"),
    ("sizes: exception without reason", check_sizes.find_problems,
     {"src/base/span.c": LONG_FUNCTION, "tools/exceptions.txt": "function-size src/base/span.c:span_a\n"},
     "no reason"),
    ("headers: not alone", check_headers.find_problems,
     {"src/http/msg.h": ESSAY + "int msg_a(size_t n);\n"}, "does not compile alone"),
    ("headers: no essay", check_headers.find_problems,
     {"src/http/msg.h": "#pragma once\nint msg_a(int fd);\n"}, "no opening comment"),
    ("symbols: taken prefix", symbol_clashes,
     {"src/base/e.c": "int err_print(void)\n{\n    return 1;\n}\n"}, "err_print"),
    ("symbols: twice", symbol_clashes,
     {"src/base/e.c": "int msg_a(int fd)\n{\n    return fd;\n}\n"}, "also defined"),
    ("doors: jansson", check_doors.find_problems,
     {"src/http/msg.c": "#include <jansson.h>\n"}, "jansson.h"),
    ("doors: epoll", check_doors.find_problems,
     {"src/worker/w.c": "#include <sys/epoll.h>\n"}, "epoll.h"),
    ("unit tests: missing", check_unit_tests.find_problems,
     {"tests/unit/http/test_msg.c": None}, "no tests/unit/http/test_msg.c"),
    ("unit tests: not built", check_unit_tests.find_problems,
     {"tests/unit/http/meson.build": "foreach t : ['other']\n"}, "not in the meson.build"),
    ("unit tests: covered by nothing", check_unit_tests.find_problems,
     {"tests/unit/http/test_msg.c": None,
      "tools/exceptions.txt": "unit-test src/http/msg.c tests/unit/http/test_gone.c both\n"},
     "does not exist"),
    ("architecture: no such file", check_architecture.find_problems,
     {"ARCHITECTURE.md": "`span_a` in `base/spam.c`\n"}, "no file base/spam.c"),
    ("architecture: no such folder", check_architecture.find_problems,
     {"ARCHITECTURE.md": "`span_a` in `cellar/`\n"}, "no file cellar/"),
    ("architecture: no such function", check_architecture.find_problems,
     {"ARCHITECTURE.md": "`span_a` and `span_b()`\n"}, "nothing of the name span_b()"),
    ("architecture: no such member", check_architecture.find_problems,
     {"ARCHITECTURE.md": "`span_a.len`\n"}, "nothing of the name span_a.len"),
    ("architecture: in a comment only", check_architecture.find_problems,
     {"src/http/msg.c": "/* the old\n * msg_b */\nint msg_a(void);\n", "ARCHITECTURE.md": "`msg_b`\n"},
     "nothing of the name msg_b"),
    ("architecture: no such flag", check_architecture.find_problems,
     {"ARCHITECTURE.md": "`span_a` by `--span`\n"}, "no flag --span"),
    ("architecture: long line", check_architecture.find_problems,
     {"ARCHITECTURE.md": "`span_a` " + "x" * 92 + "\n"}, "101 columns"),
    ("architecture: broken span", check_architecture.find_problems,
     {"ARCHITECTURE.md": "`span_a` `span_a\nspan_b`\n"}, "without its other one"),
    ("architecture: no such file in a figure", check_architecture.find_problems,
     {"ARCHITECTURE.md": "`span_a`\n\n    spam.c      msg_a\n"}, "no file spam.c"),
    ("architecture: no such function in a figure", check_architecture.find_problems,
     {"src/http/msg.c": "int msg_a(void);\n", "ARCHITECTURE.md": "`span_a`\n\n    msg.c   msg_a → msg_b: words\n"},
     "msg: nothing of the name msg_b"),
    ("architecture: a function of another file in a figure", check_architecture.find_problems,
     {"src/http/msg.c": "int msg_a(void);\n", "src/http/other.c": "int other_a(void);\n",
      "ARCHITECTURE.md": "`span_a`\n\n    msg.c   msg_a → other_a\n"}, "msg: nothing of the name other_a"),
    ("architecture: nothing", check_architecture.find_problems, {"ARCHITECTURE.md": "words\n"}, "names nothing"),
    ("circles: two", check_circles.find_problems,
     {"src/http/msg.c": '#include "http/date.h"\n', "src/http/date.h": ESSAY + '#include "http/msg.h"\n'},
     "2 files in a circle: date msg"),
    ("circles: three, by an inner header", check_circles.find_problems,
     {"src/http/msg.c": '#include "http/a.h"\n', "src/http/a.h": ESSAY + '#include "http/b_int.h"\n',
      "src/http/b.c": '#include "http/msg.h"\n', "src/http/b_int.h": ESSAY}, "3 files in a circle: a b msg"),
    ("words: unfinished", check_words.find_problems,
     {"src/http/msg.c": "/* TO" + "DO: later */\n"}, "unfinished"),
    ("words: machine path", check_words.find_problems,
     {"tools/x": "cat /ho" + "me/me/x\n"}, "machine's path"),
    ("words: synonym", check_words.find_problems,
     {"src/http/msg.c": "int up" + "stream_a;\n"}, "forbidden word"),
]


# Whose good trees are others than GOOD.
BAD_ONLY = (rooms_in_a_circle, flags, musts)
GOOD_ELSEWHERE = [
    ("good tree: flags", flags, {"src/http/msg.h": ESSAY + MESSAGE.replace("    bool is_c;\n", "")}),
    ("good tree: musts", musts, {"src/http/msg.c": "int msg_a(int fd)\n{\n    MUST(fd);\n    return fd;\n}\n"}),
]


def verdict(check, changes):
    with tempfile.TemporaryDirectory() as folder:
        return check(make_tree(folder, changes))


def run_case(name, check, changes, word):
    """Whether the check fails the bad tree for the right reason."""
    problems = verdict(check, changes)
    if any(word in problem for problem in problems):
        return True
    print(f"{name}: expected a problem with {word!r}, got {problems}")
    return False


def run_good(check, changes=None):
    problems = verdict(check, changes or {})
    print("\n".join(problems), end="")
    return not problems


def main():
    results = []

    def count(name, passed):
        print(f"[ RUN      ] {name}")
        print(f"[       OK ] {name}" if passed else f"[  FAILED  ] {name}")
        results.append(passed)

    for check in dict.fromkeys(case[1] for case in CASES if case[1] not in BAD_ONLY):
        count(f"good tree: {check.__module__}.{check.__name__}", run_good(check))
    for name, check, changes in GOOD_ELSEWHERE:
        count(name, run_good(check, changes))
    for case in CASES:
        count(case[0], run_case(*case))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
