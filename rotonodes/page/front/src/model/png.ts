/** Label pictures: PNGs with a palette, whose indices are the classes. A canvas would give colours only, so that they are read and written here. */

export interface LabelPicture {
  width: number;
  height: number;
  classes: Uint8Array; // row by row
  colors: string[]; // of the palette
}

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

async function through(data: Uint8Array, stream: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  return new Uint8Array(await new Response(new Blob([data as BlobPart]).stream().pipeThrough(stream)).arrayBuffer());
}

/** Reads a palette or grey PNG of 1, 2, 4 or 8 bits. Throws for others. */
export async function readLabels(bytes: Uint8Array): Promise<LabelPicture> {
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) throw new Error("these labels are no PNG");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [width, height, depth, color, interlace] = [0, 0, 0, 0, 0];
  const packed: Uint8Array[] = [];
  const colors: string[] = [];
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (name === "IHDR") {
      [width, height, depth, color, interlace] = [view.getUint32(at + 8), view.getUint32(at + 12), bytes[at + 16], bytes[at + 17], bytes[at + 20]];
    }
    for (let i = 0; name === "PLTE" && i + 2 < length; i += 3) {
      colors.push(`#${[...bytes.subarray(at + 8 + i, at + 11 + i)].map((one) => one.toString(16).padStart(2, "0")).join("")}`);
    }
    if (name === "IDAT") packed.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  if ((color !== 3 && color !== 0) || depth > 8 || interlace) throw new Error("labels are PNGs with a palette, not interlaced");
  const raw = await through(new Uint8Array(await new Blob(packed as BlobPart[]).arrayBuffer()), new DecompressionStream("deflate"));
  return { width, height, colors, classes: unpacked(unfiltered(raw, Math.ceil((width * depth) / 8), height), width, height, depth) };
}

/** Undoes the filters of the rows; one byte a pixel or less. */
function unfiltered(raw: Uint8Array, row: number, height: number): Uint8Array {
  const out = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (row + 1)];
    for (let x = 0; x < row; x++) {
      const here = raw[y * (row + 1) + 1 + x];
      const left = x ? out[y * row + x - 1] : 0;
      const up = y ? out[(y - 1) * row + x] : 0;
      const corner = x && y ? out[(y - 1) * row + x - 1] : 0;
      const guess = filter === 1 ? left : filter === 2 ? up : filter === 3 ? (left + up) >> 1 : filter === 4 ? paeth(left, up, corner) : 0;
      out[y * row + x] = here + guess;
    }
  }
  return out;
}

function paeth(left: number, up: number, corner: number): number {
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

function unpacked(rows: Uint8Array, width: number, height: number, depth: number): Uint8Array {
  if (depth === 8) return rows;
  const row = Math.ceil((width * depth) / 8);
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      out[y * width + x] = (rows[y * row + (bit >> 3)] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
    }
  }
  return out;
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function chunk(name: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) out[4 + i] = name.charCodeAt(i);
  out.set(data, 8);
  let crc = 0xffffffff;
  for (let i = 4; i < out.length - 4; i++) crc = CRC[(crc ^ out[i]) & 255] ^ (crc >>> 8);
  view.setUint32(out.length - 4, (crc ^ 0xffffffff) >>> 0);
  return out;
}

/** A palette PNG of 8 bits: index as class, `colors` ("#rrggbb") to look at. */
export async function writeLabels(labels: LabelPicture, colors: string[]): Promise<Blob> {
  const { width, height, classes } = labels;
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, 3, 0, 0, 0], 8);
  const most = Math.max(colors.length, classes.reduce((a, b) => Math.max(a, b), 0) + 1);
  const palette = new Uint8Array(most * 3);
  for (let i = 0; i < most; i++) palette.set(rgb(colors[i] ?? "#ff00ff"), i * 3);
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++) rows.set(classes.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const data = await through(rows, new CompressionStream("deflate"));
  const parts = [Uint8Array.from(SIGNATURE), chunk("IHDR", head), chunk("PLTE", palette), chunk("IDAT", data), chunk("IEND", new Uint8Array())];
  return new Blob(parts as BlobPart[], { type: "image/png" });
}

export function rgb(color: string): [number, number, number] {
  const full = /^#[0-9a-f]{3,4}$/i.test(color) ? [...color.slice(1)].map((digit) => digit + digit).join("") : color.slice(1);
  return [0, 2, 4].map((at) => parseInt(full.slice(at, at + 2), 16) || 0) as [number, number, number];
}
