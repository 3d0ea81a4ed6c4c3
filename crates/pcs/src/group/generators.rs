//! The generators: nothing-up-my-sleeve points, so that nobody knows a relation between them.

use std::sync::OnceLock;

use ark_bls12_381::{Fq, G1Affine};
use ark_ff::BigInt;
use sha2::{Digest, Sha256};

use crate::PcsError;

/// Length of the list.
pub const MAX_WIDTH: usize = 1024;
/// Bytes of a point: `x` then `y`, big-endian.
const POINT_LEN: usize = 96;

/// `G_0, .., G_1023, H` as uncompressed points.
///
/// Written by `cargo test -p convince-pcs write_the_file -- --ignored`.
static FILE: &[u8] = include_bytes!("generators.bin");
/// SHA-256 of [`FILE`].
const FILE_HASH: [u8; 32] = [
    0x82, 0xf9, 0xc3, 0x74, 0xe0, 0x53, 0x6a, 0xa7, 0x70, 0x3d, 0x2a, 0x69, 0x48, 0xbc, 0x87, 0x65, 0xfe, 0x36, 0xbf,
    0x3d, 0xe2, 0xc0, 0x29, 0x02, 0xa0, 0xea, 0x43, 0x8d, 0x7f, 0x95, 0x9d, 0x94,
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
    /// They are read from a file in the executable, about 0.15 us a point and 0.3 ms once to check its hash. The points are on
    /// the curve and in the subgroup because the file is.
    ///
    /// # Errors
    /// If `width` is above [`MAX_WIDTH`].
    ///
    /// # Panics
    /// If the executable's list is not the one whose hash is in the source: the executable is damaged.
    pub fn new(width: usize) -> Result<Self, PcsError> {
        let (points, blind) = list();
        let points = points.get(..width).ok_or(PcsError::Width { width, max: MAX_WIDTH })?;
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

/// The list's encoded points and blinding generator, once its hash is checked.
fn list() -> (&'static [[u8; POINT_LEN]], &'static [u8; POINT_LEN]) {
    static INTACT: OnceLock<()> = OnceLock::new();
    INTACT.get_or_init(|| assert_eq!(Sha256::digest(FILE).as_slice(), FILE_HASH, "the list of generators is damaged"));
    let (points, _) = FILE.as_chunks::<POINT_LEN>();
    let (blind, points) = points.split_last().expect("the list is not empty");
    (points, blind)
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
        println!("FILE_HASH: {:#04x?}", Sha256::digest(&bytes).as_slice());
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
