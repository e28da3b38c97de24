//! An ONNX node: attributes, inputs, and errors that name it.

use std::collections::HashMap;

use dreamlet_onnx::proto::{AttributeProto, NodeProto, TensorProto};

use super::value::{Data, Known};
use crate::CompileError;
use dreamlet_onnx::graph_builder::Constant;

/// Longest name in a message.
const SHOWN: usize = 60;

/// A node with what is known so far.
pub(super) struct Node<'a> {
    pub(super) pb: &'a NodeProto,
    pub(super) index: usize,
    pub(super) opset: i64,
}

impl Node<'_> {
    /// How messages and reports call it.
    pub(super) fn label(&self) -> String {
        let name = [&self.pb.name]
            .into_iter()
            .chain(&self.pb.output)
            .find(|name| !name.is_empty());
        let shown: String = name
            .map(String::as_str)
            .unwrap_or_default()
            .chars()
            .take(SHOWN)
            .collect();
        format!("node {} `{shown}` ({})", self.index, self.pb.op_type)
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> CompileError {
        CompileError::Node {
            node: self.label(),
            reason: reason.into(),
        }
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.pb
            .attribute
            .iter()
            .find(|attribute| attribute.name == name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name)
            .map_or(default, |attribute| attribute.i)
    }

    pub(super) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name)
            .map_or(default, |attribute| attribute.f)
    }

    pub(super) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name)
            .map(|attribute| attribute.ints.as_slice())
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&TensorProto> {
        self.attribute(name)?.t.as_ref()
    }

    pub(super) fn text<'b>(&'b self, name: &str, default: &'b str) -> &'b str {
        self.attribute(name).map_or(default, |attribute| {
            std::str::from_utf8(&attribute.s).unwrap_or_default()
        })
    }

    /// `count` whole numbers, `default` each where the attribute is not given.
    pub(super) fn pair(&self, name: &str, default: i64) -> Result<[u32; 2], CompileError> {
        let ints = match self.ints(name) {
            Some(ints) if !ints.is_empty() => ints,
            _ => &[default; 2],
        };
        match ints.iter().map(|&n| u32::try_from(n)).collect() {
            Ok(numbers) => Vec::<u32>::try_into(numbers)
                .map_err(|_| self.refuse(format!("its {name} are {ints:?}, two were expected"))),
            Err(_) => Err(self.refuse(format!("its {name} are {ints:?}"))),
        }
    }

    /// What is known of input `at`, if it is given.
    pub(super) fn optional<'k>(
        &self,
        known: &'k HashMap<String, Known>,
        at: usize,
    ) -> Option<&'k Known> {
        let name = self.pb.input.get(at).filter(|name| !name.is_empty())?;
        known.get(name)
    }

    pub(super) fn input<'k>(
        &self,
        known: &'k HashMap<String, Known>,
        at: usize,
    ) -> Result<&'k Known, CompileError> {
        self.optional(known, at)
            .ok_or_else(|| self.refuse(format!("its input {at} is missing")))
    }

    /// Input `at` as something that depends on the latent vector or the class.
    pub(super) fn data<'k>(
        &self,
        known: &'k HashMap<String, Known>,
        at: usize,
    ) -> Result<&'k Data, CompileError> {
        match self.input(known, at)? {
            Known::Data(data) => Ok(data),
            Known::Constant(_) => Err(self.refuse(format!(
                "its input {at} is a constant, this operator is not computed on constants"
            ))),
            Known::Class(_) => Err(self.refuse(
                "it computes with the number of the class, which can only be looked up in a table (Gather)",
            )),
        }
    }

    /// Input `at` as a constant of floats, if it is given.
    pub(super) fn constant<'k>(
        &self,
        known: &'k HashMap<String, Known>,
        at: usize,
    ) -> Result<Option<(&'k Constant, &'k [f32])>, CompileError> {
        match self.optional(known, at) {
            None => Ok(None),
            Some(Known::Constant(constant)) => match constant.as_f32s() {
                Some(floats) => Ok(Some((constant, floats))),
                None => Err(self.refuse(format!("its input {at} has integers"))),
            },
            Some(_) => {
                Err(self.refuse(format!("its input {at} is computed, it must be a constant")))
            }
        }
    }

    /// Input `at` as constant integers, if it is given.
    pub(super) fn known_ints<'k>(
        &self,
        known: &'k HashMap<String, Known>,
        at: usize,
    ) -> Result<Option<&'k [i64]>, CompileError> {
        match self.optional(known, at) {
            None => Ok(None),
            Some(Known::Constant(constant)) => match constant.as_i64s() {
                Some(ints) => Ok(Some(ints)),
                None => Err(self.refuse(format!("its input {at} has floats"))),
            },
            Some(_) => {
                Err(self.refuse(format!("its input {at} is computed, it must be a constant")))
            }
        }
    }

    /// An axis from 0, of `rank` there are.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, CompileError> {
        let rank_i = rank as i64;
        let axis = if axis < 0 {
            axis.saturating_add(rank_i)
        } else {
            axis
        };
        usize::try_from(axis)
            .ok()
            .filter(|&axis| axis < rank)
            .ok_or_else(|| self.refuse(format!("it names axis {axis} of {rank}")))
    }
}
