#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pages below docs/, and the README, say what is so.

    docs.py                 checks them
    docs.py --self-test     proves that it can fail

Checked: every tag is closed; every link leads to a page, an anchor or a file here, and none to another host; all pages have the
same list of pages; a piece of C marked `data-file` stands in that file, and any other compiles without a warning (`data-given`
has the prototypes it stands on); options, functions and codes that are named in the text exist; the tables of errors are those of
asyncio/error.h and aiohttp/error.h.
"""
import glob
import html
import html.parser
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCS = os.path.join(ROOT, "docs")
EMPTY = ("meta", "link", "br", "img", "hr", "input")
FLAGS = ["-std=gnu11", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wno-unused-function",
         "-Werror", "-x", "c", "-"]
PRELUDE = "#include <aiohttp.h>\n#include <asyncio.h>\n#include <stdbool.h>\n#include <stdio.h>\n"


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.errors, self.open, self.links, self.anchors, self.code, self.nav, self.text = [], [], [], set(), [], [], ""
        self.feed(text)
        self.errors += [f"<{tag}> is not closed" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in EMPTY:
            self.open.append(tag)
        if "id" in attrs:
            self.anchors.add(attrs["id"])
        for name in ("href", "src"):
            if name in attrs:
                self.links.append(attrs[name])
                if "nav" in self.open:
                    self.nav.append(attrs[name])
        if tag == "pre":
            self.code.append([attrs, ""])

    def handle_endtag(self, tag):
        if tag in ("td", "th", "li", "p", "pre"):
            self.text += "\n"
        if not self.open or self.open[-1] != tag:
            self.errors.append(f"</{tag}> closes {self.open[-1:] or 'nothing'}")
        else:
            self.open.pop()

    def handle_data(self, data):
        if "pre" in self.open:
            self.code[-1][1] += data
        else:
            self.text += data


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def compiles(code, given=""):
    """None, or what the compiler says."""
    compiler = os.environ.get("CC", "cc").split()
    done = subprocess.run([*compiler, *FLAGS, "-I" + os.path.join(ROOT, "include")], input=PRELUDE + given + "\n" + code + "\n",
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.stdout if done.returncode else None


def check_readme(text):
    """Its C stands in an example, or compiles beside the first program's function."""
    examples = "".join(read(path) for path in glob.glob(os.path.join(ROOT, "examples", "*.c")))
    for code in re.findall(r"^```c\n(.*?)^```", text, re.S | re.M):
        said = code not in examples and compiles(code, "int say_after(int milliseconds, const char *what);")
        if said:
            yield f"README.md: this does not compile: {code[:60]!r}\n{said}"
    for link in re.findall(r"\]\(([^):]+)\)", text):
        if not os.path.exists(os.path.join(ROOT, link)):
            yield f"README.md: {link}: leads nowhere"


def check_code(page):
    for attrs, code in page.code:
        if attrs.get("class") != "c":
            continue
        name = attrs.get("data-file")
        if name:
            if code not in read(os.path.join(ROOT, name)):
                yield f"this does not stand in {name}: {code[:60]!r}"
            continue
        said = compiles(code, attrs.get("data-given", ""))
        if said:
            yield f"this does not compile: {code[:60]!r}\n{said}"


def check_names(page, headers):
    for name in sorted(set(re.findall(r"\b(?:asyncio|ASYNCIO|aiohttp|AIOHTTP)_\w*[a-zA-Z]\b", page.text + "".join(c for _, c in page.code)))):
        if not re.search(rf"\b{name}\b", headers):
            yield f"there is no {name}"
    for option in sorted(set(re.findall(r"(?<![\w.])\.([a-z_]+)\b", page.text))):
        if not re.search(rf"\b{option}\b", headers) and option not in ("c", "h"):
            yield f"there is no option .{option}"


