// The photo with its boxes: accept, add, move, resize and delete them, and paint, by mouse, touch and keys.

import { changed, isPainted, nextId, remember, state } from "./state.js";
import { clamp, fit, make, pointOf } from "./dom.js";
import { percent } from "./list.js";

const stage = document.getElementById("stage");
const brush = document.getElementById("brush-size");
const erase = document.getElementById("brush-erase");
const SIDES = ["n", "s", "w", "e", "nw", "ne", "sw", "se"];
const STILL = 4; // pixels of the screen that a click may move
const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8, 12];
let frame = null;
let shownPhoto = null;
let zoom = 1;
let chosen = null;
let cursor = null; // of the brush, in pixels of the photo

export function drawEditor() {
  const photo = state.current;
  if (!photo || !photo.view) return drawNote(photo);
  if (shownPhoto !== photo) open(photo);
  frame.dataset.tool = state.tool;
  fit(stage, frame, photo.size, zoom);
  drawBoxes(photo);
  drawStrokes(photo);
  drawCursor(photo);
}

function drawNote(photo) {
  shownPhoto = null;
  frame = null;
  const text = !photo ? "Choose a photo." : photo.status === "error" ? photo.error : "Searching for numbers";
  if (stage.textContent !== text) stage.replaceChildren(make("p", { className: "note", textContent: text }));
}

function open(photo) {
  shownPhoto = photo;
  zoom = 1;
  chosen = null;
  cursor = null;
  frame = make("div", { className: "frame" }, [make("img", { src: photo.view, alt: photo.name, draggable: false })]);
  frame.append(make("canvas"), make("div", { className: "boxes" }));
  frame.addEventListener("pointerdown", startOnFrame);
  frame.addEventListener("pointermove", followBrush);
  stage.replaceChildren(frame);
}

// Boxes

function drawBoxes(photo) {
  const layer = frame.querySelector(".boxes");
  const known = new Map([...layer.querySelectorAll(".box")].map((element) => [Number(element.dataset.id), element]));
  for (const [id, element] of known) if (!photo.digits.some((digit) => digit.id === id)) element.remove();
  for (const digit of photo.digits) {
    const element = known.get(digit.id) || layer.appendChild(newBox(digit.id));
    place(element, digit.box, photo.size);
    element.setAttribute("aria-pressed", String(digit.accepted));
    element.setAttribute("aria-label", nameOf(digit));
    element.title = nameOf(digit);
    element.classList.toggle("chosen", chosen === digit.id && state.tool === "select");
    element.querySelector(".tag").textContent = digit.label === null ? "" : digit.label;
  }
  layer.querySelectorAll(".perhaps").forEach((element) => element.remove());
  for (const { box } of photo.unsure) place(layer.appendChild(make("i", { className: "perhaps" })), box, photo.size);
}

function nameOf(digit) {
  const what = digit.label === null ? "Box" : `Digit ${digit.label}`;
  const sure = digit.confidence === null ? digit.source : `${percent(digit.confidence)} sure`;
  return `${what}, ${sure}, ${digit.accepted ? "will be removed" : "stays"}`;
}

function place(element, [left, top, right, bottom], [width, height]) {
  element.style.left = `${(100 * left) / width}%`;
  element.style.top = `${(100 * top) / height}%`;
  element.style.width = `${(100 * (right - left)) / width}%`;
  element.style.height = `${(100 * (bottom - top)) / height}%`;
}

function newBox(id) {
  const box = make("button", { type: "button", className: "box" }, [make("span", { className: "tag" })]);
  box.dataset.id = id;
  for (const side of SIDES) {
    const handle = make("span", { className: `handle ${side}` });
    handle.dataset.side = side;
    box.append(handle);
  }
  box.addEventListener("pointerdown", (event) => startOnBox(event, id));
  box.addEventListener("focus", () => { chosen = id; changed(); });
  box.addEventListener("keydown", (event) => keyOnBox(event, id));
  box.addEventListener("click", (event) => event.preventDefault());
  return box;
}

const digitOf = (id) => state.current.digits.find((digit) => digit.id === id);

function toggle(id) {
  remember(state.current);
  const digit = digitOf(id);
  digit.accepted = !digit.accepted;
  changed();
}

