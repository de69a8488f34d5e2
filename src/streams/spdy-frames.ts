/**
 * The frames of SPDY/3.1 as far as Kubernetes uses them (chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1): streams
 * opened by the client, data both ways, no flow control, since the peer (Go's spdystream) neither sends nor honours windows.
 */

const controlBit = 0x8000_0000;
const version = 3;
const kinds = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const;
const lastFlag = 1;
const frameHeaderBytes = 8;

/** Of a control frame; those of this use are a few hundred bytes. A longer one is an error. */
export const maxControlBytes = 64 * 1024;
/** Of a data frame that we send: small enough for other streams to get their turn. */
const maxDataBytes = 64 * 1024;

export type SpdyFrame =
  /** A piece of a data frame, as it arrived: a frame may come in several. `isLast` ends the stream. */
  | { type: 'data'; streamId: number; data: Buffer; isLast: boolean }
  | { type: 'synStream'; streamId: number; isLast: boolean; headerBlock: Buffer }
  | { type: 'synReply'; streamId: number; isLast: boolean }
  | { type: 'reset'; streamId: number; status: number }
  | { type: 'ping'; id: number }
  | { type: 'goAway' }
  /** Settings, windows, headers: nothing here depends on them. */
  | { type: 'other'; kind: number };

/** Bytes that are no SPDY/3.1; the connection cannot go on. */
export class SpdyProtocolError extends Error {
  override readonly name = 'SpdyProtocolError';
}

interface OpenDataFrame {
  streamId: number;
  isLast: boolean;
  remaining: number;
}

/** From bytes to frames. Keeps at most one incomplete control frame; data is passed on without a copy. */
export class SpdyFrameReader {
  #rest: Buffer = Buffer.alloc(0);
  #open: OpenDataFrame | undefined;

  /** The frames that this chunk completes. Throws `SpdyProtocolError`. */
  push(chunk: Buffer): SpdyFrame[] {
    const frames: SpdyFrame[] = [];
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (;;) {
      const taken = this.#open ? this.#continueData(this.#open, bytes, frames) : this.#startFrame(bytes, frames);
      if (taken === 0) break;
      bytes = bytes.subarray(taken);
    }
    this.#rest = bytes;
    return frames;
  }

  #continueData(open: OpenDataFrame, bytes: Buffer, frames: SpdyFrame[]): number {
    if (bytes.length === 0) return 0;
    const data = bytes.subarray(0, open.remaining);
    open.remaining -= data.length;
    const { streamId } = open;
    frames.push({ type: 'data', streamId, data, isLast: open.isLast && open.remaining === 0 });
    if (open.remaining === 0) this.#open = undefined;
    return data.length;
  }

  #startFrame(bytes: Buffer, frames: SpdyFrame[]): number {
    if (bytes.length < frameHeaderBytes) return 0;
    const word = bytes.readUInt32BE(0);
    const flags = bytes.readUInt8(4);
    const length = bytes.readUIntBE(5, 3);
    if ((word & controlBit) === 0) {
      const isLast = (flags & lastFlag) !== 0;
      if (length > 0) this.#open = { streamId: word, isLast, remaining: length };
      else frames.push({ type: 'data', streamId: word, data: Buffer.alloc(0), isLast });
      return frameHeaderBytes;
    }
    if (((word >>> 16) & 0x7fff) !== version) throw new SpdyProtocolError('not SPDY/3.1');
    if (length > maxControlBytes) throw new SpdyProtocolError(`control frame of ${length} bytes`);
    const end = frameHeaderBytes + length;
    if (bytes.length < end) return 0;
    frames.push(controlFrame(word & 0xffff, flags, bytes.subarray(frameHeaderBytes, end)));
    return end;
  }
}

function controlFrame(kind: number, flags: number, body: Buffer): SpdyFrame {
  const isLast = (flags & lastFlag) !== 0;
  switch (kind) {
    case kinds.synStream:
      return { type: 'synStream', streamId: idAt(body, 0), isLast, headerBlock: body.subarray(10) };
    case kinds.synReply:
      return { type: 'synReply', streamId: idAt(body, 0), isLast };
    case kinds.reset:
      return { type: 'reset', streamId: idAt(body, 0), status: wordAt(body, 4) };
    case kinds.ping:
      return { type: 'ping', id: wordAt(body, 0) };
    case kinds.goAway:
      return { type: 'goAway' };
    default:
      return { type: 'other', kind };
  }
}

function wordAt(body: Buffer, offset: number): number {
  if (body.length < offset + 4) throw new SpdyProtocolError('control frame too short');
  return body.readUInt32BE(offset);
}

const idAt = (body: Buffer, offset: number): number => wordAt(body, offset) & 0x7fff_ffff;

/**
 * Header blocks as one zlib stream per connection, made of stored blocks only: legal, and neither the dictionary nor a
 * compressor is needed. Each block ends with a sync flush (an empty stored block), without which Go's reader waits for more.
 */
export class HeaderBlockWriter {
  #isFirst = true;

  /** Names are lower case (the peer insists). At most 65,535 bytes in all. */
  encode(headers: Readonly<Record<string, string>>): Buffer {
    const plain = nameValueBlock(headers);
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(plain.length, 1);
    stored.writeUInt16LE(~plain.length & 0xffff, 3);
    const start = this.#isFirst ? [Buffer.from([0x78, 0x01])] : [];
    this.#isFirst = false;
    return Buffer.concat([...start, stored, plain, Buffer.from([0, 0, 0, 0xff, 0xff])]);
  }
}

function nameValueBlock(headers: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(headers);
  const texts = entries.flat().map((text) => Buffer.from(text));
  return Buffer.concat([word(entries.length), ...texts.flatMap((text) => [word(text.length), text])]);
}

export function synStreamFrame(streamId: number, headerBlock: Buffer): Buffer {
  const ids = Buffer.alloc(10);
  ids.writeUInt32BE(streamId, 0);
  return controlFrameBytes(kinds.synStream, Buffer.concat([ids, headerBlock]));
}

export const resetFrame = (streamId: number, status: number): Buffer =>
  controlFrameBytes(kinds.reset, Buffer.concat([word(streamId), word(status)]));

export const pingFrame = (id: number): Buffer => controlFrameBytes(kinds.ping, word(id));

/** The 8 bytes before data; `isLast` closes our half of the stream. */
export function dataFrameHead(streamId: number, length: number, isLast = false): Buffer {
  const head = Buffer.alloc(frameHeaderBytes);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt32BE(length, 4);
  if (isLast) head.writeUInt8(lastFlag, 4);
  return head;
}

/** Data in pieces that fit a frame. */
export function* dataPieces(data: Buffer): Generator<Buffer> {
  for (let at = 0; at < data.length; at += maxDataBytes) yield data.subarray(at, at + maxDataBytes);
}

function controlFrameBytes(kind: number, body: Buffer): Buffer {
  const head = Buffer.alloc(frameHeaderBytes);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(kind, 2);
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
