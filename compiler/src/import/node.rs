//! A node of the canonical graph: its inputs, and errors that name it.

use dreamlet_onnx::Constant;
use dreamlet_onnx::graph::{Graph, Node, Value, ValueId};

use crate::CompileError;

/// Longest name in a message.
const SHOWN: usize = 60;

/// A node in its graph.
pub(super) struct NodeReader<'a> {
    pub(super) graph: &'a Graph,
    pub(super) node: &'a Node,
}

impl<'a> NodeReader<'a> {
    /// How messages and reports call it.
    pub(super) fn label(&self) -> String {
        let shown: String = self.node.name.chars().take(SHOWN).collect();
        format!("node `{shown}` ({})", self.node.op_type)
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

    /// Number of input `at`.
    pub(super) fn id(&self, at: usize) -> Option<ValueId> {
        self.node.inputs.get(at).copied()
    }

    /// What is known of input `at`.
    pub(super) fn value(&self, at: usize) -> Option<&'a Value> {
        self.graph.value(self.id(at)?)
    }

    /// Input `at`, if it is a constant.
    pub(super) fn fixed(&self, at: usize) -> Option<&'a Constant> {
        self.value(at)?.constant.as_ref()
    }

    /// Input `at`, if it is a constant of f32.
    pub(super) fn floats(&self, at: usize) -> Option<(&'a Constant, &'a [f32])> {
        let constant = self.fixed(at)?;
        Some((constant, constant.as_f32s()?))
    }
}
