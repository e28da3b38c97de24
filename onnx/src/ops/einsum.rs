//! Sums of products by Einstein's rule: each axis has a letter, those without one in the result are
//! summed over.

use std::collections::BTreeMap;

use super::arithmetic::ValueResult;
use crate::build::Builder;
use crate::error::ModelError;
use crate::graph::{Op, Part, Reduction, ValueId};
use crate::node::OnnxNode;

/// Most inputs: each is looked at for each.
const MOST_TERMS: usize = 32;

/// A letter, or an axis of the ellipsis by its distance from the last of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Ellipsis(usize),
    Letter(char),
}

/// A value and the labels of its axes.
struct Operand {
    id: ValueId,
    labels: Vec<Label>,
}

impl Operand {
    fn has(&self, label: Label) -> bool {
        self.labels.contains(&label)
    }

    fn size(&self, b: &Builder<'_>, label: Label) -> usize {
        let axis = self.labels.iter().position(|other| *other == label);
        axis.map_or(1, |axis| b.dim(self.id, axis))
    }
}

pub(super) fn einsum(node: &OnnxNode<'_>, b: &mut Builder<'_>) -> ValueResult {
    let count = node.inputs.len();
    node.arity(1, MOST_TERMS)?;
    let all: Vec<usize> = (0..count).collect();
    node.floats_only(b, &all)?;
    let (mut operands, result) = parse(node, b)?;
    for operand in &mut operands {
        diagonals(node, b, operand)?;
    }
    let mut rest = operands.into_iter();
    let Some(mut made) = rest.next() else {
        return Err(node.attribute_error("equation", "a term for each input", "empty"));
    };
    while let Some(next) = rest.next() {
        let kept: Vec<Label> = rest
            .as_slice()
            .iter()
            .flat_map(|term| &term.labels)
            .chain(&result)
            .copied()
            .collect();
        made = multiply(b, made, next, &kept)?;
    }
    sum(b, &mut made, |label| !result.contains(&label))?;
    ordered(b, &made, &result)
}

/// The operands with their labels, and the labels of the result.
fn parse(node: &OnnxNode<'_>, b: &Builder<'_>) -> Result<(Vec<Operand>, Vec<Label>), ModelError> {
    let given = node.text("equation", "")?;
    let wrong = |expected| Err(node.attribute_error("equation", expected, given));
    let equation: String = given.chars().filter(|c| !c.is_whitespace()).collect();
    let (terms, result) = match equation.split_once("->") {
        Some((terms, result)) => (terms, Some(result)),
        None => (equation.as_str(), None),
    };
    let terms: Vec<&str> = terms.split(',').collect();
    if terms.len() != node.inputs.len() {
        return wrong("a term for each input");
    }
    let mut operands = Vec::new();
    let mut sizes: BTreeMap<Label, usize> = BTreeMap::new();
    for (index, term) in terms.iter().enumerate() {
        let id = node.input(index)?;
        let letters = term.replacen("...", "", 1).chars().count();
        let Some(labels) = labels(term, b.rank(id).saturating_sub(letters)) else {
            return wrong("letters and one ellipsis");
        };
        if labels.len() != b.rank(id) {
            return wrong("a letter for each dimension");
        }
        for (label, size) in labels.iter().zip(b.shape(id)) {
            let known = sizes.entry(*label).or_insert(*size);
            match (*known, *size) {
                (known, size) if known == size || size == 1 => {}
                (1, size) => *known = size,
                found => return Err(node.shape_error("one size for each letter", found)),
            }
        }
        operands.push(Operand { id, labels });
    }
    let ellipsis = sizes
        .keys()
        .filter(|label| matches!(label, Label::Ellipsis(_)))
        .count();
    let times = |label: &Label| {
        let labels = operands.iter().flat_map(|operand| &operand.labels);
        labels.filter(|other| *other == label).count()
    };
    let result = match result {
        Some(result) => match labels(result, ellipsis) {
            Some(result) => result,
            None => return wrong("letters and one ellipsis"),
        },
        None => {
            let front = (0..ellipsis).rev().map(Label::Ellipsis);
            let once = sizes
                .keys()
                .filter(|label| matches!(label, Label::Letter(_)));
            front
                .chain(once.filter(|label| times(label) == 1).copied())
                .collect()
        }
    };
    for (at, label) in result.iter().enumerate() {
        let again = result
            .get(at + 1..)
            .is_some_and(|rest| rest.contains(label));
        if again || !sizes.contains_key(label) {
            return wrong("each letter of the result once, and in a term");
        }
    }
    Ok((operands, result))
}

