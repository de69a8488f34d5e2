/** Looks into messages of other servers without decoding their records: those pass through as they are. */

const optType = 41;

/** Where the time-to-live fields are (OPT has none), or undefined when the message is malformed. */
export function ttlOffsets(message: Buffer): number[] | undefined {
  if (message.length < 12) return undefined;
  const counts = [4, 6, 8, 10].map((offset) => message.readUInt16BE(offset));
  let offset = 12;
  for (let i = 0; i < (counts[0] ?? 0); i++) offset = endOfName(message, offset) + 4;
  const offsets: number[] = [];
  const records = (counts[1] ?? 0) + (counts[2] ?? 0) + (counts[3] ?? 0);
  for (let i = 0; i < records; i++) {
    const type = endOfName(message, offset);
    if (type + 10 > message.length) return undefined;
    if (message.readUInt16BE(type) !== optType) offsets.push(type + 4);
    offset = type + 10 + message.readUInt16BE(type + 8);
  }
  return offset <= message.length ? offsets : undefined;
}

/** The offset after a name; past the end of the message when the name is malformed. */
function endOfName(message: Buffer, start: number): number {
  let offset = start;
  while (offset < message.length) {
    const length = message[offset] ?? 0;
    if (length >= 0xc0) return offset + 2;
    offset += length + 1;
    if (length === 0) return offset;
  }
  return message.length + 1;
}

/** The question section as bytes, header excluded: name, type, class. */
export function questionBytes(message: Buffer): Buffer {
  return message.subarray(12, endOfName(message, 12) + 4);
}

export const rcodeOf = (message: Buffer): number => message.readUInt16BE(2) & 0xf;
export const isTruncated = (message: Buffer): boolean => (message.readUInt16BE(2) & 0x200) !== 0;

/** True when the message answers this query: same id, same question but for upper and lower case. */
export function answers(message: Buffer, query: Buffer): boolean {
  if (message.length < 12 || message.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if ((message.readUInt16BE(2) & 0x8000) === 0 || message.readUInt16BE(4) !== 1) return false;
  const text = (bytes: Buffer) => bytes.toString('latin1').toLowerCase();
  return text(questionBytes(message)) === text(questionBytes(query));
}

/** A copy for another client: its id, the question as it wrote it, and what is left of the times to live. */
export function readdress(
  message: Buffer,
  query: Buffer,
  { id, ageSeconds }: { id: number; ageSeconds: number },
): Buffer {
  const copy = Buffer.from(message);
  copy.writeUInt16BE(id, 0);
  questionBytes(query).copy(copy, 12);
  for (const offset of ttlOffsets(copy) ?? []) {
    copy.writeUInt32BE(Math.max(copy.readUInt32BE(offset) - ageSeconds, 0), offset);
  }
  return copy;
}

/** Only the question, marked as truncated: the client asks again by TCP. */
export function truncate(message: Buffer): Buffer {
  const copy = Buffer.from(message.subarray(0, 12 + questionBytes(message).length));
  copy.writeUInt16BE(copy.readUInt16BE(2) | 0x200, 2);
  copy.fill(0, 6, 12);
  return copy;
}
