//! Is the graph a generator: latents and perhaps a class in, an image out?

use crate::build::Builder;
use crate::constant::{Constant, DType};
use crate::error::{ModelError, shorten};
use crate::graph::{Binary, Graph, Node, Op, Unary, Value, ValueId};
use crate::interface::{Alpha, InputKind, Interface, Layout};
use crate::limits::{Limits, MAX_LATENT_LEN};
use crate::proto::{GraphProto, NodeProto, ValueInfoProto};
use crate::translate::Translator;

/// What the check found out about a generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// The inputs of the file, in its order.
    pub inputs: Vec<Input>,
    /// Images of a batch, where the file fixes that.
    pub batch: Option<usize>,
    /// Length of the latent vector: all latent inputs, one after another.
    pub latent_len: usize,
    /// Whether every latent input was said to be uniform.
    pub uniform: bool,
    /// Whether it takes a class.
    pub conditional: bool,
    /// Classes that the graph has room for, where it says.
    pub class_rows: Option<usize>,
    /// Name of the output.
    pub output_name: String,
    /// Dimensions of the image: channels, rows, columns, or one length where it is flat.
    pub output_dims: Vec<usize>,
    /// Whether the file has channels last.
    pub channels_last: bool,
    /// How the fourth channel of the file was laid over a colour; the image has three.
    pub alpha: Option<Alpha>,
    /// Least and greatest element of the image, where the last operators bound them to 0 to 1, -1
    /// to 1 or 0 to 255.
    pub output_range: Option<(f32, f32)>,
    /// Multiplications and additions of one image.
    pub work: u64,
    /// Bytes of all values between the layers of one image, together.
    pub value_bytes: u64,
    /// Whether the graph has convolutions.
    pub convolutional: bool,
    /// The operator set of the file.
    pub opset: i64,
    /// What was assumed, one sentence each.
    pub notes: Vec<String>,
}

/// An input of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type in the file.
    pub dtype: DType,
    /// Its dimensions, for a batch of one.
    pub shape: Vec<usize>,
    /// What it takes.
    pub kind: InputKind,
    /// First of its elements in the latent vector.
    pub offset: usize,
}

const GENERATOR: &str = "a float input for the latent, [N, z] or [N, z, 1, 1], optionally an integer input for the class, \
     and an image as output, [N, channels, height, width]";

fn not_a_generator(found: impl Into<String>) -> ModelError {
    ModelError::Signature {
        expected: GENERATOR.into(),
        found: found.into(),
    }
}

/// A declared input or output: its type and dimensions, `None` where they are symbols.
struct Declared<'a> {
    name: &'a str,
    code: i32,
    dims: Vec<Option<i64>>,
}

impl<'a> Declared<'a> {
    fn of(info: &'a ValueInfoProto) -> Option<Self> {
        let (code, dims) = info.declared()?;
        Some(Self {
            name: &info.name,
            code,
            dims,
        })
    }

    /// The images of a batch, where they are fixed.
    fn fixed_batch(&self) -> Option<i64> {
        self.dims.first().copied().flatten()
    }

    fn describe(&self) -> String {
        let dtype = DType::of(self.code).map_or_else(
            || format!("type {}", self.code),
            |dtype| format!("{dtype:?}"),
        );
        let dims = self
            .dims
            .iter()
            .map(|dim| dim.map_or("?".into(), |dim| dim.to_string()));
        let dims: Vec<String> = dims.collect();
        format!("{} of {dtype} [{}]", shorten(self.name), dims.join(", "))
    }

    /// The shape for one image: the first dimension is the batch.
    fn shape(&self) -> Option<Vec<usize>> {
        let rest = self
            .dims
            .iter()
            .skip(1)
            .map(|dim| usize::try_from((*dim)?).ok());
        let rest: Option<Vec<usize>> = rest.collect();
        let batch = self.dims.first().map(|_| 1);
        Some(batch.into_iter().chain(rest?).collect())
    }
}

