use crate::witness::{check_wire, compute, multiplicities};
use crate::{Circuit, Witness, WitnessError};

/// The first relation that a witness breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A wire's values are too many, too few or out of range.
    #[error(transparent)]
    Wire(#[from] WitnessError),
    /// A layer's output, advice or labels are not what its inputs give.
    #[error("layer {layer} ({name}): value {index} is {found}, but the layer's inputs give {expected}")]
    Layer {
        /// Index of the layer.
        layer: usize,
        /// Its operator.
        name: &'static str,
        /// Index of the value in the layer's output, advice or label wire.
        index: usize,
        /// What the relation asks for.
        expected: i64,
        /// What the witness holds.
        found: i64,
    },
    /// A looked-up row is not in its table.
    #[error("lookup {lookup}, entry {index}: the row is not in table {table}")]
    Lookup {
        /// Index of the lookup.
        lookup: usize,
        /// Index of the table.
        table: usize,
        /// Index of the entry.
        index: usize,
    },
    /// A table's multiplicity is not the number of its row's lookups.
    #[error("table {table}, row {row}: multiplicity {found}, but {expected} lookups")]
    Multiplicity {
        /// Index of the table.
        table: usize,
        /// Index of the row.
        row: usize,
        /// Number of lookups.
        expected: i64,
        /// What the witness holds.
        found: i64,
    },
}

/// Whether a witness satisfies every relation of the circuit, over the integers.
///
/// The relations determine every wire from inputs, weights and given labels, but for which correct images count as
/// such, so each layer is computed again from its inputs' values as they stand. Costs one inference and one pass over
/// the advice.
///
/// # Errors
/// The first [`Violation`], layers in order.
pub fn check(circuit: &Circuit, witness: &Witness) -> Result<(), Violation> {
    let values = witness.all();
    for (id, wire) in circuit.wires().iter().enumerate() {
        let id = crate::WireId(id as u32);
        let labels = circuit.correct_layer().map(|layer| layer.margins.labels);
        if matches!(wire.kind, crate::WireKind::Input | crate::WireKind::Weight) || labels == Some(id) {
            check_wire(circuit, id, witness.wire(id))?;
        }
    }
    for (index, layer) in circuit.layers().iter().enumerate() {
        for (id, expected) in compute(circuit, layer, values) {
            let difference = first_difference(expected.as_slice().iter(), witness.wire(id).iter());
            if let Some((at, (expected, found))) = difference {
                return Err(Violation::Layer { layer: index, name: layer.name(), index: at, expected, found });
            }
        }
    }
    for (k, lookup) in circuit.lookups().iter().enumerate() {
        let content = &circuit.tables()[lookup.table].content;
        let columns: Vec<_> = lookup.tensors.iter().map(|&tensor| witness.tensor(circuit, tensor)).collect();
        for index in 0..columns[0].len() {
            if content.row_of(columns[0].get(index), columns.get(1).map(|c| c.get(index))).is_none() {
                return Err(Violation::Lookup { lookup: k, table: lookup.table, index });
            }
        }
    }
    for (table, entry) in circuit.tables().iter().enumerate() {
        let expected = multiplicities(values, circuit, table);
        let found = witness.wire(entry.multiplicities);
        if let Some((row, (expected, found))) = first_difference(expected.as_slice().iter(), found.iter()) {
            return Err(Violation::Multiplicity { table, row, expected, found });
        }
    }
    Ok(())
}

fn first_difference(a: impl Iterator<Item = i64>, b: impl Iterator<Item = i64>) -> Option<(usize, (i64, i64))> {
    a.zip(b).enumerate().find(|(_, (x, y))| x != y)
}
