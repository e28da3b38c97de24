// node test.mjs dreamlet.wasm MODEL.dream...: the golden images of each model (MODEL.golden beside
// it) by way of dreamlet.mjs, and what it says of wrong calls. Exits with 1 if an image or an
// answer is not as it should be.
import { readFileSync } from "node:fs";
import { Generator } from "./dreamlet.mjs";

const [module, ...models] = process.argv.slice(2);
const engine = readFileSync(module);
let failed = 0;

function expect(holds, what) {
  if (holds) return;
  console.error(what);
  failed += 1;
}

/** 64-bit FNV-1a. */
function fnv(bytes) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash.toString(16).padStart(16, "0");
}

/** Whether an image is what a line of a golden file says: a hash, or bytes that other processors may miss by 2. */
function isGolden(image, digits) {
  if (digits.length === 16) return fnv(image) === digits;
  const bytes = Buffer.from(digits, "hex");
  return bytes.length === image.length && image.every((byte, i) => Math.abs(byte - bytes[i]) <= 2);
}

function said(call) {
  try {
    call();
  } catch (error) {
    return error.message;
  }
  return "nothing";
}

for (const model of models) {
  const file = new Uint8Array(readFileSync(model));
  const generator = await Generator.open(engine, file);
  const lines = readFileSync(model.replace(/dream$/, "golden"), "utf8").split("\n");
  const goldens = lines.filter((line) => /^\d/.test(line)).map((line) => line.split(" "));
  expect(goldens.length > 0, `${model}: no golden image`);
  for (const [seed, digits] of goldens) {
    const wanted = generator.classes > 0 ? Number(BigInt(seed) % BigInt(generator.classes)) : undefined;
    const image = generator.generate(generator.latent(BigInt(seed)), wanted);
    expect(isGolden(image, digits), `${model}: the image of seed ${seed} is another`);
  }
  const latent = generator.latent(7n, 0.5);
  expect(latent.length === generator.latentLength && latent.every((x) => Math.abs(x) <= 0.5), `${model}: not truncated`);
  expect(/numbers/.test(said(() => generator.generate(new Float32Array(1000)))), `${model}: takes a latent vector that is too long`);
  expect(/class/.test(said(() => generator.generate(latent, 1000))), `${model}: takes a class that there is not`);
  for (const seed of [-1, -1n, 2n ** 64n, 2 ** 60, 1.5, NaN, "x"]) {
    expect(/whole number/.test(said(() => generator.latent(seed))), `${model}: takes the seed ${seed}`);
  }
  for (const wanted of [1.5, NaN, -2]) {
    expect(/whole number/.test(said(() => generator.generate(latent, wanted))), `${model}: takes the class ${wanted}`);
  }
  const damaged = file.slice();
  damaged[damaged.length - 1] ^= 1;
  const refused = await Generator.open(engine, damaged).then(() => "nothing", (error) => error.message);
  expect(/checksum|damaged|length/.test(refused), `${model}: says ${refused} of a damaged file`);
  console.log(`${model}: ${goldens.length} golden images, ${generator.width}x${generator.height}x${generator.channels}`);
}
process.exit(failed > 0 ? 1 : 0);
