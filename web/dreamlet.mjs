// Compiled models (files of `dreamlet compile`) in a browser or in node: the C interface of c/ as a
// WebAssembly module. The module has no heap and imports nothing; what it works on lies in pages
// that are added to its memory here.

const OK = 0;
const NO_CLASS = -1;
const NO_TRUNCATION = 3.0e38;
const MODEL_STRUCT = 24 * 8;
const PAGE = 65536;
const LAST_SEED = 2n ** 64n - 1n;
// Of the file's format: docs/reference/dream-format.md.
const HEADER = 64;
const LAYER = 128;
const ALIGNMENT = 64;

/** What the file says about itself, or {} where it has no card. Read after the file has been checked. */
function readCard(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const begin = HEADER + LAYER * view.getUint32(52, true);
  const text = new TextDecoder().decode(file.subarray(begin, begin + view.getUint32(56, true)));
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** The seed as 64 bits; numbers that are not exact are none. */
function checkedSeed(seed) {
  if ((typeof seed !== "bigint" && !Number.isSafeInteger(seed)) || seed < 0 || seed > LAST_SEED) {
    throw new Error(`a seed is a whole number from 0 to 2^64 - 1, from 2^53 on a BigInt such as ${2n ** 53n}n: found ${seed}`);
  }
  return BigInt(seed);
}

export class Generator {
  #calls;
  #model;
  #scratch;
  #latent;
  #image;
  /** First byte behind what is in use; undefined before anything is. */
  #end;

  /**
   * Opens a compiled model.
   * @param {BufferSource} module bytes of dreamlet.wasm
   * @param {Uint8Array} file bytes of the model
   * @returns {Promise<Generator>}
   * @throws {Error} if the file is damaged, of a newer format or no model; the message says what to do
   */
  static async open(module, file) {
    const { instance } = await WebAssembly.instantiate(module);
    return new Generator(instance.exports, file);
  }

  /** Use {@link Generator.open}. */
  constructor(calls, file) {
    this.#calls = calls;
    this.#model = this.#room(MODEL_STRUCT);
    const at = this.#room(file.length);
    new Uint8Array(calls.memory.buffer, at, file.length).set(file);
    this.#check(calls.dreamlet_open(this.#model, at, file.length));
    /** Elements of the latent vector. */
    this.latentLength = calls.dreamlet_latent_len(this.#model);
    /** Number of classes, 0 for an unconditional model. */
    this.classes = calls.dreamlet_classes(this.#model);
    this.width = calls.dreamlet_width(this.#model);
    this.height = calls.dreamlet_height(this.#model);
    /** 1 for grey, 3 for red, green, blue. */
    this.channels = calls.dreamlet_channels(this.#model);
    /** The card: name, dataset, author, license, names of classes, ... */
    this.card = readCard(file);
    /** Whether latent vectors are uniform from -1 to 1, not normal. */
    this.uniform = new DataView(file.buffer, file.byteOffset).getUint32(60, true) === 1;
    this.#scratch = this.#room(calls.dreamlet_scratch_len(this.#model));
    this.#latent = this.#room(4 * this.latentLength);
    this.#image = this.#room(calls.dreamlet_image_len(this.#model));
  }

  /** So many bytes of new memory, at a multiple of 64. */
  #room(bytes) {
    const { memory } = this.#calls;
    const at = this.#end ?? memory.buffer.byteLength;
    this.#end = Math.ceil((at + bytes) / ALIGNMENT) * ALIGNMENT;
    const missing = this.#end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    return at;
  }

  #check(error) {
    if (error === OK) return;
    const { memory, dreamlet_error_text } = this.#calls;
    const at = dreamlet_error_text(error);
    const bytes = new Uint8Array(memory.buffer, at);
    throw new Error(new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0))));
  }

  /**
   * The latent vector of a seed, the same numbers on every device.
   * @param {bigint|number} seed from 0 to 2^64 - 1
   * @param {number} [truncation] largest component, from 0.5 (typical images) to 2 (nearly all variety)
   * @returns {Float32Array} `latentLength` numbers
   * @throws {Error} for a seed that is none
   */
  latent(seed, truncation = NO_TRUNCATION) {
    const { memory, dreamlet_latent } = this.#calls;
    this.#check(dreamlet_latent(this.#model, checkedSeed(seed), truncation, this.#latent, this.latentLength));
    return new Float32Array(memory.buffer, this.#latent, this.latentLength).slice();
  }

  /**
   * Makes an image.
   * @param {Float32Array} latent `latentLength` numbers
   * @param {number} [wanted] class from 0 to `classes - 1`, for a model with classes
   * @returns {Uint8Array} rows from the top, `channels` numbers from 0 to 255 for each pixel
   * @throws {Error} for a latent vector of another length, or a class that there is not or that is missing
   */
  generate(latent, wanted = NO_CLASS) {
    if (latent.length !== this.latentLength) {
      throw new Error(`the latent vector has ${latent.length} numbers, this model takes ${this.latentLength}`);
    }
    if (wanted !== NO_CLASS && !(Number.isInteger(wanted) && wanted >= 0)) {
      throw new Error(`a class is a whole number from 0 on: found ${wanted}`);
    }
    const { memory, dreamlet_generate_u8, dreamlet_scratch_len, dreamlet_image_len } = this.#calls;
    new Float32Array(memory.buffer, this.#latent, latent.length).set(latent);
    const [scratch, length] = [dreamlet_scratch_len(this.#model), dreamlet_image_len(this.#model)];
    this.#check(
      dreamlet_generate_u8(this.#model, this.#latent, latent.length, wanted, this.#scratch, scratch, this.#image, length),
    );
    return new Uint8Array(memory.buffer, this.#image, length).slice();
  }

  /**
   * The same as an ImageData for a canvas.
   * @param {Float32Array} latent
   * @param {number} [wanted]
   * @returns {ImageData} `width` x `height`
   */
  image(latent, wanted = NO_CLASS) {
    const pixels = this.generate(latent, wanted);
    const rgba = new Uint8ClampedArray(4 * this.width * this.height).fill(255);
    for (let i = 0; i < this.width * this.height; i++) {
      for (let c = 0; c < 3; c++) rgba[4 * i + c] = pixels[i * this.channels + (this.channels === 3 ? c : 0)];
    }
    return new ImageData(rgba, this.width, this.height);
  }
}
