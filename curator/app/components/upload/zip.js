// @ts-check
// Many files as one zip, stored as they are. Only its headers are made here: the files' own bytes stay on the disk until a piece
// is sent. The same files make the same zip, byte for byte, so an upload that broke off goes on with the rest.

/** A file, and its name in the zip. @typedef {{name: string, file: File}} Entry */

/** What a zip says of a file. @typedef {{name: string, size: number, crc: number}} Member */

const LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50, END_64 = 0x06064b50, LOCATOR_64 = 0x07064b50;
const UTF8 = 0x0800; // the names are UTF-8
const FIRST_DAY = 0x21; // 1 January 1980: when a file was changed is of no use, and would make each zip another one
const [PLAIN, LARGE] = [20, 45]; // the version of zip that is needed: of old, and for more than 4 GiB or 65,535 files
const MOST_2 = 0xffff, MOST_4 = 0xffffffff; // what two and four bytes hold; in their place, "see the 64 bits"
export const LARGEST = MOST_4 - 1; // bytes of a file
const BLOCK = 4 * 2 ** 20; // bytes read at a time

const CRCS = new Uint32Array(256).map((_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** The CRC-32 of bytes, after those that gave `before`. @param {Uint8Array} bytes */
export function crcOf(bytes, before = 0) {
  let crc = ~before;
  for (let at = 0; at < bytes.length; at++) crc = CRCS[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/**
 * The files as one zip. Each is read once for its checksum.
 * @param {Entry[]} entries @param {(files: number) => void} read told how many files were read so far @param {AbortSignal} signal
 * @returns {Promise<Blob>}
 */
export async function zipOf(entries, read, signal) {
  /** @type {Member[]} */
  const members = [];
  for (const { name, file } of entries) {
    let crc = 0;
    for (let at = 0; at < file.size; at += BLOCK) {
      signal.throwIfAborted();
      crc = crcOf(new Uint8Array(await file.slice(at, at + BLOCK).arrayBuffer()), crc);
    }
    members.push({ name, size: file.size, crc });
    read(members.length);
  }
  const { locals, end } = headersOf(members);
  return new Blob([...entries.flatMap(({ file }, number) => [locals[number], file]), ...end]);
}

/**
 * What a zip of these files has beside their bytes: a header before each of them, and all that follows the last.
 * @param {Member[]} members none larger than LARGEST
 * @returns {{locals: Uint8Array<ArrayBuffer>[], end: Uint8Array<ArrayBuffer>[]}}
 */
export function headersOf(members) {
  const encoder = new TextEncoder();
  const [locals, central] = [/** @type {Uint8Array<ArrayBuffer>[]} */ ([]), /** @type {Uint8Array<ArrayBuffer>[]} */ ([])];
  let [offset, length] = [0, 0];
  for (const member of members) {
    const name = encoder.encode(member.name);
    const far = offset >= MOST_4;
    /** @type {Field[]} */
    const about = [[2, UTF8], [2, 0], [2, 0], [2, FIRST_DAY], [4, member.crc], [4, member.size], [4, member.size], [2, name.length]];
    const local = bytesOfFields([[4, LOCAL], [2, PLAIN], ...about, [2, 0]], name);
    const extra = far ? bytesOfFields([[2, 1], [2, 8], [8, offset]]) : new Uint8Array();
    const entry = bytesOfFields(
      [[4, CENTRAL], [2, LARGE], [2, far ? LARGE : PLAIN], ...about, [2, extra.length], [2, 0], [2, 0], [2, 0], [4, 0], [4, far ? MOST_4 : offset]],
      name, extra,
    );
    locals.push(local);
    central.push(entry);
    length += entry.length;
    offset += local.length + member.size;
  }
  const count = members.length;
  if (count >= MOST_2 || offset >= MOST_4 || length >= MOST_4) {
    central.push(bytesOfFields([[4, END_64], [8, 44], [2, LARGE], [2, LARGE], [4, 0], [4, 0], [8, count], [8, count], [8, length], [8, offset]]));
    central.push(bytesOfFields([[4, LOCATOR_64], [4, 0], [8, offset + length], [4, 1]]));
  }
  const [few, short, near] = [Math.min(count, MOST_2), Math.min(length, MOST_4), Math.min(offset, MOST_4)];
  central.push(bytesOfFields([[4, END], [2, 0], [2, 0], [2, few], [2, few], [4, short], [4, near], [2, 0]]));
  return { locals, end: central };
}

/** How many bytes, and the number in them. @typedef {[bytes: 2 | 4 | 8, value: number]} Field */

/** Numbers, the least significant byte first, and what follows them. @param {Field[]} fields @param {Uint8Array[]} after */
function bytesOfFields(fields, ...after) {
  const length = [...fields.map(([bytes]) => bytes), ...after.map((more) => more.length)].reduce((sum, each) => sum + each, 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  for (const more of after) {
    bytes.set(more, at);
    at += more.length;
  }
  return bytes;
}
