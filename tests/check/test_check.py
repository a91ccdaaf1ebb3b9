#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The validator judged: what it passes, what it fails and by which rule, and that nothing a plugin does makes a pass."""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import tap  # noqa: E402

BUILD = os.environ["LLM_TEST_BUILD"]
SOURCE = os.environ["LLM_TEST_SOURCE"]
CHECK = os.path.join(BUILD, "sdk", "check", "llm-plugin-check")
PLUGINS = os.path.join(BUILD, "tests", "plugins")
NASTY = os.path.join(BUILD, "tests", "check")

# defect: (the rule that must fail, tests to run)
SOME = [13, 14, 24, 28, 29, 30, 34, 49, 51, 53, 54, 55, 56, 58, 59]
NASTY_RULES = {
    "crash": 30,
    "drops_memory": 56,
    "exits": 30,
    "exits_early": 13,
    "forks": 34,
    "hang": 30,
    "keeps_chunk": 49,
    "kills_siblings": 13,
    "leaks": 28,
    "locale_numbers": 54,
    "log_prompt": 59,
    "opens_file": 58,
    "random_body": 34,
    "reads_environment": 29,
    "says_pass": 30,
    "thread_local": 53,
    "writes_everywhere": 30,
}
# What a sanitized build of the validator cannot see: it has no sandbox and does not stand before malloc() and getenv().
NOT_SANITIZED = {"leaks", "opens_file", "reads_environment", "forks"}

GALLERY_RULES = {
    "bad_id": 10, "bad_json": 9, "bad_version": 10, "codec_and_generate": 21, "codec_size_zero": 18, "constructor": 54,
    "core_symbol": 3, "deep_json": 9, "duplicate_generators": 21, "empty_generators": 21, "entry_is_data": 2, "exec_stack": 1,
    "id_twice": 9, "init_fails": 22, "instance_new_fails": 26, "large_manifest": 9, "library_unlisted": 4, "missing_generator": 19,
    "newer_abi": 9, "newer_entry": 2, "newer_manifest": 9, "no_abi": 9, "no_close": 21, "no_codec": 21, "no_data": 21,
    "no_encode": 21, "no_end": 21, "no_entry": 2, "no_formats": 21, "no_id": 9, "no_instance_free": 21, "no_manifest": 9,
    "no_object": 9, "no_open": 21, "no_run": 21, "null_descriptor": 18, "null_generators": 21, "null_id": 19,
    "other_generators": 19, "other_id": 19, "other_version": 19, "rpath": 5, "rpath_parent": 5, "size_huge": 18, "size_zero": 18,
    "soname": 5, "text_relocations": 1, "two_exports": 2, "two_manifests": 9, "undefined_symbol": 13, "unknown_interface": 9,
    "unknown_permission": 9,
}


def check(path, *options):
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0:handle_segv=0:handle_abort=0")
    run = subprocess.run([CHECK, "--json", *options, path], capture_output=True, text=True, timeout=240, env=env)
    try:
        report = json.loads(run.stdout)
    except ValueError:
        return run.returncode, None, run.stdout + run.stderr
    return run.returncode, report, ""


def failed(report):
    return [t["number"] for t in report["tests"] if t["verdict"] in ("fail", "untested")]


def only(numbers):
    return [word for n in numbers for word in ("--only", str(n))]


