"""Weldr in a machine, a server behind it, and clients that ask without pause, while a package is installed."""

import json
import re
import signal

from machine import wait_until

PROGRAM = "/usr/sbin/weldr"
API = "127.0.0.1:8687"
SETTINGS = "WELDR_WORKERS=2\nWELDR_IP=127.0.0.1:8080\nWELDR_DATA_DIR=/var/lib/weldr/node\n"
BY_HAND = "set -a; . /etc/default/weldr; exec " + PROGRAM
LEAST = 200  # answers before and after

ORIGIN = """
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(4)
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\\n")
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 9101), Handler)
print("up", flush=True)
server.serve_forever()
"""

LIST = r"""
for p in /proc/[0-9]*; do
    echo "${p#/proc/} $(readlink "$p/exe") $(tr '\0' ' ' <"$p/cmdline")"
done 2>/dev/null
"""


def curl(box, *words):
    return box.run_beside("curl", "-sf", *words)


def is_ready(box):
    return curl(box, API + "/ready").returncode == 0


def managers(box):
    """Of each: its process in the machine, and whether it runs the file that is there now."""
    found = {}
    for line in box.run("sh", "-c", LIST).splitlines():
        words = line.split()
        if PROGRAM in words[1:2] and "worker" not in words and "vip-helper" not in words:
            found[words[0]] = "(deleted)" not in words
    return found


def main_process(box):
    """As systemd knows it; 0: it runs none."""
    return box.run("systemctl", "show", "-p", "MainPID", "--value", "weldr.service").strip()


def start(box, settings=SETTINGS):
    """With these settings: systemd starts it where there is one, else as the unit would."""
    box.put_text("/etc/default/weldr", settings)
    if box.booted:
        box.run("systemctl", "enable", "weldr")
        box.run("systemctl", "restart", "weldr")
    else:
        box.start("sh", "-c", BY_HAND)
    wait_until(lambda: is_ready(box), 60, "weldr to be ready")


class Traffic:
    """Clients with a connection for each request: wrk can't repeat one whose connection ends before, as one that idles may."""

    def __init__(self, box):
        self.box = box
        box.start_beside("/usr/bin/python3", "-c", ORIGIN).stdout.readline()
        added = curl(box, "-o", "/dev/null", API + "/servers", "-d", '{"url":"http://127.0.0.1:9101"}')
        assert added.returncode == 0
        self.client = box.start_beside("wrk", "-t1", "-c8", "-d300s", "--timeout", "20s", "-H", "Connection: close",
                                       "http://127.0.0.1:8080/")
        self.wait_for_more()

    def answered(self):
        return json.loads(curl(self.box, API + "/stats").stdout or '{"requests":0}')["requests"]

    def wait_for_more(self):
        goal = self.answered() + LEAST
        wait_until(lambda: self.answered() >= goal, 60, "requests to be answered")

    def end_without_failure(self):
        self.wait_for_more()
        self.client.send_signal(signal.SIGINT)
        report = self.client.communicate(timeout=60)[0]
        assert int(re.search(r"(\d+) requests in", report).group(1)) > LEAST, report
        assert "Non-2xx" not in report and "Socket errors" not in report, report
