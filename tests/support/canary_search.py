#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Search files for texts that must not be there, in every spelling: canary_search.py FOLDER TEXT...   Prints what it finds; exit 1 then."""
import base64
import json
import os
import re
import sys
import urllib.parse


def spellings(text):
    """Name and bytes."""
    raw = text.encode()
    quoted = urllib.parse.quote(text, safe="")
    found = {"as it is": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(), "URL": quoted.encode(),
             "url": re.sub("%..", lambda m: m.group().lower(), quoted).encode(), "URL of URL": urllib.parse.quote(quoted, safe="").encode(), "form": urllib.parse.quote_plus(text).encode(),
             "JSON": json.dumps(text)[1:-1].encode(), "JSON with slashes": json.dumps(text)[1:-1].replace("/", "\\/").encode(),
             "JSON of JSON": json.dumps(json.dumps(text))[3:-3].encode(), "JSON u": "".join(f"\\u{ord(c):04x}" for c in text).encode(),
             "JSON U": "".join(f"\\u{ord(c):04X}" for c in text).encode()}
    for shift in range(3):  # inside other base64 text, without the characters that its neighbours share
        padded = base64.b64encode(b"\0" * shift + raw)
        inner = padded[[0, 2, 3][shift]:len(padded) - 4]
        found[f"base64 at {shift}"] = inner
        found[f"base64url at {shift}"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    found["base64 whole"] = base64.b64encode(raw).rstrip(b"=")
    return found


def main(folder, texts):
    hits = files = 0
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            files += 1
            with open(path, "rb") as file:
                data = file.read()
            for text in texts:
                for how, needle in spellings(text).items():
                    if needle in data or needle in os.fsencode(path):
                        print(f"{path}: {text}, {how}")
                        hits += 1
    print(f"{files} files, {hits} hits")
    return 1 if hits or not files else 0


if len(sys.argv) > 2:
    sys.exit(main(sys.argv[1], sys.argv[2:]))
if len(sys.argv) == 2:  # the spellings of a text, for a server that says it in all of them
    whole = [base64.b64encode(("user:"[:n] + sys.argv[1] + "+more"[:n]).encode()).decode() for n in range(6)]
    print(json.dumps([spelled.decode() for how, spelled in spellings(sys.argv[1]).items() if " at " not in how] + whole))
