"""Images of small generators as NumPy arrays: the program `dreamlet` from Python.

>>> import dreamlet
>>> digits = dreamlet.Generator("mnist-cgan.onnx")
>>> digits.sample(seeds=range(36), cls=7).shape
(36, 28, 28, 1)
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

__all__ = ["Error", "Generator", "program"]


class Error(RuntimeError):
    """What the program says when it refuses."""


def program() -> str:
    """The path of the program `dreamlet` that this package brought, else of that on PATH."""
    name = "dreamlet" + (sysconfig.get_config_var("EXE") or "")
    schemes = [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", f"{os.name}_user"), os.path.dirname(sys.executable)]
    for folder in schemes:
        file = os.path.join(folder, name)
        if os.path.isfile(file):
            return file
    found = shutil.which(name)
    if found is None:
        raise Error("the program dreamlet is neither beside this Python nor on PATH: pip install --force-reinstall dreamlet")
    return found


def _run(*arguments: str) -> str:
    done = subprocess.run([program(), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Error(done.stderr.strip().removeprefix("error: "))
    return done.stdout


class Generator:
    """A generator in an ONNX file or a compiled `.dream` file."""

    def __init__(self, model: str | os.PathLike[str]) -> None:
        """Opens the file `model`; raises `Error` where it is no generator."""
        self.model = os.fspath(model)
        self.sample(seeds=[0])

    @property
    def card(self) -> dict[str, Any]:
        """What the file says of itself: sizes, classes, golden images."""
        return json.loads(_run("card", self.model))

    def sample(
        self,
        seeds: Iterable[int] = range(36),
        cls: int | str | None = None,
        truncation: float | None = None,
    ) -> numpy.ndarray[Any, numpy.dtype[numpy.uint8]]:
        """One image a seed, `[N, height, width, channels]`, bytes.

        `cls` is the number or the name of a class; without it each seed has its own, in turn. `truncation` limits the
        size of a latent component: smaller is more typical and less varied. The same seed gives the same image everywhere.
        """
        try:
            import numpy
        except ImportError as error:
            raise Error("images come as NumPy arrays: pip install numpy") from error
        wanted = [int(seed) for seed in seeds]
        if not wanted:
            raise ValueError("no seeds: name one at least")
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "images.npy"
            arguments = ["sample", self.model, "--terminal", "off", "--out", str(out)]
            arguments += ["--seeds", ",".join(_ranges(wanted))]
            if cls is not None:
                arguments += ["--class", str(cls)]
            if truncation is not None:
                arguments += ["--truncation", str(truncation)]
            _run(*arguments)
            return numpy.load(out)


def _ranges(seeds: list[int]) -> Iterable[str]:
    """Seeds as the program takes them: those that follow one another as a range."""
    first = last = seeds[0]
    for seed in [*seeds[1:], None]:
        if seed is not None and seed == last + 1:
            last = seed
            continue
        yield str(first) if first == last else f"{first}-{last}"
        if seed is not None:
            first = last = seed
