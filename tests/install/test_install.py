#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ./dev install puts there is enough: programs and plugins compile against it, and run: test_install.py"""
import glob
import os
import re
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


def broken_links(manual):
    """Links between pages and to examples that lead nowhere; those to the source tree are not meant."""
    broken = []
    for page in glob.glob(f"{manual}/docs/*.md"):
        with open(page, encoding="utf-8") as file:
            links = re.findall(r"\]\(([^)#:]+)", file.read())
        broken += [f"{page}: {link}" for link in links
                   if not link.startswith(("../sdk", "../include", "adr/"))
                   and not os.path.exists(os.path.join(os.path.dirname(page), link))]
    return broken


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


def plugin_outside(tap, root, environment):
    """A plugin outside the tree: with pkg-config, with CMake, with one line."""
    source = SOURCE + "/examples/plugins/acme.c"
    flags = run(["pkg-config", "--cflags", "llm_provider"], env=environment)[1].split()
    status, output = run(["cc", *PLUGIN_FLAGS, source, *flags, "-o", os.path.join(root, "by_pkg_config.so")])
    tap.result(status == 0, "a plugin builds with pkg-config --cflags llm_provider", output)
    prefix = glob.glob(root + "/**/include/llm_provider.h", recursive=True)[0][: -len("/include/llm_provider.h")]
    status, output = run(["cc", "-std=c11", "-O2", "-fPIC", "-fvisibility=hidden", "-shared", "-Wl,-z,defs,-z,now", "-I" + prefix + "/include", source,
                          "-o", os.path.join(root, "by_line.so")])
    tap.result(status == 0, "a plugin builds with one line of cc", output)
    if shutil.which("cmake") is None:
        tap.skip("a plugin and a program build with CMake", "cmake is not installed")
    else:
        project = os.path.join(root, "project")
        os.makedirs(project)
        with open(os.path.join(project, "CMakeLists.txt"), "w") as f:
            f.write(f"""cmake_minimum_required(VERSION 3.16)
project(outside C)
find_package(llm_master 0.1 REQUIRED)
llm_master_add_plugin(by_cmake {source})
add_executable(hello {SOURCE}/examples/01_hello.c)
target_compile_definitions(hello PRIVATE _GNU_SOURCE)
target_link_libraries(hello PRIVATE llm_master::llm_master)
""")
        status, output = run(["cmake", "-S", project, "-B", project + "/build", "-DCMAKE_PREFIX_PATH=" + prefix])
        if status == 0:
            status, output = run(["cmake", "--build", project + "/build"])
        tap.result(status == 0 and os.path.exists(project + "/build/by_cmake.so"), "a plugin and a program build with CMake", output[-1500:])
    for name in ("by_pkg_config.so", "by_line.so", "project/build/by_cmake.so"):
        path = os.path.join(root, name)
        if os.path.exists(path):
            check = glob.glob(root + "/**/llm-plugin-check", recursive=True)[0]
            status, output = run([check, "--only", "1", "--only", "2", "--only", "13", path])
            tap.result(status == 0, f"{name} is a plugin", output)
    exe = glob.glob(f"{root}/**/bin/llm-master", recursive=True)[0]
    for what in ("template/c/src/codec.c", "template/rust/src/lib.rs"):
        tap.result(bool(glob.glob(f"{root}/**/share/llm-master/{what}", recursive=True)), what + " is installed", exe)


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
        plugin_outside(tap, root, environment)
        library = os.path.dirname(configs[0]) if configs else root
        plain = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
        status, output = run([glob.glob(f"{root}/**/bin/llm-master", recursive=True)[0], "--help"], env=plain)
        tap.result(status == 0 and "query" in output, "the installed llm-master runs, and finds its library by itself", output)
        programs = os.path.dirname(glob.glob(f"{root}/**/bin/llm-master", recursive=True)[0])
        status, output = run([sys.executable, SOURCE + "/tests/check/test_tutorial.py"],
                             env={**os.environ, "LD_LIBRARY_PATH": library, "LLM_TUTORIAL_BIN": programs})
        tap.result(status == 0, "docs/plugin-tutorial.md works with what is installed", output)
        tap.result(bool(glob.glob(f"{root}/**/doc/llm-master/docs/plugin-tutorial.md", recursive=True)), "the manual is installed")
        broken = broken_links(glob.glob(f"{root}/**/doc/llm-master", recursive=True)[0])
        tap.result(not broken, "its links to examples lead somewhere", "\n".join(broken))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    tap.done()


main()
