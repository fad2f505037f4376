#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Man pages out of the public headers, which are the manuals.

    manpages.py DIR                  writes DIR/man3 and DIR/man7
    manpages.py --install MANDIR     the same below $MESON_INSTALL_DESTDIR_PREFIX/MANDIR (called by `meson install`)
    manpages.py --check              also lets groff read every page with all its warnings on, and fails on one
    manpages.py --undocumented       fails on a public function or macro without a manual
    manpages.py --self-test          proves that the checks can fail

The convention in a header:
  - The first comment after the SPDX line is the overview, page asyncio_<header>(7) (aiohttp_<header>). `WORD   text` with more lines indented
    below it is a labelled paragraph.
  - The comment directly above a prototype or macro is its page (3); its first sentence is the summary. Declarations that
    follow one another without an empty line share the comment. It may begin with the call, `asyncio_coro(fn, args...): ...`,
    which is then the synopsis. A macro and a function of one name are one page.
  - A struct whose name ends in _options is shown on the page of each function that takes it.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAME = r"((?:asyncio|aiohttp)_[a-z0-9]\w*|(?:ASYNCIO|AIOHTTP)_[A-Z0-9]\w*)"
LIBRARIES = ("asyncio", "aiohttp")
ATTRIBUTES = r"\b(ASYNCIO_API|AIOHTTP_API|ASYNCIO_MUST_CHECK|extern)\s+|\bASYNCIO_PRINTF\([^)]*\)\s*|__attribute__\s*\(\(.*?\)\)\s*"


def as_in_c(struct, header):
    """An options struct without what its fields carry for C++; a default that is not zero begins the comment."""
    out = []
    for line in struct.splitlines():
        line = re.sub(r"(\bsize) ASYNCIO__DEFAULT\(sizeof\(\w+\)\);", r"\1; /* sizeof this; the macro fills it in */", line)
        line = re.sub(r" ASYNCIO__(0|DEFAULT\(sizeof\(\w+\)\))(?=;)", "", line)
        field = re.match(r"(\s+.*?) ASYNCIO__DEFAULT\((\w+)\);\s*(?:/\* (.*) \*/)?$", line)
        if field:
            value = re.search(rf"^#define {field.group(2)} (.*)$", header, re.M)
            said = "default " + (value.group(1).strip("()") if value else field.group(2))
            line = f"{field.group(1)}; /* {said}{'; ' + field.group(3) if field.group(3) else ''} */"
        code, mark, comment = line.partition(" /*")
        out.append(f"{code.rstrip():<36}{mark}{comment}" if mark and code.strip() else line)
    return "\n".join(out)


def first_sentence(text):
    """Up to the first full stop, colon or semicolon that is not inside brackets."""
    depth = 0
    for at, c in enumerate(text):
        depth += {"(": 1, ")": -1}.get(c, 0)
        if c in ".:;" and depth <= 0 and (at + 1 == len(text) or text[at + 1].isspace()) or text.startswith("\n\n", at):
            text = text[:at]
            break
    return text.strip()


class Page:
    def __init__(self, name, header, library):
        self.name, self.header, self.library = name, header, library
        self.synopsis, self.texts, self.options = [], [], []

    def summary(self):
        for text in self.texts:
            sentence = first_sentence(re.sub(r"\s*\n(?!\s*\n)\s*", " ", text.strip()))
            if sentence:
                return sentence[0].upper() + sentence[1:]
        return self.name


