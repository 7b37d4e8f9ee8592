// The image viewer of the exam page: stills, and cines played at the rate their header states.
// Frames are fetched in order and kept compressed; only a few around the one shown are decoded at a time.
(() => {
  "use strict";
  const PARALLEL = 4;
  const DECODED = 16;
  const UNSTATED_MS = 1000 / 30;

  const viewer = document.getElementById("viewer");
  if (!viewer) return;
  const part = (name) => viewer.querySelector(`[data-part="${name}"]`);
  const stage = part("stage");
  const canvas = part("canvas");
  const position = part("position");
  const range = part("range");
  const play = part("play");
  const text = (name, values) => viewer.dataset[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const strip = () => [...viewer.querySelectorAll(".strip button")];

  // One image as the strip names it. `blobs[n]` is frame n compressed, `bitmaps` the few that are decoded.
  let image = null;
  const open = (button) => {
    image?.stop.abort();
    const { id, frames, ms, address, state, number, at, version } = button.dataset;
    image = {
      id, address, state, number, at, version, frames: Number(frames), ms: Number(ms) || UNSTATED_MS, stated: Boolean(Number(ms)),
      blobs: new Map(), bitmaps: new Map(), next: 0, shown: -1, wanted: 0, started: null, stop: new AbortController(),
    };
    halt();
    describe(button);
    if (state === "ready") for (let lane = 0; lane < PARALLEL; lane += 1) fetchFrames(image);
  };

  const describe = (button) => {
    for (const each of strip()) each.toggleAttribute("aria-current", each === button);
    button.setAttribute("aria-current", "true");
    button.scrollIntoView({ block: "nearest", inline: "nearest" });
    const cine = image.frames > 1;
    part("number").textContent = text("textNumber", { number: image.number, total: strip().length });
    part("at").textContent = image.at;
    canvas.ariaLabel = button.ariaLabel;
    part("problem").hidden = image.state === "ready";
    part("problem").textContent = button.dataset.problem ?? "";
    part("transport").toggleAttribute("data-still", !cine);
    range.max = String(image.frames);
    canvas.hidden = true;
    delete stage.dataset.frame;
    say(0);
  };

  const say = (frame) => {
    range.value = String(frame + 1);
    const rate = image.stated ? text("textRate", { rate: Math.round(1000 / image.ms) }) : viewer.dataset.textUnstated;
    position.textContent = image.frames > 1 ? `${text("textFrame", { frame: frame + 1, frames: image.frames })} · ${rate}` : "";
    range.ariaValueText = text("textFrame", { frame: frame + 1, frames: image.frames });
  };

  // Fetching: four lanes, in order; a lane ends with the image.
  const fetchFrames = async (mine) => {
    while (mine === image && mine.next < mine.frames) {
      const frame = mine.next;
      mine.next += 1;
      try {
        const answer = await fetch(`${mine.address}${frame + 1}`, { signal: mine.stop.signal });
        if (!answer.ok) return;
        mine.blobs.set(frame, await answer.blob());
      } catch {
        return;
      }
      if (frame === mine.wanted) request();
    }
  };

  // Decoding: the frame wanted and those after it; the oldest leave.
  const decode = async (mine, frame) => {
    const blob = mine.blobs.get(frame);
    if (!blob || mine.bitmaps.has(frame)) return;
    mine.bitmaps.set(frame, null);
    const bitmap = await createImageBitmap(blob);
    if (mine !== image) { bitmap.close(); return; }
    mine.bitmaps.set(frame, bitmap);
    if (frame === mine.wanted) request();
    for (const old of mine.bitmaps.keys()) {
      if (mine.bitmaps.size <= DECODED) break;
      if (mine.bitmaps.get(old) && old !== mine.shown) { mine.bitmaps.get(old).close(); mine.bitmaps.delete(old); }
    }
  };

  const paint = (frame) => {
    const bitmap = image.bitmaps.get(frame);
    if (!bitmap) return false;
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    canvas.hidden = false;
    image.shown = frame;
    stage.dataset.frame = String(frame);
    say(frame);
    return true;
  };

  // The loop: which frame the time says, shown as soon as it is there; the clock waits for a frame that is not.
  let requested = 0;
  const request = () => { requested ||= requestAnimationFrame(tick); };
  const tick = (now) => {
    requested = 0;
    if (!image || image.state !== "ready") return;
    if (image.started !== null) {
      image.wanted = Math.floor((now - image.started) / image.ms) % image.frames;
    }
    const ahead = Math.min(DECODED / 2, image.frames);
    for (let step = 0; step < ahead; step += 1) decode(image, (image.wanted + step) % image.frames);
    if (image.wanted !== image.shown && !paint(image.wanted) && image.started !== null) {
      image.started = now - Math.max(image.shown, 0) * image.ms;
    }
    if (image.started !== null) request();
  };

  const run = () => {
    if (image.frames < 2 || image.state !== "ready") return;
    image.started = performance.now() - image.wanted * image.ms;
    play.ariaLabel = viewer.dataset.textPause;
    play.dataset.playing = "";
    request();
  };
  const halt = () => {
    if (image) image.started = null;
    play.ariaLabel = viewer.dataset.textPlay;
    delete play.dataset.playing;
  };
  const toggle = () => { if (image.started === null) run(); else halt(); };
  const go = (frame) => {
    halt();
    image.wanted = (frame + image.frames) % image.frames;
    request();
  };

  play.addEventListener("click", toggle);
  part("back").addEventListener("click", () => go(image.wanted - 1));
  part("forward").addEventListener("click", () => go(image.wanted + 1));
  range.addEventListener("input", () => go(Number(range.value) - 1));
  part("whole").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen(); else viewer.requestFullscreen();
  });
  viewer.addEventListener("click", (event) => {
    const button = event.target.closest(".strip button");
    if (button) { open(button); if (!calm.matches) run(); }
  });
  viewer.addEventListener("keydown", (event) => {
    if (event.target.matches("input, button") && event.key !== "Home" && event.key !== "End") return;
    const acts = {
      " ": toggle, ArrowLeft: () => go(image.wanted - 1), ArrowRight: () => go(image.wanted + 1),
      Home: () => go(0), End: () => go(image.frames - 1),
    };
    if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    acts[event.key]();
  });

  // New images arrive in the strip while one is being looked at; the one looked at stays.
  document.addEventListener("console:refreshed", () => {
    const button = strip().find((each) => each.dataset.id === image?.id) ?? strip()[0];
    if (!button) return;
    if (!image || button.dataset.state !== image.state || button.dataset.version !== image.version) open(button);
    else { button.setAttribute("aria-current", "true"); part("number").textContent = text("textNumber", { number: image.number, total: strip().length }); }
  });
  const first = strip()[0];
  if (first) open(first);
})();
