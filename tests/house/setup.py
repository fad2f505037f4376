#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/setup on machines that are not this one: an empty PATH with a few commands and an apt-get of our own in it.

Nothing missing: silent, and apt-get is not called. Something missing: installed as root, or through sudo, and named. No apt-get,
neither root nor sudo, or an installation that fails: what is missing is named, and the exit status is not 0.
"""
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = ("sh", "env", "mktemp", "tail", "rm", "cat", "chmod", "ls")
# What our apt-get "installs": a command of that name that succeeds.
GIVES = {"gcc": "cc", "meson": "meson", "ninja-build": "ninja", "pkg-config": "pkg-config", "python3": "python3"}
APT = """#!/bin/sh
echo "$*" >>{log}
[ -e {fails} ] && {{ echo "E: Unable to locate package"; exit 100; }}
for word; do
    case $word in
{cases}
    esac
done
exit 0
"""


class Machine:
    def __init__(self, folder, user=0, apt=True, sudo=False):
        self.bin, self.log, self.fails = (os.path.join(folder, n) for n in ("bin", "log", "fails"))
        os.makedirs(self.bin)
        for tool in TOOLS:
            os.symlink(shutil.which(tool), os.path.join(self.bin, tool))
        self.command("id", f"#!/bin/sh\necho {user}\n")
        if apt:
            cases = "\n".join(f"    {package}) printf '#!/bin/sh\\nexit 0\\n' >{self.bin}/{name}; chmod +x {self.bin}/{name} ;;"
                              for package, name in GIVES.items())
            self.command("apt-get", APT.format(log=self.log, fails=self.fails, cases=cases))
        if sudo:
            self.command("sudo", f"#!/bin/sh\necho sudo >>{self.log}\nexec \"$@\"\n")

    def command(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)

    def setup(self, *groups):
        ran = subprocess.run([os.path.join(ROOT, "tools", "setup"), *groups], env={"PATH": self.bin}, text=True, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return ran.returncode, ran.stdout

    def called(self):
        try:
            with open(self.log, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""


def check(what, truth, output):
    if not truth:
        sys.exit(f"setup: {what}\n{output}")
    print("ok:", what)


def main():
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(os.path.join(folder, "root"))
        status, said = machine.setup("run")
        check("as root: installs what is missing and names it", status == 0 and "installed: gcc" in said and "meson" in said, said)
        check("with the lists brought up to date first", machine.called().find("update") < machine.called().find("install"), said)
        check("without asking", all("-y" in line for line in machine.called().splitlines()), machine.called())
        os.unlink(machine.log)
        # libdw1 is optional, and only a real package puts it in place.
        status, said = machine.setup("run")
        check("required things are not installed twice", status == 0 and "meson" not in machine.called(), machine.called())

        machine = Machine(os.path.join(folder, "sudo"), user=1000, sudo=True)
        status, said = machine.setup("run")
        check("not as root: through sudo", status == 0 and "sudo" in machine.called(), said)

        machine = Machine(os.path.join(folder, "nobody"), user=1000)
        status, said = machine.setup("run")
        check("neither root nor sudo: names it and stops", status != 0 and "meson" in said and not machine.called(), said)

        machine = Machine(os.path.join(folder, "other"), apt=False)
        status, said = machine.setup("run", "test")
        check("another system: names it and stops", status != 0 and "meson" in said and "libcmocka-dev" in said, said)

        machine = Machine(os.path.join(folder, "offline"))
        with open(machine.fails, "w", encoding="utf-8"):
            pass
        status, said = machine.setup("run")
        check("an installation that fails: says so", status != 0 and "could not install" in said, said)

        status, said = machine.setup("nonsense")
        check("an unknown group is refused", status != 0 and "nonsense" in said, said)


if __name__ == "__main__":
    main()
