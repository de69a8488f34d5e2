/** The floor of the DNS bench: a server of this runtime that sends every question back as its answer. */
import { createSocket } from 'node:dgram';

const { address } = JSON.parse(process.argv[2] ?? '') as { address: string };
const socket = createSocket('udp4');
socket.on('message', (message, from) => {
  const answer = Buffer.from(message);
  // QR: this is an answer.
  answer.writeUInt8(answer.readUInt8(2) | 0x80, 2);
  socket.send(answer, from.port, from.address);
});
socket.bind(53, address, () => process.stdout.write('{}\n'));
