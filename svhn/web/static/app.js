// The page: what is opened, asked for, run and saved, and which key does what.

import * as api from "./api.js";
import { drawCompare, drawSteps, keyOnCompare } from "./compare.js";
import { changeZoom, drawEditor, keyOnStage, maskOf } from "./editor.js";
import { drawList, drawNumbers, step } from "./list.js";
import { changed, newPhoto, nextId, onChange, ordered, redo, remember, state, undo } from "./state.js";
import { save, zip } from "./zip.js";

const $ = (id) => document.getElementById(id);
const TABS = ["review", "result", "explain"];
let told = "";

// Opening

function open(photos) {
  state.photos.push(...photos);
  if (!state.current && photos.length) state.current = photos[0];
  for (const photo of photos) search(photo);
  changed();
}

function openFiles(files) {
  const { max_bytes: most } = state.limits;
  open([...files].map((file) => {
    const photo = newPhoto(nameFor(file), file);
    if (file.size > most) fail(photo, `${file.name}: ${(file.size / 1e6).toFixed(0)} MB, expected at most ${(most / 1e6).toFixed(0)} MB.`);
    return photo;
  }));
}

/** A name that no other photo has, so that nothing is lost in the ZIP file. */
function nameFor(file) {
  const taken = new Set(state.photos.map((photo) => photo.name));
  const [, stem, suffix] = file.name.match(/^(.*?)(\.[^.]*)?$/);
  let name = file.name;
  for (let place = 2; taken.has(name); place += 1) name = `${stem}-${place}${suffix || ""}`;
  return name;
}

function fail(photo, text) {
  photo.status = "error";
  photo.error = text;
}

async function search(photo) {
  if (photo.status === "error") return;
  photo.status = "searching";
  try {
    const found = await api.find(photo);
    Object.assign(photo, { status: "found", size: found.size, view: found.view, numbers: found.numbers });
    photo.digits = digitsOf(found);
    photo.unsure = found.unsure.flatMap(({ digits }) => digits);
    photo.painted = found.painted && (await pictureOf(found.painted));
  } catch (error) {
    fail(photo, error.message);
  }
  if (!state.edited && !state.photos.some((other) => other.status === "waiting")) state.current = ordered()[0];
  changed();
}

/** The digits of an answer, those that an earlier plan rejected included. */
function digitsOf(found) {
  const listed = found.numbers.flatMap((number, place) => number.digits.map((digit) => ({
    id: nextId(), ...digit, source: found.boxes.startsWith("found") ? "found" : digit.confidence === null ? "listed" : "found",
    accepted: true, number: place,
  })));
  const rejected = found.rejected.map(({ box, label, confidence }) => ({
    id: nextId(), box, label, confidence, source: "found", accepted: false, number: null,
  }));
  return [...listed, ...rejected];
}

/** Load a picture of what was painted. */
async function pictureOf(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  return picture;
}

// Running and saving

async function run(photo, urgent = true) {
  if (!photo || !["found", "done"].includes(photo.status)) return;
  photo.status = "removing";
  photo.stale = false;
  changed();
  try {
    photo.result = await api.remove(photo, await maskOf(photo), urgent);
    photo.status = "done";
    if (photo === state.current && urgent) state.tab = "result";
  } catch (error) {
    photo.result = null;
    photo.status = "found";
    tell(error.message);
  }
  changed();
}

async function runAll() {
  const todo = ordered().filter((photo) => photo.status === "found" || (photo.status === "done" && photo.stale));
  await Promise.all(todo.map((photo) => run(photo, false)));
  const unsure = finished().filter((photo) => !isSure(photo)).length;
  if (unsure) state.current = ordered()[0];
  if (state.current?.result) state.tab = "result";
  tell(unsure ? `Done, but in ${unsure} a digit is left, or perhaps is: look at them first.` : "All done. Download them, or compare.");
}

function fileOf(photo) {
  return new Blob([api.bytesOf(photo.result.content)], { type: `image/${photo.result.format.toLowerCase()}` });
}

const finished = () => state.photos.filter((photo) => photo.result);

const isSure = (photo) => !photo.result.error && !photo.unsure.length;

