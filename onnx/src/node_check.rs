//! One node under check: its attributes and inputs, with errors that name it.

use core::fmt::Debug;

use crate::proto::attribute_proto::AttributeType;
use crate::proto::{AttributeProto, NodeProto};

use super::error::{ModelError, proto_name, shorten};
use super::tensor::{MAX_DIM, MAX_RANK};
use crate::graph::Value;

/// Longest list of integers that an attribute may hold.
const MAX_LIST: usize = 64;

/// A node and what is known of its inputs.
pub(super) struct NodeCheck<'a> {
    pub(super) pb: &'a NodeProto,
    pub(super) inputs: Vec<Option<&'a Value>>,
    pub(super) opset: i64,
}

impl<'a> NodeCheck<'a> {
    /// How messages name the node: its own name, or that of its first output.
    pub(super) fn name(&self) -> String {
        name(self.pb)
    }

    pub(super) fn label(&self) -> String {
        format!("node {} ({})", self.name(), shorten(&self.pb.op_type))
    }

    /// Shapes that do not go together.
    pub(super) fn shape_error(&self, expected: impl Into<String>, found: impl Debug) -> ModelError {
        ModelError::Shape {
            node: self.label(),
            expected: expected.into(),
            found: format!("{found:?}"),
        }
    }

    pub(super) fn attribute_error(
        &self,
        attribute: &str,
        expected: &'static str,
        found: impl ToString,
    ) -> ModelError {
        let found = shorten(&found.to_string());
        ModelError::Attribute {
            node: self.label(),
            attribute: attribute.into(),
            expected,
            found,
        }
    }

    pub(super) fn not_constant(&self, input: &'static str) -> ModelError {
        ModelError::NotConstant {
            node: self.label(),
            input,
        }
    }

