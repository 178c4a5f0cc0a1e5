// The tabs of the projects sheet: one of its parts shows at a time.

export const FIRST_TAB = "projects";

const NEXT = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

export function drawTabs({ find, state }) {
  const shown = state.project ? state.tab : FIRST_TAB;
  for (const tab of find.all("[data-tab]")) {
    const chosen = tab.dataset.tab === shown;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    find(`#${tab.getAttribute("aria-controls")}`).hidden = !chosen;
  }
}

// `open` is told which tab is chosen, to fetch what it shows.
export function wireTabs(page, open) {
  const { find, state } = page;
  const tabs = [...find.all("[data-tab]")];
  const choose = (tab) => {
    state.set({ tab: tab.dataset.tab });
    open(tab.dataset.tab);
  };
  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = NEXT[event.key];
      if (!step || !state.project) return;
      event.preventDefault();
      const shown = tabs.filter((each) => each.checkVisibility());
      const next = shown.at((shown.indexOf(tab) + step) % shown.length);
      next.focus();
      choose(next);
    });
  }
}