/// Checks and translates a graph as a whole.
pub(crate) fn check(
    pb: &GraphProto,
    nodes: &[(NodeProto, i64)],
    opset: i64,
    limits: &Limits,
    interface: &Interface,
) -> Result<(Inspection, Graph), ModelError> {
    let mut translator = Translator::new(pb, nodes, limits)?;
    let declared = declared(pb, &translator)?;
    let (inputs, latent, class) = inputs(&declared, &mut translator, interface)?;
    let latents = inputs.iter().filter(|input| input.kind.is_latent());
    let latent_len = latents
        .clone()
        .map(|input| input.shape.iter().product::<usize>())
        .sum();
    let uniform = latents
        .clone()
        .all(|input| input.kind == InputKind::Uniform);
    let batch = declared.iter().filter_map(Declared::fixed_batch).max();
    translator
        .run(nodes)
        .map_err(|error| match (batch, error) {
            (
                Some(batch @ 2..),
                ModelError::Shape {
                    node,
                    expected,
                    found,
                },
            ) => ModelError::FixedBatch {
                batch,
                problem: format!("{node}: expected {expected}, found {found}"),
            },
            (_, error) => error,
        })?;
    let (output_name, made, output) = output(pb, &translator, interface)?;
    let mut builder = translator.builder;
    builder.begin(&output_name, "output");
    let (image, channels_last) = image(&mut builder, made, output, interface)?;
    let (image, alpha) = over(&mut builder, image, interface)?;
    let output_dims = builder.shape(image).iter().skip(1).copied().collect();
    let (work, value_bytes, notes) = (builder.work, builder.value_bytes, builder.notes);
    let mut graph = Graph {
        values: builder.values,
        nodes: builder.nodes,
        latent,
        class,
        image,
    };
    graph.prune();
    if graph.nodes.is_empty() || !graph.depends_on(latent) {
        return Err(not_a_generator(format!(
            "the output {}, which does not depend on the latent",
            shorten(&output_name)
        )));
    }
    let convolution = |node: &Node| matches!(node.op, Op::Conv(_) | Op::ConvTranspose(_));
    let inspection = Inspection {
        batch: batch.and_then(|batch| usize::try_from(batch).ok()),
        latent_len,
        uniform,
        conditional: class.is_some(),
        class_rows: class_rows(&graph, &inputs),
        output_name,
        output_dims,
        channels_last,
        alpha,
        output_range: match alpha {
            Some(alpha) => Some(alpha.range),
            None => output_range(&graph.values, &graph.nodes, image),
        },
        inputs,
        work,
        value_bytes,
        convolutional: graph.nodes.iter().any(convolution),
        opset,
        notes,
    };
    Ok((inspection, graph))
}

/// The inputs that are no weights, which older files list beside them.
fn declared<'a>(
    pb: &'a GraphProto,
    translator: &Translator<'_>,
) -> Result<Vec<Declared<'a>>, ModelError> {
    let real = pb
        .input
        .iter()
        .filter(|info| translator.id(&info.name).is_none());
    let declared = real.map(|info| {
        Declared::of(info).ok_or_else(|| {
            not_a_generator(format!("{} without a type and shape", shorten(&info.name)))
        })
    });
    declared.collect()
}

type Inputs = (Vec<Input>, ValueId, Option<ValueId>);

