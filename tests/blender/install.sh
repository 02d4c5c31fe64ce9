#!/bin/bash
# install.sh VENV: Blender 4.5 as a module of Python, in a virtual environment of its own; the only line on stdout is that Python.
# Exits with 1, and the reason as that line, where that cannot be, or not within LIMIT seconds.
set -u
venv=${1:?install.sh VENV} log=$(mktemp) limit=${LIMIT:-300}
trap 'rm -f "$log"' EXIT
why() { echo "$1$(grep -E '^(ERROR|E): |Error: ' "$log" | tail -n 1 | sed 's/^/: /' | cut -c -200)"; exit 1; }
within() { timeout -k 5 $((limit > SECONDS ? limit - SECONDS : 1)) "$@"; }
command -v python3.11 >/dev/null && python3.11 -c '' 2>/dev/null || why "Blender 4.5 is a module of Python 3.11, which is not here"
within python3.11 -m venv "$venv" >"$log" 2>&1 || why "no virtual environment could be made with python3.11 in $limit s"
python=$venv/bin/python
within "$python" -m pip install -q --no-compile "bpy==4.5.*" "numpy<2" >"$log" 2>&1 || why "bpy 4.5 could not be installed in $limit s"
imports() { within "$python" -c 'import bpy' >"$log" 2>&1; }
if ! imports; then
  [ "$(id -u)" = 0 ] || why "bpy needs libraries of X and GL, and installing them needs root"
  command -v apt-get >/dev/null || why "bpy needs libraries of X and GL, and there is no apt-get"
  libraries="libx11-6 libxrender1 libxfixes3 libxi6 libxkbcommon0 libsm6 libgl1"
  install() { DEBIAN_FRONTEND=noninteractive within apt-get install -q -y --no-install-recommends $libraries; }
  { install || { within apt-get update -q && install; }; } >"$log" 2>&1 || why "the libraries of X and GL that bpy needs cannot be installed in $limit s"
  imports || why "bpy cannot be imported"
fi
echo "$python"
