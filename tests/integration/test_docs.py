"""Must hold 5: every command and example of README.md and docs/ runs, and prints what the document says."""

import glob
import os

import pytest

import docs_runner
from docs_masks import difference, mask
from docs_parse import (DocumentError, anchors_of, inline_commands_of, join_commands, links_of, parse_commands,
                        parse_document)
from test_prometheus import tool

ROOT = docs_runner.ROOT
NOT_RUN_MAX = 40
BOOK = ["README.md"] + sorted(glob.glob("docs/**/*.md", root_dir=ROOT, recursive=True))
IN_MACHINES = ("docs/install.md",)  # tests/dist runs them
LINKED = BOOK + [name for name in sorted(glob.glob("*.md", root_dir=ROOT)) + ["bench/README.md"] if name not in BOOK]


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        return file.read()


@pytest.mark.parametrize("name", [pytest.param(BOOK[0], marks=pytest.mark.smoke), *(name for name in BOOK[1:] if name not in IN_MACHINES)])
def test_document(name, tmp_path):
    tmp_path.chmod(0o755)
    run = docs_runner.run_document(os.path.join(ROOT, name), tmp_path, tool("promtool"))
    assert not run.problems, "\n" + docs_runner.describe(name, run)


def test_what_is_not_run_is_little():
    """Prints it; each reason is judged where the document runs."""
    left_out = [f"{name}:{step.line}: {step.directives['not-run']}\n{step.text}"
                for name in BOOK for step in parse_document(read(name)) if "not-run" in step.directives]
    print("".join(left_out))
    assert len(left_out) <= NOT_RUN_MAX


@pytest.mark.parametrize("name", LINKED)
def test_links_lead_somewhere(name):
    for line, target in links_of(read(name)):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
        assert os.path.exists(os.path.join(ROOT, file)), f"{name}:{line}: {target}: there is no {file}"
        if anchor:
            assert anchor in anchors_of(read(file)), f"{name}:{line}: {target}: no such heading"


def test_index_names_every_document():
    linked = {os.path.normpath(os.path.join("docs", target.partition("#")[0])) for _, target in links_of(read("docs/README.md"))}
    assert [name for name in BOOK if name not in linked and name != "docs/README.md"] == []


def words_of_commands(name):
    """The words of each command of a document that runs, be it shown or not."""
    for step in parse_document(read(name)):
        if step.kind == "console" and "not-run" not in step.directives:
            yield from (command.text.split() for command in parse_commands(step))
        elif step.kind in ("setup", "wait"):
            yield from (command.text.split() for command in join_commands(step.lines, step.line))


def is_part(some, words):
    """Do the words of `some` stand in `words`, in their order?"""
    rest = iter(words)
    return all(any(word == other or other.endswith("/" + word) for other in rest) for word in some)


def test_commands_in_prose_are_run_somewhere():
    """Each is a part of a command that runs in some document, so that it is more than an idea."""
    run = [words for name in BOOK for words in words_of_commands(name)]
    idle = [f"{name}:{line}: {command}" for name in BOOK for line, command in inline_commands_of(read(name))
            if not any(is_part(command.split(), words) for words in run)]
    assert not idle, idle


# ---- the tests can fail

def problems_of(text, tmp_path):
    run = docs_runner.Run(text, str(tmp_path), tool("promtool"))
    return run.all()


def console(text, before=""):
    return f"# T\n\n{before}\n\n```console\n{text}\n```\n"


GOOD = [
    console("$ echo one\none\n$ true\n$ printf 'a\\nb\\nc\\n'\na\n...\n$ echo '1\n2'\n1\n2"),
    console("$ date -u +%FT%TZ\n2001-02-03T04:05:06Z\n$ cat <<E\nx\nE\nx"),
    console("$ for i in 1 2\ndo echo $i\ndone\n1\n2\n$ echo a \\\n  b\na b"),
    console("$ (sleep 0.2; echo late) &\nlate\n$ wait"),
    console("$ false", "<!-- exit: 1 -->"),
    console("$ cat told\nyes", "<!-- setup: echo yes >told -->"),
    console("$ cat later", "<!-- setup: (sleep 0.2; touch later) & -->\n<!-- wait: test -e later -->"),
    "<!-- file: sub/f -->\n```\none\n```\n" + console("$ cat sub/f\none"),
    "<!-- output-of: echo '{\"pid\": 12}' -->\n```json\n{\"pid\": 34}\n```\n",
    console("$ systemctl start weldr\n$ sudo systemctl stop x", "<!-- not-run: systemctl -->"),
    console("$ far curl -s 10.0.0.5:8080\nblue", "<!-- setup: far test-server 10.0.0.5:8080 blue & -->\n"
            "<!-- wait: curl -s http://app1.internal:8080 -->"),
    "```ini\n[Unit]\nDescription=x\n\n[Service]\nExecStart=/usr/local/sbin/weldr\n```\n",
]

