#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/plugin-tutorial.md as it stands: its files are written, its commands run, what it shows is what comes out."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tap  # noqa: E402

BUILD = os.environ["LLM_TEST_BUILD"]
SOURCE = os.environ["LLM_TEST_SOURCE"]
PORT = "8791"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def blocks(text):
    return re.findall(r"^```(\w+)(?: ([\w./-]+))?\n(.*?)^```$", text, re.M | re.S)


def script(text, port):
    """One script for sh; what each block printed stands between markers."""
    lines, written, n = ["set -e", "umask 022"], set(), 0
    for kind, name, body in blocks(text):
        body = body.replace(PORT, port)
        if kind == "sh":
            n += 1
            lines += [f"echo '=== {n}'", body]
        elif name:
            lines.append(f"cat {'>>' if name in written else '>'} {name} <<'END_OF_PIECE'\n{body}{'' if kind != 'c' else chr(10)}END_OF_PIECE")
            written.add(name)
    return "\n".join(lines) + "\necho '=== end'\nkill $! 2>/dev/null || true\n"


def shown(text):
    """(number of the sh block, lines that it must print)"""
    n, out = 0, []
    for kind, _, body in blocks(text):
        n += kind == "sh"
        if kind == "text":
            out.append((n, body.splitlines()))
    return out


def main():
    t = tap.Tap()
    text = open(os.path.join(SOURCE, "docs", "plugin-tutorial.md")).read()
    if not all(map(shutil.which, ("make", "cc"))):
        t.skip("the tutorial", "make or cc is not installed")
        t.done()
    home = tempfile.mkdtemp(prefix="llm-tutorial-")
    env = {"PATH": os.environ.get("LLM_TUTORIAL_BIN", os.path.join(BUILD, "hosts", "cli")) + ":" + os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8",
           "ASAN_OPTIONS": "detect_leaks=0", "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")}
    run = subprocess.run(["sh"], input=script(text, free_port()), cwd=home, env=env, capture_output=True, text=True, timeout=240)
    printed = {}
    for part in (run.stdout + "\n" + "").split("=== ")[1:]:
        number, _, rest = part.partition("\n")
        printed[number] = rest
    t.result(run.returncode == 0 and "end" in printed, "every command of the tutorial succeeds",
             "\n".join(x for x in run.stdout.splitlines() if not x.startswith(("ok", "skip"))) + run.stderr[-1500:])
    for number, lines in shown(text):
        got = printed.get(str(number), "") + run.stderr
        missing = [line for line in lines if line not in got]
        t.result(not missing, f"block {number} prints what the tutorial shows", f"missing {missing} in {got[-1500:]}")
    code = sum(body.count("\n") for kind, name, body in blocks(text) if kind == "c")
    t.result(code < 220, f"the plugin has {code} lines", str(code))
    shutil.rmtree(home, ignore_errors=True)
    t.done()


main()
