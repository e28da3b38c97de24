//! Strided layers against plain definitions: random shapes and strides, at every SIMD level.

use dreamlet_runtime::engine::compiled::format::{
    Activation, BufferRef, CHECKED_FROM, DType, FormatError, HwcShape, Instruction, Layer, MapOp,
    Op, OperandRef, Reduction, Source, StridedLayer, StridedOperand, StridedWork, Strides, Weights,
    checksum,
};
use dreamlet_runtime::engine::compiled::{Engine, Model, SimdLevel};

use crate::builder::{AlignedFile, Builder, numbers};
use crate::cases;
use crate::layers::{grey, run};

/// Numbers by chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A strided layer without addresses, with its operands' elements.
struct Case {
    sizes: Vec<u32>,
    output: Strides,
    output_len: usize,
    operands: Vec<(Strides, Vec<f32>)>,
    work: StridedWork,
}

/// All indices of a space.
fn indices(sizes: &[u32]) -> Vec<Vec<i64>> {
    let mut all = vec![Vec::new()];
    for size in sizes {
        all = all
            .iter()
            .flat_map(|index| (0..*size).map(move |i| [index.as_slice(), &[i.into()]].concat()))
            .collect();
    }
    all
}

fn place(strides: &Strides, index: &[i64]) -> usize {
    let steps = index.iter().zip(&strides.strides);
    let at = i64::from(strides.first) + steps.map(|(i, s)| i * i64::from(*s)).sum::<i64>();
    usize::try_from(at).unwrap()
}

/// What an instruction makes.
fn made(op: MapOp, a: f64, b: f64, c: f64) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    match op {
        MapOp::Copy => a,
        MapOp::Relu => a.max(0.0),
        MapOp::Tanh => a.tanh(),
        MapOp::Sigmoid => 1.0 / (1.0 + (-a).exp()),
        MapOp::Softplus => a.exp().ln_1p(),
        MapOp::Exp => a.exp(),
        MapOp::Log => a.ln(),
        MapOp::Sqrt => a.sqrt(),
        MapOp::Reciprocal => 1.0 / a,
        MapOp::Erf => {
            // The series, for small arguments.
            let (mut term, mut sum) = (a, 0.0);
            for n in 0..60 {
                sum += term / f64::from(2 * n + 1);
                term *= -a * a / f64::from(n + 1);
            }
            sum * 2.0 / std::f64::consts::PI.sqrt()
        }
        MapOp::Sin => a.sin(),
        MapOp::Cos => a.cos(),
        MapOp::Atan => a.atan(),
        MapOp::Neg => -a,
        MapOp::Abs => a.abs(),
        MapOp::Floor => a.floor(),
        MapOp::Ceil => a.ceil(),
        MapOp::Round => a.round_ties_even(),
        MapOp::Trunc => a.trunc(),
        MapOp::Sign if a == 0.0 => 0.0,
        MapOp::Sign => a.signum(),
        MapOp::Not => truth(a == 0.0),
        MapOp::Add => a + b,
        MapOp::Sub => a - b,
        MapOp::Mul => a * b,
        MapOp::Div => a / b,
        MapOp::Pow => a.powf(b),
        MapOp::Max => a.max(b),
        MapOp::Min => a.min(b),
        MapOp::Mod => a % b,
        MapOp::Equal => truth(a == b),
        MapOp::Less => truth(a < b),
        MapOp::LeakyRelu => a.max(0.0) + b * a.min(0.0),
        MapOp::Elu => a.max(0.0) + b * a.min(0.0).exp_m1(),
        MapOp::MulAdd => a * b + c,
        MapOp::Select if a != 0.0 => b,
        MapOp::Select => c,
        MapOp::Clip => a.max(b).min(c),
    }
}

