#!/bin/sh
# SPDX-License-Identifier: MIT
# Brings what package-lock.json names into BUILD_ROOT/npm, once for all tests, whichever comes first, and prints that folder.
# Fails when npm brings nothing: without a network, unless it has come before.
set -eu
here=$(dirname "$(realpath "$0")")
folder=${BUILD_ROOT:-${TMPDIR:-/tmp}}/npm
mkdir -p "$folder"
exec 9>"$folder/lock"
flock -w 120 9
if ! cmp -s "$here/package-lock.json" "$folder/done"; then
    cp "$here/package.json" "$here/package-lock.json" "$folder/"
    (cd "$folder" && timeout 90 npm ci --no-audit --no-fund --ignore-scripts --fetch-retries=1 >&2 9>&-)
    cp "$here/package-lock.json" "$folder/done"
fi
printf '%s\n' "$folder"
