"""Reads a document in Markdown into the steps that a test of it takes.

What readers see:

    ```console            commands: a line that begins with "$ " is one, and goes on over the lines that it needs to be whole;
                          what follows up to the next one is its output. A line "..." stands for any lines, "..." in a line for
                          any characters. A command without output prints nothing. One that ends with & runs until the end of
                          the document; its output is waited for if the document shows any.
    ```json               must parse
    ```yaml               a configuration or rules of Prometheus, as promtool sees it
    ```ini                a unit of systemd, as systemd-analyze sees it
    ```text, ```http      compared if the document says what prints it

What readers do not see: comments, each on lines of its own. "setup: COMMANDS" runs them and compares nothing, "wait: COMMAND"
tries it until it succeeds. These belong to the next block: "output-of: COMMAND" prints what the block shows, "file: PATH" writes
the block there, "exit: CODE" is how its last command ends, "not-run: REASON" is why it can't be run here.
"""

import re
import subprocess

FENCE = re.compile(r"^(\s*)(```+|~~~+)\s*(\S*)\s*$")
COMMENT = re.compile(r"^\s*<!--(.*)$")
DIRECTIVE = re.compile(r"^\s*([a-z][a-z-]*):\s*(.*)$", re.DOTALL)
OF_BLOCKS = ("output-of", "file", "exit", "not-run")
KINDS = ("console", "json", "yaml", "ini", "text", "http")
LIST_ITEM = re.compile(r"^\s*([-*+]|\d+[.)])\s")
INDENTED = re.compile(r"^(    |\t)\s*\S")
UNFINISHED = re.compile(r"unexpected EOF|unexpected end of file|here-document")


class DocumentError(Exception):
    """The document can't be tested; names the line."""

    def __init__(self, line, why):
        super().__init__(f"line {line}: {why}")


class Step:
    """kind: setup, wait, or that of a block. `line` is the number of the first line of `lines` in the document."""

    def __init__(self, kind, line, lines, directives=None, indent=""):
        self.kind, self.line, self.lines = kind, line, lines
        self.directives = directives or {}
        self.indent = indent

    @property
    def text(self):
        return "".join(line + "\n" for line in self.lines)


class Command:
    """One of a console block: its text, and the lines of output that the document shows, which begin at `output_line`."""

    def __init__(self, line, text, output, output_line):
        self.line, self.text, self.output, self.output_line = line, text, output, output_line

    @property
    def is_background(self):
        return self.text.rstrip().endswith("&") and not self.text.rstrip().endswith("&&")


def is_whole(text):
    """Has this command no open quote, here-document or loop?"""
    if text.endswith("\\"):
        return False
    checked = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return not UNFINISHED.search(checked.stderr)


class Parser:
    def __init__(self, text):
        self.lines = text.splitlines()
        self.at = 0  # index of the next line
        self.steps = []
        self.directives = {}
        self.directive_line = 0
        self.was_list = False

    def parse(self):
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if FENCE.match(line):
                self.take_block()
            elif COMMENT.match(line):
                self.take_comment()
            else:
                self.take_prose(line)
        self.expect_no_directive("the end")
        return self.steps

    def expect_no_directive(self, what):
        if self.directives:
            raise DocumentError(self.directive_line, f"{', '.join(self.directives)}: belongs to a block, but {what} follows")

    def take_prose(self, line):
        self.at += 1
        if not line.strip():
            return
        self.expect_no_directive("prose")
        before = self.lines[self.at - 2] if self.at > 1 else ""
        if INDENTED.match(line) and not before.strip() and not self.was_list:
            raise DocumentError(self.at, "an indented block: use a fence with a kind")
        if not line.startswith((" ", "\t")):
            self.was_list = bool(LIST_ITEM.match(line))

    def take_block(self):
        indent, fence, kind = FENCE.match(self.lines[self.at]).groups()
        line = self.at + 2
        self.at += 1
        lines = []
        while self.at < len(self.lines) and self.lines[self.at].strip() != fence:
            text = self.lines[self.at]
            lines.append(text[len(indent):] if text.startswith(indent) else text.lstrip())
            self.at += 1
        if self.at == len(self.lines):
            raise DocumentError(line - 1, "a block without an end")
        self.at += 1
        if kind not in KINDS and "not-run" not in self.directives and "file" not in self.directives:
            raise DocumentError(line - 1, f"a block of kind {kind!r}; known are {', '.join(KINDS)}")
        self.steps.append(Step(kind, line, lines, self.directives, indent))
        self.directives = {}

    def take_comment(self):
        line = self.at + 1
        text = COMMENT.match(self.lines[self.at]).group(1)
        while "-->" not in text:
            self.at += 1
            if self.at == len(self.lines):
                raise DocumentError(line, "a comment without an end")
            text += "\n" + self.lines[self.at]
        self.at += 1
        found = DIRECTIVE.match(text.split("-->")[0])
        if not found:
            return
        self.take_directive(line, found.group(1), found.group(2).strip())

    def take_directive(self, line, name, value):
        if name not in OF_BLOCKS and name not in ("setup", "wait"):
            raise DocumentError(line, f"unknown comment {name}:; known are setup, wait, {', '.join(OF_BLOCKS)}")
        if not value:
            raise DocumentError(line, f"{name}: says nothing")
        if name in OF_BLOCKS:
            self.directives[name] = value
            self.directive_line = line
        else:
            self.steps.append(Step(name, line, value.splitlines()))


