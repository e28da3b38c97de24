"""ONNX's own node tests, each wrapped as a generator, in `dreamlet sample` and `dreamlet compile`: a table of what is right, wrong, refused.

    python scripts/bench/node_tests.py PATH/TO/dreamlet [--write-docs] [--only REGEX] [--rows] [--computed] [--expanded] [--json FILE]

A test is a small graph, its inputs and its right outputs (PyPI `onnx`). The wrapped graph has the input `latent` [1, 2]: each float input of
the test is Gemm(latent, zeros, values), so that it is computed and always the same; weights and integers are constants. Its outputs are one
image, drawn twice: once with all values between black and white, once with differences from the right values enlarged, so that 8-bit
pixels tell 0.01 % of the values' range, 0.1 % of float16's. bfloat16's are drawn once. Only ONNX's values count as right.

--rows      keep the first axis of inputs and outputs as the batch, where the operator works row by row
--computed  compute the weights, integers and truth values, too
--expanded  take the tests of operators that are written out as functions, too
--check     run the wrapped graphs in ONNX's reference evaluator instead of dreamlet, as a test of this script
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import warnings

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.loader import load_model_tests
from PIL import Image

# Operators whose tests are run: what image generators use them for.
TAKEN = {
    "arithmetic, also of shapes": "Add Sub Mul Div Mod Neg Abs Sum Mean Max Min Pow Sqrt Reciprocal Exp Log Floor Ceil Round Sign Clip",
    "images as functions of coordinates": "Sin Cos Tan Sinh Cosh Asin Acos Atan Asinh Acosh Atanh",
    "activations": "Relu LeakyRelu PRelu Elu Celu Selu Sigmoid HardSigmoid Tanh Softplus Softsign Erf Gelu Mish HardSwish Swish SwiGLU Shrink "
                   "ThresholdedRelu Softmax LogSoftmax",
    "conditions": "And Or Xor Not Equal Greater GreaterOrEqual Less LessOrEqual Where IsInf IsNaN",
    "normalization": "BatchNormalization GroupNormalization InstanceNormalization LayerNormalization RMSNormalization LpNormalization LRN "
                     "MeanVarianceNormalization",
    "convolution and pooling": "Conv ConvTranspose Col2Im AveragePool MaxPool LpPool GlobalAveragePool GlobalMaxPool",
    "matrices and attention": "Gemm MatMul Einsum Attention RotaryEmbedding",
    "reductions": "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare CumSum",
    "shapes and movement": "Cast CastLike CenterCropPad Concat Constant ConstantOfShape DepthToSpace Dropout Expand EyeLike Flatten Gather "
                           "GatherElements GatherND Identity OneHot Pad Range Reshape Resize Shape Size Slice SpaceToDepth Split Squeeze Tile "
                           "Transpose Trilu Unsqueeze Upsample",
    "quantized files": "QuantizeLinear DequantizeLinear QLinearConv QLinearMatMul ConvInteger MatMulInteger",
}
# Operators whose tests are not run, and why.
LEFT_OUT = {
    "training": "Adagrad Adam Momentum NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss",
    "control flow, sequences, optional values": "If Loop Scan SequenceInsert SequenceMap SplitToSequence OptionalGetElement OptionalHasElement",
    "strings, tables, trees": "ArrayFeatureExtractor Binarizer LabelEncoder RegexFullMatch StringConcat StringNormalizer StringSplit "
                              "TfIdfVectorizer TreeEnsemble",
    "random results": "Bernoulli",
    "sizes that depend on values": "Compress NonMaxSuppression NonZero Unique",
    "sound": "BlackmanWindow DFT HammingWindow HannWindow MelWeightMatrix STFT",
    "recurrent networks and language models": "GRU LSTM RNN CausalConvWithState FlexAttention LinearAttention TensorScatter ReverseSequence",
    "images that are read, searched or warped": "ImageDecoder RoiAlign MaxUnpool DeformConv GridSample AffineGrid",
    "positions instead of values": "ArgMax ArgMin TopK Hardmax Scatter ScatterElements ScatterND",
    "bits, and rare mathematics": "BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor CumProd Det",
    "quantization while running": "DynamicQuantizeLinear",
}
# Inputs that files hold as weights or settings: constants here, unless --computed.
WEIGHTS = {
    "Conv": (1, 2), "ConvTranspose": (1, 2), "BatchNormalization": (1, 2, 3, 4), "InstanceNormalization": (1, 2), "GroupNormalization": (1, 2),
    "LayerNormalization": (1, 2), "RMSNormalization": (1,), "PRelu": (1,), "Clip": (1, 2), "Dropout": (1, 2), "Pad": (2,), "Resize": (1, 2),
    "Upsample": (1,), "Range": (0, 1, 2), "OneHot": (1, 2), "QuantizeLinear": (1,), "DequantizeLinear": (1,), "QLinearConv": (1, 4, 6),
    "QLinearMatMul": (1, 4, 6), "RotaryEmbedding": (1, 2), "Gemm": (1, 2), "CenterCropPad": (1,), "CastLike": (1,),
}
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
INTEGERS = {TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32,
            TensorProto.UINT64, TensorProto.BOOL}
# How far differences are enlarged: less where a type has few digits, of which the test's own computation has lost the last.
ZOOM = {TensorProto.BFLOAT16: 1, TensorProto.FLOAT16: 8}
# One step of a type whose digits ONNX's values have been rounded to within the operator; engines compute these types as f32. ONNX's own
# evaluator differs as much when it runs such a test in f32.
STEP = {TensorProto.BFLOAT16: 2 ** -7, TensorProto.FLOAT16: 2 ** -10}
# Tests whose right values have four digits.
ROUNDED = {"averagepool_2d_ceil_last_window_starts_on_pad"}
LARGEST_SIDE = 4096


class Skip(Exception):
    """Why a test is not run."""


class Case:
    """A node test: its graph, its inputs by name, its right outputs."""

    def __init__(self, test):
        self.name = test.name.removeprefix("test_")
        self.model, self.data = test.model, test.data_sets[0]
        graph = self.model.graph
        # A written-out function belongs to the operator of its name.
        self.expanded = "_expanded" in self.name
        self.operator = graph.node[0].op_type if not self.expanded and graph.node else ""

    def load(self):
        """Reads the values. Raises `Skip`, with the reason, for what is no tensor or of no use as an image."""
        graph = self.model.graph
        for value in [*graph.input, *graph.output]:
            kind = value.type.WhichOneof("value")
            if kind != "tensor_type":
                raise Skip(f"{kind.split('_')[0]} values")
            if value.type.tensor_type.elem_type not in FLOATS | INTEGERS:
                raise Skip(f"elements of type {TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()}")

        def array(value):
            return numpy_helper.to_array(value) if isinstance(value, TensorProto) else numpy.asarray(value)

        self.inputs = {value.name: array(given) for value, given in zip(graph.input, self.data[0], strict=True)}
        self.outputs = [array(right) for _, right in zip(graph.output, self.data[1], strict=True)]
        self.types = {value.name: value.type.tensor_type.elem_type for value in [*graph.input, *graph.output]}
        if any(0 in value.shape for value in [*self.inputs.values(), *self.outputs]):
            raise Skip("tensors without elements")

    @property
    def zoom(self):
        return min([8] if self.name in ROUNDED else [ZOOM.get(kind, 64) for kind in self.types.values()])

    @property
    def step(self):
        return max(STEP.get(kind, 0) for kind in self.types.values())

    def is_weight(self, name):
        if self.expanded:
            return False
        node = self.model.graph.node[0]
        return any(given == name and place in WEIGHTS.get(node.op_type, ()) for place, given in enumerate(node.input))

    def expected(self, rows):
        """The right values in a row, as f64; of the first row only, if `rows`."""
        parts = [(value[:1] if rows else value).astype(numpy.float64).reshape(-1) for value in self.outputs]
        return numpy.concatenate(parts)


def sides(count):
    """Height and width of an image of `count` pixels, as square as can be."""
    height = next(side for side in range(int(count ** 0.5), 0, -1) if count % side == 0)
    if count // height > LARGEST_SIDE:
        raise Skip(f"no image of at most {LARGEST_SIDE} a side has as many pixels")
    return height, count // height


class Target:
    """How values become pixels: factor and shifts of the two images, and the right pixels from 0 to 1."""

    def __init__(self, values, zoom, step):
        finite = values[numpy.isfinite(values)]
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
        span = max(high - low, 0.05 * max(abs(low), abs(high)), 1e-30) if len(finite) else 1.0
        self.compared = numpy.isfinite(values)
        values = numpy.where(self.compared, values, low)
        middle = (low + high) / 2
        aims = numpy.random.default_rng(0).uniform(0.3, 0.7, len(values))
        # Name, factor, shift of each value, right pixel.
        self.images = [("whole", 0.8 / span, numpy.full(len(values), 0.5 - 0.8 / span * middle), 0.5 + 0.8 / span * (values - middle)),
                       ("enlarged", 0.8 * zoom / span, aims - 0.8 * zoom / span * values, aims)]
        self.images = self.images[: 2 if zoom > 1 else 1]
        self.slack = step * max(abs(low), abs(high))

    def tolerance(self, image):
        """Levels that a pixel may differ by: one for rounding, and what a type of few digits leaves open."""
        factor = next(factor for name, factor, _, _ in self.images if name == image)
        return 1 + 255 * factor * self.slack


def wrap(case, target, image, rows, computed):
    """The case as a generator whose output is one of the target's images."""
    _, factor, shifts, _ = next(each for each in target.images if each[0] == image)
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    graph = model.graph
    for opset in model.opset_import:
        # Not is of opset 1, the wrapping is not; in none of TAKEN did the meaning change between an opset below 7 in use here and 13.
        if opset.domain == "" and opset.version < 7 and onnx.defs.get_schema(graph.node[0].op_type, 13, "").since_version <= opset.version:
            opset.version = 13
    nodes, weights = [], []

    def constant(name, array):
        weights.append(numpy_helper.from_array(array, name))
        return name

    def node(operator, inputs, output, **attributes):
        nodes.append(helper.make_node(operator, inputs, [output], name=f"wrap {output}", **attributes))
        return output

    def from_latent(name, values):
        """The values, [N, count], as a dense layer of the latent without effect."""
        flat = values.astype(numpy.float32).reshape(-1)
        return node("Gemm", ["latent", constant(f"{name} zeros", numpy.zeros((2, flat.size), numpy.float32)), constant(f"{name} values", flat)],
                    f"{name} flat")

    def shaped(value, name, shape):
        return node("Reshape", [value, constant(f"{name} shape", numpy.array(shape, numpy.int64))], name)

    for name, value in case.inputs.items():
        kind = case.types[name]
        rowed = rows and name in rows
        fixed = (kind in INTEGERS or case.is_weight(name) or value.ndim == 0) and not computed
        # Integers go through f32.
        if fixed or (kind in INTEGERS and numpy.abs(value.astype(numpy.float64)).max() > 2 ** 24):
            constant(name, value[:1] if rowed else value)
            continue
        shape = [-1, *value.shape[1:]] if rowed else list(value.shape)
        plain = f"{name} as f32" if kind != TensorProto.FLOAT else name
        shaped(from_latent(name, value[:1] if rowed else value), plain, shape)
        if kind != TensorProto.FLOAT:
            node("Cast", [plain], name, to=kind)
    before = list(nodes)
    nodes.clear()
    parts = []
    for value, right in zip(graph.output, case.outputs):
        part = value.name
        if case.types[part] != TensorProto.FLOAT:
            part = node("Cast", [part], f"{value.name} as f32", to=TensorProto.FLOAT)
        parts.append(shaped(part, f"{value.name} in a row", [-1 if rows else 1, right[:1].size if rows else right.size]))
    row = node("Concat", parts, "wrap all", axis=1) if len(parts) > 1 else parts[0]
    height, width = sides(len(shifts))
    scaled = node("Mul", [row, constant("wrap factor", numpy.array([factor], numpy.float32))], "wrap scaled")
    shaped(node("Add", [scaled, from_latent("wrap shift", shifts)], "wrap shifted"), "image", [-1 if rows else 1, 1, height, width])
    graph.node.extend(nodes)
    inside = list(graph.node)
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend([*before, *inside])
    graph.initializer.extend(weights)
    batch = "batch" if rows else 1
    graph.input.append(helper.make_tensor_value_info("latent", TensorProto.FLOAT, [batch, 2]))
    graph.output.append(helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 1, height, width]))
    return model.SerializeToString()


