//! A short program for each element.

use super::math;
use super::space::{Dims, Elements, Position, copy_run};
use crate::engine::compiled::format::{
    Activation, MAX_CONSTANTS, MAX_INSTRUCTIONS, MAX_OPERANDS, MapOp, REGISTERS,
};
use crate::engine::compiled::kernels::activate::activate_all;
use crate::engine::compiled::kernels::vector::F32Vector;

/// Elements that a program runs over at once. A small machine has little room for its stack.
const LEN: usize = if cfg!(target_pointer_width = "64") {
    64
} else {
    16
};

type Block = [f32; LEN];

/// Tensors that are walked: the output, then operands.
pub(super) const WALKS: usize = 1 + MAX_OPERANDS;
/// What an instruction may read.
const SOURCES: usize = REGISTERS + MAX_OPERANDS + MAX_CONSTANTS;

/// One instruction. Its sources are numbers of blocks, of which those that it has not are 0.
#[derive(Clone, Copy)]
struct Instruction {
    op: MapOp,
    register: usize,
    sources: [usize; 3],
}

/// A map with its data.
pub(super) struct MapCall<'a> {
    dims: Dims<WALKS>,
    firsts: [isize; WALKS],
    operands: [Elements<'a>; MAX_OPERANDS],
    constants: &'a [u32],
    program: [Instruction; MAX_INSTRUCTIONS],
    len: usize,
    /// Operands that there are.
    count: usize,
}

/// How a tensor is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// One element after another.
    Linear,
    /// One element for all.
    Same,
    /// The same elements of the innermost dimensions again and again.
    Periodic,
    Strided,
}

/// The blocks of a program.
struct Blocks {
    all: [Block; SOURCES],
    result: Block,
}

