// The picture that is open: strokes on its trimap, undone and redone, sent and shown.

import { Layers } from "./layers.js";
import { Session } from "./session.js";
import { BACKGROUND, FOREGROUND, Trimap, UNKNOWN, joined, whole } from "./trimap.js";

const FOLLOW_MS = 200; // a stroke that takes longer is matted while it is painted
const [BLACK, WHITE] = new Uint32Array(Uint8Array.of(0, 0, 0, 255, 255, 255, 255, 255).buffer); // as ImageData has pixels
const VALUES = { foreground: FOREGROUND, unknown: UNKNOWN, background: BACKGROUND, eraser: null };

export class Painter {
  // hooks: said(text), noted(text): what looks wrong, failed(error), redraw(), changed(): of what can be undone.
  constructor(hooks) {
    this.hooks = hooks;
    this.tool = "foreground";
    this.radius = 12;
    this.fills = false;
    this.turn = 0; // the picture that was asked for last is the one that is shown
  }

  get isOpen() {
    return Boolean(this.layers);
  }

  // Opens a picture's file; the one before is let go once this one is there. False where another one was opened meanwhile.
  async open(file) {
    const turn = ++this.turn;
    this.hooks.said("Opening …");
    const session = new Session(file, { said: this.hooks.said, patched: (...patch) => this.#patched(session, ...patch) });
    let layers = null;
    try {
      await session.open();
      layers = new Layers(await session.picture());
    } finally {
      if (!layers || turn !== this.turn) session.close();
    }
    if (turn !== this.turn) return false;
    this.session?.close();
    this.session = session;
    this.layers = layers;
    this.trimap = new Trimap(session.width, session.height);
    this.stroke = null;
    this.name = (file.name ?? "picture").replace(/\.[^.]*$/, "") || "picture";
    this.hooks.said(`${session.width}×${session.height} px`);
    layers.tint(this.trimap, whole(layers.width, layers.height));
    this.hooks.changed();
    this.hooks.redraw();
    return true;
  }

  #patched(session, box, alpha, colors) {
    if (session !== this.session) return;
    this.layers.patch(box, alpha, colors);
    this.hooks.redraw();
  }

  // Whether the result is to be seen in colors; where it was not, they are asked for now.
  show(colors) {
    if (!this.isOpen || colors === this.session.colors) return;
    this.session.colors = colors;
    if (colors) this.session.refresh().catch(this.hooks.failed);
  }

  begin(at) {
    if (!this.isOpen || this.stroke) return;
    this.stroke = { before: this.trimap.values.slice(), last: at, box: null, unsent: null, started: performance.now() };
    this.session.isPainting = true;
    const x = Math.floor(at.x), y = Math.floor(at.y);
    if (this.fills && x >= 0 && y >= 0 && x < this.layers.width && y < this.layers.height) {
      this.stroke.box = this.trimap.fill(x, y, VALUES[this.tool]);
      this.stroke.isFill = true;
      this.stroke.unsent = this.stroke.box;
      if (this.stroke.box) this.layers.tint(this.trimap, this.stroke.box);
      this.hooks.redraw();
    } else this.paint(at);
  }

  paint(at) {
    if (!this.stroke || this.stroke.isFill) return;
    const box = this.trimap.line(this.stroke.last, at, this.radius, VALUES[this.tool]);
    this.stroke.last = at;
    if (!box) return;
    this.stroke.box = joined(this.stroke.box, box);
    this.stroke.unsent = joined(this.stroke.unsent, box);
    this.layers.tint(this.trimap, box);
    this.hooks.redraw();
    if (performance.now() - this.stroke.started > FOLLOW_MS) this.#follow();
  }

  // Sends what was painted since.
  #follow() {
    const { unsent } = this.stroke;
    this.stroke.unsent = null;
    this.session.changed(this.trimap, unsent).catch(this.hooks.failed);
  }

  // Ends the stroke; a dropped one leaves nothing.
  end(isDropped = false) {
    const { stroke } = this;
    this.stroke = null;
    if (!stroke) return;
    this.session.isPainting = false;
    if (!stroke.box) return void this.session.run().catch(this.hooks.failed); // what waited for its end
    const before = this.trimap.crop(stroke.box, stroke.before);
    if (isDropped) {
      this.trimap.put(stroke.box, before);
      this.#show(stroke.box);
    } else {
      this.trimap.remember(stroke.box, before);
      this.#send(stroke.unsent);
    }
  }

  undo() {
    if (this.isOpen && !this.stroke) this.#show(this.trimap.undo());
  }

  redo() {
    if (this.isOpen && !this.stroke) this.#show(this.trimap.redo());
  }

  // A trimap of a trimap's or mask's file takes the place of this one; the eraser brings it back.
  async load(kind, given) {
    const { session } = this, { values, note } = await session.trimapOf(kind, given);
    if (session !== this.session) return;
    if (kind === "auto" && !values.some(Boolean)) throw new Error(note || "No object was found.");
    this.trimap.first = values.slice();
    this.#replace(values);
    this.hooks.noted(note);
  }

  // The same with a trimap of the objects that the service finds; where there are none, all stays as it is.
  async find() {
    this.hooks.said("Looking for the object …");
    await this.load("auto", "all");
  }

  // All near the foreground's edge becomes unknown, as the service makes trimaps of masks.
  async band() {
    const { width, height } = this.layers, canvas = new OffscreenCanvas(width, height);
    const image = new ImageData(width, height), { values } = this.trimap;
    if (!values.includes(FOREGROUND)) throw new Error("Paint the foreground first: the band is made around it.");
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < values.length; i++) pixels[i] = values[i] === FOREGROUND ? WHITE : BLACK;
    canvas.getContext("2d").putImageData(image, 0, 0);
    const { session } = this, made = await session.trimapOf("mask", await canvas.convertToBlob());
    if (session !== this.session) return;
    this.#replace(made.values.map((value, i) => (values[i] === UNKNOWN ? UNKNOWN : value)));
  }

  #replace(values) {
    this.end(); // of a stroke that is being painted
    const box = whole(this.layers.width, this.layers.height), before = this.trimap.values;
    this.trimap.values = values;
    this.trimap.remember(box, before);
    this.#show(box);
  }

  #show(box) {
    if (!box) return;
    this.layers.tint(this.trimap, box);
    this.#send(box);
  }

  #send(box) {
    this.hooks.changed();
    this.hooks.redraw();
    this.session.changed(this.trimap, box).catch(this.hooks.failed);
  }
}
