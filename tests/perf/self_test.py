"""Proves that tools/perf-check can fail: what was just measured, against figures that are wrong on purpose."""
import figures as fig


def scaled(level, counts, factor):
    return fig.Figures({(level, row): fig.Figure(round(count * factor), "test") for row, count in counts.items()}, "gcc")


def failed_n(figures, level, counts):
    return sum(not verdict.is_good for verdict in fig.judge(figures, level, counts))


def spoil(level, counts, change):
    """The same figures, with the first row's changed (or without it, where change gives None)."""
    figures = scaled(level, counts, 1)
    key = (level, next(iter(counts)))
    figures.by_key[key] = change(figures.by_key[key])
    if figures.by_key[key] is None:
        del figures.by_key[key]
    return figures


def updates_well(level, counts):
    """The wrong figure gets the reason, the others keep theirs, and what is written is read again as good."""
    figures = spoil(level, counts, lambda f: f._replace(count=f.count * 2))
    fig.update(figures, level, counts, "a reason of several words")
    again = fig.parse(fig.print_out(figures))
    reasons = [figure.reason for figure in again.by_key.values()]
    return failed_n(again, level, counts) == 0 and again.compiler == "gcc" and \
        reasons == ["a reason of several words"] + ["test"] * (len(counts) - 1)


def refuses_line(line):
    try:
        fig.parse(line)
        return False
    except ValueError:
        return True


def compares(compiler):
    return fig.is_comparable(fig.Figures({}, "GCC: (Debian 12.2.0-14+deb12u1) 12.2.0"), compiler)


def cases(level, counts):
    """(what must hold, whether it does)."""
    every = len(counts)
    more = dict(counts, another=1000)
    return [
        ("the same figures pass", failed_n(scaled(level, counts, 1), level, counts) == 0),
        ("figures 2 % lower pass", failed_n(scaled(level, counts, 0.98), level, counts) == 0),
        ("figures 5 % lower fail in each row", failed_n(scaled(level, counts, 0.95), level, counts) == every),
        ("figures 5 % higher fail in each row", failed_n(scaled(level, counts, 1.05), level, counts) == every),
        ("one figure 5 % lower fails in its row",
         failed_n(spoil(level, counts, lambda f: f._replace(count=round(f.count * 0.95))), level, counts) == 1),
        ("a missing figure fails", failed_n(spoil(level, counts, lambda f: None), level, counts) == 1),
        ("a figure without a row fails", failed_n(scaled(level, more, 1), level, counts) == 1),
        ("a level without figures fails in each row", failed_n(scaled("other", counts, 1), level, counts) == every),
        ("an update writes what was wrong and no more", updates_well(level, counts)),
        ("a figure without a reason is refused", refuses_line(f"{level} get 1000")),
        ("another build of the same major version is compared", compares("GCC: (Debian 12.2.0-15) 12.3.0")),
        ("an unknown compiler is compared", compares("unknown")),
        ("another major version is not compared", not compares("GCC: (Debian 14.2.0-19) 14.2.0")),
        ("a request with more fields counts more", counts["get-64-fields"] > counts["get"] * (1 + 2 * fig.LIMIT)),
    ]