class Header:
    """One header, taken apart: its overview, its pages by name, its option structs, and what has no manual."""

    def __init__(self, name, text, library="asyncio"):
        self.name, self.text, self.library = name, text, library
        self.overview, self.pages, self.structs, self.undocumented = "", {}, {}, []
        self.read()

    def read(self):
        lines = self.text.splitlines()
        for match in re.finditer(r"^(?:typedef )?struct (\w+_options) \{.*?^\}[^;]*;", self.text, re.M | re.S):
            self.structs[match.group(1)] = as_in_c(match.group(0), self.text)
        at, comment, first, depth = 0, "", True, 0
        while at < len(lines):
            line = lines[at]
            if line.startswith("/*") and depth == 0:
                block = [line]
                while "*/" not in lines[at]:
                    at += 1
                    block.append(lines[at])
                comment = plain(block)
                if "SPDX-License-Identifier" in comment:
                    comment = ""
                elif first:
                    self.overview, comment, first = comment, "", False
                at += 1
                continue
            if not line.strip():
                comment = "" if depth == 0 else comment
                at += 1
                continue
            declaration = [line]
            while at + 1 < len(lines) and not complete(declaration):
                at += 1
                declaration.append(lines[at])
            self.declared("\n".join(declaration), comment)
            at += 1

    def declared(self, declaration, comment):
        macro = re.match(r"#\s*define\s+" + NAME + r"(\([^)]*\))", declaration)
        if macro:
            name, parameters = macro.groups()
            said = re.match(r"\w+\(", comment)
            if name.isupper() and not comment.startswith(name):
                return
            # `#define asyncio_f(...) asyncio_f_(__VA_ARGS__, )` helpers end in an underscore.
            if name.endswith("_"):
                return
            self.add(name, comment, None if said else name + parameters)
            return
        if declaration.startswith(("#", "typedef", "}", "enum", "struct")) and "(" not in declaration.split("{")[0]:
            return
        if declaration.startswith(("#", "typedef")):
            return
        head = re.sub(ATTRIBUTES, "", declaration.split("{")[0], flags=re.S).strip().rstrip(";").strip()
        head = re.sub(r"^static inline\s+", "", re.sub(r"\(\s+", "(", head))
        prototype = re.match(r"[\w\s\*]*?\b" + NAME + r"\s*\(", head)
        if prototype and not re.match("(asyncio|aiohttp)__", prototype.group(1)):
            self.add(prototype.group(1), comment, re.sub(r"\s*\n\s*", " ", head) + ";")

    def add(self, name, comment, synopsis):
        page = self.pages.setdefault(name, Page(name, self.name, self.library))
        calls, text = leading_calls(comment)
        if calls:
            text = text[:1].upper() + text[1:]
        for call in calls:
            if call.startswith(name + "(") and call not in page.synopsis:
                page.synopsis.append(call)
        if synopsis and synopsis not in page.synopsis:
            page.synopsis.append(synopsis)
        if text and text not in page.texts:
            page.texts.append(text)
        for struct, body in self.structs.items():
            if synopsis and re.search(r"\b" + struct + r"\b", synopsis) and body not in page.options:
                page.options.append(body)

    def finish(self):
        for page in self.pages.values():   # `f(...)` says nothing beside the function's own prototype
            prototypes = [s for s in page.synopsis if not s.endswith("(...)")]
            if len(prototypes) < len(page.synopsis) and prototypes:
                page.synopsis = prototypes + [k for k in map(with_keywords, prototypes) if k]
        self.undocumented = sorted(n for n, p in self.pages.items() if len(" ".join(p.texts).split()) < 2)
        return self


def with_keywords(prototype):
    """The macro's call for a function that takes its options last: `int f(T a, const f_options *options);` to `f(a, ...)`."""
    match = re.match(r".*?\b" + NAME + r"\((.*), (?:const )?(?:struct )?\w+_options \*\w+\);$", prototype)
    if not match:
        return None
    names = [re.search(r"(\w+)(?:\[\w*\])?$", parameter.strip()) for parameter in match.group(2).split(",")]
    return f"{match.group(1)}({', '.join(n.group(1) for n in names if n)}, .option = value...)"


def wrapped(line, width=76):
    """A long prototype, broken at its commas."""
    out = [line]
    while len(out[-1]) > width and ", " in out[-1][8:width]:
        at = out[-1].rindex(", ", 8, width) + 1
        out[-1:] = [out[-1][:at], "        " + out[-1][at:].strip()]
    return out


