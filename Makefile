# SPDX-License-Identifier: MIT
# The front door. Meson is the build description; this looks for what is missing, installs it, and calls it.
PREFIX = /usr/local
DIR = docs
PORT = 8080
TARGET =
TIME = 60
WORK =
INTO = install

build:
	@tools/setup run && tools/build default -Dtests=disabled
run:
	@tools/setup run && tools/build default -Dtests=disabled && exec tools/run "$(DIR)" "$(PORT)"
test:
	@tools/setup run test && tools/test
gate:
	@tools/setup run test && tools/test gate
test-all:
	@tools/setup run test full && tools/test all $(if $(BUDGET),--budget $(BUDGET))
sweeps:
	@tools/setup run test full && tools/test sweeps $(if $(BUDGET),--budget $(BUDGET))
asan tsan ubsan clang valgrind:
	@tools/setup run test full && tools/test $@
fuzz:
	@tools/setup run test && tools/fuzz "$(TARGET)" "$(TIME)"
ktls:
	@tools/setup run test vm && tools/ktls
bench:
	@tools/setup run bench && bench/run $(WORK)
install:
	@tools/setup run && tools/build $(INTO) --prefix="$(abspath $(PREFIX))" --libdir=lib -Dtests=disabled \
		-Dexamples=false && meson install -C build/$(INTO) --no-rebuild
	@[ "$$(id -u)" != 0 ] || [ -n "$(DESTDIR)" ] || ldconfig
man:
	@tools/setup run && tools/manpages.py build/man
help:
	@cat tools/help.txt

.PHONY: build run test gate test-all sweeps asan tsan ubsan clang valgrind fuzz ktls bench install man help
