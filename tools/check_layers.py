#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each folder includes only what ARCHITECTURE.md lets it: check_layers.py"""
import os
import re

import tree

# Folder -> folders it may include besides its own.  The longest folder that fits a path counts.
MAY = {
    "include": [],
    "sdk": [],
    "sdk/check": ["include", "sdk", "core/base", "core/net", "core/plugin"], # a host of its own, not part of the SDK's headers
    "core/base": ["include", "sdk"],
    "core/config": ["include", "sdk", "core/base"],
    "core/net": ["include", "sdk", "core/base"],
    "core/state": ["include", "sdk", "core/base", "core/config"],
    "core/observe": ["include", "sdk", "core/base"],
    "core/plugin": ["include", "sdk", "core/base", "core/config"],
    "core/catalog": ["include", "sdk", "core/base", "core/config", "core/plugin", "core/state"],
    "core/call": ["include", "sdk", "core/base", "core/config", "core/plugin", "core/catalog", "core/net", "core/state", "core/observe"],
    "core": ["include", "sdk", "core/base", "core/config", "core/plugin", "core/catalog", "core/net", "core/state", "core/observe", "core/call"],
    "plugins": ["sdk"],
    "hosts": ["include", "sdk/llm_json.h"],
    "examples": ["include"],
    "examples/plugins": ["sdk"],
    "tests": ["include", "sdk", "core", "plugins", "hosts"],
}
# Headers of others that have one place.
ONLY = {
    "curl/curl.h": ["core/net", "tests"],
    "cjson/cJSON.h": ["core/config", "core/catalog", "plugins", "hosts", "tests"],
    "dlfcn.h": ["core/plugin", "sdk/check", "tests"],
    "check.h": ["tests"],
}
# A codec does no input or output and starts no thread.  A store does both.
STORES = "plugins/store_"
NOT_IN_PLUGINS = re.compile(r"^(sys/(socket|epoll|stat|mman|wait|time)|netinet/|arpa/|netdb|unistd|fcntl|poll|pthread|threads|time|signal|"
                            r"spawn|dlfcn|curl/)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
PATHS = ["core", "include", "sdk", "sdk/check", "tests/support", ""]


def folder_of(path):
    fits = [folder for folder in MAY if path.startswith(folder + "/")]
    return max(fits, key=len) if fits else None


def resolve(path, name, known):
    for base in [os.path.dirname(path), *PATHS]:
        full = os.path.normpath(os.path.join(base, name))
        if full in known:
            return full
    same = [k for k in known if k.endswith("/" + name)]
    return same[0] if len(same) == 1 else None


def may(folder, target):
    if target.startswith(folder + "/"):
        return True
    return any(target == allowed or target.startswith(allowed + "/") for allowed in MAY[folder])


def check(path, known, findings):
    folder = folder_of(path)
    if folder is None:
        findings.add(path, 1, "stands in no folder that tools/check_layers.py knows: add it to MAY")
        return
    text = tree.read(path)
    names = []
    for match in INCLUDE.finditer(text):
        quote, name = match.groups()
        if name in ("codec.h", "manifest.h") and path.startswith("sdk/template/"):
            continue  # made by `plugins new`, and by the build of what it writes
        line = text.count("\n", 0, match.start(2)) + 1
        names.append((quote, name, line))
        if name in ONLY and not any(path.startswith(place + "/") for place in ONLY[name]):
            findings.add(path, line, f"<{name}> belongs to {', '.join(ONLY[name])}: use what that folder offers")
        if folder == "plugins" and not path.startswith(STORES) and NOT_IN_PLUGINS.match(name):
            findings.add(path, line, f"<{name}>: a plugin is a codec; it does no input or output and knows no clock or thread")
        target = resolve(path, name, known) if quote == '"' else None
        if quote == '"' and target is None:
            findings.add(path, line, f'"{name}" is not in the tree: use <{name}> for headers of others')
        elif target and not may(folder, target):
            findings.add(path, line, f"{folder}/ may not include {target}: see the layers in ARCHITECTURE.md")
    own = path[:-2] + ".h"
    if path.endswith(".c") and own in known and (not names or resolve(path, names[0][1], known) != own):
        findings.add(path, names[0][2] if names else 1, f"the first include is {os.path.basename(own)}, so that it stands alone")


def main():
    findings = tree.Findings()
    sources = tree.files(".c", ".h")
    known = set(sources)
    for path in sources:
        check(path, known, findings)
    findings.end()


main()
