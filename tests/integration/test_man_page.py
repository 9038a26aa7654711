"""man/weldr.8 has every flag and variable that the program has, and no other: in SYNOPSIS, in OPTIONS, and in --help."""

import pathlib
import re
import subprocess

import pytest
from weldr import BIN

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAG = re.compile(r"--[a-z][a-z-]*")
VARIABLE = re.compile(r"\bWELDR_[A-Z_]*[A-Z]\b")
SETTING = re.compile(r'^SETTING\([A-Z_]+, (NULL|"(--[a-z-]+)"), "(WELDR_[A-Z_]+)", "([^"]*)"', re.M)


def settings():
    found = SETTING.findall((ROOT / "src/config/settings.def").read_text(encoding="utf-8"))
    assert len(found) > 15
    return [(flag or None, variable, word) for _, flag, variable, word in found]


def section(name):
    text = (ROOT / "man/weldr.8").read_text(encoding="utf-8")
    return text.split(f".SH {name}\n", 1)[1].split("\n.SH ", 1)[0]


def plain(text):
    """Without fonts and escapes."""
    text = re.sub(r"\\f.", "", text.replace("\\-", "-").replace("\\&", ""))
    return "\n".join(re.sub(r"^\.[A-Z]+ ", "", line).replace('"', "") for line in text.splitlines())


def entries():
    """OPTIONS as pairs: the line with the flag, and what is said of it."""
    for part in section("OPTIONS").split("\n.TP\n")[1:]:
        head, _, body = part.partition("\n")
        yield plain(head), plain(body)


@pytest.mark.smoke
def test_synopsis_has_every_flag_and_no_other():
    flags = [flag for flag, _, _ in settings() if flag]
    told = FLAG.findall(plain(section("SYNOPSIS")))
    assert told == flags + ["--help", "--version"], "each once, in the order of settings.def"


def test_options_explain_every_flag_and_no_other():
    wanted = {flag: variable for flag, variable, _ in settings() if flag}
    told = {}
    for head, body in entries():
        flags = FLAG.findall(head)
        assert len(flags) == 1 and flags[0] not in told and len(body) > 10, head
        told[flags[0]] = VARIABLE.findall(body)
    assert set(told) == {*wanted, "--help", "--version"}
    for flag, variable in wanted.items():
        assert told[flag][-1 if flag != "--log-level" else 0] == variable, flag


def test_every_variable_is_told_of_and_no_other():
    told = set(VARIABLE.findall(plain(section("OPTIONS") + section("ENVIRONMENT"))))
    assert told == {variable for _, variable, _ in settings()} | {"WELDR_LOG"}


def test_help_has_the_same_flags():
    printed = subprocess.run([BIN, "--help"], capture_output=True, text=True, check=True, timeout=20).stdout
    lines = printed.split("Flags (", 1)[1].split("Exit codes:")[0].splitlines()
    told = [FLAG.match(line.strip()).group() for line in lines if line.strip().startswith("--")]
    assert told == [flag for flag, _, _ in settings() if flag] + ["--version", "--help"]
    assert set(VARIABLE.findall(printed)) == {variable for _, variable, _ in settings()} | {"WELDR_LOG"}


def test_values_are_named_where_a_flag_takes_one():
    synopsis = {part.split()[0]: part for part in re.findall(r"\[ ?(--[^\[]*)", plain(section("SYNOPSIS")))}
    for flag, _, word in settings():
        if flag:
            assert (len(synopsis[flag].replace("]", " ").split()) > 1) == (word[0] != "["), flag
