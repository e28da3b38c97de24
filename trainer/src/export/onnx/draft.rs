//! The graph between burn's operations and the ONNX file: operators, constants, and who uses what.

use std::collections::{BTreeMap, HashSet};

use super::{ExportError, fold};

/// A value of the graph: an input, a constant or an operator's result.
pub(in crate::export) type ValueId = usize;

/// In a node's inputs: an optional input that is not given.
pub(in crate::export) const ABSENT: ValueId = usize::MAX;

/// Numbers of a constant, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::export) enum Data {
    F32(Vec<f32>),
    I64(Vec<i64>),
}

impl Data {
    pub(in crate::export) fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::I64(data) => data.len(),
        }
    }
}

/// A tensor known at export.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::export) struct Constant {
    pub(in crate::export) shape: Vec<usize>,
    pub(in crate::export) data: Data,
}

impl Constant {
    pub(in crate::export) fn f32s(shape: Vec<usize>, data: Vec<f32>) -> Self {
        Self {
            shape,
            data: Data::F32(data),
        }
    }

    pub(in crate::export) fn i64s(data: Vec<i64>) -> Self {
        Self {
            shape: vec![data.len()],
            data: Data::I64(data),
        }
    }

    pub(in crate::export) fn as_f32s(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(data) => Some(data),
            Data::I64(_) => None,
        }
    }

    pub(in crate::export) fn as_i64s(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(data) => Some(data),
            Data::F32(_) => None,
        }
    }
}

/// An operator's fixed argument.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::export) enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f32),
    Text(&'static str),
}

pub(in crate::export) type Attributes = Vec<(&'static str, Attribute)>;

/// One operator with one result.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::export) struct Node {
    pub(in crate::export) op: &'static str,
    pub(in crate::export) inputs: Vec<ValueId>,
    pub(in crate::export) attributes: Attributes,
    pub(in crate::export) output: ValueId,
}

impl Node {
    pub(in crate::export) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attributes.iter().find_map(|(key, value)| match value {
            Attribute::Ints(ints) if *key == name => Some(ints.as_slice()),
            _ => None,
        })
    }

    pub(in crate::export) fn int(&self, name: &str) -> Option<i64> {
        self.attributes.iter().find_map(|(key, value)| match value {
            Attribute::Int(int) if *key == name => Some(*int),
            _ => None,
        })
    }

    pub(in crate::export) fn float(&self, name: &str) -> Option<f32> {
        self.attributes.iter().find_map(|(key, value)| match value {
            Attribute::Float(float) if *key == name => Some(*float),
            _ => None,
        })
    }
}

/// A graph under construction; nodes are in the order in which they can run.
#[derive(Clone, Debug, Default)]
pub(in crate::export) struct Draft {
    pub(in crate::export) nodes: Vec<Node>,
    pub(in crate::export) constants: BTreeMap<ValueId, Constant>,
    pub(in crate::export) latent: ValueId,
    pub(in crate::export) class: Option<ValueId>,
    pub(in crate::export) image: ValueId,
    next: ValueId,
}

impl Draft {
    /// A value that nothing makes yet.
    pub(in crate::export) fn value(&mut self) -> ValueId {
        let id = self.next;
        self.next += 1;
        id
    }

    pub(in crate::export) fn constant(&mut self, constant: Constant) -> ValueId {
        let id = self.value();
        self.constants.insert(id, constant);
        id
    }

    /// Adds an operator, or its result where it can be computed now.
    pub(in crate::export) fn node(
        &mut self,
        op: &'static str,
        inputs: &[ValueId],
        attributes: Attributes,
    ) -> Result<ValueId, ExportError> {
        let node = Node {
            op,
            inputs: inputs.to_vec(),
            attributes,
            output: self.value(),
        };
        let known: Option<Vec<_>> = inputs.iter().map(|id| self.constants.get(id)).collect();
        let result = match known {
            Some(known) => fold::evaluate(&node, &known)?,
            None => None,
        };
        let output = node.output;
        match result {
            Some(constant) => {
                self.constants.insert(output, constant);
            }
            None => self.nodes.push(node),
        }
        Ok(output)
    }

    /// Position of the node that makes `value`.
    pub(in crate::export) fn producer(&self, value: ValueId) -> Option<usize> {
        self.nodes.iter().position(|node| node.output == value)
    }

    /// Positions of the nodes that use `value`, once for each use.
    pub(in crate::export) fn consumers(&self, value: ValueId) -> Vec<usize> {
        let uses = self.nodes.iter().enumerate();
        uses.flat_map(|(at, node)| {
            node.inputs
                .iter()
                .filter(move |&&input| input == value)
                .map(move |_| at)
        })
        .collect()
    }

    /// Makes everything that used `old` use `new`.
    pub(in crate::export) fn replace(&mut self, old: ValueId, new: ValueId) {
        for input in self.nodes.iter_mut().flat_map(|node| &mut node.inputs) {
            if *input == old {
                *input = new;
            }
        }
        if self.image == old {
            self.image = new;
        }
    }

    /// Drops nodes and constants that the picture does not depend on.
    pub(in crate::export) fn prune(&mut self) {
        let mut needed = HashSet::from([self.image]);
        for node in self.nodes.iter().rev() {
            if needed.contains(&node.output) {
                needed.extend(node.inputs.iter().copied());
            }
        }
        self.nodes.retain(|node| needed.contains(&node.output));
        self.constants.retain(|id, _| needed.contains(id));
    }
}
