#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The perfect hash of header names: makes aiohttp/wire/names_table.h of the list in aiohttp/wire/names.h.

    names.py           writes it
    names.py --check   fails when it is not made of this list

The hash takes the length, the first two letters and the last two, in lower case. Factors are tried until no two names share a
slot; the same list gives the same factors.
"""
import os
import random
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIST = os.path.join(ROOT, "aiohttp/wire/names.h")
TABLE = os.path.join(ROOT, "aiohttp/wire/names_table.h")
SLOTS, SHIFT, LONGEST = 512, 20, 32

HEAD = """/* SPDX-License-Identifier: MIT */
/* Made by tools/names.py of the list in names.h: the perfect hash of header names. */
#pragma once
"""


def names():
    with open(LIST, encoding="utf-8") as file:
        return [text for _, text in re.findall(r'X\((\w+), "([\w-]+)"\)', file.read())]


def slot(name, factors):
    low = [ord(c) | 0x20 for c in name]
    parts = (len(low), low[0] | low[1] << 8, low[-2] | low[-1] << 8)
    return (sum(p * f for p, f in zip(parts, factors)) & 0xffffffff) >> SHIFT & SLOTS - 1


def all_differ(found, factors):
    taken = set()
    for name in found:
        at = slot(name, factors)
        if at in taken:
            return False
        taken.add(at)
    return True


def search(found):
    chance = random.Random(1)
    for _ in range(1000000):
        factors = [chance.randrange(1 << 32) | 1 for _ in range(3)]
        if all_differ(found, factors):
            return factors
    sys.exit("no perfect hash: more slots, or other letters")


def table():
    found = names()
    assert len({n.lower() for n in found}) == len(found), "a name is there twice"
    assert max(map(len, found)) <= LONGEST
    factors = search(found)
    slots = [0] * SLOTS
    for number, name in enumerate(found, 1):
        slots[slot(name, factors)] = number
    rows = "".join("    " + " ".join(f"{s}," for s in slots[at:at + 16]) + " \\\n" for at in range(0, SLOTS, 16))
    text = HEAD + f"\n#define NAMES_SLOTS {SLOTS}\n#define NAMES_SHIFT {SHIFT}\n#define NAMES_LONGEST {LONGEST}\n"
    for what, factor in zip(("SIZE", "FIRST", "LAST"), factors):
        text += f"#define NAMES_{what} {factor}u\n"
    return text + "\n/* clang-format off */\n#define NAMES_TABLE { \\\n" + rows + "}\n/* clang-format on */\n"


def main(words):
    if words == ["--check"]:
        with open(TABLE, encoding="utf-8") as file:
            if file.read() != table():
                sys.exit("aiohttp/wire/names_table.h is not made of this names.h: run tools/names.py")
    elif not words:
        with open(TABLE, "w", encoding="utf-8") as file:
            file.write(table())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
