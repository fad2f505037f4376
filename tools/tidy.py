#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The house style, as far as a program can see it (CONTRIBUTING.md says why each rule is there).

    tidy.py                       all files that belong to the project
    tidy.py --exported LIBRARY    the symbols that the shared library shows: all asyncio_* or aiohttp_*, and some
    tidy.py --self-test           proves that it can fail

Checked: the SPDX line, no tabs, no blank at a line's end, 100 columns, 800 lines a file, 70 lines a
function, functions nobody should call, allocation only in base/alloc.c, a manual above every public function, names of
internal linked functions, paths that the *.md name.
"""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import floors      # noqa: E402
import manpages    # noqa: E402

ROOT = floors.ROOT
FOLDERS = (".ci", "aiohttp", "asyncio", "bench", "cmake", "docs", "examples", "fuzz", "include", "tests", "tools")
NO_SPDX = ("LICENSE", "tools/help.txt")
DATA = (".json", ".txt", ".trace", ".html", ".css", ".png", ".svg", ".ico", ".out", ".expected")
SOURCE = (".c", ".h", ".cc", ".S")
FILE_LINES, FUNCTION_LINES, COLUMNS = 800, 70, 100

# Everywhere in C: the name, and what to do instead.
BANNED = {
    "sprintf": "snprintf, which knows the size", "vsprintf": "vsnprintf", "strcpy": "memcpy or snprintf",
    "strcat": "snprintf", "strncpy": "memcpy and an explicit end", "strncat": "snprintf", "gets": "fgets",
    "strtok": "strtok_r, or a loop", "alloca": "a buffer with a maximum", "atoi": "strtol, which sees errors",
    "atol": "strtol", "atof": "strtod", "localtime": "localtime_r", "gmtime": "gmtime_r",
    "tmpnam": "mkstemp", "mktemp": "mkstemp", "strerror": "strerror_r, or the table of errors",
}
# In the library only.
LIBRARY_BANNED = {
    "printf": "the library does not print", "puts": "the library does not print", "putchar": "the library does not print",
    "perror": "the library does not print", "exit": "the library does not end the program",
    "abort": "the library does not end the program", "signal": "sigaction",
    "setjmp": "a result", "longjmp": "a result", "assert": "a result: nothing may depend on it (CVE-2025-69227)",
}
ALLOCATORS = ("malloc", "calloc", "realloc", "free", "strdup", "strndup", "asprintf", "vasprintf", "aligned_alloc",
              "posix_memalign", "memalign", "reallocarray", "getline", "getdelim", "open_memstream")
# (path, name): why.
ALLOWED = {
    ("tests/*", "strerror"): "a test has one thread that prints",
    ("bench/*", "strerror"): "a benchmark prints from one thread",
    ("examples/*", "strerror"): "an example prints from one thread",
    ("tests/*", "atoi"): "on text that the test knows",
    ("asyncio/loop/signals.c", "signal"): "back to the default action, in a handler: the two calls do the same",
    ("aiohttp/message/coding_brotli.c", "setjmp"): "libbrotli's encoder ends the process without memory, and gives no result",
    ("aiohttp/message/coding_brotli.c", "longjmp"): "the same",
    ("bench/*", "atoi"): "arguments that our own script passes",
    ("bench/*", "atof"): "arguments that our own script passes",
    ("bench/*", "atol"): "arguments that our own script passes",
}
CALL = re.compile(r"(?<![\w.>])([a-z]\w*)\s*\(")


def like(path, pattern):
    return path.startswith(pattern[:-1]) if pattern.endswith("/*") else path == pattern


def check_text(path, text):
    lines = text.split("\n")
    if path not in NO_SPDX and not path.endswith(DATA):
        head = lines[:3] if lines[0].startswith("#!") or path.endswith(".html") else lines[:1]
        if not any("SPDX-License-Identifier: MIT" in line for line in head):
            yield f"{path}:1: the first line says SPDX-License-Identifier: MIT"
    if path.endswith(DATA):
        return
    if text and not text.endswith("\n"):
        yield f"{path}:{len(lines)}: the last line has no end"
    if len(lines) - 1 > FILE_LINES:
        yield f"{path}: {len(lines) - 1} lines; {FILE_LINES} are the most a file may have"
    for number, line in enumerate(lines, 1):
        if "\t" in line and not path.endswith(("Makefile", ".go")):
            yield f"{path}:{number}: a tab"
        if line != line.rstrip():
            yield f"{path}:{number}: blanks at the end of the line"


def check_columns(path, text):
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > COLUMNS:
            yield f"{path}:{number}: {len(line)} columns; {COLUMNS} are the most (tools/format mends it)"


def check_functions(path, text):
    start, name = None, ""
    previous = ""
    for number, line in enumerate(floors.bare(text).split("\n"), 1):
        if line.rstrip() == "{" or (line and not line[0].isspace() and re.search(r"\)\s*\{$", line)):
            start, name = number, (line if line.rstrip() != "{" else previous).strip()
        elif line.startswith("}") and start is not None:
            if number - start - 1 > FUNCTION_LINES:
                yield f"{path}:{start}: {number - start - 1} lines in one function ({name[:60]}); {FUNCTION_LINES} are the most"
            start = None
        if line.strip():
            previous = line


def check_calls(path, text):
    library = path.startswith(("asyncio/", "aiohttp/"))
    for number, line in enumerate(floors.bare(text).split("\n"), 1):
        if re.match(r"\s*#\s*(define|include)", line) and not library:
            continue
        for name in CALL.findall(line):
            instead = BANNED.get(name) or (LIBRARY_BANNED.get(name) if library else None)
            if library and name in ALLOCATORS and path != "asyncio/base/alloc.c":
                instead = "base/alloc.h (asyncio_mem_* in aiohttp), which tests can make fail"
            if instead and not any(like(path, p) and name == n for p, n in ALLOWED):
                yield f"{path}:{number}: {name}(): {instead}"


def check_internal_header(path, text):
    """Functions declared in a header below asyncio/ or aiohttp/ are linked: they are asyncio__, aiohttp__, or public."""
    code = floors.bare(text)
    for match in re.finditer(r"^(?!static|typedef|#|\s|return)[\w \*]+?\b(\w+)\s*\((?:\*(\w+)\))?[^;{]*\)[^;{]*;", code, re.M):
        name = match.group(2) or match.group(1)
        if not name.startswith(("asyncio_", "aiohttp_", "__attribute__", "_Static_assert", "static_assert")):
            number = code.count("\n", 0, match.start()) + 1
            yield f"{path}:{number}: {name}: what is linked between files begins with {path.split('/')[0]}__"


def check_paths(path, text):
    """What the pages for developers call by its path has to be there."""
    for number, line in enumerate(text.split("\n"), 1):
        for named in re.findall(rf"`((?:{'|'.join(map(re.escape, FOLDERS))})/[\w/.-]+\.(?:c|h|cc|S|py|md))`", line):
            if not any(os.path.exists(os.path.join(ROOT, place, named)) for place in ("", "include")):
                yield f"{path}:{number}: there is no {named}"


def check(path, text):
    errors = [*check_text(path, text)]
    if path.endswith(SOURCE):
        errors += check_columns(path, text)
    if path.endswith((".c", ".h", ".cc")):
        errors += [*check_functions(path, text), *check_calls(path, text)]
    if path.endswith(".md") and path != "CHANGELOG.md":
        errors += check_paths(path, text)
    if path.startswith(("asyncio/", "aiohttp/")) and path.endswith(".h"):
        errors += check_internal_header(path, text)
    return errors


def promised(header):
    """What a public header declares with ASYNCIO_API."""
    return re.findall(r"^(?:ASYNCIO|AIOHTTP)_API\b[^;{}()]*?\(?\b((?:asyncio|aiohttp)_\w+)\)?\s*\(", floors.bare(header), re.M)


def check_exported(listing, wanted=(), prefix="asyncio_"):
    names = [line.split()[0].split("@")[0] for line in listing.splitlines() if line.split()]
    names = [n for n in names if not re.fullmatch(r"LIB[A-Z]+_\d+", n)]
    errors = [f"{n}: exported, and is not {prefix}*" for n in names if not n.startswith(prefix)]
    errors += [f"{n}: declared in a public header, and not in the library" for n in sorted(set(wanted) - set(names))]
    if not any(re.match(prefix + "[a-z]", n) for n in names):
        errors.append("not one public symbol is exported")
    return errors, len(names)


def everything():
    """What git has or would take; without git, all files of the project's folders."""
    listed = shutil.which("git") and subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listed and listed.returncode == 0:
        return sorted(p for p in set(listed.stdout.split("\0")) if p and os.path.isfile(os.path.join(ROOT, p)))
    return sorted(p for folder in FOLDERS for p in floors.files_below(folder, "")
                  if "__pycache__" not in p and "/results/" not in p and "/target/" not in p)


