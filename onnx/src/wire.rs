//! A first look at the bytes: is this a protobuf message of ONNX's layout, and how large will it
//! become?
//!
//! Decoding multiplies: two bytes of file can become a kilobyte of empty attribute. This scan
//! allocates nothing, descends by ONNX's own layout to a bounded depth, counts what decoding would
//! create, and stops at whatever this crate refuses anyway, such as sparse tensors.

use super::error::{ModelError, shorten};

/// Most messages (nodes, attributes, tensors, dimensions...) in a file.
const MAX_MESSAGES: usize = 32_768;
/// Most strings in lists.
const MAX_STRINGS: usize = 65_536;
/// Most integers in lists; weights as f32 or raw bytes do not count.
const MAX_INTEGERS: usize = 2_000_000;
/// Most graphs within one another, as nodes `If` hold them.
const MAX_GRAPHS: usize = 4;

/// ONNX's message types, as far as the scan tells them apart.
#[derive(Clone, Copy)]
enum MessageType {
    Model,
    Function,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Annotation,
    Leaf,
}

/// What a field of a message means for the scan.
enum Field {
    Message(MessageType),
    Text,
    Integers,
    Refused(&'static str),
    Plain,
}

/// Fields by the numbers in `onnx.proto`; those not listed cost no more than their bytes.
fn field(of: MessageType, number: u64) -> Field {
    match (of, number) {
        (MessageType::Model, 7) => Field::Message(MessageType::Graph),
        (MessageType::Model, 8 | 14) => Field::Message(MessageType::Leaf),
        (MessageType::Model, 20) => Field::Refused("training information"),
        (MessageType::Model, 25) => Field::Message(MessageType::Function),
        (MessageType::Function, 7) => Field::Message(MessageType::Node),
        (MessageType::Function, 9) => Field::Message(MessageType::Leaf),
        (MessageType::Function, 11) => Field::Message(MessageType::Attribute),
        (MessageType::Function, 4..=6) => Field::Text,
        (MessageType::Graph, 1) => Field::Message(MessageType::Node),
        (MessageType::Graph, 5) => Field::Message(MessageType::Tensor),
        (MessageType::Graph, 11..=13) => Field::Message(MessageType::ValueInfo),
        (MessageType::Graph, 14) => Field::Message(MessageType::Annotation),
        (MessageType::Graph, 15) | (MessageType::Attribute, 22 | 23) => {
            Field::Refused("sparse tensors")
        }
        (MessageType::Node, 1 | 2) | (MessageType::Attribute, 9) | (MessageType::Tensor, 6) => {
            Field::Text
        }
        (MessageType::Node, 5) => Field::Message(MessageType::Attribute),
        (MessageType::Attribute, 5 | 10) => Field::Message(MessageType::Tensor),
        (MessageType::Attribute, 6) => Field::Message(MessageType::Graph),
        (MessageType::Attribute, 11) => Field::Refused("lists of graphs"),
        (MessageType::Attribute, 15) | (MessageType::ValueInfo, 2) => {
            Field::Message(MessageType::Type)
        }
        (MessageType::Attribute, 7 | 8) | (MessageType::Tensor, 1 | 5 | 7 | 11) => Field::Integers,
        (MessageType::Tensor, 3) | (MessageType::Shape, 1) | (MessageType::Annotation, 2) => {
            Field::Message(MessageType::Leaf)
        }
        (MessageType::Tensor, 13) => Field::Message(MessageType::Leaf),
        (MessageType::Type, 1) => Field::Message(MessageType::TensorType),
        (MessageType::TensorType, 2) => Field::Message(MessageType::Shape),
        _ => Field::Plain,
    }
}

/// Scans a whole file.
pub(super) fn scan(file: &[u8]) -> Result<(), ModelError> {
    let mut counts = Counts::default();
    message(MessageType::Model, file, 0, 0, &mut counts)
}

#[derive(Default)]
struct Counts {
    messages: usize,
    strings: usize,
    integers: usize,
}

fn count(
    counter: &mut usize,
    by: usize,
    limit: usize,
    what: &'static str,
) -> Result<(), ModelError> {
    *counter = counter.saturating_add(by);
    if *counter > limit {
        Err(ModelError::TooMany { what, limit })
    } else {
        Ok(())
    }
}

fn message(
    of: MessageType,
    bytes: &[u8],
    start: usize,
    graphs: usize,
    counts: &mut Counts,
) -> Result<(), ModelError> {
    let graphs = graphs + usize::from(matches!(of, MessageType::Graph));
    if graphs > MAX_GRAPHS {
        return Err(ModelError::Subgraph {
            node: "a node".into(),
        });
    }
    let mut reader = WireReader {
        bytes,
        start,
        at: 0,
    };
    while let Some((number, value)) = reader.next()? {
        match (field(of, number), value) {
            (Field::Message(child), WireValue::Bytes(inner)) => {
                count(&mut counts.messages, 1, MAX_MESSAGES, "messages")?;
                let offset = start + (reader.at - inner.len());
                message(child, inner, offset, graphs, counts).map_err(|error| {
                    match (of, error) {
                        (MessageType::Graph, ModelError::Subgraph { .. }) => {
                            ModelError::Subgraph { node: label(inner) }
                        }
                        (_, error) => error,
                    }
                })?;
            }
            (Field::Text, WireValue::Bytes(_)) => {
                count(&mut counts.strings, 1, MAX_STRINGS, "strings")?
            }
            (Field::Integers, WireValue::Bytes(packed)) => {
                let integers = packed.iter().filter(|byte| **byte < 0x80).count();
                count(
                    &mut counts.integers,
                    integers,
                    MAX_INTEGERS,
                    "integers in lists",
                )?;
            }
            (Field::Integers, WireValue::Varint) => {
                count(&mut counts.integers, 1, MAX_INTEGERS, "integers in lists")?;
            }
            (Field::Refused(what), _) => return Err(ModelError::Unsupported { what }),
            _ => {}
        }
    }
    Ok(())
}

/// Name and operator of a node that has not been decoded, for a message.
fn label(node: &[u8]) -> String {
    let (mut name, mut op) = ("", "");
    let mut reader = WireReader {
        bytes: node,
        start: 0,
        at: 0,
    };
    while let Ok(Some((number, value))) = reader.next() {
        if let (3 | 4, WireValue::Bytes(text)) = (number, value) {
            let text = core::str::from_utf8(text).unwrap_or("?");
            if number == 3 { name = text } else { op = text }
        }
    }
    format!("node {} ({})", shorten(name), shorten(op))
}

/// A field's value.
enum WireValue<'a> {
    Varint,
    Bytes(&'a [u8]),
    Fixed,
}

/// Reads the fields of one message.
struct WireReader<'a> {
    bytes: &'a [u8],
    /// Where the message begins in the file.
    start: usize,
    at: usize,
}

