"""From samples to medians, ratios and verdicts, and these as text."""
import statistics

import workloads

KEPT_UP = 0.98  # of a rate that was asked for


def summarise(rows):
    keys = rows[0].keys()
    return {
        "median": {key: statistics.median(row[key] for row in rows) for key in keys},
        "min": {key: min(row[key] for row in rows) for key in keys},
        "samples": rows,
    }


def figure_key(workload):
    return "bytes" if workload.is_idle else "cpu_us"


def judge(value, limit):
    if limit is None:
        return ""
    if value is None:
        return "not measured"
    return "ok" if value <= limit else "above"


def compare(workload, found, key, against, limit):
    """A row: the figure of the measured one over that of another."""
    ratio = None
    if workload.measured in found and against in found and found[against]["median"][key] > 0:
        ratio = found[workload.measured]["median"][key] / found[against]["median"][key]
    return {"metric": key, "against": against, "ratio": ratio, "limit": limit, "verdict": judge(ratio, limit)}


def idle_row(found, limit):
    value = found["weldr"]["median"]["bytes"] if "weldr" in found else None
    return {"metric": "bytes", "against": None, "value": value, "limit": limit, "verdict": judge(value, limit)}


def compare_all(workload, found):
    key = figure_key(workload)
    rows = [compare(workload, found, key, against, workload.limits.get(against))
            for against in workload.contestants if against != workload.measured]
    rows += [compare(workload, found, "p99_us", against, limit) for against, limit in workload.p99_limits.items()]
    if workload.bytes_limit is not None:
        rows.append(idle_row(found, workload.bytes_limit))
    return rows


def rate_notes(rate, found):
    return [f"{name} did not keep up with {rate:,} requests/s: its figures, and ratios with it, mean little"
            for name, row in found.items() if row["median"]["requests_per_s"] < KEPT_UP * rate]


def missed_notes(found):
    late = [f"{name} {row['median']['missed']:,.0f}" for name, row in found.items() if row["median"].get("missed", 0) > 0]
    return [f"requests that could not be sent in time, in a round: {', '.join(late)}"] if late else []


def scaling_notes(found):
    if not {"weldr", "weldr-workers"} <= found.keys():
        return []
    factor = found["weldr-workers"]["median"]["requests_per_s"] / found["weldr"]["median"]["requests_per_s"]
    return [f"{workloads.MANY_WORKERS} workers answer {factor:.2f} times as many requests/s as one"]


def notes_of(workload, found):
    rate = workload.load.get("rate")
    return (rate_notes(rate, found) + missed_notes(found) if rate else []) + scaling_notes(found)


def make(workload, samples, connections):
    found = {name: summarise(rows) for name, rows in samples.items()}
    return {
        "title": workload.title,
        "unit": workload.unit,
        "connections": connections,
        "contestants": found,
        "comparisons": compare_all(workload, found),
        "notes": notes_of(workload, found),
    }


def number(value, digits=2):
    return "-" if value is None else f"{value:,.{digits}f}"


def title_line(workload, result):
    many = f" ({result['connections']:,} connections)" if workload.is_wide else ""
    return f"{workload.name}: {workload.title}{many}"


def ratio_to(result, metric, name):
    """As text; nothing for the measured one itself."""
    ratios = {row["against"]: row["ratio"] for row in result["comparisons"] if row["metric"] == metric and row["against"]}
    return number(ratios[name]) if name in ratios else ""


def idle_lines(workload, result):
    yield f"  {'':15}{'bytes/conn':>12}{'private':>10}{'base MB':>10}{workload.measured + '/it':>18}"
    for name, row in result["contestants"].items():
        median = row["median"]
        yield (f"  {name:15}{median['bytes']:12.0f}{median['private_dirty_bytes']:10.0f}"
               f"{median['base_bytes'] / 1e6:10.1f}{ratio_to(result, 'bytes', name):>18}")


def timed_lines(workload, result):
    yield (f"  {'':15}{'CPU µs':>10}{'least':>10}{'requests/s':>12}{'p50 µs':>10}{'p99 µs':>10}"
           f"{'p99.9 µs':>10}{workload.measured + '/it':>18}")
    for name, row in result["contestants"].items():
        median = row["median"]
        ratio = ratio_to(result, "cpu_us", name)
        yield (f"  {name:15}{median['cpu_us']:10.2f}{row['min']['cpu_us']:10.2f}{median['requests_per_s']:12,.0f}"
               f"{median['p50_us']:10,.0f}{median['p99_us']:10,.0f}{median['p999_us']:10,.0f}{ratio:>18}")


def table(workload, result):
    lines = [title_line(workload, result)]
    lines += idle_lines(workload, result) if workload.is_idle else timed_lines(workload, result)
    lines += [f"  note: {note}" for note in result["notes"]]
    return "\n".join(lines)


METRICS = {"cpu_us": "CPU", "p99_us": "p99", "bytes": "memory"}


def limit_rows(results):
    """(workload's name, row) of everything that has a limit."""
    return [(name, row) for name, result in results.items() for row in result["comparisons"]
            if row["limit"] is not None]


def limits_table(results):
    lines = [f"{'limits':12}{'':28}{'is':>10}{'at most':>10}"]
    for name, row in limit_rows(results):
        if row["against"] is None:
            what, value, limit = "bytes per idle connection", number(row["value"], 0), number(row["limit"], 0)
        else:
            measured = "" if workloads.WORKLOADS[name].measured == "weldr" else " (own W1)"
            what = f"{METRICS[row['metric']]} / {row['against']}{measured}"
            value, limit = number(row["ratio"]), number(row["limit"])
        lines.append(f"{name:12}{what:28}{value:>10}{limit:>10}  {row['verdict']}")
    return "\n".join(lines)


def missed(results):
    return [(name, row) for name, row in limit_rows(results) if row["verdict"] != "ok"]
