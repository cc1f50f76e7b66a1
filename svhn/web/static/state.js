// The photos that are reviewed, what is chosen, and what can be undone.

export const state = { photos: [], current: null, tab: "review", tool: "select", folder: null, limits: {}, edited: false };

const listeners = new Set();
let scheduled = false;
let lastId = 0;

/** Call a function whenever something has changed, at most once a frame. */
export function onChange(listener) {
  listeners.add(listener);
}

export function changed() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    for (const listener of listeners) listener();
  });
}

export function nextId() {
  lastId += 1;
  return lastId;
}

/** Make a photo of the folder (a name) or of a dropped file. */
export function newPhoto(name, file = null) {
  return {
    id: nextId(), name, file, status: "waiting", size: null, view: null, numbers: [], digits: [], unsure: [], strokes: [],
    painted: null, error: null, result: null, stale: false, steps: null, past: [], future: [],
  };
}

/** Keep what the photo is like, so that the next change can be undone. */
export function remember(photo) {
  photo.past.push(snapshot(photo));
  photo.future = [];
  touched(photo);
}

export function undo(photo) {
  swap(photo, photo.past, photo.future);
}

export function redo(photo) {
  swap(photo, photo.future, photo.past);
}

function swap(photo, from, to) {
  if (!photo || !from.length) return;
  to.push(snapshot(photo));
  Object.assign(photo, JSON.parse(from.pop()));
  touched(photo);
  changed();
}

/** Whether anything was painted, in a plan that was opened or here. */
export function isPainted(photo) {
  return Boolean(photo.painted) || photo.strokes.some((stroke) => !stroke.erase);
}

function snapshot({ digits, unsure, strokes }) {
  return JSON.stringify({ digits, unsure, strokes });
}

function touched(photo) {
  photo.stale = photo.result !== null;
  photo.steps = null;
  state.edited = true;
}

/** What stands in a plan of a digit. */
export function plain(digit) {
  const { box, label, confidence, source, accepted, number } = digit;
  return { box, label, confidence, source, accepted, number };
}

/** The digits of a photo by the number that they belong to; a drawn box is one of its own. */
export function groups(photo) {
  const found = new Map();
  for (const digit of photo.digits) {
    const key = digit.number === null ? `own ${digit.id}` : `number ${digit.number}`;
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(digit);
  }
  return [...found.values()];
}

export function textOf(digits) {
  return digits.map((digit) => (digit.label === null ? "?" : digit.label)).join("");
}

/** How sure a number is, 0 to 1, which is what --min-confidence compares; null where nobody measured it. */
export function sureOf(digits) {
  const known = digits.map((digit) => digit.confidence).filter((value) => value !== null);
  return known.length ? Math.max(...known) : null;
}

/** How sure the least sure number of a photo is; null where nobody measured it. */
export function leastSure(photo) {
  const known = groups(photo).map(sureOf).filter((value) => value !== null);
  return known.length ? Math.min(...known) : null;
}

/** How much a photo wants to be looked at: failures, then places where perhaps a digit is, then doubtful numbers. */
function doubt(photo) {
  if (photo.status === "error" || photo.result?.error) return 2;
  if (photo.status === "waiting" || photo.status === "searching") return -1;
  if (photo.unsure.length) return 1.5;
  const sure = leastSure(photo);
  return sure === null ? (photo.digits.length ? 0 : -0.5) : 1 - sure;
}

/** The photos in the order in which they are shown. */
export function ordered() {
  return [...state.photos].sort((one, other) => doubt(other) - doubt(one) || one.id - other.id);
}
