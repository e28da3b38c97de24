//! Messages from Rust's types and back.

use crate::constant::{Constant, DType, Data};
use crate::graph_builder::Attribute;
use crate::proto::attribute_proto::AttributeType;
use crate::proto::tensor_shape_proto::{Dimension, dimension};
use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

impl ModelProto {
    /// A file of ONNX's own operators.
    #[must_use]
    pub fn new(ir_version: i64, opset: i64, graph: GraphProto) -> Self {
        Self {
            ir_version,
            opset_import: vec![OperatorSetIdProto {
                domain: String::new(),
                version: opset,
            }],
            graph: Some(graph),
            ..Self::default()
        }
    }
}

impl NodeProto {
    /// An operator.
    pub fn new(
        name: impl Into<String>,
        op_type: &str,
        inputs: impl IntoIterator<Item = impl Into<String>>,
        output: impl Into<String>,
        attributes: impl IntoIterator<Item = AttributeProto>,
    ) -> Self {
        Self {
            input: inputs.into_iter().map(Into::into).collect(),
            output: vec![output.into()],
            name: name.into(),
            op_type: op_type.into(),
            attribute: attributes.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl AttributeProto {
    /// An attribute with its value.
    #[must_use]
    pub fn new(name: &str, value: Attribute) -> Self {
        let mut proto = Self {
            name: name.into(),
            ..Self::default()
        };
        let of = match value {
            Attribute::Int(int) => {
                proto.i = int;
                AttributeType::Int
            }
            Attribute::Ints(ints) => {
                proto.ints = ints;
                AttributeType::Ints
            }
            Attribute::Float(float) => {
                proto.f = float;
                AttributeType::Float
            }
            Attribute::Text(text) => {
                proto.s = text.into();
                AttributeType::String
            }
        };
        proto.r#type = of as i32;
        proto
    }
}

impl TensorProto {
    /// A tensor of f32, as raw bytes; `dims` need not fit the elements.
    #[must_use]
    pub fn f32s(name: &str, dims: &[i64], elements: &[f32]) -> Self {
        let bytes = elements.iter().flat_map(|x| x.to_le_bytes());
        Self::raw(name, dims, DType::F32, bytes.collect())
    }

    /// A tensor of i64, as raw bytes; `dims` need not fit the elements.
    #[must_use]
    pub fn i64s(name: &str, dims: &[i64], elements: &[i64]) -> Self {
        let bytes = elements.iter().flat_map(|x| x.to_le_bytes());
        Self::raw(name, dims, DType::I64, bytes.collect())
    }

    /// A constant.
    #[must_use]
    pub fn constant(name: &str, constant: &Constant) -> Self {
        let dims = constant.shape.iter();
        let dims: Vec<i64> = dims
            .map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX))
            .collect();
        match &constant.data {
            Data::F32(data) => Self::f32s(name, &dims, data),
            Data::I64(data) => Self::i64s(name, &dims, data),
        }
    }

    fn raw(name: &str, dims: &[i64], dtype: DType, bytes: Vec<u8>) -> Self {
        Self {
            dims: dims.to_vec(),
            data_type: dtype.code(),
            name: name.into(),
            raw_data: bytes,
            ..Self::default()
        }
    }
}

impl ValueInfoProto {
    /// A tensor, its batch a symbol where `batch` names one.
    #[must_use]
    pub fn tensor(name: &str, dtype: DType, batch: Option<&str>, dims: &[i64]) -> Self {
        let symbol = batch.map(|name| dimension::Value::DimParam(name.into()));
        let dims = dims.iter().map(|dim| dimension::Value::DimValue(*dim));
        let dims = symbol.into_iter().chain(dims);
        let shape = TensorShapeProto {
            dim: dims.map(|value| Dimension { value: Some(value) }).collect(),
        };
        let tensor = type_proto::Tensor {
            elem_type: dtype.code(),
            shape: Some(shape),
        };
        Self {
            name: name.into(),
            r#type: Some(TypeProto {
                value: Some(type_proto::Value::TensorType(tensor)),
            }),
        }
    }

    /// The declared code of the element type, and dimensions, `None` for symbols; nothing where the
    /// file declares none.
    #[must_use]
    pub fn declared(&self) -> Option<(i32, Vec<Option<i64>>)> {
        let type_proto::Value::TensorType(tensor) = self.r#type.as_ref()?.value.as_ref()?;
        let dims = tensor
            .shape
            .as_ref()?
            .dim
            .iter()
            .map(|dim| match dim.value {
                Some(dimension::Value::DimValue(value)) => Some(value),
                _ => None,
            });
        Some((tensor.elem_type, dims.collect()))
    }
}

impl GraphProto {
    /// The inputs that are no weights, which older files list beside them.
    pub fn real_inputs(&self) -> impl Iterator<Item = &ValueInfoProto> {
        let weight = |name: &str| self.initializer.iter().any(|tensor| tensor.name == name);
        self.input.iter().filter(move |info| !weight(&info.name))
    }
}
