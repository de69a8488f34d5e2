import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiKubectl, kubectlFor } from './api-kubectl.ts';
import { ApiProcess } from './api-process.ts';

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ships.test.io }
spec:
  group: test.io
  scope: Namespaced
  names: { plural: ships, kind: Ship, shortNames: [sh], categories: [all] }
  versions:
    - name: v1
      served: true
      storage: true
      subresources:
        status: {}
        scale: { specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas }
      additionalPrinterColumns:
        - { name: Sails, type: integer, jsonPath: .spec.sails }
        - { name: Home, type: string, jsonPath: .spec.home, priority: 1 }
      schema:
        openAPIV3Schema:
          type: object
          description: A ship of the fleet.
          required: [spec]
          properties:
            spec:
              type: object
              description: What the ship should be like.
              properties:
                sails: { type: integer, minimum: 1, description: How many sails it has. }
                home: { type: string, default: Bergen }
                replicas: { type: integer, default: 1 }
            status:
              type: object
              properties: { replicas: { type: integer } }
`;
const ship = (sails: number) => `
apiVersion: test.io/v1
kind: Ship
metadata: { name: knarr, namespace: default }
spec: { sails: ${sails} }
`;

/** kubectl with a custom resource: it finds it, explains it, applies it, scales it. */
describe('kubectl and custom resources', () => {
  let server: ApiProcess;
  let kubectl: ApiKubectl;

  beforeAll(async () => {
    server = await ApiProcess.start();
    kubectl = await kubectlFor(server);
    await kubectl('apply -f -', crd);
  });
  afterAll(async () => {
    await server.close();
    kubectl.close();
  });

  it('waits until the definition is established', async () => {
    expect(await kubectl('wait --for=condition=Established crd/ships.test.io --timeout=10s')).toEqual({
      code: 0,
      out: 'customresourcedefinition.apiextensions.k8s.io/ships.test.io condition met\n',
    });
    expect((await kubectl('api-resources --api-group=test.io --no-headers')).out.replace(/ +/g, ' ')).toBe(
      'ships sh test.io/v1 true Ship\n',
    );
  });

  it('explains it', async () => {
    const { out } = await kubectl('explain ships.spec');
    expect(out).toContain('GROUP:      test.io\nKIND:       Ship\nVERSION:    v1\n');
    expect(out).toContain('What the ship should be like.');
    expect(out).toMatch(/sails\t<integer>\n\s+How many sails it has\./);
  });

  it('applies, shows and scales objects', async () => {
    expect(await kubectl('apply -f -', ship(3))).toEqual({ code: 0, out: 'ship.test.io/knarr created\n' });
    expect(await kubectl('apply -f -', ship(3))).toEqual({ code: 0, out: 'ship.test.io/knarr unchanged\n' });
    expect(await kubectl('apply -f -', ship(4))).toEqual({ code: 0, out: 'ship.test.io/knarr configured\n' });
    expect(await kubectl('apply --server-side --force-conflicts -f -', ship(5))).toEqual({
      code: 0,
      out: 'ship.test.io/knarr serverside-applied\n',
    });
    expect((await kubectl('get sh')).out).toBe('NAME    SAILS\nknarr   5\n');
    expect((await kubectl('get sh -o wide')).out).toBe('NAME    SAILS   HOME\nknarr   5       Bergen\n');
    expect((await kubectl('scale ship/knarr --replicas=3')).out).toBe('ship.test.io/knarr scaled\n');
    const { out } = await kubectl('describe ship knarr');
    expect(out).toMatch(/Home: +Bergen\n +Replicas: +3\n +Sails: +5\n/);
    expect((await server.get('/apis/test.io/v1/namespaces/default/ships/knarr')).body.spec).toEqual({
      home: 'Bergen',
      replicas: 3,
      sails: 5,
    });
  });

  it('shows what is wrong with an object', async () => {
    const { code, out } = await kubectl('apply -f -', ship(0));
    expect(code).toBe(1);
    expect(out).toBe(
      'The Ship "knarr" is invalid: spec.sails: Invalid value: 0: spec.sails in body should be greater than or equal to 1\n',
    );
    const unknown = await kubectl('create -f -', ship(1).replace('sails', 'masts').replace('knarr', 'other'));
    expect(unknown.out).toContain('strict decoding error: unknown field "spec.masts"');
  });

  it('deletes the definition and all that belongs to it', async () => {
    expect((await kubectl('delete crd ships.test.io')).out).toBe(
      'customresourcedefinition.apiextensions.k8s.io "ships.test.io" deleted\n',
    );
    expect((await kubectl('get ships')).out).toContain('the server could not find the requested resource');
    expect((await server.get('/apis/test.io/v1/namespaces/default/ships')).status).toBe(404);
  });
});
