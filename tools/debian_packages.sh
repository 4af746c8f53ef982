#!/usr/bin/env bash
# Install those packages of debian-packages.txt of which a program is missing. Does nothing where all are there.
set -euo pipefail
missing=()
while read -r package programs; do
    for program in $programs; do
        command -v "$program" > /dev/null || { missing+=("$package"); break; }
    done
done < <(grep -v '^#' "$(dirname "$0")/debian-packages.txt")
((${#missing[@]})) || exit 0
echo "Installing ${missing[*]} ..."
sudo=()
((EUID)) && sudo=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -q
"${sudo[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
