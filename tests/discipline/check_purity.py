#!/usr/bin/env python3
"""check_purity.py ARCHIVE...: floor 1 does no I/O and knows neither clock nor chance.

Everything that an object of floor 1 leaves undefined must be defined by an object of floors 0-1, or be
on the list of harmless functions below; so a new impure call fails even if nobody thought of it.
Archives named after --base define more symbols (floor 0) but are not themselves judged; of them a
clock or a random source may not be called either.
"""
import re
import subprocess
import sys

import common

HARMLESS = re.compile(
    r"""^(
    (mem|str|stp)[a-z_]+ | __isoc99_(sscanf) | __ctype_[a-z_]+ | to(upper|lower) | is[a-z]+ |
    malloc | calloc | realloc | free | reallocarray | aligned_alloc | posix_memalign | abort |
    v?snprintf | __v?snprintf_chk | __(mem|str)[a-z]+_chk | qsort | bsearch | abs | labs |
    inet_(pton|ntop) | hton[sl] | ntoh[sl] | __cpu_(model|indicator_init|features2) |
    __errno_location | __assert_fail |
    gmtime_r | timegm |
    json_[a-z0-9_]+ |
    __(asan|ubsan|lsan|sanitizer|tsan)_\w+ | __stack_chk_fail | _GLOBAL_OFFSET_TABLE_ |
    __tls_get_addr | __start_\w+ | __stop_\w+ | __popcountdi2 | __tls_\w+
    )$""",
    re.VERBOSE,
)
# str* and is* above are wide: these among them are not harmless.
IMPURE = re.compile(r"^(strerror|strftime|strfry|isatty|getrandom|.*_random)$")
# What base offers to the floors above but not to floor 1. Its random numbers are seeded: pure.
IMPURE_BASE = re.compile(r"^clock_(?!print_)")


def symbols(archive, *flags):
    output = subprocess.run(
        ["nm", "--format=posix", *flags, archive], check=True, capture_output=True, text=True
    ).stdout
    found = set()
    for line in output.splitlines():
        words = line.split()
        if len(words) >= 2 and not words[0].endswith(":"):
            found.add(words[0].split("@")[0])
    return found


def find_problems(archives, base_archives=()):
    problems = [] if archives else ["no archive given"]
    defined = set()
    for archive in [*archives, *base_archives]:
        defined |= symbols(archive, "--defined-only")
    for archive in archives:
        if not symbols(archive, "--defined-only"):
            problems.append(f"{archive}: defines nothing")
        for name in sorted(symbols(archive, "--undefined-only")):
            if name in defined:
                is_pure = not IMPURE_BASE.match(name)
            else:
                is_pure = HARMLESS.match(name) and not IMPURE.match(name)
            if not is_pure:
                problems.append(f"{archive}: calls {name}")
    return problems


if __name__ == "__main__":
    split = sys.argv.index("--base") if "--base" in sys.argv else len(sys.argv)
    common.report(find_problems(sys.argv[1:split], sys.argv[split + 1 :]))
