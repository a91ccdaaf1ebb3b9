#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-tidy over the sources, by .clang-tidy: check_tidy.py BUILD

A file that was clean is looked at again only when it, a header, or .clang-tidy changed (BUILD/lint-clean remembers)."""
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys

import tree

FOLDERS = ("core/", "plugins/", "hosts/", "examples/", "tests/")
MESSAGE = re.compile(r"^(?P<path>[^:\s]+):(?P<line>\d+):\d+: (?:error|warning): (?P<text>.*)$")


def compiled(build):
    """The tree's sources that this build compiles."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    paths = {os.path.relpath(os.path.join(e["directory"], e["file"]), tree.ROOT) for e in entries}
    return sorted(p for p in paths if p.startswith(FOLDERS))


def digest(*texts):
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def tidy(build, path):
    run = subprocess.run(["clang-tidy", "--quiet", "-p", build, path], capture_output=True, text=True, cwd=tree.ROOT)
    found = [m.groupdict() for m in map(MESSAGE.match, run.stdout.splitlines()) if m]
    if run.returncode and not found:
        found = [{"path": path, "line": "1", "text": (run.stderr or run.stdout).strip()[-300:]}]
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_tidy.py BUILD")
    build = os.path.abspath(sys.argv[1])
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True).stdout
    common = digest(version, tree.read(".clang-tidy"), *(tree.read(h) for h in tree.files(".h")))
    memory = os.path.join(build, "lint-clean")
    os.makedirs(memory, exist_ok=True)
    waiting = {}
    for path in compiled(build):
        mark = os.path.join(memory, digest(common, path, tree.read(path)))
        if not os.path.exists(mark):
            waiting[path] = mark
    findings = tree.Findings()
    told = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (path, mark), found in zip(waiting.items(), pool.map(lambda p: tidy(build, p), waiting)):
            if not found:
                open(mark, "w", encoding="utf-8").close()
            for each in found:
                where = os.path.relpath(os.path.join(build, each["path"]), tree.ROOT)
                if (where, each["line"], each["text"]) not in told:
                    told.add((where, each["line"], each["text"]))
                    findings.add(where, int(each["line"]), each["text"])
    findings.end()


main()
