// What is drawn, at the picture's own size: the picture, the trimap over it, alpha and the cutout.

import { BACKGROUND, FOREGROUND } from "./trimap.js";

const TINTS = { [FOREGROUND]: [45, 140, 255, 255], [BACKGROUND]: [0, 0, 0, 190] };
const UNKNOWN_TINT = [255, 155, 31, 255];
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
    this.picture.getContext("2d").drawImage(bitmap, 0, 0);
    [this.overlay, this.alpha, this.cutout] = [canvas(width, height), canvas(width, height), canvas(width, height)];
    const context = this.alpha.getContext("2d");
    context.fillRect(0, 0, width, height);
    this.behind = null;
  }

  // The trimap's tint in a box of it.
  tint(trimap, box) {
    const image = new ImageData(box.width, box.height), values = trimap.crop(box);
    for (let i = 0; i < values.length; i++) image.data.set(TINTS[values[i]] ?? UNKNOWN_TINT, 4 * i);
    this.overlay.getContext("2d").putImageData(image, box.left, box.top);
  }

  // Alpha of a box, and the foreground's colors where they came along.
  patch(box, alpha, colors) {
    const gray = new ImageData(box.width, box.height), cut = colors && new ImageData(box.width, box.height);
    for (let i = 0; i < alpha.length; i++) {
      const at = 4 * i;
      gray.data[at] = gray.data[at + 1] = gray.data[at + 2] = alpha[i];
      gray.data[at + 3] = 255;
      if (cut) {
        cut.data[at] = colors[3 * i];
        cut.data[at + 1] = colors[3 * i + 1];
        cut.data[at + 2] = colors[3 * i + 2];
        cut.data[at + 3] = alpha[i];
      }
    }
    this.alpha.getContext("2d").putImageData(gray, box.left, box.top);
    if (cut) this.cutout.getContext("2d").putImageData(cut, box.left, box.top);
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