impl Case {
    /// By the definition, in double precision; elements that are not written stay 0.
    fn expected(&self) -> Vec<f64> {
        let mut out = vec![0.0; self.output_len];
        let element = |operand: usize, index: &[i64]| {
            let (strides, elements) = &self.operands[operand];
            f64::from(elements[place(strides, index)])
        };
        match &self.work {
            StridedWork::Map(program) => {
                for index in indices(&self.sizes) {
                    let mut results: Vec<f64> = Vec::new();
                    for instruction in program {
                        let value = |i: usize| match instruction.sources.get(i) {
                            Some(Source::Operand(operand)) => element(*operand, &index),
                            Some(Source::Result(result)) => results[*result],
                            Some(Source::Constant(value)) => f64::from(*value),
                            None => f64::NAN,
                        };
                        results.push(made(instruction.op, value(0), value(1), value(2)));
                    }
                    out[place(&self.output, &index)] = *results.last().unwrap();
                }
            }
            StridedWork::Reduce(reduction, reduced) => {
                let (start, f): (f64, fn(f64, f64) -> f64) = match reduction {
                    Reduction::Sum | Reduction::Mean => (0.0, |a, b| a + b),
                    Reduction::Max => (f64::NEG_INFINITY, f64::max),
                    Reduction::Min => (f64::INFINITY, f64::min),
                    Reduction::Prod => (1.0, |a, b| a * b),
                };
                let all = indices(&self.sizes);
                for index in &all {
                    out[place(&self.output, index)] = start;
                }
                for index in &all {
                    let to = &mut out[place(&self.output, index)];
                    *to = f(*to, element(0, index));
                }
                if *reduction == Reduction::Mean {
                    let count: u32 = reduced.iter().map(|dim| self.sizes[*dim]).product();
                    out.iter_mut().for_each(|x| *x /= f64::from(count));
                }
            }
            StridedWork::Move(fill) => {
                out.fill(fill.unwrap_or(0.0).into());
                for index in indices(&self.sizes) {
                    out[place(&self.output, &index)] = element(0, &index);
                }
            }
            StridedWork::MatMul => {
                for index in indices(&self.sizes) {
                    out[place(&self.output, &index)] += element(0, &index) * element(1, &index);
                }
            }
            StridedWork::Attention(scale) => {
                let [batch @ .., queries, columns, keys, inner] = self.sizes.as_slice() else {
                    panic!("attention has four dimensions");
                };
                for outer in indices(batch) {
                    let index = |own: [i64; 4]| [outer.as_slice(), &own].concat();
                    for query in 0..i64::from(*queries) {
                        let product = |key| {
                            let terms = (0..i64::from(*inner)).map(|i| {
                                let index = index([query, 0, key, i]);
                                element(0, &index) * element(1, &index)
                            });
                            terms.sum::<f64>() * f64::from(*scale)
                        };
                        let products: Vec<f64> = (0..i64::from(*keys)).map(product).collect();
                        let most = products.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        let weights: Vec<f64> = products.iter().map(|x| (x - most).exp()).collect();
                        let sum: f64 = weights.iter().sum();
                        for column in 0..i64::from(*columns) {
                            let values = weights.iter().zip(0..).map(|(weight, key)| {
                                weight * element(2, &index([query, column, key, 0]))
                            });
                            out[place(&self.output, &index([query, column, 0, 0]))] =
                                values.sum::<f64>() / sum;
                        }
                    }
                }
            }
            StridedWork::Resample { axis, taps, .. } => {
                for index in indices(&self.sizes) {
                    let mut from = index.clone();
                    for (position, weight) in &taps[index[*axis] as usize] {
                        from[*axis] = (*position).into();
                        out[place(&self.output, &index)] += f64::from(*weight) * element(0, &from);
                    }
                }
            }
        }
        out
    }

    /// A model: operands are copied from the latent to scratch memory, except those that the
    /// latent or the weights hold by `chance`; the layer's output, beside it, to the image.
    fn file(&self, chance: &mut Chance, in_place: bool) -> (Vec<u8>, Vec<f32>) {
        let latent: Vec<f32> = self.operands.iter().flat_map(|(_, x)| x.clone()).collect();
        let mut builder = Builder {
            latent: latent.len(),
            ..Builder::default()
        };
        let mut operands = Vec::new();
        let mut begin = 0;
        let mut buffers = Vec::new();
        for (i, (strides, elements)) in self.operands.iter().enumerate() {
            let kind = if in_place { 0 } else { chance.below(3) };
            let mut strides = strides.clone();
            let buffer = match kind {
                0 => {
                    let copy = copy((OperandRef::Latent, begin as u32), elements.len());
                    let room = builder.room(4 * elements.len() as u64);
                    push(&mut builder, &copy, room, elements.len());
                    let BufferRef::Scratch(byte) = room else {
                        unreachable!()
                    };
                    if i == 0 {
                        buffers.push(room);
                    }
                    OperandRef::Scratch(byte)
                }
                1 => OperandRef::Weights(builder.f32s(elements)),
                _ => {
                    strides.first += begin as u32;
                    OperandRef::Latent
                }
            };
            operands.push(StridedOperand { buffer, strides });
            begin += elements.len();
        }
        let layer = StridedLayer {
            sizes: self.sizes.clone(),
            output: self.output.clone(),
            operands,
            work: self.work.clone(),
        };
        let output = if in_place {
            buffers[0]
        } else {
            let room = builder.room(4 * self.output_len as u64);
            // What is not written shall be 0.
            let zeros = OperandRef::Weights(builder.f32s(&vec![0.0; self.output_len]));
            push(
                &mut builder,
                &copy((zeros, 0), self.output_len),
                room,
                self.output_len,
            );
            room
        };
        push(&mut builder, &layer, output, self.output_len);
        let BufferRef::Scratch(byte) = output else {
            unreachable!()
        };
        let last = copy((OperandRef::Scratch(byte), 0), self.output_len);
        push(&mut builder, &last, BufferRef::Image, self.output_len);
        (builder.file(grey(self.output_len)), latent)
    }

