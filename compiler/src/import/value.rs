//! What the reader knows of each value of the ONNX graph.

use std::rc::Rc;

use dreamlet_runtime::engine::compiled::format::HwcShape;

use crate::ir::{Net, Op, ValueId, len};

/// Where the elements of an ONNX tensor, taken in its own order, lie in a value of the network.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Order {
    /// In the same order.
    Same,
    /// The tensor is CHW, the value HWC.
    Planar,
    /// Tensor element `i` is value element `positions[i]`.
    Other(Rc<[u32]>),
}

impl Order {
    /// Planar, or the same where there is no difference.
    pub(crate) fn planar(shape: HwcShape) -> Self {
        if shape.channels == 1 || (shape.height == 1 && shape.width == 1) {
            Self::Same
        } else {
            Self::Planar
        }
    }

    /// Position in a value of `shape` of tensor element `i`.
    pub(crate) fn position(&self, shape: HwcShape, i: usize) -> usize {
        match self {
            Self::Same => i,
            Self::Planar => planar_position(shape, i),
            Self::Other(positions) => positions.get(i).map_or(0, |&at| at as usize),
        }
    }

    /// The simplest order with these positions.
    pub(crate) fn of(shape: HwcShape, positions: Vec<u32>) -> Self {
        let is = |order: &Self| {
            let pairs = positions.iter().enumerate();
            pairs
                .into_iter()
                .all(|(i, &at)| order.position(shape, i) == at as usize)
        };
        if is(&Self::Same) {
            Self::Same
        } else if is(&Self::Planar) {
            Self::Planar
        } else {
            Self::Other(positions.into())
        }
    }
}

/// Position in a value of `shape` (HWC) of element `i` in the order channel, row, column.
pub(crate) fn planar_position(shape: HwcShape, i: usize) -> usize {
    let pixels = (shape.height * shape.width) as usize;
    i % pixels * shape.channels as usize + i / pixels
}

/// A tensor that depends on the latent vector or the class.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlacedTensor {
    pub(crate) id: ValueId,
    /// Its dimensions in ONNX, the batch's among them, which is 1.
    pub(crate) dims: Vec<usize>,
    pub(crate) order: Order,
}

/// What a value that depends on an input is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Known {
    /// The class, with dimensions of 1.
    Class,
    Tensor(PlacedTensor),
}

impl PlacedTensor {
    /// The same elements as a value of `shape` in `order`, moved there if they do not lie so.
    fn moved(&self, net: &mut Net, shape: HwcShape, order: Order, origin: &str) -> Self {
        let from = net.shape(self.id);
        if from == shape && self.order == order {
            return self.clone();
        }
        let mut positions = vec![0; len(shape)];
        let mut in_place = true;
        for i in 0..positions.len() {
            let (to, at) = (order.position(shape, i), self.order.position(from, i));
            in_place &= to == at;
            positions[to] = at as u32;
        }
        let op = Op::Reorder((!in_place).then_some(positions));
        Self {
            id: net.push(op, vec![self.id], shape, origin),
            dims: self.dims.clone(),
            order,
        }
    }

    /// As a vector in the tensor's own order.
    pub(crate) fn vector(&self, net: &mut Net, origin: &str) -> Self {
        let shape = HwcShape::vector(len(net.shape(self.id)) as u32);
        self.moved(net, shape, Order::Same, origin)
    }

    /// As an image of the dimensions `[1, channels, rows, columns]`, if it has such.
    pub(crate) fn map(&self, net: &mut Net, origin: &str) -> Option<Self> {
        let &[1, channels, height, width] = self.dims.as_slice() else {
            return None;
        };
        let shape = map_shape(channels, height, width);
        Some(self.moved(net, shape, Order::planar(shape), origin))
    }
}

/// A shape from sizes that the check has bounded.
pub(crate) fn map_shape(channels: usize, height: usize, width: usize) -> HwcShape {
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    HwcShape {
        height: size(height),
        width: size(width),
        channels: size(channels),
    }
}
