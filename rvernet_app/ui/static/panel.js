// The panel beside the photo: foods, suggestions and evidence, drawn from state. Text never goes in as HTML.

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

// New contents for a list; keyboard focus stays on the button at the same place.
function fill(list, items) {
  const buttons = [...list.querySelectorAll("button")];
  const focused = buttons.indexOf(document.activeElement);
  list.replaceChildren(...items);
  if (focused >= 0) list.querySelectorAll("button")[Math.min(focused, list.querySelectorAll("button").length - 1)]?.focus();
}

// Scrolls a list, and nothing around it, so that one of its items shows.
function keepInView(list, item) {
  if (!item) return;
  const [outer, inner] = [list.getBoundingClientRect(), item.getBoundingClientRect()];
  list.scrollLeft += Math.min(0, inner.left - outer.left) + Math.max(0, inner.right - outer.right);
  list.scrollTop += Math.min(0, inner.top - outer.top) + Math.max(0, inner.bottom - outer.bottom);
}

const percent = (share) => (share >= 0.995 ? "100 %" : share < 0.01 ? "< 1 %" : `${Math.round(share * 100)} %`);
const STATE_MARKS = { new: "", open: "…", done: "✓", unusable: "✕", skipped: "→", full: "●" };
const portionText = (portion) => (portion ? `${portion.amount} ${portion.unit}` : "");
const words = (label) => label.replaceAll("_", " ");

