//! ONNX's protobuf messages, as far as generators use them: field numbers of `onnx.proto` (ONNX,
//! IR specification). Fields that are not listed are skipped when a file is decoded; those that
//! would change its meaning are refused before (`wire.rs`).

pub use prost::Message;

/// A whole file.
#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    /// Version of the file format.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// Operator sets, by domain.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// The program that wrote the file.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// Its version.
    #[prost(string, tag = "3")]
    pub producer_version: String,
    /// The graph.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// Keys and values for programs and people.
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
    /// Operators that the file defines itself.
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<FunctionProto>,
}

/// An operator that a file defines by nodes.
#[derive(Clone, PartialEq, Message)]
pub struct FunctionProto {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Names of its inputs.
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    /// Names of its outputs.
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    /// Its nodes.
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<NodeProto>,
    /// Operator sets of its nodes.
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// Attributes with what they are where a call does not give them.
    #[prost(message, repeated, tag = "11")]
    pub attribute_proto: Vec<AttributeProto>,
    /// Its domain.
    #[prost(string, tag = "10")]
    pub domain: String,
}

/// A key and its value.
#[derive(Clone, PartialEq, Message)]
pub struct StringStringEntryProto {
    /// The key.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// An operator set.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSetIdProto {
    /// Empty, or `ai.onnx`, for ONNX's own operators.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Its version.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// Nodes, in the order in which they can run, and the tensors that they use.
#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    /// The nodes.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// The graph's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Constants, such as weights.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    /// Inputs.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// Outputs.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
    /// What a tool has noted about values in between.
    #[prost(message, repeated, tag = "13")]
    pub value_info: Vec<ValueInfoProto>,
}

/// One operator.
#[derive(Clone, PartialEq, Message)]
pub struct NodeProto {
    /// Names of its inputs; empty for one that is not given.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of its outputs.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// Its name, which may be empty.
    #[prost(string, tag = "3")]
    pub name: String,
    /// The operator.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// The operator's domain; empty, or `ai.onnx`, for ONNX's own.
    #[prost(string, tag = "7")]
    pub domain: String,
    /// Its attributes.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
}

/// A node's attribute: one of the values, by [`attribute_proto::AttributeType`].
#[derive(Clone, PartialEq, Message)]
pub struct AttributeProto {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Name of the function's attribute that it refers to.
    #[prost(string, tag = "21")]
    pub ref_attr_name: String,
    /// Which of the values it has.
    #[prost(enumeration = "attribute_proto::AttributeType", tag = "20")]
    pub r#type: i32,
    /// A number.
    #[prost(float, tag = "2")]
    pub f: f32,
    /// An integer.
    #[prost(int64, tag = "3")]
    pub i: i64,
    /// Text, as UTF-8.
    #[prost(bytes = "vec", tag = "4")]
    pub s: Vec<u8>,
    /// A tensor.
    #[prost(message, optional, tag = "5")]
    pub t: Option<TensorProto>,
    /// A graph.
    #[prost(message, optional, tag = "6")]
    pub g: Option<GraphProto>,
    /// Floating-point numbers.
    #[prost(float, repeated, tag = "7")]
    pub floats: Vec<f32>,
    /// Integers.
    #[prost(int64, repeated, tag = "8")]
    pub ints: Vec<i64>,
    /// Texts, as UTF-8.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub strings: Vec<Vec<u8>>,
}

/// Parts of [`AttributeProto`].
pub mod attribute_proto {
    /// Which value an attribute has.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
    #[repr(i32)]
    pub enum AttributeType {
        /// None that this list has.
        Undefined = 0,
        /// A number.
        Float = 1,
        /// An integer.
        Int = 2,
        /// Text.
        String = 3,
        /// A tensor.
        Tensor = 4,
        /// A graph.
        Graph = 5,
        /// Floating-point numbers.
        Floats = 6,
        /// Integers.
        Ints = 7,
        /// Texts.
        Strings = 8,
        /// Tensors.
        Tensors = 9,
        /// Graphs.
        Graphs = 10,
        /// A sparse tensor.
        SparseTensor = 11,
        /// Sparse tensors.
        SparseTensors = 12,
        /// A type.
        TypeProto = 13,
        /// Types.
        TypeProtos = 14,
    }
}

