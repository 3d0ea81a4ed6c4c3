# What scripts that train networks share; sourced, not run. Needs bash with `set -euo pipefail`.

# Debian's torch is for the CPU only; PyPI's brings a gigabyte of CUDA.
readonly DEBIAN_PACKAGES=(python3-torch python3-numpy python3-pil python3-venv)
readonly PYPI_PACKAGES=(numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1 pillow==13.0.0)
readonly PYTHON=/usr/bin/python3

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

refuse() {
    echo "$(basename "$0" .sh): $*" >&2
    exit 1
}

need_files() {
    local file
    for file in "$@"; do
        [[ -f $root/$file ]] || refuse "$file is missing from the checkout"
    done
}

need_tools() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || refuse "$tool is not installed"
    done
}

has_torch() {
    "$PYTHON" -c 'import torch, numpy, PIL, ensurepip' 2>/dev/null
}

# Installs Debian's torch if it is missing, which needs root, and refuses CPUs that would give other weights.
need_torch() {
    [[ $(uname -m) == x86_64 ]] && grep -qw avx2 /proc/cpuinfo ||
        refuse "the committed weights need an x86-64 CPU with AVX2 to come out the same"
    has_torch && return
    command -v apt-get >/dev/null || refuse "this needs Debian's ${DEBIAN_PACKAGES[*]}, and there is no apt-get"
    [[ $EUID -eq 0 ]] || refuse "run as root once: apt-get install ${DEBIAN_PACKAGES[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${DEBIAN_PACKAGES[@]}"
    has_torch || refuse "$PYTHON cannot import torch, numpy, PIL and ensurepip after the installation"
}

# A venv in $1 with what the scripts that check and describe need.
make_venv() {
    "$PYTHON" -m venv "$1"
    "$1/bin/pip" install --quiet --disable-pip-version-check "${PYPI_PACKAGES[@]}" ||
        refuse "pip cannot install ${PYPI_PACKAGES[*]}"
}
