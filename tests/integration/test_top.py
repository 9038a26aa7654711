"""`weldr top` in a real terminal (tmux): screens at three sizes, keys, resizing, a thousand servers, a node that dies meanwhile, and a
terminal that is given back whatever happens."""

import json
import os
import re
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import origins as o
from rawhttp import wait_until
from tmux import Terminal
from weldr import BIN, NO_CHECK, clean_environment, is_alive, run_weldr

KEYS = "↑↓ choose  Enter open  / filter  s sort  [] pool  p pause  ? help  q quit"
TABS = "[1 Servers] 2 Pools  3 Cluster  4 VIPs  5 Workers  6 Certificates  7 Events"
SCREENS = {
    (80, 24): f"""\
weldr top  0000000000000001 · alone · serving                     live  CC:CC:CC
Requests/s 0        Failed     0%       Median     –        99%        –
In flight  0        Clients    0        Workers    1        Revision   7
                                                                 most 0/s in 60s
{TABS}
Pool default · 5 servers: 1 down, 1 maintenance, 3 active
  STATE↑      SERVER                SINCE  BUSY  REQ/S FAIL/S LATENCY REASON
> down        127.0.0.1:9              NN     0      0      0       – 1 failed…
  maintenance 10.99.0.3:8080           NN     0      0      0       – drained
  active      10.99.0.1:8080           NN     0      0      0       –
  active      10.99.0.2:8080           NN     0      0      0       –
  active      https://10.99.0.4:84…    NN     0      0      0       –
""",
    (120, 40): f"""\
weldr top  0000000000000001 · alone · serving                                                             live  CC:CC:CC
Requests/s 0        Failed     0%       Median     –        99%        –
In flight  0        Clients    0        Workers    1        Revision   7
                                                                                                        most 0/s in 100s
{TABS}
Pool default · 5 servers: 1 down, 1 maintenance, 3 active
  STATE↑      SERVER                   SINCE WEIGHT  BUSY  REQ/S FAIL/S LATENCY LAST 10 MINUTES    REASON
> down        127.0.0.1:9                 NN      1     0      0      0       –                    1 failed check: con…
  maintenance 10.99.0.3:8080              NN      1     0      0      0       –                    drained
  active      10.99.0.1:8080              NN      1     0      0      0       –
  active      10.99.0.2:8080              NN      3     0      0      0       –
  active      https://10.99.0.4:8443      NN      1     0      0      0       –
""",
    (200, 60): f"""\
weldr top  0000000000000001 · alone · serving                                                                                                                                             live  CC:CC:CC
Requests/s 0        Failed     0%       Median     –        99%        –
In flight  0        Clients    0        Workers    1        Revision   7
                                                                                                                                                                                        most 0/s in 180s
{TABS}
Pool default · 5 servers: 1 down, 1 maintenance, 3 active
  STATE↑      SERVER                                SINCE WEIGHT  BUSY  REQ/S FAIL/S LATENCY LAST 10 MINUTES                 REASON
> down        127.0.0.1:9                              NN      1     0      0      0       –                                 1 failed check: connection refused
  maintenance 10.99.0.3:8080                           NN      1     0      0      0       –                                 drained
  active      10.99.0.1:8080                           NN      1     0      0      0       –
  active      10.99.0.2:8080                           NN      3     0      0      0       –
  active      https://10.99.0.4:8443                   NN      1     0      0      0       –
""",
}