    fn check(&self, chance: &mut Chance, in_place: bool, what: &str) {
        let given: usize = self.operands.iter().map(|(_, x)| x.len()).sum();
        if given > 60_000 || self.output_len > 16_000 {
            return;
        }
        let (file, latent) = self.file(chance, in_place);
        let expected = self.expected();
        for level in SimdLevel::available() {
            let found = run(&file, level, &latent);
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let scale = expected.abs().max(1.0);
                let near = (f64::from(*found) - expected).abs() < 3e-6 * scale;
                assert!(
                    near,
                    "{what}, {level}: element {i} is {found}, expected {expected}; {:?} {:?}",
                    self.sizes, self.output
                );
            }
        }
    }
}

/// A copy of `len` elements side by side.
fn copy((buffer, first): (OperandRef, u32), len: usize) -> StridedLayer {
    let sizes = vec![len as u32];
    StridedLayer {
        output: Strides::contiguous(&sizes),
        operands: vec![StridedOperand {
            buffer,
            strides: Strides {
                first,
                strides: vec![1],
            },
        }],
        sizes,
        work: StridedWork::Move(None),
    }
}

pub(crate) fn push(builder: &mut Builder, layer: &StridedLayer, output: BufferRef, len: usize) {
    let words = layer.emit().unwrap();
    let offset = builder.bytes(words.iter().flat_map(|word| word.to_le_bytes()));
    let shape = HwcShape::vector(len as u32);
    builder.layers.push(Layer {
        op: layer.op(words.len() as u32),
        input: BufferRef::None,
        input_dtype: DType::F32,
        input_shape: shape,
        second: BufferRef::None,
        output,
        output_dtype: DType::F32,
        output_shape: shape,
        activation: Activation::None,
        weights: Some(Weights {
            dtype: DType::F32,
            offset,
            bias: None,
        }),
        requantization: None,
    });
}

/// Strides of a tensor of such sizes in a random order of dimensions, some reversed, some apart,
/// some (in `repeat`) 0; and the elements that it needs.
fn strides(chance: &mut Chance, sizes: &[u32], repeat: &[bool], plain: bool) -> (Strides, usize) {
    let rank = sizes.len();
    let mut order: Vec<usize> = (0..rank).collect();
    if !plain {
        for i in (1..rank).rev() {
            order.swap(i, chance.below(i + 1));
        }
    }
    let mut strides = vec![0; rank];
    let (mut next, mut first) = (1i64, 0i64);
    for &dim in order.iter().rev() {
        if repeat[dim] {
            continue;
        }
        let gap = if plain {
            0
        } else {
            chance.of(&[0, 0, 0, 1, 3])
        };
        let reversed = !plain && chance.below(4) == 0;
        strides[dim] = if reversed { -next } else { next } as i32;
        if reversed {
            first += next * i64::from(sizes[dim] - 1);
        }
        next = next * i64::from(sizes[dim]) + gap;
    }
    let reach: i64 = (0..rank)
        .filter(|dim| !repeat[*dim])
        .map(|dim| i64::from(sizes[dim] - 1) * i64::from(strides[dim].abs()))
        .sum();
    let extra = chance.below(3) as i64;
    first += extra;
    let strides = Strides {
        first: first as u32,
        strides,
    };
    (strides, (reach + extra + 1) as usize + chance.below(2))
}

/// Sizes of a space of at most 3000 elements.
fn sizes(chance: &mut Chance, most: usize) -> Vec<u32> {
    loop {
        let rank = 1 + chance.below(most);
        let mut sizes: Vec<u32> = (0..rank).map(|_| 1 + chance.below(5) as u32).collect();
        let large = chance.below(rank);
        sizes[large] = chance.of(&[1, 7, 16, 17, 40, 64, 65, 130]);
        if sizes.iter().product::<u32>() <= 3000 {
            return sizes;
        }
    }
}

fn none(rank: usize) -> Vec<bool> {
    vec![false; rank]
}

