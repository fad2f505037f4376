#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles programs of users as a user with strict flags would.

    compile.py [--quick] --include DIR --programs DIR     DIR/ok/*.c, DIR/ok/*.cc must compile, DIR/refused/*.c must not
    compile.py --self-test                                proves that it can fail

ok/ compiles with each compiler there is, under each standard, without a warning. A file in refused/ must be refused by each
compiler, and each of its `/* expect: text */` comments must be in what that compiler says; `/* expect gcc: text */` and
`/* expect clang: text */` are for one of them. A program that only some standards can refuse names them:
`/* standards: gnu11 c11 gnu17 */`. --quick leaves out standards that differ little.

Compilers: gcc, g++, clang, clang++ and the newest numbered ones installed.
"""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror".split()
FLAGS = {
    ".c": {"gcc": WARNINGS + ["-Wstrict-prototypes", "-Woverride-init"],
           "clang": WARNINGS + ["-Wstrict-prototypes", "-Winitializer-overrides"]},
    ".cc": {"gcc": WARNINGS + ["-Woverloaded-virtual", "-Wnon-virtual-dtor"],
            "clang": WARNINGS + ["-Woverloaded-virtual", "-Wnon-virtual-dtor"]},
}
STANDARDS = {".c": ["gnu11", "c11", "gnu17", "gnu2x"], ".cc": ["c++17", "c++20"]}
QUICK = {".c": ["gnu11", "gnu2x"], ".cc": ["c++17"]}


def newest(name):
    """`name` and its newest numbered form, when that is another program."""
    found = {}
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for path in glob.glob(os.path.join(folder, name + "*")):
            number = re.fullmatch(re.escape(name) + r"(?:-(\d+))?", os.path.basename(path))
            if number:
                found.setdefault(int(number.group(1) or 0), path)
    plain = [found[0]] if 0 in found else []
    last = found[max(found)] if found and max(found) else None
    if last and plain and os.path.realpath(last) == os.path.realpath(plain[0]):
        last = None
    return plain + ([last] if last else [])


def compilers(ending):
    for family, name in (("gcc", "gcc" if ending == ".c" else "g++"), ("clang", "clang" if ending == ".c" else "clang++")):
        for path in newest(name):
            yield family, path


def compile_one(family, compiler, standard, path, includes):
    ending = os.path.splitext(path)[1]
    # Optimised, since some refusals (attribute error) need the compiler to see what is left of a call.
    command = [compiler, f"-std={standard}", *FLAGS[ending][family], "-O1", *(f"-I{i}" for i in includes),
               "-c", path, "-o", os.devnull]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                         env={**os.environ, "LC_ALL": "C"})
    return ran.returncode, ran.stdout


def expectations(text, family):
    for match in re.finditer(r"/\* expect(?: (gcc|clang))?: (.*?) \*/", text):
        if match.group(1) in (None, family):
            yield match.group(2)


def judge_ok(family, compiler, standard, path, includes):
    status, said = compile_one(family, compiler, standard, path, includes)
    return None if status == 0 else f"{path}: {compiler} -std={standard}:\n{said}"


def judge_refused(family, compiler, standard, path, includes):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    expected = list(expectations(text, family))
    if "/* expect" not in text:
        return f"{path}: has no /* expect: ... */ comment"
    status, said = compile_one(family, compiler, standard, path, includes)
    if status == 0:
        return f"{path}: {compiler} -std={standard} took it, and must not"
    missing = [e for e in expected if e not in said]
    return f"{path}: {compiler} -std={standard} did not say: {missing}\n{said}" if missing else None


def jobs(programs, standards):
    for kind, judge in (("ok", judge_ok), ("refused", judge_refused)):
        for path in sorted(glob.glob(os.path.join(programs, kind, "*.c")) + glob.glob(os.path.join(programs, kind, "*.cc"))):
            ending = os.path.splitext(path)[1]
            with open(path, encoding="utf-8") as file:
                named = re.search(r"/\* standards: (.*?) \*/", file.read())
            for family, compiler in compilers(ending):
                for standard in named.group(1).split() if named else standards[ending]:
                    yield judge, family, compiler, standard, path


def run(programs, includes, standards):
    todo = list(jobs(programs, standards))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        errors = [e for e in pool.map(lambda job: job[0](*job[1:], includes), todo) if e]
    return len(todo), errors


def self_test():
    if not list(compilers(".c")):
        print("there is no C compiler")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        def verdict(kind, text):
            for old in glob.glob(os.path.join(folder, "*", "*.c")):
                os.unlink(old)
            os.makedirs(os.path.join(folder, kind), exist_ok=True)
            with open(os.path.join(folder, kind, "x.c"), "w", encoding="utf-8") as file:
                file.write(text)
            return run(folder, [], {".c": ["gnu11"], ".cc": []})[1]

        good, bad = "int f(void);\nint f(void) { return 1; }\n", "int f(void);\nint f(void) { return nothing; }\n"
        assert not verdict("ok", good)
        assert verdict("ok", bad), "an error was not seen"
        assert verdict("ok", "int f(long x);\nint f(long x) { return x; }\n"), "a warning was not seen"
        assert verdict("refused", "/* expect: nothing */\n" + good), "a program that compiles was not seen"
        assert verdict("refused", bad), "a missing expectation was not seen"
        assert verdict("refused", "/* expect: some other text */\n" + bad), "the wrong reason was not seen"
        assert not verdict("refused", "/* expect: nothing */\n/* expect gcc: undeclared */\n" + bad)
    print("compile: the checks can fail")
    return 0


def main(words):
    if words == ["--self-test"]:
        return self_test()
    includes = [words[i + 1] for i, w in enumerate(words) if w == "--include"]
    programs = words[words.index("--programs") + 1]
    count, errors = run(programs, includes, QUICK if "--quick" in words else STANDARDS)
    if errors:
        print("\n".join(errors))
        print(f"compile: {len(errors)} of {count} are not as they should be")
        return 1
    if count == 0:
        print("compile: there is nothing to compile in", programs)
        return 77 if not shutil.which("cc") else 1
    names = sorted({os.path.basename(c) for e in (".c", ".cc") for _, c in compilers(e)})
    print(f"compile: {count} compilations as they should be ({', '.join(names)})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
