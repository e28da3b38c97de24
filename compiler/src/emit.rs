//! The bytes of the file.

use dreamlet_runtime::card::Card;
use dreamlet_runtime::engine::compiled::format::{
    ALIGNMENT, BufferRef, CHECKED_FROM, DType, HEADER_LEN, Header, LAYER_LEN, Layer, OperandRef,
    Requantization, StridedLayer, StridedOperand, Strides, Weights, checksum,
};

use super::CompileError;
use super::ir::{OperandSource, Walk};
use super::memory_plan::{Plan, plan};
use super::pack::pack;
use super::steps::{Lowered, Operand, Packed, Step, StridedStep};

/// Places the buffers and writes a model; `weights` is what layers multiply with.
///
/// # Errors
/// [`CompileError`] for weights that cannot be written so, a card that cannot be written, a file
/// above 4 GiB.
pub(crate) fn write(
    lowered: &Lowered,
    card: &Card,
    weights: DType,
) -> Result<Vec<u8>, CompileError> {
    let plan = plan(lowered)?;
    // A device has no use for how it was trained.
    let device_card = Card {
        training: None,
        ..card.clone()
    };
    let json = device_card.to_json().map_err(CompileError::Card)?;
    let mut section = Vec::new();
    let mut records = Vec::new();
    let mut version = 1;
    for step in &lowered.steps {
        let packed = match (&step.packed, &step.weights) {
            (Some(packed), _) => Some(packed.clone()),
            (None, Some(tensors)) => Some(pack(step, tensors, weights)?),
            (None, None) => None,
        };
        let layer = match &step.strided {
            Some(work) => strided(step, work, &plan, &mut section)?,
            None => layer(step, &plan, packed, &mut section)?,
        };
        let mut record = [0; LAYER_LEN];
        layer.emit(&mut record);
        version = version.max(layer.version());
        records.extend_from_slice(&record);
    }
    let begin = (HEADER_LEN + records.len() + json.len()).next_multiple_of(ALIGNMENT);
    let mut header = Header {
        version,
        file_len: offset("the file", begin + section.len())?,
        checksum: 0,
        scratch_len: plan.len,
        latent_len: offset("the latent vector", card.latent.len)?,
        classes: offset("classes", card.classes.len())?,
        shape: card.image,
        range: card.range,
        distribution: card.latent.distribution,
        layers: offset("layers", lowered.steps.len())?,
        card_len: offset("the card", json.len())?,
    };
    let mut file = vec![0; HEADER_LEN];
    file.extend_from_slice(&records);
    file.extend_from_slice(json.as_bytes());
    file.resize(begin, 0);
    file.extend_from_slice(&section);
    // The checksum covers the later part of the header, so that is written first.
    write_header(&header, &mut file);
    header.checksum = checksum(&file[CHECKED_FROM..]);
    write_header(&header, &mut file);
    Ok(file)
}

fn write_header(header: &Header, file: &mut [u8]) {
    let mut bytes = [0; HEADER_LEN];
    header.emit(&mut bytes);
    file[..HEADER_LEN].copy_from_slice(&bytes);
}

fn offset(what: &'static str, n: usize) -> Result<u32, CompileError> {
    u32::try_from(n).map_err(|_| CompileError::TooLarge {
        what,
        limit: u32::MAX.into(),
        found: n as u64,
    })
}

/// A layer of general work: its words, with the addresses of its operands, and its constants stand
/// in the section of weights.
fn strided(
    step: &Step,
    work: &StridedStep,
    plan: &Plan,
    section: &mut Vec<u8>,
) -> Result<Layer, CompileError> {
    let op = &work.op;
    let refuse = |what: String| CompileError::Node {
        node: step.origin.clone(),
        reason: what,
    };
    let walk = |walk: &Walk| {
        let strides = walk.strides.iter().map(|stride| i32::try_from(*stride));
        let strides = strides.collect::<Result<Vec<i32>, _>>().ok()?;
        let first = u32::try_from(walk.first).ok()?;
        Some(Strides { first, strides })
    };
    let far = || refuse("its tensors are too large".into());
    let mut operands = Vec::new();
    for ((source, own), place) in op.operands.iter().zip(&work.operands) {
        let buffer = match (source, *place) {
            (OperandSource::Constant(floats), _) => {
                if floats.iter().any(|x| x.is_nan()) {
                    return Err(CompileError::NonFinite {
                        layer: step.origin.clone(),
                    });
                }
                let bytes: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
                OperandRef::Weights(add(section, &bytes)?)
            }
            (_, Operand::Latent) => OperandRef::Latent,
            (_, Operand::Buffer { index, offset }) => {
                OperandRef::Scratch(plan.offsets[index] + offset)
            }
            _ => return Err(refuse("one of its operands is nowhere".into())),
        };
        operands.push(StridedOperand {
            buffer,
            strides: walk(own).ok_or_else(far)?,
        });
    }
    let sizes = op.sizes.iter().map(|size| u32::try_from(*size));
    let strided = StridedLayer {
        sizes: sizes.collect::<Result<_, _>>().map_err(|_| far())?,
        output: walk(&op.output).ok_or_else(far)?,
        operands,
        work: op.work.clone(),
    };
    let words = strided.emit().map_err(|error| refuse(error.to_string()))?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let weights = Weights {
        dtype: DType::F32,
        offset: add(section, &bytes)?,
        bias: None,
    };
    Ok(Layer {
        op: strided.op(offset("words", words.len())?),
        weights: Some(weights),
        ..layer(step, plan, None, section)?
    })
}

/// Adds bytes to the section of weights; where they begin.
fn add(section: &mut Vec<u8>, bytes: &[u8]) -> Result<u32, CompileError> {
    let begin = section.len().next_multiple_of(ALIGNMENT);
    section.resize(begin, 0);
    section.extend_from_slice(bytes);
    offset("the weights", begin)
}

fn layer(
    step: &Step,
    plan: &Plan,
    packed: Option<Packed>,
    section: &mut Vec<u8>,
) -> Result<Layer, CompileError> {
    let place = |operand| match operand {
        Operand::None => BufferRef::None,
        Operand::Latent => BufferRef::Latent,
        Operand::Image => BufferRef::Image,
        Operand::Buffer { index, offset } => BufferRef::Scratch(plan.offsets[index] + offset),
    };
    let mut add = |bytes: &[u8]| add(section, bytes);
    let (mut weights, mut requantization) = (None, None);
    if let Some(packed) = packed {
        if !packed.weights.is_empty() {
            weights = Some(Weights {
                dtype: packed.dtype,
                offset: add(&packed.weights)?,
                bias: packed.bias.map(|bias| add(&bias)).transpose()?,
            });
        }
        if let Some(how) = packed.requantization {
            requantization = Some(Requantization {
                multipliers: add(&how.multipliers)?,
                shift: how.shift,
                table: match how.table {
                    Some((table, bits)) => Some((add(&table)?, bits)),
                    None => None,
                },
            });
        }
    }
    Ok(Layer {
        op: step.op,
        input: place(step.input),
        input_dtype: step.input_dtype,
        input_shape: step.input_shape,
        second: place(step.second),
        output: place(step.output),
        output_dtype: step.output_dtype,
        output_shape: step.output_shape,
        activation: step.activation,
        weights,
        requantization,
    })
}