impl<'a> MapCall<'a> {
    /// `None` for an instruction that is none, or names what there is not. That places are within
    /// their tensors is for the caller to see to.
    pub(super) fn new(
        dims: Dims<WALKS>,
        firsts: [isize; WALKS],
        (operands, count): ([Elements<'a>; MAX_OPERANDS], usize),
        constants: &'a [u32],
        program: &[[u32; 2]],
    ) -> Option<Self> {
        let mut call = Self {
            dims,
            firsts,
            operands,
            constants,
            program: [Instruction {
                op: MapOp::Copy,
                register: 0,
                sources: [0; 3],
            }; MAX_INSTRUCTIONS],
            len: program.len(),
            count,
        };
        let program = program.iter().zip(&mut call.program);
        for ([first, second], to) in program {
            let op = MapOp::from_code(first & 255)?;
            let [a, b, c, _] = second.to_le_bytes().map(usize::from);
            *to = Instruction {
                op,
                register: (first >> 8) as usize,
                sources: [a, b, c],
            };
            let sources = to.sources.iter();
            let inside = sources.clone().all(|source| *source < SOURCES);
            let apart = sources
                .take(op.arity())
                .all(|source| *source != to.register);
            if !inside || !apart || to.register >= REGISTERS {
                return None;
            }
        }
        (call.len <= MAX_INSTRUCTIONS && constants.len() <= MAX_CONSTANTS).then_some(call)
    }

    /// The innermost dimensions that a block has room for: how many they are, and their elements.
    fn period(&self) -> (usize, usize) {
        let (mut dims, mut elements) = (0, 1);
        for dim in self.dims.get().iter().rev() {
            match dim.size.saturating_mul(elements) {
                more @ ..=LEN => elements = more,
                _ => break,
            }
            dims += 1;
        }
        (dims, elements)
    }

    fn order(&self, walk: usize, inner: usize) -> Order {
        let (mut next, mut linear, mut same, mut periodic) = (1, true, true, true);
        for (at, dim) in self.dims.get().iter().rev().enumerate() {
            let stride = dim.strides.get(walk).copied().unwrap_or(0);
            linear &= stride == next;
            same &= stride == 0;
            periodic &= at < inner || stride == 0;
            next *= dim.size.cast_signed();
        }
        match (linear, same) {
            (_, true) => Order::Same,
            (true, _) => Order::Linear,
            _ if periodic && walk > 0 => Order::Periodic,
            _ => Order::Strided,
        }
    }

    /// The places of one tensor.
    fn alone(&self, walk: usize) -> Position<1> {
        let first = self.firsts.get(walk).copied().unwrap_or(0);
        self.dims.only(walk).walk([first])
    }

    /// Runs it.
    ///
    /// # Safety
    /// All places of operands and output are within their slices, and the processor has the
    /// vector's instructions.
    #[inline(always)]
    pub(super) unsafe fn run<V: F32Vector>(&self, out: &mut [f32]) {
        let total = self.dims.count();
        let out = out.as_mut_ptr();
        let mut blocks = Blocks {
            all: [[0.0; LEN]; SOURCES],
            result: [0.0; LEN],
        };
        let all: *mut Block = blocks.all.as_mut_ptr();
        let result: *mut Block = &raw mut blocks.result;
        let (inner, period) = self.period();
        let orders: [Order; WALKS] = core::array::from_fn(|walk| self.order(walk, inner));
        let mut sources: [*const Block; SOURCES] = [all; SOURCES];
        unsafe {
            for (i, source) in sources.iter_mut().enumerate() {
                *source = all.add(i);
            }
            for (i, constant) in self.constants.iter().enumerate() {
                *all.add(REGISTERS + MAX_OPERANDS + i) = [f32::from_bits(*constant); LEN];
            }
            // Elements that are done at once; with periods, a whole number of them.
            let mut step = LEN;
            for walk in 1..WALKS.min(1 + self.count) {
                let from = self
                    .place(walk, out)
                    .offset(*self.firsts.get_unchecked(walk));
                let block = all.add(REGISTERS + walk - 1);
                if *orders.get_unchecked(walk) == Order::Same {
                    *block = [*from; LEN];
                }
                if *orders.get_unchecked(walk) == Order::Periodic {
                    let place = self.place(walk, out);
                    let first: *mut f32 = block.cast();
                    let mut to = first;
                    let mut elements = self.alone(walk);
                    elements.runs(period, |[at], [stride], len| {
                        copy_run(place.offset(at), stride, to, 1, len);
                        to = to.add(len);
                    });
                    for i in period..LEN {
                        *first.add(i) = *first.add(i - period);
                    }
                    step = LEN - LEN.checked_rem(period).unwrap_or(0);
                }
            }
            // Each on its own, where its elements lie neither one after another nor in periods.
            let mut walks: [Position<1>; WALKS] =
                core::array::from_fn(|walk| match orders.get(walk) {
                    Some(Order::Strided) => self.alone(walk),
                    Some(Order::Same) if walk == 0 => self.alone(walk),
                    _ => Dims::NONE.walk([0]),
                });
            let mut done = 0;
            while done < total {
                let count = step.min(total - done);
                for walk in 1..WALKS.min(1 + self.count) {
                    let place = self.place(walk, out);
                    let block = all.add(REGISTERS + walk - 1);
                    match *orders.get_unchecked(walk) {
                        Order::Same | Order::Periodic => {}
                        Order::Linear => {
                            let from = place.offset(*self.firsts.get_unchecked(walk)).add(done);
                            let apart =
                                matches!(self.operands.get_unchecked(walk - 1), Elements::Apart(_));
                            let whole = count == LEN && apart;
                            *sources.get_unchecked_mut(REGISTERS + walk - 1) =
                                if whole { from.cast() } else { block };
                            if !whole {
                                core::ptr::copy_nonoverlapping(from, block.cast(), count);
                            }
                        }
                        Order::Strided => {
                            let mut to: *mut f32 = block.cast();
                            let next = walks.get_unchecked_mut(walk);
                            next.runs(count, |[at], [stride], len| {
                                copy_run(place.offset(at), stride, to, 1, len);
                                to = to.add(len);
                            });
                        }
                    }
                }
                // Where the output is written at once, its block is the last result.
                let linear = orders[0] == Order::Linear;
                let target = out.offset(self.firsts[0]).wrapping_add(done);
                let direct = linear && count == LEN;
                let last = if direct { target.cast() } else { result };
                let program = self.program.get(..self.len).unwrap_or_default();
                for (i, instruction) in program.iter().enumerate() {
                    let to = if i + 1 == program.len() {
                        last
                    } else {
                        all.add(instruction.register)
                    };
                    let [a, b, c] = instruction.sources.map(|i| &**sources.get_unchecked(i));
                    execute::<V>(instruction.op, &mut *to, a, b, c);
                }
                if !linear {
                    let mut from: *const f32 = result.cast();
                    walks[0].runs(count, |[at], [stride], len| {
                        copy_run(from, 1, out.offset(at), stride, len);
                        from = from.add(len);
                    });
                } else if !direct {
                    core::ptr::copy_nonoverlapping(result.cast(), target, count);
                }
                done += count;
            }
        }
    }

    /// Where the slice of a walk's operand begins.
    #[inline(always)]
    fn place(&self, walk: usize, out: *mut f32) -> *const f32 {
        match walk.checked_sub(1).and_then(|at| self.operands.get(at)) {
            Some(Elements::Apart(elements)) => elements.as_ptr(),
            _ => out,
        }
    }
}

/// `to[i] = f(a[i], b[i], c[i])`.
#[inline(always)]
fn each(to: &mut Block, a: &Block, b: &Block, c: &Block, f: impl Fn(f32, f32, f32) -> f32) {
    for i in 0..LEN {
        to[i] = f(a[i], b[i], c[i]);
    }
}

/// One instruction.
///
/// # Safety
/// The processor has the vector's instructions.
#[inline(always)]
unsafe fn execute<V: F32Vector>(op: MapOp, to: &mut Block, a: &Block, b: &Block, c: &Block) {
    macro_rules! each {
        ($f:expr) => {
            each(to, a, b, c, $f)
        };
    }
    macro_rules! vectors {
        (|$x:ident| $made:expr) => {
            for i in (0..LEN).step_by(V::LANES) {
                unsafe {
                    let $x = V::load(a.as_ptr().add(i));
                    $made.store(to.as_mut_ptr().add(i));
                }
            }
        };
    }
    macro_rules! activate {
        ($activation:expr) => {{
            *to = *a;
            unsafe { activate_all::<V>(to.as_mut_ptr(), LEN, $activation) }
        }};
    }
    match op {
        MapOp::Copy => *to = *a,
        MapOp::Relu => each!(|a, _, _| math::max(a, 0.0)),
        MapOp::Tanh => activate!(Activation::Tanh),
        MapOp::Sigmoid => activate!(Activation::Sigmoid),
        MapOp::Exp => vectors!(|x| exp(x)),
        MapOp::Sqrt => vectors!(|x| V::sqrt(x)),
        MapOp::Reciprocal => each!(|a, _, _| 1.0 / a),
        MapOp::Erf => vectors!(|x| erf(x)),
        MapOp::Sin => {
            each!(|a, _, _| math::sin(a));
            large_angles(to, a, libm::sinf);
        }
        MapOp::Cos => {
            each!(|a, _, _| math::cos(a));
            large_angles(to, a, libm::cosf);
        }
        MapOp::Neg => each!(|a, _, _| -a),
        MapOp::Abs => each!(|a, _, _| a.abs()),
        MapOp::Add => each!(|a, b, _| a + b),
        MapOp::Sub => each!(|a, b, _| a - b),
        MapOp::Mul => each!(|a, b, _| a * b),
        MapOp::Div => each!(|a, b, _| a / b),
        MapOp::Max => each!(|a, b, _| math::max(a, b)),
        MapOp::Min => each!(|a, b, _| math::min(a, b)),
        MapOp::LeakyRelu => each!(|a, b, _| if a > 0.0 { a } else { a * b }),
        MapOp::MulAdd => each!(|a, b, c| a * b + c),
        MapOp::Select => each!(|a, b, c| if a != 0.0 { b } else { c }),
        MapOp::Clip => each!(|a, b, c| math::min(math::max(a, b), c)),
        MapOp::Softplus => seldom(to, a, b, |a, _| math::softplus(a)),
        MapOp::Log => seldom(to, a, b, |a, _| math::log(a)),
        MapOp::Atan => seldom(to, a, b, |a, _| libm::atanf(a)),
        MapOp::Floor => seldom(to, a, b, |a, _| math::floor(a)),
        MapOp::Ceil => seldom(to, a, b, |a, _| math::ceil(a)),
        MapOp::Round => seldom(to, a, b, |a, _| math::round(a)),
        MapOp::Trunc => seldom(to, a, b, |a, _| math::trunc(a)),
        MapOp::Sign => seldom(to, a, b, |a, _| math::sign(a)),
        MapOp::Not => seldom(to, a, b, |a, _| math::truth(a == 0.0)),
        MapOp::Less => seldom(to, a, b, |a, b| math::truth(a < b)),
        MapOp::Elu => seldom(
            to,
            a,
            b,
            |a, b| if a > 0.0 { a } else { b * math::exp_m1(a) },
        ),
        MapOp::Pow => seldom(to, a, b, libm::powf),
        MapOp::Mod => seldom(to, a, b, math::remainder),
        MapOp::Equal => seldom(to, a, b, |a, b| math::truth(a == b)),
    }
}

/// What is needed seldom, one element after another: not worth its code for each SIMD level.
#[inline(never)]
fn seldom(to: &mut Block, a: &Block, b: &Block, f: fn(f32, f32) -> f32) {
    for ((to, a), b) in to.iter_mut().zip(a).zip(b) {
        *to = f(*a, *b);
    }
}

/// `exp(x)`, by the coefficients of Cephes' `expf`; within 2e-7 of it, below -87.3 next to 0.
///
/// # Safety
/// The processor has the vector's instructions.
#[inline(always)]
pub(super) unsafe fn exp<V: F32Vector>(x: V) -> V {
    /// Beyond it the result is infinite.
    const MOST: f32 = 88.722_83;
    unsafe {
        let value = exp_within::<V, true>(x.min(V::splat(MOST)));
        let beyond = V::splat(0.0).max(x.add(V::splat(-MOST)));
        value.fma(beyond, V::splat(f32::MAX))
    }
}

/// [`exp`] for numbers up to 88.7, or up to 0 without `POSITIVE`.
///
/// # Safety
/// The processor has the vector's instructions.
#[inline(always)]
pub(super) unsafe fn exp_within<V: F32Vector, const POSITIVE: bool>(x: V) -> V {
    /// 1.5 * 2^23: what is added to it is rounded to an integer.
    const MAGIC: f32 = 12_582_912.0;
    unsafe {
        let x = x.max(V::splat(-87.336_54));
        let n = V::splat(MAGIC).fma(x, V::splat(core::f32::consts::LOG2_E));
        let n = n.add(V::splat(-MAGIC));
        let n = if POSITIVE { n.min(V::splat(127.0)) } else { n };
        // ln 2 in two parts, the first of few bits.
        let r = x.fma(n, V::splat(-0.693_359_4));
        let r = r.fma(n, V::splat(2.121_944_4e-4));
        let mut sum = V::splat(1.987_569_1e-4);
        for coefficient in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
            sum = V::splat(coefficient).fma(sum, r);
        }
        let sum = r.fma(sum, r.mul(r)).add(V::splat(1.0));
        // What the least number gives is taken away: it is lost where it does not count.
        V::splat(-f32::MIN_POSITIVE).fma(sum, n.power_of_two())
    }
}

/// The error function as a rational function on -4 to 4, outside of which it is 1 to the last bit;
/// the coefficients are those of Eigen's.
///
/// # Safety
/// The processor has the vector's instructions.
#[inline(always)]
unsafe fn erf<V: F32Vector>(x: V) -> V {
    unsafe {
        let polynomial = |square: V, first: f32, others: &[f32]| {
            let mut sum = V::splat(first);
            for coefficient in others {
                sum = V::splat(*coefficient).fma(sum, square);
            }
            sum
        };
        let x = x.max(V::splat(-4.0)).min(V::splat(4.0));
        let square = x.mul(x);
        let numerator = polynomial(
            square,
            -2.726_142_3e-10,
            &[
                2.770_681_4e-8,
                -2.101_024e-6,
                -5.692_506_6e-5,
                -7.349_906e-4,
                -2.954_6e-3,
                -1.609_603_3e-2,
            ],
        );
        let denominator = polynomial(
            square,
            -1.456_607_2e-5,
            &[
                -2.133_740_6e-4,
                -1.682_827e-3,
                -7.373_329e-3,
                -1.426_473_9e-2,
            ],
        );
        x.mul(numerator).div(denominator)
    }
}

/// Angles that are too large for vectors, one by one.
fn large_angles(to: &mut Block, angles: &Block, f: fn(f32) -> f32) {
    for (to, angle) in to.iter_mut().zip(angles) {
        if angle.abs() > math::MOST_ANGLE {
            *to = f(*angle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::erf;
    use crate::engine::compiled::kernels::vector::F32Vector;
    use crate::engine::compiled::kernels::vector::portable::PortableF32x4;

    #[test]
    fn the_error_function_is_right_to_the_last_bits() {
        for i in -6000..6000 {
            let x = i as f32 / 1000.0;
            let mut found = [0.0; 4];
            // SAFETY: every processor has the portable vector's instructions; there is room.
            unsafe { erf(PortableF32x4::splat(x)).store(found.as_mut_ptr()) };
            assert!((found[0] - libm::erff(x)).abs() < 7e-7, "{x}: {found:?}");
        }
    }
}
