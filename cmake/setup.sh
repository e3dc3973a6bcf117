#!/usr/bin/env bash
# Installs what is missing of the given groups of cmake/packages.txt:
#
#     bash cmake/setup.sh build test
#
# Silent, quick and without network when nothing is missing. Exit status 2, with the command to type, when something is
# missing and this user may not install it.
set -euo pipefail

list=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/packages.txt
say() { printf '%s\n' "$*" >&2; }

wanted=()
while read -r group names _; do
  [[ -z $group || $group == \#* ]] && continue
  for asked in "$@"; do
    [[ $group == "$asked" ]] && wanted+=("$names")
  done
done <"$list"

# On another system nobody can tell package names; CMake names what it does not find.
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  say "healthai: this system has no apt-get, so nothing is installed. Needed (Debian's names): ${wanted[*]%%|*}"
  exit 0
fi

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null || true)
is_installed() { [[ $'\n'"$installed"$'\n' == *$'\n'"installed $1"$'\n'* ]]; }
missing=()
for names in "${wanted[@]}"; do
  found=no
  for name in ${names//|/ }; do
    if is_installed "$name"; then found=yes; fi
  done
  [[ $found == yes ]] || missing+=("$names")
done
((${#missing[@]})) || exit 0

as_root=()
if [[ $(id -u) != 0 ]]; then
  # Without a terminal there is nobody to type sudo's password.
  if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 && -t 2 ]]; }; then
    as_root=(sudo)
  else
    say "healthai: these packages are missing, and installing them needs root or sudo: ${missing[*]%%|*}"
    say "Ask an administrator to type this, then start again:"
    say "    apt-get update && apt-get install -y --no-install-recommends ${missing[*]%%|*}"
    exit 2
  fi
fi

say "healthai: installing with apt-get: ${missing[*]%%|*}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
"${apt[@]}" update >&2 || say "healthai: apt-get update failed; trying with the lists there are"
chosen=()
for names in "${missing[@]}"; do
  choice=${names%%|*}
  for name in ${names//|/ }; do
    if apt-cache show --no-all-versions "$name" >/dev/null 2>&1; then
      choice=$name
      break
    fi
  done
  chosen+=("$choice")
done
if ! "${apt[@]}" install -y --no-install-recommends "${chosen[@]}" >&2; then
  say "healthai: apt-get could not install: ${chosen[*]}"
  say "Its reason is above. When it is solved, start again, or type it yourself:"
  say "    apt-get update && apt-get install -y --no-install-recommends ${chosen[*]}"
  exit 2
fi
