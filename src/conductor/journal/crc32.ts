// CRC-32 as in zlib and PNG (ISO 3309, reflected polynomial 0xEDB88320). Own table: zlib.crc32 exists only from Node 22.2 on.

const table = new Uint32Array(256);
for (let n = 0; n < 256; n += 1) {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  table[n] = value;
}

/** CRC-32 of `bytes` from `start` up to `end` (exclusive), as an unsigned 32-bit number. */
export function crc32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = 0xffffffff;
  for (let at = start; at < end; at += 1) {
    crc = ((table[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8)) >>> 0;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** CRC-32 as eight lower-case hex digits. */
export function crc32Hex(bytes: Uint8Array, start?: number, end?: number): string {
  return crc32(bytes, start, end).toString(16).padStart(8, '0');
}
