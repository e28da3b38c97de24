const COLUMNS = 6;
const ROWS = 6;
const GAP = 1;
/** The variety slider's end: no truncation. */
const ALL = 3;
/** Latent elements whose sliders are shown at first. */
const FIRST = 12;

const byId = (id) => document.getElementById(id);
// What scripts/test-web.sh reads.
const state = document.documentElement.dataset;
state.errors = 0;
const trying = location.hash === "#try";

function fail(error) {
  state.errors = Number(state.errors) + 1;
  byId("facts").textContent = error.message ?? String(error);
}
addEventListener("error", (event) => fail(event.error ?? event));
addEventListener("unhandledrejection", (event) => fail(event.reason));

/** Bytes of base64 text, line breaks or not. */
const bytesOf = (id) => Uint8Array.from(atob(byId(id).textContent.replace(/\s/g, "")), (c) => c.charCodeAt(0));

async function unzipped(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A module of one function that gives an i8x16: valid where there are vectors. */
const VECTORS = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
const hasVectors = WebAssembly.validate(Uint8Array.from(VECTORS));
const engine = await unzipped(bytesOf(hasVectors ? "vectors" : "scalar"));
const generator = await Generator.open(engine, bytesOf("model"));
const { card, classes, width, height, latentLength } = generator;
const names = Array.from({ length: classes }, (_, i) => card.classes?.[i] ?? String(i));
const deviation = generator.uniform ? Math.sqrt(1 / 3) : 1;
const directions = (card.directions ?? []).filter(({ vector }) => vector?.length === latentLength);
const [large, grid] = [byId("large"), byId("grid")];
[large.width, large.height] = [width, height];
const brush = large.getContext("2d", { willReadFrequently: trying });
[grid.width, grid.height] = [COLUMNS * (width + GAP) - GAP, ROWS * (height + GAP) - GAP];

/** The class asked for; -1: all of them in turns. */
let wanted = -1;
let first = 0n;
/** What the large image begins with: a seed, or a latent vector between the pinned images. */
let shown = { seed: 0n, latent: undefined };
/** Standard deviations along each direction of the card, and along each latent element. */
let steps = directions.map(() => 0);
let offsets = new Float32Array(latentLength);
/** The pinned images: latent vector and class. */
const pins = {};
let walking = false;

const classOf = (seed) => (classes === 0 ? -1 : wanted >= 0 ? wanted : Number(seed % BigInt(classes)));
const truncation = () => (Number(byId("variety").value) >= ALL ? undefined : Number(byId("variety").value));
const plainLatentOf = (seed) => generator.latent(BigInt.asUintN(64, seed), truncation());
const moved = (latent) =>
  latent.map((value, i) =>
    directions.reduce((sum, { vector }, k) => sum + steps[k] * deviation * vector[i], value + offsets[i] * deviation),
  );

/** Between two latent vectors: on the arc between normal ones, which keeps their length; on the line between uniform ones. */
function between(a, b, share) {
  const angle = (share * Math.PI) / 2;
  const [x, y] = generator.uniform ? [1 - share, share] : [Math.cos(angle), Math.sin(angle)];
  return a.map((value, i) => x * value + y * b[i]);
}

const shownLatent = () => moved(shown.latent ?? plainLatentOf(shown.seed));

function tell(text) {
  byId("told").textContent = text;
}

function paint(latent, of) {
  brush.putImageData(generator.image(latent, of), 0, 0);
}

function drawGrid() {
  const context = grid.getContext("2d");
  context.clearRect(0, 0, grid.width, grid.height);
  const begin = performance.now();
  for (let i = 0; i < COLUMNS * ROWS; i++) {
    const seed = first + BigInt(i);
    const image = generator.image(moved(plainLatentOf(seed)), classOf(seed));
    context.putImageData(image, (i % COLUMNS) * (width + GAP), Math.floor(i / COLUMNS) * (height + GAP));
  }
  const each = (performance.now() - begin) / (COLUMNS * ROWS);
  state.images = COLUMNS * ROWS;
  const parts = [
    `${width}x${height}${generator.channels === 3 ? " in colour" : ""}, ${latentLength} latent elements`,
    `${each < 10 ? each.toFixed(2) : each.toFixed(0)} ms an image here`,
    card.dataset && `learned from ${card.dataset}`,
    card.author && `by ${card.author}`,
    card.license,
  ];
  byId("facts").textContent = parts.filter(Boolean).join(" · ");
}

function drawLarge() {
  if (shown.latent === undefined) shown.of = classOf(shown.seed);
  paint(shownLatent(), shown.of);
  const of = classes > 0 ? `, class ${names[shown.of]}` : "";
  tell(shown.latent ? `between the pinned images${of}` : `seed ${shown.seed}${of}`);
  remember();
}

/** What the sliders move is drawn once a frame, however fast they are. */
let due = false;
function draw() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    drawGrid();
    if (!walking) drawLarge();
  });
}

