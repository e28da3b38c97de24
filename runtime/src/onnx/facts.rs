//! What an engine must know of a generator, from its card, its graph, and what the caller says.

use alloc::format;
use alloc::string::ToString;

use dreamlet_onnx::ModelError;

use super::assumptions::Assumptions;
use super::file::{OnnxFile, OnnxFileError};
use crate::image::{PixelRange, Shape};
use crate::latent::Distribution;

/// What an engine must know beside the graph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// Shape of the image.
    pub shape: Shape,
    /// What black and white are.
    pub range: PixelRange,
    /// What latents are drawn from.
    pub distribution: Distribution,
    /// Number of classes, 0 for an unconditional generator.
    pub classes: usize,
}

impl Assumptions {
    /// What the card and the graph say, completed by these assumptions.
    ///
    /// # Errors
    /// [`OnnxFileError::Missing`] for what none of them says, [`ModelError::Signature`] for what
    /// contradicts the graph.
    pub fn facts(&self, file: &OnnxFile) -> Result<Facts, OnnxFileError> {
        let shape = image_shape(file, self)?;
        shape.check().map_err(|error| ModelError::Signature {
            expected: "an output [N, C, H, W] or [N, H, W, C] with 1 or 3 channels".into(),
            found: format!(
                "[N, {}, {}, {}]: {error}",
                shape.channels, shape.height, shape.width
            ),
        })?;
        let card = file.card.as_ref();
        let inspection = &file.graph.inspection;
        let bounds = inspection.output_range;
        let bounds = bounds.map(|(low, high)| PixelRange { low, high });
        let range = card.map(|card| card.range).or(self.range).or(bounds);
        let range = range.ok_or(OnnxFileError::Missing {
            fact: "what black and white are (no last operator bounds the output to 0..1, -1..1 or 0..255)",
            assumption: "range",
        })?;
        range.check().map_err(|error| ModelError::Signature {
            expected: "a pixel range".into(),
            found: error.to_string(),
        })?;
        let classes = class_count(file, self)?;
        let uniform = inspection.uniform.then_some(Distribution::Uniform);
        let distribution = card
            .map(|card| card.latent.distribution)
            .or(self.distribution)
            .or(uniform)
            .unwrap_or_default();
        Ok(Facts {
            shape,
            range,
            distribution,
            classes,
        })
    }
}

fn image_shape(file: &OnnxFile, assumptions: &Assumptions) -> Result<Shape, OnnxFileError> {
    if let Some(card) = &file.card {
        return Ok(card.image);
    }
    let dims = file.graph.inspection.output_dims.as_slice();
    if let Some(shape) = assumptions.shape {
        let pixels = [shape.channels, shape.height, shape.width];
        if dims == pixels || shape.len().is_some_and(|len| dims == [len]) {
            return Ok(shape);
        }
        let expected = format!("images of {pixels:?}, as was said of the file");
        return Err(OnnxFileError::Graph(ModelError::Signature {
            expected,
            found: format!("{dims:?}"),
        }));
    }
    match *dims {
        [channels, height, width] => Ok(Shape {
            channels,
            height,
            width,
        }),
        _ => Err(OnnxFileError::Missing {
            fact: "the shape of its flat output",
            assumption: "shape",
        }),
    }
}

fn class_count(file: &OnnxFile, assumptions: &Assumptions) -> Result<usize, OnnxFileError> {
    let inspection = &file.graph.inspection;
    if !inspection.conditional {
        return Ok(0);
    }
    let said = match &file.card {
        Some(card) => Some(card.classes.len()),
        None => assumptions.classes,
    };
    match (said, inspection.class_rows) {
        (Some(said), Some(rows)) if said > rows || said == 0 => {
            Err(OnnxFileError::Graph(ModelError::Signature {
                expected: format!("1 to {rows} classes, as the graph has"),
                found: format!("{said}"),
            }))
        }
        (Some(0), None) => Err(OnnxFileError::Graph(ModelError::Signature {
            expected: "at least one class".into(),
            found: "0".into(),
        })),
        (Some(said), _) => Ok(said),
        (None, Some(rows)) => Ok(rows),
        (None, None) => Err(OnnxFileError::Missing {
            fact: "how many classes there are",
            assumption: "classes",
        }),
    }
}
