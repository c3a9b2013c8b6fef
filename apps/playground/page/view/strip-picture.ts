import type { Arrow } from "../../src/stage/stage-protocol.ts";
import type { Changes } from "../model/changes.ts";
import type { Ledger } from "../model/ledger.ts";
import type { Recording } from "../model/recording.ts";
import type { Span, Spans } from "../model/spans.ts";
import type { Axis, DrawnArrow } from "./geometry.ts";
import { layOut, placeArrow, STRIP } from "./geometry.ts";
import { bytes } from "./format.ts";
import type { Label, LabelRow } from "./labels.ts";
import type { Palette } from "./palette.ts";
import { Pen } from "./pen.ts";

/** Trouble that is wide enough for its name, in pixels. */
const NAMED = 76;

/** What a strip shows. */
export interface StripSubject {
  readonly recording: Recording;
  readonly ledger: Ledger;
  readonly changes: Changes;
  /** What was the matter with the lane, and with the gateway. */
  readonly troubles: Spans;
  readonly gatewayTroubles: Spans;
}

/** The two rows of labels of a strip, which last from one picture to the next. */
export interface StripLabels {
  readonly top: LabelRow;
  readonly bottom: LabelRow;
}

/** What is drawn into: where, when and how. */
export interface Frame {
  readonly context: CanvasRenderingContext2D;
  readonly axis: Axis;
  readonly now: number;
  readonly palette: Palette;
  /** The arrow that is looked at. */
  readonly focus: Arrow | null;
}

/** One picture of a lane's strip: two lifelines, and everything that goes between them. */
export class StripPicture {
  readonly #subject: StripSubject;
  readonly #labels: StripLabels;
  readonly #frame: Frame;
  readonly #pen: Pen;

  constructor(subject: StripSubject, labels: StripLabels, frame: Frame) {
    this.#subject = subject;
    this.#labels = labels;
    this.#frame = frame;
    this.#pen = new Pen(frame.context, frame.axis);
  }

