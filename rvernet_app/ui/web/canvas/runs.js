// Masks as the store keeps them: runs of pixels, column by column, in COCO's compressed RLE. Unlike outlines,
// they are exact.

const runs = new WeakMap(); // mask -> where each run ends, counted from the first pixel
const areas = new WeakMap(); // mask -> pixels
const shares = new WeakMap(); // mask -> other mask -> pixels that both have

// The run lengths in a counts string: five bits a character, and from the fourth run on the difference to the
// run before the previous one (rleFrString in pycocotools).
export function runLengths(counts) {
  const lengths = [];
  for (let at = 0; at < counts.length; ) {
    let [value, bits, code] = [0, 0, 0x20];
    while (code & 0x20) {
      code = counts.charCodeAt(at++) - 48;
      value += (code & 0x1f) * 2 ** bits;
      bits += 5;
    }
    if (code & 0x10) value -= 2 ** bits;
    lengths.push(lengths.length > 2 ? value + lengths.at(-2) : value);
  }
  return lengths;
}

// Runs outside and inside the mask alternate; the first is outside.
function endsOf(mask) {
  if (!runs.has(mask)) {
    let end = 0;
    runs.set(
      mask,
      runLengths(mask.rle.counts).map((length) => {
        end += length;
        return end;
      }),
    );
  }
  return runs.get(mask);
}

export function areaOf(mask) {
  if (!areas.has(mask)) {
    const inside = endsOf(mask).map((end, index, ends) => (index % 2 ? end - ends[index - 1] : 0));
    areas.set(
      mask,
      inside.reduce((sum, length) => sum + length, 0),
    );
  }
  return areas.get(mask);
}

// Whether a pixel [x, y] is in the mask.
export function holds(mask, [x, y]) {
  const [ends, place] = [endsOf(mask), x * mask.rle.size[0] + y];
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle] <= place) low = middle + 1;
    else high = middle;
  }
  return low < ends.length && low % 2 === 1;
}

const boxesMeet = ([ax, ay, aw, ah], [bx, by, bw, bh]) =>
  ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah;

// Pixels that two masks share.
export function sharedArea(one, other) {
  if (!boxesMeet(one.bbox, other.bbox)) return 0;
  if (!shares.has(one)) shares.set(one, new WeakMap());
  const known = shares.get(one);
  if (!known.has(other)) known.set(other, countShared(one, other));
  return known.get(other);
}

function countShared(one, other) {
  const [a, b] = [endsOf(one), endsOf(other)];
  let shared = 0;
  for (let i = 1, j = 1; i < a.length && j < b.length; ) {
    shared += Math.max(0, Math.min(a[i], b[j]) - Math.max(a[i - 1], b[j - 1]));
    if (a[i] < b[j]) i += 2;
    else j += 2;
  }
  return shared;
}

// How alike two masks are, 0 to 1: pixels they share of those that either has.
export function likeness(one, other) {
  const shared = sharedArea(one, other);
  return shared / (areaOf(one) + areaOf(other) - shared);
}
