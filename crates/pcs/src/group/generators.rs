//! The generators: nothing-up-my-sleeve points, so that nobody knows a relation between them.

use std::sync::OnceLock;

use ark_bls12_381::{Fq, G1Affine};
use ark_ff::BigInt;
use sha2::{Digest, Sha256};

use crate::PcsError;

/// Length of the list.
pub const MAX_WIDTH: usize = 8192;
/// Bytes of a point: `x` then `y`, big-endian.
const POINT_LEN: usize = 96;
/// Points that are hashed together, so that a narrow matrix does not pay for the whole list.
const BLOCK: usize = 1024;
/// Number of blocks, the last one being `H` alone.
const NUM_BLOCKS: usize = MAX_WIDTH / BLOCK + 1;

/// `G_0, .., G_8191, H` as uncompressed points: 786 KB, where deriving them takes seconds and decompressing them half of one.
///
/// Written by `cargo test -p convince-pcs write_the_file -- --ignored`.
static FILE: &[u8] = include_bytes!("generators.bin");
/// SHA-256 of every block of [`FILE`].
static BLOCK_HASHES: [[u8; 32]; NUM_BLOCKS] = [
    [
        0x56, 0xac, 0x3d, 0x30, 0x6f, 0x8a, 0xce, 0x9a, 0x49, 0xa1, 0xf2, 0xdf, 0xd4, 0xd8, 0x13, 0x9b, 0x3f, 0x31,
        0xae, 0xc6, 0x03, 0x7e, 0x9f, 0xb5, 0xba, 0x1f, 0xf6, 0x6b, 0x0b, 0xb8, 0x0b, 0xfc,
    ],
    [
        0x62, 0x54, 0x81, 0x19, 0x75, 0x1f, 0x08, 0x9c, 0x00, 0x72, 0xa6, 0xa8, 0x35, 0x08, 0x54, 0xa5, 0x03, 0x0c,
        0x19, 0x53, 0x2b, 0x79, 0x91, 0xae, 0x3a, 0x62, 0x75, 0xb3, 0x8f, 0x7f, 0xc1, 0x2e,
    ],
    [
        0x20, 0xc9, 0x42, 0x9a, 0x2c, 0x00, 0xac, 0x6c, 0x56, 0x3c, 0xff, 0xa7, 0x17, 0x2a, 0xb3, 0x70, 0xc7, 0xcd,
        0x06, 0x1d, 0xd1, 0x44, 0x7c, 0xb6, 0x04, 0x46, 0x41, 0x73, 0x4b, 0x5a, 0x25, 0x2c,
    ],
    [
        0xc8, 0x06, 0x70, 0x74, 0xcd, 0x6e, 0x1d, 0xe8, 0xd6, 0xb7, 0xd5, 0x84, 0x3d, 0x7c, 0x1a, 0x2d, 0xfd, 0x50,
        0x77, 0x82, 0xca, 0xc1, 0x24, 0xc9, 0xd3, 0xb8, 0x7f, 0x0e, 0xa7, 0x28, 0xe9, 0x0f,
    ],
    [
        0x1e, 0x69, 0xd5, 0x88, 0xaa, 0x92, 0xa4, 0x94, 0x71, 0xa0, 0xef, 0x6c, 0xbd, 0xce, 0x23, 0xcb, 0xa6, 0x86,
        0x96, 0xa8, 0xbe, 0x87, 0x58, 0x7a, 0xd4, 0xbc, 0x5d, 0x7e, 0xa5, 0x5b, 0x0b, 0x7f,
    ],
    [
        0xf1, 0x3f, 0x1a, 0x57, 0x29, 0xc1, 0x2e, 0xf6, 0x1b, 0xda, 0xa8, 0xa2, 0xba, 0x99, 0x49, 0xde, 0xea, 0xb6,
        0xf0, 0xd9, 0x9b, 0xef, 0x4f, 0x9e, 0x65, 0x66, 0x4b, 0x63, 0xf7, 0x9b, 0x8e, 0xc9,
    ],
    [
        0x15, 0xd2, 0xf9, 0x47, 0x18, 0xe1, 0x26, 0x23, 0xd9, 0xce, 0x8e, 0xc0, 0x5a, 0x08, 0x78, 0x08, 0x8c, 0x32,
        0xe7, 0x87, 0x1f, 0x5e, 0x75, 0xa8, 0xd3, 0xf0, 0xb5, 0xee, 0xa2, 0x01, 0x25, 0xd1,
    ],
    [
        0x8f, 0x1f, 0x1b, 0xb7, 0x64, 0x39, 0x75, 0x33, 0xa4, 0x4a, 0x0b, 0x1d, 0xd0, 0x1d, 0x64, 0x1a, 0x91, 0x45,
        0xb6, 0x0b, 0xea, 0x02, 0x2f, 0x19, 0x36, 0xee, 0x01, 0x6a, 0xe8, 0xbc, 0xdb, 0x23,
    ],
    [
        0x78, 0x67, 0xb1, 0xc8, 0x87, 0xaa, 0xad, 0x12, 0x79, 0x89, 0xa8, 0x24, 0xb7, 0x16, 0x1e, 0x83, 0xaf, 0xba,
        0x48, 0x54, 0x63, 0x6c, 0x7f, 0x41, 0x8c, 0x1a, 0xd9, 0x24, 0x8e, 0x72, 0x59, 0x78,
    ],
];

/// The first `n` generators and the blinding generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generators {
    columns: Vec<G1Affine>,
    blind: G1Affine,
}

