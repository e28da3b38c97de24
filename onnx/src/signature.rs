//! Is the graph a generator: a latent vector and perhaps a class in, an image out?

use crate::constant::DType;
use crate::graph::{Graph, Op, Unary, Value, ValueId};
use crate::proto::{GraphProto, ValueInfoProto};

use super::error::{ModelError, shorten};
use super::infer::Flow;
use super::limits::{Limits, MAX_LATENT_LEN};

/// What the check found out about a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// Name of the latent input.
    pub latent_name: String,
    /// Length of the latent vector.
    pub latent_len: usize,
    /// Dimensions of the latent input: 2, or 4 where it is an image of one pixel, `[N, z, 1, 1]`.
    pub latent_rank: usize,
    /// Name of the class input, `int64 [N]`, of a conditional generator.
    pub class_name: Option<String>,
    /// Classes that the graph has room for, where it says.
    pub class_rows: Option<usize>,
    /// Name of the output.
    pub output_name: String,
    /// Dimensions of the output behind the batch: channels, rows, columns, or one length where it
    /// is flat.
    pub output_dims: Vec<usize>,
    /// The bounded activation that the output ends with, if it does.
    pub output_activation: Option<OutputActivation>,
    /// Multiplications and additions of one image.
    pub work: u64,
    /// Bytes of all values between the layers of one image, together.
    pub value_bytes: u64,
    /// Whether the graph has convolutions.
    pub convolutional: bool,
    /// The operator set of the file.
    pub opset: i64,
}

/// An activation that bounds what a generator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputActivation {
    /// From 0 to 1.
    Sigmoid,
    /// From -1 to 1.
    Tanh,
}

const GENERATOR: &str = "one float32 input [N, z] or [N, z, 1, 1], optionally one int64 input [N] for the class, \
                         and one float32 output [N, channels, height, width]";

fn not_a_generator(found: impl Into<String>) -> ModelError {
    ModelError::Signature {
        expected: GENERATOR.into(),
        found: found.into(),
    }
}

/// A declared input or output: its type and dimensions, `None` where they are symbols.
struct Declared {
    dtype: i32,
    dims: Vec<Option<i64>>,
}

impl Declared {
    fn of(info: &ValueInfoProto) -> Result<Self, ModelError> {
        let (dtype, dims) = info.declared().ok_or_else(|| {
            not_a_generator(format!("{} without a type and shape", shorten(&info.name)))
        })?;
        Ok(Self { dtype, dims })
    }

    fn is(&self, dtype: DType) -> bool {
        dtype.code() == self.dtype
    }

    /// Whether the batch is free, or fixed at one image.
    fn batch_fits(&self) -> bool {
        matches!(self.dims.first(), Some(None | Some(1)))
    }

    fn describe(&self, name: &str) -> String {
        let dtype = DType::of(self.dtype).map_or_else(
            || format!("type {}", self.dtype),
            |dtype| format!("{dtype:?}"),
        );
        let dims: Vec<String> = self
            .dims
            .iter()
            .map(|dim| dim.map_or_else(|| "?".to_string(), |dim| dim.to_string()))
            .collect();
        format!("{} of {dtype} [{}]", shorten(name), dims.join(", "))
    }
}

/// The latent and the class input.
struct Inputs<'a> {
    latent: (&'a str, usize, usize),
    class: Option<&'a str>,
}

/// Checks a graph as a whole.
pub(super) fn check(
    pb: &GraphProto,
    opset: i64,
    limits: &Limits,
) -> Result<(Inspection, Graph), ModelError> {
    let mut flow = Flow::new(pb)?;
    let inputs = inputs(pb, &flow)?;
    let (latent_name, latent_len, latent_rank) = inputs.latent;
    let mut shape = Vec::from([1, latent_len]);
    shape.resize(latent_rank, 1);
    let latent = flow.define(latent_name, Value::computed(DType::F32, shape))?;
    let class = match inputs.class {
        Some(name) => Some(flow.define(name, Value::computed(DType::I64, Vec::from([1])))?),
        None => None,
    };
    flow.run(pb, opset, limits)?;
    let (output_name, image, output_dims) = output(pb, &flow)?;
    let convolution = |op: &Op| matches!(op, Op::Conv(_) | Op::ConvTranspose(_));
    let inspection = Inspection {
        latent_name: latent_name.to_string(),
        latent_len,
        latent_rank,
        class_name: inputs.class.map(ToString::to_string),
        class_rows: class.and_then(|class| class_rows(&flow, class)),
        output_activation: output_activation(&flow, image),
        output_name: output_name.to_string(),
        output_dims,
        work: flow.work,
        value_bytes: flow.value_bytes,
        convolutional: flow.nodes.iter().any(|node| convolution(&node.op)),
        opset,
    };
    let graph = Graph {
        values: flow.values,
        nodes: flow.nodes,
        latent,
        class,
        image,
    };
    Ok((inspection, graph))
}

