//! Nodes of the file, one after another, to operators of the canonical graph.

use std::collections::{BTreeMap, BTreeSet};

use crate::build::Builder;
use crate::error::{ModelError, shorten};
use crate::graph::ValueId;
use crate::limits::Limits;
use crate::node::{self, OnnxNode};
use crate::ops;
use crate::proto::{GraphProto, NodeProto};
use crate::tensor;

/// The file's values by their names, and the graph made of them so far.
pub(crate) struct Translator<'a> {
    pub(crate) builder: Builder<'a>,
    ids: BTreeMap<&'a str, ValueId>,
}

impl<'a> Translator<'a> {
    /// Begins with the tensors in the file. Those that no node uses may hold anything.
    pub(crate) fn new(
        graph: &'a GraphProto,
        nodes: &[(NodeProto, i64)],
        limits: &'a Limits,
    ) -> Result<Self, ModelError> {
        let mut translator = Self {
            builder: Builder::new(limits),
            ids: BTreeMap::new(),
        };
        let used: BTreeSet<&str> = nodes
            .iter()
            .flat_map(|(node, _)| node.input.iter().chain(inner_names(node)))
            .chain(graph.output.iter().map(|info| &info.name))
            .map(String::as_str)
            .collect();
        for given in &graph.initializer {
            let id = if used.contains(given.name.as_str()) {
                let (dtype, constant) = tensor::load(given, &given.name)?;
                translator.builder.constant(dtype, constant)
            } else {
                translator.builder.integers(Vec::new())
            };
            translator.define(&given.name, id)?;
        }
        Ok(translator)
    }

    /// Gives a value a name that is new.
    pub(crate) fn define(&mut self, name: &'a str, id: ValueId) -> Result<(), ModelError> {
        if name.is_empty() || self.ids.insert(name, id).is_some() {
            return Err(ModelError::Duplicate {
                name: shorten(name),
            });
        }
        Ok(())
    }

    /// The value of a name.
    pub(crate) fn id(&self, name: &str) -> Option<ValueId> {
        self.ids.get(name).copied()
    }

    /// Translates all nodes, in an order in which they can run.
    pub(crate) fn run(&mut self, nodes: &'a [(NodeProto, i64)]) -> Result<(), ModelError> {
        let mut names = BTreeSet::new();
        for (pb, _) in nodes {
            if !pb.name.is_empty() && !names.insert(pb.name.as_str()) {
                return Err(ModelError::Duplicate {
                    name: shorten(&pb.name),
                });
            }
        }
        let defined: BTreeSet<&str> = self.ids.keys().copied().collect();
        for (pb, opset) in sorted(nodes, &defined) {
            self.step(pb, *opset)?;
        }
        Ok(())
    }

    /// The nodes of a graph within a node, and what its outputs are.
    fn branch(&mut self, graph: &'a GraphProto, opset: i64) -> Result<Vec<ValueId>, ModelError> {
        for given in &graph.initializer {
            let (dtype, constant) = tensor::load(given, &given.name)?;
            let id = self.builder.constant(dtype, constant);
            self.define(&given.name, id)?;
        }
        for pb in &graph.node {
            self.step(pb, opset)?;
        }
        let outputs = graph.output.iter().map(|info| {
            self.id(&info.name).ok_or_else(|| ModelError::Undefined {
                node: self.builder.label(),
                name: shorten(&info.name),
            })
        });
        outputs.collect()
    }

    /// What a node makes. `If` is the branch that its constant condition chooses.
    fn made(&mut self, node: &OnnxNode<'a>) -> Result<Vec<ValueId>, ModelError> {
        let graph = |name: &str| {
            let mut given = node.pb.attribute.iter().filter(|given| given.name == name);
            given.next().and_then(|given| given.g.as_ref())
        };
        if node.pb.attribute.iter().all(|given| given.g.is_none()) {
            return ops::translate(node, &mut self.builder);
        }
        let condition = node.optional(0).filter(|_| node.pb.op_type == "If");
        let condition = condition.and_then(|id| self.builder.value(id)?.ints()?.first().copied());
        let branch = condition.and_then(|condition| match condition {
            0 => graph("else_branch"),
            _ => graph("then_branch"),
        });
        match branch {
            Some(branch) => self.branch(branch, node.opset),
            None => Err(ModelError::Subgraph { node: node.label() }),
        }
    }

