"""The conformance table of tests/conform, a test for each row and each side where TLS may be spoken: a Weldr with a scripted origin
for each setting and side."""

import os
import sys

import pytest

from conftest import Lab

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from conform.all_cases import CASES  # noqa: E402
from conform.stage import Stage  # noqa: E402
from conform.table import SIDES  # noqa: E402

LEAST_CASES = 400
ROWS = [pytest.param(side, case, id=case.name if side == "clear" else f"{side}-{case.name}")
        for side in SIDES for case in CASES if side in case.sides]


@pytest.fixture(scope="module")
def stages():
    """For each side and setting a Weldr with one scripted origin."""
    labs, made = {}, {}

    def stage(side, setting):
        if (side, setting) not in made:
            lab = labs.setdefault(side, Lab(side))
            weldr = lab.weldr(*setting.flags, ip=setting.ip)
            one = made[side, setting] = Stage(weldr.address, setting.header, lab.of_clients, lab.of_servers)
            server = {"url": f"{'https' if lab.of_servers else 'http'}://127.0.0.1:{one.port}", "map_host": setting.map_host,
                      "check": {"type": "none"}}
            answer = weldr.api("POST", "/servers", server)
            assert answer.status == 201, answer
            weldr.patch_pool({"forwarded": setting.forwarded})
        return made[side, setting]
    yield stage
    for one in made.values():
        one.close()
    for lab in labs.values():
        lab.end(failed=False)


@pytest.mark.conform
@pytest.mark.parametrize("side, case", ROWS)
def test_case(stages, side, case):
    stages(side, case.setting).run(case)


@pytest.mark.conform
def test_table():
    """Names are unique, each row has its section and its sides, and nobody made the table small."""
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= LEAST_CASES, sorted({n for n in names if names.count(n) > 1})
    assert all(case.rfc.startswith(("RFC ", "issue", "PROXY protocol ")) for case in CASES)
    assert all(case.sides and set(case.sides) <= set(SIDES) for case in CASES)