impl<'a> WireReader<'a> {
    fn error(&self, problem: &'static str) -> ModelError {
        ModelError::Protobuf {
            offset: self.start + self.at,
            problem,
        }
    }

    fn varint(&mut self) -> Result<u64, ModelError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.bytes.get(self.at) else {
                return Err(self.error("the file ends within a number"));
            };
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error("a number of more than 64 bits"))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], ModelError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match usize::try_from(len).ok().and_then(|len| rest.get(..len)) {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(self.error("a length that goes beyond the end")),
        }
    }

    /// The next field's number and value, or `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, WireValue<'a>)>, ModelError> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let (number, wire) = (tag >> 3, tag & 7);
        if number == 0 || number > 0x1fff_ffff {
            return Err(self.error("an impossible field number"));
        }
        let value = match wire {
            0 => self.varint().map(|_| WireValue::Varint)?,
            1 => self.take(8).map(|_| WireValue::Fixed)?,
            2 => {
                let len = self.varint()?;
                WireValue::Bytes(self.take(len)?)
            }
            5 => self.take(4).map(|_| WireValue::Fixed)?,
            _ => return Err(self.error("a field of a wire type that ONNX does not use")),
        };
        Ok(Some((number, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(path: &[u8], mut inner: Vec<u8>) -> Vec<u8> {
        for number in path.iter().rev() {
            let mut outer = vec![number << 3 | 2];
            let mut len = inner.len();
            while len >= 0x80 {
                outer.push((len & 0x7f) as u8 | 0x80);
                len >>= 7;
            }
            outer.push(len as u8);
            outer.extend(inner);
            inner = outer;
        }
        inner
    }

    #[test]
    fn truncation_and_nonsense_are_placed() {
        assert_eq!(scan(&[]), Ok(()));
        for (bytes, offset) in [
            (&[0x3au8][..], 1),
            (&[0x3a, 5, 1], 2),
            (&[0x00, 1], 1),
            (&[0x0b], 1),
        ] {
            assert!(
                matches!(scan(bytes), Err(ModelError::Protobuf { offset: at, .. }) if at == offset),
                "{:?}",
                scan(bytes)
            );
        }
        assert!(matches!(
            scan(&[0xff; 20]),
            Err(ModelError::Protobuf { .. })
        ));
    }

    #[test]
    fn graphs_within_nodes_are_followed_to_a_bounded_depth() {
        let node = |levels: usize| {
            let mut node = vec![0x1a, 1, b'n', 0x22, 2, b'I', b'f'];
            node.extend(nested(&[5, 6, 1].repeat(levels), vec![]));
            scan(&nested(&[7, 1], node))
        };
        assert_eq!(node(3), Ok(()));
        assert_eq!(
            node(4),
            Err(ModelError::Subgraph {
                node: "node n (If)".into()
            })
        );
        assert!(node(1000).is_err());
    }

    #[test]
    fn floods_of_empty_parts_are_refused() {
        let flood =
            |path: &[u8], unit: &[u8], times: usize| scan(&nested(path, unit.repeat(times)));
        assert!(matches!(
            flood(&[7], &[0x0a, 0], 40_000),
            Err(ModelError::TooMany {
                what: "messages",
                ..
            })
        ));
        assert!(matches!(
            flood(&[7, 1], &[0x0a, 0], 70_000),
            Err(ModelError::TooMany {
                what: "strings",
                ..
            })
        ));
        let packed = nested(&[7, 5, 7], vec![0; MAX_INTEGERS + 1]);
        assert!(matches!(
            scan(&packed),
            Err(ModelError::TooMany {
                what: "integers in lists",
                ..
            })
        ));
        let dims = nested(&[7, 11, 2, 1, 2], [0x0a, 0].repeat(40_000));
        assert!(matches!(
            scan(&dims),
            Err(ModelError::TooMany {
                what: "messages",
                ..
            })
        ));
    }

    #[test]
    fn sparse_tensors_are_refused() {
        assert_eq!(
            scan(&nested(&[7, 15], vec![])),
            Err(ModelError::Unsupported {
                what: "sparse tensors"
            })
        );
    }
}
