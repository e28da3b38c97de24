//! Follows the shape of every value through the graph, for a batch of one.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::constant::Constant;
use crate::graph::{Node, Value, ValueId};
use crate::proto::{GraphProto, NodeProto};

use super::error::{ModelError, shorten};
use super::limits::Limits;
use super::node_check::{self, NodeCheck};
use super::tensor::{self, MAX_KNOWN};
use super::{fold, ops};

/// What following the graph found out.
pub(super) struct Flow<'a> {
    /// Values by name.
    ids: BTreeMap<&'a str, ValueId>,
    /// The tensors in the file first, in its order.
    pub(super) values: Vec<Value>,
    /// One for each of the file, in its order.
    pub(super) nodes: Vec<Node>,
    pub(super) work: u64,
    pub(super) value_bytes: u64,
}

impl<'a> Flow<'a> {
    /// Begins with the tensors in the file.
    pub(super) fn new(graph: &'a GraphProto) -> Result<Self, ModelError> {
        let mut flow = Self {
            ids: BTreeMap::new(),
            values: Vec::new(),
            nodes: Vec::new(),
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
    pub(super) fn define(&mut self, name: &'a str, value: Value) -> Result<ValueId, ModelError> {
        if name.is_empty() || self.ids.contains_key(name) {
            return Err(ModelError::Duplicate {
                name: shorten(name),
            });
        }
        let id = self.values.len();
        self.ids.insert(name, id);
        self.values.push(Value {
            name: name.into(),
            ..value
        });
        Ok(id)
    }

    /// The value of a name.
    pub(super) fn id(&self, name: &str) -> Option<ValueId> {
        self.ids.get(name).copied()
    }

    /// The node that makes a value.
    pub(super) fn maker(&self, value: ValueId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.output == value)
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
            self.value_bytes = self.value_bytes.saturating_add(
                outcome
                    .value
                    .len()
                    .saturating_mul(outcome.value.dtype.size()),
            );
            if self.value_bytes > limits.value_bytes {
                return too_big("bytes of values", limits.value_bytes, self.value_bytes);
            }
            let scratch = outcome.scratch.saturating_mul(outcome.value.dtype.size());
            if scratch > limits.scratch_bytes {
                return too_big("bytes of scratch", limits.scratch_bytes, scratch);
            }
            self.work = self.work.saturating_add(outcome.work);
            if self.work > limits.work {
                return too_big("multiplications and additions", limits.work, self.work);
            }
            if outcome.value.fixed {
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
            let inputs = pb.input.iter().map(|name| self.id(name)).collect();
            let output = self.define(output, outcome.value)?;
            self.nodes.push(Node {
                name: node_check::own_name(pb).into(),
                op_type: pb.op_type.clone(),
                op: outcome.op,
                inputs,
                output,
            });
        }
        Ok(())
    }

    fn step(
        &self,
        pb: &'a NodeProto,
        opset: i64,
    ) -> Result<(&'a str, ops::Outcome, String), ModelError> {
        let mut node = NodeCheck {
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
            let value = self.id(name).and_then(|id| self.values.get(id));
            if value.is_none() && !name.is_empty() {
                return Err(ModelError::Undefined {
                    node: node.label(),
                    name: shorten(name),
                });
            }
            node.inputs.push(value);
        }
        let mut outcome = ops::infer(&node)?;
        let inputs = || node.inputs.iter().flatten();
        let value = &mut outcome.value;
        value.fixed = pb.op_type == "Shape" || inputs().all(|value| value.fixed);
        if value.constant.is_none() && value.len() <= MAX_KNOWN {
            let known: Option<Vec<&Constant>> =
                inputs().map(|value| value.constant.as_ref()).collect();
            let constant = known.and_then(|known| fold::evaluate(&outcome.op, &known));
            value.constant = constant.filter(|constant| constant.shape == value.shape);
        }
        Ok((output, outcome, node.label()))
    }
}

/// Each attribute once, and none that refers to a function's.
fn check_attributes(node: &NodeCheck<'_>) -> Result<(), ModelError> {
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
