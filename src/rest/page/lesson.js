// Runs lessons: a step at a time, each done by the network and not by the page.

import { $, attr, el, on, show } from "./dom.js";
import { LESSONS } from "./lessons.js";

export class Lessons {
  constructor(app) {
    Object.assign(this, {app, box: $("#lessons")});
    for (const name of ["story", "lessons"]) on($(`#tab-${name}`), {click: () => {
      for (const other of ["story", "lessons"]) {
        attr($(`#tab-${other}`), "aria-selected", other === name);
        show($(`#${other}`), other === name);
      }
    }});
    this.list();
  }

  list() {
    this.lesson = null;
    this.box.replaceChildren(...LESSONS.map(lesson => el("button.lesson", {"data-lesson": lesson.id, onclick: () => this.begin(lesson)},
      el("strong", lesson.title), el("span", lesson.about))));
  }

  begin(lesson) {
    Object.assign(this, {lesson, at: -1, steps: el("ol.steps")});
    this.box.replaceChildren(el("button.plain", {onclick: () => this.list()}, "← All lessons"), el("h3", lesson.title), this.steps);
    this.next();
  }

  next() {
    this.at += 1;
    const step = this.lesson.steps[this.at];
    if (!step) return;
    this.isDone = !step.act;
    const {act} = this.app;
    const button = step.act && el("button.primary", {onclick: async () => {
      const done = await act.press(button, () => step.act(act, this.app.state));
      if (done && this.lesson?.steps[this.at] === step) this.isDone = true;
      this.app.redraw();
    }}, step.label);
    this.item = el("li", {"data-step": this.at}, el("p", step.say), button);
    this.steps.append(this.item);
    this.item.scrollIntoView({block: "nearest"});
  }

  draw(state) {
    const step = this.lesson?.steps[this.at];
    if (!step || !this.isDone || !(step.until?.(state) ?? true)) return;
    attr(this.item, "class", "done");
    this.next();
  }
}
