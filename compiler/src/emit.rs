//! The bytes of the file.

use dreamlet_runtime::card::Card;
use dreamlet_runtime::engine::compiled::format::{
    ALIGNMENT, BufferRef, CHECKED_FROM, DType, HEADER_LEN, Header, LAYER_LEN, Layer,
    Requantization, Weights, checksum,
};

use super::CompileError;
use super::memory_plan::{Plan, plan};
use super::pack::pack;
use super::steps::{Lowered, Operand, Packed, Step};

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
    let json = card.to_json().map_err(CompileError::Card)?;
    let mut section = Vec::new();
    let mut records = Vec::new();
    for step in &lowered.steps {
        let packed = match (&step.packed, &step.weights) {
            (Some(packed), _) => Some(packed.clone()),
            (None, Some(tensors)) => Some(pack(step, tensors, weights)?),
            (None, None) => None,
        };
        let layer = layer(step, &plan, packed, &mut section)?;
        let mut record = [0; LAYER_LEN];
        layer.emit(&mut record);
        records.extend_from_slice(&record);
    }
    let begin = (HEADER_LEN + records.len() + json.len()).next_multiple_of(ALIGNMENT);
    let mut header = Header {
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
    let mut add = |bytes: &[u8]| {
        let begin = section.len().next_multiple_of(ALIGNMENT);
        section.resize(begin, 0);
        section.extend_from_slice(bytes);
        offset("the weights", begin)
    };
    let (mut weights, mut requantization) = (None, None);
    if let Some(packed) = packed {
        weights = Some(Weights {
            dtype: packed.dtype,
            offset: add(&packed.weights)?,
            bias: packed.bias.map(|bias| add(&bias)).transpose()?,
        });
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
