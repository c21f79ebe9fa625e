// Time as something to be stopped, stepped and scrubbed.

import { $, attr, el, enable, on, show, svg, text } from "./dom.js";
import { Recording, read } from "./recording.js";
import { clock, name } from "./words.js";

/// What one wants to stop at.
const STEPS = ["block", "tip", "reorg", "partition", "node", "block_refused", "fault", "snapshot"];

/// While it plays: a wait between two events is cut to this, in seconds; and events in one frame at most.
const MAX_WAIT = 1;
const MAX_A_FRAME = 200;
const MARKS_MILLIS = 500;

export class Timeline {
  constructor(app) {
    Object.assign(this, {app, recording: new Recording(), index: null, playing: false, opened: null, drawn: 0});
    this.marks = ["block", "partition", "reorg"].map(kind => svg(`path.${kind}`));
    $("#marks").append(...this.marks);
    const press = {live: () => this.goLive(), back: () => this.step(-1), forth: () => this.step(1), play: () => this.toggle(), save: () => this.save()};
    for (const [id, action] of Object.entries(press)) on($(`#${id}`), {click: action});
    on($("#scrub"), {input: ({target}) => this.go(Number(target.value))});
    on($("#open"), {change: ({target}) => this.open(target.files[0])});
    on($("#choose"), {click: () => $("#open").click()});
  }

  get current() { return this.opened ?? this.recording; }
  get past() { return this.index !== null; }
  /// The state that is looked at, or none: the live one.
  get state() { return this.past ? this.current.at(this.index) : null; }

  push(batch) {
    const gone = this.recording.push(batch);
    if (this.past && !this.opened) this.index = Math.max(1, this.index - gone);
  }

  go(index) {
    this.index = Math.max(1, Math.min(index, this.current.events.length));
    this.app.redraw();
  }

  step(by) {
    const {events} = this.current;
    this.playing = false;
    let at = (this.index ?? events.length) + by;
    while (at > 1 && at < events.length && !STEPS.includes(events[at - 1].type)) at += by;
    this.go(at);
    if (by > 0) this.app.show(events[this.index - 1]);
  }

  toggle() {
    if (!this.past) return this.go(this.current.events.length);
    const ended = this.index >= this.current.events.length;
    if (ended && !this.opened) return this.goLive();
    if (ended) this.index = 1;
    this.playing = !this.playing;
    this.due = performance.now();
    this.play(this.due);
  }

  play(now) {
    this.app.redraw();
    if (!this.playing || !this.past) return;
    const {events} = this.current;
    for (let steps = 0; this.index < events.length && this.due <= now && steps < MAX_A_FRAME; steps += 1) {
      const [event, next] = [events[this.index], events[this.index + 1]];
      this.index += 1;
      this.app.show(event);
      this.due += 1000 * Math.min(MAX_WAIT, Math.max(0, next?.time - event.time || 0));
    }
    if (this.index < events.length) requestAnimationFrame(now => this.play(now));
    else if (this.opened) this.playing = false;
    else this.goLive();
  }

  goLive() {
    Object.assign(this, {playing: false, opened: null, index: null});
    this.recording.cursor = null;
    this.app.redraw();
  }

  save() {
    const href = URL.createObjectURL(this.current.file());
    el("a", {href, download: `network-${Date.now()}.ndjson`}).click();
    setTimeout(() => URL.revokeObjectURL(href), 10000);
  }

  async open(file) {
    try {
      const opened = await read(file);
      this.app.opened();
      Object.assign(this, {opened, index: 1, playing: false});
      this.toggle();
    } catch ({message}) {
      this.app.notice(message);
    }
    $("#open").value = "";
  }

  draw(state) {
    const {events} = this.current;
    const at = this.index ?? events.length;
    const paused = this.past && !this.playing;
    attr($("#scrub"), "max", events.length);
    if (Number($("#scrub").value) !== at) $("#scrub").value = at;
    attr($("#live"), "aria-pressed", !this.past);
    show($("#live"), this.app.source || !this.opened);
    text($("#play"), paused ? "▶▶" : "❚❚");
    attr($("#play"), "aria-label", paused ? "Play" : "Pause");
    enable($("#back"), at > 1);
    enable($("#forth"), this.past && at < events.length);
    $("#timeline").classList.toggle("past", this.past);
    const event = events[at - 1] ?? {};
    const who = Number.isInteger(event.node) ? `${name(state, event.node)}: ` : "";
    text($("#when"), clock(event.time ?? state.at) + (this.past ? ` ${who}${event.type.replace("_", " ")} ${event.height ?? event.state ?? ""}` : ""));
    if (performance.now() - this.drawn < MARKS_MILLIS) return;
    this.drawn = performance.now();
    const seen = new Set();
    const lines = {block: "", partition: "", reorg: ""};
    events.forEach(({type, hash}, at) => {
      if (!(type in lines) || seen.has(hash)) return;
      if (hash) seen.add(hash);
      lines[type] += `M${at} ${type === "block" ? 10 : 0}V16`;
    });
    attr($("#marks"), "viewBox", `0 0 ${events.length || 1} 16`);
    Object.values(lines).forEach((line, at) => attr(this.marks[at], "d", line || null));
  }
}