/// The values of the graph's own inputs, and those of the file's made of them.
fn inputs<'a>(
    declared: &[Declared<'a>],
    translator: &mut Translator<'a>,
    interface: &Interface,
) -> Result<Inputs, ModelError> {
    for (name, _) in &interface.inputs {
        if !declared.iter().any(|input| input.name == name) {
            let names: Vec<_> = declared.iter().map(|input| shorten(input.name)).collect();
            return Err(ModelError::Signature {
                expected: format!("an input {}, as was said of the file", shorten(name)),
                found: format!("inputs {}", names.join(", ")),
            });
        }
    }
    let mut all: Vec<Input> = Vec::new();
    let mut latent_len = 0usize;
    for input in declared {
        let kind = kind(input, interface)?;
        let dtype = DType::of(input.code)
            .ok_or_else(|| not_a_generator(format!("the input {}", input.describe())))?;
        let shape = input.shape().filter(|shape| {
            let len = shape
                .iter()
                .try_fold(1usize, |len, dim| len.checked_mul(*dim));
            len.is_some_and(|len| (1..=MAX_LATENT_LEN).contains(&len))
        });
        let shape = shape.ok_or_else(|| {
            not_a_generator(format!(
                "{}: expected known dimensions behind the batch and 1 to {MAX_LATENT_LEN} elements",
                input.describe()
            ))
        })?;
        let fits = match kind {
            InputKind::Normal | InputKind::Uniform => dtype.is_float() && shape.len() > 1,
            InputKind::Class => dtype.canonical() == DType::I64 && shape.iter().all(|d| *d == 1),
            InputKind::OneHot(count) => shape.iter().product::<usize>() == count,
            InputKind::Constant(_) => true,
        };
        if !fits {
            return Err(ModelError::Signature {
                expected: format!("an input of the kind {kind}"),
                found: input.describe(),
            });
        }
        let is_latent = kind.is_latent();
        let len: usize = shape.iter().product();
        all.push(Input {
            name: input.name.into(),
            dtype,
            shape,
            kind,
            offset: latent_len,
        });
        latent_len += if is_latent { len } else { 0 };
    }
    let said = |name: &str| interface.inputs.iter().any(|(said, _)| said == name);
    let several = |is: fn(&InputKind) -> bool| {
        let found: Vec<&Input> = all.iter().filter(|input| is(&input.kind)).collect();
        (found.len() > 1).then_some(found)
    };
    let classes = several(|kind| matches!(kind, InputKind::Class | InputKind::OneHot(_)));
    let latents = several(InputKind::is_latent).filter(|all| !all.iter().all(|i| said(&i.name)));
    if let Some(found) = classes.or(latents) {
        let each = found.iter().map(|input| {
            format!(
                "{} {:?} {:?}",
                shorten(&input.name),
                input.dtype,
                input.shape
            )
        });
        let each: Vec<String> = each.collect();
        let example: Vec<String> = found
            .iter()
            .map(|input| format!("{}=normal", shorten(&input.name)))
            .collect();
        return Err(ModelError::Signature {
            expected: format!(
                "one latent and at most one class, or what each input is: --inputs {} (normal, uniform, class, onehot:COUNT or constant:VALUE)",
                example.join(",")
            ),
            found: each.join(" and "),
        });
    }
    if !(1..=MAX_LATENT_LEN).contains(&latent_len) {
        return Err(not_a_generator(match latent_len {
            0 => "no input for the latent".to_string(),
            _ => format!("latents of {latent_len} elements, the most is {MAX_LATENT_LEN}"),
        }));
    }
    let mixed = all.iter().any(|input| input.kind == InputKind::Normal);
    let builder = &mut translator.builder;
    let latent = builder.input(DType::F32, Vec::from([1, latent_len]));
    let conditional = |input: &Input| matches!(input.kind, InputKind::Class | InputKind::OneHot(_));
    let class = all
        .iter()
        .any(conditional)
        .then(|| builder.input(DType::I64, Vec::from([1])));
    for (input, declared) in all.iter().zip(declared) {
        translator.builder.begin(&input.name, "input");
        let id = value_of(&mut translator.builder, input, latent, class, mixed)?;
        translator.define(declared.name, id)?;
    }
    Ok((all, latent, class))
}

/// What an input takes: as was said, or what its type and dimensions say.
fn kind(input: &Declared<'_>, interface: &Interface) -> Result<InputKind, ModelError> {
    let said = interface.inputs.iter().find(|(name, _)| name == input.name);
    if let Some((_, kind)) = said {
        return Ok(kind.clone());
    }
    match DType::of(input.code).map(DType::canonical) {
        Some(DType::F32) => Ok(InputKind::Normal),
        Some(DType::I64) => Ok(InputKind::Class),
        _ => Err(not_a_generator(format!("the input {}", input.describe()))),
    }
}