/// The labels of a term in which the ellipsis stands for `rest` axes.
fn labels(term: &str, rest: usize) -> Option<Vec<Label>> {
    let (before, after) = match term.split_once("...") {
        Some((before, after)) => (before, Some(after)),
        None => (term, None),
    };
    let mut labels: Vec<Label> = before.chars().map(Label::Letter).collect();
    if let Some(after) = after {
        labels.extend((0..rest).rev().map(Label::Ellipsis));
        labels.extend(after.chars().map(Label::Letter));
    }
    let letters = before.chars().chain(after.unwrap_or_default().chars());
    letters
        .clone()
        .all(|letter| letter.is_ascii_alphabetic())
        .then_some(labels)
}

/// Of a letter that stands twice in a term, the elements with equal positions: every `size + 1`th
/// of the two axes as one.
fn diagonals(
    node: &OnnxNode<'_>,
    b: &mut Builder<'_>,
    operand: &mut Operand,
) -> Result<(), ModelError> {
    let twice = |labels: &[Label]| {
        labels.iter().enumerate().find_map(|(first, label)| {
            let second = labels.iter().rposition(|other| other == label)?;
            (second > first).then_some((first, second, *label))
        })
    };
    while let Some((first, second, label)) = twice(&operand.labels) {
        let size = b.dim(operand.id, first);
        if size != b.dim(operand.id, second) {
            return Err(node.shape_error("one size for each letter", b.shape(operand.id)));
        }
        let others = (0..operand.labels.len()).filter(|axis| *axis != first && *axis != second);
        let others: Vec<usize> = others.collect();
        let order: Vec<usize> = others.iter().copied().chain([first, second]).collect();
        let moved = b.transpose(operand.id, &order)?;
        let mut shape: Vec<usize> = others.iter().map(|axis| b.dim(operand.id, *axis)).collect();
        shape.push(size.saturating_mul(size));
        let flat = b.reshape(moved, &shape)?;
        let mut parts: Vec<Part> = shape.iter().map(|size| Part::whole(*size)).collect();
        if let Some(part) = parts.last_mut() {
            (part.count, part.step) = (size, size as i64 + 1);
        }
        operand.id = b.push(Op::Slice(parts), &[flat])?;
        let labels = others
            .iter()
            .filter_map(|axis| operand.labels.get(*axis).copied());
        operand.labels = labels.chain([label]).collect();
    }
    Ok(())
}

/// Sums over the axes of which `over` says so.
fn sum(
    b: &mut Builder<'_>,
    operand: &mut Operand,
    over: impl Fn(Label) -> bool,
) -> Result<(), ModelError> {
    let labels = operand.labels.iter().enumerate();
    let axes: Vec<usize> = labels
        .filter(|(_, label)| over(**label))
        .map(|(axis, _)| axis)
        .collect();
    if axes.is_empty() {
        return Ok(());
    }
    let summed = b.reduce(Reduction::Sum, operand.id, &axes)?;
    operand.labels.retain(|label| !over(*label));
    let kept = b
        .shape(summed)
        .iter()
        .enumerate()
        .filter(|(axis, _)| !axes.contains(axis));
    let shape: Vec<usize> = kept.map(|(_, size)| *size).collect();
    operand.id = b.reshape(summed, &shape)?;
    Ok(())
}

