"""Issue 15, must hold 7: each block of docs/install.md runs in a fresh machine, and prints what the page says.

The page's parts run in machines of their own; those that update or remove go on in that of the part before them.
"""

import glob
import os
import re
import sys

import pytest

import machine
import packages
from conftest import SERVICE
from test_rpm import make_database

sys.path.insert(0, os.path.join(machine.ROOT, "tests", "integration"))
from docs_masks import difference  # noqa: E402 (its folder is known only now)
from docs_parse import parse_commands, parse_document  # noqa: E402

PLACE = "/srv/files"
SUDO = '#!/bin/sh\nexec "$@"\n'
# Parts that run one after the other in one machine: heading, and whether the packages there are the older ones.
CHAINS = (
    (("Install Weldr", False),),
    (("Debian", True), ("Debian: update", False), ("Debian: remove", False)),
    (("rpm", True), ("rpm: update", False), ("rpm: remove", False)),
    (("tar", False),),
)


def read_parts():
    """Heading: commands."""
    with open(os.path.join(machine.ROOT, "docs", "install.md"), encoding="utf-8") as file:
        parts = re.split(r"(?m)^##? ", file.read())[1:]
    found = {}
    for part in parts:
        heading, _, text = part.partition("\n")
        found[heading] = [command for step in parse_document(text) if step.kind == "console" for command in parse_commands(step)]
    return {heading: commands for heading, commands in found.items() if commands}


def put_files(box, older):
    box.run("rm", "-rf", PLACE)
    box.run("mkdir", PLACE)
    for path in glob.glob(os.path.join(packages.make_previous() if older else machine.OUT, "*")):
        box.put(path, PLACE + "/")


def run_commands(box, commands):
    for command in commands:
        result = box.try_run("bash", "-c", f"exec 2>&1; cd {PLACE}; PATH=/usr/local/bin:/usr/local/sbin:$PATH; {command.text}")
        assert result.returncode == 0, (command.text, result.stdout)
        if "apt-get" not in command.text or command.output:
            assert not difference(command.output, result.stdout), (command.text, difference(command.output, result.stdout))


@pytest.mark.parametrize("box", (SERVICE,), indirect=True)
@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain[0][0])
def test_blocks_run(box, chain, tmp_path):
    make_database(box, str(tmp_path))
    box.put_text("/usr/local/bin/sudo", SUDO)
    box.run("chmod", "755", "/usr/local/bin/sudo")
    parts = read_parts()
    for heading, older in chain:
        put_files(box, older)
        run_commands(box, parts[heading])


def test_all_parts_are_run():
    assert set(read_parts()) == {heading for chain in CHAINS for heading, _ in chain}
