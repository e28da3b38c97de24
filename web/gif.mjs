// Animated GIF (version 89a) of frames in RGBA, with one palette for all.

/** Levels of red, green and blue in the palette of images in colour: 240 colours. */
const LEVELS = [6, 8, 5];
/** 4x4 thresholds from 0 to 15/16 (Bayer 1973). */
const BAYER = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5].map((value) => value / 16);
/** Hundredths of a second that a frame is shown. */
const DELAY = 6;

/** LZW as GIF has it: codes of 8 bits to begin with, at most 12. */
function compressed(indices) {
  const [clear, end] = [256, 257];
  const bytes = [];
  let [held, bits, width] = [0, 0, 9];
  let [next, table] = [258, new Map()];
  const put = (code) => {
    held |= code << bits;
    for (bits += width; bits >= 8; bits -= 8) {
      bytes.push(held & 255);
      held >>>= 8;
    }
  };
  put(clear);
  let prefix = indices[0];
  for (const index of indices.subarray(1)) {
    const key = (prefix << 8) | index;
    const known = table.get(key);
    if (known !== undefined) {
      prefix = known;
      continue;
    }
    put(prefix);
    if (next === 4096) {
      put(clear);
      [next, width] = [258, 9];
      table.clear();
    } else {
      table.set(key, next);
      if (next === 1 << width) width += 1;
      next += 1;
    }
    prefix = index;
  }
  put(prefix);
  put(end);
  if (bits > 0) bytes.push(held & 255);
  return bytes;
}

const isGrey = (frame) => frame.every((value, i) => i % 4 === 3 || value === frame[i - (i % 4)]);

/**
 * @param {Uint8ClampedArray[]} frames RGBA of `width` x `height`
 * @param {number} scale each pixel becomes so many in a row and in a column
 * @returns {Uint8Array} the file, which repeats for ever
 */
export function gif(frames, width, height, scale) {
  const grey = frames.every(isGrey);
  const [wide, high] = [width * scale, height * scale];
  const word = (value) => [value & 255, value >> 8];
  const palette = new Uint8Array(3 * 256);
  for (let i = 0; i < 256; i++) {
    const [r, g, b] = LEVELS;
    const parts = [Math.floor(i / (g * b)) / (r - 1), (Math.floor(i / b) % g) / (g - 1), (i % b) / (b - 1)];
    palette.set(grey ? [i, i, i] : parts.map((part) => Math.min(255, Math.round(255 * part))), 3 * i);
  }
  const indexed = (frame) => {
    const indices = new Uint8Array(wide * high);
    for (let y = 0; y < high; y++) {
      for (let x = 0; x < wide; x++) {
        const at = 4 * (Math.floor(y / scale) * width + Math.floor(x / scale));
        const threshold = BAYER[4 * (y % 4) + (x % 4)];
        const level = (c) => Math.min(LEVELS[c] - 1, Math.floor((frame[at + c] / 255) * (LEVELS[c] - 1) + threshold));
        indices[y * wide + x] = grey ? frame[at] : (level(0) * LEVELS[1] + level(1)) * LEVELS[2] + level(2);
      }
    }
    return indices;
  };
  const text = (value) => Array.from(value, (c) => c.charCodeAt(0));
  const parts = [
    [...text("GIF89a"), ...word(wide), ...word(high), 0xf7, 0, 0, ...palette],
    [0x21, 0xff, 11, ...text("NETSCAPE2.0"), 3, 1, 0, 0, 0],
  ];
  for (const frame of frames) {
    parts.push([0x21, 0xf9, 4, 0, ...word(DELAY), 0, 0, 0x2c, 0, 0, 0, 0, ...word(wide), ...word(high), 0, 8]);
    const bytes = compressed(indexed(frame));
    for (let at = 0; at < bytes.length; at += 255) {
      const block = bytes.slice(at, at + 255);
      parts.push([block.length], block);
    }
    parts.push([0]);
  }
  parts.push([0x3b]);
  return Uint8Array.from(parts.flat());
}
