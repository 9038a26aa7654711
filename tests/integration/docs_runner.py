"""Runs a document as its reader would, in a machine of its own, and says where it is wrong.

The machine: a network, mount and process namespace. All commands of a document run in one bash session on a terminal. The working
directory is fresh and has what a user has after `make`: build/weldr, build/test-server and contrib/. The two programs are also in
/usr/local/sbin, where `make install` puts weldr. Any port is free. It is 10.0.0.1 and all of 127.0.0.0/8; all other addresses of
10.0.0.0/24 are those of another machine beside it: `far COMMAND` runs a command there, such as
`far test-server 10.0.0.5:8080 blue &`. Some names stand in /etc/hosts. /etc is a copy and may be written to; /var/log and /run are
empty. `sudo` runs what follows it. Needs root, as in CI.

As a program: docs_runner.py [--write] FILE... shows all differences; --write puts what was printed into the document.
"""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time

import docs_parse
from docs_masks import difference, lines_of
from docs_parse import DocumentError, join_commands, parse_commands
from weldr import BIN, DIRT, IS_ASAN, TEST_SERVER

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
COMMAND_S = 60.0 if IS_ASAN else 40.0
WAIT_S = 30.0
END_S = 20.0
MARK = re.compile(r"\x1e(\d+)\x1e")

HOSTS = """127.0.0.1 localhost
::1 localhost
10.0.0.1 lb.example shop.example www.shop.example old.shop.example api.shop.example
10.0.0.5 app1.internal
10.0.0.6 app2.internal
"""

# Runs as process 1 of its namespace. It gets each command at descriptor 3, up to a zero byte.
SESSION = r"""
set -e
for folder in /var/log /run /usr/local/bin /usr/local/sbin; do mount -t tmpfs -o mode=755 tmpfs $folder; done
mkdir .etc
mount -t tmpfs -o mode=755 tmpfs .etc
cp -a /etc/. .etc/ 2>/dev/null || true
cp .hosts .etc/hosts
mount --rbind .etc /etc
umount -l .etc
rmdir .etc
rm .hosts
ln -s "$PWD/build/weldr" "$PWD/build/test-server" /usr/local/sbin/
printf '#!/bin/sh\nexec "$@"\n' >/usr/local/bin/sudo
printf '#!/bin/sh\nexec nsenter --net=/run/netns/far "$@"\n' >/usr/local/bin/far
chmod 755 /usr/local/bin/sudo /usr/local/bin/far
ip netns add far
ip link set lo up
ip link add near0 type veth peer name far0 netns far
ip addr add 10.0.0.1/24 dev near0
ip link set near0 up
far ip link set lo up
far ip link set far0 up
far ip route add local 10.0.0.0/24 dev lo
far ip route add 10.0.0.1/32 dev far0 table local
set +e
printf '\x1e0\x1e'
while IFS= read -r -d '' -u 3 command; do
    eval "$command" 3<&- </dev/null
    printf '\x1e%d\x1e' $?
done
"""

# The programs that a block marked "not-run" may call, by what its reason must speak of.
NOT_RUN = {
    "docker": ("docker", "podman"),
    "systemctl": ("systemctl", "journalctl", "loginctl", "systemd-run"),
    "package": ("apt", "apt-get", "dpkg", "dnf"),
    "podman": ("podman",),
    "kubectl": ("kubectl", "helm"),
    "nomad": ("nomad",),
    "another product": ("haproxy", "nginx", "aws", "certbot", "logrotate", "grafana-cli"),
    "make": ("make", "git"),
}