  /** Draws it on an empty ground; what it has drawn, to find arrows by. */
  paint(): readonly DrawnArrow[] {
    const { recording, troubles, gatewayTroubles } = this.#subject;
    const drawn = layOut(recording, this.#frame.axis);
    this.#paintSpans(troubles.all);
    this.#paintSpans(gatewayTroubles.all);
    this.#paintChanges();
    this.#paintLifelines();
    this.#paintWaits();
    this.#paintExchanges(drawn);
    this.#paintDelays();
    for (const one of drawn) this.#paintArrow(one);
    this.#paintFocus(drawn);
    this.#paintLabels(drawn);
    this.#paintNow();
    return drawn;
  }

  #paintSpans(spans: readonly Span[]): void {
    const { palette, now, context } = this.#frame;
    context.font = `600 10.5px ${palette.font}`;
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const { kind, from, to } of spans) {
      const { x, width } = this.#stretch(from, to ?? now);
      if (width <= 0) continue;
      const color = kind === "slow" ? palette.slow : palette.bad;
      this.#pen.alpha(0.1, () => this.#pen.rectangle(color, x, 0, width, STRIP.height));
      this.#pen.hatch(color, x, STRIP.height - 4, width, 4);
      if (width < NAMED) continue;
      context.fillStyle = color;
      context.fillText(kind === "down" ? "gateway down" : kind, Math.max(x, 0) + 5, STRIP.client + 11);
    }
  }

  /** A line through all lanes where something has happened to an order. */
  #paintChanges(): void {
    const { axis, palette } = this.#frame;
    for (const { time, hue } of this.#subject.changes.all) {
      const x = axis.x(time);
      if (x < -1 || x > axis.width) continue;
      this.#pen.alpha(0.4, () => this.#pen.line(palette.hues[hue] as string, 1, [x, 0], [x, STRIP.height]));
    }
  }

  /** Whole while there is a connection, else dotted. */
  #paintLifelines(): void {
    const { axis, palette, now } = this.#frame;
    const end = Math.min(axis.width, axis.x(now));
    for (const y of [STRIP.client, STRIP.gateway]) {
      this.#frame.context.setLineDash([1, 4]);
      this.#pen.line(palette.soft, 1, [0, y], [end, y]);
      this.#frame.context.setLineDash([]);
      for (const { openedAt, closedAt } of this.#subject.recording.connections) {
        const { x, width } = this.#stretch(openedAt, closedAt ?? now);
        if (width > 0) this.#pen.line(palette.soft, 1.5, [x, y], [x + width, y]);
      }
    }
  }

  /** A bar where somebody waits for an answer, on the line of whoever owes it. */
  #paintWaits(): void {
    const { now, palette } = this.#frame;
    for (const { request, endedAt, isWasted, isStream } of this.#subject.recording.exchanges()) {
      const { x, width } = this.#stretch(request.endedAt, endedAt ?? now);
      if (width < 3) continue;
      const y = request.from === "client" ? STRIP.gateway : STRIP.client;
      const [top, height] = isStream ? [y - 2, 4] : [y - 4, 8];
      this.#pen.rectangle(palette.ground, x, top, width, height);
      if (isWasted) this.#pen.hatch(palette.wasted, x, top, width, height);
      else this.#pen.alpha(isStream ? 0.45 : 0.8, () => this.#pen.rectangle(palette.wait, x, top, width, height));
    }
  }

  /** The ground between a question and its answer: in the colour of what it brought, hatched if that was nothing. */
  #paintExchanges(drawn: readonly DrawnArrow[]): void {
    const { axis } = this.#frame;
    const inPicture = new Map(drawn.map((one) => [one.arrow.number, one]));
    const placeOf = (arrow: Arrow): DrawnArrow => inPicture.get(arrow.number) ?? placeArrow(arrow, axis);
    for (const { request, response, isStream, isWasted } of this.#subject.recording.exchanges()) {
      if (response === null || isStream || request.beganAt > axis.to || response.endedAt < axis.from) continue;
      this.#between(placeOf(request), placeOf(response), isWasted);
    }
  }

  #between(asked: DrawnArrow, answered: DrawnArrow, isWasted: boolean): void {
    const { palette } = this.#frame;
    const { context } = this.#frame;
    const path = new Path2D();
    path.moveTo(asked.x1, asked.y1);
    path.lineTo(asked.x2, asked.y2);
    path.lineTo(answered.x1, answered.y1);
    path.lineTo(answered.x2, answered.y2);
    path.closePath();
    const hue = this.#hueOf(answered.arrow);
    if (isWasted) {
      context.save();
      context.clip(path);
      this.#pen.alpha(0.55, () =>
        this.#pen.hatch(palette.wasted, asked.x1, STRIP.client, answered.x2 - asked.x1, STRIP.gateway - STRIP.client),
      );
      context.restore();
    } else {
      context.fillStyle = hue ?? palette.soft;
      // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- it is a path, not an array
      this.#pen.alpha(hue === null ? 0.06 : 0.16, () => context.fill(path));
    }
  }

  /** From each change to its arrival, above the client's line: the longer, the later the client knew. */
  #paintDelays(): void {
    const { now, palette, axis } = this.#frame;
    const { changes, ledger } = this.#subject;
    for (const { id, time, hue, place } of changes.all) {
      const arrival = ledger.arrivalOf(id);
      const { x, width } = this.#stretch(time, arrival ?? now);
      if (width <= 0 && arrival === undefined) continue;
      const color = palette.hues[hue] as string;
      const y = STRIP.client - 6 - (place % 3) * 4;
      if (arrival === undefined) this.#pen.hatch(color, x, y - 1.5, width, 3);
      else if (width > 0) this.#pen.alpha(0.75, () => this.#pen.rectangle(color, x, y - 1.5, width, 3));
      if (arrival === undefined) continue;
      const dot = axis.x(arrival);
      if (dot < -4 || dot > axis.width + 4) continue;
      this.#pen.dot(color, dot, STRIP.client, 3.5);
    }
  }

  #paintArrow({ arrow, x1, y1, x2, y2, isWasted }: DrawnArrow): void {
    const { palette } = this.#frame;
    const { what } = arrow;
    const hue = this.#hueOf(arrow);
    if (what === "open" || what === "close") return this.#paintEnd(arrow, x2, y2);
    const color = hue ?? (isWasted || what === "heartbeat" ? palette.wasted : palette.soft);
    if (what === "heartbeat") this.#frame.context.setLineDash([2, 3]);
    this.#pen.line(color, hue === null ? 1.25 : 2, [x1, y1], [x2, y2]);
    this.#frame.context.setLineDash([]);
    this.#pen.head(color, [x1, y1], [x2, y2]);
  }

  /** A connection's beginning is a ring on the line of whoever took it; its end is a cross. */
  #paintEnd({ what, label }: Arrow, x: number, y: number): void {
    const { palette } = this.#frame;
    const isBad = label === "cut" || label === "refused";
    const color = isBad ? palette.bad : palette.soft;
    if (what === "open") {
      this.#pen.ring(color, palette.ground, x, y, 3);
      return;
    }
    const arm = isBad ? 5 : 3;
    for (const middle of isBad ? [(STRIP.client + STRIP.gateway) / 2] : [STRIP.client, STRIP.gateway]) {
      this.#pen.line(color, isBad ? 2 : 1.25, [x - arm, middle - arm], [x + arm, middle + arm]);
      this.#pen.line(color, isBad ? 2 : 1.25, [x - arm, middle + arm], [x + arm, middle - arm]);
    }
  }

  #paintFocus(drawn: readonly DrawnArrow[]): void {
    const { focus, palette } = this.#frame;
    const one = focus === null ? undefined : drawn.find(({ arrow }) => arrow === focus);
    if (one === undefined) return;
    const { x1, y1, x2, y2 } = one;
    this.#frame.context.lineCap = "round";
    this.#pen.alpha(0.22, () => this.#pen.line(palette.text, 11, [x1, y1], [x2, y2]));
    this.#pen.line(palette.text, 2.5, [x1, y1], [x2, y2]);
    this.#frame.context.lineCap = "butt";
    this.#pen.head(palette.text, [x1, y1], [x2, y2]);
  }

  /** Each label stands at the head of its arrow. */
  #paintLabels(drawn: readonly DrawnArrow[]): void {
    const { axis, palette } = this.#frame;
    const { context } = this.#frame;
    context.font = `10.5px ${palette.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.strokeStyle = palette.ground;
    context.lineWidth = 3;
    context.lineJoin = "round";
    const labels = (isTop: boolean): Label[] =>
      drawn
        .filter(({ y2, arrow }) => (y2 === STRIP.client) === isTop && arrow.what !== "open")
        .map((one) => this.#labelOf(one));
    this.#labels.top.draw(context, labels(true), STRIP.topLabels, axis.width);
    this.#labels.bottom.draw(context, labels(false), STRIP.bottomLabels, axis.width);
  }

  #labelOf({ arrow, x2, isWasted }: DrawnArrow): Label {
    const { palette, focus } = this.#frame;
    const hue = this.#hueOf(arrow);
    const isBad = arrow.label === "cut" || arrow.label === "refused";
    const isQuiet = isWasted || arrow.what === "heartbeat" || arrow.what === "close";
    const weight = arrow === focus ? 4 : hue !== null || isBad ? 3 : isQuiet ? 1 : 2;
    const color = isBad ? palette.bad : (hue ?? palette.soft);
    const short = this.#shortLabel(arrow);
    const texts = arrow.bytes === 0 ? [short] : [`${short} · ${bytes(arrow.bytes)}`, short];
    return { key: arrow.number, x: x2, texts, color: arrow === focus ? palette.text : color, weight };
  }

  #paintNow(): void {
    const { axis, now, palette } = this.#frame;
    const x = axis.x(now);
    if (x < 0 || x > axis.width) return;
    this.#pen.line(palette.line, 1, [x, 0], [x, STRIP.height]);
  }

  /** The colour of the first change that an arrow tells of. */
  #hueOf(arrow: Arrow): string | null {
    for (const id of this.#subject.recording.eventIdsOf(arrow)) {
      const change = this.#subject.changes.find(id);
      if (change !== undefined) return this.#frame.palette.hues[change.hue] as string;
    }
    return null;
  }

  /** A single event by what it is about; a request without its path, which is the same all the time. */
  #shortLabel(arrow: Arrow): string {
    const [id, ...others] = this.#subject.recording.eventIdsOf(arrow);
    const change = id === undefined || others.length > 0 ? undefined : this.#subject.changes.find(id);
    const about = change === undefined ? "" : this.#subject.changes.label(change);
    if (about === "") return arrow.label.replace(/ \/\S*/, "");
    if (arrow.what === "response") return arrow.label.replace("1 event", about);
    return about + (/, attempt \d+/.exec(arrow.label)?.[0] ?? "");
  }

  /** What of a stretch of time is in the picture. */
  #stretch(from: number, to: number): { readonly x: number; readonly width: number } {
    const { axis } = this.#frame;
    const x = Math.max(-8, axis.x(from));
    return { x, width: Math.min(axis.width + 8, axis.x(to)) - x };
  }
}
