// Where the picture is on the stage, and what pointers and keys do to it there.

const MOST = 32;

export class View {
  constructor(stage) {
    this.stage = stage;
    this.scale = 1; // stage pixels a picture's pixel
    this.x = this.y = 0;
    this.isFitted = true;
  }

  get ratio() {
    return this.stage.width / (this.stage.clientWidth || 1);
  }

  fit(width, height) {
    Object.assign(this, { width, height, isFitted: true, stageWidth: this.stage.width, stageHeight: this.stage.height });
    this.scale = Math.min(this.stage.width / width, this.stage.height / height) * 0.96;
    this.x = (this.stage.width - width * this.scale) / 2;
    this.y = (this.stage.height - height * this.scale) / 2;
  }

  // The stage has another size: the picture is whole as before, or what was in the middle stays there.
  resized() {
    if (this.isFitted) return this.fit(this.width, this.height);
    this.x += (this.stage.width - this.stageWidth) / 2;
    this.y += (this.stage.height - this.stageHeight) / 2;
    Object.assign(this, { stageWidth: this.stage.width, stageHeight: this.stage.height });
  }

  // Moves as little as it takes to have a point of the picture on the stage.
  show(point) {
    const { x, y } = this.toStage(point), { width, height } = this.stage;
    const dx = Math.max(0, -x) - Math.max(0, x - width), dy = Math.max(0, -y) - Math.max(0, y - height);
    if (dx || dy) this.move(dx, dy);
  }

  // Zooms around a point of the stage, its centre by default.
  zoom(factor, at = { x: this.stage.width / 2, y: this.stage.height / 2 }) {
    const whole = Math.min(this.stage.width / this.width, this.stage.height / this.height);
    const scale = Math.min(Math.max(MOST, whole), Math.max(Math.min(whole, 1) / 2, this.scale * factor)), by = scale / this.scale;
    this.isFitted = false;
    this.x = at.x - (at.x - this.x) * by;
    this.y = at.y - (at.y - this.y) * by;
    this.scale = scale;
  }

  move(dx, dy) {
    this.isFitted = false;
    this.x += dx;
    this.y += dy;
  }

  // Of an event, on the stage.
  place(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: (event.clientX - box.left) * this.ratio, y: (event.clientY - box.top) * this.ratio };
  }

  toPicture({ x, y }) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  toStage({ x, y }) {
    return { x: x * this.scale + this.x, y: y * this.scale + this.y };
  }
}

// One finger, pen or button paints; two fingers, the middle button, or all of them while `pans()`, move and zoom.
export function listen(view, { pans, begin, paint, end, hover, redraw }) {
  const { stage } = view, pointers = new Map();
  let painting = null;

  const gesture = () => {
    const [a, b] = [...pointers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
  };

  stage.addEventListener("pointerdown", (event) => {
    const at = view.place(event);
    pointers.set(event.pointerId, at);
    stage.setPointerCapture(event.pointerId);
    stage.focus({ preventScroll: true });
    if (pointers.size > 1) {
      if (painting !== null) end(true); // two fingers never meant a stroke
      painting = null;
    } else if (event.button === 0 && !pans()) {
      painting = event.pointerId;
      begin(view.toPicture(at));
    }
    event.preventDefault();
  });

  stage.addEventListener("pointermove", (event) => {
    const at = view.place(event), before = pointers.get(event.pointerId);
    hover(at);
    if (!before) return;
    if (painting === event.pointerId) {
      const steps = event.getCoalescedEvents?.() ?? [];
      for (const step of steps.length ? steps : [event]) paint(view.toPicture(view.place(step)));
    } else if (pointers.size === 2) {
      const old = gesture();
      pointers.set(event.pointerId, at);
      const now = gesture();
      view.move(now.x - old.x, now.y - old.y);
      if (old.apart > 0) view.zoom(now.apart / old.apart, now);
    } else if (pointers.size === 1) view.move(at.x - before.x, at.y - before.y);
    pointers.set(event.pointerId, at);
    redraw();
  });

  for (const kind of ["pointerup", "pointercancel"]) {
    stage.addEventListener(kind, (event) => {
      pointers.delete(event.pointerId);
      if (painting === event.pointerId) {
        painting = null;
        end(kind === "pointercancel");
      }
    });
  }
  stage.addEventListener("pointerleave", () => hover(null));
  stage.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      view.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), view.place(event));
      redraw();
    },
    { passive: false },
  );
}