def complete(lines):
    """Whether these lines are a whole declaration: a macro with its continuations, or up to a `;` or `}` outside brackets."""
    if lines[0].startswith("#"):
        return not lines[-1].endswith("\\")
    text = re.sub(r"/\*.*?\*/|//.*", "", "\n".join(lines), flags=re.S)
    if re.match(r"(ASYNCIO__BEGIN|ASYNCIO__END)\b", text) or text.startswith(("extern \"C\"", "}")):
        return True
    if text.count("{") != text.count("}") or text.count("(") != text.count(")") or "/*" in text:
        return False
    return text.rstrip().endswith((";", "}"))


def plain(block):
    """The text of a comment's lines, without its stars."""
    text = "\n".join(block)
    text = re.sub(r"^/\*+ ?|\s*\*+/.*$", "", text, flags=re.S) if "*/" in text else text
    return "\n".join(re.sub(r"^ \*( |$)", "", line).rstrip() for line in text.splitlines()).strip("\n")


def leading_calls(text):
    """Takes `f(a, b), g(c): ` off the front of a manual and returns those calls and the rest."""
    calls, rest = [], text
    while True:
        match = re.match(r"\s*" + NAME + r"\(", rest)
        if not match:
            return ([], text) if calls else (calls, rest)
        depth, at = 1, match.end()
        while at < len(rest) and depth:
            depth += {"(": 1, ")": -1}.get(rest[at], 0)
            at += 1
        calls.append(" ".join(rest[:at].split()))
        rest = rest[at:]
        if rest.startswith(":"):
            return calls, rest[1:].strip()
        if not re.match(r"\s*,", rest):
            return [], text
        rest = re.sub(r"^\s*,\s*", "", rest)


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace("\"", "\\(dq")
    return "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text)


def prose(text):
    """Escaped running text: `x` becomes italic, the project's names bold."""
    out = []
    for part in re.split(r"(`[^`\n]+`|\b(?:asyncio|aiohttp)_\w+(?:\(\))?)", text):
        if part.startswith("`") and part.endswith("`") and len(part) > 2:
            out.append("\\fI" + escape(part[1:-1]) + "\\fR")
        elif re.match(r"(asyncio|aiohttp)_\w", part):
            out.append("\\fB" + escape(part) + "\\fR")
        else:
            out.append(escape(part))
    return "".join(out)


def guarded(line):
    return "\\&" + line if line.startswith((".", "'", "\\(aq")) else line


def body(text):
    """A manual's text as man macros: paragraphs, labelled paragraphs, bullets, and examples (indented by four or more)."""
    out, kind, fresh = [], "text", True
    for line in text.splitlines():
        stripped = line.strip()
        indent = len(line) - len(line.lstrip())
        label = re.match(r"([A-Z][A-Z_]+(?: [A-Z_]+)*)\s{2,}(\S.*)$", line)
        bullet = re.match(r"\s{0,3}(?:-|\d+\.) +(\S.*)$", line)
        if not stripped:
            if kind == "code":
                out.append(".EE")
            kind, fresh = "text", True
            continue
        if label and indent == 0:
            out += [".EE"] if kind == "code" else []
            out += [".TP", ".B " + escape(label.group(1)), guarded(prose(label.group(2)))]
            kind, fresh = "label", False
        elif bullet and kind != "code":
            out += [".IP \\(bu 2", guarded(prose(bullet.group(1)))]
            kind, fresh = "bullet", False
        elif kind == "code" or (indent >= 4 and kind == "text" and (fresh or out)):
            if kind != "code":
                out += [".PP", ".EX"]
                kind = "code"
            out.append(guarded(escape(line)))
        else:
            if kind in ("label", "bullet") and indent == 0:
                kind, fresh = "text", True
            if fresh:
                out.append(".PP")
                fresh = False
            out.append(guarded(prose(stripped)))
    return out + ([".EE"] if kind == "code" else [])


