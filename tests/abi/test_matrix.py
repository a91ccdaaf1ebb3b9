#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Old and new header by old and new host, and what the compiler's debugging information says about the two headers."""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tap  # noqa: E402

BUILD = os.environ["LLM_TEST_BUILD"]
SOURCE = os.environ["LLM_TEST_SOURCE"]
NEW, OLD = os.path.join(SOURCE, "sdk"), os.path.join(SOURCE, "tests", "abi", "1.0")
FLAGS = ["-std=c11", "-O2", "-fPIC", "-fvisibility=hidden", "-shared", "-Wl,-z,defs,-z,now,-z,relro"]


def run(*words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=120, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}, **more)


def main():
    t = tap.Tap()
    work = tempfile.mkdtemp(prefix="llm-abi-")
    if shutil.which("cc") is None:
        t.skip("the matrix", "cc is not installed")
        t.done()
    plugins, source = {}, os.path.join(SOURCE, "tests", "check", "nasty", "good.c")
    for age, folder in (("old", OLD), ("new", NEW)):
        plugins[age] = os.path.join(work, f"{age}.so")
        made = run("cc", *FLAGS, "-I", folder, "-idirafter", NEW, source, "-o", plugins[age])
        t.result(made.returncode == 0, f"the plugin compiles with the {age} header", made.stderr)
    host = os.path.join(work, "old_host")
    made = run("cc", "-std=gnu11", "-O1", "-I", OLD, os.path.join(SOURCE, "tests", "abi", "old_host.c"), "-ldl", "-o", host)
    t.result(made.returncode == 0, "a host of ABI 1.0 compiles", made.stderr)
    check = os.path.join(BUILD, "sdk", "check", "llm-plugin-check")
    shipped = os.path.join(BUILD, "plugins", "openai_compat.so")
    for age in ("old", "new"):
        asked = run(host, plugins[age])
        t.result(asked.returncode == 0 and asked.stdout.startswith("Hello"), f"old host, plugin of the {age} header", asked.stdout + asked.stderr)
        asked = run(check, "--fuzz-seconds", "0", "--timeout", "60", "--quiet", plugins[age])
        t.result(asked.returncode == 0, f"new host, plugin of the {age} header", asked.stdout[-800:] + asked.stderr)
    sanitized = b"libasan" in open(shipped, "rb").read() or b"libtsan" in open(shipped, "rb").read()
    if sanitized:
        t.skip("old host, openai_compat as it is now", "a sanitized plugin needs a sanitized host")
    else:
        asked = run(host, shipped)
        t.result(asked.returncode == 0 and asked.stdout.strip() == "Hello 3", "old host, openai_compat as it is now", asked.stdout + asked.stderr)
    if shutil.which("abidiff") is None:
        t.skip("abidiff", "abigail-tools is not installed")
    else:
        for age in ("old", "new"):
            folder = OLD if age == "old" else NEW
            run("cc", *FLAGS, "-g", "-I", folder, "-idirafter", NEW, source, "-o", plugins[age])
        asked = run("abidiff", plugins["old"], plugins["new"])
        t.result(asked.returncode & 9 == 0, "abidiff: nothing that exists changed incompatibly", asked.stdout[-2000:] + asked.stderr)
    shutil.rmtree(work, ignore_errors=True)
    t.done()


main()
