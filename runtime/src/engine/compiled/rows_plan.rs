//! Which of the last layers run for a few rows at a time, and the memory that they need then. All of
//! it can be known in constants.
//!
//! Of what such a layer makes as many rows are kept as its readers still need. How many these are is
//! found by going through all rows of the image once: what the last layer needs for its next rows
//! says what the layers before it have to make.

use super::format::{ALIGNMENT, Bytes, Glance, RowKind, RowLayer, RowRule, row_layer};

/// Most layers that run row by row.
pub(super) const MAX_STAGES: usize = 32;
/// The number of a stage that is none: the tensor is whole in scratch memory.
const WHOLE: u8 = u8::MAX;

/// A number of rows for each stage.
pub(super) type Counts = [u16; MAX_STAGES];

/// One of the last layers.
#[derive(Clone, Copy)]
pub(super) struct Stage {
    pub(super) rule: RowRule,
    /// The stages that make what it reads, or [`WHOLE`].
    pub(super) sources: [u8; 2],
    /// Rows of its output, and bytes of one.
    pub(super) rows: u16,
    pub(super) row_len: u32,
    /// Rows that are kept, and where.
    pub(super) room: u16,
    pub(super) at: u32,
}

impl Stage {
    const NONE: Self = Self {
        rule: RowLayer::NONE.rule,
        sources: [WHOLE; 2],
        rows: 0,
        row_len: 0,
        room: 0,
        at: 0,
    };

    /// Rows that it makes at once.
    const fn unit(&self) -> u32 {
        match self.rule.kind {
            RowKind::Transposed | RowKind::Blocks => self.rule.stride as u32,
            _ => 1,
        }
    }

    /// Bytes of the rows that are kept.
    const fn kept_len(&self) -> u32 {
        align((self.room as u32).saturating_mul(self.row_len))
    }

    /// The last of the rows that it makes at once with those before `end`, and one more.
    const fn end_of_unit(&self, end: u16) -> u16 {
        let unit = self.unit();
        let units = divided(end as u32 + unit - 1, unit);
        least(units * unit, self.rows as u32) as u16
    }

    /// Input rows, from and to, that it reads for rows from `row` to `end`. The first depends on
    /// `row`, the last on `end`, and they grow with them.
    pub(super) const fn reads(&self, row: u16, end: u16) -> [u32; 2] {
        let rule = &self.rule;
        let (reach, stride, pad) = (rule.reach as u32, rule.stride as u32, rule.pad as u32);
        let (row, end) = (row as u32, end as u32);
        let last = end.saturating_sub(1);
        let (from, to) = match rule.kind {
            RowKind::Same | RowKind::Planar | RowKind::Other => (row, end),
            RowKind::Conv => (
                (row * stride).saturating_sub(pad),
                (last * stride + reach + 1).saturating_sub(pad),
            ),
            RowKind::Transposed => {
                let at = row + pad;
                let first = divided(at.saturating_sub(reach) + stride - 1, stride);
                (
                    least(first, divided(at, stride)),
                    divided(last + pad, stride) + 1,
                )
            }
            RowKind::Blocks => (divided(row, stride), divided(last, stride) + 1),
            RowKind::Double => (row.div_ceil(2) - least(row, 1), last.div_ceil(2) + 1),
            // Sums of input rows are kept: each is read once. `pad` is what rows reach back.
            RowKind::Sums => (self.summed(row), self.summed(end)),
        };
        let to = least(to, rule.rows as u32);
        [least(from, to), to]
    }

    /// Input rows whose sums are made for rows before `end`.
    const fn summed(&self, end: u32) -> u32 {
        let rule = &self.rule;
        match end.checked_sub(1) {
            Some(last) => {
                let first = divided(last, rule.phases as u32) * rule.stride as u32;
                (first + rule.reach as u32 + 1).saturating_sub(rule.pad as u32)
            }
            None => 0,
        }
    }
}

/// How images are made row by row.
pub(super) struct RowPlan {
    /// The layer of stage 0.
    pub(super) base: usize,
    /// The first stage, and the number of stages with those before it. None where the last layer
    /// makes the whole image.
    pub(super) first: usize,
    pub(super) count: usize,
    pub(super) stages: [Stage; MAX_STAGES],
    /// Bytes of scratch memory for all layers.
    pub(super) scratch_len: usize,
    /// Bytes of what the last layer writes at once.
    pub(super) frame_len: usize,
}

/// What the stages do for the next rows of the image.
pub(super) struct Step {
    /// How many rows each has made then.
    pub(super) goals: Counts,
    /// The first row of each that is still read.
    pub(super) needed: Counts,
}

