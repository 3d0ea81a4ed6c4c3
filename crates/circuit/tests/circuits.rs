//! Circuits built by hand: bounds, layouts, the honest witness and the relations that force it.

use std::sync::Arc;

use convince_circuit::{
    Bits, BlockSource, Circuit, CircuitBuilder, CircuitError, Conv2d, Layer, LinearTerm, Range, Requant, Strategy,
    Violation, Window, WireKind, check, evaluate,
};
use convince_field::Ints;
use proptest::prelude::*;

fn relu(window: usize, shift: u32) -> Requant {
    Requant::plain(shift, 0, 255).pooled(Window::square(window))
}

/// Convolution, pooled ReLU, fully connected layer with bias.
fn small() -> Circuit {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 7, 6], Bits::U8).unwrap();
    let w = c.weight([3, 1, 3, 3], Bits::I8).unwrap();
    let acc = c.conv2d(x, w, None, Conv2d::square(1, 1)).unwrap();
    let y = c.requant(acc, relu(2, 6)).unwrap();
    let (w, b) = (c.weight([4, 3, 3, 3], Bits::I8).unwrap(), c.weight([4], Bits::signed(16)).unwrap());
    let out = c.gemm(y, w, Some(b)).unwrap();
    c.output(out).unwrap();
    c.finish().unwrap()
}

fn ints(len: usize, seed: i64, bits: Bits) -> Ints {
    let span = bits.high() - bits.low() + 1;
    let values: Vec<i64> = (0..len as i64).map(|i| bits.low() + (i * 7919 + seed * 104_729).rem_euclid(span)).collect();
    Ints::pack(bits, &values).unwrap()
}

fn weights(circuit: &Circuit, seed: i64) -> Vec<Arc<Ints>> {
    let wires = circuit.wires_of(WireKind::Weight).map(|id| circuit.wire(id));
    wires.map(|w| Arc::new(ints(w.size(), seed, Bits::holding(w.low, w.high)))).collect()
}

#[test]
fn the_honest_witness_satisfies_and_changed_ones_are_named() {
    let circuit = small();
    let witness = evaluate(&circuit, &ints(42, 1, Bits::U8), &weights(&circuit, 2)).unwrap();
    check(&circuit, &witness).unwrap();
    for (index, wire) in circuit.wires().iter().enumerate() {
        if matches!(wire.kind, WireKind::Input | WireKind::Weight) {
            continue;
        }
        let id = convince_circuit::WireId(index as u32);
        for at in [0, wire.size() / 2, wire.size() - 1] {
            let mut values: Vec<i64> = witness.wire(id).iter().collect();
            values[at] += 1;
            let mut bad = witness.clone();
            bad.set(&circuit, id, Ints::pack(Bits::signed(31), &values).unwrap()).unwrap();
            assert!(check(&circuit, &bad).is_err(), "wire {index}, value {at}");
        }
    }
    let mut bad = witness.clone();
    let Layer::Conv2d(conv) = &circuit.layers()[0] else { panic!("first layer") };
    let mut values: Vec<i64> = witness.wire(conv.output).iter().collect();
    values[5] -= 1;
    bad.set(&circuit, conv.output, Ints::pack(Bits::signed(31), &values).unwrap()).unwrap();
    assert!(matches!(check(&circuit, &bad), Err(Violation::Layer { layer: 0, name: "conv2d", index: 5, .. })));
}

#[test]
fn a_stored_circuit_builds_the_same_circuit() {
    let circuit = small();
    let again = Circuit::from_bytes(&circuit.to_bytes()).unwrap();
    assert_eq!(again, circuit);
    assert_eq!(again.digest(), circuit.digest());
    let bytes = circuit.to_bytes();
    assert!((0..bytes.len()).all(|len| Circuit::from_bytes(&bytes[..len]).is_err()));
    assert!(Circuit::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    // A changed byte is another circuit or none, never another way to write the same one.
    for at in 0..bytes.len() {
        for value in 0..=4 {
            let mut changed = bytes.clone();
            changed[at] = value;
            assert!(
                changed == bytes || Circuit::from_bytes(&changed).ok().is_none_or(|other| other != circuit),
                "byte {at}"
            );
        }
    }
}

#[test]
fn every_parameter_is_in_the_digest() {
    let build = |shift, padding, high, bits, limb_bits| {
        let mut c = CircuitBuilder::new();
        let x = c.input([1, 1, 6, 6], bits).unwrap();
        let w = c.weight([2, 1, 3, 3], Bits::I8).unwrap();
        let acc = c.conv2d(x, w, None, Conv2d::square(1, padding)).unwrap();
        let y = c.requant(acc, Requant::plain(shift, 0, high)).unwrap();
        c.output(y).unwrap();
        c.finish_with(limb_bits).unwrap().digest()
    };
    let digests = [
        build(5, 1, 255, Bits::U8, 8),
        build(6, 1, 255, Bits::U8, 8),
        build(5, 0, 255, Bits::U8, 8),
        build(5, 1, 254, Bits::U8, 8),
        build(5, 1, 255, Bits::I8, 8),
        build(5, 1, 255, Bits::U8, 9),
    ];
    let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len());
}

