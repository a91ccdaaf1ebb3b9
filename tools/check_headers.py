#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Public headers compile alone, and both together in either order, as C11 and as C++17, without a warning: check_headers.py"""
import itertools
import os
import shutil
import subprocess

import tree

FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Werror", "-fsyntax-only"]
PUBLIC = ["include/llm_master.h", "sdk/llm_provider.h", "sdk/llm_json.h"]


def compilers():
    for language, standard, names in (("c", "c11", ["gcc", "clang"]), ("c++", "c++17", ["g++", "clang++"])):
        for name in names:
            if shutil.which(name):
                yield name, ["-x", language, "-std=" + standard]


def main():
    findings = tree.Findings()
    internal = [h for h in tree.files(".h") if h.startswith(("core/", "plugins/", "hosts/"))]
    host_folders = [word for h in internal if h.startswith("hosts/") for word in ("-iquote", os.path.dirname(h))]
    sets = [[h] for h in PUBLIC] + [list(pair) for pair in itertools.permutations(PUBLIC, 2)]
    for compiler, options in compilers():
        for headers in sets + ([[h] for h in internal] if options[1] == "c" else []):
            extra = []
            if headers[0] in internal:  # these are for the project's own compiler flags
                extra = ["-D_GNU_SOURCE", "-Icore", "-iquote", os.path.dirname(headers[0]), *host_folders]
            text = "".join(f'#include "{h}"\n' for h in headers) + "typedef int not_empty;\n"
            run = subprocess.run([compiler, *options, *FLAGS, *extra, "-Isdk", "-Iinclude", "-I.", "-Wno-unused-function", "-"],
                                 input=text, capture_output=True, text=True, cwd=tree.ROOT)
            if run.returncode:
                error = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr[:200])
                findings.add(" + ".join(headers), 0, f"does not stand alone ({compiler} {options[-1]}): {error}")
    findings.end()


main()
