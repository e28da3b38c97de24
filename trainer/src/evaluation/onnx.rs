//! Features from an ONNX file that the user names: `[N, C, H, W]` to `[N, F]`.

use std::path::{Path, PathBuf};

use dreamlet_onnx::DType;
use dreamlet_onnx::proto::Message as _;
use dreamlet_onnx::proto::{ModelProto, ValueInfoProto};
use dreamlet_runtime::image::PixelRange;
use ort::session::Session;
use ort::value::Tensor as OrtTensor;
use tract_onnx::prelude::*;

use super::error::EvaluationError;
use super::matrix::Matrix;
use crate::atomic_file::sha256;
use crate::data::Progress;
use crate::export::verify::onnxruntime;

/// Images in a call.
const BATCH: usize = 32;

/// Largest file, in bytes: what a protobuf message can have.
const LIMIT: u64 = 1 << 31;

enum NetworkEngine {
    OnnxRuntime {
        session: Box<Session>,
        input: String,
    },
    Tract {
        model: InferenceModel,
        plan: Option<(usize, Arc<TypedRunnableModel>)>,
    },
}

/// An extractor from a file.
pub(crate) struct OnnxExtractor {
    engine: NetworkEngine,
    path: PathBuf,
    /// Channels, rows and columns it takes; `None` for any.
    dims: [Option<usize>; 3],
    /// A fixed batch, if the file has one.
    batch: Option<usize>,
    /// Of the pixels that it is given.
    pub range: PixelRange,
    /// The file's name.
    pub name: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// `onnxruntime` or `tract`.
    pub engine_name: &'static str,
}

