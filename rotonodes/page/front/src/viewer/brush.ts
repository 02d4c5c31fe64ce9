/** Painting on label pictures: round brush strokes, flood fill. Each returns the rectangle that changed: left, top, right, bottom. */

import type { LabelPicture } from "../model/png";

export type Box = [number, number, number, number];

/** Paints a line of round dabs from one point to another. `radius` in pixels; 0.5 is one pixel. */
export function stroke(labels: LabelPicture, from: [number, number], to: [number, number], radius: number, value: number): Box {
  const { width, height, classes } = labels;
  const box: Box = [
    Math.max(0, Math.floor(Math.min(from[0], to[0]) - radius)),
    Math.max(0, Math.floor(Math.min(from[1], to[1]) - radius)),
    Math.min(width, Math.ceil(Math.max(from[0], to[0]) + radius) + 1),
    Math.min(height, Math.ceil(Math.max(from[1], to[1]) + radius) + 1),
  ];
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = dx * dx + dy * dy;
  for (let y = box[1]; y < box[3]; y++) {
    for (let x = box[0]; x < box[2]; x++) {
      const [px, py] = [x + 0.5 - from[0], y + 0.5 - from[1]];
      const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
      const [ex, ey] = [px - along * dx, py - along * dy];
      const inside = ex * ex + ey * ey <= radius * radius || (Math.floor(to[0]) === x && Math.floor(to[1]) === y);
      if (inside) classes[y * width + x] = value;
    }
  }
  return box;
}

/** Fills the connected region of one class that a point lies in. */
export function flood(labels: LabelPicture, x: number, y: number, value: number): Box | null {
  const { width, height, classes } = labels;
  const old = classes[y * width + x];
  if (old === value || x < 0 || y < 0 || x >= width || y >= height) return null;
  const box: Box = [x, y, x + 1, y + 1];
  const open = [y * width + x];
  while (open.length) {
    const at = open.pop()!;
    if (classes[at] !== old) continue;
    const row = Math.floor(at / width);
    let left = at - row * width;
    while (left > 0 && classes[row * width + left - 1] === old) left -= 1;
    let right = left;
    while (right < width && classes[row * width + right] === old) {
      classes[row * width + right] = value;
      if (row > 0 && classes[(row - 1) * width + right] === old) open.push((row - 1) * width + right);
      if (row < height - 1 && classes[(row + 1) * width + right] === old) open.push((row + 1) * width + right);
      right += 1;
    }
    box[0] = Math.min(box[0], left);
    box[1] = Math.min(box[1], row);
    box[2] = Math.max(box[2], right);
    box[3] = Math.max(box[3], row + 1);
  }
  return box;
}
