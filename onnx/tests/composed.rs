//! Operators that are composed of canonical ones, by values computed by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{A, Builder};
use dreamlet_onnx::graph::{Graph, Op};
use dreamlet_onnx::{CheckedGraph, Limits, ModelError, reference};

/// A node whose first input is the latent in this shape; the others are `given`.
struct Case {
    opset: i64,
    shape: Vec<i64>,
    builder: Builder,
    inputs: Vec<&'static str>,
}

/// With opset 18 and the latent 1, 2, 3, ... in this shape.
fn case(shape: &[i64]) -> Case {
    let elements = shape.iter().product();
    Case {
        opset: 18,
        shape: shape.to_vec(),
        builder: Builder::new(&[-1, elements], &[]),
        inputs: vec!["x"],
    }
}

impl Case {
    fn opset(mut self, opset: i64) -> Self {
        self.opset = opset;
        self
    }

    fn ints(mut self, name: &'static str, values: &[i64]) -> Self {
        self.builder = self.builder.ints(name, values);
        self.inputs.push(name);
        self
    }

    fn floats(mut self, name: &'static str, values: &[f32]) -> Self {
        self.builder = self.builder.floats(name, values);
        self.inputs.push(name);
        self
    }

    /// Weights of these dimensions.
    fn weights(mut self, dims: &[i64], values: &[f32]) -> Self {
        self = self.floats("w", values);
        let tensors = &mut self.builder.graph().initializer;
        tensors.last_mut().unwrap().dims = dims.to_vec();
        self
    }

    fn absent(mut self) -> Self {
        self.inputs.push("");
        self
    }

    fn graph(self, op: &str, attributes: Vec<(&str, A)>) -> Result<Graph, ModelError> {
        let mut b = self
            .builder
            .ints("own_shape", &self.shape)
            .ints("row", &[1, 1, 1, -1])
            .node("Reshape", &["latent", "own_shape"], "x", vec![])
            .node(op, &self.inputs, "y", attributes)
            .node("Reshape", &["y", "row"], "image", vec![]);
        b.model.opset_import[0].version = self.opset;
        b.graph().output[0].r#type = None;
        let checked = CheckedGraph::from_bytes(&b.bytes(), &Limits::default());
        checked.map(|checked| checked.graph)
    }

    fn image(self, op: &str, attributes: Vec<(&str, A)>) -> Vec<f32> {
        let count: i64 = self.shape.iter().product();
        let graph = self.graph(op, attributes).unwrap();
        let latent: Vec<f32> = (1..=count).map(|i| i as f32).collect();
        reference::run(&graph, &latent, 0).unwrap()
    }

    fn refused(self, op: &str, attributes: Vec<(&str, A)>) -> String {
        self.graph(op, attributes).unwrap_err().to_string()
    }
}

fn text<'a>(name: &'a str, value: &'static str) -> (&'a str, A) {
    (name, A::Text(value))
}

fn list<'a>(name: &'a str, values: &[i64]) -> (&'a str, A) {
    (name, A::Ints(values.to_vec()))
}

#[test]
fn resize_of_operator_set_10_takes_the_pixel_before() {
    let tripled = [1.0, 1.0, 1.0, 2.0, 2.0, 2.0];
    let scales = [1.0, 1.0, 1.0, 3.0];
    let x = || case(&[1, 1, 1, 2]);
    assert_eq!(
        x().opset(10).floats("s", &scales).image("Resize", vec![]),
        tripled
    );
    assert_eq!(
        x().opset(9).floats("s", &scales).image("Upsample", vec![]),
        tripled
    );
    // From half of a pixel on, from operator set 11 on: 1 at 0.5 stays the first.
    let eleven = x()
        .opset(11)
        .floats("roi", &[])
        .floats("s", &[1.0, 1.0, 1.0, 2.0]);
    assert_eq!(eleven.image("Resize", vec![]), [1.0, 1.0, 2.0, 2.0]);
}