fn inputs<'a>(pb: &'a GraphProto, flow: &Flow<'_>) -> Result<Inputs<'a>, ModelError> {
    let mut latent = None;
    let mut class = None;
    // Older files list their weights among the inputs.
    for info in pb.input.iter().filter(|info| flow.id(&info.name).is_none()) {
        let name = info.name.as_str();
        let declared = Declared::of(info)?;
        if !declared.batch_fits() {
            return Err(not_a_generator(format!(
                "{}, whose batch is fixed",
                declared.describe(name)
            )));
        }
        match *declared.dims.get(1..).unwrap_or_default() {
            [] if declared.is(DType::I64) && class.is_none() => class = Some(name),
            [Some(len)] | [Some(len), Some(1), Some(1)]
                if declared.is(DType::F32) && latent.is_none() =>
            {
                let fits = usize::try_from(len)
                    .ok()
                    .filter(|len| (1..=MAX_LATENT_LEN).contains(len));
                let len = fits.ok_or_else(|| {
                    not_a_generator(format!(
                        "{}: a latent has 1 to {MAX_LATENT_LEN} elements",
                        declared.describe(name)
                    ))
                })?;
                latent = Some((name, len, declared.dims.len()));
            }
            _ => {
                return Err(not_a_generator(format!(
                    "the input {}",
                    declared.describe(name)
                )));
            }
        }
    }
    let latent = latent.ok_or_else(|| not_a_generator("no input for the latent"))?;
    Ok(Inputs { latent, class })
}

/// Name, number and dimensions of the output.
fn output<'a>(
    pb: &'a GraphProto,
    flow: &Flow<'_>,
) -> Result<(&'a str, ValueId, Vec<usize>), ModelError> {
    let [info] = pb.output.as_slice() else {
        return Err(not_a_generator(format!("{} outputs", pb.output.len())));
    };
    let name = info.name.as_str();
    let found = flow
        .id(name)
        .and_then(|id| Some((id, flow.values.get(id)?)));
    let Some((id, value)) = found else {
        return Err(ModelError::Undefined {
            node: "graph output".into(),
            name: shorten(name),
        });
    };
    if flow.maker(id).is_none() {
        return Err(not_a_generator(format!(
            "the output {}, which no node makes",
            shorten(name)
        )));
    }
    if value.fixed {
        return Err(not_a_generator(format!(
            "the output {}, which does not depend on the latent",
            shorten(name)
        )));
    }
    let computed = || {
        format!(
            "the output {} of {:?} {:?}",
            shorten(name),
            value.dtype,
            value.shape
        )
    };
    let dims = match value.shape.as_slice() {
        [1, dims @ ..] if value.dtype == DType::F32 && matches!(dims.len(), 1 | 3) => dims.to_vec(),
        _ => return Err(not_a_generator(computed())),
    };
    if info.r#type.is_some() {
        let declared = Declared::of(info)?;
        let behind_batch = declared.dims.iter().zip(&value.shape).skip(1);
        let alike = declared.is(DType::F32)
            && declared.batch_fits()
            && declared.dims.len() == value.shape.len()
            && behind_batch
                .into_iter()
                .all(|(says, is)| says.is_none_or(|says| says == *is as i64));
        if !alike {
            let expected = format!("the output to be declared as what it is, {}", computed());
            return Err(ModelError::Signature {
                expected,
                found: declared.describe(name),
            });
        }
    }
    Ok((name, id, dims))
}

/// Rows of the table that the class looks up, if it does.
fn class_rows(flow: &Flow<'_>, class: ValueId) -> Option<usize> {
    let rows = flow
        .nodes
        .iter()
        .filter_map(|node| match (&node.op, node.inputs.as_slice()) {
            (Op::Gather(axis), [Some(table), Some(index)]) if *index == class => {
                flow.values.get(*table)?.shape.get(*axis).copied()
            }
            _ => None,
        });
    rows.min()
}

/// The last activation, behind operators that only move elements.
fn output_activation(flow: &Flow<'_>, output: ValueId) -> Option<OutputActivation> {
    let mut value = output;
    // Each step goes to an earlier node, so this ends.
    loop {
        let node = flow.maker(value)?;
        match node.op {
            Op::Unary(Unary::Tanh) => return Some(OutputActivation::Tanh),
            Op::Unary(Unary::Sigmoid) => return Some(OutputActivation::Sigmoid),
            Op::Identity
            | Op::Reshape(_)
            | Op::Transpose(_)
            | Op::DepthToSpace { .. }
            | Op::Slice(_) => value = node.inputs.first().copied().flatten()?,
            _ => return None,
        }
    }
}
