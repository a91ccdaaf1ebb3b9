#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ./dev install puts there is enough: programs and plugins compile against it, and run: test_install.py"""
import glob
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ["LLM_TEST_BUILD"]
SOURCE = os.environ["LLM_TEST_SOURCE"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from tap import Tap  # noqa: E402

PLUGIN_FLAGS = ["-std=c11", "-O2", "-fPIC", "-fvisibility=hidden", "-shared", "-Wl,-z,defs,-z,now"]


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    return done.returncode, done.stdout + done.stderr


def compiles(tap, root, environment):
    status, flags = run(["pkg-config", "--cflags", "--libs", "llm_master"], env=environment)
    tap.result(status == 0, "pkg-config knows llm_master", flags)
    header = glob.glob(root + "/**/llm_provider.h", recursive=True)
    tap.result(len(header) == 1, "llm_provider.h is installed", header)
    for source in sorted(glob.glob(SOURCE + "/examples/*.c")):
        name = os.path.basename(source)[:-2]
        status, output = run(["cc", "-std=c11", "-D_GNU_SOURCE", source, *flags.split(), "-pthread", "-o", os.path.join(root, name)])
        tap.result(status == 0, f"{name} compiles against the installed header", output)
    for source in sorted(glob.glob(SOURCE + "/examples/plugins/*.c")):
        name = os.path.basename(source)[:-2]
        status, output = run(["cc", *PLUGIN_FLAGS, "-I", os.path.dirname(header[0]), source, "-o", os.path.join(root, name + ".so")])
        tap.result(status == 0, f"plugin {name} compiles against the installed header", output)


def main():
    tap = Tap()
    root = tempfile.mkdtemp(prefix="llm-master-install-")
    try:
        status, output = run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root])
        tap.result(status == 0, "meson install", output)
        for what in ("include/llm_master.h", "include/llm_json.h", "bin/llm-master", "share/llm-master/providers.d/openai.json"):
            tap.result(bool(glob.glob(f"{root}/**/{what}", recursive=True)), what + " is installed")
        plugins = {os.path.basename(p) for p in glob.glob(f"{root}/**/llm-master/plugins/*.so", recursive=True)}
        tap.result({"openai_compat.so", "recraft.so", "custom.so"} <= plugins, "the plugins are installed", plugins)
        tap.result(not glob.glob(f"{root}/**/*.a", recursive=True), "no archive is installed")
        configs = glob.glob(root + "/**/pkgconfig", recursive=True)
        environment = {**os.environ, "PKG_CONFIG_PATH": ":".join(configs), "PKG_CONFIG_SYSROOT_DIR": root}
        compiles(tap, root, environment)
        library = os.path.dirname(configs[0]) if configs else root
        status, output = run([glob.glob(f"{root}/**/bin/llm-master", recursive=True)[0], "--help"],
                             env={**os.environ, "LD_LIBRARY_PATH": library})
        tap.result(status == 0 and "query" in output, "the installed llm-master runs", output)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    tap.done()


main()