#[test]
fn resize_follows_its_coordinate_mode() {
    let linear = |coordinates: &'static str| {
        let attributes = vec![
            text("mode", "linear"),
            text("coordinate_transformation_mode", coordinates),
        ];
        let x = case(&[1, 1, 1, 2]).absent();
        x.floats("s", &[1.0, 1.0, 1.0, 2.0])
            .image("Resize", attributes)
    };
    assert_eq!(linear("half_pixel"), [1.0, 1.25, 1.75, 2.0]);
    assert_eq!(linear("asymmetric"), [1.0, 1.5, 2.0, 2.0]);
    let thirds = linear("align_corners");
    assert!((thirds[1] - 4.0 / 3.0).abs() < 1e-6, "{thirds:?}");
    // One row is the first.
    for (mode, coordinates) in [("linear", "align_corners"), ("cubic", "pytorch_half_pixel")] {
        let attributes = vec![
            text("mode", mode),
            text("coordinate_transformation_mode", coordinates),
        ];
        let one = case(&[1, 1, 3, 1]).absent().absent();
        assert_eq!(
            one.ints("sizes", &[1, 1, 1, 1]).image("Resize", attributes),
            [1.0]
        );
    }
}

#[test]
fn crops_beyond_the_image_hold_the_extrapolation_value() {
    let attributes = vec![
        text("coordinate_transformation_mode", "tf_crop_and_resize"),
        ("extrapolation_value", A::Float(9.0)),
        list("axes", &[3]),
    ];
    let x = case(&[1, 1, 1, 3]).floats("roi", &[0.0, 2.0]).absent();
    assert_eq!(
        x.ints("sizes", &[3]).image("Resize", attributes),
        [1.0, 3.0, 9.0]
    );
}

#[test]
fn averages_count_pads_only_if_they_say_so() {
    let average = |more: Vec<(&'static str, A)>| {
        let mut attributes = vec![list("kernel_shape", &[2]), list("strides", &[2])];
        attributes.extend(more);
        case(&[1, 1, 3]).image("AveragePool", attributes)
    };
    let pads = || list("pads", &[1, 0]);
    let with = ("count_include_pad", A::Int(1));
    assert_eq!(average(vec![]), [1.5]);
    assert_eq!(average(vec![pads()]), [1.0, 2.5]);
    assert_eq!(average(vec![pads(), with.clone()]), [0.5, 2.5]);
    // A window that overhangs holds only what is there.
    assert_eq!(average(vec![("ceil_mode", A::Int(1)), with]), [1.5, 3.0]);
    let same = vec![list("kernel_shape", &[2]), text("auto_pad", "SAME_LOWER")];
    assert_eq!(case(&[1, 1, 3]).image("MaxPool", same), [1.0, 2.0, 3.0]);
}

#[test]
fn transposed_convolutions_make_the_size_they_are_asked_for() {
    let of = |weights: &[f32], more: Vec<(&'static str, A)>| {
        let mut attributes = vec![list("strides", &[2])];
        attributes.extend(more);
        let x = case(&[1, 1, 2]).weights(&[1, 1, weights.len() as i64], weights);
        x.image("ConvTranspose", attributes)
    };
    let three = [1.0, 10.0, 100.0];
    assert_eq!(of(&three, vec![]), [1.0, 10.0, 102.0, 20.0, 200.0]);
    let same = |mode| of(&three, vec![text("auto_pad", mode)]);
    assert_eq!(same("SAME_UPPER"), [1.0, 10.0, 102.0, 20.0]);
    assert_eq!(same("SAME_LOWER"), [10.0, 102.0, 20.0, 200.0]);
    // As onnxruntime has it, SAME cuts off, but adds nothing, and `output_shape` adds at the end.
    assert_eq!(
        of(&[1.0], vec![text("auto_pad", "SAME_UPPER")]),
        [1.0, 0.0, 2.0]
    );
    assert_eq!(
        of(&[1.0], vec![list("output_shape", &[4])]),
        [1.0, 0.0, 2.0, 0.0]
    );
    assert_eq!(
        of(&three, vec![list("output_shape", &[4])]),
        [10.0, 102.0, 20.0, 200.0]
    );
    let negative = case(&[1, 1, 2]).weights(&[1, 1, 1], &[1.0]);
    let message = negative.refused("ConvTranspose", vec![list("pads", &[-1, 0])]);
    assert!(
        message.contains("node make_y") && message.contains("Slice"),
        "{message}"
    );
}