/// Where layers work when each has its whole output.
struct Memory {
    /// Bytes that the layers before each stage use.
    before: [u32; MAX_STAGES],
    /// What each stage writes.
    writes: [Bytes; MAX_STAGES],
    /// What each stage reads that no stage makes.
    outer: [[Bytes; 2]; MAX_STAGES],
    /// Memory of the last layer's own.
    own: Bytes,
}

const fn least(a: u32, b: u32) -> u32 {
    if a < b { a } else { b }
}

const fn most(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}

/// `a / b` rounded down; `a` for a `b` of 0, which no checked model has.
const fn divided(a: u32, b: u32) -> u32 {
    match a.checked_div(b) {
        Some(whole) => whole,
        None => a,
    }
}

const fn align(len: u32) -> u32 {
    len.saturating_add(ALIGNMENT as u32 - 1) / ALIGNMENT as u32 * ALIGNMENT as u32
}

impl RowPlan {
    /// The plan of a model; `records` is its table of layers. Of a file that has not been checked it
    /// says something, or nothing.
    pub(super) const fn new(glance: &Glance, records: &[u8]) -> Self {
        let layers = glance.layers;
        let count = if layers < MAX_STAGES {
            layers
        } else {
            MAX_STAGES
        };
        let mut plan = Self {
            base: layers - count,
            first: count,
            count,
            stages: [Stage::NONE; MAX_STAGES],
            scratch_len: glance.scratch_len,
            frame_len: glance.frame_len(glance.shape.height),
        };
        let mut memory = Memory {
            before: [0; MAX_STAGES],
            writes: [Bytes::NONE; MAX_STAGES],
            outer: [[Bytes::NONE; 2]; MAX_STAGES],
            own: Bytes::NONE,
        };
        let barrier = plan.read(glance, records, &mut memory);
        if barrier < count {
            plan.find_rooms(barrier);
            plan.choose(glance, &memory, barrier);
        }
        plan
    }

    /// Reads the layers, and gives the first stage of those that can run row by row.
    const fn read(&mut self, glance: &Glance, records: &[u8], memory: &mut Memory) -> usize {
        let mut barrier = 0;
        let mut end = 0;
        let mut layer = 0;
        while layer < glance.layers {
            let row = row_layer(records, layer);
            if layer >= self.base {
                let stage = layer - self.base;
                memory.before[stage % MAX_STAGES] = end;
                let begin = self.add(stage, &row, glance, memory);
                if begin > barrier {
                    barrier = begin;
                }
            }
            end = most(end, row.writes.to);
            end = most(end, most(row.reads[0].to, row.reads[1].to));
            end = most(end, least(row.own.to, glance.scratch_len as u32));
            layer += 1;
        }
        barrier
    }

    /// Finds what makes what stage `j` reads; the first stage that can run row by row if it does.
    const fn add(
        &mut self,
        j: usize,
        row: &RowLayer,
        glance: &Glance,
        memory: &mut Memory,
    ) -> usize {
        let last = j + 1 == self.count;
        let mut fits = row.fits(last, glance.shape.channels);
        let mut barrier = 0;
        let mut stage = Stage {
            rule: row.rule,
            rows: row.rows,
            ..Stage::NONE
        };
        let outer = &mut memory.outer[j % MAX_STAGES];
        let mut operand = 0;
        while operand < 2 {
            let range = row.reads[operand];
            let mut made = 0;
            // The last layer before that writes it, and no other writes over a part of it.
            let mut i = if range.is_empty() { 0 } else { j };
            while i > 0 {
                i -= 1;
                let written = memory.writes[i % MAX_STAGES];
                if written.from == range.from && written.to == range.to {
                    stage.sources[operand] = i as u8;
                    made = self.stages[i % MAX_STAGES].rows;
                    break;
                }
                if range.meets(written) {
                    fits = false;
                    break;
                }
            }
            if operand == 0 && row.rule.flat {
                // A vector has the rows of what it is made of.
                stage.rows = made;
                stage.rule.rows = made;
            }
            if stage.sources[operand] == WHOLE {
                outer[operand] = range;
            } else if made != stage.rule.rows && i >= barrier {
                // Rows of what it reads are not those of what was written.
                barrier = i + 1;
            }
            operand += 1;
        }
        if last {
            memory.own = row.own;
            fits = fits && stage.rows as usize == glance.shape.height;
        }
        fits = fits && stage.rows > 0;
        if fits {
            stage.row_len = divided(row.writes.to - row.writes.from, stage.rows as u32);
            let [from, to] = stage.reads(0, 1);
            let [low, high] = stage.reads(stage.rows - 1, stage.rows);
            fits = matches!(stage.rule.kind, RowKind::Sums) || from < to && low < high;
        }
        memory.writes[j % MAX_STAGES] = row.writes;
        self.stages[j % MAX_STAGES] = stage;
        if fits { barrier } else { j + 1 }
    }