def in_rows(case):
    """Names of the inputs whose first axis is the batch, if the operator works row by row: with the first row alone, ONNX's reference
    evaluator makes the first row of the right outputs. Raises `Skip` if not."""
    from onnx.reference import ReferenceEvaluator

    first = next(iter(case.inputs.values()), None)
    if first is None or first.ndim < 2 or any(value.ndim < 2 or len(value) != len(first) for value in case.outputs):
        raise Skip("no batch axis")
    names = [name for name, value in case.inputs.items()
             if case.types[name] in FLOATS and not case.is_weight(name) and value.ndim == first.ndim and len(value) == len(first)]
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.ClearField("shape")
    given = {name: value[:1] if name in names else value for name, value in case.inputs.items()}
    doubled = {name: numpy.repeat(value[:1], 3, 0) if name in names else value for name, value in case.inputs.items()}
    try:
        evaluator = ReferenceEvaluator(model)
        found, three = evaluator.run(None, given), evaluator.run(None, doubled)
        same = all(part.shape == value[:1].shape and several.shape[0] == 3
                   and numpy.allclose(part.astype(numpy.float64), value[:1].astype(numpy.float64), 1e-3, 1e-5, equal_nan=True)
                   and numpy.allclose(several[2:].astype(numpy.float64), value[:1].astype(numpy.float64), 1e-3, 1e-5, equal_nan=True)
                   for part, several, value in zip(found, three, case.outputs))
    except Exception:
        same = False
    if not names or not same:
        raise Skip("not row by row")
    return names


