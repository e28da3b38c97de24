//! What the values of a network are on latent vectors of the seed contract.

use dreamlet_runtime::engine::compiled::format::Activation;
use dreamlet_runtime::latent::Distribution;
use rayon::prelude::*;

use super::histogram::Histogram;
use crate::interpreter;
use crate::ir::{Net, NetNode, Op, len};

/// The seed of the first calibration latent; the others follow.
pub(super) const CALIBRATION_SEED: u64 = 1 << 32;
/// Latents that one thread runs before sums are made.
const AT_ONCE: u64 = 8;

/// What was seen of one value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// Its elements.
    pub(super) elements: Histogram,
    /// The greatest absolute value before the activation.
    pub(super) before: f64,
}

/// Latent number `i` of those that begin at `first`, and its class: classes in turn.
pub(super) fn latent(
    distribution: Distribution,
    first: u64,
    i: u64,
    classes: usize,
    out: &mut [f32],
) -> usize {
    distribution.fill(first + i, None, out);
    usize::try_from(i % classes.max(1) as u64).unwrap_or(0)
}

/// Runs `net` on `count` latents; for each of its values what was seen. The same for any number of
/// threads.
pub(super) fn calibrate(net: &Net, distribution: Distribution, count: u32) -> Vec<Seen> {
    let (split, before) = split(net);
    let parts: Vec<Vec<Seen>> = (0..u64::from(count.max(1)).div_ceil(AT_ONCE))
        .into_par_iter()
        .map(|part| {
            let mut all = vec![Seen::default(); net.values.len()];
            let mut vector = vec![0.0; len(net.shape(net.latent))];
            let end = ((part + 1) * AT_ONCE).min(count.max(1).into());
            for i in part * AT_ONCE..end {
                let class = latent(distribution, CALIBRATION_SEED, i, net.classes, &mut vector);
                let values = interpreter::run(&split, &vector, class);
                for (id, seen) in all.iter_mut().enumerate() {
                    for &x in &values[id] {
                        seen.elements.add(x);
                    }
                    let before = before[id].map_or(&values[id], |before| &values[before]);
                    let largest = before.iter().filter(|x| x.is_finite());
                    seen.before = largest.fold(seen.before, |most, x| most.max(x.abs()));
                }
            }
            all
        })
        .collect();
    let mut all = vec![Seen::default(); net.values.len()];
    for part in parts {
        for (seen, more) in all.iter_mut().zip(part) {
            seen.elements.merge(more.elements);
            seen.before = seen.before.max(more.before);
        }
    }
    // A layer may write its elements in another order at once.
    for node in &net.nodes {
        if let (Op::Reorder(_), Some(&input)) = (&node.op, node.inputs.first()) {
            all[node.output].before = all[node.output].before.max(all[input].before);
        }
    }
    all
}

/// The same network with every activation in a node of its own, and for each value the one before
/// its activation.
fn split(net: &Net) -> (Net, Vec<Option<usize>>) {
    let mut split = net.clone();
    let mut before = vec![None; net.values.len()];
    split.nodes.clear();
    for node in &net.nodes {
        if node.activation == Activation::None {
            split.nodes.push(node.clone());
            continue;
        }
        let value = split.value(net.shape(node.output));
        before[node.output] = Some(value);
        split.nodes.push(NetNode {
            activation: Activation::None,
            output: value,
            ..node.clone()
        });
        split.nodes.push(NetNode {
            op: Op::Activate,
            activation: node.activation,
            inputs: vec![value],
            output: node.output,
            origin: node.origin.clone(),
        });
    }
    (split, before)
}
