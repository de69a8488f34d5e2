import { expect, it } from 'vitest';
import { fullImageName } from './image-reference.ts';

it.each([
  ['nginx', 'docker.io/library/nginx:latest'],
  ['nginx:1.25', 'docker.io/library/nginx:1.25'],
  ['grafana/loki:3', 'docker.io/grafana/loki:3'],
  ['ghcr.io/a/b/c:1', 'ghcr.io/a/b/c:1'],
  ['localhost/app', 'localhost/app:latest'],
  ['registry:5000/app', 'registry:5000/app:latest'],
  ['app@sha256:00', 'docker.io/library/app@sha256:00'],
])('%s is %s', (name, full) => expect(fullImageName(name)).toBe(full));