fn one_conv(side: usize, kernel: usize, params: Conv2d) -> Result<Circuit, CircuitError> {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 8, side, side], Bits::U8)?;
    let w = c.weight([3, 8, kernel, kernel], Bits::signed(2))?;
    let acc = c.conv2d(x, w, None, params)?;
    c.output(acc)?;
    c.finish()
}

fn strategy_of(circuit: &Circuit) -> Strategy {
    let Layer::Conv2d(conv) = &circuit.layers()[0] else { panic!("first layer") };
    conv.params.strategy
}

#[test]
fn the_strategy_is_definite_stored_and_in_the_digest() {
    let of = |strategy| one_conv(6, 3, Conv2d::square(1, 1).with_strategy(strategy)).unwrap();
    let (direct, fft, auto) = (of(Strategy::Direct), of(Strategy::Fft), of(Strategy::Auto));
    assert_ne!(direct.digest(), fft.digest());
    assert_eq!(auto, direct, "small kernels are proven directly");
    for circuit in [&direct, &fft] {
        assert_eq!(&Circuit::from_bytes(&circuit.to_bytes()).unwrap(), circuit);
    }
    assert_eq!([strategy_of(&direct), strategy_of(&fft)], [Strategy::Direct, Strategy::Fft]);
    let large = one_conv(256, 255, Conv2d::square(1, 127).with_strategy(Strategy::Auto)).unwrap();
    assert_eq!(strategy_of(&large), Strategy::Fft, "kernels of the plane's size are not");
}

#[test]
fn transforms_that_are_too_long_are_refused() {
    let fft = |padding| one_conv(8, 3, Conv2d::square(1, padding).with_strategy(Strategy::Fft));
    assert!(fft(500).is_ok());
    let refused =
        |result| matches!(result, Err(CircuitError::Parameter { op: 2, what }) if what.contains("2^20 places"));
    assert!(refused(fft(600)));
    // Padding that overflows the plane's size is refused before any strategy is looked at.
    assert!(matches!(fft(usize::MAX / 2), Err(CircuitError::Parameter { op: 2, .. })));
    let auto = one_conv(8, 3, Conv2d::square(1, 600).with_strategy(Strategy::Auto)).unwrap();
    assert_eq!(strategy_of(&auto), Strategy::Direct);
}

#[test]
fn products_of_spectra_are_those_of_polynomials() {
    let mut c = CircuitBuilder::new();
    let x = c.input([2, 1, 2, 5], Bits::signed(5)).unwrap();
    let shifted = c.linear(vec![LinearTerm::plain(2, x)], -7).unwrap();
    let (a, b) = (c.fft(x, 3).unwrap(), c.fft(shifted, 3).unwrap());
    let product = c.hadamard(&c.hadamard(&a, &b).unwrap(), &a).unwrap();
    let out = c.inverse_fft(&product).unwrap();
    assert_eq!(c.shape(out).unwrap(), [2, 1, 2, 8]);
    c.output(out).unwrap();
    let circuit = c.finish().unwrap();
    let input = ints(20, 3, Bits::signed(5));
    let witness = evaluate(&circuit, &input, &[]).unwrap();
    check(&circuit, &witness).unwrap();
    let found = witness.tensor(&circuit, circuit.output()).iter().collect::<Vec<_>>();
    for (row, found) in input.to_i64().chunks_exact(5).zip(found.chunks_exact(8)) {
        let mut expected = [0; 8];
        for (i, j, k) in (0..125).map(|n| (n / 25, n / 5 % 5, n % 5)) {
            expected[(i + j + k) % 8] += row[i] * (2 * row[j] - 7) * row[k];
        }
        assert_eq!(found, expected);
    }
    assert_eq!(Circuit::from_bytes(&circuit.to_bytes()).unwrap(), circuit);
}