def title(library, name, section, what):
    return [".\\\" SPDX-License-Identifier: MIT", ".\\\" Made by tools/manpages.py out of the header. Do not edit.",
            f".TH {escape(name)} {section} \"\" \"lib{library}\" \"{what}\"", ".nh", ".ad l"]


def overview_name(library, header):
    stem = header[:-2]
    return library if stem == library else library + "_" + stem.replace("/", "_").removeprefix(library + "_")


def include_line(library, header):
    return f"#include <{library}.h>" if header else ""


def function_page(page, siblings):
    out = title(page.library, page.name, 3, "Library Functions")
    out += [".SH NAME", escape(page.name) + " \\- " + prose(page.summary())]
    out += [".SH SYNOPSIS", ".nf", ".B " + escape(include_line(page.library, page.header)), ""]
    out += [".B \"" + escape(part) + "\"" for line in page.synopsis for part in wrapped(line)]
    out += [".fi", ".SH DESCRIPTION"]
    for text in page.texts:
        out += body(text)
    if page.options:
        out += [".SH OPTIONS", ".EX"]
        for struct in page.options:
            out += [guarded(escape(line)) for line in struct.splitlines()]
        out += [".EE"]
    others = [n for n in siblings if n != page.name][:12]
    see = [f".BR {escape(overview_name(page.library, page.header))} (7)" + ("," if others else "")]
    see += [f".BR {escape(n)} (3)" + ("," if n != others[-1] else "") for n in others]
    return "\n".join([line for line in out + [".SH SEE ALSO"] + see if line is not None]) + "\n"


def overview_page(header, others):
    """The page of a header; that of asyncio.h or aiohttp.h, which have nothing of their own, leads to `others`."""
    name = overview_name(header.library, header.name)
    lines = header.overview.split("\n")
    out = title(header.library, name, 7, f"lib{header.library} Manual")
    out += [".SH NAME", escape(name) + " \\- " + prose(lines[0].rstrip("."))]
    out += [".SH SYNOPSIS", ".nf", ".B " + escape(include_line(header.library, header.name)), ".fi", ".SH DESCRIPTION"]
    out += body(header.overview)
    if header.pages:
        out += [".SH FUNCTIONS"]
        for page in header.pages.values():
            out += [".TP", f".BR {escape(page.name)} (3)", guarded(prose(page.summary()))]
    elif others:
        out += [".SH PARTS"]
        for other in others:
            out += [".TP", f".BR {escape(overview_name(other.library, other.name))} (7)", guarded(prose(other.overview.split("\n")[0].rstrip(".")))]
    return "\n".join(out) + "\n"


def headers():
    found = []
    for library in LIBRARIES:
        folder = os.path.join(ROOT, "include", library)
        paths = [folder + ".h"] + sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".h"))
        for path in paths:
            with open(path, encoding="utf-8") as file:
                found.append(Header(os.path.basename(path), file.read(), library).finish())
    return merged(found)


def merged(found):
    """One page a name: what a later header says of a name that an earlier one has (C++'s form of a macro) is left out."""
    seen = {}
    for header in found:
        for name in list(header.pages):
            if name in seen and seen[name].texts:
                del header.pages[name]
                header.undocumented = [n for n in header.undocumented if n != name]
            else:
                seen[name] = header.pages[name]
    for header in found:
        header.undocumented = [n for n in header.undocumented if not seen[n].texts or n in header.pages]
    return found


def write(folder, found):
    count = 0
    for section in ("man3", "man7"):
        os.makedirs(os.path.join(folder, section), exist_ok=True)
    for header in found:
        pages = [(f"man7/{overview_name(header.library, header.name)}.7",
                  overview_page(header, [h for h in found if h.pages and h.library == header.library]))]
        pages = pages if header.overview and (header.pages or header.name == header.library + ".h") else []
        pages += [(f"man3/{p.name}.3", function_page(p, list(header.pages))) for p in header.pages.values() if p.texts]
        for path, text in pages:
            with open(os.path.join(folder, path), "w", encoding="ascii") as file:
                file.write(text)
            count += 1
    return count


