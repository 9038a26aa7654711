"""tests/promises.md is whole and true: every row is there, every test it names exists."""

import ast
import pathlib
import re

TESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
COUNTS = {"P": 16, "M": 14, "L": 8, "X": 25, "Q": 7, "H": 16, "A": 19, "B": 9}
FIELD = re.compile(r"[A-Z]\d+\.\d+$")
ROWS = [f"{letter}{n:02}" for letter, count in COUNTS.items() for n in range(1, count + 1)] + \
    [f"D{n}" for n in range(1, 11)]


def table():
    """Row id → the last cell."""
    rows = {}
    for line in (TESTS / "promises.md").read_text(encoding="utf-8").splitlines():
        match = re.match(r"\| ([A-Z]\d+(?:\.\d+)?) \| (.+?) \| (.+) \|$", line)
        if match:
            assert match.group(1) not in rows, f"{match.group(1)} twice"
            rows[match.group(1)] = match.group(3)
    return rows


def functions_of(path):
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_every_row_is_mapped_once_and_in_order():
    assert [row for row in table() if not FIELD.match(row)] == ROWS


def test_rows_of_the_field_are_in_order():
    rows = [row for row in table() if FIELD.match(row)]
    assert rows == sorted(rows, key=lambda row: (row[0], [int(n) for n in row[1:].split(".")]))


def test_every_row_says_where_or_when():
    for row, cell in table().items():
        assert "`" in cell or "later: " in cell or row == "B09", row


def test_named_tests_exist():
    missing = []
    for row, cell in table().items():
        for name in re.findall(r"`((?:unit|integration|fuzz|sim)/[^`]+)`", cell):
            file, _, function = name.partition("::")
            path = TESTS / file
            if not path.exists() or (function and function not in functions_of(path)):
                missing.append(f"{row}: {name}")
    assert not missing, missing


def test_no_test_is_skipped():
    """Nothing in this suite hides behind a mark."""
    words = re.compile(r"pytest\.(?:skip|importorskip|xfail)\(|mark\.(?:skip|skipif|xfail)")
    for path in pathlib.Path(__file__).parent.glob("*.py"):
        if path.name != "test_promises.py":
            assert not words.search(path.read_text(encoding="utf-8")), path


def test_both_licences_are_there():
    """B08."""
    texts = [p.read_text(encoding="utf-8") for p in sorted(ROOT.glob("LICENSE*"))]
    assert any("Permission is hereby granted" in t for t in texts), "MIT"
    assert any("Apache License" in t and "Version 2.0" in t for t in texts), "Apache-2.0"
