# SPDX-License-Identifier: MIT
"""What the checks in this folder share: the tree's files and the way findings are told."""
import os
import re
import subprocess
import sys

ROOT = os.environ.get("LLM_LINT_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
C_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files(*ends):
    """Paths of the tree's files that end so, relative to its root; all files when no end is given."""
    git = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if git.returncode == 0:
        names = git.stdout.splitlines()
    else:
        names = []
        for folder, folders, inside in os.walk(ROOT):
            folders[:] = [f for f in folders if not f.startswith((".git", "build"))]
            names += [os.path.relpath(os.path.join(folder, name), ROOT) for name in inside]
    names = [n for n in names if os.path.isfile(os.path.join(ROOT, n))]
    return sorted(n for n in names if not ends or n.endswith(ends))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def without(text, strings):
    """C text with comments (and, when asked, what stands in strings) blanked; lines and columns stay."""

    def blank(match):
        piece = match.group(0)
        if piece[0] in "\"'":
            return piece if not strings else piece[0] + " " * (len(piece) - 2) + piece[-1]
        return re.sub(r"[^\n]", " ", piece)

    return C_TEXT.sub(blank, text)


def allowed(name):
    """A list of exceptions, tools/NAME: lines "WHAT...: reason" as {what: reason}; each must say why."""
    entries = {}
    for number, line in enumerate(read("tools/" + name).splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            what, _, reason = line.partition(": ")
            if not reason.strip():
                sys.exit(f"tools/{name}:{number}: an exception needs ': reason'")
            entries[what.strip()] = reason.strip()
    return entries


class Findings:
    def __init__(self):
        self.count = 0

    def add(self, path, line, text):
        self.count += 1
        print(f"{path}:{line}: {text}" if line else f"{path}: {text}")

    def end(self):
        sys.exit(1 if self.count else 0)
