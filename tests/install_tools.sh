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

# Debian keeps initdb out of PATH; its packages bring pg_createcluster instead.
has_postgres() { has initdb pg_createcluster; }

if has_chromium && has_postgres && has pgbouncer && has faketime; then
    echo 'Chromium, PostgreSQL, PgBouncer and faketime are installed.'
    exit 0
fi
echo 'Installing Chromium, PostgreSQL, PgBouncer and faketime …'
if has apt-get; then
    install apt-get update --quiet=2
    has_chromium || set -- chromium
    install env DEBIAN_FRONTEND=noninteractive \
        apt-get install --quiet=2 --yes --no-install-recommends "$@" postgresql pgbouncer faketime
elif has dnf; then
    install dnf install --quiet --assumeyes chromium postgresql-server pgbouncer libfaketime
elif has apk; then
    install apk add --quiet chromium postgresql pgbouncer libfaketime
elif has pacman; then
    install pacman --sync --noconfirm chromium postgresql pgbouncer libfaketime
elif has brew; then
    brew install --quiet --cask google-chrome
    brew install --quiet postgresql pgbouncer libfaketime
else
    echo 'No package manager that is known here: install Chromium or Chrome, PostgreSQL, PgBouncer and faketime.' >&2
    exit 1
fi
has_chromium || { echo 'Chromium was installed, but no command of it is in PATH.' >&2; exit 1; }
