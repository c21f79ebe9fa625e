// Puts the parts together. Events change the state as they come; some thirty times a second, what changed is drawn.

import { Act } from "./act.js";
import { Cards } from "./cards.js";
import { $, attr, el, show } from "./dom.js";
import { Glance } from "./glance.js";
import { Lasso } from "./lasso.js";
import { Lessons } from "./lesson.js";
import { apply, empty } from "./model.js";
import { Network } from "./network.js";
import { Renew } from "./renew.js";
import { source } from "./source.js";
import { Story } from "./story.js";
import { Stream } from "./stream.js";
import { Timeline } from "./timeline.js";
import { Tree } from "./tree.js";

/// After so many seconds without a connection, nobody answers.
const PATIENCE = 4;
/// What no event tells is asked for so often, while something happens.
const FIGURES_MILLIS = 2000;
const RETRY_MILLIS = 2000;
const DRAWN_MILLIS = 25;

let [frame, drawn, news] = [null, 0, false];
const live = empty();
const app = {
  /// Who is asked; none: nobody answers, and only recordings can be looked at.
  source: null,
  /// The state that is drawn: the live one, or one of the past.
  get state() { return app.timeline.state ?? live; },
  live,
  get run() { return live.run; },
  get past() { return app.timeline.past; },
  redraw() { frame ??= requestAnimationFrame(draw); },
  /// The run of events that is to end, while a new network starts in the place of the old one.
  leaving: null,
  /// Something to be read, until it is pressed away.
  notice(message) {
    show($("#notice"), message);
    $("#notice").replaceChildren(el("p", message ?? ""), el("button", {"aria-label": "Close", onclick: () => app.notice(null)}, "✕"));
  },
  /// Lets an event be seen, in the past as well.
  show(event) { app.network.event(app.state, event); },
  opened() { app.notice(null); app.cards.close(); },
};
const openNode = node => app.lasso.choosing ? app.lasso.toggle(node) : app.cards.openNode(node);
const openBlock = hash => app.cards.block.open(hash);
app.timeline = new Timeline(app);
app.glance = new Glance();
app.network = new Network(openNode);
app.tree = new Tree(openBlock);
app.story = new Story(openBlock, openNode);
app.act = new Act(app);
app.lasso = new Lasso(app);
app.lessons = new Lessons(app);
app.renew = new Renew(app);
app.cards = new Cards(app);

function heard(batch) {
  app.timeline.push(batch);
  for (const event of batch) {
    if (event.type === "snapshot") begin(event.network.events?.run ?? null);
    apply(live, event);
    app.act.event(event);
    if (!app.past) app.show(event);
    news ||= event.type !== "figures";
  }
  app.redraw();
}

/// Another run is another network: nothing of the old one is left on the page.
function begin(run) {
  if (live.run === run) return;
  if (live.run) app.lessons.leave();
  else app.lessons.resume(run);
  if (app.leaving !== run) app.leaving = null;
  app.act.journeys = [];
  app.notice(null);
  app.lasso.choose(false);
  if (live.run) app.cards.close();
}

function draw(time) {
  frame = null;
  // What moves by itself has all frames, the state every second one.
  if (time - drawn < DRAWN_MILLIS) return app.redraw();
  drawn = time;
  const {state, past} = app;
  if (!state.rules) return;
  app.act.draw(state, past || !app.source || app.leaving);
  if (app.leaving) return;
  const now = past ? state.at : Math.max(state.at, Date.now() / 1000);
  const {lost} = document.body.dataset;
  const since = !past && lost / 1000 < Date.now() / 1000 - PATIENCE && lost / 1000;
  attr(document.body, "data-kind", state.kind);
  try {
    for (const part of [app.network, app.glance, app.tree, app.story, app.cards, app.timeline]) part.draw(state, now, since);
  } catch (error) {
    if (!app.timeline.opened) throw error;
    app.timeline.goLive();
    app.notice(`The recording cannot be drawn: ${error.message}`);
  }
}

// Time passes without events, too.
setInterval(() => { if (!document.hidden) app.redraw(); }, 1000);
setInterval(async () => {
  if (!news || document.hidden) return;
  news = false;
  try { heard([await app.source.figures()]); } catch {
    // The next will do.
  }
}, FIGURES_MILLIS);

async function connect() {
  try {
    app.source = await source();
  } catch {
    app.glance.say("connecting", "Nobody answers", "Does the network run? A recording can be opened below.");
    return setTimeout(connect, RETRY_MILLIS);
  }
  new Stream(app.source, heard, () => app.notice(null));
}
connect();
show($("#up"), /node\/\d+\/$/.test(location.pathname));
