// The lessons that come with the program, step by step: what is said, what one would type, and whether what is expected
// came to be. Each step is done by the network and not by the page.

import { get, post } from "./api.js";
import { $, attr, el, enable, on, refill, show, text } from "./dom.js";
import { plural, seconds } from "./words.js";

const SIGNS = {done: "✓", failed: "✕", now: "▸", next: " "};

export class Lessons {
  constructor(app) {
    Object.assign(this, {app, box: $("#lessons")});
    for (const name of ["story", "lessons"]) on($(`#tab-${name}`), {click: () => {
      for (const other of ["story", "lessons"]) {
        attr($(`#tab-${other}`), "aria-selected", other === name);
        show($(`#${other}`), other === name);
      }
      if (name === "lessons" && !this.lesson) this.list();
    }});
  }

  /// Comes back to the lesson that was begun in this tab, if the network is the same.
  async resume(run) {
    const [was, name, at] = JSON.parse(sessionStorage.lesson ?? "[]");
    if (!run || was !== run) return;
    const {lessons} = await get("api/v1/lessons");
    this.begin(lessons.find(lesson => lesson.name === name));
    $("#tab-lessons").click();
    while (this.at < at) {
      this.mark("done");
      this.next();
    }
  }

  /// The network is another one: a lesson that did not ask for that cannot go on in it.
  leave() {
    const {lesson} = this;
    if (!lesson?.steps[this.at] || lesson.steps[this.at].kind === "up") return;
    this.lesson = null;
    refill(this.bar, el("p.bad", "This is another network: somebody began it anew."),
      el("button.primary", {onclick: () => this.begin(lesson)}, "Begin this lesson again"));
  }

  async list() {
    this.lesson = null;
    try {
      const {lessons} = await get("api/v1/lessons");
      this.box.replaceChildren(...lessons.map(lesson => {
        const [title, about] = lesson.title.split(/: (.*)/);
        return el("button.lesson", {"data-lesson": lesson.name, onclick: () => this.begin(lesson)},
          el("strong", title), el("span", about ? about[0].toUpperCase() + about.slice(1) : ""));
      }));
    } catch ({message}) {
      this.box.replaceChildren(el("p.note", message));
    }
  }

  begin(lesson) {
    const [steps, bar] = [el("ol.steps"), el("div.row")];
    Object.assign(this, {lesson, busy: false, at: -1, steps, bar, items: []});
    this.box.replaceChildren(el("button.plain", {onclick: () => this.list()}, "← All lessons"), el("h3", lesson.title), steps, bar);
    this.next();
  }

  /// Goes on to the next step that is to be done, and shows all up to the next pause.
  next() {
    const {steps, name} = this.lesson;
    this.at += 1;
    while (steps[this.at]?.kind === "say") this.at += 1;
    const pause = steps.findIndex(({kind}, at) => at > this.at && kind === "say");
    for (const step of steps.slice(this.items.length, pause < 0 ? steps.length : pause)) this.items.push(this.item(step));
    sessionStorage.lesson = JSON.stringify([this.app.run, name, this.at]);
    this.mark("now");
    this.offer();
    const step = steps[this.at];
    if (step) this.items[this.at].scrollIntoView({block: "nearest"});
    else this.bar.replaceChildren(el("p.good", `✓ That was all of “${name.replaceAll("-", " ")}”.`));
    this.bar.scrollIntoView({block: "nearest"});
  }

  item({line, kind, text: words}) {
    const item = kind === "say" ? el("li.say", el("p", words)) : el(`li.${kind}`, {"data-step": line, "data-is": "next"},
      el("i", {"aria-hidden": "true"}), el("code", words), el("small"));
    this.steps.append(item);
    return item;
  }

  mark(how, more = "") {
    const item = this.items[this.at];
    if (!item) return;
    attr(item, "data-is", how);
    text(item.children[0], SIGNS[how]);
    text(item.children[2], more);
  }

  /// What can be done now, as buttons.
  offer(failed) {
    const {bar, lesson: {steps}, at, app: {renew, state}} = this;
    const step = steps[at];
    if (!step || this.busy) return;
    const button = (words, action, more) => this.app.cards.button(words, action, more);
    if (step.kind === "up") {
      const ask = el("div.ask");
      const {amount, difficulty, block_time: time} = step.renew;
      const fits = amount === state.nodes.size && difficulty === state.rules.difficulty && time === state.rules.block_time && !state.highest;
      return refill(bar, el("p.note", `The lesson wants a network of its own, of ${plural(amount, "node")}.`),
        button("Start that network …", () => renew.ask(ask, step.renew, () => this.done({seconds: 0})), {id: "step", class: "primary"}),
        fits && button("Use this one", () => this.done({seconds: 0})) || "", ask);
    }
    const more = steps.slice(at).findIndex(({kind}) => kind === "say" || kind === "up");
    const pause = more < 0 ? steps.length - at : more;
    refill(bar, button(failed ? "Try again" : step.kind === "expect" ? "Check" : "Run", () => this.run(), {id: "step", class: "primary"}),
      failed ? button("Go on all the same", () => this.next()) : pause > 1 ? button(`Run on to the next pause (${pause})`, () => this.run(pause), {id: "run-on"}) : "");
  }

  /// Runs the next `count` steps, as long as all goes well.
  async run(count = 1) {
    const {lesson} = this;
    this.app.timeline.goLive();
    let ok = this.busy = true;
    for (const button of this.bar.children) enable(button);
    try {
      for (; ok && count > 0; count -= 1) {
        this.mark("now", "…");
        const result = await post(`api/v1/lessons/${lesson.name}/steps/${lesson.steps[this.at].line}`);
        ok = this.lesson === lesson && this.done(result);
      }
    } finally {
      if (this.lesson === lesson) {
        this.busy = false;
        this.offer(!ok);
      }
    }
  }

  done({ok = true, said, error, seconds: took}) {
    const item = this.items[this.at];
    for (const old of item.querySelectorAll("pre, .bad")) old.remove();
    this.mark(ok ? "done" : "failed", ok && took >= 0.1 ? seconds(took) : "");
    if (said?.trim() && !item.classList.contains("expect")) item.append(el("pre", said.trimEnd()));
    if (ok) this.next();
    else item.append(el("p.bad", error ?? "It did not come to be."));
    return ok;
  }
}
