#!/usr/bin/env python3
"""flood.py: what a flood of handshakes costs the requests of connections that are open.

One worker of each proxy on one core; the origin, the flood and the looker on another. The looker asks 2,000 times a second over 16
open connections with TLS and has its turn before the flood, as has the origin (real-time priority, so root is needed): what it sees
comes from the proxy. The flood makes full handshakes, as many as its core can, and a request on each. Exit code 1 if the 99th
percentile in the flood lies more than 10 ms above the quiet one for Weldr.
"""
import argparse
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True

import contestants  # noqa: E402 (leaves no __pycache__ beside the sources)
import machine  # noqa: E402
import stage  # noqa: E402
from workloads import WORKLOADS  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOOKER = {"connections": 16, "rate": 2000, "close": 0, "warm": 1}
QUIET_SECONDS = 5
ALLOWED_US = 10000
BEFORE_OTHERS, ORIGIN_PRIORITY, LOOKER_PRIORITY = os.SCHED_FIFO, 10, 20


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=("W9b", "W9b-rsa"), default="W9b", help="whose certificate (%(default)s)")
    parser.add_argument("--connections", type=int, default=256, help="of the flood at once (%(default)s)")
    parser.add_argument("--seconds", type=int, default=60, help="of the flood (%(default)s)")
    parser.add_argument("--proxy", default="weldr,nginx,haproxy", help="by commas (%(default)s)")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="folder with the programs to measure (build)")
    return parser.parse_args()


def look(play, name, seconds):
    mine = os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setscheduler(0, BEFORE_OTHERS, os.sched_param(LOOKER_PRIORITY))
    try:
        return play.run_load(name, seconds, **LOOKER)
    finally:
        os.sched_setscheduler(0, *mine)


def measure(play, name, arguments):
    quiet = look(play, name, QUIET_SECONDS)
    warm = LOOKER["warm"]
    command = play.load_command(play.running[name][1], arguments.seconds + warm + 1, connections=arguments.connections)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL) as flood:
        flooded = look(play, name, arguments.seconds)
        made = json.loads(flood.communicate()[0])
    return quiet, flooded, made["requests"] / made["seconds"]


def main():
    arguments = read_arguments()
    machine.enter_namespace()
    arguments.build = os.path.abspath(arguments.build)
    machine.raise_descriptors()
    machine.set_up_network()
    names = [name for name in arguments.proxy.split(",") if name in contestants.CONTESTANTS]
    workload, is_well = WORKLOADS[arguments.workload], True
    print(f"{'':10} {'quiet p50':>10} {'p99':>8} {'flood p50':>10} {'p99':>8} {'p99.9':>8} µs {'handshakes/s':>13}")
    with stage.Stage(arguments.build, workload, names, arguments.connections, machine.choose_cores()) as play:
        os.sched_setscheduler(play.processes[0].pid, BEFORE_OTHERS, os.sched_param(ORIGIN_PRIORITY))
        for name in names:
            quiet, flooded, rate = measure(play, name, arguments)
            print(f"{name:10} {quiet['p50_us']:10,} {quiet['p99_us']:8,} {flooded['p50_us']:10,} {flooded['p99_us']:8,} "
                  f"{flooded['p999_us']:8,}    {rate:13,.0f}", flush=True)
            if name == "weldr" and flooded["p99_us"] > quiet["p99_us"] + ALLOWED_US:
                is_well = False
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
