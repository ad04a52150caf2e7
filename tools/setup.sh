#!/bin/sh
# Makes .venv with ophion (editable) and all its tools. On Debian, and as root, it installs what
# is missing: Python, its venv module, what the tests need; elsewhere it says what is missing.
set -eu
cd "$(dirname "$0")/.."

find_python() {
    for candidate in python3.13 python3.12 python3.11 python3.10 python3; do
        if command -v "$candidate" >/dev/null 2>&1 &&
            "$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2])' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

can_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1
}

install() {
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
}

python=$(find_python)
if [ -z "$python" ] && can_install; then
    install python3 python3-venv
    python=$(find_python)
fi
if [ -z "$python" ]; then
    echo "error: Python 3.10 or newer is needed" >&2
    exit 1
fi

missing=""
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="python3-venv"
# The tests sign with a PKCS#11 token (SoftHSM) and with openssl.
for program in softhsm2-util openssl; do
    command -v "$program" >/dev/null 2>&1 || missing="$missing ${program%-util}"
done
if [ -n "$missing" ]; then
    if can_install; then
        # shellcheck disable=SC2086  # a list of packages
        install $missing
    else
        echo "missing here; on Debian: apt-get install $missing" >&2
        case $missing in python3-venv*)
            echo "error: $python has no venv module" >&2
            exit 1 ;;
        esac
        echo "everything but the tests of keys works without" >&2
    fi
fi

[ -x .venv/bin/python ] || "$python" -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -e '.[dev]'
# mypy takes MicroPython's view of the standard library from here (tools/mypy-device.ini).
ln -sfn "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" .venv/lib/mypy-stubs
touch .venv/.setup-done
