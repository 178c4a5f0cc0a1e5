// The two stacked canvases: the photo, and over it masks, points and boxes.

import { drawScene, pixelRatio } from "./drawing.js";

export function createCanvas(stage, photoCanvas, overlay) {
  const [photoPen, overlayPen] = [photoCanvas.getContext("2d"), overlay.getContext("2d")];

  // Clears a canvas and makes a photo pixel the unit of its pen.
  function place(pen, view) {
    const ratio = pixelRatio();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, pen.canvas.width, pen.canvas.height);
    pen.setTransform(view.scale * ratio, 0, 0, view.scale * ratio, view.x * ratio, view.y * ratio);
  }

  return {
    size: () => ({ width: stage.clientWidth, height: stage.clientHeight }),

    resize() {
      for (const canvas of [photoCanvas, overlay]) {
        canvas.width = Math.max(1, Math.round(stage.clientWidth * pixelRatio()));
        canvas.height = Math.max(1, Math.round(stage.clientHeight * pixelRatio()));
      }
    },

    // A spot in the window as one on the stage.
    spot(clientX, clientY) {
      const rect = overlay.getBoundingClientRect();
      return [clientX - rect.left, clientY - rect.top];
    },

    middle() {
      const rect = overlay.getBoundingClientRect();
      return [rect.left + rect.width / 2, rect.top + rect.height / 2];
    },

    drawPhoto(shown, view) {
      place(photoPen, view);
      if (!shown?.image) return;
      photoPen.imageSmoothingEnabled = view.scale * pixelRatio() < 3;
      photoPen.imageSmoothingQuality = "high";
      photoPen.drawImage(shown.image, 0, 0, shown.photo.width, shown.photo.height);
      const { scale, x, y } = view;
      overlay.dataset.view = JSON.stringify({ scale, x, y });
    },

    drawScene(scene, view, shown) {
      place(overlayPen, view);
      if (shown) drawScene(overlayPen, scene, view.scale);
    },
  };
}
