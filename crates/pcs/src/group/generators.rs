//! The generators: nothing-up-my-sleeve points, so that nobody knows a relation between them.

use std::sync::OnceLock;

use ark_bls12_381::{Fq, G1Affine};
use ark_ff::BigInt;
use sha2::{Digest, Sha256};

use crate::PcsError;

/// Length of the list.
pub const MAX_WIDTH: usize = 32768;
/// Bytes of a point: `x` then `y`, big-endian.
const POINT_LEN: usize = 96;
/// Points that are hashed together, so that a narrow matrix does not pay for the whole list.
const BLOCK: usize = 1024;
/// Number of blocks, the last one being `H` alone.
const NUM_BLOCKS: usize = MAX_WIDTH / BLOCK + 1;

/// `G_0, .., G_32767, H` as uncompressed points: 3.1 MB, where deriving them takes some ten seconds and decompressing them one.
///
/// Written by `cargo test -p convince-pcs write_the_file -- --ignored`.
static FILE: &[u8] = include_bytes!("generators.bin");
/// SHA-256 of every block of [`FILE`], in hexadecimal digits.
static BLOCK_HASHES: [&str; NUM_BLOCKS] = [
    "56ac3d306f8ace9a49a1f2dfd4d8139b3f31aec6037e9fb5ba1ff66b0bb80bfc",
    "62548119751f089c0072a6a8350854a5030c19532b7991ae3a6275b38f7fc12e",
    "20c9429a2c00ac6c563cffa7172ab370c7cd061dd1447cb6044641734b5a252c",
    "c8067074cd6e1de8d6b7d5843d7c1a2dfd507782cac124c9d3b87f0ea728e90f",
    "1e69d588aa92a49471a0ef6cbdce23cba68696a8be87587ad4bc5d7ea55b0b7f",
    "f13f1a5729c12ef61bdaa8a2ba9949deeab6f0d99bef4f9e65664b63f79b8ec9",
    "15d2f94718e12623d9ce8ec05a0878088c32e7871f5e75a8d3f0b5eea20125d1",
    "8f1f1bb764397533a44a0b1dd01d641a9145b60bea022f1936ee016ae8bcdb23",
    "a1a880d71b2151dcab42cadbc30867f871b6a699bce91d09349f0df99f52015a",
    "fa1fb02c748a5bb16c2d594637f23e66faa0ffe8193f253f137999e238a43e8e",
    "0623b565cc66449ce92d601484d37aabaa2cb257150faf81c06748bcfc8055fa",
    "cc8f1919f43f834b6bd1a0e878f77dfe6e00d207f0094ce038f7fdd92c9d3228",
    "18188f23fad140a009a12ee8db5203425021682b1b8da4a6bb0d53146c74047d",
    "6bfb15bd6142ef4c7029f2ff1ce2213bb573dfaeda14d82cd33b5c9a1b1063e4",
    "4a366d9d66ef74fdb30c17e2cf47167a3f07b9d48b5c575bc395dd1e49160bc6",
    "7de65225b56d96e70fc7e1c0d653d1eba11f11be1ae1ea1643911267a2b8e148",
    "8515fb5c1e63c4abca15318e0be768afd4937bd865f7f488f8df93e85afd8fe3",
    "ce4f233b15c13e1d529862e72106f9e00802e3e1edff290864320ad7103b7e9b",
    "41d4928808ec9b115be95ebb094e136ba38fdc4e8ec7ea5eb052a55b1d5ecccc",
    "c8301018f9ea8a030b7d32528f0ad88c1620eed4dc7d903b7e00cd0456d7a5cd",
    "9ed45e051eea89c47992f3ba360488a112452e5ada3e4f9b0a053a01875dfd4d",
    "49db43487bc935c7731a09c0438707324a555bc468a02ca875fdf876389c6be2",
    "3b6b7e8b328ee93646ed6abc3a462c8c59c9fd2ae218f110ca6139e4c7e54abb",
    "dfb9efb2657d115344ef81067e3ce486d590c65e63a2a86d7ae59a767d09f59f",
    "12bb7fca1fcf90ab3a20de68c93ec72a93c84efc72eff41969668099e8a053c7",
    "0e6aaa7e3aed0f420239bb2841af64af07a00d2aa9478773d58967d5dfd56972",
    "1056958fc32b83851e04aa3316ed8e987f6fd0f4d8e3c9453533e4adff2b9402",
    "311cc03433affe1dcbacf65684a375130c50a1bd61946162810a985f23fc0def",
    "26be31153cf50b9acdd149c115c293fdf09bfc39f965fbaae54b4a5895782ce0",
    "ee47e32ee80ab38446ce25fffe8072fa1c7f6449259666696b0aad9329211756",
    "11fec241370eb1100e3cbf5729925ac3ba59f0f9d7102dd67d2c02fd2712ef79",
    "0ee27b4d74d0a7f6ff6370346ec678b223b73375b83d09ea4ff20397ed8ab2cb",
    "7867b1c887aaad127989a824b7161e83afba4854636c7f418c1ad9248e725978",
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
        assert_eq!(format!("{:x}", Sha256::digest(points)), BLOCK_HASHES[block], "the list of generators is damaged");
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
            println!("    \"{:x}\",", Sha256::digest(block));
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
