#!/usr/bin/env python3
"""Checks ONNX files with ONNX's own checker, shape inference included.

    pip install onnx
    scripts/check_onnx.py FILE...
"""

import sys

import onnx


def main() -> int:
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    failed = 0
    for path in sys.argv[1:]:
        try:
            model = onnx.load(path, load_external_data=False)
            onnx.checker.check_model(model, full_check=True)
            kinds = sorted({node.op_type for node in model.graph.node})
            print(f"{path}: ok, opset {model.opset_import[0].version}, {len(model.graph.node)} nodes: {', '.join(kinds)}")
        except Exception as error:
            failed += 1
            print(f"{path}: {type(error).__name__}: {error}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