fn some(chance: &mut Chance, rank: usize) -> Vec<bool> {
    (0..rank).map(|_| chance.below(3) == 0).collect()
}

#[test]
fn maps_run_their_program_for_each_element() {
    let chance = &mut Chance(1);
    for case in 0..cases(300) {
        let sizes = sizes(chance, 6);
        let in_place = case % 5 == 0;
        let plain = chance.below(3) == 0;
        let (output, output_len) = strides(chance, &sizes, &none(sizes.len()), plain);
        let count = 1 + chance.below(4);
        let mut operands: Vec<(Strides, Vec<f32>)> = (0..count)
            .map(|i| {
                let plain = chance.below(3) == 0;
                let repeat = some(chance, sizes.len());
                let (strides, len) = strides(chance, &sizes, &repeat, plain);
                (strides, numbers(100 * case + i as u64, len))
            })
            .collect();
        if in_place {
            operands[0] = (output.clone(), numbers(case, output_len));
        }
        // A chain of instructions without poles.
        let ops = [
            MapOp::Add,
            MapOp::Sub,
            MapOp::Mul,
            MapOp::Max,
            MapOp::Min,
            MapOp::MulAdd,
            MapOp::Tanh,
            MapOp::Sigmoid,
            MapOp::Sin,
            MapOp::Erf,
            MapOp::Neg,
            MapOp::Abs,
            MapOp::Clip,
            MapOp::Elu,
            MapOp::LeakyRelu,
            MapOp::Copy,
            MapOp::Relu,
            MapOp::Softplus,
            MapOp::Atan,
            MapOp::Cos,
        ];
        let mut program = Vec::new();
        for at in 0..1 + chance.below(12) {
            let op = chance.of(&ops);
            let sources: Vec<Source> = (0..op.arity())
                .map(|_| match chance.below(4) {
                    0 => Source::Constant(chance.of(&[0.5, -0.25, 1.0, 0.75])),
                    1 if at > 0 => Source::Result(at - 1 - chance.below(at.min(4))),
                    _ => Source::Operand(chance.below(count)),
                })
                .collect();
            program.push(Instruction::new(op, sources));
        }
        let mut map = Case {
            sizes,
            output,
            output_len,
            operands,
            work: StridedWork::Map(program),
        };
        if in_place {
            // What lies between the places stays.
            let untouched = map.operands[0].1.clone();
            let all = indices(&map.sizes);
            let places: Vec<usize> = all.iter().map(|index| place(&map.output, index)).collect();
            let clean: Vec<f32> = (0..untouched.len())
                .map(|i| {
                    if places.contains(&i) {
                        untouched[i]
                    } else {
                        0.0
                    }
                })
                .collect();
            map.operands[0].1 = clean;
        }
        map.check(chance, in_place, &format!("map {case}"));
    }
}

#[test]
fn every_instruction_does_what_its_name_says() {
    let chance = &mut Chance(2);
    let n = 203;
    let uniform = numbers(5, n);
    let large: Vec<f32> = uniform.iter().map(|x| x * 4.0).collect();
    let positive: Vec<f32> = uniform.iter().map(|x| x.abs() * 5.0 + 0.01).collect();
    let whole: Vec<f32> = uniform.iter().map(|x| (x * 4.0).round()).collect();
    let halves: Vec<f32> = uniform.iter().map(|x| (x * 16.0).round() / 2.0).collect();
    for &op in MapOp::ALL {
        let (a, b) = match op {
            MapOp::Log | MapOp::Sqrt | MapOp::Reciprocal | MapOp::Pow => (&positive, &uniform),
            MapOp::Floor | MapOp::Ceil | MapOp::Round | MapOp::Trunc => (&halves, &uniform),
            MapOp::Not | MapOp::Select | MapOp::Sign | MapOp::Equal => (&whole, &whole),
            MapOp::Div => (&large, &positive),
            MapOp::Mod => (&halves, &positive),
            MapOp::Erf => (&uniform, &uniform),
            _ => (&large, &uniform),
        };
        let plain = Strides::contiguous(&[n as u32]);
        let reversed = Strides {
            first: n as u32 - 1,
            strides: vec![-1],
        };
        let b_strides = if op == MapOp::Equal {
            &plain
        } else {
            &reversed
        };
        Case {
            sizes: vec![n as u32],
            output: plain.clone(),
            output_len: n,
            operands: vec![
                (plain.clone(), a.clone()),
                (b_strides.clone(), b.clone()),
                (plain.clone(), uniform.clone()),
            ],
            work: StridedWork::Map(vec![Instruction::new(
                op,
                (0..op.arity()).map(Source::Operand).collect::<Vec<_>>(),
            )]),
        }
        .check(chance, false, &format!("{op:?}"));
    }
}

