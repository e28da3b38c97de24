//! What is computed from a row of a table alone is computed for all rows now.

use dreamlet_runtime::engine::compiled::format::Activation;

use crate::interpreter::activate;
use crate::ir::{Net, Op, len};

/// Computes one operation on a looked-up row ahead of time. A dense layer only where the table does
/// not become larger than its weights.
pub(super) fn fold(net: &mut Net) -> bool {
    for at in 0..net.nodes.len() {
        let Some(before) = net.nodes[at]
            .inputs
            .first()
            .and_then(|&input| net.producer(input))
        else {
            continue;
        };
        // Parts of rows may be several; what else is computed is not computed twice.
        let picks = matches!(net.nodes[at].op, Op::Reorder(_));
        if !picks && net.only_producer(at).is_none() {
            continue;
        }
        let Op::Lookup { table } = &net.nodes[before].op else {
            continue;
        };
        let node = &net.nodes[at];
        let width = len(net.shape(net.nodes[before].output));
        let rows = table.chunks(width.max(1));
        let mut made: Vec<f32> = match &node.op {
            Op::Activate | Op::Reorder(None) => table.clone(),
            Op::Reorder(Some(positions)) => {
                let pick = |row: &[f32]| -> Vec<f32> {
                    positions.iter().map(|&i| row[i as usize]).collect()
                };
                rows.flat_map(pick).collect()
            }
            Op::Affine { scale, shift } => rows
                .flat_map(|row| {
                    row.iter().enumerate().map(|(i, &x)| {
                        let (scale, shift) = (scale[i % scale.len()], shift[i % shift.len()]);
                        (f64::from(x) * f64::from(scale) + f64::from(shift)) as f32
                    })
                })
                .collect(),
            Op::Dense { weights, bias } if net.classes <= width => {
                let sum = |row: &[f32], bias: f32, own: &[f32]| {
                    let products = own.iter().zip(row);
                    let sum: f64 = products.map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
                    (f64::from(bias) + sum) as f32
                };
                let mut made = Vec::with_capacity(net.classes * bias.len());
                for row in rows {
                    let outputs = bias.iter().zip(weights.chunks(width));
                    made.extend(outputs.map(|(&bias, own)| sum(row, bias, own)));
                }
                made
            }
            _ => continue,
        };
        for x in &mut made {
            *x = activate(node.activation, f64::from(*x)) as f32;
        }
        net.nodes[at].op = Op::Lookup { table: made };
        net.nodes[at].activation = Activation::None;
        net.nodes[at].inputs.clear();
        return true;
    }
    false
}
