"""The first images of an IDX data set, such as MNIST, as a data set of its own: `--data idx:OUT`. The test images stay as they are."""

import argparse
import gzip
import pathlib
import shutil
import struct


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path, help="with train-images-idx3-ubyte.gz and the other three")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--images", type=int, default=1000)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"):
        data = gzip.decompress((args.folder / name).read_bytes())
        axes = data[3]
        extents = struct.unpack_from(f">{axes}I", data, 4)
        if extents[0] < args.images:
            parser.error(f"{args.folder / name} has only {extents[0]} images")
        item = 1
        for extent in extents[1:]:
            item *= extent
        begin = 4 + 4 * axes
        head = data[:4] + struct.pack(f">{axes}I", args.images, *extents[1:])
        (args.out / name).write_bytes(gzip.compress(head + data[begin:begin + args.images * item], mtime=0))
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        shutil.copyfile(args.folder / name, args.out / name)


if __name__ == "__main__":
    main()
