"""The conformance table of tests/conform, a test for each row: a Weldr with a scripted origin for each setting."""

import os
import sys

import pytest

from conftest import Lab

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from conform.all_cases import CASES  # noqa: E402
from conform.stage import Stage  # noqa: E402

LEAST_CASES = 400


@pytest.fixture(scope="module")
def stages():
    """For each setting a Weldr with one scripted origin."""
    lab = Lab()
    made = {}

    def stage(setting):
        if setting not in made:
            weldr = lab.weldr(*setting.flags, ip=setting.ip)
            made[setting] = Stage(weldr.address, setting.header)
            server = {"url": f"http://127.0.0.1:{made[setting].port}", "map_host": setting.map_host,
                      "check": {"type": "none"}}
            answer = weldr.api("POST", "/servers", server)
            assert answer.status == 201, answer
            weldr.patch_pool({"forwarded": setting.forwarded})
        return made[setting]
    yield stage
    for one in made.values():
        one.close()
    lab.end(failed=False)


@pytest.mark.conform
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(stages, case):
    stages(case.setting).run(case)


@pytest.mark.conform
def test_table():
    """Names are unique, each row has its section, and nobody made the table small."""
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= LEAST_CASES, sorted({n for n in names if names.count(n) > 1})
    assert all(case.rfc.startswith(("RFC ", "issue", "PROXY protocol ")) for case in CASES)
