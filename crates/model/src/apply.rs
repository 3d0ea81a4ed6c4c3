//! One operator on its own: what a quantiser needs to choose the next operator by what the ones before it did.

use crate::{NodeError, Op, ValueId, ValueInfo};

impl Op {
    /// Shape and interval of the operator's value for inputs of these.
    ///
    /// # Errors
    /// What [`Graph::infer`](crate::Graph::infer) finds wrong with a node.
    pub fn output_info(&self, inputs: &[&ValueInfo]) -> Result<ValueInfo, NodeError> {
        self.infer(inputs)
    }

    /// The operator's value on integers, row-major, of the intervals that go with them. One copy of the inputs.
    ///
    /// # Errors
    /// Those of [`Op::output_info`]; [`NodeError::ParameterCount`] for an input of another length than its shape says.
    pub fn apply(&self, inputs: &[(&ValueInfo, &[i32])]) -> Result<Vec<i32>, NodeError> {
        let infos: Vec<ValueInfo> = inputs.iter().map(|(info, _)| (*info).clone()).collect();
        self.infer(&infos.iter().collect::<Vec<_>>())?;
        for (info, values) in inputs {
            let (expected, found) = (info.num_elements(), values.len());
            if expected != found {
                return Err(NodeError::ParameterCount { what: "input", expected, found });
            }
        }
        let values: Vec<Vec<i32>> = inputs.iter().map(|(_, values)| values.to_vec()).collect();
        let ids: Vec<ValueId> = (0..).take(inputs.len()).map(ValueId).collect();
        Ok(self.run(&ids, &values, &infos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Requant;

    #[test]
    fn operators_apply_on_their_own() {
        let info = ValueInfo { shape: [1, 1, 1, 3], low: -8, high: 8 };
        let op = Op::Requant(Requant::plain(1, 0, 3));
        assert_eq!(op.apply(&[(&info, &[-8, 3, 8])]), Ok(vec![0, 2, 3]));
        assert_eq!(op.output_info(&[&info]).map(|out| (out.low, out.high)), Ok((0, 3)));
        assert!(matches!(op.apply(&[(&info, &[1])]), Err(NodeError::ParameterCount { .. })));
        assert!(matches!(op.apply(&[]), Err(NodeError::InputCount { .. })));
    }
}
