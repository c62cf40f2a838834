#!/bin/sh
# Installs a real VS Code workbench (code-server, VS Code 1.100), and a browser to control it, for the editor tests.
# usage: install_vscode.sh DIR     creates DIR/serve, DIR/install and DIR/node; does nothing if they exist.
#   DIR/serve PORT DATA EXTENSIONS      serves the workbench on 127.0.0.1:PORT, without a login
#   DIR/install VSIX DATA EXTENSIONS    installs an extension into it
#   DIR/node/bin                        node and npm, which build the extension too
# Needs root, about 1.5 GB and some minutes. Everything comes from Debian's packages and the npm registry; on the
# machine itself only the Debian packages named below are installed.
set -eu

code_server=4.100.3 # the last that runs on Node 20; VS Code 1.100
node_major=20       # which code-server 4.100 insists on; Debian 12 has 18
playwright=1.58.0
packages='chromium ripgrep ca-certificates make g++ pkg-config python3 libkrb5-dev libx11-dev libxkbfile-dev libsecret-1-dev'

fail() {
    echo "install_vscode: $1" >&2
    exit 1
}

logged() {
    "$@" >>"$dir/install.log" 2>&1 || fail "'$*' failed; the end of $dir/install.log says why:
$(tail -n 5 "$dir/install.log")"
}

[ $# -eq 1 ] || fail 'name the folder to install into: install_vscode.sh DIR'
mkdir -p "$1"
dir=$(cd "$1" && pwd)
[ -f "$dir/.installed-$code_server" ] && exit 0

[ "$(id -u)" -eq 0 ] || fail 'this needs root, to install Debian packages.'
command -v apt-get >/dev/null || fail 'this needs Debian (or a distribution based on it), which has Chromium.'
case $(uname -m) in
x86_64) machine=x64 ;;
aarch64) machine=arm64 ;;
*) fail "there is no Node for $(uname -m) in the npm registry." ;;
esac

: >"$dir/install.log"
command -v npm >/dev/null || packages="$packages npm"
logged apt-get update -q
# each word of the list is a package
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive logged apt-get install -y -q --no-install-recommends $packages

# The required version of Node with a matching npm, independent of the machine's own.
export npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
mkdir -p "$dir/tools" "$dir/node/bin"
[ -f "$dir/tools/package.json" ] || echo '{"private":true}' >"$dir/tools/package.json"
logged npm install --prefix "$dir/tools" --ignore-scripts "node-linux-$machine@$node_major" npm@10
node="$dir/tools/node_modules/node-linux-$machine"
ln -sf "$node/bin/node" "$dir/node/bin/node"
for name in npm npx; do
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$node/bin/node" "$dir/tools/node_modules/npm/bin/$name-cli.js" >"$dir/node/bin/$name"
    chmod +x "$dir/node/bin/$name"
done
export PATH="$dir/node/bin:$PATH" npm_config_nodedir="$node"

# code-server's own install script downloads ripgrep from a host that may be unreachable, so this script compiles what is
# needed.
cd "$dir"
[ -f package.json ] || echo '{"private":true}' >package.json
logged npm install --ignore-scripts "code-server@$code_server" "playwright-core@$playwright"
export npm_config_build_from_source=true
logged npm rebuild argon2
unset npm_config_build_from_source
cd node_modules/code-server/lib/vscode
logged npm install --omit=dev --ignore-scripts
for one in @vscode/spdlog native-watchdog @parcel/watcher kerberos; do
    logged npm rebuild "$one"
done
npm rebuild node-pty >>"$dir/install.log" 2>&1 || true # a later step fails, after the module has been compiled
mkdir -p node_modules/@vscode/ripgrep/bin
ln -sf "$(command -v rg)" node_modules/@vscode/ripgrep/bin/rg

entry="$dir/node_modules/code-server/out/node/entry.js"
cat >"$dir/serve" <<SCRIPT
#!/bin/sh
exec "$dir/node/bin/node" "$entry" --auth none --bind-addr "127.0.0.1:\$1" --user-data-dir "\$2" --extensions-dir "\$3" \\
    --disable-telemetry --disable-update-check
SCRIPT
cat >"$dir/install" <<SCRIPT
#!/bin/sh
exec "$dir/node/bin/node" "$entry" --install-extension "\$1" --user-data-dir "\$2" --extensions-dir "\$3"
SCRIPT
chmod +x "$dir/serve" "$dir/install"
"$dir/node/bin/node" "$entry" --version >/dev/null || fail 'the installed code-server does not start.'
touch "$dir/.installed-$code_server"
