/** Colours of the canvas, read from the same tokens as everything else; by rank of tone. */
export interface Palette {
  readonly panel: string;
  readonly sunken: string;
  readonly hover: string;
  readonly line: string;
  readonly lineStrong: string;
  readonly text: string;
  readonly dim: string;
  readonly faint: string;
  readonly accent: string;
  readonly warnText: string;
  readonly font: string;
  readonly strong: readonly string[];
  readonly soft: readonly string[];
  readonly ink: readonly string[];
  /** null until a canvas made it */
  readonly hatch: CanvasPattern | null;
  /** one picture per rank, `spritePx` wide at the screen's own resolution */
  readonly sprites: readonly HTMLCanvasElement[];
}

export const spritePx = 14;

const canvasOf = (sizePx: number, ratio: number): [HTMLCanvasElement, CanvasRenderingContext2D] => {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(sizePx * ratio);
  canvas.height = Math.round(sizePx * ratio);
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("this browser has no canvas");
  context.scale(ratio, ratio);
  return [canvas, context];
};

/** Diagonal lines: the picture of what is not known. */
const makeHatch = (colour: string): CanvasPattern | null => {
  const [canvas, context] = canvasOf(8, 1);
  context.strokeStyle = colour;
  context.lineWidth = 1.2;
  context.beginPath();
  for (const shift of [-8, 0, 8]) {
    context.moveTo(shift, 8);
    context.lineTo(shift + 8, 0);
  }
  context.stroke();
  return context.createPattern(canvas, "repeat");
};

/** A shape for each tone, so that none is told by its colour alone: bar, dot, triangle, diamond. */
const makeSprite = (given: {
  readonly rank: number;
  readonly fill: string;
  readonly edge: string;
  readonly ratio: number;
}): HTMLCanvasElement => {
  const [canvas, context] = canvasOf(spritePx, given.ratio);
  const middle = spritePx / 2;
  context.fillStyle = given.fill;
  context.strokeStyle = given.edge;
  context.lineWidth = 1.5;
  context.beginPath();
  if (given.rank === 0) context.rect(middle - 1, 1.5, 2, spritePx - 3);
  if (given.rank === 1) context.arc(middle, middle, 4.5, 0, Math.PI * 2);
  if (given.rank === 2) {
    context.moveTo(middle, 1.5);
    context.lineTo(spritePx - 1.5, spritePx - 2);
    context.lineTo(1.5, spritePx - 2);
    context.closePath();
  }
  if (given.rank === 3) {
    context.moveTo(middle, 0.8);
    context.lineTo(spritePx - 0.8, middle);
    context.lineTo(middle, spritePx - 0.8);
    context.lineTo(0.8, middle);
    context.closePath();
  }
  if (given.rank !== 0) context.stroke();
  context.fill();
  return canvas;
};

/** Reads the tokens as they are now; made again when the scheme or the screen changes. */
export const readPalette = (element: HTMLElement, ratio: number): Palette => {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(`--sk-${name}`).trim();
  const strong = [token("none"), token("ok"), token("warn"), token("bad")];
  return {
    panel: token("panel"),
    sunken: token("sunken"),
    hover: token("hover"),
    line: token("line"),
    lineStrong: token("line-strong"),
    text: token("text"),
    dim: token("dim"),
    faint: token("faint"),
    accent: token("accent"),
    warnText: token("warn-text"),
    font: style.fontFamily,
    strong,
    soft: [token("none-soft"), token("ok-soft"), token("warn-soft"), token("bad-soft")],
    ink: [token("none-text"), token("ok-text"), token("warn-text"), token("bad-text")],
    hatch: makeHatch(token("line-strong")),
    sprites: strong.map((fill, rank) => makeSprite({ rank, fill, edge: token("panel"), ratio })),
  };
};
