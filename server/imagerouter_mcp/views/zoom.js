/**
 * Zoom and move pictures by wheel, pinch, drag, double click and keys.
 */

export const ZOOM_STEP = 1.5;
const CLOSEST = 8;
const PAN = 48;
const MOVES = { ArrowLeft: [PAN, 0], ArrowRight: [-PAN, 0], ArrowUp: [0, PAN], ArrowDown: [0, -PAN] };

/** What a person has zoomed and moved: one picture, or several alike. */
export class Zoom {
  #stages;
  #changed;
  #fingers = new Map();
  #scale = 1;
  #x = 0;
  #y = 0;

  /**
   * @param {Stage[]} stages
   * @param {(scale: number) => void} [changed] Called after each change.
   */
  constructor(stages, changed = () => {}) {
    this.#stages = stages;
    this.#changed = changed;
    for (const { element } of stages) this.#listen(element);
  }

  /** Multiply the scale, and bring the picture from under one point under another, from the stage's middle. */
  by(factor, from = [0, 0], to = from) {
    const scale = Math.min(CLOSEST, Math.max(1, this.#scale * factor));
    const grown = scale / this.#scale;
    this.#scale = scale;
    this.#moveTo(to[0] - (from[0] - this.#x) * grown, to[1] - (from[1] - this.#y) * grown);
  }

  #moveTo(x, y) {
    const { element, surface } = this.#stages[0];
    const within = (value, inner, outer) => {
      const slack = Math.max(0, (inner * this.#scale - outer) / 2);
      return Math.min(slack, Math.max(-slack, value));
    };
    this.#x = within(x, surface.offsetWidth, element.clientWidth);
    this.#y = within(y, surface.offsetHeight, element.clientHeight);
    for (const each of this.#stages) {
      each.surface.style.transform = `translate(${this.#x}px, ${this.#y}px) scale(${this.#scale})`;
      each.element.classList.toggle("zoomed", this.#scale > 1);
    }
    this.#changed(this.#scale);
  }

  #listen(stage) {
    const on = (type, listen) => stage.addEventListener(type, (event) => listen(event, stage), { passive: false });
    on("wheel", (event) => this.#wheel(event, stage));
    on("dblclick", (event) => this.by(this.#scale > 1 ? 0 : 3, fromMiddle(event, stage)));
    on("keydown", (event) => this.#press(event, stage));
    on("pointerdown", (event) => this.#touch(event, stage));
    on("pointermove", (event) => this.#drag(event, stage));
    for (const end of ["pointerup", "pointercancel"]) on(end, ({ pointerId }) => this.#fingers.delete(pointerId));
  }

  #wheel(event, stage) {
    // The chat scrolls on, unless the person pinches, has chosen the picture, or is close already.
    const isMeant = event.ctrlKey || this.#scale > 1 || stage.contains(document.activeElement);
    if (!isMeant || (this.#scale === 1 && event.deltaY > 0)) return;
    event.preventDefault();
    this.by(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), fromMiddle(event, stage));
  }

  #press(event, stage) {
    if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
    const factor = { "+": ZOOM_STEP, "=": ZOOM_STEP, "-": 1 / ZOOM_STEP, 0: 0 }[event.key];
    const move = this.#scale > 1 && MOVES[event.key];
    if (factor === undefined && !move) return;
    event.preventDefault();
    if (move) this.by(1, [0, 0], move);
    else this.by(factor);
  }

  #touch(event, stage) {
    if (event.target.closest("button, input, .paint-canvas")) return;
    this.#fingers.set(event.pointerId, fromMiddle(event, stage));
    if (this.#scale > 1 || this.#fingers.size > 1) stage.setPointerCapture(event.pointerId);
  }

  #drag(event, stage) {
    if (!this.#fingers.has(event.pointerId)) return;
    const [was, apart] = spread(this.#fingers);
    this.#fingers.set(event.pointerId, fromMiddle(event, stage));
    const [is, apartNow] = spread(this.#fingers);
    this.by(apart ? apartNow / apart : 1, was, is);
  }
}

function fromMiddle({ clientX, clientY }, stage) {
  const { left, top, width, height } = stage.getBoundingClientRect();
  return [clientX - left - width / 2, clientY - top - height / 2];
}

/** Return the middle of one or two fingers, and how far they are apart. */
function spread(fingers) {
  const [one, other = one] = fingers.values();
  return [[(one[0] + other[0]) / 2, (one[1] + other[1]) / 2], Math.hypot(one[0] - other[0], one[1] - other[1])];
}
