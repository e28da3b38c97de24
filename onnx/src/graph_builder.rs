//! A graph under construction: operators, constants, and who uses what.

use std::collections::{BTreeMap, HashSet};

use super::fold::{self, Misfit};

/// A value of the graph: an input, a constant or an operator's result.
pub type ValueId = usize;

/// In a node's inputs: an optional input that is not given.
pub const ABSENT: ValueId = usize::MAX;

/// Numbers of a constant, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Of type float32.
    F32(Vec<f32>),
    /// Of type int64.
    I64(Vec<i64>),
}

impl Data {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::I64(data) => data.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tensor known at export.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: Data,
}

impl Constant {
    /// A tensor of float32.
    pub fn f32s(shape: Vec<usize>, data: Vec<f32>) -> Self {
        Self {
            shape,
            data: Data::F32(data),
        }
    }

    /// A vector of int64.
    pub fn i64s(data: Vec<i64>) -> Self {
        Self {
            shape: vec![data.len()],
            data: Data::I64(data),
        }
    }

    /// The elements, if they are float32.
    pub fn as_f32s(&self) -> Option<&[f32]> {
        match &self.data {
            Data::F32(data) => Some(data),
            Data::I64(_) => None,
        }
    }

    /// The elements, if they are int64.
    pub fn as_i64s(&self) -> Option<&[i64]> {
        match &self.data {
            Data::I64(data) => Some(data),
            Data::F32(_) => None,
        }
    }
}

/// An operator's fixed argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// An integer.
    Int(i64),
    /// Integers.
    Ints(Vec<i64>),
    /// A number.
    Float(f32),
    /// Text.
    Text(&'static str),
}

/// Attributes by name.
pub type Attributes = Vec<(&'static str, Attribute)>;

/// One operator with one result.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The operator.
    pub op: &'static str,
    /// What it takes; [`ABSENT`] for an optional input that is not given.
    pub inputs: Vec<ValueId>,
    /// Its attributes.
    pub attributes: Attributes,
    /// What it makes.
    pub output: ValueId,
}

impl Node {
    /// Attribute `name`, if it is integers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attributes.iter().find_map(|(key, value)| match value {
            Attribute::Ints(ints) if *key == name => Some(ints.as_slice()),
            _ => None,
        })
    }

    /// Attribute `name`, if it is an integer.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attributes.iter().find_map(|(key, value)| match value {
            Attribute::Int(int) if *key == name => Some(*int),
            _ => None,
        })
    }

    /// Attribute `name`, if it is a number.
    pub fn float(&self, name: &str) -> Option<f32> {
        self.attributes.iter().find_map(|(key, value)| match value {
            Attribute::Float(float) if *key == name => Some(*float),
            _ => None,
        })
    }
}

/// A graph under construction; nodes are in the order in which they can run.
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Constants.
    pub constants: BTreeMap<ValueId, Constant>,
    /// The latent input.
    pub latent: ValueId,
    /// The class input of a conditional generator.
    pub class: Option<ValueId>,
    /// The output.
    pub image: ValueId,
    next: ValueId,
}

impl GraphBuilder {
    /// A value that nothing makes yet.
    pub fn value(&mut self) -> ValueId {
        let id = self.next;
        self.next += 1;
        id
    }

    /// Adds a constant.
    pub fn constant(&mut self, constant: Constant) -> ValueId {
        let id = self.value();
        self.constants.insert(id, constant);
        id
    }

    /// Adds an operator, or its result where it can be computed now.
    ///
    /// # Errors
    /// [`Misfit`] for constants whose shapes do not fit together.
    pub fn node(
        &mut self,
        op: &'static str,
        inputs: &[ValueId],
        attributes: Attributes,
    ) -> Result<ValueId, Misfit> {
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
    pub fn producer(&self, value: ValueId) -> Option<usize> {
        self.nodes.iter().position(|node| node.output == value)
    }

    /// Positions of the nodes that use `value`, once for each use.
    pub fn consumers(&self, value: ValueId) -> Vec<usize> {
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
    pub fn replace(&mut self, old: ValueId, new: ValueId) {
        for input in self.nodes.iter_mut().flat_map(|node| &mut node.inputs) {
            if *input == old {
                *input = new;
            }
        }
        if self.image == old {
            self.image = new;
        }
    }

    /// Drops nodes and constants that the image does not depend on.
    pub fn prune(&mut self) {
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
