"""The conformance table of tests/conform, a test for each row: one Weldr and one scripted origin for all of them."""

import os
import sys

import pytest

from conftest import Lab

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from conform.all_cases import CASES  # noqa: E402
from conform.stage import Stage  # noqa: E402

LEAST_CASES = 320


@pytest.fixture(scope="module")
def stages():
    """A Weldr with one scripted origin, and one whose origin wants its own Host."""
    lab = Lab()
    made = {}

    def stage(map_host):
        if map_host not in made:
            weldr = lab.weldr()
            made[map_host] = Stage(weldr.address)
            url = f"http://127.0.0.1:{made[map_host].port}"
            answer = weldr.api("POST", "/servers", {"url": url, "map_host": map_host, "check": {"type": "none"}})
            assert answer.status == 201, answer
        return made[map_host]
    yield stage
    for one in made.values():
        one.close()
    lab.end(failed=False)


@pytest.mark.conform
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(stages, case):
    stages(case.map_host).run(case)


@pytest.mark.conform
def test_table():
    """Names are unique, each row has its section, and nobody made the table small."""
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= LEAST_CASES, sorted({n for n in names if names.count(n) > 1})
    assert all(case.rfc.startswith(("RFC ", "issue")) for case in CASES)
