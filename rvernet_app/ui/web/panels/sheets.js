// The sheets that lie over the page: what they list, and what opens them.

import { fill, make, muted, optionsOf, tableOf } from "../dom.js";
import { rememberFilled } from "../leaving.js";
import { shownMask } from "../state.js";
import { progressShare, progressText, words } from "../words.js";
import { drawLarge } from "./enlarge.js";

// Without digits that come from counting in twos: 0.07 is 7, not 7.000000000000001.
const inPercent = (share) => String(Number((share * 100).toFixed(6)));

// `on` takes: project (id).
export function createSheets({ find, state }, on) {
  function projectRow({ id, name, progress }) {
    const meter = make("span", { style: `width:${progressShare(progress)}%` });
    const onclick = () => on.project(id);
    return make(
      "li",
      {},
      make(
        "button",
        { type: "button", class: "rv-project", "data-project": id, onclick },
        make("span", { class: "rv-food-name" }, name),
        muted(progressText(progress)),
        make("span", { class: "rv-meter", "aria-hidden": "true" }, meter),
      ),
    );
  }

  const labelOptions = (labels) =>
    optionsOf([["", "any"], ...labels.all().map(({ id, name }) => [id, words(name)])]);

  return {
    showProjects({ me, projects }) {
      find("#rv-me").value = me;
      fill(find("#rv-projects"), projects.map(projectRow));
      find("#rv-projects-empty").hidden = projects.length > 0;
    },

    showSettings({ name, new_labels: newLabels, double_share: double, blind_share: blind }) {
      const { elements } = find("#rv-settings");
      elements.name.value = name;
      elements.new_labels.checked = newLabels;
      elements.double_share.value = inPercent(double);
      elements.blind_share.value = inPercent(blind);
      find("#rv-settings-said").textContent = "";
    },

    showPeople(people) {
      const columns = ["Name", "Photos begun", "Photos done", "Foods"];
      const rows = people.map(({ name, begun, done, foods }) => [name, begun, done, foods]);
      const text = people.length ? tableOf(columns, rows) : make("p", {}, "Nobody has begun a photo yet.");
      find("#rv-people").replaceChildren(text);
    },

    showCopyState(problem) {
      find("#rv-not-kept").hidden = state.facts.kept && !problem;
      if (problem) find("#rv-not-kept").textContent = problem;
    },

    showFilters({ labels, annotators }) {
      find("#rv-filters").reset();
      find("#rv-filters [name=label]").replaceChildren(...labelOptions(labels));
      const names = [["", "anyone"], ...annotators.map((name) => [name, name])];
      find("#rv-filters [name=by]").replaceChildren(...optionsOf(names));
    },

    // The labels changed; the filter stays as it is.
    showFilterLabels(labels) {
      const field = find("#rv-filters [name=label]");
      const chosen = field.value;
      field.replaceChildren(...labelOptions(labels));
      field.value = chosen;
    },

    openMeal() {
      const meals = [...new Set(state.listed.map(({ meal }) => meal).filter(Boolean))];
      find("#rv-meals").replaceChildren(...meals.map((meal) => make("option", { value: meal })));
      find("#rv-meal-form [name=meal]").value = state.current.meal ?? "";
      rememberFilled(find("#rv-meal-form"));
      find("#rv-meal-sheet").showModal();
    },

    // One of the evidence's pictures, large.
    enlarge(button) {
      const given = { photo: state.current, mask: shownMask(state), source: button.querySelector("img") };
      const canvas = find("#rv-picture");
      drawLarge(canvas, button.dataset.picture, given);
      const title = button.nextElementSibling.firstChild.textContent;
      canvas.setAttribute("aria-label", title);
      find("#rv-picture-title").textContent = title;
      find("#rv-picture-sheet").showModal();
    },
  };
}
