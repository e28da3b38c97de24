"""Writes images of the font Noto Color Emoji (they are under the Apache licence 2.0) as PNG, 128x128 on white.

One kind lies in the folder itself, more of them in a sub-folder each, which are classes then.
"""

import argparse
import io
import pathlib

from fontTools.ttLib import TTFont
from PIL import Image

# Code points of heads and shoulders; what follows one in a sequence is a skin tone, hair, a profession or a sex.
PEOPLE = [
    *range(0x1F466, 0x1F46A), 0x1F46E, *range(0x1F470, 0x1F479), 0x1F47C, 0x1F482, 0x1F385, 0x1F936, 0x1F934, 0x1F935, 0x1F575, 0x1F64D, 0x1F64E,
    *range(0x1F9D1, 0x1F9D6), 0x1F9D9, 0x1F9DD, 0x1F9DB,
]
# Sequences that hold one of these show two people, or a body with legs.
OTHERS = {0x2764, 0x1F91D, 0x1F9BC, 0x1F9BD, 0x1F9AF, 0x1F37C, 0x1F384, 0x1F430, 0x27A1}

SMILEYS = {
    *range(0x1F600, 0x1F645), *range(0x1F910, 0x1F918), *range(0x1F920, 0x1F926), *range(0x1F927, 0x1F930), *range(0x1F970, 0x1F97B), 0x1F9D0,
    *range(0x1FAE0, 0x1FAE9), 0x263A, 0x2639, 0x1F47D, 0x1F47F, 0x1F480, 0x1F383, 0x1F916,
}
HANDS = {
    0x261D, *range(0x270A, 0x270D), *range(0x1F446, 0x1F451), 0x1F590, 0x1F596, 0x1F90C, 0x1F90F, *range(0x1F918, 0x1F91D), 0x1F91E, 0x1F91F,
    *range(0x1FAF0, 0x1FAF9),
}
# Two of them are a flag.
LETTERS = range(0x1F1E6, 0x1F200)
KINDS = ["flags", "hands", "people", "smileys"]


def kind_of(codes):
    """Which kind an image is of, or None."""
    if codes[0] in PEOPLE:
        return "people" if sum(code in PEOPLE for code in codes) == 1 and not OTHERS & set(codes) else None
    if codes[0] in SMILEYS and len(codes) <= 2:
        return "smileys"
    if codes[0] in HANDS:
        return "hands"
    return "flags" if len(codes) == 2 and all(code in LETTERS for code in codes) else None


def sequences(font):
    """(code points, glyph) of each image in the font."""
    names = {glyph: code for code, glyph in font.getBestCmap().items()}
    for glyph, code in names.items():
        yield (code,), glyph
    for lookup in font["GSUB"].table.LookupList.Lookup:
        for table in lookup.SubTable:
            table = getattr(table, "ExtSubTable", table)
            for first, ligatures in getattr(table, "ligatures", {}).items():
                for ligature in ligatures:
                    parts = [first, *ligature.Component]
                    if all(part in names for part in parts):
                        yield tuple(names[part] for part in parts), ligature.LigGlyph


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("font", nargs="?", default="/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["people"])
    args = parser.parse_args()
    font = TTFont(args.font)
    images = font["CBDT"].strikeData[0]
    written = set()
    for codes, glyph in sorted(sequences(font)):
        kind = kind_of(codes)
        if kind not in args.kinds or glyph not in images or glyph in written:
            continue
        written.add(glyph)
        folder = args.out if len(args.kinds) == 1 else args.out / kind
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.open(io.BytesIO(images[glyph].imageData)).convert("RGBA")
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image)
        left = (image.width - 128) // 2
        page.convert("RGB").crop((left, 0, left + 128, 128)).save(folder / ("-".join(f"{code:x}" for code in codes) + ".png"))
    print(f"{len(written)} images in {args.out}")


if __name__ == "__main__":
    main()
