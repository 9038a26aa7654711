"""A strict reader of what GET /metrics prints: Prometheus text format 0.0.4 and OpenMetrics 1.0."""

import math
import re

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
NUMBER = re.compile(r'[0-9]+(\.[0-9]+)?')
ENDS = {"counter": ("_total",), "info": ("_info",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}


def read_labels(text):
    labels, at = {}, 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"labels: {text!r} at {at}"
        assert match[1] not in labels, f"twice: {text!r}"
        assert not match[3] or match.end() < len(text), f"comma at the end: {text!r}"
        labels[match[1]] = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[2])
        at = match.end()
    return labels


def key_of(labels):
    return tuple(sorted(labels.items()))


class Exposition:
    """samples[name][sorted labels] = value, types[family], helps[family]."""

    def __init__(self, text, openmetrics=False):
        assert text.endswith("\n")
        self.openmetrics = openmetrics
        self.samples, self.types, self.helps, self.units = {}, {}, {}, {}
        self.family = None
        lines = text[:-1].split("\n")
        if openmetrics:
            assert lines.pop() == "# EOF"
        for line in lines:
            assert line == line.strip() and line, repr(line)
            if line.startswith("#"):
                self.read_comment(line)
            else:
                self.read_sample(line)
        for family, kind in self.types.items():
            assert family in self.helps, family
            if kind == "histogram":
                self.check_histogram(family)

    def read_comment(self, line):
        mark, what, family, rest = line.split(" ", 3)
        assert mark == "#", line
        if what == "HELP":
            assert family not in self.helps, f"family in two places: {line}"
            self.helps[family], self.family = rest, family
            return
        assert family == self.family and family not in self.samples, line
        if what == "TYPE":
            assert family not in self.types and rest in ENDS, line
            assert self.openmetrics or rest != "info", line
            self.types[family] = rest
        else:
            assert what == "UNIT" and self.openmetrics and family.endswith("_" + rest), line
            self.units[family] = rest

    def read_sample(self, line):
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, text, value = match.groups()
        assert NUMBER.fullmatch(value), line
        kind = self.types[self.family]
        if self.openmetrics or kind in ("gauge", "histogram"):
            assert name in [self.family + end for end in ENDS[kind]], f"{line} in {self.family}"
        else:
            assert name == self.family and name.endswith("_total"), f"{line} in {self.family}"
        labels = key_of(read_labels(text or ""))
        of_name = self.samples.setdefault(name, {})
        assert labels not in of_name, f"twice: {line}"
        of_name[labels] = float(value)

    def check_histogram(self, family):
        """Buckets never fall, end at +Inf, which is the count, and each has a sum."""
        buckets = {}
        for labels, value in self.samples.get(family + "_bucket", {}).items():
            labels = dict(labels)
            bound = labels.pop("le")
            assert bound == "+Inf" or re.fullmatch(r"[0-9]+\.[0-9]+", bound), bound
            buckets.setdefault(key_of(labels), []).append((math.inf if bound == "+Inf" else float(bound), value))
        for labels, row in buckets.items():
            assert row == sorted(row) and len({b for b, _ in row}) == len(row), (family, labels, row)
            assert [n for _, n in row] == sorted(n for _, n in row), (family, labels, row)
            assert row[-1] == (math.inf, self.samples[family + "_count"][labels]), (family, labels, row)
            assert labels in self.samples[family + "_sum"]
        assert set(buckets) == set(self.samples.get(family + "_count", {})) == set(self.samples.get(family + "_sum", {}))

    def get(self, name, **labels):
        """The one sample that has exactly these labels."""
        return self.samples[name][key_of(labels)]

    def all(self, name, **some):
        """(labels, value) of those that have these labels among theirs."""
        return [(dict(labels), value) for labels, value in self.samples.get(name, {}).items()
                if set(some.items()) <= set(labels)]

    def sum(self, name, **some):
        return sum(value for _, value in self.all(name, **some))


def scrape(weldr, openmetrics=False, admin=None):
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"} if openmetrics else {}
    answer = weldr.api("GET", "/metrics", headers=headers, admin=admin)
    assert answer.status == 200, answer
    wanted = ("application/openmetrics-text; version=1.0.0; charset=utf-8" if openmetrics
              else "text/plain; version=0.0.4; charset=utf-8")
    assert answer.get("Content-Type") == wanted
    return Exposition(answer.data.decode(), openmetrics)
