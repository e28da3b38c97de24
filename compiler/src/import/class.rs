//! What depends on the class alone: a table of what it is for each class.

use dreamlet_onnx::graph::{Graph, ValueId};
use dreamlet_onnx::{Constant, DType, Data, reference};

use crate::CompileError;

/// Most elements of all tables.
const MOST_ELEMENTS: usize = 1 << 26;

/// Values that depend on the class alone, for each class.
pub(super) struct ClassTables {
    /// By value: whether it is one.
    holds: Vec<bool>,
    /// By class and value; only of those that are needed.
    values: Vec<Vec<Option<Constant>>>,
}

impl ClassTables {
    /// Computes truth values and integers, and what floats they lead to at first. What is computed
    /// of such floats is left to layers, whose weights are smaller than tables.
    pub(super) fn new(graph: &Graph, classes: usize) -> Result<Self, CompileError> {
        let mut tables = Self {
            holds: vec![false; graph.values.len()],
            values: Vec::new(),
        };
        let Some(class) = graph.class else {
            return Ok(tables);
        };
        let number = |id: &ValueId| graph.value(*id).is_some_and(|v| v.dtype != DType::F32);
        let fixed = |id: &ValueId| graph.value(*id).is_some_and(|v| v.constant.is_some());
        tables.holds[class] = true;
        let mut nodes = Vec::new();
        for node in &graph.nodes {
            let depends = |id: &ValueId| tables.holds[*id] && number(id);
            let inputs = || node.inputs.iter().filter(|id| !fixed(id));
            if inputs().count() > 0 && inputs().all(depends) {
                tables.holds[node.output] = true;
                nodes.push(node.clone());
            }
        }
        let made = |id: usize| {
            graph
                .value(id)
                .map_or(0, |v| v.shape.iter().product::<usize>())
        };
        let elements: usize = nodes.iter().map(|node| made(node.output)).sum();
        if elements.saturating_mul(classes) > MOST_ELEMENTS {
            return Err(CompileError::TooLarge {
                what: "tables of what depends on the class",
                limit: MOST_ELEMENTS as u64,
                found: elements.saturating_mul(classes) as u64,
            });
        }
        let part = Graph {
            nodes,
            ..graph.clone()
        };
        for class in 0..classes {
            let mut values = reference::run_all(&part, &[], class);
            for (value, holds) in values.iter_mut().zip(&tables.holds) {
                if !holds {
                    *value = None;
                }
            }
            tables.values.push(values);
        }
        Ok(tables)
    }

    /// Whether a value depends on the class alone and is in the tables.
    pub(super) fn holds(&self, id: ValueId) -> bool {
        self.holds.get(id) == Some(&true)
    }

    /// The table of a value, one row a class; `None` where a class leads to no elements, such as a
    /// number beyond a table of the graph.
    pub(super) fn table(&self, id: ValueId) -> Option<Vec<f32>> {
        let mut table = Vec::new();
        for values in &self.values {
            match &values.get(id)?.as_ref()?.data {
                Data::F32(data) => table.extend_from_slice(data),
                Data::I64(data) => table.extend(data.iter().map(|x| *x as f32)),
            }
        }
        Some(table)
    }
}