    /// Input number `index`, which the operator needs.
    pub(super) fn input(&self, index: usize) -> Result<&'a Value, ModelError> {
        self.optional(index).ok_or_else(|| ModelError::Arity {
            node: self.label(),
            expected: (index + 1, index + 1),
            found: index,
            what: "inputs",
        })
    }

    /// Input number `index`, if it is given.
    pub(super) fn optional(&self, index: usize) -> Option<&'a Value> {
        self.inputs.get(index).copied().flatten()
    }

    /// Checks how many inputs are named (a list may end in empty names) and that there is one
    /// output.
    pub(super) fn arity(&self, low: usize, high: usize) -> Result<(), ModelError> {
        let found = self
            .inputs
            .iter()
            .rposition(Option::is_some)
            .map_or(0, |last| last + 1);
        if found < low || found > high {
            let (node, expected) = (self.label(), (low, high));
            return Err(ModelError::Arity {
                node,
                expected,
                found,
                what: "inputs",
            });
        }
        Ok(())
    }

    /// The integers of an input that must be known.
    pub(super) fn known(&self, index: usize, what: &'static str) -> Result<&'a [i64], ModelError> {
        self.input(index)?
            .ints()
            .ok_or_else(|| self.not_constant(what))
    }

    fn attribute(
        &self,
        name: &str,
        ty: AttributeType,
    ) -> Result<Option<&'a AttributeProto>, ModelError> {
        let Some(attribute) = self
            .pb
            .attribute
            .iter()
            .find(|attribute| attribute.name == name)
        else {
            return Ok(None);
        };
        if attribute.r#type != ty as i32 {
            let found = match AttributeType::try_from(attribute.r#type) {
                Ok(found) => proto_name(found),
                Err(_) => attribute.r#type.to_string(),
            };
            let expected = match ty {
                AttributeType::Int => "INT",
                AttributeType::Ints => "INTS",
                AttributeType::Float => "FLOAT",
                AttributeType::String => "STRING",
                _ => "TENSOR",
            };
            return Err(self.attribute_error(name, expected, found));
        }
        Ok(Some(attribute))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.pb
            .attribute
            .iter()
            .any(|attribute| attribute.name == name)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, ModelError> {
        Ok(self
            .attribute(name, AttributeType::Int)?
            .map_or(default, |attribute| attribute.i))
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, ModelError> {
        let value = self
            .attribute(name, AttributeType::Float)?
            .map_or(default, |attribute| attribute.f);
        if value.is_finite() {
            Ok(value)
        } else {
            Err(self.attribute_error(name, "a finite number", value))
        }
    }

    pub(super) fn text(&self, name: &str, default: &'a str) -> Result<&'a str, ModelError> {
        match self.attribute(name, AttributeType::String)? {
            None => Ok(default),
            Some(attribute) => core::str::from_utf8(&attribute.s)
                .map_err(|_| self.attribute_error(name, "text", "not UTF-8")),
        }
    }

    /// Text that is one of the words in `allowed`.
    pub(super) fn choice(
        &self,
        name: &str,
        default: &'static str,
        allowed: &[&'static str],
    ) -> Result<Option<&'static str>, ModelError> {
        let found = self.text(name, default)?;
        Ok(allowed.iter().copied().find(|word| *word == found))
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, ModelError> {
        let Some(attribute) = self.attribute(name, AttributeType::Ints)? else {
            return Ok(None);
        };
        if attribute.ints.len() > MAX_LIST {
            return Err(self.attribute_error(name, "at most 64 integers", attribute.ints.len()));
        }
        Ok(Some(&attribute.ints))
    }

    pub(super) fn tensor(
        &self,
        name: &str,
    ) -> Result<Option<&'a crate::proto::TensorProto>, ModelError> {
        let Some(attribute) = self.attribute(name, AttributeType::Tensor)? else {
            return Ok(None);
        };
        match &attribute.t {
            Some(tensor) => Ok(Some(tensor)),
            None => Err(self.attribute_error(name, "a tensor", "nothing")),
        }
    }

    /// A list of `len` integers of at least `low`, or that many of `default`.
    pub(super) fn sizes(
        &self,
        name: &str,
        len: usize,
        low: i64,
        default: usize,
    ) -> Result<Vec<usize>, ModelError> {
        let Some(list) = self.ints(name)? else {
            return Ok([default].repeat(len));
        };
        let sizes: Option<Vec<usize>> = list
            .iter()
            .map(|size| {
                usize::try_from(*size)
                    .ok()
                    .filter(|s| *size >= low && *s < MAX_DIM)
            })
            .collect();
        match sizes {
            Some(sizes) if sizes.len() == len => Ok(sizes),
            _ => {
                let expected = match low {
                    0 => "one for each side, none negative",
                    _ => "one positive number for each direction",
                };
                Err(self.attribute_error(name, expected, format!("{list:?}")))
            }
        }
    }

    /// An axis of a value of `rank` dimensions, counted from the end if negative.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, ModelError> {
        let signed = rank as i64;
        let resolved = if axis < 0 {
            axis.checked_add(signed)
        } else {
            Some(axis)
        };
        resolved
            .and_then(|axis| usize::try_from(axis).ok())
            .filter(|axis| *axis < rank)
            .ok_or_else(|| self.attribute_error("axis", "an axis of the value", axis))
    }

    /// Axes of a value of `rank` dimensions, each once.
    pub(super) fn axes(&self, axes: &[i64], rank: usize) -> Result<Vec<usize>, ModelError> {
        let mut resolved = Vec::new();
        for axis in axes {
            let axis = self.axis(*axis, rank)?;
            if resolved.contains(&axis) {
                return Err(self.attribute_error("axes", "each axis once", format!("{axes:?}")));
            }
            resolved.push(axis);
        }
        Ok(resolved)
    }

    /// Checks a computed shape: rank and dimensions within bounds.
    pub(super) fn bounded(&self, shape: Vec<Option<usize>>) -> Result<Vec<usize>, ModelError> {
        let fits: Option<Vec<usize>> = shape
            .iter()
            .map(|dim| dim.filter(|dim| *dim > 0 && *dim < MAX_DIM))
            .collect();
        match fits {
            Some(fits) if fits.len() <= MAX_RANK => Ok(fits),
            _ => {
                let found: Vec<i64> = shape
                    .iter()
                    .map(|dim| dim.and_then(|d| i64::try_from(d).ok()).unwrap_or(-1))
                    .collect();
                Err(self.shape_error("a shape of at most 8 positive dimensions below 2^24", found))
            }
        }
    }
}

/// A node's own name, or that of what it makes.
pub(super) fn own_name(pb: &NodeProto) -> &str {
    match pb.output.first() {
        Some(output) if pb.name.is_empty() => output,
        _ => &pb.name,
    }
}

/// How messages name a node.
pub(super) fn name(pb: &NodeProto) -> String {
    shorten(own_name(pb))
}