def main():
    t = tap.Tap()
    quick = ["--fuzz-seconds", "0", "--timeout", "2"]
    status, report, text = check(os.path.join(NASTY, "nasty_good.so"), "--fuzz-seconds", "1", "--timeout", "60")
    t.result(status == 0 and failed(report) == [], "a plugin without a defect conforms", text or str(failed(report)))
    sanitized = any(x["number"] == 58 and x["verdict"] == "skipped" for x in report["tests"])

    for name, rule in sorted(NASTY_RULES.items()):
        if sanitized and name in NOT_SANITIZED:
            t.skip(f"nasty {name}", "a sanitized validator cannot see it")
            continue
        status, report, text = check(os.path.join(NASTY, f"nasty_{name}.so"), *quick, *only(SOME if name != "hang" else [rule, 34]))
        ok = status == 1 and report is not None and rule in failed(report) and report["verdict"] == "does not conform"
        t.result(ok, f"nasty {name} is never passed, and fails by test {rule}", text or f"exit {status}, failed {failed(report)}")

    for name, rule in sorted(GALLERY_RULES.items()):
        status, report, text = check(os.path.join(PLUGINS, f"{name}.so"), *quick, *only([rule]))
        found = [x for x in report["tests"] if x["number"] == rule] if report else []
        ok = status != 0 and found and found[0]["verdict"] in ("fail", "untested") and found[0]["text"] and "\n" not in found[0]["text"]
        t.result(ok, f"gallery {name} fails by test {rule}", text or f"exit {status}, {found}")

    for name in ("openai_compat", "recraft", "custom"):
        folder = os.path.join(SOURCE, "tests", "vectors", name)
        vectors = [w for f in sorted(os.listdir(folder)) for w in ("--vectors", os.path.join(folder, f))]
        status, report, text = check(os.path.join(BUILD, "plugins", f"{name}.so"), "--fuzz-seconds", "1", "--timeout", "60", *vectors)
        wrong = [(x["id"], x["text"]) for x in (report["tests"] if report else []) if x["verdict"] in ("fail", "untested")]
        t.result(status == 0 and report["pass"] >= 40, f"{name} conforms", text or str(wrong))

    for name, verdict in (("exits_early", "warning"), ("good", "pass")):
        if sanitized and verdict == "pass":
            t.skip(f"nasty {name}: {verdict} by test 6", "sanitizers bring a function of their own")
            continue
        status, report, text = check(os.path.join(NASTY, f"nasty_{name}.so"), *quick, *only([6]))
        t.result(status == 0 and report["tests"][0]["verdict"] == verdict, f"nasty {name}: {verdict} by test 6", text or str(report))

    for arguments, why in (([], "which file"), (["--only", "nonsense", "x"], "no such test"), (["/nonexistent.so"], "cannot find"),
                           (["--seed", "x", "y"], "whole number"), (["--bogus"], "unknown option")):
        run = subprocess.run([CHECK, *arguments], capture_output=True, text=True, timeout=20)
        t.result(run.returncode == 2 and why in run.stderr, f"wrong usage: {' '.join(arguments) or '(nothing)'}", run.stderr)
    run = subprocess.run([CHECK, "--list"], capture_output=True, text=True, timeout=20)
    t.result(len(run.stdout.splitlines()) == 63, "63 rules are listed", run.stdout)
    cli = os.path.join(BUILD, "hosts", "cli", "llm-master")
    good, bad = (os.path.join(NASTY, f"nasty_{n}.so") for n in ("good", "random_body"))
    for arguments, status, text in ((["check", "--only", "2", good], 0, "conforms"), (["check", "--only", "34", bad], 1, "does not conform"),
                                    (["diff", good, good], 0, " 0 differ"), (["diff", good, bad], 1, "{"), (["bench", good], 0, "a call")):
        run = subprocess.run([cli, "plugins", *arguments], capture_output=True, text=True, timeout=60)
        t.result(run.returncode == status and text in run.stdout, f"llm-master plugins {arguments[0]} exits with {status}", run.stdout[-300:] + run.stderr)
    packed = os.path.join(tempfile.mkdtemp(prefix="llm-pack-"), "packed")
    run = subprocess.run([cli, "plugins", "pack", packed, good], capture_output=True, text=True, timeout=60)
    sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=packed, capture_output=True, text=True, timeout=60) if run.returncode == 0 else run
    t.result(sums.returncode == 0 and "plugin.json: OK" in sums.stdout, "llm-master plugins pack: file, manifest, sums", sums.stdout + run.stderr)
    run = subprocess.run([cli, "plugins", "pack", packed, good], capture_output=True, text=True, timeout=60)
    t.result(run.returncode == 2 and "cannot make" in run.stderr, "plugins pack writes over nothing", run.stderr)
    run = subprocess.run([cli, "plugins", "replay", "/nonexistent"], capture_output=True, text=True, timeout=60)
    t.result(run.returncode == 2 and "nonexistent" in run.stderr, "plugins replay is replay", f"{run.returncode} {run.stderr}")
    t.done()


main()
