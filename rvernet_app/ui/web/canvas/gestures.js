// What a press and a drag mean. Everything needed comes in as an argument.

export const CLICK_SLACK = 5; // CSS pixels a pointer may stray and still click

const HAND_TOOLS = ["brush", "eraser", "polygon"];

export const isHandTool = (tool) => HAND_TOOLS.includes(tool);

// A press begins a pinch, moves the photo, paints, or is a click or box as it turns out.
export function kindOfPress({ pointers, button, spaceHeld, tool }) {
  if (pointers === 2) return "pinch";
  if (button === 1 || spaceHeld || tool === "move") return "pan";
  return tool === "brush" || tool === "eraser" ? "stroke" : "press";
}

// What a press becomes once the pointer strays: on a touch screen one finger moves the photo.
export function kindOfDrag({ pointerType, tool }) {
  if (tool === "polygon") return "press";
  return pointerType === "touch" && tool === "point" ? "pan" : "box";
}

// Right button, Alt, or the Cut tool: the point cuts away.
export const isCut = ({ button, altKey }, cut) => button === 2 || altKey || cut;

export const hasStrayed = ([ax, ay], [bx, by]) => Math.hypot(bx - ax, by - ay) > CLICK_SLACK;

// How far apart two fingers are, and the spot between them.
export const spreadOf = ([[ax, ay], [bx, by]]) => ({
  distance: Math.max(1, Math.hypot(ax - bx, ay - by)),
  middle: [(ax + bx) / 2, (ay + by) / 2],
});

// A smaller box is a slip of the hand.
export const isBox = ([x0, y0, x1, y1]) => x1 - x0 >= 3 && y1 - y0 >= 3;

export const wheelFactor = ({ deltaY, deltaMode }) => Math.exp(-deltaY * (deltaMode ? 0.05 : 0.0016));