/// The axes in the order of these labels, all of which it has.
fn ordered(b: &mut Builder<'_>, operand: &Operand, labels: &[Label]) -> ValueResult {
    let axis = |label| operand.labels.iter().position(|other| other == label);
    let order: Vec<usize> = labels.iter().filter_map(axis).collect();
    b.transpose(operand.id, &order)
}

/// The product of two operands, summed over what no later one and not the result has.
fn multiply(
    b: &mut Builder<'_>,
    mut x: Operand,
    mut y: Operand,
    kept: &[Label],
) -> Result<Operand, ModelError> {
    // A single element is broadcast along the other's axis, which is then summed over alone.
    let single = |b: &Builder<'_>, one: &Operand, other: &Operand, label| {
        let size = (one.size(b, label), other.size(b, label));
        !kept.contains(&label) && (!other.has(label) || size.0 == 1 && size.1 != 1)
    };
    let x_alone: Vec<Label> = x
        .labels
        .iter()
        .copied()
        .filter(|l| single(b, &x, &y, *l))
        .collect();
    let y_alone: Vec<Label> = y
        .labels
        .iter()
        .copied()
        .filter(|l| single(b, &y, &x, *l))
        .collect();
    sum(b, &mut x, |label| {
        x_alone.contains(&label) || y_alone.contains(&label)
    })?;
    sum(b, &mut y, |label| {
        x_alone.contains(&label) || y_alone.contains(&label)
    })?;
    let of = |operand: &Operand, both: bool, keep: bool, other: &Operand| -> Vec<Label> {
        let labels = operand.labels.iter().copied();
        labels
            .filter(|l| other.has(*l) == both && kept.contains(l) == keep)
            .collect()
    };
    let (batch, inner) = (of(&x, true, true, &y), of(&x, true, false, &y));
    let (rows, columns) = (of(&x, false, true, &y), of(&y, false, true, &x));
    let labels = [batch.as_slice(), &rows, &columns].concat();
    if inner.is_empty() {
        let mut aligned = [x.id, y.id];
        for (operand, aligned) in [&x, &y].into_iter().zip(&mut aligned) {
            let own: Vec<Label> = labels.iter().copied().filter(|l| operand.has(*l)).collect();
            let shape: Vec<usize> = labels.iter().map(|l| operand.size(b, *l)).collect();
            let moved = ordered(b, operand, &own)?;
            *aligned = b.reshape(moved, &shape)?;
        }
        let [left, right] = aligned;
        let id = b.mul(left, right)?;
        return Ok(Operand { id, labels });
    }
    let sizes = |b: &Builder<'_>, operand: &Operand, labels: &[Label]| -> Vec<usize> {
        labels.iter().map(|label| operand.size(b, *label)).collect()
    };
    let (batch_x, batch_y) = (sizes(b, &x, &batch), sizes(b, &y, &batch));
    let (rows_of, columns_of) = (sizes(b, &x, &rows), sizes(b, &y, &columns));
    let depth: usize = sizes(b, &x, &inner).iter().product();
    let (height, width) = (rows_of.iter().product(), columns_of.iter().product());
    let mut all: Vec<usize> = batch_x
        .iter()
        .zip(&batch_y)
        .map(|(x, y)| *x.max(y))
        .collect();
    // Axes that need no broadcasting are one.
    let (front_x, front_y) = match batch_x == batch_y && batch_x.len() > 1 {
        true => (
            vec![batch_x.iter().product()],
            vec![batch_y.iter().product()],
        ),
        false => (batch_x, batch_y),
    };
    let left = ordered(b, &x, &[batch.as_slice(), &rows, &inner].concat())?;
    let left = b.reshape(left, &[front_x.as_slice(), &[height, depth]].concat())?;
    let right = ordered(b, &y, &[batch.as_slice(), &inner, &columns].concat())?;
    let right = b.reshape(right, &[front_y.as_slice(), &[depth, width]].concat())?;
    let product = b.matmul(left, right)?;
    all.extend(rows_of.iter().chain(&columns_of));
    let id = b.reshape(product, &all)?;
    Ok(Operand { id, labels })
}
