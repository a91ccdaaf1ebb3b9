#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Functions of at most 70 lines, files of at most 800: check_sizes.py.  Exceptions: tools/size_allow.txt"""
import re

import tree

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800
NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")
NOT_A_FUNCTION = re.compile(r"^(struct|union|enum|typedef|extern)\b[^(]*$|=\s*$|=\s*\{")


def functions(text):
    """(name, first line, lines) of each function: a '{' that ends a line of column 0, up to the next '}' in column 0."""
    lines = tree.without(text, strings=True).splitlines()
    head = 0  # first line of what stands in column 0
    start = None
    for at, line in enumerate(lines):
        if start is not None:
            if line.startswith("}"):
                yield start[0], start[1] + 1, at - start[1] + 1
                start = None
            continue
        if line[:1].isalpha() or line.startswith("_"):
            head = at
        if line.rstrip().endswith("{") and not line.startswith("#"):
            signature = " ".join(lines[head:at + 1]).rstrip(" {")
            name = NAME.search(re.sub(r"__attribute__\s*\(\(.*?\)\)", "", signature))
            if name and not NOT_A_FUNCTION.search(signature):
                start = (name.group(1), head)


def main():
    findings = tree.Findings()
    allowed = tree.allowed("size_allow.txt")
    used = set()
    for path in tree.files(".c", ".h", ".py", ".sh"):
        text = tree.read(path)
        length = text.count("\n")
        if length > FILE_LINES_MAX:
            used.add(path)
            if path not in allowed:
                findings.add(path, 1, f"{length} lines, {FILE_LINES_MAX} are the most: split it by concept")
        if not path.endswith((".c", ".h")):
            continue
        for name, line, length in functions(text):
            if length > FUNCTION_LINES_MAX:
                used.add(f"{path} {name}")
                if f"{path} {name}" not in allowed:
                    findings.add(path, line, f"{name}() has {length} lines, {FUNCTION_LINES_MAX} are the most: split it by step")
    for what in sorted(set(allowed) - used):
        findings.add("tools/size_allow.txt", 0, f'"{what}" is not too long any more: take it out')
    findings.end()


main()
