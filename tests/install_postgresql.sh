#!/bin/sh
# Installs PostgreSQL for the tests on a Debian (or Debian-like) machine, as root; does nothing if it is installed.
# usage: install_postgresql.sh
#
# The tests start servers of their own in temporary folders, so none is created and started for the machine.
set -eu

for program in /usr/lib/postgresql/*/bin/initdb; do
    [ -x "$program" ] && exit 0
done
[ "$(id -u)" = 0 ] || {
    echo "install: PostgreSQL is not installed, and only root can install it (apt install postgresql)" >&2
    exit 1
}
export DEBIAN_FRONTEND=noninteractive
configuration=/etc/postgresql-common/createcluster.conf
{
    apt-get update -q
    if [ ! -e "$configuration" ]; then
        mkdir -p "${configuration%/*}"
        echo 'create_main_cluster = false' >"$configuration"
    fi
    apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold postgresql
} >/dev/null || {
    echo "install: PostgreSQL could not be installed" >&2
    exit 1
}
