#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keys, prompts and answers that are canaries go through the whole product; then everything that it wrote is searched for them, as they are,
in base64, in hexadecimal and as in a URL.  Keys: nowhere.  Prompts and answers: only where they are meant to be: canary.py"""
import base64
import json
import os
import stat
import subprocess
import sys
import tempfile
import urllib.parse

BUILD = os.environ["LLM_TEST_BUILD"]
SOURCE = os.environ["LLM_TEST_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from simulator import Simulator  # noqa: E402
from tap import Tap  # noqa: E402

LLM = os.path.join(BUILD, "hosts", "cli", "llm-master")
HOST = os.path.join(BUILD, "tests", "integration", "canary_host")
FILE_KEY, ENV_KEY, COMMAND_KEY = "sk-canary/file+9fQz=Xw7", "sk-canary-env-Tb4/Lm0+1k", "user-canary:pass/Word+77=a"
VALUE_KEY, SECOND_KEY, QUERY_KEY = "sk-canary-value-kK3_pQ8", "sk-canary-second-yY6-vV2", "canary query/key+5=dD1&x"
KEYS = [FILE_KEY, ENV_KEY, COMMAND_KEY, VALUE_KEY, SECOND_KEY, QUERY_KEY]
PROMPT, ANSWER = "canary-prompt the brown owl 51", "canary-answer the white fox 62"
STREAM, RAW, CACHE, SHARE, DEBUG, BODIES = 1, 4, 64, 128, 512, 1024


def spellings(text):
    """What to search for: name and bytes."""
    raw = text.encode()
    quoted = urllib.parse.quote(text, safe="")
    found = {"as it is": raw, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode(), "URL": quoted.encode(),
             "url": quoted.lower().encode(), "form": urllib.parse.quote_plus(text).encode(), "JSON": json.dumps(text)[1:-1].replace("/", "\\/").encode()}
    for shift in range(3):  # inside other base64 text, without the characters that its neighbours share
        padded = base64.b64encode(b"\0" * shift + raw)
        inner = padded[[0, 2, 3][shift]:len(padded) - 4]
        found[f"base64 at {shift}"] = inner
        found[f"base64url at {shift}"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    found["base64 whole"] = base64.b64encode(raw).rstrip(b"=")
    return found


def echo_of(key):
    """A failure in which a server says the key in every place and spelling it has."""
    spelled = [key, urllib.parse.quote(key, safe=""), base64.b64encode(key.encode()).decode(), key.encode().hex()]
    return {"headers": {"x-request-id": spelled[0], "x-echo": spelled[1], "server": spelled[2], "www-authenticate": "Bearer " + key,
                        "location": "https://example.invalid/?key=" + spelled[1], "retry-after": "0", "x-ratelimit-limit": key},
            "body": {"error": {"message": "bad key " + " or ".join(spelled), "type": key, "code": spelled[0], "param": spelled[2]}}}


def rule(model, key, status, **more):
    return {"match": {"path": "*/chat/completions", "body": {"/model": model}, **more}, "reply": {"status": status, **echo_of(key)}}


def answer(model, **more):
    chunk = {"choices": [{"index": 0, "delta": {"content": ANSWER}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 5, "completion_tokens": 7}}
    whole = {"choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
             "usage": {"prompt_tokens": 5, "completion_tokens": 7}}
    match = {"path": "*/chat/completions", **more}
    body = {"/model": model}
    return [{"match": {**match, "body": {**body, "/stream": True}}, "reply": {"sse": [chunk, "[DONE]"]}},
            {"match": {**match, "body": body}, "reply": {"body": whole}}]


def rules():
    listed = [rule(f"m-{status}", FILE_KEY, status) for status in (301, 400, 401, 403, 404, 429, 500, 503)]
    listed += [rule("m-second", key, 401, header={"authorization": f"*{key}*"}) for key in (VALUE_KEY, SECOND_KEY)]
    listed += [rule("m-retry", FILE_KEY, 503, nth=1), rule("m-retry", FILE_KEY, 429, nth=2)]
    listed += [{"match": {"path": "*/chat/completions", "body": {"/model": "m-echo"}}, "reply": {"status": 400, "echo": True}}]
    listed += [{"match": {"path": "*/chat/completions", "body": {"/model": "m-html"}},
                "reply": {"status": 502, "headers": {"content-type": "text/html"}, "body": f"<html>{FILE_KEY}</html>"}}]
    listed += [{"match": {"path": "*/chat/completions", "body": {"/model": "m-text"}},
                "reply": {"status": 502, "body": f"no such key {FILE_KEY}, {urllib.parse.quote(FILE_KEY, safe='')}"}}]
    listed += [{"match": {"path": "*/chat/completions", "body": {"/model": "m-broken"}},
                "reply": {"sse": [{"choices": [{"index": 0, "delta": {"content": ANSWER}}]}, {"error": {"message": "key " + FILE_KEY, "code": FILE_KEY}}]}}]
    listed += [{"match": {"path": "*/chat/completions", "body": {"/model": "m-cut"}},
                "reply": {"sse": [{"choices": [{"index": 0, "delta": {"content": ANSWER}}]}], "fault": {"kind": "cut", "after": 40}}}]
    listed += [{"match": {"path": "*/query/*"}, "reply": {"status": 401, "echo": True}}]
    listed += [{"match": {"path": "*/basic/*"}, "reply": {"status": 401, "echo": True}}]
    for model in ("m-ok", "m-retry", "m-other"):
        listed += answer(model)
    return listed


def write(path, text, mode=0o600):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


class World:
    """A home with keys in every place that keys may come from, and a folder for all that is written."""

    def __init__(self, sim):
        self.sim, self.home = sim, sim.home
        self.crashed = []
        self.secrets = os.path.join(sim.home, "secrets")  # what is written by the test alone, and not searched
        self.out = os.path.join(sim.home, "out")
        self.tmp = os.path.join(sim.home, "tmp")
        for folder in (self.secrets, self.out, self.tmp):
            os.mkdir(folder)
        self.prompt = write(os.path.join(self.secrets, "prompt"), PROMPT)
        command_key = write(os.path.join(self.secrets, "command-key"), COMMAND_KEY)
        spy = (f"cat /proc/self/environ /proc/$$/environ /proc/$$/cmdline >{self.out}/child-$$; "
               f"tr '\\0' ' ' </proc/$PPID/cmdline >{self.out}/parent-$$; cat {command_key}")
        folder = os.path.join(sim.home, "config", "llm-master")
        self.config = os.path.join(folder, "config.json")
        providers = os.path.join(folder, "providers.d")
        os.mkdir(providers)
        common = {"plugin": "openai_compat", "models": [{"id": "m-ok"}]}
        write(os.path.join(providers, "canary-query.json"), json.dumps(
            {"name": "canary-query", "base_url": sim.url + "/query/v1", "auth": {"scheme": "query", "name": "key"}, **common}))
        write(os.path.join(providers, "canary-basic.json"), json.dumps(
            {"name": "canary-basic", "base_url": sim.url + "/basic/v1", "auth": {"scheme": "basic"}, **common}))
        self.settings = {
            "base_urls": {name: sim.url + "/v1" for name in ("openai", "groq", "mistral", "recraft")} | {"deepseek": "http://127.0.0.1:9/v1"},
            "keys": {"openai": {"file": write(os.path.join(self.secrets, "file-key"), FILE_KEY)},
                     "mistral": [{"value": VALUE_KEY}, {"value": SECOND_KEY}],
                     "canary-query": {"value": QUERY_KEY}, "canary-basic": {"command": spy}, "deepseek": {"value": VALUE_KEY},
                     "recraft": {"value": SECOND_KEY}},
            "cache": {"enabled": True}, "retry": {"base_ms": 1, "throttle_base_ms": 1, "max_attempts": 3},
            "ledger": {"path": os.path.join(self.out, "ledger.db")}}
        write(self.config, json.dumps(self.settings))
        self.environment = {**sim.environment, "TMPDIR": self.tmp, "GROQ_API_KEY": ENV_KEY}
        self.environment.pop("OPENAI_API_KEY", None)

    def run(self, name, *arguments, program=LLM, stdin=None, environment=None):
        """Run it; what it says stands in out/NAME.stdout and out/NAME.stderr."""
        done = subprocess.run([program, *arguments], capture_output=True, stdin=subprocess.DEVNULL if stdin is None else None, input=stdin,
                              env=environment or self.environment, cwd=self.out, timeout=120, check=False)
        if done.returncode < 0 or done.returncode == 134 or b"Sanitizer" in done.stderr:
            self.crashed.append(f"{name}: {done.returncode} {done.stderr[:2000]!r}")
        for kind, text in (("stdout", done.stdout), ("stderr", done.stderr)):
            with open(os.path.join(self.out, f"{name}.{kind}"), "wb") as file:
                file.write(text)
        return done

    def files(self):
        for folder, _, names in os.walk(self.home):
            for name in names:
                path = os.path.join(folder, name)
                if not folder.startswith(self.secrets) and path not in (self.config, os.path.join(self.home, "rules.json")) and stat.S_ISREG(os.lstat(path).st_mode):
                    with open(path, "rb") as file:
                        yield os.path.relpath(path, self.home), file.read()


def go_through(world, tap):
    """The product's ways, each once; gives what must have happened, so that the search is not of nothing."""
    models = ["m-ok", "m-301", "m-400", "m-401", "m-403", "m-404", "m-429", "m-500", "m-503", "m-retry", "m-echo", "m-html", "m-text", "m-broken", "m-cut"]
    for model in models:
        for extra in ([], ["--no-stream"]):
            world.run(f"query-{model}{len(extra)}", "query", "-m", "openai/" + model, "-vv", "-u", "--debug", *extra,
                      "--metrics", f"cli-{model}.metrics", stdin=PROMPT.encode())
    world.run("bodies-fail", "query", "-m", "openai/m-401", "-vv", "--debug-bodies", "--json", stdin=PROMPT.encode())
    world.run("bodies-echo", "query", "-m", "openai/m-echo", "-vv", "--debug-bodies", "--json", stdin=PROMPT.encode())
    for name, model in (("env", "groq/m-ok"), ("query", "canary-query/m-ok"), ("basic", "canary-basic/m-ok"), ("second", "mistral/m-second"),
                        ("refused", "deepseek/m-ok")):
        world.run("query-" + name, "query", "-m", model, "-vv", "--debug", stdin=PROMPT.encode())
    world.run("bodies-basic", "query", "-m", "canary-basic/m-ok", "--debug-bodies", "--json", stdin=PROMPT.encode())
    world.run("bodies-query", "query", "-m", "canary-query/m-ok", "--debug-bodies", "--json", stdin=PROMPT.encode())
    body = json.dumps({"model": "m-401", "messages": [{"role": "user", "content": PROMPT}]})
    world.run("request", "request", "--provider", "openai", "--raw", "-vv", "-", stdin=body.encode())
    image = world.run("image", "image", "-m", "recraft/recraftv3", "-vv", "--debug", "-o", "image.png", PROMPT)
    tap.result(image.returncode == 0, "an image is made", image.stderr.decode())
    for command in ("models", "providers", "keys", "plugins", "doctor", "config show", "config show --origin", "usage"):
        world.run("cli-" + command.replace(" ", "-"), *command.split(), "-vv")
        world.run("json-" + command.replace(" ", "-"), *command.split(), "--json", "-vv")
    ran = []
    for model in models:
        for flags in (0, STREAM, RAW, STREAM | RAW, CACHE | SHARE, CACHE | STREAM, DEBUG):
            ran += ["openai/" + model, "chat", str(flags), "-"]
    for model in ("groq/m-ok", "canary-query/m-ok", "canary-basic/m-ok", "mistral/m-second", "mistral/m-second", "mistral/m-second", "deepseek/m-ok", "recraft/recraftv3"):
        operation = "image" if model.startswith("recraft") else "chat"
        ran += [model, operation, str(DEBUG), "-", model, operation, str(STREAM | RAW), "-"]
    ran += ["openai/m-503", "chat", "0", "groq/m-other", "canary-query/m-ok", "chat", "0", "mistral/m-other"]
    host = world.run("host", world.out, world.prompt, *ran, program=HOST)
    tap.result(host.returncode == 0, "a program of the library", host.stderr.decode())
    said = host.stdout.decode().split()
    tap.result(len(said) == len(ran) // 4 and "ok" in said and "auth" in said, "its calls went well and wrong", said)
    with open(os.path.join(world.out, "metrics"), encoding="utf-8") as file:
        counters = dict(line.rsplit(" ", 1) for line in file.read().splitlines() if not line.startswith("#"))
    for name in ("retries", "fallbacks", "cache_hits", "ledger_rows"):
        total = sum(int(value) for key, value in counters.items() if key.startswith(f"llm_master_{name}_total"))
        tap.result(total > 0, f"there were {name}", total)
    ok = world.run("answered", "query", "-m", "openai/m-ok", stdin=PROMPT.encode())
    tap.result(ANSWER in ok.stdout.decode(), "the answer arrives", ok.stderr.decode())
    rows = [os.path.getsize(os.path.join(world.out, name)) for name in os.listdir(world.out) if name.startswith("ledger.db")]
    tap.result(sum(rows) > 0, "calls were recorded", sorted(os.listdir(world.out)))
    tap.result(any(name.startswith("child-") for name in os.listdir(world.out)), "the command that gives a key was watched")


def wrong_settings(world):
    """Mistakes around keys: the message names the place, not the key."""
    wrong = [{"keys": {"openai": VALUE_KEY}}, {"keys": {"openai": {"valeu": VALUE_KEY}}}, {"keys": {"openai": {"value": VALUE_KEY, "file": "/x"}}},
             {"keys": {"openai": {"value": VALUE_KEY + "\u00e9"}}}, {"keys": {"openai": {"value": VALUE_KEY + "\n" + SECOND_KEY}}},
             {"keys": {"openai": [VALUE_KEY]}}, {"keys": VALUE_KEY}, {"keys": {"openai": {"value": [VALUE_KEY]}}},
             {"keys": {"openai": {"command": f"cat {world.secrets}/command-key; exit 3"}}}]
    for i, settings in enumerate(wrong):
        path = write(os.path.join(world.secrets, f"wrong-{i}.json"), json.dumps({**world.settings, **settings}))
        for command in (["config", "check"], ["config", "show"], ["doctor"], ["keys"], ["query", "-m", "openai/m-ok", "x", "--json", "-vv"]):
            world.run(f"wrong-{i}-{command[0]}-{len(command)}", "--config", path, *command)
    path = write(os.path.join(world.secrets, "torn.json"), '{"keys": {"openai": {"value": "' + VALUE_KEY)
    world.run("wrong-torn", "--config", path, "config", "check")
    environment = {**world.environment, "GROQ_API_KEY": ENV_KEY + "\x07"}
    for command in (["doctor"], ["keys", "--json"], ["query", "-m", "groq/m-ok", "x", "-vv"]):
        world.run("wrong-env-" + command[0], *command, environment=environment)


# Where prompts and answers are meant to be, by the begin of the file's name in out/.
MEANT = ("bodies-", "response-", "request.stdout", "query-", "answered.stdout", "image.png")


def search(world, tap):
    searched = dict(world.files())
    tap.result(len(searched) > 200, f"{len(searched)} files are searched", sorted(searched))
    for key in KEYS:
        hits = []
        for spelling, wanted in spellings(key).items():
            for path, text in searched.items():
                # A variable of the person's is handed to the command that the person chose.
                if wanted in text and not (key == ENV_KEY and "/child-" in path):
                    at = text.index(wanted)
                    hits.append(f"{path} {spelling}: ...{text[max(0, at - 60):at + 60]!r}")
        tap.result(not hits, f"no file holds {key[:16]}...", "\n".join(hits[:20]))
    for name, text in (("prompt", PROMPT), ("answer", ANSWER)):
        hits = []
        for spelling, wanted in spellings(text).items():
            for path, held in searched.items():
                base = os.path.basename(path)
                meant = base.startswith(MEANT) and not (base.startswith("query-") and base.endswith(".stderr"))
                if wanted in held and not meant:
                    at = held.index(wanted)
                    hits.append(f"{path} {spelling}: ...{held[max(0, at - 60):at + 60]!r}")
        tap.result(not hits, f"the {name} stands only where it is meant to", "\n".join(hits[:20]))


def check_search(tap):
    """The search finds each spelling, wherever it stands."""
    missed = []
    for text in (*KEYS, PROMPT):
        raw = text.encode()
        plain = [raw, raw.hex().encode(), raw.hex().upper().encode(), urllib.parse.quote(text, safe="").encode(),
                 json.dumps({"k": text}).replace("/", "\\/").encode()]
        coded = [code(b"x" * n + raw + b"y" * m) for n in range(4) for m in range(3) for code in (base64.b64encode, base64.urlsafe_b64encode)]
        wanted = spellings(text).values()
        missed += [blob for blob in plain + coded if not any(w in blob for w in wanted)]
        missed += [w for w in wanted if len(w) < 12 or w in b"nothing of the kind"]
    tap.result(not missed, "the search finds what is there", missed)


def main():
    tap = Tap()
    check_search(tap)
    with tempfile.TemporaryDirectory() as _, Simulator(BUILD, rules(), providers=("openai",)) as sim:
        world = World(sim)
        go_through(world, tap)
        wrong_settings(world)
        tap.result(not world.crashed, "nothing crashed", "\n".join(world.crashed))
        search(world, tap)
    tap.done()


main()