#[test]
fn spectra_that_do_not_fit_are_refused() {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 2, 3, 5], Bits::I8).unwrap();
    assert!(matches!(c.fft(x, 2), Err(CircuitError::Parameter { .. })));
    assert!(matches!(c.fft(x, 21), Err(CircuitError::Parameter { .. })));
    assert!(matches!(c.fft(x, usize::MAX), Err(CircuitError::Parameter { .. })));
    let (short, long) = (c.fft(x, 3).unwrap(), c.fft(x, 4).unwrap());
    assert!(c.hadamard(&short, &long).is_err());
    let w = c.weight([1, 2, 1, 1], Bits::I8).unwrap();
    assert!(matches!(c.fft(w, 3), Err(CircuitError::Wire { .. })), "weights are read by convolutions alone");
    let y = c.conv2d(x, w, None, Conv2d::PLAIN).unwrap();
    assert!(c.hadamard(&short, &c.fft(y, 3).unwrap()).is_err(), "one channel against two");
    let powers = (1..9).try_fold(short.clone(), |power, _| c.hadamard(&power, &short));
    assert!(powers.is_err(), "nine factors");
    let fifth = (1..5).try_fold(short.clone(), |power, _| c.hadamard(&power, &short)).unwrap();
    assert!(matches!(c.inverse_fft(&fifth), Err(CircuitError::Bound { .. })));
    let mut other = CircuitBuilder::new();
    assert!(matches!(other.inverse_fft(&short), Err(CircuitError::Wire { .. })));
}

#[test]
fn the_work_of_transforms_is_bounded() {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 128, 128], Bits::U8).unwrap();
    let w = c.weight([1, 1, 1, 1], Bits::I8).unwrap();
    let params = Conv2d::PLAIN.with_strategy(Strategy::Fft);
    let calls = (0..1000).map(|_| c.conv2d(x, w, None, params).map(drop)).position(|call| call.is_err());
    assert_eq!(calls, Some((1 << 24) / (6 << 14)));
}

#[test]
fn blocks_are_aligned_and_tile_the_leaves() {
    let circuit = small();
    let mut end = 0;
    for block in circuit.blocks() {
        assert_eq!(block.offset, end);
        assert_eq!(block.offset % (1 << block.log_size), 0);
        end += 1 << block.log_size;
    }
    assert!(end <= 1 << circuit.log_leaves() && end > 1 << (circuit.log_leaves() - 1));
    let tables = circuit.blocks().iter().filter(|b| matches!(b.source, BlockSource::Table(_))).count();
    assert_eq!(tables, circuit.tables().len());
    let distinct: Vec<_> = circuit.tables().iter().map(|t| &t.content).collect();
    assert!((1..distinct.len()).all(|i| !distinct[..i].contains(&distinct[i])));
}

#[test]
fn remainders_cover_exactly_the_shift() {
    for (shift, limb_bits) in [(0, 8), (1, 8), (8, 8), (9, 8), (15, 4), (30, 16)] {
        let mut c = CircuitBuilder::new();
        let x = c.input([1, 1, 2, 2], Bits::signed(31)).unwrap();
        let y = c.requant(x, relu(2, shift)).unwrap();
        c.output(y).unwrap();
        let circuit = c.finish_with(limb_bits).unwrap();
        let Layer::Requant(layer) = &circuit.layers()[0] else { panic!("one layer") };
        for limbs in &layer.remainders {
            assert_eq!(limbs.iter().map(|l| l.width).sum::<u32>(), shift);
        }
    }
}

/// Few values far from zero: a table would be short, but its rows would not fit the witness.
#[test]
fn clamps_beyond_32_bits_have_limbs() {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 1, 2, 2], Bits::unsigned(1)).unwrap();
    let far = c.linear(vec![LinearTerm::plain(1, x)], 1 << 30).unwrap();
    let params = Requant { multipliers: Some(vec![1000]), range: Range::Clamp, ..Requant::plain(0, 0, 255) };
    let y = c.requant(far, params).unwrap();
    c.output(y).unwrap();
    let circuit = c.finish_with(16).unwrap();
    let Some(Layer::Requant(layer)) = circuit.layers().last() else { panic!("the last layer") };
    assert!(layer.lookups.is_none() && layer.params.range == Range::LogUp);
    let witness = evaluate(&circuit, &Ints::U8(vec![0, 1, 1, 0]), &[]).unwrap();
    assert_eq!(check(&circuit, &witness), Ok(()));
}