class Dreamlet:
    """The program, run as a person would."""

    def __init__(self, program, folder):
        self.program = program
        self.environment = {**os.environ, "DREAMLET_CACHE_DIR": str(folder), "RAYON_NUM_THREADS": "1"}

    def run(self, *arguments):
        """None, or what the program refused with."""
        try:
            done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, errors="replace", env=self.environment,
                                  timeout=120)
        except subprocess.TimeoutExpired:
            return "crashed", "still running after 120 s"
        if done.returncode == 0:
            return None
        said = done.stderr.strip() or done.stdout.strip() or "no message"
        crashed = done.returncode < 0 or done.returncode == 101 or "panicked at" in said
        return "crashed" if crashed else "refused", f"code {done.returncode}: {said}" if crashed else said.splitlines()[-1]

    def draw(self, model, out, seeds, *more):
        """What was refused, and the images of the seeds as levels."""
        failed = self.run("sample", model, "--seeds", f"0-{seeds - 1}", "--out", f"{out}/", "--terminal", "off", *more)
        if failed:
            return failed, None
        return None, [numpy.asarray(Image.open(out / f"{seed:06}.png").convert("L"), numpy.float64) for seed in range(seeds)]


def judge(images, target, image, right):
    """None if the images are right, else what is wrong."""
    for pixels in images:
        if pixels.size != right.size:
            return f"{pixels.size} pixels of {right.size}"
        difference = numpy.where(target.compared, abs(pixels.reshape(-1) - numpy.clip(right, 0, 1) * 255), 0)
        if difference.max() > target.tolerance(image):
            place = int(difference.argmax())
            return f"{int((difference > target.tolerance(image)).sum())} of {right.size} values, value {place} by {difference.max():.1f} levels"
    return None


