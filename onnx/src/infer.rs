//! Follows the shape of every value through the graph, for a batch of one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::proto::{GraphProto, NodeProto};

use super::error::{ModelError, shorten};
use super::node::Node;
use super::tensor::{self, Value};
use super::{Limits, ops};

/// What following the graph found out.
pub(super) struct Flow<'a> {
    pub(super) values: BTreeMap<&'a str, Value>,
    /// The node that makes each value.
    pub(super) makers: BTreeMap<&'a str, &'a NodeProto>,
    pub(super) work: u64,
    pub(super) value_bytes: u64,
}

impl<'a> Flow<'a> {
    /// Begins with the tensors in the file.
    pub(super) fn new(graph: &'a GraphProto) -> Result<Self, ModelError> {
        let mut flow = Self {
            values: BTreeMap::new(),
            makers: BTreeMap::new(),
            work: 0,
            value_bytes: 0,
        };
        for tensor in &graph.initializer {
            let value = tensor::load(tensor, &tensor.name)?;
            flow.define(&tensor.name, value)?;
        }
        Ok(flow)
    }

    /// Adds a value under a new name.
    pub(super) fn define(&mut self, name: &'a str, value: Value) -> Result<(), ModelError> {
        if name.is_empty() || self.values.contains_key(name) {
            return Err(ModelError::Duplicate {
                name: shorten(name),
            });
        }
        self.values.insert(name, value);
        Ok(())
    }

    /// Follows all nodes, in their order.
    pub(super) fn run(
        &mut self,
        graph: &'a GraphProto,
        opset: i64,
        limits: &Limits,
    ) -> Result<(), ModelError> {
        if graph.node.len() > limits.nodes {
            return Err(ModelError::TooMany {
                what: "nodes",
                limit: limits.nodes,
            });
        }
        let mut names = BTreeSet::new();
        let mut constant_work = 0u64;
        for pb in &graph.node {
            if !pb.name.is_empty() && !names.insert(pb.name.as_str()) {
                return Err(ModelError::Duplicate {
                    name: shorten(&pb.name),
                });
            }
            let (output, outcome, label) = self.step(pb, opset)?;
            let too_big = |what, limit, found| {
                Err(ModelError::TooBig {
                    node: label.clone(),
                    what,
                    limit,
                    found,
                })
            };
            self.value_bytes = self
                .value_bytes
                .saturating_add(outcome.value.len().saturating_mul(outcome.value.ty.size()));
            if self.value_bytes > limits.value_bytes {
                return too_big("bytes of values", limits.value_bytes, self.value_bytes);
            }
            let scratch = outcome.scratch.saturating_mul(outcome.value.ty.size());
            if scratch > limits.scratch_bytes {
                return too_big("bytes of scratch", limits.scratch_bytes, scratch);
            }
            self.work = self.work.saturating_add(outcome.work);
            if self.work > limits.work {
                return too_big("multiplications and additions", limits.work, self.work);
            }
            if outcome.value.constant {
                constant_work = constant_work
                    .saturating_add(outcome.work)
                    .saturating_add(outcome.scratch);
                if constant_work > limits.constant_work {
                    return too_big(
                        "operations on constants alone",
                        limits.constant_work,
                        constant_work,
                    );
                }
            }
            self.define(output, outcome.value)?;
            self.makers.insert(output, pb);
        }
        Ok(())
    }

    fn step(
        &self,
        pb: &'a NodeProto,
        opset: i64,
    ) -> Result<(&'a str, ops::Outcome, String), ModelError> {
        let mut node = Node {
            pb,
            inputs: Vec::new(),
            opset,
        };
        check_attributes(&node)?;
        // Dropout may name a mask that nobody uses.
        let outputs = pb.output.iter().filter(|name| !name.is_empty()).count();
        let most = if pb.op_type == "Dropout" { 2 } else { 1 };
        let output = pb
            .output
            .first()
            .filter(|name| !name.is_empty() && (1..=most).contains(&outputs));
        let Some(output) = output else {
            let (node, expected) = (node.label(), (1, most));
            return Err(ModelError::Arity {
                node,
                expected,
                found: outputs,
                what: "outputs",
            });
        };
        for name in &pb.input {
            let value = self.values.get(name.as_str());
            if value.is_none() && !name.is_empty() {
                return Err(ModelError::Undefined {
                    node: node.label(),
                    name: shorten(name),
                });
            }
            node.inputs.push(value);
        }
        let mut outcome = ops::infer(&node)?;
        outcome.value.constant =
            pb.op_type == "Shape" || node.inputs.iter().flatten().all(|value| value.constant);
        Ok((output, outcome, node.label()))
    }
}

/// Each attribute once, and none that refers to a function's.
fn check_attributes(node: &Node<'_>) -> Result<(), ModelError> {
    let mut seen = BTreeSet::new();
    for attribute in &node.pb.attribute {
        if !seen.insert(attribute.name.as_str()) {
            return Err(node.attribute_error(
                &shorten(&attribute.name),
                "given once",
                "given twice",
            ));
        }
        if !attribute.ref_attr_name.is_empty() {
            return Err(node.attribute_error(&shorten(&attribute.name), "a value", "a reference"));
        }
    }
    Ok(())
}
