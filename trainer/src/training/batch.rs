//! What a step takes: images with their classes, and where the run stands.

use burn::tensor::{Device, Int, Tensor, TensorData};
use dreamlet_runtime::image::PixelRange;

use crate::config::Config;
use crate::data::{Dataset, Split, value_of_byte};

/// One batch of training images.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[N, C, H, W]` in the range of the generator.
    pub pixels: Tensor<4>,
    /// `[N]`, where the images have labels.
    pub classes: Option<Tensor<1, Int>>,
}

impl Batch {
    /// The first `count` images of the test split, with their labels for a conditional model.
    pub(super) fn of_test(config: &Config, data: &Dataset, count: usize, device: &Device) -> Self {
        let rows = data.test.len().min(count);
        let image = data.channels * data.height * data.width;
        let pixels = data.test.pixels().get(..rows * image).unwrap_or_default();
        let shape = [rows, data.channels, data.height, data.width];
        Self {
            pixels: image_tensor(pixels, shape, range(config), device),
            classes: label_tensor(config, &data.test, 0..rows, device),
        }
    }
}

/// Where a run stands, as far as a step depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepContext {
    /// How much of the run is done, 0 to 1.
    pub fraction: f64,
    /// Probability of differentiable augmentation.
    pub augment: f64,
}

/// The values of black and white that the generator of `config` makes.
pub(crate) fn range(config: &Config) -> PixelRange {
    let (low, high) = config.model.output.range();
    PixelRange { low, high }
}

/// Class numbers as the data of a tensor `[N]`.
pub(super) fn class_data<C: TryInto<i64>>(classes: impl IntoIterator<Item = C>) -> TensorData {
    let values = classes
        .into_iter()
        .map(|class| class.try_into().unwrap_or(0));
    let values: Vec<i64> = values.collect();
    let count = values.len();
    TensorData::new(values, [count])
}

/// Class numbers as a tensor `[N]`.
pub(crate) fn class_tensor<C: TryInto<i64>>(
    classes: impl IntoIterator<Item = C>,
    device: &Device,
) -> Tensor<1, Int> {
    Tensor::from_data(class_data(classes), device)
}

/// The classes of images number `first` and on, `[count]`: all of them in turn; `None` where there
/// are none.
pub(crate) fn classes_in_turn(
    first: usize,
    count: usize,
    classes: usize,
    device: &Device,
) -> Option<Tensor<1, Int>> {
    let in_turn = (first..first + count).map(|index| index % classes.max(1));
    (classes > 0).then(|| class_tensor(in_turn, device))
}

/// The labels of the images `indices` of a split; `None` for an unconditional model, or without
/// labels.
pub(super) fn labels(
    config: &Config,
    split: &Split,
    indices: impl Iterator<Item = usize>,
) -> Option<impl Iterator<Item = usize>> {
    split.labels().filter(|_| config.model.classes > 0)?;
    Some(indices.map(|index| split.label(index).map_or(0, usize::from)))
}

/// [`labels`] as a tensor, `[N]`.
pub(crate) fn label_tensor(
    config: &Config,
    split: &Split,
    indices: impl Iterator<Item = usize>,
    device: &Device,
) -> Option<Tensor<1, Int>> {
    Some(class_tensor(labels(config, split, indices)?, device))
}

/// Planar images as a tensor in `range`.
pub(crate) fn image_tensor(
    pixels: &[u8],
    shape: [usize; 4],
    range: PixelRange,
    device: &Device,
) -> Tensor<4> {
    let values = pixels.iter().map(|byte| value_of_byte(range, *byte));
    Tensor::from_data(TensorData::new(values.collect(), shape), device)
}
