"use strict";
// What a test reads off the finished page: errors, images that did not load, and whether it is wider than the window.
const check = { errors: 0 };
window.addEventListener("error", () => { check.errors += 1; });
document.addEventListener("securitypolicyviolation", () => { check.errors += 1; });
window.addEventListener("load", () => {
  const page = document.documentElement;
  page.dataset.errors = check.errors;
  page.dataset.broken = [...document.images].filter((i) => !i.complete || i.naturalWidth === 0).length;
  page.dataset.images = document.images.length;
  page.dataset.charts = document.querySelectorAll(".plot.ready").length;
  page.dataset.wide = page.scrollWidth > page.clientWidth ? "yes" : "no";
});

function slideshow(box) {
  const [slider, button, output] = ["input", "button", "output"].map((tag) => box.querySelector(tag));
  const frames = [...box.querySelectorAll(".stage img")];
  if (!slider || !button) return;
  let timer = 0;
  const show = (index) => {
    frames.forEach((frame, i) => frame.classList.toggle("on", i === index));
    output.textContent = frames[index].dataset.label;
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    button.classList.remove("playing");
    button.setAttribute("aria-label", "Play");
  };
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  button.addEventListener("click", () => {
    if (timer) return stop();
    button.classList.add("playing");
    button.setAttribute("aria-label", "Pause");
    timer = setInterval(() => {
      slider.value = (Number(slider.value) + 1) % frames.length;
      show(Number(slider.value));
    }, 140);
  });
  // A browser that goes back to the page keeps the slider where it was.
  show(Number(slider.value));
}

function chart(figure) {
  const plot = figure.querySelector(".plot");
  const data = JSON.parse(figure.querySelector("script").textContent);
  const [cursor, tip] = [plot.querySelector(".cursor"), plot.querySelector(".tip")];
  const span = data.x1 - data.x0;
  const xs = [...new Set(data.series.flatMap((s) => s.x))].sort((a, b) => a - b);
  const text = (v) => (Number.isInteger(v) ? v.toLocaleString("en") : String(Number(v.toPrecision(4))));
  const near = (all, x) => {
    let [low, high] = [0, all.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle] < x) low = middle + 1; else high = middle;
    }
    return low > 0 && x - all[low - 1] < all[low] - x ? low - 1 : low;
  };
  let at = -1;
  const show = (index) => {
    at = Math.max(0, Math.min(xs.length - 1, index));
    const x = xs[at];
    const place = (x - data.x0) / span;
    cursor.style.left = `${place * 100}%`;
    tip.replaceChildren();
    const head = document.createElement("b");
    head.textContent = data.names ? data.names[at] : `${data.unit} ${text(x)}`;
    tip.append(head);
    data.series.forEach((series, i) => {
      const row = document.createElement("div");
      row.className = data.series.length > 1 ? `key s${i % 4}` : "";
      row.textContent = `${series.name} ${text(series.y[near(series.x, x)])}${data.suffix || ""}`.trim();
      tip.append(row);
    });
    plot.classList.add("hover");
    const room = plot.clientWidth;
    const left = place * room + 10;
    tip.style.left = `${Math.max(0, left + tip.offsetWidth > room ? place * room - tip.offsetWidth - 10 : left)}px`;
  };
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    show(near(xs, data.x0 + ((event.clientX - box.left) / box.width) * span));
  });
  plot.addEventListener("pointerleave", () => plot.classList.remove("hover"));
  plot.addEventListener("blur", () => plot.classList.remove("hover"));
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(at < 0 ? (step > 0 ? 0 : xs.length - 1) : at + step);
  });
  plot.classList.add("ready");
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".slideshow").forEach(slideshow);
  document.querySelectorAll(".chart").forEach(chart);
});
