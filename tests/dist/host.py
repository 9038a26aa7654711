"""A host for containers: mounts, processes and network of its own, with `docker` and `podman` (engine.py) in its path.

It is 10.0.0.1, as the machine of the documents is. All other addresses of 10.0.0.0/24 are those of a machine beside it, where
`far COMMAND` runs, such as `far test-server 10.0.0.5:8080 blue`. Needs root.
"""

import os
import shlex
import subprocess
import tempfile

from machine import OUT, ROOT

ENGINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "engine.py")
# Process 1 of the host: $1 is its folder.
START = """
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/bin" "$1/work" "$1/state"
mount -t tmpfs -o mode=755 tmpfs /run
mount -t proc proc /proc
mount -t sysfs sysfs /sys
ip link set lo up
ip link add docker0 type bridge
ip addr add 172.17.0.1/24 dev docker0
ip link set docker0 up
ip netns add far
ip link add near0 type veth peer name far0 netns far
ip addr add 10.0.0.1/24 dev near0
ip link set near0 up
ip -n far link set lo up
ip -n far link set far0 up
ip -n far route add local 10.0.0.0/24 dev lo
ip -n far route add 10.0.0.1/32 dev far0 table local
ip -n far route add default via 10.0.0.1 dev far0 onlink
echo 1 >/proc/sys/net/ipv4/ip_forward
echo up
exec sleep infinity
"""
ENGINE_PROGRAM = f"""#!/bin/sh
exec /usr/bin/python3 -B {ENGINE} "$@"
"""
FAR_PROGRAM = """#!/bin/sh
exec ip netns exec far "$@"
"""
# test-server IP:PORT TEXT. A path with a number is answered so many seconds later.
ORIGIN_PROGRAM = """#!/usr/bin/python3
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        print(self.path, flush=True)
        time.sleep(float(self.path[1:] or 0))
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *words):
        pass
(ip, port), text = sys.argv[1].split(":"), sys.argv[2].encode() + b"\\n"
server = http.server.ThreadingHTTPServer((ip, int(port)), Handler)
print("up", flush=True)
server.serve_forever()
"""


class Host:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="weldr-host-")
        self.variables = {}  # what was exported
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-euc", START, "sh", self.folder],
            stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "up\n"
        with open(f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children", encoding="ascii") as file:
            self.first = file.read().split()[0]
        for name, text in (("docker", ENGINE_PROGRAM), ("podman", ENGINE_PROGRAM), ("far", FAR_PROGRAM), ("test-server", ORIGIN_PROGRAM)):
            self.put(f"bin/{name}", text)
        self.run(f"cp -r {shlex.quote(os.path.join(ROOT, 'contrib'))} contrib")
        self.run(f"mkdir -p build-dist/amd64 && ln -s {shlex.quote(OUT)} build-dist/amd64/out")

    def words(self, command):
        """The words that run a line of a shell here, where contrib/ is."""
        variables = [f"PATH={self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin", f"ENGINE_STATE={self.folder}/state", "LANG=C.UTF-8",
                     f"HOME={self.folder}", *(f"{name}={value}" for name, value in self.variables.items())]
        return ["nsenter", "-t", self.first, "--mount", "--net", "--pid", "env", "-i", *variables, "sh", "-c",
                f"cd {self.folder}/work && {command}"]

    def try_run(self, command):
        return subprocess.run(self.words(command), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=300)

    def run(self, command):
        result = self.try_run(command)
        assert result.returncode == 0, (command, result.stdout[-3000:], result.stderr[-3000:])
        return result.stdout

    def start(self, command):
        return subprocess.Popen(self.words("exec " + command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def run_origin(self, text="Hello World"):
        """10.0.0.5:8080; its output is "up", and a line for each request."""
        origin = self.start(f"far test-server 10.0.0.5:8080 '{text}'")
        assert origin.stdout.readline() == "up\n"
        return origin

    def put(self, name, text):
        subprocess.run(self.words(f"cat >{self.folder}/{name} && chmod 755 {self.folder}/{name}"), input=text, text=True, check=True)

    def close(self):
        self.keeper.kill()  # with all that runs in it
        self.keeper.wait()
        os.rmdir(self.folder)
