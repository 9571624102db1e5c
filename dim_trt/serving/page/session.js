// What the service holds of the picture, kept as it is here: strokes go there, what changed of alpha comes back.

import { ask, deflated, form, inflated, noteOf, Refused } from "./api.js";
import { joined, whole } from "./trimap.js";

const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1e3));

export class Session {
  // patched(box, alpha, colors): called with what came back; said(text): what is going on.
  constructor(file, { patched, said }) {
    this.file = file;
    this.patched = patched;
    this.said = said;
    this.colors = true;
    this.pending = null;
    this.running = null;
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
    this.pending = null;
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

  // The trimap has changed in this box.
  changed(trimap, box) {
    this.trimap = trimap;
    this.pending = joined(this.pending, box);
    this.running ??= this.run().finally(() => (this.running = null));
    return this.running;
  }

  async run() {
    while (this.pending && !this.closed) {
      const box = this.pending, started = performance.now();
      this.pending = null;
      this.said("Matting …");
      try {
        await this.send(box);
        this.said(`Matted in ${Math.round(performance.now() - started)} ms`);
      } catch (error) {
        if (this.closed) return;
        const isStale = error.status === 412 || error.status === 404;
        this.pending = joined(this.pending, isStale ? whole(this.width, this.height) : box);
        if (error.status === 404) await this.open();
        else if (error.status === 503) {
          this.said(`The service is busy; again in ${error.retryAfter} s`);
          await wait(error.retryAfter);
        } else if (!isStale) throw error;
      }
    }
  }

  async send({ left, top, width, height }) {
    const colors = this.colors;
    const values = this.trimap ? this.trimap.crop({ left, top, width, height }) : new Uint8Array(width * height);
    const place = new URLSearchParams({ left, top, width, height, colors: colors ? 1 : 0 });
    const response = await ask("PATCH", `/v1/pictures/${this.id}/trimap?${place}`, {
      body: await deflated(values),
      headers: { "If-Match": `"${this.version}"` },
    });
    this.version = Number(response.headers.get("ETag").replaceAll('"', ""));
    const [y, x, rows, columns] = response.headers.get("X-Window").split(",").map(Number);
    const data = await inflated(await response.arrayBuffer());
    if (this.closed) return;
    const count = rows * columns;
    await this.patched({ left: x, top: y, width: columns, height: rows }, data.subarray(0, count), colors ? data.subarray(count) : null);
  }

  // A trimap for this picture, a byte a pixel: of a file, which is a "trimap" or a "mask", or of "auto", "all".
  async trimapOf(kind, given) {
    const response = await this.ask("POST", "/trimap", { body: form({ [kind]: given }) });
    const bitmap = await createImageBitmap(await response.blob(), { colorSpaceConversion: "none" });
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height), context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    return { values: Uint8Array.from({ length: data.length / 4 }, (_, i) => data[4 * i]), note: noteOf(response) };
  }

  // The file of a result of all that was painted, computed from the picture's file.
  async result(wish) {
    while (this.running) await this.running;
    if (this.pending) throw new Refused(0, "The last stroke did not reach the service; paint once more.");
    const response = await this.ask("POST", "/matte", { body: form(wish) });
    return { blob: await response.blob(), note: noteOf(response) };
  }
}
