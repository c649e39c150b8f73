# Sourced by script/test: installs what the steps need and the machine lacks.
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
    : >"$scratch/missing"
    check_rust
    install_debian_packages
    # These wait for the network and for each other's sites only: they run side by side.
    if needed deny; then
        install_cargo_deny &
    fi
    if needed clippy linkage sqlite postgres schemathesis; then
        cargo fetch --locked --quiet &
    fi
    if needed sqlite postgres schemathesis; then
        install_npm_packages script/peers &
        # Debian 12 has Node 18, which lacks regular expressions that the packages use.
        node_is_new_enough || install_npm_packages script/peers/node &
        install_python_packages script/peers/django &
        install_python_packages script/peers/schemathesis &
    fi
    wait
    if [[ -s $scratch/missing ]]; then
        printf 'script/test: missing, and not installable from here:\n' >&2
        sed 's/^/  /' "$scratch/missing" >&2
        exit 1
    fi
    printf 'All tools are installed.\n'
}

# missing TEXT: notes what a step needs and could not be installed.
missing() {
    printf '%s\n' "$*" >>"$scratch/missing"
}

check_rust() {
    local wanted
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! have cargo; then
        missing "cargo: install Rust $wanted or newer"
        return
    fi
    if needed format && ! cargo fmt --version >/dev/null 2>&1; then
        missing "cargo fmt: the Rust component rustfmt"
    fi
    if needed clippy linkage sqlite postgres schemathesis && ! cargo clippy --version >/dev/null 2>&1; then
        missing "cargo clippy: the Rust component clippy"
    fi
}

# A program may come from elsewhere than Debian: this looks for programs, not for packages.
missing_debian_packages() {
    if needed clippy linkage sqlite postgres schemathesis && ! have cc; then
        printf '%s\n' gcc libc6-dev
    fi
    if needed clippy linkage sqlite postgres schemathesis && ! links_libpq; then
        printf '%s\n' libpq-dev
    fi
    if needed linkage && ! have readelf; then
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
        have caddy || printf '%s\n' caddy
        # The example of forward authentication makes its key with it.
        have openssl || printf '%s\n' openssl
        # Debian installs it outside of a user's PATH.
        have nginx || [[ -x /usr/sbin/nginx ]] || printf '%s\n' nginx
    fi
    if needed deny sqlite postgres schemathesis; then
        have_venv || printf '%s\n' python3 python3-venv
    fi
    if needed cycles links && ! have python3; then
        printf '%s\n' python3
    fi
    if needed schemathesis && ! have curl; then
        printf '%s\n' curl
    fi
    if needed postgres && ! postgres_programs >/dev/null; then
        printf '%s\n' postgresql
    fi
    # Debian installs it outside of a user's PATH.
    if needed postgres && ! have pgbouncer && [[ ! -x /usr/sbin/pgbouncer ]]; then
        printf '%s\n' pgbouncer
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
        missing "Debian packages: ${packages[*]}"
    fi
}

apt_install() {
    local settings=/etc/postgresql-common/createcluster.d/vestibule-test.conf status=0
    as_root apt-get -qq -o Acquire::Retries=3 update || return
    # Without this, Debian's package creates a cluster and leaves it running.
    if [[ " $* " == *" postgresql "* ]]; then
        as_root mkdir -p "${settings%/*}"
        printf 'create_main_cluster = false\n' | as_root tee "$settings" >/dev/null
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 \
        install --yes --no-install-recommends "$@" >"$scratch/apt.log" 2>&1 || status=$?
    as_root rm -f "$settings"
    # These packages start services, which the tests do not use.
    local service
    for service in pgbouncer nginx caddy; do
        if [[ " $* " == *" $service "* && -d /run/systemd/system ]]; then
            as_root systemctl disable --quiet --now "$service"
        fi
    done
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

cargo_deny_folder=script/peers/cargo-deny

install_cargo_deny() {
    local found
    found=$(cargo deny --version 2>/dev/null | awk '{ print $2 }') || true
    if [[ -n $found && $(printf '%s\n' "$found" "$cargo_deny_version" | sort -V | head -n 1) == "$cargo_deny_version" ]]; then
        return
    fi
    if have_venv && fill_venv "$cargo_deny_folder" --require-hashes; then
        return
    fi
    printf 'Compiling cargo-deny %s\n' "$cargo_deny_version"
    # Not into the project's build directory. Without optimisation: it runs once, and compiling it
    # optimised takes several minutes.
    env -u CARGO_TARGET_DIR -u RUSTC_WORKSPACE_WRAPPER cargo install --quiet --locked --debug "cargo-deny@$cargo_deny_version" ||
        missing "cargo-deny $cargo_deny_version: cargo could not install it"
}

# Lets cargo find the binary package; an installed cargo-deny that is new enough has precedence.
use_cargo_deny() {
    if [[ -x $cargo_deny_folder/.venv/bin/cargo-deny ]]; then
        export PATH=$PWD/$cargo_deny_folder/.venv/bin:$PATH
    fi
}

node_is_new_enough() {
    have node && node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)'
}

# Installs the npm programs that the tests talk to, in the versions of the folder's lock file.
install_npm_packages() {
    local folder=$1
    if cmp -s "$folder/package-lock.json" "$folder/node_modules/.installed-lock.json"; then
        return
    fi
    if ! have npm || ! have node; then
        missing "npm packages of $folder: there is no npm"
        return
    fi
    printf 'Installing the npm packages of %s\n' "$folder"
    if (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error); then
        cp "$folder/package-lock.json" "$folder/node_modules/.installed-lock.json"
    else
        missing "npm packages of $folder: npm ci failed"
    fi
}

# Debian's python3 contains venv without pip: check for both.
have_venv() {
    have python3 && python3 -c 'import venv, ensurepip' 2>/dev/null
}

# Installs Python packages in the versions of the folder's requirements.txt, into its .venv.
install_python_packages() {
    if ! have_venv; then
        missing "Python packages of $1: there is no python3 with venv"
    elif ! fill_venv "$1"; then
        missing "Python packages of $1: pip could not install them"
    fi
}

# fill_venv FOLDER [PIP_OPTION...]
fill_venv() {
    local folder=$1 venv=$1/.venv
    shift
    if cmp -s "$folder/requirements.txt" "$venv/.installed-requirements.txt"; then
        return
    fi
    printf 'Installing the Python packages of %s\n' "$folder"
    rm -rf "$venv"
    python3 -m venv "$venv" && "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --no-deps "$@" --requirement "$folder/requirements.txt" &&
        cp "$folder/requirements.txt" "$venv/.installed-requirements.txt"
}
