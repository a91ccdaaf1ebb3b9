#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The checks of tools/ find what is planted and nothing else: each case is a small tree, a check, and what it must say."""
import json
import os
import subprocess
import sys
import tempfile

SOURCE = os.environ.get("LLM_TEST_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from tap import Tap  # noqa: E402

SPDX = "// SPDX-License-Identifier: MIT\n"


def function(lines):
    return "static int f(int a,\n             int b) {\n" + "    a++;\n" * (lines - 4) + "    return a;\n}\n"


# (name, check, files, what a finding must hold; None: there must be none)
CASES = [
    ("base may not include net", "layers", {"core/base/a.c": '#include "net/b.h"\n', "core/net/b.h": ""}, "core/base/a.c:1: core/base/ may not include"),
    ("net may include base", "layers", {"core/net/a.c": '#include "base/b.h"\n', "core/base/b.h": ""}, None),
    ("a host may not include the core", "layers", {"hosts/cli/a.c": '#include "base/b.h"\n', "core/base/b.h": ""}, "hosts/ may not include"),
    ("a host may not include the plugin ABI", "layers", {"hosts/cli/a.c": '#include "llm_provider.h"\n', "sdk/llm_provider.h": ""}, "hosts/ may not include"),
    ("a plugin may not include the core", "layers", {"plugins/x/a.c": '\n#include "base/b.h"\n', "core/base/b.h": ""}, "plugins/x/a.c:2: plugins/ may not"),
    ("a plugin may include the SDK and itself", "layers", {"plugins/x/a.c": '#include "a.h"\n#include "llm_json.h"\n', "plugins/x/a.h": "", "sdk/llm_json.h": ""}, None),
    ("curl has one place", "layers", {"core/call/a.c": "#include <curl/curl.h>\n"}, "<curl/curl.h> belongs to core/net"),
    ("dlopen has one place", "layers", {"core/call/a.c": "#include <dlfcn.h>\n"}, "<dlfcn.h> belongs to core/plugin"),
    ("a plugin opens no socket", "layers", {"plugins/x/a.c": "#include <sys/socket.h>\n"}, "a plugin is a codec"),
    ("the own header comes first", "layers", {"core/base/a.c": "#include <stdio.h>\n", "core/base/a.h": ""}, "the first include is a.h"),
    ("an unknown folder is told", "layers", {"core/new/a.c": "", "other/b.c": ""}, "other/b.c:1: stands in no folder"),
    ("a function of 70 lines is fine", "sizes", {"core/a.c": function(70)}, None),
    ("a function of 71 lines is too long", "sizes", {"core/a.c": function(71)}, "core/a.c:1: f() has 71 lines"),
    ("a long function may be allowed", "sizes", {"core/a.c": function(71), "tools/size_allow.txt": "core/a.c f: a table\n"}, None),
    ("an exception needs a reason", "sizes", {"core/a.c": function(71), "tools/size_allow.txt": "core/a.c f\n"}, "needs ': reason'"),
    ("an exception that is not needed is told", "sizes", {"core/a.c": function(9), "tools/size_allow.txt": "core/a.c f: was long\n"}, "take it out"),
    ("a file of 801 lines is too long", "sizes", {"core/a.c": "\n" * 801}, "801 lines"),
    ("a long table is no function", "sizes", {"core/a.c": "static const int t[] = {\n" + "    1,\n" * 100 + "};\n"}, None),
    ("sprintf is banned", "words", {"core/a.c": SPDX + "int x = sprintf(a);\n"}, "core/a.c:2: sprintf: use snprintf"),
    ("snprintf is not sprintf", "words", {"core/a.c": SPDX + "int x = snprintf(a);\n"}, None),
    ("a word in a comment or a string is no call", "words", {"core/a.c": SPDX + '// strcpy(a)\nchar *x = "strtok(b)";\n'}, None),
    ("malloc in the core has one place", "words", {"core/net/a.c": SPDX + "void *p = malloc(1);\n", "core/base/mem.c": SPDX + "void *p = malloc(1);\n"}, "core/net/a.c:2: malloc"),
    ("a member called free is no call of free", "words", {"core/a.c": SPDX + "int f(void) { return a->free(b); }\n"}, None),
    ("plugins may use malloc", "words", {"plugins/x/a.c": SPDX + "void *p = malloc(1);\n"}, None),
    ("getenv has one place", "words", {"core/call/a.c": SPDX + 'char *p = getenv("X");\n', "core/config/b.c": SPDX + 'char *p = getenv("X");\n'}, "core/call/a.c:2: getenv"),
    ("a library does not exit", "words", {"plugins/x/a.c": SPDX + "void f(void) { exit(1); }\n"}, "exit: return a status"),
    ("the core knows no provider", "words", {"core/call/a.c": SPDX + 'int x = is("Acme");\n', "providers.d/acme.json": "{}"}, "core/call/a.c:2: Acme: the name of a provider"),
    ("an identifier may not hold a provider either", "words", {"hosts/cli/a.c": SPDX + "int use_acme;\n", "providers.d/acme.json": "{}"}, "acme: the name of a provider"),
    ("a plugin may know a provider", "words", {"plugins/x/a.c": SPDX + 'int x = is("acme");\n', "providers.d/acme.json": "{}"}, None),
    ("a source begins with its licence", "words", {"core/a.c": "int x;\n"}, "core/a.c:1: begins with a comment"),
    ("a to-do names its issue", "words", {"core/a.c": SPDX + "// TO" + "DO: later\n"}, "core/a.c:2: TO" + "DO"),
    ("no host of a registry", "words", {"docs/a.md": "see https://py" + "pi.org/x\n"}, "docs/a.md:1: py" + "pi.org"),
    ("a link leads somewhere", "links", {"docs/a.md": "see [b](b.md) and [c](b.md#two-words)\n", "docs/b.md": "# Two words\n"}, None),
    ("a link to nothing is told", "links", {"docs/a.md": "\nsee [b](b.md)\n"}, "docs/a.md:2: b.md: there is no docs/b.md"),
    ("a link to no heading is told", "links", {"docs/a.md": "see [b](#nowhere)\n"}, "has no such heading"),
    ("no path of one machine", "words", {"docs/a.md": "in /ro" + "ot/x\n"}, "a path of one machine"),
]

# (name, tests of a meson log, status, last line)
COUNTS = [
    ("single results are counted", [("OK", 0, "ok 1 - a\nok 2 - b # SKIP none\n1..2\n")], 0, "1 passed, 0 failed, 1 skipped"),
    ("a failure is counted once", [("FAIL", 1, "ok 1 - a\nnot ok 2 - b\n1..2\n")], 1, "1 passed, 1 failed, 0 skipped"),
    ("a failure with an exit status is counted once", [("ERROR", 1, "ok 1 - a\nnot ok 2 - b\n1..2\n")], 1, "1 passed, 1 failed, 0 skipped"),
    ("a crash after a failure is one more", [("ERROR", -6, "ok 1 - a\nnot ok 2 - b\n")], 1, "1 passed, 2 failed, 0 skipped"),
    ("a crash after good results is a failure", [("FAIL", -11, "ok 1 - a\n")], 1, "1 passed, 1 failed, 0 skipped"),
    ("a leak after good results is a failure", [("FAIL", 23, "ok 1 - a\n1..1\n")], 1, "1 passed, 1 failed, 0 skipped"),
    ("a time-out is a failure", [("TIMEOUT", -15, "ok 1 - a\n")], 1, "1 passed, 1 failed, 0 skipped"),
    ("fewer results than planned is a failure", [("ERROR", 0, "1..3\nok 1 - a\n")], 1, "1 passed, 1 failed, 0 skipped"),
    ("a program without TAP is one test", [("OK", 0, "hello\n"), ("FAIL", 1, ""), ("SKIP", 77, "")], 1, "1 passed, 1 failed, 1 skipped"),
    ("a skipped program is one skip", [("SKIP", 0, "1..0 # SKIP nothing here\n")], 0, "0 passed, 0 failed, 1 skipped"),
    ("no test at all is a failure", [], 0, "0 passed, 1 failed, 0 skipped"),
    ("meson's own failure is a failure", [("OK", 0, "ok 1 - a\n1..1\n")], 1, "1 passed, 1 failed, 0 skipped"),
]


def write(root, files):
    for path, text in {"tools/size_allow.txt": "", "tools/words_allow.txt": "", **files}.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def run(tool, *arguments, root=None):
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": root or ""}
    if root:
        environment["LLM_LINT_ROOT"] = root
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "tools", tool), *arguments], capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout + done.stderr


def check_case(check, files, wanted):
    with tempfile.TemporaryDirectory() as root:
        write(root, files)
        status, output = run(f"check_{check}.py", root=root)
    if wanted is None:
        return status == 0 and output == "", output
    return status != 0 and wanted in output, output


def count_case(tests, status, wanted):
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        for number, (result, code, stdout) in enumerate(tests):
            file.write(json.dumps({"name": f"t{number}", "result": result, "returncode": code, "stdout": stdout, "duration": 0.1}) + "\n")
    try:
        code, output = run("tap_count.py", file.name, str(status))
    finally:
        os.unlink(file.name)
    return code == 0 and output.splitlines()[-1] == wanted, output


def main():
    tap = Tap()
    for name, *case in CASES:
        good, output = check_case(*case)
        tap.result(good, name, output)
    for name, *case in COUNTS:
        good, output = count_case(*case)
        tap.result(good, name, output)
    tap.done()


main()