/// An input of the file as a value of the graph.
fn value_of(
    b: &mut Builder<'_>,
    input: &Input,
    latent: ValueId,
    class: Option<ValueId>,
    mixed: bool,
) -> Result<ValueId, ModelError> {
    let len: usize = input.shape.iter().product();
    let class = class.unwrap_or(latent);
    match input.kind {
        InputKind::Normal | InputKind::Uniform => {
            let mut part = b.slice(latent, 1, input.offset, len)?;
            if input.kind == InputKind::Uniform && mixed {
                // The distribution function of a normal number is uniform: erf(x / sqrt(2)) lies
                // between -1 and 1.
                part = b.with_number(Binary::Mul, part, core::f32::consts::FRAC_1_SQRT_2)?;
                part = b.unary(Unary::Erf, part)?;
            }
            b.reshape(part, &input.shape)
        }
        InputKind::Class => b.reshape(class, &input.shape),
        InputKind::OneHot(count) => {
            let numbers = b.integers((0..count as i64).collect());
            let hot = b.binary(Binary::Equal, class, numbers)?;
            let hot = b.cast(hot, input.dtype)?;
            b.reshape(hot, &input.shape)
        }
        InputKind::Constant(value) => {
            let constant = b.floats(&input.shape, vec![value; len]);
            b.cast(constant, input.dtype)
        }
    }
}

/// Name, value and declared type of the output.
fn output(
    pb: &GraphProto,
    translator: &Translator<'_>,
    interface: &Interface,
) -> Result<(String, ValueId, Option<DType>), ModelError> {
    let info = match &interface.output {
        Some(name) => pb.output.iter().find(|info| info.name == *name),
        None => pb.output.first(),
    };
    let Some(info) = info else {
        let names: Vec<String> = pb.output.iter().map(|info| shorten(&info.name)).collect();
        return Err(match &interface.output {
            Some(name) => ModelError::Signature {
                expected: format!("an output {}, as was said", shorten(name)),
                found: format!("outputs {}", names.join(", ")),
            },
            None => not_a_generator("no output"),
        });
    };
    let name = info.name.as_str();
    let Some(id) = translator.id(name) else {
        return Err(ModelError::Undefined {
            node: "graph output".into(),
            name: shorten(name),
        });
    };
    let declared = Declared::of(info);
    if let Some(declared) = &declared {
        let shape = translator.builder.shape(id);
        let pairs = declared.dims.iter().zip(shape).skip(1);
        let ranks = declared.dims.len() == shape.len() || declared.dims.is_empty();
        let alike = pairs
            .into_iter()
            .all(|(says, is)| says.is_none_or(|says| says == *is as i64));
        if !ranks || !alike {
            return Err(ModelError::Signature {
                expected: format!(
                    "the output to be declared as what it is, {} of {:?}",
                    shorten(name),
                    shape
                ),
                found: declared.describe(),
            });
        }
    }
    let dtype = declared.and_then(|declared| DType::of(declared.code));
    Ok((name.into(), id, dtype))
}

