#!/bin/sh
# Install the system packages that tests need and that pip cannot bring. Does nothing where they are there.
set -eu

has() {
    for command in "$@"; do
        command -v "$command" >/dev/null 2>&1 && return 0
    done
    return 1
}

# The names by which tests/views/conftest.py looks for it.
has_chromium() { has chromium chromium-browser google-chrome-stable google-chrome; }

# The first argument is the command that installs, the others what it installs.
install() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif has sudo && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        echo "Installing needs root. Run: sudo $*" >&2
        exit 1
    fi
}

has_chromium && { echo 'Chromium is installed.'; exit 0; }
echo 'Installing Chromium …'
if has apt-get; then
    install apt-get update --quiet=2
    install env DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends chromium
elif has dnf; then
    install dnf install --quiet --assumeyes chromium
elif has apk; then
    install apk add --quiet chromium
elif has pacman; then
    install pacman --sync --noconfirm chromium
elif has brew; then
    brew install --quiet --cask google-chrome
else
    echo 'No package manager that is known here: install Chromium or Chrome, so that `chromium` is in PATH.' >&2
    exit 1
fi
has_chromium || { echo 'Chromium was installed, but no command of it is in PATH.' >&2; exit 1; }
