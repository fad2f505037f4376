# SPDX-License-Identifier: MIT
"""Builds the load generator, the limits, the peers and our side into build/bench, and says what is missing."""
import os
import pathlib
import shutil
import subprocess
import sys

from .http import make_files

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = HERE.parent
REGISTRY = pathlib.Path("/usr/share/cargo/registry")
C_FLAGS = ["-O3", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra"]


class Builder:
    def __init__(self, out, libdir):
        self.out, self.libdir, self.missing = out, libdir, {}
        out.mkdir(parents=True, exist_ok=True)

    def path(self, name):
        return str(self.out / name)

    def fail(self, name, why):
        self.missing[name] = self.missing[self.path(name)] = why

    def fresh(self, name, sources):
        target = self.out / name
        return target.exists() and all(p.stat().st_mtime < target.stat().st_mtime for p in sources)

    def call(self, name, command, **more):
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
        if result.returncode != 0:
            log = self.out / (name + ".log")
            log.write_text(" ".join(map(str, command)) + "\n" + result.stdout)
            lines = [line for line in result.stdout.splitlines() if "error" in line.lower()] or ["failed"]
            self.fail(name, f"not built: {lines[0].strip()[:120]} (see {os.path.relpath(log, ROOT)})")
        return result.returncode == 0

    def ninja(self, name, libdir, target):
        """The list of sources first: ninja itself does not see new ones, and fails once when there are some."""
        subprocess.run(["ninja", "-C", str(libdir), "sources.checked"], stdout=subprocess.DEVNULL, check=False)
        return self.call(name, ["ninja", "-C", str(libdir), target])

    def c(self, name, sources, libraries=(), flags=(), depends=()):
        sources = [HERE / s for s in sources]
        if not self.fresh(name, sources + [HERE / "common.h"] + list(depends)):
            compiler = os.environ.get("CC", "cc").split()
            self.call(name, compiler + C_FLAGS + list(flags) + [str(s) for s in sources] +
                      ["-o", self.path(name)] + list(libraries))

    def go(self, name):
        source = HERE / "peers" / name / "main.go"
        if not shutil.which("go"):
            self.fail(name, "no go (golang-go)")
        elif not self.fresh(name, [source]):
            env = dict(os.environ, GO111MODULE="off", GOFLAGS="", GOCACHE=self.path("go-cache"))
            self.call(name, ["go", "build", "-o", self.path(name), str(source)], env=env)

    def rust(self, name, package):
        source = HERE / "peers" / name
        if not shutil.which("cargo"):
            self.fail(name, "no cargo")
        elif not list(REGISTRY.glob(package + "-[0-9]*")):
            self.fail(name, f"no librust-{package}-dev")
        elif not self.fresh(name, [source / "src/main.rs", source / "Cargo.toml"]):
            crate = self.out / f"{name}-crate"          # a copy: cargo writes its lock file beside
            shutil.copytree(source, crate, dirs_exist_ok=True)
            debian = ["--config", 'source.crates-io.replace-with="debian"',
                      "--config", f'source.debian.directory="{REGISTRY}"']
            if self.call(name, ["cargo", "build", "--offline", "--release", *debian,
                                "--target-dir", self.path(f"{name}-target")], cwd=crate):
                shutil.copy2(self.out / f"{name}-target/release/{name}-peer", self.path(name))
                os.utime(self.path(name))

    def http(self):
        """The load generator and the servers that are not built here."""
        www = self.out / "www"
        make_files(www)
        os.environ["BENCH_WWW"] = str(www)
        for name, package in (("nginx", "nginx-light"), ("h2o", "h2o")):
            if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"):
                self.fail(name, f"no {name} ({package})")
        self.missing["nginx-reopens"] = self.missing.get("nginx", "")
        self.c("microhttpd", ["peers/microhttpd.c"], ["-lmicrohttpd"])
        self.missing["libmicrohttpd"] = self.missing.get("microhttpd", "")
        self.go("gohttp")
        self.rust("hyper", "hyper")
        self.c("curl", ["peers/curl.c"], ["-lcurl"])
        self.rust("hyperclient", "hyper")
        self.npm()

    def npm(self):
        """npm's ws and the module for it that its manual advises, which is left out where it does not install."""
        folder = self.out / "npm"
        if not shutil.which("node") or not shutil.which("npm"):
            self.fail("node-ws", "no node or no npm (nodejs, npm)")
        elif not (folder / "node_modules/ws/package.json").exists():
            folder.mkdir(exist_ok=True)
            install = ["timeout", "120", "npm", "install", "--no-audit", "--no-fund", "--prefix", "."]
            if self.call("node-ws", [*install, "ws@8"], cwd=folder):
                subprocess.run([*install, "bufferutil"], cwd=folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, check=False)

    def python(self):
        """The interpreter of the peers: PYTHON, else Debian's, which is the one that has Debian's uvloop."""
        debian = "/usr/bin/python3"
        python = os.environ.get("PYTHON") or (debian if os.path.exists(debian) else sys.executable)
        if subprocess.run([python, "-c", "import uvloop"], stderr=subprocess.DEVNULL).returncode != 0:
            self.fail("python-uvloop", f"{python} has no uvloop (python3-uvloop)")
        return [python, str(HERE / "peers/python.py")]

    def libraries(self, archive, name="libasyncio"):
        """What the library was configured with, by its own word: its objects need it also where nobody uses it."""
        told = {**os.environ, "PKG_CONFIG_PATH": str(archive.parent / "meson-private")}
        found = subprocess.run(["pkg-config", "--static", "--libs", name], stdout=subprocess.PIPE, env=told,
                               stderr=subprocess.DEVNULL, text=True, check=False) if shutil.which("pkg-config") else None
        words = found.stdout.split() if found and found.returncode == 0 else ["-luring", "-lpthread", "-ldl", "-lm"]
        # libidn2's own need, had by it: only the archive of ours is linked statically.
        ours = ("-lasyncio", "-laiohttp", "-lunistring")
        return [word for word in words if word not in ours and not word.startswith("-L")]

    def library(self):
        """Our own, as a release, unless --libdir names one that is built."""
        if self.libdir is None:
            self.libdir = ROOT / "build/release"
            if not (self.libdir / "build.ninja").exists():
                self.call("ours", ["meson", "setup", str(self.libdir), "--buildtype=release", "-Dtests=disabled",
                                   "-Dexamples=false", "-Dman=false"], cwd=ROOT)
            if "ours" not in self.missing:
                self.ninja("ours", self.libdir, "libasyncio.a")
        archive = self.libdir / "libasyncio.a"
        if "ours" in self.missing:
            return
        if not archive.exists():
            self.fail("ours", f"no {archive}")
            return
        self.ours("ours", archive)
        self.aiohttp(archive)

    def aiohttp(self, archive):
        """libaiohttp's parser of heads, from the inside; the peer is in Debian's libh2o. And its server."""
        wire = self.libdir / "libaiohttp.a"
        self.c("picohttpparser", ["http/picohttpparser.c"], ["-lh2o"], depends=[HERE / "http/requests.h"])
        if self.ninja("parse", self.libdir, "libaiohttp.a"):
            self.c("parse", ["http/ours.c"], [str(wire), str(archive), *self.libraries(archive)],
                   ["-I", str(ROOT / "aiohttp"), "-I", str(ROOT / "include")], [wire, HERE / "http/requests.h"])
            self.c("http", ["http/server.c"],
                   [str(wire), str(archive), *self.libraries(archive, "libaiohttp"), "-ljansson"],
                   ["-I", str(ROOT / "include"), "-fstack-clash-protection"],
                   [wire, archive, *(ROOT / "include").rglob("*.h")])
            self.c("client", ["http/client.c"],
                   [str(wire), str(archive), *self.libraries(archive, "libaiohttp"), "-ljansson"],
                   ["-I", str(ROOT / "include"), "-fstack-clash-protection"],
                   [wire, archive, *(ROOT / "include").rglob("*.h")])

    def ours(self, name, archive):
        headers = list((ROOT / "include").rglob("*.h"))
        self.c(name, sorted(p.relative_to(HERE) for p in (HERE / "ours").glob("*.c")),
               [str(archive), *self.libraries(archive)],
               ["-I", str(ROOT / "include"), "-fstack-clash-protection"],
               [archive, *headers, HERE / "files.h", *(HERE / "ours").glob("*.h")])

    def without_debug(self):
        """Our side once more, linked to a library that knows no debug mode."""
        libdir = self.out / "without-debug"
        if not (libdir / "build.ninja").exists():
            self.call("no-debug", ["meson", "setup", str(libdir), "--buildtype=release", "-Dtests=disabled",
                                   "-Dexamples=false", "-Dman=false", "-Dc_args=-DASYNCIO__DEBUG_MODE=0"], cwd=ROOT)
        if "no-debug" in self.missing or not self.ninja("no-debug", libdir, "libasyncio.a"):
            return
        self.ours("no-debug", libdir / "libasyncio.a")

    def certificate(self):
        """Of every TLS server: an elliptic curve's, made here."""
        key, certificate = self.path("key.pem"), self.path("cert.pem")
        os.environ["BENCH_TLS"] = str(self.out)
        if not os.path.exists(certificate):
            self.call("openssl", ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                                  "-nodes", "-days", "3650", "-subj", "/CN=localhost", "-keyout", key,
                                  "-out", certificate])

    def everything(self):
        self.certificate()
        self.c("load", ["load.c"])
        self.c("idle", ["idle.c"])
        self.c("loadtls", ["loadtls.c"], ["-lssl", "-lcrypto"])
        self.c("tls", ["limits/tls.c"], ["-lssl", "-lcrypto"])
        self.c("switch", ["limits/switch.c"])
        self.c("memory", ["limits/memory.c"])
        self.c("child", ["limits/spawn.c"])
        self.c("files", ["limits/files.c"], ["-lpthread"], depends=[HERE / "files.h"])
        self.c("epoll", ["limits/epoll.c"])
        self.c("uring", ["limits/uring.c"], ["-luring"])
        self.c("udp", ["limits/udp.c"], ["-luring"])
        self.c("libuv", ["peers/libuv.c"], ["-luv", "-lpthread"])
        self.c("libevent", ["peers/libevent.c"], ["-levent"])
        self.go("go")
        self.rust("tokio", "tokio")
        self.http()
        self.library()
        self.without_debug()
        if "load" in self.missing:
            sys.exit("bench: the load generator was not built: " + self.missing["load"])
        return self.python(), self.missing
