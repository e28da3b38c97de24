"""Writes images of people from the font Noto Color Emoji (its images are under the Apache licence 2.0) as PNG, 128x128 on white."""

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
    args = parser.parse_args()
    font = TTFont(args.font)
    images = font["CBDT"].strikeData[0]
    args.out.mkdir(parents=True, exist_ok=True)
    written = set()
    for codes, glyph in sorted(sequences(font)):
        people = sum(code in PEOPLE for code in codes)
        if codes[0] not in PEOPLE or people != 1 or OTHERS & set(codes) or glyph not in images or glyph in written:
            continue
        written.add(glyph)
        image = Image.open(io.BytesIO(images[glyph].imageData)).convert("RGBA")
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image)
        left = (image.width - 128) // 2
        page.convert("RGB").crop((left, 0, left + 128, 128)).save(args.out / ("-".join(f"{code:x}" for code in codes) + ".png"))
    print(f"{len(written)} images in {args.out}")


if __name__ == "__main__":
    main()
