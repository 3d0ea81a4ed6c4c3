//! Statements that inputs and weights are within their formats.

use std::sync::Arc;

use convince_circuit::{
    Bits, Circuit, CircuitBuilder, CircuitError, Conv2d, Layer, RangeLayer, Requant, TableContent, Tensor, Violation,
    WireKind, check, evaluate,
};
use convince_field::Ints;
use proptest::prelude::*;

/// A circuit of weights alone, with an input that says nothing.
fn of_weights(weights: &[(&[usize], Bits)], limb_bits: Option<u32>) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 1, 1], Bits::unsigned(1)).unwrap();
    c.output(x).unwrap();
    for &(shape, bits) in weights {
        let w = c.weight(shape, bits).unwrap();
        c.range(w).unwrap();
    }
    match limb_bits {
        Some(limb_bits) => c.finish_with(limb_bits).unwrap(),
        None => c.finish().unwrap(),
    }
}

fn layers(circuit: &Circuit) -> Vec<&RangeLayer> {
    let layers = circuit.layers().iter();
    layers.filter_map(|layer| if let Layer::Range(layer) = layer { Some(layer) } else { None }).collect()
}

fn values(bits: Bits, len: usize) -> Arc<Ints> {
    let span = bits.high() - bits.low() + 1;
    let value = |i: i64| match i {
        0 => bits.high(),
        1 => bits.low(),
        _ => bits.low() + (i * i * 7919 + i) % span,
    };
    Arc::new(Ints::pack(bits, &(0..len as i64).map(value).collect::<Vec<_>>()).unwrap())
}

proptest! {
    /// Limbs cover a format exactly, and add up to the values.
    #[test]
    fn limbs_are_those_of_the_distance_from_the_lower_end(
        signed in any::<bool>(), width in 1u8..=31, limb_bits in 1u32..=16, rank in 1usize..=4,
    ) {
        let bits = Bits { signed, width };
        let shape = &[3, 2, 3, 2][..rank];
        let len: usize = shape.iter().product();
        let circuit = of_weights(&[(shape, bits)], Some(limb_bits));
        let weights = [values(bits, len)];
        let witness = evaluate(&circuit, &Ints::U8(vec![1]), &weights).unwrap();
        prop_assert_eq!(check(&circuit, &witness), Ok(()));
        let [layer] = layers(&circuit)[..] else { panic!("one range") };
        let tables = |lookup: &convince_circuit::Lookup| circuit.tables()[lookup.table].content.clone();
        match layer.advice {
            None => {
                prop_assert!(u32::from(width) <= limb_bits || 2 * len >= 1 << width);
                let content = TableContent::Range { low: bits.low(), len: 1 << width };
                prop_assert_eq!(circuit.lookups().iter().map(tables).collect::<Vec<_>>(), [content]);
                prop_assert_eq!(&circuit.lookups()[0].tensors, &[Tensor::whole(layer.wire)]);
                prop_assert_eq!(circuit.lookups()[0].shape(circuit.wires()), shape);
            }
            Some(advice) => {
                let widths: Vec<u32> = layer.limbs.iter().map(|limb| limb.width).collect();
                prop_assert_eq!(widths.iter().sum::<u32>(), u32::from(width));
                prop_assert!(widths.iter().all(|&w| w <= limb_bits));
                let contents = widths.iter().map(|w| TableContent::Range { low: 0, len: 1 << w });
                prop_assert_eq!(circuit.lookups().iter().map(tables).collect::<Vec<_>>(), contents.collect::<Vec<_>>());
                for (at, u) in weights[0].to_i64().into_iter().enumerate() {
                    let limb = |l: &convince_circuit::Limb| witness.wire(advice).get(l.column * len + at) << l.shift;
                    prop_assert_eq!(layer.limbs.iter().map(limb).sum::<i64>(), u - bits.low());
                }
            }
        }
    }
}

#[test]
fn tables_of_equal_content_are_shared() {
    let weights: [(&[usize], Bits); 5] = [
        (&[2, 3], Bits::I8),
        (&[5], Bits::signed(20)),
        (&[4, 1, 2, 2], Bits::I8),
        (&[7], Bits::signed(20)),
        (&[1], Bits::U8),
    ];
    let circuit = of_weights(&weights, Some(8));
    let contents: Vec<_> = circuit.tables().iter().map(|t| (t.content.low(), t.content.len())).collect();
    // 20 bits are two limbs of 8 and one of 4; a limb of 8 bits and an unsigned byte have one table.
    assert_eq!(contents, [(-128, 256), (0, 256), (0, 16)]);
    assert_eq!(circuit.lookups().len(), 2 + 2 * 3 + 1);
    assert_eq!(circuit.statistics().advice, 3 * (5 + 7) + 256 + 256 + 16);
}