@pytest.fixture
def terminal(tmp_path):
    """Makes them; each ends with the test, and none says anything that only a sanitizer says."""
    made = []

    def make(command, **more):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Terminal(folder, command, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()
        assert "Sanitizer" not in one.errors and "runtime error" not in one.errors and "MUST" not in one.errors, one.errors


def top(weldr, *more):
    return [BIN, "top", "--api", "http://{}:{}".format(*weldr.admin), *more]


@pytest.fixture
def five(lab):
    """Servers in three states, and nothing that differs from run to run but times."""
    weldr = lab.weldr()
    for number, weight in ((1, 1), (2, 3), (3, 1)):
        weldr.add(f"http://10.99.0.{number}:8080", weight=weight)
    weldr.add("https://10.99.0.4:8443")
    weldr.add("http://127.0.0.1:9", check={"type": "tcp", "failures": 1, "interval_ms": 600000, "fast_interval_ms": 600000})
    assert weldr.api("POST", "/servers/10.99.0.3/8080/maintenance").status == 200
    weldr.wait_state("http://127.0.0.1:9", "down")
    return weldr


def masked(text):
    """Without what no two runs have alike: the clock, how long since, the revision."""
    text = re.sub(r"\d\d:\d\d:\d\d", "CC:CC:CC", text)
    text = re.sub(r"(Revision   )\d+", r"\g<1>7", text)
    text = re.sub(r" +\d+[sm](?= )", lambda found: "NN".rjust(len(found[0])), text)
    return text.rstrip("\n")


def whole(size):
    """The lines of an expected screen, to its last one."""
    lines = SCREENS[size].rstrip("\n").split("\n")
    return lines + [""] * (size[1] - len(lines) - 1) + [KEYS]


def is_settled(text):
    """All that is asked for has come: also the rates, for which it is asked twice."""
    lines = text.split("\n")
    return "live" in lines[0] and "serving" in lines[0] and len(lines) > 11 and re.search(r" 0 +0 +0 +–", lines[11]) is not None


@pytest.mark.smoke
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_screens(five, terminal, size):
    screen = terminal(top(five), columns=size[0], rows=size[1])
    screen.wait(is_settled, "all that is asked for")
    assert masked(screen.text).split("\n") == whole(size)
    assert screen.value("alternate_on") == "1" and screen.value("cursor_flag") == "0"


def test_keys(five, terminal):
    """Lists, a filter, one server, help, pause, the end."""
    screen = terminal(top(five, "-d", "0.2"))
    screen.wait_text("127.0.0.1:9", "serving")
    for key, text in (("2", "round_robin"), ("3", "this node"), ("4", "0 VIPs"), ("5", "running"), ("6", "0 certificates"),
                      ("7", "server added"), ("Right", "REASON"), ("BTab", "server added"), ("Tab", "REASON")):
        screen.keys(key)
        screen.wait_text(text)
    screen.type("/99.0.2")
    screen.wait_text("Filter: 99.0.2_", "> active      10.99.0.2:8080")
    screen.keys("Enter", "Enter")
    screen.wait_text("server 10.99.0.2:8080", "weight                    3")
    screen.keys("G")
    screen.wait_text("last_check                -")
    screen.keys("Escape")
    screen.wait_text('1 with "99.0.2"')
    screen.keys("Escape")
    screen.wait(lambda text: "127.0.0.1:9" in text and "with" not in text, "all servers")
    screen.keys("s", "r")
    screen.wait_text("SERVER↓", "> active      https://10.99.0.4")
    screen.keys("?")
    screen.wait_text("Ctrl-Z stops it")
    screen.keys("?", "p")
    screen.wait_text("paused")
    five.add("http://10.99.0.7:8080")
    screen.keys("p")
    screen.wait_text("live", "10.99.0.7:8080")
    screen.keys("q")
    wait_until(lambda: screen.value("pane_dead_status") != "", 10, "the end")  # told behind pane_dead, which the closed terminal makes
    assert screen.value("pane_dead_status") == "0" and screen.errors == ""


def test_resize(five, terminal):
    screen = terminal(top(five))
    screen.wait(is_settled, "all that is asked for")
    screen.resize(60, 20)
    screen.wait(lambda text: text.startswith("weldr top needs 80 x 24, here are 60 x 20\nq quit\n\n"), "that it is too small")
    for size in ((120, 40), (80, 24), (200, 60)):
        screen.resize(*size)
        screen.wait(lambda text: masked(text).split("\n") == whole(size), f"a screen of {size}")
    screen.resize(1, 1)
    screen.resize(120, 40)
    screen.wait(is_settled, "the whole screen again")


def test_a_thousand_servers(lab, terminal):
    weldr = lab.weldr()
    servers = [{"url": f"http://10.99.{i // 250}.{i % 250 + 1}:8080", "check": NO_CHECK} for i in range(1000)]
    assert weldr.api("PUT", "/servers", {"servers": servers}).status == 200
    screen = terminal(top(weldr))
    screen.wait_text("1,000 servers: 1,000 active", "1–16 of 1,000", "> active      10.99.0.1:8080")
    screen.keys("End")
    screen.wait_text("985–1,000 of 1,000", "> active      10.99.3.250:8080")
    for count in range(70):
        screen.keys("PPage")
    screen.wait_text("1–16 of 1,000", "> active      10.99.0.1:8080")
    screen.type("/99.2.24")
    screen.wait_text('11 with "99.2.24"', "10.99.2.249:8080")
    assert weldr.api("DELETE", "/servers/10.99.2.249/8080").status in (200, 202)
    screen.wait_text('10 with "99.2.24"', "999 servers")


def test_traffic_is_seen(lab, terminal):
    weldr, _ = lab.run(o.hello)
    screen = terminal(top(weldr, "--interval", "0.2"))
    screen.wait_text("serving")

    def ask(text):
        weldr.ask()
        rate = re.search(r"Requests/s +([\d.]+)", text)
        row = re.search(r"> active +\S+ +\S+ +\d+ +([\d.]+) ", text)
        return rate and row and float(rate[1]) > 0 and float(row[1]) > 0 and re.search("[▁-█]", text.split("\n")[3])
    screen.wait(ask, "requests in the numbers, the row and the bars")


def test_a_node_that_dies(lab, terminal, folder):
    """kill -9, and the screen says since when; the next one at the same address, and it goes on by itself."""
    weldr = lab.weldr("--data-dir", folder, env={"WELDR_EPHEMERAL": ""})
    weldr.add("http://10.99.0.1:8080")
    screen = terminal(top(weldr))
    screen.wait_text("live", "> active      10.99.0.1:8080")
    weldr.kill()
    screen.wait_text("no answer since", "(connection refused); trying again each second", "10.99.0.1:8080")
    screen.keys("2")  # keys go on
    screen.wait_text("[2 Pools]", "default")
    screen.keys("1")
    again = lab.weldr("--data-dir", folder, env={"WELDR_EPHEMERAL": ""}, admin_ip="{}:{}".format(*weldr.admin))
    again.add("http://10.99.0.2:8080")
    screen.wait_text("live", "10.99.0.1:8080", "10.99.0.2:8080")
    assert "No answer" not in screen.text


def test_a_node_that_hangs(five, terminal):
    """It takes the connection and says nothing: the keys do not wait for it."""
    screen = terminal(top(five))
    screen.wait(is_settled, "all that is asked for")
    five.signal(signal.SIGSTOP)
    try:
        screen.keys("7")
        screen.wait_text("[7 Events]", "not here yet", timeout_s=4)
        screen.wait_text("no answer since", "(timed out)")
    finally:
        five.signal(signal.SIGCONT)
    screen.wait_text("live", "server added")


SHELL = 'trap : INT QUIT; stty -a >"{0}/before"; echo top begins; {1}; echo "top has ended by $?"; stty -a >"{0}/after"; echo all is over; sleep 1000'
ENDINGS = [("key", 0), ("held", 143), (signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131), (signal.SIGABRT, 134),
           (signal.SIGSEGV, None)]


@pytest.mark.parametrize("ending, code", ENDINGS, ids=[str(ending) for ending, _ in ENDINGS])
def test_the_terminal_is_given_back(five, terminal, tmp_path, ending, code):
    """Its settings, the screen of before, the cursor, and no process stays."""
    screen = terminal(SHELL.format(tmp_path, " ".join(top(five))))
    screen.wait_text("127.0.0.1:9")
    pid = int(subprocess.run(["pgrep", "-P", str(screen.pid), "-x", "weldr"], check=True, capture_output=True, text=True).stdout)
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = [int(child) for child in file.read().split()]
    assert len(children) == 1 and screen.value("alternate_on") == "1"
    if ending == "key":
        screen.keys("C-c")
    elif ending == "held":  # by Ctrl-S: nothing goes out, and the clock stands still
        screen.keys("C-s")
        screen.wait(lambda text: screen.stands_still(text), "no output")
        os.kill(pid, signal.SIGTERM)
    else:
        os.kill(pid, ending)
    screen.wait_text("top begins", "all is over")
    assert "top has ended by" in screen.text and (code is None or f"top has ended by {code}\n" in screen.text), screen.text
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()
    assert screen.value("alternate_on") == "0" and screen.value("cursor_flag") == "1"
    wait_until(lambda: not any(is_alive(child) for child in children), 10, "the end of the process that asks")
    if ending == signal.SIGSEGV:  # a sanitizer tells of it, as of any crash
        open(screen.error_file, "w", encoding="ascii").close()


def test_stopped_and_continued(five, terminal):
    """Ctrl-Z gives the terminal back, fg takes it again, whatever its size is by then."""
    screen = terminal(f"exec bash --norc --noprofile -i 2>&1", env={"PS1": "shell> "})
    screen.wait_text("shell>")
    screen.type(" ".join(top(five)) + "\n")
    screen.wait_text("127.0.0.1:9", "serving")
    screen.keys("C-z")
    screen.wait(lambda text: "Stopped" in text and screen.value("alternate_on") == "0", "the shell")
    screen.type("stty -a | grep -o '.icanon'; stty -a | grep -o '.echo '; fg\n")
    screen.wait(lambda text: "127.0.0.1:9" in text and screen.value("alternate_on") == "1", "top again")
    screen.keys("C-z")
    screen.wait(lambda text: "\n icanon\n echo\n" in text, "settings of a shell")
    screen.resize(60, 20)
    screen.type("fg\n")
    screen.wait_text("weldr top needs 80 x 24, here are 60 x 20")
    screen.keys("q")
    screen.wait(lambda text: text.rstrip().endswith("shell>"), "the shell")


class Fake:
    """An API that says what it is told to, by path; everything else is {}."""

    def __init__(self, documents, status=200):
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(documents.get(self.path.split("?")[0], {})).encode()
                fake.tokens.add(self.headers.get("Authorization"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # who asked was ended

            def log_message(self, *_):
                pass
        self.tokens = set()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.admin = self.server.server_address
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def fake():
    made = []

    def make(*arguments, **more):
        made.append(Fake(*arguments, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


NASTY = ["a\x1b[2J\x1b]0;title\x07b", "c\u009b31m\x7f\r\nd", "服务器😀", "e\u0301\u202eabc\u200d"]


def test_texts_of_strangers(fake, terminal):
    """No control character gets to the terminal, and what is wide, or has no width, moves no column."""
    servers = [{"id": f"s-{i}", "url": text, "state": "active", "reason": text, "weight": 1, "in_flight": 0, "success": 0, "failed": 0,
                "since": "2026-11-28T17:23:34.709Z"} for i, text in enumerate(NASTY)]
    api = fake({"/pools/default/servers": {"servers": servers, "total": 4}, "/health": {"status": NASTY[0]},
                "/cluster": {"role": NASTY[1], "members": []}, "/events": {"events": [{"id": "e", "kind": text} for text in NASTY]}})
    screen = terminal(top(api), columns=120, rows=40)
    screen.wait_text("a?[2J?]0;title?b")
    rows = [line for line in screen.lines if "active  " in line]
    assert [line[14:].split("  ")[0] for line in rows] == ["a?[2J?]0;title?b", "c?31m???d", "服务器😀", "e?abc"]
    starts = {sum(2 if c in "服务器😀" else 1 for c in line[:re.search(r"\d+[hd] ", line).end()]) for line in rows}
    assert len(starts) == 1, rows
    shown = run_weldr(*top(api, "--once")[1:], env={"LC_ALL": "C.UTF-8"}).stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown), shown
    plain = run_weldr(*top(api, "--once")[1:], env={"LC_ALL": "C"}).stdout
    assert plain.isascii() and "????" in plain and "v choose" in plain


def test_a_token(fake, terminal, tmp_path):
    api = fake({}, status=401)
    screen = terminal(top(api))
    screen.wait_text("refused", "The API responds 401: no token that it knows (--token-file, WELDR_TOKEN)")
    (tmp_path / "token").write_text("sesame\n")
    result = run_weldr(*top(api, "--once", "--token-file", str(tmp_path / "token"))[1:])
    assert (result.returncode, result.stdout) == (1, "") and result.stderr.startswith("error: the API responds 401: ")
    assert "Bearer sesame" in api.tokens


@pytest.mark.parametrize("env, has_colors, has_bold", [({}, True, True), ({"NO_COLOR": "1"}, False, True), ({"NO_COLOR": ""}, True, True)])
def test_no_color(five, terminal, tmp_path, env, has_colors, has_bold):
    """What goes to the terminal, byte by byte: sequences for colors or none of them."""
    copy = tmp_path / "copy"
    screen = terminal(f"exec script -q -f -c '{' '.join(top(five))}' '{copy}'", env=env)
    screen.wait_text("127.0.0.1:9", "serving")
    sent = copy.read_bytes()
    assert (re.search(rb"\x1b\[[0-9;]*3[1-6]m", sent) is not None) == has_colors
    assert (b"\x1b[0;1m" in sent) == has_bold


@pytest.mark.smoke
def test_one_screen_without_a_terminal(five):
    result = run_weldr(*top(five, "--once")[1:], env={"LC_ALL": "C.UTF-8", "TZ": "UTC"})
    assert (result.returncode, result.stderr) == (0, "")
    assert masked(result.stdout).split("\n") == whole((80, 24))
    wide = run_weldr(*top(five, "--once", "--pool", "none")[1:], env={"COLUMNS": "120", "LINES": "30", "LC_ALL": "C.UTF-8"})
    assert wide.returncode == 1 and wide.stderr.startswith("error: the API responds 404: "), wide


@pytest.mark.parametrize("words, code, text", [
    ((), 2, "top needs a terminal; weldr top --once prints one screen, and for scripts there are weldr stats"),
    (("--json",), 2, "--json: top shows screens; for scripts there are weldr stats --json"),
    (("--interval", "0"), 2, "--interval 0: seconds from 0.2 to 3600"),
    (("--interval", "1e3"), 2, "--interval 1e3: seconds from 0.2 to 3600"),
    (("-d", "x"), 2, "--interval x: seconds from 0.2 to 3600"),
    (("--once", "--api", "http://127.0.0.1:1"), 3, "the API at http://127.0.0.1:1: connection refused"),
    (("--once", "--api", "https://127.0.0.1:1"), 2, "https is not supported here yet"),
])
def test_what_is_refused(words, code, text):
    result = run_weldr("top", *words)
    assert result.returncode == code and result.stdout == "", result
    assert result.stderr.startswith("error: ") and text in result.stderr and result.stderr.count("\n") == 1


def test_a_terminal_that_can_do_nothing(five, terminal):
    screen = terminal(" ".join(top(five)), term="dumb")
    wait_until(lambda: "top needs a terminal" in screen.errors, 10, "the refusal")