def check_links(name, page, pages):
    for link in page.links:
        if re.match(r"[a-z]+:|//", link):
            yield f"{link}: leads away"
            continue
        target, _, anchor = link.partition("#")
        target = target or name
        if not os.path.exists(os.path.join(DOCS, target)):
            yield f"{link}: leads nowhere"
        elif anchor and anchor not in pages[target].anchors:
            yield f"{link}: has no such anchor"


def check_errors(text, header, prefix, anchor=""):
    codes = re.findall(r'X\((\w+), (\d+), "(\w+)",?[\s\\]*"([^"]+)"\)', header)
    if not codes:
        yield "error.h has no codes?"
    for name, number, python, sentence in codes:
        row = f'<tr id="{anchor}{name}"><td><code>{prefix}_{name}</code><br><small>{number}, {python}</small></td>\n<td>{html.escape(sentence)}<br>'
        if row not in text:
            yield f"no row, or another one, for {name}"
    if len(re.findall(rf'<tr id="\w+"><td><code>{prefix}_', text)) != len(codes):
        yield "rows for codes that do not exist"


def check(texts, only=None):
    paths = glob.glob(os.path.join(ROOT, "include/asyncio/*.h"))
    headers = "".join("asyncio_" + os.path.basename(path)[:-2] + "\n" + read(path) for path in paths)
    headers += "\n".join(re.findall(r'"(ASYNCIO_[A-Z_]+)"', "".join(read(p) for p in glob.glob(os.path.join(ROOT, "asyncio/*/*.c")))))
    web = "".join(read(path) for path in glob.glob(os.path.join(ROOT, "include/aiohttp/*.h")))
    headers += "".join("ASYNCIO_" + name + "\n" for name in re.findall(r"X\((\w+), \d+", headers))
    web += "".join("AIOHTTP_" + name + "\n" for name in re.findall(r"X\((\w+), \d+", web))
    pages = {name: Page(text) for name, text in texts.items()}
    for name, page in pages.items():
        if only and name != only:
            continue
        if "`" in page.text:
            page.errors.append("a ` that means nothing in HTML")
        errors = [*page.errors, *check_code(page), *check_names(page, headers + web), *check_links(name, page, pages)]
        if page.nav != pages["index.html"].nav:
            errors.append("another list of pages than index.html")
        if name == "errors.html":
            for prefix, anchor in (("ASYNCIO", ""), ("AIOHTTP", "HTTP_")):
                header = read(os.path.join(ROOT, "include", prefix.lower(), "error.h"))
                errors += check_errors(texts[name], header, prefix, anchor)
        yield from (f"docs/{name}: {error}" for error in errors)


def self_test(texts):
    def verdict(name, old, new):
        assert old in texts[name], old
        return list(check({**texts, name: texts[name].replace(old, new, 1)}, only=name))

    assert list(check(texts)) == []
    assert verdict("index.html", "</main>", ""), "a tag that is not closed"
    assert verdict("index.html", 'href="tasks.html"', 'href="task.html"'), "a link that leads nowhere"
    assert verdict("tasks.html", 'href="style.css"', 'href="https://example.org/style.css"'), "a link that leads away"
    assert verdict("tasks.html", "asyncio_task_unref(page);", "asyncio_task_unref(pages);"), "C that does not compile"
    assert verdict("tasks.html", "int results[3];", "int results[4];"), "a quotation that is none"
    assert verdict("tasks.html", "<code>asyncio_gather_all</code>", "<code>asyncio_gather_every</code>"), "a name that does not exist"
    assert verdict("errors.html", "4101", "4102"), "another number"
    assert list(check_readme("```c\nint f(void) { return say_before(1, NULL); }\n```\n")), "C of the README that does not compile"
    print("docs: the checks can fail")


def main(words):
    texts = {os.path.basename(path): read(path) for path in sorted(glob.glob(os.path.join(DOCS, "*.html")))}
    if words == ["--self-test"]:
        return self_test(texts)
    errors = [*check(texts), *check_readme(read(os.path.join(ROOT, "README.md")))]
    print("\n".join(errors) if errors else f"docs: {len(texts)} pages and the README: nothing to mend")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
