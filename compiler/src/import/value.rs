//! What the importer knows of each value of the ONNX graph.

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

impl PlacedTensor {
    /// The same elements as a value of `shape` in `order`, moved there if they do not lie so.
    pub(crate) fn moved(&self, net: &mut Net, shape: HwcShape, order: Order, origin: &str) -> Self {
        let from = net.shape(self.id);
        if from == shape && self.order == order {
            return self.clone();
        }
        let mut positions = vec![0; len(shape)];
        // The first of more elements are a part, which is taken by its positions.
        let mut in_place = len(from) == len(shape);
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

/// Where an operand's elements lie: the first, and distances along each dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) first: i64,
    pub(crate) strides: Vec<i64>,
}

impl View {
    /// Of a tensor in its own order.
    pub(crate) fn row_major(dims: &[usize]) -> Self {
        let mut next = 1;
        let strides = dims.iter().rev().map(|dim| {
            let stride = next;
            next *= *dim as i64;
            stride
        });
        let mut strides: Vec<i64> = strides.collect();
        strides.reverse();
        Self { first: 0, strides }
    }
}

impl PlacedTensor {
    /// Whether its elements are those of its value, each once.
    pub(crate) fn is_whole(&self, shape: HwcShape) -> bool {
        let count: usize = self.dims.iter().product();
        if count != len(shape) {
            return false;
        }
        let Order::Other(positions) = &self.order else {
            return true;
        };
        let mut seen = vec![false; count];
        for at in positions.iter() {
            seen[*at as usize] = true;
        }
        seen.iter().all(|seen| *seen)
    }

    /// Its elements by strides, if they lie so.
    pub(crate) fn view(&self, shape: HwcShape) -> Option<View> {
        if self.order == Order::Same {
            return Some(View::row_major(&self.dims));
        }
        let own = View::row_major(&self.dims).strides;
        let at = |i: usize| self.order.position(shape, i) as i64;
        let first = at(0);
        let pairs = self.dims.iter().zip(&own);
        let strides = pairs.map(|(dim, own)| match dim {
            0 | 1 => 0,
            _ => at(*own as usize) - first,
        });
        let view = View {
            first,
            strides: strides.collect(),
        };
        let count: usize = self.dims.iter().product();
        let lies = |i: usize| {
            let pairs = self.dims.iter().zip(&own).zip(&view.strides);
            let steps = pairs.map(|((dim, own), stride)| (i as i64 / own) % *dim as i64 * stride);
            at(i) == first + steps.sum::<i64>()
        };
        (0..count).all(lies).then_some(view)
    }
}

/// Where a tensor's elements lie: the first, and for each dimension the parts that it has in memory,
/// sizes and strides, the innermost last. A reshaped image has dimensions of several parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) first: i64,
    pub(crate) dims: Vec<Vec<(usize, i64)>>,
}

impl Parts {
    /// One part for each dimension.
    pub(crate) fn of(view: &View, dims: &[usize]) -> Self {
        let parts = dims.iter().zip(&view.strides);
        Self {
            first: view.first,
            dims: parts.map(|(dim, stride)| vec![(*dim, *stride)]).collect(),
        }
    }
}

impl PlacedTensor {
    /// Its elements by strides along parts of its dimensions, if they lie so.
    pub(crate) fn parts(&self, shape: HwcShape) -> Option<Parts> {
        if let Some(view) = self.view(shape) {
            return Some(Parts::of(&view, &self.dims));
        }
        let own = View::row_major(&self.dims).strides;
        let at = |i: usize| self.order.position(shape, i) as i64;
        let first = at(0);
        let dims = self.dims.iter().zip(&own).map(|(&dim, &own)| {
            let mut parts = Vec::new();
            let (mut unit, mut rest) = (1, dim);
            while rest > 1 {
                let place = |i: usize| at(i * unit * own as usize) - first;
                let stride = place(1);
                let run = (1..rest).find(|&i| place(i) != i as i64 * stride);
                let run = run.unwrap_or(rest);
                let size = (2..=run).rev().find(|size| rest.is_multiple_of(*size))?;
                parts.insert(0, (size, stride));
                unit *= size;
                rest /= size;
            }
            Some(parts)
        });
        let dims: Vec<Vec<(usize, i64)>> = dims.collect::<Option<_>>()?;
        // The last dimension fastest, and of each the last part.
        let mut places = vec![first];
        for &(size, stride) in dims.iter().flatten() {
            let steps = |from: i64| (0..size as i64).map(move |i| from + i * stride);
            places = places.into_iter().flat_map(steps).collect();
        }
        let lies = places.iter().enumerate().all(|(i, place)| at(i) == *place);
        lies.then_some(Parts { first, dims })
    }
}

/// Cuts the dimensions of all tensors into the same parts: their sizes, how many parts each
/// dimension has, and each tensor by strides along them. `None` where parts do not fit each other.
pub(crate) fn common_parts(
    dims: &[usize],
    tensors: &[Parts],
) -> Option<(Vec<usize>, Vec<usize>, Vec<View>)> {
    let (mut sizes, mut counts) = (Vec::new(), Vec::new());
    let mut views: Vec<View> = tensors
        .iter()
        .map(|parts| View {
            first: parts.first,
            strides: Vec::new(),
        })
        .collect();
    for (at, &dim) in dims.iter().enumerate() {
        // Elements of the dimension from one index of a part to the next.
        let mut units = vec![1, dim];
        for tensor in tensors {
            let mut unit = 1;
            for (size, _) in tensor.dims.get(at)?.iter().rev() {
                unit *= size;
                units.push(unit);
            }
        }
        units.sort_unstable();
        units.dedup();
        if units
            .windows(2)
            .any(|pair| !pair[1].is_multiple_of(pair[0]))
        {
            return None;
        }
        let parts = units.windows(2).rev();
        let before = sizes.len();
        sizes.extend(parts.clone().map(|pair| pair[1] / pair[0]));
        if dim == 1 {
            sizes.push(1);
        }
        counts.push(sizes.len() - before);
        for (tensor, view) in tensors.iter().zip(&mut views) {
            let strides = parts.clone().map(|pair| {
                let mut unit = 1;
                for (size, stride) in tensor.dims[at].iter().rev() {
                    if unit * size > pair[0] {
                        return stride * (pair[0] / unit) as i64;
                    }
                    unit *= size;
                }
                0
            });
            view.strides.extend(strides);
            if dim == 1 {
                view.strides.push(0);
            }
        }
    }
    Some((sizes, counts, views))
}

/// Where a tensor of such dimensions usually lies: images in the order HWC, others in their own,
/// with the last dimension as channels.
pub(crate) fn usual(dims: &[usize]) -> (HwcShape, Order) {
    if let [1, channels, height, width] = *dims {
        let shape = map_shape(channels, height, width);
        return (shape, Order::planar(shape));
    }
    let count: usize = dims.iter().product();
    let last = match dims {
        [.., _, last] if *last > 0 => *last,
        _ => count,
    };
    (map_shape(last, 1, count / last.max(1)), Order::Same)
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
