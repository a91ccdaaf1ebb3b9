#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-tidy over the sources, by .clang-tidy: check_tidy.py BUILD

A file that was clean is looked at again only when it, a header that it includes, or .clang-tidy changed (BUILD/lint-clean
remembers).  Tests are left out: they fail on purpose what the checks would find."""
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import tree

FOLDERS = ("core/", "plugins/", "hosts/", "sdk/check/", "examples/")
MESSAGE = re.compile(r"^(?P<path>[^:\s]+):(?P<line>\d+):\d+: (?:error|warning): (?P<text>.*)$")


def inside(build, path):
    return os.path.relpath(os.path.join(build, path), tree.ROOT)


def compiled(build):
    """The tree's sources that this build compiles: {source: headers of the tree that it includes}."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    ninja = next(name for name in ("ninja", "ninja-build", "samu") if shutil.which(name))
    lines = subprocess.run([ninja, "-C", build, "-t", "deps"], capture_output=True, text=True).stdout.splitlines()
    headers, current = {}, None
    for line in lines:
        if not line.startswith(" "):
            current = line.split(":")[0]
        elif line.strip().endswith(".h"):
            headers.setdefault(current, set()).add(inside(build, line.strip()))
    sources = {}
    for entry in entries:
        path = inside(build, entry["file"])
        if path.startswith(FOLDERS):
            of_tree = {h for h in headers.get(entry["output"], ()) if not h.startswith("..")}
            sources.setdefault(path, set()).update(of_tree)
    return sources


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
    common = digest(version, tree.read(".clang-tidy"))
    memory = os.path.join(build, "lint-clean")
    os.makedirs(memory, exist_ok=True)
    waiting = {}
    for path, headers in sorted(compiled(build).items()):
        mark = os.path.join(memory, digest(common, path, tree.read(path), *(tree.read(h) for h in sorted(headers))))
        if not os.path.exists(mark):
            waiting[path] = mark
    findings = tree.Findings()
    told = set()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (path, mark), found in zip(waiting.items(), pool.map(lambda p: tidy(build, p), waiting)):
            if not found:
                open(mark, "w", encoding="utf-8").close()
            for each in found:
                where = inside(build, each["path"])
                if (where, each["line"], each["text"]) not in told:
                    told.add((where, each["line"], each["text"]))
                    findings.add(where, int(each["line"]), each["text"])
    findings.end()


main()
