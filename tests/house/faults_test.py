#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds tests/faults.md to the tests that are there.

    faults_test.py               each row says what a fault leads to, and names tests that exist
    faults_test.py --self-test   proves that it can fail

A row is `| fault | what it leads to | tests |`. A test is `file: case` in backquotes: a file below tests/ and a function in it
(C), or a case of a macro TEST(case). A row without a test says `does not apply:` and why.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = os.path.join(ROOT, "tests", "faults.md")
REASON_MIN = 40


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def has_case(text, case):
    """True where `case` is defined, not only called."""
    return re.search(rf"^(?:TEST\({case}\)|(?:static )?(?:inline )?[\w *]+\b{case}\((?:[^;{{]|\n)*?\)\n\{{)", text,
                     re.MULTILINE) is not None


def check_row(number, cells, read_test):
    """What is wrong with one row."""
    if len(cells) != 3 or not cells[0]:
        return [f"{number}: a row has three columns: fault, what it leads to, tests"]
    tests = re.findall(r"`([^`:]+): ([^`]+)`", cells[2])
    if not tests:
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


def self_test():
    tests = {"a_test.c": "TEST(one)\n{\n}\n\nstatic int two(void *data)\n{\n    three();\n}\n"}
    cases = [
        ("| f | told | `a_test.c: one` |", 0), ("| f | told | `a_test.c: one`, `a_test.c: two` |", 0),
        ("| f | told | `a_test.c: three` |", 1), ("| f | told | `b_test.c: one` |", 1), ("| f | told | |", 1),
        ("| f | | `a_test.c: one` |", 1), ("| f | does not apply: no | |", 1),
        ("| f | does not apply: because nothing here ever asks for it, see there | |", 0), ("| f | `a_test.c: one` |", 1),
    ]
    for row, expected in cases:
        wrong, _ = check(row, tests.get)
        if (len(wrong) > 0) != expected:
            sys.exit(f"faults_test.py --self-test: {row}: {wrong}")
    print(f"faults: {len(cases)} rows judged as they should be")


def main(words):
    if words == ["--self-test"]:
        self_test()
        return
    wrong, rows = check(read(TABLE), lambda path: read(os.path.join(ROOT, "tests", path)))
    if wrong:
        sys.exit("\n".join("tests/faults.md:" + line for line in wrong))
    print(f"faults: {rows} rows, each with its test or a reason")


if __name__ == "__main__":
    main(sys.argv[1:])