impl Generators {
    /// The first `width` generators: `G_i` is the RFC 9380 hash to G1 (SHA-256, simplified SWU, random oracle) of `i` as four
    /// little-endian bytes in the domain `convince/hyrax/generators/v1`, and `H` that of `"blind"`.
    ///
    /// They are read from a file in the executable, about 0.15 us a point and, once, 0.3 ms for every 1024 points to check their
    /// hash. The points are on the curve and in the subgroup because the file is.
    ///
    /// # Errors
    /// If `width` is above [`MAX_WIDTH`].
    ///
    /// # Panics
    /// If the executable's list is not the one whose hash is in the source: the executable is damaged.
    pub fn new(width: usize) -> Result<Self, PcsError> {
        let (points, _) = FILE.as_chunks::<POINT_LEN>();
        let (blind, points) = points.split_last().expect("the list is not empty");
        let points = points.get(..width).ok_or(PcsError::Width { width, max: MAX_WIDTH })?;
        (0..width.div_ceil(BLOCK)).chain([NUM_BLOCKS - 1]).for_each(check_block);
        Ok(Self { columns: points.iter().map(read_point).collect(), blind: read_point(blind) })
    }

    /// Number of columns, `n`.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// `G_0, .., G_(n - 1)`.
    pub fn columns(&self) -> &[G1Affine] {
        &self.columns
    }

    /// `H`.
    pub fn blind(&self) -> G1Affine {
        self.blind
    }
}

/// Panics unless a block of the file is the one whose hash is in the source.
fn check_block(block: usize) {
    static INTACT: [OnceLock<()>; NUM_BLOCKS] = [const { OnceLock::new() }; NUM_BLOCKS];
    INTACT[block].get_or_init(|| {
        let points = FILE.chunks(BLOCK * POINT_LEN).nth(block).unwrap_or(&[]);
        assert_eq!(Sha256::digest(points).as_slice(), BLOCK_HASHES[block], "the list of generators is damaged");
    });
}

/// The point with these coordinates, which are not checked.
fn read_point(bytes: &[u8; POINT_LEN]) -> G1Affine {
    let (limbs, _) = bytes.as_chunks::<8>();
    let coordinate = |first: usize| Fq::new(BigInt(std::array::from_fn(|i| u64::from_be_bytes(limbs[first + 5 - i]))));
    G1Affine::new_unchecked(coordinate(0), coordinate(6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bls12_381::{G1Projective, g1};
    use ark_ec::AffineRepr;
    use ark_ec::hashing::{HashToCurve, curve_maps::wb::WBMap, map_to_curve_hasher::MapToCurveBasedHasher};
    use ark_ff::PrimeField;
    use ark_ff::field_hashers::DefaultFieldHasher;
    use ark_serialize::CanonicalSerialize;

    const DOMAIN: &[u8] = b"convince/hyrax/generators/v1";

    type Hasher = MapToCurveBasedHasher<G1Projective, DefaultFieldHasher<Sha256>, WBMap<g1::Config>>;

    fn hash_to_curve(domain: &[u8], messages: &[&[u8]]) -> Vec<G1Affine> {
        let hasher = Hasher::new(domain).unwrap();
        messages.iter().map(|message| hasher.hash(message).unwrap()).collect()
    }

    fn recomputed() -> Generators {
        let indices: Vec<[u8; 4]> = (0..MAX_WIDTH as u32).map(u32::to_le_bytes).collect();
        let columns = hash_to_curve(DOMAIN, &indices.iter().map(<[u8; 4]>::as_slice).collect::<Vec<_>>());
        Generators { columns, blind: hash_to_curve(DOMAIN, &[b"blind"])[0] }
    }

    #[test]
    #[ignore = "writes generators.bin"]
    fn write_the_file() {
        let Generators { columns, blind } = recomputed();
        let mut bytes = Vec::new();
        for point in columns.iter().chain([&blind]) {
            point.serialize_uncompressed(&mut bytes).unwrap();
        }
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/group/generators.bin"), &bytes).unwrap();
        for block in bytes.chunks(BLOCK * POINT_LEN) {
            println!("{:#04x?},", Sha256::digest(block).as_slice());
        }
    }

    #[test]
    fn file_is_the_hash_to_curve() {
        assert_eq!(Generators::new(MAX_WIDTH), Ok(recomputed()));
    }

    #[test]
    fn points_are_in_the_subgroup_and_distinct() {
        let Generators { columns, blind } = Generators::new(MAX_WIDTH).unwrap();
        let mut seen = std::collections::HashSet::new();
        for point in columns.iter().chain([&blind]) {
            assert!(point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve() && !point.is_zero());
            assert!(seen.insert(point.x), "two generators are equal or opposite");
        }
    }

    #[test]
    fn shorter_lists_are_prefixes_and_longer_ones_an_error() {
        let all = Generators::new(MAX_WIDTH).unwrap();
        for width in [0, 1, 7] {
            let some = Generators::new(width).unwrap();
            assert_eq!((some.columns(), some.blind()), (&all.columns()[..width], all.blind()));
        }
        for width in [MAX_WIDTH + 1, usize::MAX] {
            assert_eq!(Generators::new(width), Err(PcsError::Width { width, max: MAX_WIDTH }));
        }
    }

    /// RFC 9380, J.9.1: BLS12381G1_XMD:SHA-256_SSWU_RO_, message "abc".
    #[test]
    fn hash_is_that_of_the_rfc() {
        let point = hash_to_curve(b"QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_", &[b"abc"])[0];
        let expected =
            "03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3aee664ba5379a7655d3c68900be2f6903";
        let hex: String = point.x.into_bigint().0.iter().rev().map(|limb| format!("{limb:016x}")).collect();
        assert_eq!(hex, expected);
    }
}