/** The address bar holds what is shown: seed, class, variety and what the sliders moved. */
function remember() {
  const said = new URLSearchParams({ seed: String(shown.seed) });
  if (wanted >= 0) said.set("class", names[wanted]);
  if (truncation() !== undefined) said.set("variety", String(truncation()));
  const put = (name, values) => {
    const parts = Array.from(values).flatMap((value, i) => (value === 0 ? [] : [`${i}:${+value.toFixed(2)}`]));
    if (parts.length > 0) said.set(name, parts.join(","));
  };
  put("move", offsets);
  put("along", steps);
  // A page from a disk may not change its address in every browser.
  try {
    history.replaceState(null, "", `#${said}`);
  } catch {}
}

function recall() {
  const said = new URLSearchParams(location.hash.slice(1));
  const seed = said.get("seed");
  if (seed !== null && /^\d{1,20}$/.test(seed) && BigInt(seed) <= LAST_SEED) first = shown.seed = BigInt(seed);
  wanted = names.indexOf(said.get("class"));
  const variety = Number(said.get("variety"));
  if (variety > 0) byId("variety").value = variety;
  const take = (name, values) => {
    for (const part of (said.get(name) ?? "").split(",")) {
      const [, index, value] = /^(\d+):(-?[\d.]+)$/.exec(part) ?? [];
      if (index < values.length && Number.isFinite(Number(value))) values[index] = Math.max(-3, Math.min(3, Number(value)));
    }
  };
  take("move", offsets);
  take("along", steps);
}

/** Latent elements, those that change images most first: mean absolute change of a pixel from one deviation less to one more. */
function byEffect() {
  const effect = Array.from({ length: latentLength }, (_, i) => {
    let sum = 0;
    for (let seed = 0n; seed < 4n; seed++) {
      const [less, more] = [-1, 1].map((sign) => {
        const latent = generator.latent(seed, ALL);
        latent[i] += sign * deviation;
        return generator.generate(latent, classOf(seed));
      });
      sum += less.reduce((all, value, k) => all + Math.abs(value - more[k]), 0);
    }
    return { i, sum };
  });
  return effect.sort((a, b) => b.sum - a.sum).map(({ i }) => i);
}

/** A slider of -3 to 3 standard deviations; a double click sets it to 0. */
function slider(text, value, change) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: -3, max: 3, step: 0.05, value });
  const set = () => {
    change(Number(input.value));
    draw();
  };
  input.addEventListener("input", set);
  input.addEventListener("dblclick", () => {
    input.value = 0;
    set();
  });
  label.append(text, input);
  return label;
}

function drawSliders() {
  const order = byEffect();
  const all = byId("all").getAttribute("aria-pressed") === "true";
  const some = all ? order : order.slice(0, FIRST);
  byId("elements").replaceChildren(...some.map((i) => slider(`z${i}`, offsets[i], (value) => (offsets[i] = value))));
  byId("moves").replaceChildren(...directions.map(({ name }, k) => slider(name, steps[k], (value) => (steps[k] = value))));
  byId("moves").hidden = directions.length === 0;
  byId("all").hidden = latentLength <= FIRST;
}

