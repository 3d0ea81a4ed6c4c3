#!/usr/bin/env bash
# Make vectors/fashion again from its public source:
#
#     scripts/make_fashion_vectors.sh
#     scripts/make_fashion_vectors.sh --arrays DIR    train nothing, write all 10,000 test images and labels to DIR
#
# Installs Debian's torch if it is missing (as root), takes Fashion-MNIST from
# Debian's package `dataset-fashion-mnist`, which is not installed, trains (about
# seven minutes on one core), checks and updates the digests in vectors/README.md.
# A second run leaves the work tree as it was.
set -euo pipefail
# shellcheck source=scripts/training.sh
source "$(dirname "${BASH_SOURCE[0]}")/training.sh"

readonly PACKAGE=dataset-fashion-mnist
readonly PACKAGE_SHA256=39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0

need_files scripts/train_fashion.py scripts/train_lenet.py scripts/describe_vectors.py vectors/README.md
need_tools apt-get dpkg-deb sha256sum
need_torch

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# As apt's own user it could not write here.
(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$PACKAGE" >/dev/null) || refuse "apt-get cannot fetch $PACKAGE; apt-get update first"
echo "$PACKAGE_SHA256  $(echo "$work/$PACKAGE"_*.deb)" | sha256sum --check --quiet ||
    refuse "$PACKAGE is not the file this script was written for"
dpkg-deb -x "$work/$PACKAGE"_*.deb "$work/files"
data=$work/files/usr/share/datasets/fashion-mnist

if [[ ${1-} == --arrays ]]; then
    "$PYTHON" "$root/scripts/train_fashion.py" --data "$data" --arrays "${2:?"--arrays needs a folder"}"
    exit
fi
make_venv "$work/venv"
"$PYTHON" "$root/scripts/train_fashion.py" --data "$data" --out "$root/vectors/fashion"
# The package's licence asks that its notice go with every copy.
cp "$work/files/usr/share/doc/$PACKAGE/copyright" "$root/vectors/fashion/LICENSE-dataset-fashion-mnist"
"$work/venv/bin/python" "$root/scripts/describe_vectors.py"
