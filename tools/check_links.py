#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Relative links in the documents lead to files and headings that are there: check_links.py"""
import os
import re

import tree

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.S)


def anchors(path):
    text = CODE.sub(lambda m: m.group(0) if m.group(0).startswith("`") and not m.group(0).startswith("```") else "", tree.read(path))
    headings = re.findall(r"^#+\s+(.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def main():
    findings = tree.Findings()
    for path in tree.files(".md"):
        text = CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)) if m.group(0).startswith("```") else m.group(0), tree.read(path))
        for match in LINK.finditer(text):
            target, _, anchor = match.group(1).partition("#")
            line = text.count("\n", 0, match.start()) + 1
            if re.match(r"[a-z]+:", target):
                continue
            full = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
            if not os.path.exists(os.path.join(tree.ROOT, full)):
                findings.add(path, line, f"{match.group(1)}: there is no {full}")
            elif anchor and full.endswith(".md") and anchor not in anchors(full):
                findings.add(path, line, f"{match.group(1)}: {full} has no such heading")
    findings.end()


main()