#[test]
fn builders_refuse_what_could_wrap_or_does_not_fit() {
    let mut c = CircuitBuilder::new();
    let x = c.input([1, 64, 8, 8], Bits::U8).unwrap();
    assert!(c.input([1, 1, 1, 1], Bits::U8).is_err());
    let wide = c.weight([1, 64, 8, 8], Bits::signed(16)).unwrap();
    assert!(matches!(c.gemm(x, wide, None), Err(CircuitError::Bound { .. })));
    let narrow = c.weight([1, 64, 8, 8], Bits::I8).unwrap();
    let acc = c.gemm(x, narrow, None).unwrap();
    assert!(matches!(c.linear(vec![LinearTerm::plain(1 << 40, acc)], 0), Err(CircuitError::Bound { .. })));
    assert!(matches!(c.linear(vec![], 0), Err(CircuitError::Parameter { .. })));
    assert!(matches!(
        c.linear(vec![LinearTerm::plain(1, acc), LinearTerm::plain(1, x)], 0),
        Err(CircuitError::Mismatch { .. })
    ));
    assert!(matches!(c.weight([0usize, 1], Bits::I8), Err(CircuitError::Shape { .. })));
    assert!(matches!(c.weight([1usize << 40, 1 << 40], Bits::I8), Err(CircuitError::Shape { .. })));
    assert!(matches!(c.weight([1], Bits::signed(32)), Err(CircuitError::Parameter { .. })));
    let other = c.weight([2, 63, 3, 3], Bits::I8).unwrap();
    assert!(matches!(c.conv2d(x, other, None, Conv2d::PLAIN), Err(CircuitError::Mismatch { .. })));
    let large = c.weight([2, 64, 9, 9], Bits::I8).unwrap();
    assert!(matches!(c.conv2d(x, large, None, Conv2d::PLAIN), Err(CircuitError::Mismatch { .. })));
    assert!(matches!(c.conv2d(x, x, None, Conv2d::PLAIN), Err(CircuitError::Wire { .. })));
    assert!(c.conv2d(x, narrow, None, Conv2d::square(0, 0)).is_err());
    let narrow = c.weight([1, 64, 3, 3], Bits::I8).unwrap();
    let vast = c.conv2d(x, narrow, None, Conv2d::square(1, 1 << 24));
    assert!(matches!(vast, Err(CircuitError::Parameter { .. })), "kernels that no verifier could evaluate");
    assert!(c.requant(acc, relu(2, 3)).is_err(), "a window larger than the plane");
    assert!(c.requant(acc, relu(1, 41)).is_err());
    assert!(c.requant(acc, Requant { low: 1, high: 0, ..relu(1, 3) }).is_err());
    assert!(c.requant(acc, Requant { table: Some(vec![0; 3]), ..relu(1, 3) }).is_err());
    let falling = Requant { low: 0, high: 1, table: Some(vec![1, 0]), ..relu(2, 3) };
    assert!(c.requant(x, falling).is_err());
    assert!(c.output(wide).is_err());
    assert!(matches!(c.finish(), Err(CircuitError::Incomplete(_))));
}

