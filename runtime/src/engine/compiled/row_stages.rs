//! Runs the last layers for some rows at a time.

use super::context::Context;
use super::format::{BufferRef, HwcShape, Layer, Op, RowKind};
use super::model::Model;
use super::rows::Rows;
use super::rows_plan::{Counts, MAX_STAGES, RowPlan, Stage, Step};
use super::run::run_rows;
use super::scratch::second_len;

/// The last layers of an image that is being made.
#[derive(Debug)]
pub(super) struct RowStages {
    /// The first row of each stage that is kept.
    kept: Counts,
    /// The one behind the last that was made.
    made: Counts,
}

impl RowStages {
    pub(super) const fn new() -> Self {
        Self {
            kept: [0; MAX_STAGES],
            made: [0; MAX_STAGES],
        }
    }

    /// Makes the next rows of the image, into `frame`; how many.
    pub(super) fn next(
        &mut self,
        plan: &RowPlan,
        model: &Model<'_>,
        context: &Context<'_>,
        scratch: &mut [u8],
        frame: &mut [u8],
    ) -> Option<usize> {
        let (first, count) = (plan.first, plan.count);
        let last = count.checked_sub(1)? % MAX_STAGES;
        let before = self.made[last];
        let step = plan.step(first, &self.made);
        for j in first..count {
            if step.goals[j % MAX_STAGES] > self.made[j % MAX_STAGES] {
                let layer = model.layer(plan.base + j)?;
                self.stage(plan, j, &step, &layer, context, scratch, frame)?;
            }
        }
        Some((self.made[last] - before).into())
    }

    /// Makes the next rows of one stage.
    #[expect(
        clippy::too_many_arguments,
        reason = "what all layers run with, and which rows"
    )]
    fn stage(
        &mut self,
        plan: &RowPlan,
        at: usize,
        step: &Step,
        layer: &Layer,
        context: &Context<'_>,
        scratch: &mut [u8],
        frame: &mut [u8],
    ) -> Option<()> {
        let at = at % MAX_STAGES;
        let stage = &plan.stages[at];
        let (row, end) = (self.made[at], step.goals[at]);
        let [from, to] = stage.reads(row, end);
        let count = u32::from(end - row);
        let mut part = *layer;
        if layer.output != BufferRef::Image {
            self.make_room(&plan.stages[at], at, step, scratch)?;
            let behind = u32::from(row - self.kept[at]) * stage.row_len;
            part.output = BufferRef::Scratch(stage.at + behind);
        }
        // Of sums, the second is memory of their own.
        let operands = [&mut part.input, &mut part.second];
        let second = match stage.rule.kind {
            RowKind::Sums => 0,
            _ => second_len(layer, layer.input_shape.height)?,
        };
        let lens = [layer.input_shape.bytes(layer.input_dtype), second];
        for ((place, source), len) in operands.into_iter().zip(stage.sources).zip(lens) {
            let source = usize::from(source);
            if (plan.first..plan.count).contains(&source) {
                let (kept, made) = (
                    self.kept[source % MAX_STAGES],
                    self.made[source % MAX_STAGES],
                );
                let before = from.checked_sub(kept.into())?;
                if to > made.into() {
                    return None;
                }
                let stage = &plan.stages[source % MAX_STAGES];
                *place = BufferRef::Scratch(stage.at + before * stage.row_len);
            } else if let (BufferRef::Scratch(begin), 1..) = (*place, len) {
                let row_len = u32::try_from(len)
                    .ok()?
                    .checked_div(stage.rule.rows.into())?;
                *place = BufferRef::Scratch(begin.checked_add(from.checked_mul(row_len)?)?);
            }
        }
        let shape = |of: HwcShape, rows: u32, all: u16| {
            if stage.rule.flat {
                let len = of.channels.checked_div(all.into())?.checked_mul(rows)?;
                return Some(HwcShape::vector(len));
            }
            Some(HwcShape { height: rows, ..of })
        };
        part.input_shape = shape(layer.input_shape, to - from, stage.rule.rows)?;
        part.output_shape = shape(layer.output_shape, count, stage.rows)?;
        match &mut part.op {
            Op::Conv(c) | Op::GroupConv(c) => {
                // The rows that are there begin where the zeros end, or at the first tap.
                let row = u32::from(row);
                c.pad[0] = if c.transposed {
                    row.checked_add(c.pad[0])?
                        .checked_sub(from.checked_mul(c.stride[0])?)?
                } else {
                    c.pad[0]
                        .checked_add(from)?
                        .checked_sub(row.checked_mul(c.stride[0])?)?
                };
            }
            Op::HwcToChw => {
                part.output_shape = HwcShape::vector(part.input_shape.len().try_into().ok()?);
            }
            _ => {}
        }
        let rows = Rows {
            output: row.into(),
            input: from as usize,
            outputs: stage.rows.into(),
            inputs: stage.rule.rows.into(),
        };
        run_rows(&part, rows, context, scratch, frame)?;
        self.made[at] = end;
        Some(())
    }

    /// Makes room for the next rows of a stage, where rows that nothing reads any more were.
    fn make_room(
        &mut self,
        stage: &Stage,
        at: usize,
        step: &Step,
        scratch: &mut [u8],
    ) -> Option<()> {
        let kept = &mut self.kept[at % MAX_STAGES];
        let (made, goal) = (self.made[at % MAX_STAGES], step.goals[at % MAX_STAGES]);
        if goal - *kept > stage.room {
            let needed = step.needed[at % MAX_STAGES].min(made).max(*kept);
            let len = |rows: u16| usize::from(rows) * stage.row_len as usize;
            let rows = scratch.get_mut(stage.at as usize..)?;
            move_down(rows.get_mut(..len(made - *kept))?, len(needed - *kept))?;
            *kept = needed;
        }
        (goal - *kept <= stage.room).then_some(())
    }
}

/// Moves bytes to the beginning from `by` on; those before are written over.
fn move_down(bytes: &mut [u8], by: usize) -> Option<()> {
    let mut rest = bytes;
    // Blocks that do not meet.
    while by > 0 && rest.len() > by {
        let (to, from) = rest.split_at_mut_checked(by)?;
        let count = by.min(from.len());
        to.get_mut(..count)?.copy_from_slice(from.get(..count)?);
        rest = from;
    }
    Some(())
}
