//! Batch normalization into the weights beside it.
//!
//! In inference it is an affine map of each channel, `y = s x + t` with `s = gamma / sqrt(var +
//! eps)` and `t = beta - s mean` (Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 2). A
//! layer that is linear in its output channels takes it in exactly; computed in `f64` and rounded
//! once.

use super::ExportError;
use dreamlet_onnx::Constant;
use dreamlet_onnx::graph::ValueId;
use dreamlet_onnx::graph_builder::{BuilderNode, GraphBuilder};

/// `y = scale x + shift` of each channel.
struct Affine {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

/// Removes every batch normalization of `graph`: folded where a layer takes it, else as Mul and
/// Add. A bias that is added after a dense layer without one becomes its bias first.
pub(super) fn fold(graph: &mut GraphBuilder) -> Result<(), ExportError> {
    graph.prune();
    merge_biases(graph);
    let is_norm = |node: &BuilderNode| node.op == "BatchNormalization";
    while let Some(at) = graph.nodes.iter().position(is_norm) {
        let node = graph.nodes.remove(at);
        let affine = Affine::of(graph, &node)?;
        let input = node.inputs.first().copied().unwrap_or_default();
        let folded = fold_before(graph, input, at, &affine)
            .or_else(|| fold_after(graph, node.output, &affine));
        if folded.is_some() {
            graph.replace(node.output, input);
        } else {
            spell_out(graph, at, input, node.output, &affine);
        }
    }
    graph.prune();
    Ok(())
}

impl Affine {
    fn of(graph: &GraphBuilder, node: &BuilderNode) -> Result<Self, ExportError> {
        let epsilon = f64::from(node.float("epsilon").unwrap_or(1e-5));
        let parameters = node.inputs.iter().skip(1).map(|id| floats(graph, *id));
        let parameters: Option<Vec<_>> = parameters.collect();
        let Some([gamma, beta, mean, variance]) = parameters.as_deref() else {
            let detail = "its statistics are not constants";
            return Err(ExportError::not_lowered("BatchNorm", detail));
        };
        let scale = gamma.iter().zip(variance);
        let scale: Vec<_> = scale.map(|(g, v)| g / (v + epsilon).sqrt()).collect();
        let shift = beta.iter().zip(mean).zip(&scale);
        let shift = shift.map(|((b, m), s)| b - m * s).collect();
        Ok(Self { scale, shift })
    }

