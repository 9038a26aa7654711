#!/usr/bin/env python3
"""ui/embed.py OUT PAGE STYLE ICON SCRIPT...: the files of the dashboard as tables of C (manager/ui_files.h)."""

import gzip
import hashlib
import sys


def read(path):
    with open(path, "rb") as file:
        return file.read()


def join(paths):
    """One script. Ours share one scope, which is none of the page's."""
    library, *ours = [read(path).rstrip() + b"\n" for path in paths]
    return b"%s(function () {\n'use strict';\n%s}());\n" % (library, b"".join(ours))


def tag(data):
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") | 1


def rows(data):
    return "\n".join(",".join(map(str, data[i:i + 32])) + "," for i in range(0, len(data), 32))


def body(name, kind, data, is_gzip):
    return f'{{"{kind}", {name}, {len(data)}, 0x{tag(data):016x}ULL, {str(is_gzip).lower()}}}'


def main(out, page, style, icon, *scripts):
    files = [("", "text/html; charset=utf-8", read(page)), ("app.css", "text/css; charset=utf-8", read(style)),
             ("app.js", "text/javascript; charset=utf-8", join(scripts)), ("icon.svg", "image/svg+xml", read(icon))]
    tables, lines = [], []
    for i, (name, kind, plain) in enumerate(files):
        packed = gzip.compress(plain, 9, mtime=0)
        tables += [f"static const unsigned char plain{i}[] = {{{rows(plain)}}};", f"static const unsigned char gzip{i}[] = {{{rows(packed)}}};"]
        lines.append(f'    {{"{name}", {body(f"plain{i}", kind, plain, False)}, {body(f"gzip{i}", kind, packed, True)}}},')
    text = ["/* Made by ui/embed.py. */", '#include "manager/ui_files.h"', *tables, "const struct ui_file ui_files[] = {", *lines, "};",
            f"const size_t ui_files_n = {len(files)};", ""]
    with open(out, "w", encoding="ascii") as file:
        file.write("\n".join(text))


if __name__ == "__main__":
    main(*sys.argv[1:])
