"""Issue 15, must hold 7: each block of docs/install.md runs, in its order, in a fresh machine."""

import os
import sys

import machine

sys.path.insert(0, os.path.join(machine.ROOT, "tests", "integration"))
from docs_parse import parse_commands, parse_document  # noqa: E402 (its folder is known only now)

SUDO = '#!/bin/sh\nexec "$@"\n'


def test_blocks_run(box, deb):
    box.put(deb, "/tmp/")
    box.put_text("/usr/local/bin/sudo", SUDO)
    box.run("chmod", "755", "/usr/local/bin/sudo")
    with open(os.path.join(machine.ROOT, "docs", "install.md"), encoding="utf-8") as file:
        steps = parse_document(file.read())
    commands = [command.text for step in steps if step.kind == "console" for command in parse_commands(step)]
    assert len(commands) == 4
    for command in commands:
        box.run("sh", "-c", f"cd /tmp; PATH=/usr/local/bin:$PATH; {command}")
        assert box.exists("/usr/sbin/weldr") == ("install" in command), command
    assert not box.exists("/var/lib/weldr")
