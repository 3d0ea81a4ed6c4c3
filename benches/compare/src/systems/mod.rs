//! The proof systems, one file or folder each, each behind a feature of its own.
//!
//! `r1cs` and `rows` have the network as constraints for several of them.

#[cfg(feature = "ezkl")]
pub mod ezkl;
#[cfg(feature = "groth16")]
pub mod groth16;
#[cfg(feature = "halo2")]
pub mod halo2;
#[cfg(feature = "nova")]
pub mod nova;
pub mod ours;
#[cfg(any(feature = "halo2", feature = "plonky2", feature = "plonky3", feature = "winterfell"))]
mod parts;
#[cfg(feature = "plonky2")]
pub mod plonky2;
#[cfg(feature = "plonky3")]
pub mod plonky3;
#[cfg(feature = "r1cs")]
mod r1cs;
#[cfg(any(feature = "plonky2", feature = "winterfell"))]
mod rows;
#[cfg(feature = "spartan")]
pub mod spartan;
#[cfg(feature = "winterfell")]
pub mod winterfell;

use crate::system::Measurable;

/// Why BN254 counts as 100 bits.
#[cfg(any(feature = "ezkl", feature = "groth16", feature = "halo2"))]
const BN254_SECURITY: &str =
    "discrete logarithms in the target group by the special tower number field sieve (Barbulescu and Duquesne, 2019)";

/// Every system of this build, in the order of the tables. Adding a system is one line here.
pub fn all() -> Vec<Box<dyn Measurable>> {
    vec![
        Box::new(ours::Ours::HIDING),
        Box::new(ours::Ours::PLAIN),
        Box::new(ours::Ours::FFT_BITS),
        #[cfg(feature = "groth16")]
        Box::new(groth16::Groth16::BN254),
        #[cfg(feature = "groth16")]
        Box::new(groth16::Groth16::BLS12_381),
        #[cfg(feature = "spartan")]
        Box::new(spartan::Spartan::SNARK),
        #[cfg(feature = "spartan")]
        Box::new(spartan::Spartan::NIZK),
        #[cfg(feature = "nova")]
        Box::new(nova::Nova),
        #[cfg(feature = "halo2")]
        Box::new(halo2::Halo2),
        #[cfg(feature = "ezkl")]
        Box::new(ezkl::Ezkl),
        #[cfg(feature = "plonky2")]
        Box::new(plonky2::Plonky2),
        #[cfg(feature = "plonky3")]
        Box::new(plonky3::Plonky3),
        #[cfg(feature = "winterfell")]
        Box::new(winterfell::Winterfell),
    ]
}
