//! The forward pass as burn recorded it, and which of its extents are the batch.

use std::collections::{BTreeMap, HashMap, HashSet};

use burn::backend::ir::{IrVisitorMut, NumericOperationIr, OperationIr, TensorId, TensorIr};
use burn::tensor::{Device, Int, Shape, Slice, Tensor, TensorData};

use super::ExportError;
use super::names::{CLASS, LATENT};

/// The two batch sizes that are recorded: lengths that no other extent is likely to have, since
/// burn records less where shapes happen to be equal. Nothing is computed, so large ones cost
/// nothing.
const BATCHES: [usize; 2] = [61, 67];

/// Length of one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// The same at every batch size.
    Fixed(usize),
    /// Grows with the batch.
    Batch,
}

/// A recorded forward pass: operations in order that the image depends on, and the values of
/// constants.
pub(super) struct Trace {
    pub(super) operations: Vec<OperationIr>,
    pub(super) values: BTreeMap<TensorId, TensorData>,
    pub(super) extents: HashMap<TensorId, Vec<Extent>>,
    pub(super) latent: TensorId,
    pub(super) class: Option<TensorId>,
    pub(super) image: TensorId,
}

/// One recording at one batch size.
struct Recording {
    operations: Vec<OperationIr>,
    values: BTreeMap<TensorId, TensorData>,
    latent: TensorIr,
    class: Option<TensorIr>,
    image: TensorIr,
}

/// Records `forward` at two batch sizes and compares the recordings.
pub(super) fn capture(
    latent_len: usize,
    classes: Option<usize>,
    forward: impl Fn(&Device, Tensor<2>, Option<Tensor<1, Int>>) -> Tensor<4>,
) -> Result<Trace, ExportError> {
    for (input, len) in [(LATENT, Some(latent_len)), (CLASS, classes)] {
        if len == Some(0) {
            return Err(ExportError::EmptyInput { input });
        }
    }
    let [small, large] = BATCHES;
    let a = record(small, latent_len, classes, &forward)?;
    let b = record(large, latent_len, classes, &forward)?;
    compare(a, b)
}

fn record(
    batch: usize,
    latent_len: usize,
    classes: Option<usize>,
    forward: &impl Fn(&Device, Tensor<2>, Option<Tensor<1, Int>>) -> Tensor<4>,
) -> Result<Recording, ExportError> {
    let device = Device::capture();
    let captured = device
        .capture_scope(|scope| {
            let latent = TensorData::new(vec![0.0f32; batch * latent_len], [batch, latent_len]);
            let latent = Tensor::<2>::from_data(latent, &device);
            let class = classes.map(|_| {
                Tensor::<1, Int>::from_data(TensorData::new(vec![0i64; batch], [batch]), &device)
            });
            // Tensors do not tell their identity without burn's `extension` feature. The inputs are
            // the first tensors of the recording, and a last operation whose result nobody uses
            // marks the output.
            drop(forward(&device, latent, class).abs());
            scope.complete([], [])
        })
        .map_err(|error| ExportError::Capture {
            reason: error.to_string(),
        })?;
    let mut operations = captured.graph.operations;
    let lost = || ExportError::Capture {
        reason: "the recording does not begin with the inputs and end with the image".into(),
    };
    let input = |at: usize| match operations.get(at) {
        Some(OperationIr::Init(init)) => Ok(init.out.clone()),
        _ => Err(lost()),
    };
    let image = match operations.last() {
        Some(OperationIr::NumericFloat(_, NumericOperationIr::Abs(mark))) => mark.input.clone(),
        _ => return Err(lost()),
    };
    let latent = input(0)?;
    let class = classes.map(|_| input(1)).transpose()?;
    // Constants are read from their values; the order in which a module moves them to a device
    // means nothing.
    operations.retain(|operation| !matches!(operation, OperationIr::Init(_)));
    Ok(Recording {
        operations,
        values: captured.values,
        latent,
        class,
        image,
    })
}

fn compare(a: Recording, b: Recording) -> Result<Trace, ExportError> {
    let image = a.image.id;
    let live_a = live(a.operations, image);
    let live_b = live(b.operations, b.image.id);
    let mut pairs = vec![(a.latent.clone(), b.latent), (a.image, b.image)];
    pairs.extend(a.class.clone().zip(b.class));
    for (left, right) in live_a.iter().zip(&live_b) {
        if blank(left) != blank(right) {
            return Err(ExportError::BatchDependent {
                what: format!("the operation {}", name(left)),
            });
        }
        let nodes = left.nodes().into_iter().zip(right.nodes());
        pairs.extend(nodes.map(|(left, right)| (left.clone(), right.clone())));
    }
    let (count_a, count_b) = (live_a.len(), live_b.len());
    if count_a != count_b {
        return Err(ExportError::BatchDependent {
            what: format!("the number of operations, {count_a} and {count_b}"),
        });
    }
    let mut extents = HashMap::new();
    for (left, right) in pairs {
        let inputs = [Some(a.latent.id), a.class.as_ref().map(|class| class.id)];
        if !inputs.contains(&Some(left.id)) && a.values.get(&left.id) != b.values.get(&right.id) {
            return Err(ExportError::BatchDependent {
                what: format!("a constant of shape {:?}", left.shape),
            });
        }
        let axes = left.shape.iter().zip(right.shape.iter());
        let axes = axes.map(|(&x, &y)| match x == y {
            true => Extent::Fixed(x),
            false => Extent::Batch,
        });
        extents.insert(left.id, axes.collect());
    }
    Ok(Trace {
        operations: live_a,
        values: a.values,
        extents,
        latent: a.latent.id,
        class: a.class.map(|class| class.id),
        image,
    })
}

/// The operations that `image` depends on, in order.
fn live(operations: Vec<OperationIr>, image: TensorId) -> Vec<OperationIr> {
    let mut needed = HashSet::from([image]);
    let mut kept = operations;
    kept.reverse();
    kept.retain(|operation| {
        let keep = operation.outputs().any(|out| needed.contains(&out.id));
        if keep {
            needed.extend(operation.inputs().map(|input| input.id));
        }
        keep
    });
    kept.reverse();
    kept
}

/// The operation without what may differ between recordings: identities, shapes and slice bounds.
fn blank(operation: &OperationIr) -> OperationIr {
    struct Blank;
    impl IrVisitorMut for Blank {
        fn visit_tensor_mut(&mut self, tensor: &mut TensorIr) {
            *tensor = TensorIr::uninit(TensorId::new(0), Shape::new([0; 0]), tensor.dtype);
        }
        fn visit_range_mut(&mut self, range: &mut Slice) {
            *range = Slice::new(0, None, range.step);
        }
    }
    let mut operation = operation.clone();
    operation.visit_mut(&mut Blank);
    operation
}

/// An operation's name as burn calls it: its innermost variant.
pub(super) fn name(operation: &OperationIr) -> String {
    let text = format!("{operation:?}");
    let head = text.split('{').next().unwrap_or_default();
    let words = head.split(|c: char| !c.is_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    // The last word is the type of the operation's fields, the one before it the variant.
    let variant = words.iter().nth_back(1).or(words.first());
    variant.copied().unwrap_or("?").to_owned()
}
