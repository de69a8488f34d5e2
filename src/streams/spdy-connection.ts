import type { Duplex } from 'node:stream';
import {
  dataFrameHead,
  dataPieces,
  HeaderBlockWriter,
  pingFrame,
  resetFrame,
  type SpdyFrame,
  SpdyFrameReader,
  SpdyProtocolError,
  synStreamFrame,
} from './spdy-frames.ts';

/** Where a stream's bytes go. `end` comes once: the peer has closed its half, reset the stream, or is gone. */
export interface SpdyStreamSink {
  data(chunk: Buffer): void;
  end(): void;
}

/** Our half of a stream. */
export interface SpdyStream {
  /** False: the connection's buffer is full, go on after `whenDrained`. Writes after `end` are dropped. */
  write(data: Buffer): boolean;
  end(): void;
}

/** RST_STREAM status of a stream that we do not want. */
const refusedStream = 3;

/**
 * The client's side of a SPDY/3.1 connection over a socket that has been upgraded. Reading begins in the next turn, so open
 * streams at once. All streams share the socket's back-pressure: there are no windows.
 */
export class SpdyConnection {
  /** Resolves when the socket is closed, whoever closed it; every stream has ended then. */
  readonly closed: Promise<void>;
  readonly #socket: Duplex;
  readonly #reader = new SpdyFrameReader();
  readonly #headers = new HeaderBlockWriter();
  readonly #sinks = new Map<number, SpdyStreamSink>();
  #nextId = 1;

  constructor(socket: Duplex, head: Buffer) {
    this.#socket = socket;
    if (head.length > 0) socket.unshift(head);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        for (const id of this.#sinks.keys()) this.#endSink(id);
        resolve();
      });
    });
  }

  /** Opens a stream; header names are lower case. The peer's answer is not waited for. */
  open(headers: Readonly<Record<string, string>>, sink: SpdyStreamSink): SpdyStream {
    const id = this.#nextId;
    this.#nextId += 2;
    this.#sinks.set(id, sink);
    this.#write(synStreamFrame(id, this.#headers.encode(headers)));
    let isEnded = false;
    return {
      write: (data) => isEnded || this.#sendData(id, data),
      end: () => {
        if (!isEnded) this.#write(dataFrameHead(id, 0, true));
        isEnded = true;
      },
    };
  }

  /** Stops the peer's bytes of all streams; a few frames that have been read already may still come. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Calls once when writes may go on. Not called when the connection closes first. */
  whenDrained(run: () => void): void {
    this.#socket.once('drain', run);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #sendData(id: number, data: Buffer): boolean {
    let isTaken = true;
    this.#socket.cork();
    for (const piece of dataPieces(data)) {
      this.#write(dataFrameHead(id, piece.length));
      isTaken = this.#write(piece);
    }
    this.#socket.uncork();
    return isTaken;
  }

  /** What is written after the end goes nowhere, as with any socket: the sinks tell. */
  #write(bytes: Buffer): boolean {
    return !this.#socket.writable || this.#socket.write(bytes);
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#take(frame);
    } catch (error) {
      if (!(error instanceof SpdyProtocolError)) throw error;
      this.#socket.destroy();
    }
  }

  #take(frame: SpdyFrame): void {
    switch (frame.type) {
      case 'data':
        if (frame.data.length > 0) this.#sinks.get(frame.streamId)?.data(frame.data);
        if (frame.isLast) this.#endSink(frame.streamId);
        return;
      case 'synReply':
        if (frame.isLast) this.#endSink(frame.streamId);
        return;
      case 'reset':
        return this.#endSink(frame.streamId);
      case 'ping':
        // The server's pings are even; odd ones would be answers to ours.
        if (frame.id % 2 === 0) this.#write(pingFrame(frame.id));
        return;
      case 'synStream':
        this.#write(resetFrame(frame.streamId, refusedStream));
        return;
      default:
        // goAway: the peer closes the socket itself when its streams are through.
        return;
    }
  }

  #endSink(id: number): void {
    const sink = this.#sinks.get(id);
    this.#sinks.delete(id);
    sink?.end();
  }
}
