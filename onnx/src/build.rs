//! The canonical graph under construction: shapes are inferred, costs bounded, constants computed.

use std::collections::BTreeMap;

use crate::constant::{Constant, DType, Data};
use crate::error::{ModelError, shorten};
use crate::graph::{Binary, Node, Op, Part, Reduction, Unary, Value, ValueId};
use crate::limits::Limits;
use crate::reference;
use crate::shape::broadcast;
use crate::tensor::{MAX_DIM, MAX_RANK};

/// Most nodes of a canonical graph for each that the file may have: an operator becomes a handful.
const NODES_FOR_EACH: usize = 8;

/// A graph under construction.
pub(crate) struct Builder<'a> {
    limits: &'a Limits,
    pub(crate) values: Vec<Value>,
    pub(crate) nodes: Vec<Node>,
    /// Multiplications and additions of one image.
    pub(crate) work: u64,
    /// Bytes of all values of one image.
    pub(crate) value_bytes: u64,
    constant_work: u64,
    /// Name and operator of the ONNX node that is translated.
    origin: (String, String),
    /// What was assumed on the way, to be told once.
    pub(crate) notes: Vec<String>,
    /// Integer types of the file, of values that are of another one here.
    declared: BTreeMap<ValueId, DType>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(limits: &'a Limits) -> Self {
        Self {
            limits,
            values: Vec::new(),
            nodes: Vec::new(),
            work: 0,
            value_bytes: 0,
            constant_work: 0,
            origin: (String::new(), String::new()),
            notes: Vec::new(),
            declared: BTreeMap::new(),
        }
    }

    /// What follows comes from this node of the file.
    pub(crate) fn begin(&mut self, name: &str, op_type: &str) {
        self.origin = (name.into(), op_type.into());
    }

    /// How messages name the node that is translated.
    pub(crate) fn label(&self) -> String {
        let (name, op_type) = &self.origin;
        format!("node {} ({})", shorten(name), shorten(op_type))
    }

    /// Something that was assumed, told once.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn add(&mut self, value: Value) -> ValueId {
        self.values.push(value);
        self.values.len() - 1
    }

    /// An input of the graph.
    pub(crate) fn input(&mut self, dtype: DType, shape: Vec<usize>) -> ValueId {
        self.add(Value {
            dtype,
            shape,
            constant: None,
        })
    }

    /// A constant of any type; its canonical type is kept.
    pub(crate) fn constant(&mut self, dtype: DType, constant: Constant) -> ValueId {
        let id = self.add(Value {
            dtype: dtype.canonical(),
            shape: constant.shape.clone(),
            constant: Some(constant),
        });
        self.declare(id, dtype);
        id
    }

    /// A constant that a translator has computed: its memory counts.
    pub(crate) fn computed(
        &mut self,
        dtype: DType,
        constant: Constant,
    ) -> Result<ValueId, ModelError> {
        let elements = constant.data.len() as u64;
        self.memory(elements.saturating_mul(dtype.canonical().size()))?;
        Ok(self.constant(dtype, constant))
    }

    /// Keeps the integer type that a value has in the file. A quantized value is computed as
    /// float32, and an operator may need to know the range of what it stands for.
    pub(crate) fn declare(&mut self, id: ValueId, dtype: DType) {
        if !dtype.is_float() && dtype != self.dtype(id) {
            self.declared.insert(id, dtype);
        }
    }

    /// The type that a value has in the file where that is a known integer type, else its own.
    pub(crate) fn declared(&self, id: ValueId) -> DType {
        self.declared.get(&id).copied().unwrap_or(self.dtype(id))
    }

    /// A constant of f32.
    pub(crate) fn floats(&mut self, shape: &[usize], data: Vec<f32>) -> ValueId {
        self.constant(DType::F32, Constant::f32s(shape.to_vec(), data))
    }

    /// A vector of integers.
    pub(crate) fn integers(&mut self, data: Vec<i64>) -> ValueId {
        self.constant(DType::I64, Constant::i64s(data))
    }

    /// A single number of the type of `like`, without dimensions.
    pub(crate) fn scalar(&mut self, like: ValueId, x: f32) -> ValueId {
        if self.dtype(like) == DType::F32 {
            return self.floats(&[], vec![x]);
        }
        let data = Data::I64(vec![x as i64]);
        let shape = Vec::new();
        self.constant(self.dtype(like), Constant { shape, data })
    }

    pub(crate) fn value(&self, id: ValueId) -> Option<&Value> {
        self.values.get(id)
    }

    pub(crate) fn shape(&self, id: ValueId) -> &[usize] {
        self.value(id).map_or(&[], |value| &value.shape)
    }

    pub(crate) fn rank(&self, id: ValueId) -> usize {
        self.shape(id).len()
    }

    /// Size of an axis.
    pub(crate) fn dim(&self, id: ValueId, axis: usize) -> usize {
        self.shape(id).get(axis).copied().unwrap_or(1)
    }

    pub(crate) fn dtype(&self, id: ValueId) -> DType {
        self.value(id).map_or(DType::F32, |value| value.dtype)
    }

    /// The elements of a constant.
    pub(crate) fn known(&self, id: ValueId) -> Option<&Constant> {
        self.value(id)?.constant.as_ref()
    }

    /// Checks a shape: rank and dimensions within bounds. Only constants may be empty.
    pub(crate) fn bounded(&self, shape: &[usize]) -> Result<(), ModelError> {
        if shape.len() <= MAX_RANK && shape.iter().all(|dim| *dim < MAX_DIM) {
            return Ok(());
        }
        Err(ModelError::Shape {
            node: self.label(),
            expected: "a shape of at most 8 dimensions below 2^24".into(),
            found: format!("{shape:?}"),
        })
    }

    /// Adds an operator, or its result where that is constant, and gives what it makes.
    ///
    /// # Errors
    /// [`ModelError::Shape`] for inputs that do not go together, [`ModelError::TooBig`].
    pub(crate) fn push(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, ModelError> {
        let given: Option<Vec<&Value>> = inputs.iter().map(|id| self.value(*id)).collect();
        let given = given.unwrap_or_default();
        let Some((dtype, shape)) = op.result(&given) else {
            let found = given
                .iter()
                .map(|value| format!("{:?} {:?}", value.dtype, value.shape));
            return Err(ModelError::Shape {
                node: self.label(),
                expected: "values whose types and dimensions go together".into(),
                found: found.collect::<Vec<_>>().join(" and "),
            });
        };
        self.bounded(&shape)?;
        let shapes: Vec<&[usize]> = given.iter().map(|value| value.shape.as_slice()).collect();
        let made = crate::shape::elements(&shape).unwrap_or(u64::MAX);
        let (work, scratch) = op.cost(&shapes, made);
        let first = given.first();
        let unchanged = first.is_some_and(|a| a.shape == shape && a.dtype == dtype);
        if let (Some(id), true) = (inputs.first(), unchanged && changes_nothing(&op)) {
            return Ok(*id);
        }
        let constants: Option<Vec<&Constant>> =
            given.iter().map(|value| value.constant.as_ref()).collect();
        if let Some(constants) = constants.filter(|all| !all.is_empty()) {
            let limit = self.limits.constant_work;
            let constant_work = [self.constant_work, work, scratch, made]
                .iter()
                .fold(0, |sum, x| u64::saturating_add(sum, *x));
            self.within("operations on constants alone", limit, constant_work)?;
            let bytes = made.saturating_mul(dtype.size());
            let value_bytes = self.value_bytes.saturating_add(bytes);
            self.within("bytes of values", self.limits.value_bytes, value_bytes)?;
            let constant = reference::evaluate(&op, &constants, &shape);
            let constant = constant.ok_or_else(|| ModelError::Shape {
                node: self.label(),
                expected: "constants that can be computed with".into(),
                found: format!(
                    "{:?}",
                    constants.iter().map(|c| &c.data).collect::<Vec<_>>()
                )
                .chars()
                .take(80)
                .collect(),
            })?;
            self.constant_work = constant_work;
            self.value_bytes = value_bytes;
            return Ok(self.constant(dtype, constant));
        }
        if made == 0 {
            return Err(ModelError::Shape {
                node: self.label(),
                expected: "a value with elements".into(),
                found: format!("{shape:?}"),
            });
        }
        self.memory(made.saturating_mul(dtype.size()))?;
        self.memory(bytes_of(&op))?;
        let scratch = scratch.saturating_mul(dtype.size());
        self.within("bytes of scratch", self.limits.scratch_bytes, scratch)?;
        self.work = self.work.saturating_add(work);
        self.within("multiplications and additions", self.limits.work, self.work)?;
        let limit = self.limits.nodes.saturating_mul(NODES_FOR_EACH);
        if self.nodes.len() >= limit {
            return Err(ModelError::TooMany {
                what: "operators",
                limit,
            });
        }
        let output = self.input(dtype, shape);
        let (name, op_type) = self.origin.clone();
        self.nodes.push(Node {
            name,
            op_type,
            op,
            inputs: inputs.to_vec(),
            output,
        });
        Ok(output)
    }

    /// Counts a constant or a table of so many elements of 8 bytes that a translator is about to
    /// compute itself.
    ///
    /// # Errors
    /// [`ModelError::TooBig`].
    pub(crate) fn reserve(&mut self, elements: u64) -> Result<(), ModelError> {
        let limit = self.limits.constant_work;
        self.constant_work = self.constant_work.saturating_add(elements);
        self.within("operations on constants alone", limit, self.constant_work)?;
        self.memory(elements.saturating_mul(8))
    }

    fn memory(&mut self, bytes: u64) -> Result<(), ModelError> {
        self.value_bytes = self.value_bytes.saturating_add(bytes);
        self.within("bytes of values", self.limits.value_bytes, self.value_bytes)
    }

    fn within(&self, what: &'static str, limit: u64, found: u64) -> Result<(), ModelError> {
        if found <= limit {
            return Ok(());
        }
        Err(ModelError::TooBig {
            node: self.label(),
            what,
            limit,
            found,
        })
    }

    // Short forms, for what translators say often.

    pub(crate) fn unary(&mut self, op: Unary, x: ValueId) -> Result<ValueId, ModelError> {
        self.push(Op::Unary(op), &[x])
    }

    pub(crate) fn binary(
        &mut self,
        op: Binary,
        a: ValueId,
        b: ValueId,
    ) -> Result<ValueId, ModelError> {
        self.push(Op::Binary(op), &[a, b])
    }

    pub(crate) fn add_to(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, ModelError> {
        self.binary(Binary::Add, a, b)
    }

    pub(crate) fn sub(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, ModelError> {
        self.binary(Binary::Sub, a, b)
    }

    pub(crate) fn mul(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, ModelError> {
        self.binary(Binary::Mul, a, b)
    }

    pub(crate) fn div(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, ModelError> {
        self.binary(Binary::Div, a, b)
    }

    /// `x` and a number; nothing where that changes nothing.
    pub(crate) fn with_number(
        &mut self,
        op: Binary,
        x: ValueId,
        number: f32,
    ) -> Result<ValueId, ModelError> {
        let neutral = match op {
            Binary::Add | Binary::Sub => 0.0,
            Binary::Mul | Binary::Div | Binary::Pow => 1.0,
            _ => f32::NAN,
        };
        if number == neutral {
            return Ok(x);
        }
        let number = self.scalar(x, number);
        self.binary(op, x, number)
    }

    pub(crate) fn select(
        &mut self,
        condition: ValueId,
        a: ValueId,
        b: ValueId,
    ) -> Result<ValueId, ModelError> {
        self.push(Op::Select, &[condition, a, b])
    }

    pub(crate) fn cast(&mut self, x: ValueId, to: DType) -> Result<ValueId, ModelError> {
        self.push(Op::Cast(to.canonical()), &[x])
    }

    pub(crate) fn matmul(&mut self, a: ValueId, b: ValueId) -> Result<ValueId, ModelError> {
        self.push(Op::MatMul, &[a, b])
    }

    pub(crate) fn reduce(
        &mut self,
        reduction: Reduction,
        x: ValueId,
        axes: &[usize],
    ) -> Result<ValueId, ModelError> {
        self.push(Op::Reduce(reduction, axes.to_vec()), &[x])
    }

    pub(crate) fn reshape(&mut self, x: ValueId, shape: &[usize]) -> Result<ValueId, ModelError> {
        self.push(Op::Reshape(shape.to_vec()), &[x])
    }

    pub(crate) fn transpose(&mut self, x: ValueId, order: &[usize]) -> Result<ValueId, ModelError> {
        self.push(Op::Transpose(order.to_vec()), &[x])
    }

    /// The last two axes exchanged.
    pub(crate) fn transposed(&mut self, x: ValueId) -> Result<ValueId, ModelError> {
        let rank = self.rank(x);
        let mut order: Vec<usize> = (0..rank).collect();
        if let [.., a, b] = order.as_mut_slice() {
            core::mem::swap(a, b);
        }
        self.transpose(x, &order)
    }

    pub(crate) fn expand(&mut self, x: ValueId, shape: &[usize]) -> Result<ValueId, ModelError> {
        let shape = broadcast(self.shape(x), shape).unwrap_or_else(|| shape.to_vec());
        self.push(Op::Expand(shape), &[x])
    }

    pub(crate) fn concat(&mut self, parts: &[ValueId], axis: usize) -> Result<ValueId, ModelError> {
        if let [only] = parts {
            return Ok(*only);
        }
        self.push(Op::Concat(axis), parts)
    }

    /// `count` elements of an axis, from `first` on.
    pub(crate) fn slice(
        &mut self,
        x: ValueId,
        axis: usize,
        first: usize,
        count: usize,
    ) -> Result<ValueId, ModelError> {
        let mut parts: Vec<Part> = self.shape(x).iter().map(|dim| Part::whole(*dim)).collect();
        if let Some(part) = parts.get_mut(axis) {
            *part = Part {
                first,
                count,
                step: 1,
            };
        }
        self.push(Op::Slice(parts), &[x])
    }

    /// A vector along `axis` of values of `rank` dimensions: the others are 1.
    pub(crate) fn along(
        &mut self,
        vector: ValueId,
        axis: usize,
        rank: usize,
    ) -> Result<ValueId, ModelError> {
        let len = self.shape(vector).iter().product();
        let shape: Vec<usize> = (0..rank).map(|i| if i == axis { len } else { 1 }).collect();
        self.reshape(vector, &shape)
    }
}

/// Bytes that an operator itself takes, where these may be many.
fn bytes_of(op: &Op) -> u64 {
    match op {
        Op::Resample { taps, .. } => {
            let each = |taps: &Vec<(usize, f32)>| size_of_val(taps.as_slice()) as u64;
            taps.iter().map(each).sum::<u64>() + size_of_val(taps.as_slice()) as u64
        }
        _ => 0,
    }
}

/// Whether an operator whose result has the type and shape of its only input is that input.
fn changes_nothing(op: &Op) -> bool {
    match op {
        Op::Reshape(_) | Op::Expand(_) | Op::Cast(_) | Op::Concat(_) => true,
        Op::Transpose(order) => order.iter().enumerate().all(|(i, axis)| i == *axis),
        Op::Slice(parts) => parts.iter().all(|part| part.first == 0 && part.step == 1),
        Op::Pad { .. } => true,
        // Each axis that was reduced has one element.
        Op::Reduce(..) => true,
        _ => false,
    }
}
