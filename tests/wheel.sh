#!/bin/sh
# Builds the wheel, installs it where no checkout is in reach, and lets it check the reference
# configuration: finds files that the package forgot.
set -eu
top=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$top/.venv/bin/python" -m build --wheel --outdir "$work/dist" "$top" >"$work/build.log" 2>&1 || {
    cat "$work/build.log"
    exit 1
}
"$top/.venv/bin/python" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check -c "$top/constraints.txt" "$work"/dist/*.whl
cp "$top/config.yaml" "$work/config.yaml"
cd "$work"
"$work/venv/bin/aura" check config.yaml
"$work/venv/bin/aura" migrate
"$work/venv/bin/python" -c 'from storage.wire import messages; messages()["Plan"]'
