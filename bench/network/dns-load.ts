/** A process of clients that ask for names by UDP: so many at a time, or so many a second. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { encode, RECURSION_DESIRED } from 'dns-packet';

export interface DnsOrder {
  address: string;
  names: string[];
  seconds: number;
  /** Questions that are open at once. */
  width?: number;
  /** Questions a second, whatever becomes of them. */
  rate?: number;
}

export interface DnsMeasured {
  answered: number;
  seconds: number;
  /** Without an answer a second after the end. */
  lost: number;
  /** Answers that are no success. */
  wrong: number;
  p50: number;
  p99: number;
}

const { address, names, seconds, width, rate } = JSON.parse(process.argv[2] ?? '') as DnsOrder;
const socketCount = 8;
/** A socket's open questions have different ids. */
const ids = 65_536;

const questions = names.map((name) =>
  encode({ type: 'query', flags: RECURSION_DESIRED, questions: [{ type: 'A', name }] }),
);
const took: number[] = [];
let wrong = 0;
let sent = 0;
const began = performance.now();
const isOver = () => performance.now() - began >= seconds * 1000;

class Asker {
  readonly socket: Socket = createSocket('udp4');
  readonly #sentAt = new Float64Array(ids);
  #id = 0;

  async open(onAnswer: (asker: Asker) => void): Promise<void> {
    this.socket.connect(53, address);
    await once(this.socket, 'connect');
    this.socket.on('message', (message) => {
      const at = this.#sentAt[message.readUInt16BE(0)] as number;
      if (at === 0) return;
      this.#sentAt[message.readUInt16BE(0)] = 0;
      took.push(performance.now() - at);
      if ((message.readUInt8(3) & 0x0f) !== 0) wrong++;
      onAnswer(this);
    });
  }

  ask(): void {
    const question = Buffer.from(questions[sent++ % questions.length] as Buffer);
    this.#id = (this.#id + 1) % ids;
    question.writeUInt16BE(this.#id, 0);
    this.#sentAt[this.#id] = performance.now();
    this.socket.send(question);
  }
}

const askers = Array.from({ length: socketCount }, () => new Asker());
for (const asker of askers) {
  await asker.open((one) => {
    if (width !== undefined && !isOver()) one.ask();
  });
}
if (width !== undefined) for (let i = 0; i < width; i++) askers[i % socketCount]?.ask();
await new Promise<void>((resolve) => {
  const timer = setInterval(() => {
    if (rate !== undefined) {
      const due = (Math.min(performance.now() - began, seconds * 1000) / 1000) * rate;
      while (sent < due) askers[sent % socketCount]?.ask();
    }
    if (!isOver()) return;
    clearInterval(timer);
    resolve();
  }, 1);
});
const answered = took.length;
const lasted = (performance.now() - began) / 1000;
await new Promise((resolve) => setTimeout(resolve, 1000));
for (const { socket } of askers) socket.close();
took.sort((a, b) => a - b);
const share = (part: number) => took[Math.floor(part * (took.length - 1))] ?? Number.NaN;
const measured: DnsMeasured = {
  ...{ answered, seconds: lasted, lost: sent - took.length, wrong },
  ...{ p50: share(0.5), p99: share(0.99) },
};
process.stdout.write(`${JSON.stringify(measured)}\n`);
