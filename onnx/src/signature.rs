//! Is the graph a generator: a latent vector and perhaps a class in, an image out?

use crate::proto::tensor_shape_proto::dimension::Value as Dim;
use crate::proto::{GraphProto, ValueInfoProto, type_proto};

use super::error::{ModelError, shorten};
use super::infer::Flow;
use super::tensor::{Type, Value};
use super::{Inspection, Limits, MAX_LATENT_LEN, OutputActivation};

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
    ty: i32,
    dims: Vec<Option<i64>>,
}

impl Declared {
    fn of(info: &ValueInfoProto) -> Result<Self, ModelError> {
        let nothing =
            || not_a_generator(format!("{} without a type and shape", shorten(&info.name)));
        let Some(type_proto::Value::TensorType(tensor)) =
            info.r#type.as_ref().and_then(|ty| ty.value.as_ref())
        else {
            return Err(nothing());
        };
        let dims = tensor.shape.as_ref().ok_or_else(nothing)?.dim.iter();
        let dims = dims.map(|dim| match dim.value {
            Some(Dim::DimValue(value)) => Some(value),
            _ => None,
        });
        Ok(Self {
            ty: tensor.elem_type,
            dims: dims.collect(),
        })
    }

    fn is(&self, ty: Type) -> bool {
        Type::of(self.ty) == Some(ty)
    }

    /// Whether the batch is free, or fixed at the one image that is asked for.
    fn batch_fits(&self) -> bool {
        matches!(self.dims.first(), Some(None | Some(1)))
    }

    fn describe(&self, name: &str) -> String {
        let ty =
            Type::of(self.ty).map_or_else(|| format!("type {}", self.ty), |ty| format!("{ty:?}"));
        let dims: Vec<String> = self
            .dims
            .iter()
            .map(|dim| dim.map_or_else(|| "?".to_string(), |dim| dim.to_string()))
            .collect();
        format!("{} of {ty} [{}]", shorten(name), dims.join(", "))
    }
}

/// The latent and the class input.
struct Inputs<'a> {
    latent: (&'a str, usize, usize),
    class: Option<&'a str>,
}

/// Checks a graph as a whole.
pub(super) fn check(
    graph: &GraphProto,
    opset: i64,
    limits: &Limits,
) -> Result<Inspection, ModelError> {
    let mut flow = Flow::new(graph)?;
    let inputs = inputs(graph, &flow)?;
    let (latent_name, latent_len, latent_rank) = inputs.latent;
    let mut shape = Vec::from([1, latent_len]);
    shape.resize(latent_rank, 1);
    flow.define(latent_name, Value::computed(Type::F32, shape))?;
    if let Some(class) = inputs.class {
        flow.define(class, Value::computed(Type::I64, Vec::from([1])))?;
    }
    flow.run(graph, opset, limits)?;
    let (output_name, output_dims) = output(graph, &flow)?;
    let class_rows = inputs
        .class
        .and_then(|class| class_rows(graph, &flow, class));
    let convolutional = graph
        .node
        .iter()
        .any(|node| node.op_type.starts_with("Conv"));
    let inspection = Inspection {
        latent_name: latent_name.to_string(),
        latent_len,
        latent_rank,
        class_name: inputs.class.map(ToString::to_string),
        class_rows,
        output_activation: output_activation(&flow, output_name),
        output_name: output_name.to_string(),
        output_dims,
        work: flow.work,
        value_bytes: flow.value_bytes,
        convolutional,
        opset,
    };
    Ok(inspection)
}

fn inputs<'a>(graph: &'a GraphProto, flow: &Flow<'_>) -> Result<Inputs<'a>, ModelError> {
    let mut latent = None;
    let mut class = None;
    // Older files list their weights among the inputs.
    for info in graph
        .input
        .iter()
        .filter(|info| !flow.values.contains_key(info.name.as_str()))
    {
        let name = info.name.as_str();
        let declared = Declared::of(info)?;
        if !declared.batch_fits() {
            return Err(not_a_generator(format!(
                "{}, whose batch is fixed",
                declared.describe(name)
            )));
        }
        match *declared.dims.get(1..).unwrap_or_default() {
            [] if declared.is(Type::I64) && class.is_none() => class = Some(name),
            [Some(len)] | [Some(len), Some(1), Some(1)]
                if declared.is(Type::F32) && latent.is_none() =>
            {
                let fits = usize::try_from(len)
                    .ok()
                    .filter(|len| (1..=MAX_LATENT_LEN).contains(len));
                let len = fits.ok_or_else(|| {
                    not_a_generator(format!(
                        "{}: a latent has 1 to {MAX_LATENT_LEN} numbers",
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

fn output<'a>(graph: &'a GraphProto, flow: &Flow<'_>) -> Result<(&'a str, Vec<usize>), ModelError> {
    let [info] = graph.output.as_slice() else {
        return Err(not_a_generator(format!("{} outputs", graph.output.len())));
    };
    let name = info.name.as_str();
    let Some(value) = flow.values.get(name) else {
        return Err(ModelError::Undefined {
            node: "graph output".into(),
            name: shorten(name),
        });
    };
    if !flow.makers.contains_key(name) {
        return Err(not_a_generator(format!(
            "the output {}, which no node makes",
            shorten(name)
        )));
    }
    if value.constant {
        return Err(not_a_generator(format!(
            "the output {}, which does not depend on the latent",
            shorten(name)
        )));
    }
    let computed = || {
        format!(
            "the output {} of {:?} {:?}",
            shorten(name),
            value.ty,
            value.shape
        )
    };
    let dims = match value.shape.as_slice() {
        [1, dims @ ..] if value.ty == Type::F32 && matches!(dims.len(), 1 | 3) => dims.to_vec(),
        _ => return Err(not_a_generator(computed())),
    };
    if info.r#type.is_some() {
        let declared = Declared::of(info)?;
        let behind_batch = declared.dims.iter().zip(&value.shape).skip(1);
        let alike = declared.is(Type::F32)
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
    Ok((name, dims))
}

/// Rows of the table that the class looks up, if it does.
fn class_rows(graph: &GraphProto, flow: &Flow<'_>, class: &str) -> Option<usize> {
    let lookups = graph.node.iter().filter(|node| node.op_type == "Gather");
    let tables = lookups.filter(|node| node.input.get(1).is_some_and(|name| name == class));
    let rows = tables.filter_map(|node| {
        let axis = node
            .attribute
            .iter()
            .find(|attribute| attribute.name == "axis")
            .map_or(0, |attribute| attribute.i);
        let shape = &flow.values.get(node.input.first()?.as_str())?.shape;
        let axis = if axis < 0 {
            axis.checked_add(shape.len() as i64)?
        } else {
            axis
        };
        shape.get(usize::try_from(axis).ok()?).copied()
    });
    rows.min()
}

/// The last activation, behind operators that only move elements.
fn output_activation(flow: &Flow<'_>, output: &str) -> Option<OutputActivation> {
    let mut name = output;
    // Each step goes to an earlier node, so this ends.
    loop {
        let node = flow.makers.get(name)?;
        match node.op_type.as_str() {
            "Tanh" => return Some(OutputActivation::Tanh),
            "Sigmoid" => return Some(OutputActivation::Sigmoid),
            "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Transpose"
            | "DepthToSpace" | "Dropout" | "Slice" => name = node.input.first()?.as_str(),
            _ => return None,
        }
    }
}
