#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Words that have no place in the tree, or only one: check_words.py.  Exceptions: tools/words_allow.txt"""
import os
import re

import tree

# Calls that are banned everywhere: (pattern, what to do)
BANNED = [
    (r"sprintf|vsprintf", "use snprintf, or llm_buf_* in the core"),
    (r"strcpy|strcat|strncpy|strncat|stpcpy|gets", "lengths travel with the bytes: use llm_str and memcpy"),
    (r"strtok|strtok_r", "cut a llm_str"),
    (r"atoi|atol|atoll|atof|strtol|strtoul|strtoll|strtoull|strtod|strtof", "use llm_json_int64, llm_json_decimal or llm_str_*: "
     "these depend on the locale or hide errors"),
    (r"alloca|setlocale", "no alloca, no locale"),
]
# Calls that have one place: (pattern, where it is allowed, where the rule holds, what to do)
PLACED = [
    (r"malloc|calloc|realloc|free|strdup|strndup|asprintf", ("core/base/mem.c",), ("core/",), "use llm_mem_*, an arena or a buf"),
    (r"getenv|secure_getenv", ("core/config/", "hosts/", "sdk/check/", "tests/"), ("",), "settings are read in core/config, once"),
    (r"abort|exit|_exit", ("sdk/check/",), ("core/", "plugins/", "sdk/"), "return a status: the process belongs to the host"),
    (r"printf|puts|perror|fprintf", ("sdk/check/",), ("core/", "plugins/", "sdk/"), "return an error or use the host's log"),
]
SPDX = "SPDX-License-Identifier: MIT"
NEEDS_SPDX = (".c", ".h", ".py", ".sh", ".cc", ".cpp", ".supp", ".clang-tidy")
# Hosts of package registries and paths of one machine; written so that this file does not hold them.
HOSTS = re.compile(r"\b((pypi|pythonhosted|crates|npmjs|rubygems)\.(org|io|com)|registry\.\w+\.(org|com)|proxy\.golang\.org|"
                   r"(deb|security|snapshot)\.debian\.org|repo\d?\.maven\.\w+)\b")
MACHINE = re.compile(r"(?<![\w.$}])/(root|work|home/[a-z]\w*)/[\w.]")
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")


MANIFEST_NAME = re.compile(r'"name"\s*:\s*"([a-z][a-z0-9_.-]*)"')


def provider_names():
    paths = [p for p in tree.files(".json") if "/providers.d/" in "/" + p and not p.startswith(("tests/", "examples/"))]
    names = {os.path.basename(p)[:-len(".json")] for p in paths}
    for path in tree.files(".c", ".h", ".json"):
        text = tree.read(path)
        if path.startswith("plugins/") and '"manifest' in text.replace("\\", ""):
            names.update(MANIFEST_NAME.findall(text.replace("\\", "")))
    return sorted(names | {re.sub(r"[-_.]", "", n) for n in names})


def lines_with(pattern, text):
    for match in re.finditer(pattern, text):
        yield text.count("\n", 0, match.start()) + 1, match.group(0)


class Checker:
    def __init__(self):
        self.findings = tree.Findings()
        self.allowed = tree.allowed("words_allow.txt")
        self.used = set()

    def tell(self, path, line, word, text):
        folder = os.path.dirname(path) + "/"
        for key in (f"{path} {word.lower()}", f"{folder} {word.lower()}"):
            if key in self.allowed:
                self.used.add(key)
                return
        self.findings.add(path, line, f"{word}: {text}")

    def calls(self, path, code):
        for words, advice in BANNED:
            for line, word in lines_with(rf"\b(?:{words})(?=\s*\()", code):
                self.tell(path, line, word, advice)
        for words, places, holds, advice in PLACED:
            if path.startswith(holds) and not path.startswith(places or "//"):
                for line, word in lines_with(rf"(?<![\w>.])(?:{words})(?=\s*\()", code):
                    self.tell(path, line, word, advice)

    def providers(self, path, text, names):
        for line, word in lines_with(rf"(?i)(?<![a-z0-9])(?:{'|'.join(map(re.escape, names))})(?![a-z0-9])", text):
            self.tell(path, line, word, "the name of a provider: the core and the hosts know none")

    def text(self, path, text):
        for line, word in lines_with(HOSTS, text):
            self.tell(path, line, word, "the host of a package registry: name the package only")
        for line, word in lines_with(MACHINE, text):
            self.tell(path, line, word, "a path of one machine")
        for line, word in lines_with(TODO, text):
            self.tell(path, line, word, "write TODO(#issue), or do it")
        if path.endswith(NEEDS_SPDX) or text.startswith("#!"):
            if SPDX not in "\n".join(text.splitlines()[:3]):
                self.findings.add(path, 1, f"begins with a comment '{SPDX}'")


def main():
    checker = Checker()
    names = provider_names()
    for path in tree.files():
        if path.startswith("tests/fuzz/corpus/") or path.endswith((".png", ".so", ".bin", ".svg")):
            continue
        text = tree.read(path)
        if path != "tools/check_words.py":
            checker.text(path, text)
        if path.endswith((".c", ".h")):
            checker.calls(path, tree.without(text, strings=True))
            if names and path.startswith(("core/", "hosts/")):
                checker.providers(path, tree.without(text, strings=False), names)
    for key in sorted(set(checker.allowed) - checker.used):
        checker.findings.add("tools/words_allow.txt", 0, f'"{key}" does not occur any more: take it out')
    checker.findings.end()


main()
