use std::collections::BTreeMap;
use std::fmt;

use crate::builder::Op;
use crate::{CircuitBuilder, CircuitError, Tensor};

/// A layer that a crate of its own brings: a name, parameters, and what it is made of.
///
/// It describes its wiring by calls of the builder, from id, parameters and the inputs' shapes alone: [`CircuitBuilder::gates`]
/// expresses any polynomial map, [`CircuitBuilder::linear`] whatever is a tensor product of axis maps (no sumcheck, and no
/// message for one input), and the other layers can be combined. What is proven is what it builds; a circuit stores id and
/// parameters only, and its digest holds both, and all that was built from them.
///
/// ```
/// use convince_circuit::{Bits, CircuitBuilder, CircuitError, CustomLayer, Gate, Place, Tensor};
///
/// /// Every entry to the power of two.
/// struct Square;
///
/// impl CustomLayer for Square {
///     fn id(&self) -> &str {
///         "example/square"
///     }
///     fn params(&self) -> Vec<u8> {
///         Vec::new()
///     }
///     fn build(&self, builder: &mut CircuitBuilder, inputs: &[Tensor]) -> Result<Tensor, CircuitError> {
///         let &[x] = inputs else { return Err(builder.refuse("a square has one input")) };
///         let shape = builder.shape(x)?;
///         let place = |i| Place::new(0, i);
///         builder.gates(&[x], shape, (0..shape.iter().product()).map(|i| Gate::mul(i, 1, place(i), place(i))))
///     }
/// }
///
/// let mut c = CircuitBuilder::new();
/// let x = c.input([1, 1, 2, 2], Bits::I8)?;
/// let y = c.custom(&Square, &[x])?;
/// c.output(y)?;
/// # Ok::<(), CircuitError>(())
/// ```
pub trait CustomLayer: Send + Sync {
    /// Names the layer for good, in keys and digests: choose one that starts with the crate's name.
    fn id(&self) -> &str;

    /// The one encoding of the parameters. A key whose parameters are not what their layer writes again is refused.
    fn params(&self) -> Vec<u8>;

    /// Builds the layer. Must depend on the parameters and the inputs' shapes only, or a key read back is another circuit.
    ///
    /// # Errors
    /// The builder's, and [`CircuitBuilder::refuse`] for inputs that the layer does not take.
    fn build(&self, builder: &mut CircuitBuilder, inputs: &[Tensor]) -> Result<Tensor, CircuitError>;
}

type Constructor = dyn Fn(&[u8]) -> Result<Box<dyn CustomLayer>, String> + Send + Sync;

/// The layers that whoever reads a key is willing to build, by id.
#[derive(Default)]
pub struct LayerRegistry {
    constructors: BTreeMap<String, Box<Constructor>>,
}

impl LayerRegistry {
    /// Knows no layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a layer: `construct` reads its parameters, or says why they are none. A second one of an id replaces the first.
    ///
    /// Parameters come from keys, which are hostile: the constructor has to check them, and the layer's `build` should hand
    /// gates to the builder lazily, or ask [`CircuitBuilder::gates_left`] before it allocates by them.
    #[must_use]
    pub fn with(
        mut self,
        id: &str,
        construct: impl Fn(&[u8]) -> Result<Box<dyn CustomLayer>, String> + Send + Sync + 'static,
    ) -> Self {
        self.constructors.insert(id.into(), Box::new(construct));
        self
    }

    /// Ids of all layers, ascending.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.constructors.keys().map(String::as_str)
    }
}

impl fmt::Debug for LayerRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.ids()).finish()
    }
}

/// Layers within layers: a layer that builds itself would not end.
const MAX_NESTING: usize = 16;

impl CircuitBuilder {
    /// Adds a layer of the user's. The circuit keeps its id and parameters; reading the circuit back takes a registry that knows
    /// the id.
    ///
    /// # Errors
    /// The layer's own. Calls that it made before it failed stay part of the circuit, as if made by hand.
    pub fn custom(&mut self, layer: &dyn CustomLayer, inputs: &[Tensor]) -> Result<Tensor, CircuitError> {
        if self.nesting == MAX_NESTING {
            return Err(self.refuse("layers within layers are at most 16 deep"));
        }
        let start = self.ops.len();
        self.nesting += 1;
        let built = layer.build(self, inputs);
        self.nesting -= 1;
        let output = built?;
        self.ops.truncate(start);
        self.ops.push(Op::Custom { inputs: inputs.to_vec(), id: layer.id().into(), params: layer.params() });
        Ok(output)
    }

    /// [`Self::custom`] as a stored circuit says it.
    pub(crate) fn stored_custom(
        &mut self,
        registry: &LayerRegistry,
        inputs: &[Tensor],
        id: &str,
        params: &[u8],
    ) -> Result<(), CircuitError> {
        let op = self.ops.len();
        let Some(construct) = registry.constructors.get(id) else {
            return Err(CircuitError::UnknownLayer { op, id: id.into() });
        };
        let refused = |reason| CircuitError::Layer { op, id: id.into(), reason };
        let layer = construct(params).map_err(refused)?;
        if layer.id() != id || layer.params() != params {
            return Err(refused("the parameters are not the layer's own encoding of them".into()));
        }
        self.custom(&*layer, inputs).map(drop)
    }
}
