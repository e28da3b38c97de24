//! What a generator file takes and makes, as its graph says.

use dreamlet_onnx::proto::tensor_proto::DataType;
use dreamlet_onnx::proto::tensor_shape_proto::dimension;
use dreamlet_onnx::proto::{ModelProto, ValueInfoProto, type_proto};
use dreamlet_runtime::card::{CARD_KEY, Card};

use super::VerifyError;

/// Inputs and output of a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// Name of the input that takes latent vectors.
    pub latent: String,
    /// Numbers in a latent vector.
    pub latent_len: usize,
    /// Name of the input that takes classes, where there is one.
    pub class: Option<String>,
    /// Name of the output.
    pub output: String,
    /// Channels, rows and columns of an image.
    pub image: [usize; 3],
    /// The card in the metadata, where there is one.
    pub card: Option<Card>,
}

impl Signature {
    /// Reads the signature of `model`: f32 `[N, z]` and perhaps i64 `[N]` in, f32 `[N, C, H, W]` out.
    ///
    /// # Errors
    /// [`VerifyError::Signature`] where it is another, or the card cannot be read.
    pub fn of(model: &ModelProto) -> Result<Self, VerifyError> {
        let wrong = |reason: String| VerifyError::Signature { reason };
        let graph = model
            .graph
            .as_ref()
            .ok_or_else(|| wrong("the file has no graph".into()))?;
        let initialized = |info: &&ValueInfoProto| {
            graph
                .initializer
                .iter()
                .all(|tensor| tensor.name != info.name)
        };
        let inputs: Vec<_> = graph.input.iter().filter(initialized).collect();
        let (latent, class) = match inputs.as_slice() {
            [latent] => (latent, None),
            [latent, class] => (latent, Some(class)),
            _ => {
                return Err(wrong(format!(
                    "the graph has {} inputs, expected a latent and perhaps a class",
                    inputs.len()
                )));
            }
        };
        let (_, latent_dims) = tensor(latent, DataType::Float)?;
        let &[_, Some(latent_len)] = latent_dims.as_slice() else {
            return Err(wrong(format!(
                "the input `{}` has dimensions {latent_dims:?}, expected [N, z]",
                latent.name
            )));
        };
        if let Some(class) = class {
            let (_, dims) = tensor(class, DataType::Int64)?;
            if dims.len() != 1 {
                return Err(wrong(format!(
                    "the input `{}` has dimensions {dims:?}, expected [N]",
                    class.name
                )));
            }
        }
        let [output] = graph.output.as_slice() else {
            return Err(wrong(format!(
                "the graph has {} outputs, expected 1",
                graph.output.len()
            )));
        };
        let (_, dims) = tensor(output, DataType::Float)?;
        let &[_, Some(channels), Some(height), Some(width)] = dims.as_slice() else {
            return Err(wrong(format!(
                "the output `{}` has dimensions {dims:?}, expected [N, C, H, W]",
                output.name
            )));
        };
        let entry = model
            .metadata_props
            .iter()
            .find(|entry| entry.key == CARD_KEY);
        let card = entry.map(|entry| Card::from_json(&entry.value)).transpose();
        Ok(Self {
            latent: latent.name.clone(),
            latent_len,
            class: class.map(|class| class.name.clone()),
            output: output.name.clone(),
            image: [channels, height, width],
            card: card.map_err(|error| wrong(error.to_string()))?,
        })
    }

    /// Numbers of one image.
    #[must_use]
    pub fn image_len(&self) -> usize {
        self.image
            .iter()
            .fold(1, |len: usize, &extent| len.saturating_mul(extent))
    }
}

/// Element type and dimensions of a value, `None` for those that are not a positive number.
fn tensor(
    info: &ValueInfoProto,
    element: DataType,
) -> Result<(DataType, Vec<Option<usize>>), VerifyError> {
    let wrong = |reason: &str| VerifyError::Signature {
        reason: format!("`{}` {reason}", info.name),
    };
    let value = info.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = value else {
        return Err(wrong("has no type"));
    };
    if tensor.elem_type != element as i32 {
        return Err(wrong(&format!(
            "has the element type {}, expected {}",
            tensor.elem_type, element as i32
        )));
    }
    let shape = tensor.shape.as_ref().ok_or_else(|| wrong("has no shape"))?;
    let dims = shape.dim.iter().map(|dim| match &dim.value {
        Some(dimension::Value::DimValue(value)) => {
            usize::try_from(*value).ok().filter(|&value| value > 0)
        }
        _ => None,
    });
    Ok((element, dims.collect()))
}
