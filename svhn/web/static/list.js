// The photos at the side, least certain first, and the numbers of the one that is chosen.

import { changed, groups, isPainted, leastSure, ordered, remember, state, sureOf, textOf } from "./state.js";
import { make } from "./dom.js";

const list = document.getElementById("list");
const numbers = document.getElementById("numbers");
const hint = document.getElementById("hint");
const rows = new Map();
export const DOUBTFUL = 0.8;

export const percent = (value) => `${Math.min(99, Math.round(100 * value))} %`;

export function drawList() {
  const photos = ordered();
  for (const [id, row] of rows) {
    if (!photos.some((photo) => photo.id === id)) {
      row.remove();
      rows.delete(id);
    }
  }
  photos.forEach((photo, place) => {
    const row = rows.get(photo.id) || newRow(photo);
    if (list.children[place] !== row) {
      const focused = row.contains(document.activeElement);
      list.insertBefore(row, list.children[place] || null);
      if (focused) row.firstChild.focus();
    }
    fillRow(row, photo);
  });
}

function newRow(photo) {
  const button = make("button", { type: "button" });
  button.append(make("div", { className: "thumb" }), make("div", { className: "entry" }));
  button.addEventListener("click", () => choose(photo));
  const row = make("li", {}, [button]);
  rows.set(photo.id, row);
  return row;
}

export function choose(photo) {
  state.current = photo;
  if (state.tab === "result" && !photo.result) state.tab = "review";
  changed();
}

/** Choose the photo so many places further on. */
export function step(places) {
  const photos = ordered();
  const place = photos.indexOf(state.current) + places;
  if (photos[place]) {
    choose(photos[place]);
    rows.get(photos[place].id)?.scrollIntoView({ block: "nearest" });
  }
}

function fillRow(row, photo) {
  const button = row.firstChild;
  const busy = ["waiting", "searching", "removing"].includes(photo.status);
  row.className = busy ? "waiting" : "";
  if (photo === state.current) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  const [tone, text] = said(photo);
  const shown = JSON.stringify([photo.view?.length, button.firstChild.clientWidth, photo.digits.map((digit) => [digit.box, digit.accepted]), photo.unsure.length, tone, text]);
  if (row.dataset.shown === shown) return;
  row.dataset.shown = shown;
  const [thumb, entry] = button.children;
  thumb.replaceChildren(photo.status === "error" ? make("small", { textContent: "no picture" }) : "");
  if (photo.view) {
    thumb.append(make("img", { src: photo.result?.view || photo.view, alt: "" }));
    if (!photo.result) for (const digit of [...photo.digits, ...photo.unsure]) thumb.append(mark(digit, photo, thumb));
  }
  entry.replaceChildren(make("b", { textContent: photo.name, title: photo.name }), make("span", { className: tone, textContent: text }));
}

/** A digit's box on a thumbnail, whose picture keeps its shape inside. */
function mark(digit, photo, thumb) {
  const [width, height] = photo.size;
  const scale = Math.min(thumb.clientWidth / width, thumb.clientHeight / height);
  const left = (thumb.clientWidth - scale * width) / 2;
  const top = (thumb.clientHeight - scale * height) / 2;
  const one = make("i", { className: digit.accepted ? "" : "kept" });
  one.style.left = `${left + scale * digit.box[0]}px`;
  one.style.top = `${top + scale * digit.box[1]}px`;
  one.style.width = `${Math.max(3, scale * (digit.box[2] - digit.box[0]))}px`;
  one.style.height = `${Math.max(3, scale * (digit.box[3] - digit.box[1]))}px`;
  return one;
}

/** The line under a photo's name: its tone and its text. */
function said(photo) {
  if (photo.status === "waiting") return ["", "waiting"];
  if (photo.status === "searching") return ["", "searching"];
  if (photo.status === "removing") return ["", "removing"];
  if (photo.status === "error") return ["bad", photo.error.replace(`${photo.name}: `, "")];
  if (photo.result && !photo.stale && photo.result.error) return ["bad", "still legible"];
  if (photo.unsure.length) return ["doubt", photo.digits.length ? "perhaps one more digit" : "doubtful: perhaps a digit"];
  if (photo.result && !photo.stale) return ["good", "done"];
  if (!photo.digits.length) return ["", isPainted(photo) ? "painted" : "nothing found"];
  const kept = groups(photo).filter((digits) => digits.some((digit) => digit.accepted));
  const sure = leastSure(photo);
  const texts = kept.map(textOf).join(", ") || "all rejected";
  return sure !== null && sure < DOUBTFUL ? ["doubt", `${texts} · ${percent(sure)} sure`] : ["", texts];
}

export function drawNumbers() {
  const photo = state.current;
  const here = photo && ["found", "removing", "done"].includes(photo.status);
  const found = here ? groups(photo) : [];
  hint.textContent = !here ? "" : found.length ? "Switch off what shall stay." : photo.unsure.length ? "" : "Nothing found. Add a box, or paint what shall go.";
  hint.hidden = !hint.textContent;
  const shown = JSON.stringify(found.map((digits) => digits.map((digit) => [digit.id, digit.accepted])));
  if (numbers.dataset.shown === shown) return;
  const focus = numbers.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  numbers.dataset.shown = shown;
  numbers.replaceChildren(...found.map((digits) => entryOf(photo, digits)));
  if (focus) numbers.querySelector(`[data-key="${focus}"]`)?.focus();
}

function entryOf(photo, digits) {
  const accepted = digits.some((digit) => digit.accepted);
  const sure = sureOf(digits);
  const box = digits[0].source === "drawn" && digits.length === 1 && digits[0].label === null;
  const text = box ? "Box" : textOf(digits);
  const note = digits[0].source === "drawn" ? "drawn by you" : sure === null ? "listed" : `${percent(sure)} sure`;
  const entry = make("li", { className: `${accepted ? "" : "out"} ${sure !== null && sure < DOUBTFUL ? "doubt" : ""}` });
  const toggle = make("input", { type: "checkbox", className: "switch", checked: accepted });
  toggle.setAttribute("role", "switch");
  toggle.dataset.key = `switch ${digits[0].id}`;
  toggle.addEventListener("change", () => {
    remember(photo);
    for (const digit of digits) digit.accepted = toggle.checked;
    changed();
  });
  const letters = digits.map((digit) => make(digit.accepted ? "span" : "s", { textContent: box ? text : textOf([digit]) }));
  const words = make("span", {}, [make("span", { className: "text" }, letters), make("small", { textContent: `${note}${fateOf(digits)}` })]);
  const erase = make("button", { type: "button", className: "icon", title: "Delete" });
  erase.setAttribute("aria-label", `Delete ${text}`);
  erase.append(icon("i-trash"));
  erase.addEventListener("click", () => {
    remember(photo);
    photo.digits = photo.digits.filter((digit) => !digits.includes(digit));
    changed();
  });
  entry.append(make("label", {}, [toggle, words]), erase);
  return entry;
}

/** What will become of a number, where that is not plain. */
function fateOf(digits) {
  const count = digits.filter((digit) => digit.accepted).length;
  if (!count) return ", stays";
  return count === digits.length ? "" : `, ${count} of ${digits.length} removed`;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#${name}`);
  svg.append(use);
  return svg;
}
