#!/bin/sh
# Neovim 0.12 for the editor tests, on a Debian (or Debian-like) machine whose own Neovim is older.
# usage: install_neovim.sh DIR     leaves DIR/nvim; does nothing if that works already. Needs root, about 300 MB and a minute.
#
# Debian's unstable Neovim is unpacked with its own libraries into DIR/root and started from there with its own loader:
# nothing on the machine itself changes (but for debootstrap, which is installed if missing), and no chroot is entered,
# so that this Neovim sees the machine's files and starts its programs.
set -eu

wanted='v0.1[2-9]\|v0.[2-9][0-9]\|v[1-9]'

fail() {
    echo "install_neovim: $1" >&2
    exit 1
}

works() { "$1" --version 2>/dev/null | head -n 1 | grep -q "NVIM \($wanted\)"; }

[ $# -eq 1 ] || fail 'name the folder to install into: install_neovim.sh DIR'
mkdir -p "$1"
dir=$(cd "$1" && pwd)

if [ -x "$dir/nvim" ] && works "$dir/nvim"; then
    exit 0
fi

# Whoever has a Neovim that is new enough, by NEOVIM or on the PATH, needs no other.
for own in "${NEOVIM:-}" "$(command -v nvim || true)"; do
    if [ -n "$own" ] && [ "$own" != "$dir/nvim" ] && works "$own"; then
        printf '#!/bin/sh\nexec "%s" "$@"\n' "$own" >"$dir/nvim"
        chmod +x "$dir/nvim"
        exit 0
    fi
done

[ "$(id -u)" -eq 0 ] || fail 'this needs root; or install Neovim 0.12 yourself and put it on the PATH.'
grep -q '^ID=debian' /etc/os-release 2>/dev/null && command -v apt-get >/dev/null ||
    fail 'this needs Debian; elsewhere install Neovim 0.12 yourself and put it on the PATH.'

# The mirror is the one this machine itself installs from.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
[ -n "$mirror" ] || fail 'apt knows no package source (see /etc/apt/sources.list.d).'

if ! command -v debootstrap >/dev/null; then
    apt-get update -q >/dev/null || fail 'apt-get update failed.'
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends debootstrap >/dev/null ||
        fail 'debootstrap could not be installed.'
fi

rm -rf "$dir/root"
debootstrap --variant=minbase --include=neovim sid "$dir/root" "$mirror" >"$dir/debootstrap.log" 2>&1 ||
    fail "debootstrap failed; the end of $dir/debootstrap.log says why:
$(tail -n 5 "$dir/debootstrap.log")"

loader=$(find "$dir/root/usr/lib" "$dir/root/usr/lib64" -maxdepth 2 -name 'ld-linux*.so.*' 2>/dev/null | head -n 1)
libraries=$(dirname "$(find "$dir/root/usr/lib" -maxdepth 2 -name 'libc.so.6' | head -n 1)")
cat >"$dir/nvim" <<WRAPPER
#!/bin/sh
export VIMRUNTIME="$dir/root/usr/share/nvim/runtime"
exec "$loader" --library-path "$libraries" "$dir/root/usr/bin/nvim" "\$@"
WRAPPER
chmod +x "$dir/nvim"
works "$dir/nvim" || fail "what was installed is not Neovim 0.12 or later: $("$dir/nvim" --version 2>&1 | head -n 1)"
