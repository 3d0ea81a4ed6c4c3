#!/bin/sh
# Makes every file of vectors/golden again, then checks them. A changed file is a changed protocol: see vectors/README.md.
set -eu
cd "$(dirname "$0")/.."
CONVINCE_BLESS=1 cargo test --workspace --test golden
cargo test --workspace --test golden
git status --short vectors/golden