proptest! {
    /// The relations of a requantisation hold for the honest columns of any input and parameters, and `c` is the clamped maximum.
    #[test]
    fn requant_columns_satisfy_their_equations(
        window in 1usize..=2, shift in 0u32..12, low in -200i32..100, span in 0i32..300, limb_bits in 2u32..12,
        values in prop::collection::vec(-5000i64..5000, 2 * 5 * 4),
    ) {
        let (low, high) = (i64::from(low), i64::from(low + span));
        let mut c = CircuitBuilder::new();
        let x = c.input([1, 2, 5, 4], Bits::signed(14)).unwrap();
        let params = Requant::plain(shift, low as i32, high as i32).pooled(Window::square(window));
        let y = c.requant(x, Requant { range: Range::LogUp, ..params }).unwrap();
        c.output(y).unwrap();
        let circuit = c.finish_with(limb_bits).unwrap();
        let witness = evaluate(&circuit, &Ints::pack(Bits::signed(14), &values).unwrap(), &[]).unwrap();
        prop_assert_eq!(check(&circuit, &witness), Ok(()));
        let Layer::Requant(layer) = &circuit.layers()[0] else { unreachable!() };
        let (len, advice) = (layer.column_len(), witness.wire(layer.advice));
        let value = |limbs: &[convince_circuit::Limb], place: usize| -> i64 {
            limbs.iter().map(|l| advice.get(l.column * len + place) << l.shift).sum()
        };
        for place in 0..len {
            let clamped = advice.get(place);
            let excess = value(&layer.excess, place);
            let mut product = clamped + excess - low;
            let mut largest = i64::MIN;
            for i in 0..window * window {
                let (out_h, out_w) = (5 / window, 4 / window);
                let (x, y, ch) = (place % out_w, place / out_w % out_h, place / (out_w * out_h));
                let a = values[(ch * 5 + window * y + i / window) * 4 + window * x + i % window];
                let gap = value(&layer.gaps[i], place);
                let remainder = value(&layer.remainders[i], place);
                prop_assert!((0..1 << shift).contains(&remainder) && gap >= 0);
                prop_assert_eq!(a + layer.params.half(), ((clamped + excess - gap) << shift) + remainder);
                product *= gap;
                largest = largest.max(layer.params.quotient(a));
            }
            prop_assert_eq!(product, 0);
            prop_assert_eq!((high - clamped) * excess, 0);
            prop_assert_eq!(clamped, largest.clamp(low, high));
        }
    }

    /// The same for looked-up clamps: quotients follow from what is clamped and from the steps before, and all rows are in the table.
    #[test]
    fn looked_up_clamps_satisfy_their_equations(
        window in 1usize..=3, shift in 0u32..12, low in -200i32..100, span in 0i32..300, limb_bits in 2u32..12,
        values in prop::collection::vec(-5000i64..5000, 2 * 5 * 4),
    ) {
        let (low, high) = (i64::from(low), i64::from(low + span));
        let mut c = CircuitBuilder::new();
        let x = c.input([1, 2, 5, 4], Bits::signed(14)).unwrap();
        let params = Requant::plain(shift, low as i32, high as i32).pooled(Window::square(window));
        let y = c.requant(x, Requant { range: Range::Clamp, ..params }).unwrap();
        c.output(y).unwrap();
        let circuit = c.finish_with(limb_bits).unwrap();
        let witness = evaluate(&circuit, &Ints::pack(Bits::signed(14), &values).unwrap(), &[]).unwrap();
        // Every looked-up pair is a row of the table.
        prop_assert_eq!(check(&circuit, &witness), Ok(()));
        prop_assert_eq!(&Circuit::from_bytes(&circuit.to_bytes()).unwrap(), &circuit);
        let Layer::Requant(layer) = &circuit.layers()[0] else { unreachable!() };
        let clamps = layer.lookups.as_ref().unwrap();
        let (len, advice, inputs) = (layer.column_len(), witness.wire(layer.advice), witness.wire(clamps.inputs));
        let corners = window * window;
        prop_assert_eq!(clamps.steps.len(), corners);
        for place in 0..len {
            let (mut m, mut largest) = (low, i64::MIN);
            for i in 0..corners {
                let (out_h, out_w) = (5 / window, 4 / window);
                let (x, y, ch) = (place % out_w, place / out_w % out_h, place / (out_w * out_h));
                let a = values[(ch * 5 + window * y + i / window) * 4 + window * x + i % window];
                let part = |l: &convince_circuit::Limb| advice.get(l.column * len + place) << l.shift;
                let remainder: i64 = layer.remainders[i].iter().map(part).sum();
                prop_assert!((0..1 << shift).contains(&remainder));
                let q = inputs.get(i * len + place) + m - low;
                prop_assert_eq!(a + layer.params.half(), (q << shift) + remainder);
                m += advice.get(clamps.steps[i] * len + place) - low;
                largest = largest.max(q);
            }
            if corners > 1 {
                prop_assert_eq!(inputs.get(corners * len + place), m);
            }
            prop_assert_eq!(advice.get(place), m.min(high));
            prop_assert_eq!(advice.get(place), largest.clamp(low, high));
        }
    }
}
