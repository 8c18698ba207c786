/**
 * Zoom and move pictures by wheel, pinch, drag, double click and keys.
 */

const CLOSEST = 8;
export const ZOOM_STEP = 1.5;
const PAN_PIXELS = 48;

export class Zoom {
  /**
   * Make stages zoomable, all together.
   *
   * @param {{stage: HTMLElement, surface: HTMLElement}[]} pairs Each stage, and what moves on it.
   * @param {(scale: number) => void} changed Called after each change.
   */
  constructor(pairs, changed) {
    this.pairs = pairs;
    this.changed = changed;
    this.fingers = new Map();
    this.reset();
    for (const { stage } of pairs) this.#listen(stage);
  }

  reset() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.#apply();
  }

  /** Multiply the scale, and keep the point (from the middle of the stage) where it is. */
  by(factor, point = { x: 0, y: 0 }) {
    const scale = Math.min(CLOSEST, Math.max(1, this.scale * factor));
    const grown = scale / this.scale;
    this.scale = scale;
    this.x = point.x - (point.x - this.x) * grown;
    this.y = point.y - (point.y - this.y) * grown;
    this.#apply();
  }

  move(x, y) {
    this.x += x;
    this.y += y;
    this.#apply();
  }

  #apply() {
    const { stage, surface } = this.pairs[0];
    const slack = (inner, outer) => Math.max(0, (inner * this.scale - outer) / 2);
    const across = slack(surface.offsetWidth, stage.clientWidth);
    const down = slack(surface.offsetHeight, stage.clientHeight);
    this.x = Math.min(across, Math.max(-across, this.x));
    this.y = Math.min(down, Math.max(-down, this.y));
    for (const pair of this.pairs) {
      pair.surface.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
      pair.stage.classList.toggle("zoomed", this.scale > 1);
    }
    this.changed(this.scale);
  }

  #listen(stage) {
    const on = (type, listener) => stage.addEventListener(type, listener, { passive: false });
    on("wheel", (event) => this.#wheel(event, stage));
    on("dblclick", (event) => (this.scale > 1 ? this.reset() : this.by(3, fromMiddle(event, stage))));
    on("keydown", (event) => this.#key(event, stage));
    on("pointerdown", (event) => this.#touch(event, stage));
    on("pointermove", (event) => this.#drag(event, stage));
    for (const end of ["pointerup", "pointercancel"]) on(end, (event) => this.fingers.delete(event.pointerId));
  }

  #wheel(event, stage) {
    // The chat scrolls on, unless the person pinches, has chosen the picture, or it is close already.
    const meant = event.ctrlKey || this.scale > 1 || stage.contains(document.activeElement);
    if (!meant || (this.scale === 1 && event.deltaY > 0)) return;
    event.preventDefault();
    this.by(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), fromMiddle(event, stage));
  }

  #key(event, stage) {
    if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = {
      ArrowLeft: [PAN_PIXELS, 0],
      ArrowRight: [-PAN_PIXELS, 0],
      ArrowUp: [0, PAN_PIXELS],
      ArrowDown: [0, -PAN_PIXELS],
    };
    if (event.key in moves && this.scale > 1) this.move(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.by(ZOOM_STEP);
    else if (event.key === "-") this.by(1 / ZOOM_STEP);
    else if (event.key === "0") this.reset();
    else return;
    event.preventDefault();
  }

  #touch(event, stage) {
    if (event.target.closest("button, input, .paint-canvas")) return;
    this.fingers.set(event.pointerId, fromMiddle(event, stage));
    if (this.scale > 1 || this.fingers.size > 1) stage.setPointerCapture(event.pointerId);
  }

  #drag(event, stage) {
    const before = [...this.fingers.values()];
    if (!this.fingers.has(event.pointerId)) return;
    this.fingers.set(event.pointerId, fromMiddle(event, stage));
    const after = [...this.fingers.values()];
    const [was, is] = [middle(before), middle(after)];
    if (this.scale > 1) this.move(is.x - was.x, is.y - was.y);
    if (after.length === 2) this.by(apart(after) / Math.max(1, apart(before)), is);
  }
}

function fromMiddle(event, stage) {
  const box = stage.getBoundingClientRect();
  return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
}

function middle(points) {
  const sum = (name) => points.reduce((total, point) => total + point[name], 0) / points.length;
  return { x: sum("x"), y: sum("y") };
}

function apart([one, other]) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
