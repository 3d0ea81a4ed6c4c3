//! What of a proof's input, model and output is public: as keys say it, and in words.

use convince::circuit::Circuit;
use convince::lower::Reveal;
use convince::{Mode, ModelStatus, ProvingKey, VerifyingKey};
use serde::{Serialize, Serializer};

/// Which parts of a statement are committed, in place of being in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Visibility {
    /// The input.
    pub(crate) input: Privacy,
    /// The weights.
    pub(crate) model: Privacy,
    /// What is said of the output.
    pub(crate) reveal: Reveal,
}

/// What a proof of this mode is called.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Hiding => "zero-knowledge",
        Mode::Plain => "plain",
    }
}

/// Whether a part is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// Whoever verifies has it.
    Public,
    /// Whoever verifies has a commitment to it.
    Private,
}

impl Privacy {
    /// By whether it is private.
    pub(crate) fn of(private: bool) -> Self {
        if private { Self::Private } else { Self::Public }
    }

    fn is_private(self) -> bool {
        self == Self::Private
    }
}

impl Visibility {
    /// What a verifier's key says.
    pub(crate) fn of_verifier(key: &VerifyingKey) -> Self {
        Self::of_circuit(key.circuit(), Privacy::of(key.status() != ModelStatus::Public))
    }

    /// What a prover's key says.
    pub(crate) fn of_prover(key: &ProvingKey) -> Self {
        Self::of_circuit(&key.lowered().circuit, Privacy::of(!key.has_public_weights()))
    }

    fn of_circuit(circuit: &Circuit, model: Privacy) -> Self {
        let reveal = if circuit.output_is_private() {
            Reveal::Nothing
        } else if circuit.arg_max().is_some() {
            Reveal::Label
        } else if circuit.correct_layer().is_some() {
            Reveal::Correct
        } else {
            Reveal::Logits
        };
        Self { input: Privacy::of(circuit.input_is_private()), model, reveal }
    }

    /// Names of the parts whose values are private, in the order of the command line's.
    pub(crate) fn private(self) -> Vec<&'static str> {
        let parts = [
            ("input", self.input.is_private()),
            ("model", self.model.is_private()),
            ("output", self.reveal != Reveal::Logits),
        ];
        parts.into_iter().filter(|(_, private)| *private).map(|(name, _)| name).collect()
    }

    /// What proofs say of the output.
    pub(crate) fn reveals(self) -> &'static str {
        match self.reveal {
            Reveal::Logits => "logits",
            Reveal::Label => "label",
            Reveal::Nothing => "nothing",
            Reveal::Correct => "correct",
        }
    }

    /// The lines that say it to people.
    pub(crate) fn fields(self) -> [(&'static str, String); 2] {
        let (public_output, private_output) = match self.reveal {
            Reveal::Logits => (Some("output"), None),
            Reveal::Label => (Some("the output's label"), Some("the output's values")),
            Reveal::Nothing => (None, Some("output")),
            Reveal::Correct => (Some("whether labels are correct"), Some("the output's values")),
        };
        let part = |name, privacy: Privacy, wanted| (privacy == wanted).then_some(name);
        let list = |wanted, output: Option<&'static str>| {
            let parts = [part("input", self.input, wanted), part("model", self.model, wanted), output];
            let parts: Vec<&str> = parts.into_iter().flatten().collect();
            if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
        };
        [("public", list(Privacy::Public, public_output)), ("private", list(Privacy::Private, private_output))]
    }
}

/// `private` and `reveal` of every JSON object that has them.
impl Serialize for Visibility {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields {
            private: Vec<&'static str>,
            reveal: &'static str,
        }
        Fields { private: self.private(), reveal: self.reveals() }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_in_exactly_one_list() {
        let both = [Privacy::Public, Privacy::Private];
        for (input, model) in both.into_iter().flat_map(|input| both.map(|model| (input, model))) {
            for reveal in [Reveal::Logits, Reveal::Label, Reveal::Correct, Reveal::Nothing] {
                let visibility = Visibility { input, model, reveal };
                let [(_, public), (_, private)] = visibility.fields();
                for (name, privacy) in [("input", input), ("model", model)] {
                    assert_eq!(
                        (public.contains(name), private.contains(name)),
                        (!privacy.is_private(), privacy.is_private())
                    );
                    assert_eq!(visibility.private().contains(&name), privacy.is_private());
                }
                assert_eq!(visibility.private().contains(&"output"), private.contains("output"));
            }
        }
    }
}
