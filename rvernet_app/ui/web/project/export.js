// A project's labels as a file to keep.

import { downloadFile, make, muted } from "../dom.js";
import { whileBusy } from "../feedback.js";
import { served, tell } from "../server.js";

// format -> [its name, what it is good for]; the first that the server knows is chosen.
export const FORMATS = {
  xlsx: [
    "Food record, spreadsheet (.xlsx)",
    "Opens in Excel or LibreOffice: a row for each food, and for each photo.",
  ],
  csv: ["Food record, two CSV tables (ZIP)", "Foods and meals as plain tables, for statistics programs."],
  coco: [
    "COCO (ZIP)",
    "Photos and exact masks in one file of labels; an import takes portions, notes and meals back as well.",
  ],
  "coco-polygons": [
    "COCO with polygons (ZIP)",
    "For programs that read no exact masks, such as Label Studio; polygons fill holes.",
  ],
  "yolo-seg": ["YOLO segmentation (ZIP)", "Outlines in text files, to train a YOLO model."],
  foodseg103: [
    "FoodSeg103 (ZIP)",
    "A picture of labels beside each photo, as the FoodSeg103 data set has them.",
  ],
  rvernet: ["RveRNet pairs (ZIP)", "The food alone and what surrounds it, to train RveRNet."],
  imagefolder: [
    "Hugging Face imagefolder (ZIP)",
    "Photos with a table, as the Hugging Face libraries load them.",
  ],
};

export function showFormats({ find, props }) {
  const known = props.exports.filter((name) => name in FORMATS);
  const inOrder = Object.keys(FORMATS).filter((name) => known.includes(name));
  const more = props.exports.filter((name) => !known.includes(name));
  const rows = [...inOrder, ...more].map((name, index) => formatRow(name, index === 0));
  find("#rv-formats").append(...rows);
}

function formatRow(name, checked) {
  const [title, about] = FORMATS[name] ?? [name, ""];
  return make(
    "label",
    { class: "rv-format" },
    make("input", { type: "radio", name: "format", value: name, checked }),
    make("span", {}, make("strong", {}, title), muted(about)),
  );
}

export function exportProject(page, form) {
  const { find, state } = page;
  return whileBusy(page, "Writing the export…", async () => {
    const format = new FormData(form).get("format");
    const reply = await tell(page, "export_project", { project: state.project.id, format });
    downloadFile(served(reply.url), reply.name);
    find("#rv-exported").textContent = `${reply.name}: ${exportText(reply)}`;
  });
}

export function exportText({ photos, foods, left_out: leftOut }) {
  const rest = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`);
  return `${photos} photos with ${foods} foods.${rest.length ? ` Not in it: ${rest.join(", ")}.` : ""}`;
}
