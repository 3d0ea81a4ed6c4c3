//! Commitments and what opens them. Of secrets, what they belong to.

use convince::{
    AccuracyClaim, DataSetCommitment, DataSetOpening, ModelCommitment, ModelSecret, ModelStatus, TensorCommitment,
    TensorOpening,
};
use serde_json::json;

use super::{View, range};
use crate::output::{fields, hex, size};

/// The proof that weights are of their formats; that it is there means that it was verified.
pub(super) fn range_proof(commitment: &ModelCommitment) -> View {
    let (bytes, slices) = commitment.range_proof_size();
    let text = fields(&[("range proof", format!("{}, slices: {slices}", size(bytes as u64)))]);
    View { json: json!({ "range_proof_bytes": bytes, "range_proof_slices": slices }), text }
}

pub(super) fn model(commitment: &ModelCommitment) -> View {
    let digest = hex(&commitment.digest());
    let status = ModelStatus::RangeProven.to_string();
    let text = fields(&[
        ("model commitment", digest.clone()),
        ("model status", status.clone()),
        ("weights", commitment.num_weights().to_string()),
        ("commitment", format!("{} rows of weights, {} columns wide", commitment.num_rows(), commitment.width())),
    ]);
    let json = json!({
        "model_commitment": digest,
        "status": status,
        "weights": commitment.num_weights(),
        "width": commitment.width(),
        "weight_rows": commitment.num_rows(),
    });
    View { json, text }.and(range_proof(commitment))
}

pub(super) fn model_secret(secret: &ModelSecret) -> View {
    let digest = hex(&secret.commitment());
    let text =
        fields(&[("of the model commitment", digest.clone()), ("holds", "its secret, which is not shown".into())]);
    View { json: json!({ "model_commitment": digest }), text }
}

pub(super) fn tensor(commitment: &TensorCommitment) -> View {
    let digest = hex(&commitment.digest());
    let (low, high) = commitment.range();
    let text = fields(&[
        ("commitment", digest.clone()),
        ("to", format!("{:?}, {}", commitment.shape(), range((low, high)))),
        ("rows", format!("{}, {} columns wide", commitment.num_rows(), commitment.width())),
    ]);
    let json = json!({
        "commitment": digest,
        "shape": commitment.shape(),
        "low": low,
        "high": high,
        "rows": commitment.num_rows(),
        "width": commitment.width(),
    });
    View { json, text }
}

/// Of the commitment that it opens, which is no secret.
pub(super) fn opening(opening: &TensorOpening) -> View {
    let view = tensor(&opening.commitment());
    let holds = fields(&[("holds", "the values and the commitment's randomness, which are not shown".into())]);
    View { text: view.text + &holds, ..view }
}

pub(super) fn data_set(commitment: &DataSetCommitment) -> View {
    let digest = hex(&commitment.digest());
    let text = fields(&[
        ("commitment", digest.clone()),
        ("to", format!("{} images", commitment.images())),
        ("rows", commitment.num_rows().to_string()),
    ]);
    View { json: json!({ "commitment": digest, "images": commitment.images(), "rows": commitment.num_rows() }), text }
}

pub(super) fn data_set_opening(opening: &DataSetOpening) -> View {
    let digest = hex(&opening.commitment());
    let holds = "its randomness, which is not shown, and no image";
    let text = fields(&[("of the commitment", digest.clone()), ("holds", holds.into())]);
    View { json: json!({ "commitment": digest }), text }
}

/// What an accuracy proof says before it is verified.
pub(super) fn accuracy(claim: AccuracyClaim) -> View {
    let AccuracyClaim { images, correct } = claim;
    let text = fields(&[("claims", format!("that at least {correct} of {images} images have their labels"))]);
    View { json: json!({ "images": images, "correct": correct }), text }
}
