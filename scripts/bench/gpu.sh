#!/usr/bin/env bash
# Everything that is to be measured on a GPU, in at most 9 minutes: whether it computes what the CPU computes, training steps beside
# PyTorch's, and one run to its end. No network. Takes built programs:
#   scripts/bench/gpu.sh --program cuda=PATH --program wgpu=PATH --out gpu-results [--data mnist]
# A rehearsal on a software driver or the CPU: --rehearse. PYTHON names a Python with PyTorch; without PyTorch its rows are missing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "${PYTHON:-python3}" "$here/gpu.py" "$@"
