// The trimap in memory, a byte a pixel, and what brushes do to it. Every change gives the box that it touched.

export const BACKGROUND = 0, UNKNOWN = 128, FOREGROUND = 255;
const STEPS = 50;

export const whole = (width, height) => ({ left: 0, top: 0, width, height });

export function joined(a, b) {
  if (!a || !b) return a ?? b;
  const left = Math.min(a.left, b.left), top = Math.min(a.top, b.top);
  return {
    left,
    top,
    width: Math.max(a.left + a.width, b.left + b.width) - left,
    height: Math.max(a.top + a.height, b.top + b.height) - top,
  };
}

export class Trimap {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.values = new Uint8Array(width * height);
    this.first = new Uint8Array(width * height); // what the eraser brings back
    this.done = [];
    this.undone = [];
  }

  crop({ left, top, width, height }, from = this.values) {
    const out = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) {
      const start = (top + y) * this.width + left;
      out.set(from.subarray(start, start + width), y * width);
    }
    return out;
  }

  put({ left, top, width, height }, part) {
    for (let y = 0; y < height; y++) this.values.set(part.subarray(y * width, (y + 1) * width), (top + y) * this.width + left);
  }

  // A round brush drawn from one point to another; value null is the eraser. The smallest one is a pixel.
  line(from, to, radius, value) {
    if (radius <= 0.5) [from, to] = [from, to].map(({ x, y }) => ({ x: Math.floor(x) + 0.5, y: Math.floor(y) + 0.5 }));
    const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius)), right = Math.min(this.width - 1, Math.ceil(Math.max(from.x, to.x) + radius));
    const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius)), bottom = Math.min(this.height - 1, Math.ceil(Math.max(from.y, to.y) + radius));
    if (right < left || bottom < top) return null;
    const dx = to.x - from.x, dy = to.y - from.y, length = dx * dx + dy * dy, limit = radius * radius;
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const px = x + 0.5 - from.x, py = y + 0.5 - from.y;
        const t = length ? Math.max(0, Math.min(1, (px * dx + py * dy) / length)) : 0;
        const ex = px - t * dx, ey = py - t * dy;
        if (ex * ex + ey * ey <= limit) {
          const i = y * this.width + x;
          this.values[i] = value ?? this.first[i];
        }
      }
    }
    return { left, top, width: right - left + 1, height: bottom - top + 1 };
  }

  // Everything of one value that hangs together with this pixel.
  fill(x, y, value) {
    const { width, height, values, first } = this, from = values[y * width + x];
    if (value === from) return null;
    const seen = new Uint8Array(width * height), stack = [y * width + x];
    let left = x, right = x, top = y, bottom = y;
    while (stack.length) {
      const at = stack.pop(), row = Math.floor(at / width) * width;
      if (seen[at]) continue;
      let begin = at, end = at;
      while (begin > row && values[begin - 1] === from && !seen[begin - 1]) begin--;
      while (end < row + width - 1 && values[end + 1] === from && !seen[end + 1]) end++;
      for (let i = begin; i <= end; i++) {
        seen[i] = 1;
        if (i >= width && values[i - width] === from && !seen[i - width]) stack.push(i - width);
        if (i + width < width * height && values[i + width] === from && !seen[i + width]) stack.push(i + width);
      }
      left = Math.min(left, begin - row);
      right = Math.max(right, end - row);
      top = Math.min(top, row / width);
      bottom = Math.max(bottom, row / width);
    }
    for (let i = 0; i < seen.length; i++) if (seen[i]) values[i] = value ?? first[i];
    return { left, top, width: right - left + 1, height: bottom - top + 1 };
  }

  // Remembers a change of this box from what it held before, for undo.
  remember(box, before) {
    this.done.push({ box, before: packed(before), after: packed(this.crop(box)) });
    if (this.done.length > STEPS) this.done.shift();
    this.undone = [];
  }

  undo() {
    return this.#move(this.done, this.undone, "before");
  }

  redo() {
    return this.#move(this.undone, this.done, "after");
  }

  #move(from, to, which) {
    const step = from.pop();
    if (!step) return null;
    to.push(step);
    this.put(step.box, unpacked(step[which]));
    return step.box;
  }
}

// Runs of equal values: trimaps have few.
function packed(values) {
  const runs = [];
  for (let i = 0; i < values.length; ) {
    const start = i, value = values[i];
    while (i < values.length && values[i] === value) i++;
    runs.push(value, i - start);
  }
  return { runs: Uint32Array.from(runs), length: values.length };
}

function unpacked({ runs, length }) {
  const values = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < runs.length; i += 2) values.fill(runs[i], at, (at += runs[i + 1]));
  return values;
}
