#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every program of examples/ runs against the simulator and prints what it promises: test_examples.py"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = os.environ["LLM_TEST_BUILD"]
SOURCE = os.environ["LLM_TEST_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from simulator import Simulator  # noqa: E402
from tap import Tap  # noqa: E402

MODEL = "gpt-4o-mini"
TOOL_STREAM = "".join("data: " + data + "\n\n" for data in (
    '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function",'
    '"function":{"name":"get_weather","arguments":""}}]}}]}',
    '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\\"city\\":"}}]}}]}',
    '{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":" \\"Paris\\"}"}}]}}]}',
    '{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}',
    "[DONE]"))
TOOL_RULES = [{"match": {"path": "/v1/chat/completions"},
               "reply": {"headers": {"content-type": "text/event-stream"}, "body": TOOL_STREAM}}]

SLOWLY = ("--delay", "20")  # an answer that is still under way when it is cancelled

# (program, arguments, what it prints, rules of the simulator)
CASES = [
    ("01_hello", [MODEL, "Good day"], r"Good day", None),
    ("01_hello", [], r"\S", None),
    ("02_stream", [MODEL, "one two three"], r"one two three.*\n.*gpt-4o-mini via openai \| \d+ in \+ \d+ out \| \$0\.0", None),
    ("03_tools", [MODEL], r'^call_1 get_weather\(\{"city": "Paris"\}\)$', TOOL_RULES),
    ("04_cancel", [MODEL], r"ended as: cancelled\nkept: [1-9]\d* bytes", None),
    ("05_poll_loop", [MODEL], r"(?s)one plus one -> ok.*two plus two: .*a prime: (?!no answer)", None),
    ("06_threads", [MODEL], r"^12 of 12 answered$", None),
    ("07_own_transport", [MODEL], r"(?s)^POST http\S+/chat/completions\n\{.*\}\n1 request, answer: Hello$", None),
    ("09_metrics", [MODEL, "Good day"], r'^llm_master_calls_total\{provider="openai",operation="chat",model="gpt-4o-mini",status="ok"\} 1$', None),
    ("08_watch", [MODEL], r"^watching$", None),
]


def drop_in(tap):
    """A plugin that is copied into the directory of a running program works at once."""
    with Simulator(BUILD, None, settings={}) as sim, tempfile.TemporaryDirectory() as folder:
        environment = dict(sim.environment, LLM_MASTER_PLUGIN_PATH=folder)
        with subprocess.Popen([os.path.join(BUILD, "examples", "08_watch"), "echo-1"], env=environment, text=True, bufsize=1,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
            first = program.stdout.readline()
            program.stdin.write("hi\n")
            before = program.stdout.readline()
            shutil.copy(os.path.join(BUILD, "tests", "plugins", "echo.so"), os.path.join(folder, "echo.so.new"))
            os.rename(os.path.join(folder, "echo.so.new"), os.path.join(folder, "echo.so"))
            after = before
            until = time.monotonic() + 20
            while after.startswith("not_found") and time.monotonic() < until:
                time.sleep(0.05)
                program.stdin.write("hi\n")
                after = program.stdout.readline()
            program.stdin.close()
            status = program.wait(20)
        # Nobody listens where this plugin asks: that it says so shows that it runs.
        good = first == "watching\n" and before.startswith("not_found") and after.startswith("transport") and status == 0
        tap.result(good, "08_watch takes a plugin that is dropped in", f"{first}{before}{after}exit status {status}")


def main():
    tap = Tap()
    there = {name[:-2] for name in os.listdir(os.path.join(SOURCE, "examples")) if re.match(r"\d\d_.*\.c$", name)}
    tap.result(there == {case[0] for case in CASES}, "every example has a case", there)
    for name in sorted(there):
        with open(os.path.join(SOURCE, "examples", name + ".c"), encoding="utf-8") as file:
            lines = len(file.readlines())
        tap.result(lines <= 80, f"{name} has at most 80 lines", lines)
    for name, arguments, wanted, rules in CASES:
        with Simulator(BUILD, rules, settings={"default_model": MODEL}, options=SLOWLY) as sim:
            done = subprocess.run([os.path.join(BUILD, "examples", name), *arguments], capture_output=True, text=True, env=sim.environment,
                                  stdin=subprocess.DEVNULL, timeout=60)
        good = done.returncode == 0 and re.search(wanted, done.stdout.strip("\n"), re.M)
        tap.result(good, f"{name} {' '.join(arguments)}", f"exit status {done.returncode}\n{done.stdout}{done.stderr}")
    drop_in(tap)
    tap.done()


main()
