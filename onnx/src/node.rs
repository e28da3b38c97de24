//! One node of the file: its attributes and inputs, with errors that name it.

use core::fmt::Debug;

use crate::proto::attribute_proto::AttributeType;
use crate::proto::{AttributeProto, NodeProto};

use super::error::{ModelError, proto_name, shorten};
use super::tensor::MAX_DIM;
use crate::build::Builder;
use crate::constant::DType;
use crate::graph::ValueId;

/// What an operator makes: one value for each output.
pub(super) type Made = Result<Vec<ValueId>, ModelError>;

/// A node of the file, its inputs by number.
pub(super) struct OnnxNode<'a> {
    pub(super) pb: &'a NodeProto,
    /// `None` for an optional input that is not given.
    pub(super) inputs: Vec<Option<ValueId>>,
    /// Version of the operator set.
    pub(super) opset: i64,
}

impl<'a> OnnxNode<'a> {
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
    pub(super) fn input(&self, index: usize) -> Result<ValueId, ModelError> {
        self.optional(index).ok_or_else(|| ModelError::Arity {
            node: self.label(),
            expected: (index + 1, index + 1),
            found: index,
            what: "inputs",
        })
    }

    /// Input number `index`, if it is given.
    pub(super) fn optional(&self, index: usize) -> Option<ValueId> {
        self.inputs.get(index).copied().flatten()
    }

    /// Checks how many inputs are named; a list may end in empty names.
    pub(super) fn arity(&self, low: usize, high: usize) -> Result<(), ModelError> {
        let last = self.inputs.iter().rposition(Option::is_some);
        let found = last.map_or(0, |last| last + 1);
        if (low..=high).contains(&found) {
            return Ok(());
        }
        Err(ModelError::Arity {
            node: self.label(),
            expected: (low, high),
            found,
            what: "inputs",
        })
    }

    /// The integers of an input that must be known.
    pub(super) fn known(
        &self,
        b: &Builder<'_>,
        index: usize,
        what: &'static str,
    ) -> Result<Vec<i64>, ModelError> {
        let constant = b
            .known(self.input(index)?)
            .and_then(|constant| constant.as_i64s());
        constant
            .map(<[i64]>::to_vec)
            .ok_or_else(|| self.not_constant(what))
    }

    /// The floating-point numbers of an input that must be known.
    pub(super) fn known_floats(
        &self,
        b: &Builder<'_>,
        index: usize,
        what: &'static str,
    ) -> Result<Vec<f32>, ModelError> {
        let constant = b
            .known(self.input(index)?)
            .and_then(|constant| constant.as_f32s());
        constant
            .map(<[f32]>::to_vec)
            .ok_or_else(|| self.not_constant(what))
    }

    /// The integers that newer operator sets give as an input and older ones as an attribute.
    pub(super) fn list(
        &self,
        b: &Builder<'_>,
        index: usize,
        name: &'static str,
    ) -> Result<Option<Vec<i64>>, ModelError> {
        match self.optional(index) {
            Some(_) => self.known(b, index, name).map(Some),
            None => Ok(self.ints(name)?.map(<[i64]>::to_vec)),
        }
    }

    /// Checks that these inputs, as far as they are given, are of a floating-point type.
    pub(super) fn floats_only(&self, b: &Builder<'_>, inputs: &[usize]) -> Result<(), ModelError> {
        let given = inputs.iter().filter_map(|index| self.optional(*index));
        let types: Vec<DType> = given.map(|id| b.dtype(id)).collect();
        match types.iter().all(|dtype| dtype.is_float()) {
            true => Ok(()),
            false => Err(self.shape_error("inputs of one float type", types)),
        }
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
                AttributeType::Floats => "FLOATS",
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

    /// The numbers of an attribute, if it is there.
    pub(super) fn float_list(&self, name: &str) -> Result<Option<&'a [f32]>, ModelError> {
        let attribute = self.attribute(name, AttributeType::Floats)?;
        Ok(attribute.map(|attribute| attribute.floats.as_slice()))
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