    /// The same for `repeat` neighbours of each channel: what a dense layer sees whose outputs are
    /// then shaped into channels.
    fn repeated(&self, repeat: usize) -> Self {
        let repeat_each = |values: &[f64]| {
            let values = values.iter();
            values
                .flat_map(|&x| std::iter::repeat_n(x, repeat))
                .collect()
        };
        Self {
            scale: repeat_each(&self.scale),
            shift: repeat_each(&self.shift),
        }
    }
}

/// The elements of a constant.
fn floats(graph: &GraphBuilder, id: ValueId) -> Option<Vec<f64>> {
    let elements = graph.constants.get(&id)?.as_f32s()?.iter();
    Some(elements.map(|&x| f64::from(x)).collect())
}

/// The bias of a layer with this many outputs.
fn bias_of(graph: &GraphBuilder, layer: &BuilderNode, outputs: usize) -> Option<Vec<f64>> {
    match layer.inputs.get(2) {
        Some(id) => floats(graph, *id),
        None => Some(vec![0.0; outputs]),
    }
}

fn narrow(values: impl IntoIterator<Item = f64>) -> Vec<f32> {
    values.into_iter().map(|value| value as f32).collect()
}

/// Gemm(x, w) + constant vector = Gemm(x, w, vector).
fn merge_biases(graph: &mut GraphBuilder) {
    let mut at = 0;
    while at < graph.nodes.len() {
        if merge_bias(graph, at).is_some() {
            graph.nodes.remove(at);
        } else {
            at += 1;
        }
    }
}

fn merge_bias(graph: &mut GraphBuilder, at: usize) -> Option<()> {
    let node = graph.nodes.get(at).filter(|node| node.op == "Add")?;
    let output = node.output;
    let (value, bias) = match *node.inputs {
        [a, b] if graph.constants.contains_key(&b) => (a, b),
        [a, b] if graph.constants.contains_key(&a) => (b, a),
        _ => return None,
    };
    let producer = graph.producer(value)?;
    let gemm = graph.nodes.get(producer)?;
    if gemm.op != "Gemm" || gemm.inputs.len() != 2 {
        return None;
    }
    let outputs = *graph.constants.get(gemm.inputs.get(1)?)?.shape.get(1)?;
    let bias = graph.constants.get(&bias)?.as_f32s()?;
    let bias = Some(bias.to_vec()).filter(|bias| bias.len() == outputs)?;
    if graph.consumers(value).len() != 1 || graph.image == value {
        return None;
    }
    let bias = graph.constant(Constant::f32s(vec![outputs], bias));
    graph.nodes.get_mut(producer)?.inputs.push(bias);
    graph.replace(output, value);
    Some(())
}

/// Folds into the layer that makes `input`, looking through what keeps channels apart. The node
/// itself has been taken out at position `at`, so nothing may use `input` any more.
fn fold_before(graph: &mut GraphBuilder, input: ValueId, at: usize, affine: &Affine) -> Option<()> {
    let mut value = input;
    let mut repeat = 1;
    // The node itself is gone; further up, its input's maker is one use.
    let mut uses = 0;
    loop {
        if graph.consumers(value).len() != uses || graph.image == value {
            return None;
        }
        uses = 1;
        let position = graph.producer(value).filter(|&position| position < at)?;
        let node = graph.nodes.get(position)?;
        match node.op {
            "Resize" => {}
            "Reshape" if repeat == 1 => repeat = channel_span(graph, node, affine.scale.len())?,
            "Conv" | "ConvTranspose" if repeat == 1 => {
                return scale_outputs(graph, position, affine);
            }
            "Gemm" => return scale_outputs(graph, position, &affine.repeated(repeat)),
            _ => return None,
        }
        value = *node.inputs.first()?;
    }
}

/// For a Reshape from a batch of vectors to `[N, channels, ...]`: how many neighbours become one
/// channel.
fn channel_span(graph: &GraphBuilder, node: &BuilderNode, channels: usize) -> Option<usize> {
    let shape = graph.constants.get(node.inputs.get(1)?)?.as_i64s()?;
    let (&batch, rest) = shape.split_first()?;
    let (&first, inner) = rest.split_first()?;
    let producer = graph.nodes.get(graph.producer(*node.inputs.first()?)?)?;
    if batch != -1 || usize::try_from(first).ok()? != channels || producer.op != "Gemm" {
        return None;
    }
    usize::try_from(inner.iter().product::<i64>()).ok()
}

/// Multiplies a layer's weights for each output channel, and its bias, by the affine map.
fn scale_outputs(graph: &mut GraphBuilder, position: usize, affine: &Affine) -> Option<()> {
    let node = graph.nodes.get(position)?.clone();
    let weight_id = *node.inputs.get(1)?;
    let weight = graph.constants.get(&weight_id)?;
    let groups = usize::try_from(node.int("group").unwrap_or(1)).ok()?;
    let (&[rows, columns], kernel) = weight.shape.split_first_chunk::<2>()?;
    let kernel: usize = kernel.iter().product();
    let channels = affine.scale.len();
    // Output channel of the block of `kernel` weights at (row, column).
    let channel = |block: usize| match node.op {
        "Conv" => block.checked_div(columns),
        "ConvTranspose" => {
            let in_group = (block / columns).checked_div(rows.checked_div(groups)?)?;
            Some(in_group * columns + block % columns)
        }
        _ => Some(block % columns),
    };
    let outputs = match node.op {
        "Conv" => rows,
        "ConvTranspose" => columns * groups,
        _ => columns,
    };
    if outputs != channels || kernel == 0 {
        return None;
    }
    let mut scaled = Vec::with_capacity(weight.data.len());
    for (block, weights) in weight.as_f32s()?.chunks(kernel).enumerate() {
        let scale = *affine.scale.get(channel(block)?)?;
        scaled.extend(weights.iter().map(|&w| (f64::from(w) * scale) as f32));
    }
    let scaled = Constant::f32s(weight.shape.clone(), scaled);
    let bias = bias_of(graph, &node, channels)?;
    let bias = bias.iter().zip(&affine.scale).zip(&affine.shift);
    let bias = bias.map(|((b, s), t)| b * s + t).collect();
    set_weights(graph, position, scaled, bias)
}

/// Folds into the one layer that uses `output`: a dense layer, or a convolution without padding
/// (padding is zero before the shift, not after it).
fn fold_after(graph: &mut GraphBuilder, output: ValueId, affine: &Affine) -> Option<()> {
    let [position] = *graph.consumers(output) else {
        return None;
    };
    let node = graph.nodes.get(position)?.clone();
    let plain = match node.op {
        "Gemm" => true,
        "Conv" => node.int("group") == Some(1) && node.ints("pads")?.iter().all(|&pad| pad == 0),
        _ => false,
    };
    if !plain || graph.image == output || node.inputs.first() != Some(&output) {
        return None;
    }
    let weight = graph.constants.get(node.inputs.get(1)?)?;
    let (&[rows, columns], kernel) = weight.shape.split_first_chunk::<2>()?;
    let kernel: usize = kernel.iter().product();
    // A dense layer has rows of inputs, a convolution rows of outputs.
    let in_out = |row, column| match node.op {
        "Gemm" => (row, column),
        _ => (column, row),
    };
    let (inputs, outputs) = in_out(rows, columns);
    if inputs != affine.scale.len() || kernel == 0 {
        return None;
    }
    let mut bias = bias_of(graph, &node, outputs)?;
    let mut scaled = Vec::with_capacity(weight.data.len());
    for (block, weights) in weight.as_f32s()?.chunks(kernel).enumerate() {
        let (input, output) = in_out(block / columns, block % columns);
        let (scale, shift) = (*affine.scale.get(input)?, *affine.shift.get(input)?);
        *bias.get_mut(output)? += shift * weights.iter().map(|&w| f64::from(w)).sum::<f64>();
        scaled.extend(weights.iter().map(|&w| (f64::from(w) * scale) as f32));
    }
    let scaled = Constant::f32s(weight.shape.clone(), scaled);
    set_weights(graph, position, scaled, bias)
}

/// Gives the layer at `position` weights of its own; others may share the old ones.
fn set_weights(
    graph: &mut GraphBuilder,
    position: usize,
    weight: Constant,
    bias: Vec<f64>,
) -> Option<()> {
    let weight = graph.constant(weight);
    let bias = graph.constant(Constant::f32s(vec![bias.len()], narrow(bias)));
    let inputs = &mut graph.nodes.get_mut(position)?.inputs;
    inputs.truncate(1);
    inputs.extend([weight, bias]);
    Some(())
}

/// Number of axes after the channel axis, as far as the value's maker tells.
fn layout_rank(graph: &GraphBuilder, mut value: ValueId) -> usize {
    while let Some(node) = graph.producer(value).and_then(|at| graph.nodes.get(at)) {
        match node.op {
            "Conv" | "ConvTranspose" | "Resize" => return 3,
            "Gemm" => return 1,
            "Reshape" => {
                let shape = node.inputs.get(1).and_then(|id| graph.constants.get(id));
                return shape.map_or(1, |shape| shape.data.len().saturating_sub(1));
            }
            _ => {
                let mut inputs = node.inputs.iter();
                match inputs.find(|id| !graph.constants.contains_key(id)) {
                    Some(&input) => value = input,
                    None => break,
                }
            }
        }
    }
    1
}

/// The affine map as two operators at position `at`, from `input` to `output`.
fn spell_out(
    graph: &mut GraphBuilder,
    at: usize,
    input: ValueId,
    output: ValueId,
    affine: &Affine,
) {
    let mut shape = vec![affine.scale.len()];
    shape.resize(layout_rank(graph, input).max(1), 1);
    let [scale, shift] = [&affine.scale, &affine.shift].map(|values| {
        let values = narrow(values.iter().copied());
        graph.constant(Constant::f32s(shape.clone(), values))
    });
    let product = graph.value();
    let operator = |op, inputs, output| BuilderNode {
        op,
        inputs,
        attributes: vec![],
        output,
    };
    let operators = [
        operator("Mul", vec![input, scale], product),
        operator("Add", vec![product, shift], output),
    ];
    graph.nodes.splice(at..at, operators);
}
