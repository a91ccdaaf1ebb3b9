#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plugins new: what it writes builds with make and with meson, conforms, and answers; in each language whose compiler is here."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tap  # noqa: E402

BUILD = os.environ["LLM_TEST_BUILD"]
CLI = os.path.join(BUILD, "hosts", "cli", "llm-master")
def every(names):
    return [word for name in names.split() for word in ("--operation", name)]


# A covering set: each language, each operation, each start, each way to send the key.
CASES = [
    ("plain", []),
    ("all_openai", ["--from", "openai", *every("chat completions embeddings image image.edit image.variate models moderation rerank speech transcription translation")]),
    ("picture", ["--operation", "image", "--auth", "header"]),
    ("lists_models", ["--operation", "models", "--auth", "none"]),
    ("hears", ["--operation", "transcription", "--operation", "transcription"]),
    ("plus", ["--lang", "cpp", "--auth", "query", *every("embeddings rerank speech image.edit moderation translation")]),
    ("plus_openai", ["--lang", "cpp", "--from", "openai"]),
    ("rusty", ["--lang", "rust"]),
    ("rusty_all", ["--lang", "rust", "--from", "openai", *every("chat completions embeddings image moderation rerank")]),
]
COMPILERS = {"c": "cc", "cpp": "c++", "rust": "rustc"}


def run(*words, cwd=None, timeout=300):
    env = {k: v for k, v in os.environ.items() if k not in ("CC", "CFLAGS", "LDFLAGS")}
    env["ASAN_OPTIONS"] = "detect_leaks=0"
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=timeout, env=env)


def lang_of(options):
    return options[options.index("--lang") + 1] if "--lang" in options else "c"


def main():
    t = tap.Tap()
    top = tempfile.mkdtemp(prefix="llm-new-")
    if shutil.which("make") is None:
        t.skip("plugins new", "make is not installed")
        t.done()
    for name, options in CASES:
        compiler = COMPILERS[lang_of(options)]
        if shutil.which(compiler) is None:
            t.skip(f"plugins new {name}", f"{compiler} is not installed")
            continue
        made = run(CLI, "plugins", "new", name, *options, cwd=top)
        t.result(made.returncode == 0 and "is ready" in made.stdout, f"plugins new {name} {' '.join(options)} builds and conforms",
                 "\n".join(x for x in made.stdout.splitlines() if not x.startswith(("ok", "skip"))) + made.stderr[-1500:])
        folder = os.path.join(top, name)
        wanted = ["plugin.json", "README.md", "CHANGELOG.md", "LICENSE", "Makefile", "ci.sh", ".gitignore", "sdk/llm_provider.h"]
        missing = [f for f in wanted if not os.path.exists(os.path.join(folder, f))]
        left = run("grep", "-rlE", "@[a-z_]+@", folder, "--include=*.c", "--include=*.cpp", "--include=*.h", "--include=*.rs", "--include=*.json", "--include=*.md",
                   "--include=Makefile", "--include=*.sh").stdout
        t.result(not missing and not left, f"{name}: all files are there, no placeholder is left", f"{missing} {left}")
        facts = json.load(open(os.path.join(folder, "plugin.json")))
        t.result(facts["id"] == f"com.example.{name}", f"{name}: plugin.json is JSON", str(facts))
    folder = os.path.join(top, "plain")
    if os.path.isdir(folder):
        with open(folder + "/plugin.json") as f:
            text = f.read()
        with open(folder + "/plugin.json", "w") as f:
            f.write(text.rstrip("\n"))
        made = run("make", cwd=folder)
        t.result(made.returncode == 0, "a plugin.json without a line end at its end builds", made.stderr[-800:])
    if shutil.which("meson") and os.path.isdir(os.path.join(top, "plain")):
        for name in ("all_openai", "plus", "rusty"):
            folder = os.path.join(top, name)
            if os.path.isdir(folder):
                set_up = run("meson", "setup", "build-meson", cwd=folder)
                built = run("ninja", "-C", "build-meson", cwd=folder) if set_up.returncode == 0 else set_up
                t.result(built.returncode == 0 and "warning:" not in built.stdout, f"{name} builds with meson without a warning",
                         set_up.stdout[-800:] + built.stdout[-800:])
    if shutil.which("clang") and os.path.isdir(os.path.join(top, "all_openai")):
        folder = os.path.join(top, "all_openai")
        made = run("make", "-n", "fuzz", cwd=folder).stdout.splitlines()
        line = next((x for x in made if x.startswith("clang")), "false")
        built = run("sh", "-c", line, cwd=folder)
        if built.returncode != 0 and "cannot find" in built.stderr:
            t.skip("the fuzz target", "clang has no libFuzzer here")
        else:
            fuzzed = run("build/fuzz", "-runs=20000", "-max_len=400", cwd=folder) if built.returncode == 0 else built
            t.result(fuzzed.returncode == 0, "the fuzz target builds and 20,000 inputs do no harm", (built.stderr + fuzzed.stderr)[-1500:])
    if os.path.isdir(os.path.join(top, "rusty_all")):
        folder = os.path.join(top, "rusty_all")
        built = run("sh", "-c", next(x for x in run("make", "-n", "fuzz", cwd=folder).stdout.splitlines() if x.startswith("rustc")), cwd=folder)
        fuzzed = run("build/fuzz", "1", cwd=folder) if built.returncode == 0 else built
        t.result(fuzzed.returncode == 0 and "no harm" in fuzzed.stdout, "the fuzz target in Rust builds and a second of it does no harm",
                 built.stderr + fuzzed.stderr[-1500:])
    if os.path.isdir(os.path.join(top, "rusty")) and platform.machine() == "x86_64":
        judged = run(CLI, "plugins", "check", "--only", "6", "--json", os.path.join(top, "rusty", "build", "rusty.so"))
        t.result('"verdict":"pass"' in judged.stdout.replace(" ", "") and "keeps the program's arguments" in judged.stdout,
                 "test 6 knows what Rust's std runs when it is loaded", judged.stdout)
    made = run(CLI, "plugins", "new", "helped", "--help", cwd=top)
    t.result(made.returncode == 0 and "--operation" in made.stdout and not os.path.exists(top + "/helped"), "plugins new --help makes nothing",
             made.stdout + made.stderr)
    for options, text in ((["Bad-Name"], "needs a name"), (["x", "--lang", "cobol"], "--lang is"), (["x", "--lang", "python"], "custom.so"),
                          (["x", "--operation", "dance"], "--operation is"), (["x", "--lang", "rust", "--operation", "speech"], "in Rust has"),
                          ([], "needs a name"), (["plain", "--no-build"], "cannot make plain")):
        made = run(CLI, "plugins", "new", *options, cwd=top)
        t.result(made.returncode == 2 and text in made.stderr, f"plugins new {' '.join(options)}: {text}", made.stderr)
    shutil.rmtree(top, ignore_errors=True)
    t.done()


main()