#[test]
fn reductions_put_elements_together() {
    let chance = &mut Chance(3);
    for case in 0..cases(300) {
        let sizes = sizes(chance, 6);
        let mut reduced = some(chance, sizes.len());
        let any = chance.below(sizes.len());
        reduced[any] |= chance.below(4) > 0;
        let (output, output_len) = strides(chance, &sizes, &reduced, case % 2 == 0);
        let (input, len) = strides(chance, &sizes, &none(sizes.len()), case % 3 == 0);
        let reduction = chance.of(Reduction::ALL);
        let scale = if reduction == Reduction::Prod {
            0.3
        } else {
            1.0
        };
        let plus = if reduction == Reduction::Prod {
            0.9
        } else {
            0.0
        };
        let elements = numbers(case, len)
            .iter()
            .map(|x| x * scale + plus)
            .collect();
        let written = (0..sizes.len()).filter(|dim| reduced[*dim]).collect();
        let case_ = Case {
            sizes,
            output,
            output_len,
            operands: vec![(input, elements)],
            work: StridedWork::Reduce(reduction, written),
        };
        case_.check(chance, false, &format!("reduce {case} {reduction:?}"));
    }
}

/// Windows of a pooling overlap; sums of many elements stay right.
#[test]
fn poolings_and_large_sums_are_reductions() {
    let chance = &mut Chance(4);
    // 3x3 by 2 over 9x9x5, HWC.
    let (side, c) = (9, 5);
    let input = Strides {
        first: 0,
        strides: vec![2 * side * c, 2 * c, 1, side * c, c],
    };
    for reduction in [Reduction::Max, Reduction::Mean] {
        Case {
            sizes: vec![4, 4, c as u32, 3, 3],
            output: Strides {
                first: 0,
                strides: vec![4 * c, c, 1, 0, 0],
            },
            output_len: 80,
            operands: vec![(input.clone(), numbers(1, (side * side * c) as usize))],
            work: StridedWork::Reduce(reduction, vec![3, 4]),
        }
        .check(chance, false, "pooling");
    }
    for (sizes, output, reduced) in [
        (vec![60_000], vec![0], vec![0]),
        (vec![20_000, 3], vec![0, 1], vec![0]),
        (vec![3, 20_000], vec![1, 0], vec![1]),
    ] {
        let len: u32 = sizes.iter().product();
        let elements = numbers(3, len as usize)
            .iter()
            .map(|x| x * 0.1 + 1.0)
            .collect();
        Case {
            output: Strides {
                first: 0,
                strides: output,
            },
            output_len: 3,
            operands: vec![(Strides::contiguous(&sizes), elements)],
            sizes,
            work: StridedWork::Reduce(Reduction::Sum, reduced),
        }
        .check(chance, false, "sum");
    }
}

#[test]
fn moves_copy_with_strides_and_fill() {
    let chance = &mut Chance(5);
    for case in 0..cases(300) {
        let sizes = sizes(chance, 6);
        let rank = sizes.len();
        let (output, output_len) = strides(chance, &sizes, &none(rank), case % 2 == 0);
        let repeat = if case % 4 == 0 {
            some(chance, rank)
        } else {
            none(rank)
        };
        let (input, len) = strides(chance, &sizes, &repeat, case % 3 == 0);
        let fill = chance.of(&[None, Some(0.25)]);
        let case_ = Case {
            sizes,
            output,
            output_len,
            operands: vec![(input, numbers(case, len))],
            work: StridedWork::Move(fill),
        };
        case_.check(chance, false, &format!("move {case}"));
    }
}