    fn step(&mut self, pb: &'a NodeProto, opset: i64) -> Result<(), ModelError> {
        let mut node = OnnxNode {
            pb,
            inputs: Vec::new(),
            opset,
        };
        check_attributes(&node)?;
        for name in &pb.input {
            let id = self.id(name);
            if id.is_none() && !name.is_empty() {
                return Err(ModelError::Undefined {
                    node: node.label(),
                    name: shorten(name),
                });
            }
            node.inputs.push(id);
        }
        let named = pb.output.iter().rposition(|name| !name.is_empty());
        let most = named.map_or(0, |last| last + 1);
        let arity = |expected| {
            let (node, what) = (node.label(), "outputs");
            ModelError::Arity {
                node,
                expected,
                found: most,
                what,
            }
        };
        if most == 0 {
            return Err(arity((1, 1)));
        }
        self.builder.begin(node::own_name(pb), &pb.op_type);
        let made = self.made(&node)?;
        if made.len() < most {
            return Err(arity((1, made.len())));
        }
        let pairs = pb.output.iter().zip(made);
        for (name, id) in pairs.filter(|(name, _)| !name.is_empty()) {
            self.define(name, id)?;
        }
        Ok(())
    }
}

/// Names that the graphs within a node use.
fn inner_names(node: &NodeProto) -> impl Iterator<Item = &String> {
    let graphs = node.attribute.iter().filter_map(|given| given.g.as_ref());
    let mut waiting: Vec<&GraphProto> = graphs.collect();
    let mut names = Vec::new();
    while let Some(graph) = waiting.pop() {
        names.extend(graph.output.iter().map(|info| &info.name));
        for node in &graph.node {
            names.extend(&node.input);
            waiting.extend(node.attribute.iter().filter_map(|given| given.g.as_ref()));
        }
    }
    names.into_iter()
}

/// The nodes in an order in which they can run, that of the file where it is one. Nodes that nothing
/// can come before keep their places, and the translation says what they lack.
fn sorted<'a>(
    nodes: &'a [(NodeProto, i64)],
    defined: &BTreeSet<&str>,
) -> Vec<&'a (NodeProto, i64)> {
    let mut makers = BTreeMap::new();
    for (at, (pb, _)) in nodes.iter().enumerate() {
        for name in pb.output.iter().filter(|name| !name.is_empty()) {
            makers.entry(name.as_str()).or_insert(at);
        }
    }
    let mut order = Vec::with_capacity(nodes.len());
    // 0: not seen, 1: waits for its inputs, 2: in the order.
    let mut states = vec![0u8; nodes.len()];
    for first in 0..nodes.len() {
        let mut waiting = vec![first];
        while let Some(&at) = waiting.last() {
            let Some((node, state)) = nodes.get(at).zip(states.get_mut(at)) else {
                break;
            };
            if *state == 0 {
                *state = 1;
                let inputs = node
                    .0
                    .input
                    .iter()
                    .filter(|name| !defined.contains(name.as_str()));
                let needed = inputs.filter_map(|name| makers.get(name.as_str()).copied());
                let needed: Vec<usize> = needed.collect();
                waiting.extend(
                    needed
                        .iter()
                        .rev()
                        .filter(|at| states.get(**at) == Some(&0)),
                );
                continue;
            }
            waiting.pop();
            if *state == 1 {
                *state = 2;
                order.push(node);
            }
        }
    }
    order
}

/// Each attribute once, and none that refers to a function's.
fn check_attributes(node: &OnnxNode<'_>) -> Result<(), ModelError> {
    let mut seen = BTreeSet::new();
    for attribute in &node.pb.attribute {
        let error =
            |expected, found| Err(node.attribute_error(&shorten(&attribute.name), expected, found));
        if !seen.insert(attribute.name.as_str()) {
            return error("given once", "given twice");
        }
        if !attribute.ref_attr_name.is_empty() {
            return error("a value", "a reference");
        }
    }
    Ok(())
}