/** Save what is done in one file, but for photos in which a digit is left, or perhaps is, as --strict does. */
function downloadAll() {
  const photos = finished().filter(isSure);
  const left = finished().length - photos.length;
  save(zip(photos.map((photo) => [photo.name, api.bytesOf(photo.result.content)])), "without-numbers.zip");
  state.edited = false;
  if (left) tell(`${left} not in the file: a digit is left, or perhaps is. Correct it, or download it by itself.`);
}

/** Add boxes where the look at the result could still read something. */
function addSeen() {
  addBoxes(state.current.result.seen.flatMap(({ digits }) => digits));
}

/** Add boxes where perhaps a digit is. */
function addUnsure() {
  addBoxes(state.current.unsure);
  state.current.unsure = [];
}

function addBoxes(digits) {
  const photo = state.current;
  remember(photo);
  for (const { box, label, confidence } of digits) {
    photo.digits.push({ id: nextId(), box, label, confidence, source: "found", accepted: true, number: null });
  }
  state.tab = "review";
  changed();
}

/** Decide that there is no digit where perhaps one is; what was removed stays as it is. */
function dismiss() {
  const photo = state.current;
  const { stale } = photo;
  remember(photo);
  photo.stale = stale;
  photo.unsure = [];
  changed();
}

async function savePlan() {
  const photos = state.photos.filter((photo) => photo.size);
  try {
    const paintings = [];
    for (const photo of photos) {
      const mask = await maskOf(photo);
      paintings.push(mask && (await api.base64Of(mask)));
    }
    save(await api.plan(photos, paintings), "plan.json");
    state.edited = false;
    tell(`Plan of ${photos.length} photos saved.`);
  } catch (error) {
    tell(error.message);
  }
}

async function explain(photo) {
  photo.asked = true;
  try {
    photo.steps = await api.explain(photo);
  } catch (error) {
    photo.steps = { error: error.message };
  }
  photo.asked = false;
  changed();
}

// Drawing

function tell(text) {
  told = text;
  changed();
}

function drawHead() {
  document.body.dataset.state = state.photos.length ? "open" : "empty";
  const searched = state.photos.filter((photo) => !["waiting", "searching"].includes(photo.status)).length;
  const removing = state.photos.filter((photo) => photo.status === "removing").length;
  const busy = removing > 0 || searched < state.photos.length;
  const done = finished().length;
  $("progress").hidden = !busy;
  $("progress").value = removing ? done / (done + removing) : searched / Math.max(1, state.photos.length);
  const text = removing ? `Removing, ${removing} to go` : busy ? `Searching, ${searched} of ${state.photos.length}` : told;
  if ($("said").textContent !== text) $("said").textContent = text;
  const count = `${state.photos.length} ${state.photos.length === 1 ? "photo" : "photos"}`;
  $("place").textContent = state.folder ? `${state.folder} · ${count}` : state.photos.length ? count : "Photos stay on this machine";
  $("download-all").disabled = !finished().some(isSure);
  $("save-plan").disabled = !searched;
  $("run-all").disabled = busy || !state.photos.some((photo) => photo.status === "found" || photo.stale);
  $("run-all").classList.toggle("primary", !done || !$("run-all").disabled);
  $("download-all").classList.toggle("primary", done > 0 && $("run-all").disabled && !busy);
}

function drawWork() {
  const photo = state.current;
  $("name").textContent = photo ? photo.name : "No photo chosen";
  for (const tab of TABS) {
    const button = $(`tab-${tab}`);
    button.setAttribute("aria-selected", String(tab === state.tab));
    button.tabIndex = tab === state.tab ? 0 : -1;
    $(tab).hidden = tab !== state.tab;
  }
  $("view").setAttribute("aria-labelledby", `tab-${state.tab}`);
  for (const button of document.querySelectorAll("[data-tool]")) {
    if (button.tagName === "BUTTON") button.setAttribute("aria-pressed", String(button.dataset.tool === state.tool));
  }
  $("brush").hidden = state.tool !== "paint";
  $("undo").disabled = !photo?.past.length;
  $("redo").disabled = !photo?.future.length;
  $("download").disabled = !photo?.result;
  if (state.tab === "review") drawEditor();
  else if (state.tab === "result") drawCompare();
  else {
    if (photo?.size && !photo.steps && !photo.asked) explain(photo);
    drawSteps();
  }
}

