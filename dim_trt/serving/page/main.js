// The page: its buttons, keys and files, put together.

import { ask } from "./api.js";
import { draw } from "./layers.js";
import { Painter } from "./painter.js";
import { View, listen } from "./view.js";

const $ = (id) => document.getElementById(id);
const stage = $("stage"), context = stage.getContext("2d"), view = new View(stage);
export { view };
const look = { kind: "checkerboard", color: "#3366cc", opacity: 0.55, split: 0.5, original: false, brush: null };
const held = new Set();
let at = null, isDrawn = true, background = null, info = null;

const said = (text) => ($("status").textContent = text); // what is going on
// What went wrong, or as a note what only looks so; it stays until the next action.
const told = (text, isNote = false) => {
  $("error").textContent = text;
  $("error").classList.toggle("note", isNote);
};
const noted = (text) => told(text, true);
const failed = (error) => {
  said("");
  told(error.message);
};
// An action; what went wrong before is forgotten, what goes wrong now is said.
const tried = (work) => async (...given) => {
  told("");
  try {
    await work(...given);
  } catch (error) {
    failed(error);
  }
};

export const painter = new Painter({ said, noted, failed, redraw, changed });

function redraw() {
  if (!isDrawn) return;
  isDrawn = false;
  requestAnimationFrame(() => {
    isDrawn = true;
    stage.classList.toggle("pan", pans());
    const isBrush = at && painter.isOpen && !pans() && !look.original;
    look.brush = isBrush ? { ...at, radius: painter.radius * view.scale } : null;
    draw(context, painter.layers, view, look);
  });
}

function changed() {
  const { trimap } = painter;
  $("undo").disabled = !trimap?.done.length;
  $("redo").disabled = !trimap?.undone.length;
  for (const button of document.querySelectorAll("#downloads button")) button.disabled = !painter.isOpen;
  $("find").disabled = !painter.isOpen || !info.sources.includes("auto");
  if (document.activeElement?.disabled) stage.focus(); // else keys would go nowhere
}

const pans = () => painter.tool === "pan" || held.has(" ");

// pictures
const open = tried(async (file, afterwards) => {
  if (!file) return;
  info ??= await (await ask("GET", "/v1/info")).json();
  const most = info.limits.max_body_bytes;
  if (file.size > most) throw new Error(`The file is too large: expected at most ${most >> 20} MiB.`);
  if (!(await painter.open(file))) return;
  noted(painter.session.note);
  document.body.classList.add("opened");
  view.fit(painter.layers.width, painter.layers.height);
  painter.layers.behind = background?.bitmap ?? null;
  painter.session.colors = look.kind !== "alpha";
  at = null;
  redraw();
  await afterwards?.();
});

const example = tried(async (name) => {
  const fetched = async (file) => new File([await (await ask("GET", `/page/examples/${file}`)).blob()], file);
  const [picture, trimap] = await Promise.all([fetched(`${name}.webp`), fetched(`${name}_trimap.png`)]);
  await open(picture, () => painter.load("trimap", trimap));
});

const need = (work) => tried(async (...given) => {
  if (!painter.isOpen) throw new Error("Open a picture first.");
  await work(...given);
});

function chooses(button, input, work) {
  $(button).addEventListener("click", () => $(input).click());
  $(input).addEventListener("change", async () => {
    const [file] = $(input).files;
    $(input).value = "";
    if (file) await work(file);
  });
}

chooses("open", "file", open);
chooses("trimap-open", "trimap-file", need((file) => painter.load("trimap", file)));
chooses("mask-open", "mask-file", need((file) => painter.load("mask", file)));
$("find").addEventListener("click", need(() => painter.find()));
chooses("background-open", "background-file", tried(async (file) => {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error("The background cannot be shown: expected a picture that this browser knows.");
  }
  background = { file, bitmap };
  if (painter.isOpen) painter.layers.behind = bitmap;
  document.querySelector("[value=picture]").checked = true;
  show("picture");
}));
for (const button of document.querySelectorAll("[data-example]")) button.addEventListener("click", () => example(button.dataset.example));
addEventListener("paste", (event) => {
  const [file] = event.clipboardData?.files ?? [];
  if (file) open(file);
});
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dragging", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") open(event.dataTransfer.files[0]);
  });
}

// brushes
function choose(tool) {
  painter.tool = tool;
  for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
  redraw();
}

function size(px) {
  $("size").value = px;
  painter.radius = Number($("size").value) / 2;
  $("size-shown").textContent = `${$("size").value} px`;
  redraw();
}

