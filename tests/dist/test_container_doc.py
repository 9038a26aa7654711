"""Issue 15, must hold 2: README.md and docs/container.md do what they say of containers, word for word, by the engine of engine.py."""

import glob
import json
import os
import re
import sys

import pytest

import host as h
import machine
from machine import ROOT, wait_until

sys.path.insert(0, os.path.join(machine.ROOT, "tests", "integration"))
from docs_masks import difference  # noqa: E402 (its folder is known only now)
from docs_parse import parse_commands, parse_document  # noqa: E402

NODES = ("node1", "node2", "node3")
SOON_S = 60
ELSEWHERE = ("kubectl", "nomad")


@pytest.fixture(name="host")
def make_host():
    host = h.Host()
    host.run_origin()
    yield host
    host.close()


def section(path, title):
    """The text below a heading, up to the next one that is no deeper."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = file.read()
    level, rest = re.search(rf"^(#+) {title}\n(.*)", text, re.MULTILINE | re.DOTALL).groups()
    return re.split(rf"(?m)^#{{1,{len(level)}}} ", rest)[0]


def follow(host, text, folder="."):
    """Runs each console block; its output is what the text shows. The number of commands. What is only asked may take a while."""
    done = 0
    for step in parse_document(text):
        if step.kind != "console" or any(word in step.directives.get("not-run", "") for word in ELSEWHERE):
            continue
        for command in parse_commands(step):
            if command.text.startswith("curl "):
                wait_until(lambda c=command: not difference(c.output, host.try_run(c.text).stdout), SOON_S, command.text)
            else:
                say(host, command, folder)
            done += 1
    return done


def say(host, command, folder):
    exported = re.fullmatch(r"export (\w+)=(.*)", command.text)
    if exported:
        host.variables[exported.group(1)] = host.run(f'cd {folder} && {command.text} && printf %s "${exported.group(1)}"')
        return
    output = host.run(f"cd {folder} && {command.text}")
    assert not difference(command.output, output), (command.text, output)


def test_page(host):
    for title in ("The image", "Run it", "The API from outside"):
        assert follow(host, section("docs/container.md", title)) > 0, title
    host.run("docker rm -f weldr")
    assert follow(host, section("docs/container.md", "Three nodes"), "contrib") > 8


def members(host, node):
    return json.loads(host.run(f"cd contrib && docker compose exec -T {node} /weldr cluster status --json"))


def ask(host, number):
    return host.try_run(f"curl -s localhost:808{number}/").stdout


def servers(host, node):
    return host.run(f"cd contrib && docker compose exec -T {node} /weldr server ls")


def is_whole(host, nodes=NODES, voters=3):
    views = [members(host, node) for node in nodes]
    return all(view["quorum"]["has"] and view["quorum"]["voters"] == voters and view["leader"] for view in views)


def test_three_containers(host):
    """The README's lines; then a write on one is read on each, one dies, and the others serve and take changes."""
    assert follow(host, section("README.md", "Three containers"), "contrib") == 6
    wait_until(lambda: is_whole(host), SOON_S, "three voters")
    for number, node in enumerate(NODES, 1):
        wait_until(lambda n=number: ask(host, n) == "Hello World\n", SOON_S, f"{node} to serve")
    host.run("cd contrib && docker compose exec node2 /weldr server add http://10.0.0.6:8080 weight=7")
    for node in NODES:
        wait_until(lambda n=node: "10.0.0.6:8080" in servers(host, n), SOON_S, f"{node} to know of it")
    host.run("cd contrib && docker compose exec node1 /weldr server rm http://10.0.0.6:8080")
    host.run("cd contrib && docker compose kill node1")
    assert ask(host, 2) == ask(host, 3) == "Hello World\n" and ask(host, 1) == ""
    wait_until(lambda: is_whole(host, NODES[1:]), SOON_S, "the two to have a leader")
    host.run("cd contrib && docker compose exec node3 /weldr server set 10.0.0.5:8080 weight=5")
    # Without the tokens: all but the first are made anew, on the volumes that they had.
    host.variables.clear()
    host.run("cd contrib && docker compose up -d --wait")
    wait_until(lambda: is_whole(host), SOON_S, "three voters again")
    for number, node in enumerate(NODES, 1):
        wait_until(lambda n=number: ask(host, n) == "Hello World\n", SOON_S, f"{node} to serve again")
        assert " 5 " in servers(host, node), node
    assert "plays no part" in host.run("cd contrib && docker compose logs node2")
    for node in NODES:
        host.run(f"cd contrib && docker compose stop {node}")
        assert host.run(f"cd contrib && docker compose wait {node}") == "0\n", node


def test_a_node_without_a_token_says_so(host):
    (image,) = glob.glob(os.path.join(machine.OUT, "weldr-*-linux-amd64.oci.tar"))
    host.run(f"docker load -i {image}")
    host.run("cd contrib && docker compose up -d node2")
    assert host.run("cd contrib && docker compose wait node2") == "2\n"
    assert "--join needs --token" in host.run("cd contrib && docker compose logs node2")
