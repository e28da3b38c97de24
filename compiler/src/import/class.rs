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
        let number = |id: ValueId| graph.value(id).is_some_and(|v| v.dtype != DType::F32);
        let fixed = |id: ValueId| graph.value(id).is_some_and(|v| v.constant.is_some());
        let mut alone = vec![false; graph.values.len()];
        alone[class] = true;
        for node in &graph.nodes {
            let mut inputs = node.inputs.iter().filter(|id| !fixed(**id)).peekable();
            alone[node.output] = inputs.peek().is_some() && inputs.all(|id| alone[*id]);
        }
        // Floats that numbers are made of, as where a negative class is turned around.
        let mut leads = vec![false; graph.values.len()];
        for node in graph.nodes.iter().rev() {
            if alone[node.output] && (number(node.output) || leads[node.output]) {
                for id in &node.inputs {
                    leads[*id] = true;
                }
            }
        }
        tables.holds[class] = true;
        let mut nodes = Vec::new();
        for node in &graph.nodes {
            let output = node.output;
            let of_numbers = || node.inputs.iter().all(|id| fixed(*id) || number(*id));
            if alone[output] && (number(output) || leads[output] || of_numbers()) {
                tables.holds[output] = true;
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