for (const button of document.querySelectorAll("[data-tool]")) button.addEventListener("click", () => choose(button.dataset.tool));
$("size").addEventListener("input", () => size($("size").value));
$("fill").addEventListener("change", () => (painter.fills = $("fill").checked));
$("opacity").addEventListener("input", () => ((look.opacity = $("opacity").value / 100), redraw()));
$("band").addEventListener("click", need(() => painter.band()));
$("undo").addEventListener("click", () => painter.undo());
$("redo").addEventListener("click", () => painter.redo());
listen(view, {
  pans,
  begin: (point) => (told(""), painter.begin(point)),
  paint: (point) => painter.paint(point),
  end: (isDropped) => painter.end(isDropped),
  hover: (point) => ((at = point), redraw()),
  redraw,
});

// results
function show(kind) {
  look.kind = kind;
  painter.show(kind !== "alpha");
  redraw();
}

for (const radio of document.querySelectorAll("[name=view]")) radio.addEventListener("change", () => show(radio.value));
$("color").addEventListener("input", () => {
  look.color = $("color").value;
  document.querySelector("[value=color]").checked = true;
  show("color");
});
$("split").addEventListener("input", () => ((look.split = $("split").value / 1000), redraw()));
const original = (is) => ((look.original = is), redraw());
$("original").addEventListener("pointerdown", () => original(true));
for (const kind of ["pointerup", "pointerleave", "pointercancel", "blur"]) $("original").addEventListener(kind, () => original(false));

for (const button of document.querySelectorAll("#downloads button")) {
  button.addEventListener("click", need(async () => {
    const { output, format } = button.dataset, wish = { output, format };
    if (output === "composite") wish.background = { alpha: "#ffffff", color: look.color, picture: background?.file }[look.kind] ?? "checkerboard";
    const { name } = painter;
    said("Computing the whole picture …");
    const { blob, note } = await painter.session.result(wish);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}_${output}.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    said(`${link.download} is saved`);
    noted(note);
  }));
}

// keys
function arrow(key, paints) {
  const step = Math.max(1, painter.radius / 2), here = at ? view.toPicture(at) : { x: painter.layers.width / 2, y: painter.layers.height / 2 };
  const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[key];
  const within = (value, size) => Math.min(Math.max(value, 0), size);
  const there = { x: within(here.x + dx, painter.layers.width), y: within(here.y + dy, painter.layers.height) };
  view.show(there);
  at = view.toStage(there);
  if (paints) dab(here, there);
  redraw();
}

function dab(from, to) {
  painter.begin(from);
  painter.paint(to);
  painter.end();
}

const zoom = (factor) => painter.isOpen && (view.zoom(factor), redraw());
const fit = () => painter.isOpen && (view.fit(painter.layers.width, painter.layers.height), redraw());
const tools = ["foreground", "unknown", "background", "eraser", "pan"];
const keys = { "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: fit, "[": () => size($("size").value / 1.2), "]": () => size($("size").value * 1.2 + 1) };
$("zoom-in").addEventListener("click", () => zoom(1.25));
$("zoom-out").addEventListener("click", () => zoom(0.8));
$("zoom-fit").addEventListener("click", fit);
$("zoom-one").addEventListener("click", () => zoom(1 / view.scale));

addEventListener("keydown", (event) => {
  const isControl = event.target !== stage && event.target.closest("button, input, a"), { key } = event;
  if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "z") event.shiftKey ? painter.redo() : painter.undo();
  else if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === "y") painter.redo();
  else if (event.ctrlKey || event.metaKey || event.altKey) return;
  else if (key.toLowerCase() === "o") original(true);
  else if (!isControl && key === " ") held.add(" "), redraw();
  else if (event.target === stage && painter.isOpen && key.startsWith("Arrow")) arrow(key, event.shiftKey);
  else if (event.target === stage && painter.isOpen && key === "Enter" && at) dab(view.toPicture(at), view.toPicture(at));
  else if (tools["12345".indexOf(key)] && key) choose(tools["12345".indexOf(key)]);
  else if (keys[key]) keys[key]();
  else return;
  event.preventDefault();
});
addEventListener("keyup", (event) => {
  if (event.key.toLowerCase() === "o") original(false);
  if (event.key === " ") held.delete(" "), redraw();
});
addEventListener("blur", () => (held.clear(), original(false)));
addEventListener("beforeunload", (event) => painter.trimap?.done.length && event.preventDefault());

new ResizeObserver(() => {
  const ratio = devicePixelRatio || 1, isFirst = !painter.isOpen;
  stage.width = Math.max(1, Math.round(stage.clientWidth * ratio));
  stage.height = Math.max(1, Math.round(stage.clientHeight * ratio));
  if (!isFirst) view.resized();
  redraw();
}).observe(stage);
size(24);
