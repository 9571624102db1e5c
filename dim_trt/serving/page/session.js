// What the service holds of the picture, kept as it is here: strokes go there, what changed of alpha comes back. What is
// near a stroke comes first; what else it changes follows as soon as there is nothing newer to send.

import { ask, form, noteOf, packed } from "./api.js";
import { joined, whole } from "./trimap.js";

const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1e3));

function boxOf(response, name) {
  const text = response.headers.get(name);
  if (!text) return null;
  const [top, left, height, width] = text.split(",").map(Number);
  return { left, top, width, height };
}

export class Session {
  // patched(box, alpha, colors): called with what came back; said(text): what is going on.
  constructor(file, { patched, said }) {
    this.file = file;
    this.patched = patched;
    this.said = said;
    this.colors = true;
    this.pending = null; // where the trimap is newer than the service's
    this.stale = null; // where alpha is older than the service's trimap
    this.running = null;
    this.isPainting = false; // what is not near the brush can wait
    this.closed = false;
  }

  async open() {
    const response = await ask("POST", "/v1/pictures", { body: form({ image: this.file }) });
    const { id, width, height } = await response.json();
    Object.assign(this, { id, width, height, version: 0, note: noteOf(response) });
  }

  async picture() {
    return createImageBitmap(await (await this.ask("GET", "")).blob());
  }

  close() {
    this.closed = true;
    this.pending = this.stale = null;
    this.settling?.abort();
    if (this.id) ask("DELETE", `/v1/pictures/${this.id}`).catch(() => {});
  }

  async ask(method, path, options) {
    try {
      return await ask(method, `/v1/pictures/${this.id}${path}`, options);
    } catch (error) {
      if (error.status !== 404 || this.closed) throw error;
      await this.open(); // it was held for another one's sake no more
      await this.send(whole(this.width, this.height));
      return ask(method, `/v1/pictures/${this.id}${path}`, options);
    }
  }

  // The trimap has changed in this box; null: no more is to come for now.
  changed(trimap, box) {
    this.trimap = trimap;
    this.pending = joined(this.pending, box);
    if (this.pending) this.settling?.abort();
    return this.run();
  }

  // Everything is wanted again, as colors are now and were not.
  refresh() {
    this.stale = whole(this.width, this.height);
    return this.run();
  }

  run() {
    this.running ??= this.#run().finally(() => (this.running = null));
    return this.running;
  }

  async #run() {
    while (!this.closed && (this.pending || (this.stale && !this.isPainting))) {
      const box = this.pending, started = performance.now();
      this.pending = null;
      if (box) this.said("Matting …");
      try {
        await (box ? this.send(box) : this.settle());
        if (box) this.said(`Matted in ${Math.round(performance.now() - started)} ms`);
      } catch (error) {
        if (this.closed) return;
        const isLost = error.status === 412 || error.status === 404;
        this.pending = joined(this.pending, isLost ? whole(this.width, this.height) : box);
        if (error.status === 404) await this.open();
        else if (error.status === 503) {
          this.said(`The service is busy; again in ${error.retryAfter} s`);
          await wait(error.retryAfter);
        } else if (!isLost && error.name !== "AbortError") throw error;
      }
    }
  }

  // A part of the trimap goes; alpha near it comes.
  async send(box) {
    const values = this.trimap ? this.trimap.crop(box) : new Uint8Array(box.width * box.height);
    const { body, headers } = await packed(values);
    headers["If-Match"] = `"${this.version}"`;
    const response = await ask("PATCH", this.#place("trimap", box, { near: 1 }), { body, headers });
    this.version = Number(response.headers.get("ETag").replaceAll('"', ""));
    this.stale = joined(this.stale, boxOf(response, "X-Stale"));
    await this.#take(response, this.colors);
  }

  // Alpha of all that is stale.
  async settle() {
    const box = this.stale, { colors } = this;
    this.settling = new AbortController();
    try {
      const response = await ask("GET", this.#place("alpha", box), { signal: this.settling.signal });
      if (await this.#take(response, colors)) this.stale = null;
    } finally {
      this.settling = null;
    }
  }

  #place(what, { left, top, width, height }, more = {}) {
    return `/v1/pictures/${this.id}/${what}?${new URLSearchParams({ left, top, width, height, colors: this.colors ? 1 : 0, ...more })}`;
  }

  // Whether it was of the trimap as it is there now.
  async #take(response, colors) {
    const data = new Uint8Array(await response.arrayBuffer()), box = boxOf(response, "X-Window");
    if (this.closed || response.headers.get("ETag") !== `"${this.version}"`) return false;
    const count = box.width * box.height;
    this.patched(box, data.subarray(0, count), colors ? data.subarray(count) : null);
    return true;
  }

  // A trimap for this picture, a byte a pixel: of a file, which is a "trimap" or a "mask", or of "auto", "all".
  async trimapOf(kind, given) {
    const response = await this.ask("POST", "/trimap", { body: form({ [kind]: given }) });
    const bitmap = await createImageBitmap(await response.blob(), { colorSpaceConversion: "none" });
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height), values = new Uint8Array(data.length / 4);
    for (let i = 0; i < values.length; i++) values[i] = data[4 * i];
    return { values, note: noteOf(response) };
  }

  // The file of a result of all that was painted, computed from the picture's file.
  async result(wish) {
    while (this.running) await this.running.catch(() => {}); // it was said
    if (this.pending) await this.run(); // what did not get there
    const response = await this.ask("POST", "/matte", { body: form(wish) });
    return { blob: await response.blob(), note: noteOf(response) };
  }
}
