/** Messages on a TCP connection: each with its length in two bytes before it (RFC 1035, 4.2.2). */
export class StreamMessages {
  #rest = Buffer.alloc(0);

  static frame(message: Buffer): Buffer {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    return Buffer.concat([length, message]);
  }

  /** The messages that are complete with this piece; never keeps more than one message of 64 KiB and a piece. */
  add(chunk: Buffer): Buffer[] {
    let rest = Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (rest.length >= 2) {
      const end = 2 + rest.readUInt16BE(0);
      if (rest.length < end) break;
      messages.push(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
    return messages;
  }
}