    /// What the stages from `first` on do for the next rows of the image, when they have made so
    /// many.
    pub(super) const fn step(&self, first: usize, made: &Counts) -> Step {
        let mut step = Step {
            goals: *made,
            needed: [u16::MAX; MAX_STAGES],
        };
        let mut j = self.count;
        while j > first {
            let last = j == self.count;
            j -= 1;
            let stage = &self.stages[j % MAX_STAGES];
            let row = made[j % MAX_STAGES];
            if row >= stage.rows {
                continue;
            }
            let goal = &mut step.goals[j % MAX_STAGES];
            *goal = stage.end_of_unit(if last { row + 1 } else { *goal });
            let more = *goal > row;
            let [low, high] = stage.reads(row, if more { *goal } else { row + 1 });
            let mut operand = 0;
            while operand < 2 {
                let source = stage.sources[operand] as usize;
                if source < self.count && source >= first {
                    let goal = &mut step.goals[source % MAX_STAGES];
                    if more && high > *goal as u32 {
                        *goal = high as u16;
                    }
                    let needed = &mut step.needed[source % MAX_STAGES];
                    if low < *needed as u32 {
                        *needed = low as u16;
                    }
                }
                operand += 1;
            }
        }
        step
    }

    /// Goes through the rows of the image to find how many rows each stage has to keep.
    const fn find_rooms(&mut self, barrier: usize) {
        let mut made = [0; MAX_STAGES];
        let last = (self.count - 1) % MAX_STAGES;
        while made[last] < self.stages[last].rows {
            let step = self.step(barrier, &made);
            let mut j = barrier;
            while j < self.count {
                let room = step.goals[j % MAX_STAGES].saturating_sub(step.needed[j % MAX_STAGES]);
                let stage = &mut self.stages[j % MAX_STAGES];
                if room > stage.room {
                    stage.room = room;
                }
                j += 1;
            }
            if step.goals[last] <= made[last] {
                return;
            }
            made = step.goals;
        }
    }

    /// Chooses the first stage, so that least memory is needed, and places what is kept.
    const fn choose(&mut self, glance: &Glance, memory: &Memory, barrier: usize) {
        let mut best = glance.scratch_len as u32;
        let mut first = self.count;
        while first > barrier {
            first -= 1;
            best = least(best, self.total(first, memory).0);
        }
        // The fewest layers that need nearly as little: rows by themselves take longer.
        let enough = best.saturating_add(best / 16);
        first = self.count;
        while first > barrier {
            first -= 1;
            let (total, mut at) = self.total(first, memory);
            if total > enough {
                continue;
            }
            self.first = first;
            self.scratch_len = align(total) as usize;
            let mut j = first;
            while j + 1 < self.count {
                let stage = &mut self.stages[j % MAX_STAGES];
                stage.at = at;
                at = at.saturating_add(stage.kept_len());
                j += 1;
            }
            let last = &self.stages[(self.count - 1) % MAX_STAGES];
            self.frame_len = glance.frame_len(last.unit() as usize);
            return;
        }
    }

    /// Scratch bytes with `first` as the first stage, and where what is kept begins.
    const fn total(&self, first: usize, memory: &Memory) -> (u32, u32) {
        let mut rings = 0_u32;
        let mut whole = memory.own;
        let mut j = first;
        while j < self.count {
            let stage = &self.stages[j % MAX_STAGES];
            if j + 1 < self.count {
                rings = rings.saturating_add(stage.kept_len());
            }
            let mut operand = 0;
            while operand < 2 {
                let source = stage.sources[operand] as usize;
                let range = if source < first {
                    memory.writes[source % MAX_STAGES]
                } else {
                    memory.outer[j % MAX_STAGES][operand]
                };
                if range.meets(memory.own) {
                    return (u32::MAX, 0);
                }
                whole = whole.and(range);
                operand += 1;
            }
            j += 1;
        }
        let at = if rings <= whole.from {
            0
        } else {
            align(whole.to)
        };
        let end = most(whole.to, at.saturating_add(rings));
        (most(memory.before[first % MAX_STAGES], end), at)
    }
}
