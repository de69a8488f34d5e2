import dnsPacket, { type DecodedPacket, type OptAnswer, type Packet, type Question } from 'dns-packet';
import type { Reply } from './answer.ts';

/** A question as it came. */
export interface Query {
  id: number;
  question: Question;
  /** Flags to give back: the client asks for recursion. */
  recursionDesired: boolean;
  /** The client speaks EDNS (RFC 6891), can take UDP messages of this many bytes, and may want DNSSEC records. */
  edns?: { size: number; dnssec: boolean };
}

export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
export type Rcode = keyof typeof rcodes;

/** Larger UDP messages are often lost on the way (DNS flag day 2020). */
export const maxUdpBytes = 1232;
const plainUdpBytes = 512;
export const maxTcpBytes = 65_535;

/** The query in a message; or with which code to refuse it; undefined when it deserves no answer at all. */
export function readQuery(message: Buffer): Query | { id: number; refuse: Rcode } | undefined {
  if (message.length < 12) return undefined;
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  // Never answer an answer.
  if (flags & 0x8000) return undefined;
  if ((flags >> 11) & 0xf) return { id, refuse: 'NOTIMP' };
  let packet: DecodedPacket;
  try {
    packet = dnsPacket.decode(message);
  } catch {
    return { id, refuse: 'FORMERR' };
  }
  const question = packet.questions?.[0];
  if (!question || packet.questions?.length !== 1) return { id, refuse: 'FORMERR' };
  if ((question.class ?? 'IN') !== 'IN') return { id, refuse: 'REFUSED' };
  const opt = packet.additionals?.find((record): record is OptAnswer => record.type === 'OPT');
  const edns = opt && { size: opt.udpPayloadSize, dnssec: Boolean(opt.flags & dnsPacket.DNSSEC_OK) };
  return { id, question, recursionDesired: Boolean(flags & 0x100), ...(edns ? { edns } : {}) };
}

/** How large the answer may be. */
export const udpLimit = ({ edns }: Query): number =>
  edns ? Math.min(Math.max(edns.size, plainUdpBytes), maxUdpBytes) : plainUdpBytes;

const recursionAvailable = dnsPacket.RECURSION_AVAILABLE;

/** The message of an authoritative answer; what does not fit is left out, and the client told to ask by TCP. */
export function writeReply(query: Query, reply: Reply, limit: number): Buffer {
  const desired = query.recursionDesired ? dnsPacket.RECURSION_DESIRED : 0;
  const flags = dnsPacket.AUTHORITATIVE_ANSWER | recursionAvailable | desired | rcodes[reply.rcode];
  const opt: OptAnswer[] = query.edns ? [optRecord(query.edns.dnssec)] : [];
  const base: Packet = { type: 'response', id: query.id, flags, questions: [query.question] };
  const full = { ...base, answers: reply.answers, authorities: reply.authorities };
  const whole = dnsPacket.encode({ ...full, additionals: [...reply.additionals, ...opt] });
  if (whole.length <= limit) return whole;
  const bare = dnsPacket.encode({ ...full, additionals: opt });
  if (bare.length <= limit) return bare;
  const cut = { ...base, flags: flags | dnsPacket.TRUNCATED_RESPONSE, additionals: opt };
  // No record is smaller than 12 bytes.
  let answers = reply.answers.slice(0, Math.ceil(limit / 12));
  for (;;) {
    const message = dnsPacket.encode({ ...cut, answers });
    if (message.length <= limit || answers.length === 0) return message;
    answers = answers.slice(0, -1);
  }
}

/** An answer with a code and nothing else. */
export function writeRefusal({ id, refuse }: { id: number; refuse: Rcode }, query?: Query): Buffer {
  const desired = query?.recursionDesired ? dnsPacket.RECURSION_DESIRED : 0;
  const questions = query ? [query.question] : [];
  return dnsPacket.encode({ type: 'response', id, flags: recursionAvailable | desired | rcodes[refuse], questions });
}

/** A question to an upstream server. */
export function writeQuery(id: number, { question, edns }: Pick<Query, 'question' | 'edns'>): Buffer {
  const additionals = edns ? [optRecord(edns.dnssec)] : [];
  return dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [question],
    additionals,
  });
}

function optRecord(dnssec: boolean): OptAnswer {
  const flags = dnssec ? dnsPacket.DNSSEC_OK : 0;
  return {
    name: '.',
    type: 'OPT',
    udpPayloadSize: maxUdpBytes,
    extendedRcode: 0,
    ednsVersion: 0,
    flags,
    flag_do: dnssec,
    options: [],
  } as unknown as OptAnswer;
}
