"""Issue 15: as many workers as the control group leaves CPUs for, and no more memory for queues than it leaves.

The kernel's files are the test's own, in a mount namespace: a group with such limits can't be made in each place where tests run.
"""

import os

import pytest
import weldr as harness

MIB = 1 << 20
WRAPPER = """#!/bin/sh
exec unshare --mount sh -c 'mount --bind {folder} /sys/fs/cgroup && exec {program} "$@"' sh "$@"
"""


@pytest.fixture(name="start")
def make_start(lab, tmp_path, monkeypatch):
    """start(cpu_max, memory_max): a weldr in a group with these limits."""
    wrapper, group = tmp_path / "weldr", tmp_path / "group"
    group.mkdir()
    wrapper.write_text(WRAPPER.format(folder=group, program=os.path.abspath(harness.BIN)), encoding="ascii")
    wrapper.chmod(0o755)

    def start(cpu_max, memory_max, **more):
        (group / "cpu.max").write_text(cpu_max + "\n", encoding="ascii")
        (group / "memory.max").write_text(memory_max + "\n", encoding="ascii")
        monkeypatch.setattr(harness, "BIN", str(wrapper))
        return lab.weldr(**more)

    return start


def test_workers_and_queues_follow_the_group(start):
    weldr = start("50000 100000", str(64 * MIB), workers=None)
    assert len(weldr.workers()) == 1
    line = weldr.lines(msg="the control group limits this process")[0]
    assert (line["cpus_by_cpu_max"], line["bytes_by_memory_max"], line["workers"]) == ("1", str(64 * MIB), "1")
    assert weldr.api("GET", "/node").json["limits"]["queue_bytes"] == 32 * MIB
    assert weldr.patch_node({"limits": {"queue_bytes": 64 * MIB}})["limits"]["queue_bytes"] == 64 * MIB, "somebody says otherwise"


def test_a_number_that_was_said_stays(start):
    weldr = start("50000 100000", "max", workers=3)
    assert len(weldr.workers()) == 3
    assert weldr.api("GET", "/node").json["limits"]["queue_bytes"] == 64 * MIB
    assert weldr.patch_node({"workers": 0})["workers"] == 1, "one for each CPU that it has"


def test_no_limit_is_no_word(start):
    cpus = len(os.sched_getaffinity(0))
    weldr = start("max 100000", "max", workers=None)
    assert len(weldr.workers()) == min(cpus, 256)
    assert not weldr.lines(msg="the control group limits this process")
