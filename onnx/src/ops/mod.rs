//! What each ONNX operator is in the canonical graph, in every operator set.
//!
//! The rules are those of the ONNX operator specification, for shapes with one image in the batch.

mod activation;
mod arithmetic;
mod attention;
mod constant;
mod conv;
mod einsum;
mod functions;
mod gather;
mod integers;
mod linear;
mod movement;
mod normalization;
mod pad;
mod pool;
mod quantized;
mod reduction;
mod resize;
mod selection;
mod shape;

use crate::build::Builder;
use crate::error::{ModelError, shorten};
use crate::node::{Made, OnnxNode, name};

/// Adds what a node does to the graph and gives what it makes.
pub(crate) fn translate(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> Made {
    if !matches!(node.pb.domain.as_str(), "" | "ai.onnx") {
        let op = format!("{}.{}", shorten(&node.pb.domain), shorten(&node.pb.op_type));
        return Err(ModelError::Operator {
            node: name(node.pb),
            op,
        });
    }
    let groups = [
        arithmetic::translate,
        functions::translate,
        integers::translate,
        activation::translate,
        conv::translate,
        pool::translate,
        linear::translate,
        normalization::translate,
        reduction::translate,
        quantized::translate,
        movement::translate,
        gather::translate,
        pad::translate,
        shape::translate,
        constant::translate,
        resize::translate,
    ];
    for group in groups {
        if let Some(made) = group(node, b) {
            return made;
        }
    }
    Err(ModelError::Operator {
        node: name(node.pb),
        op: shorten(&node.pb.op_type),
    })
}

#[cfg(test)]
mod numeric_tests;