def check(folder):
    """What groff has to say about the pages in `folder`."""
    pages = [os.path.join(at, n) for at, _, names in os.walk(folder) for n in sorted(names)]
    said = []
    for start in range(0, len(pages), 50):
        ran = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", *pages[start:start + 50]],
                             stderr=subprocess.PIPE, text=True, check=False)
        said += ran.stderr.splitlines()
    return said


def self_test():
    good = "/* SPDX-License-Identifier: MIT */\n/* A header. */\n#pragma once\n\n"
    documented = good + ("/* Does the thing and returns 0. Takes `x`.\n *\n *     f(1);\n *\n * .starts with a dot */\n"
                         "ASYNCIO_API int asyncio_thing(int x,\n    struct asyncio_thing_options *o);\n")
    header = Header("thing.h", documented).finish()
    assert not header.undocumented and list(header.pages) == ["asyncio_thing"], header.pages
    assert header.pages["asyncio_thing"].summary() == "Does the thing and returns 0"
    assert first_sentence("Begins `d` (NULL: none; 1: all) now: then") == "Begins `d` (NULL: none; 1: all) now"
    assert first_sentence("One\n\nTwo.") == "One" and first_sentence("Whole") == "Whole"
    bare = Header("thing.h", good + "\nASYNCIO_API int asyncio_bare(void);\n").finish()
    assert bare.undocumented == ["asyncio_bare"], bare.undocumented
    inline = Header("thing.h", good + "\nstatic inline int asyncio_inline(void)\n{\n    return 0;\n}\n").finish()
    assert inline.undocumented == ["asyncio_inline"], inline.undocumented
    apart = Header("thing.h", good + "/* Far away from it, no manual. */\n\nint asyncio_far(void);\n").finish()
    assert apart.undocumented == ["asyncio_far"], apart.undocumented
    both = Header("thing.h", good + "/* asyncio_a(x), asyncio_b(x): two of a kind. */\n"
                  "#define asyncio_a(x) (x)\n#define asyncio_b(x) (x)\n").finish()
    assert list(both.pages) == ["asyncio_a", "asyncio_b"] and not both.undocumented
    assert both.pages["asyncio_b"].synopsis == ["asyncio_b(x)"] and both.pages["asyncio_b"].texts == ["Two of a kind."]
    with tempfile.TemporaryDirectory() as folder:
        assert write(folder, [header, both]) == 5
        if shutil.which("groff"):
            assert check(folder) == [], check(folder)
            with open(os.path.join(folder, "man3", "asyncio_bad.3"), "w", encoding="ascii") as file:
                file.write(".TH x 3\n.SH NAME\n.nosuchmacro\n")
            assert check(folder), "groff saw nothing wrong with a bad page"
    print("manpages: the checks can fail")


def main(words):
    if words == ["--self-test"]:
        return self_test()
    found = headers()
    if words and words[0] == "--undocumented":
        bare = [f"include/{h.library}/{h.name}: {n} has no manual" for h in found for n in h.undocumented]
        print("\n".join(bare) if bare else f"manpages: all {sum(len(h.pages) for h in found)} have a manual")
        return 1 if bare else 0
    if words and words[0] == "--check":
        if not shutil.which("groff"):
            print("groff is not installed")
            return 77
        with tempfile.TemporaryDirectory() as folder:
            count = write(folder, found)
            said = check(folder)
        print("\n".join(said) if said else f"manpages: {count} pages, groff has no warning")
        return 1 if said or not count else 0
    if len(words) == 2 and words[0] == "--install":
        folder = os.path.join(os.environ["MESON_INSTALL_DESTDIR_PREFIX"], words[1])
    elif len(words) == 1 and not words[0].startswith("-"):
        folder = words[0]
    else:
        sys.exit(__doc__)
    print(f"manpages: {write(folder, found)} pages in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
