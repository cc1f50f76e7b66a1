// Before and after: a slider, a magnifier, and what was painted and learned from; and how it works.

import { state } from "./state.js";
import { clamp, fit, make } from "./dom.js";

const stage = document.getElementById("compare");
const slider = document.getElementById("slider");
const steps = document.getElementById("explain");
const shows = { mask: document.getElementById("show-mask"), keys: document.getElementById("show-keys"), lens: document.getElementById("show-lens") };
const ENLARGED = 3;
let frame = null;
let shown = null;
let lens = [0.5, 0.5]; // where the magnifier is, in parts of the picture

export function drawCompare() {
  const photo = state.current;
  if (!photo?.result) {
    shown = null;
    stage.replaceChildren(make("p", { className: "note", textContent: "Nothing removed yet." }));
    return;
  }
  if (shown !== photo.result) open(photo);
  fit(stage, frame, photo.size);
  frame.style.setProperty("--cut", `${slider.value}%`);
  frame.querySelector(".cover.mask").hidden = !shows.mask.checked;
  frame.querySelector(".cover.keys").hidden = !shows.keys.checked;
  drawLens(photo);
}

function open(photo) {
  shown = photo.result;
  frame = make("div", { className: "frame" });
  frame.append(
    make("img", { src: shown.before, alt: `${photo.name} before`, draggable: false }),
    make("img", { src: shown.view, alt: `${photo.name} after`, draggable: false }),
    cover("keys", shown.key_pixels), cover("mask", shown.mask), make("div", { className: "cut" }),
  );
  frame.addEventListener("pointerdown", (event) => { frame.setPointerCapture(event.pointerId); slide(event); });
  frame.addEventListener("pointermove", (event) => {
    const place = frame.getBoundingClientRect();
    lens = [(event.clientX - place.left) / place.width, (event.clientY - place.top) / place.height].map((value) => clamp(value, 0, 1));
    if (event.buttons) slide(event);
    else drawCompare();
  });
  stage.replaceChildren(frame);
  const number = photo.digits.find((digit) => digit.accepted);
  if (number) lens = [(number.box[0] + number.box[2]) / 2 / photo.size[0], (number.box[1] + number.box[3]) / 2 / photo.size[1]];
}

function cover(name, url) {
  const element = make("div", { className: `cover ${name}` });
  element.style.maskImage = element.style.webkitMaskImage = `url("${url}")`;
  return element;
}

function slide(event) {
  const place = frame.getBoundingClientRect();
  slider.value = clamp((100 * (event.clientX - place.left)) / place.width, 0, 100);
  drawCompare();
}

function drawLens(photo) {
  frame.querySelector(".lens")?.remove();
  if (!shows.lens.checked) return;
  const glass = frame.appendChild(make("div", { className: "lens" }));
  glass.style.left = `${100 * lens[0]}%`;
  glass.style.top = `${100 * lens[1]}%`;
  const [width, height] = [frame.clientWidth * ENLARGED, frame.clientHeight * ENLARGED];
  const middle = glass.clientWidth / 2;
  const left = middle - lens[0] * width;
  const cut = clamp(left + (width * slider.value) / 100, 0, glass.clientWidth);
  for (const source of [shown.before, shown.view]) {
    const picture = glass.appendChild(make("img", { src: source, alt: "" }));
    picture.style.width = `${width}px`;
    picture.style.height = `${height}px`;
    picture.style.left = `${left}px`;
    picture.style.top = `${middle - lens[1] * height}px`;
    picture.style.clipPath = source === shown.view ? `inset(0 0 0 ${cut - left}px)` : "none";
  }
  const line = glass.appendChild(make("i"));
  line.style.left = `${cut}px`;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Move the magnifier by keys; true where one was answered. */
export function keyOnCompare(event) {
  if (document.activeElement !== stage || !ARROWS[event.key] || !shown) return false;
  shows.lens.checked = true;
  lens = lens.map((value, axis) => clamp(value + 0.02 * ARROWS[event.key][axis], 0, 1));
  drawCompare();
  return true;
}

for (const control of [slider, ...Object.values(shows)]) control.addEventListener("input", drawCompare);

/** Show the steps of each number of a photo. */
export function drawSteps() {
  const photo = state.current;
  const content = photo?.steps;
  if (steps.dataset.shown === String(photo?.id) && steps.content === content) return;
  steps.dataset.shown = String(photo?.id);
  steps.content = content;
  if (!content) steps.replaceChildren(make("p", { className: "note", textContent: "Looking at how it works for this photo" }));
  else if (content.error) steps.replaceChildren(make("p", { className: "note", textContent: content.error }));
  else steps.replaceChildren(...content.numbers.map(sectionOf));
}

function sectionOf(number) {
  const sure = number.confidence_after.map((value) => `${Math.round(100 * value)} %`).join(", ");
  const widened = number.rounds ? ` The mask was widened ${number.rounds} times.` : "";
  const panels = number.panels.map((panel) => make("figure", {}, [
    make("img", { src: panel.picture, alt: panel.name }),
    make("figcaption", {}, [make("b", { textContent: panel.name }), make("span", { textContent: panel.caption })]),
  ]));
  return make("section", {}, [
    make("h3", { textContent: `Number ${number.before}` }),
    make("p", { className: "quiet", textContent: `Afterwards the best guess is ${number.after} (${sure} sure).${widened}` }),
    make("div", { className: "panels" }, panels),
  ]);
}
