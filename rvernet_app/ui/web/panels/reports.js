// What came of adding and of importing photos, for as long as it may be read.

import { make } from "../dom.js";
import { addedText } from "../project/adding.js";
import { importLines } from "../project/importing.js";

const lineList = (lines) => make("ul", {}, ...lines.map((line) => make("li", {}, line)));

export function drawAdded({ find, state }) {
  const { added } = state;
  find("#rv-added").hidden = !added;
  if (!added) return;
  const refused = added.refused.map(({ name, why }) => `${name}: ${why}`);
  const known = added.known.length ? [make("p", {}, "Here already:"), lineList(added.known)] : [];
  find("#rv-added").replaceChildren(
    make("p", {}, make("strong", {}, addedText(added))),
    ...(refused.length ? [lineList(refused)] : []),
    ...known,
  );
}

export function drawImporting({ find, state }) {
  const { importing } = state;
  find("#rv-import-report").hidden = !importing;
  find("#rv-import-go").hidden = !importing || importing.done || !isOfUse(importing.report);
  find("#rv-import-save").hidden = !importing;
  if (!importing) return;
  const [first, second, ...rest] = importLines(importing.report, importing.done);
  find("#rv-import-report").replaceChildren(
    make("p", {}, make("strong", {}, first)),
    make("p", {}, second),
    ...(rest.length ? [lineList(rest)] : []),
  );
}

const isOfUse = ({ photos, foods, known_photos: known }) => photos + foods + known > 0;
