#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count single tests in a meson test log: tap_count.py LOG.json MESON_STATUS

Prints what failed, and "N passed, N failed, N skipped" as the last line.  A program that crashed, hung, made a sanitizer
or valgrind complain, or ran other tests than it planned, counts as one failed test more."""
import json
import re
import sys

RESULT = re.compile(r"(not )?ok\b(.*)")
SKIP = re.compile(r"#\s*skip", re.I)
EXPECTED = re.compile(r"#\s*todo", re.I)
PLAN = re.compile(r"1\.\.(\d+)(\s*#\s*skip.*)?$", re.I)


def read_tap(text):
    """(passed, failed, skipped, problem) of one program's output, and the lines that tell about failures."""
    passed = failed = skipped = 0
    planned = None
    told = []
    after_failure = False
    for line in text.splitlines():
        plan = PLAN.match(line)
        result = RESULT.match(line)
        if plan:
            planned = int(plan.group(1))
            if planned == 0 and plan.group(2):
                skipped += 1
                planned = None
        elif result:
            after_failure = False
            if SKIP.search(result.group(2)):
                skipped += 1
            elif result.group(1) and not EXPECTED.search(result.group(2)):
                failed += 1
                after_failure = True
                told.append(line)
            else:
                passed += 1
        elif line.startswith("Bail out!"):
            told.append(line)
        elif after_failure and line.startswith("#"):
            told.append("  " + line)
    run = passed + failed + skipped
    problem = None
    if planned is not None and run != planned:
        problem = f"planned {planned} tests, ran {run}"
    elif run == 0:
        problem = "ran no test"
    return passed, failed, skipped, problem, told


def judge(test):
    """(passed, failed, skipped, told) of one program."""
    stdout = test.get("stdout") or ""
    result = test["result"]
    code = test.get("returncode", 0)
    if "# SKIP" not in stdout and not re.search(r"^(not )?ok\b|^1\.\.\d", stdout, re.M):
        # It does not speak TAP: its exit status is one test.
        if result in ("OK", "EXPECTEDFAIL"):
            return 1, 0, 0, []
        if result == "SKIP":
            return 0, 0, 1, []
        return 0, 1, 0, [f"{result}, exit status {code}"]
    passed, failed, skipped, problem, told = read_tap(stdout)
    # meson calls a program that fails a test and exits with 1 an error: that one is counted already.
    if result in ("TIMEOUT", "INTERRUPT") or code < 0 or code >= 128 or (failed == 0 and (code != 0 or result in ("FAIL", "ERROR"))):
        problem = problem or f"{result}, exit status {code}"
    if problem:
        failed += 1
        told.append(problem)
    return passed, failed, skipped, told


def main():
    log, status = sys.argv[1], int(sys.argv[2])
    total = [0, 0, 0]
    with open(log, encoding="utf-8", errors="replace") as file:
        tests = [json.loads(line) for line in file if line.strip()]
    for test in tests:
        passed, failed, skipped, told = judge(test)
        total = [total[0] + passed, total[1] + failed, total[2] + skipped]
        name = test["name"].split(" / ")[-1]
        if failed:
            print(f"FAILED {name}: {passed} passed, {failed} failed, {skipped} skipped")
            for line in told[:40]:
                print("       " + line)
            for line in (test.get("stderr") or "").splitlines()[-40:]:
                print("       | " + line)
    if not tests:
        print("FAILED: there is no test")
        total[1] += 1
    if status != 0 and total[1] == 0:
        print(f"FAILED meson test: exit status {status}")
        total[1] += 1
    print("{} passed, {} failed, {} skipped".format(*total))


main()
