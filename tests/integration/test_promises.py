"""tests/promises.md is whole and true: every row is there, every test it names exists."""

import ast
import pathlib
import re

TESTS = pathlib.Path(__file__).resolve().parent.parent
ROOT = TESTS.parent
COUNTS = {"P": 16, "M": 14, "L": 8, "X": 25, "Q": 7, "H": 16, "A": 19, "B": 9}
FIELD = re.compile(r"[A-Z]{1,2}\d+\.\d+$")
ROWS = [f"{letter}{n:02}" for letter, count in COUNTS.items() for n in range(1, count + 1)] + \
    [f"D{n}" for n in range(1, 11)]


def table():
    """Row id → the last cell."""
    rows = {}
    for line in (TESTS / "promises.md").read_text(encoding="utf-8").splitlines():
        match = re.match(r"\| ([A-Z]{1,2}\d+(?:\.\d+)?) \| (.+?) \| (.+) \|$", line)
        if match:
            assert match.group(1) not in rows, f"{match.group(1)} twice"
            rows[match.group(1)] = match.group(3)
    return rows


def functions_of(path):
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_every_row_is_mapped_once_and_in_order():
    assert [row for row in table() if not FIELD.match(row)] == ROWS


def test_rows_of_the_field_are_in_order():
    """A to Z, then AA and so on."""
    rows = [re.fullmatch(r"([A-Z]+)(\d+)\.(\d+)", row).groups() for row in table() if FIELD.match(row)]
    assert rows == sorted(rows, key=lambda row: (len(row[0]), row[0], int(row[1]), int(row[2])))


def test_every_row_says_where_or_when():
    for row, cell in table().items():
        assert "`" in cell or "later: " in cell or row == "B09", row


def absent(text):
    """Names of tests in it that stand for nothing."""
    for name in re.findall(r"`((?:unit|integration|cluster|fuzz|sim|conform|dist)/[^`]*)`", text):
        file, _, function = name.partition("::")
        path = TESTS / file
        if not path.exists() or (function and function not in functions_of(path)):
            yield name


def test_named_tests_exist():
    missing = [f"{row}: {name}" for row, cell in table().items() for name in absent(cell)]
    assert not missing, missing


def test_the_threat_model_names_a_test_in_each_row():
    rows = [line for line in (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        last = row.strip("| ").rsplit(" | ", 1)[1]
        assert last.startswith("`") and not list(absent(last)), row


def test_no_test_is_skipped():
    """Nothing in the suites of pytest hides behind a mark."""
    words = re.compile(r"pytest\.(?:skip|importorskip|xfail)\(|mark\.(?:skip|skipif|xfail)")
    for path in [*TESTS.glob("integration/*.py"), *TESTS.glob("cluster/*.py")]:
        if path.name != "test_promises.py":
            assert not words.search(path.read_text(encoding="utf-8")), path


def test_both_licences_are_there():
    """B08."""
    texts = [p.read_text(encoding="utf-8") for p in sorted(ROOT.glob("LICENSE*"))]
    assert any("Permission is hereby granted" in t for t in texts), "MIT"
    assert any("Apache License" in t and "Version 2.0" in t for t in texts), "Apache-2.0"