BAD = [
    (console("$ echo one\ntwo"), "+one"),
    (console("$ echo one"), "shows no output"),
    (console("$ true\none"), "-one"),
    (console("$ false"), "exit code 1"),
    (console("$ true", "<!-- exit: 1 -->"), "exit code 0 instead of 1"),
    (console("$ echo ab\na...c"), "+ab"),
    (console("$ printf 'a\\nb\\n'\na\n...\nc"), "+b"),
    (console("$ echo one &\ntwo"), "+one"),
    (console("$ true", "<!-- setup: false -->"), "setup ended with 1"),
    (console("$ true", "<!-- wait: false -->"), "did not come true"),
    (console("$ curl localhost", "<!-- not-run: systemctl -->"), "can be run"),
    (console("$ systemctl reload x && curl localhost", "<!-- not-run: systemctl -->"), "can be run"),
    (console("$ systemctl x", "<!-- not-run: no wish to -->"), "allowed reasons"),
    ("```json\n{]\n```\n", "no JSON"),
    ("<!-- output-of: echo 1 -->\n```text\n2\n```\n", "+1"),
    ("```ini\n[Service]\nExecStart=/no/such/program\n```\n", "program"),
    ("```yaml\na: b\n```\n", "field a not found"),
    ("```yaml\ngroups: [{name: x, rules: [{expr: '('}]}]\n```\n", "check"),
]


@pytest.mark.parametrize("text", GOOD)
def test_good_documents_pass(text, tmp_path):
    assert not problems_of(text, tmp_path)


@pytest.mark.parametrize("text, told", BAD)
def test_wrong_documents_fail(text, told, tmp_path, monkeypatch):
    monkeypatch.setattr(docs_runner, "WAIT_S", 0.3)
    problems = problems_of(text, tmp_path)
    assert len(problems) == 1 and told in problems[0][1], problems


def test_units_are_read_where_there_is_no_systemd(tmp_path, monkeypatch):
    monkeypatch.setattr(docs_runner.shutil, "which", lambda name: None)
    problems = problems_of("```ini\n[Unit]\n# x\nDescription=a\n```\n\n```ini\n[Unit]\nDescription a\n```\n", tmp_path)
    assert problems == [(8, "no line of a unit: Description a")]


@pytest.mark.parametrize("text, told", [
    ("```sh\nls\n```\n", "kind 'sh'"),
    ("```\nls\n```\n", "kind ''"),
    ("text\n\n    ls\n", "indented"),
    ("```console\n$ ls\n", "without an end"),
    ("```console\nls\n```\n", "no command"),
    ("```console\n$ echo 'a\n```\n", "without an end"),
    ("<!-- exit: 1 -->\n\ntext\n", "belongs to a block"),
    ("<!-- output: ls -->\n", "unknown comment"),
    ("<!-- setup: -->\n", "says nothing"),
])
def test_documents_that_cannot_be_tested(text, told):
    with pytest.raises(DocumentError, match=told):
        for step in parse_document(text):
            parse_commands(step)


def test_a_report_of_a_sanitizer_is_seen(tmp_path):
    problems = problems_of(console("$ echo 'MUST failed: x' >weldr.log"), tmp_path)
    assert "MUST failed" in problems[0][1]


def test_settings_are_not_masked():
    assert difference(['"interval_ms": 30000'], '"interval_ms": 2000\n')
    assert mask('"ms": 12, "pid": 7') == mask('"ms": 3456, "pid": 123')


def test_commands_in_prose():
    text = "`curl -f x` `curl` ``curl -f y`` `weldr --ip A:P` `curl -i HOST/x` `curl -X POST z`\n```console\n`curl no`\n```\n"
    assert [command for _, command in inline_commands_of(text)] == ["curl -f x", "curl -X POST z"]


def test_a_part_of_a_command():
    run = "build/weldr --workers 2 --ip 1:2 &".split()
    assert is_part(["weldr", "--ip", "1:2"], run)
    assert not is_part(["weldr", "--ip", "1:3"], run) and not is_part(["--ip", "weldr"], run)


def test_links_and_anchors():
    text = "# A b: `c`\n## A b: `c`\n```\n# no\n[x](y)\n```\n[x](y#z) `[no](no)` [a [b]](<c>) [d](e)\n"
    assert anchors_of(text) == {"a-b-c", "a-b-c-1"}
    assert list(links_of(text)) == [(7, "y#z"), (7, "<c>"), (7, "e")]
