// A photo that was deleted, here or elsewhere.

import { dropProjectPhoto, forgetUnsaved } from "../state.js";
import { dropStash } from "./stash.js";

// The photo is no more: what waits of it waits no longer, and nothing else is touched.
export function forgetPhoto(state, item) {
  const photo = state.projectPhotos.get(item);
  dropStash(item);
  state.set({ listed: state.listed.filter((entry) => entry.item !== item) });
  if (!photo) return;
  forgetUnsaved(state, photo);
  dropProjectPhoto(state, item);
  if (photo === state.current) state.set({ openSeq: state.openSeq + 1, current: null });
}
