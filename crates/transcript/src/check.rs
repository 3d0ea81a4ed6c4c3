use std::fmt;

/// Every algebraic check that a verifier makes, named by its equation and its place.
///
/// All of them go through [`crate::VerifierChannel::assert_eq`], so that a test can leave out one at a time and show that
/// some forgery then passes. The commitment's group equation and the canonical encodings are checked apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Check {
    /// `Q_root * Q' = 1`: no denominator is zero.
    LookupDenominatorRoot,
    /// `p0*q1 + p1*q0 + lambda*q0*q1 = claim` at the end of a layer's sumcheck.
    LookupLayer {
        /// Distance from the root; 0 is the root's two children.
        depth: usize,
    },
    /// The leaves' numerator from selectors and multiplicities.
    LookupLeafNumerator,
    /// The leaves' denominator from the columns.
    LookupLeafDenominator,
    /// `sum_j lambda_j * product of factors_j = claim` at the end of the zero-checks.
    ZeroCheck,
    /// `G~ * y~ = claim` at the end of the sumcheck over the values that labels are the arg-max of; labels are channels.
    ArgMax,
    /// `c~ * g~ = claim` at the end of the sumcheck over images that count as correct and the margins to their labels.
    Correct,
    /// `(sum_t lambda^t f_t~) * out~ = claim` where the claims on a product's output meet at a point.
    ProductPoint {
        /// Index of the layer.
        layer: usize,
    },
    /// `a~ * b~ = claim` at the end of a product's sumcheck.
    Product {
        /// Index of the layer.
        layer: usize,
    },
    /// `sum over gates of f(out) c eq(r, x) eq(s, y) in~(r) in~(s) = claim` at the end of both phases of a layer of gates.
    Gates {
        /// Index of the layer.
        layer: usize,
    },
    /// `sum lambda * w~ * X' = claim` at the end of a wave's sumcheck over kernel positions.
    KernelPositions {
        /// Index of the wave.
        wave: usize,
    },
    /// `sum in~ * K = claim` at the end of a wave's sumcheck over input positions.
    InputPositions {
        /// Index of the wave.
        wave: usize,
    },
    /// `sum lambda^t S_t~ U_t~ = claim` at the end of the sums over the coefficients of FFT convolutions.
    FftSelection {
        /// Index of the wave.
        wave: usize,
    },
    /// `sum lambda^t M^-1~ C_t~ = claim` at the end of the inverse transforms' sums.
    FftInverse {
        /// Index of the wave.
        wave: usize,
    },
    /// `sum lambda^t A_t~ B_t~ = claim` at the end of the pointwise products' sums.
    FftHadamard {
        /// Index of the wave.
        wave: usize,
    },
    /// `sum lambda^t M~ c_t~ = claim` at the end of the transforms' sums.
    FftTransform {
        /// Index of the wave.
        wave: usize,
    },
    /// A delegated entry of a transform's matrix ends in the matrix' scale.
    FftMatrix {
        /// log2 of the transform's length.
        log_len: usize,
    },
    /// The bits of all batches add up to the number of correct images.
    AccuracyCount,
    /// A claim on a public wire equals the evaluation of its integers.
    PublicWire {
        /// Index of the wire.
        wire: usize,
    },
    /// `<F, eq(sigma)> = claim` at the end of the opening.
    OpeningEvaluation,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookupDenominatorRoot => write!(f, "the lookups' root denominator has no inverse"),
            Self::LookupLayer { depth } => {
                write!(f, "lookup tree, layer {depth}: the four claims do not meet the sumcheck")
            }
            Self::LookupLeafNumerator => {
                write!(f, "lookup leaves: numerator is not that of selectors and multiplicities")
            }
            Self::LookupLeafDenominator => write!(f, "lookup leaves: denominator is not that of the columns"),
            Self::ZeroCheck => write!(f, "zero-checks: a product of factors is not zero"),
            Self::ArgMax => write!(f, "labels: the margins' claim does not give that of the values"),
            Self::Correct => write!(f, "correct images: bits and margins do not give the claim on what is in range"),
            Self::ProductPoint { layer } => write!(f, "layer {layer} (product): the claims do not meet at a point"),
            Self::Product { layer } => {
                write!(f, "layer {layer} (product): the factors' claims do not give the output's")
            }
            Self::Gates { layer } => write!(f, "layer {layer} (gates): the inputs' claims do not give the output's"),
            Self::KernelPositions { wave } => write!(f, "wave {wave}: sum over kernel positions does not hold"),
            Self::InputPositions { wave } => write!(f, "wave {wave}: sum over input positions does not hold"),
            Self::FftSelection { wave } => {
                write!(f, "wave {wave}: sum over the coefficients of products does not hold")
            }
            Self::FftInverse { wave } => write!(f, "wave {wave}: sum of an inverse transform does not hold"),
            Self::FftHadamard { wave } => write!(f, "wave {wave}: sum of pointwise products does not hold"),
            Self::FftTransform { wave } => write!(f, "wave {wave}: sum of a transform does not hold"),
            Self::FftMatrix { log_len } => {
                write!(f, "the claimed entry is not that of the matrix of a transform of 2^{log_len} places")
            }
            Self::AccuracyCount => write!(f, "accuracy: the counted images are not as many as claimed"),
            Self::PublicWire { wire } => {
                write!(f, "public wire {wire}: the claim is not the evaluation of its integers")
            }
            Self::OpeningEvaluation => write!(f, "opening: the opened vector does not have the claimed evaluation"),
        }
    }
}
