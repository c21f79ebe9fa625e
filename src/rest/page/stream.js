// Events without a gap: what was missed is asked for again, and what is lost for good is made up for by reading the
// state anew. Batches go out once a frame; in a hidden tab, where there are no frames, at once.

import { events } from "./api.js";

const TYPES = ["start", "lost", "block", "block_mined", "block_refused", "tip", "reorg", "pool", "peer_ready",
  "peer_closed", "mining", "fault", "node", "partition", "link", "mining_set", "verdict"];

/// Wait before a stream that was refused is asked for again, and before a state that could not be read.
const RETRY_MILLIS = 1000;

export class Stream {
  /// `source` has `snapshot()`, which comes to an event, and `adapt(event)`; `heard` gets batches of events; `opened` is
  /// called when somebody answers.
  constructor(source, heard, opened) {
    Object.assign(this, {source, heard, opened, waiting: []});
    document.addEventListener("visibilitychange", () => this.flush());
    this.open();
  }

  open() {
    const stream = events(this.last);
    for (const type of TYPES) stream.addEventListener(type, message => this.take(message));
    stream.onopen = () => {
      delete document.body.dataset.lost;
      this.opened();
    };
    stream.onerror = () => {
      document.body.dataset.lost ??= Date.now();
      // The browser comes back by itself, but not after a refusal.
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => this.open(), RETRY_MILLIS);
    };
  }

  take({data, lastEventId}) {
    this.last = lastEventId;
    const event = JSON.parse(data);
    // What was heard of another run is of no use any more.
    if (event.restarted) this.waiting.length = 0;
    if (event.type === "lost" || (event.type === "start" && (!this.begun || event.restarted))) this.resync();
    if (event.type === "start") {
      this.begun = true;
      return;
    }
    const adapted = this.source.adapt(event, () => this.resync());
    if (!adapted) return;
    this.waiting.push(adapted);
    if (document.hidden) this.flush();
    else this.frame ??= requestAnimationFrame(() => this.flush());
  }

  /// Reads the state anew. Events that come meanwhile wait and are applied to it; that some are in it does no harm.
  async resync() {
    this.again = true;
    if (this.syncing) return;
    this.syncing = true;
    while (this.again) {
      this.again = false;
      try {
        this.waiting.unshift(await this.source.snapshot());
      } catch {
        this.again = true;
        await new Promise(done => setTimeout(done, RETRY_MILLIS));
      }
    }
    this.syncing = false;
    this.flush();
  }

  flush() {
    this.frame = null;
    if (this.syncing || this.waiting.length === 0) return;
    this.heard(this.waiting.splice(0));
  }
}
