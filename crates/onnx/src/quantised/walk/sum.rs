//! Sums of values of several scales, and values of several scales side by side.

use convince_model::{Linear, LinearTerm, Op, Requant};

use super::{Held, Integers, OUT_OF_REACH, Step, UNBOUNDED, Walk, not_taken};
use crate::float::{FloatLinear, FloatNode, FloatTerm, Quantizer};
use crate::quantised::requant::{self, Rounded};
use crate::quantised::sums::{self, Addend, SumFit};
use crate::quantize::keeps_integers;

impl Walk<'_> {
    /// Rounds a sum of mapped values.
    pub(super) fn sum(
        &mut self,
        (node, operator): (&FloatNode, &'static str),
        terms: Vec<(Integers, FloatTerm)>,
        ends: (f32, f32),
        out: Quantizer,
    ) -> Step<Held> {
        let linear = FloatLinear { terms: terms.iter().map(|(_, term)| term.clone()).collect(), constant: 0.0 };
        let shapes: Vec<_> = terms.iter().map(|(value, _)| self.infos[value.id.index()].shape).collect();
        let is_plain = terms.iter().all(|(_, term)| term.factor == 1.0);
        if is_plain && ends == UNBOUNDED && keeps_integers(&linear, &shapes) {
            return self.concatenate((node, operator), terms, out);
        }
        let clamp = requant::clamp(out, ends);
        let addend = |index: usize| {
            let (value, info) = (terms[index].0, &self.infos[terms[index].0.id.index()]);
            Addend { quantizer: value.quantizer, interval: (info.low, info.high) }
        };
        let selects = |(term, shape): (&(Integers, FloatTerm), &[usize; 4])| {
            keeps_integers(&FloatLinear::map(term.1.map.clone()), &[*shape])
        };
        let is_pair = is_plain && terms.len() == 2 && terms.iter().zip(&shapes).all(selects);
        let (fit, possible) = match is_pair {
            true => {
                let addends = [addend(0), addend(1)];
                let spans = addends.map(|addend| addend.interval.1.abs_diff(addend.interval.0) + 1);
                (sums::pair(addends, out, clamp), spans[0] * spans[1])
            }
            false => (sums::finest(&self.magnitudes(&terms, &shapes), out), 0),
        };
        let Some(SumFit { multipliers, shift, differing }) = fit else { return not_taken(OUT_OF_REACH) };
        let linear_terms = terms.iter().zip(multipliers);
        let linear_terms =
            linear_terms.map(|((_, term), multiplier)| LinearTerm { multiplier, map: term.map.clone() }).collect();
        let op = Op::Linear(Linear { terms: linear_terms, constant: 0 });
        let id = self.push(&node.name, op, terms.iter().map(|(value, _)| value.id).collect())?;
        let requant = Requant::plain(shift, clamp.0, clamp.1);
        let rounded = Rounded { requant, differing: 0, possible };
        let held = self.finish((node, operator), id, rounded, out)?;
        if let Some(layer) = self.layers.last_mut() {
            layer.differing = differing;
        }
        Ok(held)
    }

    fn magnitudes(&self, terms: &[(Integers, FloatTerm)], shapes: &[[usize; 4]]) -> Vec<sums::Term> {
        let one = |((value, term), &shape): (&(Integers, FloatTerm), &[usize; 4])| {
            let info = &self.infos[value.id.index()];
            let norm = term.map.row_sums(shape).map_or(i64::MAX.into(), |sums| sums.norm());
            let bound = i128::from(info.low.abs().max(info.high.abs())).saturating_mul(norm);
            let scale = f64::from(value.quantizer.scale) * f64::from(term.factor);
            sums::Term { scale, bound: bound.try_into().unwrap_or(i64::MAX) }
        };
        terms.iter().zip(shapes).map(one).collect()
    }

    /// Values of several scales side by side: each is brought to the output's first.
    fn concatenate(
        &mut self,
        (node, operator): (&FloatNode, &'static str),
        terms: Vec<(Integers, FloatTerm)>,
        out: Quantizer,
    ) -> Step<Held> {
        let mut ids = Vec::new();
        let mut linear = Vec::new();
        for (value, term) in terms {
            if let Held::Integers(integers) = self.requantize(node, operator, (value, &[]), out)? {
                ids.push(integers.id);
                linear.push(LinearTerm::mapped(term.map));
            }
        }
        let id = self.push(&node.name, Op::Linear(Linear { terms: linear, constant: 0 }), ids)?;
        Ok(Held::Integers(Integers { id, quantizer: out }))
    }
}