function startOnBox(event, id) {
  if (event.button || state.tool !== "select") return;
  event.preventDefault();
  event.stopPropagation();
  const element = event.currentTarget;
  element.focus({ preventScroll: true });
  const photo = state.current;
  const side = event.target.dataset.side || "";
  const from = pointOf(event, frame, photo.size);
  const before = [...digitOf(id).box];
  const screen = [event.clientX, event.clientY];
  let moved = false;
  drag(element, event.pointerId, (move) => {
    if (!moved && Math.hypot(move.clientX - screen[0], move.clientY - screen[1]) < STILL) return;
    if (!moved) remember(photo);
    moved = true;
    const to = pointOf(move, frame, photo.size);
    digitOf(id).box = shifted(before, side, to[0] - from[0], to[1] - from[1], photo.size);
    changed();
  }, () => { if (!moved && !side) toggle(id); });
}

/** Follow a pointer until it is lifted. */
function drag(element, pointer, onMove, onEnd) {
  element.setPointerCapture(pointer);
  const end = () => {
    element.removeEventListener("pointermove", onMove);
    element.removeEventListener("pointerup", end);
    element.removeEventListener("pointercancel", end);
    onEnd();
  };
  element.addEventListener("pointermove", onMove);
  element.addEventListener("pointerup", end);
  element.addEventListener("pointercancel", end);
}