function createPanel(find, on) {
  const lists = { foods: find("#rv-foods"), suggestions: find("#rv-suggestions"), candidates: find("#rv-candidates") };
  const classSelect = find("#rv-class");
  const methodSelect = find("#rv-method");

  function setUp({ methods }) {
    methodSelect.replaceChildren(...methods.map(({ value, title }) => make("option", { value }, title)));
    classSelect.addEventListener("change", () => on.explain(classSelect.value));
    methodSelect.addEventListener("change", () => on.method(methodSelect.value));
    for (const button of find.all("[data-scale]")) button.addEventListener("click", () => on.scale(button.dataset.scale));
    for (const button of find.all("[data-picture]")) button.addEventListener("click", () => on.enlarge(button));
  }

  function drawFoods(foods, active, evidenceFor, labelOf, statusOf) {
    fill(lists.foods, foods.map((food) => {
      const evidence = evidenceFor(food);
      const top = evidence?.suggestions?.[0];
      const unsure = top && !evidence.sure;
      const label = labelOf?.(food);
      const guess = labelOf ? portionText(food.portion) : top ? (unsure ? `not sure: ${words(top.label)}?` : percent(top.probability)) : "";
      const name = labelOf ? (label ? words(label.name) : "no name yet") : top && !unsure ? words(top.label) : `Food ${food.id}`;
      return make("li", { "data-food": food.id, "aria-current": food.id === active ? "true" : null },
        make("button", { type: "button", class: "rv-food", onclick: () => on.selectFood(food.id) },
          make("span", { class: "rv-swatch", style: `background:${food.colour}` }),
          make("span", { class: "rv-food-name" }, name),
          make("span", { class: "rv-muted rv-reviewed", "data-status": statusOf(food) ?? null }, guess)),
        make("button", { type: "button", class: "rv-icon rv-remove", "aria-label": `Remove food ${food.id}`, title: "Remove (Delete)", onclick: () => on.removeFood(food.id) }, icon("M6 6l12 12M18 6 6 18")));
    }));
    keepInView(lists.foods, lists.foods.querySelector("[aria-current]"));
    find("#rv-foods-empty").hidden = foods.length > 0;
    find("#rv-download").disabled = active === null;
  }

  function drawCandidates(food) {
    const dock = find("#rv-dock");
    const show = Boolean(food);
    lists.candidates.hidden = !show;
    dock.dataset.empty = String(!show);
    fill(lists.candidates, (food?.candidates ?? []).map((mask, index) => make("button", {
      type: "button", role: "radio", "aria-checked": String(index === food.chosen),
      title: mask.score === null ? "Corrected by hand" : `Candidate ${index + 1}, predicted IoU ${mask.score.toFixed(2)} (C for the next)`, onclick: () => on.chooseCandidate(index),
    }, `${index + 1}`, make("span", { class: "rv-muted" }, mask.score === null ? "by hand" : percent(mask.score)))));
  }

  function drawEvidence(evidence, { pending, scale, method }) {
    find(".rv-panel").dataset.pending = pending ?? "";
    drawSuggestions(evidence, pending);
    methodSelect.value = method;
    for (const button of find.all("[data-scale]")) button.setAttribute("aria-checked", String(button.dataset.scale === scale));
    const maps = evidence?.maps;
    classSelect.disabled = !evidence;
    if (maps) classSelect.value = maps.label;
    const pictures = { ...evidence?.cutouts, map_roi: maps?.roi, map_extra_roi: maps?.extra_roi };
    for (const button of find.all("[data-picture]")) {
      const source = pictures[button.dataset.picture];
      button.disabled = !source;
      const shown = button.querySelector("img");
      if (source && shown) shown.src = source;
      else button.replaceChildren(...(source ? [make("img", { src: source, alt: "" })] : []));
    }
    const peak = (name) => (maps ? `peak ${maps[`${name}_peak`].toPrecision(2)}` : "where it looked");
    find("#rv-peak-roi").textContent = peak("roi");
    find("#rv-peak-extra-roi").textContent = peak("extra_roi");
    const steps = Object.entries(evidence?.timings ?? {}).filter(([, ms]) => ms >= 0.05);
    find("#rv-timings").textContent = steps.length ? `${steps.map(([step, ms]) => `${step} ${ms < 10 ? ms.toFixed(1) : Math.round(ms)}`).join(" · ")} ms` : "";
  }

  function drawSuggestions(evidence, pending) {
    const suggestions = evidence?.suggestions ?? [];
    const unsure = suggestions.length > 0 && !evidence.sure;
    find("#rv-unsure").hidden = !unsure;
    lists.suggestions.toggleAttribute("data-unsure", unsure);
    const explained = evidence?.maps?.label ?? evidence?.label ?? suggestions[0]?.label;
    fill(lists.suggestions, suggestions.map(({ label, probability, without_context }, index) => make("li", {},
      make("button", {
        type: "button", class: "rv-suggestion", "aria-pressed": String(label === explained), onclick: () => on.suggestion(label),
        title: `${words(label)} (${index + 1})`,
        "aria-label": `${words(label)}: ${percent(probability)} with context, ${percent(without_context)} without`,
      },
        make("span", { class: "rv-suggestion-name" }, words(label)),
        make("span", { class: "rv-bars", "aria-hidden": "true" },
          make("span", { class: "rv-fill", style: `width:${probability * 100}%` }),
          make("span", { class: "rv-fill-without", style: `width:${without_context * 100}%` })),
        make("span", { class: "rv-share" }, percent(probability)),
        make("span", { class: "rv-share rv-share-without" }, percent(without_context))))));
    find("#rv-suggestions-empty").hidden = suggestions.length > 0 || pending === "suggestions";
  }

  function drawFacts(facts) {
    find("#rv-models-label").textContent = `${facts.segmenter} · ${facts.checkpoint} · ${facts.classes.length} foods`;
    find("#rv-facts").replaceChildren(...facts.rows.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
    find("#rv-unsure").textContent = `Not sure. The best guesses among ${facts.classes.length} known foods:`;
    find("#rv-classes-title").textContent = `The ${facts.classes.length} foods it knows`;
    find("#rv-classes").replaceChildren(...facts.classes.map((label) => make("span", {}, words(label))));
    classSelect.replaceChildren(...facts.classes.map((label) => make("option", { value: label }, words(label))));
  }

  function drawStrip(photos, current, { open, samples }) {
    const opened = new Set(photos.map((photo) => photo.sample).filter(Boolean));
    const thumb = (title, source, count, attributes) => make("li", {},
      make("button", { type: "button", class: "rv-thumb", title, "aria-label": count ? `${title}, ${count} foods` : title, ...attributes },
        make("img", { src: source, alt: "" }), count ? make("span", { class: "rv-count" }, String(count)) : null, make("span", { class: "rv-thumb-name" }, title)));
    fill(find("#rv-strip"), [
      ...photos.map((photo) => thumb(photo.name, photo.thumb, photo.work.present.foods.length, { "data-photo": photo.id, "aria-current": photo.id === current ? "true" : null, onclick: () => on.showPhoto(photo.id) })),
      ...samples.filter((sample) => !opened.has(sample.name)).map((sample) => thumb(sample.title, sample.thumb, 0, { "data-sample": sample.name, onclick: () => open(sample.name) })),
    ]);
  }

  // The photos of a queue, each with how far one is with it; more are asked for at the end.
  function drawQueue(items, current, open, more, earlier) {
    const strip = find("#rv-strip");
    const before = earlier && items[0]?.position > 0 ? [make("li", {}, make("button", { type: "button", class: "rv-thumb rv-earlier", onclick: earlier }, "Earlier photos"))] : [];
    const told = ({ state, full }) => (full ? "others have it" : state);
    fill(strip, [...before, ...items.map(({ item, name, position, state, full, foods, thumb }) => make("li", {},
      make("button", { type: "button", class: "rv-thumb", "data-item": item, "data-state": full ? "full" : state, title: `${position + 1}. ${name}: ${told({ state, full })}`, "aria-label": `${position + 1}, ${name}, ${told({ state, full })}, ${foods} foods`, "aria-current": item === current ? "true" : null, onclick: () => open(item) },
        thumb ? make("img", { src: thumb, alt: "" }) : make("span", { class: "rv-no-thumb" }, "cannot be opened"), foods ? make("span", { class: "rv-count" }, String(foods)) : null,
        make("span", { class: "rv-state", "aria-hidden": "true" }, STATE_MARKS[full ? "full" : state]), make("span", { class: "rv-thumb-name" }, name))))]);
    strip.onscroll = () => { if (strip.scrollLeft + strip.clientWidth > strip.scrollWidth - 200) { strip.onscroll = null; more(); } };
  }

  return { setUp, drawFoods, drawCandidates, drawEvidence, drawFacts, drawStrip, drawQueue };
}
