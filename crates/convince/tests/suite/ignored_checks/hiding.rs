//! The same forgeries under a hiding channel.

use convince::Mode;
use convince::Openings;
use convince::circuit::WireKind;
use convince::protocol::{Field, run_hiding_prover, run_hiding_verifier};
use convince_pcs::{CommitmentScheme, Hyrax, PcsError};
use convince_testing::{Lie, Replaced, Verdict};
use convince_transcript::{ChannelError, Check, PlainProver, PlainVerifier};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::Forgery;
use crate::common::parts::{Dishonest, Parts};
use crate::common::{SEED, TINY};

/// Seeds pads and all blinds but those of the weights.
const PROOF: [u8; 32] = [8; 32];

/// A forgery, and what its hiding proofs are made of.
pub(crate) struct Hidden {
    lie: Forgery,
    parts: Parts<'static>,
    pads: Vec<Field>,
    /// Of the weights' rows.
    blinds: Vec<Field>,
}

impl Hidden {
    pub(crate) fn of(lie: Forgery) -> Self {
        let key = &TINY.verifying;
        let parts = Parts::new(key.circuit(), key.width(), lie.input.clone(), lie.output.clone());
        let pads = parts.pads(PROOF);
        let blinds = Hyrax::blinds(parts.num_rows(WireKind::Weight), &mut ChaCha20Rng::from_seed(SEED.0));
        Self { lie, parts, pads, blinds }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.lie.name
    }

    fn dishonest(&self, masked: &Replaced<Field>, ignored: Option<usize>) -> Dishonest {
        // What is repaired is what was sent; what the forger hands to the channel is without the pad.
        let replaced = masked.iter().map(|(&at, value)| (at, *value - self.pads[at])).collect();
        Dishonest { replaced, known: self.lie.known.clone(), ignored }
    }

    fn whole(&self, lie: &Dishonest) -> Vec<u8> {
        self.parts.prove(&self.lie.witness, &self.blinds, PROOF, self.lie.transcript(Mode::Hiding), lie, true)
    }

    fn verdict(&self, proof: &[u8], lie: &Dishonest, ignore_evaluation: bool) -> Result<(), PcsError> {
        let weights = &TINY.rows();
        self.parts.verify(weights, self.lie.transcript(Mode::Hiding), proof, lie, ignore_evaluation)
    }

    /// With one check of both tapes ignored the proof passes. With it, neither that proof does nor the one whose closing
    /// argument is about all checks.
    pub(crate) fn passes_without(&self, replaced: &Replaced<Field>, index: usize, name: &str) {
        let (without, with) = (self.dishonest(replaced, Some(index)), self.dishonest(replaced, None));
        let proof = self.whole(&without);
        assert_eq!(self.verdict(&proof, &without, false), Ok(()), "{name}");
        for proof in [proof, self.whole(&with)] {
            let refused = self.verdict(&proof, &with, false);
            // A constant that is not zero is refused before the proof is closed.
            assert!(matches!(refused, Err(PcsError::Channel(ChannelError::CheckFailed(_)))), "{name}: {refused:?}");
        }
    }

    /// Every check of the tape holds; only the evaluation of what is opened tells.
    pub(crate) fn passes_without_the_evaluation(&self, replaced: &Replaced<Field>) {
        let lie = self.dishonest(replaced, None);
        let proof = self.whole(&lie);
        assert_eq!(self.verdict(&proof, &lie, true), Ok(()), "{}", self.name());
        let refused = Err(PcsError::Channel(ChannelError::CheckFailed(Check::OpeningEvaluation)));
        assert_eq!(self.verdict(&proof, &lie, false), refused, "{}", self.name());
    }

    /// Its bytes are those of the crate's prover, and the crate's verifier accepts them.
    pub(crate) fn is_the_real_one(&self) {
        let proof = self.whole(&Dishonest::default());
        let clear = PlainProver::new(self.lie.transcript(Mode::Hiding));
        let mut rng = ChaCha20Rng::from_seed(PROOF);
        let real = run_hiding_prover(&TINY.proving, &self.lie.witness, &Openings::default(), &mut rng, clear, &|_| {});
        assert!(real.finish() == proof);
        let clear = PlainVerifier::new(self.lie.transcript(Mode::Hiding), &proof);
        run_hiding_verifier(&TINY.verifying, &self.lie.statement(), clear).unwrap().finish().unwrap();
        assert_eq!(self.verdict(&proof, &Dishonest::default(), false), Ok(()));
    }
}

impl Lie<Field> for Hidden {
    /// Without its closing argument.
    fn prove(&self, masked: &Replaced<Field>) -> Vec<u8> {
        let lie = self.dishonest(masked, None);
        self.parts.prove(&self.lie.witness, &self.blinds, PROOF, self.lie.transcript(Mode::Hiding), &lie, false)
    }

    fn verify(&self, proof: &[u8], ignored: Option<usize>) -> Verdict<Field> {
        let lie = self.dishonest(&Replaced::new(), ignored);
        self.parts.look(&self.lie.witness, self.lie.transcript(Mode::Hiding), proof, &self.pads, &lie)
    }
}
