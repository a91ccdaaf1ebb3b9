#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the built objects export and need: check_symbols.py BUILD

The library exports the LLM_API functions of llm_master.h and nothing else; a plugin exports llm_provider_entry_v1 and
nothing else, carries its manifest, and needs neither the library nor a network library.  A store (store_*.so) exports
llm_store_entry_v1 and may need the library of its database."""
import glob
import os
import re
import subprocess
import sys

import tree

ENTRY = "llm_provider_entry_v1"
STORE_ENTRY = "llm_store_entry_v1"
LINKER_MADE = {"_init", "_fini", "__bss_start", "_edata", "_end"}
PLUGINS_MAY_NEED = re.compile(r"^(libc|libm|libcjson|libgcc_s|ld-linux.*|libasan|libubsan|libtsan|libc\.musl.*)\.so")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def exported(path):
    lines = run("nm", "-D", "--defined-only", path).splitlines()
    return {line.split()[-1].split("@")[0] for line in lines if line.strip()} - LINKER_MADE


def declared():
    text = tree.without(tree.read("include/llm_master.h"), strings=True)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    return {match.group(1) for match in re.finditer(r"\bLLM_API\b[^;(]*?\b(\w+)\s*\(", text)}


def check_library(path, findings):
    has, wants = exported(path), declared()
    name = os.path.basename(path)
    for symbol in sorted(has - wants):
        findings.add(name, 0, f"exports {symbol}, which llm_master.h does not declare: make it hidden")
    for symbol in sorted(wants - has):
        findings.add(name, 0, f"lacks {symbol}, which llm_master.h declares LLM_API: define it")


def check_plugin(path, findings):
    name = os.path.basename(path)
    store = name.startswith("store_")
    entry = STORE_ENTRY if store else ENTRY
    for symbol in sorted(exported(path) - {entry}):
        findings.add(name, 0, f"exports {symbol}: compile with -fvisibility=hidden; {entry} is the only export")
    if entry not in exported(path):
        findings.add(name, 0, f"does not export {entry}")
    if "LLMMaster" not in run("readelf", "-n", "-W", path):
        findings.add(name, 0, "carries no manifest note: use LLM_MANIFEST")
    for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", "-W", path)):
        if not PLUGINS_MAY_NEED.match(needed) and not (store and needed.startswith("libsqlite3.")):
            findings.add(name, 0, f"needs {needed}: a plugin is a codec, what it needs comes from the host")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_symbols.py BUILD")
    build = sys.argv[1]
    findings = tree.Findings()
    libraries = [p for p in glob.glob(build + "/core/libllm_master.so*") if not os.path.islink(p) and not p.endswith((".p", ".symbols"))]
    plugins = sorted(glob.glob(build + "/plugins/**/*.so", recursive=True))
    for path in libraries:
        check_library(path, findings)
    for path in plugins:
        check_plugin(path, findings)
    if not libraries or not plugins:
        findings.add(build, 0, "no library or no plugin is built here: run ./dev build")
    findings.end()


main()
