// A ZIP file of photos as they are: nothing is compressed, names are UTF-8.

const TABLE = new Uint32Array(256).map((_, value) => {
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Numbers as little-endian bytes: pairs of value and width. */
function packed(...fields) {
  const bytes = [];
  for (const [value, width] of fields) {
    for (let place = 0; place < width; place += 1) bytes.push(Math.floor(value / 2 ** (8 * place)) & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** Return a ZIP file of [name, bytes]. */
export function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const [name, bytes] of files) {
    const written = new TextEncoder().encode(name);
    // Version 2.0, UTF-8 names, stored, 1980-01-01.
    const common = [[20, 2], [0x0800, 2], [0, 2], [0, 2], [0x0021, 2], [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4],
      [written.length, 2], [0, 2]];
    parts.push(packed([0x04034b50, 4], ...common), written, bytes);
    directory.push(packed([0x02014b50, 4], [20, 2], ...common, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), written);
    offset += 30 + written.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = packed([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Let the browser save a file. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
