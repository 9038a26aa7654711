"""Compares what a document shows with what a command printed: names and times are masked on both sides."""

import difflib
import re

# What curl and jq put in for a terminal: colours and links.
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\x1b\]8;;.*?(\x1b\\|\x07)")

# In this order: each pattern, and what stands for it. Settings such as interval_ms are no times that were measured.
MASKS = [(re.compile(pattern), mask) for pattern, mask in (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "TIME"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "DATE"),
    (r"\b\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
    (r"\b[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\b", "TIME"),  # syslog
    (r"\b[0-9a-f]{11}-\d+\b", "EVENT"),
    (r"\b[0-9a-f]{32}\b", "REQUEST"),
    (r"\b[0-9a-f]{16}(-\w+)?\b", "DIGEST"),
    (r"\b(s|r|p|l)-[0-9a-f]+\b", r"\1-N"),
    (r"(\"(?:ms|last_ms|pid|\w+_us|p50|p90|p99|cpu_ms|rss_bytes|drain_left_ms|uptime_ms)\": ?)\d+(\.\d+)?", r"\1N"),
    (r"\b((?:ms|pid|\w+_us|took_ms|left_ms|late_ms|port)=)\d+(\.\d+)?\b", r"\1N"),
    (r"\b\d+(\.\d+)? ?(ms|us|µs)\b", "N ms"),
    (r"(?<=[\d\]]:)(3[2-9]|[456]\d)\d{3}\b", "PORT"),  # of clients: the kernel chose it
    (r"(?i)\b(weldr|curl)([ /])v?\d+\.\d+(\.\d+)?[\w.+~-]*", r"\1\2VERSION"),
    (r"(\bversion=\"?)\d[\w.+~-]*", r"\1VERSION"),
    (r"(\"version\": ?\")\d[\w.+~-]*", r"\1VERSION"),
    (r"(?im)^(content-length: )\d+", r"\1N"),
    (r"(?m)^(process_\w+ ).*$", r"\1N"),
    (r"(?m)^(\w+_bucket\{(?!.*le=\"\+Inf\").*\} ).*$", r"\1N"),
    (r"(?m)^(\w+_(?:seconds|seconds_sum|seconds_total|memory_bytes|created)(?:\{.*\})? )\d.*$", r"\1N"),
)]


def mask(text):
    for pattern, mask_ in MASKS:
        text = pattern.sub(mask_, text)
    return text


def masked_lines(lines):
    return [line.rstrip() for line in mask("\n".join(lines)).split("\n")] if lines else []


def pattern_of(line):
    return re.compile(".*".join(re.escape(part) for part in line.split("...")))


def is_same(wanted, printed):
    """Masked lines: do all of `wanted` stand for all of `printed`? Walks like a match of a pattern with one kind of star."""
    at = other = 0
    star = star_other = None
    while other < len(printed):
        if at < len(wanted) and wanted[at].strip() == "...":
            star, star_other = at, other
            at += 1
        elif at < len(wanted) and pattern_of(wanted[at]).fullmatch(printed[other]):
            at += 1
            other += 1
        elif star is not None:
            at, star_other = star + 1, star_other + 1
            other = star_other
        else:
            return False
    return all(line.strip() == "..." for line in wanted[at:])


def lines_of(output):
    """What was printed, as lines without colours."""
    lines = COLOUR.sub("", output).replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def difference(wanted, printed):
    """None when the document is right, else what to show of it."""
    while wanted and not wanted[-1].strip():
        wanted = wanted[:-1]
    printed = lines_of(printed)
    while printed and not printed[-1].strip():
        printed = printed[:-1]
    masked, got = masked_lines(wanted), masked_lines(printed)
    if is_same(masked, got):
        return None
    if not wanted:
        return "the document shows no output, but it printed\n" + "\n".join(f"    +{line}" for line in printed[:40])
    lines = list(difflib.unified_diff(masked, got, "document", "printed", lineterm="", n=2))
    return "\n".join("    " + line for line in lines[2:62])