def reference(model):
    """The image that ONNX's reference evaluator makes of a wrapped graph, as levels."""
    from onnx.reference import ReferenceEvaluator

    graph = onnx.load_from_string(model)
    count = 1 if graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value else 2
    image = ReferenceEvaluator(graph).run(None, {"latent": numpy.random.default_rng(1).standard_normal((count, 2), dtype=numpy.float32)})[0]
    return [numpy.floor(numpy.clip(numpy.nan_to_num(each[0]), 0, 1) * 255 + 0.5) for each in image]


def run(case, args, folder):
    """Outcome of each engine: (word, more)."""
    rows = in_rows(case) if args.rows else None
    target, seeds = Target(case.expected(rows), case.zoom, case.step), 2 if rows else 1
    engines = {"reference": None} if args.check else {"sample": None, "compile": None}
    program = None if args.check else Dreamlet(args.program, folder)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        place = pathlib.Path(place)
        for image, _, _, right in target.images:
            data = wrap(case, target, image, rows, args.computed)
            model, compiled = place / f"{case.name[:80]}.onnx", place / "compiled.dream"
            model.write_bytes(data)
            if args.keep:
                (args.keep / f"{case.name}-{image}.onnx").write_bytes(data)
            for engine in [engine for engine, outcome in engines.items() if outcome is None]:
                failed, images = None, None
                more = ["--range", "0,1", "--latent", "normal"]
                if engine == "reference":
                    try:
                        images = reference(data)
                    except Exception as error:
                        failed = "refused", str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
                elif engine == "sample":
                    failed, images = program.draw(model, place / "sample", seeds, *more)
                else:
                    failed = program.run("compile", model, "--out", compiled, *more)
                    if failed is None:
                        failed, images = program.draw(compiled, place / "compiled", seeds)
                        failed = failed and ("crashed", f"the compiled file is not drawn: {failed[1]}")
                wrong = judge(images, target, image, right) if failed is None else None
                if failed or wrong:
                    engines[engine] = failed or ("wrong", f"{image} image: {wrong}")
                    engines[engine] = (engines[engine][0], engines[engine][1].replace(str(place) + "/", ""))
    return {engine: outcome or ("right", "") for engine, outcome in engines.items()}


