"""The README's three machines and their one address, word for word: each a host with the addresses that it names, and a /var/lib of its own."""

import os
import re
import subprocess

import weldr as w
from node import SETTLE_S
from rawhttp import wait_until

README = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "README.md")
ORIGIN, VIP = "10.0.0.5", "10.0.0.100"


def read_commands(title):
    """[(host, command, what it prints)] of the section's one block."""
    with open(README, encoding="utf-8") as file:
        section = file.read().split(f"### {title}\n")[1].split("\n### ")[0]
    commands = []
    for line in re.search(r"```text\n(.*?)```", section, re.DOTALL).group(1).splitlines():
        prompt = re.match(r"(node\d|client|holder)\$ (.*)", line)
        if prompt:
            commands.append((prompt.group(1), prompt.group(2), []))
        else:
            commands[-1][2].append(line)
    return commands


def is_like(text, printed):
    """Ids are others each time, and `...` stands for anything."""
    pattern = re.escape("\n".join(printed))
    for what, means in ((r"(\\\.){3}", ".*"), (r"\b[0-9a-f]{16}\b", "[0-9a-f]{16}"), (r"(\\ )+", " +")):
        pattern = re.sub(what, means, pattern)
    return re.fullmatch(pattern, text.rstrip("\n"))


class Machine:
    """A shell on a host, whose /var/lib is its own; where it works the token files are, as if they had been copied."""

    def __init__(self, host, address, folder):
        self.host, self.folder, self.started = host, folder, []
        self.own = os.path.join(folder, f"lib{host.number}")
        os.mkdir(self.own)
        bin_folder = os.path.join(folder, "bin")
        self.environment = w.clean_environment({"WELDR_EPHEMERAL": "no", "PATH": f"{bin_folder}:{os.environ['PATH']}"})
        host.namespace.run_inside(lambda: subprocess.run(["ip", "addr", "add", f"{address}/24", "dev", "lan0"], check=True))

    def words(self, command):
        return ["unshare", "--mount", "sh", "-c", f"mount --bind {self.own} /var/lib && cd {self.folder} && {command}"]

    def run(self, command):
        """(exit code, what it printed); what it says beside that, such as how long a token lasts, is in the log of the test."""
        run = subprocess.run(self.words(command), preexec_fn=self.host.namespace.enter, env=self.environment, text=True,
                             stdout=subprocess.PIPE, check=False, timeout=SETTLE_S)
        return run.returncode, run.stdout

    def start(self, command):
        with open(os.path.join(self.folder, f"log{self.host.number}"), "w", encoding="utf-8") as log:
            self.started.append(self.host.start(*self.words(f"exec {command}"), env=self.environment, stderr=log))
        wait_until(lambda: self.run("curl -sf localhost:8687/ready")[0] == 0, SETTLE_S, f"{command} to be ready")

    def end(self):
        for process in self.started:
            process.terminate()
            assert process.wait(SETTLE_S) == 0, process.args


def find_holder(machines, address):
    """The machine of which the kernel says so; None while that is not one."""
    holders = [machine for machine in machines.values() if f" {address}/32 " in machine.run("ip -o addr")[1]]
    return holders[0] if len(holders) == 1 else None


def say(machine, command, printed):
    """What it prints is what the README says. Of a node that has yet to hear of something, or to check it: soon."""
    if command.endswith(" &"):
        machine.start(command[:-2])
    elif printed:
        wait_until(lambda: is_like(machine.run(command)[1], printed), SETTLE_S, f"{command} to print {printed}")
    else:
        assert machine.run(command)[0] == 0, command


def test_three_machines(town, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "weldr").symlink_to(w.BIN)
    hosts = town.build(4)
    machines = {f"node{number}": Machine(hosts[number - 1], f"10.0.0.{number}", str(tmp_path)) for number in (1, 2, 3)}
    client = Machine(hosts[3], ORIGIN, str(tmp_path))
    hosts[3].start(w.TEST_SERVER, f"{ORIGIN}:8080", "blue", env=w.clean_environment())
    commands = read_commands("Three machines, one pool")
    assert len([command for _, command, _ in commands if command.endswith("&")]) == 3, commands
    for name, command, printed in commands:
        say(machines[name], command, printed)
    had_it = []
    for name, command, printed in read_commands("One address for the three"):
        if name == "holder":
            holder = wait_until(lambda: find_holder(machines, VIP), SETTLE_S, f"one of them to have {VIP}")
            had_it.append(holder)
            say(holder, command, printed)
        else:
            say(client if name == "client" else machines[name], command, printed)
    assert had_it and find_holder(machines, VIP) not in (None, had_it[-1])
    for machine in machines.values():
        machine.end()
    for number in (1, 2, 3):
        log = (tmp_path / f"log{number - 1}").read_text(encoding="utf-8")
        assert "Sanitizer" not in log and "runtime error" not in log, log
