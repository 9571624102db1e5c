// What is drawn, at the picture's own size: the picture, the trimap over it, alpha and the cutout.

import { BACKGROUND, FOREGROUND } from "./trimap.js";

// Of each value of a trimap, as ImageData holds a pixel.
const words = (pixels) => new Uint32Array(Uint8Array.from(pixels.flat()).buffer);
const TINTS = words(Array.from({ length: 256 }, (_, value) => ({ [FOREGROUND]: [45, 140, 255, 255], [BACKGROUND]: [0, 0, 0, 190] })[value] ?? [255, 155, 31, 255]));
const GRAYS = words(Array.from({ length: 256 }, (_, value) => [value, value, value, 255]));
const SQUARE = 12;

function canvas(width, height) {
  const made = document.createElement("canvas");
  made.width = width;
  made.height = height;
  return made;
}

export class Layers {
  constructor(bitmap) {
    const { width, height } = bitmap;
    Object.assign(this, { width, height });
    this.picture = canvas(width, height);
    this.pixels = this.picture.getContext("2d", { willReadFrequently: true });
    this.pixels.drawImage(bitmap, 0, 0);
    [this.overlay, this.alpha, this.cutout] = [canvas(width, height), canvas(width, height), canvas(width, height)];
    const context = this.alpha.getContext("2d");
    context.fillRect(0, 0, width, height);
    this.behind = null;
  }

  // The trimap's tint in a box of it.
  tint(trimap, box) {
    this.#put(this.overlay, box, TINTS, trimap.crop(box));
  }

  // Alpha of a box; colors: the foreground's, where they came along, of pixels whose alpha is neither 0 nor 255.
  patch(box, alpha, colors) {
    this.#put(this.alpha, box, GRAYS, alpha);
    if (!colors) return;
    const cut = this.pixels.getImageData(box.left, box.top, box.width, box.height), { data } = cut;
    for (let i = 0, from = 0; i < alpha.length; i++) {
      if (alpha[i] > 0 && alpha[i] < 255) for (let channel = 0; channel < 3; channel++) data[4 * i + channel] = colors[from++];
      data[4 * i + 3] = alpha[i];
    }
    this.cutout.getContext("2d").putImageData(cut, box.left, box.top);
  }

  #put(canvas, box, pixels, values) {
    const image = new ImageData(box.width, box.height), all = new Uint32Array(image.data.buffer);
    for (let i = 0; i < all.length; i++) all[i] = pixels[values[i]];
    canvas.getContext("2d").putImageData(image, box.left, box.top);
  }
}

const checks = canvas(2 * SQUARE, 2 * SQUARE);
{
  const context = checks.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, 2 * SQUARE, 2 * SQUARE);
  context.fillStyle = "#ccc";
  context.fillRect(0, 0, SQUARE, SQUARE);
  context.fillRect(SQUARE, SQUARE, SQUARE, SQUARE);
}

// look: { kind, color, opacity, split (0..1), original, brush }; box: where the picture is on the stage, in its pixels.
export function draw(context, layers, box, look) {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  if (!layers) return;
  context.imageSmoothingEnabled = box.scale < 2;
  const put = (image) => context.drawImage(image, box.x, box.y, layers.width * box.scale, layers.height * box.scale);
  put(layers.picture);
  if (!look.original) {
    context.globalAlpha = look.opacity;
    put(layers.overlay);
    context.globalAlpha = 1;
    const cut = look.split * width;
    context.save();
    context.beginPath();
    context.rect(cut, 0, width - cut, height);
    context.clip();
    result(context, layers, box, look, put);
    context.restore();
    if (look.split > 0 && look.split < 1) {
      context.fillStyle = "#fff";
      context.fillRect(cut - 2, 0, 4, height);
      context.fillStyle = "#000";
      context.fillRect(cut - 1, 0, 2, height);
    }
  }
  if (look.brush) circle(context, look.brush);
}

function result(context, layers, box, look, put) {
  if (look.kind === "alpha") return put(layers.alpha);
  const place = [box.x, box.y, layers.width * box.scale, layers.height * box.scale];
  context.fillStyle = look.kind === "color" ? look.color : context.createPattern(checks, "repeat");
  context.fillRect(...place);
  if (look.kind === "picture" && layers.behind) {
    const { width, height } = layers.behind, scale = Math.max(layers.width / width, layers.height / height);
    const [w, h] = [layers.width / scale, layers.height / scale];
    context.drawImage(layers.behind, (width - w) / 2, (height - h) / 2, w, h, ...place);
  }
  put(layers.cutout);
}

function circle(context, { x, y, radius }) {
  for (const [color, width] of [["#000", 3], ["#fff", 1.5]]) {
    context.beginPath();
    context.arc(x, y, Math.max(radius, 1.5), 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke();
  }
}
