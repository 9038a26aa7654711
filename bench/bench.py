#!/usr/bin/env python3
"""bench.py: what a request costs in Weldr, beside nginx, haproxy and a relay of bytes, on this machine.

One worker of each proxy on one core, the origin and the load generator on another, all proxies up at
once and measured in turn (A B C, A B C, ...), in a network namespace of their own. Medians are compared.
Writes build/bench.json and a chart for each workload, build/bench/NAME.svg. bench/README.md says how to
read them. Exit code 1 if an answer was wrong, or with --check if a limit was missed.
"""
import argparse
import json
import os
import signal
import sys
import time

sys.dont_write_bytecode = True

import chart  # noqa: E402 (leaves no __pycache__ beside the sources)
import contestants  # noqa: E402
import machine  # noqa: E402
import report  # noqa: E402
import stage  # noqa: E402
from workloads import WORKLOADS, describe, wide_connections  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUSY_LOAD = 0.5


def names_of(text):
    """A list by commas of workloads; case does not matter."""
    known = {name.lower(): name for name in WORKLOADS}
    for word in text.split(","):
        if word.lower() not in known:
            raise argparse.ArgumentTypeError(f"no workload {word!r}; --list shows them")
    return [known[word.lower()] for word in text.split(",")]


def proxies_of(text):
    for word in text.split(","):
        if word not in contestants.CONTESTANTS:
            raise argparse.ArgumentTypeError(f"no {word!r}; there are {', '.join(contestants.CONTESTANTS)}")
    return text.split(",")


def program_of(path):
    if not os.access(path, os.X_OK) or os.path.isdir(path):
        raise argparse.ArgumentTypeError(f"{path} is no program")
    return os.path.abspath(path)


def positive(kind):
    def read(text):
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
        return value
    read.__name__ = kind.__name__
    return read


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", type=names_of, action="extend", metavar="NAME,...",
                        help="only these (all)")
    parser.add_argument("--proxy", type=proxies_of, action="extend", metavar="NAME,...",
                        help=f"only these of {', '.join(contestants.CONTESTANTS)} (all that are installed)")
    parser.add_argument("--rounds", type=positive(int), default=5, metavar="N", help="rounds of each workload (5)")
    parser.add_argument("--seconds", type=positive(float), default=1.2, metavar="S",
                        help="how long each proxy is measured in a round (1.2)")
    parser.add_argument("--warm-up", type=float, default=0.2, metavar="S",
                        help="how long it is under load before that (0.2)")
    parser.add_argument("--connections", type=positive(int), default=10000, metavar="N",
                        help="most connections of W8 and W1-10k (10000, or what the descriptors allow)")
    parser.add_argument("--check", action="store_true",
                        help="exit with 1 if a limit of the workloads is missed or could not be measured")
    parser.add_argument("--list", action="store_true", help="list the workloads and their limits, and end")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), metavar="DIR",
                        help="folder with the programs to measure (build)")
    parser.add_argument("--before", type=program_of, metavar="FILE",
                        help="another build of Weldr, measured wherever weldr is, as weldr-before")
    parser.add_argument("--output", metavar="DIR", help="where bench.json and bench/*.svg go (the build folder)")
    return parser.parse_args()


def find_contestants(wanted):
    """Those of the list that are there; says which are not."""
    for name in wanted:
        if not contestants.is_installed(name):
            print(f"bench: {name} is not installed (tools/deps bench): measured without it", file=sys.stderr)
    return [name for name in wanted if contestants.is_installed(name)]


def own_limit(workload, result):
    """(name, value): the most that the limits leave to the measured one in this run, or None."""
    found = result["contestants"]
    key = report.figure_key(workload)
    values = [row["limit"] if row["against"] is None else row["limit"] * found[row["against"]]["median"][key]
              for row in result["comparisons"]
              if row["limit"] is not None and row["metric"] == key and (row["against"] is None or row["against"] in found)]
    return (workload.measured, min(values)) if values and workload.measured in found else None


