// Why a name is suggested: what each half of the model saw, and where it looked.

import { make, optionsOf } from "../dom.js";
import { evidenceOf, shownMask } from "../state.js";
import { createSuggestions } from "./suggestions.js";

export function timingsText(timings) {
  const steps = Object.entries(timings ?? {}).filter(([, ms]) => ms >= 0.05);
  const parts = steps.map(([step, ms]) => `${step} ${ms < 10 ? ms.toFixed(1) : Math.round(ms)}`);
  return parts.length ? `${parts.join(" · ")} ms` : "";
}

export function secondsText(timings) {
  const total = Object.values(timings ?? {}).reduce((sum, ms) => sum + ms, 0);
  return total ? `answered in ${(total / 1000).toFixed(1)} s` : "";
}

export function createEvidence({ find, props, state }, on) {
  const drawSuggestions = createSuggestions({ find, state }, { take: on.suggestion });
  const [classes, methods] = [find("#rv-class"), find("#rv-method")];
  const pictures = find.all("[data-picture]");

  methods.replaceChildren(...optionsOf(props.methods.map(({ value, title }) => [value, title])));
  classes.addEventListener("change", () => on.explain(classes.value));
  methods.addEventListener("change", () => on.choose({ method: methods.value }));
  for (const button of find.all("[data-scale]"))
    button.addEventListener("click", () => on.choose({ scale: button.dataset.scale }));
  for (const button of pictures) button.addEventListener("click", () => on.enlarge(button));

  function drawPictures(evidence) {
    const { cutouts, maps } = evidence ?? {};
    const sources = { ...cutouts, map_roi: maps?.roi, map_extra_roi: maps?.extra_roi };
    for (const button of pictures) {
      const source = sources[button.dataset.picture];
      const shown = button.querySelector("img");
      button.disabled = !source;
      if (source && shown) shown.src = source;
      else button.replaceChildren(...(source ? [make("img", { src: source, alt: "" })] : []));
    }
    const term = props.methods.find(({ value }) => value === state.method)?.term;
    const detail = (module, peak) =>
      `Where the model looked${maps ? ` (${term} of the ${module} module, peak ${peak.toPrecision(2)})` : ""}`;
    find("#rv-peak-roi").title = detail("ROI", maps?.roi_peak);
    find("#rv-peak-extra-roi").title = detail("extra-ROI", maps?.extra_roi_peak);
    methods.title = `How the maps are made: ${term}`;
  }

  return function drawEvidence() {
    const mask = state.current?.blind ? null : shownMask(state);
    const evidence = evidenceOf(state, mask);
    const pending = pendingOf(state.awaited, mask);
    find(".rv-panel").dataset.pending = pending ?? "";
    drawSuggestions(evidence, pending);
    methods.value = state.method;
    for (const button of find.all("[data-scale]"))
      button.setAttribute("aria-checked", String(button.dataset.scale === state.scale));
    classes.disabled = !evidence;
    if (evidence?.maps) classes.value = evidence.maps.label;
    drawPictures(evidence);
    find("#rv-timings").textContent = secondsText(evidence?.timings);
    find("#rv-timings").title = timingsText(evidence?.timings);
  };
}

// What of the mask's evidence is on the way: "suggestions", "maps", or null.
function pendingOf(awaited, mask) {
  if (!mask || awaited?.mask !== mask) return null;
  return awaited.stage === "maps" ? "maps" : "suggestions";
}
