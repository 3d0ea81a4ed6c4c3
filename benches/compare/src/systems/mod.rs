//! The proof systems, one file each, each behind a feature of its own.

#[cfg(feature = "groth16")]
pub mod groth16;
#[cfg(feature = "halo2")]
pub mod halo2;
pub mod ours;

use crate::system::Measurable;

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
        #[cfg(feature = "halo2")]
        Box::new(halo2::Halo2),
    ]
}
