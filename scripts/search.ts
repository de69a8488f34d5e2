/**
 * Looks for scripts that break an invariant: `npx tsx scripts/search.ts [FROM [COUNT [LENGTH]]] [calm]` tries COUNT seeds (100) from
 * FROM (1), LENGTH steps each (20); with `calm` behind it nothing takes pods away. Prints each finding, shrunk, as a scenario. Exits with 1 when there is any.
 */
import { realClock } from '../src/base/clock.ts';
import { findingText, minimize, trySeed } from '../src/simulation/search/search.ts';

const words = process.argv.slice(2);
const calm = words.at(-1) === 'calm';
const [from = 1, count = 100, length = 20] = (calm ? words.slice(0, -1) : words).map(Number);
const options = { machineClock: realClock, length, calm };
let findings = 0;
for (let seed = from; seed < from + count; seed++) {
  const finding = await trySeed(seed, options);
  if (!finding) continue;
  findings++;
  console.log(findingText(await minimize(finding, options)));
}
console.log(`${count} seeds from ${from}, ${length} steps each: ${findings} findings`);
process.exitCode = findings > 0 ? 1 : 0;
