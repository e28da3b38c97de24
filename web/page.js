const COLUMNS = 6;
const ROWS = 6;
const GAP = 1;
/** Milliseconds from one seed of the walk to the next. */
const STRIDE = 1500;
/** The variety slider's end: no truncation. */
const ALL = 3;

const byId = (id) => document.getElementById(id);
// What scripts/test-web.sh reads.
const state = document.documentElement.dataset;
state.errors = 0;

function fail(error) {
  state.errors = Number(state.errors) + 1;
  byId("facts").textContent = error.message ?? String(error);
}
addEventListener("error", (event) => fail(event.error ?? event));
addEventListener("unhandledrejection", (event) => fail(event.reason));

/** Bytes of base64 text, line breaks or not. */
const bytesOf = (id) => Uint8Array.from(atob(byId(id).textContent.replace(/\s/g, "")), (c) => c.charCodeAt(0));

const generator = await Generator.open(bytesOf("module"), bytesOf("model"));
const { card, classes, width, height } = generator;
const names = Array.from({ length: classes }, (_, i) => card.classes?.[i] ?? String(i));
const [large, grid] = [byId("large"), byId("grid")];
[large.width, large.height] = [width, height];
[grid.width, grid.height] = [COLUMNS * (width + GAP) - GAP, ROWS * (height + GAP) - GAP];

/** The class asked for; -1: all of them in turns. */
let wanted = -1;
let first = 0n;
/** Seed and class of the large image. */
let shown = { seed: 0n, of: -1 };
let walking = false;

const classOf = (seed) => (classes === 0 ? -1 : wanted >= 0 ? wanted : Number(seed % BigInt(classes)));
const truncation = () => (Number(byId("variety").value) >= ALL ? undefined : Number(byId("variety").value));
const plainLatentOf = (seed) => generator.latent(BigInt.asUintN(64, seed), truncation());
const directions = (card.directions ?? []).filter(({ vector }) => vector?.length === generator.latentLength);
/** Standard deviations along each direction of the card. */
const steps = directions.map(() => 0);
const deviation = generator.uniform ? Math.sqrt(1 / 3) : 1;
const moved = (latent) =>
  latent.map((value, i) => directions.reduce((sum, { vector }, k) => sum + steps[k] * deviation * vector[i], value));
const latentOf = (seed) => moved(plainLatentOf(seed));

function drawGrid() {
  const context = grid.getContext("2d");
  context.clearRect(0, 0, grid.width, grid.height);
  const begin = performance.now();
  for (let i = 0; i < COLUMNS * ROWS; i++) {
    const seed = first + BigInt(i);
    const image = generator.image(latentOf(seed), classOf(seed));
    context.putImageData(image, (i % COLUMNS) * (width + GAP), Math.floor(i / COLUMNS) * (height + GAP));
  }
  const each = (performance.now() - begin) / (COLUMNS * ROWS);
  state.images = COLUMNS * ROWS;
  const parts = [
    `${width}x${height}${generator.channels === 3 ? " in colour" : ""}, ${generator.latentLength} latent elements`,
    `${each < 10 ? each.toFixed(2) : each.toFixed(0)} ms an image here`,
    card.dataset && `learned from ${card.dataset}`,
    card.author && `by ${card.author}`,
    card.license,
  ];
  byId("facts").textContent = parts.filter(Boolean).join(" · ");
}

function tell(text) {
  byId("told").textContent = text;
}

function drawLarge(seed) {
  shown = { seed, of: classOf(seed) };
  large.getContext("2d").putImageData(generator.image(latentOf(seed), shown.of), 0, 0);
  tell(`seed ${seed}${classes > 0 ? `, class ${names[shown.of]}` : ""}`);
}

/** Between two latent vectors: on the arc between normal ones, which keeps their length; on the line between uniform ones. */
function between(a, b, share) {
  const angle = (share * Math.PI) / 2;
  const [x, y] = generator.uniform ? [1 - share, share] : [Math.cos(angle), Math.sin(angle)];
  return a.map((value, i) => x * value + y * b[i]);
}

function walk(begin) {
  const frame = (now) => {
    if (!walking) return;
    const way = (now - begin) / STRIDE;
    const step = Math.floor(way);
    const seed = shown.seed + BigInt(step);
    const latent = moved(between(plainLatentOf(seed), plainLatentOf(seed + 1n), Math.max(0, way - step)));
    const of = wanted >= 0 ? wanted : shown.of;
    large.getContext("2d").putImageData(generator.image(latent, of), 0, 0);
    tell(`between seeds ${seed} and ${seed + 1n}${classes > 0 ? `, class ${names[of]}` : ""}`);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function stop() {
  walking = false;
  byId("walk").setAttribute("aria-pressed", "false");
}

function draw() {
  drawGrid();
  if (!walking) drawLarge(shown.seed);
}

function choose(index) {
  wanted = index;
  for (const button of byId("classes").children) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.index) === index));
  }
  draw();
}

byId("name").textContent = card.name ?? "dreamlet";
document.title = card.name ?? "dreamlet";
for (const [i, name] of classes > 0 ? [[-1, "all"], ...names.entries()] : []) {
  const button = document.createElement("button");
  button.textContent = name;
  button.dataset.index = i;
  button.addEventListener("click", () => choose(i));
  byId("classes").append(button);
}
byId("classes").hidden = classes === 0;
for (const [k, { name }] of directions.entries()) {
  const label = document.createElement("label");
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: -3, max: 3, step: 0.1, value: 0 });
  slider.addEventListener("input", () => {
    steps[k] = Number(slider.value);
    draw();
  });
  label.append(name, slider);
  byId("moves").append(label);
}
byId("moves").hidden = directions.length === 0;
byId("seed").addEventListener("input", ({ target }) => {
  if (!/^\d+$/.test(target.value)) return;
  first = BigInt.asUintN(64, BigInt(target.value));
  draw();
});
byId("more").addEventListener("click", () => {
  first = BigInt.asUintN(64, first + BigInt(COLUMNS * ROWS));
  byId("seed").value = first;
  draw();
});
byId("variety").addEventListener("input", draw);
grid.addEventListener("click", (event) => {
  const box = grid.getBoundingClientRect();
  const column = Math.min(COLUMNS - 1, Math.floor(((event.clientX - box.left) / box.width) * COLUMNS));
  const row = Math.min(ROWS - 1, Math.floor(((event.clientY - box.top) / box.height) * ROWS));
  stop();
  drawLarge(first + BigInt(row * COLUMNS + column));
});
byId("walk").addEventListener("click", () => {
  if (walking) return stop();
  walking = true;
  byId("walk").setAttribute("aria-pressed", "true");
  walk(performance.now());
});
byId("save").addEventListener("click", () => {
  const link = document.createElement("a");
  link.download = `${card.name ?? "dreamlet"}-${shown.seed}.png`;
  link.href = large.toDataURL("image/png");
  link.click();
});

document.querySelector("main").hidden = false;
choose(-1);
state.wide = document.documentElement.scrollWidth > innerWidth ? "yes" : "no";