function drawSide() {
  drawNumbers();
  const photo = state.current;
  const perhaps = photo?.unsure.length ? "Perhaps there is a digit in the dashed boxes. Look at it and decide." : "";
  const warning = photo?.status === "error" ? photo.error : photo?.stale ? "Changed since it was removed. Run it again." : photo?.result?.error || perhaps;
  $("warning").hidden = !warning;
  $("warning").textContent = warning || "";
  $("unsure").hidden = !perhaps;
  $("add-seen").hidden = photo?.stale || !(photo?.result?.error && photo.result.seen.length);
  $("run").disabled = !photo || !["found", "done"].includes(photo.status);
  $("run").classList.toggle("primary", !photo?.result || photo.stale);
  const again = photo?.result ? "Remove again" : "Remove from this photo";
  $("run").textContent = photo?.status === "removing" ? "Removing" : again;
}

onChange(drawHead);
onChange(drawList);
onChange(drawWork);
onChange(drawSide);

// Events

function showTab(tab) {
  state.tab = tab;
  changed();
}

function useTool(tool) {
  state.tool = tool;
  changed();
}

for (const tab of TABS) {
  $(`tab-${tab}`).addEventListener("click", () => showTab(tab));
  $(`tab-${tab}`).addEventListener("keydown", (event) => {
    const places = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!places) return;
    const next = TABS[(TABS.indexOf(tab) + places + TABS.length) % TABS.length];
    showTab(next);
    $(`tab-${next}`).focus();
    event.preventDefault();
    event.stopPropagation();
  });
}
for (const button of document.querySelectorAll("button[data-tool]")) {
  button.addEventListener("click", () => {
    useTool(button.dataset.tool);
    if (button.dataset.tool !== "select") $("stage").focus({ preventScroll: true });
  });
}
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => changeZoom(button.dataset.zoom));
}
$("undo").addEventListener("click", () => undo(state.current));
$("redo").addEventListener("click", () => redo(state.current));
$("add-seen").addEventListener("click", addSeen);
$("add-unsure").addEventListener("click", addUnsure);
$("dismiss").addEventListener("click", dismiss);
$("keys").addEventListener("click", () => $("help").showModal());
$("run").addEventListener("click", () => run(state.current));
$("run-all").addEventListener("click", runAll);
$("save-plan").addEventListener("click", savePlan);
$("download-all").addEventListener("click", downloadAll);
$("download").addEventListener("click", () => save(fileOf(state.current), state.current.name.split("/").pop()));
$("choose").addEventListener("click", () => $("files").click());
$("files").addEventListener("change", (event) => {
  openFiles(event.target.files);
  event.target.value = "";
});
window.addEventListener("resize", changed);

document.addEventListener("keydown", (event) => {
  const inField = event.target.matches("input:not([type=checkbox]), textarea, select") || $("help").open;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    (event.shiftKey ? redo : undo)(state.current);
    event.preventDefault();
    return;
  }
  if (inField || event.ctrlKey || event.metaKey || !state.photos.length) return;
  const keys = {
    n: () => step(1), p: () => step(-1), v: () => useTool("select"), Escape: () => useTool("select"), r: () => run(state.current),
    b: () => { showTab("review"); useTool("box"); $("stage").focus(); }, m: () => { showTab("review"); useTool("paint"); $("stage").focus(); },
    "+": () => changeZoom("in"), "-": () => changeZoom("out"), 0: () => changeZoom("fit"), "?": () => $("help").showModal(),
  };
  const answered = keyOnStage(event) || keyOnCompare(event);
  if (!answered && !keys[event.key]) return;
  if (!answered) keys[event.key]();
  event.preventDefault();
});

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  openFiles(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => openFiles(event.clipboardData.files));
window.addEventListener("beforeunload", (event) => {
  if (state.edited) event.preventDefault();
});

const listed = await api.listing();
state.folder = listed.folder;
state.limits = listed.limits;
open(listed.photos.map(({ name }) => newPhoto(name)));