#[test]
fn borders_show_the_image_itself() {
    let row = |mode: &'static str| {
        let x = case(&[1, 1, 3]).opset(19).ints("pads", &[0, 0, 2, 0, 0, 1]);
        x.image("Pad", vec![text("mode", mode)])
    };
    assert_eq!(row("reflect"), [3.0, 2.0, 1.0, 2.0, 3.0, 2.0]);
    assert_eq!(row("edge"), [1.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
    assert_eq!(row("wrap"), [2.0, 3.0, 1.0, 2.0, 3.0, 1.0]);
    let cut = case(&[1, 1, 3])
        .ints("pads", &[-1, 1])
        .floats("fill", &[7.0]);
    assert_eq!(cut.ints("axes", &[2]).image("Pad", vec![]), [2.0, 3.0, 7.0]);
    let old = vec![list("pads", &[0, 0, 1, 0, 0, 0]), ("value", A::Float(5.0))];
    assert_eq!(
        case(&[1, 1, 3]).opset(10).image("Pad", old),
        [5.0, 1.0, 2.0, 3.0]
    );
}

#[test]
fn slices_step_both_ways() {
    let back = case(&[1, 5])
        .ints("starts", &[-1])
        .ints("ends", &[i64::MIN]);
    let back = back.ints("axes", &[1]).ints("steps", &[-2]);
    assert_eq!(back.image("Slice", vec![]), [5.0, 3.0, 1.0]);
    let old = vec![
        list("axes", &[1]),
        list("starts", &[1]),
        list("ends", &[i64::MAX]),
    ];
    assert_eq!(case(&[1, 3]).opset(9).image("Slice", old), [2.0, 3.0]);
    let still = case(&[1, 5]).ints("starts", &[0]).ints("ends", &[5]);
    let still = still.ints("axes", &[1]).ints("steps", &[0]);
    assert!(still.refused("Slice", vec![]).contains("no step of 0"));
}

#[test]
fn indices_that_are_known_become_parts() {
    let graph = case(&[1, 4])
        .ints("at", &[-1, 2])
        .graph("Gather", vec![("axis", A::Int(1))]);
    let graph = graph.unwrap();
    assert!(
        graph
            .nodes
            .iter()
            .all(|node| !matches!(node.op, Op::Gather(_)))
    );
    let uneven = case(&[1, 4]).ints("at", &[0, 3, -3]);
    let uneven = uneven.image("Gather", vec![("axis", A::Int(1))]);
    assert_eq!(uneven, [1.0, 4.0, 2.0]);
    let beyond = case(&[1, 4]).ints("at", &[4]);
    assert!(
        beyond
            .refused("Gather", vec![("axis", A::Int(1))])
            .contains("indices below 4")
    );
}

/// Index pairs as a tensor of `[n, 2]`.
fn pairs(case: Case, indices: &[i64]) -> Case {
    let mut case = case.ints("at", indices);
    let tensors = &mut case.builder.graph().initializer;
    tensors.last_mut().unwrap().dims = vec![indices.len() as i64 / 2, 2];
    case
}

#[test]
fn scattered_updates_replace_or_add() {
    // x[0, 1:] = ...: three parts joined.
    let x = pairs(case(&[2, 3]), &[0, 1, 0, 2]).floats("new", &[20.0, 30.0]);
    assert_eq!(
        x.image("ScatterND", vec![]),
        [1.0, 20.0, 30.0, 4.0, 5.0, 6.0]
    );
    // Where one element is meant twice, the last counts, or all are added.
    let twice = || pairs(case(&[2, 3]), &[1, 1, 1, 1]).floats("new", &[20.0, 30.0]);
    assert_eq!(
        twice().image("ScatterND", vec![]),
        [1.0, 2.0, 3.0, 4.0, 30.0, 6.0]
    );
    let added = twice().image("ScatterND", vec![text("reduction", "add")]);
    assert_eq!(added, [1.0, 2.0, 3.0, 4.0, 55.0, 6.0]);
    let beyond = pairs(case(&[2, 3]), &[0, 3]).floats("new", &[20.0]);
    assert!(
        beyond
            .refused("ScatterND", vec![])
            .contains("indices below 3")
    );
}

#[test]
fn parts_may_be_uneven_only_where_they_are_counted() {
    let counted = vec![("axis", A::Int(1)), ("num_outputs", A::Int(1))];
    assert_eq!(case(&[1, 3]).image("Split", counted), [1.0, 2.0, 3.0]);
    let sizes = case(&[1, 3]).opset(13).ints("split", &[2, 1]);
    assert_eq!(sizes.image("Split", vec![("axis", A::Int(1))]), [1.0, 2.0]);
    let short = case(&[1, 3]).opset(13).ints("split", &[2, 2]);
    assert!(
        short
            .refused("Split", vec![("axis", A::Int(1))])
            .contains("add up to 3")
    );
}

#[test]
fn blocks_of_depth_are_in_either_order() {
    let of = |mode| {
        let attributes = vec![("blocksize", A::Int(2)), text("mode", mode)];
        case(&[1, 8, 1, 1]).image("DepthToSpace", attributes)
    };
    assert_eq!(of("DCR"), [1.0, 3.0, 5.0, 7.0, 2.0, 4.0, 6.0, 8.0]);
    assert_eq!(of("CRD"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let back = case(&[1, 1, 2, 2]).image("SpaceToDepth", vec![("blocksize", A::Int(2))]);
    assert_eq!(back, [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn noise_inside_is_its_mean_and_said_so() {
    let b = Builder::new(&[-1, 2], &[-1, 1, 1, 2])
        .node("RandomNormalLike", &["latent"], "noise", vec![])
        .node("Add", &["latent", "noise"], "sum", vec![])
        .ints("shape", &[-1, 1, 1, 2])
        .node("Reshape", &["sum", "shape"], "image", vec![]);
    let checked = CheckedGraph::from_bytes(&b.bytes(), &Limits::default()).unwrap();
    assert_eq!(
        reference::run(&checked.graph, &[1.0, 2.0], 0).unwrap(),
        [1.0, 2.0]
    );
    let notes = checked.inspection.notes;
    assert!(
        notes
            .iter()
            .any(|note| note.contains("taken as its mean, 0")),
        "{notes:?}"
    );
    let draw = case(&[1, 2]).refused("Bernoulli", vec![]);
    assert!(draw.contains("node make_y (Bernoulli)"), "{draw}");
}

#[test]
fn hostile_sizes_are_refused_before_memory_is_taken() {
    let x = || case(&[1, 1, 1, 2]);
    let refused = [
        x().ints("by", &[1, 1 << 23, 1 << 23, 1])
            .refused("Tile", vec![]),
        x().ints("by", &[1, 1 << 23, 1 << 23, 2])
            .refused("Expand", vec![]),
        x().ints("by", &[0, 0, 0, 1 << 23, 0, 0, 0, 1 << 23])
            .refused("Pad", vec![text("mode", "edge")]),
        x().absent()
            .floats("by", &[1.0, 1.0, 1.0, 4e6])
            .refused("Resize", vec![]),
        x().refused(
            "AveragePool",
            vec![
                list("kernel_shape", &[1, 1 << 23]),
                list("pads", &[0, 1 << 23, 0, 1 << 23]),
            ],
        ),
    ];
    for message in refused {
        assert!(
            message.contains("limit") || message.contains("2^24"),
            "{message}"
        );
    }
}
