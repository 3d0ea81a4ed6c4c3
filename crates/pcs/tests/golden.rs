//! Hyrax commitments and openings, against `vectors/golden/hyrax.txt` and `hyrax-wide.txt`.

#[path = "../../../vectors/golden/golden.rs"]
mod golden;

use convince_field::{Fr, Ints, ProofField};
use convince_pcs::{CommitmentScheme, CommittedWire, Hyrax, OpeningClaim, Split, WireCommitment};
use convince_poly::{Functional, log2_ceil};
use convince_transcript::{PlainProver, PlainVerifier, Transcript};
use golden::Golden;
use sha2::{Digest, Sha256};

const WIDTH: usize = 10;
const SHAPES: [&[usize]; 4] = [&[3, 2, 5], &[4, 7], &[2, 13], &[1]];

const DESCRIPTION: &str = "
Hyrax commitments and one opening (convince_pcs::Hyrax), with fixed blinds.

Width 10. Wires of shapes [3, 2, 5], [4, 7], [2, 13], [1]; value i of wire k is (k + 1) (i - 9)^3 mod 2^15 - 2^14, 16 bits.
The blind of row r, counted over all wires, is 1000 + r^2. `row r` is the commitment, a compressed point of BLS12-381 G1.
`unit row` commits to a 1 in the first column with blind 0, that is, to the first generator, and `blind row` to zeros
with blind 1: the generator of blinds.
Claims, two a wire: at the point whose coordinates are 2, 3, 4, ... and at the point 11, 22, 33, ...
The transcript is new(\"golden/hyrax\"), nothing absorbed before lambda; the opening's last message is the vector of 10
scalars and its blind. Field elements are 32 little-endian bytes.";

fn wire(k: usize) -> Ints {
    let len = SHAPES[k].iter().product::<usize>() as i64;
    let value = |i: i64| ((k as i64 + 1) * (i - 9).pow(3)).rem_euclid(1 << 15) - (1 << 14);
    Ints::I16((0..len).map(|i| value(i) as i16).collect())
}

fn claims(values: &[Ints]) -> Vec<OpeningClaim<Fr, Fr>> {
    let mut claims = Vec::new();
    for (wire, shape) in SHAPES.iter().enumerate() {
        let num_vars: i64 = shape.iter().map(|&n| log2_ceil(n) as i64).sum();
        for coordinate in [|i: i64| i + 2, |i: i64| 11 * (i + 1)] {
            let point: Vec<Fr> = (0..num_vars).map(|i| Fr::from_i64(coordinate(i))).collect();
            let functional = Functional::at_flat(&point, shape);
            let value = functional.apply(values[wire].as_slice());
            claims.push(OpeningClaim { wire, functional, value });
        }
    }
    claims
}

#[test]
fn golden_hyrax() {
    let mut golden = Golden::new("hyrax.txt", DESCRIPTION);
    let params = Hyrax::params(WIDTH).unwrap();
    let one_row = |values: &[i16], blind: i64| {
        let row = Ints::I16(values.to_vec());
        Hyrax::rows_to_bytes(&Hyrax::commit(&params, &[row.as_slice()], &[Fr::from_i64(blind)]))
    };
    golden.bytes("unit row", &one_row(&[1], 0));
    golden.bytes("blind row", &one_row(&[0], 1));

    let splits: Vec<Split> = SHAPES.iter().map(|shape| Split::choose(shape, WIDTH)).collect();
    let values: Vec<Ints> = (0..SHAPES.len()).map(wire).collect();
    let (mut count, mut blinds, mut rows) = (0i64, Vec::new(), Vec::new());
    for (split, values) in splits.iter().zip(&values) {
        let first = count;
        count += split.num_rows() as i64;
        let own: Vec<Fr> = (first..count).map(|r| Fr::from_i64(1000 + r * r)).collect();
        rows.push(Hyrax::commit(&params, &split.rows(values.as_slice()), &own));
        blinds.push(own);
    }
    let bytes = Hyrax::rows_to_bytes(&rows.concat());
    bytes.chunks(Hyrax::ROW_BYTES).enumerate().for_each(|(r, row)| golden.bytes(&format!("row {r}"), row));

    let claims = claims(&values);
    for claim in &claims {
        let mut value = Vec::new();
        claim.value.write_to(&mut value);
        golden.bytes(&format!("claim on wire {}", claim.wire), &value);
    }
    let committed = splits.iter().zip(&values).zip(&blinds);
    let wires: Vec<CommittedWire<'_, Hyrax>> =
        committed.map(|((split, values), blinds)| CommittedWire { split, values: values.as_slice(), blinds }).collect();
    let mut prover = PlainProver::new(Transcript::new("golden/hyrax"));
    Hyrax::open(&params, &wires, &claims, &mut prover);
    let proof = prover.finish();
    let wires: Vec<WireCommitment<'_, Hyrax>> =
        splits.iter().zip(&rows).map(|(split, rows)| WireCommitment { split, rows }).collect();
    let mut verifier = PlainVerifier::new(Transcript::new("golden/hyrax"), &proof);
    Hyrax::verify(&params, &wires, &claims, &mut verifier).unwrap();
    verifier.finish().unwrap();
    golden.bytes("proof", &proof);
    golden.finish();
}

const WIDE: usize = 600;

const WIDE_DESCRIPTION: &str = "
One Hyrax opening at width 600, where an inner-product argument of two rounds leaves 150 scalars and a blind.

A wire of shape [2, 600]; value i is (i - 9)^3 mod 2^15 - 2^14, 16 bits; the blinds are 1000 and 1001. One claim, at the point
2, 3, .., 12. The transcript is new(\"golden/hyrax-wide\"), nothing absorbed before lambda. `sumcheck` is ten rounds of two
scalars; each round is L, R (compressed points) and d; then come the last vector and its blind, of which the SHA-256 of
the whole proof tells. Field elements are 32 little-endian bytes.";

#[test]
fn golden_hyrax_wide() {
    let mut golden = Golden::new("hyrax-wide.txt", WIDE_DESCRIPTION);
    let params = Hyrax::params(WIDE).unwrap();
    let value = |i: i64| ((i - 9).pow(3)).rem_euclid(1 << 15) - (1 << 14);
    let values = Ints::I16((0..2 * WIDE as i64).map(|i| value(i) as i16).collect());
    let split = Split::choose(&[2, WIDE], WIDE);
    let blinds = [1000, 1001].map(Fr::from_i64);
    let rows = Hyrax::commit(&params, &split.rows(values.as_slice()), &blinds);
    golden.bytes("rows", &Hyrax::rows_to_bytes(&rows));
    let point: Vec<Fr> = (2..=12).map(Fr::from_i64).collect();
    let functional = Functional::at_flat(&point, &[2, WIDE]);
    let value = functional.apply(values.as_slice());
    let claims = [OpeningClaim { wire: 0, functional, value }];

    let mut prover = PlainProver::new(Transcript::new("golden/hyrax-wide"));
    let wire = CommittedWire { split: &split, values: values.as_slice(), blinds: &blinds };
    Hyrax::open(&params, &[wire], &claims, &mut prover);
    let proof = prover.finish();
    let mut verifier = PlainVerifier::new(Transcript::new("golden/hyrax-wide"), &proof);
    Hyrax::verify(&params, &[WireCommitment { split: &split, rows: &rows }], &claims, &mut verifier).unwrap();
    verifier.finish().unwrap();

    let (sumcheck, rest) = proof.split_at(10 * 64);
    golden.bytes("sumcheck", sumcheck);
    for (round, message) in rest.chunks(128).take(2).enumerate() {
        golden.bytes(&format!("round {round}"), message);
    }
    golden.value("proof bytes", proof.len());
    golden.bytes("SHA-256 of the proof", &Sha256::digest(&proof));
    golden.finish();
}
