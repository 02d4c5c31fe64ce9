#!/bin/bash
# Installs the browser of the tests of the live page, from Debian. Exits with 1 and the reason where that cannot be.
set -u
for program in chromium chromium-browser google-chrome; do
  if command -v $program >/dev/null; then exit 0; fi
done
[ "$(id -u)" = 0 ] || { echo "Chromium is not installed, and installing it needs root"; exit 1; }
command -v apt-get >/dev/null || { echo "Chromium is not installed, and there is no apt-get"; exit 1; }
log=$(mktemp)
install() { DEBIAN_FRONTEND=noninteractive timeout 200 apt-get install -q -y --no-install-recommends chromium; }
{ install || { timeout 100 apt-get update -q && install; }; } >"$log" 2>&1 || { tail -n 3 "$log"; echo "Chromium cannot be installed with apt-get"; exit 1; }