function press(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

function stop() {
  walking = false;
  press(byId("walk"), false);
}

function walk() {
  if (walking) {
    stop();
    return drawLarge();
  }
  walking = true;
  press(byId("walk"), true);
  let [seed, way, last] = [shown.seed, 0, performance.now()];
  const frame = (now) => {
    if (!walking) return;
    way += ((now - last) / 1000) * Number(byId("speed").value);
    last = now;
    while (way >= 1) {
      way -= 1;
      seed += 1n;
      shown = { seed, of: shown.of };
    }
    paint(moved(between(plainLatentOf(seed), plainLatentOf(seed + 1n), way)), wanted >= 0 ? wanted : shown.of);
    tell(`between seeds ${seed} and ${seed + 1n}`);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function choose(index) {
  wanted = index;
  for (const button of byId("classes").children) press(button, Number(button.dataset.index) === index);
  if (index >= 0) shown.of = index;
  draw();
}

function show(seed) {
  stop();
  const wrapped = BigInt.asUintN(64, seed);
  shown = { seed: wrapped, of: classOf(wrapped) };
  draw();
}

function begin(seed) {
  first = BigInt.asUintN(64, seed);
  byId("seed").value = first;
  show(first);
}

const random = () => begin(crypto.getRandomValues(new BigUint64Array(1))[0] % 10n ** 9n);

/** Keeps what is shown as A or B; between both, the slider blends. */
function pin(name) {
  pins[name] = { latent: shownLatent(), of: shown.of };
  press(byId(`pin-${name}`), true);
  byId("blend").disabled = !(pins.a && pins.b);
}

function blend() {
  stop();
  const share = Number(byId("blend").value);
  // The sliders' offsets are in the pinned latents: shown, they begin at 0.
  offsets = new Float32Array(latentLength);
  steps = directions.map(() => 0);
  shown = { seed: shown.seed, of: (share < 0.5 ? pins.a : pins.b).of, latent: between(pins.a.latent, pins.b.latent, share) };
  for (const input of document.querySelectorAll("#elements input, #moves input")) input.value = 0;
  draw();
}

function save(url, ending) {
  const link = document.createElement("a");
  link.download = `${card.name ?? "dreamlet"}-${shown.seed}.${ending}`;
  link.href = url;
  link.click();
}

/** A GIF of a walk from what is shown, or from A to B and back where both are pinned. */
function saveGif() {
  const [count, scale] = [48, Math.max(1, Math.floor(256 / Math.max(width, height)))];
  const both = pins.a && pins.b;
  const frames = Array.from({ length: count }, (_, i) => {
    const way = i / count;
    const latent = both
      ? between(pins.a.latent, pins.b.latent, 1 - Math.abs(1 - 2 * way))
      : moved(between(plainLatentOf(shown.seed + BigInt(Math.floor(4 * way))), plainLatentOf(shown.seed + BigInt(Math.floor(4 * way) + 1)), (4 * way) % 1));
    return generator.image(latent, shown.of).data;
  });
  const bytes = gif(frames, width, height, scale);
  state.gif = bytes.length;
  return bytes;
}

byId("name").textContent = document.title = card.name ?? "dreamlet";
recall();
byId("seed").value = first;
for (const [i, name] of classes > 0 ? [[-1, "all"], ...names.entries()] : []) {
  const button = document.createElement("button");
  button.textContent = name;
  button.dataset.index = i;
  button.addEventListener("click", () => choose(i));
  byId("classes").append(button);
}
byId("classes").hidden = classes === 0;

const seedTyped = ({ target }) => /^\d{1,20}$/.test(target.value) && BigInt(target.value) <= LAST_SEED && ((first = BigInt(target.value)), show(first));
const actions = {
  walk,
  random,
  more: () => begin(first + BigInt(COLUMNS * ROWS)),
  reset: () => {
    offsets = new Float32Array(latentLength);
    steps = directions.map(() => 0);
    drawSliders();
    show(shown.seed);
  },
  all: () => {
    press(byId("all"), byId("all").getAttribute("aria-pressed") !== "true");
    drawSliders();
  },
  "pin-a": () => pin("a"),
  "pin-b": () => pin("b"),
  save: () => save(large.toDataURL("image/png"), "png"),
  gif: () => {
    const url = URL.createObjectURL(new Blob([saveGif()], { type: "image/gif" }));
    save(url, "gif");
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  },
};
for (const [id, action] of Object.entries(actions)) byId(id).addEventListener("click", action);
byId("seed").addEventListener("input", seedTyped);
byId("variety").addEventListener("input", draw);
byId("blend").addEventListener("input", blend);
grid.addEventListener("click", (event) => {
  const box = grid.getBoundingClientRect();
  const place = (at, size, count) => Math.min(count - 1, Math.floor((at / size) * count));
  const column = place(event.clientX - box.left, box.width, COLUMNS);
  show(first + BigInt(place(event.clientY - box.top, box.height, ROWS) * COLUMNS + column));
});
const keys = {
  ArrowRight: () => show(shown.seed + 1n),
  ArrowLeft: () => show(shown.seed - 1n),
  " ": walk,
  r: random,
  a: actions["pin-a"],
  b: actions["pin-b"],
  s: actions.save,
  g: actions.gif,
  0: actions.reset,
};
addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, button");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});
addEventListener("hashchange", () => {
  recall();
  choose(wanted);
  drawSliders();
});

document.querySelector("main").hidden = false;
drawSliders();
choose(wanted);
drawGrid();
drawLarge();
/** `#try` in the address: whether what a person does changes what is shown. For scripts/test-web.sh. */
function tried() {
  const pixels = () => brush.getImageData(0, 0, width, height).data.join();
  const differs = (act) => {
    const before = pixels();
    act();
    drawLarge();
    return pixels() !== before;
  };
  const move = (value) => {
    const input = document.querySelector("#elements input");
    input.value = value;
    input.dispatchEvent(new Event("input"));
  };
  const key = (name) => dispatchEvent(new KeyboardEvent("keydown", { key: name }));
  const begun = pixels();
  const works = [
    differs(() => move(3)),
    differs(() => move(0)) && pixels() === begun,
    differs(() => (key("a"), key("ArrowRight"), key("b"))),
    differs(() => {
      byId("blend").value = 0.5;
      byId("blend").dispatchEvent(new Event("input"));
    }),
    String.fromCharCode(...saveGif().subarray(0, 6)) === "GIF89a",
    differs(() => show(0n)) && pixels() === begun,
  ];
  return works.every(Boolean) ? "yes" : `no: ${works}`;
}

if (trying) state.tried = tried();
state.wide = document.documentElement.scrollWidth > innerWidth ? "yes" : "no";