def parse_document(text):
    return Parser(text).parse()


def join_commands(lines, line):
    """Lines of a comment as commands, each as long as it must be."""
    commands, text, begin = [], "", line
    for number, more in enumerate(lines, line):
        if not text:
            begin = number
        text = text + "\n" + more if text else more
        if is_whole(text):
            if text.strip():
                commands.append(Command(begin, text, [], number + 1))
            text = ""
    if text:
        raise DocumentError(begin, f"a command without an end: {text}")
    return commands


def parse_commands(step):
    """The commands of a console block."""
    commands = []
    at = 0
    while at < len(step.lines):
        line = step.lines[at]
        if not line.startswith("$ "):
            raise DocumentError(step.line + at, f"no command before this line: {line!r}")
        begin, text = at, line[2:]
        at += 1
        while not is_whole(text):
            if at == len(step.lines) or step.lines[at].startswith("$ "):
                raise DocumentError(step.line + begin, f"a command without an end: {text}")
            text += "\n" + step.lines[at]
            at += 1
        output_at = at
        while at < len(step.lines) and not step.lines[at].startswith("$ "):
            at += 1
        commands.append(Command(step.line + begin, text, step.lines[output_at:at], step.line + output_at))
    return commands


# ---- links, and commands in prose

HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")


def without_blocks(text):
    """The lines of a document with those of blocks emptied, so that nothing in them is a link or a heading."""
    lines, fence = [], None
    for line in text.splitlines():
        found = FENCE.match(line)
        if fence is None and found:
            fence = found.group(2)
        elif fence is not None and line.strip() == fence:
            fence = None
        elif fence is None:
            lines.append(line)
            continue
        lines.append("")
    return lines


def anchors_of(text):
    """The anchors that GitHub makes of headings; a name that comes again gets a number."""
    anchors, seen = set(), {}
    for line in without_blocks(text):
        found = HEADING.match(line)
        if not found:
            continue
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", found.group(1)).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        anchors.add(slug if slug not in seen else f"{slug}-{seen[slug]}")
        seen[slug] = seen.get(slug, 0) + 1
    return anchors


INLINE = re.compile(r"(?<!`)`((?:curl|weldr|jq|kill|test-server) [^`]+)`(?!`)")
PLACEHOLDER = re.compile(r"\b(?!GET|PUT|POST|PATCH|DELETE|HEAD)[A-Z]{2,}\b|A:P")


def inline_commands_of(text):
    """(line number, command) of each command in prose, unless it has a placeholder such as HOST."""
    for number, line in enumerate(without_blocks(text), 1):
        for found in INLINE.finditer(line):
            if not PLACEHOLDER.search(found.group(1)):
                yield number, found.group(1)


def links_of(text):
    """(line number, target) of each link."""
    for number, line in enumerate(without_blocks(text), 1):
        for found in LINK.finditer(re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "``", line)):
            yield number, found.group(1)
