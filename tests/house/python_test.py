#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds docs/python.md, every name of Python's asyncio beside ours, to the headers and to Python.

    python_test.py                checks
    python_test.py --write        replaces each "coming" that has come, and makes docs/python.html of it
    python_test.py --self-test    proves that it can fail

Every public name of Python's asyncio has one row: those that names_test.py knows, and those of a living Python (3.13 or later,
PYTHON= names it; without one that part is left out, and said so). Its second column has names of the headers, "coming" while
no header has the name that follows from Python's, or "none", and then the third says why. docs/python.html is made of it.
"""
import html
import os
import re
import subprocess
import sys

import names_test

ROOT = names_test.ROOT
GUIDE = os.path.join(ROOT, "docs", "python.md")
PAGE = os.path.join(ROOT, "docs", "python.html")
OURS = "## What Python has no word for\n"
ROW = re.compile(r"^\| `([^`]+)` \| (.*?) \| (.*?)\|$", re.M)

# Asked of a living Python: what asyncio exports, and what is public of its classes by themselves.
ASK = """
import asyncio, asyncio.subprocess
skip = {"AbstractServer", "EventLoop", "BaseEventLoop", "SelectorEventLoop", "StreamReaderProtocol"}
for name in asyncio.__all__:
    thing = getattr(asyncio, name)
    print(name)
    if isinstance(thing, type) and not issubclass(thing, BaseException) and name not in skip:
        if not name.endswith(("Policy", "Watcher")):
            cls = "loop" if name == "AbstractEventLoop" else name
            print("\\n".join(f"{cls}.{m}" for m in vars(thing) if not m.startswith("_")))
