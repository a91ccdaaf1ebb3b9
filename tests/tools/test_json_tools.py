# SPDX-License-Identifier: MIT
# llm-json-check and llm-sse-dump as a script sees them.
import json
import os
import subprocess
import sys
import tempfile

CHECK, DUMP = sys.argv[1:3]
count = failed = 0


def result(ok, name, why=""):
    global count, failed
    count += 1
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {count} - {name}")
    if not ok:
        print(f"# {why}")


def run(program, *args, data=b""):
    done = subprocess.run([program, *args], input=data, capture_output=True, timeout=20)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check_json(directory):
    def file(name, data):
        path = os.path.join(directory, name)
        with open(path, "wb") as out:
            out.write(data)
        return path

    good, bad = file("good.json", b'{"a":1,"a":2}\n'), file("bad.json", b'{"a":1,\n "b":}')
    got = run(CHECK, good)
    result(got == (0, f"{good}: ok\n", ""), "a valid file", got)
    got = run(CHECK, bad)
    result(got == (1, f"{bad}:2:6: unexpected '}}'\n", ""), "an invalid file", got)
    got = run(CHECK, good, bad, good)
    result(got[0] == 1 and got[1].count(": ok\n") == 2, "one of three is invalid", got)
    got = run(CHECK, good, good)
    result(got[0] == 0, "all of two are valid", got)
    got = run(CHECK, "-", data=b"[1]")
    result(got == (0, "-: ok\n", ""), "standard input", got)
    got = run(CHECK, os.path.join(directory, "none.json"))
    result(got[0] == 1 and got[1] == "" and "none.json" in got[2], "a file that is not there", got)
    got = run(CHECK, directory)
    result(got[0] == 1 and got[1] == "", "a directory", got)
    for args in ([], ["--nonsense"]):
        got = run(CHECK, *args)
        result(got[0] == 2 and got[1] == "" and got[2] != "", f"wrong usage: {args}", got)
    got = run(CHECK, "--help")
    result(got[0] == 0 and got[1].startswith("usage: llm-json-check"), "--help", got)
    for depth, status in ((100000, 0), (100001, 1)):
        got = run(CHECK, "-", data=b"[" * depth + b"]" * depth)
        result(got[0] == status, f"{depth} levels", got)
    got = run(CHECK, "-", data=b'"' + b"x" * 5000000 + b'"')
    result(got[0] == 0, "5 MB", got[:1])


def check_sse():
    stream = b"\xef\xbb\xbfevent: a\r\nid: 7\r\ndata: x\0\xff\r\ndata\r\n\r\n: c\ndata: 2\n\ndata: {"
    want = [
        {"event": "a", "data": "x\0\ufffd\n", "id": "7"},
        {"event": "message", "data": "2", "id": "7"},
    ]
    cuts = [["--split", str(n)] for n in range(len(stream) + 2)]
    for args in [[], ["--bytes"], *cuts]:
        status, out, err = run(DUMP, *args, data=stream)
        events = [json.loads(line) for line in out.splitlines()]
        if (status, events, err) != (0, want, ""):
            result(False, f"events: {args}", (status, events, err))
            break
    else:
        result(True, "events: whole, byte by byte, cut anywhere")
    status, out, err = run(DUMP, "--pending", data=stream)
    events = [json.loads(line) for line in out.splitlines()]
    want.append({"event": "message", "data": "{", "id": "7", "pending": True})
    result((status, events, err) == (0, want, ""), "--pending", (status, events, err))
    got = run(DUMP)
    result(got == (0, "", ""), "an empty stream", got)
    got = run(DUMP, data=b'{"error":1}\n\ndata: 1\n\n')
    result(got[0] == 0 and len(got[1].splitlines()) == 1, "what is no field is left out", got)
    got = run(DUMP, "--help")
    result(got[0] == 0 and got[1].startswith("usage: llm-sse-dump"), "--help", got)
    for args in (["--nonsense"], ["--split"], ["--split", "x"]):
        got = run(DUMP, *args)
        result(got[0] == 2 and got[1] == "" and got[2] != "", f"wrong usage: {args}", got)


with tempfile.TemporaryDirectory() as temporary:
    check_json(temporary)
check_sse()
print(f"1..{count}")
sys.exit(failed > 0)
