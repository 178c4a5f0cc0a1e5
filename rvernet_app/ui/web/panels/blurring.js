// The sheet in which boxes are drawn over faces.

import { make } from "../dom.js";
import { addBox, drawBox, nudgeBox, removeBox } from "../project/blurring.js";
import { plural } from "../words.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export function createBlurring(page) {
  const { find, state } = page;
  const area = find("#rv-blur-photo");
  const canvas = area.querySelector("canvas");
  const list = find("#rv-blur-boxes");
  let from = null; // photo pixel at which a drag began
  let drawn = null;

  const pixelAt = ({ clientX, clientY }) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const { photo } = state.blurring;
    return [((clientX - left) / width) * photo.width, ((clientY - top) / height) * photo.height];
  };
  area.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button") || event.button !== 0) return;
    area.setPointerCapture(event.pointerId);
    from = pixelAt(event);
  });
  area.addEventListener("pointermove", (event) => from && drawBox(page, [...from, ...pixelAt(event)]));
  area.addEventListener("pointerup", (event) => {
    if (from) addBox(page, [...from, ...pixelAt(event)]);
    from = null;
  });
  area.addEventListener("pointercancel", () => {
    from = null;
    drawBox(page, null);
  });
  find("#rv-blur-sheet").addEventListener("close", () => state.set({ blurring: null }));

  const place = ([x0, y0, x1, y1]) => {
    const { width, height } = state.blurring.photo;
    const share = (value, whole) => `${(100 * value) / whole}%`;
    const [left, top] = [Math.min(x0, x1), Math.min(y0, y1)];
    const size = `width:${share(Math.abs(x1 - x0), width)};height:${share(Math.abs(y1 - y0), height)}`;
    return `left:${share(left, width)};top:${share(top, height)};${size}`;
  };
  const boxOf = (box, index) =>
    make("button", {
      type: "button",
      class: "rv-blur-box",
      style: place(box),
      title: "Click to take this box away",
      "aria-label": `Box ${index + 1}. Arrow keys move it, with Shift they change its size.`,
      onclick: () => removeBox(page, index),
      onkeydown: (event) => {
        const way = ARROWS[event.key];
        if (event.key === "Delete") removeBox(page, index);
        if (!way) return;
        event.preventDefault();
        nudgeBox(page, index, way, event.shiftKey);
      },
    });

  return () => {
    const { blurring } = state;
    if (!blurring) return;
    const { photo, boxes, draft } = blurring;
    if (drawn !== photo.image) {
      const { naturalWidth, naturalHeight } = photo.image;
      [canvas.width, canvas.height] = [naturalWidth, naturalHeight];
      area.style.setProperty("--ratio", naturalWidth / naturalHeight);
      canvas.getContext("2d").drawImage(photo.image, 0, 0);
      drawn = photo.image;
    }
    const focused = [...list.children].indexOf(document.activeElement);
    const drafted = draft ? [make("span", { class: "rv-blur-box", style: place(draft) })] : [];
    list.replaceChildren(...boxes.map(boxOf), ...drafted);
    list.querySelectorAll("button")[focused]?.focus();
    const button = find("#rv-blur-do");
    button.disabled = !boxes.length;
    button.textContent = boxes.length ? `Blur ${plural(boxes.length, "part")} for good` : "Blur for good";
  };
}
