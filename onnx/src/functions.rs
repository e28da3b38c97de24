//! Functions that a file defines by nodes: each call becomes the nodes.

use std::collections::BTreeMap;

use crate::error::{ModelError, shorten};
use crate::limits::Limits;
use crate::node::own_name;
use crate::proto::{FunctionProto, ModelProto, NodeProto, OperatorSetIdProto};

/// Most calls within one another.
const MAX_DEPTH: usize = 16;

/// The version of ONNX's own operators.
pub(crate) fn version(sets: &[OperatorSetIdProto]) -> Option<i64> {
    let mut own = sets
        .iter()
        .filter(|set| matches!(set.domain.as_str(), "" | "ai.onnx"));
    own.next().map(|set| set.version)
}

/// The nodes of the graph, without calls of functions, and the operator set that each is of.
pub(crate) fn inline(
    model: &mut ModelProto,
    opset: i64,
    limits: &Limits,
) -> Result<Vec<(NodeProto, i64)>, ModelError> {
    let functions = std::mem::take(&mut model.functions);
    let nodes = model
        .graph
        .as_mut()
        .map(|graph| std::mem::take(&mut graph.node));
    let mut inliner = Inliner {
        functions: functions
            .iter()
            .map(|f| ((f.domain.as_str(), f.name.as_str()), f))
            .collect(),
        calls: 0,
        most: limits.nodes,
        nodes: Vec::new(),
    };
    for node in nodes.unwrap_or_default() {
        inliner.add(node, opset, 0)?;
    }
    Ok(inliner.nodes)
}

struct Inliner<'a> {
    functions: BTreeMap<(&'a str, &'a str), &'a FunctionProto>,
    calls: usize,
    most: usize,
    nodes: Vec<(NodeProto, i64)>,
}

impl Inliner<'_> {
    fn add(&mut self, node: NodeProto, opset: i64, depth: usize) -> Result<(), ModelError> {
        let called = (node.domain.as_str(), node.op_type.as_str());
        let Some(function) = self.functions.get(&called).copied() else {
            if self.nodes.len() >= self.most {
                return Err(ModelError::TooMany {
                    what: "nodes",
                    limit: self.most,
                });
            }
            self.nodes.push((node, opset));
            return Ok(());
        };
        if depth >= MAX_DEPTH || self.calls >= self.most {
            return Err(ModelError::TooMany {
                what: "calls of functions within one another",
                limit: MAX_DEPTH,
            });
        }
        self.calls += 1;
        let prefix = format!("{}/{}", shorten(own_name(&node)), self.calls);
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        let none = || std::iter::repeat("");
        let given = node.input.iter().map(String::as_str).chain(none());
        names.extend(function.input.iter().map(String::as_str).zip(given));
        let made = node.output.iter().map(String::as_str).chain(none());
        names.extend(function.output.iter().map(String::as_str).zip(made));
        let opset = version(&function.opset_import).unwrap_or(opset);
        let rename = |name: &String| match names.get(name.as_str()) {
            Some(known) if !known.is_empty() || function.input.contains(name) => (*known).into(),
            _ if name.is_empty() => String::new(),
            _ => format!("{prefix}/{name}"),
        };
        for inner in &function.node {
            let mut inner = inner.clone();
            inner.name = format!("{prefix}/{}", inner.name);
            inner.input = inner.input.iter().map(rename).collect();
            inner.output = inner.output.iter().map(rename).collect();
            let attributes = std::mem::take(&mut inner.attribute);
            inner.attribute = attributes
                .into_iter()
                .filter_map(|attribute| {
                    if attribute.ref_attr_name.is_empty() {
                        return Some(attribute);
                    }
                    let given = node.attribute.iter().chain(&function.attribute_proto);
                    let mut given = given.filter(|given| given.name == attribute.ref_attr_name);
                    let mut value = given.next()?.clone();
                    value.name = attribute.name;
                    Some(value)
                })
                .collect();
            self.add(inner, opset, depth + 1)?;
        }
        Ok(())
    }
}