print("\\n".join(f"Process.{m}" for m in vars(asyncio.subprocess.Process) if not m.startswith("_")))
"""


def living_python():
    """The names of a CPython from 3.13 on, and its version; or nothing."""
    sys.path.insert(0, os.path.join(ROOT, "tests", "conformance"))
    from find_python import find_python
    python = find_python()
    if not python:
        return [], None
    done = subprocess.run([python, "-W", "ignore", "-c", ASK], text=True, stdout=subprocess.PIPE, check=True)
    version = subprocess.run([python, "-c", "import platform; print(platform.python_version())"], text=True,
                             stdout=subprocess.PIPE, check=True)
    return [n for n in done.stdout.split() if n != "collections.abc"], version.stdout.strip()


def known():
    """The names that names_test.py has, as they stand in the first column."""
    names = list(names_test.FUNCTIONS)
    names.remove("copy_context")
    names.append("contextvars.copy_context")
    for cls, methods in names_test.METHODS.items():
        names.append(cls)
        names += [f"{'loop' if cls == 'AbstractEventLoop' else cls}.{m}" for m in methods.split()]
    return names


def derived(python):
    """What the headers would call it."""
    owner, _, name = python.rpartition(".")
    owner = {"loop": "AbstractEventLoop"}.get(owner, owner)
    if python in names_test.METHODS or name[:1].isupper():
        return "asyncio_" + names_test.snake(python)
    return "asyncio_" + (names_test.snake(owner) + "_" if owner and owner != "contextvars" else "") + name


def come(python, headers):
    """The names of the headers for a row that said "coming"."""
    stem = derived(python)
    return [n for n in (stem + end for end in ("", "_all", "_nowait", "_view", "_init", "_enter", "_exit")) if n in headers]


def check(text, headers, living):
    """What is wrong, in sentences."""
    rows = ROW.findall(text)
    names = [python for python, _, _ in rows]
    yield from (f"`{n}` has {names.count(n)} rows" for n in sorted(set(names)) if names.count(n) > 1)
    yield from (f"`{n}` of Python has no row" for n in dict.fromkeys(known() + living) if n not in names)
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| Python |")]
    yield from (f"not a row: {line}" for line in lines if not ROW.match(line))
    codes = {c for _, c, _ in rows}
    for python, ours, why in rows:
        if ours == "coming":
            if come(python, headers):
                yield f"`{python}` has come: {', '.join(come(python, headers))}. Run tests/house/python_test.py --write"
        elif ours == "none":
            if not why.strip():
                yield f"`{python}` has no counterpart, and no reason"
        elif not re.fullmatch(r"`-?\w+`(, `-?\w+`)*", ours):
            yield f"`{python}`: {ours}: is neither names, nor coming, nor none"
    if not codes:
        yield "there are no rows"


def words_exist(text, source):
    """Names and codes in any column stand in the headers."""
    for name in sorted(set(re.findall(r"\b(?:asyncio_[a-z]\w*|ASYNCIO_[A-Z]\w*)", text))):
        if not re.search(rf"\b{name}\b", source) and not re.search(rf"X\({name[8:]}, ", source):
            yield f"{name}: no header has it"


def rewritten(text, headers):
    def row(match):
        python, ours, why = match.groups()
        found = come(python, headers) if ours == "coming" else []
        return f"| `{python}` | {', '.join(f'`{n}`' for n in found)} | {why}|" if found else match.group(0)
    return ROW.sub(row, text).partition(OURS)[0].rstrip() + "\n\n" + our_own()


def our_own():
    """The last part: our own names and why they are there, from names_test.py."""
    out = [OURS, "`_ref` and `_unref` count references, `_init` and `_fini` make and end what lies in the caller's memory, `_new` makes",
           "what does not; `_enter` and `_exit` are `async with`. Beside these:", ""]
    for names, why in names_test.OURS.items():
        spelled = [f"`{n}`" for n in names.split() if "*" not in n]
        if spelled:
            out.append(f"- {', '.join(spelled)}: {why}")
    return "\n".join(out) + "\n"


def inline(text):
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"(?<![\w>])(-[A-Z][A-Z_0-9]+)\b", r'<span class="code">\1</span>', text)   # is not torn apart at its -
    text = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", text)
    return re.sub(r"\[([^]]+)\]\(([^)]+)\)", r'<a href="\2">\1</a>', text)


def page(text):
    """docs/python.html: the list of pages is that of index.html."""
    with open(os.path.join(ROOT, "docs", "index.html"), encoding="utf-8") as file:
        head, _, _ = file.read().partition("<main>")
    head = head.replace(' aria-current="page"', "").replace('href="python.html"', 'href="python.html" aria-current="page"')
    head = re.sub(r"<title>.*</title>", "<title>Every name of Python's – libasyncio</title>", head)
    out, table, paragraph, bullets = [], [], [], []

    def close():
        if table:
            out.extend(['<table class="names">', "<tr><th>Python</th><th>here</th><th>what differs</th></tr>", *table, "</table>"])
        if paragraph:
            out.append("<p>" + inline("\n".join(paragraph)) + "</p>")
        if bullets:
            out.extend(["<ul>", *bullets, "</ul>"])
        for part in (table, paragraph, bullets):
            part.clear()

    for line in text.splitlines():
        found = ROW.match(line)
        if found:
            python, ours, why = found.groups()
            ours = f"<i>{ours}</i>" if ours in ("coming", "none") else inline(ours).replace("</code>, ", "</code><br>\n")
            table.append(f"<tr><td><code>{html.escape(python)}</code></td><td>{ours}</td><td>{inline(why.strip())}</td></tr>")
        elif line.startswith("#"):
            close()
            level, _, title = line.partition(" ")
            out.append(f"<h{len(level)}>{inline(title)}</h{len(level)}>")
        elif not line.strip():
            close()
        elif line.startswith("- "):
            bullets.append(f"<li>{inline(line[2:])}</li>")
        elif not line.startswith(("|", "<!--", "tests/house/python_test.py", "replaces each")):
            paragraph.append(line)
    close()
    foot = ('<footer>\n<a rel="prev" href="differences.html">← Differences from Python</a>\n'
            '<a rel="next" href="aiohttp.html">aiohttp, every name →</a>\n</footer>\n</main>\n</body>\n</html>\n')
    return head + "<main>\n<!-- Made of python.md by tests/house/python_test.py --write. -->\n" + "\n".join(out) + "\n" + foot


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def header_text():
    folder = os.path.join(ROOT, "include", "asyncio")
    return "\n".join(read(os.path.join(folder, n)) for n in sorted(os.listdir(folder)))


def self_test(text):
    headers = names_test.read_all().all
    base = set(check(text, headers, []))

    def wrong(changed, names=headers, living=()):
        return [w for w in check(changed, names, list(living)) if w not in base]

    def without(row):
        assert row in text, row
        return text.replace(row, "", 1)

    shield = next(line + "\n" for line in text.splitlines() if line.startswith("| `shield` |"))
    assert wrong(without(shield)), "a row that is missing"
    assert wrong(text + shield), "a row that is there twice"
    assert wrong(text, living=["brand_new"]), "a name of a newer Python"
    assert wrong(text + "| `brand_new` | none | |\n"), "no reason"
    assert wrong(text + "| `brand_new` | soon |  |\n"), "neither name nor word"
    assert wrong(text.replace(shield, "| `shield` | coming |  |\n")), "what has come"
    assert rewritten(text.replace(shield, "| `shield` | coming |  |\n"), headers) != text.replace(shield, "| `shield` | coming |  |\n")
    assert list(words_exist("`asyncio_nothing`", header_text())), "a name that does not exist"
    assert not list(words_exist("-ASYNCIO_QUEUE_FULL", header_text()))
    print("python: the checks can fail")
    return 0


def main(words):
    text = read(GUIDE)
    headers = names_test.read_all().all
    if words == ["--self-test"]:
        return self_test(text)
    if words == ["--write"]:
        text = rewritten(text, headers)
        for path, content in ((GUIDE, text), (PAGE, page(text))):
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
    living, version = living_python()
    wrong = [*check(text, headers, living), *words_exist(text, header_text())]
    if text.partition(OURS)[1:] != our_own().partition(OURS)[1:]:
        wrong.append("docs/python.md: our own names are not those of names_test.py: run tests/house/python_test.py --write")
    if not os.path.exists(PAGE) or read(PAGE) != page(text):
        wrong.append("docs/python.html is not made of this docs/python.md: run tests/house/python_test.py --write")
    print("\n".join(wrong))
    ours = [o for _, o, _ in ROW.findall(text)]
    beside = f"; looked through CPython {version}" if version else "; no Python from 3.13 on to look through (PYTHON= names one)"
    print(f"python: {len(ours)} names, {ours.count('coming')} coming, {ours.count('none')} without a counterpart" + beside)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
