// What is asked of the server: one request at a time is worked on, the next one waits there.

import { plain } from "./state.js";

const AT_A_TIME = 2;
const waiting = [];
let running = 0;

/** Something that the server, or the way to it, says went wrong. */
export class Problem extends Error {}

async function request(path, options = {}) {
  for (;;) {
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Problem("The server does not answer. Is it still running?");
    }
    if (answer.status === 429) {
      const seconds = Number(answer.headers.get("Retry-After")) || 1;
      await new Promise((done) => setTimeout(done, 1000 * seconds));
      continue;
    }
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({}));
    throw new Problem(said.detail || `The server answered with ${answer.status}.`);
  }
}

/** Do work when there is room for it; what is urgent comes before what waits. */
function inTurn(work, urgent) {
  return new Promise((resolve, reject) => {
    const job = () => work().then(resolve, reject).finally(next);
    if (urgent) waiting.unshift(job);
    else waiting.push(job);
    if (running < AT_A_TIME) start();
  });
}

function start() {
  const job = waiting.shift();
  if (!job) return;
  running += 1;
  job();
}

function next() {
  running -= 1;
  start();
}

function formOf(photo) {
  const form = new FormData();
  if (photo.file) form.set("photo", photo.file, photo.name);
  else form.set("name", photo.name);
  return form;
}

export async function listing() {
  return (await request("/api/photos")).json();
}

export function find(photo) {
  const form = formOf(photo);
  form.set("pictures", "true");
  return inTurn(async () => (await request("/api/find", { method: "POST", body: form })).json(), false);
}

export function remove(photo, mask, urgent) {
  const form = formOf(photo);
  form.set("boxes", JSON.stringify(photo.digits.map(plain)));
  form.set("pictures", "true");
  if (mask) form.set("mask", mask, "mask.png");
  const options = { method: "POST", body: form, headers: { Accept: "application/json" } };
  return inTurn(async () => (await request("/api/remove", options)).json(), urgent);
}

export function explain(photo) {
  const form = formOf(photo);
  form.set("boxes", JSON.stringify(photo.digits.map(plain)));
  return inTurn(async () => (await request("/api/explain", { method: "POST", body: form })).json(), true);
}

/** Get the plan of photos; `paintings` are what was painted in each, as base64, or null. */
export async function plan(photos, paintings) {
  const content = photos.map(({ name, size, digits, numbers }, place) => ({
    photo: name, size, digits: digits.map(plain), numbers, painted: paintings[place],
  }));
  const options = {
    method: "POST", body: JSON.stringify({ photos: content }), headers: { "Content-Type": "application/json" },
  };
  return (await request("/api/plan", options)).blob();
}

/** Read a file as base64, without the head of a data URL. */
export function base64Of(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
