#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/json.md: its pieces of C are one program, which compiles without a warning and runs."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tap  # noqa: E402

SOURCE = os.environ["LLM_TEST_SOURCE"]


def main():
    t = tap.Tap()
    text = open(os.path.join(SOURCE, "docs", "json.md"), encoding="utf-8").read()
    code = "\n".join(re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S))
    for compiler in ("cc", "clang"):
        if shutil.which(compiler) is None:
            t.skip(f"the cookbook with {compiler}", f"{compiler} is not installed")
            continue
        work = tempfile.mkdtemp(prefix="llm-json-")
        with open(os.path.join(work, "cookbook.c"), "w", encoding="utf-8") as f:
            f.write(code)
        made = subprocess.run([compiler, "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-I", os.path.join(SOURCE, "sdk"), "cookbook.c", "-o", "cookbook"],
                              cwd=work, capture_output=True, text=True, timeout=60)
        ran = subprocess.run(["./cookbook"], cwd=work, capture_output=True, text=True, timeout=20) if made.returncode == 0 else made
        t.result(ran.returncode == 0 and ran.stdout == "ok\n", f"the cookbook with {compiler}", made.stderr[-1500:] + ran.stderr[-500:])
        shutil.rmtree(work, ignore_errors=True)
    t.done()


main()