def choose(args):
    """The cases of this run, and how many were left out for each reason."""
    taken = {operator for group in TAKEN.values() for operator in group.split()}
    left = {operator: reason for reason, group in LEFT_OUT.items() for operator in group.split()}
    cases, skipped, plain = [], collections.Counter(), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = sorted(load_model_tests(kind="node"), key=lambda test: test.name)
    owners = {}
    for test in tests:
        case = Case(test)
        if not case.expanded:
            if case.operator not in taken | set(left):
                sys.exit(f"{case.name}: {case.operator} stands in neither TAKEN nor LEFT_OUT")
            owners[case.name] = case.operator
        plain.append(case)
    for case in plain:
        if case.expanded:
            case.operator = owners.get(re.sub(r"_expanded.*", "", case.name), "")
        if args.only and not re.search(args.only, case.name) and not re.fullmatch(args.only, case.operator):
            continue
        try:
            if case.expanded and not args.expanded:
                raise Skip("operators written out as functions")
            if case.operator not in taken:
                raise Skip(left.get(case.operator, "functions of operators that are left out"))
            case.load()
            sides(len(case.expected(False)))
            cases.append(case)
        except Skip as skip:
            skipped[str(skip)] += 1
    return cases, skipped


def shorter(reason):
    """A refusal without what differs from test to test: the file's name, the node's."""
    reason = re.sub(r"^(error: )?[\w./-]+\.onnx: ", "", reason)
    return re.sub(r"\s+", " ", reason)


def table(results, engines):
    """Lines of Markdown: for each operator how many tests are right, wrong, refused and why."""
    words = {"sample": "ONNX engine", "compile": "compiled", "reference": "reference evaluator"}
    lines = ["| operator | tests | " + " | ".join(f"{words[engine]}: right | wrong | refused" for engine in engines) + " | why refused |",
             "| --- |" + " ---: |" * (1 + 3 * len(engines)) + " --- |"]
    by_operator = collections.defaultdict(list)
    for result in results:
        by_operator[result["operator"]].append(result)

    def count(group, engine, *kinds):
        return sum(result[engine][0] in kinds for result in group)

    def cells(group):
        return [str(count(group, engine, *kinds)) for engine in engines for kinds in (["right"], ["wrong", "crashed"], ["refused"])]

    for operator in sorted(by_operator):
        group = by_operator[operator]
        why = collections.Counter(shorter(result[engine][1]) for result in group for engine in engines if result[engine][0] == "refused")
        reason = why.most_common(1)[0][0].replace("|", "\\|")[:160] if why else ""
        lines.append(f"| {operator} | {len(group)} | {' | '.join(cells(group))} | {reason} |")
    lines.append(f"| **all** | {len(results)} | {' | '.join(cells(results))} | |")
    return lines


