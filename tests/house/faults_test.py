#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the tables of tests/ to the tests that are there: faults.md, advisories.md, limits.md.

    faults_test.py               each row says what a fault leads to, and names tests that exist
    faults_test.py --self-test   proves that it can fail

A row is `| fault | what it leads to | tests |`. A test is `file: case` in backquotes: a file below tests/ and a function in it
(C), or a case of a macro TEST(case), ADVISORY(case, ...). A row without a test says `does not apply:` and why; one whose test is
still to be written names in its third column what it comes with: `later: client`. Those are counted. advisories.md has a row for
each of aiohttp's advisories, and each of them a case that has its number in its name (`CVE_2023_47627`, alone or with more behind
it), so that who looks for the number finds what shows it; limits.md has a row for each field of aiohttp_limits.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLES = ("faults.md", "advisories.md", "limits.md")
REASON_MIN = 40
LATER = ("client", "ws")
AIOHTTP_ADVISORIES = 47


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def has_case(text, case):
    """True where `case` is defined, not only called."""
    return re.search(rf"^(?:def {case}\(|(?:TEST|ADVISORY)\({case}[,)]|(?:static )?(?:inline )?[\w *]+\b{case}\((?:[^;{{]|\n)*?\)\n\{{)", text,
                     re.MULTILINE) is not None


def check_row(number, cells, read_test):
    """What is wrong with one row."""
    if len(cells) != 3 or not cells[0]:
        return [f"{number}: a row has three columns: fault, what it leads to, tests"]
    tests = re.findall(r"`([^`:]+): ([^`]+)`", cells[2])
    if not tests:
        if cells[2].startswith("later: "):
            return [] if cells[1] and cells[2][7:] in LATER else [f"{number}: comes with what? {cells[0]}"]
        reason = cells[1].partition("does not apply:")[2].strip()
        return [] if len(reason) >= REASON_MIN else [f"{number}: no test, and no reason why it does not apply: {cells[0]}"]
    wrong = [] if cells[1] else [f"{number}: what does it lead to? {cells[0]}"]
    for path, case in tests:
        text = read_test(path)
        if text is None:
            wrong.append(f"{number}: there is no tests/{path}")
        elif not has_case(text, case):
            wrong.append(f"{number}: tests/{path} has no {case}")
    return wrong


def check(table, read_test):
    wrong, rows = [], 0
    for number, line in enumerate(table.splitlines(), 1):
        if not line.startswith("|") or line.startswith("|---") or line.endswith("| Shown by |"):
            continue
        rows += 1
        wrong += check_row(number, [cell.strip() for cell in line.strip("|").split("|")], read_test)
    return wrong, rows


def CVE_2025_69227():
    """Nothing in the libraries depends on an assertion, which could be compiled out: there is none. What is wrong."""
    wrong = []
    for top in ("asyncio", "aiohttp", "include"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                text = read(os.path.join(folder, name)) if name.endswith((".c", ".h")) else ""
                code = re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"", "", text, flags=re.DOTALL)
                if re.search(r"\bassert\s*\(|<assert\.h>|\bNDEBUG\b", code):
                    wrong.append(f"{os.path.relpath(os.path.join(folder, name), ROOT)} has an assertion")
    return wrong


def check_advisories(table):
    """Each of aiohttp's is there, once, and has a case with its number in its name."""
    section = table.partition("## aiohttp\n")[2].partition("\n## ")[0]
    names = re.findall(r"^\| (CVE-[0-9-]+)", section, re.MULTILINE)
    wrong = [f"{name} is there {names.count(name)} times" for name in sorted(set(names)) if names.count(name) > 1]
    for name, tests in re.findall(r"^\| (CVE-[0-9-]+) \|.*\|([^|]*)\|$", section, re.MULTILINE):
        cases = re.findall(r"`[^`:]+: (\w+)`", tests)
        if not any(re.match(rf"{name.replace('-', '_')}(?:_|$)", case) for case in cases):
            wrong.append(f"{name}: no case has that number in its name")
    return wrong + ([f"{len(names)} advisories of aiohttp, not {AIOHTTP_ADVISORIES}"] if len(names) != AIOHTTP_ADVISORIES else [])