def conditions_of(workload, result, rounds):
    parts = [f"{result['connections']:,} connections"] if workload.is_wide else []
    parts.append("one look" if workload.is_idle else f"median of {rounds} rounds" if rounds > 1 else "one round")
    return ", ".join([*parts, time.strftime("%Y-%m-%d")])


def write_chart(folder, workload, result, rounds):
    key = report.figure_key(workload)
    rows = [(name, row["median"][key], row["min"][key] if len(row["samples"]) > 1 else None)
            for name, row in result["contestants"].items()]
    picture = chart.draw(f"{workload.name}: {workload.title}", conditions_of(workload, result, rounds), result["unit"],
                         rows, own_limit(workload, result))
    with open(os.path.join(folder, f"{workload.name}.svg"), "w", encoding="utf-8") as file:
        file.write(picture)


def show_machine(facts, cores):
    print(f"{facts['processor']}, {facts['cores']} cores, Linux {facts['kernel']}; proxies on core {cores[0]}, "
          f"load and origin on core {cores[1]}")
    print(f"network: {facts['network']}; congestion control: {facts['congestion']}")
    for name, version in facts["versions"].items():
        print(f"{name}: {version}")
    if cores[0] == cores[1]:
        print("bench: there is only one core: the figures say little", file=sys.stderr)
    if facts["load_average"] > BUSY_LOAD:
        print(f"bench: the machine is busy (load average {facts['load_average']}): the figures are noisy", file=sys.stderr)


def play_all(arguments, names, cores, output):
    """The results of all workloads, printed and drawn one by one."""
    results = {}
    most = min(arguments.connections, machine.raise_descriptors())
    for workload in (WORKLOADS[name] for name in arguments.workload or WORKLOADS):
        present = [name for name in workload.contestants if name in names]
        if arguments.before and "weldr" in present:
            present.append("weldr-before")
        if not present:
            continue
        connections = wide_connections(workload, most)
        if "active" in workload.load and connections < workload.load["active"]:
            raise stage.Failed(f"{workload.name}: needs {workload.load['active']} connections, {connections} allowed")
        samples = stage.play(arguments.build, workload, present, connections, cores, arguments.rounds,
                             arguments.seconds, arguments.warm_up)
        result = results[workload.name] = report.make(workload, samples, connections)
        print(f"\n{report.table(workload, result)}", flush=True)
        write_chart(output, workload, result, arguments.rounds)
    return results


def write_json(path, facts, arguments, results):
    settings = {"rounds": arguments.rounds, "seconds": arguments.seconds, "warm_up": arguments.warm_up}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"machine": facts, "settings": settings, "workloads": results}, file, indent=2, ensure_ascii=False)
        file.write("\n")


def main():
    arguments = read_arguments()
    if arguments.list:
        print("\n".join(describe(workload) for workload in WORKLOADS.values()))
        return 0
    machine.enter_namespace()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments.build = os.path.abspath(arguments.build)
    output = os.path.abspath(arguments.output or arguments.build)
    os.makedirs(os.path.join(output, "bench"), exist_ok=True)
    if arguments.before:
        contestants.let_take_part(arguments.before)
    names = find_contestants(arguments.proxy or list(contestants.CONTESTANTS))
    cores = machine.choose_cores()
    facts = machine.describe(machine.set_up_network())
    facts["versions"] = {name: contestants.version_of(name, arguments.build)
                         for name in ("weldr", "nginx", "haproxy") if name in names}
    show_machine(facts, cores)
    try:
        results = play_all(arguments, names, cores, os.path.join(output, "bench"))
    except stage.Failed as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    write_json(os.path.join(output, "bench.json"), facts, arguments, results)
    if report.limit_rows(results):
        print(f"\n{report.limits_table(results)}")
    print(f"\n{os.path.join(output, 'bench.json')}, charts in {os.path.join(output, 'bench')}")
    missed = report.missed(results)
    if arguments.check and missed:
        print(f"bench: {len(missed)} limits missed or not measured", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