/// The output as an image, f32 `[1, channels, rows, columns]`, or flat; and whether it had channels
/// last.
fn image(
    b: &mut Builder<'_>,
    output: ValueId,
    declared: Option<DType>,
    interface: &Interface,
) -> Result<(ValueId, bool), ModelError> {
    let mut image = b.cast(output, DType::F32)?;
    if declared == Some(DType::U8) {
        image = b.with_number(Binary::Mul, image, 1.0 / 255.0)?;
        image = b.unary(Unary::Clip(0.0, 1.0), image)?;
    }
    let few = |n: usize| matches!(n, 1 | 3);
    let said = interface.layout;
    let given = b.shape(image).to_vec();
    let given = match given.as_slice() {
        [] => vec![1, 1],
        [n] => vec![1, *n],
        // One image without a batch; of 1 row it is a grey one.
        [a, h, w] if *a > 1 => vec![1, *a, *h, *w],
        _ => given,
    };
    image = b.reshape(image, &given)?;
    let flat_len: usize = given.iter().skip(1).product();
    let hwc = match (given.as_slice(), interface.shape) {
        ([1, h, w, c], _) => {
            let last = few(*c) || (*c == 4 && *h != 4);
            let guessed = said.is_none() && last && !few(*h);
            (said == Some(Layout::Hwc) || guessed).then_some([*h, *w, *c])
        }
        ([1, _], Some([c, h, w])) if said == Some(Layout::Hwc) && c * h * w == flat_len => {
            Some([h, w, c])
        }
        _ => None,
    };
    if let Some([h, w, c]) = hwc {
        image = b.reshape(image, &[1, h, w, c])?;
        image = b.transpose(image, &[0, 3, 1, 2])?;
        if said.is_none() {
            b.note(format!(
                "the output {:?} is taken as rows, columns, channels; --layout chw says otherwise",
                given.get(1..).unwrap_or_default()
            ));
        }
    }
    if let [1, h, w] = given.as_slice() {
        image = b.reshape(image, &[1, 1, *h, *w])?;
    }
    match b.shape(image) {
        [1, _] | [1, _, _, _] => Ok((image, hwc.is_some())),
        _ => Err(not_a_generator(format!(
            "an output of {:?} {:?}",
            declared.unwrap_or(DType::F32),
            b.shape(output)
        ))),
    }
}

/// An image of four channels, the last of them alpha, over a colour.
fn over(
    b: &mut Builder<'_>,
    image: ValueId,
    interface: &Interface,
) -> Result<(ValueId, Option<Alpha>), ModelError> {
    if !matches!(b.shape(image), [1, 4, _, _]) {
        return Ok((image, None));
    }
    let bounds = output_range(&b.values, &b.nodes, image);
    let Some((low, high)) = interface.range.or(bounds) else {
        return Err(ModelError::Signature {
            expected: "the values of black and white of an output with alpha: --range LOW,HIGH"
                .into(),
            found: "an output of 4 channels that no last operator bounds".into(),
        });
    };
    if interface.background.is_none() {
        let note = "the output's fourth channel is taken as alpha, over white; --background RRGGBB says otherwise";
        b.note(note);
    }
    let scale = high - low;
    let background = interface.background.unwrap_or([255; 3]);
    let background = background.map(|byte| low + scale * f32::from(byte) / 255.0);
    let behind = b.floats(&[1, 3, 1, 1], background.to_vec());
    let colour = b.slice(image, 1, 0, 3)?;
    let mut alpha = b.slice(image, 1, 3, 1)?;
    alpha = b.with_number(Binary::Sub, alpha, low)?;
    alpha = b.with_number(Binary::Div, alpha, scale)?;
    let before = b.sub(colour, behind)?;
    let before = b.mul(before, alpha)?;
    let range = (low, high);
    Ok((b.add_to(before, behind)?, Some(Alpha { range, background })))
}

impl Graph {
    /// Drops nodes that the image does not depend on.
    fn prune(&mut self) {
        let mut needed = vec![false; self.values.len()];
        let need = |id: ValueId, needed: &mut Vec<bool>| {
            if let Some(needed) = needed.get_mut(id) {
                *needed = true;
            }
        };
        need(self.image, &mut needed);
        for node in self.nodes.iter().rev() {
            if needed.get(node.output) == Some(&true) {
                for id in &node.inputs {
                    need(*id, &mut needed);
                }
            }
        }
        self.nodes
            .retain(|node| needed.get(node.output) == Some(&true));
        // Weights that were folded away, or that nobody uses.
        for (value, needed) in self.values.iter_mut().zip(&needed) {
            if !needed {
                value.constant = None;
            }
        }
    }