def check_limits(table, header):
    """Each field of the struct has a row, and each row is a field's."""
    struct = header.partition("typedef struct aiohttp_limits {")[2].partition("} aiohttp_limits;")[0]
    fields = re.findall(r"^ +(?:size_t|double) (\w+);", struct, re.MULTILINE)
    rows = re.findall(r"^\| `(\w+)`", table, re.MULTILINE)
    wrong = [f"limits.h has {field}, which has {rows.count(field)} rows here" for field in fields
             if field != "size" and rows.count(field) != 1]
    return wrong + [f"{row} is no field of limits.h" for row in rows if row not in fields]


def self_test():
    tests = {"a_test.py": "def four():\n    pass\n", "a_test.c": "TEST(one)\n{\n}\n\nstatic int two(void *data)\n{\n    three();\n}\n"}
    cases = [
        ("| f | told | `a_test.c: one` |", 0), ("| f | told | `a_test.py: four` |", 0), ("| f | told | `a_test.c: one`, `a_test.c: two` |", 0),
        ("| f | told | `a_test.c: three` |", 1), ("| f | told | `b_test.c: one` |", 1), ("| f | told | |", 1),
        ("| f | | `a_test.c: one` |", 1), ("| f | does not apply: no | |", 1),
        ("| f | does not apply: because nothing here ever asks for it, see there | |", 0), ("| f | `a_test.c: one` |", 1),
    ]
    cases += [("| f | told | later: client |", 0), ("| f | told | later: Monday |", 1), ("| f | | later: client |", 1)]
    struct = "typedef struct aiohttp_limits {\n    size_t size;\n    size_t one;\n    double two; /* 2 */\n} aiohttp_limits;\n"
    both = "| `one` | a | b |\n| `two` | a | b |\n"
    if check_limits(both, struct) or not check_limits(both + "| `three` | a | b |\n", struct) or \
            not check_limits("| `one` | a | b |\n", struct) or not check_advisories("## aiohttp\n\n| CVE-2021-1 | a | b |\n"):
        sys.exit("faults_test.py --self-test: limits or advisories are misjudged")
    advised = "## aiohttp\n\n" + "".join(f"| CVE-2021-{i} | a | `x: CVE_2021_{i}_b` |\n" for i in range(AIOHTTP_ADVISORIES))
    if check_advisories(advised) or not check_advisories(advised.replace("CVE_2021_4_b", "CVE_2021_41_b")) or \
            not check_advisories(advised.replace("CVE_2021_4_b", "other")):
        sys.exit("faults_test.py --self-test: the names of advisories' cases are misjudged")
    for row, expected in cases:
        wrong, _ = check(row, tests.get)
        if (len(wrong) > 0) != expected:
            sys.exit(f"faults_test.py --self-test: {row}: {wrong}")
    print(f"faults: {len(cases)} rows judged as they should be")


def main(words):
    if words == ["--self-test"]:
        self_test()
        return
    tables = {name: read(os.path.join(ROOT, "tests", name)) for name in TABLES}
    wrong = []
    for name, table in tables.items():
        found, rows = check(table, lambda path: read(os.path.join(ROOT, "tests", path)))
        if name == "advisories.md":
            found += check_advisories(table) + CVE_2025_69227()
        elif name == "limits.md":
            found += check_limits(table, read(os.path.join(ROOT, "include", "aiohttp", "limits.h")))
        wrong += [f"tests/{name}:{line}" for line in found]
        later = len(re.findall(r"\| later: \w+ \|$", table, re.MULTILINE))
        print(f"{name}: {rows} rows, each with its test or a reason" + (f"; {later} of them come later" if later else ""))
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(sys.argv[1:])