class Session:
    """bash in its namespaces."""

    def __init__(self, folder):
        self.folder = folder
        self.logs = 0
        self.pending = ""
        self.prepare()
        self.master, slave = pty.openpty()
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        termios.tcsetwinsize(slave, (50, 200))
        read_end, self.commands = os.pipe()
        script = f"exec 3<&{read_end} {read_end}<&-\n{SESSION}"
        self.process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "--noprofile", "--norc", "-c",
             script], cwd=folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=slave, stderr=slave,
            pass_fds=[read_end], start_new_session=True)
        os.close(slave)
        os.close(read_end)
        output, code = self.read_to_mark(time.monotonic() + COMMAND_S)
        assert code == 0, f"the namespace was not made:\n{output}"

    def prepare(self):
        os.mkdir(os.path.join(self.folder, "build"))
        for name, path in (("weldr", BIN), ("test-server", TEST_SERVER)):
            os.symlink(os.path.abspath(shutil.which(path) or path), os.path.join(self.folder, "build", name))
        shutil.copytree(os.path.join(ROOT, "contrib"), os.path.join(self.folder, "contrib"))
        with open(os.path.join(self.folder, ".hosts"), "w", encoding="ascii") as file:
            file.write(HOSTS)

    def environment(self):
        dropped = re.compile(r"WELDR_|.*_proxy$", re.IGNORECASE)
        environment = {k: v for k, v in os.environ.items() if not dropped.match(k)}
        path = os.path.join(self.folder, "build") + ":/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"
        environment.update(PATH=path, WELDR_EPHEMERAL="yes", HOME=self.folder, LANG="C.UTF-8", LC_ALL="C.UTF-8", TERM="xterm", TZ="UTC")
        return environment

    def read_some(self, until):
        """More of the terminal; False when there is none before `until`, or ever."""
        ready, _, _ = select.select([self.master], [], [], max(0.0, until - time.monotonic()))
        try:
            got = os.read(self.master, 65536) if ready else b""
        except OSError:  # the terminal's last user has ended
            got = b""
        self.pending += got.decode("utf-8", "replace")
        return bool(got)

    def read_to_mark(self, until):
        """(output, exit code); the code is None when the command does not end."""
        while not MARK.search(self.pending):
            if not self.read_some(until):
                output, self.pending = self.pending, ""
                return output, None
        found = MARK.search(self.pending)
        output, self.pending = self.pending[:found.start()], self.pending[found.end():]
        return output, int(found.group(1))

    def run(self, text, timeout_s=None):
        os.write(self.commands, text.encode() + b"\0")
        output, code = self.read_to_mark(time.monotonic() + (timeout_s or COMMAND_S))
        # What a command shows while it waits (log/progress.h) is off the screen when it has ended.
        output = re.sub(r"\r[^\r\n\x1b]*\x1b\[K", "", output)
        # What bash says when a background process was killed; on a terminal it says it in another way.
        return re.sub(r"(?m)^bash: line \d+: +\d+ (Killed|Terminated|Hangup|Interrupt)\b.*\n", "", output), code

    def start(self, text):
        """A background command; returns the path of what it prints."""
        self.logs += 1
        log = os.path.join(self.folder, f".background-{self.logs}")
        _, code = self.run("{ " + text + "\n} >" + log + " 2>&1")
        assert code == 0
        return log

    def end(self):
        """Ends all that runs in the background; returns what sanitizers or assertions said."""
        try:
            _, code = self.run("kill -TERM $(jobs -pr) 2>/dev/null; wait; true", END_S)
            left = self.run("ps -eo pid,args")[0] if code is None else ""
        finally:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            os.close(self.master)
            os.close(self.commands)
        return self.find_dirt() + ([f"processes that did not end:\n{left}"] if code is None else [])

    def find_dirt(self):
        found = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.isfile(path) or os.path.islink(path):
                    continue
                with open(path, encoding="utf-8", errors="replace") as file:
                    found += [line for line in file if DIRT.search(line)]
        return found