/** A box whose sides were moved, all of them for "", inside its photo and at least a pixel large. */
function shifted([left, top, right, bottom], side, dx, dy, [width, height]) {
  const x = Math.round(dx);
  const y = Math.round(dy);
  if (!side) {
    const moveX = clamp(x, -left, width - right);
    const moveY = clamp(y, -top, height - bottom);
    return [left + moveX, top + moveY, right + moveX, bottom + moveY];
  }
  return [
    side.includes("w") ? clamp(left + x, 0, right - 1) : left,
    side.includes("n") ? clamp(top + y, 0, bottom - 1) : top,
    side.includes("e") ? clamp(right + x, left + 1, width) : right,
    side.includes("s") ? clamp(bottom + y, top + 1, height) : bottom,
  ];
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function keyOnBox(event, id) {
  const photo = state.current;
  if (event.key === "Delete" || event.key === "Backspace") {
    remember(photo);
    const element = event.currentTarget;
    const other = element.nextElementSibling || element.previousElementSibling || stage;
    photo.digits = photo.digits.filter((digit) => digit.id !== id);
    other.focus();
  } else if (event.key === " " || event.key === "Enter") {
    toggle(id);
  } else if (ARROWS[event.key]) {
    const [dx, dy] = ARROWS[event.key].map((value) => value * (event.shiftKey ? 10 : 1));
    remember(photo);
    const digit = digitOf(id);
    digit.box = shifted(digit.box, event.altKey ? "se" : "", dx, dy, photo.size);
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  changed();
}

export function addBox(box) {
  const photo = state.current;
  remember(photo);
  const digit = { id: nextId(), box, label: null, confidence: null, source: "drawn", accepted: true, number: null };
  photo.digits.push(digit);
  state.tool = "select";
  chosen = digit.id;
  changed();
  requestAnimationFrame(() => requestAnimationFrame(() => frame?.querySelector(`[data-id="${digit.id}"]`)?.focus({ preventScroll: true })));
}

/** Add a box in the middle of what is seen, for people without a pointer. */
function addInTheMiddle() {
  const [width, height] = state.current.size;
  const seen = stage.getBoundingClientRect();
  const middle = { clientX: seen.left + seen.width / 2, clientY: seen.top + seen.height / 2 };
  const [x, y] = pointOf(middle, frame, state.current.size).map(Math.round);
  const tall = Math.max(4, Math.round(Math.min(width, height) / 8));
  const wide = Math.max(3, Math.round(tall * 0.6));
  const left = clamp(x - Math.round(wide / 2), 0, Math.max(0, width - wide));
  const top = clamp(y - Math.round(tall / 2), 0, Math.max(0, height - tall));
  addBox([left, top, Math.min(width, left + wide), Math.min(height, top + tall)]);
}

function startOnFrame(event) {
  if (event.button || !state.current) return;
  if (state.tool === "box") drawNewBox(event);
  else if (state.tool === "paint") paint(event);
  else { chosen = null; changed(); }
}

function drawNewBox(event) {
  event.preventDefault();
  const photo = state.current;
  const from = pointOf(event, frame, photo.size);
  const rubber = frame.appendChild(make("div", { className: "rubber" }));
  let box = null;
  drag(frame, event.pointerId, (move) => {
    const to = pointOf(move, frame, photo.size);
    const [width, height] = photo.size;
    box = [
      clamp(Math.floor(Math.min(from[0], to[0])), 0, width), clamp(Math.floor(Math.min(from[1], to[1])), 0, height),
      clamp(Math.ceil(Math.max(from[0], to[0])), 0, width), clamp(Math.ceil(Math.max(from[1], to[1])), 0, height),
    ];
    place(rubber, box, photo.size);
  }, () => {
    rubber.remove();
    if (box && box[2] - box[0] > 1 && box[3] - box[1] > 1) addBox(box);
  });
}

// Painting: strokes are lines in pixels of the photo, drawn small here and at full size for the server, over what was
// painted in the plan that was opened.

function paint(event) {
  event.preventDefault();
  const photo = state.current;
  remember(photo);
  const stroke = newStroke(photo, pointOf(event, frame, photo.size));
  drag(frame, event.pointerId, (move) => {
    stroke.points.push(pointOf(move, frame, photo.size).map((value) => Math.round(10 * value) / 10));
    changed();
  }, changed);
  changed();
}

function newStroke(photo, point) {
  const stroke = { points: [point], width: brushWidth(), erase: erase.checked };
  photo.strokes.push(stroke);
  return stroke;
}

/** The width of the brush in pixels of the photo; its slider is in pixels of the screen. */
function brushWidth() {
  const place = frame.getBoundingClientRect();
  return Math.max(1, (Number(brush.value) * state.current.size[0]) / place.width);
}

function strokeOn(canvas, photo, colour) {
  const scale = canvas.width / photo.size[0];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (photo.painted) {
    context.drawImage(photo.painted, 0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = colour;
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = colour;
  for (const stroke of photo.strokes) {
    context.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
    context.lineWidth = stroke.width * scale;
    context.beginPath();
    const [first, ...others] = stroke.points;
    context.moveTo(first[0] * scale, first[1] * scale);
    context.lineTo(first[0] * scale + 0.01, first[1] * scale);
    for (const point of others) context.lineTo(point[0] * scale, point[1] * scale);
    context.stroke();
  }
  return context;
}

function drawStrokes(photo) {
  const canvas = frame.querySelector("canvas");
  canvas.width = Math.min(photo.size[0], Math.ceil(frame.clientWidth * devicePixelRatio));
  canvas.height = Math.max(1, Math.round((canvas.width * photo.size[1]) / photo.size[0]));
  strokeOn(canvas, photo, "#e4115b");
}

/** What was painted as a black and white PNG of the photo's size, or null. */
export async function maskOf(photo) {
  if (!isPainted(photo)) return null;
  const canvas = make("canvas", { width: photo.size[0], height: photo.size[1] });
  const context = strokeOn(canvas, photo, "#ffffff");
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#000000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function followBrush(event) {
  if (state.tool !== "paint") return;
  cursor = pointOf(event, frame, state.current.size);
  changed();
}

function drawCursor(photo) {
  frame.querySelector(".brush")?.remove();
  if (state.tool !== "paint" || !cursor) return;
  const circle = frame.appendChild(make("div", { className: "brush" }));
  circle.style.left = `${(100 * cursor[0]) / photo.size[0]}%`;
  circle.style.top = `${(100 * cursor[1]) / photo.size[1]}%`;
  circle.style.width = circle.style.height = `${brush.value}px`;
}

/** Keys on the stage itself; true where one was answered. */
export function keyOnStage(event) {
  const photo = state.current;
  if (!frame || document.activeElement !== stage) return false;
  if (state.tool === "box" && event.key === "Enter") {
    addInTheMiddle();
    return true;
  }
  if (state.tool !== "paint") return false;
  cursor = cursor || [photo.size[0] / 2, photo.size[1] / 2];
  if (ARROWS[event.key]) {
    const pace = (brushWidth() / 4) * (event.shiftKey ? 4 : 1);
    cursor = cursor.map((value, axis) => clamp(value + pace * ARROWS[event.key][axis], 0, photo.size[axis]));
  } else if (event.key === " " || event.key === "Enter") {
    remember(photo);
    newStroke(photo, [...cursor]);
  } else {
    return false;
  }
  changed();
  return true;
}

export function changeZoom(way) {
  const place = ZOOMS.indexOf(zoom) + { in: 1, out: -1, fit: -ZOOMS.length }[way];
  const seen = frame && [stage.scrollLeft + stage.clientWidth / 2, stage.scrollTop + stage.clientHeight / 2].map(
    (value, axis) => value / (axis ? frame.clientHeight : frame.clientWidth));
  zoom = ZOOMS[clamp(place, 0, ZOOMS.length - 1)];
  drawEditor();
  if (seen) stage.scrollTo(seen[0] * frame.clientWidth - stage.clientWidth / 2, seen[1] * frame.clientHeight - stage.clientHeight / 2);
}
