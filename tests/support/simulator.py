# SPDX-License-Identifier: MIT
"""A simulator and a person's empty home around a test in Python."""
import json
import os
import re
import shutil
import subprocess
import tempfile


class Simulator:
    """`with Simulator(rules) as sim`: sim.url, sim.environment (an empty home whose settings point at the simulator)."""

    def __init__(self, build, rules=None, providers=("openai",), settings=None, options=()):
        self.llm = os.path.join(build, "hosts", "cli", "llm-master")
        self.rules, self.providers, self.settings, self.options = rules, providers, settings or {}, options

    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="llm-master-test-")
        command = [self.llm, "sim", "--listen", "127.0.0.1:0", *self.options]
        if self.rules is not None:
            path = os.path.join(self.home, "rules.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(self.rules, file)
            command += ["--script", path]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        match = re.match(r"listening on (http://\S+)", line)
        if not match:
            self.__exit__()
            raise RuntimeError("the simulator says: " + line)
        self.url = match.group(1)
        self.environment = self.make_environment()
        return self

    def make_environment(self):
        kept = {k: v for k, v in os.environ.items() if not re.match(r"LLM_MASTER_|XDG_|.*_API_KEY$", k)}
        folders = {name: os.path.join(self.home, name) for name in ("config", "data", "cache")}
        base_urls = {name: self.url + "/v1" for name in self.providers}
        folder = os.path.join(folders["config"], "llm-master")
        os.makedirs(folder)
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as file:
            json.dump({"base_urls": base_urls, **self.settings}, file)
        keys = {name.upper() + "_API_KEY": "a-key-of-the-tests" for name in self.providers}
        return {**kept, **keys, "HOME": self.home, "XDG_CONFIG_HOME": folders["config"], "XDG_DATA_HOME": folders["data"],
                "XDG_CACHE_HOME": folders["cache"]}

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.home, ignore_errors=True)
