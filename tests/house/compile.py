#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles programs of users as a user with strict flags would, and runs some.

    compile.py [--quick] [--library FILE] --include DIR --programs DIR
    compile.py --self-test                                proves that it can fail

DIR/ok/*.c and *.cc compile with each compiler there is, under each standard, without a warning. With --library those whose
first comment says `run` are also linked with it and have to end with status 0.

DIR/refused/*.c and *.cc must not compile. A file is a head and cases; a case begins with comments:

    /* expect: text */                  must be in what the compiler says; `expect gcc:`, `expect clang:` are for one of them
    /* expect on each line: text */     must be said of each line that is indented and ends with a semicolon
    /* standards: gnu11 c11 gnu17 */    only these can refuse it
    /* not: gcc 11 */                   this one cannot
    /* flags: -Werror=unused-result */  what the user has to add

Refused means an error, without -Werror; gcc 11 alone gets it, since no macro can turn its warnings into errors.

Each public macro of asyncio's headers is called in DIR/ok, in C and in C++; of aiohttp's those that are not a client's.

Compilers: every gcc, g++, clang and clang++ on the PATH, plain and numbered, from gcc 11 and clang 14 on. --quick takes the
plain ones, and leaves out standards that differ little.
"""
import concurrent.futures
import glob
import itertools
import os
import re
import subprocess
import sys
import tempfile

WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow".split()
FLAGS = {".c": WARNINGS + ["-Wstrict-prototypes", "-Woverride-init"],
         ".cc": WARNINGS + ["-Woverloaded-virtual", "-Wnon-virtual-dtor"]}
STANDARDS = {".c": ["gnu11", "c11", "gnu17", "gnu2x"], ".cc": ["c++17", "gnu++17", "c++20"]}
REFUSING = {".c": ["c11", "gnu2x"], ".cc": ["c++17"]}
QUICK = {".c": ["gnu11"], ".cc": ["c++17"]}
NAMES = {".c": ("gcc", "clang"), ".cc": ("g++", "clang++")}
OLDEST = {"gcc": 11, "clang": 14}
OUTPUT = {"LC_ALL": "C"}
OF_CLIENTS = ("client", "connector", "cookie_jar", "digest_auth", "proxy", "tracing", "web_websocket", "websocket")


class Compiler:
    def __init__(self, path, family, version):
        self.path, self.family, self.version = path, family, version

    def __str__(self):
        return f"{os.path.basename(self.path)} ({self.family} {self.version})"


def say(command, timeout=120):
    try:
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                             check=False, env={**os.environ, **OUTPUT}, timeout=timeout)
    except subprocess.TimeoutExpired as late:
        return 124, f"{(late.stdout or b'').decode(errors='replace')}\nno end after {timeout} seconds"
    return ran.returncode, ran.stdout


def compilers(ending, quick):
    found = {}
    for name in NAMES[ending]:
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            for path in glob.glob(os.path.join(folder, glob.escape(name) + "*")):
                if re.fullmatch(re.escape(name) + r"(-\d+)?", os.path.basename(path)) and os.access(path, os.X_OK):
                    found.setdefault(os.path.realpath(path), path)
                    if os.path.basename(path) == name:
                        found[os.path.realpath(path)] = path
    made = []
    for path in sorted(found.values()):
        macros = say([path, "-dM", "-E", "-xc", os.devnull])[1]
        family = "clang" if "__clang_major__" in macros else "gcc"
        version = re.search(r"#define __%s__ (\d+)" % ("clang_major" if family == "clang" else "GNUC"), macros)
        if version and int(version.group(1)) >= OLDEST[family]:
            made.append(Compiler(path, family, int(version.group(1))))
    return [c for c in made if os.path.basename(c.path) in NAMES[ending]] if quick else made


class Job:
    """One compilation, and what is to come of it."""

    def __init__(self, compiler, standard, path, more=(), expected=None, text=None, line=0):
        self.compiler, self.standard, self.path, self.more = compiler, standard, path, list(more)
        self.expected, self.text, self.line = expected, text, line
        self.each_line = []

    def __str__(self):
        return f"{self.path}:{self.line}: {self.compiler} -std={self.standard} {' '.join(self.more)}"

    def command(self, source, output, includes):
        ending = os.path.splitext(self.path)[1]
        return [self.compiler.path, f"-std={self.standard}", *FLAGS[ending], *self.more,
                *(f"-I{i}" for i in includes), f"-I{os.path.dirname(self.path)}", *source, *output]

    def judge(self, includes, library):
        if self.expected is not None:
            return self.judge_refused(includes)
        if library:
            return self.judge_run(includes, library)
        status, said = say(self.command([self.path], ["-c", "-o", os.devnull], includes))
        return None if status == 0 else f"{self}:\n{said}"

    def judge_refused(self, includes):
        ending = os.path.splitext(self.path)[1]
        with tempfile.NamedTemporaryFile("w", suffix=ending, encoding="utf-8") as file:
            file.write(self.text)
            file.flush()
            status, said = say(self.command([file.name], ["-c", "-o", os.devnull], includes))
        if status == 0:
            return f"{self} took it, and must not"
        missing = [e for e in self.expected if e not in said]
        for text in self.each_line:
            lines = [n for n, line in enumerate(self.text.splitlines(), 1) if n > self.line and re.match(r" .*;$", line)]
            missing += [f"{text} (line {n})" for n in lines if not re.search(rf"{re.escape(file.name)}:{n}:", said)]
            if said.count(text) < len(lines):
                missing.append(f"{len(lines)} times {text}")
        return f"{self} did not say: {missing}\n{said}" if missing else None

    def judge_run(self, includes, library):
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "program")
            link = [library, f"-Wl,-rpath,{os.path.dirname(os.path.abspath(library))}", "-o", program, "-lpthread"]
            status, said = say(self.command([self.path], link, includes))
            if status == 0:
                status, said = say([program], 60)
                said = f"ended with status {status}\n{said}"
        return None if status == 0 else f"{self}:\n{said}"


def cases(text):
    """The cases of a refused file: line, comments, source with the head before it."""
    lines = text.splitlines(keepends=True)
    starts = [i for i, line in enumerate(lines) if line.startswith("/* expect")
              and not (i and lines[i - 1].startswith("/* expect"))]
    head = lines[:starts[0]] if starts else lines
    for start, end in zip(starts, starts[1:] + [len(lines)]):
        comments = "".join(itertools.takewhile(lambda line: line.startswith("/* "), lines[start:end]))
        yield start + 1, comments, "".join(head + ["\n"] * (start - len(head)) + lines[start:end])


def refused_jobs(path, text, makers, standards):
    ending = os.path.splitext(path)[1]
    for line, comments, source in cases(text):
        named = re.search(r"/\* standards: (.*?) \*/", comments)
        flags = re.search(r"/\* flags: (.*?) \*/", comments)
        cannot = re.findall(r"/\* not: (\w+) (\d+) \*/", comments)
        which = [s for s in standards[ending] if s in named.group(1).split()] if named else standards[ending]
        for compiler in makers[ending]:
            if (compiler.family, str(compiler.version)) in cannot:
                continue
            expected = [m.group(2) for m in re.finditer(r"/\* expect(?: (gcc|clang))?: (.*?) \*/", comments)
                        if m.group(1) in (None, compiler.family)]
            more = ["-Werror"] if (compiler.family, compiler.version) == ("gcc", 11) else []
            more += ["-ferror-limit=0"] if compiler.family == "clang" else []
            for standard in which:
                job = Job(compiler, standard, path, more + (flags.group(1).split() if flags else []), expected, source,
                          line)
                job.each_line = re.findall(r"/\* expect on each line: (.*?) \*/", comments)
                yield job


def uncalled(include, folder):
    """Public macros of asyncio and aiohttp that no program in ok/ calls, in one of the languages."""
    headers = glob.glob(os.path.join(include, "*.h")) + glob.glob(os.path.join(include, "*", "*.h"))
    headers = [path for path in headers if not os.path.basename(path).startswith(OF_CLIENTS)]
    macros = set()
    for path in headers:
        with open(path, encoding="utf-8") as file:
            macros |= set(re.findall(r"^#\s*define ((?:asyncio|aiohttp)_[a-z0-9]\w*)\(", file.read(), re.M))
    for ending in NAMES:
        text = ""
        for path in glob.glob(os.path.join(folder, "ok", "*" + ending)) + glob.glob(os.path.join(folder, "ok", "*.h")):
            with open(path, encoding="utf-8") as file:
                text += re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read(), flags=re.S)
        called = set(re.findall(r"\b(\w+)\(", text))
        for macro in sorted(macros - called):
            yield f"{macro} is called in no program {folder}/ok/*{ending}"


def programs_of(folder, kind):
    for path in sorted(glob.glob(os.path.join(folder, kind, "*.c")) + glob.glob(os.path.join(folder, kind, "*.cc"))):
        with open(path, encoding="utf-8") as file:
            yield path, os.path.splitext(path)[1], file.read()


def jobs(folder, makers, standards, refusing, levels):
    """Compilations; of them, again, those to run; and what is wrong with the files."""
    made, runs, errors = [], [], []
    for path, ending, text in programs_of(folder, "ok"):
        for compiler in makers[ending]:
            for level in levels:
                which = standards[ending] if level == levels[-1] else standards[ending][:1]
                made += [Job(compiler, s, path, [level, "-Werror"]) for s in which]
                if re.match(r"(/\*|//).*\n(/\*|//) run\n", text):
                    runs.append(Job(compiler, which[-1], path, [level]))
    for path, ending, text in programs_of(folder, "refused"):
        if not list(cases(text)):
            errors.append(f"{path}: has no /* expect: ... */ comment")
        made += refused_jobs(path, text, makers, refusing)
    return made, runs, errors


def run(folder, includes, library, quick, standards, refusing):
    """How many compilations, how many runs, with which compilers, and what went wrong."""
    makers = {ending: compilers(ending, quick) for ending in NAMES}
    made, runs, errors = jobs(folder, makers, standards, refusing, ("-O2",) if quick else ("-O0", "-O2"))
    if not library:
        runs = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        errors += filter(None, pool.map(lambda job: job.judge(includes, None), made))
        errors += filter(None, pool.map(lambda job: job.judge(includes, library), runs))
    return len(made), len(runs), sorted({str(c) for m in makers.values() for c in m}), errors


def self_test():
    if not compilers(".c", True):
        print("there is no C compiler")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        def verdict(kind, text):
            for old in glob.glob(os.path.join(folder, "*", "*.c")):
                os.unlink(old)
            os.makedirs(os.path.join(folder, kind), exist_ok=True)
            with open(os.path.join(folder, kind, "x.c"), "w", encoding="utf-8") as file:
                file.write(text)
            library = os.path.join(folder, "none.c")
            with open(library, "w", encoding="utf-8") as file:
                file.write("typedef int none;\n")
            return run(folder, [], library, True, *2 * ({".c": ["gnu11"], ".cc": []},))[3]

        good, bad = "int f(void);\nint f(void) { return 1; }\n", "int f(void);\nint f(void) { return nothing; }\n"
        assert not verdict("ok", good)
        assert verdict("ok", bad), "an error was not seen"
        assert verdict("ok", "int f(long x);\nint f(long x) { return x; }\n"), "a warning was not seen"
        assert not verdict("ok", "/* x */\n/* run\n */\nint main(void) { return 0; }\n")
        assert verdict("ok", "/* x */\n/* run\n */\nint main(void) { return 3; }\n"), "a status was not seen"
        assert verdict("refused", "/* expect: nothing */\n" + good), "a program that compiles was not seen"
        assert verdict("refused", bad), "a missing expectation was not seen"
        assert verdict("refused", "/* expect: some other text */\n" + bad), "the wrong reason was not seen"
        both = "/* expect: nothing */\n/* expect gcc: undeclared */\n" + bad
        assert not verdict("refused", both)
        assert verdict("refused", both + "/* expect: nothing */\n" + good), "the second case was not seen"
        assert verdict("refused", both + "/* expect: x */\n/* flags: -Wall */\n" + good), "a case with flags was not seen"
        include = os.path.join(folder, "include")
        os.makedirs(include)
        with open(os.path.join(include, "asyncio.h"), "w", encoding="utf-8") as file:
            file.write("#define asyncio_x(...) 1\n#define asyncio__y(...) 1\n")
        verdict("ok", "/* asyncio_x() */\n" + good)
        assert len(list(uncalled(include, folder))) == 2, "a macro that is not called was not seen"
        verdict("ok", "int f = asyncio_x();\n")
        assert len(list(uncalled(include, folder))) == 1
        each = "/* expect on each line: undeclared */\nvoid f(void);\nvoid f(void)\n{\n    nothing();\n    %s;\n}\n"
        assert not verdict("refused", each.replace("nothing()", "one") % "two")
        assert verdict("refused", each % "f()"), "a line without an error was not seen"
    print("compile: the checks can fail")
    return 0


def main(words):
    if words == ["--self-test"]:
        return self_test()
    value = {w: words[i + 1] for i, w in enumerate(words) if w in ("--include", "--library", "--programs")}
    quick = "--quick" in words
    count, ran, names, errors = run(value["--programs"], [value["--include"]], value.get("--library"), quick,
                                    *((QUICK, QUICK) if quick else (STANDARDS, REFUSING)))
    errors += uncalled(value["--include"], value["--programs"])
    print("\n".join(errors))
    print(f"compile: {count} compilations and {ran} runs with {len(names)} compilers: {', '.join(names)}")
    print(f"{count + ran - len(errors)} passed, {len(errors)} failed")
    if not names:
        return 77
    return 1 if errors or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
