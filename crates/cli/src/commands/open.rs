use std::path::Path;

use convince::container::{Kind, kind_of};
use convince::{TensorCommitment, TensorOpening, answers};
use serde::Serialize;

use super::{key_error, verify};
use crate::args::Open;
use crate::error::{Context, Error, Exit};
use crate::input;
use crate::output::{Output, Said, complain, fields, hex};
use crate::progress::Progress;

#[derive(Serialize)]
struct Report {
    valid: bool,
    of: Option<&'static str>,
    commitment: Option<String>,
    values: Option<Vec<i32>>,
    #[serde(flatten)]
    said: Said,
    error: Option<String>,
}

/// A commitment that is opened.
struct Opened {
    of: &'static str,
    commitment: TensorCommitment,
    said: Said,
}

/// `convince open`.
pub(super) fn run(args: &Open, output: Output) -> Result<Exit, Error> {
    let bytes = input::read(&args.commitment)?;
    let kind = kind_of(&bytes).at(args.commitment.display())?;
    let opening = opening(&args.opening)?;
    let progress = Progress::start("checking the opening");
    let opened = match (kind, &args.key) {
        (Kind::TensorCommitment, None) => opened_file(&args.commitment, &bytes, &opening),
        (Kind::TensorCommitment, Some(_)) => Err(Error::new("--key is for proofs, and a commitment needs none")),
        (Kind::Proof, Some(key)) => opened_proof(args, key, &opening),
        (Kind::Proof, None) => Err(Error::new("a proof needs its verifier's key: give it with --key")),
        (kind, _) => Err(Error::new(format!(
            "{}: a {kind} file where a commitment or a proof is needed",
            args.commitment.display()
        ))),
    };
    drop(progress);
    let opened = match opened {
        Err(error) if error.exit() == Exit::Rejected => {
            complain(&error);
            if output.is_json() {
                let (said, error) = (Said::default(), Some(error.to_string()));
                let report = Report { valid: false, of: None, commitment: None, values: None, said, error };
                output.result(&report, String::new)?;
            }
            return Ok(Exit::Rejected);
        }
        opened => opened?,
    };
    let report = Report {
        valid: true,
        of: Some(opened.of),
        commitment: Some(hex(&opened.commitment.digest())),
        values: Some(opening.values()),
        said: opened.said,
        error: None,
    };
    output.result(&report, || text(&report, args))?;
    Ok(Exit::Valid)
}

/// Reads an opening.
pub(super) fn opening(path: &Path) -> Result<TensorOpening, Error> {
    TensorOpening::from_bytes(&input::read(path)?).at(path.display())
}

fn not_its_opening(args: &Path) -> Error {
    Error::rejected(format!("{}: rejected: the opening is of another commitment", args.display()))
}

fn opened_file(path: &Path, bytes: &[u8], opening: &TensorOpening) -> Result<Opened, Error> {
    let commitment = TensorCommitment::from_bytes(bytes).map_err(|error| key_error(path, &error))?;
    match commitment.is_opened_by(opening) {
        true => Ok(Opened { of: "commitment", commitment, said: Said::default() }),
        false => Err(not_its_opening(path)),
    }
}

/// The output's or the input's commitment in a proof, which counts only if the proof is valid.
fn opened_proof(args: &Open, key: &Path, opening: &TensorOpening) -> Result<Opened, Error> {
    let path = &args.commitment;
    let nonce = args.nonce.clone().unwrap_or_default();
    let (key, verified) = verify::verified(verify::verifying_key(key)?, path, &nonce)?;
    let found = [("output", verified.output_commitment), ("input", verified.input_commitment)];
    let mut found = found.into_iter().filter_map(|(of, commitment)| Some((of, commitment?))).peekable();
    if found.peek().is_none() {
        return Err(Error::new(format!("{}: the proof's input and output are public", path.display())));
    }
    let commitment = opening.commitment();
    let (of, commitment) = found.find(|(_, found)| *found == commitment).ok_or_else(|| not_its_opening(path))?;
    let said =
        |values: &[i32]| Said::new(&answers(key.circuit(), values, key.output_scale(), key.labels()), key.circuit());
    let said = if of == "output" { said(&opening.values()) } else { Said::default() };
    Ok(Opened { of, commitment, said })
}

fn text(report: &Report, args: &Open) -> String {
    let mut lines = vec![("valid", format!("{} opens {}", args.opening.display(), args.commitment.display()))];
    lines.extend(
        report.of.map(|of| ("opens", if of == "commitment" { of.into() } else { format!("the proof's {of}") })),
    );
    lines.extend(report.commitment.clone().map(|digest| ("commitment", digest)));
    lines.extend(report.said.fields());
    let values = report.values.iter().flatten().map(i32::to_string).collect::<Vec<_>>().join(" ");
    lines.push(("values", values));
    fields(&lines)
}