def self_test():
    spdx = "/* SPDX-License-Identifier: MIT */\n"

    def verdict(text, path="asyncio/task/x.c"):
        return check(path, text)

    assert verdict(spdx + "int x;\n") == []
    assert verdict("int x;\n"), "a missing SPDX line"
    assert verdict(spdx + "\tint x;\n"), "a tab"
    assert verdict(spdx + "int x; \n"), "a blank at the end"
    assert verdict(spdx + "int x;"), "no end of line"
    assert verdict(spdx + "int x;\n" * 800), "a long file"
    assert verdict(spdx + "int " + "x" * 96 + ";\n"), "a long line"
    assert verdict(spdx + "/* " + "x" * 94 + " */\n") == [] and verdict(spdx + "/* " + "x" * 95 + " */\n"), "a long comment"
    assert verdict(spdx + "int f(void)\n{\n" + "    x();\n" * 70 + "}\n") == []
    assert verdict(spdx + "int f(void)\n{\n" + "    x();\n" * 71 + "}\n"), "a long function"
    assert verdict(spdx + "    strcpy(a, b);\n"), "strcpy"
    assert verdict(spdx + "    /* strcpy(a, b) */ \"strcpy(\"; x->strcpy(1);\n") == []
    assert verdict(spdx + "    p = malloc(1);\n"), "malloc"
    assert verdict(spdx + "    p = malloc(1);\n", "asyncio/base/alloc.c") == []
    assert verdict(spdx + "    p = malloc(1); puts(p);\n", "tests/task/x_test.c") == []
    assert verdict(spdx + "    puts(p);\n"), "puts"
    assert verdict(spdx + "int list_len(void);\n", "asyncio/base/x.h"), "a linked name without prefix"
    assert verdict(spdx + "extern int (*list_hook)(void);\n", "asyncio/base/x.h"), "a linked pointer without prefix"
    assert verdict(spdx + "extern int (*asyncio__hook)(void);\n", "asyncio/base/x.h") == []
    assert verdict(spdx + "int asyncio__len(void);\n#define F(x) g(x);\n", "asyncio/base/x.h") == []
    md = "<!-- SPDX-License-Identifier: MIT -->\nSee `%s`.\n"
    assert verdict(md % "tools/tidy.py", "X.md") == [] and verdict(md % "asyncio/task.h", "X.md") == []
    assert verdict(md % "tools/none.py", "X.md"), "a path that is not there"
    assert check_exported("asyncio_run T 0 1\nlist_len T 0 1\n")[0] and check_exported("")[0]
    assert check_exported("LIBASYNCIO_0 A 0 0\nasyncio_run T 0 1\nasyncio__stackful R 0 1\n")[0] == []
    assert check_exported("asyncio_run T 0 1\n", ["asyncio_run", "asyncio_wait"])[0], "a missing function"
    assert promised("ASYNCIO_API ASYNCIO_MUST_CHECK int asyncio_run(int x);\nASYNCIO_API void *asyncio_alloc(int x);\n"
                    "ASYNCIO_API int(asyncio_wait)(int x);\n") == ["asyncio_run", "asyncio_alloc", "asyncio_wait"]
    print("tidy: the checks can fail")


def main(words):
    if words == ["--self-test"]:
        return self_test()
    if len(words) == 2 and words[0] == "--exported":
        listing = subprocess.run([os.environ.get("NM", "nm"), "-D", "-P", "--defined-only", words[1]], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        prefix = "aiohttp_" if "libaiohttp" in os.path.basename(words[1]) else "asyncio_"
        wanted = [n for path in floors.files_below("include", (".h",)) for n in promised(floors.read(path)) if n.startswith(prefix)]
        errors, count = check_exported(listing, wanted, prefix)
        what = f"{count} exported symbols"
    elif words:
        sys.exit(__doc__)
    else:
        paths = [p for p in everything() if not p.endswith((".png", ".ico", ".bin"))]
        errors = [e for path in paths for e in check(path, floors.read(path))]
        errors += [f"include/{h.library}/{h.name}: {n} has no manual above it" for h in manpages.headers() for n in h.undocumented]
        what = f"{len(paths)} files"
    print("\n".join(errors) if errors else f"tidy: {what}: nothing to mend")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
