# Sourced by script/test: finds out what the steps need and is missing, and installs it.
# shellcheck shell=bash

cargo_deny_version=0.20.2

have() {
    command -v "$1" >/dev/null 2>&1
}

# needed STEP...: is one of these steps to be run?
needed() {
    local step
    for step in "$@"; do
        [[ " ${needed_by[*]} " == *" $step "* ]] && return
    done
    return 1
}

step_tools() {
    missing=()
    check_rust
    install_debian_packages
    if needed deny; then
        install_cargo_deny
    fi
    if needed sqlite postgres schemathesis; then
        install_peers script/peers
        # The tests find it there. Debian 12 has Node 18, which knows too few regular expressions.
        node_is_new_enough || install_peers script/peers/node
        install_python_peers script/peers/django
    fi
    if needed sqlite postgres schemathesis; then
        install_python_peers script/peers/schemathesis
    fi
    if ((${#missing[@]} > 0)); then
        printf 'script/test: missing, and not to be installed from here:\n' >&2
        printf '  %s\n' "${missing[@]}" >&2
        exit 1
    fi
    printf 'Everything is there.\n'
}

check_rust() {
    local wanted
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! have cargo; then
        missing+=("cargo: install Rust $wanted or newer")
        return
    fi
    if needed format && ! cargo fmt --version >/dev/null 2>&1; then
        missing+=("cargo fmt: the Rust component rustfmt")
    fi
    if needed clippy && ! cargo clippy --version >/dev/null 2>&1; then
        missing+=("cargo clippy: the Rust component clippy")
    fi
}

# What is there may have come from elsewhere than Debian: programs are looked for, not packages.
missing_debian_packages() {
    if needed clippy link sqlite postgres schemathesis && ! have cc; then
        printf '%s\n' gcc libc6-dev
    fi
    if needed clippy link postgres && ! links_libpq; then
        printf '%s\n' libpq-dev
    fi
    if needed link && ! have readelf; then
        printf '%s\n' binutils
    fi
    if needed deny && ! have git; then
        printf '%s\n' git
    fi
    if needed sqlite postgres; then
        have "${CHROME:-chromium}" || have google-chrome || printf '%s\n' chromium
        have "${CHROMEDRIVER:-chromedriver}" || printf '%s\n' chromium-driver
        have node || printf '%s\n' nodejs
        have npm || printf '%s\n' npm
    fi
    if needed sqlite postgres schemathesis; then
        have_venv || printf '%s\n' python3 python3-venv
    fi
    if needed schemathesis && ! have curl; then
        printf '%s\n' curl
    fi
    if needed postgres && ! postgres_programs >/dev/null; then
        printf '%s\n' postgresql
    fi
}

links_libpq() {
    have cc && printf 'int main(void) { return 0; }' | cc -x c - -lpq -o "$scratch/links-libpq" 2>/dev/null
}

install_debian_packages() {
    local packages
    mapfile -t packages < <(missing_debian_packages)
    if ((${#packages[@]} == 0)); then
        return
    fi
    printf 'Installing from Debian: %s\n' "${packages[*]}"
    if ! have apt-get || ! apt_install "${packages[@]}"; then
        printf 'script/test: apt-get could not install: %s\n' "${packages[*]}" >&2
    fi
    mapfile -t packages < <(missing_debian_packages)
    if ((${#packages[@]} > 0)); then
        missing+=("${packages[@]/#/Debian package }")
    fi
}

apt_install() {
    local settings=/etc/postgresql-common/createcluster.d/vestibule-test.conf status=0
    as_root apt-get -qq -o Acquire::Retries=3 update || return
    # Debian's package would make a cluster and leave it running: nobody asked for one.
    if [[ " $* " == *" postgresql "* ]]; then
        as_root mkdir -p "${settings%/*}"
        printf 'create_main_cluster = false\n' | as_root tee "$settings" >/dev/null
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 \
        install --yes --no-install-recommends "$@" >"$scratch/apt.log" 2>&1 || status=$?
    as_root rm -f "$settings"
    if ((status != 0)); then
        tail -n 30 "$scratch/apt.log" >&2
    fi
    return "$status"
}

as_root() {
    if [[ $(id -u) == 0 ]]; then
        "$@"
    elif ! have sudo; then
        printf 'script/test: neither root nor sudo, for: %s\n' "$*" >&2
        return 1
    elif [[ -t 1 ]]; then
        sudo "$@"
    else
        sudo --non-interactive "$@"
    fi
}

install_cargo_deny() {
    local found
    found=$(cargo deny --version 2>/dev/null | awk '{ print $2 }') || true
    if [[ -n $found && $(printf '%s\n' "$found" "$cargo_deny_version" | sort -V | head -n 1) == "$cargo_deny_version" ]]; then
        return
    fi
    printf 'Installing cargo-deny %s\n' "$cargo_deny_version"
    # Not into our own build folder: its dependencies are not ours.
    env -u CARGO_TARGET_DIR cargo install --quiet --locked "cargo-deny@$cargo_deny_version" ||
        missing+=("cargo-deny $cargo_deny_version: cargo could not install it")
}

node_is_new_enough() {
    have node && node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)'
}

# The programs of others that the tests talk to, in the versions of the folder's lock file.
install_peers() {
    local folder=$1
    if cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed-lock.json"; then
        return
    fi
    if ! have npm || ! have node; then
        missing+=("npm packages of $folder: there is no npm")
        return
    fi
    printf 'Installing the npm packages of %s\n' "$folder"
    if (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); then
        cp "$folder/package-lock.json" "$folder/node_modules/.installed-lock.json"
    else
        missing+=("npm packages of $folder: npm ci failed")
    fi
}

# Debian's python3 has venv without the pip that would fill it.
have_venv() {
    have python3 && python3 -c 'import venv, ensurepip' 2>/dev/null
}

# A real Django and schemathesis, in the versions of the folder's requirements.txt.
install_python_peers() {
    local folder=$1 venv=$1/.venv
    if cmp -s "$folder/requirements.txt" "$venv/.installed-requirements.txt"; then
        return
    fi
    if ! have_venv; then
        missing+=("Python packages of $folder: there is no python3 with venv")
        return
    fi
    printf 'Installing the Python packages of %s\n' "$folder"
    rm -rf "$venv"
    if python3 -m venv "$venv" && "$venv/bin/python" -m pip install --quiet \
        --disable-pip-version-check --no-deps --requirement "$folder/requirements.txt"; then
        cp "$folder/requirements.txt" "$venv/.installed-requirements.txt"
    else
        missing+=("Python packages of $folder: pip could not install them")
    fi
}