/// A tensor with its elements: in `raw_data`, little-endian, or in the list of their type.
#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    /// Its dimensions.
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    /// Type of the elements.
    #[prost(enumeration = "tensor_proto::DataType", tag = "2")]
    pub data_type: i32,
    /// Elements of type `Float`.
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    /// Elements of at most 32 bits, and halves by their bits.
    #[prost(int32, repeated, tag = "5")]
    pub int32_data: Vec<i32>,
    /// Elements that are text.
    #[prost(bytes = "vec", repeated, tag = "6")]
    pub string_data: Vec<Vec<u8>>,
    /// Elements of type `Int64`.
    #[prost(int64, repeated, tag = "7")]
    pub int64_data: Vec<i64>,
    /// Its name.
    #[prost(string, tag = "8")]
    pub name: String,
    /// The elements' bytes.
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
    /// Elements of type `Double`.
    #[prost(double, repeated, tag = "10")]
    pub double_data: Vec<f64>,
    /// Elements of types `Uint32` and `Uint64`.
    #[prost(uint64, repeated, tag = "11")]
    pub uint64_data: Vec<u64>,
    /// 1 where the elements are in another file.
    #[prost(int32, optional, tag = "14")]
    pub data_location: Option<i32>,
    /// Where in which file the elements are.
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<StringStringEntryProto>,
}

/// Parts of [`TensorProto`].
pub mod tensor_proto {
    /// Element types, by ONNX's codes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
    #[repr(i32)]
    pub enum DataType {
        /// None that this list has.
        Undefined = 0,
        /// IEEE binary32.
        Float = 1,
        /// Unsigned, 8 bits.
        Uint8 = 2,
        /// Signed, 8 bits.
        Int8 = 3,
        /// Unsigned, 16 bits.
        Uint16 = 4,
        /// Signed, 16 bits.
        Int16 = 5,
        /// Signed, 32 bits.
        Int32 = 6,
        /// Signed, 64 bits.
        Int64 = 7,
        /// Text.
        String = 8,
        /// A byte, 0 or 1.
        Bool = 9,
        /// IEEE binary16.
        Float16 = 10,
        /// IEEE binary64.
        Double = 11,
        /// Unsigned, 32 bits.
        Uint32 = 12,
        /// Unsigned, 64 bits.
        Uint64 = 13,
        /// Two of `Float`.
        Complex64 = 14,
        /// Two of `Double`.
        Complex128 = 15,
        /// The upper half of a binary32.
        Bfloat16 = 16,
        /// 8 bits, 4 of them exponent.
        Float8e4m3fn = 17,
        /// The same without a negative zero.
        Float8e4m3fnuz = 18,
        /// 8 bits, 5 of them exponent.
        Float8e5m2 = 19,
        /// The same without a negative zero.
        Float8e5m2fnuz = 20,
        /// Unsigned, 4 bits.
        Uint4 = 21,
        /// Signed, 4 bits.
        Int4 = 22,
        /// 4 bits, 2 of them exponent.
        Float4e2m1 = 23,
    }
}

/// The name, type and shape of a value.
#[derive(Clone, PartialEq, Message)]
pub struct ValueInfoProto {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

/// A value's type.
#[derive(Clone, PartialEq, Message)]
pub struct TypeProto {
    /// A tensor's; other values are left out.
    #[prost(oneof = "type_proto::Value", tags = "1")]
    pub value: Option<type_proto::Value>,
}

/// Parts of [`TypeProto`].
pub mod type_proto {
    /// Element type and shape of a tensor.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Tensor {
        /// Type of the elements.
        #[prost(enumeration = "super::tensor_proto::DataType", tag = "1")]
        pub elem_type: i32,
        /// Its shape, if it is known.
        #[prost(message, optional, tag = "2")]
        pub shape: Option<super::TensorShapeProto>,
    }

    /// What a value can be.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Value {
        /// A tensor.
        #[prost(message, tag = "1")]
        TensorType(Tensor),
    }
}

/// A tensor's dimensions.
#[derive(Clone, PartialEq, Message)]
pub struct TensorShapeProto {
    /// One entry an axis.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<tensor_shape_proto::Dimension>,
}

/// Parts of [`TensorShapeProto`].
pub mod tensor_shape_proto {
    /// A dimension.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Dimension {
        /// What it is; nothing where that is not known.
        #[prost(oneof = "dimension::Value", tags = "1, 2")]
        pub value: Option<dimension::Value>,
    }

    /// Parts of [`Dimension`].
    pub mod dimension {
        /// A dimension: a number or a symbol.
        #[derive(Clone, PartialEq, prost::Oneof)]
        pub enum Value {
            /// So many.
            #[prost(int64, tag = "1")]
            DimValue(i64),
            /// A symbol, such as `N`.
            #[prost(string, tag = "2")]
            DimParam(String),
        }
    }
}