    fn depends_on(&self, input: ValueId) -> bool {
        self.nodes.iter().any(|node| node.inputs.contains(&input))
    }
}

/// Classes that the class can be: the rows of the table that it looks up, or what it is compared
/// with.
fn class_rows(graph: &Graph, inputs: &[Input]) -> Option<usize> {
    let said = inputs.iter().find_map(|input| match input.kind {
        InputKind::OneHot(count) => Some(count),
        _ => None,
    });
    let mut same = Vec::from([graph.class?]);
    let mut rows = said;
    for node in &graph.nodes {
        let of_class = |at: usize| node.inputs.get(at).is_some_and(|id| same.contains(id));
        let constant = |at: usize| graph.value(*node.inputs.get(at)?)?.constant.as_ref();
        let numbers = |constant: Option<&Constant>| {
            let all = constant?.as_i64s()?;
            let counted = all.iter().enumerate().all(|(i, x)| *x == i as i64);
            counted.then_some(all.len())
        };
        let found = match &node.op {
            Op::Reshape(_) | Op::Expand(_) | Op::Transpose(_) if of_class(0) => {
                same.push(node.output);
                None
            }
            // A number that is turned around where it is negative.
            Op::Select if of_class(1) || of_class(2) => {
                same.push(node.output);
                None
            }
            Op::Gather(axis) if of_class(1) => {
                let table = node.inputs.first().and_then(|id| graph.value(*id));
                table.and_then(|table| table.shape.get(*axis).copied())
            }
            Op::Binary(Binary::Equal) if of_class(0) => numbers(constant(1)),
            Op::Binary(Binary::Equal) if of_class(1) => numbers(constant(0)),
            _ => None,
        };
        rows = [rows, found].into_iter().flatten().min();
    }
    rows
}

/// What bounds an image, behind operators that only move elements, scale and shift.
fn output_range(values: &[Value], nodes: &[Node], image: ValueId) -> Option<(f32, f32)> {
    let (mut scale, mut shift) = (1.0f32, 0.0f32);
    let mut value = image;
    // Each step goes to an earlier node, so this ends.
    let (low, high) = loop {
        let node = nodes.iter().find(|node| node.output == value)?;
        // The operand that is one number, and the other.
        let number = |at: usize| {
            let all = values.get(*node.inputs.get(at)?)?.floats()?;
            let first = *all.first()?;
            all.iter().all(|x| *x == first).then_some(first)
        };
        let (a, b) = (node.inputs.first().copied()?, node.inputs.get(1).copied());
        match (&node.op, number(0), number(1)) {
            (Op::Unary(Unary::Tanh), ..) => break (-1.0, 1.0),
            (Op::Unary(Unary::Sigmoid), ..) => break (0.0, 1.0),
            (Op::Unary(Unary::Clip(low, high)), ..) => break (*low, *high),
            (Op::Reshape(_) | Op::Transpose(_) | Op::Slice(_) | Op::Cast(_), ..) => value = a,
            (Op::Binary(Binary::Add), _, Some(x)) => (shift, value) = (shift + scale * x, a),
            (Op::Binary(Binary::Add), Some(x), _) => (shift, value) = (shift + scale * x, b?),
            (Op::Binary(Binary::Sub), _, Some(x)) => (shift, value) = (shift - scale * x, a),
            (Op::Binary(Binary::Mul), _, Some(x)) => (scale, value) = (scale * x, a),
            (Op::Binary(Binary::Mul), Some(x), _) => (scale, value) = (scale * x, b?),
            (Op::Binary(Binary::Div), _, Some(x)) => (scale, value) = (scale / x, a),
            _ => return None,
        }
    };
    let (low, high) = (low * scale + shift, high * scale + shift);
    let near = |a: f32, b: f32| (a - b).abs() < 1e-4 * b.abs().max(1.0);
    let usual = [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)];
    usual
        .into_iter()
        .find(|(l, h)| near(low, *l) && near(high, *h))
}
