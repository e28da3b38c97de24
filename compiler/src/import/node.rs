//! A node of the checked graph: its inputs, and errors that name it.

use dreamlet_onnx::Constant;
use dreamlet_onnx::graph::{Graph, Node, Value, ValueId};

use super::value::{Known, PlacedTensor};
use crate::CompileError;

/// Longest name in a message.
const SHOWN: usize = 60;

/// A node in its graph.
pub(super) struct NodeReader<'a> {
    pub(super) graph: &'a Graph,
    pub(super) node: &'a Node,
    pub(super) index: usize,
}

impl<'a> NodeReader<'a> {
    /// How messages and reports call it.
    pub(super) fn label(&self) -> String {
        let shown: String = self.node.name.chars().take(SHOWN).collect();
        format!("node {} `{shown}` ({})", self.index, self.node.op_type)
    }

    pub(super) fn no_layer(&self) -> CompileError {
        self.refuse("the device's engine has no layer for this operator")
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> CompileError {
        CompileError::Node {
            node: self.label(),
            reason: reason.into(),
        }
    }

    /// The shape of what it makes.
    pub(super) fn shape(&self) -> Vec<usize> {
        let made = self.graph.value(self.node.output);
        made.map(|value| value.shape.clone()).unwrap_or_default()
    }

    /// Number of input `at`, if it is given.
    pub(super) fn id(&self, at: usize) -> Option<ValueId> {
        self.node.inputs.get(at).copied().flatten()
    }

    fn value(&self, at: usize) -> Option<&'a Value> {
        self.graph.value(self.id(at)?)
    }

    /// What is known of input `at`.
    pub(super) fn input<'k>(
        &self,
        known: &'k [Option<Known>],
        at: usize,
    ) -> Result<&'k Known, CompileError> {
        if let Some(found) = self.id(at).and_then(|id| known.get(id)?.as_ref()) {
            return Ok(found);
        }
        Err(self.refuse(match self.id(at) {
            Some(_) => {
                format!("its input {at} is a constant, this operator is not computed on constants")
            }
            None => format!("its input {at} is missing"),
        }))
    }

    /// Input `at` as something that depends on the latent vector or the class.
    pub(super) fn data<'k>(
        &self,
        known: &'k [Option<Known>],
        at: usize,
    ) -> Result<&'k PlacedTensor, CompileError> {
        match self.input(known, at)? {
            Known::Tensor(data) => Ok(data),
            Known::Class => Err(self.refuse(
                "it computes with the number of the class, which can only be looked up in a table (Gather)",
            )),
        }
    }

    /// Input `at`, if it is a constant.
    pub(super) fn fixed(&self, at: usize) -> Option<&'a Constant> {
        self.value(at)?.constant.as_ref()
    }

    /// Input `at` as a constant of f32, if it is given.
    pub(super) fn constant(
        &self,
        at: usize,
    ) -> Result<Option<(&'a Constant, &'a [f32])>, CompileError> {
        match (self.id(at), self.fixed(at)) {
            (None, _) => Ok(None),
            (_, Some(constant)) => match constant.as_f32s() {
                Some(floats) => Ok(Some((constant, floats))),
                None => Err(self.refuse(format!("its input {at} has integers"))),
            },
            _ => Err(self.refuse(format!("its input {at} is computed, it must be a constant"))),
        }
    }
}