#[test]
fn products_of_matrices_are_sums_of_products() {
    let chance = &mut Chance(6);
    for case in 0..cases(250) {
        let batch = chance.below(4);
        let mut sizes: Vec<u32> = (0..batch).map(|_| chance.of(&[1, 2, 3])).collect();
        sizes.extend((0..2).map(|_| chance.of(&[1, 2, 3, 5, 8, 9, 16, 17, 31, 33])));
        sizes.push(chance.of(&[1, 2, 7, 16, 33, 64, 255, 256, 257, 300, 600]));
        let rank = sizes.len();
        let without = |chance: &mut Chance, dim: usize| {
            let mut repeat = none(rank);
            repeat[dim] = true;
            for at in &mut repeat[..batch] {
                *at = dim < rank - 1 && chance.below(3) == 0;
            }
            repeat
        };
        let plain = case % 3 == 0;
        let repeat = without(chance, rank - 1);
        let (output, output_len) = strides(chance, &sizes, &repeat, plain);
        let repeat = without(chance, rank - 2);
        let (left, left_len) = strides(chance, &sizes, &repeat, plain);
        let repeat = without(chance, rank - 3);
        let (right, right_len) = strides(chance, &sizes, &repeat, case % 2 == 0);
        let scaled = |seed, len| numbers(seed, len).iter().map(|x| x * 0.25).collect();
        let case_ = Case {
            sizes,
            output,
            output_len,
            operands: vec![
                (left, scaled(case, left_len)),
                (right, scaled(case + 1, right_len)),
            ],
            work: StridedWork::MatMul,
        };
        case_.check(chance, false, &format!("matrices {case}"));
    }
}

#[test]
fn attention_is_values_by_the_softmax_of_products() {
    let chance = &mut Chance(10);
    for case in 0..cases(150) {
        let batch = chance.below(3);
        let mut sizes: Vec<u32> = (0..batch).map(|_| chance.of(&[1, 2, 3])).collect();
        sizes.push(chance.of(&[1, 2, 7, 8, 33, 64, 65, 130]));
        sizes.push(chance.of(&[1, 3, 8, 16, 17, 33]));
        sizes.push(chance.of(&[1, 2, 7, 16, 127, 128, 129, 300]));
        sizes.push(chance.of(&[1, 2, 7, 8, 16, 33, 260]));
        let rank = sizes.len();
        let without = |chance: &mut Chance, dims: [usize; 2], batches: bool| {
            let mut repeat = none(rank);
            for dim in dims {
                repeat[rank - dim] = true;
            }
            for at in &mut repeat[..batch] {
                *at = batches && chance.below(3) == 0;
            }
            repeat
        };
        let plain = case % 3 == 0;
        let repeat = without(chance, [2, 1], false);
        let (output, output_len) = strides(chance, &sizes, &repeat, plain);
        let mut operands = Vec::new();
        for (i, dims) in [[3, 2], [4, 3], [4, 1]].into_iter().enumerate() {
            let repeat = without(chance, dims, true);
            let (strides, len) =
                strides(chance, &sizes, &repeat, plain || case % 2 == i as u64 % 2);
            // Exponentials of large products would have their rounding errors.
            let elements = numbers(3 * case + i as u64, len);
            operands.push((strides, elements.iter().map(|x| x * 0.25).collect()));
        }
        let case_ = Case {
            sizes,
            output,
            output_len,
            operands,
            work: StridedWork::Attention(chance.of(&[1.0, 0.25, -0.5])),
        };
        case_.check(chance, false, &format!("attention {case}"));
    }
}

#[test]
fn resamplings_are_sums_with_weights() {
    let chance = &mut Chance(7);
    for case in 0..cases(250) {
        let sizes = sizes(chance, 6);
        let rank = sizes.len();
        let axis = chance.below(rank);
        let positions = chance.of(&[1, 2, 3, 8]);
        let taps = (0..sizes[axis])
            .map(|_| {
                (0..chance.below(5))
                    .map(|_| {
                        (
                            chance.below(positions) as u32,
                            chance.of(&[0.5, -0.25, 1.0]),
                        )
                    })
                    .collect()
            })
            .collect();
        let (output, output_len) = strides(chance, &sizes, &none(rank), case % 2 == 0);
        let mut read = sizes.clone();
        read[axis] = positions as u32;
        let (input, len) = strides(chance, &read, &none(rank), case % 3 == 0);
        let case_ = Case {
            sizes,
            output,
            output_len,
            operands: vec![(input, numbers(case, len))],
            work: StridedWork::Resample {
                axis,
                positions: positions as u32,
                taps,
            },
        };
        case_.check(chance, false, &format!("resample {case}"));
    }
}

/// Where the last strided layer but one has its words in a file, and how many there are.
fn words_of(file: &[u8]) -> (usize, usize) {
    let aligned = AlignedFile::new(file);
    let model = Model::new(aligned.get()).unwrap();
    let at = model.layers().len() - 2;
    let layer = model.layers().nth(at).unwrap().unwrap();
    let Op::Strided(_, count) = layer.op else {
        panic!("{:?}", layer.op);
    };
    let begin = file.len() - model.weights().len();
    (
        begin + layer.weights.unwrap().offset as usize,
        count as usize,
    )
}

