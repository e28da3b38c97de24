//! The network so far, and what is known of the graph.

use dreamlet_onnx::{Constant, Data};
use dreamlet_runtime::engine::compiled::format::HwcShape;

use super::class::ClassTables;
use super::node::NodeReader;
use super::value::{Order, PlacedTensor, map_shape, usual};
use crate::CompileError;
use crate::ir::{Net, Op, ValueId};

/// What is known of the graph so far.
pub(super) struct Importer {
    pub(super) net: Net,
    /// By value of the graph; nothing for constants and for what is in the tables.
    pub(super) known: Vec<Option<PlacedTensor>>,
    pub(super) tables: ClassTables,
}

/// An operand of a layer: computed, or a constant.
#[derive(Clone, Debug)]
pub(super) enum Operand {
    Tensor(PlacedTensor),
    Constant(Vec<usize>, Vec<f32>),
}

impl Operand {
    pub(super) fn dims(&self) -> &[usize] {
        match self {
            Self::Tensor(data) => &data.dims,
            Self::Constant(dims, _) => dims,
        }
    }

    /// The number that it is everywhere, if it is one.
    pub(super) fn number(&self) -> Option<f32> {
        let Self::Constant(_, all) = self else {
            return None;
        };
        let first = *all.first()?;
        all.iter()
            .all(|x| x.to_bits() == first.to_bits())
            .then_some(first)
    }
}

impl Importer {
    /// Input `at` as something that is computed.
    pub(super) fn data(
        &mut self,
        node: &NodeReader<'_>,
        at: usize,
    ) -> Result<PlacedTensor, CompileError> {
        let id = node
            .id(at)
            .ok_or_else(|| node.refuse(format!("its input {at} is missing")))?;
        if let Some(data) = self.known.get(id).cloned().flatten() {
            return Ok(data);
        }
        let dims = node
            .value(at)
            .map(|value| value.shape.clone())
            .unwrap_or_default();
        let shape = HwcShape::vector(u32::try_from(dims.iter().product::<usize>()).unwrap_or(0));
        let (op, inputs) = if self.tables.holds(id) {
            let table = self.tables.table(id).ok_or_else(|| {
                node.refuse(format!(
                    "{} classes were named, the graph has no room for all of them",
                    self.net.classes
                ))
            })?;
            (Op::Lookup { table }, Vec::new())
        } else if let Some(constant) = node.fixed(at) {
            // A constant is the bias of a layer that multiplies with nothing.
            let floats = numbers(constant);
            let scale = vec![0.0; floats.len()];
            let first = self.spread(shape, &node.label());
            (
                Op::Affine {
                    scale,
                    shift: floats,
                },
                vec![first],
            )
        } else {
            return Err(node.refuse(format!("its input {at} is not computed")));
        };
        let data = PlacedTensor {
            id: self.net.push(op, inputs, shape, &node.label()),
            dims,
            order: Order::Same,
        };
        self.known[id] = Some(data.clone());
        Ok(data)
    }

    /// A vector of any elements.
    fn spread(&mut self, shape: HwcShape, origin: &str) -> ValueId {
        let positions = vec![0; crate::ir::len(shape)];
        self.net.push(
            Op::Reorder(Some(positions)),
            vec![self.net.latent],
            shape,
            origin,
        )
    }

    /// Input `at`, computed or not.
    pub(super) fn operand(
        &mut self,
        node: &NodeReader<'_>,
        at: usize,
    ) -> Result<Operand, CompileError> {
        match node.fixed(at) {
            Some(constant) => Ok(Operand::Constant(constant.shape.clone(), numbers(constant))),
            None => self.data(node, at).map(Operand::Tensor),
        }
    }

    /// All inputs.
    pub(super) fn operands(&mut self, node: &NodeReader<'_>) -> Result<Vec<Operand>, CompileError> {
        (0..node.node.inputs.len())
            .map(|at| self.operand(node, at))
            .collect()
    }

    /// Input `at` as an image, and its shape.
    pub(super) fn map(
        &mut self,
        node: &NodeReader<'_>,
        at: usize,
    ) -> Result<(PlacedTensor, HwcShape), CompileError> {
        let data = self.data(node, at)?;
        let map = data.map(&mut self.net, &node.label()).ok_or_else(|| {
            node.refuse(format!(
                "its input has dimensions {:?}, [1, channels, height, width] were expected",
                data.dims
            ))
        })?;
        self.remember(node, at, &map);
        let shape = self.net.shape(map.id);
        Ok((map, shape))
    }

    /// Later nodes find the tensor where it was moved to, so that it is moved once.
    pub(super) fn remember(&mut self, node: &NodeReader<'_>, at: usize, data: &PlacedTensor) {
        if let Some(id) = node.id(at) {
            self.known[id] = Some(data.clone());
        }
    }

    /// A tensor of which every element of its value is one, in the usual place of its dimensions if
    /// it is not such.
    pub(super) fn whole(&mut self, node: &NodeReader<'_>, data: &PlacedTensor) -> PlacedTensor {
        if data.is_whole(self.net.shape(data.id)) {
            return data.clone();
        }
        let (shape, order) = usual(&data.dims);
        data.moved(&mut self.net, shape, order, &node.label())
    }

    /// Adds a node whose result is an image, of the shape that the graph says.
    pub(super) fn push_map(
        &mut self,
        node: &NodeReader<'_>,
        op: Op,
        inputs: Vec<ValueId>,
    ) -> PlacedTensor {
        let dims = node.shape();
        let shape = match *dims.as_slice() {
            [_, channels, height, width] => map_shape(channels, height, width),
            _ => map_shape(dims.iter().product(), 1, 1),
        };
        let id = self.net.push(op, inputs, shape, &node.label());
        PlacedTensor {
            id,
            dims,
            order: Order::planar(shape),
        }
    }
}

/// The elements as f32; truth values are 0 and 1.
pub(super) fn numbers(constant: &Constant) -> Vec<f32> {
    match &constant.data {
        Data::F32(data) => data.clone(),
        Data::I64(data) => data.iter().map(|x| *x as f32).collect(),
    }
}
