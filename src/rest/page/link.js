// A link looked at closely: how slow it is and how much it loses, what went over it, and cutting it.

import { del, get, post } from "./api.js";
import { changed, el, on, refill, text } from "./dom.js";
import { linkKey } from "./model.js";
import { bytes, millis, name, percent } from "./words.js";

/// What can be set: its name, words, the most on the slider, and how a value is written. Latency goes by squares.
const SETTINGS = [["latency_ms", "Latency, each way", 2000, millis], ["jitter_ms", "Jitter: it varies by", 1000, millis], ["loss", "Lost, and sent again", 0.5, percent]];
const STEPS = 100;
const TRAFFIC_MILLIS = 1000;

export class LinkCard {
  constructor(app, cards) {
    Object.assign(this, {app, cards});
  }

  open(a, b) {
    const {app, cards} = this;
    const find = () => app.state.links.get(linkKey(a, b));
    if (!find()) return;
    const [facts, verbs, traffic, said] = [el("dl.facts"), el("div.row"), {}, el("p", {role: "status"})];
    // What is not said is as fast as it can be.
    const set = body => post("api/v1/links", {a, b, ...body});
    const amend = (setting, value) => {
      const {latency_ms, jitter_ms, loss} = find();
      return set({latency_ms, jitter_ms, loss, [setting]: value});
    };
    const managed = app.source?.kind === "network" && !app.past;
    const sliders = SETTINGS.map(([setting, words, most, write]) => {
      const slider = el("input", {id: setting, type: "range", min: 0, max: STEPS});
      const told = el("output");
      let held = false;
      const value = () => Math.round(most * (slider.value / STEPS) ** 2 * 1000) / 1000;
      on(slider, {
        input: () => {
          held = true;
          text(told, write(value()));
        },
        change: async () => {
          await app.act.press(slider, () => amend(setting, value()));
          held = false;
        },
      });
      return {row: el("label.slider", `${words}: `, told, slider), slider, show(link) {
        if (held) return;
        slider.value = Math.sqrt(link[setting] / most) * STEPS;
        text(told, write(link[setting]));
      }};
    });
    cards.fill({title: `Link ${name(app.state, a)} – ${name(app.state, b)}`, sign: "─", link: linkKey(a, b)},
      facts, said, ...managed ? [verbs, ...sliders.map(({row}) => row)] : []);
    cards.draw = state => {
      const link = find();
      if (!link) return cards.close();
      const how = link.cut ? "cut" : link.up ? "up" : "down";
      const rows = [["State", how], ["Blocks that came over it", link.blocks], ...Object.entries(traffic)];
      cards.list(facts, rows);
      text(said, link.cut ? "Neither hears the other."
        : link.latency_ms > 0 ? `A block takes ${millis(link.latency_ms)} over it. What the other end finds meanwhile makes a fork.` : "");
      for (const {slider, show} of sliders) {
        slider.disabled = link.cut;
        show(link);
      }
      const slow = !link.cut && (link.latency_ms || link.jitter_ms || link.loss);
      changed(verbs, how + slow, () => refill(verbs, link.cut ? cards.button("⚭ Restore", set, {id: "restore-link", class: "primary"})
        : cards.button("✂ Cut", () => del(`api/v1/links/${a}/${b}`), {id: "cut-link"}),
      slow ? cards.button("As fast as it can be", set, {id: "fast-link"}) : ""));
    };
    cards.draw(app.state);
    if (!managed) return;
    cards.every(TRAFFIC_MILLIS, async () => {
      const {peers} = await get(`${app.source.api(a)}peers`);
      const peer = peers.find(({node}) => node === app.state.nodes.get(b)?.id);
      Object.assign(traffic, peer ? {[`${name(app.state, a)} → ${name(app.state, b)}`]: bytes(peer.bytes_sent),
        [`${name(app.state, b)} → ${name(app.state, a)}`]: bytes(peer.bytes_received)} : {});
      cards.draw(app.state);
    });
  }
}