/// Any word of a strided layer may be any number: the file is refused or runs, and nothing outside
/// the buffers is touched (the engine's accesses are checked; Miri and sanitizers see the rest).
#[test]
fn hostile_words_are_refused_or_run_within_their_buffers() {
    let chance = &mut Chance(8);
    let (mut refused, mut ran) = (0, 0);
    for case in 0..cases(40) {
        let mut sizes = vec![2, 3, 4];
        let (output, repeat) = (Strides::contiguous(&[2, 3, 4]), none(3));
        let operand = |chance: &mut Chance| {
            let (strides, len) = strides(chance, &[2, 3, 4], &repeat, false);
            (strides, numbers(case, len))
        };
        let square = [
            Source::Operand(0),
            Source::Operand(0),
            Source::Constant(1.0),
        ];
        let (work, output) = match case % 6 {
            0 => (
                StridedWork::Map(vec![
                    Instruction::new(MapOp::MulAdd, square),
                    Instruction::new(MapOp::Tanh, [Source::Result(0)]),
                ]),
                output,
            ),
            1 => (
                StridedWork::Reduce(Reduction::Mean, vec![2]),
                Strides {
                    first: 0,
                    strides: vec![3, 1, 0],
                },
            ),
            2 => (StridedWork::Move(Some(1.0)), output),
            3 => (
                StridedWork::MatMul,
                Strides {
                    first: 0,
                    strides: vec![3, 1, 0],
                },
            ),
            4 => (
                StridedWork::Attention(0.5),
                Strides {
                    first: 0,
                    strides: vec![3, 1, 0, 0],
                },
            ),
            _ => (
                StridedWork::Resample {
                    axis: 1,
                    positions: 3,
                    taps: vec![vec![(0, 0.5), (2, 0.5)], vec![], vec![(1, 1.0)]],
                },
                output,
            ),
        };
        let walk = |strides: [i32; 4], len| {
            let strides = strides.to_vec();
            (Strides { first: 0, strides }, numbers(case, len))
        };
        let operands = match work {
            StridedWork::Attention(_) => {
                sizes.push(2);
                vec![
                    walk([2, 0, 0, 1], 4),
                    walk([0, 0, 2, 1], 8),
                    walk([0, 1, 3, 0], 12),
                ]
            }
            StridedWork::MatMul => vec![
                (
                    Strides {
                        first: 0,
                        strides: vec![4, 0, 1],
                    },
                    numbers(1, 8),
                ),
                (
                    Strides {
                        first: 0,
                        strides: vec![0, 4, 1],
                    },
                    numbers(2, 12),
                ),
            ],
            _ => vec![operand(chance)],
        };
        let case = Case {
            sizes,
            output,
            output_len: 24,
            operands,
            work,
        };
        let (file, latent) = case.file(&mut Chance(9), false);
        let (words, count) = words_of(&file);
        for _ in 0..400 {
            let mut damaged = file.clone();
            let at = words + 4 * chance.below(count);
            let word = match chance.below(6) {
                0 => chance.of(&[0, 1, 2, 3, 5, 6, 7, 8, 255, 256, 1 << 16]),
                1 => chance.of(&[u32::MAX, 1 << 31, i32::MAX as u32, 1 << 30, u32::MAX - 3]),
                2 => chance.below(1 << 31) as u32,
                3 => (-(chance.below(64) as i32)).cast_unsigned(),
                4 => 4 * chance.below(200) as u32,
                _ => chance.below(64) as u32,
            };
            damaged[at..at + 4].copy_from_slice(&word.to_le_bytes());
            let sum = checksum(&damaged[CHECKED_FROM..]);
            damaged[16..20].copy_from_slice(&sum.to_le_bytes());
            let damaged = AlignedFile::new(&damaged);
            let Ok(model) = Model::new(damaged.get()) else {
                refused += 1;
                continue;
            };
            for level in [SimdLevel::SCALAR, SimdLevel::detect()] {
                let mut scratch = vec![0; model.scratch_len()];
                let mut image = vec![0.0; model.image_len()];
                Engine::with_simd_level(model, level)
                    .generate(&latent, None, &mut scratch, &mut image)
                    .unwrap();
            }
            ran += 1;
        }
    }
    assert!(refused.min(ran) * 16 > refused + ran, "{refused}, {ran}");
}

