#!/usr/bin/env python3
"""check_doors.py ROOT: one dependency, one door; only the named files may include a library."""
import fnmatch
import re
import sys

import common

# Asks each library in the program for its version, and nothing else.
VERSIONS = "src/cli/versions.c"

# Include pattern -> the files that may have it.
DOORS = {
    r"jansson\.h": ("src/pool/pool_code_*", "src/pool/rule_*", "src/manager/api_json.c", "src/manager/api_json_body.c",
                    "src/cli/doc*.c"),
    r"sys/epoll\.h": ("src/net/loop_epoll.c",),
    r"openssl/.*": ("src/net/tlsio*.c", "src/net/tlsio*_int.h", "src/net/tlsio_pem.h"),
    r"nghttp2/.*": ("src/codec/h2_*.c",),
    r"(uv|raft|raft/.*)\.h": ("src/cluster/raft_*.c", "src/cluster/raft_*.h"),
    r"sodium(/.*)?\.h": ("src/base/base64.c", "src/base/secret.c", "src/base/seal.c"),
    r"seccomp\.h": ("src/cage/filter.c",),
    r"ares\.h": ("src/manager/resolve.c",),
    r"linux/io_uring\.h|liburing\.h": (),
}


def find_problems(tree):
    files = tree.files("src", endings=(".c", ".h", ".def"))
    problems = [] if files else ["no source file found"]
    for path in files:
        for name in re.findall(r'^\s*#\s*include\s*[<"]([^">]+)[">]', tree.read(path), re.MULTILINE):
            for pattern, doors in DOORS.items():
                is_door = any(fnmatch.fnmatch(path, door) for door in (*doors, VERSIONS))
                if re.fullmatch(pattern, name) and not is_door:
                    problems.append(f"{path}: includes {name}, which belongs to {doors}")
    return problems


if __name__ == "__main__":
    common.report(find_problems(common.Tree(sys.argv[1])))