MARKS = "<!-- node tests: written by scripts/bench/node_tests.py --write-docs -->", "<!-- node tests: end -->"


def summary(results):
    """For readers: what is refused, by operator, and why; the rest in one line."""
    by_operator = collections.defaultdict(list)
    for result in results:
        by_operator[result["operator"]].append(result)

    def right(group, engine):
        return sum(result[engine][0] == "right" for result in group)

    lines = ["| operator | tests | sample | compile | what is refused |", "| --- | ---: | ---: | ---: | --- |"]
    whole = []
    for operator, group in sorted(by_operator.items()):
        reasons = collections.Counter(plain(result[engine][1]) for result in group for engine in ("compile", "sample") if result[engine][0] == "refused")
        cells = f"{len(group)} | {right(group, 'sample')} | {right(group, 'compile')}"
        if min(right(group, "sample"), right(group, "compile")) == len(group):
            whole.append(operator)
        else:
            lines.append(f"| {operator} | {cells} | {reasons.most_common(1)[0][0] if reasons else ''} |")
    lines.append(f"| all | {len(results)} | {right(results, 'sample')} | {right(results, 'compile')} | |")
    bad = sum(result[engine][0] in ("wrong", "crashed") for result in results for engine in ("sample", "compile"))
    return [f"Images that are right, of {len(results)} tests; {bad} are wrong.", "", *lines, "", f"{len(whole)} other operators are right in both engines, in every test."]


def plain(reason):
    """The first statement of a refusal, without its node."""
    reason = re.sub(r"^node \S+?( \(\w+\))?( cannot be compiled)?:? ", "", shorter(reason))
    return re.split(r"[;.] |: |, expected", reason)[0].replace("|", "\\|")


def write_docs(results, skipped):
    page = pathlib.Path(__file__).resolve().parents[2] / "docs/reference/operators.md"
    text = page.read_text(encoding="utf-8")
    if text.count(MARKS[0]) != 1 or text.count(MARKS[1]) != 1:
        sys.exit(f"{page}: the lines '{MARKS[0]}' and '{MARKS[1]}' must stand there once, around the table")
    before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
    about = f"From PyPI's `onnx` {onnx.__version__}. A crash counts as wrong. Not run: {sum(skipped.values())} tests of other operators and dtypes."
    page.write_text("\n".join([f"{before}{MARKS[0]}", "", about, "", *summary(results), "", MARKS[1]]) + after, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", default="dreamlet", help="the program dreamlet")
    for flag in ("--rows", "--computed", "--expanded", "--check", "--write-docs"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--only", metavar="REGEX", help="tests whose name has it, or whose operator is it")
    parser.add_argument("--json", type=pathlib.Path, help="write the outcome of each test to this file")
    parser.add_argument("--keep", type=pathlib.Path, help="write the wrapped graphs to this folder")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    if args.write_docs and (args.only or args.rows or args.computed or args.expanded or args.check):
        parser.error("--write-docs goes with a whole, plain run")
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    cases, skipped = choose(args)
    results = []
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(args.processes) as pool:
        def one(case):
            try:
                return {"test": case.name, "operator": case.operator, **run(case, args, pathlib.Path(folder))}
            except Skip as skip:
                return str(skip)

        for result in pool.map(one, cases):
            if isinstance(result, str):
                skipped[result] += 1
            else:
                results.append(result)
    engines = ["reference"] if args.check else ["sample", "compile"]
    lines = table(results, engines)
    print("\n".join(lines))
    print("\nnot run:", "; ".join(f"{reason}: {count}" for reason, count in skipped.most_common()))
    bad = [(result["test"], engine, *result[engine]) for result in results for engine in engines if result[engine][0] in ("wrong", "crashed")]
    for test, engine, word, more in bad:
        print(f"{word.upper()}: {test}, {engine}: {more}")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if args.write_docs:
        write_docs(results, skipped)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