/// A model of a map over ten elements at byte 0 of scratch memory into `output`.
fn map_at(output: u32, walk: Strides, operand: OperandRef, read: Strides) -> Vec<u8> {
    let mut builder = Builder {
        latent: 10,
        scratch: 256,
        ..Builder::default()
    };
    let layer = StridedLayer {
        sizes: vec![10],
        output: walk,
        operands: vec![StridedOperand {
            buffer: operand,
            strides: read,
        }],
        work: StridedWork::Map(vec![Instruction::new(MapOp::Neg, [Source::Operand(0)])]),
    };
    push(&mut builder, &layer, BufferRef::Scratch(output), 10);
    let last = copy((OperandRef::Scratch(output), 0), 10);
    push(&mut builder, &last, BufferRef::Image, 10);
    builder.file(grey(10))
}

fn refusal(file: &[u8]) -> FormatError {
    Model::new(AlignedFile::new(file).get()).unwrap_err()
}

#[test]
fn an_output_over_what_is_read_is_refused_unless_in_place() {
    let plain = || Strides::contiguous(&[10]);
    let reversed = || Strides {
        first: 9,
        strides: vec![-1],
    };
    let scratch = OperandRef::Scratch;
    for (file, fits) in [
        (map_at(0, plain(), scratch(0), plain()), true),
        (map_at(0, reversed(), scratch(0), reversed()), true),
        (map_at(0, plain(), scratch(40), plain()), true),
        (map_at(40, plain(), scratch(0), plain()), true),
        (map_at(0, plain(), scratch(0), reversed()), false),
        (map_at(36, plain(), scratch(0), plain()), false),
        (map_at(0, plain(), scratch(36), plain()), false),
    ] {
        if fits {
            assert!(Model::new(AlignedFile::new(&file).get()).is_ok());
        } else {
            assert_eq!(refusal(&file), FormatError::Overlap { layer: 0 });
        }
    }
}

#[test]
fn operands_outside_their_buffers_are_refused() {
    let plain = || Strides::contiguous(&[10]);
    let far = |first, stride| Strides {
        first,
        strides: vec![stride],
    };
    for (operand, read) in [
        (OperandRef::Latent, far(1, 1)),
        (OperandRef::Latent, far(0, -1)),
        (OperandRef::Latent, far(9, i32::MIN)),
        (OperandRef::Scratch(220), plain()),
        (OperandRef::Scratch(42), plain()),
        (OperandRef::Scratch(64), far(u32::MAX, 1)),
        (OperandRef::Scratch(64), far(0, i32::MAX)),
        (OperandRef::Weights(1 << 20), plain()),
    ] {
        let error = refusal(&map_at(0, plain(), operand, read));
        assert!(
            matches!(error, FormatError::Range { layer: 0, .. }),
            "{error}"
        );
    }
    for walk in [far(1, 1), far(0, 2), far(0, 0), far(0, -1)] {
        refusal(&map_at(0, walk, OperandRef::Latent, plain()));
    }
}

/// Engines from before strided layers say that they are too old, and files are not called older
/// than they are.
#[test]
fn files_with_strided_layers_are_of_version_2() {
    let plain = || Strides::contiguous(&[10]);
    let mut file = map_at(0, plain(), OperandRef::Latent, plain());
    assert_eq!(file[8..10], [2, 0]);
    assert!(Model::new(AlignedFile::new(&file).get()).is_ok());
    file[8] = 1;
    assert!(matches!(
        refusal(&file),
        FormatError::Layer { layer: 0, .. }
    ));
    file[8] = 4;
    assert_eq!(
        refusal(&file),
        FormatError::Version {
            newest: 3,
            found: 4
        }
    );
}

#[test]
fn what_there_is_no_room_for_is_not_written() {
    let sources = |i| [Source::Result(i), Source::Operand(0)];
    let emit = |program| {
        StridedLayer {
            sizes: vec![4],
            output: Strides::contiguous(&[4]),
            operands: vec![StridedOperand {
                buffer: OperandRef::Latent,
                strides: Strides::contiguous(&[4]),
            }],
            work: StridedWork::Map(program),
        }
        .emit()
    };
    // Nine results that are all read at the end.
    let mut program: Vec<Instruction> = (0..9)
        .map(|_| Instruction::new(MapOp::Neg, [Source::Operand(0)]))
        .collect();
    for i in (0..9).rev() {
        program.push(Instruction::new(MapOp::Add, sources(i)));
    }
    assert_eq!(emit(program.clone()).unwrap_err().limit, 8);
    program.remove(0);
    assert!(emit(program[..1].to_vec()).is_ok());
    assert!(emit(Vec::new()).is_err());
    let later = vec![Instruction::new(MapOp::Add, sources(1))];
    assert!(emit(later).is_err());
    let constants = (0..17).map(|i| Instruction::new(MapOp::Copy, [Source::Constant(i as f32)]));
    assert_eq!(emit(constants.collect()).unwrap_err().limit, 16);
}
