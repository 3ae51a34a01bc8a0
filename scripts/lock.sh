#!/bin/sh
# Resolve the pinned requirements again: `make lock`, or scripts/lock.sh [PYTHON]. Writes requirements/dev.txt and test-models.txt.
#
# Both are what `pip freeze` says of a fresh environment with the newest versions that pyproject.toml and requirements/*.in admit. Run
# it with the oldest Python that is supported (3.11): what installs there installs on the later ones.
set -eu
cd "$(dirname "$0")/.."
python=${1:-python3}
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$python" -m venv "$fresh"
pip="$fresh/bin/python -m pip --disable-pip-version-check"

# freeze_to FILE COMMENT: a local version such as torch's +cpu names one machine's build, and is left to the machine that installs.
freeze_to() {
    { echo "# $2 Made by \`make lock\`; not edited by hand."
      $pip freeze --exclude setuptools | sed 's/+[a-z0-9.]*$//' | grep -vxFf "${3:-/dev/null}"; } >"$1.new"
    mv "$1.new" "$1"
    echo "$1: $(grep -c == "$1") packages"
}

# What pyproject.toml asks for, extras included, without building the project itself.
"$fresh/bin/python" - >"$fresh/runtime.in" <<'EOF'
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print(*project["dependencies"], *sum(project["optional-dependencies"].values(), []), sep="\n")
EOF
$pip install -qq --requirement "$fresh/runtime.in" --requirement requirements/dev.in
freeze_to requirements/dev.txt "loss-watch's dependencies with its extras, and what tests and checks need."
$pip install -qq --requirement requirements/dev.txt --requirement requirements/test-models.in
freeze_to requirements/test-models.txt "On top of dev.txt: what writes the checkpoints that \`diagnose\` is tested on." requirements/dev.txt