impl OnnxExtractor {
    /// Opens a file, with onnxruntime where its library is found, else with tract. Images are given
    /// to it in `range`.
    ///
    /// # Errors
    /// [`EvaluationError::Extractor`] says what was expected of the file and what was found.
    pub(crate) fn open(path: &Path, range: PixelRange) -> Result<Self, EvaluationError> {
        let wrong = |expected: &str, found: String| EvaluationError::Extractor {
            path: path.to_owned(),
            expected: expected.to_owned(),
            found,
        };
        let unreadable = |error: std::io::Error| wrong("an ONNX file", error.to_string());
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > LIMIT {
            return Err(wrong("a file of at most 2 GB", format!("{size} bytes")));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let model = ModelProto::decode(bytes.as_slice())
            .map_err(|error| wrong("an ONNX file", error.to_string()))?;
        let graph = model.graph.as_ref();
        let graph = graph.ok_or_else(|| wrong("an ONNX file", "no graph".into()))?;
        let inputs: Vec<&ValueInfoProto> = graph.real_inputs().collect();
        let &[input] = inputs.as_slice() else {
            let found = format!("{} inputs", inputs.len());
            return Err(wrong("one input [N, C, H, W]", found));
        };
        let [batch, channels, height, width] = shape(input)
            .and_then(|dims| <[Option<usize>; 4]>::try_from(dims).ok())
            .ok_or_else(|| wrong("one input [N, C, H, W] of 32-bit floats", describe(input)))?;
        if !matches!(channels, None | Some(1 | 3)) || height == Some(0) || width == Some(0) {
            return Err(wrong("an input with 1 or 3 channels", describe(input)));
        }
        let (engine, engine_name) = match onnxruntime::session(&bytes) {
            Ok(session) => {
                let input = input.name.clone();
                let session = Box::new(session);
                (NetworkEngine::OnnxRuntime { session, input }, "onnxruntime")
            }
            Err(_) => {
                let model = onnx()
                    .with_ignore_value_info(true)
                    .model_for_read(&mut bytes.as_slice())
                    .map_err(|error| wrong("a file that tract can read", format!("{error:#}")))?;
                (NetworkEngine::Tract { model, plan: None }, "tract")
            }
        };
        Ok(Self {
            engine,
            path: path.to_owned(),
            dims: [channels, height, width],
            batch,
            range,
            name: path
                .file_name()
                .map_or(String::new(), |name| name.to_string_lossy().into_owned()),
            sha256: sha256(&bytes),
            engine_name,
        })
    }

    /// Features of planar images of `shape`; they are scaled bilinearly to what the file takes, and
    /// grey is repeated or colour made grey where it must be.
    ///
    /// # Errors
    /// [`EvaluationError::Net`] where the engine fails, [`EvaluationError::Extractor`] for an
    /// output that is not `[N, F]`.
    pub(crate) fn run(
        &mut self,
        pixels: &[u8],
        shape: [usize; 3],
        progress: &dyn Progress,
    ) -> Result<Matrix, EvaluationError> {
        let to: [usize; 3] = std::array::from_fn(|at| self.dims[at].unwrap_or(shape[at]));
        let batch = self.batch.unwrap_or(BATCH);
        let image_len = shape.iter().product::<usize>().max(1);
        let (mut features, mut feature_width) = (Vec::new(), 0);
        for images in pixels.chunks(batch * image_len) {
            let rows = images.len() / image_len;
            let images = images.chunks_exact(image_len);
            let converted = images.flat_map(|image| convert(image, shape, to, self.range));
            let mut input: Vec<f32> = converted.collect();
            // A file with a fixed batch gets it filled up.
            let given = self.batch.unwrap_or(rows);
            input.resize(given * to.iter().product::<usize>(), 0.0);
            let (dims, mut values) = self.call(input, [given, to[0], to[1], to[2]])?;
            feature_width = match *dims {
                [n, width, ref rest @ ..] if n == given && rest.iter().all(|d| *d == 1) => width,
                _ => 0,
            };
            if feature_width == 0 {
                return Err(EvaluationError::Extractor {
                    path: self.path.clone(),
                    expected: format!("an output [{given}, F]"),
                    found: format!("{dims:?}"),
                });
            }
            values.truncate(rows * feature_width);
            features.extend(values);
            progress.advance(rows as u64);
        }
        Ok(Matrix::new(features, feature_width))
    }

    fn call(
        &mut self,
        input: Vec<f32>,
        shape: [usize; 4],
    ) -> Result<(Vec<usize>, Vec<f32>), EvaluationError> {
        let failed = |reason: String| EvaluationError::Net {
            net: "the extractor",
            reason,
        };
        match &mut self.engine {
            NetworkEngine::OnnxRuntime {
                session,
                input: name,
            } => {
                let run = || -> ort::Result<(Vec<usize>, Vec<f32>)> {
                    let tensor = OrtTensor::from_array((shape, input))?;
                    let outputs = session.run(vec![(name.clone(), tensor)])?;
                    let output = outputs.iter().next();
                    let (_, output) = output.ok_or_else(|| ort::Error::new("no output"))?;
                    let (dims, values) = output.try_extract_tensor::<f32>()?;
                    let dims = dims.iter().map(|d| usize::try_from(*d).unwrap_or(0));
                    Ok((dims.collect(), values.to_vec()))
                };
                run().map_err(|error| failed(error.to_string()))
            }
            NetworkEngine::Tract { model, plan } => {
                let mut run = || -> TractResult<(Vec<usize>, Vec<f32>)> {
                    let ready = match plan.take().filter(|(batch, _)| *batch == shape[0]) {
                        Some((_, ready)) => ready,
                        None => {
                            let mut model = model.clone();
                            model.set_input_fact(0, f32::fact(shape).into())?;
                            model.into_optimized()?.into_runnable()?
                        }
                    };
                    let input = Tensor::from_shape(&shape, &input)?.into_tvalue();
                    let outputs = ready.run(tvec![input])?;
                    *plan = Some((shape[0], ready));
                    let output = outputs.first();
                    let output = output.ok_or_else(|| TractError::msg("no output"))?;
                    let values = output.to_plain_array_view::<f32>()?;
                    let values = values.iter().copied().collect();
                    Ok((output.shape().to_vec(), values))
                };
                run().map_err(|error| failed(format!("{error:#}")))
            }
        }
    }
}

/// The dimensions of an f32 value; `None` in them where the file leaves one open.
fn shape(value: &ValueInfoProto) -> Option<Vec<Option<usize>>> {
    let (code, dims) = value.declared()?;
    let dims = dims.into_iter().map(|dim| usize::try_from(dim?).ok());
    (code == DType::F32.code()).then(|| dims.collect())
}

fn describe(value: &ValueInfoProto) -> String {
    let name = &value.name;
    let Some(dims) = shape(value) else {
        return format!("the input {name} of another type or without a shape");
    };
    let dims = dims.iter().map(|d| d.map_or("?".into(), |d| d.to_string()));
    format!("the input {name} [{}]", dims.collect::<Vec<_>>().join(", "))
}

/// One planar image from one shape to another, with values in `range`.
fn convert(image: &[u8], from: [usize; 3], to: [usize; 3], range: PixelRange) -> Vec<f32> {
    let plane_len = (from[1] * from[2]).max(1);
    let number = |byte: f32| range.low + (range.high - range.low) * byte / 255.0;
    let mut planes: Vec<Vec<f32>> = image
        .chunks_exact(plane_len)
        .map(|plane| plane.iter().map(|byte| f32::from(*byte)).collect())
        .collect();
    if let ([red, green, blue], 1) = (planes.as_slice(), to[0]) {
        // The luma weights of ITU-R BT.601.
        let pixels = red.iter().zip(green).zip(blue);
        let grey = pixels.map(|((r, g), b)| 0.299 * r + 0.587 * g + 0.114 * b);
        planes = vec![grey.collect()];
    }
    (0..to[0])
        .filter_map(|channel| planes.get(channel.min(planes.len().saturating_sub(1))))
        .flat_map(|plane| resize(plane, [from[1], from[2]], [to[1], to[2]]))
        .map(number)
        .collect()
}

/// Bilinear interpolation with half-pixel centres, the edge repeated.
fn resize(plane: &[f32], from: [usize; 2], to: [usize; 2]) -> Vec<f32> {
    if from == to {
        return plane.to_vec();
    }
    let neighbours = |from: usize, to: usize| -> Vec<(usize, usize, f32)> {
        let scale = from as f32 / to as f32;
        let last = from.saturating_sub(1);
        (0..to)
            .map(|i| {
                let at = ((i as f32 + 0.5) * scale - 0.5).clamp(0.0, last as f32);
                (at as usize, (at as usize + 1).min(last), at.fract())
            })
            .collect()
    };
    let (rows, columns) = (neighbours(from[0], to[0]), neighbours(from[1], to[1]));
    let at = |y: usize, x: usize| plane.get(y * from[1] + x).copied().unwrap_or(0.0);
    let mut out = Vec::with_capacity(to[0] * to[1]);
    for (top, bottom, down) in rows {
        for (left, right, across) in &columns {
            let above = at(top, *left) + (at(top, *right) - at(top, *left)) * across;
            let below = at(bottom, *left) + (at(bottom, *right) - at(bottom, *left)) * across;
            out.push(above + (below - above) * down);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_brought_to_what_a_file_takes() {
        let same = convert(&[0, 255, 51, 102], [1, 2, 2], [1, 2, 2], PixelRange::UNIT);
        assert_eq!(same, [0.0, 1.0, 0.2, 0.4]);
        let rgb = convert(&[0, 255], [1, 1, 2], [3, 1, 2], PixelRange::SIGNED);
        assert_eq!(rgb, [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0]);
        let grey = convert(&[255, 0, 0], [3, 1, 1], [1, 1, 1], PixelRange::UNIT);
        assert!((grey[0] - 0.299).abs() < 1e-6);
        let wide = resize(&[0.0, 4.0], [1, 2], [1, 4]);
        assert_eq!(wide, [0.0, 1.0, 3.0, 4.0]);
    }

    #[test]
    fn a_file_that_is_no_extractor_is_told_what_was_expected() {
        let folder = crate::atomic_file::TestFolder::new();
        let path = folder.write("x.onnx", b"no model");
        let error = OnnxExtractor::open(&path, PixelRange::UNIT).err().unwrap();
        assert!(error.to_string().contains("x.onnx"), "{error}");
        let generator = "../models/mnist-vae-dense/mnist-vae-dense.onnx";
        let generator = Path::new(env!("CARGO_MANIFEST_DIR")).join(generator);
        let error = OnnxExtractor::open(&generator, PixelRange::UNIT);
        let error = error.err().unwrap();
        assert!(error.to_string().contains("[N, C, H, W]"), "{error}");
    }
}
