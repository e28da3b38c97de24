//! A graph under construction: operators, constants, and who uses what.

use std::collections::{BTreeMap, HashSet};

use crate::constant::{Constant, DType};
use crate::graph::{Binary, Op, Part, Unary, ValueId};
use crate::reference;
use crate::shape::broadcast;

/// Two constants whose shapes do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: the shapes {left:?} and {right:?} do not fit together")]
pub struct Misfit {
    /// The operator.
    pub operation: &'static str,
    /// Shape of its first operand.
    pub left: Vec<usize>,
    /// Shape of its second operand.
    pub right: Vec<usize>,
}

/// In a node's inputs: an optional input that is not given.
pub const ABSENT: ValueId = usize::MAX;

/// An operator's fixed argument.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// An integer.
    Int(i64),
    /// Integers.
    Ints(Vec<i64>),
    /// A floating-point number.
    Float(f32),
    /// Text.
    Text(&'static str),
}

/// Attributes by name.
pub type Attributes = Vec<(&'static str, Attribute)>;

/// One operator with one result, as it is written to a file.
#[derive(Clone, Debug, PartialEq)]
pub struct BuilderNode {
    /// The operator.
    pub op: &'static str,
    /// What it takes; [`ABSENT`] for an optional input that is not given.
    pub inputs: Vec<ValueId>,
    /// Its attributes.
    pub attributes: Attributes,
    /// What it makes.
    pub output: ValueId,
}

impl BuilderNode {
    fn attribute(&self, name: &str) -> Option<&Attribute> {
        let mut found = self.attributes.iter().filter(|(key, _)| *key == name);
        found.next().map(|(_, value)| value)
    }

    /// Attribute `name`, if it is integers.
    #[must_use]
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attribute(name) {
            Some(Attribute::Ints(ints)) => Some(ints),
            _ => None,
        }
    }

    /// Attribute `name`, if it is an integer.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.attribute(name) {
            Some(Attribute::Int(int)) => Some(*int),
            _ => None,
        }
    }

    /// Attribute `name`, if it is a floating-point number.
    #[must_use]
    pub fn float(&self, name: &str) -> Option<f32> {
        match self.attribute(name) {
            Some(Attribute::Float(float)) => Some(*float),
            _ => None,
        }
    }

    /// The form in which the operator is computed on constants; `None` where it is left to engines.
    fn canonical(&self, inputs: &[&Constant]) -> Result<Option<Op>, Misfit> {
        let misfit = |right: &[usize]| Misfit {
            operation: self.op,
            left: inputs.first().map_or(Vec::new(), |a| a.shape.clone()),
            right: right.to_vec(),
        };
        let axis = || usize::try_from(self.int("axis").unwrap_or(0)).ok();
        Ok(match (self.op, inputs) {
            ("Add" | "Sub" | "Mul" | "Div" | "Pow", [a, b]) => {
                broadcast(&a.shape, &b.shape).ok_or_else(|| misfit(&b.shape))?;
                binary(self.op).map(Op::Binary)
            }
            ("Expand", [a, shape]) => match sizes(shape) {
                Some(target) => {
                    let all = broadcast(&a.shape, &target).ok_or_else(|| misfit(&target))?;
                    Some(Op::Expand(all))
                }
                None => None,
            },
            ("Reshape", [_, shape]) => sizes(shape).map(Op::Reshape),
            ("Transpose", [_]) => self.ints("perm").and_then(usizes).map(Op::Transpose),
            ("Gather", _) => axis().map(Op::Gather),
            ("Concat", _) => axis().map(Op::Concat),
            ("Slice", [a, bounds @ ..]) => parts(&a.shape, bounds).map(Op::Slice),
            ("Cast", [_]) => self
                .int("to")
                .and_then(|to| DType::of(i32::try_from(to).ok()?))
                .map(Op::Cast),
            (op, [_]) => unary(op).map(Op::Unary),
            _ => None,
        })
    }
}

fn binary(op: &str) -> Option<Binary> {
    Some(match op {
        "Add" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Div" => Binary::Div,
        "Pow" => Binary::Pow,
        _ => return None,
    })
}

fn unary(op: &str) -> Option<Unary> {
    Some(match op {
        "Relu" => Unary::Relu,
        "Tanh" => Unary::Tanh,
        "Sigmoid" => Unary::Sigmoid,
        "Exp" => Unary::Exp,
        "Log" => Unary::Log,
        "Sqrt" => Unary::Sqrt,
        "Neg" => Unary::Neg,
        "Abs" => Unary::Abs,
        _ => return None,
    })
}

/// The result of an operator on constants, where it can be computed.
fn folded(op: &Op, inputs: &[&Constant]) -> Option<Constant> {
    // What the other inputs say is in the operator.
    let inputs = match op {
        Op::Reshape(_) | Op::Expand(_) | Op::Slice(_) => inputs.get(..1)?,
        _ => inputs,
    };
    let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
    reference::evaluate(op, inputs, &op.shape(&shapes)?)
}

fn usizes(ints: &[i64]) -> Option<Vec<usize>> {
    ints.iter().map(|int| usize::try_from(*int).ok()).collect()
}

fn sizes(shape: &Constant) -> Option<Vec<usize>> {
    usizes(shape.as_i64s()?)
}

/// What Slice takes by its starts, ends, axes and positive steps; bounds beyond an axis are moved
/// to its end.
fn parts(shape: &[usize], bounds: &[&Constant]) -> Option<Vec<Part>> {
    let [starts, ends, axes, steps] = bounds else {
        return None;
    };
    let mut parts: Vec<Part> = shape.iter().map(|&dim| Part::whole(dim)).collect();
    let bounds = starts.as_i64s()?.iter().zip(ends.as_i64s()?);
    for ((bounds, axis), step) in bounds.zip(axes.as_i64s()?).zip(steps.as_i64s()?) {
        let axis = usize::try_from(*axis).ok()?;
        *parts.get_mut(axis)? = Part::of(*shape.get(axis)?, *bounds.0, *bounds.1, *step)?;
    }
    Some(parts)
}

/// A graph under construction; nodes are in the order in which they can run.
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    /// The nodes.
    pub nodes: Vec<BuilderNode>,
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
        let node = BuilderNode {
            op,
            inputs: inputs.to_vec(),
            attributes,
            output: self.value(),
        };
        let known: Option<Vec<_>> = inputs.iter().map(|id| self.constants.get(id)).collect();
        let result = match known {
            Some(known) => node.canonical(&known)?.and_then(|op| folded(&op, &known)),
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
