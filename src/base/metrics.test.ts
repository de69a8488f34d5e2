import { expect, it } from 'vitest';
import { exponentialBuckets, Metrics } from './metrics.ts';

it('says what was counted in the text format, with labels escaped and buckets that add up', () => {
  const metrics = new Metrics();
  const requests = metrics.counter('requests_total', '[STABLE] Requests.', ['code', 'path']);
  requests.add(['200', 'a"b\\c\n']);
  requests.add(['200', 'a"b\\c\n'], 2);
  metrics.counter('nothing_total', 'Nothing.', []);
  metrics.gauge('open', 'Open.', [], () => [{ labels: [], value: 3 }]);
  const took = metrics.histogram('took_seconds', 'Time.', { labelNames: ['verb'], bounds: [0.1, 1] });
  for (const value of [0.05, 0.1, 0.5, 7]) took.observe(['GET'], value);
  expect(metrics.text()).toBe(
    [
      '# HELP requests_total [STABLE] Requests.',
      '# TYPE requests_total counter',
      'requests_total{code="200",path="a\\"b\\\\c\\n"} 3',
      '# HELP open Open.',
      '# TYPE open gauge',
      'open 3',
      '# HELP took_seconds Time.',
      '# TYPE took_seconds histogram',
      'took_seconds_bucket{verb="GET",le="0.1"} 2',
      'took_seconds_bucket{verb="GET",le="1"} 3',
      'took_seconds_bucket{verb="GET",le="+Inf"} 4',
      'took_seconds_sum{verb="GET"} 7.65',
      'took_seconds_count{verb="GET"} 4',
      '',
    ].join('\n'),
  );
});

it('keeps no more series than it may', () => {
  const metrics = new Metrics();
  const counter = metrics.counter('c', 'C.', ['n']);
  for (let i = 0; i < 20_000; i++) counter.add([String(i)]);
  expect(metrics.text().split('\n')).toHaveLength(10_003);
});

it('goes on counting when a part is started again, and reads the later one', () => {
  const metrics = new Metrics();
  for (const round of [1, 2]) {
    metrics.counter('c', 'C.', []).add([]);
    metrics.histogram('h', 'H.', { labelNames: [], bounds: [] }).observe([], 1);
    metrics.gauge('g', 'G.', [], () => [{ labels: [], value: round }]);
  }
  const lines = metrics.text().split('\n');
  expect(lines.filter((line) => !line.startsWith('#'))).toEqual([
    'c 2',
    'h_bucket{le="+Inf"} 2',
    'h_sum 2',
    'h_count 2',
    'g 2',
    '',
  ]);
});

it('makes buckets as upstream does', () => {
  expect(exponentialBuckets(0.001, 2, 4)).toEqual([0.001, 0.002, 0.004, 0.008]);
});