class Run:
    """One run of a document; `problems` are (line, text), `printed` is what --write puts in: {(first, end): lines}."""

    def __init__(self, text, folder, promtool="promtool"):
        self.steps = docs_parse.parse_document(text)
        self.promtool = promtool
        self.problems, self.printed, self.not_run = [], {}, []
        self.session = Session(folder)

    def all(self):
        try:
            for step in self.steps:
                self.run_step(step)
                if len(self.problems) >= 20:
                    break
        except DocumentError as error:
            self.problems.append((0, str(error)))
        finally:
            self.problems += [(0, line) for line in self.session.end()]
        return self.problems

    def complain(self, line, what):
        self.problems.append((line, what))

    def run_step(self, step):
        if "not-run" in step.directives:
            self.note_not_run(step)
        elif step.kind == "setup":
            self.run_setup(step)
        elif step.kind == "wait":
            self.run_wait(step)
        elif step.kind == "console":
            self.run_console(step)
        else:
            self.run_example(step)

    def note_not_run(self, step):
        reason = step.directives["not-run"]
        allowed = [programs for word, programs in NOT_RUN.items() if word in reason.lower()]
        if not allowed:
            self.complain(step.line, f"not-run: {reason}: allowed reasons speak of {', '.join(NOT_RUN)}")
        elif step.kind == "console":
            programs = [name for names in allowed for name in names]
            for command in parse_commands(step):
                if not calls_one_of(command.text, programs):
                    self.complain(command.line, f"can be run, so it is: {command.text}")
        elif "another product" not in reason:
            self.complain(step.line, f"not-run: {reason}: only what is for another product needs no check")
        self.not_run.append((step.line, reason, step.text))

    def run_setup(self, step):
        for command in join_commands(step.lines, step.line):
            if command.is_background:
                self.session.start(command.text)
                continue
            output, code = self.session.run(command.text)
            if code != 0:
                self.complain(step.line, f"setup ended with {code}: {command.text}\n{output}")

    def run_wait(self, step):
        until = time.monotonic() + WAIT_S
        output, code = self.session.run(step.text)
        while code != 0 and time.monotonic() < until:
            time.sleep(0.02)
            output, code = self.session.run(step.text)
        if code != 0:
            self.complain(step.line, f"did not come true in {WAIT_S} s: {step.text}{output}")

    def run_console(self, step):
        commands = parse_commands(step)
        for command in commands:
            if command.is_background:
                self.run_background(command)
                continue
            output, code = self.session.run(command.text)
            if code is None:
                self.complain(command.line, f"did not end: {command.text}\n{output}")
                return
            wanted = wanted_code(command, step if command is commands[-1] else None)
            if code != wanted:
                self.complain(command.line, f"exit code {code} instead of {wanted}: {command.text}\n{output}")
            self.compare(command, step, output)
        self.write_file(step)

    def compare(self, command, step, output):
        problem = difference(command.output, output)
        if problem:
            self.complain(command.output_line, f"$ {command.text}\n{problem}")
            end = command.output_line + len(command.output)
            self.printed[(command.output_line, end)] = [step.indent + line for line in lines_of(output)]

    def run_background(self, command):
        """Its output may come later."""
        log = self.session.start(command.text)
        until = time.monotonic() + WAIT_S
        while command.output:
            with open(log, encoding="utf-8", errors="replace") as file:
                problem = difference(command.output, file.read())
            if not problem:
                return
            if time.monotonic() > until:
                self.complain(command.output_line, f"$ {command.text}\n{problem}")
                return
            time.sleep(0.02)

    def write_file(self, step):
        if "file" not in step.directives:
            return
        path = step.directives["file"]
        self.session.run(f'mkdir -p "$(dirname {path})"')
        code = self.session.run(f"cat >{path} <<'end of the block'\n{step.text}end of the block")[1]
        if code != 0:
            self.complain(step.line, f"{path} can't be written")

    def run_example(self, step):
        self.write_file(step)
        if "output-of" in step.directives:
            text = step.directives["output-of"]
            output, code = self.session.run(text)
            if code != int(step.directives.get("exit", 0)):
                self.complain(step.line, f"exit code {code}: {text}\n{output}")
            self.compare(docs_parse.Command(step.line - 1, text, step.lines, step.line), step, output)
        if step.kind in CHECKS:
            problem = CHECKS[step.kind](self, step)
            if problem:
                self.complain(step.line, problem)

    # ---- checks of examples

    def check_json(self, step):
        if "output-of" in step.directives and any(line.strip() == "..." for line in step.lines):
            return None
        try:
            json.loads(step.text)
        except ValueError as error:
            return f"no JSON: {error}"
        return None

    def check_yaml(self, step):
        return self.check_with(step, ".yml", lambda path: [
            self.promtool, "check", "rules" if re.search(r"(?m)^groups:", step.text) else "config", path])

    def check_ini(self, step):
        """Where there is no systemd its units are only read."""
        if not shutil.which("systemd-analyze"):
            bad = [line for line in step.lines if not re.match(r"\s*$|[#;]|\[\w+\]$|\w+=", line)]
            return f"no line of a unit: {bad[0]}" if bad else None
        name = os.path.basename(step.directives.get("file", "weldr.service"))
        return self.check_with(step, name, lambda path: ["systemd-analyze", "verify", "--man=no", path])

    def check_with(self, step, name, make_command):
        """The block as a file of this name, judged by a program."""
        path = os.path.join(self.session.folder, "check", name)
        self.session.run(f"mkdir -p {os.path.dirname(path)}")
        self.session.run(f"cat >{path} <<'end of the block'\n{step.text}end of the block")
        output, code = self.session.run(" ".join(make_command(path)))
        return None if code == 0 else f"{name}: not what it should be:\n{output}"


CHECKS = {"json": Run.check_json, "yaml": Run.check_yaml, "ini": Run.check_ini}


def calls_one_of(text, programs):
    """Does each command of the line call one of these programs? What a variable is set to counts as a command."""
    text = re.sub(r"^export \w+=\$\((.*)\)$", r"\1", text)
    for part in re.split(r"&&|\|\||;|\n", text.replace("\\\n", " ").split(" #")[0]):
        words = part.split()
        while words and (words[0] == "sudo" or "=" in words[0]):
            words = words[1:]
        if not words or words[0] not in programs:
            return False
    return True


def wanted_code(command, last_of):
    """0, unless curl says in the document that it fails, or the comment of the block does for its last command."""
    if last_of and "exit" in last_of.directives:
        return int(last_of.directives["exit"])
    told = re.search(r"(?m)^curl: \((\d+)\)", "\n".join(command.output))
    return int(told.group(1)) if told else 0


def run_document(path, folder, promtool="promtool"):
    """The Run, done."""
    with open(path, encoding="utf-8") as file:
        run = Run(file.read(), str(folder), promtool)
    run.all()
    return run


def describe(path, run):
    return "\n".join(f"{path}:{line}: {what}" for line, what in run.problems)


def write_printed(path, run):
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for (first, end), new in sorted(run.printed.items(), reverse=True):
        lines[first - 1:end - 1] = new
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def main():
    paths = [argument for argument in sys.argv[1:] if argument != "--write"]
    failed_n = 0
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            run = run_document(path, folder, shutil.which("promtool") or os.path.join(ROOT, "build-tools/promtool"))
        print(describe(path, run) or f"{path}: good")
        failed_n += bool(run.problems)
        if "--write" in sys.argv:
            write_printed(path, run)
    sys.exit(failed_n > 0)


if __name__ == "__main__":
    main()