#[test]
fn a_format_of_16_bits_is_looked_up_where_there_are_enough_values() {
    let direct = |size: usize| layers(&of_weights(&[(&[size], Bits::signed(16))], Some(8)))[0].advice.is_none();
    assert!(!direct((1 << 15) - 1) && direct(1 << 15));
    // Wires of one format share the table.
    let two = of_weights(&[(&[1 << 14], Bits::signed(16)), (&[1 << 14], Bits::signed(16))], Some(8));
    assert!(layers(&two).iter().all(|layer| layer.advice.is_none()) && two.tables().len() == 1);
    // Tables of 2^19 rows and more are never made, whatever the number of values.
    let wide = of_weights(&[(&[1 << 19], Bits::signed(19))], None);
    assert!(layers(&wide)[0].advice.is_some());
}

fn network(range: bool) -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 2, 4, 5], Bits::U8).unwrap();
    let (w, b) = (c.weight([3, 2, 3, 3], Bits::I8).unwrap(), c.weight([3], Bits::signed(20)).unwrap());
    let acc = c.conv2d(x, w, Some(b), Conv2d::square(1, 1)).unwrap();
    if range {
        [x, w, b].into_iter().for_each(|tensor| c.range(tensor).unwrap());
    }
    let y = c.requant(acc, Requant::plain(5, 0, 255)).unwrap();
    c.output(y).unwrap();
    c.finish().unwrap()
}

#[test]
fn a_stored_circuit_with_ranges_builds_the_same_circuit() {
    let weights: [(&[usize], Bits); 2] = [(&[2, 3, 1], Bits::I8), (&[5], Bits::signed(31))];
    for circuit in [network(true), of_weights(&weights, None)] {
        let again = Circuit::from_bytes(&circuit.to_bytes()).unwrap();
        assert_eq!((&again, again.digest()), (&circuit, circuit.digest()));
    }
    assert_ne!(network(true).digest(), network(false).digest());
}

#[test]
fn values_out_of_range_and_changed_limbs_are_named() {
    let circuit = network(true);
    let weights = [values(Bits::I8, 54), values(Bits::signed(20), 3)];
    let honest = evaluate(&circuit, &Ints::U8((0..40).collect()), &weights).unwrap();
    check(&circuit, &honest).unwrap();
    for id in circuit.wires_of(WireKind::Weight) {
        for value in [circuit.wire(id).low - 1, circuit.wire(id).high + 1] {
            let mut changed: Vec<i64> = honest.wire(id).iter().collect();
            changed[2] = value;
            let mut witness = honest.clone();
            witness.set(&circuit, id, Ints::pack(Bits::signed(31), &changed).unwrap()).unwrap();
            assert!(matches!(check(&circuit, &witness), Err(Violation::Wire(_))), "{value}");
        }
    }
    let advice: Vec<_> = layers(&circuit).into_iter().filter_map(|layer| layer.advice).collect();
    assert_eq!(advice.len(), 1);
    for at in 0..circuit.wire(advice[0]).size() {
        let mut changed: Vec<i64> = honest.wire(advice[0]).iter().collect();
        changed[at] += 1;
        let mut witness = honest.clone();
        witness.set(&circuit, advice[0], Ints::pack(Bits::signed(31), &changed).unwrap()).unwrap();
        let found = check(&circuit, &witness);
        assert!(matches!(found, Err(Violation::Layer { name: "range", index, .. }) if index == at));
    }
}

#[test]
fn a_range_is_that_of_an_input_or_a_weight_and_stated_once() {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 2, 2], Bits::U8).unwrap();
    let y = c.requant(x, Requant::plain(1, 0, 9)).unwrap();
    for tensor in [y, Tensor::whole(y.wire), Tensor { column: Some(0), ..x }] {
        assert!(matches!(c.range(tensor), Err(CircuitError::Wire { .. })), "{tensor:?}");
    }
    c.range(x).unwrap();
    assert!(matches!(c.range(x), Err(CircuitError::Wire { .. })));
}
