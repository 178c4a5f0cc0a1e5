// The sheets that lie over the page: what they list, and what opens them.

import { fill, make, muted, optionsOf } from "../dom.js";
import { rememberFilled } from "../leaving.js";
import { shownMask, withOthers } from "../state.js";
import { progressShare, progressText, words } from "../words.js";
import { drawLarge } from "./enlarge.js";
import { askText, peopleTable } from "./people.js";

// Without digits that come from counting in twos: 0.07 is 7, not 7.000000000000001.
const inPercent = (share) => String(Number((share * 100).toFixed(6)));

// `on` takes: project (id), and what `peopleTable` takes.
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
    showProjects(reply) {
      const { me, projects, alone } = reply;
      find("#rv-me").value = me;
      find("#rv-me").disabled = !alone;
      const ask = askText(reply);
      find("#rv-projects-ask").hidden = !ask;
      find("#rv-projects-ask").textContent = ask;
      fill(find("#rv-projects"), projects.map(projectRow));
      find("#rv-projects-empty").hidden = projects.length > 0 || ask !== "";
    },

    showSettings(project) {
      const { name, new_labels: newLabels, double_share: double, blind_share: blind } = project;
      const { elements } = find("#rv-settings");
      elements.self_review.checked = project.self_review;
      elements.name.value = name;
      elements.new_labels.checked = newLabels;
      elements.double_share.value = inPercent(double);
      elements.blind_share.value = inPercent(blind);
      find("#rv-settings-said").textContent = "";
    },

    showPeople(people) {
      find("#rv-people").replaceChildren(peopleTable(people, withOthers(state), on));
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
